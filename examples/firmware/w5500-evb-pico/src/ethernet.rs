//! The W5500 and the network stack above it.

use embassy_executor::Spawner;
use embassy_net::{
    Config, DhcpConfig, Ipv4Address, Ipv4Cidr, Stack, StackResources, StaticConfigV4,
};
use embassy_net_wiznet::{Device, Runner, State, chip::W5500};
use embassy_rp::{
    Peri, bind_interrupts,
    clocks::RoscRng,
    dma,
    gpio::{Input, Level, Output, Pull},
    peripherals,
    spi::{self, Async, Spi},
};
use embassy_time::{Delay, Duration, Timer};
use embedded_hal_bus::spi::ExclusiveDevice;
use static_cell::{ConstStaticCell, StaticCell};
use words::Words;

bind_interrupts!(struct Interrupts {
    DMA_IRQ_0 =>
        dma::InterruptHandler<peripherals::DMA_CH0>,
        dma::InterruptHandler<peripherals::DMA_CH1>;
});

/// Sockets at one time: DHCP, DNS, and two of TCP.
const SOCKETS: usize = 4;
/// Frames that wait in the processor's memory, in each direction; more wait in the chip.
const FRAMES: usize = 4;
/// Of the 80 MHz that the chip takes at most, what the processor's 125 MHz divide into with some room.
const SPI_HZ: u32 = 50_000_000;
const PAUSE_BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// What the chip is wired to.
pub(crate) struct Wires {
    pub(crate) spi: Peri<'static, peripherals::SPI0>,
    pub(crate) miso: Peri<'static, peripherals::PIN_16>,
    pub(crate) select: Peri<'static, peripherals::PIN_17>,
    pub(crate) clock: Peri<'static, peripherals::PIN_18>,
    pub(crate) mosi: Peri<'static, peripherals::PIN_19>,
    pub(crate) reset: Peri<'static, peripherals::PIN_20>,
    pub(crate) interrupt: Peri<'static, peripherals::PIN_21>,
    pub(crate) transmit: Peri<'static, peripherals::DMA_CH0>,
    pub(crate) receive: Peri<'static, peripherals::DMA_CH1>,
}

type Bus = ExclusiveDevice<Spi<'static, peripherals::SPI0, Async>, Output<'static>, Delay>;

/// Resets the chip and starts the stack. A chip that does not answer is a board that is broken: a panic.
pub(crate) async fn start(spawner: Spawner, wires: Wires, words: Words) -> Stack<'static> {
    static STATE: StaticCell<State<FRAMES, FRAMES>> = StaticCell::new();
    static RESOURCES: ConstStaticCell<StackResources<SOCKETS>> =
        ConstStaticCell::new(StackResources::new());

    let mut config = spi::Config::default();
    config.frequency = SPI_HZ;
    let bus = Spi::new(
        wires.spi,
        wires.clock,
        wires.mosi,
        wires.miso,
        wires.transmit,
        wires.receive,
        Interrupts,
        config,
    );
    let bus = ExclusiveDevice::new(bus, Output::new(wires.select, Level::High), Delay)
        .expect("an output pin never fails");
    let (device, runner) = embassy_net_wiznet::new(
        hardware_address(words),
        STATE.init_with(State::new),
        bus,
        Input::new(wires.interrupt, Pull::Up),
        Output::new(wires.reset, Level::High),
    )
    .await
    .expect("the W5500 answers");
    spawner.spawn(chip(runner).expect("spawned once"));

    let seed = RoscRng.next_u64();
    let (stack, runner) = embassy_net::new(device, configuration(words), RESOURCES.take(), seed);
    spawner.spawn(network(runner).expect("spawned once"));
    spawner.spawn(watch(stack).expect("spawned once"));
    stack
}

/// The board has none of its own: `mac=02:12:34:56:78:9a`, or by chance, another at each start.
fn hardware_address(words: Words) -> [u8; 6] {
    words
        .value("mac")
        .and_then(parse_hardware_address)
        .unwrap_or_else(|| {
            let mut octets = [0; 6];
            RoscRng.fill_bytes(&mut octets);
            // IEEE 802 §8.2: of one station, and locally administered.
            octets[0] = octets[0] & !0x01 | 0x02;
            octets
        })
}

fn parse_hardware_address(text: &str) -> Option<[u8; 6]> {
    let mut parts = text.split(':');
    let mut octets = [0; 6];
    for octet in &mut octets {
        *octet = u8::from_str_radix(parts.next()?, 16).ok()?;
    }
    parts.next().is_none().then_some(octets)
}

/// By DHCP; or `ip=192.168.1.20/24` with `gateway=` and `dns=`. Without a prefix, 24.
fn configuration(words: Words) -> Config {
    let fixed = words.parsed("ip").or_else(|| {
        let address: Ipv4Address = words.parsed("ip")?;
        Some(Ipv4Cidr::new(address, 24))
    });
    let Some(address) = fixed else {
        return Config::dhcpv4(DhcpConfig::default());
    };
    Config::ipv4_static(StaticConfigV4 {
        address,
        gateway: words.parsed("gateway"),
        dns_servers: words.parsed("dns").into_iter().collect(),
    })
}

#[embassy_executor::task]
async fn chip(runner: Runner<'static, W5500, Bus, Input<'static>, Output<'static>>) -> ! {
    runner.run().await
}

#[embassy_executor::task]
async fn network(mut runner: embassy_net::Runner<'static, Device<'static>>) -> ! {
    runner.run().await
}

/// Tells of the cable and of the address. By looking: the stack keeps one waker for all who wait for its state, and two
/// that wait at a time would wake each other without end.
#[embassy_executor::task]
async fn watch(stack: Stack<'static>) -> ! {
    let (mut link, mut address) = (false, None);
    loop {
        if stack.is_link_up() != link {
            link = !link;
            defmt::info!("link {}", if link { "up" } else { "down" });
        }
        let now = stack.config_v4().map(|config| config.address);
        if now != address {
            address = now;
            match address {
                Some(address) => defmt::info!("address {}", address),
                None => defmt::info!("no address"),
            }
        }
        Timer::after(PAUSE_BETWEEN_LOOKS).await;
    }
}
