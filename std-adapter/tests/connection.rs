//! Opening, deadlines, redirects and ends, against servers that do what they should not.
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

mod peer;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use bare_ws_std::bare_ws::error::{Usage, Violation};
use bare_ws_std::bare_ws::header::FrameHeader;
use bare_ws_std::bare_ws::opcode::Opcode;
use bare_ws_std::{
    CloseCode, Config, Error, Message, MessageKind, RedirectError, Timeout, Untimed, WebSocket,
};
use peer::{LONG, Stalls, frame, serve, serve_many};

const SHORT: Duration = Duration::from_millis(200);

/// What has no deadline but those that a test sets.
fn patient() -> Config {
    Config::new()
        .connect_timeout(LONG)
        .handshake_timeout(LONG)
        .close_timeout(LONG)
}

/// Ends after `SHORT`.
fn in_time<T>(act: impl FnOnce() -> T) -> T {
    let stalls = Stalls::watch();
    let value = act();
    stalls.took(SHORT, SHORT);
    value
}

fn timeout<T>(result: Result<T, Error>) -> Timeout {
    match result {
        Err(Error::Timeout(timeout)) => timeout,
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("no error"),
    }
}

// row: SEED-05, SEED-17, SEED-20, SEED-15
#[test]
fn one_line_connects() {
    let peer = serve(|mut conn| {
        conn.accept();
        assert_eq!(conn.read_message(), (1, b"hello".to_vec()));
        conn.frame(0x82, b"there");
        assert_eq!(conn.read_close(), Some(1000));
        conn.close(1000, b"bye");
    });
    let mut socket = bare_ws_std::connect(&peer.uri()).unwrap();
    assert_eq!(socket.response().status(), 101);
    assert!(socket.response().header("SEC-websocket-accept").is_some());
    assert_eq!(socket.subprotocol(), None);
    assert!(socket.stream_is_immediate());
    socket.send("hello").unwrap();
    assert_eq!(socket.recv().unwrap(), Some(Message::Binary(b"there")));
    let status = socket.finish(Some(CloseCode::NORMAL), "").unwrap().unwrap();
    assert_eq!((status.code, status.reason), (CloseCode::NORMAL, "bye"));
    for _ in 0..3 {
        assert_eq!(socket.recv().unwrap(), None);
    }
    let refused = socket.send("more").unwrap_err();
    assert!(matches!(refused, Error::Usage(Usage::NotOpen)));
    peer.join();
}

/// TCP_NODELAY
trait Immediate {
    fn stream_is_immediate(&self) -> bool;
}

impl Immediate for WebSocket {
    fn stream_is_immediate(&self) -> bool {
        match self.stream() {
            bare_ws_std::Socket::Tcp(tcp) => tcp.nodelay().unwrap(),
            _ => false,
        }
    }
}

// row: SEED-04
#[test]
fn ipv6_and_names_connect() {
    let listener = TcpListener::bind("[::1]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let mut conn = peer::Conn::new(listener.accept().unwrap().0);
        conn.accept();
        conn.field("Host").unwrap().to_owned()
    });
    bare_ws_std::connect(&format!("ws://[::1]:{port}/")).unwrap();
    assert_eq!(server.join().unwrap(), format!("[::1]:{port}"));

    // Listens on IPv4 only, whatever the name resolves to first.
    let peer = serve(|mut conn| conn.accept());
    let uri = format!("ws://localhost:{}/", peer.address.port());
    bare_ws_std::connect(&uri).unwrap();
    peer.join();
}

// row: STA-02, TRAP-07, RSP-24
#[test]
fn the_handshake_has_one_deadline() {
    let config = patient().handshake_timeout(SHORT);
    let silent = serve(|mut conn| conn.sees_end());
    assert_eq!(
        timeout(in_time(|| config.connect(&silent.uri()))),
        Timeout::Handshake
    );
    silent.join();

    let drip = serve(|mut conn| {
        conn.read_request();
        conn.send(b"HTTP/1.1 101 x\r\nX: ");
        while conn.tcp.write_all(b"x").is_ok() {
            // Real time: each octet comes within the limit on silence, all of them do not.
            thread::sleep(SHORT / 10);
        }
    });
    assert_eq!(
        timeout(in_time(|| config.connect(&drip.uri()))),
        Timeout::Handshake
    );
    drip.join();
}

// row: STA-02
#[test]
fn connecting_has_a_deadline() {
    // A listener whose backlog is full does not answer.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    loop {
        match TcpStream::connect_timeout(&address, SHORT) {
            Ok(stream) => waiting.push(stream),
            Err(_) => break,
        }
        assert!(waiting.len() < 10_000, "the backlog has no end");
    }
    let config = patient().connect_timeout(SHORT);
    let result = in_time(|| config.connect(&format!("ws://{address}/")));
    assert_eq!(timeout(result), Timeout::Connect);
}

// row: STA-02
#[test]
fn the_limit_of_a_call_loses_nothing() {
    let peer = serve(|mut conn| {
        conn.accept();
        assert_eq!(conn.read_message(), (1, b"are you there?".to_vec()));
        // Half a frame is not lost by a limit.
        conn.send(&frame(0x81, b"yes")[..3]);
        // Real time: longer than the limit of the call that finds half a frame.
        thread::sleep(SHORT * 2);
        conn.send(&frame(0x81, b"yes")[3..]);
        conn.close(1000, b"");
        conn.read_close();
    });
    let mut socket = patient().connect(&peer.uri()).unwrap();
    let received = in_time(|| socket.recv_timeout(SHORT).map(drop));
    assert_eq!(timeout(received), Timeout::Call);
    socket.send("are you there?").unwrap();
    let mut limits = 0;
    loop {
        match socket.recv_timeout(SHORT) {
            Ok(Some(message)) => {
                assert_eq!(message, Message::Text("yes"));
                break;
            }
            Err(Error::Timeout(Timeout::Call)) => limits += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(limits >= 1);
    assert_eq!(socket.recv().unwrap(), None);
    peer.join();
}

// row: UTF-04
#[test]
fn text_that_pauses_is_refused_where_it_cannot_go_on_however_it_is_asked_for() {
    let header = [0x81, 126, 3, 232].as_slice();
    for begun in [[header, b"a\xff"].concat(), vec![1, 2, b'a', 0xff, 0x80]] {
        for limit in [None, Some(Duration::ZERO), Some(SHORT)] {
            let sent = begun.clone();
            let peer = serve(move |mut conn| {
                conn.accept();
                conn.send(&sent);
                conn.read_close()
            });
            let config = patient().silence_timeout(LONG);
            let mut socket = config.connect(&peer.uri()).unwrap();
            let refused = loop {
                let received = match limit {
                    Some(limit) => socket.recv_timeout(limit),
                    None => socket.recv(),
                };
                match received.map(drop) {
                    // Real time: a program that polls looks now and then.
                    Err(Error::Timeout(Timeout::Call)) => thread::sleep(SHORT / 50),
                    received => break received,
                }
            };
            assert!(
                matches!(refused, Err(Error::Peer(Violation::InvalidUtf8))),
                "{limit:?}: {refused:?}"
            );
            assert_eq!(peer.join(), Some(1007), "{limit:?}");
        }
    }
}

// row: STA-02
#[test]
fn a_silent_peer_is_told_that_we_go_away() {
    let peer = serve(|mut conn| {
        conn.accept();
        assert_eq!(conn.read_close(), Some(1001));
        assert!(conn.sees_end());
    });
    let config = patient().silence_timeout(SHORT);
    let mut socket = config.connect(&peer.uri()).unwrap();
    let received = in_time(|| socket.recv().map(drop));
    assert_eq!(timeout(received), Timeout::Silence);
    assert_eq!(timeout(socket.recv().map(drop)), Timeout::Silence);
    let refused = socket.send("late").unwrap_err();
    assert!(matches!(refused, Error::Timeout(Timeout::Silence)));
    peer.join();
}

// row: STA-02, STA-07
#[test]
fn a_peer_that_reads_nothing_stalls_a_send_and_only_that() {
    let peer = serve(|mut conn| {
        conn.accept();
        // Real time: the peer is there, and reads nothing, for longer than the limit.
        thread::sleep(SHORT * 5);
    });
    let config = patient().stall_timeout(SHORT).silence_timeout(SHORT / 4);
    let mut socket = config.connect(&peer.uri()).unwrap();
    let message = vec![0; 64 << 20];
    assert_eq!(timeout(socket.send(message.as_slice())), Timeout::Stall);
    assert_eq!(timeout(socket.recv().map(drop)), Timeout::Stall);
    peer.join();
}

// row: CLS-10, CLS-17
#[test]
fn after_both_closes_the_end_is_waited_for_but_not_for_ever() {
    let peer = serve(|mut conn| {
        conn.accept();
        conn.close(1001, b"");
        assert_eq!(conn.read_close(), Some(1001));
        assert!(conn.sees_end());
    });
    let config = patient().close_timeout(SHORT);
    let mut socket = config.connect(&peer.uri()).unwrap();
    let began = std::time::Instant::now();
    assert_eq!(socket.recv().unwrap(), None);
    assert!(began.elapsed() < SHORT, "it is known, and told at once");
    assert_eq!(socket.close_status().unwrap().code, CloseCode::GOING_AWAY);
    let finished = in_time(|| socket.finish(None, "").unwrap().map(|status| status.code));
    assert_eq!(finished, Some(CloseCode::GOING_AWAY));
    peer.join();
}

// row: CLS-11, TRAP-27
#[test]
fn an_unanswered_close_is_a_timeout_whatever_else_comes() {
    let data: [&[u8]; 3] = [b"", &frame(0x81, b"data"), &frame(0x89, b"ping")];
    for data in data.map(<[u8]>::to_vec) {
        let peer = serve(move |mut conn| {
            conn.accept();
            if data.is_empty() {
                assert!(conn.sees_end());
            } else {
                conn.send_for_ever(&data);
            }
        });
        let config = patient().close_timeout(SHORT);
        let mut socket = config.connect(&peer.uri()).unwrap();
        socket.close(None, "").unwrap();
        let result = in_time(|| {
            loop {
                match socket.recv() {
                    Ok(Some(message)) => assert_eq!(message, Message::Text("data")),
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            }
        });
        assert_eq!(timeout(result), Timeout::Close);
        assert_eq!(
            timeout(socket.recv().map(drop)),
            Timeout::Close,
            "from then on"
        );
        // A peer that sends sees the end of the transport only when the socket is gone.
        drop(socket);
        peer.join();
    }
}

// row: CLS-14, CLS-17, SEED-19
#[test]
fn the_close_of_a_failure_is_read_by_the_peer() {
    let peer = serve(|mut conn| {
        conn.accept();
        conn.frame(0x83, b"");
        // Octets that are never looked at must not turn the end into a reset.
        conn.send(&vec![0x55; 200_000]);
        // Real time: the system's buffers are full by then.
        thread::sleep(SHORT / 4);
        assert_eq!(conn.read_close(), Some(1002));
        assert_eq!(conn.tcp.read(&mut [0]).unwrap(), 0, "an end, not a reset");
    });
    let mut socket = bare_ws_std::connect(&peer.uri()).unwrap();
    let error = socket.recv().map(drop).unwrap_err();
    assert!(matches!(error, Error::Peer(_)), "{error:?}");
    assert!(socket.recv().is_err());
    peer.join();
}

// row: CLS-04, CLS-05
#[test]
fn a_close_that_must_not_be_sent_changes_nothing() {
    let peer = serve(|mut conn| {
        conn.accept();
        assert_eq!(conn.read_message(), (1, b"still open".to_vec()));
        assert_eq!(conn.read_close(), Some(4000));
        conn.close(4000, b"");
    });
    let config = patient().close_timeout(SHORT);
    let mut socket = config.connect(&peer.uri()).unwrap();
    for (code, reason) in [
        (Some(CloseCode::NO_STATUS), String::new()),
        (Some(CloseCode::NORMAL), "x".repeat(124)),
        (None, "x".to_owned()),
    ] {
        let error = socket.close(code, &reason).unwrap_err();
        assert!(matches!(error, Error::Usage(_)), "{error:?}");
    }
    // Nor has the close time-out begun.
    // Real time: longer than the close limit, had it begun.
    thread::sleep(SHORT * 2);
    socket.send("still open").unwrap();
    socket.finish(Some(CloseCode(4000)), "").unwrap();
    peer.join();
}

// row: CLS-15, TRAP-18
#[test]
fn ends_without_a_close_are_errors() {
    for (part, sends) in [(&b""[..], 0), (&[0x81], 0), (&[0x81, 5, b'a'], 0), (b"", 1)] {
        let peer = serve(move |mut conn| {
            conn.accept();
            conn.send(part);
            if sends > 0 {
                // Unread octets: the end is a reset.
                // Real time: the octets have arrived, and stay unread.
                thread::sleep(SHORT);
            }
        });
        let mut socket = bare_ws_std::connect(&peer.uri()).unwrap();
        for _ in 0..sends {
            socket.send("unread").unwrap();
        }
        let error = socket.recv().map(drop).unwrap_err();
        assert!(
            matches!(error, Error::Lost) && sends == 0
                || matches!(&error, Error::Io(e) if e.kind() == io::ErrorKind::ConnectionReset),
            "{error:?}"
        );
        peer.join();
    }
}

/// What has reset a connection, every call tells from then on, and not only the one that found out.
// row: CLS-15, TRAP-18, LIV-31
#[test]
fn a_reset_is_told_the_same_by_every_call() {
    fn reset<T>(result: Result<T, Error>, call: &str) {
        let code = match result.map(drop) {
            Err(Error::Io(error)) => error.raw_os_error(),
            other => panic!("{call}: {other:?}"),
        };
        let wanted = rustix::io::Errno::CONNRESET.raw_os_error();
        assert_eq!(code, Some(wanted), "{call}");
    }
    for level in [Level::Whole, Level::Chunks, Level::Frames] {
        let peer = serve(|mut conn| {
            conn.accept();
            // Unread octets: the end is a reset.
            // Real time: the octets have arrived, and stay unread.
            thread::sleep(SHORT);
        });
        let mut socket = bare_ws_std::connect(&peer.uri()).unwrap();
        socket.send("unread").unwrap();
        peer.join();
        let (octets, error) = received(level, &mut socket);
        assert_eq!(octets, 0);
        reset(Err::<(), _>(error.unwrap()), "the first");
        for _ in 0..2 {
            reset(socket.recv().map(drop), "recv");
            reset(socket.recv_timeout(SHORT).map(drop), "recv_timeout");
            reset(socket.recv_chunk().map(drop), "recv_chunk");
            reset(socket.recv_frame().map(drop), "recv_frame");
            reset(socket.send("more"), "send");
            reset(socket.ping(b""), "ping");
            reset(socket.writer.pong(b""), "pong");
            reset(socket.writer.queue("more"), "queue");
            reset(socket.writer.try_flush(), "try_flush");
            reset(socket.writer.flush(), "flush");
            let fragment = socket.writer.send_fragment(MessageKind::Text, b"", true);
            reset(fragment, "send_fragment");
            reset(socket.close(Some(CloseCode::NORMAL), ""), "close");
            reset(socket.finish(None, "").map(drop), "finish");
        }
    }
}

/// What a send finds is what every send tells from then on; what a receive finds, every receive.
// row: CLS-15, TRAP-18, LIV-31
#[test]
fn what_a_send_has_found_stays_too() {
    let peer = serve(|mut conn| {
        conn.accept();
        // Real time: the octets have arrived, and stay unread.
        thread::sleep(SHORT);
    });
    let mut socket = bare_ws_std::connect(&peer.uri()).unwrap();
    socket.send("unread").unwrap();
    peer.join();
    let code = |error: Error| match error {
        Error::Io(error) => error.raw_os_error(),
        error => panic!("{error:?}"),
    };
    let first = (0..100).find_map(|_| socket.send("more").err()).unwrap();
    let first = code(first);
    assert!(first.is_some());
    for _ in 0..2 {
        assert_eq!(code(socket.send("more").unwrap_err()), first);
        assert_eq!(code(socket.ping(b"").unwrap_err()), first);
        assert_eq!(code(socket.writer.flush().unwrap_err()), first);
        let frame = FrameHeader::new(Opcode::Text, true, 0);
        let framed = socket.writer.send_frame(frame, b"");
        assert_eq!(code(framed.unwrap_err()), first);
    }
    let received = format!("{:?}", socket.recv().map(drop).unwrap_err());
    for _ in 0..2 {
        assert_eq!(
            format!("{:?}", socket.recv().map(drop).unwrap_err()),
            received
        );
        assert_eq!(code(socket.send("more").unwrap_err()), first);
    }
}

/// Receives to the end, at one level: how many octets came, and what ended it.
fn received(level: Level, socket: &mut WebSocket) -> (usize, Option<Error>) {
    let mut octets = 0;
    loop {
        let more = match level {
            Level::Whole => socket.recv().map(|m| m.map(|m| m.as_bytes().len())),
            Level::Chunks => socket.recv_chunk().map(|c| c.map(|c| c.octets.len())),
            Level::Frames => socket.recv_frame().map(|frame| {
                frame.map(|frame| match frame.header.opcode.is_control() {
                    true => 0,
                    false => frame.payload.len(),
                })
            }),
        };
        match more {
            Ok(Some(more)) => octets += more,
            Ok(None) => return (octets, None),
            Err(error) => return (octets, Some(error)),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Level {
    Whole,
    Chunks,
    Frames,
}

// row: LIM-01, LIV-29
#[test]
fn each_level_has_its_own_limit() {
    const MIB: usize = 1 << 20;
    const N: u64 = 1000;
    let none = Config::new();
    let streams = Config::new().message_limit(1).stream_limit(N);
    let messages = Config::new().message_limit(N).stream_limit(1);
    let only_messages = Config::new().message_limit(1);
    for (config, level, (frames, each), limit) in [
        (&none, Level::Whole, (16, MIB), None),
        (&none, Level::Whole, (17, MIB), Some(16 << 20)),
        (&none, Level::Chunks, (20, MIB), None),
        (&none, Level::Frames, (20, MIB), None),
        (&streams, Level::Chunks, (1, 1000), None),
        (&streams, Level::Chunks, (1, 1001), Some(N)),
        (&streams, Level::Chunks, (91, 11), Some(N)),
        (&streams, Level::Frames, (2, 500), None),
        (&streams, Level::Frames, (91, 11), Some(N)),
        (&streams, Level::Whole, (1, 1), None),
        (&streams, Level::Whole, (2, 1), Some(1)),
        (&messages, Level::Whole, (2, 500), None),
        (&messages, Level::Whole, (91, 11), Some(N)),
        (&messages, Level::Chunks, (1, 2), Some(1)),
        (&messages, Level::Frames, (1, 2), Some(1)),
        (&only_messages, Level::Chunks, (91, 11), None),
    ] {
        let peer = serve(move |mut conn| {
            conn.accept();
            for at in 0..frames {
                let first = if at == 0 { 0x02 } else { 0x00 };
                let fin = if at + 1 == frames { 0x80 } else { 0x00 };
                conn.frame(first | fin, &vec![b'x'; each]);
            }
            conn.close(1000, b"");
            conn.read_close()
        });
        let case = format!("{level:?}, {frames} frames of {each}");
        let config = config.clone().close_timeout(LONG);
        let mut socket = config.connect(&peer.uri()).unwrap();
        let (octets, ended) = received(level, &mut socket);
        drop(socket);
        let code = peer.join();
        match (limit, ended) {
            (None, None) => assert_eq!((octets, code), (frames * each, Some(1000)), "{case}"),
            (Some(wanted), Some(Error::TooLong { needed, limit })) => {
                assert!(octets as u64 <= wanted && needed > limit, "{case}");
                assert_eq!((limit, code), (wanted, Some(1009)), "{case}");
            }
            other => panic!("{case}: {other:?}"),
        }
    }
}

// row: LIM-01, LIM-02
#[test]
fn the_limits_are_on_and_can_be_set() {
    assert_eq!(Config::new().limits().message, 16 << 20);
    assert_eq!(Config::new().limits().fragments, 1_000_000);
    for (n, too_many) in [(3u8, false), (4, true)] {
        let peer = serve(move |mut conn| {
            conn.accept();
            conn.frame(0x02, b"");
            for i in 2..=n {
                conn.frame(if i == n { 0x80 } else { 0 }, b"");
            }
            conn.read_close()
        });
        let config = Config::new().fragment_limit(3).close_timeout(SHORT);
        let mut socket = config.connect(&peer.uri()).unwrap();
        let result = socket.recv().map(|message| message.map(|_| ()));
        if too_many {
            assert!(matches!(result, Err(Error::TooManyFragments { limit: 3 })));
            assert_eq!(peer.join(), Some(1008));
        } else {
            assert_eq!(result.unwrap(), Some(()));
            drop(socket);
            assert_eq!(peer.join(), None);
        }
    }
}

// row: RSP-02, RSP-21, SEED-32
#[test]
fn a_rejection_has_its_status_and_headers() {
    for (answer, status, name, value) in [
        (
            "HTTP/1.1 401 U\r\nWWW-Authenticate: Basic realm=x\r\n\r\n<body>",
            401,
            "www-authenticate",
            "Basic realm=x",
        ),
        (
            "HTTP/1.1 302\r\nLocation:  /there \r\n\r\n",
            302,
            "LOCATION",
            "/there",
        ),
        (
            "HTTP/1.1 426 Upgrade\r\nSec-WebSocket-Version: 8\r\n\r\n",
            426,
            "sec-websocket-version",
            "8",
        ),
        (
            "HTTP/1.1 100 C\r\nRetry-After: 1\r\n\r\nHTTP/1.1 503 S\r\nRetry-After: 30\r\n\r\n",
            503,
            "retry-after",
            "30",
        ),
    ] {
        let peer = serve(move |mut conn| {
            conn.read_request();
            conn.send(answer.as_bytes());
        });
        match bare_ws_std::connect(&peer.uri()) {
            Err(Error::Rejected(response)) => {
                assert_eq!(response.status(), status);
                assert_eq!(response.header(name), Some(value));
                assert_eq!(response.headers().count(), 1);
                assert!(
                    !format!("{response:?}").contains(value),
                    "values may be secrets"
                );
            }
            other => panic!("{other:?}"),
        }
        peer.join();
    }
}

// row: RSP-03, TRAP-06
#[test]
fn redirects_are_followed_as_far_as_is_safe() {
    let target = serve(|mut conn| {
        conn.accept();
        (conn.request.clone(), conn.read_close())
    });
    let elsewhere = target.uri();
    let entry = serve_many(3, move |index, mut conn| {
        conn.read_request();
        assert!(
            conn.field("Authorization").is_some(),
            "the same server may know"
        );
        let location = match index {
            0 => "../b".to_owned(),
            1 => "?c".to_owned(),
            _ => format!("{elsewhere}d"),
        };
        conn.send(format!("HTTP/1.1 307 T\r\nLocation: {location}\r\n\r\n").as_bytes());
        conn.request.lines().next().unwrap().to_owned()
    });
    let config = Config::new()
        .redirects(3)
        .header("Authorization", "Basic eDp5")
        .header("X-Other", "1");
    drop(config.connect(&format!("{}x/a", entry.uri())).unwrap());
    assert_eq!(
        entry.join(),
        ["GET /x/a HTTP/1.1", "GET /b HTTP/1.1", "GET /b?c HTTP/1.1"]
    );
    let (request, _) = target.join();
    assert!(request.starts_with("GET /d HTTP/1.1"));
    assert!(
        !request.contains("Authorization") && !request.contains("X-Other"),
        "{request}"
    );

    let round = serve_many(4, |_, mut conn| {
        conn.read_request();
        conn.send(b"HTTP/1.1 302 T\r\nLocation: /again\r\n\r\n");
    });
    let result = Config::new().redirects(3).connect(&round.uri());
    assert!(matches!(
        result,
        Err(Error::Redirect(RedirectError::TooMany { .. }))
    ));
    round.join();

    for location in ["", "Location: ftp://x/\r\n", "Location: ws://a b/\r\n"] {
        let peer = serve(move |mut conn| {
            conn.read_request();
            conn.send(format!("HTTP/1.1 302 T\r\n{location}\r\n").as_bytes());
        });
        let result = Config::new().redirects(3).connect(&peer.uri());
        assert!(
            matches!(
                result,
                Err(Error::Redirect(
                    RedirectError::NoLocation | RedirectError::Location { .. }
                ))
            ),
            "{location}"
        );
        peer.join();
    }
}

// row: REQ-15
#[test]
fn a_connection_opens_over_any_stream() {
    let (ours, theirs) = io_pair();
    let server = thread::spawn(move || {
        let mut conn = peer::Conn::new(theirs);
        conn.accept();
        assert_eq!(conn.field("Host"), Some("example.org"));
        let message = conn.read_message();
        conn.close(1000, b"");
        (message, conn.read_close())
    });
    /// Gives and takes one octet at a time, and is interrupted in between.
    struct Slow(TcpStream, bool);
    impl Slow {
        fn interrupt(&mut self) -> io::Result<()> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            Ok(())
        }
    }
    impl Read for Slow {
        fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
            self.interrupt()?;
            self.0.read(octets.get_mut(..1).unwrap_or_default())
        }
    }
    impl Write for Slow {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.interrupt()?;
            self.0.write(octets.get(..1).unwrap_or_default())
        }
        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    }
    let stream = Untimed::new(Slow(ours, false));
    let mut socket = Config::new().open("ws://example.org/", stream).unwrap();
    socket
        .writer
        .send_fragment(MessageKind::Text, b"over ", false)
        .unwrap();
    socket
        .writer
        .send_fragment(MessageKind::Text, b"anything", true)
        .unwrap();
    assert_eq!(socket.recv().unwrap(), None);
    assert_eq!(
        server.join().unwrap(),
        ((1, b"over anything".to_vec()), Some(1000))
    );
}

fn io_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (ours, listener.accept().unwrap().0)
}

// row: RSP-25
#[test]
fn what_fails_before_or_in_the_handshake_says_so() {
    let error = bare_ws_std::connect("ftp://localhost/").unwrap_err();
    assert!(matches!(error, Error::Uri(_)), "{error:?}");
    if !cfg!(feature = "rustls") {
        let error = bare_ws_std::connect("wss://localhost/").unwrap_err();
        assert!(matches!(error, Error::NoTls), "{error:?}");
    }
    let peer = serve(|mut conn| conn.read_request());
    let error = bare_ws_std::connect(&peer.uri()).unwrap_err();
    assert!(matches!(error, Error::LostInHandshake { .. }), "{error:?}");
    peer.join();
}
