//! The Pico W: radio, clock, sensor and light. What it does with them is in `telemetry`.

#![no_std]
#![no_main]

mod radio;

use bare_ws_embassy::{Backoff, KeepAlive, Timing, entropy::FromFn, supervisor::Event as Link};
use defmt_rtt as _;
use embassy_executor::Spawner;
use embassy_rp::{
    adc::{self, Adc},
    bind_interrupts,
    clocks::RoscRng,
    dma, peripherals, pio,
};
use embassy_time::Duration;
use panic_probe as _;
use static_cell::ConstStaticCell;
use telemetry::{Board, Event, Memory, Settings};

/// Where to report to, from the environment at build time.
const URI: &str = env!(
    "TELEMETRY_URI",
    "set TELEMETRY_URI to the server, as ws://host:port/path"
);

bind_interrupts!(struct Interrupts {
    DMA_IRQ_0 => dma::InterruptHandler<peripherals::DMA_CH0>;
    PIO0_IRQ_0 => pio::InterruptHandler<peripherals::PIO0>;
});

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());

    let board = embassy_rp::init(embassy_rp::config::Config::default());
    let mut random = RoscRng;
    let stack = radio::start(
        spawner,
        radio::Pins {
            power: board.PIN_23,
            data: board.PIN_24,
            select: board.PIN_25,
            clock: board.PIN_29,
            pio: board.PIO0,
            dma: board.DMA_CH0,
        },
        random.next_u64(),
    )
    .await;
    let pico = PicoW {
        adc: Adc::new_blocking(board.ADC, adc::Config::default()),
        sensor: adc::Channel::new_temp_sensor(board.ADC_TEMP_SENSOR),
    };
    let entropy = FromFn(move |octets: &mut [u8]| {
        random.fill_bytes(octets);
        Ok(())
    });
    let ended = telemetry::run(stack, &settings(), MEMORY.take(), entropy, pico).await;
    defmt::error!("{}", ended.err());
}

/// A server of which nothing was heard for this long, in spite of pings, is given up.
const DEAD_AFTER: Duration = Duration::from_secs(45);

fn settings() -> Settings<'static> {
    Settings {
        uri: URI,
        period: Duration::from_secs(10),
        delays: Backoff::DEFAULT,
        timing: Timing {
            keepalive: Some(KeepAlive {
                interval: Duration::from_secs(20),
                dead_after: DEAD_AFTER,
            }),
            ..Timing::DEFAULT
        },
    }
}

struct PicoW {
    adc: Adc<'static, adc::Blocking>,
    sensor: adc::Channel<'static>,
}

impl Board for PicoW {
    fn temperature(&mut self) -> i32 {
        let Ok(raw) = self.adc.blocking_read(&mut self.sensor) else {
            return 0;
        };
        // RP2040 datasheet §4.9.5: T = 27 - (V - 0.706) / 0.001721, V of 3.3 in 4096 steps.
        let microvolts = i32::from(raw) * 825_000 / 1024;
        27_000 - (microvolts - 706_000) * 1000 / 1721
    }

    fn set_light(&mut self, on: bool) {
        radio::set_light(on);
    }

    fn log(&mut self, event: Event<'_>) {
        match event {
            Event::Link(Link::Ended(_) | Link::NotConnected(_)) => defmt::warn!("{}", event),
            event => defmt::info!("{}", event),
        }
    }
}
