//! WebSocket client without an allocator, an operating system or an executor.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod close;
pub mod entropy;
pub mod mask;
pub mod opcode;
pub mod role;
pub mod utf8;

pub mod buffer;
pub mod error;
pub mod header;
pub mod message;
pub mod stage;

pub mod closing;

pub mod receiver;
pub mod sender;

pub mod handshake;
pub mod uri;

#[cfg(feature = "embedded-io-async")]
pub mod asynch;
#[cfg(feature = "embedded-io")]
pub mod blocking;
