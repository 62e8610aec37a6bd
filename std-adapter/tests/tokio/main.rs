//! bare-ws over tokio.
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

mod connection;
mod server;
mod streams;
