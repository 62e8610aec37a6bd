//! Servers of TLS.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, OnceLock};

use bare_ws_std::Tls;
use bare_ws_std::bare_ws::handshake::accept::base64;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::peer::{Conn, Steady};

/// A server's certificate, for `localhost`, `name.example` and 127.0.0.1, and what shows it.
pub(crate) struct Identity {
    pub(crate) der: Vec<u8>,
    pub(crate) pem: String,
    pub(crate) server: Arc<ServerConfig>,
}

pub(crate) fn identity() -> &'static Identity {
    static IDENTITY: OnceLock<Identity> = OnceLock::new();
    IDENTITY.get_or_init(|| {
        let names = ["localhost", "name.example", "127.0.0.1"].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key);
        Identity {
            der: made.cert.der().to_vec(),
            pem: pem(made.cert.der()),
            server: Arc::new(server.unwrap()),
        }
    })
}

pub(crate) fn pem(der: &[u8]) -> String {
    let mut letters = vec![0; der.len().div_ceil(3) * 4];
    base64(der, &mut letters);
    let letters = String::from_utf8(letters).unwrap();
    format!("-----BEGIN CERTIFICATE-----\n{letters}\n-----END CERTIFICATE-----\n")
}

pub(crate) fn trusting() -> Tls {
    Tls::builder().root(identity().der.clone()).build().unwrap()
}

pub(crate) type Secured = Conn<StreamOwned<ServerConnection, Steady>>;

pub(crate) fn secured(tcp: Steady) -> Secured {
    let session = ServerConnection::new(Arc::clone(&identity().server)).unwrap();
    Conn::over(StreamOwned::new(session, tcp))
}

/// Ends our direction, as TLS wants it or without a word.
pub(crate) fn end(conn: &mut Secured, notifies: bool) {
    if notifies {
        conn.tcp.conn.send_close_notify();
        let _ = conn.tcp.flush();
    }
    // The client may be gone.
    let _ = conn.tcp.sock.shutdown(Shutdown::Write);
    let _ = conn.tcp.sock.read_to_end(&mut Vec::new());
}
