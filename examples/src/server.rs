//! An echo server on loopback, by the server role of the core.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use bare_ws::blocking;
use bare_ws::buffer::Growing;
use bare_ws::deflate::Answering;
use bare_ws::deflate::negotiate::WindowMemory;
use bare_ws::handshake::Progress;
use bare_ws::handshake::server::{ServerHandshake, Service};
use bare_ws::receiver::Receiver;
use bare_ws::role::Server;
use bare_ws::sender::Sender;
use bare_ws_std::{Deflate, Deflating, Inflating, SystemEntropy};
use embedded_io::{Read, Write};
use embedded_io_adapters::std::FromStd;
use rustls::{ProtocolVersion, ServerConfig, ServerConnection, StreamOwned};

/// A server that takes one client, echoes its messages (compressed, if the client offers it), and
/// ends with it.
#[derive(Debug)]
pub struct EchoServer {
    address: SocketAddr,
    thread: JoinHandle<Result<Served, String>>,
}

/// What a client was served.
#[derive(Clone, Copy, Debug)]
pub struct Served {
    /// Messages.
    pub messages: u64,
    /// Over which version of TLS.
    pub tls: Option<ProtocolVersion>,
}

/// A server's end of a connection.
pub type Connection<S> = blocking::Connection<
    FromStd<S>,
    Receiver<Server, Growing, Inflating>,
    Sender<Server, Vec<u8>, SystemEntropy, Deflating>,
>;

type Secure = StreamOwned<ServerConnection, TcpStream>;

impl EchoServer {
    /// Listens on a free port, and speaks these subprotocols.
    ///
    /// # Errors
    /// The operating system's.
    pub fn start(subprotocols: &'static [&'static str]) -> io::Result<Self> {
        Self::listen(move |tcp| {
            let (messages, tcp) = serve(tcp, subprotocols)?;
            // RFC 6455 §7.1.1: the server closes the transport first.
            let _ = tcp.shutdown(Shutdown::Both);
            let tls = None;
            Ok(Served { messages, tls })
        })
    }

    /// The same behind TLS.
    ///
    /// # Errors
    /// The operating system's.
    pub fn start_secure(config: Arc<ServerConfig>) -> io::Result<Self> {
        Self::listen(move |tcp| {
            let session = ServerConnection::new(config).map_err(|error| error.to_string())?;
            let (messages, mut stream) = serve(Secure::new(session, tcp), &[])?;
            stream.conn.send_close_notify();
            let _ = io::Write::flush(&mut stream);
            let _ = stream.sock.shutdown(Shutdown::Both);
            let tls = stream.conn.protocol_version();
            Ok(Served { messages, tls })
        })
    }

    fn listen(
        serve: impl FnOnce(TcpStream) -> Result<Served, String> + Send + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let thread = thread::Builder::new().spawn(move || {
            let (tcp, _) = listener.accept().map_err(|error| error.to_string())?;
            tcp.set_nodelay(true).map_err(|error| error.to_string())?;
            serve(tcp)
        })?;
        Ok(Self { address, thread })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for its end: what it served.
    ///
    /// # Errors
    /// In words, what went wrong on its side.
    pub fn join(self) -> Result<Served, String> {
        let ended = self.thread.join();
        ended.map_err(|_| "the server panicked".to_owned())?
    }
}

/// How many messages, until the closing handshake.
fn serve<S: io::Read + io::Write>(stream: S, subprotocols: &[&str]) -> Result<(u64, S), String> {
    let (connection, _) = accept(stream, subprotocols)?;
    let blocking::Connection {
        mut reader,
        mut writer,
    } = connection;
    let mut messages = 0;
    while let Some(message) = reader
        .recv(&mut writer)
        .map_err(|error| error.to_string())?
    {
        writer.send(message).map_err(|error| error.to_string())?;
        messages += 1;
    }
    let (io, _) = writer.into_parts();
    Ok((messages, io.into_inner()))
}

/// Takes a client: the server's end of the opening handshake, with permessage-deflate if the
/// client offers it. Beside the connection it gives the head of the request.
///
/// # Errors
/// In words, why there is no connection.
pub fn accept<S: io::Read + io::Write>(
    stream: S,
    subprotocols: &[&str],
) -> Result<(Connection<S>, String), String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let service = Service {
        subprotocols,
        ..Service::ANY
    };
    let mut io = FromStd::new(stream);
    let mut handshake = ServerHandshake::new(&service, Answering::new(WindowMemory::ALL));
    let mut receiver =
        Receiver::<Server, _, _>::with_stage(Growing::with_len(16 * 1024), Inflating::default());
    let mut request = Vec::new();
    loop {
        let n = io.read(receiver.spare()).map_err(|error| said(&error))?;
        receiver.commit(n);
        let octets = receiver.unparsed();
        let progress = handshake.read(octets);
        let consumed = match progress {
            Progress::NeedOctets if n == 0 => return Err("no request".to_owned()),
            Progress::NeedOctets => octets.len(),
            Progress::Done { consumed } => consumed,
        };
        request.extend_from_slice(&octets[..consumed]);
        receiver.skip(consumed);
        if progress != Progress::NeedOctets {
            break;
        }
    }
    let mut answer = [0; 512];
    loop {
        let n = handshake.write(&mut answer);
        if n == 0 {
            break;
        }
        io.write_all(&answer[..n]).map_err(|error| said(&error))?;
    }
    let established = handshake.finish().map_err(|error| said(&error))?;
    let mut deflating = Deflating::default();
    if let Some(agreed) = established.extensions.agreed() {
        let stages = Deflate::new().stages(agreed, 16 * 1024 * 1024);
        (*receiver.stage_mut(), deflating) = stages.map_err(|error| said(&error))?;
    }

    let entropy = SystemEntropy::new().map_err(|error| said(&error))?;
    let sender = Sender::<Server, _, _, _>::with_stage(vec![0; 64 * 1024], entropy, deflating);
    let request = String::from_utf8_lossy(&request).into_owned();
    Ok((Connection::new(io, receiver, sender), request))
}
