//! WebSocket client without an allocator, an operating system or an executor.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod close;
#[cfg(feature = "deflate")]
pub mod deflate;
pub mod entropy;
pub mod error;
pub mod opcode;
pub mod role;
pub mod stage;
