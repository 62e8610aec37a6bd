//! Everything that can be set before a connection is opened.

mod connect;
mod request;
mod seen;
mod target;
mod way;

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
#[cfg(feature = "rustls")]
use std::sync::OnceLock;
use std::time::Duration;

use bare_ws::buffer::{Buffers, Growing};
use bare_ws::handshake::Request;
use bare_ws::header::MAX_HEADER;
use bare_ws::receiver::Limits;
use bare_ws::sender::MIN_TRANSMIT;

#[cfg(feature = "deflate")]
use crate::deflate::Deflate;
use crate::error::SettingError;
use crate::keepalive::KeepAlive;
use crate::observer::Observer;
use crate::proxy::Proxy;
use crate::resolve::Resolver;

pub use connect::connect;
pub use request::RequestParts;
pub(crate) use request::parse;
pub(crate) use target::Target;

/// The initial size of the transmit buffer, unless its limit is lower.
const TRANSMIT: usize = 1024;

/// Sets options of a socket.
pub(crate) type Hook = dyn Fn(&TcpStream) -> io::Result<()> + Send + Sync;

/// Connection options: what to request, and the limits and timeouts to enforce.
///
/// ```no_run
/// use std::time::Duration;
///
/// use bare_ws_std::{Config, Error, KeepAlive};
///
/// fn main() -> Result<(), Error> {
///     let mut socket = Config::new()
///         .header("Authorization", "Bearer t0k3n")
///         .subprotocol("prices.v1")
///         .message_limit(1024 * 1024)
///         .keepalive(KeepAlive {
///             interval: Duration::from_secs(30),
///             dead_after: Duration::from_secs(45),
///         })
///         .stall_timeout(Duration::from_secs(20))
///         .connect("wss://example.org/feed")?;
///     println!("{:?}", socket.recv()?);
///     Ok(())
/// }
/// ```
///
/// One `Config` can open any number of connections.
#[derive(Clone)]
pub struct Config {
    subprotocols: Vec<String>,
    subprotocol_required: bool,
    headers: Vec<(String, String)>,
    origin: Option<String>,
    host: Option<String>,
    pub(crate) head_limit: u32,
    limits: Limits,
    stream_limit: Option<u64>,
    receive_buffer: usize,
    transmit_buffer: usize,
    pub(crate) redirects: u32,
    pub(crate) trust_redirects: bool,
    /// `None`: the operating system's resolver.
    pub(crate) resolver: Option<Arc<Resolver>>,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) socket: Option<Arc<Hook>>,
    pub(crate) observer: Option<Arc<Observer>>,
    one_at_a_time: bool,
    credentials_in_uri: bool,
    #[cfg(feature = "idna")]
    idna: bool,
    /// Applies to the server of the first URI only.
    pub(crate) address: Option<SocketAddr>,
    #[cfg(feature = "rustls")]
    pub(crate) server_name: Option<String>,
    #[cfg(feature = "deflate")]
    pub(crate) deflate: Option<Deflate>,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) handshake_timeout: Option<Duration>,
    silence_timeout: Option<Duration>,
    stall_timeout: Option<Duration>,
    keepalive: Option<KeepAlive>,
    close_timeout: Option<Duration>,
    /// Made on first use: reading the platform's roots takes a while.
    #[cfg(feature = "rustls")]
    tls: Arc<OnceLock<crate::tls::Tls>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            subprotocols: Vec::new(),
            subprotocol_required: false,
            headers: Vec::new(),
            origin: None,
            host: None,
            head_limit: Request::HEAD_LIMIT,
            limits: Limits {
                message: 16 * 1024 * 1024,
                fragments: 1_000_000,
            },
            stream_limit: None,
            receive_buffer: 4 * 1024,
            transmit_buffer: 512 * 1024 + MAX_HEADER,
            redirects: 0,
            trust_redirects: false,
            resolver: None,
            proxy: None,
            socket: None,
            observer: None,
            one_at_a_time: false,
            credentials_in_uri: false,
            #[cfg(feature = "idna")]
            idna: false,
            address: None,
            #[cfg(feature = "rustls")]
            server_name: None,
            #[cfg(feature = "deflate")]
            deflate: None,
            connect_timeout: Some(Duration::from_secs(10)),
            handshake_timeout: Some(Duration::from_secs(10)),
            silence_timeout: None,
            stall_timeout: None,
            keepalive: None,
            close_timeout: Some(Duration::from_secs(5)),
            #[cfg(feature = "rustls")]
            tls: Arc::default(),
        }
    }
}

/// The request.
impl Config {
    /// The defaults, which each method states.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Offers a subprotocol, after those offered before. Default: none.
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<String>) -> Self {
        self.subprotocols.push(name.into());
        self
    }

    /// Fails the handshake if the server selects no subprotocol. Default: no.
    #[must_use]
    pub fn subprotocol_required(mut self, required: bool) -> Self {
        self.subprotocol_required = required;
        self
    }

    /// Adds a header field to the request. Default: none.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sends an Origin. Default: none; only browsers have to send one.
    #[must_use]
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// Sends this Host instead of the URI's. Default: the URI's.
    #[must_use]
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// Trusted roots and client certificate for `wss`. Default: [`Tls::new`](crate::tls::Tls::new),
    /// called once for this `Config` and its clones.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(mut self, tls: crate::tls::Tls) -> Self {
        self.tls = Arc::new(tls.into());
        self
    }

    /// How many redirects to follow, never from `wss` to `ws`. A different server (scheme, host or
    /// port) gets none of your header fields and credentials unless you
    /// [trust redirects](Self::trust_redirects). Default: 0, and a redirect is [`Error::Rejected`](crate::Error::Rejected).
    #[must_use]
    pub fn redirects(mut self, most: u32) -> Self {
        self.redirects = most;
        self
    }

    /// Whether a different server that a redirect leads to is sent what the first one was: header
    /// fields, subprotocols, [`origin`](Self::origin), [`host`](Self::host), and the TLS client
    /// certificate. Any of these may be a secret between you and the first server. Default: no; if a
    /// [subprotocol is required](Self::subprotocol_required), the handshake with a different server
    /// then fails.
    #[must_use]
    pub fn trust_redirects(mut self, trusted: bool) -> Self {
        self.trust_redirects = trusted;
        self
    }
}

/// Compression.
#[cfg(feature = "deflate")]
impl Config {
    /// Offers permessage-deflate. If the server does not support it, the connection is uncompressed.
    /// Default: not offered.
    #[must_use]
    pub fn deflate(mut self, deflate: impl Into<Option<Deflate>>) -> Self {
        self.deflate = deflate.into();
        self
    }
}

/// Limits on memory.
impl Config {
    /// The most octets of a message that is received whole, by [`recv`](crate::WebSocket::recv).
    /// Default: 16 MiB.
    #[must_use]
    pub fn message_limit(mut self, octets: u64) -> Self {
        self.limits.message = octets;
        self
    }

    /// The most octets of a message that is received in pieces or frames, by
    /// [`recv_chunk`](crate::WebSocket::recv_chunk) or [`recv_frame`](crate::WebSocket::recv_frame), and
    /// so takes no memory. Frames count by their length on the wire, before decompression. `None`, the
    /// default: no limit.
    #[must_use]
    pub fn stream_limit(mut self, octets: impl Into<Option<u64>>) -> Self {
        self.stream_limit = octets.into();
        self
    }

    /// The most fragments of a message, however it is received. Default: 1 000 000.
    #[must_use]
    pub fn fragment_limit(mut self, fragments: u32) -> Self {
        self.limits.fragments = fragments;
        self
    }

    /// The most octets of the head of a server's or a proxy's response. Default: 16 KiB.
    #[must_use]
    pub fn head_limit(mut self, octets: u32) -> Self {
        self.head_limit = octets;
        self
    }

    /// The initial size of the receive buffer in octets. It grows with messages, and to 64 KiB when
    /// many small ones arrive together. It shrinks when none of the last 64 messages needed half of
    /// it, and to its initial size when a receive has waited for a second in which nothing was
    /// received or sent. Default: 4 KiB.
    #[must_use]
    pub fn receive_buffer(mut self, octets: usize) -> Self {
        self.receive_buffer = octets;
        self
    }

    /// The maximum size of the transmit buffer in octets; fewer than 131 are [`Error::Setting`](crate::Error::Setting) when
    /// connecting. It starts at 1 KiB, or less if this is less, grows with messages, and shrinks as
    /// the [receive buffer](Self::receive_buffer) does. A longer message passes through it in
    /// several writes. Default: 512 KiB and a header.
    #[must_use]
    pub fn transmit_buffer(mut self, octets: usize) -> Self {
        self.transmit_buffer = octets;
        self
    }
}

/// Limits in time. `None`: no limit.
impl Config {
    /// Limits name resolution, the TCP connection, over all addresses tried, and the answer of a
    /// [proxy](Self::proxy), together. Default: 10 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.connect_timeout = timeout.into();
        self
    }

    /// Limits the TLS handshake and the opening handshake together. Default: 10 s.
    #[must_use]
    pub fn handshake_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.handshake_timeout = timeout.into();
        self
    }

    /// How long the peer may send nothing at all while some thread receives. Default: no limit.
    #[must_use]
    pub fn silence_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.silence_timeout = timeout.into();
        self
    }

    /// How long the peer may accept nothing at all while something is being sent. Default: no limit.
    ///
    /// Octets count as accepted once the operating system has taken them. It announces room only when
    /// there is plenty, so a send that waits is retried four times within this limit; in tokio, on
    /// connections that `connect` has made. A stall may be reported up to a quarter of the limit late.
    #[must_use]
    pub fn stall_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.stall_timeout = timeout.into();
        self
    }

    /// Sends Pings to a silent peer, and gives the peer up if it stays silent. A setting that cannot work
    /// is [`Error::Setting`](crate::Error::Setting) when connecting. Default: off.
    #[must_use]
    pub fn keepalive(mut self, keepalive: impl Into<Option<KeepAlive>>) -> Self {
        self.keepalive = keepalive.into();
        self
    }

    /// The limit from the first Close, or from a failure, to the end of the transport. Default: 5 s.
    ///
    /// If a connection is dropped while it is closing, a background thread completes the close within
    /// this limit. With `None`, or while 64 such threads are running, no thread is started, and the
    /// drop closes the transport as it is: if octets from the peer are unread by then, the peer may
    /// see a reset instead of our Close. [`finish`](crate::WebSocket::finish) needs no thread.
    #[must_use]
    pub fn close_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.close_timeout = timeout.into();
        self
    }
}

/// What was set.
impl Config {
    /// The limits on messages that are received whole.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The limits on messages that are received in pieces or frames.
    #[must_use]
    pub fn stream_limits(&self) -> Limits {
        Limits {
            message: self.stream_limit.unwrap_or(u64::MAX),
            ..self.limits
        }
    }

    /// Receive memory that grows to the longest message allowed.
    pub(crate) fn receive_memory(&self) -> Growing {
        let message = usize::try_from(self.limits.message).unwrap_or(usize::MAX);
        Growing::with_len(self.receive_buffer).with_limit(message.saturating_add(MAX_HEADER))
    }

    fn check_settings(&self) -> Result<(), SettingError> {
        if self.transmit_buffer < MIN_TRANSMIT {
            return Err(SettingError::TransmitBuffer {
                octets: self.transmit_buffer,
                least: MIN_TRANSMIT,
            });
        }
        if let Some(keepalive) = self.keepalive {
            keepalive.check()?;
        }
        #[cfg(feature = "deflate")]
        if let Some(deflate) = &self.deflate {
            deflate.check()?;
        }
        Ok(())
    }

    /// What also applies to another server, which the caller did not name.
    pub(crate) fn of_another_server(self) -> Self {
        Self {
            address: None,
            #[cfg(feature = "rustls")]
            server_name: None,
            ..self
        }
    }

    /// What may be sent to another server, which the caller did not name.
    pub(crate) fn without_secrets(self) -> Self {
        Self {
            subprotocols: Vec::new(),
            headers: Vec::new(),
            origin: None,
            host: None,
            #[cfg(feature = "rustls")]
            tls: match self.tls.get() {
                Some(tls) => Arc::new(tls.without_identity().into()),
                // The platform's roots, and no client certificate.
                None => self.tls,
            },
            ..self
        }
    }

    /// A connection's buffers, with `receive` as the receive buffer.
    pub(crate) fn buffers<B>(&self, receive: B) -> Buffers<B, Growing> {
        let most = self.transmit_buffer.max(MIN_TRANSMIT);
        let transmit = Growing::with_len(most.min(TRANSMIT)).with_limit(most);
        Buffers { receive, transmit }
    }

    /// The limits in time of an open connection.
    pub(crate) fn time(&self) -> bare_ws::lifecycle::Limits<Option<Duration>> {
        let mut limits = bare_ws::lifecycle::Limits {
            silence: self.silence_timeout,
            stall: self.stall_timeout,
            ping_after: None,
            answer: None,
            close: self.close_timeout,
        };
        KeepAlive::apply(self.keepalive, &mut limits);
        limits
    }
}

/// The values of header fields may be secrets; they are not shown.
impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        #[cfg(feature = "deflate")]
        let deflate = &self.deflate;
        #[cfg(not(feature = "deflate"))]
        let deflate = &();
        f.debug_struct("Config")
            .field("subprotocols", &self.subprotocols)
            .field("subprotocol_required", &self.subprotocol_required)
            .field("headers", &names)
            .field("origin", &self.origin)
            .field("host", &self.host)
            .field("head_limit", &self.head_limit)
            .field("limits", &self.limits)
            .field("stream_limit", &self.stream_limit)
            .field("receive_buffer", &self.receive_buffer)
            .field("transmit_buffer", &self.transmit_buffer)
            .field("redirects", &self.redirects)
            .field("trust_redirects", &self.trust_redirects)
            .field("resolver", &self.resolver)
            .field("proxy", &self.proxy)
            .field("socket", &self.socket.is_some())
            .field("one_at_a_time", &self.one_at_a_time)
            .field("credentials_in_uri", &self.credentials_in_uri)
            .field("address", &self.address)
            .field("observer", &self.observer.is_some())
            .field("deflate", deflate)
            .field("connect_timeout", &self.connect_timeout)
            .field("handshake_timeout", &self.handshake_timeout)
            .field("silence_timeout", &self.silence_timeout)
            .field("stall_timeout", &self.stall_timeout)
            .field("keepalive", &self.keepalive)
            .field("close_timeout", &self.close_timeout)
            .finish()
    }
}
