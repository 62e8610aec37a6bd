//! Tables with every entry: headers, opcodes, close codes, UTF-8.

use bare_ws::close::CloseCode;
use bare_ws::error::{Error, Usage, Violation};
use bare_ws::header::{FrameHeader, Rules};
use bare_ws::opcode::{Opcode, ReservedOpcode};
use bare_ws::receiver::{Delivery, Receiver, Step};
use bare_ws::role::{Client, Role, Server};
use bare_ws::sender::Sender;
use bare_ws::utf8::{self, Utf8};
use bare_ws_tests::laws::Keys;

/// What RFC 6455 §5.1, §5.2, §5.4 and §5.5 forbid of a header's first octet, then of its second.
fn forbidden(first: u8, rules: Rules) -> Option<Violation> {
    let rsv1_has_a_meaning = rules.rsv1 && [1, 2].contains(&(first & 15));
    if first & 0b0011_0000 != 0 || (first & 0b0100_0000 != 0 && !rsv1_has_a_meaning) {
        return Some(Violation::ReservedBit);
    }
    match first & 15 {
        0 if rules.message_open == Some(false) => Some(Violation::UnexpectedContinuation),
        1 | 2 if rules.message_open == Some(true) => Some(Violation::ExpectedContinuation),
        0..=2 => None,
        8..=10 if first < 128 => Some(Violation::ControlFragmented),
        8..=10 => None,
        _ => Some(Violation::ReservedOpcode),
    }
}

fn forbidden_second(first: u8, second: u8, rules: Rules) -> Option<Violation> {
    match (second >= 128, rules.masked) {
        (true, false) => Some(Violation::Masked),
        (false, true) => Some(Violation::NotMasked),
        _ if first & 8 != 0 && second & 127 > 125 => Some(Violation::ControlTooLong),
        _ => None,
    }
}

fn octets(first: u8, second: u8) -> Vec<u8> {
    let mut octets = vec![first, second];
    match second & 127 {
        126 => octets.extend([1, 0]),
        127 => octets.extend([0, 0, 0, 0, 0, 1, 0, 0]),
        _ => {}
    }
    if second >= 128 {
        octets.extend([0xaa, 0xbb, 0xcc, 0xdd]);
    }
    octets
}

// row: FRM-01, FRM-02, FRM-03, FRM-14, MSK-07, SEED-22, SEED-23
#[test]
fn all_headers_of_two_octets() {
    let mut legal = 0;
    for rsv1 in [false, true] {
        for (masked, message_open) in [
            (false, None),
            (false, Some(false)),
            (false, Some(true)),
            (true, None),
            (true, Some(false)),
            (true, Some(true)),
        ] {
            let rules = Rules {
                rsv1,
                masked,
                message_open,
            };
            for first in 0..=255_u8 {
                let wrong = forbidden(first, rules);
                let parsed = FrameHeader::parse(&[first], rules);
                assert_eq!(parsed, wrong.map_or(Ok(None), Err), "{first:#x}");
                for second in 0..=255_u8 {
                    let wrong = wrong.or_else(|| forbidden_second(first, second, rules));
                    let octets = octets(first, second);
                    for len in 2..octets.len() {
                        let parsed = FrameHeader::parse(&octets[..len], rules);
                        assert_eq!(
                            parsed,
                            wrong.map_or(Ok(None), Err),
                            "{first:#x} {second:#x}"
                        );
                    }
                    // Octets behind the header are not the header's.
                    let behind = [&octets[..], &[0xff; 9]].concat();
                    let parsed = FrameHeader::parse(&behind, rules);
                    if let Some(violation) = wrong {
                        assert_eq!(parsed, Err(violation), "{first:#x} {second:#x}");
                        continue;
                    }
                    legal += 1;
                    let (header, len) = parsed.unwrap().expect("all octets are there");
                    assert_eq!(len, octets.len());
                    assert_eq!(header.header_len(), len);
                    assert_eq!(header.emit().as_ref(), octets);
                    assert_eq!(header.fin, first >= 128);
                    let rsv = [header.rsv1, header.rsv2, header.rsv3].map(u8::from);
                    assert_eq!(rsv, [first >> 6 & 1, first >> 5 & 1, first >> 4 & 1]);
                    assert_eq!(u8::from(header.opcode), first & 15);
                    assert_eq!(header.is_masked(), second >= 128);
                    assert_eq!(
                        header.masking_key.map(|key| key.octets()),
                        masked.then_some([0xaa, 0xbb, 0xcc, 0xdd])
                    );
                    let len = match second & 127 {
                        126 => 256,
                        127 => 65_536,
                        len => u64::from(len),
                    };
                    assert_eq!(header.len, len);
                }
            }
        }
    }
    // Masked or not: 3 data opcodes by FIN by 128 lengths, 3 control opcodes by 126, and with
    // RSV1 two opcodes more. Between messages all of that but the continuation, within one nothing
    // else of the data.
    let control = 3 * 126;
    let any = 2 * (6 * 128 + control) + 4 * 128;
    let between = 2 * (4 * 128 + control) + 4 * 128;
    let within = 2 * (2 * 128 + control);
    assert_eq!(legal, 2 * (any + between + within));
}

// row: FRM-01, FRM-02, FRM-03, FRM-14, FRG-02, MSK-07
#[test]
fn all_headers_of_two_octets_fail_the_connection_or_do_not() {
    fn judge<R: Role>(first: u8, second: u8) {
        let rules = Rules {
            rsv1: false,
            masked: !R::MASKS,
            message_open: Some(false),
        };
        let wrong = forbidden(first, rules).or_else(|| forbidden_second(first, second, rules));
        let octets = octets(first, second);
        for piece in [1, 20] {
            let mut receiver = Receiver::<R, _>::new([0; 14]);
            let mut step = Ok(Step::NeedOctets);
            for part in octets.chunks(piece) {
                if step != Ok(Step::NeedOctets) {
                    break;
                }
                receiver.spare()[..part.len()].copy_from_slice(part);
                receiver.commit(part.len());
                step = receiver.step(Delivery::Chunk);
            }
            match wrong {
                Some(violation) => {
                    assert_eq!(step, Ok(Step::ReplyDue));
                    assert_eq!(
                        receiver.failure(),
                        Some(Error::Peer(violation)),
                        "{first:#x} {second:#x}"
                    );
                }
                None => {
                    assert_eq!(receiver.failure(), None, "{first:#x} {second:#x}");
                    assert!(!matches!(step, Err(_) | Ok(Step::Message | Step::Frame)));
                }
            }
        }
    }
    for first in 0..=255 {
        for second in 0..=255 {
            judge::<Client>(first, second);
            judge::<Server>(first, second);
        }
    }
}

// row: FRM-04, FRM-05, FRM-06, FRM-07, FRM-11
#[test]
fn lengths_around_every_boundary() {
    let lengths = (0..=700)
        .chain(65_000..66_000)
        .chain((17..63).flat_map(|bit| {
            let power = 1_u64 << bit;
            [power - 1, power, power + 1]
        }));
    for len in lengths.chain([(1 << 63) - 1]) {
        let header = FrameHeader::new(Opcode::Binary, true, len);
        let octets = header.emit();
        let form = match len {
            0..=125 => 2,
            126..=65_535 => 4,
            _ => 10,
        };
        assert_eq!(octets.as_ref().len(), form);
        let rules = Rules {
            rsv1: false,
            masked: false,
            message_open: None,
        };
        assert_eq!(
            FrameHeader::parse(octets.as_ref(), rules),
            Ok(Some((header, form)))
        );
        // The longer forms of the same length.
        let mut long = vec![0x82, 127];
        long.extend(len.to_be_bytes());
        if len <= 65_535 {
            assert_eq!(
                FrameHeader::parse(&long, rules),
                Err(Violation::LengthNotMinimal)
            );
        }
        if len <= 125 {
            let long = [0x82, 126, 0, len as u8];
            assert_eq!(
                FrameHeader::parse(&long, rules),
                Err(Violation::LengthNotMinimal)
            );
        }
        long[2] |= 0x80;
        assert_eq!(
            FrameHeader::parse(&long, rules),
            Err(Violation::LengthTopBit)
        );
    }
}

// row: SEED-24
#[test]
fn all_opcodes() {
    for value in 0..=255 {
        match Opcode::try_from(value) {
            Ok(opcode) => {
                assert!([0, 1, 2, 8, 9, 10].contains(&value));
                assert_eq!(u8::from(opcode), value);
                assert_eq!(opcode.is_control(), value >= 8);
                assert!(Opcode::ALL.contains(&opcode));
            }
            Err(error) => {
                assert_eq!(error, ReservedOpcode(value));
                assert!(![0, 1, 2, 8, 9, 10].contains(&value));
            }
        }
    }
}

/// RFC 6455 §7.4 and the IANA registry.
const fn may_be_sent(code: u16) -> bool {
    (1000 <= code && code <= 1003)
        || (1007 <= code && code <= 1014)
        || (3000 <= code && code <= 4999)
}

// row: CLS-03, CLS-04, CLS-06, SEED-25
#[test]
fn all_close_codes_received_and_sent() {
    for code in 0..=u16::MAX {
        let [high, low] = code.to_be_bytes();
        assert_eq!(CloseCode(code).is_sendable(), may_be_sent(code));

        let mut receiver = Receiver::<Client, _>::new([0; 14]);
        receiver.spare()[..4].copy_from_slice(&[0x88, 2, high, low]);
        receiver.commit(4);
        assert_eq!(receiver.step(Delivery::Message), Ok(Step::ReplyDue));
        let mut sender = Sender::<Server, _, _>::new([0; 131], Keys::default());
        let reply = receiver.owed().reply().unwrap();
        assert_eq!(sender.reply(reply), Ok(true));
        receiver.owed().mark_queued();
        let end = receiver.step(Delivery::Message);
        let answer = if may_be_sent(code) {
            assert_eq!(end, Ok(Step::Closed));
            let status = receiver.close_status().unwrap();
            assert_eq!((status.code.0, status.reason), (code, ""));
            code
        } else {
            assert_eq!(end, Err(Error::Peer(Violation::CloseCode(CloseCode(code)))));
            assert_eq!(receiver.close_status(), None);
            1002
        };
        let [high, low] = answer.to_be_bytes();
        assert_eq!(sender.pending(), [0x88, 2, high, low]);

        let mut sender = Sender::<Server, _, _>::new([0; 131], Keys::default());
        let sent = sender.close(Some(CloseCode(code)), "");
        if may_be_sent(code) {
            assert_eq!(sent, Ok(true));
        } else {
            assert_eq!(sent, Err(Usage::CloseCode(CloseCode(code)).into()));
            assert!(sender.pending().is_empty() && sender.is_open());
        }
    }
}

// row: SEED-26
#[test]
fn close_codes_by_name() {
    for (code, name) in CloseCode::REGISTERED {
        assert_eq!(code.name(), Ok(*name));
        assert_eq!(CloseCode::by_name(name), Some(*code));
        assert_eq!(format!("{code:?}"), format!("{} {name}", code.0));
        assert_eq!(code.to_string(), code.0.to_string());
    }
    let registered = (0..=u16::MAX).filter(|code| CloseCode(*code).name().is_ok());
    assert_eq!(
        registered.collect::<Vec<_>>(),
        [
            1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
            1015
        ]
    );
    assert_eq!(CloseCode::by_name("normal"), None);
    assert_eq!(format!("{:?}", CloseCode(4000)), "4000");
}

/// `state` is what checking `octets` came to; holds it against the standard library.
fn agrees(state: Result<Utf8, utf8::InvalidUtf8>, octets: &[u8]) {
    let (possible, complete) = match core::str::from_utf8(octets) {
        Ok(_) => (true, true),
        Err(error) => (error.error_len().is_none(), false),
    };
    assert_eq!(state.is_ok(), possible, "{octets:x?}");
    if let Ok(state) = state {
        assert_eq!(state.is_complete(), complete, "{octets:x?}");
    }
}

fn push(state: Result<Utf8, utf8::InvalidUtf8>, octets: &[u8]) -> Result<Utf8, utf8::InvalidUtf8> {
    let mut state = state?;
    state.check(octets)?;
    Ok(state)
}

// row: UTF-01, UTF-02, UTF-03, UTF-04, UTF-09
#[test]
fn all_inputs_of_three_octets() {
    std::thread::scope(|threads| {
        for half in [0..=0xbf_u8, 0xc0..=0xff] {
            threads.spawn(move || {
                for a in half {
                    let one = push(Ok(Utf8::new()), &[a]);
                    agrees(one, &[a]);
                    for b in 0..=255 {
                        let two = push(one, &[b]);
                        agrees(two, &[a, b]);
                        agrees(push(Ok(Utf8::new()), &[a, b]), &[a, b]);
                        for c in 0..=255 {
                            if one.is_err() && c > 0 {
                                break;
                            }
                            let octets = [a, b, c];
                            agrees(push(two, &[c]), &octets);
                            // What is complete after one octet is the table of two octets again.
                            if a >= 0x80 {
                                agrees(push(Ok(Utf8::new()), &octets), &octets);
                                agrees(push(one, &[b, c]), &octets);
                            }
                        }
                    }
                }
            });
        }
    });
}

// row: UTF-09, UTF-03
#[test]
fn inputs_of_four_octets_and_longer_ones_cut_anywhere() {
    let edges = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff];
    for a in 0xe0..=0xff {
        for b in 0x7e..=0xc1 {
            for c in edges {
                for d in edges {
                    let octets = [a, b, c, d];
                    for cut in 0..4 {
                        let start = push(Ok(Utf8::new()), &octets[..cut]);
                        agrees(push(start, &octets[cut..]), &octets);
                    }
                }
            }
        }
    }
    let letters = [
        'a',
        '\0',
        'é',
        '\u{7ff}',
        '\u{800}',
        '€',
        '\u{ffff}',
        '😀',
        '\u{10ffff}',
    ];
    for seed in 0..bare_ws_tests::runs(20_000) {
        let mut random = fastrand::Rng::with_seed(seed);
        let text: String = (0..random.usize(..30))
            .map(|_| letters[random.usize(..letters.len())])
            .collect();
        let mut octets = text.into_bytes();
        if !octets.is_empty() && random.bool() {
            let at = random.usize(..octets.len());
            octets[at] = random.u8(..);
        }
        octets.truncate(random.usize(..=octets.len()));
        let mut state = Ok(Utf8::new());
        let mut seen = 0;
        while seen < octets.len() {
            let n = random.usize(1..=octets.len() - seen);
            state = push(state, &octets[seen..seen + n]);
            seen += n;
            agrees(state, &octets[..seen]);
        }
        assert_eq!(utf8::text(&octets).ok(), core::str::from_utf8(&octets).ok());
    }
}
