//! Two halves for two threads.
//!
//! The writer stands behind a lock, and the reader never waits for that lock alone: a peer that does
//! not read before it has written could stop both for ever. If the lock is held, the reader leaves
//! what it owes beside it, and whoever holds the lock sends it before letting go; then looks
//! again, since the reader may have come in between. And when the transport takes nothing, the
//! reader only tries for a moment, and goes on reading meanwhile.

use std::net::Shutdown;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::thread;
use std::time::Duration;

use bare_ws::blocking::{self, Link};
use bare_ws::buffer::{Growing, Storage};
use bare_ws::close::CloseCode;
use bare_ws::closing::{Owed, Reply};
use bare_ws::error::Error as ProtocolError;
use bare_ws::header::FrameHeader;
use bare_ws::message::{Chunk, CloseStatus, Frame, Message, MessageKind};
use bare_ws::receiver::Receiver;
use bare_ws::role::Client;
use embedded_io::Read;

use crate::deadline::Deadline;
use crate::error::{Error, Timeout};
use crate::socket::{CoreReader, CoreWriter, Ended, WebSocket, uncompressed};
use crate::stage::Inflating;
use crate::stream::{Socket, Split, Stream};
use crate::wire::{Cut, Wire};

/// The receive half of a connection, for one thread. It answers pings and Closes by itself, also
/// while another thread sends.
#[derive(Debug)]
pub struct ReadHalf<S = Socket, B = Growing>
where
    S: Split,
{
    inner: CoreReader<B>,
    link: Shares<S::ReadHalf, S::WriteHalf>,
    ended: Ended,
}

/// The send half of a connection. Clones of it send over the same connection, message by message.
#[derive(Debug)]
pub struct WriteHalf<S = Socket>
where
    S: Split,
{
    shared: Arc<Shared<S::WriteHalf>>,
}

impl<S: Split, B: Storage> WebSocket<S, B> {
    /// Takes the connection apart, for two threads.
    ///
    /// # Errors
    /// [`Error::Io`] when the operating system gives no second handle.
    pub fn split(self) -> Result<(ReadHalf<S, B>, WriteHalf<S>), Error> {
        let (wire, sender) = self.writer.inner.into_parts();
        let close_timeout = self.writer.close_timeout;
        let (read, write) = wire.split().map_err(Error::Io)?;
        let closing = OnceLock::new();
        if !sender.is_open() {
            closing.get_or_init(|| Deadline::after(close_timeout));
        }
        let shared = Arc::new(Shared {
            writer: Mutex::new(blocking::Writer::new(write, sender)),
            owed: Mutex::new(None),
            closing,
            close_timeout,
        });
        let read_half = ReadHalf {
            inner: self.reader.inner,
            link: Shares {
                wire: read,
                shared: Arc::clone(&shared),
                is_stalled: false,
            },
            ended: self.reader.ended,
        };
        Ok((read_half, WriteHalf { shared }))
    }
}

impl<S: Split, B: Storage> ReadHalf<S, B> {
    /// The next whole message: as [`Reader::recv`](crate::Reader::recv).
    ///
    /// # Errors
    /// As there. [`Timeout::Close`] also when it was the other half that sent the Close.
    #[inline]
    pub fn recv(&mut self) -> Result<Option<Message<'_>>, Error> {
        let Self { inner, link, ended } = self;
        ended.check()?;
        match inner.recv(link) {
            Ok(Some(message)) => Ok(Some(message)),
            Ok(None) => Ok(link.finish(ended)),
            Err(error) => Err(link.fail(ended, error)),
        }
    }

    /// The next piece of a message: as [`Reader::recv_chunk`](crate::Reader::recv_chunk).
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_chunk(&mut self) -> Result<Option<Chunk<'_>>, Error> {
        let Self { inner, link, ended } = self;
        ended.check()?;
        match inner.recv_chunk(link) {
            Ok(Some(chunk)) => Ok(Some(chunk)),
            Ok(None) => Ok(link.finish(ended)),
            Err(error) => Err(link.fail(ended, error)),
        }
    }

    /// The next frame: as [`Reader::recv_frame`](crate::Reader::recv_frame).
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_frame(&mut self) -> Result<Option<Frame<'_>>, Error> {
        let Self { inner, link, ended } = self;
        ended.check()?;
        match inner.recv_frame(link) {
            Ok(Some(frame)) => Ok(Some(frame)),
            Ok(None) => Ok(link.finish(ended)),
            Err(error) => Err(link.fail(ended, error)),
        }
    }

    /// How the peer closed, once it did.
    pub fn close_status(&self) -> Option<CloseStatus<'_>> {
        self.inner.close_status()
    }

    /// The receive machine: fragments of the message announced last, pongs so far.
    pub fn receiver(&self) -> &Receiver<Client, B, Inflating> {
        self.inner.receiver()
    }
}

impl<S: Split> WriteHalf<S> {
    /// Sends a whole message: as [`Writer::send`](crate::Writer::send).
    ///
    /// # Errors
    /// As there.
    pub fn send<'m>(&self, message: impl Into<Message<'m>>) -> Result<(), Error> {
        self.shared.with_writer(|writer| writer.send(message))
    }

    /// The same, never compressed: as [`Writer::send_uncompressed`](crate::Writer::send_uncompressed).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_uncompressed<'m>(&self, message: impl Into<Message<'m>>) -> Result<(), Error> {
        self.shared
            .with_writer(|writer| uncompressed(writer, message.into()))
    }

    /// Sends a piece of a message that is still being produced, as fragments; `fin`: the last.
    /// While a message is open, no clone of this half can send another.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_fragment(&self, kind: MessageKind, payload: &[u8], fin: bool) -> Result<(), Error> {
        self.shared
            .with_writer(|writer| writer.send_fragment(kind, payload, fin))
    }

    /// Sends one frame of the caller's own making.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_frame(&self, header: FrameHeader, payload: &[u8]) -> Result<(), Error> {
        self.shared
            .with_writer(|writer| writer.send_frame(header, payload))
    }

    /// Sends a Ping with up to 125 octets.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn ping(&self, payload: &[u8]) -> Result<(), Error> {
        self.shared.with_writer(|writer| writer.ping(payload))
    }

    /// Sends a Pong that nobody asked for.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn pong(&self, payload: &[u8]) -> Result<(), Error> {
        self.shared.with_writer(|writer| writer.pong(payload))
    }

    /// Starts the closing handshake: as [`Writer::close`](crate::Writer::close). The other half
    /// goes on receiving until there is nothing more, which is no later than the close time-out.
    ///
    /// # Errors
    /// As there.
    pub fn close(&self, code: Option<CloseCode>, reason: &str) -> Result<(), Error> {
        let deadline = Deadline::after(self.shared.close_timeout);
        self.shared.with_writer(|writer| {
            let before = writer.io().deadline();
            if before.0.is_never() {
                writer.io_mut().set_deadline(deadline, Timeout::Close);
            }
            let closed = writer.close(code, reason);
            if let Err(ProtocolError::Usage(_) | ProtocolError::Entropy) = closed {
                writer.io_mut().set_deadline(before.0, before.1);
            } else {
                self.shared.closing.get_or_init(|| deadline);
            }
            closed
        })
    }

    /// Whether data may be sent: neither end has closed, and the peer is not gone. Waits while
    /// another thread sends.
    pub fn is_open(&self) -> bool {
        self.shared.writer().sender().is_open()
    }
}

impl<S: Split> Clone for WriteHalf<S> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

/// What both halves know.
#[derive(Debug)]
struct Shared<W> {
    writer: Mutex<CoreWriter<W>>,
    /// What the reader owes the peer and could not send, since the writer was held. The newest
    /// only: it stands for those before it.
    owed: Mutex<Option<Owed>>,
    /// By when the closing handshake must be complete, once it has begun.
    closing: OnceLock<Deadline>,
    close_timeout: Option<Duration>,
}

/// The reader's side of it.
#[derive(Debug)]
struct Shares<R, W> {
    wire: Wire<R>,
    shared: Arc<Shared<W>>,
    /// Something is queued that the transport did not take.
    is_stalled: bool,
}

/// How long the reader tries to send before it goes on reading.
const MOMENT: Duration = Duration::from_millis(10);
/// How long it tries again, once for each read, while the transport takes nothing.
const INSTANT: Duration = Duration::from_millis(1);

impl<W: Stream> Shared<W> {
    fn with_writer<T>(
        &self,
        act: impl FnOnce(&mut CoreWriter<W>) -> Result<T, ProtocolError<Cut>>,
    ) -> Result<T, Error> {
        let mut writer = self.writer();
        let done = act(&mut writer);
        self.answer_deposited(&mut writer);
        drop(writer);
        // The reader may have come after the look and before the lock was let go.
        while self.has_deposited() {
            let Some(mut writer) = self.try_writer() else {
                break;
            };
            self.answer_deposited(&mut writer);
        }
        Ok(done?)
    }

    /// Sends what the reader has left. What cannot be sent is not tried twice: its transport is
    /// gone, which the next call of either half says.
    fn answer_deposited(&self, writer: &mut CoreWriter<W>) {
        let Some(mut owed) = self.deposited().take() else {
            return;
        };
        if let Some(closing) = self.closing.get() {
            writer.io_mut().set_deadline(*closing, Timeout::Close);
        }
        let _ = writer.answer(&mut owed);
    }

    fn start_closing(&self) -> Deadline {
        *self
            .closing
            .get_or_init(|| Deadline::after(self.close_timeout))
    }

    fn has_deposited(&self) -> bool {
        self.deposited().is_some()
    }

    fn deposited(&self) -> MutexGuard<'_, Option<Owed>> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread that panicked in here left the machine in order: it is always between two frames,
    /// or refuses what must not follow.
    fn writer(&self) -> MutexGuard<'_, CoreWriter<W>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_writer(&self) -> Option<MutexGuard<'_, CoreWriter<W>>> {
        match self.writer.try_lock() {
            Ok(writer) => Some(writer),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl<R: Stream, W: Stream> Shares<R, W> {
    /// Both Closes are exchanged, or ours is left for the writer: waits for the peer to end the
    /// transport (RFC 6455 §7.1.1).
    fn finish<T>(&mut self, ended: &mut Ended) -> Option<T> {
        if *ended == Ended::No {
            self.drain(false);
            *ended = Ended::Yes;
        }
        None
    }

    /// After a failure: the peer must be able to read our Close before the socket is closed.
    fn fail(&mut self, ended: &mut Ended, error: ProtocolError<Cut>) -> Error {
        match &error {
            ProtocolError::Peer(_) | ProtocolError::Capacity(_) if *ended == Ended::No => {
                self.drain(true);
                *ended = Ended::Yes;
            }
            ProtocolError::Transport(Cut::Timeout(Timeout::Close)) => {
                let _ = self.wire.stream_mut().shutdown(Shutdown::Both);
                *ended = Ended::Unanswered;
            }
            _ => {}
        }
        error.into()
    }

    /// Reads to the end, and throws it away, until our Close is out as well. `has_failed`: ends our
    /// direction as soon as it is.
    fn drain(&mut self, has_failed: bool) {
        let deadline = self.shared.start_closing();
        self.wire.set_deadline(deadline, Timeout::Close);
        let (mut is_out, mut has_ended) = (false, false);
        let mut scratch = [0; 4096];
        while !(is_out && has_ended) {
            self.try_to_send();
            if !is_out && self.has_sent_all() {
                is_out = true;
                if has_failed {
                    let _ = self.wire.stream_mut().shutdown(Shutdown::Write);
                }
            } else if has_ended {
                // The peer sends no more, which does not say that it has read all of ours.
                if deadline.has_passed() {
                    break;
                }
                thread::sleep(MOMENT);
            } else {
                self.wire.pause = (!is_out).then_some(MOMENT);
                match self.wire.read(&mut scratch) {
                    Ok(0) => has_ended = true,
                    Ok(_) | Err(Cut::Pause) => {}
                    Err(_) => break,
                }
            }
        }
        let _ = self.wire.stream_mut().shutdown(Shutdown::Both);
    }

    /// Whether nothing is left to send, by either half: what another thread has taken to send it
    /// is out when it lets go of the lock.
    fn has_sent_all(&self) -> bool {
        let writer = self.shared.try_writer();
        writer.is_some() && !self.is_stalled && !self.shared.has_deposited()
    }

    /// Sends what is queued or was left, as far as the transport takes it at once and nobody else
    /// is sending.
    fn try_to_send(&mut self) {
        if self.is_stalled || self.shared.has_deposited() {
            let shared = Arc::clone(&self.shared);
            if let Some(mut writer) = shared.try_writer() {
                let owed = shared.deposited().take();
                // What fails here fails again, and is reported, where it is waited for.
                let moment = if self.is_stalled { INSTANT } else { MOMENT };
                let _ = self.send_for_a_moment(moment, &mut writer, owed);
            }
        }
    }

    fn send_or_leave(&mut self, owed: Owed) -> Result<(), ProtocolError<Cut>> {
        let shared = Arc::clone(&self.shared);
        if self.is_stalled {
            *shared.deposited() = Some(owed);
            return Ok(());
        }
        if let Some(mut writer) = shared.try_writer() {
            shared.deposited().take();
            return self.send_for_a_moment(MOMENT, &mut writer, Some(owed));
        }
        *shared.deposited() = Some(owed);
        // Whoever held the lock may have looked before this was left.
        self.try_to_send();
        Ok(())
    }

    fn send_for_a_moment(
        &mut self,
        moment: Duration,
        writer: &mut CoreWriter<W>,
        mut owed: Option<Owed>,
    ) -> Result<(), ProtocolError<Cut>> {
        if let Some(closing) = self.shared.closing.get() {
            writer.io_mut().set_deadline(*closing, Timeout::Close);
        }
        writer.io_mut().pause = Some(moment);
        let sent = match &mut owed {
            Some(owed) => writer.answer(owed),
            None => writer.flush(),
        };
        writer.io_mut().pause = None;
        self.is_stalled = matches!(sent, Err(ProtocolError::Transport(Cut::Pause)));
        if self.is_stalled {
            *self.shared.deposited() = owed.filter(Owed::is_due);
            return Ok(());
        }
        sent
    }
}

impl<R: Stream, W: Stream> Link for Shares<R, W> {
    type Error = Cut;

    fn read(&mut self, spare: &mut [u8]) -> Result<usize, Cut> {
        loop {
            self.try_to_send();
            if let Some(closing) = self.shared.closing.get() {
                self.wire.set_deadline(*closing, Timeout::Close);
            }
            // The other half may start to close at any time: looked for now and then.
            self.wire.pause = Some(if self.is_stalled {
                MOMENT
            } else {
                let close = self.shared.close_timeout.unwrap_or(Duration::MAX);
                (close / 4).clamp(MOMENT, Duration::from_secs(1))
            });
            match self.wire.read(spare) {
                Err(Cut::Pause) => {}
                read => return read,
            }
        }
    }

    fn answer(&mut self, owed: &mut Owed) -> Result<(), ProtocolError<Cut>> {
        if let Some(Reply::Close(_)) = owed.reply() {
            self.shared.start_closing();
        }
        let newest = owed.clone();
        owed.taken();
        self.send_or_leave(newest)
    }
}
