//! The ESP32-C3: radio, clock, sensor and light. What it does with them is in `telemetry`.

#![no_std]
#![no_main]

mod radio;

use embassy_executor::Spawner;
use esp_backtrace as _;
use esp_hal::{
    clock::CpuClock,
    gpio::{Level, Output, OutputConfig},
    rng::{Trng, TrngSource},
    timer::timg::TimerGroup,
    tsens::{self, TemperatureSensor},
};
use esp_println as _;

esp_bootloader_esp_idf::esp_app_desc!();

/// For the radio's own C library, which allocates. Nothing of ours does.
const RADIO_HEAP: usize = 72 * 1024;

#[esp_rtos::main]
async fn main(spawner: Spawner) {
    let board = esp_hal::init(esp_hal::Config::default().with_cpu_clock(CpuClock::max()));
    esp_alloc::heap_allocator!(size: RADIO_HEAP);
    let timers = TimerGroup::new(board.TIMG0);
    esp_rtos::start(timers.timer0, board.FROM_CPU_INTR0);

    // Its noise comes from the converter; without a source running, the generator is refused.
    let _noise = TrngSource::new(board.RNG, board.ADC1);
    let random = Trng::try_new().expect("the source was started in the line above");
    let mut seed = [0; 8];
    random.read(&mut seed);

    let stack = radio::start(spawner, board.WIFI, u64::from_le_bytes(seed));
    let light = Output::new(board.GPIO8, Level::Low, OutputConfig::default());
    let sensor = TemperatureSensor::new(board.TSENS, tsens::Config::default());
    stack.wait_config_up().await;
    let _ = (light, sensor);
}
