//! Finding out that the peer is gone.

use std::time::Duration;

use bare_ws::lifecycle::Limits;

use crate::error::SettingError;

/// Finds out that the peer is gone, while somebody receives. Any octet of the peer's is a sign of
/// life, and no peer counts as gone that was not sent a Ping since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// After how long without an octet a Ping is sent, and again each time that this has passed.
    /// More than zero.
    pub interval: Duration,
    /// After how long without an octet the peer counts as gone:
    /// [`Timeout::KeepAlive`](crate::Timeout::KeepAlive). It begins with the last octet, or with
    /// the wait if that began later; where nobody received when the Ping was due, the peer has the
    /// time between the two from the Ping on. More than `interval`.
    pub dead_after: Duration,
}

impl KeepAlive {
    pub(crate) fn check(self) -> Result<(), SettingError> {
        let Self {
            interval,
            dead_after,
        } = self;
        if interval > Duration::ZERO && dead_after > interval {
            Ok(())
        } else {
            Err(SettingError::KeepAlive {
                interval,
                dead_after,
            })
        }
    }

    pub(crate) fn apply(keepalive: Option<Self>, limits: &mut Limits<Option<Duration>>) {
        limits.ping_after = keepalive.map(|keepalive| keepalive.interval);
        limits.answer =
            keepalive.map(|keepalive| keepalive.dead_after.saturating_sub(keepalive.interval));
    }
}
