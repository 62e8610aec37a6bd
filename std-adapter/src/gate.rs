//! One connecting attempt at a time, where that is asked for (RFC 6455 §4.1).

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
#[cfg(feature = "tokio")]
use std::task::{Context, Poll, Waker};

use bare_ws::lifecycle::{Moment as _, Timeout};

use crate::error::Error;
use crate::moment::Moment;

/// A remote host in the sense of RFC 6455 §4.1.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Remote {
    /// "the remote host (IP address) identified by /host/ and port /port/".
    Address(SocketAddr),
    /// Where a proxy looks it up, "the client MUST assume ... that each host name refers to a
    /// distinct remote host".
    Name(String, u16),
}

/// The right to connect to some remote hosts, until it is dropped.
#[derive(Debug)]
pub(crate) struct Pass(Vec<Remote>);

/// The hosts that are being connected to: one gate for the process.
#[derive(Debug, Default)]
struct Gate {
    busy: Mutex<Busy>,
    opened: Condvar,
}

#[derive(Debug, Default)]
struct Busy {
    remotes: HashSet<Remote>,
    #[cfg(feature = "tokio")]
    wakers: Vec<Waker>,
}

static GATE: LazyLock<Gate> = LazyLock::new(Gate::default);

impl Gate {
    fn lock(&self) -> MutexGuard<'_, Busy> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Busy {
    /// All of them or none, so that nobody keeps one while it waits for another.
    fn enter(&mut self, remotes: &[Remote]) -> Option<Pass> {
        if remotes.iter().any(|it| self.remotes.contains(it)) {
            return None;
        }
        self.remotes.extend(remotes.iter().cloned());
        Some(Pass(remotes.to_vec()))
    }
}

impl Pass {
    /// Waits until nobody else is connecting to any of them.
    pub(crate) fn wait(remotes: &[Remote], deadline: Moment) -> Result<Self, Error> {
        let mut busy = GATE.lock();
        loop {
            if let Some(pass) = busy.enter(remotes) {
                return Ok(pass);
            }
            if deadline.has_come(Moment::now()) {
                return Err(Error::Timeout(Timeout::Connect));
            }
            busy = match deadline.left(Moment::now()) {
                None => {
                    let waited = GATE.opened.wait(busy);
                    waited.unwrap_or_else(PoisonError::into_inner)
                }
                Some(left) => {
                    let waited = GATE.opened.wait_timeout(busy, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// The same in a task. The caller sets the deadline.
    #[cfg(feature = "tokio")]
    pub(crate) fn poll(remotes: &[Remote], cx: &Context<'_>) -> Poll<Self> {
        let mut busy = GATE.lock();
        if let Some(pass) = busy.enter(remotes) {
            return Poll::Ready(pass);
        }
        if !busy.wakers.iter().any(|it| it.will_wake(cx.waker())) {
            busy.wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut busy = GATE.lock();
        for remote in &self.0 {
            busy.remotes.remove(remote);
        }
        #[cfg(feature = "tokio")]
        let wakers = std::mem::take(&mut busy.wakers);
        drop(busy);
        GATE.opened.notify_all();
        #[cfg(feature = "tokio")]
        wakers.into_iter().for_each(Waker::wake);
    }
}
