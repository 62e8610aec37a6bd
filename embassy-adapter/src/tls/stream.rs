//! A TLS connection as a stream.
//!
//! # Cancel safety
//!
//! embedded-tls alone is not cancel-safe. Dropping its `read` inside a record loses the octets
//! that had arrived; dropping its `write` or `flush` tears the record that was on its way, and
//! the next one is encrypted under the same nonce, which gives its key away (RFC 8446 §5.3).
//!
//! Here every future of [`Stream`] and its halves may be dropped at any await, and the next call
//! goes on where it was, as long as
//!
//! - the transport's own `read` and `write` futures may be dropped (embassy-net's may), and
//! - records fit the hold buffers of the [`Link`].
//!
//! Where a record does not fit, a future dropped inside it leaves that direction refusing with
//! [`Error::Torn`], for ever: nothing is lost in silence, doubled, or encrypted twice.

use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};

use embedded_io_async::{ErrorType, Read, Write};
use embedded_tls::{Aes128GcmSha256, TlsConnection, TlsError, TlsReader, TlsWriter};

use super::error::Error;
use super::link::Link;

/// A verified TLS 1.3 connection over a reading and a writing half of a transport.
///
/// Each `write` makes one record, as far as the record buffer for writing goes, and hands it to
/// the transport as far as that takes it at once; [`flush`](Write::flush) sees it through. Flush
/// before waiting for an answer.
pub struct Stream<'a, R, W> {
    tls: Connection<'a>,
    link: &'a Link<'a>,
    reader: R,
    writer: W,
    ended: bool,
}

/// embedded-tls between its queues.
pub(super) type Connection<'a> = TlsConnection<'a, &'a Link<'a>, Aes128GcmSha256>;

impl<'a, R, W> Stream<'a, R, W>
where
    R: Read,
    W: Write<Error = R::Error>,
{
    /// After a handshake that proved the peer.
    pub(super) fn new(tls: Connection<'a>, link: &'a Link<'a>, reader: R, writer: W) -> Self {
        Self {
            tls,
            link,
            reader,
            writer,
            ended: false,
        }
    }

    /// Two halves, for two tasks.
    pub fn split(&mut self) -> (ReadHalf<'_, 'a, R>, WriteHalf<'_, 'a, W>) {
        let (tls_reader, tls_writer) = self.tls.split();
        (
            ReadHalf {
                tls: tls_reader,
                link: self.link,
                reader: &mut self.reader,
                ended: &mut self.ended,
            },
            WriteHalf {
                tls: tls_writer,
                link: self.link,
                writer: &mut self.writer,
            },
        )
    }

    /// Sends what is queued, then close_notify, and gives the transport back.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the transport is dropped with it, perhaps without close_notify.
    pub async fn close(mut self) -> Result<(R, W), Error<R::Error>> {
        begin_record(self.link, &mut self.writer).await?;
        let closing = pin!(self.tls.close());
        pump_out(closing, self.link, &mut self.writer)
            .await?
            .map_err(|(_, error)| Error::from_tls(error))?;
        drain(self.link, &mut self.writer).await?;
        self.writer.flush().await.map_err(Error::Transport)?;
        Ok((self.reader, self.writer))
    }
}

impl<R: Read, W> ErrorType for Stream<'_, R, W> {
    type Error = Error<R::Error>;
}

impl<R, W> Read for Stream<'_, R, W>
where
    R: Read,
    W: Write<Error = R::Error>,
{
    /// `Ok(0)` after the peer's close_notify; a transport that ends without it is
    /// [`Error::Truncated`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: see the [module](self).
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Self::Error> {
        if self.ended || buffer.is_empty() {
            return Ok(0);
        }
        self.link.inbound()?.begin()?;
        let read = pin!(self.tls.read(buffer));
        let read = pump_in(read, self.link, &mut self.reader).await?;
        end_of(read, self.link, &mut self.ended)
    }
}

impl<R, W> Write for Stream<'_, R, W>
where
    R: Read,
    W: Write<Error = R::Error>,
{
    /// # Cancel safety
    ///
    /// Dropping the future writes nothing, and loses nothing of what was written before.
    async fn write(&mut self, buffer: &[u8]) -> Result<usize, Self::Error> {
        if buffer.is_empty() {
            return Ok(0);
        }
        begin_record(self.link, &mut self.writer).await?;
        let record = pin!(async {
            let taken = self.tls.write(buffer).await?;
            self.tls.flush().await?;
            Ok::<_, TlsError>(taken)
        });
        let taken = pump_out(record, self.link, &mut self.writer).await?;
        end_record(taken, self.link, &mut self.writer).await
    }

    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: the next `write` or `flush` goes on.
    async fn flush(&mut self) -> Result<(), Self::Error> {
        drain(self.link, &mut self.writer).await?;
        self.writer.flush().await.map_err(Error::Transport)
    }
}

/// The reading half of a [`Stream`].
pub struct ReadHalf<'s, 'a, R> {
    tls: TlsReader<'s, &'a Link<'a>, Aes128GcmSha256>,
    link: &'a Link<'a>,
    reader: &'s mut R,
    ended: &'s mut bool,
}

impl<R: Read> ErrorType for ReadHalf<'_, '_, R> {
    type Error = Error<R::Error>;
}

impl<'s, 'a: 's, R: Read> Read for ReadHalf<'s, 'a, R> {
    /// As [`Stream`]'s.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: see the [module](self).
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Self::Error> {
        if *self.ended || buffer.is_empty() {
            return Ok(0);
        }
        self.link.inbound()?.begin()?;
        let read = pin!(self.tls.read(buffer));
        let read = pump_in(read, self.link, self.reader).await?;
        end_of(read, self.link, self.ended)
    }
}

/// The writing half of a [`Stream`].
pub struct WriteHalf<'s, 'a, W> {
    tls: TlsWriter<'s, &'a Link<'a>, Aes128GcmSha256>,
    link: &'a Link<'a>,
    writer: &'s mut W,
}

impl<W: Write> ErrorType for WriteHalf<'_, '_, W> {
    type Error = Error<W::Error>;
}

impl<'s, 'a: 's, W: Write> Write for WriteHalf<'s, 'a, W> {
    /// # Cancel safety
    ///
    /// Dropping the future writes nothing, and loses nothing of what was written before.
    async fn write(&mut self, buffer: &[u8]) -> Result<usize, Self::Error> {
        if buffer.is_empty() {
            return Ok(0);
        }
        begin_record(self.link, self.writer).await?;
        let record = pin!(async {
            let taken = self.tls.write(buffer).await?;
            self.tls.flush().await?;
            Ok::<_, TlsError>(taken)
        });
        let taken = pump_out(record, self.link, self.writer).await?;
        end_record(taken, self.link, self.writer).await
    }

    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: the next `write` or `flush` goes on.
    async fn flush(&mut self) -> Result<(), Self::Error> {
        drain(self.link, self.writer).await?;
        self.writer.flush().await.map_err(Error::Transport)
    }
}

/// Runs embedded-tls as far as its queues allow. Those wake nobody, so there is no waker.
pub(super) fn run<F: Future>(work: Pin<&mut F>) -> Poll<F::Output> {
    work.poll(&mut Context::from_waker(Waker::noop()))
}

/// Feeds a reading future of embedded-tls until it is through.
///
/// It is pending only between records, where dropping it loses nothing, or inside one that the
/// hold buffer cannot take, where [`Inbound::begin`](super::link::Inbound::begin) will tell.
async fn pump_in<F: Future, R: Read>(
    mut work: Pin<&mut F>,
    link: &Link<'_>,
    reader: &mut R,
) -> Result<F::Output, Error<R::Error>> {
    loop {
        if let Poll::Ready(output) = run(work.as_mut()) {
            return Ok(output);
        }
        if !fill(link, reader).await? {
            link.inbound()?.fail();
            return Err(Error::Truncated);
        }
    }
}

/// Reads on, until the record is whole or fills the hold buffer. `false` at the transport's end.
#[expect(
    clippy::await_holding_refcell_ref,
    reason = "one future at a time uses a queue, and a second one is refused, not a panic"
)]
pub(super) async fn fill<R: Read>(
    link: &Link<'_>,
    reader: &mut R,
) -> Result<bool, Error<R::Error>> {
    let mut inbound = link.inbound()?;
    while !inbound.ready() {
        let arrived = reader
            .read(inbound.spare())
            .await
            .map_err(Error::Transport)?;
        if arrived == 0 {
            return Ok(false);
        }
        inbound.commit(arrived)?;
    }
    Ok(true)
}

/// What came of a read.
fn end_of<T>(
    read: Result<usize, TlsError>,
    link: &Link<'_>,
    ended: &mut bool,
) -> Result<usize, Error<T>> {
    match read {
        Ok(length) => Ok(length),
        Err(TlsError::ConnectionClosed) => {
            *ended = true;
            Ok(0)
        }
        Err(error) => {
            link.inbound()?.fail();
            Err(Error::from_tls(error))
        }
    }
}

/// Makes room for a record, and notes that it is begun.
async fn begin_record<W: Write>(link: &Link<'_>, writer: &mut W) -> Result<(), Error<W::Error>> {
    drain(link, writer).await?;
    link.outbound()?.begin()
}

/// Empties the queue behind a writing future of embedded-tls until it is through.
///
/// If a whole record fits the queue there is no await in here, and no half-made record.
async fn pump_out<F: Future, W: Write>(
    mut work: Pin<&mut F>,
    link: &Link<'_>,
    writer: &mut W,
) -> Result<F::Output, Error<W::Error>> {
    loop {
        if let Poll::Ready(output) = run(work.as_mut()) {
            return Ok(output);
        }
        drain(link, writer).await?;
    }
}

/// The record is made: from here on its octets count as written, so nothing is awaited. The
/// transport is offered them once.
async fn end_record<W: Write>(
    taken: Result<usize, TlsError>,
    link: &Link<'_>,
    writer: &mut W,
) -> Result<usize, Error<W::Error>> {
    let taken = taken.map_err(Error::from_tls)?;
    link.outbound()?.end();
    let mut offer = pin!(drain(link, writer));
    poll_fn(|context| {
        Poll::Ready(match offer.as_mut().poll(context) {
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(())) | Poll::Pending => Ok(taken),
        })
    })
    .await
}

/// Hands everything queued to the transport.
#[expect(
    clippy::await_holding_refcell_ref,
    reason = "one future at a time uses a queue, and a second one is refused, not a panic"
)]
pub(super) async fn drain<W: Write>(
    link: &Link<'_>,
    writer: &mut W,
) -> Result<(), Error<W::Error>> {
    let mut outbound = link.outbound()?;
    while !outbound.pending().is_empty() {
        match writer.write(outbound.pending()).await {
            // "Implementations should never return `Ok(0)`": one that does is at its end.
            Ok(0) => return Err(Error::Closed),
            Ok(taken) => outbound.advance(taken),
            Err(error) => return Err(Error::Transport(error)),
        }
    }
    Ok(())
}
