//! The outside world and the memory functions, without WebSocket: what is subtracted.
#![no_std]
#![no_main]

use bare_ws::entropy::Entropy;
use bare_ws_size::{Board, Io, binary, kib, text};
use embedded_io::{Read, Write};

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let (receive, transmit): (&mut [u8], &mut [u8]) = (kib!(), kib!());
    loop {
        let n = Io.read(receive).unwrap_or(0).min(1000);
        let _ = Board.fill(&mut transmit[..4]);
        transmit[..n].copy_from_slice(&receive[..n]);
        receive.copy_within(n.., 0);
        if receive[..n] == transmit[..n] {
            receive[n..].fill(0);
        }
        if n > 500 {
            binary(&receive[..n]);
        } else {
            text("x");
        }
        let _ = Io.write(&transmit[..n]);
    }
}
