//! Every call, dropped after every number of polls: the connection goes on, nothing is lost, torn
//! or doubled.

use std::future::Future;
use std::pin::Pin;

use bare_ws::close::CloseCode;
use bare_ws::error::Usage;
use bare_ws::header::FrameHeader;
use bare_ws::message::MessageKind;
use bare_ws::opcode::Opcode;
use bare_ws_embassy::{Error, Timing};
use embassy_futures::join::join;
use embassy_time::Instant;
use embedded_io_async::{ErrorKind, Read};

use crate::support::frames::{self, Sent, sent};
use crate::support::pipe::Manner;
use crate::support::tasks::{run, run_for};
use crate::support::{Client, clock, connected};

type Call<'c> = Pin<Box<dyn Future<Output = Result<(), Error<ErrorKind>>> + 'c>>;

/// A call, and the frame that it sends.
type Row = (fn(&mut Client<256>) -> Call<'_>, Opcode, &'static [u8]);

const CALLS: [Row; 6] = [
    (
        |client| Box::pin(client.send("whole")),
        Opcode::Text,
        b"whole",
    ),
    (
        |client| Box::pin(client.send_fragment(MessageKind::Binary, b"piece", true)),
        Opcode::Binary,
        b"piece",
    ),
    (
        |client| {
            let header = FrameHeader::new(Opcode::Binary, true, 5);
            Box::pin(client.send_frame(header, b"frame"))
        },
        Opcode::Binary,
        b"frame",
    ),
    (
        |client| Box::pin(client.ping(b"ping?")),
        Opcode::Ping,
        b"ping?",
    ),
    (
        |client| Box::pin(client.pong(b"pong!")),
        Opcode::Pong,
        b"pong!",
    ),
    (
        |client| {
            Box::pin(async {
                assert_eq!(client.sender_mut().ping(b"later"), Ok(true));
                client.flush().await
            })
        },
        Opcode::Ping,
        b"later",
    ),
];

// row: STA-05, TRAP-15, TRAP-16
#[test]
fn every_call_that_sends_may_be_dropped_at_every_await() {
    for (place, (call, opcode, payload)) in CALLS.into_iter().enumerate() {
        let mut polls = 0;
        loop {
            clock::set(Instant::MIN);
            let (mut client, peer) = connected::<256>(Manner::BAD, &Timing::DEFAULT);
            let done = run_for(polls, call(&mut client));
            run(client.send("next")).expect("to be sent");
            let mut expected = vec![Sent::new(opcode, payload), Sent::new(Opcode::Text, b"next")];
            if polls == 0 {
                expected.remove(0);
            }
            let sent = sent(&peer.from_client.written());
            assert_eq!(sent, expected, "{place} after {polls} polls");
            polls += 1;
            if done.is_some() {
                break;
            }
        }
        assert!(polls > 10, "{place}: {polls}");
    }
}

/// How the message is received, piece by piece into the text.
type Receive = fn(&mut Client<256>, String) -> Pin<Box<dyn Future<Output = (String, bool)> + '_>>;

const RECEIVES: [Receive; 3] = [
    |client, _| {
        Box::pin(async {
            let message = client.recv().await.unwrap().unwrap();
            (message.as_text().unwrap().to_owned(), true)
        })
    },
    |client, text| {
        Box::pin(async {
            let chunk = client.recv_chunk().await.unwrap().unwrap();
            (text + str::from_utf8(chunk.octets).unwrap(), chunk.fin)
        })
    },
    |client, text| {
        Box::pin(async {
            let frame = client.recv_frame().await.unwrap().unwrap();
            if frame.header.opcode.is_control() {
                return (text, false);
            }
            let piece = str::from_utf8(frame.payload).unwrap();
            (text + piece, frame.header.fin)
        })
    },
];

/// And `finish`, dropped and called again each time: every octet of ours goes out, once.
// row: STA-04, STA-05, CTL-02, CLS-07, CLS-09
#[test]
fn every_call_that_receives_may_be_dropped_at_every_await() {
    for (place, receive) in RECEIVES.into_iter().enumerate() {
        for polls in 1..12 {
            clock::set(Instant::MIN);
            let (mut client, peer) = connected::<256>(Manner::BAD, &Timing::DEFAULT);
            peer.to_client
                .put(&frames::ping(b"ping"))
                .put(&frames::frame(Opcode::Text, false, b"in "))
                .put(&frames::frame(Opcode::Continuation, true, b"pieces"));
            let (mut text, mut drops) = (String::new(), 0);
            loop {
                match run_for(polls, receive(&mut client, text.clone())) {
                    Some((now, fin)) => {
                        text = now;
                        if fin {
                            break;
                        }
                    }
                    None => drops += 1,
                }
                assert!(drops < 1000, "{place}");
            }
            assert_eq!(text, "in pieces");
            let finished = loop {
                match run_for(polls, client.finish()) {
                    Some(finished) => break finished,
                    None => drops += 1,
                }
                assert!(drops < 1000, "{place}");
                // The server answers our Close, and ends.
                if peer.from_client.written().len() == 10 + 8 && !peer.to_client.has_ended() {
                    peer.to_client.put(&frames::close(1000)).end();
                }
            };
            assert_eq!(finished, Ok(()), "{place}");
            assert!(drops > 0);
            let expected = [
                Sent::new(Opcode::Pong, b"ping"),
                Sent::new(Opcode::Close, &1000u16.to_be_bytes()),
            ];
            assert_eq!(sent(&peer.from_client.written()), expected, "{place}");
            assert!(peer.from_client.has_ended() && !peer.from_client.was_aborted());
        }
    }
}

/// Wherever `finish` is dropped, `close` and the next `finish` go on.
// row: STA-05, CLS-07, CLS-09
#[test]
fn finish_dropped_anywhere_leaves_one_close() {
    for polls in 0..80 {
        clock::set(Instant::MIN);
        let (mut client, peer) = connected::<256>(Manner::BAD, &Timing::DEFAULT);
        let _ = run_for(polls, client.finish());
        let mut taken = peer.from_client.clone();
        let server = async {
            while peer.from_client.written().len() < 8 {
                taken.read(&mut [0; 4]).await.expect("octets");
            }
            peer.to_client.put(&frames::close(1000)).end();
        };
        run(join(
            async {
                let closed = client.close(Some(CloseCode::NORMAL), "").await;
                let not_open = Err(Error::Usage(Usage::NotOpen));
                assert!(
                    closed == Ok(()) || closed == not_open,
                    "{polls}: {closed:?}"
                );
                assert_eq!(client.finish().await, Ok(()), "{polls}");
            },
            server,
        ));
        let close = Sent::new(Opcode::Close, &1000u16.to_be_bytes());
        assert_eq!(sent(&peer.from_client.written()), [close], "{polls}");
    }
}
