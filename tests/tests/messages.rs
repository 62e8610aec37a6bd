//! What a program has at hand becomes a message, and what a message shows and equals.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher, Hash};
use std::rc::Rc;
use std::sync::Arc;

use bare_ws::header::FrameHeader;
use bare_ws::message::{AsMessage, Chunk, Frame, Message, MessageKind, OwnedMessage};
use bare_ws::opcode::Opcode;

fn sent(message: impl AsMessage) -> (MessageKind, Vec<u8>) {
    let message = message.as_message();
    (message.kind(), message.as_bytes().to_vec())
}

#[test]
#[allow(
    clippy::needless_borrows_for_generic_args,
    reason = "references are what is tested"
)]
fn text_and_octets_are_sent_out_of_whatever_holds_them() {
    let text = String::from("å1");
    let octets = text.clone().into_bytes();
    let small = heapless::String::<4>::try_from("å1").unwrap();
    let bytes = heapless::Vec::<u8, 4>::from_slice(&octets).unwrap();
    let message = Message::Text(&text);
    let owned = message.to_owned();
    for (as_what, got) in [
        ("&str", sent("å1")),
        ("&&str", sent(&"å1")),
        ("&String", sent(&text)),
        ("String", sent(text.clone())),
        ("Cow", sent(Cow::Borrowed("å1"))),
        ("Box", sent(Box::<str>::from("å1"))),
        ("Rc", sent(Rc::<str>::from("å1"))),
        ("Arc", sent(Arc::<str>::from("å1"))),
        ("Arc<String>", sent(Arc::new(text.clone()))),
        ("&heapless::String", sent(&small)),
        ("heapless::String", sent(small.clone())),
        ("&heapless::StringView", sent(small.as_view())),
        ("Message", sent(message)),
        ("&Message", sent(&message)),
        ("&OwnedMessage", sent(&owned)),
        ("OwnedMessage", sent(owned.clone())),
    ] {
        assert_eq!(got, (MessageKind::Text, octets.clone()), "{as_what}");
    }
    let array = [0xc3, 0xa5, b'1'];
    for (as_what, got) in [
        ("[u8; N]", sent(array)),
        ("&[u8; N]", sent(&array)),
        ("&[u8]", sent(&octets[..])),
        ("&Vec", sent(&octets)),
        ("Vec", sent(octets.clone())),
        ("Cow", sent(Cow::Borrowed(&octets[..]))),
        ("Box", sent(octets.clone().into_boxed_slice())),
        ("Arc", sent(Arc::<[u8]>::from(&octets[..]))),
        ("&heapless::Vec", sent(&bytes)),
        ("&heapless::VecView", sent(bytes.as_view())),
        ("Message", sent(Message::Binary(&octets))),
    ] {
        assert_eq!(got, (MessageKind::Binary, octets.clone()), "{as_what}");
    }
}

#[test]
fn a_message_comes_from_whatever_can_be_sent() {
    let (text, octets) = (String::from("text"), vec![1, 2]);
    for message in [
        Message::from("text"),
        (&text).into(),
        (&heapless::String::<8>::try_from("text").unwrap()).into(),
    ] {
        assert!(matches!(message, Message::Text("text")));
    }
    for message in [
        Message::from(&[1, 2]),
        (&octets).into(),
        Message::from(&octets[..]),
    ] {
        assert!(matches!(message, Message::Binary([1, 2])));
    }
    let owned: [OwnedMessage; 7] = [
        "text".into(),
        (&text).into(),
        text.clone().into(),
        Box::<str>::from("text").into(),
        Cow::Borrowed("text").into(),
        Arc::<str>::from("text").into(),
        Message::Text("text").into(),
    ];
    assert!(owned.iter().all(|m| m.as_text() == Some("text")));
    let owned: [OwnedMessage; 7] = [
        [1, 2][..].as_message().into(),
        (&octets).into(),
        octets.clone().into(),
        octets.clone().into_boxed_slice().into(),
        Cow::<[u8]>::Owned(vec![1, 2]).into(),
        Arc::<[u8]>::from(&octets[..]).into(),
        Message::Binary(&[1, 2]).into(),
    ];
    assert!(
        owned
            .iter()
            .all(|m| m.as_bytes() == [1, 2] && m.as_text().is_none())
    );
}

fn hash(message: &impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(message)
}

#[test]
fn equal_is_what_is_sent_alike() {
    let text = Message::Text("ab");
    let binary = Message::Binary(b"ab");
    assert_ne!(text, binary);
    for (message, owned) in [(text, text.to_owned()), (binary, binary.to_owned())] {
        assert_eq!(message, owned);
        assert_eq!(owned, message);
        assert_eq!(owned, owned.clone());
        assert_eq!((owned.kind(), owned.len()), (message.kind(), 2));
        assert!(!owned.is_empty());
        assert_eq!(hash(&message), hash(&owned));
        assert_eq!(HashSet::from([owned.clone(), owned]).len(), 1);
    }
    assert_eq!(HashSet::from([text, binary]).len(), 2);
    let different = [text, binary, Message::Text("ac"), Message::Binary(b"a")];
    let hashes: HashSet<_> = different.iter().map(|m| hash(&m.to_owned())).collect();
    assert_eq!(hashes.len(), different.len(), "each in a place of its own");
    assert_eq!(text, *"ab");
    assert_eq!(text, "ab");
    assert_eq!(text, String::from("ab"));
    assert_eq!(text.to_owned(), "ab");
    assert_eq!(binary, b"ab");
    assert_eq!(binary, b"ab"[..]);
    assert_eq!(binary, vec![b'a', b'b']);
    assert_eq!(binary.to_owned(), b"ab");
    for other in [Message::Text("ac"), Message::Text("a"), Message::Text("")] {
        assert_ne!(text, other);
        assert_ne!(text.to_owned(), other);
    }
    assert_ne!(binary, "ab");
    assert_ne!(binary, b"ac");
    assert!(Message::Text("").to_owned().is_empty());
}

/// Of a clone and of what was an `Arc` before, nothing is copied.
#[test]
fn a_clone_shares_the_payload() {
    let payload: Arc<[u8]> = vec![7; 1000].into();
    let message = OwnedMessage::from(Arc::clone(&payload));
    let clone = message.clone();
    assert_eq!(clone.as_bytes().as_ptr(), payload.as_ptr());
    assert_eq!(Arc::strong_count(&payload), 3);
    let text: Arc<str> = "text".into();
    let message = OwnedMessage::from(Arc::clone(&text));
    assert_eq!(message.clone().as_bytes().as_ptr(), text.as_ptr());
}

#[test]
fn an_owned_message_goes_to_other_threads() {
    fn goes<T: Send + Sync + 'static>() {}
    goes::<OwnedMessage>();
    let message = Message::Text("there").to_owned();
    let read = std::thread::spawn(move || message.to_string());
    assert_eq!(read.join().unwrap(), "there");
}

#[test]
fn display_is_the_text_or_the_length_of_the_octets() {
    for (message, shown) in [
        (Message::Text("one\ntwo"), "one\ntwo"),
        (Message::Text(""), ""),
        (Message::Binary(b"one"), "<binary, 3 octets>"),
        (Message::Binary(b""), "<binary, 0 octets>"),
    ] {
        assert_eq!(message.to_string(), shown);
        assert_eq!(message.to_owned().to_string(), shown);
    }
    let long = "x".repeat(100_000);
    assert_eq!(Message::Text(&long).to_string(), long);
    assert_eq!(format!("{:>6}|", Message::Text("abc")), "   abc|");
}

#[test]
fn debug_shows_a_payload_but_not_megabytes_of_it() {
    for (message, shown) in [
        (Message::Text("a\n\"å"), r#"Text("a\n\"å")"#),
        (Message::Binary(&[1, 2]), "Binary([1, 2])"),
        (Message::Binary(&[]), "Binary([])"),
    ] {
        assert_eq!(format!("{message:?}"), shown);
        assert_eq!(format!("{:?}", message.to_owned()), shown);
    }
    for (len, is_whole) in [(256, true), (257, false), (1 << 20, false)] {
        let text = "x".repeat(len);
        let shown = format!("{:?}", Message::Text(&text));
        let octets = format!("{:?}", Message::Binary(text.as_bytes()));
        if is_whole {
            assert_eq!(shown, format!("Text({text:?})"));
            assert_eq!(octets, format!("Binary({:?})", text.as_bytes()));
        } else {
            let start = &text[..256];
            assert_eq!(shown, format!("Text({start:?}... ({len} octets))"));
            let start = start.as_bytes();
            assert_eq!(octets, format!("Binary({start:?}... ({len} octets))"));
        }
    }
    // A character is not cut, wherever the end of what is shown falls.
    for before in 0..4 {
        let text = "x".repeat(before) + &"𝄞".repeat(100);
        let shown = format!("{:?}", Message::Text(&text));
        let characters = shown.matches('𝄞').count();
        assert_eq!(characters, (256 - before) / 4, "{shown}");
        assert!(
            shown.ends_with(&format!("... ({} octets))", text.len())),
            "{shown}"
        );
    }
    let chunk = Chunk {
        kind: MessageKind::Binary,
        octets: &[7; 300],
        offset: 5,
        fin: true,
        frame_remaining: 0,
    };
    let frame = Frame {
        header: FrameHeader::new(Opcode::Binary, true, 300),
        payload: &[7; 300],
    };
    for shown in [format!("{chunk:?}"), format!("{frame:?}")] {
        assert_eq!(shown.matches("7, ").count(), 255, "{shown}");
        assert!(shown.contains("7]... (300 octets)"), "{shown}");
    }
    assert!(format!("{chunk:?}").contains("offset: 5, fin: true"));
}
