//! UTF-8 as it arrives (RFC 6455 §8.1).

use crate::octets;

/// Checks text that comes in pieces, and refuses at the first octet that cannot continue it.
///
/// RFC 6455 §8.1: "When an endpoint is to interpret a byte stream as UTF-8 but finds that the
/// byte stream is not, in fact, a valid UTF-8 stream, that endpoint MUST _Fail the WebSocket
/// Connection_." Characters may be cut anywhere: by fragments, by reads, by decompression.
#[derive(Clone, Copy, Default)]
pub struct Utf8 {
    /// The first octets of a character that is not complete yet.
    begun: [u8; 4],
    len: u8,
}

/// Without the octets: what a peer sends has no place in a log.
impl core::fmt::Debug for Utf8 {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Utf8").field("len", &self.len).finish()
    }
}

/// The octets are not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct InvalidUtf8;

impl core::fmt::Display for InvalidUtf8 {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the text is not UTF-8")
    }
}

impl core::error::Error for InvalidUtf8 {}

impl Utf8 {
    /// At the start of a text.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            begun: [0; 4],
            len: 0,
        }
    }

    /// Checks the next piece.
    ///
    /// # Errors
    /// When no continuation can make the text valid.
    pub fn check(&mut self, mut octets: &[u8]) -> Result<(), InvalidUtf8> {
        while self.len > 0 {
            let Some((&octet, rest)) = octets.split_first() else {
                return Ok(());
            };
            octets = rest;
            self.push(octet)?;
        }
        match validate(octets) {
            Ok(()) => Ok(()),
            Err(Stop::Invalid) => Err(InvalidUtf8),
            Err(Stop::Incomplete { from }) => {
                for &octet in octets::rest(octets, from) {
                    self.push(octet)?;
                }
                Ok(())
            }
        }
    }

    /// Whether the text may end here: no character is half-way.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.len == 0
    }

    /// At the start of another text: less code than a new one.
    #[inline]
    pub(crate) const fn restart(&mut self) {
        self.len = 0;
    }

    /// One octet more of a character that has begun.
    fn push(&mut self, octet: u8) -> Result<(), InvalidUtf8> {
        let slot = self
            .begun
            .get_mut(usize::from(self.len))
            .ok_or(InvalidUtf8)?;
        *slot = octet;
        self.len += 1;
        let begun = octets::part(&self.begun, 0, usize::from(self.len));
        match core::str::from_utf8(begun) {
            Ok(_) => self.len = 0,
            Err(error) if error.error_len().is_none() => {}
            Err(_) => return Err(InvalidUtf8),
        }
        Ok(())
    }
}

/// The text, if it is UTF-8 as a whole.
///
/// # Errors
/// When it is not.
#[inline]
pub fn text(octets: &[u8]) -> Result<&str, InvalidUtf8> {
    #[cfg(feature = "simdutf8")]
    {
        simdutf8::basic::from_utf8(octets).map_err(|_| InvalidUtf8)
    }
    #[cfg(not(feature = "simdutf8"))]
    {
        core::str::from_utf8(octets).map_err(|_| InvalidUtf8)
    }
}

enum Stop {
    Invalid,
    /// From there on: the start of a character.
    Incomplete {
        from: usize,
    },
}

fn validate(octets: &[u8]) -> Result<(), Stop> {
    #[cfg(feature = "simdutf8")]
    let result =
        simdutf8::compat::from_utf8(octets).map_err(|e| (e.error_len().is_none(), e.valid_up_to()));
    #[cfg(not(feature = "simdutf8"))]
    let result =
        core::str::from_utf8(octets).map_err(|e| (e.error_len().is_none(), e.valid_up_to()));
    match result {
        Ok(_) => Ok(()),
        Err((true, from)) => Err(Stop::Incomplete { from }),
        Err((false, _)) => Err(Stop::Invalid),
    }
}
