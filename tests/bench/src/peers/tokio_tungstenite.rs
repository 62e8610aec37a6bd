//! tokio-tungstenite, the library of tokio that most programs use.

use std::hint::black_box;
use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{WebSocketStream, connect_async};
use tungstenite::protocol::Role;
use tungstenite::{Message, Utf8Bytes};

use super::Library;
use super::drive::{AsyncClient, Asynchronous, Connecting, Octets, connecting};
use crate::payload::{Kind, Payload};

pub const LIBRARY: Library = connecting::<TokioTungstenite>(super::TOKIO_TUNGSTENITE);

struct TokioTungstenite;

impl Asynchronous for TokioTungstenite {
    async fn over<S: Octets>(stream: S, payload: Payload) -> impl AsyncClient + 'static {
        Client {
            client: WebSocketStream::from_raw_socket(stream, Role::Client, None).await,
            message: message(payload),
        }
    }
}

impl Connecting for TokioTungstenite {
    async fn connect(address: SocketAddr, payload: Payload) -> impl AsyncClient + 'static {
        let connected = connect_async(format!("ws://{address}/")).await;
        Client {
            client: connected.expect("open").0,
            message: message(payload),
        }
    }
}

fn message(payload: Payload) -> Message {
    match payload.kind {
        Kind::Binary => Message::Binary(payload.octets.into()),
        Kind::Text => Message::Text(Utf8Bytes::from_static(payload.text())),
    }
}

struct Client<S> {
    client: WebSocketStream<S>,
    message: Message,
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncClient for Client<S> {
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
        self.client.close(None).await.expect("closed");
        while self.client.next().await.is_some_and(|it| it.is_ok()) {}
    }
}
