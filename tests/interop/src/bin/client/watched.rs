//! A TCP connection that remembers how it began and how it ended.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use bare_ws_std::Stream;

#[derive(Debug)]
pub(crate) struct Watched {
    tcp: TcpStream,
    /// What was read, until the end of the head was.
    head: Option<Vec<u8>>,
    after_head: usize,
    end: Option<Result<(), io::ErrorKind>>,
}

impl Watched {
    pub(crate) fn new(tcp: TcpStream) -> Self {
        Self {
            tcp,
            head: Some(Vec::new()),
            after_head: 0,
            end: None,
        }
    }

    /// How many octets came in the same read as the end of the head, behind it.
    pub(crate) fn after_head(&self) -> usize {
        self.after_head
    }

    /// How reading ended.
    pub(crate) fn end(&self) -> String {
        match self.end {
            None => "we never saw it".to_owned(),
            Some(Ok(())) => "at its end".to_owned(),
            Some(Err(kind)) => kind.to_string(),
        }
    }

    fn look_at(&mut self, octets: &[u8]) {
        let Some(head) = &mut self.head else { return };
        head.extend_from_slice(octets);
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            self.after_head = head.len() - end - 4;
            self.head = None;
        }
    }
}

impl Read for Watched {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        let read = self.tcp.read(octets);
        match &read {
            Ok(0) => self.end = Some(Ok(())),
            Ok(n) => self.look_at(octets.get(..*n).unwrap_or_default()),
            Err(error) => self.end = Some(Err(error.kind())),
        }
        read
    }
}

impl Write for Watched {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.tcp.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

impl Stream for Watched {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.tcp.set_read_timeout(timeout)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.tcp.set_write_timeout(timeout)
    }

    fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
        self.tcp.shutdown(how)
    }
}
