//! CMSDK UART0, output only.

use super::{Register, registers};

registers! { 0x4000_4000; DATA = 0x0, STATE = 0x4, CTRL = 0x8, BAUDDIV = 0x10 }

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
