//! What the column found.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;

use bare_ws::close::CloseCode;
use bare_ws_embassy::{Error, KeepAlive, Timeout, Timing};
use embassy_futures::join::{join, join4};
use embassy_time::{Instant, Timer, with_timeout};
use embedded_io_async::ErrorKind;

use crate::support::frames;
use crate::support::pipe::Manner;
use crate::support::tasks::{apart, counted, run, run_within};
use crate::support::{clock, connected, now, seconds};

/// With a new future for each poll, the last one dropped. What was dropped owes nobody a wake.
async fn anew<T>(mut call: impl AsyncFnMut() -> T) -> T {
    poll_fn(|cx| pin!(call()).poll(cx)).await
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

/// A close that waits behind another task's message is begun and withdrawn at each poll, and a
/// message behind the receiver's answer asks for its turn at each: that wakes nobody twice, neither
/// the other task nor, where one task does both, itself.
// row: STA-05, STA-06
#[test]
fn a_call_that_is_made_anew_behind_another_lets_both_sleep() {
    let timing = Timing {
        stall: Some(seconds(20)),
        ..Timing::DEFAULT
    };
    for closes in [true, false] {
        for in_one_task in [true, false] {
            clock::set(Instant::MIN);
            let (mut client, peer) = connected::<131>(Manner::narrow(3), &timing);
            peer.to_client.put(&frames::ping(b"owed"));
            let (mut reader, writer) = client.split();
            let polls = Cell::new(0);
            let long = [b'l'; 300];
            let first = async {
                if closes {
                    writer.send(&long[..]).await
                } else {
                    reader.recv().await.map(drop)
                }
            };
            let second = anew(async || {
                if closes {
                    writer.close(Some(CloseCode::NORMAL), "").await
                } else {
                    writer.send(&long[..]).await
                }
            });
            let limit = if closes {
                Timeout::Close
            } else {
                Timeout::Stall
            };
            let ended = if in_one_task {
                run_within(1000, counted(&polls, join(first, second)))
            } else {
                run_within(1000, counted(&polls, join(apart(first), apart(second))))
            };
            assert_eq!(
                ended.1,
                Err(Error::Timeout(limit)),
                "{closes} {in_one_task}"
            );
            assert_eq!(ended.0, ended.1);
            assert_eq!(now(), if closes { 5.0 } else { 20.0 });
            assert!(polls.get() < 10, "{} polls", polls.get());
        }
    }
}

/// A closing handshake needs no Ping. Where it does not come to that, the Ping is due when it was.
// row: STA-05, STA-07
#[test]
fn a_close_that_is_given_up_puts_no_ping_off() {
    clock::set(Instant::MIN);
    let timing = Timing {
        keepalive: Some(KeepAlive {
            interval: seconds(5),
            dead_after: seconds(8),
        }),
        close: seconds(20),
        ..Timing::DEFAULT
    };
    let (mut client, peer) = connected::<131>(Manner::narrow(3), &timing);
    let (mut reader, writer) = client.split();
    let dead = Err(Error::Timeout(Timeout::KeepAlive));
    run(join4(
        apart(async { assert_eq!(writer.send(&[b'l'; 300][..]).await, dead) }),
        apart(async {
            // Behind the message.
            let close = writer.close(Some(CloseCode::NORMAL), "");
            assert!(with_timeout(seconds(6), close).await.is_err());
        }),
        apart(async {
            Timer::after(seconds(2)).await;
            peer.to_client.put(&[0x82]);
        }),
        apart(async {
            assert_eq!(reader.recv().await, dead.map(|()| None));
            // Heard at 2, a Ping due at 7, and 3 s for the answer.
            assert_eq!(now(), 10.0);
        }),
    ));
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
