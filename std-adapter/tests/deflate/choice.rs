//! Which messages are compressed.

use crate::*;

// row: SEED-29
#[test]
fn raw_frames_show_that_they_are_compressed() {
    let hello = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
    let peer = grants(NAME, |conn| {
        conn.frame(0xc1, b"\xf2\x48\xcd\xc9\xc9\x07\x00");
        conn.frame(0x41, b"\xf2\x48\xcd");
        conn.frame(0x80, b"\xc9\xc9\x07\x00");
        conn.close(1000, b"");
        assert_eq!(conn.read_close(), Some(1000));
    });
    let mut socket = Config::new()
        .deflate(Deflate::new())
        .connect(&peer.uri())
        .unwrap();
    assert_eq!(socket.recv().unwrap(), Some(Message::Text("Hello")));
    for (rsv1, payload) in [(true, &hello[..3]), (false, &hello[3..])] {
        let frame = socket.recv_frame().unwrap().expect("a frame");
        assert_eq!((frame.header.rsv1, frame.payload), (rsv1, payload));
    }
    assert_eq!(socket.recv().unwrap(), None);
    peer.join();
}

// row: PMD-11, PMD-33
#[test]
fn a_message_can_be_kept_from_compression() {
    let peer = grants(NAME, |conn| {
        for first in [0xc1, 0x81, 0xc1, 0x81, 0xc1, 0x81] {
            assert_eq!(conn.read_frame().unwrap().0, first);
        }
        conn.frame(0x81, b"raw");
        conn.frame(0xc1, b"\xf2\x48\xcd\xc9\xc9\x07\x00");
        conn.close(1000, b"");
        assert_eq!(conn.read_close(), Some(1000));
    });
    let text = "a secret beside what an attacker says ".repeat(3);
    let text = text.as_str();
    let deflate = Deflate::new().threshold(50);
    let mut socket = Config::new().deflate(deflate).connect(&peer.uri()).unwrap();
    socket.send(text).unwrap();
    socket.writer.send_uncompressed(text).unwrap();
    let (mut reader, writer) = socket.split();
    writer.send(text).unwrap();
    writer.send_uncompressed(text).unwrap();
    writer.send(text).unwrap();
    writer.send("below the threshold").unwrap();
    for text in ["raw", "Hello"] {
        assert_eq!(reader.recv().unwrap(), Some(Message::Text(text)));
    }
    assert_eq!(reader.recv().unwrap(), None);
    peer.join();
}

// row: PMD-11, PMD-33, LIV-21
#[test]
fn what_was_set_holds_after_a_message_that_was_kept_from_compression() {
    const RAW: u8 = 0x81;
    const COMPRESSED: u8 = 0xc1;
    let peer = serve(|mut conn| {
        accept(&mut conn, NAME);
        let mut firsts = Vec::new();
        loop {
            match conn.read_frame().unwrap().0 {
                0x88 => break,
                first => firsts.push(first),
            }
        }
        conn.close(1000, b"");
        firsts
    });
    let text = "much the same, much the same, much the same".repeat(3);
    let text = text.as_str();
    let mut socket = Config::new()
        .deflate(Deflate::new())
        .connect(&peer.uri())
        .unwrap();
    let writer = &socket.writer;
    for allowed in [false, true] {
        writer.set_compression(allowed);
        writer.send(text).unwrap();
        writer.send_uncompressed(text).unwrap();
        writer.send(text).unwrap();
        // One that fails, since another message is open, changes nothing either.
        writer.set_compression(false);
        writer
            .send_fragment(MessageKind::Text, b"a", false)
            .unwrap();
        writer.set_compression(allowed);
        assert!(writer.send_uncompressed(text).is_err());
        writer.send_fragment(MessageKind::Text, b"b", true).unwrap();
        writer.send(text).unwrap();
    }
    socket.finish(Some(CloseCode::NORMAL), "").unwrap();
    let (open, last) = (0x01, 0x80);
    assert_eq!(
        peer.join(),
        [
            [RAW, RAW, RAW, open, last, RAW],
            [COMPRESSED, RAW, COMPRESSED, open, last, COMPRESSED]
        ]
        .concat()
    );
}
