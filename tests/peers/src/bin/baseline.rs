//! The outside world and the memory functions, without WebSocket: what is subtracted.
#![no_std]
#![no_main]

use bare_ws_peers::{Board, Io, binary, buffer, ended, next_payload, opened, text};

#[unsafe(no_mangle)]
extern "C" fn client() {
    let (receive, transmit): (&mut [u8], &mut [u8]) = (buffer!(), buffer!());
    opened();
    loop {
        let n = Io.receive(receive).min(1000);
        Board.random(&mut transmit[..4]);
        transmit[..n].copy_from_slice(&receive[..n]);
        receive.copy_within(n.., 0);
        if receive[..n] == transmit[..n] {
            receive[n..].fill(0);
        }
        match next_payload() {
            None if n > 500 => binary(&receive[..n]),
            Some(_) => text("x"),
            None => return ended(Ok::<_, ()>(())),
        }
        Io.transmit(&transmit[..n]);
    }
}
