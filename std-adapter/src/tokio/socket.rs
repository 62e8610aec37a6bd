//! The transport of a connection: a stream of the caller's, with TLS on top of it or not.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
#[cfg(feature = "rustls")]
use tokio_rustls::client::TlsStream;

use super::bottom::Bottom;
#[cfg(feature = "rustls")]
use crate::tls::TlsError;

#[derive(Debug)]
pub(crate) enum Socket<S> {
    Plain(Bottom<S>),
    #[cfg(feature = "rustls")]
    Tls(Box<Secured<S>>),
}

/// A stream with TLS on top of it. The records before a broken one are still delivered.
#[cfg(feature = "rustls")]
#[derive(Debug)]
pub(crate) struct Secured<S> {
    tls: TlsStream<Bottom<S>>,
    /// Why no more can be read, reported once what came before has been read.
    refused: Option<io::Error>,
}

impl<S> Socket<S> {
    #[cfg(feature = "rustls")]
    pub(crate) fn secured(tls: TlsStream<Bottom<S>>) -> Self {
        Self::Tls(Box::new(Secured { tls, refused: None }))
    }

    /// Gives the caller's stream back.
    pub(crate) fn into_stream(self) -> S {
        match self {
            Self::Plain(bottom) => bottom,
            #[cfg(feature = "rustls")]
            Self::Tls(secured) => secured.tls.into_inner().0,
        }
        .into_stream()
    }

    pub(crate) fn bottom(&self) -> &Bottom<S> {
        match self {
            Self::Plain(bottom) => bottom,
            #[cfg(feature = "rustls")]
            Self::Tls(secured) => secured.tls.get_ref().0,
        }
    }

    pub(crate) fn bottom_mut(&mut self) -> &mut Bottom<S> {
        match self {
            Self::Plain(bottom) => bottom,
            #[cfg(feature = "rustls")]
            Self::Tls(secured) => secured.tls.get_mut().0,
        }
    }

    /// As [`Stream::progress`](crate::Stream::progress).
    pub(crate) fn progress(&self) -> usize {
        match self {
            Self::Plain(_) => 0,
            #[cfg(feature = "rustls")]
            Self::Tls(secured) => secured.tls.get_ref().0.taken(),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    #[inline]
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        octets: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(octets);
        let read = match self {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, &mut buf),
            #[cfg(feature = "rustls")]
            Self::Tls(secured) => secured.poll_read(cx, &mut buf),
        };
        read.map_ok(|()| buf.filled().len())
    }

    #[inline]
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = match self {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, octets),
            #[cfg(feature = "rustls")]
            Self::Tls(secured) => Pin::new(&mut secured.tls)
                .poll_write(cx, octets)
                .map_err(named),
        };
        // Do not trust a stream that claims to have taken more than it was given.
        written.map_ok(|n| n.min(octets.len()))
    }

    #[inline]
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            #[cfg(feature = "rustls")]
            Self::Tls(secured) => Pin::new(&mut secured.tls).poll_flush(cx).map_err(named),
        }
    }

    /// Ends our direction; TLS says close_notify first (RFC 8446 §6.1).
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(feature = "rustls")]
            Self::Tls(secured) => Pin::new(&mut secured.tls).poll_shutdown(cx),
        }
    }
}

#[cfg(feature = "rustls")]
impl<S: AsyncRead + AsyncWrite + Unpin> Secured<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.refused.is_none() {
            match Pin::new(&mut self.tls).poll_read(cx, buf) {
                Poll::Ready(Err(error)) => self.refused = Some(named(error)),
                read => return read,
            }
        }
        // rustls reads nothing while it has plaintext to hand out.
        if !self.tls.get_ref().1.wants_read()
            && let Poll::Ready(Ok(())) = Pin::new(&mut self.tls).poll_read(cx, buf)
            && !buf.filled().is_empty()
        {
            return Poll::Ready(Ok(()));
        }
        match self.refused.take() {
            Some(error) => Poll::Ready(Err(error)),
            None => Poll::Ready(Ok(())),
        }
    }
}

/// Converts an error of tokio-rustls into the one that the rest of the crate uses.
#[cfg(feature = "rustls")]
fn named(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return TlsError::Truncated.into_io();
    }
    match error.downcast::<rustls::Error>() {
        Ok(error) => TlsError::of_server(error, false).into_io(),
        Err(error) => error,
    }
}
