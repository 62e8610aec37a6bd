//! Time limits.

use core::pin::pin;
use core::task::Context;

use bare_ws::lifecycle::{Limits, Moment};
use embassy_time::{Duration, Instant, Timer};

pub use bare_ws::lifecycle::Timeout;

/// The time limits of a connection. Deadlines live in the connection, not in futures: dropping a
/// future and calling again gains no time.
///
/// ```
/// use bare_ws_embassy::{KeepAlive, Timing};
/// use embassy_time::Duration;
///
/// const TIMING: Timing = Timing {
///     stall: Some(Duration::from_secs(20)),
///     keepalive: Some(KeepAlive {
///         interval: Duration::from_secs(30),
///         dead_after: Duration::from_secs(45),
///     }),
///     ..Timing::DEFAULT
/// };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Timing {
    /// For resolving the name and connecting the transport: 10 s unless set.
    pub connect: Duration,
    /// For the opening handshake, together with the TLS handshake if there is one: 10 s unless set.
    pub handshake: Duration,
    /// How long a receive may wait without one octet arriving, before [`Timeout::Silence`]. It never
    /// ends a send. `None` unless set, since a silent peer breaks no rule. Over TLS a record counts as
    /// arrived with its last octet.
    pub silence: Option<Duration>,
    /// How long the transport may accept nothing while something is queued, before
    /// [`Timeout::Stall`]. `None` unless set: a send waits as long as the peer makes it wait. Over
    /// TLS a record counts as accepted with its last octet, so allow for one as long as
    /// `tls::Records::write`.
    pub stall: Option<Duration>,
    /// Detects that the peer is gone. `None` unless set.
    pub keepalive: Option<KeepAlive>,
    /// From the first Close of either side, or from the failure, to the end of the transport: 5 s
    /// unless set.
    pub close: Duration,
}

/// Detects that the peer is gone, during a receive. Any octet from the peer is a sign of life, and the
/// peer never counts as gone before it was sent a Ping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct KeepAlive {
    /// A Ping is sent after this long without an octet, and again whenever this has passed once more.
    /// More than zero; zero counts as one tick.
    pub interval: Duration,
    /// The peer counts as gone after this long without an octet: [`Timeout::KeepAlive`]. It runs from
    /// the last octet, or from when the receive began to wait if that was later. If nothing was
    /// receiving when the Ping was due, the peer has the difference of the two from the Ping on. More
    /// than `interval`; any other value counts as twice the interval.
    pub dead_after: Duration,
}

impl Timing {
    /// The defaults, for `..Timing::DEFAULT`.
    pub const DEFAULT: Self = Self::new();

    /// For a connection that is to last, and a device that must notice when it is gone: a Ping after
    /// 30 s of silence, gone after 45 s; a stall of 20 s; 30 s for the handshakes, of which verifying
    /// the signatures of TLS takes 10 on a slow processor. Where each octet costs money, take longer
    /// intervals.
    pub const LONG_LIVED: Self = Self {
        handshake: Duration::from_secs(30),
        stall: Some(Duration::from_secs(20)),
        keepalive: Some(KeepAlive {
            interval: Duration::from_secs(30),
            dead_after: Duration::from_secs(45),
        }),
        ..Self::DEFAULT
    };

    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            connect: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            silence: None,
            stall: None,
            keepalive: None,
            close: Duration::from_secs(5),
        }
    }

    /// Those that an open connection keeps. [`Duration::MAX`] takes half the memory of an `Option`.
    pub(crate) fn limits(&self) -> Limits<Duration> {
        const TICK: Duration = Duration::from_ticks(1);
        let (ping_after, answer) = match self.keepalive {
            Some(KeepAlive {
                interval,
                dead_after,
            }) => {
                let interval = interval.max(TICK);
                let answer = dead_after.checked_sub(interval).unwrap_or(interval);
                (interval, if answer < TICK { interval } else { answer })
            }
            None => (Duration::MAX, Duration::MAX),
        };
        Limits {
            silence: self.silence.unwrap_or(Duration::MAX),
            stall: self.stall.unwrap_or(Duration::MAX),
            ping_after,
            answer,
            close: self.close,
        }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self::new()
    }
}

/// embassy's time as the core's machine counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At(pub(crate) Instant);

impl At {
    pub(crate) fn now() -> Self {
        Self(Instant::now())
    }

    /// Has the task polled then, at the latest. embassy-time's timers hold nothing between two
    /// polls but their moment: a new one for each will do.
    pub(crate) fn wake(self, cx: &mut Context<'_>) {
        if self != Self::NEVER {
            let _ = pin!(Timer::at(self.0)).poll(cx);
        }
    }
}

impl Moment for At {
    type Span = Duration;
    const NEVER: Self = Self(Instant::MAX);
    const FOREVER: Duration = Duration::MAX;

    fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}

pub(crate) fn after(duration: Duration) -> Instant {
    Instant::now().saturating_add(duration)
}
