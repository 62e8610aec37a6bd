//! Redirects between ws and wss, and from server to server.

use crate::*;

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
