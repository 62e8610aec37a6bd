//! Status codes and the payload of Close frames (RFC 6455 §5.5.1, §7.4).

use core::fmt;

/// A status code as it stands on the wire or in a report (RFC 6455 §7.4).
///
/// Any `u16` can be held, since a peer may send any; what may be sent is asked of
/// [`is_sendable`](Self::is_sendable).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CloseCode(pub u16);

macro_rules! registered {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        impl CloseCode {
            $($(#[$doc])* pub const $name: Self = Self($code);)*

            /// The codes of the IANA registry, by value.
            pub const REGISTERED: &'static [(Self, &'static str)] =
                &[$((Self::$name, stringify!($name))),*];
        }
    };
}

registered! {
    /// The purpose of the connection has been fulfilled.
    NORMAL = 1000;
    /// An end goes away: a server going down, a device going to sleep.
    GOING_AWAY = 1001;
    /// The peer violated the protocol.
    PROTOCOL_ERROR = 1002;
    /// The peer sent a type of data that this end cannot accept.
    UNSUPPORTED_DATA = 1003;
    /// Never on the wire: a Close frame without a status code was received.
    NO_STATUS = 1005;
    /// Never on the wire: the connection ended without a Close frame.
    ABNORMAL = 1006;
    /// Data inconsistent with the type of the message, such as text that is not UTF-8.
    INVALID_PAYLOAD = 1007;
    /// A message violates this end's policy.
    POLICY_VIOLATION = 1008;
    /// A message is too big to process.
    TOO_BIG = 1009;
    /// The client expected an extension that the server did not negotiate.
    MANDATORY_EXTENSION = 1010;
    /// An unexpected condition prevented the request from being fulfilled.
    INTERNAL_ERROR = 1011;
    /// The service is restarting (IANA registry).
    SERVICE_RESTART = 1012;
    /// The service is overloaded (IANA registry).
    TRY_AGAIN_LATER = 1013;
    /// A gateway got an invalid response (IANA registry).
    BAD_GATEWAY = 1014;
    /// Never on the wire: the TLS handshake failed.
    TLS_HANDSHAKE = 1015;
}

impl CloseCode {
    /// Whether the code may stand in a Close frame.
    ///
    /// RFC 6455 §7.4.2: 0-999 "are not used"; 1000-2999 are for the protocol and its registry;
    /// 3000-3999 for "libraries, frameworks, and applications"; 4000-4999 "for private use".
    /// §7.4.1 reserves 1004 and forbids 1005, 1006 and 1015 on the wire.
    #[must_use]
    pub const fn is_sendable(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }

    /// The name in the registry, such as `"GOING_AWAY"`.
    ///
    /// # Errors
    /// [`UnregisteredCode`] for a code that the registry does not name.
    pub fn name(self) -> Result<&'static str, UnregisteredCode> {
        Self::REGISTERED
            .iter()
            .find(|(code, _)| *code == self)
            .map(|(_, name)| *name)
            .ok_or(UnregisteredCode(self))
    }

    /// The code with that name in the registry.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::REGISTERED
            .iter()
            .find(|(_, n)| *n == name)
            .map(|(code, _)| *code)
    }
}

impl From<u16> for CloseCode {
    fn from(code: u16) -> Self {
        Self(code)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Ok(name) => write!(f, "{} {name}", self.0),
            Err(_) => self.0.fmt(f),
        }
    }
}

/// A code without a name in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct UnregisteredCode(
    /// The code.
    pub CloseCode,
);

impl fmt::Display for UnregisteredCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status code {} is not registered", self.0)
    }
}

impl core::error::Error for UnregisteredCode {}

/// The longest reason that a Close frame can carry, in octets: 125 less the status code.
pub const MAX_REASON: usize = 123;
