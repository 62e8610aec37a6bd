//! permessage-deflate for a [`net::Client`](crate::net::Client), and the memory for it as one value.

use core::fmt;

use bare_ws::deflate::{self, Compressor, InflateState, Inflater, Lean};
use heapless::Vec;

use crate::net::codec::{Codec, Sealed};

/// The memory for permessage-deflate, for one connection at a time, as one value for a static:
///
/// ```
/// use bare_ws_embassy::deflate::Memory;
/// use static_cell::ConstStaticCell;
///
/// /// Windows of 10 bits, messages of up to 1024 octets: 16.4 KB.
/// static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());
/// /// Windows of 9 bits, messages of up to 512 octets: 13.6 KB.
/// static LESS: ConstStaticCell<Memory<{ 512 + 512 }, 768, 512>> =
///     ConstStaticCell::new(Memory::new());
/// ```
///
/// `INFLATED` holds the window for receiving, 512 to 32,768 octets, and behind it the longest message
/// that is received whole. If it has no room for a window beside the message, the client offers only
/// compression without context takeover. `BUFFER` and `SLOTS` are those of the compressor: see
/// [the table in `bare_ws::deflate`](bare_ws::deflate#memory). The state of the inflater takes
/// another 10.5 KB.
pub struct Memory<
    const INFLATED: usize = 2048,
    const BUFFER: usize = 1536,
    const SLOTS: usize = 1024,
> {
    inflated: [u8; INFLATED],
    compressor: Lean<BUFFER, SLOTS>,
    /// Made when it is taken: an empty one costs no flash.
    state: Vec<InflateState, 1>,
}

impl<const INFLATED: usize, const BUFFER: usize, const SLOTS: usize>
    Memory<INFLATED, BUFFER, SLOTS>
{
    /// Unused memory.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(INFLATED > 0) };
        Self {
            inflated: [0; _],
            compressor: Lean::new(),
            state: Vec::new(),
        }
    }
}

/// permessage-deflate for a client, for messages of up to `longest` octets.
pub struct Deflate<const BUFFER: usize = 1536, const SLOTS: usize = 1024> {
    inflated: &'static mut [u8],
    compressor: &'static mut Lean<BUFFER, SLOTS>,
    state: &'static mut Vec<InflateState, 1>,
    longest: usize,
}

impl<const BUFFER: usize, const SLOTS: usize> Deflate<BUFFER, SLOTS> {
    pub(crate) fn new<const INFLATED: usize>(
        memory: &'static mut Memory<INFLATED, BUFFER, SLOTS>,
        longest: usize,
    ) -> Self {
        fill(&mut memory.state);
        Self {
            inflated: &mut memory.inflated,
            compressor: &mut memory.compressor,
            state: &mut memory.state,
            longest: longest.min(INFLATED),
        }
    }
}

/// Apart, because its 10 KB pass over the stack: not while anything else is on it.
#[inline(never)]
fn fill(state: &mut Vec<InflateState, 1>) {
    if state.is_empty() {
        let _has_room = state.push(InflateState::new());
    }
}

impl<const BUFFER: usize, const SLOTS: usize> Sealed for Deflate<BUFFER, SLOTS> {}

impl<const BUFFER: usize, const SLOTS: usize> Codec for Deflate<BUFFER, SLOTS> {
    type Compression<'c> = deflate::Deflate<
        &'c mut [u8],
        Compressor<&'c mut Lean<BUFFER, SLOTS>>,
        &'c mut InflateState,
    >;

    fn lend(&mut self) -> Option<Self::Compression<'_>> {
        let state = self.state.first_mut()?;
        let inflater = Inflater::new(state, &mut *self.inflated);
        let compressor = Compressor::new(&mut *self.compressor);
        deflate::Deflate::whole(inflater, compressor, self.longest).ok()
    }
}

impl<const INFLATED: usize, const BUFFER: usize, const SLOTS: usize> Default
    for Memory<INFLATED, BUFFER, SLOTS>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<const INFLATED: usize, const BUFFER: usize, const SLOTS: usize> fmt::Debug
    for Memory<INFLATED, BUFFER, SLOTS>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

impl<const BUFFER: usize, const SLOTS: usize> fmt::Debug for Deflate<BUFFER, SLOTS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflate").finish_non_exhaustive()
    }
}
