//! `wss://`: the same contract behind TLS.

use std::io::{self, Read, Write};
use std::time::Duration;

use rustls::{ServerConnection, StreamOwned};

use super::Outcome::{self, Closed, Error};
use super::peer::Steady;
use super::{CONFIGURATIONS, Conn, Files, authority, judge, serve, timely};

type Secure = StreamOwned<ServerConnection, Steady>;

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
        outcome: Error("tls", "no path leads to a trust"),
    },
    SecureRow {
        name: "a server of another name",
        arguments: &[],
        names: &["localhost", "127.0.0.2"],
        trusted: true,
        server: is_told_nothing,
        outcome: Error("tls", "not valid for"),
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
    SecureRow {
        name: "a reset within the TLS handshake",
        arguments: &[],
        names: HERE,
        trusted: true,
        server: |c| {
            assert_ne!(c.tcp.sock.read(&mut [0; 4096]).unwrap(), 0);
            rustix::net::sockopt::set_socket_linger(&*c.tcp.sock, Some(Duration::ZERO)).unwrap();
        },
        outcome: Error("io", "reset"),
    },
    // row: STA-02, TRAP-07
    SecureRow {
        name: "a server that is silent",
        arguments: &["--handshake-timeout", "0.3"],
        names: HERE,
        trusted: true,
        server: |c| {
            // Goes on when the system interrupts it.
            io::copy(&mut c.tcp.sock, &mut io::sink()).unwrap();
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
    // row: LIM-01, LIM-02
    SecureRow {
        name: "a message longer than the limit",
        arguments: &["--max-message", "300"],
        names: HERE,
        trusted: true,
        server: |c| {
            c.accept();
            c.frame(0x82, &[7; 301]);
            assert_eq!(c.read_close(), Some(1009));
            goodbye(c);
        },
        outcome: Error("capacity", "300"),
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

#[test]
fn every_end_of_a_secure_connection_is_one_line_and_a_status() {
    let (ours, other) = (authority("ours"), authority("other"));
    let mut files = Files(Vec::new());
    let (ours_file, other_file, both_file) = (
        files.write("ours.pem", &ours.pem()),
        files.write("other.pem", &other.pem()),
        files.write("both.pem", &(other.pem() + &ours.pem())),
    );
    for configuration in CONFIGURATIONS {
        let mut turns = (0..3).cycle();
        for row in SECURE_ROWS {
            let config = ours.server(row.names).unwrap();
            let server = row.server;
            let peer = serve(move |conn| {
                let connection = ServerConnection::new(config).unwrap();
                server(&mut Conn::over(StreamOwned::new(connection, conn.tcp)));
            });
            let uri = peer.uri().replace("ws://", "wss://");
            // Each file counts, and so does each certificate of one.
            let roots: &[&str] = match (row.trusted, turns.next().unwrap_or_default()) {
                (true, 0) => &["--ca", &other_file, "--ca", &ours_file],
                (true, 1) => &["--ca", &ours_file, "--ca", &other_file],
                (true, _) => &["--ca", &both_file],
                (false, _) => &["--ca", &other_file],
            };
            let run = timely(&[configuration, row.arguments, roots, &[&uri]].concat());
            judge(
                &format!("{} {configuration:?}", row.name),
                &run,
                row.outcome,
            );
            peer.join();
        }
    }
}
