//! A stream as the core's loops see it, with the deadlines that hold for the moment.

use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::deadline::Deadline;
use crate::error::Timeout;
use crate::stream::{Split, Stream};

/// Why a read or a write did not happen.
#[derive(Debug)]
pub(crate) enum Cut {
    Timeout(Timeout),
    /// [`Wire::pause`] is over.
    Pause,
    Io(io::Error),
}

/// A stream and its deadlines.
#[derive(Debug)]
pub(crate) struct Wire<S> {
    stream: S,
    /// How long nothing may arrive, or nothing be taken.
    pub(crate) idle: Option<Duration>,
    /// For all of the handshake that is going on.
    deadline: (Deadline, Timeout),
    /// How long one read or write may wait before it ends with [`Cut::Pause`].
    pub(crate) pause: Option<Duration>,
    /// When the read that was paused must have found something.
    idle_until: Option<Deadline>,
    /// What the stream was told last.
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
    /// What was read, while it is of interest: at most so many octets.
    record: Option<(Vec<u8>, usize)>,
}

impl<S: Stream> Wire<S> {
    /// Takes a stream that has no time-outs.
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            idle: None,
            deadline: (Deadline::NEVER, Timeout::Idle),
            pause: None,
            idle_until: None,
            read_timeout: None,
            write_timeout: None,
            record: None,
        }
    }

    /// Until when all reads and writes must be done, and what it is called if they are not.
    pub(crate) fn set_deadline(&mut self, deadline: Deadline, timeout: Timeout) {
        self.deadline = (deadline, timeout);
    }

    pub(crate) fn deadline(&self) -> (Deadline, Timeout) {
        self.deadline
    }

    pub(crate) fn stream(&self) -> &S {
        &self.stream
    }

    pub(crate) fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Keeps a copy of the next `limit` octets that are read.
    pub(crate) fn start_recording(&mut self, limit: usize) {
        self.record = Some((Vec::new(), limit));
    }

    pub(crate) fn stop_recording(&mut self) -> Vec<u8> {
        self.record
            .take()
            .map(|(octets, _)| octets)
            .unwrap_or_default()
    }

    /// How long the next call may wait. The idle time counts where there is no deadline.
    fn wait(&mut self) -> Result<Option<Duration>, Cut> {
        let (deadline, timeout) = self.deadline;
        if deadline.is_never() && self.pause.is_none() {
            // The same for every call: no clock is asked.
            return Ok(self.idle);
        }
        let (until, timeout) = if deadline.is_never() {
            let idle = self.idle;
            let until = self.idle_until.get_or_insert_with(|| Deadline::after(idle));
            (*until, Timeout::Idle)
        } else {
            (deadline, timeout)
        };
        if until.has_passed() {
            self.idle_until = None;
            return Err(Cut::Timeout(timeout));
        }
        let wait = match (until.left(), self.pause) {
            (Some(left), Some(pause)) => Some(left.min(pause)),
            (left, pause) => left.or(pause),
        };
        Ok(wait.map(|wait| wait.max(SHORTEST)))
    }

    /// What a call that took too long ended for; `None`: nothing of ours, it is to be repeated.
    fn waited(&mut self) -> Option<Cut> {
        let (deadline, timeout) = self.deadline;
        let (is_over, timeout) = if deadline.is_never() {
            let is_over = match self.idle_until {
                Some(until) => until.has_passed(),
                None => self.idle.is_some(),
            };
            (is_over, Timeout::Idle)
        } else {
            (deadline.has_passed(), timeout)
        };
        if is_over {
            self.idle_until = None;
            return Some(Cut::Timeout(timeout));
        }
        self.pause.map(|_| Cut::Pause)
    }

    /// One call of the stream, as often as it is interrupted.
    fn attempt(
        &mut self,
        set: impl Fn(&mut Self, Option<Duration>) -> io::Result<()>,
        mut call: impl FnMut(&mut S) -> io::Result<usize>,
    ) -> Result<usize, Cut> {
        loop {
            let wait = self.wait()?;
            set(self, wait).map_err(Cut::Io)?;
            match call(&mut self.stream) {
                Ok(n) => {
                    self.idle_until = None;
                    return Ok(n);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error)
                    if wait.is_some()
                        && matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    if let Some(cut) = self.waited() {
                        return Err(cut);
                    }
                    // The stream gave up early: one that never waits must not keep us busy.
                    std::thread::sleep(SHORTEST);
                }
                Err(error) => return Err(Cut::Io(error)),
            }
        }
    }
}

impl<S: Stream> Wire<S> {
    fn may_wait_to_write(&mut self, wait: Option<Duration>) -> io::Result<()> {
        if self.write_timeout != wait {
            self.stream.set_write_timeout(wait)?;
            self.write_timeout = wait;
        }
        Ok(())
    }
}

impl<S: Split> Wire<S> {
    /// One wire for each direction, with the deadlines that hold.
    #[allow(clippy::type_complexity, reason = "a pair, named nowhere else")]
    pub(crate) fn split(self) -> io::Result<(Wire<S::ReadHalf>, Wire<S::WriteHalf>)> {
        let (read, write) = self.stream.split()?;
        let (idle, deadline, pause) = (self.idle, self.deadline, self.pause);
        let read = Wire {
            idle,
            deadline,
            pause,
            read_timeout: self.read_timeout,
            ..Wire::new(read)
        };
        let write = Wire {
            idle,
            deadline,
            pause,
            write_timeout: self.write_timeout,
            ..Wire::new(write)
        };
        Ok((read, write))
    }
}

/// A time-out of zero would be none.
const SHORTEST: Duration = Duration::from_millis(1);

impl<S> embedded_io::ErrorType for Wire<S> {
    type Error = Cut;
}

impl<S: Stream> embedded_io::Read for Wire<S> {
    #[inline]
    fn read(&mut self, octets: &mut [u8]) -> Result<usize, Cut> {
        let set = |wire: &mut Self, wait| {
            if wire.read_timeout != wait {
                wire.stream.set_read_timeout(wait)?;
                wire.read_timeout = wait;
            }
            Ok(())
        };
        // A stream that claims to have read more than it was given is not believed.
        let n = self
            .attempt(set, |stream| stream.read(octets))?
            .min(octets.len());
        if let Some((record, limit)) = &mut self.record {
            let kept = n.min(limit.saturating_sub(record.len()));
            record.extend_from_slice(octets.get(..kept).unwrap_or_default());
        }
        Ok(n)
    }
}

impl<S: Stream> embedded_io::Write for Wire<S> {
    #[inline]
    fn write(&mut self, octets: &[u8]) -> Result<usize, Cut> {
        let n = self.attempt(Self::may_wait_to_write, |stream| stream.write(octets))?;
        Ok(n.min(octets.len()))
    }

    /// Over TLS this is where the end of a message leaves, and may take its time.
    #[inline]
    fn flush(&mut self) -> Result<(), Cut> {
        self.attempt(Self::may_wait_to_write, |stream| stream.flush().map(|()| 0))
            .map(drop)
    }
}

impl embedded_io::Error for Cut {
    fn kind(&self) -> embedded_io::ErrorKind {
        match self {
            Self::Timeout(_) | Self::Pause => embedded_io::ErrorKind::TimedOut,
            Self::Io(error) => error.kind().into(),
        }
    }
}

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Timeout(timeout) => timeout.fmt(f),
            Self::Pause => f.write_str("paused"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Cut {}
