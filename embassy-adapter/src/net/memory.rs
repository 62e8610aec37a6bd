//! The memory of a client, as one value.

use core::fmt;

/// The memory of a [`Client`](super::Client), for one connection at a time, as one value for a static:
///
/// ```
/// use bare_ws_embassy::net::Memory;
/// use static_cell::ConstStaticCell;
///
/// static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());
/// /// Receives messages of up to 4082 octets, and sends up to 498 in one frame.
/// static OTHER: ConstStaticCell<Memory<4096, 512>> = ConstStaticCell::new(Memory::new());
/// ```
///
/// | parameter | octets of |
/// |---|---|
/// | `RX` | the receive buffer: the longest message and 14 more; with [`recv_chunk`] messages may be longer |
/// | `TX` | the transmit buffer, at least 131; longer messages leave in fragments |
/// | `TCP_RX` | the receive buffer of TCP: what the server may have in flight |
/// | `TCP_TX` | the transmit buffer of TCP: two segments, 2920 octets on Ethernet, unless all messages are small |
///
/// If the TCP transmit buffer is shorter than two segments, messages that are longer wait for the
/// peer's delayed acknowledgement: see [`Socket::new`](super::Socket::new).
///
/// [`recv_chunk`]: crate::Connection::recv_chunk
pub struct Memory<
    const RX: usize = 1024,
    const TX: usize = 1024,
    const TCP_RX: usize = 2048,
    const TCP_TX: usize = 2920,
> {
    pub(super) tcp_receive: [u8; TCP_RX],
    pub(super) tcp_transmit: [u8; TCP_TX],
    pub(super) receive: [u8; RX],
    pub(super) transmit: [u8; TX],
}

impl<const RX: usize, const TX: usize, const TCP_RX: usize, const TCP_TX: usize>
    Memory<RX, TX, TCP_RX, TCP_TX>
{
    /// Unused memory.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            tcp_receive: [0; _],
            tcp_transmit: [0; _],
            receive: [0; _],
            transmit: [0; _],
        }
    }
}

impl<const RX: usize, const TX: usize, const TCP_RX: usize, const TCP_TX: usize> Default
    for Memory<RX, TX, TCP_RX, TCP_TX>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<const RX: usize, const TX: usize, const TCP_RX: usize, const TCP_TX: usize> fmt::Debug
    for Memory<RX, TX, TCP_RX, TCP_TX>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}
