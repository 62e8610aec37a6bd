//! An executor for tests: each task has a waker of its own, a task that is not woken is not
//! polled, and when nobody is awake the clock moves on.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::clock;

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Tasks that run beside each other.
#[derive(Default)]
pub(crate) struct Tasks<'t> {
    tasks: Vec<(Arc<Flag>, Option<Task<'t>>)>,
}

type Task<'t> = Pin<Box<dyn Future<Output = ()> + 't>>;

/// How many polls a test may take: more is a loop.
const POLLS: usize = 4_000_000;

impl<'t> Tasks<'t> {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn spawn(&mut self, task: impl Future<Output = ()> + 't) {
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        self.tasks.push((flag, Some(Box::pin(task))));
    }

    /// Until all are done. Fails the test when nothing can happen any more.
    pub(crate) fn run(mut self) {
        for _ in 0..POLLS {
            let mut slept = true;
            for (flag, task) in &mut self.tasks {
                if task.is_none() || !flag.0.swap(false, Ordering::Relaxed) {
                    continue;
                }
                slept = false;
                let waker = Waker::from(flag.clone());
                let polled = task
                    .as_mut()
                    .map(|task| task.as_mut().poll(&mut Context::from_waker(&waker)));
                if polled == Some(Poll::Ready(())) {
                    *task = None;
                }
            }
            let waiting = self.tasks.iter().filter(|(_, task)| task.is_some()).count();
            if waiting == 0 {
                return;
            }
            assert!(
                !slept || clock::to_next_alarm(),
                "{waiting} tasks wait for what cannot come"
            );
        }
        panic!("the tasks go round and round");
    }
}

/// Runs one future, under the virtual clock.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    let mut output = None;
    let mut tasks = Tasks::new();
    tasks.spawn(async { output = Some(future.await) });
    tasks.run();
    output.expect("it ran to its end")
}

/// Polls a future up to `polls` times and drops it. The clock stands still.
pub(crate) fn run_for<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
    }
    None
}
