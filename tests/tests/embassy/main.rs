//! The embassy adapter on the host, under a virtual clock.

mod backoff;
mod deadlines;
mod handshake;
mod split;
mod support;
