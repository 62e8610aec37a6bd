//! Every call in every state gives a defined result, and none of them panics.

mod asks;
mod limits;
mod random;
mod receiver;
mod sender;
mod words;

use bare_ws::asynch;
use bare_ws::close::CloseCode;
use bare_ws::closing::Reply;
use bare_ws::entropy::{Entropy, EntropyError};
use bare_ws::error::{Error, SendError, Usage, Violation};
use bare_ws::header::FrameHeader;
use bare_ws::mask::MaskingKey;
use bare_ws::message::MessageKind;
use bare_ws::opcode::Opcode;
use bare_ws::receiver::{Delivery, Limits, Receiver, Step};
use bare_ws::role::{Client, Server};
use bare_ws::sender::{Queued, Sender};
use bare_ws_tests::io::Transport;
use bare_ws_tests::laws::Keys;
use bare_ws_tests::mask::masked;
use bare_ws_tests::poll::block_on;
use bare_ws_tests::vectors::VECTORS;

type Send = Sender<Client, [u8; 139], Keys>;

type State = (&'static str, fn(&mut Send));

/// The states of a sender, nothing pending.
const STATES: [State; 6] = [
    ("open", |_| {}),
    ("in a message", |s| {
        s.message(MessageKind::Text, &[b'x'; 200], true).unwrap();
    }),
    ("in fragments", |s| {
        s.fragment(MessageKind::Text, b"x", true, false).unwrap();
    }),
    ("in a frame", |s| {
        s.begin_frame(MessageKind::Text, 1000).unwrap()
    }),
    ("closed", |s| {
        s.close(None, "").unwrap();
    }),
    ("shut", Send::shut),
];

const DELIVERIES: [Delivery; 3] = [Delivery::Message, Delivery::Chunk, Delivery::Frame];
