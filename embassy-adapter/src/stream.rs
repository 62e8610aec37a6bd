//! A connection as a stream of octets, for a protocol that knows nothing of messages: MQTT, SSH, a
//! serial line.
//!
//! Octets that are written leave as binary messages; what is read are the payloads of the binary
//! messages that arrive, one after the other. Where a message begins or ends means nothing, in
//! either direction. An [`OctetStream`] implements `embedded_io_async`'s `Read`, `BufRead` and
//! `Write`, and [splits](OctetStream::split) into two halves for two tasks.
//!
//! # MQTT
//!
//! MQTT 5.0 §6 (and MQTT 3.1.1 §6) asks for exactly this, and for the subprotocol `mqtt`, which the
//! client must offer and the server select:
//!
//! ```
//! use bare_ws_embassy::bare_ws::handshake::Request;
//! use bare_ws_embassy::bare_ws::uri::{Uri, UriError};
//!
//! fn request(uri: &str) -> Result<Request<'_>, UriError> {
//!     let mut request = Request::new(Uri::parse(uri)?);
//!     request.subprotocols = &["mqtt"];
//!     request.subprotocol_required = true;
//!     Ok(request)
//! }
//! # assert!(request("wss://broker.example/mqtt").is_ok());
//! ```
//!
//! Hand the stream of that connection to an MQTT client such as `minimq`. Once the client is done
//! with the stream, the connection is yours again, to be [finished](Connection::finish). A whole
//! program, kept connected by a supervisor, is the project's `examples/firmware/mqtt`.

use core::fmt;
use core::pin::pin;

use bare_ws::close::CloseCode;
use bare_ws::lifecycle::Call;
use bare_ws::message::{Chunk, MessageKind};
use bare_ws::receiver::Receive;
use bare_ws::sender::Transmit;
use embassy_sync::blocking_mutex::raw::{NoopRawMutex, RawMutex};
use embedded_io_async::{BufRead, ErrorKind, ErrorType, Read, Write};

use crate::Connection;
use crate::error::{Error, Usage};
use crate::reader::Reader;
use crate::transport::Transport;
use crate::writer::Writer;

/// Why octets cannot be read or written. `T` is the transport's own error.
///
/// Code that knows only `embedded_io_async` sees its [`kind`](embedded_io_async::Error::kind).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum StreamError<T = ErrorKind> {
    /// The connection has failed, or accepts no more: the error of [`Reader::recv`] or
    /// [`Writer::send`].
    Connection(Error<T>),
    /// The peer sent a text message, which has no place in a stream of octets. A Close with 1003
    /// tells it so.
    Text,
}

/// A whole connection as a stream of octets: [`Connection::octets`].
///
/// It runs one future at a time: while a write waits for room, nothing is read. If the peer may not
/// read until it has written, [`split`](Self::split) the stream, or set
/// [`Timing::stall`](crate::Timing::stall).
///
/// ```
/// use bare_ws_embassy::bare_ws::receiver::Receive;
/// use bare_ws_embassy::bare_ws::sender::Transmit;
/// use bare_ws_embassy::Connection;
/// use bare_ws_embassy::stream::StreamError;
/// use bare_ws_embassy::transport::Transport;
/// use embedded_io_async::{Error, Read, Write};
///
/// async fn ask<Io: Transport<Error: Error>, Rx: Receive, Tx: Transmit>(
///     connection: &mut Connection<Io, Rx, Tx>,
///     answer: &mut [u8],
/// ) -> Result<usize, StreamError<Io::Error>> {
///     let mut stream = connection.octets();
///     stream.write_all(b"how warm is it?\n").await?;
///     // Until this flush the octets wait in the transmit buffer.
///     stream.flush().await?;
///     stream.read(answer).await
/// }
/// ```
pub struct OctetStream<'c, Io: Transport, Rx, Tx, M: RawMutex = NoopRawMutex> {
    reader: OctetReader<'c, Io, Rx, Tx, M>,
    writer: OctetWriter<'c, Io, Tx, M>,
}

impl<Io: Transport, Rx: Receive, Tx: Transmit, M: RawMutex> Connection<Io, Rx, Tx, M> {
    /// The connection as a stream of octets, for as long as it is borrowed. If part of a message
    /// was received before, reading goes on where that part ends.
    pub fn octets(&mut self) -> OctetStream<'_, Io, Rx, Tx, M> {
        let (reader, writer) = self.split();
        OctetStream {
            reader: OctetReader::new(reader),
            writer: OctetWriter::new(writer),
        }
    }
}

impl<'c, Io: Transport, Rx, Tx, M: RawMutex> OctetStream<'c, Io, Rx, Tx, M> {
    /// The two directions, for two tasks or a `join`.
    #[expect(
        clippy::type_complexity,
        reason = "the parameters are the connection's"
    )]
    pub fn split(self) -> (OctetReader<'c, Io, Rx, Tx, M>, OctetWriter<'c, Io, Tx, M>) {
        (self.reader, self.writer)
    }
}

/// What the peer sends, as a stream of octets. It ends (`read` gives 0) when the peer closes.
///
/// Each of its futures may be dropped at any await: then nothing was read, and nothing is lost.
/// While it waits, Pings are answered, keepalive is kept and deadlines are watched, as in
/// [`Reader::recv`].
pub struct OctetReader<'c, Io: Transport, Rx, Tx, M: RawMutex = NoopRawMutex> {
    reader: Reader<'c, Io, Rx, Tx, M>,
    place: Place,
}

/// How far reading has got.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// All that arrived has been read.
    Read,
    /// The receiver lends a chunk, of which this many octets were read.
    Within(usize),
    /// A text message came.
    Refused,
}

impl<'c, Io: Transport, Rx: Receive, Tx: Transmit, M: RawMutex> OctetReader<'c, Io, Rx, Tx, M> {
    /// Reads from a receiving half. What this has received, but nobody has read, is lost when this
    /// is dropped.
    #[must_use]
    pub const fn new(reader: Reader<'c, Io, Rx, Tx, M>) -> Self {
        Self {
            reader,
            place: Place::Read,
        }
    }

    /// Waits until there is something to read, or the stream has ended.
    async fn advance(&mut self) -> Result<(), StreamError<Io::Error>> {
        loop {
            match self.place {
                Place::Within(_) if !self.rest().is_empty() => return Ok(()),
                Place::Read | Place::Within(_) => {}
                Place::Refused => {
                    // MQTT 5.0 §6: "If any other type of data frame is received the recipient MUST
                    // close the Network Connection". If the Close cannot be sent, the connection is
                    // over already.
                    let _ = self.reader.refuse(CloseCode::UNSUPPORTED_DATA).await;
                    return Err(StreamError::Text);
                }
            }
            self.place = Place::Read;
            let chunk = self.reader.recv_chunk().await;
            self.place = match chunk.map_err(StreamError::Connection)? {
                None => return Ok(()),
                Some(Chunk {
                    kind: MessageKind::Binary,
                    ..
                }) => Place::Within(0),
                Some(_) => Place::Refused,
            };
        }
    }

    /// What can be read now; empty at the end.
    fn rest(&self) -> &[u8] {
        let Place::Within(read) = self.place else {
            return &[];
        };
        let chunk = self.reader.chunk();
        chunk
            .and_then(|chunk| chunk.octets.get(read..))
            .unwrap_or_default()
    }
}

/// What is sent to the peer, as a stream of octets.
///
/// `write` puts one binary message into the connection's transmit buffer, as long as there is room;
/// only when there is none does it write out what waits there. `flush` writes out all of it, so
/// that several small writes leave in one TCP segment.
pub struct OctetWriter<'c, Io: Transport, Tx, M: RawMutex = NoopRawMutex> {
    writer: Writer<'c, Io, Tx, M>,
}

impl<'c, Io: Transport, Tx: Transmit, M: RawMutex> OctetWriter<'c, Io, Tx, M> {
    /// Writes through a sending half. Other tasks may send through copies of it, too.
    #[must_use]
    pub const fn new(writer: Writer<'c, Io, Tx, M>) -> Self {
        Self { writer }
    }
}

impl<Io, Rx, Tx, M> ErrorType for OctetReader<'_, Io, Rx, Tx, M>
where
    Io: Transport<Error: embedded_io_async::Error>,
    M: RawMutex,
{
    type Error = StreamError<Io::Error>;
}

impl<Io, Rx, Tx, M> Read for OctetReader<'_, Io, Rx, Tx, M>
where
    Io: Transport<Error: embedded_io_async::Error>,
    Rx: Receive,
    Tx: Transmit,
    M: RawMutex,
{
    /// # Cancel safety
    /// If it is dropped before it is ready, nothing was read, and nothing is lost.
    async fn read(&mut self, octets: &mut [u8]) -> Result<usize, Self::Error> {
        if octets.is_empty() {
            return Ok(0);
        }
        self.advance().await?;
        let rest = self.rest();
        let n = rest.len().min(octets.len());
        for (to, from) in octets.iter_mut().zip(rest) {
            *to = *from;
        }
        self.consume(n);
        Ok(n)
    }
}

impl<Io, Rx, Tx, M> BufRead for OctetReader<'_, Io, Rx, Tx, M>
where
    Io: Transport<Error: embedded_io_async::Error>,
    Rx: Receive,
    Tx: Transmit,
    M: RawMutex,
{
    /// # Cancel safety
    /// If it is dropped before it is ready, nothing is lost.
    async fn fill_buf(&mut self) -> Result<&[u8], Self::Error> {
        self.advance().await?;
        Ok(self.rest())
    }

    fn consume(&mut self, n: usize) {
        if let Place::Within(read) = &mut self.place {
            *read = read.saturating_add(n);
        }
    }
}

impl<Io, Tx, M> ErrorType for OctetWriter<'_, Io, Tx, M>
where
    Io: Transport<Error: embedded_io_async::Error>,
    M: RawMutex,
{
    type Error = StreamError<Io::Error>;
}

impl<Io, Tx, M> Write for OctetWriter<'_, Io, Tx, M>
where
    Io: Transport<Error: embedded_io_async::Error>,
    Tx: Transmit,
    M: RawMutex,
{
    /// # Cancel safety
    /// If it is dropped before it is ready, none of these octets will be sent.
    async fn write(&mut self, octets: &[u8]) -> Result<usize, Self::Error> {
        let queued = self.writer.queue_octets(octets).await;
        queued.map_err(StreamError::Connection)
    }

    /// # Cancel safety
    /// If it is dropped at any point, another call goes on.
    async fn flush(&mut self) -> Result<(), Self::Error> {
        self.writer.flush().await.map_err(StreamError::Connection)
    }
}

impl<Io, Rx, Tx, M> ErrorType for OctetStream<'_, Io, Rx, Tx, M>
where
    Io: Transport<Error: embedded_io_async::Error>,
    M: RawMutex,
{
    type Error = StreamError<Io::Error>;
}

impl<Io, Rx, Tx, M> Read for OctetStream<'_, Io, Rx, Tx, M>
where
    Io: Transport<Error: embedded_io_async::Error>,
    Rx: Receive,
    Tx: Transmit,
    M: RawMutex,
{
    /// # Cancel safety
    /// If it is dropped before it is ready, nothing was read, and nothing is lost.
    fn read(&mut self, octets: &mut [u8]) -> impl Future<Output = Result<usize, Self::Error>> {
        self.reader.read(octets)
    }
}

impl<Io, Rx, Tx, M> BufRead for OctetStream<'_, Io, Rx, Tx, M>
where
    Io: Transport<Error: embedded_io_async::Error>,
    Rx: Receive,
    Tx: Transmit,
    M: RawMutex,
{
    /// # Cancel safety
    /// If it is dropped before it is ready, nothing is lost.
    fn fill_buf(&mut self) -> impl Future<Output = Result<&[u8], Self::Error>> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, n: usize) {
        self.reader.consume(n);
    }
}

impl<Io, Rx, Tx, M> Write for OctetStream<'_, Io, Rx, Tx, M>
where
    Io: Transport<Error: embedded_io_async::Error>,
    Tx: Transmit,
    M: RawMutex,
{
    /// # Cancel safety
    /// If it is dropped before it is ready, none of these octets will be sent.
    fn write(&mut self, octets: &[u8]) -> impl Future<Output = Result<usize, Self::Error>> {
        self.writer.write(octets)
    }

    /// # Cancel safety
    /// If it is dropped at any point, another call goes on.
    fn flush(&mut self) -> impl Future<Output = Result<(), Self::Error>> {
        self.writer.flush()
    }
}

impl<Io: Transport, Rx: Receive, Tx: Transmit, M: RawMutex> Reader<'_, Io, Rx, Tx, M> {
    /// The chunk that was received last.
    fn chunk(&self) -> Option<Chunk<'_>> {
        self.side.core.receiver().receiver().chunk()
    }

    /// Closes, or writes out the Close that an earlier call queued before it was dropped.
    async fn refuse(&self, code: CloseCode) -> Result<(), Error<Io::Error>> {
        match self.shared.close(Some(code), "").await {
            Err(Error::Usage(Usage::NotOpen)) => self.shared.flush().await,
            done => done,
        }
    }
}

impl<Io: Transport, Tx: Transmit, M: RawMutex> Writer<'_, Io, Tx, M> {
    /// Queues a binary message of these octets, or of as many as an empty buffer has room for, and
    /// returns how many. Nothing is queued before that number is known, and nothing is awaited
    /// afterwards.
    async fn queue_octets(&self, octets: &[u8]) -> Result<usize, Error<Io::Error>> {
        if octets.is_empty() {
            return Ok(0);
        }
        let work = pin!(async {
            let _turn = self.shared.turn().await;
            let mut lock = self.shared.lock(Call::Send).await;
            loop {
                let queued = lock.queue(|sender| {
                    let n = octets.len().min(sender.room_left());
                    if n < octets.len() && !sender.pending().is_empty() {
                        return Ok(0);
                    }
                    let piece = octets.get(..n).unwrap_or_default();
                    Ok(sender.message(MessageKind::Binary, piece, true)?.taken)
                })?;
                if queued > 0 {
                    return Ok(queued);
                }
                lock.drain().await?;
            }
        });
        self.shared.run(work, None).await
    }
}

impl<T> StreamError<T> {
    /// The connection's error, if it is one.
    #[must_use]
    pub const fn connection(&self) -> Option<&Error<T>> {
        match self {
            Self::Connection(error) => Some(error),
            Self::Text => None,
        }
    }
}

impl<T: embedded_io_async::Error> embedded_io_async::Error for StreamError<T> {
    fn kind(&self) -> ErrorKind {
        let Self::Connection(error) = self else {
            return ErrorKind::InvalidData;
        };
        match error {
            Error::Transport(error) => error.kind(),
            Error::Timeout(_) => ErrorKind::TimedOut,
            Error::Lost => ErrorKind::ConnectionAborted,
            Error::Usage(Usage::NotOpen) => ErrorKind::NotConnected,
            Error::Usage(_) => ErrorKind::InvalidInput,
            Error::TooLong { .. } | Error::OutOfMemory { .. } => ErrorKind::OutOfMemory,
            error if error.close_code().is_some() => ErrorKind::InvalidData,
            _ => ErrorKind::Other,
        }
    }
}

impl<T: fmt::Display> fmt::Display for StreamError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(error) => error.fmt(f),
            Self::Text => f.write_str("a text message came, and binary ones make the stream"),
        }
    }
}

impl<T: core::error::Error> core::error::Error for StreamError<T> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Connection(error) => error.source(),
            Self::Text => None,
        }
    }
}

impl<Io: Transport, Rx, Tx, M: RawMutex> fmt::Debug for OctetStream<'_, Io, Rx, Tx, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OctetStream").finish_non_exhaustive()
    }
}

impl<Io: Transport, Rx, Tx, M: RawMutex> fmt::Debug for OctetReader<'_, Io, Rx, Tx, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OctetReader").finish_non_exhaustive()
    }
}

impl<Io: Transport, Tx, M: RawMutex> fmt::Debug for OctetWriter<'_, Io, Tx, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OctetWriter").finish_non_exhaustive()
    }
}
