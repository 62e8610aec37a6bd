//! An open connection.

use core::fmt;

use bare_ws::asynch;
use bare_ws::buffer::Storage;
use bare_ws::close::CloseCode;
use bare_ws::entropy::Entropy;
use bare_ws::error::{Error as CoreError, Usage};
use bare_ws::handshake::{ClientHandshake, Established, HandshakeError, Offers, Request};
use bare_ws::message::{Chunk, CloseStatus, Frame, Message};
use bare_ws::receiver::{Delivery, Receiver};
use bare_ws::role::Client;
use bare_ws::sender::Sender;
use bare_ws::stage::{Compress, Decompress, Plain};
use embassy_futures::select::{Either, select};
use embassy_sync::blocking_mutex::raw::{NoopRawMutex, RawMutex};
use embassy_time::with_deadline;
use embedded_io_async::Read;

use crate::error::{ConnectError, Error};
use crate::reader::{Reader, Side, is_mixed};
use crate::shared::Shared;
use crate::timing::{Timeout, Timing, after};
use crate::transport::{Joined, Shutdown};
use crate::writer::Writer;

/// An open connection over the two halves of a transport, to be used as it is or, by
/// [`split`](Self::split), from two tasks.
///
/// `R` and `W` are the transport's halves, `B` and `T` the memory to receive into and to transmit
/// from, `E` the source of entropy, `D` and `C` the compression stages. `M` guards what two
/// tasks share: [`NoopRawMutex`] for tasks of one executor, and see
/// [`guarded`](Self::guarded).
pub struct Connection<R, W, B, T, E, D = Plain, C = Plain, M: RawMutex = NoopRawMutex> {
    side: Side<R, B, D>,
    shared: Shared<W, T, E, C, M>,
}

impl<R, W, B, T, E, D, C> Connection<R, W, B, T, E, D, C>
where
    R: Read,
    W: Shutdown<Error = R::Error>,
    B: Storage,
    T: Storage,
    E: Entropy,
    D: Decompress,
    C: Compress,
{
    /// Makes the opening handshake over a transport that is connected. What was agreed on comes
    /// beside the connection; compression stages are to be configured by it
    /// ([`receiver_mut`](Self::receiver_mut), [`sender_mut`](Self::sender_mut)) before the first
    /// message.
    ///
    /// # Errors
    /// [`ConnectError::Handshake`]; [`ConnectError::Timeout`] after [`Timing::handshake`].
    ///
    /// # Cancel safety
    /// Dropped before it is ready, the handshake is lost and the transport is of no more use.
    pub async fn open<X: Offers>(
        (read, write): (R, W),
        request: &Request<'_>,
        offers: X,
        receiver: Receiver<Client, B, D>,
        mut sender: Sender<Client, T, E, C>,
        timing: &Timing,
    ) -> Result<(Self, Established<X>), ConnectError<R::Error>> {
        let handshake = ClientHandshake::new(request, offers, sender.entropy_mut())
            .map_err(HandshakeError::widen)?;
        let io = Joined { read, write };
        let opening = asynch::Connection::open(io, handshake, receiver, sender);
        let (core, established) = with_deadline(after(timing.handshake), opening)
            .await
            .map_err(|_| ConnectError::Timeout(Timeout::Handshake))??;
        let (io, sender) = core.writer.into_parts();
        let connection = Self {
            side: Side::new(io.read, core.reader, timing),
            shared: Shared::new(asynch::Writer::new(io.write, sender), timing.close),
        };
        Ok((connection, established))
    }

    /// A connection whose opening handshake is done. `receiver` may hold octets already.
    pub fn new(
        (read, write): (R, W),
        receiver: Receiver<Client, B, D>,
        sender: Sender<Client, T, E, C>,
        timing: &Timing,
    ) -> Self {
        Self {
            side: Side::new(read, asynch::Reader::new(receiver), timing),
            shared: Shared::new(asynch::Writer::new(write, sender), timing.close),
        }
    }

    /// The same connection with another guard, for tasks of several executors.
    pub fn guarded<M: RawMutex>(self) -> Connection<R, W, B, T, E, D, C, M> {
        Connection {
            side: self.side,
            shared: self.shared.guarded(),
        }
    }
}

impl<R, W, B, T, E, D, C, M> Connection<R, W, B, T, E, D, C, M>
where
    R: Read,
    W: Shutdown<Error = R::Error>,
    B: Storage,
    T: Storage,
    E: Entropy,
    D: Decompress,
    C: Compress,
    M: RawMutex,
{
    /// Two halves, for two tasks or for one that sends while it borrows what it received:
    ///
    /// ```
    /// # use bare_ws::{buffer::Storage, entropy::Entropy};
    /// # use bare_ws_embassy::{Connection, Error, transport::Shutdown};
    /// # use embedded_io_async::Read;
    /// # async fn echo<R: Read, W: Shutdown<Error = R::Error>, E: Entropy>(
    /// #     mut connection: Connection<R, W, &mut [u8], &mut [u8], E>,
    /// # ) -> Result<(), Error<R::Error>> {
    /// let (mut reader, writer) = connection.split();
    /// while let Some(message) = reader.recv().await? {
    ///     writer.send(message).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Nothing is lost with them: they may be dropped and made again.
    #[expect(
        clippy::type_complexity,
        reason = "the parameters are the connection's"
    )]
    pub fn split(
        &mut self,
    ) -> (
        Reader<'_, R, W, B, T, E, D, C, M>,
        Writer<'_, W, T, E, C, M>,
    ) {
        (
            Reader::new(&mut self.side, &self.shared),
            Writer::new(&self.shared),
        )
    }

    /// The next whole message: [`Reader::recv`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn recv(&mut self) -> Result<Option<Message<'_>>, Error<R::Error>> {
        self.side.recv(&self.shared).await
    }

    /// The next piece of a message: [`Reader::recv_chunk`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn recv_chunk(&mut self) -> Result<Option<Chunk<'_>>, Error<R::Error>> {
        self.side.advance(&self.shared, Delivery::Chunk).await?;
        Ok(self.side.core.receiver().chunk())
    }

    /// The next frame: [`Reader::recv_frame`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn recv_frame(&mut self) -> Result<Option<Frame<'_>>, Error<R::Error>> {
        self.side.advance(&self.shared, Delivery::Frame).await?;
        Ok(self.side.core.receiver().frame())
    }

    /// Sends a message: [`Writer::send`]. Nothing is received meanwhile, and no deadline is kept: a
    /// peer that does not read before it has written, or that is gone, leaves it waiting. Where that
    /// can be, [`split`](Self::split) the connection and receive beside, in another task or by
    /// `select` of two loops.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn send<'m>(
        &mut self,
        message: impl Into<Message<'m>>,
    ) -> Result<(), Error<R::Error>> {
        Writer::new(&self.shared).send(message).await
    }

    /// Sends a Ping with up to 125 octets: [`Writer::ping`], which waits as [`send`](Self::send) does.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error<R::Error>> {
        Writer::new(&self.shared).ping(payload).await
    }

    /// Closes the connection: sends a Close, passes over what still comes, waits for the peer's
    /// Close and for the transport to end, and ends it. That takes [`Timing::close`] at most, and
    /// as much again where the end itself is slow.
    ///
    /// # Errors
    /// As [`Writer::close`] and [`Reader::recv`]; [`Timeout::Close`] when the peer does not answer.
    ///
    /// # Cancel safety
    /// Dropped at any point, another call goes on.
    pub async fn close(
        &mut self,
        code: Option<CloseCode>,
        reason: &str,
    ) -> Result<(), Error<R::Error>> {
        let writer = Writer::new(&self.shared);
        // The peer may have to be read before it reads.
        match select(
            writer.close(code, reason),
            pass_over(&mut self.side, &self.shared),
        )
        .await
        {
            Either::First(Ok(()) | Err(Error::WebSocket(CoreError::Usage(Usage::NotOpen)))) => {
                pass_over(&mut self.side, &self.shared).await
            }
            Either::First(Err(error @ Error::Timeout(_))) => {
                // The reader knows better why, and hangs up.
                pass_over(&mut self.side, &self.shared)
                    .await
                    .and(Err(error))
            }
            Either::First(Err(error)) => Err(error),
            Either::Second(closed) => closed,
        }
    }

    /// How the peer closed, once it did.
    #[must_use]
    pub fn close_status(&self) -> Option<CloseStatus<'_>> {
        self.side.core.close_status()
    }

    /// The receive machine, to set limits or its stage.
    pub fn receiver_mut(&mut self) -> &mut Receiver<Client, B, D> {
        self.side.core.receiver_mut()
    }

    /// The send machine, to set its stage.
    pub fn sender_mut(&mut self) -> &mut Sender<Client, T, E, C> {
        self.shared.writer_mut().sender_mut()
    }
}

impl<R, W, B, T, E, D, C, M: RawMutex> fmt::Debug for Connection<R, W, B, T, E, D, C, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

/// Receives until the connection is closed.
async fn pass_over<R, W, B, T, E, D, C, M>(
    side: &mut Side<R, B, D>,
    shared: &Shared<W, T, E, C, M>,
) -> Result<(), Error<R::Error>>
where
    R: Read,
    W: Shutdown<Error = R::Error>,
    B: Storage,
    T: Storage,
    E: Entropy,
    D: Decompress,
    C: Compress,
    M: RawMutex,
{
    // A message begun at another level must be read to its end there.
    let mut delivery = Delivery::Chunk;
    loop {
        match side.advance(shared, delivery).await {
            Ok(true) => delivery = Delivery::Chunk,
            Ok(false) => return Ok(()),
            Err(error) if is_mixed(&error) => {
                delivery = match delivery {
                    Delivery::Chunk => Delivery::Message,
                    Delivery::Message => Delivery::Frame,
                    Delivery::Frame => return Err(error),
                }
            }
            Err(error) => return Err(error),
        }
    }
}
