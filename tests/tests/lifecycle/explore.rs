//! All orders of events to a depth, and random ones.

use core::fmt;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use crate::*;

/// So many events deep, each at the moment of the one before or around the next deadlines; and so
/// many from each of the [`STARTS`].
pub(crate) const DEPTH: usize = if cfg!(debug_assertions) { 5 } else { 6 };

/// Longer than any limit: nobody has looked at the clock.
const LATER: u64 = 150;

/// Where the exploration begins: at the opening, and where a connection has begun to end.
const STARTS: [&[Event]; 4] = [
    &[],
    &[Event::Opened, Event::CloseQueued],
    &[Event::Opened, Event::PeerFailed],
    &[
        Event::Opened,
        Event::PeerClosed,
        Event::CloseQueued,
        Event::Drained,
    ],
];

/// Whom a machine is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Laws,
    Model,
    Both,
}

/// The machine and whatever it is held against.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    subject: Subject,
    model: Model,
    history: History,
    /// One without limits and one without a clock, until time has made a difference.
    timeless: Option<(Lifecycle<u64>, Lifecycle<()>)>,
    now: u64,
}

/// How much was looked at.
#[derive(Debug)]
pub(crate) struct Explored {
    depth: usize,
    states: usize,
    pub(crate) transitions: usize,
    pub(crate) phases: usize,
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} transitions between {} states, {} events deep",
            self.transitions, self.states, self.depth
        )
    }
}

impl World {
    fn new(mutant: Option<Mutant>) -> Self {
        let opening = Lifecycle::opening(LIMITS, OPENING);
        let none = Limits {
            silence: (),
            stall: (),
            ping_after: (),
            answer: (),
            close: (),
        };
        Self {
            subject: Subject::new(opening, mutant),
            model: Model::new(),
            history: History::default(),
            timeless: Some((
                Lifecycle::opening(NO_LIMITS, u64::MAX),
                Lifecycle::opening(none, ()),
            )),
            now: 0,
        }
    }

    /// Now, around each deadline (before, at, after it), and where a receive waits also long after.
    fn moments(&self) -> Vec<u64> {
        let mut moments = vec![self.now];
        for call in CALLS {
            let until = self.subject.until(call);
            if until != u64::MAX {
                moments.extend([until.saturating_sub(1), until, until + 1]);
            }
        }
        if self.subject.until(Call::Receive) < self.subject.until(Call::Send) {
            moments.push(self.now + LATER);
        }
        moments.retain(|moment| *moment >= self.now);
        moments.sort_unstable();
        moments.dedup();
        moments
    }

    /// Lets it happen.
    fn happens(&mut self, happens: Happens, now: u64, by: By) -> Result<(), Broken> {
        let before = self.subject.clone();
        self.now = now;
        self.subject.happens(happens, now);
        self.model.happens(happens, now);
        self.history.note(happens, now, &before, &self.subject);
        let broken = |law, difference: &str| Broken {
            law,
            by: format!(
                "{happens:?} at {now}: {before:?}\nto {:?}\n{difference}",
                self.subject
            ),
        };
        if by != By::Model {
            laws::judge(&before, happens, now, &self.subject, &self.history)
                .map_err(|law| broken(law, ""))?;
        }
        if by != By::Laws
            && let Some(difference) = self.model.differs(&self.subject)
        {
            return Err(broken("model", &difference));
        }
        if by == By::Both
            && let Some((unlimited, clockless)) = &mut self.timeless
        {
            match happens {
                Happens::Event(event) => {
                    unlimited.on(event, now);
                    clockless.on(event, ());
                }
                Happens::Check(call) => {
                    let were = (unlimited.clone(), clockless.clone());
                    unlimited.check(call, now);
                    clockless.check(call, ());
                    if were != (unlimited.clone(), clockless.clone()) {
                        return Err(broken("clockless: nothing expires", ""));
                    }
                    if before != self.subject {
                        self.timeless = None;
                        return Ok(());
                    }
                }
            }
            let same = (unlimited.phase(), unlimited.next(), unlimited.end())
                == (clockless.phase(), clockless.next(), clockless.end())
                && (unlimited.may_read(), unlimited.may_write())
                    == (clockless.may_read(), clockless.may_write())
                && CALLS
                    .into_iter()
                    .all(|call| unlimited.until(call) == u64::MAX)
                && (
                    self.subject.phase(),
                    self.subject.next(),
                    self.subject.end(),
                ) == (clockless.phase(), clockless.next(), clockless.end());
            if !same {
                return Err(broken("clockless: the same transitions", ""));
            }
        }
        Ok(())
    }
}

/// All that can happen, `depth` times.
pub(crate) fn all(mutant: Option<Mutant>, by: By, depth: usize) -> Result<Explored, Broken> {
    let hasher = RandomState::new();
    let mut seen = HashSet::new();
    let mut phases = HashSet::new();
    let mut transitions = 0;
    let mut edge = Vec::new();
    for start in STARTS {
        let mut world = World::new(mutant);
        for event in start {
            world.happens(Happens::Event(*event), 0, by)?;
        }
        edge.push(world);
    }
    for level in 0..depth {
        let mut next = Vec::new();
        for world in &edge {
            for now in world.moments() {
                for happens in world.history.possible(&world.subject) {
                    transitions += 1;
                    let mut world = world.clone();
                    world.happens(happens, now, by)?;
                    if seen.insert(hasher.hash_one(&world)) {
                        phases.insert(world.subject.phase());
                        if level + 1 < depth {
                            next.push(world);
                        }
                    }
                }
            }
        }
        edge = next;
    }
    Ok(Explored {
        depth,
        states: seen.len(),
        transitions,
        phases: phases.len(),
    })
}

/// One long sequence.
pub(crate) fn random(mutant: Option<Mutant>, by: By, seed: u64, len: usize) -> Result<(), Broken> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut world = World::new(mutant);
    for _ in 0..len {
        if world.subject.phase() == Phase::Gone {
            return Ok(());
        }
        let moments = world.moments();
        let now = match random.u8(..4) {
            0 => moments[random.usize(..moments.len())],
            1 => world.now + random.u64(..20),
            _ => world.now,
        };
        let possible = world.history.possible(&world.subject);
        let happens = possible[random.usize(..possible.len())];
        // What ends a connection is rare, or none would grow old.
        let rare = matches!(
            happens,
            Happens::Event(
                Event::Aborted
                    | Event::Lost
                    | Event::InputEnded
                    | Event::PeerFailed
                    | Event::PeerClosed
                    | Event::OutputFailed
            )
        );
        if rare && random.u8(..8) > 0 {
            continue;
        }
        world.happens(happens, now, by)?;
    }
    Ok(())
}

/// One long sequence of whatever there is, as from a driver that is wrong.
pub(crate) fn lawless(seed: u64, len: usize) -> Result<(), Broken> {
    use Event as E;
    const ALL: [Event; 19] = [
        E::Opened,
        E::Waits,
        E::Delivered,
        E::Heard(1000),
        E::InputEnded,
        E::Lost,
        E::Queued,
        E::Taken,
        E::Drained,
        E::OutputFailed,
        E::Pinged,
        E::CloseBegun,
        E::CloseWithdrawn,
        E::CloseQueued,
        E::PeerClosed,
        E::PeerFailed,
        E::OutputShut,
        E::Aborted,
        E::HungUp,
    ];
    let mut random = fastrand::Rng::with_seed(seed);
    let mut machine = Lifecycle::opening(LIMITS, OPENING);
    let mut now = 0;
    for _ in 0..len {
        let before = machine.clone();
        now += random.u64(..10);
        let happens = match random.usize(..ALL.len() + 2) {
            0 => Happens::Check(Call::Receive),
            1 => Happens::Check(Call::Send),
            other => Happens::Event(ALL[other - 2]),
        };
        match happens {
            Happens::Event(event) => machine.on(event, now),
            Happens::Check(call) => machine.check(call, now),
        }
        let over = matches!(machine.phase(), Phase::Aborting | Phase::Gone);
        let kept = [
            (
                before.end().is_none() || before.end() == machine.end(),
                "5: the first reason stays",
            ),
            (machine.end().is_some() || !over, "5: what is over says why"),
            (
                before.phase() != Phase::Gone || before == machine,
                "5: what is gone stays gone",
            ),
            (
                over || machine.phase() == Phase::Open || machine.until(Call::Send) != u64::MAX,
                "1: what ends has a deadline",
            ),
            (
                before.phase() == Phase::Opening || machine.phase() != Phase::Opening,
                "5: what was opened is not opened again",
            ),
        ];
        if let Some((_, law)) = kept.into_iter().find(|(kept, _)| !kept) {
            return Err(Broken {
                law,
                by: format!("{happens:?} at {now}: {before:?}\nto {machine:?}"),
            });
        }
    }
    Ok(())
}
