//! What leaves: an independent decoder reads every octet of it.

use bare_ws::close::CloseCode;
use bare_ws::deflate::{Compressor, Configure as _, Heap};
use bare_ws::entropy::{Entropy, EntropyError};
use bare_ws::error::{Error, SendError, Usage};
use bare_ws::header::FrameHeader;
use bare_ws::mask::MaskingKey;
use bare_ws::message::{Message, MessageKind};
use bare_ws::opcode::Opcode;
use bare_ws::role::{Client, Role, Server};
use bare_ws::sender::{MIN_TRANSMIT, Sender};
use bare_ws::{asynch, blocking};
use bare_ws_tests::deflate::agreed;
use bare_ws_tests::io::{IoError, Transport};
use bare_ws_tests::laws::Keys;
use bare_ws_tests::poll::block_on;
use bare_ws_tests::stream::{Sent, Stream};
use bare_ws_tests::telemetry::Random;

const LENGTHS: [usize; 16] = [
    0, 1, 124, 125, 126, 127, 128, 1000, 65_521, 65_522, 65_523, 65_534, 65_535, 65_536, 65_537,
    100_000,
];

fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 % 251) as u8).collect()
}

// row: FRM-11, MSK-01, MSK-02, MSK-06, FRG-10, SEED-18
#[test]
fn a_message_of_any_length_through_a_buffer_of_any_length() {
    for len in LENGTHS {
        for buffer in [131, 132, 139, 140, 141, 512, 70_000, 110_000] {
            let payload = payload(len);
            let message = Message::Binary(&payload);
            let sender = || {
                Sender::<Client, _, _>::new(vec![0xa5; buffer].into_boxed_slice(), Keys::default())
            };

            let mut writer = blocking::Writer::new(Transport::new(&[]), sender());
            writer.send(message).unwrap();
            let sent = Stream::of_client(&writer.io().written);
            // The blocking loop sends one frame, however small the buffer.
            assert_eq!(
                (sent.frames(), sent.messages()),
                (1, &[Sent::Binary(payload.clone())][..])
            );

            let mut writer = asynch::Writer::new(Transport::new(&[]).halves(), sender());
            block_on(writer.send(message)).unwrap();
            let sent = Stream::of_client(&writer.io().0.get().written);
            assert_eq!(sent.messages(), [Sent::Binary(payload.clone())]);
            assert!(
                sent.frames() == 1 || len + 14 > buffer,
                "{len} through {buffer}"
            );
            assert!(
                sent.frames() as usize <= 1 + len / (buffer - 14),
                "{len} through {buffer}"
            );

            let mut writer = asynch::Writer::new(
                Transport::new(&[]).halves(),
                Sender::<Server, _, _>::new(vec![0xa5; buffer], Keys::default()),
            );
            block_on(writer.send(message)).unwrap();
            let sent = Stream::of_server(&writer.io().0.get().written);
            assert_eq!(sent.messages(), [Sent::Binary(payload)]);
            assert_eq!(writer.sender().pending(), []);
        }
    }
}

// row: FRM-12, FRG-10, FRG-11, SEED-16, SEED-17
#[test]
fn fragments_pings_and_a_close() {
    let mut writer = blocking::Writer::new(
        Transport::new(&[]),
        Sender::<Client, _, _>::new([0xa5; 200], Keys::default()),
    );
    writer.send("whole").unwrap();
    writer
        .send_fragment(MessageKind::Text, "é".as_bytes(), false)
        .unwrap();
    assert_eq!(writer.send("no"), Err(Usage::MessageOpen.into()));
    writer.ping(b"between").unwrap();
    // Longer than the buffer: more than one frame.
    let long = "x".repeat(1000);
    writer
        .send_fragment(MessageKind::Text, long.as_bytes(), false)
        .unwrap();
    writer.pong(b"").unwrap();
    writer.send_fragment(MessageKind::Text, b"", true).unwrap();
    writer.send([1, 2, 3]).unwrap();
    writer.close(Some(CloseCode::GOING_AWAY), "bye").unwrap();
    let sent = Stream::of_client(&writer.io().written);
    assert_eq!(
        sent.messages(),
        [
            Sent::Text("whole".into()),
            Sent::Ping(b"between".to_vec()),
            Sent::Pong(vec![]),
            Sent::Text(format!("é{long}")),
            Sent::Binary(vec![1, 2, 3]),
            Sent::Close(Some(1001), "bye".into()),
        ]
    );
}

// row: SEED-21, SEED-23
#[test]
fn single_frames() {
    let mut writer = blocking::Writer::new(
        Transport::new(&[]),
        Sender::<Client, _, _>::new([0xa5; 139], Keys::default()),
    );
    writer
        .send_frame(FrameHeader::new(Opcode::Text, false, 0), b"a")
        .unwrap();
    writer
        .send_frame(FrameHeader::new(Opcode::Ping, true, 0), b"p")
        .unwrap();
    assert_eq!(
        writer.send_frame(FrameHeader::new(Opcode::Text, true, 0), b"b"),
        Err(Usage::MessageOpen.into())
    );
    writer
        .send_frame(FrameHeader::new(Opcode::Continuation, true, 0), b"b")
        .unwrap();
    assert_eq!(
        writer.send_frame(FrameHeader::new(Opcode::Continuation, true, 0), b"c"),
        Err(Usage::NothingToContinue.into())
    );
    for (opcode, fin, len, refused) in [
        (Opcode::Close, true, 0, Usage::CloseFrame),
        (Opcode::Close, false, 0, Usage::CloseFrame),
        (Opcode::Ping, false, 0, Usage::ControlFragmented),
        (Opcode::Pong, false, 126, Usage::ControlFragmented),
        (Opcode::Pong, true, 126, Usage::ControlTooLong),
    ] {
        let sent = writer.send_frame(FrameHeader::new(opcode, fin, 0), &payload(len));
        assert_eq!(sent, Err(refused.into()), "{opcode:?}, FIN {fin}, {len}");
    }
    // As long as the buffer takes, and one more.
    writer
        .send_frame(FrameHeader::new(Opcode::Binary, true, 0), &[0; 131])
        .unwrap();
    let refused = writer.send_frame(FrameHeader::new(Opcode::Binary, true, 0), &[0; 132]);
    let too_small = Err(Usage::BufferTooSmall { needed: 146 }.into());
    assert_eq!(refused, too_small);
    let sender = Sender::<Client, _, _>::new([0xa5; 139], Keys::default());
    let mut other = asynch::Writer::new(Transport::new(&[]).halves(), sender);
    let header = FrameHeader::new(Opcode::Binary, true, 0);
    assert_eq!(block_on(other.send_frame(header, &[0; 132])), too_small);
    writer.send(b"").unwrap();
    // Every key that was drawn stands on the wire: a frame that did not fit drew none.
    let sent = Stream::of_client(&writer.io().written);
    assert_eq!(
        sent.messages(),
        [
            Sent::Ping(b"p".to_vec()),
            Sent::Text("ab".into()),
            Sent::Binary(vec![0; 131]),
            Sent::Binary(vec![]),
        ]
    );
    // Reserved bits are the caller's to set where an extension is his.
    for (rsv1, rsv2, rsv3, first) in [
        (true, false, false, 0xc1),
        (false, true, false, 0xa1),
        (false, false, true, 0x91),
    ] {
        let mut sender = Sender::<Client, _, _>::new([0; 139], Keys::default());
        let header = FrameHeader {
            rsv1,
            rsv2,
            rsv3,
            ..FrameHeader::new(Opcode::Text, true, 0)
        };
        assert_eq!(sender.frame(header, b""), Ok(true));
        assert_eq!(sender.pending()[0], first);
    }
}

/// The longest message that there is room for is taken whole, whatever waits in the buffer; one octet more is not,
/// where headers are as long as they can be.
#[test]
fn the_room_that_is_left_is_there() {
    for buffer in [131, 200, 70_000] {
        for pending in [0, 6, 100, 130] {
            let storage = || vec![0xa5; buffer].into_boxed_slice();
            let mut sender = Sender::<Client, _, _>::new(storage(), Keys::default());
            if pending > 0 {
                let first = sender.message(MessageKind::Binary, &payload(pending - 6), true);
                assert!(first.is_ok_and(|queued| queued.complete));
            }
            let room = sender.room_left();
            assert_eq!(room, (buffer - sender.pending().len()).saturating_sub(14));
            assert!(sender.fits(room) || room == 0);
            assert!(!sender.fits(room + 1));
            let queued = sender.message(MessageKind::Binary, &payload(room), true);
            let complete = queued.is_ok_and(|queued| queued.complete);
            assert!(complete || room == 0, "{buffer}, {pending}: {room}");
        }
    }
}

/// The same where messages are compressed: what does not shrink goes raw, and needs room for both forms.
#[test]
fn the_room_that_is_left_for_what_is_compressed_is_there() {
    let mut random = Random::new(11);
    for buffer in [400, 1024, 70_000] {
        for pending in [
            0,
            8,
            buffer / 2 - 1,
            buffer / 2,
            buffer / 2 + 1,
            buffer - 100,
        ] {
            let mut sender = compressing(buffer, pending);
            let free = buffer - pending;
            let room = sender.room_left();
            // A fragment is worth its header only in a good part of the buffer.
            let is_worth = pending == 0 || free >= buffer / 2;
            let expected = if is_worth { free / 2 - 14 } else { 0 };
            assert_eq!(room, expected, "{buffer}, {pending}");
            assert_eq!(sender.fits(room.max(100)), is_worth && room >= 100);
            assert!(!sender.fits(room.max(100) + 1));
            let payload = random.octets(room.max(100));
            let queued = sender.message(MessageKind::Binary, &payload, true).unwrap();
            assert_eq!(
                (queued.taken > 0, queued.complete),
                (is_worth, is_worth),
                "{buffer}, {pending}: {room}"
            );
            if is_worth {
                // It did not shrink: RSV1 is not set.
                assert_eq!(sender.pending()[pending], 0x82, "{buffer}, {pending}");
                assert_eq!(
                    sender.pending().len(),
                    pending + payload.len() + if room < 126 { 6 } else { 8 }
                );
            }
        }
    }
}

/// A sender that compresses, with so many octets that wait.
fn compressing(buffer: usize, pending: usize) -> Sender<Client, Vec<u8>, Keys, Compressor<Heap>> {
    let mut stage = Compressor::new(Heap::new(10));
    stage.configure(Some(&agreed(10, true)));
    let mut sender =
        Sender::<Client, _, _, _>::with_stage(vec![0xa5; buffer], Keys::default(), stage);
    sender.set_compression(false);
    assert!(!sender.compression());
    if pending > 0 {
        let header = match pending {
            0..132 => 6,
            132..0x1_0000 => 8,
            _ => 14,
        };
        let queued = sender.message(MessageKind::Binary, &payload(pending - header), true);
        assert!(queued.is_ok_and(|queued| queued.complete));
    }
    assert_eq!(sender.pending().len(), pending);
    sender.set_compression(true);
    sender
}

// row: FRG-10
#[test]
fn a_fragment_fills_the_buffer_and_waits_for_what_is_before_it() {
    let mut sender = Sender::<Client, _, _>::new([0xa5; 400], Keys::default());
    assert!(
        sender
            .message(MessageKind::Binary, &payload(50), true)
            .unwrap()
            .complete
    );
    let queued = sender
        .message(MessageKind::Binary, &payload(1000), true)
        .unwrap();
    assert_eq!(
        (queued.taken, queued.complete, sender.pending().len()),
        (0, false, 56)
    );
    sender.advance(56);
    let queued = sender
        .message(MessageKind::Binary, &payload(1000), true)
        .unwrap();
    assert_eq!(
        (queued.taken, queued.complete, sender.pending().len()),
        (392, false, 400)
    );
}

// row: CLS-05
#[test]
fn whether_a_close_may_be_sent_is_told_before() {
    let long = "x".repeat(124);
    for (code, reason) in [
        (None, ""),
        (None, "reason"),
        (Some(CloseCode::NORMAL), &long[1..]),
        (Some(CloseCode::NORMAL), &long),
        (Some(CloseCode(1005)), ""),
        (Some(CloseCode(999)), ""),
    ] {
        let mut sender = Sender::<Client, _, _>::new([0xa5; 139], Keys::default());
        let may = sender.may_close(code, reason);
        let closed = sender.close(code, reason);
        assert_eq!(may.map_err(SendError::from), closed.map(|_| ()), "{code:?}");
        if closed.is_ok() {
            assert_eq!(sender.may_close(code, reason), Err(Usage::NotOpen));
        }
    }
}

// row: MSK-07
#[test]
fn a_server_draws_no_key_and_masks_nothing() {
    let mut sender = Sender::<Server, _, _>::new([0; 139], NoEntropy);
    assert!(
        sender
            .message(MessageKind::Text, b"Hello", true)
            .unwrap()
            .complete
    );
    assert_eq!(sender.pending(), b"\x81\x05Hello");
}

struct NoEntropy;

impl Entropy for NoEntropy {
    fn fill(&mut self, _: &mut [u8]) -> Result<(), EntropyError> {
        Err(EntropyError)
    }
}

/// Fails at the draw with this number, once.
struct FailsAt {
    keys: Keys,
    draw: u32,
    fails: u32,
}

impl Entropy for FailsAt {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        // What a broken generator leaves behind must not become a key.
        octets.fill(0);
        self.draw += 1;
        if self.draw > self.fails && self.draw <= self.fails + 1 {
            return Err(EntropyError);
        }
        self.keys.fill(octets)
    }
}

// row: MSK-03, TRAP-14
#[test]
fn a_draw_that_fails_sends_nothing_and_changes_nothing() {
    const CALLS: u32 = 8;
    type Writer = blocking::Writer<Transport, Sender<Client, [u8; 200], FailsAt>>;
    fn call(number: u32, w: &mut Writer) -> Result<(), Error<IoError>> {
        match number {
            0 => w.send("first"),
            1 => w.send_fragment(MessageKind::Binary, &[1; 100], false),
            2 => w.ping(b"ping"),
            3 => w.send_fragment(MessageKind::Binary, &[2; 100], false),
            4 => w.send_fragment(MessageKind::Binary, b"", true),
            5 => w.send([3; 400]),
            6 => w.send_frame(FrameHeader::new(Opcode::Text, true, 0), b"frame"),
            _ => w.close(Some(CloseCode::NORMAL), ""),
        }
    }
    let run = |fails: u32| {
        let entropy = FailsAt {
            keys: Keys::default(),
            draw: 0,
            fails,
        };
        let mut writer = blocking::Writer::new(
            Transport::new(&[]),
            Sender::<Client, _, _>::new([0xa5; 200], entropy),
        );
        let mut failed = 0;
        for number in 0..CALLS {
            let before = writer.io().written.len();
            let result = call(number, &mut writer);
            if result == Err(Error::Entropy) {
                failed += 1;
                assert_eq!(writer.io().written.len(), before, "something was sent");
                assert_eq!(writer.sender().pending(), []);
                call(number, &mut writer).expect("the same call again");
            } else {
                result.expect("a call that does not fail");
            }
        }
        (failed, writer.io().written.clone())
    };
    let (failed, whole) = run(u32::MAX - 1);
    assert_eq!((failed, Stream::of_client(&whole).frames()), (0, 8));
    for fails in 0..8 {
        assert_eq!(run(fails), (1, whole.clone()), "draw {fails}");
    }
    assert_eq!(run(8), (0, whole));
}

// row: MSK-04, MSK-05
#[test]
fn masking_agrees_with_the_octets_of_the_rfc() {
    let plain = |key: [u8; 4], offset: usize, octets: &[u8]| -> Vec<u8> {
        octets
            .iter()
            .enumerate()
            .map(|(i, octet)| octet ^ key[(offset + i) % 4])
            .collect()
    };
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let data = payload(320);
    for offset in 0..8 {
        for start in 0..9 {
            for len in 0..=300 {
                let octets = &data[start..start + len];
                let wanted = plain(key, offset, octets);
                let at = MaskingKey::new(key).at(offset as u64);
                let mut in_place = data.clone();
                at.apply(&mut in_place[start..start + len]);
                assert_eq!(&in_place[start..start + len], &wanted[..]);
                assert_eq!(&in_place[..start], &data[..start]);
                assert_eq!(&in_place[start + len..], &data[start + len..]);
                let mut copy = vec![0; len + 16];
                at.copy(octets, &mut copy[offset..offset + len]);
                assert_eq!(&copy[offset..offset + len], &wanted[..]);
                assert!(
                    copy[..offset]
                        .iter()
                        .chain(&copy[offset + len..])
                        .all(|octet| *octet == 0)
                );
            }
        }
    }
    // As much as the shorter of both holds.
    for from in 0..40 {
        for to in 0..40 {
            let wanted = plain(key, 0, &data[..from.min(to)]);
            let mut copy = vec![0; to];
            MaskingKey::new(key).copy(&data[..from], &mut copy);
            assert_eq!(copy[..wanted.len()], wanted[..]);
            assert!(copy[wanted.len()..].iter().all(|octet| *octet == 0));
        }
    }
    // In pieces, as streams are.
    for piece in 1..18 {
        let mut offset = 0;
        let mut pieces = Vec::new();
        for part in data.chunks(piece) {
            let mut part = part.to_vec();
            MaskingKey::new(key).at(offset).apply(&mut part);
            offset += part.len() as u64;
            pieces.extend(part);
        }
        assert_eq!(pieces, plain(key, 0, &data));
    }
    assert_eq!(
        MaskingKey::new(key).at(u64::MAX).octets(),
        [key[3], key[0], key[1], key[2]]
    );
}

// row: MSK-04, LIM-03, FRG-13, CTL-06
#[test]
fn a_frame_given_in_pieces_is_one_frame() {
    let data = payload(1000);
    for piece in (1..18).chain([125, 126, 999, 1000]) {
        for advance in [1, 7, 1000] {
            let mut sender = Sender::<Client, _, _>::new([0xa5; MIN_TRANSMIT], Keys::default());
            let mut wire = Vec::new();
            sender.begin_frame(MessageKind::Binary, 1000).unwrap();
            for mut part in data.chunks(piece) {
                while !part.is_empty() {
                    let torn = Err(SendError::Usage(Usage::InterruptedMessage));
                    assert_eq!(sender.ping(b""), torn);
                    assert_eq!(sender.close(None, ""), torn);
                    let taken = sender.frame_payload(part);
                    part = &part[taken..];
                    let n = sender.pending().len().min(advance);
                    wire.extend_from_slice(&sender.pending()[..n]);
                    sender.advance(n);
                }
            }
            assert_eq!(sender.frame_payload(b"more"), 0);
            assert_eq!(sender.ping(b"").map(|_| ()), Ok(()));
            while !sender.pending().is_empty() {
                wire.push(sender.pending()[0]);
                sender.advance(1);
            }
            assert!(sender.close(None, "").unwrap());
            wire.extend_from_slice(sender.pending());
            let sent = Stream::of_client(&wire);
            assert_eq!(sent.messages()[0], Sent::Binary(data.clone()));
            assert_eq!(
                sent.messages().last(),
                Some(&Sent::Close(None, String::new()))
            );
        }
    }
}

// row: CTL-01, CLS-05
#[test]
fn control_frames_are_short() {
    for buffer in MIN_TRANSMIT..MIN_TRANSMIT + 20 {
        for len in [0, 1, 119, 120, 121, 124, 125] {
            let mut sender = Sender::<Client, _, _>::new(vec![0xa5; buffer], Keys::default());
            let data = payload(len);
            assert_eq!(sender.ping(&data), Ok(true));
            let mut wire = Vec::new();
            while !sender.pending().is_empty() {
                wire.push(sender.pending()[0]);
                sender.advance(1);
            }
            assert_eq!(Stream::of_client(&wire).messages(), [Sent::Ping(data)]);
        }
        let mut sender = Sender::<Client, _, _>::new(vec![0xa5; buffer], Keys::default());
        for len in [126, 127, 1000] {
            assert_eq!(
                sender.ping(&payload(len)),
                Err(Usage::ControlTooLong.into())
            );
        }
        let long = "x".repeat(124);
        let code = Some(CloseCode::NORMAL);
        assert_eq!(sender.close(code, &long), Err(Usage::ReasonTooLong.into()));
        // 62 letters of two octets: 124, whatever they count.
        assert_eq!(
            sender.close(code, &"é".repeat(62)),
            Err(Usage::ReasonTooLong.into())
        );
        assert_eq!(
            sender.close(None, "reason"),
            Err(Usage::ReasonWithoutCode.into())
        );
        assert_eq!(sender.pending(), []);
        assert_eq!(sender.close(code, &long[1..]), Ok(true));
        let mut wire = Vec::new();
        while !sender.pending().is_empty() {
            wire.extend_from_slice(sender.pending());
            sender.advance(sender.pending().len());
        }
        let sent = Stream::of_client(&wire);
        assert_eq!(sent.messages(), [Sent::Close(Some(1000), long[1..].into())]);
    }
}

// row: TRAP-19, FRG-13
#[test]
fn a_close_within_a_message_stands_between_frames() {
    let mut sender = Sender::<Client, _, _>::new([0xa5; 139], Keys::default());
    let queued = sender
        .message(MessageKind::Binary, &[7; 300], true)
        .unwrap();
    assert!(!queued.complete && queued.taken > 0 && sender.in_message());
    let mut wire = sender.pending().to_vec();
    assert_eq!(sender.close(Some(CloseCode::NORMAL), ""), Ok(false));
    sender.advance(wire.len());
    assert_eq!(sender.close(Some(CloseCode::NORMAL), ""), Ok(true));
    assert_eq!(
        sender.message(MessageKind::Binary, &[7; 100], false),
        Err(Usage::NotOpen.into())
    );
    wire.extend_from_slice(sender.pending());
    let sent = Stream::of_client(&wire);
    assert_eq!(sent.messages(), [Sent::Close(Some(1000), String::new())]);
    assert_eq!(sent.frames(), 2);
}

// row: FRG-11
#[test]
fn a_message_given_up_lets_no_data_follow() {
    let mut sender = Sender::<Client, _, _>::new([0xa5; 139], Keys::default());
    sender
        .message(MessageKind::Binary, &[7; 300], true)
        .unwrap();
    sender.advance(139);
    let interrupted = Usage::InterruptedMessage;
    assert_eq!(
        sender.message(MessageKind::Text, b"", true),
        Err(interrupted.into())
    );
    assert_eq!(
        sender.fragment(MessageKind::Text, b"", true, true),
        Err(interrupted.into())
    );
    assert_eq!(
        sender.fragment(MessageKind::Text, b"", false, true),
        Err(interrupted.into())
    );
    assert_eq!(
        sender.begin_frame(MessageKind::Text, 1),
        Err(interrupted.into())
    );
    assert_eq!(sender.ping(b""), Ok(true));
    assert_eq!(sender.close(None, ""), Ok(true));
}

/// What each call that queues a frame says to memory of that length: whether the frame is queued.
fn smallest<R: Role>(len: usize) -> [Result<bool, SendError>; 5] {
    let sender = || Sender::<R, _, _>::new(vec![0; len], Keys::default());
    let binary = MessageKind::Binary;
    let header = FrameHeader::new(Opcode::Binary, true, 0);
    [
        sender().ping(b""),
        sender().message(binary, b"1", true).map(|it| it.complete),
        sender()
            .fragment(binary, b"1", true, true)
            .map(|it| it.complete),
        sender().begin_frame(binary, 1).map(|()| true),
        sender().frame(header, b"1"),
    ]
}

// row: STA-01
#[test]
fn a_buffer_too_small_is_refused() {
    for len in 0..MIN_TRANSMIT {
        let refused = Err(Usage::BufferTooSmall {
            needed: MIN_TRANSMIT,
        }
        .into());
        assert_eq!(smallest::<Client>(len), [refused; 5]);
        assert_eq!(smallest::<Server>(len), [refused; 5]);
    }
    assert_eq!(smallest::<Client>(MIN_TRANSMIT), [Ok(true); 5]);
    assert_eq!(smallest::<Server>(MIN_TRANSMIT), [Ok(true); 5]);
}
