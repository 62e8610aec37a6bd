//! The receiving half, which also brings a connection to its end.

use core::fmt;
use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;

use bare_ws::asynch;
use bare_ws::closing::Owed;
use bare_ws::error::Usage;
use bare_ws::exchange::{ExchangeError, Exchanged, Patience};
use bare_ws::lifecycle::{Call, Event, Next, Phase};
use bare_ws::message::{Chunk, CloseStatus, Frame, Message};
use bare_ws::receiver::{Delivery, Receive};
use bare_ws::sender::Transmit;
use embassy_futures::yield_now;
use embassy_sync::blocking_mutex::raw::{NoopRawMutex, RawMutex};
use embassy_time::Instant;

use crate::READS_AT_ONCE;
use crate::error::Error;
use crate::shared::{Begun, Shared};
use crate::timing::Timing;
use crate::transport::Transport;

/// The receiving half of a [`Connection`](crate::Connection). While one of its methods waits,
/// Pings are answered, keepalive is kept and deadlines are watched.
pub struct Reader<'c, Io: Transport, Rx, Tx, M: RawMutex = NoopRawMutex> {
    pub(crate) side: &'c mut Side<Io, Rx>,
    pub(crate) shared: &'c Shared<Io, Tx, M>,
}

impl<'c, Io: Transport, Rx: Receive, Tx: Transmit, M: RawMutex> Reader<'c, Io, Rx, Tx, M> {
    pub(crate) fn new(side: &'c mut Side<Io, Rx>, shared: &'c Shared<Io, Tx, M>) -> Self {
        Self { side, shared }
    }

    /// Receives the next whole message. Once the peer has closed it returns `None`, from then on; then
    /// call [`finish`](Self::finish).
    ///
    /// # Errors
    /// [`Error::Peer`], [`Error::TooLong`], [`Error::TooManyFragments`], [`Error::OutOfMemory`],
    /// [`Error::Lost`], [`Error::Timeout`],
    /// [`Error::Transport`]: the connection has failed. The error is returned at once, after one
    /// attempt to send the Close that says why, and from then on; [`finish`](Self::finish) sends what is
    /// left of that Close. [`Error::Usage`], [`Error::Entropy`]: call again.
    ///
    /// # Cancel safety
    /// It can be dropped at any point: no octet is lost, no reply is lost or doubled, and no deadline
    /// moves, provided that the transport's `read` and `write` can be dropped.
    pub async fn recv(&mut self) -> Result<Option<Message<'_>>, Error<Io::Error>> {
        self.side.recv(self.shared).await
    }

    /// Receives the next piece of a message, for messages of any length.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// As [`recv`](Self::recv).
    pub async fn recv_chunk(&mut self) -> Result<Option<Chunk<'_>>, Error<Io::Error>> {
        self.side.recv_chunk(self.shared).await
    }

    /// Receives the next frame as it is on the wire. Control frames are included, and answered as
    /// always.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// As [`recv`](Self::recv).
    pub async fn recv_frame(&mut self) -> Result<Option<Frame<'_>>, Error<Io::Error>> {
        self.side.recv_frame(self.shared).await
    }

    /// Brings the connection to the end of its transport: sends what is owed, discards what
    /// still arrives until the peer's Close, waits for the peer to end the transport (RFC 6455
    /// §7.1.1), ends our direction, and gives the transport up. From the first Close, or from the
    /// failure, that takes [`Timing::close`] at most.
    ///
    /// It does not begin to close, since the other half may still have something to send:
    /// [`Writer::close`](crate::Writer::close) does. While neither end has closed it waits for the
    /// peer, which may be forever. [`Connection::finish`](crate::Connection::finish) closes first.
    ///
    /// # Errors
    /// Why the connection failed, as [`recv`](Self::recv) reports it; [`Timeout::Close`] if the peer did
    /// not answer our Close. The transport is given up either way.
    ///
    /// [`Timeout::Close`]: crate::Timeout::Close
    ///
    /// # Cancel safety
    /// It can be dropped at any point; another call continues.
    pub async fn finish(&mut self) -> Result<(), Error<Io::Error>> {
        self.side.finish(self.shared, false).await
    }

    /// How the peer closed, once it did.
    #[must_use]
    pub fn close_status(&self) -> Option<CloseStatus<'_>> {
        self.side.core.close_status()
    }

    /// When an octet of the peer's arrived last, or the connection was opened.
    #[must_use]
    pub fn last_heard(&self) -> Instant {
        self.shared.last_heard()
    }

    /// Sets the limits in time anew: [`Connection::set_timing`](crate::Connection::set_timing).
    pub fn set_timing(&self, timing: &Timing) {
        self.shared.set_limits(timing.limits());
    }

    /// The receive machine.
    #[must_use]
    pub fn receiver(&self) -> &Rx {
        self.side.core.receiver()
    }
}

impl<Io: Transport, Rx, Tx, M: RawMutex> fmt::Debug for Reader<'_, Io, Rx, Tx, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

/// All that only the receiving half touches.
pub(crate) struct Side<Io: Transport, Rx> {
    pub(crate) core: asynch::Reader<Rx>,
    input: Input<Io>,
}

impl<Io: Transport, Rx> Side<Io, Rx> {
    pub(crate) fn new(read: Io::Input, core: asynch::Reader<Rx>) -> Self {
        Self {
            core,
            input: Input { read, at_once: 0 },
        }
    }
}

impl<Io: Transport, Rx: Receive> Side<Io, Rx> {
    pub(crate) async fn recv<Tx: Transmit, M: RawMutex>(
        &mut self,
        shared: &Shared<Io, Tx, M>,
    ) -> Result<Option<Message<'_>>, Error<Io::Error>> {
        if !self.advance(shared, Delivery::Message).await? {
            return Ok(None);
        }
        let Self { core, input } = self;
        let (message, owed) = core.receiver_mut().receiver_mut().message_and_owed();
        if message.is_err() {
            // Why the connection failed is known: whether the Close goes out changes nothing.
            let mut link = input.link(shared);
            let _ = asynch::Link::exchange(&mut link, owed, &mut [], Patience::AtOnce).await;
            shared.on(Event::PeerFailed);
        }
        message.map_err(Error::widen)
    }

    pub(crate) async fn recv_chunk<Tx: Transmit, M: RawMutex>(
        &mut self,
        shared: &Shared<Io, Tx, M>,
    ) -> Result<Option<Chunk<'_>>, Error<Io::Error>> {
        self.advance(shared, Delivery::Chunk).await?;
        Ok(self.core.receiver().receiver().chunk())
    }

    pub(crate) async fn recv_frame<Tx: Transmit, M: RawMutex>(
        &mut self,
        shared: &Shared<Io, Tx, M>,
    ) -> Result<Option<Frame<'_>>, Error<Io::Error>> {
        self.advance(shared, Delivery::Frame).await?;
        Ok(self.core.receiver().receiver().frame())
    }

    /// Until something is announced (`true`) or the peer has closed (`false`). The one loop of an
    /// image, whatever is received.
    async fn advance<Tx: Transmit, M: RawMutex>(
        &mut self,
        shared: &Shared<Io, Tx, M>,
        delivery: Delivery,
    ) -> Result<bool, Error<Io::Error>> {
        let mut link = self.input.link(shared);
        shared.told(self.core.advance(&mut link, delivery).await)
    }

    pub(crate) async fn finish<Tx: Transmit, M: RawMutex>(
        &mut self,
        shared: &Shared<Io, Tx, M>,
        closes: bool,
    ) -> Result<(), Error<Io::Error>> {
        let _begun = closes.then(|| Begun::new(shared));
        let Self { core, input } = self;
        let mut link = input.link(shared);
        link.closes = closes;
        let mut delivery = Delivery::Chunk;
        let outcome = loop {
            if shared.next() == Next::Shut {
                // Our Close cannot go out: the end of our direction has to say it.
                link.shut().await;
            }
            match shared.told(core.advance(&mut link, delivery).await) {
                Ok(true) => delivery = Delivery::Chunk,
                Ok(false) => break Ok(()),
                Err(Error::Entropy) => {}
                // A message begun at another level must be read to its end there.
                Err(error) => match (delivery, is_mixed(&error)) {
                    (Delivery::Chunk, true) => delivery = Delivery::Message,
                    (Delivery::Message, true) => delivery = Delivery::Frame,
                    _ => break Err(error),
                },
            }
        };
        link.discards = true;
        loop {
            let (owed, spare) = core.receiver_mut().receiver_mut().owed_and_spare();
            match shared.next() {
                Next::Nothing => return outcome,
                Next::HangUp => link.hang_up().await,
                Next::Shut => link.shut().await,
                next => {
                    let exchange = asynch::Link::exchange(&mut link, owed, spare, Patience::Wait);
                    let ended = matches!(exchange.await, Ok(Exchanged::Read(0)));
                    if ended && next == Next::Exchange {
                        shared.on(Event::Lost);
                    }
                }
            }
        }
    }
}

fn is_mixed<T>(error: &Error<T>) -> bool {
    matches!(error, Error::Usage(Usage::MixedLevels | Usage::PiecesOnly))
}

/// The reading half of the transport.
struct Input<Io: Transport> {
    read: Io::Input,
    /// How often it was read without having to wait.
    at_once: u8,
}

impl<Io: Transport> Input<Io> {
    fn link<'l, Tx, M: RawMutex>(
        &'l mut self,
        shared: &'l Shared<Io, Tx, M>,
    ) -> Link<'l, Io, Tx, M> {
        Link {
            input: self,
            shared,
            closes: false,
            discards: false,
        }
    }
}

/// The connection is over, as [`Shared::end`] tells.
struct Over;

impl<Io: Transport, Tx, M: RawMutex> Shared<Io, Tx, M> {
    /// The end of a call that receives, as an event of the connection.
    fn told(&self, outcome: Result<bool, Error<Over>>) -> Result<bool, Error<Io::Error>> {
        let event = match &outcome {
            Ok(true) => Some(Event::Delivered),
            Ok(false) => Some(Event::PeerClosed),
            Err(Error::Lost) => Some(Event::Lost),
            Err(error) if error.close_code().is_some() => Some(Event::PeerFailed),
            Err(_) => None,
        };
        if let Some(event) = event {
            self.on(event);
        }
        outcome.map_err(|error| match error.narrow() {
            Err(Over) => self.end(),
            Ok(error) => error.widen(),
        })
    }
}

/// How the core's loop reaches the transport and the shared sender.
struct Link<'l, Io: Transport, Tx, M: RawMutex> {
    input: &'l mut Input<Io>,
    shared: &'l Shared<Io, Tx, M>,
    /// A Close of ours is to be sent.
    closes: bool,
    /// What is read is not looked at any more.
    discards: bool,
}

impl<Io, Tx, M> asynch::Link for Link<'_, Io, Tx, M>
where
    Io: Transport,
    Tx: Transmit,
    M: RawMutex,
{
    type Error = Over;

    fn has_queued(&self) -> bool {
        // Before a Close of ours what has arrived is looked at.
        self.shared.state(|state| state.has_work(false))
    }

    async fn exchange(
        &mut self,
        owed: &mut Owed,
        spare: &mut [u8],
        patience: Patience,
    ) -> Result<Exchanged, ExchangeError<Over>> {
        // Where nothing more can be read, what is owed says why the connection fails.
        let waits = patience == Patience::Wait && (!spare.is_empty() || self.discards);
        if waits {
            self.rest().await;
        }
        let shared = self.shared;
        loop {
            let closes = self.closes;
            if closes {
                shared.on(Event::CloseBegun);
            }
            let next = shared.next();
            if waits && next == Next::Shut && shared.is_closing() {
                // Our Close could not go out; what the peer has sent still comes.
                self.shut().await;
                continue;
            }
            let input = &mut *self.input;
            // Also where our direction is still to be shut: that is for whoever finishes.
            let goes_on = waits && (shared.delivers() || self.discards);
            let writes = owed.is_due() || shared.state(|state| state.has_work(closes));
            let reads = goes_on && !spare.is_empty() && shared.may_read();
            if goes_on && !self.discards {
                shared.on(Event::Waits);
            }
            let mut slept = false;
            let moved = {
                let mut write = pin!(shared.write(owed, &mut self.closes));
                let mut read = pin!(Io::read(&mut input.read, &shared.common, spare));
                poll_fn(|cx| {
                    if writes && let Poll::Ready(written) = write.as_mut().poll(cx) {
                        return Poll::Ready(Some(Moved::Wrote(written)));
                    }
                    if reads && let Poll::Ready(read) = read.as_mut().poll(cx) {
                        return Poll::Ready(Some(Moved::Read(read)));
                    }
                    if !goes_on {
                        return Poll::Ready(None);
                    }
                    slept = true;
                    shared
                        .watch(Call::Receive, cx, |state| {
                            state.lifecycle.next() != next
                                || (!writes && state.has_work(false))
                                || (closes && state.lifecycle.phase() == Phase::Open)
                        })
                        .map(|()| None)
                })
                .await
            };
            input.at_once = if slept {
                0
            } else {
                input.at_once.saturating_add(1)
            };
            match moved {
                Some(Moved::Wrote(Err(Error::Entropy))) => return Err(ExchangeError::Entropy),
                // The input may hold more than the output takes: its end says why.
                Some(Moved::Wrote(_)) => return Ok(Exchanged::Wrote),
                Some(Moved::Read(Ok(n))) => {
                    let goes_on = shared.heard(n, next);
                    return if goes_on {
                        Ok(Exchanged::Read(n))
                    } else {
                        Err(ExchangeError::Transport(Over))
                    };
                }
                Some(Moved::Read(Err(error))) => {
                    shared.failed(error, Event::Lost);
                    return Err(ExchangeError::Transport(Over));
                }
                None if !waits || self.discards => return Ok(Exchanged::Wrote),
                None if !goes_on => return Err(ExchangeError::Transport(Over)),
                None => {}
            }
        }
    }
}

/// What an attempt came to.
enum Moved<T> {
    Wrote(Result<(), Error<T>>),
    Read(Result<usize, T>),
}

impl<Io: Transport, Tx: Transmit, M: RawMutex> Link<'_, Io, Tx, M> {
    /// Ends our direction, or is told that there was no time for it.
    async fn shut(&mut self) {
        let mut shut = pin!(async { self.shared.lock(Call::Receive).await.shut().await });
        poll_fn(|cx| {
            if shut.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            self.shared.watch(Call::Receive, cx, |state| {
                state.lifecycle.next() != Next::Shut
            })
        })
        .await;
    }

    /// Gives the transport up. Where both directions have ended there is nothing to cut off.
    async fn hang_up(&mut self) {
        let cuts = self.shared.state(|state| state.lifecycle.phase()) == Phase::Aborting;
        let done = !cuts || self.abort().await;
        self.shared.on(Event::HungUp);
        // The stack sends what is on its way, and whoever holds the lock was woken and lets go of
        // it. A future that nobody polls must not hold us up: there is no third attempt.
        yield_now().await;
        if !done {
            self.abort().await;
        }
    }

    /// `false`: somebody else has the lock.
    async fn abort(&mut self) -> bool {
        let mut lock = pin!(self.shared.lock(Call::Receive));
        poll_fn(|cx| {
            let lock = lock.as_mut().poll(cx);
            Poll::Ready(lock.map(|mut lock| lock.abort()).is_ready())
        })
        .await
    }
}

impl<Io: Transport, Tx, M: RawMutex> Link<'_, Io, Tx, M> {
    /// Lets others run, where a peer always has more to read.
    async fn rest(&mut self) {
        if self.input.at_once >= READS_AT_ONCE {
            self.input.at_once = 0;
            yield_now().await;
        }
    }
}
