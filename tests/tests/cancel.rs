//! Every public future of the asynchronous loop, dropped at every await, under many schedules:
//! nothing is lost, nothing is doubled, nothing is torn.

use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};

use bare_ws::asynch::{self, Answered, Link};
use bare_ws::close::CloseCode;
use bare_ws::closing::{Owed, Reply};
use bare_ws::entropy::{Entropy, EntropyError};
use bare_ws::error::{Error, Usage};
use bare_ws::handshake::{ClientHandshake, Established, Request};
use bare_ws::header::FrameHeader;
use bare_ws::message::MessageKind;
use bare_ws::opcode::Opcode;
use bare_ws::receiver::{Delivery, Receiver};
use bare_ws::role::Client;
use bare_ws::sender::Sender;
use bare_ws::uri::Uri;
use bare_ws_tests::io::{IoError, Transport};
use bare_ws_tests::laws::Keys;
use bare_ws_tests::poll::{block_on, poll_times};
use bare_ws_tests::stream::{Sent, Stream};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::Mutex;

/// How a transport behaves: octets a read, octets a write, how often calls pend.
const SCHEDULES: &[(&[usize], &[usize], &[usize])] = &[
    (&[usize::MAX], &[usize::MAX], &[1]),
    (&[1], &[1], &[1]),
    (&[1], &[usize::MAX], &[0, 1]),
    (&[usize::MAX], &[1], &[1, 0, 2]),
    (&[3, 1, 7], &[2, 5], &[0, 0, 3, 1]),
    (&[13], &[4], &[2]),
];

fn transport(incoming: &[u8], schedule: usize) -> Transport {
    let (reads, writes, pends) = SCHEDULES[schedule];
    let mut transport = Transport::new(incoming);
    transport.reads = reads.to_vec();
    transport.writes = writes.to_vec();
    transport.pends = pends.to_vec();
    transport
}

const CLOSE: &[u8] = b"\x88\x05\x03\xe9bye";

/// Text, a Ping, a fragmented message with Pings inside it, a Pong, binary, a Close.
fn script() -> Vec<u8> {
    let mut octets = before_close();
    octets.extend(CLOSE);
    octets
}

fn before_close() -> Vec<u8> {
    let mut octets = Vec::new();
    octets.extend(b"\x81\x05Hello\x89\x03one");
    octets.extend(b"\x01\x03abc\x89\x00\x00\x00\x89\x05three\x80\x02de");
    octets.extend(b"\x8a\x02no\x82\x04\x01\x02\x03\x04\x89\x04four");
    octets
}

fn script_seen() -> Vec<(MessageKind, Vec<u8>)> {
    vec![
        (MessageKind::Text, b"Hello".to_vec()),
        (MessageKind::Text, b"abcde".to_vec()),
        (MessageKind::Binary, vec![1, 2, 3, 4]),
    ]
}

fn script_sent() -> Vec<Sent> {
    vec![
        Sent::Pong(b"one".to_vec()),
        Sent::Pong(b"".to_vec()),
        Sent::Pong(b"three".to_vec()),
        Sent::Pong(b"four".to_vec()),
        Sent::Close(Some(1001), String::new()),
    ]
}

type Connection = asynch::Connection<Transport, Client, [u8; 40], [u8; 139], Keys>;

fn connection(transport: Transport) -> Connection {
    asynch::Connection::new(
        transport,
        Receiver::new([0xa5; 40]),
        Sender::new([0xa5; 139], Keys::default()),
    )
}

// row: STA-04, TRAP-15, CTL-05
#[test]
fn a_receive_dropped_at_any_point_loses_nothing() {
    for delivery in [Delivery::Message, Delivery::Chunk, Delivery::Frame] {
        for schedule in 0..SCHEDULES.len() {
            for polls in 1..20 {
                let mut connection = connection(transport(&script(), schedule));
                let mut seen = Vec::new();
                let mut open: Option<(MessageKind, Vec<u8>)> = None;
                let mut dropped = 0;
                loop {
                    let Some(got) = (match delivery {
                        Delivery::Message => poll_times(polls, connection.recv()).map(|got| {
                            got.unwrap().map(|message| {
                                (message.kind().opcode(), message.octets().to_vec(), true)
                            })
                        }),
                        Delivery::Chunk => poll_times(polls, connection.recv_chunk()).map(|got| {
                            got.unwrap().map(|chunk| {
                                (chunk.kind.opcode(), chunk.octets.to_vec(), chunk.fin)
                            })
                        }),
                        Delivery::Frame => poll_times(polls, connection.recv_frame()).map(|got| {
                            got.unwrap().map(|frame| {
                                (
                                    frame.header.opcode,
                                    frame.payload.to_vec(),
                                    frame.header.fin,
                                )
                            })
                        }),
                    }) else {
                        dropped += 1;
                        assert!(dropped < 10_000, "no progress");
                        continue;
                    };
                    let Some((opcode, octets, fin)) = got else {
                        break;
                    };
                    if opcode.is_control() {
                        continue;
                    }
                    let kind = match opcode {
                        Opcode::Binary => MessageKind::Binary,
                        _ => MessageKind::Text,
                    };
                    let (_, whole) = open.get_or_insert((kind, Vec::new()));
                    whole.extend(octets);
                    if fin {
                        seen.extend(open.take());
                    }
                }
                let what = format!("{delivery:?}, schedule {schedule}, {polls} polls");
                assert_eq!(seen, script_seen(), "{what}");
                let io = connection.writer.io();
                assert_eq!(
                    Stream::of_client(&io.written).messages(),
                    script_sent(),
                    "{what}"
                );
                assert_eq!(io.flushed, io.written.len(), "{what}");
                let status = connection.reader.close_status().unwrap();
                assert_eq!((status.code.0, status.reason), (1001, "bye"));
            }
        }
    }
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    Refused,
    Dropped,
}

/// Calls, in order, and what they put on the wire.
const CALLS: usize = 9;

fn sent_by(call: usize) -> Sent {
    match call {
        0 => Sent::Text("whole".into()),
        1 => Sent::Ping(b"ping".to_vec()),
        2 => Sent::Binary(vec![1; 120]),
        3 => Sent::Binary(vec![2; 400]),
        4 => Sent::Pong(b"pong".to_vec()),
        5 => Sent::Text("after".into()),
        6 => Sent::Text("frame".into()),
        7 => Sent::Text("fragment".into()),
        _ => Sent::Close(Some(1000), "done".into()),
    }
}

async fn call(
    writer: &mut asynch::Writer<Transport, Client, [u8; 139], Keys>,
    call: usize,
) -> Result<(), Error<IoError>> {
    match call {
        0 => writer.send("whole").await,
        1 => writer.ping(b"ping").await,
        2 => writer.send(&[1; 120]).await,
        3 => writer.send(&[2; 400]).await,
        4 => writer.pong(b"pong").await,
        5 => writer.send("after").await,
        6 => {
            writer
                .send_frame(FrameHeader::new(Opcode::Text, true, 0), b"frame")
                .await
        }
        7 => {
            writer
                .send_fragment(MessageKind::Text, b"fragment", true)
                .await
        }
        _ => writer.close(Some(CloseCode::NORMAL), "done").await,
    }
}

/// Holds the wire against what the calls have become.
fn judge(outcomes: &[Outcome], sent: &[Sent]) -> Result<(), String> {
    let mut sent = sent
        .iter()
        .filter(|sent| (0..CALLS).any(|call| sent_by(call) == **sent))
        .peekable();
    for (number, outcome) in outcomes.iter().enumerate() {
        let wanted = sent_by(number);
        let there = sent.next_if(|sent| **sent == wanted).is_some();
        let right = match outcome {
            Outcome::Done => there,
            Outcome::Refused => !there,
            // Whole or not at all: that nothing is torn the decoder has seen.
            Outcome::Dropped => true,
        };
        if !right {
            return Err(format!("call {number} is {outcome:?}, sent: {there}"));
        }
    }
    match sent.next() {
        Some(more) => Err(format!("doubled or out of order: {more:?}")),
        None => Ok(()),
    }
}

// row: STA-05, TRAP-14
#[test]
fn a_send_dropped_at_any_point_tears_nothing() {
    let mut torn = 0;
    for schedule in 0..SCHEDULES.len() {
        // One call after the other is dropped, all others run to their end; or all are.
        for victim in (0..CALLS).map(Some).chain([None]) {
            for polls in 0..60 {
                let mut writer = asynch::Writer::new(
                    transport(&[], schedule),
                    Sender::new([0xa5; 139], Keys::default()),
                );
                let mut outcomes = Vec::new();
                for number in 0..CALLS {
                    let times = if victim.is_none_or(|victim| victim == number) {
                        polls
                    } else {
                        100_000
                    };
                    outcomes.push(match poll_times(times, call(&mut writer, number)) {
                        None => Outcome::Dropped,
                        Some(Ok(())) => Outcome::Done,
                        Some(Err(Error::Usage(Usage::InterruptedMessage))) => Outcome::Refused,
                        Some(Err(error)) => panic!("{error:?}"),
                    });
                }
                // A Close can follow whatever was dropped.
                match block_on(writer.close(Some(CloseCode::NORMAL), "done")) {
                    Ok(()) => outcomes[CALLS - 1] = Outcome::Done,
                    Err(error) => assert_eq!(error, Usage::NotOpen.into()),
                }
                block_on(writer.flush()).unwrap();
                let what = format!("schedule {schedule}, {victim:?} after {polls} polls");
                let stream = Stream::of_client(&writer.io().written);
                judge(&outcomes, stream.messages())
                    .unwrap_or_else(|error| panic!("{what}: {error}"));
                assert!(
                    matches!(stream.messages().last(), Some(Sent::Close(Some(1000), _))),
                    "{what}"
                );
                assert_eq!(writer.io().flushed, writer.io().written.len(), "{what}");
                // The long message alone can be given up in its middle.
                let refused = outcomes.contains(&Outcome::Refused);
                assert_eq!(refused, stream.is_open(), "{what}");
                if victim.is_some_and(|victim| victim != 3) {
                    assert!(!refused, "{what}");
                }
                torn += u32::from(refused);
            }
        }
    }
    assert!(
        torn > 20,
        "the long message was interrupted {torn} times only"
    );
}

// row: STA-04, STA-05, SEED-16
#[test]
fn an_echo_dropped_at_random_points() {
    let runs = bare_ws_tests::runs(600);
    for seed in 0..runs {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut connection = connection(transport(&script(), random.usize(..SCHEDULES.len())));
        let mut echoes = Vec::new();
        let mut idle = 0;
        loop {
            let got = poll_times(random.usize(1..6), connection.recv());
            let got = match got {
                None => {
                    idle += 1;
                    assert!(idle < 100_000);
                    continue;
                }
                Some(got) => got.unwrap().map(|message| message.octets().to_vec()),
            };
            let Some(octets) = got else { break };
            let done = poll_times(random.usize(1..6), connection.send(&octets[..]));
            assert!(matches!(done, None | Some(Ok(()))), "{done:?}");
            // It fits the buffer, so it was queued at once, and goes out whatever happens.
            echoes.push(Sent::Binary(octets));
        }
        let sent = Stream::of_client(&connection.writer.io().written);
        let (data, control): (Vec<_>, Vec<_>) = sent
            .messages()
            .iter()
            .cloned()
            .partition(|sent| matches!(sent, Sent::Binary(_)));
        assert_eq!(data, echoes, "seed {seed}");
        assert_eq!(control, script_sent(), "seed {seed}");
    }
}

/// The writer, shared by tasks.
type Shared = Mutex<NoopRawMutex, asynch::Writer<Transport, Client, [u8; 139], Keys>>;

/// How a link answers. All but the first are wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answering {
    Right,
    /// Takes the reply into a local variable, then waits.
    SavesTheReply,
    /// Queues the reply, waits until it is written, then takes it.
    TakesLate,
    /// Takes the reply, then queues it, but waits for the lock alone.
    DropsWhatItRead,
}

/// The reading half of a split connection.
struct Half<'a> {
    reading: Transport,
    shared: &'a Shared,
    answering: Answering,
}

impl Link for Half<'_> {
    type Error = IoError;

    async fn read(&mut self, spare: &mut [u8]) -> Result<usize, IoError> {
        embedded_io_async::Read::read(&mut self.reading, spare).await
    }

    fn is_free(&self) -> bool {
        self.shared.try_lock().is_ok()
    }

    fn has_queued(&self) -> bool {
        self.shared
            .try_lock()
            .is_ok_and(|writer| writer.has_queued())
    }

    async fn answer(
        &mut self,
        owed: &mut Owed,
        spare: &mut [u8],
    ) -> Result<Answered, Error<IoError>> {
        if self.answering == Answering::SavesTheReply {
            let saved = match owed.reply() {
                Some(Reply::Pong(payload)) => Some(payload.to_vec()),
                _ => None,
            };
            if let Some(payload) = saved {
                owed.taken();
                self.shared.lock().await.pong(&payload).await?;
                return Ok(Answered::Sent);
            }
        }
        let mut writer = {
            let mut lock = pin!(self.shared.lock());
            let mut read = pin!(embedded_io_async::Read::read(
                &mut self.reading,
                &mut *spare
            ));
            let first = poll_fn(|cx| {
                if let Poll::Ready(writer) = lock.as_mut().poll(cx) {
                    return Poll::Ready(Ok(writer));
                }
                read.as_mut().poll(cx).map(Err)
            });
            match first.await {
                Ok(writer) => writer,
                Err(_) if self.answering == Answering::DropsWhatItRead => self.shared.lock().await,
                Err(read) => return read.map(Answered::Read).map_err(Error::Transport),
            }
        };
        if self.answering == Answering::TakesLate {
            while let Some(reply) = owed.reply() {
                let queued = writer.sender_mut().reply(reply).map_err(Error::widen)?;
                writer.flush().await?;
                if queued {
                    owed.taken();
                }
            }
        }
        writer.answer(owed, &mut []).await
    }
}

type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), Error<IoError>>> + 'a>>;

/// The other task: makes one call after the other, each dropped after so many polls.
struct Other<'a> {
    shared: &'a Shared,
    polls: usize,
    polled: usize,
    future: Option<Sending<'a>>,
    outcomes: Vec<Outcome>,
}

impl Other<'_> {
    /// Whether there is anything left to do.
    fn poll(&mut self) -> Result<bool, String> {
        if self.outcomes.len() == CALLS - 1 {
            return Ok(false);
        }
        let (shared, number) = (self.shared, self.outcomes.len());
        let future = self.future.get_or_insert_with(|| {
            Box::pin(async move { call(&mut *shared.lock().await, number).await })
        });
        let outcome = match future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(Ok(())) => Outcome::Done,
            Poll::Ready(Err(Error::Usage(Usage::NotOpen | Usage::InterruptedMessage))) => {
                Outcome::Refused
            }
            Poll::Ready(Err(error)) => return Err(format!("{error:?}")),
            Poll::Pending => {
                self.polled += 1;
                if self.polled < self.polls {
                    return Ok(true);
                }
                Outcome::Dropped
            }
        };
        self.outcomes.push(outcome);
        self.future = None;
        self.polled = 0;
        Ok(true)
    }
}

/// Two tasks: one receives, dropped every `polls`; one sends, dropped every `others`.
fn split(answering: Answering, schedule: usize, polls: usize, others: usize) -> Result<(), String> {
    let shared = Shared::new(asynch::Writer::new(
        transport(&[], schedule),
        Sender::new([0xa5; 139], Keys::default()),
    ));
    let mut reader = asynch::Reader::new(Receiver::<Client, _>::new([0xa5; 40]));
    let mut half = Half {
        reading: transport(&before_close(), schedule),
        shared: &shared,
        answering,
    };
    // The peer closes only when everything else is done: before that the last Ping has to be
    // answered, after it (§5.5.2) it has not.
    half.reading.ends = false;
    let mut quiet = 0;
    let mut other = Other {
        shared: &shared,
        polls: others,
        polled: 0,
        future: None,
        outcomes: Vec::new(),
    };
    let mut seen = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    for round in 0.. {
        if round > 20_000 {
            return Err("no progress".into());
        }
        quiet = if other.outcomes.len() == CALLS - 1 {
            quiet + 1
        } else {
            0
        };
        if quiet == 1000 {
            half.reading.incoming.extend(CLOSE);
            half.reading.ends = true;
        }
        let mut recv = pin!(reader.recv(&mut half));
        let mut got = None;
        for _ in 0..polls {
            other.poll()?;
            if let Poll::Ready(ready) = recv.as_mut().poll(&mut cx) {
                let owned = |message: bare_ws::message::Message<'_>| {
                    (message.kind(), message.octets().to_vec())
                };
                got = Some(ready.map(|message| message.map(owned)));
                break;
            }
        }
        match got {
            None => {}
            Some(Ok(Some(message))) => seen.push(message),
            Some(Ok(None)) => break,
            Some(Err(error)) => return Err(format!("{error:?}")),
        }
    }
    while other.poll()? {}
    let outcomes = core::mem::take(&mut other.outcomes);
    drop(other);
    let mut writer = shared.into_inner();
    block_on(writer.flush()).map_err(|error| format!("{error:?}"))?;
    if seen != script_seen() {
        return Err(format!("received {seen:?}"));
    }
    let stream = Stream::of_client(&writer.io().written);
    let is_reply = |sent: &&Sent| matches!(sent, Sent::Pong(payload) if payload != b"pong");
    let pongs: Vec<_> = stream.messages().iter().filter(is_reply).collect();
    // Of several Pings the last must be answered, none twice, in order.
    let wanted = script_sent();
    let mut pings = wanted.iter().filter(is_reply);
    if !pongs.iter().all(|pong| pings.any(|ping| ping == *pong)) {
        return Err(format!("answered {pongs:?}"));
    }
    if pongs.last() != Some(&&Sent::Pong(b"four".to_vec())) {
        return Err(format!("the last Ping is not answered: {pongs:?}"));
    }
    if stream.messages().last() != wanted.last() {
        return Err("the Close is not answered".into());
    }
    judge(&outcomes, stream.messages())
}

/// Schedule, polls of the one, polls of the other.
fn splits() -> impl Iterator<Item = (usize, usize, usize)> {
    let polls = || (1..16).chain([100]);
    (0..SCHEDULES.len()).flat_map(move |schedule| {
        polls().flat_map(move |mine| polls().map(move |others| (schedule, mine, others)))
    })
}

// row: STA-04, STA-05, STA-06, TRAP-15, TRAP-20, CTL-03, CTL-06
#[test]
fn split_halves_dropped_at_any_point_lose_and_tear_nothing() {
    for (schedule, polls, others) in splits() {
        split(Answering::Right, schedule, polls, others).unwrap_or_else(|error| {
            panic!("schedule {schedule}, dropped after {polls} and {others} polls: {error}")
        });
    }
}

// row: STA-04
#[test]
fn the_sweep_catches_links_that_are_not_cancel_safe() {
    for (wrong, lost) in [
        (Answering::SavesTheReply, "the last Ping is not answered"),
        (Answering::TakesLate, "answered"),
        (Answering::DropsWhatItRead, "received"),
    ] {
        let caught = splits().find_map(|(schedule, polls, others)| {
            let error = split(wrong, schedule, polls, others).err()?;
            error.contains(lost).then_some(error)
        });
        assert!(caught.is_some(), "{wrong:?} was not caught");
    }
}

// row: TRAP-17, CTL-05
#[test]
fn a_receive_dropped_while_it_flushes_is_flushed_by_the_next() {
    // Read, write, and a flush that pends.
    let mut transport = Transport::new(b"\x89\x00");
    transport.ends = false;
    transport.pends = vec![0, 0, 5];
    let mut connection = connection(transport);
    assert!(poll_times(1, connection.recv()).is_none());
    let io = connection.writer.io();
    assert_eq!((io.written.len(), io.flushed), (6, 0));
    assert!(poll_times(20, connection.recv()).is_none());
    assert_eq!(connection.writer.io().flushed, 6);
}

/// "the sample nonce" of RFC 6455 §1.3.
struct SampleNonce;

impl Entropy for SampleNonce {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        octets.copy_from_slice(b"the sample nonce");
        Ok(())
    }
}

type Opened<'t> = (
    asynch::Connection<&'t mut Transport, Client, [u8; 140], [u8; 139], Keys>,
    Established,
);

fn open<'t>(request: &Request<'_>, io: &'t mut Transport, polls: usize) -> Option<Opened<'t>> {
    let handshake = ClientHandshake::new(request, (), &mut SampleNonce).unwrap();
    let receiver = Receiver::new([0xa5; 140]);
    let sender = Sender::new([0xa5; 139], Keys::default());
    let opened = poll_times(
        polls,
        asynch::Connection::open(io, handshake, receiver, sender),
    );
    opened.map(|opened| opened.expect("open"))
}

// row: STA-05, REQ-11, RSP-16
#[test]
fn opening_dropped_at_any_point_sends_a_part_of_the_request_and_nothing_else() {
    let answer =
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x05Hello";
    let request = Request::new(Uri::parse("ws://h/").unwrap());
    for schedule in 0..SCHEDULES.len() {
        let mut whole = transport(answer, schedule);
        let (mut connection, _) = open(&request, &mut whole, 100_000).expect("ready");
        let hello = block_on(connection.recv())
            .unwrap()
            .map(|message| message.octets().to_vec());
        assert_eq!(hello, Some(b"Hello".to_vec()));
        let wanted = whole.written.clone();
        assert!(wanted.starts_with(b"GET / HTTP/1.1\r\n") && wanted.ends_with(b"\r\n\r\n"));
        let mut opened = 0;
        for polls in 0..2000 {
            let mut io = transport(answer, schedule);
            opened += u32::from(open(&request, &mut io, polls).is_some());
            assert!(wanted.starts_with(&io.written));
            if opened > 3 {
                break;
            }
        }
        assert!(opened > 3);
    }
}

/// The halves of a connection to which `incoming` arrives two octets at a time, and nothing after.
fn halves(
    incoming: &[u8],
    shared: &Shared,
    test: impl FnOnce(&mut asynch::Reader<Client, [u8; 40]>, Half<'_>),
) {
    let mut reading = transport(incoming, 0);
    reading.reads = vec![2];
    reading.ends = false;
    let answering = Answering::Right;
    let mut reader = asynch::Reader::new(Receiver::new([0xa5; 40]));
    test(
        &mut reader,
        Half {
            reading,
            shared,
            answering,
        },
    );
}

fn shared() -> Shared {
    let sender = Sender::new([0xa5; 139], Keys::default());
    Shared::new(asynch::Writer::new(transport(&[], 0), sender))
}

// row: STA-06, CTL-05
#[test]
fn a_reply_leaves_when_the_sender_is_free_though_nothing_more_arrives() {
    let shared = shared();
    halves(b"\x89\x00", &shared, |reader, mut half| {
        let held = shared.try_lock().unwrap();
        let mut recv = pin!(reader.recv(&mut half));
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..20 {
            assert!(recv.as_mut().poll(&mut cx).is_pending());
        }
        assert!(held.io().written.is_empty());
        drop(held);
        for _ in 0..20 {
            assert!(recv.as_mut().poll(&mut cx).is_pending());
        }
        let sent = Stream::of_client(&shared.try_lock().unwrap().io().written);
        assert_eq!(sent.messages(), [Sent::Pong(vec![])]);
    });
}

// row: STA-06, TRAP-09
#[test]
fn data_arrives_though_a_reply_waits_for_the_sender() {
    let shared = shared();
    halves(
        b"\x89\x00\x89\x00\x81\x02ab",
        &shared,
        |reader, mut half| {
            let held = shared.try_lock().unwrap();
            let message = poll_times(100, reader.recv(&mut half)).expect("ready");
            assert_eq!(message, Ok(Some(bare_ws::message::Message::Text("ab"))));
            assert!(held.io().written.is_empty());
        },
    );
}

// row: STA-06, TRAP-09
#[test]
fn what_is_buffered_is_delivered_though_a_reply_waits_for_the_sender() {
    // One read fills the buffer: a Ping, a text, the beginning of another.
    let incoming = [
        &b"\x89\x00\x81\x0b"[..],
        &[b'x'; 11],
        b"\x81\x7d",
        &[b'y'; 23],
    ]
    .concat();
    assert_eq!(incoming.len(), 40);
    let shared = shared();
    halves(&incoming, &shared, |reader, mut half| {
        half.reading.reads = vec![usize::MAX];
        let held = shared.try_lock().unwrap();
        let message = poll_times(100, reader.recv(&mut half)).expect("ready");
        assert_eq!(
            message,
            Ok(Some(bare_ws::message::Message::Text("xxxxxxxxxxx")))
        );
        assert!(held.io().written.is_empty());
    });
}

// row: CLS-17, STA-04
#[test]
fn draining_dropped_at_any_point_goes_on() {
    for schedule in 0..SCHEDULES.len() {
        for polls in 1..8 {
            let mut octets = script();
            octets.extend([0x81; 500]);
            let mut connection = connection(transport(&octets, schedule));
            while block_on(connection.recv()).unwrap().is_some() {}
            let mut drops = 0;
            while poll_times(polls, connection.reader.drain(&mut connection.writer)).is_none() {
                drops += 1;
                assert!(drops < 10_000);
            }
            assert!(connection.writer.io().incoming.is_empty());
            assert_eq!(block_on(connection.recv()), Ok(None));
        }
    }
}
