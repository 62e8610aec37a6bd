//! Masking of payload data (RFC 6455 §5.3).

use crate::entropy::{Entropy, EntropyError};
#[cfg(target_os = "none")]
use crate::octets;

/// Four octets from a strong source of entropy, used for exactly one frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MaskingKey(pub [u8; 4]);

impl MaskingKey {
    /// A fresh key.
    ///
    /// # Errors
    /// When the source fails. There is no fallback: RFC 6455 §5.3 wants the key "unpredictable".
    pub fn fresh<E: Entropy + ?Sized>(entropy: &mut E) -> Result<Self, EntropyError> {
        let mut key = [0; 4];
        entropy.fill(&mut key)?;
        Ok(Self(key))
    }

    /// The key as seen from `offset` octets into the payload data.
    ///
    /// RFC 6455 §5.3: "j = i MOD 4", where i counts from the start of the frame's payload.
    #[must_use]
    pub const fn at(self, offset: u64) -> Self {
        let turn = (offset % 4) as u32 * 8;
        Self(u32::from_be_bytes(self.0).rotate_left(turn).to_be_bytes())
    }

    /// Masks or unmasks in place. The same algorithm does both (§5.3).
    pub fn apply(self, octets: &mut [u8]) {
        let wide = self.wide();
        let mut words = octets.chunks_exact_mut(WORD);
        for word in &mut words {
            if let Some(word) = word.first_chunk_mut::<WORD>() {
                *word = (usize::from_ne_bytes(*word) ^ wide).to_ne_bytes();
            }
        }
        for (octet, key) in words.into_remainder().iter_mut().zip(wide.to_ne_bytes()) {
            *octet ^= key;
        }
    }

    /// Masks while copying: one pass over memory. Copies as much as the shorter of both holds.
    #[cfg(not(target_os = "none"))]
    pub fn copy(self, from: &[u8], to: &mut [u8]) {
        let wide = self.wide();
        let mut sources = from.chunks_exact(WORD);
        let mut targets = to.chunks_exact_mut(WORD);
        for (source, target) in (&mut sources).zip(&mut targets) {
            if let (Some(source), Some(target)) = (
                source.first_chunk::<WORD>(),
                target.first_chunk_mut::<WORD>(),
            ) {
                *target = (usize::from_ne_bytes(*source) ^ wide).to_ne_bytes();
            }
        }
        for ((source, target), key) in sources
            .remainder()
            .iter()
            .zip(targets.into_remainder())
            .zip(wide.to_ne_bytes())
        {
            *target = source ^ key;
        }
    }

    /// Masks while copying. Copies as much as the shorter of both holds. Two passes over memory
    /// take a third of the code here.
    #[cfg(target_os = "none")]
    pub fn copy(self, from: &[u8], to: &mut [u8]) {
        let to = octets::part_mut(to, 0, from.len().min(to.len()));
        octets::put(to, 0, octets::part(from, 0, to.len()));
        self.apply(to);
    }

    /// The key, as often as it fits a word, in memory order.
    const fn wide(self) -> usize {
        // 1 in each of the word's 32-bit parts.
        const PARTS: usize = usize::MAX / u32::MAX as usize;
        u32::from_ne_bytes(self.0) as usize * PARTS
    }
}

/// Octets that are masked at once.
const WORD: usize = size_of::<usize>();

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
