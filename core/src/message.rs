//! What a connection carries: messages, pieces of messages, frames.

use crate::close::CloseCode;
use crate::header::FrameHeader;
use crate::opcode::Opcode;

/// Text or binary (RFC 6455 §5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum MessageKind {
    /// UTF-8 text.
    Text,
    /// Octets whose meaning is the application's.
    Binary,
}

impl MessageKind {
    /// The opcode of the message's first frame.
    #[must_use]
    pub const fn opcode(self) -> Opcode {
        match self {
            Self::Text => Opcode::Text,
            Self::Binary => Opcode::Binary,
        }
    }
}

/// A whole data message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Message<'a> {
    /// UTF-8 text, checked.
    Text(&'a str),
    /// Octets.
    Binary(&'a [u8]),
}

impl<'a> Message<'a> {
    /// Text or binary.
    #[must_use]
    pub const fn kind(&self) -> MessageKind {
        match self {
            Self::Text(_) => MessageKind::Text,
            Self::Binary(_) => MessageKind::Binary,
        }
    }

    /// The payload data, whatever its kind.
    #[must_use]
    pub const fn octets(&self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(octets) => octets,
        }
    }

    /// Its length in octets.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.octets().len()
    }

    /// Whether it carries no octet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.octets().is_empty()
    }

    /// The text, if it is text.
    #[must_use]
    pub const fn as_text(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }
}

impl<'a> From<&'a str> for Message<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Message<'a> {
    fn from(octets: &'a [u8]) -> Self {
        Self::Binary(octets)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Message<'a> {
    fn from(octets: &'a [u8; N]) -> Self {
        Self::Binary(octets)
    }
}

/// A piece of a data message. The pieces of a message, one after the other, are the message:
/// those of a text are UTF-8 together, though a character may be cut between two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Chunk<'a> {
    /// The kind of the message.
    pub kind: MessageKind,
    /// The piece, decompressed. May be empty: an empty fragment, an empty message.
    pub octets: &'a [u8],
    /// How many octets of the message came before.
    pub offset: u64,
    /// The message ends with this piece.
    pub fin: bool,
    /// Octets of the current frame's payload that are still to come; 0 where a fragment ends.
    /// On the wire: of a compressed message, compressed ones.
    pub frame_remaining: u64,
}

/// A whole frame as it came over the wire, unmasked but not decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Frame<'a> {
    /// Its header.
    pub header: FrameHeader,
    /// Its payload data.
    pub payload: &'a [u8],
}

/// How the peer closed: what its Close frame said (RFC 6455 §7.1.5, §7.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CloseStatus<'a> {
    /// The status code; 1005 when the Close frame had none.
    pub code: CloseCode,
    /// The reason; may be empty. Not meant for end users (§5.5.1: "not necessarily human
    /// readable").
    pub reason: &'a str,
}
