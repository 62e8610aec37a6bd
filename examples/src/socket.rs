//! A socket of the operating system's for a task that waits.

use std::net::{self, TcpStream};
use std::sync::Arc;
use std::{error, fmt, io};

use async_io::Async;
use bare_ws_embassy::transport::Shutdown;
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use futures_lite::{AsyncReadExt, AsyncWriteExt};

/// A socket that is read and written by reference, so that it can be two halves.
pub struct Socket {
    tcp: Async<TcpStream>,
}

impl Socket {
    /// Of one that is connected.
    ///
    /// # Errors
    /// The operating system's.
    pub fn new(tcp: TcpStream) -> io::Result<Self> {
        Ok(Self {
            tcp: Async::new(tcp)?,
        })
    }
}

/// An error of the operating system's that a connection can keep, to tell it again.
#[derive(Clone, Debug)]
pub struct SocketError(Arc<io::Error>);

impl SocketError {
    /// The same as the operating system's own.
    #[must_use]
    pub fn into_io(self) -> io::Error {
        Arc::try_unwrap(self.0).unwrap_or_else(|error| io::Error::new(error.kind(), Self(error)))
    }
}

impl From<io::Error> for SocketError {
    fn from(error: io::Error) -> Self {
        Self(Arc::new(error))
    }
}

impl fmt::Display for SocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl error::Error for SocketError {}

impl embedded_io_async::Error for SocketError {
    fn kind(&self) -> ErrorKind {
        self.0.kind().into()
    }
}

impl ErrorType for &Socket {
    type Error = SocketError;
}

impl Read for &Socket {
    async fn read(&mut self, octets: &mut [u8]) -> Result<usize, SocketError> {
        let mut tcp = &self.tcp;
        Ok(tcp.read(octets).await?)
    }
}

impl Write for &Socket {
    async fn write(&mut self, octets: &[u8]) -> Result<usize, SocketError> {
        let mut tcp = &self.tcp;
        Ok(tcp.write(octets).await?)
    }

    async fn flush(&mut self) -> Result<(), SocketError> {
        Ok(())
    }
}

impl Shutdown for &Socket {
    /// The operating system brings out what was written, whoever waits.
    async fn shutdown(&mut self) -> Result<(), SocketError> {
        Ok(self.tcp.get_ref().shutdown(net::Shutdown::Write)?)
    }

    fn abort(&mut self) {
        let _ = self.tcp.get_ref().shutdown(net::Shutdown::Both);
    }
}
