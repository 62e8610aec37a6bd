//! The same over tokio, by the feature `tokio`.
//!
//! ```no_run
//! use bare_ws_std::tokio::connect;
//! use bare_ws_std::{CloseCode, Error};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Error> {
//!     let mut socket = connect("wss://example.org/chat").await?;
//!     socket.send("hello").await?;
//!     while let Some(message) = socket.recv().await? {
//!         println!("{message:?}");
//!     }
//!     socket.finish(CloseCode::NORMAL, "").await?;
//!     Ok(())
//! }
//! ```
//!
//! Names, limits, errors and the [`Config`](crate::Config) are those of the blocking API, and what it says about
//! [limits in time](crate#limits-in-time) and [the end](crate#the-end) holds here too. The differences:
//!
//! - [`connect_with`] takes a [`Config`](crate::Config), and [`open`] goes over any `AsyncRead + AsyncWrite`, with
//!   TLS if the URI is `wss`.
//! - A [`Reader`] and a [`Writer`] are owned, and `Send` if the stream is: spawn them. Clones of a
//!   [`Writer`] send from many tasks; each `send` waits until the transport has taken its message.
//! - A [`WebSocket`] and a [`Reader`] are a `Stream`, a [`WebSocket`] and a [`Writer`] a `Sink`, of
//!   [`OwnedMessage`](crate::OwnedMessage)s. To receive without a copy, use `recv`.
//! - Every call may be dropped, in a `select!` or by a time-out; its documentation says what becomes of what it
//!   has begun. There is no `recv_timeout`: use `tokio::time::timeout`.
//! - A message longer than the [transmit buffer](crate::Config::transmit_buffer) leaves as fragments, since
//!   a future may be dropped midway.
//! - Time is the runtime's: under `tokio::time::pause` it is paused for connections, too. The
//!   runtime needs `enable_all`, or `enable_io` and `enable_time`.
mod bottom;
mod connect;
mod dial;
mod handle;
mod opening;
mod reader;
mod sending;
mod shared;
mod socket;
mod stream;
mod waiters;
mod websocket;
mod writer;

#[cfg(feature = "testing")]
pub(crate) use connect::open_secure;
pub use connect::{connect, connect_with, open};
pub use reader::Reader;
pub use websocket::WebSocket;
pub use writer::{AbortHandle, Writer};
