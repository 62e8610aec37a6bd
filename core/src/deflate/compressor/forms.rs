//! The memory of a compressor, and with it how well it compresses.

use super::coding::{Coding, FixedOnly, Sequence};
use super::huffman::Dynamic;
use super::matcher::Parts;

/// The memory of a [`Compressor`](super::Compressor): [`Lean`], [`Full`] or `Heap` (feature `alloc`),
/// or `&mut` of one, or a box. With it comes how well it compresses.
pub trait CompressorMemory {
    /// The codes that it has beside the fixed ones.
    type Coding: Coding;

    /// Lends the memory.
    fn parts(&mut self) -> Parts<'_, Self::Coding>;
}

impl<F: CompressorMemory + ?Sized> CompressorMemory for &mut F {
    type Coding = F::Coding;

    fn parts(&mut self) -> Parts<'_, Self::Coding> {
        (**self).parts()
    }
}

#[cfg(feature = "alloc")]
impl<F: CompressorMemory + ?Sized> CompressorMemory for alloc::boxed::Box<F> {
    type Coding = F::Coding;

    fn parts(&mut self) -> Parts<'_, Self::Coding> {
        (**self).parts()
    }
}

/// The smallest: fixed codes, one candidate for each match.
///
/// `WINDOW` octets hold the window and what is being compressed: four thirds of a window use it
/// to the full, more slides less often. At most 65,536. `HEADS` is a power of two, at best about
/// the window. `Lean<1536, 1024>` serves a window of 10 bits in less than 4 KB.
#[derive(Clone)]
pub struct Lean<const WINDOW: usize, const HEADS: usize> {
    window: [u8; WINDOW],
    heads: [u16; HEADS],
    sequences: [Sequence; LEAN_SEQUENCES],
    coding: FixedOnly,
}

/// The memory holds payload, which may be secret; it is not shown.
impl<const WINDOW: usize, const HEADS: usize> core::fmt::Debug for Lean<WINDOW, HEADS> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Lean").finish_non_exhaustive()
    }
}

const LEAN_SEQUENCES: usize = 64;
const FULL_SEQUENCES: usize = 512;

/// What the full form gathers for one block: a block of its own codes pays from some 500 octets.
#[cfg(feature = "alloc")]
const MESSAGE: usize = 4096;

impl<const WINDOW: usize, const HEADS: usize> Lean<WINDOW, HEADS> {
    /// Empty memory; may stand in a static.
    #[must_use]
    pub const fn new() -> Self {
        const {
            assert!(WINDOW >= 64 && WINDOW <= 1 << 16);
            assert!(HEADS.is_power_of_two() && HEADS <= 1 << 16);
        }
        Self {
            window: [0; WINDOW],
            heads: [0; HEADS],
            sequences: [Sequence::NONE; LEAN_SEQUENCES],
            coding: FixedOnly,
        }
    }
}

impl<const WINDOW: usize, const HEADS: usize> Default for Lean<WINDOW, HEADS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const WINDOW: usize, const HEADS: usize> CompressorMemory for Lean<WINDOW, HEADS> {
    type Coding = FixedOnly;

    fn parts(&mut self) -> Parts<'_, FixedOnly> {
        Parts {
            window: &mut self.window,
            heads: &mut self.heads,
            chain: &mut [],
            sequences: &mut self.sequences,
            coding: &mut self.coding,
        }
    }
}

/// The full one: codes of its own for each block, many candidates for each match.
///
/// `HEADS` as for [`Lean`]; `CHAIN` is a power of two, the window in octets. `WINDOW`: the
/// window, and as many octets as a block may have; its codes cost some 60 octets, so blocks of
/// 4 KB are far better than blocks of 512 octets. `Full<5120, 1024, 1024>` serves 10 bits.
#[derive(Clone)]
pub struct Full<const WINDOW: usize, const HEADS: usize, const CHAIN: usize> {
    window: [u8; WINDOW],
    heads: [u16; HEADS],
    chain: [u16; CHAIN],
    sequences: [Sequence; FULL_SEQUENCES],
    coding: Dynamic,
}

/// The memory holds payload, which may be secret; it is not shown.
impl<const WINDOW: usize, const HEADS: usize, const CHAIN: usize> core::fmt::Debug
    for Full<WINDOW, HEADS, CHAIN>
{
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Full").finish_non_exhaustive()
    }
}

impl<const WINDOW: usize, const HEADS: usize, const CHAIN: usize> Full<WINDOW, HEADS, CHAIN> {
    /// Empty memory; may stand in a static.
    #[must_use]
    pub const fn new() -> Self {
        const {
            assert!(WINDOW >= 64 && WINDOW <= 1 << 16);
            assert!(HEADS.is_power_of_two() && HEADS <= 1 << 16);
            assert!(CHAIN.is_power_of_two() && CHAIN <= 1 << 16);
        }
        Self {
            window: [0; WINDOW],
            heads: [0; HEADS],
            chain: [0; CHAIN],
            sequences: [Sequence::NONE; FULL_SEQUENCES],
            coding: Dynamic::new(),
        }
    }
}

impl<const WINDOW: usize, const HEADS: usize, const CHAIN: usize> Default
    for Full<WINDOW, HEADS, CHAIN>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<const WINDOW: usize, const HEADS: usize, const CHAIN: usize> CompressorMemory
    for Full<WINDOW, HEADS, CHAIN>
{
    type Coding = Dynamic;

    fn parts(&mut self) -> Parts<'_, Dynamic> {
        Parts {
            window: &mut self.window,
            heads: &mut self.heads,
            chain: &mut self.chain,
            sequences: &mut self.sequences,
            coding: &mut self.coding,
        }
    }
}

/// The full form on the heap.
#[cfg(feature = "alloc")]
#[derive(Clone)]
pub struct Heap {
    window: alloc::boxed::Box<[u8]>,
    heads: alloc::boxed::Box<[u16]>,
    chain: alloc::boxed::Box<[u16]>,
    sequences: alloc::boxed::Box<[Sequence]>,
    coding: Dynamic,
}

/// The memory holds payload, which may be secret; it is not shown.
#[cfg(feature = "alloc")]
impl core::fmt::Debug for Heap {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Heap").finish_non_exhaustive()
    }
}

#[cfg(feature = "alloc")]
impl Heap {
    /// Memory for windows of up to `2^window_bits` octets (8 to 15).
    #[must_use]
    pub fn new(window_bits: u8) -> Self {
        let window = 1 << window_bits.clamp(8, 15);
        Self {
            window: alloc::vec![0; window + window.max(MESSAGE)].into(),
            heads: alloc::vec![0; window.clamp(1024, 8192)].into(),
            chain: alloc::vec![0; window].into(),
            sequences: alloc::vec![Sequence::NONE; window.clamp(512, 4096)].into(),
            coding: Dynamic::new(),
        }
    }
}

#[cfg(feature = "alloc")]
impl CompressorMemory for Heap {
    type Coding = Dynamic;

    fn parts(&mut self) -> Parts<'_, Dynamic> {
        Parts {
            window: &mut self.window,
            heads: &mut self.heads,
            chain: &mut self.chain,
            sequences: &mut self.sequences,
            coding: &mut self.coding,
        }
    }
}
