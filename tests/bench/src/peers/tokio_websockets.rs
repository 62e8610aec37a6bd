//! tokio-websockets.

use std::hint::black_box;
use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_websockets::{ClientBuilder, Message, WebSocketStream};

use super::Library;
use super::drive::{AsyncClient, Asynchronous, Connecting, Octets, connecting};
use crate::payload::{Kind, Payload};

pub const LIBRARY: Library = connecting::<TokioWebsockets>("tokio-websockets");

struct TokioWebsockets;

impl Asynchronous for TokioWebsockets {
    async fn over<S: Octets>(stream: S, payload: Payload) -> impl AsyncClient + 'static {
        Client {
            client: ClientBuilder::new().take_over(stream),
            message: message(payload),
        }
    }
}

impl Connecting for TokioWebsockets {
    async fn connect(address: SocketAddr, payload: Payload) -> impl AsyncClient + 'static {
        let builder = ClientBuilder::new().uri(&format!("ws://{address}/"));
        let connected = builder.expect("an address").connect().await;
        Client {
            client: connected.expect("open").0,
            message: message(payload),
        }
    }
}

fn message(payload: Payload) -> Message {
    match payload.kind {
        Kind::Binary => Message::binary(payload.octets),
        Kind::Text => Message::text(payload.text()),
    }
}

struct Client<S> {
    client: WebSocketStream<S>,
    message: Message,
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncClient for Client<S> {
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
        self.client.close().await.expect("closed");
    }
}
