//! The laws, each for one transition.

use core::fmt;

use crate::*;

/// Which law was broken, and by what.
pub(crate) struct Broken {
    pub(crate) law: &'static str,
    pub(crate) by: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "law {}\n{}", self.law, self.by)
    }
}

const fn is_ending(phase: Phase) -> bool {
    matches!(phase, Phase::Closing | Phase::Failing | Phase::Lingering)
}

const fn is_over(phase: Phase) -> bool {
    matches!(phase, Phase::Aborting | Phase::Gone)
}

/// Whether what arrives is delivered; `None`: nothing is read.
fn delivers(subject: &Subject) -> Option<bool> {
    subject.may_read().then(|| subject.end().is_none())
}

/// Holds one transition against all laws. `history` knows of it already.
pub(crate) fn judge(
    before: &Subject,
    happens: Happens,
    now: u64,
    after: &Subject,
    history: &History,
) -> Result<(), &'static str> {
    let law = |kept: bool, law| if kept { Ok(()) } else { Err(law) };
    let (from, to) = (before.phase(), after.phase());

    // 1. There is always something to be done at once, or a moment by which something happens.
    for call in CALLS {
        let until = after.until(call);
        if is_ending(to) {
            let by = history.ends_since.map_or(0, |since| since + LIMITS.close);
            law(until <= by, "1: what has begun to end has a deadline")?;
        }
        law(
            to != Phase::Opening || until <= OPENING,
            "1: so has the opening handshake",
        )?;
        let stall = history
            .stalled
            .map_or(u64::MAX, |since| since + LIMITS.stall);
        law(
            is_over(to) || until <= stall,
            "1: and so has what is queued",
        )?;
    }
    law(
        to != Phase::Aborting || after.next() == Next::HangUp,
        "1: what is given up waits for nothing",
    )?;
    law(
        winds_down(after),
        "1: it comes to its end by its deadlines alone",
    )?;

    // 3. Whether to read never depends on whether a write makes progress.
    if let Happens::Event(
        Event::Queued | Event::Taken | Event::Drained | Event::OutputFailed | Event::Pinged,
    ) = happens
    {
        law(
            delivers(before) == delivers(after),
            "3: writing changes nothing about reading",
        )?;
    }

    // 5. The first reason is told, from then on; and none is told of what goes on.
    law(
        before.end().is_none() || before.end() == after.end(),
        "5: the first reason stays",
    )?;
    law(
        after.end().is_some()
            || !matches!(
                to,
                Phase::Failing | Phase::Lingering | Phase::Aborting | Phase::Gone
            ),
        "5: what has failed says why",
    )?;
    law(
        after.end().is_none() || !matches!(to, Phase::Opening | Phase::Open),
        "5: what is open gives no reason",
    )?;
    law(
        from != Phase::Gone || to == Phase::Gone,
        "5: what is gone stays gone",
    )?;

    // 7. Our direction is shut before the transport is given up, as long as it works.
    if after.next() == Next::HangUp {
        let given_up = history.expired
            || history.transport_failed
            || history.aborted
            || history.discarded > DISCARD_LIMIT
            || !history.opened;
        law(
            given_up || history.input_ended,
            "7: only the peer's end, a deadline, a failure or the budget gives the transport up",
        )?;
        law(
            given_up || history.shut,
            "7: the direction is shut before the transport is given up",
        )?;
    }
    law(
        !(history.shut && after.next() == Next::Shut),
        "7: the direction is shut once",
    )?;
    law(
        after.next() != Next::Shut
            || history.close_out
            || history.output_failed
            || history.lost
            || !history.close_queued,
        "7: a Close that is queued leaves before the direction is shut",
    )?;

    // 8. A call that is dropped takes back what it began, and only that.
    if happens == Happens::Event(Event::CloseWithdrawn) {
        let takes_back = from == Phase::Closing
            && before.end().is_none()
            && !history.close_queued
            && !history.output_failed;
        law(
            (to == Phase::Open) == (takes_back || from == Phase::Open),
            "8: a Close that was not queued is taken back",
        )?;
        if !takes_back {
            let same = CALLS
                .into_iter()
                .all(|call| before.until(call) == after.until(call))
                && (before.next(), from) == (after.next(), to);
            law(same, "8: and nothing else is")?;
        }
    }

    law(
        to != Phase::Open || history.ends_since.is_none(),
        "8: the end is taken back by nothing else",
    )?;

    // Deadlines: they are moments, which only what they wait for moves.
    for call in CALLS {
        let (was, is) = (before.until(call), after.until(call));
        let moves = match happens {
            Happens::Event(event) => match event {
                Event::Taken | Event::Drained | Event::OutputFailed => before.is_stalled(),
                Event::OutputShut | Event::Lost => before.is_stalled() || is_over(to),
                Event::Heard(_) | Event::Delivered => call == Call::Receive,
                Event::Opened | Event::CloseWithdrawn => true,
                _ => false,
            },
            // One that has passed is over.
            Happens::Check(_) => now >= was,
        };
        // The silence of a peer that is closing is no more looked at: its deadline is another.
        let other = call == Call::Receive && from == Phase::Open && is_ending(to);
        law(
            is <= was || moves || other || is_over(to),
            "deadlines: none moves away by itself",
        )?;
        if is_ending(from) && is_ending(to) && !before.is_stalled() {
            law(is <= was, "deadlines: that of the end is set once")?;
        }
    }

    // Progress: whoever waits until the moment, and looks, has not waited for nothing.
    if let Happens::Check(call) = happens {
        law(
            after.until(call) > now
                || (from, before.next()) != (to, after.next())
                || is_over(to)
                || after.is_ping_due(),
            "progress: after its moment something has changed",
        )?;
        law(
            now >= before.until(Call::Receive).min(before.until(Call::Send)) || before == after,
            "progress: before its moment nothing changes",
        )?;
        law(
            history
                .ends_since
                .is_none_or(|since| now < since + LIMITS.close)
                || is_over(to)
                || (to == Phase::Lingering && matches!(after.next(), Next::Shut | Next::HangUp)),
            "progress: the close deadline shuts our direction and gives the transport up",
        )?;
    }

    // Keepalive: silence alone is no death.
    let dies = before.end().is_none() && after.end() == Some(End::Timeout(Timeout::KeepAlive));
    law(
        !dies
            || history
                .asked
                .is_some_and(|asked| now >= asked + LIMITS.answer),
        "keepalive: a peer was asked, and had its time, before it counts as gone",
    )?;

    // Writing: nothing follows our Close, and nothing is written into what is shut or gone.
    law(
        !after.may_write() || !(history.close_out || history.shut || is_over(to)),
        "writing: nothing follows our Close",
    )?;
    law(
        !after.may_read() || !(history.input_ended || is_over(to)),
        "reading: nothing is read from what has ended",
    )?;
    law(
        !after.is_farewell_due() || (to == Phase::Failing && !history.close_queued),
        "writing: there is one Close",
    )
}

/// Whether a connection that has begun to end is gone once its moments have come, though the peer
/// and the transport do nothing more.
fn winds_down(subject: &Subject) -> bool {
    let mut subject = subject.clone();
    for _ in 0..8 {
        let (happens, now) = match (subject.phase(), subject.next()) {
            (_, Next::Nothing) => return true,
            (Phase::Open, _) => return true,
            (_, Next::HangUp) => (Happens::Event(Event::HungUp), 0),
            _ => match subject.until(Call::Send) {
                u64::MAX => return false,
                until => (Happens::Check(Call::Send), until),
            },
        };
        subject.happens(happens, now);
    }
    false
}
