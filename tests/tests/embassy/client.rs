//! A client with memory of its own, over the network stack.

use std::cell::{Cell, RefCell};

use bare_ws::deflate::Answering;
use bare_ws::deflate::negotiate::WindowMemory;
use bare_ws::handshake::server::{ServerHandshake, Service};
use bare_ws::handshake::{Progress, Request};
use bare_ws::message::Message;
use bare_ws::receiver::Receive;
use bare_ws::sender::Transmit;
use bare_ws::uri::Uri;
use bare_ws_embassy::net::{Client, Memory};
use bare_ws_embassy::tls::{self, Clock, PinnedKey, Roots, anchor_from_trusted_cert};
use bare_ws_embassy::transport::Transport;
use bare_ws_embassy::{Backoff, ConnectError, Connection, Event, Supervisor, Timing, deflate};
use embassy_futures::select::{Either, select};
use embassy_net::Stack;
use embassy_net::tcp::TcpSocket;
use embassy_time::{Instant, Timer};
use embedded_io_async::Write as _;

use crate::support::entropy::Repeatable;
use crate::support::frames::{self, sent_so_far};
use crate::support::network::on_network;
use crate::support::tasks::{apart, run};
use crate::support::wss::{Left, Manner, config, serve};
use crate::support::{clock, now, seconds};
use crate::tls_pki::{NOW, Node, server};

const HOST: &str = "host.example.test";
const MESSAGE: &str = "temperature=21";

/// As a static, which a test cannot have for itself.
pub(crate) fn memory<T>(value: T) -> &'static mut T {
    Box::leak(Box::new(value))
}

pub(crate) fn request(uri: &str) -> Request<'_> {
    Request::new(Uri::parse(uri).expect("a URI"))
}

/// Echoes on port 80 without TLS, `messages` of each connection, and then resets it; what was said
/// is counted.
async fn echo(stack: Stack<'static>, messages: usize, served: &Cell<usize>) {
    let (mut receive, mut transmit) = (vec![0; 4096], vec![0; 4096]);
    let mut tcp = TcpSocket::new(stack, &mut receive, &mut transmit);
    loop {
        tcp.abort();
        let _ = tcp.flush().await;
        if tcp.accept(80).await.is_ok() {
            served.set(served.get() + 1);
            let _ = echo_one(&mut tcp, messages).await;
        }
    }
}

/// `None`: the client was gone before.
async fn echo_one(tcp: &mut TcpSocket<'_>, messages: usize) -> Option<()> {
    let mut handshake = ServerHandshake::new(&Service::ANY, ());
    let mut octets = [0; 1024];
    let length = tcp.read(&mut octets).await.ok()?;
    let Progress::Done { .. } = handshake.read(&octets[..length]) else {
        return None;
    };
    let mut answer = [0; 512];
    let length = handshake.write(&mut answer);
    tcp.write_all(&answer[..length]).await.ok()?;
    for _ in 0..messages {
        let length = tcp.read(&mut octets).await.ok()?;
        let (sent, _) = sent_so_far(&octets[..length]);
        let frame = sent.first()?;
        let back = frames::frame(frame.opcode, true, &frame.payload);
        tcp.write_all(&back).await.ok()?;
        tcp.flush().await.ok()?;
    }
    Some(())
}

/// Grants permessage-deflate on port 80, and gives each frame back as it came: what a client compressed
/// it can inflate. Then ends the connection. The lengths of the payloads.
async fn mirror(stack: Stack<'static>, lengths: &RefCell<Vec<usize>>) {
    let (mut receive, mut transmit) = (vec![0; 4096], vec![0; 4096]);
    let mut tcp = TcpSocket::new(stack, &mut receive, &mut transmit);
    let mut octets = [0; 1024];
    loop {
        tcp.abort();
        let _ = tcp.flush().await;
        tcp.accept(80).await.expect("a client");
        let mut handshake = ServerHandshake::new(&Service::ANY, Answering::new(WindowMemory::ALL));
        let length = tcp.read(&mut octets).await.expect("a request");
        assert!(matches!(
            handshake.read(&octets[..length]),
            Progress::Done { .. }
        ));
        let length = handshake.write(&mut octets);
        tcp.write_all(&octets[..length]).await.expect("to be sent");
        loop {
            let length = tcp.read(&mut octets).await.unwrap_or(0);
            let [first, second, k0, k1, k2, k3, ref payload @ ..] = octets[..length] else {
                break;
            };
            if first & 0x0F == 8 {
                break;
            }
            // FIN, RSV1 and text; masked, and short.
            assert_eq!((first, usize::from(second)), (0xC1, 0x80 + payload.len()));
            let keys = [k0, k1, k2, k3].into_iter().cycle();
            let payload: Vec<u8> = payload
                .iter()
                .zip(keys)
                .map(|(octet, key)| octet ^ key)
                .collect();
            lengths.borrow_mut().push(payload.len());
            let back = [&[first, second & 0x7F], &payload[..]].concat();
            tcp.write_all(&back).await.expect("to be sent");
        }
    }
}

/// Runs the client to its end, while the servers serve.
pub(crate) async fn beside(servers: impl Future, client: impl Future<Output = ()>) {
    match select(apart(client), apart(servers)).await {
        Either::First(()) => {}
        Either::Second(_) => unreachable!("they serve for ever"),
    }
}

/// One message there and back.
async fn exchange<Io: Transport, Rx: Receive, Tx: Transmit>(
    connection: &mut Connection<Io, Rx, Tx>,
) {
    assert!(connection.send(MESSAGE).await.is_ok());
    let Ok(back) = connection.recv().await else {
        panic!("not received");
    };
    assert_eq!(back, Some(MESSAGE.into()));
}

// row: STA-07
#[test]
fn one_memory_serves_one_connection_after_the_other() {
    clock::set(Instant::MIN);
    let served = Cell::new(0);
    run(on_network(async |stack, other| {
        let memory = memory(Memory::<256, 256>::new());
        let mut client = Client::new(stack, memory, Repeatable(5));
        let client = async {
            for uri in [
                "ws://host.example.test/",
                "ws://10.0.0.2/",
                "ws://host.example.test/",
            ] {
                let request = request(uri);
                // An attempt that is dropped leaves nothing behind.
                let attempt = client.connect(&request);
                let dropped = select(embassy_futures::yield_now(), attempt).await;
                assert!(matches!(dropped, Either::First(())));
                let mut connection = client.connect(&request).await.expect("a connection");
                exchange(&mut connection).await;
                let _reset = connection.finish().await;
            }
        };
        beside(echo(other, 1, &served), client).await;
    }));
    assert_eq!(served.get(), 3);
}

/// The same over TLS, by roots and by a pinned key, with memory for all records and for short ones,
/// which the server is asked for (RFC 6066 §4: extension 1, a length of one octet, the code).
// row: STA-07, SEED-06
#[test]
fn one_memory_serves_one_tls_connection_after_the_other() {
    let root = Node::root("root");
    let leaf = root.issue(server(&[HOST]));
    let config = config(&leaf, &[&leaf]);
    let der: &'static [u8] = root.der.to_vec().leak();
    let der = memory(tls::CertificateDer::from(der));
    let anchors: &'static _ = memory([anchor_from_trusted_cert(der).expect("an anchor")]);
    let roots = Roots::new(anchors, Clock::UnixSeconds(NOW));
    let pins: &'static _ = memory([PinnedKey::pin_of(&leaf.der).expect("a certificate")]);
    let pinned = PinnedKey::new(pins);

    let connect = async |client: &mut Client<_, _>, uri: &'static str| -> Result<(), String> {
        let request = request(uri);
        for _ in 0..3 {
            let opened = client.connect(&request).await;
            let mut connection = opened.map_err(|error| format!("{error:?}"))?;
            exchange(&mut connection).await;
            let finished = connection.finish().await;
            finished.map_err(|error| format!("{error:?}"))?;
        }
        Ok(())
    };
    let named = "wss://host.example.test/";
    let mut asked = Vec::new();
    for code in [None, Some(4), Some(3)] {
        clock::set(Instant::MIN);
        let left = RefCell::new(Vec::new());
        let hear = |one: Left| left.borrow_mut().push(one);
        run(on_network(async |stack, other| {
            let client = async {
                let client = Client::new(stack, memory(Memory::<256, 256>::new()), Repeatable(5));
                match code {
                    None => {
                        let memory = memory(tls::Memory::<16_645>::new());
                        let mut client = client.trust(roots, memory);
                        assert_eq!(connect(&mut client, named).await, Ok(()));
                    }
                    Some(4) => {
                        let memory = memory(tls::Memory::<4118>::new());
                        let client = client.trust(roots, memory);
                        let mut client = client.server_name(HOST);
                        assert_eq!(connect(&mut client, "wss://10.0.0.2/").await, Ok(()));
                    }
                    Some(_) => {
                        let memory = memory(tls::Memory::<2070>::new());
                        let mut client = client.trust(roots, memory);
                        assert_eq!(connect(&mut client, named).await, Ok(()));
                    }
                }
            };
            beside(serve(other, 443, &config, Manner::Honest, &hear), client).await;
            let client = async {
                let client = Client::new(stack, memory(Memory::<256, 256>::new()), Repeatable(5));
                let mut client = client.trust(pinned, memory(tls::Memory::<4118>::new()));
                let mut connection = client
                    .connect(&request(named))
                    .await
                    .expect("the pinned key");
                exchange(&mut connection).await;
            };
            beside(serve(other, 443, &config, Manner::Honest, &hear), client).await;
        }));
        let left = left.borrow();
        let hello = &left[0].octets;
        let code_of = |code| hello.windows(5).any(|octets| octets == [0, 1, 0, 1, code]);
        asked.push((code, (1..=4).find(|code| code_of(*code))));
    }
    assert_eq!(
        asked,
        [(None, None), (Some(4), Some(4)), (Some(3), Some(3))]
    );
}

/// Windows are those of each connection: the first message of each has no history to refer to.
// row: PMD-14, STA-07
#[test]
fn one_memory_compresses_one_connection_after_the_other() {
    clock::set(Instant::MIN);
    let lengths = RefCell::new(Vec::new());
    run(on_network(async |stack, other| {
        let client = Client::new(stack, memory(Memory::<256, 256>::new()), Repeatable(5));
        let windows = memory(deflate::Memory::<{ 1024 + 256 }>::new());
        let mut client = client.deflate(windows);
        let client = async {
            let request = request("ws://host.example.test/");
            for _ in 0..3 {
                let mut connection = client.connect(&request).await.expect("a connection");
                for _ in 0..2 {
                    let long = MESSAGE.repeat(5);
                    assert!(connection.send(long.as_str()).await.is_ok());
                    let back = connection.recv().await.expect("what was sent");
                    assert_eq!(back, Some(long.as_str().into()));
                }
                let _lost = connection.finish().await;
            }
        };
        beside(mirror(other, &lengths), client).await;
    }));
    let lengths = lengths.take();
    let [first, second] = lengths[..2] else {
        panic!("{lengths:?}");
    };
    assert!(second < first && first < 5 * MESSAGE.len(), "{lengths:?}");
    assert_eq!(lengths, [first, second, first, second, first, second]);
}

/// Neither kind of client opens what is the other's, and nothing is sent for it.
// row: REQ-14
#[test]
fn a_client_opens_its_own_kind_of_uri() {
    clock::set(Instant::MIN);
    run(on_network(async |stack, _| {
        let mut plain = Client::new(stack, memory(Memory::<256, 256>::new()), Repeatable(5));
        for uri in [
            "wss://10.0.0.9/",
            "wss://10.0.0.9:8443/",
            "https://10.0.0.9:80/",
        ] {
            let refused = plain.connect(&request(uri)).await.err();
            assert_eq!(refused, Some(ConnectError::NotSecure), "{uri}");
        }
        // What is chosen afterwards leaves the limits as they are.
        let timing = Timing {
            connect: seconds(2),
            ..Timing::DEFAULT
        };
        let trust = PinnedKey::new(&[[0; 32]]);
        let mut secure = plain
            .timing(timing)
            .trust(trust, memory(tls::Memory::<1046>::new()))
            .deflate(memory(deflate::Memory::<{ 1024 + 256 }>::new()));
        let refused = secure.connect(&request("ws://10.0.0.9/")).await.err();
        assert!(matches!(refused, Some(ConnectError::NotWss)), "{refused:?}");
        assert_eq!(now(), 0.0);
        let late = secure.connect(&request("wss://10.0.0.9/")).await.err();
        assert_eq!(format!("{late:?}"), "Some(Timeout(Connect))");
        assert_eq!(now(), 2.0);
        let timing = Timing {
            connect: seconds(3),
            ..Timing::DEFAULT
        };
        let mut client = secure.timing(timing);
        let late = client.connect(&request("wss://10.0.0.9/")).await.err();
        assert_eq!(format!("{late:?}"), "Some(Timeout(Connect))");
        assert_eq!(now(), 5.0);
    }));
}

/// The limit on both handshakes is that of TLS, too.
// row: STA-02
#[test]
fn a_client_gives_a_silent_server_the_time_that_was_set() {
    clock::set(Instant::MIN);
    run(on_network(async |stack, other| {
        let silent = async {
            let (mut receive, mut transmit) = (vec![0; 4096], vec![0; 4096]);
            let mut tcp = TcpSocket::new(other, &mut receive, &mut transmit);
            tcp.accept(443).await.expect("a client");
            std::future::pending::<()>().await;
        };
        let timing = Timing {
            handshake: seconds(7),
            ..Timing::DEFAULT
        };
        let client = Client::new(stack, memory(Memory::<256, 256>::new()), Repeatable(5));
        let memory = memory(tls::Memory::<1046>::new());
        let mut client = client
            .timing(timing)
            .trust(PinnedKey::new(&[[0; 32]]), memory);
        let impatient = async {
            let late = client.connect(&request("wss://10.0.0.2/")).await.err();
            assert_eq!(format!("{late:?}"), "Some(Timeout(Handshake))");
            assert_eq!(now(), 7.0);
        };
        beside(silent, impatient).await;
    }));
}

/// A supervised client on a network, through a name, a server that is late, and resets.
// row: CLS-16
#[test]
fn a_supervisor_keeps_a_client_connected() {
    clock::set(Instant::MIN);
    let (served, sessions) = (Cell::new(0), Cell::new(0));
    run(on_network(async |stack, other| {
        let mut client = Client::new(stack, memory(Memory::<256, 256>::new()), Repeatable(5));
        let request = request("ws://host.example.test/");
        let supervisor: Supervisor = Supervisor::new(Backoff::new(seconds(4), seconds(8)));
        let told = RefCell::new(Vec::new());
        let hear = |event: Event<_, _>| told.borrow_mut().push(format!("{event:?}"));
        let running = supervisor.run(&mut client, &request, hear, async |connection| {
            let received = |message: Message<'_>| {
                assert_eq!(message, MESSAGE);
                supervisor.succeeded();
                sessions.set(sessions.get() + 1);
                if sessions.get() == 3 {
                    supervisor.stop();
                }
            };
            let session = connection.duplex(received, async |writer| {
                loop {
                    writer.send(MESSAGE).await?;
                    Timer::after(seconds(60)).await;
                }
            });
            session.await
        });
        let late = async {
            Timer::after(seconds(30)).await;
            echo(other, 1, &served).await;
        };
        beside(late, running).await;
        let told = told.borrow();
        let count = |start: &str| told.iter().filter(|it| it.starts_with(start)).count();
        assert!(count("NotConnected(Connect(") >= 3, "{told:?}");
        assert_eq!(count("Connected"), 3, "{told:?}");
        assert_eq!(count("Ended(Err("), 2, "{told:?}");
    }));
    assert_eq!(served.get(), 3);
}
