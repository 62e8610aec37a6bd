//! The client's side of a cell.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use bare_ws_std::Usage;
use bare_ws_std::bare_ws::header::FrameHeader;
use bare_ws_std::bare_ws::opcode::Opcode;
use bare_ws_std::{
    CloseCode, Config, Error, KeepAlive, MessageKind, Reader, Stream, Timeout, TlsError, WebSocket,
    Writer,
};

use crate::axes::{CLOSE, Cell, Deadline, Expect, LATER, LIMIT, Outcome, PATIENCE, Peer, Row, Use};
use crate::peer::{LONG, Stalls};

/// More than the system takes at once, long after it was full: a retransmission makes some room.
const TRANSMIT: usize = 64 * 1024;

/// More than the peer takes while a cell lasts, if it takes as little as a dripping one does.
const LONG_MESSAGE: usize = 2 << 20;

pub(crate) fn outcome<T>(result: Result<T, Error>) -> Outcome {
    match result {
        Ok(_) => Outcome::Done,
        Err(Error::Timeout(timeout)) => Outcome::Timeout(timeout),
        Err(Error::Aborted) => Outcome::Aborted,
        Err(
            Error::Io(_)
            | Error::Lost
            | Error::LostInHandshake { .. }
            | Error::Tls(TlsError::Truncated | TlsError::CutInHandshake),
        ) => Outcome::Lost,
        Err(Error::Handshake(_) | Error::HeadTooLarge { .. } | Error::Tls(_)) => Outcome::Handshake,
        Err(Error::Usage(Usage::NotOpen)) => Outcome::NotOpen,
        Err(error) => Outcome::Other(format!("{error:?}")),
    }
}

/// Only the limit under test is short.
pub(crate) fn config(deadline: Deadline) -> Config {
    let config = Config::new()
        .connect_timeout(LONG)
        .handshake_timeout(LONG)
        .close_timeout(CLOSE)
        .transmit_buffer(TRANSMIT);
    match deadline {
        Deadline::Connect => config.connect_timeout(LIMIT),
        Deadline::Handshake => config.handshake_timeout(LIMIT),
        Deadline::Silence => config.silence_timeout(LIMIT),
        Deadline::Stall => config.stall_timeout(LIMIT),
        Deadline::KeepAlive => config.keepalive(KeepAlive {
            interval: LIMIT / 2,
            dead_after: LIMIT,
        }),
        Deadline::Close => config.close_timeout(LIMIT),
        Deadline::Call => config,
    }
}

/// Watches a call, which must end as it is expected to.
pub(crate) struct Watch {
    stalls: Stalls,
    before: Duration,
}

impl Watch {
    pub(crate) fn begin() -> Self {
        Self {
            stalls: Stalls::watch(),
            before: Duration::ZERO,
        }
    }

    /// What comes now may take its time, but does not count for the beginning of a limit.
    fn preparing<T>(&mut self, prepare: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let value = prepare();
        self.before += began.elapsed();
        value
    }

    pub(crate) fn ended(self, outcome: &Outcome, expected: &Expect) {
        match expected {
            Expect::GoesOn => {
                assert_eq!(*outcome, Outcome::Aborted);
                self.stalls.took(PATIENCE, PATIENCE + self.before);
            }
            Expect::Ends { least, most, how } => {
                assert!(how.contains(outcome), "{outcome:?}, not one of {how:?}");
                self.stalls.took(*least, *most + self.before);
            }
        }
    }
}

/// Does on an open connection what the cell says.
pub(crate) fn act<S: Stream + Send + Sync + 'static>(
    cell: Cell,
    expected: &Expect,
    socket: WebSocket<S>,
) {
    let stop = socket.abort_handle();
    if cell.peer == Peer::Resets {
        // Something that it leaves unread.
        let _ = socket.writer.ping(b"unread");
    }
    if cell.row == Row::Drop {
        return drops(cell, expected, socket);
    }
    let mut watch = Watch::begin();
    if needs_full_buffers(cell) {
        watch.preparing(|| fill(&socket.writer));
    }
    let (over, ends) = mpsc::channel::<()>();
    let aborter = matches!(expected, Expect::GoesOn).then(|| {
        let stop = stop.clone();
        thread::spawn(move || {
            let _ = ends.recv_timeout(PATIENCE);
            stop.abort();
        })
    });
    let (outcome, beside) = match cell.used {
        Use::Undivided => (undivided(cell, socket), None),
        Use::Split => {
            let (mut reader, writer) = socket.split();
            (call(cell, &mut reader, &writer), None)
        }
        Use::Beside => {
            let (reader, writer) = socket.split();
            let (outcome, beside) = beside(cell, reader, &writer);
            (outcome, Some(beside))
        }
    };
    drop(over);
    watch.ended(&outcome, expected);
    let is_over = matches!(
        outcome,
        Outcome::Timeout(timeout) if timeout != Timeout::Call
    );
    if let Some(aborter) = aborter {
        aborter.join().unwrap();
    } else if !is_over {
        // Whoever waits beside it may go on for ever.
        stop.abort();
    }
    if let Some(beside) = beside {
        let other = beside.join().unwrap();
        if is_over {
            // For the same reason, unless it was done before.
            assert!(
                other == outcome || matches!(other, Outcome::Done | Outcome::NotOpen),
                "the other thread: {other:?}, this one: {outcome:?}"
            );
        }
    }
}

/// Whether the call is to find no room.
fn needs_full_buffers(cell: Cell) -> bool {
    let sends = !cell.receives() && cell.row != Row::Drop;
    let behind = cell.row == Row::Close && cell.used == Use::Beside;
    sends && !cell.is_long() && !behind && (cell.is_blocked() || cell.peer == Peer::Resets)
}

/// Until nothing more is taken.
fn fill<S: Stream>(writer: &Writer<S>) {
    let message = [b'f'; 2000];
    let mut full = 0;
    // A receiver's delayed acknowledgement of 40 ms makes room once more.
    while full < 16 {
        let Ok(queued) = writer.queue(message.as_slice()) else {
            return;
        };
        if queued {
            full = 0;
            continue;
        }
        match writer.try_flush() {
            Ok(true) => full = 0,
            Ok(false) => {
                full += 1;
                // Real time: the system's buffers take the rest, or do not.
                thread::sleep(Duration::from_millis(5));
            }
            Err(_) => return,
        }
    }
    // And what we hold ourselves, of which some room of the system's is not enough for all.
    while writer
        .queue([b'f'; 50].as_slice())
        .is_ok_and(|queued| queued)
    {}
}

fn undivided<S: Stream>(cell: Cell, mut socket: WebSocket<S>) -> Outcome {
    if cell.row == Row::Finish {
        return outcome(socket.finish(Some(CloseCode::NORMAL), ""));
    }
    call(cell, &mut socket.reader, &socket.writer)
}

/// The call, and another in a thread beside it.
fn beside<S: Stream + Send + Sync + 'static>(
    cell: Cell,
    mut reader: Reader<S>,
    writer: &Writer<S>,
) -> (Outcome, thread::JoinHandle<Outcome>) {
    let other = writer.clone();
    if cell.deadline == Deadline::Close && cell.row != Row::Close {
        let sends = !cell.receives();
        let closing = thread::spawn(move || {
            if sends {
                await_sender(&other, LATER);
            }
            // Real time: the other call waits by then.
            thread::sleep(LATER);
            outcome(other.close(Some(CloseCode::NORMAL), ""))
        });
        return (exchange(cell, &mut reader, writer), closing);
    }
    if cell.receives() || cell.row == Row::Close {
        let message = match cell.peer {
            Peer::Silent | Peer::Ends => vec![b'l'; 16 * 1024],
            _ => long(),
        };
        let sending = thread::spawn(move || outcome(other.send(message.as_slice())));
        if cell.row == Row::Close {
            await_sender(writer, LATER);
        }
        return (exchange(cell, &mut reader, writer), sending);
    }
    let receiving = thread::spawn(move || receive_all(&mut reader));
    // The other may see the end first, and tells it.
    let ended = send(cell, writer);
    (ended, receiving)
}

/// Until another thread is in the midst of a message; one that was done at once is not seen.
fn await_sender<S: Stream>(writer: &Writer<S>, limit: Duration) {
    let began = Instant::now();
    while began.elapsed() < limit && writer.try_flush().is_ok_and(|flushed| flushed) {
        // Real time: what another thread does is looked at now and then.
        thread::sleep(Duration::from_millis(1));
    }
}

fn receive_all<S: Stream>(reader: &mut Reader<S>) -> Outcome {
    loop {
        match reader.recv_chunk() {
            Ok(Some(_)) => {}
            ended => return outcome(ended),
        }
    }
}

/// The call, alone.
fn call<S: Stream>(cell: Cell, reader: &mut Reader<S>, writer: &Writer<S>) -> Outcome {
    if cell.receives() && cell.deadline == Deadline::Close {
        // What is closed already by the peer's end is no error of the call's.
        let _ = writer.close(Some(CloseCode::NORMAL), "");
    }
    exchange(cell, reader, writer)
}

fn exchange<S: Stream>(cell: Cell, reader: &mut Reader<S>, writer: &Writer<S>) -> Outcome {
    // A flood is received until something ends it.
    let mut delivered = 0;
    let ended = loop {
        let more = match cell.row {
            Row::Recv => reader.recv().map(|more| more.is_some()),
            Row::RecvTimeout if cell.deadline == Deadline::Call => {
                break reader.recv_timeout(LIMIT).map(|more| {
                    delivered += usize::from(more.is_some());
                });
            }
            Row::RecvTimeout => reader.recv_timeout(LONG).map(|more| more.is_some()),
            Row::RecvChunk => reader.recv_chunk().map(|more| more.is_some()),
            Row::RecvFrame => reader.recv_frame().map(|more| more.is_some()),
            Row::ReaderFinish => return outcome(reader.finish()),
            _ => return send(cell, writer),
        };
        match more {
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

fn long() -> Vec<u8> {
    vec![b'l'; LONG_MESSAGE]
}

fn send<S: Stream>(cell: Cell, writer: &Writer<S>) -> Outcome {
    let payload = if cell.is_long() {
        long()
    } else {
        vec![b's'; 100]
    };
    outcome(match cell.row {
        Row::Send => writer.send(payload.as_slice()),
        Row::SendUncompressed => writer.send_uncompressed(payload.as_slice()),
        Row::SendFragment => writer.send_fragment(MessageKind::Binary, &payload, false),
        Row::SendFrame => {
            let header = FrameHeader::new(Opcode::Binary, true, payload.len() as u64);
            writer.send_frame(header, &payload)
        }
        Row::Ping => writer.ping(&payload),
        Row::Pong => writer.pong(&payload),
        Row::Flush => {
            let queued = writer.queue(payload.as_slice());
            queued.and_then(|_| writer.flush())
        }
        Row::Close => writer.close(Some(CloseCode::NORMAL), ""),
        row => panic!("{row:?} does not send"),
    })
}

/// A drop never waits, whatever is left to do.
fn drops<S: Stream + Send + Sync + 'static>(cell: Cell, expected: &Expect, socket: WebSocket<S>) {
    if cell.is_blocked() && cell.deadline == Deadline::Stall {
        fill(&socket.writer);
    }
    if cell.deadline == Deadline::Close {
        let _ = socket.writer.close(Some(CloseCode::NORMAL), "");
    }
    if cell.used == Use::Undivided {
        let watch = Watch::begin();
        drop(socket);
        return watch.ended(&Outcome::Done, expected);
    }
    let (reader, writer) = socket.split();
    let first = (cell.used == Use::Beside).then(|| writer.clone());
    let watch = Watch::begin();
    drop(first);
    drop(reader);
    drop(writer);
    watch.ended(&Outcome::Done, expected);
}
