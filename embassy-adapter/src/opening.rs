//! From a transport that is not ready yet to an open connection.

use bare_ws::asynch;
use bare_ws::buffer::{Buffers, Storage};
use bare_ws::compression::{Compress, Decompress};
use bare_ws::entropy::Entropy;
use bare_ws::handshake::{Compression, Established, Request};
use bare_ws::receiver::Receiver;
use bare_ws::role::Client;
use bare_ws::sender::Sender;
use embassy_time::{Duration, Instant, with_deadline};

use crate::connection::Connection;
use crate::error::ConnectError;
use crate::timing::{Timeout, Timing, after};
use crate::transport::{Reading, Transport, Writing};

/// What must happen on a transport before the opening handshake: TCP, TLS, both or nothing.
pub trait Prepare<Io: Transport> {
    /// Prepares the transport, which stays where it is, and returns the deadline of the opening
    /// handshake.
    fn prepare<E: Entropy>(
        &mut self,
        io: (&mut Io::Input, &mut Io::Output, &mut Io::Common),
        request: &Request<'_>,
        entropy: &mut E,
    ) -> impl Future<Output = Result<Instant, ConnectError<Io::Error>>>;

    /// The connection is open. A preparation that is dropped without this call belonged to a failed
    /// attempt.
    fn opened(self);
}

/// Nothing to prepare: the transport is ready. Holds the time limit of the opening handshake.
#[derive(Debug)]
pub struct Ready(pub(crate) Duration);

impl<Io: Transport> Prepare<Io> for Ready {
    async fn prepare<E: Entropy>(
        &mut self,
        _: (&mut Io::Input, &mut Io::Output, &mut Io::Common),
        _: &Request<'_>,
        _: &mut E,
    ) -> Result<Instant, ConnectError<Io::Error>> {
        Ok(after(self.0))
    }

    fn opened(self) {}
}

/// Opens a connection over what `begin` makes. The transport is built here and moves once more,
/// into the connection: a TLS session is large, and each function that it passed through would hold
/// it on the stack while the signatures of the certificates are verified.
pub(crate) async fn open_over<'r, Io, P, B, T, E, C, V>(
    begin: impl FnOnce() -> Result<(Io, P, C), ConnectError<Io::Error>>,
    request: &Request<'r>,
    buffers: Buffers<B, T>,
    mut entropy: E,
    timing: &Timing,
    opened: impl FnOnce(
        Connection<Io, Receiver<Client, B, C::Decompressor>, Sender<Client, T, E, C::Compressor>>,
        Established<'r, C::Agreed>,
    ) -> V,
) -> Result<V, ConnectError<Io::Error>>
where
    Io: Transport,
    P: Prepare<Io>,
    B: Storage,
    T: Storage,
    E: Entropy,
    C: Compression<Decompressor: Decompress, Compressor: Compress>,
{
    let (io, mut preparation, compression) = begin()?;
    let (mut input, mut output, mut common) = io.parts();
    let parts = (&mut input, &mut output, &mut common);
    let by = preparation.prepare(parts, request, &mut entropy).await?;
    let halves = (
        Reading::<Io>(&mut input, &common),
        Writing::<Io>(&mut output, &common),
    );
    let opening = asynch::Connection::open(halves, request, buffers, entropy, compression);
    let (core, established) = with_deadline(by, opening)
        .await
        .map_err(|_| ConnectError::Timeout(Timeout::Handshake))??;
    preparation.opened();
    let asynch::Connection { reader, writer } = core;
    let (_, tx) = writer.into_parts();
    let connection = Connection::from_parts((input, output, common), reader, tx, timing);
    Ok(opened(connection, established))
}
