//! A stream during the opening handshake, under its one deadline.

use std::io;

use bare_ws::lifecycle::{Call, End, Event, Lifecycle};
use embedded_io::ErrorKind;

use crate::channel::Cut;
use crate::moment::Moment;
use crate::stream::{Interest, Stream, is_transient};

/// The stream as the core's loop sees it.
#[derive(Debug)]
pub(crate) struct Opening<'a, S> {
    stream: &'a S,
    life: &'a mut Lifecycle<Moment>,
    /// What was read, at most so many octets.
    pub(crate) record: Vec<u8>,
    most: usize,
}

const READ: Interest = Interest {
    read: true,
    write: false,
};
const WRITE: Interest = Interest {
    read: false,
    write: true,
};

impl<'a, S: Stream> Opening<'a, S> {
    /// Keeps a copy of the first `most` octets that are read.
    pub(crate) fn new(stream: &'a S, life: &'a mut Lifecycle<Moment>, most: usize) -> Self {
        Self {
            stream,
            life,
            record: Vec::new(),
            most,
        }
    }

    /// One operation of the stream, tried until it is done or its time is over.
    fn attempt<T>(
        &mut self,
        interest: Interest,
        mut operation: impl FnMut(&S) -> io::Result<T>,
    ) -> Result<T, Cut> {
        loop {
            let attempt = operation(self.stream);
            let now = Moment::now();
            self.life.check(Call::Send, now);
            if let Some(End::Timeout(timeout)) = self.life.end() {
                return Err(Cut::Timeout(timeout));
            }
            match attempt {
                Err(error) if is_transient(&error) => {}
                attempt => return attempt.map_err(Cut::Io),
            }
            let limit = self.life.until(Call::Send);
            let waited = self.stream.wait(interest, limit.left(now));
            waited.map_err(Cut::Io)?;
        }
    }
}

impl<S> embedded_io::ErrorType for Opening<'_, S> {
    type Error = Cut;
}

impl<S: Stream> embedded_io::Read for Opening<'_, S> {
    fn read(&mut self, octets: &mut [u8]) -> Result<usize, Cut> {
        let n = self.attempt(READ, |stream| stream.try_read(octets))?;
        let n = n.min(octets.len());
        self.life.on(Event::Heard(n), Moment::now());
        let kept = n.min(self.most.saturating_sub(self.record.len()));
        self.record
            .extend_from_slice(octets.get(..kept).unwrap_or_default());
        Ok(n)
    }
}

impl<S: Stream> embedded_io::Write for Opening<'_, S> {
    fn write(&mut self, octets: &[u8]) -> Result<usize, Cut> {
        let n = self.attempt(WRITE, |stream| stream.try_write(octets))?;
        Ok(n.min(octets.len()))
    }

    fn flush(&mut self) -> Result<(), Cut> {
        self.attempt(WRITE, S::try_flush)
    }
}

impl embedded_io::Error for Cut {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Timeout(_) => ErrorKind::TimedOut,
            Self::Lost | Self::Aborted => ErrorKind::ConnectionAborted,
            Self::Io(error) => error.kind().into(),
        }
    }
}

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Timeout(timeout) => timeout.fmt(f),
            Self::Lost => f.write_str("the connection is over"),
            Self::Aborted => f.write_str("the connection was aborted"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Cut {}
