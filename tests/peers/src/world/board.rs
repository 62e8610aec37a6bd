//! QEMU's machines: mps2-an385, a Cortex-M3 that runs ARMv6-M code too, and virt with RV32IMC. No clock but the count
//! of instructions, no interrupt.

#[cfg_attr(target_arch = "arm", path = "board/arm.rs")]
#[cfg_attr(target_arch = "riscv32", path = "board/riscv.rs")]
mod machine;

pub(super) use machine::{elapsed, exit, instructions, put_octet, ticks};

unsafe extern "C" {
    static _stack_low: u32;
}

const PAINT: u32 = 0xA5A5_5A5A;

/// Distance kept from the painting function's own frame, in octets.
const MARGIN: usize = 256;

/// Fills the unused stack with a pattern, and gives where it is in use.
#[inline(never)]
pub(super) fn paint_stack() -> usize {
    let marker = 0u32;
    let here = core::ptr::from_ref(&marker).addr();
    let low = (&raw const _stack_low).addr();
    for address in (low..(here - MARGIN) & !3).step_by(4) {
        // SAFETY: below the live frames is nobody's memory.
        unsafe { core::ptr::with_exposed_provenance_mut::<u32>(address).write_volatile(PAINT) };
    }
    here
}

/// The most octets of stack below `here` that were in use since it was painted. The world's own
/// calls are shallow: see `MARGIN`.
pub(super) fn deepest_stack(here: usize) -> usize {
    let low = (&raw const _stack_low).addr();
    let untouched = (low..here).step_by(4).take_while(|&address| {
        // SAFETY: inside the stack's memory, aligned.
        let word = unsafe { core::ptr::with_exposed_provenance::<u32>(address).read_volatile() };
        word == PAINT
    });
    here - (low + 4 * untouched.count())
}
