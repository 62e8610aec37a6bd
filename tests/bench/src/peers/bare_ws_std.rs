//! bare-ws-std with default settings: what a program on a host uses.

use std::cell::RefCell;
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use bare_ws::handshake::server::{ServerHandshake, Service};
use bare_ws::message::Message;
use bare_ws_std::{Config, Deflate, Interest, Stream, WebSocket};

use super::Library;
use super::bare_ws::message;
use super::drive::{Blocking, Client};
use crate::payload::{Kind, Payload};
use crate::wire::Wire;

pub const LIBRARY: Library = Library {
    name: super::OURS_STD,
    in_memory: Some(|wire, payload| client(&Config::new(), Served::new(wire, ""), payload)),
    over_tcp: Some(|tcp, payload| client(&Config::new(), tcp, payload)),
    deflate: Some(|wire, payload| {
        let config = Config::new().deflate(Deflate::new());
        client(&config, Served::new(wire, DEFLATE), payload)
    }),
    has_queue: true,
};

const DEFLATE: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

fn client<S: Stream + 'static>(
    config: &Config,
    stream: S,
    payload: Payload,
) -> Box<dyn super::Drive> {
    let socket = config.open("ws://localhost/", stream).expect("open");
    Box::new(Blocking(Ours {
        socket,
        message: message(payload),
    }))
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

    fn queue(&mut self) {
        let message = black_box(self.message);
        while !self.socket.writer.queue(message).expect("queued") {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.socket.writer.flush().expect("sent");
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
            *response = answer(octets);
            let end = response.len() - 2;
            response.splice(end..end, field.bytes());
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
