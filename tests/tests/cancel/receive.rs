//! One owner that receives, and finishes.

use crate::*;

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
                                (message.kind().opcode(), message.as_bytes().to_vec(), true)
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
                // The end is told after one attempt to answer it; the rest of the answer is left.
                block_on(connection.finish()).unwrap();
                let io = connection.writer.io().0.get();
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

// row: TRAP-17, CTL-05
#[test]
fn a_receive_dropped_while_it_flushes_is_flushed_by_the_next() {
    // Read, write, and a flush that pends.
    let mut transport = Transport::new(b"\x89\x00");
    transport.ends = false;
    transport.pends = vec![0, 0, 5];
    let mut connection = connection(transport);
    assert!(poll_times(1, connection.recv()).is_none());
    let io = connection.writer.io().0.clone();
    assert_eq!((io.get().written.len(), io.get().flushed), (6, 0));
    assert!(poll_times(20, connection.recv()).is_none());
    assert_eq!(io.get().flushed, 6);
}

// row: CLS-17, STA-04
#[test]
fn finishing_dropped_at_any_point_goes_on() {
    for schedule in 0..SCHEDULES.len() {
        for polls in 1..8 {
            let mut octets = script();
            octets.extend([0x81; 500]);
            let mut connection = connection(transport(&octets, schedule));
            while block_on(connection.recv()).unwrap().is_some() {}
            let mut drops = 0;
            while poll_times(polls, connection.finish()).is_none() {
                drops += 1;
                assert!(drops < 10_000);
            }
            assert!(connection.writer.io().0.get().incoming.is_empty());
            assert_eq!(block_on(connection.recv()), Ok(None));
        }
    }
}
