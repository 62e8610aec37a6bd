//! A socket of the operating system's for a task that waits.

use std::io;
use std::net::{self, TcpStream};

use async_io::Async;
use bare_ws_embassy::transport::Shutdown;
use embedded_io_async::{ErrorType, Read, Write};
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

impl ErrorType for &Socket {
    type Error = io::Error;
}

impl Read for &Socket {
    async fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        let mut tcp = &self.tcp;
        tcp.read(octets).await
    }
}

impl Write for &Socket {
    async fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut tcp = &self.tcp;
        tcp.write(octets).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shutdown for &Socket {
    /// The operating system brings out what was written, whoever waits.
    async fn shutdown(&mut self) -> io::Result<()> {
        self.tcp.get_ref().shutdown(net::Shutdown::Write)
    }

    fn abort(&mut self) {
        let _ = self.tcp.get_ref().shutdown(net::Shutdown::Both);
    }
}
