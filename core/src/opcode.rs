//! The opcodes of RFC 6455 §5.2, as a table.

/// What a frame carries (RFC 6455 §5.2, §11.8). Only the registered values exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum Opcode {
    /// `%x0`: more of the message that an earlier frame began.
    Continuation = 0x0,
    /// `%x1`: a message of UTF-8 text, or its first fragment.
    Text = 0x1,
    /// `%x2`: a binary message, or its first fragment.
    Binary = 0x2,
    /// `%x8`: the closing handshake.
    Close = 0x8,
    /// `%x9`: answered by a Pong with the same payload.
    Ping = 0x9,
    /// `%xA`: the answer to a Ping, or a heartbeat of its own.
    Pong = 0xA,
}

impl Opcode {
    /// All of them, by value.
    pub const ALL: [Self; 6] = [
        Self::Continuation,
        Self::Text,
        Self::Binary,
        Self::Close,
        Self::Ping,
        Self::Pong,
    ];

    /// RFC 6455 §5.5: "Control frames are identified by opcodes where the most significant bit
    /// of the opcode is 1."
    #[must_use]
    pub const fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }
}

/// A value from 0 to 15 that RFC 6455 §11.8 reserves, or one above 15.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ReservedOpcode(
    /// The value as it was given.
    pub u8,
);

impl TryFrom<u8> for Opcode {
    type Error = ReservedOpcode;

    fn try_from(value: u8) -> Result<Self, ReservedOpcode> {
        Ok(match value {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return Err(ReservedOpcode(value)),
        })
    }
}

impl From<Opcode> for u8 {
    fn from(opcode: Opcode) -> Self {
        opcode as Self
    }
}

impl core::fmt::Display for ReservedOpcode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:#x} is not a registered opcode", self.0)
    }
}

impl core::error::Error for ReservedOpcode {}
