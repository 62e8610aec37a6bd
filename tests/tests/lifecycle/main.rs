//! The machine of a connection in time (`bare_ws::lifecycle`): all orders of events to a depth, and
//! long random ones, held against its laws and against a model that knows nothing but them.

mod explore;
mod history;
mod laws;
mod model;
mod subject;

use bare_ws::lifecycle::{
    Call, DISCARD_LIMIT, End, Event, Lifecycle, Limits, Next, Phase, Timeout,
};
use explore::By;
use history::History;
use laws::Broken;
use model::Model;
use subject::{Mutant, Subject};

/// Each limit is met by itself, in any order: none is a multiple of another.
const LIMITS: Limits<u64> = Limits {
    silence: 100,
    stall: 41,
    ping_after: 30,
    answer: 43,
    close: 57,
};

/// Without any limit: what a connection without a clock must equal.
const NO_LIMITS: Limits<u64> = Limits {
    silence: u64::MAX,
    stall: u64::MAX,
    ping_after: u64::MAX,
    answer: u64::MAX,
    close: u64::MAX,
};

/// By when the opening handshake is to be complete.
const OPENING: u64 = 20;

const CALLS: [Call; 2] = [Call::Receive, Call::Send];

/// What may happen to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Happens {
    Event(Event),
    /// Somebody in such a call looks at the clock.
    Check(Call),
}

#[test]
fn the_machine_is_no_larger_than_its_states() {
    // Without a clock: the phase, our direction, two flags, the reason, and what may be discarded.
    assert!(size_of::<Lifecycle<()>>() <= 12);
    // With one: five limits and six moments more.
    assert!(size_of::<Lifecycle<u64>>() <= 12 + 4 + 11 * size_of::<u64>());
    assert!(size_of::<Lifecycle<u64>>() >= 11 * size_of::<u64>());
}

#[test]
fn all_orders_of_events_keep_the_laws() {
    let explored =
        explore::all(None, By::Both, explore::DEPTH).unwrap_or_else(|broken| panic!("{broken}"));
    println!("{explored}");
    assert!(explored.transitions > 200_000, "{explored}");
    assert_eq!(explored.phases, 7, "every phase was reached");
}

#[test]
fn random_events_keep_the_laws() {
    for seed in 0..bare_ws_tests::runs(400) {
        explore::random(None, By::Both, seed, 300)
            .unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
    }
}

#[test]
fn events_that_no_transport_reports_break_nothing() {
    for seed in 0..bare_ws_tests::runs(400) {
        explore::lawless(seed, 300).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
    }
}

#[test]
fn each_mutant_is_caught_by_the_laws_and_by_the_model() {
    for (mutant, law) in subject::MUTANTS {
        let broken = explore::all(Some(*mutant), By::Laws, 4).expect_err("none is broken");
        assert!(broken.law.starts_with(law), "{mutant:?}: {broken}");
        let differs = |seed| explore::random(Some(*mutant), By::Model, seed, 300).is_err();
        assert!((0..400).any(differs), "{mutant:?} does as the model");
    }
}

/// An open connection to which that has happened, all at the moment 0.
fn after(events: &[Event]) -> Lifecycle<u64> {
    let mut machine = Lifecycle::open(LIMITS, 0);
    for event in events {
        machine.on(*event, 0);
    }
    machine
}

#[test]
fn the_end_without_a_close_has_a_deadline_too() {
    let mut machine = after(&[Event::InputEnded, Event::Lost]);
    // To shut our direction may take long.
    assert_eq!(
        (machine.next(), machine.until(Call::Send)),
        (Next::Shut, 57)
    );
    machine.check(Call::Send, 57);
    assert_eq!(machine.next(), Next::HangUp);
    assert_eq!(machine.end(), Some(End::Lost));
}

#[test]
fn a_close_that_cannot_leave_is_neither_waited_for_nor_taken_back() {
    let mut machine = after(&[Event::OutputFailed, Event::CloseBegun]);
    assert!(!machine.may_write());
    assert_eq!(
        (machine.phase(), machine.until(Call::Send)),
        (Phase::Closing, 57)
    );
    machine.on(Event::CloseWithdrawn, 3);
    assert!(!machine.may_write());
    assert_eq!(
        (machine.phase(), machine.until(Call::Send)),
        (Phase::Closing, 57)
    );
}

// row: STA-04
#[test]
fn a_close_that_is_called_again_gains_no_time_while_it_waits_for_the_same() {
    let withdrawn = |events: &[Event]| {
        let mut machine = after(events);
        machine.on(Event::CloseBegun, 1);
        machine.on(Event::CloseWithdrawn, 3);
        assert_eq!(machine.phase(), Phase::Open);
        machine
    };
    let again = |mut machine: Lifecycle<u64>, now| {
        machine.on(Event::CloseBegun, now);
        machine.closes_by()
    };
    let stuck = withdrawn(&[Event::Queued]);
    assert_eq!(stuck.closes_by(), u64::MAX);
    assert_eq!(again(stuck.clone(), 9), 1 + LIMITS.close);
    let mut free = stuck;
    free.on(Event::Drained, 5);
    assert_eq!(again(free, 9), 9 + LIMITS.close);
    // It waited for nothing, and was dropped all the same.
    assert_eq!(again(withdrawn(&[]), 9), 9 + LIMITS.close);
}

#[test]
fn what_nobody_writes_any_more_has_no_deadline() {
    let machine = after(&[Event::OutputFailed, Event::Queued]);
    assert!(!machine.is_stalled());
    assert_eq!(machine.until(Call::Receive), u64::MAX);
}

#[test]
fn a_second_end_takes_back_nothing_that_is_queued_for_the_first() {
    let mut machine = after(&[
        Event::PeerFailed,
        Event::CloseQueued,
        Event::InputEnded,
        Event::Lost,
    ]);
    assert_eq!(
        (machine.next(), machine.end()),
        (Next::Flush, Some(End::Failed))
    );
    machine.on(Event::Drained, 0);
    assert_eq!(machine.next(), Next::Shut);
}
