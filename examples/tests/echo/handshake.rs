//! Opening handshakes that fail.

use std::thread;
use std::time::Duration;

use super::Outcome::Error;
use super::{Row, row};

pub(super) const ROWS: &[Row] = &[
    // row: RSP-02
    row(
        "a status that is no 101",
        &[],
        |c| {
            c.read_request();
            c.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n");
        },
        Error("rejected", "404"),
    ),
    // row: RSP-03
    row(
        "a redirect is not followed",
        &[],
        |c| {
            c.read_request();
            c.send(b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\n\r\n");
        },
        Error("rejected", "302"),
    ),
    // row: RSP-22
    row(
        "no HTTP at all",
        &[],
        |c| {
            c.read_request();
            c.send(b"SSH-2.0-x\r\n");
            assert!(c.sees_end());
        },
        Error("handshake", "not HTTP"),
    ),
    row(
        "an accept that does not answer the key",
        &[],
        |c| {
            c.read_request();
            c.send(b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n");
            assert!(c.sees_end());
        },
        Error("handshake", "Sec-WebSocket-Accept"),
    ),
    row(
        "a subprotocol that nobody offered",
        &["--subprotocol", "a"],
        |c| {
            c.accept_with("Sec-WebSocket-Protocol: b\r\n", b"");
            assert!(c.sees_end());
        },
        Error("handshake", "subprotocol"),
    ),
    // row: RSP-15
    row(
        "the end within the answer",
        &[],
        |c| {
            c.read_request();
            c.send(b"HTTP/1.1 101 Swi");
        },
        Error("handshake", "ended"),
    ),
    // row: STA-02, TRAP-07
    row(
        "a server that is silent",
        &["--handshake-timeout", "0.3"],
        |c| {
            c.read_request();
            assert!(c.sees_end());
        },
        Error("timeout", "opening handshake"),
    ),
    // row: RSP-24, TRAP-07
    row(
        "a server that drips its answer",
        &["--handshake-timeout", "0.3"],
        |c| {
            c.read_request();
            c.send(b"HTTP/1.1 101 x\r\nX: ");
            for _ in 0..200 {
                c.send(b"x");
                // Real time: each octet comes within the limit, all of them do not.
                thread::sleep(Duration::from_millis(20));
                if c.tcp.take_error().unwrap().is_some() {
                    break;
                }
            }
        },
        Error("timeout", "opening handshake"),
    ),
];
