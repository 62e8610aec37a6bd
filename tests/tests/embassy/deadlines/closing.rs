//! From the first Close or the failure to the end of the transport.

use super::*;

/// Nobody answers our Close: a typed error in time, and the transport is cut off.
// row: CLS-11, STA-02
#[test]
fn an_unanswered_close_ends_in_time() {
    clock::set(Instant::MIN);
    let (mut client, peer) = client(&timing());
    run(async {
        let closed = client.close(Some(CloseCode::NORMAL), "bye").await;
        assert_eq!((closed, now()), (Ok(()), 0.0));
        assert_eq!(client.finish().await, Err(Error::Timeout(Timeout::Close)));
        assert_eq!(now(), 5.0);
        let at = now();
        assert_eq!(client.recv().await, Err(Error::Timeout(Timeout::Close)));
        assert_eq!(client.send("x").await, Err(Error::Timeout(Timeout::Close)));
        assert_eq!(now(), at);
    });
    assert_eq!(
        sent(&peer.from_client.written()),
        [Sent::new(Opcode::Close, b"\x03\xe8bye")]
    );
    assert!(peer.from_client.was_aborted());
}

/// A Close that cannot even be written, since the peer does not read.
// row: CLS-11, CLS-14
#[test]
fn a_close_that_cannot_be_written_ends_in_time() {
    clock::set(Instant::MIN);
    let manner = Manner::narrow(3);
    let (mut client, peer) = connected::<LEN>(manner, &timing());
    run(async {
        let closed = client.close(None, "").await;
        assert_eq!(closed, Err(Error::Timeout(Timeout::Close)));
        assert_eq!(now(), 5.0);
        assert_eq!(client.finish().await, closed);
        assert_eq!(now(), 5.0);
    });
    assert!(peer.from_client.was_aborted());
}

/// Time passes though there is always something to read.
// row: CLS-11, TRAP-27, TRAP-07
#[test]
fn a_peer_that_sends_for_ever_after_our_close_ends_in_time() {
    // An endless stream of messages, of one message, of pings, in whole reads and in octets.
    let floods = [
        frames::text("data without end"),
        frames::frame(Opcode::Continuation, false, b"a fragment without end"),
        frames::ping(b"ping"),
    ];
    for (flood, at_once) in floods.iter().flat_map(|f| [(f, 1), (f, 1000)]) {
        clock::set(Instant::MIN);
        let manner = Manner {
            at_once,
            ..Manner::GOOD
        };
        let (mut client, peer) = connected::<LEN>(manner, &timing());
        if flood[0] == 0 {
            peer.to_client.put(&frames::frame(Opcode::Text, false, b""));
        }
        let stream = async {
            loop {
                peer.to_client.put(flood);
                Timer::after(Duration::from_millis(10)).await;
            }
        };
        let close = async {
            assert_eq!(client.finish().await, Err(Error::Timeout(Timeout::Close)));
            assert!((5.0..5.1).contains(&now()), "{}", now());
        };
        run(select(close, stream));
        assert!(peer.from_client.was_aborted());
        // Not one frame after our Close.
        let last = sent(&peer.from_client.written()).pop();
        assert_eq!(last, Some(Sent::new(Opcode::Close, &[0x03, 0xe8])));
    }
}

/// The same where the peer is ahead of the clock: there is something to read at each poll.
// row: CLS-11, TRAP-27
#[test]
fn a_flood_that_never_pends_ends_in_time() {
    clock::set(Instant::MIN);
    let (mut client, peer) = client(&timing());
    let (mut reader, writer) = client.split();
    run(async {
        writer.close(None, "").await.expect("to be sent");
        loop {
            peer.to_client.put(&frames::text("data without end"));
            clock::advance(Duration::from_millis(10));
            match reader.recv().await {
                Ok(message) => assert_eq!(message, Some("data without end".into())),
                Err(error) => break assert_eq!(error, Error::Timeout(Timeout::Close)),
            }
        }
        assert!((5.0..5.1).contains(&now()), "{}", now());
    });
}

/// Both Closes are exchanged and the server leaves the transport open: a clean end, told at once,
/// and the transport ended in time.
// row: CLS-10
#[test]
fn a_server_that_never_ends_the_transport_is_left_in_time() {
    clock::set(Instant::MIN);
    let (mut client, peer) = client(&timing());
    peer.to_client.put(&frames::close(1000));
    run(async {
        // `recv` does not wait for the end of the transport any more: that is `finish`.
        assert_eq!(client.recv().await, Ok(None));
        assert_eq!(now(), 0.0);
        assert!(!peer.from_client.has_ended());
        assert_eq!(client.finish().await, Ok(()));
        assert_eq!(now(), 5.0);
        assert_eq!(client.recv().await, Ok(None));
        let refused = Err(Error::Usage(Usage::NotOpen));
        assert_eq!(client.send("x").await, refused);
        assert_eq!(client.close(None, "").await, refused);
        assert_eq!(client.finish().await, Ok(()));
        assert_eq!(now(), 5.0);
    });
    let status = client.close_status().expect("a status");
    assert_eq!(status.code, CloseCode::NORMAL);
    assert!(peer.from_client.has_ended() && !peer.from_client.was_aborted());
}

/// The server closes the transport first, as it should: we wait for it, and no longer.
// row: CLS-10, CLS-09
#[test]
fn the_transport_is_ended_after_the_server_ended_it() {
    clock::set(Instant::MIN);
    let (mut client, peer) = client(&timing());
    let serve = async {
        Timer::after(seconds(1)).await;
        peer.to_client
            .put(&frames::text("before"))
            .put(&frames::close(1000));
        Timer::after(seconds(2)).await;
        assert!(!peer.from_client.has_ended());
        peer.to_client.put(b"octets of no meaning").end();
    };
    let close = async {
        assert_eq!(client.close(Some(CloseCode::NORMAL), "").await, Ok(()));
        assert_eq!(now(), 0.0);
        assert_eq!(client.finish().await, Ok(()));
        assert_eq!(now(), 3.0);
    };
    run(join(close, serve));
    assert!(peer.from_client.has_ended() && !peer.from_client.was_aborted());
}

/// What a peer sends that fails the connection: found in a frame's header, and in a whole text.
const FAILURES: [(&[u8], Violation, u16); 2] = [
    (&[0xC1, 0x00], Violation::ReservedBit, 1002),
    (&[0x81, 0x01, 0xFF], Violation::InvalidUtf8, 1007),
];

/// A failure: the Close for it is sent, what still comes is read in bounded time, so that no
/// reset destroys it.
// row: CLS-13, CLS-14, TRAP-27
#[test]
fn after_a_violation_the_peer_has_time_to_read_why() {
    // The peer ends the transport, or sends for ever.
    let ends = [(true, 2.0), (false, 5.0)];
    let all = FAILURES
        .iter()
        .flat_map(|failure| ends.map(|end| (failure, end)));
    for ((octets, violation, code), (ends, at)) in all {
        clock::set(Instant::MIN);
        let (mut client, peer) = client(&timing());
        peer.to_client.put(octets);
        let go_on = async {
            for _ in 0..20 {
                Timer::after(Duration::from_millis(100)).await;
                peer.to_client.put(&frames::close(1000));
            }
            if ends {
                peer.to_client.end();
            }
            loop {
                Timer::after(Duration::from_millis(100)).await;
                peer.to_client.put(b"more");
            }
        };
        let receive = async {
            let violation = Error::Peer(*violation);
            // It is told at once; the peer's time to read why is `finish`'s.
            assert_eq!(client.recv().await, Err(violation));
            assert_eq!(now(), 0.0);
            assert_eq!(client.finish().await, Err(violation));
            assert!((at..at + 0.2).contains(&now()), "{}", now());
            assert_eq!(client.recv().await, Err(violation));
        };
        run(select(receive, go_on));
        let close = Sent::new(Opcode::Close, &code.to_be_bytes());
        assert_eq!(sent(&peer.from_client.written()), [close]);
        assert!(peer.from_client.has_ended());
    }
}

/// A Close for a failure that the peer does not read, while another task's message blocks.
// row: CLS-14, TRAP-26
#[test]
fn a_failure_is_told_in_time_though_its_close_cannot_be_written() {
    for (octets, violation, _) in FAILURES {
        clock::set(Instant::MIN);
        let (mut client, peer) = connected::<LEN>(Manner::narrow(20), &timing());
        let (mut reader, writer) = client.split();
        peer.to_client.put(octets);
        run(join(
            async {
                let sent = writer.send("more than the pipe holds").await;
                assert!(sent.is_err());
            },
            async {
                let violation = Error::Peer(violation);
                assert_eq!(reader.recv().await, Err(violation));
                assert_eq!(now(), 0.0);
                assert_eq!(reader.finish().await, Err(violation));
                assert_eq!(now(), 5.0);
            },
        ));
        assert!(peer.from_client.has_ended());
    }
}

/// The same, where the peer ends its direction with what it sent, but goes on to read, late.
// row: CLS-14, STA-06
#[test]
fn a_failure_s_close_waits_its_turn_though_the_peer_sends_no_more() {
    for (octets, violation, code) in FAILURES {
        clock::set(Instant::MIN);
        let (mut client, peer) = connected::<LEN>(Manner::narrow(20), &timing());
        let (mut reader, writer) = client.split();
        peer.to_client.put(octets).end();
        let message = "more than the pipe holds";
        let mut taken = peer.from_client.clone();
        let violation = Error::Peer(violation);
        let both = join(writer.send(message), async {
            assert_eq!(reader.recv().await, Err(violation));
            assert_eq!(now(), 0.0);
            reader.finish().await
        });
        let late = async {
            Timer::after(seconds(1)).await;
            while let Ok(1..) = taken.read(&mut [0; 8]).await {}
            pending::<()>().await
        };
        let Either::First((sending, finished)) = run(select(both, late)) else {
            panic!("{violation:?}: the client goes on for ever");
        };
        // Whoever waits learns of the end at once; what was queued goes out all the same.
        assert_eq!(sending, Err(Error::Usage(Usage::NotOpen)));
        assert_eq!(finished, Err(violation));
        let expected = [
            Sent::new(Opcode::Text, message.as_bytes()),
            Sent::new(Opcode::Close, &code.to_be_bytes()),
        ];
        assert_eq!(sent(&peer.from_client.written()), expected);
    }
}

/// Whatever the failure is found in, its one Close comes out, and it stays what is told.
// row: STA-04, CLS-14, TRAP-15
#[test]
fn failing_may_be_dropped_at_every_await() {
    const CLOSE: usize = 8;
    // The peer's direction ends behind our Close, or with what it sent. The last is not dropped.
    let ways = [(false, 1), (true, 1), (true, usize::MAX)];
    let all = FAILURES
        .iter()
        .flat_map(|failure| ways.map(|way| (failure, way)));
    for (&(octets, violation, code), (ends, polls)) in all {
        clock::set(Instant::MIN);
        let (mut client, peer) = connected::<131>(Manner::BAD, &timing());
        peer.to_client.put(octets);
        if ends {
            peer.to_client.end();
        }
        let (mut drops, mut known) = (0, false);
        let told = loop {
            if known {
                match run_for(polls, client.finish()) {
                    Some(told) => break told,
                    None => drops += 1,
                }
            } else {
                match run_for(polls, client.recv()) {
                    Some(told) => known = told.is_err(),
                    None => drops += 1,
                }
            }
            assert!(drops < 1000, "{violation:?}");
            if peer.from_client.written().len() == CLOSE {
                peer.to_client.end();
            }
        };
        assert!(drops > 1 || polls > 1, "{violation:?}: {drops}");
        let violation = Error::Peer(violation);
        assert_eq!(told, Err(violation));
        assert_eq!(run(client.recv()), Err(violation));
        let close = Sent::new(Opcode::Close, &code.to_be_bytes());
        assert_eq!(sent(&peer.from_client.written()), [close]);
        assert!(peer.from_client.has_ended());
    }
}

/// A server that violates the protocol and is never out of octets, ten milliseconds each.
struct Flood(usize);

impl ErrorType for Flood {
    type Error = ErrorKind;
}

impl Read for Flood {
    async fn read(&mut self, octets: &mut [u8]) -> Result<usize, ErrorKind> {
        self.0 += 1;
        assert!(self.0 < 10_000, "read for ever");
        clock::advance(Duration::from_millis(10));
        octets.fill(0xC1);
        Ok(octets.len())
    }
}

/// Time passes though no read ever waits: with a failure behind us, and with a Close of ours.
// row: TRAP-27, CLS-11, CLS-14
#[test]
fn a_flood_that_never_waits_is_left_in_time() {
    for at_once in [usize::MAX, 1] {
        clock::set(Instant::MIN);
        let to_peer = Pipe::new(Manner {
            at_once,
            ..Manner::GOOD
        });
        let mut client = Connection::new(
            (Flood(0), to_peer.clone()),
            Receiver::<ClientRole, _>::new([0; LEN]),
            Sender::<ClientRole, _, _>::new([0; LEN], Repeatable(1)),
            &timing(),
        );
        let violation = Error::Peer(Violation::ReservedBit);
        assert_eq!(run(client.recv()), Err(violation));
        assert!(now() <= 0.01, "{}", now());
        assert_eq!(run(client.finish()), Err(violation));
        assert!((5.0..5.1).contains(&now()), "{}", now());
        assert!(to_peer.has_ended());
    }
}
