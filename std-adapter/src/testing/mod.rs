//! A server in memory, for the tests of a program of your own, by the feature `testing`: no sockets, no
//! ports, and the server does exactly what the test says.
//!
//! [`pair`] makes both ends. The [`Client`] is a [`Stream`], so [`Config::open`](crate::Config::open) opens a
//! connection over it, with all that a connection has: limits in time, several threads,
//! compression. It counts as secure, so the URI may be `wss`. The [`Server`] is for a thread of the
//! test, which plays the peer step by step.
//!
//! ```
//! use std::thread;
//!
//! use bare_ws_std::{CloseCode, Config, Error, OwnedMessage, Stream, WebSocket, testing};
//!
//! /// What is tested: it takes a connection over any stream.
//! fn greet<S: Stream>(socket: &mut WebSocket<S>) -> Result<Option<OwnedMessage>, Error> {
//!     socket.send("hello")?;
//!     socket.recv_owned()
//! }
//!
//! # fn main() -> Result<(), Error> {
//! let (client, mut server) = testing::pair();
//! let script = thread::spawn(move || {
//!     let request = server.accept();
//!     assert_eq!(request.path(), "/chat?room=1");
//!     assert_eq!(request.header("Authorization"), Some("Bearer t0k3n"));
//!     assert_eq!(server.recv(), Some(OwnedMessage::from("hello")));
//!     server.send("hello yourself");
//!     assert_eq!(server.recv_close(), Some(CloseCode::NORMAL));
//!     server.close(Some(CloseCode::NORMAL), "bye");
//! });
//!
//! let mut socket = Config::new()
//!     .header("Authorization", "Bearer t0k3n")
//!     .open("wss://example.org/chat?room=1", client)?;
//! assert_eq!(greet(&mut socket)?, Some(OwnedMessage::from("hello yourself")));
//! socket.finish(Some(CloseCode::NORMAL), "")?;
//! script.join().expect("the server has seen what it wanted");
//! # Ok(())
//! # }
//! ```
//!
//! What a server can do wrong, it does with the same calls:
//!
//! | the server … | |
//! |---|---|
//! | refuses, redirects | [`request`](Server::request), then [`respond`](Server::respond) |
//! | agrees to a subprotocol, sends a cookie | [`accept_with`](Server::accept_with) |
//! | sends fragments, Pings, reserved bits, masked frames, wrong lengths | [`send_frame`](Server::send_frame) |
//! | sends anything else | [`send_octets`](Server::send_octets) |
//! | does not answer, or not in time | wait, with the server in hand |
//! | does not read | read nothing: a direction holds 64 KiB, then the client waits |
//! | ends without a closing handshake | drop the [`Server`], or [`end`](Server::end) one direction |
//!
//! # Frames, lawful and not
//!
//! A frame is a header and a payload, and the header says what the test wants it to. What the client
//! makes of it, and the Close that it sends for it, is there to be seen:
//!
//! ```
//! use std::thread;
//!
//! use bare_ws_std::bare_ws::header::FrameHeader;
//! use bare_ws_std::bare_ws::opcode::Opcode;
//! use bare_ws_std::{CloseCode, Config, Error, OwnedMessage, Violation, testing};
//!
//! # fn main() -> Result<(), Error> {
//! let (client, mut server) = testing::pair();
//! let script = thread::spawn(move || {
//!     server.accept_with(&[("Set-Cookie", "id=1")]);
//!     // A message in two fragments, with a Ping between them, which is answered.
//!     server.send_frame(FrameHeader::new(Opcode::Text, false, 3), b"one");
//!     server.send_frame(FrameHeader::new(Opcode::Ping, true, 1), b"?");
//!     server.send_frame(FrameHeader::new(Opcode::Continuation, true, 3), b"two");
//!     let pong = server.recv_frame().expect("an answer");
//!     assert_eq!((pong.header.opcode, &pong.payload[..]), (Opcode::Pong, &b"?"[..]));
//!     // RFC 6455 §5.2: a reserved bit that means nothing.
//!     let unlawful = FrameHeader {
//!         rsv2: true,
//!         ..FrameHeader::new(Opcode::Binary, true, 1)
//!     };
//!     server.send_frame(unlawful, b"x");
//!     assert_eq!(server.recv_close(), Some(CloseCode::PROTOCOL_ERROR));
//! });
//!
//! let mut socket = Config::new().open("wss://example.org/", client)?;
//! assert_eq!(socket.response().header("set-cookie"), Some("id=1"));
//! assert_eq!(socket.recv_owned()?, Some(OwnedMessage::from("onetwo")));
//! assert!(matches!(socket.recv(), Err(Error::Peer(Violation::ReservedBit))));
//! drop(socket);
//! script.join().expect("the server has seen what it wanted");
//! # Ok(())
//! # }
//! ```
//!
//! # In tokio
//!
//! The same [`Client`] is an `AsyncRead + AsyncWrite` with the feature `tokio`. `Client::open` makes a
//! connection of it, for `wss` too; `tokio::open` would speak TLS. The script of
//! the server waits as a thread does: give it to `spawn_blocking`. Where the clock is paused, it
//! stands still until the script is over, and then goes on to the next deadline at once.
#![cfg_attr(feature = "tokio", doc = "")]
#![cfg_attr(feature = "tokio", doc = "```")]
#![cfg_attr(not(feature = "tokio"), doc = "\n```text")]
//! use std::time::Duration;
//!
//! use bare_ws_std::{Config, Error, OwnedMessage, Timeout, testing};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Error> {
//! let (client, mut server) = testing::pair();
//! let script = tokio::task::spawn_blocking(move || {
//!     assert_eq!(server.accept().path(), "/feed");
//!     server.send("tick");
//!     server
//! });
//!
//! let config = Config::new().silence_timeout(Duration::from_secs(3600));
//! let mut socket = client.open(&config, "wss://example.org/feed").await?;
//! assert_eq!(socket.recv_owned().await?, Some(OwnedMessage::from("tick")));
//! let _server = script.await.expect("the server has seen what it wanted");
//! // An hour later.
//! let silent = socket.recv().await;
//! assert!(matches!(silent, Err(Error::Timeout(Timeout::Silence))));
//! # Ok(())
//! # }
//! ```
//!
//! The calls of the [`Server`] panic where a test has failed: when the client sends nothing, or reads
//! nothing, for longer than [`patience`](Server::patience), or sends what no client may send. A
//! server that panics is dropped, which ends the connection, and `join` tells the test.
mod pipe;
mod server;
#[cfg(feature = "tokio")]
mod task;

pub use pipe::Client;
pub use server::{Frame, Request, Server};

#[cfg(doc)]
use crate::stream::Stream;

/// The two ends of a connection in memory.
#[must_use]
pub fn pair() -> (Client, Server) {
    let (client, end) = pipe::pair();
    (client, Server::new(end))
}
