//! The peers of the table, over each kind of wire.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use bare_ws_std::Tls;
use bare_ws_std::bare_ws::handshake::accept;
use rustix::net::sockopt::{
    set_socket_linger, set_socket_recv_buffer_size, set_socket_send_buffer_size,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};

use crate::axes::{DRIP, LATER, Peer};
use crate::peer::{Conn, LONG, Steady, frame};

/// What the system may buffer on a wire: little, so that it is soon full.
const BUFFER: usize = 16 * 1024;
/// How often a peer looks whether its cell is over.
const GLANCE: Duration = Duration::from_millis(10);

/// The server's end of a wire.
pub(crate) trait Raw: Read + Write + Send + 'static {
    fn patience(&self, limit: Duration);
    fn end(&self);
    /// Lets the client see a reset, not an end.
    fn reset(&self);
}

impl Raw for TcpStream {
    fn patience(&self, limit: Duration) {
        self.set_read_timeout(Some(limit)).unwrap();
        self.set_write_timeout(Some(limit)).unwrap();
    }

    fn end(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }

    fn reset(&self) {
        set_socket_linger(self, Some(Duration::ZERO)).unwrap();
    }
}

impl Raw for UnixStream {
    fn patience(&self, limit: Duration) {
        self.set_read_timeout(Some(limit)).unwrap();
        self.set_write_timeout(Some(limit)).unwrap();
    }

    fn end(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }

    /// What is unread when it is closed resets the connection.
    fn reset(&self) {}
}

/// The two ends of a TCP connection.
pub(crate) fn tcp() -> (TcpStream, TcpStream) {
    let listener = listener();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    ours.set_nodelay(true).unwrap();
    set_socket_send_buffer_size(&ours, BUFFER).unwrap();
    let theirs = listener.accept().unwrap().0;
    theirs.set_nodelay(true).unwrap();
    (ours, theirs)
}

pub(crate) fn listener() -> TcpListener {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    set_socket_recv_buffer_size(&listener, BUFFER).unwrap();
    listener
}

/// An address that does not answer, for as long as what comes with it is held.
pub(crate) fn dead() -> (SocketAddr, impl Send) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let address = listener.local_addr().unwrap();
    let waiting: Vec<_> = std::iter::from_fn(|| TcpStream::connect_timeout(&address, LATER).ok())
        .take(100)
        .collect();
    assert!(waiting.len() < 100, "the backlog has no end");
    (address, (listener, waiting))
}

/// Who the servers are, and who trusts them.
struct Identity {
    key: rcgen::KeyPair,
    certificate: rcgen::Certificate,
    server: Arc<ServerConfig>,
    client: Tls,
}

fn identity() -> &'static Identity {
    static IDENTITY: OnceLock<Identity> = OnceLock::new();
    IDENTITY.get_or_init(|| {
        let key = rcgen::KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned()];
        let certificate = rcgen::CertificateParams::new(names)
            .unwrap()
            .self_signed(&key)
            .unwrap();
        Identity {
            server: server_config(&key, &certificate, rustls::ALL_VERSIONS),
            client: Tls::builder()
                .root(certificate.der().to_vec())
                .build()
                .unwrap(),
            key,
            certificate,
        }
    })
}

fn server_config(
    key: &rcgen::KeyPair,
    certificate: &rcgen::Certificate,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key);
    Arc::new(config.unwrap())
}

/// Trusts the servers of the table.
pub(crate) fn client_tls() -> &'static Tls {
    &identity().client
}

/// A server.
pub(crate) struct Server<R> {
    raw: Steady<R>,
    tls: Option<ServerConnection>,
}

impl<R: Raw> Server<R> {
    pub(crate) fn plain(raw: R) -> Self {
        raw.patience(LONG);
        Self {
            raw: Steady(raw),
            tls: None,
        }
    }

    /// After the handshake of TLS.
    pub(crate) fn tls(raw: R) -> io::Result<Self> {
        Self::tls_of(raw, Arc::clone(&identity().server))
    }

    /// The same by one version of TLS.
    pub(crate) fn tls_version(
        raw: R,
        version: &'static SupportedProtocolVersion,
    ) -> io::Result<Self> {
        let identity = identity();
        Self::tls_of(
            raw,
            server_config(&identity.key, &identity.certificate, &[version]),
        )
    }

    fn tls_of(raw: R, config: Arc<ServerConfig>) -> io::Result<Self> {
        raw.patience(LONG);
        let mut raw = Steady(raw);
        let mut tls = ServerConnection::new(config).unwrap();
        tls.set_buffer_limit(None);
        while tls.is_handshaking() {
            tls.complete_io(&mut raw)?;
        }
        while tls.wants_write() {
            tls.write_tls(&mut raw)?;
        }
        Ok(Self {
            raw,
            tls: Some(tls),
        })
    }

    /// Its flight of the handshake of TLS, which is not sent.
    pub(crate) fn tls_flight(raw: &mut R) -> Vec<u8> {
        raw.patience(LONG);
        let mut tls = ServerConnection::new(Arc::clone(&identity().server)).unwrap();
        while !tls.wants_write() {
            tls.read_tls(&mut Steady(&mut *raw)).unwrap();
            tls.process_new_packets().unwrap();
        }
        let mut flight = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut flight).unwrap();
        }
        flight
    }

    /// What it says and hears in clear.
    pub(crate) fn conn(self) -> Conn<StreamOwned<ServerConnection, Steady<R>>> {
        Conn::over(StreamOwned::new(self.tls.unwrap(), self.raw))
    }

    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.raw.read(octets),
            Some(tls) => rustls::Stream::new(tls, &mut self.raw).read(octets),
        }
    }

    /// What stands on the wire for that.
    fn encode(&mut self, octets: &[u8]) -> Vec<u8> {
        let Some(tls) = &mut self.tls else {
            return octets.to_vec();
        };
        tls.writer().write_all(octets).unwrap();
        let mut wire = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut wire).unwrap();
        }
        wire
    }

    /// The client's request, and the answer to it.
    pub(crate) fn answer(&mut self) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut octet = [0];
            if self.read(&mut octet)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            head.push(octet[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let key = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("Sec-WebSocket-Key")
                .then_some(value)
        });
        let accept = accept::accept(key.unwrap().as_bytes().try_into().unwrap());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            std::str::from_utf8(&accept).unwrap()
        );
        Ok(answer.into_bytes())
    }

    pub(crate) fn accept(&mut self) -> io::Result<()> {
        let answer = self.answer()?;
        let answer = self.encode(&answer);
        self.raw.write_all(&answer)
    }

    /// Behaves on an open connection, until told or the client is gone.
    pub(crate) fn behave(mut self, peer: Peer, over: &Receiver<()>) {
        match peer {
            Peer::Drips => {
                // In one record of 10 KB; without, its payload begins soon. It is never complete.
                let payload = if self.tls.is_some() { 10_000 } else { 125 };
                let octets = self.encode(&frame(0x02, &vec![b'x'; payload]));
                drip(self.raw.0, &octets, over);
            }
            Peer::FloodsPings => self.flood(&frame(0x89, &[b'p'; 125]).repeat(100), over),
            Peer::FloodsData => self.flood(&frame(0x82, &[b'd'; 1000]).repeat(12), over),
            peer => still(self.raw.0, peer, over),
        }
    }

    /// Answers a request for an open connection with what is none.
    pub(crate) fn misbehave(mut self, peer: Peer, over: &Receiver<()>) {
        match peer {
            Peer::Drips => {
                let Ok(mut answer) = self.answer() else {
                    return;
                };
                // In one record of 10 KB.
                answer.resize(10_000, 0);
                let octets = self.encode(&answer);
                drip(self.raw.0, &octets, over);
            }
            Peer::FloodsPings => self.flood(&frame(0x89, &[b'p'; 125]).repeat(100), over),
            Peer::FloodsData => {
                let head = self.encode(b"HTTP/1.1 101 Switching Protocols\r\n");
                let _ = self.raw.write_all(&head);
                self.flood(&b"X-Data: dddddddddddddddddddddd\r\n".repeat(400), over);
            }
            peer => still(self.raw.0, peer, over),
        }
    }

    fn flood(mut self, octets: &[u8], over: &Receiver<()>) {
        self.raw.patience(GLANCE);
        loop {
            let octets = self.encode(octets);
            let mut rest = octets.as_slice();
            while !rest.is_empty() {
                if !matches!(over.try_recv(), Err(TryRecvError::Empty)) {
                    return;
                }
                match self.raw.write(rest) {
                    Ok(n) => rest = &rest[n..],
                    Err(error) if is_late(&error) => {}
                    Err(_) => return,
                }
            }
        }
    }
}

/// One octet of these after the other, and a little is read in between.
pub(crate) fn drip<R: Raw>(mut raw: R, octets: &[u8], over: &Receiver<()>) {
    raw.patience(Duration::from_millis(1));
    let mut scratch = [0; BUFFER];
    for octet in octets {
        if raw.write_all(&[*octet]).is_err() {
            return;
        }
        match raw.read(&mut scratch) {
            Ok(0) => {}
            Ok(_) => {}
            Err(error) if is_late(&error) => {}
            Err(_) => return,
        }
        if !matches!(over.recv_timeout(DRIP), Err(RecvTimeoutError::Timeout)) {
            return;
        }
    }
}

/// A peer that writes nothing.
pub(crate) fn still<R: Raw>(mut raw: R, peer: Peer, over: &Receiver<()>) {
    let mut scratch = [0; 4 * BUFFER];
    match peer {
        Peer::Resets => {
            // Real time: the client's call waits by then.
            thread::sleep(LATER);
            raw.reset();
            return;
        }
        Peer::Ends => raw.end(),
        Peer::ReadsNothing => {
            let _ = over.recv_timeout(LONG);
            return;
        }
        _ => {}
    }
    raw.patience(GLANCE);
    while matches!(over.try_recv(), Err(TryRecvError::Empty)) {
        match raw.read(&mut scratch) {
            // Its end is no reason for us to end.
            Ok(0) => {
                let _ = over.recv_timeout(LONG);
                return;
            }
            Ok(_) => {}
            Err(error) if is_late(&error) => {}
            Err(_) => return,
        }
    }
}

fn is_late(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}
