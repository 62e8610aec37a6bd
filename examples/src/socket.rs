//! A socket of the operating system's for a task that waits, with deadlines.

use std::cell::Cell;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use async_io::{Async, Timer};
use bare_ws_std::Timeout;
use futures_lite::future::or;
use futures_lite::{AsyncReadExt, AsyncWriteExt};

use crate::options::Timeouts;

/// A socket with the deadlines that hold for the moment. It is read and written by reference, so
/// that it can be two halves.
pub struct Socket {
    tcp: Async<TcpStream>,
    idle: Option<Duration>,
    close: Duration,
    /// For all of the handshake that is going on.
    deadline: Cell<Option<(Instant, Timeout)>>,
}

impl Socket {
    /// The handshakes begin.
    ///
    /// # Errors
    /// The operating system's.
    pub fn new(tcp: TcpStream, timeouts: Timeouts) -> io::Result<Self> {
        let handshake = Instant::now().checked_add(timeouts.handshake);
        Ok(Self {
            tcp: Async::new(tcp)?,
            idle: timeouts.idle,
            close: timeouts.close,
            deadline: Cell::new(handshake.map(|at| (at, Timeout::Handshake))),
        })
    }

    /// The handshakes are over.
    pub fn opened(&self) {
        self.deadline.set(None);
    }

    /// The closing handshake has one deadline, from its first Close on.
    pub fn start_closing(&self) {
        if self.deadline.get().is_none() {
            let at = Instant::now().checked_add(self.close);
            self.deadline.set(at.map(|at| (at, Timeout::Close)));
        }
    }

    /// The peer is told that nothing more comes.
    pub fn finish(&self) {
        let _ = self.tcp.get_ref().shutdown(Shutdown::Write);
    }

    /// `io`, or the time-out that comes before it.
    async fn bounded(&self, io: impl Future<Output = io::Result<usize>>) -> io::Result<usize> {
        let (timer, timeout) = match (self.deadline.get(), self.idle) {
            (Some((at, timeout)), _) if at <= Instant::now() => return Err(passed(timeout)),
            (Some((at, timeout)), _) => (Timer::at(at), timeout),
            (None, Some(idle)) => (Timer::after(idle), Timeout::Idle),
            (None, None) => return io.await,
        };
        or(io, async {
            timer.await;
            Err(passed(timeout))
        })
        .await
    }
}

fn passed(timeout: Timeout) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, timeout)
}

impl embedded_io_async::ErrorType for &Socket {
    type Error = io::Error;
}

impl embedded_io_async::Read for &Socket {
    async fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        let mut tcp = &self.tcp;
        self.bounded(tcp.read(octets)).await
    }
}

impl embedded_io_async::Write for &Socket {
    async fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut tcp = &self.tcp;
        self.bounded(tcp.write(octets)).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
