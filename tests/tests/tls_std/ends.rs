//! A handshake or a session that ends, stalls or is silent.

use crate::*;

// row: SEED-06, REQ-14
#[test]
fn a_handshake_that_ends_or_stalls_is_that_error() {
    let tls = trusting(&Node::root("root"));
    let cut = Peer::tcp(1, |mut tcp| {
        // Some of the ClientHello, and a record that promises more than comes.
        let _ = tcp.read(&mut [0; 100]).unwrap();
        tcp.write_all(&[22, 3, 3, 0, 100, 2, 0, 0]).unwrap();
        tcp.shutdown(Shutdown::Write).unwrap();
        let _ = tcp.read_to_end(&mut Vec::new());
    });
    let outcome = connect(&tls, "localhost", cut.port);
    assert!(
        matches!(outcome, Err(Error::Tls(TlsError::CutInHandshake))),
        "{:?}",
        outcome.err()
    );
    cut.join();

    let plain = Peer::tcp(1, |mut tcp| {
        let _ = tcp.read(&mut [0; 100]).unwrap();
        tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        let _ = tcp.read_to_end(&mut Vec::new());
    });
    let outcome = connect(&tls, "localhost", plain.port);
    assert!(
        matches!(outcome, Err(Error::Tls(TlsError::NotTls))),
        "{:?}",
        outcome.err()
    );
    plain.join();

    let silent = Peer::tcp(1, |mut tcp| tcp.read_to_end(&mut Vec::new()).map(drop));
    let stalls = Stalls::watch();
    let outcome = client(&tls)
        .handshake_timeout(SHORT)
        .connect(&format!("wss://localhost:{}/", silent.port));
    assert!(
        matches!(outcome, Err(Error::Timeout(Timeout::Handshake))),
        "{:?}",
        outcome.err()
    );
    stalls.took(SHORT, SHORT);
    drop(outcome);
    silent.join()[0].as_ref().unwrap();
}

/// RFC 8446 §6.1: with close_notify the server left, without it somebody cut the wire; after both
/// Closes nothing is missing either way.
// row: SEED-06, CLS-15, CLS-17
#[test]
fn an_end_without_close_notify_is_said_to_be_one() {
    let root = Node::root("root");
    let leaf = root.issue(current(&["localhost"]));
    let tls = trusting(&root);
    for versions in [&[&version::TLS13], &[&version::TLS12]] {
        for (closes, notifies) in [(false, false), (false, true), (true, false), (true, true)] {
            let config = config_of(&leaf, &[&leaf], versions, None);
            let peer = Peer::tls(config, 1, move |mut tls| {
                accept(&mut FromStd::new(&mut tls)).unwrap();
                if closes {
                    tls.write_all(&[0x88, 2, 3, 0xE8]).unwrap();
                }
                if notifies {
                    tls.conn.send_close_notify();
                }
                tls.flush().unwrap();
                tls.sock.shutdown(Shutdown::Write).unwrap();
                // It goes on reading: our Close, and our close_notify.
                let mut heard = Vec::new();
                let ended = tls.read_to_end(&mut heard);
                (heard.first().copied(), ended.is_ok())
            });
            let mut socket = connect(&tls, "localhost", peer.port).unwrap();
            let outcome = socket.recv().map(|message| message.is_none());
            let what = format!("{versions:?}, Close {closes}, close_notify {notifies}");
            match (closes, notifies) {
                (true, _) => assert!(outcome.unwrap(), "{what}"),
                (false, true) => {
                    assert!(matches!(outcome, Err(Error::Lost)), "{what}: {outcome:?}")
                }
                (false, false) => assert!(
                    matches!(outcome, Err(Error::Tls(TlsError::Truncated))),
                    "{what}: {outcome:?}"
                ),
            }
            if closes {
                socket.finish(None, "").unwrap();
            }
            drop(socket);
            let [(heard, notified)] = peer.join()[..] else {
                panic!("one client");
            };
            if closes {
                assert_eq!((heard, notified), (Some(0x88), true), "{what}");
            }
        }
    }
}

// row: SEED-06
#[test]
fn a_silent_server_can_be_waited_for_again_until_it_is_silent_for_too_long() {
    let root = Node::root("root");
    let leaf = root.issue(current(&["localhost"]));
    let peer = Peer::tls(config(&leaf, &[&leaf]), 1, |tls| echo(tls).map(drop));
    let mut socket = client(&trusting(&root))
        .close_timeout(SHORT)
        .connect(&format!("wss://localhost:{}/", peer.port))
        .unwrap();
    for _ in 0..2 {
        let outcome = socket.recv_timeout(SHORT);
        assert!(
            matches!(outcome, Err(Error::Timeout(Timeout::Call))),
            "{outcome:?}"
        );
    }
    socket.send("still here").unwrap();
    assert_eq!(socket.recv().unwrap(), Some(Message::Text("still here")));
    socket.writer.set_silence_timeout(SHORT);
    for _ in 0..2 {
        let outcome = socket.recv();
        assert!(
            matches!(outcome, Err(Error::Timeout(Timeout::Silence))),
            "{outcome:?}"
        );
    }
    drop(socket);
    peer.join();
}

// row: SEED-06
#[test]
fn a_server_that_takes_nothing_meets_the_stall_time_out() {
    let root = Node::root("root");
    let leaf = root.issue(current(&["localhost"]));
    let (release, held) = std::sync::mpsc::channel();
    let peer = Peer::tls(config(&leaf, &[&leaf]), 1, move |mut tls| {
        accept(&mut FromStd::new(&mut tls)).unwrap();
        held.recv().unwrap();
    });
    let mut socket = client(&trusting(&root))
        .stall_timeout(SHORT)
        .connect(&format!("wss://localhost:{}/", peer.port))
        .unwrap();
    let outcome = socket.send(&octets(1 << 24)[..]);
    assert!(
        matches!(outcome, Err(Error::Timeout(Timeout::Stall))),
        "{outcome:?}"
    );
    release.send(()).unwrap();
    peer.join();
}
