//! Waiting, and the clock, which stands still while any thread can go on.
//!
//! When all threads wait, the clock moves to the earliest of their limits; where there is none,
//! that is a deadlock. [`pass`] moves it earlier, as if whoever could go on were slow.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use shuttle::current;
use shuttle::sync::atomic::{AtomicBool, Ordering};
use shuttle::sync::{Condvar, Mutex};

/// Nothing of a connection takes so long.
const END_OF_TIME: Duration = Duration::from_secs(3600);

/// All threads of one execution run on one thread of the system's.
struct World {
    now: Duration,
    threads: usize,
    waiters: Vec<Waiter>,
    next: usize,
    /// Which task holds how many locks.
    held: Vec<usize>,
    point: Arc<AtomicBool>,
}

struct Waiter {
    signals: Vec<usize>,
    until: Option<Duration>,
    gate: Arc<Gate>,
}

/// Where one thread waits.
struct Gate {
    open: Mutex<bool>,
    bell: Condvar,
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn with<T>(f: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with_borrow_mut(|world| f(world.as_mut().expect("begin() was called")))
}

/// To be called first in each execution, by its first thread.
pub fn begin() {
    let world = World {
        now: Duration::ZERO,
        threads: 1,
        waiters: Vec::new(),
        next: 0,
        held: Vec::new(),
        point: Arc::new(AtomicBool::new(false)),
    };
    WORLD.set(Some(world));
}

/// The time.
pub fn now() -> Instant {
    *START + elapsed()
}

/// Since [`begin`].
pub fn elapsed() -> Duration {
    with(|world| world.now)
}

/// Any other thread may go on here.
pub fn point() {
    let point = with(|world| Arc::clone(&world.point));
    point.load(Ordering::SeqCst);
}

/// Time passes though somebody could go on: so much of it, or, without a length, until the next
/// limit of somebody who waits.
pub fn pass(length: Option<Duration>) {
    let until = with(|world| match length {
        Some(length) => Some(world.now + length),
        None => world.earliest(),
    });
    if let Some(until) = until {
        move_to(until);
    }
}

fn move_to(until: Duration) {
    let due = with(|world| {
        world.now = world.now.max(until);
        assert!(world.now < END_OF_TIME, "time passes, and nobody ends");
        let now = world.now;
        world.take(|waiter| waiter.until.is_some_and(|until| until <= now))
    });
    ring(due);
}

fn ring(gates: Vec<Arc<Gate>>) {
    for gate in gates {
        *gate.open.lock().unwrap() = true;
        gate.bell.notify_all();
    }
}

impl World {
    fn earliest(&self) -> Option<Duration> {
        self.waiters.iter().filter_map(|waiter| waiter.until).min()
    }

    fn take(&mut self, mut which: impl FnMut(&Waiter) -> bool) -> Vec<Arc<Gate>> {
        let taken = self.waiters.extract_if(.., |waiter| which(waiter));
        taken.map(|waiter| waiter.gate).collect()
    }
}

/// Moves the clock if all threads wait.
fn settle() {
    let until = with(|world| {
        if world.threads == 0 || world.waiters.len() < world.threads {
            return None;
        }
        let earliest = world.earliest();
        assert!(
            earliest.is_some(),
            "deadlock: all threads wait, without a limit"
        );
        earliest
    });
    if let Some(until) = until {
        move_to(until);
    }
}

/// Something that threads wait for.
#[derive(Debug)]
pub struct Signal(usize);

impl Signal {
    #[must_use]
    pub fn new() -> Self {
        Self(with(|world| {
            world.next += 1;
            world.next
        }))
    }

    /// Whoever waits for it goes on.
    pub fn raise(&self) {
        let id = self.0;
        ring(with(|world| {
            world.take(|waiter| waiter.signals.contains(&id))
        }));
    }
}

impl Default for Signal {
    fn default() -> Self {
        Self::new()
    }
}

/// Waits for a signal that is raised from now on. Nobody else goes on between the call and the
/// beginning of the wait; `release` is called in between.
pub fn wait(signal: &Signal, limit: Option<Duration>, release: impl FnOnce()) {
    let gate = Arc::new(Gate {
        open: Mutex::new(false),
        bell: Condvar::new(),
    });
    with(|world| {
        let until = limit.map(|limit| world.now.saturating_add(limit));
        world.waiters.push(Waiter {
            signals: vec![signal.0],
            until: until.filter(|until| *until < END_OF_TIME * 1000),
            gate: Arc::clone(&gate),
        });
    });
    release();
    assert_eq!(locks(0), 0, "a lock is held while its owner waits");
    settle();
    let mut open = gate.open.lock().unwrap();
    while !*open {
        open = gate.bell.wait(open).unwrap();
    }
}

/// How many locks the running thread holds, `change` counted in.
pub(crate) fn locks(change: isize) -> usize {
    let me = usize::from(current::me());
    with(|world| {
        if world.held.len() <= me {
            world.held.resize(me + 1, 0);
        }
        world.held[me] = world.held[me].saturating_add_signed(change);
        world.held[me]
    })
}

pub(crate) fn thread_begins() {
    with(|world| world.threads += 1);
}

pub(crate) fn thread_ends() {
    with(|world| world.threads -= 1);
    settle();
}
