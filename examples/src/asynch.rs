//! Echo by a task that waits: the path of the boards, `bare-ws-embassy`, over a socket of the
//! operating system's.

use std::io;
use std::time::Duration;

use bare_ws::buffer::{Buffers, Growing, Storage};
use bare_ws::handshake::HandshakeError;
use bare_ws::receiver::Receiver;
use bare_ws::role::Client;
use bare_ws::sender::Sender;
use bare_ws_embassy::tls::{self, Setup};
use bare_ws_embassy::transport::Transport;
use bare_ws_embassy::{ConnectError, Connection, KeepAlive, Reader, Timing, Writer};
use bare_ws_std::{CloseCode, Deflating, Error, Inflating, MessageKind, SystemEntropy};

use crate::clock::block_on;
use crate::options::{Engine, Options};
use crate::secure::{Memory, anchors, roots, trust};
use crate::socket::{Socket, SocketError};
use crate::{Closed, Failure};

/// [`crate::echo`] over the adapter for boards.
///
/// # Errors
/// As there.
pub fn echo(
    options: &Options,
    uri: &str,
    report: impl FnOnce(&Result<Closed, Failure>),
) -> Result<Closed, Failure> {
    let mut report = Some(report);
    let mut told = |outcome: &Result<Closed, Failure>| {
        if let Some(report) = report.take() {
            report(outcome);
        }
    };
    let outcome = match options.engine {
        Engine::Alloc => connect(options, uri, Growing::with_len(options.rx()), &mut told),
        Engine::Fixed => {
            let buffer = vec![0; options.rx()].into_boxed_slice();
            connect(options, uri, buffer, &mut told)
        }
    };
    // Unless it was known before.
    told(&outcome);
    outcome
}

type Rx<B> = Receiver<Client, B, Inflating>;
type Tx = Sender<Client, Box<[u8]>, SystemEntropy, Deflating>;

fn connect<B: Storage>(
    options: &Options,
    uri: &str,
    buffer: B,
    told: &mut impl FnMut(&Result<Closed, Failure>),
) -> Result<Closed, Failure> {
    let config = options.config();
    config.check(uri)?;
    let parts = config.parts();
    let request = parts.request(uri)?;
    let compression = parts.compression()?;
    let timing = timing(options);
    let entropy = SystemEntropy::new().map_err(Error::from)?;
    let buffers = Buffers {
        receive: buffer,
        transmit: vec![0; options.tx()].into_boxed_slice(),
    };
    let limits = config.limits();

    let roots = match request.uri.is_secure() {
        true => Some(roots(&options.ca)?),
        false => None,
    };
    // The other adapter resolves and connects; what comes after it waits as a task.
    let socket = Socket::new(config.dial(uri)?).map_err(Error::Io)?;
    let halves = (&socket, &socket);
    let Some(roots) = roots else {
        return block_on(async {
            let opening =
                Connection::open(halves, &request, buffers, entropy, compression, &timing);
            let (mut connection, _) = opening.await.map_err(not_opened)?;
            connection.receiver_mut().set_limits(limits);
            run(options, connection, told).await
        });
    };
    let mut memory = Memory::new();
    let (mut link, records) = memory.split();
    let anchors = anchors(&roots)?;
    let secure = Setup::new(trust(&anchors), &mut link, records);
    block_on(Box::pin(async {
        let opening = tls::open(
            halves,
            secure,
            &request,
            buffers,
            entropy,
            compression,
            &timing,
        );
        let (mut connection, _) = opening.await.map_err(not_opened)?;
        connection.receiver_mut().set_limits(limits);
        run(options, connection, told).await
    }))
}

fn timing(options: &Options) -> Timing {
    let timeouts = &options.timeouts;
    Timing {
        handshake: ticks(timeouts.handshake),
        silence: timeouts.idle.map(ticks),
        stall: options.stall().map(ticks),
        keepalive: timeouts.keepalive.map(|keepalive| KeepAlive {
            interval: ticks(keepalive.interval),
            dead_after: ticks(keepalive.dead_after),
        }),
        close: ticks(timeouts.close),
        ..Timing::DEFAULT
    }
}

fn ticks(duration: Duration) -> embassy_time::Duration {
    let micros = u64::try_from(duration.as_micros()).ok();
    micros.map_or(embassy_time::Duration::MAX, |micros| {
        embassy_time::Duration::try_from_micros(micros).unwrap_or(embassy_time::Duration::MAX)
    })
}

/// What is known is reported at once; the peer gets its time afterwards.
async fn run<Io: Transport<Error: Into<Failure>>, B: Storage>(
    options: &Options,
    mut connection: Connection<Io, Rx<B>, Tx>,
    told: &mut impl FnMut(&Result<Closed, Failure>),
) -> Result<Closed, Failure> {
    let (mut reader, writer) = connection.split();
    let echoed = match options.engine {
        Engine::Alloc => whole(&mut reader, writer, options.text_only).await,
        Engine::Fixed => pieces(&mut reader, writer, options.text_only).await,
    };
    let status = reader.close_status();
    let closed = status.map_or(Closed::NO_STATUS, Closed::from);
    let outcome = echoed.map(|()| closed);
    told(&outcome);
    // It says again what is known already.
    let _ = reader.finish().await;
    outcome
}

/// Message by message, until the peer has closed.
async fn whole<Io: Transport<Error: Into<Failure>>, B: Storage>(
    reader: &mut Reader<'_, Io, Rx<B>, Tx>,
    writer: Writer<'_, Io, Tx>,
    text_only: bool,
) -> Result<(), Failure> {
    let mut closing = false;
    while let Some(message) = reader.recv().await.map_err(failed)? {
        if !closing && text_only && message.kind() == MessageKind::Binary {
            closing = true;
            refuse(writer).await?;
        } else if !closing {
            sent(writer.send(message).await)?;
        }
    }
    Ok(())
}

/// Each piece is sent back as a fragment while the next is still on its way. Nothing is allocated.
async fn pieces<Io: Transport<Error: Into<Failure>>, B: Storage>(
    reader: &mut Reader<'_, Io, Rx<B>, Tx>,
    writer: Writer<'_, Io, Tx>,
    text_only: bool,
) -> Result<(), Failure> {
    let mut closing = false;
    while let Some(chunk) = reader.recv_chunk().await.map_err(failed)? {
        if !closing && text_only && chunk.kind == MessageKind::Binary {
            closing = true;
            refuse(writer).await?;
        } else if !closing {
            let sending = writer.send_fragment(chunk.kind, chunk.octets, chunk.fin);
            sent(sending.await)?;
        }
    }
    Ok(())
}

/// As in [`crate::blocking`].
async fn refuse<Io: Transport<Error: Into<Failure>>>(
    writer: Writer<'_, Io, Tx>,
) -> Result<(), Failure> {
    let closing = writer.close(Some(CloseCode::UNSUPPORTED_DATA), "text only");
    closing.await.map_err(failed)
}

/// As in [`crate::blocking`].
fn sent<T: Into<Failure>>(sent: Result<(), bare_ws_embassy::Error<T>>) -> Result<(), Failure> {
    match sent {
        Err(error @ bare_ws_embassy::Error::Timeout(_)) => Err(failed(error)),
        _ => Ok(()),
    }
}

fn failed<T: Into<Failure>>(error: bare_ws_embassy::Error<T>) -> Failure {
    match error.narrow() {
        Ok(error) => Error::from(error).into(),
        Err(error) => error.into(),
    }
}

fn not_opened<T: Into<Failure>>(error: ConnectError<T>) -> Failure {
    match error {
        ConnectError::Timeout(timeout) => Error::Timeout(timeout).into(),
        ConnectError::Handshake(error) => match HandshakeError::narrow(error) {
            Ok(error) => Error::from(error).into(),
            Err(error) => error.into(),
        },
        ConnectError::Tls(error) | ConnectError::Connect(error) => error.into(),
        _ => Error::Io(io::ErrorKind::AddrNotAvailable.into()).into(),
    }
}

impl From<SocketError> for Failure {
    fn from(error: SocketError) -> Self {
        transport(error).into()
    }
}

pub(crate) fn transport(error: SocketError) -> Error {
    Error::Io(error.into_io())
}
