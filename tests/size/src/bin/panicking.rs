//! Indexes with what comes from outside. `measure` has to count the panic of that: an image in which it counts
//! none says nothing about the others.
#![no_std]
#![no_main]

use bare_ws_size::{Io, binary, kib};
use embedded_io::Read;

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let receive: &mut [u8] = kib!();
    loop {
        let n = Io.read(receive).unwrap_or(0);
        binary(&receive[n..][..1]);
    }
}
