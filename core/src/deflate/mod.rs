//! permessage-deflate (RFC 7692).

mod compressor;
mod engine;
mod extension;
mod inflater;
mod memory;
pub mod negotiate;
#[cfg(feature = "zlib-rs")]
pub mod zlib;

#[cfg(feature = "alloc")]
pub use compressor::Heap;
pub use compressor::{Compressor, Form, Full, Lean};
pub use engine::{Engine, State, Step, Stop};
pub use extension::{Answering, Negotiation};
pub use inflater::{Inflater, Limits};
#[cfg(feature = "alloc")]
pub use memory::Growing;
pub use memory::Memory;
