//! An open connection, for one thread.

use std::net::Shutdown;
use std::time::Duration;

use bare_ws::blocking::{self, Link};
use bare_ws::buffer::{Growing, Storage};
use bare_ws::close::CloseCode;
use bare_ws::closing::{Owed, Reply};
#[cfg(feature = "deflate")]
use bare_ws::deflate::negotiate::Agreed;
use bare_ws::error::Error as ProtocolError;
use bare_ws::header::FrameHeader;
use bare_ws::message::{Chunk, CloseStatus, Frame, Message, MessageKind};
use bare_ws::receiver::Receiver;
use bare_ws::role::Client;
use bare_ws::sender::Sender;
use embedded_io::Read;

use crate::deadline::Deadline;
use crate::entropy::SystemEntropy;
use crate::error::{Error, Timeout};
use crate::response::Response;
use crate::stage::{Deflating, Inflating, Totals};
use crate::stream::{Socket, Stream};
use crate::wire::{Cut, Wire};

pub(crate) type Transmit = Box<[u8]>;
pub(crate) type CoreSender = Sender<Client, Transmit, SystemEntropy, Deflating>;
pub(crate) type CoreWriter<S> =
    blocking::Writer<Wire<S>, Client, Transmit, SystemEntropy, Deflating>;
pub(crate) type CoreReader<B> = blocking::Reader<Client, B, Inflating>;

/// An open connection: to be used as it is, or its two parts side by side, since a message that was
/// received borrows the [`Reader`] until the next one.
///
/// ```no_run
/// # fn main() -> Result<(), bare_ws_std::Error> {
/// let mut socket = bare_ws_std::connect("ws://localhost:8080/echo")?;
/// let (reader, writer) = (&mut socket.reader, &mut socket.writer);
/// while let Some(message) = reader.recv(writer)? {
///     writer.send(message)?;
/// }
/// println!("{:?}", socket.close_status());
/// # Ok(()) }
/// ```
///
/// Dropping it closes the transport without a closing handshake.
#[derive(Debug)]
pub struct WebSocket<S = Socket, B = Growing> {
    /// The receive side.
    pub reader: Reader<B>,
    /// The send side, which owns the transport.
    pub writer: Writer<S>,
    response: Response,
    subprotocol: Option<String>,
    #[cfg(feature = "deflate")]
    pub(crate) agreed: Option<Agreed>,
}

/// The receive side of a connection.
#[derive(Debug)]
pub struct Reader<B = Growing> {
    pub(crate) inner: CoreReader<B>,
    pub(crate) ended: Ended,
}

/// The send side of a connection, and its transport.
#[derive(Debug)]
pub struct Writer<S = Socket> {
    pub(crate) inner: CoreWriter<S>,
    pub(crate) close_timeout: Option<Duration>,
}

/// How the connection has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It has not.
    No,
    /// Nothing more is read or written.
    Yes,
    /// The peer did not answer our Close in time.
    Unanswered,
}

impl<S: Stream, B: Storage> WebSocket<S, B> {
    pub(crate) fn new(
        reader: CoreReader<B>,
        wire: Wire<S>,
        sender: CoreSender,
        close_timeout: Option<Duration>,
        response: Response,
        subprotocol: Option<String>,
    ) -> Self {
        Self {
            reader: Reader {
                inner: reader,
                ended: Ended::No,
            },
            writer: Writer {
                inner: blocking::Writer::new(wire, sender),
                close_timeout,
            },
            response,
            subprotocol,
            #[cfg(feature = "deflate")]
            agreed: None,
        }
    }

    /// The next message: [`Reader::recv`].
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn recv(&mut self) -> Result<Option<Message<'_>>, Error> {
        self.reader.recv(&mut self.writer)
    }

    /// The next piece of a message: [`Reader::recv_chunk`].
    ///
    /// # Errors
    /// As there.
    pub fn recv_chunk(&mut self) -> Result<Option<Chunk<'_>>, Error> {
        self.reader.recv_chunk(&mut self.writer)
    }

    /// The next frame: [`Reader::recv_frame`].
    ///
    /// # Errors
    /// As there.
    pub fn recv_frame(&mut self) -> Result<Option<Frame<'_>>, Error> {
        self.reader.recv_frame(&mut self.writer)
    }

    /// Sends a message: [`Writer::send`].
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), Error> {
        self.writer.send(message)
    }

    /// Sends a Ping with up to 125 octets. [`Receiver::pongs`] counts what comes back.
    ///
    /// # Errors
    /// As [`Writer::send`].
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.writer.ping(payload)
    }

    /// Starts the closing handshake: [`Writer::close`].
    ///
    /// # Errors
    /// As there.
    pub fn close(&mut self, code: Option<CloseCode>, reason: &str) -> Result<(), Error> {
        self.writer.close(code, reason)
    }

    /// Starts the closing handshake and waits for its end, throwing away the messages that still
    /// come.
    ///
    /// # Errors
    /// As [`close`](Self::close) and [`recv`](Self::recv).
    pub fn finish(
        &mut self,
        code: Option<CloseCode>,
        reason: &str,
    ) -> Result<Option<CloseStatus<'_>>, Error> {
        if self.writer.is_open() {
            self.close(code, reason)?;
        }
        while self.recv()?.is_some() {}
        Ok(self.close_status())
    }

    /// How the peer closed, once it did.
    pub fn close_status(&self) -> Option<CloseStatus<'_>> {
        self.reader.close_status()
    }

    /// The server's answer to the opening handshake.
    pub fn response(&self) -> &Response {
        &self.response
    }

    /// The subprotocol that the server chose.
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// What was agreed on for permessage-deflate; `None`: nothing is compressed.
    #[cfg(feature = "deflate")]
    pub fn deflate(&self) -> Option<&Agreed> {
        self.agreed.as_ref()
    }

    /// The transport.
    pub fn stream(&self) -> &S {
        self.writer.inner.io().stream()
    }
}

impl<B: Storage> Reader<B> {
    /// The next whole message. Pings are answered and a Close is answered on the way. `None`, for
    /// ever after, once the closing handshake is complete and the transport closed.
    ///
    /// # Errors
    /// [`Error::Protocol`] and [`Error::Io`]: the connection has failed; the Close for it was sent
    /// as well as could be, and the transport is closed. [`Timeout::Idle`]: a call later goes on.
    /// [`Timeout::Close`]: our Close was not answered, and the transport is closed.
    #[inline]
    pub fn recv<S: Stream>(
        &mut self,
        writer: &mut Writer<S>,
    ) -> Result<Option<Message<'_>>, Error> {
        let Self { inner, ended } = self;
        ended.check()?;
        match inner.recv(&mut Through(writer)) {
            Ok(Some(message)) => Ok(Some(message)),
            Ok(None) => Ok(writer.finish(ended)),
            Err(error) => Err(writer.fail(ended, error)),
        }
    }

    /// The next piece of a message, for messages of any length.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_chunk<S: Stream>(
        &mut self,
        writer: &mut Writer<S>,
    ) -> Result<Option<Chunk<'_>>, Error> {
        let Self { inner, ended } = self;
        ended.check()?;
        match inner.recv_chunk(&mut Through(writer)) {
            Ok(Some(chunk)) => Ok(Some(chunk)),
            Ok(None) => Ok(writer.finish(ended)),
            Err(error) => Err(writer.fail(ended, error)),
        }
    }

    /// The next frame as on the wire, control frames among them (they are answered all the same).
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_frame<S: Stream>(
        &mut self,
        writer: &mut Writer<S>,
    ) -> Result<Option<Frame<'_>>, Error> {
        let Self { inner, ended } = self;
        ended.check()?;
        match inner.recv_frame(&mut Through(writer)) {
            Ok(Some(frame)) => Ok(Some(frame)),
            Ok(None) => Ok(writer.finish(ended)),
            Err(error) => Err(writer.fail(ended, error)),
        }
    }

    /// How the peer closed, once it did.
    pub fn close_status(&self) -> Option<CloseStatus<'_>> {
        self.inner.close_status()
    }

    /// The receive machine: fragments of the message announced last, pongs so far.
    pub fn receiver(&self) -> &Receiver<Client, B, Inflating> {
        self.inner.receiver()
    }
}

impl<S: Stream> Writer<S> {
    /// Sends a whole message.
    ///
    /// # Errors
    /// [`Error::Protocol`] when our caller asked for what must not be sent: nothing was.
    /// [`Error::Io`], [`Timeout::Idle`] when the peer takes nothing for too long: a message that
    /// is longer than the transmit buffer may be torn, and nothing can follow it.
    #[inline]
    pub fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), Error> {
        Ok(self.inner.send(message)?)
    }

    /// The same, never compressed: for a message that holds a secret beside octets that an
    /// attacker may choose (RFC 7692 §8).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_uncompressed<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), Error> {
        Ok(uncompressed(&mut self.inner, message.into())?)
    }

    /// How well it compresses: all messages that were sent so far.
    pub fn compressed(&self) -> Totals {
        self.inner.sender().stage().totals()
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
    ) -> Result<(), Error> {
        Ok(self.inner.send_fragment(kind, payload, fin)?)
    }

    /// Sends one frame of the caller's own making: [`Sender::frame`].
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_frame(&mut self, header: FrameHeader, payload: &[u8]) -> Result<(), Error> {
        Ok(self.inner.send_frame(header, payload)?)
    }

    /// Sends a Ping with up to 125 octets.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        Ok(self.inner.ping(payload)?)
    }

    /// Sends a Pong that nobody asked for: a heartbeat in one direction (RFC 6455 §5.5.3).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn pong(&mut self, payload: &[u8]) -> Result<(), Error> {
        Ok(self.inner.pong(payload)?)
    }

    /// Starts the closing handshake. Nothing can be sent afterwards; go on receiving until there
    /// is nothing more, which is no later than the close time-out.
    ///
    /// # Errors
    /// As [`send`](Self::send): a status code that must not be sent, a reason of more than 123
    /// octets.
    pub fn close(&mut self, code: Option<CloseCode>, reason: &str) -> Result<(), Error> {
        let before = self.inner.io().deadline();
        self.start_closing();
        let closed = self.inner.close(code, reason);
        if let Err(ProtocolError::Usage(_) | ProtocolError::Entropy) = closed {
            self.inner.io_mut().set_deadline(before.0, before.1);
        }
        Ok(closed?)
    }

    /// Whether data may be sent: neither end has closed, and the peer is not gone.
    pub fn is_open(&self) -> bool {
        self.inner.sender().is_open()
    }

    /// The send machine, to queue several messages and [`flush`](Self::flush) them in one write.
    pub fn sender_mut(&mut self) -> &mut Sender<Client, Transmit, SystemEntropy, Deflating> {
        self.inner.sender_mut()
    }

    /// Writes out what is queued.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn flush(&mut self) -> Result<(), Error> {
        Ok(self.inner.flush()?)
    }

    /// The closing handshake has one deadline, from its first Close on.
    fn start_closing(&mut self) {
        let wire = self.inner.io_mut();
        if wire.deadline().0.is_never() {
            wire.set_deadline(Deadline::after(self.close_timeout), Timeout::Close);
        }
    }

    /// Both Closes are exchanged. RFC 6455 §7.1.1: the client waits for the server to close the
    /// transport first; how long, the close time-out bounds.
    fn finish<T>(&mut self, ended: &mut Ended) -> Option<T> {
        if *ended == Ended::No {
            self.drain();
            *ended = Ended::Yes;
        }
        None
    }

    /// After a failure. §7.1.7: the Close was sent, as well as could be. What the peer still sends
    /// is read and thrown away: closing a socket with unread octets resets the connection, and the
    /// peer would never see that Close.
    fn fail(&mut self, ended: &mut Ended, error: ProtocolError<Cut>) -> Error {
        match &error {
            ProtocolError::Peer(_) | ProtocolError::Capacity(_) if *ended == Ended::No => {
                let _ = self.inner.io_mut().stream_mut().shutdown(Shutdown::Write);
                self.drain();
                *ended = Ended::Yes;
            }
            ProtocolError::Transport(Cut::Timeout(Timeout::Close)) => {
                let _ = self.inner.io_mut().stream_mut().shutdown(Shutdown::Both);
                *ended = Ended::Unanswered;
            }
            _ => {}
        }
        error.into()
    }

    fn drain(&mut self) {
        self.start_closing();
        let wire = self.inner.io_mut();
        let mut scratch = [0; 4096];
        while matches!(wire.read(&mut scratch), Ok(n) if n > 0) {}
        let _ = wire.stream_mut().shutdown(Shutdown::Both);
    }
}

pub(crate) fn uncompressed<S: Stream>(
    writer: &mut CoreWriter<S>,
    message: Message<'_>,
) -> Result<(), ProtocolError<Cut>> {
    writer.sender_mut().set_compression(false);
    let sent = writer.send(message);
    writer.sender_mut().set_compression(true);
    sent
}

impl Ended {
    #[inline]
    pub(crate) fn check(self) -> Result<(), Error> {
        match self {
            Self::No | Self::Yes => Ok(()),
            Self::Unanswered => Err(Error::Timeout(Timeout::Close)),
        }
    }
}

/// The writer as the receive loop sees it: a Close that it owes starts the close time-out.
struct Through<'a, S>(&'a mut Writer<S>);

impl<S: Stream> Link for Through<'_, S> {
    type Error = Cut;

    #[inline]
    fn read(&mut self, spare: &mut [u8]) -> Result<usize, Cut> {
        self.0.inner.io_mut().read(spare)
    }

    fn answer(&mut self, owed: &mut Owed) -> Result<(), ProtocolError<Cut>> {
        if let Some(Reply::Close(_)) = owed.reply() {
            self.0.start_closing();
        }
        self.0.inner.answer(owed)
    }
}
