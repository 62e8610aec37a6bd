//! What other threads may do between two fragments of a message, while nobody holds the lock.

use std::future::Future;
use std::io::Error;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use bare_ws_std::tokio::{Reader, Writer, open};
use bare_ws_std::{Config, MessageKind};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

use crate::connection::URI;
use crate::server::Server;

/// Takes as many octets as it is told to, flushes when it may, and wakes nobody before it is asked to.
struct Budgeted {
    stream: DuplexStream,
    budget: Arc<Budget>,
}

struct Budget {
    octets: AtomicUsize,
    flushes: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Budget {
    fn give(&self, octets: usize, flushes: bool) {
        self.octets.store(octets, Ordering::Relaxed);
        self.flushes.store(flushes, Ordering::Relaxed);
    }

    fn wait<T>(&self, cx: &Context<'_>) -> Poll<T> {
        *self.waker.lock().unwrap() = Some(cx.waker().clone());
        Poll::Pending
    }

    fn wake(&self) {
        let waker = self.waker.lock().unwrap().take();
        waker.expect("somebody waits").wake();
    }
}

impl AsyncRead for Budgeted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Budgeted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<Result<usize, Error>> {
        let most = octets.len().min(self.budget.octets.load(Ordering::Relaxed));
        if most == 0 {
            return self.budget.wait(cx);
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, &octets[..most]);
        if let Poll::Ready(Ok(n)) = written {
            self.budget.octets.fetch_sub(n, Ordering::Relaxed);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if !self.budget.flushes.load(Ordering::Relaxed) {
            return self.budget.wait(cx);
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A call that sends, and whether it was woken since it was last polled.
struct Task {
    call: Mutex<Pin<Box<dyn Future<Output = ()> + Send>>>,
    is_woken: AtomicBool,
}

impl Task {
    fn of(call: impl Future<Output = ()> + Send + 'static) -> Arc<Self> {
        Arc::new(Self {
            call: Mutex::new(Box::pin(call)),
            is_woken: AtomicBool::new(true),
        })
    }

    fn send(writer: &Writer<Budgeted>, octets: Vec<u8>) -> Arc<Self> {
        let writer = writer.clone();
        Self::of(async move { writer.send(octets).await.unwrap() })
    }

    /// The same as a message in pieces that has only one.
    fn send_fragment(writer: &Writer<Budgeted>, octets: Vec<u8>) -> Arc<Self> {
        let writer = writer.clone();
        Self::of(async move {
            let sent = writer.send_fragment(MessageKind::Binary, &octets, true);
            sent.await.unwrap();
        })
    }

    /// Polls it if it was woken; whether it is over.
    fn run(self: &Arc<Self>) -> bool {
        let waker = Waker::from(Arc::clone(self));
        let mut cx = Context::from_waker(&waker);
        self.is_woken.swap(false, Ordering::Relaxed)
            && self.call.lock().unwrap().as_mut().poll(&mut cx).is_ready()
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::Relaxed);
    }
}

/// Runs another task as soon as it is woken: what a thread of its own might do just then.
struct Meanwhile(Arc<Task>);

impl Wake for Meanwhile {
    fn wake(self: Arc<Self>) {
        assert!(!self.0.run(), "it is not its turn");
    }
}

/// Whoever has the turn is woken first when the transport takes more, and not who came meanwhile.
// row: STA-06, FRG-10
#[tokio::test]
async fn a_message_goes_on_though_another_came_between_two_of_its_fragments() {
    for send in [Task::send, Task::send_fragment] {
        another_comes_between(send).await;
    }
}

async fn another_comes_between(send: fn(&Writer<Budgeted>, Vec<u8>) -> Arc<Task>) {
    let (writer, _reader, budget, mut server) = budgeted().await;
    let long = send(&writer, vec![2; 2000]);
    let other = Task::send(&writer, vec![3; 10]);
    let mut first = Box::pin(writer.send(&[1; 100][..]));
    let meanwhile = Waker::from(Arc::new(Meanwhile(Arc::clone(&other))));
    budget.give(usize::MAX, false);
    let mut cx = Context::from_waker(&meanwhile);
    assert!(first.as_mut().poll(&mut cx).is_pending());

    // The first fragment leaves, and with it the first message is out, whose task is woken.
    budget.give(BUFFER, true);
    assert!(!long.run());
    assert!(
        !other.is_woken.load(Ordering::Relaxed),
        "the other has come"
    );
    drop(first);

    budget.give(usize::MAX, true);
    budget.wake();
    let mut is_over = [false; 2];
    for _ in 0..8 {
        is_over[0] |= !is_over[0] && long.run();
        is_over[1] |= !is_over[1] && other.run();
    }
    assert_eq!(is_over, [true; 2]);
    comes(&mut server, &[&[1; 100], &[2; 2000], &[3; 10]]).await;
}

/// What another call has written out leaves room for whoever waits, and not for who comes then.
// row: STA-06
#[tokio::test]
async fn a_send_that_comes_when_there_is_room_again_is_behind_those_that_wait() {
    let (writer, mut reader, budget, mut server) = budgeted().await;
    budget.give(0, true);
    let first = Task::send(&writer, vec![1; BUFFER - 20]);
    let waits = Task::send(&writer, vec![2; BUFFER - 20]);
    let late = Task::send(&writer, vec![3; 10]);
    assert!(!first.run());
    assert!(!waits.run());
    // A receive writes what the transport takes.
    budget.give(usize::MAX, true);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Box::pin(reader.recv()).as_mut().poll(&mut cx).is_pending());
    assert!(!late.run(), "it was not its turn");
    for task in [first, waits, late] {
        task.is_woken.store(true, Ordering::Relaxed);
        task.run();
    }
    comes(
        &mut server,
        &[&[1; BUFFER - 20], &[2; BUFFER - 20], &[3; 10]],
    )
    .await;
}

const BUFFER: usize = 300;

/// Both sides of a connection that has room for so much, what its transport takes, and the server.
async fn budgeted() -> (
    Writer<Budgeted>,
    Reader<Budgeted>,
    Arc<Budget>,
    Server<DuplexStream>,
) {
    let (ours, theirs) = duplex(1 << 16);
    let budget = Arc::new(Budget {
        octets: AtomicUsize::new(usize::MAX),
        flushes: AtomicBool::new(true),
        waker: Mutex::new(None),
    });
    let ours = Budgeted {
        stream: ours,
        budget: Arc::clone(&budget),
    };
    let mut server = Server::over(theirs);
    let config = Config::new().transmit_buffer(BUFFER);
    let (socket, ()) = tokio::join!(open(&config, URI, ours), server.accept());
    let socket = socket.unwrap();
    (socket.writer, socket.reader, budget, server)
}

/// These messages come, in this order.
async fn comes(server: &mut Server<DuplexStream>, messages: &[&[u8]]) {
    for expected in messages {
        let mut octets = Vec::new();
        loop {
            let (first, payload) = server.read_frame().await.unwrap();
            octets.extend(payload);
            if first & 0x80 != 0 {
                break;
            }
        }
        assert_eq!(octets, *expected);
    }
}
