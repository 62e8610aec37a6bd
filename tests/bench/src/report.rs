//! What is printed.

use std::process::ExitCode;

use crate::cells::Cell;
use crate::direction::Direction;
use crate::payload::Kind;
use crate::peers;

#[derive(Default)]
pub struct Report {
    passed: usize,
    failures: Vec<String>,
}

/// The cells that are compared with each other.
pub struct Row<'c> {
    pub what: (Direction, Kind, usize),
    pub cells: Vec<&'c Cell>,
}

/// In the order in which they were made.
pub fn rows(cells: &[Cell]) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for cell in cells {
        if cell.direction() == Direction::Floor {
            continue;
        }
        match rows.iter_mut().find(|row| row.what == cell.what()) {
            Some(row) => row.cells.push(cell),
            None => rows.push(Row {
                what: cell.what(),
                cells: vec![cell],
            }),
        }
    }
    rows
}

impl<'c> Row<'c> {
    pub fn of(&self, library: &str) -> Option<&'c Cell> {
        let mut cells = self.cells.iter();
        cells.find(|cell| cell.library() == library).copied()
    }

    pub fn ours(&self) -> Vec<&'c Cell> {
        let ours = self.cells.iter().filter(|cell| cell.is_ours());
        ours.copied().collect()
    }

    pub fn best_peer(&self) -> Option<&'c Cell> {
        let peers = self.cells.iter().filter(|cell| cell.is_peer());
        peers
            .min_by(|a, b| a.median().total_cmp(&b.median()))
            .copied()
    }
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
        let mut tables: Vec<(Direction, Kind)> = Vec::new();
        for cell in cells {
            let table = (cell.direction(), cell.kind());
            if !tables.contains(&table) {
                tables.push(table);
            }
        }
        for &(direction, kind) in &tables {
            table(cells, direction, kind);
        }
        println!("\nAllocations a message:");
        for library in peers::LIBRARIES {
            for &(direction, kind) in &tables {
                let of =
                    |cell: &&Cell| cell.library() == library.name && cell.in_group(direction, kind);
                let counts: Vec<String> = cells
                    .iter()
                    .filter(of)
                    .map(|cell| format!("{:>8.2}", cell.allocations()))
                    .collect();
                if !counts.is_empty() {
                    println!(
                        "  {:<18} {:<38} {}",
                        library.name,
                        format!("{direction} {kind}"),
                        counts.concat()
                    );
                }
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
    let mut sizes: Vec<_> = Vec::new();
    for cell in &group {
        if !names.contains(&cell.library()) {
            names.push(cell.library());
        }
        if !sizes.contains(&cell.size()) {
            sizes.push(cell.size());
        }
    }
    print!("\n{:<38}", format!("{direction} {kind}"));
    for &size in &sizes {
        let size = if size < 1024 {
            format!("{size} B")
        } else {
            format!("{} KiB", size / 1024)
        };
        print!("{size:>20}");
    }
    println!();
    for name in names {
        print!("  {name:<36}");
        for &size in &sizes {
            let column = || group.iter().filter(move |cell| cell.size() == size);
            let best = column()
                .filter(|cell| cell.library() != peers::LIMIT)
                .min_by(|a, b| a.median().total_cmp(&b.median()));
            match (column().find(|cell| cell.library() == name), best) {
                (None, _) | (_, None) => print!("{:>20}", "-"),
                (Some(cell), Some(best)) => {
                    let time = cell.median();
                    let figure = match direction {
                        Direction::Batch(_) | Direction::Flood(_) => {
                            format!("{:.2} M/s", 1e3 / time)
                        }
                        Direction::Connect => format!("{:.0} /s", 1e9 / time),
                        _ if size <= 1024 => format!("{time:.1} ns"),
                        _ => format!("{:.0} MB/s", size as f64 / time * 1e3),
                    };
                    print!("{:>20}", format!("{figure} ({:.2})", cell.ratio(best)));
                }
            }
        }
        println!();
    }
}
