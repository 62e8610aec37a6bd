//! Bits on their way to octets (RFC 1951 §3.1.1: packed from the least significant bit).

/// A step of the compressor puts at most 56 bits, and only when less than an octet is pending.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bits {
    held: u64,
    count: u32,
}

impl Bits {
    pub(super) const EMPTY: Self = Self { held: 0, count: 0 };

    pub(super) fn put(&mut self, value: u32, count: u32) {
        self.held |= u64::from(value) << (self.count & 63);
        self.count = self.count.wrapping_add(count);
    }

    /// Fills the last octet with zeros.
    pub(super) fn pad(&mut self) {
        self.count = self.count.wrapping_add(7) & !7;
    }

    /// Writes octets that are complete, as many as fit.
    pub(super) fn drain(&mut self, output: &mut [u8]) -> usize {
        let mut written = 0;
        for octet in output {
            if !self.is_pending() {
                break;
            }
            *octet = self.held as u8;
            self.held >>= 8;
            self.count = self.count.wrapping_sub(8);
            written += 1;
        }
        written
    }

    /// A complete octet waits for room.
    pub(super) fn is_pending(&self) -> bool {
        self.count >= 8
    }
}
