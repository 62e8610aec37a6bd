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
    pub const EMPTY: Self = Self {
        kind: Kind::Binary,
        octets: &[],
    };

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

    /// Messages of so many octets as programs send them: worth compressing, and never quite the same.
    pub fn json(size: usize, count: usize) -> &'static [Self] {
        let mut random = fastrand::Rng::with_seed(1);
        let whole = size * count;
        let mut text = String::with_capacity(whole + 100);
        while text.len() < whole {
            let price = random.u32(100_000..200_000);
            let number = random.u32(1..5000);
            let side = ["buy", "sell"][random.usize(0..2)];
            text += &format!(
                "{{\"price\":{}.{:02},\"size\":{number},\"side\":\"{side}\",\"id\":{}}},",
                price / 100,
                price % 100,
                random.u32(..)
            );
        }
        let messages = text.leak().as_bytes()[..whole].chunks(size);
        let messages = messages.map(|octets| Self {
            kind: Kind::Text,
            octets,
        });
        Vec::leak(messages.collect())
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
