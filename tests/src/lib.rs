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

/// The program in the README compiles, ...
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// ... and what MIGRATING.md says to write.
#[cfg(doctest)]
#[doc = include_str!("../../MIGRATING.md")]
struct Migrating;

/// How many runs a random test makes: so many, or times `BARE_WS_RUNS` if that is set.
///
/// # Panics
/// If `BARE_WS_RUNS` is set to anything but a number above 0: a test of no runs passes whatever it
/// tests.
#[must_use]
pub fn runs(usual: u64) -> u64 {
    let factor = match std::env::var("BARE_WS_RUNS") {
        Ok(factor) => factor_of(&factor),
        Err(std::env::VarError::NotPresent) => 1,
        Err(error) => panic!("BARE_WS_RUNS: {error}"),
    };
    usual.saturating_mul(factor)
}

/// Runs a test on a thread of its own, and fails where it does not end: what goes round within one
/// poll, no clock of the test's stops.
///
/// # Panics
/// If it panics, or is not over after a minute.
pub fn ends(run: impl FnOnce() + Send + 'static) {
    let (done, over) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        run();
        let _ = done.send(());
    });
    let over = over.recv_timeout(core::time::Duration::from_secs(60));
    assert!(over.is_ok(), "it has failed, or never ends: {over:?}");
}

fn factor_of(text: &str) -> u64 {
    match text.parse() {
        Ok(0) | Err(_) => panic!("BARE_WS_RUNS is a number above 0, not {text:?}"),
        Ok(factor) => factor,
    }
}

#[cfg(test)]
mod tests {
    use super::factor_of;

    #[test]
    fn a_factor_that_empties_random_tests_is_refused() {
        assert_eq!((factor_of("1"), factor_of("250")), (1, 250));
        for text in ["0", "", "-1", "1.5", "x", "99999999999999999999"] {
            let refused = std::panic::catch_unwind(|| factor_of(text));
            assert!(refused.is_err(), "{text:?}");
        }
    }
}
