//! Puts all of cargo-mutants' mutants into a copy of the sources at once, each behind a switch, so that one build
//! serves for all: `weave TREE MUTANTS PLACES < LEFT`.
//!
//! `MUTANTS` is what `cargo mutants --list --json` says; the number of a mutant is its place there, from 1 on. The
//! files below `TREE` are rewritten, and `PLACES` tells what became of each mutant: where its text is in the woven
//! file, or why it has none. `LEFT`, on the standard input, are the numbers of those that an earlier try has shown not
//! to compile, one a line.

mod edits;
mod places;
#[cfg(test)]
mod tests;
mod visit;

use std::collections::{BTreeMap, HashSet};
use std::{env, fs};

use places::{Mutant, Place};

fn main() {
    let [tree, mutants, places] = env::args()
        .skip(1)
        .collect::<Vec<_>>()
        .try_into()
        .expect("weave TREE MUTANTS PLACES < LEFT");
    let mutants = places::read(&fs::read_to_string(mutants).expect("the mutants"));
    let left: HashSet<usize> = std::io::stdin()
        .lines()
        .map(|line| line.expect("a line").parse().expect("a number"))
        .collect();

    let mut files: BTreeMap<&str, Vec<&Mutant>> = BTreeMap::new();
    for mutant in &mutants {
        files.entry(&mutant.file).or_default().push(mutant);
    }
    let mut found = Vec::new();
    for (file, mutants) in files {
        let path = format!("{tree}/{file}");
        let source = fs::read_to_string(&path).expect("a source");
        let (woven, places) = weave(file, &source, &mutants, &left);
        fs::write(&path, woven).expect("a source");
        found.extend(places);
    }
    fs::write(places, serde_json::to_string(&found).expect("places")).expect("places");
}

fn weave(
    file: &str,
    source: &str,
    mutants: &[&Mutant],
    left: &HashSet<usize>,
) -> (String, Vec<Place>) {
    let syntax = syn::parse_file(source).expect("a source that parses");
    let mut edits = edits::Edits::new(source);
    let wanted: Vec<_> = mutants
        .iter()
        .filter(|mutant| !left.contains(&mutant.number))
        .copied()
        .collect();
    let fates = visit::Weaver::new(&wanted, &mut edits).file(&syntax);
    let (woven, texts) = edits.apply();
    let places = mutants
        .iter()
        .map(|mutant| Place {
            mutant: mutant.number,
            file: file.to_owned(),
            texts: texts.get(&mutant.number).cloned().unwrap_or_default(),
            callable: fates.get(&mutant.number) == Some(&visit::Fate::Callable),
            beside: fates.get(&mutant.number) == Some(&visit::Fate::Beside),
            refused: fates.get(&mutant.number) == Some(&visit::Fate::Refused),
        })
        .collect();
    (woven, places)
}
