//! wss: what becomes of servers that end, lie or speak something else, which name is asked for, and what the roots
//! are that nobody named. Blocking and in tokio.
#![cfg(feature = "rustls")]
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

mod peer;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use bare_ws_std::bare_ws::handshake::accept::base64;
use bare_ws_std::{CertificateError, Config, Error, Interest, Stream, Timeout, Tls, TlsError};
use peer::{Conn, LONG, Steady, serve};
use rustls::pki_types::PrivateKeyDer;
use rustls::{AlertDescription, ServerConfig, ServerConnection, StreamOwned};

const SHORT: Duration = Duration::from_millis(100);

/// Opens a connection and receives until it ends.
type Connect = fn(&Config, &str) -> Result<(), Error>;

fn blocking(config: &Config, uri: &str) -> Result<(), Error> {
    let mut socket = config.connect(uri)?;
    while socket.recv()?.is_some() {}
    Ok(())
}

#[cfg(feature = "tokio")]
fn tokio(config: &Config, uri: &str) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let mut socket = bare_ws_std::tokio::connect_with(config, uri).await?;
        while socket.recv().await?.is_some() {}
        Ok(())
    })
}

#[cfg(feature = "tokio")]
const WAYS: [Connect; 2] = [blocking, tokio];
#[cfg(not(feature = "tokio"))]
const WAYS: [Connect; 1] = [blocking];

/// A server's certificate, for `localhost`, `name.example` and 127.0.0.1, and what shows it.
struct Identity {
    der: Vec<u8>,
    pem: String,
    server: Arc<ServerConfig>,
}

fn identity() -> &'static Identity {
    static IDENTITY: OnceLock<Identity> = OnceLock::new();
    IDENTITY.get_or_init(|| {
        let names = ["localhost", "name.example", "127.0.0.1"].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key);
        Identity {
            der: made.cert.der().to_vec(),
            pem: pem(made.cert.der()),
            server: Arc::new(server.unwrap()),
        }
    })
}

fn pem(der: &[u8]) -> String {
    let mut letters = vec![0; der.len().div_ceil(3) * 4];
    base64(der, &mut letters);
    let letters = String::from_utf8(letters).unwrap();
    format!("-----BEGIN CERTIFICATE-----\n{letters}\n-----END CERTIFICATE-----\n")
}

fn trusting() -> Tls {
    Tls::builder().root(identity().der.clone()).build().unwrap()
}

/// Trusts the server, and reaches it by any name.
fn config(address: SocketAddr) -> Config {
    Config::new()
        .connect_timeout(LONG)
        .handshake_timeout(LONG)
        .tls(trusting())
        .resolver(move |_, _| Ok(vec![address]))
}

type Secured = Conn<StreamOwned<ServerConnection, Steady>>;

fn secured(tcp: Steady) -> Secured {
    let session = ServerConnection::new(Arc::clone(&identity().server)).unwrap();
    Conn::over(StreamOwned::new(session, tcp))
}

/// Ends our direction, as TLS wants it or without a word.
fn end(conn: &mut Secured, notifies: bool) {
    if notifies {
        conn.tcp.conn.send_close_notify();
        let _ = conn.tcp.flush();
    }
    // The client may be gone.
    let _ = conn.tcp.sock.shutdown(Shutdown::Write);
    let _ = conn.tcp.sock.read_to_end(&mut Vec::new());
}

/// What a server does with a TCP connection, and which error that is.
type Case = (&'static str, fn(Steady), fn(&Error) -> bool);

const CASES: &[Case] = &[
    (
        "it speaks HTTP",
        |mut tcp| {
            let _ = tcp.read(&mut [0; 100]).unwrap();
            tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
            let _ = tcp.read_to_end(&mut Vec::new());
        },
        |error| {
            let text = error.to_string();
            matches!(error, Error::Tls(TlsError::NotTls))
                && text.contains("ws://")
                && !error.is_retryable()
        },
    ),
    (
        "it ends within the handshake",
        |mut tcp| {
            let _ = tcp.read(&mut [0; 100]).unwrap();
            let _ = tcp.shutdown(Shutdown::Write);
            let _ = tcp.read_to_end(&mut Vec::new());
        },
        |error| matches!(error, Error::Tls(TlsError::CutInHandshake)) && error.is_retryable(),
    ),
    (
        "it has nothing in common with us",
        |mut tcp| {
            let _ = tcp.read(&mut [0; 100]).unwrap();
            // RFC 8446 §6: an alert, fatal, handshake_failure.
            tcp.write_all(&[21, 3, 3, 0, 2, 2, 40]).unwrap();
            let _ = tcp.read_to_end(&mut Vec::new());
        },
        |error| {
            let failure = AlertDescription::HandshakeFailure;
            matches!(error, Error::Tls(TlsError::Alert(alert)) if *alert == failure)
                && error.to_string().ends_with("handshake failure")
        },
    ),
    (
        "it ends behind the handshake of TLS",
        |tcp| {
            let mut conn = secured(tcp);
            conn.read_request();
            end(&mut conn, true);
        },
        |error| {
            matches!(error, Error::LostInHandshake { secure: true })
                && !error.to_string().contains("wss://")
        },
    ),
    (
        "it is cut off behind the handshake of TLS",
        |tcp| {
            let mut conn = secured(tcp);
            conn.read_request();
            end(&mut conn, false);
        },
        |error| matches!(error, Error::Tls(TlsError::Truncated)),
    ),
    (
        "it ends while the connection is open",
        |tcp| {
            let mut conn = secured(tcp);
            conn.accept();
            end(&mut conn, true);
        },
        |error| matches!(error, Error::Lost),
    ),
    (
        "it is cut off while the connection is open",
        |tcp| {
            let mut conn = secured(tcp);
            conn.accept();
            end(&mut conn, false);
        },
        |error| matches!(error, Error::Tls(TlsError::Truncated)) && error.is_retryable(),
    ),
    (
        "it refuses",
        |tcp| {
            let mut conn = secured(tcp);
            conn.read_request();
            conn.send(b"HTTP/1.1 403 x\r\nContent-Length: 5\r\n\r\nhello");
            end(&mut conn, true);
        },
        |error| matches!(error, Error::Rejected(response) if response.body() == b"hello"),
    ),
];

// row: SEED-06, REQ-14, CLS-15
#[test]
fn whatever_a_server_does_it_is_the_same_error_in_both_forms() {
    for connect in WAYS {
        for (what, serves, is_right) in CASES {
            let peer = serve(|conn| serves(conn.tcp));
            let uri = format!("wss://localhost:{}/", peer.address.port());
            let error = connect(&config(peer.address), &uri).unwrap_err();
            assert!(is_right(&error), "{what}: {error:?}");
            peer.join();
        }
    }
}

// row: STA-02
#[test]
fn the_handshakes_limit_is_also_that_of_tls() {
    for connect in WAYS {
        let peer = serve(|mut conn| conn.sees_end());
        let uri = format!("wss://localhost:{}/", peer.address.port());
        let config = config(peer.address).handshake_timeout(SHORT);
        let error = connect(&config, &uri).unwrap_err();
        assert!(
            matches!(error, Error::Timeout(Timeout::Handshake)),
            "{error:?}"
        );
        assert!(peer.join());
    }
}

/// How the server is named, and what it is asked for: the SNI, and the name that was wrong.
type Named = (
    &'static str,
    Option<&'static str>,
    Result<Option<&'static str>, &'static str>,
);

const NAMES: &[Named] = &[
    ("localhost", None, Ok(Some("localhost"))),
    ("LOCALHOST", None, Ok(Some("localhost"))),
    // RFC 6066 §3: "without a trailing dot", and no IP address.
    ("localhost.", None, Ok(Some("localhost"))),
    ("127.0.0.1", None, Ok(None)),
    ("[::1]", None, Err("::1")),
    ("other.example", None, Err("other.example")),
    // A name of the program's takes the place of the URI's.
    (
        "other.example",
        Some("name.example"),
        Ok(Some("name.example")),
    ),
    (
        "other.example",
        Some("name.example."),
        Ok(Some("name.example")),
    ),
    ("other.example", Some("127.0.0.1"), Ok(None)),
    ("localhost", Some("127.0.0.2"), Err("127.0.0.2")),
    ("localhost", Some("other.example"), Err("other.example")),
];

// row: SEED-06, REQ-14
#[test]
fn the_certificate_must_have_the_name_that_was_asked_for() {
    for connect in WAYS {
        for (host, name, wanted) in NAMES {
            for by_address in [false, true] {
                let peer = serve(|conn| {
                    let mut conn = secured(conn.tcp);
                    let mut seen = None;
                    if conn.tcp.conn.complete_io(&mut conn.tcp.sock).is_ok()
                        && !conn.tcp.conn.is_handshaking()
                    {
                        seen = Some(conn.tcp.conn.server_name().map(str::to_owned));
                        let _ = end_of(&mut conn);
                    }
                    seen
                });
                let port = peer.address.port();
                let mut config = config(peer.address).address(peer.address);
                if !by_address && !host.starts_with(['[', '1']) {
                    config = self::config(peer.address);
                }
                if let Some(name) = name {
                    config = config.server_name(*name);
                }
                let error = connect(&config, &format!("wss://{host}:{port}/")).unwrap_err();
                let seen = peer.join();
                match wanted {
                    Ok(sni) => {
                        assert!(
                            matches!(error, Error::LostInHandshake { secure: true }),
                            "{host}, {name:?}: {error:?}"
                        );
                        assert_eq!(seen, Some(sni.map(str::to_owned)), "{host}, {name:?}");
                    }
                    Err(asked) => match error {
                        Error::Tls(TlsError::Certificate {
                            host,
                            error: CertificateError::WrongName { names },
                        }) => {
                            assert_eq!(host, *asked);
                            assert!(names.contains(&"name.example".to_owned()), "{names:?}");
                        }
                        error => panic!("{host}, {name:?}: {error:?}"),
                    },
                }
            }
        }
        // What is no name at all is asked for nowhere.
        let peer = serve(|mut conn| conn.sees_end());
        let wrong = config(peer.address).server_name("no name");
        let uri = format!("wss://localhost:{}/", peer.address.port());
        match connect(&wrong, &uri).unwrap_err() {
            Error::Tls(TlsError::ServerName { host }) => assert_eq!(host, "no name"),
            error => panic!("{error:?}"),
        }
        assert!(peer.join());
    }
}

/// Reads the request, and ends without an answer.
fn end_of(conn: &mut Secured) -> io::Result<usize> {
    conn.read_request();
    end(conn, true);
    Ok(0)
}

struct File(PathBuf);

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The roots that nobody named are read once for a configuration and its clones, before anything is sent.
// row: SEED-06, LIV-23
#[test]
fn the_default_roots_are_read_once_for_a_configuration_and_its_clones() {
    const ASKED: &str = "BARE_WS_DEFAULT_ROOTS";
    if std::env::var_os(ASKED).is_none() {
        // In a process of its own, whose environment names the roots.
        let name = format!("bare-ws-{}-once.pem", std::process::id());
        let file = File(std::env::temp_dir().join(name));
        std::fs::write(&file.0, &identity().pem).unwrap();
        let test = "the_default_roots_are_read_once_for_a_configuration_and_its_clones";
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test])
            .env(ASKED, &identity().pem)
            .env("SSL_CERT_FILE", &file.0)
            .env_remove("SSL_CERT_DIR")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
        assert!(said.contains("running 1 test"), "{said}");
        return;
    }
    let file = File(std::env::var_os("SSL_CERT_FILE").unwrap().into());
    for connect in WAYS {
        // Whoever the server is, of this process nobody has the key: its name is what is refused.
        let unknown = |config: &Config| {
            let peer = serve(|conn| {
                let mut conn = secured(conn.tcp);
                let _ = conn.tcp.conn.complete_io(&mut conn.tcp.sock);
            });
            let uri = format!("wss://127.0.0.1:{}/", peer.address.port());
            let error = connect(config, &uri).unwrap_err();
            peer.join();
            assert!(
                matches!(error, Error::Tls(TlsError::Certificate { .. })),
                "{error:?}"
            );
        };
        std::fs::write(&file.0, std::env::var(ASKED).unwrap()).unwrap();
        let config = Config::new();
        let clone = config.clone();
        unknown(&config);
        std::fs::remove_file(&file.0).unwrap();
        unknown(&config);
        unknown(&clone);
        // Whoever begins anew finds them gone, and connects to nobody.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let error = connect(&Config::new(), &format!("wss://{address}/")).unwrap_err();
        let is_right = matches!(
            &error,
            Error::Tls(TlsError::Environment { variable: "SSL_CERT_FILE", path, .. })
                if *path == file.0
        );
        assert!(is_right, "{error:?}");
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "it has connected");
    }
}

// row: TRAP-30
#[test]
fn debug_of_the_settings_shows_nothing_of_them() {
    assert_eq!(format!("{:?}", trusting()), "Tls { .. }");
    assert_eq!(format!("{:?}", Tls::builder()), "TlsBuilder { .. }");
}

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
    let read = |stream: &bare_ws_std::tls::TlsStream, octets: &mut [u8]| loop {
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

/// A stream that has failed or ended is read to there, and says so then.
#[test]
fn what_came_before_a_failure_of_the_stream_is_read_first() {
    /// Fills whatever it is given so many times, fails if it does, and has ended then, as sockets do.
    struct Failing {
        tcp: TcpStream,
        fails: bool,
        /// Before, it is a stream like another.
        left: Mutex<Option<usize>>,
    }

    impl Stream for Failing {
        fn try_read(&self, octets: &mut [u8]) -> io::Result<usize> {
            let mut left = self.left.lock().unwrap();
            match &mut *left {
                None => (&self.tcp).read(octets),
                Some(0) if self.fails => {
                    *left = Some(usize::MAX);
                    Err(io::ErrorKind::ConnectionReset.into())
                }
                Some(0 | usize::MAX) => Ok(0),
                Some(left) => {
                    *left -= 1;
                    (&self.tcp).read_exact(octets)?;
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

        fn shutdown(&self, _: Shutdown) -> io::Result<()> {
            Ok(())
        }
    }

    const SENT: usize = 60_000;
    for (fails, kind) in [
        (true, io::ErrorKind::ConnectionReset),
        (false, io::ErrorKind::UnexpectedEof),
    ] {
        let peer = serve(|conn| {
            let mut conn = secured(conn.tcp);
            conn.tcp.write_all(&[7; SENT]).unwrap();
            // Until all is read.
            let _ = conn.tcp.read(&mut [0]);
        });
        let failing = Failing {
            tcp: TcpStream::connect(peer.address).unwrap(),
            fails,
            left: Mutex::new(None),
        };
        let stream = trusting().connect("localhost", failing, Some(LONG));
        let stream = stream.unwrap();
        *stream.stream().left.lock().unwrap() = Some(2);
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
    /// Counts reads. If it is told how many, so many more fill whatever they are given, and then there is nothing.
    struct Counting {
        tcp: TcpStream,
        reads: AtomicUsize,
        fills: Mutex<Option<usize>>,
    }

    impl Stream for Counting {
        fn try_read(&self, octets: &mut [u8]) -> io::Result<usize> {
            self.reads.fetch_add(1, Relaxed);
            match &mut *self.fills.lock().unwrap() {
                None => (&self.tcp).read(octets),
                Some(0) => Err(io::ErrorKind::WouldBlock.into()),
                Some(left) => {
                    *left -= 1;
                    (&self.tcp).read_exact(octets)?;
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
    let counting = Counting {
        tcp: TcpStream::connect(peer.address).unwrap(),
        reads: AtomicUsize::new(0),
        fills: Mutex::new(None),
    };
    let stream = trusting().connect("localhost", counting, Some(LONG));
    let stream = stream.unwrap();
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
    *below.fills.lock().unwrap() = Some(3);
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
