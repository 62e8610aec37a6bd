//! A drop at every await of every call, beside another task that has the lock at times.

use super::*;

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
                let mut context = Context::from_waker(&NOBODY);
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
