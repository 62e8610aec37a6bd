//! What is printed.

use std::process::ExitCode;

use crate::cells::{Cell, Direction};
use crate::payload::{Kind, SIZES};

#[derive(Default)]
pub struct Report {
    passed: usize,
    failures: Vec<String>,
}

/// The tables, in order.
pub fn groups() -> [(Direction, Kind); 4] {
    [
        (Direction::Receive, Kind::Binary),
        (Direction::Receive, Kind::Text),
        (Direction::Send, Kind::Binary),
        (Direction::Send, Kind::Text),
    ]
}

impl Report {
    pub fn check(&mut self, good: bool, what: String) {
        if good {
            self.passed += 1;
        } else {
            self.failures.push(what);
        }
    }

    pub fn tables(&self, cells: &[Cell]) {
        for (direction, kind) in groups() {
            table(cells, direction, kind);
        }
        table(cells, Direction::Floor, Kind::Binary);
        table(cells, Direction::Floor, Kind::Text);
        println!("\nAllocations a message (16, 64 KiB, 1 MiB):");
        for library in crate::peers::LIBRARIES {
            for (direction, kind) in groups() {
                let of = |size| {
                    cells
                        .iter()
                        .find(|cell| cell.is(library.name, direction, kind, size))
                        .map_or(f64::NAN, Cell::allocations)
                };
                println!(
                    "  {:<18} {:<8} {:<7} {:>6.2} {:>6.2} {:>6.2}",
                    library.name,
                    direction.to_string(),
                    kind.to_string(),
                    of(16),
                    of(64 * 1024),
                    of(1024 * 1024)
                );
            }
        }
    }

    pub fn finish(self) -> ExitCode {
        println!();
        for failure in &self.failures {
            println!("not ok {failure}");
        }
        println!("{} passed, {} failed", self.passed, self.failures.len());
        if self.failures.is_empty() && self.passed > 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

/// One line a library: time or rate of each size, in brackets the ratio to the best time of the column.
fn table(cells: &[Cell], direction: Direction, kind: Kind) {
    let group: Vec<_> = cells
        .iter()
        .filter(|cell| cell.in_group(direction, kind))
        .collect();
    let mut names: Vec<_> = Vec::new();
    for cell in &group {
        if !names.contains(&cell.library()) {
            names.push(cell.library());
        }
    }
    print!("\n{:<26}", format!("{direction} {kind}"));
    for size in SIZES {
        let size = if size < 1024 {
            format!("{size} B")
        } else {
            format!("{} KiB", size / 1024)
        };
        print!("{size:>20}");
    }
    println!();
    for name in names {
        print!("  {name:<24}");
        for size in SIZES {
            let column = || group.iter().filter(move |cell| cell.size() == size);
            let best = column().min_by(|a, b| a.median().total_cmp(&b.median()));
            match (column().find(|cell| cell.library() == name), best) {
                (None, _) | (_, None) => print!("{:>20}", "-"),
                (Some(cell), Some(best)) => {
                    let time = cell.median();
                    let figure = if size <= 1024 {
                        format!("{time:.1} ns")
                    } else {
                        format!("{:.0} MB/s", size as f64 / time * 1e3)
                    };
                    print!("{:>20}", format!("{figure} ({:.2})", cell.ratio(best)));
                }
            }
        }
        println!();
    }
}
