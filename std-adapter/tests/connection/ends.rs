//! How a connection ends, and in which time.

use std::sync::mpsc;

use crate::peer::Conn;
use crate::*;

// row: CLS-10, CLS-17
#[test]
fn after_both_closes_the_end_is_waited_for_but_not_for_ever() {
    for close_timeout in [LONG, SHORT] {
        let (let_go, held) = mpsc::channel();
        let peer = serve(move |mut conn| {
            conn.accept();
            conn.close(1001, b"");
            assert_eq!(conn.read_close(), Some(1001));
            if close_timeout == LONG {
                held.recv().unwrap();
            } else {
                assert!(conn.sees_end());
            }
        });
        let config = patient().close_timeout(close_timeout);
        let mut socket = config.connect(&peer.uri()).unwrap();
        // The limit begins when the Close is answered.
        let stalls = Stalls::watch();
        assert_eq!(socket.recv().unwrap(), None);
        assert_eq!(socket.close_status().unwrap().code, CloseCode::GOING_AWAY);
        if close_timeout == LONG {
            // It is known, and told at once.
            stalls.took(Duration::ZERO, Duration::ZERO);
            let_go.send(()).unwrap();
            let finished = socket.finish(None, "").unwrap();
            assert_eq!(finished.unwrap().code, CloseCode::GOING_AWAY);
        } else {
            let finished = socket.finish(None, "").unwrap();
            assert_eq!(finished.unwrap().code, CloseCode::GOING_AWAY);
            stalls.took(SHORT, SHORT);
        }
        peer.join();
    }
}

// row: CLS-11, TRAP-27
#[test]
fn an_unanswered_close_is_a_timeout_whatever_else_comes() {
    let data: [&[u8]; 3] = [b"", &frame(0x81, b"data"), &frame(0x89, b"ping")];
    for data in data.map(<[u8]>::to_vec) {
        let peer = serve(move |mut conn| {
            conn.accept();
            if data.is_empty() {
                assert!(conn.sees_end());
            } else {
                conn.send_for_ever(&data);
            }
        });
        let config = patient().close_timeout(SHORT);
        let mut socket = config.connect(&peer.uri()).unwrap();
        let result = in_time(|| {
            // The limit begins with this call.
            socket.close(None, "").unwrap();
            loop {
                match socket.recv() {
                    Ok(Some(message)) => assert_eq!(message, Message::Text("data")),
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            }
        });
        assert_eq!(timeout(result), Timeout::Close);
        assert_eq!(
            timeout(socket.recv().map(drop)),
            Timeout::Close,
            "from then on"
        );
        // A peer that sends sees the end of the transport only when the socket is gone.
        drop(socket);
        peer.join();
    }
}

// row: CLS-14, CLS-17, SEED-19
#[test]
fn the_close_of_a_failure_is_read_by_the_peer() {
    let peer = serve(|mut conn| {
        conn.accept();
        conn.frame(0x83, b"");
        // Octets that are never looked at must not turn the end into a reset.
        conn.send(&vec![0x55; 200_000]);
        // Real time: the system's buffers are full by then.
        thread::sleep(SHORT / 4);
        assert_eq!(conn.read_close(), Some(1002));
        assert_eq!(conn.tcp.read(&mut [0]).unwrap(), 0, "an end, not a reset");
    });
    let mut socket = bare_ws_std::connect(&peer.uri()).unwrap();
    let error = socket.recv().map(drop).unwrap_err();
    assert!(matches!(error, Error::Peer(_)), "{error:?}");
    assert!(socket.recv().is_err());
    peer.join();
}

// row: CLS-04, CLS-05
#[test]
fn a_close_that_must_not_be_sent_changes_nothing() {
    let peer = serve(|mut conn| {
        conn.accept();
        assert_eq!(conn.read_message(), (1, b"still open".to_vec()));
        assert_eq!(conn.read_close(), Some(4000));
        conn.close(4000, b"");
    });
    // Longer than the peer's answer takes on a busy machine.
    let limit = SHORT * 10;
    let mut socket = patient().close_timeout(limit).connect(&peer.uri()).unwrap();
    for (code, reason) in [
        (Some(CloseCode::NO_STATUS), String::new()),
        (Some(CloseCode::NORMAL), "x".repeat(124)),
        (None, "x".to_owned()),
    ] {
        let error = socket.close(code, &reason).unwrap_err();
        assert!(matches!(error, Error::Usage(_)), "{error:?}");
    }
    // Nor has the close time-out begun.
    // Real time: longer than the close limit, had it begun.
    thread::sleep(limit + SHORT);
    socket.send("still open").unwrap();
    socket.finish(Some(CloseCode(4000)), "").unwrap();
    peer.join();
}

// row: CLS-15, TRAP-18
#[test]
fn ends_without_a_close_are_errors() {
    for (part, sends) in [(&b""[..], 0), (&[0x81], 0), (&[0x81, 5, b'a'], 0), (b"", 1)] {
        let peer = serve(move |mut conn| {
            conn.accept();
            conn.send(part);
            if sends > 0 {
                // Unread octets: the end is a reset.
                conn.wait_unread();
            }
        });
        let mut socket = bare_ws_std::connect(&peer.uri()).unwrap();
        for _ in 0..sends {
            socket.send("unread").unwrap();
        }
        let error = socket.recv().map(drop).unwrap_err();
        assert!(
            matches!(error, Error::Lost) && sends == 0
                || matches!(&error, Error::Io(e) if e.kind() == io::ErrorKind::ConnectionReset),
            "{error:?}"
        );
        peer.join();
    }
}

/// What has reset a connection, every call tells from then on, and not only the one that found out.
// row: CLS-15, TRAP-18, LIV-31
#[test]
fn a_reset_is_told_the_same_by_every_call() {
    fn reset<T>(result: Result<T, Error>, call: &str) {
        let code = match result.map(drop) {
            Err(Error::Io(error)) => error.raw_os_error(),
            other => panic!("{call}: {other:?}"),
        };
        let wanted = rustix::io::Errno::CONNRESET.raw_os_error();
        assert_eq!(code, Some(wanted), "{call}");
    }
    for level in [Level::Whole, Level::Chunks, Level::Frames] {
        let peer = serve(|mut conn| {
            conn.accept();
            // Unread octets: the end is a reset.
            conn.wait_unread();
        });
        let mut socket = bare_ws_std::connect(&peer.uri()).unwrap();
        socket.send("unread").unwrap();
        peer.join();
        let (octets, error) = received(level, &mut socket);
        assert_eq!(octets, 0);
        reset(Err::<(), _>(error.unwrap()), "the first");
        for _ in 0..2 {
            reset(socket.recv().map(drop), "recv");
            reset(socket.recv_timeout(SHORT).map(drop), "recv_timeout");
            reset(socket.recv_chunk().map(drop), "recv_chunk");
            reset(socket.recv_frame().map(drop), "recv_frame");
            reset(socket.send("more"), "send");
            reset(socket.ping(b""), "ping");
            reset(socket.writer.pong(b""), "pong");
            reset(socket.writer.queue("more"), "queue");
            reset(socket.writer.try_flush(), "try_flush");
            reset(socket.writer.flush(), "flush");
            let fragment = socket.writer.send_fragment(MessageKind::Text, b"", true);
            reset(fragment, "send_fragment");
            reset(socket.close(Some(CloseCode::NORMAL), ""), "close");
            reset(socket.finish(None, "").map(drop), "finish");
        }
    }
}

/// What a send finds is what every send tells from then on; what a receive finds, every receive.
// row: CLS-15, TRAP-18, LIV-31
#[test]
fn what_a_send_has_found_stays_too() {
    let peer = serve(|mut conn| {
        conn.accept();
        conn.wait_unread();
    });
    let mut socket = bare_ws_std::connect(&peer.uri()).unwrap();
    socket.send("unread").unwrap();
    peer.join();
    let code = |error: Error| match error {
        Error::Io(error) => error.raw_os_error(),
        error => panic!("{error:?}"),
    };
    let first = (0..100).find_map(|_| socket.send("more").err()).unwrap();
    let first = code(first);
    assert!(first.is_some());
    for _ in 0..2 {
        assert_eq!(code(socket.send("more").unwrap_err()), first);
        assert_eq!(code(socket.ping(b"").unwrap_err()), first);
        assert_eq!(code(socket.writer.flush().unwrap_err()), first);
        let frame = FrameHeader::new(Opcode::Text, true, 0);
        let framed = socket.writer.send_frame(frame, b"");
        assert_eq!(code(framed.unwrap_err()), first);
    }
    let received = format!("{:?}", socket.recv().map(drop).unwrap_err());
    for _ in 0..2 {
        assert_eq!(
            format!("{:?}", socket.recv().map(drop).unwrap_err()),
            received
        );
        assert_eq!(code(socket.send("more").unwrap_err()), first);
    }
}

/// Whatever has ended a connection, whoever asks is told that nothing can be sent any more.
// row: CLS-06, CLS-07, CLS-15
#[test]
fn a_connection_that_has_ended_is_not_open() {
    type End = (&'static str, fn(&mut Conn), fn(&mut WebSocket));
    let nothing: fn(&mut Conn) = |conn| {
        conn.read_close();
    };
    let receives: fn(&mut WebSocket) = |socket| {
        let _ = socket.recv();
    };
    let table: [End; 5] = [
        ("the peer's Close", |conn| conn.close(1000, b""), receives),
        ("our Close", nothing, |socket| {
            socket.close(None, "").unwrap()
        }),
        ("a broken rule", |conn| conn.frame(0x83, b""), receives),
        ("a lost transport", |_| {}, receives),
        ("an abort", nothing, |socket| socket.abort_handle().abort()),
    ];
    for (name, acts, ends) in table {
        let peer = serve(move |mut conn| {
            conn.accept();
            acts(&mut conn);
        });
        let mut socket = patient().connect(&peer.uri()).unwrap();
        assert!(socket.writer.is_open(), "{name}");
        ends(&mut socket);
        assert!(!socket.writer.is_open(), "{name}");
        drop(socket);
        peer.join();
    }
}

/// Nor is one whose time is over, though the Close that says so cannot be framed yet.
// row: STA-02
#[test]
fn a_connection_whose_time_is_over_is_not_open() {
    let (quit, over) = mpsc::channel::<()>();
    let peer = serve(move |mut conn| {
        conn.accept();
        let _ = over.recv_timeout(LONG);
    });
    let config = patient().silence_timeout(SHORT * 3).close_timeout(SHORT);
    let mut socket = config.connect(&peer.uri()).unwrap();
    let writer = socket.writer.clone();
    let sending = thread::spawn(move || writer.send(vec![0; 64 << 20]));
    assert_eq!(timeout(socket.recv().map(drop)), Timeout::Silence);
    assert!(!socket.writer.is_open());
    assert!(sending.join().unwrap().is_err());
    drop((quit, socket));
    peer.join();
}

/// Nor is what has arrived delivered after an abort.
// row: STA-02
#[test]
fn an_aborted_connection_delivers_nothing() {
    let peer = serve(|mut conn| {
        conn.accept();
        conn.read_frame();
        conn.frame(0x81, b"too late");
        conn.read_frame();
    });
    let mut socket = patient().connect(&peer.uri()).unwrap();
    socket.send("now").unwrap();
    let readable = bare_ws_std::Interest {
        read: true,
        write: false,
    };
    bare_ws_std::Stream::wait(socket.stream(), readable, Some(LONG)).unwrap();
    socket.abort_handle().abort();
    let outcome = socket.recv().map(|message| message.is_some());
    assert!(matches!(outcome, Err(Error::Aborted)), "{outcome:?}");
    drop(socket);
    peer.join();
}
