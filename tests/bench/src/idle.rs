//! What a connection that nothing passes over costs: `--idle N` opens N of each library to a server in the same
//! process, each in a task of tokio that receives, and tells how much memory they hold: when they are new, and when
//! each has received a message of 64 KiB, sent one, and been quiet for two seconds. Each library has a process of its
//! own, so that none is given memory that another has used.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, ExitCode};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use std::{env, fs};

use bare_ws_std::tokio::connect;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::Builder;
use tokio_tungstenite::WebSocketStream;
use tungstenite::Message;
use tungstenite::protocol::Role;

use crate::allocations;
use crate::payload::{Kind, Payload};
use crate::peers::{self, OURS_TOKIO, TOKIO_TUNGSTENITE};
use crate::wire;

/// At most so much of what tokio-tungstenite holds.
const BAR: f64 = 0.5;

/// At most so many octets of the heap: 8 KiB for the connection, and beside it its task and its place among what the
/// runtime waits for.
const MOST: i64 = 8 * 1024 + 512;

/// Octets of the message that passes.
const SIZE: usize = 64 * 1024;

/// Octets a connection.
#[derive(Clone, Copy, Debug)]
struct Held {
    heap: i64,
    resident: i64,
}

/// All libraries, each in a process.
pub fn compare(count: usize) -> ExitCode {
    let most = raise_limit(2 * count + 64).saturating_sub(64) / 2;
    let count = count.min(most);
    println!("{count} connections (of {most} that the system allows), octets a connection:");
    let mut all = Vec::new();
    for library in [OURS_TOKIO, TOKIO_TUNGSTENITE] {
        let Some(held) = in_process(library, count) else {
            println!("not ok {library}: no figures");
            return ExitCode::FAILURE;
        };
        for (when, held) in ["new", "after 64 KiB each way"].iter().zip(held) {
            println!(
                "  {library:<20} {when:<24} heap {:>8}  resident {:>8}",
                held.heap, held.resident
            );
        }
        all.push(held);
    }
    let mut good = true;
    for (ours, theirs) in all[0].iter().zip(&all[1]) {
        let ratio = ours.heap as f64 / theirs.heap as f64;
        let holds = ratio <= BAR && ours.heap <= MOST;
        good &= holds;
        println!(
            "{} {ratio:.3} of the heap of {TOKIO_TUNGSTENITE}'s, bar {BAR}; {} octets, bar {MOST}",
            if holds { "ok" } else { "not ok" },
            ours.heap
        );
    }
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn in_process(library: &str, count: usize) -> Option<[Held; 2]> {
    let program = env::current_exe().ok()?;
    let count = count.to_string();
    let output = Command::new(program)
        .args(["--idle", &count, library])
        .output()
        .ok()?;
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).ok()?;
    let mut figures = text.split_whitespace().map_while(|word| word.parse().ok());
    let mut held = || {
        Some(Held {
            heap: figures.next()?,
            resident: figures.next()?,
        })
    };
    Some([held()?, held()?])
}

/// One library, in this process: prints what a connection holds.
pub fn measure(library: &str, count: usize) -> ExitCode {
    raise_limit(2 * count + 64);
    let payload = Payload::new(Kind::Binary, SIZE);
    let (server, address) = serve(payload, count, library == OURS_TOKIO);
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let before = Held::now();
        for _ in 0..count {
            match library {
                OURS_TOKIO => open_ours(address).await,
                _ => open_theirs(address).await,
            }
        }
        quiet().await;
        Held::now().print(before, count);
        server.start.send(()).expect("a server");
        while server.done.try_recv().is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        quiet().await;
        Held::now().print(before, count);
    });
    ExitCode::SUCCESS
}

/// Longer than after what traffic buffers may shrink.
async fn quiet() {
    tokio::time::sleep(Duration::from_secs(2)).await;
}

async fn open_ours(address: SocketAddr) {
    let mut socket = connect(&format!("ws://{address}/")).await.expect("open");
    tokio::spawn(async move {
        while let Some(message) = socket.reader.recv().await.expect("a message") {
            socket.writer.send(message).await.expect("sent");
        }
    });
}

async fn open_theirs(address: SocketAddr) {
    let tcp = tokio::net::TcpStream::connect(address).await.expect("open");
    let mut socket = WebSocketStream::from_raw_socket(tcp, Role::Client, None).await;
    tokio::spawn(async move {
        while let Some(message) = socket.next().await {
            let message: Bytes = message.expect("a message").into_data();
            socket.send(Message::Binary(message)).await.expect("sent");
        }
    });
}

struct Server {
    /// Sends a message over each connection, and takes it back.
    start: mpsc::Sender<()>,
    done: mpsc::Receiver<()>,
}

fn serve(payload: Payload, count: usize, opens: bool) -> (Server, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    let (start, started) = mpsc::channel();
    let (finish, done) = mpsc::channel();
    // What the server holds is not counted.
    let mut clients: Vec<TcpStream> = Vec::with_capacity(count);
    let message = wire::frame(payload);
    let mut answer = vec![0; wire::masked(payload).len()];
    thread::spawn(move || {
        for _ in 0..count {
            let (mut client, _) = listener.accept().expect("a client");
            if opens {
                shake_hands(&mut client);
            }
            clients.push(client);
        }
        started.recv().expect("a client");
        for mut client in &clients {
            client.write_all(&message).expect("a client");
            client.read_exact(&mut answer).expect("an answer");
        }
        finish.send(()).expect("a client");
        // The connections are held until the process ends.
        thread::park();
        drop(clients);
    });
    (Server { start, done }, address)
}

pub fn shake_hands(client: &mut TcpStream) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut octets = [0; 1024];
        let n = client.read(&mut octets).expect("a request");
        request.extend_from_slice(&octets[..n]);
    }
    client
        .write_all(&peers::answer(&request))
        .expect("a client");
}

impl Held {
    fn now() -> Self {
        Self {
            heap: allocations::held(),
            resident: resident(),
        }
    }

    fn print(self, before: Self, count: usize) {
        let each = |now: i64, before: i64| (now - before) / count as i64;
        println!(
            "{} {}",
            each(self.heap, before.heap),
            each(self.resident, before.resident)
        );
    }
}

/// Octets of this process in memory: Linux alone tells.
fn resident() -> i64 {
    let status = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: i64 = status
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .unwrap_or(0);
    pages * 4096
}

/// As many open files as are needed, or as the system allows; gives how many.
pub fn raise_limit(needed: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    let needed = needed as u64;
    let current = limit.current.unwrap_or(u64::MAX);
    let wanted = current.max(needed.min(most));
    for maximum in [wanted.max(needed), most] {
        let raised = Rlimit {
            current: Some(maximum.min(wanted.max(needed))),
            maximum: Some(maximum.max(most)),
        };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            break;
        }
    }
    getrlimit(Resource::Nofile)
        .current
        .map_or(usize::MAX, |it| it as usize)
}
