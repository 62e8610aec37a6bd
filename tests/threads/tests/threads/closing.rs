//! Closes of either end against whatever else goes on.

use std::time::Duration;

use bare_ws_std::CloseCode;
use model::{elapsed, thread};

use crate::explore::explore;
use crate::laws::{Outcome, Seen, of_peer, outcome, seen};
use crate::wire::Peer;
use crate::{LONG, config, open};

/// A peer that answers our Close.
fn answering(peer: &Peer) -> thread::JoinHandle<()> {
    let peer = peer.clone();
    thread::spawn(move || {
        if peer.read_until(|sent| seen(sent).close.is_some()) {
            peer.send(&of_peer(0x88, &[3, 232]));
        }
        peer.end();
    })
}

/// What was sent is on the wire, and what was not is not.
fn agrees(seen: &Seen, sent: Outcome, message: &[u8]) {
    match sent {
        Outcome::Done => assert_eq!(seen.messages, [message]),
        Outcome::NotOpen => assert!(seen.messages.is_empty(), "sent all the same: {seen:?}"),
        sent => panic!("{sent:?}, and the peer saw {seen:?}"),
    }
    assert!(!seen.is_torn);
}

// row: STA-06, CLS-07
#[test]
fn a_close_follows_the_message_of_another_thread_or_precedes_it() {
    explore("send against close", || {
        let (socket, peer) = open(&config());
        let (mut reader, writer) = socket.split();
        let served = answering(&peer);
        let sender = writer.clone();
        let sending = thread::spawn(move || outcome(sender.send([1; LONG].as_slice())));
        let closing = thread::spawn(move || outcome(writer.close(Some(CloseCode::NORMAL), "")));
        assert_eq!(reader.recv().unwrap(), None);
        let sent = sending.join();
        assert_eq!(closing.join(), Outcome::Done);
        reader.finish().unwrap();
        drop(reader);
        served.join();
        peer.gone();

        let seen = seen(&peer.sent());
        agrees(&seen, sent, &[1; LONG]);
        assert_eq!(seen.close, Some(1000));
        assert!(!peer.was_reset());
        assert_eq!(elapsed(), Duration::ZERO, "somebody waited for nothing");
    });
}

// row: CLS-07, CLS-09
#[test]
fn of_two_closes_one_leaves() {
    explore("two closes and a send", || {
        let (socket, peer) = open(&config());
        let (mut reader, writer) = socket.split();
        let served = answering(&peer);
        let sender = writer.clone();
        let sending = thread::spawn(move || outcome(sender.send([1; LONG].as_slice())));
        let closes = [1000, 1001].map(|code| {
            let writer = writer.clone();
            thread::spawn(move || outcome(writer.close(Some(CloseCode(code)), "")))
        });
        drop(writer);
        assert_eq!(reader.recv().unwrap(), None);
        let closed = closes.map(thread::JoinHandle::join);
        let sent = sending.join();
        reader.finish().unwrap();
        drop(reader);
        served.join();
        peer.gone();

        let seen = seen(&peer.sent());
        agrees(&seen, sent, &[1; LONG]);
        assert!(closed.contains(&Outcome::Done));
        assert!(
            closed
                .iter()
                .all(|closed| matches!(closed, Outcome::Done | Outcome::NotOpen))
        );
        match seen.close {
            Some(1000) => assert_eq!(closed[0], Outcome::Done),
            Some(1001) => assert_eq!(closed[1], Outcome::Done),
            other => panic!("{other:?}"),
        }
        assert_eq!(elapsed(), Duration::ZERO, "somebody waited for nothing");
    });
}

/// The peer's end, while a message is being sent and another waits for its turn.
fn peers_end(octets: &'static [u8], ends: bool, code: u16) {
    let (socket, peer) = open(&config());
    let (mut reader, writer) = socket.split();
    let waiting = writer.clone();
    let sending = thread::spawn(move || outcome(writer.send([1; LONG].as_slice())));
    let behind = thread::spawn(move || outcome(waiting.send([2; LONG].as_slice())));
    let served = {
        let peer = peer.clone();
        thread::spawn(move || {
            peer.send(octets);
            if ends {
                peer.end();
            }
            peer.read_until(|sent| seen(sent).close.is_some());
            peer.end();
        })
    };
    let received = outcome(reader.recv());
    let finished = outcome(reader.finish());
    let expected = if code == 1000 {
        Outcome::Done
    } else {
        Outcome::Violation
    };
    assert_eq!((received, finished), (expected, expected));
    let sent = [sending.join(), behind.join()];
    drop(reader);
    served.join();
    peer.gone();

    let seen = seen(&peer.sent());
    let mut expected = Vec::new();
    for (id, sent) in [1, 2].into_iter().zip(sent) {
        match sent {
            Outcome::Done => expected.push(vec![id; LONG]),
            Outcome::NotOpen => {}
            sent => panic!("{sent:?}, and the peer saw {seen:?}"),
        }
    }
    let mut messages = seen.messages;
    messages.sort();
    assert_eq!(messages, expected);
    assert_eq!((seen.close, seen.is_torn), (Some(code), false));
    assert!(!peer.was_reset());
    assert_eq!(elapsed(), Duration::ZERO, "somebody waited for nothing");
}

// row: STA-06, CLS-06
#[test]
fn a_close_of_the_peer_is_answered_behind_the_message() {
    explore("the peer's Close against a long send", || {
        peers_end(&[0x88, 2, 3, 232], false, 1000);
    });
    explore("the peer's Close and end against a long send", || {
        peers_end(&[0x88, 2, 3, 232], true, 1000);
    });
}

// row: STA-06, CLS-14
#[test]
fn a_violation_of_the_peer_is_answered_behind_the_message() {
    explore("the peer's violation against a long send", || {
        peers_end(&[0x83, 0], false, 1002);
    });
    explore("the peer's violation and end against a long send", || {
        peers_end(&[0x83, 0], true, 1002);
    });
}
