//! A program's settings as `key=value` words: the command line of an emulated board, the settings page of a real one.

#![no_std]
#![forbid(unsafe_code)]

use core::str::FromStr;

/// `key=value` words separated by blanks or ends of lines.
#[derive(Clone, Copy, Debug)]
pub struct Words(&'static str);

impl Words {
    /// The words of a text. What is no `key=value` is passed over.
    #[must_use]
    pub const fn new(text: &'static str) -> Self {
        Self(text)
    }

    /// The value of `key`, if it was given. The first counts.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&'static str> {
        self.0
            .split_ascii_whitespace()
            .filter_map(|word| word.split_once('='))
            .find_map(|(name, value)| (name == key).then_some(value))
    }

    /// The value of `key` as a number, or whatever else it can be parsed into.
    #[must_use]
    pub fn parsed<T: FromStr>(&self, key: &str) -> Option<T> {
        self.value(key)?.parse().ok()
    }
}
