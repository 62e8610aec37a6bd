//! What each option of a configuration promises: its default, its edge, and one beyond.
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

mod peer;

use std::sync::mpsc;
use std::time::Duration;

use bare_ws_std::bare_ws::error::Usage;
use bare_ws_std::bare_ws::handshake::accept;
use bare_ws_std::bare_ws::header::{FrameHeader, MAX_HEADER};
use bare_ws_std::bare_ws::opcode::Opcode;
use bare_ws_std::{CloseCode, Config, Error, KeepAlive, Message, Timeout, WebSocket};
use peer::{LONG, Peer, Stalls, serve};

/// What has no deadline but those of the peer, which ends after a minute.
fn patient() -> Config {
    Config::new()
        .connect_timeout(LONG)
        .handshake_timeout(LONG)
        .close_timeout(LONG)
}

/// A server that sends this head, with the right Sec-WebSocket-Accept in it, and closes.
fn answers(head: impl FnOnce(&str) -> String + Send + 'static) -> Peer {
    serve(move |mut conn| {
        conn.read_request();
        let key = conn.field("Sec-WebSocket-Key").unwrap().as_bytes();
        let accept = accept::accept(key.try_into().unwrap());
        conn.send(head(std::str::from_utf8(&accept).unwrap()).as_bytes());
        conn.close(1000, b"");
        conn.read_close();
    })
}

/// A head of so many octets.
fn head_of(octets: usize) -> impl FnOnce(&str) -> String + Send + 'static {
    move |accept| {
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\nX-Padding: "
        );
        let padding = octets - head.len() - 4;
        format!("{head}{}\r\n\r\n", "x".repeat(padding))
    }
}

// row: STA-02, LIM-01
#[test]
fn each_option_has_the_default_that_it_names() {
    let shown = format!("{:?}", Config::new());
    let deflate = match cfg!(feature = "deflate") {
        true => "deflate: None",
        false => "deflate: ()",
    };
    let defaults = [
        "connect_timeout: Some(10s)",
        "handshake_timeout: Some(10s)",
        "silence_timeout: None",
        "stall_timeout: None",
        "keepalive: None",
        "close_timeout: Some(5s)",
        "head_limit: 16384",
        "message: 16777216",
        "fragments: 1000000",
        "receive_buffer: 4096",
        "transmit_buffer: 524302",
        "redirects: 0",
        "subprotocols: []",
        "subprotocol_required: false",
        "headers: []",
        "origin: None",
        "host: None",
        "stream_limit: None",
        "trust_redirects: false",
        "resolver: None",
        "proxy: None",
        "socket: false",
        "one_at_a_time: false",
        "credentials_in_uri: false",
        "address: None",
        "observer: false",
        deflate,
    ];
    for default in defaults {
        assert!(shown.contains(default), "{default}: {shown}");
    }
    // Of `limits` there are two. A field that is new has a default, too.
    let fields = shown.matches(": ").count() - 1;
    assert_eq!(fields, defaults.len(), "{shown}");
}

/// What the limits are told as is what was set, each beside the other.
// row: LIM-01
#[test]
fn the_limits_are_told_as_they_were_set() {
    type Set = fn(Config) -> Config;
    // What is set; octets and fragments of messages that are received whole, and in pieces.
    type Row = (Set, (u64, u32), (u64, u32));
    let table: [Row; 8] = [
        (
            |config| config,
            (16 << 20, 1_000_000),
            (u64::MAX, 1_000_000),
        ),
        (
            |config| config.message_limit(0),
            (0, 1_000_000),
            (u64::MAX, 1_000_000),
        ),
        (
            |config| config.message_limit(u64::MAX),
            (u64::MAX, 1_000_000),
            (u64::MAX, 1_000_000),
        ),
        (
            |config| config.stream_limit(5),
            (16 << 20, 1_000_000),
            (5, 1_000_000),
        ),
        (
            |config| config.stream_limit(0),
            (16 << 20, 1_000_000),
            (0, 1_000_000),
        ),
        (
            |config| config.stream_limit(5).stream_limit(None),
            (16 << 20, 1_000_000),
            (u64::MAX, 1_000_000),
        ),
        (
            |config| config.fragment_limit(7),
            (16 << 20, 7),
            (u64::MAX, 7),
        ),
        (
            |config| config.message_limit(1).stream_limit(2).fragment_limit(3),
            (1, 3),
            (2, 3),
        ),
    ];
    for (number, (set, whole, pieces)) in table.into_iter().enumerate() {
        let config = set(Config::new());
        for config in [&config, &config.clone()] {
            let (limits, streams) = (config.limits(), config.stream_limits());
            assert_eq!((limits.message, limits.fragments), whole, "{number}");
            assert_eq!((streams.message, streams.fragments), pieces, "{number}");
        }
    }
}

// row: STA-02
#[test]
fn each_deadline_can_be_set_and_be_taken_away() {
    type Set = fn(Config, Option<Duration>) -> Config;
    let options: [(&str, Set); 5] = [
        ("connect_timeout", |config, time| {
            config.connect_timeout(time)
        }),
        ("handshake_timeout", |config, time| {
            config.handshake_timeout(time)
        }),
        ("silence_timeout", |config, time| {
            config.silence_timeout(time)
        }),
        ("stall_timeout", |config, time| config.stall_timeout(time)),
        ("close_timeout", |config, time| config.close_timeout(time)),
    ];
    for (name, set) in options {
        for time in [None, Some(Duration::from_millis(1234))] {
            let config = format!("{:?}", set(Config::new(), time));
            assert!(config.contains(&format!("{name}: {time:?}")), "{config}");
            // And no other.
            let others = options.iter().filter(|(other, _)| *other != name);
            for (other, _) in others {
                let default = format!("{:?}", Config::new());
                let field = |text: &str| {
                    let at = text.find(&format!("{other}: ")).expect("a field");
                    text[at..].split([',', ' ']).nth(1).map(str::to_owned)
                };
                assert_eq!(field(&config), field(&default), "{name} sets {other}");
            }
        }
    }
}

/// What is set on an open connection ends what it is about, in its time.
// row: STA-02, STA-03, CLS-11
#[test]
fn each_deadline_can_be_set_on_an_open_connection() {
    const SHORT: Duration = Duration::from_millis(300);
    type Act = fn(&mut WebSocket) -> Result<(), Error>;
    let table: [(Act, Act, Timeout); 4] = [
        (
            |socket| {
                socket.writer.set_silence_timeout(SHORT);
                Ok(())
            },
            |socket| socket.recv().map(drop),
            Timeout::Silence,
        ),
        (
            |socket| {
                socket.writer.set_stall_timeout(SHORT);
                Ok(())
            },
            |socket| socket.send(vec![0; 64 << 20]),
            Timeout::Stall,
        ),
        (
            |socket| {
                let keepalive = KeepAlive {
                    interval: SHORT / 3,
                    dead_after: SHORT,
                };
                Ok(socket.writer.set_keepalive(keepalive)?)
            },
            |socket| socket.recv().map(drop),
            Timeout::KeepAlive,
        ),
        (
            |socket| {
                socket.writer.set_close_timeout(SHORT);
                socket.close(CloseCode::NORMAL, "")?;
                // It has begun.
                socket.writer.set_close_timeout(LONG);
                Ok(())
            },
            |socket| socket.reader.finish().map(drop),
            Timeout::Close,
        ),
    ];
    for (set, wait, expected) in table {
        let (quit, over) = mpsc::channel::<()>();
        let peer = serve(move |mut conn| {
            conn.accept();
            let _ = over.recv_timeout(LONG);
        });
        let mut socket = patient().connect(&peer.uri()).unwrap();
        let stalls = Stalls::watch();
        set(&mut socket).unwrap();
        let ended = wait(&mut socket);
        stalls.took(SHORT, SHORT);
        assert!(
            matches!(&ended, Err(Error::Timeout(timeout)) if *timeout == expected),
            "{expected:?}: {ended:?}"
        );
        drop(quit);
        peer.join();
    }
}

// row: TRAP-30
#[test]
fn no_secret_of_a_configuration_is_shown() {
    let secrets = ["aladdin:opensesame", "session=31c9", "token-5d7"];
    let config = Config::new()
        .header("Authorization", secrets[0])
        .header("Cookie", secrets[1])
        .header("X-Api-Key", secrets[2]);
    for shown in [
        format!("{config:?}"),
        format!("{config:#?}"),
        format!("{:?}", config.clone()),
    ] {
        for secret in secrets {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("Authorization"), "names are no secrets");
    }
    // That there is a resolver is none, either.
    let shown = format!("{:?}", config.resolver(|_, _| Ok(Vec::new())));
    assert!(shown.contains("Some(Resolver { .. })"), "{shown}");
    // Nor where masking keys come from, but its name.
    let entropy = bare_ws_std::SystemEntropy::new().unwrap();
    assert_eq!(format!("{entropy:?}"), "SystemEntropy");
}

// row: LIM-01, RSP-14
#[test]
fn a_head_of_as_many_octets_as_the_limit_is_the_longest() {
    for (limit, octets, opens) in [
        (None, 16 * 1024, true),
        (None, 16 * 1024 + 1, false),
        (Some(300), 300, true),
        (Some(300), 301, false),
        (Some(299), 300, false),
    ] {
        let peer = answers(head_of(octets));
        let config = match limit {
            Some(limit) => patient().head_limit(limit),
            None => patient(),
        };
        let case = format!("{octets} octets, limit {limit:?}");
        match config.connect(&peer.uri()) {
            Ok(mut socket) => {
                assert!(opens, "{case}");
                assert_eq!(socket.recv().unwrap(), None, "{case}");
            }
            Err(Error::HeadTooLarge { limit: told }) => {
                assert!(!opens, "{case}");
                assert_eq!(told, limit.unwrap_or(16 * 1024), "{case}");
            }
            Err(error) => panic!("{case}: {error:?}"),
        }
        peer.join();
    }
}

// row: RSP-18
#[test]
fn a_subprotocol_is_required_only_where_that_was_asked_for() {
    /// What is offered, whether one is required, what the server chooses; what comes of it.
    type Row = (
        &'static [&'static str],
        bool,
        Option<&'static str>,
        Result<Option<&'static str>, ()>,
    );
    let rows: [Row; 8] = [
        (&[], false, None, Ok(None)),
        (&["chat"], false, None, Ok(None)),
        (&["chat"], true, None, Err(())),
        (&["chat"], true, Some("chat"), Ok(Some("chat"))),
        (&["a", "b"], true, Some("b"), Ok(Some("b"))),
        (&["a", "b"], true, Some("c"), Err(())),
        (&["a", "b"], false, Some("c"), Err(())),
        (&["a", "b"], false, Some("A"), Err(())),
    ];
    for (offered, required, chosen, outcome) in rows {
        let peer = serve(move |mut conn| {
            let field = chosen.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n"));
            conn.accept_with(&field.unwrap_or_default(), b"");
            let sent = conn.field("Sec-WebSocket-Protocol").map(str::to_owned);
            conn.close(1000, b"");
            conn.read_close();
            sent
        });
        let config = offered.iter().fold(patient(), |config, name| {
            config.subprotocol(*name).subprotocol_required(required)
        });
        let case = format!("{offered:?}, required {required}, answer {chosen:?}");
        let connected = config.connect(&peer.uri());
        match (&connected, outcome) {
            (Ok(socket), Ok(subprotocol)) => {
                assert_eq!(socket.subprotocol(), subprotocol, "{case}")
            }
            (Err(Error::Handshake(_)), Err(())) => {}
            _ => panic!("{case}: {connected:?}"),
        }
        drop(connected);
        let listed = (!offered.is_empty()).then(|| offered.join(", "));
        assert_eq!(peer.join(), listed, "{case}");
    }
}

// row: REQ-07, REQ-10, REQ-16, SEED-28
#[test]
fn what_was_set_for_the_request_stands_in_it_and_nothing_else() {
    let peer = serve(|mut conn| {
        conn.accept();
        conn.request.clone()
    });
    let config = patient()
        .origin("https://example.org")
        .host("other.example:81")
        .header("X-First", "1")
        .header("Authorization", "Basic eDp5")
        .header("X-First", "2");
    config.connect(&peer.uri()).unwrap();
    let request = peer.join();
    for line in [
        "Host: other.example:81",
        "Origin: https://example.org",
        "X-First: 1",
        "X-First: 2",
        "Authorization: Basic eDp5",
    ] {
        let found = request.lines().filter(|found| *found == line).count();
        assert_eq!(found, 1, "{line} in {request}");
    }

    let peer = serve(|mut conn| {
        conn.accept();
        conn.request.clone()
    });
    patient().connect(&peer.uri()).unwrap();
    let address = peer.address;
    let request = peer.join();
    let mut names: Vec<_> = request
        .lines()
        .skip(1)
        .filter_map(|line| Some(line.split_once(": ")?.0.to_ascii_lowercase()))
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "connection",
            "host",
            "sec-websocket-key",
            "sec-websocket-version",
            "upgrade"
        ],
        "{request}"
    );
    assert!(request.contains(&format!("Host: {address}\r\n")));
}

/// What becomes of one message of so many octets, in one frame or in two, and the code of our Close.
fn receive(config: &Config, octets: usize, frames: usize) -> (Result<usize, Error>, Option<u16>) {
    let peer = serve(move |mut conn| {
        conn.accept();
        let payload = vec![0x55; octets];
        if frames == 1 {
            conn.frame(0x82, &payload);
        } else {
            let (first, second) = payload.split_at(octets / 2);
            conn.frame(0x02, first);
            conn.frame(0x80, second);
        }
        conn.read_close()
    });
    let mut socket = config.connect(&peer.uri()).unwrap();
    let received = socket
        .recv()
        .map(|message| message.map_or(0, |message| message.len()));
    if received.is_ok() {
        drop(socket);
    }
    (received, peer.join())
}

// row: LIM-01, LIM-02
#[test]
fn a_message_of_as_many_octets_as_the_limit_is_the_longest() {
    for limit in [0, 1, 125, 126, 70_000] {
        for frames in [1, 2] {
            let config = patient().message_limit(limit);
            let (at, _) = receive(&config, limit as usize, frames);
            assert_eq!(at.unwrap(), limit as usize, "{limit} in {frames} frames");
            let (beyond, code) = receive(&config, limit as usize + 1, frames);
            assert!(
                matches!(beyond, Err(Error::TooLong { limit: told, .. }) if told == limit),
                "{limit} in {frames} frames: {beyond:?}"
            );
            assert_eq!(code, Some(1009), "{limit} in {frames} frames");
        }
    }
}

// row: LIM-03
#[test]
fn buffers_of_any_lawful_size_carry_messages_of_any_size() {
    let message: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for (receive, transmit) in [(0, 131), (1, 132), (130, 300), (16 * 1024, 16 * 1024)] {
        let peer = serve(|mut conn| {
            conn.accept();
            let (_, received) = conn.read_message();
            conn.frame(0x82, &received);
            let close = conn.read_frame().expect("a Close");
            conn.close(1000, b"");
            close
        });
        let config = patient()
            .receive_buffer(receive)
            .transmit_buffer(transmit)
            .message_limit(message.len() as u64);
        let mut socket = config.connect(&peer.uri()).unwrap();
        socket.send(message.as_slice()).unwrap();
        let echoed = socket.recv().unwrap();
        assert!(
            echoed == Some(Message::Binary(&message)),
            "{receive}, {transmit}"
        );
        // The longest control frame, which is what the smallest buffer is for.
        let reason = "r".repeat(123);
        socket.finish(Some(CloseCode::NORMAL), &reason).unwrap();
        let (first, payload) = peer.join();
        assert_eq!((first, payload.len()), (0x88, 125), "{receive}, {transmit}");
        assert_eq!(&payload[2..], reason.as_bytes(), "{receive}, {transmit}");
    }
}

/// A frame is never cut: where it does not fit, the buffer that is asked for has room for it, and not for much more.
#[test]
fn a_frame_that_does_not_fit_says_what_would_do() {
    for len in [0, 125, 126, 1000, 65_535, 65_536] {
        let header = FrameHeader::new(Opcode::Binary, true, len as u64);
        let payload = vec![7; len];
        let mut buffer = 131;
        let mut refusals = 0;
        loop {
            let peer = serve(|mut conn| {
                conn.accept();
                conn.read_frame()
            });
            let config = patient().transmit_buffer(buffer);
            let socket = config.connect(&peer.uri()).unwrap();
            let sent = socket.writer.send_frame(header, &payload);
            drop(socket);
            let frame = peer.join();
            match sent {
                Err(Error::Usage(Usage::BufferTooSmall { needed })) => {
                    assert_eq!(frame, None, "{len}");
                    assert!(needed > buffer && needed <= len + MAX_HEADER, "{len}");
                    (buffer, refusals) = (needed, refusals + 1);
                }
                sent => {
                    sent.unwrap();
                    assert_eq!(frame, Some((0x82, payload)));
                    break;
                }
            }
        }
        assert_eq!(refusals, usize::from(len > 125), "{len}");
    }
}

#[cfg(feature = "deflate")]
mod deflate {
    use bare_ws_std::Deflate;

    use super::*;

    /// Grants `answer`, and gives the first octets and the lengths of the client's data frames.
    fn frames(answer: &'static str, config: &Config, messages: &[&[u8]]) -> Vec<(u8, usize)> {
        let peer = serve(move |mut conn| {
            conn.accept_with(&format!("Sec-WebSocket-Extensions: {answer}\r\n"), b"");
            let mut frames = Vec::new();
            while let Some((first, payload)) = conn.read_frame() {
                if first & 0x0f == 8 {
                    conn.close(1000, b"");
                    break;
                }
                frames.push((first, payload.len()));
            }
            frames
        });
        let mut socket: WebSocket = config.connect(&peer.uri()).unwrap();
        for message in messages {
            socket.send(*message).unwrap();
        }
        socket.finish(Some(CloseCode::NORMAL), "").unwrap();
        peer.join()
    }

    const RSV1: u8 = 0x40;

    // row: PMD-33
    #[test]
    fn a_message_of_as_many_octets_as_the_threshold_is_the_first_compressed() {
        const TAKEOVER: &str = "permessage-deflate";
        const NONE: &str = "permessage-deflate; client_no_context_takeover";
        for (answer, threshold, least) in [
            (TAKEOVER, None, 32),
            (NONE, None, 512),
            (TAKEOVER, Some(100), 100),
            (NONE, Some(100), 100),
            (TAKEOVER, Some(1), 1),
            (NONE, Some(5000), 5000),
        ] {
            let deflate = match threshold {
                Some(octets) => Deflate::new().threshold(octets),
                None => Deflate::new(),
            };
            let config = patient().deflate(deflate);
            let (below, at) = (vec![b'a'; least - 1], vec![b'a'; least]);
            let seen = frames(answer, &config, &[&below, &at]);
            let compressed: Vec<_> = seen.iter().map(|(first, _)| first & RSV1 != 0).collect();
            // One octet cannot become fewer, whatever the threshold is.
            let wanted: &[bool] = &[false, least > 1];
            assert_eq!(compressed, wanted, "{answer}, {threshold:?}: {seen:?}");
            assert_eq!(seen[0].1, least - 1, "{answer}, {threshold:?}");
        }
    }

    /// Text that says nothing twice within its length.
    fn noise(octets: usize) -> Vec<u8> {
        let mut state = 1_u32;
        std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(octets)
        .collect()
    }

    // row: PMD-21
    #[test]
    fn no_distance_reaches_beyond_the_window_that_was_set() {
        let once = noise(700);
        let twice = [&once[..], &once].concat();
        for (bits, reaches) in [(8, false), (9, false), (10, true), (15, true)] {
            // The server would allow 15.
            let config = patient().deflate(Deflate::new().window_bits(bits));
            let answer = "permessage-deflate; server_no_context_takeover";
            let seen = frames(answer, &config, &[&twice]);
            let octets: usize = seen.iter().map(|(_, octets)| octets).sum();
            assert_eq!(
                octets < once.len() + 100,
                reaches,
                "window of {bits} bits: {octets} octets"
            );
        }
    }
}
