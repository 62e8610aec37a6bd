//! bare-ws over tokio.
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

#[path = "../deadlines/axes.rs"]
mod axes;
mod cancel;
mod closing;
mod connection;
mod deadlines;
mod memory;
mod server;
mod streams;
mod text;
