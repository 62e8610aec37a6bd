//! What the tests share.
//!
//! [`octets`], [`vectors`], [`wire`] and [`laws`] need neither an allocator nor an operating
//! system, so that firmware can take them in by path.

extern crate alloc;

pub mod deadlines;
pub mod deflate;
pub mod io;
pub mod laws;
pub mod loops;
pub mod mask;
pub mod octets;
pub mod poll;
pub mod stream;
pub mod telemetry;
pub mod vectors;
pub mod wire;

/// How many runs a random test makes: so many, or times `BARE_WS_RUNS` if that is set.
#[must_use]
pub fn runs(usual: u64) -> u64 {
    let factor = std::env::var("BARE_WS_RUNS")
        .ok()
        .and_then(|factor| factor.parse().ok());
    usual.saturating_mul(factor.unwrap_or(1))
}
