//! The application of all boards, on this one: see the package `telemetry`. README.md lists the settings.

#![no_std]
#![no_main]

use bare_ws_embassy::{Backoff, KeepAlive, Timing, supervisor::Event as Link};
use embassy_executor::Spawner;
use embassy_rp::gpio::{Level, Output};
use embassy_time::Duration;
use static_cell::ConstStaticCell;
use telemetry::{Event, Memory, Settings};
use w5500_evb_pico::{Board, Thermometer, entropy, settings};
use words::Words;

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());

    let words = settings::read();
    let Some(uri) = words.value("uri") else {
        defmt::error!("failed: no uri in the settings");
        return;
    };
    let board = Board::start(spawner, words).await;
    let station = Station {
        thermometer: board.thermometer,
        light: board.light,
    };
    let settings = settings_of(uri, words);
    let ended = telemetry::run(board.stack, &settings, MEMORY.take(), entropy(), station).await;
    defmt::error!("failed: {}", ended.err());
}

/// What is not set is as a device in the field wants it.
fn settings_of(uri: &'static str, words: Words) -> Settings<'static> {
    let milliseconds = |key, default| words.parsed(key).map_or(default, Duration::from_millis);
    let timing = Timing::DEFAULT;
    Settings {
        uri,
        period: milliseconds("period", Duration::from_secs(10)),
        // RFC 6455 §7.2.3: "a value chosen randomly between 0 and 5 seconds".
        delays: Backoff::new(
            milliseconds("first_delay", Duration::from_secs(5)),
            milliseconds("longest_delay", Duration::from_secs(300)),
        ),
        timing: Timing {
            connect: milliseconds("connect", timing.connect),
            handshake: milliseconds("handshake", timing.handshake),
            keepalive: Some(KeepAlive {
                interval: milliseconds("ping", Duration::from_secs(20)),
                dead_after: milliseconds("dead_after", Duration::from_secs(45)),
            }),
            ..timing
        },
    }
}

struct Station {
    thermometer: Thermometer,
    light: Output<'static>,
}

impl telemetry::Board for Station {
    fn temperature(&mut self) -> i32 {
        self.thermometer.read()
    }

    fn set_light(&mut self, on: bool) {
        self.light
            .set_level(if on { Level::High } else { Level::Low });
    }

    fn log(&mut self, event: Event<'_>) {
        match event {
            Event::Link(Link::Ended(_) | Link::NotConnected(_)) => defmt::warn!("{}", event),
            event => defmt::info!("{}", event),
        }
    }
}
