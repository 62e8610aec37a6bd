//! A connection that reconnects.

use core::cell::Cell;
use core::fmt;
use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};

use bare_ws::entropy::Entropy;
use bare_ws::handshake::Request;
use bare_ws::receiver::Receive;
use bare_ws::sender::Transmit;
use embassy_sync::blocking_mutex::Mutex;
use embassy_sync::blocking_mutex::raw::{NoopRawMutex, RawMutex};
use embassy_sync::signal::Signal;
use embassy_time::{Duration, Timer};

use crate::Connection;
use crate::backoff::Backoff;
use crate::transport::Transport;

/// Keeps a client connected: opens a connection, runs a session on it, and opens the next one when that
/// is over, until it is told to [`stop`](Self::stop). It never gives up.
///
/// Before each attempt, including the first, it waits as [`Backoff`] says, and then for the network.
/// Each attempt resolves the name again. A session in which the server does its work calls
/// [`succeeded`](Self::succeeded), which resets the delays. A server that accepts clients only to drop
/// them is therefore not flooded with attempts.
///
/// Without time limits a session may wait forever for a server that is gone: use
/// [`Timing::LONG_LIVED`](crate::Timing::LONG_LIVED), or limits of your own.
///
/// The rest of the program talks to the session through what its closure captures, such as channels
/// and signals.
///
#[cfg_attr(feature = "net", doc = "```no_run")]
#[cfg_attr(not(feature = "net"), doc = "```ignore")]
/// use bare_ws_embassy::bare_ws::entropy::Entropy;
/// use bare_ws_embassy::bare_ws::handshake::Request;
/// use bare_ws_embassy::bare_ws::message::Message;
/// use bare_ws_embassy::bare_ws::uri::Uri;
/// use bare_ws_embassy::net::{Client, Memory};
/// use bare_ws_embassy::{Backoff, CriticalSectionRawMutex, Event, Supervisor, Timing};
/// use embassy_net::Stack;
/// use embassy_sync::channel::Channel;
/// use static_cell::ConstStaticCell;
///
/// static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());
/// /// What other tasks want to be sent.
/// static REPORTS: Channel<CriticalSectionRawMutex, [u8; 8], 4> = Channel::new();
///
/// async fn keep(stack: Stack<'static>, entropy: impl Entropy + 'static) {
///     let client = Client::new(stack, MEMORY.take(), entropy);
///     let mut client = client.timing(Timing::LONG_LIVED);
///     let request = Request::new(Uri::parse("ws://broker.example/telemetry").expect("a URI"));
///     let supervisor: Supervisor = Supervisor::new(Backoff::DEFAULT);
///     supervisor
///         .run(
///             &mut client,
///             &request,
///             // Written here, its argument needs no type.
///             |event| match event {
///                 Event::NotConnected(error) if error.status() == Some(401) => supervisor.stop(),
///                 _ => {} // log it
///             },
///             async |connection| {
///                 let obey = |command: Message<'_>| {
///                     let _ = command; // …
///                 };
///                 connection
///                     .duplex(obey, async |writer| {
///                         loop {
///                             writer.send(&REPORTS.receive().await[..]).await?;
///                             supervisor.succeeded();
///                         }
///                     })
///                     .await
///             },
///         )
///         .await;
/// }
/// ```
///
/// `M`, which an annotation such as `let supervisor: Supervisor` has to give, guards what other tasks call:
/// [`NoopRawMutex`], the default, for tasks of one executor, and
/// [`CriticalSectionRawMutex`](crate::CriticalSectionRawMutex) for a supervisor in a `static`.
pub struct Supervisor<M: RawMutex = NoopRawMutex> {
    backoff: Backoff,
    succeeded: Mutex<M, Cell<bool>>,
    stop: Signal<M, ()>,
}

/// What a supervisor opens connections with: `net::Client`, or your own for, say, a modem.
///
/// Its futures must tolerate being dropped at any await; the attempt is then lost.
pub trait Connect: 'static {
    /// The entropy source, for random delays.
    type Entropy: Entropy;
    /// Why there is no connection.
    type Error;
    /// The connection's transport, which borrows from the client for `'c`.
    type Io<'c>: Transport;
    /// Its receiver.
    type Rx<'c>: Receive;
    /// Its sender.
    type Tx<'c>: Transmit;

    /// The entropy source. It is used while there is no connection.
    fn entropy(&mut self) -> &mut Self::Entropy;

    /// Waits until there is a network.
    fn ready(&mut self) -> impl Future<Output = ()>;

    /// Opens a connection.
    ///
    /// # Errors
    /// The attempt failed.
    fn connect<'c>(
        &'c mut self,
        request: &Request<'_>,
    ) -> impl Future<Output = Result<Opened<'c, Self>, Self::Error>>;
}

/// The connection that a [`Connect`] opens.
pub type Opened<'c, C> =
    Connection<<C as Connect>::Io<'c>, <C as Connect>::Rx<'c>, <C as Connect>::Tx<'c>>;

/// What a supervisor reports. `E` says why there is no connection, `R` is what the session returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event<E, R> {
    /// The next attempt is made after this delay, or once there is a network if that is later.
    Waiting(Duration),
    /// There is a network, and an attempt starts.
    Connecting,
    /// The attempt failed.
    NotConnected(E),
    /// A connection is open, and a session starts.
    Connected,
    /// The session is over. The connection is now being finished.
    Ended(R),
}

impl<M: RawMutex> Supervisor<M> {
    /// A supervisor with these delays.
    #[must_use]
    pub const fn new(backoff: Backoff) -> Self {
        Self {
            backoff,
            succeeded: Mutex::new(Cell::new(false)),
            stop: Signal::new(),
        }
    }

    /// To be called in a session once the server has done its work, such as accepting a report or
    /// sending a command. The delay after this session is that of a first attempt.
    pub fn succeeded(&self) {
        self.succeeded.lock(|succeeded| succeeded.set(true));
    }

    /// Ends [`run`](Self::run): the session is dropped where it waits, and its connection is closed and
    /// finished. If it is called before `run`, that returns at once.
    pub fn stop(&self) {
        self.stop.signal(());
    }

    /// Connects, runs `session` on the connection, and [finishes](Connection::finish) it, again and
    /// again. After [`stop`](Self::stop) it returns within [`Timing::close`](crate::Timing::close).
    ///
    /// `told` is called at each step. A closure written in the call needs no type for its argument.
    /// If the entropy source fails, the delay is the longest that is due.
    ///
    /// # Cancel safety
    /// If it is dropped, an open connection is dropped without a Close, and the client can be
    /// used again.
    pub async fn run<C: Connect, R>(
        &self,
        client: &mut C,
        request: &Request<'_>,
        mut told: impl FnMut(Event<C::Error, R>),
        mut session: impl AsyncFnMut(&mut Connection<C::Io<'_>, C::Rx<'_>, C::Tx<'_>>) -> R,
    ) {
        let mut backoff = self.backoff;
        loop {
            self.succeeded.lock(|succeeded| succeeded.set(false));
            let delay = backoff.delay(client.entropy());
            let delay = delay.unwrap_or_else(|_| backoff.undrawn());
            tell(&mut told, Event::Waiting(delay));
            let waited = {
                let waiting = pin!(async {
                    Timer::after(delay).await;
                    client.ready().await;
                });
                self.stops(waiting).await
            };
            if waited.is_none() {
                return;
            }
            tell(&mut told, Event::Connecting);
            let mut opened = { self.stops(pin!(client.connect(request))).await };
            if let Some(Err(error)) = opened {
                tell(&mut told, Event::NotConnected(error));
                continue;
            }
            // Where it is: moved it would be held twice.
            let Some(Ok(connection)) = &mut opened else {
                return;
            };
            tell(&mut told, Event::Connected);
            let ended = { self.stops(pin!(session(connection))).await };
            let stopped = ended.is_none();
            if let Some(ended) = ended {
                tell(&mut told, Event::Ended(ended));
            }
            // What there is to say of the connection the session has said.
            let _said = connection.finish().await;
            if stopped {
                return;
            }
            if self.succeeded.lock(Cell::get) {
                backoff.reset();
            }
        }
    }

    /// `None`: told to stop. The work is given pinned: a future that it is moved into would hold it
    /// twice.
    fn stops<F: Future>(&self, mut work: Pin<&mut F>) -> impl Future<Output = Option<F::Output>> {
        poll_fn(move |cx| {
            if self.is_told_to_stop(cx) {
                return Poll::Ready(None);
            }
            work.as_mut().poll(cx).map(Some)
        })
    }

    fn is_told_to_stop(&self, cx: &mut Context<'_>) -> bool {
        // It holds nothing between two polls: a new one for each will do.
        pin!(self.stop.wait()).poll(cx).is_ready()
    }
}

/// One call in an image: what it does may be long, such as the text of an error.
#[inline(never)]
fn tell<E, R>(told: &mut impl FnMut(Event<E, R>), event: Event<E, R>) {
    told(event);
}

impl<M: RawMutex> fmt::Debug for Supervisor<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor").finish_non_exhaustive()
    }
}
