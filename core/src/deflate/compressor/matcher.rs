//! The LZ77 window and the match finder.

use core::fmt;

use super::coding::{Batch, Coding, Sequence};
use crate::octets;

const SHORTEST: usize = 3;
const LONGEST: usize = 258;
/// A match of 3 octets that is farther away costs more than its literals.
const FAR: usize = 4096;

/// The memory of a compressor, lent for one step.
pub struct Parts<'a, C> {
    pub(super) window: &'a mut [u8],
    /// The latest position of each hash, modulo 2^16. A power of two of them.
    pub(super) heads: &'a mut [u16],
    /// The position before, of the same hash. A power of two of them, or none.
    pub(super) chain: &'a mut [u16],
    pub(super) sequences: &'a mut [Sequence],
    pub(super) coding: &'a mut C,
}

/// Without payload data.
impl<C> fmt::Debug for Parts<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// How hard matches are looked for. The compiler leaves out what a form does not do.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Candidates that are compared; for one there is no chain.
    pub(super) candidates: u16,
    /// A match of this length ends the search.
    pub(super) nice: u16,
    /// Up to this length, a longer match one octet later is preferred.
    pub(super) lazy: u16,
}

/// Positions in the window; indices into its memory.
///
/// Positions in `heads` and `chain` are `base` + index, modulo 2^16, and may be stale: a
/// candidate counts if its distance is in the window and its octets are the same, so neither a
/// slide nor a forgotten message needs to touch the tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    base: u16,
    /// Distances reach so far.
    limit: usize,
    /// What is not yet in the tables.
    indexed: usize,
    /// Where the open batch begins,
    batch: usize,
    /// its literals that are not in a sequence yet,
    run: usize,
    /// and the octets that are not in it yet.
    next: usize,
    end: usize,
    /// Sequences of the open batch.
    count: usize,
    /// Where the latest message begins, while it is all there.
    message: Option<usize>,
}

#[derive(Clone, Copy)]
struct Match {
    length: usize,
    distance: usize,
}

impl Window {
    pub(super) const EMPTY: Self = Self {
        base: 0,
        limit: 0,
        indexed: 0,
        batch: 0,
        run: 0,
        next: 0,
        end: 0,
        count: 0,
        message: None,
    };

    /// An empty one, of distances up to `distance`, in memory of `memory` octets.
    pub(super) fn new(distance: usize, memory: usize) -> Self {
        Self {
            // A quarter of the memory at least takes what is to be compressed.
            limit: distance.min(memory - memory / 4),
            ..Self::EMPTY
        }
    }

    /// A message begins.
    pub(super) fn begin(&mut self, takeover: bool) {
        if !takeover {
            self.drop_history();
        }
        self.message = Some(self.next);
    }

    /// The latest message was not compressed after all.
    pub(super) fn forget(&mut self) {
        match self.message {
            Some(message) => {
                self.end = message;
                self.next = message;
                self.batch = message;
                self.run = message;
                // The message stands in the tables where older positions did.
                self.indexed = 0;
                self.count = 0;
            }
            None => self.drop_history(),
        }
    }

    fn drop_history(&mut self) {
        *self = Self {
            base: self.base.wrapping_add(self.end as u16),
            limit: self.limit,
            ..Self::EMPTY
        };
    }

    /// Takes octets, as many as there is room for.
    pub(super) fn fill<C>(&mut self, parts: &mut Parts<'_, C>, input: &[u8]) -> usize {
        if input.len() > parts.window.len().saturating_sub(self.end) && self.batch == self.next {
            self.slide(parts.window);
        }
        let free = parts.window.len().saturating_sub(self.end);
        let taken = input.get(..free).unwrap_or(input);
        octets::put(parts.window, self.end, taken);
        self.end += taken.len();
        taken.len()
    }

    fn slide(&mut self, window: &mut [u8]) {
        // By whole words, so that what moves is aligned as where it goes: a third of the
        // instructions on boards.
        let by = self.next.saturating_sub(self.limit) & !3;
        if by == 0 {
            return;
        }
        octets::slide(window, by, self.end, 0);
        self.base = self.base.wrapping_add(by as u16);
        self.indexed = self.indexed.saturating_sub(by);
        self.batch -= by;
        self.run = self.run.saturating_sub(by);
        self.next -= by;
        self.end -= by;
        self.message = self.message.and_then(|message| message.checked_sub(by));
    }

    /// Finds matches. `all`: no octet follows. `true`: the batch must be closed to go on.
    pub(super) fn search<C: Coding>(&mut self, parts: &mut Parts<'_, C>, all: bool) -> bool {
        // Without it a match could end for want of octets that come later.
        let margin = LONGEST.min((parts.window.len() - self.limit) / 2);
        let mut later = None;
        loop {
            let ahead = self.end.saturating_sub(self.next);
            let found = match later.take() {
                Some(found) => found,
                None => {
                    if !all && ahead < margin.max(1) {
                        // No more fits: what follows must wait until this batch is gone.
                        return self.end == parts.window.len() && self.batch < self.next;
                    }
                    if ahead == 0 {
                        return true;
                    }
                    // A run of literals and a match at most are pushed until this is asked again.
                    if self.count + 2 > parts.sequences.len() || self.next - self.batch >= 1 << 15 {
                        return true;
                    }
                    let Some(found) = self.find(parts, self.next, SHORTEST - 1) else {
                        self.literal(parts);
                        continue;
                    };
                    found
                }
            };
            if found.length < usize::from(C::EFFORT.lazy) && ahead > found.length {
                later = self.find(parts, self.next + 1, found.length);
                if later.is_some() {
                    self.literal(parts);
                    continue;
                }
            }
            self.push(parts, found);
            self.next += found.length;
            self.run = self.next;
        }
    }

    fn literal<C>(&mut self, parts: &mut Parts<'_, C>) {
        self.next += 1;
        if self.next - self.run == usize::from(u8::MAX) {
            self.push_literals(parts);
        }
    }

    fn push_literals<C>(&mut self, parts: &mut Parts<'_, C>) {
        self.push(
            parts,
            Match {
                length: SHORTEST,
                distance: 0,
            },
        );
        self.run = self.next;
    }

    fn push<C>(&mut self, parts: &mut Parts<'_, C>, found: Match) {
        if let Some(slot) = parts.sequences.get_mut(self.count) {
            *slot = Sequence {
                literals: (self.next - self.run) as u8,
                length: (found.length - SHORTEST) as u8,
                distance: found.distance as u16,
            };
            self.count += 1;
        }
    }

    /// A match at `at` that is longer than `longest`. Enters `at` in the tables by the way; no
    /// position is asked for twice.
    fn find<C: Coding>(
        &mut self,
        parts: &mut Parts<'_, C>,
        at: usize,
        mut longest: usize,
    ) -> Option<Match> {
        if self.indexed < at {
            self.index(parts, at);
        }
        let window = &*parts.window;
        let ahead = window.get(at..self.end)?;
        let ahead = ahead.get(..LONGEST).unwrap_or(ahead);
        let reach = self.limit.min(at);
        let mask = parts.chain.len().wrapping_sub(1);
        let [a, b, c] = *ahead.first_chunk()?;
        let position = self.position(at);
        let mut candidate = enter::<C>(
            parts.heads,
            parts.chain,
            u32::from_le_bytes([a, b, c, 0]),
            position,
        );
        self.indexed = at + 1;
        let mut nearest = 0;
        let mut best = None;
        for _ in 0..C::EFFORT.candidates {
            let distance = usize::from(position.wrapping_sub(candidate));
            if distance <= nearest || distance > reach {
                break;
            }
            nearest = distance;
            let there = window.get(at - distance..self.end).unwrap_or_default();
            if there.get(longest) == ahead.get(longest) {
                let length = common(ahead, there);
                if length > longest && (length > SHORTEST || distance <= FAR) {
                    longest = length;
                    best = Some(Match { length, distance });
                    if length >= usize::from(C::EFFORT.nice) || length == ahead.len() {
                        break;
                    }
                }
            }
            if C::EFFORT.candidates == 1 {
                break;
            }
            match parts.chain.get(usize::from(candidate) & mask) {
                Some(before) => candidate = *before,
                None => break,
            }
        }
        best
    }

    /// Enters all positions before `to` in the tables. On boards a function of its own, so that
    /// its loop has all registers.
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    fn index<C: Coding>(&mut self, parts: &mut Parts<'_, C>, to: usize) {
        let end = to.saturating_add(SHORTEST - 1).min(self.end);
        let Some([a, b, octets @ ..]) = parts.window.get(self.indexed..end) else {
            return;
        };
        let mut key = u32::from_le_bytes([0, *a, *b, 0]);
        let mut position = self.position(self.indexed);
        for octet in octets {
            key = key >> 8 | u32::from(*octet) << 16;
            enter::<C>(parts.heads, parts.chain, key, position);
            position = position.wrapping_add(1);
        }
        self.indexed += octets.len();
    }

    fn position(&self, at: usize) -> u16 {
        self.base.wrapping_add(at as u16)
    }

    /// No match follows in this batch.
    pub(super) fn close<C>(&mut self, parts: &mut Parts<'_, C>) {
        if self.run < self.next {
            self.push_literals(parts);
        }
    }

    /// What is in the open batch.
    pub(super) fn batch<'a>(&self, window: &'a [u8], sequences: &'a [Sequence]) -> Batch<'a> {
        Batch {
            octets: window.get(self.batch..self.next).unwrap_or_default(),
            sequences: sequences.get(..self.count).unwrap_or_default(),
        }
    }

    /// The open batch is written out.
    pub(super) fn next_batch(&mut self) {
        self.batch = self.next;
        self.run = self.next;
        self.count = 0;
    }
}

/// Enters a position at which the three octets of `key` stand; gives the one that had its place.
#[inline]
fn enter<C: Coding>(heads: &mut [u16], chain: &mut [u16], key: u32, position: u16) -> u16 {
    // The upper bits of the product depend on all of the key: as many of them as number the heads.
    let hash = key.wrapping_mul(0x9e37_79b1) >> 16;
    let slot = hash.wrapping_mul(heads.len() as u32) >> 16;
    let Some(head) = heads.get_mut(slot as usize) else {
        return position;
    };
    let before = core::mem::replace(head, position);
    if C::EFFORT.candidates == 1 {
        return before;
    }
    let mask = chain.len().wrapping_sub(1);
    if let Some(link) = chain.get_mut(usize::from(position) & mask) {
        *link = before;
    }
    before
}

fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
