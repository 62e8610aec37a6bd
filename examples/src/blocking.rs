//! Echo by a thread that waits.

use bare_ws::buffer::Storage;
use bare_ws_std::{CloseCode, Error, MessageKind, Reader, Socket, WebSocket, Writer};

use crate::options::{Engine, Options};
use crate::{Closed, Failure};

/// [`crate::echo`] over the adapter.
///
/// # Errors
/// As there.
pub fn echo(
    options: &Options,
    uri: &str,
    report: impl FnOnce(&Result<Closed, Failure>),
) -> Result<Closed, Failure> {
    let config = options.config();
    match options.engine {
        Engine::Alloc => run(config.connect(uri), report, |reader, writer| {
            whole(reader, writer, options.text_only)
        }),
        Engine::Fixed => {
            let buffer = || vec![0; options.rx()].into_boxed_slice();
            run(
                config.connect_into(uri, buffer),
                report,
                |reader, writer| pieces(reader, writer, options.text_only),
            )
        }
    }
}

/// What is known is reported at once; the peer gets its time afterwards.
fn run<B: Storage>(
    connected: Result<WebSocket<Socket, B>, Error>,
    report: impl FnOnce(&Result<Closed, Failure>),
    echo: impl FnOnce(&mut Reader<Socket, B>, &Writer) -> Result<(), Error>,
) -> Result<Closed, Failure> {
    let (outcome, socket) = match connected {
        Err(error) => (Err(error), None),
        Ok(mut socket) => {
            let echoed = echo(&mut socket.reader, &socket.writer);
            let status = socket.close_status();
            let closed = status.map_or(Closed::NO_STATUS, Closed::from);
            (echoed.map(|()| closed), Some(socket))
        }
    };
    let outcome = outcome.map_err(Failure::from);
    report(&outcome);
    if let Some(mut socket) = socket {
        // It says again what is known already.
        let _ = socket.reader.finish();
    }
    outcome
}

/// Message by message.
fn whole(reader: &mut Reader<Socket>, writer: &Writer, text_only: bool) -> Result<(), Error> {
    while let Some(message) = reader.recv()? {
        if accepts(message.kind(), text_only, writer)? {
            sent(writer.send(message))?;
        }
    }
    Ok(())
}

/// Each piece is sent back as a fragment while the next is still on its way. Nothing is allocated.
fn pieces<B: Storage>(
    reader: &mut Reader<Socket, B>,
    writer: &Writer,
    text_only: bool,
) -> Result<(), Error> {
    while let Some(chunk) = reader.recv_chunk()? {
        if accepts(chunk.kind, text_only, writer)? {
            sent(writer.send_fragment(chunk.kind, chunk.octets, chunk.fin))?;
        }
    }
    Ok(())
}

/// Whether a message is to be echoed. Starts to close if its kind is not (RFC 6455 §7.4.1: "an
/// endpoint that understands only text data MAY send this if it receives a binary message").
fn accepts(kind: MessageKind, text_only: bool, writer: &Writer) -> Result<bool, Error> {
    if !writer.is_open() {
        return Ok(false);
    }
    if text_only && kind == MessageKind::Binary {
        writer.close(Some(CloseCode::UNSUPPORTED_DATA), "text only")?;
        return Ok(false);
    }
    Ok(true)
}

/// What cannot be sent is no reason to stop: what the peer said before may tell why. A connection
/// whose time is over says so.
fn sent(sent: Result<(), Error>) -> Result<(), Error> {
    match sent {
        Err(error @ Error::Timeout(_)) => Err(error),
        _ => Ok(()),
    }
}
