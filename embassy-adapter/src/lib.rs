//! bare-ws on embassy: connections with deadlines, for one task or two.
//!
//! - `net::Client` (feature `net`) opens connections over embassy-net in memory of its own: names,
//!   TCP, and with feature `tls` verified TLS for `wss` URIs.
//! - [`Supervisor`] keeps it connected.
//! - [`Connection::open`] makes the opening handshake over the two halves of any
//!   `embedded_io_async` transport; `net::connect` and `net::connect_secure` also bring embassy-net's,
//!   over sockets and memory of any kind. Module `tls` has what stands between.
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
//! | run over a modem, a UART, a stack of my own | [`Connection::open`] over a pair of halves; [`transport::Endless`] for a writing half without an end |
//! | receive and send in one task | [`Connection::split`] and [`duplex`] |
//! | answer what I receive, without a copy | [`Connection::split`], in one task |
//! | send from other tasks | [`Connection::split`], and copies of the [`Writer`] |
//! | wait no longer than so long for a message | `embassy_time::with_timeout` around [`recv`](Reader::recv): a dropped future loses nothing |
//! | notice that the peer is gone | [`Timing::keepalive`] |
//! | not wait for ever for a peer that does not read | [`Timing::stall`] |
//! | close, and use the transport again | [`close`](Writer::close), then [`finish`](Reader::finish) |
//! | receive messages that are longer than the buffer | [`recv_chunk`](Reader::recv_chunk) |
//! | send a message while it is being made | [`send_fragment`](Writer::send_fragment) |
//! | send many small messages in one write | [`Connection::sender_mut`], [`Connection::flush`] |
//! | compress | feature `deflate` of [`bare_ws`]: [`Connection::open`] with a `bare_ws::deflate::Deflate` |
//! | change limits while it runs | [`Connection::set_timing`] |
//!
//! # Two tasks
//!
//! ```
//! use bare_ws::message::Message;
//! use bare_ws::receiver::Receive;
//! use bare_ws::sender::Transmit;
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
//!     // The transport is nobody's before the connection has come to its end.
//!     connection.finish().await.and(ended)
//! }
//! ```
//!
//! With the connection in a `StaticCell` the halves can go to two tasks of the executor's; module
//! `net` has names for their types.
//!
//! A reader goes on reading while a reply of its own waits for the sender: a peer that writes
//! everything before it reads cannot stop both ends. What a dropped future left half written, the
//! reader brings out.
//!
//! # Limits in time
//!
//! | limit | bounds | unless set |
//! |---|---|---|
//! | [`connect`](Timing::connect) | the name and the TCP connection | 10 s |
//! | [`handshake`](Timing::handshake) | the handshake of TLS and the opening handshake together | 10 s |
//! | [`silence`](Timing::silence) | how long nothing may arrive, while somebody receives | none |
//! | [`stall`](Timing::stall) | how long the transport may take nothing, while something is queued | none |
//! | [`keepalive`](Timing::keepalive) | the same as silence, with Pings before that | none |
//! | [`close`](Timing::close) | from the first Close, or the failure, to the end of the transport | 5 s |
//!
//! Set `keepalive` and `stall` in what is to run for long: without them a receive waits for ever for
//! a peer that has lost its power, and a send for one that does not read. Silence and keepalive are
//! kept while somebody receives; a device that only sends has `stall`.
//!
//! # How a connection ends
//!
//! What ends it (a Close, a failure, a deadline) is an event of the connection, of which every
//! call that waits learns at once. `recv` then tells it; [`Reader::finish`] brings the connection to
//! the end of its transport, in bounded time. Call it before the transport is dropped or used for
//! another connection: a Close of ours that was not acknowledged can be lost otherwise. To drop a
//! future ends nothing; to drop the connection leaves the transport as it is.
//!
//! # Errors to match on
//!
//! While connecting, [`ConnectError`]:
//!
//! | error | whose fault | what to do |
//! |---|---|---|
//! | [`Timeout`](ConnectError::Timeout), [`Resolve`](ConnectError::Resolve), [`Connect`](ConnectError::Connect), `Handshake(Lost)`, `Handshake(Transport)` | the network's | connect again, by [`Backoff`] |
//! | [`Handshake`](ConnectError::Handshake)`(Rejected)` | the server's | the [status](ConnectError::status) says whether to try again |
//! | other `Handshake` | the server's | is it a WebSocket server? |
//! | `Handshake(Request)`, [`NotSecure`](ConnectError::NotSecure), [`NotWss`](ConnectError::NotWss) | the program's | nothing was sent: fix the request, or the call |
//! | [`Tls`](ConnectError::Tls) | the server's, or that of the roots | nobody was verified: do not go on |
//!
//! On an open connection, [`Error`]:
//!
//! | error | whose fault | what to do |
//! |---|---|---|
//! | [`Timeout`](Error::Timeout), [`Lost`](Error::Lost), [`Transport`](Error::Transport) | the network's | connect again, by [`Backoff`] |
//! | [`Peer`](Error::Peer) | the server's | the [`Violation`] names the rule; the server was told |
//! | [`TooLong`](Error::TooLong), [`TooManyFragments`](Error::TooManyFragments), [`OutOfMemory`](Error::OutOfMemory) | that of the memory and the limits | use a longer buffer, or `recv_chunk` |
//! | [`Usage`](Error::Usage) | the program's | nothing was sent: fix the call; [`NotOpen`](Usage::NotOpen): the connection has ended |
//! | [`Entropy`](Error::Entropy) | the generator's | nothing was sent: call again |
//!
//! # Features
//!
//! None is on by default: `net` (embassy-net, IPv4), `ipv6`, `tls` (verified TLS 1.3), `tls-p384` (what
//! the public web's ECDSA hierarchies need), `defmt`. Rust 1.91, which embassy-net asks for.
//!
//! # Memory
//!
//! No allocator. Octets on thumbv6m, over `net::Socket` with borrowed buffers and no compression,
//! as the program `cost` of the project's emulated boards prints them:
//!
//! | | octets |
//! |---|---|
//! | connection, beside its two buffers | 424, of them 176 the adapter's |
//! | future of `net::connect` | 1368 |
//! | of `recv` | 312 |
//! | of `send` | 176 |
//! | of `close` / `finish` | 216 / 336 |
//!
//! The receive buffer holds the longest message and 14 octets more (or any part of one:
//! `recv_chunk`), the transmit buffer 131 at least. `net::Socket` has two buffers of its own for
//! TCP.
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
pub mod supervisor;
pub mod timing;
pub mod transport;

mod duplex;
mod reader;
mod shared;
mod waiters;
mod writer;

#[cfg(feature = "net")]
pub mod net;
#[cfg(feature = "tls")]
pub mod tls;

pub use backoff::Backoff;
pub use connection::Connection;
pub use duplex::duplex;
pub use error::{ConnectError, Error, Usage, Violation};
pub use reader::Reader;
pub use supervisor::{Event, Supervisor};
pub use timing::{KeepAlive, Timeout, Timing};
pub use writer::Writer;

pub use bare_ws;
pub use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, NoopRawMutex, RawMutex};

/// How many tasks can wait on one connection asleep: one that receives and three that send. One
/// more looks every 10 ms whether its turn has come.
pub const WAITERS: usize = 4;

/// How often a reader reads at once, where the transport always has more, before it lets other
/// tasks run.
pub const READS_AT_ONCE: u8 = 16;

/// The examples of the README compile.
#[cfg(all(doctest, feature = "net"))]
#[doc = include_str!("../README.md")]
struct Readme;
