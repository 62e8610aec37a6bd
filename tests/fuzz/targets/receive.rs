//! Any octets, to a receiver of either role, in every delivery, in buffers of all kinds of lengths:
//! what comes of them is what a decoder says that sees them all at once, and the same however they
//! arrive.
#![no_main]

use bare_ws::buffer::{Growing, Storage};
use bare_ws::deflate::{InflateState, Inflater};
use bare_ws::header::MAX_HEADER;
use bare_ws::receiver::{Delivery, Limits, Receiver};
use bare_ws::role::{Client, Role, Server};
use bare_ws_fuzz::memory::peak_of;
use bare_ws_fuzz::reception::{End, Outcome, Seen, receive};
use bare_ws_fuzz::rfc6455::{Setting, decode};
use bare_ws_fuzz::{Input, Pieces, hex, show};
use bare_ws_tests::deflate::agreed;
use bare_ws_tests::mask::masked;
use libfuzzer_sys::fuzz_target;

#[derive(Debug)]
struct Case {
    is_server: bool,
    delivery: Delivery,
    /// `None`: it grows.
    buffer: Option<usize>,
    limits: Limits,
    /// Window bits, context takeover, memory beside the window.
    deflate: Option<(u8, bool, usize)>,
    seed: u64,
    wire: Vec<u8>,
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let role = input.octet();
    let case = Case {
        is_server: role & 1 == 1,
        delivery: input.pick(&[Delivery::Message, Delivery::Chunk, Delivery::Frame]),
        buffer: input.pick(&[
            None,
            Some(14),
            Some(15),
            Some(18),
            Some(139),
            Some(160),
            Some(1024),
            Some(70_000),
        ]),
        limits: Limits {
            message: input.pick(&[u64::MAX, 0, 5, 126, 1000, 65_535, 100_000]),
            fragments: input.pick(&[1_000_000, 1, 2, 5]),
        },
        deflate: match input.octet() {
            choice @ 128.. => Some((
                9 + choice % 7,
                choice & 32 == 0,
                usize::from(choice & 16) * 64,
            )),
            _ => None,
        },
        seed: u64::from(input.number()),
        // A fuzzer does not come by itself upon masked text that is UTF-8.
        wire: if role & 3 == 3 {
            masked(input.0)
        } else {
            input.0.to_vec()
        },
    };
    show!("{case:?}\n{}", hex(&case.wire));
    if case.is_server {
        check::<Server>(&case);
    } else {
        check::<Client>(&case);
    }
});

fn check<R: Role>(case: &Case) {
    let ways = [Pieces::Whole, Pieces::Single, Pieces::Random(case.seed)];
    let outcomes = ways.map(|pieces| {
        let (outcome, peak) = peak_of(|| run::<R>(case, pieces));
        // Twice in a buffer that doubles, and in what is written down of it, which doubles too.
        // What is declared does not count.
        let arrived = case.wire.len() + inflated(&outcome);
        assert!(
            peak <= 300_000 + 12 * arrived,
            "{peak} octets of memory for {arrived}"
        );
        outcome
    });
    let [whole, single, random] = &outcomes;
    show!("{whole:?}");
    same(whole, single, case.deflate.is_some());
    same(whole, random, case.deflate.is_some());
    if case.deflate.is_none() {
        let expected = decode(
            &Setting {
                is_server: case.is_server,
                delivery: case.delivery,
                room: (case.buffer.unwrap_or(Growing::LIMIT) - MAX_HEADER) as u64,
                message_limit: case.limits.message,
                fragment_limit: case.limits.fragments,
            },
            &case.wire,
        );
        let mut seen = expected.seen;
        assert!(
            expected.ends.contains(&whole.end),
            "{:?}, not {:?}",
            whole.end,
            expected.ends
        );
        if let End::Failed(error) = whole.end
            && let Some(code) = error.close_code()
        {
            seen.push(Seen::Close(code.0.to_be_bytes().to_vec()));
        }
        assert_eq!(whole.seen, seen);
    }
}

fn run<R: Role>(case: &Case, pieces: Pieces) -> Outcome {
    match case.buffer {
        None => over::<R>(case, Growing::default(), pieces),
        Some(len) => over::<R>(case, vec![0xaa; len], pieces),
    }
}

fn over<R: Role>(case: &Case, storage: impl Storage, pieces: Pieces) -> Outcome {
    let Some((bits, takeover, beside)) = case.deflate else {
        let mut receiver = Receiver::<R, _>::new(storage);
        receiver.set_limits(case.limits);
        return receive(&mut receiver, case.delivery, &case.wire, pieces);
    };
    let limits = bare_ws::deflate::Limits::new(50_000);
    let mut inflater = Inflater::new(
        Box::new(InflateState::new()),
        vec![0xaa; (1 << bits) + beside],
    )
    .with_limits(limits);
    inflater
        .configure(Some(&agreed(bits, takeover)))
        .expect("memory for the window");
    let mut receiver = Receiver::<R, _, _>::with_stage(storage, inflater);
    receiver.set_limits(case.limits);
    receive(&mut receiver, case.delivery, &case.wire, pieces)
}

/// The law: however octets arrive, the same comes of them. Compressed data may be corrupt, too long
/// and no text all at once; which of them is met first depends on how far it is inflated in one go.
fn same(one: &Outcome, other: &Outcome, compressed: bool) {
    let fails_in_data = |outcome: &Outcome| {
        use bare_ws::error::{Error, Violation};
        matches!(
            outcome.end,
            End::Failed(
                Error::TooLong { .. }
                    | Error::TooManyFragments { .. }
                    | Error::OutOfMemory { .. }
                    | Error::Peer(Violation::CorruptCompression | Violation::InvalidUtf8)
            )
        )
    };
    let closed = if compressed && fails_in_data(one) && fails_in_data(other) {
        1
    } else {
        0
    };
    if closed == 0 {
        assert_eq!(one.end, other.end);
    }
    assert_eq!(
        one.seen[..one.seen.len().saturating_sub(closed)],
        other.seen[..other.seen.len().saturating_sub(closed)]
    );
    let len = one.unfinished.len().min(other.unfinished.len());
    assert_eq!(one.unfinished[..len], other.unfinished[..len]);
}

fn inflated(outcome: &Outcome) -> usize {
    let len = |seen: &Seen| match seen {
        Seen::Message(_, octets) | Seen::Frame(_, _, _, octets) => octets.len(),
        Seen::Pong(_) | Seen::Close(_) => 0,
    };
    outcome.seen.iter().map(len).sum::<usize>() + outcome.unfinished.len()
}
