//! wss as a board has it: what the embedded TLS path of `bare-ws-embassy` takes on a host.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use bare_ws_embassy::tls::{
    CertificateDer, CertificateError, Clock, Error, Link, Records, Roots, TrustAnchor,
    anchor_from_trusted_cert,
};
use bare_ws_std::TlsError;
use rustls::pki_types::pem::{self, PemObject};

use crate::Failure;

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
            bare_ws_std::Error::Tls(TlsError::File { path, error })
        })?);
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    CertificateDer::pem_file_iter(path)?.collect()
}

/// What of the roots a verifier looks at.
///
/// # Errors
/// [`Failure::Tls`] for one that cannot be read.
pub fn anchors<'r>(roots: &'r [CertificateDer<'_>]) -> Result<Vec<TrustAnchor<'r>>, Failure> {
    let anchors = roots.iter().map(anchor_from_trusted_cert);
    let anchors: Result<_, _> = anchors.collect();
    anchors.map_err(|_| Failure::Tls(Error::Certificate(CertificateError::Malformed)))
}

/// These, now.
#[must_use]
pub fn trust<'r>(anchors: &'r [TrustAnchor<'r>]) -> Roots<'r> {
    // A clock from before 1970 is wrong; every certificate is then still to come.
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    Roots::new(
        anchors,
        Clock::UnixSeconds(now.unwrap_or_default().as_secs()),
    )
}
