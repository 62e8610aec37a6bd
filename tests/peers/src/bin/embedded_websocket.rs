//! embedded-websocket with its `Framer`, as its example for a client shows.
#![no_std]
#![no_main]

use core::convert::Infallible;

use bare_ws_peers::{Board, Io, binary, buffer, ended, next_payload, opened, state, text};
use embedded_websocket::framer::{Framer, FramerError, ReadResult, Stream};
use embedded_websocket::{WebSocketClient, WebSocketOptions, WebSocketSendMessageType};
use rand_core_06::RngCore;

#[unsafe(no_mangle)]
extern "C" fn client() {
    ended(session());
}

fn session() -> Result<(), FramerError<Infallible>> {
    let (receive, transmit, frame) = (buffer!(), buffer!(), buffer!());
    let mut cursor = 0;
    let mut websocket = WebSocketClient::new_client(Source);
    let websocket_state = size_of_val(&websocket);
    let mut framer = Framer::new(receive, &mut cursor, transmit, &mut websocket);
    state(size_of_val(&framer) + websocket_state + size_of::<usize>());
    let options = WebSocketOptions {
        path: "/ws",
        host: "example.com",
        origin: "http://example.com",
        sub_protocols: None,
        additional_headers: None,
    };
    framer.connect(&mut Wire, &options)?;
    opened();
    while let Some(octets) = next_payload() {
        framer.write(&mut Wire, WebSocketSendMessageType::Binary, true, octets)?;
    }
    loop {
        match framer.read(&mut Wire, frame)? {
            ReadResult::Text(octets) => text(octets),
            ReadResult::Binary(octets) => binary(octets),
            ReadResult::Pong(_) => {}
            ReadResult::Closed => return Ok(()),
        }
    }
}

struct Wire;

impl Stream<Infallible> for Wire {
    fn read(&mut self, octets: &mut [u8]) -> Result<usize, Infallible> {
        Ok(Io.receive(octets))
    }

    fn write_all(&mut self, octets: &[u8]) -> Result<(), Infallible> {
        Io.transmit(octets);
        Ok(())
    }
}

struct Source;

impl RngCore for Source {
    fn next_u32(&mut self) -> u32 {
        Board.number()
    }

    fn next_u64(&mut self) -> u64 {
        u64::from(Board.number()) << 32 | u64::from(Board.number())
    }

    fn fill_bytes(&mut self, octets: &mut [u8]) {
        Board.random(octets);
    }

    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), rand_core_06::Error> {
        Board.random(octets);
        Ok(())
    }
}
