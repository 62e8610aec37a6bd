//! Finding out that the peer is gone.

use std::time::Duration;

use bare_ws::lifecycle::Limits;

use crate::error::SettingError;

/// Detects that the peer is gone, while some thread receives. Any octet from the peer counts as a
/// sign of life, and a peer counts as gone only if it was sent a Ping since its last one.
///
/// ```
/// use std::time::Duration;
///
/// use bare_ws_std::{Config, KeepAlive};
///
/// let config = Config::new().keepalive(KeepAlive {
///     interval: Duration::from_secs(30),
///     dead_after: Duration::from_secs(45),
/// });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// How long to wait without receiving an octet before sending a Ping, and between further ones.
    /// More than zero.
    pub interval: Duration,
    /// How long without an octet until the peer counts as gone:
    /// [`Timeout::KeepAlive`](crate::Timeout::KeepAlive). The time starts with the last octet, or
    /// with the receive if that started later. If nothing was receiving when the Ping was due, the
    /// peer has `dead_after - interval` from the Ping on. More than `interval`.
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
