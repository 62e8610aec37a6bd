//! Opening a connection.

use std::net::TcpStream;

use bare_ws::blocking::Connection;
use bare_ws::buffer::Storage;
use bare_ws::entropy::{Entropy, EntropyError};
use bare_ws::handshake::{ClientHandshake, HandshakeError};
use bare_ws::lifecycle::{Event, Lifecycle};
use bare_ws::uri::Uri;

use super::request::parse;
use super::target::Target;
use super::{Config, RequestParts};
use crate::channel::Channel;
use crate::dial::dial;
use crate::entropy::SystemEntropy;
use crate::error::Error;
use crate::events::{Life, Peer, not_open};
use crate::gate::Pass;
use crate::moment::Moment;
use crate::observer::Tap;
use crate::opening::Opening;
use crate::proxy::{Hop, tunnel};
use crate::reader::Reader;
use crate::resolve::Resolver;
use crate::response::Response;
use crate::route::Route;
use crate::shared::{self, Leave, Shared};
use crate::stream::{Socket, Stream};
use crate::websocket::WebSocket;
use crate::writer::Writer;

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

/// Opening.
impl Config {
    /// Connects to `uri`, such as `ws://example.org/chat`, and opens a connection. `http` is read as
    /// `ws`, and `https` as `wss`.
    ///
    /// # Errors
    /// [`Error::Uri`], [`Error::Request`], [`Error::Header`], [`Error::Subprotocol`],
    /// [`Error::Setting`] and [`Error::NoTls`] before anything is sent, and everything that can go
    /// wrong while connecting.
    pub fn connect(&self, uri: &str) -> Result<WebSocket, Error> {
        self.connect_into(uri, || self.receive_memory())
    }

    /// The same with a receive buffer of the caller's, which bounds the messages that are received
    /// whole. `buffer` is called once for each server that is asked.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_into<B: Storage>(
        &self,
        uri: &str,
        buffer: impl FnMut() -> B,
    ) -> Result<WebSocket<Socket, B>, Error> {
        self.connect_as(uri, buffer, |_, socket| socket)
    }

    /// The same with a stream of the caller's around the socket, which sees what passes between it
    /// and the connection: the octets of frames, before TLS encrypts them. `wrap` is called once for
    /// each server that is asked, with its URI, which may come from another server's redirect.
    ///
    /// ```no_run
    /// use bare_ws_std::{Config, Error};
    ///
    /// let mut asked = Vec::new();
    /// let socket = Config::new().redirects(5).connect_wrapped("ws://example.org/", |uri, socket| {
    ///     asked.push(uri.to_owned());
    ///     socket
    /// })?;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_wrapped<S: Stream + Send + Sync + 'static>(
        &self,
        uri: &str,
        wrap: impl FnMut(&str, Socket) -> S,
    ) -> Result<WebSocket<S>, Error> {
        self.connect_as(uri, || self.receive_memory(), wrap)
    }

    fn connect_as<S: Stream + Send + Sync + 'static, B: Storage>(
        &self,
        uri: &str,
        mut buffer: impl FnMut() -> B,
        mut wrap: impl FnMut(&str, Socket) -> S,
    ) -> Result<WebSocket<S, B>, Error> {
        let mut route = Route::new(self, uri)?;
        loop {
            let outcome = route.config.connect_once(&route.uri, buffer(), &mut wrap);
            if let Some(socket) = route.judge(outcome)? {
                return Ok(socket);
            }
        }
    }

    /// Opens a connection over a stream that is connected already: the opening handshake and all
    /// that follows. `uri` says what to ask for; nothing connects to it, and a `wss` URI needs a
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
        let Target { config, uri } = self.target(uri)?;
        let parts = config.parts();
        if parts.request(&uri)?.uri.is_secure() && !stream.is_secure() {
            return Err(Error::NotSecure);
        }
        let opened = config.handshake(&parts, &uri, stream, buffer, deadline, shared::close);
        opened.inspect_err(|error| not_open(&uri, error))
    }

    /// The same as [`open`](Self::open), but after a drop a thread brings the connection to its end,
    /// as it does those of [`connect`](Self::connect).
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
        let buffer = self.receive_memory();
        self.handshake(&self.parts(), uri, stream, buffer, deadline, shared::linger)
    }

    /// Resolves the name of `uri` and connects, or makes a tunnel through the
    /// [proxy](Self::proxy), as [`connect`](Self::connect) does before the handshakes.
    ///
    /// # Errors
    /// [`Error::Uri`], [`Error::Resolve`], [`Error::Connect`], [`Error::Proxy`], [`Error::Timeout`],
    /// and [`Error::Io`] from [`socket`](Self::socket).
    pub fn dial(&self, uri: &str) -> Result<TcpStream, Error> {
        let Target { config, uri } = self.target(uri)?;
        let (tcp, _) = config.dial_once(&parse(&uri)?)?;
        Ok(tcp)
    }

    /// The connection, and the right to make the handshakes over it.
    fn dial_once(&self, uri: &Uri<'_>) -> Result<(TcpStream, Option<Pass>), Error> {
        match self.hop(uri) {
            None => self.dial_by(None, uri),
            hop => self.dial_by(hop, uri).map_err(Error::of_proxy),
        }
    }

    fn dial_by(
        &self,
        hop: Option<&Hop>,
        uri: &Uri<'_>,
    ) -> Result<(TcpStream, Option<Pass>), Error> {
        let deadline = Moment::in_time(self.connect_timeout);
        let peer = Peer::of(uri);
        peer.connecting(hop.map(|hop| (hop.host(), hop.port())));
        let (host, port) = match hop {
            Some(hop) => (hop.host(), hop.port()),
            None => (uri.host(), uri.port()),
        };
        let addresses = match (hop, self.address) {
            (None, Some(address)) => vec![address],
            _ => {
                let resolver = self.resolver.clone().unwrap_or_else(Resolver::system);
                resolver.resolve(host, port, deadline)?
            }
        };
        let remotes = self.remotes(uri, &addresses);
        let pass = remotes.map(|remotes| Pass::wait(&remotes, deadline));
        let pass = pass.transpose()?;
        let tcp = dial(addresses, host, port, deadline)?;
        peer.connected(|| tcp.peer_addr());
        if let Some(prepare) = &self.socket {
            prepare(&tcp).map_err(Error::Io)?;
        }
        let tcp = match hop {
            None => tcp,
            Some(hop) => {
                let request = hop.request(uri, self.address);
                tunnel(tcp, &request, self.head_limit, deadline)?
            }
        };
        Ok((tcp, pass))
    }

    /// Whether a request for `uri` could be sent. Sends nothing.
    ///
    /// # Errors
    /// [`Error::Uri`], [`Error::Request`], [`Error::Header`] and [`Error::Subprotocol`] say what is
    /// wrong with the request, [`Error::Setting`] which setting is out of range.
    pub fn check(&self, uri: &str) -> Result<(), Error> {
        let Target { config, uri } = self.target(uri)?;
        config.check_once(&uri)
    }

    pub(crate) fn check_once(&self, uri: &str) -> Result<(), Error> {
        let parts = self.parts();
        ClientHandshake::new(&parts.request(uri)?, parts.compression()?, &mut NoKey)?;
        Ok(())
    }

    fn connect_once<S: Stream + Send + Sync + 'static, B: Storage>(
        &self,
        uri: &str,
        buffer: B,
        wrap: impl FnOnce(&str, Socket) -> S,
    ) -> Result<WebSocket<S, B>, Error> {
        self.check_once(uri)?;
        let parts = self.parts();
        let request = parts.request(uri)?;
        let connect = self.connector(request.uri.is_secure())?;
        let (tcp, _pass) = self.dial_once(&request.uri)?;
        let deadline = Moment::in_time(self.handshake_timeout);
        let socket = connect(self.name_of(&request.uri), tcp, deadline)?;
        let stream = wrap(uri, socket);
        self.handshake(&parts, uri, stream, buffer, deadline, shared::linger)
    }

    /// What the server's certificate must name.
    pub(crate) fn name_of<'a>(&'a self, uri: &Uri<'a>) -> &'a str {
        #[cfg(feature = "rustls")]
        if let Some(name) = &self.server_name {
            return name;
        }
        uri.host()
    }

    /// Trusted roots and client certificate for `wss`.
    #[cfg(feature = "rustls")]
    pub(crate) fn tls_or_default(&self) -> Result<crate::tls::Tls, Error> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls.clone());
        }
        let tls = crate::tls::Tls::new()?;
        Ok(self.tls.get_or_init(|| tls).clone())
    }

    /// A function that turns a TCP connection into the stream that the scheme asks for.
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
        let record = opening.record;
        life.on(Event::Opened, Moment::now());
        let peer = Peer::of(&request.uri);
        let observer = self.observer.as_ref();
        let tap = observer.map(|observer| Tap::new(observer, Moment::now, &record));
        let life = Life::new(life, peer.clone());
        let shared = Shared::new(Channel::new(stream, sender, life, tap), leave);
        let response = Response::new(101, record);
        let subprotocol = established.subprotocol.map(str::to_owned);
        peer.open(established.subprotocol, &response);
        Ok(WebSocket {
            reader: Reader::new(reader, shared.clone(), self.limits, self.stream_limits()),
            writer: Writer { shared },
            response,
            subprotocol,
            #[cfg(feature = "deflate")]
            agreed: established.extensions,
        })
    }
}

/// The key of a request that is not sent.
struct NoKey;

impl Entropy for NoKey {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        octets.fill(0);
        Ok(())
    }
}
