//! Whatever a peer does in time, every call ends, by when and with what it should.
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

mod peer;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use bare_ws_std::bare_ws::error::{Usage, Violation};
use bare_ws_std::{
    CloseCode, Config, Error, KeepAlive, Message, Reader, SettingError, Timeout, WebSocket, Writer,
};
use peer::{Conn, LONG, Stalls, frame, serve};

const LIMIT: Duration = Duration::from_millis(300);
const NONE: Duration = Duration::ZERO;
const MIB: usize = 1 << 20;

/// Runs `act` on a thread that is given up after `LONG`: a call that never ends fails its test.
fn ends<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> (T, Stalls) {
    let (done, finished) = mpsc::channel();
    let stalls = Stalls::watch();
    thread::spawn(move || {
        let _ = done.send(act());
    });
    let value = finished
        .recv_timeout(LONG / 2)
        .expect("the call never ends");
    (value, stalls)
}

/// Each of the cells on a thread of its own.
fn all_at_once<C: Send>(cells: impl IntoIterator<Item = C>, run: impl Fn(C) + Sync) {
    let run = &run;
    thread::scope(|scope| {
        for cell in cells {
            scope.spawn(move || run(cell));
        }
    });
}

fn timeout<T>(result: Result<T, Error>) -> Timeout {
    match result {
        Err(Error::Timeout(timeout)) => timeout,
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("no error"),
    }
}

/// A peer that reads nothing and says nothing until `quit`.
fn silent(mut conn: Conn, quit: &mpsc::Receiver<()>) {
    conn.accept();
    let _ = quit.recv_timeout(LONG);
}

fn connect(config: &Config, uri: &str) -> WebSocket {
    config.connect(uri).unwrap()
}

// row: STA-02, STA-07, TRAP-20, LIV-05
#[test]
fn a_close_ends_a_send_that_the_peer_does_not_take() {
    all_at_once([None, Some(LIMIT * 20)], |silence| {
        let (quit, over) = mpsc::channel();
        let peer = serve(move |conn| silent(conn, &over));
        let config = Config::new().close_timeout(LIMIT).silence_timeout(silence);
        let (mut reader, writer) = connect(&config, &peer.uri()).split();
        let (ended, stalls) = ends(move || {
            let sender = writer.clone();
            let sending = thread::spawn(move || sender.send(vec![0; 64 * MIB].as_slice()));
            let receiving = thread::spawn(move || reader.recv().map(drop));
            // Real time: both threads wait in the stream by then.
            thread::sleep(LIMIT / 4);
            let stalls = Stalls::watch();
            assert!(writer.is_open());
            // It waits for nobody.
            stalls.took(NONE, NONE);
            let closed = writer.close(Some(CloseCode::NORMAL), "");
            (closed, sending.join().unwrap(), receiving.join().unwrap())
        });
        assert_eq!(timeout(ended.0), Timeout::Close);
        assert_eq!(timeout(ended.1), Timeout::Close);
        assert_eq!(timeout(ended.2), Timeout::Close);
        stalls.took(LIMIT, LIMIT + LIMIT / 4);
        quit.send(()).unwrap();
        peer.join();
    });
}

/// Whoever waits, and however the connection was divided among threads: split, taken apart, or lent to them.
// row: STA-02, STA-07, LIV-05
#[test]
fn a_close_of_another_thread_limits_what_waits_already() {
    /// What is waited in.
    #[derive(Clone, Copy, Debug)]
    enum Waits {
        Recv,
        Frame,
        Chunk,
        Finish,
        Send,
    }
    fn wait(waits: Waits, reader: &mut Reader, writer: &Writer) -> Result<(), Error> {
        match waits {
            Waits::Recv => reader.recv().map(drop),
            Waits::Frame => reader.recv_frame().map(drop),
            Waits::Chunk => reader.recv_chunk().map(drop),
            Waits::Finish => reader.finish().map(drop),
            Waits::Send => writer.send(vec![0; 64 * MIB].as_slice()),
        }
    }
    /// One thread waits, the other closes.
    fn both(waits: Waits, reader: &mut Reader, writer: &Writer) -> Result<(), Error> {
        thread::scope(|scope| {
            let waiting = scope.spawn(|| wait(waits, reader, writer));
            // Real time: that thread waits in the stream by then.
            thread::sleep(LIMIT / 4);
            let _ = writer.close(CloseCode::NORMAL, "");
            waiting.join().unwrap()
        })
    }
    let divided = [false, true].into_iter();
    let cells = divided.flat_map(|split| {
        let waits = [
            Waits::Recv,
            Waits::Frame,
            Waits::Chunk,
            Waits::Finish,
            Waits::Send,
        ];
        waits.map(move |waits| (split, waits))
    });
    all_at_once(cells, |(split, waits)| {
        let (quit, over) = mpsc::channel();
        let peer = serve(move |conn| silent(conn, &over));
        let socket = connect(&Config::new().close_timeout(LIMIT), &peer.uri());
        let (ended, stalls) = ends(move || {
            if split {
                let (mut reader, writer) = socket.split();
                both(waits, &mut reader, &writer)
            } else {
                let WebSocket {
                    mut reader, writer, ..
                } = socket;
                both(waits, &mut reader, &writer)
            }
        });
        assert_eq!(timeout(ended), Timeout::Close, "{split} {waits:?}");
        stalls.took(LIMIT, LIMIT * 3 / 2);
        quit.send(()).unwrap();
        peer.join();
    });
}

// row: TRAP-09, CTL-03, CTL-05, LIV-10
#[test]
fn an_undivided_connection_reads_on_while_its_pongs_wait() {
    // The Pongs alone fill all buffers on the way.
    const PINGS: usize = 150_000;
    let peer = serve(|mut conn| {
        conn.accept();
        let pings = frame(0x89, &[7; 125]).repeat(1000);
        for _ in 0..PINGS / 1000 {
            conn.send(&pings);
        }
        conn.frame(0x81, b"done");
        let mut pongs = 0;
        while let Some((first, payload)) = conn.read_frame() {
            match first {
                0x8a => assert_eq!(payload, [7; 125]),
                0x88 => break,
                first => panic!("{first:#x}"),
            }
            pongs += 1;
        }
        conn.close(1000, b"");
        pongs
    });
    let mut socket = connect(&Config::new().close_timeout(LONG), &peer.uri());
    let (done, _) = ends(move || {
        assert_eq!(socket.recv().unwrap(), Some(Message::Text("done")));
        socket.finish(Some(CloseCode::NORMAL), "").unwrap();
    });
    let () = done;
    let pongs = peer.join();
    assert!((1..=PINGS).contains(&pongs), "{pongs}");
}

// row: STA-07, TRAP-09, LIV-12
#[test]
fn what_arrived_before_a_send_stalled_is_delivered_and_then_why() {
    /// Longer than a busy machine keeps the peer from answering.
    const STALL: Duration = Duration::from_millis(1500);
    /// Less than a system keeps for us.
    const EARLY: usize = 40_000;
    let (quit, over) = mpsc::channel();
    let peer = serve(move |mut conn| {
        conn.accept();
        // The message is being sent by now.
        assert_eq!(conn.tcp.peek(&mut [0]).unwrap(), 1);
        conn.send(&[frame(0x89, b"ping"), frame(0x81, &[b'x'; EARLY])].concat());
        let _ = over.recv_timeout(LONG);
    });
    let config = Config::new().stall_timeout(STALL).close_timeout(LIMIT);
    let mut socket = connect(&config, &peer.uri());
    let (outcomes, stalls) = ends(move || {
        let sent = socket.send(vec![0; 64 * MIB].as_slice());
        let early = socket.recv().unwrap().unwrap();
        assert!(early.as_bytes() == [b'x'; EARLY]);
        let received = socket.recv().map(drop);
        assert!(!socket.writer.is_open());
        let again = socket.send("more");
        let finished = socket.finish(None, "").map(drop);
        [sent, received, again, finished].map(timeout)
    });
    assert_eq!(outcomes, [Timeout::Stall; 4]);
    stalls.took(STALL, STALL);
    quit.send(()).unwrap();
    peer.join();
}

/// What fails a connection or closes it, by a peer that does not hang up.
fn known_at_once() -> Vec<(&'static str, Vec<u8>, Option<Error>)> {
    let too_long = Error::TooLong {
        needed: 40 << 20,
        limit: 16 << 20,
    };
    let peer = |violation| Some(Error::Peer(violation));
    vec![
        ("a Close", frame(0x88, &[3, 232]), None),
        (
            "a header of 40 MiB",
            vec![0x82, 0x7f, 0, 0, 0, 0, 2, 0x80, 0, 0],
            Some(too_long),
        ),
        (
            "invalid UTF-8",
            frame(0x81, b"a\xff"),
            peer(Violation::InvalidUtf8),
        ),
        (
            "a continuation of nothing, at its first octet",
            vec![0x80],
            peer(Violation::UnexpectedContinuation),
        ),
        (
            "a reserved bit, at its first octet",
            vec![0xc1],
            peer(Violation::ReservedBit),
        ),
    ]
}

// row: CLS-14, CLS-17, SEED-19, LIV-27
#[test]
fn what_is_known_is_said_at_once_and_the_peer_has_its_time_afterwards() {
    let known = || known_at_once().into_iter();
    let cells = [false, true].into_iter();
    let cells = cells.flat_map(|split| known().map(move |known| (split, known)));
    all_at_once(cells, |(split, (name, octets, error))| {
        let peer = serve(move |mut conn| {
            conn.accept();
            conn.send(&octets);
            // It neither reads nor hangs up before the client does.
            // Real time: longer than what is known may take to be told, on a busy machine too.
            thread::sleep(LIMIT * 5);
            let code = conn.read_close();
            (code, conn.sees_end())
        });
        let close = LIMIT * 20;
        let socket = connect(&Config::new().close_timeout(close), &peer.uri());
        let mut reader = if split {
            socket.split().0
        } else {
            socket.reader
        };
        let (outcome, stalls) = ends(move || {
            let stalls = Stalls::watch();
            let outcome = reader.recv().map(|message| assert!(message.is_none()));
            // It is told before the peer had its time.
            stalls.took(NONE, NONE);
            assert_eq!(
                reader.recv().is_err(),
                outcome.is_err(),
                "the same from then on"
            );
            let _ = reader.finish();
            outcome
        });
        stalls.took(NONE, close);
        match (&outcome, &error) {
            (Ok(()), None) => {}
            (Err(seen), Some(wanted)) => {
                assert_eq!(format!("{seen:?}"), format!("{wanted:?}"), "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
        let code = error.map_or(Some(CloseCode::NORMAL), |error| error.close_code());
        let code = code.map(|code| code.0);
        assert_eq!(peer.join(), (code, true), "{name}");
    });
}

// row: CLS-17
#[test]
fn a_drop_does_not_wait_and_resets_no_close_of_ours() {
    let (told, given_up) = mpsc::channel();
    let peer = serve(move |mut conn| {
        conn.accept();
        conn.send(&[0xc1]);
        // More than the client's buffers hold, sent after it has given up.
        given_up.recv_timeout(LONG).unwrap();
        conn.send(&vec![0; 4 * MIB]);
        let code = conn.read_close();
        (code, conn.tcp.read(&mut [0]).unwrap())
    });
    let mut socket = connect(&Config::new(), &peer.uri());
    assert!(socket.recv().is_err());
    let stalls = Stalls::watch();
    drop(socket);
    stalls.took(NONE, NONE);
    told.send(()).unwrap();
    assert_eq!(peer.join(), (Some(1002), 0), "an end, not a reset");
}

// row: CLS-17
#[test]
fn a_close_survives_the_drop_that_follows_it() {
    let (told, given_up) = mpsc::channel();
    let peer = serve(move |mut conn| {
        conn.accept();
        let code = conn.read_close();
        // Sent after the client has given it up, and before our Close.
        given_up.recv_timeout(LONG).unwrap();
        let sent = conn.tcp.write_all(&frame(0x82, &vec![0; 4 * MIB]));
        sent.expect("an end, not a reset");
        conn.close(1000, b"");
        (code, conn.tcp.read(&mut [0]).unwrap())
    });
    let mut socket = connect(&Config::new(), &peer.uri());
    socket.close(Some(CloseCode::NORMAL), "").unwrap();
    drop(socket);
    told.send(()).unwrap();
    assert_eq!(peer.join(), (Some(1000), 0));
}

// row: STA-02, LIV-30
#[test]
fn a_peer_that_is_gone_is_dead_exactly_when_it_should_be() {
    // Whatever is measured begins before the client hears what its clock begins with.
    let peer = serve(|mut conn| {
        let stalls = Stalls::watch();
        conn.accept();
        assert_eq!(conn.read_frame(), Some((0x89, Vec::new())));
        stalls.took(LIMIT, LIMIT);
        // What is no Pong is life all the same.
        let stalls = Stalls::watch();
        conn.frame(0x89, b"you?");
        assert_eq!(conn.read_frame(), Some((0x8a, b"you?".to_vec())));
        assert_eq!(conn.read_close(), Some(1001));
        stalls.took(LIMIT * 3, LIMIT * 3);
    });
    let keepalive = KeepAlive {
        interval: LIMIT,
        dead_after: LIMIT * 3,
    };
    let config = Config::new().keepalive(keepalive).close_timeout(LIMIT);
    let stalls = Stalls::watch();
    let mut socket = connect(&config, &peer.uri());
    let opened = socket.last_heard();
    let ((received, silent_for), _) = ends(move || {
        let received = socket.recv().map(drop);
        (received, socket.last_heard().elapsed())
    });
    stalls.took(LIMIT * 4, LIMIT * 4);
    assert_eq!(timeout(received), Timeout::KeepAlive);
    assert!(
        silent_for >= LIMIT * 3,
        "as last_heard says: {silent_for:?}"
    );
    assert!(opened.elapsed() >= LIMIT * 4);
    peer.join();
}

/// Whoever receives seldom and shortly may look long after the peer was due to be asked: it is asked
/// then, and has its time to answer.
// row: STA-03, LIV-30
#[test]
fn a_peer_that_was_not_asked_is_not_dead() {
    const SHORT: Duration = Duration::from_millis(10);
    let peer = serve(|mut conn| {
        conn.accept();
        assert_eq!(conn.read_frame(), Some((0x89, Vec::new())));
        conn.frame(0x8a, b"");
        assert_eq!(conn.read_frame(), Some((0x89, Vec::new())));
        assert_eq!(conn.read_close(), Some(1001));
    });
    let keepalive = KeepAlive {
        interval: LIMIT / 6,
        dead_after: LIMIT * 2,
    };
    let config = Config::new().keepalive(keepalive).close_timeout(LIMIT);
    let mut socket = connect(&config, &peer.uri());
    let (looks, _) = ends(move || {
        let mut looks = 0;
        loop {
            looks += 1;
            match timeout(socket.recv_timeout(SHORT)) {
                // Real time: longer than the peer may be silent.
                Timeout::Call => thread::sleep(keepalive.dead_after + SHORT),
                ended => return (looks, ended),
            }
        }
    });
    // What it was sent, the peer says. A call that takes long asks by itself.
    assert!(matches!(looks, (3..=5, Timeout::KeepAlive)), "{looks:?}");
    peer.join();
}

// row: STA-03, LIV-28
#[test]
fn a_keepalive_that_cannot_work_is_refused_on_an_open_connection_too() {
    let (quit, over) = mpsc::channel();
    let peer = serve(move |conn| silent(conn, &over));
    let socket = connect(&Config::new(), &peer.uri());
    for (interval, dead_after, works) in [
        (NONE, LIMIT, false),
        (LIMIT, LIMIT, false),
        (LIMIT, LIMIT * 2, true),
    ] {
        let keepalive = KeepAlive {
            interval,
            dead_after,
        };
        let refused = SettingError::KeepAlive {
            interval,
            dead_after,
        };
        assert_eq!(
            socket.writer.set_keepalive(keepalive),
            if works { Ok(()) } else { Err(refused) }
        );
    }
    assert_eq!(socket.writer.set_keepalive(None), Ok(()));
    drop(quit);
    peer.join();
}

// row: STA-07, LIV-05
#[test]
fn what_does_not_wait_does_not_wait_for_another_thread_either() {
    let (quit, over) = mpsc::channel();
    let peer = serve(move |conn| silent(conn, &over));
    let (_reader, writer) = connect(&Config::new(), &peer.uri()).split();
    let (sent, _) = ends(move || {
        let sender = writer.clone();
        let sending = thread::spawn(move || sender.send(vec![0; 64 * MIB].as_slice()));
        // Until the other thread is in the midst of it.
        while writer.try_flush().unwrap() {
            thread::yield_now();
        }
        let stalls = Stalls::watch();
        assert!(!writer.queue("behind it").unwrap());
        assert!(!writer.try_flush().unwrap());
        assert!(writer.is_open());
        stalls.took(NONE, NONE);
        writer.abort_handle().abort();
        sending.join().unwrap()
    });
    assert!(matches!(sent, Err(Error::Aborted)), "{sent:?}");
    quit.send(()).unwrap();
    peer.join();
}

// row: STA-07
#[test]
fn an_abort_ends_whoever_waits_at_once() {
    let (quit, over) = mpsc::channel();
    let (begun, sending) = mpsc::channel();
    let peer = serve(move |mut conn| {
        conn.accept();
        assert_eq!(conn.tcp.peek(&mut [0]).unwrap(), 1);
        begun.send(()).unwrap();
        let _ = over.recv_timeout(LONG);
    });
    let (mut reader, writer) = connect(&Config::new(), &peer.uri()).split();
    let stop = writer.abort_handle();
    let (ended, stalls) = ends(move || {
        let receiving = thread::spawn(move || reader.recv().map(drop));
        let sender = writer.clone();
        let long = thread::spawn(move || sender.send(vec![0; 64 * MIB].as_slice()));
        sending.recv_timeout(LONG).unwrap();
        let waiting = thread::spawn(move || writer.send("behind it"));
        // Real time: all three wait by then, two for the lock.
        thread::sleep(LIMIT / 2);
        let stalls = Stalls::watch();
        stop.abort();
        let ended = [receiving, long, waiting].map(|thread| thread.join().unwrap());
        stalls.took(NONE, NONE);
        ended
    });
    for ended in ended {
        assert!(matches!(ended, Err(Error::Aborted)), "{ended:?}");
    }
    stalls.took(LIMIT / 2, LIMIT / 2);
    quit.send(()).unwrap();
    peer.join();
}

// row: STA-07
#[test]
fn a_program_can_poll_for_itself() {
    let (go, wait) = mpsc::channel();
    let peer = serve(move |mut conn| {
        conn.accept();
        wait.recv_timeout(LONG).unwrap();
        conn.send(&[frame(0x81, b"one"), frame(0x81, b"two")].concat());
        assert_eq!(conn.read_message(), (2, vec![1; 10]));
        conn.close(1000, b"");
        conn.read_close()
    });
    let mut socket = connect(&Config::new(), &peer.uri());
    let began = Instant::now();
    let stalls = Stalls::watch();
    assert_eq!(timeout(socket.recv_timeout(Duration::ZERO)), Timeout::Call);
    stalls.took(NONE, NONE);
    go.send(()).unwrap();
    let mut texts = Vec::new();
    while texts.len() < 2 {
        // A real program waits for `socket.stream()` here.
        match socket.recv_timeout(Duration::ZERO) {
            Ok(Some(message)) => texts.push(message.as_text().unwrap().to_owned()),
            Err(Error::Timeout(Timeout::Call)) => thread::yield_now(),
            other => panic!("{other:?}"),
        }
        assert!(began.elapsed() < LONG);
    }
    assert_eq!(texts, ["one", "two"]);
    assert!(socket.writer.queue([1; 10]).unwrap());
    assert!(!socket.writer.queue(vec![0; MIB].as_slice()).unwrap());
    while !socket.writer.try_flush().unwrap() {
        assert!(began.elapsed() < LONG);
    }
    assert_eq!(socket.recv().unwrap(), None);
    assert_eq!(peer.join(), Some(1000));
}

// row: SEED-06, LIV-26
#[test]
fn a_secure_uri_is_not_spoken_over_a_stream_that_is_not() {
    let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut theirs = listener.accept().unwrap().0;
    let config = Config::new().header("Authorization", "Bearer secret");
    let opened = config.open("wss://example.org/", ours);
    assert!(matches!(opened, Err(Error::NotSecure)), "{opened:?}");
    let mut seen = Vec::new();
    theirs.read_to_end(&mut seen).unwrap();
    assert!(seen.is_empty(), "something was sent in clear");
}

// row: STA-02
#[test]
fn closing_when_nothing_can_be_framed_ends_our_direction() {
    let peer = serve(|mut conn| {
        conn.accept();
        conn.frame(0x81, b"still delivered");
        conn.tcp.shutdown(std::net::Shutdown::Read).unwrap();
        // Real time: the client has seen that nothing can be framed.
        thread::sleep(LIMIT);
        conn.close(1000, b"");
        conn.tcp
    });
    let mut socket = connect(&Config::new().close_timeout(LIMIT * 2), &peer.uri());
    let (outcome, stalls) = ends(move || {
        assert_eq!(
            socket.recv().unwrap(),
            Some(Message::Text("still delivered"))
        );
        let finished = socket.finish(Some(CloseCode::NORMAL), "").map(drop);
        let refused = socket.send("late");
        (finished, refused)
    });
    assert!(
        matches!(
            outcome.1,
            Err(Error::Usage(Usage::NotOpen)) | Err(Error::Timeout(Timeout::Close))
        ),
        "{outcome:?}"
    );
    stalls.took(NONE, LIMIT * 3);
    drop(peer.join());
}
