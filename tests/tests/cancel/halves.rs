//! Two halves, with links that are cancel-safe, and with some that are not on purpose.

use crate::*;

/// The writer, shared by tasks.
type Shared = Mutex<NoopRawMutex, Writer>;

/// How a link answers. All but the first are wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answering {
    Right,
    /// Takes the reply into a local variable, then waits.
    SavesTheReply,
    /// Queues the reply, waits until it is written, then takes it.
    TakesLate,
    /// Has read, and waits for the sender all the same.
    DropsWhatItRead,
}

/// The reading half of a split connection.
struct Link<'a> {
    reading: Half,
    shared: &'a Shared,
    answering: Answering,
}

impl Link<'_> {
    /// Answers, when the sender is free.
    async fn answer(
        shared: &Shared,
        answering: Answering,
        owed: &mut Owed,
    ) -> Result<Exchanged, Error<IoError>> {
        if answering == Answering::SavesTheReply
            && let Some(Reply::Pong(payload)) = owed.reply()
        {
            let payload = payload.to_vec();
            owed.mark_queued();
            shared.lock().await.pong(&payload).await?;
            return Ok(Exchanged::Wrote);
        }
        let mut writer = shared.lock().await;
        if answering == Answering::TakesLate {
            while let Some(reply) = owed.reply() {
                let queued = writer.sender_mut().reply(reply)?;
                writer.flush().await?;
                if queued {
                    owed.mark_queued();
                }
            }
        }
        let exchanged = writer.exchange(owed, &mut [], Patience::Wait).await;
        exchanged.map_err(Error::from)
    }
}

impl asynch::Link for Link<'_> {
    type Error = IoError;

    fn has_queued(&self) -> bool {
        self.shared
            .try_lock()
            .is_ok_and(|writer| writer.has_queued())
    }

    async fn exchange(
        &mut self,
        owed: &mut Owed,
        spare: &mut [u8],
        patience: Patience,
    ) -> Result<Exchanged, ExchangeError<IoError>> {
        let writes = owed.is_due() || self.has_queued();
        let reads = patience == Patience::Wait && !spare.is_empty();
        let mut write = pin!(Self::answer(self.shared, self.answering, owed));
        let mut read = pin!(embedded_io_async::Read::read(&mut self.reading, spare));
        let exchanged = poll_fn(|cx| {
            if writes && let Poll::Ready(wrote) = write.as_mut().poll(cx) {
                return Poll::Ready(wrote);
            }
            if reads {
                let read = read.as_mut().poll(cx).map_ok(Exchanged::Read);
                read.map_err(Error::Transport)
            } else if writes && patience == Patience::Wait {
                Poll::Pending
            } else {
                Poll::Ready(Ok(Exchanged::Wrote))
            }
        })
        .await;
        let exchanged = match exchanged {
            Ok(Exchanged::Read(_)) if writes && self.answering == Answering::DropsWhatItRead => {
                write.await
            }
            exchanged => exchanged,
        };
        exchanged.map_err(|error| match error {
            Error::Transport(error) => ExchangeError::Transport(error),
            _ => ExchangeError::Entropy,
        })
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
        transport(&[], schedule).halves(),
        Sender::new([0xa5; 139], Keys::default()),
    ));
    let mut reader = asynch::Reader::new(Receive::new([0xa5; 40]));
    let reading = transport(&before_close(), schedule).halves().0;
    let mut half = Link {
        reading: reading.clone(),
        shared: &shared,
        answering,
    };
    // The peer closes only when everything else is done: before that the last Ping has to be
    // answered, after it (§5.5.2) it has not.
    reading.get_mut().ends = false;
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
            let mut reading = reading.get_mut();
            reading.incoming.extend(CLOSE);
            reading.ends = true;
        }
        let mut recv = pin!(reader.recv(&mut half));
        let mut got = None;
        for _ in 0..polls {
            other.poll()?;
            if let Poll::Ready(ready) = recv.as_mut().poll(&mut cx) {
                let owned = |message: bare_ws::message::Message<'_>| {
                    (message.kind(), message.as_bytes().to_vec())
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
    let stream = Stream::of_client(&writer.io().0.get().written);
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

/// The halves of a connection to which `incoming` arrives two octets at a time, and nothing after.
fn halves(
    incoming: &[u8],
    shared: &Shared,
    test: impl FnOnce(&mut asynch::Reader<Receive>, Link<'_>),
) {
    let mut reading = transport(incoming, 0);
    reading.reads = vec![2];
    reading.ends = false;
    let answering = Answering::Right;
    let mut reader = asynch::Reader::new(Receiver::new([0xa5; 40]));
    test(
        &mut reader,
        Link {
            reading: reading.halves().0,
            shared,
            answering,
        },
    );
}

fn shared() -> Shared {
    let sender = Sender::new([0xa5; 139], Keys::default());
    Shared::new(Writer::new(transport(&[], 0).halves(), sender))
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
        assert!(held.io().0.get().written.is_empty());
        drop(held);
        for _ in 0..20 {
            assert!(recv.as_mut().poll(&mut cx).is_pending());
        }
        let sent = Stream::of_client(&shared.try_lock().unwrap().io().0.get().written);
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
            assert!(held.io().0.get().written.is_empty());
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
        half.reading.get_mut().reads = vec![usize::MAX];
        let held = shared.try_lock().unwrap();
        let message = poll_times(100, reader.recv(&mut half)).expect("ready");
        assert_eq!(
            message,
            Ok(Some(bare_ws::message::Message::Text("xxxxxxxxxxx")))
        );
        assert!(held.io().0.get().written.is_empty());
    });
}
