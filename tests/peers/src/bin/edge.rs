//! edge-ws after the opening handshake of edge-http, as the README of edge-ws shows; Ping and Close are answered by
//! the program.
#![no_std]
#![no_main]

use core::convert::Infallible;
use core::net::{Ipv4Addr, SocketAddr};

use bare_ws_peers::{
    Board, Io, binary, block_on, buffer, ended, next_payload, opened, state, text,
};
use edge_http::io::client::Connection;
use edge_http::ws::{MAX_BASE64_KEY_LEN, MAX_BASE64_KEY_RESPONSE_LEN, NONCE_LEN};
use edge_nal::{Close, Readable, TcpConnect, TcpShutdown, TcpSplit};
use edge_ws::{FrameHeader, FrameType};
use embedded_io_async::{ErrorType, Read, Write};

#[unsafe(no_mangle)]
extern "C" fn client() {
    ended(block_on(session()));
}

async fn session() -> Result<(), Failed> {
    let (mut wire, buffer) = connect().await?;
    opened();
    while let Some(octets) = next_payload() {
        send(&mut wire, FrameType::Binary(false), octets).await?;
    }
    let mut length = 0;
    let mut kind = FrameType::Close;
    loop {
        let header = FrameHeader::recv(&mut wire).await?;
        state(size_of_val(&header) + size_of_val(&length) + size_of_val(&kind));
        let payload = header
            .recv_payload(&mut wire, &mut buffer[length..])
            .await?;
        match header.frame_type {
            FrameType::Ping => send(&mut wire, FrameType::Pong, payload).await?,
            FrameType::Pong => {}
            FrameType::Close => return send(&mut wire, FrameType::Close, payload).await,
            data => {
                length += payload.len();
                if !matches!(data, FrameType::Continue(_)) {
                    kind = data;
                }
                if data.is_final() {
                    let payload = &buffer[..length];
                    match kind {
                        FrameType::Text(_) => text(core::str::from_utf8(payload)?),
                        _ => binary(payload),
                    }
                    length = 0;
                }
            }
        }
    }
}

async fn connect() -> Result<(Wire, &'static mut [u8]), Failed> {
    let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 80);
    let mut connection: Connection<_, 16> = Connection::new(buffer!(), &Stack, address);
    let mut nonce = [0; NONCE_LEN];
    Board.random(&mut nonce);
    let mut key = [0; MAX_BASE64_KEY_LEN];
    connection
        .initiate_ws_upgrade_request(Some("example.com"), None, "/ws", None, &nonce, &mut key)
        .await?;
    connection.initiate_response().await?;
    let mut accept = [0; MAX_BASE64_KEY_RESPONSE_LEN];
    if !connection.is_ws_upgrade_accepted(&nonce, &mut accept)? {
        return Err(Failed);
    }
    connection.complete().await?;
    Ok(connection.release())
}

async fn send(wire: &mut Wire, frame_type: FrameType, payload: &[u8]) -> Result<(), Failed> {
    let header = FrameHeader {
        frame_type,
        payload_len: payload.len() as u64,
        mask_key: Some(Board.number()),
    };
    header.send(&mut *wire).await?;
    header.send_payload(&mut *wire, payload).await?;
    Ok(())
}

struct Stack;

impl TcpConnect for Stack {
    type Error = Infallible;
    type Socket<'a> = Wire;

    async fn connect(&self, _: SocketAddr) -> Result<Wire, Infallible> {
        Ok(Wire(Io))
    }
}

struct Wire(Io);

impl ErrorType for Wire {
    type Error = Infallible;
}

impl Read for Wire {
    async fn read(&mut self, octets: &mut [u8]) -> Result<usize, Infallible> {
        Ok(self.0.receive(octets))
    }
}

impl Write for Wire {
    async fn write(&mut self, octets: &[u8]) -> Result<usize, Infallible> {
        self.0.transmit(octets);
        Ok(octets.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Readable for Wire {
    async fn readable(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl TcpShutdown for Wire {
    async fn close(&mut self, _: Close) -> Result<(), Infallible> {
        Ok(())
    }

    async fn abort(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl TcpSplit for Wire {
    type Read<'a> = Wire;
    type Write<'a> = Wire;

    fn split(&mut self) -> (Wire, Wire) {
        (Wire(Io), Wire(Io))
    }
}

/// For an application to which an error is an error.
struct Failed;

macro_rules! failed {
    ($($error:ty),*) => {
        $(impl From<$error> for Failed {
            fn from(_: $error) -> Self {
                Self
            }
        })*
    };
}

failed! { edge_http::io::Error<Infallible>, edge_ws::io::Error<Infallible>, core::str::Utf8Error }
