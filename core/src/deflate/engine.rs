//! What decodes DEFLATE (RFC 1951), and the engine for every target: `miniz_oxide`.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY,
    TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress_with_limit};

/// RFC 7692 §7.2.2: "Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the payload of
/// the message."
pub(super) const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// A decoder of raw DEFLATE, over memory that its caller lends it at each step.
pub trait Engine {
    /// A new stream with no history.
    fn reset(&mut self);

    /// A new stream with the history that `window` holds before `position` (after a block with
    /// BFINAL, RFC 7692 §7.2.3.4).
    fn resume(&mut self, window: &[u8], position: usize, wraps: bool);

    /// Decodes at most `room` octets to `window[position..]`.
    ///
    /// `wraps`: `window` is a full ring, whose oldest octet stands at `position`; its length is
    /// a power of two. Else only `window[..position]` is history.
    fn inflate(
        &mut self,
        input: &[u8],
        window: &mut [u8],
        position: usize,
        room: usize,
        wraps: bool,
    ) -> Step;

    /// The payload of a message is in, all of its output is out: whether it ends as it must.
    /// `tail_seen`: the payload itself ends with the four octets that it must not have.
    fn finish(&mut self, tail_seen: bool) -> bool;

    /// Whether it holds the history by itself, and reads none from `window` but in
    /// [`resume`](Self::resume): its output may then go anywhere.
    fn keeps_history(&self) -> bool {
        false
    }
}

/// How far a step of an [`Engine`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Octets of the input that were taken.
    pub consumed: usize,
    /// Octets that were decoded.
    pub produced: usize,
    /// Why it stopped.
    pub stop: Stop,
}

/// Why a step of an [`Engine`] stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// All input was taken, all its output was written.
    Input,
    /// There was no more room; output may be pending.
    Room,
    /// A block with BFINAL ended.
    Final,
    /// No DEFLATE, a distance that reaches too far, or blocks shorter than any compressor makes.
    Corrupt,
}

/// What each block costs of the input's octets. For each but a stored one `miniz_oxide` makes its
/// tables anew, though it may be as short as ten bits. A compressor that flushes after each octet
/// makes two blocks of seven octets.
const BLOCK: usize = 3;

/// The most octets that are left over for shorter blocks, and with how many a stream begins.
const LEFT_OVER: usize = 4096;

impl<E: Engine + ?Sized> Engine for &mut E {
    fn reset(&mut self) {
        (**self).reset();
    }

    fn resume(&mut self, window: &[u8], position: usize, wraps: bool) {
        (**self).resume(window, position, wraps);
    }

    fn inflate(
        &mut self,
        input: &[u8],
        window: &mut [u8],
        position: usize,
        room: usize,
        wraps: bool,
    ) -> Step {
        (**self).inflate(input, window, position, room, wraps)
    }

    fn finish(&mut self, tail_seen: bool) -> bool {
        (**self).finish(tail_seen)
    }

    fn keeps_history(&self) -> bool {
        (**self).keeps_history()
    }
}

#[cfg(feature = "alloc")]
impl<E: Engine + ?Sized> Engine for alloc::boxed::Box<E> {
    fn reset(&mut self) {
        (**self).reset();
    }

    fn resume(&mut self, window: &[u8], position: usize, wraps: bool) {
        (**self).resume(window, position, wraps);
    }

    fn inflate(
        &mut self,
        input: &[u8],
        window: &mut [u8],
        position: usize,
        room: usize,
        wraps: bool,
    ) -> Step {
        (**self).inflate(input, window, position, room, wraps)
    }

    fn finish(&mut self, tail_seen: bool) -> bool {
        (**self).finish(tail_seen)
    }

    fn keeps_history(&self) -> bool {
        (**self).keeps_history()
    }
}

/// The state of `miniz_oxide`: 10.5 KB, on every target, whatever the window.
///
/// It is large for a stack. On a board let a static own it: `StaticCell<InflateState>` and
/// `CELL.init_with(InflateState::new)` writes it in place, and `&'static mut InflateState` is an [`Engine`].
pub struct InflateState {
    decompressor: DecompressorOxide,
    /// Since the stream began nothing was decoded: `miniz_oxide` then does not yet say that it
    /// stands at a block boundary.
    fresh: bool,
    /// Octets of the input that no block has cost yet.
    left_over: usize,
}

impl InflateState {
    /// A state with no history.
    #[must_use]
    #[inline]
    pub fn new() -> Self {
        Self {
            decompressor: DecompressorOxide::new(),
            fresh: true,
            left_over: LEFT_OVER,
        }
    }

    /// Takes note of input, and of a block that has ended in it: whether its octets were enough.
    fn pays(&mut self, octets: usize, ended: bool) -> bool {
        let cost = if ended { BLOCK } else { 0 };
        let earned = self.left_over.saturating_add(octets);
        self.left_over = earned.saturating_sub(cost).min(LEFT_OVER);
        earned >= cost
    }

    /// Between two blocks, and not a bit beyond.
    fn at_boundary(&self) -> bool {
        // Asked for only where fewer than 3 bits can be pending: `miniz_oxide` goes on to the
        // block's header, since we go on from every boundary.
        self.fresh
            || self
                .decompressor
                .block_boundary_state()
                .is_some_and(|boundary| boundary.num_bits == 0)
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

impl Engine for InflateState {
    fn reset(&mut self) {
        self.decompressor.init();
        self.fresh = true;
    }

    fn resume(&mut self, _: &[u8], _: usize, _: bool) {
        // The history is the lent memory itself.
        self.reset();
    }

    #[inline(never)]
    fn inflate(
        &mut self,
        input: &[u8],
        window: &mut [u8],
        position: usize,
        room: usize,
        wraps: bool,
    ) -> Step {
        let mut flags = TINFL_FLAG_HAS_MORE_INPUT | TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY;
        if !wraps {
            flags |= TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        }
        let mut step = Step {
            consumed: 0,
            produced: 0,
            stop: Stop::Corrupt,
        };
        loop {
            let (status, consumed, produced) = decompress_with_limit(
                &mut self.decompressor,
                input.get(step.consumed..).unwrap_or_default(),
                window,
                position.saturating_add(step.produced),
                room.saturating_sub(step.produced),
                flags,
            );
            step.consumed = step.consumed.saturating_add(consumed);
            step.produced = step.produced.saturating_add(produced);
            if step.consumed > 0 {
                self.fresh = false;
            }
            let ended = matches!(status, TINFLStatus::BlockBoundary | TINFLStatus::Done);
            if !self.pays(consumed, ended) {
                return step;
            }
            step.stop = match status {
                TINFLStatus::BlockBoundary => continue,
                TINFLStatus::NeedsMoreInput => Stop::Input,
                TINFLStatus::HasMoreOutput => Stop::Room,
                TINFLStatus::Done => Stop::Final,
                _ => Stop::Corrupt,
            };
            return step;
        }
    }

    fn finish(&mut self, _: bool) -> bool {
        // A message that ends on a block boundary needs no tail: a compressor that left its
        // final empty block complete, one that ended with BFINAL, a payload of no octets. The
        // tail would read as the header of a stored block there.
        if self.at_boundary() {
            return true;
        }
        // In a right message the tail gives no output: it gets no room for any.
        let step = self.inflate(&TAIL, &mut [], 0, 0, false);
        step.consumed == TAIL.len() && step.stop != Stop::Corrupt && self.at_boundary()
    }
}
