//! permessage-deflate over sockets: what is offered, granted, declined and refused, and what then
//! goes over the wire. Without feature `zlib-rs` the same by the other engine.
#![cfg(feature = "deflate")]
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

mod choice;
mod limits;
#[path = "../peer/mod.rs"]
mod peer;
mod promises;

use std::io::Write;
use std::thread;

use bare_ws_std::bare_ws::blocking::Connection;
use bare_ws_std::bare_ws::buffer::Growing;
use bare_ws_std::bare_ws::deflate::Answering;
use bare_ws_std::bare_ws::deflate::negotiate::{Agreed, Offer, Parameter, Refusal, WindowMemory};
use bare_ws_std::bare_ws::error::Violation;
use bare_ws_std::bare_ws::handshake::Progress;
use bare_ws_std::bare_ws::handshake::server::{ServerHandshake, Service};
use bare_ws_std::bare_ws::receiver::Receiver;
use bare_ws_std::bare_ws::role::Server;
use bare_ws_std::bare_ws::sender::Sender;
use bare_ws_std::{
    CloseCode, Config, Deflate, Deflating, Error, Inflating, Message, MessageKind, SystemEntropy,
    WebSocket,
};
use embedded_io::Read as _;
use embedded_io_adapters::std::FromStd;
use peer::{Conn, Peer, frame, serve, serve_many};

const NAME: &str = "permessage-deflate";

fn offer(parameters: &str) -> Offer {
    Offer::parse(parameters).expect("lawful parameters")
}

/// An echo server by the core's server role, which can decode what `held` says. Gives what was
/// agreed, as the server sees it.
fn echo_server(held: WindowMemory) -> Peer<Option<Agreed>> {
    serve(move |conn| {
        let mut io = FromStd::new(conn.tcp);
        let service = Service::ANY;
        let mut handshake = ServerHandshake::new(&service, Answering::new(held));
        let mut receiver =
            Receiver::<Server, _, _>::with_stage(Growing::with_len(4096), Inflating::default());
        loop {
            let n = io.read(receiver.spare()).unwrap();
            receiver.commit(n);
            match handshake.read(receiver.unparsed()) {
                Progress::NeedOctets => receiver.skip(usize::MAX),
                Progress::Done { consumed } => break receiver.skip(consumed),
            }
        }
        let mut answer = [0; 512];
        let n = handshake.write(&mut answer);
        io.inner_mut().write_all(&answer[..n]).unwrap();
        let agreed = handshake.finish().unwrap().extensions.agreed().copied();
        let mut deflating = Deflating::default();
        if let Some(agreed) = &agreed {
            let stages = Deflate::new().stages(agreed, 16 * 1024 * 1024);
            (*receiver.stage_mut(), deflating) = stages.unwrap();
        }
        let entropy = SystemEntropy::new().unwrap();
        let sender = Sender::<Server, _, _, _>::with_stage(vec![0; 4096], entropy, deflating);
        let Connection {
            mut reader,
            mut writer,
        } = Connection::new(io, receiver, sender);
        while let Some(message) = reader.recv(&mut writer).expect("lawful frames") {
            writer.send(message).unwrap();
        }
        agreed
    })
}

/// A server that grants `answer`, then behaves.
fn grants(answer: &'static str, behave: fn(&mut Conn)) -> Peer {
    serve(move |mut conn| {
        accept(&mut conn, answer);
        behave(&mut conn);
    })
}

fn accept(conn: &mut Conn, answer: &str) {
    let field = if answer.is_empty() {
        String::new()
    } else {
        format!("Sec-WebSocket-Extensions: {answer}\r\n")
    };
    conn.accept_with(&field, b"");
}

fn samples() -> Vec<String> {
    let mut samples: Vec<_> = (0..40)
        .map(|n| format!(r#"{{"device":"roof-7","sequence":{n},"temperature":21.{n:03}}}"#))
        .collect();
    samples.push(String::new());
    samples.push("é".repeat(20_000));
    // Each octet once: it does not shrink, and goes raw.
    samples.push((' '..='~').collect());
    samples.push(samples[3].clone());
    samples
}

fn exchange(mut socket: WebSocket, samples: &[String]) {
    for text in samples {
        socket.send(text.as_str()).unwrap();
        let received = socket.recv().unwrap();
        assert!(received == Some(Message::Text(text)), "{text:.40}");
        socket.writer.send(text.as_bytes()).unwrap();
        let received = socket.recv().unwrap();
        assert!(
            received == Some(Message::Binary(text.as_bytes())),
            "{text:.40}"
        );
    }
    let totals = socket.writer.compressed();
    if socket.deflate().is_some() {
        assert!(totals.compressed > 0 && totals.compressed < totals.plain / 8);
    } else {
        assert_eq!(totals.plain, 0);
    }
    let status = socket.finish(Some(CloseCode::NORMAL), "").unwrap();
    assert_eq!(status.map(|status| status.code), Some(CloseCode::NORMAL));
}

/// A client's memory and offers, a server's memory; the windows that were agreed on, to the client
/// and from it, and who forgets after each message.
type Agreement = Option<((u8, bool), (u8, bool))>;
#[rustfmt::skip]
const AGREEMENTS: &[(u8, &[&str], WindowMemory, Agreement)] = &[
    // row: PMD-01, PMD-05, PMD-07, PMD-14, PMD-20, PMD-21
    (15, &[], WindowMemory::ALL, Some(((15, false), (15, false)))),
    (10, &[], WindowMemory::ALL, Some(((10, false), (15, false)))),
    (15, &[], WindowMemory { window_bits: Some(10), whole: false }, Some(((15, false), (10, false)))),
    (9, &[], WindowMemory { window_bits: Some(9), whole: false }, Some(((9, false), (9, false)))),
    (8, &["server_max_window_bits=8; client_max_window_bits=8"], WindowMemory::ALL, Some(((8, false), (8, false)))),
    (15, &["server_no_context_takeover"], WindowMemory::ALL, Some(((15, true), (15, false)))),
    (15, &["client_no_context_takeover"], WindowMemory::ALL, Some(((15, false), (15, true)))),
    (9, &["server_no_context_takeover; client_no_context_takeover"], WindowMemory::ALL, Some(((15, true), (15, true)))),
    // The first that it can honour.
    (15, &["", "client_max_window_bits"], WindowMemory { window_bits: Some(12), whole: false }, Some(((15, false), (12, false)))),
    (15, &["server_max_window_bits=12", "server_max_window_bits=11"], WindowMemory::ALL, Some(((12, false), (15, false)))),
    // row: PMD-08
    (15, &[""], WindowMemory { window_bits: Some(12), whole: false }, None),
];

#[test]
fn messages_go_compressed_both_ways_as_agreed() {
    let samples = samples();
    for (window, offers, held, agreement) in AGREEMENTS {
        let peer = echo_server(*held);
        let deflate = offers
            .iter()
            .fold(Deflate::new().window_bits(*window), |deflate, offered| {
                deflate.offer(offer(offered))
            });
        let config = Config::new().deflate(deflate).transmit_buffer(700);
        let socket = config.connect(&peer.uri()).unwrap();
        let agreed = socket.deflate().map(|agreed| {
            (
                (
                    agreed.receive_window_bits,
                    agreed.receive_no_context_takeover,
                ),
                (agreed.send_window_bits, agreed.send_no_context_takeover),
            )
        });
        assert_eq!(agreed, *agreement, "{window} {offers:?}");
        exchange(socket, &samples);
        let theirs = peer.join();
        assert_eq!(theirs.is_some(), agreement.is_some());
    }
}

// row: PMD-01
#[test]
fn offers_stand_in_one_field_in_order_of_preference() {
    let rows: &[(Deflate, Option<&str>)] = &[
        (
            Deflate::new(),
            Some("permessage-deflate; client_max_window_bits"),
        ),
        (
            Deflate::new().window_bits(10).pieces(),
            Some("permessage-deflate; server_max_window_bits=10; client_max_window_bits"),
        ),
        (
            Deflate::new().window_bits(10),
            Some(
                "permessage-deflate; server_max_window_bits=10; client_max_window_bits, \
                 permessage-deflate; server_no_context_takeover; client_max_window_bits",
            ),
        ),
        (
            Deflate::new()
                .offer(offer("client_max_window_bits=9"))
                .offer(offer("")),
            Some("permessage-deflate; client_max_window_bits=9, permessage-deflate"),
        ),
    ];
    for (deflate, field) in rows {
        let peer = serve(|mut conn| {
            conn.accept();
            conn.field("Sec-WebSocket-Extensions").map(str::to_owned)
        });
        Config::new()
            .deflate(deflate.clone())
            .connect(&peer.uri())
            .unwrap();
        assert_eq!(peer.join().as_deref(), *field);
    }
    let peer = serve(|mut conn| {
        conn.accept();
        conn.field("Sec-WebSocket-Extensions").map(str::to_owned)
    });
    Config::new().connect(&peer.uri()).unwrap();
    assert_eq!(peer.join(), None, "without being asked for");
}

/// What was offered and answered, and which words the error must have.
const REFUSED: &[(&str, &str, &str)] = &[
    // row: PMD-02, PMD-03, PMD-04
    ("", "permessage-deflate; foo", "unknown parameter"),
    (
        "server_max_window_bits=12",
        "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10",
        "server_max_window_bits",
    ),
    (
        "",
        "permessage-deflate; client_no_context_takeover=1",
        "client_no_context_takeover",
    ),
    (
        "server_max_window_bits=12",
        "permessage-deflate; server_max_window_bits=010",
        "server_max_window_bits",
    ),
    // row: TRAP-24
    (
        "",
        "permessage-deflate; server_max_window_bits=1000",
        "server_max_window_bits",
    ),
    // row: PMD-05, PMD-06
    (
        "server_max_window_bits=10",
        "permessage-deflate; server_max_window_bits=11",
        "server_max_window_bits",
    ),
    (
        "server_max_window_bits=10",
        "permessage-deflate",
        "server_max_window_bits",
    ),
    // row: PMD-07
    (
        "server_max_window_bits=12",
        "permessage-deflate; server_max_window_bits=12; client_max_window_bits=10",
        "client_max_window_bits",
    ),
    (
        "server_max_window_bits=12; client_max_window_bits",
        "permessage-deflate; server_max_window_bits=12; client_max_window_bits",
        "client_max_window_bits",
    ),
    (
        "server_max_window_bits=12",
        "permessage-deflate, permessage-deflate",
        "server_max_window_bits",
    ),
    ("server_max_window_bits=12", "x-other", "not offered"),
];

#[test]
fn a_refused_answer_names_the_parameter() {
    for (offered, answer, word) in REFUSED {
        let window = if offered.is_empty() { 15 } else { 12 };
        let deflate = Deflate::new().window_bits(window).offer(offer(offered));
        let deflate = if window < 15 {
            deflate.pieces()
        } else {
            deflate
        };
        let peer = grants(answer, |conn| {
            conn.frame(0xc1, b"\xf2\x48\xcd\xc9\xc9\x07\x00");
            assert!(conn.sees_end());
        });
        let error = Config::new()
            .deflate(deflate)
            .connect(&peer.uri())
            .unwrap_err();
        assert_eq!(error.kind(), "handshake", "{answer}");
        assert!(matches!(error, Error::Extension(_)), "{answer}: {error:?}");
        assert!(error.to_string().contains(word), "{answer}: {error}");
        peer.join();
    }
}

// row: PMD-05, PMD-06
#[test]
fn what_the_memory_cannot_honour_is_not_offered() {
    for (window, pieces, offered) in [
        (14, false, ""),
        (9, false, "server_max_window_bits=10"),
        (9, true, "server_no_context_takeover"),
    ] {
        let deflate = Deflate::new().window_bits(window).offer(offer(offered));
        let deflate = if pieces { deflate.pieces() } else { deflate };
        // Nobody is there to be connected to.
        let error = Config::new().deflate(deflate).connect("ws://127.0.0.1:1/");
        assert!(
            matches!(
                error,
                Err(Error::Offer(Refusal::Window(
                    Parameter::ServerMaxWindowBits
                )))
            ),
            "{offered}: {error:?}"
        );
    }
}

#[test]
fn a_server_that_cannot_be_had_with_it_is_had_without_it_on_request() {
    let peer = serve_many(2, |index, mut conn| {
        // As gorilla answers.
        let answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        accept(&mut conn, if index == 0 { answer } else { "" });
        let offered = conn.field("Sec-WebSocket-Extensions").is_some();
        if index == 1 {
            conn.frame(0x81, b"plain");
            conn.read_close();
        }
        offered
    });
    let deflate = Deflate::new().window_bits(9).pieces().or_without();
    let mut socket = Config::new().deflate(deflate).connect(&peer.uri()).unwrap();
    assert_eq!(socket.deflate(), None);
    assert_eq!(socket.recv().unwrap(), Some(Message::Text("plain")));
    socket.close(None, "").unwrap();
    assert_eq!(peer.join(), [true, false]);
}

// row: PMD-08, PMD-10
#[test]
fn declined_it_is_a_plain_connection() {
    let peer = grants("", |conn| {
        conn.frame(0xc1, b"\xf2\x48\xcd\xc9\xc9\x07\x00");
        assert_eq!(conn.read_close(), Some(1002));
    });
    let mut socket = Config::new()
        .deflate(Deflate::new())
        .connect(&peer.uri())
        .unwrap();
    assert!(matches!(
        socket.recv(),
        Err(Error::Peer(Violation::ReservedBit))
    ));
    peer.join();
}

// row: PMD-13, PMD-14, PMD-17, PMD-19
#[test]
fn the_examples_of_the_rfc_arrive() {
    let peer = grants(NAME, |conn| {
        for octets in [
            b"\xf2\x48\xcd\xc9\xc9\x07\x00".as_slice(),
            b"\xf2\x00\x11\x00\x00",
            b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
            b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",
        ] {
            conn.frame(0xc1, octets);
        }
        conn.frame(0xc1, b"\x06");
        assert_eq!(conn.read_close(), Some(1007));
    });
    let mut socket = Config::new()
        .deflate(Deflate::new())
        .connect(&peer.uri())
        .unwrap();
    for _ in 0..4 {
        assert_eq!(socket.recv().unwrap(), Some(Message::Text("Hello")));
    }
    let error = socket.recv().unwrap_err();
    assert!(matches!(error, Error::Peer(Violation::CorruptCompression)));
    peer.join();
}

// row: SEED-32, LIV-24
#[test]
fn debug_shows_nothing_of_messages() {
    const SECRET: &str = "sQ7xKw0Vz9";
    let peer = echo_server(WindowMemory::ALL);
    let mut socket = Config::new()
        .deflate(Deflate::new())
        .connect(&peer.uri())
        .unwrap();
    socket.send(SECRET).unwrap();
    assert_eq!(socket.recv().unwrap(), Some(Message::Text(SECRET)));
    let numbers = format!("{:?}", SECRET.as_bytes());
    let numbers = numbers.trim_matches(['[', ']']);
    let hides = |value: &dyn std::fmt::Debug| {
        let shown = format!("{value:?}");
        assert!(
            !shown.contains(SECRET) && !shown.contains(numbers),
            "{shown}"
        );
    };
    hides(&socket);
    let (mut reader, writer) = socket.split();
    hides(&reader);
    hides(&writer);
    writer.close(None, "").unwrap();
    assert_eq!(reader.recv().unwrap(), None);
    peer.join();
}

// row: PMD-12, PMD-20
#[test]
fn halves_compress_on_two_threads() {
    let peer = echo_server(WindowMemory::ALL);
    let samples = samples();
    let socket = Config::new()
        .deflate(Deflate::new())
        .connect(&peer.uri())
        .unwrap();
    let (mut reader, writer) = socket.split();
    thread::scope(|scope| {
        scope.spawn(|| {
            for text in &samples {
                writer.send(text.as_str()).unwrap();
                writer.ping(b"in between").unwrap();
            }
            writer.close(Some(CloseCode::NORMAL), "").unwrap();
        });
        for text in &samples {
            assert!(reader.recv().unwrap() == Some(Message::Text(text)));
        }
        assert_eq!(reader.recv().unwrap(), None);
    });
    assert!(peer.join().is_some());
}

// row: RSP-16
#[test]
fn frames_right_behind_the_answer_are_inflated() {
    let peer = serve(|mut conn| {
        let first = frame(0xc1, b"\xf2\x48\xcd\xc9\xc9\x07\x00");
        conn.accept_with("Sec-WebSocket-Extensions: permessage-deflate\r\n", &first);
        assert_eq!(conn.read_close(), Some(1000));
    });
    let mut socket = Config::new()
        .deflate(Deflate::new())
        .connect(&peer.uri())
        .unwrap();
    assert_eq!(socket.recv().unwrap(), Some(Message::Text("Hello")));
    socket.close(Some(CloseCode::NORMAL), "").unwrap();
    peer.join();
}
