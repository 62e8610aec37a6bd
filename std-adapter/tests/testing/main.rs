//! The server in memory: what it shows of the client, and what the client makes of it.
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

#[path = "../peer/mod.rs"]
mod peer;
mod server;

use std::net::Shutdown;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bare_ws_std::bare_ws::header::FrameHeader;
use bare_ws_std::bare_ws::mask::MaskingKey;
use bare_ws_std::bare_ws::opcode::Opcode;
use bare_ws_std::testing::{Client, Server, pair};
use bare_ws_std::{
    CloseCode, Config, Error, Interest, OwnedMessage, Stream, Timeout, Violation, WebSocket,
};
use peer::{LONG, Stalls};

const SHORT: Duration = Duration::from_millis(200);
const URI: &str = "wss://example.org/chat?a=100";

fn serve<T: Send + 'static>(
    script: impl FnOnce(Server) -> T + Send + 'static,
) -> (Client, JoinHandle<T>) {
    let (client, server) = pair();
    (client, thread::spawn(move || script(server)))
}

fn opened<T: Send + 'static>(
    config: &Config,
    script: impl FnOnce(&mut Server) -> T + Send + 'static,
) -> (WebSocket<Client>, JoinHandle<(T, Server)>) {
    let (client, thread) = serve(|mut server| {
        server.accept();
        (script(&mut server), server)
    });
    (config.open(URI, client).unwrap(), thread)
}

// row: STA-01
#[test]
fn a_request_is_shown_and_answered() {
    // Paths of which the octets 9 to 11 of the line are digits, too.
    for path in ["/", "/chat?room=1", "/abc", "/abcd100"] {
        let (client, script) = serve(|mut server| {
            let request = server.accept_with(&[("Sec-WebSocket-Protocol", "b"), ("X-Y", "z")]);
            assert_eq!(server.request(), request);
            request
        });
        let config = Config::new()
            .subprotocol("a")
            .subprotocol("b")
            .header("X-App", "1");
        let socket = config
            .open(&format!("ws://example.org{path}"), client)
            .unwrap();
        assert_eq!(socket.subprotocol(), Some("b"));
        assert_eq!(socket.response().header("x-y"), Some("z"));
        let request = script.join().unwrap();
        assert_eq!(request.path(), path);
        assert_eq!(request.header("x-app"), Some("1"));
        assert_eq!(request.header("HOST"), Some("example.org"));
        assert_eq!(request.header("x-none"), None);
        assert!(request.headers().count() >= 7);
    }
    for (status, location) in [(403, None), (302, Some("/there"))] {
        let (client, script) = serve(move |mut server| {
            let headers: Vec<_> = location.map(|to| ("Location", to)).into_iter().collect();
            server.respond(status, &headers, b"no");
        });
        match Config::new().open(URI, client) {
            Err(Error::Rejected(response)) => {
                assert_eq!(response.status(), status);
                assert_eq!(response.header("location"), location);
                assert_eq!(response.body(), b"no");
            }
            other => panic!("{other:?}"),
        }
        script.join().unwrap();
    }
}

// row: STA-01
#[test]
fn messages_and_closes_go_both_ways() {
    // More than a direction holds, too.
    for len in [0, 1, 125, 126, 65_535, 65_536, 300_000] {
        let (mut socket, script) = opened(&Config::new(), move |server| {
            let text = server.recv();
            let octets = server.recv();
            server.send("x".repeat(len));
            server.send_frame(FrameHeader::new(Opcode::Binary, false, 1), b"a");
            server.send_frame(FrameHeader::new(Opcode::Ping, true, 1), b"p");
            server.send_frame(FrameHeader::new(Opcode::Continuation, true, 1), b"b");
            let pong = server.recv_frame().unwrap();
            assert_eq!(
                (pong.header.opcode, &pong.payload[..]),
                (Opcode::Pong, &b"p"[..])
            );
            let code = server.recv_close();
            server.close(Some(CloseCode::NORMAL), "bye");
            server.end();
            (text, octets, code, server.recv_frame())
        });
        socket.send("y".repeat(len)).unwrap();
        socket.ping(b"").unwrap();
        socket.send(vec![7; len]).unwrap();
        assert_eq!(
            socket.recv_owned().unwrap(),
            Some(OwnedMessage::from("x".repeat(len)))
        );
        assert_eq!(
            socket.recv_owned().unwrap(),
            Some(OwnedMessage::from(b"ab".to_vec()))
        );
        let status = socket
            .finish(Some(CloseCode::GOING_AWAY), "")
            .unwrap()
            .unwrap();
        assert_eq!((status.code, status.reason), (CloseCode::NORMAL, "bye"));
        let ((text, octets, code, rest), _) = script.join().unwrap();
        assert_eq!(text, Some(OwnedMessage::from("y".repeat(len))));
        assert_eq!(octets, Some(OwnedMessage::from(vec![7; len])));
        assert_eq!((code, rest), (Some(CloseCode::GOING_AWAY), None));
    }
}

// row: STA-01
#[test]
fn an_unlawful_server_is_noticed() {
    type Case = (fn(&mut Server), Violation);
    let cases: [Case; 4] = [
        (
            |server| {
                let mut header = FrameHeader::new(Opcode::Text, true, 0);
                header.rsv2 = true;
                server.send_frame(header, b"");
            },
            Violation::ReservedBit,
        ),
        (
            |server| {
                let mut header = FrameHeader::new(Opcode::Text, true, 0);
                header.masking_key = Some(MaskingKey::new([1; 4]));
                server.send_frame(header, b"");
            },
            Violation::Masked,
        ),
        (
            |server| server.send_octets(b"\x83\x00"),
            Violation::ReservedOpcode,
        ),
        (
            |server| server.send_octets(b"\x81\x01\xff"),
            Violation::InvalidUtf8,
        ),
    ];
    for (act, wanted) in cases {
        let (mut socket, script) = opened(&Config::new(), move |server| {
            act(server);
            server.recv_close()
        });
        match socket.recv() {
            Err(Error::Peer(violation)) => assert_eq!(violation, wanted),
            other => panic!("{other:?}"),
        }
        assert_eq!(script.join().unwrap().0, Some(wanted.close_code()));
    }
}

/// Behind its end a server sends nothing, and does not wait for room for it.
// row: STA-01
#[test]
fn a_server_that_has_ended_its_direction_waits_for_no_room() {
    let (client, mut server) = pair();
    server.patience(LONG);
    // As much as fits.
    server.send_octets(&[0; 64 * 1024]);
    server.end();
    server.send_octets(b"more");
    let mut octets = vec![0; 100_000];
    let read = client.try_read(&mut octets).unwrap();
    assert_eq!(read, 64 * 1024);
    assert_eq!(client.try_read(&mut octets).unwrap(), 0);
}

// row: STA-02
#[test]
fn a_server_that_is_slow_or_gone_is_noticed() {
    // It does not answer.
    let (client, server) = pair();
    let stalls = Stalls::watch();
    let outcome = Config::new().handshake_timeout(SHORT).open(URI, client);
    stalls.took(SHORT, SHORT);
    assert!(
        matches!(outcome, Err(Error::Timeout(Timeout::Handshake))),
        "{outcome:?}"
    );
    drop(server);
    // It is gone.
    let (client, server) = pair();
    drop(server);
    assert!(Config::new().open(URI, client).is_err());
    // It does not read.
    let (mut socket, script) = opened(&Config::new().stall_timeout(SHORT), |_| ());
    let (_, server) = script.join().unwrap();
    let stalls = Stalls::watch();
    let sent = socket.send(vec![0; 1 << 20]);
    stalls.took(SHORT, SHORT);
    assert!(
        matches!(sent, Err(Error::Timeout(Timeout::Stall))),
        "{sent:?}"
    );
    drop(server);
    // It ends without a Close, behind a message.
    let (mut socket, script) = opened(&Config::new(), |server| server.send("last"));
    drop(script.join().unwrap());
    assert_eq!(
        socket.recv_owned().unwrap(),
        Some(OwnedMessage::from("last"))
    );
    assert!(matches!(socket.recv(), Err(Error::Lost)));
    // It ends its direction, and reads on.
    let (mut socket, script) = opened(&Config::new(), |server| {
        server.end();
        server.recv()
    });
    socket.send("heard").unwrap();
    assert!(matches!(socket.recv(), Err(Error::Lost)));
    assert_eq!(script.join().unwrap().0, Some(OwnedMessage::from("heard")));
}

// row: STA-02
#[test]
fn a_client_that_is_silent_or_gone_fails_the_script() {
    let failure = |script: JoinHandle<()>| {
        let panic = script.join().unwrap_err();
        panic.downcast_ref::<String>().cloned().unwrap_or_default()
    };
    // Silent: the client is held.
    let stalls = Stalls::watch();
    let (_client, script) = serve(|mut server| {
        server.patience(SHORT);
        server.request();
    });
    assert!(failure(script).contains("sends nothing for 200ms"));
    stalls.took(SHORT, SHORT);
    let stalls = Stalls::watch();
    let (_client, script) = serve(|mut server| {
        server.patience(SHORT);
        server.send_octets(&[0; 1 << 17]);
    });
    assert!(failure(script).contains("reads nothing for 200ms"));
    stalls.took(SHORT, SHORT);
    // Gone: what is sent to it goes nowhere, and what is read of it ends.
    let (client, mut server) = pair();
    drop(client);
    server.send_octets(&[0; 1 << 17]);
    assert_eq!(server.recv_frame(), None);
    let (client, script) = serve(|mut server| {
        server.request();
    });
    client.try_write(b"GET / HTTP/1.1\r\n").unwrap();
    drop(client);
    assert!(script.join().is_err());
    // No handshake, and no frame.
    let (client, script) = serve(|mut server| {
        server.accept();
    });
    client
        .try_write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    assert!(failure(script).contains("no opening handshake"));
    let (client, script) = serve(|mut server| {
        server.recv_frame();
    });
    client.try_write(b"\x81\x00").unwrap();
    assert!(failure(script).contains("violates the protocol"));
}

// row: STA-02, LIV-15
#[test]
fn it_keeps_the_promises_of_a_stream() {
    const BOTH: Interest = Interest {
        read: true,
        write: true,
    };
    const NONE: Interest = Interest {
        read: false,
        write: false,
    };
    const READ: Interest = Interest {
        read: true,
        write: false,
    };
    let (client, server) = pair();
    // There is room, and nothing to read.
    client.wait(BOTH, Some(LONG)).unwrap();
    for interest in [READ, NONE] {
        let stalls = Stalls::watch();
        client.wait(interest, Some(SHORT)).unwrap();
        stalls.took(SHORT, SHORT);
    }
    // Whoever waits is woken by the end of both directions, whatever is waited for.
    thread::scope(|scope| {
        let stalls = Stalls::watch();
        let waiting = [READ, NONE].map(|interest| {
            let client = &client;
            scope.spawn(move || client.wait(interest, Some(LONG)))
        });
        // Real time: only then does the other thread wait in the stream.
        thread::sleep(Duration::from_millis(20));
        client.shutdown(Shutdown::Write).unwrap();
        client.shutdown(Shutdown::Read).unwrap();
        for waiting in waiting {
            waiting.join().unwrap().unwrap();
        }
        stalls.took(Duration::ZERO, Duration::from_millis(20));
    });
    client.wait(NONE, Some(LONG)).unwrap();
    assert_eq!(client.try_read(&mut [0; 9]).unwrap(), 0);
    assert!(client.try_write(b"x").is_err());
    drop(server);
    // An abort wakes a receive.
    let (mut socket, script) = opened(&Config::new(), |_| ());
    let handle = socket.abort_handle();
    let server = script.join().unwrap();
    let aborts = thread::spawn(move || {
        // Real time: only then does the receive below wait.
        thread::sleep(Duration::from_millis(20));
        handle.abort();
    });
    assert!(matches!(socket.recv(), Err(Error::Aborted)));
    aborts.join().unwrap();
    drop(server);
}

/// The same client in tokio.
#[cfg(feature = "tokio")]
mod in_tokio {
    use bare_ws_std::tokio::WebSocket;
    use tokio::task::spawn_blocking;

    use super::*;

    type Script<T> = tokio::task::JoinHandle<(T, Server)>;

    async fn opened<T: Send + 'static>(
        config: &Config,
        uri: &str,
        script: impl FnOnce(&mut Server) -> T + Send + 'static,
    ) -> (WebSocket<Client>, Script<T>) {
        let (client, mut server) = pair();
        let script = spawn_blocking(move || {
            server.accept();
            (script(&mut server), server)
        });
        (client.open(config, uri).await.unwrap(), script)
    }

    // row: STA-01
    #[tokio::test]
    async fn messages_and_closes_go_both_ways() {
        // More than a direction holds, too.
        for (uri, len) in [(URI, 0), ("ws://example.org/", 125), (URI, 300_000)] {
            let (mut socket, script) = opened(&Config::new(), uri, move |server| {
                let message = server.recv();
                server.send("x".repeat(len));
                let code = server.recv_close();
                server.close(Some(CloseCode::NORMAL), "bye");
                server.end();
                (message, code, server.recv_frame())
            })
            .await;
            socket.send("y".repeat(len)).await.unwrap();
            let message = socket.recv_owned().await.unwrap();
            assert_eq!(message, Some(OwnedMessage::from("x".repeat(len))));
            let status = socket.finish(CloseCode::GOING_AWAY, "").await.unwrap();
            let status = status.unwrap();
            assert_eq!((status.code, status.reason), (CloseCode::NORMAL, "bye"));
            let ((message, code, end), _) = script.await.unwrap();
            assert_eq!(message, Some(OwnedMessage::from("y".repeat(len))));
            assert_eq!((code, end), (Some(CloseCode::GOING_AWAY), None));
        }
    }

    // row: STA-01
    #[tokio::test]
    async fn each_end_sees_the_others_end() {
        let (socket, script) = opened(&Config::new(), URI, Server::recv_frame).await;
        drop(socket);
        assert_eq!(script.await.unwrap().0, None);
        let (mut socket, script) = opened(&Config::new(), URI, |_| ()).await;
        drop(script.await.unwrap());
        assert!(matches!(socket.recv().await, Err(Error::Lost)));
        // Nobody answers: the client that is dropped meanwhile is gone.
        let (client, mut server) = pair();
        let config = Config::new();
        let opening = client.open(&config, URI);
        assert!(tokio::time::timeout(SHORT, opening).await.is_err());
        let seen = spawn_blocking(move || (server.request(), server.recv_frame()));
        assert_eq!(seen.await.unwrap().1, None);
    }

    // row: STA-02
    #[tokio::test(start_paused = true)]
    async fn hours_pass_at_once_where_the_clock_is_paused() {
        let stalls = Stalls::watch();
        let hour = Duration::from_secs(3600);
        let config = Config::new().silence_timeout(hour).stall_timeout(2 * hour);
        let (mut socket, script) = opened(&config, URI, |_| ()).await;
        let server = script.await.unwrap();
        let began = tokio::time::Instant::now();
        // More than the direction holds, and nobody reads.
        let sent = socket.send(vec![0; 300_000]).await;
        assert!(matches!(sent, Err(Error::Timeout(Timeout::Stall))));
        assert_eq!(began.elapsed().as_secs(), 2 * 3600);
        drop(server);
        let (mut socket, script) = opened(&config, URI, |_| ()).await;
        let _server = script.await.unwrap();
        let received = socket.recv().await;
        assert!(matches!(received, Err(Error::Timeout(Timeout::Silence))));
        assert_eq!(began.elapsed().as_secs(), 3 * 3600);
        stalls.took(Duration::ZERO, SHORT);
    }

    // row: LIV-26
    #[tokio::test]
    async fn it_is_any_stream_of_tokios() {
        let (client, mut server) = pair();
        let script = spawn_blocking(move || {
            server.accept();
            server.recv()
        });
        let mut socket = bare_ws_std::tokio::open(&Config::new(), "ws://a/", client)
            .await
            .unwrap();
        socket.send("hi").await.unwrap();
        assert_eq!(script.await.unwrap(), Some(OwnedMessage::from("hi")));
        drop(socket);
        // Over which wss is TLS.
        let (client, mut server) = pair();
        let first = spawn_blocking(move || {
            server.patience(LONG);
            server.recv_frame()
        });
        let config = Config::new().handshake_timeout(SHORT);
        let outcome = bare_ws_std::tokio::open(&config, "wss://localhost/", client);
        assert!(outcome.await.is_err());
        assert!(first.await.is_err());
    }
}
