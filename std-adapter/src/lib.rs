//! bare-ws over std sockets.
//!
//! ```no_run
//! let mut socket = bare_ws_std::connect("ws://localhost:8080/chat")?;
//! socket.send("hello")?;
//! while let Some(message) = socket.recv()? {
//!     println!("{message:?}");
//! }
//! # Ok::<(), bare_ws_std::Error>(())
//! ```
//!
//! [`connect`] has defaults for everything; [`Config`] is for everything else. A [`WebSocket`] is
//! two parts that one thread can use together, `reader` and `writer`; [`WebSocket::split`] makes
//! of them halves for two threads. All of it works over any `Read + Write` that is wrapped as a
//! [`Stream`], too: [`Config::open`].
//!
//! # Compression
//! `Config::new().deflate(Deflate::new())` offers permessage-deflate (feature `deflate`, which is
//! on by default); whether the server grants it or not, the rest of the program is the same. The
//! feature `zlib-rs` swaps in a faster engine.
//!
//! # Deadlines
//! Connecting and the opening handshake each have one deadline for the whole of it; a silent peer
//! can have one; the closing handshake has one from its first Close to the end of the transport.
//! Each is a [`Timeout`] when it has passed.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod error;
mod moment;
mod stage;
mod stream;
mod sync;

mod channel;
mod keepalive;
mod shared;

mod reader;
mod websocket;
mod writer;

#[cfg(feature = "rustls")]
pub mod tls;

mod body;
mod config;
#[cfg(feature = "deflate")]
mod deflate;
mod dial;
mod entropy;
mod opening;
mod redirect;
mod resolve;
mod response;

pub use bare_ws;
pub use bare_ws::close::CloseCode;
pub use bare_ws::lifecycle::Timeout;
pub use bare_ws::message::{Chunk, CloseStatus, Frame, Message, MessageKind};
pub use config::{Config, RequestParts, connect};
#[cfg(feature = "deflate")]
pub use deflate::Deflate;
pub use entropy::SystemEntropy;
pub use error::{Error, RedirectError, SettingError};
pub use keepalive::KeepAlive;
pub use reader::Reader;
pub use response::Response;
pub use stage::{Deflating, Inflating, Totals};
pub use stream::{Interest, Socket, Stream, Untimed};
#[cfg(feature = "rustls")]
pub use tls::{Tls, TlsError};
pub use websocket::WebSocket;
pub use writer::{AbortHandle, Writer};
