//! Roots and certificates: of files, of the platform, of the environment.

use crate::*;

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
        for outcome in [
            TlsBuilder::new().root_file(path),
            TlsBuilder::new().client_certificate(path, &key.0),
            TlsBuilder::new().client_certificate(&chain.0, path),
        ] {
            assert!(
                matches!(&outcome, Err(TlsError::File { path: seen, .. }) if seen == path),
                "{:?}",
                outcome.err()
            );
        }
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
                "roots::an_environment_that_names_no_roots_leads_to_no_others",
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
