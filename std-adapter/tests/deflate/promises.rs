//! What each option of an offer promises: its default, its edge, and one beyond.

use crate::*;

/// What is offered and held by default, and what follows from a smaller window and from receiving in pieces.
// row: PMD-01, PMD-05
#[test]
fn an_offer_is_what_its_options_say() {
    type Set = fn(Deflate) -> Deflate;
    const BROWSERS: &str = "client_max_window_bits";
    let table: [(Set, u8, bool, &[&str]); 7] = [
        (|it| it, 15, true, &[BROWSERS]),
        (|it| it.window_bits(15), 15, true, &[BROWSERS]),
        (|it| it.pieces(), 15, false, &[BROWSERS]),
        (
            |it| it.window_bits(14).pieces(),
            14,
            false,
            &["server_max_window_bits=14; client_max_window_bits"],
        ),
        (
            |it| it.window_bits(9),
            9,
            true,
            &[
                "server_max_window_bits=9; client_max_window_bits",
                "server_no_context_takeover; client_max_window_bits",
            ],
        ),
        // Servers that say 8 use 9.
        (
            |it| it.window_bits(8).pieces(),
            9,
            false,
            &["server_max_window_bits=9; client_max_window_bits"],
        ),
        (
            |it| {
                it.offer(offer(""))
                    .offer(offer("server_no_context_takeover"))
            },
            15,
            true,
            &["", "server_no_context_takeover"],
        ),
    ];
    for (number, (set, bits, whole, offers)) in table.into_iter().enumerate() {
        for deflate in [set(Deflate::new()), set(Deflate::default())] {
            let held = deflate.held();
            assert_eq!(
                (held.window_bits, held.whole),
                (Some(bits), whole),
                "{number}"
            );
            let wanted: Vec<_> = offers.iter().map(|it| offer(it)).collect();
            assert_eq!(deflate.offers(), wanted, "{number}");
        }
    }
}

/// Programs that drive the core themselves get stages for any lawful window, and for no other.
// row: PMD-05, PMD-30
#[test]
fn stages_are_for_a_window_that_there_is() {
    use bare_ws_std::bare_ws::compression::{Compress as _, Decompress as _};

    let agreed = Agreed {
        receive_window_bits: 15,
        receive_no_context_takeover: false,
        send_window_bits: 15,
        send_no_context_takeover: false,
    };
    for bits in 0..=20 {
        let stages = Deflate::new().window_bits(bits).stages(&agreed, 10);
        match stages {
            Ok((inflating, deflating)) => {
                assert!((8..=15).contains(&bits), "{bits}");
                assert!(inflating.is_active() && deflating.is_active());
                assert_eq!(deflating.totals(), Default::default());
            }
            Err(refusal) => {
                assert!(!(8..=15).contains(&bits), "{bits}");
                assert!(matches!(refusal, Refusal::Window(_)), "{refusal:?}");
            }
        }
    }
    // One limit, however a message is received.
    let hello = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
    for whole in [true, false] {
        for (limit, fits) in [(5, true), (4, false)] {
            let (mut inflating, _) = Deflate::new().stages(&agreed, limit).unwrap();
            inflating.begin(whole);
            let mut rest = &hello[..];
            let outcome = loop {
                match inflating.decompress(rest, true) {
                    Ok(done) if done.finished => break true,
                    Ok(done) => {
                        rest = &rest[done.consumed..];
                        inflating.release();
                    }
                    Err(_) => break false,
                }
            };
            assert_eq!(outcome, fits, "{limit}, {whole}");
        }
    }
}

/// A message of so many octets on the wire, of which hardly any comes out.
fn padded(octets: usize) -> Vec<u8> {
    // Stored blocks of no octet and of one, and the header of a last one whose rest is left out.
    let ones = (octets - 1) % 5;
    let none = (octets - 1 - 6 * ones) / 5;
    let mut message = [0, 0, 0, 0xff, 0xff].repeat(none);
    message.extend([0, 1, 0, 0xfe, 0xff, b'x'].repeat(ones));
    message.push(0);
    assert_eq!(message.len(), octets);
    message
}

/// 64 KiB more than what may come out, or what was set.
// row: PMD-30, PMD-31
#[test]
fn the_wires_limit_is_64_kib_more_than_the_messages() {
    const MORE: u64 = 64 * 1024;
    const LIMIT: u64 = 1000;
    for (whole, wire, most) in [
        (true, None, Some(LIMIT + MORE)),
        (false, None, Some(LIMIT + MORE)),
        (true, Some(700), Some(700)),
        (false, Some(700), Some(700)),
        (true, Some(LIMIT + 2 * MORE), Some(LIMIT + 2 * MORE)),
    ] {
        let most = most.unwrap();
        for octets in [most, most + 1] {
            let deflate = match wire {
                Some(wire) => Deflate::new().wire_limit(wire),
                None => Deflate::new(),
            };
            let config = Config::new().deflate(deflate);
            // The other level's is no help.
            let config = match whole {
                true => config.message_limit(LIMIT).stream_limit(1 << 20),
                false => config.message_limit(1 << 20).stream_limit(LIMIT),
            };
            let peer = serve(move |mut conn| {
                accept(&mut conn, NAME);
                conn.frame(0xc2, &padded(octets as usize));
                conn.close(1000, b"");
                conn.read_close()
            });
            let mut socket = config.connect(&peer.uri()).unwrap();
            let ended = loop {
                let more = match whole {
                    true => socket.recv().map(|it| it.is_some()),
                    false => socket.recv_chunk().map(|it| it.is_some()),
                };
                match more {
                    Ok(true) => {}
                    Ok(false) => break None,
                    Err(error) => break Some(error),
                }
            };
            drop(socket);
            let code = peer.join();
            match ended {
                None => assert_eq!((octets, code), (most, Some(1000)), "{whole}, {wire:?}"),
                Some(Error::TooLong { limit, .. }) => {
                    assert_eq!((octets, code), (most + 1, Some(1009)), "{whole}, {wire:?}");
                    assert_eq!(limit, most, "{whole}, {wire:?}");
                }
                Some(error) => panic!("{error:?}"),
            }
        }
    }
}

/// Of what was sent compressed, and of nothing else: exactly.
// row: PMD-33
#[test]
fn how_well_it_compresses_is_told_to_the_octet() {
    let peer = serve(|mut conn| {
        accept(&mut conn, NAME);
        let mut compressed = 0;
        while let Some((first, payload)) = conn.read_frame() {
            if first == 0x88 {
                break;
            }
            // And what follows the first frame of a message in several.
            if first & 0x40 != 0 || first & 0xf == 0 {
                compressed += payload.len() as u64;
            }
        }
        conn.close(1000, b"");
        compressed
    });
    let deflate = Config::new().deflate(Deflate::new());
    let mut socket = deflate.connect(&peer.uri()).unwrap();
    let none = socket.writer.compressed();
    assert_eq!((none.plain, none.compressed), (0, 0));
    let text = "again and ".repeat(100);
    socket.send(&text).unwrap();
    socket.writer.send_uncompressed(&text).unwrap();
    socket.send("short").unwrap();
    assert!(socket.writer.queue(&text).unwrap());
    socket
        .ping(b"again and again and again and again and")
        .unwrap();
    let totals = socket.writer.clone().compressed();
    // What would not shrink goes raw, and a message counts once it is complete.
    let each_once: String = (' '..='~').collect();
    socket.send(&each_once).unwrap();
    assert_eq!(socket.writer.compressed(), totals);
    let kind = MessageKind::Text;
    let fragment = |fin| {
        let sent = socket.writer.send_fragment(kind, text.as_bytes(), fin);
        sent.unwrap();
        socket.writer.compressed()
    };
    assert_eq!(fragment(false), totals);
    let totals = fragment(true);
    socket.finish(CloseCode::NORMAL, "").unwrap();
    assert_eq!((totals.plain, totals.compressed), (4000, peer.join()));
    assert!(totals.compressed < 400);
}

/// Whatever begins from then on, by any call, until it is allowed again.
// row: PMD-11, PMD-33, LIV-21
#[test]
fn compression_is_set_for_every_way_to_send() {
    let peer = serve(|mut conn| {
        accept(&mut conn, NAME);
        let mut firsts = Vec::new();
        while let Some((first, _)) = conn.read_frame() {
            if first == 0x88 {
                break;
            }
            firsts.push(first);
        }
        conn.close(1000, b"");
        firsts
    });
    let config = Config::new().deflate(Deflate::new());
    let mut socket = config.connect(&peer.uri()).unwrap();
    let text = "much the same, much the same, much the same".repeat(3);
    let writer = &socket.writer;
    // At first they may.
    for allowed in [None, Some(false), Some(true)] {
        if let Some(allowed) = allowed {
            writer.clone().set_compression(allowed);
        }
        writer.send(&text).unwrap();
        assert!(writer.queue(&text).unwrap());
        writer.flush().unwrap();
        let kind = MessageKind::Text;
        writer.send_fragment(kind, text.as_bytes(), true).unwrap();
    }
    socket.finish(CloseCode::NORMAL, "").unwrap();
    assert_eq!(peer.join(), [[0xc1; 3], [0x81; 3], [0xc1; 3]].concat());
}
