//! An executor that sleeps in WFI.
//!
//! The thread executor that embassy brings for Cortex-M sleeps in WFE, which QEMU runs as a busy
//! loop that fights the network card's thread for the emulator's lock; there a round trip takes
//! thirty times as long. The loop is the same for both boards.

use portable_atomic::{AtomicBool, Ordering};

use embassy_executor::{Spawner, raw::Executor};
use static_cell::StaticCell;

use super::hardware;
use crate::measure;

static WOKEN: AtomicBool = AtomicBool::new(false);

/// Calls `init` to spawn the first tasks and serves them for ever.
pub(super) fn run(init: impl FnOnce(Spawner)) -> ! {
    static EXECUTOR: StaticCell<Executor> = StaticCell::new();
    let executor: &'static Executor = EXECUTOR.init(Executor::new(core::ptr::null_mut()));
    init(executor.spawner());
    loop {
        // SAFETY: the executor was initialised by `new`, and this is the only call to `poll`.
        unsafe { executor.poll() };
        // With interrupts masked nothing can set the flag between the look and the sleep; WFI
        // wakes for a pending interrupt also when it is masked.
        critical_section::with(|_| {
            if !WOKEN.load(Ordering::Relaxed) {
                measure::sleeping(hardware::wait_for_interrupt);
            }
            WOKEN.store(false, Ordering::Relaxed);
        });
    }
}

#[unsafe(export_name = "__pender")]
fn pend(_context: *mut ()) {
    WOKEN.store(true, Ordering::Relaxed);
}
