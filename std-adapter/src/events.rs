//! What `log` and `tracing` are told, with the features of these names. Never payload, reasons, header
//! fields or credentials; of a URI, only host and port, since paths and queries may hold tokens.

use std::fmt;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use bare_ws::error::Error as ProtocolError;
use bare_ws::lifecycle::{Call, End, Event, Lifecycle, Moment as _, Phase, Timeout};
use bare_ws::uri::Uri;

use crate::error::Error;
use crate::moment::Moment;
use crate::response::Response;

const ENABLED: bool = cfg!(any(feature = "log", feature = "tracing"));

/// One event. Its values are shown by `Display`: as fields in `tracing`, after the words in `log`.
macro_rules! event {
    ($level:ident, $what:literal $(, $name:ident = $value:expr)*) => {{
        #[cfg(feature = "log")]
        log::$level!(
            target: "bare_ws_std",
            concat!($what $(, " ", stringify!($name), "={}")*) $(, $value)*
        );
        #[cfg(feature = "tracing")]
        tracing::$level!(target: "bare_ws_std", $($name = %$value,)* $what);
        // Not evaluated.
        let _ = || {
            $(let _ = &$value;)*
        };
    }};
}

/// The peer of a connection, as its events name it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peer(Option<Arc<str>>);

impl Peer {
    pub(crate) fn of(uri: &Uri<'_>) -> Self {
        let name = || format!("{}:{}", uri.host_literal(), uri.port()).into();
        Self(ENABLED.then(name))
    }

    pub(crate) fn connecting(&self, through: Option<(&str, u16)>) {
        match through {
            Some((host, port)) => {
                event!(
                    debug,
                    "connecting",
                    peer = self,
                    proxy = host,
                    proxy_port = port
                );
            }
            None => event!(debug, "connecting", peer = self),
        }
    }

    /// Over TCP, to the peer or its proxy. The address is a call of the operating system's.
    pub(crate) fn connected(&self, address: impl FnOnce() -> std::io::Result<SocketAddr>) {
        if ENABLED && let Ok(address) = address() {
            event!(debug, "connected", peer = self, address = address);
        }
    }

    pub(crate) fn redirected(&self, status: u16, to: &Self) {
        event!(debug, "redirected", peer = self, status = status, to = to);
    }

    pub(crate) fn open(&self, subprotocol: Option<&str>, response: &Response) {
        let subprotocol = subprotocol.unwrap_or("none");
        // Nothing beyond the offer: the handshake has checked it.
        let extensions = response.header("sec-websocket-extensions");
        let extensions = extensions.unwrap_or("none");
        event!(
            info,
            "open",
            peer = self,
            subprotocol = subprotocol,
            extensions = extensions
        );
    }

    /// Connecting has failed. Apart from its kind, an error may contain a secret: a subprotocol, or the
    /// target of a redirect.
    fn not_open(&self, error: &Error) {
        match error.status() {
            Some(status) => {
                event!(
                    warn,
                    "not open",
                    peer = self,
                    error = error.kind(),
                    status = status
                );
            }
            None => event!(warn, "not open", peer = self, error = error.kind()),
        }
    }

    /// A call of ours wants to close.
    pub(crate) fn closing(&self, code: u16) {
        event!(info, "closing", peer = self, by = "us", code = code);
    }

    /// The connection has failed because of what the peer sent.
    fn failed(&self, why: impl fmt::Display, code: u16) {
        event!(warn, "failed", peer = self, error = why, code = code);
    }

    pub(crate) fn unwritable(&self, error: &std::io::Error) {
        event!(warn, "cannot send", peer = self, error = error.kind());
    }

    pub(crate) fn dropped(&self) {
        event!(debug, "dropped while open", peer = self);
    }
}

/// Reports that connecting to `uri` has failed, if that is a URI.
pub(crate) fn not_open(uri: &str, error: &Error) {
    if let Ok(uri) = Uri::parse(uri) {
        Peer::of(&uri).not_open(error);
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or_default())
    }
}

/// A [`Lifecycle`] whose end is an event.
#[derive(Debug)]
pub(crate) struct Life {
    machine: Lifecycle<Moment>,
    pub(crate) peer: Peer,
    /// The status code of the peer's Close.
    peers_code: u16,
    /// Whether the peer's Close came before any of ours.
    peer_is_first: bool,
}

impl Life {
    pub(crate) fn new(machine: Lifecycle<Moment>, peer: Peer) -> Self {
        Self {
            machine,
            peer,
            peers_code: 1005,
            peer_is_first: false,
        }
    }

    /// Takes the payload of the peer's Close, or of ours that is due for a failure.
    pub(crate) fn close_seen(&mut self, payload: &[u8]) {
        self.peer_is_first = self.machine.phase() == Phase::Open;
        let code = payload.first_chunk();
        self.peers_code = code.map_or(1005, |code| u16::from_be_bytes(*code));
    }

    #[inline]
    pub(crate) fn on(&mut self, event: Event, now: Moment) {
        let before = self.machine.end();
        self.machine.on(event, now);
        self.tell(before);
    }

    #[inline]
    pub(crate) fn check(&mut self, call: Call, now: Moment) {
        let before = self.machine.end();
        self.machine.check(call, now);
        self.tell(before);
    }

    /// The machine's, without a look at each limit where none is set.
    #[inline]
    pub(crate) fn until(&self, call: Call) -> Moment {
        let limits = self.machine.limits();
        let is_timed = limits.silence.is_some()
            || limits.ping_after.is_some()
            || limits.answer.is_some()
            || self.machine.is_stalled()
            || self.machine.closes_by() != Moment::NEVER;
        if is_timed {
            self.machine.until(call)
        } else {
            Moment::NEVER
        }
    }

    /// The peer broke a rule or met a limit, or the transport ended without a Close.
    pub(crate) fn failed<E: fmt::Display>(&mut self, error: &ProtocolError<E>, now: Moment) {
        if let Some(code) = error.close_code() {
            if self.machine.end().is_none() {
                self.peer.failed(error, code.0);
            }
            self.on(Event::PeerFailed, now);
        } else if matches!(error, ProtocolError::Lost) {
            self.on(Event::Lost, now);
        }
    }

    #[inline]
    fn tell(&self, before: Option<End>) {
        if ENABLED
            && before.is_none()
            && let Some(end) = self.machine.end()
        {
            self.ended(end);
        }
    }

    #[cold]
    fn ended(&self, end: End) {
        let peer = &self.peer;
        match end {
            End::Closed => {
                let by = if self.peer_is_first { "peer" } else { "us" };
                event!(info, "closed", peer = peer, by = by, code = self.peers_code);
            }
            // Already told, with its reason.
            End::Failed => {}
            End::Timeout(Timeout::KeepAlive) => {
                event!(warn, "keepalive: no answer to a Ping", peer = peer);
            }
            End::Timeout(timeout) => event!(warn, "timed out", peer = peer, error = timeout),
            End::Lost => event!(warn, "lost", peer = peer),
            // A later version of the core may know more.
            _ => event!(info, "aborted", peer = peer),
        }
    }
}

impl Deref for Life {
    type Target = Lifecycle<Moment>;

    #[inline]
    fn deref(&self) -> &Lifecycle<Moment> {
        &self.machine
    }
}

impl DerefMut for Life {
    #[inline]
    fn deref_mut(&mut self) -> &mut Lifecycle<Moment> {
        &mut self.machine
    }
}
