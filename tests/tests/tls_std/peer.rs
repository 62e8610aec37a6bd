//! Servers over TLS, for one client after another.

use crate::*;

pub(crate) type TlsTcp = StreamOwned<ServerConnection, Steady>;

/// A server for one client after another, each served the same way.
pub(crate) struct Peer<T> {
    pub(crate) port: u16,
    pub(crate) thread: JoinHandle<Vec<T>>,
}

impl<T: Send + 'static> Peer<T> {
    pub(crate) fn tcp(clients: usize, serve: impl Fn(Steady) -> T + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = thread::spawn(move || {
            let client = |_| {
                let (tcp, _) = listener.accept().unwrap();
                tcp.set_read_timeout(Some(LONG)).unwrap();
                tcp.set_write_timeout(Some(LONG)).unwrap();
                serve(Steady(tcp))
            };
            (0..clients).map(client).collect()
        });
        Self { port, thread }
    }

    pub(crate) fn tls(
        config: ServerConfig,
        clients: usize,
        serve: impl Fn(TlsTcp) -> T + Send + 'static,
    ) -> Self {
        let config = Arc::new(config);
        Self::tcp(clients, move |tcp| {
            let session = ServerConnection::new(Arc::clone(&config)).unwrap();
            serve(StreamOwned::new(session, tcp))
        })
    }

    pub(crate) fn join(self) -> Vec<T> {
        match self.thread.join() {
            Ok(values) => values,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// What a server saw of a client.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) kind: Option<HandshakeKind>,
    pub(crate) name: Option<String>,
    pub(crate) alpn: Option<Vec<u8>>,
    pub(crate) certificates: usize,
    /// Our close_notify was there, and the end of our direction behind it.
    pub(crate) closed_cleanly: bool,
}

/// Echoes messages until the client closes.
pub(crate) fn echo(mut tls: TlsTcp) -> io::Result<Seen> {
    let mut io = FromStd::new(&mut tls);
    let receiver = accept(&mut io)?;
    let sender = Sender::<Server, _, _>::new(vec![0; 1 << 16], SystemEntropy::new().unwrap());
    let Connection {
        mut reader,
        mut writer,
    } = Connection::new(io, receiver, sender);
    while let Some(message) = reader.recv(&mut writer).map_err(io::Error::other)? {
        writer.send(message).map_err(io::Error::other)?;
    }
    drop(writer);
    tls.conn.send_close_notify();
    tls.flush()?;
    tls.sock.shutdown(Shutdown::Write)?;
    let mut rest = Vec::new();
    let closed_cleanly = matches!(tls.read_to_end(&mut rest), Ok(0));
    Ok(Seen {
        kind: tls.conn.handshake_kind(),
        name: tls.conn.server_name().map(str::to_owned),
        alpn: tls.conn.alpn_protocol().map(<[u8]>::to_vec),
        certificates: tls.conn.peer_certificates().map_or(0, <[_]>::len),
        closed_cleanly,
    })
}

/// Whether the handshake failed. The rest is read, for a reset would overtake our alert.
pub(crate) fn refused(mut tls: TlsTcp) -> bool {
    let has_failed = accept(&mut FromStd::new(&mut tls)).is_err();
    let _ = tls.sock.shutdown(Shutdown::Write);
    let _ = tls.sock.read_to_end(&mut Vec::new());
    has_failed
}

/// The opening handshake of a server.
pub(crate) fn accept(
    io: &mut (impl embedded_io::Read<Error = io::Error> + embedded_io::Write<Error = io::Error>),
) -> io::Result<Receiver<Server, Growing>> {
    let mut handshake = ServerHandshake::new(&Service::ANY, ());
    let mut receiver = Receiver::<Server, _>::new(Growing::with_len(1 << 14));
    loop {
        let length = io.read(receiver.spare())?;
        receiver.commit(length);
        match handshake.read(receiver.unparsed()) {
            Progress::NeedOctets if length == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            Progress::NeedOctets => receiver.skip(usize::MAX),
            Progress::Done { consumed } => {
                receiver.skip(consumed);
                break;
            }
        }
    }
    let mut answer = [0; 512];
    loop {
        match handshake.write(&mut answer) {
            0 => break,
            length => io.write_all(&answer[..length])?,
        }
    }
    io.flush()?;
    handshake.finish().map_err(io::Error::other)?;
    Ok(receiver)
}

pub(crate) fn config(leaf: &Node, chain: &[&Node]) -> ServerConfig {
    config_of(leaf, chain, &[&version::TLS13, &version::TLS12], None)
}

pub(crate) fn config_of(
    leaf: &Node,
    chain: &[&Node],
    versions: &[&'static SupportedProtocolVersion],
    clients_of: Option<&Node>,
) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap();
    let builder = match clients_of {
        None => builder.with_no_client_auth(),
        Some(root) => {
            let mut roots = RootCertStore::empty();
            roots.add(root.der.clone()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        }
    };
    let chain = chain.iter().map(|node| node.der.clone()).collect();
    let key = PrivateKeyDer::Pkcs8(leaf.key.serialize_der().into());
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}
