//! yawc.

use std::hint::black_box;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use yawc::{Frame, OpCode, Options, Role, WebSocket};

use super::Library;
use super::drive::{AsyncClient, on_tokio, over_tcp};
use crate::payload::{Kind, Payload};

pub const LIBRARY: Library = Library {
    name: "yawc",
    in_memory: Some(|wire, payload| on_tokio(async || client(wire, payload, options(), None))),
    over_tcp: Some(|tcp, payload| over_tcp(tcp, async |tcp| client(tcp, payload, options(), None))),
    deflate: Some(|wire, payload| {
        let options = options().with_balanced_compression();
        on_tokio(async || client(wire, payload, options, Some("permessage-deflate")))
    }),
    has_queue: true,
};

fn client<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    payload: Payload,
    options: Options,
    extensions: Option<&str>,
) -> Yawc<S> {
    let frame = match payload.kind {
        Kind::Binary => Frame::binary(payload.octets),
        Kind::Text => Frame::text(payload.text()),
    };
    Yawc {
        client: WebSocket::from_stream_with_extensions(stream, Role::Client, extensions, options)
            .expect("a client"),
        frame,
    }
}

/// Its default limit is 1 MiB with the header, and it checks text only if it is told to.
fn options() -> Options {
    Options::default()
        .with_limits(2 * 1024 * 1024, 4 * 1024 * 1024)
        .with_utf8()
}

struct Yawc<S> {
    client: WebSocket<S>,
    frame: Frame,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> AsyncClient for Yawc<S> {
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

    async fn queue(&mut self) {
        let frame = black_box(self.frame.clone());
        self.client.feed(frame).await.expect("queued");
    }

    async fn flush(&mut self) {
        SinkExt::<Frame>::flush(&mut self.client)
            .await
            .expect("sent");
    }
}
