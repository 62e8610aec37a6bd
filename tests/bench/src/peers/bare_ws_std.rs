//! bare-ws-std with default settings: what a program on a host uses.

use std::cell::RefCell;
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use bare_ws::close::CloseCode;
use bare_ws::handshake::server::{ServerHandshake, Service};
use bare_ws::message::Message;
use bare_ws_std::{Config, Deflate, Interest, Socket, Stream, Tls, WebSocket, connect};

use super::bare_ws::message;
use super::drive::{Blocking, Client, hold_in_thread, one_by_one};
use super::{Idle, Library};
use crate::payload::{Kind, Payload};
use crate::tls;
use crate::wire::Wire;

pub const LIBRARY: Library = Library {
    name: super::OURS_STD,
    in_memory: Some(|wire, payload| open(&Config::new(), "ws", Served::new(wire, ""), payload)),
    over_tcp: Some(|tcp, payload| open(&Config::new(), "ws", tcp, payload)),
    over_tls: Some(|tcp, payload| {
        let tls = Tls::builder().root(tls::certificate().to_vec()).build();
        let tls = tls.expect("a root").connect(tls::HOST, tcp, None);
        open(&Config::new(), "wss", tls.expect("a handshake"), payload)
    }),
    deflate: Some(|wire, payload, takeover| {
        let config = Config::new().deflate(Deflate::new());
        let field = DEFLATE[takeover as usize];
        Some(open(&config, "ws", Served::new(wire, field), payload))
    }),
    connect: Some(|address, payload| one_by_one(move || connected(address, payload))),
    idle: Some(Idle::Thread(|address, payload| {
        hold_in_thread(connected(address, Payload::EMPTY), payload);
    })),
    has_queue: true,
};

/// What a server adds to its answer, by [`Takeover`](crate::direction::Takeover).
pub const DEFLATE: [&str; 2] = [
    "Sec-WebSocket-Extensions: permessage-deflate\r\n",
    "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
     client_no_context_takeover\r\n",
];

fn open<S: Stream + 'static>(
    config: &Config,
    scheme: &str,
    stream: S,
    payload: Payload,
) -> Box<dyn super::Drive> {
    let opened = config.open(&format!("{scheme}://{}/", tls::HOST), stream);
    Box::new(Blocking(Ours {
        socket: opened.expect("open"),
        message: message(payload),
    }))
}

fn connected(address: SocketAddr, payload: Payload) -> Ours<Socket> {
    Ours {
        socket: connect(&format!("ws://{address}/")).expect("open"),
        message: message(payload),
    }
}

struct Ours<S: Stream> {
    socket: WebSocket<S>,
    message: Message<'static>,
}

impl<S: Stream> Client for Ours<S> {
    fn receive(&mut self, show: &mut dyn FnMut(Kind, &[u8])) {
        match self.socket.recv().expect("a message").expect("open") {
            Message::Text(text) => show(Kind::Text, text.as_bytes()),
            Message::Binary(octets) => show(Kind::Binary, octets),
        }
    }

    fn send(&mut self) {
        self.socket.send(black_box(self.message)).expect("sent");
    }

    fn load(&mut self, payload: Payload) {
        self.message = message(payload);
    }

    fn queue(&mut self) {
        let message = black_box(self.message);
        while !self.socket.writer.queue(message).expect("queued") {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.socket.writer.flush().expect("sent");
    }

    fn close(mut self) {
        self.socket.finish(CloseCode::NORMAL, "").expect("closed");
    }
}

/// A wire behind an opening handshake.
struct Served(RefCell<Inner>);

struct Inner {
    wire: Wire,
    /// The handshake's octets that are not read yet, while there is a handshake.
    opening: Option<Vec<u8>>,
    /// A field of the answer.
    field: &'static str,
}

impl Served {
    fn new(wire: Wire, field: &'static str) -> Self {
        Self(RefCell::new(Inner {
            wire,
            field,
            opening: Some(Vec::new()),
        }))
    }
}

/// The answer to a request that is there whole.
pub fn answer(request: &[u8]) -> Vec<u8> {
    let mut handshake = ServerHandshake::<()>::new(&Service::ANY, ());
    let _ = handshake.read(request);
    let mut response = [0; 1024];
    let len = handshake.write(&mut response);
    response[..len].to_vec()
}

/// The same with one more field.
pub fn answer_with(request: &[u8], field: &str) -> Vec<u8> {
    let mut response = answer(request);
    let end = response.len() - 2;
    response.splice(end..end, field.bytes());
    response
}

impl Stream for Served {
    fn try_read(&self, octets: &mut [u8]) -> io::Result<usize> {
        let mut inner = self.0.borrow_mut();
        if let Some(response) = inner.opening.take() {
            octets[..response.len()].copy_from_slice(&response);
            return Ok(response.len());
        }
        inner.wire.read(octets)
    }

    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        let mut inner = self.0.borrow_mut();
        let field = inner.field;
        if let Some(response) = &mut inner.opening {
            *response = answer_with(octets, field);
            return Ok(octets.len());
        }
        inner.wire.write(octets)
    }

    fn wait(&self, _: Interest, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown(&self, _: Shutdown) -> io::Result<()> {
        Ok(())
    }
}
