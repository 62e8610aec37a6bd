//! The receive machine: takes octets, announces what they are, never does I/O.

use core::marker::PhantomData;

use crate::buffer::{Places, Storage};
use crate::closing::{Inbound, Owed};
use crate::error::{Capacity, Error, Usage, Violation};
use crate::header::{FrameHeader, MAX_HEADER, Rules};
use crate::mask::MaskingKey;
use crate::message::{Chunk, CloseStatus, Frame, Message, MessageKind};
use crate::opcode::Opcode;
use crate::role::Role;
use crate::stage::{Decompress, Plain};
use crate::utf8::{self, Utf8};

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
    /// The peer's Close was received and answered: nothing more comes, now or later.
    /// [`Receiver::close_status`] tells what it said.
    Closed,
}

/// What a peer may make us hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a message, after decompression; more fails with 1009.
    pub message: u64,
    /// Fragments of a message; more fails with 1008.
    pub fragments: u32,
}

impl Default for Limits {
    /// Any length that the buffer and the delivery take; a million fragments.
    fn default() -> Self {
        Self {
            message: u64::MAX,
            fragments: 1_000_000,
        }
    }
}

/// The receive side of a connection, over memory of the caller's.
///
/// Input enters by [`spare`](Self::spare) and [`commit`](Self::commit); [`step`](Self::step)
/// announces; [`message`](Self::message), [`chunk`](Self::chunk) and [`frame`](Self::frame) make
/// the borrow, which ends with the next step. All progress lives in here: whoever drives it may
/// stop anywhere and go on later.
///
/// A whole message may be as long as the buffer less [`MAX_HEADER`] octets.
#[derive(Clone, Debug)]
pub struct Receiver<R, B, X = Plain> {
    machine: Machine,
    storage: B,
    stage: X,
    role: PhantomData<R>,
}

impl<R: Role, B: Storage> Receiver<R, B> {
    /// A receiver that knows no extension. The buffer holds at least [`MAX_HEADER`] octets.
    #[must_use]
    pub fn new(storage: B) -> Self {
        Self::with_stage(storage, Plain)
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

    /// Sets the limits, for the messages that begin from now on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.machine.limits = limits;
    }

    /// The compression stage.
    pub fn stage_mut(&mut self) -> &mut X {
        &mut self.stage
    }

    /// Where the transport may write. Empty only while a reply is owed and nothing more fits
    /// before it is [taken](Owed::taken).
    #[inline]
    pub fn spare(&mut self) -> &mut [u8] {
        let Some(range) = self.machine.make_room(&mut self.storage) else {
            return &mut [];
        };
        self.storage.octets_mut().get_mut(range).unwrap_or_default()
    }

    /// The transport wrote `n` octets into what [`spare`](Self::spare) gave.
    #[inline]
    pub fn commit(&mut self, n: usize) {
        self.machine.commit(n, self.storage.octets().len());
    }

    /// The transport gives no more octets. What came before is still announced.
    pub fn eof(&mut self) {
        self.machine.ended = true;
    }

    /// The octets that are not looked at yet: during the opening handshake, the response.
    #[must_use]
    pub fn unparsed(&self) -> &[u8] {
        self.machine.places.unparsed(self.storage.octets())
    }

    /// Takes the first `n` octets of [`unparsed`](Self::unparsed) away: they were no frames.
    pub fn skip(&mut self, n: usize) {
        let n = n.min(self.machine.places.available());
        self.machine.places.skip(n);
        self.machine.places.release();
    }

    /// Releases what was announced last, and looks for the next.
    ///
    /// # Errors
    /// [`Error::Peer`], [`Error::Capacity`] and [`Error::Lost`] are final: the connection has
    /// failed, and says the same for ever after; the reply that goes with it was announced
    /// before. [`Error::Usage`] changes nothing.
    #[inline]
    pub fn step(&mut self, delivery: Delivery) -> Result<Step, Error> {
        let room = if self.storage.can_grow() {
            u64::MAX
        } else {
            let len = self.storage.octets().len();
            let Some(room) = len.checked_sub(MAX_HEADER) else {
                return Err(Usage::BufferTooSmall { needed: MAX_HEADER }.into());
            };
            room as u64
        };
        self.machine
            .step::<R, X>(delivery, self.storage.octets_mut(), room, &mut self.stage)
    }

    /// The message that the last step announced.
    ///
    /// # Errors
    /// [`Violation::InvalidUtf8`]: text that arrived in one piece is checked here, once. The
    /// connection has failed, and the Close for it is [owed](Self::owed).
    #[inline]
    pub fn message(&mut self) -> Result<Option<Message<'_>>, Error> {
        let Some(Announced::Message { kind, compressed }) = self.machine.announced else {
            return Ok(None);
        };
        let octets = if compressed {
            self.stage.output()
        } else {
            self.machine.places.gathered(self.storage.octets())
        };
        Ok(Some(match kind {
            MessageKind::Binary => Message::Binary(octets),
            MessageKind::Text => match utf8::text(octets) {
                Ok(text) => Message::Text(text),
                Err(utf8::InvalidUtf8) => {
                    self.machine.announced = None;
                    return Err(self.machine.fail(Violation::InvalidUtf8.into()));
                }
            },
        }))
    }

    /// The chunk that the last step announced.
    #[must_use]
    pub fn chunk(&self) -> Option<Chunk<'_>> {
        let Some(Announced::Chunk {
            kind,
            compressed,
            offset,
            fin,
        }) = self.machine.announced
        else {
            return None;
        };
        Some(Chunk {
            kind,
            octets: if compressed {
                self.stage.output()
            } else {
                self.machine.places.gathered(self.storage.octets())
            },
            offset,
            fin,
            frame_remaining: self.machine.frame.map_or(0, |frame| frame.remaining),
        })
    }

    /// The frame that the last step announced.
    #[must_use]
    pub fn frame(&self) -> Option<Frame<'_>> {
        let Some(Announced::Frame(frame)) = self.machine.announced else {
            return None;
        };
        let payload = if frame.opcode.is_control() {
            self.machine.owed.payload()
        } else {
            self.machine.places.gathered(self.storage.octets())
        };
        Some(Frame {
            header: FrameHeader {
                fin: frame.fin,
                rsv1: frame.rsv1,
                // Turned back to the payload's first octet.
                masking_key: frame
                    .key
                    .map(|key| key.at((payload.len() as u64).wrapping_neg())),
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

    /// How many Pongs came, modulo 2^32. [`Delivery::Frame`] shows their payloads.
    #[must_use]
    pub fn pongs(&self) -> u32 {
        self.machine.pongs
    }

    /// The reply that is owed to the peer.
    #[must_use]
    pub fn owed(&mut self) -> &mut Owed {
        &mut self.machine.owed
    }

    /// The reply that is owed, and where the transport may write meanwhile.
    pub fn owed_and_spare(&mut self) -> (&mut Owed, &mut [u8]) {
        let spare = match self.machine.make_room(&mut self.storage) {
            Some(range) => self.storage.octets_mut().get_mut(range).unwrap_or_default(),
            None => &mut [],
        };
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
            Inbound::Failed(error) => Some(error),
            Inbound::Open | Inbound::Closed => None,
        }
    }
}

/// The state, apart from whose memory it is and which end we are.
#[derive(Clone, Debug)]
struct Machine {
    places: Places,
    /// The frame whose payload is being read.
    frame: Option<OpenFrame>,
    /// The message that is not complete.
    message: Option<OpenMessage>,
    fragments: u32,
    announced: Option<Announced>,
    /// A compressed message was delivered as frames, around the compression stage.
    stage_passed: bool,
    utf8: Utf8,
    inbound: Inbound,
    /// The transport has come to its end.
    ended: bool,
    owed: Owed,
    pongs: u32,
    limits: Limits,
}

#[derive(Clone, Copy, Debug)]
struct OpenFrame {
    opcode: Opcode,
    fin: bool,
    rsv1: bool,
    /// As seen from the first octet that is still to come.
    key: Option<MaskingKey>,
    remaining: u64,
}

#[derive(Clone, Copy, Debug)]
struct OpenMessage {
    kind: MessageKind,
    compressed: bool,
    delivery: Delivery,
    /// Octets gathered or delivered so far.
    total: u64,
    /// How many of those that are gathered were checked to be UTF-8.
    checked: usize,
}

#[derive(Clone, Copy, Debug)]
enum Announced {
    Message {
        kind: MessageKind,
        compressed: bool,
    },
    Chunk {
        kind: MessageKind,
        compressed: bool,
        offset: u64,
        fin: bool,
    },
    Frame(OpenFrame),
}

/// How far the transport may write ahead of what is known to be needed. It bounds what has to
/// move when the next message turns out longer than the rest of the buffer.
const READ_AHEAD: usize = 16 * 1024;

impl Machine {
    const fn new() -> Self {
        Self {
            places: Places {
                start: 0,
                end: 0,
                read: 0,
                filled: 0,
            },
            frame: None,
            message: None,
            fragments: 0,
            announced: None,
            stage_passed: false,
            utf8: Utf8::new(),
            inbound: Inbound::Open,
            ended: false,
            owed: Owed::new(),
            pongs: 0,
            limits: Limits {
                message: u64::MAX,
                fragments: 1_000_000,
            },
        }
    }

    /// The free part of the buffer. What was announced stays where it is.
    #[inline]
    fn make_room<B: Storage>(&mut self, storage: &mut B) -> Option<core::ops::Range<usize>> {
        if !matches!(self.inbound, Inbound::Open) {
            // Nothing that comes now is looked at: it is read only to see the end.
            self.places = Places::default();
            self.announced = None;
        }
        let want = match self.frame {
            Some(frame) => usize::try_from(frame.remaining).unwrap_or(usize::MAX),
            None => MAX_HEADER,
        };
        if self.announced.is_none() {
            self.places.close_gap(storage.octets_mut());
            if storage.octets().len().saturating_sub(self.places.filled) < want {
                self.places.compact(storage.octets_mut());
            }
        }
        let filled = self.places.filled;
        if storage.octets().len() <= filled
            && storage.can_grow()
            && !storage.grow(filled.saturating_add(1))
        {
            let needed = filled as u64 + 1;
            self.inbound
                .fail(Capacity::Memory { needed }.into(), &mut self.owed);
            return None;
        }
        let end = filled
            .saturating_add(want.max(READ_AHEAD))
            .min(storage.octets().len());
        (filled < end).then_some(filled..end)
    }

    #[inline]
    fn commit(&mut self, n: usize, len: usize) {
        if matches!(self.inbound, Inbound::Open) {
            // A transport that claims more than it was given must not move the end of memory.
            self.places.filled = self.places.filled.saturating_add(n).min(len);
        }
    }

    #[inline]
    fn step<R: Role, X: Decompress>(
        &mut self,
        delivery: Delivery,
        octets: &mut [u8],
        room: u64,
        stage: &mut X,
    ) -> Result<Step, Error> {
        self.release(stage);
        if let (Inbound::Open, Some(message)) = (self.inbound, self.message) {
            if message.delivery != delivery {
                return Err(Usage::MixedLevels.into());
            }
        }
        loop {
            match self.inbound {
                Inbound::Open => {}
                _ if self.owed.is_due() => return Ok(Step::ReplyDue),
                Inbound::Closed => return Ok(Step::Closed),
                Inbound::Failed(error) => return Err(error),
            }
            let found = match self.frame {
                None => self.begin_frame::<R, X>(delivery, octets, room, stage),
                Some(frame) if frame.opcode.is_control() => self.control(frame, delivery, octets),
                Some(frame) => self.data(frame, octets, stage),
            };
            match found {
                Ok(None) => {}
                Ok(Some(Step::NeedOctets)) => match self.check_gathered(octets, stage) {
                    Ok(()) if self.ended => self.inbound.ended(&mut self.owed),
                    Ok(()) => return Ok(Step::NeedOctets),
                    Err(error) => {
                        self.fail(error);
                    }
                },
                Ok(Some(step)) => return Ok(step),
                Err(error @ Error::Usage(_)) => return Err(error),
                Err(error) => {
                    self.fail(error);
                }
            }
        }
    }

    /// Ends the borrow that the last announcement allowed.
    #[inline]
    fn release<X: Decompress>(&mut self, stage: &mut X) {
        match self.announced.take() {
            None => {}
            Some(Announced::Frame(frame)) if frame.opcode.is_control() => {}
            Some(
                Announced::Message {
                    compressed: true, ..
                }
                | Announced::Chunk {
                    compressed: true, ..
                },
            ) => {
                stage.release();
            }
            Some(_) => self.places.release(),
        }
    }

    fn fail(&mut self, error: Error) -> Error {
        self.inbound.fail(error, &mut self.owed);
        error
    }

    /// Before anything else is waited for or looked at: text must be refused at the first octet
    /// that cannot continue it, though the message is not complete.
    fn check_gathered<X: Decompress>(&mut self, octets: &[u8], stage: &X) -> Result<(), Error> {
        let Some(message) = &mut self.message else {
            return Ok(());
        };
        let whole = match message.delivery {
            Delivery::Message => true,
            Delivery::Chunk => false,
            Delivery::Frame => !message.compressed,
        };
        if message.kind != MessageKind::Text || !whole {
            return Ok(());
        }
        let gathered = if message.compressed {
            stage.output()
        } else {
            self.places.gathered(octets)
        };
        let fresh = gathered.get(message.checked..).unwrap_or_default();
        message.checked = gathered.len();
        check_text(&mut self.utf8, fresh, false)
    }

    #[inline]
    fn begin_frame<R: Role, X: Decompress>(
        &mut self,
        delivery: Delivery,
        octets: &[u8],
        room: u64,
        stage: &mut X,
    ) -> Result<Option<Step>, Error> {
        let rules = Rules {
            rsv1: stage.is_active(),
            masked: !R::MASKS,
        };
        let Some((header, len)) = FrameHeader::parse(self.places.unparsed(octets), rules)? else {
            return Ok(Some(Step::NeedOctets));
        };
        if header.opcode.is_control() {
            let due = self.owed.is_due();
            if due && self.places.available() < len + header.len as usize {
                // The slot holds a reply that nobody took yet: a new payload replaces it whole,
                // never in part.
                return Ok(Some(Step::NeedOctets));
            }
            if !due || header.opcode != Opcode::Pong {
                self.owed.restart();
            }
        } else {
            self.begin_fragment(header, delivery, room, stage)?;
        }
        self.places.skip(len);
        self.frame = Some(OpenFrame {
            opcode: header.opcode,
            fin: header.fin,
            rsv1: header.rsv1,
            key: header.masking_key,
            remaining: header.len,
        });
        Ok(None)
    }

    /// The rules of §5.4 and the limits, at the header: no octet of a payload that is too long
    /// is waited for.
    #[inline]
    fn begin_fragment<X: Decompress>(
        &mut self,
        header: FrameHeader,
        delivery: Delivery,
        room: u64,
        stage: &mut X,
    ) -> Result<(), Error> {
        let message = match (header.opcode, self.message) {
            (Opcode::Continuation, None) => return Err(Violation::UnexpectedContinuation.into()),
            (Opcode::Continuation, Some(message)) => message,
            (_, Some(_)) => return Err(Violation::ExpectedContinuation.into()),
            (opcode, None) => {
                if header.rsv1 {
                    if delivery == Delivery::Frame {
                        self.stage_passed = true;
                    } else if self.stage_passed {
                        // The stage did not see all that later messages may refer to.
                        return Err(Usage::MixedLevels.into());
                    } else {
                        stage.begin(delivery == Delivery::Message);
                    }
                }
                self.fragments = 0;
                self.utf8 = Utf8::new();
                OpenMessage {
                    kind: if opcode == Opcode::Text {
                        MessageKind::Text
                    } else {
                        MessageKind::Binary
                    },
                    compressed: header.rsv1,
                    delivery,
                    total: 0,
                    checked: 0,
                }
            }
        };
        if self.fragments >= self.limits.fragments {
            return Err(Capacity::Fragments {
                limit: self.limits.fragments,
            }
            .into());
        }
        self.fragments += 1;
        let (before, limit) = match delivery {
            _ if message.compressed && delivery != Delivery::Frame => (0, u64::MAX),
            Delivery::Message => (message.total, self.limits.message.min(room)),
            Delivery::Chunk => (message.total, self.limits.message),
            Delivery::Frame => {
                // Only this frame must fit the buffer.
                let room = message.total.saturating_add(room);
                (message.total, self.limits.message.min(room))
            }
        };
        let needed = before.saturating_add(header.len);
        if needed > limit {
            return Err(Capacity::Message { needed, limit }.into());
        }
        self.message = Some(message);
        Ok(())
    }

    fn control(
        &mut self,
        mut frame: OpenFrame,
        delivery: Delivery,
        octets: &mut [u8],
    ) -> Result<Option<Step>, Error> {
        let remaining = frame.remaining as usize;
        let n = remaining.min(self.places.available());
        self.unmask(&mut frame, n, octets);
        // A Pong's payload is only for looking at: it leaves a reply that is owed alone.
        let kept = frame.opcode == Opcode::Pong && self.owed.is_due();
        if !kept {
            self.owed
                .push(self.places.unparsed(octets).get(..n).unwrap_or_default());
        }
        self.places.skip(n);
        frame.remaining -= n as u64;
        if frame.remaining > 0 {
            self.frame = Some(frame);
            return Ok(Some(Step::NeedOctets));
        }
        self.frame = None;
        match frame.opcode {
            Opcode::Close => self.inbound.close_received(&mut self.owed),
            Opcode::Ping => self.owed.ping_received(),
            _ => self.pongs = self.pongs.wrapping_add(1),
        }
        if delivery == Delivery::Frame && !kept {
            self.announced = Some(Announced::Frame(frame));
            return Ok(Some(Step::Frame));
        }
        Ok((frame.opcode != Opcode::Pong).then_some(Step::ReplyDue))
    }

    #[inline]
    fn data<X: Decompress>(
        &mut self,
        mut frame: OpenFrame,
        octets: &mut [u8],
        stage: &mut X,
    ) -> Result<Option<Step>, Error> {
        let Some(message) = self.message else {
            return Err(Violation::UnexpectedContinuation.into());
        };
        let available = self.places.available();
        let n = usize::try_from(frame.remaining)
            .map_or(available, |remaining| remaining.min(available));
        if message.compressed && message.delivery != Delivery::Frame {
            return self.compressed(frame, message, n, octets, stage);
        }
        self.unmask(&mut frame, n, octets);
        self.places.gather(n, octets);
        frame.remaining -= n as u64;
        let offset = message.total;
        let checked = message.checked;
        let fragment_ends = frame.remaining == 0;
        let message_ends = fragment_ends && frame.fin;
        let message = OpenMessage {
            total: message.total + n as u64,
            // A frame is gathered for itself, a message across its fragments.
            checked: if fragment_ends && message.delivery == Delivery::Frame {
                0
            } else {
                checked
            },
            ..message
        };
        self.frame = (!fragment_ends).then_some(frame);
        self.message = (!message_ends).then_some(message);
        match message.delivery {
            Delivery::Message if message_ends => {
                self.announced = Some(Announced::Message {
                    kind: message.kind,
                    compressed: false,
                });
                Ok(Some(Step::Message))
            }
            Delivery::Message if fragment_ends => {
                self.check_gathered(octets, stage)?;
                Ok(None)
            }
            Delivery::Chunk if n > 0 || fragment_ends => {
                self.check_piece(message.kind, 0, message_ends, octets)?;
                self.announced = Some(Announced::Chunk {
                    kind: message.kind,
                    compressed: false,
                    offset,
                    fin: message_ends,
                });
                Ok(Some(Step::Chunk))
            }
            Delivery::Frame if fragment_ends => {
                if !message.compressed {
                    self.check_piece(message.kind, checked, message_ends, octets)?;
                }
                self.announced = Some(Announced::Frame(frame));
                Ok(Some(Step::Frame))
            }
            _ => Ok(Some(Step::NeedOctets)),
        }
    }

    fn check_piece(
        &mut self,
        kind: MessageKind,
        checked: usize,
        ends: bool,
        octets: &[u8],
    ) -> Result<(), Error> {
        if kind == MessageKind::Binary {
            return Ok(());
        }
        let fresh = self.places.gathered(octets).get(checked..);
        check_text(&mut self.utf8, fresh.unwrap_or_default(), ends)
    }

    fn compressed<X: Decompress>(
        &mut self,
        mut frame: OpenFrame,
        mut message: OpenMessage,
        n: usize,
        octets: &mut [u8],
        stage: &mut X,
    ) -> Result<Option<Step>, Error> {
        let key = frame.key;
        self.unmask(&mut frame, n, octets);
        let last = frame.fin && frame.remaining == n as u64;
        let input = self.places.unparsed(octets).get(..n).unwrap_or_default();
        let done = stage.decompress(input, last)?;
        let consumed = done.consumed.min(n);
        if consumed == 0 && !done.finished && stage.output().is_empty() {
            return Err(Violation::CorruptCompression.into());
        }
        if consumed < n {
            // What the stage left is masked again, so that it is unmasked when its turn comes.
            if let Some(key) = key {
                let rest = key.at(consumed as u64);
                let from = self.places.read + consumed;
                rest.apply(
                    octets
                        .get_mut(from..self.places.read + n)
                        .unwrap_or_default(),
                );
                frame.key = Some(rest);
            }
        }
        self.places.skip(consumed);
        frame.remaining -= consumed as u64;
        let fragment_ends = frame.remaining == 0 && done.finished;
        let message_ends = fragment_ends && frame.fin;
        self.frame = (!fragment_ends).then_some(frame);
        if message.delivery == Delivery::Message {
            self.message = (!message_ends).then_some(message);
            let limit = self.limits.message;
            let needed = stage.output().len() as u64;
            if needed > limit || !done.finished {
                // Gathered output cannot be released: a stage that has no room for more is full.
                return Err(Capacity::Message {
                    needed,
                    limit: limit.min(needed),
                }
                .into());
            }
            if message_ends {
                self.announced = Some(Announced::Message {
                    kind: message.kind,
                    compressed: true,
                });
                return Ok(Some(Step::Message));
            }
            if fragment_ends {
                self.check_gathered(octets, stage)?;
                return Ok(None);
            }
            return Ok(Some(Step::NeedOctets));
        }
        let output = stage.output();
        let offset = message.total;
        message.total = message.total.saturating_add(output.len() as u64);
        if message.total > self.limits.message {
            return Err(Capacity::Message {
                needed: message.total,
                limit: self.limits.message,
            }
            .into());
        }
        if message.kind == MessageKind::Text {
            check_text(&mut self.utf8, output, message_ends)?;
        }
        self.message = (!message_ends).then_some(message);
        if !output.is_empty() || message_ends {
            self.announced = Some(Announced::Chunk {
                kind: message.kind,
                compressed: true,
                offset,
                fin: message_ends,
            });
            return Ok(Some(Step::Chunk));
        }
        Ok((!fragment_ends).then_some(Step::NeedOctets))
    }

    #[inline]
    fn unmask(&mut self, frame: &mut OpenFrame, n: usize, octets: &mut [u8]) {
        if let Some(key) = frame.key {
            let from = self.places.read;
            key.apply(
                octets
                    .get_mut(from..from.saturating_add(n))
                    .unwrap_or_default(),
            );
            frame.key = Some(key.at(n as u64));
        }
    }
}

fn check_text(utf8: &mut Utf8, piece: &[u8], ends: bool) -> Result<(), Error> {
    utf8.check(piece).map_err(|_| Violation::InvalidUtf8)?;
    if ends && !utf8.is_complete() {
        return Err(Violation::InvalidUtf8.into());
    }
    Ok(())
}
