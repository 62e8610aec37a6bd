//! The send side of a connection.

use std::fmt;
use std::time::Duration;

use bare_ws::blocking::Outlet;
use bare_ws::close::CloseCode;
use bare_ws::header::FrameHeader;
use bare_ws::message::{AsMessage, MessageKind};

use crate::channel::Channel;
use crate::error::{Error, SettingError};
use crate::keepalive::KeepAlive;
use crate::shared::Shared;
use crate::stage::Totals;
use crate::stream::{Socket, Stream};
use crate::sync::Weak;

/// The send side of a connection. Clones of it send over the same connection, message by message,
/// from any number of threads.
#[derive(Debug)]
pub struct Writer<S: Stream = Socket> {
    pub(crate) shared: Shared<S>,
}

impl<S: Stream> Writer<S> {
    /// Sends a whole message. Waits while another thread sends one.
    ///
    /// # Errors
    /// [`Error::Usage`] when the message must not be sent now; nothing was sent. [`Error::Io`]:
    /// nothing more can be sent. [`Timeout::Stall`](crate::Timeout::Stall) when the peer took
    /// nothing for too long, and [`Timeout::Close`](crate::Timeout::Close) when another thread
    /// closes meanwhile and the peer does not read: the connection is over.
    #[inline]
    pub fn send(&self, message: impl AsMessage) -> Result<(), Error> {
        self.shared.channel().send(message.as_message())
    }

    /// The same, never compressed: for a message that holds a secret beside octets that an
    /// attacker may choose (RFC 7692 §8).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_uncompressed(&self, message: impl AsMessage) -> Result<(), Error> {
        let mut turn = self.shared.channel().turn()?;
        Ok(turn.send_uncompressed(message.as_message())?)
    }

    /// Queues a whole message if there is room for it, and does not wait: several small messages
    /// leave in one write, by [`flush`](Self::flush) or whatever is sent or received next.
    /// `false`: there is no room now, or another thread is sending; nothing was queued.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn queue(&self, message: impl AsMessage) -> Result<bool, Error> {
        match self.shared.channel().try_turn()? {
            Some(mut turn) => Ok(turn.queue(message.as_message())?),
            None => Ok(false),
        }
    }

    /// Sends a piece of a message that is still being produced, as fragments; `fin`: the last.
    /// While a message is open, no clone of this can send another.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_fragment(&self, kind: MessageKind, payload: &[u8], fin: bool) -> Result<(), Error> {
        let channel = self.shared.channel();
        let sent = channel.turn()?.send_fragment(kind, payload, fin);
        sent.map_err(|error| channel.told(error))
    }

    /// Sends one frame that the caller has built:
    /// [`Sender::frame`](bare_ws::sender::Sender::frame).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_frame(&self, header: FrameHeader, payload: &[u8]) -> Result<(), Error> {
        Ok(self.shared.channel().turn()?.send_frame(header, payload)?)
    }

    /// Sends a Ping with up to 125 octets.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn ping(&self, payload: &[u8]) -> Result<(), Error> {
        Ok(self.shared.channel().turn()?.ping(payload)?)
    }

    /// Sends an unsolicited Pong: a heartbeat in one direction (RFC 6455 §5.5.3).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn pong(&self, payload: &[u8]) -> Result<(), Error> {
        Ok(self.shared.channel().turn()?.pong(payload)?)
    }

    /// Writes out what is [queued](Self::queue).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn flush(&self) -> Result<(), Error> {
        Ok(self.shared.channel().turn()?.drain()?)
    }

    /// Writes out what is [queued](Self::queue) as far as the peer takes it at once. `true`: all of
    /// it left. `false`: something is still queued, or another thread is sending.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn try_flush(&self) -> Result<bool, Error> {
        match self.shared.channel().try_turn()? {
            Some(mut turn) => Ok(turn.try_drain()?),
            None => Ok(false),
        }
    }

    /// Starts the closing handshake: waits for a message that another thread is sending, and until
    /// the Close is written. Nothing can be sent afterwards; go on receiving until `recv` gives
    /// `None`. The whole close, to the end of the transport, takes no longer than the close limit
    /// from now.
    ///
    /// `code` is a [`CloseCode`], or `None` for a Close without a status code, and so without a reason.
    ///
    /// # Errors
    /// [`Error::Usage`] for a status code that must not be sent, a reason of more than 123 octets, or
    /// a connection that is closing already; nothing has changed.
    /// [`Timeout::Close`](crate::Timeout::Close) when the Close could not be written in time.
    pub fn close(&self, code: impl Into<Option<CloseCode>>, reason: &str) -> Result<(), Error> {
        let code = code.into();
        let channel = self.shared.channel();
        let turn = channel.closing_turn(code, reason);
        // Without a turn, no Close can be framed any more; ending our direction was enough.
        let closed = turn.and_then(|turn| turn.map_or(Ok(()), |mut turn| turn.close(code, reason)));
        closed.map_err(|error| channel.told(error))
    }

    /// Whether data may be sent: neither end has closed, and the connection has not failed.
    pub fn is_open(&self) -> bool {
        let state = self.shared.channel().lock();
        state.sender.is_open() && state.life.end().is_none()
    }

    /// How well the messages sent so far were compressed.
    pub fn compressed(&self) -> Totals {
        self.shared.channel().lock().sender.stage().totals()
    }

    /// Whether the messages that begin from now on may be compressed; at first they may.
    pub fn set_compression(&self, allowed: bool) {
        self.shared.channel().lock().set_compression(allowed);
    }

    /// Changes [`Config::silence_timeout`](crate::Config::silence_timeout).
    pub fn set_silence_timeout(&self, limit: impl Into<Option<Duration>>) {
        self.shared.channel().lock().life.limits_mut().silence = limit.into();
    }

    /// Changes [`Config::stall_timeout`](crate::Config::stall_timeout).
    pub fn set_stall_timeout(&self, limit: impl Into<Option<Duration>>) {
        self.shared.channel().lock().life.limits_mut().stall = limit.into();
    }

    /// Changes [`Config::close_timeout`](crate::Config::close_timeout), for a closing handshake
    /// that has not begun.
    pub fn set_close_timeout(&self, limit: impl Into<Option<Duration>>) {
        self.shared.channel().lock().life.limits_mut().close = limit.into();
    }

    /// Changes [`Config::keepalive`](crate::Config::keepalive).
    ///
    /// # Errors
    /// [`SettingError::KeepAlive`]: nothing is changed.
    pub fn set_keepalive(
        &self,
        keepalive: impl Into<Option<KeepAlive>>,
    ) -> Result<(), SettingError> {
        let keepalive = keepalive.into();
        keepalive.map_or(Ok(()), KeepAlive::check)?;
        let mut state = self.shared.channel().lock();
        KeepAlive::apply(keepalive, state.life.limits_mut());
        Ok(())
    }

    /// A handle that ends the connection at once.
    pub fn abort_handle(&self) -> AbortHandle<S> {
        AbortHandle {
            channel: self.shared.downgrade(),
        }
    }
}

/// For use in another thread, beside the existing ones.
impl<S: Stream> Clone for Writer<S> {
    fn clone(&self) -> Self {
        self.shared.channel().share();
        Self {
            shared: self.shared.clone(),
        }
    }
}

/// Ends a connection at once, from any thread, without a closing handshake: whoever receives or
/// sends returns with [`Error::Aborted`].
///
/// ```no_run
/// use std::thread;
/// use std::time::Duration;
///
/// use bare_ws_std::{Error, connect};
///
/// let mut socket = connect("ws://localhost:8080/feed")?;
/// let stop = socket.abort_handle();
/// thread::spawn(move || {
///     thread::sleep(Duration::from_secs(60));
///     stop.abort();
/// });
/// loop {
///     match socket.recv() {
///         Ok(Some(message)) => println!("{message:?}"),
///         Ok(None) | Err(Error::Aborted) => break,
///         Err(error) => return Err(error),
///     }
/// }
/// # Ok::<(), Error>(())
/// ```
pub struct AbortHandle<S: Stream = Socket> {
    channel: Weak<Channel<S>>,
}

impl<S: Stream> AbortHandle<S> {
    /// Ends the connection, if it is still there.
    pub fn abort(&self) {
        if let Some(channel) = self.channel.upgrade() {
            channel.abort();
        }
    }
}

impl<S: Stream> Clone for AbortHandle<S> {
    fn clone(&self) -> Self {
        Self {
            channel: Weak::clone(&self.channel),
        }
    }
}

impl<S: Stream> fmt::Debug for AbortHandle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").finish_non_exhaustive()
    }
}
