//! What a run is held against: ratios within it alone, and with room for what a busy machine does to them.

use crate::direction::Direction;
use crate::payload::Kind;
use crate::peers::{self, OURS, OURS_OWNED, OURS_TOKIO};
use crate::report::{Report, Row};

// Each leaves room for at least half as much again as a quiet machine shows.

/// Receiving and sending 16 octets: at least so many times as fast as tungstenite.
const SMALL: f64 = 2.0;
/// The same for text that is received: std checks its UTF-8 in both, which is 10 ns of our 28, and of
/// tungstenite's 50; without it the ratio is that of binary messages, 2.3.
const SMALL_TEXT: f64 = 1.6;
/// In memory, at most so many times the time of the best of the others, ...
const LEVEL: f64 = 1.6;
/// ... of messages that no small cache holds, which others on the machine may empty, ...
const LARGE: f64 = 2.5;
/// ... and in tokio, where the best of the others lets one task send and takes no lock.
const SHARED: f64 = 2.0;
/// A message that borrows nothing is allocated and copied when it is received, and counted when it is sent.
const OWNED: f64 = 3.3;
/// Of the time of tokio-tungstenite, sending and receiving up to 125 octets in tokio: the same program receives 16
/// octets in 0.34 of it on a quiet machine, and in 0.50 on a busy one, ...
const TOKIO: f64 = 0.55;
/// ... and as `Stream` and `Sink`.
const TOKIO_OWNED: f64 = 0.8;
/// Text in pieces by the core's loop, which cannot wait for a moment: what has come is checked before each read.
const CLOCKLESS: f64 = 2.6;
/// permessage-deflate: the engine, zlib-rs, is that of the others, and most of the time.
const DEFLATE: f64 = 1.8;
/// Small messages over sockets, where most of the time is the system's and the far end's, and connections.
const SOCKET: f64 = 1.7;
/// Many at once, where little of the time is the system's, and a `Sink` has more to do.
const MANY: f64 = 2.0;
/// Long ones: what one write moves depends on how far the other end has come, and a busy machine's caches are not ours.
const STREAM: f64 = 2.0;

/// At most so many times the time of the best of the others.
fn bar(direction: Direction, kind: Kind, size: usize, library: &str) -> f64 {
    match direction {
        _ if direction.has_far_end() => {
            if direction.is_many() {
                MANY
            } else if size <= 1024 {
                SOCKET
            } else {
                STREAM
            }
        }
        _ if direction.takeover().is_some() => DEFLATE,
        _ if library == OURS_OWNED => OWNED,
        Direction::Pieces if library == OURS && kind == Kind::Text => CLOCKLESS,
        _ if size > 64 * 1024 => LARGE,
        _ if library == OURS_TOKIO => SHARED,
        _ => LEVEL,
    }
}

/// One size of one table.
pub fn hold(report: &mut Report, row: &Row<'_>) {
    let (direction, kind, size) = row.what;
    let title = format!("{direction} {kind} {size}");
    let (Some(best), false) = (row.best_peer(), row.ours().is_empty()) else {
        return report.check(false, format!("{title}: not measured beside another"));
    };
    for ours in row.ours() {
        let times = ours.ratio(best);
        let bar = bar(direction, kind, size, ours.library());
        report.check(
            times <= bar,
            format!(
                "{}: {times:.2} of the time of {}, bar {bar}",
                ours.title(),
                best.library()
            ),
        );
    }
    if size <= 125
        && matches!(
            direction,
            Direction::Receive | Direction::Send | Direction::Turn
        )
        && let Some(theirs) = row.of(peers::TOKIO_TUNGSTENITE)
    {
        for (library, bar) in [(peers::OURS_TOKIO, TOKIO), (peers::OURS_OWNED, TOKIO_OWNED)] {
            let times = row.of(library).map_or(f64::NAN, |ours| ours.ratio(theirs));
            report.check(
                times <= bar,
                format!(
                    "{library} {title}: {times:.2} of the time of {}, bar {bar}",
                    peers::TOKIO_TUNGSTENITE
                ),
            );
        }
    }
    if size == 16 && !direction.has_far_end() {
        let bar = match (direction, kind) {
            (Direction::Receive, Kind::Text) => SMALL_TEXT,
            _ => SMALL,
        };
        let ours = row.of(peers::OURS);
        let times = ours.zip(row.of("tungstenite"));
        let times = times.map_or(0.0, |(ours, theirs)| theirs.ratio(ours));
        report.check(
            times >= bar,
            format!("{title}: {times:.2} times as fast as tungstenite, bar {bar}"),
        );
    }
}
