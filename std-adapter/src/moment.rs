//! The machine's time on a host.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use bare_ws::lifecycle;

use crate::sync;

/// A point in time that may be never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Moment(Option<Instant>);

impl Moment {
    pub(crate) fn now() -> Self {
        Self(Some(sync::now()))
    }

    /// That point in time.
    #[cfg(feature = "tokio")]
    pub(crate) fn at(instant: Instant) -> Self {
        Self(Some(instant))
    }

    /// So long from now. A time that cannot be counted is never.
    pub(crate) fn in_time(span: Option<Duration>) -> Self {
        Self(span.and_then(|span| sync::now().checked_add(span)))
    }

    /// How long from `now` until then: `None` for never.
    pub(crate) fn left(self, now: Self) -> Option<Duration> {
        Some(self.0?.saturating_duration_since(now.0?))
    }

    pub(crate) fn instant(self) -> Option<Instant> {
        self.0
    }
}

impl lifecycle::Moment for Moment {
    type Span = Option<Duration>;
    const NEVER: Self = Self(None);
    const FOREVER: Self::Span = None;

    fn after(self, span: Option<Duration>) -> Self {
        Self(
            self.0
                .zip(span)
                .and_then(|(now, span)| now.checked_add(span)),
        )
    }
}

impl Ord for Moment {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.0, other.0) {
            (Some(a), Some(b)) => a.cmp(&b),
            // Never is later than all.
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    }
}

impl PartialOrd for Moment {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use bare_ws::lifecycle::Moment as _;

    use super::*;

    #[test]
    fn never_is_later_than_all_and_never_comes() {
        let now = Moment::now();
        let later = now.after(Some(Duration::from_secs(1)));
        assert!(now < later && later < Moment::NEVER);
        assert_eq!(Moment::NEVER.max(now), Moment::NEVER);
        assert_eq!(Moment::NEVER.min(now), now);
        assert!(now.has_come(later) && !later.has_come(now) && !Moment::NEVER.has_come(later));
        assert_eq!(now.after(Some(Duration::MAX)), Moment::NEVER);
        assert_eq!(now.after(None), Moment::NEVER);
        assert_eq!(later.left(now), Some(Duration::from_secs(1)));
        assert_eq!(Moment::NEVER.left(now), None);
    }
}
