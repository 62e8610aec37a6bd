//! The table of deadlines in virtual time: every call that can wait, by every limit and every kind of
//! peer, alone and beside another task, and with each future dropped at each poll. What must come of
//! a cell is what must come of it for threads.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use bare_ws_std::bare_ws::error::Usage;
use bare_ws_std::bare_ws::header::FrameHeader;
use bare_ws_std::bare_ws::opcode::Opcode;
use bare_ws_std::tokio::{Reader, Writer, open};
use bare_ws_std::{CloseCode, Config, Error, KeepAlive, MessageKind, OwnedMessage};
use futures_util::{FutureExt as _, SinkExt, StreamExt};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep, timeout};

use crate::axes::{
    CLOSE, Cell, DRIP, Deadline, Expect, LATER, LIMIT, Outcome, PATIENCE, Peer, Row, Use, Wire,
};
use crate::server::{Server, frame};

const URI: &str = "ws://localhost/";
const LONG: Duration = Duration::from_secs(60);
/// What is on the way at the most.
const ROOM: usize = 4096;
/// How late the clock of the runtime is, which counts milliseconds.
const LATE: Duration = Duration::from_millis(3);

/// When a call that was dropped is made anew, if nothing has woken its task before.
const WAVE: Duration = Duration::from_millis(10);
/// How often a call may be made anew: more often, and it wakes itself.
const CALLS: usize = 5000;

/// What becomes of the future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Whole,
    /// It is dropped at each poll, and the call made anew at the next.
    Dropped,
}

async fn made<T>(manner: Manner, mut call: impl AsyncFnMut() -> T) -> T {
    if manner == Manner::Whole {
        return call().await;
    }
    let mut pause = pin!(sleep(WAVE));
    let mut calls = 0;
    poll_fn(|cx| {
        calls += 1;
        assert!(calls < CALLS, "made anew again and again");
        let polled = pin!(call()).poll(cx);
        // What was dropped owes nobody a wake.
        if polled.is_pending() && pause.as_mut().poll(cx).is_ready() {
            pause.as_mut().reset(Instant::now() + WAVE);
            let _ = pause.as_mut().poll(cx);
        }
        polled
    })
    .await
}

/// Whether a row is there in tokio, and by what else it is called.
fn calls(row: Row) -> &'static [&'static str] {
    match row {
        // A future is dropped instead; TCP and TLS are the runtime's.
        Row::Dial | Row::Connect | Row::TlsConnect | Row::RecvTimeout | Row::Drop => &[],
        Row::Open => &["open"],
        Row::Recv => &["recv", "recv_owned", "next"],
        Row::RecvChunk => &["recv_chunk"],
        Row::RecvFrame => &["recv_frame"],
        Row::ReaderFinish => &["reader.finish"],
        Row::Send => &["send", "sink.send"],
        Row::SendUncompressed => &["send_uncompressed"],
        Row::SendFragment => &["send_fragment"],
        Row::SendFrame => &["send_frame"],
        Row::Ping => &["ping"],
        Row::Pong => &["pong"],
        Row::Flush => &["flush", "sink.flush"],
        Row::Close => &["close", "sink.close"],
        Row::Finish => &["finish"],
    }
}

// row: STA-02, STA-07
#[test]
fn every_call_ends_when_and_how_it_must_by_the_clock_of_the_runtime() {
    let (mut total, mut without) = (0, 0);
    let mut failures = Vec::new();
    for cell in Cell::all() {
        // A stream in memory is not reset, and what a split changes is nothing here.
        let applies = cell.wire == Wire::Tcp
            && cell.peer != Peer::Resets
            && cell.used != Use::Split
            && cell.deadline != Deadline::Call
            && cell.deadline != Deadline::Connect;
        let Ok(expected) = cell.expected() else {
            without += calls(cell.row).len();
            continue;
        };
        for call in calls(cell.row) {
            if !applies {
                without += 1;
                continue;
            }
            for manner in [Manner::Whole, Manner::Dropped] {
                if manner == Manner::Dropped && cell.row == Row::Open {
                    // Dropped, the handshake is lost and the stream of no more use.
                    without += 1;
                    continue;
                }
                total += 1;
                let ran = std::panic::catch_unwind(|| run(cell, call, manner, &expected));
                if let Err(panic) = ran {
                    let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                    failures.push(format!("{call}, {manner:?}, {cell:?}: {text}"));
                }
            }
        }
    }
    let all = total + without;
    println!("{total} cells, {without} reasons, {all} in all");
    assert!(total > 1000, "{total}");
    assert!(
        failures.is_empty(),
        "{} of {total} cells:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

fn run(cell: Cell, call: &'static str, manner: Manner, expected: &Expect) {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let ended = runtime.block_on(async {
        timeout(LONG, async {
            if cell.row == Row::Open {
                opening(cell).await
            } else {
                opened(cell, call, manner, expected).await
            }
        })
        .await
    });
    let (outcome, took) = ended.expect("it does not end");
    // A Close is short enough to find room where a Ping did not: it overtakes one that waits for it.
    let is_overtaken = matches!(cell.row, Row::Ping | Row::Pong)
        && (cell.deadline, cell.used) == (Deadline::Close, Use::Beside)
        && outcome == Outcome::NotOpen;
    // Of a long message a part may have been queued when the call was dropped.
    let is_interrupted = manner == Manner::Dropped
        && cell.is_long()
        && outcome == Outcome::Other("Usage(InterruptedMessage)".into());
    // Of one that was dropped the Close is queued, and the connection ends by its deadline.
    let is_closed = manner == Manner::Dropped
        && cell.row == Row::Close
        && (cell.used, outcome.clone()) == (Use::Undivided, Outcome::NotOpen);
    let late = match manner {
        Manner::Whole => LATE,
        Manner::Dropped => LATE + WAVE,
    };
    match expected {
        _ if is_interrupted => {}
        _ if is_closed => assert!(took <= WAVE + LATE, "{took:?}"),
        _ if is_overtaken => assert!(took >= LATER && took <= LATER + LATE, "{took:?}"),
        Expect::GoesOn => {
            assert_eq!(outcome, Outcome::Aborted);
            assert!(took >= PATIENCE && took <= PATIENCE + late, "{took:?}");
        }
        Expect::Ends { least, most, how } => {
            assert!(how.contains(&outcome), "{outcome:?}, not one of {how:?}");
            assert!(
                took >= *least && took <= *most + late,
                "{outcome:?} after {took:?}"
            );
        }
    }
}

fn outcome<T>(result: Result<T, Error>) -> Outcome {
    match result {
        Ok(_) => Outcome::Done,
        Err(Error::Timeout(timeout)) => Outcome::Timeout(timeout),
        Err(Error::Aborted) => Outcome::Aborted,
        Err(Error::Io(_) | Error::Lost | Error::LostInHandshake { .. }) => Outcome::Lost,
        Err(Error::Handshake(_) | Error::HeadTooLarge { .. }) => Outcome::Handshake,
        Err(Error::Usage(Usage::NotOpen)) => Outcome::NotOpen,
        Err(error) => Outcome::Other(format!("{error:?}")),
    }
}

fn config(deadline: Deadline) -> Config {
    let config = Config::new().handshake_timeout(LONG).close_timeout(CLOSE);
    match deadline {
        Deadline::Handshake => config.handshake_timeout(LIMIT),
        Deadline::Silence => config.silence_timeout(LIMIT),
        Deadline::Stall => config.stall_timeout(LIMIT),
        Deadline::KeepAlive => config.keepalive(KeepAlive {
            interval: LIMIT / 2,
            dead_after: LIMIT,
        }),
        Deadline::Close => config.close_timeout(LIMIT),
        Deadline::Connect | Deadline::Call => config,
    }
}

async fn opening(cell: Cell) -> (Outcome, Duration) {
    let (ours, theirs) = duplex(ROOM);
    tokio::spawn(misbehave(cell.peer, theirs));
    let began = Instant::now();
    let opened = open(&config(cell.deadline), URI, ours).await;
    (outcome(opened), began.elapsed())
}

async fn misbehave(peer: Peer, io: DuplexStream) {
    match peer {
        Peer::FloodsData => {
            flood(
                io,
                &b"X-Data: dddddddddd\r\n".repeat(2000),
                b"HTTP/1.1 101 x\r\n",
            )
            .await
        }
        Peer::FloodsPings => flood(io, &frame(0x89, &[b'p'; 125]), b"").await,
        Peer::Drips => {
            drip(
                io,
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n",
            )
            .await
        }
        peer => behave(peer, io).await,
    }
}

async fn behave(peer: Peer, mut io: DuplexStream) {
    match peer {
        Peer::Drips => drip(io, &frame(0x02, &[b'x'; 125])).await,
        Peer::FloodsPings => flood(io, &frame(0x89, &[b'p'; 125]).repeat(10), b"").await,
        Peer::FloodsData => flood(io, &frame(0x82, &[b'd'; 1000]), b"").await,
        Peer::ReadsNothing => sleep(LONG).await,
        Peer::Silent | Peer::Ends | Peer::Resets => {
            if peer == Peer::Ends {
                io.shutdown().await.unwrap();
            }
            let mut scratch = [0; 1024];
            while io.read(&mut scratch).await.is_ok_and(|n| n > 0) {}
            sleep(LONG).await;
        }
    }
}

/// Never pauses for as long as any limit, and lets time go by.
async fn flood(mut io: DuplexStream, octets: &[u8], first: &[u8]) {
    let _ = io.write_all(first).await;
    while io.write_all(octets).await.is_ok() {
        sleep(Duration::from_millis(1)).await;
    }
}

async fn drip(mut io: DuplexStream, octets: &[u8]) {
    let mut scratch = [0; 1024];
    for octet in octets {
        let _ = io.write_all(&[*octet]).await;
        let _ = io.read(&mut scratch).now_or_never();
        sleep(DRIP).await;
    }
    sleep(LONG).await;
}

async fn opened(
    cell: Cell,
    call: &'static str,
    manner: Manner,
    expected: &Expect,
) -> (Outcome, Duration) {
    let (ours, theirs) = duplex(ROOM);
    let mut server = Server::over(theirs);
    let config = config(cell.deadline);
    let (socket, ()) = tokio::join!(open(&config, URI, ours), server.accept());
    let mut socket = socket.unwrap();
    if needs_full_buffers(cell) {
        fill(&socket.writer).await;
    }
    tokio::spawn(behave(cell.peer, server.io));
    let began = Instant::now();
    if matches!(expected, Expect::GoesOn) {
        let stop = socket.abort_handle();
        tokio::spawn(async move {
            sleep(PATIENCE).await;
            stop.abort();
        });
    }
    if call == "finish" {
        let finished = made(manner, async || {
            let finished = socket.finish(Some(CloseCode::NORMAL), "").await;
            finished.map(drop)
        });
        return (outcome(finished.await), began.elapsed());
    }
    let (mut reader, mut writer) = socket.split();
    if cell.used == Use::Beside {
        let (ended, took, other) = beside(cell, call, manner, reader, writer, began).await;
        if let Outcome::Timeout(_) = ended {
            // The other is told the same, unless it was done before.
            let other = other.await.unwrap();
            assert!(
                other == ended || matches!(other, Outcome::Done | Outcome::NotOpen),
                "the other task: {other:?}, this one: {ended:?}"
            );
        }
        return (ended, took);
    }
    if cell.receives() && cell.deadline == Deadline::Close {
        // What is closed already by the peer's end is no error of the call's.
        let _ = writer.close(Some(CloseCode::NORMAL), "").await;
    }
    let ended = exchange(cell, call, manner, &mut reader, &mut writer).await;
    (ended, began.elapsed())
}

async fn beside(
    cell: Cell,
    call: &'static str,
    manner: Manner,
    mut reader: Reader<DuplexStream>,
    mut writer: Writer<DuplexStream>,
    began: Instant,
) -> (Outcome, Duration, tokio::task::JoinHandle<Outcome>) {
    let other = writer.clone();
    let other = if cell.deadline == Deadline::Close && cell.row != Row::Close {
        tokio::spawn(async move {
            sleep(LATER).await;
            outcome(other.close(Some(CloseCode::NORMAL), "").await)
        })
    } else if cell.receives() || cell.row == Row::Close {
        let len = match cell.peer {
            Peer::Silent | Peer::Ends => 16 * 1024,
            _ => LONG_MESSAGE,
        };
        tokio::spawn(async move { outcome(other.send(vec![b'l'; len]).await) })
    } else {
        let receiving = tokio::spawn(async move {
            loop {
                match reader.recv_chunk().await {
                    Ok(Some(_)) => {}
                    ended => return outcome(ended),
                }
            }
        });
        let ended = send(cell, call, manner, &mut writer).await;
        return (ended, began.elapsed(), receiving);
    };
    if cell.row == Row::Close {
        // The other is in the midst of its message.
        tokio::task::yield_now().await;
    }
    let ended = exchange(cell, call, manner, &mut reader, &mut writer).await;
    (ended, began.elapsed(), other)
}

const LONG_MESSAGE: usize = 2 << 20;

/// Whether the call is to find no room.
fn needs_full_buffers(cell: Cell) -> bool {
    let behind = cell.row == Row::Close && cell.used == Use::Beside;
    !cell.receives() && !cell.is_long() && !behind && cell.is_blocked()
}

/// Until nothing more is taken, and what we hold ourselves.
async fn fill(writer: &Writer<DuplexStream>) {
    for len in [2000, 10, 0] {
        while writer.queue(vec![b'f'; len]).unwrap() {
            let _ = writer.flush().now_or_never();
        }
    }
}

async fn exchange(
    cell: Cell,
    call: &'static str,
    manner: Manner,
    reader: &mut Reader<DuplexStream>,
    writer: &mut Writer<DuplexStream>,
) -> Outcome {
    if !cell.receives() {
        return send(cell, call, manner, writer).await;
    }
    // A flood is received until something ends it.
    let mut delivered = 0;
    let ended = loop {
        if call == "reader.finish" {
            let finished = made(manner, async || reader.finish().await.map(drop));
            return outcome(finished.await);
        }
        let more = made(manner, async || match call {
            "recv" => reader.recv().await.map(|more| more.is_some()),
            "recv_owned" => reader.recv_owned().await.map(|more| more.is_some()),
            "next" => reader.next().await.transpose().map(|more| more.is_some()),
            "recv_chunk" => reader.recv_chunk().await.map(|more| more.is_some()),
            "recv_frame" => reader.recv_frame().await.map(|more| more.is_some()),
            call => panic!("{call} does not receive"),
        });
        match more.await {
            Ok(true) => delivered += 1,
            ended => break ended.map(drop),
        }
    };
    let is_right = cell
        .delivers()
        .is_none_or(|delivers| delivers == (delivered > 0));
    assert!(is_right, "{delivered} were delivered, then {ended:?}");
    outcome(ended)
}

async fn send(
    cell: Cell,
    call: &'static str,
    manner: Manner,
    writer: &mut Writer<DuplexStream>,
) -> Outcome {
    let len = if cell.is_long() { LONG_MESSAGE } else { 100 };
    let payload = vec![b's'; len];
    let owned = || OwnedMessage::from(payload.clone());
    let normal = Some(CloseCode::NORMAL);
    // Behind `&mut` a sink's methods of the same names come first.
    let shared = writer.clone();
    // Of what fits the buffer nothing is left to do but to bring it out, once its call was dropped:
    // made anew, the call would send another one.
    let mut is_queued = false;
    let sent = made(manner, async || {
        let call = match call {
            "close" | "sink.close" => call,
            _ if is_queued && call.starts_with("sink.") => "flush the sink",
            _ if is_queued => "flush what is queued",
            _ => call,
        };
        is_queued = !cell.is_long();
        match call {
            "send" => shared.send(&payload).await,
            "sink.send" => SinkExt::send(writer, owned()).await,
            "send_uncompressed" => writer.send_uncompressed(&payload).await,
            "send_fragment" => {
                let kind = MessageKind::Binary;
                writer.send_fragment(kind, &payload, false).await
            }
            "send_frame" => {
                let header = FrameHeader::new(Opcode::Binary, true, payload.len() as u64);
                writer.send_frame(header, &payload).await
            }
            "ping" => writer.ping(&payload).await,
            "pong" => writer.pong(&payload).await,
            "flush" => match writer.queue(&payload) {
                Ok(_) => writer.flush().await,
                Err(error) => Err(error),
            },
            "sink.flush" => match writer.feed(owned()).await {
                Ok(()) => SinkExt::flush(writer).await,
                Err(error) => Err(error),
            },
            "flush what is queued" => shared.flush().await,
            "flush the sink" => SinkExt::flush(writer).await,
            "close" => shared.close(normal, "").await,
            "sink.close" => SinkExt::close(writer).await,
            call => panic!("{call} does not send"),
        }
    });
    outcome(sent.await)
}

/// Whether the table has each call of the sources.
// row: STA-02
#[test]
fn every_call_has_a_row() {
    let rows: Vec<_> = Row::ALL.iter().flat_map(|row| calls(*row)).collect();
    let mut count = 0;
    for source in [
        include_str!("../../src/tokio/reader.rs"),
        include_str!("../../src/tokio/writer.rs"),
        include_str!("../../src/tokio/websocket.rs"),
        include_str!("../../src/tokio/connect.rs"),
    ] {
        for call in crate::cancel::public(source) {
            count += 1;
            let is_row = rows.iter().any(|row| **row == call);
            // TCP and names: in `connection.rs`, and `by` of the same code.
            assert!(is_row || call.starts_with("connect"), "{call} has no row");
        }
    }
    println!("{count} calls");
    assert!(count > 20, "{count}");
}
