//! The other end's view of the octets, by hand.

use bare_ws::header::{FrameHeader, Rules};
use bare_ws::opcode::Opcode;

/// A server's frame.
pub(crate) fn frame(opcode: Opcode, fin: bool, payload: &[u8]) -> Vec<u8> {
    let mut octets = FrameHeader::new(opcode, fin, payload.len() as u64)
        .emit()
        .as_ref()
        .to_vec();
    octets.extend_from_slice(payload);
    octets
}

pub(crate) fn text(payload: &str) -> Vec<u8> {
    frame(Opcode::Text, true, payload.as_bytes())
}

pub(crate) fn ping(payload: &[u8]) -> Vec<u8> {
    frame(Opcode::Ping, true, payload)
}

pub(crate) fn close(code: u16) -> Vec<u8> {
    frame(Opcode::Close, true, &code.to_be_bytes())
}

/// A client's frame as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) opcode: Opcode,
    pub(crate) fin: bool,
    pub(crate) payload: Vec<u8>,
}

impl Sent {
    pub(crate) fn new(opcode: Opcode, payload: &[u8]) -> Self {
        Self {
            opcode,
            fin: true,
            payload: payload.to_vec(),
        }
    }
}

/// What a client sent. Fails the test when the octets do not end with a whole, legal frame.
pub(crate) fn sent(octets: &[u8]) -> Vec<Sent> {
    let (frames, rest) = sent_so_far(octets);
    assert_eq!(rest, 0, "the octets end within a frame: {octets:02x?}");
    frames
}

/// What a client sent, and how many octets of a further frame.
pub(crate) fn sent_so_far(mut octets: &[u8]) -> (Vec<Sent>, usize) {
    let rules = Rules {
        rsv1: false,
        masked: true,
        message_open: None,
    };
    let mut frames = Vec::new();
    while let Some((header, len)) = FrameHeader::parse(octets, rules).expect("a legal frame") {
        let end = len + header.len as usize;
        if octets.len() < end {
            break;
        }
        let mut payload = octets[len..end].to_vec();
        header.masking_key.expect("a key").apply(&mut payload);
        frames.push(Sent {
            opcode: header.opcode,
            fin: header.fin,
            payload,
        });
        octets = &octets[end..];
    }
    (frames, octets.len())
}
