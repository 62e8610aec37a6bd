//! Who is woken, and for what: each waits in a task of its own.

use std::time::Duration;

use bare_ws_std::{CloseCode, Config, Error, MessageKind, Timeout};
use futures_util::poll;
use tokio::io::{duplex, join};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};

use crate::connection::{URI, pair};
use crate::server::Server;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const ROOM: usize = 64;

/// One that is not polled any more keeps nobody behind it waiting, nor does a third whose octets have not left.
// row: STA-05, STA-06
#[tokio::test(start_paused = true)]
async fn whoever_is_out_is_told_whatever_becomes_of_others() {
    let (mut socket, mut server) = pair(&Config::new(), ROOM).await;
    let writer = socket.writer.clone();
    let mut idle = Box::pin(writer.send(&[1; 100][..]));
    assert!(poll!(idle.as_mut()).is_pending());
    let mut tasks = Vec::new();
    for len in [100, 5000] {
        let writer = socket.writer.clone();
        tasks.push(tokio::spawn(async move { writer.send(vec![2; len]).await }));
        yield_now().await;
    }
    let receiving = tokio::spawn(async move { socket.recv().await.map(drop) });
    yield_now().await;
    for _ in 0..2 {
        assert_eq!(server.read_frame().await.unwrap().1.len(), 100);
    }
    let next = timeout(seconds(1), &mut tasks[0]).await;
    next.expect("it is out").unwrap().unwrap();
    assert!(!tasks[1].is_finished());
    receiving.abort();
}

/// Nor one that is gone.
// row: STA-05
#[tokio::test(start_paused = true)]
async fn a_send_that_was_polled_twice_and_dropped_leaves_no_trace() {
    let (socket, mut server) = pair(&Config::new(), ROOM).await;
    let mut gone = Box::pin(socket.writer.send(&[1; 100][..]));
    for _ in 0..2 {
        assert!(poll!(gone.as_mut()).is_pending());
    }
    let writer = socket.writer.clone();
    let behind = tokio::spawn(async move { writer.send(&[2; 100][..]).await });
    yield_now().await;
    drop(gone);
    for number in [1, 2] {
        let frame = timeout(seconds(1), server.read_frame()).await;
        assert_eq!(frame.expect("it leaves").unwrap().1, [number; 100]);
    }
    behind.await.unwrap().unwrap();
}

/// A piece longer than the transmit buffer keeps other messages behind it, as a whole message does.
// row: STA-06, FRG-10
#[tokio::test(start_paused = true)]
async fn a_message_waits_for_the_end_of_a_long_piece() {
    let config = Config::new().transmit_buffer(300);
    let (socket, mut server) = pair(&config, ROOM).await;
    let piece = socket
        .writer
        .send_fragment(MessageKind::Binary, &[1; 2000], true);
    let mut piece = Box::pin(piece);
    assert!(poll!(piece.as_mut()).is_pending());
    let writer = socket.writer.clone();
    let behind = tokio::spawn(async move { writer.send("behind").await });
    yield_now().await;
    let (sent, ()) = tokio::join!(piece, async {
        while server.read_frame().await.unwrap().0 < 0x80 {}
    });
    sent.unwrap();
    assert_eq!(server.read_frame().await.unwrap().1, b"behind");
    behind.await.unwrap().unwrap();
}

/// Control frames that found no room pass all the same: only what was queued before them is in their way.
// row: CTL-06, FRG-10
#[tokio::test(start_paused = true)]
async fn a_ping_that_waits_for_room_passes_between_the_fragments_too() {
    let config = Config::new().transmit_buffer(300);
    let (socket, mut server) = pair(&config, ROOM).await;
    let writer = socket.writer.clone();
    tokio::spawn(async move { writer.send(&[1; 5000][..]).await });
    yield_now().await;
    for _ in 0..3 {
        let writer = socket.writer.clone();
        tokio::spawn(async move { writer.ping(&[2; 125]).await });
        yield_now().await;
    }
    let mut pings = 0;
    loop {
        match server.read_frame().await.unwrap().0 {
            0x89 => pings += 1,
            0x80 => break,
            _ => {}
        }
    }
    assert_eq!(pings, 3);
}

/// What the receive side owes leaves with the next frame of ours, though nobody receives any more.
// row: CTL-06
#[tokio::test(start_paused = true)]
async fn a_pong_that_found_no_room_leaves_behind_what_was_in_its_way() {
    let config = Config::new().transmit_buffer(131);
    let (mut socket, mut server) = pair(&config, ROOM).await;
    let writer = socket.writer.clone();
    // It fills the transport, and the Ping the transmit buffer.
    writer.send(&[0; ROOM - 6][..]).await.unwrap();
    let mut ping = Box::pin(writer.ping(&[1; 125]));
    assert!(poll!(ping.as_mut()).is_pending());
    server.frame(0x89, b"owed").await;
    {
        let mut receiving = Box::pin(socket.recv());
        yield_now().await;
        assert!(poll!(receiving.as_mut()).is_pending());
    }
    let (sent, ()) = tokio::join!(ping, async {
        assert_eq!(server.read_frame().await.unwrap().0, 0x82);
        assert_eq!(server.read_frame().await, Some((0x89, vec![1; 125])));
    });
    sent.unwrap();
    let second = timeout(seconds(1), server.read_frame()).await;
    assert_eq!(second.expect("it leaves"), Some((0x8a, b"owed".to_vec())));
}

/// A receive keeps its deadline, whoever waits for a later one.
// row: STA-07, LIV-31
#[tokio::test(start_paused = true)]
async fn a_later_deadline_of_a_send_moves_no_earlier_one() {
    let config = Config::new()
        .silence_timeout(seconds(10))
        .stall_timeout(seconds(30));
    let (mut socket, _server) = pair(&config, ROOM).await;
    let writer = socket.writer.clone();
    let began = Instant::now();
    let receiving = tokio::spawn(async move { socket.recv().await.map(drop) });
    yield_now().await;
    let sending = tokio::spawn(async move { writer.send(&[0; 1000][..]).await });
    let ended = receiving.await.unwrap();
    assert!(
        matches!(ended, Err(Error::Timeout(Timeout::Silence))),
        "{ended:?}"
    );
    assert_eq!(began.elapsed(), seconds(10));
    sending.abort();
}

/// Silence counts from the beginning of a receive that waits: what was done before is not the peer's.
// row: LIV-31
#[tokio::test(start_paused = true)]
async fn silence_begins_anew_with_each_receive_that_waits() {
    let config = Config::new().silence_timeout(seconds(10));
    let (mut socket, mut server) = pair(&config, 1000).await;
    let (received, ()) = tokio::join!(socket.recv(), async {
        sleep(seconds(4)).await;
        server.frame(0x81, b"one").await;
    });
    assert_eq!(received.map(drop).ok(), Some(()));
    sleep(seconds(9)).await;
    let began = Instant::now();
    let ended = socket.recv().await.map(drop);
    assert!(
        matches!(ended, Err(Error::Timeout(Timeout::Silence))),
        "{ended:?}"
    );
    assert_eq!(began.elapsed(), seconds(10));
}

/// What had arrived when a send found that its time is over is still received; behind a Close of ours for a failure
/// nothing is (RFC 6455 §7.1.7).
// row: LIV-31, CLS-15
#[tokio::test(start_paused = true)]
async fn what_arrived_before_a_stall_is_received_and_behind_silence_nothing_is() {
    let config = Config::new().stall_timeout(seconds(10));
    let early = vec![b'x'; 100_000];
    let (mut socket, mut server) = pair(&config, early.len() + ROOM).await;
    server.frame(0x81, &early).await;
    let stalled = socket.writer.send(vec![0; 2 * early.len()]).await;
    assert!(
        matches!(stalled, Err(Error::Timeout(Timeout::Stall))),
        "{stalled:?}"
    );
    assert!(socket.recv().await.unwrap().unwrap().as_bytes() == early);
    let ended = socket.recv().await.map(drop);
    assert!(
        matches!(ended, Err(Error::Timeout(Timeout::Stall))),
        "{ended:?}"
    );

    let config = Config::new().silence_timeout(seconds(10));
    let (mut socket, mut server) = pair(&config, 1000).await;
    for _ in 0..2 {
        let ended = socket.recv().await.map(drop);
        assert!(
            matches!(ended, Err(Error::Timeout(Timeout::Silence))),
            "{ended:?}"
        );
        server.frame(0x81, b"late").await;
    }
}

/// The peer learns of an end at once, whoever still holds the connection: of an abort by the end of both directions,
/// of a failure by our Close and the end of ours.
// row: CLS-17, STA-07
#[tokio::test(start_paused = true)]
async fn the_peer_learns_of_an_end_while_the_connection_is_held() {
    let (socket, mut server) = pair(&Config::new(), 1000).await;
    socket.abort_handle().abort();
    let frames = timeout(seconds(1), server.read_all()).await;
    assert_eq!(frames.expect("it ends").len(), 0);
    drop(socket);

    for (first, payload, code) in [(0x83, &b""[..], 1002_u16), (0x81, b"\xff", 1007)] {
        let (mut socket, mut server) = pair(&Config::new(), 1000).await;
        server.frame(first, payload).await;
        assert!(socket.recv().await.is_err());
        let frames = timeout(seconds(1), server.read_all()).await;
        let frames = frames.expect("it ends");
        assert_eq!(frames.len(), 1, "{first:x}");
        assert!(frames[0].1.starts_with(&code.to_be_bytes()), "{first:x}");
        drop(socket);
    }

    let (mut socket, mut server) = pair(&Config::new(), 1000).await;
    futures_util::SinkExt::close(&mut socket).await.unwrap();
    let frame = timeout(seconds(1), server.read_frame()).await;
    assert_eq!(frame.expect("it leaves").unwrap().0, 0x88);
}

/// A close reports whether its Close could leave. Where none could be framed any more, the end of our direction says it.
// row: CLS-07
#[tokio::test(start_paused = true)]
async fn a_close_over_a_transport_that_takes_nothing() {
    for is_queued in [false, true] {
        let (reads, writes) = (duplex(1000), duplex(1));
        let mut server = Server::over(join(writes.1, reads.1));
        let config = Config::new();
        let open = bare_ws_std::tokio::open(&config, URI, join(reads.0, writes.0));
        let (socket, ()) = tokio::join!(open, server.accept());
        let mut socket = socket.unwrap();
        let writer = socket.writer.clone();
        let mut closing = Box::pin(writer.close(CloseCode::NORMAL, ""));
        if is_queued {
            assert!(poll!(closing.as_mut()).is_pending());
        }
        let (taken, _reads) = server.io.into_inner();
        drop(taken);
        if is_queued {
            assert!(poll!(Box::pin(socket.recv()).as_mut()).is_pending());
        } else {
            let sent = writer.send("x").await;
            assert!(matches!(sent, Err(Error::Io(_))), "{sent:?}");
        }
        let closed = closing.await;
        assert_eq!(matches!(closed, Err(Error::Io(_))), is_queued, "{closed:?}");
        assert_eq!(closed.is_ok(), !is_queued);
    }
}
