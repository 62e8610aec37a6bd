//! No library: as many octets as a frame has, copied or in one write, and as many back, with the one check that text
//! needs; and the engine of compression alone.

use std::hint::black_box;
use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use super::drive::{Blocking, Client, one_by_one};
use super::{Drive, Library};
use crate::direction::Takeover;
use crate::payload::{Kind, Payload};
use crate::served::CLOSE;
use crate::squeezed::{RSV1, TAIL};
use crate::tls;
use crate::wire::{self, Wire};

pub const LIBRARY: Library = Library {
    name: super::LIMIT,
    in_memory: Some(|wire, payload| moving(wire, payload)),
    over_tcp: Some(|tcp, payload| moving(Buffered::new(tcp), payload)),
    over_tls: Some(|tcp, payload| moving(Buffered::new(tls::client(tcp)), payload)),
    deflate: Some(|wire, payload, takeover| {
        Some(Box::new(Blocking(Engine::new(wire, payload, takeover))))
    }),
    connect: Some(|address, _| {
        one_by_one(move || {
            let tcp = TcpStream::connect(address).expect("a connection");
            tcp.set_nodelay(true).expect("an option");
            Opened(tcp)
        })
    }),
    idle: None,
    has_queue: true,
};

const QUEUE: usize = 64 * 1024;

fn moving<S: Read + Write + 'static>(stream: S, payload: Payload) -> Box<dyn Drive> {
    let frame = wire::masked(payload);
    Box::new(Blocking(Moving {
        stream,
        back: vec![0; wire::frame(payload).len()],
        queue: Vec::with_capacity(QUEUE + frame.len()),
        frame,
        payload,
    }))
}

/// Reads many small frames at once.
struct Buffered<S>(BufReader<S>);

impl<S: Read> Buffered<S> {
    fn new(stream: S) -> Self {
        Self(BufReader::with_capacity(32 * 1024, stream))
    }
}

impl<S: Read> Read for Buffered<S> {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        self.0.read(octets)
    }

    fn read_exact(&mut self, octets: &mut [u8]) -> io::Result<()> {
        self.0.read_exact(octets)
    }
}

impl<S: Write> Write for Buffered<S> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.get_mut().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.get_mut().flush()
    }
}

struct Moving<S> {
    stream: S,
    payload: Payload,
    frame: Vec<u8>,
    back: Vec<u8>,
    queue: Vec<u8>,
}

impl<S: Read + Write> Client for Moving<S> {
    fn receive(&mut self, show: &mut dyn FnMut(Kind, &[u8])) {
        self.stream.read_exact(&mut self.back).expect("read");
        let header = self.back.len() - self.payload.octets.len();
        let octets = &self.back[header..];
        if self.payload.kind == Kind::Text {
            simdutf8::basic::from_utf8(octets).expect("text");
        }
        show(self.payload.kind, octets);
    }

    /// Memory is copied once more than a socket needs.
    fn send(&mut self) {
        self.queue();
        self.flush();
    }

    fn load(&mut self, payload: Payload) {
        self.frame = wire::masked(payload);
        self.payload = payload;
    }

    fn queue(&mut self) {
        self.queue.extend_from_slice(black_box(&self.frame));
        if self.queue.len() >= QUEUE {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.stream.write_all(&self.queue).expect("written");
        self.stream.flush().expect("written");
        self.queue.clear();
    }

    fn close(self) {}
}

/// A connection whose octets are all known.
struct Opened(TcpStream);

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\
    Host: 127.0.0.1\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\
    \r\n";

impl Client for Opened {
    fn receive(&mut self, _: &mut dyn FnMut(Kind, &[u8])) {}
    fn send(&mut self) {}
    fn load(&mut self, _: Payload) {}
    fn queue(&mut self) {}
    fn flush(&mut self) {}

    fn close(mut self) {
        self.0.write_all(REQUEST).expect("written");
        let mut octets = [0; 1024];
        let mut filled = 0;
        while !octets[..filled].ends_with(b"\r\n\r\n") {
            filled += self.0.read(&mut octets[filled..]).expect("an answer");
        }
        self.0
            .write_all(&[CLOSE[0], 0x80 | CLOSE[1], 0, 0, 0, 0, CLOSE[2], CLOSE[3]])
            .expect("written");
        let read = self.0.read(&mut octets).expect("a Close");
        assert_eq!(octets[..read], CLOSE);
        assert_eq!(self.0.read(&mut octets).expect("the end"), 0);
    }
}

/// zlib-rs as the libraries call it.
struct Engine {
    wire: Wire,
    payload: Payload,
    takeover: Takeover,
    deflate: Compress,
    inflate: Decompress,
    compressed: Vec<u8>,
    received: Vec<u8>,
    message: Vec<u8>,
}

impl Engine {
    fn new(wire: Wire, payload: Payload, takeover: Takeover) -> Self {
        Self {
            wire,
            payload,
            takeover,
            deflate: Compress::new(Compression::new(6), false),
            inflate: Decompress::new(false),
            compressed: Vec::with_capacity(payload.octets.len() + 1024),
            received: vec![0; payload.octets.len() + 1024],
            message: Vec::with_capacity(payload.octets.len() + 1024),
        }
    }
}

impl Client for Engine {
    fn receive(&mut self, show: &mut dyn FnMut(Kind, &[u8])) {
        let mut len = [0; 2];
        self.wire.read_exact(&mut len).expect("read");
        let len = match len[1] {
            126 => {
                let mut len = [0; 2];
                self.wire.read_exact(&mut len).expect("read");
                usize::from(u16::from_be_bytes(len))
            }
            len => usize::from(len),
        };
        let payload = &mut self.received[..len + TAIL.len()];
        self.wire.read_exact(&mut payload[..len]).expect("read");
        payload[len..].copy_from_slice(&TAIL);
        self.message.clear();
        self.inflate
            .decompress_vec(payload, &mut self.message, FlushDecompress::Sync)
            .expect("a message");
        if self.takeover == Takeover::Dropped {
            self.inflate.reset(false);
        }
        simdutf8::basic::from_utf8(&self.message).expect("text");
        show(Kind::Text, &self.message);
    }

    fn send(&mut self) {
        self.compressed.clear();
        self.deflate
            .compress_vec(
                black_box(self.payload.octets),
                &mut self.compressed,
                FlushCompress::Sync,
            )
            .expect("room");
        if self.takeover == Takeover::Dropped {
            self.deflate.reset();
        }
        self.compressed.truncate(self.compressed.len() - TAIL.len());
        let mut header = wire::header(self.payload.kind, self.compressed.len(), 0x80);
        header[0] |= RSV1;
        header.extend([0; 4]);
        self.wire.write_all(&header).expect("written");
        self.wire.write_all(&self.compressed).expect("written");
    }

    fn load(&mut self, payload: Payload) {
        self.payload = payload;
    }

    fn queue(&mut self) {
        self.send();
    }

    fn flush(&mut self) {}

    fn close(self) {}
}
