//! A stream that sees what passes through it: the frames in both directions, and how long each
//! message is on the wire. The connection above it knows nothing of it.

use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bare_ws::header::{FrameHeader, MAX_HEADER, Rules};
use bare_ws_std::{Interest, Socket, Stream};

/// From whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From us.
    Sent,
    /// From the server.
    Received,
}

/// What is told of a frame, once all of it has passed: its header, and the beginning of its
/// payload, unmasked, and compressed if it is.
pub(crate) type Watch = dyn Fn(Direction, &FrameHeader, &[u8]) + Send + Sync;

/// How many octets of a payload are kept to be shown.
const SHOWN: usize = 125;

/// A socket under observation.
pub(crate) struct Tap {
    socket: Socket,
    meter: Arc<Meter>,
}

/// What a [`Tap`] has seen.
#[derive(Default)]
pub(crate) struct Meter {
    sent: Mutex<Wire>,
    received: Mutex<Wire>,
    watch: Option<Box<Watch>>,
}

impl Tap {
    pub(crate) fn new(socket: Socket, meter: Arc<Meter>) -> Self {
        Self { socket, meter }
    }
}

impl Meter {
    /// With somebody who wants to know about each frame, or not.
    pub(crate) fn new(watch: Option<Box<Watch>>) -> Self {
        Self {
            sent: Mutex::default(),
            received: Mutex::default(),
            watch,
        }
    }

    /// How many octets the next message of this direction had on the wire, if it was compressed.
    /// To be asked once for each message.
    pub(crate) fn compressed(&self, direction: Direction) -> Option<u64> {
        self.wire(direction).messages.pop_front().flatten()
    }

    fn wire(&self, direction: Direction) -> MutexGuard<'_, Wire> {
        let wire = match direction {
            Direction::Sent => &self.sent,
            Direction::Received => &self.received,
        };
        wire.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn passed(&self, direction: Direction, octets: &[u8]) {
        let frames = self.wire(direction).take(direction, octets);
        if let Some(watch) = &self.watch {
            for (header, payload) in frames {
                watch(direction, &header, &payload);
            }
        }
    }
}

/// One direction.
#[derive(Default)]
struct Wire {
    place: Place,
    /// What there is of a line of the head, or of a header.
    partial: Vec<u8>,
    /// Octets of the message that is open.
    message: u64,
    is_compressed: bool,
    messages: VecDeque<Option<u64>>,
}

/// Where in the stream it is.
#[derive(Default)]
enum Place {
    /// In the opening handshake.
    #[default]
    Head,
    Header,
    Payload {
        header: FrameHeader,
        remaining: u64,
        shown: Vec<u8>,
    },
    /// What follows is nothing that we know.
    Lost,
}

impl Wire {
    fn take(&mut self, direction: Direction, mut octets: &[u8]) -> Vec<(FrameHeader, Vec<u8>)> {
        let mut frames = Vec::new();
        while !octets.is_empty() {
            octets = match self.place {
                Place::Head => self.head(octets),
                Place::Header => self.header(direction, octets),
                Place::Payload { .. } => self.payload(octets),
                Place::Lost => &[],
            };
            frames.extend(self.complete());
        }
        frames
    }

    /// RFC 9112 §2.1: the head ends with an empty line.
    fn head<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        let end = octets.iter().position(|&octet| octet == b'\n');
        let (line, rest) = octets.split_at(end.map_or(octets.len(), |end| end + 1));
        self.partial.extend_from_slice(line);
        if end.is_some() {
            let line = std::mem::take(&mut self.partial);
            if line.starts_with(b"HTTP/") && !line.starts_with(b"HTTP/1.1 101") {
                self.place = Place::Lost;
            } else if line.trim_ascii().is_empty() {
                self.place = Place::Header;
            }
        }
        rest
    }

    fn header<'a>(&mut self, direction: Direction, octets: &'a [u8]) -> &'a [u8] {
        let rules = Rules {
            rsv1: true,
            masked: direction == Direction::Sent,
            message_open: None,
        };
        let had = self.partial.len();
        let taken = MAX_HEADER.saturating_sub(had).min(octets.len());
        self.partial.extend_from_slice(&octets[..taken]);
        match FrameHeader::parse(&self.partial, rules) {
            Ok(None) => &octets[taken..],
            Ok(Some((header, len))) => {
                self.partial.clear();
                self.place = Place::Payload {
                    header,
                    remaining: header.len,
                    shown: Vec::new(),
                };
                &octets[len.saturating_sub(had)..]
            }
            // The connection will say so.
            Err(_) => {
                self.place = Place::Lost;
                &[]
            }
        }
    }

    fn payload<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        let Place::Payload {
            remaining, shown, ..
        } = &mut self.place
        else {
            return octets;
        };
        let len = usize::try_from(*remaining).map_or(octets.len(), |left| left.min(octets.len()));
        let (here, rest) = octets.split_at(len);
        *remaining -= len as u64;
        shown.extend(here.iter().take(SHOWN.saturating_sub(shown.len())));
        rest
    }

    /// The frame, if it has ended.
    fn complete(&mut self) -> Option<(FrameHeader, Vec<u8>)> {
        let Place::Payload {
            remaining: 0,
            header,
            shown,
        } = &mut self.place
        else {
            return None;
        };
        let (header, mut shown) = (*header, std::mem::take(shown));
        self.place = Place::Header;
        if let Some(key) = header.masking_key {
            key.apply(&mut shown);
        }
        self.count(&header);
        Some((header, shown))
    }

    /// RFC 7692 §6: RSV1 of its first frame says that a message is compressed.
    fn count(&mut self, header: &FrameHeader) {
        if header.opcode.is_control() {
            return;
        }
        self.message += header.len;
        self.is_compressed |= header.rsv1;
        if header.fin {
            let octets = std::mem::take(&mut self.message);
            let was_compressed = std::mem::take(&mut self.is_compressed);
            self.messages.push_back(was_compressed.then_some(octets));
        }
    }
}

impl Stream for Tap {
    fn prepare(&mut self) -> io::Result<()> {
        self.socket.prepare()
    }

    fn try_read(&self, octets: &mut [u8]) -> io::Result<usize> {
        let read = self.socket.try_read(octets)?;
        self.meter.passed(Direction::Received, &octets[..read]);
        Ok(read)
    }

    fn try_read_ahead(&self, octets: &mut [u8]) -> io::Result<usize> {
        let read = self.socket.try_read_ahead(octets)?;
        self.meter.passed(Direction::Received, &octets[..read]);
        Ok(read)
    }

    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        let written = self.socket.try_write(octets)?;
        self.meter.passed(Direction::Sent, &octets[..written]);
        Ok(written)
    }

    fn try_flush(&self) -> io::Result<()> {
        self.socket.try_flush()
    }

    fn wait(&self, interest: Interest, limit: Option<Duration>) -> io::Result<()> {
        self.socket.wait(interest, limit)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.shutdown(how)
    }

    fn abort(&self) -> io::Result<()> {
        self.socket.abort()
    }

    fn is_secure(&self) -> bool {
        self.socket.is_secure()
    }
}
