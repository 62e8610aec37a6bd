//! Certificates made on the spot: a root of one's own, and servers under it.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;

/// A certification authority that nobody else knows, for as long as the process lives.
pub struct Authority {
    root: CertifiedIssuer<'static, KeyPair>,
}

/// Why there is no certificate.
pub type Error = Box<dyn std::error::Error>;

impl Authority {
    /// With a key of P-256.
    ///
    /// # Errors
    /// rcgen's.
    pub fn new(name: &str) -> Result<Self, Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self { root })
    }

    /// Its own certificate, for those who are to trust it: DER encoded.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        self.root.der()
    }

    /// The same as a PEM file has it.
    #[must_use]
    pub fn pem(&self) -> String {
        self.root.pem()
    }

    /// A server for these DNS names and IP addresses.
    ///
    /// # Errors
    /// rcgen's, and those of rustls.
    pub fn server(&self, names: &[&str]) -> Result<Arc<ServerConfig>, Error> {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.root)?;
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(Arc::new(config))
    }
}
