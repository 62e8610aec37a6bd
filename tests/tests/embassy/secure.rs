//! From a `wss` URI to an open connection, over the network stack, and to its end.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use bare_ws::buffer::Buffers;
use bare_ws::close::CloseCode;
use bare_ws::compression::Uncompressed;
use bare_ws::entropy::Entropy;
use bare_ws::handshake::Request;
use bare_ws::uri::Uri;
use bare_ws_embassy::Timing;
use bare_ws_embassy::net::{Socket, connect_secure, dial};
use bare_ws_embassy::tls::{
    self, Clock, Link, PinnedKey, Records, Roots, Setup, Trust, anchor_from_trusted_cert,
};
use embassy_futures::join::join;
use embassy_futures::select::{Either, select};
use embassy_net::Stack;
use embassy_time::{Instant, Timer};

use crate::support::entropy::{Broken, Repeatable};
use crate::support::network::on_network;
use crate::support::tasks::{apart, run};
use crate::support::wss::{Left, Manner, config, serve};
use crate::support::{clock, now, seconds};
use crate::tls_pki::{NOW, Node, server};

const HOST: &str = "host.example.test";
const CLOCK: Clock = Clock::UnixSeconds(NOW);

/// A client's socket.
fn socket<'n>(stack: Stack<'n>, memory: &'n mut [Vec<u8>; 2]) -> Socket<'n> {
    let [receive, transmit] = memory;
    Socket::new(stack, receive, transmit)
}

/// What a connection is tried with.
#[derive(Clone, Copy)]
struct Attempt<'a, V> {
    uri: &'a str,
    name: Option<&'a str>,
    trust: V,
    timing: Timing,
    /// How long the messages are.
    lengths: &'a [usize],
    /// The client closes, not the server.
    closes: bool,
    /// By `dial` and `tls::open`, not by `connect_secure`.
    in_steps: bool,
}

/// Connects, has each message echoed, and waits for the end: what came of it.
fn attempt<V: Trust, E: Entropy>(
    to: (Stack<'_>, &Socket<'_>),
    attempt: Attempt<'_, V>,
    entropy: E,
) -> Pin<Box<impl Future<Output = Result<String, String>>>> {
    Box::pin(attempted(to, attempt, entropy))
}

async fn attempted<V: Trust, E: Entropy>(
    to: (Stack<'_>, &Socket<'_>),
    attempt: Attempt<'_, V>,
    entropy: E,
) -> Result<String, String> {
    let (mut read, mut write) = (vec![0; 4096], vec![0; 1024]);
    let (mut receive, mut transmit) = (vec![0; 4096], vec![0; 1024]);
    let mut link = Link::new(&mut receive, &mut transmit);
    let records = Records {
        read: &mut read,
        write: &mut write,
    };
    let mut tls = Setup::new(attempt.trust, &mut link, records);
    if let Some(name) = attempt.name {
        tls = tls.with_server_name(name);
    }
    let request = Request::new(Uri::parse(attempt.uri).expect("a URI"));
    let buffers = Buffers {
        receive: [0; 256],
        transmit: [0; 256],
    };
    let timing = &attempt.timing;
    let opened = if attempt.in_steps {
        let (stack, socket) = to;
        let dialled = dial(stack, socket, &request.uri, timing).await;
        dialled.expect("a server");
        let halves = (socket, socket);
        tls::open(
            halves,
            tls,
            &request,
            buffers,
            entropy,
            Uncompressed,
            timing,
        )
        .await
    } else {
        connect_secure(to, tls, &request, buffers, entropy, Uncompressed, timing).await
    };
    let (mut connection, _) = opened.map_err(|error| format!("{error:?}"))?;
    for &length in attempt.lengths {
        let message = "x".repeat(length);
        let sent = connection.send(message.as_str()).await;
        sent.expect("to be sent");
        let back = connection.recv().await.expect("it back");
        assert_eq!(back, Some(message.as_str().into()));
    }
    if attempt.closes {
        let closed = connection.close(Some(CloseCode::NORMAL), "").await;
        let finished = connection.finish().await;
        return closed
            .and(finished)
            .map(|()| "Closed".to_owned())
            .map_err(|error| format!("{error:?}"));
    }
    let outcome = match connection.recv().await {
        Ok(None) => "Closed".to_owned(),
        Ok(Some(_)) => panic!("another message"),
        Err(error) => format!("{error:?}"),
    };
    let _said_again = connection.finish().await;
    Ok(outcome)
}

/// Two authorities, and what they certify.
struct Pki {
    root: Node,
    stranger: Node,
    leaf: Node,
    other: Node,
}

impl Pki {
    fn new() -> Self {
        let root = Node::root("root");
        let stranger = Node::root("stranger");
        let leaf = root.issue(server(&[HOST]));
        let other = root.issue(server(&["other.example.test"]));
        Self {
            root,
            stranger,
            leaf,
            other,
        }
    }
}

/// Runs the client to its end, while the servers serve.
fn beside<S>(
    servers: impl Future<Output = S>,
    client: impl Future<Output = ()>,
) -> impl Future<Output = ()> {
    let both = select(apart(client), apart(servers));
    async {
        match both.await {
            Either::First(()) => {}
            Either::Second(_) => unreachable!("they serve for ever"),
        }
    }
}

/// The server's manner, whether it shows another's certificate, the URI, the name apart from it; what
/// comes of it, and after how many seconds.
type Row<'a> = (
    Manner,
    bool,
    &'a str,
    Option<&'a str>,
    Result<&'a str, &'a str>,
    f64,
);

/// Every outcome is said by name and in time, and the socket can be used again afterwards.
// row: SEED-06, REQ-14, STA-02, STA-07, CLS-15, CLS-17
#[test]
fn each_outcome_is_said_by_name_and_in_time() {
    use Manner::{Cuts, Dawdles, Ends, Honest, Ignores, Leaves, Mute, Plain, Refuses, Stops};
    let pki = Pki::new();
    let named = format!("wss://{HOST}/");
    let by_address = "wss://10.0.0.2/";
    // This network has no address of that family.
    let of_six = match cfg!(feature = "ipv6") {
        true => "Connect(Transport(ConnectionRefused))",
        false => "Resolve",
    };
    #[rustfmt::skip]
    let table: &[Row<'_>] = &[
        (Honest, false, &named, None, Ok("Closed"), 0.0),
        (Honest, false, by_address, Some(HOST), Ok("Closed"), 0.0),
        // Both Closes were exchanged: nothing is missing, however the transport ends.
        (Cuts, false, &named, None, Ok("Closed"), 0.0),
        // And without them something is: the server's own end is told from that of a wire.
        (Leaves { notified: true }, false, &named, None, Ok("Lost"), 0.0),
        (Leaves { notified: false }, false, &named, None, Ok("Transport(Truncated)"), 0.0),

        (Honest, false, "ws://host.example.test/", None, Err("NotWss"), 0.0),
        (Honest, false, "wss://unknown.test/", None, Err("Resolve"), 0.0),
        (Honest, false, "wss://[::1]/", None, Err(of_six), 0.0),
        (Honest, false, "wss://host.example.test:444/", None, Err("Connect(Transport(ConnectionRefused))"), 0.0),
        (Honest, false, "wss://10.0.0.9/", None, Err("Timeout(Connect)"), 10.0),

        (Honest, false, by_address, None, Err("Tls(Certificate(WrongName))"), 0.0),
        (Honest, true, &named, None, Err("Tls(Certificate(WrongName))"), 0.0),
        (Honest, false, by_address, Some("a b"), Err("Tls(ServerName)"), 0.0),
        (Plain, false, &named, None, Err("Tls(Protocol(InvalidRecord))"), 0.0),
        (Ends(0), false, &named, None, Err("Tls(CutInHandshake)"), 0.0),
        (Ends(300), false, &named, None, Err("Tls(CutInHandshake)"), 0.0),
        (Mute, false, &named, None, Err("Timeout(Handshake)"), 20.0),
        (Stops(3), false, &named, None, Err("Timeout(Handshake)"), 20.0),
        (Stops(300), false, &named, None, Err("Timeout(Handshake)"), 20.0),

        // One deadline for both handshakes.
        (Dawdles, false, &named, None, Err("Timeout(Handshake)"), 20.0),
        (Ignores, false, &named, None, Err("Timeout(Handshake)"), 20.0),
        (Refuses, false, &named, None, Err("Handshake(Rejected { status: 503 })"), 0.0),
    ];
    let anchors = [anchor_from_trusted_cert(&pki.root.der).unwrap()];
    let (honest, other) = (
        config(&pki.leaf, &[&pki.leaf]),
        config(&pki.other, &[&pki.other]),
    );
    let timing = Timing {
        handshake: seconds(20),
        ..Timing::default()
    };
    let rows = table.iter().flat_map(|row| {
        let (manner, .., expected, _) = *row;
        let dials = matches!(manner, Dawdles | Ignores) || expected == Ok("Closed");
        [Some((row, false)), dials.then_some((row, true))]
    });
    for (&(manner, false_name, uri, name, expected, after), in_steps) in rows.flatten() {
        clock::set(Instant::MIN);
        let left = RefCell::new(Vec::new());
        let hear = |one: Left| left.borrow_mut().push(one);
        run(on_network(async |stack, other_stack| {
            let config = if false_name { &other } else { &honest };
            let servers = join(
                serve(other_stack, 443, config, manner, &hear),
                serve(other_stack, 4433, &honest, Honest, &|_| {}),
            );
            let client = async {
                let mut memory = [vec![0; 2048], vec![0; 2048]];
                let socket = socket(stack, &mut memory);
                let first = Attempt {
                    uri,
                    name,
                    trust: Roots::new(&anchors, CLOCK),
                    timing,
                    lengths: &[8],
                    closes: false,
                    in_steps,
                };
                let outcome = attempt((stack, &socket), first, Repeatable(1)).await;
                let expected = expected.map(str::to_owned).map_err(str::to_owned);
                assert_eq!(outcome, expected, "{manner:?} {uri}");
                let took = now();
                assert!(
                    (after..after + 0.5).contains(&took),
                    "{manner:?} {uri}: {took} s"
                );
                let again = format!("wss://{HOST}:4433/");
                let again = Attempt {
                    uri: &again,
                    name: None,
                    ..first
                };
                let outcome = attempt((stack, &socket), again, Repeatable(2)).await;
                assert_eq!(outcome.as_deref(), Ok("Closed"), "after {manner:?} {uri}");
            };
            beside(servers, client).await;
        }));
        // Our end is said as RFC 8446 §6.1 asks, unless the connection failed; a server that was
        // refused hears nothing under our keys, but an alert before the reset.
        let left = left.borrow();
        let refused = expected.is_err_and(|error| {
            error.starts_with("Tls(Certificate(") || error.starts_with("Tls(Protocol(")
        });
        for left in left.iter() {
            let kinds: Vec<u8> = left.records().iter().map(|(kind, _)| *kind).collect();
            assert_eq!(kinds == [22, 21], refused, "{manner:?} {uri}: {kinds:?}");
            let ended = matches!(expected, Ok("Closed" | "Lost"));
            assert_eq!(left.notified, ended, "{manner:?} {uri}");
            assert_eq!(left.closed, expected == Ok("Closed"), "{manner:?} {uri}");
        }
        let heard = !matches!(expected, Err("NotWss" | "Resolve" | "Timeout(Connect)"))
            && !uri.ends_with(":444/")
            && !uri.contains("::");
        assert_eq!(!left.is_empty(), heard, "{manner:?} {uri}: {left:?}");
    }
}

// row: SEED-06, REQ-14
#[test]
fn trust_and_entropy_are_asked_before_anything_is_said() {
    let pki = Pki::new();
    let uri = format!("wss://{HOST}/");
    let anchors = [anchor_from_trusted_cert(&pki.root.der).unwrap()];
    let strangers = [anchor_from_trusted_cert(&pki.stranger.der).unwrap()];
    let pins = [PinnedKey::pin_of(&pki.leaf.der).unwrap()];
    let honest = config(&pki.leaf, &[&pki.leaf]);
    clock::set(Instant::MIN);
    run(on_network(async |stack, other_stack| {
        let servers = serve(other_stack, 443, &honest, Manner::Honest, &|_| {});
        let client = async {
            let mut memory = [vec![0; 2048], vec![0; 2048]];
            let socket = socket(stack, &mut memory);
            let to = (stack, &socket);
            let with = |trust| Attempt {
                uri: &uri,
                name: None,
                trust,
                timing: Timing::default(),
                lengths: &[8],
                closes: false,
                in_steps: false,
            };
            let roots = Roots::new(&anchors, CLOCK);
            let others = Roots::new(&strangers, CLOCK);
            let pinned = PinnedKey::new(&pins);
            let not_pinned = PinnedKey::new(&[[7; 32]]);
            let table: &[(&dyn Trust, Result<&str, &str>)] = &[
                (&roots, Ok("Closed")),
                (&others, Err("Tls(Certificate(UnknownIssuer))")),
                (&not_pinned, Err("Tls(Certificate(NotPinned))")),
                (&pinned, Ok("Closed")),
            ];
            for (trust, expected) in table {
                let outcome = attempt(to, with(*trust), Repeatable(1)).await;
                assert_eq!(outcome.as_deref().map_err(String::as_str), *expected);
            }
            let outcome = attempt(to, with(&roots), Broken).await;
            assert_eq!(outcome, Err("Tls(Entropy)".to_owned()));
        };
        beside(servers, client).await;
    }));
}

/// Each frame in a record of its own, our Close, the server's answer, its end and ours: all of it under TLS, and ours also where the
/// server only goes on reading.
// row: CLS-09, CLS-10, SEED-06
#[test]
fn the_client_s_own_end_is_said_whatever_the_server_does() {
    let pki = Pki::new();
    let uri = format!("wss://{HOST}/");
    let anchors = [anchor_from_trusted_cert(&pki.root.der).unwrap()];
    let honest = config(&pki.leaf, &[&pki.leaf]);
    // Each fits the buffers: RFC 6455 frames of 6 octets and the payload, and of 8 from 126 octets on.
    let lengths = [0, 1, 125, 126, 240];
    let framed = lengths.map(|length| length + if length < 126 { 6 } else { 8 });
    for (ends, after) in [(true, 0.0), (false, 5.0)] {
        clock::set(Instant::MIN);
        let left = RefCell::new(Vec::new());
        let hear = |one: Left| left.borrow_mut().push(one);
        run(on_network(async |stack, other_stack| {
            let servers = serve(other_stack, 443, &honest, Manner::Waits { ends }, &hear);
            let client = async {
                let mut memory = [vec![0; 2048], vec![0; 2048]];
                let socket = socket(stack, &mut memory);
                let closing = Attempt {
                    uri: &uri,
                    name: None,
                    trust: Roots::new(&anchors, CLOCK),
                    timing: Timing::default(),
                    lengths: &lengths,
                    closes: true,
                    in_steps: false,
                };
                let outcome = attempt((stack, &socket), closing, Repeatable(1)).await;
                assert_eq!(outcome.as_deref(), Ok("Closed"));
                assert!((after..after + 0.5).contains(&now()), "{}", now());
                // The server's time to hear of it.
                Timer::after_millis(100).await;
            };
            beside(servers, client).await;
        }));
        let left = left.borrow();
        let [left] = &left[..] else {
            panic!("one client, not {}", left.len());
        };
        assert!(left.notified && left.closed, "{ends}");
        // One frame is one record, with its content type and tag; after ClientHello, Finished and the
        // request, and before the Close and close_notify.
        let records = left.records();
        let frames = framed.map(|length| (23, length + 17));
        assert_eq!(records[3..3 + frames.len()], frames);
        let ends = [(23, 6 + 2 + 17), (23, 2 + 17)];
        assert_eq!(records[3 + frames.len()..], ends);
    }
}

/// However far the attempt had come when it was dropped.
// row: SEED-06
#[test]
fn an_attempt_dropped_at_any_await_leaves_the_socket_usable() {
    let pki = Pki::new();
    let uri = format!("wss://{HOST}/");
    let pins = [PinnedKey::pin_of(&pki.leaf.der).unwrap()];
    let honest = config(&pki.leaf, &[&pki.leaf]);
    clock::set(Instant::MIN);
    run(on_network(async |stack, other_stack| {
        let servers = serve(other_stack, 443, &honest, Manner::Drips, &|_| {});
        let client = async {
            let mut memory = [vec![0; 2048], vec![0; 2048]];
            let socket = socket(stack, &mut memory);
            let to = (stack, &socket);
            let whole = Attempt {
                uri: &uri,
                name: None,
                trust: PinnedKey::new(&pins),
                timing: Timing::default(),
                lengths: &[8],
                closes: false,
                in_steps: false,
            };
            let mut drops = 0;
            loop {
                let dropped = for_polls(drops, attempt(to, whole, Repeatable(1))).await;
                let outcome = attempt(to, whole, Repeatable(2)).await;
                assert_eq!(outcome.as_deref(), Ok("Closed"), "after {drops} polls");
                if let Some(outcome) = dropped {
                    break assert_eq!(outcome.as_deref(), Ok("Closed"));
                }
                drops += 1;
            }
            assert!(drops > 30, "{drops} drops");
        };
        beside(servers, client).await;
    }));
}

/// The future's output, or `None` when it was dropped because it had its polls.
async fn for_polls<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}
