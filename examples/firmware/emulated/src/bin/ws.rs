//! Readings of one task go out over the WebSocket of another, commands come in: the whole program.
//!
//! Arguments: `uri=ws://HOST:PORT/`. Runs until the emulator is ended.

#![no_std]
#![no_main]

use bare_ws::{handshake::Request, message::Message, uri::Uri};
use bare_ws_embassy::{
    Backoff, CriticalSectionRawMutex, Supervisor, Timing,
    net::{Client, Memory},
};
use embassy_net::Stack;
use embassy_sync::channel::Channel;
use embassy_time::Timer;
use emulated::{
    arguments,
    board::{self, println},
    entropy,
};
use static_cell::ConstStaticCell;

static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());
static READINGS: Channel<CriticalSectionRawMutex, u32, 4> = Channel::new();

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    board::run(|spawner, stack| {
        spawner.spawn(sensor().expect("spawned once"));
        spawner.spawn(connection(stack).expect("spawned once"));
    })
}

#[embassy_executor::task]
async fn sensor() {
    for reading in 21.. {
        READINGS.send(reading).await;
        Timer::after_millis(500).await;
    }
}

#[embassy_executor::task]
async fn connection(stack: Stack<'static>) {
    let request = Request::new(Uri::parse(arguments::uri()).expect("a URI"));
    let client = Client::new(stack, MEMORY.take(), entropy::source());
    let mut client = client.timing(Timing::LONG_LIVED);
    let supervisor: Supervisor = Supervisor::new(Backoff::DEFAULT);
    let log = |event| println!("{event:?}");
    let kept = supervisor.run(&mut client, &request, log, async |connection| {
        let obey = |command: Message<'_>| println!("command {:?}", command.as_text());
        let session = connection.duplex(obey, async |writer| {
            loop {
                let report = heapless::format!(32; "temperature={}", READINGS.receive().await);
                writer.send(report.unwrap_or_default().as_str()).await?;
                supervisor.succeeded();
            }
        });
        session.await
    });
    kept.await;
}
