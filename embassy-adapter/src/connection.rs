//! An open connection.

use core::fmt;
use core::pin::pin;

use bare_ws::asynch;
use bare_ws::buffer::{Buffers, Storage};
use bare_ws::close::CloseCode;
use bare_ws::compression::{Compress, Decompress};
use bare_ws::entropy::Entropy;
use bare_ws::handshake::{Compression, Established, Request};
use bare_ws::header::FrameHeader;
use bare_ws::message::{AsMessage, Chunk, CloseStatus, Frame, Message, MessageKind};
use bare_ws::opcode::Opcode;
use bare_ws::receiver::{Receive, Receiver};
use bare_ws::role::Client;
use bare_ws::sender::{Sender, Transmit};
use embassy_sync::blocking_mutex::raw::{NoopRawMutex, RawMutex};
use embassy_time::Instant;

use crate::duplex::both;
use crate::error::{ConnectError, Error};
use crate::opening::{Ready, open_over};
use crate::reader::{Reader, Side};
use crate::shared::Shared;
use crate::timing::Timing;
use crate::transport::Transport;
use crate::writer::Writer;

/// An open connection over the two halves of a transport. Use it as it is, or [`split`](Self::split)
/// it for two tasks.
///
/// `Io` is the pair of halves, `Rx` a [`Receiver`], `Tx` a [`Sender`]. `M` guards what two tasks share:
/// [`NoopRawMutex`] for tasks of one executor; for others see [`guarded`](Self::guarded).
///
/// ```
/// use bare_ws_embassy::bare_ws::buffer::Buffers;
/// use bare_ws_embassy::bare_ws::close::CloseCode;
/// use bare_ws_embassy::bare_ws::compression::Uncompressed;
/// use bare_ws_embassy::bare_ws::entropy::Entropy;
/// use bare_ws_embassy::bare_ws::handshake::Request;
/// use bare_ws_embassy::bare_ws::uri::Uri;
/// use bare_ws_embassy::transport::Endless;
/// use bare_ws_embassy::{Connection, Timing};
/// use embedded_io_async::{Read, Write};
///
/// /// Over a modem at a UART that is connected to the server.
/// async fn report<In: Read<Error: Clone>, Out: Write<Error = In::Error>>(
///     (input, output): (In, Out),
///     entropy: impl Entropy,
/// ) -> Option<()> {
///     let (mut receive, mut transmit) = ([0; 512], [0; 512]);
///     let request = Request::new(Uri::parse("ws://broker.example/telemetry").ok()?);
///     let buffers = Buffers {
///         receive: &mut receive[..],
///         transmit: &mut transmit[..],
///     };
///     let opened = Connection::open(
///         (input, Endless(output)),
///         &request,
///         buffers,
///         entropy,
///         Uncompressed,
///         &Timing::DEFAULT,
///     );
///     let (mut connection, _) = opened.await.ok()?;
///     connection.send("temperature=21").await.ok()?;
///     connection.close(Some(CloseCode::NORMAL), "").await.ok()?;
///     connection.finish().await.ok()
/// }
/// ```
pub struct Connection<Io: Transport, Rx, Tx, M: RawMutex = NoopRawMutex> {
    side: Side<Io, Rx>,
    shared: Shared<Io, Tx, M>,
}

/// What opening returns: a connection, with the stages of the compression `C`, and what was agreed on.
pub type Opened<'r, Io, B, T, E, C> = (
    Connection<
        Io,
        Receiver<Client, B, <C as Compression>::Decompressor>,
        Sender<Client, T, E, <C as Compression>::Compressor>,
    >,
    Established<'r, <C as Compression>::Agreed>,
);

impl<Io, B, T, E, X, Y> Connection<Io, Receiver<Client, B, X>, Sender<Client, T, E, Y>>
where
    Io: Transport,
    B: Storage,
    T: Storage,
    E: Entropy,
    X: Decompress,
    Y: Compress,
{
    /// Makes the opening handshake over a transport that is connected. It returns the connection and
    /// what was agreed on, for which the connection is already set up.
    ///
    /// `compression` is [`Uncompressed`](bare_ws::compression::Uncompressed) or, with feature
    /// `deflate` of [`bare_ws`], a `bare_ws::deflate::Deflate`.
    ///
    /// # Errors
    /// [`ConnectError::Handshake`]; [`ConnectError::Timeout`] after [`Timing::handshake`].
    ///
    /// # Cancel safety
    /// If it is dropped before it is ready, the handshake is lost and the transport is unusable.
    #[expect(
        clippy::type_complexity,
        reason = "the parameters are the connection's"
    )]
    pub fn open<'r, C: Compression<Decompressor = X, Compressor = Y>>(
        io: Io,
        request: &Request<'r>,
        buffers: Buffers<B, T>,
        entropy: E,
        compression: C,
        timing: &Timing,
    ) -> impl Future<Output = Result<Opened<'r, Io, B, T, E, C>, ConnectError<Io::Error>>> {
        let ready = Ready(timing.handshake);
        let begin = || Ok((io, ready, compression));
        open_over(
            begin,
            request,
            buffers,
            entropy,
            timing,
            |connection, established| (connection, established),
        )
    }
}

impl<Io: Transport, Rx, Tx> Connection<Io, Rx, Tx> {
    #[inline]
    pub(crate) fn from_parts(
        (input, output, common): (Io::Input, Io::Output, Io::Common),
        reader: asynch::Reader<Rx>,
        tx: Tx,
        timing: &Timing,
    ) -> Self {
        Self {
            side: Side::new(input, reader),
            shared: Shared::new(output, common, tx, timing),
        }
    }
}

impl<Io: Transport, Rx: Receive, Tx: Transmit> Connection<Io, Rx, Tx> {
    /// A connection whose opening handshake is already done. `rx` may hold octets.
    pub fn new(io: Io, rx: Rx, tx: Tx, timing: &Timing) -> Self {
        Self::from_parts(io.parts(), asynch::Reader::new(rx), tx, timing)
    }

    /// The same connection with another mutex, for tasks of several executors.
    pub fn guarded<M: RawMutex>(self) -> Connection<Io, Rx, Tx, M> {
        Connection {
            side: self.side,
            shared: self.shared.guarded(),
        }
    }
}

impl<Io: Transport, Rx: Receive, Tx: Transmit, M: RawMutex> Connection<Io, Rx, Tx, M> {
    /// Splits it into two halves, for two tasks, or for one that sends while it borrows what it
    /// received:
    ///
    /// ```
    /// use bare_ws_embassy::bare_ws::receiver::Receive;
    /// use bare_ws_embassy::bare_ws::sender::Transmit;
    /// use bare_ws_embassy::transport::Transport;
    /// use bare_ws_embassy::{Connection, Error};
    ///
    /// async fn echo<Io: Transport, Rx: Receive, Tx: Transmit>(
    ///     mut connection: Connection<Io, Rx, Tx>,
    /// ) -> Result<(), Error<Io::Error>> {
    ///     let (mut reader, writer) = connection.split();
    ///     while let Some(message) = reader.recv().await? {
    ///         writer.send(message).await?;
    ///     }
    ///     reader.finish().await
    /// }
    /// ```
    ///
    /// Dropping them loses nothing: the connection can be split again.
    #[expect(
        clippy::type_complexity,
        reason = "the parameters are the connection's"
    )]
    pub fn split(&mut self) -> (Reader<'_, Io, Rx, Tx, M>, Writer<'_, Io, Tx, M>) {
        (
            Reader::new(&mut self.side, &self.shared),
            Writer::new(&self.shared),
        )
    }

    /// Receives and sends concurrently, in one task: each message goes to `received`, while `sending`
    /// sends. It ends when the peer closes, when either fails, or when `sending` returns.
    ///
    /// ```
    /// use bare_ws_embassy::bare_ws::receiver::Receive;
    /// use bare_ws_embassy::bare_ws::sender::Transmit;
    /// use bare_ws_embassy::transport::Transport;
    /// use bare_ws_embassy::{Connection, Error};
    /// use embassy_time::Timer;
    ///
    /// async fn session<Io: Transport, Rx: Receive, Tx: Transmit>(
    ///     connection: &mut Connection<Io, Rx, Tx>,
    ///     mut obey: impl FnMut(&str),
    /// ) -> Result<(), Error<Io::Error>> {
    ///     let commands = |message: bare_ws::message::Message<'_>| {
    ///         if let Some(command) = message.as_text() {
    ///             obey(command);
    ///         }
    ///     };
    ///     let reports = async |writer: bare_ws_embassy::Writer<'_, Io, Tx>| loop {
    ///         writer.send("temperature=21").await?;
    ///         Timer::after_secs(1).await;
    ///     };
    ///     connection.duplex(commands, reports).await
    /// }
    /// ```
    ///
    /// [`duplex`](crate::duplex) takes any two loops, such as one that receives chunks.
    ///
    /// # Errors
    /// [`Reader::recv`]'s, and those of `sending`, unless they only say that the connection is over.
    ///
    /// # Cancel safety
    /// [`Reader::recv`]'s, and that of `sending`.
    pub async fn duplex(
        &mut self,
        mut received: impl FnMut(Message<'_>),
        sending: impl AsyncFnOnce(Writer<'_, Io, Tx, M>) -> Result<(), Error<Io::Error>>,
    ) -> Result<(), Error<Io::Error>> {
        let (mut reader, writer) = self.split();
        // Pinned here: a future that they are moved into would hold them twice.
        let receiving = pin!(async {
            while let Some(message) = reader.recv().await? {
                received(message);
            }
            Ok(())
        });
        both(receiving, pin!(sending(writer))).await
    }

    /// The next whole message: [`Reader::recv`].
    ///
    /// # Errors
    /// [`Reader::recv`]'s.
    ///
    /// # Cancel safety
    /// [`Reader::recv`]'s.
    pub async fn recv(&mut self) -> Result<Option<Message<'_>>, Error<Io::Error>> {
        self.side.recv(&self.shared).await
    }

    /// The next piece of a message: [`Reader::recv_chunk`].
    ///
    /// # Errors
    /// [`Reader::recv`]'s.
    ///
    /// # Cancel safety
    /// [`Reader::recv`]'s.
    pub async fn recv_chunk(&mut self) -> Result<Option<Chunk<'_>>, Error<Io::Error>> {
        self.side.recv_chunk(&self.shared).await
    }

    /// The next frame: [`Reader::recv_frame`].
    ///
    /// # Errors
    /// [`Reader::recv`]'s.
    ///
    /// # Cancel safety
    /// [`Reader::recv`]'s.
    pub async fn recv_frame(&mut self) -> Result<Option<Frame<'_>>, Error<Io::Error>> {
        self.side.recv_frame(&self.shared).await
    }

    /// Sends a message: [`Writer::send`]. Nothing is received meanwhile, so a peer that reads nothing
    /// until it has written makes this wait, until [`Timing::stall`] if that is set. For such peers,
    /// [`split`](Self::split) the connection and receive at the same time, in another task or by
    /// [`duplex`](Self::duplex).
    ///
    /// # Errors
    /// [`Writer::send`]'s.
    ///
    /// # Cancel safety
    /// [`Writer::send`]'s.
    pub async fn send(&mut self, message: impl AsMessage) -> Result<(), Error<Io::Error>> {
        self.shared.send(message.as_message()).await
    }

    /// Sends a piece of a message: [`Writer::send_fragment`].
    ///
    /// # Errors
    /// [`Writer::send_fragment`]'s.
    ///
    /// # Cancel safety
    /// [`Writer::send_fragment`]'s.
    pub async fn send_fragment(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        fin: bool,
    ) -> Result<(), Error<Io::Error>> {
        self.shared.send_fragment(kind, payload, fin).await
    }

    /// Sends a frame: [`Writer::send_frame`].
    ///
    /// # Errors
    /// [`Writer::send_frame`]'s.
    ///
    /// # Cancel safety
    /// [`Writer::send_frame`]'s.
    pub async fn send_frame(
        &mut self,
        header: FrameHeader,
        payload: &[u8],
    ) -> Result<(), Error<Io::Error>> {
        self.shared.send_frame(header, payload).await
    }

    /// Sends a Ping with up to 125 octets: [`Writer::ping`].
    ///
    /// # Errors
    /// [`Writer::ping`]'s.
    ///
    /// # Cancel safety
    /// [`Writer::ping`]'s.
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error<Io::Error>> {
        self.shared.control(Opcode::Ping, payload).await
    }

    /// Sends a Pong that nobody asked for: [`Writer::pong`].
    ///
    /// # Errors
    /// [`Writer::pong`]'s.
    ///
    /// # Cancel safety
    /// [`Writer::pong`]'s.
    pub async fn pong(&mut self, payload: &[u8]) -> Result<(), Error<Io::Error>> {
        self.shared.control(Opcode::Pong, payload).await
    }

    /// Writes out what is queued, such as by [`sender_mut`](Self::sender_mut).
    ///
    /// # Errors
    /// [`Writer::flush`]'s.
    ///
    /// # Cancel safety
    /// [`Writer::flush`]'s.
    pub async fn flush(&mut self) -> Result<(), Error<Io::Error>> {
        self.shared.flush().await
    }

    /// Starts the closing handshake: [`Writer::close`]. Then keep receiving what the peer sent before
    /// its own Close, or call [`finish`](Self::finish) at once.
    ///
    /// # Errors
    /// [`Writer::close`]'s.
    ///
    /// # Cancel safety
    /// [`Writer::close`]'s.
    pub async fn close(
        &mut self,
        code: impl Into<Option<CloseCode>>,
        reason: &str,
    ) -> Result<(), Error<Io::Error>> {
        self.shared.close(code.into(), reason).await
    }

    /// Closes with 1000 if neither end has closed yet, and brings the connection to the end of its
    /// transport: [`Reader::finish`]. For another status code, [`close`](Self::close) first.
    ///
    /// # Errors
    /// [`Reader::finish`]'s.
    ///
    /// # Cancel safety
    /// [`Reader::finish`]'s.
    pub async fn finish(&mut self) -> Result<(), Error<Io::Error>> {
        self.side.finish(&self.shared, true).await
    }

    /// How the peer closed, once it did.
    #[must_use]
    pub fn close_status(&self) -> Option<CloseStatus<'_>> {
        self.side.core.close_status()
    }

    /// When the last octet from the peer arrived, or the connection was opened.
    #[must_use]
    pub fn last_heard(&self) -> Instant {
        self.shared.last_heard()
    }

    /// Changes the time limits: silence, stall, keepalive, and close, unless a closing handshake has
    /// begun. They take effect at once, even for calls that are already waiting.
    pub fn set_timing(&self, timing: &Timing) {
        self.shared.set_limits(timing.limits());
    }

    /// The receive machine, to set its limits.
    pub fn receiver_mut(&mut self) -> &mut Rx {
        self.side.core.receiver_mut()
    }

    /// The send machine, to queue several messages and
    /// [`flush`](Self::flush) them in one write.
    pub fn sender_mut(&mut self) -> &mut Tx {
        &mut self.shared.sending_mut().tx
    }
}

impl<Io: Transport, Rx, Tx, M: RawMutex> fmt::Debug for Connection<Io, Rx, Tx, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}
