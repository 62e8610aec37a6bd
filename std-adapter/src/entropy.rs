//! Masking keys and handshake keys on a host.

use std::fmt;

use bare_ws::entropy::{Entropy, EntropyError, RandCore};
use rand::rngs::{StdRng, SysRng};
use rand::{Rng as _, SeedableRng, TryRng};

/// A cryptographic generator (ChaCha) with a seed from the operating system.
///
/// One system call a connection. RFC 6455 §5.3 wants a fresh, unpredictable key for every frame:
/// asking the operating system for each would cost more than masking a short message.
pub struct SystemEntropy(RandCore<StdRng>);

impl SystemEntropy {
    /// Seeds a generator.
    ///
    /// # Errors
    /// [`EntropyError`] when the operating system gives no seed.
    pub fn new() -> Result<Self, EntropyError> {
        let mut seed = <StdRng as SeedableRng>::Seed::default();
        SysRng.try_fill_bytes(&mut seed).map_err(|_| EntropyError)?;
        Ok(Self(RandCore(StdRng::from_seed(seed))))
    }
}

impl Entropy for SystemEntropy {
    #[inline]
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        // A masking key, for which a word is taken from what the generator has in store.
        if let Ok(key) = <&mut [u8; 4]>::try_from(&mut *octets) {
            *key = self.0.0.next_u32().to_ne_bytes();
            return Ok(());
        }
        self.0.fill(octets)
    }
}

/// The state of the generator is not shown.
impl fmt::Debug for SystemEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SystemEntropy")
    }
}
