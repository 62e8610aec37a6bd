//! bare-ws over tokio.
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

#[path = "../deadlines/axes.rs"]
mod axes;
#[cfg(feature = "deflate")]
mod between;
mod cancel;
mod choice;
mod closing;
mod connection;
mod deadlines;
mod faulty;
mod limits;
mod memory;
mod promises;
mod room;
mod server;
mod streams;
mod text;
mod transports;
mod turns;
mod waking;
