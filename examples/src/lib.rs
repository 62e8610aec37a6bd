//! What the host examples share.
#![forbid(unsafe_code)]

pub mod asynch;
pub mod authority;
pub mod blocking;
pub mod clock;
pub mod options;
pub mod secure;
pub mod server;
pub mod socket;

use std::fmt;

use bare_ws_embassy::tls;
use bare_ws_std::{CloseCode, Error};
use options::{Io, Options};
use socket::SocketError;

/// How a connection came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The peer's status code.
    pub code: u16,
    /// The peer's reason.
    pub reason: String,
}

impl Closed {
    /// An empty Close frame.
    pub const NO_STATUS: Self = Self {
        code: CloseCode::NO_STATUS.0,
        reason: String::new(),
    };
}

/// Echoes every message of the server at `uri` until the closing handshake. `report` is called the
/// moment the outcome is known; the transport is brought to its end after that.
///
/// # Errors
/// Whatever ended it otherwise.
pub fn echo(
    options: &Options,
    uri: &str,
    report: impl FnOnce(&Result<Closed, Failure>),
) -> Result<Closed, Failure> {
    match options.io {
        Io::Blocking => blocking::echo(options, uri, report),
        Io::Async => asynch::echo(options, uri, report),
    }
}

/// Why a connection ended without a closing handshake, or never began.
#[derive(Debug)]
pub enum Failure {
    /// As the std adapter and the core have it.
    Connection(Error),
    /// Of the embedded TLS path.
    Tls(tls::Error<SocketError>),
    /// The embedded TLS path knows no roots but those given to it.
    NoRoots,
}

impl Failure {
    /// One word, as [`Error::kind`] has it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Connection(error) => error.kind(),
            Self::Tls(_) | Self::NoRoots => "tls",
        }
    }
}

/// Through the loops an error of the embedded TLS path passes as the transport's.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Io(error) => match error.downcast() {
                Ok(error) => Self::Tls(error),
                Err(error) => Self::Connection(Error::Io(error)),
            },
            error => Self::Connection(error),
        }
    }
}

/// Before the loops, what passes through TLS is the socket's: an error of the operating system's,
/// or a time-out.
impl From<tls::Error<SocketError>> for Failure {
    fn from(error: tls::Error<SocketError>) -> Self {
        match error {
            tls::Error::Transport(error) => Self::Connection(asynch::transport(error)),
            error => Self::Tls(error),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(error) => error.fmt(f),
            Self::Tls(error) => error.fmt(f),
            Self::NoRoots => f.write_str("wss by the asynchronous loop needs --ca"),
        }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connection(error) => Some(error),
            Self::Tls(error) => Some(error),
            Self::NoRoots => None,
        }
    }
}

/// As it is printed: `CODE`, or `CODE REASON`.
impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code.fmt(f)?;
        if !self.reason.is_empty() {
            write!(f, " {}", Line(&self.reason))?;
        }
        Ok(())
    }
}

impl From<bare_ws_std::CloseStatus<'_>> for Closed {
    fn from(status: bare_ws_std::CloseStatus<'_>) -> Self {
        Self {
            code: status.code.0,
            reason: status.reason.to_owned(),
        }
    }
}

/// A text of somebody else's on one line of ours: control characters are escaped.
pub struct Line<'a>(
    /// The text.
    pub &'a str,
);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        self.0.chars().try_for_each(|c| {
            if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
                c.escape_default().try_for_each(|c| f.write_char(c))
            } else {
                f.write_char(c)
            }
        })
    }
}
