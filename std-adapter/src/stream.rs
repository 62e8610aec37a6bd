//! What a connection can run over.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::sync::{Mutex, MutexGuard, PoisonError};

/// A stream of octets that never keeps a thread waiting but in [`wait`](Self::wait).
///
/// Each method may be called by several threads at the same time, for a connection that is split:
/// one reads, others write.
pub trait Stream {
    /// Prepares the stream, before anything else is called.
    ///
    /// # Errors
    /// The operating system's.
    fn prepare(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Reads what is there; 0 at its end.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when nothing is there; the operating system's.
    fn try_read(&self, octets: &mut [u8]) -> io::Result<usize>;

    /// The same of what was read ahead from whatever is below, where that is not the same: TLS.
    /// What stays there no descriptor announces.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when nothing is there.
    fn try_read_ahead(&self, octets: &mut [u8]) -> io::Result<usize> {
        let _ = octets;
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Takes some of `octets`.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when there is no room; the operating system's.
    fn try_write(&self, octets: &[u8]) -> io::Result<usize>;

    /// Brings out what was taken, where that is not the same: TLS.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when there is no room; the operating system's.
    fn try_flush(&self) -> io::Result<()> {
        Ok(())
    }

    /// Differs from call to call as long as what was taken comes out, however slowly, where that is
    /// not the same: TLS. A peer that accepts little is not one that accepts nothing. A stream around
    /// another passes it on.
    fn progress(&self) -> usize {
        0
    }

    /// Waits until something of `interest` may be worth trying again, and no longer than `limit`.
    /// It may return early.
    ///
    /// # Errors
    /// The operating system's.
    fn wait(&self, interest: Interest, limit: Option<Duration>) -> io::Result<()>;

    /// Ends one direction or both, so that the peer sees the end. Once both have ended,
    /// [`wait`](Self::wait) returns at once, whatever is of interest, to whoever waits already or
    /// comes to: an abort must not be missed between a read and the wait that follows it.
    ///
    /// # Errors
    /// The operating system's.
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;

    /// Gives the stream up: as [`shutdown`](Self::shutdown) of both directions, and what is still
    /// on its way to the peer need not arrive.
    ///
    /// # Errors
    /// The operating system's.
    fn abort(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Both)
    }

    /// Whether what is written is encrypted for a peer that was verified: only then does it serve
    /// a `wss` URI.
    fn is_secure(&self) -> bool {
        false
    }
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest {
    /// Octets to read, or their end.
    pub read: bool,
    /// Room to write.
    pub write: bool,
}

/// What [`connect`](crate::connect) connects to: TCP, with TLS on top of it or not.
#[derive(Debug)]
#[non_exhaustive]
pub enum Socket {
    /// ws
    Tcp(TcpStream),
    /// wss
    #[cfg(feature = "rustls")]
    Tls(Box<crate::tls::TlsStream>),
}

/// Any `Read + Write` as a [`Stream`] that waits inside of `read` and `write`: deadlines are looked
/// at between two calls, but a call that waits is not interrupted. A connection over it is for one
/// thread: a receive that waits keeps a send of another thread waiting.
#[derive(Debug)]
pub struct Untimed<S>(Mutex<S>);

impl<S> Untimed<S> {
    /// Wraps a stream.
    pub const fn new(stream: S) -> Self {
        Self(Mutex::new(stream))
    }

    /// The stream.
    pub fn into_inner(self) -> S {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, S> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

macro_rules! socket {
    ($socket:ty $(, $abort:item)?) => {
        impl Stream for $socket {
            fn prepare(&mut self) -> io::Result<()> {
                self.set_nonblocking(true)
            }

            #[inline]
            fn try_read(&self, octets: &mut [u8]) -> io::Result<usize> {
                let mut socket = self;
                socket.read(octets)
            }

            #[inline]
            fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
                let mut socket = self;
                socket.write(octets)
            }

            fn wait(&self, interest: Interest, limit: Option<Duration>) -> io::Result<()> {
                wait_for(self, interest, limit)
            }

            fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                <$socket>::shutdown(self, how)
            }

            $($abort)?
        }
    };
}

socket!(
    TcpStream,
    /// The peer is told by a reset when the socket is closed: one that neither reads nor ends must
    /// not keep its own sends, and what is left of ours, in the operating system for minutes.
    fn abort(&self) -> io::Result<()> {
        rustix::net::sockopt::set_socket_linger(self, Some(Duration::ZERO))?;
        Stream::shutdown(self, Shutdown::Both)
    }
);
#[cfg(unix)]
socket!(UnixStream);

/// Waits for a socket of the operating system's.
pub(crate) fn wait_for(
    socket: &impl rustix::fd::AsFd,
    interest: Interest,
    limit: Option<Duration>,
) -> io::Result<()> {
    let mut flags = PollFlags::empty();
    flags.set(PollFlags::IN, interest.read);
    flags.set(PollFlags::OUT, interest.write);
    // A limit that cannot be counted is none.
    let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
    match poll(&mut [PollFd::new(socket, flags)], limit.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether it only has to be tried again.
pub(crate) fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// What a stream with a time-out of its own says when that has passed.
fn not_yet(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::TimedOut => io::ErrorKind::WouldBlock.into(),
        _ => error,
    }
}

impl<S: Read + Write> Stream for Untimed<S> {
    fn try_read(&self, octets: &mut [u8]) -> io::Result<usize> {
        self.lock().read(octets).map_err(not_yet)
    }

    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        self.lock().write(octets).map_err(not_yet)
    }

    fn try_flush(&self) -> io::Result<()> {
        self.lock().flush()
    }

    fn wait(&self, _: Interest, limit: Option<Duration>) -> io::Result<()> {
        // It said that it would wait and did not: it must not keep us busy.
        std::thread::sleep(limit.unwrap_or(MOMENT).min(MOMENT));
        Ok(())
    }

    fn shutdown(&self, _: Shutdown) -> io::Result<()> {
        self.lock().flush()
    }
}

const MOMENT: Duration = Duration::from_millis(1);

macro_rules! either {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self {
            Socket::Tcp($stream) => $call,
            #[cfg(feature = "rustls")]
            Socket::Tls($stream) => $call,
        }
    };
}

impl Stream for Socket {
    fn prepare(&mut self) -> io::Result<()> {
        either!(self, stream => stream.prepare())
    }

    #[inline]
    fn try_read(&self, octets: &mut [u8]) -> io::Result<usize> {
        either!(self, stream => stream.try_read(octets))
    }

    fn try_read_ahead(&self, octets: &mut [u8]) -> io::Result<usize> {
        either!(self, stream => stream.try_read_ahead(octets))
    }

    #[inline]
    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        either!(self, stream => stream.try_write(octets))
    }

    #[inline]
    fn try_flush(&self) -> io::Result<()> {
        either!(self, stream => stream.try_flush())
    }

    fn progress(&self) -> usize {
        either!(self, stream => stream.progress())
    }

    fn wait(&self, interest: Interest, limit: Option<Duration>) -> io::Result<()> {
        either!(self, stream => stream.wait(interest, limit))
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Self::Tcp(tcp) => Stream::shutdown(tcp, how),
            #[cfg(feature = "rustls")]
            Self::Tls(tls) => tls.shutdown(how),
        }
    }

    fn abort(&self) -> io::Result<()> {
        either!(self, stream => stream.abort())
    }

    fn is_secure(&self) -> bool {
        either!(self, stream => stream.is_secure())
    }
}

/// For a program that waits for many sockets by itself.
#[cfg(unix)]
impl std::os::fd::AsFd for Socket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        either!(self, stream => stream.as_fd())
    }
}
