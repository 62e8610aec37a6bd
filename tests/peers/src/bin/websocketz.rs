//! websocketz, as its documentation shows.
#![no_std]
#![no_main]

use core::convert::Infallible;

use bare_ws_peers::{
    Board, Io, binary, block_on, buffer, ended, next_payload, opened, state, text,
};
use rand_core::TryRng;
use websocketz::http::Header;
use websocketz::options::ConnectOptions;
use websocketz::{Message, WebSocket, next};

#[unsafe(no_mangle)]
extern "C" fn client() {
    ended(block_on(session()));
}

async fn session() -> Result<(), websocketz::error::Error<Infallible>> {
    let host = [Header {
        name: "Host",
        value: b"example.com",
    }];
    let options = ConnectOptions::new_unchecked("/ws").with_headers(&host);
    let (receive, transmit, fragments) = (buffer!(), buffer!(), buffer!());
    let mut websocket =
        WebSocket::connect::<16>(options, Io, Source, receive, transmit, fragments).await?;
    state(size_of_val(&websocket));
    opened();
    while let Some(octets) = next_payload() {
        websocket.send(Message::Binary(octets)).await?;
    }
    while let Some(message) = next!(websocket) {
        match message? {
            Message::Text(octets) => text(octets),
            Message::Binary(octets) => binary(octets),
            _ => {}
        }
    }
    Ok(())
}

struct Source;

impl TryRng for Source {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(Board.number())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from(Board.number()) << 32 | u64::from(Board.number()))
    }

    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Infallible> {
        Board.random(octets);
        Ok(())
    }
}
