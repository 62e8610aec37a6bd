//! The Pico W: radio, clock, sensor and light. What it does with them is in `telemetry`.

#![no_std]
#![no_main]

mod radio;

use defmt_rtt as _;
use embassy_executor::Spawner;
use embassy_rp::{
    adc::{self, Adc},
    bind_interrupts,
    clocks::RoscRng,
    dma, peripherals, pio,
};
use panic_probe as _;

bind_interrupts!(struct Interrupts {
    ADC_IRQ_FIFO => adc::InterruptHandler;
    DMA_IRQ_0 => dma::InterruptHandler<peripherals::DMA_CH0>;
    PIO0_IRQ_0 => pio::InterruptHandler<peripherals::PIO0>;
});

#[embassy_executor::main]
async fn main(spawner: Spawner) {
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
    let adc = Adc::new(board.ADC, Interrupts, adc::Config::default());
    let sensor = adc::Channel::new_temp_sensor(board.ADC_TEMP_SENSOR);
    stack.wait_config_up().await;
    let _ = (adc, sensor);
}
