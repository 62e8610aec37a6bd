//! Both loops of the core behind one face, call by call, over the [`Transport`] of these tests.

use core::cell::{Ref, RefMut};
use core::ops::{Deref, DerefMut};

use bare_ws::buffer::Storage;
use bare_ws::close::CloseCode;
use bare_ws::entropy::Entropy;
use bare_ws::error::Error;
use bare_ws::header::FrameHeader;
use bare_ws::message::MessageKind;
use bare_ws::receiver::{Delivery, Receiver};
use bare_ws::role::Client;
use bare_ws::sender::Sender;
use bare_ws::{asynch, blocking};

use crate::io::{Half, IoError, Transport};
use crate::poll::poll_times;

/// What a call comes to. A call of the asynchronous loop that waits is dropped, and says the same
/// as one of the blocking loop whose transport has timed out: [`IoError::WouldBlock`].
pub type Result<T> = core::result::Result<T, Error<IoError>>;

/// A loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loop {
    /// The blocking one.
    Blocking,
    /// The asynchronous one.
    Asynch,
}

/// Both.
pub const BOTH: [Loop; 2] = [Loop::Blocking, Loop::Asynch];

/// A connection over either.
pub trait Calls {
    /// The next message's octets.
    fn recv(&mut self) -> Result<Option<Vec<u8>>>;
    /// The next piece's.
    fn recv_chunk(&mut self) -> Result<Option<Vec<u8>>>;
    /// The next frame's.
    fn recv_frame(&mut self) -> Result<Option<Vec<u8>>>;
    /// Whether anything is announced.
    fn advance(&mut self) -> Result<bool>;
    /// Sends a binary message.
    fn send(&mut self, octets: &[u8]) -> Result<()>;
    /// Sends a piece of one.
    fn send_fragment(&mut self, octets: &[u8], fin: bool) -> Result<()>;
    /// Sends one frame.
    fn send_frame(&mut self, header: FrameHeader, octets: &[u8]) -> Result<()>;
    /// Begins a frame of so many octets, of which these are queued: the rest never comes.
    fn tear(&mut self, len: usize, octets: &[u8]);
    /// Sends a Ping.
    fn ping(&mut self, octets: &[u8]) -> Result<()>;
    /// Sends a Pong.
    fn pong(&mut self, octets: &[u8]) -> Result<()>;
    /// Sends a Close.
    fn close(&mut self, code: CloseCode, reason: &str) -> Result<()>;
    /// Writes out what is queued.
    fn flush(&mut self) -> Result<()>;
    /// Reads until the transport ends.
    fn finish(&mut self) -> Result<()>;
    /// The transport.
    fn io(&self) -> Box<dyn Deref<Target = Transport> + '_>;
    /// The transport.
    fn io_mut(&mut self) -> Box<dyn DerefMut<Target = Transport> + '_>;
    /// Why the connection failed.
    fn failure(&self) -> Option<Error>;

    /// The next of what is delivered in that way.
    ///
    /// # Errors
    /// As the call's.
    fn next(&mut self, delivery: Delivery) -> Result<Option<Vec<u8>>> {
        match delivery {
            Delivery::Message => self.recv(),
            Delivery::Chunk => self.recv_chunk(),
            Delivery::Frame => self.recv_frame(),
        }
    }
}

/// A client. Of the asynchronous loop, each call is dropped when it waits.
#[must_use]
pub fn connect<B: Storage + 'static, E: Entropy + 'static>(
    which: Loop,
    io: Transport,
    receive: B,
    transmit: usize,
    entropy: E,
) -> Box<dyn Calls> {
    match which {
        Loop::Blocking => {
            let (receiver, sender) = (Receiver::new(receive), sender(transmit, entropy));
            let connection = Blocking::new(io, receiver, sender);
            // Nothing is polled.
            Box::new(Driven {
                connection,
                polls: 0,
            })
        }
        Loop::Asynch => dropping(MANY, io, receive, transmit, entropy),
    }
}

/// A client over the asynchronous loop each call of which is dropped after so many polls.
#[must_use]
pub fn dropping<B: Storage + 'static, E: Entropy + 'static>(
    polls: usize,
    io: Transport,
    receive: B,
    transmit: usize,
    entropy: E,
) -> Box<dyn Calls> {
    let (receiver, sender) = (Receiver::new(receive), sender(transmit, entropy));
    let connection = Asynch::new(io.halves(), receiver, sender);
    Box::new(Driven { connection, polls })
}

/// More polls than the transport pends before one call.
pub const MANY: usize = 200;

type Transmit<E> = Sender<Client, Vec<u8>, E>;
type Blocking<B, E> = blocking::Connection<Transport, Receiver<Client, B>, Transmit<E>>;
type Asynch<B, E> = asynch::Connection<(Half, Half), Receiver<Client, B>, Transmit<E>>;

fn sender<E: Entropy>(transmit: usize, entropy: E) -> Transmit<E> {
    Sender::new(vec![0xa5; transmit], entropy)
}

struct Driven<C> {
    connection: C,
    polls: usize,
}

/// Polls so often, then drops.
///
/// # Errors
/// The call's, or that it waits.
pub fn polled<T>(polls: usize, future: impl Future<Output = Result<T>>) -> Result<T> {
    poll_times(polls, future).unwrap_or(Err(Error::Transport(IoError::WouldBlock)))
}

fn as_is<T>(_: usize, value: T) -> T {
    value
}

macro_rules! calls {
    ($connection:ident, $run:path, $io:expr, $io_mut:expr) => {
        impl<B: Storage, E: Entropy> Calls for Driven<$connection<B, E>> {
            fn recv(&mut self) -> Result<Option<Vec<u8>>> {
                Ok($run(self.polls, self.connection.recv())?
                    .map(|message| message.as_bytes().to_vec()))
            }
            fn recv_chunk(&mut self) -> Result<Option<Vec<u8>>> {
                Ok($run(self.polls, self.connection.recv_chunk())?
                    .map(|chunk| chunk.octets.to_vec()))
            }
            fn recv_frame(&mut self) -> Result<Option<Vec<u8>>> {
                Ok($run(self.polls, self.connection.recv_frame())?
                    .map(|frame| frame.payload.to_vec()))
            }
            fn advance(&mut self) -> Result<bool> {
                $run(
                    self.polls,
                    self.connection
                        .reader
                        .advance(&mut self.connection.writer, Delivery::Message),
                )
            }
            fn send(&mut self, octets: &[u8]) -> Result<()> {
                $run(self.polls, self.connection.send(octets))
            }
            fn send_fragment(&mut self, octets: &[u8], fin: bool) -> Result<()> {
                $run(
                    self.polls,
                    self.connection
                        .writer
                        .send_fragment(MessageKind::Binary, octets, fin),
                )
            }
            fn send_frame(&mut self, header: FrameHeader, octets: &[u8]) -> Result<()> {
                $run(
                    self.polls,
                    self.connection.writer.send_frame(header, octets),
                )
            }
            fn tear(&mut self, len: usize, octets: &[u8]) {
                let sender = self.connection.writer.sender_mut();
                let begun = sender.begin_frame(MessageKind::Binary, len);
                begun.expect("nothing is pending");
                assert_eq!(sender.frame_payload(octets), octets.len());
            }
            fn ping(&mut self, octets: &[u8]) -> Result<()> {
                $run(self.polls, self.connection.writer.ping(octets))
            }
            fn pong(&mut self, octets: &[u8]) -> Result<()> {
                $run(self.polls, self.connection.writer.pong(octets))
            }
            fn close(&mut self, code: CloseCode, reason: &str) -> Result<()> {
                $run(self.polls, self.connection.close(Some(code), reason))
            }
            fn flush(&mut self) -> Result<()> {
                $run(self.polls, self.connection.writer.flush())
            }
            fn finish(&mut self) -> Result<()> {
                $run(self.polls, self.connection.finish())
            }
            fn io(&self) -> Box<dyn Deref<Target = Transport> + '_> {
                Box::new($io(self.connection.writer.io()))
            }
            fn io_mut(&mut self) -> Box<dyn DerefMut<Target = Transport> + '_> {
                Box::new($io_mut(self.connection.writer.io_mut()))
            }
            fn failure(&self) -> Option<Error> {
                self.connection.reader.receiver().failure()
            }
        }
    };
}
calls!(
    Blocking,
    as_is,
    core::convert::identity,
    core::convert::identity
);
calls!(Asynch, polled, first, first_mut);

fn first(io: &(Half, Half)) -> Ref<'_, Transport> {
    io.0.get()
}

fn first_mut(io: &mut (Half, Half)) -> RefMut<'_, Transport> {
    io.0.get_mut()
}
