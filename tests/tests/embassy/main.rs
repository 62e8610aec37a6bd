//! The embassy adapter on the host, under a virtual clock.

mod backoff;
mod client;
mod column;
mod deadlines;
mod dial;
mod drops;
mod finishing;
mod handles;
mod handshake;
mod liveness;
mod secure;
mod split;
mod stream;
mod supervisor;
mod support;
#[path = "../tls_pki/mod.rs"]
mod tls_pki;
mod transport;
mod ways;
