//! When to connect again (RFC 6455 §7.2.3).

use bare_ws::entropy::EntropyError;
use bare_ws_embassy::Backoff;
use bare_ws_embassy::entropy::FromFn;
use embassy_time::Duration;

use crate::support::entropy::{Broken, Repeatable};

const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);

/// The bounds of each delay, in seconds.
const BOUNDS: [(u64, u64); 7] = [
    (0, 5),
    (5, 10),
    (10, 20),
    (20, 40),
    (30, 60),
    (30, 60),
    (30, 60),
];

/// Entropy of these octets.
fn constant(octet: u8) -> FromFn<impl FnMut(&mut [u8]) -> Result<(), EntropyError>> {
    FromFn(move |octets: &mut [u8]| {
        octets.fill(octet);
        Ok(())
    })
}

// row: CLS-16
#[test]
fn delays_grow_to_the_longest_and_no_further() {
    let mut least = Backoff::new(FIRST, LONGEST);
    let mut most = Backoff::new(FIRST, LONGEST);
    for (from, to) in BOUNDS {
        assert_eq!(least.delay(&mut constant(0)), Ok(Duration::from_secs(from)));
        let delay = most.delay(&mut constant(0xFF)).expect("entropy");
        assert!(delay < Duration::from_secs(to), "{delay:?}");
        assert!(delay + Duration::from_millis(1) >= Duration::from_secs(to));
    }
    most.reset();
    assert_eq!(most, Backoff::new(FIRST, LONGEST));
}

/// A thousand devices lose power at once: their attempts spread evenly over each delay's span,
/// the very first one too.
// row: CLS-16, TRAP-29
#[test]
fn a_thousand_devices_do_not_come_back_at_once() {
    const DEVICES: usize = 1000;
    const SLOTS: usize = 10;
    let mut attempts = [[0; SLOTS]; BOUNDS.len()];
    for device in 0..DEVICES {
        let mut entropy = Repeatable((device as u64) << 20);
        let mut backoff = Backoff::new(FIRST, LONGEST);
        for (counts, (from, to)) in attempts.iter_mut().zip(BOUNDS) {
            let delay = backoff.delay(&mut entropy).expect("entropy").as_millis();
            let place = (delay - from * 1000) * SLOTS as u64 / ((to - from) * 1000);
            counts[place as usize] += 1;
        }
    }
    // Evenly is 100 in each slot; six standard deviations are 57.
    for count in attempts.as_flattened() {
        assert!((43..=157).contains(count), "{attempts:?}");
    }
}

// row: TRAP-28
#[test]
fn the_greatest_durations_do_not_overflow() {
    let mut backoff = Backoff::new(Duration::MAX, Duration::MAX);
    for _ in 0..3 {
        let delay = backoff.delay(&mut constant(0xFF)).expect("entropy");
        assert!(delay >= Duration::from_ticks(u64::MAX / 2));
    }
    let mut none = Backoff::new(Duration::from_secs(9), Duration::MIN);
    assert_eq!(none.delay(&mut constant(0xFF)), Ok(Duration::MIN));
}

#[test]
fn a_broken_source_of_entropy_changes_nothing() {
    let mut backoff = Backoff::new(FIRST, LONGEST);
    assert_eq!(backoff.delay(&mut Broken), Err(EntropyError));
    assert_eq!(backoff, Backoff::new(FIRST, LONGEST));
}
