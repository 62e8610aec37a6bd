//! The send side of permessage-deflate (RFC 7692 §7.2.1): a compressor of our own.
//!
//! LZ77 over caller-owned memory. Octets are gathered in the window; matches are found in
//! batches; each batch leaves as the smallest of a stored block, fixed codes and (in the full
//! form) codes of its own. All progress is kept, so that output may be taken octet by octet.

mod bits;
mod coding;
mod forms;
mod huffman;
mod matcher;

#[cfg(feature = "alloc")]
pub use forms::Heap;
pub use forms::{CompressorMemory, Full, Lean};

use self::bits::Bits;
use self::coding::{Batch, Code, Coding, END_OF_BLOCK, Symbol, fixed, fixed_length, most_fixed};
use self::matcher::{Parts, Window};
use super::client::Configure;
use super::negotiate::Agreed;
use crate::compression::{Compress, Compressed};

/// Compresses messages in the memory that it is given: [`Lean`], [`Full`] or `Heap` (feature
/// `alloc`), or a `&'static mut` of one, or a box.
///
/// Any window from 8 to 15 bits is honoured exactly, whatever the memory: distances reach as far
/// as both allow.
///
/// A connection does what follows by itself. By hand:
///
/// ```
/// use bare_ws::compression::Compress;
/// use bare_ws::deflate::negotiate::Agreed;
/// use bare_ws::deflate::{Compressor, Configure, Lean};
///
/// let mut compressor = Compressor::new(Lean::<1536, 1024>::new());
/// compressor.configure(Some(&Agreed {
///     receive_window_bits: 10,
///     receive_no_context_takeover: false,
///     send_window_bits: 10,
///     send_no_context_takeover: false,
/// }));
///
/// let (message, mut payload) = (b"21.4 21.4 21.4 21.5 21.5 21.5 21.5", [0; 64]);
/// let done = compressor.compress(message, true, &mut payload);
/// assert!(done.finished && done.produced < message.len());
/// ```
#[derive(Clone)]
pub struct Compressor<F> {
    memory: F,
    course: Course,
    threshold: Option<usize>,
}

/// The memory holds payload, which may be secret; it is not shown.
impl<F> core::fmt::Debug for Compressor<F> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Compressor")
            .field("threshold", &self.threshold)
            .field("active", &self.course.active)
            .finish_non_exhaustive()
    }
}

impl<F: CompressorMemory> Compressor<F> {
    /// A compressor that is not active until [`configure`](Self::configure) tells it what was
    /// negotiated.
    pub const fn new(memory: F) -> Self {
        Self {
            memory,
            course: Course::NEW,
            threshold: None,
        }
    }

    /// The same, which leaves messages of fewer octets than `threshold` uncompressed.
    ///
    /// By default that is 32 octets with context takeover and 512 without.
    #[must_use]
    pub const fn with_threshold(mut self, threshold: usize) -> Self {
        self.threshold = Some(threshold);
        self
    }
}

impl<F: CompressorMemory> Configure for Compressor<F> {
    fn configure(&mut self, agreed: Option<&Agreed>) {
        self.course = Course::NEW;
        if let Some(agreed) = agreed {
            let len = self.memory.parts().window.len();
            self.course.active = true;
            self.course.takeover = !agreed.send_no_context_takeover;
            self.course.window = Window::new(1 << agreed.send_window_bits.clamp(8, 15), len);
        }
    }
}

impl<F: CompressorMemory> Compress for Compressor<F> {
    fn is_active(&self) -> bool {
        self.course.active
    }

    fn wants(&self, len: Option<usize>) -> bool {
        let threshold = self
            .threshold
            .unwrap_or(if self.course.takeover { 32 } else { 512 });
        self.course.active && len.is_none_or(|len| len >= threshold)
    }

    fn compress(&mut self, input: &[u8], last: bool, output: &mut [u8]) -> Compressed {
        self.course
            .compress(&mut self.memory.parts(), input, last, output)
    }

    fn forget(&mut self) {
        self.course.forget();
    }
}

/// How far the connection and its open message are.
#[derive(Clone, Copy, Debug)]
struct Course {
    active: bool,
    takeover: bool,
    /// A message is open.
    open: bool,
    /// A block of fixed codes is open: the next batch may go on in it.
    fixed_open: bool,
    window: Window,
    bits: Bits,
    phase: Phase,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Octets are taken, matches are found.
    Gather,
    /// A stored block is written; so many of its octets are.
    Stored(usize),
    /// The header of a block with codes of its own is written.
    Header,
    /// Codes are written.
    Codes(Cursor),
    /// The end of the message is written.
    End,
}

/// How far a batch is written.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    /// The codes are the batch's own.
    own: bool,
    /// Octets of the batch, ...
    octet: usize,
    /// ... sequences, ...
    sequence: usize,
    /// ... and literals of the current one.
    literal: u8,
}

impl Course {
    const NEW: Self = Self {
        active: false,
        takeover: false,
        open: false,
        fixed_open: false,
        window: Window::EMPTY,
        bits: Bits::EMPTY,
        phase: Phase::Gather,
    };

    fn forget(&mut self) {
        self.window.forget();
        self.open = false;
        self.fixed_open = false;
        self.bits = Bits::EMPTY;
        self.phase = Phase::Gather;
    }

    fn compress<C: Coding>(
        &mut self,
        parts: &mut Parts<'_, C>,
        input: &[u8],
        last: bool,
        output: &mut [u8],
    ) -> Compressed {
        if !self.open {
            self.open = true;
            self.window.begin(self.takeover);
        }
        let mut consumed = 0;
        let mut produced = 0;
        let finished = 'step: loop {
            let room = output.get_mut(produced..).unwrap_or_default();
            produced += self.bits.drain(room);
            if self.bits.is_pending() {
                break false;
            }
            match self.phase {
                Phase::Gather => {
                    let rest = input.get(consumed..).unwrap_or_default();
                    consumed += self.window.fill(parts, rest);
                    let taken = consumed == input.len();
                    if self.window.search(parts, last && taken) {
                        self.close_batch(parts);
                    } else if taken {
                        break true;
                    }
                }
                Phase::Stored(written) => {
                    let batch = self.window.batch(parts.window, parts.sequences);
                    let rest = batch.octets.get(written..).unwrap_or_default();
                    let room = output.get_mut(produced..).unwrap_or_default();
                    let more = rest.len().min(room.len());
                    for (to, from) in room.iter_mut().zip(rest) {
                        *to = *from;
                    }
                    produced += more;
                    if more < rest.len() {
                        self.phase = Phase::Stored(written + more);
                        break false;
                    }
                    self.next_batch();
                }
                Phase::Header => {
                    if !parts.coding.header(&mut self.bits) {
                        self.phase = Phase::Codes(Cursor::new(true));
                    }
                }
                Phase::Codes(mut cursor) => {
                    let batch = self.window.batch(parts.window, parts.sequences);
                    while !self.bits.is_pending() {
                        let Some(further) = cursor.put(batch, parts.coding, &mut self.bits) else {
                            self.next_batch();
                            continue 'step;
                        };
                        cursor = further;
                        let room = output.get_mut(produced..).unwrap_or_default();
                        produced += self.bits.drain(room);
                    }
                    self.phase = Phase::Codes(cursor);
                }
                // All octets are out: what is left was less than one, and is padding now.
                Phase::End => {
                    self.phase = Phase::Gather;
                    if last && consumed == input.len() {
                        self.open = false;
                        break true;
                    }
                    // Whoever gave the last piece gave up midway, and the message goes on: so do
                    // the four octets of the empty block that the end leaves away.
                    self.bits.put(0xffff_0000, 32);
                }
            }
        };
        Compressed {
            consumed,
            produced,
            finished,
        }
    }

    /// Chooses the shortest form for the batch; an empty one, which only the end of the message leaves, ends it.
    fn close_batch<C: Coding>(&mut self, parts: &mut Parts<'_, C>) {
        self.window.close(parts);
        let batch = self.window.batch(parts.window, parts.sequences);
        if batch.octets.is_empty() {
            self.end_fixed();
            // RFC 7692 §7.2.1: an empty stored block, less its last four octets.
            self.bits.put(0b000, 3);
            self.bits.pad();
            self.phase = Phase::End;
            return;
        }
        let len = batch.octets.len() as u32;
        let end_fixed = if self.fixed_open { 7 } else { 0 };
        let stored = end_fixed + 3 + 7 + 32 + 8 * len;
        let own = parts
            .coding
            .plan(batch)
            .map_or(u32::MAX, |bits| bits.saturating_add(end_fixed));
        // Which is shorter is often clear without a look at each symbol.
        let most = most_fixed(batch);
        let fixed = if own == u32::MAX && most + 3 + 7 <= stored {
            most
        } else {
            fixed_length(batch) + if self.fixed_open { 0 } else { 3 + 7 }
        };
        if stored < fixed && stored < own {
            self.end_fixed();
            self.bits.put(0b000, 3);
            self.bits.pad();
            self.bits.put(len | !len << 16, 32);
            self.phase = Phase::Stored(0);
        } else if own < fixed {
            self.end_fixed();
            self.bits.put(0b100, 3);
            self.phase = Phase::Header;
        } else {
            if !self.fixed_open {
                self.bits.put(0b010, 3);
                self.fixed_open = true;
            }
            self.phase = Phase::Codes(Cursor::new(false));
        }
    }

    fn end_fixed(&mut self) {
        if self.fixed_open {
            put_symbol(&mut self.bits, fixed(END_OF_BLOCK), 0, 0);
            self.fixed_open = false;
        }
    }

    fn next_batch(&mut self) {
        self.window.next_batch();
        self.phase = Phase::Gather;
    }
}

impl Cursor {
    fn new(own: bool) -> Self {
        Self {
            own,
            octet: 0,
            sequence: 0,
            literal: 0,
        }
    }

    /// Puts the next literal or match; `None`: the batch is complete.
    fn put<C: Coding>(mut self, batch: Batch<'_>, coding: &C, bits: &mut Bits) -> Option<Self> {
        let mut put = |symbol: Symbol| {
            let code = if self.own {
                coding.code(symbol.index)
            } else {
                fixed(symbol.index)
            };
            put_symbol(bits, code, symbol.extra, symbol.extra_bits);
        };
        let Some(sequence) = batch.sequences.get(self.sequence) else {
            if self.own {
                put(Symbol {
                    index: END_OF_BLOCK,
                    extra: 0,
                    extra_bits: 0,
                });
            }
            return None;
        };
        if self.literal < sequence.literals {
            put(Symbol::literal(
                batch.octets.get(self.octet).copied().unwrap_or_default(),
            ));
            self.octet += 1;
            self.literal += 1;
        } else {
            if sequence.distance != 0 {
                put(Symbol::length(sequence.length));
                put(Symbol::distance(sequence.distance));
            }
            self.octet += sequence.matched();
            self.sequence += 1;
            self.literal = 0;
        }
        Some(self)
    }
}

fn put_symbol(bits: &mut Bits, code: Code, extra: u16, extra_bits: u8) {
    // Together, since a shift of 64 bits is a call on boards: 28 bits at most.
    let value = u32::from(code.bits) | u32::from(extra) << (code.length & 15);
    bits.put(value, u32::from(code.length) + u32::from(extra_bits));
}
