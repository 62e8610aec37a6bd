//! What a connection that nothing passes over costs: `--idle N` opens N of each library to a server in the same
//! process, each in a task of tokio's or, if the library blocks, in a thread that receives, and tells how much memory
//! they hold: when they are new, and when each has received a message of 64 KiB, sent one, and been quiet for two
//! seconds. Each library has a process of its own, so that none is given memory that another has used; these work at
//! the same time, since they mostly wait.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use std::{env, fs};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

use crate::allocations;
use crate::payload::{Kind, Payload};
use crate::peers::{self, Idle, Library, OURS_OWNED, OURS_STD, OURS_TOKIO, TOKIO_TUNGSTENITE};
use crate::report::Report;
use crate::served::{listen, shake_hands};
use crate::wire;

/// At most so much of what tokio-tungstenite holds.
const BAR: f64 = 0.5;

/// At most so many octets of the heap, for the connection and, if it has one, its task and its place among what the
/// runtime waits for.
const MOST: i64 = 8 * 1024;

/// Octets of the message that passes.
const SIZE: usize = 64 * 1024;

/// Connections where figures are made.
pub const COUNT: usize = 1000;

/// Octets a connection.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    pub heap: i64,
    pub resident: i64,
}

/// What a library holds when its connections are new, and after a message each way.
pub struct Waiting {
    pub library: &'static str,
    pub is_thread: bool,
    pub held: [Held; 2],
}

/// `--idle`.
pub fn compare(count: usize) -> ExitCode {
    let most = raise_limit(2 * count + 64).saturating_sub(64) / 2;
    let count = count.min(most);
    println!("{count} connections (of {most} that the system allows), octets a connection:");
    let all = measure(count);
    for waiting in &all {
        for (when, held) in ["new", "after 64 KiB each way"].iter().zip(waiting.held) {
            println!(
                "  {:<20} {when:<24} heap {:>8}  resident {:>8}",
                waiting.library, held.heap, held.resident
            );
        }
    }
    let mut report = Report::default();
    hold(&mut report, &all);
    report.finish()
}

/// Our own against the bars above.
pub fn hold(report: &mut Report, all: &[Waiting]) {
    let of = |name| all.iter().find(|waiting| waiting.library == name);
    for library in peers::LIBRARIES.iter().filter(|it| it.idle.is_some()) {
        let name = library.name;
        report.check(of(name).is_some(), format!("{name}: memory of connections"));
    }
    for name in [OURS_STD, OURS_TOKIO, OURS_OWNED] {
        let (Some(ours), Some(theirs)) = (of(name), of(TOKIO_TUNGSTENITE)) else {
            continue;
        };
        for (ours, theirs) in ours.held.iter().zip(theirs.held) {
            let ratio = ours.heap as f64 / theirs.heap as f64;
            report.check(
                ratio <= BAR && ours.heap <= MOST,
                format!(
                    "{name}: {} octets of heap a connection, bar {MOST}; {ratio:.3} of {TOKIO_TUNGSTENITE}'s, bar {BAR}",
                    ours.heap
                ),
            );
        }
    }
}

/// All libraries, each in a process.
pub fn measure(count: usize) -> Vec<Waiting> {
    let idle = |library: &'static Library| library.idle.as_ref().map(|idle| (library, idle));
    let libraries = peers::LIBRARIES.iter().filter_map(idle);
    let started: Vec<_> = libraries
        .map(|(library, idle)| (library, idle, start(library, count)))
        .collect();
    let waiting = started.into_iter().filter_map(|(library, idle, child)| {
        Some(Waiting {
            library: library.name,
            is_thread: matches!(idle, Idle::Thread(_)),
            held: figures(child?)?,
        })
    });
    waiting.collect()
}

fn start(library: &Library, count: usize) -> Option<Child> {
    Command::new(env::current_exe().ok()?)
        .args(["--idle", &count.to_string(), library.name])
        .stdout(Stdio::piped())
        .spawn()
        .ok()
}

fn figures(child: Child) -> Option<[Held; 2]> {
    let output = child.wait_with_output().ok()?;
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
pub fn measure_here(library: &str, count: usize) -> ExitCode {
    raise_limit(2 * count + 64);
    let payload = Payload::new(Kind::Binary, SIZE);
    let Some((library, idle)) = peers::named(library).and_then(|it| Some((it, it.idle.as_ref()?)))
    else {
        return ExitCode::FAILURE;
    };
    let (server, address) = serve(payload, count, library.connect.is_some());
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let tasks = LocalSet::new();
    tasks.block_on(&runtime, async {
        let before = Held::now();
        for _ in 0..count {
            match idle {
                Idle::Task(open) => open(address, payload).await,
                Idle::Thread(open) => open(address, payload),
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
        // Not one by one: some libraries would say that their server has gone.
        std::process::exit(0)
    })
}

/// Longer than after what traffic buffers may shrink.
async fn quiet() {
    tokio::time::sleep(Duration::from_secs(2)).await;
}

struct Server {
    /// Sends a message over each connection, and takes it back.
    start: mpsc::Sender<()>,
    done: mpsc::Receiver<()>,
}

fn serve(payload: Payload, count: usize, opens: bool) -> (Server, SocketAddr) {
    let (listener, address) = listen();
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
