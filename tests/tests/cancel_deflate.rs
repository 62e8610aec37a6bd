//! The same with permessage-deflate: what is dropped must not spoil what the next message refers to.

use bare_ws::asynch;
use bare_ws::close::CloseCode;
use bare_ws::deflate::{Compressor, Configure as _, Heap, InflateState, Inflater};
use bare_ws::error::{Error, Usage};
use bare_ws::receiver::{Delivery, Receiver, Step};
use bare_ws::role::{Client, Role, Server};
use bare_ws::sender::Sender;
use bare_ws_tests::deflate::agreed;
use bare_ws_tests::io::{Half, Transport};
use bare_ws_tests::laws::Keys;
use bare_ws_tests::poll::{block_on, poll_times};

const BITS: u8 = 10;

type In = Inflater<Vec<u8>, Box<InflateState>>;
type Connection<R> = asynch::Connection<
    (Half, Half),
    Receiver<R, Vec<u8>, In>,
    Sender<R, Vec<u8>, Keys, Compressor<Heap>>,
>;

fn connection<R: Role>(io: Transport) -> Connection<R> {
    let agreed = agreed(BITS, true);
    let mut inflater = Inflater::new(Box::new(InflateState::new()), vec![0; 8192]);
    inflater.configure(Some(&agreed)).unwrap();
    let mut compressor = Compressor::new(Heap::new(BITS));
    compressor.configure(Some(&agreed));
    asynch::Connection::new(
        io.halves(),
        Receiver::with_stage(vec![0xa5; 256], inflater),
        Sender::with_stage(vec![0xa5; 200], Keys::default(), compressor),
    )
}

fn transport(incoming: &[u8], schedule: usize) -> Transport {
    let mut transport = Transport::new(incoming);
    let paces = [vec![usize::MAX], vec![1], vec![3, 50, 1]];
    transport.reads.clone_from(&paces[schedule]);
    transport.writes.clone_from(&paces[schedule]);
    transport.pends = vec![1, 0, 2];
    transport
}

/// Messages that refer to one another, one of them longer than a buffer though compressed.
fn messages() -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(1);
    let noise: String = (0..900).map(|_| random.lowercase()).collect();
    let reading =
        |n: u32| format!("{{\"device\":\"garden-7\",\"temperature\":{n},\"humidity\":40}}");
    vec![
        reading(21),
        reading(22),
        noise,
        reading(23),
        String::new(),
        reading(24),
    ]
}

/// What a receiver inflates of `wire`.
fn inflated<R: Role>(wire: &[u8]) -> Vec<String> {
    let mut receiver = connection::<R>(Transport::new(&[])).reader;
    let receiver = receiver.receiver_mut();
    let mut rest = wire;
    let mut messages = Vec::new();
    loop {
        match receiver.step(Delivery::Message).unwrap() {
            Step::NeedOctets if rest.is_empty() => return messages,
            Step::NeedOctets => {
                let spare = receiver.spare();
                let n = spare.len().min(rest.len());
                spare[..n].copy_from_slice(&rest[..n]);
                receiver.commit(n);
                rest = &rest[n..];
            }
            Step::Message => {
                let message = receiver.message().unwrap().unwrap();
                messages.push(message.as_text().unwrap().to_owned());
            }
            Step::ReplyDue => receiver.owed().mark_queued(),
            Step::Closed => return messages,
            step => panic!("{step:?}"),
        }
    }
}

// row: STA-05, PMD-22
#[test]
fn a_compressed_send_dropped_at_any_point_tears_nothing() {
    let messages = messages();
    let mut given_up = 0;
    for schedule in 0..3 {
        for victim in 0..messages.len() {
            for polls in 0..40 {
                let mut connection = connection::<Client>(transport(&[], schedule));
                let mut wanted = Vec::new();
                let mut may_be = None;
                for (number, message) in messages.iter().enumerate() {
                    let times = if number == victim { polls } else { 100_000 };
                    match poll_times(times, connection.writer.send(message.as_str())) {
                        Some(Ok(())) => wanted.push(message.clone()),
                        None => may_be = Some(wanted.len()),
                        Some(Err(error)) => {
                            assert_eq!(error, Error::Usage(Usage::InterruptedMessage))
                        }
                    }
                }
                block_on(connection.close(Some(CloseCode::NORMAL), "")).unwrap();
                let got = inflated::<Server>(&connection.writer.io().0.get().written);
                if got != wanted {
                    // The one that was dropped was sent all the same, whole and in its place.
                    let at = may_be.expect("none was dropped");
                    wanted.insert(at, messages[victim].clone());
                    assert_eq!(
                        got, wanted,
                        "schedule {schedule}, {victim} after {polls} polls"
                    );
                }
                given_up += u32::from(got.len() + 1 < messages.len());
            }
        }
    }
    assert!(given_up > 0, "the long message was never interrupted");
}

// row: STA-04
#[test]
fn a_compressed_receive_dropped_at_any_point_loses_nothing() {
    let messages = messages();
    let mut server = connection::<Server>(transport(&[], 0));
    for message in &messages {
        block_on(server.writer.send(message.as_str())).unwrap();
        block_on(server.writer.ping(b"p")).unwrap();
    }
    block_on(server.close(None, "")).unwrap();
    let wire = server.writer.io().0.get().written.clone();
    assert!(wire.len() < messages.concat().len());
    for whole in [true, false] {
        for schedule in 0..3 {
            for polls in 1..12 {
                let mut connection = connection::<Client>(transport(&wire, schedule));
                let (mut got, mut open) = (Vec::new(), Vec::new());
                loop {
                    let piece = if whole {
                        poll_times(polls, connection.recv())
                            .map(|got| got.unwrap().map(|m| (m.as_bytes().to_vec(), true)))
                    } else {
                        poll_times(polls, connection.recv_chunk())
                            .map(|got| got.unwrap().map(|c| (c.octets.to_vec(), c.fin)))
                    };
                    let Some(piece) = piece else { continue };
                    let Some((octets, fin)) = piece else { break };
                    open.extend(octets);
                    if fin {
                        got.push(String::from_utf8(core::mem::take(&mut open)).unwrap());
                    }
                }
                assert_eq!(
                    got, messages,
                    "whole {whole}, schedule {schedule}, {polls} polls"
                );
            }
        }
    }
}
