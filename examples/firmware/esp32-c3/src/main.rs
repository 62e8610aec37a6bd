//! The ESP32-C3: radio, clock, sensor and light. What it does with them is in `telemetry`.

#![no_std]
#![no_main]

mod radio;

use bare_ws_embassy::{Backoff, KeepAlive, Timing, entropy::FromFn, supervisor::Event as Link};
use embassy_executor::Spawner;
use embassy_time::Duration;
use esp_backtrace as _;
use esp_hal::{
    clock::CpuClock,
    gpio::{Level, Output, OutputConfig},
    rng::{Trng, TrngSource},
    timer::timg::TimerGroup,
    tsens::{self, TemperatureSensor},
};
use esp_println as _;
use static_cell::ConstStaticCell;
use telemetry::{Board, Event, Memory, Settings};

/// Where to report to, from the environment at build time.
const URI: &str = env!(
    "TELEMETRY_URI",
    "set TELEMETRY_URI to the server, as ws://host:port/path"
);

/// For the radio's own C library, which allocates. Nothing of ours does.
const RADIO_HEAP: usize = 72 * 1024;

esp_bootloader_esp_idf::esp_app_desc!();

#[esp_rtos::main]
async fn main(spawner: Spawner) {
    static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());

    let board = esp_hal::init(esp_hal::Config::default().with_cpu_clock(CpuClock::max()));
    esp_alloc::heap_allocator!(size: RADIO_HEAP);
    let timers = TimerGroup::new(board.TIMG0);
    esp_rtos::start(timers.timer0, board.FROM_CPU_INTR0);

    // The generator's noise comes from the converter; it is refused while none does.
    let _noise = TrngSource::new(board.RNG, board.ADC1);
    let random = Trng::try_new().expect("the source was started in the line above");
    let mut seed = [0; 8];
    random.read(&mut seed);

    let stack = radio::start(spawner, board.WIFI, u64::from_le_bytes(seed));
    let devkit = DevKit {
        sensor: TemperatureSensor::new(board.TSENS, tsens::Config::default())
            .expect("there is no illegal configuration"),
        light: Output::new(board.GPIO8, Level::Low, OutputConfig::default()),
    };
    let entropy = FromFn(move |octets: &mut [u8]| {
        random.read(octets);
        Ok(())
    });
    let ended = telemetry::run(stack, &settings(), MEMORY.take(), entropy, devkit).await;
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

struct DevKit {
    sensor: TemperatureSensor<'static>,
    light: Output<'static>,
}

impl Board for DevKit {
    fn temperature(&mut self) -> i32 {
        (self.sensor.get_temperature().to_celsius() * 1000.0) as i32
    }

    fn set_light(&mut self, on: bool) {
        self.light.set_level(on.into());
    }

    fn log(&mut self, event: Event<'_>) {
        match event {
            Event::Link(Link::Ended(_) | Link::NotConnected(_)) => defmt::warn!("{}", event),
            event => defmt::info!("{}", event),
        }
    }
}
