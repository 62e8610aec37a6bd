//! Echo by a task that waits: the core's asynchronous loop over a socket of the operating
//! system's, or the embedded TLS path over it.

use std::io;

use async_io::block_on;
use bare_ws::asynch::{Answered, Connection, Link, Reader, Writer};
use bare_ws::buffer::{Growing, Storage};
use bare_ws::closing::{Owed, Reply};
use bare_ws::error::Error as ProtocolError;
use bare_ws::handshake::{ClientHandshake, HandshakeError};
use bare_ws::receiver::Receiver;
use bare_ws::role::Client;
use bare_ws::sender::Sender;
use bare_ws_std::{CloseCode, Deflating, Error, Inflating, MessageKind, SystemEntropy, Timeout};
use embedded_io_async::{Read, Write};

use crate::blocking::ended;
use crate::options::{Engine, Options};
use crate::secure::{Memory, Secure, roots};
use crate::socket::Socket;
use crate::{Closed, Failure};

/// [`crate::echo`] over the core's asynchronous loop.
///
/// # Errors
/// As there.
pub fn echo(options: &Options, uri: &str) -> Result<Closed, Failure> {
    let config = options.config();
    config.check(uri)?;
    let parts = config.parts();
    let target = parts.request(uri)?.uri;
    let roots = match target.is_secure() {
        true => Some(roots(&options.ca)?),
        false => None,
    };
    // The adapter resolves and connects; what comes after it waits as a task.
    let socket = Socket::new(config.dial(uri)?, options.timeouts).map_err(Error::Io)?;
    let Some(roots) = roots else {
        return block_on(over(options, uri, &socket));
    };
    let mut memory = Memory::new();
    let (link, records) = memory.split();
    block_on(async {
        let opened = Secure::connect(target.host(), &roots, &link, records, &socket);
        Box::pin(over(options, uri, opened.await?)).await
    })
}

async fn over<T: Transport>(options: &Options, uri: &str, io: T) -> Result<Closed, Failure> {
    let outcome = match options.engine {
        Engine::Alloc => run(options, uri, io, Growing::with_len(options.rx())).await,
        Engine::Fixed => {
            let buffer = vec![0; options.rx()].into_boxed_slice();
            run(options, uri, io, buffer).await
        }
    };
    outcome.map_err(Failure::from)
}

type EchoReader<B> = Reader<Client, B, Inflating>;
type EchoWriter<T> = Writer<T, Client, Box<[u8]>, SystemEntropy, Deflating>;

async fn run<T: Transport, B: Storage>(
    options: &Options,
    uri: &str,
    io: T,
    buffer: B,
) -> Result<Closed, Error> {
    let config = options.config();
    let parts = config.parts();
    let request = parts.request(uri)?;
    let mut entropy = SystemEntropy::new()?;
    let handshake = ClientHandshake::new(&request, parts.extensions()?, &mut entropy)?;
    let mut receiver = Receiver::with_stage(buffer, Inflating::default());
    receiver.set_limits(config.limits());
    let transmit = vec![0; options.tx()].into_boxed_slice();
    let sender = Sender::with_stage(transmit, entropy, Deflating::default());
    let (connection, established) = Connection::open(io, handshake, receiver, sender)
        .await
        .map_err(not_opened)?;
    let Connection {
        mut reader,
        mut writer,
    } = connection;
    writer.io_mut().socket().opened();
    let (inflating, deflating) = config.stages(established.extensions.agreed())?;
    *reader.receiver_mut().stage_mut() = inflating;
    *writer.sender_mut().stage_mut() = deflating;
    let echoed = match options.engine {
        Engine::Alloc => whole(&mut reader, &mut writer, options.text_only).await,
        Engine::Fixed => pieces(&mut reader, &mut writer, options.text_only).await,
    };
    end(&mut writer, &echoed).await;
    echoed?;
    Ok(reader
        .close_status()
        .map_or(Closed::NO_STATUS, Closed::from))
}

/// Message by message, until the peer has closed.
async fn whole<T: Transport, B: Storage>(
    reader: &mut EchoReader<B>,
    writer: &mut EchoWriter<T>,
    text_only: bool,
) -> Result<(), Error> {
    let mut first_error = None;
    loop {
        match reader.recv(&mut Through(writer)).await {
            Ok(Some(message)) => {
                if writer.sender().is_open()
                    && first_error.is_none()
                    && !refuse(message.kind(), text_only, writer).await?
                {
                    first_error = writer.send(message).await.err().map(broken);
                }
            }
            Ok(None) => return ended(first_error),
            Err(error) => go_on(broken(error), &mut first_error, writer).await?,
        }
    }
}

/// Each piece is sent back as a fragment while the next is still on its way. Nothing is allocated.
async fn pieces<T: Transport, B: Storage>(
    reader: &mut EchoReader<B>,
    writer: &mut EchoWriter<T>,
    text_only: bool,
) -> Result<(), Error> {
    let mut first_error = None;
    loop {
        match reader.recv_chunk(&mut Through(writer)).await {
            Ok(Some(chunk)) => {
                if writer.sender().is_open()
                    && first_error.is_none()
                    && !refuse(chunk.kind, text_only, writer).await?
                {
                    let sent = writer.send_fragment(chunk.kind, chunk.octets, chunk.fin);
                    first_error = sent.await.err().map(broken);
                }
            }
            Ok(None) => return ended(first_error),
            Err(error) => go_on(broken(error), &mut first_error, writer).await?,
        }
    }
}

/// As in [`crate::blocking`].
async fn refuse<T: Transport>(
    kind: MessageKind,
    text_only: bool,
    writer: &mut EchoWriter<T>,
) -> Result<bool, Error> {
    let refused = text_only && kind == MessageKind::Binary;
    if refused {
        writer.io_mut().socket().start_closing();
        let closed = writer.close(Some(CloseCode::UNSUPPORTED_DATA), "text only");
        closed.await.map_err(broken)?;
    }
    Ok(refused)
}

/// As in [`crate::blocking`].
async fn go_on<T: Transport>(
    error: Error,
    first_error: &mut Option<Error>,
    writer: &mut EchoWriter<T>,
) -> Result<(), Error> {
    if let Some(first) = first_error.take() {
        return Err(first);
    }
    if matches!(error, Error::Timeout(Timeout::Idle)) {
        writer.io_mut().socket().start_closing();
        let closed = writer.close(Some(CloseCode::GOING_AWAY), "idle");
        if closed.await.is_ok() {
            *first_error = Some(error);
            return Ok(());
        }
    }
    Err(error)
}

/// Waits for the peer to close the transport; after a failure it is told first that nothing more
/// comes, and must have the time to read our Close.
async fn end<T: Transport>(writer: &mut EchoWriter<T>, echoed: &Result<(), Error>) {
    let io = writer.io_mut();
    io.socket().start_closing();
    let mut scratch = [0; 4096];
    match echoed {
        Ok(()) => {
            while matches!(io.read(&mut scratch).await, Ok(n) if n > 0) {}
            io.finish().await;
        }
        Err(Error::Protocol(ProtocolError::Peer(_) | ProtocolError::Capacity(_))) => {
            io.finish().await;
            let mut socket = io.socket();
            while matches!(socket.read(&mut scratch).await, Ok(n) if n > 0) {}
        }
        Err(_) => {}
    }
}

fn not_opened(error: HandshakeError<io::Error>) -> Error {
    error.narrow().map_or_else(transport, Error::from)
}

fn broken(error: ProtocolError<io::Error>) -> Error {
    error.narrow().map_or_else(transport, Error::from)
}

pub(crate) fn transport(error: io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(timeout) => Error::Timeout(*timeout),
        None => Error::Io(error),
    }
}

/// What the loop runs over.
pub trait Transport: Read<Error = io::Error> + Write {
    /// The socket below, for its deadlines.
    fn socket(&self) -> &Socket;

    /// Tells the peer that nothing more comes. With TLS nothing is read any more then.
    fn finish(&mut self) -> impl Future<Output = ()>;
}

/// ws
impl Transport for &Socket {
    fn socket(&self) -> &Socket {
        self
    }

    async fn finish(&mut self) {
        Socket::finish(self);
    }
}

/// The writer as the receive loop sees it: a Close that it owes starts the close time-out.
struct Through<'a, T>(&'a mut EchoWriter<T>);

impl<T: Transport> Link for Through<'_, T> {
    type Error = io::Error;

    async fn read(&mut self, spare: &mut [u8]) -> io::Result<usize> {
        self.0.read(spare).await
    }

    fn is_free(&self) -> bool {
        self.0.is_free()
    }

    fn has_queued(&self) -> bool {
        self.0.has_queued()
    }

    async fn answer(
        &mut self,
        owed: &mut Owed,
        spare: &mut [u8],
    ) -> Result<Answered, ProtocolError<io::Error>> {
        if let Some(Reply::Close(_)) = owed.reply() {
            self.0.io_mut().socket().start_closing();
        }
        self.0.answer(owed, spare).await
    }
}
