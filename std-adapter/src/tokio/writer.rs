//! The send side of a connection.

use std::fmt;
use std::pin::Pin;
use std::sync::Weak;
use std::task::{Context, Poll};
use std::time::Duration;

use bare_ws::close::CloseCode;
use bare_ws::error::{Error as ProtocolError, Usage};
use bare_ws::header::{FrameHeader, MAX_HEADER};
use bare_ws::lifecycle::{Event, Phase};
use bare_ws::message::{AsMessage, Message, MessageKind, OwnedMessage};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::handle::Shared;
use super::sending::{Sending, Took};
use super::shared::Core;
use super::stream::Outgoing;
use crate::error::{Error, SettingError};
use crate::keepalive::KeepAlive;
use crate::stage::Totals;
use crate::state::{CoreSender, Cut};

/// The send side of a connection. Clones of it send over the same connection, message by message,
/// from any number of tasks.
///
/// Each `send` waits until the transport has taken its message, so that a peer that does not read
/// holds up whoever sends to it. Messages leave in the order in which the calls came; those that
/// are sent while the transport takes nothing leave together. Control frames pass between the
/// fragments of a message that is longer than the transmit buffer.
pub struct Writer<S: AsyncRead + AsyncWrite + Unpin = TcpStream> {
    pub(crate) shared: Shared<S>,
    /// As a sink: a message that nobody has tried to queue yet.
    pub(crate) held: Option<OwnedMessage>,
    /// As a sink: what is being sent.
    pub(crate) outgoing: Option<Box<Outgoing>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Writer<S> {
    pub(crate) fn new(shared: Shared<S>) -> Self {
        Self {
            shared,
            held: None,
            outgoing: None,
        }
    }

    /// Sends a whole message: as one frame if it fits the transmit buffer, else as fragments that
    /// fill it.
    ///
    /// # Errors
    /// [`Error::Usage`] when the message must not be sent now; nothing was sent.
    /// [`Error::Io`]: nothing more can be sent. [`Timeout::Stall`](crate::Timeout::Stall) when the
    /// peer took nothing for too long, and [`Timeout::Close`](crate::Timeout::Close) when somebody
    /// closes meanwhile and the peer does not read: the connection is over.
    ///
    /// # Cancel safety
    /// If the future is dropped, a message that fits the transmit buffer is either not sent at all,
    /// or queued whole and leaves with whatever is sent or received next. Of a longer one, some
    /// fragments may have been queued: from then on data is refused with
    /// [`Usage::InterruptedMessage`], and closing still works.
    #[inline]
    pub fn send<M: AsMessage>(
        &self,
        message: M,
    ) -> impl Future<Output = Result<(), Error>> + use<'_, S, M> {
        let mut whole = Whole::default();
        let queue = move |sender: &mut CoreSender| whole.queue(sender, message.as_message());
        Ongoing::new(self.shared.core(), queue)
    }

    /// The same, never compressed: for a message that holds a secret beside octets that an
    /// attacker may choose (RFC 7692 §8).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// As [`send`](Self::send).
    pub async fn send_uncompressed(&self, message: impl AsMessage) -> Result<(), Error> {
        let message = message.as_message();
        let mut whole = Whole::default();
        let queue = |sender: &mut CoreSender| {
            let allowed = sender.compression();
            sender.set_compression(false);
            let queued = whole.queue(sender, message);
            sender.set_compression(allowed);
            queued
        };
        Ongoing::new(self.shared.core(), queue).await
    }

    /// Queues a whole message if there is room for it, and does not wait: several small messages
    /// leave in one write, by [`flush`](Self::flush) or whatever is sent or received next.
    /// `false`: there is no room now, or somebody else is sending; nothing was queued.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn queue(&self, message: impl AsMessage) -> Result<bool, Error> {
        Ok(self.shared.core().try_queue(message.as_message())?)
    }

    /// Sends a piece of a message that is still being produced, as fragments; `fin`: the last.
    /// While a message is open, nobody else can send another.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// A piece that fits the transmit buffer is either not sent or queued whole. Of a longer or a
    /// compressed piece, a part may have been queued: the message stays open, and how much of it was
    /// queued is no longer known.
    pub async fn send_fragment(
        &self,
        kind: MessageKind,
        payload: &[u8],
        fin: bool,
    ) -> Result<(), Error> {
        let mut rest = payload;
        let queue = |sender: &mut CoreSender| {
            let first = !sender.in_fragments();
            let queued = sender.fragment(kind, rest, first, fin)?;
            rest = rest.get(queued.taken..).unwrap_or_default();
            Ok(took(queued.complete, rest.len() < payload.len()))
        };
        Ongoing::new(self.shared.core(), queue).await
    }

    /// Sends one frame that the caller has built:
    /// [`Sender::frame`](bare_ws::sender::Sender::frame).
    ///
    /// # Errors
    /// As [`send`](Self::send); [`Usage::BufferTooSmall`] when it does not fit the transmit buffer.
    ///
    /// # Cancel safety
    /// The frame is either not sent or queued whole.
    pub async fn send_frame(&self, header: FrameHeader, payload: &[u8]) -> Result<(), Error> {
        let needed = payload.len().saturating_add(MAX_HEADER);
        let queue = |sender: &mut CoreSender| Ok(took(sender.frame(header, payload)?, false));
        let mut call = Ongoing::new(self.shared.core(), queue);
        call.needed = needed;
        call.await
    }

    /// Sends a Ping with up to 125 octets.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// The Ping is either not sent or queued whole.
    pub async fn ping(&self, payload: &[u8]) -> Result<(), Error> {
        let queue = |sender: &mut CoreSender| Ok(took(sender.ping(payload)?, false));
        self.pass(queue).await
    }

    /// Sends an unsolicited Pong: a heartbeat in one direction (RFC 6455 §5.5.3).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// The Pong is either not sent or queued whole.
    pub async fn pong(&self, payload: &[u8]) -> Result<(), Error> {
        let queue = |sender: &mut CoreSender| Ok(took(sender.pong(payload)?, false));
        self.pass(queue).await
    }

    /// Writes out what is [queued](Self::queue).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// Dropped at any point, another call goes on.
    pub async fn flush(&self) -> Result<(), Error> {
        self.pass(|_| Ok(Took::All)).await
    }

    /// Starts the closing handshake: waits for messages that others are sending, and until the Close
    /// is written. Nothing can be sent afterwards; go on receiving until `recv` gives `None`. The
    /// whole close, to the end of the transport, takes no longer than the close limit from now.
    ///
    /// `code` is a [`CloseCode`], or `None` for a Close without a status code, and so without a reason.
    ///
    /// # Errors
    /// [`Error::Usage`] for a status code that must not be sent, a reason of more than 123 octets, or
    /// a connection that is closing already; nothing has changed.
    /// [`Timeout::Close`](crate::Timeout::Close) when the Close could not be written in time.
    ///
    /// # Cancel safety
    /// The Close is either queued whole, or not at all, as if `close` had not been called.
    pub async fn close(
        &self,
        code: impl Into<Option<CloseCode>>,
        reason: &str,
    ) -> Result<(), Error> {
        let code = code.into();
        let core = self.shared.core();
        core.may_close(code, reason)
            .map_err(|usage| core.told(usage.into()))?;
        core.tell_closing(code);
        let queue = |sender: &mut CoreSender| Ok(took(sender.close(code, reason)?, false));
        let mut call = Ongoing::new(core, queue);
        call.sending.closes = true;
        call.await
    }

    /// Whether data may be sent: neither end has closed, and the connection has not failed.
    pub fn is_open(&self) -> bool {
        let inner = self.shared.core().lock();
        inner.state.sender.is_open() && inner.state.life.end().is_none()
    }

    /// How well the messages sent so far were compressed.
    pub fn compressed(&self) -> Totals {
        self.shared.core().lock().state.sender.stage().totals()
    }

    /// Whether the messages that begin from now on may be compressed; at first they may.
    pub fn set_compression(&self, allowed: bool) {
        self.shared.core().lock().state.set_compression(allowed);
    }

    /// Changes [`Config::silence_timeout`](crate::Config::silence_timeout), also for calls that are
    /// waiting already.
    pub fn set_silence_timeout(&self, limit: impl Into<Option<Duration>>) {
        let limit = limit.into();
        self.shared.core().limit(|limits| limits.silence = limit);
    }

    /// Changes [`Config::stall_timeout`](crate::Config::stall_timeout), also for calls that are
    /// waiting already.
    pub fn set_stall_timeout(&self, limit: impl Into<Option<Duration>>) {
        let limit = limit.into();
        self.shared.core().limit(|limits| limits.stall = limit);
    }

    /// Changes [`Config::close_timeout`](crate::Config::close_timeout), for a closing handshake
    /// that has not begun.
    pub fn set_close_timeout(&self, limit: impl Into<Option<Duration>>) {
        let limit = limit.into();
        self.shared.core().limit(|limits| limits.close = limit);
    }

    /// Changes [`Config::keepalive`](crate::Config::keepalive), also for calls that are waiting already.
    ///
    /// # Errors
    /// [`SettingError::KeepAlive`]: nothing is changed.
    pub fn set_keepalive(
        &self,
        keepalive: impl Into<Option<KeepAlive>>,
    ) -> Result<(), SettingError> {
        let keepalive = keepalive.into();
        keepalive.map_or(Ok(()), KeepAlive::check)?;
        let core = self.shared.core();
        core.limit(|limits| KeepAlive::apply(keepalive, limits));
        Ok(())
    }

    /// A handle that ends the connection at once.
    pub fn abort_handle(&self) -> AbortHandle<S> {
        AbortHandle {
            core: self.shared.downgrade(),
        }
    }

    /// A call that may come between the fragments of another call's message.
    fn pass<Q: FnMut(&mut CoreSender) -> Result<Took, ProtocolError>>(
        &self,
        queue: Q,
    ) -> Ongoing<'_, S, Q> {
        let mut call = Ongoing::new(self.shared.core(), queue);
        call.sending.passes = true;
        call
    }
}

pub(crate) fn took(all: bool, some: bool) -> Took {
    match (all, some) {
        (true, _) => Took::All,
        (false, true) => Took::Some,
        (false, false) => Took::None,
    }
}

/// How much of a whole message is queued.
#[derive(Debug, Default)]
pub(crate) struct Whole {
    taken: usize,
    begun: bool,
}

impl Whole {
    #[inline]
    pub(crate) fn queue(
        &mut self,
        sender: &mut CoreSender,
        message: Message<'_>,
    ) -> Result<Took, ProtocolError> {
        let rest = message.as_bytes().get(self.taken..).unwrap_or_default();
        let queued = sender.message(message.kind(), rest, !self.begun)?;
        self.taken += queued.taken;
        self.begun |= sender.in_message();
        Ok(took(queued.complete, self.begun))
    }
}

/// A call that is under way. The message comes first, so that it is moved in whole words, and no word
/// waits for the octets beside it.
#[repr(C)]
struct Ongoing<'c, S: AsyncRead + AsyncWrite + Unpin, Q> {
    queue: Q,
    core: &'c Core<S>,
    /// The room that a frame must have, in octets.
    needed: usize,
    sending: Sending,
}

impl<'c, S: AsyncRead + AsyncWrite + Unpin, Q> Ongoing<'c, S, Q> {
    #[inline]
    fn new(core: &'c Core<S>, queue: Q) -> Self {
        Self {
            queue,
            core,
            needed: 0,
            sending: Sending::default(),
        }
    }
}

/// Nothing in it is ever pinned.
impl<S: AsyncRead + AsyncWrite + Unpin, Q> Unpin for Ongoing<'_, S, Q> {}

impl<S, Q> Future for Ongoing<'_, S, Q>
where
    S: AsyncRead + AsyncWrite + Unpin,
    Q: FnMut(&mut CoreSender) -> Result<Took, ProtocolError>,
{
    type Output = Result<(), Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let call = self.get_mut();
        if call.core.send_at_once(&mut call.sending, &mut call.queue) {
            return Poll::Ready(Ok(()));
        }
        let sent = call
            .core
            .poll_send_in_turn(cx, &mut call.sending, &mut call.queue, call.needed);
        sent.map_err(|error| call.core.told(error))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, Q> Drop for Ongoing<'_, S, Q> {
    #[inline]
    fn drop(&mut self) {
        self.core.end(&mut self.sending);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Core<S> {
    fn try_queue(&self, message: Message<'_>) -> Result<bool, ProtocolError<Cut>> {
        let mut inner = self.lock();
        inner.state.may_send()?;
        let state = &mut inner.state;
        if state.in_turn
            || !self.waiters().is_first(Default::default())
            || !state.sender.fits(message.as_bytes().len())
        {
            return Ok(false);
        }
        let queued = state
            .sender
            .message(message.kind(), message.as_bytes(), true);
        let complete = queued?.complete;
        if !state.life.is_stalled() {
            state.life.on(Event::Queued, super::shared::now());
        }
        Ok(complete)
    }

    fn may_close(&self, code: Option<CloseCode>, reason: &str) -> Result<(), Usage> {
        let inner = self.lock();
        let state = &inner.state;
        state.sender.may_close(code, reason).or_else(|usage| {
            // No frame can follow any more; the end of our direction says that we close.
            let torn = usage == Usage::NotOpen && state.life.phase() == Phase::Open;
            if torn { Ok(()) } else { Err(usage) }
        })
    }

    /// Reports that a call of ours has begun to close.
    pub(crate) fn tell_closing(&self, code: Option<CloseCode>) {
        let peer = self.lock().state.life.peer.clone();
        peer.closing(code.map_or(1005, |code| code.0));
    }

    fn limit(&self, set: impl FnOnce(&mut bare_ws::lifecycle::Limits<Option<Duration>>)) {
        let mut inner = self.lock();
        set(inner.state.life.limits_mut());
        inner.wake_all();
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Clone for Writer<S> {
    fn clone(&self) -> Self {
        Self::new(self.shared.clone())
    }
}

/// Not the message that it holds as a sink, or is sending.
impl<S: AsyncRead + AsyncWrite + Unpin> fmt::Debug for Writer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("shared", &self.shared)
            .field("holds_message", &self.held.is_some())
            .field("is_sending", &self.outgoing.is_some())
            .finish()
    }
}

/// Ends a connection at once, from any task or thread, without a closing handshake: whoever
/// receives or sends returns with [`Error::Aborted`].
pub struct AbortHandle<S = TcpStream> {
    core: Weak<Core<S>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> AbortHandle<S> {
    /// Ends the connection, if it is still there.
    pub fn abort(&self) {
        if let Some(core) = self.core.upgrade() {
            core.report(Event::Aborted);
        }
    }
}

impl<S> Clone for AbortHandle<S> {
    fn clone(&self) -> Self {
        Self {
            core: Weak::clone(&self.core),
        }
    }
}

impl<S> fmt::Debug for AbortHandle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").finish_non_exhaustive()
    }
}
