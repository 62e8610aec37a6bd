//! What bare-ws-std takes from std, under shuttle: each operation is a point at which any other
//! thread may go on, and time passes only when the checker says so.

mod arc;
mod lock;
pub mod thread;
mod time;

pub use arc::{Arc, Weak};
pub use lock::{Condvar, Mutex, MutexGuard};
pub use shuttle::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
pub use shuttle::{Config, FailurePersistence, MaxSteps, Runner, rand, scheduler};
pub use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};
pub use time::{Signal, begin, elapsed, now, pass, point, wait};
