//! What TLS holds and allocates.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use bare_ws_std::Stream;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::peer::{self, LONG, serve};
use crate::tls::{identity, secured, trusting};
use crate::{ALLOCATIONS, HELD};

/// Takes everything.
fn taking() -> peer::Peer {
    serve(|conn| {
        let mut conn = secured(conn.tcp);
        let _ = conn.tcp.read_to_end(&mut Vec::new());
    })
}

/// A long write takes memory for its ciphertext and gives it back; a short one keeps the little that it takes, and
/// allocates no more than rustls does.
// row: LIM-04
#[test]
fn ciphertext_takes_memory_for_as_long_as_it_is_long() {
    const SHORT: [u8; 100] = [7; 100];
    let peer = taking();
    let tcp = TcpStream::connect(peer.address).unwrap();
    let tls = trusting().connect("localhost", tcp, Some(LONG)).unwrap();
    // Blocking: all is taken.
    tls.stream().set_nonblocking(false).unwrap();
    let write = |octets: &[u8]| {
        let before = (ALLOCATIONS.get(), HELD.get());
        assert_eq!(tls.try_write(octets).unwrap(), octets.len());
        tls.try_flush().unwrap();
        (ALLOCATIONS.get() - before.0, HELD.get() - before.1)
    };
    write(&SHORT);
    let (allocations, held) = write(&SHORT);
    assert_eq!(held, 0);
    assert!(allocations <= of_rustls(&SHORT), "{allocations}");
    let (_, held) = write(&[7; 1 << 16]);
    assert!(held <= 0, "{held}");
    drop(tls);
    peer.join();
}

/// How often rustls allocates for a write that leaves.
fn of_rustls(octets: &[u8]) -> u64 {
    let peer = taking();
    let mut roots = RootCertStore::empty();
    roots.add(identity().der.clone().into()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let mut session = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut tcp = TcpStream::connect(peer.address).unwrap();
    while session.is_handshaking() {
        session.complete_io(&mut tcp).unwrap();
    }
    let mut write = || {
        let before = ALLOCATIONS.get();
        session.writer().write_all(octets).unwrap();
        while session.wants_write() {
            session.write_tls(&mut tcp).unwrap();
        }
        ALLOCATIONS.get() - before
    };
    write();
    let allocations = write();
    drop((session, tcp));
    peer.join();
    allocations
}
