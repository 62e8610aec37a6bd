//! The other end of a TCP connection: it takes as many octets as so many frames have, and sends one message back.
//! It parses nothing, so that what is measured is the client and the sockets.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use crate::payload::Payload;
use crate::peers;
use crate::wire;

/// A connection to a thread that answers every `count` messages of `payload` by one of them. The first message is
/// looked at.
pub fn connect(payload: Payload, count: u64) -> TcpStream {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    let client = TcpStream::connect(address).expect("a connection");
    let (server, _) = listener.accept().expect("a connection");
    client.set_nodelay(true).expect("an option");
    server.set_nodelay(true).expect("an option");
    let answer = wire::frame(payload);
    let len = wire::masked(payload).len();
    thread::spawn(move || serve(server, payload, len, len * count as usize, &answer));
    client
}

/// Until the client goes.
fn serve(mut tcp: TcpStream, payload: Payload, len: usize, all: usize, answer: &[u8]) {
    let mut octets = vec![0; len.max(256 * 1024)];
    let mut filled = 0;
    // The opening handshake, of those that make one, and the first message.
    while filled < len {
        match tcp.read(&mut octets[filled..]) {
            Ok(0) | Err(_) => return,
            Ok(n) => filled += n,
        }
        if octets[0] == b'G' && octets[..filled].ends_with(b"\r\n\r\n") {
            let response = peers::answer(&octets[..filled]);
            tcp.write_all(&response).expect("a client");
            filled = 0;
        }
    }
    assert_eq!(
        wire::decode(&octets[..len]),
        Ok((wire::opcode(payload.kind), payload.octets.to_vec())),
        "what a client sends"
    );
    loop {
        while filled < all {
            match tcp.read(&mut octets) {
                Ok(0) | Err(_) => return,
                Ok(n) => filled += n,
            }
        }
        filled -= all;
        if tcp.write_all(answer).is_err() {
            return;
        }
    }
}
