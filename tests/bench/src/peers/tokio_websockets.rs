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

impl Receive for WebSocketStream<Wire> {
    fn receive(&mut self, count: u64, show: &mut dyn FnMut(Kind, &[u8])) {
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..count {
            let message = ready(Pin::new(&mut *self).poll_next(&mut context))
                .expect("open")
                .expect("a message");
            let kind = if message.is_text() {
                Kind::Text
            } else {
                Kind::Binary
            };
            show(kind, message.as_payload());
        }
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
