//! Whether the table has a row for each public call that can wait: a new one cannot be forgotten.

use crate::axes::Row;

/// The files of public calls, and those of them that cannot wait, or are another row under
/// another name.
const FILES: [(&str, &str, &[&str]); 7] = [
    (
        "reader.rs",
        include_str!("../../src/reader.rs"),
        // Of an iterator, each item is `recv_owned`.
        &["messages", "close_status", "last_heard", "receiver"],
    ),
    (
        "writer.rs",
        include_str!("../../src/writer.rs"),
        &[
            "queue",
            "try_flush",
            "is_open",
            "compressed",
            "set_compression",
            "set_silence_timeout",
            "set_stall_timeout",
            "set_close_timeout",
            "set_keepalive",
            "abort_handle",
            "abort",
        ],
    ),
    (
        "websocket.rs",
        include_str!("../../src/websocket.rs"),
        &[
            "messages",
            "split",
            "close_status",
            "last_heard",
            "abort_handle",
            "response",
            "subprotocol",
            "deflate",
            "stream",
        ],
    ),
    (
        "config/*.rs",
        concat!(
            include_str!("../../src/config.rs"),
            include_str!("../../src/config/connect.rs"),
            include_str!("../../src/config/request.rs"),
            include_str!("../../src/config/seen.rs"),
            include_str!("../../src/config/way.rs")
        ),
        &[
            "new",
            "subprotocol",
            "subprotocol_required",
            "header",
            "origin",
            "host",
            "tls",
            "redirects",
            "trust_redirects",
            "resolver",
            "proxy",
            "socket",
            "address",
            "server_name",
            "one_at_a_time",
            "credentials_in_uri",
            "idna",
            "observer",
            "deflate",
            "message_limit",
            "stream_limit",
            "fragment_limit",
            "head_limit",
            "receive_buffer",
            "transmit_buffer",
            "connect_timeout",
            "handshake_timeout",
            "silence_timeout",
            "stall_timeout",
            "keepalive",
            "close_timeout",
            "parts",
            "check",
            "limits",
            "stream_limits",
            "compression",
            "request",
        ],
    ),
    (
        "proxy/mod.rs",
        include_str!("../../src/proxy/mod.rs"),
        // What a proxy does is part of `dial` and of `connect`: tests/proxy.
        &["new", "from_environment", "except"],
    ),
    (
        "testing/server.rs",
        include_str!("../../src/testing/server.rs"),
        // A test's own peer: each call that waits has the limit `patience`: tests/testing.
        &[
            "path",
            "header",
            "headers",
            "patience",
            "request",
            "accept",
            "accept_with",
            "respond",
            "send",
            "send_frame",
            "close",
            "send_octets",
            "end",
            "recv_frame",
            "recv",
            "recv_close",
        ],
    ),
    (
        "tls/*.rs",
        concat!(
            include_str!("../../src/tls/mod.rs"),
            include_str!("../../src/tls/stream.rs")
        ),
        &[
            "new",
            "builder",
            "root_file",
            "root",
            "pin_file",
            "pin",
            "tls13_only",
            "client_certificate",
            "build",
            "stream",
        ],
    ),
];

/// The rows of a public call's name in a file.
fn rows(file: &str, call: &str) -> &'static [Row] {
    match (file, call) {
        ("tls/*.rs", "connect") => &[Row::TlsConnect],
        ("config/*.rs", "connect" | "connect_into" | "connect_wrapped") => &[Row::Connect],
        ("config/*.rs", "open" | "open_into" | "open_lingering") => &[Row::Open],
        ("config/*.rs", "dial") => &[Row::Dial],
        ("reader.rs" | "websocket.rs", "recv" | "recv_owned") => &[Row::Recv],
        ("reader.rs" | "websocket.rs", "recv_timeout") => &[Row::RecvTimeout],
        ("reader.rs" | "websocket.rs", "recv_chunk") => &[Row::RecvChunk],
        ("reader.rs" | "websocket.rs", "recv_frame") => &[Row::RecvFrame],
        ("reader.rs", "finish") => &[Row::ReaderFinish],
        ("websocket.rs", "finish") => &[Row::Finish],
        ("writer.rs" | "websocket.rs", "send") => &[Row::Send],
        ("writer.rs", "send_uncompressed") => &[Row::SendUncompressed],
        ("writer.rs", "send_fragment") => &[Row::SendFragment],
        ("writer.rs", "send_frame") => &[Row::SendFrame],
        ("writer.rs" | "websocket.rs", "ping") => &[Row::Ping],
        ("writer.rs" | "websocket.rs", "pong") => &[Row::Pong],
        ("writer.rs", "flush") => &[Row::Flush],
        ("writer.rs" | "websocket.rs", "close") => &[Row::Close],
        _ => &[],
    }
}

/// The names behind `pub fn`.
fn public(source: &str) -> impl Iterator<Item = &str> {
    source.lines().filter_map(|line| {
        let name = line.trim_start().strip_prefix("pub fn ")?;
        name.split(['(', '<']).next()
    })
}

// row: STA-02
#[test]
fn every_public_call_that_can_wait_has_a_row() {
    let mut seen = vec![Row::Drop];
    for (file, source, cannot_wait) in FILES {
        for call in public(source) {
            let rows = rows(file, call);
            assert!(
                rows.is_empty() == cannot_wait.contains(&call),
                "{file}: {call} has no row, or is said not to wait and has one"
            );
            seen.extend(rows);
        }
        for call in cannot_wait {
            assert!(public(source).any(|name| name == *call), "{file}: {call}");
        }
    }
    for row in Row::ALL {
        assert!(seen.contains(row), "{row:?} is no call's row");
    }
}
