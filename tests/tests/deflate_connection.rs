//! permessage-deflate through the receive and send machines: both ends joined in memory.

use bare_ws::buffer::Growing;
use bare_ws::close::CloseCode;
use bare_ws::compression::{Compress, Decompress};
use bare_ws::deflate::negotiate::Agreed;
use bare_ws::deflate::{
    Compressor, Configure as _, Full, Heap, InflateState, Inflater, Lean, zlib,
};
use bare_ws::entropy::{Entropy, EntropyError};
use bare_ws::error::{Error, Usage, Violation};
use bare_ws::message::{Message, MessageKind};
use bare_ws::receiver::{Delivery, Limits, Receiver, Step};
use bare_ws::role::{Client, Server};
use bare_ws::sender::Sender;
use bare_ws_tests::deflate::agreed;
use bare_ws_tests::telemetry::Telemetry;

struct Counter(u32);

impl Entropy for Counter {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        for octet in octets {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *octet = (self.0 >> 24) as u8;
        }
        Ok(())
    }
}

fn inflater(agreed: &Agreed, memory: usize) -> Inflater<Vec<u8>, Box<InflateState>> {
    let mut inflater = Inflater::new(Box::new(InflateState::new()), vec![0; memory]);
    inflater
        .configure(Some(agreed))
        .expect("memory for the window");
    inflater
}

/// What a receiver delivers of `wire`, given in reads of `read` octets.
fn receive<X: Decompress>(
    receiver: &mut Receiver<Server, impl bare_ws::buffer::Storage, X>,
    delivery: Delivery,
    mut wire: &[u8],
    read: usize,
) -> Result<Vec<(MessageKind, Vec<u8>)>, Error> {
    let mut messages = Vec::new();
    let mut open = Vec::new();
    loop {
        match receiver.step(delivery)? {
            Step::NeedOctets if wire.is_empty() => return Ok(messages),
            Step::NeedOctets => {
                let spare = receiver.spare();
                let n = spare.len().min(read).min(wire.len());
                assert!(n > 0, "room is asked for, and there is none");
                spare[..n].copy_from_slice(&wire[..n]);
                wire = &wire[n..];
                receiver.commit(n);
            }
            Step::ReplyDue => receiver.owed().mark_queued(),
            Step::Message => {
                let message = receiver.message()?.expect("announced");
                messages.push((message.kind(), message.as_bytes().to_vec()));
            }
            Step::Chunk => {
                let chunk = receiver.chunk().expect("announced");
                assert_eq!(chunk.offset, open.len() as u64);
                open.extend_from_slice(chunk.octets);
                if chunk.fin {
                    messages.push((chunk.kind, std::mem::take(&mut open)));
                }
            }
            Step::Frame | Step::Closed => unreachable!("no frames are asked for, nobody closes"),
        }
    }
}

/// As `assert_eq!`, for messages too long to be shown.
#[track_caller]
fn same(received: Result<Vec<(MessageKind, Vec<u8>)>, Error>, sent: &[(MessageKind, Vec<u8>)]) {
    let received = received.expect("lawful frames");
    assert_eq!(received.len(), sent.len());
    for (at, (received, sent)) in received.iter().zip(sent).enumerate() {
        assert!(received == sent, "message {at} differs");
    }
}

/// All that a client sends for `messages`, each given whole or in fragments of `piece` octets.
fn send<X: Compress>(
    messages: &[(MessageKind, Vec<u8>)],
    transmit: usize,
    stage: X,
    piece: Option<usize>,
) -> Vec<u8> {
    let mut sender: Sender<Client, _, _, X> =
        Sender::with_stage(vec![0; transmit], Counter(7), stage);
    let mut wire = Vec::new();
    let drain = |sender: &mut Sender<Client, Vec<u8>, Counter, X>, wire: &mut Vec<u8>| {
        while !sender.pending().is_empty() {
            let n = sender.pending().len().div_ceil(2);
            wire.extend_from_slice(&sender.pending()[..n]);
            sender.advance(n);
        }
    };
    for (kind, octets) in messages {
        let pieces: Vec<&[u8]> = match piece {
            None => vec![octets],
            Some(_) if octets.is_empty() => vec![&octets[..0]],
            Some(piece) => octets.chunks(piece).collect(),
        };
        for (at, mut rest) in pieces.iter().copied().enumerate() {
            loop {
                let queued = if piece.is_none() {
                    let first = !sender.in_message();
                    sender.message(*kind, rest, first)
                } else {
                    let first = !sender.in_fragments();
                    sender.fragment(*kind, rest, first, at + 1 == pieces.len())
                }
                .expect("open");
                rest = &rest[queued.taken..];
                drain(&mut sender, &mut wire);
                if queued.complete {
                    break;
                }
            }
        }
    }
    wire
}

fn samples() -> Vec<(MessageKind, Vec<u8>)> {
    let mut device = Telemetry::new(1);
    let mut messages: Vec<_> = (0..4)
        .flat_map(|_| [device.reading(), device.report(), device.batch()])
        .map(|text| (MessageKind::Text, text.into_bytes()))
        .collect();
    messages.push((MessageKind::Binary, Vec::new()));
    messages.push((MessageKind::Text, "é".repeat(700).into_bytes()));
    // Does not shrink: goes raw, and what follows still refers to nothing of it.
    let mut noise = vec![0; 300];
    Counter(3).fill(&mut noise).unwrap();
    messages.push((MessageKind::Binary, noise));
    messages.push((MessageKind::Text, "é".repeat(650).into_bytes()));
    messages.push((MessageKind::Binary, vec![b'x'; 9000]));
    messages
}

// row: PMD-11, PMD-12, PMD-14, PMD-20, PMD-21, UTF-08, LIM-03, SEED-02
#[test]
fn what_is_compressed_arrives_in_every_delivery() {
    let messages = samples();
    for (bits, takeover) in [(9, true), (10, true), (12, false), (15, true)] {
        let agreed = agreed(bits, takeover);
        for transmit in [131, 700, 64 * 1024] {
            for piece in [None, Some(1), Some(400)] {
                let mut lean = Compressor::new(Box::new(Lean::<1536, 1024>::new()));
                lean.configure(Some(&agreed));
                let mut full = Compressor::new(Box::new(Full::<5120, 1024, 1024>::new()));
                full.configure(Some(&agreed));
                let mut heap = Compressor::new(Heap::new(bits));
                heap.configure(Some(&agreed));
                let mut host = zlib::Compressor::new(6);
                host.configure(Some(&agreed));
                let wires = [
                    send(&messages, transmit, lean, piece),
                    send(&messages, transmit, full, piece),
                    send(&messages, transmit, heap, piece),
                    send(&messages, transmit, host, piece),
                ];
                let plain: usize = messages.iter().map(|(_, octets)| octets.len()).sum();
                for (wire, read) in wires.iter().zip([1, 7, 500, usize::MAX]) {
                    if piece != Some(1) {
                        assert!(wire.len() < plain, "{bits} {takeover} {transmit} {piece:?}");
                    }
                    let window = 1 << bits;
                    let mut chunks =
                        Receiver::<Server, _, _>::with_stage([0; 14], inflater(&agreed, window));
                    same(receive(&mut chunks, Delivery::Chunk, wire, read), &messages);
                    let mut whole = Receiver::<Server, _, _>::with_stage(
                        vec![0; 2048],
                        inflater(&agreed, window + 9000),
                    );
                    same(
                        receive(&mut whole, Delivery::Message, wire, read),
                        &messages,
                    );
                    let mut growing = Inflater::new(zlib::InflateState::new(), Growing::default());
                    growing.configure(Some(&agreed)).unwrap();
                    let mut growing =
                        Receiver::<Server, _, _>::with_stage(Growing::default(), growing);
                    same(
                        receive(&mut growing, Delivery::Message, wire, read),
                        &messages,
                    );
                }
            }
        }
    }
}

/// Frames from a client with the masking key 0, to a receiver that holds 9 bits.
fn judge(
    wire: &[u8],
    delivery: Delivery,
    limit: u64,
) -> Result<Vec<(MessageKind, Vec<u8>)>, Error> {
    let mut masked = Vec::new();
    let mut rest = wire;
    while let [first, len, tail @ ..] = rest {
        let len = usize::from(*len);
        masked.extend_from_slice(&[*first, 0x80 | len as u8, 0, 0, 0, 0]);
        let cut = len.min(tail.len());
        masked.extend_from_slice(&tail[..cut]);
        rest = &tail[cut..];
    }
    let agreed = agreed(9, true);
    let mut receiver =
        Receiver::<Server, _, _>::with_stage(vec![0; 600], inflater(&agreed, 512 + 4096));
    receiver.set_limits(Limits {
        message: limit,
        ..Limits::default()
    });
    let result = receive(&mut receiver, delivery, &masked, 3);
    if let Err(error) = result {
        assert_eq!(receiver.failure(), Some(error));
        receiver.owed().mark_queued();
        assert_eq!(receiver.step(delivery), Err(error), "a failure stays");
    }
    result
}

type Verdict = Result<&'static [&'static str], Error>;

// row: PMD-10, PMD-11, PMD-12, PMD-13, PMD-14, PMD-15, PMD-16, PMD-17, PMD-18, PMD-19, PMD-22, UTF-08
const WIRES: &[(&[u8], Verdict)] = &[
    (b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00", Ok(&["Hello"])),
    (
        b"\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00",
        Ok(&["Hello"]),
    ),
    (
        b"\x41\x03\xf2\x48\xcd\x00\x00\x89\x01!\x00\x04\xc9\xc9\x07\x00\x80\x00",
        Ok(&["Hello"]),
    ),
    (
        b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\x81\x01a\xc1\x05\xf2\x00\x11\x00\x00",
        Ok(&["Hello", "a", "Hello"]),
    ),
    (
        b"\xc1\x0b\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",
        Ok(&["Hello"]),
    ),
    (
        b"\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00",
        Ok(&["Hello", "Hello"]),
    ),
    (b"\xc1\x01\x00\xc1\x00", Ok(&["", ""])),
    // RSV1 anywhere but on the first frame of a data message
    (
        b"\x41\x03\xf2\x48\xcd\xc0\x04\xc9\xc9\x07\x00",
        Err(Error::Peer(Violation::ReservedBit)),
    ),
    (b"\xc9\x00", Err(Error::Peer(Violation::ReservedBit))),
    (b"\xc8\x00", Err(Error::Peer(Violation::ReservedBit))),
    (b"\xe1\x00", Err(Error::Peer(Violation::ReservedBit))),
    // a distance before the beginning, a bad block, a truncated message
    (
        b"\xc1\x05\xf2\x00\x11\x00\x00",
        Err(Error::Peer(Violation::CorruptCompression)),
    ),
    (
        b"\xc1\x01\x06",
        Err(Error::Peer(Violation::CorruptCompression)),
    ),
    (
        b"\xc1\x05\xf2\x48\xcd\xc9\xc9",
        Err(Error::Peer(Violation::CorruptCompression)),
    ),
    // stored: c3 28
    (
        b"\xc1\x08\x00\x02\x00\xfd\xff\xc3\x28\x00",
        Err(Error::Peer(Violation::InvalidUtf8)),
    ),
    // stored: a character that does not end
    (
        b"\xc1\x07\x00\x01\x00\xfe\xff\xc3\x00",
        Err(Error::Peer(Violation::InvalidUtf8)),
    ),
];

#[test]
fn wires_are_judged_alike_in_every_delivery() {
    for (wire, verdict) in WIRES {
        for delivery in [Delivery::Message, Delivery::Chunk] {
            let result = judge(wire, delivery, u64::MAX).map(|messages| {
                messages
                    .into_iter()
                    .map(|(_, octets)| String::from_utf8(octets).unwrap())
                    .collect::<Vec<_>>()
            });
            let verdict =
                verdict.map(|texts| texts.iter().map(ToString::to_string).collect::<Vec<_>>());
            assert_eq!(result, verdict, "{wire:02x?} {delivery:?}");
        }
    }
}

// row: PMD-30, PMD-32
#[test]
fn the_limit_is_that_of_the_inflated_message() {
    let message = (MessageKind::Binary, vec![b'x'; 400]);
    let agreed = agreed(9, true);
    let mut lean = Compressor::new(Box::new(Lean::<1536, 1024>::new()));
    lean.configure(Some(&agreed));
    let wire = send(std::slice::from_ref(&message), 4096, lean, None);
    for delivery in [Delivery::Message, Delivery::Chunk] {
        for (limit, fits) in [(400, true), (399, false)] {
            let mut receiver =
                Receiver::<Server, _, _>::with_stage(vec![0; 600], inflater(&agreed, 2048));
            receiver.set_limits(Limits {
                message: limit,
                ..Limits::default()
            });
            let result = receive(&mut receiver, delivery, &wire, 5);
            if fits {
                assert_eq!(result, Ok(vec![message.clone()]));
            } else {
                let error = result.expect_err("one octet more than the limit");
                assert!(matches!(error, Error::TooLong { .. }));
                assert_eq!(error.close_code(), Some(CloseCode::TOO_BIG));
            }
        }
    }
}

// row: PMD-33
#[test]
fn a_message_below_the_threshold_goes_raw() {
    let agreed = agreed(10, true);
    let mut lean = Compressor::new(Box::new(Lean::<1536, 1024>::new())).with_threshold(200);
    lean.configure(Some(&agreed));
    let messages = [100, 300].map(|len| (MessageKind::Text, "x".repeat(len).into_bytes()));
    let wire = send(&messages, 4096, lean, None);
    assert_eq!(wire[0], 0x81, "not compressed");
    assert_eq!(wire[106], 0xc1, "compressed");
    assert!(matches!(Message::from("x"), Message::Text("x")));
}

// row: PMD-33
#[test]
fn compression_is_left_out_message_by_message() {
    let mut lean = Compressor::new(Box::new(Lean::<1536, 1024>::new()));
    lean.configure(Some(&agreed(10, true)));
    let mut sender = Sender::<Client, _, _, _>::with_stage(vec![0; 4096], Counter(7), lean);
    let text = [b'x'; 100];
    let mut first = |allowed, as_fragment| {
        sender.set_compression(allowed);
        let queued = if as_fragment {
            sender.fragment(MessageKind::Text, &text, true, true)
        } else {
            sender.message(MessageKind::Text, &text, true)
        };
        assert!(queued.expect("open").complete);
        let first = sender.pending()[0];
        sender.advance(usize::MAX);
        first
    };
    for as_fragment in [false, true] {
        assert_eq!(first(true, as_fragment), 0xc1);
        assert_eq!(first(false, as_fragment), 0x81);
        assert_eq!(first(true, as_fragment), 0xc1);
    }
}

// row: PMD-11, PMD-22
#[test]
fn what_does_not_shrink_goes_raw_if_it_is_one_frame() {
    let mut noise = vec![0; 9000];
    Counter(3).fill(&mut noise).unwrap();
    let message = |len| (MessageKind::Binary, noise[..len].to_vec());
    let agreed = agreed(10, true);
    for (level, len, piece, first) in [
        (6, 500, None, 0x82),
        (6, 500, Some(500), 0x82),
        (6, 500, Some(400), 0xc2),
        // A quick engine gives octets of a piece before the next is there, and more than it has taken.
        (1, 9000, None, 0x82),
        (1, 9000, Some(9000), 0x82),
        (1, 9000, Some(4000), 0x42),
    ] {
        let mut host = zlib::Compressor::new(level);
        host.configure(Some(&agreed));
        // What comes behind it refers to nothing of it.
        let messages = [message(len), message(100), message(len)];
        let wire = send(&messages, 64 * 1024, host, piece);
        let what = format!("level {level}, {len} in pieces of {piece:?}");
        assert_eq!(wire[0], first, "{what}");
        let mut receiver = Receiver::<Server, _, _>::with_stage(
            vec![0; 64 * 1024],
            inflater(&agreed, 1024 + 9000),
        );
        same(
            receive(&mut receiver, Delivery::Message, &wire, usize::MAX),
            &messages,
        );
    }
}

// row: FRG-06, PMD-20
#[test]
fn the_first_piece_says_of_which_kind_a_message_is() {
    let mut lean = Compressor::new(Box::new(Lean::<1536, 1024>::new()));
    lean.configure(Some(&agreed(10, true)));
    let mut sender = Sender::<Client, _, _, _>::with_stage(vec![0; 4096], Counter(7), lean);
    let mut fragment = |kind, first, fin| {
        let queued = sender.fragment(kind, b"octets", first, fin).expect("open");
        assert!(queued.complete);
        let octet = sender.pending().first().copied();
        sender.advance(usize::MAX);
        octet
    };
    // The compressor keeps six octets to itself: the frame that begins the message is the last one.
    assert_eq!(fragment(MessageKind::Text, true, false), None);
    assert_eq!(fragment(MessageKind::Binary, false, true), Some(0xc1));
    assert_eq!(fragment(MessageKind::Binary, true, true), Some(0xc2));
}

// row: SEED-29, SEED-27
#[test]
fn frames_show_the_wire_and_messages_do_not() {
    let agreed = agreed(9, true);
    let hello = b"\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\x00";
    let mut receiver =
        Receiver::<Server, _, _>::with_stage(vec![0; 600], inflater(&agreed, 512 + 4096));
    receiver.spare()[..hello.len()].copy_from_slice(hello);
    receiver.commit(hello.len());
    assert_eq!(receiver.step(Delivery::Frame), Ok(Step::Frame));
    let frame = receiver.frame().expect("announced");
    assert!(frame.header.rsv1);
    assert_eq!(frame.payload, b"\xf2\x48\xcd\xc9\xc9\x07\x00");
    // The decompressor did not see it, so what may refer to it is not decompressed.
    assert_eq!(receiver.step(Delivery::Frame), Ok(Step::NeedOctets));
    receiver.spare()[..hello.len()].copy_from_slice(hello);
    receiver.commit(hello.len());
    assert_eq!(
        receiver.step(Delivery::Message),
        Err(Error::Usage(Usage::MixedLevels))
    );
    assert_eq!(receiver.step(Delivery::Frame), Ok(Step::Frame));
    assert_eq!(receiver.failure(), None);
}

// row: SEED-29, SEED-27
#[test]
fn only_a_compressed_message_that_went_around_the_stage_is_missed_by_the_next() {
    // One that is not compressed, and one that is.
    let octets = b"\x81\x81\0\0\0\0a\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\x00";
    for delivery in [Delivery::Message, Delivery::Chunk] {
        let inflater = inflater(&agreed(9, true), 512 + 4096);
        let mut receiver = Receiver::<Server, _, _>::with_stage(vec![0; 600], inflater);
        receiver.spare()[..octets.len()].copy_from_slice(octets);
        receiver.commit(octets.len());
        assert_eq!(receiver.step(Delivery::Frame), Ok(Step::Frame));
        assert_eq!(receiver.frame().expect("announced").payload, b"a");
        let rest = receive(&mut receiver, delivery, b"", 1);
        same(rest, &[(MessageKind::Text, b"Hello".to_vec())]);
    }
}

// row: UTF-04, UTF-08
#[test]
fn text_is_refused_before_what_follows_its_fragment_is_looked_at() {
    // Stored: ff. Then a Ping.
    let octets = b"\x41\x87\0\0\0\0\x00\x01\x00\xfe\xff\xff\x00\x89\x80\0\0\0\0";
    for delivery in [Delivery::Message, Delivery::Chunk] {
        let inflater = inflater(&agreed(9, true), 512 + 4096);
        let mut receiver = Receiver::<Server, _, _>::with_stage(vec![0; 600], inflater);
        receiver.spare()[..octets.len()].copy_from_slice(octets);
        receiver.commit(octets.len());
        assert_eq!(receiver.step(delivery), Ok(Step::ReplyDue));
        let failure = Some(Violation::InvalidUtf8.into());
        assert_eq!(receiver.failure(), failure, "{delivery:?}");
    }
}

// row: TRAP-08, PMD-30
#[test]
fn a_bomb_meets_the_limit_in_one_frame_and_over_many_fragments() {
    let agreed = agreed(15, true);
    let bomb = (MessageKind::Binary, vec![0; 4 << 20]);
    for piece in [None, Some(64 << 10)] {
        let mut full = Compressor::new(Heap::new(15));
        full.configure(Some(&agreed));
        let wire = send(std::slice::from_ref(&bomb), 1024, full, piece);
        assert!(wire.len() < 64 << 10, "{} octets are no bomb", wire.len());
        for delivery in [Delivery::Message, Delivery::Chunk] {
            let mut receiver = Receiver::<Server, _, _>::with_stage(
                vec![0; 600],
                inflater(&agreed, (32 + 64) << 10),
            );
            receiver.set_limits(Limits {
                message: 64 << 10,
                ..Limits::default()
            });
            let error = receive(&mut receiver, delivery, &wire, 100).expect_err("a bomb");
            assert_eq!(error.close_code(), Some(CloseCode::TOO_BIG), "{error:?}");
        }
    }
}
