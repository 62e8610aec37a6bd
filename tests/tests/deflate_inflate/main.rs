//! The receive side of permessage-deflate: every vector over both engines, all deliveries,
//! every split and every size of memory.

mod limits;

use bare_ws::buffer::{Growing, Storage};
use bare_ws::compression::Decompress;
use bare_ws::deflate::{Engine, InflateState, Inflater, Limits, zlib};
use bare_ws::error::{Error, Violation};
use bare_ws_tests::deflate::{agreed, inflate};
use bare_ws_tests::telemetry::{Random, Telemetry};

const CORRUPT: Error = Error::Peer(Violation::CorruptCompression);

/// Payloads of one connection with context takeover, and their messages.
const GOOD: &[&[(&[u8], &[u8])]] = &[
    // row: PMD-13, PMD-14 (RFC 7692 §7.2.3.1, §7.2.3.2)
    &[
        (b"\xf2\x48\xcd\xc9\xc9\x07\x00", b"Hello"),
        (b"\xf2\x00\x11\x00\x00", b"Hello"),
    ],
    // row: PMD-16 (§7.2.3.3)
    &[
        (b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", b"Hello"),
        (b"\xf2\x00\x11\x00\x00", b"Hello"),
    ],
    // row: PMD-17 (§7.2.3.4), and the context lives on
    &[
        (b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", b"Hello"),
        (b"\xf2\x48\xcd\xc9\xc9\x07\x00", b"Hello"),
    ],
    &[
        (b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", b"Hello"),
        (b"\xf2\x00\x11\x00\x00", b"Hello"),
    ],
    // row: PMD-17: BFINAL and no block after it; several of them; data after them
    &[
        (b"\xf3\x48\xcd\xc9\xc9\x07\x00", b"Hello"),
        (b"\xf2\x00\x11\x00\x00", b"Hello"),
    ],
    &[(
        b"\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x00\x11\x00\x00",
        b"HelloHelloHello",
    )],
    // row: PMD-18 (§7.2.3.5, §7.2.3.6)
    &[(
        b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
        b"Hello",
    )],
    &[(b"\x00", b""), (b"\xf2\x48\xcd\xc9\xc9\x07\x00", b"Hello")],
    &[
        (b"\x02\x00", b""),
        (b"\xf2\x48\xcd\xc9\xc9\x07\x00", b"Hello"),
    ],
    &[
        (b"", b""),
        (b"\xf2\x48\xcd\xc9\xc9\x07\x00", b"Hello"),
        (b"", b""),
    ],
    // row: PMD-18: a sender that leaves the tail where it is
    &[
        (b"\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff", b"Hello"),
        (b"\xf2\x00\x11\x00\x00", b"Hello"),
    ],
];

/// Payloads that are no first message.
const BAD: &[&[u8]] = &[
    // row: PMD-15: a distance before the start
    b"\xf2\x00\x11\x00\x00",
    // row: PMD-19: block type 3, NLEN, code lengths, truncations
    b"\x06",
    b"\x07",
    b"\x00\x05\x00\xfa\xfe\x48\x65\x6c\x6c\x6f\x00",
    b"\x04",
    b"\xf2\x48\xcd",
    b"\x00\x05\x00\xfa\xff\x48\x65\x6c",
    b"\xfc\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    // What it ends with is the beginning of a header, into which the tail fits.
    b"\x04\xe0\x01",
];

/// Runs a law over both engines, each with the memory given.
macro_rules! both {
    ($law:ident($memory:expr $(, $argument:expr)*)) => {
        $law("miniz_oxide", || Inflater::new(InflateState::new(), $memory) $(, $argument)*);
        $law("zlib-rs", || Inflater::new(zlib::InflateState::new(), $memory) $(, $argument)*);
    };
}
use both;

fn configured<M: Storage, E: Engine>(
    make: impl Fn() -> Inflater<M, E>,
    bits: u8,
    takeover: bool,
) -> Inflater<M, E> {
    let mut inflater = make();
    inflater.configure(Some(&agreed(bits, takeover))).unwrap();
    inflater
}

fn law_of_vectors<M: Storage, E: Engine>(
    name: &str,
    make: impl Fn() -> Inflater<M, E>,
    whole: &[bool],
) {
    for (i, connection) in GOOD.iter().enumerate() {
        for &whole in whole {
            for chunk in 1..20 {
                let mut inflater = configured(&make, 9, true);
                for (payload, message) in *connection {
                    assert_eq!(
                        inflate(&mut inflater, payload, chunk, whole).as_deref(),
                        Ok(*message),
                        "{name}, vector {i}, whole {whole}, chunks of {chunk}"
                    );
                }
            }
        }
    }
    for (i, payload) in BAD.iter().enumerate() {
        for &whole in whole {
            for (chunk, takeover) in (1..20).flat_map(|chunk| [(chunk, true), (chunk, false)]) {
                let mut inflater = configured(&make, 9, takeover);
                assert_eq!(
                    inflate(&mut inflater, payload, chunk, whole),
                    Err(CORRUPT),
                    "{name}, bad {i}, whole {whole}, chunks of {chunk}"
                );
                // The context is gone: nothing follows.
                assert_eq!(inflate(&mut inflater, b"\0", 1, whole), Err(CORRUPT));
            }
        }
    }
}

// row: PMD-13, PMD-14, PMD-15, PMD-16, PMD-17, PMD-18, PMD-19
#[test]
fn vectors_in_every_delivery_at_every_split() {
    both!(law_of_vectors(vec![0; 512], &[false]));
    both!(law_of_vectors(vec![0xaa; 512 + 16], &[true, false]));
    both!(law_of_vectors(Growing::default(), &[true, false]));
}

/// Payloads by zlib-rs, and their messages.
fn foreign(bits: u8, takeover: bool) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut telemetry = Telemetry::new(u64::from(bits));
    let mut random = Random::new(u64::from(bits));
    let mut messages: Vec<Vec<u8>> = Vec::new();
    for _ in 0..3 {
        messages.push(telemetry.reading().into_bytes());
        messages.push(telemetry.report().into_bytes());
        messages.push(telemetry.batch().into_bytes());
        messages.push(random.octets(900));
        messages.push(vec![7; 3000]);
    }
    let mut deflate = zlib_rs::Deflate::new(6, false, bits);
    let mut output = vec![0; 1 << 16];
    messages
        .into_iter()
        .map(|message| {
            if !takeover {
                deflate.reset();
            }
            let before = deflate.total_out();
            deflate
                .compress(&message, &mut output, zlib_rs::DeflateFlush::SyncFlush)
                .unwrap();
            let len = (deflate.total_out() - before) as usize;
            (output[..len - 4].to_vec(), message)
        })
        .collect()
}

fn law_of_streams<M: Storage, E: Engine>(name: &str, make: impl Fn() -> Inflater<M, E>, bits: u8) {
    for takeover in [true, false] {
        for (chunk, is_final) in [
            (1, false),
            (2, false),
            (7, true),
            (100, false),
            (usize::MAX, false),
            (usize::MAX, true),
        ] {
            let mut inflater = configured(&make, bits, takeover);
            for (i, (payload, message)) in foreign(bits, takeover).iter().enumerate() {
                // One inflater takes one message whole and the next in pieces.
                let whole = i % 3 != 1;
                // Behind an empty block with BFINAL the history is what it was.
                let front: &[u8] = if is_final { b"\x03\x00" } else { b"" };
                let payload = [front, payload].concat();
                assert_eq!(
                    inflate(&mut inflater, &payload, chunk, whole).as_ref(),
                    Ok(message),
                    "{name}, {bits} bits, takeover {takeover}, message {i}"
                );
            }
        }
    }
}

// row: PMD-12, PMD-14, PMD-17
#[test]
fn foreign_streams_in_the_least_memory() {
    for bits in 9..=15 {
        both!(law_of_streams(vec![0; (1 << bits) + 4000], bits));
        both!(law_of_streams(Growing::default(), bits));
    }
}

// row: PMD-15, PMD-23
#[test]
fn distances_beyond_the_window_are_refused() {
    // A stored block, then a match of 3 octets at the distance.
    let payload = |before: usize, distance: u32| {
        let mut payload = vec![0x00];
        payload.extend_from_slice(&(before as u16).to_le_bytes());
        payload.extend_from_slice(&(!before as u16).to_le_bytes());
        payload.extend((0..before).map(|i| i as u8));
        // BFINAL 0, fixed codes; length 3; distance with its extra bits; end; empty block.
        let mut bits = 0b010_u64;
        let mut count = 3;
        let mut put = |value: u32, len: u32| {
            bits |= u64::from(value) << count;
            count += len;
        };
        let reversed = |code: u32, len: u32| code.reverse_bits() >> (32 - len);
        put(reversed(1, 7), 7);
        let extra = (distance - 1).ilog2() - 1;
        let symbol = 2 * extra + ((distance - 1) >> extra);
        put(reversed(symbol, 5), 5);
        put((distance - 1) & ((1 << extra) - 1), extra);
        put(0, 7 + 3);
        let octets = bits.to_le_bytes();
        payload.extend_from_slice(&octets[..count.div_ceil(8) as usize]);
        payload
    };
    for bits in 9..=14 {
        let window = 1_usize << bits;
        let reach = |takeover, whole, before, distance: usize| {
            let mut inflater = configured(
                || Inflater::new(InflateState::new(), vec![0; 100_000]),
                bits,
                takeover,
            );
            inflate(
                &mut inflater,
                &payload(before, distance as u32),
                1 << 20,
                whole,
            )
            .is_ok()
        };
        for (takeover, whole) in [(true, true), (true, false), (false, false), (false, true)] {
            let far = window + 100;
            assert!(
                reach(takeover, whole, far, window),
                "{bits} bits, as far as lawful"
            );
            assert!(
                !reach(takeover, whole, window - 50, window - 49),
                "before the start"
            );
            // In a message that is its own window the engine lets any pass.
            assert_eq!(
                reach(takeover, whole, far, window + 1),
                !takeover && whole,
                "{bits} bits and one octet"
            );
        }
    }
}

// row: PMD-15, PMD-40
#[test]
fn a_match_cut_at_any_place_goes_on_where_it_began() {
    // 1020 octets of one letter, and a match of 258 from 1000 back, of which the first octets are
    // the last that fit twice the window. Found by fuzzing: the rest had lost its beginning.
    let payload = b"\x4a\x1c\x05\xa3\x60\x14\x8c\x48\x30\x9a\xcf\x01\x00";
    for limit in 1000..1300 {
        for chunk in 1..=payload.len() {
            let limits = Limits::new(limit);
            let mut inflater = configured(
                || Inflater::new(InflateState::new(), Growing::default()).with_limits(limits),
                9,
                false,
            );
            match inflate(&mut inflater, payload, chunk, true) {
                Ok(message) => assert_eq!(message, [b'a'; 1278]),
                Err(error) => assert_eq!(
                    error,
                    Error::TooLong {
                        needed: limit + 1,
                        limit
                    }
                ),
            }
        }
    }
}

// row: PMD-15
#[test]
fn octets_of_another_connection_are_no_history() {
    let mut inflater = configured(|| Inflater::new(InflateState::new(), vec![0; 512]), 9, true);
    for (payload, message) in &foreign(9, true)[..4] {
        assert_eq!(
            inflate(&mut inflater, payload, 9, false).as_ref(),
            Ok(message)
        );
    }
    inflater.configure(Some(&agreed(9, true))).unwrap();
    assert_eq!(
        inflate(&mut inflater, b"\xf2\x00\x11\x00\x00", 9, false),
        Err(CORRUPT)
    );
}

fn law_of_no_window<M: Storage, E: Engine>(name: &str, make: impl Fn() -> Inflater<M, E>) {
    // Blocks with BFINAL, and one that refers to what stands before them.
    let payload = b"\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x00\x11\x00\x00";
    for whole in [true, false] {
        let mut inflater = configured(&make, 15, false);
        assert_eq!(
            inflate(&mut inflater, payload, 9, whole).as_deref(),
            Ok(&b"HelloHelloHello"[..]),
            "{name}, whole {whole}"
        );
    }
}

// row: PMD-40
#[test]
fn without_takeover_a_message_needs_no_window() {
    both!(law_of_no_window(vec![0; 15]));

    let message = Telemetry::new(3).batch().into_bytes();
    let payload = miniz_oxide::deflate::compress_to_vec(&message, 9);
    let make = |len| move || Inflater::new(InflateState::new(), vec![0; len]);
    for whole in [true, false] {
        let mut inflater = configured(make(message.len()), 15, false);
        assert_eq!(
            inflate(&mut inflater, &payload, 50, whole).as_ref(),
            Ok(&message)
        );
        let mut inflater = configured(make(message.len() - 1), 15, false);
        assert!(matches!(
            inflate(&mut inflater, &payload, 50, whole),
            Err(Error::TooLong { .. })
        ));
    }
    let mut inflater = Inflater::new(InflateState::new(), vec![0; 1023]);
    assert!(inflater.configure(Some(&agreed(10, true))).is_err());
    assert!(!inflater.is_active());
    assert!(inflater.configure(Some(&agreed(9, true))).is_ok());
    assert!(inflater.is_active());
}

// row: PMD-19
#[test]
fn a_message_cut_anywhere_is_refused() {
    let streams = foreign(15, false);
    // Not the one of stored blocks: what ends with one of them is taken for a whole message.
    for (payload, _) in streams[..3].iter().chain(&streams[4..5]) {
        for cut in 1..payload.len() {
            for whole in [true, false] {
                let cut = &payload[..cut];
                let mut inflater = configured(
                    || Inflater::new(InflateState::new(), Growing::default()),
                    15,
                    true,
                );
                let miniz = inflate(&mut inflater, cut, 1 << 20, whole);
                assert_eq!(miniz, Err(CORRUPT), "{} octets", cut.len());
                if cut.len() % 16 == 0 || cut.len() + 16 > payload.len() {
                    let mut inflater = configured(
                        || Inflater::new(zlib::InflateState::new(), Growing::default()),
                        15,
                        true,
                    );
                    let zlib = inflate(&mut inflater, cut, 1 << 20, whole);
                    assert_eq!(zlib, Err(CORRUPT), "{} octets", cut.len());
                }
            }
        }
    }
}

fn law_of_noise<M: Storage, E: Engine>(
    name: &str,
    make: impl Fn() -> Inflater<M, E>,
    limit: usize,
) {
    let mut random = Random::new(8);
    let streams = foreign(9, true);
    let (mut good, mut bad) = (0, 0);
    for round in 0..400 {
        let mut payload = streams[random.below(3) as usize].0.clone();
        for _ in 0..random.below(4) {
            let at = random.below(payload.len() as u32) as usize;
            payload[at] ^= 1 << random.below(8);
        }
        if random.below(8) == 0 {
            payload = random.octets(200);
        }
        let takeover = random.below(2) == 0;
        let mut inflater = configured(&make, 9, takeover).with_limits(Limits::new(limit as u64));
        match inflate(&mut inflater, &payload, 1 + round % 90, round % 2 == 0) {
            Ok(message) => {
                assert!(message.len() <= limit, "{name}");
                good += 1;
            }
            Err(error) => {
                assert!(error.close_code().is_some(), "{name}");
                bad += 1;
            }
        }
    }
    assert!(good > 20 && bad > 20, "{name}: {good} good, {bad} bad");
}

// row: PMD-19
#[test]
fn noise_never_panics_and_never_exceeds_the_limit() {
    both!(law_of_noise(vec![0; 4096], 3000));
    both!(law_of_noise(Growing::default(), 3000));
}
