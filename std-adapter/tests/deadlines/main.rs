//! The table of deadlines: every public call that can wait, by every limit in time and every kind
//! of peer, over TCP, TLS and Unix sockets, undivided and split. Each cell ends when and how it
//! must, or says why it does not apply.
#![cfg(unix)]
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

mod acts;
mod axes;
mod calls;
mod named;
#[path = "../peer/mod.rs"]
mod peer;
mod server;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use bare_ws_std::{Error, Stream};

use acts::{Watch, act, config, outcome};
use axes::{Cell, Deadline, Expect, Peer, Row, Wire};
use peer::LONG;
use server::{Raw, Server, client_tls, dead, drip, listener, still, tcp};

/// How many cells run at the same time.
const LANES: usize = 16;
/// When a cell is given up that does not end.
const GIVEN_UP: Duration = Duration::from_secs(8);
/// How many cells may have failed beside others that are run again, each alone.
const AGAIN: usize = 100;
/// A peer that floods takes as much of a processor as there is.
const FLOODS: usize = 4;

// row: STA-02, STA-07
#[test]
fn every_call_ends_when_and_how_it_must_whatever_the_peer_does() {
    let began = Instant::now();
    let mut cells = Vec::new();
    let mut reasons = BTreeMap::<_, usize>::new();
    for cell in Cell::all() {
        match cell.expected() {
            Ok(expected) => cells.push((cell, expected)),
            Err(reason) => *reasons.entry(reason).or_default() += 1,
        }
    }
    let total = cells.len();
    let without = reasons.values().sum::<usize>();
    for (reason, times) in &reasons {
        println!("{times:5} do not apply: {reason}");
    }
    // Past what captures the output of a test that passes.
    let _ = writeln!(
        std::io::stdout(),
        "{total} cells, {without} reasons, {} in all",
        total + without
    );
    assert_eq!(total + without, Cell::all().count());

    // Those that flood in lanes of their own.
    let (floods, others): (Vec<_>, Vec<_>) = cells
        .into_iter()
        .partition(|(cell, _)| matches!(cell.peer, Peer::FloodsPings | Peer::FloodsData));
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        scope.spawn(|| run_all(&floods, FLOODS, &failed));
        scope.spawn(|| run_all(&others, LANES, &failed));
    });
    let failed = failed.into_inner().unwrap();
    // On a machine that is busy with something else a peer may pause for longer than it should.
    // What fails alone, and again, is no matter of that.
    let again = failed.len() <= AGAIN;
    for (cell, _, failure) in &failed {
        let _ = writeln!(std::io::stdout(), "beside others: {cell:?}: {failure}");
    }
    let failures: Vec<_> = failed
        .into_iter()
        .filter_map(|(cell, expected, failure)| {
            let passes = || watched(cell, expected.clone()).is_ok();
            let excused = again && (0..3).any(|_| passes());
            (!excused).then(|| format!("{cell:?}: {failure}"))
        })
        .collect();
    println!("took {:?}", began.elapsed());
    assert!(
        failures.is_empty(),
        "{} of {total} cells:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

fn run_all(cells: &[(Cell, Expect)], lanes: usize, failed: &Mutex<Vec<(Cell, Expect, String)>>) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(|| {
                while let Some((cell, expected)) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(failure) = watched(*cell, expected.clone()) {
                        let failure = (*cell, expected.clone(), failure);
                        failed.lock().unwrap().push(failure);
                    }
                }
            });
        }
    });
}

/// Runs a cell on a thread that is given up when it takes too long.
fn watched(cell: Cell, expected: Expect) -> Result<(), String> {
    let (done, finished) = mpsc::channel();
    thread::spawn(move || {
        let ran = catch_unwind(AssertUnwindSafe(|| run(cell, &expected)));
        let _ = done.send(ran.map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                .unwrap_or_default()
        }));
    });
    finished
        .recv_timeout(GIVEN_UP)
        .unwrap_or_else(|_| Err("it does not end".to_owned()))
}

fn run(cell: Cell, expected: &Expect) {
    match (cell.row, cell.wire) {
        (Row::Dial | Row::Connect, _) => connecting(cell, expected),
        (Row::TlsConnect, Wire::Tls) => tls_handshake(cell, expected, tcp()),
        (Row::TlsConnect, _) => tls_handshake(cell, expected, UnixStream::pair().unwrap()),
        (Row::Open, Wire::Tcp) => opening(cell, expected, tcp(), Ok),
        (Row::Open, Wire::Tls) => opening(cell, expected, tcp(), secured),
        (Row::Open, Wire::Unix) => opening(cell, expected, UnixStream::pair().unwrap(), Ok),
        (_, Wire::Tcp) => open(cell, expected, tcp(), Ok),
        (_, Wire::Tls) => open(cell, expected, tcp(), secured),
        (_, Wire::Unix) => open(cell, expected, UnixStream::pair().unwrap(), Ok),
    }
}

fn secured<S: Stream>(stream: S) -> Result<bare_ws_std::tls::TlsStream<S>, Error> {
    client_tls().connect("localhost", stream, Some(LONG))
}

fn uri(wire: Wire) -> &'static str {
    match wire {
        Wire::Tls => "wss://localhost/",
        Wire::Tcp | Wire::Unix => "ws://localhost/",
    }
}

/// The server's end, past the handshake of TLS if there is one.
fn serve<R: Raw>(wire: Wire, raw: R) -> Option<Server<R>> {
    match wire {
        Wire::Tls => Server::tls(raw).ok(),
        Wire::Tcp | Wire::Unix => Some(Server::plain(raw)),
    }
}

/// A cell on an open connection.
fn open<R: Raw, S: Stream + Send + Sync + 'static>(
    cell: Cell,
    expected: &Expect,
    (ours, theirs): (R, R),
    secure: impl FnOnce(R) -> Result<S, Error>,
) {
    let (told, over) = mpsc::channel();
    // It begins when the client is ready, so that nothing of it is missed.
    let (go, ready) = mpsc::channel::<()>();
    let server = thread::spawn(move || {
        let mut server = serve(cell.wire, theirs).unwrap();
        server.accept().unwrap();
        if ready.recv().is_ok() {
            server.behave(cell.peer, &over);
        }
    });
    let socket = config(cell.deadline).open(uri(cell.wire), secure(ours).unwrap());
    go.send(()).unwrap();
    act(cell, expected, socket.unwrap());
    drop(told);
    server.join().unwrap();
}

/// A cell of the opening handshake over a stream.
fn opening<R: Raw, S: Stream + Send + Sync + 'static>(
    cell: Cell,
    expected: &Expect,
    (ours, theirs): (R, R),
    secure: impl FnOnce(R) -> Result<S, Error>,
) {
    let (told, over) = mpsc::channel();
    let server = thread::spawn(move || {
        serve(cell.wire, theirs)
            .unwrap()
            .misbehave(cell.peer, &over);
    });
    let stream = secure(ours).unwrap();
    let watch = Watch::begin();
    let opened = config(cell.deadline).open(uri(cell.wire), stream);
    watch.ended(&outcome(opened), expected);
    drop(told);
    server.join().unwrap();
}

/// A cell of the handshake of TLS.
fn tls_handshake<R: Raw + Stream>(cell: Cell, expected: &Expect, (ours, theirs): (R, R)) {
    let (told, over) = mpsc::channel();
    let (go, running) = mpsc::channel();
    let server = thread::spawn(move || {
        go.send(()).unwrap();
        tls_misbehave(cell.peer, theirs, &over);
    });
    running.recv().unwrap();
    let watch = Watch::begin();
    let connected = client_tls().connect("localhost", ours, Some(axes::LIMIT));
    watch.ended(&outcome(connected), expected);
    drop(told);
    server.join().unwrap();
}

fn tls_misbehave<R: Raw>(peer: Peer, mut raw: R, over: &mpsc::Receiver<()>) {
    match peer {
        Peer::Drips => {
            let flight = Server::tls_flight(&mut raw);
            drip(raw, &flight, over);
        }
        Peer::FloodsPings | Peer::FloodsData => Server::plain(raw).misbehave(peer, over),
        peer => still(raw, peer, over),
    }
}

/// A cell of connecting, to an address that is dead or a peer that is not what it should be.
fn connecting(cell: Cell, expected: &Expect) {
    let is_secure = cell.wire == Wire::Tls;
    let scheme = if is_secure { "wss" } else { "ws" };
    let config = config(cell.deadline).tls(client_tls().clone());
    if cell.deadline == Deadline::Connect {
        let (address, _held) = dead();
        let uri = format!("{scheme}://localhost:{}/", address.port());
        let config = config.resolver(move |_, _| Ok(vec![address]));
        let watch = Watch::begin();
        let ended = match cell.row {
            Row::Dial => outcome(config.dial(&uri)),
            _ => outcome(config.connect(&uri)),
        };
        return watch.ended(&ended, expected);
    }
    let listener = listener();
    let address = listener.local_addr().unwrap();
    let (told, over) = mpsc::channel();
    let (go, running) = mpsc::channel();
    let server = thread::spawn(move || {
        go.send(()).unwrap();
        let theirs = listener.accept().unwrap().0;
        if is_secure {
            tls_misbehave(cell.peer, theirs, &over);
        } else {
            Server::plain(theirs).misbehave(cell.peer, &over);
        }
    });
    let config = config.resolver(move |_, _| Ok(vec![address]));
    running.recv().unwrap();
    let watch = Watch::begin();
    let connected = config.connect(&format!("{scheme}://localhost:{}/", address.port()));
    watch.ended(&outcome(connected), expected);
    drop(told);
    server.join().unwrap();
}
