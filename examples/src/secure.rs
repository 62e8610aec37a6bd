//! wss as a board has it: the embedded TLS path of `bare-ws-embassy`, over a socket of the
//! operating system's.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use bare_ws_embassy::tls::{
    self, CertificateDer, Client, Clock, Link, Records, Roots, anchor_from_trusted_cert,
};
use bare_ws_embassy::transport::Shutdown;
use bare_ws_std::{Error, SystemEntropy, TlsError};
use embedded_io_async::{ErrorType, Read, Write};
use rustls::pki_types::pem::{self, PemObject};

use crate::Failure;
use crate::asynch::Transport;
use crate::socket::Socket;

/// The buffers for records of any lawful length.
pub struct Memory {
    read: [u8; 16_640],
    write: [u8; 16_517],
    receive: [u8; 16_645],
    transmit: [u8; 16_517],
}

impl Memory {
    /// 65 KiB.
    #[must_use]
    pub fn new() -> Box<Self> {
        Box::new(Self {
            read: [0; _],
            write: [0; _],
            receive: [0; _],
            transmit: [0; _],
        })
    }

    /// As the adapter takes them.
    pub fn split(&mut self) -> (Link<'_>, Records<'_>) {
        let link = Link::new(&mut self.receive, &mut self.transmit);
        let (read, write) = (&mut self.read, &mut self.write);
        (link, Records { read, write })
    }
}

/// The roots of PEM files.
///
/// # Errors
/// [`Failure::NoRoots`] without a file; of [`TlsError`] one that cannot be used.
pub fn roots(files: &[PathBuf]) -> Result<Vec<CertificateDer<'static>>, Failure> {
    if files.is_empty() {
        return Err(Failure::NoRoots);
    }
    let mut roots = Vec::new();
    for path in files {
        roots.extend(certificates(path).map_err(|error| {
            let path = path.clone();
            Error::Tls(TlsError::File { path, error })
        })?);
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    CertificateDer::pem_file_iter(path)?.collect()
}

/// A verified connection.
pub struct Secure<'a> {
    stream: tls::Stream<'a, &'a Socket, &'a Socket>,
    socket: &'a Socket,
}

impl<'a> Secure<'a> {
    /// Makes the TLS handshake with `host`, and takes nobody else for it.
    ///
    /// # Errors
    /// [`Failure::Tls`], and the time-out.
    pub async fn connect(
        host: &str,
        roots: &[CertificateDer<'_>],
        link: &'a Link<'a>,
        records: Records<'a>,
        socket: &'a Socket,
    ) -> Result<Self, Failure> {
        let anchors = roots.iter().map(anchor_from_trusted_cert);
        let anchors: Vec<_> = anchors
            .collect::<Result<_, _>>()
            .map_err(|_| tls::Error::Certificate(tls::CertificateError::Malformed))?;
        // A clock from before 1970 is wrong; every certificate is then still to come.
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs();
        let stream = Client::new(host, Roots::new(&anchors, Clock::UnixSeconds(now)))
            .connect(
                link,
                records,
                (socket, socket),
                &mut SystemEntropy::new().map_err(Error::from)?,
            )
            .await?;
        Ok(Self { stream, socket })
    }
}

/// The loops know one type of error, and this passes through it.
fn wrapped(error: tls::Error<io::Error>) -> io::Error {
    match error {
        tls::Error::Transport(error) => error,
        error => io::Error::other(error),
    }
}

impl ErrorType for Secure<'_> {
    type Error = io::Error;
}

impl Read for Secure<'_> {
    async fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        self.stream.read(octets).await.map_err(wrapped)
    }
}

impl Write for Secure<'_> {
    async fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.stream.write(octets).await.map_err(wrapped)
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.stream.flush().await.map_err(wrapped)
    }
}

impl Transport for Secure<'_> {
    fn socket(&self) -> &Socket {
        self.socket
    }

    async fn finish(&mut self) {
        let _ = self.stream.shutdown().await;
    }
}

impl Shutdown for &Socket {
    async fn shutdown(&mut self) -> io::Result<()> {
        (**self).finish();
        Ok(())
    }

    fn abort(&mut self) {
        (**self).finish();
    }
}
