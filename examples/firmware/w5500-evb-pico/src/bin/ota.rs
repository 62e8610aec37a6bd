//! A firmware image over a WebSocket connection into flash: see the package `ota`.
//!
//! Settings: `uri=ws://HOST:PORT/`; `first_delay`, `longest_delay`, in milliseconds.

#![no_std]
#![no_main]

use bare_ws::{handshake::Request, uri::Uri};
use bare_ws_embassy::{
    Backoff, Supervisor, Timing,
    net::{Client, Memory},
    supervisor,
};
use embassy_executor::Spawner;
use embassy_time::Duration;
use ota::{Event, Update};
use static_cell::{ConstStaticCell, StaticCell};
use w5500_evb_pico::{
    Board, entropy,
    flash::{self, Room, SECTOR},
    settings,
};

static MEMORY: ConstStaticCell<Memory<1024, 256, 4096, 1024>> = ConstStaticCell::new(Memory::new());
static UPDATE: StaticCell<Update<Room, SECTOR>> = StaticCell::new();

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let words = settings::read();
    let Some(Ok(uri)) = words.value("uri").map(Uri::parse) else {
        defmt::error!("failed: no uri in the settings");
        return;
    };
    let board = Board::start(spawner, words).await;
    let client = Client::new(board.stack, MEMORY.take(), entropy());
    let mut client = client.timing(Timing::LONG_LIVED);
    let milliseconds = |key, default| words.parsed(key).map_or(default, Duration::from_millis);
    let supervisor: Supervisor = Supervisor::new(Backoff::new(
        milliseconds("first_delay", Duration::from_secs(5)),
        milliseconds("longest_delay", Duration::from_secs(300)),
    ));
    let update = UPDATE.init(Update::new(flash::room(board.flash)));
    let log = |event| match event {
        Event::Link(supervisor::Event::Ended(_) | supervisor::Event::NotConnected(_)) => {
            defmt::warn!("{}", event);
        }
        event => defmt::info!("{}", event),
    };
    ota::run(&mut client, &Request::new(uri), &supervisor, update, log).await;
}
