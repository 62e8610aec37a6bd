//! Runs a scenario under many schedules.

use std::env;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use model::scheduler::{PctScheduler, RandomScheduler};
use model::{Config, MaxSteps, Runner};

/// How long each scheduler takes at the most, and how many schedules it makes.
const MILLISECONDS: u64 = 1500;
const SCHEDULES: usize = 20_000;

/// Random schedules, and those of PCT, which finds what needs so many ill-timed switches. `THREADS_SEED`
/// chooses them, `THREADS_MS` how long each of the schedulers takes.
pub(crate) fn explore(name: &str, scenario: fn()) {
    let number = |name| {
        env::var(name)
            .ok()
            .and_then(|value: String| value.parse::<u64>().ok())
    };
    let seed = number("THREADS_SEED").unwrap_or_else(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| since.as_nanos() as u64)
    });
    let mut config = Config::new();
    config.stack_size = 1 << 18;
    config.silence_warnings = true;
    // The schedule itself is thousands of digits; the seed says the same.
    config.failure_persistence = model::FailurePersistence::None;
    config.max_steps = MaxSteps::FailAfter(100_000);
    config.max_time = Some(Duration::from_millis(
        number("THREADS_MS").unwrap_or(MILLISECONDS),
    ));
    println!("exploring {name} with THREADS_SEED={seed}");
    let scenario = move || {
        model::begin();
        scenario();
    };
    let random = RandomScheduler::new_from_seed(seed, SCHEDULES);
    let mut schedules = Runner::new(random, config.clone()).run(scenario);
    for depth in [2, 4] {
        let pct = PctScheduler::new_from_seed(seed, depth, SCHEDULES);
        schedules += Runner::new(pct, config.clone()).run(scenario);
    }
    assert!(
        schedules > 30,
        "too few schedules to say anything: {schedules}"
    );
    println!("explored {name}: {schedules} schedules");
}
