//! Connections through HTTP proxies, blocking and in tokio: what the proxy is asked and what the
//! server, and what becomes of proxies that make no tunnel.
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

mod cases;
#[path = "../peer/mod.rs"]
mod peer;

use std::net::TcpListener;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use bare_ws_std::{Config, Error, Proxy, ProxyError, Response, Timeout};
use peer::{Conn, LONG, Stalls, serve, serve_many};

/// The limit that passes in a test of limits.
const SHORT: Duration = Duration::from_millis(400);

/// How a connection is made.
type Connect = fn(&Config, &str) -> Result<(), Error>;

fn blocking(config: &Config, uri: &str) -> Result<(), Error> {
    config.connect(uri).map(drop)
}

fn dial(config: &Config, uri: &str) -> Result<(), Error> {
    config.dial(uri).map(drop)
}

#[cfg(feature = "tokio")]
fn tokio(config: &Config, uri: &str) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let connecting = bare_ws_std::tokio::connect_with(config, uri);
    runtime.unwrap().block_on(connecting).map(drop)
}

#[cfg(feature = "tokio")]
const WAYS: [Connect; 2] = [blocking, tokio];
#[cfg(not(feature = "tokio"))]
const WAYS: [Connect; 1] = [blocking];

/// Makes a tunnel, and plays the server at its other end: the head of the CONNECT.
fn tunnel(conn: &mut Conn) -> String {
    conn.read_request();
    let asked = conn.request.clone();
    conn.send(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 x\r\n\r\n");
    asked
}

// row: REQ-15, REQ-16
#[test]
fn the_proxy_is_asked_for_the_server_and_told_nothing_else() {
    for connect in WAYS {
        for (uri, server) in [
            ("ws://server.invalid/chat", "server.invalid:80"),
            ("ws://server.invalid:8080/chat", "server.invalid:8080"),
            ("ws://[2001:db8::1]:81/chat", "[2001:db8::1]:81"),
        ] {
            for userinfo in ["", "Aladdin:open%20sesame@"] {
                let proxy = serve(|mut conn| {
                    (tunnel(&mut conn), {
                        conn.accept();
                        conn.request
                    })
                });
                let through = format!("http://{userinfo}{}", proxy.address);
                let config = Config::new()
                    .proxy(Proxy::new(&through).unwrap())
                    .header("Authorization", "Bearer s3cret")
                    .host("virtual.example");
                connect(&config, uri).unwrap();
                let (asked, requested) = proxy.join();
                let mut wanted = format!("CONNECT {server} HTTP/1.1\r\nHost: {server}\r\n");
                if !userinfo.is_empty() {
                    wanted += "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n";
                }
                assert_eq!(asked, wanted + "\r\n");
                assert!(
                    requested.starts_with("GET /chat HTTP/1.1\r\n"),
                    "{requested}"
                );
                assert!(requested.contains("Authorization: Bearer s3cret\r\n"));
                assert!(requested.contains("Host: virtual.example\r\n"));
                assert!(
                    !requested.to_ascii_lowercase().contains("proxy"),
                    "{requested}"
                );
            }
        }
    }
}

// row: REQ-14, REQ-15
#[cfg(feature = "rustls")]
#[test]
fn tls_is_with_the_server_inside_of_the_tunnel() {
    use std::sync::Arc;

    use bare_ws_std::{Tls, TlsError};
    use rustls::pki_types::PrivateKeyDer;

    let made = rcgen::generate_simple_self_signed(vec!["server.invalid".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key);
    let server = Arc::new(server.unwrap());
    let tls = Tls::builder().root(certificate.to_vec()).build().unwrap();
    for connect in WAYS {
        for (host, trusted) in [("server.invalid", true), ("other.invalid", false)] {
            let server = Arc::clone(&server);
            let proxy = serve(move |mut conn| {
                let asked = tunnel(&mut conn);
                let session = rustls::ServerConnection::new(server).unwrap();
                let mut conn = Conn::over(rustls::StreamOwned::new(session, conn.tcp));
                if trusted {
                    conn.accept();
                    // Not in two halves when the client is gone.
                    conn.sees_end();
                } else {
                    conn.sees_end();
                }
                (asked, conn.request)
            });
            let config = Config::new()
                .proxy(Proxy::new(&proxy.address.to_string()).unwrap())
                .tls(tls.clone());
            let outcome = connect(&config, &format!("wss://{host}/"));
            let (asked, requested) = proxy.join();
            assert!(asked.starts_with(&format!("CONNECT {host}:443 HTTP/1.1\r\n")));
            assert_eq!(requested.contains(&format!("Host: {host}\r\n")), trusted);
            if trusted {
                outcome.unwrap();
            } else {
                let named = |host: &str| host == "other.invalid";
                assert!(
                    matches!(&outcome, Err(Error::Tls(TlsError::Certificate { host, .. })) if named(host)),
                    "{outcome:?}"
                );
            }
        }
    }
}

// row: RSP-03, REQ-15
#[test]
fn a_redirect_goes_through_the_proxy_unless_it_is_an_exception() {
    for connect in WAYS {
        let proxy = serve_many(2, |index, mut conn| {
            let asked = tunnel(&mut conn);
            if index == 0 {
                conn.read_request();
                conn.send(b"HTTP/1.1 302 x\r\nLocation: ws://second.invalid:81/\r\n\r\n");
            } else {
                conn.accept();
            }
            asked
        });
        let through = Proxy::new(&format!("u:p@{}", proxy.address)).unwrap();
        let config = Config::new().redirects(1).proxy(through);
        connect(&config, "ws://first.invalid/").unwrap();
        let asked = proxy.join();
        for (asked, server) in asked.iter().zip(["first.invalid:80", "second.invalid:81"]) {
            assert!(
                asked.starts_with(&format!("CONNECT {server} HTTP/1.1\r\n")),
                "{asked}"
            );
            assert!(asked.contains("Proxy-Authorization: Basic dTpw\r\n"));
        }

        let server = serve(|mut conn| conn.accept());
        let home = server.uri();
        let proxy = serve(move |mut conn| {
            tunnel(&mut conn);
            conn.read_request();
            conn.send(format!("HTTP/1.1 302 x\r\nLocation: {home}\r\n\r\n").as_bytes());
        });
        let through = Proxy::new(&proxy.address.to_string())
            .unwrap()
            .except("127.0.0.0/8");
        let config = Config::new().redirects(1).proxy(through);
        connect(&config, "ws://first.invalid/").unwrap();
        proxy.join();
        server.join();
    }
}

// row: REQ-15, STA-02
#[test]
fn behind_the_tunnel_it_is_the_handshakes_time() {
    for connect in WAYS {
        for uri in ["ws://server.invalid/", "wss://server.invalid/"] {
            if uri.starts_with("wss") && cfg!(not(feature = "rustls")) {
                continue;
            }
            let (told, over) = mpsc::channel::<()>();
            let proxy = serve(move |mut conn| {
                tunnel(&mut conn);
                let _ = over.recv_timeout(LONG);
            });
            let config = Config::new()
                .connect_timeout(LONG)
                .handshake_timeout(SHORT)
                .proxy(Proxy::new(&proxy.address.to_string()).unwrap());
            let stalls = Stalls::watch();
            let outcome = connect(&config, uri);
            stalls.took(SHORT, SHORT);
            assert!(
                matches!(outcome, Err(Error::Timeout(Timeout::Handshake))),
                "{outcome:?}"
            );
            drop(told);
            proxy.join();
        }
    }
}

// row: REQ-15
#[test]
fn a_proxy_that_is_not_there_is_named() {
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for connect in WAYS {
        let config = Config::new().proxy(Proxy::new(&gone.to_string()).unwrap());
        let error = connect(&config, "ws://server.invalid/").unwrap_err();
        assert!(
            matches!(error, Error::Connect { proxy: true, .. }),
            "{error:?}"
        );
        let named = format!("cannot connect to the proxy {gone}: ");
        assert!(error.to_string().starts_with(&named), "{error}");
        // Of the two names the proxy's is looked up here, the server's never.
        let looked_up = |name: &str, _| -> std::io::Result<Vec<_>> {
            assert_eq!(name, "proxy.invalid");
            Err(std::io::ErrorKind::NotFound.into())
        };
        let config = Config::new()
            .resolver(looked_up)
            .proxy(Proxy::new("http://proxy.invalid").unwrap());
        let error = connect(&config, "ws://server.invalid/").unwrap_err();
        assert!(
            matches!(&error, Error::Resolve { host, proxy: true, .. } if host == "proxy.invalid"),
            "{error:?}"
        );
        let named = "cannot resolve the proxy \"proxy.invalid\": ";
        assert!(error.to_string().starts_with(named), "{error}");
    }
}

// row: REQ-15
#[test]
fn a_tunnel_that_was_dialled_is_a_blocking_stream() {
    use std::io::{Read, Write};

    let proxy = serve(|mut conn| {
        tunnel(&mut conn);
        let mut octets = [0; 4];
        conn.tcp.read_exact(&mut octets).unwrap();
        // Real time: a socket that does not block would find nothing.
        thread::sleep(Duration::from_millis(50));
        conn.send(&octets);
    });
    let config = Config::new().proxy(Proxy::new(&proxy.address.to_string()).unwrap());
    let mut tcp = config.dial("ws://server.invalid/").unwrap();
    tcp.write_all(b"ping").unwrap();
    let mut octets = [0; 4];
    tcp.read_exact(&mut octets).unwrap();
    assert_eq!(&octets, b"ping");
    proxy.join();
}

// row: REQ-15
#[test]
fn the_sockets_options_are_set_before_anything_is_sent() {
    for connect in WAYS {
        for through in [false, true] {
            let peer = serve(move |mut conn| {
                if through {
                    tunnel(&mut conn);
                }
                conn.accept();
            });
            let (seen, ttls) = mpsc::channel();
            let address = peer.address;
            let config = Config::new()
                .proxy(through.then(|| Proxy::new(&address.to_string()).unwrap()))
                .socket(move |tcp| {
                    assert_eq!(tcp.peer_addr()?, address);
                    tcp.set_ttl(8)?;
                    // What the connection does not survive, if it is left.
                    tcp.set_nonblocking(false)?;
                    seen.send(tcp.ttl()?).map_err(std::io::Error::other)
                });
            connect(&config, &peer.uri()).unwrap();
            peer.join();
            assert_eq!(ttls.try_iter().collect::<Vec<_>>(), [8]);
        }
        // Its error is reported, and nothing was sent.
        let peer = serve(|mut conn| conn.sees_end());
        let config = Config::new().socket(|_| Err(std::io::ErrorKind::Unsupported.into()));
        let error = connect(&config, &peer.uri()).unwrap_err();
        assert!(
            matches!(&error, Error::Io(error) if error.kind() == std::io::ErrorKind::Unsupported),
            "{error:?}"
        );
        assert!(peer.join());
    }
}

/// Which servers need no proxy: those of all calls together. Who has no proxy for a scheme goes there directly.
// row: REQ-15
#[test]
fn exceptions_add_up_and_go_directly() {
    let through = || Proxy::new("http://127.0.0.1:1").unwrap();
    let cases: &[(Proxy, &str, bool)] = &[
        (through(), "ws://a.invalid/", true),
        (Proxy::default(), "ws://a.invalid/", false),
        (through().except("a.invalid"), "ws://a.invalid/", false),
        (through().except("a.invalid"), "ws://A.invalid/", false),
        (through().except("a.invalid"), "ws://x.a.invalid/", false),
        (through().except("a.invalid"), "ws://b.invalid/", true),
        (
            through().except("a.invalid").except("b.invalid"),
            "ws://a.invalid/",
            false,
        ),
        (
            through().except("a.invalid").except("b.invalid"),
            "ws://b.invalid/",
            false,
        ),
        (through().except("a.invalid:81"), "ws://a.invalid/", true),
        (
            through().except("a.invalid:81"),
            "ws://a.invalid:81/",
            false,
        ),
        (through().except("*"), "ws://a.invalid/", false),
    ];
    for connect in WAYS.into_iter().chain([dial as Connect]) {
        for (number, (proxy, uri, is_through)) in cases.iter().enumerate() {
            // A server that needs none is looked up here.
            let config = Config::new()
                .proxy(proxy.clone())
                .resolver(|_, _| Err(std::io::ErrorKind::NotFound.into()));
            match connect(&config, uri).unwrap_err() {
                Error::Connect { proxy: true, .. } => assert!(is_through, "{number}: {uri}"),
                Error::Resolve { proxy: false, .. } => assert!(!is_through, "{number}: {uri}"),
                error => panic!("{number}: {error:?}"),
            }
        }
        // None, whatever was set before.
        let config = Config::new()
            .proxy(through())
            .proxy(None)
            .resolver(|_, _| Err(std::io::ErrorKind::NotFound.into()));
        let error = connect(&config, "ws://a.invalid/").unwrap_err();
        assert!(
            matches!(error, Error::Resolve { proxy: false, .. }),
            "{error:?}"
        );
    }
}
