//! The room that a system has and does not tell of.

use std::time::Duration;

use bare_ws_std::tokio::connect_with;
use bare_ws_std::{Config, Error};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::time::{Instant, sleep};

use crate::server::{Server, certificate, listener};

const STALL: Duration = Duration::from_secs(2);

/// Takes a little at a time, for three times the stall limit, and then no more.
async fn take_little<S: AsyncRead + AsyncWrite + Unpin>(mut server: Server<S>) {
    // A socket that holds much is far from counting that as room, in `STALL`.
    let mut little = [0; 10_000];
    server.accept().await;
    let began = Instant::now();
    while began.elapsed() < STALL * 3 && server.io.read_exact(&mut little).await.is_ok() {
        // Real time: that of the peer.
        sleep(Duration::from_millis(50)).await;
    }
}

/// How a send to such a peer ends, and when.
async fn sent(secure: bool) -> (Result<(), Error>, Duration) {
    let (tls, acceptor) = certificate();
    let listener = listener().await;
    let port = listener.local_addr().unwrap().port();
    let peer = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        if secure {
            take_little(Server::over(acceptor.accept(tcp).await.unwrap())).await;
        } else {
            take_little(Server::over(tcp)).await;
        }
    });
    let scheme = if secure { "wss" } else { "ws" };
    let config = Config::new().stall_timeout(STALL).tls(tls);
    let uri = format!("{scheme}://localhost:{port}/");
    let mut socket = connect_with(&config, &uri).await.unwrap();
    let began = Instant::now();
    let sent = socket.send(vec![7; 64 << 20].as_slice()).await;
    let took = began.elapsed();
    socket.abort_handle().abort();
    drop(socket);
    peer.await.unwrap();
    (sent, took)
}

/// What is slow is no stall: a system takes little, too, long before it tells of room.
// row: STA-06, LIV-12
#[tokio::test]
async fn a_peer_that_takes_little_is_not_taken_for_one_that_stalls() {
    let outcome = |secure| async move {
        let mut last = None;
        // A machine that stops for so long is given another try.
        for _ in 0..3 {
            let (sent, took) = sent(secure).await;
            assert!(sent.is_err(), "the peer has taken all");
            if took >= STALL * 2 {
                return;
            }
            last = Some((sent, took));
        }
        panic!("secure: {secure}: {last:?}");
    };
    tokio::join!(outcome(false), outcome(true));
}
