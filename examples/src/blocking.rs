//! Echo by a thread that waits.

use bare_ws::buffer::Storage;
use bare_ws_std::{CloseCode, Error, MessageKind, Socket, Stream, Timeout, WebSocket, Writer};

use crate::Closed;
use crate::options::{Engine, Options};

/// [`crate::echo`] over the adapter.
///
/// # Errors
/// As there.
pub fn echo(options: &Options, uri: &str) -> Result<Closed, Error> {
    let config = options.config();
    match options.engine {
        Engine::Alloc => whole(config.connect(uri)?, options.text_only),
        Engine::Fixed => {
            let buffer = || vec![0; options.rx()].into_boxed_slice();
            pieces(config.connect_into(uri, buffer)?, options.text_only)
        }
    }
}

/// Message by message.
fn whole(mut socket: WebSocket, text_only: bool) -> Result<Closed, Error> {
    let (reader, writer) = (&mut socket.reader, &mut socket.writer);
    let mut first_error = None;
    loop {
        match reader.recv(writer) {
            Ok(Some(message)) => {
                if writer.is_open()
                    && first_error.is_none()
                    && !refuse(message.kind(), text_only, writer)?
                {
                    first_error = unsent(writer.send(message))?;
                }
            }
            Ok(None) => return ended(first_error).map(|()| closed(&socket)),
            Err(error) => go_on(error, &mut first_error, writer)?,
        }
    }
}

/// Each piece is sent back as a fragment while the next is still on its way. Nothing is allocated.
fn pieces<B: Storage>(mut socket: WebSocket<Socket, B>, text_only: bool) -> Result<Closed, Error> {
    let (reader, writer) = (&mut socket.reader, &mut socket.writer);
    let mut first_error = None;
    loop {
        match reader.recv_chunk(writer) {
            Ok(Some(chunk)) => {
                if writer.is_open()
                    && first_error.is_none()
                    && !refuse(chunk.kind, text_only, writer)?
                {
                    let sent = writer.send_fragment(chunk.kind, chunk.octets, chunk.fin);
                    first_error = unsent(sent)?;
                }
            }
            Ok(None) => return ended(first_error).map(|()| closed(&socket)),
            Err(error) => go_on(error, &mut first_error, writer)?,
        }
    }
}

/// Starts to close if the kind is not to be echoed (RFC 6455 §7.4.1: "an endpoint that understands
/// only text data MAY send this if it receives a binary message").
fn refuse<S: Stream>(
    kind: MessageKind,
    text_only: bool,
    writer: &mut Writer<S>,
) -> Result<bool, Error> {
    let refused = text_only && kind == MessageKind::Binary;
    if refused {
        writer.close(Some(CloseCode::UNSUPPORTED_DATA), "text only")?;
    }
    Ok(refused)
}

/// Why something could not be sent, to be told at the end. A peer that takes nothing for too long is
/// not heard to the end: it may send for ever.
fn unsent(sent: Result<(), Error>) -> Result<Option<Error>, Error> {
    match sent {
        Err(error @ Error::Timeout(_)) => Err(error),
        sent => Ok(sent.err()),
    }
}

/// What sending fails with is remembered, while what the peer said before may still tell why; and
/// a peer that was idle for too long is told so, as well as can be. The first error counts.
fn go_on<S: Stream>(
    error: Error,
    first_error: &mut Option<Error>,
    writer: &mut Writer<S>,
) -> Result<(), Error> {
    let is_idle = matches!(error, Error::Timeout(Timeout::Idle));
    if let Some(first) = first_error.take() {
        return Err(first);
    }
    if is_idle && writer.close(Some(CloseCode::GOING_AWAY), "idle").is_ok() {
        *first_error = Some(error);
        return Ok(());
    }
    Err(error)
}

/// The closing handshake was completed: whatever could not be sent before it does not matter, but
/// a connection that we closed because nothing came has failed all the same.
pub(crate) fn ended(first_error: Option<Error>) -> Result<(), Error> {
    match first_error {
        Some(error @ Error::Timeout(_)) => Err(error),
        _ => Ok(()),
    }
}

fn closed<B: Storage>(socket: &WebSocket<Socket, B>) -> Closed {
    socket
        .close_status()
        .map_or(Closed::NO_STATUS, Closed::from)
}
