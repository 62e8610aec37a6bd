//! The embassy column of the table of deadlines: every public call that can wait, by every limit in
//! time and every kind of peer, in clear and under TLS, undivided and in halves, with another call in
//! flight, and with its future dropped at each await. Each cell ends when and how it must, or says
//! why it does not apply.

mod acts;
mod axes;
mod calls;
mod expected;
mod named;
mod peers;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration as RealDuration;

use bare_ws::buffer::Buffers;
use bare_ws::compression::Uncompressed;
use bare_ws::handshake::Request;
use bare_ws::uri::Uri;
use bare_ws_embassy::Connection;
use bare_ws_embassy::net::{self, Socket, connect, connect_secure, dial};
use bare_ws_embassy::tls::{self, Client, Link, Records, Setup, open};
use embassy_futures::join::join;
use embassy_futures::select::{Either, select};
use embassy_net::Stack;
use embassy_net::tcp::TcpSocket;
use embassy_time::{Instant, with_timeout};

use acts::{Seen, act, buffers, patiently};
use axes::{Cell, Deadline, LIMIT, Manner, Outcome, Peer, Row, Use, Wire};
use expected::{Delivers, Expect};
use peers::{HOST, NARROW, Pipes, Server, WIDE, misbehave_in_tls, trust};

use crate::support::clock;
use crate::support::entropy::Repeatable;
use crate::support::frames::sent_so_far;
use crate::support::network::on_network;
use crate::support::tasks::{apart, run_within};

/// How many polls a cell may take: more is a loop.
const POLLS: usize = 200_000;
/// When a cell is given up that goes round within one poll.
const GIVEN_UP: RealDuration = RealDuration::from_secs(60);
/// How many cells are tried at the same time, each with a clock of its own.
const LANES: usize = 2;

/// The table does not become smaller.
const LEAST_CELLS: usize = 4208;
const LEAST_REASONS: usize = 10156;

// row: STA-02, STA-04, STA-07
#[test]
fn every_call_ends_when_and_how_it_must_whatever_the_peer_does() {
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
    assert!(total >= LEAST_CELLS && without >= LEAST_REASONS);

    let cells = Arc::new(cells);
    let next = Arc::new(AtomicUsize::new(0));
    let (told, ended) = mpsc::channel();
    for _ in 0..LANES {
        let (cells, next, told) = (cells.clone(), next.clone(), told.clone());
        thread::spawn(move || {
            while let Some((cell, expected)) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
                let tried = catch_unwind(AssertUnwindSafe(|| tried(*cell, expected)));
                let tried = tried.unwrap_or_else(|panic| {
                    let text = panic.downcast_ref::<String>().cloned();
                    Err(text
                        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                        .unwrap_or_default())
                });
                let tried = tried.map_err(|failure| format!("{cell:?}: {failure}"));
                if told.send(tried).is_err() {
                    return;
                }
            }
        });
    }
    let mut failures = Vec::new();
    for _ in 0..total {
        match ended.recv_timeout(GIVEN_UP) {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => failures.push(failure),
            Err(_) => {
                let at = next.load(Ordering::Relaxed).saturating_sub(LANES);
                let stuck = &cells[at..cells.len().min(at + LANES)];
                panic!("a poll does not end, of one of {stuck:?}; before that {failures:?}");
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {total} cells:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

fn tried(cell: Cell, expected: &Expect) -> Result<(), String> {
    clock::set(Instant::MIN);
    let seen = match cell.row {
        Row::Dial | Row::Connect | Row::ConnectSecure | Row::Client => dialled(cell),
        Row::TlsConnect | Row::TlsOpen | Row::Open => opened(cell),
        _ => used(cell),
    };
    let Expect { least, most, how } = expected;
    if !how.contains(&seen.outcome) || !(*least..=*most).contains(&seen.took) {
        return Err(format!(
            "{seen:?}, not one of {how:?} from {least} to {most}"
        ));
    }
    let delivers = match seen.delivered {
        0 => Delivers::Nothing,
        1 => Delivers::One,
        _ => Delivers::More,
    };
    if delivers != cell.delivers() {
        return Err(format!("{seen:?}, and not {:?} delivered", cell.delivers()));
    }
    // Whatever ends the connection ends the other call as well.
    let is_over = matches!(seen.outcome, Outcome::Timeout(_) | Outcome::Lost);
    if cell.used == Use::Beside && is_over {
        let same = [seen.outcome.clone(), Outcome::Done, Outcome::NotOpen];
        if !seen
            .beside
            .as_ref()
            .is_some_and(|beside| same.contains(beside))
        {
            return Err(format!("{seen:?}: the other call learns of something else"));
        }
    }
    Ok(())
}

/// A cell on an open connection.
fn used(cell: Cell) -> Seen {
    let pipes = Pipes::new(NARROW);
    let (rx, tx) = buffers();
    let timing = cell.timing();
    let server = async {
        let server = match cell.wire {
            Wire::Plain => Some(Server::plain(pipes.clone())),
            Wire::Tls => Server::secured(pipes.clone()).await,
        };
        server.expect("a client").behave(cell.peer).await
    };
    let client = async {
        match cell.wire {
            Wire::Plain => act(cell, Connection::new(pipes.halves(), rx, tx, &timing)).await,
            Wire::Tls => {
                let mut memory = Memory::new();
                let (mut link, records) = memory.lend();
                let client = Client::new(HOST, trust());
                let mut entropy = Repeatable(3);
                let stream = client.connect(&mut link, records, pipes.halves(), &mut entropy);
                let mut stream = stream.await.expect("TLS");
                act(cell, Connection::new(stream.split(), rx, tx, &timing)).await
            }
        }
    };
    let seen = beside(client, server);
    if cell.wire == Wire::Plain {
        // Nothing is torn: it fails the test when these are no frames.
        sent_so_far(&pipes.from_client.written());
    }
    seen
}

/// A cell of a handshake, over a transport that is connected.
fn opened(cell: Cell) -> Seen {
    let pipes = Pipes::new(WIDE);
    let timing = cell.timing();
    let is_secured = cell.row == Row::Open && cell.wire == Wire::Tls;
    let server = async {
        match (cell.row, is_secured) {
            (Row::Open, false) => Server::plain(pipes.clone()).misbehave(cell.peer).await,
            (Row::Open, true) => {
                let server = Server::secured(pipes.clone()).await.expect("a client");
                server.misbehave(cell.peer).await
            }
            _ => misbehave_in_tls(pipes.clone(), cell.peer).await,
        }
    };
    let uri = |scheme| Uri::parse(scheme).expect("a URI");
    let client = async {
        let mut memory = Memory::new();
        let (mut link, records) = memory.lend();
        let client = Client::new(HOST, trust());
        let mut entropy = Repeatable(3);
        let halves = pipes.halves();
        let plain = Request::new(uri("ws://host.example.test/"));
        let secure = Request::new(uri("wss://host.example.test/"));
        match cell.row {
            Row::TlsConnect => {
                patiently(async {
                    let connected = client
                        .connect(&mut link, records, halves, &mut entropy)
                        .await;
                    Outcome::of_connecting(connected.map_err(bare_ws_embassy::ConnectError::Tls))
                })
                .await
            }
            Row::TlsOpen => {
                let setup = Setup::new(trust(), &mut link, records);
                patiently(Box::pin(async {
                    let opened = open(
                        halves,
                        setup,
                        &secure,
                        unused(),
                        Repeatable(7),
                        Uncompressed,
                        &timing,
                    )
                    .await;
                    Outcome::of_connecting(opened)
                }))
                .await
            }
            _ if is_secured => {
                let stream = client.connect(&mut link, records, halves, &mut entropy);
                let mut stream = stream.await.expect("TLS");
                patiently(async {
                    let halves = stream.split();
                    let opened = Connection::open(
                        halves,
                        &secure,
                        unused(),
                        Repeatable(7),
                        Uncompressed,
                        &timing,
                    )
                    .await;
                    Outcome::of_connecting(opened)
                })
                .await
            }
            _ => {
                patiently(async {
                    let opened = Connection::open(
                        halves,
                        &plain,
                        unused(),
                        Repeatable(7),
                        Uncompressed,
                        &timing,
                    )
                    .await;
                    Outcome::of_connecting(opened)
                })
                .await
            }
        }
    };
    let (outcome, took) = beside(client, server);
    Seen {
        outcome,
        took,
        delivered: 0,
        beside: None,
    }
}

/// A cell of an attempt over the network.
fn dialled(cell: Cell) -> Seen {
    let (outcome, took) = run_within(
        POLLS,
        on_network(async |stack, other| {
            let servers = join(serve(other, cell), serve(other, cell));
            match select(apart(attempted(stack, cell)), apart(servers)).await {
                Either::First(seen) => seen,
                Either::Second(_) => unreachable!("they serve for ever"),
            }
        }),
    );
    Seen {
        outcome,
        took,
        delivered: 0,
        beside: None,
    }
}

/// Where somebody listens, nobody does, and nothing is.
const LISTENS: u16 = 80;
const DEAF: u16 = 81;
const NOWHERE: &str = "10.0.0.9";

async fn attempted(stack: Stack<'static>, cell: Cell) -> (Outcome, embassy_time::Duration) {
    let (host, port) = match (cell.deadline, cell.peer) {
        (Deadline::Connect, Peer::Silent) => (NOWHERE, LISTENS),
        (Deadline::Connect, _) => (HOST, DEAF),
        _ => (HOST, LISTENS),
    };
    let scheme = if cell.wire == Wire::Tls { "wss" } else { "ws" };
    let uri = format!("{scheme}://{host}:{port}/");
    let uri = Uri::parse(&uri).expect("a URI");
    let request = Request::new(uri);
    let timing = cell.timing();
    let mut memory = [vec![0; 2048], vec![0; 2048]];
    let [receive, transmit] = &mut memory;
    let socket = Socket::new(stack, receive, transmit);
    if cell.row == Row::Client {
        return attempted_by_client(stack, &request, cell).await;
    }
    let attempt = async || match cell.row {
        Row::Dial => {
            let dialled = dial(stack, &socket, &request.uri, &timing).await;
            Outcome::of_connecting(dialled)
        }
        Row::Connect => {
            let to = (stack, &socket);
            let connected =
                connect(to, &request, unused(), Repeatable(7), Uncompressed, &timing).await;
            Outcome::of_connecting(connected)
        }
        _ => {
            let mut memory = Memory::new();
            let (mut link, records) = memory.lend();
            let setup = Setup::new(trust(), &mut link, records);
            let to = (stack, &socket);
            let connected = connect_secure(
                to,
                setup,
                &request,
                unused(),
                Repeatable(7),
                Uncompressed,
                &timing,
            )
            .await;
            Outcome::of_connecting(connected)
        }
    };
    patiently(Box::pin(made(cell, attempt))).await
}

/// The buffers of a connection that is yet to be opened.
fn unused() -> Buffers<[u8; 256], [u8; 256]> {
    Buffers {
        receive: [0; 256],
        transmit: [0; 256],
    }
}

/// The attempt, or one that is dropped at half its time, and another.
async fn made(cell: Cell, mut attempt: impl AsyncFnMut() -> Outcome) -> Outcome {
    if cell.manner == Manner::Dropped
        && let Ok(outcome) = with_timeout(LIMIT / 2, attempt()).await
    {
        return outcome;
    }
    attempt().await
}

/// The same by a client with memory of its own.
async fn attempted_by_client(
    stack: Stack<'static>,
    request: &Request<'_>,
    cell: Cell,
) -> (Outcome, embassy_time::Duration) {
    let memory = Box::leak(Box::new(net::Memory::<256, 256>::new()));
    let mut plain = net::Client::new(stack, memory, Repeatable(5)).timing(cell.timing());
    if cell.wire == Wire::Plain {
        return patiently(made(cell, async || {
            Outcome::of_connecting(plain.connect(request).await)
        }))
        .await;
    }
    let memory = Box::leak(Box::new(tls::Memory::<4096, 1024>::new()));
    let mut secure = plain.trust(trust(), memory);
    patiently(made(cell, async || {
        Outcome::of_connecting(secure.connect(request).await)
    }))
    .await
}

/// One client after the other.
async fn serve(stack: Stack<'_>, cell: Cell) {
    let (mut receive, mut transmit) = (vec![0; 2048], vec![0; 2048]);
    let mut tcp = TcpSocket::new(stack, &mut receive, &mut transmit);
    tcp.set_nagle_enabled(false);
    loop {
        tcp.abort();
        let _ = tcp.flush().await;
        if tcp.accept(LISTENS).await.is_err() {
            continue;
        }
        // `None`: the client is gone.
        let _ = match cell.wire {
            Wire::Plain => Server::plain(&mut tcp).misbehave(cell.peer).await,
            Wire::Tls => misbehave_in_tls(&mut tcp, cell.peer).await,
        };
    }
}

/// The memory of TLS.
struct Memory([Vec<u8>; 4]);

impl Memory {
    fn new() -> Self {
        Self([vec![0; 4096], vec![0; 1024], vec![0; 4096], vec![0; 1024]])
    }

    fn lend(&mut self) -> (Link<'_>, Records<'_>) {
        let [read, write, receive, transmit] = &mut self.0;
        (Link::new(receive, transmit), Records { read, write })
    }
}

/// The client, to its end, while the server behaves.
fn beside<T>(client: impl Future<Output = T>, server: impl Future<Output = Option<()>>) -> T {
    let both = async {
        let server = async {
            // Gone, or done: what it is then is silent.
            let _ = server.await;
            std::future::pending::<()>().await
        };
        match select(apart(client), apart(server)).await {
            Either::First(seen) => seen,
            Either::Second(()) => unreachable!("it behaves for ever"),
        }
    };
    run_within(POLLS, both)
}
