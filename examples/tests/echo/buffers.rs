//! How long buffers are, as a server sees it; and how long an address may keep its client waiting.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use super::Outcome::{Closed, Error};
use super::{CONFIGURATIONS, end, judge, serve, timely};

/// The most octets of an echo's fragments, where they are as long as a buffer allows.
fn fragments(configuration: &[&str], buffers: &[&str]) -> Vec<usize> {
    let peer = serve(|mut conn| {
        conn.accept();
        conn.frame(0x82, &[7; 3000]);
        let (mut lengths, mut octets) = (Vec::new(), 0);
        while octets < 3000 {
            let (_, payload) = conn.read_frame().expect("a fragment");
            octets += payload.len();
            lengths.push(payload.len());
        }
        end(&mut conn, 1000);
        lengths
    });
    let uri = peer.uri();
    let run = timely(&[configuration, buffers, &[uri.as_str()]].concat());
    judge(
        &format!("{configuration:?} {buffers:?}"),
        &run,
        Closed("1000"),
    );
    peer.join()
}

#[test]
fn a_message_leaves_in_fragments_as_long_as_the_buffers() {
    // A header of a client's has 6 octets, or 8.
    for (configuration, buffers, longest) in [
        // A thread sends what is whole as one frame.
        (&[][..], ["--rx", "200", "--tx", "140"], 3000),
        (&["--io", "async"], ["--rx", "200", "--tx", "140"], 132),
        (&["--io", "async"], ["--rx", "200", "--tx", "1000"], 992),
        (&["--engine", "fixed"], ["--rx", "200", "--tx", "5000"], 200),
        (&["--engine", "fixed"], ["--rx", "900", "--tx", "5000"], 900),
        (
            &["--engine", "fixed", "--io", "async"],
            ["--rx", "200", "--tx", "5000"],
            200,
        ),
        (
            &["--engine", "fixed", "--io", "async"],
            ["--rx", "900", "--tx", "5000"],
            900,
        ),
        (
            &["--engine", "fixed", "--io", "async"],
            ["--rx", "900", "--tx", "200"],
            192,
        ),
    ] {
        let lengths = fragments(configuration, &buffers);
        let most = lengths.iter().max();
        assert_eq!(
            most,
            Some(&longest),
            "{configuration:?} {buffers:?}: {lengths:?}"
        );
    }
}

// row: STA-02
#[test]
fn an_address_that_does_not_answer_is_waited_for_in_vain() {
    let (address, _kept) = silent();
    let uri = format!("ws://{address}/");
    for configuration in CONFIGURATIONS {
        let run = timely(&[configuration, &["--connect-timeout", "0.3", &uri]].concat());
        judge(
            &format!("{configuration:?}"),
            &run,
            Error("timeout", "connect"),
        );
    }
}

/// A listener whose backlog is full does not answer.
fn silent() -> (SocketAddr, (TcpListener, Vec<TcpStream>)) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) {
        waiting.push(stream);
        assert!(waiting.len() < 10_000, "the backlog has no end");
    }
    (address, (listener, waiting))
}
