//! tokio-websockets.

use std::hint::black_box;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_websockets::{ClientBuilder, Message, WebSocketStream};

use super::Library;
use super::drive::{AsyncClient, on_tokio, over_tcp};
use crate::payload::{Kind, Payload};

pub const LIBRARY: Library = Library {
    name: "tokio-websockets",
    in_memory: Some(|wire, payload| on_tokio(async || client(wire, payload))),
    over_tcp: Some(|tcp, payload| over_tcp(tcp, async |tcp| client(tcp, payload))),
    deflate: None,
    has_queue: true,
};

fn client<S: AsyncRead + AsyncWrite + Unpin>(stream: S, payload: Payload) -> TokioWebsockets<S> {
    let message = match payload.kind {
        Kind::Binary => Message::binary(payload.octets),
        Kind::Text => Message::text(payload.text()),
    };
    TokioWebsockets {
        client: ClientBuilder::new().take_over(stream),
        message,
    }
}

struct TokioWebsockets<S> {
    client: WebSocketStream<S>,
    message: Message,
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncClient for TokioWebsockets<S> {
    async fn receive(&mut self, show: &mut dyn FnMut(Kind, &[u8])) {
        let message = self.client.next().await;
        let message = message.expect("open").expect("a message");
        let kind = if message.is_text() {
            Kind::Text
        } else {
            Kind::Binary
        };
        show(kind, message.as_payload());
    }

    async fn send(&mut self) {
        let message = black_box(self.message.clone());
        self.client.send(message).await.expect("sent");
    }

    async fn queue(&mut self) {
        let message = black_box(self.message.clone());
        self.client.feed(message).await.expect("queued");
    }

    async fn flush(&mut self) {
        self.client.flush().await.expect("sent");
    }
}
