//! TLS over any stream, for one thread or for several.
//!
//! rustls encrypts and decrypts in memory. Neither of the two locks is ever held while the stream
//! is waited for. Ciphertext on its way out has one of its own: records must leave in the order of
//! their making.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use bare_ws::lifecycle::{Moment as _, Timeout};
use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use super::{MOST, RECORD, Tls, TlsError};
use crate::error::Error;
use crate::moment::Moment;
use crate::stream::{Interest, Stream, is_transient};
use crate::sync::{AtomicUsize, Mutex, MutexGuard, Ordering, PoisonError, TryLockError};

/// A verified TLS connection over a stream.
///
/// A write makes up to four whole records and the rest of a frame, which leave together. A read takes
/// in what has arrived, with at most one read of the stream below for each 16 KiB that it is asked
/// for and one more: how long a peer may take for a record, whoever waits decides.
#[derive(Debug)]
pub struct TlsStream<S = TcpStream> {
    stream: S,
    session: Mutex<ClientConnection>,
    incoming: Mutex<Incoming>,
    outgoing: Mutex<Vec<u8>>,
    /// Octets of ciphertext that the stream has taken, wrapping.
    left: AtomicUsize,
}

/// Ciphertext that has arrived and that rustls has not taken.
#[derive(Debug)]
struct Incoming {
    octets: Box<[u8]>,
    start: usize,
    end: usize,
    /// rustls has refused a record, and says so to whoever asks.
    refused: bool,
    /// Why the stream gave nothing more, for the next call: this one has something to tell.
    failed: Option<io::Error>,
}

impl Incoming {
    /// There is something to be had before the stream below is read.
    fn has_octets(&self) -> bool {
        self.refused || self.failed.is_some() || self.start < self.end
    }

    /// The stream has filled all the room that there was: it is likely to have more.
    fn is_full(&self) -> bool {
        self.end == self.octets.len()
    }
}

impl Tls {
    /// Makes the handshake with the server called `host`, a DNS name (which goes into the SNI) or
    /// an IP address without brackets, over a stream that leads to it: through a proxy, say.
    ///
    /// # Errors
    /// [`Error::Tls`], [`Error::Io`], and [`Timeout::Handshake`] when it takes longer than `limit`.
    pub fn connect<S: Stream>(
        &self,
        host: &str,
        mut stream: S,
        limit: Option<Duration>,
    ) -> Result<TlsStream<S>, Error> {
        stream.prepare().map_err(Error::Io)?;
        TlsStream::connect(self, host, stream, Moment::in_time(limit))
    }
}

impl<S: Stream> TlsStream<S> {
    /// [`Tls::connect`] over a stream that is prepared.
    pub(crate) fn connect(tls: &Tls, host: &str, stream: S, by: Moment) -> Result<Self, Error> {
        let host = host.strip_suffix('.').unwrap_or(host);
        let name = ServerName::try_from(host.to_owned()).map_err(|_| TlsError::ServerName {
            host: host.to_owned(),
        })?;
        let mut session =
            ClientConnection::new(Arc::clone(tls.config()), name).map_err(TlsError::Setup)?;
        // A write is given no more than can leave together.
        session.set_buffer_limit(None);
        let stream = Self {
            stream,
            session: Mutex::new(session),
            incoming: Mutex::new(Incoming {
                octets: vec![0; RECORD + 512].into_boxed_slice(),
                start: 0,
                end: 0,
                refused: false,
                failed: None,
            }),
            outgoing: Mutex::new(Vec::new()),
            left: AtomicUsize::new(0),
        };
        match stream.handshake(by) {
            Ok(()) => Ok(stream),
            Err(Error::Tls(error)) => Err(error.with_host(host).into()),
            Err(error) => Err(error),
        }
    }

    /// The stream below.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    fn handshake(&self, by: Moment) -> Result<(), Error> {
        loop {
            let step = self.shake();
            let now = Moment::now();
            match step {
                Ok(true) => return Ok(()),
                // However little arrives at a time, the moment comes.
                _ if by.has_come(now) => return Err(Error::Timeout(Timeout::Handshake)),
                Ok(false) => {}
                Err(error) if is_transient(&error) => {
                    // The lock is gone again before anybody waits.
                    let read = self.session().is_handshaking();
                    let interest = Interest { read, write: false };
                    self.wait(interest, by.left(now)).map_err(Error::Io)?;
                }
                Err(error) => return Err(error.downcast().map_or_else(Error::Io, Error::Tls)),
            }
        }
    }

    /// One step of the handshake; `true` when there is no other.
    fn shake(&self) -> io::Result<bool> {
        self.drain(&mut self.outgoing())?;
        if !self.session().is_handshaking() {
            return Ok(true);
        }
        if self.receive(&mut self.incoming())? {
            Ok(false)
        } else {
            Err(TlsError::CutInHandshake.into_io())
        }
    }

    /// Gives ciphertext to rustls, read first if there is none. `false` at the stream's end.
    fn receive(&self, incoming: &mut Incoming) -> io::Result<bool> {
        if let Some(error) = incoming.failed.take() {
            return Err(error);
        }
        if !incoming.has_octets() {
            incoming.start = 0;
            incoming.end = 0;
            let read = uninterrupted(|| self.stream.try_read(&mut incoming.octets))?;
            incoming.end = read.min(incoming.octets.len());
            if incoming.end == 0 {
                return Ok(false);
            }
        }
        let range = incoming.start..incoming.end;
        let mut here = incoming.octets.get(range).unwrap_or_default();
        let mut session = self.session();
        let is_handshaking = session.is_handshaking();
        if !incoming.refused {
            incoming.start += session.read_tls(&mut here)?;
        }
        let processed = session.process_new_packets();
        incoming.refused = processed.is_err();
        let answers = session.wants_write();
        drop(session);
        if answers && let Some(mut outgoing) = self.try_outgoing() {
            // An alert, or an answer of TLS's own, if nobody is just sending.
            let _ = self.drain(&mut outgoing);
        }
        match processed {
            Ok(_) => Ok(true),
            Err(error) => Err(TlsError::of_server(error, is_handshaking).into_io()),
        }
    }

    /// [`Stream::try_read`], without a read of the stream below if it is only to look `ahead`.
    fn read(&self, octets: &mut [u8], ahead: bool) -> io::Result<usize> {
        let mut incoming = self.incoming();
        let mut filled = 0;
        // A peer may send records that hold nothing, for ever.
        let mut reads = if ahead { 0 } else { 1 + octets.len() / RECORD };
        loop {
            let rest = octets.get_mut(filled..).unwrap_or_default();
            match self.session().reader().read(rest) {
                Ok(n) if n < rest.len() && n > 0 => filled += n,
                Ok(n) => return Ok(filled + n),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if !incoming.has_octets() {
                if filled > 0 && !incoming.is_full() || reads == 0 {
                    break;
                }
                reads -= 1;
            }
            let was_refused = incoming.refused;
            match self.receive(&mut incoming) {
                Ok(true) => {}
                Ok(false) if filled > 0 => break,
                Ok(false) => return Err(TlsError::Truncated.into_io()),
                // The records before it came whole, and are read first.
                Err(_) if incoming.refused && !was_refused => {}
                Err(error) if is_transient(&error) => break,
                Err(error) if filled > 0 => {
                    incoming.failed = Some(error);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        match filled {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            filled => Ok(filled),
        }
    }

    /// Hands everything there is to the stream, in order.
    fn drain(&self, outgoing: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let mut session = self.session();
            while session.wants_write() {
                session.write_tls(outgoing)?;
            }
            drop(session);
            if outgoing.is_empty() {
                if outgoing.capacity() > MOST / 2 {
                    // An idle connection keeps little.
                    *outgoing = Vec::new();
                }
                return uninterrupted(|| self.stream.try_flush());
            }
            match uninterrupted(|| self.stream.try_write(outgoing))? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                taken => {
                    let taken = taken.min(outgoing.len());
                    drop(outgoing.drain(..taken));
                    self.left.fetch_add(taken, Ordering::Relaxed);
                }
            }
        }
    }

    /// RFC 8446 §6.1: "Each party MUST send a "close_notify" alert before closing its write side", as
    /// far as the stream takes it.
    fn close_notify(&self) {
        if let Some(mut outgoing) = self.try_outgoing() {
            self.session().send_close_notify();
            let _ = self.drain(&mut outgoing);
        }
    }

    // A thread that panicked in here left rustls between two calls.
    fn session(&self) -> MutexGuard<'_, ClientConnection> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn incoming(&self) -> MutexGuard<'_, Incoming> {
        self.incoming.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outgoing(&self) -> MutexGuard<'_, Vec<u8>> {
        self.outgoing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_outgoing(&self) -> Option<MutexGuard<'_, Vec<u8>>> {
        match self.outgoing.try_lock() {
            Ok(outgoing) => Some(outgoing),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// A signal says nothing about the stream: what it interrupted is done again, in its place.
fn uninterrupted<T>(mut operation: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match operation() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

impl<S: Stream> Stream for TlsStream<S> {
    /// `Ok(0)` after close_notify. A stream that ends without it is an error of the kind
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof), with [`TlsError::Truncated`] inside.
    fn try_read(&self, octets: &mut [u8]) -> io::Result<usize> {
        self.read(octets, false)
    }

    fn try_read_ahead(&self, octets: &mut [u8]) -> io::Result<usize> {
        self.read(octets, true)
    }

    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        let mut outgoing = self.outgoing();
        // What was taken before leaves first; until then nothing of this is taken.
        self.drain(&mut outgoing)?;
        let octets = octets.get(..MOST).unwrap_or(octets);
        let taken = self.session().writer().write(octets)?;
        // It is written now, whatever becomes of it: the next call reports what is wrong.
        let _ = self.drain(&mut outgoing);
        Ok(taken)
    }

    fn try_flush(&self) -> io::Result<()> {
        self.drain(&mut self.outgoing())
    }

    fn progress(&self) -> usize {
        self.left.load(Ordering::Relaxed)
    }

    /// Also for room where rustls has something of its own to send.
    fn wait(&self, interest: Interest, limit: Option<Duration>) -> io::Result<()> {
        if interest.read && self.incoming().has_octets() {
            // rustls takes 4 KiB at a time: the stream may have nothing left, and we may.
            return Ok(());
        }
        let owes = self
            .try_outgoing()
            .is_some_and(|outgoing| !outgoing.is_empty());
        let write = interest.write || owes;
        self.stream.wait(Interest { write, ..interest }, limit)?;
        if owes && let Some(mut outgoing) = self.try_outgoing() {
            let _ = self.drain(&mut outgoing);
        }
        Ok(())
    }

    /// Says close_notify before the end of our direction, unless another thread is just sending.
    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        if how != Shutdown::Read {
            self.close_notify();
        }
        self.stream.shutdown(how)
    }

    fn abort(&self) -> io::Result<()> {
        self.close_notify();
        self.stream.abort()
    }

    fn is_secure(&self) -> bool {
        true
    }
}

/// For a program that waits for many sockets by itself.
#[cfg(unix)]
impl<S: std::os::fd::AsFd> std::os::fd::AsFd for TlsStream<S> {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
