//! The client's opening handshake (RFC 6455 §4.1).

use core::fmt;

use super::accept::KEY_LEN;
use super::extension::{Offers, Scanner};
use super::has_extensions;
use super::head::{Stretch, is_text_octet, is_token};
use crate::uri::{Uri, UriError, check_authority};

/// A client's request. Everything is borrowed and nothing is copied.
///
/// It is checked as a whole before its first octet is written.
///
/// ```
/// use bare_ws::handshake::Request;
/// use bare_ws::uri::Uri;
///
/// let request = Request {
///     subprotocols: &["prices.v2", "prices.v1"],
///     headers: &[("Authorization", "Bearer t0k3n")],
///     ..Request::new(Uri::parse("ws://broker.example/feed").expect("a valid URI"))
/// };
/// ```
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The server and the resource.
    pub uri: Uri<'a>,
    /// Subprotocols in order of preference: tokens, none of them twice (RFC 6455 §4.1).
    pub subprotocols: &'a [&'a str],
    /// Whether a response without a subprotocol fails the handshake. RFC 6455 allows the server to
    /// omit it.
    pub subprotocol_required: bool,
    /// Header fields of the caller's own, names and values.
    pub headers: &'a [(&'a str, &'a str)],
    /// Origin (RFC 6455 §4.1), which only browsers must send.
    pub origin: Option<&'a str>,
    /// Host, if not the URI's.
    pub host: Option<&'a str>,
    /// How many octets the heads of the response may have in total.
    pub head_limit: u32,
}

impl<'a> Request<'a> {
    /// The default limit on the head of the response.
    pub const HEAD_LIMIT: u32 = 16 * 1024;

    /// A request for `uri` and nothing else.
    #[must_use]
    pub const fn new(uri: Uri<'a>) -> Self {
        Self {
            uri,
            subprotocols: &[],
            subprotocol_required: false,
            headers: &[],
            origin: None,
            host: None,
            head_limit: Self::HEAD_LIMIT,
        }
    }

    /// Checks what RFC 6455 and RFC 9110 want of each field, so that nothing that the caller
    /// passes on from others can end a line or take the place of what is ours.
    pub(crate) fn check<X: Offers>(&self, offers: &X) -> Result<(), RequestError> {
        for (index, subprotocol) in self.subprotocols.iter().enumerate() {
            // RFC 6455 §4.1: "The elements that comprise this value MUST be non-empty strings
            // with characters in the range U+0021 to U+007E not including separator characters
            // as defined in [RFC2616] and MUST all be unique strings."
            if !is_token(subprotocol) {
                return Err(RequestError::Subprotocol { index });
            }
            let mut before = self.subprotocols.iter().take(index);
            if before.any(|earlier| earlier == subprotocol) {
                return Err(RequestError::SubprotocolRepeated { index });
            }
        }
        let mut origins = usize::from(self.origin.is_some());
        for (index, (name, value)) in self.headers.iter().enumerate() {
            if !is_token(name) {
                return Err(RequestError::HeaderName { index });
            }
            if is_reserved(name) {
                return Err(RequestError::HeaderReserved { index });
            }
            if !is_field_value(value) {
                return Err(RequestError::HeaderValue { index });
            }
            let origin = name.eq_ignore_ascii_case("origin");
            if origin && !is_origin(value) {
                return Err(RequestError::Origin);
            }
            origins += usize::from(origin);
        }
        if origins > 1 || !self.origin.is_none_or(is_origin) {
            return Err(RequestError::Origin);
        }
        if let Some(host) = self.host {
            check_authority(host).map_err(RequestError::Host)?;
        }
        if const { has_extensions::<X>() } {
            check_offers(&|index| offers.piece(index))?;
        }
        Ok(())
    }

    /// Writes what of the request follows its first `skip` octets. `0` when nothing does.
    pub(crate) fn write<'o, X: Offers>(
        &self,
        key: &[u8; KEY_LEN],
        offers: &'o X,
        skip: usize,
        out: &mut [u8],
    ) -> usize {
        let mut out = Stretch::new(skip, out);
        let piece = |index| offers.piece(index);
        let offered: Option<&dyn Fn(usize) -> Option<&'o str>> =
            const { has_extensions::<X>() }.then_some(&piece);
        self.pieces(key, offered, &mut out);
        out.written()
    }

    fn pieces<'o>(
        &self,
        key: &[u8; KEY_LEN],
        offered: Option<&dyn Fn(usize) -> Option<&'o str>>,
        out: &mut Stretch<'_>,
    ) {
        let [slash, target] = self.uri.resource();
        out.put(b"GET ");
        out.put(slash.as_bytes());
        out.put(target.as_bytes());
        out.put(b" HTTP/1.1");
        // RFC 6455 §4.1: "optionally followed by a ":" and the port (when not using the default
        // port)"
        let host = self.host.unwrap_or_else(|| self.uri.authority());
        out.field("Host", host.as_bytes());
        out.put(b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13");
        out.field("Sec-WebSocket-Key", key);
        let mut before = "\r\nSec-WebSocket-Protocol: ";
        for subprotocol in self.subprotocols {
            out.put(before.as_bytes());
            out.put(subprotocol.as_bytes());
            before = ", ";
        }
        if let Some(offered) = offered {
            let mut index = 0;
            while let Some(piece) = offered(index) {
                if index == 0 {
                    out.field("Sec-WebSocket-Extensions", b"");
                }
                out.put(piece.as_bytes());
                index += 1;
            }
        }
        if let Some(origin) = self.origin {
            out.field("Origin", origin.as_bytes());
        }
        for (name, value) in self.headers {
            out.field(name, value.as_bytes());
        }
        out.put(b"\r\n\r\n");
    }
}

/// The values may be secrets; they are not shown.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Names<'a>(&'a [(&'a str, &'a str)]);
        impl fmt::Debug for Names<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_list()
                    .entries(self.0.iter().map(|(name, _)| name))
                    .finish()
            }
        }
        f.debug_struct("Request")
            .field("uri", &self.uri)
            .field("subprotocols", &self.subprotocols)
            .field("subprotocol_required", &self.subprotocol_required)
            .field("headers", &Names(self.headers))
            .field("origin", &self.origin)
            .field("host", &self.host)
            .field("head_limit", &self.head_limit)
            .finish()
    }
}

/// Why a request is invalid. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RequestError {
    /// The URI.
    Uri(UriError),
    /// A subprotocol is not a token.
    Subprotocol {
        /// Its index in [`Request::subprotocols`].
        index: usize,
    },
    /// A subprotocol is offered twice.
    SubprotocolRepeated {
        /// The index of the second one in [`Request::subprotocols`].
        index: usize,
    },
    /// The name of a header field is not a token.
    HeaderName {
        /// The field's index in [`Request::headers`].
        index: usize,
    },
    /// A header field is reserved: the handshake writes it, or it would announce a body.
    HeaderReserved {
        /// The field's index in [`Request::headers`].
        index: usize,
    },
    /// The value of a header field contains a control character, or white space around it.
    HeaderValue {
        /// The field's index in [`Request::headers`].
        index: usize,
    },
    /// Origin is not a single visible value, or is given twice.
    Origin,
    /// Host is not a host with or without a port.
    Host(UriError),
    /// The offers are not a list of extensions (RFC 6455 §9.1).
    Extensions,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (subject, index, problem) = match *self {
            Self::Uri(error) => return error.fmt(f),
            Self::Host(error) => return write!(f, "the Host field is invalid: {error}"),
            Self::Origin => return f.write_str("Origin must be a single value"),
            Self::Extensions => return f.write_str("the extension offers are malformed"),
            Self::Subprotocol { index } => ("subprotocol", index, "is not a token"),
            Self::SubprotocolRepeated { index } => ("subprotocol", index, "is offered twice"),
            Self::HeaderName { index } => ("header field", index, "has a name that is not a token"),
            Self::HeaderReserved { index } => {
                ("header field", index, "is reserved for the handshake")
            }
            Self::HeaderValue { index } => (
                "header field",
                index,
                "has a value with a control character, or with white space around it",
            ),
        };
        write!(f, "{subject} {} {problem}", index.saturating_add(1))
    }
}

impl core::error::Error for RequestError {}

impl From<UriError> for RequestError {
    fn from(error: UriError) -> Self {
        Self::Uri(error)
    }
}

/// Fields that the handshake writes itself, or that would make a body of what follows.
fn is_reserved(name: &str) -> bool {
    const RESERVED: [&str; 5] = [
        "host",
        "upgrade",
        "connection",
        "content-length",
        "transfer-encoding",
    ];
    const PREFIX: &str = "sec-websocket-";
    name.get(..PREFIX.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
        || RESERVED
            .iter()
            .any(|reserved| name.eq_ignore_ascii_case(reserved))
}

/// RFC 9110 §5.5: "field values do not include leading or trailing whitespace".
fn is_field_value(value: &str) -> bool {
    value.bytes().all(is_text_octet) && value.trim_ascii().len() == value.len()
}

/// RFC 6454 §7.1, as far as a client that is no browser can know: one value of visible octets.
fn is_origin(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|o| o.is_ascii_graphic() && o != b',')
}

fn check_offers<'o>(offers: &dyn Fn(usize) -> Option<&'o str>) -> Result<(), RequestError> {
    let mut scanner = Scanner::default();
    let mut index = 0;
    let mut spaced = false;
    while let Some(piece) = offers(index) {
        for octet in piece.bytes() {
            spaced = match octet {
                b' ' | b'\t' => true,
                _ => {
                    let pushed = scanner.push(octet, spaced);
                    pushed.map_err(|_| RequestError::Extensions)?;
                    false
                }
            };
        }
        index += 1;
    }
    if index > 0 {
        scanner.end().map_err(|_| RequestError::Extensions)?;
    }
    Ok(())
}
