//! What stands between frames and messages: none at all, one that may be there, one whose memory grows.

use core::cell::{Cell, RefCell};
use std::rc::Rc;

use bare_ws::buffer::{Growing, Storage};
use bare_ws::compression::{Compress, Compressed, Decompress, Decompressed, Uncompressed};
use bare_ws::deflate::negotiate::Agreed;
use bare_ws::deflate::{
    Compressor, Configure as _, Deflate, Engine, InflateState, Inflater, Lean, zlib,
};
use bare_ws::error::{Error, Violation};
use bare_ws::handshake::Compression as _;
use bare_ws::receiver::{Delivery, Receiver, Step};
use bare_ws::role::Client;
use bare_ws_tests::deflate::{agreed, compress, inflate};
use bare_ws_tests::telemetry::{Random, Telemetry};

/// A stage that says what it is told to, and notes what is asked of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Noted {
    says: bool,
    begun: Option<bool>,
    released: u8,
    shrunk: u8,
    forgotten: u8,
}

impl Decompress for Noted {
    fn is_active(&self) -> bool {
        self.says
    }

    fn holds_messages(&self) -> bool {
        self.says
    }

    fn begin(&mut self, whole: bool) {
        self.begun = Some(whole);
    }

    fn decompress(&mut self, input: &[u8], last: bool) -> Result<Decompressed, Error> {
        Ok(Decompressed {
            consumed: input.len() / 2,
            finished: last,
        })
    }

    fn output(&self) -> &[u8] {
        b"noted"
    }

    fn release(&mut self) {
        self.released += 1;
    }

    fn has_grown(&self) -> bool {
        self.says
    }

    fn shrink(&mut self) {
        self.shrunk += 1;
    }
}

impl Compress for Noted {
    fn is_active(&self) -> bool {
        self.says
    }

    fn wants(&self, len: Option<usize>) -> bool {
        self.says && len == Some(7)
    }

    fn compress(&mut self, input: &[u8], last: bool, output: &mut [u8]) -> Compressed {
        Compressed {
            consumed: input.len() / 2,
            produced: output.len() / 2,
            finished: last,
        }
    }

    fn forget(&mut self) {
        self.forgotten += 1;
    }
}

/// All that a stage says and does, for one that is to be the same.
fn receives(stage: &mut impl Decompress) -> ([bool; 3], Result<Decompressed, Error>, Vec<u8>) {
    stage.begin(true);
    let done = stage.decompress(b"1234", true);
    let output = stage.output().to_vec();
    stage.release();
    stage.shrink();
    let says = [stage.is_active(), stage.holds_messages(), stage.has_grown()];
    (says, done, output)
}

fn sends(stage: &mut impl Compress) -> (bool, [bool; 3], Compressed) {
    let done = stage.compress(b"1234", true, &mut [0; 4]);
    stage.forget();
    let wants = [Some(7), Some(8), None].map(|len| stage.wants(len));
    (stage.is_active(), wants, done)
}

#[test]
fn a_stage_that_may_be_there_is_that_stage_or_none() {
    for says in [true, false] {
        let mut stage = Noted {
            says,
            ..Noted::default()
        };
        let mut perhaps = Some(stage);
        assert_eq!(receives(&mut perhaps), receives(&mut stage));
        assert_eq!(sends(&mut perhaps), sends(&mut stage));
        assert_eq!(perhaps, Some(stage));
        assert_eq!(
            (stage.begun, stage.released, stage.shrunk, stage.forgotten),
            (Some(true), 1, 1, 1)
        );
    }
    let mut none = None::<Noted>;
    assert_eq!(receives(&mut none), receives(&mut Uncompressed));
    assert_eq!(sends(&mut none), sends(&mut Uncompressed));
}

#[test]
fn no_compression_takes_all_and_gives_nothing() {
    let mut stage = Uncompressed;
    assert!(!Decompress::is_active(&stage) && !Compress::is_active(&stage));
    assert!(!stage.has_grown());
    for len in [None, Some(0), Some(1 << 20)] {
        assert!(!stage.wants(len), "{len:?}");
    }
    let done = stage.decompress(b"1234", true).expect("nothing that fails");
    assert_eq!((done.consumed, done.finished), (4, true));
    assert_eq!(stage.output(), b"");
    let done = stage.compress(b"1234", true, &mut [0; 4]);
    assert_eq!((done.consumed, done.produced, done.finished), (4, 0, true));
}

/// Takes so many octets of what it is given, gives that, and is never done.
struct Stuck {
    takes: usize,
    gives: &'static [u8],
}

impl Decompress for Stuck {
    fn is_active(&self) -> bool {
        true
    }

    fn begin(&mut self, _: bool) {}

    fn decompress(&mut self, _: &[u8], _: bool) -> Result<Decompressed, Error> {
        Ok(Decompressed {
            consumed: self.takes,
            finished: false,
        })
    }

    fn output(&self) -> &[u8] {
        self.gives
    }

    fn release(&mut self) {
        self.gives = b"";
    }
}

// row: LIM-01, STA-01
#[test]
fn a_stage_that_has_no_room_left_ends_the_message_and_nobody_waits_for_it() {
    let too_long = |len: u64| {
        Err(Error::TooLong {
            needed: len + 1,
            limit: len,
        })
    };
    for (delivery, takes, gives, first, second) in [
        // What is gathered whole is released at its end alone.
        (Delivery::Message, 0, &b""[..], None, too_long(0)),
        (Delivery::Message, 2, b"", None, too_long(0)),
        (Delivery::Message, 0, b"abc", None, too_long(3)),
        (Delivery::Message, 2, b"abc", None, too_long(3)),
        // A piece is released, and then there is room.
        (Delivery::Chunk, 0, b"", None, too_long(0)),
        (Delivery::Chunk, 0, b"abc", Some(Step::Chunk), too_long(3)),
    ] {
        let stage = Stuck { takes, gives };
        let mut receiver = Receiver::<Client, _, _>::with_stage([0; 64], stage);
        let octets = b"\xc2\x05hello";
        receiver.spare()[..octets.len()].copy_from_slice(octets);
        receiver.commit(octets.len());
        let what = format!("{delivery:?} {takes} {gives:?}");
        if let Some(first) = first {
            assert_eq!(receiver.step(delivery), Ok(first), "{what}");
        }
        assert_eq!(receiver.step(delivery), Ok(Step::ReplyDue), "{what}");
        receiver.owed().mark_queued();
        assert_eq!(receiver.step(delivery), second, "{what}");
    }
}

/// One octet of a message that refers to the message before.
const HELLO: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
const AGAIN: &[u8] = b"\xf2\x00\x11\x00\x00";
/// The same with BFINAL: the stream begins anew behind it.
const FINAL: &[u8] = b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00";
const CORRUPT: &[u8] = b"\x06";

fn law_of_engines<E: Engine>(name: &str, engine: E) {
    let mut inflater = Inflater::new(engine, vec![0; 512 + 100]);
    for whole in [true, false] {
        // What failed in one connection is forgotten by the next.
        for takeover in [true, false, true] {
            inflater
                .configure(Some(&agreed(9, takeover)))
                .expect("memory");
            for payload in [HELLO, FINAL, HELLO] {
                let message = inflate(&mut inflater, payload, 3, whole);
                assert_eq!(message.as_deref(), Ok(&b"Hello"[..]), "{name}");
            }
            let again = inflate(&mut inflater, AGAIN, 3, whole);
            let corrupt = Err(Violation::CorruptCompression.into());
            if takeover {
                assert_eq!(again.as_deref(), Ok(&b"Hello"[..]), "{name}");
                assert_eq!(inflate(&mut inflater, CORRUPT, 3, whole), corrupt, "{name}");
            } else {
                assert_eq!(again, corrupt, "{name}");
            }
        }
    }
}

// row: PMD-12, PMD-17
#[test]
fn an_engine_is_the_same_wherever_it_lies() {
    law_of_engines("miniz_oxide", InflateState::new());
    law_of_engines("miniz_oxide, lent", &mut InflateState::new());
    law_of_engines("miniz_oxide, boxed", Box::new(InflateState::new()));
    law_of_engines("zlib-rs", zlib::InflateState::new());
    law_of_engines("zlib-rs, lent", &mut zlib::InflateState::new());
    law_of_engines("zlib-rs, boxed", Box::new(zlib::InflateState::new()));
}

/// Counts how often it is called.
struct Counted<E> {
    engine: E,
    calls: Rc<Cell<usize>>,
}

impl<E: Engine> Engine for Counted<E> {
    fn reset(&mut self) {
        self.engine.reset();
    }

    fn resume(&mut self, window: &[u8], position: usize, wraps: bool) {
        self.engine.resume(window, position, wraps);
    }

    fn inflate(
        &mut self,
        input: &[u8],
        window: &mut [u8],
        position: usize,
        room: usize,
        wraps: bool,
    ) -> bare_ws::deflate::Step {
        self.calls.set(self.calls.get() + 1);
        self.engine.inflate(input, window, position, room, wraps)
    }

    fn finish(&mut self, tail_seen: bool) -> bool {
        self.engine.finish(tail_seen)
    }

    fn keeps_history(&self) -> bool {
        self.engine.keeps_history()
    }
}

/// With a window of 512 octets: a ring is as often copied from as it is filled.
// row: PMD-12
#[test]
fn an_engine_that_holds_the_history_writes_a_whole_message_where_it_stays() {
    const LEN: usize = 20 * 512;
    let mut compressor = zlib::Compressor::new(6);
    compressor.configure(Some(&agreed(9, true)));
    let message = Random::new(4).octets(LEN);
    let payload = compress(&mut compressor, &message, 1 << 16, 1 << 16);
    fn calls<E: Engine>(calls: &Cell<usize>, engine: E, payload: &[u8], message: &[u8]) -> usize {
        let mut inflater = Inflater::new(engine, vec![0; 512 + LEN + 1]);
        inflater.configure(Some(&agreed(9, true))).expect("memory");
        let received = inflate(&mut inflater, payload, 1 << 16, true);
        assert_eq!(received.as_deref(), Ok(message));
        calls.take()
    }
    let count = Rc::new(Cell::new(0));
    let host = || Counted {
        engine: zlib::InflateState::new(),
        calls: Rc::clone(&count),
    };
    let small = Counted {
        engine: InflateState::new(),
        calls: Rc::clone(&count),
    };
    assert_eq!(calls(&count, host(), &payload, &message), 1);
    assert_eq!(calls(&count, &mut host(), &payload, &message), 1);
    assert_eq!(calls(&count, Box::new(host()), &payload, &message), 1);
    assert!(calls(&count, small, &payload, &message) >= 20);
}

/// Grows as asked, gives back all that it may at once, and notes what it is told.
#[derive(Clone, Default)]
struct Strict {
    octets: Vec<u8>,
    told: Rc<RefCell<Told>>,
}

#[derive(Debug, Default)]
struct Told {
    used: Vec<usize>,
    kept: Vec<usize>,
}

impl Storage for Strict {
    fn octets(&self) -> &[u8] {
        &self.octets
    }

    fn octets_mut(&mut self) -> &mut [u8] {
        &mut self.octets
    }

    fn most(&self) -> usize {
        1 << 20
    }

    fn grow(&mut self, len: usize) -> bool {
        self.octets.resize(self.octets.len().max(len), 0xa5);
        true
    }

    fn used(&mut self, len: usize) {
        self.told.borrow_mut().used.push(len);
    }

    fn give_back(&mut self, kept: usize) {
        self.told.borrow_mut().kept.push(kept);
        self.shrink(kept);
    }

    fn has_grown(&self) -> bool {
        !self.octets.is_empty()
    }

    fn shrink(&mut self, kept: usize) {
        self.octets.truncate(kept);
        self.octets.shrink_to_fit();
    }
}

fn law_of_memory<E: Engine>(name: &str, engine: impl Fn() -> E) {
    for takeover in [true, false] {
        let window = if takeover { 512 } else { 0 };
        let memory = Strict::default();
        let told = Rc::clone(&memory.told);
        let mut inflater = Inflater::new(engine(), memory);
        inflater
            .configure(Some(&agreed(9, takeover)))
            .expect("memory");
        assert!(!inflater.has_grown(), "{name}: the window is needed");
        let mut compressor = zlib::Compressor::new(6);
        compressor.configure(Some(&agreed(9, takeover)));
        let mut telemetry = Telemetry::new(3);
        for round in 0..6 {
            let message = telemetry.report().into_bytes();
            let payload = compress(&mut compressor, &message, 1 << 16, 1 << 16);
            let received = inflate(&mut inflater, &payload, 100, true);
            assert_eq!(
                received.as_ref(),
                Ok(&message),
                "{name}, {takeover}, {round}"
            );
            assert!(inflater.has_grown(), "{name}: there is a message in it");
            // What was needed is told when the next message begins.
            inflater.begin(true);
            let needed = told.borrow().used.last().copied();
            assert_eq!(needed, Some(window + message.len()), "{name}, {takeover}");
            assert_eq!(told.borrow().kept.last(), Some(&window), "{name}");
            assert!(
                !inflater.has_grown(),
                "{name}: it gave all back that it could"
            );
        }
        // The same when it is asked to.
        let message = telemetry.report().into_bytes();
        let payload = compress(&mut compressor, &message, 1 << 16, 1 << 16);
        assert_eq!(
            inflate(&mut inflater, &payload, 100, true).as_ref(),
            Ok(&message)
        );
        inflater.shrink();
        assert!(!inflater.has_grown(), "{name}, {takeover}");
        let payload = compress(&mut compressor, &message, 1 << 16, 1 << 16);
        assert_eq!(
            inflate(&mut inflater, &payload, 100, true).as_ref(),
            Ok(&message),
            "{name}: the history stays"
        );
        inflater.shrink();
        assert_eq!(inflater.into_parts().0.octets().len(), window, "{name}");
    }
    // Memory of a fixed length has not grown, whatever is in it.
    let mut inflater = Inflater::new(engine(), vec![0; 4096]);
    inflater.configure(Some(&agreed(9, true))).expect("memory");
    assert!(!inflater.has_grown(), "{name}");
}

// row: LIM-01, PMD-40
#[test]
fn between_two_messages_the_history_alone_is_needed() {
    law_of_memory("miniz_oxide", InflateState::new);
    law_of_memory("zlib-rs", zlib::InflateState::new);
}

/// How much memory messages of those lengths take that arrive in pieces, beside the window.
fn taken<E: Engine>(engine: impl Fn() -> E, takeover: bool) -> [usize; 4] {
    [1, 1000, 1500, 3000].map(|len| {
        let message = Random::new(5).octets(len);
        let mut compressor = zlib::Compressor::new(6);
        compressor.configure(Some(&agreed(9, takeover)));
        let payload = compress(&mut compressor, &message, 1 << 16, 1 << 16);
        let mut inflater = Inflater::new(engine(), Strict::default());
        inflater
            .configure(Some(&agreed(9, takeover)))
            .expect("memory");
        assert_eq!(inflate(&mut inflater, &payload, 7, true), Ok(message));
        let window = if takeover { 512 } else { 0 };
        inflater.into_parts().0.octets().len() - window
    })
}

// row: LIM-01, TRAP-13, PMD-40
#[test]
fn memory_for_a_message_doubles_when_it_is_full_and_not_before() {
    const DOUBLED: [usize; 4] = [1024, 1024, 2048, 4096];
    let host = zlib::InflateState::new;
    assert_eq!(taken(host, true), DOUBLED);
    assert_eq!(taken(host, false), DOUBLED);
    assert_eq!(taken(InflateState::new, false), DOUBLED);
    // Out of the ring it grows by what is there.
    assert_eq!(taken(InflateState::new, true), [1, 1000, 1500, 3000]);
}

/// A binary frame of a server.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).expect("a short frame");
    [&[first, 126][..], &len.to_be_bytes(), payload].concat()
}

// row: LIM-01, PMD-40
#[test]
fn memory_is_given_back_between_messages_and_never_within_one() {
    let message = Random::new(3).octets(3000);
    let mut compressor = zlib::Compressor::new(6);
    compressor.configure(Some(&agreed(9, false)));
    let payload = compress(&mut compressor, &message, 1 << 16, 1 << 16);
    let (front, back) = payload.split_at(2000);
    for takeover in [true, false] {
        let mut inflater = Inflater::new(InflateState::new(), Growing::default());
        inflater
            .configure(Some(&agreed(9, takeover)))
            .expect("memory");
        let mut receiver = Receiver::<Client, _, _>::with_stage(vec![0; 4096], inflater);
        for _ in 0..2 {
            for (octets, expected) in [
                (frame(0x42, front), Step::NeedOctets),
                (frame(0x80, back), Step::Message),
            ] {
                let mut step = Ok(Step::NeedOctets);
                for piece in octets.chunks(500) {
                    receiver.spare()[..piece.len()].copy_from_slice(piece);
                    receiver.commit(piece.len());
                    step = receiver.step(Delivery::Message);
                }
                assert_eq!(step, Ok(expected));
                if expected == Step::NeedOctets {
                    assert!(receiver.has_grown());
                    receiver.shrink();
                }
            }
            let received = receiver.message().expect("a message").expect("one");
            assert_eq!(received.as_bytes(), message, "takeover {takeover}");
            assert_eq!(receiver.step(Delivery::Message), Ok(Step::NeedOctets));
            assert!(receiver.has_grown());
            receiver.shrink();
            assert!(!receiver.has_grown(), "takeover {takeover}");
        }
    }
}

#[test]
fn stages_that_were_in_use_are_so_no_more_when_they_are_offered() {
    let before = Agreed {
        receive_window_bits: 9,
        receive_no_context_takeover: false,
        send_window_bits: 9,
        send_no_context_takeover: false,
    };
    let mut inflater = Inflater::new(InflateState::new(), vec![0; 1024]);
    inflater.configure(Some(&before)).expect("memory");
    let mut compressor = Compressor::new(Lean::<768, 512>::new());
    compressor.configure(Some(&before));
    let deflate = Deflate::whole(inflater, compressor, 512).expect("memory");
    // A server that declines leaves them as they are.
    let (inflater, compressor, agreed) = deflate.into_stages();
    assert_eq!(agreed, None);
    assert!(!inflater.is_active() && !compressor.is_active());
}
