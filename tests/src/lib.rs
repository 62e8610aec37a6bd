//! What the tests share.

pub mod deflate;
pub mod telemetry;
