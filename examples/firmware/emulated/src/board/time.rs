//! embassy-time on the board's clock and alarm.

use core::{cell::RefCell, task::Waker};

use critical_section::{CriticalSection, Mutex};
use embassy_time_driver::Driver;
use embassy_time_queue_utils::Queue;

use super::hardware;

embassy_time_driver::time_driver_impl!(static CLOCK: Clock = Clock {
    queue: Mutex::new(RefCell::new(Queue::new())),
});

struct Clock {
    queue: Mutex<RefCell<Queue>>,
}

impl Driver for Clock {
    fn now(&self) -> u64 {
        hardware::now()
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|cs| {
            if self.queue.borrow_ref_mut(cs).schedule_wake(at, waker) {
                self.wake_expired(cs);
            }
        });
    }
}

impl Clock {
    fn wake_expired(&self, cs: CriticalSection<'_>) {
        let mut queue = self.queue.borrow_ref_mut(cs);
        let now = hardware::now();
        hardware::set_alarm(now, queue.next_expiration(now));
    }
}

/// To be called by the board's interrupt handler when the alarm goes off.
pub(super) fn on_alarm() {
    critical_section::with(|cs| CLOCK.wake_expired(cs));
}
