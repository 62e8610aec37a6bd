//! What the two loops and whoever moves octets for them tell each other.

use core::fmt;

use crate::entropy::EntropyError;
use crate::error::Error;

/// The outcome of an exchange with the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchanged {
    /// That many octets were read; 0 at their end.
    Read(usize),
    /// Nothing was read. What was queued is written, or the attempt was made.
    Wrote,
    /// Nothing was read for a long time: memory may be given back before the next exchange.
    Quiet,
}

/// How long an exchange with the transport may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// What can be written without waiting is; nothing is read.
    AtOnce,
    /// As `Wait`, but for a moment only, or in a task for what is there at once: text that goes on
    /// without a pause need not be looked at before it is there whole. Only a link that
    /// [knows time](crate::blocking::Link::KNOWS_TIME) is asked for it.
    Moment,
    /// Until something was read, or all that is queued was written.
    Wait,
}

/// How far a loop is with bringing a connection to the end of its transport.
#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
#[derive(Default)]
pub(crate) struct Finishing {
    /// The peer's direction has ended, or there is no memory to read into.
    ended: bool,
    /// There was no memory once before.
    nowhere: bool,
    /// Exchanges since the end.
    written: u8,
}

#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
impl Finishing {
    /// Where to read to.
    #[inline]
    pub(crate) fn spare<'a>(&self, spare: &'a mut [u8]) -> &'a mut [u8] {
        if self.ended { &mut [] } else { spare }
    }

    /// Whether that exchange, which could read if it `reads`, was the last. `is_left`: something is
    /// owed or queued still.
    #[inline]
    pub(crate) fn is_done(&mut self, exchanged: Exchanged, reads: bool, is_left: bool) -> bool {
        // Memory that could not grow is free by the next time; there may be none.
        self.ended |= exchanged == Exchanged::Read(0) || (!reads && self.nowhere);
        self.nowhere |= !reads;
        if !self.ended {
            return false;
        }
        // A peer that has ended its direction may still listen. Twice, since what is owed may find no
        // room before what is queued has left.
        self.written = self.written.saturating_add(1);
        self.written > 2 || !is_left
    }
}

/// Why an exchange with the transport failed: the part of [`Error`] that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ExchangeError<E> {
    /// The source of entropy failed, and with it the reply that was owed.
    Entropy,
    /// The transport failed while it was read from.
    Transport(E),
}

impl<E> From<ExchangeError<E>> for Error<E> {
    fn from(error: ExchangeError<E>) -> Self {
        match error {
            ExchangeError::Entropy => Self::Entropy,
            ExchangeError::Transport(error) => Self::Transport(error),
        }
    }
}

impl<E> From<EntropyError> for ExchangeError<E> {
    fn from(_: EntropyError) -> Self {
        Self::Entropy
    }
}

impl<E: fmt::Display> fmt::Display for ExchangeError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entropy => EntropyError.fmt(f),
            Self::Transport(error) => error.fmt(f),
        }
    }
}

/// As [`Error`]'s.
impl<E: core::error::Error> core::error::Error for ExchangeError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Entropy => None,
            Self::Transport(error) => error.source(),
        }
    }
}
