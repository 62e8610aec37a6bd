//! What a connection can run over.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A stream of octets with time-outs. A call that takes longer than its time-out ends with
/// [`WouldBlock`](io::ErrorKind::WouldBlock) or [`TimedOut`](io::ErrorKind::TimedOut), and
/// nothing was read or written by it.
pub trait Stream: Read + Write {
    /// How long a call of `read` may wait, from now on. Never zero.
    ///
    /// # Errors
    /// The operating system's.
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// How long a call of `write` may wait, from now on. Never zero.
    ///
    /// # Errors
    /// The operating system's.
    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// Ends one direction or both, so that the peer sees the end, or a thread that waits does.
    ///
    /// # Errors
    /// The operating system's.
    fn shutdown(&mut self, how: Shutdown) -> io::Result<()>;
}

/// A stream whose two directions can be used by two threads.
pub trait Split: Stream + Sized {
    /// The direction to us. Writing to it is not asked of it.
    type ReadHalf: Stream;
    /// The direction to the peer. Reading from it is not asked of it.
    type WriteHalf: Stream;

    /// Takes the stream apart. Shutting one half down reaches the other.
    ///
    /// # Errors
    /// The operating system's.
    fn split(self) -> io::Result<(Self::ReadHalf, Self::WriteHalf)>;
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

/// Any `Read + Write` as a [`Stream`] without time-outs: deadlines are looked at between two calls,
/// but a call that waits is not interrupted.
#[derive(Clone, Copy, Debug)]
pub struct Untimed<S>(
    /// The stream.
    pub S,
);

macro_rules! sockets {
    ($($socket:ty),*) => {$(
        impl Stream for $socket {
            fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
                <$socket>::set_read_timeout(self, timeout)
            }

            fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
                <$socket>::set_write_timeout(self, timeout)
            }

            fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
                <$socket>::shutdown(self, how)
            }
        }

        impl Split for $socket {
            type ReadHalf = Self;
            type WriteHalf = Self;

            fn split(self) -> io::Result<(Self, Self)> {
                Ok((self.try_clone()?, self))
            }
        }
    )*};
}

sockets!(TcpStream);
#[cfg(unix)]
sockets!(UnixStream);

impl<S: Read> Read for Untimed<S> {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        self.0.read(octets)
    }
}

impl<S: Write> Write for Untimed<S> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<S: Read + Write> Stream for Untimed<S> {
    fn set_read_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown(&mut self, _: Shutdown) -> io::Result<()> {
        self.0.flush()
    }
}

impl Read for Socket {
    #[inline]
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(tcp) => tcp.read(octets),
            #[cfg(feature = "rustls")]
            Self::Tls(tls) => tls.read(octets),
        }
    }
}

impl Write for Socket {
    #[inline]
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(tcp) => tcp.write(octets),
            #[cfg(feature = "rustls")]
            Self::Tls(tls) => tls.write(octets),
        }
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(tcp) => tcp.flush(),
            #[cfg(feature = "rustls")]
            Self::Tls(tls) => tls.flush(),
        }
    }
}

impl Stream for Socket {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Tcp(tcp) => Stream::set_read_timeout(tcp, timeout),
            #[cfg(feature = "rustls")]
            Self::Tls(tls) => Stream::set_read_timeout(&mut **tls, timeout),
        }
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Tcp(tcp) => Stream::set_write_timeout(tcp, timeout),
            #[cfg(feature = "rustls")]
            Self::Tls(tls) => Stream::set_write_timeout(&mut **tls, timeout),
        }
    }

    fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
        match self {
            Self::Tcp(tcp) => Stream::shutdown(tcp, how),
            #[cfg(feature = "rustls")]
            Self::Tls(tls) => Stream::shutdown(&mut **tls, how),
        }
    }
}

impl Split for Socket {
    type ReadHalf = Self;
    type WriteHalf = Self;

    fn split(self) -> io::Result<(Self, Self)> {
        match self {
            Self::Tcp(tcp) => {
                let (read, write) = Split::split(tcp)?;
                Ok((Self::Tcp(read), Self::Tcp(write)))
            }
            #[cfg(feature = "rustls")]
            Self::Tls(tls) => {
                let (read, write) = Split::split(*tls)?;
                Ok((Self::Tls(Box::new(read)), Self::Tls(Box::new(write))))
            }
        }
    }
}
