//! What a connection needs of a transport beside `Read` and `Write`.

use embedded_io_async::{ErrorType, Read, Write};

/// The writing half of a transport, with the end that `embedded_io_async` leaves out.
pub trait Shutdown: Write {
    /// Ends the writing direction after all that was written, and waits until that is out: TCP's
    /// FIN and its acknowledgement, TLS's close_notify.
    ///
    /// # Errors
    /// The transport's.
    ///
    /// # Cancel safety
    /// Once polled, the end is under way.
    fn shutdown(&mut self) -> impl Future<Output = Result<(), Self::Error>>;

    /// Gives the transport up at once, in both directions.
    fn abort(&mut self);
}

impl<W: Shutdown + ?Sized> Shutdown for &mut W {
    fn shutdown(&mut self) -> impl Future<Output = Result<(), Self::Error>> {
        (**self).shutdown()
    }

    fn abort(&mut self) {
        (**self).abort();
    }
}

/// A writing half that has no end of its own, such as a UART's, or one that ends when it is
/// dropped.
#[derive(Clone, Copy, Debug)]
pub struct Endless<W>(
    /// The writing half.
    pub W,
);

impl<W: ErrorType> ErrorType for Endless<W> {
    type Error = W::Error;
}

impl<W: Write> Write for Endless<W> {
    fn write(&mut self, octets: &[u8]) -> impl Future<Output = Result<usize, Self::Error>> {
        self.0.write(octets)
    }

    fn flush(&mut self) -> impl Future<Output = Result<(), Self::Error>> {
        self.0.flush()
    }
}

impl<W: Write> Shutdown for Endless<W> {
    fn shutdown(&mut self) -> impl Future<Output = Result<(), Self::Error>> {
        self.0.flush()
    }

    fn abort(&mut self) {}
}

/// Two halves as one stream, for the opening handshake.
pub(crate) struct Joined<R, W> {
    pub(crate) read: R,
    pub(crate) write: W,
}

impl<R: ErrorType, W> ErrorType for Joined<R, W> {
    type Error = R::Error;
}

impl<R: Read, W> Read for Joined<R, W> {
    fn read(&mut self, octets: &mut [u8]) -> impl Future<Output = Result<usize, Self::Error>> {
        self.read.read(octets)
    }
}

impl<R: ErrorType, W: Write<Error = R::Error>> Write for Joined<R, W> {
    fn write(&mut self, octets: &[u8]) -> impl Future<Output = Result<usize, Self::Error>> {
        self.write.write(octets)
    }

    fn flush(&mut self) -> impl Future<Output = Result<(), Self::Error>> {
        self.write.flush()
    }
}
