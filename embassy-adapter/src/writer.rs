//! The sending half.

use core::fmt;
use core::pin::pin;

use bare_ws::close::CloseCode;
use bare_ws::header::{FrameHeader, MAX_HEADER};
use bare_ws::lifecycle::Call;
use bare_ws::message::{AsMessage, Message, MessageKind};
use bare_ws::opcode::Opcode;
use bare_ws::sender::{MIN_TRANSMIT, Outgoing, Transmit};
use embassy_futures::yield_now;
use embassy_sync::blocking_mutex::raw::{NoopRawMutex, RawMutex};
use embassy_time::Instant;

use crate::error::Error;
use crate::shared::{Begun, Shared, TxSender};
use crate::timing::Timing;
use crate::transport::Transport;

/// The sending half of a [`Connection`](crate::Connection). Copies of it may send from several
/// tasks: messages do not mix, and control frames pass between the fragments of a long one.
///
/// Whatever ends the connection ends the calls that wait here. [`Timing::stall`] ends a send to a
/// transport that accepts nothing, whether or not a [`Reader`](crate::Reader) is in use; only a reader
/// notices that the peer is silent.
pub struct Writer<'c, Io: Transport, Tx, M: RawMutex = NoopRawMutex> {
    pub(crate) shared: &'c Shared<Io, Tx, M>,
}

impl<'c, Io: Transport, Tx: Transmit, M: RawMutex> Writer<'c, Io, Tx, M> {
    pub(crate) fn new(shared: &'c Shared<Io, Tx, M>) -> Self {
        Self { shared }
    }

    /// Sends a whole message: as one frame if it fits the buffer, otherwise as fragments that fill it.
    ///
    /// # Errors
    /// [`Usage`](bare_ws::error::Usage) and [`Entropy`](bare_ws::error::Error::Entropy): nothing
    /// was sent. [`Timeout`](crate::Timeout), [`Lost`](bare_ws::error::Error::Lost) and the
    /// transport's own: the connection is over.
    ///
    /// # Cancel safety
    /// If the future is dropped, a message that fits the buffer is either not sent at all or queued
    /// whole. Once queued it goes out before anything else, at the latest by the reader. Of a longer
    /// message some fragments may have been queued: from then on data is refused with
    /// [`Usage::InterruptedMessage`](bare_ws::error::Usage::InterruptedMessage), and closing still
    /// works.
    pub async fn send(&self, message: impl AsMessage) -> Result<(), Error<Io::Error>> {
        self.shared.send(message.as_message()).await
    }

    /// Sends a piece of a message that is still being produced, as one or more fragments. `fin` marks
    /// the last piece; no other task may send data before it.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// A piece that fits the buffer is either not sent or queued whole. Of a longer piece, or one that
    /// is compressed, a part may have been queued: the message stays open, and how much of it was sent
    /// is unknown.
    pub async fn send_fragment(
        &self,
        kind: MessageKind,
        payload: &[u8],
        fin: bool,
    ) -> Result<(), Error<Io::Error>> {
        self.shared.send_fragment(kind, payload, fin).await
    }

    /// Sends one frame with a header of the caller's:
    /// [`Sender::frame`](bare_ws::sender::Sender::frame).
    ///
    /// # Errors
    /// See [`Sender::frame`](bare_ws::sender::Sender::frame); [`Usage::BufferTooSmall`](bare_ws::error::Usage::BufferTooSmall) when the frame
    /// does not fit the buffer.
    ///
    /// # Cancel safety
    /// The frame is either not sent or queued whole.
    pub async fn send_frame(
        &self,
        header: FrameHeader,
        payload: &[u8],
    ) -> Result<(), Error<Io::Error>> {
        self.shared.send_frame(header, payload).await
    }

    /// Sends a Ping with up to 125 octets. Keepalive sends its own.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// The Ping is either not sent or queued whole.
    pub async fn ping(&self, payload: &[u8]) -> Result<(), Error<Io::Error>> {
        self.shared.control(Opcode::Ping, payload).await
    }

    /// Sends an unsolicited Pong: a heartbeat in one direction (RFC 6455 §5.5.3).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// The Pong is either not sent or queued whole.
    pub async fn pong(&self, payload: &[u8]) -> Result<(), Error<Io::Error>> {
        self.shared.control(Opcode::Pong, payload).await
    }

    /// Writes out what is queued.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// It can be dropped at any point; another call continues.
    pub async fn flush(&self) -> Result<(), Error<Io::Error>> {
        self.shared.flush().await
    }

    /// Starts the closing handshake, and returns once the Close is written. Nothing can be sent
    /// afterwards. The reader continues until `recv` returns `None`, at the latest after
    /// [`Timing::close`], and then calls [`finish`](crate::Reader::finish).
    ///
    /// # Errors
    /// As [`Sender::close`](bare_ws::sender::Sender::close);
    /// [`Timeout::Close`](crate::Timeout::Close) when the Close could not be written in that time,
    /// which ends the connection; the transport's.
    ///
    /// # Cancel safety
    /// The Close is either not sent or queued whole. If the future is dropped before that, the
    /// connection stays open. Calling again gains no time: the limit counts from the first call, as long
    /// as the transport accepts nothing of what was queued before.
    pub async fn close(
        &self,
        code: impl Into<Option<CloseCode>>,
        reason: &str,
    ) -> Result<(), Error<Io::Error>> {
        self.shared.close(code.into(), reason).await
    }

    /// When an octet of the peer's arrived last, or the connection was opened.
    #[must_use]
    pub fn last_heard(&self) -> Instant {
        self.shared.last_heard()
    }

    /// Sets the limits in time anew: [`Connection::set_timing`](crate::Connection::set_timing).
    pub fn set_timing(&self, timing: &Timing) {
        self.shared.set_limits(timing.limits());
    }
}

impl<Io: Transport, Tx, M: RawMutex> Clone for Writer<'_, Io, Tx, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Io: Transport, Tx, M: RawMutex> Copy for Writer<'_, Io, Tx, M> {}

impl<Io: Transport, Tx, M: RawMutex> fmt::Debug for Writer<'_, Io, Tx, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

/// What both a [`Writer`] and an undivided connection do.
impl<Io: Transport, Tx: Transmit, M: RawMutex> Shared<Io, Tx, M> {
    pub(crate) async fn send(&self, message: Message<'_>) -> Result<(), Error<Io::Error>> {
        let work = pin!(async {
            let _turn = self.turn().await;
            let mut outgoing = Outgoing::new(message);
            loop {
                let mut lock = self.lock(Call::Send).await;
                let complete = lock.queue(|sender| outgoing.queue(sender))?;
                lock.drain().await?;
                if complete {
                    return Ok(());
                }
                drop(lock);
                // Whoever has a control frame to send takes the lock now.
                yield_now().await;
            }
        });
        self.run(work, None).await
    }

    pub(crate) async fn send_fragment(
        &self,
        kind: MessageKind,
        mut payload: &[u8],
        fin: bool,
    ) -> Result<(), Error<Io::Error>> {
        let work = pin!(async {
            let _turn = self.turn().await;
            loop {
                let mut lock = self.lock(Call::Send).await;
                let queued = lock.queue(|sender| {
                    let first = !sender.in_fragments();
                    sender.fragment(kind, payload, first, fin)
                })?;
                lock.drain().await?;
                if queued.complete {
                    return Ok(());
                }
                payload = payload.get(queued.taken..).unwrap_or_default();
                drop(lock);
                yield_now().await;
            }
        });
        self.run(work, None).await
    }

    pub(crate) async fn send_frame(
        &self,
        header: FrameHeader,
        payload: &[u8],
    ) -> Result<(), Error<Io::Error>> {
        let work = pin!(async {
            let _turn = self.turn().await;
            let needed = payload.len().saturating_add(MAX_HEADER);
            let mut lock = self.lock(Call::Send).await;
            lock.put(|sender| sender.frame(header, payload), needed)
                .await
        });
        self.run(work, None).await
    }

    /// Sends a Ping or a Pong.
    pub(crate) async fn control(
        &self,
        opcode: Opcode,
        payload: &[u8],
    ) -> Result<(), Error<Io::Error>> {
        let work = pin!(async {
            let mut lock = self.lock(Call::Send).await;
            let put = |sender: &mut TxSender<Tx>| match opcode {
                Opcode::Ping => sender.ping(payload),
                _ => sender.pong(payload),
            };
            lock.put(put, MIN_TRANSMIT).await
        });
        self.run(work, None).await
    }

    pub(crate) async fn flush(&self) -> Result<(), Error<Io::Error>> {
        let work = pin!(async {
            let mut lock = self.lock(Call::Send).await;
            lock.queue(|_| Ok(()))?;
            lock.drain().await
        });
        self.run(work, None).await
    }

    pub(crate) async fn close(
        &self,
        code: Option<CloseCode>,
        reason: &str,
    ) -> Result<(), Error<Io::Error>> {
        let begun = Begun::new(self);
        let work = pin!(async {
            let mut lock = self.lock(Call::Send).await;
            lock.put(|sender| sender.close(code, reason), MIN_TRANSMIT)
                .await
        });
        self.run(work, Some(&begun)).await
    }
}
