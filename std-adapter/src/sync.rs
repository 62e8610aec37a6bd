//! What several threads share, and the clock: the standard library's, or, with `--cfg shuttle`,
//! those of the model checker that `tests/threads` puts this crate under.

#[cfg(not(shuttle))]
mod chosen {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
    pub(crate) use std::thread;

    use std::time::Instant;

    pub(crate) fn now() -> Instant {
        Instant::now()
    }
}

#[cfg(shuttle)]
use model as chosen;

pub(crate) use chosen::{
    Arc, AtomicBool, AtomicUsize, Condvar, Mutex, MutexGuard, Ordering, PoisonError, TryLockError,
    Weak, now, thread,
};
