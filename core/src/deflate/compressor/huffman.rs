//! Dynamic Huffman codes (RFC 1951 §3.2.7).

use super::bits::Bits;
use super::coding::{Batch, Code, Coding, DISTANCES, END_OF_BLOCK, LITERALS, reversed};
use super::matcher::Effort;

const SYMBOLS: usize = (LITERALS + DISTANCES) as usize;
/// Symbols of the alphabet that code lengths are coded in.
const LENGTHS: usize = 19;

/// Codes made for each block: 2.4 KB.
#[derive(Clone, Debug)]
pub struct Dynamic {
    /// How often each symbol occurs; then its code.
    codes: [u16; SYMBOLS],
    lengths: [u8; SYMBOLS],
    header_codes: [u16; LENGTHS],
    header_lengths: [u8; LENGTHS],
    /// Literal/length codes and distance codes that are sent.
    sent: (u16, u16),
    /// Code lengths of the code lengths that are sent.
    sent_lengths: u8,
    step: Header,
    scratch: [u32; LITERALS as usize],
}

/// What of the header comes next.
#[derive(Clone, Copy, Debug)]
enum Header {
    Counts,
    Lengths(u8),
    Runs(u16),
}

/// RFC 1951 §3.2.7: the order of the code lengths of code lengths.
const ORDER: [u8; LENGTHS] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

impl Dynamic {
    pub(super) const fn new() -> Self {
        Self {
            codes: [0; SYMBOLS],
            lengths: [0; SYMBOLS],
            header_codes: [0; LENGTHS],
            header_lengths: [0; LENGTHS],
            sent: (0, 0),
            sent_lengths: 0,
            step: Header::Counts,
            scratch: [0; LITERALS as usize],
        }
    }

    /// The length of the `at`th code that is sent: distances follow the literals and lengths.
    fn sent_length(&self, at: u16) -> Option<u8> {
        let (literals, distances) = self.sent;
        let index = match at.checked_sub(literals) {
            None => at,
            Some(distance) if distance < distances => LITERALS + distance,
            Some(_) => return None,
        };
        self.lengths.get(usize::from(index)).copied()
    }

    /// The run of equal code lengths at `at`, as a symbol of the code length alphabet.
    fn run(&self, at: u16) -> Option<Run> {
        let length = self.sent_length(at)?;
        let longest = if length == 0 { 138 } else { 7 };
        let mut count = 1;
        while count < longest && self.sent_length(at + count) == Some(length) {
            count += 1;
        }
        // Symbol 16 repeats the length before: the first of them is sent for itself.
        let repeats = at > 0 && self.sent_length(at - 1) == Some(length);
        Some(match (length, count) {
            (0, 11..) => Run::new(18, 7, count - 11, count),
            (0, 3..) => Run::new(17, 3, count - 3, count),
            (1.., 3..) if repeats => {
                let count = count.min(6);
                Run::new(16, 2, count - 3, count)
            }
            _ => Run::new(length, 0, 0, 1),
        })
    }
}

struct Run {
    symbol: u8,
    extra_bits: u8,
    extra: u16,
    count: u16,
}

impl Run {
    fn new(symbol: u8, extra_bits: u8, extra: u16, count: u16) -> Self {
        Self {
            symbol,
            extra_bits,
            extra,
            count,
        }
    }
}

impl Coding for Dynamic {
    const EFFORT: Effort = Effort {
        candidates: 32,
        nice: 128,
        lazy: 32,
    };

    fn plan(&mut self, batch: Batch<'_>) -> Option<u32> {
        let codes = &mut self.codes;
        codes.fill(0);
        let mut bits = 0;
        batch.symbols(&mut |symbol| {
            if let Some(count) = codes.get_mut(usize::from(symbol.index)) {
                *count = count.saturating_add(1);
            }
            bits += u32::from(symbol.extra_bits);
        });
        if let Some(end) = codes.get_mut(usize::from(END_OF_BLOCK)) {
            *end = 1;
        }
        let (literals, distances) = self.codes.split_at_mut(usize::from(LITERALS));
        let (literal_lengths, distance_lengths) = self.lengths.split_at_mut(usize::from(LITERALS));
        lengths(literals, literal_lengths, &mut self.scratch, 15);
        lengths(distances, distance_lengths, &mut self.scratch, 15);
        // Some decoders want a complete distance code, even if it is not used.
        let mut used = distance_lengths
            .iter()
            .filter(|length| **length > 0)
            .count();
        for length in distance_lengths.iter_mut().take(2) {
            if used < 2 && *length == 0 {
                *length = 1;
                used += 1;
            }
        }
        bits += weigh(literals, literal_lengths);
        bits += weigh(distances, distance_lengths);
        self.sent = (
            sent(literal_lengths, 257) as u16,
            sent(distance_lengths, 1) as u16,
        );
        canonical(literals, literal_lengths);
        canonical(distances, distance_lengths);

        self.header_codes.fill(0);
        let mut at = 0;
        while let Some(run) = self.run(at) {
            if let Some(count) = self.header_codes.get_mut(usize::from(run.symbol)) {
                *count += 1;
            }
            bits += u32::from(run.extra_bits);
            at += run.count;
        }
        lengths(
            &self.header_codes,
            &mut self.header_lengths,
            &mut self.scratch,
            7,
        );
        bits += weigh(&self.header_codes, &self.header_lengths);
        canonical(&mut self.header_codes, &self.header_lengths);
        let mut ordered = [0; LENGTHS];
        for (ordered, symbol) in ordered.iter_mut().zip(ORDER) {
            *ordered = at_or_zero(&self.header_lengths, usize::from(symbol));
        }
        self.sent_lengths = sent(&ordered, 4) as u8;
        bits += 3 + 14 + 3 * u32::from(self.sent_lengths);
        self.step = Header::Counts;
        Some(bits)
    }

    fn header(&mut self, bits: &mut Bits) -> bool {
        match self.step {
            Header::Counts => {
                let (literals, distances) = self.sent;
                bits.put(u32::from(literals.wrapping_sub(257)), 5);
                bits.put(u32::from(distances.wrapping_sub(1)), 5);
                bits.put(u32::from(self.sent_lengths.wrapping_sub(4)), 4);
                self.step = Header::Lengths(0);
            }
            Header::Lengths(at) if at < self.sent_lengths => {
                let symbol = at_or_zero(&ORDER, usize::from(at));
                let length = at_or_zero(&self.header_lengths, usize::from(symbol));
                bits.put(u32::from(length), 3);
                self.step = Header::Lengths(at + 1);
            }
            Header::Lengths(_) => self.step = Header::Runs(0),
            Header::Runs(at) => {
                let Some(run) = self.run(at) else {
                    return false;
                };
                let symbol = usize::from(run.symbol);
                bits.put(
                    u32::from(at_or_zero(&self.header_codes, symbol)),
                    u32::from(at_or_zero(&self.header_lengths, symbol)),
                );
                bits.put(u32::from(run.extra), u32::from(run.extra_bits));
                self.step = Header::Runs(at + run.count);
            }
        }
        true
    }

    fn code(&self, symbol: u16) -> Code {
        Code {
            bits: at_or_zero(&self.codes, usize::from(symbol)),
            length: at_or_zero(&self.lengths, usize::from(symbol)),
        }
    }
}

/// Codes that must be sent: all up to the last that is used, at least `least`.
fn sent(lengths: &[u8], least: usize) -> usize {
    lengths
        .iter()
        .rposition(|length| *length > 0)
        .map_or(least, |last| (last + 1).max(least))
}

fn weigh(counts: &[u16], lengths: &[u8]) -> u32 {
    counts
        .iter()
        .zip(lengths)
        .map(|(count, length)| u32::from(*count) * u32::from(*length))
        .sum()
}

/// RFC 1951 §3.2.2: codes from their lengths.
fn canonical(codes: &mut [u16], lengths: &[u8]) {
    let mut code = 0;
    for wanted in 1..=15 {
        for (slot, length) in codes.iter_mut().zip(lengths) {
            if *length == wanted {
                *slot = reversed(code, wanted);
                code = code.wrapping_add(1);
            }
        }
        code = code.wrapping_shl(1);
    }
}

/// Lengths of an optimal prefix code for `counts`, none above `limit`.
///
/// The minimum redundancy code is made in place, after Moffat and Katajainen; lengths above the
/// limit are then cut and the Kraft sum repaired, which costs very little at 15 bits.
fn lengths(counts: &[u16], lengths: &mut [u8], scratch: &mut [u32], limit: u8) {
    lengths.fill(0);
    // Weight in the upper half, symbol in the lower.
    let mut used = 0;
    let present = counts.iter().enumerate().filter(|(_, count)| **count > 0);
    for ((symbol, count), slot) in present.zip(scratch.iter_mut()) {
        *slot = u32::from(*count) << 16 | symbol as u32;
        used += 1;
    }
    let nodes = scratch.get_mut(..used).unwrap_or_default();
    if let [only] = nodes {
        if let Some(length) = lengths.get_mut(usize::from(*only as u16)) {
            *length = 1;
        }
        return;
    }
    sort(nodes);
    minimum_redundancy(nodes);

    let mut per_length = [0_u16; 16];
    for node in nodes.iter() {
        let length = (*node >> 16).min(u32::from(limit)) as usize;
        if let Some(count) = per_length.get_mut(length) {
            *count += 1;
        }
    }
    restore_kraft(&mut per_length, usize::from(limit));
    // The rarest symbols stand first: they get the longest codes.
    let mut symbols = nodes.iter();
    for (length, count) in per_length.iter().enumerate().rev() {
        for node in symbols.by_ref().take(usize::from(*count)) {
            if let Some(slot) = lengths.get_mut(usize::from(*node as u16)) {
                *slot = length as u8;
            }
        }
    }
}

fn restore_kraft(per_length: &mut [u16; 16], limit: usize) {
    let mut sum: u32 = 0;
    for (length, count) in per_length.iter().enumerate().take(limit + 1).skip(1) {
        sum += u32::from(*count) << (limit.saturating_sub(length) & 31);
    }
    while sum > 1 << (limit & 31) {
        if let Some(count) = per_length.get_mut(limit) {
            *count = count.wrapping_sub(1);
        }
        let shorter = per_length
            .get(1..limit)
            .unwrap_or_default()
            .iter()
            .rposition(|count| *count > 0);
        let pair = shorter.and_then(|at| per_length.get_mut(at + 1..at + 3));
        if let Some([count, next]) = pair {
            *count -= 1;
            *next += 2;
        }
        sum -= 1;
    }
}

/// Weights in the upper halves, ascending, become code lengths, descending.
fn minimum_redundancy(nodes: &mut [u32]) {
    fn value(nodes: &[u32], at: usize) -> u32 {
        at_or_zero(nodes, at) >> 16
    }
    fn set(nodes: &mut [u32], at: usize, value: u32) {
        if let Some(node) = nodes.get_mut(at) {
            *node = *node & 0xffff | value << 16;
        }
    }
    let len = nodes.len();
    if len < 2 {
        return;
    }
    // Internal nodes replace the weights, which become the parents' indices.
    let (mut root, mut leaf) = (0, 0);
    for next in 0..len - 1 {
        let mut weight = 0;
        for _ in 0..2 {
            let internal = root < next && (leaf >= len || value(nodes, root) < value(nodes, leaf));
            if internal {
                weight += value(nodes, root);
                set(nodes, root, next as u32);
                root += 1;
            } else {
                weight += value(nodes, leaf);
                leaf += 1;
            }
        }
        set(nodes, next, weight);
    }
    // Parents become depths.
    set(nodes, len - 2, 0);
    for next in (0..len - 2).rev() {
        let depth = value(nodes, value(nodes, next) as usize) + 1;
        set(nodes, next, depth);
    }
    // Depths of internal nodes become those of leaves.
    let (mut available, mut depth, mut internal, mut next) = (1_usize, 0, len - 1, len);
    while available > 0 {
        let mut used = 0;
        while internal > 0 && value(nodes, internal - 1) == depth {
            used += 1;
            internal -= 1;
        }
        while available > used && next > 0 {
            next -= 1;
            set(nodes, next, depth);
            available -= 1;
        }
        available = 2 * used;
        depth += 1;
    }
}

/// Shell's sort: small, in place, and the slices are short.
fn sort(nodes: &mut [u32]) {
    for gap in [132, 57, 23, 10, 4, 1] {
        for from in gap..nodes.len() {
            let mut at = from;
            while at >= gap && at_or_zero(nodes, at - gap) > at_or_zero(nodes, at) {
                let pair = nodes.get_mut(at - gap..=at);
                if let Some([left, .., right]) = pair {
                    core::mem::swap(left, right);
                }
                at -= gap;
            }
        }
    }
}

fn at_or_zero<T: Copy + Default>(slice: &[T], at: usize) -> T {
    slice.get(at).copied().unwrap_or_default()
}
