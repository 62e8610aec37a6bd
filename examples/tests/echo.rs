//! The command line of `echo` is a contract: arguments, what the server does, what is printed, how it
//! exits. Each row runs with every engine and either loop.
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

#[path = "../../std-adapter/tests/peer/mod.rs"]
mod peer;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bare_ws_examples::authority::Authority;
use bare_ws_std::bare_ws::deflate::negotiate::Agreed;
use bare_ws_std::bare_ws::stage::Decompress;
use bare_ws_std::{Deflate, Inflating};
use peer::{Conn, LONG, serve};
use rustls::{ServerConnection, StreamOwned};

const CONFIGURATIONS: [&[&str]; 4] = [
    &[],
    &["--io", "async"],
    &["--engine", "fixed", "--rx", "128", "--tx", "131"],
    &["--engine", "fixed", "--io", "async"],
];

struct Run {
    stdout: String,
    stderr: String,
    status: i32,
    took: Duration,
}

/// Deadlines that no test waits for: what a row sets comes later and counts.
const PATIENT: [&str; 6] = [
    "--connect-timeout",
    "60",
    "--handshake-timeout",
    "60",
    "--close-timeout",
    "60",
];

fn echo(arguments: &[&str]) -> Run {
    let began = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_echo"))
        .args(PATIENT)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Run {
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        status: output.status.code().unwrap(),
        took: began.elapsed(),
    }
}

/// What is printed for it.
#[derive(Clone, Copy)]
enum Outcome {
    /// `closed ` and this.
    Closed(&'static str),
    /// `error: KIND: ` with a word of what happened.
    Error(&'static str, &'static str),
}
use Outcome::{Closed, Error};

struct Row {
    name: &'static str,
    arguments: &'static [&'static str],
    server: fn(&mut Conn),
    outcome: Outcome,
}

const fn row(
    name: &'static str,
    arguments: &'static [&'static str],
    server: fn(&mut Conn),
    outcome: Outcome,
) -> Row {
    Row {
        name,
        arguments,
        server,
        outcome,
    }
}

/// Answers the Close and ends the connection, as a server should.
fn end(conn: &mut Conn, code: u16) {
    conn.close(code, b"");
    assert_eq!(conn.read_close(), Some(code));
}

fn told(conn: &mut Conn, code: u16) {
    assert_eq!(conn.read_close(), Some(code), "the code of our Close");
    assert!(conn.sees_end());
}

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

const ROWS: &[Row] = &[
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
    // row: SEED-20, CLS-06, CLS-12
    row(
        "a Close with a code and a reason",
        &[],
        |c| {
            c.accept();
            c.close(1000, b"bye");
            assert_eq!(c.read_close(), Some(1000));
        },
        Closed("1000 bye"),
    ),
    // row: CLS-06
    row(
        "an empty Close",
        &[],
        |c| {
            c.accept();
            c.frame(0x88, b"");
            assert_eq!(c.read_close(), Some(1005));
        },
        Closed("1005"),
    ),
    row(
        "codes that sound bad are clean ends",
        &[],
        |c| {
            c.accept();
            end(c, 1011);
        },
        Closed("1011"),
    ),
    row(
        "1002 of the peer's too",
        &[],
        |c| {
            c.accept();
            end(c, 1002);
        },
        Closed("1002"),
    ),
    row(
        "a code of the registry",
        &[],
        |c| {
            c.accept();
            end(c, 1014);
        },
        Closed("1014"),
    ),
    row(
        "a code of a library",
        &[],
        |c| {
            c.accept();
            end(c, 3000);
        },
        Closed("3000"),
    ),
    row(
        "a private code",
        &[],
        |c| {
            c.accept();
            end(c, 4999);
        },
        Closed("4999"),
    ),
    row(
        "control characters of the reason are escaped",
        &[],
        |c| {
            c.accept();
            c.close(1000, b"a\nb\x1b[2J\x7f\0\xc2\x9bz");
            c.read_close();
        },
        Closed("1000 a\\nb\\u{1b}[2J\\u{7f}\\u{0}\\u{9b}z"),
    ),
    row(
        "a reason of 123 octets in any script",
        &[],
        |c| {
            c.accept();
            c.close(1000, "日".repeat(41).as_bytes());
            c.read_close();
        },
        Closed(
            "1000 日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日",
        ),
    ),
    // row: SEED-09, SEED-14, SEED-16, SEED-31
    row(
        "messages of both kinds are echoed",
        &[],
        |c| {
            c.accept();
            c.frame(0x81, "grüße".as_bytes());
            assert_eq!(c.read_message(), (1, "grüße".as_bytes().to_vec()));
            c.frame(0x82, &[0, 255, 1]);
            assert_eq!(c.read_message(), (2, vec![0, 255, 1]));
            c.frame(0x81, b"");
            assert_eq!(c.read_message(), (1, vec![]));
            end(c, 1000);
        },
        Closed("1000"),
    ),
    // row: LIM-03
    row(
        "a message longer than any buffer",
        &[],
        |c| {
            c.accept();
            let long: Vec<u8> = (0..100_000u32).map(|i| i as u8).collect();
            c.frame(0x82, &long);
            assert!(c.read_message() == (2, long), "the same octets");
            end(c, 1000);
        },
        Closed("1000"),
    ),
    row(
        "a message in fragments with a Ping inside",
        &[],
        |c| {
            c.accept();
            c.frame(0x01, b"ab");
            c.frame(0x89, b"still there?");
            c.frame(0x80, b"cd");
            let mut data = Vec::new();
            let mut pong = Vec::new();
            while data != b"abcd" || pong.is_empty() {
                let (first, payload) = c.read_frame().unwrap();
                match first & 0x0f {
                    0xa => pong = payload,
                    _ => data.extend(payload),
                }
            }
            assert_eq!(pong, b"still there?");
            // The end of the message may still come, empty.
            c.close(1000, b"");
            assert_eq!(c.read_close(), Some(1000));
        },
        Closed("1000"),
    ),
    row(
        "messages that come with the 101",
        &[],
        |c| {
            c.accept_with(
                "",
                &[peer::frame(0x81, b"early"), peer::frame(0x88, &[3, 232])].concat(),
            );
            assert_eq!(c.read_message(), (1, b"early".to_vec()));
            assert_eq!(c.read_close(), Some(1000));
        },
        Closed("1000"),
    ),
    row(
        "subprotocols and header fields are sent",
        &[
            "--subprotocol",
            "a",
            "--subprotocol",
            "b",
            "--header",
            "X-One: 1  2",
            "--header",
            "authorization:Basic eDp5",
            "--header",
            "X-Empty:",
        ],
        |c| {
            c.accept_with("Sec-WebSocket-Protocol: b\r\n", b"");
            assert_eq!(c.field("Sec-WebSocket-Protocol"), Some("a, b"));
            assert_eq!(c.field("X-One"), Some("1  2"));
            assert_eq!(c.field("Authorization"), Some("Basic eDp5"));
            assert_eq!(c.field("X-Empty"), Some(""));
            end(c, 1000);
        },
        Closed("1000"),
    ),
    row(
        "text only: text",
        &["--text-only"],
        |c| {
            c.accept();
            c.frame(0x81, b"t");
            assert_eq!(c.read_message(), (1, b"t".to_vec()));
            end(c, 1000);
        },
        Closed("1000"),
    ),
    row(
        "text only: binary is refused by a Close of ours",
        &["--text-only"],
        |c| {
            c.accept();
            c.frame(0x82, b"b");
            assert_eq!(c.read_close(), Some(1003));
            c.close(1003, b"as you like");
        },
        Closed("1003 as you like"),
    ),
    // row: CLS-09, CLS-12
    row(
        "what the peer says in its Close is what counts",
        &["--text-only", "--close-timeout", "0.3"],
        |c| {
            c.accept();
            c.frame(0x82, b"b");
            c.frame(0x81, b"on its way");
            assert_eq!(c.read_close(), Some(1003));
            c.close(4000, b"mine");
            assert!(c.sees_end(), "nothing of ours follows our Close");
        },
        Closed("4000 mine"),
    ),
    row(
        "a message as long as the limit",
        &["--max-message", "300"],
        |c| {
            c.accept();
            c.frame(0x82, &[7; 300]);
            assert_eq!(c.read_message(), (2, vec![7; 300]));
            end(c, 1000);
        },
        Closed("1000"),
    ),
    // row: CLS-10
    row(
        "both Closes, and a peer that never ends the transport",
        &["--close-timeout", "0.3"],
        |c| {
            c.accept();
            end(c, 1000);
            assert!(c.sees_end());
        },
        Closed("1000"),
    ),
    // row: CLS-08
    row(
        "what follows the peer's Close is ignored",
        &[],
        |c| {
            c.accept();
            c.send(
                &[
                    peer::frame(0x88, &[3, 232]),
                    peer::frame(0x83, b"!"),
                    vec![0xff; 3000],
                ]
                .concat(),
            );
            assert_eq!(c.read_close(), Some(1000));
        },
        Closed("1000"),
    ),
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
        Error("handshake", "not HTTP/1.1"),
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
                thread::sleep(Duration::from_millis(20));
                if c.tcp.take_error().unwrap().is_some() {
                    break;
                }
            }
        },
        Error("timeout", "opening handshake"),
    ),
    // row: CLS-15, TRAP-18
    row(
        "the end without a Close",
        &[],
        |c| c.accept(),
        Error("lost", "without a closing handshake"),
    ),
    // row: CLS-15
    row(
        "the end within a message",
        &[],
        |c| {
            c.accept();
            c.send(&[0x82, 10]);
        },
        Error("lost", "without a closing handshake"),
    ),
    // row: SEED-30
    row(
        "a masked frame",
        &[],
        |c| {
            c.accept();
            c.send(&[0x81, 0x81, 0, 0, 0, 0, b'x']);
            told(c, 1002);
        },
        Error("protocol", "masked"),
    ),
    row(
        "a reserved opcode",
        &[],
        |c| {
            c.accept();
            c.frame(0x83, b"");
            told(c, 1002);
        },
        Error("protocol", "opcode"),
    ),
    row(
        "a reserved bit",
        &[],
        |c| {
            c.accept();
            c.frame(0xc1, b"x");
            told(c, 1002);
        },
        Error("protocol", "reserved bit"),
    ),
    // row: CLS-13
    row(
        "after a failure nothing counts, not even a Close",
        &[],
        |c| {
            c.accept();
            c.send(&[0x83, 0, 0x88, 2, 3, 232]);
            told(c, 1002);
        },
        Error("protocol", "opcode"),
    ),
    row(
        "text that is not UTF-8",
        &[],
        |c| {
            c.accept();
            c.frame(0x81, b"a\xff");
            told(c, 1007);
        },
        Error("protocol", "UTF-8"),
    ),
    row(
        "a code that must not be on the wire",
        &[],
        |c| {
            c.accept();
            c.close(1005, b"");
            told(c, 1002);
        },
        Error("protocol", "1005"),
    ),
    row(
        "a code that nothing defines",
        &[],
        |c| {
            c.accept();
            c.close(5000, b"");
            told(c, 1002);
        },
        Error("protocol", "5000"),
    ),
    row(
        "a Close of one octet",
        &[],
        |c| {
            c.accept();
            c.frame(0x88, b"x");
            told(c, 1002);
        },
        Error("protocol", "one octet"),
    ),
    row(
        "what came whole before the bad frame is echoed first",
        &[],
        |c| {
            c.accept();
            c.send(&[peer::frame(0x81, b"good"), peer::frame(0x83, b"")].concat());
            assert_eq!(c.read_message(), (1, b"good".to_vec()));
            told(c, 1002);
        },
        Error("protocol", "opcode"),
    ),
    // row: LIM-01, LIM-02
    row(
        "a message longer than the limit",
        &["--max-message", "300"],
        |c| {
            c.accept();
            c.frame(0x82, &[7; 301]);
            told(c, 1009);
        },
        Error("capacity", "300"),
    ),
    // row: LIM-01
    row(
        "fragments longer than the limit together",
        &["--max-message", "300"],
        |c| {
            c.accept();
            c.frame(0x02, &[7; 300]);
            c.frame(0x80, &[7; 1]);
            told(c, 1009);
        },
        Error("capacity", "300"),
    ),
    // row: STA-02
    row(
        "a peer that is idle",
        &["--idle-timeout", "0.3"],
        |c| {
            c.accept();
            assert_eq!(c.read_close(), Some(1001));
            c.close(1001, b"");
        },
        Error("timeout", "idle"),
    ),
    row(
        "a peer that is idle for ever",
        &["--idle-timeout", "0.2", "--close-timeout", "0.3"],
        |c| {
            c.accept();
            told(c, 1001);
        },
        Error("timeout", "idle"),
    ),
    // row: CLS-11
    row(
        "a Close of ours without an answer",
        &["--text-only", "--close-timeout", "0.3"],
        |c| {
            c.accept();
            c.frame(0x82, b"b");
            told(c, 1003);
        },
        Error("timeout", "closing handshake"),
    ),
    // row: CLS-11, TRAP-27
    row(
        "a Close of ours, and data for ever",
        &["--text-only", "--close-timeout", "0.3"],
        |c| {
            c.accept();
            c.frame(0x82, b"b");
            c.send_for_ever(&peer::frame(0x81, &[b'x'; 1000]));
        },
        Error("timeout", "closing handshake"),
    ),
    // row: CLS-10, CLS-14
    row(
        "a failure, and a peer that never ends",
        &["--close-timeout", "0.3"],
        |c| {
            c.accept();
            c.frame(0x83, b"");
            told(c, 1002);
        },
        Error("protocol", "opcode"),
    ),
    // row: CLS-14, TRAP-27
    row(
        "a failure, and data for ever",
        &["--close-timeout", "0.3"],
        |c| {
            c.accept();
            c.frame(0x83, b"");
            c.send_for_ever(&[0x55; 10_000]);
        },
        Error("protocol", "opcode"),
    ),
    // row: CLS-14, TRAP-09
    row(
        "a failure, and a peer that reads nothing and sends for ever",
        &["--close-timeout", "0.3", "--idle-timeout", "0.5"],
        |c| {
            c.accept();
            // What is echoed piles up until the client cannot send, so it does not read either.
            c.send_for_ever(&peer::frame(0x82, &[1; 100_000]));
        },
        Error("timeout", "idle"),
    ),
];

#[test]
fn every_end_of_a_connection_is_one_line_and_a_status() {
    thread::scope(|scope| {
        for configuration in CONFIGURATIONS {
            scope.spawn(move || {
                for row in ROWS {
                    check(row, configuration);
                }
            });
        }
    });
}

type Secure = StreamOwned<ServerConnection, TcpStream>;

/// As [`Row`], behind TLS.
struct SecureRow {
    name: &'static str,
    arguments: &'static [&'static str],
    /// For whom the server's certificate is.
    names: &'static [&'static str],
    /// Whether the root of the server is in the file.
    trusted: bool,
    server: fn(&mut Conn<Secure>),
    outcome: Outcome,
}

const HERE: &[&str] = &["127.0.0.1"];

const SECURE_ROWS: &[SecureRow] = &[
    // row: SEED-06, REQ-14
    SecureRow {
        name: "a server that is what it says",
        arguments: &[],
        names: HERE,
        trusted: true,
        server: |c| {
            c.accept();
            c.frame(0x81, "grüße".as_bytes());
            assert_eq!(c.read_message(), (1, "grüße".as_bytes().to_vec()));
            // Many records.
            let long: Vec<u8> = (0..200_000u32).map(|i| i as u8).collect();
            c.frame(0x82, &long);
            assert!(c.read_message() == (2, long), "the same octets");
            c.close(1000, b"bye");
            assert_eq!(c.read_close(), Some(1000));
            goodbye(c);
        },
        outcome: Closed("1000 bye"),
    },
    SecureRow {
        name: "its answer is cut short",
        arguments: &[],
        names: HERE,
        trusted: true,
        server: |c| {
            c.accept();
            c.frame(0x81, b"a");
            assert_eq!(c.read_message(), (1, b"a".to_vec()));
            c.send(&[0x82, 10]);
        },
        outcome: Error("tls", "without close_notify"),
    },
    SecureRow {
        name: "the end of TLS without a Close",
        arguments: &[],
        names: HERE,
        trusted: true,
        server: |c| {
            c.accept();
            goodbye(c);
        },
        outcome: Error("lost", "without a closing handshake"),
    },
    SecureRow {
        name: "a violation inside TLS",
        arguments: &[],
        names: HERE,
        trusted: true,
        server: |c| {
            c.accept();
            c.frame(0x83, b"");
            assert_eq!(c.read_close(), Some(1002));
            // RFC 8446 §6.1: close_notify, before the transport ends.
            assert_eq!(c.tcp.read(&mut [0; 64]).unwrap(), 0);
        },
        outcome: Error("protocol", "opcode"),
    },
    SecureRow {
        name: "a root that nobody trusts",
        arguments: &[],
        names: HERE,
        trusted: false,
        server: is_told_nothing,
        outcome: Error("tls", "no path to a trust"),
    },
    SecureRow {
        name: "a server of another name",
        arguments: &[],
        names: &["localhost", "127.0.0.2"],
        trusted: true,
        server: is_told_nothing,
        outcome: Error("tls", "another name"),
    },
    SecureRow {
        name: "the end within the TLS handshake",
        arguments: &[],
        names: HERE,
        trusted: true,
        server: |c| {
            // All of it, so that the end is no reset.
            assert_ne!(c.tcp.sock.read(&mut [0; 4096]).unwrap(), 0);
        },
        outcome: Error("tls", "TLS handshake"),
    },
    // row: STA-02, TRAP-07
    SecureRow {
        name: "a server that is silent",
        arguments: &["--handshake-timeout", "0.3"],
        names: HERE,
        trusted: true,
        server: |c| {
            let mut scratch = [0; 4096];
            while c.tcp.sock.read(&mut scratch).unwrap() != 0 {}
        },
        outcome: Error("timeout", "opening handshake"),
    },
    // row: STA-02
    SecureRow {
        name: "a peer that is idle",
        arguments: &["--idle-timeout", "0.3"],
        names: HERE,
        trusted: true,
        server: |c| {
            c.accept();
            assert_eq!(c.read_close(), Some(1001));
            c.close(1001, b"");
            goodbye(c);
        },
        outcome: Error("timeout", "idle"),
    },
];

/// The end of TLS, as it should be.
fn goodbye(conn: &mut Conn<Secure>) {
    conn.tcp.conn.send_close_notify();
    conn.tcp.flush().unwrap();
}

/// Whoever is not verified reads not one octet.
fn is_told_nothing(conn: &mut Conn<Secure>) {
    let read = conn.tcp.read(&mut [0; 64]);
    assert!(read.is_err(), "{read:?}");
}

/// Whatever of these exists is removed in the end.
struct Files(Vec<PathBuf>);

impl Files {
    fn write(&mut self, name: &str, content: &str) -> String {
        let name = format!("bare-ws-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content).unwrap();
        self.0.push(path.clone());
        path.into_os_string().into_string().unwrap()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

#[test]
fn every_end_of_a_secure_connection_is_one_line_and_a_status() {
    let (ours, other) = (authority("ours"), authority("other"));
    let mut files = Files(Vec::new());
    let (ours_file, other_file) = (
        files.write("ours.pem", &ours.pem()),
        files.write("other.pem", &other.pem()),
    );
    for configuration in CONFIGURATIONS {
        for row in SECURE_ROWS {
            let config = ours.server(row.names).unwrap();
            let server = row.server;
            let peer = serve(move |conn| {
                let connection = ServerConnection::new(config).unwrap();
                server(&mut Conn::over(StreamOwned::new(connection, conn.tcp)));
            });
            let uri = peer.uri().replace("ws://", "wss://");
            let roots: &[&str] = match row.trusted {
                true => &["--ca", &other_file, "--ca", &ours_file],
                false => &["--ca", &other_file],
            };
            let run = echo(&[configuration, row.arguments, roots, &[&uri]].concat());
            judge(
                &format!("{} {configuration:?}", row.name),
                &run,
                row.outcome,
            );
            peer.join();
        }
    }
}

fn authority(name: &str) -> Authority {
    Authority::new(name).unwrap()
}

fn check(row: &Row, configuration: &[&str]) {
    let name = format!("{} {configuration:?}", row.name);
    let server = row.server;
    let peer = serve(move |mut conn| server(&mut conn));
    let uri = peer.uri();
    let run = echo(&[configuration, row.arguments, &[uri.as_str()]].concat());
    judge(&name, &run, row.outcome);
    peer.join();
}

fn judge(name: &str, run: &Run, outcome: Outcome) {
    match outcome {
        Closed(what) => {
            assert_eq!(
                run.stdout,
                format!("closed {what}\n"),
                "{name}: {}",
                run.stderr
            );
            assert_eq!(run.stderr, "", "{name}");
            assert_eq!(run.status, 0, "{name}");
        }
        Error(kind, what) => {
            assert_eq!(run.stdout, "", "{name}: {}", run.stderr);
            assert!(
                run.stderr.starts_with(&format!("error: {kind}: ")),
                "{name}: {}",
                run.stderr
            );
            assert!(run.stderr.contains(what), "{name}: {}", run.stderr);
            assert_one_line(&run.stderr);
            assert_eq!(run.status, 1, "{name}");
        }
    }
    // No deadline of a row is longer than half a second, and all others are a minute.
    assert!(run.took < LONG / 2, "{name}: {:?}", run.took);
}

fn assert_one_line(text: &str) {
    assert!(
        text.ends_with('\n') && text.lines().count() == 1,
        "{text:?}"
    );
}

// row: TRAP-01, REQ-07, REQ-10, PMD-04, PMD-06
#[test]
fn what_must_not_be_sent_exits_2_and_nothing_is_sent() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    let with = |tail: &str| format!("{uri}{tail}");
    let (fragment, space, line, other) = (with("#x"), with("a b"), with("a\r\nX: y"), with("x"));
    let uri = uri.as_str();
    let mut files = Files(Vec::new());
    let empty = files.write("empty.pem", "no certificate\n");
    let torn = files.write(
        "torn.pem",
        "-----BEGIN CERTIFICATE-----\nMAMC\n-----END CERTIFICATE-----\n",
    );
    let good = files.write("good.pem", &authority("good").pem());
    let missing = format!("{good}.not");
    let secure = uri.replace("ws://", "wss://");
    let secure = secure.as_str();
    let rows: &[&[&str]] = &[
        &[],
        &[uri, &other],
        &["--nonsense", uri],
        &["-x", uri],
        &[&fragment],
        &[&space],
        &[&line],
        &[&uri.replace("ws://", "http://")],
        &[&uri.replace("ws://", "")],
        &["ws://"],
        &["ws://user:word@127.0.0.1/"],
        &["ws://127.0.0.1:99999/"],
        &["--header", "no colon", uri],
        &["--header", ": empty", uri],
        &["--header", "a b: x", uri],
        &["--header", "a : x", uri],
        &["--header", "a: x\r\nb: y", uri],
        &["--header", "a: x\n", uri],
        &["--header", "a\u{7f}: x", uri],
        &["--header", "Host: x", uri],
        &["--header", "upgrade: x", uri],
        &["--header", "Sec-WebSocket-Key: x", uri],
        &["--header", "Content-Length: 1", uri],
        &["--subprotocol", "", uri],
        &["--subprotocol", "a b", uri],
        &["--subprotocol", "a,b", uri],
        &["--subprotocol", "a\r\nX: y", uri],
        &["--subprotocol", "é", uri],
        &["--subprotocol", "a", "--subprotocol", "a", uri],
        &["--engine", "other", uri],
        &["--io", "other", uri],
        &["--rx", "13", uri],
        &["--rx", "-1", uri],
        &["--tx", "124", uri],
        &["--max-message", "many", uri],
        &["--connect-timeout", "0", uri],
        &["--handshake-timeout", "-1", uri],
        &["--idle-timeout", "nan", uri],
        &["--close-timeout", "inf", uri],
        &["--close-timeout", "soon", uri],
        &["--text-only=yes", uri],
        &["--deflate=foo", uri],
        &["--deflate=server_max_window_bits", uri],
        &["--deflate=server_max_window_bits=7", uri],
        &["--deflate=server_max_window_bits=16", uri],
        &["--deflate=client_max_window_bits=010", uri],
        &["--deflate=client_max_window_bits=", uri],
        &["--deflate=server_no_context_takeover=1", uri],
        &[
            "--deflate=client_max_window_bits; client_max_window_bits",
            uri,
        ],
        &["--deflate", "--deflate=;", uri],
        &["--window", "7", uri],
        &["--window", "16", uri],
        &["--window", "wide", uri],
        // More than the memory honours.
        &["--window", "9", "--deflate=server_max_window_bits=10", uri],
        &["--window", "14", "--deflate=", uri],
        &["--engine", "fixed", "--deflate=client_max_window_bits", uri],
        &[
            "--engine",
            "fixed",
            "--deflate=server_no_context_takeover",
            uri,
        ],
        &["--ca", &missing, secure],
        &["--ca", &empty, secure],
        &["--ca", &torn, secure],
        &["--ca", &good, "--ca", &missing, secure],
        &["--ca", &missing, uri],
        &[secure, "--ca"],
        &[uri, "--rx"],
    ];
    for arguments in rows {
        for configuration in CONFIGURATIONS {
            let run = echo(&[configuration, arguments].concat());
            assert_eq!(run.status, 2, "{arguments:?}: {}", run.stderr);
            assert_eq!(run.stdout, "", "{arguments:?}");
            assert!(
                run.stderr.starts_with("error: usage: "),
                "{arguments:?}: {}",
                run.stderr
            );
            assert_one_line(&run.stderr);
        }
    }
    let nobody = listener.accept().map(|_| ()).map_err(|error| error.kind());
    assert_eq!(
        nobody,
        Err(std::io::ErrorKind::WouldBlock),
        "somebody connected"
    );
}

#[test]
fn what_comes_before_the_handshake_has_its_own_words() {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let refused = format!("ws://{}/", free.local_addr().unwrap());
    drop(free);
    let secure = refused.replace("ws://", "wss://");
    for configuration in CONFIGURATIONS {
        // The embedded TLS path has no roots of the platform's.
        let needs_roots = configuration.contains(&"async");
        for (uri, kind) in [
            (refused.as_str(), "connect"),
            (&secure, if needs_roots { "tls" } else { "connect" }),
            ("ws://host.invalid/", "resolve"),
        ] {
            let run = echo(&[configuration, &[uri]].concat());
            assert_eq!(run.status, 1, "{uri}");
            assert!(
                run.stderr.starts_with(&format!("error: {kind}: ")),
                "{uri}: {}",
                run.stderr
            );
            assert_eq!(run.stderr.contains("needs --ca"), kind == "tls", "{uri}");
            assert_one_line(&run.stderr);
            assert!(run.took < LONG);
        }
    }
}

#[test]
fn help_is_no_error() {
    let run = echo(&["--help"]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    assert!(run.stdout.starts_with("usage: echo"));
}
