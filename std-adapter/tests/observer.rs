//! Frame headers as they pass, shown to an observer.
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

mod peer;

use std::sync::mpsc::{self, Receiver};
use std::time::Instant;

use bare_ws_std::bare_ws::opcode::Opcode;
use bare_ws_std::{CloseCode, Config, Direction, Error, Observed};
use peer::{frame, serve};

/// Sends a message and a Ping, receives a message, and closes.
type Way = fn(&Config, &str, &str) -> Result<(), Error>;

fn blocking(config: &Config, uri: &str, text: &str) -> Result<(), Error> {
    let mut socket = config.connect(uri)?;
    socket.recv()?;
    socket.send(text)?;
    socket.ping(b"p")?;
    socket.recv()?;
    socket.finish(CloseCode::NORMAL, "bye").map(drop)
}

#[cfg(feature = "tokio")]
fn tokio(config: &Config, uri: &str, text: &str) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let mut socket = bare_ws_std::tokio::connect_with(config, uri).await?;
        socket.recv().await?;
        socket.send(text).await?;
        socket.ping(b"p").await?;
        socket.recv().await?;
        socket.finish(CloseCode::NORMAL, "bye").await.map(drop)
    })
}

#[cfg(feature = "tokio")]
const WAYS: [Way; 2] = [blocking, tokio];
#[cfg(not(feature = "tokio"))]
const WAYS: [Way; 1] = [blocking];

fn observed(config: Config) -> (Config, Receiver<Observed>) {
    let (seen, frames) = mpsc::channel();
    (
        config.observer(move |frame| seen.send(*frame).unwrap()),
        frames,
    )
}

/// Direction, opcode, FIN and length of each.
fn headers(frames: &Receiver<Observed>, way: Direction) -> Vec<(Opcode, bool, u64)> {
    let all: Vec<_> = frames.try_iter().collect();
    assert!(all.is_sorted_by_key(|frame| frame.at));
    assert!(all.iter().all(|frame| frame.at <= Instant::now()));
    let its = all.iter().filter(|frame| frame.direction == way);
    its.map(|Observed { header, .. }| {
        assert_eq!(header.is_masked(), way == Direction::Sent);
        assert!(!header.rsv1);
        (header.opcode, header.fin, header.len)
    })
    .collect()
}

// row: SEED-11, SEED-22
#[test]
fn frames_are_seen_in_both_directions_whatever_they_are() {
    use Opcode::{Close, Continuation, Ping, Pong, Text};
    for way in WAYS {
        let received = [
            (Text, true, 2),
            (Ping, true, 0),
            (Text, false, 1),
            (Pong, true, 1),
            (Continuation, true, 70_000),
            (Close, true, 2),
        ];
        let sent = [(Text, true, 300), (Ping, true, 1), (Close, true, 5)];
        for wanted in [Direction::Received, Direction::Sent] {
            let server = serve(|mut conn| {
                // The first frame comes together with the response, the second in pieces.
                conn.accept_with("", &frame(0x81, b"hi"));
                conn.read_message();
                assert_eq!(conn.read_frame().unwrap().0, 0x89);
                conn.send(&[0x89]);
                conn.send(&[0]);
                conn.frame(0x01, b"a");
                conn.frame(0x8a, b"p");
                conn.frame(0x80, &vec![b'b'; 70_000]);
                conn.read_close();
                conn.close(1000, b"");
            });
            let began = Instant::now();
            let (config, frames) = observed(Config::new());
            way(&config, &server.uri(), &"x".repeat(300)).unwrap();
            server.join();
            let seen = headers(&frames, wanted);
            match wanted {
                Direction::Received => assert_eq!(seen, received),
                // The Ping of the server's is answered before or behind ours.
                Direction::Sent => {
                    let is_ours = |(opcode, ..): &(Opcode, bool, u64)| *opcode != Pong;
                    let seen: Vec<_> = seen.into_iter().filter(is_ours).collect();
                    assert_eq!(seen, sent);
                }
            }
            assert!(began.elapsed() < peer::LONG);
        }
    }
}

// row: SEED-11
#[test]
fn what_breaks_a_rule_is_not_shown() {
    for way in WAYS {
        let server = serve(|mut conn| {
            conn.accept_with("", &frame(0x81, b"hi"));
            conn.read_message();
            conn.send(&[0x83, 0, 0x81, 0]);
            conn.read_close();
        });
        let (config, frames) = observed(Config::new());
        let error = way(&config, &server.uri(), "x").unwrap_err();
        assert_eq!(error.kind(), "protocol");
        server.join();
        assert_eq!(
            headers(&frames, Direction::Received),
            [(Opcode::Text, true, 2)]
        );
    }
}

// row: SEED-11
#[cfg(feature = "deflate")]
#[test]
fn a_compressed_message_has_its_bit_and_its_length_on_the_wire() {
    use bare_ws_std::Deflate;

    let server = serve(|mut conn| {
        conn.accept_with("Sec-WebSocket-Extensions: permessage-deflate\r\n", b"");
        let (first, payload) = conn.read_frame().unwrap();
        assert_eq!(first, 0xc1);
        payload.len() as u64
    });
    let (config, frames) = observed(Config::new().deflate(Deflate::new()));
    let mut socket = config.connect(&server.uri()).unwrap();
    socket.send("x".repeat(5000)).unwrap();
    let len = server.join();
    let Observed { header, .. } = frames.try_recv().unwrap();
    assert!(header.rsv1 && header.len == len && len < 100);
}
