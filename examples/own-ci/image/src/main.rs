//! The device on an emulated board.
//!
//! Arguments: `uri=ws://HOST:PORT/`. Runs until the emulator is ended.

#![no_std]
#![no_main]

use bare_ws::{handshake::Request, uri::Uri};
use bare_ws_embassy::{
    Backoff, Supervisor, Timing,
    net::{Client, Memory},
};
use device::{Board, RemoteLog};
use embassy_net::Stack;
use emulated::{
    arguments,
    board::{self, println},
    entropy,
};
use static_cell::ConstStaticCell;

static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());
static LOG: RemoteLog<16, 64> = RemoteLog::new();

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    // SAFETY: nothing else runs yet. `set_logger` wants compare-and-swap, which not every processor has.
    let set = unsafe { log::set_logger_racy(&LOG) };
    set.expect("the only logger");
    // SAFETY: as above.
    unsafe { log::set_max_level_racy(log::LevelFilter::Info) };
    board::run(|spawner, stack| spawner.spawn(program(stack).expect("spawned once")))
}

#[embassy_executor::task]
async fn program(stack: Stack<'static>) {
    let request = Request::new(Uri::parse(arguments::uri()).expect("a URI"));
    let client = Client::new(stack, MEMORY.take(), entropy::source());
    let mut client = client.timing(Timing::LONG_LIVED);
    let supervisor: Supervisor = Supervisor::new(Backoff::DEFAULT);
    device::run(&mut client, &request, &supervisor, &LOG, &Emulated).await;
}

struct Emulated;

impl Board for Emulated {
    fn temperature(&self) -> i32 {
        21
    }

    fn set_light(&self, on: bool) {
        println!("light {}", if on { "on" } else { "off" });
    }
}
