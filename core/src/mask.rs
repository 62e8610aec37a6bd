//! Masking of payload data (RFC 6455 §5.3).

use crate::entropy::{Entropy, EntropyError};
use crate::octets;

/// Four octets from a strong source of entropy, used for exactly one frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MaskingKey(
    /// The first octet in the lowest bits: one register, and one instruction to turn it.
    u32,
);

impl MaskingKey {
    /// Masks nothing: the same as no key at all.
    pub(crate) const NONE: Self = Self(0);

    /// The key of these octets, in the order of the wire.
    #[must_use]
    pub const fn new(octets: [u8; 4]) -> Self {
        Self(u32::from_le_bytes(octets))
    }

    /// Its octets, in the order of the wire.
    #[must_use]
    pub const fn octets(self) -> [u8; 4] {
        self.0.to_le_bytes()
    }

    /// A fresh key.
    ///
    /// # Errors
    /// When the source fails. There is no fallback: RFC 6455 §5.3 wants the key "unpredictable".
    pub fn fresh<E: Entropy + ?Sized>(entropy: &mut E) -> Result<Self, EntropyError> {
        let mut key = [0; 4];
        entropy.fill(&mut key)?;
        Ok(Self::new(key))
    }

    /// The key as seen from `offset` octets into the payload data.
    ///
    /// RFC 6455 §5.3: "j = i MOD 4", where i counts from the start of the frame's payload.
    #[must_use]
    pub const fn at(self, offset: u64) -> Self {
        Self(self.0.rotate_right((offset % 4) as u32 * 8))
    }

    /// Masks or unmasks in place. The same algorithm does both (§5.3).
    pub fn apply(mut self, octets: &mut [u8]) {
        let mut rest = octets;
        if WORDS {
            let wide = self.wide();
            let mut words = rest.chunks_exact_mut(WORD);
            for word in &mut words {
                if let Some(word) = word.first_chunk_mut::<WORD>() {
                    *word = (usize::from_ne_bytes(*word) ^ wide).to_ne_bytes();
                }
            }
            rest = words.into_remainder();
        }
        for octet in rest {
            *octet ^= self.turn();
        }
    }

    /// Masks while copying: one pass over memory. Copies as much as the shorter of both holds.
    pub fn copy(mut self, from: &[u8], to: &mut [u8]) {
        let (mut sources, mut targets) = (from, to);
        if WORDS {
            let wide = self.wide();
            // Of the same length, so that their words and what is left of them go together.
            let len = sources.len().min(targets.len());
            let mut from = octets::part(sources, 0, len).chunks_exact(WORD);
            let mut to = octets::part_mut(targets, 0, len).chunks_exact_mut(WORD);
            for (source, target) in (&mut from).zip(&mut to) {
                if let (Some(source), Some(target)) = (
                    source.first_chunk::<WORD>(),
                    target.first_chunk_mut::<WORD>(),
                ) {
                    *target = (usize::from_ne_bytes(*source) ^ wide).to_ne_bytes();
                }
            }
            (sources, targets) = (from.remainder(), to.into_remainder());
        }
        for (source, target) in sources.iter().zip(targets) {
            *target = *source ^ self.turn();
        }
    }

    /// The key's octet for the next of the payload.
    #[inline]
    const fn turn(&mut self) -> u8 {
        let octet = self.0 as u8;
        self.0 = self.0.rotate_right(8);
        octet
    }

    /// The key, as often as it fits a word, in memory order.
    const fn wide(self) -> usize {
        // 1 in each of the word's 32-bit parts.
        const PARTS: usize = usize::MAX / u32::MAX as usize;
        self.0.to_le() as usize * PARTS
    }
}

/// Octets that are masked at once.
const WORD: usize = size_of::<usize>();

/// Whether that is faster: where a word can be read from any address. Of the boards those with Armv7-M
/// or newer, which are the Arms that have atomics.
const WORDS: bool = cfg!(any(
    not(target_os = "none"),
    all(target_arch = "arm", target_has_atomic = "32")
));

impl core::fmt::Debug for MaskingKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("MaskingKey")
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for MaskingKey {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "MaskingKey");
    }
}
