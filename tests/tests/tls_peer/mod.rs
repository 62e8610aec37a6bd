//! A rustls server in memory, at the other end of a transport that is as slow as it is told.
#![allow(
    dead_code,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "on hosts, and each test target uses a part"
)]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io::{Read as _, Write as _};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bare_ws::entropy::{Entropy, EntropyError};
use bare_ws_embassy::tls::CertificateDer;
use bare_ws_embassy::transport::Shutdown;
use embedded_io_async::{ErrorType, Read, Write};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::PrivateKeyDer;
use rustls::{CipherSuite, ServerConfig, ServerConnection, version};

use crate::tls_pki::Node;

/// A server that presents `chain` and holds the key of `leaf`.
pub(crate) fn config(leaf: &Node, chain: &[&Node]) -> ServerConfig {
    config_with(ring::default_provider(), leaf, chain)
}

/// One that has none of the cipher suites it is offered.
pub(crate) fn deaf_to_aes_128(leaf: &Node) -> ServerConfig {
    let mut provider = ring::default_provider();
    provider
        .cipher_suites
        .retain(|suite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
    config_with(provider, leaf, &[leaf])
}

fn config_with(provider: CryptoProvider, leaf: &Node, chain: &[&Node]) -> ServerConfig {
    let chain: Vec<CertificateDer<'static>> = chain.iter().map(|node| node.der.clone()).collect();
    let key = PrivateKeyDer::Pkcs8(leaf.key.serialize_der().into());
    ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap()
}

/// The far end, and the wire.
pub(crate) struct Peer {
    pub(crate) server: ServerConnection,
    /// Echoes what it reads.
    pub(crate) echoes: bool,
    /// What the server said, on its way to the client.
    pub(crate) wire: VecDeque<u8>,
    /// Every octet that the client sent.
    pub(crate) sent: Vec<u8>,
    /// What the server read, decrypted.
    pub(crate) read: Vec<u8>,
    /// The first error of the server.
    pub(crate) error: Option<rustls::Error>,
    /// How many octets reach the client before the transport ends.
    pub(crate) cut_after: usize,
    /// The server ended the transport.
    pub(crate) ended: bool,
    pub(crate) closed_cleanly: bool,
    /// The client ended its direction of the transport.
    pub(crate) finished: bool,
    /// The client gave the transport up.
    pub(crate) aborted: bool,
}

pub(crate) type Shared = Rc<RefCell<Peer>>;

impl Peer {
    pub(crate) fn new(config: ServerConfig) -> Shared {
        let mut server = ServerConnection::new(Arc::new(config)).unwrap();
        server.set_buffer_limit(None);
        Rc::new(RefCell::new(Self {
            server,
            echoes: true,
            wire: VecDeque::new(),
            sent: Vec::new(),
            read: Vec::new(),
            error: None,
            cut_after: usize::MAX,
            ended: false,
            closed_cleanly: false,
            finished: false,
            aborted: false,
        }))
    }

    fn take(&mut self, mut octets: &[u8]) {
        self.sent.extend(octets);
        while !octets.is_empty() && self.error.is_none() {
            self.server.read_tls(&mut octets).unwrap();
            match self.server.process_new_packets() {
                Ok(state) => self.closed_cleanly |= state.peer_has_closed(),
                Err(error) => self.error = Some(error),
            }
            let mut plain = Vec::new();
            // Ends in WouldBlock as long as the connection is open.
            let _ = self.server.reader().read_to_end(&mut plain);
            self.read.extend(&plain);
            if self.echoes {
                self.server.writer().write_all(&plain).unwrap();
            }
        }
        self.speak();
    }

    /// Sends octets of the server's own.
    pub(crate) fn say(&mut self, octets: &[u8]) {
        self.server.writer().write_all(octets).unwrap();
        self.speak();
    }

    /// Puts what the server has to say on the wire.
    pub(crate) fn speak(&mut self) {
        while self.server.wants_write() {
            self.server.write_tls(&mut self.wire).unwrap();
        }
    }

    /// The lengths of the records the client sent, headers left out, by their type.
    pub(crate) fn records(&self) -> Vec<(u8, usize)> {
        let mut rest = &self.sent[..];
        let mut records = Vec::new();
        while let [kind, _, _, high, low, after @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            records.push((*kind, length));
            rest = &after[length.min(after.len())..];
        }
        records
    }
}

/// How the transport behaves.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    /// The most octets at a time.
    pub(crate) at_most: usize,
    /// Pending once before anything is done, and woken.
    pub(crate) pends: bool,
}

pub(crate) const FAST: Pace = Pace {
    at_most: usize::MAX,
    pends: false,
};

pub(crate) struct Reader(pub(crate) Shared, pub(crate) Pace);
pub(crate) struct Writer(pub(crate) Shared, pub(crate) Pace);

pub(crate) fn transport(peer: &Shared, pace: Pace) -> (Reader, Writer) {
    (Reader(peer.clone(), pace), Writer(peer.clone(), pace))
}

impl Pace {
    async fn wait(self) {
        let mut waited = !self.pends;
        poll_fn(|context| {
            if waited {
                return Poll::Ready(());
            }
            waited = true;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

impl ErrorType for Reader {
    type Error = Infallible;
}

impl ErrorType for Writer {
    type Error = Infallible;
}

impl Read for Reader {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        self.1.wait().await;
        poll_fn(|_| {
            let peer = &mut *self.0.borrow_mut();
            let length = buffer
                .len()
                .min(self.1.at_most)
                .min(peer.wire.len())
                .min(peer.cut_after);
            if length == 0 {
                return if peer.cut_after == 0 || peer.ended || peer.error.is_some() {
                    Poll::Ready(Ok(0))
                } else {
                    Poll::Pending // and nobody will wake it: the test sees a stall
                };
            }
            peer.cut_after -= length;
            for (to, octet) in buffer.iter_mut().zip(peer.wire.drain(..length)) {
                *to = octet;
            }
            Poll::Ready(Ok(length))
        })
        .await
    }
}

impl Write for Writer {
    async fn write(&mut self, buffer: &[u8]) -> Result<usize, Infallible> {
        self.1.wait().await;
        let length = buffer.len().min(self.1.at_most);
        self.0.borrow_mut().take(&buffer[..length]);
        Ok(length)
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        self.1.wait().await;
        Ok(())
    }
}

impl Shutdown for Writer {
    async fn shutdown(&mut self) -> Result<(), Infallible> {
        self.1.wait().await;
        self.0.borrow_mut().finished = true;
        Ok(())
    }

    fn abort(&mut self) {
        self.0.borrow_mut().aborted = true;
    }
}

/// Not secret: a counter.
pub(crate) struct Counter(pub(crate) u64);

impl Entropy for Counter {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        for octet in octets {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            *octet = (self.0 >> 56) as u8;
        }
        Ok(())
    }
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs a future to its end, or as many polls as are allowed; `None` if it was dropped for that.
/// A future that is pending and that nobody has woken is a hang, and fails the test.
pub(crate) fn run_for<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let flag = Arc::new(Flag::default());
    let waker = Waker::from(flag.clone());
    let mut future = pin!(future);
    for _ in 0..polls {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(output);
        }
        assert!(
            flag.0.swap(false, Ordering::Relaxed),
            "a hang: pending, and nobody wakes it"
        );
    }
    None
}

pub(crate) fn run<F: Future>(future: F) -> F::Output {
    run_for(usize::MAX, future).unwrap()
}
