//! The request of the opening handshake (RFC 6455 §4.1): golden octets, what must not be sent,
//! and buffers of any length.

use bare_ws::compression::Uncompressed;
use bare_ws::entropy::{Entropy, EntropyError};
use bare_ws::handshake::{
    ClientHandshake, HandshakeError, Offers, RawOffers, Request, RequestError, accept,
};
use bare_ws::uri::{Uri, UriError};

/// Gives the nonce of RFC 6455 §1.3.
struct Sample;

impl Entropy for Sample {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        octets.copy_from_slice(b"the sample nonce");
        Ok(())
    }
}

fn request(uri: &str) -> Request<'_> {
    Request::new(Uri::parse(uri).expect("a URI"))
}

/// The request through a buffer of `room` octets.
fn written<X: Offers>(request: &Request<'_>, offers: X, room: usize) -> Vec<u8> {
    let mut handshake = ClientHandshake::new(request, offers, &mut Sample).expect("a request");
    let mut octets = Vec::new();
    let mut buffer = vec![0xAA; room];
    loop {
        let n = handshake.write(&mut buffer);
        if n == 0 {
            return octets;
        }
        octets.extend_from_slice(&buffer[..n]);
    }
}

fn refused(request: &Request<'_>) -> Option<RequestError> {
    match ClientHandshake::new(request, Uncompressed, &mut Sample) {
        Ok(_) => None,
        Err(HandshakeError::Request(error)) => {
            assert!(!error.to_string().is_empty());
            Some(error)
        }
        Err(error) => panic!("{error}"),
    }
}

/// The header fields, as a foreign parser reads them; nothing may follow them.
fn parsed(octets: &[u8]) -> (String, Vec<(String, Vec<u8>)>) {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let status = request.parse(octets).expect("a request");
    assert_eq!(status, httparse::Status::Complete(octets.len()));
    assert_eq!((request.method, request.version), (Some("GET"), Some(1)));
    let fields = request.headers.iter();
    (
        request.path.expect("a path").to_owned(),
        fields
            .map(|h| (h.name.to_owned(), h.value.to_vec()))
            .collect(),
    )
}

const GOLDEN: &str = "GET /chat?x=1 HTTP/1.1\r\n\
    Host: server.example.com:8080\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

// row: REQ-01, REQ-02, REQ-03, REQ-04, REQ-05, REQ-06, REQ-08, SEED-33
#[test]
fn the_least_request() {
    let request = request("ws://server.example.com:8080/chat?x=1");
    let octets = written(&request, Uncompressed, 4096);
    assert_eq!(String::from_utf8_lossy(&octets), format!("{GOLDEN}\r\n"));
    assert_eq!(written(&request, RawOffers::new(&[]), 4096), octets);
}

// row: REQ-07, REQ-08, REQ-09, REQ-10, REQ-16, SEED-07, SEED-28, PMD-01
#[test]
fn the_fullest_request() {
    let request = Request {
        subprotocols: &["chat", "superchat"],
        headers: &[
            ("Authorization", "Bearer x y"),
            ("X-Empty", ""),
            ("x-latin", "caf\u{e9}\tau"),
        ],
        origin: Some("https://example.com"),
        ..request("ws://server.example.com:8080/chat?x=1")
    };
    let offers = RawOffers::new(&[
        "permessage-deflate; server_max_window_bits=10",
        "permessage-deflate",
    ]);
    let octets = written(&request, offers, 4096);
    assert_eq!(
        String::from_utf8_lossy(&octets),
        format!(
            "{GOLDEN}\
            Sec-WebSocket-Protocol: chat, superchat\r\n\
            Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10, permessage-deflate\r\n\
            Origin: https://example.com\r\n\
            Authorization: Bearer x y\r\n\
            X-Empty: \r\n\
            x-latin: caf\u{e9}\tau\r\n\r\n"
        )
    );
    let (path, fields) = parsed(&octets);
    assert_eq!(path, "/chat?x=1");
    let names: Vec<_> = fields.iter().map(|(name, _)| &**name).collect();
    assert_eq!(
        names,
        [
            "Host",
            "Upgrade",
            "Connection",
            "Sec-WebSocket-Version",
            "Sec-WebSocket-Key",
            "Sec-WebSocket-Protocol",
            "Sec-WebSocket-Extensions",
            "Origin",
            "Authorization",
            "X-Empty",
            "x-latin",
        ]
    );
}

// row: REQ-17, URI-14
#[test]
fn a_buffer_of_any_length_gives_the_same_octets() {
    let path = "p".repeat(300);
    let uri = format!("wss://[::1]:9001/{path}");
    let request = Request {
        subprotocols: &["a", "b"],
        headers: &[("A", "b")],
        origin: Some("null"),
        ..request(&uri)
    };
    let offers = RawOffers::new(&["x; y=\"z\"", "w"]);
    let whole = written(&request, offers.clone(), 4096);
    assert!(whole.len() > 400);
    for room in 1..=whole.len() + 1 {
        assert_eq!(written(&request, offers.clone(), room), whole, "{room}");
    }
    assert_eq!(written(&request, offers, 0), b"");
}

// row: URI-17, URI-07
#[test]
fn the_host() {
    for (uri, host, expected) in [
        ("ws://h:80", None, "h"),
        ("ws://h:443", None, "h:443"),
        ("wss://h:443", None, "h"),
        ("ws://h:10", None, "h:10"),
        ("ws://h:65535", None, "h:65535"),
        ("ws://h:20304", None, "h:20304"),
        ("ws://[::1]:9001/", None, "[::1]:9001"),
        ("ws://127.0.0.1:9001/", Some("example.com"), "example.com"),
        ("ws://127.0.0.1:9001/", Some("[::1]:80"), "[::1]:80"),
    ] {
        let request = Request {
            host,
            ..request(uri)
        };
        let (_, fields) = parsed(&written(&request, Uncompressed, 99));
        let hosts: Vec<_> = fields.iter().filter(|(name, _)| name == "Host").collect();
        assert_eq!(hosts, [&("Host".to_owned(), expected.as_bytes().to_vec())]);
    }
}

// row: REQ-07, REQ-08, REQ-09, REQ-10
#[test]
fn what_must_not_be_sent() {
    let base = request("ws://h/");
    let subprotocols: &[(&[&str], RequestError)] = &[
        (&[""], RequestError::Subprotocol { index: 0 }),
        (&["a", "a b"], RequestError::Subprotocol { index: 1 }),
        (&["a,b"], RequestError::Subprotocol { index: 0 }),
        (&["a\r\nX: y"], RequestError::Subprotocol { index: 0 }),
        (&["\u{e9}"], RequestError::Subprotocol { index: 0 }),
        (
            &["a", "b", "a"],
            RequestError::SubprotocolRepeated { index: 2 },
        ),
    ];
    for &(subprotocols, error) in subprotocols {
        assert_eq!(
            refused(&Request {
                subprotocols,
                ..base
            }),
            Some(error)
        );
    }
    // Letter case tells subprotocols apart.
    assert_eq!(
        refused(&Request {
            subprotocols: &["a", "A"],
            ..base
        }),
        None
    );

    type Headers = &'static [(&'static str, &'static str)];
    let headers: &[(Headers, Option<RequestError>)] = &[
        (&[("", "x")], Some(RequestError::HeaderName { index: 0 })),
        (
            &[("A", "b"), ("A ", "x")],
            Some(RequestError::HeaderName { index: 1 }),
        ),
        (&[(" A", "x")], Some(RequestError::HeaderName { index: 0 })),
        (&[("A:", "x")], Some(RequestError::HeaderName { index: 0 })),
        (&[("A", " x")], Some(RequestError::HeaderValue { index: 0 })),
        (
            &[("A", "x\t")],
            Some(RequestError::HeaderValue { index: 0 }),
        ),
        (
            &[("A", "x\r\nB: y")],
            Some(RequestError::HeaderValue { index: 0 }),
        ),
        (
            &[("Upgrade", "x")],
            Some(RequestError::HeaderReserved { index: 0 }),
        ),
        (
            &[("connection", "x")],
            Some(RequestError::HeaderReserved { index: 0 }),
        ),
        (
            &[("HOST", "x")],
            Some(RequestError::HeaderReserved { index: 0 }),
        ),
        (
            &[("Content-Length", "0")],
            Some(RequestError::HeaderReserved { index: 0 }),
        ),
        (
            &[("Transfer-Encoding", "x")],
            Some(RequestError::HeaderReserved { index: 0 }),
        ),
        (
            &[("Sec-WebSocket-Key", "x")],
            Some(RequestError::HeaderReserved { index: 0 }),
        ),
        (
            &[("sec-websocket-anything", "x")],
            Some(RequestError::HeaderReserved { index: 0 }),
        ),
        (&[("Sec-WebSocket", "x"), ("Sec", "y")], None),
        (&[("Origin", "http://a")], None),
        (
            &[("Origin", "http://a"), ("origin", "http://a")],
            Some(RequestError::Origin),
        ),
        (&[("Origin", "")], Some(RequestError::Origin)),
        (&[("Cookie", "a=b"), ("Cookie", "c=d")], None),
    ];
    for &(headers, error) in headers {
        assert_eq!(refused(&Request { headers, ..base }), error, "{headers:?}");
    }
    let both = Request {
        headers: &[("Origin", "http://a")],
        origin: Some("http://a"),
        ..base
    };
    assert_eq!(refused(&both), Some(RequestError::Origin));
    for origin in ["", "a b", "a,b", "a\n"] {
        assert_eq!(
            refused(&Request {
                origin: Some(origin),
                ..base
            }),
            Some(RequestError::Origin)
        );
    }
    for (host, error) in [
        ("", UriError::HostMissing),
        ("a b", UriError::Host),
        ("a\r\nX: y", UriError::Host),
        ("a/", UriError::Host),
        ("u@h", UriError::UserInfo),
        ("a:x", UriError::Port),
        ("[::1", UriError::Ipv6),
    ] {
        assert_eq!(
            refused(&Request {
                host: Some(host),
                ..base
            }),
            Some(RequestError::Host(error))
        );
    }
    for offer in [
        "",
        ",",
        ";",
        "a;",
        "a; b=",
        "a; b=\"",
        "a b",
        "a\r\nX: y",
        "a; b=\"\"",
    ] {
        let offers = [offer];
        let error = ClientHandshake::new(&base, RawOffers::new(&offers), &mut Sample).err();
        assert_eq!(
            error,
            Some(HandshakeError::Request(RequestError::Extensions)),
            "{offer:?}"
        );
    }
}

// row: TRAP-01, REQ-07, REQ-10, REQ-09
#[test]
fn every_octet_in_every_field() {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let base = request("ws://h/");
    let mut passed = [0; 6];
    for octet in 0..=u8::MAX {
        let c = char::from(octet);
        let text = format!("a{c}b");
        let list = [&*text];
        let names = [(&*text, "v")];
        let values = [("A", &*text)];
        let visible = c.is_ascii_graphic();
        let in_host = c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=".contains(c);
        let cases = [
            (
                Request {
                    subprotocols: &list,
                    ..base
                },
                is_token(c),
            ),
            (
                Request {
                    headers: &names,
                    ..base
                },
                is_token(c),
            ),
            (
                Request {
                    headers: &values,
                    ..base
                },
                !c.is_ascii_control() || c == '\t',
            ),
            (
                Request {
                    origin: Some(&text),
                    ..base
                },
                visible && c != ',',
            ),
            (
                Request {
                    host: Some(&text),
                    ..base
                },
                in_host,
            ),
        ];
        for (place, (request, is_good)) in cases.iter().enumerate() {
            assert_eq!(refused(request).is_none(), *is_good, "{place}: {text:?}");
            if *is_good {
                // Another's parser sees our fields, and at most the one that was asked for.
                let (path, fields) = parsed(&written(request, Uncompressed, 64));
                assert_eq!(path, "/");
                assert_eq!(
                    fields.len(),
                    if place == 4 { 5 } else { 6 },
                    "{place}: {text:?}"
                );
                let shown = match place {
                    1 => fields[5].0.as_bytes(),
                    4 => &fields[0].1,
                    _ => &fields[5].1,
                };
                assert_eq!(shown, text.as_bytes());
                passed[place] += 1;
            }
        }
        let offers = ClientHandshake::new(&base, RawOffers::new(&list), &mut Sample);
        // A semicolon begins a parameter, a comma the next extension.
        let is_good = is_token(c) || ";,".contains(c);
        assert_eq!(offers.is_ok(), is_good, "{text:?}");
        passed[5] += u32::from(is_good);
    }
    assert_eq!(passed, [77, 77, 256 - 33 + 1, 93, 77, 79]);
}

// row: REQ-05
#[test]
fn ten_thousand_keys() {
    struct Counting(u64, usize);
    impl Entropy for Counting {
        fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
            self.0 += 1;
            self.1 += octets.len();
            octets.fill(0);
            octets[..8].copy_from_slice(&self.0.to_be_bytes());
            Ok(())
        }
    }
    let request = request("ws://h/");
    let mut entropy = Counting(0, 0);
    let mut keys = std::collections::HashSet::new();
    for _ in 0..10_000 {
        let mut handshake =
            ClientHandshake::new(&request, Uncompressed, &mut entropy).expect("a request");
        let mut octets = [0; 512];
        let n = handshake.write(&mut octets);
        let (_, fields) = parsed(&octets[..n]);
        let (_, key) = fields
            .iter()
            .find(|(name, _)| name == "Sec-WebSocket-Key")
            .expect("a key");
        assert_eq!(key.len(), accept::KEY_LEN);
        assert!(key.ends_with(b"==") && !key[..22].contains(&b'='));
        assert!(keys.insert(key.clone()));
    }
    assert_eq!((entropy.0, entropy.1), (10_000, 160_000));
}

// row: REQ-05, MSK-03
#[test]
fn a_failed_source_of_entropy_sends_nothing() {
    struct Failing;
    impl Entropy for Failing {
        fn fill(&mut self, _: &mut [u8]) -> Result<(), EntropyError> {
            Err(EntropyError)
        }
    }
    let error = ClientHandshake::new(&request("ws://h/"), Uncompressed, &mut Failing).err();
    assert_eq!(error, Some(HandshakeError::Entropy));
}

// row: TRAP-30
#[test]
fn secrets_are_not_shown() {
    let request = Request {
        headers: &[("Authorization", "Bearer s3cr3t"), ("Cookie", "s3cr3t")],
        ..request("ws://h/")
    };
    let handshake = ClientHandshake::new(&request, Uncompressed, &mut Sample).expect("a request");
    let shown = format!("{request:?} {handshake:?} {request:#?}");
    assert!(shown.contains("Authorization") && shown.contains("Cookie"));
    for secret in [
        "s3cr3t",
        "dGhlIHNhbXBsZSBub25jZQ",
        "s3pPLMBiTxaQ9kYGzzhZRbK",
        "[100, 71",
    ] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
