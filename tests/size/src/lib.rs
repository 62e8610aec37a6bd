//! What the images share: the outside world, which has an address and no code.
#![no_std]

use core::convert::Infallible;

use bare_ws::entropy::{Entropy, EntropyError};

unsafe extern "C" {
    fn io_read(octets: *mut u8, len: usize) -> usize;
    fn io_write(octets: *const u8, len: usize) -> usize;
    fn entropy_fill(octets: *mut u8, len: usize);
    fn on_text(octets: *const u8, len: usize);
    fn on_binary(octets: *const u8, len: usize);
}

/// A transport outside of the image.
pub struct Io;

impl embedded_io::ErrorType for Io {
    type Error = Infallible;
}

impl embedded_io::Read for Io {
    fn read(&mut self, octets: &mut [u8]) -> Result<usize, Infallible> {
        // SAFETY: never run; the image is only linked and measured.
        Ok(unsafe { io_read(octets.as_mut_ptr(), octets.len()) })
    }
}

impl embedded_io::Write for Io {
    fn write(&mut self, octets: &[u8]) -> Result<usize, Infallible> {
        // SAFETY: as above.
        Ok(unsafe { io_write(octets.as_ptr(), octets.len()) })
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl embedded_io_async::Read for Io {
    async fn read(&mut self, octets: &mut [u8]) -> Result<usize, Infallible> {
        // SAFETY: as above.
        Ok(unsafe { io_read(octets.as_mut_ptr(), octets.len()) })
    }
}

impl embedded_io_async::Write for Io {
    async fn write(&mut self, octets: &[u8]) -> Result<usize, Infallible> {
        // SAFETY: as above.
        Ok(unsafe { io_write(octets.as_ptr(), octets.len()) })
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// A source of entropy outside of the image.
pub struct Board;

impl Entropy for Board {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        // SAFETY: as above.
        unsafe { entropy_fill(octets.as_mut_ptr(), octets.len()) };
        Ok(())
    }
}

/// The application's text handler.
pub fn text(text: &str) {
    // SAFETY: as above.
    unsafe { on_text(text.as_ptr(), text.len()) }
}

/// The application's binary handler.
pub fn binary(octets: &[u8]) {
    // SAFETY: as above.
    unsafe { on_binary(octets.as_ptr(), octets.len()) }
}

/// A connection of these images.
#[macro_export]
macro_rules! place {
    ($connection:ty = $value:expr) => {{
        static mut CONNECTION: core::mem::MaybeUninit<$connection> =
            core::mem::MaybeUninit::uninit();
        // SAFETY: each expansion is reached once, by the one `_start`.
        unsafe { (*core::ptr::addr_of_mut!(CONNECTION)).write($value) }
    }};
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// A buffer whose length is known when the image is built.
pub type Kib = [u8; 1024];

/// 1 KiB of static memory, handed out once.
#[macro_export]
macro_rules! kib {
    () => {{
        static mut MEMORY: $crate::Kib = [0; 1024];
        // SAFETY: each expansion is reached once, by the one `_start`.
        unsafe { &mut *core::ptr::addr_of_mut!(MEMORY) }
    }};
}
