//! A receiver: each call in each state.

use crate::*;

// row: STA-01, SEED-27
#[test]
fn every_call_of_a_receiver_in_every_state() {
    // What has arrived; what step says of it to messages, chunks, frames; and then again.
    type Row = (
        &'static str,
        &'static [u8],
        [Result<Step, Error>; 3],
        [Result<Step, Error>; 3],
    );
    let mixed = Err(Error::Usage(Usage::MixedLevels));
    let due = Ok(Step::ReplyDue);
    let need = Ok(Step::NeedOctets);
    let rows: [Row; 8] = [
        ("nothing", b"", [need; 3], [need; 3]),
        ("half a header", b"\x81", [need; 3], [need; 3]),
        (
            "half a frame",
            b"\x81\x05He",
            [need, Ok(Step::Chunk), need],
            [need; 3],
        ),
        (
            "half a message",
            b"\x01\x02He",
            [need, Ok(Step::Chunk), Ok(Step::Frame)],
            [need; 3],
        ),
        (
            "a message",
            b"\x81\x00",
            [Ok(Step::Message), Ok(Step::Chunk), Ok(Step::Frame)],
            [need; 3],
        ),
        (
            "a Ping",
            b"\x89\x00",
            [due, due, Ok(Step::Frame)],
            [need; 3],
        ),
        (
            "a Close",
            b"\x88\x00",
            [due, due, Ok(Step::Frame)],
            [due; 3],
        ),
        ("a violation", b"\xf1\x00", [due; 3], [due; 3]),
    ];
    for (name, octets, first, then) in rows {
        for (number, delivery) in DELIVERIES.into_iter().enumerate() {
            let arrived = || {
                let mut receiver = Receiver::<Client, _>::new([0xa5; 32]);
                receiver.spare()[..octets.len()].copy_from_slice(octets);
                receiver.commit(octets.len());
                receiver
            };
            let mut receiver = arrived();
            assert!(receiver.message().unwrap().is_none());
            assert!(receiver.chunk().is_none() && receiver.frame().is_none());
            assert_eq!(
                receiver.step(delivery),
                first[number],
                "{name} {delivery:?}"
            );
            let announced = [
                receiver.message().is_ok_and(|message| message.is_some()),
                receiver.chunk().is_some(),
                receiver.frame().is_some(),
            ];
            let wanted =
                [Step::Message, Step::Chunk, Step::Frame].map(|step| first[number] == Ok(step));
            assert_eq!(announced, wanted, "{name} {delivery:?}");
            assert_eq!(receiver.step(delivery), then[number], "{name} {delivery:?}");
            // A message begun one way is read that way to its end; between messages all ways are open.
            let begun = (name == "half a frame" || name == "half a message") && receiver.is_open();
            for other in DELIVERIES {
                let step = receiver.step(other);
                assert_eq!(
                    step,
                    if begun && other != delivery {
                        mixed
                    } else {
                        then[number]
                    },
                    "{name} {delivery:?}, then {other:?}"
                );
            }
            // A refusal changes nothing: the rest is read as it was begun.
            if begun {
                let rest: &[u8] = if name == "half a frame" {
                    b"llo"
                } else {
                    b"\x80\x00"
                };
                receiver.spare()[..rest.len()].copy_from_slice(rest);
                receiver.commit(rest.len());
                let end = [Step::Message, Step::Chunk, Step::Frame][number];
                assert_eq!(receiver.step(delivery), Ok(end));
                assert_eq!(receiver.step(Delivery::Message), need);
            }
            // The transport ends.
            receiver.eof();
            let end = match receiver.failure() {
                Some(error) => Err(error),
                None if receiver.is_open() => Err(Error::Lost),
                None => Ok(Step::Closed),
            };
            assert_eq!(receiver.step(delivery), due, "{name}");
            receiver.owed().mark_queued();
            for other in DELIVERIES {
                assert_eq!(receiver.step(other), end, "{name}");
            }
            assert_eq!(receiver.owed().reply(), None);
        }
    }
}
