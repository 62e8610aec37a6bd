//! A peer that takes nothing, and a close behind a send that is stuck.

use super::*;

const CLOSE_TIMEOUT: Error<ErrorKind> = Error::Timeout(Timeout::Close);

/// A message that was given up stops the way of our Close; the deadline is the connection's, and
/// ends it though the call that set it gives up, too.
// row: CLS-11, STA-02, LIV-02
#[test]
fn closing_ends_in_time_behind_a_send_that_is_stuck() {
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<131>(Manner::narrow(64), &Timing::DEFAULT);
    run(async {
        let long = [0; 1000];
        assert!(
            with_timeout(seconds(1), client.send(&long[..]))
                .await
                .is_err()
        );
        let closed = client.close(Some(CloseCode::NORMAL), "").await;
        assert_eq!((closed, now()), (Err(CLOSE_TIMEOUT), 6.0));
        assert_eq!(client.recv().await, Err(CLOSE_TIMEOUT));
        assert_eq!(client.send("x").await, Err(CLOSE_TIMEOUT));
        assert_eq!(client.finish().await, Err(CLOSE_TIMEOUT));
        assert_eq!(now(), 6.0);
    });
    assert!(peer.from_client.was_aborted());
}

/// The close deadline is an event of the connection: a send that is stuck, the closer and the
/// reader all learn of it, in whatever order they began.
// row: CLS-11, STA-02, LIV-03
#[test]
fn the_close_deadline_ends_every_call() {
    for reader_begins in [0, 1, 2, 5] {
        clock::set(Instant::MIN);
        let (mut client, peer) = connected::<131>(Manner::narrow(64), &Timing::DEFAULT);
        let (mut reader, writer) = client.split();
        let long = [0; 1000];
        run(join3(
            async {
                assert_eq!(writer.send(&long[..]).await, Err(CLOSE_TIMEOUT));
                assert_eq!(now(), 6.0);
            },
            async {
                Timer::after(seconds(1)).await;
                assert_eq!(writer.close(None, "").await, Err(CLOSE_TIMEOUT));
                assert_eq!(now(), 6.0);
            },
            async {
                Timer::after(seconds(reader_begins)).await;
                assert_eq!(reader.recv().await, Err(CLOSE_TIMEOUT));
                assert_eq!(now(), 6.0);
                assert_eq!(reader.finish().await, Err(CLOSE_TIMEOUT));
            },
        ));
        assert!(peer.from_client.was_aborted());
    }
}

/// Dropped before its Close was queued, `close` has not happened: no deadline of it is left.
// row: CLS-11, STA-05, LIV-04
#[test]
fn a_close_that_was_dropped_unqueued_leaves_no_deadline() {
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<131>(Manner::narrow(3), &Timing::DEFAULT);
    let (mut reader, writer) = client.split();
    let mut taken = peer.from_client.clone();
    peer.to_client.put(&frames::ping(b"owed"));
    let mut tasks = Tasks::new();
    tasks.spawn(async {
        assert_eq!(reader.recv().await, Ok(Some("on".into())));
        assert_eq!(now(), 60.0);
        assert_eq!(reader.recv().await, Ok(None));
    });
    tasks.spawn(async {
        // The Pong has the lock.
        let closing = writer.close(Some(CloseCode::NORMAL), "");
        assert!(with_timeout(seconds(2), closing).await.is_err());
        assert_eq!(now(), 2.0);
        assert_eq!(writer.send("later").await, Ok(()));
    });
    tasks.spawn(async {
        Timer::after(seconds(60)).await;
        peer.to_client.put(&frames::text("on"));
        while let Ok(1..) = taken.read(&mut [0; 8]).await {
            if peer.from_client.written().len() == 10 + 11 {
                peer.to_client.put(&frames::close(1000)).end();
                break;
            }
        }
    });
    tasks.run();
    let (sent, _) = frames::sent_so_far(&peer.from_client.written());
    let expected = [
        Sent::new(Opcode::Pong, b"owed"),
        Sent::new(Opcode::Text, b"later"),
    ];
    assert_eq!(sent, expected);
}

/// Of two that want to close, the one that is dropped takes nothing from the other.
// row: CLS-11, STA-05
#[test]
fn a_dropped_close_does_not_take_back_another_s() {
    clock::set(Instant::MIN);
    let (mut client, _peer) = connected::<131>(Manner::narrow(3), &Timing::DEFAULT);
    let (_reader, writer) = client.split();
    run(join3(
        async {
            let long = writer.send("more than the pipe holds").await;
            assert_eq!(long, Err(CLOSE_TIMEOUT));
        },
        async {
            let closing = with_timeout(seconds(2), writer.close(None, "")).await;
            assert!(closing.is_err());
        },
        async {
            assert_eq!(writer.close(None, "").await, Err(CLOSE_TIMEOUT));
            assert!((5.0..=7.0).contains(&now()), "{}", now());
        },
    ));
}

/// A peer that talks and never reads: its octets are signs of life, and no reason to wait for ever
/// with what is to be sent.
// row: STA-02, STA-03, TRAP-26, LIV-07
#[test]
fn a_stall_ends_a_send_though_the_peer_talks() {
    clock::set(Instant::MIN);
    let timing = Timing {
        silence: Some(seconds(5)),
        keepalive: Some(KeepAlive {
            interval: seconds(3),
            dead_after: seconds(4),
        }),
        ..stall(20)
    };
    let (mut client, peer) = connected::<131>(Manner::narrow(64), &timing);
    let (mut reader, writer) = client.split();
    let long = [0; 1000];
    let talk = async {
        loop {
            peer.to_client.put(&frames::text("talk"));
            Timer::after(seconds(1)).await;
        }
    };
    let stalled = Err(Error::Timeout(Timeout::Stall));
    let both = join(
        async {
            assert_eq!(writer.send(&long[..]).await, stalled);
            assert_eq!(now(), 20.0);
        },
        async {
            let outcome = loop {
                match reader.recv().await {
                    Ok(message) => assert_eq!(message, Some("talk".into())),
                    Err(error) => break Err(error),
                }
            };
            assert_eq!((outcome, now()), (stalled, 20.0));
        },
    );
    run(select(both, talk));
}

/// With nobody who receives, too: the undivided connection keeps it alone.
// row: STA-02
#[test]
fn a_stall_ends_every_call_that_sends() {
    type Call<'c> = std::pin::Pin<Box<dyn Future<Output = Outcome<()>> + 'c>>;
    type Client = crate::support::Client<131>;
    let calls: [fn(&mut Client) -> Call<'_>; 7] = [
        |client| Box::pin(client.send("a message")),
        |client| {
            Box::pin(client.send_fragment(bare_ws::message::MessageKind::Text, b"piece", true))
        },
        |client| {
            let header = bare_ws::header::FrameHeader::new(Opcode::Binary, true, 5);
            Box::pin(client.send_frame(header, b"frame"))
        },
        |client| Box::pin(client.ping(b"ping!")),
        |client| Box::pin(client.pong(b"pong!")),
        |client| Box::pin(client.flush()),
        |client| Box::pin(client.close(None, "")),
    ];
    for (place, call) in calls.into_iter().enumerate() {
        clock::set(Instant::MIN);
        let (mut client, _peer) = connected::<131>(Manner::narrow(3), &stall(4));
        // What is left behind is not out either.
        let first = crate::support::tasks::run_for(1, client.send("stuck"));
        assert_eq!(first, None);
        let ended = run(call(&mut client));
        assert_eq!(ended, Err(Error::Timeout(Timeout::Stall)), "{place}");
        assert_eq!(now(), 4.0, "{place}");
    }
}

/// Neither limit is one on how long a send may take, as long as it goes on.
// row: STA-02
#[test]
fn a_slow_send_is_neither_silence_nor_stall() {
    clock::set(Instant::MIN);
    let timing = Timing {
        silence: Some(seconds(2)),
        ..stall(2)
    };
    let (mut client, peer) = connected::<131>(Manner::narrow(8), &timing);
    let mut taken = peer.from_client.clone();
    let slowly = async {
        loop {
            Timer::after(seconds(1)).await;
            let _ = taken.read(&mut [0; 1]).await;
        }
    };
    let send = async {
        assert_eq!(client.send(&[0; 100][..]).await, Ok(()));
        assert_eq!(now(), 98.0);
    };
    run(select(send, slowly));
}
