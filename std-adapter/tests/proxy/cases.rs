//! Proxies that make no tunnel.

use super::*;

/// What a proxy does with a client, until it is told that the test is over.
type Act = fn(&mut Conn, &Receiver<()>);

fn answers(conn: &mut Conn, answer: &[u8], over: &Receiver<()>) {
    conn.read_request();
    conn.send(answer);
    let _ = over.recv_timeout(LONG);
}

fn refused(error: &Error) -> Option<&Response> {
    match error {
        Error::Proxy(ProxyError::Refused(response)) => Some(response),
        _ => None,
    }
}

fn is_refused(error: &Error, status: u16, body: &[u8]) -> bool {
    refused(error).is_some_and(|response| response.status() == status && response.body() == body)
}

/// What it is called, what it does, whether that is the right error, and how long it may take.
type Case = (&'static str, Act, fn(&Error) -> bool, Duration);

const AT_ONCE: Duration = Duration::ZERO;

const CASES: &[Case] = &[
    (
        "407",
        |conn, over| {
            answers(
                conn,
                b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\
                  Content-Length: 9\r\n\r\nlog in...",
                over,
            );
        },
        |error| {
            let field = refused(error).and_then(|response| response.header("proxy-authenticate"));
            field == Some("Basic realm=\"x\"")
                && is_refused(error, 407, b"log in...")
                && error.to_string().contains("credentials")
        },
        AT_ONCE,
    ),
    (
        "a body that does not end",
        |conn, over| {
            answers(
                conn,
                b"HTTP/1.1 403 no\r\nContent-Length: 9\r\n\r\nha",
                over,
            );
        },
        |error| is_refused(error, 403, b"ha"),
        Duration::from_secs(1),
    ),
    (
        "a redirect, which is not the server's",
        |conn, over| {
            let answer =
                b"HTTP/1.1 302 x\r\nLocation: ws://evil.invalid/\r\nContent-Length: 0\r\n\r\n";
            answers(conn, answer, over);
        },
        |error| is_refused(error, 302, b""),
        AT_ONCE,
    ),
    (
        "502",
        |conn, _| {
            conn.read_request();
            conn.send(b"HTTP/1.0 502 Bad Gateway\r\n\r\nno such host");
        },
        |error| is_refused(error, 502, b"no such host") && error.is_retryable(),
        AT_ONCE,
    ),
    (
        "a body behind a tunnel",
        |conn, over| {
            answers(
                conn,
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
                over,
            )
        },
        |error| matches!(error, Error::Proxy(ProxyError::EarlyOctets)),
        AT_ONCE,
    ),
    (
        "it speaks first, and no HTTP",
        |conn, over| {
            conn.send(b"220 mail.example ESMTP\r\n");
            let _ = over.recv_timeout(LONG);
        },
        |error| matches!(error, Error::Proxy(ProxyError::NotHttp)),
        AT_ONCE,
    ),
    (
        "it speaks TLS",
        |conn, over| answers(conn, b"\x15\x03\x01\x00\x02\x02\x46", over),
        |error| matches!(error, Error::Proxy(ProxyError::NotHttp)),
        AT_ONCE,
    ),
    (
        "it speaks SOCKS",
        |conn, over| answers(conn, b"\x05\xff", over),
        |error| matches!(error, Error::Proxy(ProxyError::NotHttp)),
        AT_ONCE,
    ),
    (
        "it makes the tunnel before it is asked, and speaks on",
        |conn, over| {
            conn.send(b"HTTP/1.1 200 OK\r\n\r\nHello");
            let _ = over.recv_timeout(LONG);
        },
        |error| matches!(error, Error::Proxy(ProxyError::EarlyOctets)),
        AT_ONCE,
    ),
    (
        "it resets the connection",
        |conn, _| {
            conn.read_request();
            rustix::net::sockopt::set_socket_linger(&*conn.tcp, Some(Duration::ZERO)).unwrap();
        },
        |error| {
            let is_reset =
                |error: &std::io::Error| error.kind() == std::io::ErrorKind::ConnectionReset;
            matches!(error, Error::Proxy(ProxyError::Io(error)) if is_reset(error))
                && error.is_retryable()
        },
        AT_ONCE,
    ),
    (
        "it ends without an answer",
        |conn, _| conn.read_request(),
        |error| matches!(error, Error::Proxy(ProxyError::Lost)) && error.is_retryable(),
        AT_ONCE,
    ),
    (
        "it ends within its answer",
        |conn, _| {
            conn.read_request();
            conn.send(b"HTTP/1.1 200 OK\r\nVia");
        },
        |error| matches!(error, Error::Proxy(ProxyError::Lost)),
        AT_ONCE,
    ),
    (
        "a head without an end",
        |conn, _| {
            conn.read_request();
            conn.send(b"HTTP/1.1 200 OK\r\n");
            conn.send_for_ever(b"A: b\r\n");
        },
        |error| {
            matches!(
                error,
                Error::Proxy(ProxyError::HeadTooLarge { limit: 16_384 })
            )
        },
        AT_ONCE,
    ),
    (
        "interim answers without an end",
        |conn, _| {
            conn.read_request();
            conn.send_for_ever(b"HTTP/1.1 100 Continue\r\n\r\n");
        },
        |error| matches!(error, Error::Proxy(ProxyError::HeadTooLarge { .. })),
        AT_ONCE,
    ),
    (
        "it hangs",
        |conn, over| answers(conn, b"", over),
        |error| matches!(error, Error::Timeout(Timeout::Connect)),
        SHORT,
    ),
    (
        "it drips",
        |conn, over| {
            conn.read_request();
            conn.send(b"HTTP/1.1 200 OK\r\nA: ");
            while over
                .recv_timeout(Duration::from_millis(20))
                .is_err_and(|error| error == mpsc::RecvTimeoutError::Timeout)
            {
                conn.send(b"b");
            }
        },
        |error| matches!(error, Error::Timeout(Timeout::Connect)),
        SHORT,
    ),
];

// row: REQ-15, STA-02, RSP-22
#[test]
fn a_proxy_that_makes_no_tunnel_is_one_error_in_time() {
    let ways: Vec<_> = WAYS.into_iter().chain([dial as Connect]).collect();
    for (name, act, is_right, most) in CASES {
        for uri in ["ws://server.invalid/", "wss://server.invalid/"] {
            if uri.starts_with("wss") && cfg!(not(feature = "rustls")) {
                continue;
            }
            for connect in &ways {
                let (told, over) = mpsc::channel();
                let proxy = serve(move |mut conn| act(&mut conn, &over));
                let through = format!("http://us3r:s3cret@{}", proxy.address);
                let limit = if *most == SHORT { SHORT } else { LONG };
                let config = Config::new()
                    .redirects(3)
                    .connect_timeout(limit)
                    .proxy(Proxy::new(&through).unwrap());
                let stalls = Stalls::watch();
                let error = connect(&config, uri).unwrap_err();
                stalls.took(if *most == SHORT { SHORT } else { AT_ONCE }, *most);
                assert!(is_right(&error), "{name}: {error:?}");
                let text = format!("{error} {error:?}");
                assert!(!text.contains("s3cret") && !text.contains("us3r"), "{text}");
                drop(told);
                proxy.join();
            }
        }
    }
}

/// What the lookup of the proxy's name has taken of the time, its answer has no more.
// row: REQ-15, STA-02
#[test]
fn the_lookup_and_the_answer_of_a_proxy_have_one_time() {
    const LOOKUP: Duration = SHORT.saturating_mul(4);
    const LIMIT: Duration = SHORT.saturating_mul(5);
    thread::scope(|scope| {
        for connect in WAYS.into_iter().chain([dial as Connect]) {
            scope.spawn(move || {
                let (told, over) = mpsc::channel::<()>();
                let proxy = serve(move |mut conn| {
                    conn.read_request();
                    // In time for a limit of its own, and late for the one of both.
                    if over.recv_timeout(LOOKUP) == Err(mpsc::RecvTimeoutError::Timeout) {
                        conn.send(b"HTTP/1.1 200 OK\r\n\r\n");
                    }
                });
                let address = proxy.address;
                let config = Config::new()
                    .connect_timeout(LIMIT)
                    .proxy(Proxy::new("proxy.invalid").unwrap())
                    .resolver(move |_, _| {
                        // Real time: the resolver is the caller's own.
                        thread::sleep(LOOKUP);
                        Ok(vec![address])
                    });
                let stalls = Stalls::watch();
                let outcome = connect(&config, "ws://server.invalid/");
                stalls.took(LIMIT, LIMIT);
                assert!(
                    matches!(outcome, Err(Error::Timeout(Timeout::Connect))),
                    "{outcome:?}"
                );
                drop(told);
                proxy.join();
            });
        }
    });
}

/// The limit on a head holds for a proxy's. What there is behind the proxy is of no interest: it has gone by then.
// row: REQ-15, RSP-14
#[test]
fn a_head_of_as_many_octets_as_the_limit_is_the_longest() {
    let ways: Vec<_> = WAYS.into_iter().chain([dial as Connect]).collect();
    for octets in [300_u32, 20_000] {
        for limit in [octets, octets - 1] {
            for connect in &ways {
                let proxy = serve(move |mut conn| {
                    conn.read_request();
                    let (begin, end) = ("HTTP/1.1 200 OK\r\nX-Padding: ", "\r\n\r\n");
                    let padding = "x".repeat(octets as usize - begin.len() - end.len());
                    conn.send([begin, &padding, end].concat().as_bytes());
                });
                let config = Config::new()
                    .head_limit(limit)
                    .proxy(Proxy::new(&proxy.address.to_string()).unwrap());
                let outcome = connect(&config, "ws://server.invalid/");
                let too_large = matches!(
                    &outcome,
                    Err(Error::Proxy(ProxyError::HeadTooLarge { limit: told })) if *told == limit
                );
                assert_eq!(too_large, limit < octets, "{limit}: {outcome:?}");
                proxy.join();
            }
        }
    }
}
