//! The ends that are no closing handshake: an abort, a deadline, and handles that are dropped.

use std::time::Duration;

use bare_ws_std::{CloseCode, Timeout};
use model::rand::{Rng, thread_rng};
use model::{elapsed, pass, thread};

use crate::explore::explore;
use crate::laws::{Outcome, of_peer, outcome, seen};
use crate::{LONG, config, open};

const SECOND: Duration = Duration::from_secs(1);

/// An abort while one thread receives, one sends what is not taken, one waits for its turn and one closes.
fn abort_against_everything() {
    let (socket, peer) = open(&config());
    let stop = socket.abort_handle();
    let (mut reader, writer) = socket.split();
    let takes = thread_rng().gen_range(0..LONG);
    let served = {
        let peer = peer.clone();
        thread::spawn(move || {
            peer.send(&of_peer(0x82, &[9; 10]));
            peer.send(&of_peer(0x89, &[9; 10]));
            peer.read_up_to(takes);
            peer.gone();
        })
    };
    let stopping = {
        let stop = stop.clone();
        thread::spawn(move || stop.abort())
    };
    let receiving = thread::spawn(move || {
        let mut received = 0;
        let end = loop {
            match outcome(reader.recv().map(|message| assert!(message.is_some()))) {
                Outcome::Done => received += 1,
                end => break end,
            }
        };
        assert_eq!(outcome(reader.recv()), end, "the same from then on");
        let finished = outcome(reader.finish());
        assert_eq!(finished, end);
        (received, end)
    });
    let sends = [1, 2].map(|id| {
        let writer = writer.clone();
        thread::spawn(move || outcome(writer.send([id; LONG].as_slice())))
    });
    let asking = {
        let writer = writer.clone();
        thread::spawn(move || {
            writer.is_open();
            writer.set_stall_timeout(SECOND * 100);
            writer.abort_handle()
        })
    };
    let closing = thread::spawn(move || outcome(writer.close(None, "")));
    let (received, end) = receiving.join();
    assert!(received <= 1);
    assert_eq!(end, Outcome::Aborted);
    for ended in sends
        .into_iter()
        .chain([closing])
        .map(thread::JoinHandle::join)
    {
        let lawful = matches!(ended, Outcome::Aborted | Outcome::Done | Outcome::NotOpen);
        assert!(lawful, "{ended:?}");
    }
    stopping.join();
    let late = asking.join();
    served.join();
    assert!(peer.was_shut());
    stop.abort();
    late.abort();
    seen(&peer.sent());
}

// row: STA-07
#[test]
fn an_abort_ends_every_call_at_once() {
    explore("abort against everything", || {
        abort_against_everything();
        assert_eq!(elapsed(), Duration::ZERO, "an abort is no matter of time");
    });
}

// row: STA-07, CLS-11
#[test]
fn an_abort_ends_a_connection_that_lingers() {
    explore("abort against linger", || {
        let (socket, peer) = open(&config());
        let stop = socket.abort_handle();
        let (mut reader, writer) = socket.split();
        let closing = thread::spawn(move || outcome(writer.close(None, "")));
        let stopping = thread::spawn(move || stop.abort());
        let finished = outcome(reader.finish());
        assert_eq!(finished, Outcome::Aborted);
        assert!(matches!(
            closing.join(),
            Outcome::Done | Outcome::Aborted | Outcome::NotOpen
        ));
        stopping.join();
        drop(reader);
        peer.gone();
        assert!(peer.was_shut());
        assert_eq!(elapsed(), Duration::ZERO, "an abort is no matter of time");
    });
}

/// A peer that takes nothing, while the clock moves only when all wait, or at any time.
fn stall(close: bool, hasty: bool) {
    let stall = SECOND * 2;
    let config = config()
        .stall_timeout(stall)
        .close_timeout(SECOND * if close { 1 } else { 5 });
    let (socket, peer) = open(&config);
    let (mut reader, writer) = socket.split();
    let receiving = thread::spawn(move || {
        let end = outcome(reader.recv());
        (end, outcome(reader.finish()), reader)
    });
    let sends = [1, 2].map(|id| {
        let writer = writer.clone();
        thread::spawn(move || outcome(writer.send([id; LONG].as_slice())))
    });
    let closing = close.then(|| {
        let writer = writer.clone();
        thread::spawn(move || outcome(writer.close(None, "")))
    });
    let clock = hasty.then(|| {
        thread::spawn(|| {
            for _ in 0..thread_rng().gen_range(1..6) {
                pass(None);
            }
        })
    });
    let timeouts = [
        Outcome::Timeout(Timeout::Stall),
        Outcome::Timeout(Timeout::Close),
    ];
    let sent = sends.map(thread::JoinHandle::join);
    let closed = closing.map(thread::JoinHandle::join);
    let (received, finished, reader) = receiving.join();
    let took = elapsed();
    clock.map(thread::JoinHandle::join);
    assert!(timeouts.contains(&received), "{received:?}");
    assert_eq!(finished, received, "the first reason stays");
    for sent in sent {
        let first = sent == Outcome::NotOpen && close;
        assert!(sent == received || first, "{sent:?}, not {received:?}");
    }
    if let Some(closed) = closed {
        assert!(
            closed == received || closed == Outcome::Done,
            "{closed:?}, not {received:?}"
        );
    }
    assert!(!writer.is_open());
    assert!(hasty || took <= stall + SECOND, "{took:?}");
    assert!(seen(&peer.sent()).messages.is_empty());
    drop((reader, writer));
    peer.gone();
    assert!(peer.was_shut());
}

// row: STA-02, STA-07
#[test]
fn a_deadline_ends_every_call_with_the_same_reason() {
    explore("the stall deadline", || stall(false, false));
    explore("the stall deadline at any time", || stall(false, true));
    explore("the close deadline", || stall(true, false));
    explore("the close deadline at any time", || stall(true, true));
}

// row: STA-02
#[test]
fn a_limit_that_is_set_while_others_wait_is_kept() {
    explore("a limit set during a wait", || {
        let config = config().close_timeout(None).silence_timeout(None);
        let (socket, peer) = open(&config);
        let (mut reader, writer) = socket.split();
        let setting = thread::spawn(move || {
            writer.set_silence_timeout(SECOND * 3);
            writer
        });
        let received = outcome(reader.recv());
        assert_eq!(received, Outcome::Timeout(Timeout::Silence));
        assert!(elapsed() <= SECOND * 5, "{:?}", elapsed());
        drop((reader, setting.join()));
        peer.gone();
    });
}

// row: CLS-17
#[test]
fn what_is_left_of_a_close_survives_every_handle() {
    explore("the drop of every handle", || {
        let (socket, peer) = open(&config());
        let stop = socket.abort_handle();
        let (reader, writer) = socket.split();
        let served = {
            let peer = peer.clone();
            thread::spawn(move || {
                assert!(
                    peer.read_until(|sent| seen(sent).close.is_some()),
                    "our Close is out"
                );
                peer.send(&of_peer(0x82, &[1; LONG]));
                peer.send(&of_peer(0x88, &[3, 232]));
                peer.end();
            })
        };
        writer.close(Some(CloseCode::NORMAL), "").unwrap();
        let clone = writer.clone();
        let dropping = [
            thread::spawn(move || drop(reader)),
            thread::spawn(move || drop(writer)),
            thread::spawn(move || drop(clone)),
            thread::spawn(move || drop(stop)),
        ];
        dropping.into_iter().for_each(thread::JoinHandle::join);
        served.join();
        peer.gone();
        let seen = seen(&peer.sent());
        assert_eq!((seen.close, seen.is_torn), (Some(1000), false));
        assert!(!peer.was_reset(), "reset before the peer's end came");
        assert_eq!(elapsed(), Duration::ZERO, "somebody waited for nothing");
    });
}

// row: CLS-17
#[test]
fn handles_that_are_dropped_at_any_point_end_the_connection() {
    explore("drops against calls", || {
        let (socket, peer) = open(&config());
        let stop = socket.abort_handle();
        let (mut reader, writer) = socket.split();
        let aborts = thread_rng().gen_bool(0.3);
        let served = {
            let peer = peer.clone();
            thread::spawn(move || {
                peer.send(&of_peer(0x89, &[1; 20]));
                peer.send(&of_peer(0x82, &[1; 20]));
                peer.send(&[0xc1]);
                peer.read_all();
                peer.end();
            })
        };
        let receiving = thread::spawn(move || {
            let mut told = false;
            for _ in 0..thread_rng().gen_range(0..4) {
                let ended = outcome(reader.recv());
                told |= ended == Outcome::Violation;
                let lawful = matches!(ended, Outcome::Done | Outcome::Violation | Outcome::Aborted);
                assert!(lawful, "{ended:?}");
            }
            told
        });
        let sending = [1, 2].map(|id| {
            let writer = writer.clone();
            thread::spawn(move || match outcome(writer.send([id; LONG].as_slice())) {
                Outcome::Done => Some(id),
                Outcome::NotOpen => None,
                // The violation may have ended it first, which another thread was told.
                Outcome::Aborted | Outcome::Lost if aborts => None,
                other => panic!("{other:?}"),
            })
        });
        drop(writer);
        let stopping = thread::spawn(move || {
            if aborts {
                stop.abort();
            }
            stop
        });
        let told = receiving.join();
        let sent = sending.map(thread::JoinHandle::join);
        let stop = stopping.join();
        served.join();
        peer.gone();
        stop.abort();
        let seen = seen(&peer.sent());
        for id in sent.into_iter().flatten() {
            assert!(seen.messages.contains(&vec![id; LONG]));
        }
        if told && !aborts {
            assert_eq!((seen.close, seen.is_torn), (Some(1002), false));
        }
        assert_eq!(elapsed(), Duration::ZERO, "somebody waited for nothing");
    });
}
