//! Which mutant is on, and which ones a test reaches. `weave` puts a call of [`on`] at each place that cargo-mutants
//! changes, so that one build holds all mutants.
//!
//! `MUTANT` is the number of the one that is on. `MUTANTS_REACHED` names a file instead: each mutant whose place is
//! reached is written into it once, as four octets. Nothing here allocates, since tests count allocations.
//!
//! Functions that constants call are woven, too. In the compiler all mutants are off, and telling apart who asks is not
//! stable: this crate alone is compiled with `RUSTC_BOOTSTRAP=switch`.

#![feature(core_intrinsics, const_eval_select)]
#![expect(
    internal_features,
    reason = "no other way to know whether the compiler asks"
)]

use std::fs::File;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Nobody has looked yet.
const UNKNOWN: u32 = u32::MAX;
/// No mutant is on, and what is reached is written down.
const RECORDING: u32 = UNKNOWN - 1;
/// More than there are mutants.
const MOST: usize = 1 << 16;

static ON: AtomicU32 = AtomicU32::new(UNKNOWN);
static REACHED: [AtomicU64; MOST / 64] = [const { AtomicU64::new(0) }; MOST / 64];

/// Whether this mutant is on.
#[inline]
#[must_use]
pub const fn on(mutant: u32) -> bool {
    core::intrinsics::const_eval_select((mutant,), off, ask)
}

const fn off(_: u32) -> bool {
    false
}

#[inline]
fn ask(mutant: u32) -> bool {
    match ON.load(Ordering::Relaxed) {
        UNKNOWN => first(mutant),
        RECORDING => {
            if is_new(mutant) {
                record(mutant);
            }
            false
        }
        on => on == mutant,
    }
}

#[cold]
#[inline(never)]
fn first(mutant: u32) -> bool {
    let mut octets = [0; 16384];
    let environment = Environment::read(&mut octets);
    let on = match environment.value("MUTANTS_REACHED") {
        Some(_) => RECORDING,
        // Zero is no mutant's number.
        None => environment
            .value("MUTANT")
            .and_then(|on| on.parse().ok())
            .unwrap_or(0),
    };
    ON.store(on, Ordering::Relaxed);
    ask(mutant)
}

#[cold]
#[inline(never)]
fn record(mutant: u32) {
    let mut octets = [0; 16384];
    let path = Environment::read(&mut octets)
        .value("MUTANTS_REACHED")
        .expect("it was there");
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .and_then(|mut file| file.write_all(&mutant.to_le_bytes()))
        .expect("the file of what is reached");
}

fn is_new(mutant: u32) -> bool {
    let bit = 1 << (mutant % 64);
    let word = &REACHED[mutant as usize / 64];
    word.load(Ordering::Relaxed) & bit == 0 && word.fetch_or(bit, Ordering::Relaxed) & bit == 0
}

/// Where a function returns an iterator without a name: another one, or its own.
pub enum Either<M, O> {
    Mutant(M),
    Or(O),
}

impl<M: Iterator, O: Iterator<Item = M::Item>> Iterator for Either<M, O> {
    type Item = M::Item;

    fn next(&mut self) -> Option<M::Item> {
        match self {
            Self::Mutant(iterator) => iterator.next(),
            Self::Or(iterator) => iterator.next(),
        }
    }
}

/// What this process was started with, read without an allocation.
struct Environment<'a>(&'a [u8]);

impl<'a> Environment<'a> {
    fn read(octets: &'a mut [u8]) -> Self {
        let mut len = 0;
        if let Ok(mut file) = File::open("/proc/self/environ") {
            while let Ok(read @ 1..) = file.read(&mut octets[len..]) {
                len += read;
            }
        }
        Self(&octets[..len])
    }

    fn value(&self, name: &str) -> Option<&'a str> {
        self.0
            .split(|octet| *octet == 0)
            .find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
            .and_then(|value| str::from_utf8(value).ok())
    }
}
