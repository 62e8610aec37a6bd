//! permessage-deflate (RFC 7692).

mod engine;
mod inflater;
mod memory;
pub mod negotiate;

pub use engine::{Engine, State, Step, Stop};
pub use inflater::{Inflater, Limits};
#[cfg(feature = "alloc")]
pub use memory::Growing;
pub use memory::Memory;
