//! Opening a connection.

use std::io;

use bare_ws::asynch::Connection;
use bare_ws::buffer::Storage;
use bare_ws::handshake::HandshakeError;
use bare_ws::lifecycle::{Event, Lifecycle, Moment as _, Timeout};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::bottom::{Bottom, Native};
use super::dial::{deadline, dial, until};
use super::handle::{self, Shared};
use super::opening::Opening;
use super::reader::Reader;
use super::shared::{Core, Leave, now};
use super::socket::Socket;
use super::websocket::WebSocket;
use super::writer::Writer;
use crate::config::{Config, RequestParts, Target};
use crate::entropy::SystemEntropy;
use crate::error::Error;
use crate::events::{Life, Peer, not_open};
use crate::moment::Moment;
use crate::observer::Tap;
use crate::response::Response;
use crate::route::Route;

/// Opens a connection with all defaults: [`connect_with`].
///
/// # Errors
/// [`connect_with`]'s.
///
/// # Cancel safety
/// Dropped before it is ready, what was connected is closed.
pub async fn connect(uri: &str) -> Result<WebSocket, Error> {
    connect_with(&Config::new(), uri).await
}

/// Connects to `uri`, such as `wss://example.org/chat`, and opens a connection as `config` says. Names
/// are looked up by the runtime's blocking threads.
///
/// # Errors
/// [`Error::Uri`], [`Error::Request`], [`Error::Header`], [`Error::Subprotocol`],
/// [`Error::Setting`] and [`Error::NoTls`] before anything is sent, and everything that can go wrong
/// while connecting.
///
/// # Cancel safety
/// Dropped before it is ready, what was connected is closed.
pub async fn connect_with(config: &Config, uri: &str) -> Result<WebSocket, Error> {
    let mut route = Route::new(config, uri)?;
    loop {
        let outcome = connect_once(&route.config, &route.uri).await;
        if let Some(socket) = route.judge(outcome)? {
            return Ok(socket);
        }
    }
}

/// Opens a connection over a stream that is connected already, for example through a proxy: the TLS
/// handshake if `uri` is `wss`, the opening handshake, and all that follows. `uri` says whom to verify
/// and what to ask for; nothing connects to it.
///
/// ```
/// use bare_ws_std::tokio::open;
/// use bare_ws_std::{Config, Error};
///
/// async fn over_memory() -> Result<(), Error> {
///     let (ours, _theirs) = tokio::io::duplex(4096);
///     let mut socket = open(&Config::new(), "ws://localhost/", ours).await?;
///     socket.send("hello").await
/// }
/// ```
///
/// # Errors
/// [`connect_with`]'s.
///
/// # Cancel safety
/// Dropped before it is ready, the stream is dropped.
pub async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    config: &Config,
    uri: &str,
    stream: S,
) -> Result<WebSocket<S>, Error> {
    let Target { config, uri } = config.target(uri)?;
    config.check_once(&uri)?;
    let opened = open_by(
        &config,
        &uri,
        Bottom::new(stream, Native::NOTHING),
        handle::close,
    )
    .await;
    opened.inspect_err(|error| not_open(&uri, error))
}

/// [`open`] over a stream that is secure by itself.
#[cfg(feature = "testing")]
pub(crate) async fn open_secure<S: AsyncRead + AsyncWrite + Unpin>(
    config: &Config,
    uri: &str,
    stream: S,
) -> Result<WebSocket<S>, Error> {
    let Target { config, uri } = config.target(uri)?;
    config.check_once(&uri)?;
    let deadline = deadline(config.handshake_timeout);
    let parts = config.parts();
    let opening = handshake(
        &config,
        &parts,
        &uri,
        Socket::Plain(Bottom::new(stream, Native::NOTHING)),
        config.receive_memory(),
        deadline,
        handle::close,
    );
    let opened = until(deadline, Timeout::Handshake, Box::pin(opening)).await;
    opened.inspect_err(|error| not_open(&uri, error))
}

async fn connect_once(config: &Config, uri: &str) -> Result<WebSocket, Error> {
    config.check_once(uri)?;
    let parts = config.parts();
    let request = parts.request(uri)?;
    if request.uri.is_secure() {
        // Before anything is sent.
        tls_check(config)?;
    }
    let (tcp, _pass) = Box::pin(dial(config, &request.uri)).await?;
    open_by(config, uri, Bottom::new(tcp, TCP), handle::linger).await
}

const TCP: Native<TcpStream> = Native {
    reset,
    write: Some(write),
};

/// The peer is told by a reset: one that neither reads nor ends must not keep its own sends, and
/// what is left of ours, in the operating system for minutes.
fn reset(tcp: &TcpStream) {
    let _ = rustix::net::sockopt::set_socket_linger(tcp, Some(std::time::Duration::ZERO));
}

fn write(tcp: &TcpStream, octets: &[u8]) -> io::Result<usize> {
    // No signal where the peer is gone, as of any write of Rust's.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    let flags = rustix::net::SendFlags::NOSIGNAL;
    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    let flags = rustix::net::SendFlags::empty();
    Ok(rustix::net::send(tcp, octets, flags)?)
}

async fn open_by<S: AsyncRead + AsyncWrite + Unpin>(
    config: &Config,
    uri: &str,
    stream: Bottom<S>,
    leave: Leave<S>,
) -> Result<WebSocket<S>, Error> {
    let deadline = deadline(config.handshake_timeout);
    let parts = config.parts();
    let opening = async {
        let request = parts.request(uri)?;
        let socket = secure(config, &request.uri, stream).await?;
        let buffer = config.receive_memory();
        handshake(config, &parts, uri, socket, buffer, deadline, leave).await
    };
    // Once per connection, so that our callers' futures are small.
    until(deadline, Timeout::Handshake, Box::pin(opening)).await
}

async fn handshake<S: AsyncRead + AsyncWrite + Unpin, B: Storage>(
    config: &Config,
    parts: &RequestParts<'_>,
    uri: &str,
    socket: Socket<S>,
    buffer: B,
    deadline: Option<Instant>,
    leave: Leave<S>,
) -> Result<WebSocket<S, B>, Error> {
    let entropy = SystemEntropy::new()?;
    let request = parts.request(uri)?;
    let compression = parts.compression()?;
    let buffers = config.buffers(buffer);
    let opening = Opening::new(socket);
    let opened = Connection::open(opening.halves(), &request, buffers, entropy, compression).await;
    let (connection, established) = match opened {
        Ok(opened) => opened,
        Err(HandshakeError::Rejected { status }) => {
            let response = opening.refusal(status, deadline).await;
            return Err(Error::Rejected(Box::new(response)));
        }
        Err(HandshakeError::Lost) => {
            let secure = request.uri.is_secure();
            return Err(Error::LostInHandshake { secure });
        }
        Err(error) => return Err(error.into()),
    };
    let Connection { reader, writer } = connection;
    let (_, sender) = writer.into_parts();
    let (socket, record) = opening.into_parts();
    let mut life = Lifecycle::opening(config.time(), Moment::NEVER);
    life.on(Event::Opened, now());
    let peer = Peer::of(&request.uri);
    let observer = config.observer.as_ref();
    let tap = observer.map(|observer| Tap::new(observer, now, &record));
    let life = Life::new(life, peer.clone());
    let shared = Shared::new(Core::new(socket, sender, life, tap, leave));
    let (whole, pieces) = (config.limits(), config.stream_limits());
    let response = Response::new(101, record);
    peer.open(established.subprotocol, &response);
    Ok(WebSocket {
        reader: Reader::new(reader, shared.clone(), whole, pieces),
        writer: Writer::new(shared),
        response,
        subprotocol: established.subprotocol.map(str::to_owned),
        #[cfg(feature = "deflate")]
        agreed: established.extensions,
    })
}

#[cfg(feature = "rustls")]
use self::secured::{secure, tls_check};

#[cfg(feature = "rustls")]
mod secured {
    use std::io;
    use std::sync::Arc;

    use bare_ws::uri::Uri;
    use rustls::pki_types::ServerName;
    use tokio::io::{AsyncRead, AsyncWrite};
    use tokio_rustls::TlsConnector;

    use crate::config::Config;
    use crate::error::Error;
    use crate::tls::{MOST, TlsError};
    use crate::tokio::bottom::Bottom;
    use crate::tokio::socket::Socket;

    pub(super) fn tls_check(config: &Config) -> Result<(), Error> {
        config.tls_or_default().map(|_| ())
    }

    /// The stream that the scheme asks for.
    pub(super) async fn secure<S: AsyncRead + AsyncWrite + Unpin>(
        config: &Config,
        uri: &Uri<'_>,
        stream: Bottom<S>,
    ) -> Result<Socket<S>, Error> {
        if !uri.is_secure() {
            return Ok(Socket::Plain(stream));
        }
        let host = config.name_of(uri);
        let tls = config.tls_or_default()?;
        let name = host.strip_suffix('.').unwrap_or(host).to_owned();
        let name = ServerName::try_from(name).map_err(|_| TlsError::ServerName {
            host: host.to_owned(),
        })?;
        let connector = TlsConnector::from(Arc::clone(tls.config()));
        let connected = connector.connect_with(name, stream, |session| {
            session.set_buffer_limit(Some(MOST));
        });
        match connected.await {
            Ok(tls) => Ok(Socket::secured(tls)),
            Err(error) => Err(named(error, host)),
        }
    }

    fn named(error: io::Error, host: &str) -> Error {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return TlsError::CutInHandshake.into();
        }
        match error.downcast::<rustls::Error>() {
            Ok(error) => TlsError::of_server(error, true).with_host(host).into(),
            Err(error) => Error::Io(error),
        }
    }
}

#[cfg(not(feature = "rustls"))]
fn tls_check(_: &Config) -> Result<(), Error> {
    Err(Error::NoTls)
}

#[cfg(not(feature = "rustls"))]
async fn secure<S>(
    _: &Config,
    uri: &bare_ws::uri::Uri<'_>,
    stream: Bottom<S>,
) -> Result<Socket<S>, Error> {
    if uri.is_secure() {
        return Err(Error::NoTls);
    }
    Ok(Socket::Plain(stream))
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;

    /// What a write past the runtime has taken has left, and no more.
    // row: STA-06
    #[tokio::test]
    async fn a_write_past_the_runtime_says_what_it_took() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        let (ours, accepted) = tokio::join!(TcpStream::connect(to), listener.accept());
        let (ours, mut theirs) = (ours.unwrap(), accepted.unwrap().0);
        assert_eq!((TCP.write.unwrap())(&ours, b"octets").unwrap(), 6);
        drop(ours);
        let mut came = Vec::new();
        theirs.read_to_end(&mut came).await.unwrap();
        assert_eq!(came, b"octets");
    }
}
