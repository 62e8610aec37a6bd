//! What each error says of itself: its word, its text, what lies behind it, and what to do about it.
#![allow(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "for hosts: there is always std"
)]

mod peer;

use std::collections::BTreeSet;
use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bare_ws_std::bare_ws::entropy::EntropyError;
use bare_ws_std::bare_ws::handshake::{HandshakeError, Refusal};
use bare_ws_std::{
    CloseCode, Config, Error, Proxy, ProxyError, ProxyUriError, RedirectError, RequestError,
    Response, ResponseError, SettingError, Timeout, UriError, Usage, Violation,
};
use peer::serve;

/// An error of the system's, or of a stream's own, with another one behind it.
#[derive(Debug)]
struct Outer(io::Error);

impl std::fmt::Display for Outer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the pipe is broken")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

fn outer() -> io::Error {
    io::Error::other(Outer(io::Error::other("a saw")))
}

/// What a server, or a proxy, answers that refuses.
fn refusal(status: u16, through: bool) -> Box<Response> {
    let peer = serve(move |mut conn| {
        conn.read_request();
        conn.send(format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n").as_bytes());
    });
    let proxy = through.then(|| Proxy::new(&peer.address.to_string()).unwrap());
    let outcome = Config::new().proxy(proxy).connect(&peer.uri()).map(drop);
    peer.join();
    match outcome {
        Err(Error::Rejected(response)) | Err(Error::Proxy(ProxyError::Refused(response))) => {
            response
        }
        other => panic!("{other:?}"),
    }
}

/// Connecting again later can succeed.
const LATER: bool = true;
const NEVER: bool = false;

/// The error, its word, its text or behind `…` a part of it, and whether to connect again.
type Row = (Error, &'static str, &'static str, bool);

fn before_anything_is_sent() -> Vec<Row> {
    let named = |name: &str, error| Error::Header {
        name: name.to_owned(),
        error,
    };
    let subprotocol = |name: &str, error| Error::Subprotocol {
        name: name.to_owned(),
        error,
    };
    vec![
        (
            Error::Uri(UriError::Scheme),
            "request",
            "the URI must begin with ws:// or wss://",
            NEVER,
        ),
        (
            Error::Credentials,
            "request",
            "the user name or password in the URI is invalid; percent-encode % and :",
            NEVER,
        ),
        (
            Error::Request(RequestError::Origin),
            "request",
            "…Origin",
            NEVER,
        ),
        (
            named("X App", RequestError::HeaderName { index: 1 }),
            "request",
            "header field \"X App\" has a name that is not a token",
            NEVER,
        ),
        (
            named("Host", RequestError::HeaderReserved { index: 1 }),
            "request",
            "header field \"Host\" is reserved for the handshake",
            NEVER,
        ),
        (
            named("X-App", RequestError::HeaderValue { index: 1 }),
            "request",
            "header field \"X-App\" has a value with a control character, or with white space around it",
            NEVER,
        ),
        (
            subprotocol("a b", RequestError::Subprotocol { index: 0 }),
            "request",
            "subprotocol \"a b\" is not a token",
            NEVER,
        ),
        (
            subprotocol("a", RequestError::SubprotocolRepeated { index: 1 }),
            "request",
            "subprotocol \"a\" is offered twice",
            NEVER,
        ),
        (
            Error::Setting(SettingError::TransmitBuffer {
                octets: 130,
                least: 131,
            }),
            "request",
            "Config::transmit_buffer is 130 octets, and must be at least 131",
            NEVER,
        ),
        (
            Error::Setting(SettingError::KeepAlive {
                interval: Duration::ZERO,
                dead_after: Duration::ZERO,
            }),
            "request",
            "the interval of Config::keepalive is zero",
            NEVER,
        ),
        (
            Error::Setting(SettingError::KeepAlive {
                interval: Duration::from_secs(3),
                dead_after: Duration::from_secs(2),
            }),
            "request",
            "dead_after of Config::keepalive is 2s, and must be more than the interval, 3s",
            NEVER,
        ),
        (
            Error::ProxyUri {
                variable: None,
                error: ProxyUriError::Scheme,
            },
            "request",
            "only http:// proxies are supported",
            NEVER,
        ),
        (
            Error::ProxyUri {
                variable: Some("all_proxy"),
                error: ProxyUriError::Path,
            },
            "request",
            "…environment variable all_proxy: the URI of the proxy",
            NEVER,
        ),
        (
            Error::NoTls,
            "tls",
            "a wss URI needs TLS, and this build has none (feature rustls)",
            NEVER,
        ),
        (
            Error::NotSecure,
            "tls",
            "a wss URI needs a secure stream, and this one is not",
            NEVER,
        ),
        (
            Error::Entropy,
            "entropy",
            "the entropy source failed",
            NEVER,
        ),
        (
            Error::Usage(Usage::NotOpen),
            "usage",
            "the connection is closing or closed",
            NEVER,
        ),
    ]
}

fn while_connecting() -> Vec<Row> {
    let resolve = |proxy| Error::Resolve {
        host: "host.example".to_owned(),
        proxy,
        error: outer(),
    };
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    let refused = |text| (address(text), io::Error::other("refused"));
    let connect = |host: &str, proxy, attempts| Error::Connect {
        host: host.to_owned(),
        port: 81,
        proxy,
        attempts,
    };
    vec![
        (
            resolve(false),
            "resolve",
            "cannot resolve \"host.example\": the pipe is broken",
            LATER,
        ),
        (
            resolve(true),
            "resolve",
            "cannot resolve the proxy \"host.example\": the pipe is broken",
            LATER,
        ),
        (
            connect("host.example", false, vec![refused("192.0.2.1:81")]),
            "connect",
            "cannot connect to host.example:81: 192.0.2.1:81: refused",
            LATER,
        ),
        (
            connect(
                "::1",
                true,
                vec![refused("[::1]:81"), refused("192.0.2.1:81")],
            ),
            "connect",
            "cannot connect to the proxy [::1]:81; [::1]:81: refused; 192.0.2.1:81: refused",
            LATER,
        ),
        (
            Error::LostInHandshake { secure: true },
            "handshake",
            "the connection ended during the opening handshake",
            LATER,
        ),
        (
            Error::LostInHandshake { secure: false },
            "handshake",
            "the connection ended during the opening handshake; if the port expects TLS, use wss://",
            LATER,
        ),
        (
            Error::Proxy(ProxyError::NotHttp),
            "proxy",
            "the proxy does not answer in HTTP/1",
            NEVER,
        ),
        (
            Error::Proxy(ProxyError::HeadTooLarge { limit: 9 }),
            "proxy",
            "the head of the proxy's answer is longer than 9 octets (Config::head_limit)",
            NEVER,
        ),
        (
            Error::Proxy(ProxyError::EarlyOctets),
            "proxy",
            "the proxy sent octets behind its answer, before the server could",
            NEVER,
        ),
        (
            Error::Proxy(ProxyError::Lost),
            "proxy",
            "the proxy ended the connection without an answer",
            LATER,
        ),
        (
            Error::Proxy(ProxyError::Io(outer())),
            "proxy",
            "the connection to the proxy failed: the pipe is broken",
            LATER,
        ),
        (
            Error::Redirect(RedirectError::TooMany { limit: 3 }),
            "redirect",
            "more than 3 redirects (Config::redirects)",
            NEVER,
        ),
        (
            // What may be a secret in a query is not shown.
            Error::Redirect(RedirectError::Insecure {
                location: "ws://there.example/a?token=s3cret".to_owned(),
            }),
            "redirect",
            "the server redirects from wss to \"ws://there.example/a…\"",
            NEVER,
        ),
        (
            Error::Redirect(RedirectError::NoLocation),
            "redirect",
            "the server redirects without saying where to",
            NEVER,
        ),
        (
            Error::Redirect(RedirectError::Location {
                location: "ftp://there.example/#s3cret".to_owned(),
            }),
            "redirect",
            "the server redirects to \"ftp://there.example/…\", which is not a WebSocket URI",
            NEVER,
        ),
        (
            Error::Handshake(ResponseError::Accept),
            "handshake",
            "…Sec-WebSocket-Accept",
            NEVER,
        ),
        (
            Error::Extension(Refusal::NotOffered),
            "handshake",
            "…not offered",
            NEVER,
        ),
        (
            Error::HeadTooLarge { limit: 16_384 },
            "handshake",
            "the head of the response is longer than 16384 octets (Config::head_limit)",
            NEVER,
        ),
        (
            Error::Timeout(Timeout::Connect),
            "timeout",
            "connecting to the host timed out (Config::connect_timeout)",
            LATER,
        ),
        (
            Error::Timeout(Timeout::Handshake),
            "timeout",
            "the opening handshake timed out (Config::handshake_timeout)",
            LATER,
        ),
    ]
}

fn while_open() -> Vec<Row> {
    vec![
        (Error::Io(outer()), "io", "the pipe is broken", LATER),
        (
            Error::Lost,
            "lost",
            "the connection ended without a closing handshake",
            LATER,
        ),
        (
            Error::Aborted,
            "aborted",
            "the connection was aborted",
            NEVER,
        ),
        (
            Error::Timeout(Timeout::Silence),
            "timeout",
            "…nothing arrived (Config::silence_timeout)",
            LATER,
        ),
        (
            Error::Timeout(Timeout::Stall),
            "timeout",
            "…read nothing (Config::stall_timeout)",
            LATER,
        ),
        (
            Error::Timeout(Timeout::KeepAlive),
            "timeout",
            "…no answer to a Ping and nothing else (Config::keepalive)",
            LATER,
        ),
        (
            Error::Timeout(Timeout::Close),
            "timeout",
            "the closing handshake timed out (Config::close_timeout)",
            LATER,
        ),
        (
            Error::Timeout(Timeout::Call),
            "timeout",
            "the call timed out; the connection is still there",
            NEVER,
        ),
        (
            Error::Peer(Violation::ReservedBit),
            "protocol",
            "…reserved bit",
            NEVER,
        ),
        (
            Error::TooLong {
                needed: 9,
                limit: 8,
            },
            "capacity",
            "the message has at least 9 octets, and the limit is 8 (Config::message_limit, in pieces Config::stream_limit)",
            NEVER,
        ),
        (
            Error::TooManyFragments { limit: 8 },
            "capacity",
            "the message has more than 8 fragments (Config::fragment_limit)",
            NEVER,
        ),
        (
            Error::OutOfMemory { needed: 9 },
            "capacity",
            "cannot allocate 9 octets",
            NEVER,
        ),
    ]
}

#[cfg(feature = "rustls")]
fn of_tls() -> Vec<Row> {
    use bare_ws_std::{CertificateError, TlsError};

    let pem = rustls::pki_types::pem::Error::Io(outer());
    vec![
        (
            Error::Tls(TlsError::File {
                path: "a.pem".into(),
                error: pem,
            }),
            "tls",
            "cannot use the file \"a.pem\": I/O error: the pipe is broken",
            NEVER,
        ),
        (
            Error::Tls(TlsError::ServerName {
                host: "a_b".to_owned(),
            }),
            "tls",
            "\"a_b\" is neither a DNS name nor an IP address",
            NEVER,
        ),
        (
            Error::Tls(TlsError::NotTls),
            "tls",
            "the response is not TLS; if the port expects none, use ws://",
            NEVER,
        ),
        (
            Error::Tls(TlsError::Certificate {
                host: "host.example".to_owned(),
                error: CertificateError::WrongName {
                    names: (1..8).map(|n| format!("{n}.example")).collect(),
                },
            }),
            "tls",
            "the certificate of \"host.example\" is rejected: it is not valid for that name, only for \
             \"1.example\", \"2.example\", \"3.example\", \"4.example\", \"5.example\" and 2 more",
            NEVER,
        ),
        (
            Error::Tls(TlsError::CutInHandshake),
            "tls",
            "the connection ended during the TLS handshake; if the port expects no TLS, use ws://",
            LATER,
        ),
        (
            Error::Tls(TlsError::Truncated),
            "tls",
            "the connection ended without close_notify; data may be missing",
            LATER,
        ),
        (
            Error::Tls(TlsError::Alert(rustls::AlertDescription::HandshakeFailure)),
            "tls",
            "the server sent a TLS alert: handshake failure",
            NEVER,
        ),
        (
            Error::Tls(TlsError::Protocol(rustls::Error::DecryptError)),
            "tls",
            "…TLS failed: ",
            NEVER,
        ),
    ]
}

fn rows() -> Vec<Row> {
    let mut rows = before_anything_is_sent();
    rows.extend(while_connecting());
    rows.extend(while_open());
    #[cfg(feature = "rustls")]
    rows.extend(of_tls());
    #[cfg(feature = "deflate")]
    {
        use bare_ws_std::bare_ws::deflate::negotiate::{Parameter, Refusal};

        rows.push((
            Error::Setting(SettingError::WindowBits { bits: 7 }),
            "request",
            "window_bits is 7, and must be from 8 to 15",
            NEVER,
        ));
        rows.push((
            Error::Offer(Refusal::Window(Parameter::ServerMaxWindowBits)),
            "request",
            "…server_max_window_bits",
            NEVER,
        ));
    }
    for (status, says, retryable) in [
        (
            401,
            "the server responded with status 401: it requires credentials",
            NEVER,
        ),
        (404, "the server responded with status 404", NEVER),
        (503, "the server responded with status 503", LATER),
    ] {
        let rejected = Error::Rejected(refusal(status, false));
        rows.push((rejected, "rejected", says, retryable));
    }
    for (status, says, retryable) in [
        (407, "the proxy wants credentials (status 407)", NEVER),
        (403, "the proxy refused the tunnel with status 403", NEVER),
        (502, "the proxy refused the tunnel with status 502", LATER),
    ] {
        let refused = Error::Proxy(ProxyError::Refused(refusal(status, true)));
        rows.push((refused, "proxy", says, retryable));
    }
    rows
}

#[test]
fn each_error_has_its_word_its_text_and_what_to_do_about_it() {
    for (error, word, says, retryable) in rows() {
        let text = error.to_string();
        assert_eq!(error.kind(), word, "{error:?}");
        match says.strip_prefix('…') {
            Some(part) => assert!(text.contains(part), "{text:?} does not say {part:?}"),
            None => assert_eq!(text, says, "{error:?}"),
        }
        assert!(!text.contains('\n') && !text.contains("s3cret"), "{text:?}");
        assert_eq!(error.is_retryable(), retryable, "{error:?}");
        let is_timeout = matches!(error, Error::Timeout(_));
        assert_eq!(error.is_timeout(), is_timeout, "{error:?}");
        let status = match &error {
            Error::Rejected(response) => Some(response.status()),
            // A proxy's is no answer of the server's.
            _ => None,
        };
        assert_eq!(error.status(), status, "{error:?}");
        let code = match error {
            Error::Peer(_) => Some(CloseCode::PROTOCOL_ERROR),
            Error::TooLong { .. } | Error::OutOfMemory { .. } => Some(CloseCode::TOO_BIG),
            Error::TooManyFragments { .. } => Some(CloseCode::POLICY_VIOLATION),
            _ => None,
        };
        assert_eq!(error.close_code(), code, "{error:?}");
    }
}

/// What lies behind what was shown is not lost, and nothing is said twice.
#[test]
fn the_source_is_what_lies_behind_what_was_shown() {
    let mut seen = BTreeSet::new();
    for (error, word, ..) in rows() {
        let text = error.to_string();
        match error.source() {
            Some(source) => {
                assert!(!text.contains(&source.to_string()), "{text}: {source}");
                let mut behind = source;
                while let Some(source) = behind.source() {
                    behind = source;
                }
                assert_eq!(behind.to_string(), "a saw", "{error:?}");
                seen.insert(word);
            }
            None => assert!(!text.contains("the pipe"), "{error:?} loses its source"),
        }
    }
    let mut wanted = BTreeSet::from(["io", "proxy", "resolve"]);
    if cfg!(feature = "rustls") {
        wanted.insert("tls");
    }
    assert_eq!(seen, wanted);
}

/// One of the operating system's limits is a limit, too, and a signal is none.
#[test]
fn a_limit_of_the_systems_is_a_timeout() {
    for (kind, wanted) in [
        (io::ErrorKind::TimedOut, true),
        (io::ErrorKind::WouldBlock, false),
        (io::ErrorKind::ConnectionReset, false),
    ] {
        assert_eq!(Error::Io(kind.into()).is_timeout(), wanted, "{kind:?}");
    }
}

/// What the core says, a program that drives the core itself can hand on.
#[test]
fn errors_of_the_core_become_the_same_ones_here() {
    let rejected: HandshakeError = HandshakeError::Rejected { status: 503 };
    let lost: HandshakeError = HandshakeError::Lost;
    let head: HandshakeError = HandshakeError::HeadTooLarge { limit: 7 };
    type Case = (Error, fn(&Error) -> bool);
    let table: Vec<Case> = vec![
        (rejected.into(), |e| e.status() == Some(503)),
        (lost.into(), |e| {
            matches!(e, Error::LostInHandshake { secure: false })
        }),
        (head.into(), |e| {
            matches!(e, Error::HeadTooLarge { limit: 7 })
        }),
        (EntropyError.into(), |e| matches!(e, Error::Entropy)),
        (UriError::Port.into(), |e| {
            matches!(e, Error::Uri(UriError::Port))
        }),
        (RequestError::Uri(UriError::Port).into(), |e| {
            matches!(e, Error::Uri(UriError::Port))
        }),
        (RequestError::Host(UriError::Port).into(), |e| {
            matches!(e, Error::Request(RequestError::Host(UriError::Port)))
        }),
        (
            SettingError::TransmitBuffer {
                octets: 1,
                least: 2,
            }
            .into(),
            |e| matches!(e, Error::Setting(_)),
        ),
    ];
    for (number, (error, is_right)) in table.iter().enumerate() {
        assert!(is_right(error), "{number}: {error:?}");
    }
}

/// The name in an error is that of the field or subprotocol that is wrong, wherever it stands.
#[test]
fn the_name_in_an_error_is_that_of_what_is_wrong() {
    for place in 0..3 {
        let at = |number, wrong: &'static str| if number == place { wrong } else { "" };
        let headers = (0..3).fold(Config::new(), |config, number| {
            config.header(format!("X{}-{number}", at(number, " ")), "value")
        });
        match headers.check("ws://h/") {
            Err(Error::Header { name, .. }) => assert_eq!(name, format!("X -{place}")),
            other => panic!("{other:?}"),
        }
        let subprotocols = (0..3).fold(Config::new(), |config, number| {
            config.subprotocol(format!("s{}-{number}", at(number, " ")))
        });
        match subprotocols.check("ws://h/") {
            Err(Error::Subprotocol { name, .. }) => assert_eq!(name, format!("s -{place}")),
            other => panic!("{other:?}"),
        }
    }
    let twice = Config::new()
        .subprotocol("a")
        .subprotocol("b")
        .subprotocol("b");
    let error = twice.check("ws://h/").unwrap_err();
    assert_eq!(error.to_string(), "subprotocol \"b\" is offered twice");
}
