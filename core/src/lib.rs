//! WebSocket client without an allocator, an operating system or an executor.
//!
//! The modules in their order, bottom up; a lower one never names a higher one:
//!
//! - Leaves: [`opcode`], [`role`], [`entropy`], [`mask`], [`utf8`], [`close`].
//! - What memory, a failure, a frame and a message are: [`buffer`], [`error`], [`stage`],
//!   [`header`], [`message`].
//! - [`lifecycle`]: a connection in time: its states, its deadlines, what may be done next.
//! - [`closing`]: every transition of the closing handshake.
//! - [`receiver`] and [`sender`]: the machines. They do no I/O, own no memory and know nothing of
//!   each other.
//! - [`mod@uri`] and [`handshake`]: the opening handshake, a machine too.
#![cfg_attr(
    feature = "deflate",
    doc = "- [`deflate`]: permessage-deflate, a stage of the two machines."
)]
#![cfg_attr(
    any(feature = "embedded-io", feature = "embedded-io-async"),
    doc = "- [`exchange`]: what the loops say to whoever moves octets for them."
)]
#![cfg_attr(
    feature = "embedded-io",
    doc = "- [`blocking`]: the loop over `embedded_io`."
)]
#![cfg_attr(
    feature = "embedded-io-async",
    doc = "- [`asynch`]: the loop over `embedded_io_async`."
)]
//!
//! Most programs want an adapter: `bare-ws-embassy` on microcontrollers, `bare-ws-std` on hosts.
//!
//! # Features
//!
//! None is on by default, and each only adds: `alloc` (growing buffers), `deflate`
//! (permessage-deflate in memory of the caller's), `zlib-rs` (the same by zlib-rs, for hosts),
//! `embedded-io`, `embedded-io-async` (the loops), `rand_core` (entropy from its generators),
//! `simdutf8` (faster checks of text, for hosts), `defmt` (its `Format` on public types).
//!
//! # Rust version
//!
//! 1.88. Raising it is a minor release.
#![no_std]
#![forbid(unsafe_code)]
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]
#![deny(missing_docs)]
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
pub mod error;
pub mod header;
pub mod message;
pub mod stage;

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
