//! What the fuzz targets share. Each target is a law that must hold for any octets; the README
//! says how to run them, and what to do with what they find.

pub mod certificates;
pub mod input;
pub mod memory;
pub mod reception;
pub mod rfc6455;

pub use input::{Input, Pieces};

use std::sync::OnceLock;

/// Whether this bug is planted. `run plant` plants one after the other and expects each to be
/// found: a target whose law cannot fail is worth nothing.
#[must_use]
pub fn planted(bug: &str) -> bool {
    static PLANTED: OnceLock<Option<String>> = OnceLock::new();
    PLANTED
        .get_or_init(|| std::env::var("BARE_WS_PLANT").ok())
        .as_deref()
        == Some(bug)
}

/// Whether the case at hand is to be printed: what `run show` asks for.
#[must_use]
pub fn shown() -> bool {
    static SHOWN: OnceLock<bool> = OnceLock::new();
    *SHOWN.get_or_init(|| std::env::var_os("BARE_WS_SHOW").is_some())
}

/// Prints the case at hand, if asked to, as a vector would write it down.
#[macro_export]
macro_rules! show {
    ($($what:tt)*) => {
        if $crate::shown() {
            eprintln!($($what)*);
        }
    };
}

/// Octets as the tables of vectors write them.
#[must_use]
pub fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
