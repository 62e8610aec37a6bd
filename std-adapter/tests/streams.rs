//! Streams of the caller's: what a connection asks of them, and what the crate's own promise.
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

mod peer;

use std::io::{self, Cursor, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bare_ws_std::{Config, Error, Interest, Message, Socket, Stream, Timeout, Untimed};
use peer::{LONG, frame, serve};

const READ: Interest = Interest {
    read: true,
    write: false,
};

/// Says of itself what it is told to, and counts how often it was flushed.
struct Told {
    read: Result<u8, io::ErrorKind>,
    flushed: usize,
}

impl Read for Told {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        let octet = self.read?;
        octets[0] = octet;
        Ok(1)
    }
}

impl Write for Told {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.read?;
        Ok(octets.len().min(3))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flushed += 1;
        Ok(())
    }
}

/// A time-out of the stream's own says no more than that there is nothing yet; all else is told as it is.
// row: LIV-15
#[test]
fn any_read_and_write_is_a_stream() {
    type Kind = io::ErrorKind;
    for (said, told) in [
        (Ok(b'x'), Ok(())),
        (Err(Kind::WouldBlock), Err(Kind::WouldBlock)),
        (Err(Kind::TimedOut), Err(Kind::WouldBlock)),
        (Err(Kind::Interrupted), Err(Kind::Interrupted)),
        (Err(Kind::ConnectionReset), Err(Kind::ConnectionReset)),
        (Err(Kind::UnexpectedEof), Err(Kind::UnexpectedEof)),
    ] {
        let stream = Untimed::new(Told {
            read: said,
            flushed: 0,
        });
        let mut octets = [0; 9];
        let read = stream.try_read(&mut octets);
        assert_eq!(read.map_err(|error| error.kind()), told.map(|()| 1));
        let written = stream.try_write(&[7; 9]);
        assert_eq!(written.map_err(|error| error.kind()), told.map(|()| 3));
        assert!(!stream.is_secure());
        // What was read ahead of it, it does not know.
        let ahead = stream.try_read_ahead(&mut octets).unwrap_err();
        assert_eq!(ahead.kind(), Kind::WouldBlock);
        // There is no telling when to look again: soon, whatever the limit is.
        let began = Instant::now();
        stream.wait(READ, None).unwrap();
        stream.wait(READ, Some(LONG)).unwrap();
        // But not at once, which would keep a processor busy.
        assert!(began.elapsed() >= Duration::from_millis(1));
        stream.wait(READ, Some(Duration::ZERO)).unwrap();
        assert!(began.elapsed() < LONG / 2);
        // What it holds leaves before it ends, however it ends.
        stream.try_flush().unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        stream.abort().unwrap();
        assert_eq!(stream.into_inner().flushed, 3);
    }
}

/// Nothing is ahead of a socket without TLS, which is no end of it.
#[test]
fn a_plain_socket_reads_nothing_ahead() {
    let peer = serve(|mut conn| conn.send(b"abc"));
    let mut socket = Socket::Tcp(TcpStream::connect(peer.address).unwrap());
    socket.prepare().unwrap();
    socket.wait(READ, Some(LONG)).unwrap();
    let mut octets = [0; 9];
    let ahead = socket.try_read_ahead(&mut octets).unwrap_err();
    assert_eq!(ahead.kind(), io::ErrorKind::WouldBlock);
    assert_eq!(socket.try_read(&mut octets).unwrap(), 3);
    peer.join();
}

/// The stream comes back as it is.
#[test]
fn what_was_wrapped_comes_back() {
    let stream = Untimed::new(Cursor::new(b"abc".to_vec()));
    stream.try_read(&mut [0]).unwrap();
    assert_eq!(stream.into_inner().position(), 1);
}

/// Which calls a connection makes, in their order, and claims to have done more than it was asked for.
struct Boasting {
    tcp: TcpStream,
    prepared: AtomicUsize,
    calls: Mutex<Vec<&'static str>>,
    boasts: bool,
}

impl Boasting {
    fn called(&self, call: &'static str) {
        assert_eq!(self.prepared.load(Ordering::Relaxed), 1, "{call}");
        self.calls.lock().unwrap().push(call);
    }
}

impl Stream for Boasting {
    fn prepare(&mut self) -> io::Result<()> {
        self.prepared.fetch_add(1, Ordering::Relaxed);
        self.tcp.prepare()
    }

    fn try_read(&self, octets: &mut [u8]) -> io::Result<usize> {
        self.called("read");
        let n = self.tcp.try_read(octets)?;
        Ok(if self.boasts && n == octets.len() {
            n + 1000
        } else {
            n
        })
    }

    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        self.called("write");
        let n = self.tcp.try_write(octets)?;
        Ok(if self.boasts && n == octets.len() {
            n + 1000
        } else {
            n
        })
    }

    fn wait(&self, interest: Interest, limit: Option<Duration>) -> io::Result<()> {
        self.called("wait");
        self.tcp.wait(interest, limit)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.called("shutdown");
        Stream::shutdown(&self.tcp, how)
    }
}

/// Prepared once before all else, and not believed where it claims too much.
// row: LIV-15
#[test]
fn a_stream_is_prepared_first_and_is_not_believed_too_much() {
    for boasts in [false, true] {
        let peer = serve(|mut conn| {
            conn.accept();
            assert_eq!(conn.read_message(), (1, b"hello".to_vec()));
            conn.send(&frame(0x82, &[7; 100_000]));
            conn.read_close();
            conn.close(1000, b"");
        });
        let stream = Boasting {
            tcp: TcpStream::connect(peer.address).unwrap(),
            prepared: AtomicUsize::new(0),
            calls: Mutex::default(),
            boasts,
        };
        let mut socket = Config::new().open(&peer.uri(), stream).unwrap();
        socket.send("hello").unwrap();
        assert_eq!(socket.recv().unwrap(), Some(Message::Binary(&[7; 100_000])));
        socket.finish(None, "").unwrap();
        let calls = socket.stream().calls.lock().unwrap().clone();
        assert_eq!(calls.last(), Some(&"shutdown"));
        for call in ["read", "write", "wait"] {
            assert!(calls.contains(&call), "{call}");
        }
        peer.join();
    }
}

/// The operating system's sockets wait no longer than they are told to, and do not block once they are prepared.
// row: LIV-15
#[test]
fn sockets_of_the_systems_do_not_block() {
    fn keeps<S: Stream>(mut ours: S, mut theirs: impl Read + Write) {
        ours.prepare().unwrap();
        assert!(!ours.is_secure());
        let mut octets = [0; 9];
        let empty = ours.try_read(&mut octets).unwrap_err();
        assert_eq!(empty.kind(), io::ErrorKind::WouldBlock);
        let began = Instant::now();
        ours.wait(READ, Some(Duration::from_millis(10))).unwrap();
        assert!(began.elapsed() < LONG / 2);
        theirs.write_all(b"abc").unwrap();
        ours.wait(READ, None).unwrap();
        assert_eq!(ours.try_read(&mut octets).unwrap(), 3);
        assert_eq!(ours.try_write(b"de").unwrap(), 2);
        theirs.read_exact(&mut octets[..2]).unwrap();
        assert_eq!(&octets[..2], b"de");
        // There is an end to what is not read.
        while ours.try_write(&[0; 65_536]).is_ok() {}
        let full = ours.try_write(b"x").unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        // The end of both directions wakes whoever waits for anything.
        Stream::shutdown(&ours, Shutdown::Both).unwrap();
        ours.wait(READ, None).unwrap();
        assert_eq!(ours.try_read(&mut octets).unwrap(), 0);
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    keeps(ours, listener.accept().unwrap().0);
    #[cfg(unix)]
    {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        keeps(ours, theirs);
    }
}

/// A connection over a Unix socket is one like another.
#[cfg(unix)]
#[test]
fn a_unix_socket_carries_a_connection() {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let server = std::thread::spawn(move || {
        let mut conn = peer::Conn::over(theirs);
        conn.accept();
        assert_eq!(conn.field("Host"), Some("localhost"));
        conn.frame(0x81, b"hello");
        conn.read_close();
        conn.close(1000, b"");
    });
    let mut socket = Config::new().open("ws://localhost/", ours).unwrap();
    assert_eq!(socket.recv().unwrap(), Some(Message::Text("hello")));
    let late = socket.recv_timeout(Duration::ZERO).map(drop);
    assert!(
        matches!(late, Err(Error::Timeout(Timeout::Call))),
        "{late:?}"
    );
    socket.finish(None, "").unwrap();
    server.join().unwrap();
}
