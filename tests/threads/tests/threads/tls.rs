//! The same over TLS, whose three locks stand between the channel's and the stream: rustls itself is
//! what they guard, and the peer is a rustls server.

use std::io::{Read, Write};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bare_ws_std::tls::TlsStream;
use bare_ws_std::{CloseCode, Tls, WebSocket};
use model::{elapsed, thread};
use rustls::{ServerConfig, ServerConnection};

use crate::explore::explore;
use crate::laws::{Outcome, of_peer, outcome, seen};
use crate::wire::{Peer, Wire, answer};
use crate::{LONG, config};

/// Both ends' settings, made once.
static ENDS: LazyLock<(Tls, Arc<ServerConfig>)> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed(["peer".to_owned()]).unwrap();
    let tls = Tls::builder()
        .root(made.cert.der().to_vec())
        .build()
        .unwrap();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (tls, Arc::new(server))
});

/// The server's end.
struct Server {
    peer: Peer,
    session: ServerConnection,
    /// What the client has sent, decrypted.
    octets: Vec<u8>,
    ended_cleanly: bool,
}

impl Server {
    fn new(peer: Peer) -> Self {
        let session = ServerConnection::new(Arc::clone(&ENDS.1)).unwrap();
        Self {
            peer,
            session,
            octets: Vec::new(),
            ended_cleanly: false,
        }
    }

    /// Encrypts and sends, each as a record of its own, all in one flight.
    fn send(&mut self, records: &[Vec<u8>]) {
        for record in records {
            self.session.writer().write_all(record).unwrap();
        }
        self.flush();
    }

    fn flush(&mut self) {
        let mut flight = Vec::new();
        while self.session.wants_write() {
            self.session.write_tls(&mut flight).unwrap();
        }
        self.peer.send(&flight);
    }

    /// Reads until that is so, or the client's direction has ended.
    fn read_until(&mut self, done: impl Fn(&[u8]) -> bool) {
        while !done(&self.octets) {
            let arrived = self.peer.read();
            if arrived.is_empty() {
                return;
            }
            let mut rest = arrived.as_slice();
            while !rest.is_empty() {
                self.session.read_tls(&mut rest).unwrap();
                let state = self
                    .session
                    .process_new_packets()
                    .expect("records in order");
                self.ended_cleanly |= state.peer_has_closed();
                let mut plain = vec![0; state.plaintext_bytes_to_read()];
                self.session.reader().read_exact(&mut plain).unwrap();
                self.octets.extend(plain);
            }
            self.flush();
        }
    }

    fn shake_hands(&mut self) {
        self.read_until(|octets| answer(octets).is_some());
        let answer = answer(&self.octets).expect("a whole request");
        self.octets.clear();
        self.send(&[answer]);
    }

    fn end(&mut self) {
        self.session.send_close_notify();
        self.flush();
        self.peer.end();
    }
}

fn open(wire: Wire) -> WebSocket<TlsStream<Wire>> {
    let stream = ENDS
        .0
        .connect("peer", wire, None)
        .expect("a verified server");
    config()
        .open_lingering("wss://peer/", stream)
        .expect("the peer is willing")
}

// row: TRAP-20, STA-06
#[test]
fn reads_writes_and_the_shutdown_of_several_threads_over_tls() {
    explore("read against write against shutdown over TLS", || {
        let (wire, peer) = Wire::bare(2000, 1 << 14);
        let serving = {
            let peer = peer.clone();
            thread::spawn(move || {
                let mut server = Server::new(peer);
                server.shake_hands();
                // More than rustls takes at a time, and no record ends where a read does.
                let records = [1, 2, 3, 4].map(|id| of_peer(0x82, &[id; 2 * LONG]));
                server.send(&records);
                server.send(&[of_peer(0x89, b"ping")]);
                server.read_until(|octets| seen(octets).close.is_some());
                server.send(&[of_peer(0x88, &[3, 232])]);
                server.end();
                server.read_until(|_| false);
                server
            })
        };
        let (mut reader, writer) = open(wire).split();
        let sends = [1, 2].map(|id| {
            let writer = writer.clone();
            thread::spawn(move || outcome(writer.send([id; LONG].as_slice())))
        });
        let receiving = thread::spawn(move || {
            for id in [1, 2, 3, 4] {
                let message = reader.recv().unwrap().expect("four messages");
                assert_eq!(message.as_bytes(), [id; 2 * LONG]);
            }
            reader
        });
        let mut reader = receiving.join();
        let closing = thread::spawn(move || outcome(writer.close(Some(CloseCode::NORMAL), "")));
        assert_eq!(reader.recv().unwrap(), None);
        let sent = sends.map(thread::JoinHandle::join);
        assert_eq!(closing.join(), Outcome::Done);
        reader.finish().unwrap();
        drop(reader);
        peer.gone();
        let server = serving.join();

        let seen = seen(&server.octets);
        for (id, sent) in [1, 2].into_iter().zip(sent) {
            let message = vec![id; LONG];
            match sent {
                Outcome::Done => assert!(seen.messages.contains(&message)),
                Outcome::NotOpen => assert!(!seen.messages.contains(&message)),
                sent => panic!("{sent:?}"),
            }
        }
        assert_eq!((seen.close, seen.is_torn), (Some(1000), false));
        assert!(server.ended_cleanly, "close_notify");
        assert_eq!(elapsed(), Duration::ZERO, "somebody waited for nothing");
    });
}
