//! The libraries, each behind the same trait.

mod bare_ws;
mod bare_ws_std;
mod bare_ws_tokio;
mod drive;
mod fastwebsockets;
mod limit;
mod sockudo_ws;
mod tokio_tungstenite;
mod tokio_websockets;
mod tungstenite;
mod web_socket;
mod wtx;
mod yawc;

use std::net::{SocketAddr, TcpStream};

pub use self::bare_ws::message;
pub use self::bare_ws_std::answer;
pub use self::drive::BoxFuture;
use crate::direction::Takeover;
use crate::payload::{Kind, Payload};
use crate::wire::Wire;

/// The loops of the core.
pub const OURS: &str = "bare-ws";
/// What a program on a host uses, with default settings.
pub const OURS_STD: &str = "bare-ws-std";
/// The same in tokio, ...
pub const OURS_TOKIO: &str = "bare-ws-std, tokio";
/// ... and as `Stream` and `Sink`.
pub const OURS_OWNED: &str = "bare-ws-std, Sink";
pub const ALL_OURS: [&str; 4] = [OURS, OURS_STD, OURS_TOKIO, OURS_OWNED];
/// What most programs in tokio use.
pub const TOKIO_TUNGSTENITE: &str = "tokio-tungstenite";
/// No library: what memory, the sockets, rustls and the engine of compression can do.
pub const LIMIT: &str = "(limit)";

pub const LIBRARIES: &[Library] = &[
    bare_ws::LIBRARY,
    bare_ws_std::LIBRARY,
    bare_ws_tokio::LIBRARY,
    bare_ws_tokio::OWNED,
    tungstenite::LIBRARY,
    tokio_tungstenite::LIBRARY,
    tokio_websockets::LIBRARY,
    fastwebsockets::LIBRARY,
    sockudo_ws::LIBRARY,
    yawc::LIBRARY,
    web_socket::LIBRARY,
    wtx::LIBRARY,
    limit::LIBRARY,
];

/// What the figures have to say about a library: what it cannot do, and what was done for it.
pub const NOTES: &[&str] = &[
    "bare-ws is the core's loop over a transport in memory: it has no sockets of its own",
    "tungstenite, tokio-tungstenite, tokio-websockets, fastwebsockets and web-socket have no permessage-deflate in \
     these releases",
    "yawc checks text only if it is told to; it is. fastwebsockets has nothing to queue messages with",
    "sockudo-ws (feature fastrand) and wtx (Xorshift64) draw their keys from generators that could be predicted, as \
     their defaults are; the others take a cryptographic one",
    "web-socket does not check text, so the program does, by simdutf8; it has no opening handshake for clients, and \
     nothing to queue messages with. It reads through a `BufReader`, as its examples do",
    "wtx is 0.46.1: later releases need a newer compiler than this repository. It masks in place, so each message is \
     copied before it is sent; it forgets its context after each compressed message, whatever is agreed on, and has \
     nothing to queue messages with. It asks for leave not to mask by default; here it does not",
];

pub type InMemory = fn(Wire, Payload) -> Box<dyn Drive>;
pub type Over = fn(TcpStream, Payload) -> Box<dyn Drive>;
/// `None` where it cannot do that.
pub type Deflating = fn(Wire, Payload, Takeover) -> Option<Box<dyn Drive>>;
pub type Connect = fn(SocketAddr, Payload) -> Box<dyn FnMut(u64)>;

pub struct Library {
    pub name: &'static str,
    /// A client in memory.
    pub in_memory: Option<InMemory>,
    /// A client over a connection whose opening handshake the library may do or leave, ...
    pub over_tcp: Option<Over>,
    /// ... and over one that has to begin with TLS.
    pub over_tls: Option<Over>,
    /// A client in memory with permessage-deflate: level 6, where it can be chosen, and any window.
    pub deflate: Option<Deflating>,
    /// Makes so many connections to the address, one after the other, from TCP to the closing handshake.
    pub connect: Option<Connect>,
    /// Opens a connection that sends the payload for each message that it receives.
    pub idle: Option<Idle>,
    /// It can queue messages and write them out together.
    pub has_queue: bool,
}

/// Where a connection waits.
pub enum Idle {
    /// In a task of tokio's.
    Task(fn(SocketAddr, Payload) -> BoxFuture),
    /// In a thread.
    Thread(fn(SocketAddr, Payload)),
}

pub fn named(name: &str) -> Option<&'static Library> {
    LIBRARIES.iter().find(|library| library.name == name)
}

/// A client, which sends its payload and receives whatever comes. Loops stand inside, so that no library is held back
/// by a call for each message.
pub trait Drive {
    /// Receives so many messages, and shows each.
    fn receive(&mut self, count: u64, show: &mut dyn FnMut(Kind, &[u8]));

    /// Sends so many messages, each out of the door before the next.
    fn send(&mut self, count: u64);

    /// Sends one and receives one, so many times.
    fn echo(&mut self, count: u64, show: &mut dyn FnMut(Kind, &[u8]));

    /// Queues so many messages and writes them out, as the library would batch them; then receives one.
    fn batch(&mut self, count: u64);

    /// Sends these.
    fn send_each(&mut self, payloads: &mut dyn Iterator<Item = Payload>);

    /// Sends each of these and receives one after it.
    fn echo_each(
        &mut self,
        payloads: &mut dyn Iterator<Item = Payload>,
        show: &mut dyn FnMut(Kind, &[u8]),
    );
}
