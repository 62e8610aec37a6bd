//! Any messages, to each of our compressors, with any window, with and without context takeover, in
//! any pieces: what comes out inflates to them, by three inflaters, and refers to nothing beyond the
//! window.
#![no_main]

use bare_ws::compression::Compress;
use bare_ws::deflate::negotiate::Agreed;
use bare_ws::deflate::{
    Compressor, CompressorMemory, Configure as _, Full, Heap, InflateState, Inflater, Lean, zlib,
};
use bare_ws_fuzz::{Input, planted, show};
use bare_ws_tests::deflate::{Checker, agreed, compress, inflate};
use libfuzzer_sys::fuzz_target;

struct Case {
    bits: u8,
    takeover: bool,
    chunk: usize,
    room: usize,
    /// Each message, and whether it is not sent after all.
    messages: Vec<(Vec<u8>, bool)>,
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    // The compressors themselves honour 8 too; the inflater gives room for 9.
    let (bits, takeover) = (8 + input.octet() % 8, input.flag());
    let form = input.octet();
    let mut case = Case {
        bits,
        takeover,
        chunk: 1 + usize::from(input.number()),
        room: 1 + usize::from(input.octet()),
        messages: Vec::new(),
    };
    while !input.is_empty() && case.messages.len() < 6 {
        let message = message(&mut input);
        case.messages.push((message, input.octet() > 223));
    }
    show!(
        "2^{bits}, takeover {takeover}, form {form}, {} by {}: {:?}",
        case.chunk,
        case.room,
        case.messages
    );
    let agreed = agreed(bits, takeover);
    match form % 5 {
        0 => check(
            &case,
            configured(&agreed, Box::new(Lean::<768, 512>::new())),
        ),
        1 => check(
            &case,
            configured(&agreed, Box::new(Lean::<1536, 256>::new())),
        ),
        2 => check(
            &case,
            configured(&agreed, Box::new(Full::<5120, 1024, 1024>::new())),
        ),
        3 => check(&case, configured(&agreed, Heap::new(bits))),
        _ => {
            let mut compressor = zlib::Compressor::new(1 + form / 5 % 9);
            compressor.configure(Some(&agreed));
            check(&case, compressor);
        }
    }
});

fn configured<F: CompressorMemory>(agreed: &Agreed, form: F) -> Compressor<F> {
    let mut compressor = Compressor::new(form);
    compressor.configure(Some(agreed));
    compressor
}

/// Octets that repeat at distances of the fuzzer's choice, so that few of them make a long message.
fn message(input: &mut Input<'_>) -> Vec<u8> {
    let mut message = input.octets().to_vec();
    for _ in 0..input.octet() % 8 {
        let (from, len) = (
            usize::from(input.number()),
            usize::from(input.number() % 3000),
        );
        if !message.is_empty() {
            let begin = message.len().saturating_sub(from + 1);
            let copy: Vec<u8> = message[begin..].iter().copied().cycle().take(len).collect();
            message.extend(copy);
        }
    }
    message
}

fn check(case: &Case, mut stage: impl Compress) {
    let mut checker = Checker::new(case.bits.max(9), case.takeover);
    // What may be sent to a peer that holds 2^8 octets must not reach farther.
    let reach = 1 << case.bits;
    let mut inflater = Inflater::new(Box::new(InflateState::new()), vec![0; (1 << 15) + 60_000]);
    inflater
        .configure(Some(&agreed(case.bits, case.takeover)))
        .expect("memory for the window");
    let mut other = Inflater::new(zlib::InflateState::new(), vec![0; (1 << 15) + 60_000]);
    other
        .configure(Some(&agreed(case.bits, case.takeover)))
        .expect("memory for the window");
    for (message, forgotten) in &case.messages {
        let mut payload = compress(&mut stage, message, case.chunk, case.room);
        if *forgotten {
            stage.forget();
            continue;
        }
        if planted("compress") && (300..340).contains(&message.len()) {
            payload.insert(0, 0);
        }
        // RFC 7692 §7.2.3.3: incompressible data grows by the headers of stored blocks alone.
        assert!(
            payload.len() <= message.len() + message.len() / 8 + 64,
            "it grows"
        );
        let judged = checker.message(&payload);
        assert_eq!(judged.as_ref(), Ok(message));
        assert!(
            checker.farthest <= reach,
            "{} octets back",
            checker.farthest
        );
        let whole = message.len() % 2 == 0;
        let ours = inflate(&mut inflater, &payload, case.room, whole);
        assert_eq!(ours.as_ref(), Ok(message));
        let theirs = inflate(&mut other, &payload, usize::MAX, whole);
        assert_eq!(theirs.as_ref(), Ok(message));
    }
}
