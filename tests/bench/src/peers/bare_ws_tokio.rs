//! bare-ws-std in tokio, with default settings: by its own calls, and as `Stream` and `Sink`.

use std::hint::black_box;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bare_ws::message::{Message, OwnedMessage};
use bare_ws_std::Config;
use bare_ws_std::tokio::{WebSocket, open};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Library;
use super::bare_ws::message;
use super::bare_ws_std::answer;
use super::drive::{AsyncClient, on_tokio, over_tcp};
use crate::payload::{Kind, Payload};
use crate::wire::Wire;

/// What is received is borrowed.
pub const LIBRARY: Library = Library {
    name: super::OURS_TOKIO,
    in_memory: Some(|wire, payload| on_tokio(|| borrowed(Served::new(wire), payload))),
    over_tcp: Some(|tcp, payload| over_tcp(tcp, |tcp| borrowed(tcp, payload))),
    deflate: None,
    has_queue: true,
};

/// Messages that borrow nothing.
pub const OWNED: Library = Library {
    name: super::OURS_OWNED,
    in_memory: Some(|wire, payload| on_tokio(|| owned(Served::new(wire), payload))),
    over_tcp: Some(|tcp, payload| over_tcp(tcp, |tcp| owned(tcp, payload))),
    deflate: None,
    has_queue: true,
};

async fn connected<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> WebSocket<S> {
    let opened = open(&Config::new(), "ws://localhost/", stream).await;
    opened.expect("open")
}

async fn borrowed<S: AsyncRead + AsyncWrite + Unpin>(stream: S, payload: Payload) -> Borrowed<S> {
    Borrowed {
        socket: connected(stream).await,
        message: message(payload),
    }
}

async fn owned<S: AsyncRead + AsyncWrite + Unpin>(stream: S, payload: Payload) -> Owned<S> {
    Owned {
        socket: connected(stream).await,
        message: message(payload).to_owned(),
    }
}

struct Borrowed<S: AsyncRead + AsyncWrite + Unpin> {
    socket: WebSocket<S>,
    message: Message<'static>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncClient for Borrowed<S> {
    async fn receive(&mut self, show: &mut dyn FnMut(Kind, &[u8])) {
        match self.socket.recv().await.expect("a message").expect("open") {
            Message::Text(text) => show(Kind::Text, text.as_bytes()),
            Message::Binary(octets) => show(Kind::Binary, octets),
        }
    }

    async fn send(&mut self) {
        let message = black_box(self.message);
        self.socket.send(message).await.expect("sent");
    }

    async fn queue(&mut self) {
        let message = black_box(self.message);
        while !self.socket.writer.queue(message).expect("queued") {
            self.flush().await;
        }
    }

    async fn flush(&mut self) {
        self.socket.writer.flush().await.expect("sent");
    }
}

struct Owned<S: AsyncRead + AsyncWrite + Unpin> {
    socket: WebSocket<S>,
    message: OwnedMessage,
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncClient for Owned<S> {
    async fn receive(&mut self, show: &mut dyn FnMut(Kind, &[u8])) {
        let message = self.socket.next().await;
        match message.expect("open").expect("a message").as_message() {
            Message::Text(text) => show(Kind::Text, text.as_bytes()),
            Message::Binary(octets) => show(Kind::Binary, octets),
        }
    }

    async fn send(&mut self) {
        let message = black_box(self.message.clone());
        SinkExt::send(&mut self.socket, message)
            .await
            .expect("sent");
    }

    async fn queue(&mut self) {
        let message = black_box(self.message.clone());
        self.socket.feed(message).await.expect("queued");
    }

    async fn flush(&mut self) {
        SinkExt::flush(&mut self.socket).await.expect("sent");
    }
}

/// A wire behind an opening handshake.
struct Served {
    wire: Wire,
    /// The handshake's octets that are not read yet, while there is a handshake.
    opening: Option<Vec<u8>>,
}

impl Served {
    fn new(wire: Wire) -> Self {
        Self {
            wire,
            opening: Some(Vec::new()),
        }
    }
}

impl AsyncRead for Served {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(response) = self.opening.take() {
            buf.put_slice(&response);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.wire).poll_read(cx, buf)
    }
}

impl AsyncWrite for Served {
    #[inline]
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(response) = &mut self.opening {
            *response = answer(octets);
            return Poll::Ready(Ok(octets.len()));
        }
        Pin::new(&mut self.wire).poll_write(cx, octets)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
