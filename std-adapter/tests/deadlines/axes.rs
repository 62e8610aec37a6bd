//! What the table is made of: rows, columns, and what each cell says.

use std::time::Duration;

use bare_ws_std::Timeout;

/// The limit under test, and the close limit where it is another that is tested.
pub(crate) const LIMIT: Duration = Duration::from_millis(150);
pub(crate) const CLOSE: Duration = Duration::from_millis(500);
/// How long a dripping peer pauses.
pub(crate) const DRIP: Duration = Duration::from_millis(25);
/// After what a call of another thread begins to close.
pub(crate) const LATER: Duration = Duration::from_millis(50);
/// When a call that no limit ends is aborted.
pub(crate) const PATIENCE: Duration = Duration::from_millis(300);

macro_rules! axis {
    ($(#[$doc:meta])* $name:ident { $($(#[$inner:meta])* $variant:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $($(#[$inner])* $variant),* }

        impl $name {
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),*];
        }
    };
}

axis! {
    /// The public calls that can wait.
    Row {
        Dial, Connect, TlsConnect, Open,
        Recv, RecvTimeout, RecvChunk, RecvFrame, ReaderFinish,
        Send, SendUncompressed, SendFragment, SendFrame, Ping, Pong, Flush, Close,
        Finish, Drop,
    }
}

axis! {
    /// The deadline that is short; all others are long or not there.
    Deadline { Connect, Handshake, Silence, Stall, KeepAlive, Close, Call }
}

axis! {
    /// What the peer does once it is its turn.
    Peer {
        /// Reads, and says nothing.
        Silent,
        /// Writes an octet and reads a little, time and again. Over TLS: an octet of ciphertext.
        Drips,
        /// Writes as fast as it can, and does not read.
        FloodsPings,
        FloodsData,
        /// Neither reads nor writes.
        ReadsNothing,
        /// Ends its direction without a Close, and reads.
        Ends,
        Resets,
    }
}

axis! {
    Wire { Tcp, Tls, Unix }
}

axis! {
    /// Who uses the connection.
    Use {
        Undivided,
        Split,
        /// Another thread waits in the other direction, or closes.
        Beside,
    }
}

/// One cell of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    pub(crate) row: Row,
    pub(crate) deadline: Deadline,
    pub(crate) peer: Peer,
    pub(crate) wire: Wire,
    pub(crate) used: Use,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Timeout(Timeout),
    /// The transport ended, with or without an error of the system's.
    Lost,
    /// What was sent first is no answer of a server's.
    Handshake,
    /// Nothing can be sent any more.
    NotOpen,
    Aborted,
    Other(String),
}

/// What must come of a cell.
#[derive(Clone, Debug)]
pub(crate) enum Expect {
    /// The call ends within this span of time, in one of these ways.
    Ends {
        least: Duration,
        most: Duration,
        how: Vec<Outcome>,
    },
    /// No limit ends the call; an abort does.
    GoesOn,
}

impl Cell {
    /// Every cell that could be.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        fn each<T: Copy>(axis: &'static [T]) -> impl Iterator<Item = T> + Clone {
            axis.iter().copied()
        }
        each(Row::ALL).flat_map(|row| {
            each(Deadline::ALL).flat_map(move |deadline| {
                each(Peer::ALL).flat_map(move |peer| {
                    each(Wire::ALL).flat_map(move |wire| {
                        each(Use::ALL).map(move |used| Self {
                            row,
                            deadline,
                            peer,
                            wire,
                            used,
                        })
                    })
                })
            })
        })
    }

    /// What must come of it, or why it does not apply.
    pub(crate) fn expected(self) -> Result<Expect, &'static str> {
        match self.row {
            Row::Dial | Row::Connect | Row::TlsConnect | Row::Open => self.opening(),
            _ if self.used == Use::Split && self.wire != Wire::Tcp => {
                Err("over TCP; what a split changes alone, the wire does not")
            }
            _ if matches!(self.deadline, Deadline::Connect | Deadline::Handshake) => {
                Err("its time is over once the connection is open")
            }
            Row::Recv | Row::RecvTimeout | Row::RecvChunk | Row::RecvFrame => self.receiving(),
            Row::ReaderFinish => self.finishing(),
            Row::Close => self.closing(),
            Row::Finish => self.closing_and_finishing(),
            Row::Drop => self.dropping(),
            _ => self.sending(),
        }
    }

    /// Whether something is delivered before the end. `None`: if there is time for it.
    pub(crate) fn delivers(self) -> Option<bool> {
        match self.peer {
            Peer::FloodsData => Some(true),
            Peer::FloodsPings => Some(self.row == Row::RecvFrame),
            // Of one long message, from its third octet on.
            Peer::Drips if self.row == Row::RecvChunk && self.is_heard() => {
                (self.deadline != Deadline::Close).then_some(true)
            }
            _ => Some(false),
        }
    }

    pub(crate) fn receives(self) -> bool {
        matches!(
            self.row,
            Row::Recv | Row::RecvTimeout | Row::RecvChunk | Row::RecvFrame | Row::ReaderFinish
        )
    }

    /// Whether octets of its are plaintext of ours as they come.
    fn is_heard(self) -> bool {
        !matches!((self.peer, self.wire), (Peer::Drips, Wire::Tls))
    }

    /// Whether the peer takes nothing, so that all buffers on the way are filled before the call.
    pub(crate) fn is_blocked(self) -> bool {
        matches!(
            self.peer,
            Peer::FloodsPings | Peer::FloodsData | Peer::ReadsNothing
        )
    }

    /// Whether it has a message of its own to send, of any length.
    pub(crate) fn is_long(self) -> bool {
        (self.peer == Peer::Drips || self.is_blocked())
            && matches!(
                self.row,
                Row::Send | Row::SendUncompressed | Row::SendFragment
            )
    }

    fn opening(self) -> Result<Expect, &'static str> {
        if self.used != Use::Undivided {
            return Err("there is nothing yet that could be split");
        }
        match (self.row, self.wire) {
            (Row::TlsConnect, Wire::Tcp) => return Err("row Open"),
            (Row::Dial, Wire::Tls | Wire::Unix) => return Err("it gives a TCP connection"),
            (Row::Connect, Wire::Unix) => return Err("nothing but TCP is connected to"),
            _ => {}
        }
        let connects = matches!(self.row, Row::Dial | Row::Connect);
        match self.deadline {
            Deadline::Connect if !connects => Err("the stream is connected already"),
            Deadline::Connect if self.peer == Peer::Silent => Ok(times_out(Timeout::Connect)),
            Deadline::Connect => Err("before there is a connection a peer can only be silent"),
            Deadline::Handshake if self.row == Row::Dial => Err("nothing is said yet"),
            Deadline::Handshake => Ok(match self.peer {
                Peer::Silent | Peer::Drips | Peer::ReadsNothing => times_out(Timeout::Handshake),
                Peer::FloodsPings | Peer::FloodsData => at_once([Outcome::Handshake]),
                Peer::Ends => at_once([Outcome::Lost]),
                Peer::Resets => resets([Outcome::Lost]),
            }),
            _ => Err("begins when the connection is open"),
        }
    }

    /// What the end of the transport without a Close comes to, for whoever receives.
    fn ended(self) -> Option<Expect> {
        match self.peer {
            Peer::Ends => Some(at_once([Outcome::Lost])),
            Peer::Resets => Some(resets([Outcome::Lost])),
            _ => None,
        }
    }

    fn receiving(self) -> Result<Expect, &'static str> {
        if self.deadline == Deadline::Call && self.row != Row::RecvTimeout {
            return Err("has no limit of its own");
        }
        if self.deadline == Deadline::Stall {
            return self.stalled_while_receiving();
        }
        if let Some(ended) = self.ended() {
            return Ok(ended);
        }
        let is_heard = self.is_heard()
            && matches!(
                self.peer,
                Peer::Drips | Peer::FloodsPings | Peer::FloodsData
            );
        Ok(match self.deadline {
            Deadline::Silence | Deadline::KeepAlive if is_heard => Expect::GoesOn,
            Deadline::Silence => times_out(Timeout::Silence),
            Deadline::KeepAlive => times_out(Timeout::KeepAlive),
            Deadline::Call if self.peer == Peer::FloodsData => at_once([Outcome::Done]),
            Deadline::Call => times_out(Timeout::Call),
            _ => self.closed_in_time(),
        })
    }

    fn stalled_while_receiving(self) -> Result<Expect, &'static str> {
        match (self.peer, self.used) {
            // The answers fill the way to the peer first.
            (Peer::FloodsPings, _) => Ok(late(Timeout::Stall, LIMIT * 5)),
            (Peer::FloodsData | Peer::ReadsNothing, Use::Beside) => {
                Ok(late(Timeout::Stall, LIMIT * 5))
            }
            (Peer::Drips, Use::Beside) => Ok(Expect::GoesOn),
            _ => Err("nothing is queued that the peer does not take"),
        }
    }

    /// From the Close on, which the other thread queues a little later than the call.
    fn closed_in_time(self) -> Expect {
        let later = match self.used {
            Use::Beside => LATER,
            _ => Duration::ZERO,
        };
        Expect::Ends {
            least: LIMIT + later,
            most: LIMIT + later,
            how: vec![Outcome::Timeout(Timeout::Close)],
        }
    }

    fn finishing(self) -> Result<Expect, &'static str> {
        match self.deadline {
            Deadline::Call => Err("has no limit of its own"),
            Deadline::Stall => self.stalled_while_receiving(),
            Deadline::Close => Ok(self.ended().unwrap_or_else(|| self.closed_in_time())),
            _ => {
                // What has failed is told after the peer had its time to hang up.
                let told = self.receiving()?;
                Ok(match told {
                    Expect::Ends { least, most, how } if least >= LIMIT => Expect::Ends {
                        least,
                        most: most + CLOSE,
                        how,
                    },
                    told => told,
                })
            }
        }
    }

    fn sending(self) -> Result<Expect, &'static str> {
        // A receive beside it tells it why there is nothing to send to any more.
        let lost = [Outcome::Lost, Outcome::NotOpen, Outcome::Done];
        match (self.deadline, self.used) {
            (Deadline::Call, _) => return Err("has no limit of its own"),
            (Deadline::Silence | Deadline::KeepAlive, Use::Undivided | Use::Split) => {
                if self.row == Row::Send && self.peer == Peer::ReadsNothing {
                    return Ok(Expect::GoesOn);
                }
                return Err(
                    "only whoever receives keeps the limits on silence: row Send, ReadsNothing",
                );
            }
            (Deadline::Close, Use::Undivided | Use::Split) => {
                return Err("after a Close nothing can be sent");
            }
            _ => {}
        }
        Ok(match self.peer {
            Peer::Silent => at_once([Outcome::Done]),
            Peer::Ends => at_once(lost),
            Peer::Resets => resets(lost),
            Peer::Drips if !self.is_long() => Expect::Ends {
                least: Duration::ZERO,
                most: LIMIT * 5,
                how: vec![Outcome::Done],
            },
            _ => match self.deadline {
                Deadline::Stall if self.is_blocked() => times_out(Timeout::Stall),
                Deadline::Stall => Expect::GoesOn,
                Deadline::Close => self.closed_in_time(),
                _ if self.is_heard() && self.peer != Peer::ReadsNothing => Expect::GoesOn,
                Deadline::KeepAlive => glanced(Timeout::KeepAlive),
                _ => glanced(Timeout::Silence),
            },
        })
    }

    fn closing(self) -> Result<Expect, &'static str> {
        let behind = self.used == Use::Beside;
        match self.deadline {
            Deadline::Call => return Err("has no limit of its own"),
            Deadline::Silence | Deadline::KeepAlive => {
                return Err("only whoever receives keeps the limits on silence");
            }
            _ => {}
        }
        Ok(match self.peer {
            Peer::Silent | Peer::Ends => at_once([Outcome::Done]),
            Peer::Resets => resets([Outcome::Lost, Outcome::Done]),
            Peer::Drips if !behind => at_once([Outcome::Done]),
            Peer::Drips if self.deadline == Deadline::Stall => {
                return Err("what the peer takes is no stall; how long it may, column Close says");
            }
            _ if self.deadline == Deadline::Stall => times_out(Timeout::Stall),
            _ => times_out(Timeout::Close),
        })
    }

    fn closing_and_finishing(self) -> Result<Expect, &'static str> {
        match (self.deadline, self.used) {
            (_, Use::Split | Use::Beside) => Err("the halves have close and Reader::finish"),
            (Deadline::Call, _) => Err("has no limit of its own"),
            (Deadline::Silence | Deadline::KeepAlive, _) => {
                Err("from its first Close on the close limit is all that counts")
            }
            (Deadline::Stall, _) if self.is_blocked() => Ok(times_out(Timeout::Stall)),
            (Deadline::Stall, _) => Err("the peer takes what is sent"),
            _ => Ok(self.ended().unwrap_or_else(|| times_out(Timeout::Close))),
        }
    }

    fn dropping(self) -> Result<Expect, &'static str> {
        match self.deadline {
            Deadline::Stall | Deadline::Close => Ok(at_once([Outcome::Done])),
            _ => Err("a drop keeps no limit; columns Stall and Close have something to leave"),
        }
    }
}

fn at_once<const N: usize>(how: [Outcome; N]) -> Expect {
    Expect::Ends {
        least: Duration::ZERO,
        most: Duration::ZERO,
        how: how.into(),
    }
}

/// Some time after the call began.
fn resets<const N: usize>(how: [Outcome; N]) -> Expect {
    Expect::Ends {
        least: Duration::ZERO,
        most: LATER,
        how: how.into(),
    }
}

fn times_out(timeout: Timeout) -> Expect {
    late(timeout, Duration::ZERO)
}

/// Seen by a thread that waits for something else: it looks four times in a close limit.
fn glanced(timeout: Timeout) -> Expect {
    late(timeout, CLOSE / 4)
}

fn late(timeout: Timeout, by: Duration) -> Expect {
    Expect::Ends {
        least: LIMIT,
        most: LIMIT + by,
        how: vec![Outcome::Timeout(timeout)],
    }
}
