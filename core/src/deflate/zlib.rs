//! The same two stages by `zlib-rs`, for hosts: faster, with more memory, on the heap.
//!
//! What differs: the engine holds a window of 32 KiB of its own and checks distances against
//! what was decoded, not against a smaller window that was negotiated.

use alloc::boxed::Box;

use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush, Status};

use super::client::Configure;
use super::engine::{Engine, Step, Stop, TAIL};
use super::negotiate::Agreed;
use crate::compression::{Compress, Compressed};

/// The state of `zlib-rs`' inflater: 47.5 KB on the heap.
pub struct InflateState {
    inflate: Inflate,
    /// Since the stream or the message began nothing was decoded.
    fresh: bool,
}

impl InflateState {
    /// A state with no history.
    #[must_use]
    pub fn new() -> Self {
        Self {
            inflate: Inflate::new(false, 15),
            fresh: true,
        }
    }
}

impl Default for InflateState {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for InflateState {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("InflateState").finish_non_exhaustive()
    }
}

impl InflateState {
    fn step(
        &mut self,
        input: &[u8],
        output: &mut [u8],
        flush: InflateFlush,
    ) -> (Option<Status>, usize, usize) {
        let before = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(input, output, flush).ok();
        // Both differences are at most the lengths of the slices.
        let consumed = (self.inflate.total_in() - before.0) as usize;
        let produced = (self.inflate.total_out() - before.1) as usize;
        self.fresh &= consumed == 0;
        (status, consumed, produced)
    }
}

impl Engine for InflateState {
    fn reset(&mut self) {
        self.inflate.reset(false);
        self.fresh = true;
    }

    fn resume(&mut self, window: &[u8], position: usize, wraps: bool) {
        self.reset();
        let (newer, older) = window.split_at_checked(position).unwrap_or_default();
        // A raw stream takes a dictionary at any time; the newer part follows the older.
        if wraps {
            let _ = self.inflate.set_dictionary(older);
        }
        let _ = self.inflate.set_dictionary(newer);
    }

    fn inflate(
        &mut self,
        input: &[u8],
        window: &mut [u8],
        position: usize,
        room: usize,
        _: bool,
    ) -> Step {
        let end = position.saturating_add(room);
        let output = window.get_mut(position..end).unwrap_or_default();
        let (status, consumed, produced) = self.step(input, output, InflateFlush::NoFlush);
        Step {
            consumed,
            produced,
            stop: match status {
                None => Stop::Corrupt,
                Some(Status::StreamEnd) => Stop::Final,
                Some(_) if produced == room => Stop::Room,
                Some(_) => Stop::Input,
            },
        }
    }

    fn keeps_history(&self) -> bool {
        true
    }

    /// The safe interface has no test for a block boundary. But with `Block` the engine stops
    /// right behind a block, and leaves an octet more where it is: so at the end of a right
    /// message it takes the tail, no octet less, no octet more, and gives no output.
    fn finish(&mut self, tail_seen: bool) -> bool {
        if self.fresh {
            return true;
        }
        let mut probe = [0; 6];
        // The tail is there already: a whole empty block then, which is as good a probe.
        let header = usize::from(tail_seen);
        let len = header + TAIL.len();
        for (to, from) in probe.iter_mut().skip(header).zip(TAIL) {
            *to = from;
        }
        let input = probe.get(..=len).unwrap_or_default();
        let (status, consumed, produced) = self.step(input, &mut [0; 8], InflateFlush::Block);
        self.fresh = matches!(status, Some(Status::Ok)) && consumed == len && produced == 0;
        self.fresh
    }
}

/// Compresses messages by `zlib-rs`.
pub struct Compressor {
    deflate: Option<Deflate>,
    level: i32,
    threshold: Option<usize>,
    takeover: bool,
    /// A message is open.
    open: bool,
    /// The open message has octets.
    fed: bool,
    /// The engine has written all that it has.
    flushed: bool,
    /// What the engine wrote, `written.0..written.1` of it not yet given out.
    buffer: Box<[u8]>,
    written: (usize, usize),
}

impl Compressor {
    /// A compressor of the given level (1 to 9) that is not active until
    /// [`configure`](Self::configure) tells it what was negotiated.
    ///
    /// Level 1 is by far the fastest with context takeover, but has fixed codes only: without
    /// takeover take 2 or more.
    #[must_use]
    pub fn new(level: u8) -> Self {
        Self {
            deflate: None,
            level: i32::from(level.clamp(1, 9)),
            threshold: None,
            takeover: false,
            open: false,
            fed: false,
            flushed: false,
            buffer: alloc::vec![0; 4096].into(),
            written: (0, 0),
        }
    }

    /// The same, which leaves messages of fewer octets than `threshold` uncompressed.
    #[must_use]
    pub fn with_threshold(mut self, threshold: usize) -> Self {
        self.threshold = Some(threshold);
        self
    }

    /// Has the engine compress `input`; octets of it that were taken.
    fn feed(deflate: &mut Deflate, input: &[u8], buffer: &mut [u8], last: bool) -> (usize, usize) {
        let before = (deflate.total_in(), deflate.total_out());
        let flush = if last {
            DeflateFlush::SyncFlush
        } else {
            DeflateFlush::NoFlush
        };
        // It fails only for a state or parameters that cannot be here.
        let _ = deflate.compress(input, buffer, flush);
        (
            (deflate.total_in() - before.0) as usize,
            (deflate.total_out() - before.1) as usize,
        )
    }
}

impl core::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Compressor")
            .field("level", &self.level)
            .field("takeover", &self.takeover)
            .finish_non_exhaustive()
    }
}

impl Configure for Compressor {
    fn configure(&mut self, agreed: Option<&Agreed>) {
        self.open = false;
        self.written = (0, 0);
        self.takeover = agreed.is_some_and(|agreed| !agreed.send_no_context_takeover);
        // Raw streams of 8 bits are refused. With 9 no distance exceeds 512 - 262 = 250 octets,
        // so that 9 honours 8 as well.
        self.deflate = agreed
            .map(|agreed| Deflate::new(self.level, false, agreed.send_window_bits.clamp(9, 15)));
    }
}

impl Compress for Compressor {
    fn is_active(&self) -> bool {
        self.deflate.is_some()
    }

    fn wants(&self, len: Option<usize>) -> bool {
        let threshold = self
            .threshold
            .unwrap_or(if self.takeover { 32 } else { 512 });
        self.is_active() && len.is_none_or(|len| len >= threshold)
    }

    fn compress(&mut self, input: &[u8], last: bool, output: &mut [u8]) -> Compressed {
        let Some(deflate) = &mut self.deflate else {
            return Compressed {
                consumed: input.len(),
                produced: 0,
                finished: true,
            };
        };
        if !self.open {
            self.open = true;
            self.fed = false;
            self.flushed = false;
            self.written = (0, 0);
            if !self.takeover {
                deflate.reset();
            }
        }
        let mut consumed = 0;
        let mut produced = 0;
        loop {
            // The last four octets may be the tail, which is left away (RFC 7692 §7.2.1): they
            // stay until more follows.
            let (from, to) = self.written;
            let ready = self
                .buffer
                .get(from..to.saturating_sub(TAIL.len()))
                .unwrap_or_default();
            let room = output.get_mut(produced..).unwrap_or_default();
            let more = ready.len().min(room.len());
            for (to, from) in room.iter_mut().zip(ready) {
                *to = *from;
            }
            produced += more;
            self.written.0 += more;
            if more < ready.len() {
                break;
            }
            if self.flushed {
                if last && consumed == input.len() {
                    self.open = false;
                    return Compressed {
                        consumed,
                        produced,
                        finished: true,
                    };
                }
                // Whoever gave the last piece gave up midway: the message goes on, its tail too.
                self.flushed = false;
            }
            let rest = input.get(consumed..).unwrap_or_default();
            if rest.is_empty() && !last {
                return Compressed {
                    consumed,
                    produced,
                    finished: true,
                };
            }
            let (from, to) = self.written;
            self.fed |= !rest.is_empty();
            if !self.fed {
                // The engine flushes nothing when there is nothing new: RFC 7692 §7.2.3.6.
                if let Some(empty) = self.buffer.first_chunk_mut() {
                    *empty = [0x00, 0x00, 0x00, 0xff, 0xff];
                }
                self.written = (0, 5);
                self.flushed = true;
                continue;
            }
            self.buffer.copy_within(from..to, 0);
            self.written = (0, to - from);
            let free = self.buffer.get_mut(self.written.1..).unwrap_or_default();
            let room = free.len();
            let (taken, written) = Self::feed(deflate, rest, free, last);
            consumed += taken;
            self.written.1 += written;
            // With room left there is nothing pending. (Called again after a flush that came
            // out even, the engine writes nothing more.)
            self.flushed = last && consumed == input.len() && written < room;
        }
        Compressed {
            consumed,
            produced,
            finished: false,
        }
    }

    fn forget(&mut self) {
        // The engine cannot go back: it forgets all of its history.
        if let Some(deflate) = &mut self.deflate {
            deflate.reset();
        }
        self.open = false;
        self.written = (0, 0);
    }
}
