//! Where inflated octets go.

use crate::error::Capacity;

/// The memory of an [`Inflater`](super::Inflater): its LZ77 window, and a message that is
/// gathered whole.
///
/// Every `AsRef<[u8]> + AsMut<[u8]>` is memory of a fixed length: `&'static mut [u8]`,
/// `[u8; N]`, `Box<[u8]>`. `Growing` (feature `alloc`) grows with the message.
pub trait Memory {
    /// What there is now.
    fn octets(&self) -> &[u8];

    /// What there is now, to write to.
    fn octets_mut(&mut self) -> &mut [u8];

    /// The length that it always has; `None`: it grows.
    fn fixed(&self) -> Option<usize> {
        Some(self.octets().len())
    }

    /// Makes it at least `len` octets long. What is in it stays.
    ///
    /// # Errors
    /// [`Capacity::Memory`] when that cannot be had.
    fn grow(&mut self, len: usize) -> Result<(), Capacity> {
        if len <= self.octets().len() {
            Ok(())
        } else {
            Err(Capacity::Memory { needed: len as u64 })
        }
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Memory for B {
    fn octets(&self) -> &[u8] {
        self.as_ref()
    }

    fn octets_mut(&mut self) -> &mut [u8] {
        self.as_mut()
    }
}

/// Memory on the heap that grows as output is produced, never by a length that the peer
/// declares. The limit is [`Limits::message`](super::Limits::message).
#[cfg(feature = "alloc")]
#[derive(Debug, Default)]
pub struct Growing {
    octets: alloc::vec::Vec<u8>,
}

#[cfg(feature = "alloc")]
impl Growing {
    /// No memory yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            octets: alloc::vec::Vec::new(),
        }
    }
}

#[cfg(feature = "alloc")]
impl Memory for Growing {
    fn octets(&self) -> &[u8] {
        &self.octets
    }

    fn octets_mut(&mut self) -> &mut [u8] {
        &mut self.octets
    }

    fn fixed(&self) -> Option<usize> {
        None
    }

    fn grow(&mut self, len: usize) -> Result<(), Capacity> {
        let more = len.saturating_sub(self.octets.len());
        // Amortised doubling is the vector's own.
        self.octets
            .try_reserve(more)
            .map_err(|_| Capacity::Memory { needed: len as u64 })?;
        if more > 0 {
            self.octets.resize(len, 0);
        }
        Ok(())
    }
}
