//! fastwebsockets.

use std::hint::black_box;
use std::net::SocketAddr;

use bytes::Bytes;
use fastwebsockets::handshake;
use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload as Borrowed, Role, WebSocket};
use http_body_util::Empty;
use hyper::Request;
use hyper::header::{CONNECTION, UPGRADE};
use hyper::rt::Executor;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::Library;
use super::drive::{AsyncClient, Asynchronous, Connecting, Octets, connecting};
use crate::payload::{Kind, Payload};

pub const LIBRARY: Library = Library {
    has_queue: false,
    ..connecting::<Fastwebsockets>("fastwebsockets")
};

struct Fastwebsockets;

impl Asynchronous for Fastwebsockets {
    async fn over<S: Octets>(stream: S, payload: Payload) -> impl AsyncClient + 'static {
        Client {
            client: FragmentCollector::new(WebSocket::after_handshake(stream, Role::Client)),
            payload,
        }
    }
}

impl Connecting for Fastwebsockets {
    async fn connect(address: SocketAddr, payload: Payload) -> impl AsyncClient + 'static {
        let tcp = TcpStream::connect(address).await.expect("a connection");
        tcp.set_nodelay(true).expect("an option");
        let request = Request::builder()
            .method("GET")
            .uri(format!("http://{address}/"))
            .header("Host", address.to_string())
            .header(UPGRADE, "websocket")
            .header(CONNECTION, "upgrade")
            .header("Sec-WebSocket-Key", handshake::generate_key())
            .header("Sec-WebSocket-Version", "13")
            .body(Empty::<Bytes>::new())
            .expect("a request");
        let opened = handshake::client(&Spawn, request, tcp).await;
        Client {
            client: FragmentCollector::new(opened.expect("open").0),
            payload,
        }
    }
}

/// Where hyper runs what the handshake goes on with.
struct Spawn;

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Spawn {
    fn execute(&self, future: F) {
        tokio::spawn(future);
    }
}

struct Client<S> {
    client: FragmentCollector<S>,
    payload: Payload,
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncClient for Client<S> {
    async fn receive(&mut self, show: &mut dyn FnMut(Kind, &[u8])) {
        let frame = self.client.read_frame().await.expect("a message");
        let kind = match frame.opcode {
            OpCode::Text => Kind::Text,
            _ => Kind::Binary,
        };
        show(kind, &frame.payload);
    }

    async fn send(&mut self) {
        let octets = Borrowed::Borrowed(black_box(self.payload.octets));
        let frame = match self.payload.kind {
            Kind::Binary => Frame::binary(octets),
            Kind::Text => Frame::text(octets),
        };
        self.client.write_frame(frame).await.expect("sent");
    }

    fn load(&mut self, payload: Payload) {
        self.payload = payload;
    }

    async fn queue(&mut self) {
        self.send().await;
    }

    async fn flush(&mut self) {}

    async fn close(mut self) {
        let close = Frame::close(1000, b"");
        self.client.write_frame(close).await.expect("closed");
        while let Ok(frame) = self.client.read_frame().await
            && frame.opcode != OpCode::Close
        {}
    }
}
