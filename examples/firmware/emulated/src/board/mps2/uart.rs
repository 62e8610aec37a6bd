//! CMSDK UART0, output only.

use super::Register;

// SAFETY: registers of UART0.
const DATA: Register = unsafe { Register::at(0x4000_4000) };
const STATE: Register = unsafe { Register::at(0x4000_4004) };
const CTRL: Register = unsafe { Register::at(0x4000_4008) };
const BAUDDIV: Register = unsafe { Register::at(0x4000_4010) };

const STATE_TX_FULL: u32 = 1;
const CTRL_TX_ENABLE: u32 = 1;
/// The least the device takes. The emulator's line has no speed.
const BAUDDIV_LEAST: u32 = 16;

pub(super) fn start() {
    BAUDDIV.write(BAUDDIV_LEAST);
    CTRL.write(CTRL_TX_ENABLE);
}

pub(crate) fn put_octet(octet: u8) {
    while STATE.read() & STATE_TX_FULL != 0 {}
    DATA.write(octet.into());
}
