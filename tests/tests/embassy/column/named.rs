//! What the column found.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use bare_ws::close::CloseCode;
use bare_ws_embassy::{Error, Timeout, Timing};
use embassy_futures::join::join;
use embassy_time::{Instant, Timer};
use embedded_io_async::ErrorKind;

use crate::support::frames;
use crate::support::pipe::Manner;
use crate::support::tasks::{counted, run, run_within};
use crate::support::{clock, connected, now, seconds};

/// With a new future for each poll, the last one dropped.
async fn anew<T>(mut call: impl AsyncFnMut() -> T) -> T {
    poll_fn(|cx| match pin!(call()).poll(cx) {
        Poll::Ready(done) => Poll::Ready(done),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// What a dropped future leaves half written wakes whoever receives, and not the task whose call it
/// was: with a new future for each poll it would be polled for ever, and time would stand still.
// row: STA-05, STA-06
#[test]
fn a_call_that_is_made_anew_at_each_poll_sleeps() {
    let timing = Timing {
        stall: Some(seconds(20)),
        ..Timing::DEFAULT
    };
    let stalled = Err(Error::Timeout(Timeout::Stall));
    for receives in [true, false] {
        clock::set(Instant::MIN);
        let (mut client, peer) = connected::<131>(Manner::narrow(3), &timing);
        peer.to_client.put(&frames::ping(b"owed"));
        let polls = Cell::new(0);
        let call = async {
            if receives {
                anew(async || client.recv().await.map(drop)).await
            } else {
                anew(async || client.ping(b"more than the pipe takes").await).await
            }
        };
        assert_eq!(run_within(1000, counted(&polls, call)), stalled);
        assert_eq!(now(), 20.0);
        assert!(polls.get() < 10, "{} polls", polls.get());
    }
}

/// In the midst of closing, too: what is queued does not leave any more, and no call says it did.
// row: STA-07, CLS-14
#[test]
fn no_call_is_done_where_the_output_has_failed() {
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<131>(Manner::narrow(3), &Timing::DEFAULT);
    let (_, writer) = client.split();
    run(join(
        async {
            let broken = Err(Error::Transport(ErrorKind::ConnectionReset));
            assert_eq!(writer.close(Some(CloseCode::NORMAL), "").await, broken);
            assert_eq!(writer.flush().await, broken);
            assert_eq!(writer.send("late").await, broken);
            assert_eq!(now(), 1.0);
        },
        async {
            Timer::after(seconds(1)).await;
            peer.from_client.break_down();
        },
    ));
}
