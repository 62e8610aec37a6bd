//! Which connections that are dropped while they close are brought to their end, and how many at a time. In a
//! process of its own, since the threads that do it are counted over the whole process.
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

mod peer;

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Instant;

use bare_ws_std::{CloseCode, Config};
use peer::{Conn, LONG, Peer, serve};

/// So many connections are brought to their end at a time.
const MOST: usize = 64;

/// More than the buffers of a connection hold.
const MUCH: usize = 4 << 20;

/// A server that gives its end of the connection away.
fn accepting() -> Peer<Conn> {
    serve(|mut conn| {
        conn.accept();
        conn
    })
}

/// The server's end of a connection that has begun to close and was dropped.
fn connected(config: &Config) -> Conn {
    let peer = accepting();
    let mut socket = config.connect(&peer.uri()).unwrap();
    socket.close(CloseCode::NORMAL, "").unwrap();
    drop(socket);
    peer.join()
}

/// The same over a stream that was connected before.
fn opened(config: &Config) -> Conn {
    let peer = accepting();
    let tcp = TcpStream::connect(peer.address).unwrap();
    let mut socket = config.open(&peer.uri(), tcp).unwrap();
    socket.close(CloseCode::NORMAL, "").unwrap();
    drop(socket);
    peer.join()
}

/// Whether what the peer still sends is taken, and not answered by a reset.
fn is_read(conn: &mut Conn) -> bool {
    conn.tcp.write_all(&vec![0; MUCH]).is_ok()
}

// row: CLS-17
#[test]
fn so_many_dropped_connections_are_brought_to_their_end_at_a_time() {
    let config = Config::new().close_timeout(LONG);
    // Without a limit a thread might never end, and what was not connected here is not ours to keep.
    let mut endless = connected(&config.clone().close_timeout(None));
    assert!(!is_read(&mut endless));
    assert!(!is_read(&mut opened(&config)));
    // Of those that find no place there are as many as there are places: each that it takes with it would be missed.
    let mut conns: Vec<_> = (0..2 * MOST).map(|_| connected(&config)).collect();
    let read: Vec<_> = conns.iter_mut().map(is_read).collect();
    let wanted: Vec<_> = (0..2 * MOST).map(|number| number < MOST).collect();
    assert_eq!(read, wanted);
    // The Close was written, whatever became of the rest.
    assert_eq!(conns[0].read_close(), Some(1000));
    // Where one has ended, there is a place for another.
    drop(conns);
    let ended = Instant::now();
    while !is_read(&mut connected(&config)) {
        assert!(ended.elapsed() < LONG, "no place is given back");
    }
}
