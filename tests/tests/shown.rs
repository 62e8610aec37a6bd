//! What `Debug` shows of what holds payload, keys and credentials: nothing of it.

use core::fmt::Debug;

use bare_ws::blocking::{Connection, Reader, Writer};
use bare_ws::buffer::Growing;
use bare_ws::compression::Decompress;
use bare_ws::compression::Uncompressed;
use bare_ws::deflate::negotiate::Agreed;
use bare_ws::deflate::{
    Compressor, CompressorMemory as _, Configure as _, Deflate, Full, Heap, InflateState, Inflater,
    Lean, zlib,
};
use bare_ws::entropy::{Entropy, EntropyError};
use bare_ws::handshake::server::{ServerHandshake, Service};
use bare_ws::handshake::{ClientHandshake, Progress, Request, fields};
use bare_ws::message::MessageKind;
use bare_ws::receiver::{Delivery, Receiver};
use bare_ws::role::{Client, Server};
use bare_ws::sender::{Outgoing, Sender};
use bare_ws::uri;
use bare_ws::utf8::Utf8;
use bare_ws_tests::deflate::{agreed, compress};
use bare_ws_tests::laws::Keys;

/// It deflates to itself, literal by literal or stored, and is found in no name.
const SECRET: &str = "sQ7xKw0Vz9";

/// What `Debug` shows of `value`, plain and pretty, must hold no four octets of the secret, as text
/// or as numbers.
fn hides(name: &str, value: &dyn Debug) {
    for shown in [format!("{value:?}"), format!("{value:#?}")] {
        let shown: String = shown.split_whitespace().collect();
        assert!(!shown.is_empty(), "{name}");
        for four in SECRET.as_bytes().windows(4) {
            let text = core::str::from_utf8(four).expect("ASCII");
            let numbers: String = four.iter().map(|octet| format!("{octet},")).collect();
            let numbers = numbers.trim_end_matches(',');
            assert!(!shown.contains(text), "{name}: {shown}");
            assert!(!shown.contains(numbers), "{name}: {shown}");
        }
    }
}

fn compressors(agreed: &Agreed) {
    macro_rules! hide {
        ($($name:literal: $memory:expr),* $(,)?) => {$({
            let mut memory = $memory;
            let mut stage = Compressor::new(&mut memory);
            stage.configure(Some(agreed));
            assert!(!compress(&mut stage, SECRET.as_bytes(), 100, 100).is_empty());
            hides($name, &stage);
            hides($name, &memory.parts());
            hides($name, &memory);
        })*};
    }
    hide! {
        "lean": Lean::<1536, 1024>::new(),
        "full": Full::<5120, 1024, 1024>::new(),
        "heap": Heap::new(10),
        "boxed": Box::new(Heap::new(10)),
    }
    let mut stage = zlib::Compressor::new(6);
    stage.configure(Some(agreed));
    assert!(!compress(&mut stage, SECRET.as_bytes(), 100, 100).is_empty());
    hides("zlib", &stage);
}

fn inflaters(agreed: &Agreed) {
    hides("the engine", &InflateState::new());
    hides("zlib's engine", &zlib::InflateState::new());
    let inflater = Inflater::new(InflateState::new(), Growing::default());
    let deflate = Deflate::whole(inflater, Compressor::new(Heap::new(10)), 1000);
    hides("both stages", &deflate.expect("memory that grows"));
    // A stored block.
    let len = SECRET.len() as u8;
    let payload = [&[0, len, 0, !len, 0xff], SECRET.as_bytes(), &[0]].concat();
    macro_rules! hide {
        ($($name:literal: $engine:expr, $memory:expr);* $(;)?) => {$(
            for whole in [true, false] {
                let mut stage = Inflater::new($engine, $memory);
                stage.configure(Some(agreed)).expect("memory");
                stage.begin(whole);
                stage.decompress(&payload, true).expect("a message");
                assert_eq!(stage.output(), SECRET.as_bytes());
                hides($name, &stage);
            }
        )*};
    }
    hide! {
        "array": InflateState::new(), [0; 2048];
        "growing": InflateState::new(), Growing::default();
        "boxed": Box::new(InflateState::new()), vec![0; 2048];
        "zlib": zlib::InflateState::new(), Growing::default();
    }
}

// row: SEED-32, LIV-24
#[test]
fn nothing_that_holds_payload_shows_it() {
    compressors(&agreed(10, true));
    inflaters(&agreed(10, true));

    let frame = [&[0x82, SECRET.len() as u8], SECRET.as_bytes()].concat();
    macro_rules! hide {
        ($($name:literal: $memory:expr);* $(;)?) => {$(
            for taken in [frame.len(), frame.len() - 1] {
                let mut receiver = Receiver::<Client, _>::new($memory);
                for octet in &frame[..taken] {
                    receiver.spare()[0] = *octet;
                    receiver.commit(1);
                    let _ = receiver.step(Delivery::Message);
                }
                hides($name, &receiver);
                hides($name, &Reader::new(receiver));
            }
        )*};
    }
    hide! {
        "receiver over an array": [0; 64];
        "receiver over a box": vec![0; 64].into_boxed_slice();
        "receiver over growing memory": Growing::default();
    }
    // A Ping, for which a Pong is owed.
    let mut receiver = Receiver::<Client, _>::new([0; 64]);
    let ping = [&[0x89, SECRET.len() as u8], SECRET.as_bytes()].concat();
    receiver.spare()[..ping.len()].copy_from_slice(&ping);
    receiver.commit(ping.len());
    let _ = receiver.step(Delivery::Message);
    assert!(receiver.owed().is_due());
    hides("what is owed", receiver.owed());
    // The first octets of a character.
    let mut utf8 = Utf8::new();
    assert_eq!(utf8.check(b"\xf0\x9d\x84"), Ok(()));
    let shown = format!("{utf8:?}");
    assert!(shown.starts_with("Utf8"), "{shown}");
    assert!(!shown.contains("240") && !shown.contains("157"), "{shown}");

    let mut growing = Growing::with_len(SECRET.len());
    bare_ws::buffer::Storage::octets_mut(&mut growing).copy_from_slice(SECRET.as_bytes());
    hides("growing memory", &growing);

    hides("what is to be sent", &Outgoing::new(SECRET.into()));
    let mut sender = Sender::<Server, _, _>::new([0; 200], Keys::default());
    let queued = sender.message(MessageKind::Text, SECRET.as_bytes(), true);
    assert!(queued.expect("room").complete);
    assert!(sender.pending().ends_with(SECRET.as_bytes()));
    hides("sender", &sender);
    let receiver = Receiver::<Server, _>::new([0; 64]);
    let connection = Connection {
        reader: Reader::new(receiver),
        writer: Writer::new(&mut [][..], sender),
    };
    hides("connection", &connection);
}

/// A nonce for the handshake.
struct Nonce;

impl Entropy for Nonce {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        octets.fill(7);
        Ok(())
    }
}

// row: SEED-32, LIV-24
#[test]
fn nothing_of_a_handshake_shows_credentials() {
    let headers = [("Authorization", SECRET), ("X-Api-Key", SECRET)];
    let request = Request {
        headers: &headers,
        ..Request::new(uri!("ws://h/"))
    };
    hides("request", &request);
    let mut handshake = ClientHandshake::new(&request, Uncompressed, &mut Nonce);
    let handshake = handshake.as_mut().expect("a request");
    while handshake.write(&mut [0; 64]) > 0 {}
    hides("handshake", &handshake);
    let head = format!("HTTP/1.1 401 x\r\nSet-Cookie: {SECRET}\r\n\r\n");
    assert_eq!(fields(head.as_bytes()).count(), 1);
    hides("fields", &fields(head.as_bytes()));
    let _ = handshake.read(head.as_bytes());
    hides("refused handshake", &handshake);
    let mut server = ServerHandshake::new(&Service::ANY, ());
    let request = format!("GET /{SECRET} HTTP/1.1\r\nSec-WebSocket-Key: {SECRET}");
    assert_eq!(server.read(request.as_bytes()), Progress::NeedOctets);
    hides("server's handshake", &server);
}
