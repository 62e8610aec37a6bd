//! The programs that one writes first: sending what is at hand, keeping what was received, a loop
//! over the messages.
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

mod peer;

use std::sync::mpsc;
use std::thread;

use bare_ws_std::{Error, OwnedMessage, Violation, WebSocket, connect};
use peer::serve;

const SAID: [&str; 3] = ["one", "", "three"];

/// Says `SAID`, and expects it back if it is to be echoed. Then it closes.
fn speaker(is_echoed: bool) -> peer::Peer {
    serve(move |mut conn| {
        conn.accept();
        for said in SAID {
            conn.frame(0x81, said.as_bytes());
            if is_echoed {
                assert_eq!(conn.read_message(), (1, said.as_bytes().to_vec()));
            }
        }
        conn.frame(0x88, &1000_u16.to_be_bytes());
        assert_eq!(conn.read_close(), Some(1000));
    })
}

#[test]
fn an_echo_loop_owns_its_message() -> Result<(), Error> {
    let peer = speaker(true);
    let mut socket = connect(&peer.uri())?;
    while let Some(message) = socket.recv_owned()? {
        socket.send(message)?;
    }
    peer.join();
    let peer = speaker(true);
    let mut socket = connect(&peer.uri())?;
    while let Some(message) = socket.recv()? {
        let message = message.to_owned();
        socket.send(&message)?;
    }
    peer.join();
    Ok(())
}

#[test]
fn a_loop_over_the_messages_ends_with_the_close() -> Result<(), Error> {
    let peer = speaker(true);
    #[rustfmt::skip]
    let WebSocket { mut reader, writer, .. } = connect(&peer.uri())?;
    for message in &mut reader {
        writer.send(message?)?;
    }
    assert!(reader.messages().next().is_none(), "from then on");
    assert!(reader.finish()?.is_some());
    peer.join();

    let peer = speaker(false);
    let mut messages = connect(&peer.uri())?.into_iter();
    for said in SAID {
        assert_eq!(messages.next().expect("a message")?, said);
    }
    assert!(messages.next().is_none());
    assert!(messages.next().is_none());
    drop(messages);
    peer.join();

    let peer = speaker(false);
    let mut socket = connect(&peer.uri())?;
    let mut said = Vec::new();
    for message in &mut socket {
        said.push(message?.to_string());
    }
    assert_eq!(said, SAID);
    peer.join();
    Ok(())
}

#[test]
fn messages_go_through_a_channel() -> Result<(), Error> {
    let peer = speaker(false);
    let (sender, receiver) = mpsc::channel();
    let socket = connect(&peer.uri())?;
    let forward = thread::spawn(move || -> Result<(), Error> {
        for message in socket {
            sender.send(message?).expect("it is received");
        }
        Ok(())
    });
    let received: Vec<OwnedMessage> = receiver.iter().collect();
    assert_eq!(received, SAID);
    forward.join().expect("it does not panic")?;
    peer.join();
    Ok(())
}

type Item = Result<OwnedMessage, Error>;

/// So many items as are asked for, and `None` behind the last.
type Way = fn(WebSocket, usize) -> Vec<Option<Item>>;

/// Each way to iterate.
const WAYS: [(&str, Way); 5] = [
    ("messages", |mut socket, n| items(socket.messages(), n)),
    ("&mut reader", |mut socket, n| items(&mut socket.reader, n)),
    ("&mut socket", |mut socket, n| items(&mut socket, n)),
    ("reader", |socket, n| items(socket.reader, n)),
    ("socket", |socket, n| items(socket, n)),
];

fn items(messages: impl IntoIterator<Item = Item>, n: usize) -> Vec<Option<Item>> {
    let mut messages = messages.into_iter();
    (0..n).map(|_| messages.next()).collect()
}

/// The end comes behind what was received before it: an error once, as the last item, and then nothing for good.
// row: CLS-15
#[test]
fn every_loop_over_the_messages_ends_once() {
    for (name, way) in WAYS {
        let peer = serve(|mut conn| {
            conn.accept();
            conn.frame(0x81, b"good");
            conn.frame(0x81, b"\xff");
            assert_eq!(conn.read_close(), Some(1007));
        });
        let received = way(connect(&peer.uri()).unwrap(), 4);
        assert!(
            matches!(
                &received[..],
                [Some(Ok(good)), Some(Err(Error::Peer(Violation::InvalidUtf8))), None, None]
                    if *good == "good"
            ),
            "{name}: {received:?}"
        );
        peer.join();

        let peer = speaker(false);
        let received = way(connect(&peer.uri()).unwrap(), SAID.len() + 2);
        let received: Vec<_> = received
            .into_iter()
            .map(|it| it.map(Result::unwrap))
            .collect();
        let said = SAID.map(|said| Some(OwnedMessage::from(said)));
        assert_eq!(received, [&said[..], &[None, None]].concat(), "{name}");
        peer.join();
    }
}

#[test]
fn what_is_at_hand_is_sent() -> Result<(), Error> {
    let peer = serve(|mut conn| {
        conn.accept();
        for _ in 0..4 {
            assert_eq!(conn.read_message(), (1, b"text".to_vec()));
        }
        for _ in 0..4 {
            assert_eq!(conn.read_message(), (2, b"octets".to_vec()));
        }
        conn.read_close();
        conn.close(1000, b"");
    });
    let mut socket = connect(&peer.uri())?;
    let (text, octets) = (String::from("text"), b"octets".to_vec());
    socket.send("text")?;
    socket.send(&text)?;
    assert!(socket.writer.queue(&text)?);
    socket.writer.send_uncompressed(text)?;
    socket.send(b"octets")?;
    socket.send(&octets)?;
    assert!(socket.writer.queue(&octets[..])?);
    socket.send(octets)?;
    socket.finish(None, "")?;
    peer.join();
    Ok(())
}

#[test]
fn a_pong_stands_beside_the_ping() -> Result<(), Error> {
    let peer = serve(|mut conn| {
        conn.accept();
        assert_eq!(conn.read_frame(), Some((0x89, b"a".to_vec())));
        assert_eq!(conn.read_frame(), Some((0x8a, b"b".to_vec())));
        conn.read_close();
        conn.close(1000, b"");
    });
    let mut socket = connect(&peer.uri())?;
    socket.ping(b"a")?;
    socket.pong(b"b")?;
    socket.finish(None, "")?;
    peer.join();
    Ok(())
}
