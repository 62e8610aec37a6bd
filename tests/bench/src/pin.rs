//! One core for both ends of a connection. On two, they wake each other by way of the scheduler, which takes 20 or 50
//! microseconds as it happens to place them; on one, a message costs what its handling costs. Where there is no such
//! call, nothing happens.

/// Keeps this thread, and those it starts meanwhile, on one of the cores that it may use, or lets it go again.
#[cfg(target_os = "linux")]
pub fn to_one_core(one: bool) {
    use std::sync::OnceLock;

    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    static ALL: OnceLock<Option<CpuSet>> = OnceLock::new();
    let Some(all) = ALL.get_or_init(|| sched_getaffinity(None).ok()) else {
        return;
    };
    let mut cores = (0..CpuSet::MAX_CPU).filter(|core| all.is_set(*core));
    // The last: systems tend to serve interrupts on the first.
    if let (true, Some(core)) = (one, cores.next_back()) {
        let mut set = CpuSet::new();
        set.set(core);
        let _ = sched_setaffinity(None, &set);
    } else {
        let _ = sched_setaffinity(None, all);
    }
}

#[cfg(not(target_os = "linux"))]
pub fn to_one_core(_: bool) {}
