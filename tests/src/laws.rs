//! Runs a row through the machines and holds what comes out against it, without an allocator: the
//! firmware of the examples runs it as it is.

use core::convert::Infallible;

use bare_ws::buffer::Storage;
use bare_ws::close::CloseCode;
use bare_ws::entropy::{Entropy, EntropyError};
use bare_ws::error::{Error, SendError, Usage};
use bare_ws::message::MessageKind;
use bare_ws::opcode::Opcode;
use bare_ws::receiver::{Delivery, Receiver, Step};
use bare_ws::role::Role;
use bare_ws::sender::Sender;

use crate::octets::{self, Octets};
use crate::vectors::{End, Seen, Vector};
use crate::wire;

/// What did not come as the row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// What.
    pub what: &'static str,
    /// At which of the things that are to be seen.
    pub at: usize,
}

/// Masking keys that are different every time and known to whoever asks.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    drawn: u32,
}

impl Keys {
    /// The key of the frame with this number.
    #[must_use]
    pub const fn key(number: u32) -> [u8; 4] {
        // An odd factor: all keys of a run differ.
        number
            .wrapping_add(1)
            .wrapping_mul(0x9e37_79b1)
            .to_be_bytes()
    }

    /// How many were drawn.
    #[must_use]
    pub const fn drawn(&self) -> u32 {
        self.drawn
    }
}

impl Entropy for Keys {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        assert_eq!(octets.len(), 4, "a masking key is four octets");
        octets.copy_from_slice(&Self::key(self.drawn));
        self.drawn += 1;
        Ok(())
    }
}

/// Lets `octets` arrive, at most `reads()` at a time, and watches.
///
/// # Errors
/// The first thing that is not as the row says.
pub fn run<R: Role>(
    vector: &Vector,
    octets: &mut dyn Iterator<Item = u8>,
    reads: &mut dyn FnMut() -> usize,
    delivery: Delivery,
    receive: impl Storage,
    transmit: &mut [u8],
) -> Result<(), Mismatch> {
    let mut receiver = Receiver::<R, _>::new(receive);
    receiver.set_limits(vector.limits);
    let mut sender = Sender::<R, _, _>::new(transmit, Keys::default());
    let mut watch = Watch::new(vector);
    let mut stopped = None;
    let end = loop {
        match receiver.step(delivery) {
            Ok(Step::NeedOctets) => {
                let most = reads();
                let spare = receiver.spare();
                if spare.is_empty() {
                    return Err(watch.mismatch("no room though no reply is owed"));
                }
                let mut n = 0;
                for (place, octet) in spare.iter_mut().take(most).zip(&mut *octets) {
                    *place = octet;
                    n += 1;
                }
                if n == 0 {
                    break Ok(None);
                }
                receiver.commit(n);
            }
            Ok(Step::ReplyDue) => answer(&mut receiver, &mut sender, &mut watch)?,
            Ok(Step::Message) => match receiver.message() {
                Ok(Some(message)) => watch.piece(message.kind(), message.as_bytes(), 0, true)?,
                Ok(None) => return Err(watch.mismatch("a message was announced, none is there")),
                Err(error) => stopped = Some(error),
            },
            Ok(Step::Chunk) => {
                let Some(chunk) = receiver.chunk() else {
                    return Err(watch.mismatch("a chunk was announced, none is there"));
                };
                watch.piece(chunk.kind, chunk.octets, chunk.offset, chunk.fin)?;
            }
            Ok(Step::Frame) => {
                let Some(frame) = receiver.frame() else {
                    return Err(watch.mismatch("a frame was announced, none is there"));
                };
                watch.frame(frame)?;
                if receiver.is_open() && receiver.owed().is_due() {
                    answer(&mut receiver, &mut sender, &mut watch)?;
                }
            }
            Ok(Step::Closed) => {
                let Some(status) = receiver.close_status() else {
                    return Err(watch.mismatch("closed without a status"));
                };
                break Ok(Some((status.code, status.reason)));
            }
            Err(error) => break Err(error),
        }
    };
    if let (Some(stopped), Err(error)) = (stopped, end)
        && stopped != error
    {
        return Err(watch.mismatch("the message's error is not the connection's"));
    }
    watch.ended(end)?;
    let error = end.err();
    if delivery != Delivery::Frame && receiver.pongs() != watch.heard {
        return Err(watch.mismatch("Pongs were not counted"));
    }
    let open = vector.end == End::Open;
    if receiver.is_open() != open || sender.is_open() != open {
        return Err(watch.mismatch("open or not open"));
    }
    if receiver.failure() != error {
        return Err(watch.mismatch("the failure is not what was reported"));
    }
    afterwards(&mut receiver, &mut sender, &watch, error)
}

/// What is over stays over; what is open ends when the transport does.
fn afterwards<R: Role, B: Storage>(
    receiver: &mut Receiver<R, B>,
    sender: &mut Sender<R, &mut [u8], Keys>,
    watch: &Watch<'_>,
    error: Option<Error>,
) -> Result<(), Mismatch> {
    let open = watch.vector.end == End::Open;
    // row: SEED-15
    for delivery in [Delivery::Message, Delivery::Chunk, Delivery::Frame] {
        for _ in 0..2 {
            let spare = receiver.spare();
            spare.fill(0x81);
            let n = if open { 0 } else { spare.len() };
            receiver.commit(n);
            let step = receiver.step(delivery);
            let right = match error {
                _ if open => matches!(
                    step,
                    Ok(Step::NeedOctets) | Err(Error::Usage(Usage::MixedLevels))
                ),
                Some(error) => step == Err(error),
                None => step == Ok(Step::Closed),
            };
            if !right {
                return Err(watch.mismatch("what is over does not stay over"));
            }
        }
    }
    if !open {
        let refused = Err(SendError::Usage(Usage::NotOpen));
        // row: FRG-12, CLS-07
        if sender.message(MessageKind::Text, b"a", true) != Err(SendError::Usage(Usage::NotOpen))
            || sender.ping(b"") != refused
            || sender.close(Some(CloseCode::NORMAL), "") != refused
            || !sender.pending().is_empty()
        {
            return Err(watch.mismatch("something can be sent after the end"));
        }
    }
    Ok(())
}

fn answer<R: Role, B: Storage>(
    receiver: &mut Receiver<R, B>,
    sender: &mut Sender<R, &mut [u8], Keys>,
    watch: &mut Watch<'_>,
) -> Result<(), Mismatch> {
    let Some(reply) = receiver.owed().reply() else {
        return Err(watch.mismatch("a reply was announced, none is owed"));
    };
    if sender.reply(reply) != Ok(true) {
        return Err(watch.mismatch("a reply cannot be queued though nothing is pending"));
    }
    receiver.owed().mark_queued();
    let mut sent = [0; 14 + 125];
    let mut len = 0;
    while !sender.pending().is_empty() {
        let pending = sender.pending();
        let n = pending.len();
        let Some(place) = sent.get_mut(len..len + n) else {
            return Err(watch.mismatch("more than one frame is sent"));
        };
        place.copy_from_slice(pending);
        sender.advance(n);
        len += n;
    }
    watch.sent::<R>(&sent[..len])?;
    if sender.entropy_mut().drawn() != if R::MASKS { watch.frames } else { 0 } {
        return Err(watch.mismatch("not one masking key a frame"));
    }
    Ok(())
}

/// Compares what comes with what is to come.
#[derive(Debug)]
pub struct Watch<'v> {
    vector: &'v Vector,
    at: usize,
    /// Octets of the message at hand that were seen, and those that are still to come.
    begun: usize,
    rest: Option<Rest>,
    heard: u16,
    frames: u32,
    close: Option<Option<u16>>,
    kind: Option<MessageKind>,
    offset: u64,
}

impl<'v> Watch<'v> {
    /// Nothing was seen yet.
    #[must_use]
    pub fn new(vector: &'v Vector) -> Self {
        let mut watch = Self {
            vector,
            at: 0,
            begun: 0,
            rest: None,
            heard: 0,
            frames: 0,
            close: None,
            kind: None,
            offset: 0,
        };
        watch.heard = vector
            .seen
            .iter()
            .filter(|seen| matches!(seen, Seen::Heard(_)))
            .count() as u16;
        watch
    }

    /// Something is not as the row says.
    #[must_use]
    pub const fn mismatch(&self, what: &'static str) -> Mismatch {
        Mismatch { what, at: self.at }
    }

    /// The next thing to be seen; Pongs that are heard are shown at the level of frames only.
    fn next(&self, heard: bool) -> Option<(usize, Seen)> {
        self.vector
            .seen
            .iter()
            .copied()
            .enumerate()
            .skip(self.at)
            .find(|(_, seen)| heard || !matches!(seen, Seen::Heard(_)))
    }

    /// A piece of a message came.
    ///
    /// # Errors
    /// If it is another than the row's.
    pub fn piece(
        &mut self,
        kind: MessageKind,
        octets: &[u8],
        offset: u64,
        fin: bool,
    ) -> Result<(), Mismatch> {
        if offset != self.begun as u64 {
            return Err(self.mismatch("a piece at another offset"));
        }
        self.begun += octets.len();
        let Some((at, wanted, seen)) = self.coming() else {
            // Pieces of a message that never becomes whole.
            return if fin {
                Err(self.mismatch("a message that does not come"))
            } else {
                Ok(())
            };
        };
        if wanted != kind {
            return Err(self.mismatch("text is binary, or binary text"));
        }
        let rest = self.rest.get_or_insert_with(|| seen.octets());
        if !octets.iter().all(|&octet| rest.next() == Some(octet)) || (fin && rest.next().is_some())
        {
            return Err(self.mismatch("other octets in a message"));
        }
        if fin {
            if self.next(false).is_some_and(|(first, _)| first != at) {
                return Err(self.mismatch("a Pong was due before this message"));
            }
            self.at = at + 1;
            self.begun = 0;
            self.rest = None;
        }
        Ok(())
    }

    /// The next message, wherever the control frames before it stand.
    fn coming(&self) -> Option<(usize, MessageKind, Seen)> {
        let mut later = self.vector.seen.iter().copied().enumerate().skip(self.at);
        later.find_map(|(at, seen)| match seen {
            Seen::Text(_) | Seen::LongText(..) => Some((at, MessageKind::Text, seen)),
            Seen::Binary(_) => Some((at, MessageKind::Binary, seen)),
            Seen::Pong(_) | Seen::Heard(_) => None,
        })
    }

    /// A frame came.
    ///
    /// # Errors
    /// If it is another than the row's.
    pub fn frame(&mut self, frame: bare_ws::message::Frame<'_>) -> Result<(), Mismatch> {
        let header = frame.header;
        if header.len != frame.payload.len() as u64 || header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(self.mismatch("a frame's header is not its own"));
        }
        match header.opcode {
            Opcode::Pong => match self.next(true) {
                Some((at, Seen::Heard(octets))) if same(octets, frame.payload.iter().copied()) => {
                    self.at = at + 1;
                    Ok(())
                }
                _ => Err(self.mismatch("a Pong that does not come")),
            },
            Opcode::Ping | Opcode::Close => Ok(()),
            opcode => {
                let kind = match (opcode, self.kind) {
                    (Opcode::Text, None) => MessageKind::Text,
                    (Opcode::Binary, None) => MessageKind::Binary,
                    (Opcode::Continuation, Some(kind)) => kind,
                    _ => return Err(self.mismatch("frames out of order")),
                };
                self.kind = (!header.fin).then_some(kind);
                let offset = self.offset;
                self.offset = if header.fin { 0 } else { offset + header.len };
                self.piece(kind, frame.payload, offset, header.fin)
            }
        }
    }

    /// These octets were sent.
    ///
    /// # Errors
    /// If they are not one frame that is due.
    pub fn sent<R: Role>(&mut self, octets: &[u8]) -> Result<(), Mismatch> {
        let Some(frame) = wire::Frame::decode(octets) else {
            return Err(self.mismatch("no whole frame was sent"));
        };
        if frame.total != octets.len() {
            return Err(self.mismatch("more than one frame was sent"));
        }
        let key = R::MASKS.then_some(Keys::key(self.frames));
        self.frames += 1;
        if frame.key != key {
            return Err(self.mismatch("not a fresh masking key"));
        }
        if self.close.is_some() {
            return Err(self.mismatch("a frame after Close"));
        }
        match frame.opcode() {
            10 => match self.next(false) {
                Some((at, Seen::Pong(octets))) if same(octets, frame.payload()) => {
                    self.at = at + 1;
                    Ok(())
                }
                _ => Err(self.mismatch("a Pong that is not owed")),
            },
            8 => {
                let mut payload = frame.payload();
                self.close = Some(match (payload.next(), payload.next(), payload.next()) {
                    (None, None, None) => None,
                    (Some(high), Some(low), None) => Some(u16::from_be_bytes([high, low])),
                    _ => return Err(self.mismatch("a Close with a strange payload")),
                });
                Ok(())
            }
            _ => Err(self.mismatch("a frame that nobody sent")),
        }
    }

    /// All octets were taken.
    ///
    /// # Errors
    /// If the connection has come to another end than the row's, or something is missing.
    pub fn ended(
        &self,
        end: Result<Option<(CloseCode, &str)>, Error<Infallible>>,
    ) -> Result<(), Mismatch> {
        let (right, close) = match self.vector.end {
            End::Open => (end == Ok(None), None),
            End::Closed(1005, reason) => {
                (end == Ok(Some((CloseCode::NO_STATUS, reason))), Some(None))
            }
            End::Closed(code, reason) => {
                (end == Ok(Some((CloseCode(code), reason))), Some(Some(code)))
            }
            End::Violation(violation, code) => {
                (end == Err(Error::Peer(violation)), Some(Some(code)))
            }
            End::Exceeds(error, code) => (end == Err(error), Some(Some(code))),
        };
        if !right {
            return Err(self.mismatch("another end"));
        }
        if self.close != close {
            return Err(self.mismatch("another Close on the wire"));
        }
        if self.next(false).is_some() {
            return Err(self.mismatch("something did not come"));
        }
        Ok(())
    }
}

/// What is still to come of a message.
#[derive(Debug)]
enum Rest {
    Text(core::str::Bytes<'static>),
    Binary(octets::Iter),
    Long(core::iter::RepeatN<u8>),
}

impl Iterator for Rest {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        match self {
            Self::Text(octets) => octets.next(),
            Self::Binary(octets) => octets.next(),
            Self::Long(octets) => octets.next(),
        }
    }
}

impl Seen {
    fn octets(self) -> Rest {
        match self {
            Self::Text(text) => Rest::Text(text.bytes()),
            Self::LongText(letter, len) => Rest::Long(core::iter::repeat_n(letter, len)),
            Self::Binary(octets) | Self::Pong(octets) | Self::Heard(octets) => {
                Rest::Binary(octets.iter())
            }
        }
    }
}

fn same(wanted: Octets, octets: impl Iterator<Item = u8>) -> bool {
    wanted.iter().eq(octets)
}
