//! mps2-an385, with `-icount shift=6`: an instruction takes 64 ns, a tick of SysTick 40.

use core::arch::asm;

const UART_DATA: *mut u32 = core::ptr::without_provenance_mut(0x4000_4000);
const UART_CTRL: *mut u32 = core::ptr::without_provenance_mut(0x4000_4008);
const UART_BAUDDIV: *mut u32 = core::ptr::without_provenance_mut(0x4000_4010);
const SYSTICK_CTRL: *mut u32 = core::ptr::without_provenance_mut(0xE000_E010);
const SYSTICK_RELOAD: *mut u32 = core::ptr::without_provenance_mut(0xE000_E014);
const SYSTICK_VALUE: *mut u32 = core::ptr::without_provenance_mut(0xE000_E018);
/// SysTick counts 24 bits down.
const MASK: u32 = 0x00FF_FFFF;

unsafe extern "C" {
    fn _stack_high();
}

#[used]
#[unsafe(link_section = ".vectors")]
static VECTORS: [unsafe extern "C" fn(); 16] = {
    let mut vectors: [unsafe extern "C" fn(); 16] = [fault; 16];
    vectors[0] = _stack_high;
    vectors[1] = start;
    vectors
};

#[unsafe(no_mangle)]
unsafe extern "C" fn start() {
    // SAFETY: registers of the board.
    unsafe {
        UART_BAUDDIV.write_volatile(16);
        UART_CTRL.write_volatile(1);
        SYSTICK_RELOAD.write_volatile(MASK);
        SYSTICK_VALUE.write_volatile(0);
        // From the core's clock.
        SYSTICK_CTRL.write_volatile(5);
    }
    super::super::run()
}

unsafe extern "C" fn fault() {
    super::super::say(format_args!("verdict fault: faulted\n"));
    exit()
}

pub(in super::super) fn put_octet(octet: u8) {
    // SAFETY: a register of the board; the emulator's line has no speed.
    unsafe { UART_DATA.write_volatile(octet.into()) };
}

pub(in super::super) fn ticks() -> u32 {
    // SAFETY: a register of the core.
    unsafe { SYSTICK_VALUE.read_volatile() }
}

pub(in super::super) fn elapsed(since: u32, now: u32) -> u32 {
    since.wrapping_sub(now) & MASK
}

pub(in super::super) fn instructions(ticks: u64) -> u64 {
    ticks * 5 / 8
}

pub(in super::super) fn exit() -> ! {
    // SAFETY: semihosting's SYS_EXIT with ADP_Stopped_ApplicationExit ends the emulator.
    unsafe {
        asm!("bkpt #0xAB", in("r0") 0x18, in("r1") 0x20026);
    }
    loop {}
}
