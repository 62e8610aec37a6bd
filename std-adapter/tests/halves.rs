//! Two threads on one connection.
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

mod peer;

use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use bare_ws_std::Usage;
use bare_ws_std::{
    CloseCode, Config, Error, Interest, Message, MessageKind, Stream, Timeout, WebSocket,
};
use peer::{Conn, LONG, Stalls, frame, serve};

const SHORT: Duration = Duration::from_millis(200);
const MIB: usize = 1 << 20;

fn config() -> Config {
    Config::new().close_timeout(LONG)
}

/// Reads until the client's Close: its data messages, the payloads of its Pongs, and the code.
fn read_all(conn: &mut Conn) -> (Vec<Vec<u8>>, Vec<Vec<u8>>, Option<u16>) {
    let (mut messages, mut pongs, mut open) = (Vec::new(), Vec::new(), None::<Vec<u8>>);
    loop {
        let Some((first, payload)) = conn.read_frame() else {
            return (messages, pongs, None);
        };
        match (first & 0x0f, &mut open) {
            (0xa, _) => pongs.push(payload),
            (0x8, _) => {
                assert!(
                    open.is_none(),
                    "a Close within a message is fine, but not here"
                );
                let code = payload
                    .first_chunk()
                    .map_or(1005, |code| u16::from_be_bytes(*code));
                return (messages, pongs, Some(code));
            }
            (0, Some(message)) => message.extend(payload),
            (1 | 2, None) => open = Some(payload),
            other => panic!("frames are torn: {other:?}"),
        }
        if first & 0x8f == 0x80 || matches!(first & 0x8f, 0x81 | 0x82) {
            messages.extend(open.take());
        }
    }
}

// row: STA-06, TRAP-20, CTL-03, SEED-18
#[test]
fn a_ping_flood_and_long_messages_both_ways() {
    const ROUNDS: u32 = 30;
    let peer = serve(|mut conn| {
        conn.accept();
        let mut sending = conn.tcp.try_clone().unwrap();
        let sender = thread::spawn(move || {
            for round in 0..ROUNDS {
                for ping in 0..100u32 {
                    let number = (round * 100 + ping).to_be_bytes();
                    sending.write_all(&frame(0x89, &number)).unwrap();
                }
                sending
                    .write_all(&frame(0x82, &vec![round as u8; MIB]))
                    .unwrap();
            }
        });
        let mut messages = 0;
        let mut last = None;
        while messages < ROUNDS || last != Some(ROUNDS * 100 - 1) {
            let (first, payload) = conn.read_frame().expect("all messages and the last Pong");
            match first {
                0x8a => {
                    let number = u32::from_be_bytes(payload.as_slice().try_into().unwrap());
                    assert!(last < Some(number), "Pongs in order, none twice");
                    last = Some(number);
                }
                0x82 => {
                    assert!(payload == vec![messages as u8; MIB]);
                    messages += 1;
                }
                other => panic!("{other:#x}"),
            }
        }
        sender.join().unwrap();
        conn.close(1000, b"");
        conn.read_close()
    });
    let (mut reader, writer) = config().connect(&peer.uri()).unwrap().split();
    let sender = thread::spawn(move || {
        for round in 0..ROUNDS {
            writer.send(vec![round as u8; MIB].as_slice()).unwrap();
        }
    });
    let mut received = 0;
    while let Some(message) = reader.recv().unwrap() {
        assert!(message.as_bytes() == vec![received as u8; MIB]);
        received += 1;
    }
    assert_eq!(received, ROUNDS);
    sender.join().unwrap();
    assert_eq!(peer.join(), Some(1000));
}

// row: TRAP-09, CTL-05
#[test]
fn a_peer_that_does_not_read_before_it_has_written_stops_nobody() {
    const SIZE: usize = 24 * MIB;
    let peer = serve(|mut conn| {
        conn.accept();
        // More than all buffers on the way hold, with Pings in between, and not one read.
        for part in 0..SIZE / MIB {
            let first = if part == 0 { 0x02 } else { 0x00 };
            conn.tcp.write_all(&frame(first, &vec![1; MIB])).unwrap();
            conn.tcp.write_all(&frame(0x89, &[part as u8])).unwrap();
        }
        conn.tcp.write_all(&frame(0x80, b"")).unwrap();
        conn.close(1000, b"");
        read_all(&mut conn)
    });
    let config = config().message_limit(2 * SIZE as u64);
    let (mut reader, writer) = config.connect(&peer.uri()).unwrap().split();
    let looker = writer.clone();
    let sender = thread::spawn(move || {
        writer.send(vec![2; SIZE].as_slice()).unwrap();
    });
    // Until the other thread is in the midst of it, and holds the turn.
    while looker.try_flush().unwrap() {
        thread::yield_now();
    }
    assert_eq!(
        reader.recv().unwrap().map(|message| message.len()),
        Some(SIZE)
    );
    assert_eq!(reader.recv().unwrap(), None);
    sender.join().unwrap();
    let (messages, pongs, code) = peer.join();
    assert_eq!(messages.iter().map(Vec::len).collect::<Vec<_>>(), [SIZE]);
    // Only the newest of those that are owed is answered, and none once the Close is.
    assert!(pongs.len() <= SIZE / MIB);
    assert_eq!(code, Some(1000));
}

// row: TRAP-09, CTL-03
#[test]
fn a_peer_that_pings_and_reads_nothing_is_read_all_the_same() {
    // The Pongs alone fill all buffers on the way.
    const PINGS: u32 = 150_000;
    let peer = serve(|mut conn| {
        conn.accept();
        let payload = |n: u32| [n.to_be_bytes().as_slice(), &[0; 121]].concat();
        for n in 0..PINGS {
            conn.tcp.write_all(&frame(0x89, &payload(n))).unwrap();
        }
        conn.tcp.write_all(&frame(0x81, b"done")).unwrap();
        let mut pongs = 0;
        loop {
            let (first, pong) = conn.read_frame().unwrap();
            assert_eq!(first, 0x8a);
            pongs += 1;
            if pong == payload(PINGS - 1) {
                break;
            }
        }
        conn.close(1000, b"");
        assert_eq!(conn.read_close(), Some(1000));
        pongs
    });
    let (mut reader, _writer) = config().connect(&peer.uri()).unwrap().split();
    assert_eq!(reader.recv().unwrap(), Some(Message::Text("done")));
    assert_eq!(reader.recv().unwrap(), None);
    assert!(peer.join() <= PINGS);
}

// row: CTL-02, CTL-05
#[test]
fn pings_are_answered_while_nobody_sends() {
    let peer = serve(|mut conn| {
        conn.accept();
        for n in 0..3 {
            conn.frame(0x89, &[n]);
            assert_eq!(conn.read_frame(), Some((0x8a, vec![n])));
        }
        conn.close(1000, b"");
        conn.read_close()
    });
    let (mut reader, writer) = config().connect(&peer.uri()).unwrap().split();
    assert_eq!(reader.recv().unwrap(), None);
    assert_eq!(reader.close_status().unwrap().code, CloseCode::NORMAL);
    assert!(!writer.is_open());
    let refused = writer.send("late").unwrap_err();
    assert!(matches!(refused, Error::Usage(Usage::NotOpen)));
    assert_eq!(peer.join(), Some(1000));
}

// row: CLS-11
#[test]
fn a_close_that_the_peer_leaves_unanswered_ends_the_other_halfs_wait() {
    let data: [Option<Vec<u8>>; 2] = [None, Some(frame(0x81, b"data"))];
    for data in data {
        let peer = serve(move |mut conn| {
            conn.accept();
            match data {
                Some(data) => conn.send_for_ever(&data),
                None => assert!(conn.sees_end()),
            }
        });
        let config = Config::new().close_timeout(SHORT);
        let (mut reader, writer) = config.connect(&peer.uri()).unwrap().split();
        let waiting = thread::spawn(move || {
            loop {
                match reader.recv() {
                    Ok(Some(message)) => assert_eq!(message, Message::Text("data")),
                    Ok(None) => panic!("no Close came"),
                    Err(error) => return error,
                }
            }
        });
        // Real time: the reader waits by then.
        thread::sleep(SHORT / 2);
        let stalls = Stalls::watch();
        writer.close(Some(CloseCode::NORMAL), "").unwrap();
        let error = waiting.join().unwrap();
        assert!(matches!(error, Error::Timeout(Timeout::Close)), "{error:?}");
        stalls.took(SHORT, SHORT);
        peer.join();
    }
}

/// Nor later than by the limit, though the other half waited before there was one.
// row: CLS-11, STA-02
#[test]
fn a_close_limit_is_kept_by_a_half_that_waits_already() {
    const LIMIT: Duration = Duration::from_millis(250);
    // Together they are later than a busy machine makes one.
    const ROUNDS: u32 = 3;
    let stalls = Stalls::watch();
    for _ in 0..ROUNDS {
        let peer = serve(|mut conn| {
            conn.accept();
            assert!(conn.sees_end());
        });
        let config = Config::new().close_timeout(LIMIT);
        let (mut reader, writer) = config.connect(&peer.uri()).unwrap().split();
        let waiting = thread::spawn(move || reader.recv().map(drop).unwrap_err());
        // Real time: the reader waits by then.
        thread::sleep(LIMIT / 4);
        writer.close(Some(CloseCode::NORMAL), "").unwrap();
        let error = waiting.join().unwrap();
        assert!(matches!(error, Error::Timeout(Timeout::Close)), "{error:?}");
        peer.join();
    }
    let all = (LIMIT + LIMIT / 4) * ROUNDS;
    stalls.took(all, all + LIMIT / 4 * ROUNDS);
}

// row: CLS-07, CLS-09
#[test]
fn after_a_close_of_one_half_the_other_receives_to_the_end() {
    let peer = serve(|mut conn| {
        conn.accept();
        assert_eq!(conn.read_close(), Some(1000));
        conn.frame(0x81, b"on its way");
        conn.close(1000, b"done");
        conn.tcp.shutdown(Shutdown::Write).unwrap();
        assert!(conn.read_frame().is_none(), "nothing follows our Close");
    });
    let (mut reader, writer) = config().connect(&peer.uri()).unwrap().split();
    let error = writer.close(Some(CloseCode::NO_STATUS), "").unwrap_err();
    assert!(matches!(error, Error::Usage(_)));
    writer.close(Some(CloseCode::NORMAL), "").unwrap();
    assert_eq!(reader.recv().unwrap(), Some(Message::Text("on its way")));
    assert_eq!(reader.recv().unwrap(), None);
    assert_eq!(reader.close_status().unwrap().reason, "done");
    assert_eq!(reader.recv().unwrap(), None);
    assert_eq!(reader.finish().unwrap().unwrap().reason, "done");
    peer.join();
}

/// What ends a connection while we send: the peer's octets, whether its direction ends with them,
/// and the code of the Close that must come behind our message.
const ENDS: [(&[u8], bool, u16); 4] = [
    (&[0x88, 2, 3, 232], false, 1000),
    (&[0x88, 2, 3, 232], true, 1000),
    (&[0x83, 0], false, 1002),
    (&[0x83, 0], true, 1002),
];

/// Sends one message, receives meanwhile what is of `ENDS`, and says what the peer saw.
fn end_within_a_message<S>(
    (octets, ends, code): (&'static [u8], bool, u16),
    message: Vec<u8>,
    transport: impl FnOnce(&Config, String) -> WebSocket<S>,
    is_sending: impl FnOnce(),
) where
    S: Stream + Send + Sync + 'static,
{
    let peer = serve(move |mut conn| {
        conn.accept();
        // The message is being sent by now.
        assert_eq!(conn.tcp.peek(&mut [0]).unwrap(), 1);
        conn.send(octets);
        if ends {
            conn.tcp.shutdown(Shutdown::Write).unwrap();
        }
        // Real time: the client's message waits for room by then.
        thread::sleep(SHORT);
        read_all(&mut conn)
    });
    let config = config();
    let (mut reader, writer) = transport(&config, peer.uri()).split();
    let sent = message.clone();
    let sender = thread::spawn(move || writer.send(message.as_slice()));
    is_sending();
    match reader.recv() {
        Ok(None) => assert_eq!(code, 1000),
        Err(Error::Peer(_)) => assert_eq!(code, 1002),
        other => panic!("{other:?}"),
    }
    sender.join().unwrap().unwrap();
    let (messages, _, seen) = peer.join();
    assert!(messages == [sent], "the message is whole, and the only one");
    assert_eq!(seen, Some(code));
}

// row: STA-06, CLS-06, CLS-14
#[test]
fn a_close_is_answered_behind_the_message_that_is_being_sent() {
    for end in ENDS {
        // Too long to be out before the Close comes.
        let message = vec![2; 24 * MIB];
        let tcp = |config: &Config, uri: String| config.connect(&uri).unwrap();
        end_within_a_message(end, message, tcp, || {});
    }
}

// row: STA-06, CLS-06, CLS-14
#[test]
fn the_transport_is_kept_until_the_other_half_has_written_the_close() {
    for end in ENDS {
        let (told, writes) = mpsc::channel();
        let slow = |config: &Config, uri: String| {
            let tcp = config.dial(&uri).unwrap();
            let socket = config.open(&uri, Slow(tcp, Mutex::new(told))).unwrap();
            while writes.try_recv().is_ok() {}
            socket
        };
        end_within_a_message(end, vec![2; 1000], slow, || writes.recv().unwrap());
    }
}

/// A transport whose every write takes a while, and is told before.
struct Slow(TcpStream, Mutex<Sender<()>>);

impl Stream for Slow {
    fn prepare(&mut self) -> io::Result<()> {
        self.0.prepare()
    }

    fn try_read(&self, octets: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(octets)
    }

    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        let _ = self.1.lock().unwrap().send(());
        // Real time: the write takes that long, before ....
        thread::sleep(SHORT / 2);
        let n = self.0.try_write(octets)?;
        // Real time: ... and after the octets are taken.
        thread::sleep(SHORT / 2);
        Ok(n)
    }

    fn wait(&self, interest: Interest, limit: Option<Duration>) -> io::Result<()> {
        self.0.wait(interest, limit)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        Stream::shutdown(&self.0, how)
    }
}

// row: TRAP-20, STA-06
#[test]
fn clones_of_the_write_half_never_tear_each_others_messages() {
    const THREADS: u8 = 4;
    const EACH: usize = 200;
    let peer = serve(|mut conn| {
        conn.accept();
        read_all(&mut conn)
    });
    let (_reader, writer) = Config::new()
        .transmit_buffer(1000)
        .connect(&peer.uri())
        .unwrap()
        .split();
    thread::scope(|scope| {
        for id in 0..THREADS {
            let writer = writer.clone();
            scope.spawn(move || {
                for n in 0..EACH {
                    // Shorter and longer than the transmit buffer.
                    writer.send(vec![id; 1 + n * 20].as_slice()).unwrap();
                }
            });
        }
    });
    writer.close(None, "").unwrap();
    let (messages, _, code) = peer.join();
    assert_eq!(messages.len(), usize::from(THREADS) * EACH);
    assert!(
        messages
            .iter()
            .all(|message| message.iter().all(|octet| *octet == message[0]))
    );
    assert_eq!(code, Some(1005));
}

// row: CLS-15
#[test]
fn the_end_of_the_transport_ends_both_halves() {
    let peer = serve(|mut conn| conn.accept());
    let (mut reader, writer) = config().connect(&peer.uri()).unwrap().split();
    peer.join();
    let error = reader.recv().map(drop).unwrap_err();
    assert!(matches!(error, Error::Lost), "{error:?}");
    let refused = writer
        .send_fragment(MessageKind::Text, b"x", true)
        .unwrap_err();
    assert!(matches!(refused, Error::Usage(Usage::NotOpen)));
}

// row: STA-02
#[test]
fn a_limit_of_one_call_changes_nothing_and_silence_ends_it() {
    let peer = serve(|mut conn| {
        conn.accept();
        assert_eq!(conn.read_frame(), Some((0x89, b"there?".to_vec())));
        conn.frame(0x8a, b"there?");
        conn.frame(0x81, b"yes");
        conn.read_close()
    });
    let config = config().close_timeout(SHORT);
    let (mut reader, writer) = config.connect(&peer.uri()).unwrap().split();
    let stalls = Stalls::watch();
    let error = reader.recv_timeout(SHORT).map(drop).unwrap_err();
    assert!(matches!(error, Error::Timeout(Timeout::Call)), "{error:?}");
    stalls.took(SHORT, SHORT);
    writer.ping(b"there?").unwrap();
    assert_eq!(reader.recv().unwrap(), Some(Message::Text("yes")));
    assert_eq!(reader.receiver().pongs(), 1);
    // The glances at the other threads do not count as silence of their own.
    writer.set_silence_timeout(SHORT * 3);
    let stalls = Stalls::watch();
    let error = reader.recv().map(drop).unwrap_err();
    assert!(
        matches!(error, Error::Timeout(Timeout::Silence)),
        "{error:?}"
    );
    stalls.took(SHORT * 3, SHORT * 3);
    assert!(!writer.is_open());
    assert_eq!(peer.join(), Some(1001));
}
