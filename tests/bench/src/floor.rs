//! What the machine can do: a copy, and a check of UTF-8.

use std::hint::black_box;

use crate::cells::Cell;
use crate::payload::{Kind, Payload, SIZES};

pub fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for size in SIZES {
        let binary = Payload::new(Kind::Binary, size);
        let mut copy = vec![0; size];
        cells.push(Cell::floor(
            "copy",
            binary,
            Box::new(move || {
                copy.copy_from_slice(black_box(binary.octets));
                black_box(&copy);
            }),
        ));
        let text = Payload::new(Kind::Text, size);
        cells.push(Cell::floor(
            "UTF-8 (std)",
            text,
            Box::new(move || {
                let _ = black_box(std::str::from_utf8(black_box(text.octets)));
            }),
        ));
        cells.push(Cell::floor(
            "UTF-8 (simdutf8)",
            text,
            Box::new(move || {
                let _ = black_box(simdutf8::basic::from_utf8(black_box(text.octets)));
            }),
        ));
    }
    cells
}
