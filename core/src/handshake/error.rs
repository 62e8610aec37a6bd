//! Why an opening handshake did not lead to a connection.

use core::convert::Infallible;
use core::fmt;

use super::extension::Refusal;
use super::request::RequestError;
use crate::entropy::EntropyError;
#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
use crate::error::Cut;
use crate::uri::UriError;

/// Why an opening handshake did not lead to a connection, sorted by whose fault it is.
///
/// `T` is the transport's own error, as in [`crate::error::Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum HandshakeError<T = Infallible> {
    /// Our caller asked for what must not be sent. Nothing was sent.
    Usage(RequestError),
    /// The source of entropy failed. Nothing was sent.
    Entropy,
    /// The server answered with another status than 101: it wants something else first, such as
    /// another address (3xx) or credentials (401). Its header fields are read with
    /// [`fields`](super::fields).
    Rejected {
        /// The status code.
        status: u16,
    },
    /// What the server sent is not an opening handshake.
    Server(Violation),
    /// The server's answer is longer than the limit.
    HeadTooLarge {
        /// The limit, in octets.
        limit: u32,
    },
    /// The transport ended before the answer was complete.
    Lost,
    /// The transport's own error.
    Transport(T),
}

/// What the server's answer violates (RFC 6455 §4.1, RFC 9112).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Violation {
    /// What arrives does not begin like a response of HTTP/1, or is a 101 of another version than
    /// HTTP/1.1.
    StatusLine,
    /// Not even the first octet of what arrives is that of a response of HTTP/1: a port for `wss`
    /// answers so, by an alert of TLS.
    NotHttp,
    /// A header field line that is none.
    Field,
    /// CR without LF or LF without CR.
    LineEnd,
    /// More interim responses than are passed over.
    TooManyInterim,
    /// No Upgrade header field.
    UpgradeMissing,
    /// Upgrade is not `websocket`.
    Upgrade,
    /// Upgrade stands there twice.
    UpgradeRepeated,
    /// No Connection header field with `Upgrade` in it.
    ConnectionMissing,
    /// No Sec-WebSocket-Accept.
    AcceptMissing,
    /// Sec-WebSocket-Accept does not answer the key.
    Accept,
    /// Sec-WebSocket-Accept stands there twice.
    AcceptRepeated,
    /// A subprotocol was required and none was chosen.
    SubprotocolMissing,
    /// A subprotocol that was not offered, or more than one.
    SubprotocolNotOffered,
    /// Sec-WebSocket-Protocol stands there twice.
    SubprotocolRepeated,
    /// Sec-WebSocket-Extensions is not a list of extensions (§9.1).
    ExtensionsMalformed,
    /// Sec-WebSocket-Extensions stands there twice.
    ExtensionsRepeated,
    /// An extension was answered that cannot be used.
    Extension(Refusal),
}

impl<T> HandshakeError<T> {
    /// The same error without a transport, the inverse of [`widen`](HandshakeError::widen).
    ///
    /// # Errors
    /// The transport's, if it was one of its own.
    pub fn narrow(self) -> Result<HandshakeError, T> {
        Ok(match self {
            Self::Usage(error) => HandshakeError::Usage(error),
            Self::Entropy => HandshakeError::Entropy,
            Self::Rejected { status } => HandshakeError::Rejected { status },
            Self::Server(violation) => HandshakeError::Server(violation),
            Self::HeadTooLarge { limit } => HandshakeError::HeadTooLarge { limit },
            Self::Lost => HandshakeError::Lost,
            Self::Transport(error) => return Err(error),
        })
    }
}

impl HandshakeError<Infallible> {
    /// The same error among those of a transport.
    #[must_use]
    pub fn widen<T>(self) -> HandshakeError<T> {
        match self {
            Self::Usage(error) => HandshakeError::Usage(error),
            Self::Entropy => HandshakeError::Entropy,
            Self::Rejected { status } => HandshakeError::Rejected { status },
            Self::Server(violation) => HandshakeError::Server(violation),
            Self::HeadTooLarge { limit } => HandshakeError::HeadTooLarge { limit },
            Self::Lost => HandshakeError::Lost,
            Self::Transport(never) => match never {},
        }
    }
}

#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
impl<T> From<Cut<T>> for HandshakeError<T> {
    fn from(cut: Cut<T>) -> Self {
        match cut {
            Cut::Lost => Self::Lost,
            Cut::Transport(error) => Self::Transport(error),
        }
    }
}

impl<T> From<RequestError> for HandshakeError<T> {
    fn from(error: RequestError) -> Self {
        Self::Usage(error)
    }
}

impl<T> From<UriError> for HandshakeError<T> {
    fn from(error: UriError) -> Self {
        Self::Usage(RequestError::Uri(error))
    }
}

impl<T> From<EntropyError> for HandshakeError<T> {
    fn from(_: EntropyError) -> Self {
        Self::Entropy
    }
}

impl<T> From<Violation> for HandshakeError<T> {
    fn from(violation: Violation) -> Self {
        Self::Server(violation)
    }
}

impl<T: fmt::Display> fmt::Display for HandshakeError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(error) => error.fmt(f),
            Self::Entropy => f.write_str("the source of entropy failed"),
            Self::Rejected { status } => {
                write!(f, "the server answered with status {status}")?;
                f.write_str(match status {
                    // 1xx are no answers, but for 101, which is none of these.
                    ..=299 => ", so this is no WebSocket endpoint",
                    300..=399 => ", a redirect",
                    401 | 407 => ", it asks for credentials",
                    _ => "",
                })
            }
            Self::Server(violation) => violation.fmt(f),
            Self::HeadTooLarge { limit } => {
                write!(f, "the head of the answer is longer than {limit} octets")
            }
            Self::Lost => f.write_str("the connection ended during the opening handshake"),
            Self::Transport(error) => error.fmt(f),
        }
    }
}

impl<T: core::error::Error + 'static> core::error::Error for HandshakeError<T> {
    /// What is behind the transport's error, which is shown as it is.
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Transport(error) => error.source(),
            _ => None,
        }
    }
}

impl core::error::Error for Violation {}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StatusLine => "the answer is not HTTP/1.1",
            Self::NotHttp => "the answer is not HTTP/1.1; if the port is one for TLS, ask by wss",
            Self::Field => "a malformed header field",
            Self::LineEnd => "a line that does not end with CR LF",
            Self::TooManyInterim => "too many interim responses",
            Self::UpgradeMissing => "no Upgrade header field in the answer",
            Self::Upgrade => "the answer upgrades to something else than websocket",
            Self::UpgradeRepeated => "more than one Upgrade header field",
            Self::ConnectionMissing => "no Connection header field with Upgrade in the answer",
            Self::AcceptMissing => "no Sec-WebSocket-Accept in the answer",
            Self::Accept => "Sec-WebSocket-Accept does not answer the key",
            Self::AcceptRepeated => "more than one Sec-WebSocket-Accept",
            Self::SubprotocolMissing => "the server chose no subprotocol",
            Self::SubprotocolNotOffered => "the server chose a subprotocol that was not offered",
            Self::SubprotocolRepeated => "more than one Sec-WebSocket-Protocol",
            Self::ExtensionsMalformed => "Sec-WebSocket-Extensions is malformed",
            Self::ExtensionsRepeated => "more than one Sec-WebSocket-Extensions",
            Self::Extension(refusal) => return write!(f, "the server uses {refusal}"),
        })
    }
}
