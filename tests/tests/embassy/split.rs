//! Two halves: schedules with a drop at every await, and tasks beside each other.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bare_ws::close::CloseCode;
use bare_ws::error::Usage;
use bare_ws::message::{Message, MessageKind};
use bare_ws::opcode::Opcode;
use bare_ws_embassy::{Error, Timeout, Timing};
use embassy_futures::join::join;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_time::{Instant, Timer};
use embedded_io_async::{Read, Write};

use crate::support::frames::{self, Sent, sent, sent_so_far};
use crate::support::pipe::Manner;
use crate::support::tasks::{Tasks, run, run_for};
use crate::support::{clock, connected, now, seconds};

/// Every p-th turn, in every phase, another task has the lock: its message, sent as it goes.
#[derive(Clone, Copy, Debug)]
struct Schedule {
    period: usize,
    phase: usize,
    /// Polls that the other task has before it is dropped.
    patience: usize,
}

fn schedules() -> impl Iterator<Item = Schedule> {
    (2..8).flat_map(|period| {
        (0..period).flat_map(move |phase| {
            [1, 2, 5, 40].map(|patience| Schedule {
                period,
                phase,
                patience,
            })
        })
    })
}

/// What is sent to the client, step by step, and what of it must be seen before the next step:
/// messages received, and Pongs.
fn script() -> [(Vec<u8>, usize, usize); 4] {
    let first = [
        frames::ping(b"first"),
        frames::frame(Opcode::Text, false, b"in "),
    ];
    let second = [
        frames::ping(b"within"),
        frames::frame(Opcode::Continuation, true, b"pieces"),
    ];
    let third = [frames::text("whole"), frames::ping(b""), frames::text("")];
    [
        (first.concat(), 0, 1),
        (second.concat(), 1, 2),
        (third.concat(), 3, 3),
        (frames::close(1000), 3, 3),
    ]
}

/// What needs no second task goes without a split, too.
// row: CTL-04
#[test]
fn an_undivided_connection_pings_and_shows_single_frames() {
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<131>(Manner::GOOD, &Timing::default());
    run(client.ping(b"there?")).unwrap();
    let ping = Sent::new(Opcode::Ping, b"there?");
    assert_eq!(sent(&peer.from_client.written()), [ping]);
    peer.to_client
        .put(&frames::frame(Opcode::Pong, true, b"there?"));
    peer.to_client
        .put(&frames::frame(Opcode::Text, false, b"in "));
    for (opcode, fin, payload) in [
        (Opcode::Pong, true, &b"there?"[..]),
        (Opcode::Text, false, b"in "),
    ] {
        let frame = run(client.recv_frame()).unwrap().unwrap();
        assert_eq!((frame.header.opcode, frame.header.fin), (opcode, fin));
        assert_eq!(frame.payload, payload);
    }
    assert_eq!(client.receiver_mut().pongs(), 1);
}

/// `recv` is dropped at every await, under every schedule: nothing is lost, nothing doubled, no
/// frame torn.
// row: STA-04, STA-05, STA-06, CTL-02, CTL-05, CTL-06, TRAP-15, TRAP-20
#[test]
fn receiving_may_be_dropped_at_every_await() {
    let mut drops = 0;
    for schedule in schedules() {
        clock::set(Instant::MIN);
        let (mut client, peer) = connected::<131>(Manner::BAD, &Timing::default());
        // What the client writes is taken away at once.
        let taken = peer.from_client.clone();
        let (mut reader, writer) = client.split();
        let (mut received, mut held) = (Vec::new(), Vec::new());
        let mut turn = 0;
        let (mut closed, mut finished) = (false, false);
        for (octets, messages, pongs) in script() {
            peer.to_client.put(&octets);
            let last = octets[0] == 0x88;
            loop {
                turn += 1;
                assert!(turn < 20_000, "{schedule:?}: {received:?}, {held:?}");
                let _ = run_for(1, taken.clone().read(&mut [0; 64]));
                let holds = turn % schedule.period == schedule.phase;
                let message = format!("held {turn}");
                let mut holder = pin!(writer.send(message.as_str()));
                let mut context = Context::from_waker(Waker::noop());
                let mut polls = if holds { schedule.patience } else { 0 };
                let mut done = Poll::Pending;
                if polls > 0 {
                    done = holder.as_mut().poll(&mut context);
                    polls -= 1;
                }
                if closed {
                    match run_for(1, reader.finish()) {
                        None => drops += 1,
                        Some(Ok(())) => finished = true,
                        Some(Err(error)) => panic!("{schedule:?}: {error:?}"),
                    }
                } else {
                    match run_for(1, reader.recv()) {
                        None => drops += 1,
                        Some(Ok(Some(message))) => received.push(message_text(message)),
                        Some(Ok(None)) => closed = true,
                        Some(Err(error)) => panic!("{schedule:?}: {error:?}"),
                    }
                }
                while done.is_pending() && polls > 0 {
                    done = holder.as_mut().poll(&mut context);
                    polls -= 1;
                }
                if let Poll::Ready(Ok(())) = done {
                    held.push(message.clone());
                }
                let (sent, _) = sent_so_far(&peer.from_client.written());
                let answers = sent.iter().filter(|f| f.opcode == Opcode::Pong).count();
                if last && sent.iter().any(|f| f.opcode == Opcode::Close) {
                    // Both Closes are there: the server ends the transport.
                    peer.to_client.end();
                }
                if received.len() >= messages && answers >= pongs && (finished || !last) {
                    break;
                }
            }
        }
        assert_eq!(received, ["in pieces", "whole", ""], "{schedule:?}");
        let sent = sent(&peer.from_client.written());
        let pongs: Vec<_> = sent.iter().filter(|f| f.opcode == Opcode::Pong).collect();
        let expected = [&b"first"[..], b"within", b""].map(|p| Sent::new(Opcode::Pong, p));
        assert_eq!(pongs, expected.iter().collect::<Vec<_>>(), "{schedule:?}");
        let close = sent.iter().filter(|f| f.opcode == Opcode::Close).count();
        assert_eq!(close, 1, "{schedule:?}");
        assert_eq!(sent.last().map(|f| f.opcode), Some(Opcode::Close));
        // Of the other task's messages each is there once or not at all, and those that were
        // sent to the end are there.
        let mut texts: Vec<_> = sent.iter().filter(|f| f.opcode == Opcode::Text).collect();
        for message in &held {
            assert!(
                texts.iter().any(|f| f.payload == message.as_bytes()),
                "{schedule:?}: {message} is lost"
            );
        }
        let all = texts.len();
        texts.sort_by_key(|f| f.payload.clone());
        texts.dedup();
        assert_eq!(texts.len(), all, "{schedule:?}: doubled");
    }
    assert!(drops > 10_000, "{drops} drops");
}

fn message_text(message: Message<'_>) -> String {
    message.as_text().expect("text").to_owned()
}

/// `send` is dropped after any number of polls: the message is there whole or not at all, and
/// the next is there after it.
// row: STA-05, TRAP-15, TRAP-16
#[test]
fn sending_may_be_dropped_at_every_await() {
    clock::set(Instant::MIN);
    let (mut whole, mut polls) = (0, 0);
    loop {
        let (mut client, peer) = connected::<131>(Manner::BAD, &Timing::default());
        let sent_all = run_for(polls, client.send("a message")).is_some();
        run(client.send(&b"the next"[..])).expect("to be sent");
        let mut expected = vec![
            Sent::new(Opcode::Text, b"a message"),
            Sent::new(Opcode::Binary, b"the next"),
        ];
        if polls == 0 {
            expected.remove(0);
        }
        assert_eq!(sent(&peer.from_client.written()), expected, "{polls}");
        whole += 1;
        polls += 1;
        if sent_all {
            break;
        }
    }
    assert!(whole > 10);
}

/// A message longer than the buffer that is dropped midway: data is refused, closing works.
// row: STA-05, FRG-10
#[test]
fn a_long_message_that_is_dropped_midway_leaves_a_connection_that_can_close() {
    clock::set(Instant::MIN);
    let long = "0123456789".repeat(50);
    let (mut interrupted, mut polls) = (0, 0);
    loop {
        // The pipe takes all: what stops the sender is its buffer.
        let manner = Manner {
            capacity: usize::MAX,
            ..Manner::BAD
        };
        let (mut client, peer) = connected::<131>(manner, &Timing::default());
        if run_for(polls, client.send(long.as_str())).is_some() {
            break;
        }
        let next = run(client.send("x"));
        if next == Err(Error::Usage(Usage::InterruptedMessage)) {
            interrupted += 1;
        } else {
            assert_eq!(next, Ok(()), "{polls}");
        }
        peer.to_client.put(&frames::close(1000)).end();
        assert_eq!(run(client.close(Some(CloseCode::NORMAL), "")), Ok(()));
        assert_eq!(run(client.finish()), Ok(()));
        let sent = sent(&peer.from_client.written());
        let closes = sent.iter().filter(|f| f.opcode == Opcode::Close).count();
        assert_eq!(
            (closes, sent.last().map(|f| f.opcode)),
            (1, Some(Opcode::Close))
        );
        polls += 7;
    }
    assert!(interrupted > 50, "{interrupted}");
}

/// `close` is dropped after any number of polls and called again: one Close, and a clean end.
// row: STA-05, CLS-07, CLS-09
#[test]
fn closing_may_be_dropped_at_every_await() {
    for polls in 0..80 {
        clock::set(Instant::MIN);
        let (mut client, peer) = connected::<131>(Manner::BAD, &Timing::default());
        peer.to_client.put(&frames::ping(b"before"));
        let _ = run_for(polls, client.close(Some(CloseCode::GOING_AWAY), "bye"));
        peer.to_client.put(&frames::close(1001)).end();
        let drain = async {
            let mut octets = Vec::new();
            let mut from_client = peer.from_client.clone();
            let mut buffer = [0; 16];
            while let Ok(n @ 1..) = from_client.read(&mut buffer).await {
                octets.extend_from_slice(&buffer[..n]);
            }
        };
        run(join(
            async {
                let closed = client.close(Some(CloseCode::GOING_AWAY), "bye").await;
                let not_open = Err(Error::Usage(Usage::NotOpen));
                assert!(closed == Ok(()) || closed == not_open, "{polls}");
                assert_eq!(client.finish().await, Ok(()), "{polls}");
                assert_eq!(client.recv().await, Ok(None));
            },
            drain,
        ));
        let mut sent = sent(&peer.from_client.written());
        sent.retain(|f| f.opcode != Opcode::Pong);
        // Who was first, we or the peer, is a matter of the drop.
        let ours = Sent::new(Opcode::Close, b"\x03\xe9bye");
        let theirs = Sent::new(Opcode::Close, b"\x03\xe9");
        assert!(sent == [ours] || sent == [theirs], "{polls}: {sent:?}");
    }
}

/// What a dropped `send` left queued, a reader that is waiting already brings out.
// row: CTL-05, STA-05
#[test]
fn the_waiting_reader_brings_out_what_was_left_behind() {
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<131>(Manner::BAD, &Timing::default());
    let (mut reader, writer) = client.split();
    let mut tasks = Tasks::new();
    tasks.spawn(async {
        assert_eq!(reader.recv().await, Ok(None));
        assert_eq!(reader.finish().await, Ok(()));
    });
    tasks.spawn(async {
        Timer::after(seconds(1)).await;
        assert_eq!(run_for(3, writer.send("left behind")), None);
    });
    tasks.spawn(async {
        Timer::after(seconds(2)).await;
        let whole = sent(&peer.from_client.written());
        assert_eq!(whole, [Sent::new(Opcode::Text, b"left behind")]);
        peer.to_client.put(&frames::close(1000)).end();
    });
    tasks.run();
}

/// A peer that does not read before it has written everything: pings that are to be answered,
/// while another task's message blocks and holds the lock.
// row: STA-06, TRAP-09, TRAP-17, CTL-03
#[test]
fn mutual_back_pressure_stops_nobody() {
    for capacity in [1, 3, 16, 17, 31, 64] {
        for senders in 0..3 {
            mutual_back_pressure::<139>(capacity, senders);
            mutual_back_pressure::<256>(capacity, senders);
        }
    }
}

fn mutual_back_pressure<const LEN: usize>(capacity: usize, senders: usize) {
    const MESSAGES: usize = 50;
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<LEN>(Manner::narrow(capacity), &Timing::default());
    let (mut reader, writer) = client.split();
    let received = std::cell::Cell::new(0);
    let (mut to_client, mut from_client) = (peer.to_client.clone(), peer.from_client.clone());
    let mut tasks = Tasks::new();
    for _ in 0..senders {
        tasks.spawn(async move {
            for _ in 0..MESSAGES {
                let sent = writer.send("a message that does not fit the pipe").await;
                assert_eq!(sent, Ok(()));
            }
        });
    }
    tasks.spawn(async {
        while let Some(message) = reader.recv().await.expect("no failure") {
            assert_eq!(message, Message::Text("of the peer"));
            received.set(received.get() + 1);
        }
        assert_eq!(reader.finish().await, Ok(()));
    });
    tasks.spawn(async {
        let mut all = Vec::new();
        for place in 0..MESSAGES {
            all.extend(frames::ping(format!("ping {place}").as_bytes()));
            all.extend(frames::text("of the peer"));
        }
        to_client.write_all(&all).await.expect("to be read");
        // Only now it reads.
        let mut octets = Vec::new();
        let mut buffer = [0; 100];
        let last = Sent::new(Opcode::Pong, format!("ping {}", MESSAGES - 1).as_bytes());
        let is_data = |f: &&Sent| f.opcode == Opcode::Text;
        loop {
            let n = from_client.read(&mut buffer).await.expect("octets");
            octets.extend_from_slice(&buffer[..n]);
            let (frames, _) = sent_so_far(&octets);
            let data = frames.iter().filter(is_data).count();
            if frames.contains(&last) && data == senders * MESSAGES {
                break;
            }
        }
        to_client
            .write_all(&frames::close(1000))
            .await
            .expect("to be read");
        to_client.end();
        while from_client.read(&mut buffer).await.expect("octets") > 0 {}
    });
    tasks.run();
    assert_eq!(received.get(), MESSAGES, "{capacity}, {senders}");
    let sent = sent(&peer.from_client.written());
    assert_eq!(sent.last().map(|f| f.opcode), Some(Opcode::Close));
}

/// A Pong passes between the fragments of a message that is longer than the buffer, and so does
/// a Close.
// row: CTL-06, STA-06, FRG-10, TRAP-20
#[test]
fn control_frames_pass_between_the_fragments_of_a_long_message() {
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<200>(Manner::narrow(50), &Timing::default());
    let (mut reader, writer) = client.split();
    let long = "0123456789".repeat(200);
    let (to_client, mut from_client) = (peer.to_client.clone(), peer.from_client.clone());
    let mut tasks = Tasks::new();
    tasks.spawn(async {
        // The last of it is refused, since the peer's Close came before.
        let refused = Err(Error::Usage(Usage::NotOpen));
        assert_eq!(writer.send(long.as_str()).await, refused);
    });
    tasks.spawn(async {
        assert_eq!(reader.recv().await, Ok(None));
        assert_eq!(reader.finish().await, Ok(()));
    });
    tasks.spawn(async {
        let mut buffer = [0; 32];
        let mut octets = Vec::new();
        for round in 0..40 {
            match round {
                10 => drop(to_client.put(&frames::ping(b"now"))),
                30 => drop(to_client.put(&frames::close(1001))),
                _ => {}
            }
            let n = from_client.read(&mut buffer).await.expect("octets");
            octets.extend_from_slice(&buffer[..n]);
        }
        to_client.end();
        while from_client.read(&mut buffer).await.expect("octets") > 0 {}
    });
    tasks.run();
    let sent = sent(&peer.from_client.written());
    let place = |opcode| sent.iter().position(|f| f.opcode == opcode);
    let pong = place(Opcode::Pong).expect("a Pong");
    assert!(
        pong > 0 && pong < sent.len() - 2,
        "{pong} of {}",
        sent.len()
    );
    assert_eq!(sent[pong].payload, b"now");
    assert_eq!(place(Opcode::Close), Some(sent.len() - 1));
    assert!(sent.iter().all(|f| f.opcode.is_control() || !f.fin));
}

/// Two tasks' messages do not mix, though each is longer than the buffer.
// row: STA-06, TRAP-20
#[test]
fn messages_of_two_tasks_do_not_mix() {
    clock::set(Instant::MIN);
    let (client, peer) = connected::<150>(Manner::narrow(40), &Timing::default());
    let mut client = client.guarded::<CriticalSectionRawMutex>();
    let (mut reader, writer) = client.split();
    let (to_client, mut from_client) = (peer.to_client.clone(), peer.from_client.clone());
    let mut tasks = Tasks::new();
    for letter in ["a", "b"] {
        tasks.spawn(async move {
            for _ in 0..5 {
                let sent = writer.send(letter.repeat(500).as_str()).await;
                assert_eq!(sent, Ok(()));
            }
        });
    }
    tasks.spawn(async {
        assert_eq!(reader.recv().await, Ok(None));
        assert_eq!(reader.finish().await, Ok(()));
    });
    tasks.spawn(async {
        let mut octets = Vec::new();
        let mut buffer = [0; 64];
        while from_client.read(&mut buffer).await.map_or(0, |n| {
            octets.extend_from_slice(&buffer[..n]);
            n
        }) > 0
        {
            let (frames, _) = sent_so_far(&octets);
            if frames.iter().filter(|f| f.fin).count() == 10 {
                to_client.put(&frames::close(1000)).end();
            }
        }
    });
    tasks.run();
    let mut message = Vec::new();
    for frame in sent(&peer.from_client.written()) {
        match frame.opcode {
            Opcode::Text => message = frame.payload,
            Opcode::Continuation => message.extend(frame.payload),
            _ => continue,
        }
        if frame.fin {
            assert_eq!(message.len(), 500);
            assert!(message.iter().all(|octet| *octet == message[0]));
        }
    }
}

/// Either half closes: the other learns of it.
// row: CLS-06, CLS-07, CLS-09, STA-01
#[test]
fn either_half_can_close() {
    for we_begin in [true, false] {
        clock::set(Instant::MIN);
        let (mut client, peer) = connected::<131>(Manner::BAD, &Timing::default());
        let (mut reader, writer) = client.split();
        let (to_client, mut from_client) = (peer.to_client.clone(), peer.from_client.clone());
        let mut tasks = Tasks::new();
        tasks.spawn(async {
            assert_eq!(reader.recv().await, Ok(Some("before".into())));
            assert_eq!(reader.recv().await, Ok(None));
            assert_eq!(reader.finish().await, Ok(()));
            assert_eq!(reader.recv().await, Ok(None));
            let status = reader.close_status().map(|status| status.code);
            assert_eq!(status, Some(CloseCode::GOING_AWAY));
        });
        tasks.spawn(async {
            Timer::after(seconds(1)).await;
            let not_open = Err(Error::Usage(Usage::NotOpen));
            if we_begin {
                let bad = writer.close(Some(CloseCode::NO_STATUS), "").await;
                let refused = Usage::CloseCode(CloseCode::NO_STATUS);
                assert_eq!(bad, Err(Error::Usage(refused)));
                // A Close that was refused starts no deadline.
                Timer::after(seconds(5)).await;
                assert_eq!(writer.close(Some(CloseCode::NORMAL), "bye").await, Ok(()));
                assert_eq!(writer.send("late").await, not_open);
            }
            Timer::after(seconds(8)).await;
            assert_eq!(writer.send("late").await, not_open);
            assert_eq!(writer.ping(b"late").await, not_open);
            assert_eq!(writer.close(None, "").await, not_open);
            let late = writer.send_fragment(MessageKind::Binary, b"late", true);
            assert_eq!(late.await, not_open);
        });
        tasks.spawn(async {
            Timer::after(seconds(7)).await;
            to_client
                .put(&frames::text("before"))
                .put(&frames::close(1001));
            let mut buffer = [0; 16];
            loop {
                let (sent, _) = sent_so_far(&peer.from_client.written());
                if sent.iter().any(|f| f.opcode == Opcode::Close) {
                    break;
                }
                from_client.read(&mut buffer).await.expect("octets");
            }
            to_client.end();
            while from_client.read(&mut buffer).await.expect("octets") > 0 {}
        });
        tasks.run();
        let expected = if we_begin {
            Sent::new(Opcode::Close, b"\x03\xe8bye")
        } else {
            Sent::new(Opcode::Close, b"\x03\xe9")
        };
        assert_eq!(sent(&peer.from_client.written()), [expected]);
    }
}

/// The deadline runs for a reader that was waiting before the other half closed.
// row: CLS-11, STA-02
#[test]
fn a_close_of_one_half_ends_the_other_in_time() {
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<131>(Manner::GOOD, &Timing::default());
    let (mut reader, writer) = client.split();
    let mut tasks = Tasks::new();
    tasks.spawn(async {
        let received = reader.recv().await;
        assert_eq!(received, Err(Error::Timeout(Timeout::Close)));
        assert_eq!(now(), 6.0);
        assert_eq!(reader.finish().await, Err(Error::Timeout(Timeout::Close)));
        assert_eq!(now(), 6.0);
    });
    tasks.spawn(async {
        Timer::after(seconds(1)).await;
        assert_eq!(writer.close(Some(CloseCode::NORMAL), "").await, Ok(()));
    });
    tasks.run();
    assert!(peer.from_client.was_aborted());
}

/// Header and payload leave in one write, so in one segment or TLS record if they fit.
#[test]
fn a_message_is_one_write() {
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<131>(Manner::GOOD, &Timing::default());
    run(client.send("one write")).expect("to be sent");
    assert_eq!(
        (peer.from_client.writes(), peer.from_client.flushes()),
        (1, 1)
    );
}
