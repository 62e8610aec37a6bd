//! From a `wss` URI to an open connection.

use bare_ws::buffer::{Buffers, Storage};
use bare_ws::entropy::Entropy;
use bare_ws::handshake::{Compression, Request};
use embassy_net::Stack;
use embedded_io_async::ErrorKind;

use super::Socket;
use super::connect::Dial;
use crate::connection::Opened;
use crate::error::ConnectError;
use crate::opening::open_over;
use crate::timing::Timing;
use crate::tls::{self, Setup, Stream, Trust};

/// Opens a connection over verified TLS: resolves the host, connects, makes the TLS handshake, with no
/// other server than the one that the URI names, and then the opening handshake.
///
/// [`Timing::connect`] limits resolving and connecting, [`Timing::handshake`] both handshakes together.
///
/// # Errors
/// [`ConnectError`]: `NotWss` for a `ws` URI, which is never opened without TLS; `Resolve` and
/// `Connect`; `Tls` with the reason, such as [`tls::Error::Certificate`]; `Handshake`; `Timeout`. The
/// TCP connection is reset, and the socket can be used again.
///
/// # Cancel safety
/// If it is dropped before it is ready, the attempt is lost and the TCP connection reset; the socket
/// and the memory can be used for another.
#[expect(
    clippy::type_complexity,
    reason = "the parameters are the connection's"
)]
pub fn connect_secure<'a, 'b, 's, 'n, 'r, V, B, T, E, C>(
    (stack, socket): (Stack<'_>, &'s Socket<'n>),
    tls: Setup<'a, 'b, V>,
    request: &Request<'r>,
    buffers: Buffers<B, T>,
    entropy: E,
    compression: C,
    timing: &Timing,
) -> impl Future<
    Output = Result<
        Opened<'r, Stream<'a, 'b, &'s Socket<'n>, &'s Socket<'n>>, B, T, E, C>,
        ConnectError<tls::Error<ErrorKind>>,
    >,
>
where
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
        let (stream, secure) = tls
            .begin((socket, socket), timing.handshake)
            .map_err(ConnectError::Tls)?;
        let refused = |error: ConnectError<ErrorKind>| error.map(tls::Error::Transport);
        let dial = Dial::new(stack, socket, timing, secure, refused);
        Ok((stream, dial, compression))
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
