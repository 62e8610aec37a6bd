//! The other end of a connection. It looks at headers alone, so that what is measured is the client and the sockets.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

use crate::direction::Layer;
use crate::payload::Payload;
use crate::peers;
use crate::tls;
use crate::wire;

/// A connection to a thread that answers every `count` messages of `payload` by `answers` of them. The first message is
/// looked at. Above TLS, the client has to begin with that.
pub fn connect(layer: Layer, payload: Payload, count: u64, answers: u64) -> TcpStream {
    let (client, server) = pair();
    let answer = wire::frame(payload).repeat(answers as usize);
    thread::spawn(move || match layer {
        Layer::Tcp => serve(server, payload, count, &answer),
        Layer::Tls => serve(tls::server(server), payload, count, &answer),
    });
    client
}

fn pair() -> (TcpStream, TcpStream) {
    let (listener, address) = listen();
    let client = TcpStream::connect(address).expect("a connection");
    let (server, _) = listener.accept().expect("a connection");
    client.set_nodelay(true).expect("an option");
    server.set_nodelay(true).expect("an option");
    (client, server)
}

pub fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

/// Room for the headers of fragments.
const FRAGMENTS: usize = 64 * 1024;

/// Until the client goes.
fn serve(mut stream: impl Read + Write, payload: Payload, count: u64, answer: &[u8]) {
    let mut octets = vec![0; wire::masked(payload).len().max(256 * 1024) + FRAGMENTS];
    let mut filled = 0;
    // The opening handshake, of those that make one, and the first message, as one frame or in fragments.
    let mut messages = wire::Messages::new();
    let mut looked_at = false;
    loop {
        while messages.counted() < count {
            let Ok(n @ 1..) = stream.read(&mut octets[filled..]) else {
                return;
            };
            let read = filled..filled + n;
            if !looked_at {
                filled = read.end;
                if octets[0] == b'G' {
                    if octets[..filled].ends_with(END) {
                        let response = peers::answer(&octets[..filled]);
                        stream.write_all(&response).expect("a client");
                        stream.flush().expect("a client");
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
        if stream.write_all(answer).is_err() || stream.flush().is_err() {
            return;
        }
    }
}

/// Of a request's head.
const END: &[u8] = b"\r\n\r\n";

/// A server that answers the opening handshake and the closing one, one connection after the other.
pub fn doorkeeper() -> SocketAddr {
    let (listener, address) = listen();
    thread::spawn(move || {
        loop {
            let (mut client, _) = listener.accept().expect("a client");
            client.set_nodelay(true).expect("an option");
            shake_hands(&mut client);
            part(&mut client);
        }
    });
    address
}

/// The opening handshake.
pub fn shake_hands(client: &mut TcpStream) {
    let mut request = [0; 4096];
    let mut filled = 0;
    while !request[..filled].ends_with(END) {
        let n = client.read(&mut request[filled..]).expect("a request");
        assert!(n > 0, "a whole request");
        filled += n;
    }
    client
        .write_all(&peers::answer(&request[..filled]))
        .expect("a client");
}

/// RFC 6455 §7.1.1: the client's Close is answered by one, and then the server ends the connection.
fn part(client: &mut TcpStream) {
    let mut frame = [0; 256];
    let mut filled = 0;
    loop {
        let n = client.read(&mut frame[filled..]).expect("a Close");
        assert!(n > 0, "a Close before the end");
        filled += n;
        if let [head, len, ..] = frame[..filled] {
            assert_eq!((head, len & 0x80), (0x88, 0x80), "a masked Close");
            if filled >= 6 + usize::from(len & 0x7f) {
                break;
            }
        }
    }
    client.write_all(&CLOSE).expect("a client");
}

/// A Close with status code 1000, unmasked.
pub const CLOSE: [u8; 4] = [0x88, 2, 0x03, 0xe8];
