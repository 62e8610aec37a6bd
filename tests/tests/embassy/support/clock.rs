//! A virtual clock as embassy's time driver: each thread, so each test, has its own.

use std::cell::RefCell;
use std::task::Waker;

use embassy_time::{Duration, Instant};
use embassy_time_driver::Driver;

struct Virtual;

embassy_time_driver::time_driver_impl!(static DRIVER: Virtual = Virtual);

#[derive(Default)]
struct Clock {
    now: u64,
    alarms: Vec<(u64, Waker)>,
}

thread_local! {
    static CLOCK: RefCell<Clock> = RefCell::new(Clock::default());
}

impl Driver for Virtual {
    fn now(&self) -> u64 {
        CLOCK.with_borrow(|clock| clock.now)
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        CLOCK.with_borrow_mut(|clock| {
            // As embassy's queues do it: one alarm for each task, and the earliest counts.
            let known = clock.alarms.iter_mut();
            match known.into_iter().find(|(_, other)| other.will_wake(waker)) {
                Some((earliest, _)) => *earliest = at.min(*earliest),
                None => clock.alarms.push((at, waker.clone())),
            }
        });
    }
}

/// Starts the clock at a moment, without alarms.
pub(crate) fn set(now: Instant) {
    let now = now.as_ticks();
    CLOCK.set(Clock {
        now,
        alarms: Vec::new(),
    });
}

/// Moves the clock by hand.
pub(crate) fn advance(by: Duration) {
    CLOCK.with_borrow_mut(|clock| clock.now += by.as_ticks());
    ring();
}

/// Moves the clock to the next alarm; whether there was one.
pub(crate) fn to_next_alarm() -> bool {
    let next = CLOCK.with_borrow(|clock| clock.alarms.iter().map(|(at, _)| *at).min());
    let Some(next) = next else { return false };
    CLOCK.with_borrow_mut(|clock| clock.now = clock.now.max(next));
    ring();
    true
}

fn ring() {
    let due: Vec<Waker> = CLOCK.with_borrow_mut(|clock| {
        let now = clock.now;
        let (due, later) = clock.alarms.drain(..).partition(|(at, _)| *at <= now);
        clock.alarms = later;
        due.into_iter().map(|(_, waker)| waker).collect()
    });
    due.into_iter().for_each(Waker::wake);
}
