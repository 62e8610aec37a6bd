//! The CYW43439 radio: its firmware, its tasks, and joining the network again when it is lost.

use aligned::{A4, Aligned};
use cyw43::{Control, JoinOptions, NetDriver, PowerManagementMode, SpiBus};
use cyw43_firmware::{CYW43_43439A0, CYW43_43439A0_CLM};
use cyw43_pio::{DEFAULT_CLOCK_DIVIDER, PioSpi};
use embassy_executor::Spawner;
use embassy_futures::select::{Either, select};
use embassy_net::{Config, Stack, StackResources};
use embassy_rp::{
    Peri, dma,
    gpio::{Level, Output},
    peripherals,
    pio::Pio,
};
use embassy_sync::{blocking_mutex::raw::CriticalSectionRawMutex, signal::Signal};
use embassy_time::Timer;
use static_cell::{ConstStaticCell, StaticCell};

use crate::Interrupts;

/// The network's name, from the environment at build time.
const SSID: &str = env!(
    "WIFI_SSID",
    "set WIFI_SSID to the name of the wireless network"
);
/// Its passphrase; none for an open network.
const PASSPHRASE: Option<&str> = option_env!("WIFI_PASSPHRASE");

/// What the radio's processor runs, and its regulatory data.
static FIRMWARE: &Aligned<A4, [u8]> = &Aligned(*CYW43_43439A0);
static CLM: &[u8] = CYW43_43439A0_CLM;
/// Settings of the radio for this very board, from the file given at build time.
static NVRAM: &Aligned<A4, [u8]> =
    &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/nvram.bin")));

/// Sockets at one time: DHCP, DNS, and two of TCP.
const SOCKETS: usize = 4;
const PAUSE_BETWEEN_LOOKS_S: u64 = 1;
const PAUSE_BETWEEN_JOINS_S: u64 = 5;

/// The light hangs on the radio, not on the processor.
static LIGHT: Signal<CriticalSectionRawMutex, bool> = Signal::new();

/// What the radio is wired to on the Pico W.
pub(crate) struct Pins {
    pub(crate) power: Peri<'static, peripherals::PIN_23>,
    pub(crate) data: Peri<'static, peripherals::PIN_24>,
    pub(crate) select: Peri<'static, peripherals::PIN_25>,
    pub(crate) clock: Peri<'static, peripherals::PIN_29>,
    pub(crate) pio: Peri<'static, peripherals::PIO0>,
    pub(crate) dma: Peri<'static, peripherals::DMA_CH0>,
}

type Bus = SpiBus<Output<'static>, PioSpi<'static, peripherals::PIO0, 0>>;

/// Starts the radio and the network stack. `seed` is for port numbers and the like.
pub(crate) async fn start(spawner: Spawner, pins: Pins, seed: u64) -> Stack<'static> {
    static STATE: StaticCell<cyw43::State> = StaticCell::new();
    static RESOURCES: ConstStaticCell<StackResources<SOCKETS>> =
        ConstStaticCell::new(StackResources::new());

    let mut pio = Pio::new(pins.pio, Interrupts);
    let bus = PioSpi::new(
        &mut pio.common,
        pio.sm0,
        DEFAULT_CLOCK_DIVIDER,
        pio.irq0,
        Output::new(pins.select, Level::High),
        pins.data,
        pins.clock,
        dma::Channel::new(pins.dma, Interrupts),
    );
    let power = Output::new(pins.power, Level::Low);
    let state = STATE.init_with(cyw43::State::new);
    let (driver, control, runner) = cyw43::new(state, power, bus, FIRMWARE, NVRAM).await;
    spawner.spawn(radio(runner).expect("spawned once"));

    let (stack, runner) = embassy_net::new(
        driver,
        Config::dhcpv4(embassy_net::DhcpConfig::default()),
        RESOURCES.take(),
        seed,
    );
    spawner.spawn(network(runner).expect("spawned once"));
    spawner.spawn(membership(control, stack).expect("spawned once"));
    stack
}

/// Switches the light on or off, soon.
pub(crate) fn set_light(on: bool) {
    LIGHT.signal(on);
}

#[embassy_executor::task]
async fn radio(runner: cyw43::Runner<'static, Bus>) -> ! {
    runner.run().await
}

#[embassy_executor::task]
async fn network(mut runner: embassy_net::Runner<'static, NetDriver<'static>>) -> ! {
    runner.run().await
}

/// Keeps the board in the wireless network.
#[embassy_executor::task]
async fn membership(mut control: Control<'static>, stack: Stack<'static>) -> ! {
    control.init(CLM).await;
    control
        .set_power_management(PowerManagementMode::PowerSave)
        .await;
    loop {
        if stack.is_link_up() {
            let look_again = Timer::after_secs(PAUSE_BETWEEN_LOOKS_S);
            if let Either::First(on) = select(LIGHT.wait(), look_again).await {
                control.gpio_set(0, on).await;
            }
            continue;
        }
        let options = PASSPHRASE.map_or_else(JoinOptions::new_open, |passphrase| {
            JoinOptions::new(passphrase.as_bytes())
        });
        match control.join(SSID, options).await {
            Ok(()) => defmt::info!("joined {}", SSID),
            Err(error) => {
                defmt::warn!("cannot join {}: {}", SSID, error);
                Timer::after_secs(PAUSE_BETWEEN_JOINS_S).await;
            }
        }
    }
}
