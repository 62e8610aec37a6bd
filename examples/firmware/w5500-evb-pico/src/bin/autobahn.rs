//! The client that the Autobahn test suite judges: see the package `autobahn`.
//!
//! Settings: `uri=ws://HOST:PORT` of the suite's server, `agent=NAME` for its report,
//! `deflate=BITS` to offer compression with a window of 2^BITS octets.

#![no_std]
#![no_main]

use autobahn::{Memory, Settings};
use embassy_executor::Spawner;
use static_cell::ConstStaticCell;
use w5500_evb_pico::{Board, entropy, settings};

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());

    let words = settings::read();
    let settings = Settings {
        uri: words.value("uri").unwrap_or_default(),
        agent: words.value("agent").unwrap_or("w5500-evb-pico"),
        deflate: words.parsed("deflate"),
    };
    let stack = Board::start(spawner, words).await.stack;
    let ended = autobahn::run(
        stack,
        &settings,
        MEMORY.take(),
        &mut entropy(),
        |case, failure| {
            defmt::info!("case {}: {}", case, failure);
        },
    )
    .await;
    match ended {
        Ok(cases) => defmt::info!("done: {} cases", cases),
        Err(failure) => defmt::error!("failed: {}", failure),
    }
}
