//! tungstenite, the blocking library most programs use.

use std::hint::black_box;
use std::io::{Read, Write};

use tungstenite::protocol::Role;
use tungstenite::{Message, Utf8Bytes, WebSocket};

use super::drive::{Blocking, Client};
use super::{Drive, Library};
use crate::payload::{Kind, Payload};

pub const LIBRARY: Library = Library {
    name: "tungstenite",
    in_memory: Some(|wire, payload| client(wire, payload)),
    over_tcp: Some(|tcp, payload| client(tcp, payload)),
    deflate: None,
    has_queue: true,
};

fn client<S: Read + Write + 'static>(stream: S, payload: Payload) -> Box<dyn Drive> {
    let message = match payload.kind {
        Kind::Binary => Message::Binary(payload.octets.into()),
        Kind::Text => Message::Text(Utf8Bytes::from_static(payload.text())),
    };
    Box::new(Blocking(Tungstenite {
        client: WebSocket::from_raw_socket(stream, Role::Client, None),
        message,
    }))
}

struct Tungstenite<S> {
    client: WebSocket<S>,
    message: Message,
}

impl<S: Read + Write> Client for Tungstenite<S> {
    fn receive(&mut self, show: &mut dyn FnMut(Kind, &[u8])) {
        match self.client.read().expect("a message") {
            Message::Text(text) => show(Kind::Text, text.as_bytes()),
            Message::Binary(octets) => show(Kind::Binary, &octets),
            other => panic!("{other:?}"),
        }
    }

    fn send(&mut self) {
        let message = black_box(self.message.clone());
        self.client.send(message).expect("sent");
    }

    fn queue(&mut self) {
        let message = black_box(self.message.clone());
        self.client.write(message).expect("queued");
    }

    fn flush(&mut self) {
        self.client.flush().expect("sent");
    }
}
