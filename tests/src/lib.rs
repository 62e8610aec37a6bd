//! What the tests share.

pub mod telemetry;
