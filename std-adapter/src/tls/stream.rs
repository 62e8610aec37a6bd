//! TLS over TCP, for one thread or for two.
//!
//! rustls encrypts and decrypts in memory; it stands behind a lock that is never held while the
//! socket is waited for. Ciphertext on its way out stands behind a second one, which is: records
//! must leave in the order of their making.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use super::{Tls, TlsError};
use crate::deadline::Deadline;
use crate::error::{Error, Timeout};
use crate::stream::{Split, Stream};

/// A verified TLS connection over TCP.
///
/// A `write` makes one record of up to 16 384 octets. A `read` or `write` that ends with a
/// time-out has read or written nothing, and the next one goes on; a record that the socket took
/// in part is completed first.
#[derive(Debug)]
pub struct TlsStream {
    tcp: TcpStream,
    shared: Arc<Shared>,
    /// Ciphertext that has arrived and that rustls has not taken.
    incoming: Box<[u8]>,
    start: usize,
    end: usize,
}

#[derive(Debug)]
struct Shared {
    session: Mutex<ClientConnection>,
    outgoing: Mutex<Vec<u8>>,
}

/// RFC 8446 §5.1: the most that one record carries.
const RECORD: usize = 1 << 14;

impl TlsStream {
    /// Makes the handshake with the server called `host`, a DNS name (which goes into the SNI) or
    /// an IP address without brackets.
    ///
    /// # Errors
    /// [`Error::Tls`], [`Error::Io`], and the handshake's [`Timeout`] when `deadline` has passed.
    pub(crate) fn connect(
        tls: &Tls,
        host: &str,
        tcp: TcpStream,
        deadline: Deadline,
    ) -> Result<Self, Error> {
        let host = host.strip_suffix('.').unwrap_or(host);
        let name = ServerName::try_from(host.to_owned()).map_err(|_| TlsError::ServerName)?;
        let session =
            ClientConnection::new(Arc::clone(tls.config()), name).map_err(TlsError::Setup)?;
        let mut stream = Self {
            tcp,
            shared: Arc::new(Shared {
                session: Mutex::new(session),
                outgoing: Mutex::new(Vec::new()),
            }),
            incoming: vec![0; RECORD + 512].into_boxed_slice(),
            start: 0,
            end: 0,
        };
        stream.handshake(deadline)?;
        stream.tcp.set_read_timeout(None).map_err(Error::Io)?;
        stream.tcp.set_write_timeout(None).map_err(Error::Io)?;
        Ok(stream)
    }

    fn handshake(&mut self, deadline: Deadline) -> Result<(), Error> {
        loop {
            let left = match deadline.left() {
                Some(Duration::ZERO) => return Err(Error::Timeout(Timeout::Handshake)),
                left => left,
            };
            self.tcp.set_read_timeout(left).map_err(Error::Io)?;
            self.tcp.set_write_timeout(left).map_err(Error::Io)?;
            let step = self.shake().map_err(|error| match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                    Error::Timeout(Timeout::Handshake)
                }
                _ => error.downcast().map_or_else(Error::Io, Error::Tls),
            })?;
            if !step {
                return Ok(());
            }
        }
    }

    /// One step of the handshake. `false`: there is no other.
    fn shake(&mut self) -> io::Result<bool> {
        self.shared.drain(&mut self.shared.outgoing(), &self.tcp)?;
        if !self.shared.session().is_handshaking() {
            return Ok(false);
        }
        if !self.receive()? {
            return Err(TlsError::CutInHandshake.into_io());
        }
        Ok(true)
    }

    /// Gives ciphertext to rustls, read first if there is none. `false` at the transport's end.
    fn receive(&mut self) -> io::Result<bool> {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            self.end = self.tcp.read(&mut self.incoming)?;
            if self.end == 0 {
                return Ok(false);
            }
        }
        let mut here = self.incoming.get(self.start..self.end).unwrap_or_default();
        let mut session = self.shared.session();
        self.start += session.read_tls(&mut here)?;
        let processed = session.process_new_packets();
        drop(session);
        if let Err(error) = processed {
            // The peer should hear of it, if nobody is just sending.
            if let Some(mut outgoing) = self.shared.try_outgoing() {
                let _ = self.shared.drain(&mut outgoing, &self.tcp);
            }
            return Err(TlsError::from(error).into_io());
        }
        Ok(true)
    }
}

impl Shared {
    /// Hands everything there is to the socket, in order.
    fn drain(&self, outgoing: &mut Vec<u8>, mut tcp: &TcpStream) -> io::Result<()> {
        loop {
            let mut session = self.session();
            while session.wants_write() {
                session.write_tls(outgoing)?;
            }
            drop(session);
            if outgoing.is_empty() {
                return Ok(());
            }
            match tcp.write(outgoing) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => drop(outgoing.drain(..taken)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    // A thread that panicked in here left rustls between two calls.
    fn session(&self) -> MutexGuard<'_, ClientConnection> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
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

impl Read for TlsStream {
    /// `Ok(0)` after close_notify. A transport that ends without it is an error of the kind
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof), with [`TlsError::Truncated`] inside.
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.shared.session().reader().read(octets);
            match read {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            if !self.receive()? {
                return Err(TlsError::Truncated.into_io());
            }
        }
    }
}

impl Write for TlsStream {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut outgoing = self.shared.outgoing();
        // What was taken before leaves first; until then nothing of this is taken.
        self.shared.drain(&mut outgoing, &self.tcp)?;
        let record = octets.get(..RECORD).unwrap_or(octets);
        let taken = self.shared.session().writer().write(record)?;
        // It is written now, whatever becomes of it: the next call reports what is wrong.
        let _ = self.shared.drain(&mut outgoing, &self.tcp);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.shared.drain(&mut self.shared.outgoing(), &self.tcp)
    }
}

impl Stream for TlsStream {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.tcp.set_read_timeout(timeout)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.tcp.set_write_timeout(timeout)
    }

    /// Says close_notify before the end of our direction, unless another thread is just waiting
    /// to send.
    fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
        if how != Shutdown::Read
            && let Some(mut outgoing) = self.shared.try_outgoing()
        {
            self.shared.session().send_close_notify();
            let _ = self.shared.drain(&mut outgoing, &self.tcp);
        }
        self.tcp.shutdown(how)
    }
}

impl Split for TlsStream {
    type ReadHalf = Self;
    type WriteHalf = Self;

    fn split(self) -> io::Result<(Self, Self)> {
        let write = Self {
            tcp: self.tcp.try_clone()?,
            shared: Arc::clone(&self.shared),
            incoming: Box::default(),
            start: 0,
            end: 0,
        };
        Ok((self, write))
    }
}
