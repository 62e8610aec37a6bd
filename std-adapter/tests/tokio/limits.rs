//! Limits that are set on an open connection, and those of its transmit buffer.

use std::time::Duration;

use bare_ws_std::bare_ws::error::Usage;
use bare_ws_std::bare_ws::header::{FrameHeader, MAX_HEADER};
use bare_ws_std::bare_ws::opcode::Opcode;
use bare_ws_std::tokio::{WebSocket, Writer};
use bare_ws_std::{CloseCode, Config, Error, KeepAlive, SettingError, Timeout};
use tokio::io::DuplexStream;
use tokio::time::{Instant, sleep, timeout};

use crate::connection::pair;

type Set = fn(&Writer<DuplexStream>, Option<Duration>);

/// Whether it is a send that waits, and not a receive; what is set; and what that ends.
const LIMITS: [(bool, Set, Timeout); 3] = [
    (
        false,
        |writer, limit| writer.set_silence_timeout(limit),
        Timeout::Silence,
    ),
    (
        true,
        |writer, limit| writer.set_stall_timeout(limit),
        Timeout::Stall,
    ),
    (
        false,
        |writer, limit| {
            let keepalive = limit.map(|dead_after| KeepAlive {
                interval: dead_after / 3,
                dead_after,
            });
            writer.set_keepalive(keepalive).unwrap();
        },
        Timeout::KeepAlive,
    ),
];

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Waits for a peer that neither reads nor sends.
async fn waits(socket: WebSocket<DuplexStream>, sends: bool) -> Result<(), Error> {
    let WebSocket {
        mut reader, writer, ..
    } = socket;
    match sends {
        true => writer.send([0; 10_000].as_slice()).await,
        false => reader.recv().await.map(drop),
    }
}

/// What is set last counts, and from the beginning of the wait, though nothing else wakes who waits.
// row: STA-02, STA-03
#[tokio::test(start_paused = true)]
async fn limits_are_set_for_calls_that_wait_already() {
    // What is set a second after the call and half a second later, and when it ends.
    let table: [(&[Option<u64>], Option<u64>); 5] = [
        (&[], None),
        (&[Some(6)], Some(6)),
        (&[Some(60), Some(6)], Some(6)),
        (&[Some(6), Some(20)], Some(20)),
        (&[Some(6), None], None),
    ];
    for (sends, set, expected) in LIMITS {
        for (limits, at) in table {
            let (socket, _server) = pair(&Config::new(), 64).await;
            let writer = socket.writer.clone();
            let began = Instant::now();
            let waiting = tokio::spawn(waits(socket, sends));
            sleep(seconds(1)).await;
            for limit in limits {
                set(&writer, limit.map(seconds));
                sleep(seconds(1) / 2).await;
            }
            let ended = timeout(seconds(100), waiting).await;
            let ended = ended.ok().map(|ended| match ended.unwrap() {
                Err(Error::Timeout(timeout)) => (timeout, began.elapsed().as_secs()),
                other => panic!("{expected:?}, {limits:?}: {other:?}"),
            });
            let expected = at.map(|at| (expected, at));
            assert_eq!(ended, expected, "{limits:?}");
        }
    }
}

/// The limit of a close counts from its beginning, and is the one that was set by then.
// row: CLS-11
#[tokio::test(start_paused = true)]
async fn a_close_has_the_limit_that_was_set_before_it_began() {
    for (before, at) in [(None, 5), (Some(2), 2), (Some(20), 20)] {
        let (mut socket, _server) = pair(&Config::new(), 1000).await;
        if let Some(limit) = before {
            socket.writer.set_close_timeout(seconds(limit));
        }
        let began = Instant::now();
        socket.close(CloseCode::NORMAL, "").await.unwrap();
        socket.writer.set_close_timeout(seconds(60));
        let ended = socket.reader.finish().await.map(drop);
        assert!(
            matches!(ended, Err(Error::Timeout(Timeout::Close))),
            "{before:?}: {ended:?}"
        );
        assert_eq!(began.elapsed().as_secs(), at, "{before:?}");
    }
}

/// A frame is never cut: where it does not fit, the buffer that is asked for has room for it, and not for much more.
#[tokio::test]
async fn a_frame_that_does_not_fit_says_what_would_do() {
    for len in [0, 125, 126, 1000, 65_535, 65_536] {
        let header = FrameHeader::new(Opcode::Binary, true, len as u64);
        let payload = vec![7; len];
        let mut buffer = 131;
        let mut refusals = 0;
        loop {
            let config = Config::new().transmit_buffer(buffer);
            let (socket, mut server) = pair(&config, 100_000).await;
            match socket.writer.send_frame(header, &payload).await {
                Err(Error::Usage(Usage::BufferTooSmall { needed })) => {
                    assert!(needed > buffer && needed <= len + MAX_HEADER, "{len}");
                    (buffer, refusals) = (needed, refusals + 1);
                }
                sent => {
                    sent.unwrap();
                    assert_eq!(server.read_frame().await, Some((0x82, payload)));
                    break;
                }
            }
        }
        assert_eq!(refusals, usize::from(len > 125), "{len}");
    }
}

#[derive(Clone, Copy, Debug)]
enum Level {
    Whole,
    Chunks,
    Frames,
}

/// How many octets of the only message are received, or the limit that it meets.
async fn received(socket: &mut WebSocket<DuplexStream>, level: Level) -> Result<usize, u64> {
    let mut octets = 0;
    loop {
        let piece = match level {
            Level::Whole => socket.recv().await.map(|it| it.map(|it| it.len())),
            Level::Chunks => socket
                .recv_chunk()
                .await
                .map(|it| it.map(|it| it.octets.len())),
            Level::Frames => {
                let frame = socket.recv_frame().await;
                frame.map(|it| {
                    it.filter(|it| !it.header.opcode.is_control())
                        .map(|it| it.payload.len())
                })
            }
        };
        match piece {
            Ok(Some(len)) => octets += len,
            Ok(None) => return Ok(octets),
            Err(Error::TooLong { limit, .. }) => return Err(limit),
            Err(error) => panic!("{level:?}: {error:?}"),
        }
    }
}

/// What is received whole has one limit, what is received in pieces or frames another.
// row: LIM-01, LIV-29
#[tokio::test]
async fn each_level_has_its_own_limit() {
    for (message, stream) in [(10, 100), (100, 10)] {
        let config = Config::new().message_limit(message).stream_limit(stream);
        for level in [Level::Whole, Level::Chunks, Level::Frames] {
            let limit = match level {
                Level::Whole => message,
                Level::Chunks | Level::Frames => stream,
            };
            for (octets, expected) in [(limit, Ok(limit as usize)), (limit + 1, Err(limit))] {
                let (mut socket, mut server) = pair(&config, 1000).await;
                let payload = vec![7; octets as usize];
                let (first, second) = payload.split_at(1);
                server.frame(0x02, first).await;
                server.frame(0x80, second).await;
                server.close(1000).await;
                let received = received(&mut socket, level).await;
                assert_eq!(received, expected, "{level:?} of {message}, {stream}");
            }
        }
    }
}

// row: STA-03, LIV-28
#[tokio::test]
async fn a_keepalive_that_cannot_work_is_refused_on_an_open_connection_too() {
    let (socket, _server) = pair(&Config::new(), 1000).await;
    for (interval, dead_after, works) in [(0, 3, false), (3, 3, false), (3, 2, false), (3, 6, true)]
    {
        let (interval, dead_after) = (seconds(interval), seconds(dead_after));
        let keepalive = KeepAlive {
            interval,
            dead_after,
        };
        let refused = SettingError::KeepAlive {
            interval,
            dead_after,
        };
        let expected = if works { Ok(()) } else { Err(refused) };
        assert_eq!(socket.writer.set_keepalive(keepalive), expected);
    }
    assert_eq!(socket.writer.set_keepalive(None), Ok(()));
}
