//! The grammar of Sec-WebSocket-Extensions (RFC 6455 §9.1), for both roles.
//!
//! ```text
//! extension-list = 1#extension
//! extension = extension-token *( ";" extension-param )
//! extension-param = token [ "=" (token | quoted-string) ]
//! ```
//!
//! "When using the quoted-string syntax variant, the value after quoted-string unescaping MUST
//! conform to the 'token' ABNF." So a value never needs its quotes: the list is read octet by
//! octet and written down without white space, quotes and escapes, and what is written down can
//! be taken apart at its commas, semicolons and equals signs.

use core::fmt;

use super::head::is_token_octet;
use crate::compression::{Compress, Decompress, Uncompressed};

/// What a client offers, and what it makes of the answer.
///
/// [`Uncompressed`] offers nothing, so every answer is refused. [`RawOffers`] offers any text.
pub trait Offers {
    /// Where the answer is written down without white space, quotes and escapes: as long as the
    /// longest that can be lawful. A longer one is [`Refusal::NotOffered`]. Without memory nothing
    /// is offered.
    type Answer: AsRef<[u8]> + AsMut<[u8]>;

    /// An empty answer, such as `[0; 128]`.
    const ANSWER: Self::Answer;

    /// The value of Sec-WebSocket-Extensions in pieces, counted from 0, that are written one after
    /// the other. `None` ends it; if there is no piece at all, there is no header field
    /// (RFC 6455 §9.1 wants at least one element in it).
    fn piece(&self, index: usize) -> Option<&str>;

    /// The server names `extension` in its answer. Called for each element, in their order.
    ///
    /// # Errors
    /// A [`Refusal`] fails the handshake (RFC 6455 §4.1: the client MUST fail the connection when
    /// the answer indicates "the use of an extension that was not present in the client's
    /// handshake").
    fn accept(&mut self, extension: &Extension<'_>) -> Result<(), Refusal>;
}

/// A compression of messages as one value: what is offered, and the stages of both directions.
///
/// [`Uncompressed`] is none, `deflate::Deflate` permessage-deflate (feature `deflate`), and `Option`
/// one that is there or not. A connection is opened with it, and has its stages then, set to what
/// was agreed on.
pub trait Compression: Offers {
    /// The receive side's stage.
    type Decompressor: Decompress;
    /// The send side's stage.
    type Compressor: Compress;
    /// What was agreed on, for whoever wants to know.
    type Agreed;

    /// The stages, set to what was [accepted](Offers::accept); if nothing was, they pass everything
    /// on.
    fn into_stages(self) -> (Self::Decompressor, Self::Compressor, Self::Agreed);
}

/// No extension.
impl Offers for Uncompressed {
    type Answer = [u8; 0];
    const ANSWER: Self::Answer = [];

    fn piece(&self, _: usize) -> Option<&str> {
        None
    }

    fn accept(&mut self, _: &Extension<'_>) -> Result<(), Refusal> {
        Err(Refusal::NotOffered)
    }
}

impl Compression for Uncompressed {
    type Decompressor = Self;
    type Compressor = Self;
    type Agreed = ();

    fn into_stages(self) -> (Self, Self, ()) {
        (self, self, ())
    }
}

/// `None` offers nothing.
impl<X: Offers> Offers for Option<X> {
    type Answer = X::Answer;
    const ANSWER: X::Answer = X::ANSWER;

    fn piece(&self, index: usize) -> Option<&str> {
        self.as_ref()?.piece(index)
    }

    fn accept(&mut self, extension: &Extension<'_>) -> Result<(), Refusal> {
        match self {
            Some(offers) => offers.accept(extension),
            None => Err(Refusal::NotOffered),
        }
    }
}

impl<C: Compression> Compression for Option<C> {
    type Decompressor = Option<C::Decompressor>;
    type Compressor = Option<C::Compressor>;
    type Agreed = Option<C::Agreed>;

    fn into_stages(self) -> (Self::Decompressor, Self::Compressor, Self::Agreed) {
        match self.map(C::into_stages) {
            Some((decompressor, compressor, agreed)) => {
                (Some(decompressor), Some(compressor), Some(agreed))
            }
            None => (None, None, None),
        }
    }
}

/// Offers given as text, in order of preference, for extensions that the caller implements.
///
/// An answer is accepted if it names an extension that was offered, each at most once; whether
/// its parameters are right is for the caller to judge.
#[derive(Clone, Debug)]
pub struct RawOffers<'a> {
    offers: &'a [&'a str],
    answer: [u8; 128],
    len: usize,
}

impl<'a> RawOffers<'a> {
    /// Offers such as `"permessage-deflate; server_max_window_bits=10"`, each one element of the
    /// list.
    #[must_use]
    pub const fn new(offers: &'a [&'a str]) -> Self {
        Self {
            offers,
            answer: [0; 128],
            len: 0,
        }
    }

    /// What was accepted.
    #[must_use]
    pub fn accepted(&self) -> Extensions<'_> {
        Extensions(self.answer.get(..self.len).unwrap_or_default())
    }
}

/// For an extension that needs no stage: what was agreed on is [`RawOffers::accepted`].
impl Compression for RawOffers<'_> {
    type Decompressor = Uncompressed;
    type Compressor = Uncompressed;
    type Agreed = Self;

    fn into_stages(self) -> (Uncompressed, Uncompressed, Self) {
        (Uncompressed, Uncompressed, self)
    }
}

impl Offers for RawOffers<'_> {
    type Answer = [u8; 128];
    const ANSWER: Self::Answer = [0; 128];

    fn piece(&self, index: usize) -> Option<&str> {
        let offer = self.offers.get(index / 2)?;
        match index {
            _ if index.is_multiple_of(2) => Some(offer),
            _ if index / 2 + 1 < self.offers.len() => Some(", "),
            _ => None,
        }
    }

    fn accept(&mut self, extension: &Extension<'_>) -> Result<(), Refusal> {
        let name = extension.name();
        let is_offered = |offer: &&str| {
            let end = offer.find([';', ' ', '\t']).unwrap_or(offer.len());
            offer.get(..end) == Some(name)
        };
        if !self.offers.iter().any(is_offered) {
            return Err(Refusal::NotOffered);
        }
        if self.accepted().any(|earlier| earlier.name() == name) {
            return Err(Refusal::Repeated);
        }
        let more = extension.0.iter().copied().chain([b',']);
        for octet in more {
            // Each comma was there before or ends the list, so all but the last octet fits.
            if let Some(slot) = self.answer.get_mut(self.len) {
                *slot = octet;
                self.len += 1;
            }
        }
        Ok(())
    }
}

/// Why an extension in the server's response fails the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Refusal {
    /// The extension was not offered.
    NotOffered,
    /// The extension is listed twice.
    Repeated,
    /// The extension has a parameter that it does not define.
    UnknownParameter,
    /// The parameter of that name is repeated, was not offered, or has an invalid value.
    Parameter(&'static str),
    /// The parameter of that name, or its absence, permits what needs more memory than this end
    /// has.
    Memory(&'static str),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOffered => f.write_str("the server uses an extension that was not offered"),
            Self::Repeated => f.write_str("the server lists an extension twice"),
            Self::UnknownParameter => {
                f.write_str("the server uses an extension with an unknown parameter")
            }
            Self::Parameter(name) => {
                write!(f, "the server sent an invalid extension parameter: {name}")
            }
            Self::Memory(name) => {
                write!(f, "the extension needs more memory than it has: {name}")
            }
        }
    }
}

impl core::error::Error for Refusal {}

/// A list that keeps the grammar, as an iterator over its elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extensions<'a>(&'a [u8]);

impl<'a> Extensions<'a> {
    /// Reads the value of a Sec-WebSocket-Extensions header field; `memory` takes what is left of
    /// it without white space, quotes and escapes, so it is never too short if as long as `value`.
    ///
    /// # Errors
    /// [`Malformed`], also if `memory` is too short.
    pub fn parse(value: &[u8], memory: &'a mut [u8]) -> Result<Self, Malformed> {
        let mut scanner = Scanner::default();
        let mut len = 0;
        let mut spaced = false;
        for &octet in value {
            if matches!(octet, b' ' | b'\t') {
                spaced = true;
                continue;
            }
            if let Some(octet) = scanner.push(octet, spaced)? {
                *memory.get_mut(len).ok_or(Malformed)? = octet;
                len += 1;
            }
            spaced = false;
        }
        scanner.end()?;
        Ok(Self::scanned(memory, len))
    }

    /// What a [`Scanner`] wrote down.
    pub(crate) fn scanned(memory: &'a [u8], len: usize) -> Self {
        Self(memory.get(..len).unwrap_or_default())
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = Extension<'a>;

    fn next(&mut self) -> Option<Extension<'a>> {
        let element = take(&mut self.0, b',');
        // Only behind the last comma may nothing stand.
        (!element.is_empty()).then_some(Extension(element))
    }
}

/// One extension of a list, with its parameters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Extension<'a>(&'a [u8]);

impl<'a> Extension<'a> {
    /// Its name, a token.
    #[must_use]
    pub fn name(&self) -> &'a str {
        let mut rest = self.0;
        text(take(&mut rest, b';'))
    }

    /// Names and values of its parameters in their order; values without quotes and escapes.
    #[must_use]
    pub fn parameters(&self) -> Parameters<'a> {
        let mut rest = self.0;
        take(&mut rest, b';');
        Parameters(rest)
    }
}

impl fmt::Debug for Extension<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(text(self.0))
    }
}

/// The parameters of an [`Extension`]: their names, and their values if they have one.
#[derive(Clone, Debug)]
pub struct Parameters<'a>(&'a [u8]);

impl<'a> Iterator for Parameters<'a> {
    type Item = (&'a str, Option<&'a str>);

    fn next(&mut self) -> Option<Self::Item> {
        let mut value = take(&mut self.0, b';');
        if value.is_empty() {
            return None;
        }
        let name = take(&mut value, b'=');
        Some((text(name), (!value.is_empty()).then(|| text(value))))
    }
}

/// The text is not a list of extensions (RFC 6455 §9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the list of extensions is malformed")
    }
}

impl core::error::Error for Malformed {}

/// Reads a list octet by octet. The state is one octet, the work a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Scanner {
    /// Before the first extension. RFC 2616 §2.1: "null elements are allowed".
    #[default]
    First,
    /// Behind a comma that ended an extension.
    Next,
    /// In the name of an extension.
    Name,
    /// Behind a semicolon.
    Parameter,
    /// In the name of a parameter.
    ParameterName,
    /// Behind an equals sign.
    Value,
    /// In a value that is a token.
    Token,
    /// Behind an opening quote: a token is not empty.
    Quote,
    /// In a quoted value.
    Quoted,
    /// Behind a backslash.
    Escaped,
    /// Behind the closing quote.
    Closed,
}

impl Scanner {
    /// Takes an octet that is not white space, `spaced` if white space stood before it; gives the
    /// octet to write down, if any.
    pub(crate) fn push(&mut self, octet: u8, spaced: bool) -> Result<Option<u8>, Malformed> {
        let token = is_token_octet(octet);
        let (next, written) = match (*self, octet) {
            (Self::First | Self::Next, b',') => (*self, false),
            (Self::First | Self::Next, _) if token => (Self::Name, true),
            (Self::Name, _) if token && !spaced => (Self::Name, true),
            (Self::Parameter, _) if token => (Self::ParameterName, true),
            (Self::ParameterName, _) if token && !spaced => (Self::ParameterName, true),
            (Self::ParameterName, b'=') => (Self::Value, true),
            (Self::Value, b'"') => (Self::Quote, false),
            (Self::Value, _) if token => (Self::Token, true),
            (Self::Token, _) if token && !spaced => (Self::Token, true),
            (Self::Quote | Self::Quoted, b'\\') if !spaced => (Self::Escaped, false),
            (Self::Quote | Self::Quoted | Self::Escaped, _) if token && !spaced => {
                (Self::Quoted, true)
            }
            (Self::Quoted, b'"') if !spaced => (Self::Closed, false),
            (_, b';') if self.is_complete() => (Self::Parameter, true),
            (_, b',') if self.is_complete() => (Self::Next, true),
            _ => return Err(Malformed),
        };
        *self = next;
        Ok(written.then_some(octet))
    }

    /// The value ends here.
    pub(crate) fn end(self) -> Result<(), Malformed> {
        if self == Self::Next || self.is_complete() {
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    const fn is_complete(self) -> bool {
        matches!(
            self,
            Self::Name | Self::ParameterName | Self::Token | Self::Closed
        )
    }
}

/// What stands before the first `separator`, which is taken away with it.
fn take<'a>(octets: &mut &'a [u8], separator: u8) -> &'a [u8] {
    let mut parts = octets.splitn(2, |&octet| octet == separator);
    let first = parts.next().unwrap_or_default();
    *octets = parts.next().unwrap_or_default();
    first
}

/// The scanner lets tokens pass, and they are ASCII.
fn text(octets: &[u8]) -> &str {
    core::str::from_utf8(octets).unwrap_or_default()
}
