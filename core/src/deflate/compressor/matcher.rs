//! The LZ77 window and the match finder.

use core::fmt;

use super::coding::{Batch, Sequence};

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
    pub(super) effort: Effort,
}

/// Without payload data.
impl<C> fmt::Debug for Parts<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// How hard matches are looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    /// Candidates that are compared.
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
    /// Distances reach so far, ...
    limit: usize,
    /// ... and not before here.
    floor: usize,
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
        floor: 0,
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
                self.indexed = self.floor;
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
        let free = parts.window.get_mut(self.end..).unwrap_or_default();
        let taken = free.len().min(input.len());
        for (to, from) in free.iter_mut().zip(input) {
            *to = *from;
        }
        self.end += taken;
        taken
    }

    fn slide(&mut self, window: &mut [u8]) {
        let by = self.next.saturating_sub(self.limit);
        let held = window.get_mut(..self.end).unwrap_or_default();
        if by == 0 || by > held.len() {
            return;
        }
        held.copy_within(by.., 0);
        self.base = self.base.wrapping_add(by as u16);
        self.floor = self.floor.saturating_sub(by);
        self.indexed = self.indexed.saturating_sub(by);
        self.batch -= by;
        self.run = self.run.saturating_sub(by);
        self.next -= by;
        self.end -= by;
        self.message = self.message.and_then(|message| message.checked_sub(by));
    }

    /// Finds matches. `all`: no octet follows. `true`: the batch must be closed to go on.
    pub(super) fn search<C>(&mut self, parts: &mut Parts<'_, C>, all: bool) -> bool {
        // Without it a match could end for want of octets that come later.
        let margin = LONGEST.min((parts.window.len() - self.limit) / 2);
        let mut later = None;
        loop {
            let ahead = self.end.saturating_sub(self.next);
            if !all && ahead < margin.max(1) {
                // No more fits: what follows must wait until this batch is gone.
                return self.end == parts.window.len() && self.batch < self.next;
            }
            if ahead == 0 {
                return true;
            }
            if self.count + 2 > parts.sequences.len() || self.next - self.batch >= 1 << 15 {
                return true;
            }
            let found = later
                .take()
                .or_else(|| self.find(parts, self.next, SHORTEST - 1));
            let Some(found) = found else {
                self.literal(parts);
                continue;
            };
            if found.length < usize::from(parts.effort.lazy) && ahead > found.length {
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

    /// A match at `at` that is longer than `longest`.
    fn find<C>(
        &mut self,
        parts: &mut Parts<'_, C>,
        at: usize,
        mut longest: usize,
    ) -> Option<Match> {
        self.index(parts, at);
        let window = &*parts.window;
        let ahead = window.get(at..self.end)?;
        let ahead = ahead.get(..LONGEST).unwrap_or(ahead);
        let reach = self.limit.min(at - self.floor);
        let mask = parts.chain.len().wrapping_sub(1);
        let mut candidate = *parts.heads.get(slot(ahead, parts.heads.len())?)?;
        let mut nearest = 0;
        let mut best = None;
        for _ in 0..parts.effort.candidates {
            let distance = usize::from(self.position(at).wrapping_sub(candidate));
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
                    if length >= usize::from(parts.effort.nice) || length == ahead.len() {
                        break;
                    }
                }
            }
            match parts.chain.get(usize::from(candidate) & mask) {
                Some(before) => candidate = *before,
                None => break,
            }
        }
        best
    }

    /// Enters all positions before `to` in the tables.
    fn index<C>(&mut self, parts: &mut Parts<'_, C>, to: usize) {
        let mask = parts.chain.len().wrapping_sub(1);
        while self.indexed < to {
            let octets = parts.window.get(self.indexed..self.end).unwrap_or_default();
            let Some(slot) = slot(octets, parts.heads.len()) else {
                break;
            };
            let position = self.position(self.indexed);
            if let Some(head) = parts.heads.get_mut(slot) {
                if let Some(before) = parts.chain.get_mut(usize::from(position) & mask) {
                    *before = *head;
                }
                *head = position;
            }
            self.indexed += 1;
        }
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

    /// Every octet taken is in a batch, or written out.
    pub(super) fn is_searched(&self) -> bool {
        self.next == self.end
    }
}

/// Where the next octets' hash stands; `None`: there are too few of them.
fn slot(octets: &[u8], heads: usize) -> Option<usize> {
    let [a, b, c] = *octets.first_chunk()?;
    let key = u32::from_le_bytes([a, b, c, 0]);
    // The upper bits of the product depend on all of the key.
    let hash = key
        .wrapping_mul(0x9e37_79b1)
        .rotate_left(heads.trailing_zeros());
    Some(hash as usize & heads.wrapping_sub(1))
}

fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
