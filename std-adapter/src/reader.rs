//! The receive side of a connection.

use std::mem::take;
use std::time::{Duration, Instant};

use bare_ws::blocking::{self, Link};
use bare_ws::buffer::{Growing, Storage};
use bare_ws::closing::Owed;
use bare_ws::error::Error as ProtocolError;
use bare_ws::exchange::{ExchangeError, Exchanged, Patience};
use bare_ws::lifecycle::{Event, Moment as _};
use bare_ws::message::{Chunk, CloseStatus, Frame, Message, OwnedMessage};
use bare_ws::receiver::{Limits, Receiver};
use bare_ws::role::Client;

use crate::channel::{CallLimit, Channel, Hint};
use crate::error::Error;
use crate::messages::Messages;
use crate::moment::Moment;
use crate::shared::Shared;
use crate::stage::Inflating;
use crate::state::Cut;
use crate::stream::{Socket, Stream};
use crate::sync;

pub(crate) type CoreReader<B> = blocking::Reader<Receiver<Client, B, Inflating>>;

/// The receive side of a connection. It answers Pings and Closes by itself, keeps the limits on the
/// peer's silence, and may be moved to a thread of its own.
#[derive(Debug)]
pub struct Reader<S: Stream = Socket, B = Growing> {
    pub(crate) inner: CoreReader<B>,
    pub(crate) shared: Shared<S>,
    /// The limits on messages that are received whole.
    whole: Limits,
    /// The limits on messages that are received in pieces or frames.
    pieces: Limits,
    hint: Hint,
    /// The next call is made through the whole connection.
    is_undivided: bool,
}

impl<S: Stream, B: Storage> Reader<S, B> {
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
            is_undivided: false,
        }
    }

    /// For the next call, which holds the whole connection.
    #[inline]
    pub(crate) const fn undivided(&mut self) -> &mut Self {
        self.is_undivided = true;
        self
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
    #[inline]
    pub fn recv(&mut self) -> Result<Option<Message<'_>>, Error> {
        self.recv_by(Moment::NEVER)
    }

    /// The same with a limit for this call: zero looks at what is there and does not wait. From a
    /// peer that sends faster than we read, at most 256 KiB are read after the limit, and nothing
    /// later than 50 ms after it.
    ///
    /// # Errors
    /// As [`recv`](Self::recv); [`Timeout::Call`](crate::Timeout::Call) when the limit has passed,
    /// which changes nothing: the next call goes on.
    pub fn recv_timeout(&mut self, limit: Duration) -> Result<Option<Message<'_>>, Error> {
        self.recv_by(Moment::in_time(Some(limit)))
    }

    /// The next whole message, as one that borrows nothing: to keep it, or to hand it to another
    /// thread. It costs an allocation and a copy that [`recv`](Self::recv) does without.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_owned(&mut self) -> Result<Option<OwnedMessage>, Error> {
        Ok(self.recv()?.map(OwnedMessage::from))
    }

    /// An iterator over the messages until the peer closes, each as from
    /// [`recv_owned`](Self::recv_owned).
    ///
    /// ```no_run
    /// let (mut reader, _writer) = bare_ws_std::connect("ws://localhost:8080/feed")?.split();
    /// for message in reader.messages() {
    ///     println!("{}", message?);
    /// }
    /// reader.finish()?;
    /// # Ok::<(), bare_ws_std::Error>(())
    /// ```
    pub fn messages(&mut self) -> Messages<'_, S, B> {
        Messages::new(self)
    }

    #[inline]
    fn recv_by(&mut self, limit: Moment) -> Result<Option<Message<'_>>, Error> {
        self.inner.receiver_mut().set_limits(self.whole);
        self.hint.has_grown = self.inner.receiver().has_grown();
        let limit = CallLimit::new(limit, take(&mut self.is_undivided));
        let mut through = Through::new(&self.shared, &mut self.hint, limit);
        let received = self.inner.recv(&mut through);
        through.told(received)
    }

    /// The next piece of a message, for messages of any length.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_chunk(&mut self) -> Result<Option<Chunk<'_>>, Error> {
        self.inner.receiver_mut().set_limits(self.pieces);
        self.hint.has_grown = self.inner.receiver().has_grown();
        let limit = CallLimit::new(Moment::NEVER, take(&mut self.is_undivided));
        let mut through = Through::new(&self.shared, &mut self.hint, limit);
        let received = self.inner.recv_chunk(&mut through);
        through.told(received)
    }

    /// The next frame as on the wire, control frames among them (they are answered all the same).
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_frame(&mut self) -> Result<Option<Frame<'_>>, Error> {
        self.inner.receiver_mut().set_limits(self.pieces);
        self.hint.has_grown = self.inner.receiver().has_grown();
        let limit = CallLimit::new(Moment::NEVER, take(&mut self.is_undivided));
        let mut through = Through::new(&self.shared, &mut self.hint, limit);
        let received = self.inner.recv_frame(&mut through);
        through.told(received)
    }

    /// Brings the connection to the end of its transport: discards what still arrives until the
    /// peer has closed, sends what is owed, and waits for the peer to close the transport first
    /// (RFC 6455 §7.1.1). It does not begin to close: [`Writer::close`](crate::Writer::close) does,
    /// and from then on `finish` takes no longer than the close limit. While neither end has begun
    /// to close, it waits for the peer, perhaps forever: to leave a connection that is still open,
    /// call [`Writer::close`](crate::Writer::close) first.
    ///
    /// The result borrows the reader. A thread that owns the reader can return the code:
    ///
    /// ```no_run
    /// use std::thread;
    ///
    /// use bare_ws_std::connect;
    ///
    /// let (mut reader, _writer) = connect("ws://localhost:8080/feed")?.split();
    /// let closed = thread::spawn(move || reader.finish().map(|status| status.map(|it| it.code)));
    /// # let _ = closed;
    /// # Ok::<(), bare_ws_std::Error>(())
    /// ```
    ///
    /// # Errors
    /// Why the connection ended other than by a closing handshake, as [`recv`](Self::recv) reports
    /// it.
    pub fn finish(&mut self) -> Result<Option<CloseStatus<'_>>, Error> {
        let ended = self.discard();
        self.shared.channel().linger();
        ended?;
        Ok(self.close_status())
    }

    /// Receives until there is nothing more.
    fn discard(&mut self) -> Result<(), Error> {
        // A message that was begun at another level has to be read to its end there.
        while match self.recv_chunk() {
            Err(error) if error.is_mixed() => match self.recv().map(|message| message.is_some()) {
                Err(error) if error.is_mixed() => self.recv_frame()?.is_some(),
                received => received?,
            },
            received => received?.is_some(),
        } {}
        Ok(())
    }

    /// How the peer closed, once it has.
    pub fn close_status(&self) -> Option<CloseStatus<'_>> {
        self.inner.close_status()
    }

    /// When the last octet from the peer arrived, or the connection was opened. Where no deadline is set, a
    /// receive that reads several times without waiting looks at the clock at each eighth read.
    pub fn last_heard(&self) -> Instant {
        let state = self.shared.channel().lock();
        let heard = state.life.last_heard().instant();
        heard.unwrap_or_else(sync::now)
    }

    /// The receive machine: fragments of the message announced last, Pongs so far.
    pub fn receiver(&self) -> &Receiver<Client, B, Inflating> {
        self.inner.receiver()
    }
}

/// The channel as the receive loop sees it, for one call.
struct Through<'a, S> {
    channel: &'a Channel<S>,
    hint: &'a mut Hint,
    limit: CallLimit,
}

impl<'a, S: Stream> Through<'a, S> {
    #[inline]
    fn new(shared: &'a Shared<S>, hint: &'a mut Hint, limit: CallLimit) -> Self {
        hint.row = 0;
        Self {
            channel: shared.channel(),
            hint,
            limit,
        }
    }

    /// The end of a call that receives, as an event of the connection.
    #[inline]
    fn told<T>(self, received: Result<Option<T>, ProtocolError<Cut>>) -> Result<Option<T>, Error> {
        match received {
            Ok(Some(piece)) => {
                // The call no longer waits.
                if take(&mut self.hint.waits) {
                    self.channel.report(Event::Delivered);
                }
                Ok(Some(piece))
            }
            Ok(None) => {
                self.channel.report(Event::PeerClosed);
                Ok(None)
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    fn failed(&self, error: ProtocolError<Cut>) -> Error {
        self.channel.failed(&error);
        error.into()
    }
}

impl<S: Stream> Link for Through<'_, S> {
    type Error = Cut;
    const KNOWS_TIME: bool = true;

    /// The receive side has nothing of its own to write: what is shared is written by any call.
    #[inline]
    fn has_queued(&self) -> bool {
        false
    }

    fn exchange(
        &mut self,
        owed: &mut Owed,
        spare: &mut [u8],
        patience: Patience,
    ) -> Result<Exchanged, ExchangeError<Cut>> {
        self.channel
            .exchange(owed, spare, patience, &mut self.limit, self.hint)
    }
}
