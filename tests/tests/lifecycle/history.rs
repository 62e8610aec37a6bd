//! What has happened to a connection, as whoever drives its transport knows it: which events can
//! come next, and what the laws are to be held against.

use crate::*;

/// What has happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct History {
    pub(crate) opened: bool,
    pub(crate) input_ended: bool,
    /// The transport failed while it was read from.
    pub(crate) transport_failed: bool,
    pub(crate) output_failed: bool,
    /// Our direction was shut.
    pub(crate) shut: bool,
    /// Something is queued, and since when nothing of it was taken.
    pub(crate) stalled: Option<u64>,
    /// A call that closes is there: it may be dropped before its Close was queued, and after.
    pub(crate) close_wanted: bool,
    pub(crate) close_queued: bool,
    pub(crate) close_out: bool,
    /// The peer's Close was received, or it failed: nothing that comes now is looked at.
    pub(crate) peer_done: bool,
    /// The end without a Close was delivered.
    pub(crate) lost: bool,
    pub(crate) aborted: bool,
    /// When the connection began to end.
    pub(crate) ends_since: Option<u64>,
    /// When a close began that was withdrawn, while what it waited for is still not out.
    withdrawn_since: Option<u64>,
    /// A deadline had passed when somebody looked.
    pub(crate) expired: bool,
    pub(crate) discarded: usize,
    /// Since when a Ping is on its way, or out, of which the peer has shown no sign.
    pub(crate) asked: Option<u64>,
}

impl History {
    /// Whether the transport would take something of ours.
    fn writes(&self) -> bool {
        !(self.close_queued || self.output_failed || self.shut || self.lost)
    }

    /// What a transport and its caller may report next.
    pub(crate) fn possible(&self, subject: &Subject) -> Vec<Happens> {
        use Event as E;
        let phase = subject.phase();
        let over = matches!(phase, Phase::Aborting | Phase::Gone);
        let delivers = self.opened && subject.next() == Next::Exchange && !self.peer_done;
        let reads = subject.may_read();
        let moves = self.stalled.is_some() && !self.output_failed && !self.shut && !over;
        let all = [
            (!self.opened && !over, E::Opened),
            (self.opened, E::Waits),
            (self.opened, E::Delivered),
            (reads, E::Heard(1)),
            (reads, E::Heard(DISCARD_LIMIT / 2 + 1)),
            (reads, E::InputEnded),
            (
                reads || (self.input_ended && !self.lost && (delivers || !self.opened)),
                E::Lost,
            ),
            (self.writes() && !over, E::Queued),
            (moves, E::Taken),
            (moves, E::Drained),
            (!(self.output_failed || self.shut || over), E::OutputFailed),
            (subject.is_ping_due(), E::Pinged),
            (self.opened && !self.close_queued, E::CloseBegun),
            (self.close_wanted, E::CloseWithdrawn),
            (self.opened && self.writes() && !over, E::CloseQueued),
            (delivers, E::PeerClosed),
            (delivers || !self.opened, E::PeerFailed),
            (subject.next() == Next::Shut, E::OutputShut),
            (!self.aborted, E::Aborted),
            (subject.next() == Next::HangUp, E::HungUp),
        ];
        let events = all.into_iter().filter(|(possible, _)| *possible);
        let checks = CALLS.into_iter().map(Happens::Check);
        events
            .map(|(_, event)| Happens::Event(event))
            .chain(checks)
            .collect()
    }

    /// Notes what happens to `before`, and what has come of it.
    pub(crate) fn note(&mut self, happens: Happens, now: u64, before: &Subject, after: &Subject) {
        let event = match happens {
            Happens::Event(event) => event,
            Happens::Check(_) => {
                let stalled = |since| now >= since + LIMITS.stall;
                let ends = |since| now >= since + LIMITS.close;
                if after.is_ping_due() {
                    self.asked = self.asked.or(Some(now));
                }
                self.expired |= self.stalled.is_some_and(stalled)
                    || self.ends_since.is_some_and(ends)
                    || (!self.opened && now >= OPENING);
                self.ends(now, after, None);
                return;
            }
        };
        if matches!(event, Event::Heard(_) | Event::Delivered) {
            self.asked = None;
        }
        match event {
            Event::Opened => self.opened = true,
            Event::Heard(n)
                if matches!(before.next(), Next::Flush | Next::Shut | Next::Discard) =>
            {
                self.discarded = (self.discarded + n).min(2 * DISCARD_LIMIT);
            }
            Event::InputEnded => self.input_ended = true,
            Event::Lost if self.input_ended => {
                self.lost = true;
                self.stalled = None;
            }
            Event::Lost => self.transport_failed = true,
            Event::Queued => self.stalled = self.stalled.or(Some(now)),
            Event::Taken => self.stalled = Some(now),
            Event::Drained => {
                self.stalled = None;
                self.close_out = self.close_queued;
            }
            Event::OutputFailed => {
                self.stalled = None;
                self.output_failed = true;
            }
            Event::CloseBegun => self.close_wanted = true,
            Event::CloseWithdrawn => self.close_wanted = false,
            Event::CloseQueued => {
                self.close_queued = true;
                self.stalled = self.stalled.or(Some(now));
            }
            Event::PeerClosed | Event::PeerFailed => self.peer_done = true,
            Event::OutputShut => {
                self.stalled = None;
                self.shut = true;
            }
            Event::Aborted => self.aborted = true,
            _ => {}
        }
        if matches!(event, Event::Drained | Event::OutputFailed) {
            self.withdrawn_since = None;
        }
        self.ends(now, after, Some(event));
    }

    fn ends(&mut self, now: u64, after: &Subject, event: Option<Event>) {
        match after.phase() {
            Phase::Opening => {}
            Phase::Open if event == Some(Event::CloseWithdrawn) => {
                let begun = self.ends_since.take().or(self.withdrawn_since);
                self.withdrawn_since = begun.filter(|_| self.stalled.is_some());
            }
            Phase::Open => {}
            _ => {
                // Only for another close of ours.
                let closes = matches!(event, Some(Event::CloseBegun | Event::CloseQueued));
                let begun = self
                    .withdrawn_since
                    .take()
                    .filter(|_| closes)
                    .unwrap_or(now);
                self.ends_since = self.ends_since.or(Some(begun));
            }
        }
    }
}
