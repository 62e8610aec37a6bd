//! What cargo-mutants lists, and where it went.

use serde::{Deserialize, Serialize};

/// One of cargo-mutants' changes.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// From 1 on, as listed.
    pub number: usize,
    pub file: String,
    pub genre: String,
    pub replacement: String,
    /// Line and column, both from 1 on, of what is replaced.
    pub start: (usize, usize),
}

/// Where a mutant is in the woven sources.
#[derive(Serialize)]
pub struct Place {
    pub mutant: usize,
    pub file: String,
    /// From where to where its text is, in octets of the woven file. None: it is in a constant, or was to be left
    /// out, and is not in this build.
    pub texts: Vec<(usize, usize)>,
    /// In a function that constants may call: there it is off, since the compiler asks no switch.
    pub callable: bool,
    /// An iterator beside that of a function which does not name its type: each of them has to have the same items.
    pub beside: bool,
    /// The compiler would refuse it, as is known without a try.
    pub refused: bool,
}

pub fn read(json: &str) -> Vec<Mutant> {
    #[derive(Deserialize)]
    struct Listed {
        file: String,
        genre: String,
        replacement: String,
        span: Span,
    }
    #[derive(Deserialize)]
    struct Span {
        start: Position,
    }
    #[derive(Deserialize)]
    struct Position {
        line: usize,
        column: usize,
    }
    let listed: Vec<Listed> = serde_json::from_str(json).expect("a list of mutants");
    listed
        .into_iter()
        .enumerate()
        .map(|(at, mutant)| Mutant {
            number: at + 1,
            file: mutant.file,
            genre: mutant.genre,
            replacement: mutant.replacement,
            start: (mutant.span.start.line, mutant.span.start.column),
        })
        .collect()
}
