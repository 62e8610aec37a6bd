//! The send machine: takes messages, fragments and control frames, gives octets, never does I/O.

mod machine;
mod outgoing;

pub use outgoing::Outgoing;

use core::fmt;
use core::marker::PhantomData;

use crate::buffer::Storage;
use crate::close::CloseCode;
use crate::closing::{Outbound, Owed, Reply, check_own_close};
use crate::compression::{Compress, Uncompressed};
use crate::entropy::{Entropy, EntropyError};
use crate::error::{SendError, Usage};
use crate::header::{CONTROL_HEADER, FrameHeader, MAX_CONTROL, MAX_HEADER, header_len};
use crate::mask::MaskingKey;
use crate::message::MessageKind;
use crate::opcode::Opcode;
use crate::role::Role;
use machine::{Machine, Open};

/// The smallest transmit buffer: it must hold any control frame.
pub const MIN_TRANSMIT: usize = CONTROL_HEADER + MAX_CONTROL;

/// How far a message came into the transmit buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Octets of the payload that were taken.
    pub taken: usize,
    /// All that was given is queued. If not, write out what is [pending](Sender::pending), then
    /// give the rest.
    pub complete: bool,
}

/// The send side of a connection, over memory you lend it.
///
/// Commands put whole frames into the transmit buffer, each masked with a fresh key while it is
/// copied. The transport writes what is [`pending`](Self::pending), and [`advance`](Self::advance)
/// says how much of it. What is queued stays queued whatever happens to whoever writes it.
///
/// ```
/// use bare_ws::entropy::{Entropy, EntropyError};
/// use bare_ws::message::MessageKind;
/// use bare_ws::role::Client;
/// use bare_ws::sender::Sender;
///
/// fn send(entropy: impl Entropy, mut write: impl FnMut(&[u8]) -> usize) {
///     let mut sender = Sender::<Client, _, _>::new([0; 256], entropy);
///     let queued = sender.message(MessageKind::Text, b"hello", true);
///     assert!(queued.is_ok_and(|queued| queued.complete));
///     while !sender.pending().is_empty() {
///         let written = write(sender.pending());
///         sender.advance(written);
///     }
/// }
/// # struct Fixed;
/// # impl Entropy for Fixed {
/// #     fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
/// #         octets.fill(0);
/// #         Ok(())
/// #     }
/// # }
/// # let mut wire = Vec::new();
/// # send(Fixed, |octets| {
/// #     wire.extend_from_slice(&octets[..1]);
/// #     1
/// # });
/// # assert_eq!(wire, b"\x81\x85\0\0\0\0hello");
/// ```
///
/// Except between [`begin_frame`](Self::begin_frame) and the last octet of that frame, there is
/// always a frame boundary at the end of what is queued: a Pong or a Close can follow.
#[derive(Clone)]
pub struct Sender<R, B, E, X = Uncompressed> {
    machine: Machine,
    storage: B,
    entropy: E,
    stage: X,
    role: PhantomData<R>,
}

impl<R: Role, B: Storage, E: Entropy> Sender<R, B, E> {
    /// A sender without extensions. The buffer holds at least [`MIN_TRANSMIT`] octets.
    #[must_use]
    pub fn new(storage: B, entropy: E) -> Self {
        Self::with_stage(storage, entropy, Uncompressed)
    }
}

impl<R: Role, B: Storage, E: Entropy, X: Compress> Sender<R, B, E, X> {
    /// A sender behind a compression stage.
    #[must_use]
    pub fn with_stage(storage: B, entropy: E, stage: X) -> Self {
        Self {
            machine: Machine::new(),
            storage,
            entropy,
            stage,
            role: PhantomData,
        }
    }

    /// The same sender behind another stage, such as the one that the opening handshake gave. What
    /// is pending stays; no message is open.
    #[must_use]
    pub fn compress_with<Y: Compress>(self, stage: Y) -> Sender<R, B, E, Y> {
        Sender {
            machine: self.machine,
            storage: self.storage,
            entropy: self.entropy,
            stage,
            role: PhantomData,
        }
    }

    /// The compression stage.
    pub fn stage(&self) -> &X {
        &self.stage
    }

    /// The compression stage.
    pub fn stage_mut(&mut self) -> &mut X {
        &mut self.stage
    }

    /// Whether the messages that begin from now on may be compressed; at first they may. A message
    /// that holds a secret beside octets that an attacker chooses must not be (RFC 7692 §8).
    pub fn set_compression(&mut self, allowed: bool) {
        self.machine.raw = !allowed;
    }

    /// Whether a message of `len` octets is certain to fit the free part of the buffer.
    #[must_use]
    pub fn fits(&self, len: usize) -> bool {
        len.saturating_add(MAX_HEADER) <= self.free_for(Some(len))
    }

    /// The longest message that certainly has room in what is free of the buffer, in octets; 0 where
    /// none has.
    #[must_use]
    pub fn room_left(&self) -> usize {
        self.free_for(None).saturating_sub(MAX_HEADER)
    }

    /// What of the buffer a message of `len` octets and its header may take; `None`: of any.
    fn free_for(&self, len: Option<usize>) -> usize {
        let octets = self.storage.most();
        let free = self.machine.free(octets);
        if !self.compresses(len) {
            return free;
        }
        // What does not shrink goes raw, and needs room beside its compressed form's. A fragment is
        // worth its header only in a good part of the buffer.
        if self.machine.is_drained() || free >= octets / 2 {
            free / 2
        } else {
            0
        }
    }

    /// Whether the messages that begin from now on may be compressed.
    #[must_use]
    pub fn compression(&self) -> bool {
        !self.machine.raw
    }

    /// The source of entropy.
    pub fn entropy_mut(&mut self) -> &mut E {
        &mut self.entropy
    }

    /// Queues what `write` puts at the front of the buffer, in place of all that was pending: the
    /// opening handshake leaves that way. `false`: it put nothing.
    #[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
    #[inline]
    pub(crate) fn queue_raw(&mut self, write: impl FnOnce(&mut [u8]) -> usize) -> bool {
        self.machine.forget();
        self.machine.filled = write(self.storage.octets_mut());
        !self.machine.is_drained()
    }

    /// The octets to be written next; empty when there are none.
    #[inline]
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        self.machine.pending(self.storage.octets())
    }

    /// Whether nothing is pending: without a look at the buffer.
    #[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
    #[inline]
    pub(crate) const fn is_drained(&self) -> bool {
        self.machine.is_drained()
    }

    /// The transport took the first `n` of the [pending](Self::pending) octets.
    #[inline]
    pub fn advance(&mut self, n: usize) {
        self.storage.used(self.machine.filled);
        self.machine.advance(n);
        if self.machine.is_drained() {
            self.storage.give_back(0);
        }
    }

    /// Whether [`shrink`](Self::shrink) would give memory back.
    #[must_use]
    pub fn has_grown(&self) -> bool {
        self.storage.has_grown()
    }

    /// Gives back memory that the buffer has grown by, but for what is pending: for a connection
    /// that has not sent anything for a long time.
    pub fn shrink(&mut self) {
        self.storage.shrink(self.machine.filled);
    }

    /// Memory that can grow has room for `len` more octets now, or all that it can have.
    #[inline]
    fn make_room(&mut self, len: usize) {
        let needed = self.machine.filled.saturating_add(len);
        let needed = needed.min(self.storage.most());
        if self.storage.can_grow() {
            // Without memory, what is there has to do: it goes in more pieces.
            let _ = self.storage.grow(needed);
        }
        // Room for a message that is compressed counts, though less of it is filled.
        self.storage.used(needed);
    }

    /// Whether data may be sent: no Close of ours is queued, the peer is not gone.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.machine.outbound == Outbound::Open
    }

    /// Queues a whole message, or the beginning of one: as one frame if it fits what is free of
    /// the buffer, else, once nothing is pending, as a fragment that fills the buffer. Until it
    /// is [complete](Queued::complete), call again with the rest of the same payload.
    ///
    /// # Errors
    /// [`Usage::NotOpen`]; [`Usage::MessageOpen`] while a message of
    /// [`fragment`](Self::fragment) is open; [`Usage::InterruptedMessage`] when `first` comes
    /// before an earlier message was complete: whoever sent that one has given up, and no data
    /// can follow; [`SendError::Entropy`]. Nothing is queued then.
    #[inline]
    pub fn message(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        first: bool,
    ) -> Result<Queued, SendError> {
        #[cfg(not(target_os = "none"))]
        if first && self.is_ready_for(payload.len()) {
            return self.queue_at_once(kind, payload);
        }
        self.machine.admits(first, true)?;
        self.queue(Piece {
            kind,
            payload,
            first,
            fin: true,
            whole: true,
        })
    }

    /// Whether a message of that length may begin, and goes as one frame, without growing anything.
    #[cfg(not(target_os = "none"))]
    #[inline]
    fn is_ready_for(&self, len: usize) -> bool {
        let memory = self.storage.octets().len();
        self.machine.is_idle()
            && memory >= MIN_TRANSMIT
            && len.saturating_add(MAX_HEADER) <= self.machine.free(memory)
            && !self.compresses(Some(len))
    }

    /// [`message`](Self::message) where it [is ready](Self::is_ready_for): what most messages come to, without a
    /// look at what they do not need.
    #[cfg(not(target_os = "none"))]
    #[inline]
    fn queue_at_once(&mut self, kind: MessageKind, payload: &[u8]) -> Result<Queued, SendError> {
        let key = self.key()?;
        let needed = self
            .machine
            .filled
            .saturating_add(payload.len())
            .saturating_add(MAX_HEADER);
        self.storage.used(needed);
        let first = FIN | kind.opcode() as u8;
        self.machine
            .put_frame(first, key, payload, self.storage.octets_mut());
        self.machine.opcode = Opcode::Continuation;
        self.machine.compressing = false;
        Ok(Queued {
            taken: payload.len(),
            complete: true,
        })
    }

    /// Queues a piece of a message that is still being produced; `fin`: the last. `first`: a new
    /// message, whose first piece alone says of which `kind` it is. A text may be cut between any
    /// two octets; the caller ensures that the whole is UTF-8.
    ///
    /// # Errors
    /// As [`message`](Self::message); [`Usage::NothingToContinue`] when no message is open.
    pub fn fragment(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        first: bool,
        fin: bool,
    ) -> Result<Queued, SendError> {
        self.machine.admits(first, false)?;
        self.queue(Piece {
            kind,
            payload,
            first,
            fin,
            whole: false,
        })
    }

    /// Whether a message of [`fragment`](Self::fragment) is open.
    #[must_use]
    pub fn in_fragments(&self) -> bool {
        self.machine.open == Open::Fragments
    }

    #[inline]
    pub(crate) fn compresses(&self, len: Option<usize>) -> bool {
        X::POSSIBLE && !self.machine.raw && self.stage.is_active() && self.stage.wants(len)
    }

    /// Whether a frame of [`begin_frame`](Self::begin_frame) is queued in part: nothing else can be
    /// framed before its last octet.
    #[must_use]
    pub fn in_frame(&self) -> bool {
        matches!(self.machine.open, Open::Frame { .. })
    }

    /// Whether a message of [`message`](Self::message) is queued in part.
    #[must_use]
    pub fn in_message(&self) -> bool {
        self.machine.open == Open::Message
    }

    /// Begins a whole message of `len` octets as one frame, however small the buffer; its payload
    /// follows by [`frame_payload`](Self::frame_payload). Until the last octet of it is queued
    /// nothing else can be sent, not even a Close.
    ///
    /// # Errors
    /// As [`message`](Self::message); [`Usage::Busy`] while octets are pending.
    pub fn begin_frame(&mut self, kind: MessageKind, len: usize) -> Result<(), SendError> {
        self.machine.admits(true, true)?;
        if !self.machine.is_drained() {
            return Err(Usage::Busy.into());
        }
        self.room()?;
        let key = self.key()?;
        self.make_room(len.saturating_add(MAX_HEADER));
        let octets = self.storage.octets_mut();
        self.machine
            .put_header(FIN | kind.opcode() as u8, len, key, octets);
        self.machine.open = if len == 0 {
            Open::Nothing
        } else {
            Open::Frame {
                key: key.unwrap_or(MaskingKey::NONE),
                remaining: len,
            }
        };
        Ok(())
    }

    /// Queues as much of the open frame's payload as fits; gives how many octets were taken.
    pub fn frame_payload(&mut self, payload: &[u8]) -> usize {
        self.machine
            .frame_payload(payload, self.storage.octets_mut())
    }

    /// Queues a Ping. `false`: what is pending must be written out first.
    ///
    /// # Errors
    /// [`Usage::NotOpen`], [`Usage::ControlTooLong`] (125 octets at most),
    /// [`Usage::InterruptedMessage`] within a torn frame, [`SendError::Entropy`]. Nothing is queued
    /// then.
    pub fn ping(&mut self, payload: &[u8]) -> Result<bool, SendError> {
        self.put_control(Opcode::Ping, payload, &[])
    }

    /// Queues an unsolicited Pong, a heartbeat in one direction (RFC 6455 §5.5.3). `false`: what is
    /// pending must be written out first.
    ///
    /// # Errors
    /// As [`ping`](Self::ping).
    pub fn pong(&mut self, payload: &[u8]) -> Result<bool, SendError> {
        self.put_control(Opcode::Pong, payload, &[])
    }

    /// Whether [`close`](Self::close) may be called with these, apart from a frame in its way.
    ///
    /// # Errors
    /// See [`close`](Self::close).
    pub fn may_close(&self, code: impl Into<Option<CloseCode>>, reason: &str) -> Result<(), Usage> {
        check_own_close(code.into(), reason)?;
        self.machine.outbound.open()
    }

    /// Queues a Close; after it nothing of ours follows. `None` sends one without a status code.
    /// `false`: what is pending must be written out first.
    ///
    /// # Errors
    /// [`Usage::NotOpen`], [`Usage::CloseCode`], [`Usage::ReasonTooLong`],
    /// [`Usage::ReasonWithoutCode`], [`Usage::InterruptedMessage`] within a torn frame,
    /// [`SendError::Entropy`]. Nothing is queued then.
    pub fn close(
        &mut self,
        code: impl Into<Option<CloseCode>>,
        reason: &str,
    ) -> Result<bool, SendError> {
        let code = code.into();
        check_own_close(code, reason)?;
        match code {
            Some(code) => self.put_control(Opcode::Close, &code.0.to_be_bytes(), reason.as_bytes()),
            None => self.put_control(Opcode::Close, &[], &[]),
        }
    }

    /// Queues what the receiver owes. `false`: what is pending must be written out first. After our
    /// Close nothing is answered, and the reply counts as queued.
    ///
    /// # Errors
    /// [`SendError::Entropy`]; [`Usage::InterruptedMessage`] within a torn frame.
    pub fn reply(&mut self, reply: Reply<'_>) -> Result<bool, SendError> {
        if !self.is_open() {
            return Ok(true);
        }
        match reply {
            Reply::Pong(payload) => self.put_control(Opcode::Pong, payload, &[]),
            Reply::Close(payload) => self.put_control(Opcode::Close, payload, &[]),
            Reply::Shut => {
                self.shut();
                Ok(true)
            }
        }
    }

    /// Queues what is owed, if anything is and there is room. A reply that can no longer be framed,
    /// because it would follow a torn frame, is given up, and so is one for which there is no
    /// entropy.
    ///
    /// # Errors
    /// [`EntropyError`].
    pub fn answer(&mut self, owed: &mut Owed) -> Result<(), EntropyError> {
        let Some(reply) = owed.reply() else {
            return Ok(());
        };
        let queued = self.reply(reply);
        if queued != Ok(false) {
            owed.mark_queued();
        }
        match queued {
            Err(SendError::Entropy) => Err(EntropyError),
            Ok(_) | Err(SendError::Usage(_)) => Ok(()),
        }
    }

    /// The peer is gone: refuses to send from now on, and forgets what is pending.
    pub fn shut(&mut self) {
        self.machine.outbound.shut();
        self.machine.forget();
    }

    /// Queues one frame as it is given, for those who build their own; its length and masking key
    /// are set here. Legal frames in a legal order are the caller's duty: RSV bits, fragmentation
    /// and UTF-8 are not checked. `false`: what is pending must be written out first, or, with
    /// nothing pending, the frame is longer than the buffer.
    ///
    /// # Errors
    /// [`Usage::NotOpen`]; [`Usage::ControlTooLong`] for a control frame of more than 125 octets;
    /// [`Usage::ControlFragmented`] for one without FIN; [`Usage::CloseFrame`] for a Close, which
    /// [`close`](Self::close) sends; [`SendError::Entropy`].
    pub fn frame(&mut self, header: FrameHeader, payload: &[u8]) -> Result<bool, SendError> {
        if header.opcode == Opcode::Close {
            return Err(Usage::CloseFrame.into());
        }
        if header.opcode.is_control() {
            return if header.fin {
                self.put_control(header.opcode, payload, &[])
            } else {
                Err(Usage::ControlFragmented.into())
            };
        }
        self.machine
            .admits(header.opcode != Opcode::Continuation, false)?;
        self.room()?;
        let needed = header_len(payload.len() as u64, R::MASKS) + payload.len();
        self.make_room(needed);
        if needed > self.machine.free(self.storage.octets().len()) {
            return Ok(false);
        }
        let key = self.key()?;
        let octets = self.storage.octets_mut();
        self.machine.put_frame(header.first(), key, payload, octets);
        self.machine.opcode = Opcode::Continuation;
        self.machine.compressing = false;
        self.machine.open = if header.fin {
            Open::Nothing
        } else {
            Open::Fragments
        };
        Ok(true)
    }

    /// A control frame, its payload in two parts.
    fn put_control(
        &mut self,
        opcode: Opcode,
        front: &[u8],
        back: &[u8],
    ) -> Result<bool, SendError> {
        self.room()?;
        let len = front.len() + back.len();
        self.make_room(len.saturating_add(MAX_HEADER));
        let memory = self.storage.octets().len();
        if !self.machine.admits_control(len, memory)? {
            return Ok(false);
        }
        let key = self.key()?;
        let octets = self.storage.octets_mut();
        self.machine
            .put_header(FIN | opcode as u8, len, key, octets);
        let key = key.unwrap_or(MaskingKey::NONE);
        self.machine.put(front, key, octets);
        if !back.is_empty() {
            self.machine.put(back, key.at(front.len() as u64), octets);
        }
        if opcode == Opcode::Close {
            self.machine.outbound.close_queued();
        }
        Ok(true)
    }

    #[inline]
    fn queue(&mut self, piece: Piece<'_>) -> Result<Queued, SendError> {
        self.room()?;
        if piece.first {
            let len = piece.whole.then_some(piece.payload.len());
            self.machine.compressing = self.compresses(len);
            self.machine.opcode = piece.kind.opcode();
        }
        let needed = piece.payload.len().saturating_add(MAX_HEADER);
        if X::POSSIBLE && self.machine.compressing {
            // Room for both forms, and no less than what is pending.
            self.make_room(needed.saturating_mul(2).max(self.machine.filled));
            return self.queue_compressed(piece);
        }
        self.make_room(needed);
        let len = self.storage.octets().len();
        let free = self.machine.free(len);
        let overhead = header_len(piece.payload.len() as u64, R::MASKS);
        let (taken, fin) = if piece.payload.len().saturating_add(overhead) <= free {
            (piece.payload.len(), piece.fin)
        } else if self.machine.is_drained() && free > overhead {
            (free - overhead, false)
        } else {
            return Ok(Queued {
                taken: 0,
                complete: false,
            });
        };
        let key = self.key()?;
        let first = self.machine.first(fin);
        let payload = piece.payload.get(..taken).unwrap_or_default();
        self.machine
            .put_frame(first, key, payload, self.storage.octets_mut());
        self.machine.after(&piece, fin);
        Ok(Queued {
            taken,
            complete: taken == piece.payload.len(),
        })
    }

    fn queue_compressed(&mut self, piece: Piece<'_>) -> Result<Queued, SendError> {
        let len = self.storage.octets().len();
        let from = self.machine.filled + MAX_HEADER;
        let drained = self.machine.is_drained();
        // A fragment is worth its header only in a good part of the buffer.
        if !drained && self.machine.free(len) < len / 2 {
            return Ok(Queued {
                taken: 0,
                complete: false,
            });
        }
        // The key is drawn before anything is compressed: a source that fails changes nothing.
        let key = self.key()?;
        let Some(room) = self.storage.octets_mut().get_mut(from..) else {
            return Ok(Queued {
                taken: 0,
                complete: false,
            });
        };
        let done = self.stage.compress(piece.payload, piece.fin, room);
        let fin = piece.fin && done.finished && done.consumed == piece.payload.len();
        let raw = header_len(piece.payload.len() as u64, R::MASKS) + piece.payload.len();
        let raw_fits = raw <= self.machine.free(len);
        if fin && piece.first && done.produced >= piece.payload.len() && raw_fits {
            // It did not shrink: it goes raw, and nothing later may refer to it.
            self.stage.forget();
            self.machine.compressing = false;
            let first = self.machine.first(true);
            self.machine
                .put_frame(first, key, piece.payload, self.storage.octets_mut());
            self.machine.after(&piece, true);
            return Ok(Queued {
                taken: piece.payload.len(),
                complete: true,
            });
        }
        let complete = done.finished && done.consumed == piece.payload.len();
        if done.produced > 0 || fin {
            // RFC 7692 §6.1: RSV1 stands on the first frame of the message alone.
            let rsv1 = match self.machine.opcode {
                Opcode::Continuation => 0,
                _ => RSV1,
            };
            let first = rsv1 | self.machine.first(fin);
            let octets = self.storage.octets_mut();
            self.machine
                .put_in_place(first, key, from, done.produced, octets);
            self.machine.after(&piece, fin);
        } else {
            self.machine.leave_open(&piece);
        }
        Ok(Queued {
            taken: done.consumed,
            complete,
        })
    }

    /// §5.3: "The masking key needs to be unpredictable", and a fresh one "for each frame".
    #[inline]
    fn key(&mut self) -> Result<Option<MaskingKey>, SendError> {
        Ok(if R::MASKS {
            Some(MaskingKey::fresh(&mut self.entropy)?)
        } else {
            None
        })
    }

    #[inline]
    fn room(&self) -> Result<(), Usage> {
        if self.storage.octets().len() < MIN_TRANSMIT {
            return Err(Usage::BufferTooSmall {
                needed: MIN_TRANSMIT,
            });
        }
        Ok(())
    }
}

/// A [`Sender`], whatever its memory, its entropy and its compression: what loops and adapters are
/// generic over. Nothing else implements it.
pub trait Transmit: sealed::Transmit {
    /// Which end it is.
    type Role: Role;
    /// Where it queues octets.
    type Storage: Storage;
    /// Its source of entropy.
    type Entropy: Entropy;
    /// Its compression stage.
    type Stage: Compress;

    /// The sender itself.
    fn sender(&self) -> &Sender<Self::Role, Self::Storage, Self::Entropy, Self::Stage>;

    /// The sender itself.
    fn sender_mut(&mut self) -> &mut Sender<Self::Role, Self::Storage, Self::Entropy, Self::Stage>;
}

impl<R: Role, B: Storage, E: Entropy, X: Compress> Transmit for Sender<R, B, E, X> {
    type Role = R;
    type Storage = B;
    type Entropy = E;
    type Stage = X;

    #[inline]
    fn sender(&self) -> &Self {
        self
    }

    #[inline]
    fn sender_mut(&mut self) -> &mut Self {
        self
    }
}

mod sealed {
    pub trait Transmit {}
    impl<R, B, E, X> Transmit for super::Sender<R, B, E, X> {}
}

/// Without what is in the buffer, a request's credentials among it, and without the source of
/// entropy.
impl<R, B, E, X> fmt::Debug for Sender<R, B, E, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("outbound", &self.machine.outbound)
            .field("open", &self.machine.open)
            .finish_non_exhaustive()
    }
}

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;

struct Piece<'a> {
    kind: MessageKind,
    payload: &'a [u8],
    first: bool,
    fin: bool,
    whole: bool,
}
