//! What a connection begins with, and how far it grows: the sizes that the documentation names.

use crate::*;

/// What a connection holds when it is open and nothing has passed. The least of some, since the first of a process sets up
/// what all of them use.
fn held(config: &Config, field: &'static str) -> isize {
    let once = || {
        let peer = serve(move |mut conn| {
            conn.accept_with(field, b"");
            conn.sees_end();
        });
        let uri = peer.uri();
        let before = HELD.get();
        let socket = config.connect(&uri).unwrap();
        let held = HELD.get() - before;
        drop(socket);
        peer.join();
        held
    };
    [once(), once(), once()]
        .into_iter()
        .min()
        .unwrap_or_default()
}

// row: LIM-04
#[test]
fn each_buffer_begins_with_what_it_was_set_to() {
    // 4 KiB to receive and 1 KiB to send are the default.
    let default = held(&Config::new(), "");
    for octets in [1024, 4096, 5000, 64 * 1024] {
        let more = held(&Config::new().receive_buffer(octets), "") - default;
        assert_eq!(more, octets as isize - 4096, "{octets}");
    }
    for (octets, begins) in [
        (131, 131),
        (1000, 1000),
        (1023, 1023),
        (1024, 1024),
        (1025, 1024),
        (512 * 1024, 1024),
        (1 << 24, 1024),
    ] {
        let more = held(&Config::new().transmit_buffer(octets), "") - default;
        assert_eq!(more, begins - 1024, "{octets}");
    }
}

/// A message that fits the longest transmit buffer with its header leaves in one write, one more octet in two.
// row: LIM-04
#[test]
fn a_message_that_fits_the_transmit_buffer_leaves_in_one_write() -> Result<(), Error> {
    for (transmit, most) in [
        (None, 512 * 1024 + 14),
        (Some(1000), 1000),
        (Some(131), 131),
    ] {
        let config = match transmit {
            Some(octets) => Config::new().transmit_buffer(octets),
            None => Config::new(),
        };
        let header = match most {
            0..=131 => 6,
            132..=65_543 => 8,
            _ => 14,
        };
        for (length, writes) in [(most - header, 1), (most - header + 1, 2)] {
            let peer = echoing();
            let uri = peer.uri();
            let stream = Calls {
                tcp: config.dial(&uri)?,
                writes: AtomicUsize::new(0),
            };
            let mut socket = config.open(&uri, stream)?;
            let before = socket.stream().writes.load(Ordering::Relaxed);
            socket.send(vec![b'x'; length].as_slice())?;
            let after = socket.stream().writes.load(Ordering::Relaxed);
            assert_eq!(after - before, writes, "{length} octets of {most}");
            assert!(socket.recv()?.is_some_and(|it| it.len() == length));
            socket.finish(None, "")?;
            peer.join();
        }
    }
    Ok(())
}

/// Nothing is allocated for what is only offered.
// row: LIM-04, PMD-08
#[cfg(feature = "deflate")]
#[test]
fn compression_takes_memory_once_the_server_has_agreed_to_it() {
    use bare_ws_std::Deflate;

    let with = |field, deflate: Option<Deflate>| held(&Config::new().deflate(deflate), field);
    let plain = with("", None);
    let declined = with("", Some(Deflate::new()));
    assert_eq!(declined, plain);
    let agreed = with(
        "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        Some(Deflate::new()),
    );
    assert!(agreed > plain + 100 * 1024, "{agreed}");
}

/// What inflating and compressing take, by the window: about what the documentation says.
// row: LIM-04
#[cfg(feature = "deflate")]
#[test]
fn what_compression_takes_is_about_what_is_documented() {
    use bare_ws_std::Deflate;
    use bare_ws_std::bare_ws::deflate::negotiate::Agreed;

    const KIB: isize = 1024;
    for bits in [9, 15] {
        let window = 1 << bits;
        let agreed = Agreed {
            receive_window_bits: bits,
            receive_no_context_takeover: false,
            send_window_bits: bits,
            send_no_context_takeover: false,
        };
        let before = HELD.get();
        let stages = Deflate::new().window_bits(bits).stages(&agreed, 1 << 20);
        let (inflating, deflating) = stages.unwrap();
        let both = HELD.get() - before;
        drop(deflating);
        let inflates = HELD.get() - before;
        let compresses = both - inflates;
        drop(inflating);
        let (to_inflate, to_compress) = match (cfg!(feature = "zlib-rs"), bits) {
            (true, 9) => (50 * KIB + window, 250 * KIB),
            (true, _) => (50 * KIB + window, 380 * KIB),
            (false, 9) => (10 * KIB + window, 12 * KIB),
            (false, _) => (10 * KIB + window, 165 * KIB),
        };
        for (what, took, wanted) in [
            ("inflating", inflates, to_inflate),
            ("compressing", compresses, to_compress),
        ] {
            let off = (took - wanted).abs();
            assert!(
                off <= wanted / 8,
                "{what}, {bits} bits: {took}, not {wanted}"
            );
        }
    }
}
