//! All that the connection needs, of known size and in one place.

use bare_ws::deflate::{InflateState, Lean};
use static_cell::StaticCell;

/// Octets of each buffer of TCP. A report is small; a command is, too.
const TCP: usize = 1024;
/// Octets of each buffer of the connection, and the longest compressed message.
const BUFFER: usize = 512;
/// Window of 10 bits in each direction, and room for a command inflated whole.
const WINDOW: usize = 1 << 10;
const INFLATED: usize = WINDOW + BUFFER;

/// Uses a window of 10 bits in full.
pub(crate) type CompressorMemory = Lean<1536, 1024>;

/// Memory for one connection after the other, to be kept in a static:
///
/// ```ignore
/// static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());
/// ```
pub struct Memory {
    tcp_receive: [u8; TCP],
    tcp_transmit: [u8; TCP],
    receive: [u8; BUFFER],
    transmit: [u8; BUFFER],
    inflated: [u8; INFLATED],
    inflater: StaticCell<InflateState>,
    compressor: CompressorMemory,
}

pub(crate) struct Parts {
    pub(crate) tcp: Tcp,
    pub(crate) connection: Connection,
}

pub(crate) struct Tcp {
    pub(crate) receive: &'static mut [u8],
    pub(crate) transmit: &'static mut [u8],
}

pub(crate) struct Connection {
    pub(crate) receive: &'static mut [u8],
    pub(crate) transmit: &'static mut [u8],
    /// The window of what we receive, and behind it the message.
    pub(crate) inflated: &'static mut [u8],
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
            inflated: [0; _],
            inflater: StaticCell::new(),
            compressor: CompressorMemory::new(),
        }
    }

    pub(crate) fn parts(&'static mut self) -> Parts {
        Parts {
            tcp: Tcp {
                receive: &mut self.tcp_receive,
                transmit: &mut self.tcp_transmit,
            },
            connection: Connection {
                receive: &mut self.receive,
                transmit: &mut self.transmit,
                inflated: &mut self.inflated,
                inflater: new_inflater(&self.inflater),
                compressor: &mut self.compressor,
            },
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
