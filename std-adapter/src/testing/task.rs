//! The client's end in tokio.

use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::pipe::Client;
use crate::config::Config;
use crate::error::Error;
use crate::stream::Stream;
use crate::tokio::{WebSocket, open_secure};

impl Client {
    /// Opens a connection in tokio, as [`tokio::open`](crate::tokio::open) does, but without TLS if
    /// `uri` is `wss`: what is written never leaves the process.
    ///
    /// # Errors
    /// Those of [`tokio::open`](crate::tokio::open).
    ///
    /// # Cancel safety
    /// Dropped before it is ready, the server sees the end.
    pub async fn open(self, config: &Config, uri: &str) -> Result<WebSocket<Self>, Error> {
        open_secure(config, uri, self).await
    }
}

impl AsyncRead for Client {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Self::poll_read(&self, cx, buf.initialize_unfilled());
        read.map_ok(|n| buf.advance(n))
    }
}

impl AsyncWrite for Client {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Self::poll_write(&self, cx, octets)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shutdown(Shutdown::Write))
    }
}
