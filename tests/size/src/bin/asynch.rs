//! The same over the asynchronous loop, driven by the smallest executor there is.
#![no_std]
#![no_main]

use core::pin::pin;
use core::task::{Context, Poll, Waker};

use bare_ws::asynch::Connection;
use bare_ws::handshake::{ClientHandshake, Request};
use bare_ws::message::Message;
use bare_ws::receiver::Receiver;
use bare_ws::role::Client;
use bare_ws::sender::Sender;
use bare_ws::uri;
use bare_ws_size::{Board, Io, binary, kib, text};

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let mut session = pin!(session());
    while let Poll::Pending = session.as_mut().poll(&mut Context::from_waker(Waker::noop())) {}
    loop {}
}

async fn session() -> Option<()> {
    let request = Request::new(uri!("ws://example.com/ws"));
    let handshake = ClientHandshake::new(&request, (), &mut Board).ok()?;
    let receiver = Receiver::<Client, &mut [u8]>::new(kib!());
    let sender = Sender::<Client, &mut [u8], _>::new(kib!(), Board);
    let (mut connection, _) = Connection::open(Io, handshake, receiver, sender).await.ok()?;
    connection.send("hello").await.ok()?;
    while let Some(message) = connection.recv().await.ok()? {
        match message {
            Message::Text(octets) => text(octets),
            Message::Binary(octets) => binary(octets),
        }
    }
    Some(())
}
