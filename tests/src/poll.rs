//! Futures, polled by hand.

use core::pin::pin;
use core::task::{Context, Poll, Waker};

/// Polls `future` until it is ready, or `times` times; then it is dropped.
pub fn poll_times<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    (0..times).find_map(|_| match future.as_mut().poll(&mut cx) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}

/// Polls `future` until it is ready.
///
/// # Panics
/// When it is not ready after very many times.
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    poll_times(1_000_000, future).expect("a future that is never ready")
}
