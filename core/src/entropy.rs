//! Where masking keys and handshake keys come from.

/// A source of unpredictable octets.
///
/// RFC 6455 §10.3: "The masking key MUST be derived from a strong source of entropy, and the
/// masking key for a given frame MUST NOT make it simple for a server/proxy to predict the
/// masking key for a subsequent frame." On a board this is the hardware generator; with feature
/// `rand_core`, `RandCore` adapts any generator of that crate.
pub trait Entropy {
    /// Fills all of `octets`, or fails. After a failure nothing is sent.
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError>;
}

/// The source of entropy failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct EntropyError;

impl core::fmt::Display for EntropyError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the entropy source failed")
    }
}

impl core::error::Error for EntropyError {}

impl<E: Entropy + ?Sized> Entropy for &mut E {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        (**self).fill(octets)
    }
}

/// Any cryptographic generator of `rand_core` as [`Entropy`].
#[cfg(feature = "rand_core")]
#[derive(Clone, Debug)]
pub struct RandCore<R>(
    /// The generator.
    pub R,
);

#[cfg(feature = "rand_core")]
impl<R: rand_core::TryCryptoRng> Entropy for RandCore<R> {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        self.0.try_fill_bytes(octets).map_err(|_| EntropyError)
    }
}

#[cfg(all(test, feature = "rand_core"))]
mod tests {
    use super::*;

    /// Fills, or fails where it has to fill more than it may.
    struct Generator(usize);

    impl rand_core::TryRng for Generator {
        type Error = core::fmt::Error;

        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            Err(core::fmt::Error)
        }

        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            Err(core::fmt::Error)
        }

        fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Self::Error> {
            octets.fill(7);
            self.0 = self.0.checked_sub(octets.len()).ok_or(core::fmt::Error)?;
            Ok(())
        }
    }

    impl rand_core::TryCryptoRng for Generator {}

    // row: MSK-02, MSK-03
    #[test]
    fn a_generator_fills_all_or_fails() {
        let mut entropy = RandCore(Generator(8));
        for expected in [Ok(()), Ok(()), Err(EntropyError)] {
            let mut key = [0; 4];
            assert_eq!(entropy.fill(&mut key), expected);
            assert!(expected.is_err() || key == [7; 4]);
        }
    }
}
