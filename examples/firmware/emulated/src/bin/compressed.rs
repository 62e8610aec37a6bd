//! Readings go out and commands come in, compressed: the whole program.
//!
//! Arguments: `uri=ws://HOST:PORT/`. Runs until the emulator is ended.

#![no_std]
#![no_main]

use bare_ws::{handshake::Request, message::Message, uri::Uri};
use bare_ws_embassy::{
    Backoff, Supervisor, Timing, deflate,
    net::{Client, Memory},
};
use embassy_net::Stack;
use embassy_time::Timer;
use emulated::{
    arguments,
    board::{self, println},
    entropy,
};
use static_cell::ConstStaticCell;

static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());
static WINDOWS: ConstStaticCell<deflate::Memory> = ConstStaticCell::new(deflate::Memory::new());

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    board::run(|spawner, stack| spawner.spawn(connection(stack).expect("spawned once")))
}

#[embassy_executor::task]
async fn connection(stack: Stack<'static>) {
    let request = Request::new(Uri::parse(arguments::uri()).expect("a URI"));
    let client = Client::new(stack, MEMORY.take(), entropy::source());
    let mut client = client.deflate(WINDOWS.take()).timing(Timing::LONG_LIVED);
    let supervisor: Supervisor = Supervisor::new(Backoff::DEFAULT);
    let log = |event| println!("{event:?}");
    let kept = supervisor.run(&mut client, &request, log, async |connection| {
        let obey = |command: Message<'_>| println!("command {:?}", command.as_text());
        let session = connection.duplex(obey, async |writer| {
            loop {
                writer
                    .send("temperature=21 humidity=40 outside.temperature=12 outside.humidity=80")
                    .await?;
                supervisor.succeeded();
                Timer::after_millis(500).await;
            }
        });
        session.await
    });
    kept.await;
}
