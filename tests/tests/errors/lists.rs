//! The lists of errors are complete, what the texts name, and what an application asks of errors.

use crate::*;

#[test]
fn no_error_repeats_what_is_behind_it() {
    let mut with_sources = 0;
    for error in all() {
        let text = error.to_string();
        assert!(!text.is_empty() && !text.ends_with('.'), "{text:?}");
        assert!(!text.contains(['\r', '\n']), "{text:?}");
        let mut error: &dyn StdError = &*error;
        while let Some(source) = error.source() {
            let (outer, inner) = (error.to_string(), source.to_string());
            assert!(!outer.contains(&inner), "{outer:?} repeats {inner:?}");
            with_sources += 1;
            error = source;
        }
    }
    // Of those with a transport's error in them, what is behind that is not lost.
    assert!(with_sources >= 4, "{with_sources}");
}

/// The variants of an enum of a file of the project's.
fn variants(path: &str, name: &str) -> BTreeSet<String> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let source = std::fs::read_to_string(format!("{root}/{path}")).expect("a source");
    let start = format!("pub enum {name}");
    let at = source.find(&start).expect("an enum");
    let body = source[at..].lines().skip(1);
    body.take_while(|line| *line != "}")
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()))
        .map(first_word)
        .collect()
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric()).collect()
}

/// A law about all errors holds nothing of those that are not in the lists.
#[test]
fn the_lists_have_every_variant() {
    fn seen<E: Debug>(errors: impl IntoIterator<Item = E>) -> BTreeSet<String> {
        errors
            .into_iter()
            .map(|error| first_word(&format!("{error:?}")))
            .collect()
    }
    let handshake = "core/src/handshake";
    let certificates = tls_errors().into_iter().filter_map(|error| match error {
        TlsError::Certificate { error, .. } => Some(error),
        _ => None,
    });
    let redirects = std_errors().into_iter().filter_map(|error| match error {
        Error::Redirect(error) => Some(error),
        _ => None,
    });
    let settings = std_errors().into_iter().filter_map(|error| match error {
        Error::Setting(error) => Some(error),
        _ => None,
    });
    let proxies = std_errors().into_iter().filter_map(|error| match error {
        Error::ProxyUri { error, .. } => Some(error),
        _ => None,
    });
    for (path, name, seen) in [
        ("core/src/uri.rs", "UriError", seen(uri_errors())),
        (
            "core/src/error.rs",
            "Error",
            seen(protocol_errors(transport())),
        ),
        ("core/src/error.rs", "Violation", seen(frame_violations())),
        ("core/src/error.rs", "Usage", seen(usages())),
        ("core/src/error.rs", "SendError", seen(send_errors())),
        ("core/src/lifecycle.rs", "Timeout", seen(timeouts())),
        (
            "core/src/exchange.rs",
            "ExchangeError",
            seen(exchange_errors()),
        ),
        (
            &format!("{handshake}/error.rs"),
            "HandshakeError",
            seen(handshake_errors(transport())),
        ),
        (
            &format!("{handshake}/error.rs"),
            "ResponseError",
            seen(response_errors()),
        ),
        (
            &format!("{handshake}/request.rs"),
            "RequestError",
            seen(request_errors()),
        ),
        (
            &format!("{handshake}/extension.rs"),
            "Refusal",
            seen(refusals()),
        ),
        (
            &format!("{handshake}/server.rs"),
            "ServerError",
            seen(server_errors()),
        ),
        (
            "core/src/deflate/negotiate.rs",
            "Refusal",
            seen(offer_refusals()),
        ),
        ("std-adapter/src/error.rs", "Error", seen(std_errors())),
        ("std-adapter/src/error.rs", "SettingError", seen(settings)),
        ("std-adapter/src/error.rs", "RedirectError", seen(redirects)),
        (
            "std-adapter/src/proxy/mod.rs",
            "ProxyUriError",
            seen(proxies),
        ),
        (
            "std-adapter/src/tls/error.rs",
            "TlsError",
            seen(tls_errors()),
        ),
        (
            "std-adapter/src/tls/error.rs",
            "CertificateError",
            seen(certificates),
        ),
        (
            "embassy-adapter/src/error.rs",
            "ConnectError",
            seen(embassy_errors()),
        ),
        (
            "embassy-adapter/src/tls/error.rs",
            "Error",
            seen(embassy_tls_errors()),
        ),
        (
            "embassy-adapter/src/tls/error.rs",
            "CertificateError",
            seen(embassy_certificate_errors()),
        ),
    ] {
        assert_eq!(seen, variants(path, name), "{name} of {path}");
    }
}

/// The name of a type or a variant is for `Debug`, not for whoever reads a log.
#[test]
fn no_text_has_a_name_of_a_type_in_it() {
    for error in all() {
        let text = error.to_string();
        for name in ["Other(", "Error(", "Context", " {", "::"] {
            let known = ["Config::", "Tls::builder", "TlsBuilder::", "[::1]"];
            let rest = known
                .iter()
                .fold(text.clone(), |text, it| text.replace(it, ""));
            assert!(!rest.contains(name), "{text}");
        }
    }
}

#[test]
fn what_to_do_about_an_error_is_told() {
    let rejected = |status| {
        let error: HandshakeError = HandshakeError::Rejected { status };
        Error::from(error)
    };
    for (error, retryable, timeout, status, code) in [
        (Error::Lost, true, false, None, None),
        (
            Error::LostInHandshake { secure: true },
            true,
            false,
            None,
            None,
        ),
        (
            Error::Io(io::ErrorKind::TimedOut.into()),
            true,
            true,
            None,
            None,
        ),
        (Error::Timeout(Timeout::Stall), true, true, None, None),
        (Error::Timeout(Timeout::Call), false, true, None, None),
        (Error::Tls(TlsError::Truncated), true, false, None, None),
        (Error::Tls(TlsError::NotTls), false, false, None, None),
        (rejected(503), true, false, Some(503), None),
        (rejected(429), true, false, Some(429), None),
        (rejected(501), false, false, Some(501), None),
        (rejected(401), false, false, Some(401), None),
        (Error::Aborted, false, false, None, None),
        (Error::Usage(Usage::NotOpen), false, false, None, None),
        (
            Error::Peer(FrameViolation::Masked),
            false,
            false,
            None,
            Some(1002),
        ),
        (
            Error::Peer(FrameViolation::InvalidUtf8),
            false,
            false,
            None,
            Some(1007),
        ),
        (
            Error::TooLong {
                needed: 2,
                limit: 1,
            },
            false,
            false,
            None,
            Some(1009),
        ),
        (
            Error::TooManyFragments { limit: 1 },
            false,
            false,
            None,
            Some(1008),
        ),
        (
            Error::OutOfMemory { needed: 1 },
            false,
            false,
            None,
            Some(1009),
        ),
    ] {
        assert_eq!(error.is_retryable(), retryable, "{error:?}");
        assert_eq!(error.is_timeout(), timeout, "{error:?}");
        assert_eq!(error.status(), status, "{error:?}");
        assert_eq!(error.close_code().map(u16::from), code, "{error:?}");
    }
    // Of all refusals those that say "later".
    for status in 100..600 {
        let later = matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504);
        assert_eq!(rejected(status).is_retryable(), later, "{status}");
    }
    // The core's errors say the same.
    for error in protocol_errors(())
        .into_iter()
        .filter_map(|e| e.narrow().ok())
    {
        assert_eq!(Error::from(error).close_code(), error.close_code());
    }
}

#[test]
fn errors_name_what_they_are_about() {
    let uri = |text: &str| Uri::parse(text).expect_err("wrong").to_string();
    let header = |name: &str, value: &str| {
        let error = Config::new().header(name, value).check("ws://h/");
        error.expect_err("wrong").to_string()
    };
    let status = |status| HandshakeError::<io::Error>::Rejected { status }.to_string();
    let message = Error::TooLong {
        needed: 9,
        limit: 8,
    };
    let certificate = Error::Tls(TlsError::Certificate {
        host: "host.example".to_owned(),
        error: CertificateError::Expired {
            not_after: Some(UNIX_EPOCH + Duration::from_secs(1_709_164_800)),
        },
    });
    for (text, words) in [
        (uri("ftp://h/"), &["ws://", "wss://"][..]),
        (uri("ws://user:word@h/"), &["user name", "header"]),
        (header("X-App", "a\r\nb"), &["X-App", "control character"]),
        (header("X-App", " a"), &["X-App", "white space"]),
        (header("X App", "a"), &["X App", "token"]),
        (header("Host", "a"), &["Host", "reserved for the handshake"]),
        (status(200), &["200", "not a WebSocket endpoint"]),
        (status(302), &["302", "redirect"]),
        (status(401), &["401", "credentials"]),
        (status(503), &["503"]),
        (ResponseError::NotHttp.to_string(), &["not HTTP"]),
        (ResponseError::Tls.to_string(), &["TLS", "wss"]),
        (message.to_string(), &["9", "8", "message_limit"]),
        (
            certificate.to_string(),
            &["host.example", "expired", "2024-02-29T00:00:00Z"],
        ),
        (
            embassy_tls::CertificateError::Expired {
                not_after: embassy_tls::Date::from_unix_seconds(1_709_164_799),
                at: embassy_tls::Date::from_unix_seconds(1_709_164_800),
            }
            .to_string(),
            &["expired on 2024-02-28", "2024-02-29"],
        ),
        (
            embassy_tls::CertificateError::NotYetValid {
                not_before: embassy_tls::Date::from_unix_seconds(4_107_542_400),
                at: embassy_tls::Date::from_unix_seconds(0),
            }
            .to_string(),
            &["before 2100-03-01", "1970-01-01"],
        ),
    ] {
        for word in words {
            assert!(text.contains(word), "{text:?} does not say {word:?}");
        }
        assert!(!text.contains("word@"), "{text:?}");
    }
}
