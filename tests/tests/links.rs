//! What the loops ask of whoever moves octets for them, and what they make of the answers.

use core::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use bare_ws::closing::Owed;
use bare_ws::compression::{Decompress, Decompressed};
use bare_ws::error::{Error, Violation};
use bare_ws::exchange::{ExchangeError, Exchanged, Patience};
use bare_ws::receiver::{Delivery, Receiver};
use bare_ws::role::Client;
use bare_ws::sender::Sender;
use bare_ws::{asynch, blocking};
use bare_ws_tests::io::{Fault, IoError, Transport};
use bare_ws_tests::laws::Keys;
use bare_ws_tests::poll::block_on;

/// Gives what it is told to give, one after the other, and notes what it was asked for. Whatever is owed is queued,
/// unless there is no entropy.
#[derive(Default)]
struct Script<const KNOWS_TIME: bool> {
    gives: VecDeque<Gives>,
    asked: Vec<Patience>,
    /// For how many exchanges something is queued still.
    queued: usize,
    without_entropy: bool,
}

#[derive(Clone, Copy)]
enum Gives {
    Octets(&'static [u8]),
    /// Nothing more is there at the moment.
    Pause,
}
use Gives::{Octets, Pause};

impl<const KNOWS_TIME: bool> Script<KNOWS_TIME> {
    fn new(gives: &[Gives]) -> Self {
        Self {
            gives: gives.iter().copied().collect(),
            ..Self::default()
        }
    }

    fn answer(
        &mut self,
        owed: &mut Owed,
        spare: &mut [u8],
        patience: Patience,
    ) -> Result<Exchanged, ExchangeError<IoError>> {
        self.asked.push(patience);
        assert!(self.asked.len() < 100, "an endless loop: {:?}", self.asked);
        self.queued = self.queued.saturating_sub(1);
        if owed.is_due() {
            if self.without_entropy {
                return Err(ExchangeError::Entropy);
            }
            owed.mark_queued();
        }
        if patience == Patience::AtOnce || spare.is_empty() {
            return Ok(Exchanged::Wrote);
        }
        match self.gives.pop_front() {
            Some(Octets(octets)) => {
                spare[..octets.len()].copy_from_slice(octets);
                Ok(Exchanged::Read(octets.len()))
            }
            Some(Pause) => Ok(Exchanged::Wrote),
            None => Ok(Exchanged::Read(0)),
        }
    }
}

impl<const TIME: bool> blocking::Link for Script<TIME> {
    type Error = IoError;
    const KNOWS_TIME: bool = TIME;

    fn has_queued(&self) -> bool {
        self.queued > 0
    }

    fn exchange(
        &mut self,
        owed: &mut Owed,
        spare: &mut [u8],
        patience: Patience,
    ) -> Result<Exchanged, ExchangeError<IoError>> {
        self.answer(owed, spare, patience)
    }
}

impl<const TIME: bool> asynch::Link for Script<TIME> {
    type Error = IoError;
    const KNOWS_TIME: bool = TIME;

    fn has_queued(&self) -> bool {
        self.queued > 0
    }

    async fn exchange(
        &mut self,
        owed: &mut Owed,
        spare: &mut [u8],
        patience: Patience,
    ) -> Result<Exchanged, ExchangeError<IoError>> {
        self.answer(owed, spare, patience)
    }
}

fn receiver() -> Receiver<Client, [u8; 64]> {
    Receiver::new([0; 64])
}

type Outcome = Result<bool, Error<IoError>>;

/// What so many calls of either loop come to, and what they ask for.
fn both<const TIME: bool>(
    delivery: Delivery,
    calls: usize,
    gives: &[Gives],
) -> [(Vec<Outcome>, Vec<Patience>); 2] {
    let mut link = Script::<TIME>::new(gives);
    let mut reader = blocking::Reader::new(receiver());
    let blocking = (0..calls)
        .map(|_| reader.advance(&mut link, delivery))
        .collect();
    let asked = link.asked;
    let mut link = Script::<TIME>::new(gives);
    let mut reader = asynch::Reader::new(receiver());
    let asynch = (0..calls)
        .map(|_| block_on(reader.advance(&mut link, delivery)))
        .collect();
    [(blocking, asked), (asynch, link.asked)]
}

const INVALID: Outcome = Err(Error::Peer(Violation::InvalidUtf8));

#[test]
fn a_link_is_asked_for_no_more_than_is_needed() {
    use Delivery::{Frame, Message};
    use Patience::{AtOnce, Moment, Wait};
    type Row = (
        &'static str,
        Delivery,
        &'static [Gives],
        &'static [Outcome],
        &'static [Patience],
        &'static [Patience],
    );
    let rows: &[Row] = &[
        (
            "octets are not looked at before they are there whole",
            Message,
            &[Octets(b"\x82\x03a"), Octets(b"bc")],
            &[Ok(true)],
            &[Wait, Wait],
            &[Wait, Wait],
        ),
        (
            "text that goes on without a pause is not, either",
            Message,
            &[Octets(b"\x81\x03a"), Octets(b"bc")],
            &[Ok(true)],
            &[Wait, Wait],
            &[Wait, Moment],
        ),
        (
            "an answer is no pause",
            Message,
            &[Octets(b"\x01\x01a\x89\x00"), Octets(b"\x80\x01b")],
            &[Ok(true)],
            &[Wait, AtOnce, Wait],
            &[Wait, AtOnce, Moment],
        ),
        (
            "each frame is answered before the next, and nothing is asked for where one is there",
            Frame,
            &[Octets(b"\x89\x01a\x81\x01b\x82\x00")],
            &[Ok(true), Ok(true), Ok(true)],
            &[Wait, AtOnce],
            &[Wait, AtOnce],
        ),
    ];
    for (name, delivery, gives, outcomes, without, with) in rows {
        for (got, asked) in both::<false>(*delivery, outcomes.len(), gives) {
            assert_eq!((&got[..], &asked[..]), (*outcomes, *without), "{name}");
        }
        for (got, asked) in both::<true>(*delivery, outcomes.len(), gives) {
            assert_eq!(
                (&got[..], &asked[..]),
                (*outcomes, *with),
                "{name}, with time"
            );
        }
    }
    // Text is looked at in a pause.
    let gives = [Octets(b"\x81\x03\xff"), Pause, Octets(b"bc")];
    for (got, asked) in both::<true>(Message, 1, &gives) {
        assert_eq!(
            (&got[..], &asked[..]),
            (&[INVALID][..], &[Wait, Moment, AtOnce][..])
        );
    }
    let gives = [Octets(b"\x81\x03a"), Pause, Octets(b"bc")];
    for (got, asked) in both::<true>(Message, 1, &gives) {
        assert_eq!(
            (&got[..], &asked[..]),
            (&[Ok(true)][..], &[Wait, Moment, Wait][..])
        );
    }
}

#[test]
fn what_a_look_announces_is_there_and_nothing_else() {
    use Delivery::{Chunk, Frame, Message};
    let rows: &[(&[u8], Delivery, bool)] = &[
        (b"", Message, false),
        (b"\x81\x02a", Message, false),
        (b"\x81\x02ab", Message, true),
        (b"\x81\x02a", Chunk, true),
        (b"\x81\x02ab", Frame, true),
        // A Close is no message.
        (b"\x88\x00", Message, false),
        // Nor is what breaks the rules.
        (b"\x83\x00", Message, false),
    ];
    for (octets, delivery, announced) in rows {
        let mut reader = asynch::Reader::new(receiver());
        let receiver = reader.receiver_mut();
        receiver.spare()[..octets.len()].copy_from_slice(octets);
        receiver.commit(octets.len());
        let look = reader.look(*delivery);
        assert_eq!(look.is_announced(), *announced, "{octets:x?}, {delivery:?}");
    }
}

/// Without time there is no later look.
#[test]
fn what_was_looked_at_before_is_looked_at_again_where_time_is_not_known() {
    let mut reader = asynch::Reader::new(receiver());
    let receiver = reader.receiver_mut();
    receiver.spare()[..3].copy_from_slice(b"\x81\x03\xff");
    receiver.commit(3);
    let look = reader.look(Delivery::Message);
    assert!(!look.is_announced());
    let mut link = Script::<false>::new(&[Octets(b"bc")]);
    let got = block_on(reader.resume(&mut link, Delivery::Message, look));
    assert_eq!((got, &link.asked[..]), (INVALID, &[Patience::AtOnce][..]));
}

#[test]
fn a_close_for_which_there_is_no_entropy_hides_nothing() {
    let failure: Outcome = Err(Error::Peer(Violation::ReservedOpcode));
    let script = || {
        let mut link = Script::<false>::new(&[Octets(b"\x83\x00")]);
        link.without_entropy = true;
        link
    };
    let mut reader = blocking::Reader::new(receiver());
    assert_eq!(reader.advance(&mut script(), Delivery::Message), failure);
    let mut reader = asynch::Reader::new(receiver());
    let got = block_on(reader.advance(&mut script(), Delivery::Message));
    assert_eq!(got, failure);
    // Where the connection is open, it is told.
    let script = || {
        let mut link = script();
        link.gives = [Octets(b"\x89\x00")].into();
        link
    };
    let mut reader = blocking::Reader::new(receiver());
    let got = reader.advance(&mut script(), Delivery::Message);
    assert_eq!(got, Err(Error::Entropy));
    let mut reader = asynch::Reader::new(receiver());
    let got = block_on(reader.advance(&mut script(), Delivery::Message));
    assert_eq!(got, Err(Error::Entropy));
}

/// Also where what has arrived fills all memory.
#[test]
fn that_there_is_no_entropy_is_told_however_full_memory_is() {
    static PING: [u8; 64] = {
        let mut octets = [0; 64];
        octets[0] = 0x89;
        octets[2] = 0x82;
        octets[3] = 60;
        octets
    };
    let script = || {
        let mut link = Script::<false>::new(&[Octets(&PING)]);
        link.without_entropy = true;
        link
    };
    let (mut blocking, mut asynch) = (script(), script());
    let mut reader = blocking::Reader::new(receiver());
    let got = [(); 2].map(|()| reader.advance(&mut blocking, Delivery::Frame));
    assert_eq!(got, [Ok(true), Err(Error::Entropy)]);
    let mut reader = asynch::Reader::new(receiver());
    let got = [(); 2].map(|()| block_on(reader.advance(&mut asynch, Delivery::Frame)));
    assert_eq!(got, [Ok(true), Err(Error::Entropy)]);
}

/// Gives its input as it is, and notes how much it was given each time.
#[derive(Clone, Default)]
struct Noted {
    given: Rc<RefCell<Vec<usize>>>,
    output: Vec<u8>,
}

impl Decompress for Noted {
    fn is_active(&self) -> bool {
        true
    }

    fn begin(&mut self, _: bool) {}

    fn decompress(&mut self, input: &[u8], _: bool) -> Result<Decompressed, Error> {
        if !input.is_empty() {
            self.given.borrow_mut().push(input.len());
        }
        self.output.extend_from_slice(input);
        Ok(Decompressed {
            consumed: input.len(),
            finished: true,
        })
    }

    fn output(&self) -> &[u8] {
        &self.output
    }

    fn release(&mut self) {
        self.output.clear();
    }
}

/// What a stage is given of compressed messages, in which pieces, and after how many exchanges something is announced.
fn given<const TIME: bool>(
    memory: usize,
    delivery: Delivery,
    gives: &[Gives],
) -> (Vec<usize>, Vec<usize>) {
    let mut both = Vec::new();
    for is_asynch in [false, true] {
        let stage = Noted::default();
        let given = Rc::clone(&stage.given);
        let receiver = Receiver::<Client, _, _>::with_stage(vec![0; memory], stage);
        let mut link = Script::<TIME>::new(gives);
        let mut announced = Vec::new();
        let mut next: Box<dyn FnMut(&mut Script<TIME>) -> Outcome> = if is_asynch {
            let mut reader = asynch::Reader::new(receiver);
            Box::new(move |link| block_on(reader.advance(link, delivery)))
        } else {
            let mut reader = blocking::Reader::new(receiver);
            Box::new(move |link| reader.advance(link, delivery))
        };
        loop {
            match next(&mut link) {
                // The script is over.
                Err(Error::Lost) => break,
                got => assert_eq!(got, Ok(true)),
            }
            announced.push(link.asked.len());
        }
        both.push((given.take(), announced));
    }
    assert_eq!(both[0], both[1], "both loops are alike");
    both.swap_remove(0)
}

/// An engine decodes them faster together: that is counted, not timed.
// row: PMD-12, LIM-03
#[test]
fn compressed_octets_are_decompressed_together_where_they_come_without_a_pause() {
    use Delivery::{Chunk, Message};
    static ZEROS: [u8; 100_000] = [0; 100_000];
    const THREE: Gives = Octets(b"\xc2\x03");
    const SIXTY: Gives = Octets(b"\xc2\x3c");
    const LONG: Gives = Octets(b"\xc2\x7f\0\0\0\0\x00\x02\x00\x00");
    let zeros = |len: usize| Octets(&ZEROS[..len]);
    type Row<'a> = (
        &'a str,
        usize,
        Delivery,
        &'a [Gives],
        &'a [usize],
        &'a [usize],
    );
    let rows: &[Row<'_>] = &[
        ("whole", 64, Message, &[THREE, zeros(3)], &[3], &[2]),
        ("cut", 64, Message, &[THREE, zeros(1), zeros(2)], &[3], &[3]),
        (
            "a pause",
            64,
            Message,
            &[THREE, zeros(1), Pause, zeros(2)],
            &[1, 2],
            &[4],
        ),
        (
            "pieces as they come",
            64,
            Chunk,
            &[THREE, zeros(1), zeros(2)],
            &[1, 2],
            &[2, 3],
        ),
        (
            "the end",
            64,
            Message,
            &[THREE, zeros(1), zeros(1)],
            &[2],
            &[],
        ),
        (
            "one after another",
            64,
            Message,
            &[THREE, zeros(3), THREE, zeros(1), zeros(2)],
            &[3, 3],
            &[2, 5],
        ),
        // No more can be there than memory has beside a header.
        (
            "memory is full",
            64,
            Message,
            &[SIXTY, zeros(49), zeros(1), zeros(10)],
            &[50, 10],
            &[4],
        ),
        (
            "it is enough",
            200_000,
            Message,
            &[LONG, zeros(65_535), zeros(1), zeros(65_535), zeros(1)],
            &[65_536, 65_536],
            &[5],
        ),
    ];
    for (name, memory, delivery, gives, pieces, announced) in rows {
        assert_eq!(
            given::<true>(*memory, *delivery, gives),
            (pieces.to_vec(), announced.to_vec()),
            "{name}"
        );
    }
    // Without time each is looked at as it comes.
    let gives = [THREE, zeros(1), zeros(2)];
    let pieces = (vec![1, 2], vec![3]);
    assert_eq!(given::<false>(64, Message, &gives), pieces);
}

// row: CLS-08, CLS-17
#[test]
fn the_end_is_read_and_what_is_left_gets_two_more_tries() {
    // For how many exchanges something is left; how many there are, one of which reads the end.
    for (queued, exchanges) in [(0, 2), (1, 2), (2, 2), (3, 3), (4, 4), (5, 4), (99, 4)] {
        let gives = [Octets(b"discarded")];
        let mut link = Script::<false>::new(&gives);
        link.queued = queued;
        assert_eq!(blocking::Reader::new(receiver()).finish(&mut link), Ok(()));
        assert_eq!(link.asked.len(), exchanges, "{queued}");
        let mut link = Script::<false>::new(&gives);
        link.queued = queued;
        let mut reader = asynch::Reader::new(receiver());
        assert_eq!(block_on(reader.finish(&mut link)), Ok(()));
        assert_eq!(link.asked.len(), exchanges, "{queued}");
    }
    // With no memory to read to there is one more look for some.
    let mut link = Script::<false>::new(&[]);
    let mut reader = blocking::Reader::new(Receiver::<Client, _>::new([0; 0]));
    assert_eq!(reader.finish(&mut link), Ok(()));
    assert_eq!(link.asked.len(), 2);
}

// row: CTL-05, TRAP-16
#[test]
fn a_blocking_link_reads_while_the_peer_takes_nothing() {
    use blocking::Link as _;
    let writer = |transport: Transport| {
        let sender = Sender::<Client, _, _>::new([0; 139], Keys::default());
        blocking::Writer::new(transport, sender)
    };
    let mut owed = Owed::default();
    let mut stalled = Transport::new(b"abc");
    stalled.room = 0;
    let mut mute = Transport::new(b"abc");
    mute.is_mute = true;
    for (transport, nowhere) in [
        (stalled, Err(ExchangeError::Transport(IoError::WouldBlock))),
        (mute, Ok(Exchanged::Wrote)),
    ] {
        let mut link = writer(transport);
        assert!(!link.has_queued());
        assert_eq!(link.sender_mut().ping(b""), Ok(true));
        for (patience, spare, expected) in [
            (Patience::AtOnce, 0, Ok(Exchanged::Wrote)),
            (Patience::AtOnce, 2, Ok(Exchanged::Wrote)),
            (Patience::Wait, 0, nowhere),
            (Patience::Wait, 2, Ok(Exchanged::Read(2))),
        ] {
            let got = link.exchange(&mut owed, &mut [0; 2][..spare], patience);
            assert_eq!(got, expected, "{patience:?}, {spare}");
            assert!(link.has_queued());
        }
    }
    // What was written is not gone before it is flushed.
    let mut transport = Transport::new(b"");
    transport.fault = Some((1, Fault::Once));
    let mut link = writer(transport);
    assert_eq!(link.sender_mut().ping(b""), Ok(true));
    for is_left in [true, false] {
        let got = link.exchange(&mut owed, &mut [], Patience::AtOnce);
        assert_eq!((got, link.has_queued()), (Ok(Exchanged::Wrote), is_left));
        assert_eq!(link.io().written.len(), 6);
    }
    assert_eq!(link.io().flushed, 6);
}
