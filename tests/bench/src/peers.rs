//! The libraries, each behind the same trait.

mod bare_ws;
mod bare_ws_std;
mod bare_ws_tokio;
mod drive;
mod fastwebsockets;
mod raw;
mod sockudo_ws;
mod tokio_tungstenite;
mod tokio_websockets;
mod tungstenite;
mod yawc;

use std::net::TcpStream;

pub use self::bare_ws::message;
pub use self::bare_ws_std::answer;
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
/// No library: what the sockets can do.
pub const RAW: &str = "(raw TCP)";

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
    raw::LIBRARY,
];

pub type InMemory = fn(Wire, Payload) -> Box<dyn Drive>;
pub type OverTcp = fn(TcpStream, Payload) -> Box<dyn Drive>;

pub struct Library {
    pub name: &'static str,
    /// A client in memory.
    pub in_memory: Option<InMemory>,
    /// A client over a connection whose opening handshake the library may do or leave.
    pub over_tcp: Option<OverTcp>,
    /// A client in memory with permessage-deflate: level 6, context takeover, any window.
    pub deflate: Option<InMemory>,
    /// It can queue messages and write them out together.
    pub has_queue: bool,
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
}
