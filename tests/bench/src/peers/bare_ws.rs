//! bare-ws: the blocking loop over its machines, as an adapter for a host would set it up.

use std::hint::black_box;

use bare_ws::blocking::{Connection, Reader, Writer};
use bare_ws::buffer::Growing;
use bare_ws::entropy::RandCore;
use bare_ws::message::Message;
use bare_ws::receiver::Receiver;
use bare_ws::role::Client as ClientRole;
use bare_ws::sender::Sender;
use rand::rngs::ThreadRng;

use super::Library;
use super::drive::{Blocking, Client};
use crate::payload::{Kind, Payload};
use crate::wire::Wire;

/// Octets of either buffer at the start; the receive buffer grows with its messages.
const BUFFER: usize = 64 * 1024;

pub const LIBRARY: Library = Library {
    name: super::OURS,
    in_memory: Some(|wire, payload| {
        let entropy = RandCore(rand::rng());
        let connection = Connection {
            reader: Reader::new(Receiver::new(Growing::with_len(BUFFER))),
            writer: Writer::new(wire, Sender::new(vec![0; BUFFER].into(), entropy)),
        };
        Box::new(Blocking(Ours {
            connection,
            message: message(payload),
        }))
    }),
    over_tcp: None,
    over_tls: None,
    deflate: None,
    connect: None,
    idle: None,
    has_queue: false,
};

pub fn message(payload: Payload) -> Message<'static> {
    match payload.kind {
        Kind::Binary => Message::Binary(payload.octets),
        Kind::Text => Message::Text(payload.text()),
    }
}

type Rx = Receiver<ClientRole, Growing>;
type Tx = Sender<ClientRole, Box<[u8]>, RandCore<ThreadRng>>;

struct Ours {
    connection: Connection<Wire, Rx, Tx>,
    message: Message<'static>,
}

impl Client for Ours {
    fn receive(&mut self, show: &mut dyn FnMut(Kind, &[u8])) {
        match self.connection.recv().expect("a message").expect("open") {
            Message::Text(text) => show(Kind::Text, text.as_bytes()),
            Message::Binary(octets) => show(Kind::Binary, octets),
        }
    }

    fn send(&mut self) {
        self.connection.send(black_box(self.message)).expect("sent");
    }

    fn load(&mut self, payload: Payload) {
        self.message = message(payload);
    }

    fn queue(&mut self) {
        self.send();
    }

    fn flush(&mut self) {}

    fn close(self) {}
}
