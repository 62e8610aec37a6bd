//! What is below TLS, and how much it has taken: what TLS has accepted may still be in its memory.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[derive(Debug)]
pub(crate) struct Counted<S> {
    stream: S,
    taken: usize,
}

impl<S> Counted<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, taken: 0 }
    }

    pub(crate) fn stream(&self) -> &S {
        &self.stream
    }

    pub(crate) fn into_stream(self) -> S {
        self.stream
    }

    /// Octets that the stream has taken, wrapping.
    pub(crate) fn taken(&self) -> usize {
        self.taken
    }

    fn count(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(n)) = written {
            self.taken = self.taken.wrapping_add(n);
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, octets);
        self.count(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.count(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Takes one octet at a time, of one part or of several, and notes what it was asked for.
    #[derive(Debug, Default)]
    struct Noting {
        is_vectored: bool,
        asked: Vec<&'static str>,
    }

    impl Noting {
        fn note<T>(&mut self, what: &'static str, said: T) -> Poll<io::Result<T>> {
            self.asked.push(what);
            Poll::Ready(Ok(said))
        }
    }

    impl AsyncRead for Noting {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            buf.put_slice(b"read");
            self.note("read", ())
        }
    }

    impl AsyncWrite for Noting {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.note("write", 1)
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            parts: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.note("write vectored", parts.len())
        }

        fn is_write_vectored(&self) -> bool {
            self.is_vectored
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.note("flush", ())
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.note("shutdown", ())
        }
    }

    /// Whatever TLS calls reaches the stream, and what the stream takes is counted.
    #[tokio::test]
    async fn every_call_is_passed_on() {
        for is_vectored in [false, true] {
            let mut counted = Counted::new(Noting {
                is_vectored,
                ..Noting::default()
            });
            assert_eq!(counted.is_write_vectored(), is_vectored);
            assert_eq!(counted.write(b"octets").await.unwrap(), 1);
            assert_eq!(counted.taken(), 1);
            let parts = [IoSlice::new(b"some"), IoSlice::new(b"parts")];
            let written = poll_fn(|cx| Pin::new(&mut counted).poll_write_vectored(cx, &parts));
            assert_eq!(written.await.unwrap(), 2);
            assert_eq!(counted.taken(), 3);
            counted.flush().await.unwrap();
            counted.shutdown().await.unwrap();
            let mut octets = [0; 8];
            assert_eq!(counted.read(&mut octets).await.unwrap(), 4);
            assert_eq!(counted.taken(), 3);
            let asked = counted.into_stream().asked;
            assert_eq!(
                asked,
                ["write", "write vectored", "flush", "shutdown", "read"]
            );
        }
    }
}
