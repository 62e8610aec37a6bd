//! The receiving half, which keeps the deadlines.

use core::fmt;
use core::future::pending;
use core::task::Poll;

use bare_ws::asynch::{self, Answered};
use bare_ws::buffer::Storage;
use bare_ws::close::CloseCode;
use bare_ws::closing::{Owed, Reply};
use bare_ws::entropy::Entropy;
use bare_ws::error::{Error as CoreError, Usage};
use bare_ws::message::{Chunk, CloseStatus, Frame, Message};
use bare_ws::receiver::{Delivery, Receiver};
use bare_ws::role::Client;
use bare_ws::stage::{Compress, Decompress, Plain};
use embassy_futures::poll_once;
use embassy_futures::select::{Either, Either3, select, select3};
use embassy_sync::blocking_mutex::raw::{NoopRawMutex, RawMutex};
use embassy_time::Instant;
use embedded_io_async::{Read, Write};

use crate::error::Error;
use crate::shared::{Lock, Over, Shared};
use crate::timing::{Clock, Timeout, Timing, until};
use crate::transport::Shutdown;

/// The receiving half of a [`Connection`](crate::Connection). While one of its methods waits,
/// pings are answered, keepalive is kept and deadlines are watched.
pub struct Reader<'c, R, W, B, T, E, D = Plain, C = Plain, M: RawMutex = NoopRawMutex> {
    side: &'c mut Side<R, B, D>,
    shared: &'c Shared<W, T, E, C, M>,
}

impl<'c, R, W, B, T, E, D, C, M> Reader<'c, R, W, B, T, E, D, C, M>
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
    pub(crate) fn new(side: &'c mut Side<R, B, D>, shared: &'c Shared<W, T, E, C, M>) -> Self {
        Self { side, shared }
    }

    /// The next whole message. `None`, for ever after, once the connection was closed: both
    /// Closes were exchanged, the transport has ended or had [`Timing::close`] to do so, and was
    /// closed.
    ///
    /// # Errors
    /// [`CoreError::Peer`], [`CoreError::Capacity`], [`CoreError::Lost`]: the connection has
    /// failed; the Close for it was sent and the peer had [`Timing::close`] to read it.
    /// [`Error::Timeout`], [`CoreError::Transport`]: it is over. All of these stay.
    /// [`CoreError::Usage`], [`CoreError::Entropy`]: call again.
    ///
    /// # Cancel safety
    /// Dropped at any point, no octet is lost, no reply is lost or doubled, and no deadline
    /// moves, if the transport's `read` and `write` may be dropped.
    pub async fn recv(&mut self) -> Result<Option<Message<'_>>, Error<R::Error>> {
        self.side.recv(self.shared).await
    }

    /// The next piece of a message, for messages of any length.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// As [`recv`](Self::recv).
    pub async fn recv_chunk(&mut self) -> Result<Option<Chunk<'_>>, Error<R::Error>> {
        self.side.advance(self.shared, Delivery::Chunk).await?;
        Ok(self.side.core.receiver().chunk())
    }

    /// The next frame as on the wire, control frames among them (they are answered all the same).
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// As [`recv`](Self::recv).
    pub async fn recv_frame(&mut self) -> Result<Option<Frame<'_>>, Error<R::Error>> {
        self.side.advance(self.shared, Delivery::Frame).await?;
        Ok(self.side.core.receiver().frame())
    }

    /// How the peer closed, once it did.
    #[must_use]
    pub fn close_status(&self) -> Option<CloseStatus<'_>> {
        self.side.core.close_status()
    }

    /// The receive machine.
    #[must_use]
    pub fn receiver(&self) -> &Receiver<Client, B, D> {
        self.side.core.receiver()
    }
}

impl<R, W, B, T, E, D, C, M: RawMutex> fmt::Debug for Reader<'_, R, W, B, T, E, D, C, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

/// All that only the receiving half touches.
pub(crate) struct Side<R, B, D> {
    pub(crate) core: asynch::Reader<Client, B, D>,
    io: Input<R>,
    clock: Clock,
}

impl<R: Read, B: Storage, D: Decompress> Side<R, B, D> {
    pub(crate) fn new(read: R, core: asynch::Reader<Client, B, D>, timing: &Timing) -> Self {
        Self {
            core,
            io: Input { read, ended: false },
            clock: Clock::new(timing),
        }
    }

    pub(crate) async fn recv<W, T, E, C, M>(
        &mut self,
        shared: &Shared<W, T, E, C, M>,
    ) -> Result<Option<Message<'_>>, Error<R::Error>>
    where
        W: Shutdown<Error = R::Error>,
        T: Storage,
        E: Entropy,
        C: Compress,
        M: RawMutex,
    {
        if !self.advance(shared, Delivery::Message).await? {
            return Ok(None);
        }
        let Self { core, io, clock } = self;
        // Checked here, once: the text borrows the receiver, so what is done for text that is none
        // goes without it.
        let (message, owed) = core.receiver_mut().message_and_owed();
        if message.is_err() {
            let scratch = &mut [0; SCRATCH];
            wind_up(io, clock, scratch, Some(owed), shared, Over::Closed).await;
        }
        message.map_err(|error| Error::WebSocket(error.widen()))
    }

    /// Until something is announced (`true`) or the connection was closed (`false`).
    pub(crate) async fn advance<W, T, E, C, M>(
        &mut self,
        shared: &Shared<W, T, E, C, M>,
        delivery: Delivery,
    ) -> Result<bool, Error<R::Error>>
    where
        W: Shutdown<Error = R::Error>,
        T: Storage,
        E: Entropy,
        C: Compress,
        M: RawMutex,
    {
        let Self { core, io, clock } = self;
        if let Some(over @ (Over::Timeout(_) | Over::Lost)) = shared.over() {
            wind_up(io, clock, core.receiver_mut().spare(), None, shared, over).await;
            return Err(over.into());
        }
        let mut link = Link { io, clock, shared };
        let (over, outcome) = match core.advance(&mut link, delivery).await {
            Ok(true) => {
                clock.delivered();
                return Ok(true);
            }
            Err(CoreError::Usage(usage)) => return Err(Error::WebSocket(usage.into())),
            Err(CoreError::Entropy) => return Err(Error::WebSocket(CoreError::Entropy)),
            Ok(false) => (Over::Closed, Ok(false)),
            Err(CoreError::Transport(Failure::Timeout(timeout))) => {
                (Over::Timeout(timeout), Err(Error::Timeout(timeout)))
            }
            Err(CoreError::Transport(Failure::Io(error))) => (
                Over::Lost,
                Err(Error::WebSocket(CoreError::Transport(error))),
            ),
            Err(CoreError::Peer(violation)) => {
                (Over::Closed, Err(Error::WebSocket(violation.into())))
            }
            Err(CoreError::Capacity(capacity)) => {
                (Over::Closed, Err(Error::WebSocket(capacity.into())))
            }
            Err(_) => (Over::Closed, Err(Error::WebSocket(CoreError::Lost))),
        };
        wind_up(io, clock, core.receiver_mut().spare(), None, shared, over).await;
        outcome
    }
}

/// Where octets go that nobody wants, while the text that failed the connection has the buffer.
const SCRATCH: usize = 8;

/// After the closing handshake, or instead of it: sends the Close that may still be owed, lets the
/// transport end, and ends it.
async fn wind_up<R, W, T, E, C, M>(
    io: &mut Input<R>,
    clock: &mut Clock,
    spare: &mut [u8],
    mut owed: Option<&mut Owed>,
    shared: &Shared<W, T, E, C, M>,
    over: Over,
) where
    R: Read,
    W: Shutdown<Error = R::Error>,
    T: Storage,
    E: Entropy,
    C: Compress,
    M: RawMutex,
{
    if clock.hung_up {
        return;
    }
    if over == Over::Closed {
        // RFC 6455 §7.1.1: the client "SHOULD wait for the server to close the TCP
        // connection first". What still comes must be read too: closing with octets unread
        // makes TCP reset the connection, and our Close may be lost with it.
        let by = shared.begin_close();
        while (owed.is_some() || !io.ended) && Instant::now() < by {
            if owed.is_none() {
                shared.end(over);
            }
            // Our Close may still be on its way.
            let rest = write(shared, owed.as_deref_mut(), &mut clock.ping_due, by);
            let read = io.read(spare);
            match select3(rest, read, until(by)).await {
                Either3::First(Ok(())) => owed = None,
                Either3::Second(Ok(_)) => {}
                _ => break,
            }
        }
    }
    shared.end(over);
    let by = clock.hang_up_by(shared.close);
    if let Either::Second(()) = select(hang_up(shared, over), until(by)).await
        && let Poll::Ready(mut lock) = poll_once(shared.lock())
    {
        lock.shut();
        lock.io_mut().abort();
    }
    clock.hung_up = true;
}

/// Ends the writing direction. Whoever holds the lock lets go of it, since the end was announced.
async fn hang_up<W, T, E, C, M>(shared: &Shared<W, T, E, C, M>, over: Over)
where
    W: Shutdown,
    T: Storage,
    E: Entropy,
    C: Compress,
    M: RawMutex,
{
    let mut lock = shared.lock().await;
    match over {
        Over::Closed => {
            // Where the peer's end came before all of our Close was out.
            let _ = lock.flush().await;
            lock.shut();
            // Whether it succeeds changes nothing: the connection was closed before.
            let _ = lock.io_mut().shutdown().await;
        }
        Over::Timeout(Timeout::Close) | Over::Lost => {
            lock.shut();
            lock.io_mut().abort();
        }
        Over::Timeout(_) => {
            // The peer may hear us though we do not hear it, but nothing is waited for.
            let _ = lock.queue(|sender| sender.close(Some(CloseCode::GOING_AWAY), ""));
            let _ = poll_once(lock.flush());
            lock.shut();
            let _ = poll_once(lock.io_mut().shutdown());
        }
    }
}

/// The reading half of the transport, and whether it has come to its end.
struct Input<R> {
    read: R,
    ended: bool,
}

impl<R: Read> Input<R> {
    /// After its end it is not read again, since it would say the same at once, for ever.
    async fn read(&mut self, spare: &mut [u8]) -> Result<usize, R::Error> {
        if self.ended || spare.is_empty() {
            return pending().await;
        }
        let n = self.read.read(spare).await?;
        self.ended = n == 0;
        Ok(n)
    }
}

/// A transport's failure, or ours to wait for it.
#[derive(Debug)]
pub(crate) enum Failure<T> {
    Timeout(Timeout),
    Io(T),
}

/// How the core's loop reaches the shared sender.
struct Link<'l, R, W, T, E, C, M: RawMutex> {
    io: &'l mut Input<R>,
    clock: &'l mut Clock,
    shared: &'l Shared<W, T, E, C, M>,
}

impl<R, W, T, E, C, M> asynch::Link for Link<'_, R, W, T, E, C, M>
where
    R: Read,
    W: Write<Error = R::Error>,
    T: Storage,
    E: Entropy,
    C: Compress,
    M: RawMutex,
{
    type Error = Failure<R::Error>;

    async fn read(&mut self, spare: &mut [u8]) -> Result<usize, Self::Error> {
        loop {
            match self.drive(None, spare).await {
                Ok(Answered::Read(n)) => return Ok(n),
                Ok(Answered::Sent) => {}
                Err(CoreError::Transport(failure)) => return Err(failure),
                // Of a Ping of ours: it is due again when entropy is there again.
                Err(_) => self.clock.ping_due = false,
            }
        }
    }

    fn is_free(&self) -> bool {
        self.shared.is_free()
    }

    fn has_queued(&self) -> bool {
        self.shared.is_abandoned()
    }

    async fn answer(
        &mut self,
        owed: &mut Owed,
        spare: &mut [u8],
    ) -> Result<Answered, CoreError<Self::Error>> {
        if let Some(Reply::Close(_) | Reply::Shut) = owed.reply() {
            self.shared.begin_close();
        }
        self.drive(Some(owed), spare).await
    }
}

impl<R, W, T, E, C, M> Link<'_, R, W, T, E, C, M>
where
    R: Read,
    W: Write<Error = R::Error>,
    T: Storage,
    E: Entropy,
    C: Compress,
    M: RawMutex,
{
    /// Writes what is to be written *or* reads, whichever comes first, and keeps the deadlines.
    /// Without `owed` it writes only what others left behind, and its own Ping.
    async fn drive(
        &mut self,
        mut owed: Option<&mut Owed>,
        spare: &mut [u8],
    ) -> Result<Answered, CoreError<Failure<R::Error>>> {
        loop {
            let close_by = self.shared.close_by();
            let closing = close_by != Instant::MAX;
            let next = if closing { close_by } else { self.clock.next() };
            let ping_due = &mut self.clock.ping_due;
            let write = write(self.shared, owed.as_deref_mut(), ping_due, close_by);
            match select3(write, self.io.read(spare), until(next)).await {
                Either3::First(Ok(())) if owed.is_some() => return Ok(Answered::Sent),
                Either3::First(written) => written.map_err(below)?,
                Either3::Second(read) => {
                    let n = read.map_err(|error| CoreError::Transport(Failure::Io(error)))?;
                    if Instant::now() >= close_by {
                        // A peer that sends for ever must not keep us from looking at the clock.
                        return Err(CoreError::Transport(Failure::Timeout(Timeout::Close)));
                    }
                    self.clock.heard();
                    return Ok(Answered::Read(n));
                }
                Either3::Third(()) => {
                    let expired = if closing {
                        Err(Timeout::Close)
                    } else {
                        self.clock.check()
                    };
                    expired.map_err(|timeout| CoreError::Transport(Failure::Timeout(timeout)))?;
                }
            }
        }
    }
}

/// Brings out what is owed, what is due and what was left behind, or waits for such.
async fn write<W, T, E, C, M>(
    shared: &Shared<W, T, E, C, M>,
    mut owed: Option<&mut Owed>,
    ping_due: &mut bool,
    close_by: Instant,
) -> Result<(), CoreError<W::Error>>
where
    W: Write,
    T: Storage,
    E: Entropy,
    C: Compress,
    M: RawMutex,
{
    if owed.is_none() && !*ping_due && !shared.is_abandoned() {
        shared.news(close_by).await;
        return Ok(());
    }
    let mut lock = shared.lock().await;
    if let Some(owed) = &mut owed {
        reply(&mut lock, owed).await?;
    }
    if *ping_due {
        // No Ping follows a Close.
        if !lock.sender().is_open() || lock.queue(|sender| sender.ping(&[]))? {
            *ping_due = false;
        }
    }
    lock.flush().await
}

async fn reply<W, T, E, C, M>(
    lock: &mut Lock<'_, W, T, E, C, M>,
    owed: &mut Owed,
) -> Result<(), CoreError<W::Error>>
where
    W: Write,
    T: Storage,
    E: Entropy,
    C: Compress,
    M: RawMutex,
{
    while let Some(reply) = owed.reply() {
        // No await may stand between the two.
        if lock.queue(|sender| sender.reply(reply))? {
            owed.taken();
        } else {
            lock.flush().await?;
        }
    }
    Ok(())
}

fn below<T>(error: CoreError<T>) -> CoreError<Failure<T>> {
    match error {
        CoreError::Transport(error) => CoreError::Transport(Failure::Io(error)),
        CoreError::Usage(usage) => usage.into(),
        CoreError::Entropy => CoreError::Entropy,
        CoreError::Peer(violation) => violation.into(),
        CoreError::Capacity(capacity) => capacity.into(),
        _ => CoreError::Lost,
    }
}

/// Whether an open message is read at another level.
pub(crate) fn is_mixed<T>(error: &Error<T>) -> bool {
    matches!(
        error,
        Error::WebSocket(CoreError::Usage(Usage::MixedLevels))
    )
}
