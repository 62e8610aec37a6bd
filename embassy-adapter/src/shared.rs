//! What both halves hold: the sender behind its lock, and what one half has to tell the other.

use core::cell::Cell;
use core::future::poll_fn;
use core::ops::{Deref, DerefMut};
use core::task::Poll;

use bare_ws::asynch;
use bare_ws::buffer::Storage;
use bare_ws::entropy::Entropy;
use bare_ws::error::{Error as CoreError, Usage};
use bare_ws::role::Client;
use bare_ws::stage::Compress;
use embassy_sync::blocking_mutex::Mutex as BlockingMutex;
use embassy_sync::blocking_mutex::raw::RawMutex;
use embassy_sync::mutex::{Mutex, MutexGuard};
use embassy_sync::waitqueue::WakerRegistration;
use embassy_time::{Duration, Instant};
use embedded_io_async::Write;

use crate::error::Error;
use crate::timing::{Timeout, after};

pub(crate) type CoreWriter<W, T, E, C> = asynch::Writer<W, Client, T, E, C>;

pub(crate) struct Shared<W, T, E, C, M: RawMutex> {
    writer: Mutex<M, CoreWriter<W, T, E, C>>,
    /// Whoever sends data holds it from the first fragment of a message to the last, so that
    /// control frames can pass between them and other messages cannot.
    pub(crate) turn: Mutex<M, ()>,
    notes: BlockingMutex<M, Cell<Notes>>,
    /// How long closing may take.
    pub(crate) close: Duration,
}

struct Notes {
    /// Something was queued and not brought out, since a future was dropped.
    unflushed: bool,
    /// When the closing handshake must be over; [`Instant::MAX`] if none was begun.
    close_by: Instant,
    over: Option<Over>,
    /// The receiving side, which looks after what is unflushed and after the deadlines.
    reader: WakerRegistration,
    /// Whoever holds the lock and writes.
    writer: WakerRegistration,
}

impl Default for Notes {
    fn default() -> Self {
        Self {
            unflushed: false,
            close_by: Instant::MAX,
            over: None,
            reader: WakerRegistration::new(),
            writer: WakerRegistration::new(),
        }
    }
}

/// Why nothing can be sent any more, beside a Close of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// Both Closes were exchanged, or the peer failed.
    Closed,
    /// The transport failed.
    Lost,
    Timeout(Timeout),
}

impl<T> From<Over> for Error<T> {
    fn from(over: Over) -> Self {
        match over {
            Over::Closed => Self::WebSocket(Usage::NotOpen.into()),
            Over::Lost => Self::WebSocket(CoreError::Lost),
            Over::Timeout(timeout) => Self::Timeout(timeout),
        }
    }
}

impl<W, T, E, C, M: RawMutex> Shared<W, T, E, C, M> {
    pub(crate) fn new(writer: CoreWriter<W, T, E, C>, close: Duration) -> Self {
        Self {
            writer: Mutex::new(writer),
            turn: Mutex::new(()),
            notes: BlockingMutex::new(Cell::new(Notes::default())),
            close,
        }
    }

    pub(crate) fn guarded<N: RawMutex>(self) -> Shared<W, T, E, C, N> {
        Shared {
            writer: Mutex::new(self.writer.into_inner()),
            turn: Mutex::new(()),
            notes: BlockingMutex::new(Cell::new(self.notes.into_inner().take())),
            close: self.close,
        }
    }

    pub(crate) fn writer_mut(&mut self) -> &mut CoreWriter<W, T, E, C> {
        self.writer.get_mut()
    }

    /// Waits for the sender.
    pub(crate) async fn lock(&self) -> Lock<'_, W, T, E, C, M> {
        Lock {
            writer: self.writer.lock().await,
            shared: self,
        }
    }

    pub(crate) fn is_free(&self) -> bool {
        self.writer.try_lock().is_ok()
    }

    /// Whether something is queued that nobody is bringing out.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.note(|notes| notes.unflushed) && self.is_free()
    }

    pub(crate) fn over(&self) -> Option<Over> {
        self.note(|notes| notes.over)
    }

    /// The end. The first reason is the one that counts.
    pub(crate) fn end(&self, over: Over) -> Over {
        self.note(|notes| {
            notes.writer.wake();
            *notes.over.get_or_insert(over)
        })
    }

    /// Waits for the end.
    pub(crate) async fn ended(&self) -> Over {
        poll_fn(|cx| {
            self.note(|notes| {
                if let Some(over) = notes.over {
                    return Poll::Ready(over);
                }
                notes.writer.register(cx.waker());
                Poll::Pending
            })
        })
        .await
    }

    /// When the closing handshake must be over; [`Instant::MAX`] if none was begun.
    pub(crate) fn close_by(&self) -> Instant {
        self.note(|notes| notes.close_by)
    }

    /// The closing handshake begins, if it has not.
    pub(crate) fn begin_close(&self) -> Instant {
        let by = after(self.close);
        self.note(|notes| {
            notes.reader.wake();
            if notes.close_by == Instant::MAX {
                notes.close_by = by;
            }
            notes.close_by
        })
    }

    /// A closing handshake that was begun did not come to a Close.
    pub(crate) fn take_back_close(&self) {
        self.note(|notes| notes.close_by = Instant::MAX);
    }

    /// Waits until something is abandoned or the closing handshake begins.
    pub(crate) async fn news(&self, close_by: Instant) {
        poll_fn(|cx| {
            if self.is_abandoned() || self.close_by() != close_by {
                return Poll::Ready(());
            }
            self.note(|notes| notes.reader.register(cx.waker()));
            Poll::Pending
        })
        .await;
    }

    fn note<V>(&self, note: impl FnOnce(&mut Notes) -> V) -> V {
        self.notes.lock(|cell| {
            let mut notes = cell.take();
            let value = note(&mut notes);
            cell.set(notes);
            value
        })
    }
}

/// The sender, locked.
pub(crate) struct Lock<'s, W, T, E, C, M: RawMutex> {
    writer: MutexGuard<'s, M, CoreWriter<W, T, E, C>>,
    shared: &'s Shared<W, T, E, C, M>,
}

impl<W: Write, T: Storage, E: Entropy, C: Compress, M: RawMutex> Lock<'_, W, T, E, C, M> {
    /// Queues something, which is to be [`flush`](Self::flush)ed.
    pub(crate) fn queue<V>(
        &mut self,
        queue: impl FnOnce(&mut bare_ws::sender::Sender<Client, T, E, C>) -> Result<V, CoreError>,
    ) -> Result<V, CoreError<W::Error>> {
        let queued = queue(self.writer.sender_mut()).map_err(CoreError::widen)?;
        self.shared.note(|notes| notes.unflushed = true);
        Ok(queued)
    }

    /// Queues something that fits at the latest when nothing else is queued, and brings it out.
    pub(crate) async fn put(
        &mut self,
        mut put: impl FnMut(&mut bare_ws::sender::Sender<Client, T, E, C>) -> Result<bool, CoreError>,
        needed: usize,
    ) -> Result<(), CoreError<W::Error>> {
        if !self.queue(&mut put)? {
            self.flush().await?;
            if !self.queue(&mut put)? {
                return Err(Usage::BufferTooSmall { needed }.into());
            }
        }
        self.flush().await
    }

    /// Brings out what is queued.
    pub(crate) async fn flush(&mut self) -> Result<(), CoreError<W::Error>> {
        self.writer.flush().await?;
        self.shared.note(|notes| notes.unflushed = false);
        Ok(())
    }

    /// Refuses from now on, and forgets what is queued.
    pub(crate) fn shut(&mut self) {
        self.writer.sender_mut().shut();
        self.shared.note(|notes| notes.unflushed = false);
    }
}

impl<W, T, E, C, M: RawMutex> Deref for Lock<'_, W, T, E, C, M> {
    type Target = CoreWriter<W, T, E, C>;

    fn deref(&self) -> &Self::Target {
        &self.writer
    }
}

impl<W, T, E, C, M: RawMutex> DerefMut for Lock<'_, W, T, E, C, M> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.writer
    }
}

impl<W, T, E, C, M: RawMutex> Drop for Lock<'_, W, T, E, C, M> {
    fn drop(&mut self) {
        // What a dropped future left behind, the receiving side brings out.
        self.shared.note(|notes| {
            if notes.unflushed {
                notes.reader.wake();
            }
        });
    }
}
