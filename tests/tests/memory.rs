//! Memory that grows: by what arrived, never by what was declared, and never past its limit.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use std::alloc::System;

use bare_ws::blocking::{Reader, Writer};
use bare_ws::buffer::{Growing, Storage};
use bare_ws::error::Error;
use bare_ws::message::{Message, MessageKind};
use bare_ws::receiver::{Delivery, Receiver, Step};
use bare_ws::role::Client;
use bare_ws::sender::Sender;
use bare_ws_tests::laws::Keys;

/// The system's allocator, which counts what each thread holds, and the most of it, and has an end.
struct Counting;

/// More at a time is not there: where a limit fails, the machine's memory is not tried out.
const MOST_AT_ONCE: usize = 1 << 30;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static MOST: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn more(octets: usize) {
    let held = HELD.get() + octets;
    HELD.set(held);
    MOST.set(MOST.get().max(held));
}

fn less(octets: usize) {
    HELD.set(HELD.get().saturating_sub(octets));
}

#[expect(unsafe_code, reason = "an allocator is")]
// SAFETY: everything is the system allocator's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > MOST_AT_ONCE {
            return core::ptr::null_mut();
        }
        more(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        less(layout.size());
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, len: usize) -> *mut u8 {
        if len > MOST_AT_ONCE {
            return core::ptr::null_mut();
        }
        // Both may be there for a moment.
        more(len);
        less(layout.size());
        unsafe { System.realloc(at, layout, len) }
    }
}

/// How many octets more than before were held at one time.
fn most<T>(act: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    MOST.set(before);
    let value = act();
    (value, MOST.get() - before)
}

/// The header of a server's frame.
fn header(first: u8, len: u64) -> Vec<u8> {
    match len {
        0..126 => vec![first, len as u8],
        126..0x1_0000 => [&[first, 126][..], &(len as u16).to_be_bytes()].concat(),
        _ => [&[first, 127][..], &len.to_be_bytes()].concat(),
    }
}

/// Gives octets as they are asked for, and tells what comes of it.
fn receive<B: Storage>(
    receiver: &mut Receiver<Client, B>,
    delivery: Delivery,
    octets: &[u8],
) -> Result<Step, Error> {
    let mut rest = octets;
    loop {
        match receiver.step(delivery)? {
            Step::NeedOctets if rest.is_empty() => return Ok(Step::NeedOctets),
            Step::NeedOctets => {
                let spare = receiver.spare();
                let n = spare.len().min(rest.len());
                assert!(n > 0, "room for {} octets more", rest.len());
                spare[..n].copy_from_slice(&rest[..n]);
                receiver.commit(n);
                rest = &rest[n..];
            }
            Step::ReplyDue => receiver.owed().mark_queued(),
            step if rest.is_empty() => return Ok(step),
            _ => {}
        }
    }
}

const DECLARED: [u64; 6] = [
    1 << 16,
    1 << 20,
    (16 << 20) - 64,
    1 << 26,
    1 << 40,
    (1 << 63) - 1,
];

// row: TRAP-13, LIM-01
#[test]
fn memory_is_taken_by_what_arrived_and_not_by_what_is_declared() {
    for len in DECLARED {
        for delivery in [Delivery::Message, Delivery::Chunk] {
            for arrived in [0, 1, 1000, 100_000] {
                let payload = vec![0x61; arrived.min(len as usize)];
                let octets = [header(0x82, len), payload].concat();
                let (_, held) = most(|| {
                    let mut receiver = Receiver::<Client, _>::new(Growing::default());
                    receiver.set_limits(bare_ws::receiver::Limits::default());
                    receive(&mut receiver, delivery, &octets)
                });
                // Twice as much when it grows, and the old memory beside the new.
                let lawful = 1024 + 3 * (octets.len() + 200);
                assert!(held <= lawful, "{len} {delivery:?} {arrived}: {held}");
            }
        }
    }
}

// row: LIM-01
#[test]
fn long_messages_take_a_read_each_and_the_last_read_shows_that_nothing_more_is_there() {
    const MESSAGES: usize = 16;
    for (len, begin) in [
        (20_000, 0),
        (65_536, 0),
        (1 << 20, 0),
        (20_000, 1 << 18),
        (65_536, 1 << 18),
    ] {
        let frame = [header(0x82, len as u64), vec![0x61; len]].concat();
        let octets = frame.repeat(MESSAGES);
        let mut rest = &octets[..];
        let mut receiver = Receiver::<Client, _>::new(Growing::with_len(begin));
        let mut reads = Vec::new();
        let mut seen = 0;
        let mut is_filled = true;
        while seen < MESSAGES {
            match receiver.step(Delivery::Message) {
                Ok(Step::NeedOctets) => {
                    let spare = receiver.spare();
                    let n = spare.len().min(rest.len());
                    is_filled = n == spare.len();
                    spare[..n].copy_from_slice(&rest[..n]);
                    receiver.commit(n);
                    rest = &rest[n..];
                    reads.push(seen);
                }
                Ok(Step::Message) => {
                    seen += 1;
                    // Once it is known how long they are, little more than each is read.
                    let ahead = receiver.unparsed().len();
                    assert!(ahead <= 1 << 10 || seen < 4, "{len}: {ahead}");
                }
                step => panic!("{len}: {step:?}"),
            }
        }
        assert!(!is_filled, "{len}: whoever reads once more waits in vain");
        // The memory grows during the first.
        let later = reads.iter().filter(|seen| **seen > 0).count();
        assert!(later <= MESSAGES, "{len}: {later} reads");
    }
}

// row: LIM-01
#[test]
fn many_small_messages_arrive_in_reads_of_64_kib_for_as_long_as_they_are_many() {
    let octets = [header(0x82, 125), vec![0x61; 125]].concat().repeat(4096);
    let mut receiver = Receiver::<Client, _>::new(Growing::with_len(4096));
    // Gives the lengths of the reads that `octets` took, of which at most `most` are there at a time.
    let mut read = |octets: &[u8], most: usize| {
        let (mut reads, mut rest) = (Vec::new(), octets);
        while !rest.is_empty() {
            match receiver.step(Delivery::Message) {
                Ok(Step::NeedOctets) => {
                    let spare = receiver.spare();
                    let n = spare.len().min(rest.len()).min(most);
                    spare[..n].copy_from_slice(&rest[..n]);
                    receiver.commit(n);
                    rest = &rest[n..];
                    reads.push(n);
                }
                step => assert_eq!(step, Ok(Step::Message)),
            }
        }
        reads
    };
    let reads = read(&octets, usize::MAX);
    // Twice as much each time.
    let (first, last) = reads.split_at(5);
    assert!(first.is_sorted() && first[0] == 4096, "{first:?}");
    let (_, last) = last.split_last().expect("the rest");
    assert!(last.iter().all(|n| *n > 64_000), "{last:?}");
    assert!(last.iter().all(|n| *n <= 64 << 10), "{last:?}");
    // A few at a time need less: after so many rounds there is no room for more than twice as much.
    read(&octets[..127 * 100], 127);
    let reads = read(&octets[..4096], usize::MAX);
    assert!(reads[0] <= 4096, "{reads:?}");
}

/// What has arrived moves, though the rest of it has room, where little more has, and what was released is much and no
/// less than what moves.
// row: LIM-01
#[test]
fn what_has_arrived_moves_to_make_room_for_a_long_read() {
    const MUCH: usize = 32 << 10;
    // With the header of the second, four octets more are released, and as many less move.
    for (released, arrived, free, moves) in [
        (MUCH - 4, 200, MUCH - 1, true),
        (MUCH - 4, 200, MUCH, false),
        (MUCH - 5, 200, MUCH - 1, false),
        (MUCH - 4, MUCH + 4, 1000, true),
        (MUCH - 4, MUCH + 5, 1000, false),
    ] {
        let memory = vec![0; released + arrived + free].into_boxed_slice();
        let mut receiver = Receiver::<Client, _>::new(memory);
        // A message, and all but one octet of another, each behind a header of four.
        let first = [header(0x82, released as u64 - 4), vec![7; released - 4]].concat();
        let second = [header(0x82, arrived as u64 - 3), vec![8; arrived - 4]].concat();
        let octets = [first, second].concat();
        assert_eq!(octets.len(), released + arrived);
        for piece in octets.chunks(1000) {
            receiver.spare()[..piece.len()].copy_from_slice(piece);
            receiver.commit(piece.len());
        }
        assert_eq!(receiver.step(Delivery::Message), Ok(Step::Message));
        assert_eq!(receiver.step(Delivery::Message), Ok(Step::NeedOctets));
        let room = receiver.spare().len();
        assert_eq!(room > free, moves, "{released} {arrived} {free}: {room}");
        let step = receive(&mut receiver, Delivery::Message, &[8]);
        assert_eq!(step, Ok(Step::Message));
        let message = receiver.message().expect("binary").expect("one");
        assert_eq!(message.as_bytes(), vec![8; arrived - 3]);
    }
}

/// What is read ahead must move when the next message needs the room.
// row: LIM-01
#[test]
fn behind_a_long_frame_little_is_read_ahead() {
    // Behind one of middle length, one as long and a header, in units of 1 KiB.
    for (len, ahead) in [
        (100, 64 << 10),
        (16 << 10, 64 << 10),
        ((16 << 10) + 1, 17 << 10),
        (30_000, 30 << 10),
        ((30 << 10) - 29, 30 << 10),
        ((30 << 10) - 28, 30 << 10),
        ((30 << 10) - 27, 31 << 10),
        (64 << 10, 65 << 10),
        ((64 << 10) + 1, 1 << 10),
        (1 << 20, 1 << 10),
    ] {
        let mut receiver = Receiver::<Client, _>::new(vec![0; 2 << 20].into_boxed_slice());
        let octets = [header(0x82, len), vec![0; len as usize]].concat();
        let step = receive(&mut receiver, Delivery::Message, &octets);
        assert_eq!(step, Ok(Step::Message));
        assert_eq!(receiver.step(Delivery::Message), Ok(Step::NeedOctets));
        assert_eq!(receiver.spare().len(), ahead, "{len}");
    }
}

/// All of it would move over its header.
// row: LIM-01
#[test]
fn a_frame_that_fits_without_its_header_alone_is_not_read_at_once() {
    const LEN: usize = 64 << 10;
    for (memory, ahead) in [
        (LEN, 1 << 10),
        (LEN + 27, 1 << 10),
        (LEN + 28, LEN + 28),
        (LEN + 2000, LEN + 1024),
    ] {
        let mut receiver = Receiver::<Client, _>::new(Growing::with_len(memory));
        for piece in [header(0x82, LEN as u64), vec![7; 1000], vec![7; LEN - 1000]] {
            let _ = receive(&mut receiver, Delivery::Message, &piece);
        }
        assert!(matches!(receiver.message(), Ok(Some(message)) if message.len() == LEN));
        assert_eq!(receiver.step(Delivery::Message), Ok(Step::NeedOctets));
        assert_eq!(receiver.spare().len(), ahead, "{memory}");
    }
}

// row: LIM-03
#[test]
fn what_has_arrived_moves_only_where_the_rest_has_no_room_behind_it() {
    // In 64 octets a message of 22 with its header, and the first five of another, with theirs: 29 in all.
    for (len, room) in [
        (39, 35),
        (40, 35),
        // The five move to the front.
        (41, 59),
    ] {
        let octets = [header(0x82, 20), vec![7; 20], header(0x82, len), vec![8; 5]].concat();
        let mut receiver = Receiver::<Client, _>::new([0; 64]);
        receiver.spare()[..octets.len()].copy_from_slice(&octets);
        receiver.commit(octets.len());
        assert_eq!(receiver.step(Delivery::Message), Ok(Step::Message));
        assert_eq!(receiver.step(Delivery::Message), Ok(Step::NeedOctets));
        assert_eq!(receiver.spare().len(), room, "{len}");
        let step = receive(&mut receiver, Delivery::Message, &vec![8; len as usize - 5]);
        assert_eq!(step, Ok(Step::Message));
        let message = receiver.message().expect("binary").expect("one");
        assert_eq!(message.as_bytes(), vec![8; len as usize]);
    }
}

/// How many octets a receiver holds beside what it held before.
// row: LIM-01
#[test]
fn a_receiver_gives_back_what_it_does_not_need() {
    const LONG: usize = 200_000;
    let long = [header(0x82, LONG as u64), vec![7; LONG]].concat();
    let begun = [
        header(0x82, 5000),
        vec![9; 5000],
        header(0x82, 100),
        vec![8; 3],
    ]
    .concat();
    let before = HELD.get();
    let mut receiver = Receiver::<Client, _>::new(Growing::default());
    let step = receive(&mut receiver, Delivery::Message, &long);
    assert_eq!(step, Ok(Step::Message));
    // What is announced stays.
    receiver.shrink();
    let message = receiver.message().expect("binary").expect("one");
    assert_eq!(message.as_bytes(), &long[10..]);
    // And so does what has arrived of the next.
    let step = receive(&mut receiver, Delivery::Message, &begun);
    assert_eq!(step, Ok(Step::Message));
    assert_eq!(receiver.step(Delivery::Message), Ok(Step::NeedOctets));
    let held = HELD.get() - before;
    assert!(held >= LONG, "{held}");
    receiver.shrink();
    let held = HELD.get() - before;
    assert!(held < 16, "{held}");
    let step = receive(&mut receiver, Delivery::Message, &[8; 97]);
    assert_eq!(step, Ok(Step::Message));
    let message = receiver.message().expect("binary").expect("one");
    assert_eq!(message.as_bytes(), [8; 100]);

    // Pieces pass through less memory than there is after a message that was taken whole.
    let mut receiver = Receiver::<Client, _>::new(Growing::default());
    let step = receive(&mut receiver, Delivery::Message, &long);
    assert_eq!(step, Ok(Step::Message));
    for _ in 0..=Growing::ROUNDS {
        let step = receive(&mut receiver, Delivery::Chunk, &long);
        assert_eq!(step, Ok(Step::Chunk));
        assert!(receiver.chunk().expect("a piece").fin);
    }
    let held = HELD.get() - before;
    assert!(held < LONG / 2, "{held}");
}

// row: LIM-01, TRAP-13, LIV-19
#[test]
fn memory_that_grows_has_a_limit() {
    // The default is 16 MiB and a little, whatever is declared.
    let mut receiver = Receiver::<Client, _>::new(Growing::default());
    let outcome = receive(&mut receiver, Delivery::Message, &header(0x82, 1 << 40));
    assert!(
        matches!(
            outcome,
            Err(Error::TooLong { needed, limit })
                if needed == 1 << 40 && limit == (Growing::LIMIT - 14) as u64
        ),
        "{outcome:?}"
    );
    let len = 16 << 20;
    let payload = vec![0x61; len];
    let (step, held) = most(|| {
        let mut receiver = Receiver::<Client, _>::new(Growing::default());
        let octets = header(0x82, len as u64);
        receive(&mut receiver, Delivery::Message, &octets)?;
        receive(&mut receiver, Delivery::Message, &payload)
    });
    assert_eq!(step, Ok(Step::Message), "16 MiB are promised");
    assert!(held <= 2 * Growing::LIMIT, "{held}");

    // At n and n + 1, in one fragment and in two, with any limit and any beginning.
    for limit in [14, 15, 100, 139, 1000, 70_000] {
        for begin in [0, 14, 64] {
            let least = usize::max(limit, begin);
            for over in [0, 1] {
                let len = least - 14 + over;
                let first = len / 2;
                let one = [header(0x82, len as u64), vec![0x61; len]].concat();
                let two = [
                    header(0x02, first as u64),
                    vec![0x61; first],
                    header(0x80, (len - first) as u64),
                    vec![0x61; len - first],
                ]
                .concat();
                for octets in [one, two] {
                    let memory = Growing::with_len(begin).with_limit(limit);
                    let mut receiver = Receiver::<Client, _>::new(memory);
                    let outcome = receive(&mut receiver, Delivery::Message, &octets);
                    let case = format!("{limit} {begin} {len}: {outcome:?}");
                    if over == 0 {
                        assert_eq!(outcome, Ok(Step::Message), "{case}");
                        let message = receiver.message();
                        assert!(
                            matches!(message, Ok(Some(Message::Binary(octets))) if octets.len() == len),
                            "{case}"
                        );
                    } else {
                        let error = Error::TooLong {
                            needed: len as u64,
                            limit: (least - 14) as u64,
                        };
                        assert_eq!(outcome, Err(error), "{case}");
                    }
                }
            }
        }
    }
}

// row: LIM-01
#[test]
fn memory_follows_what_is_used_of_it() {
    // Memory that is lent stays as it is.
    let mut lent = [0; 8];
    assert!(!lent.can_grow() && !lent.has_grown());
    assert!(lent.grow(8) && !lent.grow(9));
    lent.shrink(0);
    assert_eq!(lent.octets().len(), 8);

    // A transport that fills it gets more, up to 64 KiB: many small messages arrive in one read.
    const AHEAD: usize = 64 * 1024;
    for begin in [1000, AHEAD - 1, AHEAD, AHEAD + 1] {
        let mut memory = Growing::with_len(begin);
        memory.filled();
        assert_eq!(memory.octets().len() >= 2 * begin, begin < AHEAD, "{begin}");
        assert_eq!(memory.has_grown(), begin < AHEAD, "{begin}");
        for _ in 0..20 {
            memory.filled();
        }
        assert!((AHEAD..=2 * AHEAD + 64).contains(&memory.octets().len()));
    }

    // It shrinks when none of so many messages needed half of it; to look again is no message.
    let rounds = |memory: &mut Growing, count: u8, used: usize| {
        for _ in 0..count {
            memory.used(used);
            memory.give_back(0);
        }
        memory.octets().len()
    };
    let grown = |len: usize| {
        let mut memory = Growing::with_len(10);
        assert!(memory.grow(len));
        memory
    };
    let most = grown(1000).octets().len();
    assert_eq!(rounds(&mut grown(1000), 200, 0), most);
    assert_eq!(rounds(&mut grown(1000), 200, most / 2), most);
    assert_eq!(rounds(&mut grown(1000), Growing::ROUNDS - 1, 20), most);
    assert_eq!(rounds(&mut grown(1000), Growing::ROUNDS, 20), 40);
    assert_eq!(
        rounds(&mut grown(1000), Growing::ROUNDS, 1),
        10,
        "what it began with"
    );
    // One that needed more begins the count anew, and so does shrinking, but not where there was nothing to shrink.
    for (act, is_anew) in [
        (
            (|memory| memory.shrink(memory.octets().len())) as fn(&mut Growing),
            false,
        ),
        (|memory| memory.shrink(memory.octets().len() - 1), true),
        (
            |memory| {
                memory.used(700);
                memory.give_back(0);
            },
            true,
        ),
    ] {
        let mut memory = grown(1000);
        rounds(&mut memory, Growing::ROUNDS - 1, 20);
        act(&mut memory);
        let len = rounds(&mut memory, 1, 20);
        assert_eq!(len > 40, is_anew);
    }
    let mut memory = grown(1000);
    memory.shrink(600);
    assert_eq!((memory.octets().len(), memory.has_grown()), (600, true));
    memory.shrink(0);
    assert_eq!((memory.octets().len(), memory.has_grown()), (10, false));
}

// row: LIM-01
#[test]
fn a_sender_gives_back_what_it_has_grown_by() {
    let mut sender = Sender::<Client, _, _>::new(Growing::with_len(200), Keys::default());
    assert!(!sender.has_grown());
    let queued = sender.message(MessageKind::Binary, &[7; 1000], true);
    assert!(queued.is_ok_and(|queued| queued.complete));
    assert!(sender.has_grown());
    // What is pending stays.
    let pending = sender.pending().to_vec();
    sender.shrink();
    assert_eq!(sender.pending(), pending);
    sender.advance(pending.len());
    sender.shrink();
    assert!(!sender.has_grown());
}

/// A server that declares more than there is, and goes on for ever.
struct Endless {
    sent: usize,
    written: Vec<u8>,
}

impl embedded_io::ErrorType for Endless {
    type Error = core::convert::Infallible;
}

impl embedded_io::Read for Endless {
    fn read(&mut self, octets: &mut [u8]) -> Result<usize, Self::Error> {
        assert!(!octets.is_empty(), "nothing is read into nothing");
        let header = header(0x82, 1 << 40);
        for octet in &mut *octets {
            *octet = header.get(self.sent).copied().unwrap_or(0x61);
            self.sent += 1;
        }
        Ok(octets.len())
    }
}

impl embedded_io::Write for Endless {
    fn write(&mut self, octets: &[u8]) -> Result<usize, Self::Error> {
        self.written.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

// row: LIM-01
#[test]
fn whoever_declares_more_is_told_so_at_once() {
    let server = Endless {
        sent: 0,
        written: Vec::new(),
    };
    let mut reader = Reader::new(Receiver::<Client, _>::new(Growing::default()));
    let sender = Sender::<Client, _, _>::new([0; 139], Keys::default());
    let mut writer = Writer::new(server, sender);
    let error = reader.recv(&mut writer).expect_err("too long");
    assert!(matches!(error, Error::TooLong { .. }), "{error:?}");
    assert_eq!(writer.io().written.first(), Some(&0x88), "a Close");
    assert!(writer.io().sent < 64 << 10, "{}", writer.io().sent);
}
