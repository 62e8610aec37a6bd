//! TLS as all libraries have it: rustls with ring, TLS 1.3, one certificate that is made at the start.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use rustls::{StreamOwned, crypto};
use tokio_rustls::TlsConnector;

/// The name in the certificate.
pub const HOST: &str = "localhost";

struct Configs {
    certificate: CertificateDer<'static>,
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

fn configs() -> &'static Configs {
    static CONFIGS: OnceLock<Configs> = OnceLock::new();
    CONFIGS.get_or_init(|| {
        let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).expect("a certificate");
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
        let provider = Arc::new(crypto::ring::default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .expect("a certificate");
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).expect("a root");
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Configs {
            certificate,
            client: Arc::new(client),
            server: Arc::new(server),
        }
    })
}

/// What a client has to trust.
pub fn certificate() -> CertificateDer<'static> {
    configs().certificate.clone()
}

fn name() -> ServerName<'static> {
    ServerName::try_from(HOST).expect("a name")
}

/// A server's end; the handshake is made by what is read and written.
pub fn server(tcp: TcpStream) -> impl Read + Write {
    let connection = ServerConnection::new(Arc::clone(&configs().server)).expect("a server");
    StreamOwned::new(connection, tcp)
}

/// A client's end, for blocking libraries.
pub fn client(tcp: TcpStream) -> StreamOwned<ClientConnection, TcpStream> {
    let config = Arc::clone(&configs().client);
    let connection = ClientConnection::new(config, name()).expect("a client");
    StreamOwned::new(connection, tcp)
}

/// The same in tokio.
pub async fn connect(
    tcp: tokio::net::TcpStream,
) -> tokio_rustls::client::TlsStream<tokio::net::TcpStream> {
    let connector = TlsConnector::from(Arc::clone(&configs().client));
    let connected = connector.connect(name(), tcp).await;
    connected.expect("a handshake")
}
