//! What is below the network stack: start-up, console, clock, executor, network card.
//!
//! Each board gives the same handful of items; which one is built follows from the target.

mod executor;
mod register;
mod time;

#[cfg_attr(target_arch = "arm", path = "mps2/mod.rs")]
#[cfg_attr(target_arch = "riscv32", path = "virt/mod.rs")]
mod hardware;

use core::{fmt, panic::PanicInfo};

use embassy_executor::Spawner;
use embassy_net::{
    Config, DhcpConfig, Ipv4Address, Ipv4Cidr, Runner, Stack, StackResources, StaticConfigV4,
};
use embassy_net_driver::LinkState;
use embassy_time::Instant;
use rand_core::Rng;
use static_cell::ConstStaticCell;

pub use crate::println;
pub(crate) use hardware::{instruction_counter, stack_bounds};

use crate::{arguments, entropy::HostSeeded, measure};
use hardware::NetworkCard;

/// The exit statuses that are not the application's own.
pub mod status {
    /// A panic; the message is on the console.
    pub const PANIC: i32 = 101;
    /// A fault of the processor, such as an access to memory that is not there.
    pub const FAULT: i32 = 102;
}

/// Sockets at one time: DHCP, DNS, and three of TCP.
const SOCKETS: usize = 5;

/// Brings up the board and its network, then calls `main` to spawn the application's tasks and
/// serves them for ever. A program calls it as the whole of its C `main`:
///
/// ```ignore
/// #[unsafe(no_mangle)]
/// extern "C" fn main() -> ! {
///     board::run(|spawner, stack| spawner.spawn(application(stack).unwrap()))
/// }
/// ```
pub fn run(main: fn(Spawner, Stack<'static>)) -> ! {
    measure::paint_stack();
    let card = hardware::start();
    executor::run(|spawner| {
        let stack = start_network(spawner, card);
        main(spawner, stack);
    })
}

/// Apart, because the new stack passes over ours on its way into its static: the room is free
/// again before anything else runs.
#[inline(never)]
fn start_network(spawner: Spawner, card: &'static mut NetworkCard) -> Stack<'static> {
    static RESOURCES: ConstStaticCell<StackResources<SOCKETS>> =
        ConstStaticCell::new(StackResources::new());
    let Ok(mut random) = HostSeeded::generator() else {
        println!("the host gives no random octets");
        exit(status::FAULT)
    };
    let (stack, runner) =
        embassy_net::new(card, configuration(), RESOURCES.take(), random.next_u64());
    match network(runner) {
        Ok(task) => spawner.spawn(task),
        Err(_) => exit(status::FAULT),
    }
    stack
}

/// By DHCP, or with the argument `ip=10.0.2.15` a fixed address in the emulator's network. It makes
/// a difference when the link goes down: embassy-net gives an address of DHCP up with it, and every
/// connection with the address; one that is fixed stays, and connections wait.
fn configuration() -> Config {
    let Some(address) = arguments::read().parsed("ip") else {
        return Config::dhcpv4(DhcpConfig::default());
    };
    Config::ipv4_static(StaticConfigV4 {
        address: Ipv4Cidr::new(address, 24),
        gateway: Some(Ipv4Address::new(10, 0, 2, 2)),
        dns_servers: [Ipv4Address::new(10, 0, 2, 3)].into_iter().collect(),
    })
}

/// Ends the emulation with this exit status.
pub fn exit(status: i32) -> ! {
    semihosting::process::exit(status)
}

/// Seconds since 1970 by the host's clock, for the validity of certificates. A device asks SNTP
/// or its real-time clock instead.
pub fn unix_time() -> Option<u64> {
    semihosting::sys::arm_compat::sys_time()
        .ok()
        .and_then(|seconds| u64::try_from(seconds).ok())
}

/// Writes one line of text to the board's console.
#[macro_export]
macro_rules! println {
    ($($arguments:tt)*) => { $crate::board::print(format_args!($($arguments)*)) };
}

/// Writes one line of text to the board's console. Use [`println!`].
pub fn print(arguments: fmt::Arguments<'_>) {
    struct Console;
    impl fmt::Write for Console {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            text.bytes().for_each(hardware::put_octet);
            Ok(())
        }
    }
    // The console never fails, and a failing Display of the caller's is not worth a panic.
    let _ = fmt::Write::write_fmt(&mut Console, arguments);
    hardware::put_octet(b'\n');
}

/// What the network card's driver says of its link; a change is a line on the console, with the
/// milliseconds since start-up.
fn link(last: &mut LinkState, up: bool) -> LinkState {
    let (now, word) = match up {
        true => (LinkState::Up, "up"),
        false => (LinkState::Down, "down"),
    };
    if *last != now {
        println!("{} link {word}", Instant::now().as_millis());
        *last = now;
    }
    now
}

#[embassy_executor::task]
async fn network(mut runner: Runner<'static, &'static mut NetworkCard>) -> ! {
    runner.run().await
}

#[panic_handler]
fn panic(information: &PanicInfo<'_>) -> ! {
    println!("{information}");
    exit(status::PANIC)
}
