//! bare-ws beside other libraries: receiving and sending in memory, and over TCP, in one process and one run.
//!
//! Every library gets the same recorded octets to receive and the same payloads to send, and is first held to
//! deliver them unchanged. Rounds go over all cells in shuffled order; what is printed are medians, of the CPU time of
//! the thread in memory and of the time on the wall over TCP, and ratios to the best library, which are medians of the
//! rounds' ratios. Without `--smoke` the run is held against the bars below.

mod allocations;
mod cells;
mod figures;
mod floor;
mod growth;
mod idle;
mod payload;
mod peers;
mod report;
mod served;
mod tasks;
mod wire;

use std::path::Path;
use std::process::ExitCode;

use cells::{Cell, Direction};
use payload::{Kind, Payload, SIZES};
use report::Report;

/// What a run is held against: ratios within it alone, and with room for what a busy machine does to them.
mod bars {
    /// Receiving and sending 16 octets: at least so many times as fast as tungstenite.
    pub const SMALL: f64 = 2.0;
    /// The same for text that is received: std checks its UTF-8 in both, which is 10 ns of our 28, and of
    /// tungstenite's 50; without it the ratio is that of binary messages, 2.3.
    pub const SMALL_TEXT: f64 = 1.6;
    /// In memory, at most so many times the time of the best of the others.
    pub const LEVEL: f64 = 1.25;
    /// A message that borrows nothing is allocated and copied when it is received, and counted when it is sent.
    pub const OWNED: f64 = 2.2;
    /// Of the time of tokio-tungstenite, sending and receiving up to 125 octets in tokio: the same program receives 16
    /// octets in 0.34 of it on a quiet machine, and in 0.50 on a busy one, ...
    pub const TOKIO: f64 = 0.55;
    /// ... and as `Stream` and `Sink`.
    pub const TOKIO_OWNED: f64 = 0.75;
    /// Text in pieces by the core's loop, which cannot wait for a moment: what has come is checked before each read.
    pub const CLOCKLESS: f64 = 2.2;
    /// permessage-deflate: the engine, zlib-rs at level 6, is that of the others, and most of the time.
    pub const DEFLATE: f64 = 1.6;
}

/// At most so many times the time of the best of the others. None over TCP, where it is the system's scheduler of two
/// threads that a busy machine changes most: what keeps those rows is held elsewhere, by the number of writes
/// (`std-adapter/tests/allocation`).
fn bar(direction: Direction, kind: Kind, library: &str) -> f64 {
    match direction {
        Direction::Echo | Direction::Batch => f64::INFINITY,
        Direction::Deflate | Direction::Inflate => bars::DEFLATE,
        _ if library == peers::OURS_OWNED => bars::OWNED,
        Direction::Pieces if library == peers::OURS && kind == Kind::Text => bars::CLOCKLESS,
        _ => bars::LEVEL,
    }
}

/// What is measured.
const GROUPS: &[(Direction, Kind, &[usize])] = &[
    (Direction::Receive, Kind::Binary, &SIZES),
    (Direction::Receive, Kind::Text, &SIZES),
    (Direction::Pieces, Kind::Binary, &[1024 * 1024]),
    (Direction::Pieces, Kind::Text, &[1024 * 1024]),
    (Direction::Send, Kind::Binary, &SIZES),
    (Direction::Send, Kind::Text, &SIZES),
    (Direction::Turn, Kind::Binary, &SIZES),
    (Direction::Turn, Kind::Text, &SIZES),
    (Direction::Deflate, Kind::Text, &[1024, 64 * 1024]),
    (Direction::Inflate, Kind::Text, &[1024, 64 * 1024]),
    (Direction::Echo, Kind::Binary, &SIZES),
    (Direction::Echo, Kind::Text, &SIZES),
    (Direction::Batch, Kind::Binary, &[125]),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, count, library @ ..] = arguments.as_slice()
        && flag == "--idle"
        && let Ok(count @ 1..) = count.parse()
    {
        return match library {
            [] => idle::compare(count),
            [library, ..] => idle::measure(library, count),
        };
    }
    if let [flag, count] = arguments.as_slice()
        && flag == "--tasks"
        && let Ok(count @ 1..=1024) = count.parse()
    {
        return tasks::compare(count);
    }
    if let [flag] = arguments.as_slice()
        && flag == "--growth"
    {
        return growth::measure(Path::new(env!("CARGO_MANIFEST_DIR")));
    }
    let mut smoke = false;
    let mut writes_figures = false;
    let mut only = String::new();
    for argument in arguments {
        match argument.as_str() {
            "--smoke" => smoke = true,
            "--figures" => writes_figures = true,
            word if word.starts_with('-') => {
                eprintln!(
                    "usage: bare-ws-bench [--smoke | --figures] [ONLY], such as: bare-ws-bench 'echo over TCP binary'\n\
                    or: bare-ws-bench --idle CONNECTIONS\n\
                    or: bare-ws-bench --tasks TASKS\n\
                    or: bare-ws-bench --growth"
                );
                return ExitCode::from(2);
            }
            word => word.clone_into(&mut only),
        }
    }
    let mut report = Report::default();
    let mut cells = Vec::new();
    for &(direction, kind, sizes) in GROUPS {
        for &size in sizes {
            let title = format!("{direction} {kind} {size}");
            if !title.contains(&only) {
                continue;
            }
            let payload = match direction {
                Direction::Deflate | Direction::Inflate => Payload::json(size),
                _ => Payload::new(kind, size),
            };
            for library in peers::LIBRARIES {
                let Some(cell) = Cell::new(library, direction, payload) else {
                    continue;
                };
                report.check(
                    cell.is_faithful(),
                    format!("{} {title}: octets unchanged", library.name),
                );
                cells.push(cell);
            }
        }
    }
    if only.is_empty() {
        cells.extend(floor::cells());
    }
    let (rounds, milliseconds) = if smoke { (3, 1.0) } else { (48, 8.0) };
    eprintln!(
        "{} cells, {rounds} rounds of {milliseconds} ms each",
        cells.len()
    );
    cells::measure(&mut cells, rounds, milliseconds);
    report.tables(&cells);
    if writes_figures {
        let written = figures::write(&cells, rounds, Path::new(env!("CARGO_MANIFEST_DIR")));
        report.check(written.is_ok(), format!("figures are written: {written:?}"));
    }

    for cell in &cells {
        // Messages that borrow nothing are allocated, and so is the place of a future that waits to send.
        let may_allocate = cell.library() == peers::OURS_OWNED
            || cell.library() == peers::OURS_TOKIO && cell.direction().is_over_tcp();
        if cell.is_ours() && !may_allocate {
            let allocations = cell.allocations();
            report.check(
                allocations == 0.0,
                format!("{}: {allocations} allocations a message", cell.title()),
            );
        }
    }
    if only.is_empty() {
        growth::hold(&mut report);
    }
    if !smoke {
        for group in report::rows(&cells) {
            hold(&mut report, &group);
        }
    }
    report.finish()
}

/// One size of one table.
fn hold(report: &mut Report, row: &report::Row<'_>) {
    let (direction, kind, size) = row.what;
    let title = format!("{direction} {kind} {size}");
    let (Some(best), false) = (row.best_peer(), row.ours().is_empty()) else {
        return report.check(false, format!("{title}: not measured beside another"));
    };
    for ours in row.ours() {
        let times = ours.ratio(best);
        let bar = bar(direction, kind, ours.library());
        report.check(
            times <= bar,
            format!(
                "{}: {times:.2} of the time of {}, bar {bar}",
                ours.title(),
                best.library()
            ),
        );
    }
    if size <= 125
        && matches!(
            direction,
            Direction::Receive | Direction::Send | Direction::Turn
        )
        && let Some(theirs) = row.of(peers::TOKIO_TUNGSTENITE)
    {
        for (library, bar) in [
            (peers::OURS_TOKIO, bars::TOKIO),
            (peers::OURS_OWNED, bars::TOKIO_OWNED),
        ] {
            let times = row.of(library).map_or(f64::NAN, |ours| ours.ratio(theirs));
            report.check(
                times <= bar,
                format!(
                    "{library} {title}: {times:.2} of the time of {}, bar {bar}",
                    peers::TOKIO_TUNGSTENITE
                ),
            );
        }
    }
    if size == 16 && !direction.is_over_tcp() {
        let bar = match (direction, kind) {
            (Direction::Receive, Kind::Text) => bars::SMALL_TEXT,
            _ => bars::SMALL,
        };
        let ours = row.of(peers::OURS);
        let times = ours.zip(row.of("tungstenite"));
        let times = times.map_or(0.0, |(ours, theirs)| theirs.ratio(ours));
        report.check(
            times >= bar,
            format!("{title}: {times:.2} times as fast as tungstenite, bar {bar}"),
        );
    }
}
