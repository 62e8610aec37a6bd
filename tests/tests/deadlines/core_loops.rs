//! The core's loops. They have no clock: "time" is a transport that times out under the blocking
//! loop, and a future that is dropped while it waits under the asynchronous one. What has no limit
//! of its own, such as a peer that drips, is to be ended by whoever drives them; here it is seen that
//! they hand over what is there, stop where they must, and can be taken up again.

use bare_ws::buffer::Buffers;
use bare_ws::close::CloseCode;
use bare_ws::compression::Uncompressed;
use bare_ws::entropy::{Entropy, EntropyError};
use bare_ws::error::Error;
use bare_ws::handshake::{HandshakeError, Request};
use bare_ws::header::FrameHeader;
use bare_ws::opcode::Opcode;
use bare_ws::uri::Uri;
use bare_ws::{asynch, blocking};
use bare_ws_tests::deadlines::{Call, Cell, Count, Ends, Outcome, Peer, hold, shown};
use bare_ws_tests::io::{IoError, Transport};
use bare_ws_tests::laws::Keys;
use bare_ws_tests::loops::{self, BOTH, Calls, Loop, MANY, Result};
use bare_ws_tests::poll::poll_times;
use bare_ws_tests::stream::{Sent, Stream};

/// The same for both loops.
fn cell(call: Call, peer: Peer) -> Cell {
    use Cell::{Is, Not};
    use Ends::{Broken, Done, Failed, Lost, Time};
    match (call, peer) {
        (Call::Connect, _) => Not("the core is given a transport that is connected"),
        (Call::Tls, _) => Not("the core is given a transport that is secure, or is not"),

        (Call::Handshake, Peer::FloodsPings | Peer::FloodsData) => Is("", Failed),
        (Call::Handshake, Peer::ClosesDirection) => Is("", Lost),
        (Call::Handshake, Peer::Resets) => Is("", Broken),
        (Call::Handshake, _) => Is("", Time),

        // What came before is delivered, and the rest of the peer's doing is waited for.
        (Call::RecvChunk, Peer::Drips) => Is("h i d*10", Time),
        (Call::RecvFrame, Peer::FloodsPings) => Is("hi p*1000", Time),
        (Call::Recv | Call::RecvChunk | Call::RecvFrame, Peer::FloodsData) => Is("hi x*1000", Time),
        (Call::Recv | Call::RecvChunk | Call::RecvFrame, Peer::ClosesDirection) => Is("hi", Lost),
        (Call::Recv | Call::RecvChunk | Call::RecvFrame, Peer::Resets) => Is("hi", Broken),
        (Call::Recv | Call::RecvChunk | Call::RecvFrame, _) => Is("hi", Time),

        // Something is announced at once, by whatever peer.
        (Call::Advance, _) => Is("", Done),

        // No sending call reads, so it is only the transport that counts.
        (
            Call::Send
            | Call::SendLong
            | Call::Fragment
            | Call::SendFrame
            | Call::Ping
            | Call::Pong
            | Call::Flush
            | Call::Close,
            _,
        ) => match peer {
            Peer::ReadsNothing => Is("", Time),
            Peer::Resets => Is("", Broken),
            _ => Is("", Done),
        },

        // All that comes is discarded.
        (Call::Finish, Peer::ClosesDirection) => Is("", Done),
        (Call::Finish, Peer::Resets) => Is("", Broken),
        (Call::Finish, _) => Is("", Time),
    }
}

/// "and with a second one in flight": there is none. Each call of either loop takes the reader or
/// the writer by `&mut`, and a receive takes both, so the compiler refuses a second one. Adapters
/// that share a connection have such columns.
const SECOND: &str = "a call borrows what a second one would need";

fn transport(peer: Peer, incoming: &[u8]) -> Transport {
    let mut io = Transport::new(incoming);
    io.ends = peer == Peer::ClosesDirection;
    if !peer.takes() {
        io.room = 0;
    }
    if peer == Peer::Drips {
        io.reads = vec![1];
    }
    // Neither direction works once what came before was read.
    io.breaks = peer == Peer::Resets;
    io.is_mute = peer == Peer::Resets;
    io
}

fn ends<T>(result: &Result<T>) -> Ends {
    match result {
        Ok(_) => Ends::Done,
        Err(Error::Transport(IoError::WouldBlock)) => Ends::Time,
        Err(Error::Transport(IoError::Broken)) => Ends::Broken,
        Err(Error::Lost) => Ends::Lost,
        Err(error) if error.close_code().is_some() => Ends::Failed,
        Err(error) => panic!("{error:?}"),
    }
}

/// Makes a call again as long as it is dropped though something moves.
fn insist<T>(
    connection: &mut dyn Calls,
    mut call: impl FnMut(&mut dyn Calls) -> Result<T>,
) -> Result<T> {
    let mut before = None;
    loop {
        let result = call(connection);
        let io = connection.io();
        let now = (io.incoming.len(), io.written.len(), io.flushed);
        if ends(&result) != Ends::Time || (before == Some(now) && !io.is_pending()) {
            return result;
        }
        before = Some(now);
    }
}

/// Receives until it does not go on.
fn receive(
    connection: &mut dyn Calls,
    next: fn(&mut dyn Calls) -> Result<Option<Vec<u8>>>,
) -> Outcome {
    let mut pieces = Vec::new();
    loop {
        match insist(connection, next) {
            Ok(Some(piece)) => pieces.push(piece),
            Ok(None) => panic!("nobody has closed"),
            last => {
                let again = insist(connection, next);
                assert_eq!(again, last, "the same answer when asked again");
                return Outcome {
                    delivered: shown(&pieces),
                    ends: ends(&last),
                };
            }
        }
    }
}

/// Makes the call until it is not dropped any more. One that sends is made once.
fn run(connection: &mut dyn Calls, call: Call) -> Outcome {
    let long = [7; 1000];
    let result = match call {
        Call::Connect | Call::Tls | Call::Handshake => unreachable!("these have no connection"),
        Call::Recv => return receive(connection, |c| c.recv()),
        Call::RecvChunk => return receive(connection, |c| c.recv_chunk()),
        Call::RecvFrame => return receive(connection, |c| c.recv_frame()),
        Call::Advance => insist(connection, |c| c.advance()).map(drop),
        Call::Send => connection.send(b"short"),
        Call::SendLong => connection.send(&long),
        Call::Fragment => connection.send_fragment(&long, true),
        Call::SendFrame => {
            connection.send_frame(FrameHeader::new(Opcode::Binary, true, 0), b"frame")
        }
        Call::Ping => connection.ping(b"ping"),
        Call::Pong => connection.pong(b"pong"),
        Call::Close => connection.close(CloseCode::NORMAL, "bye"),
        Call::Flush => {
            connection.tear(2, b"ok");
            insist(connection, |c| c.flush())
        }
        Call::Finish => {
            let _ = connection.close(CloseCode::NORMAL, "bye");
            insist(connection, |c| c.finish())
        }
    };
    Outcome {
        delivered: String::new(),
        ends: ends(&result),
    }
}

/// What the call has put on the wire, once the peer takes everything again.
fn sent_by(call: Call) -> &'static [fn() -> Sent] {
    match call {
        Call::Send => &[|| Sent::Binary(b"short".to_vec())],
        Call::SendLong | Call::Fragment => &[|| Sent::Binary(vec![7; 1000])],
        Call::SendFrame => &[|| Sent::Binary(b"frame".to_vec())],
        Call::Ping => &[|| Sent::Ping(b"ping".to_vec())],
        Call::Pong => &[|| Sent::Pong(b"pong".to_vec())],
        Call::Flush => &[|| Sent::Binary(b"ok".to_vec())],
        Call::Close | Call::Finish => &[|| Sent::Close(Some(1000), "bye".into())],
        _ => &[],
    }
}

/// Nothing is torn, nothing is doubled, and what was to be done is done.
fn judge_wire(call: Call, peer: Peer, connection: &mut dyn Calls, ends: Ends, dropped: bool) {
    let what = format!("{call:?}, {peer:?}");
    if peer == Peer::Resets {
        assert!(connection.io().written.is_empty(), "{what}");
        return;
    }
    if !peer.takes() {
        assert!(connection.io().written.is_empty(), "{what}");
        connection.io_mut().room = usize::MAX;
    }
    let flushed = insist(connection, |c| c.flush());
    assert_eq!(flushed, Ok(()), "{what}");
    let io = connection.io();
    assert_eq!(io.flushed, io.written.len(), "{what}");
    let stream = Stream::read(&io.written, true);
    let own: Vec<_> = stream
        .messages()
        .iter()
        .filter(|sent| **sent != Sent::Pong(b"p".to_vec()))
        .cloned()
        .collect();
    let wanted: Vec<_> = sent_by(call).iter().map(|sent| sent()).collect();
    // Only of what is longer than the buffer can a part be there, and only when it was given up.
    let is_long = matches!(call, Call::SendLong | Call::Fragment);
    let given_up = ends != Ends::Done || dropped;
    if stream.rest() > 0 || stream.is_open() {
        assert!(is_long && given_up, "{what}: {stream:?}");
    } else if own != wanted {
        assert!(own.is_empty() && given_up, "{what}: {own:?}");
    }
    // The Ping that came last is answered wherever it was read by a receive.
    if peer == Peer::FloodsPings && matches!(call, Call::Recv | Call::RecvChunk | Call::RecvFrame) {
        let last = stream.messages().last();
        assert_eq!(last, Some(&Sent::Pong(b"p".to_vec())), "{what}");
    }
    if call == Call::Finish {
        assert!(io.incoming.is_empty(), "{what}: not all was read");
    }
}

struct Nonce;

impl Entropy for Nonce {
    fn fill(&mut self, octets: &mut [u8]) -> core::result::Result<(), EntropyError> {
        octets.fill(7);
        Ok(())
    }
}

/// The opening handshake, polled so often if it is.
fn handshake(which: Loop, io: Transport, polls: usize) -> Outcome {
    let request = Request::new(Uri::parse("ws://h/").expect("a URI"));
    let buffers = Buffers {
        receive: [0; 512],
        transmit: [0; 139],
    };
    let result = match which {
        Loop::Blocking => {
            blocking::Connection::open(io, &request, buffers, Nonce, Uncompressed).map(drop)
        }
        Loop::Asynch => {
            let io = io.halves();
            let open = asynch::Connection::open(io.clone(), &request, buffers, Nonce, Uncompressed);
            let opened = poll_times(polls, open).map(|opened| opened.map(drop));
            let written = io.0.get().written.clone();
            let request = b"GET / HTTP/1.1\r\n";
            let begun = written.len().min(request.len());
            assert_eq!(
                written[..begun],
                request[..begun],
                "only the request is sent"
            );
            opened.unwrap_or(Err(HandshakeError::Transport(IoError::WouldBlock)))
        }
    };
    let ends = match result {
        Ok(()) => Ends::Done,
        Err(HandshakeError::Transport(IoError::WouldBlock)) => Ends::Time,
        Err(HandshakeError::Transport(IoError::Broken)) => Ends::Broken,
        Err(HandshakeError::Lost) => Ends::Lost,
        Err(HandshakeError::Response(_) | HandshakeError::HeadTooLarge { .. }) => Ends::Failed,
        Err(error) => panic!("{error:?}"),
    };
    Outcome {
        delivered: String::new(),
        ends,
    }
}

const COUNT: Count = Count {
    tried: 14 * 7,
    reasons: 2 * 7,
};

#[test]
fn core_alone() {
    for which in BOTH {
        let count = hold(&format!("core, {which:?}"), cell, |call, peer| {
            if call == Call::Handshake {
                return handshake(which, transport(peer, &peer.answers()), MANY);
            }
            let io = transport(peer, &peer.says());
            let mut connection = loops::connect(which, io, [0xa5; 300], 139, Keys::default());
            let outcome = run(&mut *connection, call);
            judge_wire(call, peer, &mut *connection, outcome.ends, false);
            outcome
        });
        assert_eq!(count, COUNT);
    }
}

#[test]
fn core_with_a_second_call() {
    let count = hold(
        "core, with a second call",
        |_, _| Cell::Not(SECOND),
        |_, _| unreachable!("no cell is tried"),
    );
    assert_eq!(count.reasons, 16 * 7);
}

/// Each future is dropped after so many polls, and each operation of the transport pends.
#[test]
fn core_asynch_dropped_at_each_await() {
    let mut dropped = 0;
    for pends in [&[1][..], &[0, 1], &[2, 0, 1]] {
        for polls in (1..12).chain([40]) {
            for call in Call::ALL {
                for peer in Peer::ALL {
                    let Cell::Is(delivered, ends) = cell(call, peer) else {
                        continue;
                    };
                    let what = format!("{call:?}, {peer:?}, {pends:?}, {polls} polls");
                    let speech = match call {
                        Call::Handshake => peer.answers(),
                        _ => peer.says(),
                    };
                    let mut io = transport(peer, &speech);
                    io.pends = pends.to_vec();
                    if call == Call::Handshake {
                        // Dropped, it is of no more use; what was sent is a part of the request.
                        let outcome = handshake(Loop::Asynch, io, polls);
                        assert!([ends, Ends::Time].contains(&outcome.ends), "{what}");
                        dropped += usize::from(outcome.ends != ends);
                        continue;
                    }
                    let mut connection =
                        loops::dropping(polls, io, [0xa5; 300], 139, Keys::default());
                    let outcome = run(&mut *connection, call);
                    assert_eq!(outcome.delivered, delivered, "{what}");
                    let gave_up = outcome.ends == Ends::Time && ends != Ends::Time;
                    // What is made once may have been dropped; what is made again comes to its end.
                    let once = !matches!(
                        call,
                        Call::Recv
                            | Call::RecvChunk
                            | Call::RecvFrame
                            | Call::Advance
                            | Call::Flush
                            | Call::Finish
                    );
                    assert!(
                        outcome.ends == ends || (gave_up && once),
                        "{what}: {outcome:?}"
                    );
                    dropped += usize::from(gave_up);
                    judge_wire(call, peer, &mut *connection, outcome.ends, true);
                }
            }
        }
    }
    assert!(dropped > 200, "only {dropped} calls were dropped");
}
