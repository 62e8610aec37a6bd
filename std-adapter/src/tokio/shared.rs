//! What the parts of a connection share: the transport, the sender, and the connection's state.
//!
//! All of it is behind one lock, which is never held while anybody waits. Nothing is decided
//! here: the lifecycle says what may be done and by when, and whoever holds the lock does it.

use std::fmt;
use std::future::Future;
use std::io;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bare_ws::closing::Owed;
use bare_ws::entropy::EntropyError;
use bare_ws::error::{Error as ProtocolError, Usage};
use bare_ws::exchange::{ExchangeError, Exchanged, Patience};
use bare_ws::lifecycle::{Call, End, Event, Moment as _, Next, Phase, Timeout};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

use super::socket::Socket;
use super::waiters::{Waiters, Whom};
use crate::channel::{Hint, trial};
use crate::error::Error;
use crate::events::Life;
use crate::failure::Failure;
use crate::moment::Moment;
use crate::observer::Tap;
use crate::state::{CoreSender, Cut, State, input_event};

/// The runtime's time, which may be paused.
pub(crate) fn now() -> Moment {
    Moment::at(Instant::now().into_std())
}

/// How to bring a connection to its end after it was dropped.
pub(crate) type Leave<S> = fn(Arc<Core<S>>);

pub(crate) struct Core<S> {
    inner: Mutex<Inner<S>>,
    waiters: Arc<Waiters>,
    /// How many handles there are, without those that can only abort.
    pub(super) handles: AtomicUsize,
    pub(super) leave: Leave<S>,
}

pub(crate) struct Inner<S> {
    pub(crate) state: State,
    /// `None` once it was given up.
    pub(super) socket: Option<Socket<S>>,
    /// How many octets the transport has taken, from the beginning.
    pub(super) taken: u64,
    /// Octets that were read after the connection's time was over.
    late: usize,
    /// The waker of the [`Waiters`].
    waker: Waker,
    /// One timer for all that wait, made when a deadline is first set.
    alarm: Option<Pin<Box<Sleep>>>,
    /// Whom to wake when the lock is released.
    pub(super) wake: Option<Whom>,
}

/// The lock. It wakes whoever is to be woken once it is released.
pub(crate) struct Locked<'c, S> {
    // Dropped in this order.
    inner: MutexGuard<'c, Inner<S>>,
    wakes: Wakes<'c>,
}

struct Wakes<'c> {
    waiters: &'c Waiters,
    whom: Option<Whom>,
}

/// The most octets that are read after the connection's time is over.
const LATE: usize = 256 * 1024;

/// How often one poll looks at the clock before others get their turn.
const LOOKS: u8 = 4;

impl<S> Core<S> {
    pub(crate) fn new(
        socket: Socket<S>,
        sender: CoreSender,
        life: Life,
        tap: Option<Box<Tap>>,
        leave: Leave<S>,
    ) -> Self {
        let waiters = Arc::<Waiters>::default();
        Self {
            inner: Mutex::new(Inner {
                state: State::new(sender, life, tap, now),
                socket: Some(socket),
                taken: 0,
                late: 0,
                waker: Waker::from(Arc::clone(&waiters)),
                alarm: None,
                wake: None,
            }),
            waiters,
            handles: AtomicUsize::new(1),
            leave,
        }
    }

    /// A panic under the lock leaves the machines in order: they are always between two frames.
    #[inline]
    pub(crate) fn lock(&self) -> Locked<'_, S> {
        Locked {
            inner: self.inner.lock().unwrap_or_else(PoisonError::into_inner),
            wakes: Wakes {
                waiters: &self.waiters,
                whom: None,
            },
        }
    }

    pub(crate) fn waiters(&self) -> &Waiters {
        &self.waiters
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Core<S> {
    /// Reports what the receive side has found, and does what can be done about it at once.
    pub(crate) fn report(&self, event: Event) {
        let mut inner = self.lock();
        inner.change(|state| state.life.on(event, now()));
    }

    /// Reports that the receive side has failed, for that reason.
    pub(crate) fn failed<E: fmt::Display>(&self, error: &ProtocolError<E>) {
        let mut inner = self.lock();
        inner.change(|state| state.life.failed(error, now()));
    }

    /// [`Link::exchange`](bare_ws::asynch::Link::exchange) of the receive side. `hint`: what it
    /// remembers from call to call.
    pub(crate) fn poll_exchange(
        &self,
        cx: &mut Context<'_>,
        owed: &mut Owed,
        spare: &mut [u8],
        patience: Patience,
        hint: &mut Hint,
    ) -> Poll<Result<Exchanged, ExchangeError<Cut>>> {
        let mut inner = self.lock();
        inner.state.hand_over(owed);
        for _ in 0..LOOKS {
            let round = self.waiters.round();
            let answered = inner.write_at_once();
            inner.settle();
            if patience == Patience::AtOnce {
                return Poll::Ready(answered.map(|_| Exchanged::Wrote).map_err(Into::into));
            }
            answered?;
            if spare.is_empty() {
                return Poll::Ready(Ok(Exchanged::Wrote));
            }
            if let Some(cut) = inner.state.over() {
                return Poll::Ready(match inner.read_late(cx, spare, &cut) {
                    Some(n) => Ok(Exchanged::Read(n)),
                    None => Err(ExchangeError::Transport(cut)),
                });
            }
            match inner.poll_read(cx, spare) {
                Poll::Ready(Ok(n)) => {
                    inner.state.heard(spare.get(..n));
                    if n > 0 && hint.goes_on(&inner.state) {
                        let now = inner.state.life.last_heard();
                        inner.state.life.on(Event::Heard(n), now);
                        return Poll::Ready(Ok(Exchanged::Read(n)));
                    }
                    let now = now();
                    let event = match n {
                        0 => Event::InputEnded,
                        n => Event::Heard(n),
                    };
                    inner.state.life.on(event, now);
                    inner.expire(Call::Receive, now);
                    return Poll::Ready(Ok(Exchanged::Read(n)));
                }
                Poll::Ready(Err(error)) => {
                    let end = input_event(&error);
                    inner.state.unreadable = Some(Failure::of(&error).into());
                    inner.change(|state| {
                        state.life.on(end, now());
                        state.life.on(Event::Lost, now());
                    });
                    return Poll::Ready(Err(ExchangeError::Transport(Cut::Io(error))));
                }
                Poll::Pending if patience == Patience::Moment => {
                    return Poll::Ready(Ok(Exchanged::Wrote));
                }
                Poll::Pending => {}
            }
            hint.waits = true;
            hint.row = 0;
            let now = now();
            inner.state.life.on(Event::Waits, now);
            if !inner.expire(Call::Receive, now) {
                let mut until = inner.state.life.until(Call::Receive);
                if hint.has_grown || inner.state.sender.has_grown() {
                    if hint.is_quiet(&inner.state, now) {
                        inner.state.sender.shrink();
                        hint.has_grown = false;
                        hint.quiet_by = Moment::NEVER;
                        return Poll::Ready(Ok(Exchanged::Quiet));
                    }
                    until = until.min(hint.quiet_by);
                }
                self.waiters.wait_to_read(cx.waker(), round);
                inner.arm_by(until);
                return Poll::Pending;
            }
        }
        // A Ping that is due at every look must not keep others from running.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Queues what the receive side owes, and writes as much of it as leaves without waiting.
    pub(crate) fn answer(&self, owed: &mut Owed) -> Result<(), EntropyError> {
        let mut inner = self.lock();
        inner.state.hand_over(owed);
        let answered = inner.write_at_once();
        inner.settle();
        answered.map(|_| ())
    }

    /// Reads and discards until the transport has ended or its time is over.
    pub(crate) fn poll_linger(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 4096];
        let mut inner = self.lock();
        for _ in 0..64 {
            let round = self.waiters.round();
            inner.settle();
            let next = inner.state.life.next();
            if !matches!(next, Next::Flush | Next::Discard | Next::Shut) {
                return Poll::Ready(());
            }
            let read = inner.poll_read(cx, &mut scratch);
            let now = now();
            match read {
                Poll::Ready(Ok(0)) => inner.state.life.on(Event::InputEnded, now),
                Poll::Ready(Ok(n)) => {
                    inner.state.heard(scratch.get(..n));
                    inner.state.life.on(Event::Heard(n), now);
                }
                Poll::Ready(Err(error)) => inner.state.life.on(input_event(&error), now),
                Poll::Pending => {
                    if !inner.expire(Call::Receive, now) {
                        self.waiters.wait_to_read(cx.waker(), round);
                        inner.arm(Call::Receive);
                        return Poll::Pending;
                    }
                }
            }
            // A peer that never stops must not keep us from looking at the clock.
            inner.expire(Call::Receive, now);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The error that our caller gets. If the connection is no longer open because its time is over
    /// or its stream has failed, the error names that cause, whoever found out.
    pub(crate) fn told(&self, error: ProtocolError<Cut>) -> Error {
        match (&error, self.lock().state.over()) {
            (
                ProtocolError::Usage(Usage::NotOpen),
                Some(cut @ (Cut::Timeout(_) | Cut::Aborted | Cut::Io(_))),
            ) => cut.into(),
            _ => error.into(),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Inner<S> {
    /// A transition, and what can be done about it at once.
    pub(crate) fn change(&mut self, transition: impl FnOnce(&mut State)) {
        let before = self.standing();
        transition(&mut self.state);
        self.settle();
        if self.standing() != before {
            self.wake = Some(Whom::All);
        }
    }

    /// Looks at the clock; `true` when something has changed.
    pub(crate) fn expire(&mut self, call: Call, now: Moment) -> bool {
        if !self.state.life.until(call).has_come(now) {
            return false;
        }
        let before = (self.standing(), self.state.life.is_ping_due());
        self.state.life.check(call, now);
        let changed = before != (self.standing(), self.state.life.is_ping_due());
        if changed {
            self.settle();
            if self.standing() != before.0 {
                self.wake = Some(Whom::All);
            }
        }
        changed
    }

    /// Everything that the outcome of a waiting call depends on. Where a call begins to close, or takes
    /// that back, only deadlines change, and it sets the alarm for all: a close that is dropped and made
    /// anew at each poll wakes nobody, nor itself.
    fn standing(&self) -> (Option<Phase>, Option<End>, Next, bool) {
        let life = &self.state.life;
        let phase = match life.phase() {
            Phase::Open | Phase::Closing => None,
            phase => Some(phase),
        };
        (phase, life.end(), life.next(), life.may_write())
    }

    /// Does what the lifecycle asks for, as far as it goes without waiting.
    #[inline]
    pub(crate) fn settle(&mut self) {
        if self.state.life.phase() != Phase::Open {
            self.settle_what_is_left();
        }
    }

    #[cold]
    fn settle_what_is_left(&mut self) {
        let before = self.standing();
        loop {
            match self.state.life.next() {
                Next::Flush => {
                    // Where it fails, something else comes next.
                    let _ = self.write_at_once();
                    if self.state.life.next() == Next::Flush {
                        break;
                    }
                }
                Next::Shut => {
                    let mut cx = Context::from_waker(&self.waker);
                    let shut = match &mut self.socket {
                        Some(socket) => socket.poll_shutdown(&mut cx),
                        None => Poll::Ready(Ok(())),
                    };
                    if shut.is_pending() {
                        break;
                    }
                    self.state.life.on(Event::OutputShut, now());
                }
                Next::HangUp => self.hang_up(),
                Next::Exchange | Next::Discard | Next::Nothing => break,
            }
        }
        if self.standing() != before {
            self.wake = Some(Whom::All);
        }
    }

    fn hang_up(&mut self) {
        if let Some(socket) = &self.socket
            && self.state.life.phase() == Phase::Aborting
        {
            socket.bottom().reset();
        }
        self.state.sender.shut();
        self.state.life.on(Event::HungUp, now());
        if !self.state.over().is_some_and(|cut| is_read_late(&cut)) {
            self.socket = None;
        }
        self.alarm = None;
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, octets: &mut [u8]) -> Poll<io::Result<usize>> {
        match &mut self.socket {
            Some(socket) if self.state.life.may_read() => socket.poll_read(cx, octets),
            _ => Poll::Pending,
        }
    }

    /// Reads what had arrived before it was found that the time is over.
    fn read_late(&mut self, cx: &mut Context<'_>, octets: &mut [u8], cut: &Cut) -> Option<usize> {
        if is_read_late(cut)
            && self.late < LATE
            && let Some(socket) = &mut self.socket
            && let Poll::Ready(Ok(n @ 1..)) = socket.poll_read(cx, octets)
        {
            self.late = self.late.saturating_add(n);
            self.state.heard(octets.get(..n));
            return Some(n);
        }
        // After silence the socket is not given up yet: the Close that says so still leaves, and the
        // peer may end the transport.
        if self.state.life.phase() == Phase::Gone {
            self.socket = None;
        }
        None
    }

    /// Queues what is due and writes what the transport takes at once; `true` when all is out. A
    /// failure to write ends our direction but not the call: what has arrived is still to be read.
    #[inline]
    fn write_at_once(&mut self) -> Result<bool, EntropyError> {
        if !self.state.has_queued() && !self.state.has_due() {
            return Ok(true);
        }
        self.write_what_is_due()
    }

    fn write_what_is_due(&mut self) -> Result<bool, EntropyError> {
        let mut outcome = Ok(());
        // Twice, since what is due may find no room before what is queued has left.
        for _ in 0..2 {
            let queued = self.state.queue_due();
            outcome = outcome.and(queued);
            match self.write_queued() {
                Ok(true) => {}
                Ok(false) => return outcome.map(|()| false),
                Err(error) => {
                    self.output_failed(&error);
                    return outcome.map(|()| false);
                }
            }
            if !self.state.is_due() {
                break;
            }
        }
        outcome.map(|()| true)
    }

    pub(super) fn output_failed(&mut self, error: &io::Error) {
        self.state.output_failed(Some(error));
        self.wake = Some(Whom::All);
    }

    #[inline]
    pub(super) fn write_queued(&mut self) -> io::Result<bool> {
        if !self.state.has_queued() {
            return Ok(true);
        }
        let Some(socket) = &mut self.socket else {
            return Ok(false);
        };
        let mut cx = Context::from_waker(&self.waker);
        let state = &mut self.state;
        if state.life.is_stalled() {
            // The peer has taken more than the runtime knows of, if little.
            let insists = state.life.limits().stall.is_some();
            socket.bottom_mut().insist(insists);
        }
        let before = self.taken;
        let outcome = loop {
            let pending = state.sender.pending();
            let attempt = match pending.len() {
                0 => Poll::Ready(Ok(0)),
                _ => socket.poll_write(&mut cx, pending),
            };
            let attempt = match attempt {
                Poll::Ready(Ok(n)) if n == pending.len() => {
                    if n > 0 {
                        state.taken(n);
                        self.taken += n as u64;
                    }
                    socket.poll_flush(&mut cx).map_ok(|()| None)
                }
                attempt => attempt.map_ok(Some),
            };
            match attempt {
                Poll::Ready(Ok(None)) => {
                    state.unflushed = false;
                    state.drained = state.drained.wrapping_add(1);
                    state.life.on(Event::Drained, Moment::NEVER);
                    break Ok(true);
                }
                Poll::Ready(Ok(Some(0))) => break Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(Some(n))) => {
                    state.taken(n);
                    self.taken += n as u64;
                }
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Err(error)) => break Err(error),
                Poll::Pending => {
                    let event = if state.goes_on(socket.progress()) || self.taken > before {
                        Event::Taken
                    } else {
                        Event::Queued
                    };
                    state.life.on(event, now());
                    break Ok(false);
                }
            }
        };
        socket.bottom_mut().insist(false);
        if self.wake.is_none() && (self.taken > before || matches!(outcome, Ok(true))) {
            self.wake = Some(Whom::Left(self.taken));
        }
        outcome
    }

    /// Arranges that the calls that wait are woken at the next deadline of a call of this kind.
    pub(super) fn arm(&mut self, call: Call) {
        self.arm_by(self.state.life.until(call));
    }

    /// The same for what may be due earlier than before.
    pub(super) fn arm_again(&mut self) {
        if self.alarm.is_some() {
            self.arm(Call::Receive);
        }
    }

    fn arm_by(&mut self, mut until: Moment) {
        let socket = self.socket.as_ref();
        if self.state.life.is_stalled() && socket.is_some_and(|it| it.bottom().can_insist()) {
            until = until.min(trial(&self.state, now()));
        }
        let Some(at) = until.instant() else {
            return;
        };
        let at = Instant::from_std(at);
        let alarm = match &mut self.alarm {
            // Waking too early does no harm: whoever is woken looks again.
            Some(alarm) if !alarm.is_elapsed() && alarm.deadline() <= at => return,
            Some(alarm) => {
                alarm.as_mut().reset(at);
                alarm
            }
            None => self.alarm.insert(Box::pin(sleep_until(at))),
        };
        let mut cx = Context::from_waker(&self.waker);
        if alarm.as_mut().poll(&mut cx).is_ready() {
            self.waker.wake_by_ref();
        }
    }
}

fn is_read_late(cut: &Cut) -> bool {
    // After our own Close for a failure, incoming data is ignored (RFC 6455 §7.1.7).
    matches!(cut, Cut::Timeout(Timeout::Stall | Timeout::Close))
}

impl<S> Deref for Locked<'_, S> {
    type Target = Inner<S>;

    #[inline]
    fn deref(&self) -> &Inner<S> {
        &self.inner
    }
}

impl<S> DerefMut for Locked<'_, S> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Inner<S> {
        &mut self.inner
    }
}

impl<S> Drop for Locked<'_, S> {
    #[inline]
    fn drop(&mut self) {
        match self.inner.wake {
            None => return,
            // Nobody can begin to wait now: that takes the lock.
            Some(Whom::Left(_)) if !self.wakes.waiters.has_senders() => {}
            whom => self.wakes.whom = whom,
        }
        self.inner.wake = None;
    }
}

impl Drop for Wakes<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(whom) = self.whom {
            self.waiters.wake(whom);
        }
    }
}
