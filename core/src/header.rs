//! The frame header (RFC 6455 §5.2): parsed into a legal value, written without failure.

use crate::error::Violation;
use crate::mask::MaskingKey;
use crate::octets;
use crate::opcode::Opcode;

/// The longest header: two octets, a 64-bit length, a masking key.
pub const MAX_HEADER: usize = 14;

/// The longest header of a control frame: two octets and a masking key.
pub(crate) const CONTROL_HEADER: usize = 6;

/// The longest payload of a control frame, in octets (§5.5).
pub const MAX_CONTROL: usize = 125;

/// A frame's header. One that was [parsed](Self::parse) is legal: its length is in the shortest
/// form, its opcode is registered, and a control frame is final and at most 125 octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FrameHeader {
    /// FIN: the final fragment of a message.
    pub fin: bool,
    /// RSV1: the message is compressed, if permessage-deflate was negotiated (RFC 7692 §6).
    pub rsv1: bool,
    /// RSV2: no registered extension uses it.
    pub rsv2: bool,
    /// RSV3: no registered extension uses it.
    pub rsv3: bool,
    /// What the frame carries.
    pub opcode: Opcode,
    /// The masking key, in frames from a client.
    pub masking_key: Option<MaskingKey>,
    /// Octets of payload data. Below 2^63.
    pub len: u64,
}

/// What the connection lets a peer's header say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// An extension was negotiated that gives RSV1 a meaning.
    pub rsv1: bool,
    /// The peer is a client, so it must mask; else it must not.
    pub masked: bool,
    /// Whether a message is open, which only a continuation may follow; `None`: not looked at.
    pub message_open: Option<bool>,
}

impl FrameHeader {
    /// The header of a data or control frame with all reserved bits clear and no masking key.
    #[must_use]
    pub const fn new(opcode: Opcode, fin: bool, len: u64) -> Self {
        Self {
            fin,
            rsv1: false,
            rsv2: false,
            rsv3: false,
            opcode,
            masking_key: None,
            len,
        }
    }

    /// Whether the payload is masked.
    #[must_use]
    pub const fn is_masked(&self) -> bool {
        self.masking_key.is_some()
    }

    /// Reads a header at the start of `octets`; gives it with its own length in octets, or
    /// `None` when more octets are needed.
    ///
    /// # Errors
    /// The first rule of §5.1, §5.2 and §5.5 that the header breaks, as soon as the octets at
    /// hand show it: the payload is never waited for.
    #[inline]
    pub fn parse(octets: &[u8], rules: Rules) -> Result<Option<(Self, usize)>, Violation> {
        let Some((&first, rest)) = octets.split_first() else {
            return Ok(None);
        };
        // §5.2: "MUST be 0 unless an extension is negotiated that defines meanings for non-zero
        // values." RFC 7692 §6 gives RSV1 a meaning on the first frame of a message only.
        let allowed = if rules.rsv1 && matches!(first & 0x0f, 1 | 2) {
            0x40
        } else {
            0
        };
        if first & 0x70 & !allowed != 0 {
            return Err(Violation::ReservedBit);
        }
        // §5.2: "If an unknown opcode is received, the receiving endpoint MUST _Fail the
        // WebSocket Connection_."
        let opcode = Opcode::try_from(first & 0x0f).map_err(|_| Violation::ReservedOpcode)?;
        // §5.4: which data frame may come, its first octet says.
        if let Some(open) = rules.message_open
            && !opcode.is_control()
            && (opcode == Opcode::Continuation) != open
        {
            return Err(if open {
                Violation::ExpectedContinuation
            } else {
                Violation::UnexpectedContinuation
            });
        }
        let fin = first & 0x80 != 0;
        // §5.5: control frames "MUST have a payload length of 125 bytes or less and MUST NOT be
        // fragmented."
        if opcode.is_control() && !fin {
            return Err(Violation::ControlFragmented);
        }
        let Some((&second, rest)) = rest.split_first() else {
            return Ok(None);
        };
        // §5.1: a client "MUST close a connection if it detects a masked frame"; a server "upon
        // receiving a frame that is not masked".
        if (second & 0x80 != 0) != rules.masked {
            return Err(if rules.masked {
                Violation::NotMasked
            } else {
                Violation::Masked
            });
        }
        let short = second & 0x7f;
        if opcode.is_control() && short > 125 {
            return Err(Violation::ControlTooLong);
        }
        let (extended, least) = match short {
            126 => (2, 126),
            127 => (8, 0x1_0000),
            _ => (0, 0),
        };
        let Some((length, rest)) = rest.split_at_checked(extended) else {
            return Ok(None);
        };
        let mut len = u64::from(short);
        if extended > 0 {
            len = length.iter().fold(0, |len, &o| len << 8 | u64::from(o));
        }
        // §5.2: of 64 bits "the most significant bit MUST be 0"; "the minimal number of bytes
        // MUST be used to encode the length".
        if len >> 63 != 0 {
            return Err(Violation::LengthTopBit);
        }
        if len < least {
            return Err(Violation::LengthNotMinimal);
        }
        let (masking_key, key_len) = if rules.masked {
            let Some(key) = rest.first_chunk::<4>() else {
                return Ok(None);
            };
            (Some(MaskingKey::new(*key)), 4)
        } else {
            (None, 0)
        };
        let header = Self {
            fin,
            rsv1: first & 0x40 != 0,
            rsv2: first & 0x20 != 0,
            rsv3: first & 0x10 != 0,
            opcode,
            masking_key,
            len,
        };
        Ok(Some((header, 2 + extended + key_len)))
    }

    /// The octets of the header, the length in its shortest form.
    #[inline]
    #[must_use]
    pub fn emit(&self) -> HeaderOctets {
        HeaderOctets::new(self.first(), self.len, self.masking_key)
    }

    /// The first octet: FIN, the reserved bits, the opcode.
    #[inline]
    pub(crate) const fn first(&self) -> u8 {
        (self.fin as u8) << 7
            | (self.rsv1 as u8) << 6
            | (self.rsv2 as u8) << 5
            | (self.rsv3 as u8) << 4
            | self.opcode as u8
    }

    /// The length of the header itself, in octets.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        header_len(self.len, self.is_masked())
    }
}

/// The length of the header before a payload of `len` octets.
#[inline]
pub(crate) const fn header_len(len: u64, masked: bool) -> usize {
    let extended = match len {
        0..=125 => 0,
        126..=0xffff => 2,
        _ => 8,
    };
    2 + extended + if masked { 4 } else { 0 }
}

/// §5.2: the seven bits of the length in the second octet, and how many octets of the 64-bit
/// length, from its front, are not written after it.
#[inline]
pub(crate) const fn short_len(len: u64) -> (u8, usize) {
    match len {
        0..=125 => (len as u8, 8),
        126..=0xffff => (126, 6),
        _ => (127, 0),
    }
}

/// The second octet's highest bit: the payload is masked.
pub(crate) const MASK: u8 = 0x80;

/// Finds the frame headers in the octets of one direction, as they pass: for an observer beside a
/// connection, which sees no payload. It belongs behind TLS and the opening handshake.
///
/// ```
/// use bare_ws::header::HeaderScan;
/// use bare_ws::opcode::Opcode;
///
/// let mut from_server = HeaderScan::new(false);
/// let mut octets = &b"\x81\x05hello\x89\x00\x82"[..];
/// let mut opcodes = Vec::new();
/// while let Some(header) = from_server.next(&mut octets) {
///     opcodes.push(header.opcode);
/// }
/// // A header is reported when it is complete.
/// assert_eq!(opcodes, [Opcode::Text, Opcode::Ping]);
/// ```
#[derive(Clone, Debug)]
pub struct HeaderScan {
    masked: bool,
    /// What has come of a header.
    octets: [u8; MAX_HEADER],
    len: u8,
    /// Octets of payload that are still to come.
    payload: u64,
    /// A header broke a rule, so where the next one begins is unknown.
    lost: bool,
}

impl HeaderScan {
    /// For the octets of a client, which are `masked`, or those of a server.
    #[must_use]
    pub const fn new(masked: bool) -> Self {
        Self {
            masked,
            octets: [0; MAX_HEADER],
            len: 0,
            payload: 0,
            lost: false,
        }
    }

    /// The next header that ends in `octets`, which then begin behind it; `None` when all of them
    /// are read. RSV1 is not checked. A header that breaks another rule of §5.1, §5.2 or §5.5 is
    /// not reported, nor is anything after it.
    pub fn next(&mut self, octets: &mut &[u8]) -> Option<FrameHeader> {
        let rules = Rules {
            rsv1: true,
            masked: self.masked,
            message_open: None,
        };
        while !self.lost {
            let skipped = usize::try_from(self.payload).unwrap_or(usize::MAX);
            let skipped = skipped.min(octets.len());
            self.payload -= skipped as u64;
            *octets = octets.get(skipped..).unwrap_or_default();
            let (&octet, rest) = octets.split_first()?;
            *octets = rest;
            let len = usize::from(self.len);
            octets::put(&mut self.octets, len, &[octet]);
            self.len = self.len.saturating_add(1);
            match FrameHeader::parse(octets::part(&self.octets, 0, len + 1), rules) {
                Ok(None) => {}
                Ok(Some((header, _))) => {
                    self.len = 0;
                    self.payload = header.len;
                    return Some(header);
                }
                Err(_) => self.lost = true,
            }
        }
        *octets = &[];
        None
    }
}

/// A header as it goes over the wire.
#[derive(Clone, Copy, Debug)]
pub struct HeaderOctets {
    octets: [u8; MAX_HEADER],
    len: u8,
}

impl HeaderOctets {
    fn new(first: u8, len: u64, key: Option<MaskingKey>) -> Self {
        let mut out = Self {
            octets: [0; MAX_HEADER],
            len: 0,
        };
        let mask = if key.is_some() { MASK } else { 0 };
        let (short, unused) = short_len(len);
        out.push(&[first, mask | short]);
        out.push(octets::rest(&len.to_be_bytes(), unused));
        if let Some(key) = key {
            out.push(&key.octets());
        }
        out
    }

    fn push(&mut self, octets: &[u8]) {
        let from = usize::from(self.len);
        if octets::put(&mut self.octets, from, octets).is_some() {
            self.len += octets.len() as u8;
        }
    }
}

impl AsRef<[u8]> for HeaderOctets {
    fn as_ref(&self) -> &[u8] {
        octets::part(&self.octets, 0, usize::from(self.len))
    }
}
