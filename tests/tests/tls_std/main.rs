//! wss of the std adapter against rustls servers on loopback.
#![allow(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "on hosts"
)]

mod ends;
mod peer;
mod redirects;
mod roots;
#[path = "../../../std-adapter/tests/peer/stalls.rs"]
mod stalls;
#[path = "../../../std-adapter/tests/peer/steady.rs"]
mod steady;
#[path = "../tls_pki/mod.rs"]
mod tls_pki;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bare_ws::blocking::Connection;
use bare_ws::buffer::Growing;
use bare_ws::handshake::Progress;
use bare_ws::handshake::server::{ServerHandshake, Service};
use bare_ws::message::Message;
use bare_ws::receiver::Receiver;
use bare_ws::role::Server;
use bare_ws::sender::Sender;
use bare_ws_std::tls::{CertificateError, TlsBuilder};
use bare_ws_std::{
    CloseCode, Config, Error, RedirectError, Socket, SystemEntropy, Timeout, Tls, TlsError,
    WebSocket,
};
use embedded_io_adapters::std::FromStd;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{
    AlertDescription, HandshakeKind, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    SupportedProtocolVersion, version,
};

use peer::{Peer, accept, config, config_of, echo, refused};
use stalls::Stalls;
use steady::Steady;
use tls_pki::{Node, authority, distinguished, server, valid};

/// Longer than anything that a test waits for.
const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(200);

fn trusting(root: &Node) -> Tls {
    Tls::builder().root(root.der.to_vec()).build().unwrap()
}

fn client(tls: &Tls) -> Config {
    Config::new().tls(tls.clone())
}

fn connect(tls: &Tls, host: &str, port: u16) -> Result<WebSocket, Error> {
    client(tls).connect(&format!("wss://{host}:{port}/"))
}

/// A certificate valid for the year around, whenever the test runs.
fn current(names: &[&str]) -> rcgen::CertificateParams {
    let mut params = server(names);
    valid(&mut params, 2020, 2040);
    params
}

fn octets(length: usize) -> Vec<u8> {
    (0..length).map(|at| ((at * 31) >> 3) as u8).collect()
}

// row: SEED-06, REQ-14, CLS-17
#[test]
fn a_mebibyte_is_echoed_by_either_version_and_closed_cleanly() {
    let root = Node::root("root");
    let intermediate = root.issue(authority("intermediate"));
    let leaf = intermediate.issue(current(&["localhost", "127.0.0.1"]));
    let tls = trusting(&root);
    let data = octets(1 << 20);
    for versions in [&[&version::TLS13], &[&version::TLS12]] {
        for (host, told) in [("localhost", Some("localhost")), ("127.0.0.1", None)] {
            let config = config_of(&leaf, &[&leaf, &intermediate], versions, None);
            let peer = Peer::tls(config, 1, |tls| echo(tls).unwrap());
            let mut socket = connect(&tls, host, peer.port).unwrap();
            assert!(matches!(socket.stream(), Socket::Tls(_)));
            socket.send(&data[..]).unwrap();
            assert_eq!(socket.recv().unwrap(), Some(Message::Binary(&data)));
            socket.finish(Some(CloseCode::NORMAL), "").unwrap();
            let seen = &peer.join()[0];
            assert_eq!(seen.name.as_deref(), told);
            assert_eq!(seen.alpn.as_deref(), Some(&b"http/1.1"[..]));
            assert!(seen.closed_cleanly, "{seen:?}");
        }
    }
}

// row: SEED-06
#[test]
fn records_that_arrive_together_are_all_read_though_nothing_follows() {
    let root = Node::root("root");
    let leaf = root.issue(current(&["localhost"]));
    let peer = Peer::tls(config(&leaf, &[&leaf]), 1, |mut tls| {
        accept(&mut FromStd::new(&mut tls)).unwrap();
        // Many records, none of them long, in one write.
        let mut together = Vec::new();
        for number in 0..50 {
            tls.conn.writer().write_all(&[0x82, 1, number]).unwrap();
            while tls.conn.wants_write() {
                tls.conn.write_tls(&mut together).unwrap();
            }
        }
        tls.sock.write_all(&together).unwrap();
        let mut rest = Vec::new();
        let _ = tls.read_to_end(&mut rest);
    });
    let mut socket = connect(&trusting(&root), "localhost", peer.port).unwrap();
    for number in 0..50 {
        let message = socket.recv_timeout(LONG / 2).unwrap();
        assert_eq!(message, Some(Message::Binary(&[number])));
    }
    drop(socket);
    peer.join();
}

// row: SEED-06
#[test]
fn two_threads_use_one_connection() {
    let root = Node::root("root");
    let leaf = root.issue(current(&["localhost"]));
    let tls = trusting(&root);
    let peer = Peer::tls(config(&leaf, &[&leaf]), 1, |tls| echo(tls).unwrap());
    let socket = connect(&tls, "localhost", peer.port).unwrap();
    let (mut reader, writer) = socket.split();
    let messages = 200;
    let sending = thread::spawn(move || {
        for number in 0..messages {
            writer.send(&octets(number * 50)[..]).unwrap();
        }
        writer.close(Some(CloseCode::NORMAL), "").unwrap();
    });
    for number in 0..messages {
        assert_eq!(
            reader.recv().unwrap(),
            Some(Message::Binary(&octets(number * 50)))
        );
    }
    assert_eq!(reader.recv().unwrap(), None);
    reader.finish().unwrap();
    sending.join().unwrap();
    assert!(peer.join()[0].closed_cleanly);
}

// row: SEED-06, REQ-14
#[test]
fn each_false_server_is_refused_by_name_before_a_word_of_websocket() {
    let root = Node::root("root");
    let leaf = root.issue(current(&["localhost"]));
    let nobody = Node::self_signed(current(&["localhost"]));
    let mut past = server(&["localhost"]);
    valid(&mut past, 2020, 2021);
    let past = root.issue(past);
    let mut future = server(&["localhost"]);
    valid(&mut future, 2090, 2091);
    let future = root.issue(future);
    let other = root.issue(current(&["other.test"]));
    let forged = other.issue(current(&["localhost"]));
    let mut common = current(&[]);
    common.distinguished_name = distinguished("localhost");
    let common = root.issue(common);
    let impostor = Node::root("root").issue(current(&["localhost"]));
    let mut purpose = current(&["localhost"]);
    purpose.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let purpose = root.issue(purpose);
    let mut authority = current(&["localhost"]);
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = root.issue(authority);

    // The host, the chain, the error's name, and what the text must say.
    type Row<'a> = (&'a str, &'a Node, &'a [&'a Node], &'a str, &'a str);
    let table: &[Row<'_>] = &[
        (
            "localhost",
            &other,
            &[&other],
            "WrongName",
            "\"other.test\"",
        ),
        (
            "127.0.0.1",
            &leaf,
            &[&leaf],
            "WrongName",
            "only for \"localhost\"",
        ),
        (
            "localhost",
            &common,
            &[&common],
            "WrongName",
            "not valid for",
        ),
        (
            "localhost",
            &nobody,
            &[&nobody],
            "UnknownIssuer",
            "Tls::builder",
        ),
        (
            "localhost",
            &past,
            &[&past],
            "Expired",
            "2021-01-01T00:00:00Z",
        ),
        (
            "localhost",
            &future,
            &[&future],
            "NotYetValid",
            "2090-01-01T00:00:00Z",
        ),
        (
            "localhost",
            &forged,
            &[&forged, &other],
            "IssuerNotCa",
            "authority",
        ),
        (
            "localhost",
            &impostor,
            &[&impostor],
            "BadSignature",
            "signature",
        ),
        (
            "localhost",
            &purpose,
            &[&purpose],
            "ExtendedKeyUsage",
            "server",
        ),
        (
            "localhost",
            &authority,
            &[&authority],
            "CaAsServer",
            "of a server",
        ),
    ];
    let tls = trusting(&root);
    for (number, (host, leaf, chain, expected, word)) in table.iter().enumerate() {
        let peer = Peer::tls(config(leaf, chain), 1, |mut tls| {
            let mut heard = Vec::new();
            let ended = tls.read_to_end(&mut heard);
            (heard.len(), ended.is_err())
        });
        match connect(&tls, host, peer.port) {
            Err(error @ Error::Tls(TlsError::Certificate { .. })) => {
                let text = error.to_string();
                for said in [&format!("{host:?}"), *word] {
                    assert!(text.contains(said), "server {number}: {text}");
                }
                let Error::Tls(TlsError::Certificate { host: asked, error }) = error else {
                    unreachable!("as matched");
                };
                assert_eq!(asked, **host, "server {number}");
                let name = format!("{error:?}");
                assert!(name.starts_with(expected), "server {number}: {name}");
            }
            outcome => panic!("server {number}: {:?}", outcome.err()),
        }
        // An alert, and nothing else.
        assert_eq!(peer.join(), [(0, true)], "server {number}");
    }
}

/// A server's end of the wire that keeps what came over it.
struct Tapped {
    tcp: Steady,
    seen: Vec<u8>,
}

impl Read for Tapped {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        let length = self.tcp.read(octets)?;
        self.seen.extend(&octets[..length]);
        Ok(length)
    }
}

impl Write for Tapped {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.tcp.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

// row: SEED-06
#[test]
fn one_frame_is_one_record_where_it_fits() {
    let root = Node::root("root");
    let leaf = root.issue(current(&["localhost"]));
    let tls = trusting(&root);
    // RFC 6455 §5.2: 6 octets and the payload, 8 from 126 octets on; RFC 8446 §5.1: 2^14 a record.
    let lengths = [0, 1, 125, 126, 4000, (1 << 14) - 8];
    let server = Arc::new(config_of(&leaf, &[&leaf], &[&version::TLS13], None));
    let peer = Peer::tcp(1, move |tcp| {
        let tapped = Tapped {
            tcp,
            seen: Vec::new(),
        };
        let mut tls = StreamOwned::new(ServerConnection::new(server.clone()).unwrap(), tapped);
        accept(&mut FromStd::new(&mut tls)).unwrap();
        let before = tls.sock.seen.len();
        tls.read_to_end(&mut Vec::new()).unwrap();
        tls.sock.seen.split_off(before)
    });
    let config = client(&tls)
        .transmit_buffer((1 << 14) + 8)
        .close_timeout(SHORT);
    let uri = format!("wss://localhost:{}/", peer.port);
    let mut socket = config.connect(&uri).unwrap();
    for length in lengths {
        socket.send(&octets(length)[..]).unwrap();
    }
    // Nobody answers our Close.
    assert!(socket.finish(Some(CloseCode::NORMAL), "").is_err());
    drop(socket);
    let seen = &peer.join()[0];
    let mut rest = &seen[..];
    let mut records = Vec::new();
    while let [23, 3, 3, high, low, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        records.push(length - 17);
        rest = &after[length..];
    }
    assert_eq!(rest, []);
    let mut expected: Vec<_> = lengths
        .iter()
        .map(|length| length + if *length < 126 { 6 } else { 8 })
        .collect();
    // The Close, and close_notify.
    expected.extend([8, 2]);
    assert_eq!(records, expected);
}

// row: SEED-06
#[test]
fn sessions_are_resumed_among_the_connections_of_one_setup() {
    let root = Node::root("root");
    let leaf = root.issue(current(&["localhost"]));
    let peer = Peer::tls(config(&leaf, &[&leaf]), 3, |tls| echo(tls).unwrap());
    let tls = trusting(&root);
    let strangers = trusting(&root);
    for tls in [&tls, &tls, &strangers] {
        let mut socket = connect(tls, "localhost", peer.port).unwrap();
        // Tickets come with the first octets.
        socket.send("x").unwrap();
        socket.recv().unwrap();
        socket.finish(None, "").unwrap();
    }
    let kinds: Vec<_> = peer.join().into_iter().map(|seen| seen.kind).collect();
    assert_eq!(
        kinds,
        [
            Some(HandshakeKind::Full),
            Some(HandshakeKind::Resumed),
            Some(HandshakeKind::Full)
        ]
    );
}

/// A file of its own for each test, gone with it.
struct File(PathBuf);

impl File {
    fn new(name: &str, content: &str) -> Self {
        let name = format!("bare-ws-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
