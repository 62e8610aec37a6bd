//! What can go wrong, beside what the core knows.

use core::fmt;

use bare_ws::handshake::HandshakeError;

use crate::timing::Timeout;

/// Why an operation on an open connection did not happen, or why the connection ended.
///
/// `T` is the transport's own error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Error<T> {
    /// A deadline passed. The connection is over, and says the same for ever after.
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
    /// The opening handshake failed.
    Handshake(HandshakeError<T>),
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
            Self::Refused(error) => Some(error),
            Self::Handshake(error) => Some(error),
            Self::Name | Self::Insecure => None,
        }
    }
}
