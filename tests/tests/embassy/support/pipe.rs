//! Pipes of octets, one for each direction of a transport.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bare_ws_embassy::transport::Shutdown;
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};

/// How badly a pipe delivers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// Octets that it holds.
    pub(crate) capacity: usize,
    /// Octets that one read or write moves at most.
    pub(crate) at_once: usize,
    /// Whether every second poll finds nothing ready though there is something.
    pub(crate) stutters: bool,
}

impl Manner {
    pub(crate) const GOOD: Self = Self {
        capacity: usize::MAX,
        at_once: usize::MAX,
        stutters: false,
    };

    /// One octet every second poll.
    pub(crate) const BAD: Self = Self {
        capacity: 64,
        at_once: 1,
        stutters: true,
    };

    pub(crate) const fn narrow(capacity: usize) -> Self {
        Self {
            capacity,
            ..Self::GOOD
        }
    }
}

struct State {
    manner: Manner,
    octets: VecDeque<u8>,
    /// All that was ever written, in writes.
    writes: Vec<Vec<u8>>,
    ended: bool,
    broken: bool,
    aborted: bool,
    flushes: usize,
    ready: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// Both ends of a pipe, and a look into it.
#[derive(Clone)]
pub(crate) struct Pipe(Rc<RefCell<State>>);

impl Pipe {
    pub(crate) fn new(manner: Manner) -> Self {
        Self(Rc::new(RefCell::new(State {
            manner,
            octets: VecDeque::new(),
            writes: Vec::new(),
            ended: false,
            broken: false,
            aborted: false,
            flushes: 0,
            ready: false,
            reader: None,
            writer: None,
        })))
    }

    /// Puts octets in, whatever the capacity.
    pub(crate) fn put(&self, octets: &[u8]) -> &Self {
        let mut state = self.0.borrow_mut();
        state.octets.extend(octets);
        state.wake();
        drop(state);
        self
    }

    /// No more octets come.
    pub(crate) fn end(&self) -> &Self {
        let mut state = self.0.borrow_mut();
        state.ended = true;
        state.wake();
        drop(state);
        self
    }

    /// Reads and writes fail from now on.
    pub(crate) fn break_down(&self) {
        let mut state = self.0.borrow_mut();
        state.broken = true;
        state.wake();
    }

    /// Takes whatever comes from now on.
    pub(crate) fn widen(&self) {
        let mut state = self.0.borrow_mut();
        state.manner = Manner::GOOD;
        state.wake();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.0.borrow().ended
    }

    pub(crate) fn was_aborted(&self) -> bool {
        self.0.borrow().aborted
    }

    pub(crate) fn flushes(&self) -> usize {
        self.0.borrow().flushes
    }

    /// All that was written.
    pub(crate) fn written(&self) -> Vec<u8> {
        self.0.borrow().writes.concat()
    }

    /// How many writes there were.
    pub(crate) fn writes(&self) -> usize {
        self.0.borrow().writes.len()
    }

    fn poll_read(&self, cx: &mut Context<'_>, target: &mut [u8]) -> Poll<Result<usize, ErrorKind>> {
        let mut state = self.0.borrow_mut();
        if state.broken {
            return Poll::Ready(Err(ErrorKind::ConnectionReset));
        }
        if target.is_empty() || (state.octets.is_empty() && state.ended) {
            return Poll::Ready(Ok(0));
        }
        if state.octets.is_empty() {
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if state.stutter() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let n = target
            .len()
            .min(state.octets.len())
            .min(state.manner.at_once);
        for (slot, octet) in target.iter_mut().zip(state.octets.drain(..n)) {
            *slot = octet;
        }
        state.wake();
        Poll::Ready(Ok(n))
    }

    fn poll_write(&self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<Result<usize, ErrorKind>> {
        let mut state = self.0.borrow_mut();
        if state.broken || state.ended {
            return Poll::Ready(Err(ErrorKind::ConnectionReset));
        }
        let room = state.manner.capacity.saturating_sub(state.octets.len());
        if room == 0 {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if state.stutter() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let n = octets.len().min(room).min(state.manner.at_once);
        state.octets.extend(&octets[..n]);
        state.writes.push(octets[..n].to_vec());
        state.wake();
        Poll::Ready(Ok(n))
    }
}

impl State {
    fn stutter(&mut self) -> bool {
        self.ready = !self.ready;
        self.manner.stutters && self.ready
    }

    fn wake(&mut self) {
        let wakers = [self.reader.take(), self.writer.take()];
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

impl ErrorType for Pipe {
    type Error = ErrorKind;
}

impl Read for Pipe {
    async fn read(&mut self, octets: &mut [u8]) -> Result<usize, ErrorKind> {
        poll_fn(|cx| self.poll_read(cx, octets)).await
    }
}

impl Write for Pipe {
    async fn write(&mut self, octets: &[u8]) -> Result<usize, ErrorKind> {
        poll_fn(|cx| self.poll_write(cx, octets)).await
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        self.0.borrow_mut().flushes += 1;
        Ok(())
    }
}

impl Shutdown for Pipe {
    async fn shutdown(&mut self) -> Result<(), ErrorKind> {
        self.end();
        Ok(())
    }

    fn abort(&mut self) {
        self.0.borrow_mut().aborted = true;
        self.end();
    }
}
