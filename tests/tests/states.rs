//! Every call in every state gives a defined result, and none of them panics.

use bare_ws::asynch;
use bare_ws::close::CloseCode;
use bare_ws::closing::Reply;
use bare_ws::entropy::{Entropy, EntropyError};
use bare_ws::error::{Capacity, Error, Usage, Violation};
use bare_ws::header::FrameHeader;
use bare_ws::mask::MaskingKey;
use bare_ws::message::MessageKind;
use bare_ws::opcode::Opcode;
use bare_ws::receiver::{Delivery, Limits, Receiver, Step};
use bare_ws::role::{Client, Server};
use bare_ws::sender::{Queued, Sender};
use bare_ws_tests::io::Transport;
use bare_ws_tests::laws::Keys;
use bare_ws_tests::mask::masked;
use bare_ws_tests::poll::block_on;
use bare_ws_tests::vectors::VECTORS;

type Send = Sender<Client, [u8; 139], Keys>;

type State = (&'static str, fn(&mut Send));

/// The states of a sender, nothing pending.
const STATES: [State; 6] = [
    ("open", |_| {}),
    ("in a message", |s| {
        s.message(MessageKind::Text, &[b'x'; 200], true).unwrap();
    }),
    ("in fragments", |s| {
        s.fragment(MessageKind::Text, b"x", true, false).unwrap();
    }),
    ("in a frame", |s| {
        s.begin_frame(MessageKind::Text, 1000).unwrap()
    }),
    ("closed", |s| {
        s.close(None, "").unwrap();
    }),
    ("shut", Send::shut),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Is {
    /// It happens.
    Ok,
    /// It is refused.
    Not(Usage),
    /// It happens without an octet.
    Silent,
}

use Is::{Not, Ok as Yes, Silent};
use Usage::{
    InterruptedMessage as Torn, MessageOpen as Open, NotOpen as Closed,
    NothingToContinue as Nothing,
};

type Call = fn(&mut Send) -> Result<bool, Error>;

const fn whole(queued: Queued) -> bool {
    queued.complete
}

/// A call, and what it comes to in each state.
const CALLS: [(&str, Call, [Is; 6]); 14] = [
    (
        "message",
        |s| s.message(MessageKind::Text, b"m", true).map(whole),
        [
            Yes,
            Not(Torn),
            Not(Open),
            Not(Torn),
            Not(Closed),
            Not(Closed),
        ],
    ),
    (
        "message, more",
        |s| s.message(MessageKind::Text, b"m", false).map(whole),
        [
            Not(Nothing),
            Yes,
            Not(Nothing),
            Not(Nothing),
            Not(Closed),
            Not(Closed),
        ],
    ),
    (
        "fragment, first",
        |s| s.fragment(MessageKind::Text, b"f", true, false).map(whole),
        [
            Yes,
            Not(Torn),
            Not(Open),
            Not(Torn),
            Not(Closed),
            Not(Closed),
        ],
    ),
    (
        "fragment, last",
        |s| s.fragment(MessageKind::Text, b"f", false, true).map(whole),
        [
            Not(Nothing),
            Not(Torn),
            Yes,
            Not(Torn),
            Not(Closed),
            Not(Closed),
        ],
    ),
    (
        "begin_frame",
        |s| s.begin_frame(MessageKind::Text, 1).map(|()| true),
        [
            Yes,
            Not(Torn),
            Not(Open),
            Not(Torn),
            Not(Closed),
            Not(Closed),
        ],
    ),
    (
        "frame_payload",
        |s| Ok(s.frame_payload(b"p") == 1),
        [Silent, Silent, Silent, Yes, Silent, Silent],
    ),
    (
        "ping",
        |s| s.ping(b"p"),
        [Yes, Yes, Yes, Not(Torn), Not(Closed), Not(Closed)],
    ),
    (
        "pong",
        |s| s.control(Opcode::Pong, b"p"),
        [Yes, Yes, Yes, Not(Torn), Not(Closed), Not(Closed)],
    ),
    (
        "close",
        |s| s.close(Some(CloseCode::NORMAL), ""),
        [Yes, Yes, Yes, Not(Torn), Not(Closed), Not(Closed)],
    ),
    (
        "reply Pong",
        |s| s.reply(Reply::Pong(b"p")),
        [Yes, Yes, Yes, Not(Torn), Silent, Silent],
    ),
    (
        "reply Close",
        |s| s.reply(Reply::Close(&[3, 232])),
        [Yes, Yes, Yes, Not(Torn), Silent, Silent],
    ),
    (
        "reply Fail",
        |s| s.reply(Reply::Close(&CloseCode::TOO_BIG.0.to_be_bytes())),
        [Yes, Yes, Yes, Not(Torn), Silent, Silent],
    ),
    (
        "frame",
        |s| s.frame(FrameHeader::new(Opcode::Binary, true, 0), b"f"),
        [
            Yes,
            Not(Torn),
            Not(Open),
            Not(Torn),
            Not(Closed),
            Not(Closed),
        ],
    ),
    (
        "frame, more",
        |s| s.frame(FrameHeader::new(Opcode::Continuation, true, 0), b"f"),
        [
            Not(Nothing),
            Not(Torn),
            Yes,
            Not(Torn),
            Not(Closed),
            Not(Closed),
        ],
    ),
];

// row: STA-01, FRG-12, FRG-13, SEED-27, SEED-30
#[test]
fn every_call_of_a_sender_in_every_state() {
    for (number, (state, enter)) in STATES.iter().enumerate() {
        for (name, call, wanted) in CALLS {
            let mut sender = Send::new([0xa5; 139], Keys::default());
            enter(&mut sender);
            sender.advance(usize::MAX);
            sender.advance(usize::MAX);
            let open = sender.is_open();
            let drawn = sender.entropy_mut().drawn();
            let result = call(&mut sender);
            let sent = sender.pending().len();
            let is = match result {
                Ok(_) if sent > 0 => Yes,
                Ok(_) => Silent,
                Err(Error::Usage(usage)) => Not(usage),
                Err(error) => panic!("{name} {state}: {error:?}"),
            };
            assert_eq!(is, wanted[number], "{name} {state}");
            if let Not(_) = is {
                // Nothing has changed.
                assert_eq!(sent, 0, "{name} {state}");
                assert_eq!(sender.entropy_mut().drawn(), drawn, "{name} {state}");
                assert_eq!(sender.is_open(), open);
            }
        }
    }
    // What a peer that is gone does not get.
    let mut sender = Send::new([0xa5; 139], Keys::default());
    assert_eq!(sender.ping(b""), Ok(true));
    assert_eq!(sender.reply(Reply::Shut), Ok(true));
    assert!(sender.pending().is_empty() && !sender.is_open());
    for opcode in [
        Opcode::Text,
        Opcode::Binary,
        Opcode::Continuation,
        Opcode::Close,
    ] {
        assert!(
            Send::new([0; 139], Keys::default())
                .control(opcode, b"")
                .is_err()
        );
    }
}

const DELIVERIES: [Delivery; 3] = [Delivery::Message, Delivery::Chunk, Delivery::Frame];

// row: STA-01, SEED-27
#[test]
fn every_call_of_a_receiver_in_every_state() {
    // What has arrived; what step says of it to messages, chunks, frames; and then again.
    type Row = (
        &'static str,
        &'static [u8],
        [Result<Step, Error>; 3],
        [Result<Step, Error>; 3],
    );
    let mixed = Err(Error::Usage(Usage::MixedLevels));
    let due = Ok(Step::ReplyDue);
    let need = Ok(Step::NeedOctets);
    let rows: [Row; 8] = [
        ("nothing", b"", [need; 3], [need; 3]),
        ("half a header", b"\x81", [need; 3], [need; 3]),
        (
            "half a frame",
            b"\x81\x05He",
            [need, Ok(Step::Chunk), need],
            [need; 3],
        ),
        (
            "half a message",
            b"\x01\x02He",
            [need, Ok(Step::Chunk), Ok(Step::Frame)],
            [need; 3],
        ),
        (
            "a message",
            b"\x81\x00",
            [Ok(Step::Message), Ok(Step::Chunk), Ok(Step::Frame)],
            [need; 3],
        ),
        (
            "a Ping",
            b"\x89\x00",
            [due, due, Ok(Step::Frame)],
            [need; 3],
        ),
        (
            "a Close",
            b"\x88\x00",
            [due, due, Ok(Step::Frame)],
            [due; 3],
        ),
        ("a violation", b"\xf1\x00", [due; 3], [due; 3]),
    ];
    for (name, octets, first, then) in rows {
        for (number, delivery) in DELIVERIES.into_iter().enumerate() {
            let arrived = || {
                let mut receiver = Receiver::<Client, _>::new([0xa5; 32]);
                receiver.spare()[..octets.len()].copy_from_slice(octets);
                receiver.commit(octets.len());
                receiver
            };
            let mut receiver = arrived();
            assert!(receiver.message().unwrap().is_none());
            assert!(receiver.chunk().is_none() && receiver.frame().is_none());
            assert_eq!(
                receiver.step(delivery),
                first[number],
                "{name} {delivery:?}"
            );
            let announced = [
                receiver.message().is_ok_and(|message| message.is_some()),
                receiver.chunk().is_some(),
                receiver.frame().is_some(),
            ];
            let wanted =
                [Step::Message, Step::Chunk, Step::Frame].map(|step| first[number] == Ok(step));
            assert_eq!(announced, wanted, "{name} {delivery:?}");
            assert_eq!(receiver.step(delivery), then[number], "{name} {delivery:?}");
            // A message begun one way is read that way to its end; between messages all ways are open.
            let begun = (name == "half a frame" || name == "half a message") && receiver.is_open();
            for other in DELIVERIES {
                let step = receiver.step(other);
                assert_eq!(
                    step,
                    if begun && other != delivery {
                        mixed
                    } else {
                        then[number]
                    },
                    "{name} {delivery:?}, then {other:?}"
                );
            }
            // A refusal changes nothing: the rest is read as it was begun.
            if begun {
                let rest: &[u8] = if name == "half a frame" {
                    b"llo"
                } else {
                    b"\x80\x00"
                };
                receiver.spare()[..rest.len()].copy_from_slice(rest);
                receiver.commit(rest.len());
                let end = [Step::Message, Step::Chunk, Step::Frame][number];
                assert_eq!(receiver.step(delivery), Ok(end));
                assert_eq!(receiver.step(Delivery::Message), need);
            }
            // The transport ends.
            receiver.eof();
            let end = match receiver.failure() {
                Some(error) => Err(error),
                None if receiver.is_open() => Err(Error::Lost),
                None => Ok(Step::Closed),
            };
            assert_eq!(receiver.step(delivery), due, "{name}");
            receiver.owed().taken();
            for other in DELIVERIES {
                assert_eq!(receiver.step(other), end, "{name}");
            }
            assert_eq!(receiver.owed().reply(), None);
        }
    }
}

// row: LIM-01, LIM-02, SEED-12
#[test]
fn a_message_is_as_long_as_the_buffer_takes_or_the_limit() {
    for (buffer, limit) in [
        (14, u64::MAX),
        (24, u64::MAX),
        (100, 10),
        (24, 10),
        (20, 10),
        (500, 300),
    ] {
        let room = (buffer as u64 - 14).min(limit);
        for (len, fits) in [(room, true), (room + 1, false)] {
            for delivery in [Delivery::Message, Delivery::Frame] {
                let mut receiver = Receiver::<Client, _>::new(vec![0; buffer]);
                receiver.set_limits(Limits {
                    message: limit,
                    ..Limits::default()
                });
                let header = FrameHeader::new(Opcode::Binary, true, len).emit();
                let header = header.as_ref();
                receiver.spare()[..header.len()].copy_from_slice(header);
                receiver.commit(header.len());
                let step = receiver.step(delivery);
                if !fits {
                    // At the header, without an octet of payload.
                    assert_eq!(step, Ok(Step::ReplyDue));
                    assert_eq!(
                        receiver.owed().reply(),
                        Some(Reply::Close(&CloseCode::TOO_BIG.0.to_be_bytes()))
                    );
                    let error = Capacity::Message {
                        needed: len,
                        limit: room,
                    };
                    assert_eq!(receiver.failure(), Some(error.into()), "{buffer} {limit}");
                    continue;
                }
                let mut rest = len as usize;
                let mut step = step;
                while rest > 0 {
                    assert_eq!(step, Ok(Step::NeedOctets));
                    let n = receiver.spare().len().min(rest);
                    assert!(n > 0);
                    receiver.commit(n);
                    rest -= n;
                    step = receiver.step(delivery);
                }
                assert!(matches!(step, Ok(Step::Message | Step::Frame)), "{step:?}");
            }
        }
    }
}

// row: LIM-01, TRAP-10
#[test]
fn a_million_empty_fragments_are_all_there_may_be() {
    let mut receiver = Receiver::<Client, _>::new([0; 14]);
    receiver.spare()[..2].copy_from_slice(&[2, 0]);
    receiver.commit(2);
    assert_eq!(receiver.step(Delivery::Message), Ok(Step::NeedOctets));
    for number in 1..1_000_000 {
        receiver.spare()[..2].copy_from_slice(&[0, 0]);
        receiver.commit(2);
        assert_eq!(receiver.step(Delivery::Message), Ok(Step::NeedOctets));
        assert_eq!(receiver.fragments(), number + 1);
    }
    receiver.spare()[..2].copy_from_slice(&[0x80, 0]);
    receiver.commit(2);
    assert_eq!(receiver.step(Delivery::Message), Ok(Step::ReplyDue));
    assert_eq!(
        receiver.owed().reply(),
        Some(Reply::Close(&CloseCode::POLICY_VIOLATION.0.to_be_bytes()))
    );
}

// row: LIM-03, TRAP-11, FRG-09
#[test]
fn a_frame_of_a_mebibyte_through_64_octets() {
    for piece in [1, 7, 64] {
        let mut receiver = Receiver::<Client, _>::new([0; 64]);
        let len = 1 << 20;
        let header = FrameHeader::new(Opcode::Binary, true, len).emit();
        receiver.spare()[..10].copy_from_slice(header.as_ref());
        receiver.commit(10);
        let (mut fed, mut seen, mut steps) = (0, 0, 0);
        loop {
            match receiver.step(Delivery::Chunk).unwrap() {
                Step::NeedOctets => {
                    let spare = receiver.spare();
                    let n = spare.len().min(piece).min((len - fed) as usize);
                    for place in &mut spare[..n] {
                        *place = (fed % 251) as u8;
                        fed += 1;
                    }
                    receiver.commit(n);
                }
                Step::Chunk => {
                    let chunk = receiver.chunk().unwrap();
                    assert_eq!(chunk.offset, seen);
                    for octet in chunk.octets {
                        assert_eq!(*octet, (seen % 251) as u8);
                        seen += 1;
                    }
                    assert_eq!(chunk.fin, seen == len);
                    assert_eq!(chunk.frame_remaining, len - seen);
                    if chunk.fin {
                        break;
                    }
                }
                step => panic!("{step:?}"),
            }
            steps += 1;
        }
        assert_eq!(seen, len);
        assert!(
            steps <= 2 * (len as usize / piece.min(50)) + 10,
            "{steps} steps"
        );
    }
}

/// Frames of the table, cut, mixed and mutated.
fn garbage(random: &mut fastrand::Rng) -> Vec<u8> {
    let mut octets = Vec::new();
    for _ in 0..random.usize(1..6) {
        let vector = &VECTORS[random.usize(..VECTORS.len())];
        octets.extend(vector.wire.iter().take(random.usize(1..200)));
    }
    for _ in 0..random.usize(..4) {
        let at = random.usize(..octets.len());
        octets[at] = random.u8(..);
    }
    octets
}

// row: STA-01, FRM-13, TRAP-12
#[test]
fn random_calls_on_random_octets() {
    for seed in 0..bare_ws_tests::runs(6000) {
        let mut random = fastrand::Rng::with_seed(seed);
        let octets = masked(&garbage(&mut random));
        let mut octets = octets.iter().copied();
        let mut receiver = Receiver::<Server, _>::new(vec![0xa5; random.usize(..200)]);
        receiver.set_limits(Limits {
            message: [0, 10, u64::MAX][random.usize(..3)],
            fragments: [0, 3, u32::MAX][random.usize(..3)],
        });
        let delivery = DELIVERIES[random.usize(..3)];
        let mut over: Option<Result<Step, Error>> = None;
        for _ in 0..400 {
            match random.u8(..40) {
                0..=9 => {
                    let most = random.usize(..50);
                    let spare = receiver.spare();
                    let mut n = 0;
                    for (place, octet) in spare.iter_mut().take(most).zip(&mut octets) {
                        *place = octet;
                        n += 1;
                    }
                    receiver.commit(n);
                }
                10 => receiver.commit([0, usize::MAX, 1][random.usize(..3)]),
                11 if random.u8(..20) == 0 => receiver.eof(),
                12 => {
                    let _ = receiver.message();
                }
                13 => {
                    let _ = receiver.chunk();
                }
                14 => {
                    let _ = receiver.frame();
                }
                15 => {
                    let (owed, spare) = receiver.owed_and_spare();
                    let _ = (owed.is_due(), spare.len());
                }
                16 => receiver.skip(random.usize(..4)),
                17..=19 => {
                    if receiver.owed().reply().is_some() {
                        receiver.owed().taken();
                    }
                }
                20 => {
                    let _ = receiver.step(DELIVERIES[random.usize(..3)]);
                }
                _ => {
                    let step = receiver.step(delivery);
                    if let Some(over) = over {
                        assert!(
                            step == over || step == Ok(Step::ReplyDue),
                            "seed {seed}: {step:?} after {over:?}"
                        );
                    } else if matches!(
                        step,
                        Ok(Step::Closed) | Err(Error::Peer(_) | Error::Capacity(_) | Error::Lost)
                    ) {
                        over = Some(step);
                    }
                    if !receiver.is_open() {
                        assert!(
                            !matches!(step, Ok(Step::Message | Step::Chunk)),
                            "seed {seed}"
                        );
                    }
                }
            }
        }
    }
}

/// A generator with a state that nobody may see.
#[derive(Debug)]
struct Secret(#[expect(dead_code, reason = "it is for Debug")] &'static str);

impl Entropy for Secret {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        octets.fill(77);
        Ok(())
    }
}

// row: TRAP-30
#[test]
fn no_key_no_payload_and_no_generator_stands_in_debug_output() {
    assert_eq!(format!("{:?}", MaskingKey::new([77; 4])), "MaskingKey");
    let mut incoming = b"\x81\x09SECRETkey\x89\x09SECRETkey\x81\x03abc".to_vec();
    incoming.extend(b"\x01\x09SECRETkey");
    let mut connection = asynch::Connection::new(
        Transport::new(&incoming),
        Receiver::<Client, _>::new(vec![0xa5; 64]),
        Sender::<Client, _, _>::new(vec![0xa5; 139], Secret("SECRETkey")),
    );
    // The transport is its owner's to show.
    let mut shown = format!("{:?} {:?}", connection.reader, connection.writer.sender());
    block_on(connection.recv()).unwrap();
    let reader = &connection.reader;
    shown += &format!("{reader:?} {:?}", reader.receiver());
    block_on(connection.recv()).unwrap();
    connection
        .writer
        .sender_mut()
        .begin_frame(MessageKind::Text, 100)
        .unwrap();
    connection.writer.sender_mut().frame_payload(b"SECRETkey");
    let sender = connection.writer.sender();
    shown += &format!("{sender:?} {:?}", connection.reader);
    // As text, as octets, masked: in no form.
    let octets = format!("{:?}", b"SECRET");
    for secret in ["SECRET", "77, 77", octets.trim_matches(['[', ']'])] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert!(shown.contains("Receiver") && shown.contains("Sender"));
}

// row: SEED-30, TRAP-30
#[test]
fn every_error_says_something_and_has_its_close_code() {
    let errors: Vec<(Error, Option<u16>)> = vec![
        (Violation::ReservedBit.into(), Some(1002)),
        (Violation::ReservedOpcode.into(), Some(1002)),
        (Violation::Masked.into(), Some(1002)),
        (Violation::NotMasked.into(), Some(1002)),
        (Violation::LengthNotMinimal.into(), Some(1002)),
        (Violation::LengthTopBit.into(), Some(1002)),
        (Violation::ControlTooLong.into(), Some(1002)),
        (Violation::ControlFragmented.into(), Some(1002)),
        (Violation::UnexpectedContinuation.into(), Some(1002)),
        (Violation::ExpectedContinuation.into(), Some(1002)),
        (Violation::ClosePayload.into(), Some(1002)),
        (Violation::CloseCode(CloseCode(1005)).into(), Some(1002)),
        (Violation::CloseReason.into(), Some(1007)),
        (Violation::InvalidUtf8.into(), Some(1007)),
        (Violation::CorruptCompression.into(), Some(1007)),
        (
            Capacity::Message {
                needed: 11,
                limit: 10,
            }
            .into(),
            Some(1009),
        ),
        (Capacity::Memory { needed: 10 }.into(), Some(1009)),
        (Capacity::Fragments { limit: 3 }.into(), Some(1008)),
        (Usage::NotOpen.into(), None),
        (Usage::ControlTooLong.into(), None),
        (Usage::ReasonTooLong.into(), None),
        (Usage::CloseCode(CloseCode(1006)).into(), None),
        (Usage::ReasonWithoutCode.into(), None),
        (Usage::MessageOpen.into(), None),
        (Usage::NothingToContinue.into(), None),
        (Usage::InterruptedMessage.into(), None),
        (Usage::BufferTooSmall { needed: 131 }.into(), None),
        (Usage::Busy.into(), None),
        (Usage::MixedLevels.into(), None),
        (Error::Entropy, None),
        (Error::Lost, None),
    ];
    let mut words: Vec<String> = errors.iter().map(|(error, _)| error.to_string()).collect();
    for (error, code) in &errors {
        assert_eq!(error.close_code().map(u16::from), *code, "{error:?}");
        assert!(
            error.to_string().is_ascii() && error.to_string().len() > 10,
            "{error:?}"
        );
    }
    words.sort();
    let all = words.len();
    words.dedup();
    assert_eq!(words.len(), all, "two errors in the same words");
    let transport: Error<bare_ws_tests::io::IoError> =
        Error::Transport(bare_ws_tests::io::IoError::Broken);
    assert_eq!(transport.to_string(), "broken");
    assert!(core::error::Error::source(&transport).is_some());
}

// row: SEED-08
#[test]
fn the_state_beside_the_buffers_is_small() {
    // On this machine; what it is on a board of 32 bits the core asserts where it is built for one.
    let receiver = size_of::<Receiver<Client, [u8; 0]>>();
    let sender = size_of::<Sender<Client, [u8; 0], ()>>();
    assert!(receiver <= 312, "{receiver}");
    assert!(sender <= 48, "{sender}");
}
