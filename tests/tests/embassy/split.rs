//! Two halves, and tasks beside each other.

mod drops;
mod turns;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll};

use bare_ws::close::CloseCode;
use bare_ws::error::Usage;
use bare_ws::header::FrameHeader;
use bare_ws::message::{Message, MessageKind};
use bare_ws::opcode::Opcode;
use bare_ws_embassy::{Error, Timeout, Timing};
use embassy_futures::join::join;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_time::{Instant, Timer};
use embedded_io_async::{Read, Write};

use crate::support::frames::{self, Sent, sent, sent_so_far};
use crate::support::pipe::Manner;
use crate::support::tasks::{NOBODY, Tasks, run, run_for};
use crate::support::{clock, connected, now, seconds};

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

/// Nor does a frame of one's own come between the fragments of another task's message.
// row: STA-06, FRG-11
#[test]
fn a_frame_waits_for_another_tasks_message() {
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<150>(Manner::narrow(40), &Timing::default());
    let (_reader, writer) = client.split();
    let mut from_client = peer.from_client.clone();
    let mut tasks = Tasks::new();
    tasks.spawn(async move {
        assert_eq!(writer.send("m".repeat(500).as_str()).await, Ok(()));
    });
    tasks.spawn(async move {
        let header = FrameHeader::new(Opcode::Binary, true, 1);
        assert_eq!(writer.send_frame(header, b"f").await, Ok(()));
    });
    tasks.spawn(async {
        let mut buffer = [0; 64];
        let is_whole = |peer: &[u8]| {
            sent_so_far(peer)
                .0
                .last()
                .is_some_and(|f| f.payload == b"f")
        };
        while !is_whole(&peer.from_client.written()) {
            from_client.read(&mut buffer).await.unwrap();
        }
    });
    tasks.run();
    let sent = sent(&peer.from_client.written());
    let (frame, message) = sent.split_last().unwrap();
    assert_eq!(*frame, Sent::new(Opcode::Binary, b"f"));
    assert!(message.len() > 1 && message.last().unwrap().fin);
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

/// A reader does not know whether the other half has more to send, an undivided connection does.
// row: CLS-10
#[test]
fn to_finish_begins_to_close_where_there_is_one_half_only() {
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<131>(Manner::GOOD, &Timing::default());
    let (mut reader, writer) = client.split();
    assert_eq!(run_for(9, reader.finish()), None);
    assert_eq!(run(writer.send("more")), Ok(()));
    let more = Sent::new(Opcode::Text, b"more");
    assert_eq!(
        sent(&peer.from_client.written()),
        std::slice::from_ref(&more)
    );
    assert_eq!(run_for(9, client.finish()), None);
    let close = Sent::new(Opcode::Close, &1000u16.to_be_bytes());
    assert_eq!(sent(&peer.from_client.written()), [more, close]);
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
    let counted = || (peer.from_client.writes(), peer.from_client.flushes());
    assert_eq!(counted(), (1, 1));
    // And the transport hears nothing of a flush where nothing is queued.
    run(client.flush()).expect("nothing to do");
    assert_eq!(counted(), (1, 1));
}
