//! A TCP socket that can be read and written at once, and ends as WebSocket wants it.

use core::cell::RefCell;
use core::fmt;
use core::future::poll_fn;
use core::pin::pin;

use embassy_net::Stack;
use embassy_net::tcp::TcpSocket;
use embedded_io_async::{Error as _, ErrorKind, ErrorType, Read, Write};

use crate::transport::Shutdown;

/// A TCP socket over memory of the caller's, for one connection after the other. `&Socket` is
/// both halves of the transport.
///
/// Its `flush` waits for nothing: what was written is on its way, and waiting for the
/// acknowledgement of each message would cost a round trip each.
pub struct Socket<'n> {
    tcp: RefCell<TcpSocket<'n>>,
}

impl<'n> Socket<'n> {
    /// A socket with a receive and a transmit buffer: what TCP may have on its way in either
    /// direction, besides the buffers of the WebSocket connection.
    ///
    /// Messages that are longer flow only if `transmit` holds two segments, 2920 octets on Ethernet: a peer
    /// acknowledges every second one at once (RFC 9293 §3.8.6.3), a single one when a timer of its own
    /// ends, as a rule after 40 to 200 ms.
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

    /// The socket, for the moment of one poll.
    pub(super) fn with<V>(&self, with: impl FnOnce(&mut TcpSocket<'n>) -> V) -> V {
        with(&mut self.tcp.borrow_mut())
    }
}

impl ErrorType for &Socket<'_> {
    type Error = ErrorKind;
}

impl Read for &Socket<'_> {
    /// # Cancel safety
    /// Dropped before it is ready, nothing was read.
    async fn read(&mut self, octets: &mut [u8]) -> Result<usize, ErrorKind> {
        // embassy-net's futures hold nothing between two polls: a new one for each will do.
        poll_fn(|cx| self.with(|tcp| pin!(tcp.read(octets)).poll(cx)))
            .await
            .map_err(|error| error.kind())
    }
}

impl Write for &Socket<'_> {
    /// # Cancel safety
    /// Dropped before it is ready, nothing was written.
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
