//! What a stream of TLS promises of itself, over streams that do exactly what a test says.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bare_ws_std::tls::TlsStream;
use bare_ws_std::{Error, Interest, Stream, Timeout, TlsError};

use super::peer::{LONG, serve};
use super::tls::{Secured, end, secured, trusting};
use super::{SHORT, config};

/// A stream of TLS is a stream like another, over any of the caller's.
// row: SEED-06, LIV-15
#[test]
fn a_stream_of_tls_keeps_what_a_stream_promises() {
    let pair = |serves: fn(&mut Secured)| {
        let peer = serve(move |conn| {
            let mut conn = secured(conn.tcp);
            conn.tcp.conn.complete_io(&mut conn.tcp.sock).unwrap();
            serves(&mut conn);
        });
        let tcp = TcpStream::connect(peer.address).unwrap();
        let address = tcp.local_addr().unwrap();
        let stream = trusting().connect("localhost", tcp, Some(LONG)).unwrap();
        assert_eq!(stream.stream().local_addr().unwrap(), address);
        assert!(stream.is_secure());
        (stream, peer)
    };
    let readable = Interest {
        read: true,
        write: false,
    };
    let read = |stream: &TlsStream, octets: &mut [u8]| loop {
        match stream.try_read(octets) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                stream.wait(readable, Some(LONG)).unwrap();
            }
            read => break read,
        }
    };
    // Four records of the longest, with the header of a frame, and the end by close_notify.
    const WRITE: usize = (1 << 16) + 14;
    let (stream, peer) = pair(|conn| {
        let mut octets = vec![0; WRITE];
        conn.tcp.read_exact(&mut octets).unwrap();
        conn.tcp.write_all(&octets).unwrap();
        end(conn, true);
    });
    assert_eq!(stream.try_write(&[7; 100_000]).unwrap(), WRITE);
    let mut octets = vec![0; 100_000];
    let mut got = 0;
    while got < WRITE {
        let here = read(&stream, &mut octets[got..]).unwrap();
        assert!(here > 0, "an end after {got}");
        got += here;
    }
    assert_eq!(octets[..WRITE], [7; WRITE]);
    assert_eq!(read(&stream, &mut octets).unwrap(), 0);
    assert_eq!(read(&stream, &mut octets).unwrap(), 0);
    stream.shutdown(Shutdown::Both).unwrap();
    peer.join();
    // Without it, it is cut off.
    let (stream, peer) = pair(|conn| end(conn, false));
    let cut = read(&stream, &mut octets).unwrap_err();
    assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
    let inner = cut.downcast::<TlsError>().unwrap();
    assert!(matches!(inner, TlsError::Truncated), "{inner:?}");
    stream.shutdown(Shutdown::Both).unwrap();
    peer.join();
    // Its handshake has the limit that was given.
    let peer = serve(|mut conn| conn.sees_end());
    let tcp = TcpStream::connect(peer.address).unwrap();
    let late = trusting().connect("localhost", tcp, Some(SHORT)).map(drop);
    assert!(
        matches!(late, Err(Error::Timeout(Timeout::Handshake))),
        "{late:?}"
    );
    assert!(peer.join());
}

/// What a record holds beyond the receive buffer is read without waiting for more from the server.
#[test]
fn a_record_fills_a_small_buffer_many_times() {
    const RECORD: usize = 11_000;
    let peer = serve(|conn| {
        let mut conn = secured(conn.tcp);
        conn.accept();
        conn.frame(0x82, &[7; RECORD]);
        // It says nothing more.
        conn.read_frame();
    });
    let config = config(peer.address).silence_timeout(LONG / 4);
    let buffer = || [0; 1024];
    let mut socket = config.connect_into("wss://localhost/", buffer).unwrap();
    let began = Instant::now();
    let mut received = 0;
    while received < RECORD {
        let chunk = socket.reader.recv_chunk().unwrap().unwrap();
        received += chunk.octets.len();
        assert!(began.elapsed() < LONG / 4);
    }
    socket.abort_handle().abort();
    drop(socket);
    peer.join();
}

/// What TLS has taken is out when the socket below has taken it, and not before.
#[test]
fn a_secure_socket_is_flushed_once_all_is_out() {
    let (quit, over) = std::sync::mpsc::channel::<()>();
    let peer = serve(move |conn| {
        let mut conn = secured(conn.tcp);
        conn.accept();
        // It reads nothing.
        let _ = over.recv_timeout(LONG);
    });
    let socket = config(peer.address).connect("wss://localhost/").unwrap();
    let stream = socket.stream();
    let waits = |outcome: io::Result<()>| {
        outcome.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    };
    // The system's buffers may grow between the two.
    let is_told = (0..100_000)
        .any(|_| waits(stream.try_write(&[7; 1 << 14]).map(drop)) && waits(stream.try_flush()));
    assert!(is_told, "what waits in TLS counts as out");
    socket.abort_handle().abort();
    drop(quit);
    peer.join();
}

/// Takes [`STEP`](Self::STEP) octets each time it was waited for room, which takes a pause, and nothing after so many.
struct Slow {
    tcp: TcpStream,
    has_room: AtomicBool,
    left: AtomicUsize,
}

impl Slow {
    const STEP: usize = 2048;
    const PAUSE: Duration = Duration::from_millis(60);
    /// Less than all steps take, and longer than a machine stops.
    const STALL: Duration = Duration::from_millis(1500);
}

impl Stream for Slow {
    fn prepare(&mut self) -> io::Result<()> {
        self.tcp.prepare()
    }

    fn try_read(&self, octets: &mut [u8]) -> io::Result<usize> {
        self.tcp.try_read(octets)
    }

    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        let step = octets.len().min(Self::STEP).min(self.left.load(Relaxed));
        if step == 0 || !self.has_room.swap(false, Relaxed) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let taken = self.tcp.try_write(&octets[..step])?;
        self.left.fetch_sub(taken, Relaxed);
        Ok(taken)
    }

    fn wait(&self, interest: Interest, limit: Option<Duration>) -> io::Result<()> {
        if interest.write {
            // Real time: the clock of threads cannot be given.
            std::thread::sleep(limit.unwrap_or(Self::PAUSE).min(Self::PAUSE));
            self.has_room.store(true, Relaxed);
            return Ok(());
        }
        self.tcp.wait(interest, limit)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        TcpStream::shutdown(&self.tcp, how)
    }
}

/// What is slow is no stall, though TLS takes 64 KiB in advance; what takes nothing more is one.
// row: STA-06, SEED-06
#[test]
fn a_peer_that_is_slow_behind_tls_is_not_taken_for_one_that_stalls() {
    for (most, is_sent) in [(usize::MAX, true), (20 * Slow::STEP, false)] {
        let peer = serve(|conn| {
            let mut conn = secured(conn.tcp);
            conn.accept();
            conn.tcp.read_to_end(&mut Vec::new())
        });
        let slow = Slow {
            tcp: TcpStream::connect(peer.address).unwrap(),
            has_room: AtomicBool::new(true),
            left: AtomicUsize::new(most),
        };
        let tls = trusting().connect("localhost", slow, Some(LONG)).unwrap();
        let config = config(peer.address).stall_timeout(Slow::STALL);
        let mut socket = config.open("wss://localhost/", tls).unwrap();
        let message = vec![7; 31 * Slow::STEP];
        let began = Instant::now();
        let sent = socket.send(&message[..]);
        if is_sent {
            sent.unwrap();
            assert!(began.elapsed() > Slow::STALL, "it was not slow");
        } else {
            assert!(
                matches!(sent, Err(Error::Timeout(Timeout::Stall))),
                "{sent:?}"
            );
        }
        socket.abort_handle().abort();
        drop(socket);
        let _ = peer.join();
    }
}

/// Counts reads, and gives what arrives in portions.
struct Portioned {
    tcp: TcpStream,
    reads: AtomicUsize,
    portions: Mutex<Portions>,
}

/// What a read gives.
#[derive(Clone, Copy)]
enum Portions {
    /// What a socket gives.
    AsItComes,
    /// One record, waited for.
    Records,
    /// So many times whatever is asked for, and then that.
    Full(usize, Then),
}

#[derive(Clone, Copy)]
enum Then {
    Nothing,
    /// A failure, and an end from then on.
    Failure,
    End,
}

impl Portioned {
    /// A connection of TLS over it.
    fn connect(to: SocketAddr) -> TlsStream<Self> {
        let below = Self {
            tcp: TcpStream::connect(to).unwrap(),
            reads: AtomicUsize::new(0),
            portions: Mutex::new(Portions::AsItComes),
        };
        trusting().connect("localhost", below, Some(LONG)).unwrap()
    }

    fn gives(&self, portions: Portions) {
        *self.portions.lock().unwrap() = portions;
    }
}

impl Stream for Portioned {
    fn try_read(&self, octets: &mut [u8]) -> io::Result<usize> {
        self.reads.fetch_add(1, Relaxed);
        let mut portions = self.portions.lock().unwrap();
        let mut tcp = &self.tcp;
        match &mut *portions {
            Portions::AsItComes => tcp.read(octets),
            Portions::Records => {
                let (header, rest) = octets.split_at_mut(5);
                tcp.read_exact(header)?;
                let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
                tcp.read_exact(&mut rest[..length])?;
                Ok(5 + length)
            }
            Portions::Full(0, Then::Nothing) => Err(io::ErrorKind::WouldBlock.into()),
            Portions::Full(0, Then::End) => Ok(0),
            Portions::Full(0, then) => {
                *then = Then::End;
                Err(io::ErrorKind::ConnectionReset.into())
            }
            Portions::Full(left, _) => {
                *left -= 1;
                tcp.read_exact(octets)?;
                Ok(octets.len())
            }
        }
    }

    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        (&self.tcp).write(octets)
    }

    fn wait(&self, _: Interest, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        TcpStream::shutdown(&self.tcp, how)
    }
}

/// A stream that has failed or ended is read to there, and says so then.
#[test]
fn what_came_before_a_failure_of_the_stream_is_read_first() {
    const SENT: usize = 60_000;
    for (then, kind) in [
        (Then::Failure, io::ErrorKind::ConnectionReset),
        (Then::End, io::ErrorKind::UnexpectedEof),
    ] {
        let peer = serve(|conn| {
            let mut conn = secured(conn.tcp);
            conn.tcp.write_all(&[7; SENT]).unwrap();
            // Until all is read.
            let _ = conn.tcp.read(&mut [0]);
        });
        let stream = Portioned::connect(peer.address);
        stream.stream().gives(Portions::Full(2, then));
        let (mut got, mut octets) = (0, vec![0; SENT]);
        let failed = loop {
            match stream.try_read(&mut octets[got..]) {
                Ok(read) => {
                    assert!(read > 0, "an end instead of a failure");
                    got += read;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => break error,
            }
        };
        assert_eq!(failed.kind(), kind);
        assert!((1 << 14..SENT).contains(&got), "{got}");
        assert_eq!(octets[..got], vec![7; got]);
        drop(stream);
        peer.join();
    }
}

/// Takes nothing while it is told so, and notes what it is waited for.
struct Watched {
    tcp: TcpStream,
    takes: Arc<AtomicBool>,
    waits: Arc<Mutex<Vec<(bool, bool)>>>,
}

impl Stream for Watched {
    fn prepare(&mut self) -> io::Result<()> {
        self.tcp.prepare()
    }

    fn try_read(&self, octets: &mut [u8]) -> io::Result<usize> {
        self.tcp.try_read(octets)
    }

    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        if !self.takes.load(Relaxed) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.tcp.try_write(octets)
    }

    fn wait(&self, interest: Interest, limit: Option<Duration>) -> io::Result<()> {
        let mut waits = self.waits.lock().unwrap();
        waits.push((interest.read, interest.write));
        drop(waits);
        self.tcp.wait(interest, limit)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        Stream::shutdown(&self.tcp, how)
    }
}

/// A wait is one of the stream below, for room too where ciphertext has not left.
// row: LIV-15
#[test]
fn to_wait_for_tls_waits_for_what_is_below() {
    let peer = serve(|conn| {
        let mut conn = secured(conn.tcp);
        let mut octets = [0; 4];
        conn.tcp.read_exact(&mut octets).unwrap();
        octets
    });
    let (takes, waits) = (Arc::new(AtomicBool::new(true)), Arc::default());
    let below = Watched {
        tcp: TcpStream::connect(peer.address).unwrap(),
        takes: Arc::clone(&takes),
        waits: Arc::clone(&waits),
    };
    let tls = trusting().connect("localhost", below, Some(LONG)).unwrap();
    let waited = |read, write| {
        waits.lock().unwrap().clear();
        let interest = Interest { read, write };
        tls.wait(interest, Some(Duration::from_millis(1))).unwrap();
        waits.lock().unwrap().clone()
    };
    assert_eq!(waited(true, false), [(true, false)]);
    assert_eq!(waited(false, true), [(false, true)]);
    takes.store(false, Relaxed);
    assert_eq!(tls.try_write(b"late").unwrap(), 4);
    assert_eq!(waited(true, false), [(true, true)]);
    // Whoever waits for octets brings it out.
    takes.store(true, Relaxed);
    assert_eq!(waited(true, false), [(true, true)]);
    assert_eq!(waited(true, false), [(true, false)]);
    assert_eq!(&peer.join(), b"late");
}

/// A read takes in what has arrived, in records of any length, and asks the stream below no more than that needs. What
/// is written has left when the stream below has it.
#[test]
fn a_read_takes_in_what_has_arrived() {
    const RECORD: usize = 100;
    let peer = serve(|conn| {
        let mut conn = secured(conn.tcp);
        let mut sends = |count| {
            for _ in 0..count {
                conn.tcp.write_all(&[7; RECORD])?;
                conn.tcp.flush()?;
            }
            // It goes on when it is told to.
            conn.tcp.read_exact(&mut [0])
        };
        sends(1).unwrap();
        sends(1).unwrap();
        // More than is read.
        let _ = sends(1000);
    });
    let stream = Portioned::connect(peer.address);
    let below = stream.stream();
    let mut octets = vec![0; 1 << 14];
    // What else the handshake has left comes before it.
    assert_eq!(stream.try_read(&mut octets).unwrap(), RECORD);
    let before = stream.progress();
    stream.try_write(b"-").unwrap();
    let after = stream.progress();
    assert_ne!(before, after);
    assert_eq!(below.tcp.peek(&mut [0]).unwrap(), 1);
    below.reads.store(0, Relaxed);
    assert_eq!(stream.try_read(&mut octets).unwrap(), RECORD);
    assert_eq!(below.reads.load(Relaxed), 1, "that was all");
    assert_eq!(stream.progress(), after);
    stream.try_write(b"-").unwrap();
    below.gives(Portions::Full(3, Then::Nothing));
    below.reads.store(0, Relaxed);
    assert_eq!(stream.try_read(&mut octets).unwrap(), 1 << 14);
    assert_eq!(below.reads.load(Relaxed), 2, "there was more");
    // Nothing that was found is told later.
    octets = vec![0; 1 << 16];
    let read = stream.try_read(&mut octets).unwrap();
    assert!(read > 1 << 14, "{read}");
    assert_eq!(below.reads.load(Relaxed), 4);
    for reads in 5..7 {
        let nothing = stream.try_read(&mut octets).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(below.reads.load(Relaxed), reads);
    }
    drop(stream);
    peer.join();
    // A socket is as far as its stream.
    let peer = serve(|conn| secured(conn.tcp).tcp.read_exact(&mut [0; 2]).unwrap());
    let tcp = TcpStream::connect(peer.address).unwrap();
    let tls = trusting().connect("localhost", tcp, Some(LONG)).unwrap();
    let socket = bare_ws_std::Socket::Tls(Box::new(tls));
    let before = socket.progress();
    for _ in 0..2 {
        socket.try_write(b"-").unwrap();
    }
    assert!(socket.progress() > before + 2 && before > 2);
    peer.join();
}

/// A server may send records that hold nothing, for ever: whoever reads is told now and then, to look at the clock.
#[test]
fn a_read_ends_among_records_that_hold_nothing() {
    let peer = serve(|conn| {
        let mut conn = secured(conn.tcp);
        conn.tcp.conn.complete_io(&mut conn.tcp.sock).unwrap();
        for _ in 0..3 {
            conn.tcp.conn.refresh_traffic_keys().unwrap();
            conn.tcp.flush().unwrap();
        }
        conn.tcp.write_all(&[7; 100]).unwrap();
        // Until all is read.
        let _ = conn.tcp.read(&mut [0]);
    });
    let stream = Portioned::connect(peer.address);
    let below = stream.stream();
    below.gives(Portions::Records);
    let mut octets = [0; 1000];
    let mut empty = 0;
    let read = loop {
        below.reads.store(0, Relaxed);
        let read = stream.try_read(&mut octets);
        assert_eq!(below.reads.load(Relaxed), 1, "after {empty}");
        match read {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => empty += 1,
            read => break read.unwrap(),
        }
    };
    assert_eq!(octets[..read], [7; 100]);
    assert!(empty >= 3, "{empty}");
    drop(stream);
    peer.join();
}
