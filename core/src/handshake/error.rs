//! Why an opening handshake did not lead to a connection.

use core::convert::Infallible;
use core::fmt;

use super::extension::Refusal;
use super::request::RequestError;
use crate::entropy::EntropyError;
#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
use crate::error::WriteError;
use crate::uri::UriError;

/// Why an opening handshake did not lead to a connection, sorted by whose fault it is.
///
/// `T` is the transport's own error, as in [`crate::error::Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum HandshakeError<T = Infallible> {
    /// The request is invalid. Nothing was sent.
    Request(RequestError),
    /// The source of entropy failed. Nothing was sent.
    Entropy,
    /// The server answered with a status other than 101: it wants something else first, such as
    /// another address (3xx) or credentials (401). Its header fields are read with
    /// [`fields`](super::fields).
    Rejected {
        /// The status code.
        status: u16,
    },
    /// The server's response is not a valid opening handshake.
    Response(ResponseError),
    /// The server's response uses an extension in a way that this end cannot accept.
    Extension(Refusal),
    /// The head of the server's response is longer than the limit.
    HeadTooLarge {
        /// The limit, in octets.
        limit: u32,
    },
    /// The transport ended before the response was complete.
    Lost,
    /// The transport's own error.
    Transport(T),
}

/// How the server's response breaks the rules (RFC 6455 §4.1, RFC 9112).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ResponseError {
    /// The status line is malformed, or that of a 101 in a version other than HTTP/1.1.
    StatusLine,
    /// Not even the first octet is that of an HTTP/1 response.
    NotHttp,
    /// The response is a TLS alert: the port speaks TLS, and the request went to it in the clear.
    Tls,
    /// A malformed header field line.
    Field,
    /// CR without LF, or LF without CR.
    LineEnd,
    /// Too many interim (1xx) responses.
    TooManyInterim,
    /// The Upgrade field is missing.
    UpgradeMissing,
    /// The value of Upgrade is not `websocket`.
    Upgrade,
    /// The response has more than one Upgrade field.
    UpgradeRepeated,
    /// No Connection field contains `Upgrade`.
    ConnectionMissing,
    /// Sec-WebSocket-Accept is missing.
    AcceptMissing,
    /// Sec-WebSocket-Accept does not match the key.
    Accept,
    /// The response has more than one Sec-WebSocket-Accept field.
    AcceptRepeated,
    /// A subprotocol is required, and the server selected none.
    SubprotocolMissing,
    /// The server selected a subprotocol that was not offered, or more than one.
    SubprotocolNotOffered,
    /// The response has more than one Sec-WebSocket-Protocol field.
    SubprotocolRepeated,
    /// Sec-WebSocket-Extensions is malformed (§9.1).
    ExtensionsMalformed,
    /// The response has more than one Sec-WebSocket-Extensions field.
    ExtensionsRepeated,
}

impl<T> HandshakeError<T> {
    /// The same error without a transport, the inverse of [`widen`](HandshakeError::widen).
    ///
    /// # Errors
    /// The transport's own error, if that is what it was.
    pub fn narrow(self) -> Result<HandshakeError, T> {
        Ok(match self {
            Self::Request(error) => HandshakeError::Request(error),
            Self::Entropy => HandshakeError::Entropy,
            Self::Rejected { status } => HandshakeError::Rejected { status },
            Self::Response(error) => HandshakeError::Response(error),
            Self::Extension(refusal) => HandshakeError::Extension(refusal),
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
            Self::Request(error) => HandshakeError::Request(error),
            Self::Entropy => HandshakeError::Entropy,
            Self::Rejected { status } => HandshakeError::Rejected { status },
            Self::Response(error) => HandshakeError::Response(error),
            Self::Extension(refusal) => HandshakeError::Extension(refusal),
            Self::HeadTooLarge { limit } => HandshakeError::HeadTooLarge { limit },
            Self::Lost => HandshakeError::Lost,
            Self::Transport(never) => match never {},
        }
    }
}

#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
impl<T> From<WriteError<T>> for HandshakeError<T> {
    fn from(error: WriteError<T>) -> Self {
        match error {
            WriteError::Lost => Self::Lost,
            WriteError::Transport(error) => Self::Transport(error),
        }
    }
}

impl<T> From<RequestError> for HandshakeError<T> {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl<T> From<UriError> for HandshakeError<T> {
    fn from(error: UriError) -> Self {
        Self::Request(RequestError::Uri(error))
    }
}

impl<T> From<EntropyError> for HandshakeError<T> {
    fn from(_: EntropyError) -> Self {
        Self::Entropy
    }
}

impl<T> From<ResponseError> for HandshakeError<T> {
    fn from(error: ResponseError) -> Self {
        Self::Response(error)
    }
}

impl<T: fmt::Display> fmt::Display for HandshakeError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => error.fmt(f),
            Self::Entropy => EntropyError.fmt(f),
            Self::Rejected { status } => {
                write!(f, "the server responded with status {status}")?;
                f.write_str(match status {
                    // An interim response is passed over, and 101 is no rejection.
                    ..=299 => ", so this is not a WebSocket endpoint",
                    300..=399 => ", a redirect",
                    401 | 407 => ": it requires credentials",
                    _ => "",
                })
            }
            Self::Response(error) => error.fmt(f),
            Self::Extension(refusal) => refusal.fmt(f),
            Self::HeadTooLarge { limit } => {
                write!(f, "the head of the response is longer than {limit} octets")
            }
            Self::Lost => f.write_str("the connection ended during the opening handshake"),
            Self::Transport(error) => error.fmt(f),
        }
    }
}

/// `Display` shows the whole error, so `source` is what lies behind the part that was shown.
impl<T: core::error::Error> core::error::Error for HandshakeError<T> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Transport(error) => error.source(),
            _ => None,
        }
    }
}

impl core::error::Error for ResponseError {}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StatusLine => "the response does not start with a valid HTTP/1.1 status line",
            Self::NotHttp => "the response is not HTTP",
            Self::Tls => "the server answered with a TLS alert: this port speaks TLS, use wss://",
            Self::Field => "the response has a malformed header field",
            Self::LineEnd => "the response has a line that does not end with CR LF",
            Self::TooManyInterim => "the server sent too many interim responses",
            Self::UpgradeMissing => "the response has no Upgrade field",
            Self::Upgrade => "the response upgrades to something other than websocket",
            Self::UpgradeRepeated => "the response has more than one Upgrade field",
            Self::ConnectionMissing => "the response has no Connection field with Upgrade",
            Self::AcceptMissing => "the response has no Sec-WebSocket-Accept field",
            Self::Accept => "Sec-WebSocket-Accept does not match the key that was sent",
            Self::AcceptRepeated => "the response has more than one Sec-WebSocket-Accept field",
            Self::SubprotocolMissing => "the server selected no subprotocol",
            Self::SubprotocolNotOffered => "the server selected a subprotocol that was not offered",
            Self::SubprotocolRepeated => {
                "the response has more than one Sec-WebSocket-Protocol field"
            }
            Self::ExtensionsMalformed => "Sec-WebSocket-Extensions is malformed",
            Self::ExtensionsRepeated => {
                "the response has more than one Sec-WebSocket-Extensions field"
            }
        })
    }
}
