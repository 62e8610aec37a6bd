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

/// What a piece of work took.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Instructions executed.
    pub instructions: u64,
    /// The most octets of stack in use below the caller's own, in steps of 4.
    pub stack: usize,
}

/// Does `work`, and gives what it took and what it gave. Painting the stack for it takes
/// thousands of instructions, which are not counted.
#[inline(never)]
pub fn cost<T>(work: impl FnOnce() -> T) -> (Cost, T) {
    let here = paint_stack();
    let before = instructions();
    let result = work();
    let instructions = instructions() - before;
    let stack = here.saturating_sub(lowest_touched());
    (
        Cost {
            instructions,
            stack,
        },
        result,
    )
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

/// Prints `measure <name> stack=<octets>`: the most stack in use since start-up, or since the
/// last [`cost`].
pub fn report_stack(name: &str) {
    println!("measure {name} stack={}", stack_high_water());
}

/// The most octets of stack in use since start-up, or since the last [`cost`]; interrupts
/// included.
pub fn stack_high_water() -> usize {
    let (_, high) = board::stack_bounds();
    high - lowest_touched()
}

const PAINT: u32 = 0xA5A5_5A5A;

/// Distance kept from the painting function's own variables, in octets.
const MARGIN: usize = 128;

/// Fills the unused stack with a pattern, and gives about where it is in use.
#[inline(never)]
pub(crate) fn paint_stack() -> usize {
    let marker = 0u32;
    let here = core::ptr::from_ref(&marker) as usize;
    let (low, _) = board::stack_bounds();
    // An interrupt would put its frame where we paint.
    critical_section::with(|_| {
        for address in (low..(here - MARGIN) & !3).step_by(4) {
            // SAFETY: from the end of the statics to below the live frames is nobody's memory.
            unsafe { core::ptr::with_exposed_provenance_mut::<u32>(address).write_volatile(PAINT) };
        }
    });
    here
}

/// The lowest address of the stack that does not show the pattern any more.
fn lowest_touched() -> usize {
    let (low, high) = board::stack_bounds();
    let untouched = (low..high).step_by(4).take_while(|&address| {
        // SAFETY: inside the stack's memory, aligned; the painted words below the live frames
        // are not referenced by anything.
        let word = unsafe { core::ptr::with_exposed_provenance::<u32>(address).read_volatile() };
        word == PAINT
    });
    low + untouched.count() * 4
}
