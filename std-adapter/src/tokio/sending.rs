//! What a call that sends does from its first poll to its last.

use std::io;
use std::task::{Context, Poll};

use bare_ws::entropy::EntropyError;
use bare_ws::error::{Error as ProtocolError, Usage};
use bare_ws::lifecycle::{Call, Event, Moment as _};
use tokio::io::{AsyncRead, AsyncWrite};

use super::shared::{Core, Inner, now};
use super::waiters::{Place, Whom};
use crate::moment::Moment;
use crate::state::{CoreSender, Cut};

/// What a call that sends has made of its octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Took {
    /// They are queued.
    All,
    /// Some are queued, and nobody else may send data before the rest.
    Some,
    /// None are, until what is queued has left.
    None,
}

/// A call that sends, from its first poll to its last. It must be [ended](Core::end).
#[derive(Debug, Default)]
pub(crate) struct Sending {
    place: Place,
    /// It has the turn: nobody else may send data.
    in_turn: bool,
    /// Where its octets end, once all of them are queued.
    mark: Option<u64>,
    /// Whether it is a call that closes.
    pub(crate) closes: bool,
    /// Whether it may come between the fragments of another call's message.
    pub(crate) passes: bool,
}

impl Sending {
    /// Whether nothing has been done for it yet.
    #[inline]
    fn is_new(&self) -> bool {
        self.place == Place::None && !self.in_turn && self.mark.is_none()
    }

    /// Whether all its octets are queued.
    pub(crate) fn is_queued(&self) -> bool {
        self.mark.is_some()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Core<S> {
    /// The usual case: nothing is in the way, and the transport takes everything at once. `false`:
    /// more is left to do, and a part may have been done.
    #[inline]
    pub(crate) fn send_at_once(
        &self,
        sending: &mut Sending,
        queue: &mut impl FnMut(&mut CoreSender) -> Result<Took, ProtocolError>,
    ) -> bool {
        if !sending.is_new() || sending.closes {
            return false;
        }
        let mut locked = self.lock();
        let inner = &mut *locked;
        if !inner.state.is_at_rest() || self.waiters().has_senders() {
            return false;
        }
        match queue(&mut inner.state.sender) {
            Ok(Took::All) => sending.mark = Some(inner.end_of_queue()),
            Ok(Took::Some) => {
                inner.state.in_turn = true;
                sending.in_turn = true;
                return false;
            }
            // Nothing has changed, and asking again gives the same answer.
            Ok(Took::None) | Err(_) => return false,
        }
        match inner.write_queued() {
            Ok(true) => {
                // Nobody waits for what has left: that was seen under this lock.
                inner.wake = None;
                true
            }
            Ok(false) => false,
            Err(error) => {
                let _ = self.failed_to_send(inner, error);
                // It never leaves; the other path reports why.
                sending.mark = Some(u64::MAX);
                false
            }
        }
    }

    #[cold]
    fn failed_to_send(&self, inner: &mut Inner<S>, error: io::Error) -> ProtocolError<Cut> {
        inner.output_failed(&error);
        inner.settle();
        ProtocolError::Transport(Cut::Io(error))
    }

    /// Calls `queue` when it is this call's turn, and waits until the transport has taken what it
    /// queued. `needed`: the room that a frame must have, in octets.
    pub(crate) fn poll_send_in_turn(
        &self,
        cx: &mut Context<'_>,
        sending: &mut Sending,
        queue: &mut impl FnMut(&mut CoreSender) -> Result<Took, ProtocolError>,
        needed: usize,
    ) -> Poll<Result<(), ProtocolError<Cut>>> {
        loop {
            let mut inner = self.lock();
            let round = self.waiters().round();
            if sending.closes && !sending.is_queued() {
                inner.change(|state| state.life.on(Event::CloseBegun, now()));
                if let Some(cut) = inner.state.over() {
                    return Poll::Ready(Err(ProtocolError::Transport(cut)));
                }
                if !inner.state.life.may_write() {
                    // No frame can follow any more; ending our direction was enough.
                    return Poll::Ready(Ok(()));
                }
            }
            let mut room = false;
            if sending.mark.is_none() {
                if !sending.closes {
                    inner.state.may_send()?;
                }
                let is_next = sending.in_turn
                    || sending.passes
                    || (!inner.state.in_turn && self.waiters().is_first(sending.place));
                if is_next {
                    match queue(&mut inner.state.sender).map_err(ProtocolError::widen)? {
                        Took::All => {
                            sending.mark = Some(inner.end_of_queue());
                            inner.give_back_turn(sending);
                            if sending.closes {
                                inner.change(|state| {
                                    state.life.on(Event::CloseQueued, now());
                                });
                                // From now on others wait no longer than for that.
                                inner.wake_all();
                            }
                        }
                        Took::Some => {
                            inner.state.in_turn = true;
                            sending.in_turn = true;
                        }
                        // Nothing is in its way, and still it does not fit: it never will.
                        Took::None if !inner.state.has_queued() => {
                            return Poll::Ready(Err(Usage::BufferTooSmall { needed }.into()));
                        }
                        Took::None => {}
                    }
                    room = true;
                }
            }
            if let Err(error) = inner.write_all_due()? {
                return Poll::Ready(Err(self.failed_to_send(&mut inner, error)));
            }
            match sending.mark {
                Some(mark) if inner.is_out(mark) => return Poll::Ready(Ok(())),
                None if room && !inner.state.has_queued() && inner.state.life.may_write() => {
                    // Others get the lock between two fragments.
                    continue;
                }
                _ => {}
            }
            inner.expire(Call::Send, now());
            if let Some(cut) = inner.state.over() {
                return Poll::Ready(Err(ProtocolError::Transport(cut)));
            }
            if !inner.state.life.may_write() {
                let closed = sending.closes && sending.mark.is_none();
                return Poll::Ready(if closed {
                    Ok(())
                } else {
                    Err(ProtocolError::Transport(inner.state.failure()))
                });
            }
            let mark = match sending.mark {
                // Only what is queued now is in its way.
                None if sending.passes => Some(inner.end_of_queue()),
                mark => mark,
            };
            self.waiters().wait_to_send(
                &mut sending.place,
                sending.in_turn,
                mark,
                cx.waker(),
                round,
            );
            inner.arm(Call::Send);
            return Poll::Pending;
        }
    }

    /// Must be called when a call that sends has returned or is dropped.
    #[inline]
    pub(crate) fn end(&self, sending: &mut Sending) {
        if sending.place != Place::None {
            self.waiters().leave(&mut sending.place);
        }
        if sending.in_turn || sending.closes {
            self.end_turn(sending);
        }
    }

    #[cold]
    fn end_turn(&self, sending: &mut Sending) {
        let mut inner = self.lock();
        inner.give_back_turn(sending);
        if sending.closes {
            inner.change(|state| {
                state.life.on(Event::CloseWithdrawn, Moment::NEVER);
            });
            // A Ping, say, that the close put off.
            inner.arm_again();
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Inner<S> {
    fn give_back_turn(&mut self, sending: &mut Sending) {
        if std::mem::take(&mut sending.in_turn) {
            self.state.in_turn = false;
            if self.wake.is_none() {
                self.wake = Some(Whom::Left(self.taken));
            }
        }
    }

    /// Writes what is queued and then what is due, as far as it goes without waiting.
    fn write_all_due(&mut self) -> Result<io::Result<bool>, EntropyError> {
        loop {
            match self.write_queued() {
                Ok(true) if self.state.is_due() => self.state.queue_due()?,
                written => return Ok(written),
            }
            if !self.state.has_queued() {
                return Ok(Ok(true));
            }
        }
    }

    /// Where the queued octets end.
    fn end_of_queue(&self) -> u64 {
        self.taken + self.state.sender.pending().len() as u64
    }

    pub(crate) fn wake_all(&mut self) {
        self.wake = Some(Whom::All);
    }

    /// Whether the transport has taken all octets up to `mark`.
    fn is_out(&self, mark: u64) -> bool {
        let drained = self.state.sender.pending().is_empty();
        self.taken >= mark && !(drained && self.state.has_queued())
    }
}
