//! The sending half.

use core::fmt;

use bare_ws::buffer::Storage;
use bare_ws::close::CloseCode;
use bare_ws::entropy::Entropy;
use bare_ws::error::{Error as CoreError, Usage};
use bare_ws::header::{FrameHeader, MAX_HEADER};
use bare_ws::message::{Message, MessageKind};
use bare_ws::opcode::Opcode;
use bare_ws::stage::{Compress, Plain};
use embassy_futures::select::{Either, Either3, select, select3};
use embassy_futures::yield_now;
use embassy_sync::blocking_mutex::raw::{NoopRawMutex, RawMutex};
use embedded_io_async::Write;

use crate::error::Error;
use crate::shared::Shared;
use crate::timing::{Timeout, until};

/// The sending half of a [`Connection`](crate::Connection). Copies of it may send from several
/// tasks: messages do not mix, and control frames pass between the fragments of a long one.
///
/// It is for a [`Reader`](crate::Reader) in use to find out that the peer is gone: whatever ends
/// the connection there ends what waits here. Without one, bound the futures with
/// `embassy_time::with_timeout`; they may be dropped at any point.
///
/// More than one task *waiting* for the lock at a time wake each other in turn as long as they
/// wait, which costs processor time: that is how embassy-sync's mutex works.
pub struct Writer<'c, W, T, E, C = Plain, M: RawMutex = NoopRawMutex> {
    shared: &'c Shared<W, T, E, C, M>,
}

impl<'c, W, T, E, C, M> Writer<'c, W, T, E, C, M>
where
    W: Write,
    T: Storage,
    E: Entropy,
    C: Compress,
    M: RawMutex,
{
    pub(crate) fn new(shared: &'c Shared<W, T, E, C, M>) -> Self {
        Self { shared }
    }

    /// Sends a whole message: as one frame if it fits the buffer, else as fragments that fill it.
    ///
    /// # Errors
    /// [`Usage`] and [`Entropy`](CoreError::Entropy): nothing was sent.
    /// [`Timeout`] and [`Lost`](CoreError::Lost): the connection ended meanwhile.
    ///
    /// # Cancel safety
    /// A message that fits the buffer is, when the future is dropped, either not sent at all or
    /// queued whole, and goes out before anything else does, by the reader at the latest. Of a
    /// longer one some fragments may have been queued: data is refused from then on with
    /// [`Usage::InterruptedMessage`], and closing still works.
    pub async fn send<'m>(&self, message: impl Into<Message<'m>>) -> Result<(), Error<W::Error>> {
        let message = message.into();
        self.run(async {
            let _turn = self.shared.turn.lock().await;
            let (kind, mut payload, mut first) = (message.kind(), message.octets(), true);
            loop {
                let mut lock = self.shared.lock().await;
                let queued = lock.queue(|sender| sender.message(kind, payload, first))?;
                lock.flush().await?;
                if queued.complete {
                    return Ok(());
                }
                payload = payload.get(queued.taken..).unwrap_or_default();
                first = first && !lock.sender().in_message();
                drop(lock);
                // Whoever has a control frame to send takes the lock now.
                yield_now().await;
            }
        })
        .await
    }

    /// Sends a piece of a message that is still being produced, as fragments; `fin`: the last.
    /// No other task may send data before that.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// A piece that fits the buffer is either not sent or queued whole. Of a longer one, and of any
    /// that is compressed, a part may have been queued: the message stays open, and how much of it
    /// is there is not known any more.
    pub async fn send_fragment(
        &self,
        kind: MessageKind,
        mut payload: &[u8],
        fin: bool,
    ) -> Result<(), Error<W::Error>> {
        self.run(async {
            let _turn = self.shared.turn.lock().await;
            loop {
                let mut lock = self.shared.lock().await;
                let first = !lock.sender().in_fragments();
                let queued = lock.queue(|sender| sender.fragment(kind, payload, first, fin))?;
                lock.flush().await?;
                if queued.complete {
                    return Ok(());
                }
                payload = payload.get(queued.taken..).unwrap_or_default();
                drop(lock);
                yield_now().await;
            }
        })
        .await
    }

    /// Sends one frame of the caller's own making:
    /// [`Sender::frame`](bare_ws::sender::Sender::frame).
    ///
    /// # Errors
    /// As there; [`Usage::BufferTooSmall`] when the frame does not fit the buffer.
    ///
    /// # Cancel safety
    /// The frame is either not sent or queued whole.
    pub async fn send_frame(
        &self,
        header: FrameHeader,
        payload: &[u8],
    ) -> Result<(), Error<W::Error>> {
        self.run(async {
            let _turn = self.shared.turn.lock().await;
            let needed = payload.len().saturating_add(MAX_HEADER);
            let mut lock = self.shared.lock().await;
            lock.put(|sender| sender.frame(header, payload), needed)
                .await
        })
        .await
    }

    /// Sends a Ping with up to 125 octets. Keepalive needs none of it.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// The Ping is either not sent or queued whole.
    pub async fn ping(&self, payload: &[u8]) -> Result<(), Error<W::Error>> {
        self.control(Opcode::Ping, payload).await
    }

    /// Sends a Pong that nobody asked for: a heartbeat in one direction (RFC 6455 §5.5.3).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// The Pong is either not sent or queued whole.
    pub async fn pong(&self, payload: &[u8]) -> Result<(), Error<W::Error>> {
        self.control(Opcode::Pong, payload).await
    }

    /// Starts the closing handshake. Nothing can be sent afterwards; the reader goes on until
    /// there is nothing more, which is by [`Timing::close`](crate::Timing::close) from now.
    ///
    /// # Errors
    /// As [`Sender::close`](bare_ws::sender::Sender::close); [`Timeout::Close`] when the Close
    /// could not be written in that time; the transport's.
    ///
    /// # Cancel safety
    /// The Close is either not sent or queued whole.
    pub async fn close(
        &self,
        code: Option<CloseCode>,
        reason: &str,
    ) -> Result<(), Error<W::Error>> {
        let mut begun = Begun::new(self.shared);
        let by = until(begun.by);
        let close = async {
            let mut lock = self.shared.lock().await;
            if !lock.queue(|sender| sender.close(code, reason))? {
                lock.flush().await?;
                if !lock.queue(|sender| sender.close(code, reason))? {
                    return Err(Usage::BufferTooSmall { needed: MAX_HEADER }.into());
                }
            }
            begun.queued = true;
            lock.flush().await
        };
        match select3(self.shared.ended(), close, by).await {
            Either3::First(over) => Err(over.into()),
            Either3::Second(closed) => closed.map_err(Error::from),
            Either3::Third(()) => Err(Timeout::Close.into()),
        }
    }

    async fn control(&self, opcode: Opcode, payload: &[u8]) -> Result<(), Error<W::Error>> {
        self.run(async {
            let mut lock = self.shared.lock().await;
            lock.put(|sender| sender.control(opcode, payload), payload.len())
                .await
        })
        .await
    }

    /// Until the connection ends.
    async fn run(
        &self,
        work: impl Future<Output = Result<(), CoreError<W::Error>>>,
    ) -> Result<(), Error<W::Error>> {
        match select(self.shared.ended(), work).await {
            Either::First(over) => Err(over.into()),
            Either::Second(done) => done.map_err(Error::from),
        }
    }
}

impl<W, T, E, C, M: RawMutex> Clone for Writer<'_, W, T, E, C, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<W, T, E, C, M: RawMutex> Copy for Writer<'_, W, T, E, C, M> {}

impl<W, T, E, C, M: RawMutex> fmt::Debug for Writer<'_, W, T, E, C, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

/// A closing handshake whose deadline runs, though its Close is not queued yet.
struct Begun<'s, W, T, E, C, M: RawMutex> {
    shared: &'s Shared<W, T, E, C, M>,
    by: embassy_time::Instant,
    queued: bool,
}

impl<'s, W, T, E, C, M: RawMutex> Begun<'s, W, T, E, C, M> {
    fn new(shared: &'s Shared<W, T, E, C, M>) -> Self {
        // If it was begun before, that is not ours to take back.
        let before = shared.close_by() != embassy_time::Instant::MAX;
        Self {
            shared,
            by: shared.begin_close(),
            queued: before,
        }
    }
}

impl<W, T, E, C, M: RawMutex> Drop for Begun<'_, W, T, E, C, M> {
    fn drop(&mut self) {
        if !self.queued {
            self.shared.take_back_close();
        }
    }
}
