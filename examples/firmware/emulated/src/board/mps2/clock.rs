//! CMSDK TIMER1 as the clock and TIMER0 as the alarm, both counting down at 25 MHz.

use core::cell::Cell;

use critical_section::Mutex;

use super::{super::time, Register, registers};

registers! { 0x4000_0000;
    ALARM_CTRL = 0x0, ALARM_VALUE = 0x4, ALARM_RELOAD = 0x8, ALARM_INTCLEAR = 0xC,
    CLOCK_CTRL = 0x1000, CLOCK_VALUE = 0x1004, CLOCK_RELOAD = 0x1008,
}

const CTRL_ENABLE: u32 = 1;
const CTRL_INTERRUPT: u32 = 1 << 3;

/// Timer ticks in one tick of embassy-time, which is a microsecond here.
const TICKS: u64 = 25;

/// The longest alarm, about a minute. The clock must be read more often than it wraps (171 s),
/// so an alarm is always running.
const LONGEST_ALARM: u64 = (1 << 30) * 3 / 2;

/// Elapsed ticks when the clock was last read: how often it wrapped, and the count.
static LAST: Mutex<Cell<(u32, u32)>> = Mutex::new(Cell::new((0, 0)));

pub(super) fn start() {
    CLOCK_VALUE.write(u32::MAX);
    CLOCK_RELOAD.write(u32::MAX);
    CLOCK_CTRL.write(CTRL_ENABLE);
    set_alarm(0, u64::MAX);
}

/// Microseconds since start-up.
pub(crate) fn now() -> u64 {
    ticks() / TICKS
}

/// The runner starts this board with `-icount shift=6`: an instruction takes 2^6 = 64 ns of the
/// emulator's time, in which the timer counts 1.6 times (a 15.6 MIPS machine). One tick is 5/8
/// of an instruction.
pub(crate) fn instruction_counter() -> u64 {
    ticks() * 5 / 8
}

/// Asks for an interrupt at `at`; sooner is allowed.
pub(crate) fn set_alarm(now: u64, at: u64) {
    let ticks = at
        .saturating_sub(now)
        .saturating_mul(TICKS)
        .clamp(1, LONGEST_ALARM);
    ALARM_CTRL.write(0);
    ALARM_INTCLEAR.write(1);
    ALARM_RELOAD.write(0);
    ALARM_VALUE.write(ticks as u32);
    ALARM_CTRL.write(CTRL_ENABLE | CTRL_INTERRUPT);
}

pub(super) fn on_interrupt() {
    ALARM_INTCLEAR.write(1);
    time::on_alarm();
}

fn ticks() -> u64 {
    critical_section::with(|cs| {
        let last = LAST.borrow(cs);
        let (wraps, count) = last.get();
        let elapsed = u32::MAX - CLOCK_VALUE.read();
        let wraps = wraps.wrapping_add((elapsed < count).into());
        last.set((wraps, elapsed));
        u64::from(wraps) << 32 | u64::from(elapsed)
    })
}
