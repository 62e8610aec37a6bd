//! From a transport to an open connection over TLS.

use core::fmt;

use bare_ws::buffer::{Buffers, Storage};
use bare_ws::entropy::Entropy;
use bare_ws::handshake::{Compression, Request};
use embassy_time::{Instant, with_deadline};
use embedded_io_async::{Read, Write};

use super::{Client, Error, Link, MaxFragmentLength, Records, Stream, Trust};
use crate::Connection;
use crate::connection::Opened;
use crate::error::ConnectError;
use crate::timing::{Timeout, Timing, after};
use crate::transport::Shutdown;

/// What TLS takes for one connection: whom to trust, and memory.
pub struct Setup<'a, 'b, V> {
    trust: V,
    server_name: Option<&'a str>,
    max_fragment_length: Option<MaxFragmentLength>,
    link: &'a mut Link<'b>,
    records: Records<'a>,
}

impl<'a, 'b, V: Trust> Setup<'a, 'b, V> {
    /// The buffers are as long as the [module](super) says.
    pub const fn new(trust: V, link: &'a mut Link<'b>, records: Records<'a>) -> Self {
        Self {
            trust,
            server_name: None,
            max_fragment_length: None,
            link,
            records,
        }
    }

    /// Asks for shorter records: [`Client::with_max_fragment_length`].
    #[must_use]
    pub const fn with_max_fragment_length(mut self, length: MaxFragmentLength) -> Self {
        self.max_fragment_length = Some(length);
        self
    }

    /// The name that the server must prove, and is told, where that is not the URI's host: for a
    /// server that is reached by its address.
    #[must_use]
    pub const fn with_server_name(mut self, name: &'a str) -> Self {
        self.server_name = Some(name);
        self
    }

    /// The TLS handshake with the server of the URI.
    pub(crate) async fn connect<In, Out, E: Entropy>(
        self,
        halves: (In, Out),
        request: &Request<'_>,
        entropy: &mut E,
        by: Instant,
    ) -> Result<Stream<'a, 'b, In, Out>, ConnectError<Error<In::Error>>>
    where
        In: Read,
        Out: Write<Error = In::Error>,
    {
        if !request.uri.is_secure() {
            return Err(ConnectError::NotWss);
        }
        let client = Client {
            server: self.server_name.unwrap_or_else(|| request.uri.host()),
            trust: self.trust,
            max_fragment_length: self.max_fragment_length,
        };
        let connecting = client.connect(self.link, self.records, halves, entropy);
        with_deadline(by, connecting)
            .await
            .map_err(|_| ConnectError::Timeout(Timeout::Handshake))?
            .map_err(ConnectError::Tls)
    }
}

impl<V> fmt::Debug for Setup<'_, '_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").finish_non_exhaustive()
    }
}

/// Makes the TLS handshake and the opening handshake over a transport that is connected, as
/// [`Connection::open`] does without TLS. `net::connect_secure` also connects.
///
/// The server must be that of the URI. Nothing but a ClientHello is sent before it has proved it.
///
/// # Errors
/// [`ConnectError::NotWss`] for a URI that is not `wss`; [`ConnectError::Tls`];
/// [`ConnectError::Handshake`]; [`ConnectError::Timeout`] when both handshakes together take longer
/// than [`Timing::handshake`]. A signature that is being checked is not interrupted.
///
/// # Cancel safety
/// Dropped before it is ready, the handshake is lost and the transport is of no more use. The memory
/// can be used for another.
pub async fn open<'a, 'b, 'r, In, Out, V, B, T, E, C>(
    halves: (In, Out),
    tls: Setup<'a, 'b, V>,
    request: &Request<'r>,
    buffers: Buffers<B, T>,
    mut entropy: E,
    compression: C,
    timing: &Timing,
) -> Result<Opened<'r, Stream<'a, 'b, In, Out>, B, T, E, C>, ConnectError<Error<In::Error>>>
where
    In: Read<Error: Clone>,
    Out: Shutdown<Error = In::Error>,
    V: Trust,
    B: Storage,
    T: Storage,
    E: Entropy,
    C: Compression,
{
    let by = after(timing.handshake);
    let stream = tls.connect(halves, request, &mut entropy, by).await?;
    let timing = timing.until(by);
    Connection::open(stream, request, buffers, entropy, compression, &timing).await
}
