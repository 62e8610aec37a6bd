//! Why there is no connection ([`ConnectError`]), and one error ([`SessionError`]) for both that
//! and the core's [`Error`], which says what went wrong on an open connection.

use core::fmt;

use bare_ws::handshake::HandshakeError;
use bare_ws::uri::UriError;
use embedded_io_async::ErrorKind;

use crate::timing::Timeout;

pub use bare_ws::error::{Error, Usage, Violation};

/// Why there is no connection.
///
/// `T` is the transport's own error: over embassy-net an [`ErrorKind`], and over TLS a
/// `tls::Error`. `Display` includes the error inside, so [`source`](core::error::Error::source)
/// gives that error's own source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ConnectError<T = ErrorKind> {
    /// [`Timeout::Connect`] or [`Timeout::Handshake`] has passed.
    Timeout(Timeout),
    /// The name of the host could not be resolved.
    Resolve,
    /// None of the host's addresses accepted the connection. This is the error of the last one
    /// tried.
    Connect(T),
    /// The URI is `wss`, and the transport is not secure. Nothing was sent.
    NotSecure,
    /// The URI is `ws`, and the connection was to be opened over TLS. Nothing was sent.
    NotWss,
    /// The TLS handshake failed: here `T` is `tls::Error`.
    Tls(T),
    /// The opening handshake failed.
    Handshake(HandshakeError<T>),
}

/// Why there is no connection, or why it is over: the one error of a function that connects and then
/// uses the connection.
///
/// ```
/// # #[cfg(all(feature = "net", feature = "tls"))]
/// # mod only_with_tls {
/// use bare_ws_embassy::SessionError;
/// use bare_ws_embassy::bare_ws::entropy::Entropy;
/// use bare_ws_embassy::bare_ws::handshake::Request;
/// use bare_ws_embassy::bare_ws::uri::Uri;
/// use bare_ws_embassy::net::{Client, Tls};
/// use bare_ws_embassy::tls::{self, PinnedKey};
///
/// async fn report(
///     client: &mut Client<impl Entropy, Tls<PinnedKey<'static>>>,
/// ) -> Result<(), SessionError<tls::Error>> {
///     let request = Request::new(Uri::parse("wss://broker.example/telemetry")?);
///     let mut connection = client.connect(&request).await?;
///     connection.send("temperature=21").await?;
///     connection.finish().await?;
///     Ok(())
/// }
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SessionError<T = ErrorKind> {
    /// The URI is invalid.
    Uri(UriError),
    /// There is no connection.
    Connect(ConnectError<T>),
    /// The connection is over, or a call on it was not allowed.
    Connection(Error<T>),
}

impl<T> ConnectError<T> {
    /// The status of the server's response, if it rejected the handshake.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Handshake(HandshakeError::Rejected { status }) => Some(*status),
            _ => None,
        }
    }

    /// The same error over another transport.
    pub fn map<U>(self, map: impl FnOnce(T) -> U) -> ConnectError<U> {
        match self {
            Self::Timeout(timeout) => ConnectError::Timeout(timeout),
            Self::Resolve => ConnectError::Resolve,
            Self::Connect(error) => ConnectError::Connect(map(error)),
            Self::NotSecure => ConnectError::NotSecure,
            Self::NotWss => ConnectError::NotWss,
            Self::Tls(error) => ConnectError::Tls(map(error)),
            Self::Handshake(error) => ConnectError::Handshake(match error.narrow() {
                Ok(error) => error.widen(),
                Err(error) => HandshakeError::Transport(map(error)),
            }),
        }
    }
}

impl<T> From<HandshakeError<T>> for ConnectError<T> {
    fn from(error: HandshakeError<T>) -> Self {
        Self::Handshake(error)
    }
}

impl<T> From<UriError> for SessionError<T> {
    fn from(error: UriError) -> Self {
        Self::Uri(error)
    }
}

impl<T> From<ConnectError<T>> for SessionError<T> {
    fn from(error: ConnectError<T>) -> Self {
        Self::Connect(error)
    }
}

impl<T> From<Error<T>> for SessionError<T> {
    fn from(error: Error<T>) -> Self {
        Self::Connection(error)
    }
}

impl<T: fmt::Display> fmt::Display for SessionError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uri(error) => error.fmt(f),
            Self::Connect(error) => error.fmt(f),
            Self::Connection(error) => error.fmt(f),
        }
    }
}

impl<T: core::error::Error> core::error::Error for SessionError<T> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Uri(error) => error.source(),
            Self::Connect(error) => error.source(),
            Self::Connection(error) => error.source(),
        }
    }
}

impl<T: fmt::Display> fmt::Display for ConnectError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout(timeout) => timeout.fmt(f),
            Self::Resolve => f.write_str("cannot resolve the name of the host"),
            Self::Connect(error) => write!(f, "cannot connect to the host: {error}"),
            Self::NotSecure => f.write_str("a wss URI needs TLS, and this connection has none"),
            Self::NotWss => f.write_str("a connection over TLS needs a wss URI"),
            Self::Tls(error) => write!(f, "the TLS handshake failed: {error}"),
            Self::Handshake(error) => error.fmt(f),
        }
    }
}

impl<T: core::error::Error> core::error::Error for ConnectError<T> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Connect(error) | Self::Tls(error) => error.source(),
            Self::Handshake(error) => error.source(),
            Self::Timeout(_) | Self::Resolve | Self::NotSecure | Self::NotWss => None,
        }
    }
}
