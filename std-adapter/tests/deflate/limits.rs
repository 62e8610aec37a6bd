//! Limits on what comes over the wire, and on what comes out of it.

use crate::*;

/// A message of so many zeros, compressed.
fn zeros(len: usize) -> Vec<u8> {
    use bare_ws_std::bare_ws::compression::Compress;
    let agreed = Agreed {
        receive_window_bits: 15,
        receive_no_context_takeover: false,
        send_window_bits: 15,
        send_no_context_takeover: false,
    };
    let (_, mut deflating) = Deflate::new().stages(&agreed, 0).unwrap();
    let mut octets = vec![0; len / 100 + 100];
    let done = deflating.compress(&vec![0; len], true, &mut octets);
    assert!(done.finished && done.consumed == len);
    octets.truncate(done.produced);
    octets
}

// row: PMD-30, PMD-32, TRAP-08
#[test]
fn the_message_limit_is_that_of_what_comes_out() {
    const LIMIT: usize = 20_000;
    // Each level has its own, and the other's does not matter.
    let limited = |pieces| {
        let (message, stream) = if pieces { (10, LIMIT) } else { (LIMIT, 10) };
        let config = Config::new().deflate(Deflate::new());
        config
            .message_limit(message as u64)
            .stream_limit(stream as u64)
    };
    for more in [0, 1, 30 * LIMIT] {
        let payload = zeros(LIMIT + more);
        assert!(payload.len() < LIMIT / 10);
        for pieces in [false, true] {
            let payload = payload.clone();
            let peer = serve(move |mut conn| {
                accept(&mut conn, NAME);
                // In one frame, or in many.
                let (first, rest) = payload.split_at(if pieces { payload.len() } else { 5 });
                conn.frame(if rest.is_empty() { 0xc2 } else { 0x42 }, first);
                for (at, octets) in rest.chunks(7).enumerate() {
                    let is_last = (at + 1) * 7 >= rest.len();
                    conn.frame(if is_last { 0x80 } else { 0x00 }, octets);
                }
                conn.close(1000, b"");
                conn.read_close()
            });
            let mut socket = limited(pieces).connect(&peer.uri()).unwrap();
            let mut received = 0;
            let ended = loop {
                let more = if pieces {
                    socket
                        .recv_chunk()
                        .map(|chunk| chunk.map(|chunk| chunk.octets.len()))
                } else {
                    socket
                        .recv()
                        .map(|message| message.map(|m| m.as_bytes().len()))
                };
                match more {
                    Ok(Some(octets)) => received += octets,
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
            };
            assert!(received <= LIMIT);
            if more == 0 {
                assert!(ended.is_none());
                assert_eq!((received, peer.join()), (LIMIT, Some(1000)));
            } else {
                assert!(matches!(ended, Some(Error::TooLong { .. })));
                assert_eq!(peer.join(), Some(1009));
            }
        }
    }
}

// row: PMD-30, PMD-31
#[test]
fn the_wire_has_a_limit_of_its_own() {
    let peer = grants(NAME, |conn| {
        conn.frame(0xc2, &[0x00, 0x00, 0x00, 0xff, 0xff].repeat(300));
        assert_eq!(conn.read_close(), Some(1009));
    });
    let deflate = Deflate::new().wire_limit(1000);
    let mut socket = Config::new().deflate(deflate).connect(&peer.uri()).unwrap();
    assert!(matches!(
        socket.recv(),
        Err(Error::TooLong { limit: 1000, .. })
    ));
    peer.join();
}
