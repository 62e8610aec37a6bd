//! Sockets that a stop of the process does not disturb.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::ops::Deref;

/// A peer's socket. A call with a time-out is interrupted when the process is stopped and continued
/// (signal(7)): here it is made again.
#[derive(Debug)]
pub(crate) struct Steady<S = TcpStream>(pub(crate) S);

impl Steady {
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    pub(crate) fn peek(&self, octets: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| self.0.peek(octets))
    }
}

fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

impl<S: Read> Read for Steady<S> {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| self.0.read(octets))
    }
}

impl<S: Write> Write for Steady<S> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        uninterrupted(|| self.0.write(octets))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// For all that does not wait.
impl<S> Deref for Steady<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.0
    }
}
