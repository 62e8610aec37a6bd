//! What the programs share: the outside world, and memory.
//!
//! Each program in `bin` is one library's client, written as its documentation shows: the opening handshake with
//! `ws://example.com/ws`, every payload that [`next_payload`] gives sent as a binary message, then messages received
//! until the peer closes; Ping and Close answered where the library leaves that to its user.
//!
//! Without the feature `run` the outside world has an address and no code (`link/size.x`): what is linked is the
//! client. With it, `world` answers, counts instructions and judges.
#![no_std]

#[cfg(feature = "run")]
mod world;

use core::convert::Infallible;
use core::future::poll_fn;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

unsafe extern "C" {
    fn io_read(octets: *mut u8, len: usize) -> usize;
    fn io_write(octets: *const u8, len: usize);
    fn entropy_fill(octets: *mut u8, len: usize);
    fn on_open();
    fn payload(len: *mut usize) -> *const u8;
    fn on_text(octets: *const u8, len: usize);
    fn on_binary(octets: *const u8, len: usize);
    fn on_end(well: bool);
    fn panicked();
    #[cfg(feature = "run")]
    fn on_size(what: u32, octets: usize);
}

/// Octets of each buffer. An image that runs receives 16 KiB as one message.
pub const BUFFER: usize = if cfg!(feature = "run") {
    17 * 1024
} else {
    1024
};

/// A buffer in static memory, handed out once.
#[macro_export]
macro_rules! buffer {
    () => {{
        static mut MEMORY: [u8; $crate::BUFFER] = [0; $crate::BUFFER];
        // SAFETY: each expansion is reached once, by the one `client`.
        unsafe { &mut *core::ptr::addr_of_mut!(MEMORY) }
    }};
}

/// A transport outside of the image.
pub struct Io;

/// A source of entropy outside of the image.
pub struct Board;

/// The opening handshake is done.
pub fn opened() {
    // SAFETY: the function has no preconditions.
    unsafe { on_open() }
}

/// What is to be sent next.
pub fn next_payload() -> Option<&'static [u8]> {
    let mut len = 0;
    // SAFETY: the world gives null, or octets in static memory and their number.
    unsafe {
        let octets = payload(&mut len);
        (!octets.is_null()).then(|| core::slice::from_raw_parts(octets, len))
    }
}

/// A text was received.
pub fn text(text: &str) {
    // SAFETY: the world reads the octets during the call.
    unsafe { on_text(text.as_ptr(), text.len()) }
}

/// A binary message was received.
pub fn binary(octets: &[u8]) {
    // SAFETY: as above.
    unsafe { on_binary(octets.as_ptr(), octets.len()) }
}

/// The peer has closed, or the client has failed the connection.
pub fn ended<E>(outcome: Result<(), E>) {
    // SAFETY: the function has no preconditions.
    unsafe { on_end(outcome.is_ok()) }
}

/// A connection takes so many octets beside its buffers.
pub fn state(octets: usize) {
    size(0, octets);
}

/// Runs the future of a client that is asynchronous: the smallest executor there is.
pub fn block_on<E>(client: impl Future<Output = Result<(), E>>) -> Result<(), E> {
    size(1, size_of_val(&client));
    let mut client = pin!(client);
    loop {
        let context = &mut Context::from_waker(Waker::noop());
        if let Poll::Ready(outcome) = client.as_mut().poll(context) {
            return outcome;
        }
    }
}

#[cfg(feature = "run")]
fn size(what: u32, octets: usize) {
    // SAFETY: the function has no preconditions.
    unsafe { on_size(what, octets) }
}

#[cfg(not(feature = "run"))]
fn size(_: u32, _: usize) {}

impl Io {
    /// Waits for octets; 0 at the end.
    pub fn receive(&mut self, octets: &mut [u8]) -> usize {
        // SAFETY: the world writes at most `len` octets.
        unsafe { io_read(octets.as_mut_ptr(), octets.len()) }
    }

    /// Sends all of them.
    pub fn transmit(&mut self, octets: &[u8]) {
        // SAFETY: the world reads `len` octets.
        unsafe { io_write(octets.as_ptr(), octets.len()) }
    }
}

impl Board {
    /// Random octets.
    pub fn random(&mut self, octets: &mut [u8]) {
        // SAFETY: the world writes `len` octets.
        unsafe { entropy_fill(octets.as_mut_ptr(), octets.len()) }
    }

    /// A random number.
    pub fn number(&mut self) -> u32 {
        let mut octets = [0; 4];
        self.random(&mut octets);
        u32::from_ne_bytes(octets)
    }
}

impl embedded_io::ErrorType for Io {
    type Error = Infallible;
}

impl embedded_io::Read for Io {
    fn read(&mut self, octets: &mut [u8]) -> Result<usize, Infallible> {
        Ok(self.receive(octets))
    }
}

impl embedded_io::Write for Io {
    fn write(&mut self, octets: &[u8]) -> Result<usize, Infallible> {
        self.transmit(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

// Not `async fn`: each would bring the compiler's own panic for a future polled once too often.
impl embedded_io_async::Read for Io {
    fn read(&mut self, octets: &mut [u8]) -> impl Future<Output = Result<usize, Infallible>> {
        poll_fn(move |_| Poll::Ready(Ok(self.receive(octets))))
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

/// A function of its own that does something: no panic can be inlined away and be overlooked.
#[panic_handler]
#[inline(never)]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        // SAFETY: the function has no preconditions.
        unsafe { panicked() }
    }
}
