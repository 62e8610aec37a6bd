//! How long things may take.

use core::pin::pin;
use core::task::Context;

use bare_ws::lifecycle::{Limits, Moment};
use embassy_time::{Duration, Instant, Timer};

pub use bare_ws::lifecycle::Timeout;

/// How long things may take. Deadlines live in the connection, not in futures: to drop a future
/// and call again gives no more time.
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
    /// From the name to a connected transport: 10 s unless set.
    pub connect: Duration,
    /// The whole opening handshake, with that of TLS before it where there is one: 10 s unless set.
    pub handshake: Duration,
    /// How long not one octet may arrive while somebody receives; then [`Timeout::Silence`]. It
    /// never ends a send. `None` unless set: silence is no fault. Over TLS a record has arrived when
    /// its last octet has.
    pub silence: Option<Duration>,
    /// How long the transport may take nothing while something is queued; then
    /// [`Timeout::Stall`]. `None` unless set: a send waits as long as the peer makes it wait. Over
    /// TLS a record is taken when its last octet is, so allow for a whole one of the length of
    /// `tls::Records::write`.
    pub stall: Option<Duration>,
    /// Whether to find out that the peer is gone. `None` unless set.
    pub keepalive: Option<KeepAlive>,
    /// From the first Close of either side, or from the failure, to the end of the transport: 5 s
    /// unless set.
    pub close: Duration,
}

/// Finds out that the peer is gone, while somebody receives. Any octet of the peer's is a sign of
/// life, and no peer counts as gone that was not sent a Ping since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct KeepAlive {
    /// After how long without an octet a Ping is sent, and again each time that this has passed.
    /// More than zero; zero counts as one tick.
    pub interval: Duration,
    /// After how long without an octet the peer counts as gone: [`Timeout::KeepAlive`]. It begins
    /// with the last octet, or with the wait if that began later; where nobody received when the
    /// Ping was due, the peer has the time between the two from the Ping on. More than `interval`;
    /// what is not counts as twice the interval.
    pub dead_after: Duration,
}

impl Timing {
    /// What holds unless set, for `..Timing::DEFAULT`.
    pub const DEFAULT: Self = Self::new();

    /// For a connection that is to stay, on a device that is to notice when it cannot: a Ping after
    /// 30 s of silence, given up after 45 s; a stall of 20 s; 30 s for the handshakes, of which the
    /// signatures of TLS take 10 on a slow processor. What carries each octet by radio at a price may
    /// want longer intervals.
    pub const LONG_LIVED: Self = Self {
        handshake: Duration::from_secs(30),
        stall: Some(Duration::from_secs(20)),
        keepalive: Some(KeepAlive {
            interval: Duration::from_secs(30),
            dead_after: Duration::from_secs(45),
        }),
        ..Self::DEFAULT
    };

    /// What holds unless set.
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
