//! Memory-mapped registers.

/// Names registers of a device by their offsets from its base address.
///
/// Only for devices that move no memory by themselves: then no value written to a register can
/// break memory safety, which is the promise [`Register::at`] asks for.
macro_rules! registers {
    ($base:expr; $($name:ident = $offset:expr),* $(,)?) => {
        // SAFETY: see the macro's documentation.
        $(const $name: Register = unsafe { Register::at($base + $offset) };)*
    };
}

pub(super) use registers;

/// One 32-bit register of a device.
#[derive(Clone, Copy)]
pub(super) struct Register(usize);

impl Register {
    /// # Safety
    ///
    /// The address is that of a register of this board whose reads and writes cannot break
    /// memory safety.
    pub(super) const unsafe fn at(address: usize) -> Self {
        Self(address)
    }

    pub(super) fn read(self) -> u32 {
        // SAFETY: by the promise made to `at`.
        unsafe { core::ptr::with_exposed_provenance::<u32>(self.0).read_volatile() }
    }

    pub(super) fn write(self, value: u32) {
        // SAFETY: by the promise made to `at`.
        unsafe { core::ptr::with_exposed_provenance_mut::<u32>(self.0).write_volatile(value) }
    }
}
