//! The machine under test, or one that is wrong on purpose.

use crate::*;

/// What a mutant does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mutant {
    /// The close deadline is taken back when it has passed, as if the call had been dropped.
    ExpiryTakesBack,
    /// An octet of the peer's begins the close deadline anew.
    OctetsRestartTheClose,
    /// The transport is given up before our direction was shut.
    HangsUpAtOnce,
    /// Nothing is read while something waits to be written.
    WritesBeforeItReads,
    /// The last reason is told.
    LastReason,
    /// A deadline counts from the tick after it.
    OneTickLate,
    /// A Close that was queued can be taken back with the call.
    TakesBackTheQueued,
    /// There is no deadline for the peer to end the transport.
    LingersForEver,
    /// A peer that was not asked counts as gone.
    DiesUnasked,
}

/// Each mutant, and the law that it breaks.
pub(crate) const MUTANTS: &[(Mutant, &str)] = &[
    (Mutant::ExpiryTakesBack, "8:"),
    (Mutant::OctetsRestartTheClose, "1:"),
    (Mutant::HangsUpAtOnce, "7:"),
    (Mutant::WritesBeforeItReads, "3:"),
    (Mutant::LastReason, "5:"),
    (Mutant::OneTickLate, "1:"),
    (Mutant::TakesBackTheQueued, "1:"),
    (Mutant::LingersForEver, "1:"),
    (Mutant::DiesUnasked, "keepalive:"),
];

/// The machine, behind a mutant or none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Subject {
    machine: Lifecycle<u64>,
    mutant: Option<Mutant>,
    /// Only for mutants: what the machine was before a Close was queued.
    before: Option<Box<Lifecycle<u64>>>,
}

impl Subject {
    pub(crate) fn new(machine: Lifecycle<u64>, mutant: Option<Mutant>) -> Self {
        Self {
            machine,
            mutant,
            before: None,
        }
    }

    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    pub(crate) fn happens(&mut self, happens: Happens, now: u64) {
        match happens {
            Happens::Check(call) => {
                if self.is(Mutant::ExpiryTakesBack) && self.machine.until(Call::Send) <= now {
                    self.machine.on(Event::CloseWithdrawn, now);
                }
                if self.is(Mutant::DiesUnasked) {
                    let due = self.machine.until(call);
                    self.machine.check(call, due.min(now));
                }
                let late = u64::from(self.is(Mutant::OneTickLate));
                self.machine.check(call, now.saturating_sub(late));
            }
            Happens::Event(event) => self.on(event, now),
        }
    }

    fn on(&mut self, event: Event, now: u64) {
        match event {
            Event::Heard(_) if self.is(Mutant::OctetsRestartTheClose) => {
                let open = self.machine.phase();
                if !self.machine.is_stalled() {
                    self.machine.on(Event::CloseWithdrawn, now);
                }
                if open != self.machine.phase() {
                    self.machine.on(Event::CloseBegun, now);
                }
            }
            Event::CloseQueued if self.is(Mutant::TakesBackTheQueued) => {
                self.before = Some(Box::new(self.machine.clone()));
            }
            Event::CloseWithdrawn => {
                if let Some(before) = self.before.take() {
                    self.machine = *before;
                }
            }
            _ => {}
        }
        self.machine.on(event, now);
    }

    pub(crate) fn phase(&self) -> Phase {
        self.machine.phase()
    }

    pub(crate) fn end(&self) -> Option<End> {
        match self.machine.phase() {
            Phase::Aborting if self.is(Mutant::LastReason) => Some(End::Aborted),
            _ => self.machine.end(),
        }
    }

    pub(crate) fn next(&self) -> Next {
        match self.machine.next() {
            Next::Shut if self.is(Mutant::HangsUpAtOnce) => Next::HangUp,
            next => next,
        }
    }

    pub(crate) fn until(&self, call: Call) -> u64 {
        match self.machine.phase() {
            Phase::Lingering if self.is(Mutant::LingersForEver) => u64::MAX,
            _ => self.machine.until(call),
        }
    }

    pub(crate) fn may_read(&self) -> bool {
        self.machine.may_read()
            && !(self.is(Mutant::WritesBeforeItReads) && self.machine.is_stalled())
    }

    pub(crate) fn may_write(&self) -> bool {
        self.machine.may_write()
    }

    pub(crate) fn delivers(&self) -> bool {
        self.machine.delivers()
    }

    pub(crate) fn is_ping_due(&self) -> bool {
        self.machine.is_ping_due()
    }

    pub(crate) fn is_farewell_due(&self) -> bool {
        self.machine.is_farewell_due()
    }

    pub(crate) fn is_stalled(&self) -> bool {
        self.machine.is_stalled()
    }
}
