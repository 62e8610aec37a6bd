//! The blocking loop: the receive and the send machine over `embedded_io::{Read, Write}`.
//!
//! A [`Connection`] is two halves from the start: a message borrows the [`Reader`], so the
//! [`Writer`] is free to answer it.
//!
//! ```
//! # use bare_ws::blocking::Connection;
//! # use bare_ws::{buffer::Storage, entropy::Entropy, error::Error, role::Client};
//! # use embedded_io::{Read, Write};
//! fn echo<T: Read + Write, B: Storage, W: Storage, E: Entropy>(
//!     connection: Connection<T, Client, B, W, E>,
//! ) -> Result<(), Error<T::Error>> {
//!     let Connection { mut reader, mut writer } = connection;
//!     while let Some(message) = reader.recv(&mut writer)? {
//!         writer.send(message)?;
//!     }
//!     Ok(())
//! }
//! ```

use embedded_io::{Read, Write};

use crate::buffer::Storage;
use crate::close::CloseCode;
use crate::closing::Owed;
use crate::entropy::Entropy;
use crate::error::{Cut, Error, Fault, Usage};
use crate::handshake::{ClientHandshake, Established, HandshakeError, Offers};
use crate::header::FrameHeader;
use crate::message::{Chunk, CloseStatus, Frame, Message, MessageKind};
use crate::octets;
use crate::opcode::Opcode;
use crate::receiver::{Delivery, Receiver, Step};
use crate::role::Role;
use crate::sender::Sender;
use crate::stage::{Compress, Decompress, Plain};

/// An open connection, to be used as it is or taken apart.
#[derive(Debug)]
pub struct Connection<T, R, B, W, E, D = Plain, C = Plain> {
    /// The receive half.
    pub reader: Reader<R, B, D>,
    /// The send half, which owns the transport.
    pub writer: Writer<T, R, W, E, C>,
}

/// The receive half: it reads through whatever [`Link`] it is lent.
#[derive(Debug)]
pub struct Reader<R, B, X = Plain> {
    receiver: Receiver<R, B, X>,
}

/// The send half and the transport.
#[derive(Debug)]
pub struct Writer<T, R, B, E, X = Plain> {
    io: T,
    sender: Sender<R, B, E, X>,
    /// The transport may hold octets that it was not made to send yet.
    unflushed: bool,
}

/// What the receive loop needs besides its own half: octets in, and a way to answer.
///
/// [`Writer`] is one. An adapter that shares the writer between threads brings its own.
pub trait Link {
    /// The transport's error.
    type Error;

    /// Reads some octets; 0 at their end.
    ///
    /// # Errors
    /// The transport's.
    fn read(&mut self, spare: &mut [u8]) -> Result<usize, Self::Error>;

    /// Whether something that was queued, such as by an [`answer`](Self::answer) that met an
    /// error, is to be written out.
    fn has_queued(&self) -> bool {
        false
    }

    /// Queues what is owed, if anything is, and writes out all that is queued.
    ///
    /// # Errors
    /// The transport's, or that of the source of entropy. The reply is still owed then, unless
    /// it was queued.
    fn answer(&mut self, owed: &mut Owed) -> Result<(), Error<Self::Error>>;
}

impl<T, R, B, W, E, D, C> Connection<T, R, B, W, E, D, C>
where
    T: Read + Write,
    R: Role,
    B: Storage,
    W: Storage,
    E: Entropy,
    D: Decompress,
    C: Compress,
{
    /// Sends the request and reads its answer. What was agreed on comes beside the connection; a
    /// compression stage is to be configured by it before the first message.
    ///
    /// # Errors
    /// [`HandshakeError`]: nothing but the request was sent. Lend the transport (`&mut T`) to
    /// have it afterwards.
    pub fn open<X: Offers>(
        io: T,
        mut handshake: ClientHandshake<'_, X>,
        receiver: Receiver<R, B, D>,
        sender: Sender<R, W, E, C>,
    ) -> Result<(Self, Established<X>), HandshakeError<T::Error>> {
        let mut connection = Self::new(io, receiver, sender);
        connection.shake_hands(&mut handshake)?;
        let established = handshake.finish().map_err(HandshakeError::widen)?;
        Ok((connection, established))
    }

    /// [`open`](Self::open) for a [`new`](Self::new) connection that is in its place already, so
    /// that nothing is moved. What was agreed on, [`ClientHandshake::finish`] then tells.
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn shake_hands<X: Offers>(
        &mut self,
        handshake: &mut ClientHandshake<'_, X>,
    ) -> Result<(), HandshakeError<T::Error>> {
        while self
            .writer
            .sender
            .queue_raw(|buffer| handshake.write(buffer))
        {
            self.writer.drain()?;
        }
        let io = &mut self.writer.io;
        let receiver = &mut self.reader.receiver;
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

    /// A connection whose opening handshake is done, or [to be done](Self::shake_hands). `receiver`
    /// may hold octets already.
    pub fn new(io: T, receiver: Receiver<R, B, D>, sender: Sender<R, W, E, C>) -> Self {
        Self {
            reader: Reader::new(receiver),
            writer: Writer::new(io, sender),
        }
    }

    /// The next message: [`Reader::recv`].
    ///
    /// # Errors
    /// As there.
    pub fn recv(&mut self) -> Result<Option<Message<'_>>, Error<T::Error>> {
        self.reader.recv(&mut self.writer)
    }

    /// The next piece of a message: [`Reader::recv_chunk`].
    ///
    /// # Errors
    /// As there.
    pub fn recv_chunk(&mut self) -> Result<Option<Chunk<'_>>, Error<T::Error>> {
        self.reader.recv_chunk(&mut self.writer)
    }

    /// The next frame: [`Reader::recv_frame`].
    ///
    /// # Errors
    /// As there.
    pub fn recv_frame(&mut self) -> Result<Option<Frame<'_>>, Error<T::Error>> {
        self.reader.recv_frame(&mut self.writer)
    }

    /// Sends a message: [`Writer::send`].
    ///
    /// # Errors
    /// As there.
    pub fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), Error<T::Error>> {
        self.writer.send(message)
    }

    /// Starts the closing handshake: [`Writer::close`]. Go on receiving until there is nothing
    /// more: what the peer sent before its own Close still comes.
    ///
    /// # Errors
    /// As there.
    pub fn close(&mut self, code: Option<CloseCode>, reason: &str) -> Result<(), Error<T::Error>> {
        self.writer.close(code, reason)
    }
}

impl<R: Role, B: Storage, X: Decompress> Reader<R, B, X> {
    /// The loop around a receive machine.
    pub fn new(receiver: Receiver<R, B, X>) -> Self {
        Self { receiver }
    }

    /// The receive machine.
    pub fn receiver(&self) -> &Receiver<R, B, X> {
        &self.receiver
    }

    /// The receive machine.
    pub fn receiver_mut(&mut self) -> &mut Receiver<R, B, X> {
        &mut self.receiver
    }

    /// The next whole message. Pings are answered and a Close is answered on the way. `None`,
    /// for ever after, once the peer has closed.
    ///
    /// # Errors
    /// [`Error::Peer`], [`Error::Capacity`], [`Error::Lost`]: the connection has failed, and the
    /// Close for it was sent as well as could be. [`Error::Transport`]: as the transport says;
    /// nothing is lost, and a call after a time-out goes on. [`Error::Usage`], [`Error::Entropy`].
    #[inline]
    pub fn recv<L: Link>(&mut self, link: &mut L) -> Result<Option<Message<'_>>, Error<L::Error>> {
        if !self.advance(link, Delivery::Message)? {
            return Ok(None);
        }
        let (message, owed) = self.receiver.message_and_owed();
        if message.is_err() && link.answer(owed).is_err() {
            // A Close that cannot be sent must not hide why it was due.
            owed.taken();
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
        Ok(self.receiver.chunk())
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
        Ok(self.receiver.frame())
    }

    /// Reads until the transport ends, and throws it away. §7.1.1: the client waits for the server
    /// to close the transport first. For how long is the caller's choice, by the transport's
    /// time-out.
    ///
    /// # Errors
    /// The transport's.
    pub fn drain<L: Link>(&mut self, link: &mut L) -> Result<(), L::Error> {
        while link.read(self.receiver.spare())? > 0 {}
        Ok(())
    }

    /// How the peer closed, once it did.
    pub fn close_status(&self) -> Option<CloseStatus<'_>> {
        self.receiver.close_status()
    }

    /// Until something is announced (`true`) or the peer has closed (`false`).
    #[inline]
    fn advance<L: Link>(
        &mut self,
        link: &mut L,
        delivery: Delivery,
    ) -> Result<bool, Error<L::Error>> {
        if self.receiver.owed().is_due() || link.has_queued() {
            self.answer(link)?;
        }
        loop {
            match self.receiver.look(delivery) {
                Ok(Step::NeedOctets) => {
                    match link.read(self.receiver.spare()).map_err(Error::Transport)? {
                        0 => self.receiver.eof(),
                        n => self.receiver.commit(n),
                    }
                }
                Ok(Step::ReplyDue) => self.answer(link)?,
                Ok(Step::Message | Step::Chunk | Step::Frame) => return Ok(true),
                Ok(Step::Closed) => return Ok(false),
                Err(stop) => return Err(self.receiver.error(stop)),
            }
        }
    }

    #[cold]
    fn answer<L: Link>(&mut self, link: &mut L) -> Result<(), Error<L::Error>> {
        let answered = link.answer(self.receiver.owed());
        if answered.is_err() && !self.receiver.is_open() {
            // A Close that cannot be sent must not hide why it was due.
            self.receiver.owed().taken();
            return Ok(());
        }
        answered
    }
}

impl<T: Write, R: Role, B: Storage, E: Entropy, X: Compress> Writer<T, R, B, E, X> {
    /// The loop around a send machine.
    pub fn new(io: T, sender: Sender<R, B, E, X>) -> Self {
        Self {
            io,
            sender,
            unflushed: false,
        }
    }

    /// The transport.
    pub fn io(&self) -> &T {
        &self.io
    }

    /// The transport.
    pub fn io_mut(&mut self) -> &mut T {
        &mut self.io
    }

    /// The send machine.
    pub fn sender(&self) -> &Sender<R, B, E, X> {
        &self.sender
    }

    /// The send machine, to queue several messages and [`flush`](Self::flush) them in one write.
    pub fn sender_mut(&mut self) -> &mut Sender<R, B, E, X> {
        &mut self.sender
    }

    /// The transport and the send machine.
    pub fn into_parts(self) -> (T, Sender<R, B, E, X>) {
        (self.io, self.sender)
    }

    /// Sends a whole message, as one frame unless it is compressed and longer than the buffer.
    ///
    /// # Errors
    /// [`Error::Usage`] and [`Error::Entropy`]: nothing was sent. [`Error::Transport`]: what was
    /// queued goes out with the next call; a message longer than the buffer is torn, and nothing
    /// can follow it.
    #[inline]
    pub fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), Error<T::Error>> {
        let message = message.into();
        let (kind, payload) = (message.kind(), message.octets());
        if self.sender.compresses(Some(payload.len())) {
            self.send_compressed(kind, payload)
        } else {
            self.send_plain(kind, payload)
        }
    }

    /// Sends a piece of a message that is still being produced, as fragments; `fin`: the last.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_fragment(
        &mut self,
        kind: MessageKind,
        mut payload: &[u8],
        fin: bool,
    ) -> Result<(), Error<T::Error>> {
        loop {
            let first = !self.sender.in_fragments();
            let queued = self.sender.queue_fragment(kind, payload, first, fin)?;
            payload = octets::rest(payload, queued.taken);
            self.drain()?;
            if queued.complete {
                return Ok(());
            }
        }
    }

    /// Sends one frame of the caller's own making: [`Sender::frame`].
    ///
    /// # Errors
    /// As there; [`Usage::BufferTooSmall`] when the frame does not fit the buffer.
    pub fn send_frame(
        &mut self,
        header: FrameHeader,
        payload: &[u8],
    ) -> Result<(), Error<T::Error>> {
        self.send_when_drained(
            |sender| sender.queue_frame(header, payload),
            payload.len() + crate::header::MAX_HEADER,
        )
    }

    /// Sends a Ping with up to 125 octets.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Error<T::Error>> {
        self.send_when_drained(|sender| sender.queue_control(Opcode::Ping, payload), 0)
    }

    /// Sends a Pong that nobody asked for: a heartbeat in one direction (§5.5.3).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn pong(&mut self, payload: &[u8]) -> Result<(), Error<T::Error>> {
        self.send_when_drained(|sender| sender.queue_control(Opcode::Pong, payload), 0)
    }

    /// Starts the closing handshake. Nothing can be sent afterwards; go on receiving until there
    /// is nothing more.
    ///
    /// # Errors
    /// As [`Sender::close`], and the transport's.
    pub fn close(&mut self, code: Option<CloseCode>, reason: &str) -> Result<(), Error<T::Error>> {
        self.send_when_drained(|sender| sender.queue_close(code, reason), 0)
    }

    /// Writes out what is queued.
    ///
    /// # Errors
    /// The transport's; [`Error::Lost`] when it takes nothing any more.
    #[inline]
    pub fn flush(&mut self) -> Result<(), Error<T::Error>> {
        Ok(self.drain()?)
    }

    #[inline]
    fn drain(&mut self) -> Result<(), Cut<T::Error>> {
        while !self.sender.pending().is_empty() {
            self.unflushed = true;
            match self.io.write(self.sender.pending())? {
                0 => return Err(Cut::Lost),
                n => self.sender.advance(n),
            }
        }
        self.io.flush()?;
        self.unflushed = false;
        Ok(())
    }

    /// As fragments that fill the buffer: how long the whole will be cannot be foreseen.
    fn send_compressed(
        &mut self,
        kind: MessageKind,
        mut payload: &[u8],
    ) -> Result<(), Error<T::Error>> {
        let mut first = true;
        loop {
            let queued = self.sender.queue_message(kind, payload, first)?;
            self.drain()?;
            if queued.complete {
                return Ok(());
            }
            payload = octets::rest(payload, queued.taken);
            first = first && !self.sender.in_message();
        }
    }

    /// As one frame, whose header and payload leave in one write if the buffer holds both.
    #[inline]
    fn send_plain(&mut self, kind: MessageKind, mut payload: &[u8]) -> Result<(), Error<T::Error>> {
        while let Err(fault) = self.sender.queue_frame_header(kind, payload.len()) {
            if fault != Fault::Usage(Usage::Busy) {
                return Err(fault.into());
            }
            self.drain()?;
        }
        loop {
            let taken = self.sender.frame_payload(payload);
            payload = octets::rest(payload, taken);
            self.drain()?;
            if payload.is_empty() {
                return Ok(());
            }
        }
    }

    fn send_when_drained(
        &mut self,
        mut queue: impl FnMut(&mut Sender<R, B, E, X>) -> Result<bool, Fault>,
        needed: usize,
    ) -> Result<(), Error<T::Error>> {
        for _ in 0..2 {
            let queued = queue(&mut self.sender)?;
            self.drain()?;
            if queued {
                return Ok(());
            }
        }
        Err(Usage::BufferTooSmall { needed }.into())
    }
}

impl<T: Read + Write, R: Role, B: Storage, E: Entropy, X: Compress> Link for Writer<T, R, B, E, X> {
    type Error = T::Error;

    #[inline]
    fn read(&mut self, spare: &mut [u8]) -> Result<usize, T::Error> {
        self.io.read(spare)
    }

    #[inline]
    fn has_queued(&self) -> bool {
        self.unflushed || !self.sender.pending().is_empty()
    }

    fn answer(&mut self, owed: &mut Owed) -> Result<(), Error<T::Error>> {
        loop {
            if let Some(reply) = owed.reply()
                && self.sender.queue_reply(reply)?
            {
                owed.taken();
            }
            self.drain()?;
            if !owed.is_due() {
                return Ok(());
            }
        }
    }
}
