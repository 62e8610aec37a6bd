//! Closing, as the other tasks see it.

use std::time::Duration;

use bare_ws_std::tokio::{WebSocket, open};
use bare_ws_std::{CloseCode, Config, Error, KeepAlive, Timeout};
use tokio::io::{AsyncWriteExt as _, duplex};
use tokio::time::{Instant, sleep, timeout};

use crate::server::Server;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A closing handshake needs no Ping. Where it does not come to that, the Ping is due when it was.
// row: STA-05, STA-07
#[tokio::test(start_paused = true)]
async fn a_close_that_is_given_up_puts_no_ping_off() {
    let config = Config::new()
        .transmit_buffer(512)
        .close_timeout(seconds(20))
        .keepalive(KeepAlive {
            interval: seconds(5),
            dead_after: seconds(8),
        });
    let (ours, theirs) = duplex(200);
    let mut server = Server::over(theirs);
    let (socket, ()) = tokio::join!(open(&config, "ws://localhost/", ours), server.accept());
    let WebSocket {
        mut reader, writer, ..
    } = socket.unwrap();
    let began = Instant::now();
    let is_dead =
        |result: Result<(), Error>| matches!(result, Err(Error::Timeout(Timeout::KeepAlive)));
    // Each in a task of its own, that nothing wakes but what concerns it.
    let sender = writer.clone();
    let sending = tokio::spawn(async move { sender.send(vec![b'l'; 3000]).await });
    let closing = tokio::spawn(async move {
        // Behind the message.
        let close = writer.close(Some(CloseCode::NORMAL), "");
        timeout(seconds(6), close).await.is_err()
    });
    let server = tokio::spawn(async move {
        sleep(seconds(2)).await;
        server.io.write_all(&[0x82]).await.unwrap();
        sleep(seconds(60)).await;
    });
    assert!(is_dead(reader.recv().await.map(drop)));
    // Heard at 2, a Ping due at 7, and 3 s for the answer.
    assert_eq!(began.elapsed().as_secs(), 10);
    assert!(is_dead(sending.await.unwrap()));
    assert!(closing.await.unwrap());
    server.abort();
}
