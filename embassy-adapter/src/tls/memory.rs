//! The buffers of TLS, as one value.

use core::fmt;

use super::{Link, MaxFragmentLength, Records};

/// The buffers of TLS, for one connection at a time, as one value for a static:
///
/// ```
/// use bare_ws_embassy::tls::Memory;
/// use static_cell::ConstStaticCell;
///
/// /// For records of any lawful length, 35.6 KB.
/// static ANY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());
/// /// For a server that grants records of 2048 octets, 6.5 KB.
/// static SHORT: ConstStaticCell<Memory<2070>> = ConstStaticCell::new(Memory::new());
/// ```
///
/// | `READ` | the longest record of the server | what it is asked for (RFC 6066 §4) |
/// |---|---|---|
/// | 16 645 | 2^14 octets, the most that a record may have | |
/// | 4118 | 2^12 | [`MaxFragmentLength::Bits12`] |
/// | 2070 | 2^11 | [`MaxFragmentLength::Bits11`] |
/// | 1046 | 2^10 | [`MaxFragmentLength::Bits10`] |
/// | 534 | 2^9 | [`MaxFragmentLength::Bits9`] |
///
/// The server's certificates must fit `READ`, too. `WRITE` is our longest record and 133 octets, at
/// least 512: if it is the connection's transmit buffer and 133, each write makes one record.
pub struct Memory<const READ: usize = 16_645, const WRITE: usize = 1157> {
    read: [u8; READ],
    write: [u8; WRITE],
    receive: [u8; READ],
    transmit: [u8; WRITE],
}

impl<const READ: usize, const WRITE: usize> Memory<READ, WRITE> {
    /// Empty memory.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            read: [0; _],
            write: [0; _],
            receive: [0; _],
            transmit: [0; _],
        }
    }

    /// The buffers, and what a server is to be asked for.
    pub fn split(&mut self) -> (Link<'_>, Records<'_>, Option<MaxFragmentLength>) {
        let (length, octets) = match READ {
            16_645.. => (None, usize::MAX),
            4118.. => (Some(MaxFragmentLength::Bits12), 1 << 12),
            2070.. => (Some(MaxFragmentLength::Bits11), 1 << 11),
            1046.. => (Some(MaxFragmentLength::Bits10), 1 << 10),
            _ => (Some(MaxFragmentLength::Bits9), 1 << 9),
        };
        // What we ask for binds us, too: 128 octets of the buffer are no payload.
        let most = WRITE.min(usize::saturating_add(octets, 128));
        let records = Records {
            read: &mut self.read,
            write: self.write.get_mut(..most).unwrap_or_default(),
        };
        let link = Link::new(&mut self.receive, &mut self.transmit);
        (link, records, length)
    }
}

impl<const READ: usize, const WRITE: usize> Default for Memory<READ, WRITE> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const READ: usize, const WRITE: usize> fmt::Debug for Memory<READ, WRITE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}
