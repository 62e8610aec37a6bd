//! permessage-deflate (RFC 7692): messages are compressed one by one, in caller-owned memory.
//!
//! [`Deflate`] is all of it as one value, with which a connection is opened: an [`Inflater`] and a
//! [`Compressor`] over memory of the caller's, and the offers that this memory can honour. The
//! opening handshake holds the server's response against the memory ([`negotiate::accept`]) and
//! tells both stages what was agreed on.
//!
//! ```
//! # #[cfg(feature = "embedded-io")] {
//! use bare_ws::blocking::Connection;
//! use bare_ws::buffer::Buffers;
//! use bare_ws::deflate::{Compressor, Deflate, Inflater, Lean, InflateState};
//! use bare_ws::entropy::Entropy;
//! use bare_ws::handshake::Request;
//! use bare_ws::uri::Uri;
//! use embedded_io::{Read, Write};
//!
//! /// Messages of up to 512 octets, and a window of 10 bits in each direction.
//! fn report<Io: Read + Write>(io: Io, entropy: impl Entropy) -> Option<()> {
//!     let (mut receive, mut transmit) = ([0; 512], [0; 512]);
//!     let (mut state, mut memory) = (InflateState::new(), [0; 1024 + 512]);
//!     let mut lean = Lean::<1536, 1024>::new();
//!     let inflater = Inflater::new(&mut state, &mut memory[..]);
//!     let deflate = Deflate::whole(inflater, Compressor::new(&mut lean), 512).ok()?;
//!
//!     let request = Request::new(Uri::parse("ws://broker.example/telemetry").ok()?);
//!     let buffers = Buffers {
//!         receive: &mut receive[..],
//!         transmit: &mut transmit[..],
//!     };
//!     let opened = Connection::open(io, &request, buffers, entropy, deflate);
//!     let (mut connection, established) = opened.ok()?;
//!     // `None`: the server does without.
//!     let _agreed = established.extensions;
//!     connection.send("temperature=21").ok()
//! }
//! # }
//! ```
//!
//! # Memory
//!
//! The window is `2^bits` octets. All in all, without the message; a test holds these figures.
//!
//! | bits | `Inflater` for pieces, or with takeover | [`Lean`] | [`Full`] |
//! |---|---|---|---|
//! | 9 | 10,520 + 512 | `<768, 512>`: 2.2 KB | `<4608, 1024, 512>`: 12.0 KB |
//! | 10 | 10,520 + 1,024 | `<1536, 1024>`: 4.0 KB | `<5120, 1024, 1024>`: 13.6 KB |
//! | 12 | 10,520 + 4,096 | `<6144, 2048>`: 10.6 KB | `<8192, 2048, 4096>`: 24.8 KB |
//! | 15 | 10,520 + 32,768 | `<49152, 8192>`: 66 KB | `Heap::new(15)`: 166 KB |
//! | `server_no_context_takeover`, whole messages | 10,520, whatever the server's window | | |
//!
//! # What to choose
//!
//! - **A board**: a window of 10 bits each way and [`Lean`]: some 16 KB. Its [`InflateState`] and its
//!   memory belong in a static; `Inflater<&'static mut [u8], &'static mut InflateState>` is a few
//!   words. Messages taken whole need their own length besides, and nothing else if the server
//!   grants `server_no_context_takeover`: [`Deflate::whole`] offers both ways.
//! - **A host**: `Inflater::new(InflateState::new(), Growing::default())` and `Heap::new(15)`, or the same
//!   with `zlib::InflateState` and `zlib::Compressor` (feature `zlib-rs`) for the highest speed.
//! - Context takeover matters far more than the window: a telemetry message of 160 octets
//!   shrinks to a third with it, to four fifths without.
//!
//! # Security
//!
//! A message that holds a secret beside octets that an attacker chooses must not be compressed
//! (CRIME, BREACH; RFC 7692 §8): the sender skips compression message by message on request.

mod client;
mod compressor;
mod engine;
mod extension;
mod inflater;
pub mod negotiate;
#[cfg(feature = "zlib-rs")]
pub mod zlib;

pub use client::{Configure, Deflate, MemoryTooSmall};
#[cfg(feature = "alloc")]
pub use compressor::Heap;
pub use compressor::{Compressor, CompressorMemory, Full, Lean};
pub use engine::{Engine, InflateState, Step, Stop};
#[cfg(feature = "server")]
pub use extension::Answering;
pub use extension::Negotiation;
pub use inflater::{Inflater, Limits};
