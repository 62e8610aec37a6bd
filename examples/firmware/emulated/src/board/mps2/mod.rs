//! Arm MPS2 with the AN385 image (Cortex-M3), as `qemu-system-arm -M mps2-an385` models it.
//!
//! Runs ARMv6-M code as well, so an image for the RP2040's instruction set is executed here.

mod clock;
mod lan9118;
mod uart;

use cortex_m::{interrupt::InterruptNumber, peripheral::NVIC};
use cortex_m_rt::{ExceptionFrame, exception};

pub(crate) use clock::instruction_counter;
pub(super) use clock::{now, set_alarm};
pub(super) use lan9118::Lan9118 as NetworkCard;
pub(super) use uart::put_octet;

use super::{
    exit, link, print,
    register::{Register, registers},
    status,
};

/// The interrupts in use. CMSDK TIMER0 is 8, the Ethernet controller is 13.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Interrupt(u16);

const ALARM: Interrupt = Interrupt(8);
const ETHERNET: Interrupt = Interrupt(13);

// SAFETY: numbers of the board's interrupt lines, below the NVIC's limit.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self.0
    }
}

#[inline(never)]
pub(super) fn start() -> &'static mut NetworkCard {
    uart::start();
    clock::start();
    let card = lan9118::start();
    for interrupt in [ALARM, ETHERNET] {
        // SAFETY: the handlers' state is static and guarded by critical sections.
        unsafe { NVIC::unmask(interrupt) };
    }
    card
}

pub(super) fn wait_for_interrupt() {
    cortex_m::asm::wfi();
}

/// The lowest address of the stack, which is the end of the statics, and its highest.
pub(crate) fn stack_bounds() -> (usize, usize) {
    unsafe extern "C" {
        static _stack_end: u32;
        static _stack_start: u32;
    }
    (
        (&raw const _stack_end).addr(),
        (&raw const _stack_start).addr(),
    )
}

// cortex-m-rt's table sends every interrupt that has no handler of its own here, which saves the
// board a table with two entries in it.
#[exception]
unsafe fn DefaultHandler(number: i16) {
    match u16::try_from(number).map(Interrupt) {
        Ok(ALARM) => clock::on_interrupt(),
        Ok(ETHERNET) => lan9118::on_interrupt(),
        _ => {
            print(format_args!("exception {number}"));
            exit(status::FAULT)
        }
    }
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    print(format_args!("fault: {frame:?}"));
    exit(status::FAULT)
}
