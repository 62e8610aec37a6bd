//! Any texts as the URI, the subprotocols, the header fields and the offers of a request: it is
//! refused before an octet is written, or the head says what was asked for and nothing else.
#![no_main]

use bare_ws::handshake::{ClientHandshake, HandshakeError, RawOffers, Request};
use bare_ws::uri::Uri;
use bare_ws_fuzz::{Input, planted, show};
use bare_ws_tests::laws::Keys;
use libfuzzer_sys::fuzz_target;

struct Nonce;

impl bare_ws::entropy::Entropy for Nonce {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), bare_ws::entropy::EntropyError> {
        let (keys, _) = octets.as_chunks_mut::<4>();
        let mut drawn = Keys::default();
        keys.iter_mut().try_for_each(|key| drawn.fill(key))
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let choice = input.octet();
    let room = 1 + usize::from(input.octet());
    let Ok(text) = core::str::from_utf8(input.0) else {
        return;
    };
    // A line a text, so that a text may hold anything but one octet that no line ends with.
    let mut lines = text.split('\u{1}');
    let mut line = || lines.next().unwrap_or_default();
    let (uri, host, origin) = (line(), line(), line());
    let subprotocols: &[&str] = if choice & 1 == 0 {
        &[]
    } else {
        &[line(), line()]
    };
    let headers: &[(&str, &str)] = match choice >> 1 & 3 {
        0 => &[],
        1 => &[(line(), line())],
        _ => &[(line(), line()), (line(), line())],
    };
    let offers: &[&str] = if choice & 8 == 0 { &[] } else { &[line()] };
    show!("{uri:?} {host:?} {origin:?} {subprotocols:?} {headers:?} {offers:?}");

    let Some(uri) = parsed(uri) else { return };
    let request = Request {
        subprotocols,
        headers,
        host: (choice & 16 != 0).then_some(host),
        origin: (choice & 32 != 0).then_some(origin),
        ..Request::new(uri)
    };
    let mut handshake = match ClientHandshake::new(&request, RawOffers::new(offers), &mut Nonce) {
        Ok(handshake) => handshake,
        Err(HandshakeError::Request(_)) => return,
        Err(error) => panic!("{error:?}"),
    };
    let mut head = Vec::new();
    let mut piece = vec![0; room];
    loop {
        let n = handshake.write(&mut piece);
        if n == 0 {
            break;
        }
        head.extend_from_slice(&piece[..n]);
    }
    show!("{:?}", String::from_utf8_lossy(&head));
    says(&request, offers, &head);
});

/// A URI that is taken keeps to the grammar, and is read back as it was.
fn parsed(text: &str) -> Option<Uri<'_>> {
    let uri = Uri::parse(text).ok()?;
    let again = uri.to_string();
    let [slash, target] = uri.resource();
    let resource = format!("{slash}{target}");
    let lawful = |text: &str| text.bytes().all(|octet| octet.is_ascii_graphic());
    assert!(lawful(&resource) && lawful(uri.authority()) && !uri.host().is_empty());
    assert!(uri.port() > 0);
    let second = Uri::parse(&again).expect("what it shows is a URI");
    assert_eq!(second.to_string(), again);
    assert_eq!((second.host(), second.port()), (uri.host(), uri.port()));
    // Percent-escapes in a host are lawful (RFC 3986 §3.2.2), but not for that parser.
    if !uri.host().contains('%') {
        let other: http::Uri = again.parse().expect("a URI for others, too");
        assert_eq!(other.host(), Some(uri.host_literal()));
        assert_eq!(other.port_u16(), uri.explicit_port());
        assert_eq!(
            other.path_and_query().map(|it| it.as_str()),
            Some(&resource[..])
        );
        let secure = if planted("request") && resource.len() == 6 {
            "ws"
        } else {
            "wss"
        };
        assert_eq!(other.scheme_str() == Some(secure), uri.is_secure());
    }
    Some(uri)
}

/// The head as httparse reads it, held against what was asked for.
fn says(request: &Request<'_>, offers: &[&str], head: &[u8]) {
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut parsed = httparse::Request::new(&mut fields);
    let status = parsed.parse(head).expect("a lawful head");
    assert_eq!(
        status,
        httparse::Status::Complete(head.len()),
        "and nothing behind it"
    );
    assert_eq!((parsed.method, parsed.version), (Some("GET"), Some(1)));
    assert_eq!(parsed.path, Some(&request.uri.resource().concat()[..]));
    let subprotocols = request.subprotocols.join(", ");
    let mut expected = vec![
        ("Host", request.host.unwrap_or(request.uri.authority())),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "njd5sTxu82Laptr7eN5sZA=="),
    ];
    if !request.subprotocols.is_empty() {
        expected.push(("Sec-WebSocket-Protocol", &subprotocols));
    }
    if let [offer] = offers {
        expected.push(("Sec-WebSocket-Extensions", offer));
    }
    expected.extend(request.origin.map(|origin| ("Origin", origin)));
    expected.extend(request.headers);
    assert_eq!(parsed.headers.len(), expected.len());
    for (field, (name, value)) in parsed.headers.iter().zip(expected) {
        assert_eq!(field.name, name);
        if name != "Sec-WebSocket-Key" {
            assert_eq!(field.value.trim_ascii(), value.as_bytes().trim_ascii());
        }
    }
}
