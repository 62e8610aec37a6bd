//! From a name to a connection: lookups that hang, addresses that are dead or silent.
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

mod attempts;
#[path = "../peer/mod.rs"]
mod peer;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use bare_ws_std::{Config, Error, Timeout};
use peer::{LONG, Stalls};

const SHORT: Duration = Duration::from_millis(200);
/// RFC 8305 §5: the Connection Attempt Delay.
const DELAY: Duration = Duration::from_millis(250);

/// How a connection is made.
type Connect = fn(&Config, &str) -> Result<(), Error>;

fn blocking(config: &Config, uri: &str) -> Result<(), Error> {
    config.connect(uri).map(drop)
}

#[cfg(feature = "tokio")]
fn tokio(config: &Config, uri: &str) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let connecting = bare_ws_std::tokio::connect_with(config, uri);
    runtime.unwrap().block_on(connecting).map(drop)
}

#[cfg(feature = "tokio")]
const WAYS: [Connect; 2] = [blocking, tokio];
#[cfg(not(feature = "tokio"))]
const WAYS: [Connect; 1] = [blocking];

/// The address that a name with these addresses leads to. Nothing is sent there.
fn reached(
    connect: Connect,
    addresses: &[SocketAddr],
    limit: Duration,
) -> Result<SocketAddr, Error> {
    let found = addresses.to_vec();
    let (taken, seen) = mpsc::channel();
    let config = Config::new()
        .connect_timeout(limit)
        .resolver(move |_, _| Ok(found.clone()))
        .socket(move |tcp| {
            taken.send(tcp.peer_addr()?).unwrap();
            Err(io::ErrorKind::Interrupted.into())
        });
    match connect(&config, "ws://host.example:8080/") {
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::Interrupted => {
            Ok(seen.try_recv().unwrap())
        }
        Err(error) => Err(error),
        Ok(()) => panic!("it is open"),
    }
}

fn is_late<T>(outcome: &Result<T, Error>) -> bool {
    matches!(outcome, Err(Error::Timeout(Timeout::Connect)))
}

/// Lookups that end when they are told to, and how many there were and are.
struct Hanging {
    begun: Arc<AtomicUsize>,
    running: Arc<AtomicUsize>,
    release: mpsc::Sender<()>,
    config: Config,
}

/// Each lookup takes one message to end, with the address of `target`.
fn hanging(target: SocketAddr) -> Hanging {
    let (release, released) = mpsc::channel();
    let released = Mutex::new(released);
    let (begun, running) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let counters = (Arc::clone(&begun), Arc::clone(&running));
    let config = Config::new()
        .connect_timeout(SHORT)
        .resolver(move |host, _| {
            counters.0.fetch_add(1, Ordering::SeqCst);
            counters.1.fetch_add(1, Ordering::SeqCst);
            // The sender is dropped at the end of the test: nothing hangs longer.
            let told = released.lock().unwrap().recv();
            counters.1.fetch_sub(1, Ordering::SeqCst);
            match host {
                _ if told.is_err() => Err(io::ErrorKind::Interrupted.into()),
                "panics.example" => panic!("the caller's function"),
                _ => Ok(vec![target]),
            }
        });
    Hanging {
        begun,
        running,
        release,
        config,
    }
}

/// Asks for all names at once.
fn dial_all(config: &Config, names: impl Iterator<Item = String>) -> Vec<Result<TcpStream, Error>> {
    let asked = names.map(|name| {
        let config = config.clone();
        thread::spawn(move || config.dial(&format!("ws://{name}/")))
    });
    let asked: Vec<_> = asked.collect();
    let answers = asked.into_iter().map(|thread| thread.join().unwrap());
    answers.collect()
}

// row: STA-02, LIV-09
#[test]
fn a_name_that_hangs_costs_one_thread_however_often_it_is_asked_for() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let hanging = hanging(listener.local_addr().unwrap());
    let outcomes = dial_all(&hanging.config, (0..8).map(|_| "one.example".to_owned()));
    assert!(outcomes.iter().all(is_late), "{outcomes:?}");
    // The thread of a lookup may begin late.
    while hanging.begun.load(Ordering::SeqCst) < 1 {
        thread::yield_now();
    }
    for _ in 0..3 {
        assert!(is_late(&hanging.config.dial("ws://one.example/")));
    }
    assert_eq!(hanging.begun.load(Ordering::SeqCst), 1);
    // Whoever asks while it ends gets its answer, all of them.
    let config = hanging.config.clone().connect_timeout(LONG);
    let release = hanging.release.clone();
    let later = thread::spawn(move || {
        for _ in 0..20 {
            // Real time: all eight wait for the lookup by then. A stop takes one of these naps.
            thread::sleep(SHORT / 20);
        }
        release.send(()).unwrap();
    });
    let outcomes = dial_all(&config, (0..8).map(|_| "one.example".to_owned()));
    later.join().unwrap();
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(hanging.begun.load(Ordering::SeqCst), 1);
    // The next asks anew.
    hanging.release.send(()).unwrap();
    assert!(config.dial("ws://one.example/").is_ok());
    assert_eq!(hanging.begun.load(Ordering::SeqCst), 2);
}

// row: STA-02, LIV-09
#[test]
fn names_that_hang_are_sixteen_at_the_most() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let hanging = hanging(listener.local_addr().unwrap());
    let names = |from: usize| (from..from + 20).map(|at| format!("h{at}.example"));
    for round in 0..2 {
        let outcomes = dial_all(&hanging.config, names(20 * round));
        assert!(outcomes.iter().all(is_late), "{outcomes:?}");
        // The threads of lookups may begin late.
        while hanging.running.load(Ordering::SeqCst) < 16 {
            thread::yield_now();
        }
        assert_eq!(hanging.running.load(Ordering::SeqCst), 16);
    }
    assert_eq!(hanging.begun.load(Ordering::SeqCst), 16);
    // Addresses need no lookup, and another name waits for one that ends.
    let address = format!("ws://{}/", listener.local_addr().unwrap());
    assert!(hanging.config.dial(&address).is_ok());
    let config = hanging.config.clone().connect_timeout(LONG);
    let waiting = thread::spawn(move || config.dial("ws://another.example/"));
    for _ in 0..17 {
        hanging.release.send(()).unwrap();
    }
    assert!(waiting.join().unwrap().is_ok());
    assert_eq!(hanging.begun.load(Ordering::SeqCst), 17);
}

#[test]
fn a_lookup_that_panics_is_an_error_for_all_who_wait() {
    let hanging = hanging(([127, 0, 0, 1], 1).into());
    for _ in 0..2 {
        hanging.release.send(()).unwrap();
        let config = hanging.config.clone().connect_timeout(LONG);
        let outcome = config.dial("ws://panics.example/");
        assert!(matches!(outcome, Err(Error::Resolve { .. })), "{outcome:?}");
    }
}

#[test]
fn what_a_lookup_says_is_what_is_reported() {
    let config = Config::new().resolver(|host, port| match (host, port) {
        ("none.example", 80) => Ok(Vec::new()),
        ("refused.example", 443) => Err(io::Error::other("asked in vain")),
        asked => panic!("{asked:?}"),
    });
    for (uri, name, says) in [
        ("ws://none.example/", "none.example", "not found"),
        ("ws://refused.example:443/", "refused.example", "in vain"),
    ] {
        let error = config.dial(uri).unwrap_err();
        assert_eq!(error.kind(), "resolve");
        let text = error.to_string();
        assert!(text.contains(name), "{text}");
        match error {
            Error::Resolve { host, proxy, error } => {
                assert_eq!((&*host, proxy), (name, false));
                assert!(error.to_string().contains(says), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// What was asked, and what came of it, in both forms: no address is an error of its own, and the system's keeps its code.
#[test]
fn a_lookup_that_fails_says_why_in_both_forms() {
    type Lookup = fn() -> io::Result<Vec<SocketAddr>>;
    let table: [(Lookup, io::ErrorKind, Option<i32>); 3] = [
        (|| Ok(Vec::new()), io::ErrorKind::NotFound, None),
        (
            || Err(io::Error::from_raw_os_error(13)),
            io::ErrorKind::PermissionDenied,
            Some(13),
        ),
        (
            || Err(io::Error::new(io::ErrorKind::TimedOut, "asked in vain")),
            io::ErrorKind::TimedOut,
            None,
        ),
    ];
    for connect in WAYS {
        for (lookup, kind, code) in table {
            // With the dot at the end it is looked up nowhere else (RFC 1034 §3.1).
            for name in ["Host.Example", "Host.Example."] {
                let config = Config::new().resolver(move |host, port| {
                    assert_eq!((host, port), (name, 81));
                    lookup()
                });
                match connect(&config, &format!("ws://{name}:81/")) {
                    Err(Error::Resolve { host, proxy, error }) => {
                        assert_eq!((&*host, proxy), (name, false));
                        assert_eq!((error.kind(), error.raw_os_error()), (kind, code));
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

/// The operating system's resolver is asked unless there is another, for the port in the URI.
// row: SEED-04
#[test]
fn a_name_is_looked_up_by_the_system_in_both_forms() {
    for connect in WAYS {
        let peer = peer::serve(|mut conn| {
            conn.accept();
            conn.field("Host").unwrap().to_owned()
        });
        let server = format!("localhost:{}", peer.address.port());
        connect(&Config::new(), &format!("ws://{server}/")).unwrap();
        assert_eq!(peer.join(), server);
    }
}

/// Another port is another question.
// row: LIV-09
#[test]
fn a_lookup_is_shared_by_those_who_ask_for_the_same_name_and_port() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let hanging = hanging(listener.local_addr().unwrap());
    let names = [
        "one.example",
        "one.example:81",
        "two.example",
        "one.example",
    ];
    let outcomes = dial_all(&hanging.config, names.into_iter().map(str::to_owned));
    assert!(outcomes.iter().all(is_late), "{outcomes:?}");
    assert_eq!(hanging.begun.load(Ordering::SeqCst), 3);
    // A clone has the same, a resolver of its own not.
    let clone = hanging.config.clone();
    assert!(is_late(&clone.dial("ws://one.example/")));
    assert_eq!(hanging.begun.load(Ordering::SeqCst), 3);
    for _ in 0..3 {
        hanging.release.send(()).unwrap();
    }
}

/// What an address does with connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Host {
    Takes,
    Refuses,
    /// Answers nothing at all.
    Silent,
}

/// An address, and what keeps it as it is.
struct Place {
    address: SocketAddr,
    listener: Option<TcpListener>,
    waiting: Vec<TcpStream>,
}

fn place(ip: IpAddr, host: Host) -> Place {
    let listener = TcpListener::bind((ip, 0)).unwrap();
    let mut address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    if host == Host::Refuses {
        // Nobody listens at the port of a client, and nobody else is given it, as one that is free would be.
        let client = TcpStream::connect(address).unwrap();
        address = client.local_addr().unwrap();
        waiting.extend([client, listener.accept().unwrap().0]);
    } else if host == Host::Silent {
        // A listener whose backlog is full does not answer.
        while let Ok(stream) = TcpStream::connect_timeout(&address, SHORT) {
            waiting.push(stream);
            assert!(waiting.len() < 10_000, "the backlog has no end");
        }
    }
    Place {
        address,
        listener: (host != Host::Refuses).then_some(listener),
        waiting,
    }
}

/// What listens there takes no connection more.
fn is_idle(place: &Place) -> bool {
    let listener = place.listener.as_ref().unwrap();
    listener.set_nonblocking(true).unwrap();
    matches!(listener.accept(), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

// row: REQ-13, SEED-04, STA-02
#[test]
fn the_first_address_that_answers_is_taken() {
    use Host::{Refuses, Silent, Takes};
    let v4 = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let v6 = IpAddr::V6(Ipv6Addr::LOCALHOST);
    let at_once = Duration::ZERO;
    // A moment for each that is dead would be seconds.
    let many_dead = [&[(v4, Silent)][..], &[(v4, Refuses); 12], &[(v4, Takes)]].concat();
    // The hosts, the one that is taken, and after which time.
    for (hosts, taken, after) in [
        (&[(v4, Takes)][..], Some(0), at_once),
        (&[(v6, Takes)], Some(0), at_once),
        // The first is dead: nobody waits.
        (&[(v4, Refuses), (v4, Takes)], Some(1), at_once),
        (&[(v6, Refuses), (v4, Takes)], Some(1), at_once),
        (&[(v4, Refuses), (v6, Takes)], Some(1), at_once),
        (&many_dead, Some(13), DELAY),
        // The first is silent: the next is begun a moment later, ...
        (&[(v4, Silent), (v4, Takes)], Some(1), DELAY),
        (&[(v6, Silent), (v4, Takes)], Some(1), DELAY),
        // ... and the one behind a dead one with it.
        (&[(v4, Silent), (v6, Refuses), (v4, Takes)], Some(2), DELAY),
        // One that was dead before lets nobody begin sooner.
        (&[(v4, Refuses), (v4, Silent), (v4, Takes)], Some(2), DELAY),
        // Both families answer: the resolver's first is taken, and nothing else is tried.
        (&[(v6, Takes), (v4, Takes)], Some(0), at_once),
        (&[(v4, Takes), (v6, Takes)], Some(0), at_once),
        // Families alternate, so a dead one costs one attempt.
        (&[(v6, Silent), (v6, Silent), (v4, Takes)], Some(2), DELAY),
        (
            &[(v4, Silent), (v4, Silent), (v4, Takes)],
            Some(2),
            2 * DELAY,
        ),
        // None answers.
        (&[(v4, Refuses)], None, at_once),
        (
            &[(v4, Refuses), (v6, Refuses), (v4, Refuses)],
            None,
            at_once,
        ),
    ] {
        let places: Vec<_> = hosts.iter().map(|(ip, host)| place(*ip, *host)).collect();
        let addresses: Vec<_> = places.iter().map(|place| place.address).collect();
        for connect in WAYS {
            let stalls = Stalls::watch();
            // Each of them twice, which is no second attempt.
            let twice = [addresses.as_slice(), &addresses].concat();
            let outcome = reached(connect, &twice, LONG);
            stalls.took(after, after);
            match (taken, outcome) {
                (Some(taken), Ok(address)) => {
                    assert_eq!(address, addresses[taken], "{hosts:?}");
                    places[taken].listener.as_ref().unwrap().accept().unwrap();
                    for place in places.iter().filter(|place| place.waiting.is_empty()) {
                        assert!(place.listener.is_none() || is_idle(place), "{hosts:?}");
                    }
                }
                (None, Err(error)) => are_named(error, &addresses),
                (_, outcome) => panic!("{hosts:?}: {outcome:?}"),
            }
        }
    }
}

/// Each address that refused is in the error, once.
fn are_named(error: Error, addresses: &[SocketAddr]) {
    let text = error.to_string();
    assert_eq!(error.kind(), "connect");
    let Error::Connect {
        host,
        port,
        proxy,
        attempts,
    } = error
    else {
        panic!("{error:?}");
    };
    assert_eq!((&*host, port, proxy), ("host.example", 8080, false));
    assert_eq!(attempts.len(), addresses.len());
    assert!(text.contains("host.example:8080"), "{text}");
    for (address, error) in attempts {
        assert!(addresses.contains(&address));
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(text.contains(&format!("{address}: {error}")), "{text}");
    }
}

// row: SEED-04, URI-07
#[test]
fn an_address_is_not_looked_up() {
    for host in ["127.0.0.1", "[::1]"] {
        for connect in WAYS {
            // Nobody may listen there, or there may be no such family.
            let outcome = connect(
                &Config::new().resolver(|host, _| panic!("asked for {host}")),
                &format!("ws://{host}:1/"),
            );
            assert!(matches!(outcome, Err(Error::Connect { .. })), "{outcome:?}");
        }
    }
}

/// An address that cannot be asked at all is one that failed, and the next is tried.
// row: REQ-13
#[test]
fn an_address_to_which_no_connection_can_begin_is_one_that_failed() {
    // TCP has no broadcast.
    let nowhere = SocketAddr::from((Ipv4Addr::BROADCAST, 80));
    for connect in WAYS {
        let taking = place(IpAddr::V4(Ipv4Addr::LOCALHOST), Host::Takes);
        let outcome = reached(connect, &[nowhere, taking.address], LONG);
        assert_eq!(outcome.unwrap(), taking.address);
        match reached(connect, &[nowhere], LONG) {
            Err(Error::Connect { attempts, .. }) => {
                let tried: Vec<_> = attempts.iter().map(|(address, _)| *address).collect();
                assert_eq!(tried, [nowhere]);
            }
            other => panic!("{other:?}"),
        }
    }
}

// row: STA-02
#[test]
fn addresses_that_do_not_answer_share_the_deadline() {
    use Host::{Refuses, Silent};
    let v4 = IpAddr::V4(Ipv4Addr::LOCALHOST);
    for hosts in [
        &[Silent][..],
        &[Silent, Silent],
        &[Refuses, Silent],
        &[Silent, Refuses],
    ] {
        let places: Vec<_> = hosts.iter().map(|host| place(v4, *host)).collect();
        let addresses: Vec<_> = places.iter().map(|place| place.address).collect();
        for connect in WAYS {
            let stalls = Stalls::watch();
            let outcome = reached(connect, &addresses, 2 * SHORT);
            stalls.took(2 * SHORT, 2 * SHORT);
            assert!(is_late(&outcome), "{hosts:?}: {outcome:?}");
        }
    }
}

// row: REQ-13
#[test]
fn an_attempt_that_came_second_is_given_up_at_once() {
    let v4 = IpAddr::V4(Ipv4Addr::LOCALHOST);
    for connect in WAYS {
        let silent = place(v4, Host::Silent);
        let taking = place(v4, Host::Takes);
        // For as long as the runtime lives, at least.
        let outcome = reached(connect, &[silent.address, taking.address], LONG);
        assert_eq!(outcome.unwrap(), taking.address);
        // Now there is room. The operating system asks again after one second, if somebody waits.
        let listener = silent.listener.as_ref().unwrap();
        for _ in &silent.waiting {
            listener.accept().unwrap();
        }
        // Real time: that second.
        thread::sleep(Duration::from_millis(1500));
        assert!(is_idle(&silent));
    }
}
