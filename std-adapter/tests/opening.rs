//! What a configuration promises, whichever way a connection is opened: by a call that connects or over a
//! stream that is connected already, with memory of the caller's or not, blocking and in tokio.
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

mod peer;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use bare_ws_std::bare_ws::buffer::{Growing, Storage};
#[cfg(feature = "deflate")]
use bare_ws_std::bare_ws::deflate::negotiate::Offer;
use bare_ws_std::bare_ws::opcode::Opcode;
use bare_ws_std::{
    Config, Direction, Error, Proxy, RequestError, SettingError, Stream, Timeout, UriError,
    WebSocket,
};
use peer::{Conn, LONG, Peer, frame, serve, serve_many};

/// What the client sees of a connection that was opened, and of the one message that comes.
#[derive(Debug, PartialEq)]
struct Seen {
    status: u16,
    cookie: Option<String>,
    subprotocol: Option<String>,
    compresses: bool,
    octets: usize,
}

/// Opens a connection to that server, as the URI says, and receives one message.
type Open = fn(&Config, &str, SocketAddr) -> Result<Seen, Error>;

fn seen<S: Stream, B: Storage>(opened: Result<WebSocket<S, B>, Error>) -> Result<Seen, Error> {
    let mut socket = opened?;
    let octets = socket.recv()?.map_or(0, |message| message.len());
    Ok(Seen {
        status: socket.response().status(),
        cookie: socket.response().header("set-cookie").map(str::to_owned),
        subprotocol: socket.subprotocol().map(str::to_owned),
        #[cfg(feature = "deflate")]
        compresses: socket.deflate().is_some(),
        #[cfg(not(feature = "deflate"))]
        compresses: false,
        octets,
    })
}

fn growing() -> Growing {
    Growing::with_len(64).with_limit(1 << 20)
}

fn tcp(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).unwrap()
}

#[cfg(feature = "tokio")]
mod in_tokio {
    use tokio::io::{AsyncRead, AsyncWrite};

    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(future)
    }

    async fn seen<S: AsyncRead + AsyncWrite + Unpin>(
        opened: Result<bare_ws_std::tokio::WebSocket<S>, Error>,
    ) -> Result<Seen, Error> {
        let mut socket = opened?;
        let octets = socket.recv().await?.map_or(0, |message| message.len());
        Ok(Seen {
            status: socket.response().status(),
            cookie: socket.response().header("set-cookie").map(str::to_owned),
            subprotocol: socket.subprotocol().map(str::to_owned),
            #[cfg(feature = "deflate")]
            compresses: socket.deflate().is_some(),
            #[cfg(not(feature = "deflate"))]
            compresses: false,
            octets,
        })
    }

    pub(super) fn connect(config: &Config, uri: &str, _: SocketAddr) -> Result<Seen, Error> {
        block_on(async { seen(bare_ws_std::tokio::connect_with(config, uri).await).await })
    }

    pub(super) fn open(config: &Config, uri: &str, address: SocketAddr) -> Result<Seen, Error> {
        block_on(async {
            let tcp = tokio::net::TcpStream::connect(address).await.unwrap();
            seen(bare_ws_std::tokio::open(config, uri, tcp).await).await
        })
    }
}

/// Its name, whether it connects by itself, and the way.
const WAYS: &[(&str, bool, Open)] = &[
    ("connect", true, |config, uri, _| seen(config.connect(uri))),
    ("connect_into", true, |config, uri, _| {
        seen(config.connect_into(uri, growing))
    }),
    ("connect_wrapped", true, |config, uri, _| {
        seen(config.connect_wrapped(uri, |_, socket| socket))
    }),
    ("open", false, |config, uri, address| {
        seen(config.open(uri, tcp(address)))
    }),
    ("open_into", false, |config, uri, address| {
        seen(config.open_into(uri, tcp(address), growing()))
    }),
    #[cfg(feature = "tokio")]
    ("tokio connect", true, in_tokio::connect),
    #[cfg(feature = "tokio")]
    ("tokio open", false, in_tokio::open),
];

fn patient() -> Config {
    Config::new()
        .connect_timeout(LONG)
        .handshake_timeout(LONG)
        .close_timeout(LONG)
}

/// Accepts a client with these fields, sends what comes with the response, and gives the request.
fn accepting(fields: &'static str, after: Vec<u8>) -> Peer<String> {
    serve(move |mut conn| {
        conn.accept_with(fields, &after);
        // What is not read would end the connection by a reset.
        conn.sees_end();
        conn.request
    })
}

fn values<'a>(request: &'a str, name: &str) -> Vec<&'a str> {
    let of = |line: &'a str| {
        let (field, value) = line.split_once(": ")?;
        field.eq_ignore_ascii_case(name).then_some(value)
    };
    request.lines().filter_map(of).collect()
}

// row: REQ-07, REQ-10, REQ-16
#[test]
fn each_way_sends_what_was_set_and_says_what_was_answered() {
    for (name, _, open) in WAYS {
        let peer = accepting(
            "Set-Cookie: id=1\r\nSec-WebSocket-Protocol: b\r\n",
            frame(0x82, &[7; 300]),
        );
        let address = peer.address;
        let config = patient()
            .credentials_in_uri(true)
            .subprotocol("a")
            .subprotocol("b")
            .subprotocol_required(true)
            .origin("https://origin.example")
            .host("host.example:81")
            .header("X-App", "1")
            .header("X-App", "2")
            .resolver(move |_, _| Ok(vec![address]));
        let uri = format!(
            "ws://Aladdin:open%20sesame@server.example:{}/a?b=@c",
            address.port()
        );
        let seen = open(&config, &uri, address).unwrap();
        let wanted = Seen {
            status: 101,
            cookie: Some("id=1".to_owned()),
            subprotocol: Some("b".to_owned()),
            compresses: false,
            octets: 300,
        };
        assert_eq!(seen, wanted, "{name}");
        let request = peer.join();
        assert!(
            request.starts_with("GET /a?b=@c HTTP/1.1\r\n"),
            "{name}: {request}"
        );
        for (field, wanted) in [
            ("authorization", &["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="][..]),
            ("sec-websocket-protocol", &["a, b"]),
            ("origin", &["https://origin.example"]),
            ("host", &["host.example:81"]),
            ("x-app", &["1", "2"]),
            ("sec-websocket-extensions", &[]),
        ] {
            assert_eq!(values(&request, field), wanted, "{name}: {request}");
        }
    }
}

// row: REQ-16
#[test]
fn no_way_takes_credentials_or_converts_names_unless_it_was_told_to() {
    for (name, _, open) in WAYS {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        for (uri, wanted) in [
            (format!("ws://u:p@{address}/"), UriError::UserInfo),
            (
                "ws://b\u{fc}cher.example/".to_owned(),
                UriError::HostNotAscii,
            ),
            ("ftp://a/".to_owned(), UriError::Scheme),
        ] {
            match open(&patient(), &uri, address) {
                Err(Error::Uri(error)) => assert_eq!(error, wanted, "{name}: {uri}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}

#[cfg(feature = "idna")]
#[test]
fn each_way_converts_a_name_on_request() {
    for (name, _, open) in WAYS {
        let peer = accepting("", frame(0x81, b""));
        let address = peer.address;
        let config = patient().idna(true).resolver(move |host, _| {
            assert_eq!(host, "xn--bcher-kva.example");
            Ok(vec![address])
        });
        open(&config, "ws://b\u{fc}cher.example:81/", address).unwrap();
        let request = peer.join();
        assert_eq!(
            values(&request, "host"),
            ["xn--bcher-kva.example:81"],
            "{name}"
        );
    }
}

/// What is wrong with a configuration, and the error that says so.
type Wrong = (fn(Config) -> Config, fn(&Error) -> bool);

const WRONG: &[Wrong] = &[
    (
        |config| config.transmit_buffer(130),
        |error| matches!(error, Error::Setting(SettingError::TransmitBuffer { .. })),
    ),
    (
        |config| {
            config.keepalive(bare_ws_std::KeepAlive {
                interval: LONG,
                dead_after: LONG,
            })
        },
        |error| matches!(error, Error::Setting(SettingError::KeepAlive { .. })),
    ),
    (
        |config| config.header("X", "a\r\nb"),
        |error| matches!(error, Error::Header { name, .. } if name == "X"),
    ),
    (
        |config| config.header("Sec-WebSocket-Key", "x"),
        |error| {
            let reserved =
                |error: &RequestError| matches!(error, RequestError::HeaderReserved { .. });
            matches!(error, Error::Header { error, .. } if reserved(error))
        },
    ),
    (
        |config| config.subprotocol("a").subprotocol("a"),
        |error| matches!(error, Error::Subprotocol { name, .. } if name == "a"),
    ),
    (
        |config| config.origin("a\nb"),
        |error| matches!(error, Error::Request(RequestError::Origin)),
    ),
    (
        |config| config.host("a b"),
        |error| matches!(error, Error::Request(RequestError::Host(_))),
    ),
    #[cfg(feature = "deflate")]
    (
        |config| config.deflate(bare_ws_std::Deflate::new().window_bits(16)),
        |error| matches!(error, Error::Setting(SettingError::WindowBits { bits: 16 })),
    ),
    #[cfg(feature = "deflate")]
    (
        |config| {
            let offer = Offer {
                server_max_window_bits: Some(12),
                ..Offer::default()
            };
            config.deflate(
                bare_ws_std::Deflate::new()
                    .window_bits(9)
                    .pieces()
                    .offer(offer),
            )
        },
        |error| matches!(error, Error::Offer(_)),
    ),
];

// row: LIM-01, STA-03
#[test]
fn what_cannot_be_asked_for_is_refused_before_anything_is_sent_whichever_way() {
    for (number, (set, is_right)) in WRONG.iter().enumerate() {
        let config = set(patient());
        let checked = config.check("ws://h/").unwrap_err();
        assert!(is_right(&checked), "{number}: {checked:?}");
        assert_eq!(checked.kind(), "request", "{number}");
        for (name, connects, open) in WAYS {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let address = listener.local_addr().unwrap();
            let error = open(&config, &format!("ws://{address}/"), address).unwrap_err();
            assert!(is_right(&error), "{name}, {number}: {error:?}");
            listener.set_nonblocking(true).unwrap();
            match listener.accept() {
                Ok((mut tcp, _)) => {
                    assert!(!connects, "{name}, {number}: it has connected");
                    tcp.set_nonblocking(false).unwrap();
                    assert_eq!(tcp.read(&mut [0]).unwrap(), 0, "{name}, {number}");
                }
                Err(_) => assert!(connects, "{name}, {number}"),
            }
        }
    }
}

/// What a server does with a client, and what comes of it.
type Fails = (&'static str, fn(&mut Conn), fn(&Error) -> bool);

const FAILS: &[Fails] = &[
    (
        "a refusal with a body",
        |conn| {
            conn.read_request();
            conn.send(b"HTTP/1.1 403 x\r\nA: 1\r\nContent-Length: 5\r\n\r\nhello");
        },
        |error| {
            matches!(error, Error::Rejected(response)
                if response.status() == 403
                    && response.body() == b"hello"
                    && response.header("a") == Some("1"))
        },
    ),
    (
        // No redirect is followed unless that was asked for.
        "a redirect",
        |conn| {
            conn.read_request();
            conn.send(b"HTTP/1.1 302 x\r\nLocation: /a\r\nContent-Length: 0\r\n\r\n");
        },
        |error| error.status() == Some(302) && error.to_string().contains("\"/a\""),
    ),
    (
        "an end",
        |conn| conn.read_request(),
        |error| matches!(error, Error::LostInHandshake { secure: false }),
    ),
    (
        "a head that is too long",
        |conn| {
            conn.read_request();
            conn.send(&[b"HTTP/1.1 101 x\r\nA: ", &[b'x'; 16_384][..]].concat());
            conn.sees_end();
        },
        |error| matches!(error, Error::HeadTooLarge { limit: 16_384 }),
    ),
    (
        "a wrong accept",
        |conn| {
            conn.read_request();
            conn.send(
                b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                  Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
            );
        },
        |error| matches!(error, Error::Handshake(_)),
    ),
    (
        "a subprotocol that nobody offered",
        |conn| conn.accept_with("Sec-WebSocket-Protocol: x\r\n", b""),
        |error| matches!(error, Error::Handshake(_)),
    ),
    (
        "an extension that nobody offered",
        |conn| conn.accept_with("Sec-WebSocket-Extensions: x\r\n", b""),
        |error| matches!(error, Error::Extension(_)),
    ),
    (
        "a broken rule",
        |conn| {
            conn.accept_with("", &[0x83, 0]);
            assert_eq!(conn.read_close(), Some(1002));
        },
        |error| error.kind() == "protocol",
    ),
    (
        "a message that is too long",
        |conn| {
            conn.accept_with("", &frame(0x82, &[0; 1001]));
            assert_eq!(conn.read_close(), Some(1009));
        },
        |error| matches!(error, Error::TooLong { limit: 1000, .. }),
    ),
    (
        "a message of too many fragments",
        |conn| {
            let four = [
                frame(0x02, b""),
                frame(0, b""),
                frame(0, b""),
                frame(0x80, b""),
            ];
            conn.accept_with("", &four.concat());
            assert_eq!(conn.read_close(), Some(1008));
        },
        |error| matches!(error, Error::TooManyFragments { limit: 3 }),
    ),
    (
        "an end without a Close",
        |conn| conn.accept(),
        |error| matches!(error, Error::Lost),
    ),
];

// row: RSP-02, LIM-01, LIM-02
#[test]
fn what_a_server_does_wrong_is_the_same_error_whichever_way() {
    for (what, serves, is_right) in FAILS {
        for (name, _, open) in WAYS {
            let peer = serve(|mut conn| serves(&mut conn));
            let config = patient().message_limit(1000).fragment_limit(3);
            let error = open(&config, &peer.uri(), peer.address).unwrap_err();
            assert!(is_right(&error), "{name}, {what}: {error:?}");
            peer.join();
        }
    }
}

// row: STA-02
#[test]
fn the_handshake_has_its_time_whichever_way() {
    const SHORT: Duration = Duration::from_millis(100);
    for (name, _, open) in WAYS {
        let peer = serve(|mut conn| conn.sees_end());
        let config = patient().handshake_timeout(SHORT);
        let error = open(&config, &peer.uri(), peer.address).unwrap_err();
        assert!(
            matches!(error, Error::Timeout(Timeout::Handshake)),
            "{name}: {error:?}"
        );
        assert!(peer.join(), "{name}");
    }
}

// row: SEED-11, RSP-16
#[test]
fn an_observer_sees_what_came_with_the_response_whichever_way() {
    for (name, _, open) in WAYS {
        let peer = accepting("", frame(0x82, &[7; 300]));
        let (show, shown) = mpsc::channel();
        let config = patient().observer(move |frame| show.send(*frame).unwrap());
        open(&config, &peer.uri(), peer.address).unwrap();
        peer.join();
        let first = shown.try_recv().unwrap();
        let header = first.header;
        assert_eq!(
            (first.direction, header.opcode, header.len),
            (Direction::Received, Opcode::Binary, 300),
            "{name}"
        );
    }
}

/// Only a way that connects can connect again: elsewhere, or without what cannot be had.
// row: RSP-03
#[test]
fn whoever_connects_connects_again_where_that_was_asked_for() {
    for (name, connects, open) in WAYS {
        let connections = if *connects { 2 } else { 1 };
        let peer = serve_many(connections, |index, mut conn| {
            if index == 0 {
                conn.read_request();
                conn.send(b"HTTP/1.1 302 x\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n");
            } else {
                conn.accept_with("", &frame(0x81, b"there"));
                conn.sees_end();
            }
        });
        let outcome = open(&patient().redirects(1), &peer.uri(), peer.address);
        match outcome {
            Ok(seen) => assert!(*connects && seen.octets == 5, "{name}"),
            Err(error) => assert!(
                !connects && error.status() == Some(302),
                "{name}: {error:?}"
            ),
        }
        peer.join();
    }
}

#[cfg(feature = "deflate")]
mod deflate {
    use bare_ws_std::Deflate;

    use super::*;

    // row: PMD-01, RSP-16
    #[test]
    fn each_way_agrees_on_compression() {
        for (name, _, open) in WAYS {
            let peer = accepting(
                "Sec-WebSocket-Extensions: permessage-deflate\r\n",
                frame(0xc1, b"\xf2\x48\xcd\xc9\xc9\x07\x00"),
            );
            let config = patient().deflate(Deflate::new());
            let seen = open(&config, &peer.uri(), peer.address).unwrap();
            assert!(seen.compresses && seen.octets == 5, "{name}: {seen:?}");
            let request = peer.join();
            let offered = values(&request, "sec-websocket-extensions");
            assert_eq!(
                offered,
                ["permessage-deflate; client_max_window_bits"],
                "{name}"
            );
        }
    }

    /// One more time, and no more: a server that insists is told to whoever asked.
    // row: PMD-08
    #[test]
    fn what_cannot_be_had_with_it_is_had_without_it_only_on_request() {
        for (name, connects, open) in WAYS {
            for (wanted, insists) in [(false, false), (true, false), (true, true)] {
                let again = wanted && *connects;
                let peer = serve_many(1 + usize::from(again), move |index, mut conn| {
                    let refused = index == 0 || insists;
                    let field = "Sec-WebSocket-Extensions: permessage-deflate; x\r\n";
                    conn.accept_with(if refused { field } else { "" }, &frame(0x81, b"plain"));
                    conn.sees_end();
                    !values(&conn.request, "sec-websocket-extensions").is_empty()
                });
                let deflate = match wanted {
                    true => Deflate::new().or_without(),
                    false => Deflate::new(),
                };
                let outcome = open(&patient().deflate(deflate), &peer.uri(), peer.address);
                match outcome {
                    Ok(seen) => {
                        assert!(again && !insists && !seen.compresses, "{name}: {seen:?}");
                        assert_eq!(seen.octets, 5, "{name}");
                    }
                    Err(error) => {
                        assert!(!again || insists, "{name}: {error:?}");
                        assert!(matches!(error, Error::Extension(_)), "{name}: {error:?}");
                    }
                }
                assert_eq!(
                    peer.join(),
                    [true, false][..1 + usize::from(again)],
                    "{name}"
                );
            }
        }
    }
}

/// Memory of the caller's is asked for once for each server, and bounds what is received whole.
// row: LIM-01, LIM-02
#[test]
fn memory_of_the_callers_is_asked_for_once_for_each_server() {
    for redirects in 0..3 {
        let peer = serve_many(1 + redirects, move |index, mut conn| {
            if index < redirects {
                conn.read_request();
                conn.send(b"HTTP/1.1 302 x\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n");
            } else {
                conn.accept();
                conn.sees_end();
            }
        });
        let mut asked = 0;
        let memory = || {
            asked += 1;
            [0; 200]
        };
        let config = patient().redirects(3);
        drop(config.connect_into(&peer.uri(), memory).unwrap());
        assert_eq!(asked, 1 + redirects);
        peer.join();
    }
}

// row: LIM-01, LIM-02
#[test]
fn a_message_fits_memory_of_the_callers_or_is_too_long() {
    type Into = fn(&Config, &str, SocketAddr) -> WebSocket<bare_ws_std::Socket, [u8; 200]>;
    type Received = Result<usize, Error>;
    let by_connect: Into = |config, uri, _| config.connect_into(uri, || [0; 200]).unwrap();
    let by_open: Into = |config, uri, address| {
        let socket = bare_ws_std::Socket::Tcp(tcp(address));
        config.open_into(uri, socket, [0; 200]).unwrap()
    };
    for open in [by_connect, by_open] {
        let received = |octets: usize| -> (Received, Option<u16>) {
            let peer = serve(move |mut conn| {
                conn.accept();
                conn.frame(0x82, &vec![7; octets]);
                conn.read_close()
            });
            let mut socket = open(&patient(), &peer.uri(), peer.address);
            let received = socket
                .recv()
                .map(|message| message.map_or(0, |it| it.len()));
            drop(socket);
            (received, peer.join())
        };
        // Beside a header of 14 octets, which is the longest.
        for octets in [0, 125, 126, 186] {
            let (outcome, _) = received(octets);
            assert_eq!(outcome.unwrap(), octets);
        }
        for octets in [187, 1000] {
            let (outcome, code) = received(octets);
            assert!(
                matches!(outcome, Err(Error::TooLong { .. })),
                "{octets}: {outcome:?}"
            );
            assert_eq!(code, Some(1009), "{octets}");
        }
    }
}

/// A stream of the caller's around the socket sees what the connection sees.
#[test]
fn a_stream_around_the_socket_sees_the_octets_of_the_handshake_and_of_frames() {
    use std::sync::{Arc, Mutex};

    use bare_ws_std::{Interest, Socket};

    type Log = Arc<Mutex<Vec<u8>>>;
    struct Tapped {
        socket: Socket,
        read: Log,
        written: Log,
    }
    impl Stream for Tapped {
        fn prepare(&mut self) -> std::io::Result<()> {
            self.socket.prepare()
        }
        fn try_read(&self, octets: &mut [u8]) -> std::io::Result<usize> {
            let n = self.socket.try_read(octets)?;
            self.read.lock().unwrap().extend(&octets[..n]);
            Ok(n)
        }
        fn try_write(&self, octets: &[u8]) -> std::io::Result<usize> {
            let n = self.socket.try_write(octets)?;
            self.written.lock().unwrap().extend(&octets[..n]);
            Ok(n)
        }
        fn wait(&self, interest: Interest, limit: Option<Duration>) -> std::io::Result<()> {
            self.socket.wait(interest, limit)
        }
        fn shutdown(&self, how: std::net::Shutdown) -> std::io::Result<()> {
            self.socket.shutdown(how)
        }
    }
    let peer = accepting("", frame(0x81, b"in clear"));
    let (read, written) = (Log::default(), Log::default());
    let wrap = |uri: &str, socket| {
        assert!(uri.starts_with("ws://127.0.0.1:"));
        Tapped {
            socket,
            read: Arc::clone(&read),
            written: Arc::clone(&written),
        }
    };
    let mut socket = patient().connect_wrapped(&peer.uri(), wrap).unwrap();
    socket.recv().unwrap();
    socket.send("x").unwrap();
    drop(socket);
    peer.join();
    assert!(read.lock().unwrap().ends_with(b"in clear"));
    let written = written.lock().unwrap();
    assert!(written.starts_with(b"GET / HTTP/1.1\r\n"));
    // RFC 6455 §5.2: two octets, the masking key, and the payload.
    assert_eq!(&written[written.len() - 7..][..2], [0x81, 0x81]);
}

/// `dial` takes the same way as `connect`, to the same place, and sends nothing.
// row: REQ-13, REQ-15
#[test]
fn dial_goes_where_connect_would_and_sends_nothing() {
    let accepts = || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    };
    type Way = fn(Config, SocketAddr) -> (Config, String);
    let ways: [Way; 5] = [
        |config, address| (config, format!("ws://{address}/")),
        |config, address| (config, format!("http://{address}/a?b")),
        |config, address| (config.address(address), "ws://host.invalid/".to_owned()),
        |config, address| {
            let config = config.resolver(move |_, _| Ok(vec![address]));
            (config, "wss://host.invalid/".to_owned())
        },
        |config, address| {
            let config = config.credentials_in_uri(true);
            (config, format!("ws://u:p@{address}/"))
        },
    ];
    for (number, way) in ways.into_iter().enumerate() {
        let (listener, address) = accepts();
        let (config, uri) = way(patient(), address);
        let tcp = config.dial(&uri).unwrap();
        assert_eq!(tcp.peer_addr().unwrap(), address, "{number}");
        assert!(tcp.nodelay().unwrap(), "{number}");
        let mut theirs = listener.accept().unwrap().0;
        // It is a blocking stream of the caller's.
        thread::scope(|scope| {
            scope.spawn(|| {
                // Real time: a socket that does not block would find nothing.
                thread::sleep(Duration::from_millis(50));
                theirs.write_all(b"x").unwrap();
            });
            (&tcp).read_exact(&mut [0]).unwrap();
        });
        drop(tcp);
        assert_eq!(theirs.read(&mut [0]).unwrap(), 0, "{number}");
    }
    let hook = patient().socket(|_| Err(std::io::ErrorKind::Unsupported.into()));
    let (_listener, address) = accepts();
    let error = hook.dial(&format!("ws://{address}/")).unwrap_err();
    assert_eq!(error.kind(), "io", "{error:?}");
    let nowhere = Proxy::new("127.0.0.1:1").unwrap();
    let error = patient()
        .proxy(nowhere)
        .dial("ws://host.invalid/")
        .unwrap_err();
    assert!(
        matches!(error, Error::Connect { proxy: true, .. }),
        "{error:?}"
    );
}

/// TCP_NODELAY is set before the program's own options, so that it can take it away.
// row: REQ-15
#[test]
fn a_hook_finds_the_socket_as_it_is_by_default_and_has_the_last_word() {
    for (name, connects, open) in WAYS {
        if !connects {
            continue;
        }
        for keeps in [true, false] {
            let peer = accepting("", frame(0x81, b""));
            let (tell, told) = mpsc::channel();
            let config = patient().socket(move |tcp| {
                tell.send((tcp.nodelay()?, tcp.try_clone()?)).unwrap();
                tcp.set_nodelay(keeps)
            });
            open(&config, &peer.uri(), peer.address).unwrap();
            let (found, tcp) = told.try_recv().unwrap();
            assert!(found, "{name}");
            assert_eq!(tcp.nodelay().unwrap(), keeps, "{name}");
            assert!(told.try_recv().is_err(), "{name}: once");
            drop(tcp);
            peer.join();
        }
    }
}

/// A request has no secret in what `Debug` shows of it, whichever part of it is asked.
// row: TRAP-30
#[test]
fn the_parts_of_a_request_show_no_secret() {
    let config = Config::new()
        .header("Authorization", "Bearer s3cret")
        .header("Cookie", "s3cret")
        .proxy(Proxy::new("http://us3r:s3cret@proxy.example").unwrap());
    let parts = config.parts();
    for shown in [
        format!("{parts:?}"),
        format!("{parts:#?}"),
        format!("{config:#?}"),
    ] {
        assert!(shown.contains("Authorization"), "{shown}");
        assert!(
            !shown.contains("s3cret") && !shown.contains("us3r"),
            "{shown}"
        );
    }
}

/// The parts of a request judge it as [`Config::check`] does, for whoever drives the core.
#[test]
fn the_parts_of_a_request_judge_it_too() {
    for (number, (set, is_right)) in WRONG.iter().enumerate() {
        let config = set(patient());
        let parts = config.parts();
        let request = parts.request("ws://h/").map(drop);
        let judged = request.and_then(|()| parts.compression().map(drop));
        let error = judged.unwrap_err();
        assert!(is_right(&error), "{number}: {error:?}");
    }
    let config = patient().subprotocol("a").origin("o").header("X", "1");
    let parts = config.parts();
    let request = parts.request("http://h:81/a?b").unwrap();
    assert_eq!(request.subprotocols, ["a"]);
    assert_eq!(request.headers, [("X", "1")]);
    assert_eq!(request.origin, Some("o"));
    assert_eq!(request.head_limit, 16 * 1024);
    assert!(!request.subprotocol_required);
    assert_eq!((request.uri.host(), request.uri.port()), ("h", 81));
}
