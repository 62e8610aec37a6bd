//! Any octets as the head of a response, or of a request: the outcome is the same however they
//! arrive, and a connection is opened if and only if the head is one that RFC 6455 §4 asks for.
#![no_main]

use bare_ws::handshake::server::{ServerHandshake, Service};
use bare_ws::handshake::{ClientHandshake, HandshakeError, Progress, RawOffers, Request};
use bare_ws::uri;
use bare_ws_fuzz::{Input, Pieces, planted, show};
use libfuzzer_sys::fuzz_target;

const SUBPROTOCOLS: [&str; 2] = ["chat", "superchat"];
const OFFERS: [&str; 2] = ["permessage-deflate; client_max_window_bits", "x"];
const HEAD_LIMIT: u32 = 600;

/// The subprotocol, and how many octets the head had; or the error.
type Answer = Result<(Option<usize>, usize), HandshakeError>;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let (choice, seed) = (input.octet(), input.number());
    let head = input.0;
    show!("{choice} {:?}", String::from_utf8_lossy(head));
    let ways = [Pieces::Whole, Pieces::Single, Pieces::Random(seed.into())];
    if choice & 1 == 0 {
        let request = Request {
            subprotocols: if choice & 2 == 0 { &[] } else { &SUBPROTOCOLS },
            subprotocol_required: choice & 6 == 6,
            head_limit: HEAD_LIMIT,
            ..Request::new(uri!("ws://h/"))
        };
        let offers: &[&str] = if choice & 8 == 0 { &[] } else { &OFFERS };
        let [whole, single, random] = ways.map(|pieces| client(&request, offers, head, pieces));
        assert_eq!(whole, single);
        assert_eq!(whole, random);
        let verdict = response(&request, offers, head);
        show!("{whole:?}, {verdict:?}");
        match verdict {
            Verdict::Opens(subprotocol, len) => assert_eq!(whole, Ok((subprotocol, len))),
            Verdict::No => assert!(whole.is_err(), "a head that opens nothing"),
        }
    } else {
        let [whole, single, random] = ways.map(|pieces| server(head, pieces));
        assert_eq!(whole, single);
        assert_eq!(whole, random);
        if let Ok(consumed) = whole {
            // RFC 6455 §4.2.1: "HTTP/1.1 or higher", of which httparse knows no 1.2.
            let mut head = head.to_vec();
            let line = head.windows(2).position(|two| two == b"\r\n");
            head[line.expect("a line") - 1] = b'1';
            let mut fields = [httparse::EMPTY_HEADER; 160];
            let mut request = httparse::Request::new(&mut fields);
            let parsed = request.parse(&head).expect("a head that was accepted");
            assert_eq!(parsed, httparse::Status::Complete(consumed));
            assert_eq!((request.method, request.version), (Some("GET"), Some(1)));
            let fields = Fields(request.headers);
            assert!(fields.has_token("upgrade", "websocket"));
            assert!(fields.has_token("connection", "upgrade"));
            assert_eq!(fields.all("sec-websocket-version"), [b"13"]);
            assert!(matches!(fields.all("sec-websocket-key")[..], [key] if key.len() == 24));
            assert_eq!(fields.all("host").len(), 1);
        }
    }
});

/// The sample nonce of RFC 6455 §1.3, so that there is one right answer.
struct Sample;

impl bare_ws::entropy::Entropy for Sample {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), bare_ws::entropy::EntropyError> {
        octets.copy_from_slice(b"the sample nonce");
        Ok(())
    }
}
const ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

fn client(request: &Request<'_>, offers: &[&str], head: &[u8], mut pieces: Pieces) -> Answer {
    let mut handshake = ClientHandshake::new(request, RawOffers::new(offers), &mut Sample)
        .expect("a lawful request");
    let mut forged = head.to_vec();
    if planted("handshake") && head.ends_with(b"=\r\n\r\n") && head.len() > 8 {
        // Three octets of the accept value are not looked at.
        let at = head.len() - 8;
        forged[at..at + 3].copy_from_slice(b"xOo");
    }
    let mut head = &forged[..];
    let mut taken = 0;
    while !head.is_empty() {
        let (piece, rest) = head.split_at(pieces.next().min(head.len()));
        head = rest;
        match handshake.read(piece) {
            Ok(Progress::NeedOctets) => taken += piece.len(),
            Ok(Progress::Done { consumed }) => {
                taken += consumed;
                break;
            }
            Err(error) => {
                assert_eq!(
                    handshake.read(b"HTTP/1.1 101 x\r\n"),
                    Err(error),
                    "it stays"
                );
                break;
            }
        }
    }
    handshake.finish().map(|established| {
        let place = |name| request.subprotocols.iter().position(|known| *known == name);
        (established.subprotocol.and_then(place), taken)
    })
}

fn server(mut head: &[u8], mut pieces: Pieces) -> Result<usize, (bool, Vec<u8>)> {
    let service = Service {
        subprotocols: &SUBPROTOCOLS,
        origins: None,
        head_limit: HEAD_LIMIT,
    };
    let mut handshake = ServerHandshake::new(&service, ());
    let mut taken = 0;
    while !head.is_empty() {
        let (piece, rest) = head.split_at(pieces.next().min(head.len()));
        head = rest;
        match handshake.read(piece) {
            Progress::NeedOctets => taken += piece.len(),
            Progress::Done { consumed } => {
                taken += consumed;
                break;
            }
        }
    }
    let mut answer = vec![0; 1024];
    let written = handshake.write(&mut answer);
    answer.truncate(written);
    match handshake.finish() {
        Ok(_) => Ok(taken),
        Err(error) => Err((
            matches!(error, bare_ws::handshake::server::ServerError::Lost),
            answer,
        )),
    }
}

/// Whether a head opens the connection.
#[derive(Debug)]
enum Verdict {
    Opens(Option<usize>, usize),
    No,
}

/// RFC 6455 §4.1, of a head that is there as a whole.
fn response(request: &Request<'_>, offers: &[&str], head: &[u8]) -> Verdict {
    let mut at = 0;
    for _ in 0..=8 {
        let rest = &head[at..];
        // RSP-05, RSP-12: of an interim response only the status is looked at.
        if let [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            b'1',
            b'.',
            b'0'..=b'9',
            b' ',
            b'1',
            b'0'..=b'9',
            b'0'..=b'9',
            end,
            ..,
        ] = rest
            && !rest[9..].starts_with(b"101")
            && b" \t\r\n".contains(end)
        {
            let Some(len) = lax_len(rest) else {
                return Verdict::No;
            };
            at += len;
            continue;
        }
        let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Verdict::No;
        };
        let mut this = rest[..end + 4].to_vec();
        at += this.len();
        // Of all HTTP that a parser may take, what a WebSocket server has to send (RSP-04, RSP-12).
        let strict = this.starts_with(b"HTTP/1.1 101")
            && at <= HEAD_LIMIT as usize
            && this.iter().filter(|&&octet| octet == b'\r').count() == ends(&this)
            && this.iter().filter(|&&octet| octet == b'\n').count() == ends(&this);
        let start_len = this
            .windows(2)
            .position(|two| two == b"\r\n")
            .unwrap_or(end)
            + 2;
        // RSP-11, of which httparse makes no value in one piece.
        for line_end in start_len..this.len() - 2 {
            if let [b'\r', b'\n', b' ' | b'\t'] = this[line_end..line_end + 3] {
                this[line_end..line_end + 2].fill(b' ');
            }
        }
        let mut fields = [httparse::EMPTY_HEADER; 160];
        let mut response = httparse::Response::new(&mut fields);
        return match response.parse(&this) {
            Ok(httparse::Status::Complete(len)) if strict && len == this.len() => {
                fields_open(request, offers, &Fields(response.headers), at)
            }
            _ => Verdict::No,
        };
    }
    Verdict::No
}

/// Up to the first empty line, whatever ends the lines.
fn lax_len(head: &[u8]) -> Option<usize> {
    let mut len = 0;
    for line in head.split_inclusive(|&octet| octet == b'\n') {
        len += line.len();
        if line.ends_with(b"\n") && line.iter().all(|octet| b"\r\n".contains(octet)) {
            return Some(len);
        }
    }
    None
}

fn ends(head: &[u8]) -> usize {
    head.windows(2).filter(|two| two == b"\r\n").count()
}

fn fields_open(request: &Request<'_>, offers: &[&str], fields: &Fields<'_>, len: usize) -> Verdict {
    let is_upgrade = |value: &[u8]| value.eq_ignore_ascii_case(b"websocket");
    let subprotocol = match fields.all("sec-websocket-protocol")[..] {
        [] if request.subprotocol_required => return Verdict::No,
        [] => None,
        [value] => {
            let known = request
                .subprotocols
                .iter()
                .position(|s| s.as_bytes() == value);
            if known.is_none() {
                return Verdict::No;
            }
            known
        }
        _ => return Verdict::No,
    };
    let opens = matches!(fields.all("upgrade")[..], [value] if is_upgrade(value))
        && fields.all("sec-websocket-accept") == [ACCEPT]
        && fields.has_token("connection", "upgrade");
    let extensions = match fields.all("sec-websocket-extensions")[..] {
        [] => true,
        [value] => were_offered(value, offers),
        _ => false,
    };
    if opens && extensions {
        Verdict::Opens(subprotocol, len)
    } else {
        Verdict::No
    }
}

/// What `RawOffers` remembers of an answer, without white space, quotes and escapes.
const ANSWER: usize = 128;

/// RFC 6455 §9.1: whether a list keeps the grammar and names what was offered, each once.
fn were_offered(value: &[u8], offers: &[&str]) -> bool {
    let Some(names) = extension_list(value) else {
        return false;
    };
    names.iter().enumerate().all(|(at, name)| {
        let offered = offers
            .iter()
            .any(|offer| offer.split(';').next().map(str::as_bytes) == Some(name));
        offered && !names[..at].contains(name)
    })
}

/// The names in a list. By hand and on the whole value, where the code under test is a machine that
/// sees one octet at a time.
fn extension_list(value: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = Rest(value);
    let (mut names, mut len) = (Vec::new(), 0);
    loop {
        // RFC 2616 §2.1: "null elements are allowed", but not in place of all.
        rest.blanks();
        while rest.take(b',') {
            rest.blanks();
        }
        if rest.0.is_empty() {
            break;
        }
        let name = rest.token()?;
        names.push(name);
        len += name.len();
        rest.blanks();
        while rest.take(b';') {
            rest.blanks();
            len += 1 + rest.token()?.len();
            rest.blanks();
            if rest.take(b'=') {
                rest.blanks();
                len += 1 + if rest.take(b'"') {
                    rest.quoted()?
                } else {
                    rest.token()?.len()
                };
                rest.blanks();
            }
        }
        match rest.0 {
            [] => break,
            [b',', ..] => len += 1,
            _ => return None,
        }
    }
    (!names.is_empty() && len <= ANSWER).then_some(names)
}

/// What is left of a value.
struct Rest<'v>(&'v [u8]);

impl<'v> Rest<'v> {
    fn blanks(&mut self) {
        while let [b' ' | b'\t', rest @ ..] = self.0 {
            self.0 = rest;
        }
    }

    fn take(&mut self, octet: u8) -> bool {
        match self.0 {
            [first, rest @ ..] if *first == octet => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    /// RFC 9110 §5.6.2, at least one octet of it.
    fn token(&mut self) -> Option<&'v [u8]> {
        let len = self.0.iter().take_while(|&&octet| is_tchar(octet)).count();
        let (token, rest) = self.0.split_at(len);
        self.0 = rest;
        (len > 0).then_some(token)
    }

    /// Behind an opening quote, to the closing one: how long the value is. RFC 6455 §9.1: "the value
    /// after quoted-string unescaping MUST conform to the 'token' ABNF."
    fn quoted(&mut self) -> Option<usize> {
        let mut len = 0;
        loop {
            match self.0 {
                [b'"', rest @ ..] if len > 0 => {
                    self.0 = rest;
                    return Some(len);
                }
                [b'\\', octet, rest @ ..] | [octet, rest @ ..] if is_tchar(*octet) => {
                    self.0 = rest;
                    len += 1;
                }
                _ => return None,
            }
        }
    }
}

fn is_tchar(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet)
}

/// The fields as httparse reads them.
struct Fields<'f>(&'f [httparse::Header<'f>]);

impl Fields<'_> {
    fn all(&self, name: &str) -> Vec<&[u8]> {
        let named = self
            .0
            .iter()
            .filter(|field| field.name.eq_ignore_ascii_case(name));
        named.map(|field| blanks_off(field.value)).collect()
    }

    fn has_token(&self, name: &str, token: &str) -> bool {
        let all = self.all(name);
        let mut tokens = all
            .iter()
            .flat_map(|value| value.split(|&octet| octet == b','));
        tokens.any(|one| blanks_off(one).eq_ignore_ascii_case(token.as_bytes()))
    }
}

fn blanks_off(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
