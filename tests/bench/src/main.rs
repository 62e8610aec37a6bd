//! Receiving and sending in memory, bare-ws beside other libraries, in one process and one run.
//!
//! Every library gets the same recorded octets to receive and the same payloads to send, and is first held to
//! deliver them unchanged. Rounds go over all cells in shuffled order; what is printed are medians of the CPU time of
//! the thread, and ratios to the best library, which are medians of the rounds' ratios. Without `--smoke` the run is
//! held against the bars below.

mod allocations;
mod cells;
mod floor;
mod payload;
mod peers;
mod report;
mod wire;

use std::process::ExitCode;

use cells::{Cell, Direction};
use payload::{Kind, Payload, SIZES};
use report::Report;

/// What a run is held against. Noise of a shared machine is inside of `LEVEL`.
mod bars {
    /// Receiving and sending 16 octets: at least so many times as fast as tungstenite.
    pub const SMALL: f64 = 2.0;
    /// The same for text that is received: std checks its UTF-8 in both, which is 10 ns of our 28, and of
    /// tungstenite's 50; without it the ratio is that of binary messages, 2.3.
    pub const SMALL_TEXT: f64 = 1.6;
    /// From 64 KiB up: at most so many times the time of tokio-websockets.
    pub const LEVEL: f64 = 1.10;
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let smoke = match arguments.next().as_deref() {
        None => false,
        Some("--smoke") => true,
        Some(_) => {
            eprintln!("usage: bare-ws-bench [--smoke]");
            return ExitCode::from(2);
        }
    };
    let mut report = Report::default();
    let mut cells = Vec::new();
    for direction in [Direction::Receive, Direction::Send] {
        for kind in [Kind::Binary, Kind::Text] {
            for size in SIZES {
                let payload = Payload::new(kind, size);
                for library in peers::LIBRARIES {
                    let cell = Cell::new(library, direction, payload);
                    report.check(
                        cell.is_faithful(),
                        format!(
                            "{} {direction} {kind} {size}: octets unchanged",
                            library.name
                        ),
                    );
                    cells.push(cell);
                }
            }
        }
    }
    cells.extend(floor::cells());
    let (rounds, milliseconds) = if smoke { (3, 1.0) } else { (64, 8.0) };
    eprintln!(
        "{} cells, {rounds} rounds of {milliseconds} ms each",
        cells.len()
    );
    cells::measure(&mut cells, rounds, milliseconds);
    report.tables(&cells);

    for cell in cells.iter().filter(|cell| cell.library() == peers::OURS) {
        report.check(
            cell.allocations() == 0.0,
            format!(
                "{}: {} allocations a message",
                cell.title(),
                cell.allocations()
            ),
        );
    }
    if !smoke {
        for (direction, kind) in report::groups() {
            let cell = |library: &str, size: usize| {
                let mut cells = cells.iter();
                cells.find(|cell| cell.is(library, direction, kind, size))
            };
            let bar = match (direction, kind) {
                (Direction::Receive, Kind::Text) => bars::SMALL_TEXT,
                _ => bars::SMALL,
            };
            let title = format!("{direction} {kind} 16");
            match (cell(peers::OURS, 16), cell("tungstenite", 16)) {
                (Some(ours), Some(theirs)) => {
                    let times = theirs.ratio(ours);
                    report.check(
                        times >= bar,
                        format!("{title}: {times:.2} times as fast as tungstenite, bar {bar}"),
                    );
                }
                _ => report.check(false, format!("{title}: not measured beside tungstenite")),
            }
            for size in SIZES.into_iter().filter(|size| *size >= 64 * 1024) {
                let title = format!("{direction} {kind} {size}");
                match (cell(peers::OURS, size), cell("tokio-websockets", size)) {
                    (Some(ours), Some(theirs)) => {
                        let times = ours.ratio(theirs);
                        let bar = bars::LEVEL;
                        report.check(
                            times <= bar,
                            format!("{title}: {times:.2} of tokio-websockets' time, bar {bar}"),
                        );
                    }
                    _ => report.check(
                        false,
                        format!("{title}: not measured beside tokio-websockets"),
                    ),
                }
            }
        }
    }
    report.finish()
}
