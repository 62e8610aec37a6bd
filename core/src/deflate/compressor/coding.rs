//! How a batch of matches becomes a block of codes (RFC 1951 §3.2).

use core::fmt;

use super::bits::Bits;
use super::matcher::Effort;

/// Literals, then a match: both parts of what the match finder found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sequence {
    /// Literals before the match.
    pub(super) literals: u8,
    /// Length of the match, less 3.
    pub(super) length: u8,
    /// Its distance; 0: there is no match.
    pub(super) distance: u16,
}

impl Sequence {
    pub(super) const NONE: Self = Self {
        literals: 0,
        length: 0,
        distance: 0,
    };

    /// Octets of the match.
    pub(super) fn matched(self) -> usize {
        if self.distance == 0 {
            0
        } else {
            usize::from(self.length) + 3
        }
    }
}

/// What one block is made of.
#[derive(Clone, Copy)]
pub struct Batch<'a> {
    /// The octets of the block.
    pub(super) octets: &'a [u8],
    /// Covers them.
    pub(super) sequences: &'a [Sequence],
}

/// Without payload data.
impl fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").finish_non_exhaustive()
    }
}

impl Batch<'_> {
    /// Shows every literal/length symbol and every distance symbol, and their extra bits.
    pub(super) fn symbols(&self, see: &mut dyn FnMut(Symbol)) {
        let mut at = 0;
        for sequence in self.sequences {
            let literals = at + usize::from(sequence.literals);
            for &octet in self.octets.get(at..literals).unwrap_or_default() {
                see(Symbol::literal(octet));
            }
            if sequence.distance != 0 {
                see(Symbol::length(sequence.length));
                see(Symbol::distance(sequence.distance));
            }
            at = literals + sequence.matched();
        }
    }
}

/// A symbol of one of the two alphabets (distances stand behind the literals and lengths).
#[derive(Clone, Copy)]
pub(super) struct Symbol {
    pub(super) index: u16,
    pub(super) extra: u16,
    pub(super) extra_bits: u8,
}

/// Symbols of the literal/length alphabet; distances are numbered behind them.
pub(super) const LITERALS: u16 = 286;
pub(super) const DISTANCES: u16 = 30;
pub(super) const END_OF_BLOCK: u16 = 256;

impl Symbol {
    pub(super) fn literal(octet: u8) -> Self {
        Self {
            index: u16::from(octet),
            extra: 0,
            extra_bits: 0,
        }
    }

    /// RFC 1951 §3.2.5, by arithmetic: from length 11 on four codes share a count of extra bits.
    pub(super) fn length(length: u8) -> Self {
        if length == 255 {
            return Self {
                index: 285,
                extra: 0,
                extra_bits: 0,
            };
        }
        let length = u16::from(length);
        let extra_bits = (length | 4).ilog2() as u16 - 2;
        Self {
            index: 257 + 4 * extra_bits + (length >> extra_bits),
            extra: length & ((1 << extra_bits) - 1),
            extra_bits: extra_bits as u8,
        }
    }

    /// The same for distances: two codes share a count.
    pub(super) fn distance(distance: u16) -> Self {
        let distance = distance.wrapping_sub(1);
        let extra_bits = (distance | 2).ilog2() as u16 - 1;
        Self {
            index: LITERALS + 2 * extra_bits + (distance >> extra_bits),
            extra: distance & ((1 << extra_bits) - 1),
            extra_bits: extra_bits as u8,
        }
    }
}

/// A Huffman code, least significant bit first.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    pub(super) bits: u16,
    pub(super) length: u8,
}

/// Codes that a form of the compressor has beside the fixed ones, and what it does for matches.
pub trait Coding {
    /// How hard matches are looked for.
    const EFFORT: Effort;

    /// Makes codes for this batch; their block's length in bits, the header and all. `None`:
    /// this form has fixed codes only.
    fn plan(&mut self, batch: Batch<'_>) -> Option<u32>;

    /// Puts the next part of the block's header after its first 3 bits; `false`: it is complete.
    fn header(&mut self, bits: &mut Bits) -> bool;

    /// The code of a symbol.
    fn code(&self, symbol: u16) -> Code;
}

/// No codes but the fixed ones.
#[derive(Clone, Copy, Debug, Default)]
pub struct FixedOnly;

impl Coding for FixedOnly {
    const EFFORT: Effort = Effort {
        candidates: 1,
        nice: 64,
        lazy: 16,
    };

    fn plan(&mut self, _: Batch<'_>) -> Option<u32> {
        None
    }

    fn header(&mut self, _: &mut Bits) -> bool {
        false
    }

    fn code(&self, symbol: u16) -> Code {
        fixed(symbol)
    }
}

/// RFC 1951 §3.2.6.
pub(super) fn fixed(symbol: u16) -> Code {
    let code = match symbol {
        0..144 => 0x30 + symbol,
        144..256 => 0x190 + (symbol - 144),
        256..280 => symbol - 256,
        280..LITERALS => 0xc0 + (symbol - 280),
        _ => symbol - LITERALS,
    };
    let length = length_of_fixed(symbol);
    Code {
        bits: reversed(code, length),
        length,
    }
}

/// The length alone, for which no code has to be turned round.
fn length_of_fixed(symbol: u16) -> u8 {
    match symbol {
        0..144 | 280..LITERALS => 8,
        144..256 => 9,
        256..280 => 7,
        _ => 5,
    }
}

/// Huffman codes are packed from their most significant bit (RFC 1951 §3.1.1).
pub(super) fn reversed(code: u16, length: u8) -> u16 {
    code.reverse_bits() >> (16_u32.wrapping_sub(u32::from(length)) & 15)
}

/// As [`fixed_length`] or more: a literal has at most 9 bits, a match 8 and 5, and 5 and 13 extra
/// ones.
pub(super) fn most_fixed(batch: Batch<'_>) -> u32 {
    let most = |sequence: &Sequence| {
        let literals = 9 * u32::from(sequence.literals);
        literals
            + if sequence.distance == 0 {
                0
            } else {
                8 + 5 + 5 + 13
            }
    };
    batch.sequences.iter().map(most).sum()
}

/// Bits of the batch in fixed codes, without the block's first 3 and its end.
pub(super) fn fixed_length(batch: Batch<'_>) -> u32 {
    let mut bits = 0;
    batch.symbols(&mut |symbol| {
        bits += u32::from(length_of_fixed(symbol.index)) + u32::from(symbol.extra_bits);
    });
    bits
}
