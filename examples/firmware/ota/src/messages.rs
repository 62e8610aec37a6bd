//! The messages as JSON.

use serde::{Deserialize, Serialize};

/// Longest JSON text of either.
pub(crate) const LONGEST: usize = 128;

/// What the server has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    pub(crate) digest: [u8; 32],
    pub(crate) length: u32,
}

impl Offer {
    /// `None` if the text is no offer.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Text<'t> {
            digest: &'t str,
            length: u32,
        }
        let (text, _) = serde_json_core::from_slice::<Text<'_>>(text).ok()?;
        let (pairs, []) = text.digest.as_bytes().as_chunks::<2>() else {
            return None;
        };
        let mut digest = [0; 32];
        if pairs.len() != digest.len() {
            return None;
        }
        for (octet, pair) in digest.iter_mut().zip(pairs) {
            *octet = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self {
            digest,
            length: text.length,
        })
    }
}

/// What has become of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Receiving,
    TooLong,
    Verified,
    WrongDigest,
}

/// What the board tells.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Answer {
    pub(crate) state: State,
    /// How many octets of the image are in the flash.
    pub(crate) from: u32,
}

impl Answer {
    /// The JSON text, written into `text`.
    pub(crate) fn write<'t>(&self, text: &'t mut [u8; LONGEST]) -> &'t str {
        // It takes fewer octets than LONGEST.
        let length = serde_json_core::to_slice(self, text).unwrap_or(0);
        text.get(..length)
            .and_then(|json| str::from_utf8(json).ok())
            .unwrap_or_default()
    }
}
