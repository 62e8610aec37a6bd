//! One thing that is measured, and how.

use std::fmt;
use std::hint::black_box;

use cpu_time::ThreadTime;

use crate::allocations;
use crate::payload::{Kind, Payload};
use crate::peers::{Library, Receive, Send};
use crate::wire::{self, Wire};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Receive,
    Send,
    /// No library: what the machine can do.
    Floor,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Receive => "receive",
            Self::Send => "send",
            Self::Floor => "floor",
        })
    }
}

pub struct Cell {
    library: &'static str,
    direction: Direction,
    payload: Payload,
    work: Work,
    /// Messages a round.
    count: u64,
    /// Nanoseconds a message, one a round.
    times: Vec<f64>,
    allocations: f64,
}

enum Work {
    Receive(Box<dyn Receive>),
    Send(Box<dyn Send>),
    Floor(Box<dyn FnMut()>),
}

impl Work {
    fn new(library: &Library, direction: Direction, payload: Payload) -> Self {
        match direction {
            Direction::Send => Self::Send((library.sender)(Wire::new(Vec::new()), payload)),
            Direction::Receive | Direction::Floor => {
                Self::Receive((library.receiver)(Wire::with_messages(payload), payload))
            }
        }
    }
}

impl Cell {
    pub fn new(library: &Library, direction: Direction, payload: Payload) -> Self {
        let work = Work::new(library, direction, payload);
        Self::with_work(library.name, direction, payload, work)
    }

    pub fn floor(name: &'static str, payload: Payload, work: Box<dyn FnMut()>) -> Self {
        Self::with_work(name, Direction::Floor, payload, Work::Floor(work))
    }

    fn with_work(
        library: &'static str,
        direction: Direction,
        payload: Payload,
        work: Work,
    ) -> Self {
        Self {
            library,
            direction,
            payload,
            work,
            count: 1,
            times: Vec::new(),
            allocations: 0.0,
        }
    }

    pub fn library(&self) -> &'static str {
        self.library
    }

    pub fn kind(&self) -> Kind {
        self.payload.kind
    }

    pub fn size(&self) -> usize {
        self.payload.octets.len()
    }

    pub fn is(&self, library: &str, direction: Direction, kind: Kind, size: usize) -> bool {
        self.library == library
            && self.direction == direction
            && self.kind() == kind
            && self.size() == size
    }

    fn group(&self) -> (Direction, Kind, usize) {
        (self.direction, self.kind(), self.size())
    }

    pub fn in_group(&self, direction: Direction, kind: Kind) -> bool {
        self.direction == direction && self.kind() == kind
    }

    pub fn title(&self) -> String {
        format!(
            "{} {} {} {}",
            self.library,
            self.direction,
            self.kind(),
            self.size()
        )
    }

    pub fn allocations(&self) -> f64 {
        self.allocations
    }

    /// Nanoseconds a message, the median over the rounds.
    pub fn median(&self) -> f64 {
        median(self.times.clone())
    }

    /// How many times the other's time it takes: the median of what each round says, in which the two
    /// stand close to each other.
    pub fn ratio(&self, other: &Self) -> f64 {
        let rounds = self.times.iter().zip(&other.times);
        median(rounds.map(|(ours, theirs)| ours / theirs).collect())
    }

    /// Whether what goes in comes out, with the right kind. Three messages, so that a state carried over shows.
    pub fn is_faithful(&self) -> bool {
        let fresh = |library: &Library| match &self.work {
            Work::Receive(_) => {
                let mut receiver =
                    (library.receiver)(Wire::with_messages(self.payload), self.payload);
                let (mut all, mut same) = (0, 0);
                receiver.receive(3, &mut |kind, octets| {
                    all += 1;
                    same += u32::from(kind == self.payload.kind && octets == self.payload.octets);
                });
                (all, same) == (3, 3)
            }
            Work::Send(_) => {
                let mut wire = Wire::new(Vec::new());
                wire.written = Some(Vec::new());
                let mut sender = (library.sender)(wire, self.payload);
                (0..3).all(|_| {
                    sender.send(1);
                    let written = sender
                        .wire()
                        .written
                        .replace(Vec::new())
                        .unwrap_or_default();
                    wire::decode(&written)
                        == Ok((
                            wire::opcode(self.payload.kind),
                            self.payload.octets.to_vec(),
                        ))
                })
            }
            Work::Floor(_) => true,
        };
        self.named().is_some_and(fresh)
    }

    fn named(&self) -> Option<&'static Library> {
        let mut libraries = crate::peers::LIBRARIES.iter();
        libraries.find(|library| library.name == self.library)
    }

    /// The same elsewhere in memory, warm: where buffers come to lie is worth more than some bars allow.
    fn renew(&mut self) {
        if let Some(library) = self.named() {
            self.work = Work::new(library, self.direction, self.payload);
        }
        self.run(self.count.div_ceil(4));
    }

    fn run(&mut self, count: u64) {
        match &mut self.work {
            Work::Receive(receiver) => {
                let mut total = 0;
                receiver.receive(count, &mut |_, octets| {
                    total += black_box(octets).len() as u64
                });
                assert_eq!(total, count * self.payload.octets.len() as u64);
            }
            Work::Send(sender) => sender.send(count),
            Work::Floor(work) => (0..count).for_each(|_| work()),
        }
    }

    fn round(&mut self) -> f64 {
        let before = allocations::count();
        let start = ThreadTime::now();
        self.run(self.count);
        let time = start.elapsed();
        // The last round's figure stands: it is the steady state.
        self.allocations = (allocations::count() - before) as f64 / self.count as f64;
        time.as_secs_f64() * 1e9 / self.count as f64
    }
}

/// Goes over all cells `rounds` times, each for about `milliseconds`; anew in memory after `ROUNDS_AT_A_PLACE`.
/// Cells that are compared follow each other, in shuffled order, as do those groups.
pub fn measure(cells: &mut [Cell], rounds: usize, milliseconds: f64) {
    let target = milliseconds * 1e6;
    for cell in &mut *cells {
        // Doubles until a round takes a quarter of the time, which warms up as well.
        loop {
            let time = cell.round() * cell.count as f64;
            if time >= target / 4.0 {
                cell.count = ((cell.count as f64 * target / time) as u64).max(1);
                break;
            }
            cell.count *= 2;
        }
    }
    let mut order: Vec<usize> = (0..cells.len()).collect();
    for round in 0..rounds {
        fastrand::shuffle(&mut order);
        if round % ROUNDS_AT_A_PLACE == 0 {
            for &at in &order {
                cells[at].renew();
            }
        }
        let mut groups: Vec<_> = cells.iter().map(Cell::group).collect();
        fastrand::shuffle(&mut groups);
        order.sort_by_key(|&at| groups.iter().position(|group| *group == cells[at].group()));
        for &at in &order {
            let time = cells[at].round();
            cells[at].times.push(time);
        }
        eprint!("\rround {} of {rounds}", round + 1);
    }
    eprintln!();
}

const ROUNDS_AT_A_PLACE: usize = 8;

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
