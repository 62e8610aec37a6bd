//! Everything that can go wrong on an open connection, sorted by whose fault it is.
//!
//! A connection that ends with a closing handshake ends without an error.

use core::convert::Infallible;
use core::fmt;

use crate::close::CloseCode;
use crate::lifecycle::Timeout;

/// Why a call did not succeed, or why the connection failed.
///
/// `T` is the transport's own error. The machines of this crate do no I/O and give
/// `Error<Infallible>`; the loops over a transport give `Error<T>`, and so does `bare-ws-embassy`.
///
/// `Display` shows the whole error, on one line. [`source`](core::error::Error::source) never
/// repeats a part of that: it gives what lies behind the part that was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error<T = Infallible> {
    /// The peer violated the protocol. The connection has failed.
    Peer(Violation),
    /// A message is longer than the buffer or the limit. The connection has failed.
    TooLong {
        /// The length of the message as far as it is known, in octets; it may be longer still.
        needed: u64,
        /// The longest message that fits, in octets.
        limit: u64,
    },
    /// A message has more fragments than the limit. The connection has failed.
    TooManyFragments {
        /// The limit.
        limit: u32,
    },
    /// A growing buffer could not be allocated. The connection has failed.
    OutOfMemory {
        /// The size of the allocation that failed, in octets.
        needed: u64,
    },
    /// The call is not allowed. Nothing was sent, and nothing has changed.
    Usage(Usage),
    /// The entropy source failed. Nothing was sent.
    Entropy,
    /// The transport ended without a closing handshake (status code 1006).
    Lost,
    /// A time limit has passed, and the connection is over. The loops of this crate have no clock
    /// and never report it; the adapters do.
    Timeout(Timeout),
    /// The transport's own error.
    Transport(T),
}

/// The rule that the peer broke (RFC 6455, RFC 7692).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Violation {
    /// A reserved bit is set, and no extension gives it a meaning (§5.2).
    ReservedBit,
    /// A frame with a reserved opcode (§5.2).
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
    /// A continuation frame, and no message to continue (§5.4).
    UnexpectedContinuation,
    /// A new message before the last fragment of the previous one (§5.4).
    ExpectedContinuation,
    /// A Close payload of one octet (§5.5.1).
    ClosePayload,
    /// A status code that must not appear in a Close frame (§7.4), as it was received.
    CloseCode(CloseCode),
    /// A Close reason that is not UTF-8 (§5.5.1).
    CloseReason,
    /// Text that is not UTF-8 (§8.1).
    InvalidUtf8,
    /// Compressed data that is invalid or incomplete (RFC 7692 §7.2.2).
    CorruptCompression,
}

/// Why a call is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Usage {
    /// Sending after a Close was sent or received, or after the connection failed (§6.1).
    NotOpen,
    /// The payload of a control frame is longer than 125 octets (§5.5).
    ControlTooLong,
    /// A control frame must not be fragmented (§5.5): it has FIN set.
    ControlFragmented,
    /// A Close cannot be sent as a single frame, only by closing.
    CloseFrame,
    /// The Close reason is longer than 123 octets.
    ReasonTooLong,
    /// The status code must not be sent (§7.4).
    CloseCode(CloseCode),
    /// A Close reason without a status code.
    ReasonWithoutCode,
    /// A new message while another is being sent in fragments (§5.4).
    MessageOpen,
    /// A fragment that continues or finishes a message, and no message is open.
    NothingToContinue,
    /// An earlier message was abandoned before its end, so no data can follow. Closing still works.
    InterruptedMessage,
    /// The buffer cannot hold the smallest frame.
    BufferTooSmall {
        /// The smallest size that would do, in octets.
        needed: usize,
    },
    /// Octets queued earlier must be written out first.
    Busy,
    /// A message that was begun as chunks or frames must be read to its end the same way.
    MixedLevels,
    /// A whole message is asked for, and the memory for compression holds pieces only.
    PiecesOnly,
}

impl<T> Error<T> {
    /// The status code of the Close that this end sends because the peer broke a rule or exceeded a
    /// limit; `None` for every other error.
    #[must_use]
    pub const fn close_code(&self) -> Option<CloseCode> {
        match self {
            Self::Peer(violation) => Some(violation.close_code()),
            Self::TooLong { .. } | Self::OutOfMemory { .. } => Some(CloseCode::TOO_BIG),
            Self::TooManyFragments { .. } => Some(CloseCode::POLICY_VIOLATION),
            Self::Usage(_) | Self::Entropy | Self::Lost | Self::Timeout(_) | Self::Transport(_) => {
                None
            }
        }
    }

    /// Whether it says only that the connection has ended; the receiving side reports why.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(
            self,
            Self::Timeout(_) | Self::Lost | Self::Usage(Usage::NotOpen)
        )
    }

    /// The same error without a transport, the inverse of [`widen`](Error::widen).
    ///
    /// # Errors
    /// The transport's own error, if that is what it was.
    pub fn narrow(self) -> Result<Error, T> {
        Ok(match self {
            Self::Peer(violation) => Error::Peer(violation),
            Self::TooLong { needed, limit } => Error::TooLong { needed, limit },
            Self::TooManyFragments { limit } => Error::TooManyFragments { limit },
            Self::OutOfMemory { needed } => Error::OutOfMemory { needed },
            Self::Usage(usage) => Error::Usage(usage),
            Self::Entropy => Error::Entropy,
            Self::Lost => Error::Lost,
            Self::Timeout(timeout) => Error::Timeout(timeout),
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
            Self::TooLong { needed, limit } => Error::TooLong { needed, limit },
            Self::TooManyFragments { limit } => Error::TooManyFragments { limit },
            Self::OutOfMemory { needed } => Error::OutOfMemory { needed },
            Self::Usage(usage) => Error::Usage(usage),
            Self::Entropy => Error::Entropy,
            Self::Lost => Error::Lost,
            Self::Timeout(timeout) => Error::Timeout(timeout),
            Self::Transport(never) => match never {},
        }
    }
}

impl Violation {
    /// 1007 for data inconsistent with the type of the message (RFC 6455 §7.4.1), otherwise 1002.
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

impl<T> From<Violation> for Error<T> {
    fn from(violation: Violation) -> Self {
        Self::Peer(violation)
    }
}

impl<T> From<Timeout> for Error<T> {
    fn from(timeout: Timeout) -> Self {
        Self::Timeout(timeout)
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

/// Why a connection failed. Not an [`Error`], since it is part of a connection's state and is to take
/// few octets: the figures that belong to it are the receiver's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Peer(Violation),
    /// [`Error::TooLong`].
    TooLong,
    /// [`Error::TooManyFragments`].
    TooManyFragments,
    /// [`Error::OutOfMemory`].
    OutOfMemory,
    Lost,
}

impl Failure {
    /// As [`Error::close_code`].
    pub(crate) const fn close_code(self) -> Option<CloseCode> {
        Some(match self {
            Self::Peer(violation) => violation.close_code(),
            Self::TooLong | Self::OutOfMemory => CloseCode::TOO_BIG,
            Self::TooManyFragments => CloseCode::POLICY_VIOLATION,
            Self::Lost => return None,
        })
    }
}

/// Why a [`Sender`](crate::sender::Sender) queued nothing: the part of [`Error`] that applies, small
/// enough for two registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SendError {
    /// The call is not allowed. Nothing has changed.
    Usage(Usage),
    /// The entropy source failed.
    Entropy,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(usage) => usage.fmt(f),
            Self::Entropy => crate::entropy::EntropyError.fmt(f),
        }
    }
}

impl core::error::Error for SendError {}

impl From<Usage> for SendError {
    fn from(usage: Usage) -> Self {
        Self::Usage(usage)
    }
}

impl From<crate::entropy::EntropyError> for SendError {
    fn from(_: crate::entropy::EntropyError) -> Self {
        Self::Entropy
    }
}

impl<T> From<SendError> for Error<T> {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Usage(usage) => Self::Usage(usage),
            SendError::Entropy => Self::Entropy,
        }
    }
}

/// Why queued octets were not written out. Not an [`Error`], since it occurs in the opening handshake
/// as well and is as small as the transport's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
pub(crate) enum WriteError<T> {
    Lost,
    Transport(T),
}

#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
impl<T> From<T> for WriteError<T> {
    fn from(error: T) -> Self {
        Self::Transport(error)
    }
}

#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
impl<T> From<WriteError<T>> for Error<T> {
    fn from(error: WriteError<T>) -> Self {
        match error {
            WriteError::Lost => Self::Lost,
            WriteError::Transport(error) => Self::Transport(error),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Error<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(violation) => violation.fmt(f),
            Self::TooLong { needed, limit } => write!(
                f,
                "the message has at least {needed} octets, and the limit is {limit}"
            ),
            Self::TooManyFragments { limit } => {
                write!(f, "the message has more than {limit} fragments")
            }
            Self::OutOfMemory { needed } => write!(f, "cannot allocate {needed} octets"),
            Self::Usage(usage) => usage.fmt(f),
            Self::Entropy => crate::entropy::EntropyError.fmt(f),
            Self::Lost => f.write_str("the connection ended without a closing handshake"),
            Self::Timeout(timeout) => timeout.fmt(f),
            Self::Transport(error) => error.fmt(f),
        }
    }
}

/// `Display` shows the whole error, so `source` is what lies behind the part that was shown.
impl<T: core::error::Error> core::error::Error for Error<T> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Transport(error) => error.source(),
            _ => None,
        }
    }
}

impl core::error::Error for Violation {}

impl core::error::Error for Usage {}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReservedBit => "the peer set a reserved bit that no extension uses",
            Self::ReservedOpcode => "the peer sent a frame with a reserved opcode",
            Self::Masked => "the server sent a masked frame",
            Self::NotMasked => "the client sent an unmasked frame",
            Self::LengthNotMinimal => {
                "the peer sent a payload length that is not in its shortest form"
            }
            Self::LengthTopBit => "the peer sent a payload length of 2^63 or more",
            Self::ControlTooLong => "the peer sent a control frame longer than 125 octets",
            Self::ControlFragmented => "the peer fragmented a control frame",
            Self::UnexpectedContinuation => "the peer sent a continuation of no message",
            Self::ExpectedContinuation => "the peer began a new message inside a fragmented one",
            Self::ClosePayload => "the peer sent a Close with a payload of one octet",
            Self::CloseCode(code) => {
                return write!(f, "the peer sent a Close with invalid status code {code}");
            }
            Self::CloseReason => "the peer sent a Close reason that is not UTF-8",
            Self::InvalidUtf8 => "the peer sent text that is not UTF-8",
            Self::CorruptCompression => "the peer sent corrupt compressed data",
        })
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOpen => "the connection is closing or closed",
            Self::ControlTooLong => "the payload of a control frame is limited to 125 octets",
            Self::ControlFragmented => "a control frame must not be fragmented",
            Self::CloseFrame => "a Close must be sent by closing, not as a frame",
            Self::ReasonTooLong => "a Close reason is limited to 123 octets",
            Self::CloseCode(code) => return write!(f, "status code {code} must not be sent"),
            Self::ReasonWithoutCode => "a Close reason needs a status code",
            Self::MessageOpen => "another message is still being sent in fragments",
            Self::NothingToContinue => "there is no open message to continue",
            Self::InterruptedMessage => {
                "an earlier message was abandoned before its end; the connection can only be closed"
            }
            Self::BufferTooSmall { needed } => {
                return write!(f, "the buffer must hold at least {needed} octets");
            }
            Self::Busy => "octets queued earlier must be written out first",
            Self::MixedLevels => "the current message must be read to its end the way it was begun",
            Self::PiecesOnly => "the memory for compression takes messages in pieces only",
        })
    }
}
