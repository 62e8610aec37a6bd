//! bare-ws-std in tokio, with default settings: by its own calls, and as `Stream` and `Sink`.

use std::hint::black_box;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bare_ws::close::CloseCode;
use bare_ws::message::{Message, OwnedMessage};
use bare_ws_std::tokio::{WebSocket, connect, open};
use bare_ws_std::{Config, Deflate, Tls};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::Library;
use super::bare_ws::message;
pub use super::bare_ws_std::DEFLATE;
use super::bare_ws_std::answer_with;
use super::drive::{
    AsyncClient, Asynchronous, Connecting, Deflating, Octets, connecting, deflating,
};
use crate::direction::Takeover;
use crate::payload::{Kind, Payload};
use crate::tls;
use crate::wire::Wire;

/// What is received is borrowed.
pub const LIBRARY: Library = deflating::<Own>(super::OURS_TOKIO);

/// Messages that borrow nothing.
pub const OWNED: Library = connecting::<Streaming>(super::OURS_OWNED);

struct Own;

impl Asynchronous for Own {
    async fn over<S: Octets>(stream: S, payload: Payload) -> impl AsyncClient + 'static {
        Borrowed {
            socket: opened(&Config::new(), "ws", stream).await,
            message: message(payload),
        }
    }

    async fn in_memory(wire: Wire, payload: Payload) -> impl AsyncClient + 'static {
        Self::over(Served::new(wire, ""), payload).await
    }

    async fn over_tls(tcp: TcpStream, payload: Payload) -> impl AsyncClient + 'static {
        Borrowed {
            socket: opened(&secure(), "wss", tcp).await,
            message: message(payload),
        }
    }
}

impl Connecting for Own {
    async fn connect(address: SocketAddr, payload: Payload) -> impl AsyncClient + 'static {
        let connected = connect(&format!("ws://{address}/")).await;
        Borrowed {
            socket: connected.expect("open"),
            message: message(payload),
        }
    }
}

impl Deflating for Own {
    async fn deflating(
        wire: Wire,
        payload: Payload,
        takeover: Takeover,
    ) -> impl AsyncClient + 'static {
        let config = Config::new().deflate(Deflate::new());
        let served = Served::new(wire, DEFLATE[takeover as usize]);
        Borrowed {
            socket: opened(&config, "ws", served).await,
            message: message(payload),
        }
    }
}

struct Streaming;

impl Asynchronous for Streaming {
    async fn over<S: Octets>(stream: S, payload: Payload) -> impl AsyncClient + 'static {
        Owned {
            socket: opened(&Config::new(), "ws", stream).await,
            message: message(payload).to_owned(),
        }
    }

    async fn in_memory(wire: Wire, payload: Payload) -> impl AsyncClient + 'static {
        Self::over(Served::new(wire, ""), payload).await
    }

    async fn over_tls(tcp: TcpStream, payload: Payload) -> impl AsyncClient + 'static {
        Owned {
            socket: opened(&secure(), "wss", tcp).await,
            message: message(payload).to_owned(),
        }
    }
}

impl Connecting for Streaming {
    async fn connect(address: SocketAddr, payload: Payload) -> impl AsyncClient + 'static {
        let connected = connect(&format!("ws://{address}/")).await;
        Owned {
            socket: connected.expect("open"),
            message: message(payload).to_owned(),
        }
    }
}

async fn opened<S: Octets>(config: &Config, scheme: &str, stream: S) -> WebSocket<S> {
    let opened = open(config, &format!("{scheme}://{}/", tls::HOST), stream).await;
    opened.expect("open")
}

fn secure() -> Config {
    let tls = Tls::builder().root(tls::certificate().to_vec()).build();
    Config::new().tls(tls.expect("a root"))
}

struct Borrowed<S: AsyncRead + AsyncWrite + Unpin> {
    socket: WebSocket<S>,
    message: Message<'static>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncClient for Borrowed<S> {
    async fn receive(&mut self, show: &mut dyn FnMut(Kind, &[u8])) {
        match self.socket.recv().await.expect("a message").expect("open") {
            Message::Text(text) => show(Kind::Text, text.as_bytes()),
            Message::Binary(octets) => show(Kind::Binary, octets),
        }
    }

    async fn send(&mut self) {
        let message = black_box(self.message);
        self.socket.send(message).await.expect("sent");
    }

    fn load(&mut self, payload: Payload) {
        self.message = message(payload);
    }

    async fn queue(&mut self) {
        let message = black_box(self.message);
        while !self.socket.writer.queue(message).expect("queued") {
            self.flush().await;
        }
    }

    async fn flush(&mut self) {
        self.socket.writer.flush().await.expect("sent");
    }

    async fn close(mut self) {
        let closed = self.socket.finish(CloseCode::NORMAL, "").await;
        closed.expect("closed");
    }
}

struct Owned<S: AsyncRead + AsyncWrite + Unpin> {
    socket: WebSocket<S>,
    message: OwnedMessage,
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncClient for Owned<S> {
    async fn receive(&mut self, show: &mut dyn FnMut(Kind, &[u8])) {
        let message = self.socket.next().await;
        match message.expect("open").expect("a message").as_message() {
            Message::Text(text) => show(Kind::Text, text.as_bytes()),
            Message::Binary(octets) => show(Kind::Binary, octets),
        }
    }

    async fn send(&mut self) {
        let message = black_box(self.message.clone());
        SinkExt::send(&mut self.socket, message)
            .await
            .expect("sent");
    }

    fn load(&mut self, payload: Payload) {
        self.message = message(payload).to_owned();
    }

    async fn queue(&mut self) {
        let message = black_box(self.message.clone());
        self.socket.feed(message).await.expect("queued");
    }

    async fn flush(&mut self) {
        SinkExt::flush(&mut self.socket).await.expect("sent");
    }

    async fn close(mut self) {
        let closed = self.socket.finish(CloseCode::NORMAL, "").await;
        closed.expect("closed");
    }
}

/// A wire behind an opening handshake.
pub struct Served {
    wire: Wire,
    /// The handshake's octets that are not read yet, while there is a handshake.
    opening: Option<Vec<u8>>,
    /// A field of the answer.
    field: &'static str,
}

impl Served {
    pub fn new(wire: Wire, field: &'static str) -> Self {
        Self {
            wire,
            field,
            opening: Some(Vec::new()),
        }
    }
}

impl AsyncRead for Served {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(response) = self.opening.take() {
            buf.put_slice(&response);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.wire).poll_read(cx, buf)
    }
}

impl AsyncWrite for Served {
    #[inline]
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let field = self.field;
        if let Some(response) = &mut self.opening {
            *response = answer_with(octets, field);
            return Poll::Ready(Ok(octets.len()));
        }
        Pin::new(&mut self.wire).poll_write(cx, octets)
    }

    #[inline]
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.opening.is_some() {
            let octets: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
            return self.poll_write(cx, &octets);
        }
        Pin::new(&mut self.wire).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
