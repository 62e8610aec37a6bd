//! The server's answer (RFC 6455 §4.1), read octet by octet.
//!
//! No line is held: what must be compared is compared as it arrives, and of the rest nothing is
//! kept. So a field of any length passes through a buffer of any length, and each octet is looked
//! at once.

use super::accept::ACCEPT_LEN;
use super::error::Violation;
use super::head::{BadHead, Item, Lines, Spelling};

/// The most interim responses that are passed over.
const MAX_INTERIM: u8 = 8;

/// What the answer is held against.
pub(crate) struct Expected<'a> {
    pub(crate) accept: &'a [u8; ACCEPT_LEN],
    pub(crate) subprotocols: &'a [&'a str],
    pub(crate) subprotocol_required: bool,
}

/// What an octet of the answer led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    More,
    /// Part of the list of extensions.
    Extension {
        octet: u8,
        spaced: bool,
    },
    /// The list of extensions is complete.
    ExtensionsEnd,
    /// The final head is complete, with this status.
    End(u16),
}

/// The fields that mean something, in lower case.
const FIELDS: [&str; 5] = [
    "upgrade",
    "connection",
    "sec-websocket-accept",
    "sec-websocket-protocol",
    "sec-websocket-extensions",
];

const UPGRADE: usize = 0;
const CONNECTION: usize = 1;
const ACCEPT: usize = 2;
const SUBPROTOCOL: usize = 3;
const EXTENSIONS: usize = 4;

/// The state of reading an answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Response {
    lines: Lines,
    /// Place in the start line, or in a value that is compared octet by octet.
    place: usize,
    status: u16,
    interim: u8,
    /// One bit for each of [`FIELDS`] that was read.
    seen: u8,
    /// Which of [`FIELDS`] the name spells, or the subprotocol.
    spelling: Spelling,
    field: Option<usize>,
    subprotocol: Option<usize>,
}

impl Response {
    /// The subprotocol that the server chose, as its place in the list.
    pub(crate) const fn subprotocol(&self) -> Option<usize> {
        self.subprotocol
    }

    /// Takes an octet.
    pub(crate) fn push(&mut self, octet: u8, expected: &Expected<'_>) -> Result<Step, Violation> {
        match self.lines.push(octet)? {
            Item::Start(octet) => self.start(octet)?,
            Item::StartEnd => {
                if self.place < START.len() {
                    return Err(Violation::StatusLine);
                }
                self.spelling = Spelling::default();
            }
            Item::Name(octet) => {
                self.spelling.push(&FIELDS, octet.to_ascii_lowercase());
            }
            Item::NameEnd => self.begin_value()?,
            Item::Value { octet, spaced } if self.field == Some(EXTENSIONS) => {
                return Ok(Step::Extension { octet, spaced });
            }
            Item::Value { octet, spaced } => self.value(octet, spaced, expected)?,
            Item::ValueEnd => {
                self.end_value(expected)?;
                let field = self.field.take();
                self.spelling = Spelling::default();
                if field == Some(EXTENSIONS) {
                    return Ok(Step::ExtensionsEnd);
                }
            }
            Item::End => return self.end(expected),
            Item::Nothing => {}
        }
        Ok(Step::More)
    }

    /// RFC 9112 §4: status-line = HTTP-version SP status-code SP [ reason-phrase ]. The second
    /// space may be missing where the reason is.
    fn start(&mut self, octet: u8) -> Result<(), Violation> {
        let fits = match START.get(self.place) {
            Some(b'0') => {
                let digit = octet.wrapping_sub(b'0');
                self.status = self.status.wrapping_mul(10).wrapping_add(digit.into());
                // RFC 9110 §15: a status code is a three-digit integer from 100 on.
                digit <= 9 && self.status > 0
            }
            Some(&expected) => octet == expected,
            None => self.place > START.len() || octet == b' ',
        };
        if !fits {
            return Err(Violation::StatusLine);
        }
        self.place = self.place.wrapping_add(1).min(START.len() + 1);
        Ok(())
    }

    fn begin_value(&mut self) -> Result<(), Violation> {
        // Of any other answer the fields mean nothing to us.
        self.field = match self.status {
            101 => self.spelling.spelled(&FIELDS),
            _ => None,
        };
        self.spelling = Spelling::default();
        self.place = 0;
        let Some(field) = self.field else {
            return Ok(());
        };
        let bit = 1 << field;
        if self.seen & bit != 0 && field != CONNECTION {
            return Err(match field {
                UPGRADE => Violation::UpgradeRepeated,
                ACCEPT => Violation::AcceptRepeated,
                SUBPROTOCOL => Violation::SubprotocolRepeated,
                // RFC 6455 §11.3.2: it "MUST NOT appear more than once in an HTTP response".
                _ => Violation::ExtensionsRepeated,
            });
        }
        // Connection is a list: it counts when `upgrade` is found in it.
        if field != CONNECTION {
            self.seen |= bit;
        }
        Ok(())
    }

    fn value(&mut self, octet: u8, spaced: bool, expected: &Expected<'_>) -> Result<(), Violation> {
        let place = self.place;
        self.place = place.saturating_add(1);
        // White space around the value is no part of it; inside these values there is none.
        let torn = spaced && place > 0;
        let (fits, wrong) = match self.field {
            Some(UPGRADE) => {
                let octet = octet.to_ascii_lowercase();
                (
                    !torn && WEBSOCKET.get(place) == Some(&octet),
                    Violation::Upgrade,
                )
            }
            Some(ACCEPT) => (
                !torn && expected.accept.get(place) == Some(&octet),
                Violation::Accept,
            ),
            Some(SUBPROTOCOL) => (
                !torn && self.spelling.push(expected.subprotocols, octet),
                Violation::SubprotocolNotOffered,
            ),
            Some(CONNECTION) => {
                self.connection(octet, torn);
                return Ok(());
            }
            _ => return Ok(()),
        };
        if fits { Ok(()) } else { Err(wrong) }
    }

    /// RFC 6455 §4.1: the Connection header field must contain "a token that is an ASCII
    /// case-insensitive match for the value "Upgrade"", among others perhaps.
    fn connection(&mut self, octet: u8, spaced: bool) {
        if octet == b',' {
            self.end_token();
        } else if spaced && self.spelling != Spelling::default() {
            // Two words with white space between them are no token.
            self.spelling.push(&[], octet);
        } else {
            let octet = octet.to_ascii_lowercase();
            self.spelling.push(&FIELDS[..1], octet);
        }
    }

    fn end_token(&mut self) {
        if self.spelling.spelled(&FIELDS[..1]).is_some() {
            self.seen |= 1 << CONNECTION;
        }
        self.spelling = Spelling::default();
    }

    fn end_value(&mut self, expected: &Expected<'_>) -> Result<(), Violation> {
        match self.field {
            Some(UPGRADE) if self.place != WEBSOCKET.len() => Err(Violation::Upgrade),
            Some(ACCEPT) if self.place != ACCEPT_LEN => Err(Violation::Accept),
            Some(CONNECTION) => {
                self.end_token();
                Ok(())
            }
            Some(SUBPROTOCOL) => {
                self.subprotocol = self.spelling.spelled(expected.subprotocols);
                match self.subprotocol {
                    Some(_) => Ok(()),
                    None => Err(Violation::SubprotocolNotOffered),
                }
            }
            _ => Ok(()),
        }
    }

    fn end(&mut self, expected: &Expected<'_>) -> Result<Step, Violation> {
        // RFC 9110 §15.2: "A client MUST be able to parse one or more 1xx responses received
        // prior to a final response". 101 is final here (RFC 6455 §4.1).
        if self.status != 101 {
            if self.status >= 200 {
                return Ok(Step::End(self.status));
            }
            if self.interim >= MAX_INTERIM {
                return Err(Violation::TooManyInterim);
            }
            *self = Self {
                interim: self.interim + 1,
                ..Self::default()
            };
            return Ok(Step::More);
        }
        let seen = |field: usize| self.seen & 1 << field != 0;
        if !seen(UPGRADE) {
            return Err(Violation::UpgradeMissing);
        }
        if !seen(CONNECTION) {
            return Err(Violation::ConnectionMissing);
        }
        if !seen(ACCEPT) {
            return Err(Violation::AcceptMissing);
        }
        if expected.subprotocol_required && self.subprotocol.is_none() {
            return Err(Violation::SubprotocolMissing);
        }
        Ok(Step::End(self.status))
    }
}

const START: &[u8; 12] = b"HTTP/1.1 000";
const WEBSOCKET: &[u8; 9] = b"websocket";

impl From<BadHead> for Violation {
    fn from(bad: BadHead) -> Self {
        match bad {
            BadHead::StartLine => Self::StatusLine,
            BadHead::Field => Self::Field,
            BadHead::Folded => Self::Folded,
            BadHead::LineEnd => Self::LineEnd,
        }
    }
}
