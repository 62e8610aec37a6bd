//! What each call of the server promises to the test that it is for.

use std::io;

use crate::*;

// row: STA-01
#[test]
fn a_direction_holds_64_kib_and_then_the_client_waits() {
    const HOLDS: usize = 64 * 1024;
    let (client, mut server) = pair();
    assert_eq!(client.try_write(&vec![7; 3 * HOLDS]).unwrap(), HOLDS);
    let full = client.try_write(b"x").unwrap_err();
    assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
    // Writing nothing is no attempt.
    assert_eq!(client.try_write(b"").unwrap(), 0);
    // The other one is as long, and does not mind.
    server.patience(Duration::ZERO);
    server.send_octets(&vec![7; HOLDS]);
    let mut octets = vec![0; 3 * HOLDS];
    assert_eq!(client.try_read(&mut octets).unwrap(), HOLDS);
    assert!(octets[..HOLDS].iter().all(|octet| *octet == 7));
    let empty = client.try_read(&mut octets).unwrap_err();
    assert_eq!(empty.kind(), io::ErrorKind::WouldBlock);
}

// row: STA-01
#[test]
fn it_waits_for_ten_seconds_unless_it_is_told_otherwise() {
    let (_client, mut server) = pair();
    assert!(
        format!("{server:?}").contains("patience: 10s"),
        "{server:?}"
    );
    server.patience(SHORT);
    assert!(
        format!("{server:?}").contains("patience: 200ms"),
        "{server:?}"
    );
}

// row: STA-01
#[test]
fn the_request_is_read_once_and_shown_as_it_came() {
    let (client, mut server) = pair();
    let head = "GET /a?b=c HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\nX-B:  3 \r\n\r\n";
    client.try_write(head.as_bytes()).unwrap();
    // What comes behind it is the first frame.
    client.try_write(&[0x81, 0x81, 0, 0, 0, 0, b'x']).unwrap();
    for _ in 0..2 {
        let request = server.request();
        assert_eq!(request.path(), "/a?b=c");
        for name in ["X-A", "x-a", "X-a"] {
            assert_eq!(request.header(name), Some("1"));
        }
        let headers: Vec<_> = request.headers().collect();
        let wanted = [("Host", "h"), ("X-A", "1"), ("x-a", "2"), ("X-B", "3")];
        assert_eq!(headers, wanted);
    }
    assert_eq!(server.recv(), Some(OwnedMessage::from("x")));
}

// row: STA-01, RSP-02
#[test]
fn an_answer_of_its_own_is_exactly_that() {
    for (status, headers, body) in [
        (403, &[][..], &b""[..]),
        (500, &[("A", "1"), ("A", "2")], b"body"),
    ] {
        let (client, mut server) = pair();
        client.try_write(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        server.respond(status, headers, body);
        let mut octets = [0; 1000];
        let n = client.try_read(&mut octets).unwrap();
        let fields: String = headers
            .iter()
            .map(|(a, b)| format!("{a}: {b}\r\n"))
            .collect();
        let head = format!(
            "HTTP/1.1 {status} \r\nContent-Length: {}\r\n{fields}\r\n",
            body.len()
        );
        let wanted = [head.as_bytes(), body].concat();
        assert_eq!(
            String::from_utf8_lossy(&octets[..n]),
            String::from_utf8_lossy(&wanted)
        );
    }
}

/// Frames of a client's, masked with nothing.
fn frames(frames: &[(u8, &[u8])]) -> Vec<u8> {
    let frame = |(first, payload): &(u8, &[u8])| {
        let len = 0x80 | u8::try_from(payload.len()).unwrap();
        [&[*first, len, 0, 0, 0, 0], *payload].concat()
    };
    frames.iter().flat_map(frame).collect()
}

// row: STA-01
#[test]
fn it_receives_what_was_sent_and_ends_where_that_ends() {
    type Received = Option<OwnedMessage>;
    type Octets<'a> = &'a [(u8, &'a [u8])];
    let text = |text: &str| Some(OwnedMessage::from(text));
    let octets = |octets: &[u8]| Some(OwnedMessage::from(octets.to_vec()));
    // What is sent, what the next messages are, and which code the Close has.
    let table: [(Octets<'_>, [Received; 2], Option<u16>); 6] = [
        (
            &[(0x81, b"a"), (0x82, b"b")],
            [text("a"), octets(b"b")],
            None,
        ),
        // Control frames are passed over, before a message and within it.
        (
            &[
                (0x89, b""),
                (0x01, b"a"),
                (0x8a, b"x"),
                (0x00, b""),
                (0x80, b"b"),
            ],
            [text("ab"), None],
            None,
        ),
        (&[(0x02, b"a"), (0x80, b"b")], [octets(b"ab"), None], None),
        // A Close is the end.
        (
            &[(0x88, b""), (0x81, b"late")],
            [None, text("late")],
            Some(1005),
        ),
        (
            &[(0x81, b"a"), (0x88, &[3, 233, b'x'])],
            [text("a"), None],
            Some(1001),
        ),
        (&[], [None, None], None),
    ];
    for (sent, received, code) in table {
        let (client, mut server) = pair();
        client.try_write(&frames(sent)).unwrap();
        drop(client);
        for wanted in received {
            assert_eq!(server.recv(), wanted, "{sent:?}");
        }
        // Past all other frames.
        let (client, mut server) = pair();
        client.try_write(&frames(sent)).unwrap();
        drop(client);
        assert_eq!(server.recv_close().map(u16::from), code, "{sent:?}");
    }
}

// row: STA-01
#[test]
fn what_no_client_may_send_fails_the_script() {
    type Receive = fn(&mut Server);
    let message: Receive = |server| drop(server.recv());
    let frame: Receive = |server| drop(server.recv_frame());
    let close: Receive = |server| {
        server.recv_close();
    };
    let request: Receive = |server| drop(server.request());
    let accept: Receive = |server| drop(server.accept());
    for (octets, receive, says) in [
        (frames(&[(0xc1, b"a")]), message, "a compressed message"),
        (
            frames(&[(0x81, b"\xff")]),
            message,
            "text that is not UTF-8",
        ),
        (vec![0x81, 0x85, 0, 0], frame, "ended within a frame"),
        (vec![0x81, 0x85, 0, 0], message, "ended within a frame"),
        (vec![0x81, 0x85, 0, 0], close, "ended within a frame"),
        (vec![0x81, 0x01, 0], frame, "violates the protocol"),
        (frames(&[(0x91, b"")]), frame, "violates the protocol"),
        (
            b"GET / HTTP/1.1\r\n".to_vec(),
            request,
            "ended within its request",
        ),
        (
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            accept,
            "no opening handshake",
        ),
    ] {
        let (client, script) = serve(move |mut server| {
            server.patience(LONG);
            receive(&mut server);
        });
        client.try_write(&octets).unwrap();
        drop(client);
        let panic = script.join().unwrap_err();
        let said = panic.downcast_ref::<String>().cloned();
        let said = said.or_else(|| panic.downcast_ref::<&str>().map(|said| (*said).to_owned()));
        let said = said.unwrap();
        assert!(said.contains(says), "{octets:?}: {said}");
    }
    // A compressed frame is one to look at, though.
    let (client, mut server) = pair();
    client.try_write(&frames(&[(0xc1, b"a")])).unwrap();
    let seen = server.recv_frame().unwrap();
    assert!(seen.header.rsv1 && seen.payload == b"a");
}

// row: STA-01, CLS-05
#[test]
fn a_close_is_sent_as_it_was_told() {
    for (code, reason, wanted) in [
        (None, "", &[0x88, 0][..]),
        (Some(CloseCode::NORMAL), "", &[0x88, 2, 3, 232]),
        (Some(CloseCode(4000)), "hi", &[0x88, 4, 15, 160, b'h', b'i']),
    ] {
        let (client, mut server) = pair();
        server.close(code, reason);
        // Its direction is still open, and is ended by itself.
        let mut octets = [0; 10];
        assert_eq!(client.try_read(&mut octets).unwrap(), wanted.len());
        assert_eq!(octets[..wanted.len()], *wanted);
        assert!(client.try_read(&mut octets).is_err());
        server.end();
        assert_eq!(client.try_read(&mut octets).unwrap(), 0);
        // The client's can still be read.
        client.try_write(&frames(&[(0x81, b"x")])).unwrap();
        assert_eq!(server.recv(), Some(OwnedMessage::from("x")));
        drop(server);
        assert!(client.try_write(b"x").is_err());
    }
}

/// What is on its way may be a secret.
// row: LIV-24
#[test]
fn debug_of_the_client_shows_nothing_of_what_is_on_its_way() {
    let (client, mut server) = pair();
    client.try_write(b"s3cret").unwrap();
    server.send_octets(b"s3cret");
    let shown = format!("{client:?}");
    let numbers = format!("{:?}", b"s3cret");
    assert!(shown.contains("len: 6"), "{shown}");
    assert!(
        !shown.contains("s3cret") && !shown.contains(&numbers),
        "{shown}"
    );
}

/// It is a stream like another: what a configuration promises holds over it, and it counts as secure.
// row: REQ-16, STA-01
#[test]
fn a_configuration_holds_over_it_too() {
    let (client, script) = serve(|mut server| server.accept());
    assert!(client.is_secure());
    let config = Config::new()
        .credentials_in_uri(true)
        .origin("https://o.example");
    let socket = config.open("wss://u:p@example.org/a", client).unwrap();
    let request = script.join().unwrap();
    assert_eq!(request.header("authorization"), Some("Basic dTpw"));
    assert_eq!(request.header("origin"), Some("https://o.example"));
    assert_eq!(request.header("host"), Some("example.org"));
    assert!(socket.stream().is_secure());
    // What was lost was secure.
    let (client, mut server) = pair();
    server.end();
    let lost = Config::new().open(URI, client);
    assert!(
        matches!(lost, Err(Error::LostInHandshake { secure: true })),
        "{lost:?}"
    );
}

#[cfg(feature = "tokio")]
mod in_tokio {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt};
    use tokio::task::spawn_blocking;

    use super::*;

    // row: REQ-16, STA-01
    #[tokio::test]
    async fn a_configuration_holds_over_it_too() {
        for uri in ["wss://u:p@example.org/a", "ws://u:p@example.org/a"] {
            let (client, mut server) = pair();
            let script = spawn_blocking(move || server.accept());
            let config = Config::new()
                .credentials_in_uri(true)
                .origin("https://o.example");
            drop(client.open(&config, uri).await.unwrap());
            let request = script.await.unwrap();
            assert_eq!(request.header("authorization"), Some("Basic dTpw"));
            assert_eq!(request.header("origin"), Some("https://o.example"));
            assert_eq!(request.header("host"), Some("example.org"));
            let (client, mut server) = pair();
            server.end();
            let lost = client.open(&config, uri).await.map(drop).unwrap_err();
            let is_secure = uri.starts_with("wss");
            assert!(
                matches!(lost, Error::LostInHandshake { secure } if secure == is_secure),
                "{lost:?}"
            );
            let (client, _server) = pair();
            let wrong = Config::new().transmit_buffer(130);
            let refused = client.open(&wrong, "ws://h/").await.map(drop);
            assert!(matches!(refused, Err(Error::Setting(_))), "{refused:?}");
        }
    }

    // row: STA-02
    #[tokio::test(start_paused = true)]
    async fn the_handshake_has_its_time() {
        let (client, _server) = pair();
        let began = tokio::time::Instant::now();
        let config = Config::new().handshake_timeout(Duration::from_secs(30));
        let late = client.open(&config, URI).await.map(drop);
        assert!(
            matches!(late, Err(Error::Timeout(Timeout::Handshake))),
            "{late:?}"
        );
        assert_eq!(began.elapsed().as_secs(), 30);
    }

    // row: STA-01
    #[tokio::test]
    async fn it_reads_and_writes_as_any_stream_of_tokios() {
        let (mut client, mut server) = pair();
        let script = spawn_blocking(move || {
            server.send_octets(b"hello");
            let seen = server.recv_frame();
            (seen, server.recv_frame())
        });
        let mut octets = [0; 5];
        client.read_exact(&mut octets).await.unwrap();
        assert_eq!(&octets, b"hello");
        client.write_all(&frames(&[(0x81, b"x")])).await.unwrap();
        client.flush().await.unwrap();
        AsyncWriteExt::shutdown(&mut client).await.unwrap();
        let (seen, end) = script.await.unwrap();
        assert_eq!(seen.unwrap().payload, b"x");
        assert_eq!(end, None);
        // Its own direction is ended; of the other the server was dropped.
        assert_eq!(client.read(&mut octets).await.unwrap(), 0);
        assert!(client.write(b"x").await.is_err());
    }
}
