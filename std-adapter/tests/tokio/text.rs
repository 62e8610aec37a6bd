//! Text that comes in pieces is checked as a whole where it goes on, and at once where it pauses.

use std::time::Duration;

use bare_ws_std::bare_ws::error::Violation;
use bare_ws_std::tokio::{WebSocket, open};
use bare_ws_std::{Config, Error};
use tokio::io::{AsyncWriteExt as _, duplex};
use tokio::time::{Instant, sleep};

use crate::server::{Server, frame};

const LEN: usize = 100_000;
const PAUSE: Duration = Duration::from_secs(3);

/// What comes of text whose first `some` octets on the wire come at once, and the rest after a pause,
/// and after how many seconds.
async fn received(text: &[u8], some: usize) -> (Result<Option<Vec<u8>>, Error>, u64) {
    // The frame is on its way at once, or the part of it.
    let (ours, theirs) = duplex(2 * LEN);
    let mut server = Server::over(theirs);
    let config = Config::new();
    let (socket, ()) = tokio::join!(open(&config, "ws://localhost/", ours), server.accept());
    let WebSocket { mut reader, .. } = socket.unwrap();
    let octets = frame(0x81, text);
    let server = tokio::spawn(async move {
        let (first, rest) = octets.split_at(some);
        server.io.write_all(first).await.unwrap();
        sleep(PAUSE).await;
        // The client may be gone.
        let _ = server.io.write_all(rest).await;
        sleep(PAUSE).await;
    });
    let began = Instant::now();
    let received = reader.recv().await;
    let received = received.map(|it| it.map(|message| message.as_bytes().to_vec()));
    let took = began.elapsed().as_secs();
    server.abort();
    (received, took)
}

// row: UTF-03, UTF-04
#[tokio::test(start_paused = true)]
async fn text_is_refused_when_it_pauses_behind_what_cannot_be_right() {
    let lawful = "aé€😀".repeat(LEN / 10);
    for some in (1..12).chain(LEN - 12..LEN) {
        // Perhaps within a character.
        let (text, took) = received(lawful.as_bytes(), 10 + some).await;
        assert_eq!(text.unwrap().as_deref(), Some(lawful.as_bytes()), "{some}");
        assert_eq!(took, PAUSE.as_secs(), "{some}");

        let mut lawless = lawful.clone().into_bytes();
        lawless[some - 1] = 0xff;
        let (refused, took) = received(&lawless, 10 + some).await;
        let is_right = matches!(refused, Err(Error::Peer(Violation::InvalidUtf8)));
        assert!(is_right, "{some}: {refused:?}");
        assert_eq!(took, 0, "{some}");
    }
}
