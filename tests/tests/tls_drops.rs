//! Futures dropped at every await: what the embedded TLS stream promises, and what
//! embedded-tls alone does.

#![allow(clippy::std_instead_of_core, reason = "on hosts")]

mod tls_peer;
mod tls_pki;

use std::cell::Cell;
use std::convert::Infallible;

use bare_ws::entropy::Entropy;
use bare_ws_embassy::tls::{
    Client, Clock, Error, Link, Records, Roots, Stream, anchor_from_trusted_cert,
};
use bare_ws_embassy::transport::Shutdown;
use bare_ws_tests::poll::poll_times;
use embedded_io_async::{ErrorType, Read, Write};
use embedded_tls::{Aes128GcmSha256, TlsConfig, TlsConnection, TlsContext, UnsecureProvider};
use rand_core_06::RngCore;
use rustls::ServerConfig;

use tls_peer::{
    Counter, FAST, Pace, Peer, Reader, Shared, Writer, config, run, run_for, transport,
};
use tls_pki::{NOW, Node, server};

const HOST: &str = "host.example.test";

/// Every octet of the transport is a poll, so a future can be dropped between any two.
const SLOW: Pace = Pace {
    at_most: 1,
    pends: true,
};

/// Enough that each length differs and one record is split by the record buffer.
const LENGTHS: [usize; 4] = [1, 40, 300, 700];

type Connected<'a, 'b> = Stream<'a, 'b, Reader, Writer>;

/// Connects with so much to hold a record in, and lets `then` use the connection.
fn connected<T>(receive: usize, then: impl AsyncFnOnce(Connected<'_, '_>, &Shared) -> T) -> T {
    let (root, config) = honest();
    let peer = Peer::new(config);
    let anchors = [anchor_from_trusted_cert(&root.der).unwrap()];
    let (mut read, mut write) = ([0; 2048], [0; 700]);
    let (mut receive, mut transmit) = (vec![0; receive], [0; 700]);
    let mut link = Link::new(&mut receive, &mut transmit);
    let records = Records {
        read: &mut read,
        write: &mut write,
    };
    run(async {
        let stream = Client::new(HOST, Roots::new(&anchors, Clock::UnixSeconds(NOW)))
            .connect(&mut link, records, transport(&peer, SLOW), &mut Counter(1))
            .await
            .unwrap();
        then(stream, &peer).await
    })
}

fn honest() -> (Node, ServerConfig) {
    let root = Node::root("root");
    let leaf = root.issue(server(&[HOST]));
    let config = config(&leaf, &[&leaf]);
    (root, config)
}

fn octets(length: usize) -> Vec<u8> {
    let mut octets = vec![0; length];
    Counter(7).fill(&mut octets).unwrap();
    octets
}

/// What a future, dropped or not, left behind.
type Outcome<T> = Option<Result<T, Error<Infallible>>>;

/// Drops every future after `polls` polls, and tries again with a new one, which is allowed one
/// poll more, until one is through.
fn insist<T>(
    polls: usize,
    dropped: &Cell<usize>,
    mut attempt: impl FnMut(usize) -> Outcome<T>,
) -> Result<T, Error<Infallible>> {
    for more in 0.. {
        match attempt(polls + more) {
            Some(outcome) => return outcome,
            None => dropped.set(dropped.get() + 1),
        }
    }
    unreachable!("each attempt has a poll more")
}

/// Echoes with every future dropped after a number of polls. The octets that came back.
fn echo(
    stream: &mut Connected<'_, '_>,
    polls: usize,
    data: &[u8],
    dropped: &Cell<usize>,
) -> Result<Vec<u8>, Error<Infallible>> {
    let mut back = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        let taken = insist(polls, dropped, |polls| run_for(polls, stream.write(rest)))?;
        rest = &rest[taken..];
        insist(polls, dropped, |polls| run_for(polls, stream.flush()))?;
        while back.len() < data.len() - rest.len() {
            let mut buffer = [0; 90];
            let length = insist(polls, dropped, |polls| {
                run_for(polls, stream.read(&mut buffer))
            })?;
            back.extend(&buffer[..length]);
        }
    }
    Ok(back)
}

// row: SEED-06
#[test]
fn dropping_any_future_is_harmless() {
    let dropped = Cell::new(0);
    // The least that takes the longest echo, and the longest record.
    for receive in [567 + 22, 2048 + 5] {
        for length in LENGTHS {
            let data = octets(length);
            for polls in [0, 1, 2, 3, 5, 17, 60] {
                connected(receive, async |mut stream, peer| {
                    let back = echo(&mut stream, polls, &data, &dropped).unwrap();
                    insist(polls, &dropped, |polls| run_for(polls, stream.shutdown())).unwrap();
                    let peer = peer.borrow();
                    assert_eq!(peer.error, None);
                    assert!(peer.read == data, "what the server read");
                    assert!(back == data, "what came back");
                    assert!(peer.closed_cleanly && peer.finished);
                    // ClientHello, Finished, close_notify, and what was written: none twice.
                    let records = length.div_ceil(700 - 128 - 5);
                    assert_eq!(peer.records().len(), 3 + records);
                });
            }
        }
    }
    assert!(dropped.get() > 1000, "{} futures dropped", dropped.get());
}

// row: SEED-06
#[test]
fn halves_keep_the_promise_of_the_whole() {
    let data = octets(700);
    for polls in [0, 1, 3, 9] {
        connected(2048 + 5, async |mut stream, peer| {
            let dropped = Cell::new(0);
            {
                let (mut reader, mut writer) = stream.split();
                let mut rest = &data[..];
                let mut back = Vec::<u8>::new();
                while back.len() < data.len() {
                    if !rest.is_empty() {
                        let write = |polls| run_for(polls, writer.write(rest));
                        let taken = insist(polls, &dropped, write).unwrap();
                        rest = &rest[taken..];
                        insist(polls, &dropped, |polls| run_for(polls, writer.flush())).unwrap();
                    }
                    let mut buffer = [0; 90];
                    let read = |polls| run_for(polls, reader.read(&mut buffer));
                    let length = insist(polls, &dropped, read).unwrap();
                    back.extend(&buffer[..length]);
                }
                assert!(back == data);
            }
            assert!(dropped.get() > 10);
            stream.split().1.shutdown().await.unwrap();
            // What still comes is read and discarded, so that no reset destroys what was sent.
            assert!(poll_times(3, stream.read(&mut [0; 1])).is_none());
            assert!(matches!(stream.write(&[0; 1]).await, Err(Error::Closed)));
            let peer = peer.borrow();
            assert!(peer.read == data && peer.closed_cleanly && peer.error.is_none());
        });
    }
}

/// Why the stream is not simply that of embedded-tls. Should this fail one day, the queues can go.
// row: SEED-06
#[test]
fn embedded_tls_alone_tears_records_and_loses_octets_when_futures_are_dropped() {
    // A flush dropped when `octets` of its record have left: what the server read, and what was
    // on the wire from the record on.
    let after_a_dropped_flush = |octets: usize| {
        alone(async |tls, peer| {
            let before = peer.borrow().sent.len();
            tls.write(b"first").await.unwrap();
            assert!(run_for(octets + 1, tls.flush()).is_none());
            tls.write(b"other").await.unwrap();
            tls.flush().await.unwrap();
            let peer = peer.borrow();
            (peer.read.clone(), peer.sent[before..].to_vec())
        })
    };
    let record = 5 + 5 + 17;
    // Before the first octet left, what was written is lost in silence.
    let (read, sent) = after_a_dropped_flush(0);
    assert_eq!((read, sent.len()), (b"other".to_vec(), record));
    for octets in 1..record {
        let (read, sent) = after_a_dropped_flush(octets);
        // The next record begins inside the torn one, and neither can be read.
        assert_eq!(
            (read, sent.len()),
            (vec![], octets + record),
            "{octets} octets"
        );
        let (torn, next) = sent.split_at(octets);
        // And it is under the same nonce: its ciphertext gives away the torn one's plaintext.
        for (at, (torn, next)) in torn.iter().zip(next).enumerate().skip(5).take(5) {
            assert_eq!(torn ^ next, b"first"[at - 5] ^ b"other"[at - 5]);
        }
    }

    // A dropped read loses what it had of a header or a body.
    for polls in 2..40 {
        let (read, echo) = alone(async |tls, peer| {
            tls.write(b"echo").await.unwrap();
            tls.flush().await.unwrap();
            let mut buffer = [0; 8];
            // The server's tickets are in the way, two records.
            let read = run_for(polls, tls.read(&mut buffer));
            peer.borrow_mut().ended = true;
            (
                read,
                tls.read(&mut buffer).await.is_ok_and(|length| length == 4),
            )
        });
        assert!(read.is_none() && !echo, "{polls} polls: {read:?}");
    }
}

/// embedded-tls without anything around it, and without verification.
fn alone<T>(
    then: impl AsyncFnOnce(&mut TlsConnection<'_, Both, Aes128GcmSha256>, &Shared) -> T,
) -> T {
    let (_, config) = honest();
    let peer = Peer::new(config);
    let (mut read, mut write) = ([0; 2048], [0; 700]);
    let mut tls = TlsConnection::new(Both(transport(&peer, SLOW)), &mut read, &mut write);
    let config = TlsConfig::new();
    run(async {
        tls.open(TlsContext::new(
            &config,
            UnsecureProvider::new::<Aes128GcmSha256>(Weak(Counter(1))),
        ))
        .await
        .unwrap();
        then(&mut tls, &peer).await
    })
}

/// Both ends as the one transport that embedded-tls asks for.
struct Both((Reader, Writer));

impl ErrorType for Both {
    type Error = Infallible;
}

impl Read for Both {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        self.0.0.read(buffer).await
    }
}

impl Write for Both {
    async fn write(&mut self, buffer: &[u8]) -> Result<usize, Infallible> {
        self.0.1.write(buffer).await
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        self.0.1.flush().await
    }
}

/// The counter as embedded-tls takes it.
struct Weak(Counter);

impl RngCore for Weak {
    fn next_u32(&mut self) -> u32 {
        rand_core_06::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core_06::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, octets: &mut [u8]) {
        self.0.fill(octets).unwrap();
    }

    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), rand_core_06::Error> {
        self.fill_bytes(octets);
        Ok(())
    }
}

impl rand_core_06::CryptoRng for Weak {}

// row: SEED-06
#[test]
fn a_connect_dropped_anywhere_leaves_its_memory_to_the_next() {
    let (root, config) = honest();
    let anchors = [anchor_from_trusted_cert(&root.der).unwrap()];
    let (mut read, mut write) = ([0; 2048], [0; 700]);
    let (mut receive, mut transmit) = ([0; 2053], [0; 700]);
    let mut link = Link::new(&mut receive, &mut transmit);
    for polls in [1, 2, 300, 500, 900, 1300, 1700] {
        for (polls, pace) in [(polls, SLOW), (usize::MAX, FAST)] {
            let peer = Peer::new(config.clone());
            let records = Records {
                read: &mut read,
                write: &mut write,
            };
            let client = Client::new(HOST, Roots::new(&anchors, Clock::UnixSeconds(NOW)));
            let mut entropy = Counter(1);
            let connect = client.connect(&mut link, records, transport(&peer, pace), &mut entropy);
            if let Some(outcome) = run_for(polls, connect) {
                outcome.unwrap();
            } else {
                assert_ne!(polls, usize::MAX);
            }
        }
    }
}
