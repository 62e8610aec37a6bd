//! The answer of the opening handshake: tables of vectors, and laws over all of them.

mod extensions;
mod fields;
mod head;
mod limits;

use bare_ws::compression::Uncompressed;
use bare_ws::entropy::{Entropy, EntropyError};
use bare_ws::handshake::extension::{Extension, Extensions, Malformed};
use bare_ws::handshake::{
    ClientHandshake, HandshakeError, Offers, Progress, RawOffers, Refusal, Request, ResponseError,
    fields, head, unfold,
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
type Outcome = Result<(Option<String>, String, usize), HandshakeError>;

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
    let subprotocol = established.subprotocol.map(str::to_owned);
    Ok((subprotocol, extensions.join(","), taken))
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

fn violation(error: ResponseError) -> HandshakeError {
    HandshakeError::Response(error)
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
