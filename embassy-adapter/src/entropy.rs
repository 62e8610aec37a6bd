//! The board's generator as a source of masking keys.

use bare_ws::entropy::{Entropy, EntropyError};

/// A function that fills octets as [`Entropy`]: whatever a board's generator looks like, it fits
/// into a closure.
///
/// ```
/// # use bare_ws_embassy::entropy::FromFn;
/// # struct Trng;
/// # impl Trng { fn fill_bytes(&mut self, octets: &mut [u8]) {} }
/// # let mut trng = Trng;
/// # fn is_entropy(_: impl bare_ws::entropy::Entropy) {}
/// let entropy = FromFn(|octets: &mut [u8]| {
///     trng.fill_bytes(octets);
///     Ok(())
/// });
/// # is_entropy(entropy);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FromFn<F>(
    /// Fills all of the octets, unpredictably, or fails.
    pub F,
);

impl<F: FnMut(&mut [u8]) -> Result<(), EntropyError>> Entropy for FromFn<F> {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        (self.0)(octets)
    }
}
