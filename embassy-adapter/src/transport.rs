//! What a connection needs of a transport beside `Read` and `Write`.

use embedded_io_async::{ErrorType, Read, Write};

/// A transport whose directions are used at the same time: a pair of its halves.
pub trait Transport {
    /// The error of both.
    type Error;
    /// From the peer.
    type Input: Read<Error = Self::Error>;
    /// To the peer.
    type Output: Shutdown<Error = Self::Error>;

    /// Takes them apart.
    fn halves(self) -> (Self::Input, Self::Output);
}

impl<In: Read, Out: Shutdown<Error = In::Error>> Transport for (In, Out) {
    type Error = In::Error;
    type Input = In;
    type Output = Out;

    fn halves(self) -> (In, Out) {
        self
    }
}

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

impl<Out: Shutdown + ?Sized> Shutdown for &mut Out {
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
pub struct Endless<Out>(
    /// The writing half.
    pub Out,
);

impl<Out: ErrorType> ErrorType for Endless<Out> {
    type Error = Out::Error;
}

impl<Out: Write> Write for Endless<Out> {
    fn write(&mut self, octets: &[u8]) -> impl Future<Output = Result<usize, Self::Error>> {
        self.0.write(octets)
    }

    fn flush(&mut self) -> impl Future<Output = Result<(), Self::Error>> {
        self.0.flush()
    }
}

impl<Out: Write> Shutdown for Endless<Out> {
    fn shutdown(&mut self) -> impl Future<Output = Result<(), Self::Error>> {
        self.0.flush()
    }

    fn abort(&mut self) {}
}
