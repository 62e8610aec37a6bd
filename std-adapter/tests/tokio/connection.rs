//! Connections from their opening to their end.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bare_ws_std::bare_ws::error::Usage;
use bare_ws_std::tokio::{Reader, WebSocket, Writer, connect, connect_with, open};
use bare_ws_std::{CloseCode, Config, Error, KeepAlive, Message, Timeout};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf, duplex};
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep, timeout};

use crate::server::{Server, certificate, frame, listener, serve};

pub(crate) const URI: &str = "ws://localhost/";

/// A client and its server over memory.
pub(crate) async fn pair(
    config: &Config,
    room: usize,
) -> (WebSocket<DuplexStream>, Server<DuplexStream>) {
    let (ours, theirs) = duplex(room);
    let mut server = Server::over(theirs);
    let (socket, ()) = tokio::join!(open(config, URI, ours), server.accept());
    (socket.unwrap(), server)
}

// row: SEED-01, SEED-05
#[tokio::test]
async fn connects_sends_receives_and_finishes() {
    let (uri, server) = serve(|mut server| async move {
        server.accept().await;
        server.echo().await;
        server.request
    })
    .await;
    let mut socket = connect(&uri).await.unwrap();
    assert_eq!(socket.response().status(), 101);
    socket.send("hello").await.unwrap();
    assert_eq!(socket.recv().await.unwrap(), Some(Message::Text("hello")));
    let long = vec![7; 100_000];
    socket.send(long.as_slice()).await.unwrap();
    let chunk = socket.recv_chunk().await.unwrap().unwrap();
    assert_eq!(chunk.octets[..], long[..chunk.octets.len()]);
    let status = socket.finish(Some(CloseCode::NORMAL), "").await.unwrap();
    assert_eq!(status.unwrap().code, CloseCode::NORMAL);
    assert!(matches!(
        socket.send("late").await,
        Err(Error::Usage(Usage::NotOpen))
    ));
    assert_eq!(socket.recv().await.unwrap(), None);
    assert!(server.await.unwrap().starts_with("GET / HTTP/1.1\r\n"));
}

// row: STA-06
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn halves_and_clones_are_used_from_many_tasks() {
    const TASKS: u32 = 20;
    const EACH: u32 = 50;
    let (uri, server) = serve(|mut server| async move {
        server.accept().await;
        server.echo().await;
    })
    .await;
    // The peer's Close comes behind all echoes.
    let config = Config::new().close_timeout(Duration::from_secs(60));
    let (mut reader, writer) = connect_with(&config, &uri).await.unwrap().split();
    let receiving = tokio::spawn(async move {
        let mut next = [0; TASKS as usize];
        for _ in 0..TASKS * EACH {
            let message = reader.recv().await.unwrap().unwrap();
            let octets = message.as_bytes();
            let (task, number) = (
                octets[0],
                u32::from_be_bytes(octets[1..5].try_into().unwrap()),
            );
            assert!(octets[5..].iter().all(|octet| *octet == task));
            // In the order in which each task has sent.
            assert_eq!(next[usize::from(task)], number);
            next[usize::from(task)] += 1;
        }
        reader.finish().await.map(|status| status.unwrap().code)
    });
    let sending: Vec<_> = (0..TASKS)
        .map(|task| {
            let writer = writer.clone();
            tokio::spawn(async move {
                for number in 0..EACH {
                    let mut message = vec![task as u8; if number % 10 == 0 { 40_000 } else { 40 }];
                    message[1..5].copy_from_slice(&number.to_be_bytes());
                    writer.send(message.as_slice()).await.unwrap();
                }
            })
        })
        .collect();
    for task in sending {
        task.await.unwrap();
    }
    writer.close(Some(CloseCode::NORMAL), "").await.unwrap();
    assert_eq!(receiving.await.unwrap().unwrap(), CloseCode::NORMAL);
    server.await.unwrap();
}

/// A stream that must not leave its thread.
struct Local(
    DuplexStream,
    #[allow(dead_code, reason = "it is not Send")] Rc<()>,
);

impl AsyncRead for Local {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Local {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

// row: STA-06
#[tokio::test]
async fn a_local_set_takes_streams_of_one_thread() {
    let local = LocalSet::new();
    local
        .run_until(async {
            let (ours, theirs) = duplex(100);
            let server = tokio::task::spawn_local(async move {
                let mut server = Server::over(theirs);
                server.accept().await;
                server.echo().await;
            });
            let ours = Local(ours, Rc::new(()));
            let socket = open(&Config::new(), URI, ours).await.unwrap();
            let (mut reader, writer) = socket.split();
            let sending = tokio::task::spawn_local(async move {
                writer.send([1; 1000].as_slice()).await.unwrap();
                writer.close(None, "").await.unwrap();
            });
            let message = reader.recv().await.unwrap();
            assert_eq!(message, Some(Message::Binary(&[1; 1000])));
            reader.finish().await.unwrap();
            sending.await.unwrap();
            server.await.unwrap();
        })
        .await;
}

#[test]
fn what_is_split_may_be_spawned() {
    fn may_be_spawned<T: Send + 'static>(_: fn() -> T) {}
    fn is_send<T: Send>(_: &T) {}
    may_be_spawned::<WebSocket>(|| unreachable!());
    may_be_spawned::<Reader>(|| unreachable!());
    may_be_spawned::<Writer>(|| unreachable!());
    is_send(&connect(URI));
    let calls = async |reader: &mut Reader, writer: &Writer| {
        let _ = reader.recv().await;
        let _ = writer.send("x").await;
    };
    let _ = calls;
    let all = async |mut reader: Reader, writer: Writer| {
        is_send(&reader.recv());
        is_send(&reader.recv_chunk());
        is_send(&reader.recv_frame());
        is_send(&reader.finish());
        is_send(&writer.send("x"));
        is_send(&writer.close(None, ""));
        is_send(&writer.flush());
    };
    let _ = all;
}

// row: SEED-06, REQ-14
#[tokio::test]
async fn wss_verifies_whom_the_configuration_trusts() {
    let (tls, acceptor) = certificate();
    let listener = listener().await;
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        for _ in 0..3 {
            let (tcp, _) = listener.accept().await.unwrap();
            let Ok(tls) = acceptor.accept(tcp).await else {
                continue;
            };
            let mut server = Server::over(tls);
            server.accept().await;
            server.echo().await;
        }
    });
    let uri = format!("wss://localhost:{port}/");
    let config = Config::new()
        .tls(tls.clone())
        .resolver(|_, port| Ok(vec![([127, 0, 0, 1], port).into()]));
    let mut socket = connect_with(&config, &uri).await.unwrap();
    let long = vec![9; 200_000];
    for _ in 0..3 {
        // Beside each other: the peer echoes before it has read all.
        let WebSocket { reader, writer, .. } = &mut socket;
        let (sent, received) = tokio::join!(writer.send(long.as_slice()), async {
            reader
                .recv()
                .await
                .map(|message| message == Some(Message::Binary(&long)))
        });
        sent.unwrap();
        assert!(received.unwrap());
    }
    socket.finish(Some(CloseCode::NORMAL), "").await.unwrap();

    // Over a stream that somebody else has connected.
    let tcp = tokio::net::TcpStream::connect(("127.0.0.1", port))
        .await
        .unwrap();
    let mut socket = open(&config, &uri, tcp).await.unwrap();
    socket.send("over").await.unwrap();
    assert_eq!(socket.recv().await.unwrap(), Some(Message::Text("over")));
    socket.finish(None, "").await.unwrap();

    let stranger = Config::new()
        .tls(certificate().0)
        .resolver(|_, port| Ok(vec![([127, 0, 0, 1], port).into()]));
    match connect_with(&stranger, &uri).await {
        Err(Error::Tls(error)) => assert!(error.to_string().contains("localhost"), "{error}"),
        other => panic!("{other:?}"),
    }
    server.await.unwrap();
}

/// A message that arrived whole is not hidden by a broken record behind it in the same segment.
// row: SEED-06
#[tokio::test]
async fn a_broken_record_hides_no_message_before_it() {
    let (tls, acceptor) = certificate();
    let (ours, theirs) = duplex(1 << 16);
    let serving = tokio::spawn(async move {
        let mut server = Server::over(acceptor.accept(theirs).await.unwrap());
        server.accept().await;
        let (io, session) = server.io.get_mut();
        let mut wire = Vec::new();
        for payload in [&b"whole"[..], b"broken"] {
            let octets = frame(0x81, payload);
            std::io::Write::write_all(&mut session.writer(), &octets).unwrap();
            session.write_tls(&mut wire).unwrap();
        }
        *wire.last_mut().unwrap() ^= 1;
        io.write_all(&wire).await.unwrap();
        server.read_all().await
    });
    let config = Config::new().tls(tls);
    let mut socket = open(&config, "wss://localhost/", ours).await.unwrap();
    assert_eq!(socket.recv().await.unwrap(), Some(Message::Text("whole")));
    let broken = socket.recv().await.map(drop);
    assert!(matches!(broken, Err(Error::Tls(_))), "{broken:?}");
    drop(socket);
    serving.await.unwrap();
}

// row: RSP-02, RSP-03
#[tokio::test]
async fn a_refusal_comes_with_its_body_and_a_redirect_is_followed() {
    let listener = listener().await;
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let mut requests = Vec::new();
        for answer in [
            "HTTP/1.1 401 x\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 302 x\r\nLocation: /other\r\n\r\n",
            "",
            "HTTP/1.1 307 x\r\nLocation: wss://elsewhere/\r\n\r\n",
        ] {
            let (tcp, _) = listener.accept().await.unwrap();
            let mut server = Server::over(tcp);
            if answer.is_empty() {
                server.accept().await;
            } else {
                server.read_request().await;
                server.send(answer.as_bytes()).await;
            }
            requests.push(server.request);
        }
        requests
    });
    let uri = format!("ws://{address}/");
    match connect(&uri).await {
        Err(Error::Rejected(response)) => {
            assert_eq!((response.status(), response.body()), (401, &b"hello"[..]));
        }
        other => panic!("{other:?}"),
    }
    let config = Config::new().redirects(1).header("X-Secret", "x");
    connect_with(&config, &uri).await.unwrap();
    match connect_with(&Config::new(), &uri).await {
        Err(Error::Rejected(response)) => assert_eq!(response.status(), 307),
        other => panic!("{other:?}"),
    }
    let requests = server.await.unwrap();
    assert!(requests[2].starts_with("GET /other HTTP/1.1\r\n"));
    assert!(requests[2].contains("X-Secret: x\r\n"));
}

// row: STA-03, CTL-01
#[tokio::test(start_paused = true)]
async fn keepalive_asks_and_ends_by_the_clock_of_the_runtime() {
    let config = Config::new().keepalive(KeepAlive {
        interval: Duration::from_secs(20),
        dead_after: Duration::from_secs(60),
    });
    let (mut socket, mut server) = pair(&config, 1000).await;
    let began = Instant::now();
    let server = tokio::spawn(async move {
        // Answers twice, and then no more.
        for _ in 0..2 {
            assert_eq!(server.read_frame().await, Some((0x89, Vec::new())));
            server.frame(0x8a, b"").await;
        }
        server.read_all().await
    });
    let ended = socket.recv().await.map(|message| message.is_some());
    assert!(
        matches!(ended, Err(Error::Timeout(Timeout::KeepAlive))),
        "{ended:?}"
    );
    let took = began.elapsed();
    assert!(
        took >= Duration::from_secs(100) && took < Duration::from_millis(100_100),
        "{took:?}"
    );
    drop(socket);
    let frames = server.await.unwrap();
    // The peer may hear us though we do not hear it.
    assert_eq!(frames.last().unwrap().0, 0x88, "{frames:?}");
}

// row: STA-02, CLS-10
#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_told_and_its_end_is_awaited() {
    let seconds = Duration::from_secs;
    let silence = Config::new().silence_timeout(seconds(10));
    let keepalive = Config::new().keepalive(KeepAlive {
        interval: seconds(9),
        dead_after: seconds(10),
    });
    for config in [silence, keepalive] {
        // Not even the Close fits into the transport at once.
        let (mut socket, mut server) = pair(&config, 7).await;
        let began = Instant::now();
        let server = tokio::spawn(async move {
            let mut frame = server.read_frame().await.unwrap();
            if frame.0 == 0x89 {
                frame = server.read_frame().await.unwrap();
            }
            sleep(seconds(1)).await;
            server.close(1001).await;
            drop(server);
            frame
        });
        for _ in 0..3 {
            let ended = socket.recv().await.map(|message| message.is_some());
            assert!(matches!(ended, Err(Error::Timeout(_))), "{ended:?}");
        }
        let ended = socket.finish(None, "").await.map(|status| status.is_some());
        assert!(matches!(ended, Err(Error::Timeout(_))), "{ended:?}");
        // Not after the close limit.
        let took = began.elapsed();
        assert!(took >= seconds(11) && took < seconds(12), "{took:?}");
        assert_eq!(server.await.unwrap(), (0x88, vec![3, 0xe9]));
    }
}

// row: STA-02, STA-04
#[tokio::test(start_paused = true)]
async fn a_receive_in_a_select_loop_loses_nothing_and_keeps_its_deadline() {
    let config = Config::new().silence_timeout(Duration::from_secs(10));
    let (mut socket, mut server) = pair(&config, 7).await;
    let server = tokio::spawn(async move {
        for number in 0..30u8 {
            sleep(Duration::from_millis(900)).await;
            server.frame(0x82, &[number; 20]).await;
        }
        sleep(Duration::from_secs(60)).await;
        drop(server);
    });
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    let mut next = 0;
    let last = loop {
        tokio::select! {
            _ = tick.tick() => {}
            message = socket.recv() => match message {
                Ok(message) => {
                    assert_eq!(message, Some(Message::Binary(&[next; 20])));
                    next += 1;
                }
                Err(error) => break error,
            }
        }
    };
    assert_eq!(next, 30);
    assert!(matches!(last, Error::Timeout(Timeout::Silence)), "{last:?}");
    let silent = socket.last_heard().elapsed();
    assert!(silent >= Duration::from_secs(10) && silent < Duration::from_millis(10_050));
    server.abort();
}

// row: STA-02
#[tokio::test(start_paused = true)]
async fn an_abort_and_a_stall_end_whoever_waits() {
    let (socket, _server) = pair(&Config::new(), 64).await;
    let stop = socket.abort_handle();
    let (mut reader, writer) = socket.split();
    let sending = tokio::spawn(async move { writer.send([0; 100_000].as_slice()).await });
    let receiving = tokio::spawn(async move { reader.recv().await.map(|it| it.is_some()) });
    sleep(Duration::from_secs(1)).await;
    stop.abort();
    assert!(matches!(sending.await.unwrap(), Err(Error::Aborted)));
    assert!(matches!(receiving.await.unwrap(), Err(Error::Aborted)));

    let config = Config::new().stall_timeout(Duration::from_secs(3));
    let (mut socket, _server) = pair(&config, 64).await;
    let began = Instant::now();
    let others: Vec<_> = (0..5)
        .map(|_| {
            let writer = socket.writer.clone();
            tokio::spawn(async move { writer.send([1; 10_000].as_slice()).await })
        })
        .collect();
    let stalled = socket.send([0; 100_000].as_slice()).await;
    assert!(
        matches!(stalled, Err(Error::Timeout(Timeout::Stall))),
        "{stalled:?}"
    );
    for other in others {
        let stalled = other.await.unwrap();
        assert!(
            matches!(stalled, Err(Error::Timeout(Timeout::Stall))),
            "{stalled:?}"
        );
    }
    let took = began.elapsed();
    assert!(
        took >= Duration::from_secs(3) && took < Duration::from_millis(3050),
        "{took:?}"
    );
}

// row: CLS-07
#[tokio::test(start_paused = true)]
async fn a_drop_behind_a_close_leaves_the_rest_to_a_task() {
    let (uri, server) = serve(|mut server| async move {
        server.accept().await;
        // More than the client has read when it is dropped.
        server.send(&frame(0x82, &[3; 100_000])).await;
        let (messages, code) = server.read_messages().await;
        server.close(1000).await;
        server.io.shutdown().await.unwrap();
        (messages, code, server.read_frame().await)
    })
    .await;
    let mut socket = connect(&uri).await.unwrap();
    socket.send("last").await.unwrap();
    socket.close(Some(CloseCode::GOING_AWAY), "").await.unwrap();
    drop(socket);
    let (messages, code, after) = server.await.unwrap();
    assert_eq!(messages, [(1, b"last".to_vec())]);
    assert_eq!((code, after), (Some(1001), None));
}

/// What the peer sent before it saw our Close must not turn the end into a reset.
// row: CLS-17
#[tokio::test]
async fn a_close_survives_the_drop_that_follows_it() {
    let (uri, server) = serve(|mut server| async move {
        server.accept().await;
        let (messages, code) = server.read_messages().await;
        let sent = server.io.write_all(&frame(0x82, &[3; 4 << 20])).await;
        sent.expect("an end, not a reset");
        server.close(1000).await;
        (messages, code, server.read_frame().await)
    })
    .await;
    let mut socket = connect(&uri).await.unwrap();
    socket.close(Some(CloseCode::GOING_AWAY), "").await.unwrap();
    drop(socket);
    assert_eq!(server.await.unwrap(), (Vec::new(), Some(1001), None));
}

// row: CTL-03
#[tokio::test]
async fn pings_are_answered_while_a_long_message_is_being_sent() {
    let (socket, mut server) = pair(&Config::new().transmit_buffer(200), 100).await;
    let (mut reader, writer) = socket.split();
    let sending = tokio::spawn(async move {
        writer.send([5; 2000].as_slice()).await.unwrap();
        writer
    });
    let receiving = tokio::spawn(async move { reader.recv().await.map(|it| it.is_none()) });
    server.frame(0x89, b"are you there").await;
    let (mut pong, mut whole) = (None, 0);
    while whole < 2000 {
        let (first, payload) = server.read_frame().await.unwrap();
        match first {
            0x8a => pong = Some((payload, whole)),
            _ => whole += payload.len(),
        }
    }
    let (payload, at) = pong.expect("it came before the message's end");
    assert_eq!(payload, b"are you there");
    assert!(at < 2000);
    let writer = sending.await.unwrap();
    server.close(1000).await;
    assert!(receiving.await.unwrap().unwrap());
    assert!(!writer.is_open());
}

// row: STA-06
#[tokio::test]
async fn what_waits_leaves_together() {
    let (socket, mut server) = pair(&Config::new(), 1).await;
    // Nothing is taken but an octet; all others queue theirs behind it.
    let sending: Vec<_> = (0..100u8)
        .map(|number| {
            let writer = socket.writer.clone();
            tokio::spawn(async move { writer.send([number; 10].as_slice()).await })
        })
        .collect();
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    assert!(
        timeout(Duration::from_millis(10), socket.writer.flush())
            .await
            .is_err()
    );
    for number in 0..100u8 {
        assert_eq!(server.read_frame().await, Some((0x82, vec![number; 10])));
    }
    for task in sending {
        task.await.unwrap().unwrap();
    }
}

/// An idle connection keeps no memory of what it has carried.
#[tokio::test(start_paused = true)]
async fn buffers_that_grew_are_given_back_when_nothing_passes() {
    let (socket, mut server) = pair(&Config::new(), 1 << 20).await;
    let (mut reader, writer) = socket.split();
    let long = vec![1; 200_000];
    server.frame(0x82, &long).await;
    assert_eq!(reader.recv().await.unwrap(), Some(Message::Binary(&long)));
    writer.send(&long).await.unwrap();
    assert!(reader.receiver().has_grown());
    // Not while something passes.
    for _ in 0..5 {
        sleep(Duration::from_millis(600)).await;
        server.frame(0x81, b"x").await;
        assert_eq!(reader.recv().await.unwrap(), Some(Message::Text("x")));
    }
    assert!(reader.receiver().has_grown());
    assert!(
        timeout(Duration::from_secs(3), reader.recv())
            .await
            .is_err()
    );
    assert!(!reader.receiver().has_grown());
}

/// What a task that connects and receives carries about.
#[test]
fn futures_are_small() {
    assert!(size_of_val(&connect(URI)) < 2048);
    assert!(size_of_val(&open(&Config::new(), URI, duplex(1).0)) < 1024);
    let _ = |reader: &mut Reader| assert!(size_of_val(&reader.recv()) < 512);
}
