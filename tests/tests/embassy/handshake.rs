//! From a transport that is connected to an open connection.

use bare_ws::asynch::{self, Link};
use bare_ws::buffer::Buffers;
use bare_ws::close::CloseCode;
use bare_ws::compression::Uncompressed;
use bare_ws::entropy::Entropy;
use bare_ws::exchange::{Exchanged, Patience};
use bare_ws::handshake::server::{ServerHandshake, Service};
use bare_ws::handshake::{Established, HandshakeError, Progress, Request};
use bare_ws::receiver::Receiver;
use bare_ws::role::{Client as ClientRole, Server};
use bare_ws::sender::Sender;
use bare_ws::uri::Uri;
use bare_ws_embassy::tls::{self, MaxFragmentLength, PinnedKey, Records, Setup};
use bare_ws_embassy::{ConnectError, Connection, Timeout, Timing};
use embassy_futures::join::join;
use embassy_futures::select::select;
use embassy_time::{Instant, Timer};
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};

use crate::support::entropy::{Broken, Repeatable};
use crate::support::pipe::{Manner, Pipe};
use crate::support::tasks::{Tasks, run, run_for};
use crate::support::{Peer, clock, now, seconds};

type Client<E> =
    Connection<(Pipe, Pipe), Receiver<ClientRole, [u8; 256]>, Sender<ClientRole, [u8; 256], E>>;

type Opened<E> = Result<(Client<E>, Established<'static>), ConnectError<ErrorKind>>;

async fn open<E: Entropy>(peer: &Peer, entropy: E) -> Opened<E> {
    let request = Request {
        subprotocols: &["chat", "telemetry"],
        ..Request::new(Uri::parse("ws://device.example/up").expect("a URI"))
    };
    Connection::open(
        (peer.to_client.clone(), peer.from_client.clone()),
        &request,
        Buffers {
            receive: [0; 256],
            transmit: [0; 256],
        },
        entropy,
        Uncompressed,
        &Timing::default(),
    )
    .await
}

fn peer(manner: Manner) -> Peer {
    Peer {
        to_client: Pipe::new(manner),
        from_client: Pipe::new(manner),
    }
}

/// The server's view of the pipes.
struct Stream(Peer);

impl ErrorType for Stream {
    type Error = ErrorKind;
}

impl Read for Stream {
    async fn read(&mut self, octets: &mut [u8]) -> Result<usize, ErrorKind> {
        self.0.from_client.read(octets).await
    }
}

impl Write for Stream {
    async fn write(&mut self, octets: &[u8]) -> Result<usize, ErrorKind> {
        self.0.to_client.write(octets).await
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

/// Answers the request with the core's server role, and echoes until the client closes.
async fn serve(peer: Peer) {
    let service = Service {
        subprotocols: &["telemetry"],
        ..Service::ANY
    };
    let mut handshake = ServerHandshake::new(&service, ());
    let mut stream = Stream(peer);
    let mut octets = [0; 1];
    loop {
        let n = stream.read(&mut octets).await.expect("a request");
        if let Progress::Done { .. } = handshake.read(&octets[..n]) {
            break;
        }
    }
    let mut answer = [0; 64];
    loop {
        match handshake.write(&mut answer) {
            0 => break,
            n => stream.write_all(&answer[..n]).await.expect("to be read"),
        }
    }
    let ends = stream.0.clone();
    let asynch::Connection {
        mut reader,
        mut writer,
    } = asynch::Connection::new(
        (ends.from_client.clone(), ends.to_client.clone()),
        Receiver::<Server, _>::new([0; 512]),
        Sender::<Server, _, _>::new([0; 512], Repeatable(3)),
    );
    while let Some(message) = reader.recv(&mut writer).await.expect("no failure") {
        writer.send(message).await.expect("to be sent");
    }
    let owed = reader.receiver_mut().owed();
    let written = writer.exchange(owed, &mut [], Patience::Wait).await;
    assert_eq!(written, Ok(Exchanged::Wrote));
    // RFC 6455 §7.1.1: the server ends the transport first.
    ends.to_client.end();
}

// row: STA-01, CLS-09, CLS-10
#[test]
fn the_core_s_two_ends_talk_through_the_worst_of_pipes() {
    let manners = [
        Manner::GOOD,
        Manner {
            capacity: 1,
            at_once: 1,
            stutters: true,
        },
    ];
    for manner in manners {
        clock::set(Instant::MIN);
        let peer = peer(manner);
        let mut tasks = Tasks::new();
        tasks.spawn(serve(peer.clone()));
        tasks.spawn(async {
            let (mut client, established) = open(&peer, Repeatable(5)).await.expect("to open");
            assert_eq!(established.subprotocol, Some("telemetry"));
            for len in [0, 1, 125, 126, 240] {
                let message = "x".repeat(len);
                client.send(message.as_str()).await.expect("to be sent");
                assert_eq!(client.recv().await, Ok(Some(message.as_str().into())));
            }
            let closed = client.close(Some(CloseCode::NORMAL), "bye").await;
            assert_eq!(closed, Ok(()));
            assert_eq!(client.finish().await, Ok(()));
            let status = client.close_status().map(|status| status.code);
            assert_eq!(status, Some(CloseCode::NORMAL));
        });
        tasks.run();
        assert_eq!(now(), 0.0);
    }
}

/// One deadline for the whole handshake: a server that says nothing, or drips a head for ever.
// row: TRAP-07, STA-02
#[test]
fn the_handshake_ends_in_time() {
    for drips in [false, true] {
        clock::set(Instant::MIN);
        let peer = peer(Manner::GOOD);
        let drip = async {
            peer.to_client.put(b"HTTP/1.1 101 \r\nX-Long: ");
            loop {
                Timer::after(seconds(1)).await;
                if drips {
                    peer.to_client.put(b"x");
                }
            }
        };
        let opening = async {
            let opened = open(&peer, Repeatable(5)).await;
            assert_eq!(
                opened.err(),
                Some(ConnectError::Timeout(Timeout::Handshake))
            );
            assert_eq!(now(), 10.0);
        };
        run(select(opening, drip));
    }
}

/// A server that does not even read the request.
// row: TRAP-07, STA-02
#[test]
fn a_request_that_nobody_reads_ends_in_time() {
    clock::set(Instant::MIN);
    let peer = peer(Manner::narrow(10));
    let opened = run(open(&peer, Repeatable(5)));
    assert_eq!(
        opened.err(),
        Some(ConnectError::Timeout(Timeout::Handshake))
    );
    assert_eq!(now(), 10.0);
}

#[test]
fn what_the_handshake_finds_is_told() {
    clock::set(Instant::MIN);
    let refusing = peer(Manner::GOOD);
    refusing
        .to_client
        .put(b"HTTP/1.1 503 Busy\r\nRetry-After: 9\r\n\r\n");
    let rejected = ConnectError::Handshake(HandshakeError::Rejected { status: 503 });
    assert_eq!(run(open(&refusing, Repeatable(5))).err(), Some(rejected));

    let ending = peer(Manner::GOOD);
    ending.to_client.put(b"HTTP/1.1 101").end();
    let lost = ConnectError::Handshake(HandshakeError::Lost);
    assert_eq!(run(open(&ending, Repeatable(5))).err(), Some(lost));

    let unheard = peer(Manner::GOOD);
    let entropy = ConnectError::Handshake(HandshakeError::Entropy);
    assert_eq!(run(open(&unheard, Broken)).err(), Some(entropy));
    assert!(unheard.from_client.written().is_empty());
}

/// Frames that came with the 101 are the first to be received.
// row: RSP-16
#[test]
fn the_first_frames_may_come_with_the_head() {
    clock::set(Instant::MIN);
    let peer = peer(Manner::GOOD);
    let serve = async {
        let mut stream = Stream(peer.clone());
        let mut octets = [0; 1024];
        let n = stream.read(&mut octets).await.expect("a request");
        let mut handshake = ServerHandshake::new(&Service::ANY, ());
        assert_eq!(handshake.read(&octets[..n]), Progress::Done { consumed: n });
        let mut answer = vec![0; 512];
        let n = handshake.write(&mut answer);
        answer.truncate(n);
        answer.extend_from_slice(b"\x81\x05first\x81\x06second");
        peer.to_client.put(&answer);
    };
    let receive = async {
        let (mut client, _) = open(&peer, Repeatable(5)).await.expect("to open");
        assert_eq!(client.recv().await, Ok(Some("first".into())));
        assert_eq!(client.recv().await, Ok(Some("second".into())));
    };
    run(join(receive, serve));
}

/// RFC 6066 §4: extension 1, a length of one octet, the code. The connection and the stream alone ask for the same.
#[test]
fn records_are_asked_for_as_short_as_was_set() {
    use MaxFragmentLength::{Bits9, Bits10, Bits11, Bits12};
    let lengths = [None, Some(Bits9), Some(Bits10), Some(Bits11), Some(Bits12)];
    for (code, length) in (0..).zip(lengths) {
        for is_alone in [false, true] {
            clock::set(Instant::MIN);
            let peer = peer(Manner::GOOD);
            let halves = (peer.to_client.clone(), peer.from_client.clone());
            let (mut read, mut write) = ([0; 600], [0; 640]);
            let (mut receive, mut transmit) = ([0; 600], [0; 640]);
            let mut link = tls::Link::new(&mut receive, &mut transmit);
            let records = Records {
                read: &mut read,
                write: &mut write,
            };
            let trust = PinnedKey::new(&[[0; 32]]);
            let opening = async {
                if is_alone {
                    let mut client = tls::Client::new("device.example", trust);
                    if let Some(length) = length {
                        client = client.with_max_fragment_length(length);
                    }
                    let mut entropy = Repeatable(3);
                    let stream = client.connect(&mut link, records, halves, &mut entropy);
                    return stream.await.is_ok();
                }
                let mut setup = Setup::new(trust, &mut link, records);
                if let Some(length) = length {
                    setup = setup.with_max_fragment_length(length);
                }
                assert_eq!(format!("{setup:?}"), "Setup { .. }");
                let request = Request::new(Uri::parse("wss://device.example/").expect("a URI"));
                let buffers = Buffers {
                    receive: [0; 256],
                    transmit: [0; 256],
                };
                let entropy = Repeatable(3);
                let timing = Timing::DEFAULT;
                let opened = tls::open(
                    halves,
                    setup,
                    &request,
                    buffers,
                    entropy,
                    Uncompressed,
                    &timing,
                );
                opened.await.is_ok()
            };
            assert_eq!(run_for(9, opening), None, "nobody answers");
            let hello = peer.from_client.written();
            let is_in = |code: &u8| hello.windows(5).any(|it| it == [0, 1, 0, 1, *code]);
            let asked: Vec<_> = (1..=4).filter(is_in).collect();
            let expected: Vec<_> = length.map(|_| code).into_iter().collect();
            assert_eq!(asked, expected, "{is_alone}");
        }
    }
}

/// Memory of a length asks for the longest records that it holds, and what is asked for binds us, too.
#[test]
fn memory_asks_for_records_that_it_holds() {
    fn split<const READ: usize, const WRITE: usize>() -> (String, usize, usize) {
        let mut memory = tls::Memory::<READ, WRITE>::new();
        let (_, records, length) = memory.split();
        let length = length.map_or(String::new(), |length| format!("{length:?}"));
        (length, records.read.len(), records.write.len())
    }
    // Of the buffer for ours, 128 octets are no payload.
    for (split, expected) in [
        (split::<16_645, 20_000>(), ("", 16_645, 20_000)),
        (split::<16_644, 20_000>(), ("Bits12", 16_644, 4096 + 128)),
        (split::<4118, 20_000>(), ("Bits12", 4118, 4096 + 128)),
        (split::<4118, 1157>(), ("Bits12", 4118, 1157)),
        (split::<4117, 20_000>(), ("Bits11", 4117, 2048 + 128)),
        (split::<2070, 20_000>(), ("Bits11", 2070, 2048 + 128)),
        (split::<2069, 20_000>(), ("Bits10", 2069, 1024 + 128)),
        (split::<1046, 20_000>(), ("Bits10", 1046, 1024 + 128)),
        (split::<1045, 20_000>(), ("Bits9", 1045, 512 + 128)),
        (split::<534, 1157>(), ("Bits9", 534, 512 + 128)),
        (split::<534, 512>(), ("Bits9", 534, 512)),
    ] {
        let (length, read, write) = &split;
        assert_eq!((length.as_str(), *read, *write), expected);
    }
}
