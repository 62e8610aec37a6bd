//! What holds of every schedule: of the octets on the wire, and of what calls come to.

use bare_ws_std::Usage;
use bare_ws_std::{Error, Timeout};

/// What the client's octets say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) messages: Vec<Vec<u8>>,
    pub(crate) pongs: Vec<Vec<u8>>,
    pub(crate) close: Option<u16>,
    /// They end within a frame or a message.
    pub(crate) is_torn: bool,
}

/// Frames that are whole, masked, in a lawful order (RFC 6455 §5.4), and none behind a Close (§5.5.1).
pub(crate) fn seen(octets: &[u8]) -> Seen {
    let mut seen = Seen::default();
    let mut message: Option<Vec<u8>> = None;
    let mut rest = octets;
    while !rest.is_empty() {
        assert_eq!(seen.close, None, "something follows our Close");
        let Some((first, payload, behind)) = frame(rest) else {
            seen.is_torn = true;
            return seen;
        };
        rest = behind;
        match (first & 0x0f, &mut message) {
            (0x8, _) => {
                let code = payload
                    .first_chunk()
                    .map_or(1005, |code| u16::from_be_bytes(*code));
                seen.close = Some(code);
            }
            (0x9, _) => {}
            (0xa, _) => seen.pongs.push(payload),
            (0, Some(message)) => message.extend(payload),
            (1 | 2, None) => message = Some(payload),
            other => panic!("a frame where it must not be: {other:?}"),
        }
        if first & 0x88 == 0x80 {
            seen.messages.extend(message.take());
        }
    }
    seen.is_torn = message.is_some();
    seen
}

fn frame(octets: &[u8]) -> Option<(u8, Vec<u8>, &[u8])> {
    let (&[first, second], rest) = octets.split_first_chunk()?;
    assert_eq!(first & 0x70, 0, "a reserved bit");
    assert_eq!(second & 0x80, 0x80, "not masked");
    let (len, rest) = match second & 0x7f {
        126 => {
            let (len, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*len)), rest)
        }
        len => (usize::from(len), rest),
    };
    let (key, rest) = rest.split_first_chunk::<4>()?;
    let (payload, rest) = rest.split_at_checked(len)?;
    let payload = payload
        .iter()
        .zip(key.iter().cycle())
        .map(|(octet, key)| octet ^ key);
    Some((first, payload.collect(), rest))
}

/// A frame of the peer's.
pub(crate) fn of_peer(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut octets = vec![first];
    match u8::try_from(payload.len()) {
        Ok(len @ ..=125) => octets.push(len),
        _ => {
            octets.push(126);
            octets.extend((payload.len() as u16).to_be_bytes());
        }
    }
    octets.extend(payload);
    octets
}

/// What a call came to, as its documentation names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    NotOpen,
    Lost,
    Violation,
    Aborted,
    Timeout(Timeout),
    Io,
}

pub(crate) fn outcome<T>(result: Result<T, Error>) -> Outcome {
    match result {
        Ok(_) => Outcome::Done,
        Err(Error::Aborted) => Outcome::Aborted,
        Err(Error::Timeout(timeout)) => Outcome::Timeout(timeout),
        Err(Error::Io(_)) => Outcome::Io,
        Err(Error::Usage(Usage::NotOpen)) => Outcome::NotOpen,
        Err(Error::Lost) => Outcome::Lost,
        Err(Error::Peer(_)) => Outcome::Violation,
        Err(error) => panic!("no outcome of this call: {error:?}"),
    }
}
