//! What every call that waits is promised: it ends in time, sleeps while it waits, and is not held
//! up by the other direction.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bare_ws::buffer::Storage;
use bare_ws::close::CloseCode;
use bare_ws::error::Usage;
use bare_ws::message::Message;
use bare_ws::opcode::Opcode;
use bare_ws::receiver::Receiver;
use bare_ws::role::Client as ClientRole;
use bare_ws::sender::Sender;
use bare_ws_embassy::{
    Connection, Error, KeepAlive, READS_AT_ONCE, Timeout, Timing, WAITERS, transport::Shutdown,
};
use embassy_futures::join::{join, join3};
use embassy_futures::select::{Either, select};
use embassy_time::{Duration, Instant, Timer, with_timeout};
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};

use crate::support::entropy::Repeatable;
use crate::support::frames::{self, Sent, sent};
use crate::support::pipe::{Manner, Pipe};
use crate::support::tasks::{Tasks, counted, run};
use crate::support::{clock, connected, now, seconds};

type Outcome<T> = Result<T, Error<ErrorKind>>;

const CLOSE_TIMEOUT: Error<ErrorKind> = Error::Timeout(Timeout::Close);

fn stall(after: u64) -> Timing {
    Timing {
        stall: Some(seconds(after)),
        ..Timing::DEFAULT
    }
}

/// A message that was given up stops the way of our Close; the deadline is the connection's, and
/// ends it though the call that set it gives up, too.
// row: CLS-11, STA-02, LIV-02
#[test]
fn closing_ends_in_time_behind_a_send_that_is_stuck() {
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<131>(Manner::narrow(64), &Timing::DEFAULT);
    run(async {
        let long = [0; 1000];
        assert!(
            with_timeout(seconds(1), client.send(&long[..]))
                .await
                .is_err()
        );
        let closed = client.close(Some(CloseCode::NORMAL), "").await;
        assert_eq!((closed, now()), (Err(CLOSE_TIMEOUT), 6.0));
        assert_eq!(client.recv().await, Err(CLOSE_TIMEOUT));
        assert_eq!(client.send("x").await, Err(CLOSE_TIMEOUT));
        assert_eq!(client.finish().await, Err(CLOSE_TIMEOUT));
        assert_eq!(now(), 6.0);
    });
    assert!(peer.from_client.was_aborted());
}

/// The close deadline is an event of the connection: a send that is stuck, the closer and the
/// reader all learn of it, in whatever order they began.
// row: CLS-11, STA-02, LIV-03
#[test]
fn the_close_deadline_ends_every_call() {
    for reader_begins in [0, 1, 2, 5] {
        clock::set(Instant::MIN);
        let (mut client, peer) = connected::<131>(Manner::narrow(64), &Timing::DEFAULT);
        let (mut reader, writer) = client.split();
        let long = [0; 1000];
        run(join3(
            async {
                assert_eq!(writer.send(&long[..]).await, Err(CLOSE_TIMEOUT));
                assert_eq!(now(), 6.0);
            },
            async {
                Timer::after(seconds(1)).await;
                assert_eq!(writer.close(None, "").await, Err(CLOSE_TIMEOUT));
                assert_eq!(now(), 6.0);
            },
            async {
                Timer::after(seconds(reader_begins)).await;
                assert_eq!(reader.recv().await, Err(CLOSE_TIMEOUT));
                assert_eq!(now(), 6.0);
                assert_eq!(reader.finish().await, Err(CLOSE_TIMEOUT));
            },
        ));
        assert!(peer.from_client.was_aborted());
    }
}

/// Dropped before its Close was queued, `close` has not happened: no deadline of it is left.
// row: CLS-11, STA-05, LIV-04
#[test]
fn a_close_that_was_dropped_unqueued_leaves_no_deadline() {
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<131>(Manner::narrow(3), &Timing::DEFAULT);
    let (mut reader, writer) = client.split();
    let mut taken = peer.from_client.clone();
    peer.to_client.put(&frames::ping(b"owed"));
    let mut tasks = Tasks::new();
    tasks.spawn(async {
        assert_eq!(reader.recv().await, Ok(Some("on".into())));
        assert_eq!(now(), 60.0);
        assert_eq!(reader.recv().await, Ok(None));
    });
    tasks.spawn(async {
        // The Pong has the lock.
        let closing = writer.close(Some(CloseCode::NORMAL), "");
        assert!(with_timeout(seconds(2), closing).await.is_err());
        assert_eq!(now(), 2.0);
        assert_eq!(writer.send("later").await, Ok(()));
    });
    tasks.spawn(async {
        Timer::after(seconds(60)).await;
        peer.to_client.put(&frames::text("on"));
        while let Ok(1..) = taken.read(&mut [0; 8]).await {
            if peer.from_client.written().len() == 10 + 11 {
                peer.to_client.put(&frames::close(1000)).end();
                break;
            }
        }
    });
    tasks.run();
    let (sent, _) = frames::sent_so_far(&peer.from_client.written());
    let expected = [
        Sent::new(Opcode::Pong, b"owed"),
        Sent::new(Opcode::Text, b"later"),
    ];
    assert_eq!(sent, expected);
}

/// Of two that want to close, the one that is dropped takes nothing from the other.
// row: CLS-11, STA-05
#[test]
fn a_dropped_close_does_not_take_back_another_s() {
    clock::set(Instant::MIN);
    let (mut client, _peer) = connected::<131>(Manner::narrow(3), &Timing::DEFAULT);
    let (_reader, writer) = client.split();
    run(join3(
        async {
            let long = writer.send("more than the pipe holds").await;
            assert_eq!(long, Err(CLOSE_TIMEOUT));
        },
        async {
            let closing = with_timeout(seconds(2), writer.close(None, "")).await;
            assert!(closing.is_err());
        },
        async {
            assert_eq!(writer.close(None, "").await, Err(CLOSE_TIMEOUT));
            assert!((5.0..=7.0).contains(&now()), "{}", now());
        },
    ));
}

/// Memory that could grow, and cannot any more.
struct Exhausted([u8; 256]);

impl Storage for Exhausted {
    fn octets(&self) -> &[u8] {
        &self.0
    }

    fn octets_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    fn grow(&mut self, len: usize) -> bool {
        len <= self.0.len()
    }

    fn can_grow(&self) -> bool {
        true
    }
}

/// The peer is told, and so is the caller.
// row: LIM-01, LIV-06
#[test]
fn memory_that_cannot_grow_fails_the_connection() {
    clock::set(Instant::MIN);
    for capacity in [usize::MAX, 3] {
        let (to_client, from_client) =
            (Pipe::new(Manner::GOOD), Pipe::new(Manner::narrow(capacity)));
        let mut client = Connection::new(
            (to_client.clone(), from_client.clone()),
            Receiver::<ClientRole, _>::new(Exhausted([0; 256])),
            Sender::<ClientRole, _, _>::new([0; 131], Repeatable(1)),
            &Timing::DEFAULT,
        );
        to_client.put(&frames::frame(Opcode::Binary, true, &[0; 1000]));
        let failed = run(client.recv()).map(|message| message.is_some());
        let Err(Error::TooLong { .. }) = failed else {
            panic!("{failed:?}");
        };
        assert_eq!(now(), 0.0);
        if capacity > 8 {
            let close = Sent::new(Opcode::Close, &1009u16.to_be_bytes());
            assert_eq!(sent(&from_client.written()), [close]);
        }
    }
}

/// A peer that talks and never reads: its octets are signs of life, and no reason to wait for ever
/// with what is to be sent.
// row: STA-02, STA-03, TRAP-26, LIV-07
#[test]
fn a_stall_ends_a_send_though_the_peer_talks() {
    clock::set(Instant::MIN);
    let timing = Timing {
        silence: Some(seconds(5)),
        keepalive: Some(KeepAlive {
            interval: seconds(3),
            dead_after: seconds(4),
        }),
        ..stall(20)
    };
    let (mut client, peer) = connected::<131>(Manner::narrow(64), &timing);
    let (mut reader, writer) = client.split();
    let long = [0; 1000];
    let talk = async {
        loop {
            peer.to_client.put(&frames::text("talk"));
            Timer::after(seconds(1)).await;
        }
    };
    let stalled = Err(Error::Timeout(Timeout::Stall));
    let both = join(
        async {
            assert_eq!(writer.send(&long[..]).await, stalled);
            assert_eq!(now(), 20.0);
        },
        async {
            let outcome = loop {
                match reader.recv().await {
                    Ok(message) => assert_eq!(message, Some("talk".into())),
                    Err(error) => break Err(error),
                }
            };
            assert_eq!((outcome, now()), (stalled, 20.0));
        },
    );
    run(select(both, talk));
}

/// With nobody who receives, too: the undivided connection keeps it alone.
// row: STA-02
#[test]
fn a_stall_ends_every_call_that_sends() {
    type Call<'c> = std::pin::Pin<Box<dyn Future<Output = Outcome<()>> + 'c>>;
    type Client = crate::support::Client<131>;
    let calls: [fn(&mut Client) -> Call<'_>; 7] = [
        |client| Box::pin(client.send("a message")),
        |client| {
            Box::pin(client.send_fragment(bare_ws::message::MessageKind::Text, b"piece", true))
        },
        |client| {
            let header = bare_ws::header::FrameHeader::new(Opcode::Binary, true, 5);
            Box::pin(client.send_frame(header, b"frame"))
        },
        |client| Box::pin(client.ping(b"ping!")),
        |client| Box::pin(client.pong(b"pong!")),
        |client| Box::pin(client.flush()),
        |client| Box::pin(client.close(None, "")),
    ];
    for (place, call) in calls.into_iter().enumerate() {
        clock::set(Instant::MIN);
        let (mut client, _peer) = connected::<131>(Manner::narrow(3), &stall(4));
        // What is left behind is not out either.
        let first = crate::support::tasks::run_for(1, client.send("stuck"));
        assert_eq!(first, None);
        let ended = run(call(&mut client));
        assert_eq!(ended, Err(Error::Timeout(Timeout::Stall)), "{place}");
        assert_eq!(now(), 4.0, "{place}");
    }
}

/// Neither limit is one on how long a send may take, as long as it goes on.
// row: STA-02
#[test]
fn a_slow_send_is_neither_silence_nor_stall() {
    clock::set(Instant::MIN);
    let timing = Timing {
        silence: Some(seconds(2)),
        ..stall(2)
    };
    let (mut client, peer) = connected::<131>(Manner::narrow(8), &timing);
    let mut taken = peer.from_client.clone();
    let slowly = async {
        loop {
            Timer::after(seconds(1)).await;
            let _ = taken.read(&mut [0; 1]).await;
        }
    };
    let send = async {
        assert_eq!(client.send(&[0; 100][..]).await, Ok(()));
        assert_eq!(now(), 98.0);
    };
    run(select(send, slowly));
}

/// What has arrived whole is delivered, though the reply to what came before it cannot go out.
// row: CTL-02, CTL-05, TRAP-17, LIV-13
#[test]
fn a_message_behind_a_ping_does_not_wait_for_the_pong() {
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<131>(Manner::narrow(3), &Timing::DEFAULT);
    peer.to_client
        .put(&frames::ping(b"first"))
        .put(&frames::text("one"))
        .put(&frames::ping(b"second"))
        .put(&frames::text("two"));
    run(async {
        assert_eq!(client.recv().await, Ok(Some("one".into())));
        assert_eq!(client.recv().await, Ok(Some("two".into())));
        assert_eq!(now(), 0.0);
    });
}

/// The peer writes all that it has before it reads one octet; what is answered is the latest Ping.
// row: CTL-02, TRAP-17, LIV-11
#[test]
fn reading_goes_on_while_an_answer_waits() {
    const PINGS: usize = 2000;
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<256>(Manner::narrow(200), &Timing::DEFAULT);
    let (mut to_client, mut from_client) = (peer.to_client.clone(), peer.from_client.clone());
    let write = async {
        let ping = frames::ping(&[7; 125]);
        for _ in 0..PINGS {
            to_client.write_all(&ping).await.unwrap();
        }
        to_client.write_all(&frames::text("done")).await.unwrap();
        while from_client.read(&mut [0; 256]).await.unwrap() > 0 {}
    };
    let receive = async {
        assert_eq!(client.recv().await, Ok(Some("done".into())));
        assert_eq!(now(), 0.0);
    };
    run(select(receive, write));
}

/// While nothing moves nobody is polled, however many wait for the same sender.
// row: STA-06, LIV-14
#[test]
fn whoever_waits_sleeps() {
    // One more than there are places looks every 10 ms.
    let all = [(2, 10), (WAITERS - 1, 10), (WAITERS + 2, 4 * 20 * 100)];
    for (writers, most) in all {
        clock::set(Instant::MIN);
        let (mut client, _peer) = connected::<131>(Manner::narrow(3), &stall(20));
        let (mut reader, writer) = client.split();
        let polls = vec![Cell::new(0); writers + 1];
        let stalled = Err(Error::Timeout(Timeout::Stall));
        let mut tasks = Tasks::new();
        for (place, polls) in polls[1..].iter().enumerate() {
            tasks.spawn(counted(polls, async move {
                let outcome = if place == 0 {
                    writer.send("stuck").await
                } else {
                    writer.ping(b"behind it").await
                };
                assert_eq!(outcome, stalled);
            }));
        }
        tasks.spawn(counted(&polls[0], async {
            assert_eq!(reader.recv().await.err(), stalled.err());
            assert_eq!(now(), 20.0);
        }));
        tasks.run();
        let sum: usize = polls.iter().map(Cell::get).sum();
        assert!(sum < most * (writers + 1), "{polls:?}");
    }
}

/// Each waiting sender gets its turn when there is room again.
// row: STA-06, LIV-14
#[test]
fn more_senders_than_places_all_send() {
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<131>(Manner::narrow(3), &Timing::DEFAULT);
    let (_reader, writer) = client.split();
    let mut taken = peer.from_client.clone();
    let mut tasks = Tasks::new();
    for place in 0..3 * WAITERS {
        tasks.spawn(async move {
            assert_eq!(writer.send(format!("{place:2}").as_str()).await, Ok(()));
        });
    }
    tasks.spawn(async {
        Timer::after(seconds(1)).await;
        while peer.from_client.written().len() < 3 * WAITERS * 8 {
            taken.read(&mut [0; 8]).await.unwrap();
        }
    });
    tasks.run();
    assert_eq!(sent(&peer.from_client.written()).len(), 3 * WAITERS);
    assert!(now() < 2.0, "{}", now());
}

/// A transport that takes nothing and says so.
#[derive(Clone, Copy)]
struct Full<'c>(&'c Cell<usize>);

impl ErrorType for Full<'_> {
    type Error = ErrorKind;
}

impl Write for Full<'_> {
    async fn write(&mut self, _: &[u8]) -> Result<usize, ErrorKind> {
        self.0.set(self.0.get() + 1);
        assert!(self.0.get() < 10, "written for ever");
        Ok(0)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Shutdown for Full<'_> {
    async fn shutdown(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }

    fn abort(&mut self) {}
}

/// `Ok(0)` is the end of writing, for a message, a Pong or a Close: it is not tried again, and
/// reading goes on to the peer's end.
// row: STA-07, LIV-15
#[test]
fn a_write_of_nothing_is_an_error_at_once() {
    for closes in [false, true] {
        clock::set(Instant::MIN);
        let writes = Cell::new(0);
        let to_client = Pipe::new(Manner::GOOD);
        let mut client = Connection::new(
            (to_client.clone(), Full(&writes)),
            Receiver::<ClientRole, _>::new([0; 256]),
            Sender::<ClientRole, _, _>::new([0; 131], Repeatable(1)),
            &Timing::DEFAULT,
        );
        run(async {
            let lost = Err(Error::Lost);
            if closes {
                assert_eq!(client.close(None, "").await, lost);
            } else {
                assert_eq!(client.send("x").await, lost);
            }
            assert!(client.send("y").await.is_err());
            to_client
                .put(&frames::ping(b""))
                .put(&frames::text("before"))
                .put(&frames::close(1000))
                .end();
            if !closes {
                // Nothing can say that we close but the end of our direction.
                let _ = client.close(Some(CloseCode::NORMAL), "").await;
            }
            assert_eq!(client.recv().await, Ok(Some("before".into())));
            assert_eq!(client.recv().await, Ok(None));
            assert_eq!(client.finish().await, Ok(()));
            assert_eq!((writes.get(), now()), (1, 0.0), "{closes}");
        });
    }
}

/// A UART that always has an octet more.
struct Talkative<'c> {
    octets: &'c [u8],
    reads: &'c Cell<usize>,
}

impl ErrorType for Talkative<'_> {
    type Error = ErrorKind;
}

impl Read for Talkative<'_> {
    async fn read(&mut self, octets: &mut [u8]) -> Result<usize, ErrorKind> {
        self.reads.set(self.reads.get() + 1);
        let n = octets.len().min(self.octets.len()).min(3);
        octets[..n].copy_from_slice(&self.octets[..n]);
        self.octets = &self.octets[n..];
        if n == 0 {
            return pending().await;
        }
        Ok(n)
    }
}

/// A reader lets others run while octets keep coming: a bounded number of reads in each poll.
// row: TRAP-27, LIV-16
#[test]
fn a_reader_yields_while_octets_keep_coming() {
    clock::set(Instant::MIN);
    let mut stream = frames::frame(Opcode::Binary, true, &[1; 60_000]);
    stream.extend(frames::ping(b"ping").repeat(5000));
    stream.extend(frames::text("last"));
    let reads = Cell::new(0);
    let to_peer = Pipe::new(Manner::GOOD);
    let talkative = Talkative {
        octets: &stream,
        reads: &reads,
    };
    let mut client = Connection::new(
        (talkative, to_peer.clone()),
        Receiver::<ClientRole, _>::new(vec![0; 65_536]),
        Sender::<ClientRole, _, _>::new([0; 131], Repeatable(1)),
        &Timing::DEFAULT,
    );
    for expected in [Message::Binary(&[1; 60_000]), Message::Text("last")] {
        let mut recv = pin!(client.recv());
        let mut polls = 0;
        loop {
            let before = reads.get();
            let polled = recv.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            let at_once = reads.get() - before;
            assert!(at_once <= READS_AT_ONCE.into(), "{at_once} reads in a poll");
            polls += 1;
            if let Poll::Ready(message) = polled {
                assert_eq!(message, Ok(Some(expected)));
                break;
            }
        }
        assert!(polls > 100, "{polls}");
    }
}

/// Dead exactly so long after the last octet; a peer that pings us is alive.
// row: STA-03, LIV-30
#[test]
fn keepalive_is_exact_and_any_octet_is_life() {
    let timing = Timing {
        keepalive: Some(KeepAlive {
            interval: seconds(3),
            dead_after: seconds(5),
        }),
        ..Timing::DEFAULT
    };
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<131>(Manner::GOOD, &timing);
    let ping = async {
        for _ in 0..10 {
            Timer::after(Duration::from_millis(4900)).await;
            peer.to_client.put(&frames::ping(b"we"));
        }
        pending::<()>().await
    };
    let receive = async {
        let dead = Err(Error::Timeout(Timeout::KeepAlive));
        assert_eq!(client.recv().await, dead);
        assert_eq!(now(), 54.0);
        assert_eq!(client.last_heard(), Instant::from_secs(49));
    };
    let Either::First(()) = run(select(receive, ping)) else {
        unreachable!();
    };
}

/// Limits that are set anew hold for a call that waits already.
// row: STA-02
#[test]
fn limits_can_be_set_while_calls_wait() {
    clock::set(Instant::MIN);
    let (mut client, _peer) = connected::<131>(Manner::narrow(3), &Timing::DEFAULT);
    let (mut reader, writer) = client.split();
    let seen = RefCell::new(Vec::new());
    let mut tasks = Tasks::new();
    tasks.spawn(async {
        assert_eq!(reader.recv().await, Err(Error::Timeout(Timeout::Silence)));
        seen.borrow_mut().push(("recv", now()));
    });
    tasks.spawn(async {
        let sent = writer.send("stuck").await;
        assert_eq!(sent, Err(Error::Timeout(Timeout::Silence)));
        seen.borrow_mut().push(("send", now()));
        let refused = writer.ping(b"").await;
        assert_eq!(refused, sent);
    });
    tasks.spawn(async {
        Timer::after(seconds(3)).await;
        writer.set_timing(&Timing {
            silence: Some(seconds(10)),
            ..stall(30)
        });
    });
    tasks.run();
    seen.borrow_mut().sort_by_key(|(who, _)| *who);
    assert_eq!(*seen.borrow(), [("recv", 10.0), ("send", 10.0)]);
}

/// After the end each call says so at once: none waits.
// row: STA-02, CLS-09, LIV-31
#[test]
fn nothing_waits_after_the_end() {
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<131>(Manner::GOOD, &Timing::DEFAULT);
    peer.to_client.put(&frames::close(1000)).end();
    run(async {
        assert_eq!(client.finish().await, Ok(()));
        let not_open = Err(Error::Usage(Usage::NotOpen));
        assert_eq!(client.send("x").await, not_open);
        assert_eq!(client.ping(b"").await, not_open);
        assert_eq!(client.flush().await, not_open);
        assert_eq!(client.close(None, "").await, not_open);
        assert_eq!(client.recv_chunk().await, Ok(None));
        assert_eq!(client.recv_frame().await, Ok(None));
        assert_eq!(client.finish().await, Ok(()));
        assert_eq!(now(), 0.0);
    });
}
