//! One table of tests: every call that can wait, against every kind of peer that lets it wait. A
//! column of it is an executor: a loop of the core, an adapter. For each column there is a cell for
//! each call and peer, which says how the call ends and what was delivered before, or why there is
//! nothing to try.

use core::fmt;

/// A call that can wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Resolving the name and connecting.
    Connect,
    /// The handshake of TLS.
    Tls,
    /// The opening handshake.
    Handshake,
    /// Receiving messages.
    Recv,
    /// Receiving pieces.
    RecvChunk,
    /// Receiving frames.
    RecvFrame,
    /// Waiting for what is to be received, without taking it.
    Advance,
    /// Sending a message that fits the buffer.
    Send,
    /// Sending one that does not.
    SendLong,
    /// Sending a piece of one that does not.
    Fragment,
    /// Sending a frame of one's own.
    SendFrame,
    /// Sending a Ping.
    Ping,
    /// Sending a Pong.
    Pong,
    /// Writing out what is queued.
    Flush,
    /// Closing.
    Close,
    /// Reading until the transport ends.
    Finish,
}

impl Call {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Connect,
        Self::Tls,
        Self::Handshake,
        Self::Recv,
        Self::RecvChunk,
        Self::RecvFrame,
        Self::Advance,
        Self::Send,
        Self::SendLong,
        Self::Fragment,
        Self::SendFrame,
        Self::Ping,
        Self::Pong,
        Self::Flush,
        Self::Close,
        Self::Finish,
    ];
}

/// A peer that lets others wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Says nothing more.
    Silent,
    /// Says one octet at a time, each just before a limit on one wait would pass.
    Drips,
    /// Says Pings, one after the other.
    FloodsPings,
    /// Says messages, one after the other.
    FloodsData,
    /// Takes nothing, and says nothing more.
    ReadsNothing,
    /// Ends its direction without a Close, and still takes everything.
    ClosesDirection,
    /// Is gone.
    Resets,
}

/// How many Pings or messages make a flood.
pub const FLOOD: usize = 1000;

impl Peer {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Silent,
        Self::Drips,
        Self::FloodsPings,
        Self::FloodsData,
        Self::ReadsNothing,
        Self::ClosesDirection,
        Self::Resets,
    ];

    /// What it says, as a server, once a connection is open: a message at first, so that something
    /// is to be delivered before.
    #[must_use]
    pub fn says(self) -> Vec<u8> {
        let mut octets = b"\x82\x02hi".to_vec();
        match self {
            Self::Drips => octets.extend(b"\x82\x64dddddddddd"),
            Self::FloodsPings => octets.extend(b"\x89\x01p".repeat(FLOOD)),
            Self::FloodsData => octets.extend(b"\x82\x01x".repeat(FLOOD)),
            _ => {}
        }
        octets
    }

    /// What it says to the request of an opening handshake.
    #[must_use]
    pub fn answers(self) -> Vec<u8> {
        match self {
            Self::Silent | Self::ReadsNothing | Self::Resets => Vec::new(),
            Self::Drips | Self::ClosesDirection => b"HTTP/1.1 101 Switching Pr".to_vec(),
            Self::FloodsPings => b"\x89\x01p".repeat(FLOOD),
            Self::FloodsData => {
                let mut octets = b"HTTP/1.1 101 Switching Protocols\r\nX: ".to_vec();
                octets.resize(100_000, b'x');
                octets
            }
        }
    }

    /// Whether it takes what is sent to it.
    #[must_use]
    pub const fn takes(self) -> bool {
        !matches!(self, Self::ReadsNothing)
    }
}

/// How a call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// As it should.
    Done,
    /// By its time.
    Time,
    /// Since the peer breaks a rule or a limit is met.
    Failed,
    /// Since the transport has ended.
    Lost,
    /// By the transport's error.
    Broken,
}

/// A cell of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// What is delivered before, and how it ends.
    Is(&'static str, Ends),
    /// Why there is nothing to try.
    Not(&'static str),
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What was delivered, as [`shown`] shows it.
    pub delivered: String,
    /// How the call ended.
    pub ends: Ends,
}

/// Pieces in one line: equal ones that follow one another are counted.
#[must_use]
pub fn shown(pieces: &[Vec<u8>]) -> String {
    let mut words: Vec<(String, usize)> = Vec::new();
    for piece in pieces {
        let word = String::from_utf8_lossy(piece).into_owned();
        match words.last_mut() {
            Some((last, count)) if *last == word => *count += 1,
            _ => words.push((word, 1)),
        }
    }
    let words = words.into_iter().map(|(word, count)| match count {
        1 => word,
        _ => format!("{word}*{count}"),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// How many cells a column has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Those that were tried.
    pub tried: usize,
    /// Those with a reason.
    pub reasons: usize,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tried, reasons } = self;
        write!(
            f,
            "{tried} cells tried + {reasons} with a reason = {}",
            tried + reasons
        )
    }
}

/// Holds a column against what it declares, and prints how many cells it has.
///
/// # Panics
/// With all cells that are not as declared; where a reason says nothing.
#[track_caller]
pub fn hold(
    column: &str,
    cell: impl Fn(Call, Peer) -> Cell,
    mut run: impl FnMut(Call, Peer) -> Outcome,
) -> Count {
    let mut count = Count {
        tried: 0,
        reasons: 0,
    };
    let mut wrong = Vec::new();
    for call in Call::ALL {
        for peer in Peer::ALL {
            match cell(call, peer) {
                Cell::Not(reason) => {
                    assert!(reason.len() > 10, "{column}, {call:?}, {peer:?}: no reason");
                    count.reasons += 1;
                }
                Cell::Is(delivered, ends) => {
                    count.tried += 1;
                    let outcome = run(call, peer);
                    if (&*outcome.delivered, outcome.ends) != (delivered, ends) {
                        wrong.push(format!(
                            "{call:?}, {peer:?}: {outcome:?}, not {delivered:?} and {ends:?}"
                        ));
                    }
                }
            }
        }
    }
    println!("{column}: {count}");
    assert!(wrong.is_empty(), "{column}:\n{}", wrong.join("\n"));
    assert_eq!(
        count.tried + count.reasons,
        Call::ALL.len() * Peer::ALL.len()
    );
    count
}
