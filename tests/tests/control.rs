//! Control frames: the one slot for what is owed, and what stands in it when.

use bare_ws::closing::Reply;
use bare_ws::error::Error;
use bare_ws::header::FrameHeader;
use bare_ws::mask::MaskingKey;
use bare_ws::opcode::Opcode;
use bare_ws::receiver::{Delivery, Receiver, Step};
use bare_ws::role::{Client, Server};
use bare_ws_tests::mask::masked;

fn feed<const N: usize>(receiver: &mut Receiver<Client, [u8; N]>, octets: &[u8]) {
    receiver.spare()[..octets.len()].copy_from_slice(octets);
    receiver.commit(octets.len());
}

// row: CTL-03, TRAP-09
#[test]
fn a_newer_ping_takes_the_place_of_an_older_one_at_its_header() {
    // Wherever the second Ping is cut, and whenever the first is taken. §5.5.3: an endpoint "MAY
    // elect to send a Pong frame for only the most recently processed Ping frame".
    let second = [0x89, 3, b'x', b'y', b'z'];
    for cut in 0..=second.len() {
        for taken_before in [false, true] {
            let mut receiver = Receiver::<Client, _>::new([0xa5; 64]);
            feed(&mut receiver, &[0x89, 2, b'a', b'b']);
            assert_eq!(receiver.step(Delivery::Message), Ok(Step::ReplyDue));
            assert_eq!(receiver.owed().reply(), Some(Reply::Pong(b"ab")));
            feed(&mut receiver, &second[..cut]);
            let step = receiver.step(Delivery::Message);
            let whole = cut == second.len();
            assert_eq!(
                step,
                Ok(if whole {
                    Step::ReplyDue
                } else {
                    Step::NeedOctets
                })
            );
            let wanted = match cut {
                0 | 1 => Some(Reply::Pong(b"ab")),
                _ if whole => Some(Reply::Pong(b"xyz")),
                _ => None,
            };
            assert_eq!(receiver.owed().reply(), wanted, "cut at {cut}");
            if taken_before {
                receiver.owed().mark_queued();
            }
            if !whole {
                feed(&mut receiver, &second[cut..]);
                assert_eq!(receiver.step(Delivery::Message), Ok(Step::ReplyDue));
                assert_eq!(
                    receiver.owed().reply(),
                    Some(Reply::Pong(b"xyz")),
                    "cut at {cut}"
                );
            }
        }
    }
}

// row: CTL-03, CTL-04
#[test]
fn a_pong_does_not_disturb_the_reply_that_is_owed() {
    for cut in 0..=4 {
        let pong = [0x8a, 2, b'n', b'o'];
        let mut receiver = Receiver::<Client, _>::new([0xa5; 64]);
        feed(&mut receiver, &[0x89, 2, b'a', b'b']);
        assert_eq!(receiver.step(Delivery::Message), Ok(Step::ReplyDue));
        for part in [&pong[..cut], &pong[cut..]] {
            feed(&mut receiver, part);
            assert_eq!(receiver.step(Delivery::Message), Ok(Step::NeedOctets));
        }
        assert_eq!(receiver.pongs(), 1);
        assert_eq!(receiver.owed().reply(), Some(Reply::Pong(b"ab")));
    }
}

// row: CTL-03, TRAP-09
#[test]
fn a_flood_of_pings_that_nobody_answers_costs_nothing() {
    let mut receiver = Receiver::<Client, _>::new([0xa5; 14]);
    for number in 0_u32..10_000 {
        let [a, b, c, d] = number.to_be_bytes();
        feed(&mut receiver, &[0x89, 4, a, b, c, d]);
        assert_eq!(receiver.step(Delivery::Message), Ok(Step::ReplyDue));
        let payload = number.to_be_bytes();
        assert_eq!(receiver.owed().reply(), Some(Reply::Pong(&payload)));
    }
    // Nor does one longer than the buffer wait for anybody: there is always room to read.
    feed(&mut receiver, &[0x89, 125]);
    let mut fed = 0;
    while fed < 125 {
        assert_eq!(receiver.step(Delivery::Message), Ok(Step::NeedOctets));
        let spare = receiver.spare();
        let n = spare.len().min(125 - fed);
        assert!(n > 0);
        spare[..n].fill(7);
        receiver.commit(n);
        fed += n;
    }
    assert_eq!(receiver.step(Delivery::Message), Ok(Step::ReplyDue));
    assert_eq!(receiver.owed().reply(), Some(Reply::Pong(&[7; 125])));
}

// row: SEED-22
#[test]
fn a_frame_shows_the_masking_key_it_came_with() {
    for len in 0..10_u8 {
        for opcode in [0x81, 0x82, 0x89] {
            for piece in [1, 100] {
                let mut octets = vec![opcode, len];
                octets.resize(2 + usize::from(len), b'x');
                let octets = masked(&octets);
                let mut receiver = Receiver::<Server, _>::new([0; 64]);
                for part in octets.chunks(piece) {
                    receiver.spare()[..part.len()].copy_from_slice(part);
                    receiver.commit(part.len());
                    if receiver.step(Delivery::Frame) == Ok(Step::Frame) {
                        break;
                    }
                }
                let frame = receiver.frame().expect("a frame");
                assert_eq!(frame.payload, vec![b'x'; usize::from(len)]);
                let key = MaskingKey::new([octets[2], octets[3], octets[4], octets[5]]);
                assert_eq!(
                    frame.header,
                    FrameHeader {
                        masking_key: Some(key),
                        ..FrameHeader::new(
                            Opcode::try_from(opcode & 15).unwrap(),
                            true,
                            u64::from(len)
                        )
                    },
                    "{len} octets, {piece} at a time"
                );
            }
        }
    }
}

// row: CLS-03, CTL-01
#[test]
fn a_close_that_is_refused_is_shown_as_it_came() {
    for (payload, code) in [
        (&[3, 247][..], 1002),
        (&[3], 1002),
        (&[3, 232, 0xff], 1007),
        (&[[3, 232, 0xff].as_slice(), &[b'x'; 122]].concat(), 1007),
    ] {
        let mut receiver = Receiver::<Client, _>::new([0xa5; 256]);
        feed(&mut receiver, &[0x88, payload.len() as u8]);
        feed(&mut receiver, payload);
        assert_eq!(receiver.step(Delivery::Frame), Ok(Step::Frame));
        assert_eq!(receiver.frame().unwrap().payload, payload);
        let reply = u16::to_be_bytes(code);
        assert_eq!(receiver.owed().reply(), Some(Reply::Close(&reply)));
        receiver.owed().mark_queued();
        assert!(matches!(
            receiver.step(Delivery::Frame),
            Err(Error::Peer(_))
        ));
    }
}
