//! Any calls in any order, of which any is dropped after any number of polls, over a transport that
//! takes little at a time, pends and fails: what arrives is what was given, whole, in its order,
//! once, and closed in the end.
#![no_main]

use bare_ws::asynch::Writer;
use bare_ws::close::CloseCode;
use bare_ws::compression::{Compress, Decompress, Uncompressed};
use bare_ws::deflate::{Compressor, Configure as _, InflateState, Inflater, Lean};
use bare_ws::error::{Error, Usage};
use bare_ws::header::MAX_HEADER;
use bare_ws::message::{Message, MessageKind};
use bare_ws::receiver::{Delivery, Receiver};
use bare_ws::role::{Client, Server};
use bare_ws::sender::Sender;
use bare_ws_fuzz::reception::{End, Seen, receive};
use bare_ws_fuzz::{Input, Pieces, hex, planted, show};
use bare_ws_tests::deflate::agreed;
use bare_ws_tests::io::{Fault, IoError, Transport};
use bare_ws_tests::laws::Keys;
use bare_ws_tests::poll::{block_on, poll_times};
use bare_ws_tests::stream::Stream;
use libfuzzer_sys::fuzz_target;

/// A message, Ping or Close that was asked for.
#[derive(Clone, Debug)]
struct Given {
    what: What,
    /// Its pieces; whether it is certain that they were sent.
    pieces: Vec<(Vec<u8>, bool)>,
    /// It is certain that it was sent to its end.
    certain: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Message(MessageKind),
    Ping,
    Close,
}

type Outcome = Option<Result<(), Error<IoError>>>;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let transmit = input.pick(&[131, 132, 139, 160, 500, 4096]);
    let mut transport = Transport::new(b"");
    transport.writes = vec![
        input.pick(&[usize::MAX, 1, 2, 7, 100, 126]),
        input.pick(&[usize::MAX, 1, 3, 50]),
    ];
    transport.pends = vec![input.octet().into(), (input.octet() & 3).into(), 0];
    let at = usize::from(input.octet());
    transport.fault = input.flag().then_some((at, Fault::Once));
    show!("{transmit} octets, {transport:?}");
    let deflate = input.octet();
    if deflate < 128 {
        let written = calls(&mut input, transmit, transport, Uncompressed);
        let stream = Stream::of_client(&written.0);
        show!("{stream:?}");
        let receiver = Receiver::<Server, _>::new(vec![0; 70_000]);
        arrives(receiver, written, false);
    } else {
        let agreed = agreed(9 + deflate % 2, deflate & 32 == 0);
        let mut compressor = Compressor::new(Box::new(Lean::<1536, 256>::new())).with_threshold(3);
        compressor.configure(Some(&agreed));
        let written = calls(&mut input, transmit, transport, compressor);
        let mut inflater = Inflater::new(Box::new(InflateState::new()), vec![0; 70_000]);
        inflater
            .configure(Some(&agreed))
            .expect("memory for the window");
        let receiver = Receiver::<Server, _, _>::with_stage(vec![0; 70_000], inflater);
        arrives(receiver, written, true);
    }
});

/// Makes the calls, and then closes. What was written, and what was asked for.
fn calls<X: Compress>(
    input: &mut Input<'_>,
    transmit: usize,
    transport: Transport,
    stage: X,
) -> (Vec<u8>, Vec<Given>) {
    let sender =
        Sender::<Client, _, _, X>::with_stage(vec![0xaa; transmit], Keys::default(), stage);
    let mut writer = Writer::new(transport.halves(), sender);
    let mut given: Vec<Given> = Vec::new();
    let mut open: Option<Given> = None;
    for number in 0..60 {
        if input.is_empty() {
            break;
        }
        let (call, polls) = (input.octet() % 5, usize::from(input.octet() & 63));
        let text = text(number, input);
        let kind = match &open {
            // All pieces of a message are given as of one kind.
            Some(Given {
                what: What::Message(kind),
                ..
            }) if call == 1 => *kind,
            _ => [MessageKind::Text, MessageKind::Binary][usize::from(number & 1)],
        };
        let sender = writer.sender();
        let right = match call {
            4 => None,
            _ if !sender.is_open() => Some(Usage::NotOpen),
            0 | 1 if sender.in_message() => Some(Usage::InterruptedMessage),
            0 if sender.in_fragments() => Some(Usage::MessageOpen),
            _ => None,
        };
        let code = 3000 + u16::from(number);
        let code_octets = code.to_be_bytes();
        let mut fin = true;
        let (what, octets, outcome): (_, &[u8], Outcome) = match call {
            0 => {
                let message = match kind {
                    MessageKind::Text => Message::Text(&text),
                    MessageKind::Binary => Message::Binary(text.as_bytes()),
                };
                let outcome = poll_times(polls, writer.send(message));
                (What::Message(kind), text.as_bytes(), outcome)
            }
            1 => {
                // "A piece that fits the buffer is either not sent or queued whole."
                let piece = &text.as_bytes()[..text.len().min((transmit - MAX_HEADER) / 2)];
                fin = input.flag();
                let outcome = poll_times(polls, writer.send_fragment(kind, piece, fin));
                (What::Message(kind), piece, outcome)
            }
            2 => {
                let payload = &text.as_bytes()[..text.len().min(125)];
                (What::Ping, payload, poll_times(polls, writer.ping(payload)))
            }
            3 => {
                let code = CloseCode(code);
                let reason = &text[..text.len().min(123)];
                let outcome = poll_times(polls, writer.close(Some(code), reason));
                (What::Close, &code_octets, outcome)
            }
            _ => (What::Ping, &[], poll_times(polls, writer.flush())),
        };
        show!("{what:?} of {}, {polls} polls: {outcome:?}", octets.len());
        if let Some(Err(Error::Usage(usage))) = outcome {
            assert_eq!(Some(usage), right);
        }
        if right.is_some() || call == 4 {
            assert!(
                !matches!(outcome, Some(Ok(()))) || call == 4,
                "it had to be refused"
            );
            continue;
        }
        let certain = matches!(outcome, Some(Ok(())));
        let mut this = open.take_if(|_| call == 1).unwrap_or(Given {
            what,
            pieces: Vec::new(),
            certain: false,
        });
        this.pieces.push((octets.to_vec(), certain));
        this.certain = certain && fin;
        if writer.sender().in_fragments() && call == 1 {
            open = Some(this);
        } else if call != 0 || !writer.sender().in_message() {
            // Of a longer message a part was queued, and no more comes.
            given.push(this);
        }
    }
    if writer.sender().is_open() {
        let mut certain = false;
        while writer.sender().is_open() {
            certain = block_on(writer.close(Some(CloseCode::NORMAL), "")).is_ok();
        }
        given.push(Given {
            what: What::Close,
            pieces: vec![(vec![3, 232], certain)],
            certain,
        });
    }
    while block_on(writer.flush()).is_err() {}
    let written = writer.io().0.get().written.clone();
    (written, given)
}

/// Holds what arrives against what was given.
fn arrives<X: Decompress>(
    mut receiver: Receiver<Server, Vec<u8>, X>,
    (written, given): (Vec<u8>, Vec<Given>),
    is_compressed: bool,
) {
    let outcome = receive(&mut receiver, Delivery::Message, &written, Pieces::Whole);
    show!("{}\n{given:?}\n{outcome:?}", hex(&written));
    assert!(matches!(outcome.end, End::Closed(..)), "{:?}", outcome.end);
    let mut arrived = outcome.seen.into_iter().peekable();
    for given in given {
        let this = arrived.next_if(|seen| {
            let (what, octets) = match seen {
                Seen::Message(kind, octets) => (What::Message(*kind), octets),
                Seen::Pong(octets) => (What::Ping, octets),
                Seen::Close(octets) => (What::Close, octets),
                Seen::Frame(..) => return false,
            };
            what == given.what && is_made_of(octets, &given.pieces, is_compressed)
        });
        let lost = this.is_none() || planted("send") && given.pieces.len() == 3;
        assert!(!(lost && given.certain), "{given:?} did not arrive");
    }
    assert_eq!(arrived.next(), None, "it was not given");
}

/// Whether the octets are the pieces, of which those may be missing that are not certain; `in_part`:
/// or be there in part. Each begins with a number of its own.
fn is_made_of(octets: &[u8], pieces: &[(Vec<u8>, bool)], in_part: bool) -> bool {
    let Some(((piece, certain), others)) = pieces.split_first() else {
        return octets.is_empty();
    };
    let same = octets.iter().zip(piece).take_while(|(a, b)| a == b).count();
    (0..=same).rev().any(|n| {
        let may_be = n == piece.len() || !certain && (n == 0 || in_part);
        may_be && is_made_of(&octets[n..], others, in_part)
    })
}

/// A text that begins with its number.
fn text(number: u8, input: &mut Input<'_>) -> String {
    let len = usize::from(input.number() % 900);
    let (letter, step) = (input.octet(), usize::from(input.octet() % 9) + 1);
    let letters = (0..len).map(|i| char::from(b'a' + letter.wrapping_add((i / step) as u8) % 26));
    format!("{number:02}").chars().chain(letters).collect()
}
