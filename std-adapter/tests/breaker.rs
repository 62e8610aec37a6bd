//! Attacks that once succeeded, each by its name.
#![cfg(all(unix, feature = "rustls"))]
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

mod peer;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use bare_ws_std::{CloseCode, Config, Error, Interest, KeepAlive, Stream, Timeout, Tls};
use peer::{Conn, LONG, Stalls, Steady, frame, serve};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

const URI: &str = "wss://localhost/";

type TlsConn = Conn<StreamOwned<ServerConnection, Steady>>;

fn tls() -> (Tls, Arc<ServerConfig>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    let client = Tls::builder().root(certificate.der().to_vec()).build();
    (client.unwrap(), Arc::new(server))
}

fn tcp() -> (TcpStream, Steady) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let theirs = listener.accept().unwrap().0;
    theirs.set_nodelay(true).unwrap();
    theirs.set_read_timeout(Some(LONG)).unwrap();
    (ours, Steady(theirs))
}

/// A server of TLS that has answered the opening handshake, and does then as it is told.
fn serve_tls<T: Send + 'static>(
    theirs: Steady,
    server: Arc<ServerConfig>,
    behave: impl FnOnce(TlsConn) -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    thread::spawn(move || {
        let mut session = ServerConnection::new(server).unwrap();
        session.set_buffer_limit(None);
        let mut conn = Conn::over(StreamOwned::new(session, theirs));
        conn.accept();
        behave(conn)
    })
}

/// What stands on the wire for that.
fn encode(conn: &mut TlsConn, octets: &[u8]) -> Vec<u8> {
    conn.tcp.conn.writer().write_all(octets).unwrap();
    let mut wire = Vec::new();
    while conn.tcp.conn.wants_write() {
        conn.tcp.conn.write_tls(&mut wire).unwrap();
    }
    wire
}

/// A message that arrived whole is hidden by a broken record behind it in the same segment.
#[test]
fn a_broken_record_hides_no_message_before_it() {
    let (client, server) = tls();
    let (ours, theirs) = tcp();
    let (told, over) = mpsc::channel::<()>();
    let server = serve_tls(theirs, server, move |mut conn| {
        conn.read_frame().unwrap();
        let mut wire = encode(&mut conn, &frame(0x81, b"whole"));
        let at = wire.len();
        wire.extend(encode(&mut conn, &frame(0x81, b"broken")));
        wire[at + 7] ^= 1;
        conn.tcp.sock.write_all(&wire).unwrap();
        let _ = over.recv_timeout(LONG);
    });
    let stream = client.connect("localhost", ours, Some(LONG)).unwrap();
    let mut socket = Config::new().open(URI, stream).unwrap();
    socket.send("go").unwrap();
    let first = format!("{:?}", socket.recv());
    let second = format!("{:?}", socket.recv());
    drop(told);
    server.join().unwrap();
    assert!(first.contains("whole"), "{first}, then {second}");
    assert!(second.contains("Tls"), "{second}");
}

/// A limit of one call that a keepalive whose Ping is due at every look keeps from being looked at.
#[test]
fn a_keepalive_of_hardly_an_interval_holds_no_call() {
    const LIMIT: Duration = Duration::from_millis(100);
    let peer = serve(|mut conn| {
        conn.accept();
        let mut scratch = [0; 65536];
        while conn.tcp.read(&mut scratch).is_ok_and(|n| n > 0) {}
    });
    let keepalive = KeepAlive {
        interval: Duration::from_nanos(1),
        dead_after: LONG,
    };
    let mut socket = Config::new()
        .keepalive(keepalive)
        .connect(&peer.uri())
        .unwrap();
    let stalls = Stalls::watch();
    let ended = socket.recv_timeout(LIMIT).map(drop);
    stalls.took(LIMIT, LIMIT);
    drop(socket);
    peer.join();
    assert!(
        matches!(ended, Err(Error::Timeout(Timeout::Call))),
        "{ended:?}"
    );
}

/// Whoever sends to a peer that takes all of it at once keeps everybody else waiting.
// row: LIV-05
#[test]
fn a_long_send_holds_no_other_call() {
    let peer = serve(|mut conn| {
        conn.accept();
        let mut scratch = vec![0; 1 << 20];
        while conn.tcp.read(&mut scratch).is_ok_and(|n| n > 0) {}
    });
    let (mut reader, writer) = Config::new().connect(&peer.uri()).unwrap().split();
    let stop = writer.abort_handle();
    let sender = writer.clone();
    let sending = thread::spawn(move || {
        let began = Instant::now();
        let sent = sender.send(vec![0; 600 << 20].as_slice());
        (sent, began.elapsed())
    });
    // Until the other thread is in the midst of it.
    while writer.try_flush().unwrap() && !sending.is_finished() {
        thread::yield_now();
    }
    let (mut longest, mut queueing) = (Duration::ZERO, Duration::ZERO);
    let stalls = Stalls::watch();
    let began = Instant::now();
    while !sending.is_finished() && began.elapsed() < Duration::from_secs(8) {
        let call = Instant::now();
        let ended = reader.recv_timeout(Duration::from_millis(10)).map(drop);
        longest = longest.max(call.elapsed());
        assert!(
            matches!(ended, Err(Error::Timeout(Timeout::Call))),
            "{ended:?}"
        );
        let call = Instant::now();
        let _ = writer.queue("q");
        queueing = queueing.max(call.elapsed());
    }
    let lost = stalls.lost();
    stop.abort();
    let sent = sending.join().unwrap();
    println!(
        "send {sent:?}, recv_timeout(10 ms) {longest:?}, queue {queueing:?}, the machine {lost:?}"
    );
    drop((reader, writer));
    peer.join();
    let most = Duration::from_millis(500) + lost;
    assert!(
        longest < most && queueing < most,
        "{longest:?}, {queueing:?}"
    );
}

/// Octets that TLS holds when the limit on late reads is met are announced by no descriptor.
#[test]
fn what_a_zero_limit_leaves_in_tls_is_still_announced() {
    let (client, server) = tls();
    for extra in [100, 2000, 4000, 5000, 7000] {
        let (ours, theirs) = tcp();
        rustix::net::sockopt::set_socket_recv_buffer_size(&ours, 4 << 20).unwrap();
        let (told, over) = mpsc::channel::<()>();
        let server = serve_tls(theirs, Arc::clone(&server), move |mut conn| {
            // The message makes its own room first.
            for _ in 0..4 {
                conn.frame(0x82, &vec![0; 262_144 + extra]);
                if over.recv_timeout(LONG).is_err() {
                    return;
                }
            }
        });
        let stream = client.connect("localhost", ours, Some(LONG)).unwrap();
        let mut socket = Config::new().open(URI, stream).unwrap();
        for round in 0..4 {
            // Real time: records arrive meanwhile, and wait in rustls.
            thread::sleep(Duration::from_millis(300));
            let began = Instant::now();
            loop {
                match socket.recv_timeout(Duration::ZERO) {
                    Ok(message) => {
                        assert!(message.is_some());
                        break;
                    }
                    Err(Error::Timeout(Timeout::Call)) => {}
                    Err(error) => panic!("{error:?}"),
                }
                let mut polled = [rustix::event::PollFd::new(
                    socket.stream(),
                    rustix::event::PollFlags::IN,
                )];
                let limit = rustix::event::Timespec {
                    tv_sec: LONG.as_secs().cast_signed(),
                    tv_nsec: 0,
                };
                let ready = rustix::event::poll(&mut polled, Some(&limit)).unwrap();
                if ready == 0 {
                    let there = socket.recv_timeout(Duration::ZERO).is_ok();
                    panic!(
                        "extra {extra}, round {round}: nothing announced, and a message there: {there}"
                    );
                }
                assert!(began.elapsed() < LONG);
            }
            told.send(()).unwrap();
        }
        drop(told);
        drop(socket);
        server.join().unwrap();
    }
}

/// A peer of many small Pings holds a call that is not to wait.
#[test]
fn a_flood_of_pings_holds_no_call_of_no_time() {
    let peer = serve(|mut conn| {
        conn.accept();
        let mut tcp = conn.tcp.try_clone().unwrap();
        let reading = thread::spawn(move || {
            let mut scratch = vec![0; 1 << 20];
            while tcp.read(&mut scratch).is_ok_and(|n| n > 0) {}
        });
        conn.send_for_ever(&frame(0x89, b"").repeat(30_000));
        reading.join().unwrap();
    });
    let mut socket = Config::new().connect(&peer.uri()).unwrap();
    // Real time: Pings arrive meanwhile, and fill all buffers.
    thread::sleep(Duration::from_millis(200));
    for _ in 0..3 {
        let stalls = Stalls::watch();
        let began = Instant::now();
        let _ = socket.recv_timeout(Duration::ZERO).map(drop);
        let (took, lost) = (began.elapsed(), stalls.lost());
        println!("recv_timeout(0): {took:?}, the machine {lost:?}");
        assert!(
            took < Duration::from_millis(500) + lost,
            "{took:?}, {lost:?}"
        );
    }
    drop(socket);
    peer.join();
}

/// A peer of TLS that ends its direction without close_notify may still read: our Close stands in
/// the system behind what it has not read yet.
#[test]
fn an_end_without_close_notify_destroys_no_close_of_ours() {
    let (client, server) = tls();
    let (ours, theirs) = tcp();
    let server = serve_tls(theirs, server, |mut conn| {
        // Real time: the client waits for the peer's answer by then.
        thread::sleep(Duration::from_millis(500));
        conn.tcp.sock.shutdown(Shutdown::Write).unwrap();
        // Real time: our Close is written by then, and unread.
        thread::sleep(Duration::from_millis(700));
        conn.read_close()
    });
    let stream = client.connect("localhost", ours, Some(LONG)).unwrap();
    let socket = Config::new().open(URI, stream).unwrap();
    while socket.writer.queue([0; 10_000].as_slice()).unwrap() {
        if !socket.writer.try_flush().unwrap() {
            break;
        }
    }
    let (mut reader, writer) = socket.split();
    let closing = thread::spawn(move || writer.close(Some(CloseCode::NORMAL), ""));
    let finished = reader.finish().map(drop);
    let closed = closing.join().unwrap();
    drop(reader);
    let seen = server.join().unwrap();
    assert!(matches!(finished, Err(Error::Tls(_))), "{finished:?}");
    assert_eq!(
        seen.is_some(),
        closed.is_ok(),
        "close {closed:?}, seen {seen:?}"
    );
    println!("close {closed:?}, seen {seen:?}");
}

/// Takes nothing and cannot be waited for, once it is told to.
struct Stuck {
    tcp: TcpStream,
    is_stuck: Arc<AtomicBool>,
}

impl Stream for Stuck {
    fn prepare(&mut self) -> io::Result<()> {
        self.tcp.prepare()
    }

    fn try_read(&self, octets: &mut [u8]) -> io::Result<usize> {
        self.tcp.try_read(octets)
    }

    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        if self.is_stuck.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.tcp.try_write(octets)
    }

    fn wait(&self, interest: Interest, limit: Option<Duration>) -> io::Result<()> {
        if self.is_stuck.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Other.into());
        }
        self.tcp.wait(interest, limit)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        Stream::shutdown(&self.tcp, how)
    }
}

/// A stream that cannot be waited for is given up, and not tried until the close limit.
#[test]
fn a_stream_that_cannot_be_waited_for_keeps_nobody_busy() {
    let peer = serve(|mut conn| {
        conn.accept();
        conn.send(&[0xc1]);
    });
    let tcp = TcpStream::connect(peer.address).unwrap();
    let is_stuck = Arc::new(AtomicBool::new(false));
    let stream = Stuck {
        tcp,
        is_stuck: Arc::clone(&is_stuck),
    };
    let config = Config::new().close_timeout(LONG);
    let mut socket = config.open(&peer.uri(), stream).unwrap();
    peer.join();
    is_stuck.store(true, Ordering::Relaxed);
    assert!(socket.recv().is_err());
    let stalls = Stalls::watch();
    assert!(socket.reader.finish().is_err());
    stalls.took(Duration::ZERO, Duration::ZERO);
}
