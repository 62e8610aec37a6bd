//! Over a transport in memory: fragments, octets of a message, messages of a connection.

use std::cell::RefCell;
use std::hint::black_box;
use std::io;
use std::net::Shutdown;
use std::time::Duration;

use bare_ws::message::MessageKind;
use bare_ws_std::{Config, Interest, Stream, WebSocket};

use super::{Line, Lines, NONE, Point, READS, Series, WRITES, count, line};
use crate::payload::{Kind, Payload};
use crate::peers::{answer, message};
use crate::wire;

/// As much as a read of a socket often gives.
const READ: usize = 64 * 1024;

/// Octets of the message that is sent in fragments.
const FRAGMENTED: usize = 64 * 1024;

/// Octets of a message among many.
const SMALL: usize = 16;

/// Powers of 4, from 1 to `4^most`.
pub fn fours(most: u32) -> impl Iterator<Item = u64> {
    (0..=most).map(|power| 1 << (2 * power))
}

pub fn series() -> Vec<Series> {
    let mut all = Vec::new();
    for (kind, received) in [
        (Kind::Binary, "fragments received, binary"),
        (Kind::Text, "fragments received, text"),
    ] {
        all.push(Series {
            name: received,
            unit: "fragment",
            work: "fragments",
            setting: "a message of 64 KiB in so many fragments, received whole",
            lines: Lines {
                // Payload moves to the front of the buffer, so that a read finds less room than there is memory.
                reads: line(16.0, 1.0 / 1024.0),
                writes: NONE,
                ..growing(FRAGMENTED, 0.0)
            },
            factor: 2.0,
            points: fours(7)
                .map(|work| Point::new(work, || receive(fragments(kind, work))))
                .collect(),
        });
    }
    all.push(Series {
        name: "fragments sent, binary",
        unit: "fragment",
        work: "fragments",
        setting: "a message of 64 KiB in so many fragments, each out of the door before the next",
        lines: Lines {
            reads: NONE,
            writes: line(1.0, 1.0),
            ..growing(FRAGMENTED, 0.0)
        },
        factor: 2.0,
        points: fours(7)
            .map(|work| Point::new(work, || send_fragments(work)))
            .collect(),
    });
    for (kind, received, sent) in [
        (
            Kind::Binary,
            "octets received, binary",
            "octets sent, binary",
        ),
        (Kind::Text, "octets received, text", "octets sent, text"),
    ] {
        // 16 octets to 16 MiB.
        let lengths = || fours(10).map(|work| 16 * work);
        all.push(Series {
            name: received,
            unit: "octet",
            work: "octets",
            setting: "one message, received whole from reads of 64 KiB at most",
            lines: Lines {
                reads: line(16.0, 1.0 / READ as f64),
                writes: NONE,
                ..growing(0, 4.0)
            },
            factor: 16.0,
            points: lengths()
                .map(|work| Point::new(work, || receive(frame(kind, work))))
                .collect(),
        });
        all.push(Series {
            name: sent,
            unit: "octet",
            work: "octets",
            setting: "one message, sent whole",
            lines: Lines {
                reads: NONE,
                writes: line(2.0, 1.0 / READ as f64),
                ..growing(0, 4.0)
            },
            factor: 16.0,
            points: lengths()
                .map(|work| Point::new(work, || send(kind, work)))
                .collect(),
        });
    }
    all.push(Series {
        name: "octets copied",
        unit: "octet",
        work: "octets",
        setting: "no library: what a copy takes in the caches and out of them",
        lines: Lines {
            reads: NONE,
            writes: NONE,
            allocations: NONE,
            heap: NONE,
        },
        factor: 32.0,
        points: fours(10)
            .map(|work| Point::new(16 * work, || copy(16 * work as usize)))
            .collect(),
    });
    all.push(Series {
        name: "messages echoed",
        unit: "message",
        work: "messages",
        setting: "16 octets each, over one connection from its start",
        lines: Lines {
            reads: line(2.0, 1.0),
            writes: line(0.0, 1.0),
            ..growing(0, 0.0)
        },
        factor: 2.0,
        points: fours(9)
            .map(|work| Point::new(work, || echo(work)))
            .collect(),
    });
    all
}

/// What a buffer asks for that grows to `octets`, and by `each` octet of the work.
fn growing(octets: usize, each: f64) -> Lines {
    Lines {
        reads: NONE,
        writes: NONE,
        // Doubling from 4 KiB to 16 MiB, and a little.
        allocations: line(16.0, 0.0),
        heap: Line {
            fixed: 128.0 * 1024.0 + 4.0 * octets as f64,
            each,
        },
    }
}

fn frame(kind: Kind, octets: u64) -> Vec<u8> {
    wire::frame(Payload::new(kind, octets as usize))
}

/// The message of [`FRAGMENTED`] octets as a server sends it in so many fragments.
fn fragments(kind: Kind, count: u64) -> Vec<u8> {
    let payload = Payload::new(kind, FRAGMENTED);
    let mut octets = Vec::new();
    let parts = payload.octets.chunks(FRAGMENTED / count as usize);
    let last = parts.len() - 1;
    for (number, part) in parts.enumerate() {
        let mut frame = wire::frame(Payload { kind, octets: part });
        let opcode = if number == 0 { frame[0] & 0xf } else { 0 };
        frame[0] = opcode | if number == last { 0x80 } else { 0 };
        octets.extend(frame);
    }
    octets
}

fn open(recording: Vec<u8>) -> WebSocket<Wire> {
    let wire = Wire(RefCell::new(Inner {
        recording,
        at: 0,
        opening: Some(Vec::new()),
    }));
    Config::new().open("ws://localhost/", wire).expect("open")
}

fn receive(recording: Vec<u8>) -> impl FnMut() {
    let mut socket = open(recording);
    move || {
        black_box(socket.recv().expect("a message").expect("open"));
    }
}

fn send(kind: Kind, octets: u64) -> impl FnMut() {
    let message = message(Payload::new(kind, octets as usize));
    let mut socket = open(Vec::new());
    move || {
        socket.send(black_box(message)).expect("sent");
    }
}

fn send_fragments(count: u64) -> impl FnMut() {
    let payload = Payload::new(Kind::Binary, FRAGMENTED);
    let socket = open(Vec::new());
    move || {
        let parts = payload.octets.chunks(FRAGMENTED / count as usize);
        let last = parts.len() - 1;
        for (number, part) in parts.enumerate() {
            let sent =
                socket
                    .writer
                    .send_fragment(MessageKind::Binary, black_box(part), number == last);
            sent.expect("sent");
        }
    }
}

fn copy(octets: usize) -> impl FnMut() {
    let from = Payload::new(Kind::Binary, octets).octets;
    let mut to = vec![0; octets];
    move || {
        to.copy_from_slice(black_box(from));
        black_box(&to);
    }
}

fn echo(count: u64) -> impl FnMut() {
    let payload = Payload::new(Kind::Binary, SMALL);
    let message = message(payload);
    let mut socket = open(wire::frame(payload));
    move || {
        for _ in 0..count {
            socket.send(black_box(message)).expect("sent");
            black_box(socket.recv().expect("a message").expect("open"));
        }
    }
}

/// A recording that begins anew at its end, and at no other place: a read gives no more than is left.
struct Wire(RefCell<Inner>);

struct Inner {
    recording: Vec<u8>,
    at: usize,
    /// The handshake's octets that are not read yet, while there is a handshake.
    opening: Option<Vec<u8>>,
}

impl Stream for Wire {
    fn try_read(&self, octets: &mut [u8]) -> io::Result<usize> {
        let inner = &mut *self.0.borrow_mut();
        if let Some(response) = inner.opening.take() {
            octets[..response.len()].copy_from_slice(&response);
            return Ok(response.len());
        }
        count(&READS);
        let rest = &inner.recording[inner.at..];
        let given = rest.len().min(octets.len()).min(READ);
        octets[..given].copy_from_slice(&rest[..given]);
        inner.at = (inner.at + given) % inner.recording.len();
        Ok(given)
    }

    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        if let Some(response) = &mut self.0.borrow_mut().opening {
            *response = answer(octets);
            return Ok(octets.len());
        }
        count(&WRITES);
        Ok(black_box(octets).len())
    }

    fn wait(&self, _: Interest, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown(&self, _: Shutdown) -> io::Result<()> {
        Ok(())
    }
}
