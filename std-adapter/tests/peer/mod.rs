//! Servers that do exactly what a test says, on loopback, and never for longer than a moment.
#![allow(dead_code, unused_imports, reason = "each test file uses its own part")]

mod stalls;
mod steady;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bare_ws_std::bare_ws::handshake::accept;
pub(crate) use stalls::Stalls;
pub(crate) use steady::Steady;

/// Longer than anything that a test waits for: what deadlines that are not tested are set to, and
/// how long a peer waits. Whether a short deadline was kept, [`Stalls`] tells.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// A server, and what becomes of it.
pub(crate) struct Peer<T = ()> {
    pub(crate) address: SocketAddr,
    thread: JoinHandle<T>,
}

/// Serves `connections` clients, one after the other.
pub(crate) fn serve_many<T: Send + 'static>(
    connections: usize,
    mut behave: impl FnMut(usize, Conn) -> T + Send + 'static,
) -> Peer<Vec<T>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        (0..connections)
            .map(|index| behave(index, Conn::new(listener.accept().unwrap().0)))
            .collect()
    });
    Peer { address, thread }
}

/// Serves one client.
pub(crate) fn serve<T: Send + 'static>(behave: impl FnOnce(Conn) -> T + Send + 'static) -> Peer<T> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || behave(Conn::new(listener.accept().unwrap().0)));
    Peer { address, thread }
}

impl<T> Peer<T> {
    pub(crate) fn uri(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// Fails the test if the peer has failed.
    pub(crate) fn join(self) -> T {
        match self.thread.join() {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// A client, as the server sees it.
pub(crate) struct Conn<S = Steady> {
    pub(crate) tcp: S,
    pub(crate) request: String,
}

impl Conn {
    pub(crate) fn new(tcp: TcpStream) -> Self {
        tcp.set_read_timeout(Some(LONG)).unwrap();
        tcp.set_write_timeout(Some(LONG)).unwrap();
        tcp.set_nodelay(true).unwrap();
        Self::over(Steady(tcp))
    }

    /// Waits until octets of the client's have arrived, and leaves them unread.
    pub(crate) fn wait_unread(&self) {
        assert_eq!(self.tcp.peek(&mut [0]).unwrap(), 1);
    }
}

impl<S: Read + Write> Conn<S> {
    /// Over something that stands on a connection.
    pub(crate) fn over(tcp: S) -> Self {
        Self {
            tcp,
            request: String::new(),
        }
    }

    pub(crate) fn read_request(&mut self) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut octet = [0];
            self.tcp.read_exact(&mut octet).expect("the request ends");
            head.push(octet[0]);
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
    pub(crate) fn accept_with(&mut self, fields: &str, after: &[u8]) {
        self.read_request();
        let key = self.field("Sec-WebSocket-Key").unwrap().as_bytes();
        let accept = accept::accept(key.try_into().unwrap());
        let mut answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n{fields}\r\n",
            std::str::from_utf8(&accept).unwrap()
        )
        .into_bytes();
        answer.extend_from_slice(after);
        self.send(&answer);
    }

    pub(crate) fn accept(&mut self) {
        self.accept_with("", b"");
    }

    /// Sends octets; the client may be gone.
    pub(crate) fn send(&mut self, octets: &[u8]) {
        let _ = self.tcp.write_all(octets);
    }

    /// Sends a frame; `first`: FIN, RSV bits and opcode.
    pub(crate) fn frame(&mut self, first: u8, payload: &[u8]) {
        self.send(&frame(first, payload));
    }

    pub(crate) fn close(&mut self, code: u16, reason: &[u8]) {
        self.frame(0x88, &[&code.to_be_bytes(), reason].concat());
    }

    /// The next frame of the client's, unmasked: its first octet and its payload. `None` at the
    /// end of the connection.
    pub(crate) fn read_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.tcp.read_exact(&mut head).ok()?;
        assert_eq!(head[1] & 0x80, 0x80, "a client masks");
        let len = match head[1] & 0x7f {
            126 => {
                let mut len = [0; 2];
                self.tcp.read_exact(&mut len).ok()?;
                usize::from(u16::from_be_bytes(len))
            }
            127 => {
                let mut len = [0; 8];
                self.tcp.read_exact(&mut len).ok()?;
                u64::from_be_bytes(len) as usize
            }
            len => usize::from(len),
        };
        let mut key = [0; 4];
        self.tcp.read_exact(&mut key).ok()?;
        let mut payload = vec![0; len];
        self.tcp.read_exact(&mut payload).ok()?;
        for (octet, key) in payload.iter_mut().zip(key.iter().cycle()) {
            *octet ^= key;
        }
        Some((head[0], payload))
    }

    /// The next whole message of the client's: its opcode and payload. Panics at its end.
    pub(crate) fn read_message(&mut self) -> (u8, Vec<u8>) {
        let (first, mut payload) = self.read_frame().expect("a message");
        let mut fin = first & 0x80 != 0;
        while !fin {
            let (next, more) = self.read_frame().expect("a fragment");
            if next & 0x0f == 0 {
                payload.extend(more);
                fin = next & 0x80 != 0;
            }
        }
        (first & 0x0f, payload)
    }

    /// The client's Close, past all its other frames: the status code, 1005 for none.
    pub(crate) fn read_close(&mut self) -> Option<u16> {
        loop {
            let (first, payload) = self.read_frame()?;
            if first == 0x88 {
                return Some(match payload.as_slice() {
                    [a, b, ..] => u16::from_be_bytes([*a, *b]),
                    _ => 1005,
                });
            }
        }
    }

    /// Whether the client ends the connection, rather than to wait for us.
    pub(crate) fn sees_end(&mut self) -> bool {
        let mut scratch = [0; 4096];
        loop {
            match self.tcp.read(&mut scratch) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return true,
                Err(error) => {
                    eprintln!("instead of the end: {error:?}");
                    return false;
                }
            }
        }
    }

    /// Sends the same for as long as somebody takes it, bounded.
    pub(crate) fn send_for_ever(&mut self, octets: &[u8]) {
        let began = Instant::now();
        while began.elapsed() < LONG && self.tcp.write_all(octets).is_ok() {}
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
