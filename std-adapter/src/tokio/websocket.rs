//! An open connection.

use bare_ws::buffer::{Growing, Storage};
use bare_ws::close::CloseCode;
#[cfg(feature = "deflate")]
use bare_ws::deflate::negotiate::Agreed;
use bare_ws::message::{AsMessage, Chunk, CloseStatus, Frame, Message, OwnedMessage};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::reader::Reader;
use super::writer::{AbortHandle, Writer};
use crate::error::Error;
use crate::response::Response;

/// An open connection. Use it whole, or take its two sides apart, since a received message borrows
/// the [`Reader`] until the next one; or [split](Self::split) it for several tasks.
///
/// ```no_run
/// use bare_ws_std::Error;
/// use bare_ws_std::tokio::{WebSocket, connect};
///
/// async fn echo() -> Result<(), Error> {
///     let WebSocket { mut reader, writer, .. } = connect("ws://localhost:8080/echo").await?;
///     while let Some(message) = reader.recv().await? {
///         writer.send(message).await?;
///     }
///     println!("{:?}", reader.finish().await?);
///     Ok(())
/// }
/// ```
///
/// When the last part of it is dropped, the transport is closed, without a closing handshake if
/// none has begun. If one has begun, a task completes it within the close limit, for connections
/// that [`connect`](super::connect) has opened.
#[derive(Debug)]
#[non_exhaustive]
pub struct WebSocket<S: AsyncRead + AsyncWrite + Unpin = TcpStream, B = Growing> {
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

impl<S: AsyncRead + AsyncWrite + Unpin, B: Storage> WebSocket<S, B> {
    /// The next message: [`Reader::recv`].
    ///
    /// # Errors
    /// [`Reader::recv`]'s.
    ///
    /// # Cancel safety
    /// [`Reader::recv`]'s.
    #[inline]
    pub fn recv(&mut self) -> impl Future<Output = Result<Option<Message<'_>>, Error>> {
        self.reader.recv()
    }

    /// The next message as one that borrows nothing: [`Reader::recv_owned`].
    ///
    /// # Errors
    /// [`Reader::recv`]'s.
    ///
    /// # Cancel safety
    /// [`Reader::recv`]'s.
    pub async fn recv_owned(&mut self) -> Result<Option<OwnedMessage>, Error> {
        self.reader.recv_owned().await
    }

    /// The next piece of a message: [`Reader::recv_chunk`].
    ///
    /// # Errors
    /// [`Reader::recv`]'s.
    ///
    /// # Cancel safety
    /// [`Reader::recv`]'s.
    pub async fn recv_chunk(&mut self) -> Result<Option<Chunk<'_>>, Error> {
        self.reader.recv_chunk().await
    }

    /// The next frame: [`Reader::recv_frame`].
    ///
    /// # Errors
    /// [`Reader::recv`]'s.
    ///
    /// # Cancel safety
    /// [`Reader::recv`]'s.
    pub async fn recv_frame(&mut self) -> Result<Option<Frame<'_>>, Error> {
        self.reader.recv_frame().await
    }

    /// Sends a message: [`Writer::send`]. Nothing is received meanwhile: if the peer does not read
    /// before it has written, this waits until [`stall_timeout`](crate::Config::stall_timeout), if
    /// that is set. Where this can happen, [`split`](Self::split) the connection and receive in
    /// another task.
    ///
    /// # Errors
    /// [`Writer::send`]'s.
    ///
    /// # Cancel safety
    /// [`Writer::send`]'s.
    #[inline]
    pub fn send<M: AsMessage>(
        &mut self,
        message: M,
    ) -> impl Future<Output = Result<(), Error>> + use<'_, S, B, M> {
        self.writer.send(message)
    }

    /// Sends a Ping with up to 125 octets.
    /// [`Receiver::pongs`](bare_ws::receiver::Receiver::pongs) counts what comes back.
    ///
    /// # Errors
    /// [`Writer::send`]'s.
    ///
    /// # Cancel safety
    /// [`Writer::ping`]'s.
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.writer.ping(payload).await
    }

    /// Starts the closing handshake: [`Writer::close`].
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
    ) -> Result<(), Error> {
        self.writer.close(code, reason).await
    }

    /// Brings the connection to its end: starts the closing handshake unless it has begun, and
    /// then does as [`Reader::finish`].
    ///
    /// # Errors
    /// [`close`](Self::close)'s and [`Reader::finish`]'s.
    ///
    /// # Cancel safety
    /// Dropped at any point, another call goes on.
    pub async fn finish(
        &mut self,
        code: impl Into<Option<CloseCode>>,
        reason: &str,
    ) -> Result<Option<CloseStatus<'_>>, Error> {
        if self.writer.is_open() {
            self.writer.close(code, reason).await?;
        }
        self.reader.finish().await
    }

    /// Two sides for several tasks. Both are `Send` and `'static`, if the stream is.
    pub fn split(self) -> (Reader<S, B>, Writer<S>) {
        (self.reader, self.writer)
    }

    /// How the peer closed, once it has.
    pub fn close_status(&self) -> Option<CloseStatus<'_>> {
        self.reader.close_status()
    }

    /// When the last octet from the peer arrived, or the connection was opened.
    pub fn last_heard(&self) -> Instant {
        self.reader.last_heard()
    }

    /// A handle that ends the connection at once, from any task or thread.
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
}
