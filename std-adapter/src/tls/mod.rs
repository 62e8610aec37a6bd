//! wss: TLS 1.2 and 1.3 by rustls, the server always verified.

mod error;
mod pin;
mod roots;
mod stream;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use bare_ws::header::MAX_HEADER;
use rustls::client::{ResolvesClientCert, Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme, version};

pub use error::{CertificateError, TlsError};
use pin::Pins;
pub use stream::TlsStream;

/// RFC 8446 §5.1: the most that one record carries.
const RECORD: usize = 1 << 14;

/// The most that is encrypted before the stream takes it: four records, and the header of a frame,
/// so that a message of 64 KiB leaves at once.
pub(crate) const MOST: usize = 4 * RECORD + MAX_HEADER;

/// TLS settings: trusted roots, pinned certificates, client certificate. The server is always verified. The
/// connections of one `Tls` and its clones resume each other's sessions.
///
/// ```no_run
/// use bare_ws_std::{Config, Error, Tls};
///
/// fn main() -> Result<(), Error> {
///     let tls = Tls::builder().root_file("ca.pem")?.build()?;
///     let mut socket = Config::new().tls(tls).connect("wss://device.local/")?;
///     socket.send("hello")
/// }
/// ```
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
}

impl Tls {
    /// Trusts the roots that the environment variables `SSL_CERT_FILE` and `SSL_CERT_DIR` name; if
    /// neither is set, the platform's; if it has none, Mozilla's list that was compiled in.
    ///
    /// # Errors
    /// [`TlsError::Environment`] if a variable is set and names no roots, [`TlsError::Setup`].
    pub fn new() -> Result<Self, TlsError> {
        TlsBuilder::new().build()
    }

    /// Sets roots of your own, and a client certificate.
    #[must_use]
    pub fn builder() -> TlsBuilder {
        TlsBuilder::new()
    }

    /// The same trust, with no certificate to show to a server that asks for one, and without the
    /// sessions of those that were shown one.
    pub(crate) fn without_identity(&self) -> Self {
        if !self.config.client_auth_cert_resolver.has_certs() {
            return self.clone();
        }
        let mut config = ClientConfig::clone(&self.config);
        config.client_auth_cert_resolver = Arc::new(Nobody);
        config.resumption = Resumption::default();
        Self {
            config: Arc::new(config),
        }
    }

    pub(crate) fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }
}

/// Has no certificate for any server.
#[derive(Debug)]
struct Nobody;

impl ResolvesClientCert for Nobody {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// There may be a private key in it.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// Makes a [`Tls`].
#[derive(Default)]
pub struct TlsBuilder {
    roots: Vec<CertificateDer<'static>>,
    pins: Vec<CertificateDer<'static>>,
    tls13_only: bool,
    identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

impl TlsBuilder {
    /// The platform's roots, and no client certificate.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts the certificates of a PEM file. As soon as one root is given, the platform's are not
    /// trusted.
    ///
    /// # Errors
    /// [`TlsError::File`].
    pub fn root_file(mut self, path: impl AsRef<Path>) -> Result<Self, TlsError> {
        self.roots.extend(certificates(path.as_ref())?);
        Ok(self)
    }

    /// Trusts this DER-encoded certificate, as [`root_file`](Self::root_file) does.
    #[must_use]
    pub fn root(mut self, der: impl Into<Vec<u8>>) -> Self {
        self.roots.push(CertificateDer::from(der.into()));
        self
    }

    /// Trusts a server that shows exactly one of the certificates of this PEM file, as
    /// [`pin`](Self::pin) does.
    ///
    /// # Errors
    /// [`TlsError::File`].
    pub fn pin_file(mut self, path: impl AsRef<Path>) -> Result<Self, TlsError> {
        self.pins.extend(certificates(path.as_ref())?);
        Ok(self)
    }

    /// Trusts a server that shows exactly this DER-encoded certificate and has its key: for a
    /// device or a test server whose certificate is self-signed. Neither its names nor its dates
    /// are checked, since nobody else has that key. As soon as one is given, the platform's roots
    /// are not trusted; roots that are given are trusted beside it.
    ///
    /// [`root`](Self::root) is for authorities: a server cannot use a self-signed certificate that
    /// is marked as an authority, as those of `openssl req -x509` are.
    #[must_use]
    pub fn pin(mut self, der: impl Into<Vec<u8>>) -> Self {
        self.pins.push(CertificateDer::from(der.into()));
        self
    }

    /// Speaks TLS 1.3 alone. Default: 1.2 as well.
    #[must_use]
    pub fn tls13_only(mut self) -> Self {
        self.tls13_only = true;
        self
    }

    /// Presents a certificate to servers that ask for one: PEM files with the chain, the client's own
    /// certificate first, and with the private key.
    ///
    /// # Errors
    /// [`TlsError::File`].
    pub fn client_certificate(
        mut self,
        chain: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Self, TlsError> {
        let chain = certificates(chain.as_ref())?;
        let key = PrivateKeyDer::from_pem_file(key.as_ref())
            .map_err(|error| TlsError::file(key.as_ref(), error))?;
        self.identity = Some((chain, key));
        Ok(self)
    }

    /// Reads the roots as [`Tls::new`] does if neither roots nor pins were given.
    ///
    /// # Errors
    /// [`TlsError::Root`], [`TlsError::ClientCertificate`], and those of [`Tls::new`].
    pub fn build(self) -> Result<Tls, TlsError> {
        let mut roots = RootCertStore::empty();
        for root in self.roots {
            roots.add(root).map_err(TlsError::Root)?;
        }
        if roots.is_empty() && self.pins.is_empty() {
            roots = roots::of_the_system()?;
        }
        let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let builder = match self.tls13_only {
            true => builder.with_protocol_versions(&[&version::TLS13]),
            false => builder.with_safe_default_protocol_versions(),
        };
        let builder = builder.map_err(TlsError::Setup)?;
        let roots = (!roots.is_empty())
            .then(|| by_roots(roots, &provider))
            .transpose()?;
        let builder = match roots {
            Some(roots) if self.pins.is_empty() => builder.with_webpki_verifier(roots),
            roots => {
                let certificates = self.pins;
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(Pins {
                        certificates,
                        roots,
                        provider,
                    }))
            }
        };
        let mut config = match self.identity {
            Some((chain, key)) => builder
                .with_client_auth_cert(chain, key)
                .map_err(TlsError::ClientCertificate)?,
            None => builder.with_no_client_auth(),
        };
        // WebSocket over HTTP/2 is another protocol (RFC 8441).
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Tls {
            config: Arc::new(config),
        })
    }
}

/// There may be a private key in it.
impl fmt::Debug for TlsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsBuilder").finish_non_exhaustive()
    }
}

fn by_roots(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| TlsError::Setup(rustls::Error::General(error.to_string())))
}

/// All of a PEM file, of which there must be one at least.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |error| TlsError::file(path, error);
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(failed)?;
    if certificates.is_empty() {
        return Err(failed(rustls::pki_types::pem::Error::NoItemsFound));
    }
    Ok(certificates)
}
