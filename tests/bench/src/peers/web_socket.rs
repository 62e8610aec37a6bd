//! web-socket.

use std::hint::black_box;

use tokio::io::BufReader;
use web_socket::{DataType, Event, MessageType, WebSocket};

use super::Library;
use super::drive::{AsyncClient, Asynchronous, Octets, asynchronous};
use crate::payload::{Kind, Payload};

pub const LIBRARY: Library = Library {
    has_queue: false,
    ..asynchronous::<WebSocketRs>("web-socket")
};

struct WebSocketRs;

impl Asynchronous for WebSocketRs {
    async fn over<S: Octets>(stream: S, payload: Payload) -> impl AsyncClient + 'static {
        Client {
            // As its examples do: it reads headers by one or two octets.
            client: WebSocket::client(BufReader::new(stream)),
            payload,
        }
    }
}

struct Client<S> {
    client: WebSocket<BufReader<S>>,
    payload: Payload,
}

impl<S: Octets> AsyncClient for Client<S> {
    async fn receive(&mut self, show: &mut dyn FnMut(Kind, &[u8])) {
        match self.client.recv().await.expect("a message") {
            Event::Data {
                ty: DataType::Complete(MessageType::Text),
                data,
            } => {
                // It leaves this to the program.
                simdutf8::basic::from_utf8(&data).expect("text");
                show(Kind::Text, &data);
            }
            Event::Data { data, .. } => show(Kind::Binary, &data),
            other => panic!("{other:?}"),
        }
    }

    async fn send(&mut self) {
        let payload = black_box(self.payload);
        match payload.kind {
            Kind::Binary => self.client.send(payload.octets).await,
            Kind::Text => self.client.send(payload.text()).await,
        }
        .expect("sent");
        self.client.flash().await.expect("sent");
    }

    fn load(&mut self, payload: Payload) {
        self.payload = payload;
    }

    async fn queue(&mut self) {
        self.send().await;
    }

    async fn flush(&mut self) {}

    async fn close(self) {
        self.client.close(1000).await.expect("closed");
    }
}
