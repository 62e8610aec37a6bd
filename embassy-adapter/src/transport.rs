//! What a connection needs of a transport beside `Read` and `Write`.

use embedded_io_async::{Error, ErrorType, Read, Write};

/// A transport whose two directions are used at the same time: a pair of halves, or a `tls::Stream`.
///
/// It is taken apart into what reading changes, what writing changes, and what both share.
///
/// All its futures must tolerate being dropped at any await, without losing or doubling anything.
pub trait Transport {
    /// The error of both directions. A connection keeps the one that ended it, to return it again.
    type Error: Error + Clone;
    /// From the peer.
    type Input;
    /// To the peer.
    type Output;
    /// What both directions share. It guards itself.
    type Common;

    /// Takes it apart.
    fn parts(self) -> (Self::Input, Self::Output, Self::Common);

    /// As [`Read::read`].
    fn read(
        input: &mut Self::Input,
        common: &Self::Common,
        octets: &mut [u8],
    ) -> impl Future<Output = Result<usize, Self::Error>>;

    /// As [`Write::write`].
    fn write(
        output: &mut Self::Output,
        common: &Self::Common,
        octets: &[u8],
    ) -> impl Future<Output = Result<usize, Self::Error>>;

    /// As [`Write::flush`].
    fn flush(
        output: &mut Self::Output,
        common: &Self::Common,
    ) -> impl Future<Output = Result<(), Self::Error>>;

    /// As [`Shutdown::shutdown`].
    fn shutdown(
        output: &mut Self::Output,
        common: &Self::Common,
    ) -> impl Future<Output = Result<(), Self::Error>>;

    /// As [`Shutdown::abort`].
    fn abort(output: &mut Self::Output, common: &Self::Common);
}

impl<In: Read<Error: Clone>, Out: Shutdown<Error = In::Error>> Transport for (In, Out) {
    type Error = In::Error;
    type Input = In;
    type Output = Out;
    type Common = ();

    fn parts(self) -> (In, Out, ()) {
        (self.0, self.1, ())
    }

    fn read(
        input: &mut In,
        (): &(),
        octets: &mut [u8],
    ) -> impl Future<Output = Result<usize, Self::Error>> {
        input.read(octets)
    }

    fn write(
        output: &mut Out,
        (): &(),
        octets: &[u8],
    ) -> impl Future<Output = Result<usize, Self::Error>> {
        output.write(octets)
    }

    fn flush(output: &mut Out, (): &()) -> impl Future<Output = Result<(), Self::Error>> {
        output.flush()
    }

    fn shutdown(output: &mut Out, (): &()) -> impl Future<Output = Result<(), Self::Error>> {
        output.shutdown()
    }

    fn abort(output: &mut Out, (): &()) {
        output.abort();
    }
}

/// A transport's reading direction as a half, for the opening handshake.
pub(crate) struct Reading<'t, Io: Transport>(
    pub(crate) &'t mut Io::Input,
    pub(crate) &'t Io::Common,
);

/// Its writing direction.
pub(crate) struct Writing<'t, Io: Transport>(
    pub(crate) &'t mut Io::Output,
    pub(crate) &'t Io::Common,
);

impl<Io: Transport> ErrorType for Reading<'_, Io> {
    type Error = Io::Error;
}

impl<Io: Transport> ErrorType for Writing<'_, Io> {
    type Error = Io::Error;
}

impl<Io: Transport> Read for Reading<'_, Io> {
    fn read(&mut self, octets: &mut [u8]) -> impl Future<Output = Result<usize, Io::Error>> {
        Io::read(self.0, self.1, octets)
    }
}

impl<Io: Transport> Write for Writing<'_, Io> {
    fn write(&mut self, octets: &[u8]) -> impl Future<Output = Result<usize, Io::Error>> {
        Io::write(self.0, self.1, octets)
    }

    fn flush(&mut self) -> impl Future<Output = Result<(), Io::Error>> {
        Io::flush(self.0, self.1)
    }
}

/// The writing half of a transport that can be ended, which `embedded_io_async` has no trait for.
pub trait Shutdown: Write {
    /// Ends the writing direction after all that was written, and waits until that is out: TCP's
    /// FIN and its acknowledgement, TLS's close_notify.
    ///
    /// # Errors
    /// The transport's.
    ///
    /// # Cancel safety
    /// Once it was polled, the end is under way.
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

/// A writing half that cannot be ended, such as a UART's, or one that ends when it is dropped.
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
