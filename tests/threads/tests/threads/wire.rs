//! A stream in memory between the client and its peer, each operation of which takes as many octets
//! as the checker likes.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bare_ws_std::bare_ws::handshake::accept::accept;
use bare_ws_std::{Interest, Stream};
use model::rand::{Rng, thread_rng};
use model::{Signal, point};

/// The client's end.
#[derive(Debug)]
pub(crate) struct Wire(Arc<Shared>);

/// The peer's end, which several threads may hold.
#[derive(Clone, Debug)]
pub(crate) struct Peer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    // Of std: nobody goes on while it is held.
    state: Mutex<State>,
    changes: Signal,
}

#[derive(Debug)]
struct State {
    up: Way,
    down: Way,
    /// The request of the opening handshake, until it is answered.
    request: Option<Vec<u8>>,
    /// Every octet of the client's behind it.
    sent: Vec<u8>,
    /// The client has given it up in both directions.
    is_shut: bool,
    is_dropped: bool,
    /// It was dropped while the peer's octets, or their end, were still to come.
    is_reset: bool,
}

#[derive(Debug)]
struct Way {
    octets: VecDeque<u8>,
    capacity: usize,
    has_ended: bool,
}

impl Way {
    fn new(capacity: usize) -> Self {
        Self {
            octets: VecDeque::new(),
            capacity,
            has_ended: false,
        }
    }

    fn take(&mut self, most: usize) -> Vec<u8> {
        let n = some(self.octets.len().min(most));
        self.octets.drain(..n).collect()
    }

    /// How many octets it took.
    fn put(&mut self, octets: &[u8]) -> usize {
        let n = some(octets.len().min(self.room()));
        self.octets.extend(&octets[..n]);
        n
    }

    fn room(&self) -> usize {
        self.capacity.saturating_sub(self.octets.len())
    }
}

fn some(most: usize) -> usize {
    match most {
        0 => 0,
        // Mostly all of it, so that not every schedule is made of crumbs.
        most if thread_rng().gen_bool(0.7) => most,
        most => thread_rng().gen_range(1..=most),
    }
}

impl Wire {
    /// `up` octets of the client's find room on the way, and `down` of the peer's. The opening
    /// handshake is answered by the wire itself.
    pub(crate) fn pair(up: usize, down: usize) -> (Self, Peer) {
        Self::with(up, down, Some(Vec::new()))
    }

    /// The same for a peer that sees every octet.
    pub(crate) fn bare(up: usize, down: usize) -> (Self, Peer) {
        Self::with(up, down, None)
    }

    fn with(up: usize, down: usize, request: Option<Vec<u8>>) -> (Self, Peer) {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                up: Way::new(up),
                down: Way::new(down),
                request,
                sent: Vec::new(),
                is_shut: false,
                is_dropped: false,
                is_reset: false,
            }),
            changes: Signal::new(),
        });
        (Self(Arc::clone(&shared)), Peer(shared))
    }
}

/// The answer to the request of an opening handshake, once it is whole.
pub(crate) fn answer(request: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(request).ok()?;
    let head = text.strip_suffix("\r\n\r\n")?;
    let key = head
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))?;
    let accept = accept(key.as_bytes().try_into().ok()?);
    let accept = std::str::from_utf8(&accept).ok()?;
    Some(
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        )
        .into_bytes(),
    )
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(|_| panic!("another thread has failed"))
    }
}

impl Stream for Wire {
    fn try_read(&self, octets: &mut [u8]) -> io::Result<usize> {
        point();
        let mut state = self.0.state();
        let taken = state.down.take(octets.len());
        if taken.is_empty() && !state.down.has_ended {
            return Err(ErrorKind::WouldBlock.into());
        }
        drop(state);
        octets[..taken.len()].copy_from_slice(&taken);
        self.0.changes.raise();
        Ok(taken.len())
    }

    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        point();
        let mut guard = self.0.state();
        let state = &mut *guard;
        if let Some(request) = &mut state.request {
            request.extend(octets);
            if let Some(answer) = answer(request) {
                state.request = None;
                state.down.octets.extend(answer);
            }
            return Ok(octets.len());
        }
        if state.up.has_ended {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let n = state.up.put(octets);
        state.sent.extend(&octets[..n]);
        drop(guard);
        if n == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.0.changes.raise();
        Ok(n)
    }

    fn wait(&self, interest: Interest, limit: Option<Duration>) -> io::Result<()> {
        point();
        let state = self.0.state();
        let readable = !state.down.octets.is_empty() || state.down.has_ended;
        let writable = state.up.room() > 0 || state.up.has_ended;
        let is_shut = state.is_shut;
        drop(state);
        let is_ready = interest.read && readable || interest.write && writable || is_shut;
        if !is_ready {
            model::wait(&self.0.changes, limit, || {});
        }
        Ok(())
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        point();
        let mut state = self.0.state();
        state.up.has_ended |= how != Shutdown::Read;
        state.down.has_ended |= how != Shutdown::Write;
        state.is_shut |= how == Shutdown::Both;
        drop(state);
        self.0.changes.raise();
        Ok(())
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.is_dropped = true;
        state.is_reset = !state.down.has_ended || !state.down.octets.is_empty();
        state.up.has_ended = true;
        drop(state);
        self.0.changes.raise();
    }
}

impl Peer {
    /// Waits until it is so.
    fn until<T>(&self, mut done: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            point();
            // Nobody may go on while the state is locked.
            let value = done(&mut self.0.state());
            if let Some(value) = value {
                self.0.changes.raise();
                return value;
            }
            model::wait(&self.0.changes, None, || {});
        }
    }

    /// Sends all of it; `false`: the client is gone.
    pub(crate) fn send(&self, mut octets: &[u8]) -> bool {
        while !octets.is_empty() {
            let n = self.until(|state| {
                if state.is_shut || state.is_dropped {
                    return Some(0);
                }
                Some(state.down.put(octets)).filter(|n| *n > 0)
            });
            if n == 0 {
                return false;
            }
            octets = &octets[n..];
        }
        true
    }

    /// Some of what the client has sent; empty at its end.
    pub(crate) fn read(&self) -> Vec<u8> {
        self.until(|state| {
            let taken = state.up.take(usize::MAX);
            (!taken.is_empty() || state.up.has_ended).then_some(taken)
        })
    }

    /// Reads until the client has sent so many octets in all, or has ended.
    pub(crate) fn read_up_to(&self, octets: usize) {
        while self.sent().len() < octets && !self.read().is_empty() {}
    }

    /// Reads until the client's direction ends.
    pub(crate) fn read_all(&self) {
        while !self.read().is_empty() {}
    }

    /// Reads until what was sent is so, or the client has ended: `false`.
    pub(crate) fn read_until(&self, done: impl Fn(&[u8]) -> bool) -> bool {
        loop {
            if done(&self.sent()) {
                return true;
            }
            if self.read().is_empty() {
                return done(&self.sent());
            }
        }
    }

    /// Ends its direction.
    pub(crate) fn end(&self) {
        self.until(|state| {
            state.down.has_ended = true;
            Some(())
        });
    }

    /// Waits until the client has dropped the stream.
    pub(crate) fn gone(&self) {
        self.until(|state| state.is_dropped.then_some(()));
    }

    /// All that the client has sent since the opening handshake.
    pub(crate) fn sent(&self) -> Vec<u8> {
        self.0.state().sent.clone()
    }

    pub(crate) fn was_reset(&self) -> bool {
        self.0.state().is_reset
    }

    pub(crate) fn was_shut(&self) -> bool {
        self.0.state().is_shut
    }
}
