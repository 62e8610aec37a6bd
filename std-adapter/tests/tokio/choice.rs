//! What was agreed on, and which messages are compressed.

use bare_ws_std::bare_ws::message::MessageKind;
use bare_ws_std::tokio::{WebSocket, open};
use bare_ws_std::{Config, Deflate};
use tokio::io::{DuplexStream, duplex};

use crate::server::Server;

const DEFLATE: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
const SUBPROTOCOL: &str = "Sec-WebSocket-Protocol: chat.v2\r\n";

/// A client that offers both, and a server that answers with these header fields.
async fn pair(fields: &str) -> (WebSocket<DuplexStream>, Server<DuplexStream>) {
    let (ours, theirs) = duplex(10_000);
    let mut server = Server::over(theirs);
    let config = Config::new()
        .subprotocol("chat.v1")
        .subprotocol("chat.v2")
        .deflate(Deflate::new());
    let opening = open(&config, "ws://localhost/", ours);
    let (socket, ()) = tokio::join!(opening, server.accept_with(fields, b""));
    (socket.unwrap(), server)
}

// row: RSP-18, PMD-33
#[tokio::test]
async fn what_was_agreed_on_is_told() {
    let both = [SUBPROTOCOL, DEFLATE].concat();
    for fields in ["", SUBPROTOCOL, DEFLATE, &both] {
        let (socket, mut server) = pair(fields).await;
        let subprotocol = fields.contains("chat.v2").then_some("chat.v2");
        assert_eq!(socket.subprotocol(), subprotocol, "{fields:?}");
        let named = socket.response().header("sec-websocket-protocol");
        assert_eq!(named, subprotocol, "{fields:?}");
        let compresses = fields.contains("permessage-deflate");
        assert_eq!(socket.deflate().is_some(), compresses, "{fields:?}");
        let text = "again and ".repeat(100);
        socket.writer.send(&text).await.unwrap();
        let (first, payload) = server.read_frame().await.unwrap();
        assert_eq!(first & 0x40 != 0, compresses, "{fields:?}");
        let totals = socket.writer.compressed();
        let expected = if compresses {
            (1000, payload.len() as u64)
        } else {
            (0, 0)
        };
        assert_eq!((totals.plain, totals.compressed), expected, "{fields:?}");
    }
}

// row: PMD-11, PMD-33, LIV-21
#[tokio::test]
async fn what_was_set_holds_after_a_message_that_was_kept_from_compression() {
    const RAW: u8 = 0x81;
    const COMPRESSED: u8 = 0xc1;
    let (socket, mut server) = pair(DEFLATE).await;
    let writer = &socket.writer;
    let text = "much the same, much the same, much the same".repeat(3);
    let text = text.as_str();
    for (allowed, seen) in [(false, RAW), (true, COMPRESSED)] {
        // By any of those that send: it is the connection's.
        writer.clone().set_compression(allowed);
        writer.send(text).await.unwrap();
        writer.send_uncompressed(text).await.unwrap();
        writer.send(text).await.unwrap();
        assert!(writer.queue(text).unwrap());
        writer.flush().await.unwrap();
        // One that fails, since another message is open, changes nothing either.
        writer.set_compression(false);
        let kind = MessageKind::Text;
        writer.send_fragment(kind, b"a", false).await.unwrap();
        writer.set_compression(allowed);
        assert!(writer.send_uncompressed(text).await.is_err());
        writer.send_fragment(kind, b"b", true).await.unwrap();
        writer.send(text).await.unwrap();
        for first in [seen, RAW, seen, seen, 0x01, 0x80, seen] {
            assert_eq!(server.read_frame().await.unwrap().0, first, "{allowed}");
        }
    }
}
