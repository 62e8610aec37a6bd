//! URIs (RFC 6455 §3, RFC 3986): tables of what is read and what is refused.

use bare_ws::uri::{Uri, UriError};

/// The URI; secure, host to connect to, port, Host header field, resource name.
type Good = (
    &'static str,
    bool,
    &'static str,
    u16,
    &'static str,
    &'static str,
);

const GOOD: &[Good] = &[
    // row: URI-01
    ("ws://h/", false, "h", 80, "h", "/"),
    ("wss://h/", true, "h", 443, "h", "/"),
    // row: URI-02
    ("WsS://h/", true, "h", 443, "h", "/"),
    ("WS://H/", false, "H", 80, "H", "/"),
    // row: URI-04
    ("ws://h/%23", false, "h", 80, "h", "/%23"),
    // row: URI-05
    ("ws://h", false, "h", 80, "h", "/"),
    ("ws://h?x=1", false, "h", 80, "h", "/?x=1"),
    // row: URI-06
    ("ws://h/a?", false, "h", 80, "h", "/a"),
    ("ws://h?", false, "h", 80, "h", "/"),
    ("ws://h/a?b?c/d", false, "h", 80, "h", "/a?b?c/d"),
    ("ws://h/a??", false, "h", 80, "h", "/a??"),
    // row: URI-07, SEED-04
    ("ws://[::1]:9001/", false, "::1", 9001, "[::1]:9001", "/"),
    ("ws://[::1]", false, "::1", 80, "[::1]", "/"),
    ("wss://[::]:443/", true, "::", 443, "[::]", "/"),
    (
        "ws://[2001:DB8::a]:80/x",
        false,
        "2001:DB8::a",
        80,
        "[2001:DB8::a]",
        "/x",
    ),
    (
        "ws://[1:2:3:4:5:6:7:8]/",
        false,
        "1:2:3:4:5:6:7:8",
        80,
        "[1:2:3:4:5:6:7:8]",
        "/",
    ),
    (
        "ws://[1:2:3:4:5:6:7::]/",
        false,
        "1:2:3:4:5:6:7::",
        80,
        "[1:2:3:4:5:6:7::]",
        "/",
    ),
    (
        "ws://[::2:3:4:5:6:7:8]/",
        false,
        "::2:3:4:5:6:7:8",
        80,
        "[::2:3:4:5:6:7:8]",
        "/",
    ),
    (
        "ws://[::ffff:1.2.3.4]/",
        false,
        "::ffff:1.2.3.4",
        80,
        "[::ffff:1.2.3.4]",
        "/",
    ),
    (
        "ws://[1:2:3:4:5:6:255.0.1.99]/",
        false,
        "1:2:3:4:5:6:255.0.1.99",
        80,
        "[1:2:3:4:5:6:255.0.1.99]",
        "/",
    ),
    // row: URI-08
    ("ws://h:/", false, "h", 80, "h", "/"),
    ("ws://h:0080/", false, "h", 80, "h", "/"),
    ("ws://h:65535/", false, "h", 65535, "h:65535", "/"),
    ("ws://h:1", false, "h", 1, "h:1", "/"),
    ("ws://[::1]:/", false, "::1", 80, "[::1]", "/"),
    // row: URI-10
    ("ws://h/a%20b%2Fc", false, "h", 80, "h", "/a%20b%2Fc"),
    // row: URI-12
    ("ws://h%0d%0a/", false, "h%0d%0a", 80, "h%0d%0a", "/"),
    (
        "ws://xn--bcher-kva/",
        false,
        "xn--bcher-kva",
        80,
        "xn--bcher-kva",
        "/",
    ),
    // row: URI-13
    ("ws://h/a/../b/./C", false, "h", 80, "h", "/a/../b/./C"),
    // row: URI-03
    ("http://h/a?b", false, "h", 80, "h", "/a?b"),
    ("https://h/a?b", true, "h", 443, "h", "/a?b"),
    ("HTTPS://h:80/", true, "h", 80, "h:80", "/"),
    ("http://h:443", false, "h", 443, "h:443", "/"),
    ("https://[::1]:443/", true, "::1", 443, "[::1]", "/"),
    // row: URI-17
    ("ws://h:80", false, "h", 80, "h", "/"),
    ("ws://h:443", false, "h", 443, "h:443", "/"),
    ("wss://h:443", true, "h", 443, "h", "/"),
    ("wss://h:80", true, "h", 80, "h:80", "/"),
    (
        "ws://127.0.0.1:8080/a",
        false,
        "127.0.0.1",
        8080,
        "127.0.0.1:8080",
        "/a",
    ),
];

const BAD: &[(&str, UriError)] = &[
    // row: URI-03
    ("ftp://h", UriError::Scheme),
    ("httpss://h", UriError::Scheme),
    ("http:h", UriError::Scheme),
    ("https:/h", UriError::Scheme),
    ("http", UriError::Scheme),
    ("http:/\u{e9}h", UriError::Scheme),
    ("ws:h", UriError::Scheme),
    ("ws:/h", UriError::Scheme),
    ("//h/", UriError::Scheme),
    ("h:80/", UriError::Scheme),
    ("", UriError::Scheme),
    ("ws", UriError::Scheme),
    (" ws://h/", UriError::Scheme),
    ("wsss://h/", UriError::Scheme),
    // row: URI-04
    ("ws://h/#", UriError::Fragment),
    ("ws://h#", UriError::Fragment),
    ("ws://h/a#b", UriError::Fragment),
    ("ws://h/?a#b", UriError::Fragment),
    // row: URI-07
    ("ws://::1/", UriError::HostMissing),
    ("ws://[::1/", UriError::Ipv6),
    ("ws://[::1]x/", UriError::Ipv6),
    ("ws://[1::2::3]/", UriError::Ipv6),
    ("ws://[fe80::1%25eth0]/", UriError::Ipv6),
    ("ws://[]/", UriError::Ipv6),
    ("ws://[:]/", UriError::Ipv6),
    ("ws://[:::]/", UriError::Ipv6),
    ("ws://[1]/", UriError::Ipv6),
    ("ws://[1:2:3:4:5:6:7]/", UriError::Ipv6),
    ("ws://[1:2:3:4:5:6:7:]/", UriError::Ipv6),
    ("ws://[:1:2:3:4:5:6:7]/", UriError::Ipv6),
    ("ws://[1:2:3:4:5:6:7:8:9]/", UriError::Ipv6),
    ("ws://[1:2:3:4:5:6:7:8::]/", UriError::Ipv6),
    ("ws://[::12345]/", UriError::Ipv6),
    ("ws://[::g]/", UriError::Ipv6),
    ("ws://[::1.2.3]/", UriError::Ipv6),
    ("ws://[::1.2.3.]/", UriError::Ipv6),
    ("ws://[::1..2.3]/", UriError::Ipv6),
    ("ws://[::.1.2.3]/", UriError::Ipv6),
    ("ws://[::1.2.3.256]/", UriError::Ipv6),
    ("ws://[::1.2.3.04]/", UriError::Ipv6),
    ("ws://[::1.2.3.4.5]/", UriError::Ipv6),
    ("ws://[::1.2.3.4:5]/", UriError::Ipv6),
    ("ws://[1:2:3:4:5:6:7:1.2.3.4]/", UriError::Ipv6),
    ("ws://[1.2.3.4]/", UriError::Ipv6),
    ("ws://[::1]]/", UriError::Ipv6),
    ("ws://[v1.x]/", UriError::Ipv6),
    // row: URI-08
    ("ws://h:65536/", UriError::Port),
    ("ws://[::1]:65536/", UriError::Port),
    ("ws://h:-1/", UriError::Port),
    ("ws://h:+80/", UriError::Port),
    ("ws://h:8a/", UriError::Port),
    ("ws://h:123456789012345678901234567890/", UriError::Port),
    ("ws://h:0/", UriError::Port),
    ("ws://h:80:80/", UriError::Port),
    // row: URI-09
    ("ws://u:p@h/", UriError::UserInfo),
    ("ws://a@b@h/", UriError::UserInfo),
    ("ws://@h/", UriError::UserInfo),
    // row: URI-10
    ("ws://h/%", UriError::Escape),
    ("ws://h/%2", UriError::Escape),
    ("ws://h/%zz", UriError::Escape),
    ("ws://h%2/", UriError::Escape),
    // row: URI-12
    ("ws:///a", UriError::HostMissing),
    ("ws://", UriError::HostMissing),
    ("ws://:80/", UriError::HostMissing),
    ("ws://b\u{fc}cher/", UriError::HostNotAscii),
];

#[test]
fn what_is_read() {
    for &(text, secure, host, port, header, resource) in GOOD {
        let uri = Uri::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let said = match uri.explicit_port() {
            Some(port) => format!("{}:{port}", uri.host_literal()),
            None => uri.host_literal().to_owned(),
        };
        assert_eq!(
            (
                uri.is_secure(),
                uri.host(),
                uri.port(),
                &*said,
                &*uri.resource().concat()
            ),
            (secure, host, port, header, resource),
            "{text}"
        );
        // What it shows means the same.
        let shown = uri.to_string();
        let again = Uri::parse(&shown).expect("a URI that was read");
        assert_eq!(again.to_string(), shown);
        assert_eq!(
            (
                again.is_secure(),
                again.host(),
                again.port(),
                again.resource().concat()
            ),
            (secure, host, port, resource.to_owned())
        );
    }
}

#[test]
fn what_is_refused() {
    for &(text, error) in BAD {
        assert_eq!(Uri::parse(text), Err(error), "{text}");
        assert!(!error.to_string().is_empty());
    }
}

// row: URI-03, URI-09, URI-12
#[test]
fn a_refusal_says_what_to_write_in_its_place() {
    for scheme in ["ws", "wss", "http", "https", "HTTP"] {
        for (rest, error, hint) in [
            ("://user:word@h/", UriError::UserInfo, "header"),
            ("://user@h/", UriError::UserInfo, "header"),
            ("://b\u{fc}cher.example/", UriError::HostNotAscii, "xn--"),
        ] {
            let text = format!("{scheme}{rest}");
            assert_eq!(Uri::parse(&text), Err(error), "{text}");
            let said = error.to_string();
            assert!(said.contains(hint) && !said.contains("word"), "{said}");
        }
    }
}

// row: URI-11, TRAP-01
#[test]
fn every_octet_in_host_path_and_query() {
    let unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=".contains(c);
    let mut passed = [0; 3];
    for octet in 0..=u8::MAX {
        let c = char::from(octet);
        let places = [
            (format!("ws://a{c}b/"), unreserved(c) || "/:?".contains(c)),
            (format!("ws://h/a{c}b"), unreserved(c) || "/:?@".contains(c)),
            (
                format!("ws://h/?a{c}b"),
                unreserved(c) || "/:?@".contains(c),
            ),
        ];
        for (place, (text, is_good)) in places.iter().enumerate() {
            // `a:b` is a port that is none, and `a%b` an escape that is none.
            let is_good = *is_good && !(place == 0 && c == ':');
            match Uri::parse(text) {
                Ok(uri) => {
                    assert!(is_good, "{text:?} passed");
                    let written = uri.resource().concat() + uri.host_literal();
                    assert!(written.bytes().all(|o| o.is_ascii_graphic()));
                    passed[place] += 1;
                }
                Err(error) => {
                    assert!(!is_good, "{text:?}: {error}");
                    let expected = match (place, c) {
                        (_, '#') => UriError::Fragment,
                        (_, '%') => UriError::Escape,
                        (0, ':') => UriError::Port,
                        (0, '@') => UriError::UserInfo,
                        (0, _) if octet >= 0x80 => UriError::HostNotAscii,
                        (0, _) => UriError::Host,
                        _ => UriError::Resource,
                    };
                    assert_eq!(error, expected, "{text:?}");
                }
            }
        }
    }
    assert_eq!(passed, [62 + 15 + 2, 62 + 15 + 4, 62 + 15 + 4]);
}

// row: URI-14
#[test]
fn a_long_uri_needs_no_memory() {
    let text = format!("ws://{}/{}", "h".repeat(10_000), "p".repeat(1 << 20));
    let uri = Uri::parse(&text).expect("a long URI");
    assert_eq!(uri.resource().concat().len(), (1 << 20) + 1);
}

// row: SEED-05
#[test]
fn no_input_panics() {
    let alphabet = [
        "w", "s", ":", "/", "//", "?", "#", "@", "[", "]", "::", "1", ".", "%", "f", "\u{fc}",
        "ws://", "[::",
    ];
    let mut state = 1u32;
    let mut read = 0;
    let mut addresses = 0;
    for _ in 0..200_000 {
        let mut text = String::new();
        for _ in 0..state % 12 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text += alphabet[(state >> 16) as usize % alphabet.len()];
        }
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        for prefix in ["", "ws://", "ws://["] {
            if let Ok(uri) = Uri::parse(&format!("{prefix}{text}")) {
                assert!(uri.port() > 0 && !uri.host().is_empty());
                read += 1;
            }
        }
        // What is an IPv6 address is for the standard library to say.
        let address = text
            .split(['/', '?', '#', '@', ']'])
            .next()
            .expect("one piece");
        let literal = format!("ws://[{address}]");
        let is_address = address.parse::<core::net::Ipv6Addr>().is_ok();
        assert_eq!(Uri::parse(&literal).is_ok(), is_address, "{literal}");
        addresses += u32::from(is_address);
    }
    assert!(read > 1000 && addresses > 100, "{read} {addresses}");
}
