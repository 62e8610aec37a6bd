//! What each cell says.

use bare_ws_embassy::Timeout;
use embassy_time::Duration;

use super::axes::{
    Cell, Deadline, LATER, LIMIT, Manner, Outcome, PATIENCE, Peer, Row, Use, WAVE, Wire,
};

/// What must come of a cell: how it ends, and when, at the earliest and at the latest.
#[derive(Clone, Debug)]
pub(crate) struct Expect {
    pub(crate) least: Duration,
    pub(crate) most: Duration,
    pub(crate) how: Vec<Outcome>,
}

/// What is delivered before the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivers {
    /// Nothing is received.
    Nothing,
    /// The one message that every peer begins with.
    One,
    More,
}

impl Cell {
    /// Whether what the peer says is plaintext of ours as it comes.
    fn is_heard(self) -> bool {
        match self.peer {
            Peer::FloodsPings | Peer::FloodsData => true,
            Peer::Drips => self.wire == Wire::Plain,
            _ => false,
        }
    }

    /// What must come of it, or why it does not apply.
    pub(crate) fn expected(self) -> Result<Expect, &'static str> {
        if self.opens() {
            return self.opening();
        }
        if matches!(self.deadline, Deadline::Connect | Deadline::Handshake) {
            return Err("its time is over once the connection is open");
        }
        match self.row {
            Row::Recv | Row::RecvChunk | Row::RecvFrame => self.receiving(),
            Row::Close => self.closing(),
            Row::Finish if self.discards() => self.discarding(),
            Row::Finish => self.finishing(),
            _ => self.sending(),
        }
    }

    pub(crate) fn delivers(self) -> Delivers {
        if !self.receives() {
            return Delivers::Nothing;
        }
        let drips = self.row == Row::RecvChunk
            && self.peer == Peer::Drips
            && self.wire == Wire::Plain
            // Behind the two octets of the header.
            && self.expected().is_ok_and(|expected| expected.how == [Outcome::GoesOn]);
        match self.peer {
            Peer::FloodsData => Delivers::More,
            Peer::FloodsPings if self.row == Row::RecvFrame => Delivers::More,
            _ if drips => Delivers::More,
            _ => Delivers::One,
        }
    }

    fn opening(self) -> Result<Expect, &'static str> {
        if self.used != Use::Undivided {
            return Err("there is nothing yet that could be divided");
        }
        match (self.row, self.wire) {
            (Row::Dial | Row::Connect, Wire::Tls) => return Err("row ConnectSecure"),
            (Row::ConnectSecure, Wire::Plain) => return Err("row Connect"),
            (Row::TlsConnect | Row::TlsOpen, Wire::Plain) => return Err("row Open"),
            _ => {}
        }
        let dials = matches!(
            self.row,
            Row::Dial | Row::Connect | Row::ConnectSecure | Row::Client
        );
        if self.manner != Manner::Whole && !dials {
            return Err("dropped, the handshake is lost and the transport of no more use");
        }
        if self.manner == Manner::DroppedAtOnce {
            return Err("an attempt that is made anew at each poll is always at its beginning");
        }
        match self.deadline {
            Deadline::Connect if !dials => Err("the transport is connected already"),
            Deadline::Connect => match self.peer {
                Peer::Silent => Ok(self.anew(times_out(Timeout::Connect))),
                Peer::Resets => Ok(at_once([Outcome::Refused])),
                _ => Err("before there is a connection a peer can only be silent, or refuse"),
            },
            Deadline::Handshake if self.row == Row::Dial => Err("nothing is said yet"),
            Deadline::Handshake => Ok(match self.peer {
                Peer::Silent | Peer::Drips | Peer::ReadsNothing => match self.row {
                    // It has no limit of its own: rows TlsOpen and ConnectSecure.
                    Row::TlsConnect => goes_on(),
                    _ => self.anew(times_out(Timeout::Handshake)),
                },
                Peer::FloodsPings | Peer::FloodsData => by(LIMIT / 2, [Outcome::Handshake]),
                Peer::Ends => at_once([Outcome::Lost]),
                Peer::Resets => later([Outcome::Lost]),
            }),
            _ => Err("begins when the connection is open"),
        }
    }

    /// An attempt that was dropped at half its time is made again, and has its time again.
    fn anew(self, mut expect: Expect) -> Expect {
        if self.manner != Manner::Whole {
            expect.least += LIMIT / 2;
            expect.most += LIMIT / 2;
        }
        expect
    }

    /// What the end of the transport without a Close comes to.
    fn ended(self) -> Option<Expect> {
        match self.peer {
            Peer::Ends => Some(at_once([Outcome::Lost])),
            Peer::Resets => Some(later([Outcome::Lost])),
            _ => None,
        }
    }

    /// The peer takes an octet before each wait for it is over. Of TLS a record is taken as a whole.
    fn trickles_out(self) -> Expect {
        match self.wire {
            Wire::Plain => goes_on(),
            Wire::Tls => self.stalled(),
        }
    }

    /// From the first octet that is not taken on: in another task's message before the call.
    fn stalled(self) -> Expect {
        let mut expect = late(Timeout::Stall, WAVE);
        if self.ends() && self.used == Use::Beside {
            expect.least -= LATER / 2;
        }
        expect
    }

    fn receiving(self) -> Result<Expect, &'static str> {
        if self.deadline == Deadline::Stall {
            return match (self.peer, self.used) {
                // Once its answers have filled the way.
                (Peer::FloodsPings, Use::Undivided | Use::Halves) => {
                    Ok(late(Timeout::Stall, LIMIT / 2))
                }
                (_, Use::Beside) if self.is_blocked() => Ok(late(Timeout::Stall, WAVE)),
                (Peer::Drips, Use::Beside) => Ok(self.trickles_out()),
                _ => Err("nothing is queued that the peer does not take"),
            };
        }
        if let Some(ended) = self.ended() {
            return Ok(ended);
        }
        Ok(match self.deadline {
            Deadline::Close => self.closed_in_time(),
            _ if self.is_heard() => goes_on(),
            Deadline::KeepAlive => times_out(Timeout::KeepAlive),
            _ => times_out(Timeout::Silence),
        })
    }

    /// From the Close on, which another task begins a little later than the call.
    fn closed_in_time(self) -> Expect {
        let mut expect = late(Timeout::Close, WAVE);
        if self.used == Use::Beside {
            expect.least += LATER;
            expect.most += LATER;
        }
        expect
    }

    fn sending(self) -> Result<Expect, &'static str> {
        // A receive beside it tells it why there is nothing to send to any more.
        let lost = [Outcome::Lost, Outcome::NotOpen, Outcome::Done];
        match (self.deadline, self.used) {
            (Deadline::Silence | Deadline::KeepAlive, Use::Undivided | Use::Halves) => {
                if !self.is_blocked() {
                    return Err(
                        "only a receive keeps the limits on silence: blocked peers show it",
                    );
                }
                return Ok(self.interrupted(goes_on()));
            }
            (Deadline::Close, Use::Undivided | Use::Halves) => {
                return Err("after a Close nothing can be sent");
            }
            _ => {}
        }
        let expect = match self.peer {
            Peer::Silent => at_once([Outcome::Done]),
            Peer::Ends => at_once(lost),
            Peer::Resets => later([Outcome::Lost, Outcome::NotOpen]),
            _ => match self.deadline {
                Deadline::Stall if self.is_blocked() => late(Timeout::Stall, WAVE),
                Deadline::Stall => self.trickles_out(),
                Deadline::Close => self.closed_in_time(),
                _ if self.is_heard() => goes_on(),
                Deadline::KeepAlive => times_out(Timeout::KeepAlive),
                _ => times_out(Timeout::Silence),
            },
        };
        Ok(self.interrupted(expect))
    }

    /// Of a long message a part is queued when the call is dropped: then data is refused.
    fn interrupted(self, mut expect: Expect) -> Expect {
        match (self.row, self.manner) {
            (_, Manner::Whole) => expect,
            // It is over before it waits.
            (_, Manner::Dropped) if expect.most == Duration::MIN => expect,
            (Row::SendLong, Manner::DroppedAtOnce) if self.used == Use::Beside => {
                // Or nothing is, while the other task writes its answers.
                expect.how.push(Outcome::Interrupted);
                Expect {
                    least: Duration::MIN,
                    most: expect.most.max(WAVE),
                    ..expect
                }
            }
            (Row::SendLong, _) => by(WAVE, [Outcome::Interrupted]),
            // The other task brings it out, and the next call sees that.
            (_, Manner::DroppedAtOnce) if self.peer == Peer::Silent => by(WAVE, [Outcome::Done]),
            _ => expect,
        }
    }

    fn closing(self) -> Result<Expect, &'static str> {
        match self.deadline {
            Deadline::Silence | Deadline::KeepAlive => {
                return Err("only a receive keeps the limits on silence");
            }
            _ => {}
        }
        if self.manner != Manner::Whole && self.used != Use::Beside && self.is_filled() {
            // Dropped, its Close is queued; the connection ends by its deadline, and `finish` sees it.
            return Ok(by(WAVE, [Outcome::NotOpen]));
        }
        Ok(match self.peer {
            // Dropped, it is queued.
            Peer::Silent | Peer::Ends if self.manner != Manner::Whole => {
                at_once([Outcome::Done, Outcome::NotOpen])
            }
            Peer::Silent | Peer::Ends => at_once([Outcome::Done]),
            Peer::Resets => later([Outcome::Lost, Outcome::NotOpen]),
            Peer::Drips if self.deadline == Deadline::Stall => self.trickles_out(),
            _ if self.deadline == Deadline::Stall => self.stalled(),
            _ => late(Timeout::Close, WAVE),
        })
    }

    fn discarding(self) -> Result<Expect, &'static str> {
        match self.deadline {
            // What ends by them is finished within the close limit, which is long here.
            Deadline::Silence | Deadline::KeepAlive => Ok(self.ended().unwrap_or_else(goes_on)),
            _ => self.receiving(),
        }
    }

    fn finishing(self) -> Result<Expect, &'static str> {
        match self.deadline {
            Deadline::Silence | Deadline::KeepAlive => {
                return Err("from its first Close on the close limit is all that counts");
            }
            Deadline::Stall if !self.is_blocked() => return Err("the peer takes what is sent"),
            Deadline::Stall => return Ok(self.stalled()),
            _ => {}
        }
        Ok(match self.ended() {
            Some(ended) => ended,
            None => late(Timeout::Close, WAVE),
        })
    }
}

fn at_once<const N: usize>(how: [Outcome; N]) -> Expect {
    by(Duration::MIN, how)
}

fn by<const N: usize>(most: Duration, how: [Outcome; N]) -> Expect {
    Expect {
        least: Duration::MIN,
        most,
        how: how.into(),
    }
}

/// When the peer resets.
fn later<const N: usize>(how: [Outcome; N]) -> Expect {
    Expect {
        least: LATER / 2,
        most: LATER,
        how: how.into(),
    }
}

fn times_out(timeout: Timeout) -> Expect {
    late(timeout, Duration::MIN)
}

fn late(timeout: Timeout, late: Duration) -> Expect {
    Expect {
        least: LIMIT,
        most: LIMIT + late,
        how: vec![Outcome::Timeout(timeout)],
    }
}

fn goes_on() -> Expect {
    Expect {
        least: PATIENCE,
        most: PATIENCE + WAVE,
        how: vec![Outcome::GoesOn],
    }
}
