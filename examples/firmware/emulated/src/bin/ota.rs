//! A firmware image over a WebSocket connection into flash: see the package `ota`.
//!
//! Arguments: `uri=ws://HOST:PORT/`. Runs until the emulator is ended. The flash is a model of one, which outlives a reset.

#![no_std]
#![no_main]

use bare_ws::{handshake::Request, uri::Uri};
use bare_ws_embassy::{
    Backoff, Supervisor, Timing,
    net::{Client, Memory},
};
use embassy_net::Stack;
use embassy_time::{Duration, Instant};
use emulated::{
    arguments,
    board::{self, println},
    entropy,
    flash::{ModelFlash, SECTOR},
};
use ota::Update;
use static_cell::{ConstStaticCell, StaticCell};

static MEMORY: ConstStaticCell<Memory<1024, 256, 4096, 1024>> = ConstStaticCell::new(Memory::new());
static UPDATE: StaticCell<Update<ModelFlash, SECTOR>> = StaticCell::new();

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    board::run(|spawner, stack| spawner.spawn(program(stack).expect("spawned once")))
}

#[embassy_executor::task]
async fn program(stack: Stack<'static>) {
    let request = Request::new(Uri::parse(arguments::uri()).expect("a URI"));
    let client = Client::new(stack, MEMORY.take(), entropy::source());
    let mut client = client.timing(Timing::LONG_LIVED);
    // Far shorter than a device's, so that a test waits less.
    let delays = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
    let supervisor: Supervisor = Supervisor::new(delays);
    let update = UPDATE.init(Update::new(ModelFlash::take().expect("taken once")));
    let log = |event| println!("{} {event:?}", Instant::now().as_millis());
    ota::run(&mut client, &request, &supervisor, update, log).await;
}
