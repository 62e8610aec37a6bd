//! From a URI to its server: credentials and international names in the URI, another address, another
//! name in TLS. Blocking and in tokio.
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

mod peer;

use std::net::SocketAddr;
#[cfg(feature = "rustls")]
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bare_ws_std::{Config, Error, Proxy, UriError};
use peer::{LONG, Peer, serve};

/// How a connection is made.
type Connect = fn(&Config, &str) -> Result<(), Error>;

fn blocking(config: &Config, uri: &str) -> Result<(), Error> {
    config.connect(uri).map(drop)
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

/// Accepts one client, and gives its request.
fn accepting() -> Peer<String> {
    serve(|mut conn| {
        conn.accept();
        conn.request
    })
}

/// Sends one client elsewhere.
fn redirecting(location: String) -> Peer<String> {
    serve(move |mut conn| {
        conn.read_request();
        let answer = format!("HTTP/1.1 302 x\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        conn.send(answer.as_bytes());
        conn.request
    })
}

/// The values of all fields of that name.
fn fields<'a>(request: &'a str, name: &str) -> Vec<&'a str> {
    let of = |line: &'a str| {
        let (field, value) = line.split_once(": ")?;
        field.eq_ignore_ascii_case(name).then_some(value)
    };
    request.lines().filter_map(of).collect()
}

// row: REQ-16
#[test]
fn credentials_are_taken_from_the_uri_on_request() {
    // RFC 7617 §2.
    const ALADDIN: &str = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
    for connect in WAYS {
        for (userinfo, own, wanted) in [
            ("Aladdin:open%20sesame@", None, Some(ALADDIN)),
            ("u@", None, Some("Basic dTo=")),
            ("u:a@b@", None, Some("Basic dTphQGI=")),
            ("", None, None),
            ("@", None, None),
            ("u:p@", Some("Bearer t"), Some("Bearer t")),
        ] {
            let server = accepting();
            let mut config = Config::new().credentials_in_uri(true);
            if let Some(value) = own {
                config = config.header("authorization", value);
            }
            let uri = format!("ws://{userinfo}{}/a@b?c=d@e", server.address);
            config.check(&uri).unwrap();
            connect(&config, &uri).unwrap();
            let request = server.join();
            assert_eq!(
                fields(&request, "authorization"),
                Vec::from_iter(wanted),
                "{userinfo}"
            );
            assert!(request.starts_with("GET /a@b?c=d@e HTTP/1.1\r\n"));
            let host = uri.split(['@', '/']).nth(2 + userinfo.matches('@').count());
            assert_eq!(fields(&request, "host"), Vec::from_iter(host));
        }
        // The server's part ends before a query, too.
        let server = accepting();
        let uri = format!("ws://{}?c=d@e", server.address);
        connect(&Config::new().credentials_in_uri(true), &uri).unwrap();
        let request = server.join();
        assert!(request.starts_with("GET /?c=d@e HTTP/1.1\r\n"));
        assert!(fields(&request, "authorization").is_empty());
        // What is no user name, and nobody who asked for it: nothing is sent.
        for (uri, taken) in [
            ("ws://u:s3cret%4@127.0.0.1:1/", true),
            ("ws://u%3Ax:s3cret@127.0.0.1:1/", true),
            ("ws://u:s3cret%0d%0aX@127.0.0.1:1/", true),
            ("ws://u:s3cret@127.0.0.1:1/", false),
        ] {
            let config = Config::new().credentials_in_uri(taken);
            let error = connect(&config, uri).unwrap_err();
            assert_eq!(
                format!("{:?}", config.check(uri).unwrap_err()),
                format!("{error:?}")
            );
            let is_right = match taken {
                true => matches!(error, Error::Credentials),
                false => matches!(error, Error::Uri(UriError::UserInfo)),
            };
            assert!(is_right && error.kind() == "request", "{error:?}");
            assert!(!format!("{error} {error:?}").contains("s3cret"));
        }
    }
}

/// What the way took is not taken from the time of the handshakes.
// row: STA-02
#[test]
fn the_handshakes_have_their_time_however_long_the_way_took() {
    const LIMIT: Duration = Duration::from_secs(3);
    thread::scope(|scope| {
        for connect in WAYS {
            scope.spawn(move || {
                let server = accepting();
                let address = server.address;
                let config = Config::new()
                    .connect_timeout(LONG)
                    .handshake_timeout(LIMIT)
                    .resolver(move |_, _| {
                        // Real time: longer than the handshakes may take.
                        thread::sleep(LIMIT);
                        Ok(vec![address])
                    });
                connect(&config, "ws://host.invalid/").unwrap();
                server.join();
            });
        }
    });
}

// row: LIV-22, REQ-16
#[test]
fn credentials_in_the_uri_are_for_its_server_alone() {
    for connect in WAYS {
        let other = accepting();
        let server = redirecting(other.uri());
        let config = Config::new().credentials_in_uri(true).redirects(1);
        connect(&config, &format!("ws://u:p@{}/", server.address)).unwrap();
        assert_eq!(fields(&server.join(), "authorization"), ["Basic dTpw"]);
        assert!(fields(&other.join(), "authorization").is_empty());
        // Nobody but the caller has credentials to give.
        let server = redirecting("ws://u:p@127.0.0.1:1/".to_owned());
        let error = connect(&config, &server.uri()).unwrap_err();
        assert!(matches!(error, Error::Redirect(_)), "{error:?}");
        server.join();
    }
}

/// Where a subprotocol is required, a different server, which is offered none, cannot be had.
// row: RSP-03, RSP-18, LIV-22
#[test]
fn a_required_subprotocol_fails_the_handshake_with_a_different_server() {
    for connect in WAYS {
        for (trusted, required) in [(false, true), (false, false), (true, true)] {
            let other = serve(move |mut conn| {
                let field = "Sec-WebSocket-Protocol: chat\r\n";
                conn.accept_with(if trusted { field } else { "" }, b"");
                conn.request
            });
            let server = redirecting(other.uri());
            let config = Config::new()
                .redirects(1)
                .trust_redirects(trusted)
                .subprotocol("chat")
                .subprotocol_required(required);
            let outcome = connect(&config, &server.uri());
            assert_eq!(fields(&server.join(), "sec-websocket-protocol"), ["chat"]);
            let offered: &[&str] = if trusted { &["chat"] } else { &[] };
            assert_eq!(fields(&other.join(), "sec-websocket-protocol"), offered);
            match outcome {
                Ok(()) => assert!(trusted || !required),
                Err(Error::Handshake(_)) => assert!(!trusted && required),
                Err(error) => panic!("{error:?}"),
            }
        }
    }
}

#[test]
fn another_address_is_for_the_first_server_alone() {
    for connect in WAYS {
        let other = accepting();
        let (found, port) = (other.address, other.address.port());
        let server = redirecting(format!("//other.invalid:{port}/"));
        let config = Config::new()
            .address(server.address)
            .redirects(1)
            .trust_redirects(true)
            .resolver(move |name, _| {
                assert_eq!(name, "other.invalid");
                Ok(vec![found])
            });
        connect(&config, "ws://server.invalid:8080/").unwrap();
        assert_eq!(fields(&server.join(), "host"), ["server.invalid:8080"]);
        let host = format!("other.invalid:{port}");
        assert_eq!(fields(&other.join(), "host"), [host.as_str()]);
        // A proxy is asked for it.
        let proxy = serve(|mut conn| {
            conn.read_request();
            conn.request
        });
        let address = SocketAddr::from(([192, 0, 2, 1], 81));
        let through = Proxy::new(&proxy.address.to_string()).unwrap();
        let config = Config::new().address(address).proxy(through);
        connect(&config, "ws://server.invalid/").unwrap_err();
        assert!(
            proxy
                .join()
                .starts_with("CONNECT 192.0.2.1:81 HTTP/1.1\r\n")
        );
    }
}

/// A server that has `name.invalid` in its certificate, and who trusts it.
#[cfg(feature = "rustls")]
fn named() -> (Arc<rustls::ServerConfig>, bare_ws_std::Tls) {
    use rustls::pki_types::PrivateKeyDer;

    let made = rcgen::generate_simple_self_signed(vec!["name.invalid".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key);
    let tls = bare_ws_std::Tls::builder().root(certificate.to_vec());
    (Arc::new(server.unwrap()), tls.build().unwrap())
}

#[cfg(feature = "rustls")]
fn over_tls(
    server: Arc<rustls::ServerConfig>,
    conn: peer::Conn,
) -> peer::Conn<rustls::StreamOwned<rustls::ServerConnection, peer::Steady>> {
    let session = rustls::ServerConnection::new(server).unwrap();
    peer::Conn::over(rustls::StreamOwned::new(session, conn.tcp))
}

/// The scheme alone makes another server, of the same host and port: behind TLS there may be another, and
/// whoever hears the redirect has written it.
// row: RSP-03, LIV-22
#[cfg(feature = "rustls")]
#[test]
fn the_same_port_behind_tls_is_a_different_server() {
    let (server, tls) = named();
    for connect in WAYS {
        for trusted in [false, true] {
            let server = Arc::clone(&server);
            let other = serve(move |conn| {
                let mut conn = over_tls(server, conn);
                conn.accept();
                conn.request
            });
            let found = other.address;
            let first = redirecting("wss://name.invalid:8080/".to_owned());
            let config = Config::new()
                .tls(tls.clone())
                .header("X-Secret", "a")
                .address(first.address)
                .redirects(1)
                .trust_redirects(trusted)
                .resolver(move |name, port| {
                    assert_eq!((name, port), ("name.invalid", 8080));
                    Ok(vec![found])
                });
            connect(&config, "ws://name.invalid:8080/").unwrap();
            assert_eq!(fields(&first.join(), "x-secret"), ["a"]);
            let wanted: &[&str] = if trusted { &["a"] } else { &[] };
            assert_eq!(fields(&other.join(), "x-secret"), wanted);
        }
    }
}

// row: REQ-14
#[cfg(feature = "rustls")]
#[test]
fn another_name_is_what_the_certificate_must_have() {
    use bare_ws_std::{CertificateError, TlsError};

    let (server, tls) = named();
    for connect in WAYS {
        // The name, whether the server is another than the first, and what that is shown of the name.
        for (name, redirected, sni) in [
            (Some("name.invalid"), false, Some("name.invalid")),
            (Some("other.invalid"), false, None),
            (None, false, None),
            (Some("name.invalid"), true, None),
            (None, true, None),
        ] {
            let server = Arc::clone(&server);
            let peer = serve(move |conn| {
                let mut conn = over_tls(server, conn);
                if sni.is_some() {
                    conn.accept();
                } else {
                    conn.sees_end();
                }
                (conn.tcp.conn.server_name().map(str::to_owned), conn.request)
            });
            let mut config = Config::new().tls(tls.clone());
            if let Some(name) = name {
                config = config.server_name(name);
            }
            let uri = format!("wss://{}/", peer.address);
            let first = redirected.then(|| redirecting(uri.clone()));
            let asked = first.as_ref().map_or(uri, Peer::uri);
            let connected = connect(&config.redirects(1), &asked);
            first.map(Peer::join);
            let address = peer.address;
            let (seen, request) = peer.join();
            match connected {
                Ok(()) => {
                    assert_eq!(seen.as_deref(), sni);
                    assert_eq!(fields(&request, "host"), [address.to_string().as_str()]);
                }
                Err(Error::Tls(TlsError::Certificate { host, error })) => {
                    assert!(sni.is_none());
                    let own = name.filter(|_| !redirected);
                    assert_eq!(host, own.unwrap_or("127.0.0.1"));
                    assert!(matches!(error, CertificateError::WrongName { .. }));
                }
                other => panic!("{name:?}: {other:?}"),
            }
        }
    }
}

#[cfg(feature = "idna")]
#[test]
fn international_names_are_converted_on_request() {
    #[cfg(not(feature = "rustls"))]
    use std::sync::Arc;
    use std::sync::Mutex;

    for connect in WAYS {
        for (name, wanted) in [
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.example", "xn--bcher-kva.example"),
            ("faß.de", "xn--fa-hia.de"),
            ("日本語.jp", "xn--wgv71a119e.jp"),
            ("example。com", "example.com"),
            ("Example.COM", "Example.COM"),
        ] {
            let server = accepting();
            let (found, port) = (server.address, server.address.port());
            let asked = Arc::new(Mutex::new(Vec::new()));
            let names = Arc::clone(&asked);
            let config = Config::new().idna(true).resolver(move |name, _| {
                names.lock().unwrap().push(name.to_owned());
                Ok(vec![found])
            });
            connect(&config, &format!("ws://{name}:{port}/x")).unwrap();
            let host = format!("{wanted}:{port}");
            assert_eq!(fields(&server.join(), "host"), [host.as_str()]);
            assert_eq!(*asked.lock().unwrap(), [wanted]);
        }
        let config = Config::new().resolver(|_, _| panic!("nothing is asked"));
        for (uri, on, wanted) in [
            ("ws://bücher.example/", false, UriError::HostNotAscii),
            // They would become / ? @ and : in ASCII.
            ("ws://a／evil.example/", true, UriError::Host),
            ("ws://a？evil.example/", true, UriError::Host),
            ("ws://a＠evil.example/", true, UriError::Host),
            ("ws://a：80.example/", true, UriError::Host),
            ("ws://a\u{202e}b.example/", true, UriError::Host),
            ("ws://xn--ü.example/", true, UriError::Host),
            ("ws://ü@example.com/", true, UriError::HostNotAscii),
            ("ws://example.com/ü", true, UriError::Resource),
        ] {
            match connect(&config.clone().idna(on), uri) {
                Err(Error::Uri(error)) => assert_eq!(error, wanted, "{uri}"),
                other => panic!("{uri}: {other:?}"),
            }
        }
    }
}
