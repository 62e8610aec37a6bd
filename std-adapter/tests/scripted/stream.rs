//! A stream in memory that does exactly what it is told to.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use bare_ws_std::bare_ws::handshake::accept;
use bare_ws_std::{Config, Interest, Stream, WebSocket};

/// What a read finds.
pub(crate) enum Comes {
    Octets(Vec<u8>),
    Nothing,
    End,
    Error(io::Error),
    /// This happens while the stream is read, and then what comes next.
    Meanwhile(Box<dyn FnOnce() + Send>),
}

/// What becomes of a write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Writes {
    #[default]
    All,
    /// All, and nothing of it leaves: a flush is never done.
    Unflushed,
    Nothing,
    Fails,
}

pub(crate) type AtWrite = Arc<dyn Fn() + Send + Sync>;

#[derive(Default)]
pub(crate) struct Told {
    pub(crate) coming: VecDeque<Comes>,
    pub(crate) writes: Writes,
    /// So many writes find no room before.
    pub(crate) refusals: usize,
    /// How long each read takes, and how much longer than it should each wait.
    pub(crate) read_takes: Duration,
    pub(crate) oversleeps: Duration,
    /// All octets that were taken, and the handshake's among them.
    pub(crate) written: Vec<u8>,
    pub(crate) waits: usize,
    /// What each wait was limited to.
    pub(crate) limits: Vec<Option<Duration>>,
    pub(crate) shut: Vec<Shutdown>,
    /// When a read has given something last.
    pub(crate) last_read: Option<Instant>,
    /// What the server answers to the request, if it does not accept.
    pub(crate) refuses: &'static str,
    /// What happens at each write, before it.
    pub(crate) at_write: Option<AtWrite>,
    /// After so long nothing stops it any more.
    pub(crate) relents: Option<Instant>,
}

/// More than any test needs: what goes on for ever fails.
const MOST: usize = 20_000;

#[derive(Clone, Default)]
pub(crate) struct Scripted(Arc<Mutex<Told>>);

impl Scripted {
    pub(crate) fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap()
    }

    /// A connection over it, whose server has accepted the handshake and said no more.
    pub(crate) fn opened(config: &Config) -> (WebSocket<Self>, Self) {
        let stream = Self::default();
        let socket = config.open("ws://localhost/", stream.clone()).unwrap();
        stream.told().written.clear();
        (socket, stream)
    }

    pub(crate) fn comes(&self, octets: &[u8]) {
        self.told().coming.push_back(Comes::Octets(octets.to_vec()));
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

impl Stream for Scripted {
    fn try_read(&self, octets: &mut [u8]) -> io::Result<usize> {
        let mut told = self.told();
        // Real time: that of each read.
        thread::sleep(told.read_takes);
        loop {
            let next = told.coming.pop_front();
            match next {
                None | Some(Comes::Nothing) => return Err(ErrorKind::WouldBlock.into()),
                Some(Comes::End) => return Ok(0),
                Some(Comes::Error(error)) => return Err(error),
                Some(Comes::Meanwhile(happens)) => {
                    drop(told);
                    happens();
                    told = self.told();
                }
                Some(Comes::Octets(mut come)) => {
                    let rest = come.split_off(come.len().min(octets.len()));
                    octets[..come.len()].copy_from_slice(&come);
                    if !rest.is_empty() {
                        told.coming.push_front(Comes::Octets(rest));
                    }
                    told.last_read = Some(Instant::now());
                    return Ok(come.len());
                }
            }
        }
    }

    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        let at_write = self.told().at_write.clone();
        if let Some(at_write) = at_write {
            at_write();
        }
        let mut told = self.told();
        if let Some(left) = told.refusals.checked_sub(1) {
            told.refusals = left;
            return Err(ErrorKind::WouldBlock.into());
        }
        match told.writes {
            Writes::Nothing => return Err(ErrorKind::WouldBlock.into()),
            Writes::Fails => return Err(ErrorKind::BrokenPipe.into()),
            Writes::All | Writes::Unflushed => told.written.extend(octets),
        }
        // The server answers the request.
        if told.written.ends_with(b"\r\n\r\n") {
            let request = String::from_utf8(told.written.clone()).unwrap();
            let field = "Sec-WebSocket-Key: ";
            let key = request.lines().find_map(|line| line.strip_prefix(field));
            let accept = accept::accept(key.unwrap().as_bytes().try_into().unwrap());
            let accepts = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {}\r\n\r\n",
                str::from_utf8(&accept).unwrap()
            );
            let answer = match told.refuses {
                "" => accepts,
                refuses => refuses.to_owned(),
            };
            told.coming.push_front(Comes::Octets(answer.into_bytes()));
        }
        Ok(octets.len())
    }

    fn try_flush(&self) -> io::Result<()> {
        match self.told().writes {
            Writes::Unflushed => Err(ErrorKind::WouldBlock.into()),
            _ => Ok(()),
        }
    }

    /// Returns early, as it may.
    fn wait(&self, interest: Interest, limit: Option<Duration>) -> io::Result<()> {
        let mut told = self.told();
        told.waits += 1;
        told.limits.push(limit);
        assert!(told.waits < MOST, "nothing ends it");
        if told.relents.is_some_and(|at| at <= Instant::now()) {
            told.relents = None;
            told.writes = Writes::All;
            told.coming.push_back(Comes::End);
        }
        let oversleeps = told.oversleeps;
        let is_ready = interest.read && !told.coming.is_empty()
            || interest.write && told.writes == Writes::All
            || told.shut.contains(&Shutdown::Both);
        drop(told);
        if !is_ready {
            // Real time: a caller that waits in a loop should not keep a processor busy.
            thread::sleep(limit.unwrap_or(LOOK).min(LOOK));
        }
        // Real time: a system may wake whoever waits later than it was asked to.
        thread::sleep(oversleeps);
        Ok(())
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.told().shut.push(how);
        Ok(())
    }
}

const LOOK: Duration = Duration::from_millis(2);

/// The frames that were sent: the first octet of each, and how many octets of payload it has.
pub(crate) fn frames(mut octets: &[u8]) -> Vec<(u8, usize)> {
    let mut frames = Vec::new();
    while let [first, length, rest @ ..] = octets {
        let (length, header) = match length & 0x7F {
            126 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), 6),
            length => (usize::from(length), 4),
        };
        frames.push((*first, length));
        octets = &rest[header + length..];
    }
    frames
}
