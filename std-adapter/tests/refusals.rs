//! What is kept of a server's refusal, and how long that may take. Blocking and in tokio.
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

mod peer;

use std::io::{self, Read as _};
use std::net::Shutdown;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bare_ws_std::{Config, Error, Interest, Response, Stream};
use peer::{LONG, Stalls, serve};

/// How a connection is made.
type Connect = fn(&Config, &str) -> Result<(), Error>;

fn blocking(config: &Config, uri: &str) -> Result<(), Error> {
    config.connect(uri).map(drop)
}

#[cfg(feature = "tokio")]
fn tokio(config: &Config, uri: &str) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let connecting = bare_ws_std::tokio::connect_with(config, uri);
    runtime.unwrap().block_on(connecting).map(drop)
}

#[cfg(feature = "tokio")]
const WAYS: [Connect; 2] = [blocking, tokio];
#[cfg(not(feature = "tokio"))]
const WAYS: [Connect; 1] = [blocking];

fn rejected(outcome: Result<(), Error>) -> Response {
    match outcome {
        Err(Error::Rejected(response)) => *response,
        other => panic!("{other:?}"),
    }
}

/// What a client keeps of these octets, each piece of which comes when the one before was read.
fn refusal(connect: Connect, pieces: &[Vec<u8>]) -> Response {
    for _ in 0..20 {
        let pieces = pieces.to_vec();
        let peer = serve(move |mut conn| {
            conn.read_request();
            for piece in pieces {
                conn.send(&piece);
            }
        });
        let config = Config::new().connect_timeout(LONG).handshake_timeout(LONG);
        let stalls = Stalls::watch();
        let outcome = connect(&config, &peer.uri());
        let lost = stalls.lost();
        peer.join();
        // The second for the body passes while the machine stops, too.
        if lost < Duration::from_millis(500) {
            return rejected(outcome);
        }
    }
    panic!("the machine never let a body come without a stop");
}

// row: RSP-01, RSP-22
#[test]
fn of_a_body_64_kib_are_kept_and_no_more() {
    const MOST: usize = 64 * 1024;
    for connect in WAYS {
        for octets in [0, 1, 4096, MOST - 1, MOST, MOST + 1, 2 * MOST] {
            let body: Vec<u8> = (0..octets).map(|at| (at % 251) as u8).collect();
            let chunked: Vec<u8> = body
                .chunks(1000)
                .flat_map(|chunk| {
                    let size = format!("{:x}\r\n", chunk.len()).into_bytes();
                    [&size, chunk, b"\r\n"].concat()
                })
                .chain(*b"0\r\n\r\n")
                .collect();
            for (field, sent) in [
                (format!("Content-Length: {octets}"), &body),
                ("Transfer-Encoding: chunked".to_owned(), &chunked),
                ("X-Length: none".to_owned(), &body),
            ] {
                let head = format!("HTTP/1.1 403 x\r\n{field}\r\n\r\n").into_bytes();
                let together = vec![[&head[..], sent].concat()];
                let apart = std::iter::once(head)
                    .chain(sent.chunks(20_000).map(<[u8]>::to_vec))
                    .collect();
                for pieces in [together, apart] {
                    let response = refusal(connect, &pieces);
                    assert_eq!(response.status(), 403);
                    let kept = &body[..octets.min(MOST)];
                    assert!(
                        response.body() == kept,
                        "{field}: {}",
                        response.body().len()
                    );
                }
            }
        }
    }
}

/// Answers with half of a body, and keeps for how long the rest is waited for, each time.
struct Half {
    rest: Mutex<&'static [u8]>,
    waits: Mutex<Vec<Option<Duration>>>,
    /// Another octet comes in the first half of each wait.
    drips: bool,
}

impl Stream for Half {
    fn try_read(&self, octets: &mut [u8]) -> io::Result<usize> {
        let mut rest = self.rest.lock().unwrap();
        match rest.read(octets)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            n => Ok(n),
        }
    }

    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        Ok(octets.len())
    }

    fn wait(&self, _: Interest, limit: Option<Duration>) -> io::Result<()> {
        self.waits.lock().unwrap().push(limit);
        let limit = limit.unwrap_or(LONG);
        let time = if self.drips { limit / 2 } else { limit };
        // Real time: that of the limit.
        std::thread::sleep(time);
        if self.drips {
            *self.rest.lock().unwrap() = b"-";
        }
        Ok(())
    }

    fn shutdown(&self, _: Shutdown) -> io::Result<()> {
        Ok(())
    }
}

/// A body that does not end is waited for a second at most, and within the handshake's limit: what comes of it meanwhile
/// gains no time.
// row: RSP-01, STA-02
#[test]
fn a_body_is_waited_for_a_second_at_most_and_within_the_handshakes_limit() {
    const SECOND: Duration = Duration::from_secs(1);
    const SHORT: Duration = Duration::from_millis(300);
    for (limit, most, drips) in [
        (Some(SHORT), SHORT, false),
        (Some(LONG), SECOND, false),
        (None, SECOND, false),
        (Some(SHORT), SHORT, true),
        (Some(LONG), SECOND, true),
        (None, SECOND, true),
    ] {
        let config = Config::new().handshake_timeout(limit);
        let waits = loop {
            let stream = Arc::new(Half {
                rest: Mutex::new(b"HTTP/1.1 403 x\r\nContent-Length: 9\r\n\r\nhalf"),
                waits: Mutex::default(),
                drips,
            });
            let opened = config.open("ws://h/", Shared(Arc::clone(&stream)));
            match opened.map(drop) {
                Err(Error::Rejected(response)) => {
                    assert_eq!(response.status(), 403);
                    let rest = response.body().strip_prefix(b"half").unwrap();
                    assert!(rest.iter().all(|octet| *octet == b'-'));
                    assert_ne!(rest.is_empty(), drips);
                    break stream.waits.lock().unwrap().clone();
                }
                // A busy machine may take longer than that for the answer alone.
                Err(Error::Timeout(_)) => {}
                other => panic!("{other:?}"),
            }
        };
        assert!(!waits.is_empty());
        let mut most = most;
        for wait in waits {
            let wait = wait.expect("a limit");
            assert!(!wait.is_zero() && wait <= most, "{limit:?}: {wait:?}");
            most = most.saturating_sub(wait / 2);
        }
    }
}

/// The same stream, which the test looks at afterwards.
struct Shared(Arc<Half>);

impl Stream for Shared {
    fn try_read(&self, octets: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(octets)
    }

    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        self.0.try_write(octets)
    }

    fn wait(&self, interest: Interest, limit: Option<Duration>) -> io::Result<()> {
        self.0.wait(interest, limit)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.shutdown(how)
    }
}

/// The same in tokio, by a clock that is paused, to the millisecond.
// row: RSP-01, STA-02
#[cfg(feature = "tokio")]
#[test]
fn a_body_is_waited_for_a_second_in_tokio() {
    use ::tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use ::tokio::time::{Instant, sleep};

    let runtime = ::tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        for (limit, millis, body) in [
            (Some(10_000), 1000, "half"),
            (None, 1000, "half"),
            (Some(1000), 1000, "half"),
            (Some(300), 300, "half"),
            // An octet each 400 ms gains no time.
            (Some(10_000), 1000, "half--"),
            (None, 1000, "half--"),
            (Some(500), 500, "half-"),
        ] {
            let (ours, mut theirs) = duplex(4096);
            let config = Config::new().handshake_timeout(limit.map(Duration::from_millis));
            let began = Instant::now();
            let asking = async {
                let outcome = bare_ws_std::tokio::open(&config, "ws://h/", ours).await;
                (outcome.map(drop), began.elapsed().as_millis())
            };
            let answering = async {
                let mut request = [0; 1024];
                let _ = theirs.read(&mut request).await.unwrap();
                let answer = b"HTTP/1.1 403 x\r\nContent-Length: 9\r\n\r\nhalf";
                theirs.write_all(answer).await.unwrap();
                let mut drips = body != "half";
                while drips {
                    sleep(Duration::from_millis(400)).await;
                    drips = theirs.write_all(b"-").await.is_ok();
                }
            };
            let ((outcome, passed), ()) = ::tokio::join!(asking, answering);
            assert_eq!(passed, millis, "{limit:?}");
            assert_eq!(rejected(outcome).body(), body.as_bytes(), "{limit:?}");
        }
    });
}

// row: RSP-02, RSP-12
#[test]
fn header_fields_are_there_as_the_server_wrote_them() {
    let head =
        b"HTTP/1.1 403 x\r\nB-Field:  one \r\na-field:\ttwo\r\nno field\r\nB-FIELD: three\r\n\
                 Octets: \xff\r\nEmpty:\r\n\r\n";
    for connect in WAYS {
        let response = refusal(connect, &[head.to_vec()]);
        let fields: Vec<_> = response.headers().collect();
        let wanted: [(&str, &[u8]); 5] = [
            ("B-Field", b"one"),
            ("a-field", b"two"),
            ("B-FIELD", b"three"),
            ("Octets", b"\xff"),
            ("Empty", b""),
        ];
        assert_eq!(fields, wanted);
        for (name, value) in [
            // The first of that name, in any case.
            ("b-field", Some("one")),
            ("B-FIELD", Some("one")),
            ("A-Field", Some("two")),
            ("empty", Some("")),
            // What is no text is none.
            ("octets", None),
            ("c-field", None),
        ] {
            assert_eq!(response.header(name), value, "{name}");
        }
    }
}

/// Neither values nor the body: both may be secrets.
// row: TRAP-30
#[test]
fn debug_of_a_refusal_shows_names_alone() {
    for connect in WAYS {
        let answer =
            b"HTTP/1.1 403 s3cret\r\nSet-Cookie: s3cret\r\nContent-Length: 6\r\n\r\ns3cret";
        let response = refusal(connect, &[answer.to_vec()]);
        let numbers = format!("{:?}", b"s3cret");
        let numbers = numbers.trim_matches(['[', ']']);
        for shown in [
            format!("{response:?}"),
            format!("{:?}", response.clone()),
            format!("{:?}", Error::Rejected(Box::new(response.clone()))),
        ] {
            assert!(
                shown.contains("Set-Cookie") && shown.contains("403"),
                "{shown}"
            );
            assert!(
                !shown.contains("s3cret") && !shown.contains(numbers),
                "{shown}"
            );
        }
    }
}

/// Text, and JSON as servers explain themselves in.
// row: RSP-02
#[test]
fn what_a_server_says_in_words_is_in_the_error() {
    for (kind, is_said) in [
        ("text/plain", true),
        ("Text/HTML; charset=utf-8", true),
        ("application/json", true),
        ("APPLICATION/JSON; charset=utf-8", true),
        ("application/problem+json", true),
        ("application/octet-stream", false),
        ("image/png", false),
        ("", false),
    ] {
        let field = match kind {
            "" => String::new(),
            kind => format!("Content-Type: {kind}\r\n"),
        };
        let answer = format!("HTTP/1.1 403 x\r\n{field}Content-Length: 8\r\n\r\nno  such");
        let response = refusal(blocking, &[answer.into_bytes()]);
        let text = Error::Rejected(Box::new(response)).to_string();
        assert_eq!(text.ends_with(": \"no such\""), is_said, "{kind}: {text}");
        assert_eq!(text.contains("such"), is_said, "{kind}: {text}");
    }
}

/// Where a Location says no more than where a page is, what the server says in words is told.
// row: RSP-02
#[test]
fn a_location_is_in_the_error_of_a_redirect_alone() {
    for status in [300, 301, 302, 303, 304, 307, 308, 401, 503] {
        let redirects = matches!(status, 301 | 302 | 303 | 307 | 308);
        let answer = format!(
            "HTTP/1.1 {status} x\r\nLocation: /there\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nbusy"
        );
        let response = refusal(blocking, &[answer.into_bytes()]);
        let text = Error::Rejected(Box::new(response)).to_string();
        assert_eq!(text.contains("/there"), redirects, "{status}: {text}");
        assert_eq!(text.contains("redirects"), redirects, "{status}: {text}");
    }
}
