//! sockudo-ws.

use std::hint::black_box;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use sockudo_ws::{Config, Message, WebSocketStream};
use tokio::io::{AsyncRead, AsyncWrite};

use super::Library;
use super::drive::{Async, AsyncClient, Ready, on_tokio};
use crate::payload::{Kind, Payload};

pub const LIBRARY: Library = Library {
    name: "sockudo-ws",
    in_memory: Some(|wire, payload| {
        // Its keepalive is a timer of tokio's, which needs a runtime.
        let config = Config {
            auto_ping: false,
            idle_timeout: 0,
            ..Config::default()
        };
        Box::new(Async(client(wire, payload, config), Ready))
    }),
    over_tcp: Some(|tcp, payload| on_tokio(tcp, |tcp| client(tcp, payload, Config::default()))),
    has_queue: true,
};

fn client<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    payload: Payload,
    config: Config,
) -> Sockudo<S> {
    let octets = Bytes::from_static(payload.octets);
    Sockudo {
        client: WebSocketStream::client(stream, config),
        message: match payload.kind {
            Kind::Binary => Message::Binary(octets),
            Kind::Text => Message::Text(octets),
        },
    }
}

struct Sockudo<S> {
    client: WebSocketStream<S>,
    message: Message,
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncClient for Sockudo<S> {
    async fn receive(&mut self, show: &mut dyn FnMut(Kind, &[u8])) {
        let message = self.client.next().await;
        match message.expect("open").expect("a message") {
            Message::Text(octets) => show(Kind::Text, &octets),
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
