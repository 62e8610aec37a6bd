//! The programs in `examples/programs`: each is as short as it is said to be, and does what it says
//! against a server.
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::{self, JoinHandle};

use bare_ws_examples::authority::Authority;
use bare_ws_examples::server::{self, Connection};
use bare_ws_std::CloseCode;
use rustls::{ServerConnection, StreamOwned};

/// How many lines each may have between its imports and its last brace. Blank lines and comments
/// are not counted; how long a line is, rustfmt decides.
const BOUNDS: [(&str, usize); 6] = [
    ("first.rs", 10),
    ("feed.rs", 35),
    ("market.rs", 30),
    ("many.rs", 40),
    ("threads.rs", 30),
    ("transfer.rs", 40),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("programs")
}

fn lines(program: &str) -> usize {
    let code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    let lines: Vec<_> = program.lines().filter(code).collect();
    let imports = lines.iter().rposition(|line| line.starts_with("use "));
    lines.len() - imports.map_or(0, |last| last + 1)
}

#[test]
fn each_program_is_as_short_as_promised() {
    let mut found: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    let mut bounded = BOUNDS.map(|(name, _)| name);
    bounded.sort_unstable();
    assert_eq!(found, bounded, "each has its bound");
    for (name, bound) in BOUNDS {
        let count = lines(&fs::read_to_string(folder().join(name)).unwrap());
        println!("{name}: {count} lines of {bound}");
        assert!(count > 3, "{name}: {count}");
        assert!(
            count <= bound,
            "{name}: {count} lines, {bound} are promised"
        );
    }
    let counted = lines("//! a\n\nuse b;\nuse c;\n\n// d\nfn main() {\n    e();\n\n}\n");
    assert_eq!(counted, 3);
}

/// A server that takes one client, and what it makes of it.
fn serve<S: Read + Write, T: Send + 'static>(
    wrap: impl FnOnce(TcpStream) -> S + Send + 'static,
    subprotocols: &'static [&'static str],
    behave: impl FnOnce(&mut Connection<S>, &str) -> T + Send + 'static,
    end: impl FnOnce(S) + Send + 'static,
) -> (String, JoinHandle<T>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let thread = thread::spawn(move || {
        let (tcp, _) = listener.accept().unwrap();
        tcp.set_nodelay(true).unwrap();
        let (mut connection, request) = server::accept(wrap(tcp), subprotocols).unwrap();
        let value = behave(&mut connection, &request);
        end(connection.writer.into_parts().0.into_inner());
        value
    });
    (address, thread)
}

fn plain<T: Send + 'static>(
    behave: impl FnOnce(&mut Connection<TcpStream>, &str) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    // RFC 6455 §7.1.1: the server closes the transport first.
    let end = |tcp: TcpStream| tcp.shutdown(Shutdown::Both).unwrap_or_default();
    let (address, thread) = serve(|tcp| tcp, &[], behave, end);
    (format!("ws://{address}/"), thread)
}

fn run(program: &str, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Closed behind it.
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

fn succeeded(output: &Output) -> &str {
    let said = str::from_utf8(&output.stderr).unwrap();
    assert!(output.status.success(), "{}: {said}", output.status);
    str::from_utf8(&output.stdout).unwrap()
}

fn failed(output: &Output) -> &str {
    assert!(!output.status.success());
    str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn first_echoes_until_the_server_closes() {
    let (uri, server) = plain(|connection, _| {
        for said in ["hello", "", "world"] {
            connection.send(said).unwrap();
            assert_eq!(connection.recv().unwrap().unwrap(), said);
        }
        connection.send([0, 0xff]).unwrap();
        assert_eq!(connection.recv().unwrap().unwrap(), [0, 0xff]);
        let code = Some(CloseCode::GOING_AWAY);
        connection.close(code, "enough").unwrap();
        assert!(connection.recv().unwrap().is_none());
    });
    let output = run(env!("CARGO_BIN_EXE_first"), &[&uri], "");
    let said = succeeded(&output);
    assert!(said.starts_with("closed with "), "{said}");
    assert!(said.contains("1001 GOING_AWAY") && said.contains("enough"));
    server.join().unwrap();
    let output = run(env!("CARGO_BIN_EXE_first"), &[], "");
    assert!(failed(&output).contains("usage: first URI"));
}

#[test]
fn feed_verifies_the_server_and_reads_json() {
    let mine = Authority::new("mine").unwrap();
    let ca = std::env::temp_dir().join(format!("bare-ws-feed-{}.pem", std::process::id()));
    fs::write(&ca, mine.pem()).unwrap();
    let run = |uri: &str| {
        let arguments = [uri, ca.to_str().unwrap(), "t0k3n"];
        run(env!("CARGO_BIN_EXE_feed"), &arguments, "")
    };

    let config = mine.server(&["localhost"]).unwrap();
    let secure = |tcp| StreamOwned::new(ServerConnection::new(config).unwrap(), tcp);
    let (address, server) = serve(
        secure,
        &["prices.v1"],
        |connection, request| {
            let subscribed = connection.recv().unwrap().unwrap().to_string();
            connection.send(r#"{"symbol":"BTC","price":1.5}"#).unwrap();
            connection.send(r#"{"symbol":"BTC","price":2}"#).unwrap();
            connection.close(Some(CloseCode::NORMAL), "").unwrap();
            assert!(connection.recv().unwrap().is_none());
            (request.to_owned(), subscribed)
        },
        |mut stream| {
            stream.conn.send_close_notify();
            let _ = stream.flush();
            let _ = stream.sock.shutdown(Shutdown::Both);
        },
    );
    let (_, port) = address.rsplit_once(':').unwrap();
    let output = run(&format!("wss://localhost:{port}/prices"));
    assert_eq!(succeeded(&output), "BTC: 1.5\nBTC: 2\n");
    let (request, subscribed) = server.join().unwrap();
    assert_eq!(subscribed, r#"{"subscribe":"BTC"}"#);
    for line in [
        "GET /prices HTTP/1.1\r\n",
        "\r\nAuthorization: Bearer t0k3n\r\n",
        "\r\nSec-WebSocket-Protocol: prices.v1\r\n",
        "\r\nSec-WebSocket-Extensions: permessage-deflate",
    ] {
        assert!(request.contains(line), "{line}: {request}");
    }

    // Another's certificate for the same name.
    let other = Authority::new("other").unwrap();
    let config = other.server(&["localhost"]).unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        let mut session = ServerConnection::new(config).unwrap();
        while session.is_handshaking() && session.complete_io(&mut tcp).is_ok() {}
        session.is_handshaking()
    });
    let output = run(&format!("wss://localhost:{port}/prices"));
    assert!(failed(&output).contains("Tls"), "{}", failed(&output));
    assert!(server.join().unwrap(), "nothing was sent to it");
    fs::remove_file(ca).unwrap();
}

#[test]
fn market_subscribes_and_prints_prices() {
    let (uri, server) = plain(|connection, _| {
        let subscribed = connection.recv().unwrap().unwrap().to_string();
        connection.send("1.5").unwrap();
        connection.send("2").unwrap();
        connection.close(Some(CloseCode::NORMAL), "").unwrap();
        assert!(connection.recv().unwrap().is_none());
        subscribed
    });
    let output = run(env!("CARGO_BIN_EXE_market"), &[&uri], "");
    assert!(succeeded(&output).starts_with("1.5\n2\nclosed with "));
    assert_eq!(server.join().unwrap(), r#"{"subscribe":"BTC"}"#);
}

#[test]
fn many_close_all_when_they_are_told_to() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let clients = (0..3).map(|_| listener.accept().unwrap().0);
        let clients: Vec<_> = clients
            .map(|tcp| {
                thread::spawn(move || {
                    let (mut connection, _) = server::accept(tcp, &[]).unwrap();
                    assert!(connection.recv().unwrap().is_none());
                    let code = connection.reader.close_status().unwrap().code;
                    let tcp = connection.writer.into_parts().0.into_inner();
                    tcp.shutdown(Shutdown::Both).unwrap_or_default();
                    code
                })
            })
            .collect();
        let codes = clients.into_iter().map(|client| client.join().unwrap());
        codes.collect::<Vec<_>>()
    });
    let output = run(env!("CARGO_BIN_EXE_many"), &[&uri, "3"], "\n");
    assert_eq!(succeeded(&output), "received 0\n".repeat(3));
    assert_eq!(server.join().unwrap(), [CloseCode::GOING_AWAY; 3]);
}

#[test]
fn threads_send_and_receive_at_once() {
    let (uri, server) = plain(|connection, _| {
        let mut said = Vec::new();
        // It sends before it has received, and answers each line.
        connection.send("welcome").unwrap();
        while let Some(message) = connection.recv().unwrap() {
            let line = message.to_string();
            connection.send(format!("{line}!")).unwrap();
            said.push(line);
        }
        said
    });
    let output = run(env!("CARGO_BIN_EXE_threads"), &[&uri], "one\ntwo\n");
    let mut said = succeeded(&output).lines();
    assert_eq!(said.next(), Some("welcome"));
    assert_eq!(said.next(), Some("one!"));
    assert_eq!(said.next(), Some("two!"));
    assert!(said.next().is_some_and(|line| line.contains("1000 NORMAL")));
    assert_eq!(said.next(), None);
    assert_eq!(server.join().unwrap(), ["one", "two"]);
}

/// A file longer than any message that is received whole may be (16 MiB), through a server that sends
/// each piece back before it reads the next.
#[test]
fn transfer_moves_a_file_up_and_down() {
    let name = format!("bare-ws-transfer-{}", std::process::id());
    let from = std::env::temp_dir().join(&name);
    let to = from.with_extension("copy");
    let file: Vec<u8> = (0..20 * 1024 * 1024 + 7_u32)
        .map(|n| (n / 3) as u8)
        .collect();
    fs::write(&from, &file).unwrap();
    let (uri, server) = plain(|connection, _| {
        let Connection { reader, writer } = connection;
        let mut most = 0;
        while let Some(chunk) = reader.recv_chunk(writer).unwrap() {
            most = most.max(chunk.octets.len());
            let sent = writer.send_fragment(chunk.kind, chunk.octets, chunk.fin);
            sent.unwrap();
        }
        most
    });
    let arguments = [&uri, from.to_str().unwrap(), to.to_str().unwrap()];
    let output = run(env!("CARGO_BIN_EXE_transfer"), &arguments, "");
    let said = succeeded(&output);
    assert_eq!(said, format!("{} octets, up and down\n", 2 * file.len()));
    assert!(fs::read(&to).unwrap() == file);
    // Neither end has held the message.
    assert!(server.join().unwrap() <= 64 * 1024);
    fs::remove_file(from).unwrap();
    fs::remove_file(to).unwrap();
}
