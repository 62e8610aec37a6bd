//! Where the head ends: its limit, what follows it, and an end before it.

use bare_ws::blocking::Connection;
use bare_ws::receiver::Receiver;
use bare_ws::role::Client;
use bare_ws::sender::Sender;

use crate::*;

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
    let handshake = ClientHandshake::new(&request, Uncompressed, &mut Sample).expect("a request");
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

// row: RSP-25
#[test]
fn a_failed_handshake_gives_nothing_to_go_on_with() {
    let request = Request::new(Uri::parse("ws://h/").expect("a URI"));
    let mut handshake =
        ClientHandshake::new(&request, Uncompressed, &mut Sample).expect("a request");
    let error = violation(ResponseError::NotHttp);
    assert_eq!(handshake.read(b"x"), Err(error));
    // Not even a good answer makes good for it.
    assert_eq!(handshake.read(base("").as_bytes()), Err(error));
    assert_eq!(handshake.finish().err(), Some(error));
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

// row: RSP-02, RSP-16
#[test]
fn behind_a_refusal_the_body_is_left_in_the_buffer() {
    let request = Request::new(Uri::parse("ws://h/").expect("a URI"));
    let interim = "HTTP/1.1 103 x\r\nLink: a\r\n\r\n";
    let head = format!("{interim}HTTP/1.1 401 x\r\nContent-Length: 9\r\n\r\n");
    let answer = format!("{head}no entry!");
    let rejected = HandshakeError::Rejected { status: 401 };
    for place in 0..=answer.len() {
        // The machine alone.
        let mut handshake =
            ClientHandshake::new(&request, Uncompressed, &mut Sample).expect("a request");
        let (first, second) = answer.as_bytes().split_at(place);
        let _ = handshake.read(first);
        let _ = handshake.read(second);
        assert_eq!(handshake.read(b""), Err(rejected));
        assert_eq!(handshake.head_len() as usize, head.len(), "{place}");
    }
    // A loop over a transport: what was read with the head is there.
    let io = Answering(answer.as_bytes());
    let receiver = Receiver::<Client, _>::new([0; 200]);
    let sender = Sender::<Client, _, _>::new([0; 200], Sample);
    let mut connection = Connection::new(io, receiver, sender);
    let mut handshake =
        ClientHandshake::new(&request, Uncompressed, &mut Sample).expect("a request");
    let error = connection.shake_hands(&mut handshake);
    assert_eq!(error, Err(rejected.widen()));
    assert_eq!(connection.reader.receiver().unparsed(), b"no entry!");
    assert_eq!(handshake.head_len() as usize, head.len());
}

/// A server that answers whatever it is asked.
struct Answering<'a>(&'a [u8]);

impl embedded_io::ErrorType for Answering<'_> {
    type Error = core::convert::Infallible;
}

impl embedded_io::Read for Answering<'_> {
    fn read(&mut self, octets: &mut [u8]) -> Result<usize, Self::Error> {
        embedded_io::Read::read(&mut self.0, octets)
    }
}

impl embedded_io::Write for Answering<'_> {
    fn write(&mut self, octets: &[u8]) -> Result<usize, Self::Error> {
        Ok(octets.len())
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}
