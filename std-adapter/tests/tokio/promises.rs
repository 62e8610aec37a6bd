//! What the blocking form promises and the asynchronous one as well: what `Debug` shows, ends that are reached at any level,
//! settings that are refused, handles that abort.

use std::fmt::Debug;
use std::time::Duration;

use bare_ws_std::bare_ws::header::FrameHeader;
use bare_ws_std::bare_ws::opcode::Opcode;
use bare_ws_std::tokio::{WebSocket, connect};
use bare_ws_std::{
    CloseCode, Config, Error, KeepAlive, Message, MessageKind, OwnedMessage, Timeout, Usage,
};
use futures_util::{SinkExt, poll};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::time::{Instant, sleep};

use crate::connection::pair;
use crate::server::{Server, serve};

const SECRET: &str = "sQ7xKw0Vz9";

fn hides(value: &dyn Debug) {
    let numbers = format!("{:?}", SECRET.as_bytes());
    let numbers: String = numbers.trim_matches(['[', ']']).split(' ').collect();
    for shown in [format!("{value:?}"), format!("{value:#?}")] {
        let shown: String = shown.split_whitespace().collect();
        assert!(!shown.is_empty());
        assert!(
            !shown.contains(SECRET) && !shown.contains(&numbers),
            "{shown}"
        );
    }
}

/// Neither what was received, nor what is queued, held or being sent.
// row: LIV-24
#[tokio::test]
async fn debug_shows_nothing_of_messages() {
    let config = Config::new().transmit_buffer(200);
    for octets in [SECRET.to_owned(), SECRET.repeat(100)] {
        for message in [
            OwnedMessage::from(octets.clone()),
            OwnedMessage::from(octets.clone().into_bytes()),
        ] {
            let (mut socket, mut server) = pair(&config, 64).await;
            server.frame(0x81, SECRET.as_bytes()).await;
            assert_eq!(socket.recv().await.unwrap(), Some(Message::Text(SECRET)));
            hides(&socket);
            let (reader, mut writer) = socket.split();
            hides(&reader);
            // Held, and on its way.
            writer.feed(message.clone()).await.unwrap();
            hides(&writer);
            // The sink's, of which one that cannot go on is kept.
            let mut sink = &mut writer;
            let _ = poll!(SinkExt::flush(&mut sink));
            hides(&writer);
            let _ = poll!(Box::pin(writer.feed(message)));
            hides(&writer);
            hides(&writer.abort_handle());
        }
    }
}

/// A way to receive a part of what comes.
#[derive(Clone, Copy, Debug)]
enum Level {
    None,
    Whole,
    Chunks,
    Frames,
}

/// Whoever has read a message in part, at any level, can still finish.
// row: CLS-10, CLS-17
#[tokio::test]
async fn finish_reads_to_the_end_whatever_was_begun_at_whichever_level() {
    for level in [Level::None, Level::Whole, Level::Chunks, Level::Frames] {
        for ours in [false, true] {
            let (mut socket, mut server) = pair(&Config::new(), 100_000).await;
            server.frame(0x01, &[b'a'; 10_000]).await;
            server.frame(0x00, &[b'b'; 10_000]).await;
            match level {
                Level::None => {}
                Level::Whole => {
                    // It is begun, and is not whole.
                    let received = tokio::time::timeout(Duration::from_millis(1), socket.recv());
                    assert!(received.await.is_err());
                }
                Level::Chunks => assert!(!socket.recv_chunk().await.unwrap().unwrap().fin),
                Level::Frames => {
                    assert!(!socket.recv_frame().await.unwrap().unwrap().header.fin);
                }
            }
            server.frame(0x80, b"c").await;
            server.frame(0x82, &[1; 1000]).await;
            server.close(4000).await;
            let server = tokio::spawn(async move {
                // It is the one to end the transport.
                server.read_frame().await.map(|(first, _)| first)
            });
            let status = match ours {
                true => socket.finish(CloseCode::NORMAL, "").await,
                false => socket.reader.finish().await,
            };
            assert_eq!(status.unwrap().unwrap().code, CloseCode(4000), "{level:?}");
            // Again, it is the same.
            let status = socket.finish(CloseCode::NORMAL, "").await;
            assert_eq!(status.unwrap().unwrap().code, CloseCode(4000), "{level:?}");
            drop(socket);
            assert_eq!(server.await.unwrap(), Some(0x88), "{level:?}");
        }
    }
}

/// A setting that is refused leaves the one before as it was.
// row: STA-03, LIV-28
#[tokio::test(start_paused = true)]
async fn a_keepalive_that_is_refused_leaves_the_one_before() {
    let seconds = Duration::from_secs;
    let keepalive = |interval, dead_after| KeepAlive {
        interval: seconds(interval),
        dead_after: seconds(dead_after),
    };
    for before in [None, Some(keepalive(10, 30))] {
        let (mut socket, _server) = pair(&Config::new().keepalive(before), 1000).await;
        for (interval, dead_after) in [(0, 5), (5, 5), (5, 4)] {
            let refused = socket.writer.set_keepalive(keepalive(interval, dead_after));
            assert!(refused.is_err());
        }
        let began = Instant::now();
        let ended = tokio::time::timeout(seconds(1000), socket.recv()).await;
        match (before, ended) {
            (None, Err(_)) => {}
            (Some(_), Ok(Err(Error::Timeout(Timeout::KeepAlive)))) => {
                assert_eq!(began.elapsed().as_secs(), 30);
            }
            (_, ended) => panic!("{before:?}: {ended:?}"),
        }
    }
}

/// Each of the handles ends the connection; none keeps it.
// row: STA-07
#[tokio::test]
async fn a_handle_aborts_and_keeps_nothing_alive() {
    type Aborts = fn(&WebSocket<DuplexStream>);
    let ways: [Aborts; 3] = [
        |socket| socket.abort_handle().abort(),
        |socket| socket.writer.abort_handle().abort(),
        |socket| {
            let handle = socket.abort_handle();
            let again = handle.clone();
            drop(handle);
            again.abort();
            // More than once is as once.
            again.abort();
        },
    ];
    for aborts in ways {
        let (mut socket, mut server) = pair(&Config::new(), 1000).await;
        aborts(&socket);
        for _ in 0..2 {
            assert!(matches!(socket.recv().await, Err(Error::Aborted)));
            assert!(matches!(socket.send("x").await, Err(Error::Aborted)));
            assert!(matches!(socket.ping(b"").await, Err(Error::Aborted)));
            assert!(matches!(socket.close(None, "").await, Err(Error::Aborted)));
        }
        assert!(!socket.writer.is_open());
        // Without a closing handshake.
        assert_eq!(server.read_frame().await, None);
    }
    let (socket, mut server) = pair(&Config::new(), 1000).await;
    let handle = socket.abort_handle();
    assert_eq!(format!("{handle:?}"), "AbortHandle { .. }");
    drop(socket);
    assert_eq!(server.read_frame().await, None, "the handle keeps it");
    handle.abort();
}

/// What is shown of a connection tells how far it has come.
#[tokio::test]
async fn a_connection_shows_how_far_it_has_come() {
    let (mut socket, mut server) = pair(&Config::new(), 1000).await;
    let shows = |socket: &WebSocket<DuplexStream>, phase: &str| {
        for shown in [
            format!("{:?}", socket.reader),
            format!("{:?}", socket.writer),
        ] {
            assert!(shown.contains(&format!("Shared({phase})")), "{shown}");
        }
    };
    shows(&socket, "Open");
    socket.close(None, "").await.unwrap();
    shows(&socket, "Closing");
    server.close(1000).await;
    drop(server);
    socket.finish(None, "").await.unwrap();
    shows(&socket, "Gone");
}

// row: LIV-30
#[tokio::test(start_paused = true)]
async fn last_heard_is_the_opening_and_then_the_last_octet() {
    let (mut socket, mut server) = pair(&Config::new(), 1000).await;
    let opened = Instant::now();
    assert_eq!(socket.last_heard(), opened);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(socket.last_heard(), opened);
    // Half a frame is life as well.
    server.io.write_all(&[0x82]).await.unwrap();
    let waited = tokio::time::timeout(Duration::from_secs(1), socket.recv()).await;
    assert!(waited.is_err());
    assert_eq!(socket.last_heard(), opened + Duration::from_secs(5));
    assert_eq!(socket.reader.last_heard(), socket.last_heard());
}

/// As long as they fit the transmit buffer, and one more.
// row: STA-06
#[tokio::test]
async fn a_sink_accepts_what_fits_the_transmit_buffer_and_one_more() {
    // Of 100 octets each, beside a header of 6.
    for (transmit, accepted) in [(131, 2), (2 * 106, 3), (3 * 106, 4)] {
        let config = Config::new().transmit_buffer(transmit);
        let (mut socket, mut server) = pair(&config, 1).await;
        let message = || OwnedMessage::from(vec![7; 100]);
        // The transport takes one octet, and no more.
        let mut fed = 0;
        loop {
            let mut feed = Box::pin(socket.feed(message()));
            if poll!(feed.as_mut()).is_pending() {
                break;
            }
            fed += 1;
            assert!(fed < 100);
        }
        assert_eq!(fed, accepted, "{transmit}");
        let flushing = tokio::spawn(async move {
            socket.flush().await.unwrap();
            socket
        });
        for _ in 0..fed {
            assert_eq!(server.read_frame().await, Some((0x82, vec![7; 100])));
        }
        drop(flushing.await.unwrap());
        assert_eq!(server.read_frame().await, None, "{transmit}");
    }
}

/// Whoever calls first sends first, though all of them wait.
// row: STA-06
#[tokio::test]
async fn messages_leave_in_the_order_of_the_calls() {
    for transmit in [131, 256 * 1024] {
        let (socket, mut server) = pair(&Config::new().transmit_buffer(transmit), 1).await;
        let sending: Vec<_> = (0..20u8)
            .map(|number| {
                let writer = socket.writer.clone();
                Box::pin(async move { writer.send([number; 100].as_slice()).await })
            })
            .collect();
        let mut all = Box::pin(futures_util::future::join_all(sending));
        assert!(poll!(all.as_mut()).is_pending());
        let (sent, ()) = tokio::join!(all, async {
            for number in 0..20u8 {
                assert_eq!(server.read_frame().await, Some((0x82, vec![number; 100])));
            }
        });
        assert!(sent.iter().all(Result::is_ok));
    }
}

/// While a message is open nobody else can send another, nor its own kind of call; what goes between fragments does.
// row: FRG-11
#[tokio::test]
async fn while_a_message_is_open_no_other_begins() {
    let (socket, mut server) = pair(&Config::new(), 1000).await;
    let (one, other) = (&socket.writer, socket.writer.clone());
    one.send_fragment(MessageKind::Text, b"a", false)
        .await
        .unwrap();
    for writer in [one, &other] {
        assert!(matches!(writer.send("b").await, Err(Error::Usage(_))));
        assert!(matches!(writer.queue("b"), Err(Error::Usage(_))));
        assert!(matches!(
            writer.send_uncompressed("b").await,
            Err(Error::Usage(_))
        ));
        let frame = FrameHeader::new(Opcode::Text, true, 1);
        let sent = writer.send_frame(frame, b"b").await;
        assert!(matches!(sent, Err(Error::Usage(_))), "{sent:?}");
        writer.ping(b"p").await.unwrap();
        writer.pong(b"q").await.unwrap();
    }
    other
        .send_fragment(MessageKind::Text, b"c", true)
        .await
        .unwrap();
    one.send("d").await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..7 {
        seen.push(server.read_frame().await.unwrap().0);
    }
    assert_eq!(seen, [0x01, 0x89, 0x8a, 0x89, 0x8a, 0x80, 0x81]);
}

/// 125 octets are the most of a Ping and of a Pong, 123 of a reason.
// row: CLS-04, CLS-05
#[tokio::test]
async fn control_frames_have_their_longest() {
    let (mut socket, mut server) = pair(&Config::new(), 1000).await;
    for len in [0, 125, 126] {
        let payload = vec![7; len];
        let sent = [
            socket.ping(&payload).await,
            socket.writer.ping(&payload).await,
            socket.writer.pong(&payload).await,
        ];
        for (sent, first) in sent.into_iter().zip([0x89, 0x89, 0x8a]) {
            if len <= 125 {
                sent.unwrap();
                assert_eq!(server.read_frame().await, Some((first, payload.clone())));
            } else {
                assert!(
                    matches!(sent, Err(Error::Usage(Usage::ControlTooLong))),
                    "{sent:?}"
                );
            }
        }
    }
    for (code, len, wanted) in [
        (Some(CloseCode::NORMAL), 124, Usage::ReasonTooLong),
        (None, 1, Usage::ReasonWithoutCode),
        (
            Some(CloseCode::NO_STATUS),
            0,
            Usage::CloseCode(CloseCode::NO_STATUS),
        ),
    ] {
        match socket.close(code, &"r".repeat(len)).await {
            Err(Error::Usage(usage)) => assert_eq!(usage, wanted),
            other => panic!("{other:?}"),
        }
        assert!(socket.writer.is_open());
    }
    socket
        .close(CloseCode::NORMAL, &"r".repeat(123))
        .await
        .unwrap();
    let (first, payload) = server.read_frame().await.unwrap();
    assert_eq!((first, payload.len()), (0x88, 125));
    let again = socket.close(CloseCode::NORMAL, "").await;
    assert!(
        matches!(again, Err(Error::Usage(Usage::NotOpen))),
        "{again:?}"
    );
}

/// A Close without a status code has no payload.
#[tokio::test]
async fn a_close_without_a_code_has_no_payload() {
    let (mut socket, mut server) = pair(&Config::new(), 1000).await;
    socket.close(None, "").await.unwrap();
    assert_eq!(server.read_frame().await, Some((0x88, Vec::new())));
}

/// To finish sends the Close that it is given, where none was sent before.
// row: CLS-10
#[tokio::test]
async fn to_finish_closes_as_it_is_told_unless_that_has_begun() {
    for (code, reason, payload) in [
        (Some(CloseCode(4000)), "done", &b"\x0f\xa0done"[..]),
        (Some(CloseCode(1001)), "", b"\x03\xe9"),
        (None, "", b""),
    ] {
        for begun in [false, true] {
            let (mut socket, mut server) = pair(&Config::new(), 1000).await;
            if begun {
                socket.close(CloseCode(3000), "first").await.unwrap();
            }
            let (finished, seen) = tokio::join!(socket.finish(code, reason), async move {
                let seen = server.read_frame().await;
                server.close(1000).await;
                seen
            });
            assert_eq!(finished.unwrap().unwrap().code, CloseCode::NORMAL);
            let expected = if begun { b"\x0b\xb8first" } else { payload };
            assert_eq!(seen, Some((0x88, expected.to_vec())));
        }
    }
}

/// What ends a connection is told the same by every call from then on.
// row: CLS-15, LIV-31
#[tokio::test]
async fn what_has_ended_a_connection_is_told_from_then_on() {
    type Ends = (fn(&mut Server<DuplexStream>) -> Vec<u8>, fn(&Error) -> bool);
    let table: [Ends; 3] = [
        (|_| vec![0x83, 0], |error| matches!(error, Error::Peer(_))),
        (
            |_| crate::server::frame(0x82, &[0; 101]),
            |error| matches!(error, Error::TooLong { limit: 100, .. }),
        ),
        (|_| Vec::new(), |error| matches!(error, Error::Lost)),
    ];
    for (number, (octets, is_right)) in table.into_iter().enumerate() {
        let config = Config::new().message_limit(100).stream_limit(100);
        let (mut socket, mut server) = pair(&config, 1000).await;
        let octets = octets(&mut server);
        let lost = octets.is_empty();
        server.send(&octets).await;
        let server = (!lost).then_some(server);
        for _ in 0..2 {
            for error in [
                socket.recv().await.map(drop).unwrap_err(),
                socket.recv_owned().await.map(drop).unwrap_err(),
                socket.recv_chunk().await.map(drop).unwrap_err(),
                socket.recv_frame().await.map(drop).unwrap_err(),
            ] {
                assert!(is_right(&error), "{number}: {error:?}");
            }
            let sent = socket.send("x").await;
            assert!(
                matches!(sent, Err(Error::Usage(Usage::NotOpen))),
                "{sent:?}"
            );
        }
        drop(server);
        let error = socket.finish(None, "").await.map(drop).unwrap_err();
        assert!(is_right(&error), "{number}: {error:?}");
        assert!(socket.close_status().is_none());
    }
}

/// An abort over TCP is a reset, so that a peer that neither reads nor ends learns of it.
// row: STA-07, CLS-17
#[tokio::test]
async fn an_abort_resets_what_is_on_its_way() {
    let (uri, server) = serve(|mut server| async move {
        server.accept().await;
        let mut rest = Vec::new();
        server
            .io
            .read_to_end(&mut rest)
            .await
            .map(|_| ())
            .map_err(|error| error.kind())
    })
    .await;
    let socket = connect(&uri).await.unwrap();
    socket.abort_handle().abort();
    drop(socket);
    assert_eq!(
        server.await.unwrap(),
        Err(std::io::ErrorKind::ConnectionReset)
    );
}

/// A peer that ends without a Close, right behind its last octets, reads an end and no reset.
// row: CLS-15, TRAP-18
#[tokio::test]
async fn an_end_behind_octets_is_answered_by_an_end() {
    let (uri, server) = serve(|mut server| async move {
        server.accept().await;
        // Real time: they do not come with the head.
        sleep(Duration::from_millis(20)).await;
        server.io.write_all(&[0x81, 5, b'a']).await.unwrap();
        server.io.shutdown().await.unwrap();
        let mut rest = Vec::new();
        let read = server.io.read_to_end(&mut rest).await;
        read.map_err(|error| error.kind())
    })
    .await;
    let mut socket = connect(&uri).await.unwrap();
    // Real time: all of it has arrived by then.
    sleep(Duration::from_millis(100)).await;
    assert!(matches!(socket.recv().await, Err(Error::Lost)));
    assert_eq!(server.await.unwrap(), Ok(0));
}

/// Outside of a runtime a drop neither panics nor waits.
#[test]
fn a_drop_outside_of_a_runtime_closes_the_connection() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (socket, server) = runtime.block_on(async {
        let (uri, server) = serve(|mut server| async move {
            server.accept().await;
            server.read_all().await
        })
        .await;
        let mut socket = connect(&uri).await.unwrap();
        socket.close(CloseCode::NORMAL, "").await.unwrap();
        (socket, server)
    });
    drop(socket);
    let frames = runtime.block_on(server).unwrap();
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0].0, 0x88);
}

/// What is queued and not taken stalls from then on, whoever looks later.
// row: STA-07
#[tokio::test(start_paused = true)]
async fn what_is_queued_and_not_taken_stalls_from_its_queueing_on() {
    let config = Config::new().stall_timeout(Duration::from_secs(10));
    let (mut socket, _server) = pair(&config, 8).await;
    // The transport is full.
    socket.send([0; 2].as_slice()).await.unwrap();
    let began = Instant::now();
    assert!(socket.writer.queue(vec![0; 1000]).unwrap());
    sleep(Duration::from_secs(4)).await;
    let stalled = socket.recv().await.map(drop);
    assert!(
        matches!(stalled, Err(Error::Timeout(Timeout::Stall))),
        "{stalled:?}"
    );
    assert_eq!(began.elapsed().as_secs(), 10);
}

/// Who waits to send comes before what is queued without waiting.
// row: STA-06
#[tokio::test]
async fn nothing_is_queued_before_whoever_waits() {
    let (socket, mut server) = pair(&Config::new().transmit_buffer(131), 1).await;
    // Three that fill the buffer and wait for room.
    let mut waiting: Vec<_> = (0..3u8)
        .map(|number| Box::pin(socket.writer.send(vec![number; 100])))
        .collect();
    for send in &mut waiting {
        assert!(poll!(send.as_mut()).is_pending());
    }
    // There is room for one that is short, and it is not its turn.
    assert!(!socket.writer.queue("").unwrap());
    let all = futures_util::future::join_all(waiting);
    let (sent, ()) = tokio::join!(all, async {
        for number in 0..3u8 {
            assert_eq!(server.read_frame().await, Some((0x82, vec![number; 100])));
        }
    });
    assert!(sent.iter().all(Result::is_ok));
    assert!(socket.writer.queue("").unwrap());
}

/// Without a limit a task might never end, and what was not connected here is not ours to keep.
// row: CLS-17
#[tokio::test]
async fn only_a_connection_of_connect_with_a_limit_is_brought_to_its_end_by_a_task() {
    for (connects, limit, is_read) in [
        (true, Some(5), true),
        (true, None, false),
        (false, Some(5), false),
    ] {
        let config = Config::new().close_timeout(limit.map(Duration::from_secs));
        let (uri, server) = serve(|mut server| async move {
            server.accept().await;
            assert_eq!(server.read_frame().await.unwrap().0, 0x88);
            server
        })
        .await;
        let mut socket = match connects {
            true => bare_ws_std::tokio::connect_with(&config, &uri).await,
            false => {
                let address = uri.trim_start_matches("ws://").trim_end_matches('/');
                let tcp = tokio::net::TcpStream::connect(address).await.unwrap();
                bare_ws_std::tokio::open(&config, &uri, tcp).await
            }
        }
        .unwrap();
        socket.close(CloseCode::NORMAL, "").await.unwrap();
        let mut server = server.await.unwrap();
        drop(socket);
        // More than all buffers on the way hold.
        let sent = server.io.write_all(&vec![0; 4 << 20]).await;
        assert_eq!(sent.is_ok(), is_read, "{connects}, {limit:?}: {sent:?}");
    }
}
