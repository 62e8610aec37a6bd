//! Mutex and Condvar as std has them.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use shuttle::sync;

use crate::time::{self, Signal};
use crate::{LockResult, PoisonError, TryLockError, TryLockResult};

/// `std::sync::Mutex`.
pub struct Mutex<T>(sync::Mutex<T>);

/// `std::sync::MutexGuard`, which is counted.
pub struct MutexGuard<'a, T> {
    inner: Option<sync::MutexGuard<'a, T>>,
    mutex: &'a Mutex<T>,
}

impl<T> Mutex<T> {
    pub const fn new(value: T) -> Self {
        Self(sync::Mutex::new(value))
    }

    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        match self.0.lock() {
            Ok(inner) => Ok(self.guard(inner)),
            Err(poisoned) => Err(PoisonError::new(self.guard(poisoned.into_inner()))),
        }
    }

    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(inner) => Ok(self.guard(inner)),
            Err(TryLockError::Poisoned(poisoned)) => {
                let guard = self.guard(poisoned.into_inner());
                Err(TryLockError::Poisoned(PoisonError::new(guard)))
            }
            Err(TryLockError::WouldBlock) => Err(TryLockError::WouldBlock),
        }
    }

    pub fn into_inner(self) -> LockResult<T> {
        self.0.into_inner()
    }

    fn guard<'a>(&'a self, inner: sync::MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        time::locks(1);
        MutexGuard {
            inner: Some(inner),
            mutex: self,
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.inner.as_ref().expect("until it is dropped")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.inner.as_mut().expect("until it is dropped")
    }
}

impl<T: fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        self.inner = None;
        time::locks(-1);
    }
}

/// `std::sync::Condvar`, with limits in time.
#[derive(Debug)]
pub struct Condvar(Signal);

/// `std::sync::WaitTimeoutResult`, of which nobody here asks anything.
#[derive(Clone, Copy, Debug)]
pub struct WaitTimeoutResult;

impl Condvar {
    pub fn new() -> Self {
        Self(Signal::new())
    }

    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.wait_within(guard, None)
    }

    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        limit: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        match self.wait_within(guard, Some(limit)) {
            Ok(guard) => Ok((guard, WaitTimeoutResult)),
            Err(poisoned) => Err(PoisonError::new((poisoned.into_inner(), WaitTimeoutResult))),
        }
    }

    fn wait_within<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        limit: Option<Duration>,
    ) -> LockResult<MutexGuard<'a, T>> {
        let mutex = guard.mutex;
        time::wait(&self.0, limit, || drop(guard));
        mutex.lock()
    }

    pub fn notify_all(&self) {
        time::point();
        self.0.raise();
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Self::new()
    }
}
