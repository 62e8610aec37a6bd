//! How long the machine kept threads from running: what a test may allow beside a deadline.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What threads that share their processors with other tests may need on top of a deadline. It is
/// less than what lies between any two deadlines that a test could take for each other.
const ALLOWED: Duration = Duration::from_millis(800);
const NAP: Duration = Duration::from_millis(5);
/// After so many naps it is looked how long threads waited: those that end are forgotten.
const NAPS: u32 = 20;

/// Sleeps in short naps beside what is measured, and adds up by how much each was too long; and
/// asks the system how long the test's threads waited for a processor, which whoever has work to do
/// does longer than whoever naps. So a bound on a time can be narrow on a quiet machine and hold on a busy one.
pub(crate) struct Stalls {
    began: Instant,
    own: Duration,
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<(Duration, Duration)>,
}

impl Stalls {
    pub(crate) fn watch() -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_over);
        let before = waits();
        // The thread that naps may begin late, too.
        let mut awake = Instant::now();
        let thread = thread::spawn(move || {
            let mut lost = Duration::ZERO;
            let mut after = HashMap::new();
            for naps in 1.. {
                // Real time: it measures how late the system wakes a thread.
                thread::sleep(NAP);
                let now = Instant::now();
                lost += (now - awake).saturating_sub(NAP * 2);
                awake = now;
                let is_over = seen.load(Ordering::Relaxed);
                if is_over || naps % NAPS == 0 {
                    after.extend(waits());
                }
                if is_over {
                    break;
                }
            }
            let waited = after.iter().map(|(thread, after)| {
                let before = before.get(thread).copied().unwrap_or_default();
                after.saturating_sub(before)
            });
            (lost, waited.sum())
        });
        Self {
            began: Instant::now(),
            own: wait(Path::new("/proc/thread-self")).unwrap_or_default(),
            is_over,
            thread,
        }
    }

    fn end(self) -> (Duration, Duration) {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }

    /// Ends it, on the thread that has begun it: how long naps were too long in all, and how long
    /// this thread waited for a processor.
    pub(crate) fn lost(self) -> Duration {
        let own = wait(Path::new("/proc/thread-self")).unwrap_or_default();
        own.saturating_sub(self.own) + self.end().0
    }

    /// Ends it. Fails the test unless what was watched took at least `least`, and not much more
    /// than `most`. How long naps were too long in all.
    #[track_caller]
    pub(crate) fn took(self, least: Duration, most: Duration) -> Duration {
        let took = self.began.elapsed();
        let (lost, waited) = self.end();
        assert!(
            took >= least.saturating_sub(NAP),
            "too early: {took:?}, not {least:?}"
        );
        // A chain of threads can be kept waiting at each link.
        assert!(
            took <= most + ALLOWED + lost * 3 + waited,
            "too late: {took:?}, not {most:?}; the machine stalled for {lost:?}, and threads waited for it for {waited:?}"
        );
        lost
    }
}

/// How long each thread of this test has waited for a processor. A thread without a name of its
/// own has that of the thread that began it. Linux tells; elsewhere the naps must do.
fn waits() -> HashMap<OsString, Duration> {
    let own = fs::read("/proc/thread-self/comm").ok();
    let threads = fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten();
    let waits = threads.filter_map(|thread| {
        let folder = thread.path();
        if fs::read(folder.join("comm")).ok() != own {
            return None;
        }
        Some((thread.file_name(), wait(&folder)?))
    });
    waits.collect()
}

fn wait(thread: &Path) -> Option<Duration> {
    let figures = fs::read_to_string(thread.join("schedstat")).ok()?;
    Some(Duration::from_nanos(
        figures.split(' ').nth(1)?.parse().ok()?,
    ))
}
