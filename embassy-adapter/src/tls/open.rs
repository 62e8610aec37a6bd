//! From a transport to an open connection over TLS.

use core::fmt;

use bare_ws::buffer::{Buffers, Storage};
use bare_ws::entropy::Entropy;
use bare_ws::handshake::{Compression, Request};
use embassy_time::{Duration, Instant, with_deadline};
use embedded_io_async::Read;

use super::stream::Session;
use super::{Client, Error, Link, MaxFragmentLength, Records, Stream, Trust};
use crate::connection::Opened;
use crate::error::ConnectError;
use crate::opening::{Prepare, open_over};
use crate::timing::{Timeout, Timing, after};
use crate::transport::Shutdown;

/// What TLS needs for one connection: whom to trust, and memory.
pub struct Setup<'a, 'b, V> {
    client: Named<'a, V>,
    link: &'a mut Link<'b>,
    records: Records<'a>,
}

/// What becomes a [`Client`] once the URI's host is known, which may be the server's name.
struct Named<'a, V> {
    server_name: Option<&'a str>,
    trust: V,
    max_fragment_length: Option<MaxFragmentLength>,
}

impl<'a, 'b, V: Trust> Setup<'a, 'b, V> {
    /// The [module](super) says how long the buffers must be.
    pub const fn new(trust: V, link: &'a mut Link<'b>, records: Records<'a>) -> Self {
        Self {
            client: Named {
                server_name: None,
                trust,
                max_fragment_length: None,
            },
            link,
            records,
        }
    }

    /// Asks for shorter records: [`Client::with_max_fragment_length`].
    #[must_use]
    pub const fn with_max_fragment_length(mut self, length: MaxFragmentLength) -> Self {
        self.client.max_fragment_length = Some(length);
        self
    }

    /// The name that the server must prove it has, and that is sent to it (SNI), if that is not the
    /// URI's host: for a server that is reached by its address.
    #[must_use]
    pub const fn with_server_name(mut self, name: &'a str) -> Self {
        self.client.server_name = Some(name);
        self
    }

    /// A connection over these halves, and the TLS handshake that it needs. That and the opening
    /// handshake together must be over within `limit`.
    #[expect(clippy::type_complexity, reason = "the parameters are the stream's")]
    pub(crate) fn begin<In, Out, T>(
        self,
        (input, output): (In, Out),
        limit: Duration,
    ) -> Result<(Stream<'a, 'b, In, Out>, Handshake<'a, V>), Error<T>> {
        let stream = Stream::begin(self.link, self.records, input, output)?;
        let handshake = Handshake {
            client: self.client,
            limit,
        };
        Ok((stream, handshake))
    }
}

/// The TLS handshake, on a stream that does not move any more.
#[cfg_attr(
    not(feature = "net"),
    expect(unreachable_pub, reason = "a public trait of `net` names it")
)]
pub struct Handshake<'a, V> {
    client: Named<'a, V>,
    limit: Duration,
}

impl<In, Out, V> Prepare<Stream<'_, '_, In, Out>> for Handshake<'_, V>
where
    In: Read<Error: Clone>,
    Out: Shutdown<Error = In::Error>,
    V: Trust,
{
    async fn prepare<E: Entropy>(
        &mut self,
        (input, output, session): (&mut In, &mut Out, &mut Session<'_, '_>),
        request: &Request<'_>,
        entropy: &mut E,
    ) -> Result<Instant, ConnectError<Error<In::Error>>> {
        let by = after(self.limit);
        let Named {
            server_name,
            trust,
            max_fragment_length,
        } = &self.client;
        let client = Client {
            server: server_name.unwrap_or_else(|| request.uri.host()),
            trust,
            max_fragment_length: *max_fragment_length,
        };
        with_deadline(by, client.shake(session, input, output, entropy))
            .await
            .map_err(|_| ConnectError::Timeout(Timeout::Handshake))?
            .map_err(ConnectError::Tls)?;
        Ok(by)
    }

    fn opened(self) {}
}

impl<V> fmt::Debug for Handshake<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake").finish_non_exhaustive()
    }
}

impl<V> fmt::Debug for Setup<'_, '_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").finish_non_exhaustive()
    }
}

/// Makes the TLS handshake and the opening handshake over a transport that is connected, as
/// [`Connection::open`](crate::Connection::open) does without TLS. `net::connect_secure` also connects.
///
/// The server must be the URI's. Nothing but a ClientHello is sent before it has proved that it is,
/// and if it is refused, an alert that says why.
///
/// # Errors
/// [`ConnectError::NotWss`] for a URI that is not `wss`; [`ConnectError::Tls`];
/// [`ConnectError::Handshake`]; [`ConnectError::Timeout`] when both handshakes together take longer
/// than [`Timing::handshake`]. A signature that is being checked is not interrupted.
///
/// # Cancel safety
/// If it is dropped before it is ready, the handshake is lost and the transport is of no more use.
/// The memory can be used for another.
#[expect(
    clippy::type_complexity,
    reason = "the parameters are the connection's"
)]
pub fn open<'a, 'b, 'r, In, Out, V, B, T, E, C>(
    halves: (In, Out),
    tls: Setup<'a, 'b, V>,
    request: &Request<'r>,
    buffers: Buffers<B, T>,
    entropy: E,
    compression: C,
    timing: &Timing,
) -> impl Future<
    Output = Result<
        Opened<'r, Stream<'a, 'b, In, Out>, B, T, E, C>,
        ConnectError<Error<In::Error>>,
    >,
>
where
    In: Read<Error: Clone>,
    Out: Shutdown<Error = In::Error>,
    V: Trust,
    B: Storage,
    T: Storage,
    E: Entropy,
    C: Compression,
{
    let begin = move || {
        if !request.uri.is_secure() {
            return Err(ConnectError::NotWss);
        }
        let (stream, handshake) = tls
            .begin(halves, timing.handshake)
            .map_err(ConnectError::Tls)?;
        Ok((stream, handshake, compression))
    };
    open_over(
        begin,
        request,
        buffers,
        entropy,
        timing,
        |connection, established| (connection, established),
    )
}
