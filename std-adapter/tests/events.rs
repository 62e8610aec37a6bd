//! What `log` and `tracing` are told of connections, in which order and at which level, and what
//! they are never told.
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

mod peer;

use std::fmt::{Debug, Write as _};
use std::net::SocketAddr;
use std::sync::{Mutex, Once};
use std::time::Duration;

use bare_ws_std::{CloseCode, Config, Error, KeepAlive, Proxy};
use peer::{Conn, LONG, Peer, serve};
use tracing::field::{Field, Visit};
use tracing::span;

/// Level and words, of `log` and of `tracing`.
static LOGGED: Mutex<Vec<String>> = Mutex::new(Vec::new());
static TRACED: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// What tests have looked at.
static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Recorder;

impl log::Log for Recorder {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.target() == "bare_ws_std" {
            let level = record.level().as_str();
            let line = format!("{level} {}", record.args());
            LOGGED.lock().unwrap().push(line);
        }
    }

    fn flush(&self) {}
}

/// The message first, and the fields behind it as `log` has them.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => write!(self.fields, " {name}={value:?}").unwrap(),
        }
    }
}

impl tracing::Subscriber for Recorder {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        if event.metadata().target() == "bare_ws_std" {
            let mut line = Line::default();
            event.record(&mut line);
            let level = event.metadata().level();
            let line = format!("{level} {}{}", line.message, line.fields);
            TRACED.lock().unwrap().push(line);
        }
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

fn record() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Recorder).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
        tracing::subscriber::set_global_default(Recorder).unwrap();
    });
}

/// What was told of that server by both, which is the same, without its address. Once: another may be given its port.
fn told(address: SocketAddr) -> Vec<String> {
    let of = |lines: &Mutex<Vec<String>>| -> Vec<String> {
        let mut lines = lines.lock().unwrap();
        let its = |line: &mut String| line.contains(&format!("peer={address}"));
        let its: Vec<_> = lines.extract_if(.., its).collect();
        its.iter()
            .map(|line| line.replace(&address.to_string(), "HOST"))
            .collect()
    };
    let (logged, traced) = (of(&LOGGED), of(&TRACED));
    assert_eq!(logged, traced);
    TOLD.lock().unwrap().extend(logged.iter().cloned());
    logged
}

/// What becomes of a connection that is open.
#[derive(Clone, Copy)]
enum Act {
    Close,
    /// The peer does not answer in time.
    CloseLate,
    /// Without a status code.
    CloseBare,
    /// Until that fails.
    Send,
    Receive,
    /// With a keepalive.
    Ask,
    Abort,
    Drop,
}

type Way = fn(&Config, &str, Act) -> Result<(), Error>;

fn blocking(config: &Config, uri: &str, act: Act) -> Result<(), Error> {
    let mut socket = config.connect(uri)?;
    match act {
        Act::Drop => return Ok(()),
        Act::Abort => socket.abort_handle().abort(),
        Act::Close | Act::CloseLate => {
            socket.send("s3cret payload")?;
            socket.close(CloseCode::NORMAL, "s3cret reason")?;
        }
        Act::CloseBare => socket.close(None, "")?,
        Act::Send => loop {
            socket.send("s3cret payload")?;
        },
        Act::Receive | Act::Ask => {}
    }
    while socket.recv()?.is_some() {}
    socket.finish(None, "").map(drop)
}

#[cfg(feature = "tokio")]
fn tokio(config: &Config, uri: &str, act: Act) -> Result<(), Error> {
    in_tokio(config, uri, act, false)
}

/// The same, closed as a sink where that is with 1000.
#[cfg(feature = "tokio")]
fn sink(config: &Config, uri: &str, act: Act) -> Result<(), Error> {
    in_tokio(config, uri, act, true)
}

#[cfg(feature = "tokio")]
fn in_tokio(config: &Config, uri: &str, act: Act, is_sink: bool) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let mut socket = bare_ws_std::tokio::connect_with(config, uri).await?;
        match act {
            Act::Drop => return Ok(()),
            Act::Abort => socket.abort_handle().abort(),
            Act::Close | Act::CloseLate => {
                socket.send("s3cret payload").await?;
                match is_sink {
                    true => futures_util::SinkExt::close(&mut socket).await?,
                    false => socket.close(CloseCode::NORMAL, "s3cret reason").await?,
                }
            }
            Act::CloseBare => socket.close(None, "").await?,
            Act::Send => loop {
                socket.send("s3cret payload").await?;
            },
            Act::Receive | Act::Ask => {}
        }
        while socket.recv().await?.is_some() {}
        socket.finish(None, "").await.map(drop)
    })
}

#[cfg(feature = "tokio")]
const WAYS: [Way; 3] = [blocking, tokio, sink];
#[cfg(not(feature = "tokio"))]
const WAYS: [Way; 1] = [blocking];

/// What the server does, what the client does, and what is told behind "connecting" and "connected".
type Case = (fn(&mut Conn), Act, &'static [&'static str]);

const OPEN: &str = "INFO open peer=HOST subprotocol=none extensions=none";

const CASES: &[Case] = &[
    (
        |conn| {
            conn.accept_with("Sec-WebSocket-Protocol: chat.v1\r\n", b"");
            conn.read_message();
            let code = conn.read_close();
            conn.close(code.unwrap(), b"s3cret reason");
        },
        Act::Close,
        &[
            "INFO open peer=HOST subprotocol=chat.v1 extensions=none",
            "INFO closing peer=HOST by=us code=1000",
            "INFO closed peer=HOST by=us code=1000",
        ],
    ),
    (
        |conn| {
            conn.accept();
            conn.read_close();
            conn.frame(0x88, b"");
        },
        Act::CloseBare,
        &[
            OPEN,
            "INFO closing peer=HOST by=us code=1005",
            "INFO closed peer=HOST by=us code=1005",
        ],
    ),
    (
        |conn| {
            conn.accept();
            conn.frame(0x88, b"");
            conn.read_close();
        },
        Act::Receive,
        &[OPEN, "INFO closed peer=HOST by=peer code=1005"],
    ),
    (
        // It does not answer, and does not end.
        |conn| {
            conn.accept();
            conn.read_close();
            conn.sees_end();
        },
        Act::CloseLate,
        &[
            OPEN,
            "INFO closing peer=HOST by=us code=1000",
            "WARN timed out peer=HOST error=the closing handshake timed out",
        ],
    ),
    (
        |conn| {
            conn.accept();
            conn.frame(0x82, &[0; 1001]);
            conn.read_close();
        },
        Act::Receive,
        &[
            OPEN,
            "WARN failed peer=HOST error=the message has at least 1001 octets, and the limit is 1000 code=1009",
        ],
    ),
    (
        |conn| {
            conn.accept();
            conn.frame(0x81, b"s3cret payload");
            conn.close(1001, b"s3cret reason");
            conn.read_close();
        },
        Act::Receive,
        &[OPEN, "INFO closed peer=HOST by=peer code=1001"],
    ),
    (
        |conn| {
            conn.accept();
            conn.frame(0x81, b"\xff s3cret");
            conn.read_close();
        },
        Act::Receive,
        &[
            OPEN,
            "WARN failed peer=HOST error=the peer sent text that is not UTF-8 code=1007",
        ],
    ),
    (
        |conn| {
            conn.accept();
            conn.tcp.shutdown(std::net::Shutdown::Both).unwrap();
        },
        Act::Receive,
        &[OPEN, "WARN lost peer=HOST"],
    ),
    (
        |conn| {
            conn.accept();
            conn.sees_end();
        },
        Act::Abort,
        &[OPEN, "INFO aborted peer=HOST"],
    ),
    (
        |conn| {
            conn.accept();
            conn.sees_end();
        },
        Act::Drop,
        &[OPEN, "DEBUG dropped while open peer=HOST"],
    ),
    (
        |conn| {
            conn.accept();
            // The Ping, and the Close, which is not answered.
            conn.read_close();
        },
        Act::Ask,
        &[OPEN, "WARN keepalive: no answer to a Ping peer=HOST"],
    ),
    (
        |conn| {
            conn.read_request();
            conn.send(b"HTTP/1.1 401 no\r\nSet-Cookie: s3cret\r\nContent-Length: 6\r\n\r\ns3cret");
        },
        Act::Receive,
        &["WARN not open peer=HOST error=rejected status=401"],
    ),
    (
        |conn| {
            conn.read_request();
            conn.send(
                b"HTTP/1.1 302 x\r\nLocation: ftp://u:s3cret@x/\r\nContent-Length: 0\r\n\r\n",
            );
        },
        Act::Receive,
        &["WARN not open peer=HOST error=redirect"],
    ),
];

fn config() -> Config {
    record();
    Config::new()
        .redirects(3)
        .connect_timeout(LONG)
        .handshake_timeout(LONG)
        .close_timeout(LONG)
        .credentials_in_uri(true)
        .subprotocol("chat.v1")
        .header("Cookie", "s3cret")
        .message_limit(1000)
}

/// Only what is about a limit has a short one.
fn config_of(act: Act) -> Config {
    match act {
        Act::CloseLate => config().close_timeout(Duration::from_millis(200)),
        Act::Ask => config()
            .close_timeout(Duration::from_millis(200))
            .keepalive(KeepAlive {
                interval: Duration::from_millis(100),
                dead_after: Duration::from_millis(300),
            }),
        _ => config(),
    }
}

fn uri<T>(server: &Peer<T>) -> String {
    format!("ws://us3r:s3cret@{}/s3cret?token=s3cret", server.address)
}

fn has_no_secret() {
    for lines in [&LOGGED, &TRACED, &TOLD] {
        let text = lines.lock().unwrap().join("\n");
        assert!(!text.contains("s3cret") && !text.contains("us3r"), "{text}");
    }
}

// row: LIV-32
#[test]
fn what_happens_is_told_in_its_order_and_nothing_of_it_is_a_secret() {
    for way in WAYS {
        for (serves, act, wanted) in CASES {
            let server = serve(move |mut conn| serves(&mut conn));
            let (address, uri) = (server.address, uri(&server));
            let _ = way(&config_of(*act), &uri, *act);
            server.join();
            let mut all = vec![
                "DEBUG connecting peer=HOST",
                "DEBUG connected peer=HOST address=HOST",
            ];
            all.extend_from_slice(wanted);
            assert_eq!(told(address), all);
        }
    }
    has_no_secret();
}

// row: LIV-32
#[test]
fn a_redirect_names_both_servers() {
    for way in WAYS {
        let second = serve(|mut conn| {
            conn.accept();
            conn.close(1000, b"");
            conn.read_close();
        });
        let location = format!("http://{}/s3cret?token=s3cret", second.address);
        let first = serve(move |mut conn| {
            conn.read_request();
            let answer =
                format!("HTTP/1.1 307 x\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
            conn.send(answer.as_bytes());
        });
        let addresses = (first.address, second.address);
        way(&config(), &uri(&first), Act::Receive).unwrap();
        first.join();
        second.join();
        let redirected = format!("DEBUG redirected peer=HOST status=307 to={}", addresses.1);
        assert_eq!(told(addresses.0).last(), Some(&redirected));
        assert_eq!(told(addresses.1).len(), 4);
    }
    has_no_secret();
}

// row: LIV-32
#[test]
fn a_proxy_is_named_without_its_credentials() {
    for (port, way) in (61_000..).zip(WAYS) {
        let proxy = serve(|mut conn| {
            conn.read_request();
            conn.send(b"HTTP/1.1 407 s3cret\r\nContent-Length: 0\r\n\r\n");
        });
        let address = proxy.address;
        let through = Proxy::new(&format!("http://us3r:s3cret@{address}")).unwrap();
        // A server that nothing else is told of.
        let server = SocketAddr::from(([127, 0, 0, 9], port));
        let uri = format!("ws://{server}/s3cret");
        way(&config().proxy(through), &uri, Act::Receive).unwrap_err();
        proxy.join();
        let (host, port) = (address.ip(), address.port());
        let told = told(server);
        assert_eq!(
            told[..2],
            [
                format!("DEBUG connecting peer=HOST proxy={host} proxy_port={port}"),
                format!("DEBUG connected peer=HOST address={address}"),
            ]
        );
        assert_eq!(told[2..], ["WARN not open peer=HOST error=proxy"]);
    }
    has_no_secret();
}

/// What the system says is an event, too, once, and behind it that the connection is lost.
// row: LIV-32
#[test]
fn a_send_that_cannot_leave_is_told_once() {
    for way in WAYS {
        let server = serve(|mut conn| {
            conn.accept();
            rustix::net::sockopt::set_socket_linger(&*conn.tcp, Some(Duration::ZERO)).unwrap();
        });
        let (address, uri) = (server.address, uri(&server));
        way(&config(), &uri, Act::Send).unwrap_err();
        server.join();
        let told = told(address);
        let its = |line: &&String| line.starts_with("WARN cannot send peer=HOST error=");
        let found: Vec<_> = told.iter().filter(its).collect();
        assert_eq!(found.len(), 1, "{told:?}");
        let kinds = ["connection reset", "broken pipe"];
        assert!(
            kinds.iter().any(|kind| found[0].ends_with(kind)),
            "{found:?}"
        );
    }
    has_no_secret();
}

/// What was agreed on is told with the event that it is open.
// row: LIV-32
#[cfg(feature = "deflate")]
#[test]
fn what_was_agreed_on_is_told() {
    for way in WAYS {
        let server = serve(|mut conn| {
            conn.accept_with("Sec-WebSocket-Extensions: permessage-deflate\r\n", b"");
            conn.close(1000, b"");
            conn.read_close();
        });
        let (address, uri) = (server.address, uri(&server));
        let config = config().deflate(bare_ws_std::Deflate::new());
        way(&config, &uri, Act::Receive).unwrap();
        server.join();
        let open = "INFO open peer=HOST subprotocol=none extensions=permessage-deflate";
        assert_eq!(told(address)[2], open);
    }
}

/// Over a stream that was connected before, nothing is told of connecting, and all that follows is.
// row: LIV-32
#[test]
fn a_connection_over_a_stream_of_ones_own_is_told_of_from_its_handshake_on() {
    type Open = fn(&Config, &str, SocketAddr) -> Result<(), Error>;
    const WAYS: &[Open] = &[
        |config, uri, address| {
            let tcp = std::net::TcpStream::connect(address).unwrap();
            config.open(uri, tcp).map(drop)
        },
        #[cfg(feature = "tokio")]
        |config, uri, address| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                let tcp = tokio::net::TcpStream::connect(address).await.unwrap();
                bare_ws_std::tokio::open(config, uri, tcp).await.map(drop)
            })
        },
    ];
    for open in WAYS {
        let server = serve(|mut conn| {
            conn.accept();
            conn.sees_end();
        });
        let (address, to) = (server.address, uri(&server));
        open(&config(), &to, address).unwrap();
        server.join();
        assert_eq!(told(address), [OPEN, "DEBUG dropped while open peer=HOST"]);
        for (answer, wanted) in [
            (
                &b"HTTP/1.1 503 s3cret\r\nContent-Length: 0\r\n\r\n"[..],
                "WARN not open peer=HOST error=rejected status=503",
            ),
            (b"", "WARN not open peer=HOST error=handshake"),
        ] {
            let server = serve(|mut conn| {
                conn.read_request();
                conn.send(answer);
            });
            let (address, to) = (server.address, uri(&server));
            open(&config(), &to, address).unwrap_err();
            server.join();
            assert_eq!(told(address), [wanted]);
        }
    }
    has_no_secret();
}
