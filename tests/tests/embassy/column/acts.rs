//! The client's side of a cell.

use std::cell::Cell as Slot;
use std::fmt::Debug;
use std::future::poll_fn;
use std::pin::pin;

use bare_ws::close::CloseCode;
use bare_ws::header::FrameHeader;
use bare_ws::message::MessageKind;
use bare_ws::opcode::Opcode;
use bare_ws::receiver::Receiver;
use bare_ws::role::Client;
use bare_ws::sender::{Sender, Transmit};
use bare_ws_embassy::transport::Transport;
use bare_ws_embassy::{Connection, Writer};
use embassy_futures::join::join;
use embassy_futures::select::{Either, select};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use embassy_time::{Duration, Instant, Timer, with_timeout};

use super::axes::{Cell, Deadline, LATER, Manner, Outcome, PATIENCE, Row, Use, WAVE};
use crate::support::entropy::Repeatable;
use crate::support::tasks::apart;

/// Longer than what a way to a peer holds, and shorter than what a buffer does.
const SHORT: [u8; 100] = [b's'; 100];
/// Longer than all of them.
const LONG: [u8; 1000] = [b'l'; 1000];

pub(crate) type Rx = Receiver<Client, [u8; 256]>;
pub(crate) type Tx = Sender<Client, [u8; 256], Repeatable>;

pub(crate) fn buffers() -> (Rx, Tx) {
    (
        Receiver::new([0; 256]),
        Sender::new([0; 256], Repeatable(7)),
    )
}

/// What came of a cell.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) outcome: Outcome,
    pub(crate) took: Duration,
    pub(crate) delivered: usize,
    /// How the call of the other task ended, if it did.
    pub(crate) beside: Option<Outcome>,
}

/// The call, or the call dropped and made anew, wherever it waits. What was dropped owes nobody a
/// wake, so a timer of the caller's has the next one made.
async fn made<T>(manner: Manner, mut call: impl AsyncFnMut() -> T) -> T {
    match manner {
        Manner::Whole => call().await,
        Manner::Dropped => loop {
            if let Ok(done) = with_timeout(WAVE, call()).await {
                return done;
            }
        },
        Manner::DroppedAtOnce => {
            poll_fn(|cx| {
                let polled = pin!(call()).poll(cx);
                if polled.is_pending() {
                    let _ = pin!(Timer::after(WAVE)).poll(cx);
                }
                polled
            })
            .await
        }
    }
}

/// Receives until it does not go on. A connection and a reader have the same calls.
macro_rules! receive {
    ($on:expr, $cell:expr, $delivered:expr) => {
        loop {
            let more = match $cell.row {
                Row::Recv => {
                    made($cell.manner, async || $on.recv().await.map(|m| m.is_some())).await
                }
                Row::RecvChunk => {
                    made($cell.manner, async || {
                        $on.recv_chunk().await.map(|m| m.is_some())
                    })
                    .await
                }
                _ => {
                    made($cell.manner, async || {
                        $on.recv_frame().await.map(|m| m.is_some())
                    })
                    .await
                }
            };
            match more {
                Ok(true) => $delivered.set($delivered.get() + 1),
                ended => break Outcome::of(ended),
            }
        }
    };
}

/// A connection and a writer have the same calls.
macro_rules! send {
    ($on:expr, $cell:expr) => {{
        // Of a frame that fits the buffer nothing is left to do but to bring it out, once its call
        // was dropped: made anew, the call would send another one.
        let mut is_queued = false;
        let sent = made($cell.manner, async || {
            let row = if is_queued { Row::Flush } else { $cell.row };
            is_queued = $cell.sends() && $cell.row != Row::SendLong;
            match row {
                Row::Send => $on.send(&SHORT[..]).await,
                Row::SendLong => $on.send(&LONG[..]).await,
                Row::SendFragment => $on.send_fragment(MessageKind::Binary, &SHORT, false).await,
                Row::SendFrame => {
                    let header = FrameHeader::new(Opcode::Binary, true, SHORT.len() as u64);
                    $on.send_frame(header, &SHORT).await
                }
                Row::Ping => $on.ping(&SHORT).await,
                Row::Pong => $on.pong(&SHORT).await,
                Row::Flush => $on.flush().await,
                Row::Close => $on.close(Some(CloseCode::NORMAL), "").await,
                row => panic!("{row:?} does not send"),
            }
        });
        Outcome::of(sent.await)
    }};
}

/// Does on an open connection what the cell says.
pub(crate) async fn act<Io: Transport<Error: Debug>>(
    cell: Cell,
    mut connection: Connection<Io, Rx, Tx>,
) -> Seen {
    if cell.row == Row::Flush {
        let queued = connection.sender_mut().sender_mut().ping(&SHORT);
        assert_eq!(queued, Ok(true));
    }
    if cell.is_filled() {
        // What a dropped call left behind.
        let _ = select(connection.ping(&SHORT), async {}).await;
    }
    let waits_for_peer = cell.receives() || cell.discards();
    if waits_for_peer && cell.deadline == Deadline::Close && cell.used != Use::Beside {
        // Where the peer has ended there is nobody to close for.
        let _ = connection.close(Some(CloseCode::NORMAL), "").await;
    }
    let delivered = Slot::new(0);
    if cell.used == Use::Undivided {
        let (outcome, took) = patiently(async {
            match cell.row {
                Row::Finish => {
                    Outcome::of(made(cell.manner, async || connection.finish().await).await)
                }
                _ if cell.receives() => receive!(connection, cell, delivered),
                _ => send!(connection, cell),
            }
        })
        .await;
        return Seen {
            outcome,
            took,
            delivered: delivered.get(),
            beside: None,
        };
    }
    let (mut reader, writer) = connection.split();
    let begins_later = cell.ends() && cell.used == Use::Beside;
    let over = Signal::<NoopRawMutex, ()>::new();
    // A reader of its own for the task beside, where this one does not receive.
    let (own, lent) = if cell.sends() || cell.row == Row::Close {
        (None, Some(&mut reader))
    } else {
        (Some(&mut reader), None)
    };
    let main = async {
        if begins_later {
            Timer::after(LATER / 2).await;
        }
        let ended = patiently(async {
            match own {
                Some(reader) if cell.row == Row::Finish => {
                    Outcome::of(made(cell.manner, async || reader.finish().await).await)
                }
                Some(reader) => receive!(reader, cell, delivered),
                None => send!(writer, cell),
            }
        })
        .await;
        if matches!(ended.0, Outcome::Timeout(_) | Outcome::Lost) {
            // Of that everybody learns at once.
            Timer::after(LATER).await;
        }
        over.signal(());
        ended
    };
    if cell.used == Use::Halves {
        let (outcome, took) = main.await;
        return Seen {
            outcome,
            took,
            delivered: delivered.get(),
            beside: None,
        };
    }
    let beside = async {
        if cell.deadline == Deadline::Close && !cell.ends() {
            return close_later(writer).await;
        }
        match lent {
            Some(reader) if cell.sends() => loop {
                match reader.recv_chunk().await {
                    Ok(Some(_)) => {}
                    ended => break Outcome::of(ended),
                }
            },
            _ => Outcome::of(writer.send(&LONG[..]).await),
        }
    };
    let beside = async {
        match select(beside, over.wait()).await {
            Either::First(outcome) => Some(outcome),
            Either::Second(()) => None,
        }
    };
    let ((outcome, took), beside) = join(apart(main), apart(beside)).await;
    Seen {
        outcome,
        took,
        delivered: delivered.get(),
        beside,
    }
}

async fn close_later<Io: Transport<Error: Debug>>(writer: Writer<'_, Io, Tx>) -> Outcome {
    Timer::after(LATER).await;
    Outcome::of(writer.close(Some(CloseCode::NORMAL), "").await)
}

/// How it ended and after how long, or that it does not by itself.
pub(crate) async fn patiently(call: impl Future<Output = Outcome>) -> (Outcome, Duration) {
    let began = Instant::now();
    let ended = with_timeout(PATIENCE, call).await;
    (ended.unwrap_or(Outcome::GoesOn), began.elapsed())
}
