//! Every row of the receive table under every law.

use bare_ws::buffer::Growing;
use bare_ws::receiver::Delivery;
use bare_ws::role::{Client, Server};
use bare_ws_tests::laws::{self, Mismatch};
use bare_ws_tests::mask::masked;
use bare_ws_tests::vectors::{End, From, Seen, VECTORS, Vector};

const DELIVERIES: [Delivery; 3] = [Delivery::Message, Delivery::Chunk, Delivery::Frame];

/// Large enough for every row.
const LARGE: usize = 70_000;

// row: SEED-30
#[test]
fn every_row_arriving_whole() {
    each(|row| row.run(&mut || usize::MAX, Delivery::Message, LARGE, 256));
}

// row: SEED-10
#[test]
fn delivery_law_messages_chunks_and_frames_are_the_same() {
    each(|row| {
        for delivery in DELIVERIES {
            row.run(&mut || usize::MAX, delivery, LARGE, 256)?;
        }
        Ok(())
    });
}

// row: FRM-09, UTF-03, TRAP-11
#[test]
fn chunk_law_octet_by_octet_and_in_pieces() {
    each(|row| {
        for delivery in DELIVERIES {
            for piece in [1, 2, 3, 5, 7, 127, 4096]
                .into_iter()
                .filter(|piece| row.is_short() || *piece > 7)
            {
                row.run(&mut || piece, delivery, LARGE, 256)?;
            }
        }
        Ok(())
    });
}

// row: FRM-09
#[test]
fn chunk_law_cut_in_two_anywhere() {
    each(|row| {
        let len = row.octets.len();
        for delivery in DELIVERIES {
            // Of the long rows the ends: between lies payload only.
            for cut in (1..len).filter(|cut| row.is_short() || *cut < 16 || len - cut < 4) {
                let mut cuts = [cut, usize::MAX].into_iter();
                let mut reads = || cuts.next().unwrap_or(usize::MAX);
                row.run(&mut reads, delivery, LARGE, 256)?;
            }
        }
        Ok(())
    });
}

// row: LIM-03
#[test]
fn buffer_law_the_smallest_buffers_do() {
    each(|row| {
        for extra in [0, 1, 2, 7, 100] {
            for piece in [1, 3, usize::MAX] {
                if !row.is_short() && (piece < 4 || extra > 1) {
                    continue;
                }
                for transmit in [131, 132, 138, 139] {
                    // Chunks need room for a header and nothing else.
                    let chunks = row.run(&mut || piece, Delivery::Chunk, 14 + extra, transmit);
                    let messages = row.run(
                        &mut || piece,
                        Delivery::Message,
                        row.longest() + 14 + extra,
                        transmit,
                    );
                    let frames = row.run(
                        &mut || piece,
                        Delivery::Frame,
                        row.longest() + 14 + extra,
                        transmit,
                    );
                    chunks.and(messages).and(frames)?;
                }
            }
        }
        Ok(())
    });
}

// row: LIM-03, TRAP-13
#[test]
fn buffer_law_a_growing_buffer_grows_by_what_arrived() {
    each(|row| {
        for delivery in DELIVERIES {
            for (start, piece) in [(0, 1), (0, usize::MAX), (14, 5), (100, 1000)] {
                row.run_on(&mut || piece, delivery, Growing::with_len(start), 139)?;
            }
        }
        Ok(())
    });
}

/// A row at one end.
struct Row {
    vector: &'static Vector,
    from_client: bool,
    octets: Vec<u8>,
}

impl Row {
    fn run(
        &self,
        reads: &mut dyn FnMut() -> usize,
        delivery: Delivery,
        receive: usize,
        transmit: usize,
    ) -> Result<(), String> {
        self.run_on(
            reads,
            delivery,
            vec![0xa5; receive].into_boxed_slice(),
            transmit,
        )
        .map_err(|error| format!("{error}, receive {receive}"))
    }

    fn run_on(
        &self,
        reads: &mut dyn FnMut() -> usize,
        delivery: Delivery,
        receive: impl bare_ws::buffer::Storage,
        transmit: usize,
    ) -> Result<(), String> {
        let mut first = None;
        let mut reads = || {
            let n = reads();
            first.get_or_insert(n);
            n
        };
        let octets = &mut self.octets.iter().copied();
        let transmit = &mut vec![0xa5; transmit][..];
        let len = transmit.len();
        let result: Result<(), Mismatch> = if self.from_client {
            laws::run::<Server>(self.vector, octets, &mut reads, delivery, receive, transmit)
        } else {
            laws::run::<Client>(self.vector, octets, &mut reads, delivery, receive, transmit)
        };
        result.map_err(|error| {
            format!(
                "{} at {}; {delivery:?}, first read {first:?}, transmit {len}",
                error.what, error.at
            )
        })
    }

    fn is_short(&self) -> bool {
        self.octets.len() < 1000
    }

    /// The longest message, or frame of none, that must be gathered.
    fn longest(&self) -> usize {
        let message = |seen: &Seen| match seen {
            Seen::Text(text) => text.len(),
            Seen::Binary(octets) => octets.iter().count(),
            Seen::LongText(_, len) => *len,
            Seen::Pong(_) | Seen::Heard(_) => 0,
        };
        let whole = self.vector.seen.iter().map(message).max().unwrap_or(0);
        // What fails, fails at most that far into a message, or at a limit that is not the buffer's.
        let failing = if self.vector.end == End::Open { 0 } else { 140 };
        let limit = usize::try_from(self.vector.limits.message).unwrap_or(usize::MAX);
        let limit = if limit > LARGE { 0 } else { limit };
        whole.max(failing).max(limit)
    }
}

/// Holds a law against every row, at either end where that makes sense.
#[track_caller]
fn each(law: impl Fn(&Row) -> Result<(), String>) {
    let mut wrong = Vec::new();
    for vector in VECTORS {
        for from_client in [false, true] {
            if vector.from
                == if from_client {
                    From::Server
                } else {
                    From::Client
                }
            {
                continue;
            }
            let octets: Vec<u8> = vector.wire.iter().collect();
            let octets = if from_client && vector.from == From::Either {
                masked(&octets)
            } else {
                octets
            };
            let row = Row {
                vector,
                from_client,
                octets,
            };
            if let Err(error) = law(&row) {
                wrong.push(format!(
                    "{} ({}): {error}",
                    vector.name,
                    if from_client {
                        "from a client"
                    } else {
                        "from a server"
                    }
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} rows:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
