//! The client's instructions, part by part: what passes between two calls of the world.

use super::{LENGTHS, board, say};

/// What the client does.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Handshake,
    /// The message of that number of `LENGTHS`.
    Send(usize),
    /// The same; one more is the closing handshake.
    Receive(usize),
}

pub(super) struct Counter {
    part: Part,
    handshake: u64,
    sent: [u64; LENGTHS.len()],
    received: [u64; LENGTHS.len() + 1],
    /// When the client went on.
    since: u32,
    /// What an empty span between two calls measures.
    overhead: u32,
    sizes: [usize; 2],
}

impl Counter {
    pub(super) fn new() -> Self {
        let overhead = (0..16)
            .map(|_| {
                let since = board::ticks();
                board::elapsed(since, board::ticks())
            })
            .min();
        Self {
            part: Part::Handshake,
            handshake: 0,
            sent: [0; _],
            received: [0; _],
            since: 0,
            overhead: overhead.unwrap_or(0),
            sizes: [0; 2],
        }
    }

    /// What was counted before the client began is not the client's.
    pub(super) fn begin(&mut self) {
        self.handshake = 0;
    }

    pub(super) fn left_client(&mut self, now: u32) {
        let passed = board::elapsed(self.since, now).saturating_sub(self.overhead);
        *self.current() += u64::from(passed);
    }

    pub(super) fn enters_client(&mut self) {
        self.since = board::ticks();
    }

    pub(super) fn part(&mut self, part: Part) {
        self.part = part;
    }

    pub(super) fn size(&mut self, what: u32, octets: usize) {
        if let Some(size) = self.sizes.get_mut(what as usize) {
            *size = octets;
        }
    }

    pub(super) fn report(&self) {
        let figures = |name, ticks| say(format_args!("{name} {}\n", board::instructions(ticks)));
        figures("handshake", self.handshake);
        for (length, ticks) in LENGTHS.iter().zip(self.sent) {
            say(format_args!(
                "send-{length} {}\n",
                board::instructions(ticks)
            ));
        }
        for (length, ticks) in LENGTHS.iter().zip(self.received) {
            say(format_args!(
                "receive-{length} {}\n",
                board::instructions(ticks)
            ));
        }
        let [state, future] = self.sizes;
        say(format_args!("state {state}\nfuture {future}\n"));
    }

    fn current(&mut self) -> &mut u64 {
        match self.part {
            Part::Handshake => &mut self.handshake,
            Part::Send(n) => &mut self.sent[n],
            Part::Receive(n) => &mut self.received[n],
        }
    }
}
