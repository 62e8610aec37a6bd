//! Random calls on random octets, both ends.

use crate::*;

/// Frames of the table, cut, mixed and mutated.
fn garbage(random: &mut fastrand::Rng) -> Vec<u8> {
    let mut octets = Vec::new();
    for _ in 0..random.usize(1..6) {
        let vector = &VECTORS[random.usize(..VECTORS.len())];
        octets.extend(vector.wire.iter().take(random.usize(1..200)));
    }
    for _ in 0..random.usize(..4) {
        let at = random.usize(..octets.len());
        octets[at] = random.u8(..);
    }
    octets
}

// row: STA-01, FRM-13, TRAP-12
#[test]
fn random_calls_on_random_octets() {
    for seed in 0..bare_ws_tests::runs(6000) {
        let mut random = fastrand::Rng::with_seed(seed);
        let octets = masked(&garbage(&mut random));
        let mut octets = octets.iter().copied();
        let mut receiver = Receiver::<Server, _>::new(vec![0xa5; random.usize(..200)]);
        receiver.set_limits(Limits {
            message: [0, 10, u64::MAX][random.usize(..3)],
            fragments: [0, 3, u32::MAX][random.usize(..3)],
        });
        let delivery = DELIVERIES[random.usize(..3)];
        let mut over: Option<Result<Step, Error>> = None;
        for _ in 0..400 {
            match random.u8(..40) {
                0..=9 => {
                    let most = random.usize(..50);
                    let spare = receiver.spare();
                    let mut n = 0;
                    for (place, octet) in spare.iter_mut().take(most).zip(&mut octets) {
                        *place = octet;
                        n += 1;
                    }
                    receiver.commit(n);
                }
                10 => receiver.commit([0, usize::MAX, 1][random.usize(..3)]),
                11 if random.u8(..20) == 0 => receiver.eof(),
                12 => {
                    let _ = receiver.message();
                }
                13 => {
                    let _ = receiver.chunk();
                }
                14 => {
                    let _ = receiver.frame();
                }
                15 => {
                    let (owed, spare) = receiver.owed_and_spare();
                    let _ = (owed.is_due(), spare.len());
                }
                16 => receiver.skip(random.usize(..4)),
                17..=19 => {
                    if receiver.owed().reply().is_some() {
                        receiver.owed().mark_queued();
                    }
                }
                20 => {
                    let _ = receiver.step(DELIVERIES[random.usize(..3)]);
                }
                _ => {
                    let step = receiver.step(delivery);
                    if let Some(over) = over {
                        assert!(
                            step == over || step == Ok(Step::ReplyDue),
                            "seed {seed}: {step:?} after {over:?}"
                        );
                    } else if matches!(
                        step,
                        Ok(Step::Closed)
                            | Err(Error::Peer(_) | Error::TooLong { .. } | Error::Lost)
                    ) {
                        over = Some(step);
                    }
                    if !receiver.is_open() {
                        assert!(
                            !matches!(step, Ok(Step::Message | Step::Chunk)),
                            "seed {seed}"
                        );
                    }
                }
            }
        }
    }
}
