//! virt with RV32IMC, with `-icount shift=0`: the count of retired instructions is exact.

use core::arch::{asm, global_asm};

const UART_DATA: *mut u8 = core::ptr::without_provenance_mut(0x1000_0000);
const FINISHER: *mut u32 = core::ptr::without_provenance_mut(0x10_0000);

global_asm!(
    ".section .text.start, \"ax\"",
    ".global start",
    "start:",
    "la sp, _stack_high",
    "la t0, trapped",
    "csrw mtvec, t0",
    "j started",
    ".align 2",
    "trapped:",
    "j faulted",
);

#[unsafe(no_mangle)]
extern "C" fn started() -> ! {
    super::super::run()
}

#[unsafe(no_mangle)]
extern "C" fn faulted() -> ! {
    super::super::say(format_args!("verdict fault: faulted\n"));
    exit()
}

pub(in super::super) fn put_octet(octet: u8) {
    // SAFETY: a register of the board; the emulator's line has no speed.
    unsafe { UART_DATA.write_volatile(octet) };
}

pub(in super::super) fn ticks() -> u32 {
    let low;
    // SAFETY: reads a counter.
    unsafe { asm!("csrr {}, minstret", out(reg) low) };
    low
}

pub(in super::super) fn elapsed(since: u32, now: u32) -> u32 {
    now.wrapping_sub(since)
}

pub(in super::super) fn instructions(ticks: u64) -> u64 {
    ticks
}

pub(in super::super) fn exit() -> ! {
    // SAFETY: the finisher's word for an end without failure.
    unsafe { FINISHER.write_volatile(0x5555) };
    loop {}
}
