//! A TCP connection that remembers how it began and how it ended.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bare_ws_std::{Interest, Stream};

#[derive(Debug)]
pub(crate) struct Watched {
    tcp: TcpStream,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    /// What was read, until the end of the head was.
    head: Option<Vec<u8>>,
    after_head: usize,
    end: Option<Result<(), io::ErrorKind>>,
}

impl Watched {
    pub(crate) fn new(tcp: TcpStream) -> Self {
        Self {
            tcp,
            seen: Mutex::new(Seen {
                head: Some(Vec::new()),
                after_head: 0,
                end: None,
            }),
        }
    }

    /// How many octets came in the same read as the end of the head, behind it.
    pub(crate) fn after_head(&self) -> usize {
        self.seen().after_head
    }

    /// How reading ended.
    pub(crate) fn end(&self) -> String {
        match self.seen().end {
            None => "we never saw it".to_owned(),
            Some(Ok(())) => "at its end".to_owned(),
            Some(Err(kind)) => kind.to_string(),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn look_at(&mut self, octets: &[u8]) {
        let Some(head) = &mut self.head else { return };
        head.extend_from_slice(octets);
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            self.after_head = head.len() - end - 4;
            self.head = None;
        }
    }
}

impl Stream for Watched {
    fn prepare(&mut self) -> io::Result<()> {
        self.tcp.prepare()
    }

    fn try_read(&self, octets: &mut [u8]) -> io::Result<usize> {
        let read = self.tcp.try_read(octets);
        let mut seen = self.seen();
        match &read {
            Ok(0) => seen.end = Some(Ok(())),
            Ok(n) => seen.look_at(octets.get(..*n).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => seen.end = Some(Err(error.kind())),
        }
        read
    }

    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        self.tcp.try_write(octets)
    }

    fn wait(&self, interest: Interest, limit: Option<Duration>) -> io::Result<()> {
        self.tcp.wait(interest, limit)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        Stream::shutdown(&self.tcp, how)
    }
}
