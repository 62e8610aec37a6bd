//! The other end of a TCP connection: it counts messages, and sends one back for so many. It looks at headers alone,
//! so that what is measured is the client and the sockets.

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
    thread::spawn(move || serve(server, payload, count, &answer));
    client
}

/// Room for the headers of fragments.
const FRAGMENTS: usize = 64 * 1024;

/// Until the client goes.
fn serve(mut tcp: TcpStream, payload: Payload, count: u64, answer: &[u8]) {
    let mut octets = vec![0; wire::masked(payload).len().max(256 * 1024) + FRAGMENTS];
    let mut filled = 0;
    // The opening handshake, of those that make one, and the first message, as one frame or in fragments.
    let mut messages = wire::Messages::new();
    let mut looked_at = false;
    loop {
        while messages.counted() < count {
            let Ok(n @ 1..) = tcp.read(&mut octets[filled..]) else {
                return;
            };
            let read = filled..filled + n;
            if !looked_at {
                filled = read.end;
                if octets[0] == b'G' {
                    if octets[..filled].ends_with(b"\r\n\r\n") {
                        let response = peers::answer(&octets[..filled]);
                        tcp.write_all(&response).expect("a client");
                        filled = 0;
                    }
                    continue;
                }
            }
            messages.take(&octets[read]);
            if let (false, Some(len)) = (looked_at, messages.first_len()) {
                assert_eq!(
                    wire::decode(&octets[..len]),
                    Ok((wire::opcode(payload.kind), payload.octets.to_vec())),
                    "what a client sends"
                );
                (looked_at, filled) = (true, 0);
            }
        }
        messages.answered(count);
        if tcp.write_all(answer).is_err() {
            return;
        }
    }
}
