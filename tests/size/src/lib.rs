//! What the images share: the outside world, which has an address and no code.
#![no_std]

use core::convert::Infallible;
use core::future::poll_fn;
use core::task::Poll;

use bare_ws::entropy::{Entropy, EntropyError};
use bare_ws::error::Error;
use bare_ws::handshake::HandshakeError;

unsafe extern "C" {
    fn io_read(octets: *mut u8, len: usize) -> usize;
    fn io_write(octets: *const u8, len: usize) -> usize;
    fn entropy_fill(octets: *mut u8, len: usize);
    fn on_text(octets: *const u8, len: usize);
    fn on_binary(octets: *const u8, len: usize);
    fn panicked();
    fn on_end(outcome: *const u8);
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

// Not `async fn`: each would bring the compiler's own panic for a future polled once too often.
impl embedded_io_async::Read for Io {
    fn read(&mut self, octets: &mut [u8]) -> impl Future<Output = Result<usize, Infallible>> {
        poll_fn(move |_| Poll::Ready(embedded_io::Read::read(self, octets)))
    }
}

impl embedded_io_async::Write for Io {
    fn write(&mut self, octets: &[u8]) -> impl Future<Output = Result<usize, Infallible>> {
        poll_fn(move |_| Poll::Ready(embedded_io::Write::write(self, octets)))
    }

    fn flush(&mut self) -> impl Future<Output = Result<(), Infallible>> {
        poll_fn(|_| Poll::Ready(Ok(())))
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

/// Why a session ended, for an application that looks at it: each error is made with all that it
/// says.
#[cfg(feature = "errors")]
pub enum Ended {
    /// The opening handshake failed.
    Opening(HandshakeError),
    /// The connection failed.
    Open(Error),
}

/// For an application to which an error is an error.
#[cfg(not(feature = "errors"))]
pub struct Ended;

impl From<HandshakeError> for Ended {
    #[cfg(feature = "errors")]
    fn from(error: HandshakeError) -> Self {
        Self::Opening(error)
    }

    #[cfg(not(feature = "errors"))]
    fn from(_: HandshakeError) -> Self {
        Self
    }
}

impl From<Error> for Ended {
    #[cfg(feature = "errors")]
    fn from(error: Error) -> Self {
        Self::Open(error)
    }

    #[cfg(not(feature = "errors"))]
    fn from(_: Error) -> Self {
        Self
    }
}

/// The application's handler of the end.
pub fn ended(outcome: Result<(), Ended>) {
    // SAFETY: as above.
    unsafe { on_end(core::ptr::from_ref(&outcome).cast()) }
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

/// A function of its own that does something: no panic can be inlined away and be overlooked.
#[panic_handler]
#[inline(never)]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        // SAFETY: never run, as above.
        unsafe { panicked() }
    }
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
