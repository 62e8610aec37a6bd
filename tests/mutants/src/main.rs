//! Puts all of cargo-mutants' mutants into a copy of the sources at once, each behind a switch, so that one build
//! serves for all: `weave TREE MUTANTS PLACES < KEEP`.
//!
//! `MUTANTS` is what `cargo mutants --list --json` says; the number of a mutant is its place there, from 1 on. The
//! files below `TREE` are rewritten, and `PLACES` tells what became of each mutant: where its text is in the woven
//! file, or why it has none. On the standard input are lines of JSON, what an earlier try has shown: `{"leave": 7}`
//! for a mutant that does not compile, `{"const": ["core/src/utf8.rs", 30]}` for the function in that line that has
//! to stay `const`, since constants call it.

mod edits;
mod places;
#[cfg(test)]
mod tests;
mod visit;

use std::collections::{BTreeMap, HashSet};
use std::io::Read;
use std::{env, fs};

use places::{Mutant, Place};

fn main() {
    let [tree, mutants, places] = env::args()
        .skip(1)
        .collect::<Vec<_>>()
        .try_into()
        .expect("weave TREE MUTANTS PLACES < KEEP");
    let mutants = places::read(&fs::read_to_string(mutants).expect("the mutants"));
    let mut kept = String::new();
    std::io::stdin()
        .read_to_string(&mut kept)
        .expect("what is kept");
    let kept = Kept::read(&kept);

    let mut files: BTreeMap<&str, Vec<&Mutant>> = BTreeMap::new();
    for mutant in &mutants {
        files.entry(&mutant.file).or_default().push(mutant);
    }
    let mut found = Vec::new();
    for (file, mutants) in files {
        let path = format!("{tree}/{file}");
        let source = fs::read_to_string(&path).expect("a source");
        let (woven, places) = weave(file, &source, &mutants, &kept);
        fs::write(&path, woven).expect("a source");
        found.extend(places);
    }
    fs::write(places, serde_json::to_string(&found).expect("places")).expect("places");
}

/// What an earlier try has shown.
#[derive(Default)]
pub struct Kept {
    left: HashSet<usize>,
    constant: HashSet<(String, usize)>,
}

impl Kept {
    fn read(lines: &str) -> Self {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Line {
            Leave(usize),
            Const(String, usize),
        }
        let mut kept = Self::default();
        for line in lines.lines() {
            match serde_json::from_str(line).expect("a line of what is kept") {
                Line::Leave(mutant) => drop(kept.left.insert(mutant)),
                Line::Const(file, line) => drop(kept.constant.insert((file, line))),
            }
        }
        kept
    }
}

fn weave(file: &str, source: &str, mutants: &[&Mutant], kept: &Kept) -> (String, Vec<Place>) {
    let syntax = syn::parse_file(source).expect("a source that parses");
    let mut edits = edits::Edits::new(source);
    let wanted: Vec<_> = mutants
        .iter()
        .filter(|mutant| !kept.left.contains(&mutant.number))
        .copied()
        .collect();
    visit::Weaver::new(file, &wanted, kept, &mut edits).file(&syntax);
    let (woven, texts) = edits.apply();
    let places = mutants
        .iter()
        .map(|mutant| Place {
            mutant: mutant.number,
            file: file.to_owned(),
            texts: texts.get(&mutant.number).cloned().unwrap_or_default(),
        })
        .collect();
    (woven, places)
}
