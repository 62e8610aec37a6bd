//! fastwebsockets.

use std::hint::black_box;

use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload as Octets, Role, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite};

use super::Library;
use super::drive::{AsyncClient, on_tokio, over_tcp};
use crate::payload::{Kind, Payload};

pub const LIBRARY: Library = Library {
    name: "fastwebsockets",
    in_memory: Some(|wire, payload| on_tokio(async || client(wire, payload))),
    over_tcp: Some(|tcp, payload| over_tcp(tcp, async |tcp| client(tcp, payload))),
    deflate: None,
    has_queue: false,
};

fn client<S: AsyncRead + AsyncWrite + Unpin>(stream: S, payload: Payload) -> Fast<S> {
    Fast {
        client: FragmentCollector::new(WebSocket::after_handshake(stream, Role::Client)),
        payload,
    }
}

struct Fast<S> {
    client: FragmentCollector<S>,
    payload: Payload,
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncClient for Fast<S> {
    async fn receive(&mut self, show: &mut dyn FnMut(Kind, &[u8])) {
        let frame = self.client.read_frame().await.expect("a message");
        let kind = match frame.opcode {
            OpCode::Text => Kind::Text,
            _ => Kind::Binary,
        };
        show(kind, &frame.payload);
    }

    async fn send(&mut self) {
        let octets = Octets::Borrowed(black_box(self.payload.octets));
        let frame = match self.payload.kind {
            Kind::Binary => Frame::binary(octets),
            Kind::Text => Frame::text(octets),
        };
        self.client.write_frame(frame).await.expect("sent");
    }

    async fn queue(&mut self) {
        self.send().await;
    }

    async fn flush(&mut self) {}
}
