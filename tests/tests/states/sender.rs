//! A sender: each call in each state.

use crate::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Is {
    /// It happens.
    Ok,
    /// It is refused.
    Not(Usage),
    /// It happens without an octet.
    Silent,
}

use Is::{Not, Ok as Yes, Silent};
use Usage::{
    InterruptedMessage as Torn, MessageOpen as Open, NotOpen as Closed,
    NothingToContinue as Nothing,
};

type Call = fn(&mut Send) -> Result<bool, SendError>;

const fn whole(queued: Queued) -> bool {
    queued.complete
}

/// A call, and what it comes to in each state.
const CALLS: [(&str, Call, [Is; 6]); 14] = [
    (
        "message",
        |s| s.message(MessageKind::Text, b"m", true).map(whole),
        [
            Yes,
            Not(Torn),
            Not(Open),
            Not(Torn),
            Not(Closed),
            Not(Closed),
        ],
    ),
    (
        "message, more",
        |s| s.message(MessageKind::Text, b"m", false).map(whole),
        [
            Not(Nothing),
            Yes,
            Not(Nothing),
            Not(Nothing),
            Not(Closed),
            Not(Closed),
        ],
    ),
    (
        "fragment, first",
        |s| s.fragment(MessageKind::Text, b"f", true, false).map(whole),
        [
            Yes,
            Not(Torn),
            Not(Open),
            Not(Torn),
            Not(Closed),
            Not(Closed),
        ],
    ),
    (
        "fragment, last",
        |s| s.fragment(MessageKind::Text, b"f", false, true).map(whole),
        [
            Not(Nothing),
            Not(Torn),
            Yes,
            Not(Torn),
            Not(Closed),
            Not(Closed),
        ],
    ),
    (
        "begin_frame",
        |s| s.begin_frame(MessageKind::Text, 1).map(|()| true),
        [
            Yes,
            Not(Torn),
            Not(Open),
            Not(Torn),
            Not(Closed),
            Not(Closed),
        ],
    ),
    (
        "frame_payload",
        |s| Ok(s.frame_payload(b"p") == 1),
        [Silent, Silent, Silent, Yes, Silent, Silent],
    ),
    (
        "ping",
        |s| s.ping(b"p"),
        [Yes, Yes, Yes, Not(Torn), Not(Closed), Not(Closed)],
    ),
    (
        "pong",
        |s| s.pong(b"p"),
        [Yes, Yes, Yes, Not(Torn), Not(Closed), Not(Closed)],
    ),
    (
        "close",
        |s| s.close(Some(CloseCode::NORMAL), ""),
        [Yes, Yes, Yes, Not(Torn), Not(Closed), Not(Closed)],
    ),
    (
        "reply Pong",
        |s| s.reply(Reply::Pong(b"p")),
        [Yes, Yes, Yes, Not(Torn), Silent, Silent],
    ),
    (
        "reply Close",
        |s| s.reply(Reply::Close(&[3, 232])),
        [Yes, Yes, Yes, Not(Torn), Silent, Silent],
    ),
    (
        "reply Fail",
        |s| s.reply(Reply::Close(&CloseCode::TOO_BIG.0.to_be_bytes())),
        [Yes, Yes, Yes, Not(Torn), Silent, Silent],
    ),
    (
        "frame",
        |s| s.frame(FrameHeader::new(Opcode::Binary, true, 0), b"f"),
        [
            Yes,
            Not(Torn),
            Not(Open),
            Not(Torn),
            Not(Closed),
            Not(Closed),
        ],
    ),
    (
        "frame, more",
        |s| s.frame(FrameHeader::new(Opcode::Continuation, true, 0), b"f"),
        [
            Not(Nothing),
            Not(Torn),
            Yes,
            Not(Torn),
            Not(Closed),
            Not(Closed),
        ],
    ),
];

// row: STA-01, FRG-12, FRG-13, SEED-27, SEED-30
#[test]
fn every_call_of_a_sender_in_every_state() {
    for (number, (state, enter)) in STATES.iter().enumerate() {
        for (name, call, wanted) in CALLS {
            let mut sender = Send::new([0xa5; 139], Keys::default());
            enter(&mut sender);
            sender.advance(usize::MAX);
            sender.advance(usize::MAX);
            let open = sender.is_open();
            let drawn = sender.entropy_mut().drawn();
            let result = call(&mut sender);
            let sent = sender.pending().len();
            let is = match result {
                Ok(_) if sent > 0 => Yes,
                Ok(_) => Silent,
                Err(SendError::Usage(usage)) => Not(usage),
                Err(error) => panic!("{name} {state}: {error:?}"),
            };
            assert_eq!(is, wanted[number], "{name} {state}");
            if let Not(_) = is {
                // Nothing has changed.
                assert_eq!(sent, 0, "{name} {state}");
                assert_eq!(sender.entropy_mut().drawn(), drawn, "{name} {state}");
                assert_eq!(sender.is_open(), open);
            }
        }
    }
    // What a peer that is gone does not get.
    let mut sender = Send::new([0xa5; 139], Keys::default());
    assert_eq!(sender.ping(b""), Ok(true));
    assert_eq!(sender.reply(Reply::Shut), Ok(true));
    assert!(sender.pending().is_empty() && !sender.is_open());
}
