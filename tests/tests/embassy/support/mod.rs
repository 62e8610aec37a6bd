//! What the tests of the embassy adapter stand on: a clock that only moves when nothing else
//! does, tasks with a waker each, and pipes that deliver as badly as they are told to.

pub(crate) mod clock;
pub(crate) mod entropy;
pub(crate) mod frames;
pub(crate) mod network;
pub(crate) mod pipe;
pub(crate) mod tasks;
pub(crate) mod wss;

use bare_ws::receiver::Receiver;
use bare_ws::role::Client as ClientRole;
use bare_ws::sender::Sender;
use bare_ws_embassy::{Connection, Timing};
use embassy_time::{Duration, Instant};

use entropy::Repeatable;
use pipe::{Manner, Pipe};

/// An open connection over a pair of pipes, with `LEN` octets in each buffer.
pub(crate) type Client<const LEN: usize> = Connection<
    (Pipe, Pipe),
    Receiver<ClientRole, [u8; LEN]>,
    Sender<ClientRole, [u8; LEN], Repeatable>,
>;

/// The two directions as the peer sees them.
#[derive(Clone)]
pub(crate) struct Peer {
    /// What the client reads.
    pub(crate) to_client: Pipe,
    /// What the client wrote.
    pub(crate) from_client: Pipe,
}

pub(crate) fn connected<const LEN: usize>(manner: Manner, timing: &Timing) -> (Client<LEN>, Peer) {
    let peer = Peer {
        to_client: Pipe::new(manner),
        from_client: Pipe::new(manner),
    };
    let client = Connection::new(
        (peer.to_client.clone(), peer.from_client.clone()),
        Receiver::new([0; LEN]),
        Sender::new([0; LEN], Repeatable(7)),
        timing,
    );
    (client, peer)
}

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Seconds since the clock was set to 0.
pub(crate) fn now() -> f64 {
    Instant::now().as_micros() as f64 / 1e6
}
