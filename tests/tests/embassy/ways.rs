//! Ways to a connection over the network: what each of them is for, what it asks for, and what it leaves behind.

use std::cell::{Cell, RefCell};
use std::fmt::Debug;

use bare_ws::buffer::Buffers;
use bare_ws::compression::Uncompressed;
use bare_ws_embassy::net::{Client, Memory, Socket, connect, connect_secure};
use bare_ws_embassy::supervisor::Connect;
use bare_ws_embassy::tls::{self, PinnedKey};
use bare_ws_embassy::{Backoff, ConnectError, Event, Supervisor, Timing, deflate};
use embassy_futures::select::{Either, select};
use embassy_net::tcp::TcpSocket;
use embassy_net::{ConfigV4, Ipv4Cidr, Stack, StaticConfigV4};
use embassy_time::{Instant, Timer};
use embedded_io_async::Write as _;

use crate::client::{beside, memory, request};
use crate::support::entropy::Repeatable;
use crate::support::network::{CLIENT, SERVER, on_network};
use crate::support::pipe::{Manner, Pipe};
use crate::support::tasks::{apart, run};
use crate::support::{clock, now, seconds};

/// Without an address there is no network, and no attempt.
// row: CLS-16
#[test]
fn a_client_is_ready_once_its_network_has_an_address() {
    clock::set(Instant::MIN);
    run(on_network(async |stack, _| {
        stack.set_config_v4(ConfigV4::None);
        let mut client = Client::new(stack, memory(Memory::<256, 256>::new()), Repeatable(5));
        let timing = Timing {
            connect: seconds(2),
            ..Timing::DEFAULT
        };
        client = client.timing(timing);
        // It shows nothing of what is in it, its entropy above all.
        assert_eq!(format!("{client:?}"), "Client { .. }");
        let request = request("ws://10.0.0.9/");
        let supervisor: Supervisor = Supervisor::new(Backoff::new(seconds(1), seconds(1)));
        let begun = RefCell::new(Vec::new());
        let hear = |event: Event<_, ()>| match event {
            Event::Connecting => begun.borrow_mut().push(now()),
            Event::NotConnected(_) => supervisor.stop(),
            _ => {}
        };
        let running = supervisor.run(&mut client, &request, hear, async |_| {});
        let addressed = async {
            Timer::after(seconds(40)).await;
            stack.set_config_v4(ConfigV4::Static(StaticConfigV4 {
                address: Ipv4Cidr::new(CLIENT, 24),
                gateway: None,
                dns_servers: [SERVER].into_iter().collect(),
            }));
            std::future::pending::<()>().await
        };
        beside(addressed, running).await;
        let begun = begun.into_inner();
        assert_eq!(begun.len(), 1);
        assert!((40.0..41.0).contains(&begun[0]), "{begun:?}");
    }));
}

/// What became of a client's TCP connection: whether it was reset, and not merely ended.
async fn outlived(tcp: &mut TcpSocket<'_>) -> bool {
    let mut octets = [0; 64];
    loop {
        match tcp.read(&mut octets).await {
            Ok(0) => return false,
            Ok(_) => {}
            Err(_) => return true,
        }
    }
}

/// Tries it twice, and holds what each attempt comes to, or drops it after a while.
async fn tried<C: Connect<Error: Debug>>(client: &mut C, uri: &str, expected: Option<&str>) {
    for _ in 0..2 {
        let request = request(uri);
        let limit = seconds(if expected.is_some() { 15 } else { 3 });
        let outcome = select(client.connect(&request), Timer::after(limit)).await;
        let failed = match &outcome {
            Either::First(opened) => opened.as_ref().err().map(|it| format!("{it:?}")),
            Either::Second(()) => None,
        };
        assert_eq!(failed.as_deref(), expected);
        drop(outcome);
        Timer::after(seconds(1)).await;
    }
}

/// However an attempt fails once TCP is connected, or is dropped, TCP is reset; what follows finds the socket free.
// row: STA-07, CLS-17
#[test]
fn an_attempt_that_fails_resets_its_tcp_connection() {
    // Whether it is one over TLS, what the server answers, and what the attempt comes to, unless it is dropped.
    let table = [
        (
            false,
            &b"HTTP/1.1 503 Busy\r\n\r\n"[..],
            Some("Handshake(Rejected { status: 503 })"),
        ),
        (
            false,
            b"SSH-2.0-x\r\n",
            Some("Handshake(Response(NotHttp))"),
        ),
        (false, b"", Some("Timeout(Handshake)")),
        (false, b"HTTP/1.1 101", None),
        (true, b"SSH-2.0-x\r\n", Some("Tls(Protocol(InvalidRecord))")),
        (true, b"", Some("Timeout(Handshake)")),
        (true, b"\x16\x03\x03", None),
    ];
    for (secure, answer, expected) in table {
        clock::set(Instant::MIN);
        let resets = Cell::new(0);
        run(on_network(async |stack, other| {
            let server = async {
                let (mut receive, mut transmit) = (vec![0; 4096], vec![0; 4096]);
                let mut tcp = TcpSocket::new(other, &mut receive, &mut transmit);
                loop {
                    tcp.abort();
                    let _ = tcp.flush().await;
                    let port = if secure { 443 } else { 80 };
                    tcp.accept(port).await.expect("a client");
                    let mut octets = [0; 1024];
                    let _request = tcp.read(&mut octets).await.expect("a request");
                    let _ = tcp.write_all(answer).await;
                    let _ = tcp.flush().await;
                    resets.set(resets.get() + usize::from(outlived(&mut tcp).await));
                }
            };
            let client = async {
                let memory = memory(Memory::<256, 256>::new());
                let mut client = Client::new(stack, memory, Repeatable(5));
                if secure {
                    let records = crate::client::memory(tls::Memory::<534, 512>::new());
                    let mut client = client.trust(PinnedKey::new(&[[0; 32]]), records);
                    apart(tried(&mut client, "wss://10.0.0.2/", expected)).await;
                } else {
                    apart(tried(&mut client, "ws://10.0.0.2/", expected)).await;
                }
            };
            beside(server, client).await;
        }));
        assert_eq!(resets.get(), 2, "{secure}, {expected:?}");
    }
}

/// The same with a socket and buffers of one's own, over a transport, too.
// row: REQ-14
#[test]
fn each_way_to_connect_is_for_its_own_kind_of_uri() {
    clock::set(Instant::MIN);
    run(on_network(async |stack, _| {
        let (mut receive, mut transmit) = ([0; 256], [0; 256]);
        let socket = Socket::new(stack, &mut receive, &mut transmit);
        assert_eq!(format!("{socket:?}"), "Socket { .. }");
        let buffers = || Buffers {
            receive: [0; 256],
            transmit: [0; 256],
        };
        for uri in ["wss://10.0.0.9/", "wss://10.0.0.9:80/", "https://h/"] {
            let request = request(uri);
            let opened = connect(
                (stack, &socket),
                &request,
                buffers(),
                Repeatable(5),
                Uncompressed,
                &Timing::DEFAULT,
            );
            let refused = opened.await.err();
            assert_eq!(refused, Some(ConnectError::NotSecure), "{uri}");
        }
        let trust = PinnedKey::new(&[[0; 32]]);
        for uri in ["ws://10.0.0.9/", "ws://10.0.0.9:443/", "http://h/"] {
            let request = request(uri);
            let mut memory = tls::Memory::<534, 512>::new();
            let (mut link, records, _) = memory.split();
            let opened = connect_secure(
                (stack, &socket),
                tls::Setup::new(trust, &mut link, records),
                &request,
                buffers(),
                Repeatable(5),
                Uncompressed,
                &Timing::DEFAULT,
            );
            let refused = opened.await.err();
            assert!(matches!(refused, Some(ConnectError::NotWss)), "{refused:?}");
            let pipe = Pipe::new(Manner::GOOD);
            let mut memory = tls::Memory::<534, 512>::new();
            let (mut link, records, _) = memory.split();
            let opened = tls::open(
                (pipe.clone(), pipe.clone()),
                tls::Setup::new(trust, &mut link, records),
                &request,
                buffers(),
                Repeatable(5),
                Uncompressed,
                &Timing::DEFAULT,
            );
            let refused = opened.await.err();
            assert!(matches!(refused, Some(ConnectError::NotWss)), "{refused:?}");
            assert!(pipe.written().is_empty());
        }
        assert_eq!(now(), 0.0);
    }));
}

/// What is offered is what the memory holds beside a message as long as the receive buffer.
// row: PMD-14
#[test]
fn a_client_offers_what_its_memory_holds() {
    async fn offered<const INFLATED: usize>(
        (stack, other): (Stack<'static>, Stack<'static>),
    ) -> String {
        let (mut receive, mut transmit) = (vec![0; 2048], vec![0; 2048]);
        let mut tcp = TcpSocket::new(other, &mut receive, &mut transmit);
        let memory_of = memory(Memory::<256, 256>::new());
        let windows = memory(deflate::Memory::<INFLATED, 768, 512>::new());
        let client = Client::new(stack, memory_of, Repeatable(5));
        let mut client = client.deflate(windows);
        let request = request("ws://10.0.0.2/");
        let served = async {
            tcp.accept(80).await.expect("a client");
            let mut octets = vec![0; 1024];
            let length = tcp.read(&mut octets).await.expect("a request");
            String::from_utf8_lossy(&octets[..length]).into_owned()
        };
        match select(apart(client.connect(&request)), apart(served)).await {
            Either::First(_) => unreachable!("nobody answers"),
            Either::Second(head) => {
                let name = "Sec-WebSocket-Extensions: ";
                let mut lines = head.lines().filter_map(|line| line.strip_prefix(name));
                lines.next().unwrap_or_default().to_owned()
            }
        }
    }
    let window = |bits: u8| {
        format!(
            "permessage-deflate; server_max_window_bits={bits}; client_max_window_bits, \
             permessage-deflate; server_no_context_takeover; client_max_window_bits"
        )
    };
    let none = "permessage-deflate; server_no_context_takeover; client_max_window_bits";
    run(on_network(async |stack, other| {
        let stacks = (stack, other);
        assert_eq!(offered::<256>(stacks).await, none);
        assert_eq!(offered::<{ 256 + 511 }>(stacks).await, none);
        assert_eq!(offered::<{ 256 + 512 }>(stacks).await, window(9));
        assert_eq!(offered::<{ 256 + 1023 }>(stacks).await, window(9));
        assert_eq!(offered::<{ 256 + 1024 }>(stacks).await, window(10));
    }));
}
