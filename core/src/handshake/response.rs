//! The server's answer (RFC 6455 §4.1), read octet by octet.
//!
//! No line is held: what must be compared is compared as it arrives, and of the rest nothing is
//! kept. So a field of any length passes through a buffer of any length, and each octet is looked
//! at once.

use core::num::NonZeroUsize;

use super::error::ResponseError;
use super::head::{Item, Spelling};
use super::request::Request;

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

/// The state of reading an answer.
#[derive(Clone, Copy, Debug)]
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

    /// Takes an octet.
    pub(crate) fn push(&mut self, octet: u8, expected: Expected<'_>) -> Step {
        match self.look(octet, expected) {
            Ok(step) => step,
            Err(error) => Step::Outcome(Outcome::Invalid(error)),
        }
    }

    #[inline]
    fn look(&mut self, octet: u8, expected: Expected<'_>) -> Result<Step, ResponseError> {
        let before = self.last;
        self.spaced = before == Item::Blank;
        let item = self.last.push(octet);
        let mut step = Step::More;
        // RFC 9112 §5.2: a value goes on in a line that begins with white space.
        if item == Item::NameEnd || before == Item::ValueEnd && item != Item::Blank {
            step = self.end_text(expected)?;
        }
        match item {
            Item::Start => self.start(octet)?,
            Item::StartEnd if usize::from(self.place) < START.len() => {
                return Err(ResponseError::StatusLine);
            }
            Item::Value if self.field == EXTENSIONS => return Ok(Step::Extension),
            Item::Name | Item::Value => self.text(octet, expected)?,
            Item::End => return self.end(expected),
            Item::BadStart => return Err(ResponseError::StatusLine),
            Item::BadField => return Err(ResponseError::Field),
            Item::BadLineEnd => return Err(ResponseError::LineEnd),
            _ => {}
        }
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
            None => place > START.len() || octet == b' ',
        };
        if !fits {
            return Err(ResponseError::StatusLine);
        }
        if place <= START.len() {
            self.place += 1;
        }
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

    /// Part of a name or of a value.
    fn text(&mut self, octet: u8, expected: Expected<'_>) -> Result<(), ResponseError> {
        // RFC 6455 §4.1: the Connection header field must contain "a token that is an ASCII
        // case-insensitive match for the value "Upgrade"", among others perhaps.
        if self.field == CONNECTION && octet == b',' {
            self.end_text(expected)?;
            self.field = CONNECTION;
            return Ok(());
        }
        let octet = match self.field {
            // White space around a value is no part of it; inside these there is none.
            _ if self.spaced && self.spelling != Spelling::NOTHING => b' ',
            NAME | UPGRADE | CONNECTION => octet.to_ascii_lowercase(),
            _ => octet,
        };
        let fits = self.spelling.push(self.lawful(expected), octet);
        self.must(fits)
    }

    /// A name or a value is complete, or one of the tokens that Connection lists.
    fn end_text(&mut self, expected: Expected<'_>) -> Result<Step, ResponseError> {
        let spelled = self.spelling.end(self.lawful(expected));
        self.must(spelled.is_some())?;
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

    fn must(&self, fits: bool) -> Result<(), ResponseError> {
        match of(&WRONG, self.field) {
            Some(wrong) if !fits => Err(wrong),
            _ => Ok(()),
        }
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

fn of(errors: &[Option<ResponseError>], field: u8) -> Option<ResponseError> {
    errors.get(usize::from(field)).copied().flatten()
}

const START: &[u8; 12] = b"HTTP/1.n 000";
