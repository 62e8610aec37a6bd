//! Opening, deadlines, redirects and ends, against servers that do what they should not.
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

mod ends;
mod limits;
#[path = "../peer/mod.rs"]
mod peer;
mod promises;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc;
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
    let (told, over) = mpsc::channel();
    let peer = serve(move |mut conn| {
        conn.accept();
        assert_eq!(conn.read_message(), (1, b"are you there?".to_vec()));
        // Half a frame is not lost by a limit.
        conn.send(&frame(0x81, b"yes")[..3]);
        over.recv_timeout(LONG).unwrap();
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
            Err(Error::Timeout(Timeout::Call)) => {
                limits += 1;
                let _ = told.send(());
            }
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
    let (told, over) = mpsc::channel::<()>();
    let peer = serve(move |mut conn| {
        conn.accept();
        let _ = over.recv_timeout(LONG);
    });
    let config = patient().stall_timeout(SHORT).silence_timeout(SHORT / 4);
    let mut socket = config.connect(&peer.uri()).unwrap();
    let message = vec![0; 64 << 20];
    assert_eq!(timeout(socket.send(message.as_slice())), Timeout::Stall);
    assert_eq!(timeout(socket.recv().map(drop)), Timeout::Stall);
    drop(told);
    peer.join();
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
    let mut socket = patient().open("ws://example.org/", stream).unwrap();
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
