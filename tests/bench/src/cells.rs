//! One thing that is measured, and how.

use std::fmt;
use std::hint::black_box;
use std::time::Instant;

use cpu_time::ThreadTime;

use crate::allocations;
use crate::payload::{Kind, Payload};
use crate::peers::{self, Drive, InMemory, Library};
use crate::served;
use crate::wire::{self, Tape, Wire};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Receive,
    /// Receiving from a transport that gives no more than [`PIECE`] octets a read.
    Pieces,
    Send,
    /// Sending with permessage-deflate, ...
    Deflate,
    /// ... and receiving.
    Inflate,
    /// One message out and one in, in memory, ...
    Turn,
    /// ... and over TCP.
    Echo,
    /// [`BATCH`] messages out over TCP, written together, and one back.
    Batch,
    /// No library: what the machine can do.
    Floor,
}

/// As much as a read of a socket often gives.
pub const PIECE: usize = 64 * 1024;

/// Messages that are sent before an answer is waited for.
pub const BATCH: u64 = 4096;

impl Direction {
    pub fn is_over_tcp(self) -> bool {
        matches!(self, Self::Echo | Self::Batch)
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Receive => "receive",
            Self::Pieces => "receive by 64 KiB",
            Self::Send => "send",
            Self::Deflate => "send, permessage-deflate",
            Self::Inflate => "receive, permessage-deflate",
            Self::Turn => "echo",
            Self::Echo => "echo over TCP",
            Self::Batch => "batch over TCP",
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
    Library(Box<dyn Drive>),
    Floor(Box<dyn FnMut()>),
}

impl Work {
    fn new(library: &Library, direction: Direction, payload: Payload) -> Option<Self> {
        let recording = || Wire::with_messages(payload);
        let wire = match direction {
            Direction::Receive | Direction::Turn => recording(),
            Direction::Pieces => recording().in_pieces(PIECE),
            Direction::Send | Direction::Deflate => Wire::sink(),
            Direction::Inflate => Wire::with_compressed(payload),
            Direction::Echo => {
                let open = library.over_tcp?;
                return Some(Self::Library(open(served::connect(payload, 1), payload)));
            }
            Direction::Batch => {
                let open = library.over_tcp.filter(|_| library.has_queue)?;
                return Some(Self::Library(open(
                    served::connect(payload, BATCH),
                    payload,
                )));
            }
            Direction::Floor => return None,
        };
        Some(Self::Library(in_memory(library, direction)?(wire, payload)))
    }
}

fn in_memory(library: &Library, direction: Direction) -> Option<InMemory> {
    match direction {
        Direction::Deflate | Direction::Inflate => library.deflate,
        _ => library.in_memory,
    }
}

impl Cell {
    /// `None` where the library has no such thing.
    pub fn new(library: &Library, direction: Direction, payload: Payload) -> Option<Self> {
        let work = Work::new(library, direction, payload)?;
        Some(Self::with_work(library.name, direction, payload, work))
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
            count: match direction {
                Direction::Batch => BATCH,
                _ => 1,
            },
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

    pub fn direction(&self) -> Direction {
        self.direction
    }

    pub fn what(&self) -> (Direction, Kind, usize) {
        (self.direction, self.kind(), self.size())
    }

    pub fn is_ours(&self) -> bool {
        peers::ALL_OURS.contains(&self.library)
    }

    /// Of others, and a library.
    pub fn is_peer(&self) -> bool {
        self.direction != Direction::Floor && !self.is_ours() && self.library != peers::RAW
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
        let payload = self.payload;
        let (mut all, mut same) = (0, 0);
        let mut show = |kind, octets: &[u8]| {
            all += 1;
            same += u32::from(kind == payload.kind && octets == payload.octets);
        };
        let Some(library) = self.named() else {
            return false;
        };
        match self.direction {
            Direction::Send | Direction::Deflate => {
                let tape = Tape::default();
                let Some(open) = in_memory(library, self.direction) else {
                    return false;
                };
                let mut client = open(Wire::sink().taped(&tape), payload);
                let mut inflater = wire::Inflater::new();
                return (0..3).all(|_| {
                    client.send(1);
                    let written = std::mem::take(&mut *tape.lock().expect("one thread"));
                    let decoded = match self.direction {
                        Direction::Deflate => inflater.decode(&written),
                        _ => wire::decode(&written),
                    };
                    decoded == Ok((wire::opcode(payload.kind), payload.octets.to_vec()))
                });
            }
            direction => match Work::new(library, direction, payload) {
                Some(Work::Library(mut client))
                    if matches!(direction, Direction::Turn | Direction::Echo) =>
                {
                    client.echo(3, &mut show);
                }
                // What it sends, the server looks at.
                Some(Work::Library(mut client)) if direction == Direction::Batch => {
                    client.batch(BATCH);
                    return true;
                }
                Some(Work::Library(mut client)) => client.receive(3, &mut show),
                _ => return false,
            },
        }
        (all, same) == (3, 3)
    }

    fn named(&self) -> Option<&'static Library> {
        let mut libraries = crate::peers::LIBRARIES.iter();
        libraries.find(|library| library.name == self.library)
    }

    /// The same elsewhere in memory, warm: where buffers come to lie is worth more than some bars allow.
    fn renew(&mut self) {
        if let Some(work) = self
            .named()
            .and_then(|library| Work::new(library, self.direction, self.payload))
        {
            self.work = work;
        }
        let whole = self.whole(self.count.div_ceil(4));
        self.run(whole);
    }

    /// So many messages at the least as can be sent.
    fn whole(&self, count: u64) -> u64 {
        match self.direction {
            Direction::Batch => count.next_multiple_of(BATCH),
            _ => count,
        }
    }

    fn run(&mut self, count: u64) {
        let mut total = 0;
        let mut show = |_, octets: &[u8]| total += black_box(octets).len() as u64;
        match (&mut self.work, self.direction) {
            (Work::Floor(work), _) => return (0..count).for_each(|_| work()),
            (Work::Library(client), Direction::Send | Direction::Deflate) => {
                return client.send(count);
            }
            (Work::Library(client), Direction::Batch) => {
                return (0..count / BATCH).for_each(|_| client.batch(BATCH));
            }
            (Work::Library(client), Direction::Turn | Direction::Echo) => {
                client.echo(count, &mut show)
            }
            (Work::Library(client), _) => client.receive(count, &mut show),
        }
        assert_eq!(total, count * self.payload.octets.len() as u64);
    }

    fn round(&mut self) -> f64 {
        let before = allocations::count();
        let time = if self.direction.is_over_tcp() {
            // The peer works meanwhile, and the system for both.
            let start = Instant::now();
            self.run(self.count);
            start.elapsed()
        } else {
            let start = ThreadTime::now();
            self.run(self.count);
            start.elapsed()
        };
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
                let count = (cell.count as f64 * target / time) as u64;
                cell.count = cell.whole(count.max(1));
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
        let mut groups: Vec<_> = cells.iter().map(Cell::what).collect();
        fastrand::shuffle(&mut groups);
        order.sort_by_key(|&at| groups.iter().position(|group| *group == cells[at].what()));
        for &at in &order {
            let time = cells[at].round();
            cells[at].times.push(time);
        }
        eprint!("\rround {} of {rounds}", round + 1);
    }
    eprintln!();
}

const ROUNDS_AT_A_PLACE: usize = 8;

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
