//! bare-ws beside other libraries: receiving and sending in memory, over TCP and over TLS, connections, and what they
//! hold, in one run.
//!
//! Every library gets the same recorded octets to receive and the same payloads to send, and is first held to
//! deliver them unchanged. Rounds go over all cells in shuffled order; what is printed are medians of the CPU time of
//! the client and of the far end, which share one core where there is one, and ratios to the best library, which are
//! medians of the rounds' ratios. Without `--smoke` the run is held against the bars in [`bars`].

mod allocations;
mod bars;
mod cells;
mod direction;
mod figures;
mod floor;
mod growth;
mod idle;
mod payload;
mod peers;
mod pin;
mod plot;
mod report;
mod served;
mod squeezed;
mod tasks;
mod tls;
mod wire;

use std::path::Path;
use std::process::ExitCode;

use cells::Cell;
use direction::{Direction, Layer, Takeover};
use payload::{Kind, Payload, SIZES};
use report::Report;

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
    (Direction::Deflate(Takeover::Kept), Kind::Text, &COMPRESSED),
    (Direction::Inflate(Takeover::Kept), Kind::Text, &COMPRESSED),
    (Direction::Squeeze(Takeover::Kept), Kind::Text, &COMPRESSED),
    (
        Direction::Deflate(Takeover::Dropped),
        Kind::Text,
        &COMPRESSED,
    ),
    (
        Direction::Inflate(Takeover::Dropped),
        Kind::Text,
        &COMPRESSED,
    ),
    (
        Direction::Squeeze(Takeover::Dropped),
        Kind::Text,
        &COMPRESSED,
    ),
    (Direction::Echo(Layer::Tcp), Kind::Binary, &SIZES),
    (Direction::Echo(Layer::Tcp), Kind::Text, &SIZES),
    (Direction::Batch(Layer::Tcp), Kind::Binary, &[125]),
    (Direction::Flood(Layer::Tcp), Kind::Binary, &[125]),
    (Direction::Echo(Layer::Tls), Kind::Binary, &SIZES),
    (Direction::Batch(Layer::Tls), Kind::Binary, &[125]),
    (Direction::Flood(Layer::Tls), Kind::Binary, &[125]),
    (Direction::Connect, Kind::Binary, &[0]),
];

const COMPRESSED: [usize; 2] = [1024, 64 * 1024];

/// All that is measured, of the titles that contain `only` and of these libraries, or of all; each held to do what it is
/// measured at.
fn cells(only: &str, libraries: &[String], report: &mut Report) -> Vec<Cell> {
    let mut cells = Vec::new();
    for &(direction, kind, sizes) in GROUPS {
        for &size in sizes {
            let title = format!("{direction} {kind} {size}");
            if !title.contains(only) {
                continue;
            }
            let payloads: &'static [Payload] = match direction.takeover() {
                // No window reaches back to the same message.
                Some(_) => Payload::json(size, (64 * 1024 / size).max(8)),
                None => Vec::leak(vec![Payload::new(kind, size)]),
            };
            for library in peers::LIBRARIES {
                if !libraries.is_empty() && !libraries.iter().any(|name| name == library.name) {
                    continue;
                }
                let Some(mut cell) = Cell::new(library, direction, payloads) else {
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
    cells
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, count, library @ ..] = arguments.as_slice()
        && flag == "--idle"
        && let Ok(count @ 1..) = count.parse()
    {
        return match library {
            [] => idle::compare(count),
            [library, ..] => idle::measure_here(library, count),
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
    let mut only = None;
    let mut libraries = Vec::new();
    for argument in arguments {
        match argument.as_str() {
            "--smoke" => smoke = true,
            "--figures" => writes_figures = true,
            word if word.starts_with('-') => {
                eprintln!(
                    "usage: bare-ws-bench [--smoke | --figures] [ONLY [LIBRARY]...], such as: bare-ws-bench 'echo over TCP binary' bare-ws-std wtx\n\
                    or: bare-ws-bench --idle CONNECTIONS\n\
                    or: bare-ws-bench --tasks TASKS\n\
                    or: bare-ws-bench --growth"
                );
                return ExitCode::from(2);
            }
            _ if only.is_none() => only = Some(argument),
            _ => libraries.push(argument),
        }
    }
    let only = only.unwrap_or_default();
    let mut report = Report::default();
    let mut cells = cells(&only, &libraries, &mut report);
    let (rounds, milliseconds) = if smoke { (3, 1.0) } else { (36, 8.0) };
    eprintln!(
        "{} cells, {rounds} rounds of {milliseconds} ms each",
        cells.len()
    );
    let rounds = cells::measure(&mut cells, rounds, milliseconds);
    pin::to_one_core(false);
    report.tables(&cells);
    let waiting = if smoke || !only.is_empty() {
        Vec::new()
    } else {
        idle::measure(idle::COUNT)
    };
    if writes_figures {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let written = figures::write(&cells, &waiting, rounds, folder);
        report.check(written.is_ok(), format!("figures are written: {written:?}"));
    }

    for cell in &cells {
        // Messages that borrow nothing are allocated, and so are what rustls has to send, what connections begin with,
        // and the place of a future that waits to send.
        let may_allocate = cell.library() == peers::OURS_OWNED
            || matches!(
                cell.direction(),
                Direction::Echo(Layer::Tls)
                    | Direction::Batch(Layer::Tls)
                    | Direction::Flood(Layer::Tls)
                    | Direction::Connect
            )
            || cell.library() == peers::OURS_TOKIO && cell.direction().has_far_end();
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
        for row in report::rows(&cells) {
            bars::hold(&mut report, &row);
        }
        if only.is_empty() {
            idle::hold(&mut report, &waiting);
        }
    }
    report.finish()
}
