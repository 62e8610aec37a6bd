//! From a name to a TCP connection.

use std::net::Ipv4Addr;
use std::ops::Range;

use bare_ws::uri::Uri;
use bare_ws_embassy::net::{Socket, dial};
use bare_ws_embassy::transport::Shutdown;
use bare_ws_embassy::{ConnectError, Timeout, Timing};
use embassy_futures::select::{Either, select};
use embassy_net::tcp::TcpSocket;
use embassy_net::{Config, Stack};
use embassy_time::Instant;
use embedded_io_async::{ErrorKind, Read as _, Write as _};

#[cfg(feature = "ipv6")]
use crate::support::network::{SERVER, six};
use crate::support::network::{config, on_network, on_network_of};
use crate::support::tasks::{apart, run};
use crate::support::{clock, now, seconds};

const REFUSED: ConnectError = ConnectError::Connect(ErrorKind::ConnectionRefused);
const LATE: ConnectError = ConnectError::Timeout(Timeout::Connect);
#[cfg(feature = "ipv6")]
const NO_ROUTE: ConnectError = ConnectError::Connect(ErrorKind::NotConnected);

/// Accepts on port 80, one client after the other.
async fn accept(stack: Stack<'static>) {
    let (mut receive, mut transmit) = ([0; 256], [0; 256]);
    let mut tcp = TcpSocket::new(stack, &mut receive, &mut transmit);
    loop {
        tcp.accept(80).await.expect("a client");
        tcp.abort();
        let _ = tcp.flush().await;
    }
}

/// Each address of a name is tried in turn, for half of the time that is left, and the last one for all of it.
// row: REQ-13, STA-02
#[test]
fn each_address_of_a_name_has_a_share_of_the_time() {
    // Of the hosts there is only the second. When it ends, of 8 seconds, and how.
    let table = [
        ("ws://2.by.test/", 0.0, Ok(())),
        ("ws://2.9.by.test/", 0.0, Ok(())),
        ("ws://9.2.by.test/", 4.0, Ok(())),
        ("ws://9.8.2.by.test/", 6.0, Ok(())),
        ("ws://9.8.7.2.by.test/", 7.0, Ok(())),
        ("ws://9.by.test/", 8.0, Err(LATE)),
        ("ws://9.8.by.test/", 8.0, Err(LATE)),
        // What is refused takes none, and the last one says why.
        ("ws://2.by.test:81/", 0.0, Err(REFUSED)),
        ("ws://2.9.by.test:81/", 8.0, Err(LATE)),
        ("ws://9.2.by.test:81/", 4.0, Err(REFUSED)),
        ("ws://by.test/", 0.0, Err(ConnectError::Resolve)),
    ];
    for (uri, at, expected) in table {
        assert_dials(config, uri, at..at + 0.1, expected);
    }
}

/// To a host that accepts on port 80, within 8 seconds.
fn assert_dials(
    config: impl Fn(Ipv4Addr) -> Config,
    uri: &str,
    at: Range<f64>,
    expected: Result<(), ConnectError>,
) {
    let timing = Timing {
        connect: seconds(8),
        ..Timing::DEFAULT
    };
    clock::set(Instant::MIN);
    let uri = Uri::parse(uri).expect("a URI");
    run(on_network_of(config, async |stack, other| {
        let (mut receive, mut transmit) = ([0; 256], [0; 256]);
        let socket = Socket::new(stack, &mut receive, &mut transmit);
        let dialled = select(
            apart(dial(stack, &socket, &uri, &timing)),
            apart(accept(other)),
        );
        let Either::First(dialled) = dialled.await else {
            unreachable!("it accepts for ever");
        };
        assert_eq!(dialled, expected, "{uri:?}");
        assert!(at.contains(&now()), "{uri:?}: {}, not {at:?}", now());
    }));
}

/// Only the families that the network has are asked for, and IPv6 first (RFC 6724 §2.1).
// row: REQ-13, SEED-04, URI-07, STA-02
#[cfg(feature = "ipv6")]
#[test]
fn each_family_that_the_network_has_is_tried() {
    use embassy_net::{ConfigV4, ConfigV6, Ipv6Cidr, StaticConfigV6};

    const FOUR: &[u8] = &[4];
    const SIX: &[u8] = &[6];
    const BOTH: &[u8] = &[4, 6];
    // Of the hosts there is only the second.
    let table = [
        (SIX, "ws://[fd00::2]/", 0.0, Ok(())),
        (BOTH, "ws://[fd00::2]/", 0.0, Ok(())),
        (BOTH, "ws://10.0.0.2/", 0.0, Ok(())),
        (SIX, "ws://[fd00::9]/", 8.0, Err(LATE)),
        (FOUR, "ws://[fd00::2]/", 0.0, Err(REFUSED)),
        (SIX, "ws://10.0.0.2/", 0.0, Err(NO_ROUTE)),
        (SIX, "ws://six2.9.by.test/", 0.0, Ok(())),
        (SIX, "ws://six9.2.by.test/", 8.0, Err(LATE)),
        (SIX, "ws://2.by.test/", 0.0, Err(ConnectError::Resolve)),
        (FOUR, "ws://six9.2.by.test/", 0.0, Ok(())),
        (FOUR, "ws://9.six2.by.test/", 8.0, Err(LATE)),
        (FOUR, "ws://six2.by.test/", 0.0, Err(ConnectError::Resolve)),
        (BOTH, "ws://9.six2.by.test/", 0.0, Ok(())),
        (BOTH, "ws://2.six9.by.test/", 4.0, Ok(())),
        (BOTH, "ws://2.six9.six8.by.test/", 6.0, Ok(())),
        (BOTH, "ws://2.by.test/", 0.0, Ok(())),
        (BOTH, "ws://9.by.test/", 8.0, Err(LATE)),
        // None of IPv6 is the last.
        (BOTH, "ws://six9.by.test/", 4.0, Err(LATE)),
        (BOTH, "ws://by.test/", 0.0, Err(ConnectError::Resolve)),
    ];
    for (families, uri, at, expected) in table {
        let config = |address: Ipv4Addr| {
            let mut both = config(address);
            if !families.contains(&4) {
                both.ipv4 = ConfigV4::None;
            }
            if families.contains(&6) {
                both.ipv6 = ConfigV6::Static(StaticConfigV6 {
                    address: Ipv6Cidr::new(six(address.octets()), 64),
                    gateway: None,
                    dns_servers: [six(SERVER.octets())].into_iter().collect(),
                });
            }
            both
        };
        // Beside a host of one family, smoltcp looks for one of the other a second later.
        assert_dials(config, uri, at..at + 1.1, expected);
    }
}

/// What is written leaves at once, though nothing before it was acknowledged, and a flush waits for no acknowledgement.
/// A shutdown ends one direction in order, and an abort resets both.
// row: CLS-10, CLS-17
#[test]
fn a_socket_sends_at_once_and_ends_as_it_is_told() {
    for aborts in [false, true] {
        clock::set(Instant::MIN);
        run(on_network(async |stack, other| {
            let (mut receive, mut transmit) = ([0; 256], [0; 256]);
            let socket = Socket::new(stack, &mut receive, &mut transmit);
            let serve = async {
                let (mut receive, mut transmit) = ([0; 256], [0; 256]);
                let mut tcp = TcpSocket::new(other, &mut receive, &mut transmit);
                tcp.accept(80).await.expect("a client");
                let mut octets = [0; 2];
                assert_eq!(tcp.read_exact(&mut octets).await, Ok(()));
                assert!(now() < 0.005, "{}", now());
                let end = tcp.read(&mut octets).await;
                assert_eq!(end.is_err(), aborts, "{end:?}");
                if !aborts {
                    // The other direction is still there.
                    tcp.write_all(b"bye").await.expect("to be sent");
                    tcp.close();
                }
                let _ = tcp.flush().await;
            };
            let client = async {
                let uri = Uri::parse("ws://10.0.0.2/").expect("a URI");
                assert_eq!(dial(stack, &socket, &uri, &Timing::DEFAULT).await, Ok(()));
                let mut half = &socket;
                for octet in [b"a", b"b"] {
                    assert_eq!(half.write(octet).await, Ok(1));
                    assert_eq!(half.flush().await, Ok(()));
                    embassy_futures::yield_now().await;
                }
                assert!(now() < 0.005, "{}", now());
                if aborts {
                    half.abort();
                } else {
                    assert_eq!(half.shutdown().await, Ok(()));
                    let mut octets = [0; 3];
                    assert!(half.read_exact(&mut octets).await.is_ok());
                    assert_eq!(&octets, b"bye");
                    assert_eq!(half.read(&mut octets).await, Ok(0));
                }
            };
            embassy_futures::join::join(apart(client), apart(serve)).await;
        }));
    }
}
