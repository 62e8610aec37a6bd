//! One thing that is measured, and how.

use std::hint::black_box;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;

use crate::allocations;
use crate::direction::{BATCH, Direction, Layer, PIECE};
use crate::payload::{Kind, Payload};
use crate::peers::{self, Drive, Library};
use crate::pin;
use crate::served;
use crate::squeezed::{self, Inflater};
use crate::wire::{self, Tape, Wire};

pub struct Cell {
    library: &'static str,
    direction: Direction,
    /// What is carried, by turns.
    payloads: &'static [Payload],
    work: Work,
    /// Messages a round.
    count: u64,
    /// Nanoseconds a message or connection, one a round.
    times: Vec<f64>,
    allocations: f64,
    /// What is left of a message that is sent compressed, with the frame's header.
    squeezed: f64,
}

enum Work {
    Library(Box<dyn Drive>),
    Connections(Box<dyn FnMut(u64)>),
    Floor(Box<dyn FnMut()>),
}

impl Work {
    fn new(
        library: &Library,
        direction: Direction,
        payloads: &'static [Payload],
        tape: Option<&Tape>,
    ) -> Option<Self> {
        let payload = *payloads.first()?;
        // Threads of the far end stay where they are started.
        pin::to_one_core(direction.has_far_end());
        let recording = || Wire::with_messages(payload);
        let wire = match direction {
            Direction::Receive | Direction::Turn => recording(),
            Direction::Pieces => recording().in_pieces(PIECE),
            Direction::Send | Direction::Deflate(_) => Wire::sink(),
            Direction::Inflate(takeover) | Direction::Squeeze(takeover) => {
                Wire::new(squeezed::recording(payloads, takeover))
            }
            Direction::Echo(layer) => return over(library, layer, payload, 1, 1),
            Direction::Batch(_) if !library.has_queue => return None,
            Direction::Batch(layer) => return over(library, layer, payload, BATCH, 1),
            Direction::Flood(layer) => return over(library, layer, payload, 1, BATCH),
            Direction::Connect => {
                let connect = library.connect?;
                return Some(Self::Connections(connect(served::doorkeeper(), payload)));
            }
            Direction::Floor => return None,
        };
        let wire = match tape {
            Some(tape) => wire.taped(tape),
            None => wire,
        };
        let client = match direction.takeover() {
            Some(takeover) => library.deflate?(wire, payload, takeover)?,
            None => library.in_memory?(wire, payload),
        };
        Some(Self::Library(client))
    }
}

/// A client whose every `count` messages are answered by `answers` of them.
fn over(
    library: &Library,
    layer: Layer,
    payload: Payload,
    count: u64,
    answers: u64,
) -> Option<Work> {
    let open = match layer {
        Layer::Tcp => library.over_tcp?,
        Layer::Tls => library.over_tls?,
    };
    let tcp = served::connect(layer, payload, count, answers);
    Some(Work::Library(open(tcp, payload)))
}

impl Cell {
    /// `None` where the library has no such thing.
    pub fn new(
        library: &Library,
        direction: Direction,
        payloads: &'static [Payload],
    ) -> Option<Self> {
        let work = Work::new(library, direction, payloads, None)?;
        Some(Self::with_work(library.name, direction, payloads, work))
    }

    pub fn floor(name: &'static str, payload: Payload, work: Box<dyn FnMut()>) -> Self {
        let payloads = Vec::leak(vec![payload]);
        Self::with_work(name, Direction::Floor, payloads, Work::Floor(work))
    }

    fn with_work(
        library: &'static str,
        direction: Direction,
        payloads: &'static [Payload],
        work: Work,
    ) -> Self {
        Self {
            library,
            direction,
            payloads,
            work,
            count: if direction.is_many() { BATCH } else { 1 },
            times: Vec::new(),
            allocations: 0.0,
            squeezed: 1.0,
        }
    }

    pub fn library(&self) -> &'static str {
        self.library
    }

    fn payload(&self) -> Payload {
        self.payloads[0]
    }

    pub fn kind(&self) -> Kind {
        self.payload().kind
    }

    pub fn size(&self) -> usize {
        self.payload().octets.len()
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
        self.direction != Direction::Floor && !self.is_ours() && self.library != peers::LIMIT
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

    pub fn squeezed(&self) -> f64 {
        self.squeezed
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

    /// Whether what goes in comes out, with the right kind. Three messages at least, so that a state carried over shows.
    pub fn is_faithful(&mut self) -> bool {
        let Some(library) = peers::named(self.library) else {
            return false;
        };
        let tape = Tape::default();
        let work = Work::new(library, self.direction, self.payloads, Some(&tape));
        let sent = self.payloads.iter().cycle();
        let (mut all, mut same) = (0, 0);
        let mut expected = sent.clone();
        let mut show = |kind, octets: &[u8]| {
            let payload = expected.next();
            all += 1;
            same += u64::from(
                payload.is_some_and(|payload| kind == payload.kind && octets == payload.octets),
            );
        };
        match (work, self.direction) {
            (Some(Work::Library(mut client)), Direction::Send | Direction::Deflate(_)) => {
                // What opened the connection is not of interest.
                let taken = || std::mem::take(&mut *tape.lock().expect("one thread"));
                let takeover = self.direction.takeover();
                let mut inflater = takeover.map(Inflater::new);
                taken();
                let mut written = 0;
                let count = self.payloads.len().max(3);
                let same = sent.take(count).all(|payload| {
                    client.send_each(&mut [*payload].into_iter());
                    let octets = taken();
                    written += octets.len();
                    let decoded = match &mut inflater {
                        Some(inflater) => inflater.decode(&octets),
                        None => wire::decode(&octets),
                    };
                    decoded == Ok((wire::opcode(payload.kind), payload.octets.to_vec()))
                });
                self.squeezed = written as f64 / (count * self.size()) as f64;
                return same;
            }
            (Some(Work::Library(mut client)), Direction::Squeeze(_)) => {
                client.echo_each(&mut sent.take(3).copied(), &mut show);
            }
            (Some(Work::Library(mut client)), Direction::Turn | Direction::Echo(_)) => {
                client.echo(3, &mut show);
            }
            // What it sends, the server looks at.
            (Some(Work::Library(mut client)), Direction::Batch(_)) => {
                client.batch(BATCH);
                return true;
            }
            (Some(Work::Library(mut client)), Direction::Flood(_)) => {
                client.send(1);
                client.receive(BATCH, &mut show);
                return (all, same) == (BATCH, BATCH);
            }
            // The same.
            (Some(Work::Connections(mut connect)), _) => {
                connect(3);
                return true;
            }
            (Some(Work::Library(mut client)), _) => client.receive(3, &mut show),
            _ => return false,
        }
        (all, same) == (3, 3)
    }

    /// The same elsewhere in memory, warm: where buffers come to lie is worth more than some bars allow.
    fn renew(&mut self) {
        if let Some(work) = peers::named(self.library)
            .and_then(|library| Work::new(library, self.direction, self.payloads, None))
        {
            self.work = work;
        }
        let whole = self.whole(self.count.div_ceil(4));
        self.run(whole);
    }

    /// So many messages at the least as can be sent.
    fn whole(&self, count: u64) -> u64 {
        if self.direction.is_many() {
            count.next_multiple_of(BATCH)
        } else {
            count
        }
    }

    fn run(&mut self, count: u64) {
        let payloads = self.payloads.iter().cycle().copied();
        let payloads = &mut payloads.take(count as usize);
        let mut total = 0;
        let mut show = |_, octets: &[u8]| total += black_box(octets).len() as u64;
        match (&mut self.work, self.direction) {
            (Work::Floor(work), _) => return (0..count).for_each(|_| work()),
            (Work::Connections(connect), _) => return connect(count),
            (Work::Library(client), Direction::Send) => return client.send(count),
            (Work::Library(client), Direction::Deflate(_)) => return client.send_each(payloads),
            (Work::Library(client), Direction::Batch(_)) => {
                return (0..count / BATCH).for_each(|_| client.batch(BATCH));
            }
            (Work::Library(client), Direction::Flood(_)) => {
                for _ in 0..count / BATCH {
                    client.send(1);
                    client.receive(BATCH, &mut show);
                }
            }
            (Work::Library(client), Direction::Turn | Direction::Echo(_)) => {
                client.echo(count, &mut show);
            }
            (Work::Library(client), Direction::Squeeze(_)) => {
                client.echo_each(payloads, &mut show);
            }
            (Work::Library(client), _) => client.receive(count, &mut show),
        }
        assert_eq!(total, count * self.size() as u64);
    }

    /// The CPU time of this process: of the client's thread, and of the far end's where there is one. Which of the two
    /// does the kernel's work for both is the scheduler's choice.
    fn round(&mut self) -> f64 {
        pin::to_one_core(self.direction.has_far_end());
        let before = allocations::count();
        let start = ProcessTime::now();
        self.run(self.count);
        let time = start.elapsed();
        // The last round's figure stands: it is the steady state.
        self.allocations = (allocations::count() - before) as f64 / self.count as f64;
        time.as_secs_f64() * 1e9 / self.count as f64
    }
}

/// Goes over all cells `rounds` times, each for about `milliseconds`; anew in memory after `ROUNDS_AT_A_PLACE`.
/// Cells that are compared follow each other, in shuffled order, as do those groups. A machine that has other work
/// as well comes to fewer rounds in [`MOST`]; gives how many it was.
pub fn measure(cells: &mut [Cell], rounds: usize, milliseconds: f64) -> usize {
    let start = Instant::now();
    for cell in &mut *cells {
        let target = milliseconds * 1e6;
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
        if round + 1 >= LEAST && start.elapsed() > MOST {
            eprintln!(", and no more in {MOST:?}");
            return round + 1;
        }
    }
    eprintln!();
    rounds
}

/// With all else less than half of the ten minutes that `./check bench` has.
const MOST: Duration = Duration::from_secs(270);

/// Rounds at the least.
const LEAST: usize = 5;

const ROUNDS_AT_A_PLACE: usize = 8;

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
