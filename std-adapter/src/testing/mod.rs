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
//! The calls of the [`Server`] panic where a test has failed: when the client sends nothing, or reads
//! nothing, for longer than [`patience`](Server::patience), or sends what no client may send. A
//! server that panics is dropped, which ends the connection, and `join` tells the test.
mod pipe;
mod server;

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
