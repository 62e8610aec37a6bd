//! bare-ws over embassy-net.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "tls")]
pub mod tls;
