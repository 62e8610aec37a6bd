//! A call is the same on an undivided connection and on its halves: what it sends, what it refuses, what it tells.

use std::fmt::Debug;
use std::future::Future;

use bare_ws::close::CloseCode;
use bare_ws::error::Usage;
use bare_ws::header::FrameHeader;
use bare_ws::message::{Message, MessageKind};
use bare_ws::opcode::Opcode;
use bare_ws::receiver::Receiver;
use bare_ws::role::Client as ClientRole;
use bare_ws::sender::Sender;
use bare_ws_embassy::stream::{OctetReader, OctetWriter};
use bare_ws_embassy::transport::Endless;
use bare_ws_embassy::{
    Backoff, Connection, CriticalSectionRawMutex, Error, READS_AT_ONCE, Supervisor, Timeout,
    Timing, WAITERS, deflate, net, tls,
};
use embassy_futures::join::join;
use embassy_time::{Duration, Instant, Timer};
use embedded_io_async::ErrorKind;

use crate::support::entropy::Repeatable;
use crate::support::frames::{self, Sent, sent};
use crate::support::pipe::{Manner, Pipe};
use crate::support::tasks::{run, run_for};
use crate::support::{Client, Peer, clock, connected, now, seconds};

type Done = Result<(), Error<ErrorKind>>;

/// An open connection, and what a call on it comes to and sends.
fn call(act: impl AsyncFnOnce(&mut Client<200>) -> Done) -> (Done, Vec<Sent>) {
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<200>(Manner::GOOD, &Timing::DEFAULT);
    let done = run(act(&mut client));
    (done, sent(&peer.from_client.written()))
}

/// Each call on both, with what comes of it.
macro_rules! calls {
    ($($call:ident($($argument:expr),*) => $done:expr, $sent:expr;)+) => {$(
        for is_half in [false, true] {
            let (done, sent) = call(async |client| match is_half {
                true => client.split().1.$call($($argument),*).await,
                false => client.$call($($argument),*).await,
            });
            let name = concat!(stringify!($call), stringify!(($($argument),*)));
            let sent_should: Vec<Sent> = $sent.into();
            assert_eq!(done, $done, "{name}, {is_half}");
            assert_eq!(sent, sent_should, "{name}, {is_half}");
        }
    )+};
}

// row: CTL-04, CLS-06
#[test]
fn each_call_sends_what_it_names() {
    const NOTHING: [Sent; 0] = [];
    let one = |opcode, payload: &[u8]| [Sent::new(opcode, payload)];
    let refused = |usage: Usage| Done::Err(Error::Usage(usage));
    let piece = Sent {
        fin: false,
        ..Sent::new(Opcode::Text, b"in ")
    };
    let pong = FrameHeader::new(Opcode::Pong, true, 0);
    let binary = FrameHeader::new(Opcode::Binary, true, 0);
    let close = FrameHeader::new(Opcode::Close, true, 0);
    calls! {
        send("text") => Ok(()), one(Opcode::Text, b"text");
        send(&b"octets"[..]) => Ok(()), one(Opcode::Binary, b"octets");
        send_fragment(MessageKind::Text, b"in ", false) => Ok(()), [piece.clone()];
        send_fragment(MessageKind::Binary, b"whole", true) => Ok(()), one(Opcode::Binary, b"whole");
        send_frame(pong, b"by hand") => Ok(()), one(Opcode::Pong, b"by hand");
        ping(b"there?") => Ok(()), one(Opcode::Ping, b"there?");
        ping(&[7; 125]) => Ok(()), one(Opcode::Ping, &[7; 125]);
        pong(b"here") => Ok(()), one(Opcode::Pong, b"here");
        pong(&[7; 125]) => Ok(()), one(Opcode::Pong, &[7; 125]);
        flush() => Ok(()), NOTHING;
        close(CloseCode::GOING_AWAY, "bye") => Ok(()), one(Opcode::Close, b"\x03\xe9bye");
        close(None, "") => Ok(()), one(Opcode::Close, b"");
        close(CloseCode(4999), &"x".repeat(123)) => Ok(()),
            one(Opcode::Close, &[&4999_u16.to_be_bytes()[..], &[b'x'; 123]].concat());

        ping(&[7; 126]) => refused(Usage::ControlTooLong), NOTHING;
        pong(&[7; 126]) => refused(Usage::ControlTooLong), NOTHING;
        close(CloseCode::NORMAL, &"x".repeat(124)) => refused(Usage::ReasonTooLong), NOTHING;
        close(CloseCode::NO_STATUS, "") => refused(Usage::CloseCode(CloseCode::NO_STATUS)), NOTHING;
        close(None, "why") => refused(Usage::ReasonWithoutCode), NOTHING;
        send_frame(close, b"") => refused(Usage::CloseFrame), NOTHING;
        // A buffer of 200 octets, and a header of 8.
        send_frame(binary, &[7; 192]) => Ok(()), one(Opcode::Binary, &[7; 192]);
        send_frame(binary, &[7; 193]) => refused(Usage::BufferTooSmall { needed: 193 + 14 }), NOTHING;
    }
}

/// What a call that receives gives, as text.
async fn shown<T: Debug>(received: impl Future<Output = Result<T, Error<ErrorKind>>>) -> String {
    format!("{:?}", received.await.expect("something"))
}

#[test]
fn each_call_receives_on_its_level() {
    for is_half in [false, true] {
        clock::set(Instant::MIN);
        let (mut client, peer) = connected::<200>(Manner::GOOD, &Timing::DEFAULT);
        for _ in 0..3 {
            peer.to_client.put(&frames::ping(b"?"));
            peer.to_client.put(&frames::text("text"));
        }
        let mut closing = 1001_u16.to_be_bytes().to_vec();
        closing.extend(b"bye");
        peer.to_client
            .put(&frames::frame(Opcode::Close, true, &closing));
        let received = run(async {
            match is_half {
                true => {
                    let (mut reader, _) = client.split();
                    assert_eq!(reader.close_status(), None);
                    let all = [
                        shown(reader.recv()).await,
                        shown(reader.recv_chunk()).await,
                        shown(reader.recv_frame()).await,
                        shown(reader.recv_frame()).await,
                        shown(reader.recv()).await,
                    ];
                    assert_eq!(reader.receiver().pongs(), 0);
                    (all, format!("{:?}", reader.close_status()))
                }
                false => {
                    assert_eq!(client.close_status(), None);
                    let all = [
                        shown(client.recv()).await,
                        shown(client.recv_chunk()).await,
                        shown(client.recv_frame()).await,
                        shown(client.recv_frame()).await,
                        shown(client.recv()).await,
                    ];
                    (all, format!("{:?}", client.close_status()))
                }
            }
        });
        let ([message, chunk, ping, frame, end], status) = received;
        assert_eq!(message, "Some(Text(\"text\"))");
        assert!(chunk.starts_with("Some(Chunk {"), "{chunk}");
        assert!(
            ping.starts_with("Some(Frame {") && ping.contains("Ping"),
            "{ping}"
        );
        assert!(frame.contains("opcode: Text"), "{frame}");
        assert_eq!(end, "None");
        assert!(
            status.contains("1001") && status.contains("\"bye\""),
            "{status}"
        );
        // Pings are answered on each level, and so is the Close.
        let answers = sent(&peer.from_client.written());
        let opcodes: Vec<_> = answers.iter().map(|it| it.opcode).collect();
        assert_eq!(
            opcodes,
            [Opcode::Pong, Opcode::Pong, Opcode::Pong, Opcode::Close]
        );
    }
}

/// All three handles know when the peer was heard last, and at first when the connection was opened.
// row: STA-02
#[test]
fn each_handle_knows_when_the_peer_was_heard() {
    clock::set(Instant::MIN + seconds(5));
    let (mut client, peer) = connected::<200>(Manner::GOOD, &Timing::DEFAULT);
    let heard = |client: &mut Client<200>| {
        let undivided = client.last_heard();
        let (reader, writer) = client.split();
        [undivided, reader.last_heard(), writer.last_heard()]
    };
    clock::advance(seconds(1));
    assert_eq!(heard(&mut client), [Instant::MIN + seconds(5); 3]);
    peer.to_client.put(&frames::text("here"));
    clock::advance(seconds(2));
    assert!(run(client.recv()).is_ok());
    clock::advance(seconds(3));
    assert_eq!(heard(&mut client), [Instant::MIN + seconds(8); 3]);
}

/// Which of the handles limits are set with.
const HANDLES: [fn(&mut Client<200>, &Timing); 3] = [
    |client, timing| client.set_timing(timing),
    |client, timing| client.split().0.set_timing(timing),
    |client, timing| client.split().1.set_timing(timing),
];

// row: STA-02
#[test]
fn each_handle_sets_every_limit() {
    for (handle, set) in HANDLES.into_iter().enumerate() {
        // A receive.
        clock::set(Instant::MIN);
        let (mut client, _peer) = connected::<200>(Manner::GOOD, &Timing::DEFAULT);
        let timing = Timing {
            silence: Some(seconds(7)),
            close: seconds(1),
            ..Timing::DEFAULT
        };
        set(&mut client, &timing);
        let silent = Error::Timeout(Timeout::Silence);
        assert_eq!(run(client.recv()), Err(silent), "{handle}");
        assert_eq!(now(), 7.0, "{handle}");
        assert_eq!(run(client.finish()), Err(silent), "{handle}");
        assert_eq!(now(), 8.0, "{handle}");

        // A send.
        clock::set(Instant::MIN);
        let (mut client, _peer) = connected::<200>(Manner::narrow(3), &Timing::DEFAULT);
        let timing = Timing {
            stall: Some(seconds(9)),
            ..Timing::DEFAULT
        };
        set(&mut client, &timing);
        let stalled = Error::Timeout(Timeout::Stall);
        assert_eq!(run(client.send("stuck")), Err(stalled), "{handle}");
        assert_eq!(now(), 9.0, "{handle}");

        // A closing handshake keeps the limit with which it began.
        for is_before in [true, false] {
            clock::set(Instant::MIN);
            let (mut client, _peer) = connected::<200>(Manner::GOOD, &Timing::DEFAULT);
            let timing = Timing {
                close: seconds(2),
                ..Timing::DEFAULT
            };
            if is_before {
                set(&mut client, &timing);
            }
            assert_eq!(run(client.close(None, "")), Ok(()));
            set(&mut client, &timing);
            let late = Error::Timeout(Timeout::Close);
            assert_eq!(run(client.finish()), Err(late), "{handle}");
            let at = if is_before { 2.0 } else { 5.0 };
            assert_eq!(now(), at, "{handle}, {is_before}");
        }
    }
}

/// A connection closes when it is finished, with 1000 or what it has closed with before; a half waits for one
/// who closes.
// row: CLS-10
#[test]
fn only_an_undivided_connection_closes_by_finishing() {
    for (is_half, closed, expected) in [
        (false, None, Some(1000_u16)),
        (false, Some(CloseCode::GOING_AWAY), Some(1001)),
        (true, None, None),
        (true, Some(CloseCode::GOING_AWAY), Some(1001)),
    ] {
        clock::set(Instant::MIN);
        let (mut client, peer) = connected::<200>(Manner::GOOD, &Timing::DEFAULT);
        if let Some(code) = closed {
            assert_eq!(run(client.close(code, "")), Ok(()));
        }
        let finished = match is_half {
            true => run_for(20, client.split().0.finish()),
            false => run_for(20, client.finish()),
        };
        assert_eq!(finished, None, "the peer is silent");
        let closes = expected.map(|code| Sent::new(Opcode::Close, &code.to_be_bytes()));
        let closes: Vec<_> = closes.into_iter().collect();
        assert_eq!(
            sent(&peer.from_client.written()),
            closes,
            "{is_half} {closed:?}"
        );
        peer.to_client.put(&frames::close(1000)).end();
        assert_eq!(run(client.finish()), Ok(()));
    }
}

/// What is queued by hand leaves in one write, and what arrived with the handshake is received first.
#[test]
fn a_connection_begins_with_what_its_machines_hold() {
    clock::set(Instant::MIN);
    let peer = Peer {
        to_client: Pipe::new(Manner::GOOD),
        from_client: Pipe::new(Manner::GOOD),
    };
    let mut receiver = Receiver::<ClientRole, _>::new([0; 200]);
    let early = frames::text("early");
    receiver.spare()[..early.len()].copy_from_slice(&early);
    receiver.commit(early.len());
    let sender = Sender::<ClientRole, _, _>::new([0; 200], Repeatable(7));
    let halves = (peer.to_client.clone(), peer.from_client.clone());
    let client = Connection::new(halves, receiver, sender, &Timing::DEFAULT);
    // Another mutex changes nothing.
    let mut client = client.guarded::<CriticalSectionRawMutex>();
    assert_eq!(run(client.recv()), Ok(Some(Message::Text("early"))));
    for text in ["one", "two", "three"] {
        let queued = client
            .sender_mut()
            .message(MessageKind::Text, text.as_bytes(), true);
        assert!(queued.is_ok_and(|queued| queued.complete));
    }
    assert_eq!(peer.from_client.writes(), 0);
    run(client.flush()).unwrap();
    assert_eq!(peer.from_client.writes(), 1);
    let texts = ["one", "two", "three"].map(|text| Sent::new(Opcode::Text, text.as_bytes()));
    assert_eq!(sent(&peer.from_client.written()), texts);
    client.receiver_mut().set_limits(bare_ws::receiver::Limits {
        message: 3,
        ..bare_ws::receiver::Limits::default()
    });
    peer.to_client.put(&frames::text("four"));
    let too_long = Error::TooLong {
        needed: 4,
        limit: 3,
    };
    assert_eq!(run(client.recv()), Err(too_long));
}

/// Limits of a connection move with it to another mutex.
// row: STA-02
#[test]
fn a_guarded_connection_keeps_its_limits_and_its_state() {
    clock::set(Instant::MIN);
    let timing = Timing {
        silence: Some(seconds(3)),
        ..Timing::DEFAULT
    };
    let (client, _peer) = connected::<200>(Manner::GOOD, &timing);
    let mut client = client.guarded::<CriticalSectionRawMutex>();
    let silent = Error::Timeout(Timeout::Silence);
    assert_eq!(run(client.recv()), Err(silent));
    assert_eq!(now(), 3.0);

    clock::set(Instant::MIN);
    let (mut client, _peer) = connected::<200>(Manner::GOOD, &Timing::DEFAULT);
    assert_eq!(run(client.close(None, "")), Ok(()));
    clock::advance(seconds(2));
    let mut client = client.guarded::<CriticalSectionRawMutex>();
    let closed = Err(Error::Usage(Usage::NotOpen));
    assert_eq!(run(client.send("late")), closed);
    assert_eq!(run(client.finish()), Err(Error::Timeout(Timeout::Close)));
    assert_eq!(now(), 5.0);
}

/// Figures that the documentation names.
#[test]
fn what_is_counted_is_as_many_as_is_said() {
    assert_eq!(WAITERS, 4, "one that receives and three that send");
    assert_eq!(READS_AT_ONCE, 16);
    assert_eq!(tls::MAX_INTERMEDIATES, 4);
    assert_eq!(tls::Records::MIN_WRITE, 512);
    assert_eq!(tls::Link::MIN_RECEIVE, 64);
    let usual = Backoff::new(seconds(5), seconds(300));
    assert_eq!([Backoff::DEFAULT, Backoff::default()], [usual, usual]);
    assert_eq!([Timing::default(), Timing::new()], [Timing::DEFAULT; 2]);

    // In octets, whatever the processor.
    assert_eq!(size_of::<net::Memory>(), 1024 + 1024 + 2048 + 2920);
    assert_eq!(
        size_of::<net::Memory<4096, 512>>(),
        4096 + 512 + 2048 + 2920
    );
    assert_eq!(size_of::<tls::Memory>(), 2 * 16_645 + 2 * 1157);
    assert_eq!(size_of::<tls::Memory<2070>>(), 2 * 2070 + 2 * 1157);
    // In KB, as the documentation has it.
    let kb = |octets: usize| (octets as f64 / 100.0).round() / 10.0;
    assert_eq!(kb(size_of::<tls::Memory>()), 35.6);
    assert_eq!(kb(size_of::<tls::Memory<2070>>()), 6.5);
    assert_eq!(kb(size_of::<deflate::Memory>()), 16.4);
    assert_eq!(
        kb(size_of::<deflate::Memory<{ 512 + 512 }, 768, 512>>()),
        13.6
    );
}

/// `Debug` names what it is, and shows nothing of what is in it.
#[test]
fn nothing_of_what_is_carried_is_shown() {
    const SECRET: &str = "sQ7xKw0Vz9";
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<200>(Manner::GOOD, &Timing::DEFAULT);
    peer.to_client.put(&frames::text(SECRET));
    assert!(run(client.recv()).is_ok());
    assert!(run(client.send(SECRET)).is_ok());
    let mut all = vec![("Connection", format!("{client:?}"))];
    let (reader, writer) = client.split();
    all.push(("Reader", format!("{reader:?}")));
    all.push(("Writer", format!("{writer:?}")));
    all.push(("OctetReader", format!("{:?}", OctetReader::new(reader))));
    all.push(("OctetWriter", format!("{:?}", OctetWriter::new(writer))));
    all.push(("OctetStream", format!("{:?}", client.octets())));
    let supervisor: Supervisor = Supervisor::new(Backoff::DEFAULT);
    all.push(("Supervisor", format!("{supervisor:?}")));
    let memory = net::Memory::<16, 131>::default();
    all.push(("Memory", format!("{memory:?}")));
    let mut memory = tls::Memory::<534, 512>::default();
    all.push(("Memory", format!("{memory:?}")));
    let (link, records, _) = memory.split();
    all.push(("Link", format!("{link:?}")));
    all.push(("Records", format!("{records:?}")));
    let memory = deflate::Memory::<1024, 768, 512>::default();
    all.push(("Memory", format!("{memory:?}")));
    for (name, shown) in all {
        assert_eq!(shown, format!("{name} {{ .. }}"));
    }
    assert_eq!(format!("{:?}", Endless(7)), "Endless(7)");
}

/// A fifth task that waits has no place, and looks again after 10 ms.
// row: TRAP-26
#[test]
fn a_task_without_a_place_looks_every_ten_milliseconds() {
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<200>(Manner::narrow(0), &Timing::DEFAULT);
    let (_, writer) = client.split();
    let mut tasks = crate::support::tasks::Tasks::new();
    let polls = std::cell::Cell::new(0);
    for place in 0..WAITERS + 1 {
        let polls = &polls;
        let sending = async move {
            let sending = crate::support::tasks::counted(polls, writer.send("text"));
            match embassy_time::with_timeout(Duration::from_millis(1005), sending).await {
                Err(_) => {}
                Ok(sent) => panic!("{place}: {sent:?}"),
            }
        };
        tasks.spawn(sending);
    }
    tasks.run();
    let _ = peer;
    // Of the five, three have a place. The others look a hundred times, and each once more at the end.
    let looks = polls.get() - 2 * (WAITERS + 1);
    assert!((195..=210).contains(&looks), "{looks}");
}

/// With two loops in one task, whichever is over first ends both.
#[test]
fn a_duplex_ends_with_what_ends_first() {
    type Ends = (&'static str, fn(&Peer), bool, Done, f64);
    let table: [Ends; 4] = [
        (
            "the peer closes",
            |peer| {
                peer.to_client.put(&frames::close(1000)).end();
            },
            false,
            Ok(()),
            0.0,
        ),
        (
            "the transport ends",
            |peer| {
                peer.to_client.end();
            },
            false,
            Err(Error::Lost),
            0.0,
        ),
        ("what sends returns", |_| {}, true, Ok(()), 4.0),
        (
            "a rule is broken",
            |peer| {
                peer.to_client.put(&[0x83, 0]);
            },
            false,
            Err(Error::Peer(bare_ws::error::Violation::ReservedOpcode)),
            0.0,
        ),
    ];
    for (name, happens, returns, expected, at) in table {
        clock::set(Instant::MIN);
        let (mut client, peer) = connected::<200>(Manner::GOOD, &Timing::DEFAULT);
        peer.to_client.put(&frames::text("one"));
        peer.to_client.put(&frames::text("two"));
        happens(&peer);
        let mut received = Vec::new();
        let ended = run(client.duplex(
            |message| received.push(message.to_string()),
            async |writer| {
                writer.send("reported").await?;
                Timer::after(seconds(if returns { 4 } else { 60 })).await;
                Ok(())
            },
        ));
        assert_eq!((ended, now()), (expected, at), "{name}");
        assert_eq!(received, ["one", "two"], "{name}");
    }
}

/// What is received in one task while another one sends is not held up by it.
#[test]
fn both_halves_wait_at_the_same_time() {
    clock::set(Instant::MIN);
    let (mut client, peer) = connected::<200>(Manner::GOOD, &Timing::DEFAULT);
    let (mut reader, writer) = client.split();
    let receiving = async {
        let message = reader.recv().await.map(|it| it.map(|it| it.to_string()));
        assert_eq!(message, Ok(Some("answer".to_owned())));
    };
    let sending = async {
        assert_eq!(writer.send("question").await, Ok(()));
        assert_eq!(sent(&peer.from_client.written()).len(), 1);
        peer.to_client.put(&frames::text("answer"));
    };
    run(join(receiving, sending));
    assert_eq!(now(), 0.0);
}

/// Text that is not UTF-8 ends the connection at once: the peer is told why, and nothing more is sent, whether anybody
/// finishes or not.
// row: CLS-13, SEED-31
#[test]
fn text_that_is_none_ends_the_connection_at_once() {
    let invalid = Error::Peer(bare_ws::error::Violation::InvalidUtf8);
    for is_half in [false, true] {
        clock::set(Instant::MIN);
        let (mut client, peer) = connected::<200>(Manner::GOOD, &Timing::DEFAULT);
        peer.to_client
            .put(&frames::frame(Opcode::Text, true, b"a\xff"));
        let received = match is_half {
            true => run(client.split().0.recv()).map(|_| ()),
            false => run(client.recv()).map(|_| ()),
        };
        assert_eq!(received, Err(invalid));
        let why = [Sent::new(Opcode::Close, &1007_u16.to_be_bytes())];
        assert_eq!(sent(&peer.from_client.written()), why, "{is_half}");
        assert_eq!(
            run_for(9, client.send("more")),
            Some(Err(Error::Usage(Usage::NotOpen)))
        );
        // The time of the end runs from the failure on.
        clock::advance(seconds(3));
        assert_eq!(run(client.recv()).map(|_| ()), Err(invalid));
        assert_eq!(run(client.finish()), Err(invalid));
        assert_eq!(now(), 5.0);
        assert_eq!(sent(&peer.from_client.written()), why, "{is_half}");
    }
}

/// Entropy that is there, and then is not for a while.
#[derive(Clone)]
struct Fickle(std::rc::Rc<std::cell::Cell<bool>>);

impl bare_ws::entropy::Entropy for Fickle {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), bare_ws::entropy::EntropyError> {
        octets.fill(7);
        match self.0.get() {
            true => Ok(()),
            false => Err(bare_ws::entropy::EntropyError),
        }
    }
}

/// Without entropy nothing is sent, and the connection stays: a call made again goes on. A Ping that cannot be
/// answered keeps nobody from finishing.
#[test]
fn a_source_of_entropy_that_fails_ends_nothing() {
    clock::set(Instant::MIN);
    let peer = Peer {
        to_client: Pipe::new(Manner::GOOD),
        from_client: Pipe::new(Manner::GOOD),
    };
    let source = Fickle(std::rc::Rc::default());
    let mut client = Connection::new(
        (peer.to_client.clone(), peer.from_client.clone()),
        Receiver::<ClientRole, _>::new([0; 200]),
        Sender::<ClientRole, _, _>::new([0; 200], source.clone()),
        &Timing::DEFAULT,
    );
    let without = Err(Error::Entropy);
    assert_eq!(run(client.send("text")), without);
    assert_eq!(run(client.ping(b"")), without);
    assert_eq!(run(client.close(None, "")), without);
    peer.to_client.put(&frames::ping(b"lost"));
    peer.to_client.put(&frames::text("here"));
    assert_eq!(run(client.recv()).map(|_| ()), without);
    assert_eq!(run(client.recv()), Ok(Some(Message::Text("here"))));
    assert!(peer.from_client.written().is_empty());
    source.0.set(true);
    assert_eq!(run(client.send("text")), Ok(()));
    assert_eq!(run(client.close(None, "")), Ok(()));
    source.0.set(false);
    peer.to_client.put(&frames::ping(b"lost"));
    peer.to_client.put(&frames::close(1000)).end();
    assert_eq!(run(client.finish()), Ok(()));
    let both = [
        Sent::new(Opcode::Text, b"text"),
        Sent::new(Opcode::Close, b""),
    ];
    assert_eq!(sent(&peer.from_client.written()), both);
}

/// Between the fragments of a long message, given whole or in pieces, a control frame of another task's passes.
// row: CTL-04
#[test]
fn a_ping_passes_between_the_fragments_of_a_long_message() {
    for in_pieces in [false, true] {
        clock::set(Instant::MIN);
        let (mut client, peer) = connected::<200>(Manner::GOOD, &Timing::DEFAULT);
        let (_, writer) = client.split();
        let long = [7; 2000];
        let sending = async {
            match in_pieces {
                true => writer.send_fragment(MessageKind::Binary, &long, true).await,
                false => writer.send(&long[..]).await,
            }
        };
        let pinging = async { writer.ping(b"?").await };
        assert_eq!(run(join(sending, pinging)), (Ok(()), Ok(())));
        let opcodes: Vec<_> = sent(&peer.from_client.written())
            .iter()
            .map(|it| it.opcode)
            .collect();
        let at = opcodes.iter().position(|it| *it == Opcode::Ping);
        assert!(
            at.is_some_and(|at| (1..5).contains(&at)),
            "{in_pieces}: {opcodes:?}"
        );
    }
}
