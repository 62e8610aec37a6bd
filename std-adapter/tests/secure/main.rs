//! wss: what becomes of servers that end, lie or speak something else, which name is asked for, and what the roots
//! are that nobody named. Blocking and in tokio.
#![cfg(feature = "rustls")]
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

#[path = "../peer/mod.rs"]
mod peer;
mod stream;
#[path = "../peer/tls.rs"]
mod tls;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use bare_ws_std::{CertificateError, Config, Error, Timeout, Tls, TlsError};
use peer::{LONG, Steady, serve};
use rustls::AlertDescription;
use tls::{Secured, end, identity, secured, trusting};

const SHORT: Duration = Duration::from_millis(100);

/// Opens a connection and receives until it ends.
type Connect = fn(&Config, &str) -> Result<(), Error>;

fn blocking(config: &Config, uri: &str) -> Result<(), Error> {
    let mut socket = config.connect(uri)?;
    while socket.recv()?.is_some() {}
    Ok(())
}

#[cfg(feature = "tokio")]
fn tokio(config: &Config, uri: &str) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let mut socket = bare_ws_std::tokio::connect_with(config, uri).await?;
        while socket.recv().await?.is_some() {}
        Ok(())
    })
}

#[cfg(feature = "tokio")]
const WAYS: [Connect; 2] = [blocking, tokio];
#[cfg(not(feature = "tokio"))]
const WAYS: [Connect; 1] = [blocking];

/// Trusts the server, and reaches it by any name.
fn config(address: SocketAddr) -> Config {
    Config::new()
        .connect_timeout(LONG)
        .handshake_timeout(LONG)
        .tls(trusting())
        .resolver(move |_, _| Ok(vec![address]))
}

/// What a server does with a TCP connection, and which error that is.
type Case = (&'static str, fn(Steady), fn(&Error) -> bool);

const CASES: &[Case] = &[
    (
        "it speaks HTTP",
        |mut tcp| {
            let _ = tcp.read(&mut [0; 100]).unwrap();
            tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
            let _ = tcp.read_to_end(&mut Vec::new());
        },
        |error| {
            let text = error.to_string();
            matches!(error, Error::Tls(TlsError::NotTls))
                && text.contains("ws://")
                && !error.is_retryable()
        },
    ),
    (
        "it ends within the handshake",
        |mut tcp| {
            let _ = tcp.read(&mut [0; 100]).unwrap();
            let _ = tcp.shutdown(Shutdown::Write);
            let _ = tcp.read_to_end(&mut Vec::new());
        },
        |error| matches!(error, Error::Tls(TlsError::CutInHandshake)) && error.is_retryable(),
    ),
    (
        "it has nothing in common with us",
        |mut tcp| {
            let _ = tcp.read(&mut [0; 100]).unwrap();
            // RFC 8446 §6: an alert, fatal, handshake_failure.
            tcp.write_all(&[21, 3, 3, 0, 2, 2, 40]).unwrap();
            let _ = tcp.read_to_end(&mut Vec::new());
        },
        |error| {
            let failure = AlertDescription::HandshakeFailure;
            matches!(error, Error::Tls(TlsError::Alert(alert)) if *alert == failure)
                && error.to_string().ends_with("handshake failure")
        },
    ),
    (
        "it ends behind the handshake of TLS",
        |tcp| {
            let mut conn = secured(tcp);
            conn.read_request();
            end(&mut conn, true);
        },
        |error| {
            matches!(error, Error::LostInHandshake { secure: true })
                && !error.to_string().contains("wss://")
        },
    ),
    (
        "it is cut off behind the handshake of TLS",
        |tcp| {
            let mut conn = secured(tcp);
            conn.read_request();
            end(&mut conn, false);
        },
        |error| matches!(error, Error::Tls(TlsError::Truncated)),
    ),
    (
        "it ends while the connection is open",
        |tcp| {
            let mut conn = secured(tcp);
            conn.accept();
            end(&mut conn, true);
        },
        |error| matches!(error, Error::Lost),
    ),
    (
        "it is cut off while the connection is open",
        |tcp| {
            let mut conn = secured(tcp);
            conn.accept();
            end(&mut conn, false);
        },
        |error| matches!(error, Error::Tls(TlsError::Truncated)) && error.is_retryable(),
    ),
    (
        "it refuses",
        |tcp| {
            let mut conn = secured(tcp);
            conn.read_request();
            conn.send(b"HTTP/1.1 403 x\r\nContent-Length: 5\r\n\r\nhello");
            end(&mut conn, true);
        },
        |error| matches!(error, Error::Rejected(response) if response.body() == b"hello"),
    ),
];

// row: SEED-06, REQ-14, CLS-15
#[test]
fn whatever_a_server_does_it_is_the_same_error_in_both_forms() {
    for connect in WAYS {
        for (what, serves, is_right) in CASES {
            let peer = serve(|conn| serves(conn.tcp));
            let uri = format!("wss://localhost:{}/", peer.address.port());
            let error = connect(&config(peer.address), &uri).unwrap_err();
            assert!(is_right(&error), "{what}: {error:?}");
            peer.join();
        }
    }
}

// row: STA-02
#[test]
fn the_handshakes_limit_is_also_that_of_tls() {
    for connect in WAYS {
        let peer = serve(|mut conn| conn.sees_end());
        let uri = format!("wss://localhost:{}/", peer.address.port());
        let config = config(peer.address).handshake_timeout(SHORT);
        let error = connect(&config, &uri).unwrap_err();
        assert!(
            matches!(error, Error::Timeout(Timeout::Handshake)),
            "{error:?}"
        );
        assert!(peer.join());
    }
}

/// How the server is named, and what it is asked for: the SNI, and the name that was wrong.
type Named = (
    &'static str,
    Option<&'static str>,
    Result<Option<&'static str>, &'static str>,
);

const NAMES: &[Named] = &[
    ("localhost", None, Ok(Some("localhost"))),
    ("LOCALHOST", None, Ok(Some("localhost"))),
    // RFC 6066 §3: "without a trailing dot", and no IP address.
    ("localhost.", None, Ok(Some("localhost"))),
    ("127.0.0.1", None, Ok(None)),
    ("[::1]", None, Err("::1")),
    ("other.example", None, Err("other.example")),
    // A name of the program's takes the place of the URI's.
    (
        "other.example",
        Some("name.example"),
        Ok(Some("name.example")),
    ),
    (
        "other.example",
        Some("name.example."),
        Ok(Some("name.example")),
    ),
    ("other.example", Some("127.0.0.1"), Ok(None)),
    ("localhost", Some("127.0.0.2"), Err("127.0.0.2")),
    ("localhost", Some("other.example"), Err("other.example")),
];

// row: SEED-06, REQ-14
#[test]
fn the_certificate_must_have_the_name_that_was_asked_for() {
    for connect in WAYS {
        for (host, name, wanted) in NAMES {
            for by_address in [false, true] {
                let peer = serve(|conn| {
                    let mut conn = secured(conn.tcp);
                    let mut seen = None;
                    if conn.tcp.conn.complete_io(&mut conn.tcp.sock).is_ok()
                        && !conn.tcp.conn.is_handshaking()
                    {
                        seen = Some(conn.tcp.conn.server_name().map(str::to_owned));
                        let _ = end_of(&mut conn);
                    }
                    seen
                });
                let port = peer.address.port();
                let mut config = config(peer.address).address(peer.address);
                if !by_address && !host.starts_with(['[', '1']) {
                    config = self::config(peer.address);
                }
                if let Some(name) = name {
                    config = config.server_name(*name);
                }
                let error = connect(&config, &format!("wss://{host}:{port}/")).unwrap_err();
                let seen = peer.join();
                match wanted {
                    Ok(sni) => {
                        assert!(
                            matches!(error, Error::LostInHandshake { secure: true }),
                            "{host}, {name:?}: {error:?}"
                        );
                        assert_eq!(seen, Some(sni.map(str::to_owned)), "{host}, {name:?}");
                    }
                    Err(asked) => match error {
                        Error::Tls(TlsError::Certificate {
                            host,
                            error: CertificateError::WrongName { names },
                        }) => {
                            assert_eq!(host, *asked);
                            assert!(names.contains(&"name.example".to_owned()), "{names:?}");
                        }
                        error => panic!("{host}, {name:?}: {error:?}"),
                    },
                }
            }
        }
        // What is no name at all is asked for nowhere.
        let peer = serve(|mut conn| conn.sees_end());
        let wrong = config(peer.address).server_name("no name");
        let uri = format!("wss://localhost:{}/", peer.address.port());
        match connect(&wrong, &uri).unwrap_err() {
            Error::Tls(TlsError::ServerName { host }) => assert_eq!(host, "no name"),
            error => panic!("{error:?}"),
        }
        assert!(peer.join());
    }
}

/// Reads the request, and ends without an answer.
fn end_of(conn: &mut Secured) -> io::Result<usize> {
    conn.read_request();
    end(conn, true);
    Ok(0)
}

struct File(PathBuf);

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The roots that nobody named are read once for a configuration and its clones, before anything is sent.
// row: SEED-06, LIV-23
#[test]
fn the_default_roots_are_read_once_for_a_configuration_and_its_clones() {
    const ASKED: &str = "BARE_WS_DEFAULT_ROOTS";
    if std::env::var_os(ASKED).is_none() {
        // In a process of its own, whose environment names the roots.
        let name = format!("bare-ws-{}-once.pem", std::process::id());
        let file = File(std::env::temp_dir().join(name));
        std::fs::write(&file.0, &identity().pem).unwrap();
        let test = "the_default_roots_are_read_once_for_a_configuration_and_its_clones";
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test])
            .env(ASKED, &identity().pem)
            .env("SSL_CERT_FILE", &file.0)
            .env_remove("SSL_CERT_DIR")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
        assert!(said.contains("running 1 test"), "{said}");
        return;
    }
    let file = File(std::env::var_os("SSL_CERT_FILE").unwrap().into());
    for connect in WAYS {
        // Whoever the server is, of this process nobody has the key: its name is what is refused.
        let unknown = |config: &Config| {
            let peer = serve(|conn| {
                let mut conn = secured(conn.tcp);
                let _ = conn.tcp.conn.complete_io(&mut conn.tcp.sock);
            });
            let uri = format!("wss://127.0.0.1:{}/", peer.address.port());
            let error = connect(config, &uri).unwrap_err();
            peer.join();
            assert!(
                matches!(error, Error::Tls(TlsError::Certificate { .. })),
                "{error:?}"
            );
        };
        std::fs::write(&file.0, std::env::var(ASKED).unwrap()).unwrap();
        let config = Config::new();
        let clone = config.clone();
        unknown(&config);
        std::fs::remove_file(&file.0).unwrap();
        unknown(&config);
        unknown(&clone);
        // Whoever begins anew finds them gone, and connects to nobody.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let error = connect(&Config::new(), &format!("wss://{address}/")).unwrap_err();
        let is_right = matches!(
            &error,
            Error::Tls(TlsError::Environment { variable: "SSL_CERT_FILE", path, .. })
                if *path == file.0
        );
        assert!(is_right, "{error:?}");
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "it has connected");
    }
}

// row: TRAP-30
#[test]
fn debug_of_the_settings_shows_nothing_of_them() {
    assert_eq!(format!("{:?}", trusting()), "Tls { .. }");
    assert_eq!(format!("{:?}", Tls::builder()), "TlsBuilder { .. }");
}
