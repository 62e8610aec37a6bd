//! How much a message may inflate to, and how much work a peer may make of few octets.

use crate::*;

fn law_of_limits<M: Storage, E: Engine>(
    name: &str,
    make: impl Fn() -> Inflater<M, E>,
    wholes: &[bool],
    limit: usize,
) {
    let mut random = Random::new(4);
    for &whole in wholes {
        for takeover in [true, false] {
            for (len, fits) in [(limit - 1, true), (limit, true), (limit + 1, false)] {
                for message in [vec![b'x'; len], random.octets(len)] {
                    let payload = &miniz_oxide::deflate::compress_to_vec(&message, 6);
                    for chunk in [1, 5, usize::MAX] {
                        let mut inflater =
                            configured(&make, 15, takeover).with_limits(Limits::new(limit as u64));
                        let result = inflate(&mut inflater, payload, chunk, whole);
                        let what = format!("{name}, whole {whole}, takeover {takeover}, {len}");
                        if fits {
                            assert_eq!(result.as_ref(), Ok(&message), "{what}");
                        } else {
                            let needed = len as u64;
                            let limit = limit as u64;
                            assert_eq!(result, Err(Error::TooLong { needed, limit }), "{what}");
                        }
                    }
                }
            }
        }
    }
}

// row: PMD-30, PMD-32
#[test]
fn the_limit_itself_passes_and_one_octet_more_does_not() {
    both!(law_of_limits(Growing::default(), &[true, false], 1000));
    both!(law_of_limits(Growing::default(), &[true, false], 40_000));
    // The memory is the limit.
    both!(law_of_limits(vec![0; 32_768 + 1000], &[true], 1000));
}

// row: PMD-30
#[test]
fn a_bomb_stops_at_the_limit() {
    let bomb = miniz_oxide::deflate::compress_to_vec(&vec![0; 10 << 20], 9);
    let limit = 65_536;
    for takeover in [true, false] {
        for whole in [true, false] {
            let mut inflater = Inflater::new(InflateState::new(), Growing::default())
                .with_limits(Limits::new(limit));
            inflater.configure(Some(&agreed(15, takeover))).unwrap();
            inflater.begin(whole);
            let mut seen = 0;
            let mut input = &bomb[..];
            let error = loop {
                match inflater.decompress(input, true) {
                    Ok(step) => {
                        input = &input[step.consumed..];
                        seen += inflater.output().len() as u64;
                        inflater.release();
                    }
                    Err(error) => break error,
                }
            };
            assert_eq!(error.close_code(), Some(bare_ws::close::CloseCode::TOO_BIG));
            assert!(seen + inflater.output().len() as u64 <= limit);
            // It doubles: never more than twice what is needed.
            assert!(inflater.into_parts().0.octets().len() <= 2 * (32_768 + 65_536));
        }
    }
}

// row: PMD-31
#[test]
fn blocks_without_output_end_at_the_wire_limit() {
    let block = b"\x00\x00\x00\xff\xff".repeat(100);
    let mut inflater = Inflater::new(InflateState::new(), Growing::default())
        .with_limits(Limits::new(1000).with_wire(9999));
    inflater.configure(Some(&agreed(15, true))).unwrap();
    inflater.begin(true);
    let mut steps = 0;
    let error = loop {
        match inflater.decompress(&block, false) {
            Ok(step) => assert!(step.finished),
            Err(error) => break error,
        }
        steps += 1;
        assert!(steps < 100);
    };
    assert_eq!(steps, 19);
    assert_eq!(
        error,
        Error::TooLong {
            needed: 10_000,
            limit: 9999
        }
    );
    // And by default as well.
    inflater = inflater.with_limits(Limits::new(1000));
    inflater.configure(Some(&agreed(15, true))).unwrap();
    inflater.begin(true);
    assert!((0..200).any(|_| inflater.decompress(&block, false).is_err()));
}

/// Blocks as bits, one after the other: `(value, bits)`, the lowest first; `Align` to the next octet.
#[derive(Clone, Copy)]
enum Bits {
    Are(u32, u32),
    Align,
}

fn repeated(block: &[Bits], octets: usize) -> Vec<u8> {
    let (mut out, mut pending, mut held) = (Vec::new(), 0_u64, 0);
    while out.len() < octets {
        for bits in block {
            match *bits {
                Bits::Are(value, len) => {
                    pending |= u64::from(value) << held;
                    held += len;
                }
                Bits::Align => held = held.next_multiple_of(8),
            }
            while held >= 8 {
                out.push(pending as u8);
                pending >>= 8;
                held -= 8;
            }
        }
    }
    out
}

const FIXED: [Bits; 2] = [Bits::Are(0b010, 3), Bits::Are(0, 7)];
const FIXED_OF_ONE: [Bits; 3] = [
    Bits::Are(0b010, 3),
    Bits::Are(0b1001_0110, 8),
    Bits::Are(0, 7),
];
const STORED: [Bits; 3] = [Bits::Are(0, 3), Bits::Align, Bits::Are(0xffff_0000, 32)];
const FINAL: [Bits; 3] = [Bits::Are(0b011, 3), Bits::Are(0, 7), Bits::Align];

/// How many octets of one endless message are taken, in pieces of that length.
fn taken(stream: &[u8], piece: usize) -> Result<(), usize> {
    let mut inflater = Inflater::new(InflateState::new(), Growing::default())
        .with_limits(Limits::new(1 << 30).with_wire(u64::MAX));
    inflater.configure(Some(&agreed(15, true))).unwrap();
    inflater.begin(false);
    let mut taken = 0;
    for piece in stream.chunks(piece) {
        let mut rest = piece;
        loop {
            match inflater.decompress(rest, false) {
                Ok(step) if step.finished => break,
                Ok(step) => rest = &rest[step.consumed..],
                Err(error) => {
                    assert_eq!(error, Violation::CorruptCompression.into());
                    return Err(taken);
                }
            }
            inflater.release();
        }
        inflater.release();
        taken += piece.len();
    }
    Ok(())
}

/// For each block `miniz_oxide` makes tables: blocks cost octets, and no more of them are decoded than
/// those pay for. It is counted, not timed.
// row: PMD-31, LIV-17
#[test]
fn blocks_that_are_shorter_than_any_compressor_makes_are_not_decoded_for_ever() {
    const LEN: usize = 100_000;
    for (block, octets_of_8) in [(&FIXED[..], 10), (&FIXED_OF_ONE, 18), (&FINAL, 16)] {
        let stream = repeated(block, LEN);
        for piece in [1, 7, 1000] {
            let octets = taken(&stream, piece).expect_err("they are decoded for ever");
            let blocks = octets * 8 / octets_of_8;
            assert!(3 * blocks <= octets + 4096, "{blocks} blocks of {octets}");
            assert!(3 * (blocks + 2 * piece) >= octets + 4096, "{blocks}");
        }
    }
}

/// What compressors make is decoded for ever, however often they flush.
// row: PMD-31, PMD-18, LIV-17
#[test]
fn flushing_after_each_octet_is_no_reason_to_fail() {
    const LEN: usize = 100_000;
    let flushed: Vec<_> = FIXED_OF_ONE.iter().chain(&STORED).copied().collect();
    // Some compressors end what they flush with an empty block of a fixed code.
    let octet = [Bits::Are(0b1001_0110, 8); 4];
    let partly = [&FIXED[..1], &octet, &FIXED[1..], &FIXED].concat();
    for block in [&STORED[..], &flushed, &partly] {
        let stream = repeated(block, LEN);
        for piece in [1, 7, 1000] {
            assert_eq!(taken(&stream, piece), Ok(()));
        }
    }
    // And messages of one octet, and of none.
    for takeover in [true, false] {
        let mut inflater = Inflater::new(InflateState::new(), Growing::default());
        inflater.configure(Some(&agreed(15, takeover))).unwrap();
        for message in [&b"\x4a\x04\x00"[..], b"\x00", b"\x02\x00"].repeat(20_000) {
            inflater.begin(true);
            let step = inflater.decompress(message, true).unwrap();
            assert!(step.finished);
        }
    }
}
