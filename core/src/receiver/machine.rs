//! The state of a receiver, apart from whose memory it is.

mod frames;

use super::{Delivery, Limits, Step, StepError};
use crate::buffer::{Places, READ_AHEAD, Storage};
use crate::closing::{Inbound, Owed};
use crate::compression::Decompress;
use crate::error::{Error, Failure, Violation};
use crate::header::{MAX_CONTROL, MAX_HEADER};
use crate::mask::MaskingKey;
use crate::message::MessageKind;
use crate::octets;
use crate::opcode::Opcode;
use crate::role::Role;
use crate::utf8::Utf8;

/// In this order, single octets first and the large slot last: on small boards what stands near
/// the front is reached with less code.
#[derive(Clone)]
#[repr(C)]
pub(super) struct Machine {
    /// With what is announced, the message ends.
    pub(super) message_ends: bool,
    /// A compressed message was delivered as frames, around the compression stage.
    stage_passed: bool,
    /// The transport has come to its end.
    pub(super) ended: bool,
    /// How far the transport may write ahead of what is known to be needed.
    ahead: Ahead,
    pub(super) announced: Announced,
    utf8: Utf8,
    pub(super) inbound: Inbound,
    pub(super) pongs: u16,
    /// The message that is not complete, or is announced.
    message: Option<OpenMessage>,
    /// The frame whose payload is being read, or is announced.
    pub(super) frame: Option<OpenFrame>,
    /// Octets of the message that were gathered, or delivered and released. Once a message or a
    /// buffer was too long: how long it would have been, and the limit is then the one it met.
    pub(super) total: u64,
    message_limit: u64,
    fragments_limit: u32,
    pub(super) fragments: u32,
    pub(super) places: Places,
    pub(super) owed: Owed,
}

/// What the last step announced: a borrow may be made of it until the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Announced {
    Nothing,
    Message,
    Chunk,
    Frame,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct OpenFrame {
    pub(super) opcode: Opcode,
    pub(super) fin: bool,
    pub(super) rsv1: bool,
    /// A Pong that is not looked at.
    passed_over: bool,
    /// As seen from the first octet that is still to come.
    pub(super) key: MaskingKey,
    pub(super) remaining: u64,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct OpenMessage {
    pub(super) kind: MessageKind,
    pub(super) compressed: bool,
    delivery: Delivery,
    /// How many of those that are gathered were checked to be UTF-8.
    checked: usize,
}

/// Where a look at the octets has led.
enum Found {
    /// The state has changed: look again.
    Again,
    Step(Step),
    /// A message begun at another level of delivery is in the way.
    OtherLevel,
}

/// How far the transport may write ahead, by the length of the last frame: it bounds what has to move when
/// the next message turns out longer than the rest of the buffer, and how much of a text is looked at twice for
/// having come in two pieces. In units of 1 KiB, which fit an octet; 0 stands for [`READ_AHEAD`].
#[derive(Clone, Copy)]
struct Ahead(u8);

impl Ahead {
    const UNIT: usize = 1024;
    /// Behind a short frame: many like it.
    const OF_SHORT: Self = Self(0);
    /// Behind a frame that is longer than all of that: a header, and a little.
    const OF_LONG: Self = Self(1);

    /// Behind a frame with that much payload.
    #[inline]
    const fn of(len: u64) -> Self {
        if cfg!(not(target_os = "none")) && len > SHORT && len <= READ_AHEAD as u64 {
            // One that is as long comes in one read. What it leaves free of the memory shows that there is no more.
            // Memory of boards is not so large.
            return Self((len as usize + 2 * MAX_HEADER).div_ceil(Self::UNIT) as u8);
        }
        if len > SHORT {
            Self::OF_LONG
        } else {
            Self::OF_SHORT
        }
    }

    /// `in_frame`: one is open. Behind its rest comes no other that is long: what came with each would add up, and
    /// all of it would move, or be looked at twice. So would one that has room in what is `free` of the memory only
    /// without its header, as where both are as long.
    #[inline]
    const fn octets(self, in_frame: bool, free: usize) -> usize {
        if self.0 == Self::OF_SHORT.0 {
            return READ_AHEAD;
        }
        let most = self.0 as usize * Self::UNIT;
        let has_room = free >= most - Self::UNIT + 2 * MAX_HEADER;
        if cfg!(not(target_os = "none")) && !in_frame && has_room {
            most
        } else {
            Self::UNIT
        }
    }
}

/// Frames with so many octets of payload are short.
const SHORT: u64 = 16 * 1024;

/// How many octets of a compressed frame may wait for the rest of it, where a look comes later: an engine decodes
/// them faster together.
const TOGETHER: usize = 64 * 1024;

impl Machine {
    pub(super) const fn new() -> Self {
        Self {
            places: Places {
                start: 0,
                end: 0,
                read: 0,
                filled: 0,
            },
            frame: None,
            message: None,
            total: 0,
            announced: Announced::Nothing,
            message_ends: false,
            stage_passed: false,
            ended: false,
            ahead: Ahead::OF_SHORT,
            utf8: Utf8::new(),
            inbound: Inbound::Open,
            owed: Owed::new(),
            fragments: 0,
            pongs: 0,
            message_limit: Limits::DEFAULT.message,
            fragments_limit: Limits::DEFAULT.fragments,
        }
    }

    /// For the messages that begin from now on.
    pub(super) fn set_limits(&mut self, limits: Limits) {
        if matches!(self.inbound, Inbound::Open) {
            self.message_limit = limits.message;
            self.fragments_limit = limits.fragments;
        }
    }

    /// The free part of the buffer. What was announced stays where it is.
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn spare<'b, B: Storage>(&mut self, storage: &'b mut B) -> &'b mut [u8] {
        if !matches!(self.inbound, Inbound::Open) {
            // Nothing that comes now is looked at: it is read only to see the end.
            self.places = Places::default();
            self.announced = Announced::Nothing;
        }
        let want = match self.frame {
            Some(frame) => usize::try_from(frame.remaining).unwrap_or(usize::MAX),
            None => MAX_HEADER + MAX_CONTROL,
        };
        if self.announced == Announced::Nothing {
            self.places.close_gap(storage.octets_mut());
            let free = storage.octets().len().saturating_sub(self.places.filled);
            if free < want || self.places.has_room_in_front_only(free) {
                self.places.compact(storage.octets_mut());
            }
            if self.message.is_none() {
                storage.give_back(self.places.filled);
            }
        }
        let filled = self.places.filled;
        if filled >= storage.octets().len() && storage.can_grow() {
            let needed = filled.saturating_add(1);
            if !storage.grow(needed) {
                self.total = needed as u64;
                self.fail(Failure::OutOfMemory);
                return &mut [];
            }
        }
        let octets = storage.octets_mut();
        let free = octets.len().saturating_sub(filled);
        let ahead = self.ahead.octets(self.frame.is_some(), free);
        // The next frame's header comes with the rest of this one: a read less, and a transport that has no
        // more leaves a part of the memory empty, which shows that it has none.
        let most = want.saturating_add(MAX_HEADER).max(ahead);
        octets::part_mut(octets, filled, free.min(most))
    }

    /// Whether something is gathered that was perhaps not looked at: text, or compressed octets.
    #[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
    #[inline]
    pub(super) fn holds_back(&self) -> bool {
        self.message.is_some_and(|message| {
            (message.kind == MessageKind::Text || message.compressed)
                && message.delivery == Delivery::Message
        })
    }

    /// Whether a message is not complete, or announced.
    pub(super) fn in_message(&self) -> bool {
        self.message.is_some()
    }

    pub(super) fn shrink<B: Storage>(&mut self, storage: &mut B) {
        if self.announced == Announced::Nothing {
            self.places.close_gap(storage.octets_mut());
            self.places.compact(storage.octets_mut());
        }
        storage.shrink(self.places.filled);
    }

    #[inline]
    pub(super) fn commit(&mut self, n: usize, len: usize) {
        if matches!(self.inbound, Inbound::Open) {
            // A transport that claims more than it was given must not move the end of memory.
            self.places.filled = self.places.filled.saturating_add(n).min(len);
        }
    }

    /// How many octets of the buffer had to be there for what is in it.
    #[inline]
    pub(super) fn needed(&self) -> usize {
        match self.message {
            // It would have passed through fewer as well, but with more reads.
            Some(message) if message.delivery == Delivery::Chunk => {
                self.places.filled.min(READ_AHEAD / 2)
            }
            _ => self.places.filled,
        }
    }

    /// The message of which a part or the whole is announced in that way.
    #[inline]
    pub(super) fn announced(&self, as_what: Announced) -> Option<OpenMessage> {
        if self.announced == as_what {
            self.message
        } else {
            None
        }
    }

    pub(super) fn violated(&mut self, violation: Violation) {
        self.fail(Failure::Peer(violation));
    }

    /// The message is longer than `limit`: it has at least `needed` octets.
    fn too_long(&mut self, needed: u64, limit: u64) -> Failure {
        self.total = needed;
        self.message_limit = limit;
        Failure::TooLong
    }

    fn stage_failed(&mut self, error: Error) -> Failure {
        match error {
            Error::TooLong { needed, limit } => self.too_long(needed, limit),
            Error::OutOfMemory { needed } => {
                self.total = needed;
                Failure::OutOfMemory
            }
            Error::Peer(violation) => Failure::Peer(violation),
            // Nothing else is a stage's to say.
            _ => Failure::Peer(Violation::CorruptCompression),
        }
    }

    fn fail(&mut self, failure: Failure) {
        self.announced = Announced::Nothing;
        self.inbound.fail(failure, &mut self.owed);
    }

    /// The connection failed for that: in full.
    pub(super) fn error<T>(&self, failure: Failure) -> Error<T> {
        match failure {
            Failure::Peer(violation) => Error::Peer(violation),
            Failure::Lost => Error::Lost,
            Failure::TooLong => Error::TooLong {
                needed: self.total,
                limit: self.message_limit,
            },
            Failure::TooManyFragments => Error::TooManyFragments {
                limit: self.fragments_limit,
            },
            Failure::OutOfMemory => Error::OutOfMemory { needed: self.total },
        }
    }

    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn step<R: Role, X: Decompress, const LATER: bool>(
        &mut self,
        delivery: Delivery,
        octets: &mut [u8],
        room: u64,
        stage: &mut X,
        tried: bool,
    ) -> Result<Step, StepError> {
        self.release(stage);
        if let (Inbound::Open, Some(message)) = (&self.inbound, &self.message)
            && message.delivery != delivery
        {
            return Err(StepError::MixedLevels);
        }
        loop {
            match self.inbound {
                Inbound::Open => {}
                _ if self.owed.is_due() && !tried => return Ok(Step::ReplyDue),
                Inbound::Closed => return Ok(Step::Closed),
                Inbound::Failed(_) => return Err(StepError::Failed),
            }
            let found = match &self.frame {
                None => self.begin_frame::<R, X>(delivery, octets, room, stage),
                Some(frame) if frame.opcode.is_control() => Ok(self.control::<R>(delivery, octets)),
                Some(_) => self.data::<R, X, LATER>(delivery, octets, room, stage),
            };
            let found = found.unwrap_or_else(|failure| {
                self.fail(failure);
                Found::Again
            });
            match found {
                Found::Again => {}
                Found::Step(Step::NeedOctets) if LATER && !self.ended => {
                    return Ok(Step::NeedOctets);
                }
                Found::Step(Step::NeedOctets) => {
                    return Ok(self.need_octets(delivery, octets, stage));
                }
                Found::Step(step) => return Ok(step),
                Found::OtherLevel => return Err(StepError::MixedLevels),
            }
        }
    }

    /// Ends the borrow that the last announcement allowed.
    #[inline]
    pub(super) fn release<X: Decompress>(&mut self, stage: &mut X) {
        if self.announced == Announced::Nothing {
            return;
        }
        let announced = core::mem::replace(&mut self.announced, Announced::Nothing);
        if let Some(message) = &self.message {
            if X::POSSIBLE && message.compressed && announced != Announced::Frame {
                self.total = self.total.wrapping_add(stage.output().len() as u64);
                stage.release();
            } else {
                self.total = self.total.wrapping_add(self.places.len() as u64);
                self.places.release();
            }
        }
        if self.message_ends {
            self.message_ends = false;
            self.message = None;
            self.frame = None;
        } else if announced == Announced::Frame {
            self.frame = None;
        }
    }

    #[cold]
    fn need_octets<X: Decompress>(&mut self, delivery: Delivery, octets: &[u8], stage: &X) -> Step {
        if self.check_gathered(delivery, octets, stage) && self.ended {
            self.inbound.ended(&mut self.owed);
        }
        if matches!(self.inbound, Inbound::Open) {
            Step::NeedOctets
        } else {
            Step::ReplyDue
        }
    }

    /// Before anything else is waited for or looked at, but for a moment: text must be refused at the
    /// first octet that cannot continue it, though the message is not complete.
    fn check_gathered<X: Decompress>(
        &mut self,
        delivery: Delivery,
        octets: &[u8],
        stage: &X,
    ) -> bool {
        let Some(message) = &mut self.message else {
            return true;
        };
        let is_gathered = match delivery {
            Delivery::Message => true,
            Delivery::Chunk => false,
            Delivery::Frame => !message.compressed,
        };
        if message.kind != MessageKind::Text || !is_gathered {
            return true;
        }
        let gathered = if X::POSSIBLE && message.compressed {
            stage.output()
        } else {
            self.places.gathered(octets)
        };
        let fresh = octets::rest(gathered, message.checked);
        message.checked = gathered.len();
        let checked = check_text(&mut self.utf8, fresh, false);
        if !checked {
            self.violated(Violation::InvalidUtf8);
        }
        checked
    }
}

/// Whether `piece` continues the text, and completes it where it `ends`.
fn check_text(utf8: &mut Utf8, piece: &[u8], ends: bool) -> bool {
    utf8.check(piece).is_ok() && (!ends || utf8.is_complete())
}

// What a connection costs a board beside its buffers.
#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<Machine>() <= 208);
