//! A 16550 UART, output only. The emulator's needs no set-up and is never full.

/// The transmit holding register.
const THR: usize = 0x1000_0000;

pub(crate) fn put_octet(octet: u8) {
    // SAFETY: the device's registers are octets; writing this one sends it.
    unsafe { core::ptr::with_exposed_provenance_mut::<u8>(THR).write_volatile(octet) }
}
