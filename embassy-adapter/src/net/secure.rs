//! From a `wss` URI to an open connection.

use bare_ws::buffer::{Buffers, Storage};
use bare_ws::entropy::Entropy;
use bare_ws::handshake::{Compression, Request};
use embassy_net::Stack;
use embassy_net::tcp::TcpSocket;
use embedded_io_async::ErrorKind;

use super::{Socket, dial};
use crate::Connection;
use crate::connection::Opened;
use crate::error::ConnectError;
use crate::timing::{Timing, after};
use crate::tls::{self, Setup, Stream, Trust};

/// Opens a connection over verified TLS: looks the name up, connects, makes the TLS handshake with
/// the server that the URI names, and with nobody else, and then the opening handshake.
///
/// [`Timing::connect`] bounds the name and the TCP connection, [`Timing::handshake`] both handshakes
/// together.
///
/// # Errors
/// [`ConnectError`]: `NotWss` for a `ws` URI, which is never opened without TLS; `Resolve` and
/// `Connect`; `Tls` with the reason, among them [`tls::Error::Certificate`]; `Handshake`; `Timeout`. The
/// TCP connection is cut off, and the socket can be used again.
///
/// # Cancel safety
/// Dropped before it is ready, the attempt is lost; the socket and the memory can be used for
/// another.
pub async fn connect_secure<'a, 'b, 's, 'n, 'r, V, B, T, E, C>(
    (stack, socket): (Stack<'_>, &'s Socket<'n>),
    tls: Setup<'a, 'b, V>,
    request: &Request<'r>,
    buffers: Buffers<B, T>,
    mut entropy: E,
    compression: C,
    timing: &Timing,
) -> Result<
    Opened<'r, Stream<'a, 'b, &'s Socket<'n>, &'s Socket<'n>>, B, T, E, C>,
    ConnectError<tls::Error<ErrorKind>>,
>
where
    V: Trust,
    B: Storage,
    T: Storage,
    E: Entropy,
    C: Compression,
{
    if !request.uri.is_secure() {
        return Err(ConnectError::NotWss);
    }
    dial(stack, socket, &request.uri, timing)
        .await
        .map_err(|error| error.map(tls::Error::Transport))?;
    let by = after(timing.handshake);
    let halves = (socket, socket);
    // Not by `tls::open`: each future inside another one holds what it was called with once more.
    let opened = match tls.connect(halves, request, &mut entropy, by).await {
        Ok(stream) => {
            let timing = timing.until(by);
            Connection::open(stream, request, buffers, entropy, compression, &timing).await
        }
        Err(error) => Err(error),
    };
    opened.inspect_err(|_| socket.with(TcpSocket::abort))
}
