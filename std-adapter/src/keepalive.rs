//! Finding out that the peer is gone.

use std::time::Duration;

use bare_ws::lifecycle::Limits;

/// Finds out that the peer is gone, while somebody receives: any octet of the peer's is life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// After how long without an octet a Ping is sent.
    pub interval: Duration,
    /// After how long without an octet the peer counts as gone. More than `interval`.
    pub dead_after: Duration,
}

impl KeepAlive {
    pub(crate) fn apply(keepalive: Option<Self>, limits: &mut Limits<Option<Duration>>) {
        limits.ping_after = keepalive.map(|keepalive| keepalive.interval);
        limits.dead_after = keepalive.map(|keepalive| keepalive.dead_after);
    }
}
