//! The board's random number generator as the source of masking keys.

use bare_ws::entropy::{Entropy, EntropyError};

/// Makes a function that fills octets an [`Entropy`]: whatever interface a board's generator has, a
/// closure can wrap it.
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
/// Over a plain function its type can be named, `FromFn`, as a static or a task needs.
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
