//! ws and wss URIs (RFC 6455 §3), read without memory of their own.

use core::fmt;

/// A ws or wss URI, split into what a connection needs. It borrows the text that it was read from.
///
/// Nothing is decoded or normalised: percent-escapes, dot segments and letter case go to the
/// server as they were given (RFC 3986 §6 leaves that to whoever compares URIs).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    secure: bool,
    /// As given, with the brackets of an IPv6 address.
    host: &'a str,
    port: u16,
    /// Path and query as given; empty, or without its first slash, when the path is empty.
    target: &'a str,
}

impl<'a> Uri<'a> {
    /// Reads a URI.
    ///
    /// # Errors
    /// [`UriError`] names the part that is wrong.
    pub fn parse(text: &'a str) -> Result<Self, UriError> {
        let (scheme, rest) = split_at(text, b":");
        let secure = if scheme.eq_ignore_ascii_case("ws") {
            false
        } else if scheme.eq_ignore_ascii_case("wss") {
            true
        } else {
            return Err(UriError::Scheme);
        };
        let rest = rest.strip_prefix("://").ok_or(UriError::Scheme)?;
        let (authority, target) = split_at(rest, b"/?#");
        let (host, port) = authority_parts(authority)?;
        let port = port.unwrap_or_else(|| default_port(secure));
        Ok(Self {
            secure,
            host,
            port,
            target: check_target(target)?,
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

    /// The port to connect to: 80 for `ws` and 443 for `wss` unless the URI says another.
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

/// Why a text is not a URI to connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum UriError {
    /// It does not begin with `ws://` or `wss://`.
    Scheme,
    /// RFC 6455 §3: "Fragment identifiers are meaningless in the context of WebSocket URIs and
    /// MUST NOT be used on these URIs." A `#` of the path is written `%23`.
    Fragment,
    /// A user name before the host: the grammar of §3 has none, credentials go into a header field.
    UserInfo,
    /// No host.
    HostMissing,
    /// A host that is not ASCII: an internationalised name must be given as A-labels (`xn--…`).
    HostNotAscii,
    /// An octet that a host name must not contain.
    Host,
    /// Brackets without an IPv6 address in them. A zone identifier (`%25eth0`) is not taken.
    Ipv6,
    /// The port is not a number from 1 to 65535.
    Port,
    /// An octet that path or query must not contain unescaped.
    Resource,
    /// A `%` that is not followed by two hexadecimal digits.
    Escape,
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "the URI must begin with ws:// or wss://",
            Self::Fragment => "a WebSocket URI has no fragment, write # as %23",
            Self::UserInfo => "a WebSocket URI has no user name, send credentials in a header",
            Self::HostMissing => "the URI has no host",
            Self::HostNotAscii => "the host is not ASCII, convert it to A-labels (xn--)",
            Self::Host => "the host contains an octet that it must not",
            Self::Ipv6 => "not an IPv6 address in brackets",
            Self::Port => "the port is not a number from 1 to 65535",
            Self::Resource => "path or query contain an octet that must be percent-escaped",
            Self::Escape => "a % without two hexadecimal digits",
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
fn authority_parts(authority: &str) -> Result<(&str, Option<u16>), UriError> {
    for octet in authority.bytes() {
        match octet {
            b'@' => return Err(UriError::UserInfo),
            0x80.. => return Err(UriError::HostNotAscii),
            _ => {}
        }
    }
    let literal = authority.starts_with('[');
    let (host, port) = if literal {
        let (inside, rest) = split_at(authority, b"]");
        let rest = rest.strip_prefix(']').ok_or(UriError::Ipv6)?;
        let address = inside.strip_prefix('[').ok_or(UriError::Ipv6)?;
        if !is_ipv6(address.as_bytes()) || !(rest.is_empty() || rest.starts_with(':')) {
            return Err(UriError::Ipv6);
        }
        let end = inside.len().saturating_add(1);
        (authority.get(..end).ok_or(UriError::Ipv6)?, rest)
    } else {
        split_at(authority, b":")
    };
    if host.is_empty() {
        return Err(UriError::HostMissing);
    }
    if !literal {
        // RFC 3986 §3.2.2: reg-name = *( unreserved / pct-encoded / sub-delims )
        check_octets(host, UriError::Host, b"")?;
    }
    Ok((host, parse_port(port)?))
}

/// The digits after the colon, if both are there.
fn parse_port(port: &str) -> Result<Option<u16>, UriError> {
    let digits = port.strip_prefix(':').unwrap_or(port);
    if digits.is_empty() {
        return Ok(None);
    }
    let mut value = 0u32;
    for octet in digits.bytes() {
        if !octet.is_ascii_digit() {
            return Err(UriError::Port);
        }
        value = value * 10 + u32::from(octet - b'0');
        if value > 0xFFFF {
            return Err(UriError::Port);
        }
    }
    if value == 0 {
        return Err(UriError::Port);
    }
    Ok(Some(value as u16))
}

/// Path and query, without the question mark of an empty query.
fn check_target(target: &str) -> Result<&str, UriError> {
    // RFC 3986 §3.3, §3.4: pchar and slash, in the query the question mark too. The first
    // question mark begins the query, so both may be allowed throughout.
    check_octets(target, UriError::Resource, b":@/?")?;
    // RFC 6455 §3: "?" belongs to the resource name "if the query component is non-empty".
    let (path, query) = split_at(target, b"?");
    Ok(if query == "?" { path } else { target })
}

/// unreserved, sub-delims and percent-escapes of RFC 3986 §2, and what `also` allows.
fn check_octets(text: &str, wrong: UriError, also: &[u8]) -> Result<(), UriError> {
    let mut octets = text.bytes();
    while let Some(octet) = octets.next() {
        match octet {
            b'%' => {
                for _ in 0..2 {
                    if !octets.next().is_some_and(|o| o.is_ascii_hexdigit()) {
                        return Err(UriError::Escape);
                    }
                }
            }
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {}
            b'!' | b'$' | b'&'..=b',' | b';' | b'=' => {}
            _ if is_one_of(octet, also) => {}
            b'#' => return Err(UriError::Fragment),
            _ => return Err(wrong),
        }
    }
    Ok(())
}

/// `IPv6address` of RFC 3986 §3.2.2: eight groups of one to four hexadecimal digits, the last two
/// of which may be an IPv4 address; one `::` stands for one group of zeros or more.
fn is_ipv6(text: &[u8]) -> bool {
    let mut groups = 0;
    let mut elided = false;
    let mut rest = text;
    if let Some(tail) = rest.strip_prefix(b"::") {
        elided = true;
        rest = tail;
    }
    while !rest.is_empty() {
        let digits = rest.iter().take_while(|o| o.is_ascii_hexdigit()).count();
        if rest.get(digits) == Some(&b'.') {
            groups += 2;
            if !is_ipv4(rest) {
                return false;
            }
            break;
        }
        groups += 1;
        if digits == 0 || digits > 4 {
            return false;
        }
        rest = rest.get(digits..).unwrap_or_default();
        if let Some(tail) = rest.strip_prefix(b"::") {
            if elided {
                return false;
            }
            elided = true;
            rest = tail;
        } else if let Some(tail) = rest.strip_prefix(b":") {
            if tail.is_empty() {
                return false;
            }
            rest = tail;
        } else if !rest.is_empty() {
            return false;
        }
    }
    if elided { groups < 8 } else { groups == 8 }
}

/// `IPv4address` of RFC 3986 §3.2.2: four numbers up to 255 without leading zeros.
fn is_ipv4(text: &[u8]) -> bool {
    let mut numbers = 1;
    let mut digits = 0;
    let mut value = 0u16;
    for &octet in text {
        match octet {
            b'0'..=b'9' if digits < 3 && !(digits > 0 && value == 0) => {
                digits += 1;
                value = value * 10 + u16::from(octet - b'0');
                if value > 255 {
                    return false;
                }
            }
            b'.' if digits > 0 => {
                numbers += 1;
                digits = 0;
                value = 0;
            }
            _ => return false,
        }
    }
    numbers == 4 && digits > 0
}

/// What stands before the first octet that is one of `ends`, and the rest with it.
fn split_at<'a>(text: &'a str, ends: &[u8]) -> (&'a str, &'a str) {
    let place = text.bytes().position(|octet| is_one_of(octet, ends));
    place
        .and_then(|place| text.split_at_checked(place))
        .unwrap_or((text, ""))
}

#[expect(
    clippy::manual_contains,
    reason = "`contains` is made for long lists, and 150 octets of flash longer"
)]
fn is_one_of(octet: u8, list: &[u8]) -> bool {
    list.iter().any(|&one| one == octet)
}
