//! Whether there is a row for each public call that can wait: a new one cannot be forgotten.

use super::axes::Row;

/// The files of the adapter that have asynchronous calls in public, each with its name.
const FILES: [(&str, &str); 12] = [
    (
        "connection.rs",
        include_str!("../../../../embassy-adapter/src/connection.rs"),
    ),
    (
        "reader.rs",
        include_str!("../../../../embassy-adapter/src/reader.rs"),
    ),
    (
        "writer.rs",
        include_str!("../../../../embassy-adapter/src/writer.rs"),
    ),
    (
        "net/connect.rs",
        include_str!("../../../../embassy-adapter/src/net/connect.rs"),
    ),
    (
        "net/secure.rs",
        include_str!("../../../../embassy-adapter/src/net/secure.rs"),
    ),
    (
        "net/socket.rs",
        include_str!("../../../../embassy-adapter/src/net/socket.rs"),
    ),
    (
        "tls/mod.rs",
        include_str!("../../../../embassy-adapter/src/tls/mod.rs"),
    ),
    (
        "tls/open.rs",
        include_str!("../../../../embassy-adapter/src/tls/open.rs"),
    ),
    (
        "tls/stream.rs",
        include_str!("../../../../embassy-adapter/src/tls/stream.rs"),
    ),
    (
        "net/client.rs",
        include_str!("../../../../embassy-adapter/src/net/client.rs"),
    ),
    (
        "duplex.rs",
        include_str!("../../../../embassy-adapter/src/duplex.rs"),
    ),
    (
        "supervisor.rs",
        include_str!("../../../../embassy-adapter/src/supervisor.rs"),
    ),
];

/// Where the others are.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../embassy-adapter/src");

/// The rows of a public call's name in a file.
fn rows(file: &str, call: &str) -> &'static [Row] {
    match (file, call) {
        ("net/connect.rs", "dial") => &[Row::Dial],
        ("net/connect.rs", "connect") => &[Row::Connect],
        ("net/secure.rs", "connect_secure") => &[Row::ConnectSecure],
        ("net/client.rs", "connect") => &[Row::Client],
        // It waits for what a client does, and to finish.
        ("supervisor.rs", "run") => &[Row::Client, Row::Finish],
        // It waits for two calls of the caller's.
        ("connection.rs" | "duplex.rs", "duplex") => &[Row::Recv, Row::Send],
        ("tls/mod.rs", "connect") => &[Row::TlsConnect],
        ("tls/open.rs", "open") => &[Row::TlsOpen],
        ("connection.rs", "open") => &[Row::Open],
        ("connection.rs" | "reader.rs", "recv") => &[Row::Recv],
        ("connection.rs" | "reader.rs", "recv_chunk") => &[Row::RecvChunk],
        ("connection.rs" | "reader.rs", "recv_frame") => &[Row::RecvFrame],
        ("connection.rs" | "reader.rs", "finish") => &[Row::Finish],
        ("connection.rs" | "writer.rs", "send") => &[Row::Send, Row::SendLong],
        ("connection.rs" | "writer.rs", "send_fragment") => &[Row::SendFragment],
        ("connection.rs" | "writer.rs", "send_frame") => &[Row::SendFrame],
        ("connection.rs" | "writer.rs", "ping") => &[Row::Ping],
        ("connection.rs" | "writer.rs", "pong") => &[Row::Pong],
        ("connection.rs" | "writer.rs", "flush") => &[Row::Flush],
        ("connection.rs" | "writer.rs", "close") => &[Row::Close],
        // Transports have no limits of their own: each row of wire Tls, and each over the network, runs
        // through them.
        ("tls/stream.rs" | "net/socket.rs", "read") => &[Row::Recv],
        ("tls/stream.rs" | "net/socket.rs", "write" | "flush") => &[Row::Send, Row::Flush],
        ("tls/stream.rs" | "net/socket.rs", "shutdown") => &[Row::Finish],
        _ => &[],
    }
}

/// The names of the public functions that wait, by `async` or by the future that they return, and of
/// those that a transport has in public by its traits.
fn public<'s>(file: &str, source: &'s str) -> impl Iterator<Item = &'s str> {
    let by_traits = matches!(file, "tls/stream.rs" | "net/socket.rs");
    source.match_indices("fn ").filter_map(move |(at, _)| {
        let line = source[..at].rsplit('\n').next()?.trim_start();
        let head = source[at + 3..].split(['{', ';']).next()?;
        let waits = match line {
            "pub async " => true,
            "async " => by_traits,
            "pub " => head.contains("impl Future<"),
            _ => false,
        };
        waits.then(|| head.split(['(', '<']).next()).flatten()
    })
}

// row: STA-02
#[test]
fn every_public_call_that_can_wait_has_a_row() {
    let mut seen = Vec::new();
    for (file, source) in FILES {
        let before = seen.len();
        for call in public(file, source) {
            let rows = rows(file, call);
            // Helpers of the private session have the names of what they help.
            assert!(
                !rows.is_empty() || call == "discard",
                "{file}: {call} has no row"
            );
            seen.extend(rows);
        }
        assert!(seen.len() > before, "{file} has no call");
    }
    for row in Row::ALL {
        assert!(seen.contains(row), "{row:?} is no call's row");
    }
}

/// A call in another file, or one that says by its type that it waits, is not overlooked.
// row: STA-02
#[test]
fn no_other_file_has_a_call_that_can_wait() {
    let mut folders = vec![std::path::PathBuf::from(SOURCES)];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path
                .strip_prefix(SOURCES)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            let source = std::fs::read_to_string(&path).unwrap();
            files += 1;
            if FILES.iter().any(|(file, _)| *file == name) {
                continue;
            }
            let calls: Vec<_> = public(&name, &source).collect();
            assert!(
                calls.is_empty(),
                "{name} has calls without a row: {calls:?}"
            );
        }
    }
    assert!(files > 15, "{files} files");
}
