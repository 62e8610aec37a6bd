//! The same over the asynchronous loop, driven by the smallest executor there is.
#![no_std]
#![no_main]

use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};

use bare_ws::asynch::Connection;
use bare_ws::compression::Uncompressed;
use bare_ws::handshake::{ClientHandshake, Request};
use bare_ws::message::Message;
use bare_ws::receiver::Receiver;
use bare_ws::role::Client;
use bare_ws::sender::Sender;
use bare_ws::uri;
use bare_ws_size::{Board, Ended, Io, Kib, binary, ended, kib, place, text};

/// In static memory, as firmware keeps it.
type Session = Connection<
    (Io, Io),
    Receiver<Client, &'static mut Kib>,
    Sender<Client, &'static mut Kib, Board>,
>;

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let mut session = pin!(session());
    loop {
        if let Poll::Ready(outcome) = poll(session.as_mut()) {
            ended(outcome);
        }
    }
}

/// As executors do: a function of its own, whose frame does not hold the future.
#[inline(never)]
fn poll(session: Pin<&mut dyn Future<Output = Result<(), Ended>>>) -> Poll<Result<(), Ended>> {
    session.poll(&mut Context::from_waker(Waker::noop()))
}

async fn session() -> Result<(), Ended> {
    let connection = connection();
    open(connection).await?;
    connection.send("hello").await?;
    while let Some(message) = connection.recv().await? {
        match message {
            Message::Text(octets) => text(octets),
            Message::Binary(octets) => binary(octets),
        }
    }
    Ok(())
}

/// Apart, so that what only the opening handshake needs is not kept beside the connection.
#[inline(never)]
async fn open(connection: &mut Session) -> Result<(), Ended> {
    let request = Request::new(uri!("ws://example.com/ws"));
    let mut handshake = ClientHandshake::new(&request, Uncompressed, &mut Board)?;
    connection.shake_hands(&mut handshake).await?;
    handshake.finish()?;
    Ok(())
}

/// Apart, so that the connection is not made in the frame of what uses it.
#[inline(never)]
fn connection() -> &'static mut Session {
    let receiver = Receiver::new(kib!());
    let sender = Sender::new(kib!(), Board);
    place!(Session = Connection::new((Io, Io), receiver, sender))
}
