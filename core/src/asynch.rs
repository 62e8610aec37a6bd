//! The asynchronous loop: the same machines over `embedded_io_async::{Read, Write}`.
//!
//! A transport is two halves here, so that reading goes on while an answer waits to be written:
//! `socket.split()` of most stacks, or a shared reference twice.
//!
//! Every future here may be dropped at any await, if the transport's own futures may: all progress
//! lives in the machines, and is written down right after each await.
//!
//! ```
//! use bare_ws::asynch::{Connection, Halves};
//! use bare_ws::error::Error;
//! use bare_ws::receiver::Receive;
//! use bare_ws::sender::Transmit;
//!
//! async fn echo<Io: Halves, Rx: Receive, Tx: Transmit>(
//!     connection: Connection<Io, Rx, Tx>,
//! ) -> Result<(), Error<Io::Error>> {
//!     let Connection { mut reader, mut writer } = connection;
//!     while let Some(message) = reader.recv(&mut writer).await? {
//!         writer.send(message).await?;
//!     }
//!     reader.finish(&mut writer).await
//! }
//! ```

use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;

use embedded_io_async::{Read, Write};

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
use crate::receiver::{Delivery, Receive, Receiver, Step, StepError};
use crate::role::{Client, Role};
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

/// A transport whose directions can be used at the same time: a pair of its halves.
pub trait Halves {
    /// The error of both.
    type Error;
    /// From the peer.
    type Input: Read<Error = Self::Error>;
    /// To the peer.
    type Output: Write<Error = Self::Error>;

    /// Both at once.
    fn halves(&mut self) -> (&mut Self::Input, &mut Self::Output);
}

impl<R: Read, W: Write<Error = R::Error>> Halves for (R, W) {
    type Error = R::Error;
    type Input = R;
    type Output = W;

    #[inline]
    fn halves(&mut self) -> (&mut R, &mut W) {
        (&mut self.0, &mut self.1)
    }
}

/// What the receive loop needs besides its own part: octets in, and a way to answer.
///
/// [`Writer`] is one. An adapter that knows time, or shares the sender between tasks, brings its
/// own.
pub trait Link {
    /// The transport's error.
    type Error;

    /// Whether it can say [at once](Patience::Moment) that nothing more is there.
    const KNOWS_TIME: bool = false;

    /// Whether something is queued that nobody is writing out, such as by a future that was
    /// dropped.
    fn has_queued(&self) -> bool;

    /// Queues what is owed, if anything is, and writes out what is queued *or* reads into `spare`,
    /// whichever comes first: a peer that does not read before it has written must not be able to
    /// stop both. A write that fails ends neither the call nor what is queued: reading goes on.
    /// With empty `spare` it does not read.
    ///
    /// # Errors
    /// The transport's, while it was read from; that of the source of entropy.
    ///
    /// # Cancel safety
    /// Dropped at any point, nothing was read, and the reply is either still owed, or queued whole
    /// and written out by the next call.
    fn exchange(
        &mut self,
        owed: &mut Owed,
        spare: &mut [u8],
        patience: Patience,
    ) -> impl Future<Output = Result<Exchanged, ExchangeError<Self::Error>>>;
}

impl<Io, B, T, E, X, Y> Connection<Io, Receiver<Client, B, X>, Sender<Client, T, E, Y>>
where
    Io: Halves,
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
    ///
    /// # Cancel safety
    /// Dropped before it is ready, the handshake is lost and the transport is of no more use.
    pub async fn open<'r, C: Compression<Decompressor = X, Compressor = Y>>(
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
        opening.shake(&mut handshake).await?;
        let (io, tx) = opening.writer.into_parts();
        let (rx, tx, established) = handshake
            .settle(request, opening.reader.rx, tx)
            .map_err(HandshakeError::widen)?;
        Ok((Self::new(io, rx, tx), established))
    }
}

impl<Io, Rx, Tx> Connection<Io, Rx, Tx>
where
    Io: Halves,
    Rx: Receive<Role = Client, Stage = Uncompressed>,
    Tx: Transmit<Role = Client, Stage = Uncompressed>,
{
    /// [`open`](Self::open) without compression, for a [`new`](Self::new) connection that is in its
    /// place already, so that nothing is moved. [`ClientHandshake::finish`] then tells what was
    /// agreed on.
    ///
    /// # Errors
    /// See [`open`](Self::open).
    ///
    /// # Cancel safety
    /// Dropped before it is ready, the handshake is lost and the transport is of no more use.
    #[inline]
    pub fn shake_hands<C>(
        &mut self,
        handshake: &mut ClientHandshake<'_, C>,
    ) -> impl Future<Output = Result<(), HandshakeError<Io::Error>>>
    where
        C: Compression<Decompressor = Uncompressed, Compressor = Uncompressed>,
    {
        self.shake(handshake)
    }

    #[inline]
    async fn shake<X: Offers>(
        &mut self,
        handshake: &mut ClientHandshake<'_, X>,
    ) -> Result<(), HandshakeError<Io::Error>> {
        while self
            .writer
            .tx
            .sender_mut()
            .queue_raw(|buffer| handshake.write(buffer))
        {
            self.writer.drain().await?;
        }
        let (input, _) = self.writer.io.halves();
        let receiver = self.reader.rx.receiver_mut();
        loop {
            let read = input.read(receiver.spare()).await;
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

impl<Io: Halves, Rx: Receive, Tx: Transmit> Connection<Io, Rx, Tx> {
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
    ///
    /// # Cancel safety
    /// See [`Reader::recv`].
    pub fn recv(&mut self) -> impl Future<Output = Result<Option<Message<'_>>, Error<Io::Error>>> {
        self.reader.recv(&mut self.writer)
    }

    /// The next piece of a message: [`Reader::recv_chunk`].
    ///
    /// # Errors
    /// See [`Reader::recv_chunk`].
    ///
    /// # Cancel safety
    /// See [`Reader::recv_chunk`].
    pub fn recv_chunk(
        &mut self,
    ) -> impl Future<Output = Result<Option<Chunk<'_>>, Error<Io::Error>>> {
        self.reader.recv_chunk(&mut self.writer)
    }

    /// The next frame: [`Reader::recv_frame`].
    ///
    /// # Errors
    /// See [`Reader::recv_frame`].
    ///
    /// # Cancel safety
    /// See [`Reader::recv_frame`].
    pub fn recv_frame(
        &mut self,
    ) -> impl Future<Output = Result<Option<Frame<'_>>, Error<Io::Error>>> {
        self.reader.recv_frame(&mut self.writer)
    }

    /// Sends a message: [`Writer::send`].
    ///
    /// # Errors
    /// See [`Writer::send`].
    ///
    /// # Cancel safety
    /// See [`Writer::send`].
    pub fn send(
        &mut self,
        message: impl AsMessage,
    ) -> impl Future<Output = Result<(), Error<Io::Error>>> {
        self.writer.send(message)
    }

    /// Starts the closing handshake: [`Writer::close`]. Go on receiving until `recv` gives `None`:
    /// what the peer sent before its own Close still arrives.
    ///
    /// # Errors
    /// See [`Writer::close`].
    ///
    /// # Cancel safety
    /// See [`Writer::close`].
    pub fn close(
        &mut self,
        code: impl Into<Option<CloseCode>>,
        reason: &str,
    ) -> impl Future<Output = Result<(), Error<Io::Error>>> {
        self.writer.close(code, reason)
    }

    /// Brings a connection that is over to the end of its transport: [`Reader::finish`].
    ///
    /// # Errors
    /// See [`Reader::finish`].
    ///
    /// # Cancel safety
    /// See [`Reader::finish`].
    pub fn finish(&mut self) -> impl Future<Output = Result<(), Error<Io::Error>>> {
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
    /// [`finish`](Self::finish) sends the rest. [`Error::Transport`]: as the transport says.
    /// [`Error::Usage`]. [`Error::Entropy`]: an answer could not be masked, and is not sent.
    ///
    /// # Cancel safety
    /// Dropped at any point, no octet is lost and no reply is lost or doubled, if that holds for
    /// the transport's `read` and `write`.
    pub async fn recv<L: Link>(
        &mut self,
        link: &mut L,
    ) -> Result<Option<Message<'_>>, Error<L::Error>> {
        if !self
            .advance_by(link, |it, tried, later| {
                look::<Rx, L>(it, Delivery::Message, tried, later)
            })
            .await?
        {
            return Ok(None);
        }
        let (message, owed) = self.rx.receiver_mut().message_and_owed();
        if message.is_err() {
            // Why the connection failed is known: whether the Close goes out changes nothing.
            let _ = link.exchange(owed, &mut [], Patience::AtOnce).await;
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
        self.advance_by(link, |it, tried, later| {
            look::<Rx, L>(it, Delivery::Chunk, tried, later)
        })
        .await?;
        Ok(self.rx.receiver().chunk())
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
        self.answer(link).await?;
        self.advance_by(link, |it, tried, later| {
            look::<Rx, L>(it, Delivery::Frame, tried, later)
        })
        .await?;
        Ok(self.rx.receiver().frame())
    }

    /// Writes out what is still owed and queued, and reads and discards until the transport ends.
    /// §7.1.1: the client waits for the server to close the transport first; the caller decides for
    /// how long.
    ///
    /// # Errors
    /// The transport's.
    ///
    /// # Cancel safety
    /// Dropped at any point, another call goes on.
    pub async fn finish<L: Link>(&mut self, link: &mut L) -> Result<(), Error<L::Error>> {
        let mut finishing = Finishing::default();
        loop {
            let (owed, spare) = self.rx.receiver_mut().owed_and_spare();
            let spare = finishing.spare(spare);
            let reads = !spare.is_empty();
            let exchanged = link.exchange(&mut *owed, spare, Patience::Wait).await?;
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

    /// Goes on until something is announced, which [`receiver_mut`](Self::receiver_mut) then lends
    /// (`true`), or the peer has closed (`false`). [`recv`](Self::recv) and the like are built on
    /// it; call it to do something between the announcement and the borrow.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// As [`recv`](Self::recv).
    pub async fn advance<L: Link>(
        &mut self,
        link: &mut L,
        delivery: Delivery,
    ) -> Result<bool, Error<L::Error>> {
        if delivery == Delivery::Frame {
            self.answer(link).await?;
        }
        self.advance_by(link, move |it, tried, later| {
            look::<Rx, L>(it, delivery, tried, later)
        })
        .await
    }

    /// Looks at what has already arrived, without the link and without a future. Pass the result to
    /// [`resume`](Self::resume), unless it [is an announcement](Look::is_announced): text that has not
    /// arrived whole is checked only there.
    #[inline]
    pub fn look(&mut self, delivery: Delivery) -> Look {
        Look(self.rx.receiver_mut().look_on(delivery, false))
    }

    /// [`advance`](Self::advance) after a [`look`](Self::look) at the same level of delivery; not for
    /// frames, of which some are to be answered before the next.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// As [`recv`](Self::recv).
    pub async fn resume<L: Link>(
        &mut self,
        link: &mut L,
        delivery: Delivery,
        look: Look,
    ) -> Result<bool, Error<L::Error>> {
        // What was not checked yet is, if the link cannot say whether it goes on.
        let mut first = Some(look.0).filter(|look| L::KNOWS_TIME || *look != Ok(Step::NeedOctets));
        self.advance_by(link, move |it, tried, later| match first.take() {
            Some(looked) => looked,
            None => self::look::<Rx, L>(it, delivery, tried, later),
        })
        .await
    }

    /// What is owed for a frame that was delivered, nothing else announces.
    async fn answer<L: Link>(&mut self, link: &mut L) -> Result<(), Error<L::Error>> {
        let receiver = self.rx.receiver_mut();
        if receiver.is_open() && receiver.owed().is_due() {
            let (owed, spare) = receiver.owed_and_spare();
            link.exchange(owed, spare, Patience::AtOnce).await?;
        }
        Ok(())
    }

    /// With the way of delivery as a function, so that an image holds only those that it uses.
    async fn advance_by<L: Link>(
        &mut self,
        link: &mut L,
        mut look: impl FnMut(&mut RxReceiver<Rx>, bool, bool) -> Result<Step, StepError>,
    ) -> Result<bool, Error<L::Error>> {
        let receiver = self.rx.receiver_mut();
        // A first attempt at a Close may only make room for it.
        let mut attempts = 0_u8;
        // Text is checked as a whole where it goes on without a pause.
        let mut goes_on = L::KNOWS_TIME;
        loop {
            let mut patience = match look(receiver, attempts >= 2, goes_on) {
                Ok(Step::NeedOctets) if L::KNOWS_TIME && goes_on && receiver.holds_back() => {
                    Patience::Moment
                }
                Ok(Step::NeedOctets) => Patience::Wait,
                Ok(Step::ReplyDue) => Patience::AtOnce,
                Ok(Step::Message | Step::Chunk | Step::Frame) => return Ok(true),
                Ok(Step::Closed) => return Ok(false),
                Err(stop) => return Err(receiver.error(stop)),
            };
            let mut is_over = !receiver.is_open();
            let can_grow = receiver.can_grow();
            let (owed, spare) = receiver.owed_and_spare();
            if can_grow && spare.is_empty() {
                // Memory could not grow: that is told as any failure is.
                patience = Patience::AtOnce;
                is_over = true;
            }
            attempts = attempts.saturating_add(is_over.into());
            // The one place to read and to answer from: each more would be a copy of it in the
            // image.
            match link.exchange(owed, spare, patience).await {
                Ok(Exchanged::Read(0)) => receiver.eof(),
                Ok(Exchanged::Read(n)) => {
                    receiver.commit(n);
                    goes_on = L::KNOWS_TIME;
                }
                Ok(Exchanged::Wrote) if L::KNOWS_TIME && patience == Patience::Moment => {
                    goes_on = false;
                }
                Ok(Exchanged::Wrote) => {}
                Ok(Exchanged::Quiet) => receiver.shrink(),
                // A Close that cannot be sent must not hide why it was due.
                Err(_) if is_over => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// `later`: text that is gathered is checked by a look of its own, before whatever may take long.
#[inline]
fn look<Rx: Receive, L: Link>(
    receiver: &mut RxReceiver<Rx>,
    delivery: Delivery,
    tried: bool,
    later: bool,
) -> Result<Step, StepError> {
    if L::KNOWS_TIME && later {
        receiver.look_on(delivery, tried)
    } else {
        receiver.look(delivery, tried)
    }
}

/// What [`Reader::look`] has found.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Look(Result<Step, StepError>);

impl Look {
    /// The receiver lends what was looked for.
    #[inline]
    #[must_use]
    pub const fn is_announced(self) -> bool {
        matches!(self.0, Ok(Step::Message | Step::Chunk | Step::Frame))
    }
}

type RxReceiver<Rx> =
    Receiver<<Rx as Receive>::Role, <Rx as Receive>::Storage, <Rx as Receive>::Stage>;

impl<Io: Halves, Tx: Transmit> Writer<Io, Tx> {
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
    pub async fn send(&mut self, message: impl AsMessage) -> Result<(), Error<Io::Error>> {
        let mut outgoing = Outgoing::new(message.as_message());
        loop {
            let complete = outgoing.queue(self.tx.sender_mut())?;
            self.drain().await?;
            if complete {
                return Ok(());
            }
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
    /// is not known. [`Sender::fragment`] says how much it takes.
    pub async fn send_fragment(
        &mut self,
        kind: MessageKind,
        mut payload: &[u8],
        fin: bool,
    ) -> Result<(), Error<Io::Error>> {
        loop {
            let first = !self.tx.sender_mut().in_fragments();
            let queued = self.tx.sender_mut().fragment(kind, payload, first, fin)?;
            self.drain().await?;
            if queued.complete {
                return Ok(());
            }
            payload = octets::rest(payload, queued.taken);
        }
    }

    /// Sends one frame that the caller has built: [`Sender::frame`].
    ///
    /// # Errors
    /// See [`Sender::frame`], and [`Usage::BufferTooSmall`] when the frame does not fit the buffer.
    ///
    /// # Cancel safety
    /// The frame is either not sent or queued whole.
    pub fn send_frame(
        &mut self,
        header: FrameHeader,
        payload: &[u8],
    ) -> impl Future<Output = Result<(), Error<Io::Error>>> {
        let needed = payload.len() + crate::header::MAX_HEADER;
        self.send_when_drained(move |sender| sender.frame(header, payload), needed)
    }

    /// Sends a Ping with up to 125 octets.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// The Ping is either not sent or queued whole.
    pub fn ping(&mut self, payload: &[u8]) -> impl Future<Output = Result<(), Error<Io::Error>>> {
        self.send_when_drained(move |sender| sender.ping(payload), MIN_TRANSMIT)
    }

    /// Sends an unsolicited Pong: a heartbeat in one direction (§5.5.3).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// The Pong is either not sent or queued whole.
    pub fn pong(&mut self, payload: &[u8]) -> impl Future<Output = Result<(), Error<Io::Error>>> {
        self.send_when_drained(move |sender| sender.pong(payload), MIN_TRANSMIT)
    }

    /// Starts the closing handshake. Nothing can be sent afterwards; go on receiving until `recv`
    /// gives `None`.
    ///
    /// # Errors
    /// As [`Sender::close`], and the transport's.
    ///
    /// # Cancel safety
    /// The Close is either not sent or queued whole.
    pub fn close(
        &mut self,
        code: impl Into<Option<CloseCode>>,
        reason: &str,
    ) -> impl Future<Output = Result<(), Error<Io::Error>>> {
        let code = code.into();
        self.send_when_drained(move |sender| sender.close(code, reason), MIN_TRANSMIT)
    }

    /// Writes out what is queued.
    ///
    /// # Errors
    /// The transport's; [`Error::Lost`] when it no longer takes anything.
    ///
    /// # Cancel safety
    /// Dropped at any point, another call goes on.
    pub async fn flush(&mut self) -> Result<(), Error<Io::Error>> {
        Ok(self.drain().await?)
    }

    fn drain(&mut self) -> impl Future<Output = Result<(), WriteError<Io::Error>>> {
        let (_, output) = self.io.halves();
        drain(output, self.tx.sender_mut(), &mut self.unflushed)
    }

    async fn send_when_drained(
        &mut self,
        mut queue: impl FnMut(&mut TxSender<Tx>) -> Result<bool, SendError>,
        needed: usize,
    ) -> Result<(), Error<Io::Error>> {
        for _ in 0..2 {
            let queued = queue(self.tx.sender_mut())?;
            self.drain().await?;
            if queued {
                return Ok(());
            }
        }
        Err(Usage::BufferTooSmall { needed }.into())
    }
}

type TxSender<Tx> = Sender<
    <Tx as Transmit>::Role,
    <Tx as Transmit>::Storage,
    <Tx as Transmit>::Entropy,
    <Tx as Transmit>::Stage,
>;

impl<Io: Halves, Tx: Transmit> Link for Writer<Io, Tx> {
    type Error = Io::Error;

    #[inline]
    fn has_queued(&self) -> bool {
        self.unflushed || !self.tx.sender().is_drained()
    }

    async fn exchange(
        &mut self,
        owed: &mut Owed,
        spare: &mut [u8],
        patience: Patience,
    ) -> Result<Exchanged, ExchangeError<Io::Error>> {
        self.tx.sender_mut().answer(owed)?;
        let mut writes = self.has_queued();
        let reads = patience == Patience::Wait && !spare.is_empty();
        let (input, output) = self.io.halves();
        let mut write = pin!(drain(output, self.tx.sender_mut(), &mut self.unflushed));
        let mut read = pin!(input.read(spare));
        poll_fn(|cx| {
            if writes && let Poll::Ready(written) = write.as_mut().poll(cx) {
                if written.is_ok() {
                    return Poll::Ready(Ok(Exchanged::Wrote));
                }
                // The input may hold more than the output takes: its end says why.
                writes = false;
            }
            if reads {
                read.as_mut().poll(cx).map_ok(Exchanged::Read)
            } else if writes && patience == Patience::Wait {
                Poll::Pending
            } else {
                Poll::Ready(Ok(Exchanged::Wrote))
            }
        })
        .await
        .map_err(ExchangeError::Transport)
    }
}

/// Writes out what is queued.
async fn drain<W: Write, R, B, E, X>(
    output: &mut W,
    sender: &mut Sender<R, B, E, X>,
    unflushed: &mut bool,
) -> Result<(), WriteError<W::Error>>
where
    R: Role,
    B: Storage,
    E: Entropy,
    X: Compress,
{
    while !sender.is_drained() {
        *unflushed = true;
        match output.write(sender.pending()).await? {
            0 => return Err(WriteError::Lost),
            n => sender.advance(n),
        }
    }
    output.flush().await?;
    *unflushed = false;
    Ok(())
}
