//! Connections over embassy-net: DNS and TCP, over IPv4 and, with feature `ipv6`, IPv6.
//!
//! A [`Client`] in statics, and the two halves of its connection in two tasks:
//!
//! ```no_run
//! use bare_ws_embassy::bare_ws::handshake::Request;
//! use bare_ws_embassy::bare_ws::uri::Uri;
//! use bare_ws_embassy::entropy::FromFn;
//! use bare_ws_embassy::net::{Client, Connection, Memory, Reader, Writer};
//! use bare_ws_embassy::{ConnectError, ErrorKind};
//! use embassy_net::Stack;
//! use embassy_time::Timer;
//! use static_cell::{ConstStaticCell, StaticCell};
//!
//! async fn connect(
//!     stack: Stack<'static>,
//!     entropy: FromFn,
//! ) -> Result<&'static mut Connection<'static, FromFn>, ConnectError<ErrorKind>> {
//!     static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());
//!     static CLIENT: StaticCell<Client<FromFn>> = StaticCell::new();
//!     static CONNECTION: StaticCell<Connection<'static, FromFn>> = StaticCell::new();
//!
//!     let client = CLIENT.init(Client::new(stack, MEMORY.take(), entropy));
//!     let request = Request::new(Uri::parse("ws://broker.example/telemetry").expect("a URI"));
//!     Ok(CONNECTION.init(client.connect(&request).await?))
//! }
//!
//! /// A task: put `#[embassy_executor::task]` here. The halves come from `connection.split()`.
//! async fn commands(mut reader: Reader<'static, 'static, FromFn>) {
//!     while let Ok(Some(message)) = reader.recv().await {
//!         // …
//!         let _ = message;
//!     }
//!     let _why = reader.finish().await;
//! }
//!
//! /// And here.
//! async fn telemetry(writer: Writer<'static, 'static, FromFn>) {
//!     while writer.send("temperature=21").await.is_ok() {
//!         Timer::after_secs(1).await;
//!     }
//! }
//! ```
//!
//! With its connection in a static, a program can open only one for as long as it runs. To
//! reconnect, let one task own the client and give it to a [`Supervisor`](crate::Supervisor).
//!
//! [`connect`] and `connect_secure` work with a [`Socket`] and buffers of your own.
//!
//! A client without TLS refuses `wss` URIs, and one with TLS refuses `ws` URIs, so that nothing secret
//! goes out in the clear by mistake.

mod client;
pub(crate) mod codec;
mod connect;
mod layer;
mod memory;
#[cfg(feature = "tls")]
mod secure;
mod socket;

pub use client::Client;
pub use codec::Codec;
pub use connect::{connect, dial};
#[cfg(feature = "tls")]
pub use layer::Tls;
pub use layer::{Layer, Tcp};
pub use memory::Memory;
#[cfg(feature = "tls")]
pub use secure::connect_secure;
pub use socket::Socket;

use bare_ws::compression::Uncompressed;
use bare_ws::handshake::Compression;
use bare_ws::receiver::Receiver;
use bare_ws::role;
use bare_ws::sender::Sender;

/// The two halves of a [`Socket`].
pub type Io<'s, 'n> = (&'s Socket<'n>, &'s Socket<'n>);

/// The connection that a [`Client`] with these parameters opens. It borrows the client for `'c`.
pub type Connection<'c, E, L = Tcp, C = Uncompressed> =
    crate::Connection<<L as Layer>::Io<'c>, Rx<'c, C>, Tx<'c, E, C>>;

/// Its receiving half, which borrows the connection for `'r`. A task takes a
/// `Reader<'static, 'static, E>`.
pub type Reader<'r, 'c, E, L = Tcp, C = Uncompressed> =
    crate::Reader<'r, <L as Layer>::Io<'c>, Rx<'c, C>, Tx<'c, E, C>>;

/// Its sending half.
pub type Writer<'r, 'c, E, L = Tcp, C = Uncompressed> =
    crate::Writer<'r, <L as Layer>::Io<'c>, Tx<'c, E, C>>;

/// Its receiver.
pub type Rx<'c, C = Uncompressed> = Receiver<
    role::Client,
    &'c mut [u8],
    <<C as Codec>::Compression<'c> as Compression>::Decompressor,
>;

/// Its sender.
pub type Tx<'c, E, C = Uncompressed> = Sender<
    role::Client,
    &'c mut [u8],
    &'c mut E,
    <<C as Codec>::Compression<'c> as Compression>::Compressor,
>;
