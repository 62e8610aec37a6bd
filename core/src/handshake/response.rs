//! The server's answer (RFC 6455 §4.1), read as it arrives.
//!
//! No line is held: what must be compared is compared as it arrives, octets that go on as expected in
//! one loop, and of the rest nothing is kept. So a field of any length passes through a buffer of any
//! length, and each octet is looked at once.

use core::num::NonZeroUsize;

use super::error::ResponseError;
use super::head::{Item, Spelling};
use super::request::Request;
use crate::octets;

/// The most interim responses that are passed over.
const MAX_INTERIM: u8 = 8;

/// What the answer is held against: the request, and the one right Sec-WebSocket-Accept.
pub(crate) type Expected<'a> = (&'a Request<'a>, &'a [&'a str]);

/// What an octet of the answer led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    More,
    /// The octet is part of the list of extensions; [`Response::spaced`] tells of what came before.
    Extension,
    /// The list of extensions is complete.
    ExtensionsEnd,
    Outcome(Outcome),
}

/// How the response ended. Not a `HandshakeError`, since it is kept while the machine lives and takes
/// few octets this way: the status, the limit and the refusal are the handshake's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The head is complete, and the protocol is the one that was asked for.
    Switched,
    /// The final head is complete, with another [status](Response::status) than 101.
    Rejected,
    Invalid(ResponseError),
    /// The head is longer than it may be.
    TooLarge,
    /// An extension of the answer cannot be used.
    Refused,
}

/// The fields that mean something, in lower case.
const FIELDS: [&str; 5] = [
    "upgrade",
    "connection",
    "sec-websocket-accept",
    "sec-websocket-protocol",
    "sec-websocket-extensions",
];

const UPGRADE: u8 = 0;
const CONNECTION: u8 = 1;
const ACCEPT: u8 = 2;
const SUBPROTOCOL: u8 = 3;
const EXTENSIONS: u8 = 4;
const OTHER: u8 = 5;
/// Not a field: what is read is a field's name.
const NAME: u8 = 6;

/// What a field violates by standing there twice. Connection is a list. RFC 6455 §11.3.2: the
/// extensions "MUST NOT appear more than once in an HTTP response".
const REPEATED: [Option<ResponseError>; 7] = [
    Some(ResponseError::UpgradeRepeated),
    None,
    Some(ResponseError::AcceptRepeated),
    Some(ResponseError::SubprotocolRepeated),
    Some(ResponseError::ExtensionsRepeated),
    None,
    None,
];

/// What a field violates by having another value than it must.
const WRONG: [Option<ResponseError>; 7] = [
    Some(ResponseError::Upgrade),
    None,
    Some(ResponseError::Accept),
    Some(ResponseError::SubprotocolNotOffered),
    None,
    None,
    None,
];

/// What is violated by a head with these of the first three fields: the first that is not there.
/// Connection is there if it says `upgrade`.
const MISSING: [Option<ResponseError>; 8] = [
    Some(ResponseError::UpgradeMissing),
    Some(ResponseError::ConnectionMissing),
    Some(ResponseError::UpgradeMissing),
    Some(ResponseError::AcceptMissing),
    Some(ResponseError::UpgradeMissing),
    Some(ResponseError::ConnectionMissing),
    Some(ResponseError::UpgradeMissing),
    None,
];

/// The state of reading an answer. In this order: what is short is reached with less code at the
/// front.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Response {
    last: Item,
    /// Place in the start line.
    place: u8,
    interim: u8,
    /// One bit for each of [`FIELDS`] that was read.
    seen: u8,
    /// Which of [`FIELDS`] is read, or the [`NAME`] of one.
    field: u8,
    /// White space stands before the octet that was read last.
    pub(crate) spaced: bool,
    status: u16,
    /// Which of [`FIELDS`] the name spells, or which of its lawful values the value.
    spelling: Spelling,
    /// The place of the chosen one in the list, counted from 1: so it takes one word, not two.
    subprotocol: Option<NonZeroUsize>,
}

impl Response {
    pub(crate) const fn new(interim: u8) -> Self {
        Self {
            last: Item::Start,
            place: 0,
            interim,
            seen: 0,
            field: NAME,
            spaced: false,
            status: 0,
            spelling: Spelling::NOTHING,
            subprotocol: None,
        }
    }

    /// The subprotocol that the server chose, as its place in the list.
    pub(crate) const fn subprotocol(&self) -> Option<usize> {
        match self.subprotocol {
            Some(place) => Some(place.get() - 1),
            None => None,
        }
    }

    pub(crate) const fn status(&self) -> u16 {
        self.status
    }

    /// Whether not one octet was as HTTP has it.
    pub(crate) const fn is_something_else(&self) -> bool {
        self.place == 0
    }

    /// Takes one of the octets or more.
    pub(crate) fn push(&mut self, octets: &mut &[u8], expected: Expected<'_>) -> Step {
        match self.look(octets, expected) {
            Ok(step) => step,
            Err(error) => Step::Outcome(Outcome::Invalid(error)),
        }
    }

    #[inline]
    fn look(&mut self, octets: &mut &[u8], expected: Expected<'_>) -> Result<Step, ResponseError> {
        let Some(&octet) = octets.first() else {
            return Ok(Step::More);
        };
        let mut taken = 1;
        let before = self.last;
        self.spaced = before == Item::Blank;
        let item = self.last.push(octet);
        // RFC 6455 §4.1: the Connection header field must contain "a token that is an ASCII
        // case-insensitive match for the value "Upgrade"", among others perhaps.
        let is_listed = item == Item::Value && self.field == CONNECTION && octet == b',';
        let mut step = Step::More;
        // RFC 9112 §5.2: a value goes on in a line that begins with white space.
        if item == Item::NameEnd || is_listed || before == Item::ValueEnd && item != Item::Blank {
            step = self.end_text(expected)?;
        }
        match item {
            Item::Value if is_listed => self.field = CONNECTION,
            Item::Value if self.field == EXTENSIONS => step = Step::Extension,
            Item::Start if usize::from(self.place) <= START.len() => self.start(octet)?,
            // What means nothing here.
            Item::Start => taken = plain(octets),
            Item::Value if self.field == OTHER => taken = plain(octets),
            Item::Name | Item::Value => {
                let fits = self.text(octets, expected);
                self.must(fits > 0)?;
                taken = fits.max(1);
            }
            Item::StartEnd if usize::from(self.place) < START.len() => {
                return Err(ResponseError::StatusLine);
            }
            Item::End => step = self.end(expected)?,
            Item::BadStart if octet == TLS_ALERT && self.is_something_else() => {
                return Err(ResponseError::Tls);
            }
            Item::BadStart => return Err(ResponseError::StatusLine),
            Item::BadField => return Err(ResponseError::Field),
            Item::BadLineEnd => return Err(ResponseError::LineEnd),
            _ => {}
        }
        *octets = octets::rest(octets, taken);
        Ok(step)
    }

    /// RFC 9112 §4: status-line = HTTP-version SP status-code SP [ reason-phrase ]. The second
    /// space may be missing where the reason is.
    fn start(&mut self, octet: u8) -> Result<(), ResponseError> {
        let place = usize::from(self.place);
        let digit = octet.wrapping_sub(b'0');
        let fits = match START.get(place) {
            // The minor version binds a 101 only. `seen` is free until there are fields.
            Some(b'n') => {
                self.seen = digit ^ 1;
                digit <= 9
            }
            Some(b'0') => {
                self.status = self.status.wrapping_mul(10).wrapping_add(digit.into());
                // RFC 9110 §15: a status code is a three-digit integer from 100 on.
                let fits = match self.status {
                    101 => self.seen == 0,
                    100.. => {
                        self.last = Item::OtherStatus;
                        true
                    }
                    status => status > 0,
                };
                fits && digit <= 9
            }
            Some(&expected) => octet == expected,
            None => octet == b' ',
        };
        if !fits {
            return Err(ResponseError::StatusLine);
        }
        self.place += 1;
        Ok(())
    }

    /// What may be spelled, in lower case where case does not matter.
    fn lawful<'e>(&self, (request, accept): Expected<'e>) -> &'e [&'e str] {
        match self.field {
            NAME => &FIELDS,
            UPGRADE => &["websocket"],
            CONNECTION => &["upgrade"],
            ACCEPT => accept,
            SUBPROTOCOL => request.subprotocols,
            _ => &[],
        }
    }

    /// Part of a name or of a value, or without octets its end: how much of it fits.
    #[cfg_attr(target_os = "none", inline(never))]
    fn text(&mut self, octets: &[u8], expected: Expected<'_>) -> usize {
        // White space around a value is no part of it; inside these there is none.
        if self.spaced && !octets.is_empty() && self.spelling != Spelling::NOTHING {
            self.spelling.spoil();
        }
        let any_case = matches!(self.field, NAME | UPGRADE | CONNECTION);
        self.spelling.run(self.lawful(expected), octets, any_case)
    }

    fn must(&self, fits: bool) -> Result<(), ResponseError> {
        match of(&WRONG, self.field) {
            Some(wrong) if !fits => Err(wrong),
            _ => Ok(()),
        }
    }

    /// A name or a value is complete, or one of the tokens that Connection lists.
    fn end_text(&mut self, expected: Expected<'_>) -> Result<Step, ResponseError> {
        let fits = self.text(&[], expected);
        self.must(fits > 0)?;
        let spelling = core::mem::take(&mut self.spelling);
        let spelled = (fits > 0).then_some(spelling.candidate);
        let field = core::mem::replace(&mut self.field, NAME);
        match (field, spelled) {
            (NAME, _) => {
                self.field = spelled.map_or(OTHER, |field| field as u8);
                let bit = 1 << self.field;
                match of(&REPEATED, self.field) {
                    Some(repeated) if self.seen & bit != 0 => return Err(repeated),
                    Some(_) => self.seen |= bit,
                    None => {}
                }
            }
            (SUBPROTOCOL, _) => {
                self.subprotocol = spelled.map(|index| NonZeroUsize::MIN.saturating_add(index));
            }
            (CONNECTION, Some(_)) => self.seen |= 1 << CONNECTION,
            (EXTENSIONS, _) => return Ok(Step::ExtensionsEnd),
            _ => {}
        }
        Ok(Step::More)
    }

    fn end(&mut self, (request, _): Expected<'_>) -> Result<Step, ResponseError> {
        // RFC 9110 §15.2: "A client MUST be able to parse one or more 1xx responses received
        // prior to a final response". 101 is final here (RFC 6455 §4.1).
        if self.status != 101 {
            if self.status >= 200 {
                return Ok(Step::Outcome(Outcome::Rejected));
            }
            if self.interim >= MAX_INTERIM {
                return Err(ResponseError::TooManyInterim);
            }
            *self = Self::new(self.interim + 1);
            return Ok(Step::More);
        }
        if let Some(missing) = of(&MISSING, self.seen & 7) {
            return Err(missing);
        }
        if request.subprotocol_required && self.subprotocol.is_none() {
            return Err(ResponseError::SubprotocolMissing);
        }
        Ok(Step::Outcome(Outcome::Switched))
    }
}

/// How many octets, from the first on and at least that one, may stand in any line.
#[inline]
fn plain(octets: &[u8]) -> usize {
    let end = octets.iter().position(|octet| !matches!(octet, b' '..0x7f));
    end.unwrap_or(octets.len()).max(1)
}

fn of(errors: &[Option<ResponseError>], field: u8) -> Option<ResponseError> {
    errors.get(usize::from(field)).copied().flatten()
}

const START: &[u8; 12] = b"HTTP/1.n 000";

/// RFC 8446 §5.1: the ContentType of an alert, which a server sends that takes the request for a
/// broken ClientHello.
const TLS_ALERT: u8 = 21;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uri::Uri;

    /// How often a response is looked at until its head ends.
    fn looks(response: &str) -> usize {
        let request = Request::new(Uri::parse("ws://h/").expect("a URI"));
        let mut reader = Response::new(0);
        let mut octets = response.as_bytes();
        let mut looks = 1;
        while reader.push(&mut octets, (&request, &["accept"])) == Step::More {
            looks += 1;
        }
        looks
    }

    /// A server that sends much costs little: that is counted, not timed.
    // row: RSP-14
    #[test]
    fn what_means_nothing_is_looked_at_once_for_each_line_and_not_for_each_octet() {
        let with = |reason: &str, cookie: &str| {
            looks(&std::format!(
                "HTTP/1.1 101 {reason}\r\nSet-Cookie: {cookie}\r\nUpgrade: websocket\r\n\
                 Connection: upgrade\r\nSec-WebSocket-Accept: accept\r\n\r\n"
            ))
        };
        let least = with("-", "-");
        assert!(least > 20, "{least}");
        for text in [
            "Switching Protocols",
            "a: b; c=\"d\", e",
            &"-".repeat(10_000),
        ] {
            assert_eq!(with(text, "-"), least);
            assert_eq!(with("-", text), least);
        }
        // An octet beyond US-ASCII takes a look of its own, and another is begun behind it.
        assert_eq!(with("-", "a\u{e9}b"), least + 3);
    }
}
