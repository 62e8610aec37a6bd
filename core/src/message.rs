//! What a connection carries: messages, pieces of messages, frames.
//!
//! A received [`Message`] borrows the receive buffer until the next receive. To keep one longer, or
//! to hand it to another thread, copy it with `Message::to_owned`:
#![cfg_attr(feature = "alloc", doc = "```")]
#![cfg_attr(not(feature = "alloc"), doc = "```text")]
//! use bare_ws::message::{Message, OwnedMessage};
//!
//! fn keep(log: &mut Vec<OwnedMessage>, message: Message<'_>) {
//!     match message {
//!         Message::Text(text) => println!("{text}"),
//!         Message::Binary(octets) => println!("{} octets", octets.len()),
//!     }
//!     log.push(message.to_owned());
//! }
//!
//! let mut log = Vec::new();
//! keep(&mut log, Message::Text("hello"));
//! assert_eq!(log[0], "hello");
//! ```
//!
//! Whatever implements [`AsMessage`] can be sent: `&str`, `String`, `&[u8]`, `Vec<u8>`, a received
//! message, and references to them.

mod convert;
#[cfg(feature = "alloc")]
mod owned;

use core::fmt;

pub use convert::AsMessage;
#[cfg(feature = "alloc")]
pub use owned::OwnedMessage;

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

/// A whole data message, borrowed.
///
/// `Debug` shows its payload, at most the first 256 octets of it. `Display` is the text itself, and of a
/// binary message only its length: `<binary, 12 octets>`.
///
/// It compares with whatever can be sent, and equals what would be sent as the same message:
///
/// ```
/// use bare_ws::message::Message;
///
/// let message = Message::Text("hello");
/// assert_eq!(message, "hello");
/// assert_ne!(message, b"hello");
/// assert_eq!(message.to_string(), "hello");
/// assert_eq!(Message::Binary(&[0; 12]).to_string(), "<binary, 12 octets>");
/// ```
// Copied in words: copied as a tag of one octet and 23 others, as it is through futures, each copy
// waits for the one before it to reach the cache.
#[cfg_attr(target_pointer_width = "64", repr(u64))]
#[derive(Clone, Copy, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Message<'a> {
    /// Valid UTF-8.
    Text(&'a str),
    /// Octets whose meaning is the application's.
    Binary(&'a [u8]),
}

impl<'a> Message<'a> {
    /// Text or binary.
    #[inline]
    #[must_use]
    pub const fn kind(&self) -> MessageKind {
        match self {
            Self::Text(_) => MessageKind::Text,
            Self::Binary(_) => MessageKind::Binary,
        }
    }

    /// The payload data, whatever its kind.
    #[inline]
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(octets) => octets,
        }
    }

    /// The text, if it is text.
    #[must_use]
    pub const fn as_text(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// Its length in octets.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether its payload is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// A copy that borrows nothing.
    #[cfg(feature = "alloc")]
    #[inline]
    #[must_use]
    pub fn to_owned(&self) -> OwnedMessage {
        OwnedMessage::from(*self)
    }
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.debug_tuple("Text").field(&Shown(*text)).finish(),
            Self::Binary(octets) => f.debug_tuple("Binary").field(&Shown(*octets)).finish(),
        }
    }
}

/// The text itself; of a binary message, its length.
impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.pad(text),
            Self::Binary(octets) => write!(f, "<binary, {} octets>", octets.len()),
        }
    }
}

/// How many octets of a payload `Debug` shows.
const SHOWN: usize = 256;

/// A payload as `Debug` shows it: its beginning, and its length if that is not all.
struct Shown<T>(T);

impl fmt::Debug for Shown<&str> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text) = self;
        if text.len() <= SHOWN {
            return text.fmt(f);
        }
        // A character has four octets at most.
        let start = (SHOWN - 3..=SHOWN).rev().find_map(|end| text.get(..end));
        write!(
            f,
            "{:?}... ({} octets)",
            start.unwrap_or_default(),
            text.len()
        )
    }
}

impl fmt::Debug for Shown<&[u8]> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(octets) = self;
        match octets.get(..SHOWN) {
            Some(start) if octets.len() > SHOWN => {
                write!(f, "{start:?}... ({} octets)", octets.len())
            }
            _ => write!(f, "{octets:?}"),
        }
    }
}

/// A piece of a data message. The pieces of a message, one after the other, are the message:
/// those of a text are UTF-8 together, though a character may be cut between two.
#[derive(Clone, Copy, PartialEq, Eq)]
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

/// Of its payload at most the first 256 octets.
impl fmt::Debug for Chunk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk")
            .field("kind", &self.kind)
            .field("octets", &Shown(self.octets))
            .field("offset", &self.offset)
            .field("fin", &self.fin)
            .field("frame_remaining", &self.frame_remaining)
            .finish()
    }
}

/// A whole frame as it came over the wire, unmasked but not decompressed.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Frame<'a> {
    /// Its header.
    pub header: FrameHeader,
    /// Its payload data.
    pub payload: &'a [u8],
}

/// Of its payload at most the first 256 octets.
impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("header", &self.header)
            .field("payload", &Shown(self.payload))
            .finish()
    }
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
