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
    /// As `Wait`, but for a moment only: text that goes on at once need not be looked at before it is
    /// there whole. Only a link that [knows time](crate::blocking::Link::KNOWS_TIME) is asked for it.
    Moment,
    /// Until something was read, or all that is queued was written.
    Wait,
}

/// Why an exchange with the transport failed: the part of [`Error`] that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
