//! How much a message may have, at each level of delivery.

use crate::*;

// row: LIM-01, LIV-29
#[test]
fn each_level_has_its_own_limit() {
    const MIB: usize = 1 << 20;
    const N: u64 = 1000;
    let none = Config::new();
    let streams = Config::new().message_limit(1).stream_limit(N);
    let messages = Config::new().message_limit(N).stream_limit(1);
    let only_messages = Config::new().message_limit(1);
    for (config, level, (frames, each), limit) in [
        (&none, Level::Whole, (16, MIB), None),
        (&none, Level::Whole, (17, MIB), Some(16 << 20)),
        (&none, Level::Chunks, (20, MIB), None),
        (&none, Level::Frames, (20, MIB), None),
        (&streams, Level::Chunks, (1, 1000), None),
        (&streams, Level::Chunks, (1, 1001), Some(N)),
        (&streams, Level::Chunks, (91, 11), Some(N)),
        (&streams, Level::Frames, (2, 500), None),
        (&streams, Level::Frames, (91, 11), Some(N)),
        (&streams, Level::Whole, (1, 1), None),
        (&streams, Level::Whole, (2, 1), Some(1)),
        (&messages, Level::Whole, (2, 500), None),
        (&messages, Level::Whole, (91, 11), Some(N)),
        (&messages, Level::Chunks, (1, 2), Some(1)),
        (&messages, Level::Frames, (1, 2), Some(1)),
        (&only_messages, Level::Chunks, (91, 11), None),
    ] {
        let peer = serve(move |mut conn| {
            conn.accept();
            for at in 0..frames {
                let first = if at == 0 { 0x02 } else { 0x00 };
                let fin = if at + 1 == frames { 0x80 } else { 0x00 };
                conn.frame(first | fin, &vec![b'x'; each]);
            }
            conn.close(1000, b"");
            conn.read_close()
        });
        let case = format!("{level:?}, {frames} frames of {each}");
        let config = config.clone().close_timeout(LONG);
        let mut socket = config.connect(&peer.uri()).unwrap();
        let (octets, ended) = received(level, &mut socket);
        drop(socket);
        let code = peer.join();
        match (limit, ended) {
            (None, None) => assert_eq!((octets, code), (frames * each, Some(1000)), "{case}"),
            (Some(wanted), Some(Error::TooLong { needed, limit })) => {
                assert!(octets as u64 <= wanted && needed > limit, "{case}");
                assert_eq!((limit, code), (wanted, Some(1009)), "{case}");
            }
            other => panic!("{case}: {other:?}"),
        }
    }
}

// row: LIM-01, LIM-02
#[test]
fn the_limits_are_on_and_can_be_set() {
    assert_eq!(Config::new().limits().message, 16 << 20);
    assert_eq!(Config::new().limits().fragments, 1_000_000);
    let levels = [Level::Whole, Level::Chunks, Level::Frames].into_iter();
    for (level, n) in levels.flat_map(|level| [(level, 3u8), (level, 4)]) {
        let peer = serve(move |mut conn| {
            conn.accept();
            conn.frame(0x02, b"");
            for i in 2..=n {
                conn.frame(if i == n { 0x80 } else { 0 }, b"");
            }
            conn.close(1000, b"");
            conn.read_close()
        });
        let config = Config::new().fragment_limit(3).close_timeout(LONG);
        let mut socket = config.connect(&peer.uri()).unwrap();
        let (_, ended) = received(level, &mut socket);
        drop(socket);
        match (n, ended) {
            (3, None) => assert_eq!(peer.join(), Some(1000)),
            (4, Some(Error::TooManyFragments { limit: 3 })) => assert_eq!(peer.join(), Some(1008)),
            (n, other) => panic!("{level:?}, {n}: {other:?}"),
        }
    }
}
