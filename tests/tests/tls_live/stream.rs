//! What passes through an open session, how it ends, and what does not fit.

use std::task::Poll;

use embassy_futures::poll_once;

use crate::*;

// row: SEED-06
#[test]
fn any_pace_and_any_hold_buffers_carry_the_same_octets() {
    let (root, leaf) = honest();
    let data = octets(5000);
    for at_most in [1, 2, 5, 6, 22, 64, 1000, usize::MAX] {
        for pends in [false, true] {
            // The least for records of 200 octets; the handshake's come in pieces then.
            for receive in [200 + 22, 300, 16_645] {
                connected(
                    &root,
                    config(&leaf, &[&leaf]),
                    Pace { at_most, pends },
                    Memory::of(16_640, 1024, receive, 1024),
                    async |mut stream, peer| {
                        echo(&mut stream, &data, 200).await;
                        assert_eq!(peer.borrow().error, None);
                    },
                )
                .unwrap();
            }
        }
    }
}

// row: SEED-06
#[test]
fn what_is_written_at_once_is_one_record() {
    let (root, leaf) = honest();
    // 128 octets of the buffer are overhead, and the header of the record counts among its own.
    let most = 4096 - 128 - 5;
    connected(
        &root,
        config(&leaf, &[&leaf]),
        FAST,
        Memory::ample(),
        async |mut stream, peer| {
            for length in [1, 2, 125, 126, most] {
                let before = peer.borrow().records().len();
                let taken = stream.write(&vec![7; length]).await.unwrap();
                assert_eq!(taken, length);
                stream.flush().await.unwrap();
                let records = peer.borrow().records();
                // The content type and the tag.
                assert_eq!(records[before..], [(23, length + 17)]);
            }
            assert_eq!(stream.write(&vec![7; most + 1]).await.unwrap(), most);
        },
    )
    .unwrap();
}

/// To read or to write nothing waits for nothing, and no record says so.
#[test]
fn a_call_for_no_octets_is_done_at_once() {
    let (root, leaf) = honest();
    connected(
        &root,
        config(&leaf, &[&leaf]),
        FAST,
        Memory::ample(),
        async |mut stream, peer| {
            let before = peer.borrow().records().len();
            for _ in 0..2 {
                let read = poll_once(stream.read(&mut []));
                assert!(matches!(read, Poll::Ready(Ok(0))));
                let written = poll_once(stream.write(&[]));
                assert!(matches!(written, Poll::Ready(Ok(0))));
            }
            stream.flush().await.unwrap();
            assert_eq!(peer.borrow().records().len(), before);
            // And what comes is still there.
            echo(&mut stream, b"octets", 6).await;
            assert!(matches!(
                poll_once(stream.read(&mut [])),
                Poll::Ready(Ok(0))
            ));
        },
    )
    .unwrap();
}

// row: SEED-06
#[test]
fn the_end_of_the_stream_is_clean_with_close_notify_only() {
    let (root, leaf) = honest();
    let server = || config(&leaf, &[&leaf]);
    connected(
        &root,
        server(),
        FAST,
        Memory::ample(),
        async |mut stream, peer| {
            {
                let mut peer = peer.borrow_mut();
                peer.server.send_close_notify();
                peer.speak();
            }
            let mut buffer = [0; 8];
            assert_eq!(stream.read(&mut buffer).await.unwrap(), 0);
            assert_eq!(stream.read(&mut buffer).await.unwrap(), 0);
            // RFC 8446 §6.1: "This does not have any effect on its read side": a server that goes on
            // reading has the rest, and our own end, under our keys.
            stream.write_all(b"the rest").await.unwrap();
            stream.shutdown().await.unwrap();
            let peer = peer.borrow();
            assert_eq!(peer.read, b"the rest");
            assert!(peer.closed_cleanly && peer.finished && peer.error.is_none());
            assert!(peer.records()[1..].iter().all(|(kind, _)| *kind == 23));
        },
    )
    .unwrap();
    // Cut between records, and at every octet inside one.
    for rest in 0..22 {
        connected(
            &root,
            server(),
            FAST,
            Memory::ample(),
            async |mut stream, peer| {
                stream.write_all(b"echo").await.unwrap();
                stream.flush().await.unwrap();
                {
                    let mut peer = peer.borrow_mut();
                    let record = 5 + 4 + 17;
                    peer.cut_after = peer.wire.len() - record + rest;
                }
                let outcome = stream.read_exact(&mut [0; 5]).await;
                assert!(
                    matches!(
                        outcome,
                        Err(embedded_io_async::ReadExactError::Other(Error::Truncated))
                    ),
                    "{outcome:?} {rest} octets into a record"
                );
                // And it stays ended.
                assert!(matches!(stream.read(&mut [0; 5]).await, Err(Error::Closed)));
            },
        )
        .unwrap();
    }
}

/// A stream that is given up gives its transport up, whoever holds it and as what.
// row: SEED-06
#[test]
fn to_abort_a_stream_is_to_abort_its_transport() {
    type Abort = fn(Connected<'_, '_>);
    let ways: [(&str, Abort); 3] = [
        ("the stream", |mut stream| stream.abort()),
        ("its writing half", |mut stream| stream.split().1.abort()),
        ("a connection's transport", |stream| {
            let (_, mut output, session) = stream.parts();
            <Connected<'_, '_> as Transport>::abort(&mut output, &session);
        }),
    ];
    let (root, leaf) = honest();
    for (label, abort) in ways {
        connected(
            &root,
            config(&leaf, &[&leaf]),
            FAST,
            Memory::ample(),
            async |stream, peer| {
                assert!(!peer.borrow().aborted, "{label}");
                abort(stream);
                assert!(peer.borrow().aborted, "{label}");
            },
        )
        .unwrap();
    }
}

/// Behind our own close_notify all that comes is read and discarded, to the transport's end: TCP would
/// reset a connection that is closed with octets unread.
// row: SEED-06
#[test]
fn what_comes_behind_our_own_end_is_read_to_its_end() {
    let (root, leaf) = honest();
    let pace = Pace {
        at_most: 5,
        pends: false,
    };
    connected(
        &root,
        config(&leaf, &[&leaf]),
        pace,
        Memory::ample(),
        async |mut stream, peer| {
            stream.shutdown().await.unwrap();
            {
                let mut peer = peer.borrow_mut();
                peer.say(&[7; 100]);
                peer.ended = true;
            }
            let read = run_for(1000, stream.read(&mut [0; 8]));
            assert!(matches!(read, Some(Ok(0))), "{read:?}");
            assert!(peer.borrow().wire.is_empty());
        },
    )
    .unwrap();
}

/// `Debug` names what it is, and shows nothing of what is in it.
#[test]
fn nothing_of_a_stream_is_shown() {
    let (root, leaf) = honest();
    connected(
        &root,
        config(&leaf, &[&leaf]),
        FAST,
        Memory::ample(),
        async |mut stream, _| {
            assert_eq!(format!("{stream:?}"), "Stream { .. }");
            let (reader, writer) = stream.split();
            assert_eq!(format!("{reader:?}"), "ReadHalf { .. }");
            assert_eq!(format!("{writer:?}"), "WriteHalf { .. }");
            let (_, _, session) = stream.parts();
            assert_eq!(format!("{session:?}"), "Session { .. }");
        },
    )
    .unwrap();
}

// row: SEED-06
#[test]
fn records_that_only_somebody_else_can_have_sent_are_refused() {
    let (root, leaf) = honest();
    let injected: &[(&str, &[u8])] = &[
        ("close_notify in the clear", &[21, 3, 3, 0, 2, 1, 0]),
        ("a fatal alert in the clear", &[21, 3, 3, 0, 2, 2, 40]),
        ("a Finished in the clear", &[22, 3, 3, 0, 4, 20, 0, 0, 0]),
        (
            "a KeyUpdate in the clear",
            &[22, 3, 3, 0, 5, 24, 0, 0, 1, 0],
        ),
        ("a change_cipher_spec", &[20, 3, 3, 0, 1, 1]),
        ("a type of no record", &[0, 3, 3, 0, 1, 1]),
        ("another protocol", b"HTTP/1.1 400 Bad Request\r\n"),
        (
            "a tag alone",
            &[
                23, 3, 3, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            ],
        ),
        ("nothing", &[23, 3, 3, 0, 0]),
        ("a record of 2^14 + 257 octets", &[23, 3, 3, 0x41, 1]),
        (
            "octets under no key",
            &[
                23, 3, 3, 0, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            ],
        ),
    ];
    for (label, record) in injected {
        connected(
            &root,
            config(&leaf, &[&leaf]),
            FAST,
            Memory::ample(),
            async |mut stream, peer| {
                // The server's tickets first.
                stream.write_all(b"echo").await.unwrap();
                stream.flush().await.unwrap();
                stream.read_exact(&mut [0; 4]).await.unwrap();
                peer.borrow_mut().wire.extend(*record);
                let outcome = stream.read(&mut [0; 8]).await;
                assert!(
                    matches!(outcome, Err(Error::Protocol(_))),
                    "{label}: {outcome:?}"
                );
                let outcome = stream.read(&mut [0; 8]).await;
                assert!(
                    matches!(outcome, Err(Error::Closed)),
                    "{label}: {outcome:?}"
                );
            },
        )
        .unwrap();
    }
}

// row: SEED-06
#[test]
fn what_does_not_fit_is_said_with_figures() {
    let (root, leaf) = honest();
    let server = || config(&leaf, &[&leaf]);
    let refused = |memory: Memory| {
        connected(&root, server(), FAST, memory, async |_, _| ()).expect_err("it does not fit")
    };
    assert!(matches!(
        refused(Memory::of(16_640, 511, 16_645, 4096)),
        Error::BufferTooSmall { needed: 512 }
    ));
    assert!(matches!(
        refused(Memory::of(16_640, 512, 63, 4096)),
        Error::BufferTooSmall { needed: 64 }
    ));
    assert!(matches!(
        refused(Memory::of(16_640, 700, 64, 699)),
        Error::BufferTooSmall { needed: 700 }
    ));
    // Once the handshake is over, the hold buffer has to take whole records.
    let small = Memory::of(16_640, 512, 300, 512);
    let outcome = connected(&root, server(), FAST, small, async |mut stream, peer| {
        peer.borrow_mut().say(&[1; 300 - 5 - 17]);
        stream.read_exact(&mut [0; 300 - 5 - 17]).await.unwrap();
        peer.borrow_mut().say(&[1; 300 - 5 - 17 + 1]);
        stream.read(&mut [0; 8]).await
    });
    assert!(matches!(
        outcome,
        Ok(Err(Error::RecordTooLarge {
            needed: 296,
            limit: 295
        }))
    ));
    // The server's flight is one record, a few octets longer or shorter with its signatures.
    let Error::RecordTooLarge { needed, limit: 300 } = refused(Memory::of(300, 512, 600, 600))
    else {
        panic!("not that error");
    };
    let room = needed + 8;
    let fits = Memory::of(room, 512, 600, 600);
    connected(&root, server(), FAST, fits, async |mut stream, peer| {
        peer.borrow_mut().say(&vec![1; room - 17 + 1]);
        let outcome = stream.read(&mut [0; 8]).await;
        let Err(Error::RecordTooLarge { needed, limit }) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!((needed, limit), (room + 1, room));
    })
    .unwrap();
}
