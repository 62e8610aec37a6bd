//! No library: as many octets as a frame has, in one write, and as many back.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::TcpStream;

use super::Library;
use super::drive::{Blocking, Client};
use crate::payload::{Kind, Payload};
use crate::wire;

pub const LIBRARY: Library = Library {
    name: super::RAW,
    in_memory: None,
    over_tcp: Some(|tcp, payload| {
        let frame = wire::masked(payload);
        Box::new(Blocking(Raw {
            tcp,
            back: vec![0; wire::frame(payload).len()],
            queue: Vec::with_capacity(QUEUE + frame.len()),
            frame,
            payload,
        }))
    }),
    deflate: None,
    has_queue: true,
};

const QUEUE: usize = 64 * 1024;

struct Raw {
    tcp: TcpStream,
    payload: Payload,
    frame: Vec<u8>,
    back: Vec<u8>,
    queue: Vec<u8>,
}

impl Client for Raw {
    fn receive(&mut self, show: &mut dyn FnMut(Kind, &[u8])) {
        self.tcp.read_exact(&mut self.back).expect("read");
        let header = self.back.len() - self.payload.octets.len();
        show(self.payload.kind, &self.back[header..]);
    }

    fn send(&mut self) {
        self.tcp.write_all(black_box(&self.frame)).expect("written");
    }

    fn queue(&mut self) {
        self.queue.extend_from_slice(black_box(&self.frame));
        if self.queue.len() >= QUEUE {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.tcp.write_all(&self.queue).expect("written");
        self.queue.clear();
    }
}
