//! Whose certificates `wss` trusts on a host: the platform's roots, or one's own and no others. The platform's
//! are those of a file that `SSL_CERT_FILE` names, so that a test can say which they are.
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

#[path = "../../std-adapter/tests/peer/mod.rs"]
mod peer;

use std::process::{Command, Stdio};

use bare_ws_examples::authority::Authority;
use peer::{Conn, serve};
use rustls::{ServerConnection, StreamOwned};

/// Removed in the end.
struct File(std::path::PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let name = format!("bare-ws-{}-trust-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
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
fn own_roots_are_trusted_alone_and_the_platforms_only_without_them() {
    let authorities = ["platform", "own", "another"].map(|name| Authority::new(name).unwrap());
    let files = ["platform", "own", "another"];
    let files: Vec<_> = files
        .iter()
        .zip(&authorities)
        .map(|(name, authority)| File::new(name, &authority.pem()))
        .collect();
    const PLATFORM: usize = 0;
    const OWN: usize = 1;
    const ANOTHER: usize = 2;
    // The roots that are given, whose certificate the server has, and whether it is trusted.
    let rows: [(&[usize], usize, bool); 10] = [
        (&[], PLATFORM, true),
        (&[], OWN, false),
        (&[], ANOTHER, false),
        (&[OWN], OWN, true),
        (&[OWN], PLATFORM, false),
        (&[OWN], ANOTHER, false),
        (&[OWN, ANOTHER], OWN, true),
        (&[OWN, ANOTHER], ANOTHER, true),
        (&[OWN, ANOTHER], PLATFORM, false),
        (&[OWN, PLATFORM], PLATFORM, true),
    ];
    for (given, shown, trusted) in rows {
        let config = authorities[shown].server(&["127.0.0.1"]).unwrap();
        let peer = serve(move |conn| {
            let session = ServerConnection::new(config).unwrap();
            let mut conn = Conn::over(StreamOwned::new(session, conn.tcp));
            // The first read is where a client that does not trust us leaves.
            if conn.tcp.conn.complete_io(&mut conn.tcp.sock).is_err() {
                return false;
            }
            conn.accept();
            conn.close(1000, b"");
            conn.read_close();
            conn.tcp.conn.send_close_notify();
            conn.tcp.conn.complete_io(&mut conn.tcp.sock).is_ok()
        });
        let case = format!("roots {given:?}, server {shown}");
        let mut client = Command::new(env!("CARGO_BIN_EXE_echo"));
        for root in given {
            client.arg("--ca").arg(&files[*root].0);
        }
        let output = client
            .arg(peer.uri().replace("ws://", "wss://"))
            .env("SSL_CERT_FILE", &files[PLATFORM].0)
            .env_remove("SSL_CERT_DIR")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        if trusted {
            assert_eq!(output.status.code(), Some(0), "{case}: {errors}");
            assert_eq!(output.stdout, b"closed 1000\n", "{case}");
        } else {
            assert_eq!(output.status.code(), Some(1), "{case}");
            assert!(errors.starts_with("error: tls: "), "{case}: {errors}");
            assert!(errors.contains("trusted root"), "{case}: {errors}");
        }
        // TLS 1.3: the server learns of the refusal behind its own last flight.
        assert!(!peer.join() || trusted, "{case}");
    }
}
