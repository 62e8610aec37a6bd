//! Memory-mapped registers.

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
