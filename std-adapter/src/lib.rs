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
//! [`connect`] has defaults for everything; [`Config`] is for everything else.
//!
//! # I want to …
//!
//! | … | |
//! |---|---|
//! | answer what I receive, without a copy | take [`WebSocket`] apart: `let WebSocket { mut reader, writer, .. }` |
//! | send from other threads | [`WebSocket::split`], and clones of the [`Writer`] |
//! | wait no longer than so long for a message | [`recv_timeout`](Reader::recv_timeout) |
//! | notice that the peer is gone | [`Config::keepalive`] |
//! | not wait for ever for a peer that does not read | [`Config::stall_timeout`] |
//! | close, and know that everything arrived | [`WebSocket::finish`] |
//! | stop a thread that receives or sends | [`AbortHandle`] |
//! | receive messages that are too long for memory | [`recv_chunk`](Reader::recv_chunk) |
//! | send a message while it is being made | [`Writer::send_fragment`] |
//! | see frames, Pings and Pongs among them | [`recv_frame`](Reader::recv_frame) |
//! | send many small messages in one write | [`Writer::queue`], [`Writer::flush`] |
//! | wait for many sockets in one thread | [polling](#polling-by-yourself) |
//! | bound what a message may cost | [`Config::message_limit`], [`stream_limit`](Config::stream_limit), [`fragment_limit`](Config::fragment_limit) |
//! | send credentials, a cookie, an Origin | [`Config::header`], [`Config::origin`] |
//! | know why the server refused | [`Error::Rejected`] has its [`Response`], with the first 64 KiB of the body |
//! | follow redirects | [`Config::redirects`] |
//! | compress | [`Config::deflate`](#compression) |
//! | trust my own roots, show a certificate | `Config::tls`, `Tls::builder` |
//! | go through a proxy, a Unix socket, a stream of my own | [`Config::open`] over any [`Stream`]; for `wss` make the stream by `Tls::connect` |
//! | test against a host that has no name | [`Config::resolver`] |
//!
//! # One thread
//!
//! A [`WebSocket`] is two parts, `reader` and `writer`, that one thread can use as they are or
//! together: a message that was received borrows the reader until the next one, and the writer is
//! free to answer it. Each receive answers Pings and Closes by itself. It also goes on reading
//! while an answer waits for a peer that does not read; a send does not read, so a peer that does
//! not read before it has written leaves it waiting. Where that can be, use two threads, or set
//! [`Config::stall_timeout`].
//!
//! # Two threads
//!
//! ```no_run
//! use std::thread;
//! use std::time::Duration;
//!
//! let (mut reader, writer) = bare_ws_std::connect("ws://localhost:8080/feed")?.split();
//! let telemetry = thread::spawn(move || -> Result<(), bare_ws_std::Error> {
//!     for n in 0..10 {
//!         writer.send(format!("temperature={n}").as_str())?;
//!         thread::sleep(Duration::from_secs(1));
//!     }
//!     writer.close(None, "")
//! });
//! while let Some(message) = reader.recv()? {
//!     println!("{message:?}");
//! }
//! reader.finish()?;
//! telemetry.join().expect("it does not panic")?;
//! # Ok::<(), bare_ws_std::Error>(())
//! ```
//!
//! Messages of several writers do not mix. What ends the connection, every thread is told: one
//! that receives, ones that send, and one that waits for its turn to send.
//!
//! # Limits in time
//!
//! | limit | bounds | unless set |
//! |---|---|---|
//! | [`connect_timeout`](Config::connect_timeout) | the name and the TCP connection | 10 s |
//! | [`handshake_timeout`](Config::handshake_timeout) | the handshake of TLS and the opening handshake together | 10 s |
//! | [`silence_timeout`](Config::silence_timeout) | how long nothing may arrive, while somebody receives | none |
//! | [`stall_timeout`](Config::stall_timeout) | how long the peer may take nothing, while something is queued | none |
//! | [`keepalive`](Config::keepalive) | the same as silence, with a Ping before that | none |
//! | [`close_timeout`](Config::close_timeout) | from the first Close, or the failure, to the end of the transport | 5 s |
//! | [`recv_timeout`](Reader::recv_timeout) | one call | |
//!
//! A limit that passes is [`Error::Timeout`] with its [`Timeout`], and the connection is over: for
//! every call, from then on. Only [`Timeout::Call`] changes nothing. An octet that arrives begins
//! silence and keepalive anew, and one that is taken a stall; nothing moves the other deadlines.
//!
//! **In production set `keepalive` and `stall_timeout`.** Without them a receive waits for a peer
//! that has lost its power until the operating system gives up, which may be never, and a send
//! waits for one that does not read. `silence_timeout` is for peers that are known to send.
//!
//! # The end
//!
//! `recv` tells at once that the peer has closed (`None`) or that the connection failed (an error),
//! and tells the same from then on. [`Reader::finish`] and [`WebSocket::finish`] then wait for the
//! end of the transport, within the close limit: only then is it known that the peer has read our
//! Close. [`Writer::close`] starts the closing handshake and returns when its Close is written;
//! what the peer sent before its own Close still comes.
//!
//! A drop never waits. In a connection that is open it closes the transport without a closing
//! handshake; a closing handshake that was begun, a thread of ours brings to its end within the
//! close limit, for connections that [`Config::connect`] has made. A program that ends at once
//! ends that thread, too: call `finish`.
//!
//! # Polling by yourself
//!
//! A program that waits for many sockets waits for [`WebSocket::stream`] to become readable, and then
//! calls [`recv_timeout`](Reader::recv_timeout) with zero until that is [`Timeout::Call`]. Do so
//! before the first wait, too: octets may have been read together with the server's answer, and
//! over TLS have been decrypted already. Limits in time are looked at by calls only, so call at
//! least as often as they are to be kept.
//! [`Writer::queue`] and [`Writer::try_flush`] send without waiting; while the latter gives
//! `false`, wait for the socket to become writable.
//!
//! # Errors to match on
//!
//! | [`Error`] | whose fault | what to do |
//! |---|---|---|
//! | [`Resolve`](Error::Resolve), [`Connect`](Error::Connect), [`Io`](Error::Io), [`LostInHandshake`](Error::LostInHandshake), [`Lost`](Error::Lost), [`Timeout`](Error::Timeout) other than `Call` | the network's | connect again, later each time |
//! | [`Timeout(Timeout::Call)`](Timeout::Call) | nobody's | call again |
//! | `Tls` | the server's, or that of the roots | nobody was verified: do not go on |
//! | [`Rejected`](Error::Rejected) | the server's | look at the [status](Error::status), the header fields and the body in its [`Response`] |
//! | [`Redirect`](Error::Redirect) | the server's | allow more [`redirects`](Config::redirects), or connect to where it leads |
//! | [`Handshake`](Error::Handshake), [`Extension`](Error::Extension), [`HeadTooLarge`](Error::HeadTooLarge) | the server's | is it a WebSocket server? |
//! | [`Peer`](Error::Peer) | the server's | the [`Violation`] names the rule; the server was told |
//! | [`TooLong`](Error::TooLong), [`TooManyFragments`](Error::TooManyFragments), [`OutOfMemory`](Error::OutOfMemory) | that of the limits | raise the limit, or receive in pieces |
//! | [`Uri`](Error::Uri), [`Request`](Error::Request), [`Header`](Error::Header), [`Subprotocol`](Error::Subprotocol), [`Setting`](Error::Setting), `Offer`, [`NoTls`](Error::NoTls), [`NotSecure`](Error::NotSecure) | the program's | nothing was sent: fix the configuration |
//! | [`Usage`](Error::Usage) | the program's | nothing was sent: fix the call; [`NotOpen`](Usage::NotOpen): the connection has ended, `recv` says why |
//! | [`Entropy`](Error::Entropy) | the operating system's | nothing was sent: call again |
//! | [`Aborted`](Error::Aborted) | nobody's | an [`AbortHandle`] was used |
//!
//! ```no_run
//! use bare_ws_std::{Error, Timeout, connect};
//!
//! match connect("wss://example.com/feed") {
//!     Ok(socket) => println!("connected: {:?}", socket.subprotocol()),
//!     Err(Error::Rejected(response)) if response.status() == 401 => {
//!         println!("log in first: {}", String::from_utf8_lossy(response.body()));
//!     }
//!     Err(Error::Timeout(Timeout::Connect)) => println!("the host is down"),
//!     Err(error) if error.is_retryable() => println!("again in a minute: {error}"),
//!     Err(error) => println!("{error}"),
//! }
//! ```
//!
//! [`Error::kind`] has one word for each kind, for logs and metrics.
//!
//! # Compression
//! `Config::new().deflate(Deflate::new())` offers permessage-deflate; whether the server grants it
//! or not, the rest of the program is the same. A message with a secret beside octets that an
//! attacker may choose goes by [`Writer::send_uncompressed`].
//!
//! # Features
//!
//! On by default: `rustls` (`wss`), `deflate` (permessage-deflate), `simdutf8` (faster checks of
//! text). Off: `zlib-rs` (a faster engine for compression, with unsafe code and twice the memory).
//! Rust 1.88; raising it is a minor release.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod error;
mod moment;
mod stage;
mod stream;
mod sync;

mod channel;
mod failure;
mod keepalive;
mod shared;
mod turn;

mod messages;
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
pub use bare_ws::error::{Usage, Violation};
pub use bare_ws::handshake::{RequestError, ResponseError};
pub use bare_ws::lifecycle::Timeout;
pub use bare_ws::message::{
    AsMessage, Chunk, CloseStatus, Frame, Message, MessageKind, OwnedMessage,
};
pub use bare_ws::uri::UriError;
pub use config::{Config, RequestParts, connect};
#[cfg(feature = "deflate")]
pub use deflate::Deflate;
pub use entropy::SystemEntropy;
pub use error::{Error, RedirectError, SettingError};
pub use keepalive::KeepAlive;
pub use messages::{IntoMessages, Messages};
pub use reader::Reader;
pub use response::Response;
pub use stage::{Deflating, Inflating, Totals};
pub use stream::{Interest, Socket, Stream, Untimed};
#[cfg(feature = "rustls")]
pub use tls::{CertificateError, Tls, TlsError};
pub use websocket::WebSocket;
pub use writer::{AbortHandle, Writer};

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
