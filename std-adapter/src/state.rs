//! What is known of a connection, whoever drives it: its [`Lifecycle`], its sender, and what the
//! receive side owes.

use std::io;
use std::time::Duration;

use bare_ws::buffer::Growing;
use bare_ws::close::CloseCode;
use bare_ws::closing::{Owed, Reply};
use bare_ws::entropy::EntropyError;
use bare_ws::error::{Error as ProtocolError, Usage};
use bare_ws::lifecycle::{End, Event, Moment as _, Next, Phase, Timeout};
use bare_ws::role::Client;
use bare_ws::sender::Sender;

use crate::entropy::SystemEntropy;
use crate::events::Life;
use crate::failure::Failure;
use crate::moment::Moment;
use crate::observer::Tap;
use crate::stage::Deflating;

pub(crate) type CoreSender = Sender<Client, Growing, SystemEntropy, Deflating>;

/// Why a read or a write did not happen.
#[derive(Debug)]
pub(crate) enum Cut {
    Timeout(Timeout),
    /// The connection is over for a reason that was told before.
    Lost,
    Aborted,
    Io(io::Error),
}

#[derive(Debug)]
pub(crate) struct State {
    /// Whose time it is.
    pub(crate) now: fn() -> Moment,
    pub(crate) life: Life,
    pub(crate) sender: CoreSender,
    /// Sees the frames that pass.
    pub(crate) tap: Option<Box<Tap>>,
    /// What the receive side owes the peer and nobody has framed yet. The newest only: it stands
    /// for those before it.
    pub(crate) owed: Owed,
    /// The stream may hold octets that it has not brought out.
    pub(crate) unflushed: bool,
    /// How often all that was queued was out.
    pub(crate) drained: u64,
    /// How far the transport had come with what it has taken, when it was last asked.
    progress: usize,
    /// Messages may be compressed, but for one that must not be.
    pub(crate) compression: bool,
    /// Somebody is sending a message, or waits for the transport to take the rest of it.
    pub(crate) in_turn: bool,
    /// How many wait for their turn.
    pub(crate) queueing: usize,
    /// Why the stream gives nothing more, ...
    pub(crate) unreadable: Option<Box<Failure>>,
    /// ... and why it takes nothing more.
    pub(crate) unwritable: Option<Box<Failure>>,
}

impl State {
    /// `now`: the clock of whoever drives it.
    pub(crate) fn new(
        sender: CoreSender,
        life: Life,
        tap: Option<Box<Tap>>,
        now: fn() -> Moment,
    ) -> Self {
        Self {
            now,
            life,
            sender,
            tap,
            owed: Owed::default(),
            unflushed: false,
            drained: 0,
            progress: 0,
            compression: true,
            in_turn: false,
            queueing: 0,
            unreadable: None,
            unwritable: None,
        }
    }

    /// Why nothing is exchanged any more, if that is so for another reason than the receiver's.
    pub(crate) fn over(&self) -> Option<Cut> {
        Some(match self.life.end()? {
            End::Timeout(timeout) => Cut::Timeout(timeout),
            End::Aborted => Cut::Aborted,
            End::Lost => self.failure(),
            _ => return None,
        })
    }

    /// What a transport that was lost is told as.
    pub(crate) fn failure(&self) -> Cut {
        let failure = self.unreadable.as_ref().or(self.unwritable.as_ref());
        failure.map_or(Cut::Lost, |failure| Cut::Io(failure.again()))
    }

    /// Whether the transport, which is as far as this now, has brought out more of what it took.
    pub(crate) fn goes_on(&mut self, progress: usize) -> bool {
        std::mem::replace(&mut self.progress, progress) != progress
    }

    /// Whether a message could still leave.
    #[inline]
    pub(crate) fn may_send(&self) -> Result<(), ProtocolError<Cut>> {
        if self.unwritable.is_none() && self.life.end().is_none() {
            return Ok(());
        }
        self.why_not_to_send()
    }

    #[cold]
    fn why_not_to_send(&self) -> Result<(), ProtocolError<Cut>> {
        if let Some(failure) = &self.unwritable {
            return Err(ProtocolError::Transport(Cut::Io(failure.again())));
        }
        match self.life.end() {
            None => Ok(()),
            Some(End::Lost) if self.unreadable.is_some() => {
                Err(ProtocolError::Transport(self.failure()))
            }
            Some(End::Closed | End::Failed | End::Lost) => Err(Usage::NotOpen.into()),
            Some(_) => Err(ProtocolError::Transport(self.over().unwrap_or(Cut::Lost))),
        }
    }

    /// These were read.
    #[inline]
    pub(crate) fn heard(&mut self, octets: Option<&[u8]>) {
        if let Some(tap) = &mut self.tap {
            tap.received(octets.unwrap_or_default());
        }
    }

    /// So many of those that are queued were taken.
    #[inline]
    pub(crate) fn taken(&mut self, n: usize) {
        if let Some(tap) = &mut self.tap {
            tap.sent(self.sender.pending().get(..n).unwrap_or_default());
        }
        self.unflushed = true;
        self.sender.advance(n);
    }

    #[inline]
    pub(crate) fn has_queued(&self) -> bool {
        self.life.may_write() && (self.unflushed || !self.sender.pending().is_empty())
    }

    pub(crate) fn set_compression(&mut self, allowed: bool) {
        self.compression = allowed;
        self.sender.set_compression(allowed);
    }

    /// Whether there is something to be queued that nobody calls for.
    #[inline]
    pub(crate) fn is_due(&self) -> bool {
        self.life.may_write() && self.has_due()
    }

    /// Whether nothing stands between a message and the transport.
    #[inline]
    pub(crate) fn is_at_rest(&self) -> bool {
        self.life.phase() == Phase::Open
            && self.life.may_write()
            && self.unwritable.is_none()
            && !self.in_turn
            && !self.has_queued()
            && !self.is_due()
    }

    /// Nobody holds it any more. `true`: it is to be brought to its end.
    pub(crate) fn is_left(&mut self) -> bool {
        if self.life.phase() == Phase::Closing && self.life.end().is_none() {
            // Nobody looks at what arrives any more, the peer's Close among it: as after a failure,
            // our direction is shut behind our Close, and the rest discarded.
            self.life.on(Event::PeerFailed, (self.now)());
        }
        if self.life.phase() == Phase::Open {
            self.life.peer.dropped();
        }
        matches!(self.life.next(), Next::Flush | Next::Shut | Next::Discard)
            && self.life.closes_by() != Moment::NEVER
    }

    pub(crate) fn close_limit(&self) -> Option<Duration> {
        self.life.limits().close
    }

    /// Takes what the receive side owes: whoever comes to the end of a frame sends it.
    pub(crate) fn hand_over(&mut self, owed: &mut Owed) {
        if owed.is_due() {
            if let Some(Reply::Close(payload)) = owed.reply() {
                self.life.close_seen(payload);
            }
            self.owed.clone_from(owed);
            owed.mark_queued();
        }
    }

    /// Queues what is due, if it can be framed now.
    #[inline]
    pub(crate) fn queue_due(&mut self) -> Result<(), EntropyError> {
        if self.has_due() {
            return self.queue_what_is_due();
        }
        Ok(())
    }

    /// Whether anything waits to be queued that nobody calls for, whether it can leave or not.
    #[inline]
    pub(crate) fn has_due(&self) -> bool {
        let life = &self.life;
        self.owed.is_due() || life.is_ping_due() || life.is_farewell_due()
    }

    #[cold]
    fn queue_what_is_due(&mut self) -> Result<(), EntropyError> {
        if self.sender.in_frame() {
            if !self.in_turn {
                // The frame is torn, and nothing can follow it.
                self.owed.mark_queued();
            }
            return Ok(());
        }
        let now = self.now;
        let mut answered = Ok(());
        if let Some(reply) = self.owed.reply() {
            let closes = matches!(reply, Reply::Close(_));
            let was_open = self.sender.is_open();
            answered = self.sender.answer(&mut self.owed);
            if was_open && !self.sender.is_open() && closes {
                self.life.on(Event::CloseQueued, now());
            }
            if closes && answered.is_err() {
                self.life.on(Event::OutputFailed, now());
            }
        }
        if self.life.is_farewell_due() {
            match self.sender.close(Some(CloseCode::GOING_AWAY), "") {
                Ok(true) => self.life.on(Event::CloseQueued, now()),
                Ok(false) => {}
                Err(_) => self.life.on(Event::OutputFailed, now()),
            }
        }
        if self.life.is_ping_due() {
            // No Ping follows a Close.
            match self.sender.ping(&[]) {
                Ok(false) => {}
                Ok(true) | Err(_) => self.life.on(Event::Pinged, now()),
            }
        }
        // Nothing else keeps an answer from being framed.
        answered.map_err(|_| EntropyError)
    }

    /// The stream takes nothing any more, for that reason of its own if it has one, or what was
    /// taken ends within a frame.
    pub(crate) fn output_failed(&mut self, error: Option<&io::Error>) {
        if let Some(error) = error
            && self.unwritable.is_none()
        {
            self.life.peer.unwritable(error);
            self.unwritable = Some(Failure::of(error).into());
        }
        self.sender.shut();
        self.owed.mark_queued();
        self.unflushed = false;
        self.life.on(Event::OutputFailed, (self.now)());
    }
}

/// What an error of a read says about the stream: one that ends out of order, without close_notify,
/// still takes what is on its way, a Close of ours among it.
pub(crate) fn input_event(error: &io::Error) -> Event {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Event::InputEnded,
        _ => Event::Lost,
    }
}
