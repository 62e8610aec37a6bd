//! What servers answer that are no WebSocket endpoints, or not yet: refusals and redirects.
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

mod peer;

use std::io::{self, Read, Write};
use std::time::Duration;

use bare_ws_std::{
    Config, Error, KeepAlive, RedirectError, Response, SettingError, Socket, Untimed,
};
use peer::{serve, serve_many};

/// The response that a server refuses with.
fn refusal(answer: &[u8]) -> Response {
    let answer = answer.to_vec();
    let peer = serve(move |mut conn| {
        conn.read_request();
        conn.send(&answer);
    });
    let outcome = bare_ws_std::connect(&peer.uri());
    peer.join();
    match outcome {
        Err(Error::Rejected(response)) => *response,
        other => panic!("{other:?}"),
    }
}

// row: RSP-02, RSP-04, RSP-11, RSP-12
#[test]
fn a_refusal_is_reported_however_it_is_written() {
    for (answer, status, name, value) in [
        // What HAProxy answers when no server is up.
        (
            "HTTP/1.0 503 Service Unavailable\r\nCache-Control: no-cache\r\nConnection: close\r\n\r\n",
            503,
            "cache-control",
            "no-cache",
        ),
        (
            "HTTP/1.0 401 x\r\nWWW-Authenticate: Basic realm=\"a\",\r\n\tDigest realm=\"b\"\r\n\r\n",
            401,
            "www-authenticate",
            "Basic realm=\"a\",  \tDigest realm=\"b\"",
        ),
        ("HTTP/1.1 403 x\nA: 1\nB: 2\n\n", 403, "b", "2"),
        ("HTTP/1.1 403 x\r\nX-App : a\r\nB: 2\r\n\r\n", 403, "b", "2"),
        ("HTTP/1.1 403 x\r\nno colon\r\nB: 2\r\n\r\n", 403, "b", "2"),
        // The first of that name.
        (
            "HTTP/1.1 403 x\r\nA: 0\r\nb: 1\r\nB: 2\r\n\r\n",
            403,
            "B",
            "1",
        ),
    ] {
        let response = refusal(answer.as_bytes());
        assert_eq!(response.status(), status, "{answer:?}");
        assert_eq!(response.header(name), Some(value), "{answer:?}");
    }
}

// row: RSP-03, RSP-04, RSP-11
#[test]
fn a_redirect_is_followed_however_it_is_written() {
    for answer in [
        "HTTP/1.0 302 x\r\nLocation: LOCATION\r\n\r\n",
        "HTTP/1.1 302 x\nLocation: LOCATION\n\n",
        "HTTP/1.1 307 x\r\nX-App : a\r\nLocation:\r\n LOCATION\r\n\r\n",
    ] {
        let target = serve(|mut conn| conn.accept());
        let answer = answer.replace("LOCATION", &target.uri());
        let entry = serve(move |mut conn| {
            conn.read_request();
            conn.send(answer.as_bytes());
        });
        drop(Config::new().redirects(1).connect(&entry.uri()).unwrap());
        entry.join();
        target.join();
    }
}

// row: RSP-03
#[test]
fn a_stream_around_the_socket_knows_who_is_asked() {
    let target = serve(|mut conn| conn.accept());
    let to = target.uri();
    let entry = serve(move |mut conn| {
        conn.read_request();
        conn.send(format!("HTTP/1.1 302 x\r\nLocation: {to}\r\n\r\n").as_bytes());
    });
    let mut asked = Vec::new();
    let wrap = |uri: &str, socket: Socket| {
        asked.push(uri.to_owned());
        socket
    };
    let config = Config::new().redirects(1);
    let socket = config.connect_wrapped(&entry.uri(), wrap).unwrap();
    assert_eq!(socket.response().status(), 101);
    assert_eq!(asked, [entry.uri(), target.uri()]);
    drop(socket);
    entry.join();
    target.join();
}

// row: RSP-03
#[test]
fn these_statuses_redirect_and_no_others() {
    let config = Config::new().redirects(1);
    for status in 300..=308 {
        // RFC 9110 §15.4.2 to §15.4.9: the others do not say where to go on by themselves.
        let redirects = matches!(status, 301 | 302 | 303 | 307 | 308);
        let peer = serve_many(1 + usize::from(redirects), move |index, mut conn| {
            if index == 1 {
                conn.accept();
                return;
            }
            conn.read_request();
            conn.send(format!("HTTP/1.1 {status} x\r\nLocation: /there\r\n\r\n").as_bytes());
        });
        let outcome = config.connect(&peer.uri());
        match (redirects, outcome) {
            (true, Ok(_)) => {}
            (false, Err(error)) => assert_eq!(error.status(), Some(status)),
            (_, outcome) => panic!("{status}: {outcome:?}"),
        }
        peer.join();
    }
}

// row: RSP-03
#[test]
fn a_redirect_to_another_scheme_is_not_followed() {
    for location in [
        "localhost:1/path",
        "mailto:a@b",
        "javascript:x",
        "http:/path",
    ] {
        // One connection: nothing is asked for twice.
        let peer = serve(move |mut conn| {
            conn.read_request();
            conn.send(format!("HTTP/1.1 302 x\r\nLocation: {location}\r\n\r\n").as_bytes());
        });
        let outcome = Config::new().redirects(3).connect(&peer.uri());
        assert!(
            matches!(
                outcome,
                Err(Error::Redirect(RedirectError::Location { .. }))
            ),
            "{location}: {outcome:?}"
        );
        peer.join();
    }
}

/// What of a request is the caller's.
fn secrets() -> Config {
    Config::new()
        .redirects(3)
        .header("Authorization", "Basic eDp5")
        .header("X-Api-Key", "secret")
        .header("Cookie", "secret")
        .subprotocol("bearer.secret")
        .origin("https://secret.example")
        .host("secret.example")
}

const SECRETS: [&str; 6] = [
    "Authorization: Basic eDp5",
    "X-Api-Key: secret",
    "Cookie: secret",
    "Sec-WebSocket-Protocol: bearer.secret",
    "Origin: https://secret.example",
    "Host: secret.example",
];

fn shown(request: &str) -> Vec<&'static str> {
    let says = |secret: &&str| request.lines().any(|line| line == *secret);
    SECRETS.into_iter().filter(says).collect()
}

// row: RSP-03, LIV-22
#[test]
fn another_server_is_told_nothing_that_was_for_the_first() {
    // To the same server, however it is written.
    for same in [
        "/b",
        "b?c",
        "",
        "//HOST/b",
        "ws://HOST/b",
        "HTTP://HOST/b#c",
    ] {
        let peer = serve_many(2, move |index, mut conn| {
            if index == 0 {
                conn.read_request();
                let location = same.replace("HOST", &conn.tcp.local_addr().unwrap().to_string());
                // An empty Location is none.
                let location = if location.is_empty() { "?" } else { &location };
                conn.send(format!("HTTP/1.1 302 x\r\nLocation: {location}\r\n\r\n").as_bytes());
            } else {
                conn.accept_with("Sec-WebSocket-Protocol: bearer.secret\r\n", b"");
            }
            shown(&conn.request)
        });
        drop(secrets().connect(&peer.uri()).unwrap());
        assert_eq!(peer.join(), [SECRETS, SECRETS], "{same}");
    }
    // The name of a host has no case.
    let peer = serve_many(2, |index, mut conn| {
        if index == 0 {
            conn.read_request();
            let port = conn.field("X-Port").unwrap();
            let location = format!("WS://sERVER.tEST:{port}/b");
            conn.send(format!("HTTP/1.1 302 x\r\nLocation: {location}\r\n\r\n").as_bytes());
        } else {
            conn.accept_with("Sec-WebSocket-Protocol: bearer.secret\r\n", b"");
        }
        shown(&conn.request)
    });
    let address = peer.address;
    let config = secrets()
        .header("X-Port", address.port().to_string())
        .resolver(move |_, _| Ok(vec![address]));
    let uri = format!("ws://Server.Test:{}/", address.port());
    drop(config.connect(&uri).unwrap());
    assert_eq!(peer.join(), [SECRETS, SECRETS]);
    // To another port, another name for the same host, or both; and back to the first.
    for host in ["127.0.0.1", "localhost"] {
        for back in [false, true] {
            for trusted in [false, true] {
                let first = serve_many(1 + usize::from(back), move |index, mut conn| {
                    if index == 0 {
                        conn.read_request();
                        let location = conn.request.lines().next().unwrap();
                        let (_, location) = location.split_once("?to=").unwrap();
                        let (location, _) = location.split_once(' ').unwrap();
                        let answer = format!("HTTP/1.1 302 x\r\nLocation: {location}\r\n\r\n");
                        conn.send(answer.as_bytes());
                    } else {
                        conn.accept();
                    }
                    shown(&conn.request)
                });
                let home = first.uri();
                let second = serve(move |mut conn| {
                    if back {
                        conn.read_request();
                        let answer = format!("HTTP/1.1 302 x\r\nLocation: {home}\r\n\r\n");
                        conn.send(answer.as_bytes());
                    } else {
                        conn.accept();
                    }
                    shown(&conn.request)
                });
                let to = format!("ws://{host}:{}/", second.address.port());
                let config = secrets().trust_redirects(trusted);
                drop(config.connect(&format!("{}?to={to}", first.uri())).unwrap());
                let wanted: &[&str] = if trusted { &SECRETS } else { &[] };
                let seen = first.join();
                assert_eq!(seen[0], SECRETS);
                assert_eq!(second.join(), wanted, "{to} {trusted}");
                assert!(
                    seen[1..].iter().all(|shown| shown == wanted),
                    "{to} {trusted}"
                );
            }
        }
    }
}

fn in_seconds((a, b): (u64, u64)) -> (Duration, Duration) {
    (Duration::from_secs(a), Duration::from_secs(b))
}

// row: LIM-01, PMD-05, STA-03, LIV-28
#[test]
fn a_setting_that_cannot_be_is_refused_before_anything_is_sent() {
    let transmit = |octets| {
        let error = SettingError::TransmitBuffer { octets, least: 131 };
        (Config::new().transmit_buffer(octets), Some(error))
    };
    let mut table = vec![transmit(0), transmit(50), transmit(130)];
    table.push((Config::new().transmit_buffer(131), None));
    for (interval, dead_after) in [(0, 0), (0, 5), (5, 5), (5, 4), (5, 6)].map(in_seconds) {
        let keepalive = KeepAlive {
            interval,
            dead_after,
        };
        let error =
            (interval.is_zero() || dead_after <= interval).then_some(SettingError::KeepAlive {
                interval,
                dead_after,
            });
        table.push((Config::new().keepalive(keepalive), error));
    }
    #[cfg(feature = "deflate")]
    for bits in 0..=u8::MAX {
        use bare_ws_std::Deflate;
        use bare_ws_std::bare_ws::deflate::negotiate::Offer;

        let error = (!(8..=15).contains(&bits)).then_some(SettingError::WindowBits { bits });
        let server = Offer {
            server_max_window_bits: Some(bits),
            ..Offer::default()
        };
        let client = Offer {
            client_max_window_bits: Some(Some(bits)),
            ..Offer::default()
        };
        for deflate in [
            Deflate::new().window_bits(bits),
            Deflate::new().window_bits(bits).pieces(),
            Deflate::new().offer(server),
            Deflate::new().offer(client),
        ] {
            table.push((Config::new().deflate(deflate), error));
        }
    }
    let peer = serve(|mut conn| {
        // The first that asks for anything may, and was right to.
        conn.accept();
        conn.request.is_empty()
    });
    for (config, wanted) in &table {
        let checked = config.check(&peer.uri());
        let Some(wanted) = wanted else {
            assert!(checked.is_ok(), "{checked:?}");
            continue;
        };
        for outcome in [
            checked,
            config.connect(&peer.uri()).map(drop),
            config.open(&peer.uri(), Untimed::new(Nothing)).map(drop),
        ] {
            assert!(
                matches!(&outcome, Err(Error::Setting(error)) if error == wanted),
                "{outcome:?}"
            );
            assert_eq!(outcome.unwrap_err().kind(), "request");
        }
    }
    drop(
        Config::new()
            .transmit_buffer(131)
            .connect(&peer.uri())
            .unwrap(),
    );
    assert!(!peer.join());
}

/// A stream that must not be touched.
struct Nothing;

impl Read for Nothing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        panic!("read from");
    }
}

impl Write for Nothing {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        panic!("written to");
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// row: RSP-02, RSP-22
#[test]
fn errors_say_where_a_refusal_points() {
    for (answer, words) in [
        (
            "HTTP/1.1 302 x\r\nLocation: https://there.example/\r\n\r\n".to_owned(),
            &["302", "https://there.example/", "redirects"][..],
        ),
        (
            format!("HTTP/1.1 302 x\r\nLocation: /{}\r\n\r\n", "x".repeat(5000)),
            &["302", "redirects"],
        ),
        (
            "HTTP/1.1 200 OK\r\nLocation: /\r\n\r\n".to_owned(),
            &["200", "not a WebSocket"],
        ),
        ("HTTP/1.1 401 x\r\n\r\n".to_owned(), &["401", "credentials"]),
        // What a server says of it, of text only, bounded, and on one line.
        (
            "HTTP/1.1 403 x\r\nContent-Type: text/plain\r\nContent-Length: 17\r\n\r\nno\r\n such\x1b[1m key".to_owned(),
            &["403", "\"no such\\u{1b}[1m key\""],
        ),
        (
            format!("HTTP/1.1 500 x\r\nContent-Type: Application/JSON\r\nContent-Length: 5000\r\n\r\n{}", "x".repeat(5000)),
            &["500", "xxx…\""],
        ),
        (
            "HTTP/1.1 503 x\r\nContent-Type: image/png\r\nContent-Length: 4\r\n\r\nabcd".to_owned(),
            &["503"],
        ),
        // What OpenSSL answers to what is no ClientHello.
        (
            "\x15\x03\x01\0\x02\x02\x46".to_owned(),
            &["TLS alert", "wss"],
        ),
    ] {
        let peer = serve(move |mut conn| {
            conn.read_request();
            conn.send(answer.as_bytes());
        });
        let error = bare_ws_std::connect(&peer.uri()).unwrap_err();
        peer.join();
        let text = error.to_string();
        assert!(text.len() < 300 && !text.contains('\n'), "{text}");
        for word in words {
            assert!(text.contains(word), "{text:?} does not say {word:?}");
            assert!(!text.contains("abcd"), "{text:?}");
        }
    }
}

// row: RSP-02, RSP-16
#[test]
fn the_body_of_a_refusal_is_there_as_far_as_it_came_with_the_head() {
    for (fields, sent, body) in [
        ("Content-Length: 5\r\n", &b"hello"[..], &b"hello"[..]),
        ("Content-Length: 500\r\n", b"hello", b"hello"),
        ("", b"<html>no</html>", b"<html>no</html>"),
        (
            "Transfer-Encoding: chunked\r\n",
            b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
            b"hello",
        ),
        ("Content-Length: 0\r\n", b"", b""),
    ] {
        let head = format!("HTTP/1.1 403 x\r\n{fields}\r\n");
        // In one write, so that it is read with the head.
        let response = refusal(&[head.as_bytes(), sent].concat());
        assert_eq!(response.body(), body, "{fields:?}");
        assert!(
            !format!("{response:?}").contains("hello"),
            "it may be secret"
        );
    }
    let peer = serve(|mut conn| conn.accept_with("", &peer::frame(0x81, b"hello")));
    let socket = bare_ws_std::connect(&peer.uri()).unwrap();
    assert_eq!(socket.response().body(), b"", "frames are no body");
    drop(socket);
    peer.join();
}

// row: RSP-01
#[test]
fn the_body_of_a_refusal_is_read_as_it_comes_and_not_waited_for_long() {
    // What is sent a while behind the head, whether the server ends then, and the body.
    type Case = (&'static str, &'static [&'static [u8]], bool, &'static [u8]);
    let cases: [Case; 4] = [
        (
            "Content-Length: 9",
            &[b"no ", b"way", b"..."],
            false,
            b"no way...",
        ),
        (
            "Transfer-Encoding: chunked",
            &[b"4\r\nno w\r", b"\n2\r\nay\r\n0\r\n\r\n"],
            false,
            b"no way",
        ),
        ("X-No: length", &[b"to the ", b"end"], true, b"to the end"),
        // It promises more than it sends, and stays.
        ("Content-Length: 100", &[b"half"], false, b"half"),
    ];
    for (field, pieces, ends, body) in cases {
        let response = (0..20).find_map(|_| {
            let (quit, over) = std::sync::mpsc::channel::<()>();
            let peer = serve(move |mut conn| {
                conn.read_request();
                conn.send(format!("HTTP/1.1 403 Forbidden\r\n{field}\r\n\r\n").as_bytes());
                for piece in pieces {
                    // Real time: each piece comes in a read of its own.
                    std::thread::sleep(Duration::from_millis(50));
                    conn.send(piece);
                }
                if ends {
                    drop(conn);
                } else {
                    let _ = over.recv_timeout(peer::LONG);
                }
            });
            let stalls = peer::Stalls::watch();
            let refused = Config::new().connect(&peer.uri()).map(drop);
            let Err(Error::Rejected(response)) = refused else {
                panic!("{refused:?}");
            };
            let lost = stalls.took(Duration::ZERO, Duration::from_millis(1200));
            drop(quit);
            peer.join();
            // The second for the body passes while the machine stops, too.
            (lost < Duration::from_millis(300)).then_some(response)
        });
        let response = response.expect("a machine that does not stop for once");
        assert_eq!(response.status(), 403);
        assert_eq!(response.body(), body);
    }
}
