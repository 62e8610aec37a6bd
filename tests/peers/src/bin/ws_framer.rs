//! ws-framer, as its README shows; Ping and Close are answered by the program.
#![no_std]
#![no_main]

use bare_ws_peers::{Board, Io, binary, buffer, ended, next_payload, opened, state, text};
use ws_framer::{WsFrame, WsRxFramer, WsTxFramer};

#[unsafe(no_mangle)]
extern "C" fn client() {
    ended(session());
}

fn session() -> Result<(), Failed> {
    let mut rx = WsRxFramer::new(buffer!());
    let mut tx = WsTxFramer::new(true, buffer!());
    state(size_of_val(&rx) + size_of_val(&tx));
    Io.transmit(
        tx.http_upgrade_request("example.com", "/ws", &[])
            .ok_or(Failed)?,
    );
    let accept = tx.accept_key();
    loop {
        let n = Io.receive(rx.read_buf());
        if n == 0 {
            return Err(Failed);
        }
        rx.advance(n);
        if let Some(response) = rx.http_response() {
            if !response.map_err(|_| Failed)?.is_websocket_accepted(&accept) {
                return Err(Failed);
            }
            break;
        }
    }
    opened();
    while let Some(octets) = next_payload() {
        Io.transmit(tx.binary(octets).ok_or(Failed)?);
    }
    loop {
        while let Some(frame) = rx.next_frame() {
            match frame {
                Ok(WsFrame::Text(octets)) => text(octets),
                Ok(WsFrame::Binary(octets)) => binary(octets),
                Ok(WsFrame::Ping(octets)) => Io.transmit(tx.pong(octets).ok_or(Failed)?),
                Ok(WsFrame::Close(code, reason)) => {
                    Io.transmit(tx.close(code, reason).ok_or(Failed)?);
                    return Ok(());
                }
                Ok(_) => {}
                // As its README does: the connection goes on.
                Err(_) => {}
            }
        }
        let n = Io.receive(rx.read_buf());
        if n == 0 {
            return Err(Failed);
        }
        rx.advance(n);
    }
}

struct Failed;

#[unsafe(no_mangle)]
unsafe extern "Rust" fn __getrandom_v03_custom(
    octets: *mut u8,
    len: usize,
) -> Result<(), getrandom::Error> {
    // SAFETY: the caller lends `len` octets.
    Board.random(unsafe { core::slice::from_raw_parts_mut(octets, len) });
    Ok(())
}
