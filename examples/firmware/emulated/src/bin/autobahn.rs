//! The client that the Autobahn test suite judges: see the package `autobahn`.
//!
//! Arguments: `uri=ws://HOST:PORT` of the suite's server, `agent=NAME` for its report,
//! `deflate=BITS` to offer compression with a window of 2^BITS octets.

#![no_std]
#![no_main]

use autobahn::{Memory, Settings};
use bare_ws::entropy::RandCore;
use embassy_executor::Spawner;
use embassy_net::Stack;
use emulated::{
    arguments,
    board::{self, println},
    entropy::HostSeeded,
    measure,
};
use static_cell::ConstStaticCell;

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    board::run(|spawner: Spawner, stack| spawner.spawn(program(stack).expect("spawned once")))
}

#[embassy_executor::task]
async fn program(stack: Stack<'static>) {
    static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());
    let arguments = arguments::read();
    let settings = Settings {
        uri: arguments.value("uri").unwrap_or_default(),
        agent: arguments.value("agent").unwrap_or("bare-ws-firmware"),
        deflate: arguments.parsed("deflate"),
    };
    let Ok(random) = HostSeeded::generator() else {
        println!("the host gives no random octets");
        board::exit(1)
    };
    let ended = autobahn::run(
        stack,
        &settings,
        MEMORY.take(),
        &mut RandCore(random),
        |case, failure| println!("case {case}: {failure:?}"),
    )
    .await;
    let status = match ended {
        Ok(cases) => {
            println!("{cases} cases");
            0
        }
        Err(failure) => {
            println!("failed: {failure:?}");
            1
        }
    };
    measure::report_stack("autobahn");
    board::exit(status)
}
