//! The asynchronous loop: the same machines over `embedded_io_async::{Read, Write}`.
//!
//! Every future here may be dropped at any await, if the transport's own futures may: all progress
//! lives in the machines, and is written down right after each await.
//!
//! ```
//! # use bare_ws::asynch::Connection;
//! # use bare_ws::{buffer::Storage, entropy::Entropy, error::Error, role::Client};
//! # use embedded_io_async::{Read, Write};
//! async fn echo<T: Read + Write, B: Storage, W: Storage, E: Entropy>(
//!     connection: Connection<T, Client, B, W, E>,
//! ) -> Result<(), Error<T::Error>> {
//!     let Connection { mut reader, mut writer } = connection;
//!     while let Some(message) = reader.recv(&mut writer).await? {
//!         writer.send(message).await?;
//!     }
//!     Ok(())
//! }
//! ```

use embedded_io_async::{Read, Write};

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
use crate::receiver::{Delivery, Receiver, Step, Stop};
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

/// How an answer went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// What was owed is written out.
    Sent,
    /// Not yet; meanwhile that many octets were read into the spare memory.
    Read(usize),
}

/// What the receive loop needs besides its own half: octets in, and a way to answer.
///
/// [`Writer`] is one. An adapter that shares the writer between tasks brings its own.
pub trait Link {
    /// The transport's error.
    type Error;

    /// Reads some octets; 0 at their end.
    ///
    /// # Errors
    /// The transport's.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, nothing was read.
    fn read(&mut self, spare: &mut [u8]) -> impl Future<Output = Result<usize, Self::Error>>;

    /// Whether [`answer`](Self::answer) can begin at once: nobody else holds the sender.
    fn is_free(&self) -> bool;

    /// Whether something that was queued, such as by a dropped [`answer`](Self::answer), is to
    /// be written out.
    fn has_queued(&self) -> bool;

    /// Queues what is owed, if anything is, and writes out all that is queued; or, where others
    /// may hold the sender, does so *or* reads more input, whichever comes first: a peer that
    /// does not read before it has written must not be able to stop both. With empty `spare` it
    /// does not read.
    ///
    /// # Errors
    /// The transport's, or that of the source of entropy. The reply is still owed then, unless
    /// it was queued.
    ///
    /// # Cancel safety
    /// Dropped at any point, the reply is either still owed, or queued whole and written out by
    /// the next call.
    fn answer(
        &mut self,
        owed: &mut Owed,
        spare: &mut [u8],
    ) -> impl Future<Output = Result<Answered, Error<Self::Error>>>;
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
    ///
    /// # Cancel safety
    /// Dropped before it is ready, the handshake is lost and the transport is of no more use.
    pub async fn open<X: Offers>(
        io: T,
        mut handshake: ClientHandshake<'_, X>,
        receiver: Receiver<R, B, D>,
        sender: Sender<R, W, E, C>,
    ) -> Result<(Self, Established<X>), HandshakeError<T::Error>> {
        let mut connection = Self::new(io, receiver, sender);
        connection.shake_hands(&mut handshake).await?;
        let established = handshake.finish().map_err(HandshakeError::widen)?;
        Ok((connection, established))
    }

    /// [`open`](Self::open) for a [`new`](Self::new) connection that is in its place already, so
    /// that nothing is moved. What was agreed on, [`ClientHandshake::finish`] then tells.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, the handshake is lost and the transport is of no more use.
    #[inline]
    pub async fn shake_hands<X: Offers>(
        &mut self,
        handshake: &mut ClientHandshake<'_, X>,
    ) -> Result<(), HandshakeError<T::Error>> {
        while self
            .writer
            .sender
            .queue_raw(|buffer| handshake.write(buffer))
        {
            self.writer.drain().await?;
        }
        let io = &mut self.writer.io;
        let receiver = &mut self.reader.receiver;
        loop {
            let read = io.read(receiver.spare()).await;
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
    ///
    /// # Cancel safety
    /// As there.
    pub fn recv(&mut self) -> impl Future<Output = Result<Option<Message<'_>>, Error<T::Error>>> {
        self.reader.recv(&mut self.writer)
    }

    /// The next piece of a message: [`Reader::recv_chunk`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// As there.
    pub fn recv_chunk(
        &mut self,
    ) -> impl Future<Output = Result<Option<Chunk<'_>>, Error<T::Error>>> {
        self.reader.recv_chunk(&mut self.writer)
    }

    /// The next frame: [`Reader::recv_frame`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// As there.
    pub fn recv_frame(
        &mut self,
    ) -> impl Future<Output = Result<Option<Frame<'_>>, Error<T::Error>>> {
        self.reader.recv_frame(&mut self.writer)
    }

    /// Sends a message: [`Writer::send`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// As there.
    pub fn send<'m>(
        &mut self,
        message: impl Into<Message<'m>>,
    ) -> impl Future<Output = Result<(), Error<T::Error>>> {
        self.writer.send(message)
    }

    /// Starts the closing handshake: [`Writer::close`]. Go on receiving until there is nothing
    /// more: what the peer sent before its own Close still comes.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// As there.
    pub fn close(
        &mut self,
        code: Option<CloseCode>,
        reason: &str,
    ) -> impl Future<Output = Result<(), Error<T::Error>>> {
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
    /// Close for it was sent as well as could be. [`Error::Transport`]: as the transport says.
    /// [`Error::Usage`], [`Error::Entropy`].
    ///
    /// # Cancel safety
    /// Dropped at any point, no octet is lost and no reply is lost or doubled, if that holds for
    /// the transport's `read` and `write`.
    pub async fn recv<L: Link>(
        &mut self,
        link: &mut L,
    ) -> Result<Option<Message<'_>>, Error<L::Error>> {
        if !self
            .advance_by(link, |it| it.look(Delivery::Message))
            .await?
        {
            return Ok(None);
        }
        let (message, owed) = self.receiver.message_and_owed();
        if message.is_err() && link.answer(owed, &mut []).await.is_err() {
            // A Close that cannot be sent must not hide why it was due.
            owed.taken();
        }
        message.map_err(Error::widen)
    }

    /// The next piece of a message, for messages of any length.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// As [`recv`](Self::recv).
    pub async fn recv_chunk<L: Link>(
        &mut self,
        link: &mut L,
    ) -> Result<Option<Chunk<'_>>, Error<L::Error>> {
        self.advance_by(link, |it| it.look(Delivery::Chunk)).await?;
        Ok(self.receiver.chunk())
    }

    /// The next frame as on the wire, control frames among them (they are answered all the same).
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// As [`recv`](Self::recv).
    pub async fn recv_frame<L: Link>(
        &mut self,
        link: &mut L,
    ) -> Result<Option<Frame<'_>>, Error<L::Error>> {
        self.advance_by(link, |it| it.look(Delivery::Frame)).await?;
        Ok(self.receiver.frame())
    }

    /// Reads until the transport ends, and throws it away. §7.1.1: the client waits for the server
    /// to close the transport first; for how long is the caller's choice.
    ///
    /// # Errors
    /// The transport's.
    ///
    /// # Cancel safety
    /// Dropped at any point, another call goes on.
    pub async fn drain<L: Link>(&mut self, link: &mut L) -> Result<(), L::Error> {
        while link.read(self.receiver.spare()).await? > 0 {}
        Ok(())
    }

    /// How the peer closed, once it did.
    pub fn close_status(&self) -> Option<CloseStatus<'_>> {
        self.receiver.close_status()
    }

    /// Goes on until something is announced, which [`receiver_mut`](Self::receiver_mut) then lends
    /// (`true`), or the peer has closed (`false`). [`recv`](Self::recv) and its like stand on it;
    /// whoever has work of their own between the announcement and the borrow calls it.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// As [`recv`](Self::recv).
    pub fn advance<L: Link>(
        &mut self,
        link: &mut L,
        delivery: Delivery,
    ) -> impl Future<Output = Result<bool, Error<L::Error>>> {
        self.advance_by(link, move |it| it.look(delivery))
    }

    /// With the way of delivery as a function, so that an image holds only those that it uses.
    async fn advance_by<L: Link>(
        &mut self,
        link: &mut L,
        look: impl Fn(&mut Receiver<R, B, X>) -> Result<Step, Stop>,
    ) -> Result<bool, Error<L::Error>> {
        let mut answers = self.must_answer(link) && link.is_free();
        if answers {
            // What was announced before is done with, and makes room to read into meanwhile:
            // else a peer that writes everything before it reads could stop both.
            self.receiver.release();
        }
        loop {
            // The one place to answer from: each more would be a copy of it in the image.
            if answers {
                let (owed, spare) = self.receiver.owed_and_spare();
                match link.answer(owed, spare).await {
                    Ok(Answered::Sent) => {}
                    Ok(Answered::Read(n)) => self.took(n),
                    // A Close that cannot be sent must not hide why it was due.
                    Err(_) if !self.receiver.is_open() => self.receiver.owed().taken(),
                    Err(error) => return Err(error),
                }
                answers = false;
            }
            match look(&mut self.receiver) {
                // What is buffered already is looked at before the sender is waited for.
                Ok(Step::ReplyDue) => answers = !self.receiver.is_open() || link.is_free(),
                Ok(Step::NeedOctets) if self.must_answer(link) => answers = true,
                Ok(Step::NeedOctets) => {
                    let read = link.read(self.receiver.spare()).await;
                    self.took(read.map_err(Error::Transport)?);
                }
                Ok(Step::Message | Step::Chunk | Step::Frame) => return Ok(true),
                Ok(Step::Closed) => return Ok(false),
                Err(stop) => return Err(self.receiver.error(stop)),
            }
        }
    }

    fn must_answer<L: Link>(&mut self, link: &L) -> bool {
        self.receiver.owed().is_due() || link.has_queued()
    }

    fn took(&mut self, n: usize) {
        if n == 0 {
            self.receiver.eof();
        } else {
            self.receiver.commit(n);
        }
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

    /// Sends a whole message: as one frame if it fits the buffer, else as fragments that fill it.
    ///
    /// # Errors
    /// [`Error::Usage`] and [`Error::Entropy`]: nothing was sent. [`Error::Transport`]: what was
    /// queued goes out with the next call.
    ///
    /// # Cancel safety
    /// A message that fits the buffer is, when the future is dropped, either not sent at all or
    /// queued whole, and goes out before anything else does. Of a longer one some fragments may
    /// have been queued: data is refused from then on with [`Usage::InterruptedMessage`], and
    /// closing still works.
    pub async fn send<'m>(
        &mut self,
        message: impl Into<Message<'m>>,
    ) -> Result<(), Error<T::Error>> {
        let message = message.into();
        let (kind, mut payload) = (message.kind(), message.octets());
        let mut first = true;
        loop {
            let queued = self.sender.queue_message(kind, payload, first)?;
            self.drain().await?;
            if queued.complete {
                return Ok(());
            }
            payload = octets::rest(payload, queued.taken);
            first = first && !self.sender.in_message();
        }
    }

    /// Sends a piece of a message that is still being produced, as fragments; `fin`: the last.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// A piece that fits the buffer is either not sent or queued whole. Of a longer one, and of any
    /// that is compressed, a part may have been queued: the message stays open, and how much of it
    /// is there is not known any more. [`Sender::fragment`] says how much it takes.
    pub async fn send_fragment(
        &mut self,
        kind: MessageKind,
        mut payload: &[u8],
        fin: bool,
    ) -> Result<(), Error<T::Error>> {
        loop {
            let first = !self.sender.in_fragments();
            let queued = self.sender.queue_fragment(kind, payload, first, fin)?;
            self.drain().await?;
            if queued.complete {
                return Ok(());
            }
            payload = octets::rest(payload, queued.taken);
        }
    }

    /// Sends one frame of the caller's own making: [`Sender::frame`].
    ///
    /// # Errors
    /// As there; [`Usage::BufferTooSmall`] when the frame does not fit the buffer.
    ///
    /// # Cancel safety
    /// The frame is either not sent or queued whole.
    pub fn send_frame(
        &mut self,
        header: FrameHeader,
        payload: &[u8],
    ) -> impl Future<Output = Result<(), Error<T::Error>>> {
        let needed = payload.len() + crate::header::MAX_HEADER;
        self.send_when_drained(move |sender| sender.queue_frame(header, payload), needed)
    }

    /// Sends a Ping with up to 125 octets.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// The Ping is either not sent or queued whole.
    pub fn ping(&mut self, payload: &[u8]) -> impl Future<Output = Result<(), Error<T::Error>>> {
        self.send_when_drained(move |sender| sender.queue_control(Opcode::Ping, payload), 0)
    }

    /// Sends a Pong that nobody asked for: a heartbeat in one direction (§5.5.3).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// The Pong is either not sent or queued whole.
    pub fn pong(&mut self, payload: &[u8]) -> impl Future<Output = Result<(), Error<T::Error>>> {
        self.send_when_drained(move |sender| sender.queue_control(Opcode::Pong, payload), 0)
    }

    /// Starts the closing handshake. Nothing can be sent afterwards; go on receiving until there
    /// is nothing more.
    ///
    /// # Errors
    /// As [`Sender::close`], and the transport's.
    ///
    /// # Cancel safety
    /// The Close is either not sent or queued whole.
    pub fn close(
        &mut self,
        code: Option<CloseCode>,
        reason: &str,
    ) -> impl Future<Output = Result<(), Error<T::Error>>> {
        self.send_when_drained(move |sender| sender.queue_close(code, reason), 0)
    }

    /// Writes out what is queued.
    ///
    /// # Errors
    /// The transport's; [`Error::Lost`] when it takes nothing any more.
    ///
    /// # Cancel safety
    /// Dropped at any point, another call goes on.
    pub async fn flush(&mut self) -> Result<(), Error<T::Error>> {
        Ok(self.drain().await?)
    }

    async fn drain(&mut self) -> Result<(), Cut<T::Error>> {
        while !self.sender.pending().is_empty() {
            self.unflushed = true;
            match self.io.write(self.sender.pending()).await? {
                0 => return Err(Cut::Lost),
                n => self.sender.advance(n),
            }
        }
        self.io.flush().await?;
        self.unflushed = false;
        Ok(())
    }

    async fn send_when_drained(
        &mut self,
        mut queue: impl FnMut(&mut Sender<R, B, E, X>) -> Result<bool, Fault>,
        needed: usize,
    ) -> Result<(), Error<T::Error>> {
        for _ in 0..2 {
            let queued = queue(&mut self.sender)?;
            self.drain().await?;
            if queued {
                return Ok(());
            }
        }
        Err(Usage::BufferTooSmall { needed }.into())
    }
}

impl<T: Read + Write, R: Role, B: Storage, E: Entropy, X: Compress> Link for Writer<T, R, B, E, X> {
    type Error = T::Error;

    fn read(&mut self, spare: &mut [u8]) -> impl Future<Output = Result<usize, T::Error>> {
        self.io.read(spare)
    }

    fn is_free(&self) -> bool {
        true
    }

    fn has_queued(&self) -> bool {
        self.unflushed || !self.sender.pending().is_empty()
    }

    async fn answer(&mut self, owed: &mut Owed, _: &mut [u8]) -> Result<Answered, Error<T::Error>> {
        loop {
            if let Some(reply) = owed.reply()
                && self.sender.queue_reply(reply)?
            {
                owed.taken();
            }
            self.drain().await?;
            if !owed.is_due() {
                return Ok(Answered::Sent);
            }
        }
    }
}
