//! permessage-deflate as the one value with which a connection is opened: nothing is left to be
//! configured, and memory that cannot serve what is meant to be received is refused.

use bare_ws::buffer::{Buffers, Growing};
use bare_ws::close::CloseCode;
use bare_ws::compression::Uncompressed;
use bare_ws::deflate::negotiate::{Agreed, Offer};
use bare_ws::deflate::{Compressor, Deflate, InflateState, Inflater, Lean, MemoryTooSmall, zlib};
use bare_ws::entropy::{Entropy, EntropyError};
use bare_ws::error::{Error, Usage, Violation as FrameViolation};
use bare_ws::handshake::{
    ClientHandshake, Compression, HandshakeError, Progress, Refusal, Request,
};
use bare_ws::message::Message;
use bare_ws::receiver::{Delivery, Receiver, Step};
use bare_ws::role::Client;
use bare_ws::uri::Uri;
use bare_ws::{asynch, blocking};
use bare_ws_tests::io::Transport;
use bare_ws_tests::poll::block_on;

/// "the sample nonce" of RFC 6455 §1.3, then masking keys of zeros.
struct Sample;

impl Entropy for Sample {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        octets.fill(0);
        if let Ok(nonce) = <&mut [u8; 16]>::try_from(octets) {
            *nonce = *b"the sample nonce";
        }
        Ok(())
    }
}

/// RFC 7692 §7.2.3.1: "Hello", and §7.2.3.2: once more, by what was said before.
const HELLO: &[u8] = b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00";
const AGAIN: &[u8] = b"\xc1\x05\xf2\x00\x11\x00\x00";

/// An answer that grants `extensions`, and what comes behind it.
fn answer(extensions: &str, behind: &[&[u8]]) -> Vec<u8> {
    let field = match extensions {
        "" => String::new(),
        extensions => format!("Sec-WebSocket-Extensions: {extensions}\r\n"),
    };
    let mut octets = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
         Sec-WebSocket-Protocol: chat\r\n{field}\r\n"
    )
    .into_bytes();
    octets.extend(behind.concat());
    octets
}

fn request() -> Request<'static> {
    Request {
        subprotocols: &["superchat", "chat"],
        ..Request::new(Uri::parse("ws://h/").expect("a URI"))
    }
}

fn buffers() -> Buffers<[u8; 512], [u8; 512]> {
    Buffers {
        receive: [0; 512],
        transmit: [0; 512],
    }
}

type Lent = Deflate<Vec<u8>, Compressor<Lean<768, 512>>>;

fn inflater(memory: usize) -> Inflater<Vec<u8>> {
    Inflater::new(InflateState::new(), vec![0; memory])
}

fn whole(memory: usize, longest: usize) -> Result<Lent, MemoryTooSmall> {
    Deflate::whole(inflater(memory), Compressor::new(Lean::new()), longest)
}

fn pieces(memory: usize) -> Result<Lent, MemoryTooSmall> {
    Deflate::pieces(inflater(memory), Compressor::new(Lean::new()))
}

const GRANTED: &str = "permessage-deflate; server_max_window_bits=9; client_max_window_bits=9";
const TEXT: &str = "what is repeated is repeated is repeated";

// row: PMD-13, PMD-14
#[test]
fn opening_configures_both_directions_in_both_loops() {
    let incoming = answer(GRANTED, &[HELLO, AGAIN]);
    let agreed = Some(Agreed {
        receive_window_bits: 9,
        receive_no_context_takeover: false,
        send_window_bits: 9,
        send_no_context_takeover: false,
    });
    let compressed = |written: &[u8]| {
        let head = written.windows(4).position(|four| four == b"\r\n\r\n");
        let frame = &written[head.expect("a head") + 4..];
        assert_eq!(frame[0], 0xc1, "text, FIN and RSV1");
        assert!(frame.len() < TEXT.len(), "it shrinks");
    };

    let mut io = Transport::new(&incoming);
    let deflate = whole(1024, 512).expect("a window and a message");
    let opened = blocking::Connection::open(&mut io, &request(), buffers(), Sample, deflate);
    let (mut connection, established) = opened.expect("to open");
    // By its name, and it outlives the request.
    assert_eq!(established.subprotocol, Some("chat"));
    assert_eq!(established.extensions, agreed);
    for _ in 0..2 {
        assert_eq!(connection.recv().unwrap(), Some(Message::Text("Hello")));
    }
    connection.send(TEXT).unwrap();
    compressed(&io.written);

    let io = Transport::new(&incoming).halves();
    let deflate = whole(1024, 512).expect("a window and a message");
    let (request, buffers) = (request(), buffers());
    let opening = asynch::Connection::open(io.clone(), &request, buffers, Sample, deflate);
    let (mut connection, established) = block_on(opening).expect("to open");
    assert_eq!(established.subprotocol, Some("chat"));
    assert_eq!(established.extensions, agreed);
    for _ in 0..2 {
        let message = block_on(connection.recv()).unwrap();
        assert_eq!(message, Some(Message::Text("Hello")));
    }
    block_on(connection.send(TEXT)).unwrap();
    compressed(&io.0.get().written);
}

// row: PMD-08, PMD-10
#[test]
fn what_is_not_granted_is_not_compressed() {
    let incoming = answer("", &[b"\x81\x02hi", HELLO]);
    let mut io = Transport::new(&incoming);
    let deflate = whole(1024, 512).expect("a window and a message");
    let opened = blocking::Connection::open(&mut io, &request(), buffers(), Sample, deflate);
    let (mut connection, established) = opened.expect("to open");
    assert_eq!(established.extensions, None);
    assert_eq!(connection.recv().unwrap(), Some(Message::Text("hi")));
    connection.send(TEXT).unwrap();
    assert_eq!(
        connection.recv().unwrap_err(),
        Error::Peer(FrameViolation::ReservedBit)
    );
    assert!(io.written.windows(TEXT.len()).any(|w| w == TEXT.as_bytes()));
}

#[test]
fn compression_may_be_decided_while_the_program_runs() {
    for offers in [true, false] {
        let deflate = offers.then(|| whole(1024, 512).expect("a window and a message"));
        let behind: &[u8] = if offers { HELLO } else { b"\x81\x05Hello" };
        let incoming = answer(if offers { GRANTED } else { "" }, &[behind]);
        let mut io = Transport::new(&incoming);
        let opened = blocking::Connection::open(&mut io, &request(), buffers(), Sample, deflate);
        let (mut connection, established) = opened.expect("to open");
        assert_eq!(established.extensions.is_some(), offers);
        assert_eq!(connection.recv().unwrap(), Some(Message::Text("Hello")));
        connection.send(TEXT).unwrap();
        let written = String::from_utf8_lossy(&io.written);
        assert_eq!(written.contains("permessage-deflate"), offers);
        assert_eq!(written.contains(TEXT), !offers);
    }
    // What was not offered must not be granted.
    let mut io = Transport::new(&answer(GRANTED, &[]));
    let none: Option<Lent> = None;
    let opened = blocking::Connection::open(&mut io, &request(), buffers(), Sample, none);
    let not_offered = HandshakeError::Extension(Refusal::NotOffered);
    assert_eq!(opened.err(), Some(not_offered));
}

#[test]
fn memory_that_cannot_serve_is_refused_before_anything_is_sent() {
    let refused = |deflate: Result<Lent, MemoryTooSmall>| {
        deflate.err().map(|error| (error.needed, error.given))
    };
    // Whole messages: the longest must fit. What is beside it is the window.
    assert_eq!(refused(whole(0, 1)), Some((1, 0)));
    assert_eq!(refused(whole(0, 0)), Some((1, 0)));
    assert_eq!(refused(whole(1023, 1024)), Some((1024, 1023)));
    assert_eq!(refused(whole(1024, 1024)), None);
    // Pieces: the smallest window that a server may be asked for.
    assert_eq!(refused(pieces(0)), Some((512, 0)));
    assert_eq!(refused(pieces(511)), Some((512, 511)));
    assert_eq!(refused(pieces(512)), None);
    let told = whole(1, 2).expect_err("too little").to_string();
    assert!(
        told.contains("2 octets") && told.contains("1 were given"),
        "{told}"
    );
    // Memory that grows has as much as its limit.
    let growing = |limit| {
        let memory = Growing::default().with_limit(limit);
        let inflater = Inflater::new(Box::new(zlib::InflateState::new()), memory);
        let deflate = Deflate::whole(inflater, zlib::Compressor::new(6), 1 << 20);
        deflate.map(|deflate| deflate.offers().to_vec())
    };
    assert_eq!(
        growing(1 << 20),
        Ok(vec![Offer {
            server_no_context_takeover: true,
            ..Offer::HOST[0]
        }])
    );
    assert_eq!(growing(2 << 20), Ok(Offer::HOST.to_vec()));
    assert!(growing((1 << 20) - 1).is_err());
}

#[test]
fn a_whole_message_asked_of_memory_for_pieces_is_a_fault_of_the_program() {
    // Whether the server compresses or not, and whether a message is there or not.
    for (extensions, behind) in [(GRANTED, HELLO), ("", b"\x81\x05Hello"), (GRANTED, b"")] {
        let mut io = Transport::new(&answer(extensions, &[behind]));
        let deflate = pieces(512).expect("a window");
        let opened = blocking::Connection::open(&mut io, &request(), buffers(), Sample, deflate);
        let (mut connection, _) = opened.expect("to open");
        assert_eq!(connection.recv().err(), Some(Usage::PiecesOnly.into()));
        if !behind.is_empty() {
            // Nothing has changed.
            let chunk = connection.recv_chunk().unwrap().expect("a piece");
            assert_eq!(chunk.octets, b"Hello");
        }
        connection.close(Some(CloseCode::NORMAL), "").unwrap();
    }
}

/// Without I/O: what was read behind the head stays when the receiver gets its stage.
#[test]
fn the_machines_alone_are_configured_by_what_the_handshake_gives() {
    let request = request();
    let deflate = whole(1024, 512).expect("a window and a message");
    let mut handshake = ClientHandshake::new(&request, deflate, &mut Sample).expect("a request");
    while handshake.write(&mut [0; 100]) > 0 {}
    let mut receiver = Receiver::<Client, _>::new([0; 512]);
    let incoming = answer(GRANTED, &[HELLO]);
    receiver.spare()[..incoming.len()].copy_from_slice(&incoming);
    receiver.commit(incoming.len());
    match handshake.read(receiver.unparsed()) {
        Ok(Progress::Done { consumed }) => receiver.skip(consumed),
        progress => panic!("{progress:?}"),
    }
    let established = handshake.finish().expect("established");
    let (inflater, _, agreed) = established.extensions.into_stages();
    assert!(agreed.is_some());
    let mut receiver = receiver.decompress_with(inflater);
    assert_eq!(receiver.step(Delivery::Message), Ok(Step::Message));
    assert_eq!(receiver.message(), Ok(Some(Message::Text("Hello"))));
    // A connection that is opened in its place has no stage to forget.
    let mut connection = blocking::Connection::new(
        Transport::new(&answer("", &[])),
        Receiver::<Client, _>::new([0; 512]),
        bare_ws::sender::Sender::new([0; 512], Sample),
    );
    let mut handshake = ClientHandshake::new(&request, Uncompressed, &mut Sample).unwrap();
    assert_eq!(connection.shake_hands(&mut handshake), Ok(()));
    assert_eq!(handshake.finish().map(|e| e.subprotocol), Ok(Some("chat")));
}
