//! Lets octets arrive at a receiver and writes down what is to be seen of it, whatever happens.

use bare_ws::buffer::Storage;
use bare_ws::closing::Reply;
use bare_ws::compression::Decompress;
use bare_ws::error::{Error, Usage};
use bare_ws::message::MessageKind;
use bare_ws::receiver::{Delivery, Receiver, Step};
use bare_ws::role::Role;

use crate::input::Pieces;

/// What was seen of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// In order.
    pub seen: Vec<Seen>,
    /// Octets of a message that never became whole: how many come depends on how they arrive.
    pub unfinished: Vec<u8>,
    /// What it came to.
    pub end: End,
}

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A whole message.
    Message(MessageKind, Vec<u8>),
    /// A frame, at the level of frames: FIN, RSV1, opcode, payload.
    Frame(bool, bool, u8, Vec<u8>),
    /// A Pong is owed.
    Pong(Vec<u8>),
    /// A Close is owed, with this payload.
    Close(Vec<u8>),
}

/// What a connection came to once the octets ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The peer closed, with this code and reason.
    Closed(u16, String),
    /// It failed.
    Failed(Error),
    /// A compressed message came that the stage cannot read, since it did not see those before.
    OtherLevel,
}

/// Lets `wire` arrive in `pieces`.
///
/// # Panics
/// When the receiver breaks a promise: a step without end, no room though none is owed, an error
/// that does not stay, text that is not UTF-8, pieces of a message with a gap.
pub fn receive<R: Role, B: Storage, X: Decompress>(
    receiver: &mut Receiver<R, B, X>,
    delivery: Delivery,
    wire: &[u8],
    mut pieces: Pieces,
) -> Outcome {
    let mut rest = wire;
    let mut seen = Vec::new();
    let mut open = Vec::new();
    let mut ended = false;
    // A frame has two octets and takes four steps at most; what is inflated comes in pieces.
    let mut steps = 64 + 2 * wire.len();
    let end = loop {
        steps = steps.checked_sub(1).expect("an end of the steps");
        match receiver.step(delivery) {
            Ok(Step::NeedOctets) if rest.is_empty() => {
                assert!(!ended, "more octets are asked for after the last");
                ended = true;
                receiver.eof();
            }
            Ok(Step::NeedOctets) => {
                let spare = receiver.spare();
                let n = spare.len().min(pieces.next()).min(rest.len());
                assert!(n > 0, "no room, though no reply is owed");
                let (now, later) = rest.split_at(n);
                spare[..n].copy_from_slice(now);
                rest = later;
                receiver.commit(n);
                steps += 1;
            }
            Ok(Step::ReplyDue) => answer(receiver, &mut seen),
            Ok(Step::Message) => {
                if let Ok(message) = receiver.message() {
                    let message = message.expect("a message was announced");
                    seen.push(Seen::Message(message.kind(), message.as_bytes().to_vec()));
                }
            }
            Ok(Step::Chunk) => {
                let chunk = receiver.chunk().expect("a chunk was announced");
                steps += usize::from(!chunk.octets.is_empty());
                assert_eq!(chunk.offset, open.len() as u64, "a gap between two pieces");
                open.extend_from_slice(chunk.octets);
                if crate::planted("receive") && chunk.offset == 7 && chunk.octets.len() == 2 {
                    open.pop();
                }
                if chunk.fin {
                    let octets = core::mem::take(&mut open);
                    if chunk.kind == MessageKind::Text {
                        assert!(core::str::from_utf8(&octets).is_ok(), "text is not UTF-8");
                    }
                    seen.push(Seen::Message(chunk.kind, octets));
                } else if chunk.kind == MessageKind::Text {
                    let is_begun = match core::str::from_utf8(&open) {
                        Ok(_) => true,
                        Err(error) => error.error_len().is_none(),
                    };
                    assert!(is_begun, "pieces of a text that no text begins with");
                }
            }
            Ok(Step::Frame) => {
                let frame = receiver.frame().expect("a frame was announced");
                let header = frame.header;
                assert_eq!(header.len, frame.payload.len() as u64);
                assert!(!header.rsv2 && !header.rsv3);
                seen.push(Seen::Frame(
                    header.fin,
                    header.rsv1,
                    header.opcode as u8,
                    frame.payload.to_vec(),
                ));
                if receiver.is_open() && receiver.owed().is_due() {
                    answer(receiver, &mut seen);
                }
            }
            Ok(Step::Closed) => {
                let status = receiver.close_status().expect("closed with a status");
                break End::Closed(status.code.0, status.reason.into());
            }
            Err(Error::Usage(Usage::MixedLevels)) => break End::OtherLevel,
            Err(error) => break End::Failed(error),
        }
    };
    if end != End::OtherLevel {
        stays(receiver, &end);
    }
    Outcome {
        seen,
        unfinished: open,
        end,
    }
}

fn answer<R: Role, B: Storage, X: Decompress>(
    receiver: &mut Receiver<R, B, X>,
    seen: &mut Vec<Seen>,
) {
    match receiver.owed().reply().expect("a reply was announced") {
        Reply::Pong(payload) => seen.push(Seen::Pong(payload.to_vec())),
        Reply::Close(payload) => seen.push(Seen::Close(payload.to_vec())),
        Reply::Shut => {}
    }
    receiver.owed().mark_queued();
}

/// What is over stays over, whatever follows.
fn stays<R: Role, B: Storage, X: Decompress>(receiver: &mut Receiver<R, B, X>, end: &End) {
    for delivery in [Delivery::Message, Delivery::Chunk, Delivery::Frame] {
        let spare = receiver.spare();
        spare.fill(0x81);
        let n = spare.len();
        receiver.commit(n);
        match end {
            End::Failed(error) => assert_eq!(receiver.step(delivery), Err(*error)),
            _ => assert_eq!(receiver.step(delivery), Ok(Step::Closed)),
        }
        assert!(!receiver.owed().is_due());
    }
}
