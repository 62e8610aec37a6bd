//! The server's end of the opening handshake (RFC 6455 §4.2), alone and against the client.

use bare_ws::entropy::{Entropy, EntropyError};
use bare_ws::handshake::extension::Extension;
use bare_ws::handshake::server::{Answers, ServerError, ServerHandshake, Service};
use bare_ws::handshake::{ClientHandshake, Progress, RawOffers, Request};
use bare_ws::uri::Uri;

const LINE: &str = "GET /chat HTTP/1.1\r\n";
const HOST: &str = "Host: h\r\n";
const UPGRADE: &str = "Upgrade: websocket\r\n";
const CONNECTION: &str = "Connection: Upgrade\r\n";
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";

/// Takes `x-good` once and passes over anything else.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Good(bool);

impl Answers for Good {
    type Offers = [u8; 64];
    const OFFERS: [u8; 64] = [0; 64];

    fn consider(&mut self, extension: &Extension<'_>) {
        let is_wanted = extension.name() == "x-good";
        self.0 |= is_wanted && extension.parameters().all(|(name, _)| name == "a");
    }

    fn piece(&self, index: usize) -> Option<&str> {
        ["x-good", "; a"].get(index).copied().filter(|_| self.0)
    }
}

/// The status of the answer (0 if none), the octets taken, and the answer.
fn served(service: &Service<'_>, pieces: &[&[u8]]) -> (u16, usize, String) {
    let mut handshake = ServerHandshake::new(service, Good::default());
    let mut taken = 0;
    for piece in pieces {
        match handshake.read(piece) {
            Progress::NeedOctets => taken += piece.len(),
            Progress::Done { consumed } => {
                taken += consumed;
                break;
            }
        }
    }
    let mut answer = Vec::new();
    let mut buffer = [0; 7];
    loop {
        match handshake.write(&mut buffer) {
            0 => break,
            n => answer.extend_from_slice(&buffer[..n]),
        }
    }
    let status = match handshake.finish() {
        Ok(_) => 101,
        Err(ServerError::Refused { status }) => status,
        Err(error) => {
            assert_eq!(error, ServerError::Lost);
            0
        }
    };
    (status, taken, String::from_utf8(answer).expect("ASCII"))
}

/// The chunk law, and an answer that a foreign parser reads.
fn by_the_law(service: &Service<'_>, request: &str) -> (u16, usize, String) {
    let octets = request.as_bytes();
    let whole = served(service, &[octets]);
    let single: Vec<_> = octets.chunks(1).collect();
    assert_eq!(served(service, &single), whole, "{request:?}");
    for place in 0..octets.len().min(500) {
        let (first, second) = octets.split_at(place);
        assert_eq!(served(service, &[first, second]), whole, "{request:?}");
    }
    let (status, _, answer) = &whole;
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(answer.as_bytes());
    if *status != 0 {
        assert_eq!(
            parsed,
            Ok(httparse::Status::Complete(answer.len())),
            "{request:?}"
        );
        assert_eq!(response.code, Some(*status));
    }
    whole
}

fn base(more: &str) -> String {
    format!("{LINE}{HOST}{UPGRADE}{CONNECTION}{KEY}{VERSION}{more}\r\n")
}

/// The base with one line of it replaced.
fn with(line: &str, other: &str) -> String {
    base("").replacen(line, other, 1)
}

// row: SRV-01, SRV-02, SRV-03, SRV-04, SRV-05, SRV-10
#[test]
fn one_broken_each() {
    let any = Service::ANY;
    let key = |value: &str| with(KEY, &format!("Sec-WebSocket-Key: {value}\r\n"));
    let version = |value: &str| with(VERSION, &format!("Sec-WebSocket-Version: {value}\r\n"));
    let protocol = |value: &str| base(&format!("Sec-WebSocket-Protocol: {value}\r\n"));
    let extensions = |value: &str| base(&format!("Sec-WebSocket-Extensions: {value}\r\n"));
    let spaces = " ".repeat(10_000);
    let table = [
        (base(""), 101),
        (with(LINE, "GET http://h/ HTTP/1.1\r\n"), 101),
        (with(LINE, "GET / HTTP/1.2\r\n"), 101),
        (with(UPGRADE, "Upgrade: h2c, WebSocket\r\n"), 101),
        (with(CONNECTION, "connection: keep-alive, upgrade\r\n"), 101),
        (base("Content-Length: 0\r\nCookie: a\r\n"), 101),
        (key(" dGhlIHNhbXBsZSBub25jZQ== "), 101),
        (with(LINE, "POST / HTTP/1.1\r\n"), 405),
        (with(LINE, "get / HTTP/1.1\r\n"), 405),
        (with(LINE, "GETS / HTTP/1.1\r\n"), 405),
        (with(LINE, "GET / HTTP/1.0\r\n"), 505),
        (with(LINE, "GET / HTTP/2.0\r\n"), 505),
        (with(LINE, "GET / HTTP/2.1\r\n"), 505),
        (with(LINE, "GET / HTTP/x.1\r\n"), 400),
        (with(LINE, "GET / HTTP/1,1\r\n"), 400),
        (with(LINE, "GET / HTTP/1.x\r\n"), 400),
        (with(LINE, "GET / http/1.1\r\n"), 400),
        (with(LINE, "GET / HTTP/1.1 \r\n"), 400),
        (with(LINE, "GET / HTTP/1\r\n"), 400),
        (with(LINE, "GET /\r\n"), 400),
        (with(LINE, "GET  / HTTP/1.1\r\n"), 400),
        (with(LINE, " / HTTP/1.1\r\n"), 400),
        (with(LINE, "GET /\u{e9} HTTP/1.1\r\n"), 400),
        (with(HOST, ""), 400),
        (with(HOST, &HOST.repeat(2)), 400),
        (with(UPGRADE, ""), 400),
        (with(UPGRADE, "Upgrade: web socket\r\n"), 400),
        (with(CONNECTION, ""), 400),
        (with(CONNECTION, "Connection: close\r\n"), 400),
        (with(KEY, ""), 400),
        (with(KEY, &KEY.repeat(2)), 400),
        (key(""), 400),
        (key("dGhlIHNhbXBsZSBub25jZQ="), 400),
        (key("dGhlIHNhbXBsZSBub25jZQ==="), 400),
        (key("dGhlIHNhbXBsZSBub25jZR=="), 400),
        (key("dGhlIHNhbXBsZSBub25jZQAA"), 400),
        (key("dGhlIHNh XBsZSBub25jZQ=="), 400),
        (key("dGhlIHNh*XBsZSBub25jZQ=="), 400),
        (key(&"A".repeat(10_000)), 400),
        (key("\0"), 400),
        (with(VERSION, ""), 400),
        (with(VERSION, &VERSION.repeat(2)), 400),
        (version("8"), 426),
        (version("0"), 426),
        (version("13, 8"), 426),
        (version("013"), 426),
        (version("1"), 426),
        (version("1 3"), 426),
        (version("133"), 426),
        (version(""), 426),
        (base("Content-Length: 5\r\n"), 400),
        (base("Transfer-Encoding: chunked\r\n"), 400),
        (base("X: a\r\n b\r\n"), 400),
        (base("X : a\r\n"), 400),
        (base("X: a\n"), 400),
        (base("X: \0\r\n"), 400),
        (protocol("a, b"), 101),
        (protocol(",a"), 101),
        (protocol(","), 400),
        (protocol(",,"), 400),
        (protocol(""), 400),
        (protocol("a b"), 400),
        (protocol("a/b"), 400),
        (protocol(&spaces), 400),
        (extensions("x, y; z"), 101),
        (extensions(","), 400),
        (extensions("x;"), 400),
        (extensions(&format!("x; a=\"{}", "\\a".repeat(5000))), 400),
        (extensions(&format!("x{spaces}; a")), 101),
        (base(&format!("X: {}\r\n", "x".repeat(16 * 1024))), 431),
    ];
    for (request, status) in table {
        let (answered, taken, answer) = by_the_law(&any, &request);
        assert_eq!(answered, status, "{request:?}");
        assert!(taken <= request.len());
        assert_eq!(answer.contains("Sec-WebSocket-Version: 13"), status == 426);
        assert_eq!(
            answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            status == 101
        );
    }
    // An end at any place before the head is complete answers nothing.
    let whole = base("");
    for end in 0..whole.len() {
        let (status, _, answer) = served(&any, &[&whole.as_bytes()[..end]]);
        assert_eq!((status, &*answer), (0, ""));
    }
}

// row: SRV-06, SRV-03
#[test]
fn what_is_chosen() {
    let service = Service {
        subprotocols: &["chat", "talk"],
        ..Service::ANY
    };
    for (more, expected) in [
        ("", ""),
        (
            "Sec-WebSocket-Protocol: a, talk, chat\r\n",
            "Sec-WebSocket-Protocol: talk\r\n",
        ),
        (
            "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: chat\r\n",
            "Sec-WebSocket-Protocol: chat\r\n",
        ),
        ("Sec-WebSocket-Protocol: cha, chats, Talk\r\n", ""),
        (
            "Sec-WebSocket-Extensions: x-good; b, x-good; a=1, x-good\r\n",
            "Sec-WebSocket-Extensions: x-good; a\r\n",
        ),
        (
            "Sec-WebSocket-Extensions: x-good; b\r\nSec-WebSocket-Extensions: x-good\r\n",
            "Sec-WebSocket-Extensions: x-good; a\r\n",
        ),
        ("Sec-WebSocket-Extensions: x-bad\r\n", ""),
        // More than is considered is passed over whole.
        (
            "Sec-WebSocket-Extensions: x-good, xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n",
            "",
        ),
        (
            "Sec-WebSocket-Extensions: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx, x-good\r\n",
            "",
        ),
    ] {
        let (_, _, answer) = by_the_law(&service, &base(more));
        let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
        assert_eq!(answer, format!("{head}{expected}\r\n"), "{more:?}");
    }
}

// row: SRV-07
#[test]
fn origins() {
    let origins = Some(&["https://a.example", "null"][..]);
    let service = Service {
        origins,
        ..Service::ANY
    };
    for (more, status) in [
        ("", 101),
        ("Origin: https://a.example\r\n", 101),
        ("Origin: null\r\n", 101),
        ("Origin: https://b.example\r\n", 403),
        ("Origin: https://a.example.evil\r\n", 403),
        ("Origin: https://a .example\r\n", 403),
        ("Origin:\r\n", 403),
    ] {
        assert_eq!(by_the_law(&service, &base(more)).0, status, "{more:?}");
        assert_eq!(by_the_law(&Service::ANY, &base(more)).0, 101);
    }
}

// row: SRV-08
#[test]
fn frames_behind_the_request_are_left_alone() {
    let request = base("");
    let (status, taken, _) = by_the_law(&Service::ANY, &format!("{request}\u{1}\u{2}frame"));
    assert_eq!((status, taken), (101, request.len()));
}

/// Counts.
struct Counting(u8);

impl Entropy for Counting {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        self.0 = self.0.wrapping_add(1);
        octets.fill(self.0);
        Ok(())
    }
}

// row: SEED-07, REQ-11, RSP-16
#[test]
fn both_ends_joined_through_buffers_of_every_size() {
    let request = Request {
        subprotocols: &["a", "talk"],
        headers: &[("Authorization", "Basic x")],
        ..Request::new(Uri::parse("wss://[::1]:9001/path?query").expect("a URI"))
    };
    let service = Service {
        subprotocols: &["chat", "talk"],
        ..Service::ANY
    };
    let mut entropy = Counting(0);
    for room in 1..=300 {
        let offers = RawOffers::new(&["x-good; a", "x-bad"]);
        let mut client = ClientHandshake::new(&request, offers, &mut entropy).expect("a request");
        let mut server = ServerHandshake::new(&service, Good::default());
        let mut buffer = vec![0; room];
        loop {
            let n = client.write(&mut buffer);
            assert!(n > 0, "the server waits for more than the client has");
            if let Progress::Done { consumed } = server.read(&buffer[..n]) {
                assert_eq!(consumed, n);
                break;
            }
        }
        // Nothing is sent before the answer is there.
        assert_eq!(client.write(&mut buffer), 0);
        loop {
            let n = server.write(&mut buffer);
            assert!(n > 0, "the client waits for more than the server has");
            if let Progress::Done { consumed } = client.read(&buffer[..n]).expect("an answer") {
                assert_eq!(consumed, n);
                break;
            }
        }
        assert_eq!(client.write(&mut buffer) + server.write(&mut buffer), 0);
        let (client, server) = (
            client.finish().expect("ours"),
            server.finish().expect("theirs"),
        );
        assert_eq!(client.subprotocol, Some("talk"));
        assert_eq!(server.subprotocol, Some("talk"));
        assert_eq!(
            client.extensions.accepted().next().expect("one").name(),
            "x-good"
        );
        assert_eq!(server.extensions, Good(true));
    }
}
