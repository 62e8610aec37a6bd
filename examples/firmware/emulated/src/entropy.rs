//! Random octets for boards that have no source of them.
//!
//! **Neither emulated board models a hardware random number generator.** The seed comes from the
//! host over semihosting, so it is only as good as the host's `/dev/urandom`, and there is none at
//! all outside an emulator or debugger. On a device use its generator: the RP2040's ring
//! oscillator through `embassy_rp::clocks::RoscRng`, the ESP32-C3's `esp_hal::rng::Trng`.

use crate::board::{self, println};
use bare_ws::entropy::RandCore;
use chacha20::ChaCha12Rng;
use rand_core::SeedableRng;
use semihosting::{
    fs::File,
    io::{self, Read},
};

/// A ChaCha generator seeded by the emulator's host.
pub struct HostSeeded;

impl HostSeeded {
    /// Takes 32 octets from the host's `/dev/urandom`. Fails where the host has none.
    pub fn generator() -> io::Result<ChaCha12Rng> {
        let mut seed = [0; 32];
        File::open(c"/dev/urandom")?.read_exact(&mut seed)?;
        Ok(ChaCha12Rng::from_seed(seed))
    }
}

/// A source for a client. Ends the program where the host has no random octets.
pub fn source() -> RandCore<ChaCha12Rng> {
    match HostSeeded::generator() {
        Ok(random) => RandCore(random),
        Err(_) => {
            println!("the host gives no random octets");
            board::exit(board::status::FAULT)
        }
    }
}
