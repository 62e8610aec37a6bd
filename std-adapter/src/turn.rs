//! The right to send: one message after the other, whoever sends.

use std::io;

use bare_ws::blocking::Outlet;
use bare_ws::close::CloseCode;
use bare_ws::error::{Error as ProtocolError, Usage};
use bare_ws::lifecycle::{Call, Event, Moment as _, Phase};
use bare_ws::message::Message;

use crate::channel::Channel;
use crate::error::Error;
use crate::moment::Moment;
use crate::state::{CoreSender, Cut, State};
use crate::stream::{Interest, Stream};
use crate::sync::{MutexGuard, Ordering, PoisonError};

impl<S: Stream> Channel<S> {
    /// Sends a whole message.
    #[inline]
    pub(crate) fn send(&self, message: Message<'_>) -> Result<(), Error> {
        let mut state = self.lock();
        let fits = state.sender.fits(message.as_bytes().len());
        if !fits || !state.is_at_rest() || self.waiting.load(Ordering::Relaxed) > 0 {
            drop(state);
            return Ok(self.turn()?.send(message)?);
        }
        // What most messages come to: one frame in one write, and nobody is kept waiting.
        let queued = state
            .sender
            .message(message.kind(), message.as_bytes(), true);
        if let Err(error) = queued {
            return Err(ProtocolError::<Cut>::from(error).into());
        }
        match self.write_queued(&mut state) {
            Ok(true) => Ok(()),
            Ok(false) => Ok(self.take_turn(state, false).drain()?),
            Err(error) => Err(self.failed_to_send(&mut state, error).into()),
        }
    }

    #[cold]
    fn failed_to_send(&self, state: &mut State, error: io::Error) -> ProtocolError<Cut> {
        state.output_failed(Some(&error));
        self.settle(state);
        ProtocolError::Transport(Cut::Io(error))
    }

    /// Waits for the turn to send. While it is held, no other message of ours can begin.
    #[inline]
    pub(crate) fn turn(&self) -> Result<Turn<'_, S>, ProtocolError<Cut>> {
        let mut state = self.lock();
        loop {
            state.may_send()?;
            if !state.in_turn {
                break;
            }
            state = self.wait_for_turn(state);
        }
        Ok(self.take_turn(state, false))
    }

    /// The same without waiting: `None` while another thread has it.
    pub(crate) fn try_turn(&self) -> Result<Option<Turn<'_, S>>, ProtocolError<Cut>> {
        let state = self.lock();
        state.may_send()?;
        Ok((!state.in_turn).then(|| self.take_turn(state, false)))
    }

    #[inline]
    fn take_turn<'s>(&'s self, mut state: MutexGuard<'s, State>, closes: bool) -> Turn<'s, S> {
        state.in_turn = true;
        Turn {
            channel: self,
            state: Some(state),
            closes,
        }
    }

    /// Waits for the turn to close, which has a deadline from its beginning.
    pub(crate) fn closing_turn(
        &self,
        code: Option<CloseCode>,
        reason: &str,
    ) -> Result<Option<Turn<'_, S>>, ProtocolError<Cut>> {
        let mut state = self.lock();
        state.sender.may_close(code, reason).or_else(|usage| {
            // Nothing can be framed any more, and the end of our direction says that we close.
            let torn = usage == Usage::NotOpen && state.life.phase() == Phase::Open;
            if torn { Ok(()) } else { Err(usage) }
        })?;
        state.life.peer.closing(code.map_or(1005, |code| code.0));
        loop {
            state.life.on(Event::CloseBegun, Moment::now());
            self.settle(&mut state);
            if let Some(cut) = state.over() {
                return Err(ProtocolError::Transport(cut));
            }
            if !state.life.may_write() {
                return Ok(None);
            }
            if !state.in_turn {
                break;
            }
            state = self.wait_for_turn(state);
        }
        Ok(Some(self.take_turn(state, true)))
    }

    fn wait_for_turn<'s>(&'s self, mut state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        state.queueing += 1;
        let now = Moment::now();
        let limit = self.left(&state, state.life.until(Call::Send), now);
        let mut state = match limit {
            None => self
                .turn
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner),
            Some(limit) => {
                let waited = self.turn.wait_timeout(state, limit);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        state.queueing -= 1;
        self.expire(&mut state, Call::Send, Moment::now());
        state
    }
}

/// The right to send, and the lock. It is let go while the stream is waited for.
#[derive(Debug)]
pub(crate) struct Turn<'c, S: Stream> {
    channel: &'c Channel<S>,
    /// Not there while it waits.
    state: Option<MutexGuard<'c, State>>,
    /// It is there to close.
    closes: bool,
}

impl<S: Stream> Turn<'_, S> {
    #[inline]
    pub(crate) fn state(&mut self) -> &mut State {
        let channel = self.channel;
        self.state.get_or_insert_with(|| channel.lock())
    }

    /// Queues a message if it fits whole.
    pub(crate) fn queue(&mut self, message: Message<'_>) -> Result<bool, ProtocolError<Cut>> {
        let sender = self.sender();
        if !sender.fits(message.as_bytes().len()) {
            return Ok(false);
        }
        let queued = sender.message(message.kind(), message.as_bytes(), true);
        let state = self.state();
        if !state.life.is_stalled() && !state.sender.pending().is_empty() {
            state.life.on(Event::Queued, Moment::now());
        }
        Ok(queued?.complete)
    }

    /// Writes out what is queued as far as it goes without waiting.
    pub(crate) fn try_drain(&mut self) -> Result<bool, ProtocolError<Cut>> {
        let channel = self.channel;
        let state = self.state();
        channel
            .write_queued(state)
            .map_err(|error| channel.failed_to_send(state, error))
    }

    /// Sends a message that must not be compressed.
    pub(crate) fn send_uncompressed(
        &mut self,
        message: Message<'_>,
    ) -> Result<(), ProtocolError<Cut>> {
        self.sender().set_compression(false);
        let sent = self.send(message);
        // Another thread may have changed it meanwhile.
        let state = self.state();
        state.sender.set_compression(state.compression);
        sent
    }
}

impl<S: Stream> Outlet for Turn<'_, S> {
    type Error = Cut;
    type Tx = CoreSender;

    #[inline]
    fn sender(&mut self) -> &mut CoreSender {
        &mut self.state().sender
    }

    #[inline]
    fn drain(&mut self) -> Result<(), ProtocolError<Cut>> {
        let channel = self.channel;
        let drained = self.state().drained;
        loop {
            let closes = self.closes;
            let state = self.state();
            if closes && !state.sender.is_open() {
                state.life.on(Event::CloseQueued, Moment::now());
            }
            if channel.waiting.load(Ordering::Relaxed) > 0 {
                // A peer that takes all at once never makes us wait: others come in between.
                self.state = None;
                self.state = Some(channel.lock_in_order());
            }
            let state = self.state();
            if !state.life.may_write() {
                if state.drained != drained {
                    // Another thread has written the rest, and a Close of ours behind it.
                    return Ok(());
                }
                // Another thread has found that nothing can be sent any more.
                let cut = state.over().unwrap_or_else(|| state.failure());
                return Err(ProtocolError::Transport(cut));
            }
            match channel.write_queued(state) {
                Ok(true) => {
                    // Whoever comes to the end of a frame sends what was owed meanwhile.
                    state.queue_due()?;
                    if !state.has_queued() {
                        return Ok(());
                    }
                    continue;
                }
                Ok(false) => {}
                Err(error) => return Err(channel.failed_to_send(state, error)),
            }
            let now = Moment::now();
            channel.expire(state, Call::Send, now);
            if let Some(cut) = state.over() {
                return Err(ProtocolError::Transport(cut));
            }
            let limit = channel.left(state, state.life.until(Call::Send), now);
            let interest = Interest {
                read: false,
                write: true,
            };
            self.state = None;
            channel
                .stream()
                .wait(interest, limit)
                .map_err(|error| ProtocolError::Transport(Cut::Io(error)))?;
        }
    }
}

impl<S: Stream> Drop for Turn<'_, S> {
    #[inline]
    fn drop(&mut self) {
        let channel = self.channel;
        let state = self.state();
        if state.sender.in_frame() {
            // It is torn, and nothing can follow it.
            state.output_failed(None);
        }
        if self.closes {
            self.state().life.on(Event::CloseWithdrawn, Moment::NEVER);
        }
        let state = self.state();
        state.in_turn = false;
        channel.settle(state);
        channel.call_up(state);
    }
}
