//! Everything that can be set before a connection is opened, and opening it.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
#[cfg(feature = "rustls")]
use std::sync::OnceLock;
use std::time::Duration;

use bare_ws::blocking::Connection;
use bare_ws::buffer::{Buffers, Growing, Storage};
use bare_ws::compression::Uncompressed;
#[cfg(feature = "deflate")]
use bare_ws::deflate::Negotiation;
use bare_ws::entropy::{Entropy, EntropyError};
use bare_ws::handshake::{ClientHandshake, HandshakeError, Request, RequestError};
use bare_ws::header::MAX_HEADER;
use bare_ws::lifecycle::{Event, Lifecycle};
use bare_ws::receiver::Limits;
use bare_ws::sender::MIN_TRANSMIT;
use bare_ws::uri::Uri;

use crate::channel::Channel;
#[cfg(feature = "deflate")]
use crate::deflate::Deflate;
use crate::dial::dial;
use crate::entropy::SystemEntropy;
use crate::error::{Error, SettingError};
use crate::keepalive::KeepAlive;
use crate::moment::Moment;
use crate::opening::Opening;
use crate::reader::Reader;
use crate::resolve::Resolver;
use crate::response::Response;
use crate::route::Route;
use crate::shared::{self, Leave, Shared};
use crate::stage::Negotiated;
#[cfg(feature = "deflate")]
use crate::stage::Offering;
use crate::stream::{Socket, Stream};
use crate::websocket::WebSocket;
use crate::writer::Writer;

/// The initial size of the transmit buffer, unless its limit is lower.
const TRANSMIT: usize = 2 * 1024;

/// Opens a connection with the defaults: [`Config::connect`].
///
/// ```no_run
/// use bare_ws_std::{Error, connect};
///
/// fn main() -> Result<(), Error> {
///     let mut socket = connect("ws://localhost:8080/chat")?;
///     socket.send("hello")?;
///     println!("{:?}", socket.recv()?);
///     Ok(())
/// }
/// ```
///
/// # Errors
/// See [`Config::connect`].
pub fn connect(uri: &str) -> Result<WebSocket, Error> {
    Config::new().connect(uri)
}

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
    head_limit: u32,
    limits: Limits,
    stream_limit: Option<u64>,
    receive_buffer: usize,
    transmit_buffer: usize,
    pub(crate) redirects: u32,
    pub(crate) trust_redirects: bool,
    /// `None`: the operating system's.
    pub(crate) resolver: Option<Arc<Resolver>>,
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
            transmit_buffer: 256 * 1024,
            redirects: 0,
            trust_redirects: false,
            resolver: None,
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

    /// Trusted roots and client certificate for `wss`. Default: [`Tls::new`](crate::tls::Tls::new), once
    /// for this `Config` and its clones.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(mut self, tls: crate::tls::Tls) -> Self {
        self.tls = Arc::new(tls.into());
        self
    }

    /// How many redirects to follow, never from `wss` to `ws`. A different server (scheme, host or
    /// port) gets none of your header fields and credentials unless you
    /// [trust redirects](Self::trust_redirects). Default: 0, and a redirect is [`Error::Rejected`].
    #[must_use]
    pub fn redirects(mut self, most: u32) -> Self {
        self.redirects = most;
        self
    }

    /// Whether a different server that a redirect leads to is sent what the first one was: header
    /// fields, subprotocols, [`origin`](Self::origin), [`host`](Self::host), and the TLS client
    /// certificate. Any of these may be a secret between you and the first server. Default: no, so
    /// if a [subprotocol is required](Self::subprotocol_required) the handshake with a different
    /// server fails.
    #[must_use]
    pub fn trust_redirects(mut self, trusted: bool) -> Self {
        self.trust_redirects = trusted;
        self
    }
}

/// Name resolution.
impl Config {
    /// Resolves host names with this function, which is given the name and the port as they are in
    /// the URI. An address in a URI is not looked up. Default: the operating system's resolver.
    ///
    /// A lookup cannot be interrupted. One that takes longer than
    /// [`connect_timeout`](Self::connect_timeout) continues in its thread, and whoever asks for the
    /// same name and port meanwhile waits for that same lookup: connections of this `Config` and its
    /// clones or, with the default resolver, of the whole process. At most 16 lookups of a resolver
    /// run at a time; further names wait for one of them to end, and fail with
    /// [`Timeout::Connect`](crate::Timeout::Connect) if none does.
    ///
    /// ```
    /// use bare_ws_std::Config;
    ///
    /// // A test server on this host, whatever name the URI has.
    /// let config = Config::new().resolver(|_, port| Ok(vec![([127, 0, 0, 1], port).into()]));
    /// ```
    #[must_use]
    pub fn resolver(
        mut self,
        lookup: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        self.resolver = Some(Resolver::new(lookup));
        self
    }
}

/// Compression.
#[cfg(feature = "deflate")]
impl Config {
    /// Offers permessage-deflate. With a server that does not support it the connection is simply
    /// uncompressed. Default: not offered.
    #[must_use]
    pub fn deflate(mut self, deflate: impl Into<Option<Deflate>>) -> Self {
        self.deflate = deflate.into();
        self
    }
}

/// Limits on memory.
impl Config {
    /// The most octets of a message that is received whole, by [`recv`](WebSocket::recv).
    /// Default: 16 MiB.
    #[must_use]
    pub fn message_limit(mut self, octets: u64) -> Self {
        self.limits.message = octets;
        self
    }

    /// The most octets of a message that is received in pieces or frames, by
    /// [`recv_chunk`](WebSocket::recv_chunk) or [`recv_frame`](WebSocket::recv_frame), and so takes
    /// no memory. Frames count as they are on the wire, compressed ones compressed. `None`, the
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

    /// The most octets of the head of the server's answer. Default: 16 KiB.
    #[must_use]
    pub fn head_limit(mut self, octets: u32) -> Self {
        self.head_limit = octets;
        self
    }

    /// The initial size of the receive buffer in octets. It grows with messages, and to 16 KiB when
    /// many small ones arrive together. It shrinks when none of the last 64 messages needed half of
    /// it, and to its initial size when a receive has waited for a second in which nothing was
    /// received or sent. Default: 4 KiB.
    #[must_use]
    pub fn receive_buffer(mut self, octets: usize) -> Self {
        self.receive_buffer = octets;
        self
    }

    /// The maximum size of the transmit buffer in octets; fewer than 131 are [`Error::Setting`] when
    /// connecting. It starts at 2 KiB, or less if this is less, grows with messages, and shrinks as
    /// the [receive buffer](Self::receive_buffer) does. A longer message passes through it in
    /// several writes. Default: 256 KiB.
    #[must_use]
    pub fn transmit_buffer(mut self, octets: usize) -> Self {
        self.transmit_buffer = octets;
        self
    }
}

/// Limits in time. `None`: no limit.
impl Config {
    /// Limits name resolution and the TCP connection, over all addresses tried. Default: 10 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.connect_timeout = timeout.into();
        self
    }

    /// Limits the opening handshake, including that of TLS. Default: 10 s.
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
    #[must_use]
    pub fn stall_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.stall_timeout = timeout.into();
        self
    }

    /// Sends Pings to a silent peer, and gives it up if it stays silent. A setting that cannot work
    /// is [`Error::Setting`] when connecting. Default: off.
    #[must_use]
    pub fn keepalive(mut self, keepalive: impl Into<Option<KeepAlive>>) -> Self {
        self.keepalive = keepalive.into();
        self
    }

    /// From the first Close of the closing handshake to the end of the transport. Default: 5 s.
    ///
    /// It also bounds what becomes of a connection that is dropped while it ends: a thread of ours
    /// brings it to its end. With `None`, or while 64 such threads are running, there is none for
    /// it, and the drop closes the transport as it is: if octets of the peer's are unread by then,
    /// the peer may see a reset instead of our Close. [`finish`](WebSocket::finish) needs no thread.
    #[must_use]
    pub fn close_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.close_timeout = timeout.into();
        self
    }
}

/// Opening.
impl Config {
    /// Connects to `uri`, such as `ws://example.org/chat`, and opens a connection.
    ///
    /// # Errors
    /// [`Error::Uri`], [`Error::Request`], [`Error::Header`], [`Error::Subprotocol`],
    /// [`Error::Setting`] and [`Error::NoTls`] before anything is sent, and all that can go wrong on
    /// the way.
    pub fn connect(&self, uri: &str) -> Result<WebSocket, Error> {
        self.connect_into(uri, || self.receive_memory())
    }

    /// The same with a receive buffer of the caller's: no message that is received whole may be
    /// longer than it. `buffer` is called once for each server that is asked.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_into<B: Storage>(
        &self,
        uri: &str,
        mut buffer: impl FnMut() -> B,
    ) -> Result<WebSocket<Socket, B>, Error> {
        let mut route = Route::new(self, uri);
        loop {
            let outcome = route.config.connect_once(&route.uri, buffer());
            if let Some(socket) = route.judge(outcome)? {
                return Ok(socket);
            }
        }
    }

    /// Opens a connection over a stream that is connected already: the opening handshake and all
    /// that follows. `uri` says what to ask for; nobody connects to it, and a `wss` URI needs a
    /// stream that [is secure](Stream::is_secure): [`Tls::connect`](crate::tls::Tls::connect) makes one.
    ///
    /// # Errors
    /// As [`connect`](Self::connect); [`Error::NotSecure`], before anything is sent.
    pub fn open<S: Stream>(&self, uri: &str, stream: S) -> Result<WebSocket<S>, Error> {
        self.open_into(uri, stream, self.receive_memory())
    }

    /// The same with a receive buffer of the caller's.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn open_into<S: Stream, B: Storage>(
        &self,
        uri: &str,
        stream: S,
        buffer: B,
    ) -> Result<WebSocket<S, B>, Error> {
        let deadline = Moment::in_time(self.handshake_timeout);
        let parts = self.parts();
        if parts.request(uri)?.uri.is_secure() && !stream.is_secure() {
            return Err(Error::NotSecure);
        }
        self.handshake(&parts, uri, stream, buffer, deadline, shared::close)
    }

    /// [`open`](Self::open) of a connection that a thread brings to its end, as those of
    /// [`connect`](Self::connect) are.
    #[cfg(shuttle)]
    #[allow(
        clippy::missing_errors_doc,
        missing_docs,
        reason = "for the model checker alone"
    )]
    pub fn open_lingering<S: Stream + Send + Sync + 'static>(
        &self,
        uri: &str,
        stream: S,
    ) -> Result<WebSocket<S>, Error> {
        let deadline = Moment::in_time(self.handshake_timeout);
        let buffer = Growing::with_len(self.receive_buffer);
        self.handshake(&self.parts(), uri, stream, buffer, deadline, shared::linger)
    }

    /// Resolves the name of `uri` and connects, as [`connect`](Self::connect) does before the
    /// handshakes.
    ///
    /// # Errors
    /// [`Error::Uri`], [`Error::Resolve`], [`Error::Connect`], [`Error::Timeout`].
    pub fn dial(&self, uri: &str) -> Result<TcpStream, Error> {
        let uri = parse(uri)?;
        let deadline = Moment::in_time(self.connect_timeout);
        let resolver = self.resolver.clone().unwrap_or_else(Resolver::system);
        dial(&resolver, uri.host(), uri.port(), deadline)
    }

    /// What a request is made of, for those who drive the core themselves.
    #[must_use]
    pub fn parts(&self) -> RequestParts<'_> {
        let headers = self.headers.iter();
        RequestParts {
            config: self,
            subprotocols: self.subprotocols.iter().map(String::as_str).collect(),
            headers: headers
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
        }
    }

    /// Whether a request for `uri` could be sent. Sends nothing.
    ///
    /// # Errors
    /// [`Error::Uri`], [`Error::Request`], [`Error::Header`] and [`Error::Subprotocol`] say what is
    /// wrong with the request, [`Error::Setting`] which setting is out of range.
    pub fn check(&self, uri: &str) -> Result<(), Error> {
        let mut entropy = SystemEntropy::new()?;
        let parts = self.parts();
        ClientHandshake::new(&parts.request(uri)?, parts.compression()?, &mut entropy)?;
        Ok(())
    }

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

    /// Grows as far as the longest message asks for.
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

    /// What another server may be asked, which the caller did not name.
    pub(crate) fn without_secrets(self) -> Self {
        Self {
            subprotocols: Vec::new(),
            headers: Vec::new(),
            origin: None,
            host: None,
            #[cfg(feature = "rustls")]
            tls: match self.tls.get() {
                Some(tls) => Arc::new(tls.without_identity().into()),
                // The platform's roots, and nobody in particular.
                None => self.tls,
            },
            ..self
        }
    }

    fn connect_once<B: Storage>(
        &self,
        uri: &str,
        buffer: B,
    ) -> Result<WebSocket<Socket, B>, Error> {
        self.check(uri)?;
        let parts = self.parts();
        let request = parts.request(uri)?;
        let connect = self.connector(request.uri.is_secure())?;
        let tcp = self.dial(uri)?;
        let deadline = Moment::in_time(self.handshake_timeout);
        let socket = connect(request.uri.host(), tcp, deadline)?;
        self.handshake(&parts, uri, socket, buffer, deadline, shared::linger)
    }

    /// Whom to trust with `wss`, and who to be.
    #[cfg(feature = "rustls")]
    pub(crate) fn tls_or_default(&self) -> Result<crate::tls::Tls, Error> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls.clone());
        }
        let tls = crate::tls::Tls::new()?;
        Ok(self.tls.get_or_init(|| tls).clone())
    }

    /// What makes of a TCP connection to a host the stream that the scheme asks for.
    #[cfg(feature = "rustls")]
    fn connector(
        &self,
        is_secure: bool,
    ) -> Result<impl Fn(&str, TcpStream, Moment) -> Result<Socket, Error>, Error> {
        let tls = is_secure.then(|| self.tls_or_default()).transpose()?;
        Ok(move |host: &str, tcp, deadline| match &tls {
            None => Ok(Socket::Tcp(tcp)),
            Some(tls) => {
                let mut tcp = tcp;
                tcp.prepare().map_err(Error::Io)?;
                let stream = crate::tls::TlsStream::connect(tls, host, tcp, deadline)?;
                Ok(Socket::Tls(Box::new(stream)))
            }
        })
    }

    #[cfg(not(feature = "rustls"))]
    fn connector(
        &self,
        is_secure: bool,
    ) -> Result<impl Fn(&str, TcpStream, Moment) -> Result<Socket, Error>, Error> {
        if is_secure {
            return Err(Error::NoTls);
        }
        Ok(|_: &str, tcp, _| Ok(Socket::Tcp(tcp)))
    }

    fn handshake<S: Stream, B: Storage>(
        &self,
        parts: &RequestParts<'_>,
        uri: &str,
        mut stream: S,
        buffer: B,
        deadline: Moment,
        leave: Leave<S>,
    ) -> Result<WebSocket<S, B>, Error> {
        stream.prepare().map_err(Error::Io)?;
        let entropy = SystemEntropy::new()?;
        let request = parts.request(uri)?;
        let compression = parts.compression()?;
        let buffers = self.buffers(buffer);
        let mut life = Lifecycle::opening(self.time(), deadline);
        let mut opening = Opening::new(&stream, &mut life);
        let opened = Connection::open(&mut opening, &request, buffers, entropy, compression);
        let (connection, established) = match opened {
            Ok(opened) => opened,
            Err(HandshakeError::Rejected { status }) => {
                return Err(Error::Rejected(Box::new(opening.refusal(status))));
            }
            Err(HandshakeError::Lost) => {
                let secure = stream.is_secure();
                return Err(Error::LostInHandshake { secure });
            }
            Err(error) => return Err(error.into()),
        };
        let Connection { reader, writer } = connection;
        let (_, sender) = writer.into_parts();
        let response = Response::new(101, opening.record);
        let subprotocol = established.subprotocol.map(str::to_owned);
        life.on(Event::Opened, Moment::now());
        let shared = Shared::new(Channel::new(stream, sender, life), leave);
        Ok(WebSocket {
            reader: Reader::new(reader, shared.clone(), self.limits, self.stream_limits()),
            writer: Writer { shared },
            response,
            subprotocol,
            #[cfg(feature = "deflate")]
            agreed: established.extensions,
        })
    }

    /// A connection's buffers, with that one to receive into.
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

/// What a [`Config`] asks of servers, in the form that [`Request`] borrows.
pub struct RequestParts<'a> {
    config: &'a Config,
    subprotocols: Vec<&'a str>,
    headers: Vec<(&'a str, &'a str)>,
}

/// The values of header fields may be secrets; they are not shown.
impl std::fmt::Debug for RequestParts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RequestParts").field(self.config).finish()
    }
}

impl RequestParts<'_> {
    /// The compression to be asked for.
    ///
    /// # Errors
    /// `Error::Offer` for what must not be offered.
    #[cfg(feature = "deflate")]
    pub fn compression(&self) -> Result<Negotiated, Error> {
        let offer = |deflate: &Deflate| {
            let negotiation = Negotiation::new(deflate.offers(), deflate.held());
            Ok::<_, Error>(Offering {
                negotiation: negotiation.map_err(Error::Offer)?,
                deflate: deflate.clone(),
                message_limit: self.config.limits.message,
                stream_limit: self.config.stream_limits().message,
            })
        };
        let offering = self.config.deflate.as_ref().map(offer).transpose()?;
        Ok(Negotiated::offering(offering))
    }

    /// The compression to be asked for: none.
    ///
    /// # Errors
    /// None.
    #[cfg(not(feature = "deflate"))]
    pub fn compression(&self) -> Result<Negotiated, Error> {
        Ok(Negotiated::default())
    }

    /// The error with the name of the header field or subprotocol that it is about.
    fn named(&self, error: RequestError) -> Error {
        match error {
            RequestError::HeaderName { index }
            | RequestError::HeaderReserved { index }
            | RequestError::HeaderValue { index } => {
                let name = self.headers.get(index).map_or("", |(name, _)| *name);
                let name = name.to_owned();
                Error::Header { name, error }
            }
            RequestError::Subprotocol { index } | RequestError::SubprotocolRepeated { index } => {
                let name = self.subprotocols.get(index).copied().unwrap_or_default();
                let name = name.to_owned();
                Error::Subprotocol { name, error }
            }
            error => error.into(),
        }
    }

    /// The request for `uri`.
    ///
    /// # Errors
    /// As [`Config::check`].
    pub fn request<'a>(&'a self, uri: &'a str) -> Result<Request<'a>, Error> {
        self.config.check_settings()?;
        let request = Request {
            subprotocols: &self.subprotocols,
            subprotocol_required: self.config.subprotocol_required,
            headers: &self.headers,
            origin: self.config.origin.as_deref(),
            host: self.config.host.as_deref(),
            head_limit: self.config.head_limit,
            ..Request::new(parse(uri)?)
        };
        // Without a key, which has no part in this.
        match ClientHandshake::new(&request, Uncompressed, &mut NoEntropy) {
            Err(HandshakeError::Request(error)) => Err(self.named(error)),
            _ => Ok(request),
        }
    }
}

/// Fails before it is used.
struct NoEntropy;

impl Entropy for NoEntropy {
    fn fill(&mut self, _: &mut [u8]) -> Result<(), EntropyError> {
        Err(EntropyError)
    }
}

pub(crate) fn parse(uri: &str) -> Result<Uri<'_>, Error> {
    Ok(Uri::parse(uri)?)
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
