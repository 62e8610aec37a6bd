//! Certificates that are trusted as they are, and versions of TLS, against rustls servers on
//! loopback.
#![allow(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "on hosts"
)]
#![allow(dead_code, reason = "of the certificates each test file uses its own")]

mod tls_pki;

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bare_ws_std::tls::TlsBuilder;
use bare_ws_std::{Error, Tls, TlsError};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ProtocolVersion, ServerConfig, ServerConnection, SupportedProtocolVersion, version};
use tls_pki::{Node, authority, server, valid};

const LONG: Duration = Duration::from_secs(20);

/// Shows a certificate, whosever the key.
#[derive(Debug)]
struct Shows(Arc<CertifiedKey>);

impl ResolvesServerCert for Shows {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// What the handshake with a server that shows these certificates, its own first, and has the key of `has` comes to.
fn handshake(
    tls: &Tls,
    shown: &[&Node],
    has: &Node,
    versions: &[&'static SupportedProtocolVersion],
) -> Result<ProtocolVersion, String> {
    let provider = Arc::new(ring::default_provider());
    let key = PrivateKeyDer::try_from(has.key.serialize_der()).unwrap();
    let key = provider.key_provider.load_private_key(key).unwrap();
    let chain = shown.iter().map(|node| node.der.clone()).collect();
    let certified = CertifiedKey::new(chain, key);
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Shows(Arc::new(certified))));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let serving = thread::spawn(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        tcp.set_read_timeout(Some(LONG)).unwrap();
        let mut session = ServerConnection::new(Arc::new(config)).unwrap();
        while session.is_handshaking() && session.complete_io(&mut tcp).is_ok() {}
        session.protocol_version()
    });
    let tcp = TcpStream::connect(address).unwrap();
    let connected = tls.connect("device.example", tcp, Some(LONG)).map(drop);
    let spoken = serving.join().unwrap();
    match connected {
        Ok(()) => Ok(spoken.unwrap()),
        Err(Error::Tls(TlsError::Certificate { error, .. })) => Err(format!("{error:?}")),
        Err(Error::Tls(TlsError::Alert(alert))) => Err(format!("{alert:?}")),
        Err(error) => panic!("{error:?}"),
    }
}

const BOTH: [&SupportedProtocolVersion; 2] = [&version::TLS12, &version::TLS13];

// row: LIV-33
#[test]
fn a_pinned_certificate_is_trusted_as_it_is() {
    // As `openssl req -x509` makes them: of an authority, without a name.
    let device = Node::self_signed(authority("device"));
    let again = Node::self_signed(authority("device"));
    let mut old = server(&["other.example"]);
    valid(&mut old, 2001, 2002);
    let old = Node::self_signed(old);
    let root = Node::root("root");
    let leaf = root.issue(server(&["device.example"]));
    let builder = || Tls::builder().pin(device.der.to_vec());
    let with_root = || builder().root(root.der.to_vec());
    // Whom the client trusts, what the server shows, whose key it has, and what comes of it.
    type Case<'a> = (TlsBuilder, Vec<&'a Node>, &'a Node, Option<&'a str>);
    let below = device.issue(server(&["device.example"]));
    let cases: [Case<'_>; 14] = [
        (builder(), vec![&device], &device, None),
        // Another one of the same name, and one that a root has issued.
        (builder(), vec![&again], &again, Some("UnknownIssuer")),
        (builder(), vec![&leaf], &leaf, Some("UnknownIssuer")),
        // What stands behind the server's own certificate counts for nothing: anybody can show it there, ...
        (
            builder(),
            vec![&again, &device],
            &again,
            Some("UnknownIssuer"),
        ),
        (
            builder(),
            vec![&leaf, &root, &device],
            &leaf,
            Some("UnknownIssuer"),
        ),
        (builder(), vec![&device, &again], &device, None),
        // ... and no other certificate is trusted for it.
        (
            builder(),
            vec![&below, &device],
            &below,
            Some("UnknownIssuer"),
        ),
        // Of others only those that lead to a root of the caller's.
        (with_root(), vec![&device], &device, None),
        (with_root(), vec![&leaf], &leaf, None),
        (with_root(), vec![&again], &again, Some("CaAsServer")),
        // Names and dates do not count, ...
        (builder().pin(old.der.to_vec()), vec![&old], &old, None),
        // ... but the key does.
        (builder(), vec![&device], &again, Some("BadSignature")),
        (with_root(), vec![&leaf], &again, Some("BadSignature")),
        // A root is an authority.
        (
            Tls::builder().root(device.der.to_vec()),
            vec![&device],
            &device,
            Some("CaAsServer"),
        ),
    ];
    for (number, (builder, shown, has, wanted)) in cases.into_iter().enumerate() {
        let tls = builder.build().unwrap();
        for version in BOTH {
            let outcome = handshake(&tls, &shown, has, &[version]);
            match wanted {
                None => assert_eq!(outcome, Ok(version.version), "{number}"),
                Some(error) => assert_eq!(outcome, Err(error.to_owned()), "{number}"),
            }
        }
    }
}

// row: LIV-33
#[test]
fn pins_are_read_from_a_file() {
    let device = Node::self_signed(authority("device"));
    let path = std::env::temp_dir().join(format!("bare-ws-pin-{}.pem", std::process::id()));
    std::fs::write(&path, device.pem().0).unwrap();
    let tls = Tls::builder().pin_file(&path).unwrap().build().unwrap();
    assert!(handshake(&tls, &[&device], &device, &BOTH).is_ok());
    // Of several each is one, and no other.
    let (other, stranger) = ["other", "stranger"]
        .map(|name| Node::self_signed(authority(name)))
        .into();
    let both = [device.pem().0, other.pem().0].concat();
    std::fs::write(&path, both).unwrap();
    let tls = Tls::builder().pin_file(&path).unwrap().build().unwrap();
    for (node, trusted) in [(&device, true), (&other, true), (&stranger, false)] {
        let outcome = handshake(&tls, &[node], node, &BOTH);
        assert_eq!(outcome.is_ok(), trusted, "{outcome:?}");
    }
    std::fs::write(&path, "no certificate").unwrap();
    let outcome = Tls::builder().pin_file(&path);
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(outcome, Err(TlsError::File { .. })));
}

// row: SEED-06
#[test]
fn tls_1_3_alone_is_spoken_on_request() {
    let device = Node::self_signed(authority("device"));
    for (only, versions, wanted) in [
        (false, &BOTH[..], Ok(ProtocolVersion::TLSv1_3)),
        (false, &BOTH[..1], Ok(ProtocolVersion::TLSv1_2)),
        (true, &BOTH, Ok(ProtocolVersion::TLSv1_3)),
        (true, &BOTH[..1], Err("ProtocolVersion")),
    ] {
        let builder = Tls::builder().pin(device.der.to_vec());
        let tls = match only {
            true => builder.tls13_only().build(),
            false => builder.build(),
        };
        let outcome = handshake(&tls.unwrap(), &[&device], &device, versions);
        assert_eq!(outcome, wanted.map_err(str::to_owned));
    }
}
