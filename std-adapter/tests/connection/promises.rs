//! What each call of an open connection promises beside its limits in time: tests/tokio/promises.rs for the
//! asynchronous form.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bare_ws_std::{Interest, KeepAlive, Stream};

use crate::*;

/// A connection, and its server's end.
fn opened(config: &Config) -> (WebSocket, peer::Conn) {
    let peer = serve(|mut conn| {
        conn.accept();
        conn
    });
    let socket = config.connect(&peer.uri()).unwrap();
    (socket, peer.join())
}

/// A way to receive a part of what comes.
#[derive(Clone, Copy, Debug)]
enum Begun {
    Nothing,
    Whole,
    Chunks,
    Frames,
}

/// Whoever has read a message in part, at any level, can still finish.
// row: CLS-10, CLS-17
#[test]
fn finish_reads_to_the_end_whatever_was_begun_at_whichever_level() {
    for begun in [Begun::Nothing, Begun::Whole, Begun::Chunks, Begun::Frames] {
        for ours in [false, true] {
            let (mut socket, mut conn) = opened(&patient());
            conn.frame(0x01, &[b'a'; 10_000]);
            conn.frame(0x00, &[b'b'; 10_000]);
            match begun {
                Begun::Nothing => {}
                Begun::Whole => {
                    // It is begun, and is not whole.
                    let received = socket.recv_timeout(SHORT / 10).map(drop);
                    assert_eq!(timeout(received), Timeout::Call);
                }
                Begun::Chunks => assert!(!socket.recv_chunk().unwrap().unwrap().fin),
                Begun::Frames => assert!(!socket.recv_frame().unwrap().unwrap().header.fin),
            }
            conn.frame(0x80, b"c");
            conn.frame(0x82, &[1; 1000]);
            conn.close(4000, b"why");
            // It is the one to end the transport.
            let server = thread::spawn(move || conn.read_frame().map(|(first, _)| first));
            let status = match ours {
                true => socket.finish(CloseCode::NORMAL, ""),
                false => socket.reader.finish(),
            };
            let status = status.unwrap().unwrap();
            assert_eq!((status.code, status.reason), (CloseCode(4000), "why"));
            // Again, it is the same.
            let status = socket.finish(CloseCode::NORMAL, "").unwrap().unwrap();
            assert_eq!(status.code, CloseCode(4000), "{begun:?}");
            drop(socket);
            assert_eq!(server.join().unwrap(), Some(0x88), "{begun:?}");
        }
    }
}

/// A setting that is refused leaves the one before as it was.
// row: STA-03, LIV-28
#[test]
fn a_keepalive_that_is_refused_leaves_the_one_before() {
    let keepalive = |interval, dead_after| KeepAlive {
        interval,
        dead_after,
    };
    for before in [None, Some(keepalive(SHORT / 2, SHORT))] {
        let (mut socket, _conn) = opened(&patient().keepalive(before).close_timeout(SHORT));
        for (interval, dead_after) in [(Duration::ZERO, SHORT), (SHORT / 20, SHORT / 20)] {
            let refused = socket.writer.set_keepalive(keepalive(interval, dead_after));
            assert!(refused.is_err());
        }
        // Silence has begun before this.
        let stalls = Stalls::watch();
        let (wanted, limit, least, most) = match before {
            None => (Timeout::Call, SHORT * 2, SHORT * 2, SHORT * 2),
            Some(_) => (Timeout::KeepAlive, LONG, Duration::ZERO, SHORT),
        };
        let ended = timeout(socket.recv_timeout(limit));
        stalls.took(least, most);
        assert!(before.is_none() || socket.last_heard().elapsed() >= SHORT);
        assert_eq!(ended, wanted);
    }
}

/// Each of the handles ends the connection, at once and by a reset; none keeps it.
// row: STA-07, CLS-17
#[test]
fn a_handle_aborts_and_keeps_nothing_alive() {
    let ways: [fn(&WebSocket); 3] = [
        |socket| socket.abort_handle().abort(),
        |socket| socket.writer.abort_handle().abort(),
        |socket| {
            let handle = socket.abort_handle();
            let again = handle.clone();
            drop(handle);
            again.abort();
            // More than once is as once.
            again.abort();
        },
    ];
    for aborts in ways {
        let (mut socket, mut conn) = opened(&patient());
        aborts(&socket);
        for _ in 0..2 {
            for result in [
                socket.recv().map(drop),
                socket.recv_timeout(SHORT).map(drop),
                socket.recv_chunk().map(drop),
                socket.recv_frame().map(drop),
                socket.send("x"),
                socket.writer.queue("x").map(drop),
                socket.writer.try_flush().map(drop),
                socket.ping(b""),
                socket.close(None, ""),
                socket.finish(None, "").map(drop),
            ] {
                assert!(matches!(result, Err(Error::Aborted)), "{result:?}");
            }
        }
        assert!(!socket.writer.is_open());
        drop(socket);
        // Neither a Close nor anything else, and a reset behind the end.
        assert_eq!(conn.read_frame(), None);
        let dropped = Instant::now();
        while conn.tcp.take_error().unwrap().is_none() {
            assert!(dropped.elapsed() < LONG / 4, "no reset comes");
            thread::yield_now();
        }
    }
    let (socket, mut conn) = opened(&patient());
    let handle = socket.abort_handle();
    assert_eq!(format!("{handle:?}"), "AbortHandle { .. }");
    drop(socket);
    assert_eq!(conn.tcp.read(&mut [0]).unwrap(), 0, "the handle keeps it");
    handle.abort();
}

/// What is shown of a connection tells how far it has come.
#[test]
fn a_connection_shows_how_far_it_has_come() {
    let (mut socket, mut conn) = opened(&patient());
    let shows = |socket: &WebSocket, phase: &str| {
        for shown in [
            format!("{:?}", socket.reader),
            format!("{:?}", socket.writer),
        ] {
            assert!(shown.contains(&format!("Shared({phase})")), "{shown}");
        }
    };
    shows(&socket, "Open");
    socket.close(None, "").unwrap();
    shows(&socket, "Closing");
    conn.close(1000, b"");
    drop(conn);
    socket.finish(None, "").unwrap();
    shows(&socket, "Gone");
}

// row: LIV-30
#[test]
fn last_heard_is_the_opening_and_then_the_last_octet() {
    let before = Instant::now();
    let (mut socket, mut conn) = opened(&patient());
    let opened = socket.last_heard();
    assert!(before <= opened && opened <= Instant::now());
    // It does not move by itself, nor by what is sent.
    socket.send("x").unwrap();
    assert_eq!(timeout(socket.recv_timeout(Duration::ZERO)), Timeout::Call);
    assert_eq!(socket.last_heard(), opened);
    // Half a frame is life as well.
    conn.send(&[0x82]);
    while socket.last_heard() == opened {
        assert_eq!(timeout(socket.recv_timeout(SHORT)), Timeout::Call);
        assert!(before.elapsed() < LONG);
    }
    assert!(socket.last_heard() > opened);
    assert_eq!(socket.reader.last_heard(), socket.last_heard());
}

/// While a message is open nobody can send another; what goes between fragments passes.
// row: FRG-11
#[test]
fn while_a_message_is_open_no_other_begins() {
    let (socket, mut conn) = opened(&patient());
    let (one, other) = (&socket.writer, socket.writer.clone());
    one.send_fragment(MessageKind::Text, b"a", false).unwrap();
    for writer in [one, &other] {
        let frame = FrameHeader::new(Opcode::Text, true, 1);
        for result in [
            writer.send("b"),
            writer.queue("b").map(drop),
            writer.send_uncompressed("b"),
            writer.send_frame(frame, b"b"),
        ] {
            assert!(matches!(result, Err(Error::Usage(_))), "{result:?}");
        }
        writer.ping(b"p").unwrap();
        writer.pong(b"q").unwrap();
    }
    other.send_fragment(MessageKind::Text, b"c", true).unwrap();
    one.send("d").unwrap();
    let seen: Vec<_> = (0..7).map(|_| conn.read_frame().unwrap().0).collect();
    assert_eq!(seen, [0x01, 0x89, 0x8a, 0x89, 0x8a, 0x80, 0x81]);
}

/// 125 octets are the most of a Ping and of a Pong, 123 of a reason.
// row: CLS-04, CLS-05
#[test]
fn control_frames_have_their_longest() {
    let (mut socket, mut conn) = opened(&patient());
    for len in [0, 125, 126] {
        let payload = vec![7; len];
        let sent = [
            socket.ping(&payload),
            socket.pong(&payload),
            socket.writer.ping(&payload),
            socket.writer.pong(&payload),
        ];
        for (sent, first) in sent.into_iter().zip([0x89, 0x8a, 0x89, 0x8a]) {
            match sent {
                Ok(()) => assert_eq!(conn.read_frame(), Some((first, payload.clone()))),
                Err(Error::Usage(Usage::ControlTooLong)) => assert_eq!(len, 126),
                other => panic!("{other:?}"),
            }
        }
    }
    for (code, len, wanted) in [
        (Some(CloseCode::NORMAL), 124, Usage::ReasonTooLong),
        (None, 1, Usage::ReasonWithoutCode),
        (
            Some(CloseCode::NO_STATUS),
            0,
            Usage::CloseCode(CloseCode::NO_STATUS),
        ),
    ] {
        match socket.close(code, &"r".repeat(len)) {
            Err(Error::Usage(usage)) => assert_eq!(usage, wanted),
            other => panic!("{other:?}"),
        }
        assert!(socket.writer.is_open());
    }
    socket.close(CloseCode::NORMAL, &"r".repeat(123)).unwrap();
    let (first, payload) = conn.read_frame().unwrap();
    assert_eq!((first, payload.len()), (0x88, 125));
    let again = socket.close(CloseCode::NORMAL, "");
    assert!(
        matches!(again, Err(Error::Usage(Usage::NotOpen))),
        "{again:?}"
    );
    // A Close without a status code has no payload.
    let (mut socket, mut conn) = opened(&patient());
    socket.close(None, "").unwrap();
    assert_eq!(conn.read_frame(), Some((0x88, Vec::new())));
}

/// What ends a connection is told the same by every call from then on.
// row: CLS-15, LIV-31
#[test]
fn what_has_ended_a_connection_is_told_from_then_on() {
    type Ends = (fn() -> Vec<u8>, fn(&Error) -> bool);
    let table: [Ends; 4] = [
        (|| vec![0x83, 0], |error| matches!(error, Error::Peer(_))),
        (
            || frame(0x82, &[0; 101]),
            |error| matches!(error, Error::TooLong { limit: 100, .. }),
        ),
        (
            || [frame(0x02, b""), frame(0x00, b""), frame(0x80, b"")].concat(),
            |error| matches!(error, Error::TooManyFragments { limit: 2 }),
        ),
        (Vec::new, |error| matches!(error, Error::Lost)),
    ];
    for (number, (octets, is_right)) in table.into_iter().enumerate() {
        let config = patient()
            .message_limit(100)
            .stream_limit(100)
            .fragment_limit(2)
            .close_timeout(SHORT);
        let (mut socket, mut conn) = opened(&config);
        let octets = octets();
        conn.send(&octets);
        let conn = (!octets.is_empty()).then_some(conn);
        for _ in 0..2 {
            for error in [
                socket.recv().map(drop).unwrap_err(),
                socket.recv_timeout(LONG).map(drop).unwrap_err(),
                socket.recv_owned().map(drop).unwrap_err(),
                socket.recv_chunk().map(drop).unwrap_err(),
                socket.recv_frame().map(drop).unwrap_err(),
            ] {
                assert!(is_right(&error), "{number}: {error:?}");
            }
            let sent = socket.send("x");
            assert!(
                matches!(sent, Err(Error::Usage(Usage::NotOpen))),
                "{sent:?}"
            );
        }
        drop(conn);
        let error = socket.finish(None, "").map(drop).unwrap_err();
        assert!(is_right(&error), "{number}: {error:?}");
        assert!(socket.close_status().is_none());
    }
}

/// RFC 6455 §5.3: a masking key is fresh for each frame, and cannot be predicted from others.
// row: MSK-01, MSK-02
#[test]
fn each_frame_has_a_masking_key_of_its_own() {
    let mut keys = HashSet::new();
    for _ in 0..3 {
        let (mut socket, mut conn) = opened(&patient());
        for _ in 0..100 {
            socket.ping(b"").unwrap();
            let mut frame = [0; 6];
            conn.tcp.read_exact(&mut frame).unwrap();
            assert_eq!(frame[..2], [0x89, 0x80]);
            keys.insert(u32::from_be_bytes(frame[2..].try_into().unwrap()));
        }
    }
    // Of 300 words of 32 bits two are the same once in a hundred thousand times.
    assert!(keys.len() >= 299, "{}", keys.len());
    // Nor do they differ by little, nor by the same, as of a counter.
    let mut steps: Vec<_> = keys.iter().collect();
    steps.sort();
    let nearest = steps
        .windows(2)
        .map(|two| two[1] - two[0])
        .collect::<HashSet<_>>();
    assert!(nearest.len() > 250, "{}", nearest.len());
}

/// Gives octets without an end, so many at a time, and counts them once it is told to.
struct Endless {
    tcp: TcpStream,
    counted: AtomicUsize,
    reads: AtomicUsize,
    /// How many at a time, and how long that takes.
    each: (usize, Duration),
    begun: AtomicUsize,
}

impl Stream for Endless {
    fn prepare(&mut self) -> io::Result<()> {
        self.tcp.prepare()
    }

    fn try_read(&self, octets: &mut [u8]) -> io::Result<usize> {
        if self.begun.load(Ordering::Relaxed) == 0 {
            return self.tcp.try_read(octets);
        }
        let (most, takes) = self.each;
        // Real time: that of each read.
        thread::sleep(takes);
        let n = octets.len().min(most);
        // Empty Pongs, of two octets each, which nobody answers.
        let at = self.counted.fetch_add(n, Ordering::Relaxed);
        for (place, octet) in octets[..n].iter_mut().enumerate() {
            *octet = [0x8a, 0][(at + place) % 2];
        }
        self.reads.fetch_add(1, Ordering::Relaxed);
        Ok(n)
    }

    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        self.tcp.try_write(octets)
    }

    fn wait(&self, interest: Interest, limit: Option<Duration>) -> io::Result<()> {
        match self.begun.load(Ordering::Relaxed) {
            0 => self.tcp.wait(interest, limit),
            _ => Ok(()),
        }
    }

    fn shutdown(&self, how: std::net::Shutdown) -> io::Result<()> {
        Stream::shutdown(&self.tcp, how)
    }
}

/// Of a peer that never pauses at most 256 KiB are read after the limit of a call, and nothing later than 50 ms after it.
// row: LIV-05
#[test]
fn a_peer_that_never_pauses_is_read_for_so_long_after_the_limit_of_a_call() {
    const MOST: usize = 256 * 1024;
    const EACH: Duration = Duration::from_millis(5);
    for each in [(usize::MAX, Duration::ZERO), (1, EACH)] {
        let peer = serve(|mut conn| {
            conn.accept();
            conn
        });
        let stream = Endless {
            tcp: TcpStream::connect(peer.address).unwrap(),
            counted: AtomicUsize::new(0),
            reads: AtomicUsize::new(0),
            each,
            begun: AtomicUsize::new(0),
        };
        let mut socket = patient().open(&peer.uri(), stream).unwrap();
        let _conn = peer.join();
        socket.stream().begun.store(1, Ordering::Relaxed);
        for _ in 0..3 {
            let counted = |socket: &WebSocket<Endless>| {
                let stream = socket.stream();
                (
                    stream.counted.load(Ordering::Relaxed),
                    stream.reads.load(Ordering::Relaxed),
                )
            };
            let before = counted(&socket);
            let received = socket.recv_timeout(Duration::ZERO).map(drop);
            assert_eq!(timeout(received), Timeout::Call);
            let after = counted(&socket);
            let (octets, reads) = (after.0 - before.0, after.1 - before.1);
            assert!(reads > 0, "what is there is read");
            if each.1.is_zero() {
                // A busy machine may end it by its time.
                assert!(octets < MOST + 32 * 1024, "{octets}");
            } else {
                // Each took that long, and the last one began within the time.
                assert!(reads <= 50 / 5 + 1, "{reads}");
            }
        }
    }
}

/// What is queued leaves by `try_flush` alone, where the peer takes it.
#[test]
fn what_is_queued_leaves_without_a_wait() {
    let (seen, arrived) = mpsc::channel();
    let peer = serve(move |mut conn| {
        conn.accept();
        seen.send(conn.read_frame()).unwrap();
        conn.read_frame();
    });
    let socket = patient().connect(&peer.uri()).unwrap();
    assert!(socket.writer.queue("alone").unwrap());
    assert!(socket.writer.try_flush().unwrap());
    let first = arrived.recv_timeout(LONG / 4).unwrap();
    assert_eq!(first, Some((0x81, b"alone".to_vec())));
    socket.abort_handle().abort();
    peer.join();
}
