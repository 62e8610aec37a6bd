//! What machines say of themselves, in each state, and the figures that the documentation names.

use bare_ws::buffer::Growing;
use bare_ws::close::{MAX_REASON, UnregisteredCode};
use bare_ws::compression::Uncompressed;
use bare_ws::handshake::Request;
use bare_ws::handshake::accept::{ACCEPT_LEN, KEY_LEN};
use bare_ws::handshake::server::Service;
use bare_ws::header::{MAX_CONTROL, MAX_HEADER};
use bare_ws::lifecycle::{Call, DISCARD_LIMIT, End, Event, Lifecycle, Timeout};
use bare_ws::sender::MIN_TRANSMIT;
use bare_ws::{deflate, lifecycle};

use crate::*;

#[test]
fn figures_are_those_of_the_documentation() {
    assert_eq!((MAX_HEADER, MAX_CONTROL, MAX_REASON), (14, 125, 123));
    assert_eq!(MIN_TRANSMIT, 131);
    assert_eq!((KEY_LEN, ACCEPT_LEN), (24, 28));
    assert_eq!(Request::HEAD_LIMIT, 16 * 1024);
    assert_eq!(Service::ANY.head_limit, 16 * 1024);
    assert_eq!(DISCARD_LIMIT, 64 << 20);
    assert_eq!(Growing::LIMIT, (16 << 20) + (64 << 10));
    assert_eq!(Growing::ROUNDS, 64);
    let most = Limits {
        message: u64::MAX,
        fragments: 1_000_000,
    };
    assert_eq!(Limits::default(), most);
    let inflated = deflate::Limits::default();
    assert_eq!((inflated.message, inflated.wire), (16 << 20, None));
}

/// What a sender in each of [`STATES`] says: whether it is open, in a frame, in a message, in fragments.
#[test]
fn a_sender_says_where_it_stands() {
    let expected = [
        (true, false, false, false),
        (true, false, true, false),
        (true, false, false, true),
        (true, true, false, false),
        (false, false, false, false),
        (false, false, false, false),
    ];
    for ((name, enter), expected) in STATES.iter().zip(expected) {
        let mut sender = Send::new([0; 139], Keys::default());
        enter(&mut sender);
        let said = (
            sender.is_open(),
            sender.in_frame(),
            sender.in_message(),
            sender.in_fragments(),
        );
        assert_eq!(said, expected, "{name}");
        assert!(sender.compression(), "{name}");
        sender.set_compression(false);
        assert!(!sender.compression(), "{name}");
        // What is pending stays, whatever compresses what follows.
        let pending = sender.pending().to_vec();
        let sender = sender.compress_with(Some(Uncompressed));
        assert_eq!(sender.pending(), pending, "{name}");
    }
}

/// Whether it may close is what closing says, but for what only stands in the way.
#[test]
fn a_sender_knows_whether_it_may_close() {
    let reason = "x".repeat(124);
    let closes: [(Option<CloseCode>, &str, Result<(), Usage>); 8] = [
        (None, "", Ok(())),
        (Some(CloseCode::NORMAL), "bye", Ok(())),
        (Some(CloseCode(4999)), &reason[..123], Ok(())),
        (Some(CloseCode(4999)), &reason, Err(Usage::ReasonTooLong)),
        (None, "why", Err(Usage::ReasonWithoutCode)),
        (
            Some(CloseCode(999)),
            "",
            Err(Usage::CloseCode(CloseCode(999))),
        ),
        (
            Some(CloseCode::NO_STATUS),
            "",
            Err(Usage::CloseCode(CloseCode::NO_STATUS)),
        ),
        (
            Some(CloseCode(5000)),
            &reason,
            Err(Usage::CloseCode(CloseCode(5000))),
        ),
    ];
    for (name, enter) in STATES {
        for (code, reason, expected) in &closes {
            let mut sender = Send::new([0; 139], Keys::default());
            enter(&mut sender);
            let is_open = sender.is_open();
            let expected = match expected {
                Ok(()) if !is_open => Err(Usage::NotOpen),
                expected => *expected,
            };
            assert_eq!(sender.may_close(*code, reason), expected, "{name} {code:?}");
            while !sender.pending().is_empty() {
                sender.advance(1);
            }
            let in_frame = sender.in_frame();
            let closed = sender.close(*code, reason).map(drop);
            let expected = match expected {
                Ok(()) if in_frame => Err(Usage::InterruptedMessage),
                expected => expected,
            };
            assert_eq!(
                closed,
                expected.map_err(SendError::Usage),
                "{name} {code:?}"
            );
        }
    }
}

fn fed(octets: &[u8]) -> Receiver<Client, Vec<u8>> {
    let mut receiver = Receiver::<Client, _>::new(vec![0; 256]);
    receiver.spare()[..octets.len()].copy_from_slice(octets);
    receiver.commit(octets.len());
    receiver
}

#[test]
fn a_receiver_says_where_it_stands() {
    // Two fragments and a third, with two Pongs between them.
    let octets = b"\x01\x01a\x8a\x00\x00\x01b\x8a\x01x\x80\x01c\x88\x02\x03\xe9\x83\x00";
    let mut receiver = fed(octets);
    assert_eq!((receiver.fragments(), receiver.pongs()), (0, 0));
    assert_eq!(receiver.unparsed(), octets);
    assert_eq!(receiver.step(Delivery::Message), Ok(Step::Message));
    assert_eq!((receiver.fragments(), receiver.pongs()), (3, 2));
    assert!(receiver.is_open() && receiver.failure().is_none());
    assert_eq!(receiver.close_status(), None);
    // What was not looked at stays, whatever decompresses it.
    let rest = receiver.unparsed().to_vec();
    assert_eq!(rest, b"\x88\x02\x03\xe9\x83\x00");
    let mut receiver = receiver.decompress_with(Some(Uncompressed));
    assert_eq!(receiver.unparsed(), rest);
    assert_eq!(receiver.step(Delivery::Message), Ok(Step::ReplyDue));
    receiver.owed().mark_queued();
    assert_eq!(receiver.step(Delivery::Message), Ok(Step::Closed));
    assert!(!receiver.is_open() && receiver.failure().is_none());
    let status = receiver.close_status().unwrap();
    assert_eq!((status.code, status.reason), (CloseCode::GOING_AWAY, ""));

    let mut receiver = fed(b"\x83\x00");
    assert_eq!(receiver.step(Delivery::Message), Ok(Step::ReplyDue));
    let failed = Error::Peer(Violation::ReservedOpcode);
    assert_eq!(receiver.failure(), Some(failed));
    assert!(!receiver.is_open());
    let (owed, _) = receiver.owed_and_spare();
    assert_eq!(owed.reply(), Some(Reply::Close(&1002_u16.to_be_bytes())));

    // The Close for text that is none is there with the error.
    let mut receiver = fed(b"\x81\x01\xff");
    assert_eq!(receiver.step(Delivery::Message), Ok(Step::Message));
    let (message, owed) = receiver.message_and_owed();
    assert_eq!(message, Err(Error::Peer(Violation::InvalidUtf8)));
    assert_eq!(owed.reply(), Some(Reply::Close(&1007_u16.to_be_bytes())));

    // The transport's end is told behind what came before it, and one in the middle of a frame as well.
    for (octets, steps) in [(&b"\x82\x01x"[..], 1), (b"\x82\x05x", 0), (b"", 0)] {
        let mut receiver = fed(octets);
        receiver.eof();
        for _ in 0..steps {
            assert_eq!(receiver.step(Delivery::Message), Ok(Step::Message));
        }
        assert_eq!(receiver.step(Delivery::Message), Ok(Step::ReplyDue));
        assert_eq!(receiver.owed().reply(), Some(Reply::Shut));
        receiver.owed().mark_queued();
        assert_eq!(receiver.step(Delivery::Message), Err(Error::Lost));
        assert_eq!(receiver.failure(), Some(Error::Lost));
    }
}

/// RFC 6455 §7.4 and its registry.
#[test]
fn status_codes_have_the_names_of_the_registry() {
    let named = [
        (1000, "NORMAL"),
        (1001, "GOING_AWAY"),
        (1002, "PROTOCOL_ERROR"),
        (1003, "UNSUPPORTED_DATA"),
        (1005, "NO_STATUS"),
        (1006, "ABNORMAL"),
        (1007, "INVALID_PAYLOAD"),
        (1008, "POLICY_VIOLATION"),
        (1009, "TOO_BIG"),
        (1010, "MANDATORY_EXTENSION"),
        (1011, "INTERNAL_ERROR"),
        (1012, "SERVICE_RESTART"),
        (1013, "TRY_AGAIN_LATER"),
        (1014, "BAD_GATEWAY"),
        (1015, "TLS_HANDSHAKE"),
    ];
    for value in 0..=u16::MAX {
        let code = CloseCode::from(value);
        assert_eq!((code, u16::from(code)), (CloseCode(value), value));
        assert_eq!(code.to_string(), value.to_string());
        match named.iter().find(|(known, _)| *known == value) {
            Some((_, name)) => {
                assert_eq!(code.name(), Ok(*name));
                assert_eq!(CloseCode::by_name(name), Some(code));
                assert_eq!(format!("{code:?}"), format!("{value} {name}"));
            }
            None => {
                assert_eq!(code.name(), Err(UnregisteredCode(code)));
                assert_eq!(format!("{code:?}"), value.to_string());
            }
        }
    }
}

#[test]
fn a_header_is_as_long_as_it_is_written() {
    for len in [0, 1, 125, 126, 127, 65_535, 65_536, (1 << 63) - 1] {
        for key in [None, Some(MaskingKey::new([1, 2, 3, 4]))] {
            let header = FrameHeader {
                masking_key: key,
                ..FrameHeader::new(Opcode::Binary, true, len)
            };
            assert_eq!(header.is_masked(), key.is_some());
            assert_eq!(header.header_len(), header.emit().as_ref().len(), "{len}");
        }
    }
}

/// Limits that are changed hold at the next look at the clock, but for a closing handshake that has begun.
// row: STA-02
#[test]
fn limits_in_time_can_be_changed() {
    let none = lifecycle::Limits {
        silence: u64::MAX,
        stall: u64::MAX,
        ping_after: u64::MAX,
        answer: u64::MAX,
        close: 5,
    };
    let mut it = Lifecycle::<u64>::open(none, 10);
    it.on(Event::Waits, 10);
    assert_eq!(
        (it.until(Call::Receive), it.closes_by()),
        (u64::MAX, u64::MAX)
    );
    it.limits_mut().silence = 7;
    assert_eq!(it.limits().silence, 7);
    assert_eq!(it.until(Call::Receive), 17);
    it.check(Call::Receive, 16);
    assert_eq!(it.end(), None);
    it.check(Call::Receive, 17);
    assert_eq!(it.end(), Some(End::Timeout(Timeout::Silence)));
    assert_eq!(it.closes_by(), 22);
    it.limits_mut().close = 100;
    assert_eq!(it.closes_by(), 22);
}

/// What each call of the loops' writers sends, in threads and in tasks.
#[test]
fn each_call_of_a_loop_sends_what_it_names() {
    use bare_ws::blocking;
    macro_rules! calls {
        ($($call:ident($($argument:expr),*) => $opcode:expr, $payload:expr;)+) => {$({
            let name = concat!(stringify!($call), stringify!(($($argument),*)));
            let mut writer = blocking::Writer::new(
                Transport::new(&[]),
                Sender::<Server, _, _>::new([0; 300], Keys::default()),
            );
            writer.$call($($argument),*).unwrap();
            let (transport, _) = writer.into_parts();
            let expected = [&[0x80 | $opcode, $payload.len() as u8], &$payload[..]].concat();
            assert_eq!(transport.written, expected, "{name}");
                        let mut writer = asynch::Writer::new(
                Transport::new(&[]).halves(),
                Sender::<Server, _, _>::new([0; 300], Keys::default()),
            );
            block_on(writer.$call($($argument),*)).unwrap();
            let ((_, half), _) = writer.into_parts();
            assert_eq!(half.get().written, expected, "{name}");
        })+};
    }
    let pong = FrameHeader::new(Opcode::Pong, true, 0);
    calls! {
        send("text") => 1, b"text";
        send(&b"octets"[..]) => 2, b"octets";
        send_fragment(MessageKind::Text, b"whole", true) => 1, b"whole";
        send_frame(pong, b"by hand") => 10, b"by hand";
        ping(b"there?") => 9, b"there?";
        pong(b"here") => 10, b"here";
        close(CloseCode::GOING_AWAY, "bye") => 8, b"\x03\xe9bye";
        close(None, "") => 8, b"";
    }
}
