//! sockudo-ws.

use std::hint::black_box;

use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use sockudo_ws::{
    CompressedWebSocketStream, Config, DeflateConfig, Message, Result, WebSocketStream,
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::Library;
use super::drive::{AsyncClient, on_tokio, over_tcp};
use crate::payload::{Kind, Payload};
use crate::wire::Wire;

pub const LIBRARY: Library = Library {
    name: "sockudo-ws",
    in_memory: Some(|wire, payload| on_tokio(async || client(wire, payload, untimed()))),
    over_tcp: Some(|tcp, payload| over_tcp(tcp, async |tcp| client(tcp, payload, untimed()))),
    deflate: Some(|wire, payload| on_tokio(async || deflating(wire, payload))),
    has_queue: true,
};

/// Its keepalive is a timer of tokio's, which needs a runtime, and nobody here answers its Pings.
fn untimed() -> Config {
    Config {
        auto_ping: false,
        idle_timeout: 0,
        ..Config::default()
    }
}

fn client<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    payload: Payload,
    config: Config,
) -> Sockudo<WebSocketStream<S>> {
    Sockudo {
        client: WebSocketStream::client(stream, config),
        message: message(payload),
    }
}

fn deflating(wire: Wire, payload: Payload) -> Sockudo<CompressedWebSocketStream<Wire>> {
    Sockudo {
        client: CompressedWebSocketStream::client(wire, untimed(), DeflateConfig::default()),
        message: message(payload),
    }
}

fn message(payload: Payload) -> Message {
    let octets = Bytes::from_static(payload.octets);
    match payload.kind {
        Kind::Binary => Message::Binary(octets),
        Kind::Text => Message::Text(octets),
    }
}

struct Sockudo<C> {
    client: C,
    message: Message,
}

impl<C> AsyncClient for Sockudo<C>
where
    C: Stream<Item = Result<Message>> + Sink<Message, Error = sockudo_ws::Error> + Unpin,
{
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
