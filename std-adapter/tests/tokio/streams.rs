//! `Stream` and `Sink`.

use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bare_ws_std::bare_ws::error::Usage;
use bare_ws_std::tokio::open;
use bare_ws_std::{Config, Error, OwnedMessage};
use futures_util::stream::FusedStream;
use futures_util::{SinkExt, StreamExt, TryStreamExt, poll};
use tokio::io::duplex;
use tokio::time::timeout;

use crate::connection::pair;
use crate::server::Server;

// row: SEED-01
#[tokio::test]
async fn a_stream_ends_with_the_peers_close_and_stays_there() {
    let (mut socket, mut server) = pair(&Config::new(), 1000).await;
    server.frame(0x81, b"one").await;
    server.frame(0x82, &[2; 300]).await;
    server.close(1000).await;
    let messages: Vec<_> = (&mut socket).try_collect().await.unwrap();
    assert_eq!(
        messages,
        [OwnedMessage::from("one"), OwnedMessage::from(vec![2; 300])]
    );
    assert!(socket.next().await.is_none());
    assert_eq!(socket.close_status().unwrap().code.0, 1000);
}

// row: CLS-15
#[tokio::test]
async fn an_error_is_the_last_item() {
    let (mut socket, mut server) = pair(&Config::new(), 1000).await;
    server.frame(0x81, b"one").await;
    drop(server);
    assert_eq!(socket.next().await.unwrap().unwrap(), "one");
    assert!(matches!(socket.next().await, Some(Err(Error::Lost))));
    assert!(socket.next().await.is_none());
}

/// How many items come, and whether the last of them is an error. The stream says that it has ended with that item,
/// and not before.
async fn items(
    mut stream: impl FusedStream<Item = Result<OwnedMessage, Error>> + Unpin,
) -> (usize, bool) {
    let (mut items, mut failed) = (0, false);
    while let Some(item) = stream.next().await {
        assert!(!failed, "an error is the last item");
        items += 1;
        failed = item.is_err();
        assert_eq!(stream.is_terminated(), failed, "{items}");
    }
    assert!(stream.is_terminated());
    assert!(stream.next().await.is_none());
    (items, failed)
}

// row: CLS-15
#[tokio::test]
async fn a_stream_says_when_it_has_ended() {
    for fails in [false, true] {
        for is_split in [false, true] {
            let (socket, mut server) = pair(&Config::new(), 1000).await;
            server.frame(0x81, b"one").await;
            if !fails {
                server.close(1000).await;
            }
            let server = (!fails).then_some(server);
            assert!(!socket.is_terminated());
            let seen = match is_split {
                true => items(socket.reader).await,
                false => items(socket).await,
            };
            let expected = if fails { (2, true) } else { (1, false) };
            assert_eq!(seen, expected, "{is_split}");
            drop(server);
        }
    }
}

// row: STA-06
#[tokio::test]
async fn a_sink_sends_in_order_whatever_fits() {
    for (transmit, room) in [(131, 1), (200, 10_000), (16_384, 64), (16_384, 1 << 20)] {
        let config = Config::new().transmit_buffer(transmit);
        let (socket, mut server) = pair(&config, room).await;
        let lengths = [0, 1, 100, 0, 1000, 20_000, 3, 40_000, 5];
        let sent: Vec<_> = lengths.map(|len| vec![len as u8; len]).into();
        let reading = tokio::spawn(async move { server.read_messages().await });
        let (_reader, mut writer) = socket.split();
        for (number, message) in sent.iter().enumerate() {
            let message = OwnedMessage::from(message.clone());
            if number % 2 == 0 {
                writer.feed(message).await.unwrap();
            } else {
                SinkExt::send(&mut writer, message).await.unwrap();
            }
        }
        SinkExt::close(&mut writer).await.unwrap();
        let late = SinkExt::send(&mut writer, OwnedMessage::from("late")).await;
        assert!(
            matches!(late, Err(Error::Usage(Usage::NotOpen))),
            "{late:?}"
        );
        SinkExt::close(&mut writer).await.unwrap();
        let (messages, code) = reading.await.unwrap();
        let payloads: Vec<_> = messages.into_iter().map(|(_, payload)| payload).collect();
        assert_eq!((payloads, code), (sent, Some(1000)), "{transmit}, {room}");
    }
}

/// One that is not polled any more holds nobody up.
// row: STA-05
#[tokio::test]
async fn a_sink_that_is_dropped_gives_its_turn_back() {
    let config = Config::new().transmit_buffer(131);
    let (socket, mut server) = pair(&config, 64).await;
    let mut sink = socket.writer.clone();
    sink.feed(OwnedMessage::from(vec![1; 1000])).await.unwrap();
    let flush = poll!(Pin::new(&mut SinkExt::flush(&mut sink)));
    assert!(matches!(flush, Poll::Pending));
    drop(sink);
    // Of its message a part is gone.
    let interrupted = socket.writer.send("next").await;
    assert!(
        matches!(interrupted, Err(Error::Usage(Usage::InterruptedMessage))),
        "{interrupted:?}"
    );
    let (closed, frames) = tokio::join!(socket.writer.close(None, ""), async {
        let first = server.read_frame().await.unwrap();
        (first.0, server.read_frame().await.unwrap().0)
    });
    closed.unwrap();
    assert_eq!(frames, (0x02, 0x88));
}

// row: SEED-01
#[tokio::test]
async fn a_connection_forwards_another() {
    let (ours, theirs) = duplex(100);
    let server = tokio::spawn(async move {
        let mut server = Server::over(theirs);
        server.accept().await;
        server.echo().await;
    });
    let socket = open(&Config::new(), "ws://localhost/", ours).await.unwrap();
    let (mut sink, stream) = StreamExt::split(socket);
    let messages: Vec<_> = (0..20).map(|n| OwnedMessage::from(vec![n; 50])).collect();
    let echoed = tokio::spawn(stream.take(20).try_collect::<Vec<_>>());
    let mut all = futures_util::stream::iter(messages.clone().into_iter().map(Ok));
    sink.send_all(&mut all).await.unwrap();
    assert_eq!(echoed.await.unwrap().unwrap(), messages);
    drop(sink);
    server.abort();
}

/// Whoever is gone when its turn comes leaves it to the one behind.
// row: STA-05
#[tokio::test(start_paused = true)]
async fn a_send_that_is_dropped_once_it_is_called_calls_the_next() {
    let config = Config::new().transmit_buffer(131);
    let (socket, mut server) = pair(&config, 64).await;
    let long = vec![1; 1000];
    let mut first = Box::pin(socket.writer.send(&long[..]));
    assert!(poll!(first.as_mut()).is_pending());
    let mut second = Box::pin(socket.writer.send("second"));
    assert!(poll!(second.as_mut()).is_pending());
    let writer = socket.writer.clone();
    let third = tokio::spawn(async move { writer.send("third").await });
    tokio::task::yield_now().await;
    assert!(!third.is_finished());
    let reading = async {
        while server
            .read_frame()
            .await
            .is_some_and(|(first, _)| first < 0x80)
        {}
    };
    let (sent, ()) = tokio::join!(first, reading);
    sent.unwrap();
    drop(second);
    let third = timeout(Duration::from_secs(1), third).await;
    third.expect("it was called").unwrap().unwrap();
    assert_eq!(server.read_frame().await.unwrap().1, b"third");
}
