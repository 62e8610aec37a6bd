//! Connections over embassy-net: names by DNS, TCP, addresses of IPv4 and, with feature `ipv6`,
//! of IPv6.
//!
//! ```no_run
//! use bare_ws::entropy::{Entropy, EntropyError};
//! use bare_ws::handshake::Request;
//! use bare_ws::receiver::Receiver;
//! use bare_ws::sender::Sender;
//! use bare_ws::uri::Uri;
//! use bare_ws_embassy::entropy::FromFn;
//! use bare_ws_embassy::net::{self, Socket};
//! use bare_ws_embassy::{ConnectError, Timing};
//! use embassy_net::Stack;
//! use embassy_time::Timer;
//! use embedded_io_async::ErrorKind;
//! use static_cell::{ConstStaticCell, StaticCell};
//!
//! /// In a static, so that the halves can go to two tasks.
//! async fn connect(
//!     stack: Stack<'static>,
//!     random: fn(&mut [u8]) -> Result<(), EntropyError>,
//! ) -> Result<&'static mut net::Connection<'static, 'static, FromFn>, ConnectError<ErrorKind>> {
//!     static TCP: ConstStaticCell<[[u8; 2048]; 2]> = ConstStaticCell::new([[0; 2048]; 2]);
//!     static BUFFERS: ConstStaticCell<[[u8; 1024]; 2]> = ConstStaticCell::new([[0; 1024]; 2]);
//!     static SOCKET: StaticCell<Socket<'static>> = StaticCell::new();
//!     static CONNECTION: StaticCell<net::Connection<'static, 'static, FromFn>> = StaticCell::new();
//!
//!     let [tcp_receive, tcp_transmit] = TCP.take();
//!     let [receive, transmit] = BUFFERS.take();
//!     let socket = SOCKET.init(Socket::new(stack, tcp_receive, tcp_transmit));
//!     let uri = Uri::parse("ws://broker.example/telemetry").expect("a URI");
//!     let (connection, _) = net::connect(
//!         (stack, &*socket),
//!         &Request::new(uri),
//!         (),
//!         Receiver::new(&mut receive[..]),
//!         Sender::new(&mut transmit[..], FromFn(random)),
//!         &Timing::DEFAULT,
//!     )
//!     .await?;
//!     Ok(CONNECTION.init(connection))
//! }
//!
//! /// A task: put `#[embassy_executor::task]` here.
//! async fn commands(mut reader: net::Reader<'static, 'static, 'static, FromFn>) {
//!     while let Ok(Some(message)) = reader.recv().await {
//!         // …
//!         let _ = message;
//!     }
//!     let _why = reader.finish().await;
//! }
//!
//! /// And here.
//! async fn telemetry(writer: net::Writer<'static, 'static, 'static, FromFn>) {
//!     while writer.send("temperature=21").await.is_ok() {
//!         Timer::after_secs(1).await;
//!     }
//! }
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
