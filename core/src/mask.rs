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
    #[inline]
    pub fn apply(self, octets: &mut [u8]) {
        if WORDS_ANYWHERE {
            self.apply_anywhere(octets);
        } else {
            #[cfg(any(test, target_os = "none"))]
            self.apply_aligned(octets);
        }
    }

    /// Masks while copying. Copies as much as the shorter of both holds.
    #[inline]
    pub fn copy(self, from: &[u8], to: &mut [u8]) {
        // Of the same length, so that their words and what is left of them go together.
        let len = from.len().min(to.len());
        self.put(octets::part(from, 0, len), to, 0);
    }

    /// Masks while copying to `octets`, from `at` on. What does not fit is not copied.
    #[inline]
    pub(crate) fn put(self, from: &[u8], octets: &mut [u8], at: usize) {
        if WORDS_ANYWHERE {
            self.copy_anywhere(from, octets::part_mut(octets, at, from.len()));
        } else {
            #[cfg(any(test, target_os = "none"))]
            self.copy_aligned(from, octets, at);
        }
    }

    fn apply_anywhere(mut self, octets: &mut [u8]) {
        let wide = self.wide();
        let mut words = octets.chunks_exact_mut(WORD);
        for word in &mut words {
            if let Some(word) = word.first_chunk_mut::<WORD>() {
                *word = (usize::from_ne_bytes(*word) ^ wide).to_ne_bytes();
            }
        }
        self.apply_each(words.into_remainder());
    }

    /// One pass over memory, for slices of the same length.
    #[inline]
    pub(crate) fn copy_anywhere(self, from: &[u8], to: &mut [u8]) {
        let head = to.as_ptr().align_offset(VECTOR);
        if !cfg!(target_os = "none")
            && from.len() >= LONG
            && let Some((first, rest)) = from.split_at_checked(head)
            && let Some((to_first, to_rest)) = to.split_at_mut_checked(head)
        {
            self.copy_words(first, to_first);
            self.at(head as u64).copy_words(rest, to_rest);
        } else {
            self.copy_words(from, to);
        }
    }

    /// The same without that.
    #[inline]
    pub(crate) fn copy_words(mut self, from: &[u8], to: &mut [u8]) {
        let wide = self.wide();
        let (words, left) = from.as_chunks::<WORD>();
        let (to_words, to_left) = to.as_chunks_mut::<WORD>();
        for (source, target) in words.iter().zip(to_words) {
            *target = (usize::from_ne_bytes(*source) ^ wide).to_ne_bytes();
        }
        if cfg!(target_os = "none") || words.is_empty() {
            for (source, target) in left.iter().zip(to_left) {
                *target = *source ^ self.turn();
            }
        } else if !left.is_empty()
            && let (Some(source), Some(target)) = (from.last_chunk(), to.last_chunk_mut())
        {
            // One more word, of which the first octets are copied twice.
            let (word, key) = (usize::from_ne_bytes(*source), self.at(left.len() as u64));
            *target = (word ^ key.wide()).to_ne_bytes();
        }
    }

    #[cfg(any(test, target_os = "none"))]
    #[inline(never)]
    fn apply_aligned(mut self, mut octets: &mut [u8]) {
        loop {
            // One loop for the octets on either side of the words: less code than two.
            let is_aligned = octets.as_ptr().addr().is_multiple_of(align_of::<u32>());
            if is_aligned {
                let mut words = octets.chunks_exact_mut(size_of::<u32>());
                for word in &mut words {
                    if let Ok(word) = bytemuck::try_from_bytes_mut::<u32>(word) {
                        *word ^= self.0.to_le();
                    }
                }
                octets = words.into_remainder();
            }
            let Some((octet, rest)) = octets.split_first_mut() else {
                return;
            };
            *octet ^= self.turn();
            octets = rest;
        }
    }

    /// Two passes, each a word at a time wherever the octets come from: `memcpy` shifts them, and what was copied
    /// is masked where it is aligned.
    #[cfg(any(test, target_os = "none"))]
    #[inline]
    fn copy_aligned(self, from: &[u8], octets: &mut [u8], at: usize) {
        if let Some(copied) = octets::put(octets, at, from) {
            self.apply_aligned(copied);
        }
    }

    #[inline]
    fn apply_each(&mut self, octets: &mut [u8]) {
        for octet in octets {
            *octet ^= self.turn();
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

/// Octets that the processors of hosts store at once.
const VECTOR: usize = 16;

/// From this length on, a copy masks a few octets first, so that the others are stored aligned. Stores that cross
/// lines of the cache make it a seventh slower.
const LONG: usize = 4096;

/// Whether a word can be read from any address. Of the boards by those with Armv7-M or newer, which are
/// the Arms that have atomics.
const WORDS_ANYWHERE: bool = cfg!(any(
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

#[cfg(test)]
mod tests {
    use super::*;

    // row: MSK-05
    #[test]
    fn boards_mask_as_hosts_do() {
        let key = MaskingKey::new([0x37, 0xfa, 0x21, 0x3d]);
        let data: [u8; 80] = core::array::from_fn(|at| at as u8 ^ 0xa5);
        for from in 0..8 {
            for to in from..=data.len() {
                let source = octets::part(&data, from, to - from);
                let (mut host, mut board) = (data, data);
                key.apply_anywhere(&mut host[from..to]);
                key.apply_aligned(&mut board[from..to]);
                assert_eq!(host, board, "{from}..{to} in place");
                for at in [0, 1, 6] {
                    let (mut host, mut board) = ([0; 90], [0; 90]);
                    key.copy_anywhere(source, octets::part_mut(&mut host, at, source.len()));
                    key.copy_aligned(source, &mut board, at);
                    assert_eq!(host, board, "{from}..{to} copied to {at}");
                }
            }
        }
    }

    // row: MSK-05
    #[test]
    fn long_copies_are_masked_alike_wherever_they_go() {
        const LEN: usize = LONG + VECTOR + 1;
        let key = MaskingKey::new([0x37, 0xfa, 0x21, 0x3d]);
        let data: [u8; LEN] = core::array::from_fn(|at| (at / 3) as u8);
        for len in [LONG - 1, LONG, LONG + 1, LEN] {
            let mut plain = data;
            key.apply_aligned(&mut plain[..len]);
            for at in 0..=VECTOR {
                let mut copy = [0; LEN + VECTOR];
                key.put(&data[..len], &mut copy, at);
                assert_eq!(copy[at..at + len], plain[..len], "{len} octets at {at}");
                assert!(
                    copy[..at]
                        .iter()
                        .chain(&copy[at + len..])
                        .all(|&octet| octet == 0),
                    "{len} octets at {at}: nothing beside them"
                );
            }
        }
    }
}
