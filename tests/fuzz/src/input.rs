//! A case, read from what the fuzzer gives: first its parameters, an octet each, then the octets
//! that the peer sends.

/// The octets of a case that are left.
#[derive(Clone, Debug)]
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    /// The next octet; 0 when there are no more.
    pub fn octet(&mut self) -> u8 {
        let Some((&octet, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        octet
    }

    /// The next two.
    pub fn number(&mut self) -> u16 {
        u16::from_be_bytes([self.octet(), self.octet()])
    }

    /// A bit of its own octet.
    pub fn flag(&mut self) -> bool {
        self.octet() & 1 == 1
    }

    /// One of `choices`.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.octet()) % choices.len()]
    }

    /// The next octets, as many as the next number says, as far as there are any.
    pub fn octets(&mut self) -> &'a [u8] {
        let len = usize::from(self.number()).min(self.0.len());
        let (octets, rest) = self.0.split_at(len);
        self.0 = rest;
        octets
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// How octets arrive: the lengths of the pieces they come in.
#[derive(Clone, Copy, Debug)]
pub enum Pieces {
    /// All at once.
    Whole,
    /// One by one.
    Single,
    /// At random, from this seed, short and long ones mixed.
    Random(u64),
}

impl Pieces {
    /// The length of the next piece, at least 1.
    #[expect(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> usize {
        match self {
            Self::Whole => usize::MAX,
            Self::Single => 1,
            Self::Random(state) => {
                *state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let random = (*state >> 33) as usize;
                1 + (random >> 3) % [2, 5, 16, 130, 700, 4000, 3, 20_000][random % 8]
            }
        }
    }
}
