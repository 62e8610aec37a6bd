//! The caller's stream, below TLS if there is any: how much it has taken, and what only a socket of the system's can do.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::stream::is_transient;

#[derive(Debug)]
pub(crate) struct Bottom<S> {
    stream: S,
    taken: usize,
    /// A write that finds no room is tried without the runtime.
    insists: bool,
    native: Native<S>,
}

/// What a socket of the system's can do and no other stream.
pub(crate) struct Native<S> {
    /// Gives it up so that the peer learns of it at once.
    pub(crate) reset: fn(&S),
    /// Writes what there is room for, whether the runtime knows of any or not.
    pub(crate) write: Option<Write<S>>,
}

type Write<S> = fn(&S, &[u8]) -> io::Result<usize>;

impl<S> Native<S> {
    /// For any other stream.
    pub(crate) const NOTHING: Self = Self {
        reset: |_| {},
        write: None,
    };
}

impl<S> fmt::Debug for Native<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Native").finish_non_exhaustive()
    }
}

impl<S> Bottom<S> {
    pub(crate) fn new(stream: S, native: Native<S>) -> Self {
        Self {
            stream,
            taken: 0,
            insists: false,
            native,
        }
    }

    pub(crate) fn into_stream(self) -> S {
        self.stream
    }

    /// Octets that the stream has taken, wrapping.
    #[cfg(feature = "rustls")]
    pub(crate) fn taken(&self) -> usize {
        self.taken
    }

    pub(crate) fn reset(&self) {
        (self.native.reset)(&self.stream);
    }

    /// Whether a write can be tried that the runtime would put off.
    pub(crate) fn can_insist(&self) -> bool {
        self.native.write.is_some()
    }

    /// Whether the system itself is asked for room from now on, where the runtime knows of none. A system
    /// tells of room only where there is much of it, Linux where a third of what it holds is free.
    pub(crate) fn insist(&mut self, insists: bool) {
        self.insists = insists;
    }

    #[inline]
    fn count(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(n)) = written {
            self.taken = self.taken.wrapping_add(n);
        }
        written
    }

    /// A write that the runtime has put off.
    #[cold]
    fn write_now(&self, octets: &[u8]) -> Poll<io::Result<usize>> {
        let Some(write) = self.native.write else {
            return Poll::Pending;
        };
        match write(&self.stream, octets) {
            Err(error) if is_transient(&error) => Poll::Pending,
            written => Poll::Ready(written),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bottom<S> {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bottom<S> {
    #[inline]
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut written = Pin::new(&mut self.stream).poll_write(cx, octets);
        if written.is_pending() && self.insists {
            written = self.write_now(octets);
        }
        self.count(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        if written.is_pending()
            && self.insists
            && let Some(part) = parts.iter().find(|part| !part.is_empty())
        {
            written = self.write_now(part);
        }
        self.count(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    #[inline]
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

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

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

    /// Whatever TLS calls reaches the stream, and what the stream takes is bottom.
    #[tokio::test]
    async fn every_call_is_passed_on() {
        for is_vectored in [false, true] {
            let mut bottom = Bottom::new(
                Noting {
                    is_vectored,
                    ..Noting::default()
                },
                Native::NOTHING,
            );
            assert_eq!(bottom.is_write_vectored(), is_vectored);
            assert!(format!("{bottom:?}").contains("Native { .. }"));
            assert_eq!(bottom.write(b"octets").await.unwrap(), 1);
            assert_eq!(bottom.taken, 1);
            let parts = [IoSlice::new(b"some"), IoSlice::new(b"parts")];
            let written = poll_fn(|cx| Pin::new(&mut bottom).poll_write_vectored(cx, &parts));
            assert_eq!(written.await.unwrap(), 2);
            assert_eq!(bottom.taken, 3);
            bottom.flush().await.unwrap();
            bottom.shutdown().await.unwrap();
            let mut octets = [0; 8];
            assert_eq!(bottom.read(&mut octets).await.unwrap(), 4);
            assert_eq!(bottom.taken, 3);
            let asked = bottom.into_stream().asked;
            assert_eq!(
                asked,
                ["write", "write vectored", "flush", "shutdown", "read"]
            );
        }
    }
    /// What the runtime puts off is written where somebody insists, as far as the system has room.
    #[tokio::test]
    async fn whoever_insists_asks_the_system() {
        type Written = Result<usize, io::ErrorKind>;
        let no_room: Write<DuplexStream> = |_, _| Err(io::ErrorKind::WouldBlock.into());
        let gone: Write<DuplexStream> = |_, _| Err(io::ErrorKind::BrokenPipe.into());
        let room: Write<DuplexStream> = |_, octets| Ok(octets.len());
        let cases: [(Option<Write<_>>, Option<Written>); 4] = [
            (None, None),
            (Some(no_room), None),
            (Some(gone), Some(Err(io::ErrorKind::BrokenPipe))),
            (Some(room), Some(Ok(6))),
        ];
        for (case, (write, expected)) in cases.into_iter().enumerate() {
            // It takes one octet, and then none.
            let (ours, _theirs) = duplex(1);
            let native = Native {
                reset: |_| {},
                write,
            };
            let mut bottom = Bottom::new(ours, native);
            assert_eq!(bottom.can_insist(), write.is_some());
            bottom.write_all(b"-").await.unwrap();
            for insists in [false, true, false] {
                bottom.insist(insists);
                for vectored in [false, true] {
                    let before = bottom.taken;
                    let written = poll_fn(|cx| {
                        let bottom = Pin::new(&mut bottom);
                        let parts = [IoSlice::new(b""), IoSlice::new(b"octets")];
                        Poll::Ready(if vectored {
                            bottom.poll_write_vectored(cx, &parts)
                        } else {
                            bottom.poll_write(cx, b"octets")
                        })
                    });
                    let written = match written.await {
                        Poll::Pending => None,
                        Poll::Ready(written) => Some(written.map_err(|error| error.kind())),
                    };
                    let expected = expected.filter(|_| insists);
                    assert_eq!(written, expected, "{case}, {insists}, {vectored}");
                    let taken = expected.and_then(Result::ok).unwrap_or(0);
                    assert_eq!(bottom.taken - before, taken);
                }
            }
        }
    }
}
