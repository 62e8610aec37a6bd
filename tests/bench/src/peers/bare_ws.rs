//! bare-ws: the blocking loop over its machines, as an adapter for a host would set it up.

use std::hint::black_box;

use bare_ws::blocking::{Connection, Reader, Writer};
use bare_ws::buffer::Growing;
use bare_ws::entropy::RandCore;
use bare_ws::message::Message;
use bare_ws::receiver::Receiver;
use bare_ws::role::Client;
use bare_ws::sender::Sender;
use rand::rngs::ThreadRng;

use super::{Library, Receive, Send};
use crate::payload::Kind;
use crate::wire::Wire;

/// Octets of either buffer at the start; the receive buffer grows with its messages.
const BUFFER: usize = 64 * 1024;

pub const LIBRARY: Library = Library {
    name: super::OURS,
    receiver: |wire, _| Box::new(client(wire)),
    sender: |wire, payload| {
        let message = match payload.kind {
            Kind::Binary => Message::Binary(payload.octets),
            Kind::Text => Message::Text(payload.text()),
        };
        Box::new(Sending {
            client: client(wire),
            message,
        })
    },
};

type Ours =
    Connection<Wire, Receiver<Client, Growing>, Sender<Client, Box<[u8]>, RandCore<ThreadRng>>>;

fn client(wire: Wire) -> Ours {
    let entropy = RandCore(rand::rng());
    Connection {
        reader: Reader::new(Receiver::new(Growing::with_len(BUFFER))),
        writer: Writer::new(wire, Sender::new(vec![0; BUFFER].into(), entropy)),
    }
}

impl Receive for Ours {
    fn receive(&mut self, count: u64, show: &mut dyn FnMut(Kind, &[u8])) {
        for _ in 0..count {
            match self.recv().expect("a message").expect("open") {
                Message::Text(text) => show(Kind::Text, text.as_bytes()),
                Message::Binary(octets) => show(Kind::Binary, octets),
            }
        }
    }
}

struct Sending {
    client: Ours,
    message: Message<'static>,
}

impl Send for Sending {
    fn send(&mut self, count: u64) {
        for _ in 0..count {
            self.client.send(black_box(self.message)).expect("sent");
        }
    }

    fn wire(&mut self) -> &mut Wire {
        self.client.writer.io_mut()
    }
}
