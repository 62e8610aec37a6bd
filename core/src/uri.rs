//! ws and wss URIs (RFC 6455 §3), read without memory of their own.

use core::fmt;

use crate::octets;

/// A ws or wss URI, split into what a connection needs. It borrows the text that it was read from.
///
/// Nothing is decoded or normalised: percent-escapes, dot segments and letter case go to the
/// server as they were given (RFC 3986 §6 leaves that to whoever compares URIs).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    secure: bool,
    /// As given, with the brackets of an IPv6 address.
    host: &'a str,
    /// The host, and the port as given if it is not the scheme's own.
    authority: &'a str,
    port: u16,
    /// Path and query as given; empty, or without its first slash, when the path is empty.
    target: &'a str,
}

impl<'a> Uri<'a> {
    /// Reads a URI. Where it is known when the program is built, [`uri!`](crate::uri!) reads it
    /// then. `http` is read as `ws` and `https` as `wss`, as browsers do (WHATWG WebSockets §3.1).
    ///
    /// # Errors
    /// [`UriError`] names the part that is wrong.
    pub const fn parse(text: &'a str) -> Result<Self, UriError> {
        let colon = place_of(text.as_bytes(), b":");
        let (scheme, rest) = split(text, colon);
        let secure = if is(scheme, b"ws") || is(scheme, b"http") {
            false
        } else if is(scheme, b"wss") || is(scheme, b"https") {
            true
        } else {
            return Err(UriError::Scheme);
        };
        let (slashes, rest) = split(rest, 3);
        if !is(slashes, b"://") {
            return Err(UriError::Scheme);
        }
        let (authority, target) = split(rest, place_of(rest.as_bytes(), b"/?#"));
        let (host, port) = match authority_parts(authority) {
            Ok(parts) => parts,
            Err(error) => return Err(error),
        };
        let target = match check_target(target) {
            Ok(target) => target,
            Err(error) => return Err(error),
        };
        let port = match port {
            Some(port) => port,
            None => default_port(secure),
        };
        Ok(Self {
            secure,
            host,
            authority: if port == default_port(secure) {
                host
            } else {
                authority
            },
            port,
            target,
        })
    }

    /// Whether the scheme is `wss`, so that TLS comes first.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host to connect to: a name, an IPv4 address, or an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &'a str {
        self.host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(self.host)
    }

    /// The host as it stands in the URI and in the Host header field: an IPv6 address keeps its
    /// brackets.
    #[must_use]
    pub const fn host_literal(&self) -> &'a str {
        self.host
    }

    /// What the Host header field carries: the host as it stands in the URI, and the port if it is
    /// not the scheme's own (RFC 6455 §4.1).
    #[must_use]
    pub const fn authority(&self) -> &'a str {
        self.authority
    }

    /// The port to connect to: 80 for `ws` and 443 for `wss` unless the URI names another.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The port if it is not the scheme's own: only then does the Host header field carry it
    /// (RFC 6455 §4.1).
    #[must_use]
    pub const fn explicit_port(&self) -> Option<u16> {
        if self.port == default_port(self.secure) {
            None
        } else {
            Some(self.port)
        }
    }

    /// The resource name (RFC 6455 §3) in two pieces to be written one after the other: the slash
    /// that stands for an empty path, and path and query as given.
    #[must_use]
    pub fn resource(&self) -> [&'a str; 2] {
        [
            if self.target.starts_with('/') {
                ""
            } else {
                "/"
            },
            self.target,
        ]
    }
}

impl<'a> TryFrom<&'a str> for Uri<'a> {
    type Error = UriError;

    fn try_from(text: &'a str) -> Result<Self, UriError> {
        Self::parse(text)
    }
}

impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.secure { "wss://" } else { "ws://" })?;
        f.write_str(self.host)?;
        if let Some(port) = self.explicit_port() {
            write!(f, ":{port}")?;
        }
        self.resource().into_iter().try_for_each(|s| f.write_str(s))
    }
}

/// A [`Uri`](crate::uri::Uri) that is read when the program is built: a wrong one does not compile,
/// and nothing of the reading is in the image.
///
/// ```
/// let uri = bare_ws::uri!("wss://example.com/telemetry");
/// assert_eq!(uri.host(), "example.com");
/// ```
///
/// ```compile_fail
/// let uri = bare_ws::uri!("ftp://example.com/");
/// ```
#[macro_export]
macro_rules! uri {
    ($text:expr) => {
        const {
            match $crate::uri::Uri::parse($text) {
                Ok(uri) => uri,
                Err(_) => panic!("not a ws or wss URI: Uri::parse says why"),
            }
        }
    };
}

/// Why a text is not a URI that can be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum UriError {
    /// It does not begin with `ws://` or `wss://`, nor with `http://` or `https://`.
    Scheme,
    /// RFC 6455 §3: "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST
    /// NOT be used on these URIs." A `#` in the path is written `%23`.
    Fragment,
    /// A user name before the host: the grammar of §3 has none. Credentials go into a header field.
    UserInfo,
    /// The host is missing.
    HostMissing,
    /// The host is not ASCII. An internationalised name must be given as A-labels (`xn--…`).
    HostNotAscii,
    /// The host contains a character that is not allowed.
    Host,
    /// The brackets contain no valid IPv6 address. A zone identifier (`%25eth0`) is not supported.
    Ipv6,
    /// The port is not a number from 1 to 65535.
    Port,
    /// The path or the query contains a character that must be percent-encoded.
    Resource,
    /// A `%` is not followed by two hexadecimal digits.
    Escape,
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "the URI must begin with ws:// or wss://",
            Self::Fragment => "a WebSocket URI has no fragment; write # as %23",
            Self::UserInfo => {
                "a WebSocket URI has no user name; send credentials in a header field"
            }
            Self::HostMissing => "the URI has no host",
            Self::HostNotAscii => "the host of the URI is not ASCII; convert it to A-labels (xn--)",
            Self::Host => "the host of the URI contains a character that is not allowed",
            Self::Ipv6 => "the host of the URI is not a valid IPv6 address",
            Self::Port => "the port of the URI is not a number from 1 to 65535",
            Self::Resource => {
                "the path or query of the URI contains a character that must be percent-encoded"
            }
            Self::Escape => "the URI contains a % that is not followed by two hexadecimal digits",
        })
    }
}

impl core::error::Error for UriError {}

/// Whether `text` is what the Host header field may carry: a host, and a port if there is one.
pub(crate) fn check_authority(text: &str) -> Result<(), UriError> {
    authority_parts(text).map(|_| ())
}

/// RFC 6455 §3: the port is 80 for ws and 443 for wss "if the port component is not present".
const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// Host with its brackets, and port; an empty port is none (RFC 3986 §3.2.3).
const fn authority_parts(authority: &str) -> Result<(&str, Option<u16>), UriError> {
    let octets = authority.as_bytes();
    let mut at = 0;
    while let Some(octet) = octets::at(octets, at) {
        match octet {
            b'@' => return Err(UriError::UserInfo),
            0x80.. => return Err(UriError::HostNotAscii),
            _ => at += 1,
        }
    }
    let literal = matches!(octets.first(), Some(b'['));
    let end = place_of(octets, if literal { b"]" } else { b":" });
    let (host, port) = split(authority, if literal { end + 1 } else { end });
    let checked = if literal {
        check_ipv6(host.as_bytes())
    } else if host.is_empty() {
        Err(UriError::HostMissing)
    } else {
        // RFC 3986 §3.2.2: reg-name = *( unreserved / pct-encoded / sub-delims )
        check_octets(host.as_bytes(), UriError::Host, b"")
    };
    if let Err(error) = checked {
        return Err(error);
    }
    match parse_port(port.as_bytes()) {
        Ok(port) => Ok((host, port)),
        Err(_) if literal && !matches!(port.as_bytes().first(), Some(b':')) => Err(UriError::Ipv6),
        Err(error) => Err(error),
    }
}

/// The colon and the digits after it, if all are there.
const fn parse_port(port: &[u8]) -> Result<Option<u16>, UriError> {
    if !matches!(port, [] | [b':', ..]) {
        return Err(UriError::Port);
    }
    let mut value = 0;
    let mut at = 1;
    while let Some(octet) = octets::at(port, at) {
        let digit = octet.wrapping_sub(b'0');
        if digit > 9 {
            return Err(UriError::Port);
        }
        value = value * 10 + digit as u32;
        if value > 0xFFFF {
            return Err(UriError::Port);
        }
        at += 1;
    }
    match value {
        0 if port.len() > 1 => Err(UriError::Port),
        0 => Ok(None),
        _ => Ok(Some(value as u16)),
    }
}

/// Path and query, without the question mark of an empty query.
const fn check_target(target: &str) -> Result<&str, UriError> {
    let octets = target.as_bytes();
    // RFC 3986 §3.3, §3.4: pchar and slash, in the query the question mark too. The first
    // question mark begins the query, so both may be allowed throughout.
    if let Err(error) = check_octets(octets, UriError::Resource, b":@/?") {
        return Err(error);
    }
    // RFC 6455 §3: "?" belongs to the resource name "if the query component is non-empty".
    let query = place_of(octets, b"?");
    let is_empty = query + 1 == octets.len();
    Ok(split(target, if is_empty { query } else { octets.len() }).0)
}

/// unreserved, sub-delims and percent-escapes of RFC 3986 §2, and what `also` allows.
const fn check_octets(octets: &[u8], wrong: UriError, also: &[u8]) -> Result<(), UriError> {
    // Hexadecimal digits that an escape still needs.
    let mut escaped = 0;
    let mut at = 0;
    while let Some(octet) = octets::at(octets, at) {
        at += 1;
        if escaped > 0 {
            if !octet.is_ascii_hexdigit() {
                return Err(UriError::Escape);
            }
            escaped -= 1;
            continue;
        }
        match octet {
            b'%' => escaped = 2,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {}
            b'!' | b'$' | b'&'..=b',' | b';' | b'=' => {}
            _ if place_of(also, &[octet]) < also.len() => {}
            b'#' => return Err(UriError::Fragment),
            _ => return Err(wrong),
        }
    }
    if escaped > 0 {
        return Err(UriError::Escape);
    }
    Ok(())
}

/// `IPv6address` of RFC 3986 §3.2.2 in brackets: eight groups of one to four hexadecimal digits,
/// the last two of which may be an IPv4 address; one `::` stands for one group of zeros or more.
const fn check_ipv6(text: &[u8]) -> Result<(), UriError> {
    let mut groups = 0;
    let mut elided = false;
    let mut digits = 0;
    let mut begin = 1;
    let mut at = 1;
    while let Some(octet) = octets::at(text, at) {
        at += 1;
        let next = match octets::at(text, at) {
            Some(next) => next,
            None => 0,
        };
        match octet {
            b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' if digits < 4 => digits += 1,
            // At the front nothing stands before the colons, elsewhere a group does.
            b':' if next == b':' && !elided && (digits > 0 || at == 2) => {
                elided = true;
                groups += (digits > 0) as usize;
                digits = 0;
                at += 1;
                begin = at;
            }
            b':' if next != b':' && next != b']' && digits > 0 => {
                groups += 1;
                digits = 0;
                begin = at;
            }
            b'.' if is_ipv4(text, begin) => {
                groups += 2;
                digits = 0;
                at = text.len();
            }
            b']' => {}
            _ => return Err(UriError::Ipv6),
        }
    }
    groups += (digits > 0) as usize;
    // Without a bracket at the end there is none at all: it is what ended the host.
    let is_closed = matches!(text.last(), Some(b']'));
    let is_whole = if elided { groups < 8 } else { groups == 8 };
    if is_closed && is_whole {
        Ok(())
    } else {
        Err(UriError::Ipv6)
    }
}

/// `IPv4address` of RFC 3986 §3.2.2 from `at` to a bracket: four numbers up to 255 without leading
/// zeros.
const fn is_ipv4(text: &[u8], mut at: usize) -> bool {
    let mut numbers = 1;
    let mut digits = 0;
    let mut value = 0;
    while let Some(octet) = octets::at(text, at) {
        match octet {
            b'0'..=b'9' if digits == 0 || value > 0 => {
                digits += 1;
                value = value * 10 + (octet - b'0') as u32;
                if value > 255 {
                    return false;
                }
            }
            b'.' if digits > 0 => {
                numbers += 1;
                digits = 0;
                value = 0;
            }
            b']' => break,
            _ => return false,
        }
        at += 1;
    }
    numbers == 4 && digits > 0
}

/// Whether `text` is `lower` in any case of letters.
const fn is(text: &str, lower: &[u8]) -> bool {
    let octets = text.as_bytes();
    let mut at = 0;
    while let Some(octet) = octets::at(octets, at) {
        match octets::at(lower, at) {
            Some(letter) if octet.to_ascii_lowercase() == letter => at += 1,
            _ => return false,
        }
    }
    at == lower.len()
}

/// Where the first octet stands that is one of `ends`; the length if there is none.
const fn place_of(octets: &[u8], ends: &[u8]) -> usize {
    let mut at = 0;
    while let Some(octet) = octets::at(octets, at) {
        let mut end = 0;
        while let Some(candidate) = octets::at(ends, end) {
            if octet == candidate {
                return at;
            }
            end += 1;
        }
        at += 1;
    }
    at
}

/// The text before `at` and the rest; all of it if it is shorter. Only ASCII stands at `at`.
const fn split(text: &str, at: usize) -> (&str, &str) {
    match text.split_at_checked(at) {
        Some(parts) => parts,
        None => (text, ""),
    }
}
