//! Frame headers, shown as they pass.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use bare_ws::handshake::head;
use bare_ws::header::{FrameHeader, HeaderScan};

use crate::moment::Moment;

/// The header of a frame that passes: what [`Config::observer`](crate::Config::observer) is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Observed {
    /// Which way it goes.
    pub direction: Direction,
    /// As on the wire: opcode, FIN, RSV1 of a compressed message, and the length of the payload,
    /// compressed if it is.
    pub header: FrameHeader,
    /// When the last octet of the header was read, or taken by the transport.
    pub at: Instant,
}

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// To the server.
    Sent,
    /// From the server.
    Received,
}

pub(crate) type Observer = dyn Fn(&Observed) + Send + Sync;

/// The observer of one connection.
pub(crate) struct Tap {
    observer: Arc<Observer>,
    now: fn() -> Moment,
    sent: HeaderScan,
    received: HeaderScan,
}

impl Tap {
    /// `record`: all that was read until the handshake was complete.
    pub(crate) fn new(observer: &Arc<Observer>, now: fn() -> Moment, record: &[u8]) -> Box<Self> {
        let mut tap = Box::new(Self {
            observer: Arc::clone(observer),
            now,
            sent: HeaderScan::new(true),
            received: HeaderScan::new(false),
        });
        tap.received(record.get(head(record).end..).unwrap_or_default());
        tap
    }

    pub(crate) fn sent(&mut self, octets: &[u8]) {
        self.pass(Direction::Sent, octets);
    }

    pub(crate) fn received(&mut self, octets: &[u8]) {
        self.pass(Direction::Received, octets);
    }

    fn pass(&mut self, direction: Direction, mut octets: &[u8]) {
        let scan = match direction {
            Direction::Sent => &mut self.sent,
            Direction::Received => &mut self.received,
        };
        while let Some(header) = scan.next(&mut octets) {
            let at = (self.now)().instant().unwrap_or_else(Instant::now);
            (self.observer)(&Observed {
                direction,
                header,
                at,
            });
        }
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap").finish_non_exhaustive()
    }
}
