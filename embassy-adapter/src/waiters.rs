//! Who waits for a change of the connection.

use core::task::Waker;

use bare_ws::lifecycle::Call;

use crate::WAITERS;

/// The tasks that wait, each once: whoever receives in the first place, the others behind it.
pub(crate) struct Waiters([Option<Waker>; WAITERS]);

impl Waiters {
    pub(crate) const NONE: Self = Self([const { None }; WAITERS]);

    /// `false`: all places are taken, and others are not woken for one more.
    pub(crate) fn register(&mut self, call: Call, waker: &Waker) -> bool {
        let [receiver, senders @ ..] = &mut self.0;
        let knows = |place: &Option<Waker>| place.as_ref().is_some_and(|it| it.will_wake(waker));
        if knows(receiver) {
            return true;
        }
        let known = senders.iter_mut().find(|place| knows(place));
        let place = match (call, known) {
            (Call::Send, Some(_)) => return true,
            (Call::Send, None) => senders.iter_mut().find(|place| place.is_none()),
            (Call::Receive, known) => {
                // One place is enough for a task.
                if let Some(known) = known {
                    *known = None;
                }
                Some(receiver)
            }
        };
        place.map(|place| *place = Some(waker.clone())).is_some()
    }

    pub(crate) fn wake(&mut self) {
        self.0
            .iter_mut()
            .filter_map(Option::take)
            .for_each(Waker::wake);
    }

    pub(crate) fn wake_receiver(&mut self) {
        let [receiver, ..] = &mut self.0;
        if let Some(receiver) = receiver.take() {
            receiver.wake();
        }
    }
}
