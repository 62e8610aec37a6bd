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
