//! Every thread of a connection against every other, under a model checker: see `laws` for what holds.

mod explore;
mod laws;
mod wire;

mod closing;
mod ending;
mod sending;
mod tls;

use bare_ws_std::{Config, WebSocket};
use wire::{Peer, Wire};

/// Longer than the transmit buffer, and than what finds room on the way.
const LONG: usize = 500;

/// Everything is in pieces: 200 octets are queued at a time, 150 find room on the way.
fn config() -> Config {
    Config::new().transmit_buffer(200).receive_buffer(256)
}

fn open(config: &Config) -> (WebSocket<Wire>, Peer) {
    let (wire, peer) = Wire::pair(150, 150);
    let socket = config
        .open_lingering("ws://peer/", wire)
        .expect("the peer is willing");
    (socket, peer)
}
