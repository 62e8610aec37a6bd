//! How a connection comes to its end where something was left half done: a message, a write, a Close.

use std::future::Future;
use std::pin::Pin;

use bare_ws::entropy::{Entropy, EntropyError};
use bare_ws::error::Usage;
use bare_ws::message::Message;
use bare_ws::opcode::Opcode;
use bare_ws::receiver::Receiver;
use bare_ws::role::Client as ClientRole;
use bare_ws::sender::Sender;
use bare_ws_embassy::{Connection, Error, Timeout, Timing};
use embassy_time::Instant;
use embedded_io_async::ErrorKind;

use crate::support::entropy::Repeatable;
use crate::support::frames::{self, sent};
use crate::support::pipe::{Manner, Pipe};
use crate::support::tasks::{run, run_for};
use crate::support::{Client, Peer, clock, connected, now, seconds};

/// Begins to receive.
type Begin = for<'c> fn(&'c mut Client<200>) -> Pin<Box<dyn Future<Output = ()> + 'c>>;

/// A message must be read to its end the way it was begun; to finish does, whichever way that was.
// row: CLS-10
#[test]
fn to_finish_reads_a_message_to_its_end_as_it_was_begun() {
    let ways: [(&str, Begin); 3] = [
        ("recv", |client| {
            Box::pin(async {
                let _begun = client.recv().await;
            })
        }),
        ("recv_chunk", |client| {
            Box::pin(async {
                let _begun = client.recv_chunk().await;
            })
        }),
        ("recv_frame", |client| {
            Box::pin(async {
                let _begun = client.recv_frame().await;
            })
        }),
    ];
    for (label, begin) in ways {
        for is_half in [false, true] {
            clock::set(Instant::MIN);
            let (mut client, peer) = connected::<200>(Manner::GOOD, &Timing::DEFAULT);
            peer.to_client
                .put(&frames::frame(Opcode::Text, false, b"begun "));
            // Dropped where it waits for the rest.
            run_for(9, begin(&mut client));
            peer.to_client
                .put(&frames::frame(Opcode::Continuation, true, b"and ended"))
                .put(&frames::close(1001))
                .end();
            let finished = match is_half {
                true => run(client.split().0.finish()),
                false => run(client.finish()),
            };
            assert_eq!(finished, Ok(()), "{label}, {is_half}");
            let code = client.close_status().map(|status| u16::from(status.code));
            assert_eq!(code, Some(1001), "{label}, {is_half}");
        }
    }
}

/// Where nothing can be received, to finish closes, reads what comes without looking at it, and ends with the
/// peer's transport, in order.
// row: CLS-10
#[test]
fn a_connection_whose_buffer_is_too_small_finishes_all_the_same() {
    clock::set(Instant::MIN);
    let peer = peer();
    let mut client = Connection::new(
        (peer.to_client.clone(), peer.from_client.clone()),
        Receiver::<ClientRole, _>::new([0; 8]),
        Sender::<ClientRole, _, _>::new([0; 200], Repeatable(7)),
        &Timing::DEFAULT,
    );
    let too_small = |done: &Result<(), Error<ErrorKind>>| {
        matches!(done, Err(Error::Usage(Usage::BufferTooSmall { .. })))
    };
    peer.to_client
        .put(&frames::text("more than the buffer holds"));
    assert_eq!(run_for(40, client.finish()), None, "the peer is silent");
    assert!(!peer.from_client.has_ended());
    let opcodes: Vec<_> = sent(&peer.from_client.written())
        .iter()
        .map(|frame| frame.opcode)
        .collect();
    assert_eq!(opcodes, [Opcode::Close]);
    peer.to_client.end();
    let done = run(client.finish());
    assert!(too_small(&done), "{done:?}");
    assert_eq!(now(), 0.0);
    assert!(!peer.from_client.was_aborted());
}

/// An error that ended a connection is the one that is returned from then on, whatever comes.
// row: STA-02
#[test]
fn nothing_is_received_behind_the_end() {
    clock::set(Instant::MIN);
    let timing = Timing {
        silence: Some(seconds(3)),
        ..Timing::DEFAULT
    };
    let (mut client, peer) = connected::<200>(Manner::GOOD, &timing);
    let silent = Error::Timeout(Timeout::Silence);
    assert_eq!(run(client.recv()), Err(silent));
    peer.to_client.put(&frames::text("too late"));
    for _ in 0..3 {
        assert_eq!(run(client.recv()), Err(silent));
    }
}

/// Our Close cannot go out, so the end of our direction says it, at once; what the peer has sent still comes.
// row: CLS-09
#[test]
fn where_no_close_can_go_out_the_end_of_our_direction_says_it() {
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<200>(Manner::GOOD, &Timing::DEFAULT);
    peer.from_client.break_down();
    assert!(run(client.close(None, "")).is_err());
    assert!(!peer.from_client.has_ended());
    peer.to_client.put(&frames::text("still"));
    assert_eq!(run(client.recv()), Ok(Some(Message::Text("still"))));
    assert!(peer.from_client.has_ended());
}

/// The Close that says why goes out with the error, though it finds no room before what was left behind is out.
// row: CLS-14
#[test]
fn the_close_that_says_why_follows_what_was_left_behind() {
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<131>(Manner::narrow(0), &Timing::DEFAULT);
    let left = "l".repeat(120);
    assert_eq!(run_for(3, client.send(left.as_str())), None);
    peer.from_client.widen();
    peer.to_client
        .put(&frames::frame(Opcode::Text, true, b"\xFF"));
    assert!(matches!(run(client.recv()), Err(Error::Peer(_))));
    let opcodes: Vec<_> = sent(&peer.from_client.written())
        .iter()
        .map(|frame| frame.opcode)
        .collect();
    assert_eq!(opcodes, [Opcode::Text, Opcode::Close]);
}

/// Nothing at all can be drawn.
struct Dead;

impl Entropy for Dead {
    fn fill(&mut self, _: &mut [u8]) -> Result<(), EntropyError> {
        Err(EntropyError)
    }
}

/// A Close that cannot be masked is given up, and the peer need not wait for it.
// row: CLS-10
#[test]
fn without_entropy_the_end_of_our_direction_closes() {
    clock::set(Instant::MIN);
    let peer = peer();
    let mut client = Connection::new(
        (peer.to_client.clone(), peer.from_client.clone()),
        Receiver::<ClientRole, _>::new([0; 200]),
        Sender::<ClientRole, _, _>::new([0; 200], Dead),
        &Timing::DEFAULT,
    );
    assert!(run_for(9, client.finish()).is_none());
    assert!(peer.from_client.has_ended());
    assert!(peer.from_client.written().is_empty());
    assert_eq!(now(), 0.0);
}

fn peer() -> Peer {
    Peer {
        to_client: Pipe::new(Manner::GOOD),
        from_client: Pipe::new(Manner::GOOD),
    }
}
