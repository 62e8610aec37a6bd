//! What a receiver must make of octets: every rule on frames, messages, control frames, text and
//! limits as rows of one table.
//!
//! The frames are written as a server sends them. Those of [`From::Either`] are masked by the
//! harness to be a client's as well. Nothing here needs an allocator or an operating system.

// By their paths, since this file has another place in the tree of modules on a board.
#[path = "vectors/closing.rs"]
mod closing;
#[path = "vectors/frames.rs"]
mod frames;
#[path = "vectors/messages.rs"]
mod messages;

use bare_ws::close::CloseCode;
use bare_ws::error::{Error, Violation};
use bare_ws::receiver::Limits;

use crate::octets::Octets;

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Vector {
    /// What it shows.
    pub name: &'static str,
    /// Whose frames these are.
    pub from: From,
    /// What arrives.
    pub wire: Octets,
    /// What is to be seen, in order.
    pub seen: &'static [Seen],
    /// What the connection has come to after the last octet.
    pub end: End,
    /// The limits that are set.
    pub limits: Limits,
}

/// Whose frames they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// As they stand a server's; masked, a client's.
    Either,
    /// Only as they stand, from a server.
    Server,
    /// Only as they stand, from a client.
    Client,
}

/// What is to be seen of a connection.
#[derive(Clone, Copy, Debug)]
pub enum Seen {
    /// A text message.
    Text(&'static str),
    /// A binary message.
    Binary(Octets),
    /// A long text, of one letter.
    LongText(u8, usize),
    /// A Pong that is sent.
    Pong(Octets),
    /// A Pong that is received.
    Heard(Octets),
}

/// What the connection has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It goes on.
    Open,
    /// The peer closed, with this code and reason; a code but 1005 is sent back, and nothing else.
    Closed(u16, &'static str),
    /// The peer is at fault; the code is sent.
    Violation(Violation, u16),
    /// It is too much for us; the code is sent.
    Exceeds(Error, u16),
}

const NO_LIMITS: Limits = Limits {
    message: u64::MAX,
    fragments: 1_000_000,
};

const fn row(name: &'static str, wire: &'static str, seen: &'static [Seen], end: End) -> Vector {
    Vector {
        name,
        from: From::Either,
        wire: Octets(wire),
        seen,
        end,
        limits: NO_LIMITS,
    }
}

const fn limited(message: u64, fragments: u32, vector: Vector) -> Vector {
    Vector {
        limits: Limits { message, fragments },
        ..vector
    }
}

const fn only(from: From, vector: Vector) -> Vector {
    Vector { from, ..vector }
}

const fn fails(name: &'static str, wire: &'static str, violation: Violation) -> Vector {
    row(name, wire, &[], End::Violation(violation, 1002))
}

const fn not_text(name: &'static str, wire: &'static str) -> Vector {
    row(
        name,
        wire,
        &[],
        End::Violation(Violation::InvalidUtf8, 1007),
    )
}

const fn is_text(name: &'static str, wire: &'static str, seen: &'static [Seen]) -> Vector {
    row(name, wire, seen, End::Open)
}

const fn bad_code(name: &'static str, wire: &'static str, code: u16) -> Vector {
    fails(name, wire, Violation::CloseCode(CloseCode(code)))
}

const fn too_big(needed: u64, limit: u64) -> End {
    End::Exceeds(Error::TooLong { needed, limit }, 1009)
}

use Seen::{Binary, Heard, LongText, Pong, Text};

/// The rows.
pub const VECTORS: &[Vector] = &joined();

const PARTS: [&[Vector]; 3] = [frames::FRAMES, messages::MESSAGES, closing::CLOSING];

const ROWS: usize = PARTS[0].len() + PARTS[1].len() + PARTS[2].len();

const fn joined() -> [Vector; ROWS] {
    let mut all = [PARTS[0][0]; ROWS];
    let (mut part, mut row, mut n) = (0, 0, 0);
    while part < PARTS.len() {
        if row < PARTS[part].len() {
            all[n] = PARTS[part][row];
            row += 1;
            n += 1;
        } else {
            part += 1;
            row = 0;
        }
    }
    all
}
