//! One connection over which many tasks send: `--tasks N` lets N of them send messages of 125 octets over TCP, each
//! message out of the door before its task's next, and tells how many a second arrive; and the same with one task. The
//! far end counts. Beside it tokio-tungstenite, whose sink has to be shared behind a lock.

use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use bare_ws_std::Config;
use bare_ws_std::tokio::open;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::sync::Mutex;
use tokio_tungstenite::WebSocketStream;
use tungstenite::Message;
use tungstenite::protocol::Role;

use crate::cells::median;
use crate::direction::Layer;
use crate::payload::{Kind, Payload};
use crate::peers::{OURS_TOKIO, TOKIO_TUNGSTENITE};
use crate::served;

/// Octets of a message.
const SIZE: usize = 125;

/// Messages a round, ...
const COUNT: usize = 96 * 1024;

/// ... and rounds.
const ROUNDS: usize = 15;

/// Sends [`COUNT`] messages from so many tasks, and waits for the one that says they have arrived: seconds.
type Round = fn(usize, Payload) -> f64;

pub fn compare(tasks: usize) -> ExitCode {
    let payload = Payload::new(Kind::Binary, SIZE);
    let libraries: [(&str, Round); 2] = [(OURS_TOKIO, ours), (TOKIO_TUNGSTENITE, theirs)];
    let rows = [1, tasks].map(|tasks| libraries.map(|(name, round)| (tasks, name, round)));
    let rows = rows.as_flattened();
    let mut times = vec![Vec::new(); rows.len()];
    for _ in 0..ROUNDS {
        for ((tasks, _, round), times) in rows.iter().zip(&mut times) {
            times.push(round(*tasks, payload));
        }
    }
    println!("messages of {SIZE} octets over TCP, of which the far end counts {COUNT}:");
    for ((tasks, name, _), times) in rows.iter().zip(times) {
        let rate = sent(*tasks) as f64 / median(times) / 1e6;
        println!("  {name:<20} {tasks:>4} tasks  {rate:.3} M/s");
    }
    ExitCode::SUCCESS
}

/// As many as all tasks send alike.
fn sent(tasks: usize) -> usize {
    COUNT / tasks * tasks
}

fn ours(tasks: usize, payload: Payload) -> f64 {
    in_runtime(tasks, payload, async |tcp| {
        let opened = open(&Config::new(), "ws://localhost/", tcp).await;
        let mut socket = opened.expect("open");
        let start = Instant::now();
        for _ in 0..tasks {
            let writer = socket.writer.clone();
            tokio::spawn(async move {
                for _ in 0..COUNT / tasks {
                    writer.send(payload.octets).await.expect("sent");
                }
            });
        }
        socket.recv().await.expect("a message").expect("open");
        start.elapsed().as_secs_f64()
    })
}

fn theirs(tasks: usize, payload: Payload) -> f64 {
    in_runtime(tasks, payload, async |tcp| {
        let (sink, mut stream) = WebSocketStream::from_raw_socket(tcp, Role::Client, None)
            .await
            .split();
        let sink = Arc::new(Mutex::new(sink));
        let start = Instant::now();
        for _ in 0..tasks {
            let sink = Arc::clone(&sink);
            tokio::spawn(async move {
                for _ in 0..COUNT / tasks {
                    let message = Message::Binary(Bytes::from_static(payload.octets));
                    sink.lock().await.send(message).await.expect("sent");
                }
            });
        }
        stream.next().await.expect("open").expect("a message");
        start.elapsed().as_secs_f64()
    })
}

fn in_runtime(
    tasks: usize,
    payload: Payload,
    work: impl AsyncFnOnce(tokio::net::TcpStream) -> f64,
) -> f64 {
    let tcp: TcpStream = served::connect(Layer::Tcp, payload, sent(tasks) as u64, 1);
    tcp.set_nonblocking(true).expect("non-blocking");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let tcp = tokio::net::TcpStream::from_std(tcp).expect("a socket");
        work(tcp).await
    })
}
