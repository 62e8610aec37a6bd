//! The application of the real boards, on the emulated ones: see the package `telemetry`.
//!
//! Arguments: `uri=ws://HOST:PORT/`; `dead_after=MS`, the silence that ends a connection. Runs
//! until the emulator is ended. Each line of the log begins with the milliseconds since start-up.

#![no_std]
#![no_main]

use bare_ws::entropy::RandCore;
use bare_ws_embassy::{Backoff, KeepAlive, Timing, supervisor::Event as Link};
use embassy_executor::Spawner;
use embassy_net::Stack;
use embassy_time::{Duration, Instant};
use emulated::{
    arguments,
    board::{self, println},
    entropy::HostSeeded,
    measure,
};
use static_cell::ConstStaticCell;
use telemetry::{Event, Memory, Settings};

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    board::run(|spawner: Spawner, stack| spawner.spawn(program(stack).expect("spawned once")))
}

#[embassy_executor::task]
async fn program(stack: Stack<'static>) {
    static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());
    let arguments = arguments::read();
    let dead_after = arguments.parsed("dead_after").unwrap_or(1000);
    let Ok(random) = HostSeeded::generator() else {
        println!("the host gives no random octets");
        board::exit(1)
    };
    // Far shorter than a device's, so that a test sees each of them pass.
    let settings = Settings {
        uri: arguments.value("uri").unwrap_or_default(),
        period: Duration::from_millis(200),
        delays: Backoff::new(Duration::from_millis(100), Duration::from_secs(1)),
        timing: Timing {
            connect: Duration::from_secs(2),
            handshake: Duration::from_secs(2),
            keepalive: Some(KeepAlive {
                interval: Duration::from_millis(300),
                dead_after: Duration::from_millis(dead_after),
            }),
            close: Duration::from_secs(1),
            ..Timing::DEFAULT
        },
    };
    let entropy = RandCore(random);
    let ended = telemetry::run(
        stack,
        &settings,
        MEMORY.take(),
        entropy,
        Emulated::default(),
    )
    .await;
    println!("failed: {:?}", ended.err());
    board::exit(1)
}

/// A board whose light is a line of text, and whose temperature rises.
#[derive(Default)]
struct Emulated {
    temperature: i32,
}

impl telemetry::Board for Emulated {
    fn temperature(&mut self) -> i32 {
        self.temperature += 125;
        20_000 + self.temperature
    }

    fn set_light(&mut self, on: bool) {
        println!("light {}", if on { "on" } else { "off" });
    }

    fn log(&mut self, event: Event<'_>) {
        println!("{} {event:?}", Instant::now().as_millis());
        if let Event::Link(Link::Ended(_) | Link::NotConnected(_)) = event {
            measure::report_stack("telemetry");
        }
    }
}
