//! How cost grows with work: `--growth` measures fragments, octets of a message, messages, connections and windows from
//! few to many, and writes `growth.md` and `growth.svg`.
//!
//! What can be counted is held by every run of the benchmark, `--smoke` among them: so many reads, writes, allocations
//! and octets of heap at most, as a line over the work. Time is held only where figures are made, and widely: quadratic
//! growth is a factor of thousands between the ends of a series.

mod connections;
mod memory;
mod windows;
mod write;

use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use cpu_time::ThreadTime;

use crate::allocations;
use crate::report::Report;

/// What a piece of work took that is the same in every run.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// Reads and writes of the transport that moved octets.
    reads: u64,
    writes: u64,
    allocations: u64,
    /// Octets of heap that were asked for, each time that a buffer grew: all that could be copied by it.
    heap: u64,
}

/// At most `fixed`, and `each` more for each unit of work.
#[derive(Clone, Copy)]
struct Line {
    fixed: f64,
    each: f64,
}

/// What is counted, its line, and where it stands.
type Counted = (&'static str, Line, fn(Counts) -> u64);

const NONE: Line = line(0.0, 0.0);

const fn line(fixed: f64, each: f64) -> Line {
    Line { fixed, each }
}

impl Line {
    fn at(self, work: u64) -> f64 {
        self.fixed + self.each * work as f64
    }
}

/// What may be counted.
struct Lines {
    reads: Line,
    writes: Line,
    allocations: Line,
    heap: Line,
}

/// One kind of work, from little to much.
struct Series {
    name: &'static str,
    /// What time is divided by, ...
    unit: &'static str,
    /// ... what grows, ...
    work: &'static str,
    /// ... and what else there is to say.
    setting: &'static str,
    lines: Lines,
    /// A unit takes at most so many times what it took in any point of less work.
    factor: f64,
    points: Vec<Point>,
}

struct Point {
    work: u64,
    /// Units by which time is divided, where these are not the work.
    units: u64,
    counts: Counts,
    /// Does it once.
    run: Box<dyn FnMut()>,
    /// How often in a round.
    repeats: u32,
    /// Nanoseconds, the least of all rounds.
    time: f64,
}

impl Point {
    /// Makes what the work needs, and counts what the work takes when it is done for the first time.
    fn new<R: FnMut() + 'static>(work: u64, make: impl FnOnce() -> R) -> Self {
        let mut run = make();
        let before = Counts::now();
        run();
        Self::counted(work, Counts::now().since(before), run)
    }

    fn counted(work: u64, counts: Counts, run: impl FnMut() + 'static) -> Self {
        Self {
            work,
            units: work,
            counts,
            run: Box::new(run),
            repeats: 1,
            time: f64::INFINITY,
        }
    }

    fn each(&self) -> f64 {
        self.time / self.units as f64
    }

    fn round(&mut self) -> f64 {
        let start = ThreadTime::now();
        for _ in 0..self.repeats {
            black_box(&mut self.run)();
        }
        start.elapsed().as_secs_f64() * 1e9 / f64::from(self.repeats)
    }
}

static READS: AtomicU64 = AtomicU64::new(0);
static WRITES: AtomicU64 = AtomicU64::new(0);

/// A load and a store: one thread counts.
fn count(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed) + 1, Relaxed);
}

impl Counts {
    fn now() -> Self {
        Self {
            reads: READS.load(Relaxed),
            writes: WRITES.load(Relaxed),
            allocations: allocations::count(),
            heap: allocations::asked(),
        }
    }

    fn since(self, before: Self) -> Self {
        Self {
            reads: self.reads - before.reads,
            writes: self.writes - before.writes,
            allocations: self.allocations - before.allocations,
            heap: self.heap - before.heap,
        }
    }
}

impl Series {
    fn counted(&self) -> [Counted; 4] {
        [
            ("reads", self.lines.reads, |counts| counts.reads),
            ("writes", self.lines.writes, |counts| counts.writes),
            ("allocations", self.lines.allocations, |counts| {
                counts.allocations
            }),
            ("octets of heap", self.lines.heap, |counts| counts.heap),
        ]
    }

    /// Holds what was counted against its lines.
    fn hold_counts(&self, report: &mut Report) {
        for (what, line, of) in self.counted() {
            let over = self
                .points
                .iter()
                .map(|point| (point.work, of(point.counts)))
                .find(|(work, counted)| *counted as f64 > line.at(*work));
            let Line { fixed, each } = line;
            report.check(
                over.is_none() && self.points.len() > 1,
                format!(
                    "{}: (work, {what}) {over:?} is above {fixed} + {each} per {}",
                    self.name, self.work
                ),
            );
        }
    }

    /// Holds the time of a unit against its time where there was less work.
    fn hold_time(&self, report: &mut Report) {
        let mut least = f64::INFINITY;
        for point in &self.points {
            let each = point.each();
            report.check(
                each <= self.factor * least,
                format!(
                    "{} {}: {each:.2} ns per {}, {least:.2} with less work, factor {}",
                    self.name, point.work, self.unit, self.factor
                ),
            );
            least = least.min(each);
        }
    }
}

/// All series, up to so many connections.
fn all(connections: u64) -> Vec<Series> {
    let mut all = memory::series();
    all.extend(windows::series());
    // The last, since it is the only one with another thread.
    all.extend(connections::series(connections));
    all
}

/// Counts, and holds what is counted.
pub fn hold(report: &mut Report) {
    for series in all(64) {
        series.hold_counts(report);
    }
}

/// Measures all, writes the figures into `folder`, and holds all.
pub fn measure(folder: &Path) -> ExitCode {
    const ROUNDS: usize = 12;
    /// Nanoseconds of a round at least, so that the clock is exact enough.
    const ROUND: f64 = 3e6;
    let mut report = Report::default();
    let mut all = all(4096);
    for round in 0..ROUNDS {
        for point in all.iter_mut().flat_map(|series| &mut series.points) {
            let time = point.round();
            point.time = point.time.min(time);
            if round == 0 {
                point.repeats = (ROUND / time).clamp(1.0, 1e6) as u32;
            }
        }
        eprint!("\rround {} of {ROUNDS}", round + 1);
    }
    eprintln!();
    for series in &all {
        series.hold_counts(&mut report);
        series.hold_time(&mut report);
    }
    let written = write::write(&all, ROUNDS, folder);
    report.check(written.is_ok(), format!("figures are written: {written:?}"));
    report.finish()
}
