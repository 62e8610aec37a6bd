//! Arc and Weak whose counts other threads may change between any two looks at them, which those
//! of shuttle are not.

use std::fmt;
use std::ops::Deref;
use std::sync;

use crate::time::point;

/// `std::sync::Arc`.
pub struct Arc<T>(sync::Arc<T>);

/// `std::sync::Weak`.
pub struct Weak<T>(sync::Weak<T>);

impl<T> Arc<T> {
    pub fn new(value: T) -> Self {
        Self(sync::Arc::new(value))
    }

    #[must_use]
    pub fn downgrade(this: &Self) -> Weak<T> {
        Weak(sync::Arc::downgrade(&this.0))
    }

    #[must_use]
    pub fn strong_count(this: &Self) -> usize {
        point();
        sync::Arc::strong_count(&this.0)
    }
}

impl<T> Deref for Arc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Clone for Arc<T> {
    fn clone(&self) -> Self {
        point();
        Self(sync::Arc::clone(&self.0))
    }
}

impl<T> Drop for Arc<T> {
    fn drop(&mut self) {
        point();
    }
}

impl<T: fmt::Debug> fmt::Debug for Arc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T> Weak<T> {
    #[must_use]
    pub fn upgrade(&self) -> Option<Arc<T>> {
        point();
        self.0.upgrade().map(Arc)
    }
}

impl<T> Clone for Weak<T> {
    fn clone(&self) -> Self {
        Self(sync::Weak::clone(&self.0))
    }
}

impl<T> fmt::Debug for Weak<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
