//! A client with memory of its own, for one connection after the other.

use core::fmt;

use bare_ws::buffer::Buffers;
use bare_ws::compression::Uncompressed;
use bare_ws::entropy::Entropy;
use bare_ws::handshake::{HandshakeError, Refusal, Request};
use embassy_net::Stack;

use super::connect::Dial;
use super::{Codec, Connection, Layer, Memory, Socket, Tcp};
use crate::error::ConnectError;
use crate::opening::open_over;
use crate::supervisor::Connect;
use crate::timing::Timing;

/// Opens connections, one at a time, in memory that it keeps. This is what most boards use.
///
/// `E` is the entropy source. `L` is the layer below the WebSocket: [`Tcp`], for `ws` URIs, or `Tls`
/// after [`trust`](Self::trust), for `wss` URIs. Neither opens the other's URIs, so that nothing secret
/// goes out in the clear by mistake. `C` is the compression: none, or permessage-deflate after
/// `deflate`.
///
/// ```no_run
/// use bare_ws_embassy::bare_ws::entropy::Entropy;
/// use bare_ws_embassy::bare_ws::handshake::Request;
/// use bare_ws_embassy::bare_ws::uri::Uri;
/// use bare_ws_embassy::net::{Client, Memory};
/// use embassy_net::Stack;
/// use static_cell::ConstStaticCell;
///
/// static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());
///
/// async fn report(stack: Stack<'static>, entropy: impl Entropy + 'static) -> Option<()> {
///     let mut client = Client::new(stack, MEMORY.take(), entropy);
///     let request = Request::new(Uri::parse("ws://broker.example/telemetry").ok()?);
///     let mut connection = client.connect(&request).await.ok()?;
///     connection.send("temperature=21").await.ok()?;
///     connection.finish().await.ok()
/// }
/// ```
///
/// To stay connected, give it to a [`Supervisor`](crate::Supervisor).
pub struct Client<E, L = Tcp, C = Uncompressed> {
    stack: Stack<'static>,
    socket: Socket<'static>,
    receive: &'static mut [u8],
    transmit: &'static mut [u8],
    entropy: E,
    timing: Timing,
    layer: L,
    codec: C,
}

impl<E: Entropy> Client<E> {
    /// A client for `ws` URIs, with [`Timing::DEFAULT`].
    pub fn new<const RX: usize, const TX: usize, const TCP_RX: usize, const TCP_TX: usize>(
        stack: Stack<'static>,
        memory: &'static mut Memory<RX, TX, TCP_RX, TCP_TX>,
        entropy: E,
    ) -> Self {
        Self {
            stack,
            socket: Socket::new(stack, &mut memory.tcp_receive, &mut memory.tcp_transmit),
            receive: &mut memory.receive,
            transmit: &mut memory.transmit,
            entropy,
            timing: Timing::DEFAULT,
            layer: Tcp,
            codec: Uncompressed,
        }
    }
}

impl<E, C> Client<E, Tcp, C> {
    /// The same client, but for `wss` URIs: over TLS 1.3, with a server that `trust` accepts as the
    /// URI's, by [`Roots`](crate::tls::Roots) or a [`PinnedKey`](crate::tls::PinnedKey).
    ///
    /// If `memory` is too small for records of the full length, the client asks the server for
    /// shorter ones: see [`tls::Memory`](crate::tls::Memory).
    #[cfg(feature = "tls")]
    pub fn trust<V, const READ: usize, const WRITE: usize>(
        self,
        trust: V,
        memory: &'static mut crate::tls::Memory<READ, WRITE>,
    ) -> Client<E, super::Tls<V>, C> {
        Client {
            stack: self.stack,
            socket: self.socket,
            receive: self.receive,
            transmit: self.transmit,
            entropy: self.entropy,
            timing: self.timing,
            layer: super::Tls::new(trust, memory),
            codec: self.codec,
        }
    }
}

#[cfg(feature = "deflate")]
impl<E, L> Client<E, L> {
    /// The same client, but it offers permessage-deflate (RFC 7692), for messages as long as its
    /// receive buffer. The server decides whether to accept it. See
    /// [`deflate::Memory`](crate::deflate::Memory).
    pub fn deflate<const INFLATED: usize, const BUFFER: usize, const SLOTS: usize>(
        self,
        memory: &'static mut crate::deflate::Memory<INFLATED, BUFFER, SLOTS>,
    ) -> Client<E, L, crate::deflate::Deflate<BUFFER, SLOTS>> {
        let codec = crate::deflate::Deflate::new(memory, self.receive.len());
        Client {
            stack: self.stack,
            socket: self.socket,
            receive: self.receive,
            transmit: self.transmit,
            entropy: self.entropy,
            timing: self.timing,
            layer: self.layer,
            codec,
        }
    }
}

#[cfg(feature = "tls")]
impl<E, V, C> Client<E, super::Tls<V>, C> {
    /// The name that the server must prove it has, and that is sent to it (SNI), if that is not the
    /// URI's host: for a server that is reached by its address.
    #[must_use]
    pub fn server_name(mut self, name: &'static str) -> Self {
        self.layer.server_name(name);
        self
    }
}

impl<E, L, C> Client<E, L, C> {
    /// Sets the time limits for the connections that follow.
    #[must_use]
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }
}

impl<E: Entropy, L: Layer, C: Codec> Client<E, L, C> {
    /// Resolves the URI's host, connects, and makes the TLS handshake, if there is TLS, and the
    /// opening handshake. The next connection can be opened once this one is dropped. Call
    /// [`finish`](crate::Connection::finish) first, or the server may not learn of the end until
    /// then.
    ///
    /// # Errors
    /// [`ConnectError`]: among others `NotSecure` for a `wss` URI without TLS, and `NotWss` for a `ws`
    /// URI with TLS; nothing was sent then.
    ///
    /// # Cancel safety
    /// If it is dropped before it is ready, the attempt is lost and the TCP connection reset; the client
    /// can be used for another.
    pub fn connect<'c>(
        &'c mut self,
        request: &Request<'_>,
    ) -> impl Future<Output = Result<Connection<'c, E, L, C>, ConnectError<L::Error>>> {
        let Self {
            stack,
            socket,
            receive,
            transmit,
            entropy,
            timing,
            layer,
            codec,
        } = self;
        let (socket, timing) = (&*socket, &*timing);
        let buffers = Buffers {
            receive: &mut receive[..],
            transmit: &mut transmit[..],
        };
        let begin = fn_once(move || {
            L::check(&request.uri)?;
            let (io, secure) = layer.begin(socket, timing.handshake)?;
            let dial = Dial::new(*stack, socket, timing, secure, L::refused);
            let compression = codec.lend().ok_or(HandshakeError::Extension(TOO_SMALL))?;
            Ok((io, dial, compression))
        });
        open_over(begin, request, buffers, entropy, timing, |connection, _| {
            connection
        })
    }
}

/// Tells the compiler that the closure is called once, so that it may return what it lends.
fn fn_once<V, F: FnOnce() -> V>(f: F) -> F {
    f
}

/// Memory so small that none of our constructors lets it through.
const TOO_SMALL: Refusal = Refusal::Memory("");

impl<E: Entropy + 'static, L: Layer, C: Codec> Connect for Client<E, L, C> {
    type Entropy = E;
    type Error = ConnectError<L::Error>;
    type Io<'c> = L::Io<'c>;
    type Rx<'c> = super::Rx<'c, C>;
    type Tx<'c> = super::Tx<'c, E, C>;

    fn entropy(&mut self) -> &mut E {
        &mut self.entropy
    }

    async fn ready(&mut self) {
        self.stack.wait_config_up().await;
    }

    fn connect<'c>(
        &'c mut self,
        request: &Request<'_>,
    ) -> impl Future<Output = Result<Connection<'c, E, L, C>, Self::Error>> {
        self.connect(request)
    }
}

impl<E, L, C> fmt::Debug for Client<E, L, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
