//! The receive side of a connection.

use std::future::poll_fn;

use bare_ws::asynch::{self, Link, Look};
use bare_ws::buffer::{Growing, Storage};
use bare_ws::closing::Owed;
use bare_ws::error::Error as ProtocolError;
use bare_ws::exchange::{ExchangeError, Exchanged, Patience};
use bare_ws::lifecycle::Event;
use bare_ws::message::{Chunk, CloseStatus, Frame, Message, OwnedMessage};
use bare_ws::receiver::{Delivery, Limits, Receiver};
use bare_ws::role::Client;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::handle::Shared;
use super::shared::Core;
use crate::channel::Hint;
use crate::error::Error;
use crate::stage::Inflating;
use crate::state::Cut;

pub(crate) type CoreReader<B> = asynch::Reader<Receiver<Client, B, Inflating>>;

/// The receive side of a connection. While one of its methods waits, Pings and Closes are answered,
/// keepalive is kept and deadlines are watched. It may be moved to a task of its own.
#[derive(Debug)]
pub struct Reader<S: AsyncRead + AsyncWrite + Unpin = TcpStream, B = Growing> {
    pub(crate) inner: CoreReader<B>,
    pub(crate) shared: Shared<S>,
    /// The limits on messages that are received whole.
    whole: Limits,
    /// The limits on messages that are received in pieces or frames.
    pieces: Limits,
    hint: Hint,
    /// Whether it has yielded its last item as a stream.
    pub(crate) ended: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin, B: Storage> Reader<S, B> {
    pub(crate) fn new(
        inner: CoreReader<B>,
        shared: Shared<S>,
        whole: Limits,
        pieces: Limits,
    ) -> Self {
        Self {
            inner,
            shared,
            whole,
            pieces,
            hint: Hint::default(),
            ended: false,
        }
    }

    /// The next whole message, or `None` once the peer has closed, then and on every later call.
    /// Pings and a Close are answered on the way, as far as the peer takes the answer; reading goes
    /// on while it does not.
    ///
    /// # Errors
    /// [`Error::Peer`], [`Error::TooLong`], [`Error::TooManyFragments`], [`Error::OutOfMemory`],
    /// [`Error::Lost`] and [`Error::Io`]: the connection has failed, which this and every later
    /// call report at once. The Close for it was sent as far as the peer took it;
    /// [`finish`](Self::finish) or the drop of the connection sends the rest. [`Error::Timeout`] and
    /// [`Error::Aborted`]: the connection is over, too.
    ///
    /// # Cancel safety
    /// If it is dropped, at any point, no octet is lost, no reply is lost or doubled, and no deadline
    /// moves: it may be a branch of a `select!` in a loop.
    #[inline]
    pub async fn recv(&mut self) -> Result<Option<Message<'_>>, Error> {
        let look = self.look();
        if !look.is_announced() && !self.resume(look).await? {
            return Ok(None);
        }
        self.take()
    }

    /// The next message as one that borrows nothing, to keep it or send it through a channel.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// As [`recv`](Self::recv).
    pub async fn recv_owned(&mut self) -> Result<Option<OwnedMessage>, Error> {
        Ok(self.recv().await?.map(|message| message.to_owned()))
    }

    /// What has arrived already needs no future, and no lock.
    #[inline]
    pub(crate) fn look(&mut self) -> Look {
        self.inner.receiver_mut().set_limits(self.whole);
        self.inner.look(Delivery::Message)
    }

    /// Until a message is announced (`true`) or the peer has closed (`false`).
    pub(crate) async fn resume(&mut self, look: Look) -> Result<bool, Error> {
        self.hint.has_grown = self.inner.receiver().has_grown();
        let mut through = Through::new(&self.shared, &mut self.hint);
        let resumed = self.inner.resume(&mut through, Delivery::Message, look);
        match resumed.await {
            Ok(true) => {
                through.delivered();
                Ok(true)
            }
            Ok(false) => Ok(through.closed::<()>().is_some()),
            Err(error) => Err(through.failed(error)),
        }
    }

    /// [`recv_owned`](Self::recv_owned), continued after a [`look`](Self::look).
    pub(crate) async fn resume_owned(&mut self, look: Look) -> Result<Option<OwnedMessage>, Error> {
        if !self.resume(look).await? {
            return Ok(None);
        }
        Ok(self.take()?.map(|message| message.to_owned()))
    }

    /// The message that was announced.
    #[inline(always)] // a call would write its result to memory, to be copied from there
    pub(crate) fn take(&mut self) -> Result<Option<Message<'_>>, Error> {
        let (message, owed) = self.inner.receiver_mut().message_and_owed();
        match message {
            Ok(message) => Ok(message),
            Err(error) => Err(refused(self.shared.core(), owed, error)),
        }
    }

    /// The next piece of a message, for messages of any length.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// As [`recv`](Self::recv).
    pub async fn recv_chunk(&mut self) -> Result<Option<Chunk<'_>>, Error> {
        self.inner.receiver_mut().set_limits(self.pieces);
        self.hint.has_grown = self.inner.receiver().has_grown();
        let mut through = Through::new(&self.shared, &mut self.hint);
        match self.inner.recv_chunk(&mut through).await {
            Ok(Some(chunk)) => {
                through.delivered();
                Ok(Some(chunk))
            }
            Ok(None) => Ok(through.closed()),
            Err(error) => Err(through.failed(error)),
        }
    }

    /// The next frame as on the wire, control frames among them (they are answered all the same).
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// As [`recv`](Self::recv).
    pub async fn recv_frame(&mut self) -> Result<Option<Frame<'_>>, Error> {
        self.inner.receiver_mut().set_limits(self.pieces);
        self.hint.has_grown = self.inner.receiver().has_grown();
        let mut through = Through::new(&self.shared, &mut self.hint);
        match self.inner.recv_frame(&mut through).await {
            Ok(Some(frame)) => {
                through.delivered();
                Ok(Some(frame))
            }
            Ok(None) => Ok(through.closed()),
            Err(error) => Err(through.failed(error)),
        }
    }

    /// Brings the connection to the end of its transport: discards what still arrives until the
    /// peer has closed, sends what is owed, and waits for the peer to close the transport first
    /// (RFC 6455 §7.1.1). It does not begin to close: [`Writer::close`](super::Writer::close) does,
    /// and from then on `finish` takes no longer than the close limit. While neither end has begun
    /// to close, it waits for the peer, perhaps forever: to leave a connection that is still open,
    /// call [`Writer::close`](super::Writer::close) first.
    ///
    /// The result borrows the reader. A task that owns the reader can return the code:
    ///
    /// ```no_run
    /// use bare_ws_std::tokio::Reader;
    ///
    /// fn finish(mut reader: Reader) {
    ///     tokio::spawn(async move { reader.finish().await.map(|status| status.map(|it| it.code)) });
    /// }
    /// # let _ = finish;
    /// ```
    ///
    /// # Errors
    /// Why the connection ended other than by a closing handshake, as [`recv`](Self::recv) reports
    /// it.
    ///
    /// # Cancel safety
    /// Dropped at any point, another call goes on.
    pub async fn finish(&mut self) -> Result<Option<CloseStatus<'_>>, Error> {
        let ended = self.discard().await;
        poll_fn(|cx| self.shared.core().poll_linger(cx)).await;
        ended?;
        Ok(self.close_status())
    }

    /// Receives until there is nothing more.
    async fn discard(&mut self) -> Result<(), Error> {
        // A message that was begun at another level has to be read to its end there.
        while match self.recv_chunk().await {
            Err(error) if error.is_mixed() => match self.recv().await.map(|it| it.is_some()) {
                Err(error) if error.is_mixed() => self.recv_frame().await?.is_some(),
                received => received?,
            },
            received => received?.is_some(),
        } {}
        Ok(())
    }

    /// How the peer closed, once it did.
    pub fn close_status(&self) -> Option<CloseStatus<'_>> {
        self.inner.close_status()
    }

    /// When the last octet from the peer arrived, or the connection was opened. Where no deadline is set, a
    /// receive that reads several times without waiting looks at the clock at each eighth read.
    pub fn last_heard(&self) -> Instant {
        let heard = self.shared.core().lock().state.life.last_heard();
        heard.instant().map_or_else(Instant::now, Instant::from_std)
    }

    /// The receive machine: fragments of the message announced last, Pongs so far.
    pub fn receiver(&self) -> &Receiver<Client, B, Inflating> {
        self.inner.receiver()
    }
}

/// A message that turned out not to be what was announced: text that is not UTF-8.
#[cold]
fn refused<S: AsyncRead + AsyncWrite + Unpin>(
    core: &Core<S>,
    owed: &mut Owed,
    error: ProtocolError,
) -> Error {
    // The reason for the failure is known, whether the Close leaves or not.
    let _ = core.answer(owed);
    core.failed(&error);
    error.widen::<Cut>().into()
}

/// The shared state as the receive loop sees it, for one call.
struct Through<'a, S> {
    core: &'a Core<S>,
    hint: &'a mut Hint,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Through<'a, S> {
    #[inline]
    fn new(shared: &'a Shared<S>, hint: &'a mut Hint) -> Self {
        hint.row = 0;
        Self {
            core: shared.core(),
            hint,
        }
    }

    /// The call no longer waits.
    #[inline]
    fn delivered(&mut self) {
        if std::mem::take(&mut self.hint.waits) {
            self.core.report(Event::Delivered);
        }
    }

    fn closed<T>(&self) -> Option<T> {
        self.core.report(Event::PeerClosed);
        None
    }

    fn failed(&self, error: ProtocolError<Cut>) -> Error {
        self.core.failed(&error);
        error.into()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link for Through<'_, S> {
    type Error = Cut;
    const KNOWS_TIME: bool = true;

    /// The receive side has nothing of its own to write: what is shared is written by any call.
    #[inline]
    fn has_queued(&self) -> bool {
        false
    }

    async fn exchange(
        &mut self,
        owed: &mut Owed,
        spare: &mut [u8],
        patience: Patience,
    ) -> Result<Exchanged, ExchangeError<Cut>> {
        poll_fn(|cx| {
            self.core
                .poll_exchange(cx, owed, spare, patience, self.hint)
        })
        .await
    }
}
