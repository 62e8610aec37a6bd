//! A TCP socket that can be read and written concurrently, and closes the way WebSocket requires.

use core::cell::RefCell;
use core::fmt;
use core::future::poll_fn;
use core::pin::pin;

use embassy_net::Stack;
use embassy_net::tcp::TcpSocket;
use embedded_io_async::{Error as _, ErrorKind, ErrorType, Read, Write};

use crate::transport::Shutdown;

/// A TCP socket over the caller's memory, for one connection at a time. A `&Socket` serves as either
/// half of the transport.
///
/// `flush` returns at once: what was written is on its way, and waiting until it is acknowledged would
/// cost a round trip for each message.
pub struct Socket<'n> {
    tcp: RefCell<TcpSocket<'n>>,
}

impl<'n> Socket<'n> {
    /// A socket with a receive and a transmit buffer for TCP, which limit what can be in flight in
    /// each direction. The WebSocket connection has buffers of its own.
    ///
    /// For messages longer than `transmit` to flow without pauses, it must hold two segments, which is
    /// 2920 octets on Ethernet: a peer acknowledges every second segment at once (RFC 9293 §3.8.6.3), but
    /// a single one only when its delayed-acknowledgement timer fires, usually after 40 to 200 ms.
    pub fn new(stack: Stack<'n>, receive: &'n mut [u8], transmit: &'n mut [u8]) -> Self {
        let mut tcp = TcpSocket::new(stack, receive, transmit);
        // A message leaves when it is sent, not when the one before was acknowledged.
        tcp.set_nagle_enabled(false);
        Self {
            tcp: RefCell::new(tcp),
        }
    }

    /// Waits until all that was written, or a reset, is out.
    pub(super) async fn drained(&self) -> Result<(), ErrorKind> {
        poll_fn(|cx| self.with(|tcp| pin!(tcp.flush()).poll(cx)))
            .await
            .map_err(|error| error.kind())
    }

    /// Lends the socket for the moment of one poll.
    pub(super) fn with<V>(&self, with: impl FnOnce(&mut TcpSocket<'n>) -> V) -> V {
        with(&mut self.tcp.borrow_mut())
    }
}

impl ErrorType for &Socket<'_> {
    type Error = ErrorKind;
}

impl Read for &Socket<'_> {
    /// # Cancel safety
    /// If it is dropped before it is ready, nothing was read.
    async fn read(&mut self, octets: &mut [u8]) -> Result<usize, ErrorKind> {
        // embassy-net's futures hold nothing between two polls: a new one for each will do.
        poll_fn(|cx| self.with(|tcp| pin!(tcp.read(octets)).poll(cx)))
            .await
            .map_err(|error| error.kind())
    }
}

impl Write for &Socket<'_> {
    /// # Cancel safety
    /// If it is dropped before it is ready, nothing was written.
    async fn write(&mut self, octets: &[u8]) -> Result<usize, ErrorKind> {
        poll_fn(|cx| self.with(|tcp| pin!(tcp.write(octets)).poll(cx)))
            .await
            .map_err(|error| error.kind())
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Shutdown for &Socket<'_> {
    async fn shutdown(&mut self) -> Result<(), ErrorKind> {
        self.with(TcpSocket::close);
        self.drained().await
    }

    fn abort(&mut self) {
        self.with(TcpSocket::abort);
    }
}

impl fmt::Debug for Socket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").finish_non_exhaustive()
    }
}
