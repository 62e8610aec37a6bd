//! What both halves hold: the sender behind its lock, and how the connection stands.

use core::cell::RefCell;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};

use bare_ws::close::CloseCode;
use bare_ws::closing::{Owed, Reply};
use bare_ws::error::{SendError, Usage};
use bare_ws::lifecycle::{Call, End, Event, Lifecycle, Limits, Moment, Next, Phase};
use bare_ws::sender::{Sender, Transmit};
use embassy_sync::blocking_mutex::Mutex as BlockingMutex;
use embassy_sync::blocking_mutex::raw::RawMutex;
use embassy_sync::mutex::{Mutex, MutexGuard};
use embassy_time::{Duration, Instant};

use crate::error::Error;
use crate::timing::{At, Timing};
use crate::transport::Transport;
use crate::waiters::Waiters;

pub(crate) struct Shared<Io: Transport, Tx, M: RawMutex> {
    pub(crate) common: Io::Common,
    sending: Mutex<M, Sending<Io::Output, Tx>>,
    state: BlockingMutex<M, RefCell<State<Io::Error>>>,
}

/// The writing half of the transport, and what it is to write.
pub(crate) struct Sending<Out, Tx> {
    pub(crate) output: Out,
    pub(crate) tx: Tx,
}

/// How the connection stands. [`Lifecycle`] decides; the rest says who waits.
pub(crate) struct State<T> {
    pub(crate) lifecycle: Lifecycle<At>,
    /// The error of the transport that has ended the connection, or its output.
    failure: Option<T>,
    /// The lock on the sender.
    lock: Claim,
    /// Who sends a message: control frames may pass between its fragments, other messages may not.
    turn: Claim,
    waiters: Waiters,
}

/// What one task at a time has.
#[derive(Default)]
struct Claim {
    taken: bool,
    /// Somebody waits for it.
    wanted: bool,
}

impl<Io: Transport, Tx, M: RawMutex> Shared<Io, Tx, M> {
    pub(crate) fn new(output: Io::Output, common: Io::Common, tx: Tx, timing: &Timing) -> Self {
        Self {
            common,
            sending: Mutex::new(Sending { output, tx }),
            state: BlockingMutex::new(RefCell::new(State {
                lifecycle: Lifecycle::open(timing.limits(), At::now()),
                failure: None,
                lock: Claim::default(),
                turn: Claim::default(),
                waiters: Waiters::NONE,
            })),
        }
    }

    pub(crate) fn guarded<N: RawMutex>(self) -> Shared<Io, Tx, N> {
        Shared {
            common: self.common,
            sending: Mutex::new(self.sending.into_inner()),
            state: BlockingMutex::new(self.state.into_inner()),
        }
    }

    pub(crate) fn sending_mut(&mut self) -> &mut Sending<Io::Output, Tx> {
        self.sending.get_mut()
    }

    pub(crate) fn state<V>(&self, with: impl FnOnce(&mut State<Io::Error>) -> V) -> V {
        self.state.lock(|state| with(&mut state.borrow_mut()))
    }

    pub(crate) fn on(&self, event: Event) {
        self.state(|state| state.change(|lifecycle| lifecycle.on(event, At::now())));
    }

    pub(crate) fn next(&self) -> Next {
        self.state(|state| state.lifecycle.next())
    }

    pub(crate) fn delivers(&self) -> bool {
        self.state(|state| state.lifecycle.delivers())
    }

    pub(crate) fn may_read(&self) -> bool {
        self.state(|state| state.lifecycle.may_read())
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.state(|state| state.lifecycle.phase()) == Phase::Closing
    }

    /// After a read of `n` octets: whether there is still to be done what was `next`. A peer that
    /// sends without end does not keep us from looking at the clock.
    pub(crate) fn heard(&self, n: usize, next: Next) -> bool {
        let now = At::now();
        self.state(|state| {
            state.change(|lifecycle| {
                if n == 0 {
                    lifecycle.on(Event::InputEnded, now);
                } else {
                    lifecycle.on(Event::Heard(n), now);
                }
                lifecycle.check(Call::Receive, now);
            });
            state.lifecycle.next() == next
        })
    }

    pub(crate) fn set_limits(&self, limits: Limits<Duration>) {
        self.state(|state| {
            *state.lifecycle.limits_mut() = limits;
            state.waiters.wake();
        });
    }

    pub(crate) fn last_heard(&self) -> Instant {
        self.state(|state| state.lifecycle.last_heard().0)
    }

    /// The transport has failed. If that is the first reason for an end, it is told from now on.
    pub(crate) fn failed(&self, error: Io::Error, event: Event) {
        self.state(|state| {
            if state.lifecycle.end().is_none() {
                state.failure.get_or_insert(error);
            }
            state.change(|lifecycle| lifecycle.on(event, At::now()));
        });
    }

    /// Why the connection is over.
    pub(crate) fn end(&self) -> Error<Io::Error> {
        self.state(|state| match (&state.failure, state.lifecycle.end()) {
            (Some(error), _) => Error::Transport(error.clone()),
            (None, Some(End::Timeout(timeout))) => Error::Timeout(timeout),
            (None, Some(End::Closed | End::Failed | End::Aborted)) => Usage::NotOpen.into(),
            (None, _) => Error::Lost,
        })
    }

    /// What every call that waits does after each attempt: looks at the clock, and comes back at
    /// the next deadline, or when something has changed. Ready once `done`.
    pub(crate) fn watch(
        &self,
        call: Call,
        cx: &mut Context<'_>,
        done: impl FnOnce(&State<Io::Error>) -> bool,
    ) -> Poll<()> {
        let now = At::now();
        let until = self.state(|state| {
            state.change(|lifecycle| lifecycle.check(call, now));
            if done(state) {
                return None;
            }
            let until = state.lifecycle.until(call);
            let waiters = &mut state.waiters;
            Some(if waiters.register_until(call, cx.waker(), until, now) {
                until
            } else {
                until.min(now.after(CROWDED))
            })
        });
        match until {
            None => Poll::Ready(()),
            Some(until) => {
                until.wake(cx);
                Poll::Pending
            }
        }
    }

    /// Waits until nobody has it, and takes it.
    async fn take(&self, call: Call, which: impl Fn(&mut State<Io::Error>) -> &mut Claim) {
        poll_fn(|cx| {
            self.state(|state| {
                let claim = which(state);
                if !core::mem::replace(&mut claim.taken, true) {
                    return Poll::Ready(());
                }
                claim.wanted = true;
                state.waiters.register(call, cx.waker());
                Poll::Pending
            })
        })
        .await;
    }

    fn give_back(&self, call: Call, which: impl Fn(&mut State<Io::Error>) -> &mut Claim) {
        self.state(|state| {
            let claim = core::mem::take(which(state));
            if claim.wanted {
                state.waiters.wake();
            } else if call == Call::Send && state.is_left_behind() {
                // What a dropped future left queued, the receiving side brings out. Nobody else is
                // woken: a task whose calls are made anew at each poll would never sleep.
                state.waiters.wake_receiver();
            }
        });
    }

    /// Waits until nobody else is within a message.
    pub(crate) async fn turn(&self) -> Turn<'_, Io, Tx, M> {
        self.take(Call::Send, |state| &mut state.turn).await;
        Turn(self)
    }

    /// Waits for the sender.
    pub(crate) async fn lock(&self, call: Call) -> Lock<'_, Io, Tx, M> {
        loop {
            self.take(call, |state| &mut state.lock).await;
            let held = Held { shared: self, call };
            if let Ok(sending) = self.sending.try_lock() {
                return Lock {
                    sending,
                    shared: self,
                    _held: held,
                };
            }
        }
    }
}

impl<Io: Transport, Tx: Transmit, M: RawMutex> Shared<Io, Tx, M> {
    /// Runs a call that sends, until it is done or nothing can be sent any more.
    pub(crate) async fn run<V>(
        &self,
        mut work: Pin<&mut impl Future<Output = Result<V, Error<Io::Error>>>>,
        closing: Option<&Begun<'_, Io, Tx, M>>,
    ) -> Result<V, Error<Io::Error>> {
        poll_fn(|cx| {
            if let Some(begun) = closing {
                begun.again();
            }
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(done);
            }
            self.watch(Call::Send, cx, State::refuses)
                .map(|()| Err(self.end()))
        })
        .await
    }

    /// Brings out what the receiver owes, what is due, what was left behind, and where it
    /// `closes`, our Close: as much of it as finds room. Whoever receives asks again for the rest.
    pub(crate) async fn write(
        &self,
        owed: &mut Owed,
        closes: &mut bool,
    ) -> Result<(), Error<Io::Error>> {
        let mut lock = self.lock(Call::Receive).await;
        lock.queue_due(owed, closes)?;
        lock.drain().await
    }
}

impl<T> State<T> {
    /// A transition, of which everybody learns whose answer it changes: who may not send any more,
    /// and who has an earlier deadline. Where one begins to close, or takes that back, only the
    /// deadlines change: a close that is dropped and made anew at each poll wakes nobody twice, nor
    /// itself.
    fn change(&mut self, transition: impl FnOnce(&mut Lifecycle<At>)) {
        let before = Standing::of(&self.lifecycle);
        transition(&mut self.lifecycle);
        self.tell(before);
    }

    // Once in an image, not at each transition.
    #[inline(never)]
    fn tell(&mut self, before: Standing) {
        let now = Standing::of(&self.lifecycle);
        if now.answers != before.answers {
            self.waiters.wake();
        } else if now.is_closing != before.is_closing {
            let [receive, send] = [Call::Receive, Call::Send].map(|it| self.lifecycle.until(it));
            self.waiters.wake_later_than(receive, send);
        }
    }

    /// Whether the connection takes nothing more from the caller.
    pub(crate) fn refuses(&self) -> bool {
        match self.lifecycle.phase() {
            Phase::Open => !self.lifecycle.may_write(),
            // Where the output has failed, nothing that is queued leaves any more.
            Phase::Closing => self.lifecycle.next() == Next::Shut,
            _ => true,
        }
    }

    /// Whether there is something to write that nobody is writing.
    pub(crate) fn has_work(&self, closes: bool) -> bool {
        self.lifecycle.may_write() && (self.is_left_behind() || self.is_due(closes))
    }

    fn is_left_behind(&self) -> bool {
        self.lifecycle.is_stalled() && !self.lock.taken
    }

    fn is_due(&self, closes: bool) -> bool {
        closes || self.lifecycle.is_ping_due() || self.lifecycle.is_farewell_due()
    }
}

/// What calls depend on that wait.
struct Standing {
    /// Whether messages are taken and delivered, what is to be done next, why the connection ends,
    /// and whether it may be written to.
    answers: (bool, Next, Option<End>, bool),
    is_closing: bool,
}

impl Standing {
    #[inline(never)]
    fn of(it: &Lifecycle<At>) -> Self {
        let is_closing = it.phase() == Phase::Closing;
        let is_open = is_closing || it.phase() == Phase::Open;
        Self {
            answers: (is_open, it.next(), it.end(), it.may_write()),
            is_closing,
        }
    }
}

/// The sender, locked.
pub(crate) struct Lock<'s, Io: Transport, Tx, M: RawMutex> {
    // Dropped in this order: whoever is woken finds it free.
    sending: MutexGuard<'s, M, Sending<Io::Output, Tx>>,
    shared: &'s Shared<Io, Tx, M>,
    _held: Held<'s, Io, Tx, M>,
}

pub(crate) type TxSender<Tx> = Sender<
    <Tx as Transmit>::Role,
    <Tx as Transmit>::Storage,
    <Tx as Transmit>::Entropy,
    <Tx as Transmit>::Stage,
>;

impl<Io: Transport, Tx: Transmit, M: RawMutex> Lock<'_, Io, Tx, M> {
    /// Queues something of the caller's. What is not to wait for a flush is to be
    /// [`drain`](Self::drain)ed: no await may stand between the two.
    pub(crate) fn queue<V>(
        &mut self,
        queue: impl FnOnce(&mut TxSender<Tx>) -> Result<V, SendError>,
    ) -> Result<V, Error<Io::Error>> {
        if self.shared.state(|state| state.refuses()) {
            return Err(self.shared.end());
        }
        Ok(queue(self.sending.tx.sender_mut())?)
    }

    /// Queues something that fits at the latest when nothing else is queued, and brings it out.
    pub(crate) async fn put(
        &mut self,
        mut put: impl FnMut(&mut TxSender<Tx>) -> Result<bool, SendError>,
        needed: usize,
    ) -> Result<(), Error<Io::Error>> {
        for _ in 0..2 {
            let queued = self.queue(&mut put)?;
            self.drain().await?;
            if queued {
                return Ok(());
            }
        }
        Err(Usage::BufferTooSmall { needed }.into())
    }

    /// Queues what is owed and due, as far as there is room. What cannot be framed is given up.
    fn queue_due(&mut self, owed: &mut Owed, closes: &mut bool) -> Result<(), Error<Io::Error>> {
        let sender = self.sending.tx.sender_mut();
        let (may_write, pings, farewell) = self.shared.state(|state| {
            let it = &state.lifecycle;
            (it.may_write(), it.is_ping_due(), it.is_farewell_due())
        });
        if !may_write {
            sender.shut();
        }
        let is_close = matches!(owed.reply(), Some(Reply::Close(_)));
        let answered = sender.answer(owed);
        let mut closed = !is_close || owed.is_due() || !sender.is_open();
        let mut close = |code| match sender.close(Some(code), "") {
            // Else it goes when there is room.
            Ok(queued) => queued,
            Err(error) => {
                closed &= error == Usage::NotOpen.into();
                true
            }
        };
        if farewell {
            close(CloseCode::GOING_AWAY);
        }
        if *closes {
            *closes = !close(CloseCode::NORMAL);
        }
        // No Ping follows a Close.
        if pings && !matches!(sender.ping(&[]), Ok(false)) {
            self.shared.on(Event::Pinged);
        }
        if !closed {
            self.shared.on(Event::OutputFailed);
        }
        answered.map_err(Error::from)
    }

    /// Brings out what is queued.
    pub(crate) async fn drain(&mut self) -> Result<(), Error<Io::Error>> {
        let Sending { output, tx } = &mut *self.sending;
        let common = &self.shared.common;
        let sender = tx.sender_mut();
        let writes = self.shared.state(|state| {
            let may_write = state.lifecycle.may_write();
            if may_write && !sender.is_open() {
                state.change(|it| it.on(Event::CloseQueued, At::now()));
            } else if may_write && !sender.pending().is_empty() {
                state.change(|it| it.on(Event::Queued, At::now()));
            }
            may_write && state.lifecycle.is_stalled()
        });
        if !writes {
            return Ok(());
        }
        loop {
            let pending = sender.pending();
            let written = if pending.is_empty() {
                Io::flush(output, common).await.map(|()| None)
            } else {
                Io::write(output, common, pending).await.map(Some)
            };
            let failure = match written {
                Ok(None) => {
                    self.shared.on(Event::Drained);
                    return Ok(());
                }
                // "Implementations should never return `Ok(0)`": one that does is at its end.
                Ok(Some(0)) => {
                    self.shared.on(Event::OutputFailed);
                    Error::Lost
                }
                Ok(Some(n)) => {
                    sender.advance(n);
                    self.shared.on(Event::Taken);
                    continue;
                }
                Err(error) => {
                    self.shared.failed(error.clone(), Event::OutputFailed);
                    Error::Transport(error)
                }
            };
            sender.shut();
            return Err(failure);
        }
    }
}

impl<Io: Transport, Tx, M: RawMutex> Lock<'_, Io, Tx, M> {
    /// Ends our direction; whether that succeeds changes nothing.
    pub(crate) async fn shut(&mut self) {
        let _ = Io::shutdown(&mut self.sending.output, &self.shared.common).await;
        self.shared.on(Event::OutputShut);
    }

    pub(crate) fn abort(&mut self) {
        Io::abort(&mut self.sending.output, &self.shared.common);
    }
}

/// The lock is given back with it.
struct Held<'s, Io: Transport, Tx, M: RawMutex> {
    shared: &'s Shared<Io, Tx, M>,
    call: Call,
}

impl<Io: Transport, Tx, M: RawMutex> Drop for Held<'_, Io, Tx, M> {
    fn drop(&mut self) {
        let Self { shared, call } = *self;
        shared.give_back(call, |state| &mut state.lock);
    }
}

/// Nobody else is within a message.
pub(crate) struct Turn<'s, Io: Transport, Tx, M: RawMutex>(&'s Shared<Io, Tx, M>);

impl<Io: Transport, Tx, M: RawMutex> Drop for Turn<'_, Io, Tx, M> {
    fn drop(&mut self) {
        self.0.give_back(Call::Send, |state| &mut state.turn);
    }
}

/// A closing handshake whose deadline runs, though its Close may not be queued yet. Dropped before
/// it is, the beginning is taken back; whoever else waits to close begins again.
pub(crate) struct Begun<'s, Io: Transport, Tx, M: RawMutex>(&'s Shared<Io, Tx, M>);

impl<'s, Io: Transport, Tx, M: RawMutex> Begun<'s, Io, Tx, M> {
    pub(crate) fn new(shared: &'s Shared<Io, Tx, M>) -> Self {
        let begun = Self(shared);
        begun.again();
        begun
    }

    pub(crate) fn again(&self) {
        self.0.on(Event::CloseBegun);
    }
}

impl<Io: Transport, Tx, M: RawMutex> Drop for Begun<'_, Io, Tx, M> {
    fn drop(&mut self) {
        self.0.on(Event::CloseWithdrawn);
    }
}

/// When one who found no place among the [`Waiters`] looks again.
const CROWDED: Duration = Duration::from_millis(10);
