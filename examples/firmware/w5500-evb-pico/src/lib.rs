//! The W5500-EVB-Pico: an RP2040 with a W5500, an Ethernet chip, on its SPI0. What it does with them is in `telemetry`,
//! `autobahn` and `wss`, which do not know the board.

#![no_std]

mod ethernet;
pub mod flash;
pub mod settings;

use bare_ws::entropy::Entropy;
use bare_ws_embassy::entropy::FromFn;
use defmt_rtt as _;
use embassy_executor::Spawner;
use embassy_net::Stack;
use embassy_rp::{
    Peri,
    adc::{self, Adc},
    clocks::RoscRng,
    gpio::{Level, Output},
    peripherals,
};
use embassy_time::Instant;
use panic_probe as _;
use words::Words;

// Each line of the log begins with the milliseconds since start-up.
defmt::timestamp!("{=u64}", Instant::now().as_millis());

/// The board after start-up.
pub struct Board {
    /// The network; its link and its address may be yet to come.
    pub stack: Stack<'static>,
    /// The chip's own thermometer.
    pub thermometer: Thermometer,
    /// The light beside the USB socket.
    pub light: Output<'static>,
    /// What writes to the flash.
    pub flash: Peri<'static, peripherals::FLASH>,
}

impl Board {
    /// Starts the board and its network, with what the settings say of it.
    pub async fn start(spawner: Spawner, words: Words) -> Self {
        let board = embassy_rp::init(embassy_rp::config::Config::default());
        let wires = ethernet::Wires {
            spi: board.SPI0,
            miso: board.PIN_16,
            select: board.PIN_17,
            clock: board.PIN_18,
            mosi: board.PIN_19,
            reset: board.PIN_20,
            interrupt: board.PIN_21,
            transmit: board.DMA_CH0,
            receive: board.DMA_CH1,
        };
        Self {
            stack: ethernet::start(spawner, wires, words).await,
            thermometer: Thermometer::new(board.ADC, board.ADC_TEMP_SENSOR),
            light: Output::new(board.PIN_25, Level::Low),
            flash: board.FLASH,
        }
    }
}

/// Random octets of the chip's ring oscillator, which never fails.
#[must_use]
pub fn entropy() -> impl Entropy {
    FromFn(|octets: &mut [u8]| {
        RoscRng.fill_bytes(octets);
        Ok(())
    })
}

/// The chip's own thermometer.
pub struct Thermometer {
    adc: Adc<'static, adc::Blocking>,
    channel: adc::Channel<'static>,
}

impl Thermometer {
    fn new(
        adc: Peri<'static, peripherals::ADC>,
        sensor: Peri<'static, peripherals::ADC_TEMP_SENSOR>,
    ) -> Self {
        Self {
            adc: Adc::new_blocking(adc, adc::Config::default()),
            channel: adc::Channel::new_temp_sensor(sensor),
        }
    }

    /// Thousandths of a degree Celsius; 0 if the converter fails.
    pub fn read(&mut self) -> i32 {
        let Ok(raw) = self.adc.blocking_read(&mut self.channel) else {
            return 0;
        };
        // RP2040 datasheet §4.9.5: T = 27 - (V - 0.706) / 0.001721, V of 3.3 in 4096 steps.
        let microvolts = i32::from(raw) * 825_000 / 1024;
        27_000 - (microvolts - 706_000) * 1000 / 1721
    }
}
