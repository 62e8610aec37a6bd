//! The send side of permessage-deflate, held against decoders of others and one of our own.

use std::fmt::Write as _;

use bare_ws::buffer::Growing;
use bare_ws::compression::Compress;
use bare_ws::deflate::{
    Compressor, CompressorMemory, Configure, Full, Heap, InflateState, Inflater, Lean, Limits, zlib,
};
use bare_ws_tests::deflate::{Checker, agreed, compress, inflate};
use bare_ws_tests::telemetry::{Random, Telemetry};

/// Messages of every kind: empty, small, telemetry, runs, incompressible, mixed, large.
fn messages() -> Vec<Vec<u8>> {
    let mut random = Random::new(1);
    let mut telemetry = Telemetry::new(2);
    let mut messages = vec![
        Vec::new(),
        b"a".to_vec(),
        b"Hello".to_vec(),
        b"Hello".to_vec(),
        vec![0; 1000],
        (0..=255).collect(),
        vec![b'x'; 20_000],
        random.octets(3),
        random.octets(5000),
    ];
    for _ in 0..8 {
        messages.push(telemetry.reading().into_bytes());
        messages.push(telemetry.report().into_bytes());
    }
    messages.push(telemetry.batch().into_bytes());
    let mut mixed = random.octets(700);
    mixed.extend_from_slice(telemetry.report().as_bytes());
    mixed.extend(random.octets(300));
    mixed.extend_from_within(100..1500);
    messages.push(mixed);
    messages.push((0..9000).map(|i: u32| (i / 7 % 61) as u8).collect());
    // All 258 lengths and a match at every distance of interest.
    let block = random.octets(258);
    let mut far = Vec::new();
    for length in 3..=258 {
        far.extend_from_slice(&block[..length]);
        far.push(random.number() as u8);
    }
    messages.push(far);
    messages.push(telemetry.reading().into_bytes());
    messages
}

/// Compresses all messages; every decoder must give them back.
fn law(name: &str, stage: &mut impl Compress, bits: u8, takeover: bool, chunk: usize, room: usize) {
    let mut checker = Checker::new(bits, takeover);
    // A ring of exactly the window (512 octets at least, for the engine's sake).
    let mut ring = Inflater::new(InflateState::new(), vec![0; 1 << bits.max(9)]);
    ring.configure(Some(&agreed(bits, takeover))).unwrap();
    let mut zlib = Inflater::new(zlib::InflateState::new(), Growing::default());
    zlib.configure(Some(&agreed(bits, takeover))).unwrap();
    for (i, message) in messages().iter().enumerate() {
        let payload = compress(stage, message, chunk, room);
        let what = format!("{name}, {bits} bits, takeover {takeover}, message {i}");
        assert!(
            !payload.ends_with(&[0, 0, 0xff, 0xff]),
            "{what}: the tail is there"
        );
        assert_eq!(checker.message(&payload).as_ref(), Ok(message), "{what}");
        assert_eq!(
            inflate(&mut ring, &payload, 4096, false).as_ref(),
            Ok(message),
            "{what}"
        );
        assert_eq!(
            inflate(&mut zlib, &payload, 4096, true).as_ref(),
            Ok(message),
            "{what}"
        );
    }
    assert!(checker.farthest > 128, "{name}: the window is used");
}

fn law_of_windows<F: CompressorMemory>(
    name: &str,
    form: impl Fn() -> F,
    all: core::ops::RangeInclusive<u8>,
) {
    for bits in all {
        for takeover in [true, false] {
            let mut stage = Compressor::new(form());
            stage.configure(Some(&agreed(bits, takeover)));
            law(name, &mut stage, bits, takeover, usize::MAX, 1 << 16);
        }
    }
}

// row: PMD-07, PMD-20, PMD-21
#[test]
fn lean_honours_every_window() {
    law_of_windows("lean 1536", Lean::<1536, 1024>::new, 8..=15);
    law_of_windows("lean small", Lean::<300, 64>::new, 8..=9);
    law_of_windows(
        "lean large",
        || Box::new(Lean::<65_536, 8192>::new()),
        8..=15,
    );
}

// row: PMD-07, PMD-20, PMD-21
#[test]
fn full_honours_every_window() {
    law_of_windows(
        "full 5120",
        || Box::new(Full::<5120, 1024, 1024>::new()),
        8..=15,
    );
    law_of_windows(
        "full small",
        || Box::new(Full::<512, 256, 256>::new()),
        8..=9,
    );
    for bits in 8..=15 {
        law_of_windows("heap", || Heap::new(bits), bits..=bits);
    }
}

// row: PMD-07, PMD-20, PMD-21
#[test]
fn zlib_rs_honours_every_window() {
    for level in [1, 3, 6, 9] {
        for bits in 8..=15 {
            let mut stage = zlib::Compressor::new(level);
            stage.configure(Some(&agreed(bits, true)));
            law("zlib-rs", &mut stage, bits, true, usize::MAX, 1 << 16);
        }
    }
}

// row: PMD-20
#[test]
fn input_and_output_may_be_cut_anywhere() {
    for (chunk, room) in [
        (1, 1),
        (7, 3),
        (usize::MAX, 1),
        (1, 4096),
        (100, 5),
        (4096, 64),
    ] {
        for takeover in [true, false] {
            let mut lean = Compressor::new(Lean::<1536, 512>::new());
            lean.configure(Some(&agreed(10, takeover)));
            law("lean", &mut lean, 10, takeover, chunk, room);
            let mut full = Compressor::new(Heap::new(10));
            full.configure(Some(&agreed(10, takeover)));
            law("full", &mut full, 10, takeover, chunk, room);
            let mut engine = zlib::Compressor::new(6);
            engine.configure(Some(&agreed(10, takeover)));
            law("zlib-rs", &mut engine, 10, takeover, chunk, room);
        }
    }
}

// row: PMD-20
#[test]
fn what_does_not_shrink_grows_by_stored_blocks_only() {
    let mut random = Random::new(5);
    for len in [1, 10, 100, 1000, 10_000, 100_000] {
        let message = random.octets(len);
        let mut lean = Compressor::new(Lean::<1536, 1024>::new());
        lean.configure(Some(&agreed(10, true)));
        let payload = compress(&mut lean, &message, usize::MAX, 1 << 17);
        // Blocks are of the memory beside the window, 254 octets at least.
        let bound = len + 2 + 6 * len.div_ceil(254);
        assert!(
            payload.len() <= bound,
            "lean: {len} became {}",
            payload.len()
        );
        let mut full = Compressor::new(Heap::new(15));
        full.configure(Some(&agreed(15, true)));
        let payload = compress(&mut full, &message, usize::MAX, 1 << 17);
        let bound = len + 2 + 6 * len.div_ceil(30_000);
        assert!(
            payload.len() <= bound,
            "full: {len} became {}",
            payload.len()
        );
    }
}

/// Of octets that never come again: fixed codes have 8 bits for each, 9 for those from 144 on, and 13 bits beside them;
/// a stored block has 6 octets beside them.
// row: PMD-20
#[test]
fn what_has_no_matches_leaves_in_its_shortest_form() {
    let mut lean = Compressor::new(Lean::<1536, 1024>::new());
    let mut full = Compressor::new(Heap::new(10));
    lean.configure(Some(&agreed(10, false)));
    full.configure(Some(&agreed(10, false)));
    for low in 1..=110 {
        for high in 0..=64 {
            let message: Vec<u8> = (0..low).chain(144..144 + high).collect();
            let beside = usize::min(6, (13 + usize::from(high)).div_ceil(8));
            let shortest = message.len() + beside;
            let payload = compress(&mut lean, &message, 1000, 1000);
            assert_eq!(payload.len(), shortest, "{low} and {high} octets");
            // Codes of its own may be shorter still.
            let payload = compress(&mut full, &message, 1000, 1000);
            assert!(payload.len() <= shortest, "{low} and {high} octets");
        }
    }
}

/// Fixed codes have 9 bits for an octet from 144 on, 7 for a length of three, 5 and some for its distance, and 13 bits
/// beside them; a stored block has 6 octets beside its own.
// row: PMD-20
#[test]
fn what_has_some_matches_leaves_in_its_shortest_form() {
    let mut random = Random::new(6);
    let triples: Vec<[u8; 3]> = (0..20)
        .map(|at| [2 * at, 2 * at + 1, random.below(40) as u8])
        .collect();
    for between in [0, 3000] {
        for matches in 0..=20 {
            for literals in 1..110 {
                let mut lean = Compressor::new(Box::new(Lean::<49_152, 8192>::new()));
                lean.configure(Some(&agreed(15, true)));
                let mut history = triples.concat();
                history.extend(vec![0xff; between]);
                compress(&mut lean, &history, 1 << 16, 1 << 16);
                let mut message = Vec::new();
                let mut bits = 13;
                for at in 0..usize::max(literals, matches) {
                    if at < literals {
                        message.push(144 + at as u8);
                        bits += 9;
                    }
                    if at < matches {
                        // The other way round, so that no two of them are one match.
                        let from = 19 - at;
                        let distance = history.len() + message.len() - 3 * from;
                        message.extend(triples[from]);
                        bits += 7 + 5 + (distance - 1).ilog2().saturating_sub(1) as usize;
                    }
                }
                let shortest = usize::min(bits.div_ceil(8), message.len() + 6);
                let payload = compress(&mut lean, &message, 1000, 1000);
                let what = format!("{literals} literals, {matches} matches, {between} between");
                assert_eq!(payload.len(), shortest, "{what}");
            }
        }
    }
}

/// The context stays right when messages go raw after all: nothing refers to them.
fn law_of_forgetting(stage: &mut impl Compress, bits: u8) {
    let mut checker = Checker::new(bits, true);
    let mut random = Random::new(3);
    for (i, message) in messages().iter().cycle().take(100).enumerate() {
        if random.below(3) == 0 {
            // All of it, or a part.
            let len = random.below(message.len() as u32 + 1) as usize;
            let mut output = vec![0; 1 + random.below(300) as usize];
            stage.compress(&message[..len], len == message.len(), &mut output);
            stage.forget();
        } else {
            let payload = compress(stage, message, 1000, 1000);
            assert_eq!(
                checker.message(&payload).as_ref(),
                Ok(message),
                "message {i}"
            );
        }
    }
}

// row: PMD-11, PMD-22
#[test]
fn a_forgotten_message_is_never_referred_to() {
    for bits in [8, 9, 10, 12, 15] {
        let mut lean = Compressor::new(Lean::<1536, 1024>::new());
        lean.configure(Some(&agreed(bits, true)));
        law_of_forgetting(&mut lean, bits);
        let mut full = Compressor::new(Heap::new(bits));
        full.configure(Some(&agreed(bits, true)));
        law_of_forgetting(&mut full, bits);
        let mut engine = zlib::Compressor::new(6);
        engine.configure(Some(&agreed(bits, true)));
        law_of_forgetting(&mut engine, bits);
    }
}

// row: PMD-11
#[test]
fn forgetting_keeps_the_history_before() {
    let mut telemetry = Telemetry::new(1);
    let first = telemetry.reading();
    let mut stage = Compressor::new(Lean::<1536, 1024>::new());
    stage.configure(Some(&agreed(10, true)));
    compress(&mut stage, first.as_bytes(), 1000, 1000);
    let again = compress(&mut stage.clone(), first.as_bytes(), 1000, 1000);
    compress(&mut stage, telemetry.reading().as_bytes(), 1000, 1000);
    stage.forget();
    let after = compress(&mut stage, first.as_bytes(), 1000, 1000);
    assert!(again.len() < 12);
    assert_eq!(after, again);
}

// row: PMD-20
#[test]
fn the_empty_message_is_one_octet() {
    let mut stage = Compressor::new(Lean::<512, 64>::new());
    stage.configure(Some(&agreed(8, true)));
    for _ in 0..3 {
        assert_eq!(compress(&mut stage, b"", 1, 10), [0x00]);
    }
    let mut engine = zlib::Compressor::new(1);
    engine.configure(Some(&agreed(8, true)));
    for _ in 0..3 {
        let payload = compress(&mut engine, b"", 1, 10);
        let mut checker = Checker::new(8, true);
        assert_eq!(checker.message(&payload), Ok(Vec::new()));
    }
}

fn law_of_thresholds<S: Compress + Configure>(mut stage: S, with_threshold: fn(S, usize) -> S) {
    assert!(!stage.is_active());
    assert!(!stage.wants(None));
    stage.configure(Some(&agreed(10, true)));
    assert!(stage.is_active());
    assert_eq!([31, 32].map(|len| stage.wants(Some(len))), [false, true]);
    assert!(stage.wants(None));
    stage.configure(Some(&agreed(10, false)));
    assert_eq!([511, 512].map(|len| stage.wants(Some(len))), [false, true]);
    stage.configure(None);
    assert!(!stage.is_active());
    let mut stage = with_threshold(stage, usize::MAX);
    stage.configure(Some(&agreed(10, true)));
    assert!(!stage.wants(Some(1 << 20)));
}

// row: PMD-33
#[test]
fn small_messages_are_left_alone() {
    law_of_thresholds(
        Compressor::new(Lean::<512, 64>::new()),
        Compressor::with_threshold,
    );
    law_of_thresholds(zlib::Compressor::new(6), zlib::Compressor::with_threshold);
}

// row: PMD-20
#[test]
fn memory_is_as_documented() {
    for (size, bound) in [
        (size_of::<Compressor<Lean<768, 512>>>(), 2200),
        (size_of::<Compressor<Lean<1536, 1024>>>(), 4000),
        (size_of::<Compressor<Lean<6144, 2048>>>(), 10_700),
        (size_of::<Compressor<Full<4608, 1024, 512>>>(), 12_050),
        (size_of::<Compressor<Full<5120, 1024, 1024>>>(), 13_600),
        (size_of::<Compressor<Full<8192, 2048, 4096>>>(), 24_900),
        (size_of::<InflateState>(), 10_520),
    ] {
        assert!(size <= bound, "{size}, not {bound}");
    }
}

// row: PMD-20, PMD-21
#[test]
fn random_messages_come_back() {
    let mut random = Random::new(99);
    for round in 0..60 {
        let bits = 8 + random.below(8) as u8;
        let takeover = random.below(2) == 0;
        let mut lean = Compressor::new(Lean::<2048, 256>::new());
        lean.configure(Some(&agreed(bits, takeover)));
        let mut full = Compressor::new(Heap::new(bits));
        full.configure(Some(&agreed(bits, takeover)));
        let mut checkers = [Checker::new(bits, takeover), Checker::new(bits, takeover)];
        let mut inflater = Inflater::new(InflateState::new(), Growing::default())
            .with_limits(Limits::new(1 << 20));
        inflater.configure(Some(&agreed(bits, takeover))).unwrap();
        for _ in 0..6 {
            // Few different octets, and copies from before: matches of all lengths.
            let alphabet = 1 + random.below(255);
            let mut message = Vec::new();
            for _ in 0..random.below(60) {
                if message.is_empty() || random.below(3) == 0 {
                    for _ in 0..random.below(50) {
                        message.push(random.below(alphabet) as u8);
                    }
                } else {
                    let from = random.below(message.len() as u32) as usize;
                    let to = (from + random.below(400) as usize).min(message.len());
                    message.extend_from_within(from..to);
                }
            }
            let chunk = 1 + random.below(2000) as usize;
            let room = 1 + random.below(500) as usize;
            let payload = compress(&mut lean, &message, chunk, room);
            assert_eq!(
                checkers[0].message(&payload).as_ref(),
                Ok(&message),
                "lean {round}"
            );
            let payload = compress(&mut full, &message, chunk, room);
            assert_eq!(
                checkers[1].message(&payload).as_ref(),
                Ok(&message),
                "full {round}"
            );
            let whole = random.below(2) == 0;
            assert_eq!(
                inflate(&mut inflater, &payload, chunk, whole).as_ref(),
                Ok(&message),
                "inflater {round}"
            );
        }
    }
}

/// A piece is given as the last, its output is taken in part, and another piece comes after all.
fn law_of_giving_up(stage: &mut impl Compress, bits: u8) {
    let mut checker = Checker::new(bits, true);
    let other = b"and the message goes on";
    let mut random = Random::new(7);
    let mut given_up = 0;
    for room in 0..70 {
        for pause in [false, true] {
            let one = random.octets(60);
            let mut payload = vec![0xa5; room];
            let mut done = stage.compress(&one, true, &mut payload);
            payload.truncate(done.produced);
            let mut message = one[..done.consumed].to_vec();
            let ended = done.finished;
            given_up += usize::from(!ended);
            if pause && !ended {
                let mut more = [0xa5; 3];
                let paused = stage.compress(&[], false, &mut more);
                payload.extend_from_slice(&more[..paused.produced]);
            }
            let mut rest: &[u8] = if ended { b"" } else { other };
            message.extend_from_slice(rest);
            while !(ended || done.finished && rest.is_empty()) {
                let mut more = [0xa5; 50];
                done = stage.compress(rest, true, &mut more);
                payload.extend_from_slice(&more[..done.produced]);
                rest = &rest[done.consumed..];
            }
            assert_eq!(checker.message(&payload), Ok(message), "{room} octets");
        }
    }
    assert!(given_up > 20, "{given_up}");
}

// row: STA-05
#[test]
fn a_last_piece_may_be_given_up() {
    let agreed = agreed(10, true);
    let mut lean = Compressor::new(Lean::<1536, 256>::new());
    lean.configure(Some(&agreed));
    law_of_giving_up(&mut lean, 10);
    let mut full = Compressor::new(Full::<5120, 1024, 1024>::new());
    full.configure(Some(&agreed));
    law_of_giving_up(&mut full, 10);
    let mut zlib = zlib::Compressor::new(6);
    zlib.configure(Some(&agreed));
    law_of_giving_up(&mut zlib, 10);
}

/// A message is given in pieces, none of them as its last, of the output some is taken, and then it ends.
fn law_of_late_ends(stage: &mut impl Compress, bits: u8) {
    let mut checker = Checker::new(bits, true);
    for message in messages() {
        let mut payload = Vec::new();
        let mut give = |octets: &mut &[u8], last| {
            let mut output = [0xa5; 50];
            let done = stage.compress(octets, last, &mut output);
            payload.extend_from_slice(&output[..done.produced]);
            *octets = &octets[done.consumed..];
            done.finished
        };
        for mut piece in message.chunks(1000) {
            while !piece.is_empty() {
                give(&mut piece, false);
            }
        }
        while !give(&mut &[][..], true) {}
        assert_eq!(checker.message(&payload), Ok(message));
    }
}

// row: STA-05
#[test]
fn a_message_may_end_while_output_waits() {
    let agreed = agreed(10, true);
    let mut lean = Compressor::new(Lean::<1536, 256>::new());
    lean.configure(Some(&agreed));
    law_of_late_ends(&mut lean, 10);
    let mut full = Compressor::new(Full::<5120, 1024, 1024>::new());
    full.configure(Some(&agreed));
    law_of_late_ends(&mut full, 10);
    // With its own codes an engine holds more back than without.
    for level in [1, 6] {
        let mut zlib = zlib::Compressor::new(level);
        zlib.configure(Some(&agreed));
        law_of_late_ends(&mut zlib, 10);
    }
}

/// Messages in which a small difference of what is found, or of which form a block has, shows.
fn telling() -> Vec<Vec<u8>> {
    let mut random = Random::new(7);
    // A match after which none is looked for, and before it a longer one.
    let block = random.octets(258);
    let mut nice = [&block[..], &random.octets(20)].concat();
    for len in (100..200).step_by(20) {
        nice.extend(&block[..len]);
        nice.extend(random.octets(5));
        nice.extend(&block);
    }
    // A match of that length, and an octet later a longer one.
    let mut lazy = Vec::new();
    for len in (8..40).cycle().take(160) {
        let octets = random.octets(50);
        lazy.extend(&octets[..len]);
        lazy.extend(random.octets(2));
        lazy.extend(&octets[1..]);
        lazy.extend(random.octets(2));
        lazy.extend(&octets);
    }
    vec![nice, lazy, mixed(2057), mixed(2992)]
}

/// Octets with codes of 8 bits, with codes of 9, and with both, and copies of them. For these numbers a stored block is
/// a few bits shorter than a block of fixed codes that goes on.
fn mixed(number: u64) -> Vec<u8> {
    let mut random = Random::new(number);
    let mut message = Vec::new();
    for _ in 0..random.below(8) + 2 {
        let kind = random.below(4);
        let len = random.below(400);
        match kind {
            0 => message.extend((0..len).map(|_| random.below(144) as u8)),
            1 => message.extend((0..len).map(|_| random.below(112) as u8 + 144)),
            2 => message.extend(random.octets(len as usize)),
            _ => {
                let from = random.below(message.len() as u32 + 1) as usize;
                let to = (from + len as usize / 4).min(message.len());
                message.extend_from_within(from..to);
            }
        }
    }
    message
}

/// The octets that each message becomes: what is found and which codes are chosen shows in nothing else.
fn lengths(
    form: impl CompressorMemory,
    bits: u8,
    takeover: bool,
    messages: &[Vec<u8>],
    piece: usize,
) -> String {
    let mut stage = Compressor::new(form);
    stage.configure(Some(&agreed(bits, takeover)));
    let mut line = format!("{bits} bits, takeover {takeover}:");
    for message in messages {
        let octets = compress(&mut stage, message, piece, 1 << 16).len();
        write!(line, " {octets}").unwrap();
    }
    line + "\n"
}

/// `BARE_WS_LENGTHS=write cargo test -p bare-ws-tests --test deflate_compress` writes down what they are now, for
/// whoever looks at the change.
// row: PMD-07
#[test]
fn each_message_becomes_as_short_as_it_did() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/deflate_lengths.txt");
    let mut lines = String::new();
    let (messages, telling) = (messages(), telling());
    // The second begins where memory is as full as half of it, and each piece is the other half.
    let halves =
        [2560, 9000].map(|len| Telemetry::new(4).batch().into_bytes().repeat(9)[..len].to_vec());
    for (kind, messages, piece) in [
        ("", &messages[..], usize::MAX),
        ("telling, ", &telling, usize::MAX),
        ("halves, ", &halves, 2560),
    ] {
        for takeover in [true, false] {
            for bits in [8, 9, 10, 12, 15] {
                let small = Lean::<1536, 1024>::new();
                let full = Box::new(Full::<5120, 1024, 1024>::new());
                lines += &format!("{kind}lean 1536, ");
                lines += &lengths(small, bits, takeover, messages, piece);
                lines += &format!("{kind}full 5120, ");
                lines += &lengths(full, bits, takeover, messages, piece);
                lines += &format!("{kind}heap, ");
                lines += &lengths(Heap::new(bits), bits, takeover, messages, piece);
            }
        }
    }
    if std::env::var("BARE_WS_LENGTHS").is_ok_and(|how| how == "write") {
        std::fs::write(path, &lines).unwrap();
    }
    let known = std::fs::read_to_string(path).unwrap();
    for (line, known) in lines.lines().zip(known.lines()) {
        assert_eq!(line, known);
    }
    assert_eq!(lines.lines().count(), known.lines().count());
}
