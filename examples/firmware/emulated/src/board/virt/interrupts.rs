//! Interrupts and exceptions: the machine timer, and the platform-level interrupt controller
//! with the network card behind it.

use riscv::{
    interrupt::Interrupt,
    register::{mcause, mepc, mie, mtval},
};
use riscv_rt::{TrapFrame, core_interrupt};

use super::{Register, clock, exit, print, registers, status, virtio};

// The controller's registers for hart 0 in machine mode.
registers! { 0x0C00_0000;
    PRIORITY = 4 * virtio::INTERRUPT as usize, ENABLE = 0x2000, THRESHOLD = 0x20_0000,
    CLAIM = 0x20_0004,
}

pub(super) fn start() {
    PRIORITY.write(1);
    ENABLE.write(1 << virtio::INTERRUPT);
    THRESHOLD.write(0);
    // SAFETY: the handlers' state is static and guarded by critical sections.
    unsafe {
        mie::set_mtimer();
        mie::set_mext();
        riscv::interrupt::enable();
    }
}

#[core_interrupt(Interrupt::MachineTimer)]
fn timer() {
    clock::on_interrupt();
}

#[core_interrupt(Interrupt::MachineExternal)]
fn external() {
    let source = CLAIM.read();
    if source == virtio::INTERRUPT {
        virtio::on_interrupt();
    }
    CLAIM.write(source);
}

#[unsafe(export_name = "ExceptionHandler")]
fn on_exception(_registers: &TrapFrame) -> ! {
    print(format_args!(
        "exception {} at {:#x}, value {:#x}",
        mcause::read().bits(),
        mepc::read(),
        mtval::read()
    ));
    exit(status::FAULT)
}
