//! Entropy that repeats.

use bare_ws::entropy::{Entropy, EntropyError};

/// A small generator, the same in each run.
#[derive(Clone, Copy)]
pub(crate) struct Repeatable(pub(crate) u64);

impl Entropy for Repeatable {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        // SplitMix64.
        for octet in octets {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut mixed = self.0;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            *octet = (mixed ^ (mixed >> 31)) as u8;
        }
        Ok(())
    }
}

/// A source that is broken.
pub(crate) struct Broken;

impl Entropy for Broken {
    fn fill(&mut self, _: &mut [u8]) -> Result<(), EntropyError> {
        Err(EntropyError)
    }
}
