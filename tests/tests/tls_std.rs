//! wss of the std adapter against rustls servers on loopback.
#![allow(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "on hosts"
)]

#[path = "../../std-adapter/tests/peer/stalls.rs"]
mod stalls;
mod tls_pki;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
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

use stalls::Stalls;
use tls_pki::{Node, authority, distinguished, server, valid};

/// Longer than anything that a test waits for.
const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(200);

type TlsTcp = StreamOwned<ServerConnection, TcpStream>;

/// A server for one client after another, each served the same way.
struct Peer<T> {
    port: u16,
    thread: JoinHandle<Vec<T>>,
}

impl<T: Send + 'static> Peer<T> {
    fn tcp(clients: usize, serve: impl Fn(TcpStream) -> T + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = thread::spawn(move || {
            let client = |_| {
                let (tcp, _) = listener.accept().unwrap();
                tcp.set_read_timeout(Some(LONG)).unwrap();
                tcp.set_write_timeout(Some(LONG)).unwrap();
                serve(tcp)
            };
            (0..clients).map(client).collect()
        });
        Self { port, thread }
    }

    fn tls(
        config: ServerConfig,
        clients: usize,
        serve: impl Fn(TlsTcp) -> T + Send + 'static,
    ) -> Self {
        let config = Arc::new(config);
        Self::tcp(clients, move |tcp| {
            let session = ServerConnection::new(Arc::clone(&config)).unwrap();
            serve(StreamOwned::new(session, tcp))
        })
    }

    fn join(self) -> Vec<T> {
        match self.thread.join() {
            Ok(values) => values,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// What a server saw of a client.
#[derive(Debug)]
struct Seen {
    kind: Option<HandshakeKind>,
    name: Option<String>,
    alpn: Option<Vec<u8>>,
    certificates: usize,
    /// Our close_notify was there, and the end of our direction behind it.
    closed_cleanly: bool,
}

/// Echoes messages until the client closes.
fn echo(mut tls: TlsTcp) -> io::Result<Seen> {
    let mut io = FromStd::new(&mut tls);
    let receiver = accept(&mut io)?;
    let sender = Sender::<Server, _, _>::new(vec![0; 1 << 16], SystemEntropy::new().unwrap());
    let Connection {
        mut reader,
        mut writer,
    } = Connection::new(io, receiver, sender);
    while let Some(message) = reader.recv(&mut writer).map_err(io::Error::other)? {
        writer.send(message).map_err(io::Error::other)?;
    }
    drop(writer);
    tls.conn.send_close_notify();
    tls.flush()?;
    tls.sock.shutdown(Shutdown::Write)?;
    let mut rest = Vec::new();
    let closed_cleanly = matches!(tls.read_to_end(&mut rest), Ok(0));
    Ok(Seen {
        kind: tls.conn.handshake_kind(),
        name: tls.conn.server_name().map(str::to_owned),
        alpn: tls.conn.alpn_protocol().map(<[u8]>::to_vec),
        certificates: tls.conn.peer_certificates().map_or(0, <[_]>::len),
        closed_cleanly,
    })
}

/// Whether the handshake failed. The rest is read, for a reset would overtake our alert.
fn refused(mut tls: TlsTcp) -> bool {
    let has_failed = accept(&mut FromStd::new(&mut tls)).is_err();
    let _ = tls.sock.shutdown(Shutdown::Write);
    let _ = tls.sock.read_to_end(&mut Vec::new());
    has_failed
}

/// The opening handshake of a server.
fn accept(
    io: &mut (impl embedded_io::Read<Error = io::Error> + embedded_io::Write<Error = io::Error>),
) -> io::Result<Receiver<Server, Growing>> {
    let mut handshake = ServerHandshake::new(&Service::ANY, ());
    let mut receiver = Receiver::<Server, _>::new(Growing::with_len(1 << 14));
    loop {
        let length = io.read(receiver.spare())?;
        receiver.commit(length);
        match handshake.read(receiver.unparsed()) {
            Progress::NeedOctets if length == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            Progress::NeedOctets => receiver.skip(usize::MAX),
            Progress::Done { consumed } => {
                receiver.skip(consumed);
                break;
            }
        }
    }
    let mut answer = [0; 512];
    loop {
        match handshake.write(&mut answer) {
            0 => break,
            length => io.write_all(&answer[..length])?,
        }
    }
    io.flush()?;
    handshake.finish().map_err(io::Error::other)?;
    Ok(receiver)
}

fn config(leaf: &Node, chain: &[&Node]) -> ServerConfig {
    config_of(leaf, chain, &[&version::TLS13, &version::TLS12], None)
}

fn config_of(
    leaf: &Node,
    chain: &[&Node],
    versions: &[&'static SupportedProtocolVersion],
    clients_of: Option<&Node>,
) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap();
    let builder = match clients_of {
        None => builder.with_no_client_auth(),
        Some(root) => {
            let mut roots = RootCertStore::empty();
            roots.add(root.der.clone()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        }
    };
    let chain = chain.iter().map(|node| node.der.clone()).collect();
    let key = PrivateKeyDer::Pkcs8(leaf.key.serialize_der().into());
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

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

// row: SEED-06, REQ-14
#[test]
fn a_handshake_that_ends_or_stalls_is_that_error() {
    let tls = trusting(&Node::root("root"));
    let cut = Peer::tcp(1, |mut tcp| {
        // Some of the ClientHello, and a record that promises more than comes.
        let _ = tcp.read(&mut [0; 100]).unwrap();
        tcp.write_all(&[22, 3, 3, 0, 100, 2, 0, 0]).unwrap();
        tcp.shutdown(Shutdown::Write).unwrap();
        let _ = tcp.read_to_end(&mut Vec::new());
    });
    let outcome = connect(&tls, "localhost", cut.port);
    assert!(
        matches!(outcome, Err(Error::Tls(TlsError::CutInHandshake))),
        "{:?}",
        outcome.err()
    );
    cut.join();

    let plain = Peer::tcp(1, |mut tcp| {
        let _ = tcp.read(&mut [0; 100]).unwrap();
        tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        let _ = tcp.read_to_end(&mut Vec::new());
    });
    let outcome = connect(&tls, "localhost", plain.port);
    assert!(
        matches!(outcome, Err(Error::Tls(TlsError::NotTls))),
        "{:?}",
        outcome.err()
    );
    plain.join();

    let silent = Peer::tcp(1, |mut tcp| tcp.read_to_end(&mut Vec::new()).map(drop));
    let stalls = Stalls::watch();
    let outcome = client(&tls)
        .handshake_timeout(SHORT)
        .connect(&format!("wss://localhost:{}/", silent.port));
    assert!(
        matches!(outcome, Err(Error::Timeout(Timeout::Handshake))),
        "{:?}",
        outcome.err()
    );
    stalls.took(SHORT, SHORT);
    drop(outcome);
    silent.join()[0].as_ref().unwrap();
}

/// RFC 8446 §6.1: with close_notify the server left, without it somebody cut the wire; after both
/// Closes nothing is missing either way.
// row: SEED-06, CLS-15, CLS-17
#[test]
fn an_end_without_close_notify_is_said_to_be_one() {
    let root = Node::root("root");
    let leaf = root.issue(current(&["localhost"]));
    let tls = trusting(&root);
    for versions in [&[&version::TLS13], &[&version::TLS12]] {
        for (closes, notifies) in [(false, false), (false, true), (true, false), (true, true)] {
            let config = config_of(&leaf, &[&leaf], versions, None);
            let peer = Peer::tls(config, 1, move |mut tls| {
                accept(&mut FromStd::new(&mut tls)).unwrap();
                if closes {
                    tls.write_all(&[0x88, 2, 3, 0xE8]).unwrap();
                }
                if notifies {
                    tls.conn.send_close_notify();
                }
                tls.flush().unwrap();
                tls.sock.shutdown(Shutdown::Write).unwrap();
                // It goes on reading: our Close, and our close_notify.
                let mut heard = Vec::new();
                let ended = tls.read_to_end(&mut heard);
                (heard.first().copied(), ended.is_ok())
            });
            let mut socket = connect(&tls, "localhost", peer.port).unwrap();
            let outcome = socket.recv().map(|message| message.is_none());
            let what = format!("{versions:?}, Close {closes}, close_notify {notifies}");
            match (closes, notifies) {
                (true, _) => assert!(outcome.unwrap(), "{what}"),
                (false, true) => {
                    assert!(matches!(outcome, Err(Error::Lost)), "{what}: {outcome:?}")
                }
                (false, false) => assert!(
                    matches!(outcome, Err(Error::Tls(TlsError::Truncated))),
                    "{what}: {outcome:?}"
                ),
            }
            if closes {
                socket.finish(None, "").unwrap();
            }
            drop(socket);
            let [(heard, notified)] = peer.join()[..] else {
                panic!("one client");
            };
            if closes {
                assert_eq!((heard, notified), (Some(0x88), true), "{what}");
            }
        }
    }
}

/// A server's end of the wire that keeps what came over it.
struct Tapped {
    tcp: TcpStream,
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
fn a_silent_server_can_be_waited_for_again_until_it_is_silent_for_too_long() {
    let root = Node::root("root");
    let leaf = root.issue(current(&["localhost"]));
    let peer = Peer::tls(config(&leaf, &[&leaf]), 1, |tls| echo(tls).map(drop));
    let mut socket = client(&trusting(&root))
        .close_timeout(SHORT)
        .connect(&format!("wss://localhost:{}/", peer.port))
        .unwrap();
    for _ in 0..2 {
        let outcome = socket.recv_timeout(SHORT);
        assert!(
            matches!(outcome, Err(Error::Timeout(Timeout::Call))),
            "{outcome:?}"
        );
    }
    socket.send("still here").unwrap();
    assert_eq!(socket.recv().unwrap(), Some(Message::Text("still here")));
    socket.writer.set_silence_timeout(SHORT);
    for _ in 0..2 {
        let outcome = socket.recv();
        assert!(
            matches!(outcome, Err(Error::Timeout(Timeout::Silence))),
            "{outcome:?}"
        );
    }
    drop(socket);
    peer.join();
}

// row: SEED-06
#[test]
fn a_server_that_takes_nothing_meets_the_stall_time_out() {
    let root = Node::root("root");
    let leaf = root.issue(current(&["localhost"]));
    let (release, held) = std::sync::mpsc::channel();
    let peer = Peer::tls(config(&leaf, &[&leaf]), 1, move |mut tls| {
        accept(&mut FromStd::new(&mut tls)).unwrap();
        held.recv().unwrap();
    });
    let mut socket = client(&trusting(&root))
        .stall_timeout(SHORT)
        .connect(&format!("wss://localhost:{}/", peer.port))
        .unwrap();
    let outcome = socket.send(&octets(1 << 24)[..]);
    assert!(
        matches!(outcome, Err(Error::Timeout(Timeout::Stall))),
        "{outcome:?}"
    );
    release.send(()).unwrap();
    peer.join();
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

// row: SEED-06
#[test]
fn roots_and_a_certificate_of_ones_own_come_from_files() {
    let root = Node::root("root");
    let other = Node::root("other root");
    let leaf = root.issue(current(&["localhost"]));
    let mut own = current(&[]);
    own.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let own = root.issue(own);
    let both = File::new("roots.pem", &(other.pem().0 + &root.pem().0));
    let chain = File::new("own.pem", &own.pem().0);
    let key = File::new("own.key", &own.pem().1);
    let knows = || Tls::builder().root_file(&both.0).unwrap();

    let asking = || config_of(&leaf, &[&leaf], &[&version::TLS12], Some(&root));
    let peer = Peer::tls(asking(), 1, |tls| echo(tls).unwrap());
    let tls = knows()
        .client_certificate(&chain.0, &key.0)
        .unwrap()
        .build()
        .unwrap();
    let mut socket = connect(&tls, "localhost", peer.port).unwrap();
    socket.finish(None, "").unwrap();
    assert_eq!(peer.join()[0].certificates, 1);

    let peer = Peer::tls(asking(), 1, refused);
    let outcome = connect(&knows().build().unwrap(), "localhost", peer.port);
    assert!(
        matches!(
            outcome,
            Err(Error::Tls(TlsError::Alert(
                AlertDescription::HandshakeFailure | AlertDescription::CertificateRequired
            )))
        ),
        "{:?}",
        outcome.err()
    );
    drop(outcome);
    assert_eq!(peer.join(), [true]);

    // TLS 1.3 is done with its handshake when the server finds that out.
    let asking = config_of(&leaf, &[&leaf], &[&version::TLS13], Some(&root));
    let peer = Peer::tls(asking, 1, refused);
    let outcome = connect(&knows().build().unwrap(), "localhost", peer.port);
    assert!(
        matches!(
            outcome,
            Err(Error::Tls(TlsError::Alert(
                AlertDescription::CertificateRequired
            )))
        ),
        "{:?}",
        outcome.err()
    );
    drop(outcome);
    assert_eq!(peer.join(), [true]);

    // Files that are none.
    let missing = both.0.with_extension("missing");
    let empty = File::new("empty.pem", "no certificate\n");
    for path in [&missing, &empty.0] {
        let outcome = TlsBuilder::new().root_file(path);
        assert!(
            matches!(&outcome, Err(TlsError::File { path: seen, .. }) if seen == path),
            "{:?}",
            outcome.err()
        );
    }
    // The key of another certificate.
    let strange = File::new("strange.key", &leaf.pem().1);
    let outcome = knows()
        .client_certificate(&chain.0, &strange.0)
        .unwrap()
        .build();
    let error = outcome.expect_err("another key");
    let text = error.to_string();
    assert!(
        matches!(error, TlsError::ClientCertificate(_)) && text.contains("the key"),
        "{error:?}: {text}"
    );
    // What is no certificate, though it is called one.
    let bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let bad = File::new("bad.pem", bad);
    let own = knows().client_certificate(&bad.0, &key.0).unwrap().build();
    let root = TlsBuilder::new().root_file(&bad.0).unwrap().build();
    for (outcome, whose) in [(own, "client certificate"), (root, "root certificate")] {
        let text = outcome.expect_err("no certificate").to_string();
        assert!(text.contains(whose) && !text.contains("peer"), "{text}");
    }
}

// row: RSP-03, SEED-06, LIV-22
#[test]
fn a_redirect_shows_no_certificate_to_another_server() {
    let root = Node::root("root");
    let leaf = root.issue(current(&["localhost"]));
    let mut own = current(&[]);
    own.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let own = root.issue(own);
    let chain = File::new("redirect.pem", &own.pem().0);
    let key = File::new("redirect.key", &own.pem().1);
    // Asks for a certificate, and goes on without one.
    let asking = |version| {
        let mut roots = RootCertStore::empty();
        roots.add(root.der.clone()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone())
            .allow_unauthenticated()
            .build()
            .unwrap();
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_client_cert_verifier(verifier);
        let key = PrivateKeyDer::Pkcs8(leaf.key.serialize_der().into());
        builder
            .with_single_cert(vec![leaf.der.clone()], key)
            .unwrap()
    };
    for version in [&version::TLS12, &version::TLS13] {
        for trusted in [false, true] {
            // Both serve under one name, and would resume each other's sessions.
            let server = asking(version);
            let second = Peer::tls(server.clone(), 1, |tls| echo(tls).unwrap());
            let location = format!("https://localhost:{}/", second.port);
            let first = Peer::tls(server, 1, move |mut tls| {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut octet = [0];
                    tls.read_exact(&mut octet).unwrap();
                    head.push(octet[0]);
                }
                let answer = format!("HTTP/1.1 307 x\r\nLocation: {location}\r\n\r\n");
                tls.write_all(answer.as_bytes()).unwrap();
                tls.conn.send_close_notify();
                tls.flush().unwrap();
                tls.conn.peer_certificates().map_or(0, <[_]>::len)
            });
            let to_first = format!("wss://localhost:{}/", first.port);
            let tls = Tls::builder()
                .root(root.der.to_vec())
                .client_certificate(&chain.0, &key.0)
                .unwrap()
                .build()
                .unwrap();
            let config = client(&tls).redirects(1).trust_redirects(trusted);
            let mut socket = config.connect(&to_first).unwrap();
            socket.finish(None, "").unwrap();
            assert_eq!(first.join(), [1]);
            let seen = second.join();
            assert_eq!(seen[0].certificates, usize::from(trusted));
            if !trusted {
                assert_eq!(seen[0].kind, Some(HandshakeKind::Full));
            }
        }
    }
}

// row: RSP-03
#[test]
fn a_redirect_from_ws_to_wss_is_to_another_server() {
    let root = Node::root("root");
    let leaf = root.issue(current(&["localhost"]));
    for trusted in [false, true] {
        let secure = Peer::tls(config(&leaf, &[&leaf]), 1, |mut tls| {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut octet = [0];
                tls.read_exact(&mut octet).unwrap();
                head.push(octet[0]);
            }
            tls.write_all(b"HTTP/1.1 404 x\r\n\r\n").unwrap();
            String::from_utf8(head)
                .unwrap()
                .contains("X-Api-Key: secret")
        });
        let location = format!("wss://localhost:{}/", secure.port);
        let plain = Peer::tcp(1, move |mut tcp| {
            let mut head = [0; 1024];
            let length = tcp.read(&mut head).unwrap();
            let answer = format!("HTTP/1.1 307 x\r\nLocation: {location}\r\n\r\n");
            tcp.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&head[..length]).contains("X-Api-Key: secret")
        });
        let config = client(&trusting(&root))
            .header("X-Api-Key", "secret")
            .redirects(1)
            .trust_redirects(trusted);
        let outcome = config.connect(&format!("ws://localhost:{}/", plain.port));
        assert!(matches!(outcome, Err(Error::Rejected(_))), "{outcome:?}");
        assert_eq!(plain.join(), [true]);
        assert_eq!(secure.join(), [trusted]);
    }
    // And back to ws it never goes.
    let secure = Peer::tls(config(&leaf, &[&leaf]), 1, |mut tls| {
        let _ = tls.read(&mut [0; 1024]);
        let _ = tls.write_all(b"HTTP/1.1 307 x\r\nLocation: http://localhost:1/\r\n\r\n");
    });
    let config = client(&trusting(&root)).redirects(1).trust_redirects(true);
    let outcome = config.connect(&format!("wss://localhost:{}/", secure.port));
    assert!(
        matches!(
            outcome,
            Err(Error::Redirect(RedirectError::Insecure { .. }))
        ),
        "{outcome:?}"
    );
    secure.join();
}

// row: SEED-06
#[test]
fn the_platform_or_the_bundle_has_roots_and_none_of_them_is_ours() {
    let root = Node::root("root");
    let leaf = root.issue(current(&["localhost"]));
    let peer = Peer::tls(config(&leaf, &[&leaf]), 1, |tls| echo(tls).is_err());
    let outcome = bare_ws_std::connect(&format!("wss://localhost:{}/", peer.port));
    assert!(
        matches!(
            outcome,
            Err(Error::Tls(TlsError::Certificate { ref host, error: CertificateError::UnknownIssuer })) if host == "localhost"
        ),
        "{:?}",
        outcome.err()
    );
    drop(outcome);
    assert_eq!(peer.join(), [true]);
}

// row: SEED-06, LIV-23
#[test]
fn an_environment_that_names_no_roots_leads_to_no_others() {
    const ASKED: &str = "BARE_WS_ASKED_FOR_ROOTS";
    if std::env::var_os(ASKED).is_some() {
        // In a process of its own, see below.
        match Tls::new() {
            Ok(tls) => drop(tls),
            Err(error @ TlsError::Environment { .. }) => panic!("refused: {error}"),
            Err(error) => panic!("{error:?}"),
        }
        return;
    }
    let root = File::new("env-root.pem", &Node::root("root").pem().0);
    let empty = File::new("env-empty.pem", "");
    let prose = File::new("env-prose.pem", "no certificate\n");
    let bad = "-----BEGIN CERTIFICATE-----\nMAMC\n-----END CERTIFICATE-----\n";
    let bad = File::new("env-bad.pem", bad);
    let missing = root.0.with_extension("missing");
    let directory = std::env::temp_dir().join(format!("bare-ws-{}-roots", std::process::id()));
    let (full, bare) = (directory.join("full"), directory.join("bare"));
    std::fs::create_dir_all(&full).unwrap();
    std::fs::create_dir_all(&bare).unwrap();
    std::fs::copy(&root.0, full.join("root.pem")).unwrap();
    std::fs::write(full.join("README"), "no certificate\n").unwrap();
    let both = std::env::join_paths([&bare, &full]).unwrap();
    let with_missing = std::env::join_paths([&missing, &full]).unwrap();

    let nothing = std::ffi::OsStr::new("");
    let file = |path: &PathBuf| Some(path.clone().into_os_string());
    for (cert_file, cert_dir, refused) in [
        (None, None, None),
        (file(&root.0), None, None),
        (None, file(&full), None),
        (None, Some(both), None),
        (file(&root.0), file(&full), None),
        (file(&missing), None, Some("SSL_CERT_FILE")),
        (file(&empty.0), None, Some("SSL_CERT_FILE")),
        (file(&prose.0), None, Some("SSL_CERT_FILE")),
        (file(&bad.0), None, Some("SSL_CERT_FILE")),
        (file(&bare), None, Some("SSL_CERT_FILE")),
        (Some(nothing.to_owned()), None, Some("SSL_CERT_FILE")),
        (file(&missing), file(&full), Some("SSL_CERT_FILE")),
        (None, file(&missing), Some("SSL_CERT_DIR")),
        (None, file(&bare), Some("SSL_CERT_DIR")),
        (None, file(&root.0), Some("SSL_CERT_DIR")),
        (None, Some(with_missing), Some("SSL_CERT_DIR")),
        (None, Some(nothing.to_owned()), Some("SSL_CERT_DIR")),
        (file(&root.0), file(&bare), Some("SSL_CERT_DIR")),
    ] {
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        again
            .args([
                "--exact",
                "an_environment_that_names_no_roots_leads_to_no_others",
            ])
            .env(ASKED, "1")
            .env_remove("SSL_CERT_FILE")
            .env_remove("SSL_CERT_DIR");
        for (name, value) in [("SSL_CERT_FILE", &cert_file), ("SSL_CERT_DIR", &cert_dir)] {
            if let Some(value) = value {
                again.env(name, value);
            }
        }
        let output = again.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let case = format!("{cert_file:?} {cert_dir:?}: {said}");
        assert!(said.contains("running 1 test"), "{case}");
        assert_eq!(output.status.success(), refused.is_none(), "{case}");
        if let Some(variable) = refused {
            assert!(said.contains(&format!("refused: {variable}")), "{case}");
        }
    }
    std::fs::remove_dir_all(directory).unwrap();
}
