//! At the limits: the longest message, the most fragments, the smallest buffer, the memory of a state.

use crate::*;

// row: LIM-01, LIM-02, SEED-12
#[test]
fn a_message_is_as_long_as_the_buffer_takes_or_the_limit() {
    for (buffer, limit) in [
        (14, u64::MAX),
        (24, u64::MAX),
        (100, 10),
        (24, 10),
        (20, 10),
        (500, 300),
    ] {
        let room = (buffer as u64 - 14).min(limit);
        for (len, fits) in [(room, true), (room + 1, false)] {
            for delivery in [Delivery::Message, Delivery::Frame] {
                let mut receiver = Receiver::<Client, _>::new(vec![0; buffer]);
                receiver.set_limits(Limits {
                    message: limit,
                    ..Limits::default()
                });
                let header = FrameHeader::new(Opcode::Binary, true, len).emit();
                let header = header.as_ref();
                receiver.spare()[..header.len()].copy_from_slice(header);
                receiver.commit(header.len());
                let step = receiver.step(delivery);
                if !fits {
                    // At the header, without an octet of payload.
                    assert_eq!(step, Ok(Step::ReplyDue));
                    assert_eq!(
                        receiver.owed().reply(),
                        Some(Reply::Close(&CloseCode::TOO_BIG.0.to_be_bytes()))
                    );
                    let error = Error::TooLong {
                        needed: len,
                        limit: room,
                    };
                    assert_eq!(receiver.failure(), Some(error), "{buffer} {limit}");
                    continue;
                }
                let mut rest = len as usize;
                let mut step = step;
                while rest > 0 {
                    assert_eq!(step, Ok(Step::NeedOctets));
                    let n = receiver.spare().len().min(rest);
                    assert!(n > 0);
                    receiver.commit(n);
                    rest -= n;
                    step = receiver.step(delivery);
                }
                assert!(matches!(step, Ok(Step::Message | Step::Frame)), "{step:?}");
            }
        }
    }
}

// row: LIM-01, TRAP-10
#[test]
fn a_million_empty_fragments_are_all_there_may_be() {
    let mut receiver = Receiver::<Client, _>::new([0; 14]);
    receiver.spare()[..2].copy_from_slice(&[2, 0]);
    receiver.commit(2);
    assert_eq!(receiver.step(Delivery::Message), Ok(Step::NeedOctets));
    for number in 1..1_000_000 {
        receiver.spare()[..2].copy_from_slice(&[0, 0]);
        receiver.commit(2);
        assert_eq!(receiver.step(Delivery::Message), Ok(Step::NeedOctets));
        assert_eq!(receiver.fragments(), number + 1);
    }
    receiver.spare()[..2].copy_from_slice(&[0x80, 0]);
    receiver.commit(2);
    assert_eq!(receiver.step(Delivery::Message), Ok(Step::ReplyDue));
    assert_eq!(
        receiver.owed().reply(),
        Some(Reply::Close(&CloseCode::POLICY_VIOLATION.0.to_be_bytes()))
    );
}

// row: LIM-03, TRAP-11, FRG-09
#[test]
fn a_frame_of_a_mebibyte_through_64_octets() {
    for piece in [1, 7, 64] {
        let mut receiver = Receiver::<Client, _>::new([0; 64]);
        let len = 1 << 20;
        let header = FrameHeader::new(Opcode::Binary, true, len).emit();
        receiver.spare()[..10].copy_from_slice(header.as_ref());
        receiver.commit(10);
        let (mut fed, mut seen, mut steps) = (0, 0, 0);
        loop {
            match receiver.step(Delivery::Chunk).unwrap() {
                Step::NeedOctets => {
                    let spare = receiver.spare();
                    let n = spare.len().min(piece).min((len - fed) as usize);
                    for place in &mut spare[..n] {
                        *place = (fed % 251) as u8;
                        fed += 1;
                    }
                    receiver.commit(n);
                }
                Step::Chunk => {
                    let chunk = receiver.chunk().unwrap();
                    assert_eq!(chunk.offset, seen);
                    for octet in chunk.octets {
                        assert_eq!(*octet, (seen % 251) as u8);
                        seen += 1;
                    }
                    assert_eq!(chunk.fin, seen == len);
                    assert_eq!(chunk.frame_remaining, len - seen);
                    if chunk.fin {
                        break;
                    }
                }
                step => panic!("{step:?}"),
            }
            steps += 1;
        }
        assert_eq!(seen, len);
        assert!(
            steps <= 2 * (len as usize / piece.min(50)) + 10,
            "{steps} steps"
        );
    }
}

// row: SEED-08
#[test]
fn the_state_beside_the_buffers_is_small() {
    // On this machine; what it is on a board of 32 bits the core asserts where it is built for one.
    let receiver = size_of::<Receiver<Client, [u8; 0]>>();
    let sender = size_of::<Sender<Client, [u8; 0], ()>>();
    assert!(receiver <= 312, "{receiver}");
    assert!(sender <= 48, "{sender}");
}
