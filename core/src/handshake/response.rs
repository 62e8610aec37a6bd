//! The server's answer (RFC 6455 §4.1), read octet by octet.
//!
//! No line is held: what must be compared is compared as it arrives, and of the rest nothing is
//! kept. So a field of any length passes through a buffer of any length, and each octet is looked
//! at once.

use super::accept::ACCEPT_LEN;
use super::error::Violation;
use super::head::{Item, Spelling};

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

/// What the answer violates, less what the list of extensions may: small, since it passes through
/// many hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    StatusLine,
    Field,
    Folded,
    LineEnd,
    TooManyInterim,
    UpgradeMissing,
    Upgrade,
    UpgradeRepeated,
    ConnectionMissing,
    AcceptMissing,
    Accept,
    AcceptRepeated,
    SubprotocolMissing,
    SubprotocolNotOffered,
    SubprotocolRepeated,
    ExtensionsRepeated,
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
    last: Item,
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
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn push(&mut self, octet: u8, expected: &Expected<'_>) -> Result<Step, Flaw> {
        let spaced = self.last == Item::Blank;
        match self.last.push(octet) {
            Item::Start => self.start(octet)?,
            Item::StartEnd if self.place < START.len() => return Err(Flaw::StatusLine),
            Item::StartEnd => self.spelling = Spelling::default(),
            Item::Name => _ = self.spelling.push(&FIELDS, octet.to_ascii_lowercase()),
            Item::NameEnd => self.begin_value()?,
            Item::Value if self.field == Some(EXTENSIONS) => {
                return Ok(Step::Extension { octet, spaced });
            }
            Item::Value => self.value(octet, spaced, expected)?,
            Item::ValueEnd => {
                self.end_value(expected)?;
                let field = self.field.take();
                self.spelling = Spelling::default();
                if field == Some(EXTENSIONS) {
                    return Ok(Step::ExtensionsEnd);
                }
            }
            Item::End => return self.end(expected),
            Item::StartCr | Item::Blank | Item::ValueCr | Item::EndCr => {}
            Item::BadStart => return Err(Flaw::StatusLine),
            Item::BadField => return Err(Flaw::Field),
            Item::Folded => return Err(Flaw::Folded),
            Item::BadLineEnd => return Err(Flaw::LineEnd),
        }
        Ok(Step::More)
    }

    /// RFC 9112 §4: status-line = HTTP-version SP status-code SP [ reason-phrase ]. The second
    /// space may be missing where the reason is.
    fn start(&mut self, octet: u8) -> Result<(), Flaw> {
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
            return Err(Flaw::StatusLine);
        }
        self.place = self.place.wrapping_add(1).min(START.len() + 1);
        Ok(())
    }

    fn begin_value(&mut self) -> Result<(), Flaw> {
        // Of any other answer the fields mean nothing to us.
        self.field = match self.status {
            101 => self.spelling.spelled(&FIELDS),
            _ => None,
        };
        self.spelling = Spelling::default();
        self.place = 0;
        let repeated = match self.field {
            // Connection is a list: it counts when `upgrade` is found in it.
            None | Some(CONNECTION) => return Ok(()),
            Some(UPGRADE) => Flaw::UpgradeRepeated,
            Some(ACCEPT) => Flaw::AcceptRepeated,
            Some(SUBPROTOCOL) => Flaw::SubprotocolRepeated,
            // RFC 6455 §11.3.2: it "MUST NOT appear more than once in an HTTP response".
            Some(_) => Flaw::ExtensionsRepeated,
        };
        let before = self.seen;
        self.saw(self.field);
        if self.seen == before {
            return Err(repeated);
        }
        Ok(())
    }

    fn saw(&mut self, field: Option<usize>) {
        self.seen |= field.map_or(0, |field| 1 << field);
    }

    fn value(&mut self, octet: u8, spaced: bool, expected: &Expected<'_>) -> Result<(), Flaw> {
        let place = self.place;
        self.place = place.saturating_add(1);
        // White space around the value is no part of it; inside these values there is none.
        let torn = spaced && place > 0;
        let fits = match self.field {
            Some(UPGRADE) => WEBSOCKET.get(place) == Some(&octet.to_ascii_lowercase()),
            Some(ACCEPT) => expected.accept.get(place) == Some(&octet),
            Some(SUBPROTOCOL) => self.spelling.push(expected.subprotocols, octet),
            Some(CONNECTION) => {
                self.connection(octet, torn);
                return Ok(());
            }
            _ => return Ok(()),
        };
        self.must(fits && !torn)
    }

    /// The value of the field must be as it is.
    fn must(&self, fits: bool) -> Result<(), Flaw> {
        match self.field {
            _ if fits => Ok(()),
            Some(UPGRADE) => Err(Flaw::Upgrade),
            Some(ACCEPT) => Err(Flaw::Accept),
            _ => Err(Flaw::SubprotocolNotOffered),
        }
    }

    /// RFC 6455 §4.1: the Connection header field must contain "a token that is an ASCII
    /// case-insensitive match for the value "Upgrade"", among others perhaps.
    fn connection(&mut self, octet: u8, spaced: bool) {
        if octet == b',' {
            self.end_token();
        } else {
            // Two words with white space between them are no token.
            let torn = spaced && self.spelling != Spelling::default();
            let octet = if torn { b' ' } else { octet };
            self.spelling.push(&FIELDS[..1], octet.to_ascii_lowercase());
        }
    }

    fn end_token(&mut self) {
        if self.spelling.spelled(&FIELDS[..1]).is_some() {
            self.saw(Some(CONNECTION));
        }
        self.spelling = Spelling::default();
    }

    fn end_value(&mut self, expected: &Expected<'_>) -> Result<(), Flaw> {
        let fits = match self.field {
            Some(UPGRADE) => self.place == WEBSOCKET.len(),
            Some(ACCEPT) => self.place == ACCEPT_LEN,
            Some(SUBPROTOCOL) => {
                self.subprotocol = self.spelling.spelled(expected.subprotocols);
                self.subprotocol.is_some()
            }
            Some(CONNECTION) => {
                self.end_token();
                true
            }
            _ => true,
        };
        self.must(fits)
    }

    fn end(&mut self, expected: &Expected<'_>) -> Result<Step, Flaw> {
        // RFC 9110 §15.2: "A client MUST be able to parse one or more 1xx responses received
        // prior to a final response". 101 is final here (RFC 6455 §4.1).
        if self.status != 101 {
            if self.status >= 200 {
                return Ok(Step::End(self.status));
            }
            if self.interim >= MAX_INTERIM {
                return Err(Flaw::TooManyInterim);
            }
            *self = Self {
                interim: self.interim + 1,
                ..Self::default()
            };
            return Ok(Step::More);
        }
        for (field, missing) in [
            (UPGRADE, Flaw::UpgradeMissing),
            (CONNECTION, Flaw::ConnectionMissing),
            (ACCEPT, Flaw::AcceptMissing),
        ] {
            if self.seen & 1 << field == 0 {
                return Err(missing);
            }
        }
        if expected.subprotocol_required && self.subprotocol.is_none() {
            return Err(Flaw::SubprotocolMissing);
        }
        Ok(Step::End(self.status))
    }
}

const START: &[u8; 12] = b"HTTP/1.1 000";
const WEBSOCKET: &[u8; 9] = b"websocket";

impl From<Flaw> for Violation {
    fn from(flaw: Flaw) -> Self {
        match flaw {
            Flaw::StatusLine => Self::StatusLine,
            Flaw::Field => Self::Field,
            Flaw::Folded => Self::Folded,
            Flaw::LineEnd => Self::LineEnd,
            Flaw::TooManyInterim => Self::TooManyInterim,
            Flaw::UpgradeMissing => Self::UpgradeMissing,
            Flaw::Upgrade => Self::Upgrade,
            Flaw::UpgradeRepeated => Self::UpgradeRepeated,
            Flaw::ConnectionMissing => Self::ConnectionMissing,
            Flaw::AcceptMissing => Self::AcceptMissing,
            Flaw::Accept => Self::Accept,
            Flaw::AcceptRepeated => Self::AcceptRepeated,
            Flaw::SubprotocolMissing => Self::SubprotocolMissing,
            Flaw::SubprotocolNotOffered => Self::SubprotocolNotOffered,
            Flaw::SubprotocolRepeated => Self::SubprotocolRepeated,
            Flaw::ExtensionsRepeated => Self::ExtensionsRepeated,
        }
    }
}
