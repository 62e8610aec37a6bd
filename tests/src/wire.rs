//! A decoder of RFC 6455 §5.2 that shares nothing with the code under test.

/// A frame as it lies on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The first octet.
    pub first: u8,
    /// The masking key.
    pub key: Option<[u8; 4]>,
    /// The payload, still masked.
    pub masked: &'a [u8],
    /// Octets of the whole frame.
    pub total: usize,
}

impl<'a> Frame<'a> {
    /// The first frame of `octets`. `None`: it is not whole.
    ///
    /// # Panics
    /// When no sender may send it: a length not in its shortest form, a reserved bit or opcode, a
    /// bad control frame.
    #[must_use]
    pub fn decode(octets: &'a [u8]) -> Option<Self> {
        let first = *octets.first()?;
        let second = *octets.get(1)?;
        assert_eq!(first & 0x70, 0, "a reserved bit is set");
        assert!(
            matches!(first & 15, 0 | 1 | 2 | 8 | 9 | 10),
            "opcode {first:#x}"
        );
        let mut at = 2;
        let mut number = |n: usize| {
            let field = octets.get(at..at + n)?;
            at += n;
            Some(
                field
                    .iter()
                    .fold(0_u64, |sum, &octet| sum << 8 | u64::from(octet)),
            )
        };
        let len = match second & 127 {
            126 => {
                let len = number(2)?;
                assert!(len > 125, "{len} in 16 bits");
                len
            }
            127 => {
                let len = number(8)?;
                assert!(len > 65_535 && len < 1 << 63, "{len} in 64 bits");
                len
            }
            len => u64::from(len),
        };
        if first & 8 != 0 {
            assert!(
                len <= 125 && first & 128 != 0,
                "a control frame of {len}, {first:#x}"
            );
        }
        let key = if second & 128 != 0 {
            let key = octets.get(at..at + 4)?;
            at += 4;
            Some([key[0], key[1], key[2], key[3]])
        } else {
            None
        };
        let total = at + usize::try_from(len).expect("a length that fits memory");
        Some(Self {
            first,
            key,
            masked: octets.get(at..total)?,
            total,
        })
    }

    /// FIN.
    #[must_use]
    pub const fn fin(&self) -> bool {
        self.first & 128 != 0
    }

    /// The opcode's number.
    #[must_use]
    pub const fn opcode(&self) -> u8 {
        self.first & 15
    }

    /// The payload, unmasked octet by octet as §5.3 says.
    pub fn payload(&self) -> impl Iterator<Item = u8> + Clone + use<'a> {
        let key = self.key.unwrap_or_default();
        self.masked
            .iter()
            .enumerate()
            .map(move |(i, octet)| octet ^ key[i % 4])
    }
}
