//! bare-ws on embassy: connections with deadlines, for one task or two.
//!
//! - `net::Client` (feature `net`) opens connections over embassy-net in memory of its own: names,
//!   TCP, and with feature `tls` verified TLS for `wss` URIs.
//! - [`Supervisor`] keeps it connected.
//! - [`Connection::open`] makes the opening handshake over the two halves of any
//!   `embedded_io_async` transport; `net::connect` and `net::connect_secure` also resolve the host
//!   and connect, with a socket and buffers of your own. Module `tls` puts TLS in between.
//! - [`Connection::split`] gives a [`Reader`] and a [`Writer`], for two tasks. Pings are answered
//!   and the closing handshake works from either half, as long as one of them receives.
//! - [`Timing`] says how long things may take; a deadline that passes is an [`Error::Timeout`].
//! - [`Backoff`] says when to connect again.
//!
//! # I want to …
//!
//! | … | |
//! |---|---|
//! | connect to a URI over embassy-net | `net::Client` |
//! | stay connected | [`Supervisor`] |
//! | run over a modem, a UART, a stack of my own | [`Connection::open`] over a pair of halves; [`transport::Endless`] for a writing half that cannot be ended |
//! | receive and send in one task | [`Connection::split`] and [`duplex`] |
//! | answer what I receive, without a copy | [`Connection::split`], in one task |
//! | send from other tasks | [`Connection::split`], and copies of the [`Writer`] |
//! | wait for a message, but not longer than … | `embassy_time::with_timeout` around [`recv`](Reader::recv): a dropped future loses nothing |
//! | notice that the peer is gone | [`Timing::keepalive`] |
//! | give up on a peer that does not read | [`Timing::stall`] |
//! | close, and use the transport again | [`close`](Writer::close), then [`finish`](Reader::finish) |
//! | receive messages that are longer than the buffer | [`recv_chunk`](Reader::recv_chunk) |
//! | send a message while it is being produced | [`send_fragment`](Writer::send_fragment) |
//! | send many small messages in one write | [`Connection::sender_mut`], [`Connection::flush`] |
//! | give it to a protocol over a stream of octets, such as MQTT | [`Connection::octets`], module [`stream`] |
//! | compress | `net::Client::deflate` (feature `deflate`), or [`Connection::open`] with a `bare_ws::deflate::Deflate` |
//! | change limits while it runs | [`Connection::set_timing`] |
//!
//! # Two tasks
//!
//! ```
//! use bare_ws_embassy::bare_ws::message::Message;
//! use bare_ws_embassy::bare_ws::receiver::Receive;
//! use bare_ws_embassy::bare_ws::sender::Transmit;
//! use bare_ws_embassy::transport::Transport;
//! use bare_ws_embassy::{Connection, Error, duplex};
//! use embassy_time::Timer;
//!
//! async fn device<Io: Transport, Rx: Receive, Tx: Transmit>(
//!     mut connection: Connection<Io, Rx, Tx>,
//!     obey: impl Fn(Message<'_>),
//! ) -> Result<(), Error<Io::Error>> {
//!     let (mut reader, writer) = connection.split();
//!     let commands = async {
//!         while let Some(message) = reader.recv().await? {
//!             obey(message);
//!         }
//!         Ok(())
//!     };
//!     let telemetry = async {
//!         loop {
//!             writer.send("temperature=21").await?;
//!             Timer::after_secs(1).await;
//!         }
//!     };
//!     let ended = duplex(commands, telemetry).await;
//!     // The transport is not free for other use before the connection has come to its end.
//!     connection.finish().await.and(ended)
//! }
//! ```
//!
//! With the connection in a `StaticCell`, the halves can go to two tasks of the executor; module
//! `net` names their types.
//!
//! A reader keeps reading while a reply of its own waits for the sender, so a peer that writes
//! everything before it reads cannot block both ends. The reader also writes out what a dropped
//! future left half written.
//!
//! # Cancel safety
//!
//! Every future may be dropped at any await, by `select` or a time-out, provided that the
//! transport's own futures may be. Each `async fn` says under `# Cancel safety` what a drop leaves
//! behind: usually nothing, at worst a long message that cannot be completed. Deadlines live in the
//! connection: dropping a future and calling again gains no time.
//!
//! # Limits in time
//!
//! | limit | bounds | default |
//! |---|---|---|
//! | [`connect`](Timing::connect) | name resolution and the TCP connection | 10 s |
//! | [`handshake`](Timing::handshake) | the TLS handshake and the opening handshake together | 10 s |
//! | [`silence`](Timing::silence) | how long nothing may arrive during a receive | none |
//! | [`stall`](Timing::stall) | how long the transport may accept nothing while something is queued | none |
//! | [`keepalive`](Timing::keepalive) | as silence, but with Pings first | none |
//! | [`close`](Timing::close) | from the first Close, or the failure, to the end of the transport | 5 s |
//!
//! Set `keepalive` and `stall` for connections that are to last, or take [`Timing::LONG_LIVED`]:
//! without them a receive waits forever for a peer that lost power, and a send for one that does not
//! read. Silence and keepalive are enforced while something receives; a device that only sends has
//! `stall`.
//!
//! # How a connection ends
//!
//! Whatever ends a connection (a Close, a failure, a deadline) wakes every call that waits. `recv`
//! reports it; [`Connection::finish`] or [`Reader::finish`] then brings the transport to its end,
//! in bounded time. Call it before the transport is dropped or used for another connection, since
//! otherwise a Close that the peer has not acknowledged can be lost. Dropping a future ends
//! nothing; dropping the connection leaves the transport as it is.
//!
//! # Errors
//!
//! While connecting, [`ConnectError`]:
//!
//! | error | cause | what to do |
//! |---|---|---|
//! | [`Timeout`](ConnectError::Timeout), [`Resolve`](ConnectError::Resolve), [`Connect`](ConnectError::Connect), `Handshake(Lost)`, `Handshake(Transport)` | the network | connect again, with [`Backoff`] |
//! | [`Handshake`](ConnectError::Handshake)`(Rejected)` | the server | the [status](ConnectError::status) says whether to try again |
//! | other `Handshake` | the server | is it a WebSocket server? |
//! | `Handshake(Request)`, [`NotSecure`](ConnectError::NotSecure), [`NotWss`](ConnectError::NotWss) | the program | nothing was sent: fix the request, or the call |
//! | [`Tls`](ConnectError::Tls) | the server's certificate, or the trusted roots | the server was not verified: do not go on |
//!
//! On an open connection, [`Error`]:
//!
//! | error | cause | what to do |
//! |---|---|---|
//! | [`Timeout`](Error::Timeout), [`Lost`](Error::Lost), [`Transport`](Error::Transport) | the network | connect again, with [`Backoff`] |
//! | [`Peer`](Error::Peer) | the server broke the protocol | the [`Violation`] names the rule; the server was told |
//! | [`TooLong`](Error::TooLong), [`TooManyFragments`](Error::TooManyFragments), [`OutOfMemory`](Error::OutOfMemory) | your buffer or limits | use a larger buffer, or `recv_chunk` |
//! | [`Usage`](Error::Usage) | the program | nothing was sent: fix the call; [`NotOpen`](Usage::NotOpen): the connection has ended |
//! | [`Entropy`](Error::Entropy) | the random number generator | nothing was sent: call again |
//!
//! A function that connects and then uses the connection can return [`SessionError`], to which `?`
//! converts both.
//!
//! # Features
//!
//! None is on by default.
//!
//! | feature | |
//! |---|---|
//! | `net` | TCP and DNS by embassy-net, over IPv4 |
//! | `ipv6` | IPv6 as well; enables `net` |
//! | `tls` | verified TLS 1.3 with P-256 keys and certificates, or a pinned key |
//! | `tls-p384` | P-384 keys and SHA-384 signatures, which the public web's ECDSA hierarchies need; enables `tls` |
//! | `deflate` | permessage-deflate for `net::Client`; enables `net` |
//! | `defmt` | `defmt::Format` on errors, messages, settings, events and what was agreed on |
//!
//! The minimum supported Rust version is 1.91, which embassy-net requires; raising it is a minor
//! release.
//!
//! # Memory
//!
//! No allocator is needed. Sizes on thumbv6m, over `net::Socket` with borrowed buffers and no
//! compression, as printed by the program `cost` of the project's emulated boards:
//!
//! | | octets |
//! |---|---|
//! | connection, beside its two buffers | 464, of them 216 the adapter's |
//! | future of `net::connect` | 592 |
//! | of `recv` | 320 |
//! | of `send` | 176 |
//! | of `close` / `finish` | 224 / 336 |
//!
//! | buffer | how large |
//! |---|---|
//! | receive | the longest message received whole, plus 14 octets; any size from 14 octets up for messages in pieces (`recv_chunk`) |
//! | transmit | 131 octets or more; longer messages leave as fragments |
//! | TCP, of `net::Socket` | one for each direction; throughput is at most one receive buffer per round trip |
#![no_std]
#![forbid(unsafe_code)]
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]
#![deny(missing_debug_implementations, missing_docs)]

pub mod backoff;
pub mod connection;
pub mod entropy;
pub mod error;
pub mod stream;
pub mod supervisor;
pub mod timing;
pub mod transport;

mod duplex;
#[cfg_attr(
    not(feature = "net"),
    expect(unreachable_pub, reason = "a public trait of `net` names these")
)]
mod opening;
mod reader;
mod shared;
mod waiters;
mod writer;

#[cfg(feature = "deflate")]
pub mod deflate;
#[cfg(feature = "net")]
pub mod net;
#[cfg(feature = "tls")]
pub mod tls;

pub use backoff::Backoff;
pub use connection::Connection;
pub use duplex::duplex;
pub use error::{ConnectError, Error, SessionError, Usage, Violation};
pub use reader::Reader;
pub use supervisor::{Event, Supervisor};
pub use timing::{KeepAlive, Timeout, Timing};
pub use writer::Writer;

pub use bare_ws;
pub use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, NoopRawMutex, RawMutex};
/// The transport's own error over embassy-net: calls over `ws` fail with a
/// [`ConnectError<ErrorKind>`] or an [`Error<ErrorKind>`]. Over TLS, `tls::Error<ErrorKind>` takes
/// its place.
pub use embedded_io_async::ErrorKind;

/// How many tasks can sleep while they wait on one connection: one that receives and three that
/// send. Any further one looks every 10 ms whether its turn has come.
pub const WAITERS: usize = 4;

/// How many times in a row a reader reads, from a transport that always has more, before it lets
/// other tasks run.
pub const READS_AT_ONCE: u8 = 16;

/// The examples of the README compile.
#[cfg(all(doctest, feature = "net"))]
#[doc = include_str!("../README.md")]
struct Readme;
