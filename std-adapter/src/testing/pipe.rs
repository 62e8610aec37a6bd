//! Two directions of octets in memory.

use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;
#[cfg(feature = "tokio")]
use std::task::{Context, Poll};
use std::time::Duration;

use crate::moment::Moment;
use crate::stream::{Interest, Stream};
use crate::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// How many octets of one direction are on their way at most.
const CAPACITY: usize = 64 * 1024;

/// The client's end of a [`pair`](super::pair): a [`Stream`] for [`Config::open`](crate::Config::open).
#[derive(Debug)]
pub struct Client(Arc<Pipe>);

/// The server's end.
#[derive(Debug)]
pub(super) struct End(Arc<Pipe>);

#[derive(Debug, Default)]
struct Pipe {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    to_server: Direction,
    to_client: Direction,
    /// Tasks that wait for a change.
    #[cfg(feature = "tokio")]
    wakers: Vec<std::task::Waker>,
}

#[derive(Default)]
struct Direction {
    octets: VecDeque<u8>,
    /// Nobody writes any more.
    ended: bool,
    /// Nobody reads any more.
    unread: bool,
}

pub(super) fn pair() -> (Client, End) {
    let pipe = Arc::new(Pipe::default());
    (Client(Arc::clone(&pipe)), End(pipe))
}

impl Direction {
    fn room(&self) -> usize {
        CAPACITY.saturating_sub(self.octets.len())
    }

    /// A read would give something, or the end.
    fn is_readable(&self) -> bool {
        self.unread || self.ended || !self.octets.is_empty()
    }

    /// A write would take something, or fail.
    fn is_writable(&self) -> bool {
        self.unread || self.ended || self.room() > 0
    }

    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        if !self.is_readable() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if self.unread {
            return Ok(0);
        }
        let n = octets.len().min(self.octets.len());
        for (slot, octet) in octets.iter_mut().zip(self.octets.drain(..n)) {
            *slot = octet;
        }
        Ok(n)
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if self.ended || self.unread {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let n = octets.len().min(self.room());
        if n == 0 && !octets.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.octets.extend(octets.iter().take(n));
        Ok(n)
    }

    /// Its reader is gone.
    fn leave(&mut self) {
        self.unread = true;
        self.octets.clear();
    }
}

/// Not what is on its way.
impl std::fmt::Debug for Direction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Direction")
            .field("len", &self.octets.len())
            .field("ended", &self.ended)
            .field("unread", &self.unread)
            .finish()
    }
}

impl Pipe {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `ready`, or until `limit` has passed: whether it is ready.
    fn wait(&self, limit: Option<Duration>, ready: impl Fn(&State) -> bool) -> bool {
        let until = Moment::in_time(limit);
        let mut state = self.lock();
        while !ready(&state) {
            state = match until.left(Moment::now()) {
                Some(Duration::ZERO) => return false,
                Some(left) => {
                    let waited = self.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let waited = self.changed.wait(state);
                    waited.unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
        true
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let changed = change(&mut state);
        self.notify(state);
        changed
    }

    fn notify(&self, state: MutexGuard<'_, State>) {
        #[cfg(feature = "tokio")]
        let (mut state, mut wakers) = (state, Vec::new());
        #[cfg(feature = "tokio")]
        std::mem::swap(&mut state.wakers, &mut wakers);
        drop(state);
        self.changed.notify_all();
        #[cfg(feature = "tokio")]
        wakers.into_iter().for_each(std::task::Waker::wake);
    }

    /// The same of a task, which is woken by the next change if this must wait.
    #[cfg(feature = "tokio")]
    fn poll<T>(
        &self,
        cx: &Context<'_>,
        change: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        let mut state = self.lock();
        match change(&mut state) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if !state.wakers.iter().any(|it| it.will_wake(cx.waker())) {
                    state.wakers.push(cx.waker().clone());
                }
                Poll::Pending
            }
            done => {
                self.notify(state);
                Poll::Ready(done)
            }
        }
    }
}

impl Stream for Client {
    fn try_read(&self, octets: &mut [u8]) -> io::Result<usize> {
        self.0.change(|state| state.to_client.read(octets))
    }

    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        self.0.change(|state| state.to_server.write(octets))
    }

    fn wait(&self, interest: Interest, limit: Option<Duration>) -> io::Result<()> {
        self.0.wait(limit, |state| {
            let is_over = state.to_client.unread && state.to_server.ended;
            is_over
                || interest.read && state.to_client.is_readable()
                || interest.write && state.to_server.is_writable()
        });
        Ok(())
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.change(|state| {
            if how != Shutdown::Write {
                state.to_client.leave();
            }
            if how != Shutdown::Read {
                state.to_server.ended = true;
            }
        });
        Ok(())
    }

    /// What is written never leaves the process.
    fn is_secure(&self) -> bool {
        true
    }
}

#[cfg(feature = "tokio")]
impl Client {
    pub(super) fn poll_read(&self, cx: &Context<'_>, octets: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll(cx, |state| state.to_client.read(octets))
    }

    pub(super) fn poll_write(&self, cx: &Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll(cx, |state| state.to_server.write(octets))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.shutdown(Shutdown::Both);
    }
}

impl End {
    /// Waits for octets of the client's: 0 at their end, `None` when `limit` has passed.
    pub(super) fn read(&self, octets: &mut [u8], limit: Duration) -> Option<usize> {
        let readable = |state: &State| state.to_server.is_readable();
        if !self.0.wait(Some(limit), readable) {
            return None;
        }
        self.0.change(|state| state.to_server.read(octets)).ok()
    }

    /// Writes all, or as much as a client that is gone would have taken. `false` when `limit` has
    /// passed without room.
    pub(super) fn write(&self, mut octets: &[u8], limit: Duration) -> bool {
        while !octets.is_empty() {
            let writable = |state: &State| state.to_client.is_writable();
            if !self.0.wait(Some(limit), writable) {
                return false;
            }
            match self.0.change(|state| state.to_client.write(octets)) {
                Ok(n) => octets = octets.get(n..).unwrap_or_default(),
                Err(_) => break,
            }
        }
        true
    }

    /// The client reads the end behind what was written.
    pub(super) fn end(&self) {
        self.0.change(|state| state.to_client.ended = true);
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.0.change(|state| {
            state.to_client.ended = true;
            state.to_server.leave();
        });
    }
}
