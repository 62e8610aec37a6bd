//! Octets written as text: hex pairs, and `61*126` for 126 times `61`. Blanks mean nothing.

use core::str::SplitAsciiWhitespace;

/// Octets as the tables write them.
#[derive(Clone, Copy, Debug)]
pub struct Octets(pub &'static str);

impl Octets {
    /// One after the other.
    #[must_use]
    pub fn iter(self) -> Iter {
        Iter {
            words: self.0.split_ascii_whitespace(),
            pairs: "",
            at: 0,
            times: 0,
        }
    }
}

/// The octets, one after the other.
#[derive(Clone, Debug)]
pub struct Iter {
    words: SplitAsciiWhitespace<'static>,
    /// The word at hand, where in it, and how often it still comes.
    pairs: &'static str,
    at: usize,
    times: usize,
}

impl Iterator for Iter {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        while self.times == 0 || self.at == self.pairs.len() {
            if self.times > 1 {
                self.times -= 1;
            } else {
                let word = self.words.next()?;
                let (pairs, times) = match word.split_once('*') {
                    Some((pair, times)) => (pair, times.parse().expect("a number after *")),
                    None => (word, 1),
                };
                assert!(pairs.len() % 2 == 0, "half an octet in {word}");
                (self.pairs, self.times) = (pairs, times);
            }
            self.at = 0;
        }
        let pair = &self.pairs[self.at..self.at + 2];
        self.at += 2;
        Some(u8::from_str_radix(pair, 16).expect("two hexadecimal digits"))
    }
}
