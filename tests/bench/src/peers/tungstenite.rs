//! tungstenite, the blocking library most programs use.

use std::hint::black_box;

use tungstenite::protocol::Role;
use tungstenite::{Message, Utf8Bytes, WebSocket};

use super::{Library, Receive, Send};
use crate::payload::Kind;
use crate::wire::Wire;

pub const LIBRARY: Library = Library {
    name: "tungstenite",
    receiver: |wire, _| Box::new(client(wire)),
    sender: |wire, payload| {
        let message = match payload.kind {
            Kind::Binary => Message::Binary(payload.octets.into()),
            Kind::Text => Message::Text(Utf8Bytes::from_static(payload.text())),
        };
        Box::new(Sender {
            client: client(wire),
            message,
        })
    },
};

fn client(wire: Wire) -> WebSocket<Wire> {
    WebSocket::from_raw_socket(wire, Role::Client, None)
}

impl Receive for WebSocket<Wire> {
    fn receive(&mut self, count: u64, show: &mut dyn FnMut(Kind, &[u8])) {
        for _ in 0..count {
            match self.read().expect("a message") {
                Message::Text(text) => show(Kind::Text, text.as_bytes()),
                Message::Binary(octets) => show(Kind::Binary, &octets),
                other => panic!("{other:?}"),
            }
        }
    }
}

struct Sender {
    client: WebSocket<Wire>,
    message: Message,
}

impl Send for Sender {
    fn send(&mut self, count: u64) {
        for _ in 0..count {
            self.client
                .send(black_box(self.message.clone()))
                .expect("sent");
        }
    }

    fn wire(&mut self) -> &mut Wire {
        self.client.get_mut()
    }
}
