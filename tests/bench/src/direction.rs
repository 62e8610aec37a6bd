//! What is measured.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Receive,
    /// Receiving from a transport that gives no more than [`PIECE`] octets a read.
    Pieces,
    Send,
    /// One message out and one in, in memory.
    Turn,
    /// Sending with permessage-deflate, ...
    Deflate(Takeover),
    /// ... receiving, ...
    Inflate(Takeover),
    /// ... and both by turns, each time another message.
    Squeeze(Takeover),
    /// One message out and one in.
    Echo(Layer),
    /// [`BATCH`] messages out, written together, and one back.
    Batch(Layer),
    /// One message out, and as many in.
    Flood(Layer),
    /// A connection from its beginning to its end: TCP, the opening handshake and the closing one.
    Connect,
    /// No library: what the machine can do.
    Floor,
}

/// RFC 7692 §7.1.1: whether a message may refer to the messages before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takeover {
    Kept,
    Dropped,
}

/// Of the stack, below the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    Tcp,
    Tls,
}

/// As much as a read of a socket often gives.
pub const PIECE: usize = 64 * 1024;

/// Messages that are sent or received by one request.
pub const BATCH: u64 = 4096;

impl Direction {
    /// There is another end, on the same core.
    pub fn has_far_end(self) -> bool {
        matches!(
            self,
            Self::Echo(_) | Self::Batch(_) | Self::Flood(_) | Self::Connect
        )
    }

    /// There is nothing that the far end could wait for in between.
    pub fn is_many(self) -> bool {
        matches!(self, Self::Batch(_) | Self::Flood(_))
    }

    pub fn takeover(self) -> Option<Takeover> {
        match self {
            Self::Deflate(takeover) | Self::Inflate(takeover) | Self::Squeeze(takeover) => {
                Some(takeover)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Receive => "receive",
            Self::Pieces => "receive by 64 KiB",
            Self::Send => "send",
            Self::Turn => "echo",
            Self::Deflate(Takeover::Kept) => "send, deflate with takeover",
            Self::Deflate(Takeover::Dropped) => "send, deflate without takeover",
            Self::Inflate(Takeover::Kept) => "receive, deflate with takeover",
            Self::Inflate(Takeover::Dropped) => "receive, deflate without takeover",
            Self::Squeeze(Takeover::Kept) => "echo, deflate with takeover",
            Self::Squeeze(Takeover::Dropped) => "echo, deflate without takeover",
            Self::Echo(Layer::Tcp) => "echo over TCP",
            Self::Echo(Layer::Tls) => "echo over TLS",
            Self::Batch(Layer::Tcp) => "send many over TCP",
            Self::Batch(Layer::Tls) => "send many over TLS",
            Self::Flood(Layer::Tcp) => "receive many over TCP",
            Self::Flood(Layer::Tls) => "receive many over TLS",
            Self::Connect => "connect and close",
            Self::Floor => "floor",
        })
    }
}
