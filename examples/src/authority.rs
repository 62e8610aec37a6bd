//! Certificates made on the spot: a root of one's own, and servers under it.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{ConfigBuilder, RootCertStore, ServerConfig, WantsVerifier};

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
        let (certificate, key) = self.certify(names, ExtendedKeyUsagePurpose::ServerAuth)?;
        let config = builder()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], der(&key))?;
        Ok(Arc::new(config))
    }

    /// The same for those clients alone that show a certificate of this authority.
    ///
    /// # Errors
    /// As [`server`](Self::server).
    pub fn strict_server(&self, names: &[&str]) -> Result<Arc<ServerConfig>, Error> {
        let (certificate, key) = self.certify(names, ExtendedKeyUsagePurpose::ServerAuth)?;
        let mut roots = RootCertStore::empty();
        roots.add(self.root.der().clone())?;
        let provider = Arc::new(ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
        let config = builder()?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate.der().clone()], der(&key))?;
        Ok(Arc::new(config))
    }

    /// A client's certificate and its private key, as PEM files have them.
    ///
    /// # Errors
    /// rcgen's.
    pub fn client(&self, name: &str) -> Result<(String, String), Error> {
        let (certificate, key) = self.certify(&[name], ExtendedKeyUsagePurpose::ClientAuth)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }

    fn certify(
        &self,
        names: &[&str],
        usage: ExtendedKeyUsagePurpose,
    ) -> Result<(Certificate, KeyPair), Error> {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate()?;
        Ok((params.signed_by(&key, &self.root)?, key))
    }
}

fn builder() -> Result<ConfigBuilder<ServerConfig, WantsVerifier>, Error> {
    let provider = Arc::new(ring::default_provider());
    Ok(ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?)
}

fn der(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(key.serialize_der().into())
}
