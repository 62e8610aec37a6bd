//! A transport in memory that does what it is told, for both loops.

use alloc::collections::VecDeque;
use alloc::rc::Rc;
use core::cell::{Ref, RefCell, RefMut};
use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll};

/// The transport's error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoError {
    /// It does not work any more.
    Broken,
    /// Not now.
    WouldBlock,
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broken => "broken",
            Self::WouldBlock => "not now",
        })
    }
}

impl core::error::Error for IoError {}

impl embedded_io::Error for IoError {
    fn kind(&self) -> embedded_io::ErrorKind {
        match self {
            Self::Broken => embedded_io::ErrorKind::BrokenPipe,
            Self::WouldBlock => embedded_io::ErrorKind::TimedOut,
        }
    }
}

/// What one call does instead of what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This call and all after it fail.
    Broken,
    /// This call fails, the next one works.
    Once,
    /// It transfers nothing and says so: the end, for a read.
    Zero,
    /// It transfers one octet.
    Short,
    /// It claims to have transferred more than it was given.
    Claims(usize),
    /// Nothing can be read from now on: the peer has ended its direction.
    Eof,
}

/// The transport.
#[derive(Clone, Debug)]
pub struct Transport {
    /// What is to be read.
    pub incoming: VecDeque<u8>,
    /// What comes after it: the end, or nothing yet.
    pub ends: bool,
    /// What was written.
    pub written: Vec<u8>,
    /// How much of it was flushed.
    pub flushed: usize,
    /// Octets of a read, cycled through.
    pub reads: Vec<usize>,
    /// Octets of a write, cycled through.
    pub writes: Vec<usize>,
    /// How often each call pends before it does anything, cycled through.
    pub pends: Vec<usize>,
    /// How many octets more the peer takes: then a write times out, or pends.
    pub room: usize,
    /// From the call with this number on the peer takes everything.
    pub takes_from: usize,
    /// A read fails once everything has been read.
    pub breaks: bool,
    /// Every write fails, though there is still something to be read.
    pub is_mute: bool,
    /// The call with this number does something else.
    pub fault: Option<(usize, Fault)>,
    /// Calls that were made.
    pub calls: usize,
    broken: bool,
    /// Of a read, and of a write.
    pended: [usize; 2],
}

/// A handle on a [`Transport`]. Two are what the asynchronous loop takes.
#[derive(Clone, Debug)]
pub struct Half(Rc<RefCell<Transport>>);

impl Half {
    /// The transport, to look at.
    ///
    /// # Panics
    /// While somebody has it to change it.
    #[must_use]
    pub fn get(&self) -> Ref<'_, Transport> {
        self.0.borrow()
    }

    /// The transport, to change it.
    ///
    /// # Panics
    /// While somebody else has it.
    #[must_use]
    pub fn get_mut(&self) -> RefMut<'_, Transport> {
        self.0.borrow_mut()
    }
}

impl Transport {
    /// Gives `incoming` and then the end, takes everything.
    #[must_use]
    pub fn new(incoming: &[u8]) -> Self {
        Self {
            incoming: incoming.iter().copied().collect(),
            ends: true,
            written: Vec::new(),
            flushed: 0,
            reads: vec![usize::MAX],
            writes: vec![usize::MAX],
            pends: vec![0],
            room: usize::MAX,
            takes_from: usize::MAX,
            breaks: false,
            is_mute: false,
            fault: None,
            calls: 0,
            broken: false,
            pended: [0; 2],
        }
    }

    /// Both halves, for the asynchronous loop.
    #[must_use]
    pub fn halves(self) -> (Half, Half) {
        let half = Half(Rc::new(RefCell::new(self)));
        (half.clone(), half)
    }

    /// Whether a call pends that is to be made again.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.pended != [0; 2]
    }

    fn call(&mut self) -> Result<(usize, Option<Fault>), IoError> {
        let number = self.calls;
        self.calls += 1;
        assert!(number < 1_000_000, "an endless loop");
        if number >= self.takes_from {
            self.room = usize::MAX;
        }
        let fault = self
            .fault
            .filter(|fault| fault.0 == number)
            .map(|fault| fault.1);
        match fault {
            Some(Fault::Broken) => self.broken = true,
            Some(Fault::Once) => return Err(IoError::WouldBlock),
            Some(Fault::Eof) => {
                self.incoming.clear();
                self.ends = true;
            }
            _ => {}
        }
        if self.broken {
            Err(IoError::Broken)
        } else {
            Ok((number, fault))
        }
    }

    fn read(&mut self, buf: &mut [u8]) -> Result<usize, IoError> {
        assert!(!buf.is_empty(), "a read into nothing");
        let (number, fault) = self.call()?;
        let mut most = self.reads[number % self.reads.len()];
        match fault {
            Some(Fault::Zero) => return Ok(0),
            Some(Fault::Short) => most = 1,
            Some(Fault::Claims(more)) => return Ok(buf.len().saturating_add(more)),
            _ => {}
        }
        if self.incoming.is_empty() && self.breaks {
            return Err(IoError::Broken);
        }
        if self.incoming.is_empty() && !self.ends {
            return Err(IoError::WouldBlock);
        }
        let n = most.min(buf.len()).min(self.incoming.len());
        for (place, octet) in buf.iter_mut().zip(self.incoming.drain(..n)) {
            *place = octet;
        }
        Ok(n)
    }

    fn write(&mut self, buf: &[u8]) -> Result<usize, IoError> {
        let (number, fault) = self.call()?;
        let mut most = self.writes[number % self.writes.len()];
        match fault {
            Some(Fault::Zero) => return Ok(0),
            Some(Fault::Short) => most = 1,
            Some(Fault::Claims(more)) => {
                self.written.extend_from_slice(buf);
                return Ok(buf.len().saturating_add(more));
            }
            _ => {}
        }
        if self.is_mute {
            return Err(IoError::Broken);
        }
        if self.room == 0 {
            return Err(IoError::WouldBlock);
        }
        let n = most.min(buf.len()).min(self.room);
        self.room -= n;
        self.written.extend_from_slice(&buf[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> Result<(), IoError> {
        self.call()?;
        self.flushed = self.written.len();
        Ok(())
    }

    /// Pends as often as is set for the next call.
    fn pend(&mut self, writes: bool, cx: &Context<'_>) -> Poll<()> {
        let pended = &mut self.pended[usize::from(writes)];
        if *pended < self.pends[self.calls % self.pends.len()] {
            *pended += 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        *pended = 0;
        Poll::Ready(())
    }
}

impl embedded_io::ErrorType for Transport {
    type Error = IoError;
}

impl embedded_io::Read for Transport {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, IoError> {
        Self::read(self, buf)
    }
}

impl embedded_io::Write for Transport {
    fn write(&mut self, buf: &[u8]) -> Result<usize, IoError> {
        Self::write(self, buf)
    }

    fn flush(&mut self) -> Result<(), IoError> {
        Self::flush(self)
    }
}

impl embedded_io::ErrorType for Half {
    type Error = IoError;
}

impl embedded_io_async::Read for Half {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, IoError> {
        poll_fn(|cx| {
            let mut io = self.get_mut();
            if io.incoming.is_empty() && !io.ends && !io.broken && !io.breaks {
                // Nothing comes until somebody puts it there.
                return Poll::Pending;
            }
            io.pend(false, cx).map(|()| io.read(buf))
        })
        .await
    }
}

impl embedded_io_async::Write for Half {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, IoError> {
        poll_fn(|cx| {
            let mut io = self.get_mut();
            if io.room == 0 && !io.broken && !io.is_mute {
                // Nothing is taken until somebody makes room.
                return Poll::Pending;
            }
            io.pend(true, cx).map(|()| io.write(buf))
        })
        .await
    }

    async fn flush(&mut self) -> Result<(), IoError> {
        poll_fn(|cx| {
            let mut io = self.get_mut();
            io.pend(true, cx).map(|()| io.flush())
        })
        .await
    }
}
