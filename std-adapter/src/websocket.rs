//! An open connection.

use std::time::{Duration, Instant};

use bare_ws::buffer::{Growing, Storage};
use bare_ws::close::CloseCode;
#[cfg(feature = "deflate")]
use bare_ws::deflate::negotiate::Agreed;
use bare_ws::message::{AsMessage, Chunk, CloseStatus, Frame, Message, OwnedMessage};

use crate::error::Error;
use crate::messages::Messages;
use crate::reader::Reader;
use crate::response::Response;
use crate::stream::{Socket, Stream};
use crate::writer::{AbortHandle, Writer};

/// An open connection: to be used as it is, or its two sides beside each other, since a message
/// that was received borrows the [`Reader`] until the next one; or [split](Self::split), for
/// several threads.
///
/// ```no_run
/// use bare_ws_std::{WebSocket, connect};
///
/// let WebSocket { mut reader, writer, .. } = connect("ws://localhost:8080/echo")?;
/// while let Some(message) = reader.recv()? {
///     writer.send(message)?;
/// }
/// println!("{:?}", reader.finish()?);
/// # Ok::<(), bare_ws_std::Error>(())
/// ```
///
/// When the last part of it is dropped, the transport is closed, without a closing handshake if
/// none was begun. A drop never waits: what is left of a closing handshake that was begun, a thread
/// brings to its end within the close limit, for connections that
/// [`connect`](crate::connect) has opened.
#[derive(Debug)]
#[non_exhaustive]
pub struct WebSocket<S: Stream = Socket, B = Growing> {
    /// The receive side.
    pub reader: Reader<S, B>,
    /// The send side.
    pub writer: Writer<S>,
    /// The server's answer to the opening handshake.
    pub response: Response,
    pub(crate) subprotocol: Option<String>,
    #[cfg(feature = "deflate")]
    pub(crate) agreed: Option<Agreed>,
}

impl<S: Stream, B: Storage> WebSocket<S, B> {
    /// The next message: [`Reader::recv`].
    ///
    /// # Errors
    /// See [`Reader::recv`].
    #[inline]
    pub fn recv(&mut self) -> Result<Option<Message<'_>>, Error> {
        self.reader.undivided().recv()
    }

    /// The next message, with a limit for this call: [`Reader::recv_timeout`].
    ///
    /// # Errors
    /// See [`Reader::recv_timeout`].
    pub fn recv_timeout(&mut self, limit: Duration) -> Result<Option<Message<'_>>, Error> {
        self.reader.undivided().recv_timeout(limit)
    }

    /// The next message, as one that borrows nothing: [`Reader::recv_owned`].
    ///
    /// # Errors
    /// [`Reader::recv`]'s.
    pub fn recv_owned(&mut self) -> Result<Option<OwnedMessage>, Error> {
        self.reader.undivided().recv_owned()
    }

    /// The messages until the peer closes: [`Reader::messages`].
    ///
    /// The iterator borrows the reader. To send in the loop, take the connection apart first:
    ///
    /// ```no_run
    /// use bare_ws_std::{WebSocket, connect};
    ///
    /// let WebSocket { mut reader, writer, .. } = connect("ws://localhost:8080/echo")?;
    /// for message in reader.messages() {
    ///     writer.send(message?)?;
    /// }
    /// # Ok::<(), bare_ws_std::Error>(())
    /// ```
    pub fn messages(&mut self) -> Messages<'_, S, B> {
        self.reader.messages()
    }

    /// The next piece of a message: [`Reader::recv_chunk`].
    ///
    /// # Errors
    /// See [`Reader::recv_chunk`].
    pub fn recv_chunk(&mut self) -> Result<Option<Chunk<'_>>, Error> {
        self.reader.undivided().recv_chunk()
    }

    /// The next frame: [`Reader::recv_frame`].
    ///
    /// # Errors
    /// See [`Reader::recv_frame`].
    pub fn recv_frame(&mut self) -> Result<Option<Frame<'_>>, Error> {
        self.reader.undivided().recv_frame()
    }

    /// Sends a message: [`Writer::send`].
    ///
    /// # Errors
    /// See [`Writer::send`].
    #[inline]
    pub fn send(&mut self, message: impl AsMessage) -> Result<(), Error> {
        self.writer.send(message)
    }

    /// Sends a Ping with up to 125 octets.
    /// [`Receiver::pongs`](bare_ws::receiver::Receiver::pongs) counts what comes back.
    ///
    /// # Errors
    /// As [`Writer::send`].
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.writer.ping(payload)
    }

    /// Sends an unsolicited Pong: a heartbeat in one direction (RFC 6455 §5.5.3). Pings are
    /// answered without it.
    ///
    /// # Errors
    /// As [`Writer::send`].
    pub fn pong(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.writer.pong(payload)
    }

    /// Starts the closing handshake: [`Writer::close`].
    ///
    /// # Errors
    /// See [`Writer::close`].
    pub fn close(&mut self, code: impl Into<Option<CloseCode>>, reason: &str) -> Result<(), Error> {
        self.writer.close(code, reason)
    }

    /// Brings the connection to its end: starts the closing handshake unless it has begun, and
    /// then does as [`Reader::finish`].
    ///
    /// # Errors
    /// As [`close`](Self::close) and [`Reader::finish`].
    pub fn finish(
        &mut self,
        code: impl Into<Option<CloseCode>>,
        reason: &str,
    ) -> Result<Option<CloseStatus<'_>>, Error> {
        if self.writer.is_open() {
            self.writer.close(code, reason)?;
        }
        self.reader.finish()
    }

    /// Two sides for several threads.
    pub fn split(self) -> (Reader<S, B>, Writer<S>) {
        self.writer.shared.channel().share();
        (self.reader, self.writer)
    }

    /// How the peer closed, once it did.
    pub fn close_status(&self) -> Option<CloseStatus<'_>> {
        self.reader.close_status()
    }

    /// When the last octet from the peer arrived, or the connection was opened.
    pub fn last_heard(&self) -> Instant {
        self.reader.last_heard()
    }

    /// A handle that ends the connection at once, from any thread.
    pub fn abort_handle(&self) -> AbortHandle<S> {
        self.writer.abort_handle()
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

    /// The transport. A program that waits for many sockets by itself waits for this one, and then
    /// calls [`recv_timeout`](Self::recv_timeout) with zero until that gives
    /// [`Timeout::Call`](crate::Timeout::Call).
    pub fn stream(&self) -> &S {
        self.writer.shared.channel().stream()
    }
}
