//! Reports to an MQTT broker and commands from it, over a WebSocket: see the package `mqtt`.
//!
//! Arguments: `uri=ws://HOST:PORT/`. Runs until the emulator is ended.

#![no_std]
#![no_main]

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
};
use mqtt::{Event, Settings};
use static_cell::ConstStaticCell;

static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());
static SESSION: ConstStaticCell<mqtt::Memory> = ConstStaticCell::new([0; _]);

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    board::run(|spawner, stack| spawner.spawn(program(stack).expect("spawned once")))
}

#[embassy_executor::task]
async fn program(stack: Stack<'static>) {
    let request = mqtt::request(arguments::uri()).expect("a URI");
    let client = Client::new(stack, MEMORY.take(), entropy::source());
    let mut client = client.timing(Timing::LONG_LIVED);
    // Far shorter than a device's, so that a test waits less.
    let delays = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
    let supervisor: Supervisor = Supervisor::new(delays);
    let settings = Settings {
        client: "emulated",
        reports: "board/reports",
        commands: "board/commands",
        period: Duration::from_millis(500),
    };
    let mut temperature = 20;
    let reading = || {
        temperature += 1;
        temperature
    };
    let log = |event: Event<'_, _, _>| {
        let now = Instant::now().as_millis();
        match event {
            Event::Command(octets) => println!("{now} command {:?}", str::from_utf8(octets)),
            event => println!("{now} {event:?}"),
        }
    };
    let session = SESSION.take();
    let client = &mut client;
    let ended = mqtt::run(
        client,
        &request,
        &supervisor,
        session,
        &settings,
        reading,
        log,
    )
    .await;
    println!("failed: {ended:?}");
    board::exit(1)
}
