//! tokio-tungstenite, the library of tokio that most programs use.

use std::hint::black_box;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tungstenite::protocol::Role;
use tungstenite::{Message, Utf8Bytes};

use super::Library;
use super::drive::{AsyncClient, on_tokio, over_tcp};
use crate::payload::{Kind, Payload};

pub const LIBRARY: Library = Library {
    name: super::TOKIO_TUNGSTENITE,
    in_memory: Some(|wire, payload| on_tokio(|| client(wire, payload))),
    over_tcp: Some(|tcp, payload| over_tcp(tcp, |tcp| client(tcp, payload))),
    deflate: None,
    has_queue: true,
};

async fn client<S: AsyncRead + AsyncWrite + Unpin>(stream: S, payload: Payload) -> Tokio<S> {
    let message = match payload.kind {
        Kind::Binary => Message::Binary(payload.octets.into()),
        Kind::Text => Message::Text(Utf8Bytes::from_static(payload.text())),
    };
    Tokio {
        client: WebSocketStream::from_raw_socket(stream, Role::Client, None).await,
        message,
    }
}

struct Tokio<S> {
    client: WebSocketStream<S>,
    message: Message,
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncClient for Tokio<S> {
    async fn receive(&mut self, show: &mut dyn FnMut(Kind, &[u8])) {
        let message = self.client.next().await;
        match message.expect("open").expect("a message") {
            Message::Text(text) => show(Kind::Text, text.as_bytes()),
            Message::Binary(octets) => show(Kind::Binary, &octets),
            other => panic!("{other:?}"),
        }
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
