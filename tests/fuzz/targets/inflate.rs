//! Any octets as the payloads of compressed messages, to both engines, in every delivery and kind
//! of memory: what comes out is what zlib-rs makes of them as one stream, and never more than the
//! limit.
#![no_main]

use bare_ws::buffer::{Growing, Storage};
use bare_ws::deflate::{Engine, InflateState, Inflater, Limits, zlib};
use bare_ws::error::{Error, Violation};
use bare_ws_fuzz::memory::peak_of;
use bare_ws_fuzz::{Input, planted, show};
use bare_ws_tests::deflate::{Checker, agreed, inflate};
use libfuzzer_sys::fuzz_target;
use zlib_rs::{Inflate, InflateFlush, Status};

#[derive(Debug)]
struct Case<'a> {
    bits: u8,
    takeover: bool,
    whole: bool,
    /// Beside the window; `None`: memory that grows.
    memory: Option<usize>,
    limit: u64,
    payloads: Vec<&'a [u8]>,
}

/// The messages that came, and the error that ended them.
type Outcome = (Vec<Vec<u8>>, Option<Error>);

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let (bits, takeover, whole) = (9 + input.octet() % 7, input.flag(), input.flag());
    let mut case = Case {
        bits,
        takeover,
        whole,
        memory: input.pick(&[None, Some(0), Some(1), Some(300), Some(5000)]),
        limit: input.pick(&[0, 1, 100, 1000, 20_000, 70_000]),
        payloads: Vec::new(),
    };
    let chunk = 1 + usize::from(input.octet());
    while !input.is_empty() && case.payloads.len() < 4 {
        case.payloads.push(input.octets());
    }
    show!("{case:?}");

    let ours = run(&case, Box::new(InflateState::new()), usize::MAX);
    show!("{ours:?}");
    same(&ours, &run(&case, Box::new(InflateState::new()), chunk));
    sound(&case, &ours);
    complete(&case, &ours);
    // This engine may take a distance beyond the negotiated window, since it knows its own only;
    // and it does not take a block that ends with the payload and leaves no header behind, which
    // RFC 7692 §7.2.1 has no compressor do.
    let zlib = run(&case, zlib::InflateState::new(), chunk);
    show!("{zlib:?}");
    sound(&case, &zlib);
    complete(&case, &zlib);
});

fn run<E: Engine>(case: &Case<'_>, engine: E, chunk: usize) -> Outcome {
    let (outcome, peak) = peak_of(|| match case.memory {
        None => over(case, engine, Growing::default(), chunk),
        Some(beside) => over(case, engine, vec![0xaa; (1 << case.bits) + beside], chunk),
    });
    let messages = case.payloads.len() * case.limit as usize;
    assert!(peak < 300_000 + 4 * messages, "{peak} octets of memory");
    outcome
}

fn over<E: Engine>(case: &Case<'_>, engine: E, memory: impl Storage, chunk: usize) -> Outcome {
    let mut inflater = Inflater::new(engine, memory).with_limits(Limits::new(case.limit));
    inflater
        .configure(Some(&agreed(case.bits, case.takeover)))
        .expect("memory for the window");
    let mut messages = Vec::new();
    for payload in &case.payloads {
        match inflate(&mut inflater, payload, chunk, case.whole) {
            Ok(message) => messages.push(message),
            Err(error) => {
                let again = inflate(&mut inflater, b"", 1, case.whole);
                assert_eq!(
                    again,
                    Err(Violation::CorruptCompression.into()),
                    "it is over"
                );
                return (messages, Some(error));
            }
        }
    }
    if planted("inflate") && messages.last().is_some_and(|message| message.len() == 3) {
        messages.pop();
    }
    (messages, None)
}

/// However octets arrive, the same comes of them; but one that is corrupt and too long may be found
/// to be either first.
fn same(one: &Outcome, other: &Outcome) {
    assert_eq!(one.0, other.0);
    assert_eq!(one.1.is_some(), other.1.is_some());
}

/// What came is what zlib-rs makes of it, message by message, with the ones before as dictionary.
fn sound(case: &Case<'_>, (messages, _): &Outcome) {
    let mut history: Vec<u8> = Vec::new();
    for (payload, message) in case.payloads.iter().zip(messages) {
        assert!(message.len() as u64 <= case.limit, "more than the limit");
        if !case.takeover {
            history.clear();
        }
        let begin = history.len();
        zlib_rs(payload, &mut history);
        assert!(
            history[begin..] == message[..],
            "other octets than zlib-rs's"
        );
    }
}

/// What a compressor may send is taken, as far as the limits go: the inflater of the tests, which
/// knows the window, is the judge. (It knows nothing of BFINAL.)
fn complete(case: &Case<'_>, (messages, error): &Outcome) {
    let mut checker = Checker::new(case.bits, case.takeover);
    let mut history = Vec::new();
    for (at, payload) in case.payloads.iter().enumerate() {
        let Ok(message) = checker.message(payload) else {
            return;
        };
        if !case.takeover {
            history.clear();
        }
        let begin = history.len();
        zlib_rs(payload, &mut history);
        if history[begin..] != message[..] {
            // The tail was taken for a part of the message.
            return;
        }
        let Some(ours) = messages.get(at) else {
            let is_limit = matches!(error, Some(Error::TooLong { .. }));
            assert!(
                is_limit,
                "{error:?}, and {} octets are right",
                message.len()
            );
            return;
        };
        assert!(*ours == message, "other octets than the checker's");
    }
}

/// Inflates a payload behind its history; RFC 7692 §7.2.3.4: after BFINAL a new stream goes on.
fn zlib_rs(mut payload: &[u8], history: &mut Vec<u8>) {
    loop {
        let mut inflate = Inflate::new(false, 15);
        if !history.is_empty() {
            let window = &history[history.len().saturating_sub(1 << 15)..];
            inflate
                .set_dictionary(window)
                .expect("a raw stream takes one");
        }
        loop {
            let mut output = [0; 4096];
            let before = (inflate.total_in(), inflate.total_out());
            let status = inflate
                .decompress(payload, &mut output, InflateFlush::NoFlush)
                .expect("what was taken");
            let produced = (inflate.total_out() - before.1) as usize;
            payload = &payload[(inflate.total_in() - before.0) as usize..];
            history.extend_from_slice(&output[..produced]);
            if status == Status::StreamEnd {
                break;
            }
            if payload.is_empty() && produced < output.len() {
                return;
            }
        }
        if payload.is_empty() {
            return;
        }
    }
}
