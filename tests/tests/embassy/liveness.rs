//! What every call that waits is promised: it ends in time, sleeps while it waits, and is not held
//! up by the other direction.

mod stuck;

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

fn stall(after: u64) -> Timing {
    Timing {
        stall: Some(seconds(after)),
        ..Timing::DEFAULT
    }
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
    bare_ws_tests::ends(memory_cannot_grow);
}

fn memory_cannot_grow() {
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

/// Limits that are set anew hold for a call that waits already, also where nothing else waits.
// row: STA-02
#[test]
fn limits_can_be_set_while_calls_wait() {
    let both = Timing {
        silence: Some(seconds(10)),
        ..stall(30)
    };
    // Who waits beside the one who sets them, what is set after 3 s, and what ends the calls after 10 s.
    for (receives, sends, set, expected) in [
        (true, true, both, Timeout::Silence),
        (true, false, both, Timeout::Silence),
        (true, true, stall(10), Timeout::Stall),
        (false, true, stall(10), Timeout::Stall),
    ] {
        clock::set(Instant::MIN);
        let (mut client, _peer) = connected::<131>(Manner::narrow(3), &Timing::DEFAULT);
        let (mut reader, writer) = client.split();
        let seen = RefCell::new(Vec::new());
        let mut tasks = Tasks::new();
        if receives {
            tasks.spawn(async {
                assert_eq!(reader.recv().await, Err(Error::Timeout(expected)));
                seen.borrow_mut().push(("recv", now()));
            });
        }
        if sends {
            tasks.spawn(async {
                let sent = writer.send("stuck").await;
                assert_eq!(sent, Err(Error::Timeout(expected)));
                seen.borrow_mut().push(("send", now()));
                let refused = writer.ping(b"").await;
                assert_eq!(refused, sent);
            });
        }
        tasks.spawn(async {
            Timer::after(seconds(3)).await;
            writer.set_timing(&set);
        });
        tasks.run();
        seen.borrow_mut().sort_by_key(|(who, _)| *who);
        let calls = [("recv", receives), ("send", sends)];
        let waited = calls.into_iter().filter(|(_, waits)| *waits);
        let wanted: Vec<_> = waited.map(|(who, _)| (who, 10.0)).collect();
        assert_eq!(*seen.borrow(), wanted);
    }
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
