//! What can go wrong, from the name of the host to the last octet.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bare_ws::error::{Capacity, Error as ProtocolError, Usage};
use bare_ws::handshake::{HandshakeError, RequestError};
use bare_ws::lifecycle::Timeout;

use crate::channel::Cut;
use crate::redirect;
use crate::response::Response;

/// Why there is no connection, or no longer, or not what was asked of it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The URI, or something that was to be sent with it, must not be sent. Nothing was.
    Request(RequestError),
    /// A header field of the caller's that must not be sent. Nothing was.
    Header {
        /// Its name, as it was given.
        name: String,
        /// Why.
        error: RequestError,
    },
    /// A value that a setting of [`Config`](crate::Config) cannot have. Nothing was sent.
    Setting(SettingError),
    /// An offer of permessage-deflate that the memory given to it cannot honour. Nothing was sent.
    #[cfg(feature = "deflate")]
    Offer(bare_ws::deflate::negotiate::Refusal),
    /// The name of the host could not be resolved.
    Resolve {
        /// The name.
        host: String,
        /// Why.
        error: io::Error,
    },
    /// None of the host's addresses took the connection.
    Connect {
        /// The name or address in the URI.
        host: String,
        /// The port.
        port: u16,
        /// Each address that was tried, and its error.
        attempts: Vec<(SocketAddr, io::Error)>,
    },
    /// The URI is `wss`, and this build has no TLS. Nothing was sent.
    NoTls,
    /// A `wss` URI over a stream that is not secure. Nothing was sent.
    NotSecure,
    /// No TLS, no server that it could verify, or an end of it that is none.
    #[cfg(feature = "rustls")]
    Tls(crate::tls::TlsError),
    /// A limit in time has passed. But for [`Timeout::Call`] the connection is over.
    Timeout(Timeout),
    /// The server answered with another status than 101.
    Rejected(Box<Response>),
    /// The server sent us somewhere where we do not go.
    Redirect(RedirectError),
    /// The opening handshake failed.
    Handshake(HandshakeError),
    /// On the open connection: the peer violated the protocol, a limit was met, our caller asked for
    /// what must not be done, or the transport ended without a closing handshake.
    Protocol(ProtocolError),
    /// The operating system's error while reading or writing.
    Io(io::Error),
    /// An [`AbortHandle`](crate::AbortHandle) ended the connection.
    Aborted,
}

/// A value that a setting cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SettingError {
    /// [`Config::transmit_buffer`](crate::Config::transmit_buffer) has no room for a control frame.
    TransmitBuffer {
        /// What was set.
        octets: usize,
        /// What it must be at the least.
        least: usize,
    },
    /// A [`KeepAlive`](crate::KeepAlive) that could not find out that the peer is gone.
    KeepAlive {
        /// What was set: it must be more than zero.
        interval: Duration,
        /// What was set: it must be more than `interval`.
        dead_after: Duration,
    },
    /// A window of permessage-deflate, in
    /// [`Deflate::window_bits`](crate::Deflate::window_bits) or in an offer, that is none of 8 to
    /// 15 bits.
    #[cfg(feature = "deflate")]
    WindowBits {
        /// What was set.
        bits: u8,
    },
}

/// Why a redirect was not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RedirectError {
    /// More redirects than are allowed.
    TooMany,
    /// From `wss` to `ws`.
    Insecure,
    /// No Location, or one that is no ws, wss, http or https URI.
    Location,
}

impl Error {
    /// One word for what kind of error it is, the same in every version.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Request(_) | Self::Header { .. } | Self::Setting(_) => "request",
            #[cfg(feature = "deflate")]
            Self::Offer(_) => "request",
            Self::Resolve { .. } => "resolve",
            Self::Connect { .. } => "connect",
            Self::NoTls | Self::NotSecure => "tls",
            #[cfg(feature = "rustls")]
            Self::Tls(_) => "tls",
            Self::Timeout(_) => "timeout",
            Self::Rejected(_) => "rejected",
            Self::Redirect(_) => "redirect",
            Self::Handshake(HandshakeError::Rejected { .. }) => "rejected",
            Self::Handshake(_) => "handshake",
            Self::Protocol(error) => match error {
                ProtocolError::Capacity(_) => "capacity",
                ProtocolError::Usage(_) => "usage",
                ProtocolError::Entropy => "entropy",
                ProtocolError::Lost => "lost",
                _ => "protocol",
            },
            Self::Io(_) => "io",
            Self::Aborted => "aborted",
        }
    }

    /// Whether an open message is read at another level.
    pub(crate) fn is_mixed(&self) -> bool {
        matches!(
            self,
            Self::Protocol(ProtocolError::Usage(Usage::MixedLevels))
        )
    }
}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

#[cfg(feature = "rustls")]
impl From<crate::tls::TlsError> for Error {
    fn from(error: crate::tls::TlsError) -> Self {
        Self::Tls(error)
    }
}

impl From<bare_ws::entropy::EntropyError> for Error {
    fn from(_: bare_ws::entropy::EntropyError) -> Self {
        Self::Protocol(ProtocolError::Entropy)
    }
}

impl From<ProtocolError<Cut>> for Error {
    fn from(error: ProtocolError<Cut>) -> Self {
        error.narrow().map_or_else(Self::from, Self::from)
    }
}

impl From<HandshakeError<Cut>> for Error {
    fn from(error: HandshakeError<Cut>) -> Self {
        error.narrow().map_or_else(Self::from, Self::from)
    }
}

impl From<Cut> for Error {
    fn from(cut: Cut) -> Self {
        match cut {
            Cut::Timeout(timeout) => Self::Timeout(timeout),
            Cut::Lost => Self::Protocol(ProtocolError::Lost),
            Cut::Aborted => Self::Aborted,
            #[cfg(feature = "rustls")]
            Cut::Io(error) => error.downcast().map_or_else(Self::Io, Self::Tls),
            #[cfg(not(feature = "rustls"))]
            Cut::Io(error) => Self::Io(error),
        }
    }
}

impl From<HandshakeError> for Error {
    fn from(error: HandshakeError) -> Self {
        match error {
            HandshakeError::Usage(error) => Self::Request(error),
            HandshakeError::Entropy => Self::Protocol(ProtocolError::Entropy),
            error => Self::Handshake(error),
        }
    }
}

impl From<SettingError> for Error {
    fn from(error: SettingError) -> Self {
        Self::Setting(error)
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => error.fmt(f),
            Self::Header { name, error } => write!(
                f,
                "header field {name:?} {}",
                match error {
                    RequestError::HeaderName { .. } => "has a name that is not a token",
                    RequestError::HeaderReserved { .. } => "belongs to the handshake",
                    _ => "has a value with a control character, or white space around it",
                }
            ),
            Self::Setting(error) => error.fmt(f),
            #[cfg(feature = "deflate")]
            Self::Offer(error) => error.fmt(f),
            Self::Resolve { host, error } => write!(f, "{host:?}: {error}"),
            Self::Connect {
                host,
                port,
                attempts,
            } => {
                write!(f, "no connection to {}", Authority(host, *port))?;
                attempts.iter().try_for_each(|(address, error)| {
                    f.write_str(if attempts.len() > 1 { "; " } else { ": " })?;
                    write!(f, "{address}: {error}")
                })
            }
            Self::Io(error) => error.fmt(f),
            Self::NoTls => f.write_str("wss needs TLS, which this build is without"),
            Self::NotSecure => f.write_str("wss over a stream that is not secure"),
            Self::Aborted => f.write_str("the connection was aborted"),
            #[cfg(feature = "rustls")]
            Self::Tls(error) => error.fmt(f),
            Self::Timeout(timeout) => timeout.fmt(f),
            Self::Rejected(response) => {
                let status = response.status();
                HandshakeError::<Infallible>::Rejected { status }.fmt(f)?;
                match response.header("location") {
                    Some(location) if redirect::is_redirect(response) => {
                        // It is as long as the server likes.
                        let location: String = location.chars().take(100).collect();
                        write!(f, " to {location:?}; Config::redirects follows it")
                    }
                    _ => Ok(()),
                }
            }
            Self::Redirect(error) => error.fmt(f),
            Self::Handshake(error) => error.fmt(f),
            Self::Protocol(error) => {
                error.fmt(f)?;
                f.write_str(match error {
                    ProtocolError::Capacity(Capacity::Message { .. }) => " (Config::message_limit)",
                    ProtocolError::Capacity(Capacity::Fragments { .. }) => {
                        " (Config::fragment_limit)"
                    }
                    _ => "",
                })
            }
        }
    }
}

impl std::error::Error for Error {
    /// What is behind the error that is in here, which is shown already.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Request(error) | Self::Header { error, .. } => error.source(),
            Self::Setting(error) => error.source(),
            #[cfg(feature = "deflate")]
            Self::Offer(error) => error.source(),
            Self::Resolve { error, .. } | Self::Io(error) => error.source(),
            Self::Redirect(error) => error.source(),
            Self::Handshake(error) => error.source(),
            Self::Protocol(error) => error.source(),
            #[cfg(feature = "rustls")]
            Self::Tls(error) => error.source(),
            Self::Connect { .. }
            | Self::NoTls
            | Self::NotSecure
            | Self::Aborted
            | Self::Timeout(_)
            | Self::Rejected(_) => None,
        }
    }
}

/// As it would stand in a URI.
struct Authority<'a>(&'a str, u16);

impl fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(host, port) = self;
        if host.contains(':') {
            write!(f, "[{host}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TransmitBuffer { octets, least } => write!(
                f,
                "transmit_buffer is {octets}, it must be {least} octets at the least"
            ),
            Self::KeepAlive { interval, .. } if interval.is_zero() => {
                f.write_str("the interval of keepalive is zero")
            }
            Self::KeepAlive {
                interval,
                dead_after,
            } => write!(
                f,
                "dead_after of keepalive is {dead_after:?}, it must be more than its interval, {interval:?}"
            ),
            #[cfg(feature = "deflate")]
            Self::WindowBits { bits } => {
                write!(f, "window_bits is {bits}, it must be a number from 8 to 15")
            }
        }
    }
}

impl fmt::Display for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooMany => "too many redirects",
            Self::Insecure => "a redirect from wss to ws",
            Self::Location => "a redirect without a usable Location",
        })
    }
}

impl std::error::Error for SettingError {}

impl std::error::Error for RedirectError {}
