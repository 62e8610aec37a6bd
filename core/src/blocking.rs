//! The blocking loop: the receive and the send machine over `embedded_io::{Read, Write}`.
//!
//! A [`Connection`] is two parts from the start: a message borrows the [`Reader`], so the
//! [`Writer`] is free to answer it.
//!
//! ```
//! use bare_ws::blocking::Connection;
//! use bare_ws::error::Error;
//! use bare_ws::receiver::Receive;
//! use bare_ws::sender::Transmit;
//! use embedded_io::{Read, Write};
//!
//! fn echo<Io: Read + Write, Rx: Receive, Tx: Transmit>(
//!     connection: Connection<Io, Rx, Tx>,
//! ) -> Result<(), Error<Io::Error>> {
//!     let Connection { mut reader, mut writer } = connection;
//!     while let Some(message) = reader.recv(&mut writer)? {
//!         writer.send(message)?;
//!     }
//!     reader.finish(&mut writer)
//! }
//! ```
//!
//! # Time
//! One thread cannot wait for two directions. A transport whose `write` gives an error of the kind
//! [`TimedOut`](embedded_io::ErrorKind::TimedOut) when the peer takes nothing lets this loop go on reading while an
//! answer waits; one that cannot do so holds a receive until the peer has taken the answer.

use embedded_io::{Error as _, ErrorKind, Read, Write};

use crate::buffer::{Buffers, Storage};
use crate::close::CloseCode;
use crate::closing::Owed;
use crate::compression::{Compress, Decompress, Uncompressed};
use crate::entropy::Entropy;
use crate::error::{Error, SendError, Usage, WriteError};
use crate::exchange::{ExchangeError, Exchanged, Finishing, Patience};
use crate::handshake::{
    ClientHandshake, Compression, Established, HandshakeError, Offers, Request,
};
use crate::header::FrameHeader;
use crate::message::{AsMessage, Chunk, CloseStatus, Frame, Message, MessageKind};
use crate::octets;
use crate::receiver::{Delivery, Receive, Receiver, Step};
use crate::role::Client;
use crate::sender::{MIN_TRANSMIT, Outgoing, Sender, Transmit};

/// An open connection, to be used as it is or taken apart.
#[derive(Debug)]
#[repr(C)] // In this order: what is at the front of static memory is reached with less code.
pub struct Connection<Io, Rx, Tx> {
    /// The receive side.
    pub reader: Reader<Rx>,
    /// The send side, which owns the transport.
    pub writer: Writer<Io, Tx>,
}

/// The receive side: it reads through whatever [`Link`] it is lent.
#[derive(Debug)]
pub struct Reader<Rx> {
    rx: Rx,
}

/// The send side and the transport.
#[derive(Debug)]
pub struct Writer<Io, Tx> {
    io: Io,
    tx: Tx,
    /// The transport may hold octets that it was not told to flush yet.
    unflushed: bool,
}

/// What the receive loop needs besides its own part: octets in, and a way to answer.
///
/// [`Writer`] is one. An adapter that knows time, or shares the sender between threads, brings
/// its own.
pub trait Link {
    /// The transport's error.
    type Error;

    /// Whether it can wait for just a [moment](Patience::Moment).
    const KNOWS_TIME: bool = false;

    /// Whether something is queued that is not written out.
    fn has_queued(&self) -> bool;

    /// Queues what is owed, if anything is, writes out what is queued, and reads into `spare`. A
    /// write that fails or has to wait ends neither the call nor what is queued: reading goes on.
    ///
    /// # Errors
    /// The transport's, while it was read from; that of the source of entropy.
    fn exchange(
        &mut self,
        owed: &mut Owed,
        spare: &mut [u8],
        patience: Patience,
    ) -> Result<Exchanged, ExchangeError<Self::Error>>;
}

impl<Io, B, T, E, X, Y> Connection<Io, Receiver<Client, B, X>, Sender<Client, T, E, Y>>
where
    Io: Read + Write,
    B: Storage,
    T: Storage,
    E: Entropy,
    X: Decompress,
    Y: Compress,
{
    /// Makes the opening handshake over a transport that is connected: sends the request and reads
    /// its answer. Returns what was agreed on beside the connection, which is already set to it.
    ///
    /// # Errors
    /// [`HandshakeError`]: nothing but the request was sent. Lend the transport (`&mut T`) to
    /// have it afterwards.
    #[expect(clippy::type_complexity, reason = "a pair of two types")]
    pub fn open<'r, C: Compression<Decompressor = X, Compressor = Y>>(
        io: Io,
        request: &Request<'r>,
        buffers: Buffers<B, T>,
        mut entropy: E,
        compression: C,
    ) -> Result<(Self, Established<'r, C::Agreed>), HandshakeError<Io::Error>> {
        let mut handshake = ClientHandshake::new(request, compression, &mut entropy)
            .map_err(HandshakeError::widen)?;
        let rx = Receiver::new(buffers.receive);
        let mut opening = Connection::new(io, rx, Sender::new(buffers.transmit, entropy));
        opening.shake(&mut handshake)?;
        let (io, tx) = opening.writer.into_parts();
        let (rx, tx, established) = handshake
            .settle(request, opening.reader.rx, tx)
            .map_err(HandshakeError::widen)?;
        Ok((Self::new(io, rx, tx), established))
    }
}

impl<Io, Rx, Tx> Connection<Io, Rx, Tx>
where
    Io: Read + Write,
    Rx: Receive<Role = Client, Stage = Uncompressed>,
    Tx: Transmit<Role = Client, Stage = Uncompressed>,
{
    /// [`open`](Self::open) without compression, for a [`new`](Self::new) connection that is in its
    /// place already, so that nothing is moved. [`ClientHandshake::finish`] then tells what was
    /// agreed on.
    ///
    /// # Errors
    /// See [`open`](Self::open).
    #[inline]
    pub fn shake_hands<C>(
        &mut self,
        handshake: &mut ClientHandshake<'_, C>,
    ) -> Result<(), HandshakeError<Io::Error>>
    where
        C: Compression<Decompressor = Uncompressed, Compressor = Uncompressed>,
    {
        self.shake(handshake)
    }

    #[inline]
    fn shake<X: Offers>(
        &mut self,
        handshake: &mut ClientHandshake<'_, X>,
    ) -> Result<(), HandshakeError<Io::Error>> {
        while self
            .writer
            .tx
            .sender_mut()
            .queue_raw(|buffer| handshake.write(buffer))
        {
            self.writer.write_out()?;
        }
        let io = &mut self.writer.io;
        let receiver = self.reader.rx.receiver_mut();
        loop {
            let read = io.read(receiver.spare());
            let n = read.map_err(HandshakeError::Transport)?;
            receiver.commit(n);
            // RFC 6455 §4.1 ends the response with its head: what follows is frames.
            let head = handshake.take(receiver.unparsed());
            receiver.skip(head);
            match handshake.outcome() {
                Some(outcome) => return outcome.map_err(HandshakeError::widen),
                None if n == 0 => return Err(HandshakeError::Lost),
                None => {}
            }
        }
    }
}

impl<Io: Read + Write, Rx: Receive, Tx: Transmit> Connection<Io, Rx, Tx> {
    /// A connection whose opening handshake is done, or [to be done](Self::shake_hands). `rx` may
    /// hold octets already.
    pub fn new(io: Io, rx: Rx, tx: Tx) -> Self {
        Self {
            reader: Reader::new(rx),
            writer: Writer::new(io, tx),
        }
    }

    /// The next message: [`Reader::recv`].
    ///
    /// # Errors
    /// See [`Reader::recv`].
    pub fn recv(&mut self) -> Result<Option<Message<'_>>, Error<Io::Error>> {
        self.reader.recv(&mut self.writer)
    }

    /// The next piece of a message: [`Reader::recv_chunk`].
    ///
    /// # Errors
    /// See [`Reader::recv_chunk`].
    pub fn recv_chunk(&mut self) -> Result<Option<Chunk<'_>>, Error<Io::Error>> {
        self.reader.recv_chunk(&mut self.writer)
    }

    /// The next frame: [`Reader::recv_frame`].
    ///
    /// # Errors
    /// See [`Reader::recv_frame`].
    pub fn recv_frame(&mut self) -> Result<Option<Frame<'_>>, Error<Io::Error>> {
        self.reader.recv_frame(&mut self.writer)
    }

    /// Sends a message: [`Writer::send`].
    ///
    /// # Errors
    /// See [`Writer::send`].
    pub fn send(&mut self, message: impl AsMessage) -> Result<(), Error<Io::Error>> {
        self.writer.send(message)
    }

    /// Starts the closing handshake: [`Writer::close`]. Go on receiving until `recv` gives `None`:
    /// what the peer sent before its own Close still arrives.
    ///
    /// # Errors
    /// See [`Writer::close`].
    pub fn close(
        &mut self,
        code: impl Into<Option<CloseCode>>,
        reason: &str,
    ) -> Result<(), Error<Io::Error>> {
        self.writer.close(code, reason)
    }

    /// Brings a connection that is over to the end of its transport: [`Reader::finish`].
    ///
    /// # Errors
    /// See [`Reader::finish`].
    pub fn finish(&mut self) -> Result<(), Error<Io::Error>> {
        self.reader.finish(&mut self.writer)
    }
}

impl<Rx: Receive> Reader<Rx> {
    /// The loop around a receiver.
    pub fn new(rx: Rx) -> Self {
        Self { rx }
    }

    /// The receiver.
    pub fn receiver(&self) -> &Rx {
        &self.rx
    }

    /// The receiver.
    pub fn receiver_mut(&mut self) -> &mut Rx {
        &mut self.rx
    }

    /// The next whole message. Pings are answered and a Close is answered on the way, as far as
    /// the transport takes the answer; reading goes on while it does not. `None`, from then on,
    /// once the peer has closed.
    ///
    /// # Errors
    /// [`Error::Peer`], [`Error::TooLong`], [`Error::TooManyFragments`], [`Error::OutOfMemory`],
    /// [`Error::Lost`]: the connection has failed, and says so at once and from then on; the Close
    /// for it was sent as far as the transport took it.
    /// [`finish`](Self::finish) sends the rest. [`Error::Transport`]: as the transport says; nothing
    /// is lost, and a call after a time-out goes on. [`Error::Usage`]. [`Error::Entropy`]: an
    /// answer could not be masked, and is not sent.
    #[inline]
    pub fn recv<L: Link>(&mut self, link: &mut L) -> Result<Option<Message<'_>>, Error<L::Error>> {
        if !self.advance(link, Delivery::Message)? {
            return Ok(None);
        }
        let (message, owed) = self.rx.receiver_mut().message_and_owed();
        if message.is_err() {
            // Why the connection failed is known: whether the Close goes out changes nothing.
            let _ = link.exchange(owed, &mut [], Patience::AtOnce);
        }
        message.map_err(Error::widen)
    }

    /// The next piece of a message, for messages of any length.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_chunk<L: Link>(
        &mut self,
        link: &mut L,
    ) -> Result<Option<Chunk<'_>>, Error<L::Error>> {
        self.advance(link, Delivery::Chunk)?;
        Ok(self.rx.receiver().chunk())
    }

    /// The next frame as on the wire, control frames among them (they are answered all the same).
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_frame<L: Link>(
        &mut self,
        link: &mut L,
    ) -> Result<Option<Frame<'_>>, Error<L::Error>> {
        self.advance(link, Delivery::Frame)?;
        Ok(self.rx.receiver().frame())
    }

    /// Writes out what is still owed and queued, and reads and discards until the transport ends.
    /// §7.1.1: the client waits for the server to close the transport first. The transport's
    /// time-out says for how long.
    ///
    /// # Errors
    /// The transport's.
    pub fn finish<L: Link>(&mut self, link: &mut L) -> Result<(), Error<L::Error>> {
        let mut finishing = Finishing::default();
        loop {
            let (owed, spare) = self.rx.receiver_mut().owed_and_spare();
            let spare = finishing.spare(spare);
            let reads = !spare.is_empty();
            let exchanged = link.exchange(&mut *owed, spare, Patience::Wait)?;
            let is_left = owed.is_due() || link.has_queued();
            if finishing.is_done(exchanged, reads, is_left) {
                return Ok(());
            }
        }
    }

    /// How the peer closed, once it did.
    pub fn close_status(&self) -> Option<CloseStatus<'_>> {
        self.rx.receiver().close_status()
    }

    /// Until something is announced (`true`) or the peer has closed (`false`).
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    #[inline]
    pub fn advance<L: Link>(
        &mut self,
        link: &mut L,
        delivery: Delivery,
    ) -> Result<bool, Error<L::Error>> {
        let receiver = self.rx.receiver_mut();
        // A first attempt at a Close may only make room for it.
        let mut attempts = 0_u8;
        // What is owed for a frame that was delivered, nothing else announces.
        let mut due = delivery == Delivery::Frame && receiver.owed().is_due();
        // Text is checked as a whole where it goes on without a pause.
        let mut goes_on = L::KNOWS_TIME;
        loop {
            let mut patience = Patience::AtOnce;
            if !core::mem::take(&mut due) {
                let found = if L::KNOWS_TIME && goes_on {
                    receiver.look_on(delivery, attempts >= 2)
                } else {
                    receiver.look(delivery, attempts >= 2)
                };
                match found {
                    Ok(Step::NeedOctets) if goes_on && receiver.holds_back() => {
                        patience = Patience::Moment;
                    }
                    Ok(Step::NeedOctets) => patience = Patience::Wait,
                    Ok(Step::ReplyDue) => {}
                    Ok(Step::Message | Step::Chunk | Step::Frame) => return Ok(true),
                    Ok(Step::Closed) => return Ok(false),
                    Err(stop) => return Err(receiver.error(stop)),
                }
            }
            let mut is_over = !receiver.is_open();
            let can_grow = receiver.can_grow();
            let (owed, spare) = receiver.owed_and_spare();
            if can_grow && spare.is_empty() {
                // Memory could not grow: that is told as any failure is.
                patience = Patience::AtOnce;
                is_over = true;
            }
            attempts = attempts.saturating_add(is_over.into());
            // The one place to read and to answer from.
            match link.exchange(owed, spare, patience) {
                Ok(Exchanged::Read(0)) => receiver.eof(),
                Ok(Exchanged::Read(n)) => {
                    receiver.commit(n);
                    goes_on = L::KNOWS_TIME;
                }
                Ok(Exchanged::Wrote) => goes_on &= patience != Patience::Moment,
                Ok(Exchanged::Quiet) => receiver.shrink(),
                // A Close that cannot be sent must not hide why it was due.
                Err(_) if is_over => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl<Io: Write, Tx: Transmit> Writer<Io, Tx> {
    /// The loop around a sender.
    pub fn new(io: Io, tx: Tx) -> Self {
        Self {
            io,
            tx,
            unflushed: false,
        }
    }

    /// The transport.
    pub fn io(&self) -> &Io {
        &self.io
    }

    /// The transport.
    pub fn io_mut(&mut self) -> &mut Io {
        &mut self.io
    }

    /// The sender.
    pub fn sender(&self) -> &Tx {
        &self.tx
    }

    /// The sender, to queue several messages and [`flush`](Self::flush) them in one write.
    pub fn sender_mut(&mut self) -> &mut Tx {
        &mut self.tx
    }

    /// The transport and the sender.
    pub fn into_parts(self) -> (Io, Tx) {
        (self.io, self.tx)
    }

    /// Sends a whole message, as one frame unless it is compressed and longer than the buffer.
    ///
    /// # Errors
    /// [`Error::Usage`] and [`Error::Entropy`]: nothing was sent. [`Error::Transport`]: what was
    /// queued goes out with the next call; a message longer than the buffer is torn, and nothing
    /// can follow it.
    #[inline]
    pub fn send(&mut self, message: impl AsMessage) -> Result<(), Error<Io::Error>> {
        Outlet::send(self, message.as_message())
    }

    /// Sends a piece of a message that is still being produced, as fragments; `fin`: the last.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_fragment(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        fin: bool,
    ) -> Result<(), Error<Io::Error>> {
        Outlet::send_fragment(self, kind, payload, fin)
    }

    /// Sends one frame that the caller has built: [`Sender::frame`].
    ///
    /// # Errors
    /// See [`Sender::frame`], and [`Usage::BufferTooSmall`] when the frame does not fit the buffer.
    pub fn send_frame(
        &mut self,
        header: FrameHeader,
        payload: &[u8],
    ) -> Result<(), Error<Io::Error>> {
        Outlet::send_frame(self, header, payload)
    }

    /// Sends a Ping with up to 125 octets.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Error<Io::Error>> {
        Outlet::ping(self, payload)
    }

    /// Sends an unsolicited Pong: a heartbeat in one direction (§5.5.3).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn pong(&mut self, payload: &[u8]) -> Result<(), Error<Io::Error>> {
        Outlet::pong(self, payload)
    }

    /// Starts the closing handshake. Nothing can be sent afterwards; go on receiving until `recv`
    /// gives `None`.
    ///
    /// # Errors
    /// As [`Sender::close`], and the transport's.
    pub fn close(
        &mut self,
        code: impl Into<Option<CloseCode>>,
        reason: &str,
    ) -> Result<(), Error<Io::Error>> {
        Outlet::close(self, code.into(), reason)
    }

    /// Writes out what is queued.
    ///
    /// # Errors
    /// The transport's; [`Error::Lost`] when it no longer takes anything.
    #[inline]
    pub fn flush(&mut self) -> Result<(), Error<Io::Error>> {
        Ok(self.write_out()?)
    }

    #[inline]
    fn write_out(&mut self) -> Result<(), WriteError<Io::Error>> {
        while !self.tx.sender().is_drained() {
            self.unflushed = true;
            match self.io.write(self.tx.sender_mut().pending())? {
                0 => return Err(WriteError::Lost),
                n => self.tx.sender_mut().advance(n),
            }
        }
        self.io.flush()?;
        self.unflushed = false;
        Ok(())
    }
}

/// Where messages are queued and written out: what the sending loops are built on.
///
/// [`Writer`] is one. An adapter that knows time, or shares the sender between threads, brings
/// its own.
pub trait Outlet {
    /// The transport's error.
    type Error;
    /// The sender.
    type Tx: Transmit;

    /// The sender.
    fn sender(&mut self) -> &mut SenderOf<Self::Tx>;

    /// Writes out what is queued.
    ///
    /// # Errors
    /// Why it cannot be.
    fn drain(&mut self) -> Result<(), Error<Self::Error>>;

    /// As [`Writer::send`].
    ///
    /// # Errors
    /// See [`Writer::send`].
    #[inline]
    fn send(&mut self, message: Message<'_>) -> Result<(), Error<Self::Error>> {
        if self.sender().compresses(Some(message.as_bytes().len())) {
            self.send_in_fragments(message)
        } else {
            self.send_in_one_frame(message)
        }
    }

    /// As [`Writer::send_fragment`].
    ///
    /// # Errors
    /// See [`Writer::send_fragment`].
    fn send_fragment(
        &mut self,
        kind: MessageKind,
        mut payload: &[u8],
        fin: bool,
    ) -> Result<(), Error<Self::Error>> {
        loop {
            let first = !self.sender().in_fragments();
            let queued = self.sender().fragment(kind, payload, first, fin)?;
            payload = octets::rest(payload, queued.taken);
            self.drain()?;
            if queued.complete {
                return Ok(());
            }
        }
    }

    /// As [`Writer::send_frame`].
    ///
    /// # Errors
    /// See [`Writer::send_frame`].
    fn send_frame(
        &mut self,
        header: FrameHeader,
        payload: &[u8],
    ) -> Result<(), Error<Self::Error>> {
        self.send_when_drained(
            |sender| sender.frame(header, payload),
            payload.len() + crate::header::MAX_HEADER,
        )
    }

    /// As [`Writer::ping`].
    ///
    /// # Errors
    /// See [`Writer::ping`].
    fn ping(&mut self, payload: &[u8]) -> Result<(), Error<Self::Error>> {
        self.send_when_drained(|sender| sender.ping(payload), MIN_TRANSMIT)
    }

    /// As [`Writer::pong`].
    ///
    /// # Errors
    /// See [`Writer::pong`].
    fn pong(&mut self, payload: &[u8]) -> Result<(), Error<Self::Error>> {
        self.send_when_drained(|sender| sender.pong(payload), MIN_TRANSMIT)
    }

    /// As [`Writer::close`].
    ///
    /// # Errors
    /// See [`Writer::close`].
    fn close(&mut self, code: Option<CloseCode>, reason: &str) -> Result<(), Error<Self::Error>> {
        self.send_when_drained(|sender| sender.close(code, reason), MIN_TRANSMIT)
    }
}

/// The loops behind the methods of [`Outlet`].
trait Loops: Outlet {
    /// As fragments that fill the buffer: how long the whole will be once it is compressed cannot
    /// be foreseen.
    fn send_in_fragments(&mut self, message: Message<'_>) -> Result<(), Error<Self::Error>> {
        let mut outgoing = Outgoing::new(message);
        loop {
            let complete = outgoing.queue(self.sender())?;
            self.drain()?;
            if complete {
                return Ok(());
            }
        }
    }

    /// As one frame, whose header and payload leave in one write if the buffer holds both.
    #[inline]
    fn send_in_one_frame(&mut self, message: Message<'_>) -> Result<(), Error<Self::Error>> {
        let (kind, mut payload) = (message.kind(), message.as_bytes());
        while let Err(error) = self.sender().begin_frame(kind, payload.len()) {
            if error != SendError::Usage(Usage::Busy) {
                return Err(error.into());
            }
            self.drain()?;
        }
        loop {
            let taken = self.sender().frame_payload(payload);
            payload = octets::rest(payload, taken);
            self.drain()?;
            if payload.is_empty() {
                return Ok(());
            }
        }
    }

    fn send_when_drained(
        &mut self,
        mut queue: impl FnMut(&mut SenderOf<Self::Tx>) -> Result<bool, SendError>,
        needed: usize,
    ) -> Result<(), Error<Self::Error>> {
        for _ in 0..2 {
            let queued = queue(self.sender())?;
            self.drain()?;
            if queued {
                return Ok(());
            }
        }
        Err(Usage::BufferTooSmall { needed }.into())
    }
}

impl<O: Outlet + ?Sized> Loops for O {}

impl<Io: Write, Tx: Transmit> Outlet for Writer<Io, Tx> {
    type Error = Io::Error;
    type Tx = Tx;

    #[inline]
    fn sender(&mut self) -> &mut SenderOf<Tx> {
        self.tx.sender_mut()
    }

    #[inline]
    fn drain(&mut self) -> Result<(), Error<Io::Error>> {
        Ok(self.write_out()?)
    }
}

impl<Io: Read + Write, Tx: Transmit> Link for Writer<Io, Tx> {
    type Error = Io::Error;

    #[inline]
    fn has_queued(&self) -> bool {
        self.unflushed || !self.tx.sender().is_drained()
    }

    fn exchange(
        &mut self,
        owed: &mut Owed,
        spare: &mut [u8],
        patience: Patience,
    ) -> Result<Exchanged, ExchangeError<Io::Error>> {
        let mut stalled = None;
        if owed.is_due() || self.has_queued() {
            self.tx.sender_mut().answer(owed)?;
            match self.write_out() {
                // Room was made for what is still owed.
                Ok(()) if owed.is_due() => return Ok(Exchanged::Wrote),
                Err(WriteError::Transport(error)) if error.kind() == ErrorKind::TimedOut => {
                    stalled = Some(error);
                }
                _ => {}
            }
        }
        if patience == Patience::AtOnce || spare.is_empty() {
            // With nowhere to read to, whoever takes nothing is all that is left to report.
            return match stalled {
                Some(error) if patience == Patience::Wait => Err(ExchangeError::Transport(error)),
                _ => Ok(Exchanged::Wrote),
            };
        }
        let read = self.io.read(spare).map_err(ExchangeError::Transport)?;
        Ok(Exchanged::Read(read))
    }
}

/// The sender behind a [`Transmit`].
pub type SenderOf<Tx> = Sender<
    <Tx as Transmit>::Role,
    <Tx as Transmit>::Storage,
    <Tx as Transmit>::Entropy,
    <Tx as Transmit>::Stage,
>;
