//! Any octets, to our client and to tungstenite's: both deliver the same messages, and whatever
//! tungstenite refuses is refused here too.
#![no_main]

use std::io;

use bare_ws::buffer::Growing;
use bare_ws::error::{Error, Violation};
use bare_ws::message::MessageKind;
use bare_ws::receiver::{Delivery, Limits, Receiver};
use bare_ws::role::Client;
use bare_ws_fuzz::reception::{End, Seen, receive};
use bare_ws_fuzz::{Input, Pieces, hex, planted, show};
use libfuzzer_sys::fuzz_target;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Message, WebSocket};

/// Octets of a message, for both: tungstenite reserves what a header declares.
const LIMIT: usize = 1 << 16;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let mut pieces = Pieces::Random(input.number().into());
    let wire = input.0;
    show!("{}", hex(wire));

    let mut receiver = Receiver::<Client, _>::new(Growing::default());
    receiver.set_limits(Limits {
        message: LIMIT as u64,
        ..Limits::default()
    });
    let mut ours = receive(&mut receiver, Delivery::Message, wire, pieces);
    if planted("differential") {
        ours.seen
            .retain(|seen| !matches!(seen, Seen::Pong(payload) if payload.len() == 3));
    }
    let is_close = |seen: &Seen| matches!(seen, Seen::Close(_));
    ours.seen.retain(|seen| !is_close(seen));
    let (theirs, error) = tungstenite(wire, &mut pieces);
    show!("{ours:?}\n{theirs:?} {error:?}");

    assert!(
        theirs.starts_with(&ours.seen),
        "{theirs:?}, not {:?}",
        ours.seen
    );
    let refused_here_alone = match ours.end {
        // FRM-05, FRM-06: it takes lengths that are not in their shortest form. FRM-07: and any
        // of 64 bits, for which it then waits.
        End::Failed(Error::Peer(Violation::LengthNotMinimal | Violation::LengthTopBit)) => true,
        // UTF-04: it looks at a frame's text when the frame is whole. FRM-14, CTL-02, FRG-*, RSV:
        // and at a header when its length is there.
        End::Failed(failure) if failure.close_code().is_some() => is_cut(&error),
        _ => false,
    };
    match ours.end {
        _ if refused_here_alone => {}
        End::Failed(failure) if failure.close_code().is_some() => {
            assert!(!is_cut(&error), "{:?}, {error:?}", ours.end)
        }
        _ => assert_eq!(theirs, ours.seen, "{:?}, {error:?}", ours.end),
    }
});

/// Whether the error is that the octets have come to their end.
fn is_cut(error: &tungstenite::Error) -> bool {
    use tungstenite::error::ProtocolError;
    matches!(
        error,
        tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)
            | tungstenite::Error::Io(_)
    )
}

/// What tungstenite delivers of `wire`, and why it stops.
fn tungstenite(wire: &[u8], pieces: &mut Pieces) -> (Vec<Seen>, tungstenite::Error) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(LIMIT))
        .max_frame_size(Some(LIMIT));
    let stream = Stream { rest: wire, pieces };
    let mut socket = WebSocket::from_raw_socket(stream, Role::Client, Some(config));
    let mut seen = Vec::new();
    for _ in 0..=wire.len() {
        match socket.read() {
            Ok(Message::Text(text)) => {
                seen.push(Seen::Message(MessageKind::Text, text.as_bytes().to_vec()));
            }
            Ok(Message::Binary(octets)) => {
                seen.push(Seen::Message(MessageKind::Binary, octets.to_vec()));
            }
            Ok(Message::Ping(payload)) => seen.push(Seen::Pong(payload.to_vec())),
            Ok(Message::Pong(_) | Message::Close(_) | Message::Frame(_)) => {}
            Err(error) => return (seen, error),
        }
    }
    panic!("more messages than octets");
}

struct Stream<'w> {
    rest: &'w [u8],
    pieces: &'w mut Pieces,
}

impl io::Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.pieces.next().min(self.rest.len()).min(buffer.len());
        let (now, later) = self.rest.split_at(n);
        buffer[..n].copy_from_slice(now);
        self.rest = later;
        Ok(n)
    }
}

impl io::Write for Stream<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
