//! A stream during the opening handshake, under its one deadline.

use std::io;
use std::time::Duration;

use bare_ws::lifecycle::{Call, End, Event, Lifecycle, Moment as _};
use embedded_io::ErrorKind;

use crate::moment::Moment;
use crate::response::Response;
use crate::state::Cut;
use crate::stream::{Interest, Stream, is_transient};

/// The stream as the core's loop sees it.
#[derive(Debug)]
pub(crate) struct Opening<'a, S> {
    stream: &'a S,
    life: &'a mut Lifecycle<Moment>,
    /// All that was read, which the limit on the head bounds.
    pub(crate) record: Vec<u8>,
}

/// How long the body of a refusal is waited for.
const BODY_TIME: Duration = Duration::from_secs(1);

const READ: Interest = Interest {
    read: true,
    write: false,
};
const WRITE: Interest = Interest {
    read: false,
    write: true,
};

impl<'a, S: Stream> Opening<'a, S> {
    pub(crate) fn new(stream: &'a S, life: &'a mut Lifecycle<Moment>) -> Self {
        Self {
            stream,
            life,
            record: Vec::new(),
        }
    }

    /// The answer of a server that refuses, with what comes of its body in a moment: the status is
    /// known, and whoever waits for it is not kept waiting for much more.
    pub(crate) fn refusal(&mut self, status: u16) -> Response {
        let mut response = Response::new(status, std::mem::take(&mut self.record));
        let by = Moment::in_time(Some(BODY_TIME));
        let mut octets = [0; 4096];
        while response.body_mut().needs_octets() {
            match self.stream.try_read(&mut octets) {
                Ok(0) => break,
                Ok(n) => {
                    let read = octets.get(..n).unwrap_or_default();
                    response.body_mut().push(read);
                }
                Err(error) if is_transient(&error) => {}
                Err(_) => break,
            }
            let now = Moment::now();
            self.life.check(Call::Send, now);
            if self.life.end().is_some() || by.has_come(now) {
                break;
            }
            let until = self.life.until(Call::Send).min(by);
            if self.stream.wait(READ, until.left(now)).is_err() {
                break;
            }
        }
        response
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
        self.record
            .extend_from_slice(octets.get(..n).unwrap_or_default());
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
