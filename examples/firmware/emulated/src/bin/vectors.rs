//! The tests' table of frames, run where a word has 32 bits: every row of `tests/src/vectors.rs`,
//! whole, in pieces, and through the smallest buffers.
//!
//! Prints how many runs there were and exits with 1 if one failed. No arguments.

#![no_std]
#![no_main]
#![expect(
    dead_code,
    unreachable_pub,
    reason = "the modules of the tests are those of a library there"
)]

#[path = "../../../../../tests/src/laws.rs"]
mod laws;
#[path = "../../../../../tests/src/octets.rs"]
mod octets;
#[path = "../../../../../tests/src/vectors.rs"]
mod vectors;
#[path = "../../../../../tests/src/wire.rs"]
mod wire;

use bare_ws::{
    header::MAX_HEADER,
    receiver::Delivery,
    role::{Client, Server},
    sender::MIN_TRANSMIT,
};
use emulated::{
    board::{self, println},
    measure,
};
use laws::Mismatch;
use static_cell::ConstStaticCell;
use vectors::{From, VECTORS, Vector};

const DELIVERIES: [Delivery; 3] = [Delivery::Message, Delivery::Chunk, Delivery::Frame];
const PIECES: [usize; 6] = [1, 3, 7, 127, 4096, usize::MAX];
/// Enough for every row.
const LARGE: usize = 70_000;
/// What a row may have to be cut into single octets.
const SHORT: usize = 1000;

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    board::run(|_, _| {
        static RECEIVE: ConstStaticCell<[u8; LARGE]> = ConstStaticCell::new([0; _]);
        let tally = all(RECEIVE.take());
        println!(
            "{} rows of {}, {} runs, {} failed",
            tally.rows,
            VECTORS.len(),
            tally.runs,
            tally.failed
        );
        measure::report_stack("vectors");
        // A table that shrank to nothing must not pass.
        let passed = tally.failed == 0 && tally.rows == VECTORS.len() && tally.rows > 0;
        board::exit(i32::from(!passed))
    })
}

#[derive(Default)]
struct Tally {
    rows: usize,
    runs: usize,
    failed: usize,
}

// row: FRM-08, FRG-08, TRAP-12
fn all(receive: &mut [u8]) -> Tally {
    let mut tally = Tally::default();
    for vector in VECTORS {
        tally.rows += 1;
        let is_short = vector.wire.iter().take(SHORT).count() < SHORT;
        for piece in PIECES.into_iter().filter(|piece| is_short || *piece > 7) {
            for delivery in DELIVERIES {
                let run = Run {
                    vector,
                    piece,
                    delivery,
                };
                tally.count(&run, run.with(receive, 256));
            }
            // Pieces of messages need room for a header and nothing else.
            let run = Run {
                vector,
                piece,
                delivery: Delivery::Chunk,
            };
            if let Some(smallest) = receive.get_mut(..MAX_HEADER) {
                tally.count(&run, run.with(smallest, MIN_TRANSMIT + MAX_HEADER));
            }
        }
    }
    tally
}

impl Tally {
    fn count(&mut self, run: &Run, result: Result<(), Mismatch>) {
        self.runs += 1;
        if let Err(Mismatch { what, at }) = result {
            self.failed += 1;
            println!(
                "{}, pieces of {}: {what} at {at}",
                run.vector.name, run.piece
            );
        }
    }
}

struct Run {
    vector: &'static Vector,
    piece: usize,
    delivery: Delivery,
}

impl Run {
    fn with(&self, receive: &mut [u8], transmit: usize) -> Result<(), Mismatch> {
        let mut memory = [0; 256];
        let transmit = memory.get_mut(..transmit).unwrap_or_default();
        let octets = &mut self.vector.wire.iter();
        let reads = &mut || self.piece;
        let delivery = self.delivery;
        match self.vector.from {
            From::Client => {
                laws::run::<Server>(self.vector, octets, reads, delivery, receive, transmit)
            }
            From::Either | From::Server => {
                laws::run::<Client>(self.vector, octets, reads, delivery, receive, transmit)
            }
        }
    }
}
