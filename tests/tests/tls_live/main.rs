//! Handshakes and streams of the embedded TLS path against a rustls server in memory.

#![allow(clippy::std_instead_of_core, reason = "on hosts")]

mod stream;
#[path = "../tls_peer/mod.rs"]
mod tls_peer;
#[path = "../tls_pki/mod.rs"]
mod tls_pki;

use std::convert::Infallible;

use bare_ws::entropy::{Entropy, EntropyError};
use bare_ws_embassy::tls::{
    AlertDescription, CertificateError, Client, Clock, Date, Error, Link, MAX_INTERMEDIATES,
    PinnedKey, Records, Roots, Stream, TrustAnchor, anchor_from_trusted_cert,
};
use bare_ws_embassy::transport::{Shutdown, Transport};
use embedded_io_async::{Read, Write};
use rcgen::{BasicConstraints, IsCa};
use rustls::ServerConfig;

use tls_peer::{
    Counter, FAST, Pace, Peer, Reader, Shared, Writer, config, deaf_to_aes_128, run, run_for,
    transport,
};
use tls_pki::{NOW, Node, authority, distinguished, server, valid};

const HOST: &str = "host.example.test";
const CLOCK: Clock = Clock::UnixSeconds(NOW);

/// The four buffers.
struct Memory {
    read: Vec<u8>,
    write: Vec<u8>,
    receive: Vec<u8>,
    transmit: Vec<u8>,
}

impl Memory {
    fn of(read: usize, write: usize, receive: usize, transmit: usize) -> Self {
        Self {
            read: vec![0; read],
            write: vec![0; write],
            receive: vec![0; receive],
            transmit: vec![0; transmit],
        }
    }

    fn ample() -> Self {
        Self::of(16_640, 4096, 16_645, 4096)
    }

    fn split(&mut self) -> (Link<'_>, Records<'_>) {
        (
            Link::new(&mut self.receive, &mut self.transmit),
            Records {
                read: &mut self.read,
                write: &mut self.write,
            },
        )
    }
}

type Connected<'a, 'b> = Stream<'a, 'b, Reader, Writer>;

fn anchor(root: &Node) -> TrustAnchor<'_> {
    anchor_from_trusted_cert(&root.der).unwrap()
}

/// A root, and a server under it that is what it says.
fn honest() -> (Node, Node) {
    let root = Node::root("root");
    let leaf = root.issue(server(&[HOST]));
    (root, leaf)
}

/// Connects with memory of its own, and lets `then` use the connection.
fn connected<T>(
    root: &Node,
    config: ServerConfig,
    pace: Pace,
    mut memory: Memory,
    then: impl AsyncFnOnce(Connected<'_, '_>, &Shared) -> T,
) -> Result<T, Error<Infallible>> {
    let peer = Peer::new(config);
    let anchors = [anchor(root)];
    run(async {
        let (mut link, records) = memory.split();
        let stream = Client::new(HOST, Roots::new(&anchors, CLOCK))
            .connect(&mut link, records, transport(&peer, pace), &mut Counter(1))
            .await?;
        Ok(then(stream, &peer).await)
    })
}

/// Octets that no shift or repetition leaves unchanged.
fn octets(length: usize) -> Vec<u8> {
    let mut counter = Counter(7);
    let mut octets = vec![0; length];
    counter.fill(&mut octets).unwrap();
    octets
}

/// What `bare_ws_embassy::Connection::open` asks of a transport.
fn fits_a_connection<R: Read, W: Shutdown<Error = R::Error>>(_: (R, W)) {}

async fn echo(stream: &mut Connected<'_, '_>, data: &[u8], at_once: usize) {
    let mut back = vec![0; at_once];
    for part in data.chunks(at_once) {
        stream.write_all(part).await.unwrap();
        stream.flush().await.unwrap();
        let back = &mut back[..part.len()];
        stream.read_exact(back).await.unwrap();
        assert!(back == part);
    }
}

// row: SEED-06, REQ-14
#[test]
fn a_proven_server_echoes_a_mebibyte() {
    let root = Node::root("root");
    let intermediate = root.issue(authority("intermediate"));
    let under = intermediate.issue(server(&[HOST]));
    // As many as a board looks at.
    let mut path = vec![root.issue(authority("1"))];
    for name in ["2", "3", "4"] {
        path.push(path.last().unwrap().issue(authority(name)));
    }
    assert_eq!(path.len(), MAX_INTERMEDIATES);
    let deep = path[3].issue(server(&[HOST]));
    let wildcard = root.issue(server(&["*.example.test"]));
    let address = root.issue(server(&["127.0.0.1"]));
    let address6 = root.issue(server(&["::1"]));
    let big = root.issue_with(server(&[HOST]), &rcgen::PKCS_ECDSA_P384_SHA384);
    let table: &[(&str, &Node, &[&Node])] = &[
        (HOST, &under, &[&under, &intermediate]),
        (
            HOST,
            &deep,
            &[&deep, &path[3], &path[2], &path[1], &path[0]],
        ),
        ("HOST.example.test.", &wildcard, &[&wildcard]),
        ("127.0.0.1", &address, &[&address]),
        ("::1", &address6, &[&address6]),
        (HOST, &big, &[&big]),
    ];
    let anchors = [anchor(&root)];
    let data = octets(1 << 20);
    for &(name, leaf, chain) in table {
        let peer = Peer::new(config(leaf, chain));
        let mut memory = Memory::ample();
        run(async {
            let (mut link, records) = memory.split();
            let mut stream = Client::new(name, Roots::new(&anchors, CLOCK))
                .connect(&mut link, records, transport(&peer, FAST), &mut Counter(1))
                .await
                .unwrap();
            echo(&mut stream, &data, 1 << 14).await;
            fits_a_connection(stream.split());
            stream.shutdown().await.unwrap();
        });
        let peer = peer.borrow();
        assert_eq!(peer.error, None);
        assert!(peer.closed_cleanly && peer.finished);
        let name = name.trim_end_matches('.');
        let told = name
            .parse::<std::net::IpAddr>()
            .is_err()
            .then_some(name.to_lowercase());
        assert_eq!(peer.server.server_name().map(str::to_lowercase), told);
        // The server takes it with a dot at its end as well; RFC 6066 §3 has it sent without.
        let dotted = format!("{name}.");
        let mut windows = peer.sent.windows(dotted.len());
        assert!(
            !windows.any(|it| it.eq_ignore_ascii_case(dotted.as_bytes())),
            "{name}"
        );
    }
}

/// A transport that never has to be waited for does not keep other tasks from running: each record of the server's is
/// looked at in a poll of its own.
// row: SEED-06
#[test]
fn other_tasks_run_between_the_records_of_a_handshake() {
    let (root, leaf) = honest();
    let peer = Peer::new(config(&leaf, &[&leaf]));
    let anchors = [anchor(&root)];
    let mut memory = Memory::ample();
    let polls = run(async {
        let (mut link, records) = memory.split();
        let client = Client::new(HOST, Roots::new(&anchors, CLOCK));
        let (mut counter, mut polls) = (Counter(1), 0);
        let connecting = client.connect(&mut link, records, transport(&peer, FAST), &mut counter);
        let mut connecting = std::pin::pin!(connecting);
        let opened = std::future::poll_fn(|context| {
            polls += 1;
            connecting.as_mut().poll(context)
        });
        assert!(opened.await.is_ok());
        polls
    });
    // Its ServerHello, its change_cipher_spec, and at least one behind it.
    assert!(polls > 3, "{polls}");
}

// row: SEED-06
#[test]
fn a_pinned_key_opens_and_another_does_not() {
    let leaf = Node::self_signed(server(&["anything.test"]));
    let pin = PinnedKey::pin_of(&leaf.der).unwrap();
    for (pins, expected) in [
        (&[pin], Ok(())),
        (&[[0; 32]], Err(CertificateError::NotPinned)),
    ] {
        let peer = Peer::new(config(&leaf, &[&leaf]));
        let mut memory = Memory::ample();
        let (mut link, records) = memory.split();
        let outcome = run(Client::new(HOST, PinnedKey::new(pins)).connect(
            &mut link,
            records,
            transport(&peer, FAST),
            &mut Counter(1),
        ));
        match (outcome, expected) {
            (Ok(mut stream), Ok(())) => run(echo(&mut stream, b"pinned", 6)),
            (Err(Error::Certificate(seen)), Err(error)) => assert_eq!(seen, error),
            (outcome, _) => panic!("{:?}", outcome.err()),
        }
    }
}

// row: SEED-06, REQ-14
#[test]
fn each_false_server_is_refused_by_name_and_hears_why() {
    use CertificateError as E;
    let (root, leaf) = honest();
    let stranger = Node::root("root");
    let false_root = stranger.issue(server(&[HOST]));
    let nobody = Node::self_signed(server(&[HOST]));
    let mut past = server(&[HOST]);
    valid(&mut past, 2024, 2025);
    let past = root.issue(past);
    let mut future = server(&[HOST]);
    valid(&mut future, 2028, 2029);
    let future = root.issue(future);
    let other = root.issue(server(&["other.test"]));
    let forged = other.issue(server(&[HOST]));
    let mut common = server(&[]);
    common.distinguished_name = distinguished(HOST);
    let common = root.issue(common);
    let mut ca = server(&[HOST]);
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = root.issue(ca);

    let expired = E::Expired {
        not_after: Date::from_unix_seconds(1_735_689_600), // 2025
        at: Date::from_unix_seconds(NOW),
    };
    let early = E::NotYetValid {
        not_before: Date::from_unix_seconds(1_830_297_600), // 2028
        at: Date::from_unix_seconds(NOW),
    };
    // The name, who answers with which chain; what is said of that, and what the server hears.
    use rustls::AlertDescription as A;
    type Row<'a> = (&'a str, &'a Node, &'a [&'a Node], E, A);
    #[rustfmt::skip]
    let table: &[Row<'_>] = &[
        ("other.example.test", &leaf, &[&leaf], E::WrongName, A::BadCertificate),
        ("127.0.0.1", &leaf, &[&leaf], E::WrongName, A::BadCertificate),
        (HOST, &nobody, &[&nobody], E::UnknownIssuer, A::UnknownCA),
        (HOST, &false_root, &[&false_root], E::BadSignature, A::BadCertificate),
        (HOST, &past, &[&past], expired, A::CertificateExpired),
        (HOST, &future, &[&future], early, A::CertificateExpired),
        (HOST, &forged, &[&forged, &other], E::IssuerNotCa, A::CertificateUnknown),
        (HOST, &common, &[&common], E::WrongName, A::BadCertificate),
        (HOST, &ca, &[&ca], E::CaAsServer, A::CertificateUnknown),
    ];
    let anchors = [anchor(&root)];
    for (number, &(name, leaf, chain, expected, heard)) in table.iter().enumerate() {
        let peer = Peer::new(config(leaf, chain));
        let mut memory = Memory::ample();
        let (mut link, records) = memory.split();
        let outcome = run(Client::new(name, Roots::new(&anchors, CLOCK)).connect(
            &mut link,
            records,
            transport(&peer, FAST),
            &mut Counter(1),
        ));
        match outcome {
            Err(Error::Certificate(error)) => assert_eq!(error, expected, "server {number}"),
            outcome => panic!("server {number}: {:?}", outcome.err()),
        }
        let peer = peer.borrow();
        let kinds: Vec<u8> = peer.records().iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [22, 21], "ClientHello and alert to server {number}");
        let heard = rustls::Error::AlertReceived(heard);
        assert_eq!(peer.error, Some(heard), "server {number}");
    }
}

// row: SEED-06, REQ-14
#[test]
fn a_cut_at_any_octet_of_the_handshake_is_that_error_and_no_hang() {
    let (root, leaf) = honest();
    let anchors = [anchor(&root)];
    let connect = |cut_after: usize, pace: Pace| {
        let peer = Peer::new(config(&leaf, &[&leaf]));
        peer.borrow_mut().cut_after = cut_after;
        let mut memory = Memory::ample();
        let (mut link, records) = memory.split();
        let outcome = run(Client::new(HOST, Roots::new(&anchors, CLOCK)).connect(
            &mut link,
            records,
            transport(&peer, pace),
            &mut Counter(1),
        ));
        (outcome.map(drop), peer)
    };
    let (whole, peer) = connect(usize::MAX, FAST);
    whole.unwrap();
    let flight = usize::MAX - peer.borrow().cut_after;
    assert!(flight > 500, "{flight} octets from the server");
    let slow = Pace {
        at_most: 1,
        pends: true,
    };
    let mut cuts = 0;
    // Signatures differ in length from one handshake to the other by a few octets.
    for cut_after in 0..flight + 8 {
        let pace = if cut_after % 50 == 0 { slow } else { FAST };
        let (outcome, peer) = connect(cut_after, pace);
        let peer = peer.borrow();
        match outcome {
            Err(Error::CutInHandshake) => {
                assert_eq!(peer.records().len(), 1, "no Finished for half a proof");
                assert!(!peer.wire.is_empty(), "a cut, and nothing was cut off");
                cuts += 1;
            }
            Ok(()) => assert_eq!(peer.records().len(), 2),
            Err(error) => panic!("{error:?} after {cut_after} octets"),
        }
    }
    assert!(
        (flight - 8..=flight + 8).contains(&cuts),
        "{cuts} cuts of {flight}"
    );
}

// row: SEED-06
#[test]
fn a_server_that_wants_something_else_says_so_by_alert() {
    let (root, leaf) = honest();
    let outcome = connected(
        &root,
        deaf_to_aes_128(&leaf),
        FAST,
        Memory::ample(),
        async |_, _| (),
    );
    assert!(
        matches!(
            outcome,
            Err(Error::Alert(AlertDescription::HandshakeFailure))
        ),
        "{outcome:?}"
    );
    // After ServerHello an alert is encrypted, and embedded-tls does not look for one there.
    let mut other = config(&leaf, &[&leaf]);
    other.alpn_protocols = vec![b"h2".to_vec()];
    let outcome = connected(&root, other, FAST, Memory::ample(), async |_, _| ());
    assert!(matches!(outcome, Err(Error::Protocol(_))), "{outcome:?}");
    let mut same = config(&leaf, &[&leaf]);
    same.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    connected(&root, same, FAST, Memory::ample(), async |_, peer| {
        assert_eq!(peer.borrow().server.alpn_protocol(), Some(&b"http/1.1"[..]));
    })
    .unwrap();
}

// row: SEED-06
#[test]
fn without_entropy_or_a_name_nothing_is_sent() {
    struct Failing(usize);
    impl Entropy for Failing {
        fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
            self.0 = self.0.checked_sub(1).ok_or(EntropyError)?;
            Counter(3).fill(octets)
        }
    }
    let (root, leaf) = honest();
    let anchors = [anchor(&root)];
    let attempt = |name: &str, fills: usize| {
        let peer = Peer::new(config(&leaf, &[&leaf]));
        let mut memory = Memory::ample();
        let (mut link, records) = memory.split();
        let outcome = run(Client::new(name, Roots::new(&anchors, CLOCK)).connect(
            &mut link,
            records,
            transport(&peer, FAST),
            &mut Failing(fills),
        ));
        let sent = peer.borrow().sent.len();
        (outcome.map(drop), sent)
    };
    for fills in [0, 1] {
        assert!(matches!(attempt(HOST, fills), (Err(Error::Entropy), 0)));
    }
    for name in [
        "",
        ".",
        "a b",
        "host_.test/",
        "[::1]",
        "1.2.3",
        "ü.test",
        &"a".repeat(64),
    ] {
        let outcome = attempt(name, 2);
        assert!(
            matches!(outcome, (Err(Error::ServerName), 0)),
            "{name:?}: {outcome:?}"
        );
    }
    assert!(matches!(attempt(HOST, 2), (Ok(()), 1..)));
}
