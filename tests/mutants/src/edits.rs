//! Insertions in a source, all by places in what it was before.

use std::collections::HashMap;
use std::ops::Range;

use proc_macro2::LineColumn;

pub struct Edits<'a> {
    source: &'a str,
    lines: Vec<usize>,
    edits: Vec<Edit>,
}

struct Edit {
    at: usize,
    /// Among insertions at one place: what closes an inner expression before what closes an outer one, then what opens
    /// an outer before what opens an inner one.
    order: (i64, i64),
    parts: Vec<Part>,
}

/// A piece of text, and whose it is.
pub enum Part {
    Text(String),
    Mutant(usize, String),
}

impl<'a> Edits<'a> {
    pub fn new(source: &'a str) -> Self {
        let lines = std::iter::once(0)
            .chain(source.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self {
            source,
            lines,
            edits: Vec::new(),
        }
    }

    /// Where this position is, in octets.
    pub fn offset(&self, position: LineColumn) -> usize {
        let line = self.lines[position.line - 1];
        self.source[line..]
            .char_indices()
            .nth(position.column)
            .map_or(self.source.len(), |(at, _)| line + at)
    }

    pub fn range(&self, span: proc_macro2::Span) -> Range<usize> {
        self.offset(span.start())..self.offset(span.end())
    }

    /// Text at one place.
    pub fn insert(&mut self, at: usize, parts: Vec<Part>) {
        self.edits.push(Edit {
            at,
            order: (0, 0),
            parts,
        });
    }

    /// Text around an expression; around what the same text was put around before, too.
    pub fn wrap(&mut self, range: Range<usize>, before: Vec<Part>, after: &str) {
        let len = i64::try_from(range.len()).expect("a length");
        let turn = i64::try_from(self.edits.len()).expect("a number of edits");
        self.edits.push(Edit {
            at: range.start,
            order: (i64::MAX - len, -turn),
            parts: before,
        });
        self.edits.push(Edit {
            at: range.end,
            order: (i64::MIN + len, turn),
            parts: vec![Part::Text(after.to_owned())],
        });
    }

    /// The source with all edits, and where the text of each mutant has gone.
    pub fn apply(mut self) -> (String, HashMap<usize, Vec<(usize, usize)>>) {
        self.edits.sort_by_key(|edit| (edit.at, edit.order));
        let mut woven = String::with_capacity(self.source.len() * 2);
        let mut texts: HashMap<usize, Vec<(usize, usize)>> = HashMap::new();
        let mut at = 0;
        for edit in self.edits {
            woven.push_str(&self.source[at..edit.at]);
            at = edit.at;
            for part in edit.parts {
                match part {
                    Part::Text(text) => woven.push_str(&text),
                    Part::Mutant(mutant, text) => {
                        let start = woven.len();
                        woven.push_str(&text);
                        texts.entry(mutant).or_default().push((start, woven.len()));
                    }
                }
            }
        }
        woven.push_str(&self.source[at..]);
        (woven, texts)
    }
}
