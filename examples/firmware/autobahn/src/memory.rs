//! What one connection after the other uses.

use bare_ws::deflate::{InflateState, Lean};
use static_cell::StaticCell;

/// Octets of each buffer of the connection.
const BUFFER: usize = 1024;
/// Octets of TCP's buffers: what may be on its way.
const TCP_RECEIVE: usize = 2048;
/// More than two segments of 1460: a peer acknowledges every second one at once, but waits for
/// a timer of its own before it acknowledges a single one (RFC 9293 §3.8.6.3).
const TCP_TRANSMIT: usize = 3072;
/// Of the largest LZ77 window that can be asked for.
pub(crate) const WINDOW_BITS: u8 = 15;

/// Serves a window of 10 bits.
pub(crate) type CompressorMemory = Lean<1536, 1024>;

/// To be kept in a static, so that the linker knows whether it fits the board:
///
/// ```ignore
/// static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());
/// ```
pub struct Memory {
    tcp_receive: [u8; TCP_RECEIVE],
    tcp_transmit: [u8; TCP_TRANSMIT],
    receive: [u8; BUFFER],
    transmit: [u8; BUFFER],
    window: [u8; 1 << WINDOW_BITS],
    inflater: StaticCell<InflateState>,
    compressor: CompressorMemory,
}

pub(crate) struct Parts {
    pub(crate) tcp_receive: &'static mut [u8],
    pub(crate) tcp_transmit: &'static mut [u8],
    pub(crate) receive: &'static mut [u8],
    pub(crate) transmit: &'static mut [u8],
    pub(crate) window: &'static mut [u8],
    pub(crate) inflater: &'static mut InflateState,
    pub(crate) compressor: &'static mut CompressorMemory,
}

impl Memory {
    /// Empty memory.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            tcp_receive: [0; _],
            tcp_transmit: [0; _],
            receive: [0; _],
            transmit: [0; _],
            window: [0; _],
            inflater: StaticCell::new(),
            compressor: CompressorMemory::new(),
        }
    }

    pub(crate) fn parts(&'static mut self) -> Parts {
        Parts {
            tcp_receive: &mut self.tcp_receive,
            tcp_transmit: &mut self.tcp_transmit,
            receive: &mut self.receive,
            transmit: &mut self.transmit,
            window: &mut self.window,
            inflater: new_inflater(&self.inflater),
            compressor: &mut self.compressor,
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// Apart, because its 10 KB pass over the stack: not while anything else is on it.
#[inline(never)]
fn new_inflater(cell: &'static StaticCell<InflateState>) -> &'static mut InflateState {
    cell.init_with(InflateState::new)
}
