//! The status line and the lines that follow it.

use crate::*;

// row: RSP-01, RSP-13
#[test]
fn the_order_of_the_fields_means_nothing() {
    let fields = [UPGRADE, CONNECTION, ACCEPT];
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let [a, b, c] = order.map(|index| fields[index]);
        let more = "Server: a\r\nX: \u{e9}\u{ff}\r\nServer: b\r\nEmpty:\r\n";
        expect(
            &Setting::default(),
            &[
                (format!("{STATUS}{a}{b}{c}\r\n"), None),
                (format!("{STATUS}{more}{a}{b}{more}{c}{more}\r\n"), None),
            ],
        );
    }
}

// row: RSP-04, RSP-22, RSP-23
#[test]
fn the_status_line() {
    let bad = Some(violation(ResponseError::StatusLine));
    let other = Some(violation(ResponseError::NotHttp));
    let tls = Some(violation(ResponseError::Tls));
    assert!(ResponseError::Tls.to_string().contains("wss"));
    expect(
        &Setting::default(),
        &[
            (with_status("HTTP/1.1 101 "), None),
            (with_status("HTTP/1.1 101"), None),
            (with_status("HTTP/1.1 101 \u{e9}t\u{e9}\t!"), None),
            (with_status("HTTP/1.0 101 x"), bad),
            (with_status("HTTP/1.2 101 x"), bad),
            (with_status("HTTP/1.x 404 x"), bad),
            (with_status("HTTP/1.  404 x"), bad),
            (with_status("HTTP/2.0 404 x"), bad),
            (with_status("HTTP/0.9 404 x"), bad),
            (with_status("HTTP/1.0 4040 x"), bad),
            (with_status("HTTP/2 101 x"), bad),
            (with_status("HTTP/2.0 101 x"), bad),
            (with_status("HTTP/0.9 101 x"), bad),
            (with_status("http/1.1 101 x"), other),
            (with_status("ICY 101 x"), other),
            (with_status("HTTP/1.1 1010 X"), bad),
            (with_status("HTTP/1.1 10 X"), bad),
            (with_status("HTTP/1.1 1O1 X"), bad),
            (with_status("HTTP/1.1  101"), bad),
            (with_status("HTTP/1.1 101\tX"), bad),
            (with_status("HTTP/1.1 10"), bad),
            (with_status("HTTP/1.1"), bad),
            (with_status("HTTP/1.1 001 X"), bad),
            (with_status(" HTTP/1.1 101 X"), other),
            (with_status("HTTP/1.1 101 \u{7}"), bad),
            (with_status(""), other),
            (format!("\r\n{}", base("")), other),
            (format!("\n{}", base("")), other),
            ("220 mx.example.com ESMTP\r\n".to_owned(), other),
            ("SSH-2.0-OpenSSH_9\r\n".to_owned(), other),
            // A port for wss says that it understands nothing.
            ("\x15\x03\x03\x00\x02\x02\x28".to_owned(), tls),
            (with_status("HTTP/1.1 101 \x15"), bad),
            ("\0\0\x12\x04\0\0\0\0\0".to_owned(), other),
        ],
    );
}

// row: RSP-22
#[test]
fn garbage_fails_at_its_first_impossible_octet() {
    let fails_at = |answer: &[u8]| {
        let end = |n: usize| read(&Setting::default(), [&answer[..n]].into_iter());
        (0..=answer.len()).find(|&n| end(n) != Err(HandshakeError::Lost))
    };
    for (answer, at) in [
        (&b"220 mx"[..], 1),
        (b"\x15\x03\x03", 1),
        (b"HTTP/2", 6),
        (b"HTTP/1.x", 8),
        (b"HTTP/1.0 101", 12),
        (b"HTTP/1.1 1010 X", 13),
        (b"HTTP/1.1 4040 X", 13),
        (b"HTTP/1.1 101 X\n", 15),
        (b"HTTP/1.1 101 X\r\n:", 17),
        (b"HTTP/1.1 101 X\r\n X", 17),
        (b"HTTP/1.1 101 X\r\nUpgrade: webx", 29),
        (b"HTTP/1.1 101 X\r\nSec-WebSocket-Accept: S", 39),
    ] {
        assert_eq!(fails_at(answer), Some(at), "{answer:?}");
    }
}

// row: RSP-02, RSP-21, SEED-32, TRAP-02
#[test]
fn another_status_is_reported_when_its_head_is_complete() {
    for status in [
        200, 301, 302, 307, 400, 401, 403, 404, 426, 429, 500, 503, 999,
    ] {
        let head = format!(
            "HTTP/1.1 {status} Something Else\r\nLocation: /there\r\nUpgrade: h2c\r\nUpgrade: x\r\n\
             Sec-WebSocket-Accept: no\r\nSec-WebSocket-Extensions: ;\r\nRetry-After: \t7 \r\n\r\n"
        );
        // What follows is a body: nothing in it establishes anything.
        let answer = format!("{head}{}", base(""));
        let error = HandshakeError::Rejected { status };
        expect(
            &Setting::default(),
            &[(head.clone(), Some(error)), (answer.clone(), Some(error))],
        );
        let start = read(
            &Setting::default(),
            [&head.as_bytes()[..head.len() - 1]].into_iter(),
        );
        assert_eq!(start, Err(HandshakeError::Lost));

        let seen: Vec<_> = fields(answer.as_bytes()).collect();
        assert_eq!(seen[0], (&b"Location"[..], &b"/there"[..]));
        assert_eq!(seen[5], (&b"Retry-After"[..], &b"7"[..]));
        assert_eq!(seen.len(), 6);
    }
}

// row: RSP-05, TRAP-06
#[test]
fn interim_responses_are_passed_over() {
    let interim =
        |n: usize| "HTTP/1.1 103 Early Hints\r\nLink: a\r\nUpgrade: h2c\r\n\r\n".repeat(n);
    let hundred = "HTTP/1.1 100 Continue\r\n\r\n";
    let many = Some(violation(ResponseError::TooManyInterim));
    expect(
        &Setting::default(),
        &[
            (format!("{hundred}{}", base("")), None),
            (format!("{}{}", interim(8), base("")), None),
            (format!("{}{}", interim(9), base("")), many),
            (format!("{}{}", interim(20), base("")), many),
            (
                format!("{hundred}HTTP/1.1 404 No\r\n\r\n"),
                Some(HandshakeError::Rejected { status: 404 }),
            ),
        ],
    );
    let answer = format!("{}{}", interim(2), base("Set-Cookie: a=b\r\n"));
    let seen = fields(answer.as_bytes()).last();
    assert_eq!(seen, Some((&b"Set-Cookie"[..], &b"a=b"[..])));
    // Fields of an interim response count for nothing.
    let split = format!("HTTP/1.1 100 X\r\n{UPGRADE}{CONNECTION}{ACCEPT}\r\n{STATUS}\r\n");
    let error = violation(ResponseError::UpgradeMissing);
    expect(&Setting::default(), &[(split, Some(error))]);
}

// row: RSP-04, RSP-05
#[test]
fn another_status_is_reported_in_any_version_of_http_1() {
    for version in 0..=9 {
        for status in [200, 302, 401, 404, 426, 503] {
            let head = format!("HTTP/1.{version} {status} x\r\nLocation: /there\r\n\r\n");
            let seen: Vec<_> = fields(head.as_bytes()).collect();
            assert_eq!(seen, [(&b"Location"[..], &b"/there"[..])]);
            let interim = format!("HTTP/1.{version} 103 x\r\nLink: a\r\n\r\n");
            let error = Some(HandshakeError::Rejected { status });
            expect(
                &Setting::default(),
                &[
                    (format!("{interim}{head}<html>"), error),
                    (head, error),
                    (format!("{interim}{}", base("")), None),
                ],
            );
        }
    }
}

/// What a well-formed head does not contain, and the fields that are still seen around it.
const MALFORMED: [(&str, &[&str]); 13] = [
    ("A: 1\nB: 2\r\n", &["A=1", "B=2"]),
    ("A: 1\nB: 2\n", &["A=1", "B=2"]),
    ("A : 1\r\nB: 2\r\n", &["B=2"]),
    ("A\t: 1\r\nB: 2\r\n", &["B=2"]),
    ("no colon\r\nB: 2\r\n", &["B=2"]),
    (": 1\r\nB: 2\r\n", &["B=2"]),
    ("A(1): 1\r\nB: 2\r\n", &["B=2"]),
    ("A: 1\0\r\nB: 2\r\n", &["A=1\0", "B=2"]),
    ("A: 1\r2\r\nB: 2\r\n", &["A=1\r2", "B=2"]),
    ("A: 1\r\r\nB: 2\r\n", &["A=1", "B=2"]),
    (" A: 1\r\nB: 2\r\n", &["B=2"]),
    ("A: 1\r\n 2\r\n\t3\r\nB: 2\r\n", &["A=1   2  \t3", "B=2"]),
    ("A: 1\n 2\n\t3\nB: 2\r\n", &["A=1  2 \t3", "B=2"]),
];

// row: RSP-11, RSP-12, RSP-02, TRAP-02
#[test]
fn another_status_is_reported_however_its_head_is_written() {
    let seen = |octets: &[u8]| -> Vec<String> {
        let mut octets = octets.to_vec();
        unfold(&mut octets);
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        fields(&octets)
            .map(|(name, value)| format!("{}={}", text(name), text(value)))
            .collect()
    };
    let mut tried = 0;
    for status in [302, 401] {
        for (lines, wanted) in MALFORMED {
            for line_end in ["\r\n", "\n"] {
                for reason in [" Some Reason", " ", ""] {
                    let start = format!("HTTP/1.1 {status}{reason}{line_end}");
                    let head = format!("{start}{lines}{line_end}");
                    let body = "<html>\r\n a\n b\r\n";
                    let error = HandshakeError::Rejected { status };
                    expect(
                        &Setting::default(),
                        &[
                            (head.clone(), Some(error)),
                            (format!("{head}{body}"), Some(error)),
                            (format!("HTTP/1.1 103 x\r\n{lines}\r\n{head}"), Some(error)),
                            (format!("HTTP/1.1 103 x\r\n{lines}\r\n{}", base("")), None),
                        ],
                    );
                    assert_eq!(seen(format!("{head}{body}").as_bytes()), wanted, "{head:?}");
                    // What is not whole is nothing yet, and the limit holds here too.
                    let octets = head.as_bytes();
                    let start = &octets[..octets.len() - 1];
                    let outcome = read(&Setting::default(), [start].into_iter());
                    assert_eq!(outcome, Err(HandshakeError::Lost), "{head:?}");
                    let limit = octets.len() as u32 - 1;
                    let short = Setting {
                        head_limit: Some(limit),
                        ..Setting::default()
                    };
                    let outcome = read(&short, [octets].into_iter());
                    assert_eq!(outcome, Err(HandshakeError::HeadTooLarge { limit }));
                    tried += 1;
                }
            }
        }
    }
    assert_eq!(tried, 2 * 13 * 2 * 3);
    // The body keeps what looks like a folded line.
    let mut octets = b"HTTP/1.1 404 x\r\nA: b\r\n c\r\n\r\nd\r\n e".to_vec();
    unfold(&mut octets);
    assert_eq!(octets, b"HTTP/1.1 404 x\r\nA: b   c\r\n\r\nd\r\n e");
    assert_eq!(octets[head(&octets)].len(), octets.len() - 5);
}

// row: RSP-11
#[test]
fn a_folded_line_goes_on_with_the_one_before() {
    let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    let wrong = |error| Some(violation(error));
    let policy = "Content-Security-Policy: default-src 'self';\r\n\tupgrade-insecure-requests;\r\n \
                  Upgrade: h2c\r\n";
    expect(
        &Setting::default(),
        &[
            (base(policy), None),
            (base("X:\r\n \r\n\t\r\n"), None),
            (with_upgrade("Upgrade:\r\n websocket\r\n"), None),
            (with_upgrade("Upgrade: websocket\r\n \t\r\n"), None),
            (
                with_upgrade("Upgrade: web\r\n socket\r\n"),
                wrong(ResponseError::Upgrade),
            ),
            // It never passes for a field of its own.
            (
                with_upgrade("X: a\r\n Upgrade: websocket\r\n"),
                wrong(ResponseError::UpgradeMissing),
            ),
            (
                with_upgrade("X: a\r\n\tUpgrade: websocket\r\n"),
                wrong(ResponseError::UpgradeMissing),
            ),
            // A start line has nothing to go on with.
            (
                with_upgrade(" Upgrade: websocket\r\n"),
                wrong(ResponseError::Field),
            ),
            (
                with_connection("Connection: keep-alive,\r\n Upgrade\r\n"),
                None,
            ),
            (with_connection("Connection: Upgrade\r\n ,x\r\n"), None),
            (
                with_connection("Connection: a\r\n Upgrade\r\n"),
                wrong(ResponseError::ConnectionMissing),
            ),
            (
                with_connection("Connection: up\r\n grade\r\n"),
                wrong(ResponseError::ConnectionMissing),
            ),
            (
                with_accept(&format!("Sec-WebSocket-Accept:\r\n {accept}\r\n \r\n")),
                None,
            ),
            (
                with_accept(&format!("Sec-WebSocket-Accept: {accept}\r\n {accept}\r\n")),
                wrong(ResponseError::Accept),
            ),
            (
                base("Sec-WebSocket-Extensions: x\r\n ; y\r\n"),
                Some(HandshakeError::Extension(Refusal::NotOffered)),
            ),
        ],
    );
    let some = Setting {
        subprotocols: &["a", "b"],
        offers: &["x", "y"],
        ..Setting::default()
    };
    let answer = base(
        "Sec-WebSocket-Protocol:\r\n\tb\r\nSec-WebSocket-Extensions: x;\r\n a\r\n\t=b ,\r\n y\r\n \r\n",
    );
    let outcome = by_the_law(&some, answer.as_bytes());
    let agreed = (Some("b".to_owned()), "x;a=b,y".to_owned(), answer.len());
    assert_eq!(outcome, Ok(agreed));
    let torn = base("Sec-WebSocket-Extensions: x;a\r\n b\r\n");
    expect(&some, &[(torn, wrong(ResponseError::ExtensionsMalformed))]);
}

// row: RSP-12, TRAP-02
#[test]
fn lines() {
    let line_end = Some(violation(ResponseError::LineEnd));
    expect(
        &Setting::default(),
        &[
            (base("X: a\n"), line_end),
            (base("X: a\rb\r\n"), line_end),
            (base("X: a\r\r\n"), line_end),
            (base("\n"), line_end),
            (base("X\n"), line_end),
            (base("\rX"), line_end),
            (with_status("HTTP/1.1 101 X\r"), line_end),
            (base("X\r\n"), Some(violation(ResponseError::Field))),
            (
                format!("{STATUS}{STATUS}{UPGRADE}{CONNECTION}{ACCEPT}\r\n"),
                Some(violation(ResponseError::Field)),
            ),
        ],
    );
}

// row: RSP-12, RSP-13, RSP-10
#[test]
fn every_octet_in_name_value_and_reason() {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let mut passed = [0; 3];
    for octet in 0..=u8::MAX {
        let c = char::from(octet);
        let text = c == '\t' || !c.is_ascii_control();
        let put = |text: String| -> Vec<u8> {
            text.bytes()
                .map(|o| if o == 1 { octet } else { o })
                .collect()
        };
        let cases = [
            (put(base("X: a\x01b\r\n")), text),
            (put(base("a\x01b: x\r\n")), is_token(c) || c == ':'),
            (put(with_status("HTTP/1.1 101 a\x01b")), text),
        ];
        for (place, (answer, is_good)) in cases.iter().enumerate() {
            let outcome = by_the_law(&Setting::default(), answer);
            assert_eq!(outcome.is_ok(), *is_good, "{place}: {octet:#x}");
            passed[place] += u32::from(*is_good);
            if !is_good {
                let expected = match (place, octet) {
                    (2, b'\r') | (0, b'\r' | b'\n') | (1, b'\n') => ResponseError::LineEnd,
                    (2, _) => ResponseError::StatusLine,
                    _ => ResponseError::Field,
                };
                assert_eq!(outcome, Err(violation(expected)), "{place}: {octet:#x}");
            }
        }
    }
    assert_eq!(passed, [224, 78, 224]);
}
