//! How long the machine kept threads from running: what a test may allow beside a deadline.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What threads that share their processors with other tests may need on top of a deadline. It is
/// less than what lies between any two deadlines that a test could take for each other.
const ALLOWED: Duration = Duration::from_millis(800);
const NAP: Duration = Duration::from_millis(5);

/// Sleeps in short naps beside what is measured, and adds up by how much each was too long. So a
/// bound on a time can be narrow on a quiet machine and hold on a busy one.
pub(crate) struct Stalls {
    began: Instant,
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Duration>,
}

impl Stalls {
    pub(crate) fn watch() -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let mut lost = Duration::ZERO;
            while !seen.load(Ordering::Relaxed) {
                let asleep = Instant::now();
                // Real time: it measures how late the system wakes a thread.
                thread::sleep(NAP);
                lost += asleep.elapsed().saturating_sub(NAP * 2);
            }
            lost
        });
        Self {
            began: Instant::now(),
            is_over,
            thread,
        }
    }

    /// Ends it: how long threads were kept waiting in all.
    pub(crate) fn lost(self) -> Duration {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }

    /// Ends it. Fails the test unless what was watched took at least `least`, and not much more
    /// than `most`.
    #[track_caller]
    pub(crate) fn took(self, least: Duration, most: Duration) {
        let took = self.began.elapsed();
        let lost = self.lost();
        assert!(
            took >= least.saturating_sub(NAP),
            "too early: {took:?}, not {least:?}"
        );
        // A chain of threads can be kept waiting at each link.
        assert!(
            took <= most + ALLOWED + lost * 3,
            "too late: {took:?}, not {most:?}, and the machine stalled for {lost:?}"
        );
    }
}
