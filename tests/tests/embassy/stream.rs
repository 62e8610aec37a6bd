//! A connection as a stream of octets: what is read and written does not depend on where messages, fragments
//! and calls begin and end.

use std::future::Future;
use std::pin::Pin;

use bare_ws::close::CloseCode;
use bare_ws::entropy::Entropy;
use bare_ws::error::Violation;
use bare_ws::message::MessageKind;
use bare_ws::opcode::Opcode;
use bare_ws_embassy::stream::StreamError;
use bare_ws_embassy::{Error, KeepAlive, Timeout, Timing, Usage};
use embassy_futures::join::join;
use embassy_time::Instant;
use embedded_io_async::{BufRead, Error as _, ErrorKind, Read, Write};

use crate::support::entropy::Repeatable;
use crate::support::frames::{self, Sent, sent, sent_so_far};
use crate::support::pipe::Manner;
use crate::support::tasks::{run, run_for};
use crate::support::{Client, clock, connected, seconds};

/// What is carried: longer than both buffers.
fn octets(count: usize) -> Vec<u8> {
    (0..count).map(|n| (n ^ n >> 8) as u8).collect()
}

/// The numbers that decide where something is cut; repeatable.
struct Cuts(Repeatable);

impl Cuts {
    fn below(&mut self, bound: usize) -> usize {
        let mut octets = [0; 4];
        self.0.fill(&mut octets).unwrap();
        u32::from_le_bytes(octets) as usize % bound
    }
}

/// Octets as a peer may send them: messages of any length, empty ones too, in fragments of any length, Pings between
/// them.
fn messages(mut octets: &[u8], cuts: &mut Cuts) -> Vec<u8> {
    let mut wire = Vec::new();
    let mut opcode = Opcode::Binary;
    loop {
        let most = [1, 2, 5, 200, 3000][cuts.below(5)];
        let n = cuts.below(most + 1).min(octets.len());
        let fin = n == octets.len() || cuts.below(2) == 0;
        wire.extend(frames::frame(opcode, fin, &octets[..n]));
        opcode = if fin {
            Opcode::Binary
        } else {
            Opcode::Continuation
        };
        if cuts.below(4) == 0 {
            wire.extend(frames::ping(b"?"));
        }
        octets = &octets[n..];
        if octets.is_empty() {
            return wire;
        }
    }
}

const READS: [usize; 5] = [1, 3, 64, 1000, 10_000];

/// Read in pieces of any length, and dropped after any number of polls, the octets are the messages' payloads; then
/// comes the end, for good.
// row: STA-05
#[test]
fn however_the_peer_cuts_its_messages_the_same_octets_are_read() {
    let expected = octets(2000);
    for seed in 0..12 {
        let mut cuts = Cuts(Repeatable(seed));
        let mut wire = messages(&expected, &mut cuts);
        wire.extend(frames::close(1000));
        for size in READS {
            clock::set(Instant::MIN);
            let manner = if seed % 2 == 0 {
                Manner::GOOD
            } else {
                Manner {
                    capacity: usize::MAX,
                    ..Manner::BAD
                }
            };
            let (mut client, peer) = connected::<140>(manner, &Timing::DEFAULT);
            peer.to_client.put(&wire);
            let mut stream = client.octets();
            let mut read: Vec<u8> = Vec::new();
            let mut piece = vec![0; size];
            loop {
                let polls = cuts.below(5);
                match run_for(polls, stream.read(&mut piece)) {
                    None => {}
                    Some(Ok(0)) => break,
                    Some(Ok(n)) => read.extend(&piece[..n]),
                    Some(Err(error)) => panic!("{seed}, {size}: {error:?}"),
                }
            }
            assert!(read == expected, "{seed}, {size}: {} octets", read.len());
            assert_eq!(run(stream.read(&mut piece)), Ok(0), "the end is for good");
            assert_eq!(
                client.close_status().map(|it| it.code),
                Some(CloseCode::NORMAL)
            );
        }
    }
}

/// `fill_buf` lends the same octets, and takes back any part of them.
#[test]
fn what_is_lent_and_not_consumed_is_lent_again() {
    let expected = octets(2000);
    for seed in 0..40 {
        clock::set(Instant::MIN);
        let mut cuts = Cuts(Repeatable(seed));
        let (mut client, peer) = connected::<140>(Manner::GOOD, &Timing::DEFAULT);
        peer.to_client.put(&messages(&expected, &mut cuts));
        peer.to_client.put(&frames::close(1000));
        let mut stream = client.octets();
        let mut read: Vec<u8> = Vec::new();
        loop {
            let lent = run(stream.fill_buf()).unwrap().to_vec();
            if lent.is_empty() {
                break;
            }
            let n = cuts.below(lent.len() + 1);
            read.extend(&lent[..n]);
            stream.consume(n);
            let again = run(stream.fill_buf()).unwrap();
            assert!(n == lent.len() || again == &lent[n..]);
        }
        assert!(read == expected, "{seed}: {} octets", read.len());
        // What nobody lent takes nothing away.
        stream.consume(10);
        assert_eq!(run(stream.fill_buf()), Ok(&[][..]));
    }
}

/// However it is written, and wherever a write is dropped, what was accepted is what goes out, as whole binary
/// messages.
// row: STA-05
#[test]
fn what_a_write_accepts_goes_out_and_nothing_else() {
    for seed in 0..40 {
        clock::set(Instant::MIN);
        let mut cuts = Cuts(Repeatable(seed));
        let (mut client, peer) = connected::<140>(Manner::BAD, &Timing::DEFAULT);
        let taken = peer.from_client.clone();
        let octets = octets(2000);
        let mut stream = client.octets();
        let mut accepted = 0;
        while accepted < octets.len() {
            let most = [1, 5, 100, 400][cuts.below(4)];
            let end = (accepted + 1 + cuts.below(most)).min(octets.len());
            let polls = cuts.below(6);
            if let Some(n) = run_for(polls, stream.write(&octets[accepted..end])) {
                accepted += n.expect("to be accepted");
            }
            if cuts.below(8) == 0 {
                run_for(cuts.below(20), stream.flush());
            }
            // The peer takes something.
            let _ = run_for(1, taken.clone().read(&mut [0; 64]));
        }
        let flushing = async { stream.flush().await.expect("to be flushed") };
        let reading = async {
            while !arrived(&taken.written(), octets.len()) {
                let _ = taken.clone().read(&mut [0; 64]).await;
            }
        };
        run(join(flushing, reading));
        let sent = sent(&peer.from_client.written());
        let kinds = sent.iter().all(|it| it.opcode == Opcode::Binary && it.fin);
        assert!(kinds, "{seed}: {sent:?}");
        let payloads: Vec<u8> = sent.into_iter().flat_map(|it| it.payload).collect();
        assert!(payloads == octets, "{seed}: {} octets", payloads.len());
    }
}

/// Whether messages with so many octets have arrived, and no part of another.
fn arrived(written: &[u8], count: usize) -> bool {
    // Looking at the frames is slow, and in vain as long as there are not even so many octets.
    if written.len() < count {
        return false;
    }
    let (sent, begun) = sent_so_far(written);
    begun == 0 && sent.iter().map(|it| it.payload.len()).sum::<usize>() >= count
}

/// If a part of a message was received before, reading goes on where that part ends.
// row: STA-05
#[test]
fn reading_goes_on_behind_what_was_received_in_pieces() {
    let expected = octets(2000);
    for seed in 0..12 {
        for pieces in 1..4 {
            clock::set(Instant::MIN);
            let mut cuts = Cuts(Repeatable(seed));
            let (mut client, peer) = connected::<140>(Manner::GOOD, &Timing::DEFAULT);
            peer.to_client.put(&messages(&expected, &mut cuts));
            peer.to_client.put(&frames::close(1000));
            let mut read: Vec<u8> = Vec::new();
            for _ in 0..pieces {
                let chunk = run(client.recv_chunk()).unwrap();
                read.extend(chunk.map_or(&[][..], |chunk| chunk.octets));
            }
            let mut stream = client.octets();
            let mut piece = [0; 64];
            while let Ok(n @ 1..) = run(stream.read(&mut piece)) {
                read.extend(&piece[..n]);
            }
            assert!(read == expected, "{seed}, {pieces}: {} octets", read.len());
        }
    }
}

/// To read or to write nothing waits for nothing, whatever the peer does.
#[test]
fn a_call_for_no_octets_is_done_at_once() {
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<140>(Manner::narrow(0), &Timing::DEFAULT);
    let mut stream = client.octets();
    assert_eq!(run_for(1, stream.read(&mut [])), Some(Ok(0)));
    assert_eq!(run_for(1, stream.write(&[])), Some(Ok(0)));
    // The transmit buffer is full.
    assert!(run_for(9, stream.write_all(&[7; 1000])).is_none());
    let (mut reader, mut writer) = stream.split();
    assert_eq!(run_for(1, reader.read(&mut [])), Some(Ok(0)));
    assert_eq!(run_for(1, writer.write(&[])), Some(Ok(0)));
    assert_eq!(peer.from_client.writes(), 0);
}

/// What fits waits for the flush, and leaves in one write.
#[test]
fn small_writes_leave_together() {
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<140>(Manner::GOOD, &Timing::DEFAULT);
    let mut stream = client.octets();
    for piece in [&b"a"[..], b"bc", b"def"] {
        assert_eq!(run(stream.write(piece)), Ok(piece.len()));
    }
    assert_eq!(run(stream.write(&[])), Ok(0));
    assert_eq!(peer.from_client.writes(), 0);
    run(stream.flush()).unwrap();
    assert_eq!(peer.from_client.writes(), 1);
    let expected = [&b"a"[..], b"bc", b"def"].map(|piece| Sent::new(Opcode::Binary, piece));
    assert_eq!(sent(&peer.from_client.written()), expected);
}

/// Without a flush a writer goes on where there is no room: it writes out what is in its way.
#[test]
fn writing_needs_no_flush_to_go_on() {
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<140>(Manner::GOOD, &Timing::DEFAULT);
    let octets = octets(10_000);
    let mut stream = client.octets();
    run(stream.write_all(&octets)).unwrap();
    assert!(peer.from_client.written().len() > octets.len() - 140);
}

/// MQTT 5.0 §6: another kind of message ends the connection, and the peer is told why. Dropped at any await, it is so all
/// the same.
// row: STA-05
#[test]
fn a_text_message_is_refused_with_1003() {
    for polls in 0..100 {
        clock::set(Instant::MIN);
        let (mut client, peer) = connected::<140>(Manner::BAD, &Timing::DEFAULT);
        peer.to_client
            .put(&frames::frame(Opcode::Binary, true, b"octets"))
            .put(&frames::text("text"))
            .put(&frames::frame(Opcode::Binary, true, b"more"));
        let mut stream = client.octets();
        let mut read = [0; 6];
        run(stream.read_exact(&mut read)).unwrap();
        assert_eq!(&read, b"octets");
        let dropped = run_for(polls, stream.read(&mut read));
        assert!(matches!(dropped, None | Some(Err(StreamError::Text))));
        for _ in 0..2 {
            let error = run(stream.read(&mut read)).unwrap_err();
            assert_eq!(error, StreamError::Text, "for good");
            assert_eq!(error.kind(), ErrorKind::InvalidData);
        }
        assert_eq!(
            run(stream.write(b"no")),
            Err(StreamError::Connection(Usage::NotOpen.into()))
        );
        let why = CloseCode::UNSUPPORTED_DATA.0.to_be_bytes();
        assert_eq!(
            sent(&peer.from_client.written()),
            [Sent::new(Opcode::Close, &why)]
        );
    }
}

type End = (
    &'static str,
    fn(&mut Client<140>, &crate::support::Peer),
    StreamError,
    ErrorKind,
);

/// How a connection can end but for a Close: what a reader of octets is told.
const ENDS: [End; 4] = [
    (
        "the peer is silent",
        |_, _| {},
        StreamError::Connection(Error::Timeout(Timeout::KeepAlive)),
        ErrorKind::TimedOut,
    ),
    (
        "the transport ends",
        |_, peer| {
            peer.to_client.end();
        },
        StreamError::Connection(Error::Lost),
        ErrorKind::ConnectionAborted,
    ),
    (
        "the transport fails",
        |_, peer| peer.to_client.break_down(),
        StreamError::Connection(Error::Transport(ErrorKind::ConnectionReset)),
        ErrorKind::ConnectionReset,
    ),
    (
        "the peer breaks a rule",
        |_, peer| {
            peer.to_client.put(&[0x83, 0]);
        },
        StreamError::Connection(Error::Peer(Violation::ReservedOpcode)),
        ErrorKind::InvalidData,
    ),
];

#[test]
fn a_failure_is_told_by_its_cause_and_its_kind() {
    let timing = Timing {
        keepalive: Some(KeepAlive {
            interval: seconds(1),
            dead_after: seconds(3),
        }),
        ..Timing::DEFAULT
    };
    for (name, happens, error, kind) in ENDS {
        clock::set(Instant::MIN);
        let (mut client, peer) = connected::<140>(Manner::GOOD, &timing);
        happens(&mut client, &peer);
        let mut stream = client.octets();
        let told = run(stream.read(&mut [0; 8])).expect_err(name);
        assert_eq!((told, told.kind()), (error, kind), "{name}");
        assert_eq!(told.to_string(), told.connection().unwrap().to_string());
    }
}

/// A message of another task's that is sent in pieces is not torn: writing waits for its end.
#[test]
fn a_long_message_of_another_task_stays_whole() {
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<140>(Manner::narrow(64), &Timing::DEFAULT);
    let (_, writer) = client.split();
    let long = octets(1000);
    let mut octets = bare_ws_embassy::stream::OctetWriter::new(writer);
    let mut sending: Pin<Box<dyn Future<Output = _>>> = Box::pin(writer.send(&long[..]));
    assert!(run_for(3, sending.as_mut()).is_none());
    let taken = peer.from_client.clone();
    let reading = async {
        while !arrived(&taken.written(), 1003) {
            let _ = taken.clone().read(&mut [0; 64]).await;
        }
    };
    let writing = async {
        octets.write_all(b"now").await.unwrap();
        octets.flush().await.unwrap();
    };
    let ((sent_long, ()), ()) = run(join(join(sending, writing), reading));
    assert_eq!(sent_long, Ok(()));
    let sent = sent(&taken.written());
    assert_eq!(sent.last(), Some(&Sent::new(Opcode::Binary, b"now")));
    assert!(
        sent.iter()
            .rev()
            .skip(1)
            .all(|it| it.opcode != Opcode::Text)
    );
    let before: Vec<u8> = sent[..sent.len() - 1]
        .iter()
        .flat_map(|it| it.payload.clone())
        .collect();
    assert!(before == long);
}

/// An open message of pieces is the caller's to end: octets do not go into it.
#[test]
fn octets_do_not_go_into_a_message_of_pieces() {
    clock::set(Instant::MIN);
    let (mut client, _) = connected::<140>(Manner::GOOD, &Timing::DEFAULT);
    run(client.send_fragment(MessageKind::Text, b"in ", false)).unwrap();
    let error = run(client.octets().write(b"now")).unwrap_err();
    assert_eq!(error, StreamError::Connection(Usage::MessageOpen.into()));
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    run(client.send_fragment(MessageKind::Text, b"pieces", true)).unwrap();
    assert_eq!(run(client.octets().write(b"now")), Ok(3));
}
