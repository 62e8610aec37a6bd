//! A connection's stream, its sender, and its [`Lifecycle`]: what the receive side and the send
//! sides share, each on a thread of its own or all on one.
//!
//! The state stands behind a lock that is never held while anybody waits. Nothing is decided
//! here: the lifecycle says what may be done and by when, and whoever holds the lock does it.

use std::io;
use std::net::Shutdown;
use std::time::Duration;

use bare_ws::closing::Owed;
use bare_ws::entropy::EntropyError;
use bare_ws::error::{Error as ProtocolError, Usage};
use bare_ws::exchange::{ExchangeError, Exchanged, Patience};
use bare_ws::lifecycle::{Call, Event, Moment as _, Next, Phase, Timeout};

use crate::error::Error;
use crate::events::Life;
use crate::failure::Failure;
use crate::moment::Moment;
use crate::observer::Tap;
use crate::state::{CoreSender, Cut, State, input_event};
use crate::stream::{Interest, Stream, is_transient};
use crate::sync::{
    AtomicBool, AtomicUsize, Condvar, Mutex, MutexGuard, Ordering, PoisonError, TryLockError,
};

#[derive(Debug)]
pub(crate) struct Channel<S> {
    stream: S,
    state: Mutex<State>,
    /// Held by whoever is next to get the lock, while it waits for it.
    next: Mutex<()>,
    /// How many wait for the lock.
    pub(crate) waiting: AtomicUsize,
    /// Whoever waits for its turn to send.
    pub(crate) turn: Condvar,
    /// Several threads may use it.
    is_shared: AtomicBool,
    /// Somebody beside the one who receives may take the lock.
    is_contended: AtomicBool,
    /// How many hold it, whoever may abort it not counted.
    pub(crate) handles: AtomicUsize,
}

impl<S: Stream> Channel<S> {
    pub(crate) fn new(stream: S, sender: CoreSender, life: Life, tap: Option<Box<Tap>>) -> Self {
        Self {
            stream,
            state: Mutex::new(State::new(sender, life, tap, Moment::now)),
            next: Mutex::new(()),
            waiting: AtomicUsize::new(0),
            turn: Condvar::new(),
            is_shared: AtomicBool::new(false),
            is_contended: AtomicBool::new(false),
            handles: AtomicUsize::new(1),
        }
    }

    pub(crate) fn stream(&self) -> &S {
        &self.stream
    }

    /// From now on several threads may use it.
    pub(crate) fn share(&self) {
        self.is_shared.store(true, Ordering::Relaxed);
        self.contend();
    }

    /// From now on somebody else may take the lock, and be it to abort.
    pub(crate) fn contend(&self) {
        self.is_contended.store(true, Ordering::Relaxed);
    }

    /// A thread that panicked in here left the machines in order: they are always between two
    /// frames, or refuse what must not follow.
    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                self.waiting.fetch_add(1, Ordering::Relaxed);
                let state = self.lock_in_order();
                self.waiting.fetch_sub(1, Ordering::Relaxed);
                state
            }
        }
    }

    /// The lock, behind whoever waits for it already.
    pub(crate) fn lock_in_order(&self) -> MutexGuard<'_, State> {
        let _next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports what the receive side has found, and does what can be done about it at once.
    pub(crate) fn report(&self, event: Event) {
        let mut state = self.lock();
        state.life.on(event, Moment::now());
        self.settle(&mut state);
    }

    /// Reports that the receive side has failed, for that reason.
    pub(crate) fn failed(&self, error: &ProtocolError<Cut>) {
        let mut state = self.lock();
        state.life.failed(error, Moment::now());
        self.settle(&mut state);
    }

    /// [`Link::exchange`](bare_ws::blocking::Link::exchange) of the receive side. `limit` is that
    /// of the call, and `hint` what it remembers of the stream. A peer that never pauses keeps us
    /// from looking at neither.
    pub(crate) fn exchange(
        &self,
        owed: &mut Owed,
        spare: &mut [u8],
        patience: Patience,
        limit: &mut CallLimit,
        hint: &mut Hint,
    ) -> Result<Exchanged, ExchangeError<Cut>> {
        let mut state = self.lock();
        state.hand_over(owed);
        let mut attempts = !hint.is_drained;
        let mut is_late = false;
        let is_brief = patience == Patience::Moment;
        let mut waited = false;
        loop {
            let answered = self.write_at_once(&mut state);
            if patience == Patience::AtOnce {
                return answered
                    .map(|_| Exchanged::Wrote)
                    .map_err(ExchangeError::from);
            }
            answered?;
            if spare.is_empty() {
                return Ok(Exchanged::Wrote);
            }
            if let Some(cut) = state.over() {
                drop(state);
                return match self.read_late(spare, hint, &cut) {
                    Some(n) => Ok(Exchanged::Read(n)),
                    None => Err(ExchangeError::Transport(cut)),
                };
            }
            let reads_no_more = limit.reads_no_more();
            if (attempts || reads_no_more) && state.life.may_read() {
                // Where nobody else can want the lock, giving it up would only cost time.
                let mut kept = Some(state).filter(|_| !self.is_contended.load(Ordering::Relaxed));
                let read = if reads_no_more {
                    self.stream.try_read_ahead(spare)
                } else {
                    self.stream.try_read(spare)
                };
                match read {
                    Ok(n) => {
                        // A stream that claims to have read more than it was given is not believed.
                        let n = n.min(spare.len());
                        let room = spare.len() - n;
                        hint.is_drained = room > 0 && n.min(room) < BULK;
                        let event = match n {
                            0 => Event::InputEnded,
                            n => Event::Heard(n),
                        };
                        let mut state = kept.take().unwrap_or_else(|| self.lock());
                        if n == 0
                            && let Some(cut) = state.over()
                        {
                            // That end is of another thread's making.
                            return Err(ExchangeError::Transport(cut));
                        }
                        state.heard(spare.get(..n));
                        if n > 0 && limit.by == Moment::NEVER && hint.goes_on(&state) {
                            let now = state.life.last_heard();
                            state.life.on(event, now);
                            return Ok(Exchanged::Read(n));
                        }
                        let now = Moment::now();
                        if limit.by.has_come(now) {
                            limit.read_late = limit.read_late.saturating_add(n);
                        }
                        state.life.on(event, now);
                        self.expire(&mut state, Call::Receive, now);
                        return Ok(Exchanged::Read(n));
                    }
                    Err(error) if is_transient(&error) => {}
                    Err(error) => {
                        let mut state = kept.take().unwrap_or_else(|| self.lock());
                        let end = input_event(&error);
                        let cut = state.over().unwrap_or_else(|| {
                            state.unreadable = Some(Failure::of(&error).into());
                            Cut::Io(error)
                        });
                        state.life.on(end, Moment::now());
                        state.life.on(Event::Lost, Moment::now());
                        self.settle(&mut state);
                        return Err(ExchangeError::Transport(cut));
                    }
                }
                state = kept.unwrap_or_else(|| self.lock());
            }
            if is_brief && (waited || reads_no_more) {
                return Ok(Exchanged::Wrote);
            }
            if reads_no_more {
                return Err(ExchangeError::Transport(Cut::Timeout(Timeout::Call)));
            }
            hint.waits = true;
            hint.row = 0;
            let now = Moment::now();
            state.life.on(Event::Waits, now);
            if attempts && self.expire(&mut state, Call::Receive, now) {
                // A Ping that is due at every look ends no later than the call.
                let was_late = std::mem::replace(&mut is_late, limit.by.has_come(now));
                if !was_late || state.over().is_some() {
                    continue;
                }
            }
            if attempts && limit.by.has_come(now) {
                if is_brief {
                    return Ok(Exchanged::Wrote);
                }
                return Err(ExchangeError::Transport(Cut::Timeout(Timeout::Call)));
            }
            let interest = Interest {
                read: state.life.may_read(),
                write: state.has_queued(),
            };
            let mut until = state.life.until(Call::Receive).min(limit.by);
            if hint.has_grown || state.sender.has_grown() {
                if hint.is_quiet(&state, now) && attempts {
                    state.sender.shrink();
                    hint.has_grown = false;
                    hint.quiet_by = Moment::NEVER;
                    return Ok(Exchanged::Quiet);
                }
                until = until.min(hint.quiet_by);
            }
            if is_brief {
                until = until.min(now.after(Some(MOMENT)));
                waited = true;
            }
            let left = if limit.is_undivided && !self.is_shared.load(Ordering::Relaxed) {
                until.min(trial(&state, now)).left(now)
            } else {
                self.left(&state, until, now)
            };
            drop(state);
            self.stream
                .wait(interest, left)
                .map_err(|error| ExchangeError::Transport(Cut::Io(error)))?;
            attempts = true;
            state = self.lock();
        }
    }

    /// What had arrived before another thread, or a send, found that the time is over.
    fn read_late(&self, spare: &mut [u8], hint: &mut Hint, cut: &Cut) -> Option<usize> {
        // Behind a Close of ours that says why, nothing is looked at (RFC 6455 §7.1.7).
        let is_cut_off = matches!(cut, Cut::Timeout(Timeout::Stall | Timeout::Close));
        if !is_cut_off || hint.late >= LATE {
            return None;
        }
        let n = self.stream.try_read(spare).ok().filter(|n| *n > 0)?;
        let n = n.min(spare.len());
        hint.late = hint.late.saturating_add(n);
        self.lock().heard(spare.get(..n));
        Some(n)
    }

    /// Reads and discards until the transport has ended or its time is over.
    pub(crate) fn linger(&self) {
        let mut scratch = [0; 4096];
        let mut state = self.lock();
        loop {
            self.settle(&mut state);
            let next = state.life.next();
            if !matches!(next, Next::Flush | Next::Discard) {
                return;
            }
            let mut read = Err(io::ErrorKind::WouldBlock.into());
            if state.life.may_read() {
                drop(state);
                read = self.stream.try_read(&mut scratch);
                state = self.lock();
            }
            let now = Moment::now();
            match read {
                Ok(0) => state.life.on(Event::InputEnded, now),
                Ok(n) => {
                    state.heard(scratch.get(..n));
                    state.life.on(Event::Heard(n), now);
                }
                Err(error) if !is_transient(&error) => state.life.on(input_event(&error), now),
                Err(_) => {
                    if self.expire(&mut state, Call::Receive, now) {
                        continue;
                    }
                    let interest = Interest {
                        read: state.life.may_read(),
                        write: state.has_queued(),
                    };
                    let limit = self.left(&state, state.life.until(Call::Receive), now);
                    drop(state);
                    let waited = self.stream.wait(interest, limit);
                    state = self.lock();
                    if waited.is_err() {
                        // Nobody can tell when to look again. The first reason stays.
                        state.life.on(Event::Aborted, now);
                    }
                    continue;
                }
            }
            // A peer that never stops must not keep us from looking at the clock.
            self.expire(&mut state, Call::Receive, now);
        }
    }

    /// What our caller is told. That a connection is not open any more because its time is over, or
    /// its stream has failed, is told by that name, whoever found out.
    pub(crate) fn told(&self, error: ProtocolError<Cut>) -> Error {
        match (&error, self.lock().over()) {
            (
                ProtocolError::Usage(Usage::NotOpen),
                Some(cut @ (Cut::Timeout(_) | Cut::Aborted | Cut::Io(_))),
            ) => cut.into(),
            _ => error.into(),
        }
    }

    /// Gives the connection up at once: whoever waits on any thread returns.
    pub(crate) fn abort(&self) {
        self.report(Event::Aborted);
    }

    /// Looks at the clock; `true` when something has changed.
    pub(crate) fn expire(&self, state: &mut State, call: Call, now: Moment) -> bool {
        if !state.life.until(call).has_come(now) {
            return false;
        }
        let seen = |state: &State| {
            let life = &state.life;
            (life.phase(), life.next(), life.is_ping_due())
        };
        let before = seen(state);
        state.life.check(call, now);
        let changed = before != seen(state);
        if changed {
            self.settle(state);
        }
        changed
    }

    /// Does what the lifecycle asks for, as far as it goes without waiting.
    #[inline]
    pub(crate) fn settle(&self, state: &mut State) {
        if state.life.phase() != Phase::Open {
            self.settle_what_is_left(state);
        }
    }

    #[cold]
    fn settle_what_is_left(&self, state: &mut State) {
        loop {
            match state.life.next() {
                Next::Flush => {
                    // Where it fails, something else comes next.
                    let _ = self.write_at_once(state);
                    if state.life.next() == Next::Flush {
                        return;
                    }
                }
                Next::Shut => {
                    let _ = self.stream.shutdown(Shutdown::Write);
                    state.life.on(Event::OutputShut, Moment::now());
                }
                Next::HangUp => {
                    // This also wakes whoever waits for the stream on another thread.
                    let _ = match state.life.phase() {
                        Phase::Aborting => self.stream.abort(),
                        _ => self.stream.shutdown(Shutdown::Both),
                    };
                    state.sender.shut();
                    state.life.on(Event::HungUp, Moment::now());
                    self.call_up(state);
                }
                Next::Exchange | Next::Discard | Next::Nothing => return,
            }
        }
    }

    /// Wakes whoever waits for a turn: a call of the operating system, whether anybody does or not.
    #[inline]
    pub(crate) fn call_up(&self, state: &State) {
        if state.queueing > 0 {
            self.turn.notify_all();
        }
    }

    /// Queues what is due and writes what the stream takes at once; `true` when all is out. A
    /// stream that takes nothing any more ends our direction and not the call: what it says is
    /// told to whoever sends, and what has arrived is still to be read.
    #[inline]
    fn write_at_once(&self, state: &mut State) -> Result<bool, EntropyError> {
        if !state.has_queued() && !state.has_due() {
            return Ok(true);
        }
        self.write_what_is_due(state)
    }

    fn write_what_is_due(&self, state: &mut State) -> Result<bool, EntropyError> {
        let queued = state.queue_due();
        let written = match self.write_queued(state) {
            Ok(all) => all,
            Err(error) => {
                state.output_failed(Some(&error));
                false
            }
        };
        queued?;
        Ok(written)
    }

    #[inline]
    pub(crate) fn write_queued(&self, state: &mut State) -> io::Result<bool> {
        if !state.has_queued() {
            return Ok(true);
        }
        let mut took = false;
        loop {
            let pending = state.sender.pending();
            let most = pending.len();
            let attempt = match most {
                0 => Ok(0),
                _ => self.stream.try_write(pending).map(|n| n.min(most)),
            };
            let attempt = match attempt {
                Ok(n) if n == most => {
                    if n > 0 {
                        state.taken(n);
                        took = true;
                    }
                    self.stream.try_flush().map(|()| None)
                }
                attempt => attempt.map(Some),
            };
            match attempt {
                Ok(None) => {
                    state.unflushed = false;
                    state.drained = state.drained.wrapping_add(1);
                    state.life.on(Event::Drained, Moment::NEVER);
                    return Ok(true);
                }
                Ok(Some(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(Some(n)) => {
                    state.taken(n);
                    took = true;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_transient(&error) => {
                    let event = if state.goes_on(self.stream.progress()) || took {
                        Event::Taken
                    } else {
                        Event::Queued
                    };
                    state.life.on(event, Moment::now());
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// How long to wait until then. Threads beside this one change deadlines too, which are looked
    /// at often enough to be kept.
    pub(crate) fn left(&self, state: &State, until: Moment, now: Moment) -> Option<Duration> {
        let left = until.min(trial(state, now)).left(now);
        let glance = state.close_limit().map_or(GLANCE, |close| {
            (close / 4).clamp(Duration::from_millis(10), GLANCE)
        });
        Some(left.map_or(glance, |left| left.min(glance)))
    }
}

/// When to try again to write what is queued, at the latest. A system tells of room only where there is
/// much of it, Linux where a third of what it holds is free. The peer has taken what is less, too.
pub(crate) fn trial(state: &State, now: Moment) -> Moment {
    let stall = state.life.limits().stall;
    let stall = stall.filter(|_| state.life.is_stalled());
    now.after(stall.map(|stall| stall / TRIALS))
}

/// Where a read has given so much, and there is room for as much again, the peer is in the midst of
/// sending: the next read is likely to find more.
const BULK: usize = 32 * 1024;

/// How long the next octets of a text are waited for before those that are there are checked.
const MOMENT: Duration = Duration::from_millis(1);

/// How often a write is tried again before the peer counts as stalled.
const TRIALS: u32 = 4;

/// The longest between two looks at deadlines that other threads may have set.
const GLANCE: Duration = Duration::from_secs(1);

/// The most octets that are read after the connection's time, or that of a call, is over: a peer
/// may send for ever.
const LATE: usize = 256 * 1024;

/// How long a call reads after its own limit: small frames that are answered take long to read.
const LATE_TIME: Duration = Duration::from_millis(50);

/// One call's own limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallLimit {
    by: Moment,
    /// Octets that were read after it.
    read_late: usize,
    /// The call holds the whole connection: of other threads only a clone of the writer can send.
    is_undivided: bool,
}

impl CallLimit {
    pub(crate) fn new(by: Moment, is_undivided: bool) -> Self {
        Self {
            by,
            read_late: 0,
            is_undivided,
        }
    }

    /// A peer that does not pause has had its time.
    fn reads_no_more(&self) -> bool {
        let is_late = || self.by.after(Some(LATE_TIME)).has_come(Moment::now());
        self.read_late >= LATE || (self.read_late > 0 && is_late())
    }
}

/// What the receive side remembers of the stream from call to call.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hint {
    /// The last read left nothing: waiting comes before reading.
    is_drained: bool,
    /// The lifecycle was told that somebody waits.
    pub(crate) waits: bool,
    /// Octets that were read after the connection's time was over.
    late: usize,
    /// The receive buffer had memory to give back when the call began: in a call it grows for a message that goes on.
    pub(crate) has_grown: bool,
    /// When that is given back if nothing passes until then, ...
    pub(crate) quiet_by: Moment,
    /// ... since these were out, ...
    drained: u64,
    /// ... and this arrived.
    heard: Moment,
    /// Reads of this call since the clock was looked at, or 0.
    pub(crate) row: u8,
}

/// After so long without traffic a connection keeps no more memory than it began with.
const QUIET: Duration = Duration::from_secs(1);

/// How many reads in a row that did not wait look at the clock once, where no deadline is near or far.
const ROW: u8 = 8;

impl Hint {
    /// Whether a read that did not wait needs no look at the clock: one before it, in the same call, had it, and
    /// there is no deadline that it could have met. What was heard counts from that look.
    #[inline]
    pub(crate) fn goes_on(&mut self, state: &State) -> bool {
        self.row = (self.row + 1) % ROW;
        self.row != 1 && state.life.until(Call::Receive) == Moment::NEVER
    }

    /// Whether nothing has passed for long; sets when to look again.
    pub(crate) fn is_quiet(&mut self, state: &State, now: Moment) -> bool {
        let heard = state.life.last_heard();
        let passed = (self.drained, self.heard) != (state.drained, heard);
        if passed || state.in_turn {
            self.drained = state.drained;
            self.heard = heard;
            self.quiet_by = now.after(Some(QUIET));
        }
        self.quiet_by.has_come(now)
    }
}
