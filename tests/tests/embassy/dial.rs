//! From a name to a TCP connection.

use bare_ws::uri::Uri;
use bare_ws_embassy::net::{Socket, dial};
use bare_ws_embassy::transport::Shutdown;
use bare_ws_embassy::{ConnectError, Timeout, Timing};
use embassy_futures::select::{Either, select};
use embassy_net::Stack;
use embassy_net::tcp::TcpSocket;
use embassy_time::Instant;
use embedded_io_async::{ErrorKind, Read as _, Write as _};

use crate::support::network::on_network;
use crate::support::tasks::{apart, run};
use crate::support::{clock, now, seconds};

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
    const REFUSED: ConnectError = ConnectError::Connect(ErrorKind::ConnectionRefused);
    const LATE: ConnectError = ConnectError::Timeout(Timeout::Connect);
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
    let timing = Timing {
        connect: seconds(8),
        ..Timing::DEFAULT
    };
    for (uri, at, expected) in table {
        clock::set(Instant::MIN);
        let uri = Uri::parse(uri).expect("a URI");
        run(on_network(async |stack, other| {
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
            assert!((now() - at).abs() < 0.1, "{uri:?}: {}, not {at}", now());
        }));
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
