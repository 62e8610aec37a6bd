//! What may be sent while somebody else sends a long message.

use std::io::Cursor;
use std::pin::Pin;
use std::time::Duration;

use bare_ws_std::tokio::Writer;
use bare_ws_std::{CloseCode, Config, Error, MessageKind, Timeout};
use futures_util::poll;
use tokio::io::{AsyncReadExt as _, DuplexStream};

use crate::connection::pair;
use crate::server::Server;

/// Longer than the transmit buffer, and that is longer than what the transport takes.
const LONG: [u8; 2000] = [1; 2000];
const TRANSMIT: usize = 300;
const ROOM: usize = 64;

type Pass<'w> = Pin<Box<dyn Future<Output = Result<(), Error>> + 'w>>;

type Call = fn(&Writer<DuplexStream>) -> Pass<'_>;

/// Control frames pass between its fragments; a Close, behind which it could not go on, waits for its end.
// row: CTL-06, FRG-10, STA-06
#[tokio::test]
async fn control_frames_pass_between_the_fragments_of_a_long_message() {
    let table: [(u8, Call); 3] = [
        (0x89, |writer| Box::pin(writer.ping(b"now"))),
        (0x8a, |writer| Box::pin(writer.pong(b"now"))),
        (0x88, |writer| Box::pin(writer.close(CloseCode::NORMAL, ""))),
    ];
    for (control, pass) in table {
        let config = Config::new().transmit_buffer(TRANSMIT);
        let (socket, mut server) = pair(&config, ROOM).await;
        let (sent, passed, firsts) =
            tokio::join!(socket.writer.send(&LONG[..]), pass(&socket.writer), async {
                let mut firsts = Vec::new();
                while !(firsts.contains(&0x80) && firsts.contains(&control)) {
                    firsts.push(server.read_frame().await.unwrap().0);
                }
                firsts
            });
        sent.unwrap();
        passed.unwrap();
        let place = |first| firsts.iter().position(|it| *it == first).unwrap();
        assert_eq!(place(control) > place(0x80), control == 0x88, "{firsts:x?}");
    }
}

/// Another message is queued behind the last of its fragments, and not before, whatever room there is.
// row: STA-06, FRG-11
#[tokio::test]
async fn nothing_is_queued_within_another_tasks_message() {
    let config = Config::new().transmit_buffer(TRANSMIT);
    let (socket, mut server) = pair(&config, ROOM).await;
    let mut sending = Box::pin(socket.writer.send(&LONG[..]));
    let (mut octets, mut queued, mut refused) = (Vec::new(), 0, 0);
    while poll!(sending.as_mut()).is_pending() {
        match socket.writer.queue("behind").unwrap() {
            true => queued += 1,
            false => refused += 1,
        }
        let mut some = [0; 16];
        let n = server.io.read(&mut some).await.unwrap();
        octets.extend(&some[..n]);
    }
    drop(sending);
    assert!(refused > LONG.len() / 16 / 2, "{refused}");
    let closing = async move {
        socket.writer.close(CloseCode::NORMAL, "").await.unwrap();
        drop(socket);
    };
    let (read, ()) = tokio::join!(server.io.read_to_end(&mut octets), closing);
    read.unwrap();
    let (messages, code) = Server::over(Cursor::new(octets)).read_messages().await;
    let mut expected = vec![(2, LONG.to_vec())];
    expected.resize(1 + queued, (1, b"behind".to_vec()));
    assert_eq!((messages, code), (expected, Some(1000)));
}

/// Nor within a long last fragment: a message waits for its end.
// row: STA-06, FRG-11
#[tokio::test]
async fn a_message_waits_for_the_end_of_a_fragment_that_is_the_last() {
    let config = Config::new().transmit_buffer(TRANSMIT);
    let (socket, mut server) = pair(&config, ROOM).await;
    let writer = &socket.writer;
    let fragment = writer.send_fragment(MessageKind::Binary, &LONG[..], true);
    let all = async {
        let (sent, other) = tokio::join!(fragment, writer.send("behind"));
        sent.unwrap();
        other.unwrap();
        writer.close(CloseCode::NORMAL, "").await.unwrap();
    };
    let ((), (messages, code)) = tokio::join!(all, server.read_messages());
    let expected = [(2, LONG.to_vec()), (1, b"behind".to_vec())];
    assert_eq!((&messages[..], code), (&expected[..], Some(1000)));
}

/// From another thread, too, that sends whenever it finds the connection free.
// row: STA-06, FRG-11
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn messages_of_another_thread_wait_for_the_end_of_a_fragment() {
    const ROUNDS: usize = 300;
    let config = Config::new().transmit_buffer(131);
    let (socket, mut server) = pair(&config, 1 << 20).await;
    let reading = tokio::spawn(async move { server.read_messages().await });
    let (_reader, writer) = socket.split();
    let other = writer.clone();
    let sending = tokio::spawn(async move {
        for _ in 0..ROUNDS * 10 {
            other.send("between").await.unwrap();
        }
    });
    for _ in 0..ROUNDS {
        let fragment = writer.send_fragment(MessageKind::Binary, &LONG[..], true);
        fragment.await.unwrap();
    }
    sending.await.unwrap();
    writer.close(CloseCode::NORMAL, "").await.unwrap();
    let (messages, code) = reading.await.unwrap();
    let long = messages.iter().filter(|message| message.0 == 2).count();
    assert_eq!(
        (messages.len(), long, code),
        (ROUNDS * 11, ROUNDS, Some(1000))
    );
}

/// Whatever has ended a connection, whoever asks is told that nothing can be sent any more.
// row: CLS-06, CLS-07, CLS-15
#[tokio::test]
async fn a_connection_that_has_ended_is_not_open() {
    for end in [
        "the peer's Close",
        "our Close",
        "a broken rule",
        "a lost transport",
        "an abort",
    ] {
        let (mut socket, mut server) = pair(&Config::new(), 1000).await;
        assert!(socket.writer.is_open(), "{end}");
        match end {
            "the peer's Close" => server.close(1000).await,
            "our Close" => socket.close(None, "").await.unwrap(),
            "a broken rule" => server.frame(0x83, b"").await,
            "a lost transport" => server.io = tokio::io::duplex(1).0,
            _ => socket.abort_handle().abort(),
        }
        if end != "our Close" {
            let _ = socket.recv().await;
        }
        assert!(!socket.writer.is_open(), "{end}");
    }
}

/// Nor is one whose time is over, though the Close that says so cannot be framed yet.
// row: STA-02
#[tokio::test(start_paused = true)]
async fn a_connection_whose_time_is_over_is_not_open() {
    let config = Config::new()
        .transmit_buffer(TRANSMIT)
        .silence_timeout(Duration::from_secs(3));
    let (mut socket, _server) = pair(&config, ROOM).await;
    let writer = socket.writer.clone();
    let sending = tokio::spawn(async move { writer.send(&LONG[..]).await });
    let ended = socket.recv().await.map(drop);
    assert!(
        matches!(ended, Err(Error::Timeout(Timeout::Silence))),
        "{ended:?}"
    );
    assert!(!socket.writer.is_open());
    sending.abort();
}
