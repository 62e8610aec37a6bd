//! A WebSocket client (RFC 6455, RFC 7692) over std sockets: blocking calls, one thread or several,
//! verified TLS, limits in time.
//!
//! ```no_run
//! use bare_ws_std::{Error, connect};
//!
//! fn main() -> Result<(), Error> {
//!     let mut socket = connect("ws://localhost:8080/chat")?;
//!     socket.send("hello")?;
//!     while let Some(message) = socket.recv()? {
//!         println!("{message}");
//!     }
//!     Ok(())
//! }
//! ```
//!
//! [`connect`] uses the defaults; [`Config`] sets everything else.
//!
//! A received message borrows the connection until the next receive, so the loop above cannot send
//! it back as it is. Either take the [`WebSocket`] apart, which copies nothing, or receive a
//! message of your own:
//!
//! ```no_run
//! use bare_ws_std::{Error, WebSocket, connect};
//!
//! fn echo(socket: WebSocket) -> Result<(), Error> {
//!     let WebSocket { mut reader, writer, .. } = socket;
//!     while let Some(message) = reader.recv()? {
//!         writer.send(message)?;
//!     }
//!     Ok(())
//! }
//!
//! fn echo_owned(mut socket: WebSocket) -> Result<(), Error> {
//!     while let Some(message) = socket.recv_owned()? {
//!         socket.send(message)?;
//!     }
//!     Ok(())
//! }
//! # let _ = (echo, echo_owned);
//! ```
//!
//! # I want to …
//!
//! | … | |
//! |---|---|
//! | answer what I receive, without a copy | take [`WebSocket`] apart: `let WebSocket { mut reader, writer, .. }` |
//! | keep a message, or send it through a channel | [`recv_owned`](Reader::recv_owned), [`Message::to_owned`] |
//! | loop over messages | `for message in socket.messages()` |
//! | send from other threads | [`WebSocket::split`], and clones of the [`Writer`] |
//! | wait for a message, but not longer than … | [`recv_timeout`](Reader::recv_timeout) |
//! | notice that the peer is gone | [`Config::keepalive`] |
//! | give up on a peer that does not read | [`Config::stall_timeout`] |
//! | close, and know that everything arrived | [`WebSocket::finish`]; of a connection taken apart [`Writer::close`], then [`Reader::finish`] |
//! | stop a thread that receives or sends | [`AbortHandle`] |
//! | receive messages that do not fit in memory | [`recv_chunk`](Reader::recv_chunk) |
//! | send a message while it is being produced | [`Writer::send_fragment`] |
//! | see frames, Pings and Pongs among them | [`recv_frame`](Reader::recv_frame) |
//! | send many small messages in one write | [`Writer::queue`], [`Writer::flush`] |
//! | wait for many sockets in one thread | [polling](#polling) |
//! | bound the memory a message may take | [`Config::message_limit`], [`stream_limit`](Config::stream_limit), [`fragment_limit`](Config::fragment_limit) |
//! | send credentials, a cookie, an Origin | [`Config::header`], [`Config::origin`] |
//! | put user name and password into the URI | [`Config::credentials_in_uri`] |
//! | know why the server refused | [`Error::Rejected`] has its [`Response`], with the first 64 KiB of the body |
//! | follow redirects | [`Config::redirects`] |
//! | compress | [`Config::deflate`](#compression) |
//! | trust my own roots or one self-signed certificate, present a client certificate, speak TLS 1.3 alone | `Config::tls`, `Tls::builder` |
//! | go through an HTTP proxy | [`Config::proxy`] |
//! | go through a Unix socket, a stream of my own | [`Config::open`] over any [`Stream`]; for `wss` make the stream with `Tls::connect` |
//! | use it in tokio | feature and module `tokio` |
//! | set options of the socket | [`Config::socket`] |
//! | connect to another address than the URI's host has | [`Config::address`], [`Config::resolver`] |
//! | expect another name in the server's certificate | `Config::server_name` |
//! | use international host names | feature `idna`, `Config::idna` |
//! | make only one connection to a server at a time, from many threads or tasks | [`Config::one_at_a_time`] |
//! | see what happens | features `log` and `tracing`: [events](#events); [`Config::observer`] for the frames |
//! | test my program without a network | feature and module `testing` |
//! | test against a host that has no DNS name | [`Config::resolver`] |
//!
//! Complete programs, each run by the tests, are in
//! [examples/programs](https://github.com/bare-ws/bare-ws/tree/main/examples/programs): an echo
//! client, a JSON feed over `wss`, two threads, a file transfer.
//!
//! # One thread
//!
//! A [`WebSocket`] is two parts, `reader` and `writer`. One thread can use them together: a
//! received message borrows the reader, and the writer is free to answer it. Every receive answers
//! Pings and Closes on its own, and keeps reading while an answer waits for a peer that does not
//! read. A send does not read. If the peer does the same and both buffers are full, both ends wait;
//! where that can happen, use two threads or set [`Config::stall_timeout`].
//!
//! # Two threads
//!
//! ```no_run
//! use std::thread;
//! use std::time::Duration;
//!
//! use bare_ws_std::{CloseCode, Error, connect};
//!
//! fn main() -> Result<(), Error> {
//!     let (mut reader, writer) = connect("ws://localhost:8080/feed")?.split();
//!     let telemetry = thread::spawn(move || -> Result<(), Error> {
//!         for n in 0..10 {
//!             writer.send(format!("temperature={n}"))?;
//!             thread::sleep(Duration::from_secs(1));
//!         }
//!         writer.close(CloseCode::NORMAL, "")
//!     });
//!     for message in reader.messages() {
//!         println!("{}", message?);
//!     }
//!     reader.finish()?;
//!     telemetry.join().expect("the thread does not panic")
//! }
//! ```
//!
//! Messages of several writers never interleave. When the connection ends, every thread learns of
//! it: the one that receives, those that send, and those that wait for their turn to send.
//!
//! # Limits in time
//!
//! | limit | bounds | default |
//! |---|---|---|
//! | [`connect_timeout`](Config::connect_timeout) | name resolution, the wait for [another connection](Config::one_at_a_time), the TCP connection and the answer of a proxy | 10 s |
//! | [`handshake_timeout`](Config::handshake_timeout) | the TLS and the opening handshake together | 10 s |
//! | [`silence_timeout`](Config::silence_timeout) | how long nothing may arrive while some thread receives | none |
//! | [`stall_timeout`](Config::stall_timeout) | how long the peer may accept nothing while something is queued | none |
//! | [`keepalive`](Config::keepalive) | as silence, but with a Ping first | none |
//! | [`close_timeout`](Config::close_timeout) | from the first Close, or the failure, to the end of the transport | 5 s |
//! | [`recv_timeout`](Reader::recv_timeout) | one call | |
//!
//! When a limit passes, every call returns [`Error::Timeout`] with its [`Timeout`] from then on: the
//! connection is over. Only [`Timeout::Call`] changes nothing. Every octet received restarts silence
//! and keepalive, and every octet the peer accepts restarts stall; nothing moves the other deadlines.
//!
//! **In production, set `keepalive` and `stall_timeout`.** Without them a receive from a peer that
//! lost power waits until the operating system gives up, which may be never, and a send to a peer
//! that does not read waits as long. Use `silence_timeout` for peers that are known to send.
//!
//! # The end
//!
//! `recv` reports at once that the peer has closed (`None`) or that the connection failed (an
//! error), and reports the same from then on. [`Reader::finish`] and [`WebSocket::finish`] then wait
//! for the transport to end, within the close limit; only then is it certain that the peer has read
//! our Close. [`Writer::close`] starts the closing handshake and returns once its Close is written.
//! What the peer sent before its own Close is still delivered.
//!
//! Dropping a connection never blocks. If it is open, the transport is closed without a closing
//! handshake. If a closing handshake has begun on a connection made by [`Config::connect`], a
//! background thread completes it within the close limit. That thread ends with the program: call
//! `finish` before the program exits.
//!
//! # Memory
//!
//! | what | size | set by |
//! |---|---|---|
//! | receive buffer | 4 KiB, grows to the longest message received whole and shrinks again | [`receive_buffer`](Config::receive_buffer), [`message_limit`](Config::message_limit) (16 MiB) |
//! | transmit buffer | 1 KiB, grows to 512 KiB and a header with messages and shrinks again; longer messages stream through it | [`transmit_buffer`](Config::transmit_buffer), at least 131 octets |
//! | compression | only once the server has agreed to it | [`Deflate`](#compression) |
//!
//! Memory grows as octets arrive, never because of the length that a peer announces. Messages that are received
//! in pieces ([`recv_chunk`](Reader::recv_chunk)) need the receive buffer only, whatever their
//! length.
//!
//! # Polling
//!
//! A program that polls many sockets waits for [`WebSocket::stream`] to become readable and then
//! calls [`recv_timeout`](Reader::recv_timeout) with zero until it returns [`Timeout::Call`]. Call it
//! once before the first wait, too: frames may have arrived together with the server's response, and
//! TLS may have decrypted more than one message. Limits in time are checked during calls only, so
//! call at least as often as they are to be enforced. [`Writer::queue`] and [`Writer::try_flush`] send
//! without waiting; while `try_flush` returns `false`, wait for the socket to become writable.
//!
//! # Errors
//!
//! | [`Error`] | cause | what to do |
//! |---|---|---|
//! | [`Resolve`](Error::Resolve), [`Connect`](Error::Connect), [`Io`](Error::Io), [`LostInHandshake`](Error::LostInHandshake), [`Lost`](Error::Lost), [`Timeout`](Error::Timeout) other than `Call` | the network | connect again, with increasing delays |
//! | [`Timeout(Timeout::Call)`](Timeout::Call) | the call's own limit | call again |
//! | `Tls` | the server's certificate, or the trusted roots | nobody was verified: do not go on |
//! | [`Proxy`](Error::Proxy) | the proxy | [`Refused`](ProxyError::Refused) has its [`Response`]: with status 407 it wants credentials |
//! | [`Rejected`](Error::Rejected) | the server | look at the [status](Error::status), the header fields and the body in its [`Response`] |
//! | [`Redirect`](Error::Redirect) | the server | allow more [`redirects`](Config::redirects), or connect to where it leads |
//! | [`Handshake`](Error::Handshake), [`Extension`](Error::Extension), [`HeadTooLarge`](Error::HeadTooLarge) | the server | is it a WebSocket server? |
//! | [`Peer`](Error::Peer) | the server broke the protocol | the [`Violation`] names the rule; the server was told |
//! | [`TooLong`](Error::TooLong), [`TooManyFragments`](Error::TooManyFragments), [`OutOfMemory`](Error::OutOfMemory) | your limits | raise the limit, or receive in pieces |
//! | [`Uri`](Error::Uri), [`Credentials`](Error::Credentials), [`Request`](Error::Request), [`Header`](Error::Header), [`Subprotocol`](Error::Subprotocol), [`Setting`](Error::Setting), [`ProxyUri`](Error::ProxyUri), `Offer`, [`NoTls`](Error::NoTls), [`NotSecure`](Error::NotSecure) | the program | nothing was sent: fix the configuration |
//! | [`Usage`](Error::Usage) | the program | nothing was sent: fix the call; [`NotOpen`](Usage::NotOpen): the connection has ended, `recv` says why |
//! | [`Entropy`](Error::Entropy) | the operating system | nothing was sent: call again |
//! | [`Aborted`](Error::Aborted) | the program | an [`AbortHandle`] was used |
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
//! [`Error::kind`] has one word for each kind, for logs and metrics. There is no
//! `From<std::io::Error>`: an error from the program's own files would look like a network error. A
//! function that can fail in both ways returns `Box<dyn std::error::Error + Send + Sync>`, or an enum
//! of its own.
//!
//! # Compression
//!
//! `Config::new().deflate(Deflate::new())` offers permessage-deflate. Whether the server accepts or
//! not, the rest of the program stays the same. Send a message that combines a secret with octets an
//! attacker may choose with [`Writer::send_uncompressed`] (RFC 7692 §8).
//!
//! # Events
//!
//! With the features `log` and `tracing`, which may both be on, connections report what becomes of
//! them, with the target `bare_ws_std`. Each event names its server (`peer`) by host and port.
//! Payload, reasons, header fields, credentials, paths and queries are never reported. The subprotocol
//! that the server has chosen is reported: a program that offers a secret token as a subprotocol
//! should also offer a name, for the server to choose.
//!
//! | level | event | fields beside `peer` |
//! |---|---|---|
//! | debug | `connecting` | `proxy`, `proxy_port`, if there is one |
//! | debug | `connected`: TCP | `address` |
//! | debug | `redirected` | `status`, `to` |
//! | info | `open` | `subprotocol`, `extensions` |
//! | info | `closing`: a call of ours has begun to | `by`, `code` |
//! | info | `closed`: the peer's Close was received | `by` (who closed first: `us`, `peer`), `code` |
//! | info | `aborted` | |
//! | debug | `dropped while open` | |
//! | warn | `not open`: connecting has failed | `error` ([`Error::kind`]), `status` of a refusal |
//! | warn | `failed`: the peer broke a rule or exceeded a limit | `error`, `code` |
//! | warn | `keepalive: no answer to a Ping` | |
//! | warn | `timed out` | `error` |
//! | warn | `lost`: the transport ended without a Close | |
//! | warn | `cannot send` | `error` |
//!
//! # Features
//!
//! | feature | default | |
//! |---|---|---|
//! | `rustls` | yes | `wss`: TLS 1.2 and 1.3, always verified |
//! | `deflate` | yes | permessage-deflate, for connections that ask for it |
//! | `idna` | no | international host names, on request (`Config::idna`); 25 more crates |
//! | `log`, `tracing` | no | [events](#events) for these crates |
//! | `simdutf8` | yes | UTF-8 validation with SIMD |
//! | `testing` | no | a server in memory for the tests of your own program: module `testing` |
//! | `tokio` | no | the same connections in tokio tasks: module `tokio` |
//! | `zlib-rs` | yes | compression by zlib-rs: about three times as fast to send, up to twice to receive. Without it, no compression engine's `unsafe` code sees the peer's octets, and compression takes half the memory |
//!
//! The minimum supported Rust version is 1.88; raising it is a minor release.
#![forbid(unsafe_code)]
#![deny(missing_debug_implementations, missing_docs)]

mod error;
mod events;
mod moment;
mod observer;
mod stage;
mod state;
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
mod gate;
mod opening;
mod proxy;
mod redirect;
mod resolve;
mod response;
mod route;

#[cfg(feature = "testing")]
pub mod testing;

#[cfg(feature = "tokio")]
pub mod tokio;

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
pub use observer::{Direction, Observed};
pub use proxy::{Proxy, ProxyError, ProxyUriError};
pub use reader::Reader;
pub use response::Response;
pub use stage::{Deflating, Inflating, Negotiated, Totals};
pub use stream::{Interest, Socket, Stream, Untimed};
#[cfg(feature = "rustls")]
pub use tls::{CertificateError, Tls, TlsError};
pub use websocket::WebSocket;
pub use writer::{AbortHandle, Writer};

/// The examples of the README compile.
#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../README.md")]
struct Readme;
