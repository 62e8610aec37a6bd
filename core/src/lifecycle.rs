//! A connection in time: what may be done next, and by when.
//!
//! [`closing`](crate::closing) knows the closing handshake as octets. This machine knows the rest
//! of how a connection ends: who may still read or write, when a direction is shut, what is
//! discarded, when a deadline begins and when it has passed, and which of several reasons is
//! reported. It does no I/O and has no clock: whoever drives a transport reports each [`Event`]
//! with the moment at which it happened, does what [`next`](Lifecycle::next) says, waits no longer
//! than [`until`](Lifecycle::until), and then calls [`check`](Lifecycle::check).
//!
//! ```text
//!            opened        Close begun, queued or received
//! Opening ----------> Open ------------------------------> Closing
//!    |                  | rule broken, limit met,             | both Closes exchanged
//!    |                  | silent, dead                        v
//!    |                  +----------> Failing ----------> Lingering
//!    |                    Close out, direction shut           | end of the transport
//!    |                                                        v
//!    +--------------------------------------------------> Aborting ---------> Gone
//!      a deadline, the transport's failure, the caller's abort      hung up
//! ```
//!
//! | state | read | write | left by |
//! |---|---|---|---|
//! | Opening | the response | the request | the response; its deadline; the end |
//! | Open | delivered | all | a Close of either side; a failure; silence; the end |
//! | Closing | delivered until the peer's Close | what is queued, then our Close | both Closes; the close deadline; the end |
//! | Failing | discarded | the Close that says why | that Close is out; the close deadline |
//! | Lingering | discarded | nothing | the peer's end or the close deadline, then our end; too many octets |
//! | Aborting | no | no | the transport was given up |
//! | Gone | no | no | never; the first reason stays |
//!
//! A deadline is a moment, set once by what begins it. An octet that arrives later does not move
//! it, and a call that is dropped and made again gets no more time.

use core::fmt;

/// A point in time, in whatever the caller counts. `u64` counts ticks of any length; `()` is for a
/// connection without a clock, for which nothing of this module is left but its states.
pub trait Moment: Copy + Ord {
    /// The time between two moments.
    type Span: Copy;
    /// Later than any other moment: no deadline.
    const NEVER: Self;
    /// Longer than any other span: no limit.
    const FOREVER: Self::Span;

    /// The moment `span` later; [`NEVER`](Self::NEVER) when that cannot be counted.
    #[must_use]
    fn after(self, span: Self::Span) -> Self;

    /// Whether this moment has come by `now`.
    #[must_use]
    fn has_come(self, now: Self) -> bool {
        self != Self::NEVER && self <= now
    }
}

impl Moment for u64 {
    type Span = Self;
    const NEVER: Self = Self::MAX;
    const FOREVER: Self = Self::MAX;

    fn after(self, span: Self) -> Self {
        self.saturating_add(span)
    }
}

impl Moment for () {
    type Span = ();
    const NEVER: Self = ();
    const FOREVER: Self = ();

    fn after(self, (): ()) -> Self {}
}

/// The limits in time of an open connection; [`Moment::FOREVER`] for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits<S> {
    /// How long nothing may arrive while somebody receives.
    pub silence: S,
    /// How long the transport may take nothing while something is queued.
    pub stall: S,
    /// After how long without an octet from the peer a Ping is sent, while somebody receives.
    pub ping_after: S,
    /// How long after that Ping an octet from the peer may take, while somebody receives, before
    /// it counts as gone.
    pub answer: S,
    /// From the first Close of either side, or the failure, to the end of the transport.
    pub close: S,
}

/// Which limit in time has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Timeout {
    /// Resolving the name and connecting. Nothing was sent.
    Connect,
    /// The opening handshake, that of TLS included.
    Handshake,
    /// Nothing arrived for too long.
    Silence,
    /// The transport took nothing for too long.
    Stall,
    /// The peer answered no Ping and sent nothing else.
    KeepAlive,
    /// The closing handshake was not complete in time.
    Close,
    /// One call's own limit. The connection is as it was.
    Call,
}

/// Why a connection is over, or about to be. The first reason is the one that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum End {
    /// The peer has closed.
    Closed,
    /// A rule was broken or a limit met; the receiver says which.
    Failed,
    /// The transport ended or failed.
    Lost,
    /// A limit in time has passed.
    Timeout(Timeout),
    /// The caller gave the connection up.
    Aborted,
}

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The opening handshake is complete.
    Opened,
    /// A receive finds nothing and begins to wait, or goes on waiting.
    Waits,
    /// A receive has returned with something.
    Delivered,
    /// That many octets arrived.
    Heard(usize),
    /// The transport has no more octets.
    InputEnded,
    /// What had arrived before the [end](Self::InputEnded) was delivered, and no Close was in it;
    /// or the transport failed.
    Lost,
    /// Something was queued to be written.
    Queued,
    /// The transport took some of what is queued.
    Taken,
    /// The transport took all that was queued.
    Drained,
    /// The transport no longer takes anything, or what is due cannot be framed.
    OutputFailed,
    /// A Ping that was [due](Lifecycle::is_ping_due) was queued, or must not be.
    Pinged,
    /// A call wants to close, and could not queue its Close yet. May be repeated.
    CloseBegun,
    /// That call was dropped. While what kept it from queuing its Close is still not out, its deadline
    /// holds for the next one: calling again gains no time.
    CloseWithdrawn,
    /// A Close of ours was queued.
    CloseQueued,
    /// The peer's Close was received.
    PeerClosed,
    /// The peer broke a rule or met a limit.
    PeerFailed,
    /// Our direction was shut, as [`Next::Shut`] asked.
    OutputShut,
    /// The caller gives the connection up.
    Aborted,
    /// The transport was given up, as [`Next::HangUp`] asked.
    HungUp,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Read for whoever receives, and write what is queued.
    Exchange,
    /// Write what is queued and the Close that is due; discard what is read.
    Flush,
    /// End the writing direction, then report [`Event::OutputShut`].
    Shut,
    /// Read and discard until the transport ends.
    Discard,
    /// Give the transport up in both directions, then report [`Event::HungUp`].
    HangUp,
    /// Nothing, from now on.
    Nothing,
}

/// Who waits: a receive keeps the limits on the peer's silence, everybody keeps the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A call that reads.
    Receive,
    /// Any other.
    Send,
}

/// The states in the table of the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Phase {
    /// Until the opening handshake is complete.
    Opening,
    /// Messages may go both ways.
    Open,
    /// A closing handshake was begun.
    Closing,
    /// The connection failed, and the Close that says why may not be out yet.
    Failing,
    /// Our last octet is out; the peer's end is awaited.
    Lingering,
    /// The transport is to be given up.
    Aborting,
    /// The transport was given up.
    Gone,
}

/// How far our direction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Output {
    Open,
    /// A call wants to close.
    Wanted,
    /// Our Close is queued.
    Queued,
    /// Our Close is out.
    Out,
    /// Nothing of ours can go out any more, not even a Close.
    Failed,
    Shut,
}

/// How many octets of a peer that does not end are discarded before the transport is given up.
pub const DISCARD_LIMIT: usize = 64 * 1024 * 1024;

/// The machine. See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lifecycle<T: Moment> {
    phase: Phase,
    output: Output,
    /// The transport has no more octets for us.
    input_ended: bool,
    ping_due: bool,
    end: Option<End>,
    /// Of the octets that may still be discarded.
    budget: u32,
    limits: Limits<T::Span>,
    /// When the last octet from the peer arrived, or the connection was opened.
    heard: T,
    /// Since when a receive waits, or would if it had not been dropped.
    waiting: T,
    /// When a Ping was sent last.
    pinged: T,
    /// When the first Ping was sent of those that nothing has answered.
    unanswered: T,
    /// Since when the transport has taken nothing of what is queued.
    stalled: T,
    /// By when the phase that has begun must be over.
    by: T,
}

impl<T: Moment> Lifecycle<T> {
    /// A connection whose opening handshake is to be complete `by` then.
    #[must_use]
    pub const fn opening(limits: Limits<T::Span>, by: T) -> Self {
        Self {
            phase: Phase::Opening,
            output: Output::Open,
            input_ended: false,
            ping_due: false,
            end: None,
            budget: DISCARD_LIMIT as u32,
            limits,
            heard: T::NEVER,
            waiting: T::NEVER,
            pinged: T::NEVER,
            unanswered: T::NEVER,
            stalled: T::NEVER,
            by,
        }
    }

    /// A connection whose opening handshake is complete.
    #[must_use]
    pub fn open(limits: Limits<T::Span>, now: T) -> Self {
        let mut lifecycle = Self::opening(limits, T::NEVER);
        lifecycle.on(Event::Opened, now);
        lifecycle
    }

    /// The state.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Why the connection is over or about to be.
    #[must_use]
    pub const fn end(&self) -> Option<End> {
        self.end
    }

    /// When the last octet from the peer arrived, or the connection was opened.
    #[must_use]
    pub const fn last_heard(&self) -> T {
        self.heard
    }

    /// By when the phase that has begun must be over.
    #[must_use]
    pub const fn closes_by(&self) -> T {
        match self.phase {
            Phase::Open => T::NEVER,
            _ => self.by,
        }
    }

    /// The limits.
    #[must_use]
    pub const fn limits(&self) -> &Limits<T::Span> {
        &self.limits
    }

    /// The limits, for changing them. A change takes effect at the next [`check`](Self::check); a
    /// closing handshake that has begun keeps its deadline.
    pub const fn limits_mut(&mut self) -> &mut Limits<T::Span> {
        &mut self.limits
    }

    /// Whether a Ping is to be queued; then report [`Event::Pinged`].
    #[must_use]
    pub const fn is_ping_due(&self) -> bool {
        self.ping_due
    }

    /// Whether a Close with [`GOING_AWAY`](crate::close::CloseCode::GOING_AWAY) is to be queued: a
    /// silent peer may hear us though we do not hear it. Of other failures the receiver owes the
    /// Close.
    #[must_use]
    pub const fn is_farewell_due(&self) -> bool {
        matches!(
            (self.phase, self.output, self.end),
            (
                Phase::Failing,
                Output::Open | Output::Wanted,
                Some(End::Timeout(_))
            )
        )
    }

    /// Whether something is queued that the transport has not taken.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.stalled != T::NEVER
    }

    /// Whether octets may still come.
    #[must_use]
    pub const fn may_read(&self) -> bool {
        !self.input_ended && !matches!(self.phase, Phase::Aborting | Phase::Gone)
    }

    /// Whether what arrives is delivered, rather than discarded.
    #[must_use]
    pub const fn delivers(&self) -> bool {
        matches!(self.phase, Phase::Opening | Phase::Open | Phase::Closing) && self.end.is_none()
    }

    /// Whether anything of ours may still be written.
    #[must_use]
    pub const fn may_write(&self) -> bool {
        !matches!(self.output, Output::Out | Output::Failed | Output::Shut)
            && !matches!(self.phase, Phase::Aborting | Phase::Gone)
    }

    /// What to do next.
    #[must_use]
    pub const fn next(&self) -> Next {
        match (self.phase, self.output) {
            (Phase::Opening | Phase::Open, _) => Next::Exchange,
            // The end of our direction has to say what our Close cannot.
            (Phase::Closing, Output::Failed) | (Phase::Failing, Output::Out | Output::Failed) => {
                Next::Shut
            }
            (Phase::Closing, _) if self.end.is_none() => Next::Exchange,
            (Phase::Closing | Phase::Failing, _) => Next::Flush,
            (Phase::Lingering, _) if !self.input_ended => Next::Discard,
            // RFC 6455 §7.1.1: the server closes the transport first, then the client.
            (Phase::Lingering, Output::Shut) | (Phase::Aborting, _) => Next::HangUp,
            (Phase::Lingering, _) => Next::Shut,
            (Phase::Gone, _) => Next::Nothing,
        }
    }

    /// The latest moment at which to call [`check`](Self::check).
    #[must_use]
    pub fn until(&self, call: Call) -> T {
        if matches!(self.phase, Phase::Aborting | Phase::Gone) {
            return T::NEVER;
        }
        let mut until = self.closes_by().min(self.stalled_by());
        if call == Call::Receive && self.phase == Phase::Open {
            until = until
                .min(self.silent_by())
                .min(self.dead_by())
                .min(self.ping_at());
        }
        until
    }

    /// Checks whether a deadline has passed or a Ping is due. Call it after an attempt to read and
    /// write: what has arrived is not silence, and what was taken is not a stall.
    pub fn check(&mut self, call: Call, now: T) {
        if matches!(self.phase, Phase::Aborting | Phase::Gone) {
            return;
        }
        if self.closes_by().has_come(now) {
            self.out_of_time();
        } else if self.stalled_by().has_come(now) {
            self.abort(End::Timeout(Timeout::Stall));
        } else if call == Call::Receive && self.phase == Phase::Open {
            if self.dead_by().has_come(now) {
                self.fail(End::Timeout(Timeout::KeepAlive), now);
            } else if self.silent_by().has_come(now) {
                self.fail(End::Timeout(Timeout::Silence), now);
            } else if self.ping_at().has_come(now) {
                self.ping_due = true;
                self.pinged = now;
                self.unanswered = self.unanswered.min(now);
            }
        }
    }

    /// Every transition but those of [`check`](Self::check).
    pub fn on(&mut self, event: Event, now: T) {
        if matches!(self.phase, Phase::Aborting | Phase::Gone) {
            if event == Event::HungUp {
                self.phase = Phase::Gone;
            }
            return;
        }
        match event {
            Event::Opened => {
                if self.phase == Phase::Opening {
                    self.phase = Phase::Open;
                    self.heard = now;
                    self.by = T::NEVER;
                }
            }
            Event::Waits => self.waiting = self.waiting.min(now),
            Event::Delivered => {
                self.waiting = T::NEVER;
                self.unanswered = T::NEVER;
            }
            Event::Heard(n) => self.heard(n, now),
            Event::InputEnded => self.input_ended = true,
            Event::Lost => self.lost(now),
            Event::Queued => {
                // What nobody writes any more has no deadline.
                if self.may_write() {
                    self.stalled = self.stalled.min(now);
                }
            }
            Event::Taken => self.stalled = now,
            Event::Drained => {
                self.nothing_waits();
                if self.output == Output::Queued {
                    self.output = Output::Out;
                    self.linger_if_both_closed();
                }
            }
            Event::OutputFailed => {
                self.nothing_waits();
                if !matches!(self.output, Output::Out | Output::Shut) {
                    self.output = Output::Failed;
                }
            }
            Event::Pinged => self.ping_due = false,
            Event::CloseBegun => {
                if self.phase == Phase::Open {
                    self.close(now);
                    // Where nothing can go out, there is nothing to wait for or to take back.
                    if self.output == Output::Open {
                        self.output = Output::Wanted;
                    }
                }
            }
            Event::CloseWithdrawn => {
                if self.phase == Phase::Closing && self.output == Output::Wanted {
                    self.output = Output::Open;
                    if self.end.is_none() {
                        self.phase = Phase::Open;
                        if !self.is_stalled() {
                            self.by = T::NEVER;
                        }
                    }
                }
            }
            Event::CloseQueued => {
                self.close(now);
                if matches!(self.output, Output::Open | Output::Wanted) {
                    self.output = Output::Queued;
                    self.stalled = self.stalled.min(now);
                }
            }
            Event::PeerClosed => {
                self.begin_closing(now);
                self.end.get_or_insert(End::Closed);
                self.linger_if_both_closed();
            }
            Event::PeerFailed => self.fail(End::Failed, now),
            Event::OutputShut => {
                self.stalled = T::NEVER;
                self.output = Output::Shut;
                self.begin_closing(now);
                // What the peer sent before its own Close still comes.
                if self.end.is_some() {
                    self.phase = Phase::Lingering;
                }
            }
            Event::Aborted => self.abort(End::Aborted),
            Event::HungUp => {
                // Whoever was not asked to has given it up.
                self.abort(End::Aborted);
                self.phase = Phase::Gone;
            }
        }
    }

    /// The phase that has begun has had its time.
    const fn out_of_time(&mut self) {
        match (self.phase, self.output) {
            (Phase::Opening, _) => self.abort(End::Timeout(Timeout::Handshake)),
            // Nothing is missing but the peer's end. Our direction is shut first, since a reset
            // could destroy our Close; once shutting was begun it goes on by itself.
            (Phase::Lingering, Output::Out | Output::Failed) if self.input_ended => {
                self.output = Output::Shut;
            }
            (Phase::Lingering, Output::Out | Output::Failed) => self.input_ended = true,
            _ => self.abort(End::Timeout(Timeout::Close)),
        }
    }

    fn heard(&mut self, n: usize, now: T) {
        self.heard = now;
        self.unanswered = T::NEVER;
        // Nobody wants what comes once the end is known.
        if self.end.is_some() {
            let n = u32::try_from(n).unwrap_or(u32::MAX);
            match self.budget.checked_sub(n) {
                Some(left) => self.budget = left,
                None => self.abort(End::Failed),
            }
        }
    }

    /// RFC 6455 §7.1.5: without a Close that is status 1006, and nobody is left to tell.
    fn lost(&mut self, now: T) {
        if self.phase == Phase::Lingering {
            // Behind both Closes nothing is missing, however the transport ends: our direction
            // still does in order.
            self.input_ended = true;
            return;
        }
        if self.phase == Phase::Opening || !self.input_ended {
            self.abort(End::Lost);
            return;
        }
        if self.end.is_some() {
            // It ends already, and what is queued for that still leaves.
            return;
        }
        self.begin_closing(now);
        self.end = Some(End::Lost);
        self.stalled = T::NEVER;
        if self.output != Output::Shut {
            self.output = Output::Failed;
        }
        self.phase = Phase::Lingering;
    }

    fn begin_closing(&mut self, now: T) {
        if self.phase == Phase::Open {
            self.phase = Phase::Closing;
            self.by = now.after(self.limits.close);
        }
    }

    /// A call of ours closes. Where one before it was withdrawn, its deadline still holds.
    fn close(&mut self, now: T) {
        let kept = match self.phase {
            Phase::Open => self.by,
            _ => T::NEVER,
        };
        self.begin_closing(now);
        self.by = self.by.min(kept);
    }

    /// Nothing that was queued waits any more. The deadline of a close that was withdrawn stands for the
    /// next one until here, since this is what kept its Close from being queued.
    fn nothing_waits(&mut self) {
        self.stalled = T::NEVER;
        if self.phase == Phase::Open {
            self.by = T::NEVER;
        }
    }

    /// RFC 6455 §7.1.7: the Close that says why is sent, and nothing that arrives is looked at.
    fn fail(&mut self, end: End, now: T) {
        self.begin_closing(now);
        if self.phase == Phase::Closing {
            self.end.get_or_insert(end);
            self.phase = match self.output {
                Output::Shut => Phase::Lingering,
                _ => Phase::Failing,
            };
        } else if self.phase == Phase::Opening {
            self.abort(end);
        }
    }

    const fn abort(&mut self, end: End) {
        if self.end.is_none() {
            self.end = Some(end);
        }
        self.stalled = T::NEVER;
        self.phase = Phase::Aborting;
    }

    fn linger_if_both_closed(&mut self) {
        if self.phase == Phase::Closing
            && self.end.is_some()
            && matches!(self.output, Output::Out | Output::Shut)
        {
            self.phase = Phase::Lingering;
        }
    }

    fn stalled_by(&self) -> T {
        self.limit(self.stalled, self.limits.stall)
    }

    fn silent_by(&self) -> T {
        self.limit(self.silent_since(), self.limits.silence)
    }

    /// From a Ping on, and only from one: where receives are rare it may be sent late, and a peer
    /// that was not asked owes no answer.
    fn dead_by(&self) -> T {
        self.limit(self.unanswered, self.limits.answer)
    }

    fn ping_at(&self) -> T {
        let since = match self.silent_since() {
            since if self.pinged == T::NEVER || since == T::NEVER => since,
            since => since.max(self.pinged),
        };
        self.limit(since, self.limits.ping_after)
    }

    /// From the last octet or from the beginning of the wait, whichever is later: whoever did not
    /// receive for long has not listened either.
    fn silent_since(&self) -> T {
        match self.waiting {
            waiting if waiting == T::NEVER => waiting,
            waiting => waiting.max(self.heard),
        }
    }

    fn limit(&self, since: T, span: T::Span) -> T {
        if since == T::NEVER {
            since
        } else {
            since.after(span)
        }
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting to the host timed out",
            Self::Handshake => "the opening handshake timed out",
            Self::Silence => "the peer was idle for too long: nothing arrived",
            Self::Stall => "the peer was idle for too long: it read nothing",
            Self::KeepAlive => "the peer sent no answer to a Ping and nothing else",
            Self::Close => "the closing handshake timed out",
            Self::Call => "the call timed out; the connection is still there",
        })
    }
}

impl core::error::Error for Timeout {}
