//! What the servers in Rust are told, and what all of them do besides echoing.
#![forbid(unsafe_code)]

use std::error::Error;
use std::sync::Arc;

use lexopt::{Arg, ValueExt};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Which subprotocol they take, whatever else is offered.
pub const SUBPROTOCOL: &str = "echo.interop";
/// The text that they answer by closing.
pub const CLOSE: &str = "close";
/// What they close with.
pub const STATUS: (u16, &str) = (4001, "so long");

/// `--port N --tls-port N --cert FILE --key FILE`
pub struct Options {
    pub port: u16,
    pub tls_port: u16,
    pub tls: ServerConfig,
}

impl Options {
    /// # Errors
    /// Of the command line and of the files.
    pub fn from_env() -> Result<Self, Box<dyn Error + Send + Sync>> {
        let (mut port, mut tls_port, mut cert, mut key) = (0, 0, String::new(), String::new());
        let mut parser = lexopt::Parser::from_env();
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Long("port") => port = parser.value()?.parse()?,
                Arg::Long("tls-port") => tls_port = parser.value()?.parse()?,
                Arg::Long("cert") => cert = parser.value()?.string()?,
                Arg::Long("key") => key = parser.value()?.string()?,
                arg => return Err(arg.unexpected().into()),
            }
        }
        let chain: Vec<_> = CertificateDer::pem_file_iter(cert)?.collect::<Result<_, _>>()?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
        Ok(Self {
            port,
            tls_port,
            tls,
        })
    }
}
