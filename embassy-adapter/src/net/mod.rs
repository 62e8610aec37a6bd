//! Connections over embassy-net: names by DNS, TCP, addresses of IPv4 and, with feature `ipv6`,
//! of IPv6.
//!
//! ```no_run
//! # use bare_ws::{entropy::Entropy, handshake::Request, receiver::Receiver, sender::Sender, uri::Uri};
//! # use bare_ws_embassy::{ConnectError, Timing, net::{self, Socket}};
//! # use embedded_io_async::ErrorKind;
//! # async fn device(
//! #     stack: embassy_net::Stack<'_>,
//! #     (mut rx, mut tx): ([u8; 1024], [u8; 1024]),
//! #     (mut receive, mut transmit): ([u8; 1024], [u8; 1024]),
//! #     entropy: impl Entropy,
//! # ) -> Result<(), ConnectError<ErrorKind>> {
//! let socket = Socket::new(stack, &mut rx, &mut tx);
//! let uri = Uri::parse("ws://broker.example/telemetry").expect("a URI");
//! let (mut connection, _) = net::connect(
//!     (stack, &socket),
//!     &Request::new(uri),
//!     (),
//!     Receiver::new(&mut receive[..]),
//!     Sender::new(&mut transmit[..], entropy),
//!     &Timing::default(),
//! )
//! .await?;
//! # Ok(())
//! # }
//! ```
//!
//! [`connect`] refuses a `wss` URI, and `connect_secure` (feature `tls`) a `ws` one: what is meant to be
//! secret never goes out in the clear by mistake.

mod connect;
#[cfg(feature = "tls")]
mod secure;
mod socket;

pub use connect::{connect, dial};
#[cfg(feature = "tls")]
pub use secure::connect_secure;
pub use socket::Socket;

use bare_ws::receiver::Receiver;
use bare_ws::role::Client;
use bare_ws::sender::Sender;

/// The two halves of a [`Socket`].
pub type Io<'s, 'n> = (&'s Socket<'n>, &'s Socket<'n>);

/// The usual connection of a board: over a [`Socket`], with its memory borrowed, without
/// compression.
pub type Connection<'s, 'n, E> = crate::Connection<Io<'s, 'n>, Rx<'s>, Tx<'s, E>>;

/// Its receiving half.
pub type Reader<'c, 's, 'n, E> = crate::Reader<'c, Io<'s, 'n>, Rx<'s>, Tx<'s, E>>;

/// Its sending half.
pub type Writer<'c, 's, 'n, E> = crate::Writer<'c, Io<'s, 'n>, Tx<'s, E>>;

/// Its receiver.
pub type Rx<'s> = Receiver<Client, &'s mut [u8]>;

/// Its sender.
pub type Tx<'s, E> = Sender<Client, &'s mut [u8], E>;

/// The two halves of a TLS connection over a [`Socket`]: `'t` is the life of the place of its
/// [`Stream`](crate::tls::Stream), `'a` of the buffers of TLS.
#[cfg(feature = "tls")]
pub type SecureIo<'t, 'a, 's, 'n> = (
    crate::tls::ReadHalf<'t, 'a, &'s Socket<'n>>,
    crate::tls::WriteHalf<'t, 'a, &'s Socket<'n>>,
);

/// The usual connection over TLS.
#[cfg(feature = "tls")]
pub type SecureConnection<'t, 'a, 's, 'n, E> =
    crate::Connection<SecureIo<'t, 'a, 's, 'n>, Rx<'s>, Tx<'s, E>>;
