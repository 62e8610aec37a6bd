//! Who waits for a change of the connection.

use core::task::Waker;

use bare_ws::lifecycle::{Call, Moment};
use embassy_time::Instant;

use crate::WAITERS;
use crate::timing::At;

/// The tasks that wait, each once: whoever receives in the first place, the others behind it.
pub(crate) struct Waiters([Option<Waiter>; WAITERS]);

struct Waiter {
    waker: Waker,
    /// When its timer wakes it, whatever happens.
    until: At,
}

impl Waiters {
    pub(crate) const NONE: Self = Self([const { None }; WAITERS]);

    /// `false`: all places are taken, and others are not woken for one more.
    pub(crate) fn register(&mut self, call: Call, waker: &Waker) -> bool {
        self.place(call, waker).is_some()
    }

    /// The same for one who comes back at `until` by itself.
    pub(crate) fn register_until(&mut self, call: Call, waker: &Waker, until: At, now: At) -> bool {
        let Some(waiter) = self.place(call, waker) else {
            return false;
        };
        // A task may wait for several things at once, and its timer knows the first of them until
        // that has come.
        waiter.until = if waiter.until.has_come(now) {
            until
        } else {
            waiter.until.min(until)
        };
        true
    }

    fn place(&mut self, call: Call, waker: &Waker) -> Option<&mut Waiter> {
        let knows =
            |place: &Option<Waiter>| place.as_ref().is_some_and(|it| it.waker.will_wake(waker));
        let known = self.0.iter().position(knows);
        let at = match (call, known) {
            (_, Some(0)) => 0,
            (Call::Send, Some(known)) => known,
            (Call::Send, None) => 1 + self.0.iter().skip(1).position(Option::is_none)?,
            // One place is enough for a task.
            (Call::Receive, Some(known)) => {
                let waiter = self.0.get_mut(known)?.take();
                *self.0.first_mut()? = waiter;
                0
            }
            (Call::Receive, None) => {
                *self.0.first_mut()? = None;
                0
            }
        };
        let place = self.0.get_mut(at)?;
        Some(place.get_or_insert_with(|| Waiter {
            waker: waker.clone(),
            until: At::NEVER,
        }))
    }

    pub(crate) fn wake(&mut self) {
        self.wake_later_than(ALWAYS, ALWAYS);
    }

    pub(crate) fn wake_receiver(&mut self) {
        self.wake_later_than(ALWAYS, At::NEVER);
    }

    /// Wakes whoever receives, or sends, and would come back later than that by itself.
    #[inline(never)]
    pub(crate) fn wake_later_than(&mut self, receive: At, send: At) {
        let limits = core::iter::once(receive).chain(core::iter::repeat(send));
        for (place, limit) in self.0.iter_mut().zip(limits) {
            if let Some(waiter) = place.take_if(|waiter| waiter.until > limit) {
                waiter.waker.wake();
            }
        }
    }
}

/// Everybody comes back later than that.
const ALWAYS: At = At(Instant::MIN);
