//! A connection that comes back: when it is tried, what it costs, and how it is ended.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::pending;
use std::rc::Rc;

use bare_ws::entropy::{Entropy, EntropyError};
use bare_ws::error::Usage;
use bare_ws::handshake::Request;
use bare_ws::opcode::Opcode;
use bare_ws::receiver::Receiver;
use bare_ws::role::Client as ClientRole;
use bare_ws::sender::Sender;
use bare_ws::uri::Uri;
use bare_ws_embassy::supervisor::{Connect, Opened};
use bare_ws_embassy::{Backoff, Connection, Error, Event, Supervisor, Timeout, Timing, duplex};
use embassy_futures::join::join;
use embassy_futures::select::{Either, select};
use embassy_time::{Instant, Timer};
use embedded_io_async::ErrorKind;

use crate::support::entropy::Repeatable;
use crate::support::frames::{self, Sent, sent, sent_so_far};
use crate::support::pipe::{Manner, Pipe};
use crate::support::tasks::{counted, run, run_for};
use crate::support::{Peer, clock, now, seconds};

/// What an attempt comes to.
#[derive(Clone, Copy, Debug)]
enum Attempt {
    Opens,
    RefusedAfter(u64),
    Hangs,
}

#[derive(Debug, PartialEq, Eq)]
struct Refused;

/// A network that comes up at a time, and attempts as they are told; what is not told hangs.
struct Modem {
    up_at: Instant,
    attempts: VecDeque<Attempt>,
    random: Constant,
    peers: Rc<RefCell<Vec<Peer>>>,
}

impl Modem {
    fn new(random: Constant, attempts: &[Attempt]) -> Self {
        Self {
            up_at: Instant::MIN,
            attempts: attempts.iter().copied().collect(),
            random,
            peers: Rc::default(),
        }
    }
}

/// Entropy of one octet again and again, or none.
#[derive(Clone, Copy)]
struct Constant(Option<u8>);

const LEAST: Constant = Constant(Some(0));

impl Entropy for Constant {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        octets.fill(self.0.ok_or(EntropyError)?);
        Ok(())
    }
}

impl Connect for Modem {
    type Entropy = Constant;
    type Error = Refused;
    type Io<'c> = (Pipe, Pipe);
    type Rx<'c> = Receiver<ClientRole, [u8; 256]>;
    type Tx<'c> = Sender<ClientRole, [u8; 256], Repeatable>;

    fn entropy(&mut self) -> &mut Constant {
        &mut self.random
    }

    async fn ready(&mut self) {
        Timer::at(self.up_at).await;
    }

    async fn connect<'c>(&'c mut self, _: &Request<'_>) -> Result<Opened<'c, Self>, Refused> {
        match self.attempts.pop_front().unwrap_or(Attempt::Hangs) {
            Attempt::Hangs => pending().await,
            Attempt::RefusedAfter(after) => {
                Timer::after(seconds(after)).await;
                Err(Refused)
            }
            Attempt::Opens => {
                let peer = Peer {
                    to_client: Pipe::new(Manner::GOOD),
                    from_client: Pipe::new(Manner::GOOD),
                };
                self.peers.borrow_mut().push(peer.clone());
                Ok(Connection::new(
                    (peer.to_client, peer.from_client),
                    Receiver::new([0; 256]),
                    Sender::new([0; 256], Repeatable(7)),
                    &Timing::DEFAULT,
                ))
            }
        }
    }
}

fn request() -> Request<'static> {
    Request::new(Uri::parse("ws://broker.example/").expect("a URI"))
}

fn supervisor() -> Supervisor {
    Supervisor::new(Backoff::new(seconds(4), seconds(16)))
}

/// The least of each delay, in seconds, of [`supervisor`]; the most is the double, or at first 4.
const DELAYS: [u64; 6] = [0, 4, 8, 8, 8, 8];

/// Runs the supervisor until its modem hangs, while every session does `session`: when each attempt
/// began, in seconds.
fn attempts(
    mut modem: Modem,
    session: impl AsyncFn(&Supervisor, &Peer, usize),
) -> (Vec<f64>, Vec<String>) {
    clock::set(Instant::MIN);
    let supervisor = supervisor();
    let (begun, told) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
    let peers = modem.peers.clone();
    let more = modem.attempts.len();
    let (request, done) = (request(), Cell::new(false));
    let hear = |event: Event<Refused, ()>| {
        if event == Event::Connecting {
            begun.borrow_mut().push(now());
            done.set(begun.borrow().len() > more);
        }
        told.borrow_mut().push(format!("{event:?}"));
    };
    let running = supervisor.run(&mut modem, &request, hear, async |_| {
        let peer = peers.borrow().last().cloned().expect("a peer");
        peer.to_client.put(&frames::close(1000)).end();
        let nth = peers.borrow().len() - 1;
        session(&supervisor, &peer, nth).await;
    });
    let waiting = async {
        while !done.get() {
            Timer::after(seconds(1)).await;
        }
    };
    run(async {
        assert!(matches!(select(running, waiting).await, Either::Second(())));
    });
    (begun.take(), told.take())
}

/// Failures of every kind, and how long each takes, against the delays.
// row: CLS-16, TRAP-29
#[test]
fn attempts_follow_each_other_by_longer_and_longer_delays() {
    for took in [0, 3, 100] {
        for (random, most) in [(LEAST, false), (Constant(Some(0xFF)), true)] {
            let failing = [Attempt::RefusedAfter(took); DELAYS.len() - 1];
            let (begun, told) = attempts(Modem::new(random, &failing), async |_, _, _| {});
            let mut at = 0.0;
            for (attempt, (begun, least)) in begun.iter().zip(DELAYS).enumerate() {
                let longest = if least == 0 { 4 } else { 2 * least };
                let delay = if most { longest } else { least } as f64;
                at += if attempt == 0 { 0.0 } else { took as f64 } + delay;
                assert!((at - begun).abs() < 0.001, "{attempt}: {begun}, not {at}");
            }
            assert_eq!(begun.len(), DELAYS.len());
            let steps = ["Waiting(", "Connecting", "NotConnected(Refused)"];
            for (event, step) in told.iter().zip(steps.iter().cycle()) {
                assert!(event.starts_with(step), "{told:?}");
            }
        }
    }
}

/// The very first attempt waits, too, evenly by chance.
// row: CLS-16, TRAP-29
#[test]
fn devices_that_start_together_do_not_connect_together() {
    let (begun, _) = attempts(Modem::new(Constant(Some(0x80)), &[]), async |_, _, _| {});
    assert!((begun[0] - 2.0).abs() < 0.1, "{begun:?}");
}

/// A server that lets us in and drops us is no success; one that the session calls one is.
// row: CLS-16
#[test]
fn only_what_the_session_calls_success_makes_the_next_delay_a_first_one() {
    let table: &[(&[bool], &[f64])] = &[
        (&[false, false, false], &[0.0, 4.0, 12.0, 20.0]),
        (&[true, true, true], &[0.0, 0.0, 0.0, 0.0]),
        (&[false, false, true, false], &[0.0, 4.0, 12.0, 12.0, 16.0]),
        (&[true, false, false], &[0.0, 0.0, 4.0, 12.0]),
    ];
    for (successes, expected) in table {
        let modem = Modem::new(LEAST, &vec![Attempt::Opens; successes.len()]);
        let (begun, told) = attempts(modem, async |supervisor, _, nth| {
            if successes[nth] {
                supervisor.succeeded();
            }
        });
        assert_eq!(&begun, expected);
        let sessions = told.iter().filter(|event| *event == "Ended(())").count();
        assert_eq!(sessions, successes.len());
    }
}

/// Each step is told when it is taken, with the delay that follows: before the session what opens it, and its end
/// before the connection is finished. What is told to stop tells nothing more.
// row: CLS-16
#[test]
fn each_step_is_told_when_it_is_taken() {
    clock::set(Instant::MIN);
    let mut modem = Modem::new(
        Constant(Some(0x80)),
        &[Attempt::RefusedAfter(3), Attempt::Opens, Attempt::Opens],
    );
    modem.up_at = Instant::MIN + seconds(5);
    let peers = modem.peers.clone();
    let (supervisor, request) = (supervisor(), request());
    let log = RefCell::new(Vec::new());
    let note = |what: &str| log.borrow_mut().push((what.to_owned(), Instant::now()));
    let delays = RefCell::new(Vec::new());
    let hear = |event: Event<Refused, &'static str>| {
        if let Event::Waiting(delay) = event {
            delays.borrow_mut().push(delay);
            return note("waiting");
        }
        if let Event::Ended(_) = event {
            let peers = peers.borrow();
            let peer = peers.last().expect("a peer");
            assert!(peer.from_client.written().is_empty(), "not finished yet");
            peer.to_client.put(&frames::close(1000)).end();
        }
        note(&format!("{event:?}"));
    };
    let session = async |_: &mut Opened<'_, Modem>| {
        note("session");
        if peers.borrow().len() == 2 {
            supervisor.stop();
            return pending().await;
        }
        "over"
    };
    run(supervisor.run(&mut modem, &request, hear, session));
    let log = log.take();
    let said: Vec<_> = log.iter().map(|(what, _)| what.as_str()).collect();
    let attempt = |rest: &[&'static str]| [&["waiting", "Connecting"][..], rest].concat();
    let all = [
        attempt(&["NotConnected(Refused)"]),
        attempt(&["Connected", "session", "Ended(\"over\")"]),
        attempt(&["Connected", "session"]),
    ];
    assert_eq!(said, all.concat());
    let at = |nth: usize| log[nth].1;
    let delays = delays.into_inner();
    // The network is later than the first delay; the others are kept to the tick.
    assert!(at(0) + delays[0] < Instant::MIN + seconds(5));
    assert_eq!(at(1), Instant::MIN + seconds(5));
    assert_eq!(at(2), at(1) + seconds(3));
    for (waiting, delay) in [(3, delays[1]), (8, delays[2])] {
        assert!(delay > seconds(4));
        assert_eq!(at(waiting + 1), at(waiting) + delay);
    }
    // A supervisor that has stopped runs again.
    let ended = select(
        supervisor.run(&mut modem, &request, |_| {}, session),
        Timer::after(seconds(100)),
    );
    assert!(matches!(run(ended), Either::Second(())));
}

// row: CLS-16
#[test]
fn attempts_wait_for_the_network() {
    let mut modem = Modem::new(LEAST, &[Attempt::RefusedAfter(0)]);
    modem.up_at = Instant::MIN + seconds(1000);
    let (begun, _) = attempts(modem, async |_, _, _| {});
    assert_eq!(begun, [1000.0, 1004.0]);
}

/// What a delay costs without entropy is its most; nothing ends, and nothing is stormed.
#[test]
fn a_broken_source_of_entropy_costs_the_longest_delays() {
    let modem = Modem::new(Constant(None), &[Attempt::RefusedAfter(0); 4]);
    let (begun, _) = attempts(modem, async |_, _, _| {});
    assert_eq!(begun, [4.0, 12.0, 28.0, 44.0, 60.0]);
}

/// A session that returns with the connection open leaves it to be closed and finished.
// row: CLS-10
#[test]
fn each_connection_is_brought_to_its_end() {
    let peers = Rc::new(RefCell::new(Vec::new()));
    let modem = Modem {
        peers: peers.clone(),
        ..Modem::new(LEAST, &[Attempt::Opens; 2])
    };
    attempts(modem, async |_, _, _| {});
    for peer in peers.borrow().iter() {
        let close = Sent::new(Opcode::Close, &1000u16.to_be_bytes());
        assert_eq!(sent(&peer.from_client.written()), [close]);
        assert!(peer.from_client.has_ended());
    }
    assert_eq!(peers.borrow().len(), 2);
}

/// The network is up at, what attempts come to, when it is told to stop, if not before it runs, when
/// it has, and whether there is a connection.
type Stop<'a> = (u64, &'a [Attempt], Option<u64>, f64, bool);

/// Wherever it is told to stop, it stops: at once, or when an open connection was closed.
// row: CLS-11
#[test]
fn it_stops_where_it_is_told_to() {
    let table: &[Stop<'_>] = &[
        (0, &[], None, 0.0, false),
        (0, &[Attempt::Opens], None, 0.0, false),
        (0, &[], Some(0), 0.0, false),
        (0, &[Attempt::RefusedAfter(0)], Some(2), 2.0, false),
        (100, &[], Some(50), 50.0, false),
        (0, &[], Some(50), 50.0, false),
        (0, &[Attempt::Opens], Some(50), 50.0 + 5.0, true),
    ];
    for (up_at, attempts, told_at, stopped_at, connected) in table {
        clock::set(Instant::MIN);
        let mut modem = Modem::new(LEAST, attempts);
        modem.up_at += seconds(*up_at);
        let peers = modem.peers.clone();
        let (supervisor, request) = (supervisor(), request());
        let session = async |connection: &mut Opened<'_, Modem>| connection.recv().await.is_ok();
        let running = supervisor.run(&mut modem, &request, |_| {}, session);
        if told_at.is_none() {
            supervisor.stop();
        }
        run(join(running, async {
            if let Some(told_at) = told_at {
                Timer::after(seconds(*told_at)).await;
                supervisor.stop();
            }
        }));
        assert_eq!(now(), *stopped_at);
        assert_eq!(peers.borrow().len() == 1, *connected);
        for peer in peers.borrow().iter() {
            let close = Sent::new(Opcode::Close, &1000u16.to_be_bytes());
            assert_eq!(sent(&peer.from_client.written()), [close]);
            assert!(peer.from_client.was_aborted(), "it never answered");
        }
        // It was told to stop once, and runs again until it is told anew.
        let again = async {
            supervisor.run(&mut modem, &request, |_| {}, session).await;
            assert!(now() >= stopped_at + 1.0, "{}", now());
        };
        run(join(again, async {
            Timer::after(seconds(1)).await;
            supervisor.stop();
        }));
    }
}

/// Dropped after any number of polls, it begins anew with the same client.
// row: STA-04
#[test]
fn it_may_be_dropped_at_any_await() {
    let mut connections = 0;
    for polls in 0..40 {
        clock::set(Instant::MIN);
        let mut modem = Modem::new(
            LEAST,
            &[Attempt::RefusedAfter(1), Attempt::Opens, Attempt::Opens],
        );
        let peers = modem.peers.clone();
        let (supervisor, request) = (supervisor(), request());
        let session = async |connection: &mut Opened<'_, Modem>| {
            let _sent = connection.send("here").await;
            let _received = connection.recv().await;
        };
        let running = supervisor.run(&mut modem, &request, |_| {}, session);
        let running = async {
            let mut ticks = std::pin::pin!(running);
            loop {
                match select(&mut ticks, async { clock::to_next_alarm() }).await {
                    Either::First(()) => break,
                    Either::Second(_) => embassy_futures::yield_now().await,
                }
            }
        };
        assert!(run_for(polls, running).is_none());
        let before = peers.borrow().len();
        // A new one, until its session has said something.
        let again = supervisor.run(&mut modem, &request, |_| {}, session);
        let heard = async {
            while !peers.borrow().iter().skip(before).any(|peer| {
                let (sent, _) = sent_so_far(&peer.from_client.written());
                sent == [Sent::new(Opcode::Text, b"here")]
            }) {
                Timer::after(seconds(1)).await;
            }
        };
        run(async {
            assert!(matches!(select(again, heard).await, Either::Second(())));
        });
        connections += before;
    }
    assert!(connections > 0, "some were dropped in a session");
}

/// What waits, sleeps: a thousand seconds without a network, and hours of refusals.
// row: TRAP-26
#[test]
fn it_sleeps_while_it_waits() {
    clock::set(Instant::MIN);
    const ATTEMPTS: usize = 100;
    let mut modem = Modem::new(LEAST, &[Attempt::RefusedAfter(60); ATTEMPTS]);
    modem.up_at += seconds(1000);
    let (supervisor, request) = (supervisor(), request());
    let polls = Cell::new(0);
    let session = async |_: &mut Opened<'_, Modem>| {};
    let running = counted(
        &polls,
        supervisor.run(&mut modem, &request, |_| {}, session),
    );
    run(join(running, async {
        Timer::after(seconds(10 * 60 * 60)).await;
        supervisor.stop();
    }));
    // One for each delay, each look at the network (a timer yields once) and each refusal.
    assert!(polls.get() <= 3 * ATTEMPTS + 6, "{}", polls.get());
}

type Ended = Result<(), Error<ErrorKind>>;

/// Which of two loops is listened to.
// row: CLS-11
#[test]
fn of_two_loops_the_receiving_one_tells_how_a_connection_ends() {
    const LOST: Error<ErrorKind> = Error::Lost;
    const USAGE: Error<ErrorKind> = Error::Usage(Usage::MixedLevels);
    const NOT_OPEN: Error<ErrorKind> = Error::Usage(Usage::NotOpen);
    const DEAD: Error<ErrorKind> = Error::Timeout(Timeout::KeepAlive);
    // What the receiving loop ends with after two seconds, the sending one after one; what comes of
    // it, and when.
    let table: &[(Ended, Ended, Ended, f64)] = &[
        (Ok(()), Err(NOT_OPEN), Ok(()), 2.0),
        (Err(DEAD), Err(DEAD), Err(DEAD), 2.0),
        (Err(LOST), Err(LOST), Err(LOST), 2.0),
        (Ok(()), Err(USAGE), Err(USAGE), 1.0),
        (Err(LOST), Ok(()), Ok(()), 1.0),
    ];
    for (receives, sends, expected, at) in table {
        clock::set(Instant::MIN);
        let after = async |after, ended: Ended| {
            Timer::after(seconds(after)).await;
            ended
        };
        let ended = run(duplex(after(2, *receives), after(1, *sends)));
        assert_eq!((&ended, now()), (expected, *at));
        // The receiving one first.
        clock::set(Instant::MIN);
        let ended = run(duplex(after(1, *receives), after(2, *sends)));
        assert_eq!((&ended, now()), (receives, 1.0));
    }
}
