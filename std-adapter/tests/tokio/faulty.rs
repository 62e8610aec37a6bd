//! Streams with faults of their own.

use std::io::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bare_ws_std::Config;
use bare_ws_std::tokio::{WebSocket, open};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf, duplex};
use tokio::time::{Instant, timeout};

use crate::connection::URI;
use crate::server::Server;

const SECOND: Duration = Duration::from_secs(1);

/// A duplex stream with faults of its own.
struct Faulty {
    stream: DuplexStream,
    /// Its end is an error.
    fails: bool,
    /// So many writes find no room.
    refusals: Arc<AtomicUsize>,
    /// It never ends its direction.
    is_stuck: bool,
}

impl Faulty {
    fn over(stream: DuplexStream) -> Self {
        Self {
            stream,
            fails: false,
            refusals: Arc::default(),
            is_stuck: false,
        }
    }
}

/// A connection over a stream with these faults.
async fn opened(
    config: &Config,
    faults: impl FnOnce(&mut Faulty),
) -> (WebSocket<Faulty>, Server<DuplexStream>) {
    let (ours, theirs) = duplex(1000);
    let mut ours = Faulty::over(ours);
    faults(&mut ours);
    let mut server = Server::over(theirs);
    let (socket, ()) = tokio::join!(open(config, URI, ours), server.accept());
    (socket.unwrap(), server)
}

/// What the stream says of itself, known by its type.
#[derive(Debug)]
struct Own;

impl std::fmt::Display for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a matter of the stream's")
    }
}

impl std::error::Error for Own {}

impl AsyncRead for Faulty {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<Result<(), Error>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Ready(Ok(())) if self.fails && buf.filled().len() == before => {
                Poll::Ready(Err(Error::other(Own)))
            }
            read => read,
        }
    }
}

impl AsyncWrite for Faulty {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<Result<usize, Error>> {
        let left = self.refusals.load(Ordering::Relaxed);
        if let Some(left) = left.checked_sub(1) {
            self.refusals.store(left, Ordering::Relaxed);
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.is_stuck {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

// row: CLS-15, LIV-31
#[tokio::test(start_paused = true)]
async fn to_finish_tells_an_error_of_the_stream_as_it_is() {
    for level in ["none", "whole", "frames"] {
        let (mut socket, mut server) = opened(&Config::new(), |ours| ours.fails = true).await;
        server.frame(0x01, b"the first fragment").await;
        match level {
            "whole" => assert!(timeout(SECOND, socket.recv()).await.is_err()),
            "frames" => assert!(socket.recv_frame().await.unwrap().is_some()),
            _ => {}
        }
        drop(server);
        match socket.reader.finish().await.map(drop) {
            Err(bare_ws_std::Error::Io(error)) => {
                let own = error.get_ref().is_some_and(|own| own.is::<Own>());
                assert!(own, "{level}: {error:?}");
            }
            other => panic!("{level}: {other:?}"),
        }
    }
}

/// Our direction ends as soon as the Close that says why is out, whether anybody finishes or not.
// row: CLS-14, CLS-17
#[tokio::test(start_paused = true)]
async fn our_direction_ends_behind_the_close_of_a_failure() {
    for refusals in 0..6 {
        let left = Arc::<AtomicUsize>::default();
        let given = Arc::clone(&left);
        let (mut socket, mut server) = opened(&Config::new(), |ours| ours.refusals = given).await;
        left.store(refusals, Ordering::Relaxed);
        server.frame(0x83, b"").await;
        let received = socket.recv().await.map(drop);
        assert!(
            matches!(received, Err(bare_ws_std::Error::Peer(_))),
            "{received:?}"
        );
        // A frame or the end, which come at once or not at all.
        let closed = timeout(SECOND, server.read_frame()).await;
        if let Ok(closed) = closed {
            assert_eq!(closed, Some((0x88, 1002_u16.to_be_bytes().to_vec())));
            let ended = timeout(SECOND, server.read_frame()).await;
            assert_eq!(ended, Ok(None), "{refusals}");
        } else {
            // It is tried more than once.
            assert!(refusals > 1, "{refusals}");
        }
    }
}

/// A stream that does not end its direction is given up when the time to close is over, and until then nobody is kept
/// busy.
// row: CLS-17, STA-02
#[tokio::test(start_paused = true)]
async fn a_stream_that_does_not_end_its_direction_is_given_up_in_time() {
    let config = Config::new().close_timeout(SECOND * 5);
    let (mut socket, mut server) = opened(&config, |ours| ours.is_stuck = true).await;
    server.close(1000).await;
    server.io.shutdown().await.unwrap();
    let began = Instant::now();
    // Where a task is never idle, no time passes by this clock.
    let finished = socket.finish(None, "").await.map(|status| status.is_some());
    assert!(matches!(finished, Ok(true)), "{finished:?}");
    assert_eq!(began.elapsed(), SECOND * 5);
}
