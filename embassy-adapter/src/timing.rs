//! How long things may take.

use core::fmt;
use core::future::pending;

use embassy_time::{Duration, Instant, Timer};

/// How long things may take. Deadlines live in the connection, not in futures: to drop a future
/// and call again gives no more time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Timing {
    /// From the name to a connected transport: 10 s unless set.
    pub connect: Duration,
    /// The whole opening handshake, with that of TLS before it where there is one: 10 s unless set.
    pub handshake: Duration,
    /// The most time from one message, chunk or frame delivered to the next, while somebody
    /// receives. It bounds a peer that is silent as well as one whose message drips in octet by
    /// octet. `None` unless set: silence is no fault.
    pub idle: Option<Duration>,
    /// Whether to find out that the peer is gone. `None` unless set.
    pub keep_alive: Option<KeepAlive>,
    /// From our Close to the peer's, and from both to the end of the transport: 5 s unless set.
    pub close: Duration,
}

/// Finds out that the peer is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct KeepAlive {
    /// A Ping is sent each time this has passed, while somebody receives.
    pub interval: Duration,
    /// The peer is dead when no octet at all came for this long, in spite of a Ping. More than
    /// `interval`.
    pub dead_after: Duration,
}

/// Which deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Timeout {
    /// [`Timing::connect`]. Nothing was sent.
    Connect,
    /// [`Timing::handshake`].
    Handshake,
    /// [`Timing::idle`]. A Close with 1001 was sent as far as the transport took it at once.
    Idle,
    /// [`KeepAlive::dead_after`]. The same was tried.
    KeepAlive,
    /// [`Timing::close`]: the peer did not answer our Close. The transport was cut off.
    Close,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            idle: None,
            keep_alive: None,
            close: Duration::from_secs(5),
        }
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "no connection in time",
            Self::Handshake => "no opening handshake in time",
            Self::Idle => "nothing received in time",
            Self::KeepAlive => "the peer is gone",
            Self::Close => "no closing handshake in time",
        })
    }
}

impl core::error::Error for Timeout {}

#[cfg(feature = "tls")]
impl Timing {
    /// The same, with so much left of the time for the handshake.
    pub(crate) fn until(&self, handshake: Instant) -> Self {
        Self {
            handshake: handshake.saturating_duration_since(Instant::now()),
            ..*self
        }
    }
}

/// The deadlines of an open connection that the receiving side keeps. What is not asked for is
/// [`Duration::MAX`] away, which takes half the memory of an `Option`.
#[derive(Debug)]
pub(crate) struct Clock {
    idle: Duration,
    interval: Duration,
    dead_after: Duration,
    /// When something was delivered last.
    delivered: Instant,
    /// When the peer is dead, if it was asked.
    dead: Instant,
    next_ping: Instant,
    /// When waiting for the transport to end is over, once that was begun.
    hang_up_by: Instant,
    /// Whether a Ping was due since an octet came last.
    asked: bool,
    pub(crate) ping_due: bool,
    /// Whether the transport was ended.
    pub(crate) hung_up: bool,
}

impl Clock {
    pub(crate) fn new(timing: &Timing) -> Self {
        let now = Instant::now();
        let (interval, dead_after) = match timing.keep_alive {
            Some(keep_alive) => (keep_alive.interval, keep_alive.dead_after),
            None => (Duration::MAX, Duration::MAX),
        };
        Self {
            idle: timing.idle.unwrap_or(Duration::MAX),
            interval,
            dead_after,
            delivered: now,
            dead: now.saturating_add(dead_after),
            next_ping: now.saturating_add(interval),
            hang_up_by: Instant::MAX,
            asked: false,
            ping_due: false,
            hung_up: false,
        }
    }

    /// An octet came.
    pub(crate) fn heard(&mut self) {
        if self.dead_after != Duration::MAX {
            self.dead = after(self.dead_after);
            self.asked = false;
        }
    }

    /// Something was delivered.
    pub(crate) fn delivered(&mut self) {
        if self.idle != Duration::MAX {
            self.delivered = Instant::now();
        }
    }

    /// When to look again; [`Instant::MAX`] for never.
    pub(crate) fn next(&self) -> Instant {
        self.idle_ends().min(self.dies()).min(self.next_ping)
    }

    /// Looks whether a deadline has passed, or a Ping is due.
    pub(crate) fn check(&mut self) -> Result<(), Timeout> {
        let now = Instant::now();
        if now >= self.next_ping {
            self.ping_due = true;
            self.ask(now);
            self.next_ping = now.saturating_add(self.interval);
        }
        if now >= self.dies() {
            return Err(Timeout::KeepAlive);
        }
        if now >= self.idle_ends() {
            return Err(Timeout::Idle);
        }
        Ok(())
    }

    /// The transport has this long to end, from the first call on.
    pub(crate) fn hang_up_by(&mut self, close: Duration) -> Instant {
        if self.hang_up_by == Instant::MAX {
            self.hang_up_by = after(close);
        }
        self.hang_up_by
    }

    /// Somebody who did not receive for long has not asked either: the peer has as much time to
    /// answer as if a Ping had gone out in time.
    fn ask(&mut self, now: Instant) {
        if !self.asked {
            self.asked = true;
            let grace = self.dead_after.checked_sub(self.interval);
            let grace = grace.unwrap_or(Duration::MIN);
            self.dead = self.dead.max(now.saturating_add(grace));
        }
    }

    fn idle_ends(&self) -> Instant {
        self.delivered.saturating_add(self.idle)
    }

    fn dies(&self) -> Instant {
        if self.asked { self.dead } else { Instant::MAX }
    }
}

const _: () = assert!(size_of::<Clock>() <= 64);

/// Waits for a moment, [`Instant::MAX`] for ever.
pub(crate) async fn until(at: Instant) {
    if at == Instant::MAX {
        pending().await
    } else {
        Timer::at(at).await
    }
}

pub(crate) fn after(duration: Duration) -> Instant {
    Instant::now().saturating_add(duration)
}
