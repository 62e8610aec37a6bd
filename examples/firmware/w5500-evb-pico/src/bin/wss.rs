//! A verified TLS connection through which octets are echoed: see the package `wss`.
//!
//! Settings: `uri=wss://HOST:PORT/`; `ca=HEX`, the one certificate (DER) to trust; `name=NAME` where the certificate
//! is to be for a name that is not the URI's host; `now=SECONDS` since 1970, which a device asks SNTP or its
//! real-time clock for; `octets=N`.

#![no_std]
#![no_main]

use embassy_executor::Spawner;
use static_cell::ConstStaticCell;
use w5500_evb_pico::{Board, entropy, settings};
use words::Words;
use wss::{Memory, Settings, Step};

/// Half of the page that the settings have, where it is in hexadecimal digits.
const CERTIFICATE: usize = 2048;
const OCTETS: usize = 1 << 16;

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    static CA: ConstStaticCell<[u8; CERTIFICATE]> = ConstStaticCell::new([0; _]);
    static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());

    let words = settings::read();
    let Some(settings) = settings_of(words, CA.take()) else {
        defmt::error!("failed: uri, ca or now is not in the settings");
        return;
    };
    let stack = Board::start(spawner, words).await.stack;
    let at = |step| {
        if let Step::Connected = step {
            defmt::info!("connected");
        }
    };
    match wss::run(stack, &settings, MEMORY.take(), &mut entropy(), at).await {
        Ok(()) => defmt::info!("done: echoed {} octets", settings.octets),
        Err(failure) => defmt::error!("failed: {}", failure),
    }
}

fn settings_of(words: Words, memory: &'static mut [u8]) -> Option<Settings<'static>> {
    Some(Settings {
        uri: words.value("uri")?,
        name: words.value("name"),
        root: octets(words.value("ca")?, memory)?,
        now: words.parsed("now")?,
        octets: words.parsed("octets").unwrap_or(OCTETS),
    })
}

/// What hexadecimal digits say.
fn octets<'m>(digits: &str, memory: &'m mut [u8]) -> Option<&'m [u8]> {
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let octets = memory.get_mut(..pairs.len())?;
    for (octet, pair) in octets.iter_mut().zip(pairs) {
        *octet = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(octets)
}
