//! Many connections on one thread of tokio's, each in a task that sends back what it receives. The far end, a thread of
//! its own that asks for no memory, sends each a message and then takes all answers.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::{self, Thread};

use bare_ws_std::Config;
use bare_ws_std::tokio::open;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

use super::memory::fours;
use super::{Counts, Lines, Point, READS, Series, WRITES, count, line};
use crate::idle::raise_limit;
use crate::payload::{Kind, Payload};
use crate::served::{listen, shake_hands};
use crate::wire;

/// Octets of a message.
const SIZE: usize = 16;

pub fn series(most: u64) -> Vec<Series> {
    // All stay open until the end: two ends each, and what runtimes need.
    let files = fours(most.ilog2() / 2).sum::<u64>() * 2 + 256;
    let most = most.min(raise_limit(files as usize) as u64 / 4);
    vec![Series {
        name: "connections",
        unit: "connection",
        work: "connections",
        setting: "each receives 16 octets over TCP and sends them back, all in tasks of one thread of tokio's; \
                  counted when all are open and have done so once",
        lines: Lines {
            // A message may come in two parts, and be looked for once more.
            reads: line(0.0, 2.0),
            writes: line(0.0, 1.0),
            // The queue of the tasks that are woken grows, by doubling: how many are woken at once is a matter of luck.
            allocations: line(16.0, 0.0),
            heap: line(0.0, 16.0),
        },
        factor: 3.0,
        points: fours(6)
            .take_while(|work| *work <= most)
            .map(point)
            .collect(),
    }]
}

fn point(work: u64) -> Point {
    let all = Connections::open(work);
    // What is needed once is there after a round, such as places among what tokio waits for.
    all.round();
    let before = Counts::now();
    all.round();
    let counts = Counts::now().since(before);
    Point::counted(work, counts, move || all.round())
}

struct Connections {
    runtime: Runtime,
    /// The far end, which begins a round when it is woken, ...
    far: Thread,
    /// ... and tells when it has all answers.
    answered: Arc<Notify>,
}

impl Connections {
    fn open(count: u64) -> Self {
        let answered = Arc::new(Notify::new());
        let (address, far) = serve(count, Arc::clone(&answered));
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            for _ in 0..count {
                let tcp = TcpStream::connect(address).await.expect("open");
                tcp.set_nodelay(true).expect("an option");
                let opened = open(&Config::new(), "ws://localhost/", Counted(tcp)).await;
                let mut socket = opened.expect("open");
                tokio::spawn(async move {
                    while let Some(message) = socket.reader.recv().await.expect("a message") {
                        socket.writer.send(message).await.expect("sent");
                    }
                });
            }
            // The far end has accepted all.
            answered.notified().await;
        });
        Self {
            runtime,
            far,
            answered,
        }
    }

    fn round(&self) {
        self.far.unpark();
        self.runtime.block_on(self.answered.notified());
    }
}

fn serve(count: u64, answered: Arc<Notify>) -> (SocketAddr, Thread) {
    let (listener, address) = listen();
    let payload = Payload::new(Kind::Binary, SIZE);
    let message = wire::frame(payload);
    let mut answer = vec![0; wire::masked(payload).len()];
    let far = thread::spawn(move || {
        let accept = || {
            let (mut client, _) = listener.accept().expect("a client");
            client.set_nodelay(true).expect("an option");
            shake_hands(&mut client);
            client
        };
        let clients: Vec<_> = (0..count).map(|_| accept()).collect();
        loop {
            answered.notify_one();
            // Nobody else wakes this thread.
            thread::park();
            for mut client in &clients {
                client.write_all(&message).expect("a client");
            }
            for mut client in &clients {
                client.read_exact(&mut answer).expect("an answer");
            }
        }
    });
    (address, far.thread().clone())
}

/// Counts reads and writes that moved octets.
struct Counted(TcpStream);

impl AsyncRead for Counted {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.get_mut().0).poll_read(cx, buf);
        if read.is_ready() {
            count(&READS);
        }
        read
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.get_mut().0).poll_write(cx, octets);
        if written.is_ready() {
            count(&WRITES);
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}
