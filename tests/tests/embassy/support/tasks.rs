//! An executor for tests: each task has a waker of its own, a task that is not woken is not
//! polled, and when nobody is awake the clock moves on.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
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
    pub(crate) fn run(self) {
        self.run_within(POLLS);
    }

    /// The same, in at most so many rounds.
    pub(crate) fn run_within(mut self, rounds: usize) {
        for _ in 0..rounds {
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

/// The same future, with its polls counted.
pub(crate) fn counted<F: Future>(
    polls: &Cell<usize>,
    future: F,
) -> impl Future<Output = F::Output> {
    let mut future = Box::pin(future);
    poll_fn(move |context| {
        polls.set(polls.get() + 1);
        future.as_mut().poll(context)
    })
}

/// A task of its own inside another one: it is polled only when it was woken itself.
pub(crate) fn apart<F: Future>(future: F) -> impl Future<Output = F::Output> {
    struct Own(AtomicBool, Mutex<Option<Waker>>);

    impl Wake for Own {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
            if let Some(outer) = &*self.1.lock().unwrap() {
                outer.wake_by_ref();
            }
        }
    }

    let own = Arc::new(Own(AtomicBool::new(true), Mutex::new(None)));
    let waker = Waker::from(own.clone());
    let mut future = Box::pin(future);
    poll_fn(move |context| {
        *own.1.lock().unwrap() = Some(context.waker().clone());
        if !own.0.swap(false, Ordering::Relaxed) {
            return Poll::Pending;
        }
        future.as_mut().poll(&mut Context::from_waker(&waker))
    })
}

/// Runs one future, under the virtual clock.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    run_within(POLLS, future)
}

/// The same, in at most so many polls.
pub(crate) fn run_within<F: Future>(polls: usize, future: F) -> F::Output {
    let mut output = None;
    let mut tasks = Tasks::new();
    tasks.spawn(async { output = Some(future.await) });
    tasks.run_within(polls);
    output.expect("it ran to its end")
}

/// Not `Waker::noop`: a clone of that may have another table, and the clock then keeps an alarm for each.
pub(crate) static NOBODY: LazyLock<Waker> =
    LazyLock::new(|| Waker::from(Arc::new(Flag(AtomicBool::new(false)))));

/// Polls a future up to `polls` times and drops it. The clock stands still.
pub(crate) fn run_for<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(&NOBODY);
    for _ in 0..polls {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
    }
    None
}
