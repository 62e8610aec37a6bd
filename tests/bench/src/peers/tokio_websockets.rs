//! tokio-websockets, the quickest at large messages among those measured.

use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use futures_sink::Sink;
use tokio_websockets::{ClientBuilder, Message, WebSocketStream};

use super::{Library, Receive, Send};
use crate::payload::Kind;
use crate::wire::Wire;

pub const LIBRARY: Library = Library {
    name: "tokio-websockets",
    receiver: |wire, _| Box::new(client(wire)),
    sender: |wire, payload| {
        let message = match payload.kind {
            Kind::Binary => Message::binary(payload.octets),
            Kind::Text => Message::text(payload.text()),
        };
        Box::new(Sender {
            client: client(wire),
            message,
        })
    },
};

fn client(wire: Wire) -> WebSocketStream<Wire> {
    ClientBuilder::new().take_over(wire)
}

/// The transport is always ready, so no future ever waits and no executor is needed.
fn ready<T>(poll: Poll<T>) -> T {
    match poll {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the transport is always ready"),
    }
}

fn next(client: &mut WebSocketStream<Wire>) -> Message {
    let mut context = Context::from_waker(Waker::noop());
    ready(Pin::new(client).poll_next(&mut context))
        .expect("open")
        .expect("a message")
}

impl Receive for WebSocketStream<Wire> {
    fn receive(&mut self, count: u64) -> u64 {
        let mut octets = 0;
        for _ in 0..count {
            let message = next(self);
            octets += black_box(&**message.as_payload()).len() as u64;
        }
        octets
    }

    fn one(&mut self) -> (Kind, Vec<u8>) {
        let message = next(self);
        let kind = if message.is_text() {
            Kind::Text
        } else {
            Kind::Binary
        };
        (kind, message.as_payload().to_vec())
    }
}

struct Sender {
    client: WebSocketStream<Wire>,
    message: Message,
}

impl Send for Sender {
    fn send(&mut self, count: u64) {
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..count {
            let message = black_box(self.message.clone());
            ready(Pin::new(&mut self.client).poll_ready(&mut context)).expect("ready");
            Pin::new(&mut self.client)
                .start_send(message)
                .expect("taken");
            ready(Pin::new(&mut self.client).poll_flush(&mut context)).expect("sent");
        }
    }

    fn wire(&mut self) -> &mut Wire {
        self.client.get_mut()
    }
}
