//! bare-ws over its blocking loop, with the connection in static memory.
#![no_std]
#![no_main]

use core::mem::MaybeUninit;

use bare_ws::blocking::Connection;
use bare_ws::compression::Uncompressed;
use bare_ws::entropy::{Entropy, EntropyError};
use bare_ws::handshake::{ClientHandshake, Request};
use bare_ws::message::Message;
use bare_ws::receiver::Receiver;
use bare_ws::role::Client;
use bare_ws::sender::Sender;
use bare_ws::uri;
use bare_ws_peers::{BUFFER, Board, Io, binary, buffer, ended, next_payload, opened, state, text};

type Session = Connection<
    Io,
    Receiver<Client, &'static mut [u8; BUFFER]>,
    Sender<Client, &'static mut [u8; BUFFER], Source>,
>;

#[unsafe(no_mangle)]
extern "C" fn client() {
    ended(session());
}

fn session() -> Result<(), Failed> {
    let connection = connection();
    open(connection)?;
    opened();
    while let Some(octets) = next_payload() {
        connection.send(octets)?;
    }
    while let Some(message) = connection.recv()? {
        match message {
            Message::Text(octets) => text(octets),
            Message::Binary(octets) => binary(octets),
        }
    }
    Ok(())
}

/// Apart, so that what only the opening handshake needs is not kept beside the connection.
#[inline(never)]
fn open(connection: &mut Session) -> Result<(), Failed> {
    let request = Request::new(uri!("ws://example.com/ws"));
    let mut handshake = ClientHandshake::new(&request, Uncompressed, &mut Source)?;
    connection.shake_hands(&mut handshake)?;
    handshake.finish()?;
    Ok(())
}

/// Apart, so that the connection is not made in the frame of what uses it.
#[inline(never)]
fn connection() -> &'static mut Session {
    static mut CONNECTION: MaybeUninit<Session> = MaybeUninit::uninit();
    state(size_of::<Session>());
    let receiver = Receiver::new(buffer!());
    let sender = Sender::new(buffer!(), Source);
    // SAFETY: reached once, by the one `client`.
    unsafe { (*core::ptr::addr_of_mut!(CONNECTION)).write(Connection::new(Io, receiver, sender)) }
}

struct Source;

impl Entropy for Source {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        Board.random(octets);
        Ok(())
    }
}

/// For an application to which an error is an error.
struct Failed;

impl<E: core::error::Error> From<E> for Failed {
    fn from(_: E) -> Self {
        Self
    }
}
