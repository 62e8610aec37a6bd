//! Connections that fail once they are open: the server's fault, a limit, a deadline.

use std::time::{Duration, Instant};

use super::Outcome::Error;
use super::peer::Conn;
use super::{CONFIGURATIONS, Row, check, peer, row, told};

pub(super) const ROWS: &[Row] = &[
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
    row(
        "a message of one octet, and a limit of none",
        &["--max-message", "0"],
        |c| {
            c.accept();
            c.frame(0x82, b"x");
            told(c, 1009);
        },
        Error("capacity", "0"),
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
    row(
        "a peer that is idle, and may take longer to read",
        &["--idle-timeout", "0.3", "--stall-timeout", "10"],
        |c| {
            c.accept();
            assert_eq!(c.read_close(), Some(1001));
            c.close(1001, b"");
        },
        Error("timeout", "idle"),
    ),
    row(
        "a peer that reads nothing, and may be idle for longer",
        &["--stall-timeout", "0.3", "--idle-timeout", "10"],
        |c| {
            c.accept();
            c.send_for_ever(&peer::frame(0x82, &[1; 100_000]));
        },
        Error("timeout", "it read nothing"),
    ),
    // row: STA-03
    row(
        "a peer that answers no Ping",
        &["--keepalive", "0.1,0.3"],
        |c| {
            let began = Instant::now();
            c.accept();
            assert_eq!(c.read_frame(), Some((0x89, Vec::new())));
            assert_eq!(c.read_close(), Some(1001));
            let after = began.elapsed();
            assert!(
                after >= Duration::from_millis(300),
                "already after {after:?}"
            );
            c.close(1001, b"");
        },
        Error("timeout", "no answer to a Ping"),
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

// row: CLS-15
#[test]
fn a_reset_is_an_error_of_the_systems() {
    const ROWS: [Row; 2] = [
        row(
            "a reset within the opening handshake",
            &[],
            |c| {
                c.read_request();
                reset(c);
            },
            Error("io", "reset"),
        ),
        row(
            "a reset of what is open",
            &[],
            |c| {
                c.accept();
                c.frame(0x81, b"a");
                assert_eq!(c.read_message(), (1, b"a".to_vec()));
                reset(c);
            },
            Error("io", "reset"),
        ),
    ];
    for row in &ROWS {
        for configuration in CONFIGURATIONS {
            check(row, configuration);
        }
    }
}

/// A close resets, from then on.
fn reset(c: &Conn) {
    rustix::net::sockopt::set_socket_linger(&*c.tcp, Some(Duration::ZERO)).unwrap();
}

/// The most octets of a message that is kept whole, unless it is said.
const USUAL: u64 = 16 << 20;

/// The header of a binary frame of so many octets.
fn announce(c: &mut Conn, octets: u64) {
    c.accept();
    c.send(&[0x82, 127]);
    c.send(&octets.to_be_bytes());
}

// row: LIM-01
#[test]
fn without_a_limit_only_what_is_kept_whole_has_one() {
    const LOST: super::Outcome = Error("lost", "without a closing handshake");
    const LONGEST: Row = row("a message of 16 MiB", &[], |c| announce(c, USUAL), LOST);
    const KEPT: Row = row(
        "a longer one, kept whole",
        &[],
        |c| {
            announce(c, USUAL + 1);
            told(c, 1009);
        },
        Error("capacity", "16777216"),
    );
    const IN_PIECES: Row = row(
        "a longer one, in pieces",
        &[],
        |c| announce(c, USUAL + 1),
        LOST,
    );
    for configuration in CONFIGURATIONS {
        check(&LONGEST, configuration);
        let longer = match configuration.contains(&"fixed") {
            true => IN_PIECES,
            false => KEPT,
        };
        check(&longer, configuration);
    }
}
