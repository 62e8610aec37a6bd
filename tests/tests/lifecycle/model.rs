//! What a connection is, as a function of what has happened to it: the laws written down as facts
//! and no transitions.

use crate::*;

/// The facts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Model {
    opened: bool,
    hung_up: bool,
    given_up: bool,
    failed: bool,
    peer_closed: bool,
    input_ended: bool,
    lost: bool,
    shut: bool,
    output_failed: bool,
    wanted: bool,
    queued: bool,
    out: bool,
    ping_due: bool,
    reason: Option<End>,
    discarded: usize,
    heard: u64,
    pinged: u64,
    /// The first Ping since then that nothing has answered.
    unanswered: Option<u64>,
    waits_since: Option<u64>,
    stalled_since: Option<u64>,
    ends_since: Option<u64>,
    /// When a close began that was dropped, while what it waited for is still not out.
    withdrawn_since: Option<u64>,
}

impl Model {
    pub(crate) const fn new() -> Self {
        Self {
            opened: false,
            hung_up: false,
            given_up: false,
            failed: false,
            peer_closed: false,
            input_ended: false,
            lost: false,
            shut: false,
            output_failed: false,
            wanted: false,
            queued: false,
            out: false,
            ping_due: false,
            reason: None,
            discarded: 0,
            heard: 0,
            pinged: 0,
            unanswered: None,
            waits_since: None,
            stalled_since: None,
            ends_since: None,
            withdrawn_since: None,
        }
    }

    /// Nothing of ours can leave any more.
    const fn is_mute(&self) -> bool {
        self.out || self.output_failed || self.lost || self.shut
    }

    pub(crate) const fn phase(&self) -> Phase {
        if self.hung_up {
            Phase::Gone
        } else if self.given_up {
            Phase::Aborting
        } else if !self.opened {
            Phase::Opening
        } else if self.lost
            || (self.shut && self.reason.is_some())
            || (self.peer_closed && self.out && !self.failed)
        {
            Phase::Lingering
        } else if self.failed {
            Phase::Failing
        } else if self.peer_closed || self.wanted || self.queued || self.shut {
            Phase::Closing
        } else {
            Phase::Open
        }
    }

    fn next(&self) -> Next {
        match self.phase() {
            Phase::Gone => Next::Nothing,
            Phase::Aborting => Next::HangUp,
            Phase::Lingering if !self.input_ended => Next::Discard,
            Phase::Lingering if self.shut => Next::HangUp,
            Phase::Lingering => Next::Shut,
            Phase::Failing if self.is_mute() => Next::Shut,
            Phase::Failing => Next::Flush,
            Phase::Closing if self.output_failed && !self.shut => Next::Shut,
            Phase::Closing if self.peer_closed => Next::Flush,
            _ => Next::Exchange,
        }
    }

    const fn is_over(&self) -> bool {
        self.given_up || self.hung_up
    }

    fn silent_since(&self) -> Option<u64> {
        let waits = self.waits_since.filter(|_| self.phase() == Phase::Open)?;
        Some(waits.max(self.heard))
    }

    fn by(&self) -> Option<u64> {
        match self.phase() {
            Phase::Opening => Some(OPENING),
            _ => self.ends_since.map(|since| since + LIMITS.close),
        }
    }

    fn until(&self, call: Call) -> u64 {
        if self.is_over() {
            return u64::MAX;
        }
        let silent = self.silent_since().filter(|_| call == Call::Receive);
        let pinged = silent.map(|since| since.max(self.pinged));
        [
            self.by(),
            self.stalled_since.map(|since| since + LIMITS.stall),
            silent.map(|since| since + LIMITS.silence),
            silent
                .and(self.unanswered)
                .map(|since| since + LIMITS.answer),
            pinged.map(|since| since + LIMITS.ping_after),
        ]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(u64::MAX)
    }

    pub(crate) fn happens(&mut self, happens: Happens, now: u64) {
        if self.hung_up {
            return;
        }
        match happens {
            Happens::Event(Event::HungUp) => self.hung_up = true,
            _ if self.given_up => return,
            Happens::Event(event) => self.on(event, now),
            Happens::Check(call) => self.check(call, now),
        }
        if matches!(self.phase(), Phase::Opening | Phase::Open) {
            let begun = self.ends_since.take().or(self.withdrawn_since);
            self.withdrawn_since = begun.filter(|_| self.stalled_since.is_some());
        } else {
            // Only for another close of ours.
            let closes = matches!(
                happens,
                Happens::Event(Event::CloseBegun | Event::CloseQueued)
            );
            let begun = self
                .withdrawn_since
                .take()
                .filter(|_| closes)
                .unwrap_or(now);
            self.ends_since = self.ends_since.or(Some(begun));
        }
    }

    fn on(&mut self, event: Event, now: u64) {
        let is_unwanted = self.reason.is_some();
        match event {
            Event::Opened => (self.opened, self.heard) = (true, now),
            Event::Waits => self.waits_since = self.waits_since.or(Some(now)),
            Event::Delivered => (self.waits_since, self.unanswered) = (None, None),
            Event::Heard(n) => {
                (self.heard, self.unanswered) = (now, None);
                if is_unwanted && self.discarded + n > DISCARD_LIMIT {
                    self.give_up(End::Failed);
                } else if is_unwanted {
                    self.discarded += n;
                }
            }
            Event::InputEnded => self.input_ended = true,
            // Behind both Closes a transport that breaks has only ended.
            Event::Lost if self.phase() == Phase::Lingering => self.input_ended = true,
            Event::Lost if self.opened && self.input_ended => {
                self.lost = true;
                self.stalled_since = None;
                self.reason = self.reason.or(Some(End::Lost));
            }
            Event::Lost => self.give_up(End::Lost),
            Event::Queued => self.stalled_since = self.stalled_since.or(Some(now)),
            Event::Taken => self.stalled_since = Some(now),
            Event::Drained => {
                self.stalled_since = None;
                self.out = self.queued;
            }
            Event::OutputFailed => {
                self.stalled_since = None;
                self.output_failed = !self.out;
            }
            Event::Pinged => self.ping_due = false,
            Event::CloseBegun => self.wanted = true,
            // What cannot leave any more is not taken back either.
            Event::CloseWithdrawn => self.wanted &= self.output_failed,
            Event::CloseQueued => {
                self.queued = true;
                self.stalled_since = self.stalled_since.or(Some(now));
            }
            Event::PeerClosed => {
                self.peer_closed = true;
                self.reason = self.reason.or(Some(End::Closed));
            }
            Event::PeerFailed if self.opened => self.fail(End::Failed),
            Event::PeerFailed => self.give_up(End::Failed),
            Event::OutputShut => {
                self.stalled_since = None;
                self.shut = true;
            }
            Event::Aborted => self.give_up(End::Aborted),
            Event::HungUp => {}
        }
    }

    fn check(&mut self, call: Call, now: u64) {
        let has_come = |since: Option<u64>, span| since.is_some_and(|since| now >= since + span);
        let silent = self.silent_since().filter(|_| call == Call::Receive);
        let is_over_time = self.by().is_some_and(|by| now >= by);
        if is_over_time && self.phase() == Phase::Lingering && !self.shut {
            // The peer's end is waited for no more, and then our own is not either.
            self.shut = self.input_ended;
            self.input_ended = true;
        } else if is_over_time {
            self.give_up(End::Timeout(if self.opened {
                Timeout::Close
            } else {
                Timeout::Handshake
            }));
        } else if has_come(self.stalled_since, LIMITS.stall) {
            self.give_up(End::Timeout(Timeout::Stall));
        } else if has_come(silent.and(self.unanswered), LIMITS.answer) {
            self.fail(End::Timeout(Timeout::KeepAlive));
        } else if has_come(silent, LIMITS.silence) {
            self.fail(End::Timeout(Timeout::Silence));
        } else if has_come(
            silent.map(|since| since.max(self.pinged)),
            LIMITS.ping_after,
        ) {
            (self.ping_due, self.pinged) = (true, now);
            self.unanswered = self.unanswered.or(Some(now));
        }
    }

    fn fail(&mut self, end: End) {
        self.failed = true;
        self.reason = self.reason.or(Some(end));
    }

    fn give_up(&mut self, end: End) {
        self.given_up = true;
        self.stalled_since = None;
        self.reason = self.reason.or(Some(end));
    }

    /// What of the machine is not as it must be.
    pub(crate) fn differs(&self, machine: &Subject) -> Option<String> {
        let phase = self.phase();
        let is_over = self.is_over();
        let wanted = (
            phase,
            self.next(),
            self.reason,
            CALLS.map(|call| self.until(call)),
            self.ping_due,
            (
                !self.input_ended && !is_over,
                !self.is_mute() && !is_over,
                matches!(phase, Phase::Opening | Phase::Open | Phase::Closing)
                    && self.reason.is_none(),
                !is_over && self.stalled_since.is_some(),
                phase == Phase::Failing
                    && !self.is_mute()
                    && !self.queued
                    && matches!(self.reason, Some(End::Timeout(_))),
            ),
        );
        let is = (
            machine.phase(),
            machine.next(),
            machine.end(),
            CALLS.map(|call| machine.until(call)),
            machine.is_ping_due(),
            (
                machine.may_read(),
                machine.may_write(),
                machine.delivers(),
                machine.is_stalled(),
                machine.is_farewell_due(),
            ),
        );
        (is != wanted).then(|| format!("the machine: {is:?}\nthe model:   {wanted:?}"))
    }
}
