//! sockudo-ws.

use std::hint::black_box;
use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use sockudo_ws::client::WebSocketClient;
use sockudo_ws::error::CloseReason;
use sockudo_ws::{
    CompressedWebSocketStream, Config, DeflateConfig, Http1, Message, Result, WebSocketStream,
};

use super::Library;
use super::drive::{AsyncClient, Asynchronous, Connecting, Deflating, Octets, deflating};
use crate::direction::Takeover;
use crate::payload::{Kind, Payload};
use crate::wire::Wire;

pub const LIBRARY: Library = deflating::<Sockudo>("sockudo-ws");

struct Sockudo;

impl Asynchronous for Sockudo {
    async fn over<S: Octets>(stream: S, payload: Payload) -> impl AsyncClient + 'static {
        Client {
            client: WebSocketStream::client(stream, untimed()),
            message: message(payload),
        }
    }
}

impl Connecting for Sockudo {
    async fn connect(address: SocketAddr, payload: Payload) -> impl AsyncClient + 'static {
        let client = WebSocketClient::<Http1>::new(untimed());
        let url = format!("ws://{address}/");
        let connected = client.connect_to_url(&url, None).await;
        Client {
            client: connected.expect("open").0,
            message: message(payload),
        }
    }
}

impl Deflating for Sockudo {
    async fn deflating(
        wire: Wire,
        payload: Payload,
        takeover: Takeover,
    ) -> impl AsyncClient + 'static {
        let deflate = DeflateConfig {
            server_no_context_takeover: takeover == Takeover::Dropped,
            client_no_context_takeover: takeover == Takeover::Dropped,
            ..DeflateConfig::default()
        };
        Client {
            client: CompressedWebSocketStream::client(wire, untimed(), deflate),
            message: message(payload),
        }
    }
}

/// Its keepalive is a timer of tokio's, which needs a runtime, and nobody here answers its Pings.
fn untimed() -> Config {
    Config {
        auto_ping: false,
        idle_timeout: 0,
        ..Config::default()
    }
}

fn message(payload: Payload) -> Message {
    let octets = Bytes::from_static(payload.octets);
    match payload.kind {
        Kind::Binary => Message::Binary(octets),
        Kind::Text => Message::Text(octets),
    }
}

struct Client<C> {
    client: C,
    message: Message,
}

impl<C> AsyncClient for Client<C>
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

    fn load(&mut self, payload: Payload) {
        self.message = message(payload);
    }

    async fn queue(&mut self) {
        let message = black_box(self.message.clone());
        self.client.feed(message).await.expect("queued");
    }

    async fn flush(&mut self) {
        self.client.flush().await.expect("sent");
    }

    async fn close(mut self) {
        let close = Message::Close(Some(CloseReason::new(1000, "")));
        self.client.send(close).await.expect("closed");
        while self.client.next().await.is_some_and(|it| it.is_ok()) {}
    }
}
