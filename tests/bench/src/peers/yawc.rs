//! yawc.

use std::hint::black_box;
use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use url::Url;
use yawc::close::CloseCode;
use yawc::{Frame, OpCode, Options, Role, WebSocket};

use super::Library;
use super::drive::{AsyncClient, Asynchronous, Connecting, Deflating, Octets, deflating};
use crate::direction::Takeover;
use crate::payload::{Kind, Payload};
use crate::wire::Wire;

pub const LIBRARY: Library = deflating::<Yawc>("yawc");

struct Yawc;

impl Asynchronous for Yawc {
    async fn over<S: Octets>(stream: S, payload: Payload) -> impl AsyncClient + 'static {
        client(stream, payload, options(), None)
    }
}

impl Connecting for Yawc {
    async fn connect(address: SocketAddr, payload: Payload) -> impl AsyncClient + 'static {
        let url = Url::parse(&format!("ws://{address}/")).expect("an address");
        let connected = WebSocket::connect(url).with_options(options()).await;
        Client {
            client: connected.expect("open"),
            frame: frame(payload),
        }
    }
}

impl Deflating for Yawc {
    async fn deflating(
        wire: Wire,
        payload: Payload,
        takeover: Takeover,
    ) -> impl AsyncClient + 'static {
        let options = options().with_balanced_compression();
        match takeover {
            Takeover::Kept => client(wire, payload, options, Some("permessage-deflate")),
            Takeover::Dropped => {
                let options = options
                    .server_no_context_takeover()
                    .client_no_context_takeover();
                let agreed =
                    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
                client(wire, payload, options, Some(agreed))
            }
        }
    }
}

fn client<S: Octets>(
    stream: S,
    payload: Payload,
    options: Options,
    extensions: Option<&str>,
) -> Client<S> {
    Client {
        client: WebSocket::from_stream_with_extensions(stream, Role::Client, extensions, options)
            .expect("a client"),
        frame: frame(payload),
    }
}

fn frame(payload: Payload) -> Frame {
    match payload.kind {
        Kind::Binary => Frame::binary(payload.octets),
        Kind::Text => Frame::text(payload.text()),
    }
}

/// Its default limit is 1 MiB with the header, and it checks text only if it is told to.
fn options() -> Options {
    Options::default()
        .with_limits(2 * 1024 * 1024, 4 * 1024 * 1024)
        .with_utf8()
}

struct Client<S> {
    client: WebSocket<S>,
    frame: Frame,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> AsyncClient for Client<S> {
    async fn receive(&mut self, show: &mut dyn FnMut(Kind, &[u8])) {
        let frame = self.client.next().await.expect("open");
        let kind = match frame.opcode() {
            OpCode::Text => Kind::Text,
            _ => Kind::Binary,
        };
        show(kind, frame.payload());
    }

    async fn send(&mut self) {
        let frame = black_box(self.frame.clone());
        self.client.send(frame).await.expect("sent");
    }

    fn load(&mut self, payload: Payload) {
        self.frame = frame(payload);
    }

    async fn queue(&mut self) {
        let frame = black_box(self.frame.clone());
        self.client.feed(frame).await.expect("queued");
    }

    async fn flush(&mut self) {
        SinkExt::<Frame>::flush(&mut self.client)
            .await
            .expect("sent");
    }

    async fn close(mut self) {
        let close = Frame::close(CloseCode::Normal, "");
        self.client.send(close).await.expect("closed");
        while self.client.next().await.is_some() {}
    }
}
