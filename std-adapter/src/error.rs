//! Everything that can go wrong, from resolving the host's name to the last octet.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bare_ws::close::CloseCode;
use bare_ws::entropy::EntropyError;
use bare_ws::error::{Error as ProtocolError, Usage, Violation};
use bare_ws::handshake::{HandshakeError, Refusal, RequestError, ResponseError};
use bare_ws::lifecycle::Timeout;
use bare_ws::uri::UriError;

use crate::proxy::{ProxyError, ProxyUriError};
use crate::redirect::{self, Shown};
use crate::response::Response;
use crate::state::Cut;

/// Why there is no connection, why it is over, or why a call was not allowed.
///
/// `Display` shows the whole error on one line. [`source`](std::error::Error::source) never repeats
/// a part of it: it returns what lies behind the part that was shown.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The URI is invalid. Nothing was sent.
    Uri(UriError),
    /// The user name or the password in the URI, which
    /// [`Config::credentials_in_uri`](crate::Config::credentials_in_uri) takes, is invalid. Nothing
    /// was sent.
    Credentials,
    /// The request is invalid. Nothing was sent.
    Request(RequestError),
    /// A header field of the request is invalid. Nothing was sent.
    Header {
        /// Its name, as it was given.
        name: String,
        /// What is wrong with it.
        error: RequestError,
    },
    /// A subprotocol is not a token, or was given twice. Nothing was sent.
    Subprotocol {
        /// Its name, as it was given.
        name: String,
        /// What is wrong with it.
        error: RequestError,
    },
    /// A setting of [`Config`](crate::Config) is out of range. Nothing was sent.
    Setting(SettingError),
    /// The URI given to [`Proxy`](crate::Proxy) is not that of a proxy. Nothing was sent.
    ProxyUri {
        /// The environment variable that it came from, if it did.
        variable: Option<&'static str>,
        /// What is wrong with it.
        error: ProxyUriError,
    },
    /// The memory for permessage-deflate is too small for one of the offers. Nothing was sent.
    #[cfg(feature = "deflate")]
    Offer(bare_ws::deflate::negotiate::Refusal),
    /// The URI is `wss`, and this build has no TLS. Nothing was sent.
    NoTls,
    /// The URI is `wss`, and the stream is not secure. Nothing was sent.
    NotSecure,

    /// The name of the host could not be resolved.
    Resolve {
        /// The name.
        host: String,
        /// Whether it is the proxy's, not the server's.
        proxy: bool,
        /// Why.
        error: io::Error,
    },
    /// None of the host's addresses accepted the connection.
    Connect {
        /// The name or address in the URI, or of the proxy.
        host: String,
        /// The port.
        port: u16,
        /// Whether they are the proxy's, not the server's.
        proxy: bool,
        /// Each address that was tried, and its error.
        attempts: Vec<(SocketAddr, io::Error)>,
    },
    /// The operating system reported an error while reading or writing.
    Io(io::Error),
    /// The transport ended during the opening handshake.
    LostInHandshake {
        /// Whether the transport was TLS. If it was not, the port may expect TLS.
        secure: bool,
    },
    /// The transport ended without a closing handshake (status code 1006).
    Lost,
    /// A time limit has passed. Except for [`Timeout::Call`] the connection is over.
    Timeout(Timeout),
    /// TLS setup failed, the server could not be verified, or the session ended without
    /// close_notify.
    #[cfg(feature = "rustls")]
    Tls(crate::tls::TlsError),

    /// The proxy made no tunnel to the server.
    Proxy(ProxyError),
    /// The server answered the opening handshake with a status other than 101. The response has
    /// the status, the header fields, and up to 64 KiB of the body.
    Rejected(Box<Response>),
    /// The server's redirect was not followed.
    Redirect(RedirectError),
    /// The server's response is not a valid opening handshake.
    Handshake(ResponseError),
    /// The server's response uses an extension in a way that this end cannot accept.
    Extension(Refusal),
    /// The head of the server's response is longer than
    /// [`Config::head_limit`](crate::Config::head_limit).
    HeadTooLarge {
        /// The limit, in octets.
        limit: u32,
    },

    /// The peer violated the protocol. The connection has failed.
    Peer(Violation),
    /// A message is longer than [`Config::message_limit`](crate::Config::message_limit), or, in
    /// pieces or frames, than [`Config::stream_limit`](crate::Config::stream_limit). The
    /// connection has failed.
    TooLong {
        /// The length of the message as far as it is known, in octets; it may be longer still.
        needed: u64,
        /// The limit, in octets.
        limit: u64,
    },
    /// A message has more fragments than [`Config::fragment_limit`](crate::Config::fragment_limit).
    /// The connection has failed.
    TooManyFragments {
        /// The limit.
        limit: u32,
    },
    /// The memory for a message could not be allocated. The connection has failed.
    OutOfMemory {
        /// The size of the allocation that failed, in octets.
        needed: u64,
    },

    /// The call is not allowed. Nothing was sent, and nothing has changed.
    Usage(Usage),
    /// The operating system failed to provide random numbers. Nothing was sent.
    Entropy,
    /// An [`AbortHandle`](crate::AbortHandle) ended the connection.
    Aborted,
}

/// A setting of [`Config`](crate::Config) that is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SettingError {
    /// [`Config::transmit_buffer`](crate::Config::transmit_buffer) has no room for a control frame.
    TransmitBuffer {
        /// The value that was set, in octets.
        octets: usize,
        /// The smallest valid value, in octets.
        least: usize,
    },
    /// A [`KeepAlive`](crate::KeepAlive) that could never find out that the peer is gone.
    KeepAlive {
        /// The value that was set: it must be more than zero.
        interval: Duration,
        /// The value that was set: it must be more than `interval`.
        dead_after: Duration,
    },
    /// A window of permessage-deflate, from
    /// [`Deflate::window_bits`](crate::Deflate::window_bits) or an offer, is not within 8 to 15
    /// bits.
    #[cfg(feature = "deflate")]
    WindowBits {
        /// The value that was set.
        bits: u8,
    },
}

/// Why a redirect was not followed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RedirectError {
    /// More redirects than [`Config::redirects`](crate::Config::redirects) allows.
    TooMany {
        /// The limit.
        limit: u32,
    },
    /// The redirect leads from `wss` to `ws`.
    Insecure {
        /// Where it leads.
        location: String,
    },
    /// The response has no Location field, or one that is not text.
    NoLocation,
    /// Location does not lead to a ws, wss, http or https URI.
    Location {
        /// The value of Location.
        location: String,
    },
}

impl Error {
    /// The kind of error, as one lower-case word for logs and metrics. A version that adds a
    /// variant may add a word; the word of a variant does not change.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Uri(_)
            | Self::Credentials
            | Self::Request(_)
            | Self::Header { .. }
            | Self::Subprotocol { .. }
            | Self::ProxyUri { .. }
            | Self::Setting(_) => "request",
            #[cfg(feature = "deflate")]
            Self::Offer(_) => "request",
            Self::Resolve { .. } => "resolve",
            Self::Connect { .. } => "connect",
            Self::NoTls | Self::NotSecure => "tls",
            #[cfg(feature = "rustls")]
            Self::Tls(_) => "tls",
            Self::Timeout(_) => "timeout",
            Self::Proxy(_) => "proxy",
            Self::Rejected(_) => "rejected",
            Self::Redirect(_) => "redirect",
            Self::Handshake(_)
            | Self::Extension(_)
            | Self::HeadTooLarge { .. }
            | Self::LostInHandshake { .. } => "handshake",
            Self::TooLong { .. } | Self::TooManyFragments { .. } | Self::OutOfMemory { .. } => {
                "capacity"
            }
            Self::Usage(_) => "usage",
            Self::Entropy => "entropy",
            Self::Lost => "lost",
            Self::Peer(_) => "protocol",
            Self::Io(_) => "io",
            Self::Aborted => "aborted",
        }
    }

    /// The status of the server's response, if it [rejected](Self::Rejected) the handshake.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Rejected(response) => Some(response.status()),
            _ => None,
        }
    }

    /// The status code of the Close that this end sends when the peer breaks a rule or exceeds a
    /// limit; `None` for every other error. A Close that the peer sent is not an error:
    /// [`close_status`](crate::WebSocket::close_status) returns its status code.
    #[must_use]
    pub fn close_code(&self) -> Option<CloseCode> {
        match *self {
            Self::Peer(violation) => Some(violation.close_code()),
            Self::TooLong { .. } | Self::OutOfMemory { .. } => Some(CloseCode::TOO_BIG),
            Self::TooManyFragments { .. } => Some(CloseCode::POLICY_VIOLATION),
            _ => None,
        }
    }

    /// Whether a time limit has passed: one of ours, or the operating system's own.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::Timeout(_) => true,
            Self::Io(error) => error.kind() == io::ErrorKind::TimedOut,
            _ => false,
        }
    }

    /// Whether connecting again later can succeed without any change: the network failed, a time
    /// limit passed (except [`Timeout::Call`], after which the connection is still open), or the server
    /// or the proxy answered with a temporary status (408, 425, 429, 500, 502, 503, 504). Wait longer
    /// each time.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Resolve { .. }
            | Self::Connect { .. }
            | Self::Io(_)
            | Self::Lost
            | Self::LostInHandshake { .. } => true,
            Self::Timeout(timeout) => *timeout != Timeout::Call,
            #[cfg(feature = "rustls")]
            Self::Tls(error) => error.is_cut(),
            Self::Proxy(ProxyError::Refused(response)) | Self::Rejected(response) => {
                matches!(response.status(), 408 | 425 | 429 | 500 | 502..=504)
            }
            Self::Proxy(error) => matches!(error, ProxyError::Lost | ProxyError::Io(_)),
            _ => false,
        }
    }

    /// The same, if it was the proxy that was looked up or connected to.
    pub(crate) fn of_proxy(mut self) -> Self {
        if let Self::Resolve { proxy, .. } | Self::Connect { proxy, .. } = &mut self {
            *proxy = true;
        }
        self
    }

    /// Whether the open message is being read at another level.
    pub(crate) fn is_mixed(&self) -> bool {
        matches!(self, Self::Usage(Usage::MixedLevels | Usage::PiecesOnly))
    }
}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Self {
        match error {
            ProtocolError::Peer(violation) => Self::Peer(violation),
            ProtocolError::TooLong { needed, limit } => Self::TooLong { needed, limit },
            ProtocolError::TooManyFragments { limit } => Self::TooManyFragments { limit },
            ProtocolError::OutOfMemory { needed } => Self::OutOfMemory { needed },
            ProtocolError::Usage(usage) => Self::Usage(usage),
            ProtocolError::Entropy => Self::Entropy,
            ProtocolError::Lost => Self::Lost,
            ProtocolError::Timeout(timeout) => Self::Timeout(timeout),
            // A later version of the core may know more.
            error => Self::Io(io::Error::other(error)),
        }
    }
}

#[cfg(feature = "rustls")]
impl From<crate::tls::TlsError> for Error {
    fn from(error: crate::tls::TlsError) -> Self {
        Self::Tls(error)
    }
}

impl From<EntropyError> for Error {
    fn from(_: EntropyError) -> Self {
        Self::Entropy
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
            Cut::Lost => Self::Lost,
            Cut::Aborted => Self::Aborted,
            #[cfg(feature = "rustls")]
            Cut::Io(error) => error.downcast().map_or_else(Self::Io, Self::Tls),
            #[cfg(not(feature = "rustls"))]
            Cut::Io(error) => Self::Io(error),
        }
    }
}

/// Of a rejection, only the status is known; if the transport ended, it is not known whether it was TLS.
impl From<HandshakeError> for Error {
    fn from(error: HandshakeError) -> Self {
        match error {
            HandshakeError::Request(error) => error.into(),
            HandshakeError::Entropy => Self::Entropy,
            HandshakeError::Rejected { status } => {
                Self::Rejected(Box::new(Response::new(status, Vec::new())))
            }
            HandshakeError::Response(error) => Self::Handshake(error),
            HandshakeError::Extension(refusal) => Self::Extension(refusal),
            HandshakeError::HeadTooLarge { limit } => Self::HeadTooLarge { limit },
            HandshakeError::Lost => Self::LostInHandshake { secure: false },
            // A later version of the core may know more.
            error => Self::Io(io::Error::other(error)),
        }
    }
}

impl From<SettingError> for Error {
    fn from(error: SettingError) -> Self {
        Self::Setting(error)
    }
}

impl From<UriError> for Error {
    fn from(error: UriError) -> Self {
        Self::Uri(error)
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Uri(error) => Self::Uri(error),
            error => Self::Request(error),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uri(error) => error.fmt(f),
            Self::Credentials => f.write_str(
                "the user name or password in the URI is invalid; percent-encode % and :",
            ),
            Self::Request(error) => error.fmt(f),
            Self::Header { name, error } => {
                write!(f, "header field {name:?} ")?;
                f.write_str(match error {
                    RequestError::HeaderName { .. } => "has a name that is not a token",
                    RequestError::HeaderReserved { .. } => "is reserved for the handshake",
                    _ => "has a value with a control character, or with white space around it",
                })
            }
            Self::Subprotocol { name, error } => {
                write!(f, "subprotocol {name:?} ")?;
                f.write_str(match error {
                    RequestError::SubprotocolRepeated { .. } => "is offered twice",
                    _ => "is not a token",
                })
            }
            Self::Setting(error) => error.fmt(f),
            Self::ProxyUri { variable, error } => {
                if let Some(variable) = variable {
                    write!(f, "environment variable {variable}: ")?;
                }
                error.fmt(f)
            }
            #[cfg(feature = "deflate")]
            Self::Offer(error) => error.fmt(f),
            Self::NoTls => {
                f.write_str("a wss URI needs TLS, and this build has none (feature rustls)")
            }
            Self::NotSecure => f.write_str("a wss URI needs a secure stream, and this one is not"),
            Self::Resolve { host, proxy, error } => {
                let proxy = if *proxy { "the proxy " } else { "" };
                write!(f, "cannot resolve {proxy}{host:?}: {error}")
            }
            Self::Connect {
                host,
                port,
                proxy,
                attempts,
            } => {
                let proxy = if *proxy { "the proxy " } else { "" };
                write!(f, "cannot connect to {proxy}{}", Authority(host, *port))?;
                attempts.iter().try_for_each(|(address, error)| {
                    f.write_str(if attempts.len() > 1 { "; " } else { ": " })?;
                    write!(f, "{address}: {error}")
                })
            }
            Self::Io(error) => error.fmt(f),
            Self::LostInHandshake { secure } => {
                HandshakeError::<io::Error>::Lost.fmt(f)?;
                f.write_str(match secure {
                    true => "",
                    false => "; if the port expects TLS, use wss://",
                })
            }
            Self::Lost => ProtocolError::<io::Error>::Lost.fmt(f),
            Self::Timeout(timeout) => {
                timeout.fmt(f)?;
                f.write_str(match timeout {
                    Timeout::Connect => " (Config::connect_timeout)",
                    Timeout::Handshake => " (Config::handshake_timeout)",
                    Timeout::Silence => " (Config::silence_timeout)",
                    Timeout::Stall => " (Config::stall_timeout)",
                    Timeout::KeepAlive => " (Config::keepalive)",
                    Timeout::Close => " (Config::close_timeout)",
                    Timeout::Call => "",
                    _ => "",
                })
            }
            #[cfg(feature = "rustls")]
            Self::Tls(error) => error.fmt(f),
            Self::Proxy(error) => error.fmt(f),
            Self::Rejected(response) => {
                let status = response.status();
                HandshakeError::<io::Error>::Rejected { status }.fmt(f)?;
                match response.header("location") {
                    Some(location) if redirect::is_redirect(response) => {
                        let location = Shown(location);
                        write!(f, " to {location}; Config::redirects follows it")
                    }
                    _ => match response.excerpt() {
                        Some(said) => write!(f, ": {said}"),
                        None => Ok(()),
                    },
                }
            }
            Self::Redirect(error) => error.fmt(f),
            Self::Handshake(error) => error.fmt(f),
            Self::Extension(refusal) => refusal.fmt(f),
            Self::HeadTooLarge { limit } => {
                HandshakeError::<io::Error>::HeadTooLarge { limit: *limit }.fmt(f)?;
                f.write_str(" (Config::head_limit)")
            }
            Self::Peer(violation) => violation.fmt(f),
            Self::TooLong { needed, limit } => {
                let (needed, limit) = (*needed, *limit);
                ProtocolError::<io::Error>::TooLong { needed, limit }.fmt(f)?;
                f.write_str(" (Config::message_limit, in pieces Config::stream_limit)")
            }
            Self::TooManyFragments { limit } => {
                ProtocolError::<io::Error>::TooManyFragments { limit: *limit }.fmt(f)?;
                f.write_str(" (Config::fragment_limit)")
            }
            Self::OutOfMemory { needed } => {
                ProtocolError::<io::Error>::OutOfMemory { needed: *needed }.fmt(f)
            }
            Self::Usage(usage) => usage.fmt(f),
            Self::Entropy => EntropyError.fmt(f),
            Self::Aborted => f.write_str("the connection was aborted"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Resolve { error, .. } | Self::Io(error) => error.source(),
            #[cfg(feature = "rustls")]
            Self::Tls(error) => error.source(),
            Self::Proxy(error) => std::error::Error::source(error),
            // Several errors, or one with nothing behind it.
            _ => None,
        }
    }
}

/// Host and port as in a URI.
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
                "Config::transmit_buffer is {octets} octets, and must be at least {least}"
            ),
            Self::KeepAlive { interval, .. } if interval.is_zero() => {
                f.write_str("the interval of Config::keepalive is zero")
            }
            Self::KeepAlive {
                interval,
                dead_after,
            } => write!(
                f,
                "dead_after of Config::keepalive is {dead_after:?}, and must be more than the interval, \
                 {interval:?}"
            ),
            #[cfg(feature = "deflate")]
            Self::WindowBits { bits } => {
                write!(f, "window_bits is {bits}, and must be from 8 to 15")
            }
        }
    }
}

impl fmt::Display for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { limit } => {
                write!(f, "more than {limit} redirects (Config::redirects)")
            }
            Self::Insecure { location } => {
                write!(f, "the server redirects from wss to {}", Shown(location))
            }
            Self::NoLocation => f.write_str("the server redirects without saying where to"),
            Self::Location { location } => write!(
                f,
                "the server redirects to {}, which is not a WebSocket URI",
                Shown(location)
            ),
        }
    }
}

impl std::error::Error for SettingError {}

impl std::error::Error for RedirectError {}
