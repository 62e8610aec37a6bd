//! tungstenite, the blocking library most programs use.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use tungstenite::protocol::Role;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, Utf8Bytes, WebSocket};

use super::drive::{Blocking, Client, hold_in_thread, one_by_one};
use super::{Idle, Library};
use crate::payload::{Kind, Payload};
use crate::tls;

pub const LIBRARY: Library = Library {
    name: "tungstenite",
    in_memory: Some(|wire, payload| Box::new(Blocking(over(wire, payload)))),
    over_tcp: Some(|tcp, payload| Box::new(Blocking(over(tcp, payload)))),
    over_tls: Some(|tcp, payload| Box::new(Blocking(over(tls::client(tcp), payload)))),
    deflate: None,
    connect: Some(|address, payload| one_by_one(move || connected(address, payload))),
    idle: Some(Idle::Thread(|address, payload| {
        hold_in_thread(connected(address, Payload::EMPTY), payload);
    })),
    has_queue: true,
};

fn over<S: Read + Write>(stream: S, payload: Payload) -> Tungstenite<S> {
    Tungstenite {
        client: WebSocket::from_raw_socket(stream, Role::Client, None),
        message: message(payload),
    }
}

fn connected(address: SocketAddr, payload: Payload) -> Tungstenite<MaybeTlsStream<TcpStream>> {
    let connected = tungstenite::connect(format!("ws://{address}/"));
    Tungstenite {
        client: connected.expect("open").0,
        message: message(payload),
    }
}

fn message(payload: Payload) -> Message {
    match payload.kind {
        Kind::Binary => Message::Binary(payload.octets.into()),
        Kind::Text => Message::Text(Utf8Bytes::from_static(payload.text())),
    }
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

    fn load(&mut self, payload: Payload) {
        self.message = message(payload);
    }

    fn queue(&mut self) {
        let message = black_box(self.message.clone());
        self.client.write(message).expect("queued");
    }

    fn flush(&mut self) {
        self.client.flush().expect("sent");
    }

    fn close(mut self) {
        self.client.close(None).expect("closed");
        // Until it says that the connection is closed.
        while self.client.read().is_ok() {}
    }
}
