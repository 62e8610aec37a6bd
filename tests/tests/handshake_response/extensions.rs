//! Sec-WebSocket-Extensions: its grammar, and what was offered.

use crate::*;

// row: RSP-17, RSP-20
#[test]
fn the_extensions_field() {
    let field = |value: &str| base(&format!("Sec-WebSocket-Extensions: {value}\r\n"));
    let malformed = Some(violation(ResponseError::ExtensionsMalformed));
    let not_offered = Some(HandshakeError::Extension(Refusal::NotOffered));
    let repeated = Some(HandshakeError::Extension(Refusal::Repeated));
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
            table.push((
                base(&two),
                Some(violation(ResponseError::ExtensionsRepeated)),
            ));
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
                "y; a=;b",
                "y; a=,b",
                "y; a=/",
                "y;,b",
                "y; a=\"b \\c\"",
                "y; a=\" \\c\"",
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

// row: SEED-07, PMD-02
#[test]
fn who_offers_nothing_refuses_every_answer() {
    fn refuses(mut offers: impl Offers) {
        assert_eq!(offers.piece(0), None);
        let mut memory = [0; 64];
        let list = Extensions::parse(b"permessage-deflate, x; a=b", &mut memory);
        let named: Vec<_> = list.expect("a list").collect();
        assert_eq!(named.len(), 2);
        for extension in named {
            assert_eq!(offers.accept(&extension), Err(Refusal::NotOffered));
        }
    }
    refuses(Uncompressed);
    refuses(None::<RawOffers<'_>>);
    refuses(RawOffers::new(&[]));
}

/// Without memory for an answer there is no grammar: whatever the field says was not offered, unless it says nothing.
// row: RSP-17
#[test]
fn without_compression_every_extension_is_one_that_was_not_offered() {
    let uri = Uri::parse("ws://h/").expect("a URI");
    let not_offered = HandshakeError::Extension(Refusal::NotOffered);
    for (value, expected) in [
        ("permessage-deflate", not_offered),
        ("x; a=\"b", not_offered),
        (";", not_offered),
        ("=", not_offered),
        ("", violation(ResponseError::ExtensionsMalformed)),
    ] {
        let request = Request::new(uri);
        let mut handshake =
            ClientHandshake::new(&request, Uncompressed, &mut Sample).expect("a request");
        while handshake.write(&mut [0; 64]) > 0 {}
        let answer = base(&format!("Sec-WebSocket-Extensions: {value}\r\n"));
        let read = handshake.read(answer.as_bytes());
        assert_eq!(read.err(), Some(expected), "{value}");
    }
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
        let expected = expected.map_err(HandshakeError::Extension);
        assert_eq!(accepted, expected, "{value}");
    }
}
