//! What is below the WebSocket: TCP alone, or TLS over it.

use bare_ws::uri::Uri;
use embassy_time::Duration;
use embedded_io_async::ErrorKind;

use super::Socket;
use crate::error::ConnectError;
use crate::opening::{Prepare, Ready};
use crate::transport::Transport;

/// What a [`Client`](super::Client) opens connections over: [`Tcp`] or `Tls`.
pub trait Layer: sealed::Sealed + 'static {
    /// The transport's error.
    type Error: embedded_io_async::Error;
    /// The transport of one connection, which borrows from the client for `'c`.
    type Io<'c>: Transport<Error = Self::Error>;

    /// Whether the layer is for URIs of this scheme.
    #[doc(hidden)]
    fn check(uri: &Uri<'_>) -> Result<(), ConnectError<Self::Error>>;

    /// Makes this layer's error of a TCP error.
    #[doc(hidden)]
    fn refused(error: ConnectError<ErrorKind>) -> ConnectError<Self::Error>;

    /// What the transport needs before the opening handshake.
    #[doc(hidden)]
    type Secure<'c>: Prepare<Self::Io<'c>>;

    /// The transport over a socket that is not connected yet. `handshake` is the time limit for
    /// both handshakes together.
    #[doc(hidden)]
    #[expect(clippy::type_complexity, reason = "the parameters are the layer's")]
    fn begin<'c>(
        &'c mut self,
        socket: &'c Socket<'static>,
        handshake: Duration,
    ) -> Result<(Self::Io<'c>, Self::Secure<'c>), ConnectError<Self::Error>>;
}

mod sealed {
    pub trait Sealed {}
}

/// TCP alone, for `ws` URIs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl sealed::Sealed for Tcp {}

impl Layer for Tcp {
    type Error = ErrorKind;
    type Io<'c> = super::Io<'c, 'static>;
    type Secure<'c> = Ready;

    fn check(uri: &Uri<'_>) -> Result<(), ConnectError<ErrorKind>> {
        if uri.is_secure() {
            return Err(ConnectError::NotSecure);
        }
        Ok(())
    }

    fn refused(error: ConnectError<ErrorKind>) -> ConnectError<ErrorKind> {
        error
    }

    fn begin<'c>(
        &'c mut self,
        socket: &'c Socket<'static>,
        handshake: Duration,
    ) -> Result<(Self::Io<'c>, Ready), ConnectError<ErrorKind>> {
        Ok(((socket, socket), Ready(handshake)))
    }
}

#[cfg(feature = "tls")]
pub use secure::Tls;

#[cfg(feature = "tls")]
mod secure {
    use core::fmt;

    use super::*;
    use crate::tls::{
        Error, Handshake, Link, MaxFragmentLength, Memory, Records, Setup, Stream, Trust,
    };

    /// TLS 1.3 with a server that `V` vouches for, for `wss` URIs.
    pub struct Tls<V> {
        trust: V,
        server_name: Option<&'static str>,
        max_fragment_length: Option<MaxFragmentLength>,
        link: Link<'static>,
        records: Records<'static>,
    }

    impl<V> Tls<V> {
        pub(in super::super) fn new<const READ: usize, const WRITE: usize>(
            trust: V,
            memory: &'static mut Memory<READ, WRITE>,
        ) -> Self {
            let (link, records, max_fragment_length) = memory.split();
            Self {
                trust,
                server_name: None,
                max_fragment_length,
                link,
                records,
            }
        }

        pub(in super::super) fn server_name(&mut self, name: &'static str) {
            self.server_name = Some(name);
        }
    }

    impl<V> sealed::Sealed for Tls<V> {}

    impl<V: Trust + 'static> Layer for Tls<V> {
        type Error = Error<ErrorKind>;
        type Io<'c> = Stream<'c, 'static, &'c Socket<'static>, &'c Socket<'static>>;
        type Secure<'c> = Handshake<'c, &'c V>;

        fn check(uri: &Uri<'_>) -> Result<(), ConnectError<Self::Error>> {
            if uri.is_secure() {
                return Ok(());
            }
            Err(ConnectError::NotWss)
        }

        fn refused(error: ConnectError<ErrorKind>) -> ConnectError<Self::Error> {
            error.map(Error::Transport)
        }

        fn begin<'c>(
            &'c mut self,
            socket: &'c Socket<'static>,
            handshake: Duration,
        ) -> Result<(Self::Io<'c>, Self::Secure<'c>), ConnectError<Self::Error>> {
            let records = Records {
                read: &mut *self.records.read,
                write: &mut *self.records.write,
            };
            let mut setup = Setup::new(&self.trust, &mut self.link, records);
            if let Some(length) = self.max_fragment_length {
                setup = setup.with_max_fragment_length(length);
            }
            if let Some(name) = self.server_name {
                setup = setup.with_server_name(name);
            }
            setup
                .begin((socket, socket), handshake)
                .map_err(ConnectError::Tls)
        }
    }

    impl<V> fmt::Debug for Tls<V> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Tls").finish_non_exhaustive()
        }
    }
}
