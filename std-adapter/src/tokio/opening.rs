//! A transport during the opening handshake.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use embedded_io_async::{ErrorType, Read, Write};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use super::socket::Socket;
use crate::response::Response;
use crate::state::Cut;

/// The transport as the core's loop sees it, which uses one direction at a time.
#[derive(Debug)]
pub(super) struct Opening<S> {
    socket: Mutex<(Socket<S>, Vec<u8>)>,
}

/// One of its two directions.
#[derive(Debug)]
pub(super) struct Half<'a, S>(&'a Opening<S>);

/// How long to wait for the body of a refusal.
const BODY_TIME: Duration = Duration::from_secs(1);

impl<S: AsyncRead + AsyncWrite + Unpin> Opening<S> {
    pub(super) fn new(socket: Socket<S>) -> Self {
        Self::resumed(socket, Vec::new())
    }

    /// With the octets that were read before.
    pub(super) fn resumed(socket: Socket<S>, record: Vec<u8>) -> Self {
        Self {
            socket: Mutex::new((socket, record)),
        }
    }

    pub(super) fn halves(&self) -> (Half<'_, S>, Half<'_, S>) {
        (Half(self), Half(self))
    }

    /// The transport, and all that was read, which the limit on the head bounds.
    pub(super) fn into_parts(self) -> (Socket<S>, Vec<u8>) {
        let parts = self.socket.into_inner();
        parts.unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer of a server that refuses, with the part of its body that arrives within a moment:
    /// the status is known, and the caller should not wait long for the rest.
    pub(super) async fn refusal(self, status: u16, deadline: Option<Instant>) -> Response {
        let (mut socket, record) = self.into_parts();
        let mut response = Response::new(status, record);
        let by = Instant::now() + BODY_TIME;
        let by = deadline.map_or(by, |deadline| deadline.min(by));
        let mut octets = vec![0; 4096];
        while response.body_mut().needs_octets() {
            let read = poll_fn(|cx| socket.poll_read(cx, &mut octets));
            match timeout_at(by, read).await {
                Ok(Ok(n @ 1..)) => {
                    let read = octets.get(..n).unwrap_or_default();
                    response.body_mut().push(read);
                }
                _ => break,
            }
        }
        response
    }

    fn lock(&self) -> MutexGuard<'_, (Socket<S>, Vec<u8>)> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> ErrorType for Half<'_, S> {
    type Error = Cut;
}

impl<S: AsyncRead + AsyncWrite + Unpin> Read for Half<'_, S> {
    async fn read(&mut self, octets: &mut [u8]) -> Result<usize, Cut> {
        poll_fn(|cx| {
            let (socket, record) = &mut *self.0.lock();
            let read = socket.poll_read(cx, octets);
            if let Poll::Ready(Ok(n)) = read {
                record.extend_from_slice(octets.get(..n).unwrap_or_default());
            }
            read.map_err(Cut::Io)
        })
        .await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Write for Half<'_, S> {
    async fn write(&mut self, octets: &[u8]) -> Result<usize, Cut> {
        poll_fn(|cx| self.0.lock().0.poll_write(cx, octets).map_err(Cut::Io)).await
    }

    async fn flush(&mut self) -> Result<(), Cut> {
        poll_fn(|cx| self.0.lock().0.poll_flush(cx).map_err(Cut::Io)).await
    }
}
