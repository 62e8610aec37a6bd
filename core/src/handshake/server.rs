//! The server's end of the opening handshake (RFC 6455 §4.2), first of all as the peer of tests
//! and demonstrations. A client names nothing of it.

use core::fmt;

use super::accept::{self, KEY_LEN};
use super::extension::{Extension, Extensions, Scanner};
use super::head::{Item, Spelling, Stretch, is_token_octet};
use super::{Established, Progress};

/// What a server takes.
#[derive(Clone, Copy, Debug)]
pub struct Service<'a> {
    /// Subprotocols that it speaks. The first that the client offers of them is chosen.
    pub subprotocols: &'a [&'a str],
    /// Origins that it answers (RFC 6455 §10.2); `None` for all, and for clients without one.
    pub origins: Option<&'a [&'a str]>,
    /// The most octets that the head of the request may have.
    pub head_limit: u32,
}

impl Service<'_> {
    /// Takes every client, speaks no subprotocol, reads heads up to 16 KiB.
    pub const ANY: Self = Self {
        subprotocols: &[],
        origins: None,
        head_limit: 16 * 1024,
    };
}

/// What a server makes of the extensions that are offered to it. `()` takes none.
pub trait Answers {
    /// Where the offers are written down without white space, quotes and escapes. If they are
    /// longer they are not considered.
    type Offers: AsRef<[u8]> + AsMut<[u8]>;

    /// Memory for the offers, such as `[0; 256]`.
    const OFFERS: Self::Offers;

    /// The client offers `extension`. Called for each element, in the client's order of
    /// preference; one that cannot be accepted is passed over.
    fn consider(&mut self, extension: &Extension<'_>);

    /// The value of Sec-WebSocket-Extensions in pieces, as [`Offers::piece`](super::Offers::piece).
    fn piece(&self, index: usize) -> Option<&str>;
}

impl Answers for () {
    type Offers = [u8; 0];
    const OFFERS: Self::Offers = [];

    fn consider(&mut self, _: &Extension<'_>) {}

    fn piece(&self, _: usize) -> Option<&str> {
        None
    }
}

/// The opening handshake of a server, as a machine without I/O.
///
/// First [`read`](Self::read) until it gives [`Progress::Done`], then [`write`](Self::write) until
/// it gives 0, also when the client is refused, then [`finish`](Self::finish).
pub struct ServerHandshake<'a, X: Answers = ()> {
    service: &'a Service<'a>,
    extensions: X,
    offers: X::Offers,
    offers_len: usize,
    head: Head,
    key: [u8; KEY_LEN],
    head_len: u32,
    written: usize,
    /// The answer, once it is known.
    status: Option<u16>,
}

/// Why a server did not open the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ServerError {
    /// The client's request was answered with this status.
    Refused {
        /// The status code.
        status: u16,
    },
    /// The transport ended before the request was complete.
    Lost,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { status } => write!(f, "the client was refused with status {status}"),
            Self::Lost => f.write_str("the connection ended during the opening handshake"),
        }
    }
}

impl core::error::Error for ServerError {}

impl<'a, X: Answers> ServerHandshake<'a, X> {
    /// Waits for a request.
    #[must_use]
    pub fn new(service: &'a Service<'a>, extensions: X) -> Self {
        Self {
            service,
            extensions,
            offers: X::OFFERS,
            offers_len: 0,
            head: Head::default(),
            key: [0; KEY_LEN],
            head_len: 0,
            written: 0,
            status: None,
        }
    }

    /// Takes octets of the request. Octets behind a request that is refused are not for us.
    pub fn read(&mut self, octets: &[u8]) -> Progress {
        let mut rest = octets.iter();
        while self.status.is_none() {
            let Some(&octet) = rest.next() else {
                return Progress::NeedOctets;
            };
            self.status = self.octet(octet);
        }
        Progress::Done {
            consumed: octets.len() - rest.len(),
        }
    }

    /// Writes the next octets of the answer and gives their number: 0 when all were written.
    #[must_use]
    pub fn write(&mut self, out: &mut [u8]) -> usize {
        let Some(status) = self.status else {
            return 0;
        };
        let mut stretch = Stretch::new(self.written, out);
        self.answer(status, &mut |piece| stretch.put(piece));
        let written = stretch.written();
        self.written = self.written.saturating_add(written);
        written
    }

    fn subprotocol(&self) -> Option<&'a str> {
        let index = self.head.subprotocol?;
        self.service.subprotocols.get(index).copied()
    }

    /// What was agreed on.
    ///
    /// # Errors
    /// Why the client was refused; [`ServerError::Lost`] if its request is not complete.
    pub fn finish(self) -> Result<Established<'a, X>, ServerError> {
        match self.status {
            Some(101) => Ok(Established {
                subprotocol: self.subprotocol(),
                extensions: self.extensions,
            }),
            Some(status) => Err(ServerError::Refused { status }),
            None => Err(ServerError::Lost),
        }
    }

    /// The status of the answer, when the octet decides it.
    fn octet(&mut self, octet: u8) -> Option<u16> {
        if self.head_len >= self.service.head_limit {
            // RFC 6585 §5: Request Header Fields Too Large.
            return Some(431);
        }
        self.head_len += 1;
        let offers = (self.offers.as_mut(), &mut self.offers_len);
        match self.head.push(octet, self.service, &mut self.key, offers) {
            Ok(false) => None,
            Ok(true) => {
                let status = self.head.verdict(self.service, &self.key);
                if status == 101 {
                    for offer in Extensions::scanned(self.offers.as_ref(), self.offers_len) {
                        self.extensions.consider(&offer);
                    }
                }
                Some(status)
            }
            Err(Bad) => Some(400),
        }
    }

    fn answer(&self, status: u16, put: &mut dyn FnMut(&[u8])) {
        let mut put = |text: &str| put(text.as_bytes());
        if status != 101 {
            put(match status {
                400 => "HTTP/1.1 400 Bad Request",
                403 => "HTTP/1.1 403 Forbidden",
                405 => "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET",
                // RFC 6455 §4.2.2: "it MUST abort the processing and send an appropriate HTTP
                // error code (such as 426 Upgrade Required) and a |Sec-WebSocket-Version| header
                // field indicating the version(s) the server is capable of understanding."
                426 => {
                    "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13"
                }
                431 => "HTTP/1.1 431 Request Header Fields Too Large",
                _ => "HTTP/1.1 505 HTTP Version Not Supported",
            });
            put("\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
            return;
        }
        put(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
        );
        put(core::str::from_utf8(&accept::accept(&self.key)).unwrap_or_default());
        if let Some(subprotocol) = self.subprotocol() {
            put("\r\nSec-WebSocket-Protocol: ");
            put(subprotocol);
        }
        let mut index = 0;
        while let Some(piece) = self.extensions.piece(index) {
            if index == 0 {
                put("\r\nSec-WebSocket-Extensions: ");
            }
            put(piece);
            index += 1;
        }
        put("\r\n\r\n");
    }
}

/// The key is not shown.
impl<X: Answers> fmt::Debug for ServerHandshake<'_, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandshake")
            .field("service", self.service)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// What no request can contain: 400 at once.
struct Bad;

/// The fields that mean something, in lower case.
const FIELDS: [&str; 10] = [
    "host",
    "upgrade",
    "connection",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-protocol",
    "sec-websocket-extensions",
    "origin",
    "content-length",
    "transfer-encoding",
];

const HOST: usize = 0;
const UPGRADE: usize = 1;
const CONNECTION: usize = 2;
const KEY: usize = 3;
const VERSION: usize = 4;
const SUBPROTOCOL: usize = 5;
const EXTENSIONS: usize = 6;
const ORIGIN: usize = 7;
const CONTENT_LENGTH: usize = 8;
const TRANSFER_ENCODING: usize = 9;

/// The parts of the request line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Method,
    Target,
    Version,
}

/// The state of reading a request.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    last: Item,
    part: Part,
    /// Octets of the part of the request line, or of the value.
    place: usize,
    /// Which of [`FIELDS`] the name spells, or which token of a list.
    spelling: Spelling,
    field: Option<usize>,
    /// One bit for each of [`FIELDS`] that was read.
    seen: u16,
    /// `websocket` was found in Upgrade, `upgrade` in Connection.
    upgrade: bool,
    connection: bool,
    /// White space stood in the middle of a token of a list.
    torn: bool,
    origin: bool,
    scanner: Scanner,
    subprotocol: Option<usize>,
    /// Octets of the subprotocol that is being read, and whether there was one.
    token_len: usize,
    tokens: bool,
    /// The offers do not fit their memory.
    too_long: bool,
    /// The first thing that is wrong and still lets the head be read to its end.
    flaw: Option<u16>,
}

impl Head {
    /// Takes an octet; whether the head is complete.
    fn push(
        &mut self,
        octet: u8,
        service: &Service<'_>,
        key: &mut [u8; KEY_LEN],
        offers: (&mut [u8], &mut usize),
    ) -> Result<bool, Bad> {
        let before = self.last;
        let spaced = before == Item::Blank;
        match self.last.push(octet) {
            Item::Start => self.start(octet)?,
            Item::StartEnd if self.part != Part::Version || self.place != 8 => return Err(Bad),
            Item::StartEnd => self.spelling = Spelling::default(),
            Item::Name => {
                self.spelling.push(&FIELDS, octet.to_ascii_lowercase());
            }
            Item::NameEnd => self.begin_value()?,
            Item::Value => {
                self.value(octet, spaced && self.place > 0, service, key, offers)?;
                self.place = self.place.saturating_add(1);
            }
            Item::ValueEnd => {
                self.end_value(service)?;
                if self.field == Some(EXTENSIONS) {
                    self.keep(b',', offers);
                }
                self.field = None;
                self.spelling = Spelling::default();
            }
            Item::End => return Ok(true),
            // RFC 9112 §5.2: a server may reject a request with a folded line.
            Item::Blank if before == Item::ValueEnd => return Err(Bad),
            Item::StartCr | Item::Blank | Item::ValueCr | Item::EndCr => {}
            // Not of a request.
            Item::OtherStatus | Item::Other | Item::OtherEnd => {}
            Item::BadStart | Item::BadField | Item::BadLineEnd => return Err(Bad),
        }
        Ok(false)
    }

    /// RFC 9112 §3: request-line = method SP request-target SP HTTP-version
    fn start(&mut self, octet: u8) -> Result<(), Bad> {
        let place = self.place;
        self.place = place.saturating_add(1);
        match self.part {
            Part::Method | Part::Target if octet == b' ' => {
                if place == 0 {
                    return Err(Bad);
                }
                if self.part == Part::Method {
                    if self.spelling.end(&["GET"]).is_none() {
                        self.flaw(405);
                    }
                    self.part = Part::Target;
                } else {
                    self.part = Part::Version;
                }
                self.place = 0;
            }
            Part::Method if is_token_octet(octet) => {
                self.spelling.push(&["GET"], octet);
            }
            Part::Target if octet.is_ascii_graphic() => {}
            Part::Version => match (b"HTTP/".get(place), place) {
                (Some(expected), _) if *expected == octet => {}
                (None, 5) if octet == b'1' => {}
                (None, 6) if octet == b'.' => {}
                (None, 7) if matches!(octet, b'1'..=b'9') => {}
                (None, 5 | 7) if octet.is_ascii_digit() => self.flaw(505),
                _ => return Err(Bad),
            },
            _ => return Err(Bad),
        }
        Ok(())
    }

    fn begin_value(&mut self) -> Result<(), Bad> {
        self.field = self.spelling.end(&FIELDS);
        self.spelling = Spelling::default();
        self.place = 0;
        self.torn = false;
        if let Some(field) = self.field {
            let is_list = matches!(field, UPGRADE | CONNECTION | SUBPROTOCOL | EXTENSIONS);
            if self.seen & 1 << field != 0 && !is_list {
                return Err(Bad);
            }
            self.seen |= 1 << field;
        }
        Ok(())
    }

    fn value(
        &mut self,
        octet: u8,
        torn: bool,
        service: &Service<'_>,
        key: &mut [u8; KEY_LEN],
        offers: (&mut [u8], &mut usize),
    ) -> Result<(), Bad> {
        match self.field {
            Some(KEY) => {
                *key.get_mut(self.place).ok_or(Bad)? = octet;
                if torn {
                    return Err(Bad);
                }
            }
            Some(VERSION) if torn || b"13".get(self.place) != Some(&octet) => self.flaw(426),
            Some(UPGRADE | CONNECTION | SUBPROTOCOL) if octet == b',' => self.end_token(service),
            Some(field @ (UPGRADE | CONNECTION | SUBPROTOCOL)) => {
                if torn && self.token_len > 0 {
                    self.torn = true;
                }
                self.token_len = self.token_len.saturating_add(1);
                match field {
                    UPGRADE => self
                        .spelling
                        .push(&["websocket"], octet.to_ascii_lowercase()),
                    CONNECTION => self.spelling.push(&["upgrade"], octet.to_ascii_lowercase()),
                    _ if self.torn || !is_token_octet(octet) => return Err(Bad),
                    _ => self.spelling.push(service.subprotocols, octet),
                };
            }
            Some(EXTENSIONS) => {
                if let Some(octet) = self.scanner.push(octet, torn).map_err(|_| Bad)? {
                    self.keep(octet, offers);
                }
            }
            Some(ORIGIN) => {
                let origins = service.origins.unwrap_or_default();
                self.spelling.push(if torn { &[] } else { origins }, octet);
            }
            // A request with a body is none that opens a WebSocket.
            Some(CONTENT_LENGTH) if octet != b'0' => self.flaw(400),
            _ => {}
        }
        Ok(())
    }

    fn end_token(&mut self, service: &Service<'_>) {
        if !self.torn {
            match self.field {
                Some(UPGRADE) => self.upgrade |= self.spelling.end(&["websocket"]).is_some(),
                Some(CONNECTION) => {
                    self.connection |= self.spelling.end(&["upgrade"]).is_some();
                }
                _ => {
                    let spelled = self.spelling.end(service.subprotocols);
                    self.subprotocol = self.subprotocol.or(spelled);
                    self.tokens |= self.token_len > 0;
                }
            }
        }
        self.spelling = Spelling::default();
        self.torn = false;
        self.token_len = 0;
    }

    fn end_value(&mut self, service: &Service<'_>) -> Result<(), Bad> {
        match self.field {
            Some(UPGRADE | CONNECTION) => self.end_token(service),
            Some(SUBPROTOCOL) => {
                self.end_token(service);
                // RFC 6455 §11.3.4: a list of at least one.
                if !self.tokens {
                    return Err(Bad);
                }
            }
            Some(EXTENSIONS) => {
                self.scanner.end().map_err(|_| Bad)?;
                self.scanner = Scanner::default();
            }
            Some(VERSION) if self.place < 2 => self.flaw(426),
            Some(ORIGIN) => {
                let origins = service.origins.unwrap_or_default();
                self.origin = self.spelling.end(origins).is_some();
            }
            _ => {}
        }
        Ok(())
    }

    fn keep(&mut self, octet: u8, (memory, len): (&mut [u8], &mut usize)) {
        match memory.get_mut(*len) {
            Some(slot) if !self.too_long => {
                *slot = octet;
                *len += 1;
            }
            // What is cut off must not be taken for an offer.
            _ => {
                self.too_long = true;
                *len = 0;
            }
        }
    }

    fn flaw(&mut self, status: u16) {
        self.flaw.get_or_insert(status);
    }

    /// The status of the answer to a complete head.
    fn verdict(&self, service: &Service<'_>, key: &[u8; KEY_LEN]) -> u16 {
        let seen = |field: usize| self.seen & 1 << field != 0;
        if let Some(status) = self.flaw {
            status
        } else if !seen(HOST)
            || !self.upgrade
            || !self.connection
            || !seen(VERSION)
            || !is_key(key)
            || seen(TRANSFER_ENCODING)
        {
            400
        } else if service.origins.is_some() && seen(ORIGIN) && !self.origin {
            403
        } else {
            101
        }
    }
}

/// RFC 6455 §4.2.1: "a base64-encoded value that, when decoded, is 16 bytes in length". The last
/// letter before the padding carries two bits.
fn is_key(key: &[u8; KEY_LEN]) -> bool {
    let letter = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/');
    let [letters @ .., last, b'=', b'='] = key else {
        return false;
    };
    letters.iter().all(letter) && matches!(last, b'A' | b'Q' | b'g' | b'w')
}
