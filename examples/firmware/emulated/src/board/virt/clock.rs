//! The core-local interruptor's `mtime`, 10 MHz, and `mtimecmp` of hart 0.

use super::{super::time, Register, registers};

registers! { 0x0200_0000;
    MTIMECMP_LOW = 0x4000, MTIMECMP_HIGH = 0x4004, MTIME_LOW = 0xBFF8, MTIME_HIGH = 0xBFFC,
}

pub(super) fn start() {
    set_alarm(0, u64::MAX);
}

/// Ticks of 0.1 microseconds since start-up.
pub(crate) fn now() -> u64 {
    loop {
        let (high, low) = (MTIME_HIGH.read(), MTIME_LOW.read());
        if high == MTIME_HIGH.read() {
            return u64::from(high) << 32 | u64::from(low);
        }
    }
}

/// Asks for an interrupt at `at`, at once if that is past.
pub(crate) fn set_alarm(_now: u64, at: u64) {
    // No moment in between is earlier than both the old alarm and the new one.
    MTIMECMP_HIGH.write(u32::MAX);
    MTIMECMP_LOW.write(at as u32);
    MTIMECMP_HIGH.write((at >> 32) as u32);
}

pub(super) fn on_interrupt() {
    // Level-triggered: setting the next alarm is what takes this one back.
    time::on_alarm();
}
