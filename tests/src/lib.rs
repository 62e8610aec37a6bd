//! What the tests share.
//!
//! [`octets`], [`vectors`], [`wire`] and [`laws`] need neither an allocator nor an operating
//! system, so that firmware can take them in by path.

pub mod io;
pub mod laws;
pub mod mask;
pub mod octets;
pub mod poll;
pub mod stream;
pub mod vectors;
pub mod wire;
