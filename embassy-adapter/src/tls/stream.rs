//! A TLS connection as a stream.
//!
//! # Cancel safety
//!
//! embedded-tls alone is not cancel-safe. Dropping its `read` inside a record loses the octets
//! that had arrived; dropping its `write` or `flush` tears the record that was on its way, and
//! the next one is encrypted under the same nonce, which gives its plaintext away (RFC 8446 §5.3).
//!
//! Here every future of [`Stream`] and its halves may be dropped at any await: nothing is lost,
//! doubled, torn or encrypted twice, and the next call goes on where the last one stopped. That
//! holds if the transport's own `read` and `write` futures may be dropped, as embassy-net's may.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};

use embassy_futures::yield_now;
use embedded_io_async::{ErrorType, Read, Write};
use embedded_tls::{FlushPolicy, TlsConnection};

use super::Records;
use super::cipher::{Suite, is_end};
use super::error::Error;
use super::link::Link;
use crate::transport::{Shutdown, Transport};

/// A verified TLS 1.3 connection over a reading and a writing half of a transport.
///
/// Each `write` makes one record, of as many octets as fit into the record buffer for writing, and
/// offers it to the transport at once; [`flush`](Write::flush) writes out the rest of it. Flush
/// before waiting for an answer.
pub struct Stream<'a, 'b, In, Out> {
    pub(super) session: Session<'a, 'b>,
    pub(super) reader: In,
    pub(super) writer: Out,
}

impl<'a, 'b, In, Out> Stream<'a, 'b, In, Out> {
    /// Of no use to anybody before its handshake has [proved](super::Client::shake) the peer.
    #[inline]
    pub(super) fn begin<T>(
        link: &'a mut Link<'b>,
        records: Records<'a>,
        reader: In,
        writer: Out,
    ) -> Result<Self, Error<T>> {
        link.begin(&records)?;
        let link = &*link;
        let mut tls = Connection::new(link, records.read, records.write);
        // The queue has nothing to flush, the transport is flushed by its caller.
        tls.set_flush_policy(FlushPolicy::Relaxed);
        Ok(Self {
            session: Session {
                tls: RefCell::new(Some(tls)),
                link,
                ended: Cell::new(false),
            },
            reader,
            writer,
        })
    }

    /// Two halves, for two tasks, or for [`Connection::open`](crate::Connection::open).
    ///
    /// Nothing is lost with them: they may be dropped and made again.
    pub fn split(&mut self) -> (ReadHalf<'_, 'a, 'b, In>, WriteHalf<'_, 'a, 'b, Out>) {
        let session = &self.session;
        (
            ReadHalf {
                session,
                reader: &mut self.reader,
            },
            WriteHalf {
                session,
                writer: &mut self.writer,
            },
        )
    }

    /// Gives the transport back. No close_notify is sent, unless [`Shutdown::shutdown`] has sent
    /// it.
    pub fn into_inner(self) -> (In, Out) {
        (self.reader, self.writer)
    }
}

/// The reading half of a [`Stream`].
pub struct ReadHalf<'s, 'a, 'b, In> {
    session: &'s Session<'a, 'b>,
    reader: &'s mut In,
}

/// The writing half of a [`Stream`].
pub struct WriteHalf<'s, 'a, 'b, Out> {
    session: &'s Session<'a, 'b>,
    writer: &'s mut Out,
}

impl<In: ErrorType, Out> ErrorType for Stream<'_, '_, In, Out> {
    type Error = Error<In::Error>;
}

impl<In: ErrorType> ErrorType for ReadHalf<'_, '_, '_, In> {
    type Error = Error<In::Error>;
}

impl<Out: ErrorType> ErrorType for WriteHalf<'_, '_, '_, Out> {
    type Error = Error<Out::Error>;
}

impl<In: Read, Out> Read for Stream<'_, '_, In, Out> {
    /// `Ok(0)` after the peer's close_notify; a transport that ends without it is
    /// [`Error::Truncated`].
    ///
    /// # Cancel safety
    /// If it is dropped before it is ready, nothing was read, and nothing is lost.
    async fn read(&mut self, octets: &mut [u8]) -> Result<usize, Self::Error> {
        self.session.read(&mut self.reader, octets).await
    }
}

impl<In: Read> Read for ReadHalf<'_, '_, '_, In> {
    /// As [`Stream`]'s.
    ///
    /// # Cancel safety
    /// If it is dropped before it is ready, nothing was read, and nothing is lost.
    async fn read(&mut self, octets: &mut [u8]) -> Result<usize, Self::Error> {
        self.session.read(self.reader, octets).await
    }
}

impl<In: ErrorType, Out: Write<Error = In::Error>> Write for Stream<'_, '_, In, Out> {
    /// # Cancel safety
    /// If it is dropped before it is ready, nothing was written.
    async fn write(&mut self, octets: &[u8]) -> Result<usize, Self::Error> {
        self.session.write(&mut self.writer, octets).await
    }

    /// # Cancel safety
    /// If it is dropped before it is ready, the next `write` or `flush` goes on.
    async fn flush(&mut self) -> Result<(), Self::Error> {
        self.session.flush(&mut self.writer).await
    }
}

impl<Out: Write> Write for WriteHalf<'_, '_, '_, Out> {
    /// # Cancel safety
    /// If it is dropped before it is ready, nothing was written.
    async fn write(&mut self, octets: &[u8]) -> Result<usize, Self::Error> {
        self.session.write(self.writer, octets).await
    }

    /// # Cancel safety
    /// If it is dropped before it is ready, the next `write` or `flush` goes on.
    async fn flush(&mut self) -> Result<(), Self::Error> {
        self.session.flush(self.writer).await
    }
}

impl<In: ErrorType, Out: Shutdown<Error = In::Error>> Shutdown for Stream<'_, '_, In, Out> {
    async fn shutdown(&mut self) -> Result<(), Self::Error> {
        self.session.shutdown(&mut self.writer).await
    }

    fn abort(&mut self) {
        self.writer.abort();
    }
}

impl<Out: Shutdown> Shutdown for WriteHalf<'_, '_, '_, Out> {
    /// Sends what is queued and close_notify, whether the peer's has come or not (RFC 8446 §6.1), and
    /// ends the transport's writing direction. With embedded-tls that is the end of reading, too.
    ///
    /// # Cancel safety
    /// If it is dropped before it is ready, another call goes on.
    async fn shutdown(&mut self) -> Result<(), Self::Error> {
        self.session.shutdown(self.writer).await
    }

    fn abort(&mut self) {
        self.writer.abort();
    }
}

/// For [`Connection::open`](crate::Connection::open): the connection owns the stream, which needs
/// no other place.
impl<'a, 'b, In, Out> Transport for Stream<'a, 'b, In, Out>
where
    In: Read<Error: Clone>,
    Out: Shutdown<Error = In::Error>,
{
    type Error = Error<In::Error>;
    type Input = In;
    type Output = Out;
    type Common = Session<'a, 'b>;

    fn parts(self) -> (In, Out, Session<'a, 'b>) {
        (self.reader, self.writer, self.session)
    }

    fn read(
        input: &mut In,
        session: &Session<'a, 'b>,
        octets: &mut [u8],
    ) -> impl Future<Output = Result<usize, Self::Error>> {
        session.read(input, octets)
    }

    fn write(
        output: &mut Out,
        session: &Session<'a, 'b>,
        octets: &[u8],
    ) -> impl Future<Output = Result<usize, Self::Error>> {
        session.write(output, octets)
    }

    fn flush(
        output: &mut Out,
        session: &Session<'a, 'b>,
    ) -> impl Future<Output = Result<(), Self::Error>> {
        session.flush(output)
    }

    fn shutdown(
        output: &mut Out,
        session: &Session<'a, 'b>,
    ) -> impl Future<Output = Result<(), Self::Error>> {
        session.shutdown(output)
    }

    fn abort(output: &mut Out, _: &Session<'a, 'b>) {
        output.abort();
    }
}

/// embedded-tls between its queues.
pub(super) type Connection<'a, 'b> = TlsConnection<'a, &'a Link<'b>, Suite>;

/// A TLS connection without its transport: what both directions look at. It is borrowed for the
/// moment of one poll, never across an await: embedded-tls does not wait if its queue holds a whole
/// record or has room for one.
pub struct Session<'a, 'b> {
    /// `None` after our close_notify.
    tls: RefCell<Option<Connection<'a, 'b>>>,
    link: &'a Link<'b>,
    /// The peer's close_notify has come.
    ended: Cell<bool>,
}

impl<'a, 'b> Session<'a, 'b> {
    /// What the handshake is made on.
    pub(super) fn opening(&mut self) -> Option<(&mut Connection<'a, 'b>, &'a Link<'b>)> {
        let tls = self.tls.get_mut().as_mut()?;
        Some((tls, self.link))
    }
}

impl Session<'_, '_> {
    async fn read<In: Read>(
        &self,
        reader: &mut In,
        octets: &mut [u8],
    ) -> Result<usize, Error<In::Error>> {
        if octets.is_empty() {
            return Ok(0);
        }
        loop {
            if self.ended.get() {
                return Ok(0);
            }
            if self.is_shut() {
                return discard(reader, octets).await;
            }
            if let Some(length) = self.open(octets)? {
                return Ok(length);
            }
            if !fill(self.link, reader).await? {
                self.link.inbound()?.fail();
                return Err(Error::Truncated);
            }
        }
    }

    /// What is decrypted already, or can be; `None` when more octets are needed.
    fn open<T>(&self, octets: &mut [u8]) -> Result<Option<usize>, Error<T>> {
        if self.link.inbound()?.failed() {
            return Err(Error::Closed);
        }
        let read = self.with(|tls| run(pin!(tls.read(octets))))?;
        match read {
            // Between two records, where nothing is lost with the future.
            Poll::Pending => Ok(None),
            Poll::Ready(Ok(length)) => Ok(Some(length)),
            Poll::Ready(Err(error)) if is_end(&error) => {
                self.ended.set(true);
                Ok(Some(0))
            }
            Poll::Ready(Err(error)) => {
                self.link.inbound()?.fail();
                Err(Error::from_tls(error))
            }
        }
    }

    async fn write<Out: Write>(
        &self,
        writer: &mut Out,
        octets: &[u8],
    ) -> Result<usize, Error<Out::Error>> {
        if octets.is_empty() {
            return Ok(0);
        }
        // The record before must leave the queue; until then nothing of this one exists.
        drain(self.link, writer).await?;
        let taken = self.seal(octets)?;
        // From here on its octets count as written, so nothing is awaited.
        let mut offer = pin!(drain(self.link, writer));
        poll_fn(|context| {
            Poll::Ready(match offer.as_mut().poll(context) {
                Poll::Ready(Err(error)) => Err(error),
                Poll::Ready(Ok(())) | Poll::Pending => Ok(taken),
            })
        })
        .await
    }

    /// One record of as many octets as fit, into the empty queue.
    fn seal<T>(&self, octets: &[u8]) -> Result<usize, Error<T>> {
        let sealed = self.with(|tls| {
            run(pin!(async {
                let taken = tls.write(octets).await?;
                tls.flush().await?;
                Ok(taken)
            }))
        })?;
        match sealed {
            Poll::Ready(sealed) => sealed.map_err(Error::from_tls),
            Poll::Pending => Err(Error::Closed), // the queue has room for it
        }
    }

    async fn flush<Out: Write>(&self, writer: &mut Out) -> Result<(), Error<Out::Error>> {
        drain(self.link, writer).await?;
        writer.flush().await.map_err(Error::Transport)
    }

    async fn shutdown<Out: Shutdown>(&self, writer: &mut Out) -> Result<(), Error<Out::Error>> {
        drain(self.link, writer).await?;
        let tls = self.tls.try_borrow_mut().map_err(|_| Error::Closed)?.take();
        // RFC 8446 §6.1: "Each party MUST send a "close_notify" alert before closing its write side",
        // whether the other one has or not.
        if let Some(tls) = tls {
            let _in_the_queue = run(pin!(tls.close()));
        }
        drain(self.link, writer).await?;
        writer.shutdown().await.map_err(Error::Transport)
    }

    /// Our close_notify was sent, and with it embedded-tls has ended in both directions.
    fn is_shut(&self) -> bool {
        self.tls.try_borrow().is_ok_and(|tls| tls.is_none())
    }

    fn with<T, V>(&self, with: impl FnOnce(&mut Connection<'_, '_>) -> V) -> Result<V, Error<T>> {
        let mut tls = self.tls.try_borrow_mut().map_err(|_| Error::Closed)?;
        tls.as_mut().map(with).ok_or(Error::Closed)
    }
}

/// Reads and discards, to the transport's end, what nobody can decrypt any more: TCP resets a
/// connection that is closed with octets unread, and the peer would lose what we sent last.
async fn discard<In: Read>(reader: &mut In, octets: &mut [u8]) -> Result<usize, Error<In::Error>> {
    while reader.read(octets).await.map_err(Error::Transport)? > 0 {
        yield_now().await;
    }
    Ok(0)
}

/// Runs embedded-tls as far as its queues allow. Those wake nobody, so there is no waker.
pub(super) fn run<F: Future>(work: Pin<&mut F>) -> Poll<F::Output> {
    work.poll(&mut Context::from_waker(Waker::noop()))
}

/// Reads on, until there is a record to give. `false` at the transport's end.
#[expect(
    clippy::await_holding_refcell_ref,
    reason = "one future at a time uses a queue; a second one is refused, and does not panic"
)]
pub(super) async fn fill<In: Read>(
    link: &Link<'_>,
    reader: &mut In,
) -> Result<bool, Error<In::Error>> {
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

/// Hands everything queued to the transport.
#[expect(
    clippy::await_holding_refcell_ref,
    reason = "one future at a time uses a queue; a second one is refused, and does not panic"
)]
pub(super) async fn drain<Out: Write>(
    link: &Link<'_>,
    writer: &mut Out,
) -> Result<(), Error<Out::Error>> {
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

impl<In, Out> fmt::Debug for Stream<'_, '_, In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").finish_non_exhaustive()
    }
}

impl<In> fmt::Debug for ReadHalf<'_, '_, '_, In> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadHalf").finish_non_exhaustive()
    }
}

impl<Out> fmt::Debug for WriteHalf<'_, '_, '_, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteHalf").finish_non_exhaustive()
    }
}

impl fmt::Debug for Session<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}
