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
    let bad = Some(violation(Violation::StatusLine));
    expect(
        &Setting::default(),
        &[
            (with_status("HTTP/1.1 101 "), None),
            (with_status("HTTP/1.1 101"), None),
            (with_status("HTTP/1.1 101 \u{e9}t\u{e9}\t!"), None),
            (with_status("HTTP/1.0 101 x"), bad),
            (with_status("HTTP/2 101 x"), bad),
            (with_status("HTTP/2.0 101 x"), bad),
            (with_status("HTTP/0.9 101 x"), bad),
            (with_status("http/1.1 101 x"), bad),
            (with_status("ICY 101 x"), bad),
            (with_status("HTTP/1.1 1010 X"), bad),
            (with_status("HTTP/1.1 10 X"), bad),
            (with_status("HTTP/1.1 1O1 X"), bad),
            (with_status("HTTP/1.1  101"), bad),
            (with_status("HTTP/1.1 101\tX"), bad),
            (with_status("HTTP/1.1 10"), bad),
            (with_status("HTTP/1.1"), bad),
            (with_status("HTTP/1.1 001 X"), bad),
            (with_status(" HTTP/1.1 101 X"), bad),
            (with_status("HTTP/1.1 101 \u{7}"), bad),
            (with_status(""), bad),
            (format!("\r\n{}", base("")), bad),
            (format!("\n{}", base("")), bad),
            ("220 mx.example.com ESMTP\r\n".to_owned(), bad),
            ("SSH-2.0-OpenSSH_9\r\n".to_owned(), bad),
            ("\x15\x03\x03\x00\x02\x02\x28".to_owned(), bad),
            ("\0\0\x12\x04\0\0\0\0\0".to_owned(), bad),
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
        (b"HTTP/1.0 101", 8),
        (b"HTTP/1.1 1010 X", 13),
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
    let many = Some(violation(Violation::TooManyInterim));
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
    let error = violation(Violation::UpgradeMissing);
    expect(&Setting::default(), &[(split, Some(error))]);
}

// row: RSP-11, RSP-12, TRAP-02
#[test]
fn lines() {
    let folded = Some(violation(Violation::Folded));
    let line_end = Some(violation(Violation::LineEnd));
    expect(
        &Setting::default(),
        &[
            (with_upgrade("X: a\r\n Upgrade: websocket\r\n"), folded),
            (with_upgrade("X: a\r\n\tUpgrade: websocket\r\n"), folded),
            (with_upgrade(" Upgrade: websocket\r\n"), folded),
            (base("X: a\n"), line_end),
            (base("X: a\rb\r\n"), line_end),
            (base("X: a\r\r\n"), line_end),
            (base("\n"), line_end),
            (base("X\n"), line_end),
            (base("\rX"), line_end),
            (with_status("HTTP/1.1 101 X\r"), line_end),
            (base("X\r\n"), Some(violation(Violation::Field))),
            (
                format!("{STATUS}{STATUS}{UPGRADE}{CONNECTION}{ACCEPT}\r\n"),
                Some(violation(Violation::Field)),
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
                    (2, b'\r') | (0, b'\r' | b'\n') | (1, b'\n') => Violation::LineEnd,
                    (2, _) => Violation::StatusLine,
                    _ => Violation::Field,
                };
                assert_eq!(outcome, Err(violation(expected)), "{place}: {octet:#x}");
            }
        }
    }
    assert_eq!(passed, [224, 78, 224]);
}
