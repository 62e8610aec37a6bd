//! Servers that keep to the rules: messages, and every way to close.

use std::io::Read;
use std::net::Shutdown;

use super::Outcome::Closed;
use super::{Row, end, peer, row};

pub(super) const ROWS: &[Row] = &[
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
            c.close(1000, b"a\nb\x1b[2J\x7f\0\xc2\x9bz\xe2\x80\xa8\xe2\x80\xa9");
            c.read_close();
        },
        Closed("1000 a\\nb\\u{1b}[2J\\u{7f}\\u{0}\\u{9b}z\\u{2028}\\u{2029}"),
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
    row(
        "text only: of binary in pieces not one comes back",
        &["--text-only"],
        |c| {
            c.accept();
            c.frame(0x02, b"b");
            c.frame(0x80, b"c");
            let (first, payload) = c.read_frame().expect("a Close");
            assert_eq!((first, &payload[..2]), (0x88, &1003_u16.to_be_bytes()[..]));
            assert_eq!(&payload[2..], b"text only");
            c.close(1003, b"");
        },
        Closed("1003"),
    ),
    // row: CLS-09, CLS-12
    row(
        "what the peer says in its Close is what counts",
        &["--text-only"],
        |c| {
            c.accept();
            c.frame(0x82, b"b");
            c.frame(0x81, b"on its way");
            assert_eq!(c.read_close(), Some(1003));
            c.close(4000, b"mine");
            c.tcp.shutdown(Shutdown::Write).unwrap();
            let follows = c.tcp.read(&mut [0; 64]).unwrap();
            assert_eq!(follows, 0, "nothing of ours follows our Close");
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
    row(
        "messages of no octets, and a limit of none",
        &["--max-message", "0"],
        |c| {
            c.accept();
            c.frame(0x82, b"");
            assert_eq!(c.read_message(), (2, vec![]));
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
];
