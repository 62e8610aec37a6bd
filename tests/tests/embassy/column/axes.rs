//! What the column is made of: rows, limits, peers, and what each cell says.

use bare_ws::error::Usage;
use bare_ws::handshake::HandshakeError;
use bare_ws_embassy::{ConnectError, Error, KeepAlive, Timeout, Timing};
use embassy_time::Duration;

/// The limit under test. All others are long, or not there.
pub(crate) const LIMIT: Duration = Duration::from_millis(1000);
/// How long a dripping peer pauses: the next octet comes just before a wait for it is over.
pub(crate) const DRIP: Duration = Duration::from_millis(900);
/// After what a reset comes, or another task begins to close.
pub(crate) const LATER: Duration = Duration::from_millis(100);
/// How often a flood rises. Between two waves a look at the clock may be late.
pub(crate) const WAVE: Duration = Duration::from_millis(10);
/// When a call counts as one that no limit ends.
pub(crate) const PATIENCE: Duration = Duration::from_millis(3000);
const LONG: Duration = Duration::from_secs(60);

macro_rules! axis {
    ($(#[$doc:meta])* $name:ident { $($(#[$inner:meta])* $variant:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum $name { $($(#[$inner])* $variant),* }

        impl $name {
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),*];
        }
    };
}

axis! {
    /// The public calls that can wait.
    Row {
        Dial, Connect, ConnectSecure, Client, TlsConnect, TlsOpen, Open,
        Recv, RecvChunk, RecvFrame,
        Send,
        /// Of a message that the buffer does not hold.
        SendLong,
        SendFragment, SendFrame, Ping, Pong, Flush, Close, Finish,
    }
}

axis! {
    /// The limit that is short.
    Deadline { Connect, Handshake, Silence, Stall, KeepAlive, Close }
}

axis! {
    /// What the peer does once it is its turn. On an open connection it says one message first.
    Peer {
        /// Reads, and says nothing.
        Silent,
        /// Writes an octet and reads one, time and again. Over TLS: octets of ciphertext.
        Drips,
        /// Writes without end, and does not read.
        FloodsPings,
        FloodsData,
        /// Neither reads nor writes.
        ReadsNothing,
        /// Ends its direction without a Close, and reads.
        Ends,
        /// Reads nothing, and is gone a little later.
        Resets,
    }
}

axis! {
    Wire { Plain, Tls }
}

axis! {
    /// Who uses the connection.
    Use {
        Undivided,
        Halves,
        /// Another task waits in the other direction, or closes.
        Beside,
    }
}

axis! {
    /// What becomes of the future.
    Manner {
        Whole,
        /// It is dropped where it waits, a little later, time and again, and the call made anew.
        Dropped,
        /// It is dropped at each poll, and the call made anew at the next.
        DroppedAtOnce,
    }
}

/// One cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    pub(crate) row: Row,
    pub(crate) deadline: Deadline,
    pub(crate) peer: Peer,
    pub(crate) wire: Wire,
    pub(crate) used: Use,
    pub(crate) manner: Manner,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Timeout(Timeout),
    /// The transport ended, with or without an error of its own.
    Lost,
    /// Nobody takes the connection.
    Refused,
    /// What was sent first is no answer of a server's.
    Handshake,
    /// Nothing can be sent any more.
    NotOpen,
    /// A message is there in part, since its call was dropped.
    Interrupted,
    /// Not by itself.
    GoesOn,
    Other(String),
}

impl Outcome {
    pub(crate) fn of<T, E: core::fmt::Debug>(result: Result<T, Error<E>>) -> Self {
        match result {
            Ok(_) => Self::Done,
            Err(Error::Timeout(timeout)) => Self::Timeout(timeout),
            Err(Error::Lost | Error::Transport(_)) => Self::Lost,
            Err(Error::Usage(Usage::NotOpen)) => Self::NotOpen,
            Err(Error::Usage(Usage::InterruptedMessage)) => Self::Interrupted,
            Err(error) => Self::Other(format!("{error:?}")),
        }
    }

    pub(crate) fn of_connecting<T, E: EndsTls>(result: Result<T, ConnectError<E>>) -> Self {
        match result {
            Ok(_) => Self::Done,
            Err(ConnectError::Timeout(timeout)) => Self::Timeout(timeout),
            Err(ConnectError::Connect(_)) => Self::Refused,
            Err(ConnectError::Handshake(HandshakeError::Lost | HandshakeError::Transport(_))) => {
                Self::Lost
            }
            Err(ConnectError::Handshake(_)) => Self::Handshake,
            Err(ConnectError::Tls(error)) if error.is_lost() => Self::Lost,
            Err(ConnectError::Tls(_)) => Self::Handshake,
            Err(error) => Self::Other(format!("{error:?}")),
        }
    }
}

/// Whether an error of TLS is the transport's.
pub(crate) trait EndsTls: core::fmt::Debug {
    fn is_lost(&self) -> bool;
}

impl EndsTls for embedded_io_async::ErrorKind {
    fn is_lost(&self) -> bool {
        true
    }
}

impl<T: core::fmt::Debug> EndsTls for bare_ws_embassy::tls::Error<T> {
    fn is_lost(&self) -> bool {
        matches!(self, Self::CutInHandshake | Self::Transport(_))
    }
}

impl Cell {
    /// Every cell that could be.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let mut cells = Vec::new();
        for &row in Row::ALL {
            for &deadline in Deadline::ALL {
                for &peer in Peer::ALL {
                    for &wire in Wire::ALL {
                        for &used in Use::ALL {
                            cells.extend(Manner::ALL.iter().map(|&manner| Self {
                                row,
                                deadline,
                                peer,
                                wire,
                                used,
                                manner,
                            }));
                        }
                    }
                }
            }
        }
        cells.into_iter()
    }

    pub(crate) fn timing(self) -> Timing {
        let long = Timing {
            connect: LONG,
            handshake: LONG,
            close: LONG,
            ..Timing::DEFAULT
        };
        match self.deadline {
            Deadline::Connect => Timing {
                connect: LIMIT,
                ..long
            },
            Deadline::Handshake => Timing {
                handshake: LIMIT,
                ..long
            },
            Deadline::Silence => Timing {
                silence: Some(LIMIT),
                ..long
            },
            Deadline::Stall => Timing {
                stall: Some(LIMIT),
                ..long
            },
            Deadline::KeepAlive => Timing {
                keepalive: Some(KeepAlive {
                    interval: LIMIT / 2,
                    dead_after: LIMIT,
                }),
                ..long
            },
            Deadline::Close => Timing {
                close: LIMIT,
                ..long
            },
        }
    }

    pub(crate) const fn opens(self) -> bool {
        matches!(
            self.row,
            Row::Dial
                | Row::Connect
                | Row::ConnectSecure
                | Row::Client
                | Row::TlsConnect
                | Row::TlsOpen
                | Row::Open
        )
    }

    pub(crate) const fn receives(self) -> bool {
        matches!(self.row, Row::Recv | Row::RecvChunk | Row::RecvFrame)
    }

    pub(crate) const fn sends(self) -> bool {
        !self.opens() && !self.receives() && !self.discards() && !self.ends()
    }

    /// Whether it receives until the peer has closed, and begins nothing: a reader's `finish`.
    pub(crate) const fn discards(self) -> bool {
        matches!(
            (self.row, self.used),
            (Row::Finish, Use::Halves | Use::Beside)
        )
    }

    /// Whether it ends the connection.
    pub(crate) const fn ends(self) -> bool {
        matches!(self.row, Row::Close | Row::Finish) && !self.discards()
    }

    /// Whether the peer takes nothing.
    pub(crate) const fn is_blocked(self) -> bool {
        matches!(
            self.peer,
            Peer::FloodsPings | Peer::FloodsData | Peer::ReadsNothing
        )
    }

    /// Whether the way to the peer is filled before the call.
    pub(crate) fn is_filled(self) -> bool {
        self.ends()
            && self.used != Use::Beside
            && matches!(self.deadline, Deadline::Stall | Deadline::Close)
            && (self.is_blocked() || matches!(self.peer, Peer::Drips | Peer::Resets))
    }
}
