//! Threads, which the clock knows of.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shuttle::thread;

use crate::time::{self, Signal};

/// `std::thread::JoinHandle`.
pub struct JoinHandle<T> {
    inner: thread::JoinHandle<T>,
    end: Arc<End>,
}

struct End {
    has_come: AtomicBool,
    comes: Signal,
}

pub fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let end = Arc::new(End {
        has_come: AtomicBool::new(false),
        comes: Signal::new(),
    });
    time::thread_begins();
    let ours = Arc::clone(&end);
    let inner = thread::spawn(move || {
        let value = f();
        ours.has_come.store(true, Ordering::SeqCst);
        ours.comes.raise();
        time::thread_ends();
        value
    });
    JoinHandle { inner, end }
}

impl<T> JoinHandle<T> {
    /// What the thread has returned. One that panicked has ended all of them.
    pub fn join(self) -> T {
        while !self.end.has_come.load(Ordering::SeqCst) {
            time::wait(&self.end.comes, None, || {});
        }
        self.inner.join().expect("it did not panic")
    }
}

/// `std::thread::Builder`.
#[derive(Default)]
pub struct Builder;

impl Builder {
    pub fn new() -> Self {
        Self
    }

    pub fn spawn<T: Send + 'static>(
        self,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<JoinHandle<T>> {
        Ok(spawn(f))
    }
}

/// As if a moment passed: somebody else goes on.
pub fn yield_now() {
    thread::yield_now();
}
