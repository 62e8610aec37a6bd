//! What a connection does in situations that no socket can be brought into at will: over a stream that does exactly what
//! a test says.
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

#[path = "../peer/mod.rs"]
mod peer;
mod stream;

use std::fs;
use std::io;
use std::net::Shutdown;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use bare_ws_std::bare_ws::error::Usage;
use bare_ws_std::{CloseCode, Config, Error, Message, MessageKind, Timeout, WebSocket};
use peer::{LONG, frame};
use stream::{Comes, Scripted, Writes, frames};

const SHORT: Duration = Duration::from_millis(100);

/// What has no deadline but those that a test sets.
fn patient() -> Config {
    Config::new().close_timeout(LONG)
}

fn timeout<T>(result: Result<T, Error>) -> Timeout {
    match result.map(drop) {
        Err(Error::Timeout(timeout)) => timeout,
        other => panic!("{other:?}"),
    }
}

/// From when something is queued that the peer does not take, whoever queued it; and not without that.
// row: STA-02, LIV-12
#[test]
fn a_stall_begins_with_what_is_queued() {
    let config = patient().stall_timeout(SHORT);
    // Its time is over before anybody waits for it.
    let (socket, stream) = Scripted::opened(&config);
    stream.told().writes = Writes::Nothing;
    assert!(socket.writer.queue("queued").unwrap());
    // Real time: that of the stall.
    thread::sleep(SHORT);
    let waits = stream.told().waits;
    assert_eq!(timeout(socket.writer.flush()), Timeout::Stall);
    assert_eq!(stream.told().waits, waits, "nobody waited");
    // A message that is refused is not queued.
    let (mut socket, stream) = Scripted::opened(&config);
    let fragment = socket.writer.send_fragment(MessageKind::Text, b"a", false);
    fragment.unwrap();
    let refused = socket.writer.queue("other");
    assert!(matches!(refused, Err(Error::Usage(_))), "{refused:?}");
    assert_eq!(timeout(socket.recv_timeout(SHORT * 2)), Timeout::Call);
    assert_eq!(frames(&stream.told().written), [(0x01, 1)]);
    // What the stream has taken and does not bring out is not gone, however often that is tried.
    let (mut socket, stream) = Scripted::opened(&config);
    stream.told().writes = Writes::Unflushed;
    assert_eq!(timeout(socket.send("held back")), Timeout::Stall);
}

/// A system does not tell of little room: whether the peer has taken so much is found by trying, before it counts as
/// stalled.
// row: STA-02, LIV-12
#[test]
fn a_write_is_tried_again_within_the_stall_limit() {
    const STALL: Duration = Duration::from_secs(2);
    let (mut socket, stream) = Scripted::opened(&patient().stall_timeout(STALL));
    let shortest = || stream.told().limits.drain(..).flatten().min();
    stream.told().refusals = 2;
    socket.send("text").unwrap();
    assert_eq!(shortest(), Some(STALL / 4));
    stream.told().refusals = 2;
    stream.comes(&frame(0x89, b"ping"));
    stream.told().coming.push_back(Comes::Nothing);
    stream.comes(&frame(0x81, b"text"));
    assert_eq!(socket.recv().unwrap(), Some(Message::Text("text")));
    assert_eq!(shortest(), Some(STALL / 4));
    // Where nothing waits to be taken, nothing has to be tried.
    stream.told().coming.push_back(Comes::Nothing);
    stream.comes(&frame(0x81, b"text"));
    assert_eq!(socket.recv().unwrap(), Some(Message::Text("text")));
    assert_eq!(shortest(), None);
    assert!(stream.told().waits > 2);
}

/// Where the transmit buffer has no room for a Close, it leaves behind what is in there.
// row: CLS-06, CLS-07
#[test]
fn a_close_that_finds_no_room_follows_what_is_queued() {
    // The answer, behind a Pong that fills the buffer until the peer's Close has come.
    let (mut socket, stream) = Scripted::opened(&patient().transmit_buffer(131));
    let takes_again = stream.clone();
    let takes_again = move || takes_again.told().writes = Writes::All;
    {
        let mut told = stream.told();
        told.writes = Writes::Nothing;
        told.coming.extend([
            Comes::Octets(frame(0x89, &[7; 125])),
            Comes::Meanwhile(Box::new(takes_again)),
            Comes::Octets(frame(0x88, &1001_u16.to_be_bytes())),
        ]);
    }
    assert_eq!(socket.recv().unwrap(), None);
    assert_eq!(frames(&stream.told().written), [(0x8a, 125), (0x88, 2)]);
    // And one of ours.
    let (mut socket, stream) = Scripted::opened(&patient().transmit_buffer(131));
    assert!(socket.writer.queue("x".repeat(117)).unwrap());
    socket.close(CloseCode::NORMAL, &"r".repeat(100)).unwrap();
    assert_eq!(frames(&stream.told().written), [(0x81, 117), (0x88, 102)]);
}

/// An end that an abort has made is told as that, not as the peer's.
// row: STA-07, CLS-17
#[test]
fn an_abort_while_the_stream_is_read_is_told_by_its_name() {
    let (mut socket, stream) = Scripted::opened(&patient());
    let handle = socket.abort_handle();
    stream.told().coming.extend([
        Comes::Meanwhile(Box::new(move || handle.abort())),
        Comes::End,
    ]);
    let received = socket.recv().map(drop);
    assert!(matches!(received, Err(Error::Aborted)), "{received:?}");
}

/// Our direction ends as soon as the Close that says why is out, whether anybody finishes or not.
// row: CLS-14, CLS-17
#[test]
fn our_direction_ends_behind_the_close_of_a_failure() {
    for refusals in 0..6 {
        let (mut socket, stream) = Scripted::opened(&patient());
        stream.comes(&[0x83, 0]);
        stream.told().refusals = refusals;
        let received = socket.recv().map(drop);
        assert!(matches!(received, Err(Error::Peer(_))), "{received:?}");
        let told = stream.told();
        let is_out = frames(&told.written) == [(0x88, 2)];
        assert!(is_out || told.written.is_empty());
        assert_eq!(told.shut == [Shutdown::Write], is_out, "{refusals}");
        // It is tried more than once.
        assert!(is_out || refusals > 1, "{refusals}");
    }
}

/// To close where the stream takes nothing any more ends our direction, which says as much, and receiving goes on.
// row: CLS-07, CLS-17
#[test]
fn to_close_where_nothing_can_be_sent_ends_our_direction() {
    let (mut socket, stream) = Scripted::opened(&patient());
    stream.told().writes = Writes::Fails;
    let sent = socket.send("lost");
    assert!(matches!(sent, Err(Error::Io(_))), "{sent:?}");
    // What must not be sent is refused all the same, and changes nothing.
    for (code, reason) in [(Some(CloseCode::NO_STATUS), ""), (None, "why")] {
        let refused = socket.close(code, reason);
        assert!(matches!(refused, Err(Error::Usage(_))), "{refused:?}");
    }
    assert_eq!(stream.told().shut, []);
    socket.close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(stream.told().shut, [Shutdown::Write]);
    stream.comes(&frame(0x81, b"on its way"));
    stream.comes(&frame(0x88, &1000_u16.to_be_bytes()));
    assert_eq!(socket.recv().unwrap(), Some(Message::Text("on its way")));
    assert_eq!(socket.recv().unwrap(), None);
    let again = socket.close(CloseCode::NORMAL, "");
    assert!(
        matches!(again, Err(Error::Io(_) | Error::Usage(Usage::NotOpen))),
        "{again:?}"
    );
}

/// A thread that wakes long after the limit of its call receives what has come meanwhile.
// row: LIV-05
#[test]
fn a_call_that_wakes_late_receives_what_has_come() {
    let has_waited = (0..20).any(|_| {
        let (mut socket, stream) = Scripted::opened(&patient());
        {
            let mut told = stream.told();
            told.waits = 0;
            told.oversleeps = SHORT * 2;
            told.coming.push_back(Comes::Nothing);
            told.coming
                .push_back(Comes::Octets(frame(0x81, b"in time")));
        }
        let received = socket.recv_timeout(SHORT / 10);
        // On a machine that stops, the time of the call may be over before it waits: it is given another try.
        let has_waited = stream.told().waits > 0;
        if has_waited {
            assert_eq!(received.unwrap(), Some(Message::Text("in time")));
        }
        has_waited
    });
    assert!(has_waited);
}

/// And reads on for a moment, a message of several reads.
// row: LIV-05
#[test]
fn a_limit_that_has_passed_leaves_time_for_a_message_of_several_reads() {
    const READS: usize = 5;
    let (mut socket, stream) = Scripted::opened(&patient());
    // A machine that pauses for 50 ms between two reads is given another try.
    let is_there = (0..20).any(|_| {
        for part in frame(0x82, &[7; 100]).chunks(102 / READS) {
            stream.comes(part);
        }
        let received = socket.recv_timeout(Duration::ZERO).is_ok();
        while stream
            .told()
            .coming
            .iter()
            .any(|it| matches!(it, Comes::Octets(_)))
        {
            let _ = socket.recv_timeout(SHORT);
        }
        received
    });
    assert!(is_there);
}

/// While there is a limit on silence, each octet counts from when it came, wait or no wait.
// row: LIV-30, STA-02
#[test]
fn silence_counts_from_the_last_octet_where_many_reads_do_not_wait() {
    let (mut socket, stream) = Scripted::opened(&patient().silence_timeout(LONG));
    stream.told().read_takes = SHORT / 20;
    // They begin after a wait, and are of one message, so that one call reads them, each as much as it has room for.
    stream.told().coming.push_back(Comes::Nothing);
    stream.comes(&frame(0x82, &[7; 60_000]));
    assert!(socket.recv().unwrap().is_some());
    let last_read = stream.told().last_read.unwrap();
    assert!(socket.last_heard() >= last_read);
}

/// What a stream says of itself is what its owner gets, where it can be told apart from what others say: by its type.
#[derive(Debug)]
struct Own;

impl std::fmt::Display for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a matter of the stream's")
    }
}

impl std::error::Error for Own {}

// row: CLS-15, LIV-31
#[test]
fn to_finish_tells_an_error_of_the_stream_as_it_is() {
    type Begins = fn(&mut WebSocket<Scripted>);
    let levels: [Begins; 3] = [
        |_| {},
        |socket| assert_eq!(timeout(socket.recv_timeout(Duration::ZERO)), Timeout::Call),
        |socket| assert!(socket.recv_frame().unwrap().is_some()),
    ];
    for (level, begins) in levels.into_iter().enumerate() {
        let (mut socket, stream) = Scripted::opened(&patient());
        stream.comes(&frame(0x01, b"the first fragment"));
        begins(&mut socket);
        let error = io::Error::other(Own);
        stream.told().coming.push_back(Comes::Error(error));
        match socket.reader.finish().map(drop) {
            Err(Error::Io(error)) => {
                let own = error.get_ref().is_some_and(|own| own.is::<Own>());
                assert!(own, "{level}: {error:?}");
            }
            other => panic!("{level}: {other:?}"),
        }
    }
}

/// A limit that is taken away from an open connection ends nothing any more.
// row: STA-03, LIV-28
#[test]
fn a_limit_that_is_taken_away_ends_nothing() {
    type Act = fn(&mut WebSocket<Scripted>);
    let table: [(Config, Act, Act); 3] = [
        (
            patient().silence_timeout(SHORT),
            |socket| socket.writer.set_silence_timeout(None),
            // The peer's end comes, and no Close before it.
            |socket| assert!(matches!(socket.recv(), Err(Error::Lost))),
        ),
        (
            patient().stall_timeout(SHORT),
            |socket| socket.writer.set_stall_timeout(None),
            |socket| socket.send("taken late").unwrap(),
        ),
        (
            Config::new().close_timeout(SHORT),
            |socket| socket.writer.set_close_timeout(None),
            |socket| assert!(matches!(socket.finish(None, ""), Err(Error::Lost))),
        ),
    ];
    for (config, takes_away, act) in table {
        let (mut socket, stream) = Scripted::opened(&config);
        takes_away(&mut socket);
        {
            let mut told = stream.told();
            told.writes = Writes::Nothing;
            told.relents = Some(Instant::now() + SHORT * 3);
        }
        act(&mut socket);
        assert_eq!(stream.told().relents, None, "it was waited for");
    }
}

/// A transport that fails behind the head of a refusal has no more of its body: nobody waits for it.
// row: RSP-02
#[test]
fn a_refusal_whose_body_is_cut_off_is_told_at_once() {
    let stream = Scripted::default();
    {
        let mut told = stream.told();
        told.refuses = "HTTP/1.1 403 no\r\nContent-Length: 9\r\n\r\nha";
        let error = io::ErrorKind::ConnectionReset.into();
        told.coming.push_back(Comes::Error(error));
    }
    match patient().open("ws://localhost/", stream.clone()) {
        Err(Error::Rejected(response)) => {
            assert_eq!((response.status(), response.body()), (403, &b"ha"[..]));
        }
        other => panic!("{other:?}"),
    }
    // A second of waiting is more.
    assert!(stream.told().waits < 10, "{}", stream.told().waits);
}

/// A stream that takes all at once never makes a sender wait, be it for one long message or for many short ones: another
/// thread comes in between all the same.
// row: LIV-05
#[test]
fn a_call_of_another_thread_comes_between_the_writes_of_a_send() {
    const LONG: usize = 131 * 1000;
    const MANY: usize = 3000;
    // One may be lucky.
    const CALLS: usize = 30;
    for is_long in [true, false] {
        let (socket, stream) = Scripted::opened(&patient().transmit_buffer(131));
        let (_reader, writer) = socket.split();
        let (calls, returned) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let (begin, begins) = mpsc::channel();
        let begin = Mutex::new(Some(begin));
        let (seen_calls, seen_returned) = (Arc::clone(&calls), Arc::clone(&returned));
        stream.told().at_write = Some(Arc::new(move || {
            if let Some(begin) = begin.lock().unwrap().take() {
                begin.send(()).unwrap();
                while !seen_calls.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
            }
            if !seen_returned.load(Ordering::SeqCst) {
                // Real time: by then, or by one of the next, the other thread waits.
                thread::sleep(Duration::from_millis(1));
            }
        }));
        let other = writer.clone();
        let written = stream.clone();
        let calling = thread::spawn(move || {
            begins.recv().unwrap();
            calls.store(true, Ordering::SeqCst);
            for _ in 0..CALLS {
                assert!(other.is_open());
            }
            returned.store(true, Ordering::SeqCst);
            written.told().written.len()
        });
        if is_long {
            writer.send([7; LONG].as_slice()).unwrap();
        } else {
            for _ in 0..MANY {
                writer.send("short").unwrap();
            }
        }
        let all = stream.told().written.len();
        let before = calling.join().unwrap();
        assert!(before < all, "long: {is_long}: {before} of {all}");
    }
}

/// And where it waits already, before the next message.
// row: LIV-05
#[test]
fn a_call_that_waits_comes_before_the_next_message() {
    // A thread may be lucky.
    for round in 0..20 {
        let (socket, stream) = Scripted::opened(&patient());
        let (_reader, writer) = socket.split();
        let (begin, begins) = mpsc::channel();
        let (begun, is_begun) = mpsc::channel();
        let (returned, has_returned) = mpsc::channel();
        let other = writer.clone();
        let calling = thread::spawn(move || {
            begins.recv().unwrap();
            begun.send(own_thread()).unwrap();
            assert!(other.is_open());
            let _ = returned.send(());
        });
        let signals = Mutex::new((Some(begin), is_begun, Some(has_returned)));
        let came_first = Arc::<AtomicBool>::default();
        let comes_first = Arc::clone(&came_first);
        stream.told().at_write = Some(Arc::new(move || {
            let (begin, is_begun, has_returned) = &mut *signals.lock().unwrap();
            if let Some(begin) = begin.take() {
                begin.send(()).unwrap();
                until_asleep(&is_begun.recv().unwrap());
            } else if let Some(has_returned) = has_returned.take() {
                // It needs nothing more of the connection, which this write holds.
                let returned = has_returned.recv_timeout(LONG / 20).is_ok();
                comes_first.store(returned, Ordering::SeqCst);
            }
        }));
        for _ in 0..2 {
            writer.send("short").unwrap();
        }
        calling.join().unwrap();
        assert!(came_first.load(Ordering::SeqCst), "round {round}");
    }
}

/// As the system knows this thread, where it tells.
fn own_thread() -> Option<PathBuf> {
    fs::canonicalize("/proc/thread-self").ok()
}

/// Comes back when that thread waits for something.
fn until_asleep(thread: &Option<PathBuf>) {
    for _ in 0..10_000 {
        // Real time: it looks again.
        thread::sleep(Duration::from_millis(if thread.is_some() { 1 } else { 50 }));
        let Some(thread) = thread else {
            return;
        };
        let stat = fs::read_to_string(thread.join("stat")).unwrap();
        if stat.rsplit(") ").next().unwrap().starts_with('S') {
            return;
        }
    }
    panic!("it does not wait");
}

/// Within a message that comes in large pieces there is no waiting in between: whoever sends it is busy sending.
// row: LIV-15
#[test]
fn a_read_that_gave_much_of_a_message_is_followed_by_another() {
    const BULK: usize = 32 * 1024;
    for (piece, waits) in [
        (BULK - 1, 50..=80),
        // While memory still grows, there is less room.
        (BULK, 0..=12),
        (BULK + 1, 0..=12),
        (2 * BULK, 0..=12),
    ] {
        let (mut socket, stream) = Scripted::opened(&patient());
        let message = frame(0x82, &[7; 64 * BULK]);
        message.chunks(piece).for_each(|piece| stream.comes(piece));
        let before = stream.told().waits;
        let received = socket.recv().unwrap().unwrap();
        assert_eq!(received.len(), 64 * BULK);
        let waited = stream.told().waits - before;
        assert!(waits.contains(&waited), "{waited} for pieces of {piece}");
    }
}
