//! The receive machine: takes octets, announces what they are, never does I/O.

mod machine;

use core::fmt;
use core::marker::PhantomData;

use crate::buffer::Storage;
use crate::closing::{Inbound, Owed};
use crate::compression::{Decompress, Uncompressed};
use crate::error::{Error, Usage, Violation};
use crate::header::{FrameHeader, MAX_HEADER};
use crate::message::{Chunk, CloseStatus, Frame, Message, MessageKind};
use crate::role::Role;
use crate::utf8;
use machine::{Announced, Machine};

/// How the octets are to be delivered. A message is delivered one way from its first frame to
/// its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Whole messages, gathered in the buffer.
    Message,
    /// Pieces as they arrive: a message of any length passes through a buffer of any length.
    Chunk,
    /// Whole frames as on the wire, control frames among them. Pings and Closes are answered
    /// all the same.
    Frame,
}

/// What [`Receiver::step`] found. Borrows nothing: the borrow is made afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Read into [`Receiver::spare`] and [`commit`](Receiver::commit), or report
    /// [`eof`](Receiver::eof).
    NeedOctets,
    /// [`Receiver::owed`] has a reply for the sender. Announced once; a newer Ping replaces it.
    ReplyDue,
    /// [`Receiver::message`] is there.
    Message,
    /// [`Receiver::chunk`] is there.
    Chunk,
    /// [`Receiver::frame`] is there.
    Frame,
    /// The peer's Close was received and answered: nothing follows. [`Receiver::close_status`] has
    /// its status code and reason.
    Closed,
}

/// Why there is no step. Not an [`Error`], since with one each look at the octets would cost more: that
/// makes 5 % of flash on a small board. [`Receiver::error`] has the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepError {
    /// For the reason that the receiver remembers.
    Failed,
    MixedLevels,
    BufferTooSmall,
    PiecesOnly,
}

/// What a peer may make this end hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a message, after decompression; more fails with 1009.
    pub message: u64,
    /// Fragments of a message; more fails with 1008.
    pub fragments: u32,
}

impl Limits {
    /// Any length that the buffer and the delivery take; a million fragments.
    const DEFAULT: Self = Self {
        message: u64::MAX,
        fragments: 1_000_000,
    };
}

impl Default for Limits {
    /// Any length that the buffer and the delivery take; a million fragments.
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The receive side of a connection, over memory you lend it.
///
/// The transport reads into [`spare`](Self::spare), and [`commit`](Self::commit) says how much.
/// [`step`](Self::step) announces what is there; [`message`](Self::message), [`chunk`](Self::chunk) and
/// [`frame`](Self::frame) borrow it until the next step. All progress is kept in here, so whoever
/// drives it may stop anywhere and go on later.
///
/// ```
/// use bare_ws::message::Message;
/// use bare_ws::receiver::{Delivery, Receiver, Step};
/// use bare_ws::role::Client;
///
/// let mut receiver = Receiver::<Client, _>::new([0; 128]);
/// // What a transport read: a text frame.
/// let octets = b"\x81\x05hello";
/// receiver.spare()[..octets.len()].copy_from_slice(octets);
/// receiver.commit(octets.len());
///
/// assert_eq!(receiver.step(Delivery::Message), Ok(Step::Message));
/// assert_eq!(receiver.message(), Ok(Some(Message::Text("hello"))));
/// assert_eq!(receiver.step(Delivery::Message), Ok(Step::NeedOctets));
/// ```
///
/// A message received whole may be as long as the buffer less [`MAX_HEADER`] octets.
#[derive(Clone)]
pub struct Receiver<R, B, X = Uncompressed> {
    machine: Machine,
    storage: B,
    stage: X,
    role: PhantomData<R>,
}

impl<R: Role, B: Storage> Receiver<R, B> {
    /// A receiver without extensions. The buffer holds at least [`MAX_HEADER`] octets.
    #[must_use]
    pub fn new(storage: B) -> Self {
        Self::with_stage(storage, Uncompressed)
    }
}

impl<R: Role, B: Storage, X: Decompress> Receiver<R, B, X> {
    /// A receiver behind a compression stage.
    #[must_use]
    pub fn with_stage(storage: B, stage: X) -> Self {
        Self {
            machine: Machine::new(),
            storage,
            stage,
            role: PhantomData,
        }
    }

    /// The same receiver behind another stage, such as the one that the opening handshake gave. What
    /// was received but not looked at stays.
    #[must_use]
    pub fn decompress_with<Y: Decompress>(self, stage: Y) -> Receiver<R, B, Y> {
        Receiver {
            machine: self.machine,
            storage: self.storage,
            stage,
            role: PhantomData,
        }
    }

    /// Sets the limits, for the messages that begin from now on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.machine.set_limits(limits);
    }

    /// The compression stage.
    pub fn stage_mut(&mut self) -> &mut X {
        &mut self.stage
    }

    /// Where the transport may write. Empty only while a reply is owed and nothing more fits
    /// before it is [queued](Owed::mark_queued).
    #[inline]
    pub fn spare(&mut self) -> &mut [u8] {
        self.machine.spare(&mut self.storage)
    }

    /// The transport wrote `n` octets into what [`spare`](Self::spare) gave.
    #[inline]
    pub fn commit(&mut self, n: usize) {
        let len = self.storage.octets().len();
        self.machine.commit(n, len);
        self.storage.used(self.machine.needed());
        if self.machine.places.filled == len {
            self.storage.filled();
        }
    }

    /// Whether [`shrink`](Self::shrink) would give memory back.
    #[must_use]
    pub fn has_grown(&self) -> bool {
        self.storage.has_grown() || self.stage.has_grown()
    }

    /// Gives back memory that the buffer has grown by, but for what is in it: for a connection that
    /// has not received anything for a long time.
    pub fn shrink(&mut self) {
        if self.storage.has_grown() {
            self.machine.shrink(&mut self.storage);
        }
        if self.stage.has_grown() && !self.machine.in_message() {
            self.stage.shrink();
        }
    }

    /// The transport has ended. What was received before is still announced.
    pub fn eof(&mut self) {
        self.machine.ended = true;
    }

    /// The octets that have not been parsed yet: during the opening handshake, the response.
    #[must_use]
    pub fn unparsed(&self) -> &[u8] {
        self.machine.places.unparsed(self.storage.octets())
    }

    /// Removes the first `n` octets of [`unparsed`](Self::unparsed): they are not frames.
    pub fn skip(&mut self, n: usize) {
        let n = n.min(self.machine.places.available());
        self.machine.places.skip(n);
        self.machine.places.release();
    }

    /// Releases what was announced last, and looks for the next.
    ///
    /// # Errors
    /// [`Error::Peer`], [`Error::TooLong`], [`Error::TooManyFragments`], [`Error::OutOfMemory`] and
    /// [`Error::Lost`] are final: the connection has failed, and says the same from then on; the reply that goes with it was announced
    /// before. [`Error::Usage`] changes nothing.
    #[inline]
    pub fn step(&mut self, delivery: Delivery) -> Result<Step, Error> {
        self.look(delivery, false).map_err(|stop| self.error(stop))
    }

    /// [`step`](Self::step) without the error, of which [`error`](Self::error) tells. `tried`: the
    /// reply that is due at the end was sent as far as it could be, and what it was due for is to
    /// be told.
    #[inline]
    pub(crate) fn look(&mut self, delivery: Delivery, tried: bool) -> Result<Step, StepError> {
        self.look_at::<false>(delivery, tried)
    }

    /// The same, but text that is gathered is checked later: by [`look`](Self::look), before whatever
    /// may take long.
    #[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
    #[inline]
    pub(crate) fn look_on(&mut self, delivery: Delivery, tried: bool) -> Result<Step, StepError> {
        self.look_at::<true>(delivery, tried)
    }

    #[inline]
    fn look_at<const LATER: bool>(
        &mut self,
        delivery: Delivery,
        tried: bool,
    ) -> Result<Step, StepError> {
        let Some(room) = self.storage.most().checked_sub(MAX_HEADER) else {
            return Err(StepError::BufferTooSmall);
        };
        if X::POSSIBLE && delivery == Delivery::Message && !self.stage.holds_messages() {
            return Err(StepError::PiecesOnly);
        }
        let room = room as u64;
        self.machine.step::<R, X, LATER>(
            delivery,
            self.storage.octets_mut(),
            room,
            &mut self.stage,
            tried,
        )
    }

    /// Whether something is gathered that was perhaps not looked at: text, or compressed octets.
    #[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
    #[inline]
    pub(crate) fn holds_back(&self) -> bool {
        self.machine.holds_back()
    }

    /// Whether [`spare`](Self::spare) may find no memory.
    #[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
    #[inline]
    pub(crate) fn can_grow(&self) -> bool {
        self.storage.can_grow()
    }

    /// Why there was no step.
    #[cold]
    pub(crate) fn error<T>(&self, stop: StepError) -> Error<T> {
        match (stop, self.machine.inbound) {
            (StepError::Failed, Inbound::Failed(failure)) => self.machine.error(failure),
            (StepError::BufferTooSmall, _) => Usage::BufferTooSmall { needed: MAX_HEADER }.into(),
            (StepError::PiecesOnly, _) => Usage::PiecesOnly.into(),
            _ => Usage::MixedLevels.into(),
        }
    }

    /// The message that the last step announced.
    ///
    /// # Errors
    /// [`Violation::InvalidUtf8`]: text that arrived in one piece is checked here, once. The
    /// connection has failed, and the Close for it is [owed](Self::owed).
    #[inline]
    pub fn message(&mut self) -> Result<Option<Message<'_>>, Error> {
        self.message_and_owed().0
    }

    /// [`message`](Self::message), and what is [owed](Self::owed) then. They borrow different
    /// parts, so the Close owed for invalid UTF-8 can be sent while the message is held.
    ///
    /// # Errors
    /// See [`message`](Self::message).
    #[inline]
    pub fn message_and_owed(&mut self) -> (Result<Option<Message<'_>>, Error>, &mut Owed) {
        let machine = &mut self.machine;
        let Some(message) = machine.announced(Announced::Message) else {
            return (Ok(None), &mut machine.owed);
        };
        let octets = if X::POSSIBLE && message.compressed {
            self.stage.output()
        } else {
            machine.places.gathered(self.storage.octets())
        };
        let message = match message.kind {
            MessageKind::Binary => Ok(Some(Message::Binary(octets))),
            MessageKind::Text => match utf8::text(octets) {
                Ok(text) => Ok(Some(Message::Text(text))),
                Err(utf8::InvalidUtf8) => {
                    machine.violated(Violation::InvalidUtf8);
                    Err(Violation::InvalidUtf8.into())
                }
            },
        };
        (message, &mut machine.owed)
    }

    /// The chunk that the last step announced.
    #[must_use]
    pub fn chunk(&self) -> Option<Chunk<'_>> {
        let message = self.machine.announced(Announced::Chunk)?;
        Some(Chunk {
            kind: message.kind,
            octets: if X::POSSIBLE && message.compressed {
                self.stage.output()
            } else {
                self.machine.places.gathered(self.storage.octets())
            },
            offset: self.machine.total,
            fin: self.machine.message_ends,
            frame_remaining: self.machine.frame.map_or(0, |frame| frame.remaining),
        })
    }

    /// The frame that the last step announced.
    #[must_use]
    pub fn frame(&self) -> Option<Frame<'_>> {
        if self.machine.announced != Announced::Frame {
            return None;
        }
        let frame = self.machine.frame?;
        let payload = if frame.opcode.is_control() {
            self.machine.owed.payload()
        } else {
            self.machine.places.gathered(self.storage.octets())
        };
        Some(Frame {
            header: FrameHeader {
                rsv1: frame.rsv1,
                // Turned back to the payload's first octet.
                masking_key: (!R::MASKS)
                    .then(|| frame.key.at((payload.len() as u64).wrapping_neg())),
                ..FrameHeader::new(frame.opcode, frame.fin, payload.len() as u64)
            },
            payload,
        })
    }

    /// How many fragments the announced message had, or the open one has so far.
    #[must_use]
    pub fn fragments(&self) -> u32 {
        self.machine.fragments
    }

    /// How many Pongs were received, modulo 2^16. [`Delivery::Frame`] shows their payloads.
    #[must_use]
    pub fn pongs(&self) -> u16 {
        self.machine.pongs
    }

    /// The reply that is owed to the peer.
    #[must_use]
    pub fn owed(&mut self) -> &mut Owed {
        &mut self.machine.owed
    }

    /// The reply that is owed, and where the transport may write meanwhile.
    pub fn owed_and_spare(&mut self) -> (&mut Owed, &mut [u8]) {
        let spare = self.machine.spare(&mut self.storage);
        (&mut self.machine.owed, spare)
    }

    /// How the peer closed, once its Close was received (§7.1.5, §7.1.6).
    #[must_use]
    pub fn close_status(&self) -> Option<CloseStatus<'_>> {
        matches!(self.machine.inbound, Inbound::Closed).then(|| self.machine.owed.close_status())
    }

    /// Whether the peer has neither closed nor failed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.machine.inbound, Inbound::Open)
    }

    /// Why the connection failed, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<Error> {
        match self.machine.inbound {
            Inbound::Failed(failure) => Some(self.machine.error(failure)),
            Inbound::Open | Inbound::Closed => None,
        }
    }
}

/// A [`Receiver`], whatever its memory and its compression: what loops and adapters are generic
/// over. Nothing else implements it.
pub trait Receive: sealed::Receive {
    /// Which end it is.
    type Role: Role;
    /// Where it keeps octets.
    type Storage: Storage;
    /// Its compression stage.
    type Stage: Decompress;

    /// The receiver itself.
    fn receiver(&self) -> &Receiver<Self::Role, Self::Storage, Self::Stage>;

    /// The receiver itself.
    fn receiver_mut(&mut self) -> &mut Receiver<Self::Role, Self::Storage, Self::Stage>;
}

impl<R: Role, B: Storage, X: Decompress> Receive for Receiver<R, B, X> {
    type Role = R;
    type Storage = B;
    type Stage = X;

    #[inline]
    fn receiver(&self) -> &Self {
        self
    }

    #[inline]
    fn receiver_mut(&mut self) -> &mut Self {
        self
    }
}

mod sealed {
    pub trait Receive {}
    impl<R, B, X> Receive for super::Receiver<R, B, X> {}
}

/// Without payload data: what a peer sends has no place in a log.
impl<R, B, X> fmt::Debug for Receiver<R, B, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("inbound", &self.machine.inbound)
            .field("frame", &self.machine.frame)
            .field("announced", &self.machine.announced)
            .finish_non_exhaustive()
    }
}
