//! permessage-deflate, as a server sees it and as one that breaks it is told.

use bare_ws_std::bare_ws::compression::Decompress;
use bare_ws_std::bare_ws::deflate::negotiate::Agreed;
use bare_ws_std::{Deflate, Inflating};

use super::Outcome::{Closed, Error};
use super::{Conn, Row, end, row, told};

pub(super) const ROWS: &[Row] = &[
    // row: PMD-11, PMD-12, PMD-13, PMD-14, PMD-20
    row(
        "compressed messages",
        &["--deflate"],
        |c| {
            grant(c, "; server_max_window_bits=10");
            exchange(c, &mut inflating(15, false));
        },
        Closed("1000"),
    ),
    // row: PMD-01, PMD-07, PMD-21
    row(
        "offers in order, a window of 8 bits and no takeover for us",
        &[
            "--window",
            "9",
            "--deflate=server_max_window_bits=9; client_max_window_bits=10",
            "--deflate",
            "--deflate=server_no_context_takeover;server_max_window_bits=8",
        ],
        |c| {
            grant(
                c,
                "; server_max_window_bits=8; client_max_window_bits=8; client_no_context_takeover",
            );
            let field = c.field("Sec-WebSocket-Extensions").unwrap();
            let offers: Vec<_> = field.split(", ").collect();
            let first = "permessage-deflate; server_max_window_bits=9; client_max_window_bits=10";
            assert_eq!(offers.first(), Some(&first));
            let last = "permessage-deflate; server_no_context_takeover; server_max_window_bits=8";
            assert_eq!(offers.last(), Some(&last));
            let sensible = "permessage-deflate; server_max_window_bits=9; client_max_window_bits";
            assert_eq!(offers.get(1), Some(&sensible));
            exchange(c, &mut inflating(8, true));
        },
        Closed("1000"),
    ),
    // row: PMD-01, PMD-05
    row(
        "fixed buffers, and what is sensible for a window of 10 bits",
        &["--engine", "fixed", "--deflate"],
        |c| {
            grant(c, "; server_max_window_bits=10; client_max_window_bits=10");
            let field = c.field("Sec-WebSocket-Extensions").unwrap();
            let first = "permessage-deflate; server_max_window_bits=10; client_max_window_bits";
            assert_eq!(field.split(", ").next(), Some(first));
            exchange(c, &mut inflating(10, false));
        },
        Closed("1000"),
    ),
    // row: PMD-08
    row(
        "compression declined",
        &["--deflate"],
        |c| {
            c.accept();
            c.frame(0x81, b"plain");
            assert_eq!(c.read_message(), (1, b"plain".to_vec()));
            c.frame(0xc1, b"\xf2\x48\xcd\xc9\xc9\x07\x00");
            told(c, 1002);
        },
        Error("protocol", "reserved"),
    ),
    // row: PMD-05
    row(
        "a window larger than was asked for",
        &["--deflate=server_max_window_bits=9"],
        |c| {
            grant(c, "; server_max_window_bits=10");
            assert!(c.sees_end());
        },
        Error("handshake", "server_max_window_bits"),
    ),
    // row: PMD-06
    row(
        "no window at all, where the memory is for one",
        &["--engine", "fixed", "--deflate"],
        |c| {
            grant(
                c,
                "; server_no_context_takeover; client_no_context_takeover",
            );
            assert!(c.sees_end());
        },
        Error("handshake", "server_max_window_bits"),
    ),
    // row: PMD-02
    row(
        "an unknown parameter",
        &["--deflate"],
        |c| {
            grant(c, "; server_max_window_bits=9; foo");
            assert!(c.sees_end());
        },
        Error("handshake", "unknown parameter"),
    ),
    // row: PMD-19
    row(
        "compressed data that is none",
        &["--deflate"],
        |c| {
            grant(c, "; server_max_window_bits=9");
            c.frame(0xc1, b"\x06");
            told(c, 1007);
        },
        Error("protocol", "compress"),
    ),
    // row: PMD-30
    row(
        "a message that grows beyond the limit",
        &["--deflate", "--max-message", "10"],
        |c| {
            grant(c, "; server_max_window_bits=9");
            // Of 300 octets, all the same.
            c.frame(0xc1, b"\x4a\x4c\x1c\x05\xa3\x60\x14\x0c\x77\x00\x00");
            told(c, 1009);
        },
        Error("capacity", "message"),
    ),
];

/// Grants permessage-deflate with these parameters.
fn grant(conn: &mut Conn, parameters: &str) {
    let field = format!("Sec-WebSocket-Extensions: permessage-deflate{parameters}\r\n");
    conn.accept_with(&field, b"");
}

/// The frames' first octets, and what was echoed.
fn read_inflated(conn: &mut Conn, inflating: &mut Inflating) -> (Vec<u8>, Vec<u8>) {
    let (mut octets, mut firsts) = (Vec::new(), Vec::new());
    loop {
        let (first, payload) = conn.read_frame().expect("a message");
        firsts.push(first);
        if firsts[0] & 0x40 == 0 {
            octets.extend(payload);
        } else {
            if firsts.len() == 1 {
                inflating.begin(true);
            }
            let done = inflating.decompress(&payload, first & 0x80 != 0);
            assert!(done.expect("lawful").finished);
        }
        if first & 0x80 != 0 {
            if firsts[0] & 0x40 != 0 {
                octets = inflating.output().to_vec();
                inflating.release();
            }
            return (firsts, octets);
        }
    }
}

fn inflating(window_bits: u8, no_context_takeover: bool) -> Inflating {
    let agreed = Agreed {
        receive_window_bits: window_bits,
        receive_no_context_takeover: no_context_takeover,
        send_window_bits: 15,
        send_no_context_takeover: false,
    };
    Deflate::new().stages(&agreed, 1 << 20).unwrap().0
}

/// Messages there and back, of which the echo is compressed.
fn exchange(conn: &mut Conn, inflating: &mut Inflating) {
    let hello = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
    conn.frame(0xc1, hello);
    assert_eq!(read_inflated(conn, inflating).1, b"Hello");
    // Fragments, with a Ping in between.
    conn.frame(0x41, &hello[..3]);
    conn.frame(0x89, b"");
    conn.frame(0x80, &hello[3..]);
    assert_eq!(conn.read_frame(), Some((0x8a, Vec::new())));
    assert_eq!(read_inflated(conn, inflating).1, b"Hello");
    let text = "a text that is long enough to be compressed, ".repeat(20);
    for first in [0x81, 0x82] {
        conn.frame(first, text.as_bytes());
        let (firsts, octets) = read_inflated(conn, inflating);
        assert_eq!(firsts[0] & 0x4f, 0x40 | first & 0x0f);
        assert!(firsts[1..].iter().all(|first| first & 0x7f == 0));
        assert!(octets == text.as_bytes());
    }
    end(conn, 1000);
}
