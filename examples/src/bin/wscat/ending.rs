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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bare_ws::error::{Usage, Violation};
    use bare_ws::handshake::{HandshakeError, RequestError, ResponseError};
    use bare_ws::uri::UriError;
    use bare_ws_std::{ProxyError, RedirectError, SettingError, Timeout};

    use super::*;

    fn closed(code: u16) -> Ending {
        Ending::Closed(Closed {
            code,
            ..Closed::NO_STATUS
        })
    }

    fn shaken(error: HandshakeError) -> Error {
        error.into()
    }

    fn handshake(error: HandshakeError) -> Ending {
        Ending::Failed(shaken(error))
    }

    /// Each exit code of the help, and the word on the line.
    #[test]
    fn each_end_has_its_code_and_its_word() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        let environment = || TlsError::Environment {
            variable: "SSL_CERT_FILE",
            path: "roots.pem".into(),
            error: rustls::pki_types::pem::Error::NoItemsFound,
        };
        let mut rows = vec![
            (Ending::Local(broken()), 5, "local"),
            (Ending::Interrupted, 130, "interrupted"),
            (Ending::Failed(Error::Lost), 1, "lost"),
            (Ending::Failed(Error::Io(broken())), 1, "io"),
            (Ending::Failed(Error::Timeout(Timeout::Close)), 1, "timeout"),
            (
                Ending::Failed(Error::Peer(Violation::Masked)),
                1,
                "protocol",
            ),
            (
                Ending::Failed(Error::TooManyFragments { limit: 1 }),
                1,
                "capacity",
            ),
            (Ending::Failed(Error::Usage(Usage::NotOpen)), 1, "usage"),
            (Ending::Failed(Error::Proxy(ProxyError::Lost)), 1, "proxy"),
            (Ending::Failed(Error::Tls(TlsError::NotTls)), 1, "tls"),
            (Ending::Failed(Error::Tls(environment())), 2, "usage"),
            (Ending::Failed(Error::Uri(UriError::Port)), 2, "usage"),
            (
                Ending::Failed(Error::Redirect(RedirectError::NoLocation)),
                3,
                "redirect",
            ),
            (
                handshake(HandshakeError::Rejected { status: 500 }),
                3,
                "rejected",
            ),
            (handshake(ResponseError::NotHttp.into()), 3, "handshake"),
            (
                handshake(HandshakeError::HeadTooLarge { limit: 1 }),
                3,
                "handshake",
            ),
            (handshake(RequestError::Origin.into()), 2, "usage"),
        ];
        for code in [1000, 1001, 1005] {
            rows.push((closed(code), 0, "closed"));
        }
        for code in [1002, 1003, 1006, 1008, 1011, 1012, 1013, 3000, 4000, 4999] {
            rows.push((closed(code), 4, "closed"));
        }
        for (ending, code, kind) in rows {
            assert_eq!((ending.code(), ending.kind()), (code, kind), "{ending:?}");
        }
    }

    /// The library's settings have other names on a command line, or none.
    #[test]
    fn settings_are_named_as_options() {
        let keepalive = SettingError::KeepAlive {
            interval: Duration::from_secs(2),
            dead_after: Duration::from_secs(1),
        };
        let too_long = Error::TooLong {
            needed: 2,
            limit: 1,
        };
        let rows = [
            (Error::Timeout(Timeout::Connect), "--timeout"),
            (Error::Timeout(Timeout::Handshake), "--timeout"),
            (Error::Timeout(Timeout::KeepAlive), "--ping"),
            (Error::Timeout(Timeout::Close), ""),
            (Error::Setting(keepalive), "--ping"),
            (too_long, "--max-message"),
            (Error::TooManyFragments { limit: 1 }, ""),
            (shaken(HandshakeError::HeadTooLarge { limit: 1 }), ""),
            (
                Error::Redirect(RedirectError::TooMany { limit: 1 }),
                "--follow",
            ),
        ];
        for (error, option) in rows {
            let text = Ending::Failed(error).to_string();
            assert!(text.contains(option), "{text}: no {option}");
            assert!(!text.contains("Config::") && !text.contains("()"), "{text}");
        }
    }
}
