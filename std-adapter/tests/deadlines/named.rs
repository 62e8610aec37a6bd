//! Faults of time, each by its name.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use bare_ws_std::{CloseCode, Config, Error, Interest, Message, Stream, Timeout, WebSocket};
use rustls::version::{TLS12, TLS13};

use crate::axes::{LIMIT, Peer};
use crate::peer::{Conn, LONG, Stalls};
use crate::server::{Server, client_tls, tcp};

const URI: &str = "wss://localhost/";

#[track_caller]
fn is_timeout<T>(result: Result<T, Error>, wanted: Timeout) {
    match result {
        Err(Error::Timeout(timeout)) => assert_eq!(timeout, wanted),
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("no error"),
    }
}

/// Each octet of a record began every wait anew.
// row: STA-02, SEED-06, LIV-01
#[test]
fn ciphertext_octet_by_octet_moves_no_deadline() {
    let (ours, theirs) = tcp();
    let (told, over) = mpsc::channel();
    let server = thread::spawn(move || {
        Server::tls(theirs).unwrap().misbehave(Peer::Drips, &over);
    });
    let stream = client_tls().connect("localhost", ours, Some(LONG)).unwrap();
    let stalls = Stalls::watch();
    let opened = Config::new().handshake_timeout(LIMIT * 2).open(URI, stream);
    is_timeout(opened, Timeout::Handshake);
    stalls.took(LIMIT * 2, LIMIT * 2);
    drop(told);
    server.join().unwrap();

    // Closing, with a limit on silence that is longer.
    let (ours, theirs) = tcp();
    let (told, over) = mpsc::channel();
    let server = thread::spawn(move || {
        let mut server = Server::tls(theirs).unwrap();
        server.accept().unwrap();
        server.behave(Peer::Drips, &over);
    });
    let stream = client_tls().connect("localhost", ours, Some(LONG)).unwrap();
    let config = Config::new()
        .close_timeout(LIMIT * 2)
        .silence_timeout(LIMIT * 3);
    let mut socket = config.open(URI, stream).unwrap();
    let stalls = Stalls::watch();
    let finished = socket.finish(Some(CloseCode::NORMAL), "");
    is_timeout(finished, Timeout::Close);
    stalls.took(LIMIT * 2, LIMIT * 2);
    drop(told);
    server.join().unwrap();
}

/// A wire that takes one octet every few milliseconds once it is told to.
struct Trickle {
    tcp: TcpStream,
    trickles: Arc<AtomicBool>,
    taken: Mutex<Instant>,
}

const TRICKLE: Duration = Duration::from_millis(20);

impl Stream for Trickle {
    fn prepare(&mut self) -> io::Result<()> {
        self.tcp.prepare()
    }

    fn try_read(&self, octets: &mut [u8]) -> io::Result<usize> {
        self.tcp.try_read(octets)
    }

    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        if !self.trickles.load(Ordering::Relaxed) {
            return self.tcp.try_write(octets);
        }
        let mut taken = self.taken.lock().unwrap();
        if taken.elapsed() < TRICKLE {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        *taken = Instant::now();
        self.tcp.try_write(&octets[..octets.len().min(1)])
    }

    fn wait(&self, interest: Interest, limit: Option<Duration>) -> io::Result<()> {
        let limit = if interest.write && self.trickles.load(Ordering::Relaxed) {
            // Real time: the stream has room for one octet now and then.
            thread::sleep(limit.unwrap_or(TRICKLE).min(TRICKLE));
            Some(Duration::ZERO)
        } else {
            limit
        };
        let write = interest.write && !self.trickles.load(Ordering::Relaxed);
        self.tcp.wait(Interest { write, ..interest }, limit)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        Stream::shutdown(&self.tcp, how)
    }
}

/// The same on the way out: whoever drains ciphertext has a deadline.
// row: STA-02, SEED-06, LIV-01
#[test]
fn ciphertext_that_leaves_octet_by_octet_moves_no_deadline() {
    let trickle = |tcp, at_once| {
        let trickles = Arc::new(AtomicBool::new(at_once));
        let taken = Mutex::new(Instant::now());
        let stream = Trickle {
            tcp,
            trickles: Arc::clone(&trickles),
            taken,
        };
        (stream, trickles)
    };
    let (ours, theirs) = tcp();
    let (stream, _) = trickle(ours, true);
    let stalls = Stalls::watch();
    let connected = client_tls().connect("localhost", stream, Some(LIMIT * 2));
    is_timeout(connected, Timeout::Handshake);
    stalls.took(LIMIT * 2, LIMIT * 2);
    drop(theirs);

    let (ours, theirs) = tcp();
    let (told, over) = mpsc::channel();
    let server = thread::spawn(move || {
        let mut server = Server::tls(theirs).unwrap();
        server.accept().unwrap();
        server.behave(Peer::Silent, &over);
    });
    let (stream, trickles) = trickle(ours, false);
    let stream = client_tls()
        .connect("localhost", stream, Some(LONG))
        .unwrap();
    let config = Config::new().close_timeout(LIMIT * 2);
    let (mut reader, writer) = config.open(URI, stream).unwrap().split();
    trickles.store(true, Ordering::Relaxed);
    let stalls = Stalls::watch();
    let sender = writer.clone();
    // Some twenty records, of which one would take minutes.
    let sending = thread::spawn(move || sender.send([0; 300_000].as_slice()));
    let closed = writer.close(Some(CloseCode::NORMAL), "");
    let finished = reader.finish().map(drop);
    let sent = sending.join().unwrap();
    stalls.took(LIMIT * 2, LIMIT * 2);
    is_timeout(finished, Timeout::Close);
    // Whichever was first, the other waited behind it.
    for ended in [closed, sent] {
        assert!(
            matches!(ended, Ok(()) | Err(Error::Timeout(Timeout::Close))),
            "{ended:?}"
        );
    }
    drop(told);
    server.join().unwrap();
}

/// A stream whose every second call is interrupted, and which never waits for what it is asked to.
struct Interrupted {
    tcp: TcpStream,
    calls: AtomicU32,
}

impl Interrupted {
    fn interrupt(&self) -> io::Result<()> {
        if self.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(())
    }
}

impl Stream for Interrupted {
    fn prepare(&mut self) -> io::Result<()> {
        self.tcp.prepare()
    }

    fn try_read(&self, octets: &mut [u8]) -> io::Result<usize> {
        self.interrupt()?;
        self.tcp.try_read(octets)
    }

    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        self.interrupt()?;
        // And little at a time.
        self.tcp.try_write(&octets[..octets.len().min(100)])
    }

    fn try_flush(&self) -> io::Result<()> {
        self.interrupt()
    }

    fn wait(&self, interest: Interest, _: Option<Duration>) -> io::Result<()> {
        self.tcp.wait(interest, Some(Duration::from_millis(1)))
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        Stream::shutdown(&self.tcp, how)
    }
}

/// The server of a stream that is interrupted: late enough that the client waits.
fn answers<S: Read + Write>(mut conn: Conn<S>) -> Option<u16> {
    conn.accept();
    // Real time: the client waits by then, and is interrupted.
    thread::sleep(LIMIT / 3);
    let (opcode, payload) = conn.read_message();
    assert_eq!(opcode, 2);
    conn.frame(0x82, &payload);
    let code = conn.read_close();
    conn.close(1000, b"");
    code
}

fn exchanges(mut socket: WebSocket<impl Stream>) {
    let message = [7; 40_000];
    socket.send(message.as_slice()).unwrap();
    assert_eq!(socket.recv().unwrap(), Some(Message::Binary(&message)));
    socket.finish(Some(CloseCode::NORMAL), "").unwrap();
}

// row: STA-07, SEED-06, LIV-08
#[test]
fn what_is_interrupted_is_done_again() {
    let interrupted = |tcp| Interrupted {
        tcp,
        calls: AtomicU32::new(0),
    };
    let (ours, theirs) = tcp();
    let server = thread::spawn(move || answers(Conn::new(theirs)));
    let uri = "ws://localhost/";
    exchanges(Config::new().open(uri, interrupted(ours)).unwrap());
    assert_eq!(server.join().unwrap(), Some(1000));
    for version in [&TLS12, &TLS13] {
        let (ours, theirs) = tcp();
        let server = thread::spawn(move || {
            // Real time: the client waits by then, and is interrupted.
            thread::sleep(LIMIT / 3);
            answers(Server::tls_version(theirs, version).unwrap().conn())
        });
        let stream = client_tls()
            .connect("localhost", interrupted(ours), Some(LONG))
            .unwrap();
        exchanges(Config::new().open(URI, stream).unwrap());
        assert_eq!(server.join().unwrap(), Some(1000));
    }
}

/// A stream that takes nothing any more, and does not say why.
struct Full {
    tcp: TcpStream,
    /// How many writes it takes.
    takes: u32,
    writes: AtomicU32,
}

impl Stream for Full {
    fn prepare(&mut self) -> io::Result<()> {
        self.tcp.prepare()
    }

    fn try_read(&self, octets: &mut [u8]) -> io::Result<usize> {
        self.tcp.try_read(octets)
    }

    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        let writes = self.writes.fetch_add(1, Ordering::Relaxed);
        assert!(writes < self.takes + 10, "it is asked again and again");
        if writes < self.takes {
            self.tcp.try_write(octets)
        } else {
            Ok(0)
        }
    }

    fn wait(&self, interest: Interest, limit: Option<Duration>) -> io::Result<()> {
        self.tcp.wait(interest, limit)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        Stream::shutdown(&self.tcp, how)
    }
}

// row: STA-07, LIV-15
#[test]
fn a_write_of_nothing_is_an_error_at_once() {
    // In the handshake, and behind it.
    for (takes, told) in [(0, "LostInHandshake"), (1, "WriteZero"), (2, "WriteZero")] {
        let (ours, theirs) = tcp();
        let server = thread::spawn(move || {
            // As far as the client comes.
            let _ = Server::plain(theirs).accept();
        });
        let stream = Full {
            tcp: ours,
            takes,
            writes: AtomicU32::new(0),
        };
        let opened = Config::new().open("ws://localhost/", stream);
        let sent = opened.and_then(|mut socket| {
            socket.send("taken")?;
            socket.send("not taken")
        });
        let is_told = matches!(&sent, Err(error) if format!("{error:?}").contains(told));
        assert!(is_told, "after {takes}: {sent:?}");
        server.join().unwrap();
    }
}
