//! What can go wrong, beside what the core knows.

use core::fmt;

use bare_ws::error::{Error as CoreError, Usage};
use bare_ws::handshake::HandshakeError;

use crate::timing::Timeout;

/// Why an operation on an open connection did not happen, or why the connection ended.
///
/// `T` is the transport's own error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error<T> {
    /// A deadline passed. The connection is over, and says the same from then on.
    Timeout(Timeout),
    /// What the core says.
    WebSocket(bare_ws::error::Error<T>),
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ConnectError<T> {
    /// [`Timeout::Connect`] or [`Timeout::Handshake`].
    Timeout(Timeout),
    /// The name has no address, or cannot be one.
    Name,
    /// None of the host's addresses took the connection; this is what the last one said.
    Refused(T),
    /// The URI is `wss`, and there is no TLS below.
    Insecure,
    /// The URI is `ws`, and TLS was asked for.
    Plain,
    /// The TLS handshake failed: here `T` is `tls::Error`.
    Tls(T),
    /// The opening handshake failed.
    Handshake(HandshakeError<T>),
}

impl<T> Error<T> {
    /// Whether it only says that the connection has ended: for what reason, the receiving half
    /// tells.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(
            self,
            Self::Timeout(_) | Self::WebSocket(CoreError::Lost | CoreError::Usage(Usage::NotOpen))
        )
    }
}

impl<T> ConnectError<T> {
    /// The same, with another error for the transport's.
    pub fn map<U>(self, map: impl FnOnce(T) -> U) -> ConnectError<U> {
        match self {
            Self::Timeout(timeout) => ConnectError::Timeout(timeout),
            Self::Name => ConnectError::Name,
            Self::Refused(error) => ConnectError::Refused(map(error)),
            Self::Insecure => ConnectError::Insecure,
            Self::Plain => ConnectError::Plain,
            Self::Tls(error) => ConnectError::Tls(map(error)),
            Self::Handshake(error) => ConnectError::Handshake(match error.narrow() {
                Ok(error) => error.widen(),
                Err(error) => HandshakeError::Transport(map(error)),
            }),
        }
    }
}

impl<T> From<Timeout> for Error<T> {
    fn from(timeout: Timeout) -> Self {
        Self::Timeout(timeout)
    }
}

impl<T> From<bare_ws::error::Error<T>> for Error<T> {
    fn from(error: bare_ws::error::Error<T>) -> Self {
        Self::WebSocket(error)
    }
}

impl<T> From<Usage> for Error<T> {
    fn from(usage: Usage) -> Self {
        Self::WebSocket(usage.into())
    }
}

impl<T> From<HandshakeError<T>> for ConnectError<T> {
    fn from(error: HandshakeError<T>) -> Self {
        Self::Handshake(error)
    }
}

impl<T: fmt::Display> fmt::Display for Error<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout(timeout) => timeout.fmt(f),
            Self::WebSocket(error) => error.fmt(f),
        }
    }
}

impl<T: fmt::Display> fmt::Display for ConnectError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout(timeout) => timeout.fmt(f),
            Self::Name => f.write_str("the host's name has no address"),
            Self::Refused(error) => write!(f, "no connection to the host: {error}"),
            Self::Insecure => f.write_str("the URI asks for TLS, and there is none"),
            Self::Plain => f.write_str("the URI does not ask for TLS"),
            Self::Tls(error) => write!(f, "no TLS with the host: {error}"),
            Self::Handshake(error) => error.fmt(f),
        }
    }
}

impl<T: core::error::Error + 'static> core::error::Error for Error<T> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Timeout(timeout) => Some(timeout),
            Self::WebSocket(error) => Some(error),
        }
    }
}

impl<T: core::error::Error + 'static> core::error::Error for ConnectError<T> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Timeout(timeout) => Some(timeout),
            Self::Refused(error) | Self::Tls(error) => Some(error),
            Self::Handshake(error) => Some(error),
            Self::Name | Self::Insecure | Self::Plain => None,
        }
    }
}
