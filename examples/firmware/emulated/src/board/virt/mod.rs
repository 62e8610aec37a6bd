//! QEMU's RISC-V `virt` machine with one RV32IMC hart and a virtio network card.

mod clock;
mod interrupts;
mod uart;
mod virtio;

use riscv::register::minstret;

pub(super) use clock::{now, set_alarm};
pub(super) use uart::put_octet;
pub(super) use virtio::Card as NetworkCard;

use super::{
    exit, link, print,
    register::{Register, registers},
    status,
};

#[inline(never)]
pub(super) fn start() -> &'static mut NetworkCard {
    clock::start();
    let card = virtio::start();
    interrupts::start();
    card
}

pub(super) fn wait_for_interrupt() {
    riscv::asm::wfi();
}

/// Under `-icount shift=0` this is the count of retired instructions, exactly.
pub(crate) fn instruction_counter() -> u64 {
    minstret::read64()
}

/// The lowest address of the stack, which is the end of the statics, and its highest.
pub(crate) fn stack_bounds() -> (usize, usize) {
    unsafe extern "C" {
        static __eheap: u32;
        static _stack_start: u32;
    }
    (
        (&raw const __eheap).addr(),
        (&raw const _stack_start).addr(),
    )
}
