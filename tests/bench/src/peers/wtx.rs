//! wtx.

use std::hint::black_box;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wtx::collection::Vector;
use wtx::misc::UriRef;
use wtx::rng::Xorshift64;
use wtx::stream::{StreamReader, StreamWriter};
use wtx::web_socket::compression::{Flate2, NegotiatedCompression, WindowBits};
use wtx::web_socket::{
    Compression, CompressionLevel, DeflateConfig, FrameMut, OpCode, WebSocketConnector,
    WebSocketOwned, WebSocketPayloadOrigin,
};

use super::Library;
use super::bare_ws_tokio::{DEFLATE, Served};
use super::drive::{AsyncClient, Asynchronous, Connecting, Octets, connecting, on_tokio};
use crate::direction::Takeover;
use crate::payload::{Kind, Payload};
use crate::wire::Wire;

pub const LIBRARY: Library = Library {
    deflate: Some(|wire, payload, takeover| match takeover {
        Takeover::Kept => None,
        Takeover::Dropped => Some(on_tokio(|| {
            open(Served::new(wire, DEFLATE[1]), payload, flate2())
        })),
    }),
    has_queue: false,
    ..connecting::<Wtx>("wtx")
};

/// Its default is a window of 4 KiB at level 5.
fn flate2() -> Flate2 {
    Flate2::from(DeflateConfig {
        client_max_window_bits: WindowBits::Fifteen,
        compression_level: CompressionLevel::Six,
        server_max_window_bits: WindowBits::Fifteen,
    })
}

struct Wtx;

impl Asynchronous for Wtx {
    async fn over<S: Octets>(stream: S, payload: Payload) -> impl AsyncClient + 'static {
        open(stream, payload, ()).await
    }

    async fn in_memory(wire: Wire, payload: Payload) -> impl AsyncClient + 'static {
        open(Served::new(wire, ""), payload, ()).await
    }
}

impl Connecting for Wtx {
    async fn connect(address: SocketAddr, payload: Payload) -> impl AsyncClient + 'static {
        let tcp = TcpStream::connect(address).await.expect("a connection");
        tcp.set_nodelay(true).expect("an option");
        open(tcp, payload, ()).await
    }
}

async fn open<C: Compression<true>, S: Octets>(
    stream: S,
    payload: Payload,
    compression: C,
) -> Client<C::NegotiatedCompression, S> {
    let connector = WebSocketConnector::default()
        .compression(compression)
        .no_masking(false);
    let uri = UriRef::new("ws://localhost/");
    Client {
        client: connector.connect(Stream(stream), &uri).await.expect("open"),
        payload,
        masked: Vec::new(),
        received: Vector::new(),
    }
}

struct Client<NC, S> {
    client: WebSocketOwned<NC, Xorshift64, Stream<S>, true>,
    payload: Payload,
    /// It masks where the message lies.
    masked: Vec<u8>,
    received: Vector<u8>,
}

impl<NC: NegotiatedCompression, S: Octets> AsyncClient for Client<NC, S> {
    async fn receive(&mut self, show: &mut dyn FnMut(Kind, &[u8])) {
        let frame = self
            .client
            .read_frame(&mut self.received, WebSocketPayloadOrigin::Adaptive)
            .await
            .expect("a message");
        let kind = match frame.op_code() {
            OpCode::Text => Kind::Text,
            OpCode::Binary => Kind::Binary,
            other => panic!("{other:?}"),
        };
        show(kind, frame.payload());
    }

    async fn send(&mut self) {
        let payload = black_box(self.payload);
        let opcode = match payload.kind {
            Kind::Binary => OpCode::Binary,
            Kind::Text => OpCode::Text,
        };
        self.masked.clear();
        self.masked.extend_from_slice(payload.octets);
        let mut frame = FrameMut::new_fin(opcode, self.masked.as_mut_slice());
        self.client.write_frame(&mut frame).await.expect("sent");
    }

    fn load(&mut self, payload: Payload) {
        self.payload = payload;
    }

    async fn queue(&mut self) {
        self.send().await;
    }

    async fn flush(&mut self) {}

    async fn close(mut self) {
        let mut code = 1000_u16.to_be_bytes();
        let mut close = FrameMut::new_fin(OpCode::Close, code.as_mut_slice());
        self.client.write_frame(&mut close).await.expect("closed");
        // It has noted that the connection is closed, and takes the answer for an error.
        let _ = self
            .client
            .read_frame(&mut self.received, WebSocketPayloadOrigin::Adaptive)
            .await;
    }
}

/// What its own implementations for tokio's streams do, and a flush for TLS, which they leave out.
struct Stream<S>(S);

impl<S: Octets> StreamReader for Stream<S> {
    async fn read(&mut self, octets: &mut [u8]) -> wtx::Result<usize> {
        Ok(self.0.read(octets).await?)
    }
}

impl<S: Octets> StreamWriter for Stream<S> {
    async fn write_all(&mut self, octets: &[u8]) -> wtx::Result<()> {
        self.0.write_all(octets).await?;
        Ok(self.0.flush().await?)
    }

    async fn write_all_vectored(&mut self, parts: &[&[u8]]) -> wtx::Result<()> {
        let mut slices = [std::io::IoSlice::new(&[]); 8];
        for (slice, part) in slices.iter_mut().zip(parts) {
            *slice = std::io::IoSlice::new(part);
        }
        let mut slices = &mut slices[..parts.len()];
        while !slices.is_empty() {
            let written = self.0.write_vectored(slices).await?;
            std::io::IoSlice::advance_slices(&mut slices, written);
        }
        Ok(self.0.flush().await?)
    }
}
