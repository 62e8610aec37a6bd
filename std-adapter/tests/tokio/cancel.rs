//! Every call, dropped at every poll: nothing is lost, doubled or torn.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bare_ws_std::bare_ws::error::Usage;
use bare_ws_std::bare_ws::header::FrameHeader;
use bare_ws_std::bare_ws::opcode::Opcode;
use bare_ws_std::tokio::{WebSocket, open};
use bare_ws_std::{CloseCode, Config, Error, MessageKind, OwnedMessage};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::server::{Frame, Server, frame};

const URI: &str = "ws://localhost/";

/// Polls so often, each time when it was woken, and drops it then.
async fn poll_times<T>(times: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// A stream that is not ready the first time it is asked for anything, and gives and takes little.
struct Slow {
    stream: DuplexStream,
    step: usize,
    /// How often it was asked to read, write, flush and shut.
    asked: [u32; 4],
}

impl Slow {
    fn is_busy(&mut self, what: usize, cx: &Context<'_>) -> bool {
        self.asked[what] += 1;
        let busy = self.asked[what] % 2 == 1;
        if busy {
            cx.waker().wake_by_ref();
        }
        busy
    }
}

impl AsyncRead for Slow {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.is_busy(0, cx) {
            return Poll::Pending;
        }
        let mut few = buf.take(self.step);
        let read = Pin::new(&mut self.stream).poll_read(cx, &mut few);
        let n = few.filled().len();
        buf.advance(n);
        read
    }
}

impl AsyncWrite for Slow {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        if self.is_busy(1, cx) {
            return Poll::Pending;
        }
        assert!(!octets.is_empty(), "nothing is not written");
        let few = octets.len().min(self.step);
        Pin::new(&mut self.stream).poll_write(cx, &octets[..few])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        if self.is_busy(2, cx) {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        if self.is_busy(3, cx) {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A client whose transport is slow, and a server that sends `script` and reads to the end.
async fn client(step: usize, script: Vec<u8>) -> (WebSocket<Slow>, JoinHandle<Vec<Frame>>) {
    let (ours, theirs) = duplex(64);
    let reading = tokio::spawn(async move {
        let mut server = Server::over(theirs);
        server.accept().await;
        let (mut input, mut output) = tokio::io::split(server.io);
        let writing = tokio::spawn(async move {
            tokio::io::AsyncWriteExt::write_all(&mut output, &script)
                .await
                .unwrap();
            output
        });
        let mut server = Server::over(tokio::io::join(&mut input, tokio::io::sink()));
        let mut frames = Vec::new();
        while let Some(frame) = server.read_frame().await {
            let closes = frame.0 == 0x88;
            frames.push(frame);
            if closes {
                break;
            }
        }
        // The server ends first (RFC 6455 §7.1.1).
        tokio::io::AsyncWriteExt::shutdown(&mut writing.await.unwrap())
            .await
            .unwrap();
        frames.extend(server.read_all().await);
        frames
    });
    let slow = Slow {
        stream: ours,
        step,
        asked: [0; 4],
    };
    let config = Config::new().transmit_buffer(160).receive_buffer(64);
    (open(&config, URI, slow).await.unwrap(), reading)
}

fn script() -> Vec<u8> {
    [
        frame(0x81, b"first"),
        frame(0x89, b"1"),
        frame(0x02, &[2; 100]),
        frame(0x89, b"2"),
        frame(0x80, &[3; 70]),
        frame(0x82, b""),
        frame(0x89, b"3"),
        frame(0x81, "gr\u{fc}n".as_bytes()),
        frame(0x88, &1001_u16.to_be_bytes()),
    ]
    .concat()
}

fn seen() -> Vec<Vec<u8>> {
    let long = [[2; 100].as_slice(), &[3; 70]].concat();
    let short = "gr\u{fc}n".as_bytes().to_vec();
    vec![b"first".to_vec(), long, Vec::new(), short]
}

#[derive(Clone, Copy, Debug)]
enum Receive {
    Recv,
    RecvOwned,
    RecvChunk,
    RecvFrame,
    Next,
    /// Sees nothing of what arrives.
    Finish,
}

const RECEIVES: [Receive; 6] = [
    Receive::Recv,
    Receive::RecvOwned,
    Receive::RecvChunk,
    Receive::RecvFrame,
    Receive::Next,
    Receive::Finish,
];

/// One call: `None` if it was dropped, else the piece that came, whether it ends a message, or the
/// end.
async fn receive(
    how: Receive,
    polls: usize,
    socket: &mut WebSocket<Slow>,
) -> Option<Option<(Vec<u8>, bool)>> {
    let whole = |octets: &[u8]| (octets.to_vec(), true);
    match how {
        Receive::Recv => poll_times(polls, socket.recv())
            .await
            .map(|it| it.unwrap().map(|it| whole(it.as_bytes()))),
        Receive::RecvOwned => poll_times(polls, socket.recv_owned())
            .await
            .map(|it| it.unwrap().map(|it| whole(it.as_bytes()))),
        Receive::Next => poll_times(polls, socket.next())
            .await
            .map(|it| it.map(|it| whole(it.unwrap().as_bytes()))),
        Receive::RecvChunk => poll_times(polls, socket.recv_chunk())
            .await
            .map(|it| it.unwrap().map(|it| (it.octets.to_vec(), it.fin))),
        Receive::RecvFrame => poll_times(polls, socket.recv_frame()).await.map(|it| {
            it.unwrap().map(|it| {
                if it.header.opcode.is_control() {
                    (Vec::new(), false)
                } else {
                    (it.payload.to_vec(), it.header.fin)
                }
            })
        }),
        Receive::Finish => poll_times(polls, socket.reader.finish())
            .await
            .map(|it| it.map(|_| None).unwrap()),
    }
}

// row: STA-04, CTL-05
#[tokio::test]
async fn a_receive_dropped_at_any_poll_loses_nothing() {
    for how in RECEIVES {
        for step in [1, 7, 1000] {
            for polls in 1..12 {
                let what = format!("{how:?}, {step} at a time, {polls} polls");
                let (mut socket, server) = client(step, script()).await;
                let (mut all, mut open) = (Vec::new(), Vec::new());
                let mut dropped = 0;
                loop {
                    let Some(received) = receive(how, polls, &mut socket).await else {
                        dropped += 1;
                        assert!(dropped < 10_000, "{what}: no progress");
                        tokio::task::yield_now().await;
                        continue;
                    };
                    let Some((piece, fin)) = received else { break };
                    open.extend(piece);
                    if fin {
                        all.push(std::mem::take(&mut open));
                    }
                }
                if !matches!(how, Receive::Finish) {
                    assert_eq!(all, seen(), "{what}");
                }
                assert_eq!(socket.close_status().unwrap().code.0, 1001, "{what}");
                drop_at_any_poll(polls, &mut socket).await;
                let frames = server.await.unwrap();
                // The newest Ping is answered for all; none twice, and none is missing at the end.
                let pongs: Vec<_> = frames.iter().filter(|(first, _)| *first == 0x8a).collect();
                assert!(pongs.is_sorted_by(|a, b| a.1 < b.1), "{what}: {frames:?}");
                assert_eq!(pongs.last().unwrap().1, b"3", "{what}: {frames:?}");
                let closes = frames.iter().filter(|(first, _)| *first == 0x88).count();
                assert_eq!((closes, frames.last().unwrap().0), (1, 0x88), "{what}");
            }
        }
    }
}

/// The rest of the way, dropped as often.
async fn drop_at_any_poll(polls: usize, socket: &mut WebSocket<Slow>) {
    for _ in 0..10_000 {
        if let Some(finished) = poll_times(polls, socket.finish(None, "")).await {
            finished.unwrap();
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it does not end");
}

#[derive(Clone, Copy, Debug)]
enum Outward {
    Send,
    SendLong,
    SendUncompressed,
    SendFragment,
    SendFrame,
    Ping,
    Pong,
    Flush,
    Close,
    SinkSend,
    SinkClose,
}

const SENDS: [Outward; 11] = [
    Outward::Send,
    Outward::SendLong,
    Outward::SendUncompressed,
    Outward::SendFragment,
    Outward::SendFrame,
    Outward::Ping,
    Outward::Pong,
    Outward::Flush,
    Outward::Close,
    Outward::SinkSend,
    Outward::SinkClose,
];

async fn send(
    how: Outward,
    polls: usize,
    socket: &mut WebSocket<Slow>,
) -> Option<Result<(), Error>> {
    let code = Some(CloseCode::NORMAL);
    match how {
        Outward::Send => poll_times(polls, socket.send([7; 100])).await,
        Outward::SendLong => poll_times(polls, socket.send([7; 1000])).await,
        Outward::SendUncompressed => {
            poll_times(polls, socket.writer.send_uncompressed([7; 100])).await
        }
        Outward::SendFragment => {
            let kind = MessageKind::Binary;
            poll_times(polls, socket.writer.send_fragment(kind, &[7; 100], true)).await
        }
        Outward::SendFrame => {
            let header = FrameHeader::new(Opcode::Binary, true, 100);
            poll_times(polls, socket.writer.send_frame(header, &[7; 100])).await
        }
        Outward::Ping => poll_times(polls, socket.ping(&[7; 100])).await,
        Outward::Pong => poll_times(polls, socket.writer.pong(&[7; 100])).await,
        Outward::Flush => {
            assert!(socket.writer.queue([7; 100]).unwrap());
            poll_times(polls, socket.writer.flush()).await
        }
        Outward::Close => poll_times(polls, socket.close(code, "")).await,
        Outward::SinkSend => {
            let message = OwnedMessage::from(vec![7; 100]);
            poll_times(polls, SinkExt::send(socket, message)).await
        }
        Outward::SinkClose => poll_times(polls, SinkExt::close(socket)).await,
    }
}

// row: STA-05, TRAP-15
#[tokio::test]
async fn a_send_dropped_at_any_poll_is_there_whole_or_not_at_all() {
    let mut seen = [0; 3];
    for how in SENDS {
        for step in [1, 9, 1000] {
            for polls in 0..40 {
                let what = format!("{how:?}, {step} at a time, {polls} polls");
                let (mut socket, server) = client(step, Vec::new()).await;
                socket.writer.queue("before").unwrap();
                let sent = send(how, polls, &mut socket).await;
                seen[usize::from(sent.is_some())] += 1;
                if let Some(sent) = sent {
                    sent.unwrap();
                }
                let after = socket.send("after").await;
                match after {
                    Ok(()) => {}
                    Err(Error::Usage(Usage::InterruptedMessage)) => {
                        assert!(matches!(how, Outward::SendLong), "{what}");
                        seen[2] += 1;
                    }
                    Err(Error::Usage(Usage::NotOpen)) => {
                        assert!(matches!(how, Outward::Close | Outward::SinkClose), "{what}");
                    }
                    Err(error) => panic!("{what}: {error:?}"),
                }
                if socket.writer.is_open() {
                    socket.close(Some(CloseCode::NORMAL), "").await.unwrap();
                }
                // Whoever comes next brings out what was left.
                socket.writer.flush().await.unwrap();
                drop(socket);
                let mut frames = server.await.unwrap();
                let closed = frames.pop();
                assert_eq!(
                    closed,
                    Some((0x88, 1000_u16.to_be_bytes().to_vec())),
                    "{what}"
                );
                assert_eq!(frames.remove(0), (0x81, b"before".to_vec()), "{what}");
                if after.is_ok() {
                    assert_eq!(frames.pop(), Some((0x81, b"after".to_vec())), "{what}");
                }
                let octets: usize = frames.iter().map(|(_, payload)| payload.len()).sum();
                match how {
                    Outward::SendLong if after.is_ok() => {
                        assert!([0, 1000].contains(&octets), "{what}")
                    }
                    Outward::SendLong => assert!(octets < 1000 && frames.len() < 10, "{what}"),
                    Outward::Flush => assert_eq!(octets, 100, "{what}"),
                    Outward::Close | Outward::SinkClose => assert_eq!(octets, 0, "{what}"),
                    _ => assert!([0, 100].contains(&octets) && frames.len() <= 1, "{what}"),
                }
            }
        }
    }
    // Each kind of end was met.
    assert!(seen.iter().all(|times| *times > 10), "{seen:?}");
}

// row: STA-05
#[tokio::test(start_paused = true)]
async fn a_connection_dropped_while_it_is_opened_is_closed() {
    for polls in 0..30 {
        let (ours, theirs) = duplex(8);
        let server = tokio::spawn(async move {
            let mut server = Server::over(theirs);
            let mut octet = [0; 1];
            while tokio::io::AsyncReadExt::read(&mut server.io, &mut octet)
                .await
                .unwrap()
                > 0
            {}
        });
        let config = Config::new();
        let opening = poll_times(polls, open(&config, URI, ours));
        // Or for so long that it will not be polled again.
        let opened = timeout(Duration::from_secs(1), opening).await;
        assert!(matches!(opened, Ok(None) | Err(_)), "{polls}");
        server.await.unwrap();
    }
}

/// The names of public calls that can wait.
pub(crate) fn public(source: &str) -> Vec<&str> {
    let source = source.split("mod secured").next().unwrap();
    let lines: Vec<_> = source.lines().collect();
    let mut names = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let line = line.trim_start();
        let is_async = line.strip_prefix("pub async fn ");
        let may_be = line.strip_prefix("pub fn ").filter(|_| {
            let head = lines[number..]
                .iter()
                .take_while(|line| !line.ends_with('{'));
            let head: String = head.chain(lines.get(number)).copied().collect();
            let rest = &lines[number..lines.len().min(number + 5)].concat();
            head.contains("impl Future") || rest.split('{').next().unwrap().contains("impl Future")
        });
        if let Some(name) = is_async.or(may_be) {
            names.push(name.split(['(', '<']).next().unwrap());
        }
    }
    names
}

// row: STA-04, STA-05
#[test]
fn every_call_is_in_one_of_the_tables() {
    let tables = format!("{RECEIVES:?}{SENDS:?}")
        .replace("SinkSend", "")
        .replace("SinkClose", "");
    let mut count = 0;
    for (file, source, least) in [
        ("reader.rs", include_str!("../../src/tokio/reader.rs"), 5),
        ("writer.rs", include_str!("../../src/tokio/writer.rs"), 8),
        (
            "websocket.rs",
            include_str!("../../src/tokio/websocket.rs"),
            8,
        ),
    ] {
        let calls = public(source);
        assert!(calls.len() >= least, "{file}: {calls:?}");
        count += calls.len();
        for call in calls {
            let row: String = call
                .split('_')
                .map(|word| word[..1].to_uppercase() + &word[1..])
                .collect();
            assert!(tables.contains(&row), "{file}: {call} is in no table");
        }
    }
    // Opening has a test of its own.
    let opening = public(include_str!("../../src/tokio/connect.rs"));
    assert_eq!(opening, ["connect", "connect_with", "open"]);
    println!("{} calls", count + opening.len());
}
