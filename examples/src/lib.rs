//! What the host examples share.
#![forbid(unsafe_code)]
#![allow(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::alloc_instead_of_core,
    reason = "for hosts: there is always std"
)]

pub mod asynch;
pub mod authority;
pub mod blocking;
pub mod options;
pub mod server;

use std::fmt;

use bare_ws_std::{CloseCode, Error};
use options::{Io, Options};

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

/// Echoes every message of the server at `uri` until the closing handshake.
///
/// # Errors
/// Whatever ended it otherwise.
pub fn echo(options: &Options, uri: &str) -> Result<Closed, Error> {
    match options.io {
        Io::Blocking => blocking::echo(options, uri),
        Io::Async => asynch::echo(options, uri),
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
