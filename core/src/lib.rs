//! A WebSocket client (RFC 6455, RFC 7692) that needs no allocator, no operating system and no
//! executor: machines over memory you lend them, and two short loops that do I/O.
//!
//! Most programs want an adapter instead: `bare-ws-std` on hosts, `bare-ws-embassy` on
//! microcontrollers. Both re-export this crate.
#![cfg_attr(feature = "embedded-io", doc = "")]
#![cfg_attr(feature = "embedded-io", doc = "```")]
#![cfg_attr(not(feature = "embedded-io"), doc = "\n```text")]
//! use bare_ws::blocking::Connection;
//! use bare_ws::buffer::Buffers;
//! use bare_ws::compression::Uncompressed;
//! use bare_ws::entropy::Entropy;
//! use bare_ws::handshake::Request;
//! use bare_ws::uri::Uri;
//! use embedded_io::{Read, Write};
//!
//! /// Echoes what the server at the other end of `io` says. `entropy` has to be a strong source.
//! fn echo<Io: Read + Write>(io: Io, entropy: impl Entropy) -> Option<()> {
//!     let (mut receive, mut transmit) = ([0; 1024], [0; 512]);
//!     let request = Request::new(Uri::parse("ws://broker.example/echo").ok()?);
//!     let buffers = Buffers {
//!         receive: &mut receive[..],
//!         transmit: &mut transmit[..],
//!     };
//!     let (connection, _) = Connection::open(io, &request, buffers, entropy, Uncompressed).ok()?;
//!     let Connection { mut reader, mut writer } = connection;
//!     while let Some(message) = reader.recv(&mut writer).ok()? {
//!         writer.send(message).ok()?;
//!     }
//!     reader.finish(&mut writer).ok()
//! }
//! ```
//!
//! # Concepts
//!
//! - A [`Receiver`](receiver::Receiver) takes octets and announces messages, pieces or frames. A
//!   [`Sender`](sender::Sender) takes messages and gives octets. A
//!   [`ClientHandshake`](handshake::ClientHandshake) comes before both. They are state machines that
//!   do no I/O and know nothing of each other; drive them yourself over any transport.
//! - The loops, `blocking` over `embedded_io` and `asynch` over `embedded_io_async`, drive them over a
//!   transport and answer Pings and Closes.
//! - A received [`Message`](message::Message) borrows the receive buffer until the next receive. The
//!   send side is free to answer it meanwhile.
//!
//! # Memory
//!
//! A connection has two buffers, which you lend it as `&mut [u8]`, `[u8; N]`, `Box<[u8]>` or, with
//! feature `alloc`, [`Growing`](buffer).
//!
//! | buffer | how large |
//! |---|---|
//! | receive | the longest message received whole, plus 14 octets for a header; for messages received in pieces any size from 14 octets up, 128 is practical |
//! | transmit | 131 octets or more: any control frame must fit. Messages longer than the buffer pass through it |
//!
//! Compression has memory of its own: see module `deflate`. A connection itself takes 248 octets on a Cortex-M0+.
//!
//! # Cancel safety
//!
//! Every future may be dropped at any await, if the transport's own futures may. Progress lives in
//! the machines, never in a local variable. Each `async fn` says under `# Cancel safety` what a drop
//! leaves behind: usually nothing, at worst a long message that cannot be completed.
//!
//! # Errors
//!
//! | [`error::Error`] | cause | the connection |
//! |---|---|---|
//! | [`Peer`](error::Error::Peer) | the peer broke the protocol | has failed; a Close that says why is owed |
//! | [`TooLong`](error::Error::TooLong), [`TooManyFragments`](error::Error::TooManyFragments), [`OutOfMemory`](error::Error::OutOfMemory) | a message is longer than your memory or limits allow | has failed; a Close that says why is owed |
//! | [`Usage`](error::Error::Usage) | the call was wrong; nothing was sent | is unchanged |
//! | [`Entropy`](error::Error::Entropy) | no masking key could be had; nothing was sent | is unchanged |
//! | [`Lost`](error::Error::Lost) | the transport ended without a closing handshake | is over |
//! | [`Transport`](error::Error::Transport) | the transport's own error | is as the transport says |
//!
//! A closed connection is not an error: `recv` returns `None`.
//!
//! # Time
//!
//! The core has no clock. With the loops, a limit in time is the transport's: a read or write that
//! times out. [`lifecycle`] decides what may be done with a connection, and by when, for adapters
//! that have a clock; both adapters use it.
//!
//! # Features
//!
//! None is on by default, and each only adds items.
//!
//! | feature | |
//! |---|---|
//! | `embedded-io` | the blocking loop |
//! | `embedded-io-async` | the asynchronous loop |
//! | `deflate` | permessage-deflate in memory you lend |
//! | `alloc` | receive buffers that grow up to a limit; `OwnedMessage` |
//! | `heapless` | its `String` and `Vec` can be sent as messages |
//! | `rand_core` | entropy from any `TryCryptoRng` |
//! | `zlib-rs` | permessage-deflate by zlib-rs, for hosts: faster, more memory |
//! | `simdutf8` | faster UTF-8 validation, for hosts |
//! | `server` | the server's end of the opening handshake, as the peer of tests |
//! | `defmt` | `defmt::Format` on errors, messages, settings, events and what was agreed on |
//!
//! The minimum supported Rust version is 1.88; raising it is a minor release.
//!
//! # Modules
//!
//! Bottom up; a lower one never names a higher one.
//!
//! - Leaves: [`opcode`], [`role`], [`entropy`], [`mask`], [`utf8`], [`close`].
//! - What memory, a failure, a frame and a message are: [`buffer`], [`error`], [`compression`],
//!   [`header`], [`message`].
//! - [`lifecycle`]: a connection over time: its states and deadlines, and what may be done next.
//! - [`closing`]: every transition of the closing handshake.
//! - [`receiver`] and [`sender`]: the machines.
//! - [`mod@uri`] and [`handshake`]: the opening handshake.
#![cfg_attr(
    feature = "deflate",
    doc = "- [`deflate`]: permessage-deflate, a stage of the two machines."
)]
#![cfg_attr(
    any(feature = "embedded-io", feature = "embedded-io-async"),
    doc = "- [`exchange`]: what the loops ask of whoever moves octets for them."
)]
#![cfg_attr(
    feature = "embedded-io",
    doc = "- [`blocking`]: the loop over `embedded_io`."
)]
#![cfg_attr(
    feature = "embedded-io-async",
    doc = "- [`asynch`]: the loop over `embedded_io_async`."
)]
#![no_std]
#![forbid(unsafe_code)]
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]
#![deny(missing_debug_implementations, missing_docs)]
// No index that can fail. What the compiler itself evaluates says so with `expect`.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod close;
#[cfg(feature = "deflate")]
pub mod deflate;
pub mod entropy;
pub mod mask;
mod octets;
pub mod opcode;
pub mod role;
pub mod utf8;

pub mod buffer;
pub mod compression;
pub mod error;
pub mod header;
pub mod message;

pub mod closing;
pub mod lifecycle;

pub mod receiver;
pub mod sender;

pub mod handshake;
pub mod uri;

#[cfg(feature = "embedded-io-async")]
pub mod asynch;
#[cfg(feature = "embedded-io")]
pub mod blocking;
#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
pub mod exchange;

/// The examples of the README compile.
#[cfg(all(doctest, feature = "embedded-io"))]
#[doc = include_str!("../README.md")]
struct Readme;
