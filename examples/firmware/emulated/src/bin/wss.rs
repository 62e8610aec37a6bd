//! A verified TLS connection: 1 MiB goes to a WebSocket server, and comes back. See the package `wss`.
//!
//! Arguments: `uri=wss://HOST:PORT/`, `ca=FILE` with the one certificate (DER) to trust;
//! `name=NAME` where the certificate is to be for a name that is not the URI's host;
//! `now=SECONDS` for another time than the host's, since 1970.

#![no_std]
#![no_main]

use bare_ws::entropy::RandCore;
use core::fmt::Write as _;
use embassy_executor::Spawner;
use embassy_net::Stack;
use emulated::{
    arguments,
    board::{self, println},
    entropy::HostSeeded,
    measure,
};
use heapless::String;
use semihosting::{fs::File, io::Read as _};
use static_cell::ConstStaticCell;
use words::Words;
use wss::{Memory, Settings, Step};

/// What is echoed.
const OCTETS: usize = 1 << 20;
const CERTIFICATE: usize = 2048;

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    board::run(|spawner: Spawner, stack| spawner.spawn(program(stack).expect("spawned once")))
}

#[embassy_executor::task]
async fn program(stack: Stack<'static>) {
    let status = match app(stack, arguments::read()).await {
        Ok(()) => 0,
        Err(failure) => {
            println!("failed: {failure:?}");
            1
        }
    };
    measure::report_stack("wss");
    board::exit(status)
}

#[derive(Debug)]
#[expect(dead_code, reason = "printed by its Debug")]
enum Failure {
    Argument(&'static str),
    NoTime,
    Entropy,
    Run(wss::Failure),
}

async fn app(stack: Stack<'static>, arguments: Words) -> Result<(), Failure> {
    static CA: ConstStaticCell<[u8; CERTIFICATE]> = ConstStaticCell::new([0; _]);
    static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());

    let file = arguments.value("ca").ok_or(Failure::Argument("ca"))?;
    let settings = Settings {
        uri: arguments.value("uri").ok_or(Failure::Argument("uri"))?,
        name: arguments.value("name"),
        root: read(file, CA.take()).ok_or(Failure::Argument("ca"))?,
        now: match arguments.parsed("now") {
            Some(now) => now,
            None => board::unix_time().ok_or(Failure::NoTime)?,
        },
        octets: OCTETS,
    };
    let random = HostSeeded::generator().map_err(|_| Failure::Entropy)?;
    let mut before = 0;
    let at = |step| {
        let now = measure::instructions();
        match step {
            Step::Connecting => {}
            Step::Connected => measure::report_instructions("wss-connect", now - before),
            Step::Echoed => measure::report_instructions("wss-echo-1m", now - before),
        }
        before = measure::instructions();
    };
    wss::run(stack, &settings, MEMORY.take(), &mut RandCore(random), at)
        .await
        .map_err(Failure::Run)?;
    println!("echoed {OCTETS} octets");
    Ok(())
}

/// Reads a file of the host, over semihosting.
fn read<'m>(path: &str, memory: &'m mut [u8]) -> Option<&'m [u8]> {
    let mut name = String::<256>::new();
    write!(name, "{path}\0").ok()?;
    let name = core::ffi::CStr::from_bytes_with_nul(name.as_bytes()).ok()?;
    let mut file = File::open(name).ok()?;
    let mut length = 0;
    loop {
        let room = memory.get_mut(length..)?;
        match file.read(room).ok()? {
            0 => return memory.get(..length),
            read => length += read,
        }
    }
}
