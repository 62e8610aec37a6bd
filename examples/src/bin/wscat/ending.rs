//! How a connection ends, and the exit code for it.

use std::io;

use bare_ws_examples::Closed;
use bare_ws_std::{CloseCode, Error, TlsError};

/// How a connection ended, or why there is none.
#[derive(Debug)]
pub(crate) enum Ending {
    /// By the closing handshake.
    Closed(Closed),
    /// It could not be made, or failed.
    Failed(Error),
    /// The input or the output failed.
    Local(io::Error),
    /// Ctrl-C.
    Interrupted,
}

impl Ending {
    /// The exit code, as the command line's help has it.
    pub(crate) fn code(&self) -> u8 {
        const IN_ORDER: [CloseCode; 3] = [
            CloseCode::NORMAL,
            CloseCode::GOING_AWAY,
            CloseCode::NO_STATUS,
        ];
        match self {
            Self::Closed(closed) if IN_ORDER.contains(&CloseCode(closed.code)) => 0,
            Self::Closed(_) => 4,
            Self::Failed(Error::Tls(TlsError::File { .. } | TlsError::Environment { .. })) => 2,
            Self::Failed(error) => match error.kind() {
                "request" => 2,
                "rejected" | "redirect" | "handshake" => 3,
                _ => 1,
            },
            Self::Local(_) => 5,
            Self::Interrupted => 130,
        }
    }

    /// One word.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Closed(_) => "closed",
            Self::Failed(Error::Tls(TlsError::File { .. } | TlsError::Environment { .. })) => {
                "usage"
            }
            Self::Failed(error) if error.kind() == "request" => "usage",
            Self::Failed(error) => error.kind(),
            Self::Local(_) => "local",
            Self::Interrupted => "interrupted",
        }
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Closed(closed) => write!(f, "the server closed with {closed}"),
            Self::Failed(error) => f.write_str(&by_options(&error.to_string())),
            Self::Local(error) => error.fmt(f),
            Self::Interrupted => f.write_str("Ctrl-C"),
        }
    }
}

/// What the library says of its settings, in the words of the command line.
fn by_options(text: &str) -> String {
    const WORDS: [(&str, &str); 11] = [
        ("; Config::redirects follows it", "; --follow follows it"),
        ("(Config::redirects)", "(--follow)"),
        ("(Config::connect_timeout)", "(--timeout)"),
        ("(Config::handshake_timeout)", "(--timeout)"),
        ("(Config::keepalive)", "(--ping)"),
        ("Config::keepalive", "--ping"),
        (
            "(Config::message_limit, in pieces Config::stream_limit)",
            "(--max-message)",
        ),
        (
            "Tls::builder can trust another one",
            "--ca trusts another one",
        ),
        // There are no options for these.
        (" (Config::close_timeout)", ""),
        (" (Config::head_limit)", ""),
        (" (Config::fragment_limit)", ""),
    ];
    let words = WORDS.iter();
    words.fold(text.to_owned(), |text, (setting, option)| {
        text.replace(setting, option)
    })
}
