//! Nobody waits for the other side to move first: what has arrived is delivered, and what has gone
//! wrong is told, whatever the transport takes.

use bare_ws::buffer::Storage;
use bare_ws::close::CloseCode;
use bare_ws::entropy::{Entropy, EntropyError};
use bare_ws::error::{Error, Usage, Violation};
use bare_ws::receiver::{Delivery, Receiver, Step};
use bare_ws::role::{Client, Role, Server};
use bare_ws_tests::io::{IoError, Transport};
use bare_ws_tests::laws::Keys;
use bare_ws_tests::loops::{self, BOTH, Calls, Loop};
use bare_ws_tests::stream::{Sent, Stream};

const DELIVERIES: [Delivery; 3] = [Delivery::Message, Delivery::Chunk, Delivery::Frame];

const WAITS: Error<IoError> = Error::Transport(IoError::WouldBlock);

/// A transport to which that arrives, and nothing after it, and which takes so many octets.
fn transport(incoming: &[u8], room: usize) -> Transport {
    let mut transport = Transport::new(incoming);
    transport.ends = false;
    transport.room = room;
    transport
}

fn connect(which: Loop, transport: Transport) -> Box<dyn Calls> {
    loops::connect(which, transport, [0xa5; 256], 139, Keys::default())
}

/// All that is delivered until the call waits or fails, without the control frames.
fn deliver(connection: &mut dyn Calls, delivery: Delivery) -> (Vec<u8>, Error<IoError>) {
    let mut octets = Vec::new();
    loop {
        match connection.next(delivery) {
            Ok(Some(piece)) if delivery != Delivery::Frame || !piece.starts_with(b"control") => {
                octets.extend(piece);
            }
            Ok(Some(_)) => {}
            Ok(None) => panic!("nobody has closed"),
            Err(error) => return (octets, error),
        }
    }
}

/// Pings of 125 octets, each with its number.
fn pings(count: u32) -> Vec<u8> {
    let mut octets = Vec::new();
    for number in 0..count {
        octets.extend([0x89, 125]);
        octets.extend(ping(number));
    }
    octets
}

fn ping(number: u32) -> Vec<u8> {
    let mut payload = b"control".to_vec();
    payload.extend(number.to_be_bytes());
    payload.resize(125, b'p');
    payload
}

// row: CTL-03, CTL-05, TRAP-09, LIV-10, LIV-11
#[test]
fn a_flood_of_pings_from_a_peer_that_does_not_read_holds_back_no_message() {
    const PINGS: u32 = 150_000;
    let mut incoming = pings(PINGS);
    incoming.extend(b"\x81\x04done");
    for which in BOTH {
        // What two sockets hold between them.
        let mut connection = connect(which, transport(&incoming, 64 * 1024));
        assert_eq!(connection.recv(), Ok(Some(b"done".to_vec())), "{which:?}");
        let written = connection.io().written.len();
        assert_eq!(written, 64 * 1024, "{which:?}");
        // Now it reads: the Ping that came last is answered, and those between are not.
        connection.io_mut().room = usize::MAX;
        assert_eq!(connection.recv(), Err(WAITS), "{which:?}");
        let io = connection.io();
        let sent = Stream::of_client(&io.written);
        assert_eq!(sent.messages().last(), Some(&Sent::Pong(ping(PINGS - 1))));
        assert!(sent.frames() < 600, "{}", sent.frames());
        assert_eq!(io.flushed, io.written.len());
    }
}

// row: CTL-05, TRAP-09, LIV-13
#[test]
fn what_stands_behind_a_ping_is_delivered_though_its_answer_cannot_leave() {
    for incoming in [
        // All in one read, octet by octet, and with a Ping inside the message.
        &b"\x89\x07control\x81\x05Hello"[..],
        b"\x89\x07control\x01\x02He\x89\x07control\x80\x03llo",
        b"\x89\x07control\x89\x07control\x01\x05Hello\x89\x07control\x80\x00",
    ] {
        for which in BOTH {
            for delivery in DELIVERIES {
                for pace in [usize::MAX, 1] {
                    for room in [0, 3] {
                        let mut transport = transport(incoming, room);
                        transport.reads = vec![pace];
                        let mut connection = connect(which, transport);
                        let (octets, error) = deliver(&mut *connection, delivery);
                        let what = format!("{which:?} {delivery:?} {pace} {room}");
                        assert_eq!((&octets[..], error), (&b"Hello"[..], WAITS), "{what}");
                        // The answer is not lost.
                        connection.io_mut().room = usize::MAX;
                        assert_eq!(connection.next(delivery), Err(WAITS), "{what}");
                        let sent = Stream::of_client(&connection.io().written);
                        let pong = Sent::Pong(b"control".to_vec());
                        assert_eq!(sent.messages().last(), Some(&pong), "{what}");
                    }
                }
            }
        }
    }
}

// row: FRG-13, CTL-06, CLS-08, LIV-12
#[test]
fn behind_a_torn_frame_all_that_arrives_is_delivered_and_closing_comes_to_its_end() {
    let incoming = b"\x89\x07control\x81\x05Hello\x89\x07control\x88\x02\x03\xe8";
    for which in BOTH {
        for delivery in DELIVERIES {
            for later in [0, usize::MAX] {
                let mut connection = connect(which, transport(incoming, 20));
                // As a blocking send does whose transport gives up.
                connection.tear(1000, &[7; 100]);
                assert_eq!(connection.flush(), Err(WAITS));
                connection.io_mut().room = later;
                let mut octets = Vec::new();
                let what = format!("{which:?} {delivery:?} {later}");
                loop {
                    match connection.next(delivery) {
                        Ok(Some(piece)) if piece.starts_with(b"control") => {}
                        Ok(Some(piece)) if piece == [3, 232] => {}
                        Ok(Some(piece)) => octets.extend(piece),
                        Ok(None) => break,
                        Err(error) => panic!("{what}: {error:?}"),
                    }
                }
                assert_eq!(octets, b"Hello", "{what}");
                assert_eq!(connection.next(delivery), Ok(None), "{what}");
                let torn = Err(Usage::InterruptedMessage.into());
                assert_eq!(connection.ping(b""), torn, "{what}");
                assert_eq!(connection.close(CloseCode::NORMAL, ""), torn, "{what}");
                connection.io_mut().ends = true;
                connection.io_mut().room = usize::MAX;
                assert_eq!(connection.finish(), Ok(()), "{what}");
                // Of the frame what was queued, and nothing inside it.
                assert_eq!(connection.io().written.len(), 4 + 4 + 100, "{what}");
            }
        }
    }
}

// row: FRG-13
#[test]
fn a_message_that_the_blocking_loop_has_torn_lets_everything_arrive() {
    let incoming = b"\x89\x00\x81\x05Hello\x88\x00";
    let mut connection = connect(Loop::Blocking, transport(incoming, 300));
    assert_eq!(connection.send(&[7; 8_000_000]), Err(WAITS));
    assert_eq!(connection.recv(), Ok(Some(b"Hello".to_vec())));
    assert_eq!(connection.recv(), Ok(None));
    assert_eq!(connection.io().written.len(), 300);
}

/// Memory that says it may grow, and cannot.
struct Full([u8; 256]);

impl Storage for Full {
    fn octets(&self) -> &[u8] {
        &self.0
    }

    fn octets_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// It says that it can, and cannot.
    fn most(&self) -> usize {
        usize::MAX
    }
}

// row: LIM-03, TRAP-13, LIV-06
#[test]
fn memory_that_cannot_grow_ends_the_connection_and_nobody_reads_into_nothing() {
    bare_ws_tests::ends(memory_cannot_grow);
}

fn memory_cannot_grow() {
    let mut incoming = b"\x82\x7e\x03\xe8".to_vec();
    incoming.extend([7; 1000]);
    for which in BOTH {
        for delivery in [Delivery::Message, Delivery::Frame] {
            for (room, sends) in [(usize::MAX, true), (0, false)] {
                for pace in [usize::MAX, 1, 100] {
                    let mut io = transport(&incoming, room);
                    io.reads = vec![pace];
                    let mut connection =
                        loops::connect(which, io, Full([0xa5; 256]), 139, Keys::default());
                    let error: Error = Error::OutOfMemory { needed: 257 };
                    for _ in 0..3 {
                        assert_eq!(connection.next(delivery), Err(error.widen()), "{which:?}");
                    }
                    let written = connection.io().written.clone();
                    let close = Sent::Close(Some(1009), String::new());
                    let wanted = if sends { vec![close] } else { vec![] };
                    assert_eq!(Stream::of_client(&written).messages(), wanted);
                    // All of it is read, so that no reset destroys the Close.
                    connection.io_mut().room = usize::MAX;
                    connection.io_mut().ends = true;
                    assert_eq!(connection.finish(), Ok(()));
                    assert!(connection.io().incoming.is_empty());
                    assert_eq!(connection.io().written.len(), 8);
                }
            }
        }
    }
}

/// What fails a connection, and the code that says so.
const FAILURES: &[(&[u8], Error<IoError>, u16)] = &[
    (b"\xf1\x00", Error::Peer(Violation::ReservedBit), 1002),
    (
        b"\x80",
        Error::Peer(Violation::UnexpectedContinuation),
        1002,
    ),
    (b"\x81\x05He\xff", Error::Peer(Violation::InvalidUtf8), 1007),
    (
        b"\x81\x02\xc3\x28",
        Error::Peer(Violation::InvalidUtf8),
        1007,
    ),
    (b"\x88\x01x", Error::Peer(Violation::ClosePayload), 1002),
    (
        b"\x88\x02\x03\xed",
        Error::Peer(Violation::CloseCode(CloseCode(1005))),
        1002,
    ),
    (
        b"\x82\x7e\x01\x00",
        Error::TooLong {
            needed: 256,
            limit: 242,
        },
        1009,
    ),
];

// row: CLS-14, TRAP-26, LIV-27
#[test]
fn a_failure_is_told_before_anybody_moves() {
    for (broken, error, code) in FAILURES {
        for before in [&b""[..], b"\x82\x02ok", b"\x89\x07control"] {
            let incoming = [before, broken].concat();
            for which in BOTH {
                for delivery in [Delivery::Message, Delivery::Frame] {
                    for pace in [usize::MAX, 1] {
                        // It takes nothing, half of the Close, or all.
                        for room in [0, 3, usize::MAX] {
                            let what = format!("{incoming:x?} {which:?} {delivery:?} {room}");
                            let mut io = transport(&incoming, room);
                            io.reads = vec![pace];
                            let mut connection = connect(which, io);
                            let (delivered, told) = deliver(&mut *connection, delivery);
                            assert_eq!(told, *error, "{what}");
                            // As a frame, text is judged once it is whole, and a Close is shown.
                            let seen = delivered.starts_with(b"ok") == (before == b"\x82\x02ok");
                            assert!(seen, "{what}: {delivered:x?}");
                            assert_eq!(connection.next(delivery), Err(*error), "{what}");
                            let refused = Err(Usage::NotOpen.into());
                            assert_eq!(connection.send(b"x"), refused, "{what}");
                            // And the Close leaves when it can.
                            connection.io_mut().room = usize::MAX;
                            connection.io_mut().ends = true;
                            assert_eq!(connection.finish(), Ok(()), "{what}");
                            let sent = Stream::of_client(&connection.io().written);
                            let close = Sent::Close(Some(*code), String::new());
                            assert_eq!(sent.messages().last(), Some(&close), "{what}");
                        }
                    }
                }
            }
        }
    }
}

// row: CLS-05, CLS-14, LIV-27
#[test]
fn the_end_is_told_before_anybody_moves() {
    for which in BOTH {
        for delivery in DELIVERIES {
            for room in [0, 3, usize::MAX] {
                let mut connection = connect(which, transport(b"\x82\x02ok\x88\x02\x03\xe8", room));
                let mut last = connection.next(delivery);
                assert_eq!(last, Ok(Some(b"ok".to_vec())));
                if delivery == Delivery::Frame {
                    last = connection.next(delivery);
                    assert_eq!(last, Ok(Some(vec![3, 232])));
                }
                for _ in 0..3 {
                    assert_eq!(
                        connection.next(delivery),
                        Ok(None),
                        "{which:?} {delivery:?}"
                    );
                }
                connection.io_mut().room = usize::MAX;
                connection.io_mut().ends = true;
                assert_eq!(connection.finish(), Ok(()));
                let sent = Stream::of_client(&connection.io().written);
                assert_eq!(sent.messages(), [Sent::Close(Some(1000), String::new())]);
            }
        }
    }
}

// row: CLS-14, CLS-15
#[test]
fn a_transport_that_takes_nothing_any_more_still_delivers_what_it_has() {
    let incoming = b"\x89\x07control\x82\x02on\x01\x01l\x89\x07control\x80\x01y";
    for which in BOTH {
        for delivery in DELIVERIES {
            for (is_mute, room) in [(true, 0), (false, 0), (true, usize::MAX)] {
                // The peer closes, or it is just gone.
                for end in [&b"\x88\x00"[..], b"", b"\x82\x05He"] {
                    let mut io = transport(&[incoming, end].concat(), room);
                    io.is_mute = is_mute;
                    io.ends = true;
                    let mut connection = connect(which, io);
                    let mut octets = Vec::new();
                    let last = loop {
                        match connection.next(delivery) {
                            Ok(Some(piece)) if piece.starts_with(b"control") => {}
                            Ok(Some(piece)) => octets.extend(piece),
                            last => break last,
                        }
                    };
                    let what = format!("{which:?} {delivery:?} {is_mute} {end:x?}");
                    if delivery == Delivery::Chunk && end.len() > 2 {
                        assert_eq!(octets, b"onlyHe", "{what}");
                    } else {
                        assert_eq!(octets, b"only", "{what}");
                    }
                    let wanted = if end == b"\x88\x00" {
                        Ok(None)
                    } else {
                        Err(Error::Lost)
                    };
                    assert_eq!(last, wanted, "{what}");
                    assert_eq!(connection.next(delivery), wanted, "{what}");
                }
            }
        }
    }
}

/// Has nothing at the draw with this number.
struct FailsAt(u32, Keys);

impl Entropy for FailsAt {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        if self.0 == self.1.drawn() {
            self.0 = u32::MAX;
            return Err(EntropyError);
        }
        self.1.fill(octets)
    }
}

// row: MSK-03
#[test]
fn an_answer_that_cannot_be_masked_is_given_up_and_told_once() {
    for which in BOTH {
        for delivery in DELIVERIES {
            let incoming = b"\x89\x07control\x82\x02ok\x89\x03two\x82\x02ok";
            let entropy = FailsAt(0, Keys::default());
            let mut io = transport(incoming, usize::MAX);
            // The first Ping is there before the next can take its place.
            io.reads = vec![9];
            let mut connection = loops::connect(which, io, [0; 64], 139, entropy);
            let (mut octets, mut errors) = (Vec::new(), Vec::new());
            while errors.last() != Some(&WAITS) {
                match connection.next(delivery) {
                    Ok(Some(piece)) if piece == b"ok" => octets.extend(piece),
                    Ok(Some(_)) if delivery == Delivery::Frame => {}
                    Ok(other) => panic!("{other:?}"),
                    Err(error) => errors.push(error),
                }
            }
            assert_eq!(octets, b"okok", "{which:?} {delivery:?}");
            assert_eq!(errors, [Error::Entropy, WAITS], "{which:?} {delivery:?}");
            let sent = Stream::of_client(&connection.io().written);
            assert_eq!(sent.messages(), [Sent::Pong(b"two".to_vec())]);
        }
    }
}

/// What a receiver says of these octets, within a message or between two.
fn fails<R: Role>(octets: &[u8], within: bool) -> bool {
    let mut receiver = Receiver::<R, _>::new([0; 64]);
    let fragment = if R::MASKS {
        &b"\x02\x00"[..]
    } else {
        b"\x02\x80\0\0\0\0"
    };
    for part in [if within { fragment } else { b"" }, octets] {
        receiver.spare()[..part.len()].copy_from_slice(part);
        receiver.commit(part.len());
        while matches!(receiver.step(Delivery::Chunk), Ok(Step::Chunk)) {}
    }
    receiver.failure().is_some()
}

/// Whether every header that begins with this octet fails the connection, though its lengths are
/// as they must be.
fn is_hopeless<R: Role>(first: u8, within: bool) -> bool {
    (0..=255).all(|second: u8| {
        let extended: &[u8] = match second & 127 {
            126 => &[1, 0],
            127 => &[0, 0, 0, 0, 0, 1, 0, 0],
            _ => &[],
        };
        let key: &[u8] = if R::MASKS { &[] } else { &[1, 2, 3, 4] };
        fails::<R>(&[&[first, second], extended, key].concat(), within)
    })
}

// row: FRG-02, FRG-03, FRM-01, FRM-02, FRM-14
#[test]
fn a_first_octet_is_refused_exactly_when_nothing_lawful_can_follow_it() {
    let mut refused = 0;
    for first in 0..=255 {
        for within in [false, true] {
            for (at_once, later) in [
                (
                    fails::<Client>(&[first], within),
                    is_hopeless::<Client>(first, within),
                ),
                (
                    fails::<Server>(&[first], within),
                    is_hopeless::<Server>(first, within),
                ),
            ] {
                assert_eq!(at_once, later, "{first:#04x}, within a message: {within}");
                refused += usize::from(at_once);
            }
        }
    }
    // Lawful are three control frames, and four first data frames or two continuations.
    assert_eq!(refused, 2 * (2 * 256 - (3 + 4) - (3 + 2)));
}

// row: STA-01, CLS-17
#[test]
fn without_memory_there_is_nothing_to_wait_for() {
    for which in BOTH {
        let io = transport(b"\x89\x00", usize::MAX);
        let mut connection = loops::connect(which, io, [0; 0], 139, Keys::default());
        assert!(matches!(
            connection.recv(),
            Err(Error::Usage(Usage::BufferTooSmall { .. }))
        ));
        assert_eq!(connection.close(CloseCode::NORMAL, ""), Ok(()));
        assert_eq!(connection.finish(), Ok(()), "{which:?}");
    }
}

// row: CLS-14
#[test]
fn a_close_that_waits_for_room_leaves_as_soon_as_there_is_some() {
    for which in BOTH {
        let mut connection = connect(which, transport(b"\xf1\x00", 0));
        // So much is queued that no Close fits beside it.
        assert_eq!(connection.send(&[7; 131]), Err(WAITS));
        // There is room when the failure is read. The blocking loop tries to write twice before.
        let writes = if which == Loop::Blocking { 2 } else { 0 };
        let read = connection.io().calls + writes;
        connection.io_mut().takes_from = read;
        let error = Err(Violation::ReservedBit.into());
        assert_eq!(connection.recv(), error, "{which:?}");
        let sent = Stream::of_client(&connection.io().written);
        let close = Sent::Close(Some(1002), String::new());
        assert_eq!(sent.messages().last(), Some(&close), "{which:?}");
    }
}
