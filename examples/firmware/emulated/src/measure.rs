//! What a program costs: instructions executed and octets of stack touched.
//!
//! Both are exact only under QEMU's `-icount`, which the runner always gives. Pure computation
//! counts the same in every run; anything that waits for the network does not, because packets
//! and wake-ups fall differently, so compare those with a margin of a few percent.

use core::cell::Cell;

use critical_section::Mutex;

use crate::board::{self, println};

/// What the idle loop slept, in instructions: the emulator's counters go on with the host's
/// clock while the core waits for an interrupt.
static SLEPT: Mutex<Cell<u64>> = Mutex::new(Cell::new(0));

/// Instructions executed since start-up, sleep not counted.
pub fn instructions() -> u64 {
    critical_section::with(|cs| board::instruction_counter().wrapping_sub(SLEPT.borrow(cs).get()))
}

/// The difference of [`instructions`] before and after `work`, and what `work` gave.
pub fn counted<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let before = instructions();
    let result = work();
    (instructions() - before, result)
}

/// Runs `wait`, which puts the core to sleep, and takes the time it took out of the count.
pub(crate) fn sleeping(wait: impl FnOnce()) {
    let before = board::instruction_counter();
    wait();
    let slept = board::instruction_counter().wrapping_sub(before);
    critical_section::with(|cs| {
        let total = SLEPT.borrow(cs);
        total.set(total.get().wrapping_add(slept));
    });
}

/// Prints `measure <name> instructions=<n>`, the form the size check reads.
pub fn report_instructions(name: &str, instructions: u64) {
    println!("measure {name} instructions={instructions}");
}

/// Prints `measure <name> stack=<octets>`: the most stack in use since start-up.
pub fn report_stack(name: &str) {
    println!("measure {name} stack={}", stack_high_water());
}

const PAINT: u32 = 0xA5A5_5A5A;

/// Distance kept from the current stack pointer while painting, in octets: the painting
/// function's own frame, and an interrupt if one comes.
const MARGIN: usize = 512;

/// Fills the unused stack with a pattern. Called once, first thing at start-up.
pub(crate) fn paint_stack() {
    let here = 0u32;
    let (low, _) = board::stack_bounds();
    let high = (core::ptr::from_ref(&here) as usize - MARGIN) & !3;
    for address in (low..high).step_by(4) {
        // SAFETY: from the end of the statics to well below the live frames is nobody's memory.
        unsafe { core::ptr::with_exposed_provenance_mut::<u32>(address).write_volatile(PAINT) };
    }
}

/// The most octets of stack in use at any time since start-up, interrupts included.
pub fn stack_high_water() -> usize {
    let (low, high) = board::stack_bounds();
    let untouched = (low..high).step_by(4).take_while(|&address| {
        // SAFETY: inside the stack's memory, aligned; the painted words below the live frames
        // are not referenced by anything.
        let word = unsafe { core::ptr::with_exposed_provenance::<u32>(address).read_volatile() };
        word == PAINT
    });
    high - low - untouched.count() * 4
}
