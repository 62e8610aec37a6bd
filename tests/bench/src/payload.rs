//! What is carried.

use std::fmt;

/// Octets of a message.
pub const SIZES: [usize; 5] = [16, 125, 1024, 64 * 1024, 1024 * 1024];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Binary,
    Text,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Binary => "binary",
            Self::Text => "text",
        })
    }
}

/// A message to carry. It lives as long as the process, so that libraries that take owned payloads need no copy.
#[derive(Clone, Copy)]
pub struct Payload {
    pub kind: Kind,
    pub octets: &'static [u8],
}

impl Payload {
    pub fn new(kind: Kind, size: usize) -> Self {
        let octets = match kind {
            Kind::Binary => (0..size).map(|i| (i * 31 + i / 251) as u8).collect(),
            Kind::Text => text(size).into_bytes(),
        };
        Self {
            kind,
            octets: Vec::leak(octets),
        }
    }

    pub fn text(&self) -> &'static str {
        std::str::from_utf8(self.octets).expect("made from a string")
    }
}

/// One two-octet letter in every 64 octets.
fn text(size: usize) -> String {
    let mut text = String::with_capacity(size);
    while text.len() < size {
        let at = text.len() % 64;
        if at == 0 && size - text.len() >= 2 {
            text.push('é');
        } else {
            text.push(char::from(b'a' + (at % 26) as u8));
        }
    }
    text
}
