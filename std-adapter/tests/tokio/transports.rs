//! What transports may do: hold octets back until they are flushed, and be interrupted.

use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bare_ws_std::Config;
use bare_ws_std::tokio::open;
use tokio::io::{AsyncRead, AsyncWrite, BufStream, DuplexStream, ReadBuf, duplex};
use tokio::time::timeout;

use crate::connection::URI;
use crate::server::Server;

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
