//! What can go wrong, sorted by whose fault it is.
//!
//! A closed connection is not among it: the closing handshake ends a connection without an error.

use core::convert::Infallible;
use core::fmt;

use crate::close::CloseCode;

/// Why an operation did not happen, or why the connection failed.
///
/// `T` is the transport's own error. The machines of this crate do no I/O and give
/// `Error<Infallible>`; the loops over a transport give `Error<T>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error<T = Infallible> {
    /// The peer violated the protocol. The connection has failed; a Close with
    /// [`Violation::close_code`] is owed to the peer.
    Peer(Violation),
    /// What the peer sent is lawful, but more than this end's memory or limits take. The
    /// connection has failed; a Close with [`Capacity::close_code`] is owed to the peer.
    Capacity(Capacity),
    /// Our caller asked for what must not be done. Nothing was sent, nothing has changed.
    Usage(Usage),
    /// The source of entropy failed. Nothing was sent.
    Entropy,
    /// The transport ended before the closing handshake was complete (status code 1006).
    Lost,
    /// The transport's own error.
    Transport(T),
}

/// What the peer did wrong (RFC 6455, RFC 7692).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Violation {
    /// A reserved bit is set that no extension gave a meaning (§5.2).
    ReservedBit,
    /// A reserved opcode (§5.2).
    ReservedOpcode,
    /// A server masked a frame (§5.1).
    Masked,
    /// A client did not mask a frame (§5.1).
    NotMasked,
    /// The payload length is not in its shortest form (§5.2).
    LengthNotMinimal,
    /// The most significant bit of a 64-bit length is set (§5.2).
    LengthTopBit,
    /// A control frame of more than 125 octets (§5.5).
    ControlTooLong,
    /// A fragmented control frame (§5.5).
    ControlFragmented,
    /// A continuation of nothing (§5.4).
    UnexpectedContinuation,
    /// A new message before the last fragment of another (§5.4).
    ExpectedContinuation,
    /// A Close payload of one octet (§5.5.1).
    ClosePayload,
    /// A status code that must not stand in a Close frame (§7.4); the code is reported as seen.
    CloseCode(CloseCode),
    /// A Close reason that is not UTF-8 (§5.5.1).
    CloseReason,
    /// Text that is not UTF-8 (§8.1).
    InvalidUtf8,
    /// Compressed data that no compressor makes, or that ends too early (RFC 7692 §7.2.2).
    CorruptCompression,
}

/// Which limit was met, and how much would have been needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Capacity {
    /// A message longer than the buffer or the limit.
    Message {
        /// Octets known to be needed so far; the message may be longer still.
        needed: u64,
        /// Octets that this end takes.
        limit: u64,
    },
    /// More fragments in a message than the limit.
    Fragments {
        /// The limit.
        limit: u32,
    },
    /// The memory for a growing buffer could not be had.
    Memory {
        /// Octets asked for.
        needed: u64,
    },
}

/// What our caller must not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Usage {
    /// Sending after a Close was sent or received, or after the connection failed (§6.1).
    NotOpen,
    /// The control payload is longer than 125 octets (§5.5).
    ControlTooLong,
    /// The Close reason is longer than 123 octets.
    ReasonTooLong,
    /// The status code must not be sent (§7.4).
    CloseCode(CloseCode),
    /// A reason without a status code.
    ReasonWithoutCode,
    /// A message while another is still being sent in fragments (§5.4).
    MessageOpen,
    /// A fragment to continue or finish, and no message open.
    NothingToContinue,
    /// A longer message was dropped midway, so no data can follow; closing still works.
    InterruptedMessage,
    /// The buffer cannot hold the smallest frame: `needed` octets.
    BufferTooSmall {
        /// Octets needed.
        needed: usize,
    },
    /// The octets queued before must leave first.
    Busy,
    /// A message begun at frame or chunk level must be read to its end at that level.
    MixedLevels,
}

impl<T> Error<T> {
    /// The status code to send for it: `None` when nothing is to be sent.
    #[must_use]
    pub const fn close_code(&self) -> Option<CloseCode> {
        match self {
            Self::Peer(violation) => Some(violation.close_code()),
            Self::Capacity(capacity) => Some(capacity.close_code()),
            Self::Usage(_) | Self::Entropy | Self::Lost | Self::Transport(_) => None,
        }
    }
}

impl<T> Error<T> {
    /// The same error without a transport, the inverse of [`widen`](Error::widen).
    ///
    /// # Errors
    /// The transport's, if it was one of its own.
    pub fn narrow(self) -> Result<Error, T> {
        Ok(match self {
            Self::Peer(violation) => Error::Peer(violation),
            Self::Capacity(capacity) => Error::Capacity(capacity),
            Self::Usage(usage) => Error::Usage(usage),
            Self::Entropy => Error::Entropy,
            Self::Lost => Error::Lost,
            Self::Transport(error) => return Err(error),
        })
    }
}

impl Error<Infallible> {
    /// The same error among those of a transport.
    #[must_use]
    pub fn widen<T>(self) -> Error<T> {
        match self {
            Self::Peer(violation) => Error::Peer(violation),
            Self::Capacity(capacity) => Error::Capacity(capacity),
            Self::Usage(usage) => Error::Usage(usage),
            Self::Entropy => Error::Entropy,
            Self::Lost => Error::Lost,
            Self::Transport(never) => match never {},
        }
    }
}

impl Violation {
    /// RFC 6455 §7.4.1: 1007 for data inconsistent with the type of the message, else 1002.
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::InvalidUtf8 | Self::CloseReason | Self::CorruptCompression => {
                CloseCode::INVALID_PAYLOAD
            }
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}

impl Capacity {
    /// 1009 for size; 1008 for counts.
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::Message { .. } | Self::Memory { .. } => CloseCode::TOO_BIG,
            Self::Fragments { .. } => CloseCode::POLICY_VIOLATION,
        }
    }
}

impl<T> From<Violation> for Error<T> {
    fn from(violation: Violation) -> Self {
        Self::Peer(violation)
    }
}

impl<T> From<Capacity> for Error<T> {
    fn from(capacity: Capacity) -> Self {
        Self::Capacity(capacity)
    }
}

impl<T> From<Usage> for Error<T> {
    fn from(usage: Usage) -> Self {
        Self::Usage(usage)
    }
}

impl<T> From<crate::entropy::EntropyError> for Error<T> {
    fn from(_: crate::entropy::EntropyError) -> Self {
        Self::Entropy
    }
}

/// Why a connection failed, in few octets. How much was too much is for its owner to remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Peer(Violation),
    /// [`Capacity::Message`].
    Message,
    /// [`Capacity::Fragments`].
    Fragments,
    /// [`Capacity::Memory`].
    Memory,
    Lost,
}

impl Failure {
    /// As [`Error::close_code`].
    pub(crate) const fn close_code(self) -> Option<CloseCode> {
        Some(match self {
            Self::Peer(violation) => violation.close_code(),
            Self::Message | Self::Memory => CloseCode::TOO_BIG,
            Self::Fragments => CloseCode::POLICY_VIOLATION,
            Self::Lost => return None,
        })
    }
}

/// What keeps a frame from being queued: an [`Error`] that fits two registers, since it passes
/// through many hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Usage(Usage),
    Entropy,
}

impl From<Usage> for Fault {
    fn from(usage: Usage) -> Self {
        Self::Usage(usage)
    }
}

impl From<crate::entropy::EntropyError> for Fault {
    fn from(_: crate::entropy::EntropyError) -> Self {
        Self::Entropy
    }
}

impl<T> From<Fault> for Error<T> {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Usage(usage) => Self::Usage(usage),
            Fault::Entropy => Self::Entropy,
        }
    }
}

/// What keeps queued octets from leaving: an [`Error`] as small as the transport's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
pub(crate) enum Cut<T> {
    Lost,
    Transport(T),
}

#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
impl<T> From<T> for Cut<T> {
    fn from(error: T) -> Self {
        Self::Transport(error)
    }
}

#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
impl<T> From<Cut<T>> for Error<T> {
    fn from(cut: Cut<T>) -> Self {
        match cut {
            Cut::Lost => Self::Lost,
            Cut::Transport(error) => Self::Transport(error),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Error<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(violation) => violation.fmt(f),
            Self::Capacity(capacity) => capacity.fmt(f),
            Self::Usage(usage) => usage.fmt(f),
            Self::Entropy => f.write_str("the source of entropy failed"),
            Self::Lost => f.write_str("the connection ended without a closing handshake"),
            Self::Transport(error) => error.fmt(f),
        }
    }
}

impl<T: core::error::Error + 'static> core::error::Error for Error<T> {
    /// What is behind the transport's error, which is shown as it is.
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Transport(error) => error.source(),
            _ => None,
        }
    }
}

impl core::error::Error for Violation {}

impl core::error::Error for Capacity {}

impl core::error::Error for Usage {}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReservedBit => "a reserved bit is set that no extension uses",
            Self::ReservedOpcode => "a reserved opcode",
            Self::Masked => "a masked frame from a server",
            Self::NotMasked => "an unmasked frame from a client",
            Self::LengthNotMinimal => "a payload length not in its shortest form",
            Self::LengthTopBit => "a payload length of 2^63 or more",
            Self::ControlTooLong => "a control frame longer than 125 octets",
            Self::ControlFragmented => "a fragmented control frame",
            Self::UnexpectedContinuation => "a continuation of no message",
            Self::ExpectedContinuation => "a new message inside a fragmented one",
            Self::ClosePayload => "a Close payload of one octet",
            Self::CloseCode(code) => return write!(f, "status code {code} in a Close frame"),
            Self::CloseReason => "a Close reason that is not UTF-8",
            Self::InvalidUtf8 => "text that is not UTF-8",
            Self::CorruptCompression => "corrupt compressed data",
        })
    }
}

impl fmt::Display for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message { needed, limit } => {
                write!(
                    f,
                    "a message of at least {needed} octets, the limit is {limit}"
                )
            }
            Self::Fragments { limit } => write!(f, "a message of more than {limit} fragments"),
            Self::Memory { needed } => write!(f, "no memory for {needed} octets"),
        }
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOpen => "the connection is closing or closed",
            Self::ControlTooLong => "a control payload is at most 125 octets",
            Self::ReasonTooLong => "a Close reason is at most 123 octets",
            Self::CloseCode(code) => return write!(f, "status code {code} must not be sent"),
            Self::ReasonWithoutCode => "a reason needs a status code",
            Self::MessageOpen => "a message is still being sent in fragments",
            Self::NothingToContinue => "no message is open",
            Self::InterruptedMessage => "a message was interrupted, only closing is left",
            Self::BufferTooSmall { needed } => {
                return write!(f, "the buffer must hold {needed} octets");
            }
            Self::Busy => "octets queued before are not written yet",
            Self::MixedLevels => "the open message is read at another level",
        })
    }
}
