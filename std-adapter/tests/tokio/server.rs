//! The server's end of a connection, which does exactly what a test says.

use std::net::Ipv4Addr;
use std::sync::Arc;

use bare_ws_std::bare_ws::handshake::accept;
use bare_ws_std::tls::Tls;
use rcgen::generate_simple_self_signed;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

pub(crate) struct Server<S> {
    pub(crate) io: S,
    pub(crate) request: String,
}

/// A frame of the client's: its first octet and its payload.
pub(crate) type Frame = (u8, Vec<u8>);

impl<S: AsyncRead + AsyncWrite + Unpin> Server<S> {
    pub(crate) fn over(io: S) -> Self {
        Self {
            io,
            request: String::new(),
        }
    }

    pub(crate) async fn read_request(&mut self) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.io.read_u8().await.unwrap());
        }
        self.request = String::from_utf8(head).unwrap();
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.request.lines().skip(1).find_map(|line| {
            let (field, value) = line.split_once(": ")?;
            field.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// The 101, with more header fields and the first octets after it.
    pub(crate) async fn accept_with(&mut self, fields: &str, after: &[u8]) {
        self.read_request().await;
        let key = self.field("Sec-WebSocket-Key").unwrap().as_bytes();
        let accept = accept::accept(key.try_into().unwrap());
        let mut answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n{fields}\r\n",
            std::str::from_utf8(&accept).unwrap()
        )
        .into_bytes();
        answer.extend_from_slice(after);
        self.send(&answer).await;
    }

    pub(crate) async fn accept(&mut self) {
        self.accept_with("", b"").await;
    }

    /// Sends octets; the client may be gone.
    pub(crate) async fn send(&mut self, octets: &[u8]) {
        let _ = self.io.write_all(octets).await;
        let _ = self.io.flush().await;
    }

    /// Sends a frame; `first`: FIN, RSV bits and opcode.
    pub(crate) async fn frame(&mut self, first: u8, payload: &[u8]) {
        self.send(&frame(first, payload)).await;
    }

    pub(crate) async fn close(&mut self, code: u16) {
        self.frame(0x88, &code.to_be_bytes()).await;
    }

    /// The next frame of the client's, unmasked. `None` at the end of the connection.
    pub(crate) async fn read_frame(&mut self) -> Option<Frame> {
        let first = self.io.read_u8().await.ok()?;
        let second = self.io.read_u8().await.ok()?;
        assert_eq!(second & 0x80, 0x80, "a client masks");
        let len = match second & 0x7f {
            126 => usize::from(self.io.read_u16().await.ok()?),
            127 => self.io.read_u64().await.ok()? as usize,
            len => usize::from(len),
        };
        let mut key = [0; 4];
        self.io.read_exact(&mut key).await.ok()?;
        let mut payload = vec![0; len];
        self.io.read_exact(&mut payload).await.ok()?;
        for (octet, key) in payload.iter_mut().zip(key.iter().cycle()) {
            *octet ^= key;
        }
        Some((first, payload))
    }

    /// All frames up to the end of the connection.
    pub(crate) async fn read_all(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.read_frame().await {
            frames.push(frame);
        }
        frames
    }

    /// All whole data messages and their kinds, up to the client's Close, whose code comes with
    /// them. Control frames between fragments are passed over.
    pub(crate) async fn read_messages(&mut self) -> (Vec<Frame>, Option<u16>) {
        let (mut messages, mut open) = (Vec::new(), None::<Frame>);
        loop {
            let Some((first, payload)) = self.read_frame().await else {
                return (messages, None);
            };
            match (first & 0x0f, &mut open) {
                (0x8, _) => {
                    let code = payload
                        .first_chunk()
                        .map_or(1005, |code| u16::from_be_bytes(*code));
                    return (messages, Some(code));
                }
                (0x9 | 0xa, _) => continue,
                (0, Some((_, message))) => message.extend(payload),
                (kind @ (1 | 2), None) => open = Some((kind, payload)),
                other => panic!("frames are torn: {other:?}"),
            }
            if first & 0x80 != 0 {
                messages.extend(open.take());
            }
        }
    }

    /// Sends back whatever comes until the client has closed, and answers that.
    pub(crate) async fn echo(&mut self) {
        while let Some((first, payload)) = self.read_frame().await {
            self.frame(first, &payload).await;
            if first == 0x88 {
                break;
            }
        }
        let _ = self.io.shutdown().await;
    }
}

/// A frame of a server's.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut octets = vec![first];
    match payload.len() {
        len @ 0..=125 => octets.push(len as u8),
        len @ 126..=0xffff => {
            octets.push(126);
            octets.extend((len as u16).to_be_bytes());
        }
        len => {
            octets.push(127);
            octets.extend((len as u64).to_be_bytes());
        }
    }
    octets.extend_from_slice(payload);
    octets
}

pub(crate) async fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

/// Serves one client over loopback, in a task; gives the URI.
pub(crate) async fn serve<F: Future<Output: Send> + Send + 'static>(
    behave: impl FnOnce(Server<TcpStream>) -> F + Send + 'static,
) -> (String, tokio::task::JoinHandle<F::Output>) {
    let listener = listener().await;
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        tcp.set_nodelay(true).unwrap();
        behave(Server::over(tcp)).await
    });
    (uri, task)
}

/// A certificate for localhost: whom to trust, and the server that shows it.
pub(crate) fn certificate() -> (Tls, TlsAcceptor) {
    let certified = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let der = certified.cert.der().to_vec();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(der.clone())], key)
        .unwrap();
    let tls = Tls::builder().root(der).build().unwrap();
    (tls, TlsAcceptor::from(Arc::new(config)))
}
