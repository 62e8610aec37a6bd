//! The libraries, each behind the same two traits.

mod bare_ws;
mod tokio_websockets;
mod tungstenite;

use crate::payload::{Kind, Payload};
use crate::wire::Wire;

pub const OURS: &str = "bare-ws";

pub const LIBRARIES: &[Library] = &[
    bare_ws::LIBRARY,
    tungstenite::LIBRARY,
    tokio_websockets::LIBRARY,
];

pub struct Library {
    pub name: &'static str,
    /// A client that receives `payload` again and again.
    pub receiver: fn(Wire, Payload) -> Box<dyn Receive>,
    /// A client that sends `payload` again and again.
    pub sender: fn(Wire, Payload) -> Box<dyn Send>,
}

pub trait Receive {
    /// Receives so many messages, and shows each. One method, so that no library's loop is held
    /// back by being wanted in two places.
    fn receive(&mut self, count: u64, show: &mut dyn FnMut(Kind, &[u8]));
}

pub trait Send {
    /// Sends so many messages, each out of the door before the next.
    fn send(&mut self, count: u64);

    fn wire(&mut self) -> &mut Wire;
}
