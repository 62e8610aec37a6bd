//! The receive side of permessage-deflate (RFC 7692 §7.2.2).

use super::engine::{Engine, InflateState, Step, Stop, TAIL};
use super::negotiate::{Agreed, Parameter, Refusal};
use crate::buffer::Storage;
use crate::compression::{Decompress, Decompressed};
use crate::error::{Error, Violation};

/// What one message may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Octets of a message after inflation; the memory may hold less. 16 MiB by default.
    pub message: u64,
    /// Octets of a message's payload on the wire. `None`: as many as the message may have, and 64
    /// KiB. Otherwise blocks without output would cost work without end.
    pub wire: Option<u64>,
}

impl Limits {
    /// Limits for messages of at most `message` octets.
    #[must_use]
    pub const fn new(message: u64) -> Self {
        Self {
            message,
            wire: None,
        }
    }

    /// The same with a limit of its own for the payload on the wire.
    #[must_use]
    pub const fn with_wire(mut self, wire: u64) -> Self {
        self.wire = Some(wire);
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new(16 * 1024 * 1024)
    }
}

/// Inflates messages in the memory it was given.
///
/// One inflater serves both deliveries, message by message, with and without context takeover:
///
/// | | server context takeover | `server_no_context_takeover` |
/// |---|---|---|
/// | pieces | a ring of one window at the front of the memory | the same ring; a message that ends before the memory is full needs none |
/// | whole message | the ring, and the message behind it | the message itself is the window: all memory holds message |
///
/// So memory of `2^bits` octets is enough for pieces, `2^bits + message` for whole messages with
/// takeover, and `message` for whole messages without, whatever the server's window.
///
/// A distance that reaches before the first octet of history is refused in all four, and so is
/// one larger than the negotiated window wherever the ring is in use. In the fourth it may
/// reach farther, never before the message (the engine tells no distances).
///
/// A connection does what follows by itself. By hand, with the first example of RFC 7692 §7.2.3.1:
///
/// ```
/// use bare_ws::compression::Decompress;
/// use bare_ws::deflate::negotiate::Agreed;
/// use bare_ws::deflate::{InflateState, Inflater};
///
/// // A window of 10 bits, and messages of up to 512 octets.
/// let mut inflater = Inflater::new(InflateState::new(), [0; 1024 + 512]);
/// let agreed = Agreed {
///     receive_window_bits: 10,
///     receive_no_context_takeover: false,
///     send_window_bits: 10,
///     send_no_context_takeover: false,
/// };
/// assert_eq!(inflater.configure(Some(&agreed)), Ok(()));
///
/// inflater.begin(true);
/// let done = inflater.decompress(b"\xf2\x48\xcd\xc9\xc9\x07\x00", true);
/// assert!(done.is_ok_and(|done| done.finished));
/// assert_eq!(inflater.output(), b"Hello");
/// inflater.release();
/// ```
pub struct Inflater<M, E = InflateState> {
    memory: M,
    engine: E,
    limits: Limits,
    /// The memory is not for whole messages.
    pieces_only: bool,
    course: Course,
}

/// The memory holds payload, which may be secret; it is not shown.
impl<M, E> core::fmt::Debug for Inflater<M, E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Inflater")
            .field("limits", &self.limits)
            .field("active", &self.course.active)
            .finish_non_exhaustive()
    }
}

impl<M: Storage, E: Engine> Inflater<M, E> {
    /// An inflater that is not active until [`configure`](Self::configure) tells it what was
    /// negotiated.
    pub fn new(engine: E, memory: M) -> Self {
        Self {
            memory,
            engine,
            limits: Limits::default(),
            pieces_only: false,
            course: Course::default(),
        }
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the limits, for the messages that begin from now on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// What was negotiated for a new connection: all history is forgotten. `None`: no
    /// permessage-deflate.
    ///
    /// # Errors
    /// [`Refusal::Window`] when the memory cannot hold the server's window and must.
    pub fn configure(&mut self, agreed: Option<&Agreed>) -> Result<(), Refusal> {
        self.course = Course::default();
        self.engine.reset();
        let Some(agreed) = agreed else {
            return Ok(());
        };
        // zlib compressors that were asked for 8 use 9, and are in wide use; see `negotiate`.
        let window = 1 << agreed.receive_window_bits.clamp(9, 15);
        let takeover = !agreed.receive_no_context_takeover;
        if takeover {
            grow(&mut self.memory, window)
                .map_err(|_| Refusal::Window(Parameter::ServerMaxWindowBits))?;
        }
        // Octets of another connection are never history: `wrapped` is what makes them so.
        self.course = Course {
            active: true,
            #[cfg(feature = "zlib-rs")]
            ringed: self.engine.keeps_history().then_some(0),
            takeover,
            window,
            ..Course::default()
        };
        Ok(())
    }

    /// No permessage-deflate, as before [`configure`](Self::configure).
    pub(super) fn deactivate(&mut self) {
        self.course = Course::default();
    }

    pub(super) fn pieces_only(&mut self) {
        self.pieces_only = true;
    }

    pub(super) fn memory(&self) -> &M {
        &self.memory
    }

    /// The memory and the engine, for another use.
    pub fn into_parts(self) -> (M, E) {
        (self.memory, self.engine)
    }
}

impl<M: Storage, E: Engine> Decompress for Inflater<M, E> {
    fn is_active(&self) -> bool {
        self.course.active
    }

    fn holds_messages(&self) -> bool {
        !self.pieces_only
    }

    fn begin(&mut self, whole: bool) {
        self.memory.used(self.course.held());
        #[cfg(feature = "zlib-rs")]
        self.course.keep(&mut self.memory);
        self.memory.give_back(self.course.kept());
        self.course.begin(&mut self.engine, whole);
    }

    fn decompress(&mut self, input: &[u8], last: bool) -> Result<Decompressed, Error> {
        self.course
            .decompress(&mut self.engine, &mut self.memory, self.limits, input, last)
    }

    fn output(&self) -> &[u8] {
        let course = &self.course;
        let (from, to) = match course.delivery() {
            Delivery::Pieces => (course.start, course.position),
            Delivery::Linear => (0, course.position),
            _ => (course.window, course.window.saturating_add(course.gathered)),
        };
        self.memory.octets().get(from..to).unwrap_or_default()
    }

    fn release(&mut self) {
        self.course.start = self.course.position;
    }

    fn has_grown(&self) -> bool {
        self.memory.has_grown() && self.memory.octets().len() > self.course.kept()
    }

    fn shrink(&mut self) {
        #[cfg(feature = "zlib-rs")]
        self.course.keep(&mut self.memory);
        self.memory.shrink(self.course.kept());
    }
}

/// How far the connection and its open message are. Knows neither memory nor engine by type.
#[derive(Clone, Copy, Debug, Default)]
struct Course {
    active: bool,
    takeover: bool,
    /// Octets of the LZ77 window.
    window: usize,
    /// The open message is to be gathered whole.
    whole: bool,
    /// An error ended the stream: its context is gone.
    failed: bool,
    /// The engine stopped for want of room: output may be pending in it.
    blocked: bool,
    /// The ring was filled once: all of it is history.
    wrapped: bool,
    /// Where the next octet is written.
    position: usize,
    /// Where the octets begin that were not released yet.
    start: usize,
    /// Octets of the message behind the ring, ...
    gathered: usize,
    /// ... and how many of them are in the ring as well, if the engine keeps the history by itself.
    #[cfg(feature = "zlib-rs")]
    ringed: Option<usize>,
    /// Octets of the message, inflated.
    produced: u64,
    /// Octets of the message, on the wire.
    taken: u64,
    /// The last four octets of the payload.
    recent: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Delivery {
    /// Out of the ring.
    Pieces,
    /// Through the ring, to the message behind it.
    Gathered,
    /// To the message behind the ring, which gets the end of it before the next begins.
    #[cfg(feature = "zlib-rs")]
    Beside,
    /// The message is its own window.
    Linear,
}

/// Where the next octets may go.
enum Room {
    /// To `memory[..end]`, so many of them.
    Octets { end: usize, room: usize },
    /// Nowhere before the output is released.
    Release,
}

impl Course {
    fn delivery(&self) -> Delivery {
        match (self.whole, self.takeover) {
            (false, _) => Delivery::Pieces,
            #[cfg(feature = "zlib-rs")]
            (true, true) if self.ringed.is_some() => Delivery::Beside,
            (true, true) => Delivery::Gathered,
            (true, false) => Delivery::Linear,
        }
    }

    /// Whether the message goes past the ring.
    fn is_beside(&self) -> bool {
        #[cfg(feature = "zlib-rs")]
        return self.delivery() == Delivery::Beside;
        #[cfg(not(feature = "zlib-rs"))]
        false
    }

    /// Octets of the memory that the message before has needed. With context takeover they are no
    /// fewer than the window, which stays.
    fn held(&self) -> usize {
        match self.delivery() {
            Delivery::Linear => self.position,
            // Of pieces none is gathered.
            _ => self.window.saturating_add(self.gathered),
        }
    }

    /// Octets of the memory that stay between two messages: the history, where there is any.
    fn kept(&self) -> usize {
        if self.takeover { self.window } else { 0 }
    }

    fn begin<E: Engine>(&mut self, engine: &mut E, whole: bool) {
        self.whole = whole;
        self.blocked = false;
        self.gathered = 0;
        #[cfg(feature = "zlib-rs")]
        if let Some(ringed) = &mut self.ringed {
            *ringed = 0;
        }
        self.produced = 0;
        self.taken = 0;
        self.recent = 0;
        if !self.takeover {
            engine.reset();
            self.position = 0;
            self.wrapped = false;
        }
        self.start = self.position;
    }

    fn decompress<E: Engine>(
        &mut self,
        engine: &mut E,
        memory: &mut dyn Storage,
        limits: Limits,
        input: &[u8],
        last: bool,
    ) -> Result<Decompressed, Error> {
        if self.failed {
            return Err(Violation::CorruptCompression.into());
        }
        let result = self.advance(engine, memory, limits, input, last);
        self.failed = result.is_err();
        result
    }

    fn advance<E: Engine>(
        &mut self,
        engine: &mut E,
        memory: &mut dyn Storage,
        limits: Limits,
        input: &[u8],
        last: bool,
    ) -> Result<Decompressed, Error> {
        let limit = self.limit(memory, limits);
        let wire = limits.wire.unwrap_or_else(|| limit.saturating_add(1 << 16));
        let taken = self.taken.saturating_add(input.len() as u64);
        if taken > wire {
            return Err(over(taken, wire));
        }
        let mut consumed = 0;
        loop {
            let rest = input.get(consumed..).unwrap_or_default();
            if rest.is_empty() && !self.blocked {
                break;
            }
            let Room::Octets { end, room } = self.room(memory, limit)? else {
                return Ok(Decompressed {
                    consumed,
                    finished: false,
                });
            };
            let wraps = self.wrapped && self.delivery() != Delivery::Linear;
            let is_beside = self.is_beside();
            let at = if is_beside {
                self.window.saturating_add(self.gathered)
            } else {
                self.position
            };
            let window = memory.octets_mut().get_mut(..end).unwrap_or_default();
            let Step {
                consumed: more,
                produced,
                stop,
            } = engine.inflate(rest, window, at, room, wraps);
            consumed = consumed.saturating_add(more);
            self.remember(rest.get(..more).unwrap_or_default());
            self.produced = self.produced.saturating_add(produced as u64);
            if is_beside {
                self.gathered = self.gathered.saturating_add(produced);
            } else {
                self.position = self.position.saturating_add(produced);
                self.gather(memory)?;
            }
            self.blocked = stop == Stop::Room;
            match stop {
                Stop::Input => {}
                Stop::Room if room > 0 => {}
                // At the limit: whether more output is due shows only by input that stays.
                Stop::Room if rest.is_empty() => break,
                Stop::Room if more == 0 => return Err(over(limit.saturating_add(1), limit)),
                Stop::Room => {}
                #[cfg(feature = "zlib-rs")]
                Stop::Final if is_beside => {
                    self.keep(memory);
                    let ring = memory.octets().get(..self.window).unwrap_or_default();
                    engine.resume(ring, self.position, self.wrapped);
                }
                Stop::Final => {
                    let window = memory.octets().get(..end).unwrap_or_default();
                    engine.resume(window, self.position, wraps);
                }
                Stop::Corrupt => return Err(Violation::CorruptCompression.into()),
            }
        }
        if last && !engine.finish(self.recent == u32::from_be_bytes(TAIL)) {
            return Err(if self.blocked {
                over(limit.saturating_add(1), limit)
            } else {
                Violation::CorruptCompression.into()
            });
        }
        if last {
            self.blocked = false;
        }
        Ok(Decompressed {
            consumed,
            finished: true,
        })
    }

    /// Octets that the open message may have.
    fn limit(&self, memory: &dyn Storage, limits: Limits) -> u64 {
        let fixed = (!memory.can_grow()).then(|| memory.octets().len());
        let held = match (self.delivery(), fixed) {
            (_, None) => u64::MAX,
            // Less than a window is no ring: a distance could be lawful and out of reach.
            (Delivery::Pieces, Some(fixed)) if fixed < self.window => fixed as u64,
            (Delivery::Pieces, Some(_)) => u64::MAX,
            (Delivery::Linear, Some(fixed)) => fixed as u64,
            (_, Some(fixed)) => fixed.saturating_sub(self.window) as u64,
        };
        limits.message.min(held)
    }

    fn room(&mut self, memory: &mut dyn Storage, limit: u64) -> Result<Room, Error> {
        let left = usize::try_from(limit.saturating_sub(self.produced)).unwrap_or(usize::MAX);
        if self.is_beside() {
            let at = self.window.saturating_add(self.gathered);
            if at >= memory.octets().len() && left > 0 {
                let more = self.gathered.max(1024).min(left);
                grow(memory, at.saturating_add(more))?;
            }
            let end = memory.octets().len();
            return Ok(Room::Octets {
                end,
                room: end.saturating_sub(at).min(left),
            });
        }
        let end = if self.delivery() == Delivery::Linear {
            if self.position == memory.octets().len() && left > 0 {
                let more = self.position.max(1024).min(left);
                grow(memory, self.position.saturating_add(more))?;
            }
            // All of the message is lent, also what lies more than a window back: a match that
            // stopped for want of room goes on with the distance that it began with, which must
            // not lead out of what is lent then.
            memory.octets().len()
        } else {
            if memory.can_grow() {
                grow(memory, self.window)?;
            }
            let end = self.window.min(memory.octets().len());
            if self.position == end && left > 0 {
                if self.start < self.position {
                    return Ok(Room::Release);
                }
                self.wrapped = true;
                self.position = 0;
                self.start = 0;
            }
            end
        };
        Ok(Room::Octets {
            end,
            room: end.saturating_sub(self.position).min(left),
        })
    }

    /// Copies the end of a message that went past the ring into it: after a block with BFINAL, an engine has no
    /// history but this.
    #[cfg(feature = "zlib-rs")]
    fn keep(&mut self, memory: &mut dyn Storage) {
        let Some(ringed) = self.ringed.filter(|_| self.is_beside()) else {
            return;
        };
        self.ringed = Some(self.gathered);
        let fresh = self.gathered.saturating_sub(ringed);
        let from = self.gathered.saturating_sub(fresh.min(self.window));
        let octets = memory.octets_mut();
        let Some((ring, message)) = octets.split_at_mut_checked(self.window) else {
            return;
        };
        let mut rest = message.get(from..self.gathered).unwrap_or_default();
        while !rest.is_empty() {
            if self.position >= ring.len() {
                self.wrapped = true;
                self.position = 0;
            }
            let to = ring.get_mut(self.position..).unwrap_or_default();
            let n = to.len().min(rest.len());
            let Some((piece, left)) = rest.split_at_checked(n).filter(|_| n > 0) else {
                return;
            };
            for (to, from) in to.iter_mut().zip(piece) {
                *to = *from;
            }
            self.position = self.position.saturating_add(n);
            rest = left;
        }
        self.start = self.position;
    }

    /// Takes a whole message's octets out of the ring.
    fn gather(&mut self, memory: &mut dyn Storage) -> Result<(), Error> {
        if self.delivery() != Delivery::Gathered {
            return Ok(());
        }
        let fresh = self.position.saturating_sub(self.start);
        let to = self.window.saturating_add(self.gathered);
        grow(memory, to.saturating_add(fresh))?;
        if let Some((ring, message)) = memory.octets_mut().split_at_mut_checked(self.window) {
            let from = ring.get(self.start..self.position).unwrap_or_default();
            let to = message.get_mut(self.gathered..).unwrap_or_default();
            for (to, from) in to.iter_mut().zip(from) {
                *to = *from;
            }
        }
        self.gathered = self.gathered.saturating_add(fresh);
        self.start = self.position;
        Ok(())
    }

    fn remember(&mut self, taken: &[u8]) {
        self.taken = self.taken.saturating_add(taken.len() as u64);
        for &octet in taken.iter().skip(taken.len().saturating_sub(TAIL.len())) {
            self.recent = self.recent << 8 | u32::from(octet);
        }
    }
}

fn grow(memory: &mut dyn Storage, len: usize) -> Result<(), Error> {
    if memory.grow(len) {
        Ok(())
    } else {
        Err(Error::OutOfMemory { needed: len as u64 })
    }
}

fn over(needed: u64, limit: u64) -> Error {
    Error::TooLong { needed, limit }
}
