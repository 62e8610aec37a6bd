//! A message that borrows nothing.

use alloc::borrow::Cow;
#[cfg(not(target_has_atomic = "ptr"))]
use alloc::boxed::Box as Shared;
use alloc::boxed::Box;
use alloc::string::String;
#[cfg(target_has_atomic = "ptr")]
use alloc::sync::Arc as Shared;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};

use super::{AsMessage, Message, MessageKind};

/// A whole data message that borrows nothing: to be kept, put into a channel, sent later.
///
/// A clone shares the payload (an `Arc`). Where the target has no atomic compare-and-swap, as on
/// thumbv6m, it copies it.
///
/// ```
/// use std::sync::mpsc;
///
/// use bare_ws::message::{Message, OwnedMessage};
///
/// let (sender, receiver) = mpsc::channel();
/// sender.send(OwnedMessage::from("hello")).expect("somebody receives");
/// let message = receiver.recv().expect("a message");
/// match message.as_message() {
///     Message::Text(text) => assert_eq!(text, "hello"),
///     Message::Binary(octets) => println!("{} octets", octets.len()),
/// }
/// ```
///
/// `Debug`, `Display` and comparison are those of [`Message`].
#[derive(Clone)]
pub struct OwnedMessage(Payload);

// In words, as `Message`.
#[cfg_attr(target_pointer_width = "64", repr(u64))]
#[derive(Clone)]
enum Payload {
    Text(Shared<str>),
    Binary(Shared<[u8]>),
}

impl OwnedMessage {
    /// The message, borrowed: to match on, to send.
    #[inline]
    #[must_use]
    pub fn as_message(&self) -> Message<'_> {
        match &self.0 {
            Payload::Text(text) => Message::Text(text),
            Payload::Binary(octets) => Message::Binary(octets),
        }
    }

    /// Text or binary.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        self.as_message().kind()
    }

    /// The payload data, whatever its kind.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.as_message().as_bytes()
    }

    /// The text, if it is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        self.as_message().as_text()
    }

    /// Its length in octets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_message().len()
    }

    /// Whether its payload is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_message().is_empty()
    }
}

impl AsMessage for OwnedMessage {
    #[inline]
    fn as_message(&self) -> Message<'_> {
        self.as_message()
    }
}

impl From<Message<'_>> for OwnedMessage {
    #[inline]
    fn from(message: Message<'_>) -> Self {
        match message {
            Message::Text(text) => Self(Payload::Text(text.into())),
            Message::Binary(octets) => Self(Payload::Binary(octets.into())),
        }
    }
}

impl<T: AsMessage + ?Sized> From<&T> for OwnedMessage {
    fn from(message: &T) -> Self {
        message.as_message().into()
    }
}

macro_rules! from {
    ($($kind:ident of $($owner:ty),+;)+) => {$($(
        impl From<$owner> for OwnedMessage {
            fn from(payload: $owner) -> Self {
                Self(Payload::$kind(payload.into()))
            }
        }
    )+)+};
}

from! {
    Text of String, Box<str>, Cow<'_, str>;
    Binary of Vec<u8>, Box<[u8]>, Cow<'_, [u8]>;
}

#[cfg(target_has_atomic = "ptr")]
from! {
    Text of Shared<str>;
    Binary of Shared<[u8]>;
}

impl<T: AsMessage + ?Sized> PartialEq<T> for OwnedMessage {
    fn eq(&self, other: &T) -> bool {
        self.as_message() == *other
    }
}

impl Eq for OwnedMessage {}

impl Hash for OwnedMessage {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_message().hash(state);
    }
}

impl fmt::Debug for OwnedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_message().fmt(f)
    }
}

/// The text itself; of a binary message, its length.
impl fmt::Display for OwnedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.as_message(), f)
    }
}
