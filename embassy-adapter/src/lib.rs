//! bare-ws on embassy: connections with deadlines, for one task or two.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod backoff;
pub mod connection;
pub mod entropy;
pub mod error;
pub mod timing;
pub mod transport;

mod reader;
mod shared;
mod writer;

#[cfg(feature = "net")]
pub mod net;
#[cfg(feature = "tls")]
pub mod tls;

pub use backoff::Backoff;
pub use connection::Connection;
pub use error::{ConnectError, Error};
pub use reader::Reader;
pub use timing::{KeepAlive, Timeout, Timing};
pub use writer::Writer;
