//! Echo by a task that waits: the core's asynchronous loop over a socket of the operating
//! system's.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use async_io::{Async, Timer, block_on};
use bare_ws::asynch::{Answered, Connection, Link, Reader, Writer};
use bare_ws::buffer::{Growing, Storage};
use bare_ws::closing::{Owed, Reply};
use bare_ws::error::Error as ProtocolError;
use bare_ws::handshake::{ClientHandshake, HandshakeError};
use bare_ws::receiver::Receiver;
use bare_ws::role::Client;
use bare_ws::sender::Sender;
use bare_ws_std::{CloseCode, Deflating, Error, Inflating, MessageKind, SystemEntropy, Timeout};
use embedded_io_async::Read;
use futures_lite::future::or;
use futures_lite::{AsyncReadExt, AsyncWriteExt};

use crate::Closed;
use crate::blocking::ended;
use crate::options::{Engine, Options};

/// [`crate::echo`] over the core's asynchronous loop.
///
/// # Errors
/// As there.
pub fn echo(options: &Options, uri: &str) -> Result<Closed, Error> {
    let config = options.config();
    config.check(uri)?;
    if config.parts().request(uri)?.uri.is_secure() {
        return Err(Error::NoTls);
    }
    // The adapter resolves and connects; what comes after it waits as a task.
    let socket = Socket::new(config.dial(uri)?, options).map_err(Error::Io)?;
    block_on(async {
        match options.engine {
            Engine::Alloc => run(options, uri, socket, Growing::with_len(options.rx())).await,
            Engine::Fixed => {
                let buffer = vec![0; options.rx()].into_boxed_slice();
                run(options, uri, socket, buffer).await
            }
        }
    })
}

type EchoReader<B> = Reader<Client, B, Inflating>;
type EchoWriter = Writer<Socket, Client, Box<[u8]>, SystemEntropy, Deflating>;

async fn run<B: Storage>(
    options: &Options,
    uri: &str,
    socket: Socket,
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
    let (connection, established) = Connection::open(socket, handshake, receiver, sender)
        .await
        .map_err(not_opened)?;
    let Connection {
        mut reader,
        mut writer,
    } = connection;
    writer.io_mut().deadline = None;
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
async fn whole<B: Storage>(
    reader: &mut EchoReader<B>,
    writer: &mut EchoWriter,
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
async fn pieces<B: Storage>(
    reader: &mut EchoReader<B>,
    writer: &mut EchoWriter,
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
async fn refuse(
    kind: MessageKind,
    text_only: bool,
    writer: &mut EchoWriter,
) -> Result<bool, Error> {
    let refused = text_only && kind == MessageKind::Binary;
    if refused {
        writer.io_mut().start_closing();
        let closed = writer.close(Some(CloseCode::UNSUPPORTED_DATA), "text only");
        closed.await.map_err(broken)?;
    }
    Ok(refused)
}

/// As in [`crate::blocking`].
async fn go_on(
    error: Error,
    first_error: &mut Option<Error>,
    writer: &mut EchoWriter,
) -> Result<(), Error> {
    if let Some(first) = first_error.take() {
        return Err(first);
    }
    if matches!(error, Error::Timeout(Timeout::Idle)) {
        writer.io_mut().start_closing();
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
async fn end(writer: &mut EchoWriter, echoed: &Result<(), Error>) {
    let socket = writer.io_mut();
    socket.start_closing();
    match echoed {
        Ok(()) => {}
        Err(Error::Protocol(ProtocolError::Peer(_) | ProtocolError::Capacity(_))) => {
            let _ = socket.tcp.get_ref().shutdown(Shutdown::Write);
        }
        Err(_) => return,
    }
    let mut scratch = [0; 4096];
    while matches!(socket.read(&mut scratch).await, Ok(n) if n > 0) {}
}

fn not_opened(error: HandshakeError<io::Error>) -> Error {
    error.narrow().map_or_else(transport, Error::from)
}

fn broken(error: ProtocolError<io::Error>) -> Error {
    error.narrow().map_or_else(transport, Error::from)
}

fn transport(error: io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(timeout) => Error::Timeout(*timeout),
        None => Error::Io(error),
    }
}

/// A socket with the deadlines that hold for the moment.
struct Socket {
    tcp: Async<TcpStream>,
    idle: Option<Duration>,
    close: Duration,
    /// For all of the handshake that is going on.
    deadline: Option<(Instant, Timeout)>,
}

impl Socket {
    fn new(tcp: TcpStream, options: &Options) -> io::Result<Self> {
        let timeouts = options.timeouts;
        let handshake = Instant::now().checked_add(timeouts.handshake);
        Ok(Self {
            tcp: Async::new(tcp)?,
            idle: timeouts.idle,
            close: timeouts.close,
            deadline: handshake.map(|at| (at, Timeout::Handshake)),
        })
    }

    /// The closing handshake has one deadline, from its first Close on.
    fn start_closing(&mut self) {
        if self.deadline.is_none() {
            let at = Instant::now().checked_add(self.close);
            self.deadline = at.map(|at| (at, Timeout::Close));
        }
    }

    /// `io`, or the time-out that comes before it.
    async fn bounded(&self, io: impl Future<Output = io::Result<usize>>) -> io::Result<usize> {
        let (timer, timeout) = match (self.deadline, self.idle) {
            (Some((at, timeout)), _) if at <= Instant::now() => return Err(passed(timeout)),
            (Some((at, timeout)), _) => (Timer::at(at), timeout),
            (None, Some(idle)) => (Timer::after(idle), Timeout::Idle),
            (None, None) => return io.await,
        };
        or(io, async {
            timer.await;
            Err(passed(timeout))
        })
        .await
    }
}

fn passed(timeout: Timeout) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, timeout)
}

impl embedded_io_async::ErrorType for Socket {
    type Error = io::Error;
}

impl Read for Socket {
    async fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        let mut tcp = &self.tcp;
        self.bounded(tcp.read(octets)).await
    }
}

impl embedded_io_async::Write for Socket {
    async fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut tcp = &self.tcp;
        self.bounded(tcp.write(octets)).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The writer as the receive loop sees it: a Close that it owes starts the close time-out.
struct Through<'a>(&'a mut EchoWriter);

impl Link for Through<'_> {
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
        if let Some(Reply::Close(_) | Reply::Fail(_)) = owed.reply() {
            self.0.io_mut().start_closing();
        }
        self.0.answer(owed, spare).await
    }

    async fn fail(&mut self, code: CloseCode) {
        self.0.io_mut().start_closing();
        self.0.fail(code).await;
    }
}
