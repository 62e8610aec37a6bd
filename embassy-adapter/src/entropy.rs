//! The board's generator as a source of masking keys.

use bare_ws::entropy::{Entropy, EntropyError};

/// A function that fills octets as [`Entropy`]: whatever a board's generator looks like, it fits
/// into a closure.
///
/// ```
/// use bare_ws_embassy::entropy::FromFn;
///
/// fn entropy(mut trng: Trng) -> impl bare_ws::entropy::Entropy {
///     FromFn(move |octets: &mut [u8]| {
///         trng.fill_bytes(octets);
///         Ok(())
///     })
/// }
/// # struct Trng;
/// # impl Trng { fn fill_bytes(&mut self, octets: &mut [u8]) {} }
/// ```
///
/// With a function instead of a closure it has a name, `FromFn`, for a static or a task.
#[derive(Clone, Copy, Debug)]
pub struct FromFn<F = fn(&mut [u8]) -> Result<(), EntropyError>>(
    /// Fills all of the octets, unpredictably, or fails.
    pub F,
);

impl<F: FnMut(&mut [u8]) -> Result<(), EntropyError>> Entropy for FromFn<F> {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        (self.0)(octets)
    }
}
