//! embassy's clock on a host: the operating system's, for one task on each thread.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use async_io::Timer;
use embassy_time_driver::{Driver, TICK_HZ};

struct Host;

embassy_time_driver::time_driver_impl!(static DRIVER: Host = Host);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

thread_local! {
    /// When the task of this thread is to be polled next.
    static NEXT: Cell<u64> = const { Cell::new(u64::MAX) };
}

impl Driver for Host {
    fn now(&self) -> u64 {
        let ticks = START.elapsed().as_nanos() * u128::from(TICK_HZ) / 1_000_000_000;
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }

    fn schedule_wake(&self, at: u64, _: &Waker) {
        NEXT.set(NEXT.get().min(at));
    }
}

/// Runs a task whose deadlines are embassy's. It says its next ones in each poll.
pub fn block_on<F: Future>(task: F) -> F::Output {
    async_io::block_on(async {
        let mut task = pin!(task);
        let mut timer = Timer::never();
        poll_fn(|cx| {
            loop {
                NEXT.set(u64::MAX);
                if let Poll::Ready(output) = task.as_mut().poll(cx) {
                    return Poll::Ready(output);
                }
                timer = moment(NEXT.get()).map_or_else(Timer::never, Timer::at);
                if pin!(&mut timer).poll(cx).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await
    })
}

/// `None`: beyond what the operating system counts.
fn moment(at: u64) -> Option<Instant> {
    // Not before the tick is over.
    let nanos = (u128::from(at) * 1_000_000_000).div_ceil(u128::from(TICK_HZ));
    START.checked_add(Duration::from_nanos(u64::try_from(nanos).ok()?))
}
