//! What transports may do: hold octets back until they are flushed, be interrupted, and be slow.

use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bare_ws_std::tokio::open;
use bare_ws_std::{Config, Error as Failure, Timeout};
use tokio::io::{AsyncRead, AsyncWrite, BufStream, DuplexStream, ReadBuf, duplex};
use tokio::time::{Instant, Sleep, sleep, timeout};

use crate::connection::URI;
use crate::server::{Server, certificate};

/// One whose every second write is interrupted by a signal, and that holds back what it has until it is flushed.
struct Odd {
    stream: BufStream<DuplexStream>,
    writes: u32,
}

impl AsyncRead for Odd {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Odd {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<Result<usize, Error>> {
        self.writes += 1;
        if self.writes.is_multiple_of(2) {
            return Poll::Ready(Err(ErrorKind::Interrupted.into()));
        }
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

// row: STA-06
#[tokio::test(start_paused = true)]
async fn what_is_held_back_is_flushed_and_what_is_interrupted_is_done_again() {
    let (ours, theirs) = duplex(1000);
    let ours = Odd {
        stream: BufStream::new(ours),
        writes: 0,
    };
    let mut server = Server::over(theirs);
    let config = Config::new();
    let exchange = async {
        let (socket, ()) = tokio::join!(open(&config, URI, ours), server.accept());
        let socket = socket.unwrap();
        for number in 0..3 {
            socket.writer.send(&[number; 10][..]).await.unwrap();
            assert_eq!(server.read_frame().await, Some((0x82, vec![number; 10])));
        }
    };
    let exchanged = timeout(Duration::from_secs(1), exchange).await;
    exchanged.expect("nothing is held back");
}

/// One that takes [`STEP`] octets every [`PAUSE`], and after so many nothing.
struct Slow {
    stream: DuplexStream,
    left: usize,
    pause: Pin<Box<Sleep>>,
}

const STEP: usize = 1024;
const PAUSE: Duration = Duration::from_millis(100);
const STALL: Duration = Duration::from_secs(2);

impl AsyncRead for Slow {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Slow {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<Result<usize, Error>> {
        ready!(self.pause.as_mut().poll(cx));
        let step = octets.len().min(STEP).min(self.left);
        if step == 0 {
            return Poll::Pending;
        }
        let taken = ready!(Pin::new(&mut self.stream).poll_write(cx, &octets[..step]))?;
        self.left -= taken;
        self.pause.as_mut().reset(Instant::now() + PAUSE);
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// What is slow is no stall, though TLS takes 64 KiB in advance; what takes nothing more is one.
// row: STA-06, SEED-06
#[tokio::test(start_paused = true)]
async fn a_peer_that_is_slow_behind_tls_is_not_taken_for_one_that_stalls() {
    for (most, is_sent) in [(usize::MAX, true), (40 * STEP, false)] {
        let (tls, acceptor) = certificate();
        let (ours, theirs) = duplex(1 << 20);
        let serving = tokio::spawn(async move {
            let mut server = Server::over(acceptor.accept(theirs).await.unwrap());
            server.accept().await;
            server.read_messages().await
        });
        let ours = Slow {
            stream: ours,
            left: most,
            pause: Box::pin(sleep(PAUSE)),
        };
        let config = Config::new().tls(tls).stall_timeout(STALL);
        let mut socket = open(&config, "wss://localhost/", ours).await.unwrap();
        let message = vec![7; 62 * STEP];
        let began = Instant::now();
        let sent = socket.send(&message[..]).await;
        let took = began.elapsed();
        if is_sent {
            sent.unwrap();
            assert!(took > STALL * 2, "{took:?}");
            socket.finish(None, "").await.unwrap_err();
            assert_eq!(serving.await.unwrap().0, [(2, message)]);
        } else {
            assert!(
                matches!(sent, Err(Failure::Timeout(Timeout::Stall))),
                "{sent:?}"
            );
            let longest = PAUSE * 50 + STALL;
            assert!(took > STALL && took <= longest, "{took:?}");
        }
    }
}
