//! When to connect again.

use bare_ws::entropy::{Entropy, EntropyError};
use embassy_time::Duration;

/// Computes the delays before connection attempts. It has no clock: the caller waits.
///
/// RFC 6455 §7.2.3: "The first reconnect attempt SHOULD be delayed by a random amount of time",
/// and the next ones "by increasingly longer amounts of time, using a method such as truncated
/// binary exponential backoff". So the first delay is from 0 to `first`, evenly; the next is from
/// `first` to twice that, and so on, up to `longest`; from then on each is
/// between half of `longest` and all of it. A thousand devices that lost the same server at the same
/// moment do not all come back at the same moment.
///
/// ```
/// use bare_ws_embassy::bare_ws::entropy::{Entropy, EntropyError};
/// use bare_ws_embassy::bare_ws::receiver::Receive;
/// use bare_ws_embassy::bare_ws::sender::Transmit;
/// use bare_ws_embassy::transport::Transport;
/// use bare_ws_embassy::{Backoff, Connection};
/// use embassy_time::Timer;
///
/// async fn device<Io: Transport, Rx: Receive, Tx: Transmit>(
///     mut entropy: impl Entropy,
///     connect: impl AsyncFn() -> Option<Connection<Io, Rx, Tx>>,
/// ) -> Result<(), EntropyError> {
///     let mut backoff = Backoff::default();
///     loop {
///         Timer::after(backoff.delay(&mut entropy)?).await;
///         let Some(mut connection) = connect().await else { continue };
///         while let Ok(Some(_message)) = connection.recv().await {
///             backoff.reset(); // the server is there, and does its work
///         }
///         let _why = connection.finish().await;
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    /// The bounds of the next delay.
    from: Duration,
    to: Duration,
}

impl Backoff {
    /// Up to 5 s at first (RFC 6455 §7.2.3: "a value chosen randomly between 0 and 5 seconds is a
    /// reasonable initial delay"), up to 5 min in the end.
    pub const DEFAULT: Self = Self::new(Duration::from_secs(5), Duration::from_secs(300));

    /// The first delay is up to `first`, and later ones grow up to `longest`.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        let first = if first.as_ticks() < longest.as_ticks() {
            first
        } else {
            longest
        };
        Self {
            first,
            longest,
            from: Duration::MIN,
            to: first,
        }
    }

    /// How long to wait before the next attempt. This includes the first: after a power cut all
    /// devices start at the same time.
    ///
    /// # Errors
    /// The entropy source failed; nothing has changed.
    pub fn delay(&mut self, entropy: &mut impl Entropy) -> Result<Duration, EntropyError> {
        let mut random = [0; 4];
        entropy.fill(&mut random)?;
        let span = self.to.as_ticks().saturating_sub(self.from.as_ticks());
        let delay = fraction(span, u32::from_le_bytes(random));
        let delay = Duration::from_ticks(self.from.as_ticks().saturating_add(delay));
        self.grow();
        Ok(delay)
    }

    /// The longest delay that [`delay`](Self::delay) could return, for when there is no entropy.
    pub(crate) fn undrawn(&mut self) -> Duration {
        let delay = self.to;
        self.grow();
        delay
    }

    fn grow(&mut self) {
        let doubled = Duration::from_ticks(self.to.as_ticks().saturating_mul(2));
        self.to = doubled.min(self.longest);
        self.from = Duration::from_ticks(self.to.as_ticks() >> 1);
    }

    /// Starts over, once the server works again: the next delay is up to `first`.
    pub fn reset(&mut self) {
        *self = Self::new(self.first, self.longest);
    }
}

impl Default for Backoff {
    /// [`Backoff::DEFAULT`].
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// `span * random / 2^32`, in 64 bits and without a division.
fn fraction(span: u64, random: u32) -> u64 {
    let (high, low) = (span >> 32, span & u64::from(u32::MAX));
    let random = u64::from(random);
    high.wrapping_mul(random)
        .wrapping_add(low.wrapping_mul(random) >> 32)
}
