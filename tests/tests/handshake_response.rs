//! The answer of the opening handshake: one table of vectors, and laws over all of them.

use bare_ws::entropy::{Entropy, EntropyError};
use bare_ws::handshake::extension::{Extension, Extensions, Malformed};
use bare_ws::handshake::{
    ClientHandshake, HandshakeError, Offers, Progress, RawOffers, Refusal, Request, Violation,
    fields,
};
use bare_ws::uri::Uri;

/// Gives the nonce of RFC 6455 §1.3.
struct Sample;

impl Entropy for Sample {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        octets.copy_from_slice(b"the sample nonce");
        Ok(())
    }
}

const STATUS: &str = "HTTP/1.1 101 Switching Protocols\r\n";
const UPGRADE: &str = "Upgrade: websocket\r\n";
const CONNECTION: &str = "Connection: Upgrade\r\n";
const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

/// What is offered, and what the server makes of it.
#[derive(Clone, Copy, Default)]
struct Setting {
    subprotocols: &'static [&'static str],
    subprotocol_required: bool,
    offers: &'static [&'static str],
    head_limit: Option<u32>,
}

/// The subprotocol, the extensions, and how many octets the head had.
type Outcome = Result<(Option<usize>, String, usize), HandshakeError>;

/// Reads an answer that arrives in pieces, and ends there.
fn read<'o>(setting: &Setting, pieces: impl Iterator<Item = &'o [u8]>) -> Outcome {
    let uri = Uri::parse("ws://h/").expect("a URI");
    let request = Request {
        subprotocols: setting.subprotocols,
        subprotocol_required: setting.subprotocol_required,
        head_limit: setting.head_limit.unwrap_or(Request::HEAD_LIMIT),
        ..Request::new(uri)
    };
    let mut handshake =
        ClientHandshake::new(&request, RawOffers::new(setting.offers), &mut Sample)?;
    while handshake.write(&mut [0; 64]) > 0 {}
    let mut taken = 0;
    for piece in pieces {
        match handshake.read(piece) {
            Ok(Progress::NeedOctets) => taken += piece.len(),
            Ok(Progress::Done { consumed }) => {
                taken += consumed;
                break;
            }
            Err(error) => {
                // It stays, whatever follows.
                assert_eq!(handshake.read(b"x"), Err(error));
                assert_eq!(handshake.finish().err(), Some(error));
                return Err(error);
            }
        }
    }
    let established = handshake.finish()?;
    let extensions = established.extensions.accepted();
    let extensions: Vec<_> = extensions.map(|e| format!("{e:?}")).collect();
    Ok((established.subprotocol, extensions.join(","), taken))
}

/// The chunk law: whole, octet by octet, and split in two at every place. No more than one octet
/// has to fit a buffer, so this is the buffer law too.
fn by_the_law(setting: &Setting, answer: &[u8]) -> Outcome {
    let whole = read(setting, [answer].into_iter());
    assert_eq!(read(setting, answer.chunks(1)), whole);
    for place in 0..=answer.len() {
        let (first, second) = answer.split_at(place);
        assert_eq!(read(setting, [first, second].into_iter()), whole, "{place}");
    }
    whole
}

fn base(more: &str) -> String {
    format!("{STATUS}{UPGRADE}{CONNECTION}{ACCEPT}{more}\r\n")
}

fn with_status(status: &str) -> String {
    format!("{status}\r\n{UPGRADE}{CONNECTION}{ACCEPT}\r\n")
}

fn with_upgrade(upgrade: &str) -> String {
    format!("{STATUS}{upgrade}{CONNECTION}{ACCEPT}\r\n")
}

fn with_connection(connection: &str) -> String {
    format!("{STATUS}{UPGRADE}{connection}{ACCEPT}\r\n")
}

fn with_accept(accept: &str) -> String {
    format!("{STATUS}{UPGRADE}{CONNECTION}{accept}\r\n")
}

fn violation(violation: Violation) -> HandshakeError {
    HandshakeError::Server(violation)
}

/// What a setting makes of an answer: established, or the exact error.
fn expect(setting: &Setting, answers: &[(String, Option<HandshakeError>)]) {
    for (answer, error) in answers {
        let outcome = by_the_law(setting, answer.as_bytes());
        match error {
            None => {
                let head = answer.len();
                assert_eq!(outcome.map(|(_, _, taken)| taken), Ok(head), "{answer:?}");
            }
            Some(error) => assert_eq!(outcome, Err(*error), "{answer:?}"),
        }
    }
}

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

// row: RSP-06, RSP-09, RSP-10
#[test]
fn the_upgrade_field() {
    let wrong = Some(violation(Violation::Upgrade));
    let twice = Some(violation(Violation::UpgradeRepeated));
    let missing = Some(violation(Violation::UpgradeMissing));
    let field = Some(violation(Violation::Field));
    expect(
        &Setting::default(),
        &[
            (with_upgrade("Upgrade: WebSocket\r\n"), None),
            (with_upgrade("UPGRADE: WEBSOCKET\r\n"), None),
            (with_upgrade("upgrade:websocket\r\n"), None),
            (with_upgrade("Upgrade: \t websocket \t \r\n"), None),
            (with_upgrade(""), missing),
            (with_upgrade("Upgradex: websocket\r\n"), missing),
            (with_upgrade("Upgrad: websocket\r\n"), missing),
            (with_upgrade("X-Upgrade: websocket\r\n"), missing),
            (with_upgrade("Upgrade:\r\n"), wrong),
            (with_upgrade("Upgrade: websocke\r\n"), wrong),
            (with_upgrade("Upgrade: websocket, h2c\r\n"), wrong),
            (with_upgrade("Upgrade: websocketx\r\n"), wrong),
            (with_upgrade("Upgrade: web socket\r\n"), wrong),
            (with_upgrade("Upgrade: h2c\r\n"), wrong),
            (with_upgrade("Upgrade: websocket/13\r\n"), wrong),
            (
                with_upgrade("Upgrade: websocket\r\nUpgrade: websocket\r\n"),
                twice,
            ),
            (with_upgrade("Upgrade : websocket\r\n"), field),
            (with_upgrade(": websocket\r\n"), field),
            (with_upgrade("Upgrade\r\n"), field),
            (with_upgrade("Upgr\u{e9}de: websocket\r\n"), field),
        ],
    );
}

// row: RSP-07
#[test]
fn the_connection_field() {
    let missing = Some(violation(Violation::ConnectionMissing));
    let good = [
        "upgrade",
        "UPGRADE",
        "keep-alive, Upgrade",
        "Upgrade ,foo",
        ",Upgrade",
        "Upgrade,",
        ", ,\tUpgrade\t,,x",
        "a,Upgrade,Upgrade",
    ];
    let bad = [
        "upgraded",
        "no-upgrade",
        "keep-alive",
        "",
        ",",
        "upgrade x",
        "x upgrade",
        "up grade",
        "upgrade;x",
        "\"upgrade\"",
        "keep-alive upgrade",
        "upgrad",
        "a,upgrade x,b",
    ];
    let two = "Connection: keep-alive\r\nConnection: Upgrade\r\n";
    let reverse = "Connection: Upgrade\r\nConnection: keep-alive\r\n";
    let torn = "Connection: up\r\nConnection: grade\r\n";
    let mut table = vec![
        (with_connection(two), None),
        (with_connection(reverse), None),
        (with_connection(torn), missing),
        (with_connection(""), missing),
    ];
    table.extend(good.map(|v| (with_connection(&format!("Connection: {v}\r\n")), None)));
    table.extend(bad.map(|v| (with_connection(&format!("Connection: {v}\r\n")), missing)));
    expect(&Setting::default(), &table);
}

// row: RSP-08, RSP-09, TRAP-03
#[test]
fn the_accept_field() {
    let value = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    let field = |value: &str| with_accept(&format!("Sec-WebSocket-Accept: {value}\r\n"));
    let wrong = Some(violation(Violation::Accept));
    let mut table = vec![
        (
            with_accept(&format!("sec-websocket-accept: {value}\r\n")),
            None,
        ),
        (
            with_accept(&format!("SEC-WEBSOCKET-ACCEPT:{value}\r\n")),
            None,
        ),
        (
            with_accept(&format!("Sec-Websocket-Accept: \t{value}\t \r\n")),
            None,
        ),
        (with_accept(""), Some(violation(Violation::AcceptMissing))),
        (
            with_accept(&ACCEPT.repeat(2)),
            Some(violation(Violation::AcceptRepeated)),
        ),
        (field(""), wrong),
        (field(&value.to_lowercase()), wrong),
        (field(&value.to_uppercase()), wrong),
        (field(&format!("{value}=")), wrong),
        (field(&format!("{value} x")), wrong),
        (field(&format!("{value},{value}")), wrong),
        (field(&format!("\"{value}\"")), wrong),
        (field(&value.replace("LMB", "LM B")), wrong),
    ];
    for place in 0..value.len() {
        table.push((field(&value[..place]), wrong));
        table.push((field(&value[place + 1..]), wrong));
        let mut changed = value.to_owned().into_bytes();
        changed[place] ^= 1;
        let changed = String::from_utf8(changed).expect("ASCII");
        table.push((field(&changed), wrong));
    }
    expect(&Setting::default(), &table);
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

// row: RSP-14, LIM-01
#[test]
fn the_limit_is_the_heads_and_not_a_lines() {
    let answer = base(&format!("Set-Cookie: {}\r\n", "c".repeat(300)));
    let limit = answer.len() as u32;
    let exact = Setting {
        head_limit: Some(limit),
        ..Setting::default()
    };
    let less = Setting {
        head_limit: Some(limit - 1),
        ..Setting::default()
    };
    let error = HandshakeError::HeadTooLarge { limit: limit - 1 };
    expect(&exact, &[(answer.clone(), None)]);
    expect(&less, &[(answer, Some(error))]);
}

// row: RSP-14, TRAP-05, TRAP-06
#[test]
fn a_quarter_of_a_mebibyte_of_cookies_octet_by_octet() {
    let cookies =
        format!("Set-Cookie: {}\r\n", "c".repeat(4096)).repeat(64) + &"A: b\r\n".repeat(1000);
    let answer = base(&cookies);
    let whole = Setting {
        head_limit: Some(1 << 20),
        ..Setting::default()
    };
    // Each octet is taken once: what is fed is what is counted, and nothing is held to be read
    // again, since the machine has no memory that grows.
    let outcome = read(&whole, answer.as_bytes().chunks(1));
    assert_eq!(outcome, Ok((None, String::new(), answer.len())));
    assert!(answer.len() > 256 << 10);
    let request = Request::new(Uri::parse("ws://h/").expect("a URI"));
    let handshake = ClientHandshake::new(&request, (), &mut Sample).expect("a request");
    assert!(size_of_val(&handshake) < 320, "{}", size_of_val(&handshake));

    let error = HandshakeError::HeadTooLarge { limit: 16 * 1024 };
    assert_eq!(
        read(&Setting::default(), answer.as_bytes().chunks(1)),
        Err(error)
    );
    assert_eq!(
        read(&Setting::default(), [answer.as_bytes()].into_iter()),
        Err(error)
    );
    // A line without end.
    let endless = format!("{STATUS}X: {}", "x".repeat(20_000));
    assert_eq!(
        read(&Setting::default(), [endless.as_bytes()].into_iter()),
        Err(error)
    );
}

// row: RSP-15
#[test]
fn an_answer_that_ends_early_is_lost() {
    let setting = Setting {
        offers: &["x"],
        subprotocols: &["p"],
        ..Setting::default()
    };
    let more = "Sec-WebSocket-Protocol: p\r\nSec-WebSocket-Extensions: x; a=\"b\"\r\n";
    let answer = format!("HTTP/1.1 100 \r\n\r\n{}", base(more));
    for end in 0..answer.len() {
        let outcome = read(&setting, [&answer.as_bytes()[..end]].into_iter());
        assert_eq!(outcome, Err(HandshakeError::Lost), "{end}");
    }
    assert!(by_the_law(&setting, answer.as_bytes()).is_ok());
}

// row: RSP-16, RSP-19, TRAP-04
#[test]
fn what_follows_the_head_is_left_alone() {
    for more in [
        "",
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
    ] {
        let head = base(more);
        for frames in [
            &b"\x81\x05\x68\x65\x6c\x6c\x6f"[..],
            b"\x81",
            b"\x81\x7e\x01",
            b"\0",
            b"HTTP/1.1 200\r\n\r\n",
        ] {
            let answer = [head.as_bytes(), frames].concat();
            let outcome = by_the_law(&Setting::default(), &answer);
            assert_eq!(outcome, Ok((None, String::new(), head.len())));
        }
    }
}

// row: RSP-17, RSP-20
#[test]
fn the_extensions_field() {
    let field = |value: &str| base(&format!("Sec-WebSocket-Extensions: {value}\r\n"));
    let malformed = Some(violation(Violation::ExtensionsMalformed));
    let not_offered = Some(violation(Violation::Extension(Refusal::NotOffered)));
    let repeated = Some(violation(Violation::Extension(Refusal::Repeated)));
    let two = "Sec-WebSocket-Extensions: permessage-deflate\r\n".repeat(2);
    let offered = Setting {
        offers: &["permessage-deflate; x", "y"],
        ..Setting::default()
    };
    let table = |setting: Setting| {
        let refused = if setting.offers.is_empty() {
            not_offered
        } else {
            None
        };
        let mut table = vec![
            (field("x-foo"), not_offered),
            (field("permessage-deflat"), not_offered),
            (field("Permessage-Deflate"), not_offered),
            (field("permessage-deflate"), refused),
            (field(" permessage-deflate ; a ; b = c , y"), refused),
            (field("permessage-deflate; a=\"1\\5\""), refused),
            (field(", permessage-deflate,,"), refused),
            (field("y, permessage-deflate"), refused),
            (
                field(&format!("permessage-deflate; a={}", "b".repeat(200))),
                not_offered,
            ),
        ];
        if !setting.offers.is_empty() {
            table.push((field("permessage-deflate, permessage-deflate"), repeated));
            table.push((base(&two), Some(violation(Violation::ExtensionsRepeated))));
            for bad in [
                "",
                ",",
                ";",
                "permessage-deflate;",
                "permessage-deflate; a=",
                "permessage-deflate; a=\"b",
                "permessage-deflate; a=\"b\\",
                "a b",
                "y y",
                "permessage-deflate; a=\"\"",
                "permessage-deflate; a=\"b c\"",
                "permessage-deflate; =b",
                "permessage-deflate; a=\"b\"c",
                "permessage-deflate; a b",
                "permessage-deflate;;a",
                "=",
                "\"y\"",
                "y; a=\"b,c\"",
                "y; a=b=c",
                "y; a=\" b\"",
                "y; a=\"b \"",
                "y=a",
            ] {
                table.push((field(bad), malformed));
            }
        }
        table
    };
    for setting in [Setting::default(), offered] {
        expect(&setting, &table(setting));
    }
    let outcome = by_the_law(
        &offered,
        field("y; a = \"b\\c\" ; d, permessage-deflate").as_bytes(),
    );
    assert_eq!(
        outcome.map(|o| o.1),
        Ok("y;a=bc;d,permessage-deflate".to_owned())
    );
}

// row: RSP-18
#[test]
fn the_subprotocol_field() {
    let field = |value: &str| base(&format!("Sec-WebSocket-Protocol: {value}\r\n"));
    let not_offered = Some(violation(Violation::SubprotocolNotOffered));
    let repeated = Some(violation(Violation::SubprotocolRepeated));
    expect(
        &Setting::default(),
        &[(field("chat"), not_offered), (field(""), not_offered)],
    );

    let some = Setting {
        subprotocols: &["ab", "a", "abc", "b"],
        ..Setting::default()
    };
    let two = "Sec-WebSocket-Protocol: a\r\n".repeat(2);
    let mut table = vec![(base(&two), repeated), (base(""), None)];
    table.extend(
        ["c", "a, b", "a,b", "A", "", "abcd", "a b", "aa", "bc"].map(|v| (field(v), not_offered)),
    );
    expect(&some, &table);
    for (index, name) in some.subprotocols.iter().enumerate() {
        for value in [(*name).to_owned(), format!("\t{name} ")] {
            let outcome = by_the_law(&some, field(&value).as_bytes());
            assert_eq!(outcome.map(|o| o.0), Ok(Some(index)), "{name}");
        }
    }
    let missing = Some(violation(Violation::SubprotocolMissing));
    let required = Setting {
        subprotocol_required: true,
        ..some
    };
    expect(&required, &[(base(""), missing), (field("b"), None)]);
}

// row: RSP-25
#[test]
fn a_failed_handshake_gives_nothing_to_go_on_with() {
    let request = Request::new(Uri::parse("ws://h/").expect("a URI"));
    let mut handshake = ClientHandshake::new(&request, (), &mut Sample).expect("a request");
    let error = violation(Violation::StatusLine);
    assert_eq!(handshake.read(b"x"), Err(error));
    // Not even a good answer makes good for it.
    assert_eq!(handshake.read(base("").as_bytes()), Err(error));
    assert_eq!(handshake.finish().err(), Some(error));
}

// row: PMD-01, PMD-04, RSP-17
#[test]
fn the_grammar_of_extensions() {
    let list = |value: &str, room: usize| -> Result<Vec<String>, Malformed> {
        let mut memory = vec![0; room];
        let list = Extensions::parse(value.as_bytes(), &mut memory)?;
        let show = |e: Extension<'_>| {
            let parameters: Vec<_> = e.parameters().collect();
            format!("{} {parameters:?}", e.name())
        };
        Ok(list.map(show).collect())
    };
    let value = " a;b=c ;\td=\"\\e\\f\"; g,h , ,i; j = k,";
    let expected = vec![
        r#"a [("b", Some("c")), ("d", Some("ef")), ("g", None)]"#.to_owned(),
        "h []".to_owned(),
        r#"i [("j", Some("k"))]"#.to_owned(),
    ];
    assert_eq!(list(value, value.len()), Ok(expected.clone()));
    assert_eq!(list(value, "a;b=c;d=ef;g,h,i;j=k,".len()), Ok(expected));
    assert_eq!(list(value, 10), Err(Malformed));
    for octet in 0..=u8::MAX {
        let c = char::from(octet);
        let token = c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let quoted = [b"a; b=\"c".as_slice(), &[octet], b"d\""].concat();
        let is_good = Extensions::parse(&quoted, &mut [0; 16]).is_ok();
        assert_eq!(is_good, token || c == '\\', "{octet:#x}");
        let escaped = [b"a; b=\"\\".as_slice(), &[octet], b"\""].concat();
        assert_eq!(
            Extensions::parse(&escaped, &mut [0; 16]).is_ok(),
            token,
            "{octet:#x}"
        );
    }
}

// row: RSP-22, RSP-14
#[test]
fn no_input_panics() {
    struct Random(u64);
    impl Random {
        fn next(&mut self, below: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 20) as usize % below
        }
    }
    let more = "Sec-WebSocket-Protocol: abc\r\nSec-WebSocket-Extensions: x; a=\"b\", y\r\nSet-Cookie: q\r\n";
    let setting = Setting {
        subprotocols: &["ab", "abc"],
        offers: &["x", "y"],
        ..Setting::default()
    };
    let good = format!("HTTP/1.1 103 E\r\nX: y\r\n\r\n{}", base(more)).into_bytes();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut established = 0;
    for _ in 0..20_000 {
        let mut answer = good.clone();
        for _ in 0..random.next(4) {
            let at = random.next(answer.len());
            match random.next(4) {
                0 => answer[at] = random.next(256) as u8,
                1 => drop(answer.remove(at)),
                2 => answer.insert(at, b"\r\n :,;=\"\\\t\x00A"[random.next(12)]),
                _ => {
                    let end = at + random.next(answer.len() - at);
                    let piece = answer[at..end].to_vec();
                    let to = random.next(answer.len());
                    answer.splice(to..to, piece);
                }
            }
        }
        let place = random.next(answer.len() + 1);
        let (first, second) = answer.split_at(place);
        let whole = read(&setting, [&answer[..]].into_iter());
        assert_eq!(read(&setting, [first, second].into_iter()), whole);
        established += u32::from(whole.is_ok());
        assert!(fields(&answer).count() < answer.len());
    }
    assert!((2_000..18_000).contains(&established), "{established}");
}

/// An extension that judges its parameters: the way that the answer reaches one.
#[derive(Debug, Default)]
struct Strict(Vec<(String, Option<String>)>);

impl Offers for Strict {
    type Answer = [u8; 64];
    const ANSWER: [u8; 64] = [0; 64];

    fn piece(&self, index: usize) -> Option<&str> {
        ["x-strict", "; level=", "9"].get(index).copied()
    }

    fn accept(&mut self, extension: &Extension<'_>) -> Result<(), Refusal> {
        if extension.name() != "x-strict" {
            return Err(Refusal::NotOffered);
        }
        for (name, value) in extension.parameters() {
            match (name, value) {
                ("level", Some("10")) => return Err(Refusal::Memory("level")),
                ("level", Some(_)) => self.0.push((name.to_owned(), value.map(str::to_owned))),
                _ => return Err(Refusal::Parameter("level")),
            }
        }
        Ok(())
    }
}

// row: PMD-02, SEED-07
#[test]
fn an_extension_judges_its_parameters() {
    let request = Request::new(Uri::parse("ws://h/").expect("a URI"));
    for (value, expected) in [
        (
            "x-strict; level=\"\\9\"",
            Ok(vec![("level".to_owned(), Some("9".to_owned()))]),
        ),
        ("x-strict", Ok(vec![])),
        ("x-strict; level=10", Err(Refusal::Memory("level"))),
        ("x-strict; level", Err(Refusal::Parameter("level"))),
        ("x-lax", Err(Refusal::NotOffered)),
    ] {
        let mut handshake =
            ClientHandshake::new(&request, Strict::default(), &mut Sample).expect("a request");
        let mut octets = [0; 512];
        let n = handshake.write(&mut octets);
        assert!(
            String::from_utf8_lossy(&octets[..n]).contains("Extensions: x-strict; level=9\r\n")
        );
        let answer = base(&format!("Sec-WebSocket-Extensions: {value}\r\n"));
        let _ = handshake.read(answer.as_bytes());
        let accepted = handshake.finish().map(|e| e.extensions.0);
        let expected = expected.map_err(|refusal| violation(Violation::Extension(refusal)));
        assert_eq!(accepted, expected, "{value}");
    }
}
