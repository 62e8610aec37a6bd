//! The peers of the column, in clear and under TLS.

use std::future::{pending, poll_fn};
use std::io::{Read as _, Write as _};
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use bare_ws::opcode::Opcode;
use bare_ws_embassy::tls::PinnedKey;
use embassy_net::tcp::TcpSocket;
use embassy_time::Timer;
use embedded_io_async::{Read, Write};
use rustls::{ServerConfig, ServerConnection};

use super::axes::{DRIP, LATER, Peer, WAVE};
use crate::support::frames::{frame, ping};
use crate::support::pipe::{Manner, Pipe};
use crate::support::wss;
use crate::tls_pki::{Node, server};

pub(crate) const HOST: &str = "host.example.test";

/// What the way to the peer holds.
pub(crate) const NARROW: usize = 64;
/// What the way from it holds, and both before the connection is open.
pub(crate) const WIDE: usize = 16 * 1024;

/// The server's end of a transport.
pub(crate) trait Far {
    /// `None` once it is gone.
    async fn read(&mut self, octets: &mut [u8]) -> Option<usize>;
    async fn write_all(&mut self, octets: &[u8]) -> Option<()>;
    fn end(&mut self);
    fn reset(&mut self);
}

/// Two pipes.
#[derive(Clone)]
pub(crate) struct Pipes {
    pub(crate) to_client: Pipe,
    pub(crate) from_client: Pipe,
}

impl Pipes {
    pub(crate) fn new(to_peer: usize) -> Self {
        Self {
            to_client: Pipe::new(Manner::narrow(WIDE)),
            from_client: Pipe::new(Manner::narrow(to_peer)),
        }
    }

    pub(crate) fn halves(&self) -> (Pipe, Pipe) {
        (self.to_client.clone(), self.from_client.clone())
    }
}

impl Far for Pipes {
    async fn read(&mut self, octets: &mut [u8]) -> Option<usize> {
        self.from_client.read(octets).await.ok()
    }

    async fn write_all(&mut self, octets: &[u8]) -> Option<()> {
        self.to_client.write_all(octets).await.ok()
    }

    fn end(&mut self) {
        self.to_client.end();
    }

    fn reset(&mut self) {
        self.to_client.break_down();
        self.from_client.break_down();
    }
}

impl Far for &mut TcpSocket<'_> {
    async fn read(&mut self, octets: &mut [u8]) -> Option<usize> {
        TcpSocket::read(self, octets).await.ok()
    }

    async fn write_all(&mut self, octets: &[u8]) -> Option<()> {
        Write::write_all(*self, octets).await.ok()
    }

    fn end(&mut self) {
        self.close();
    }

    fn reset(&mut self) {
        self.abort();
    }
}

fn identity() -> &'static (Arc<ServerConfig>, [[u8; 32]; 1]) {
    static IDENTITY: OnceLock<(Arc<ServerConfig>, [[u8; 32]; 1])> = OnceLock::new();
    IDENTITY.get_or_init(|| {
        let leaf = Node::self_signed(server(&[HOST]));
        let pin = PinnedKey::pin_of(&leaf.der).unwrap();
        (wss::config(&leaf, &[&leaf]), [pin])
    })
}

/// Trusts the servers of the column.
pub(crate) fn trust() -> PinnedKey<'static> {
    PinnedKey::new(&identity().1)
}

/// A server, with TLS or without.
pub(crate) struct Server<F> {
    far: F,
    tls: Option<ServerConnection>,
}

impl<F: Far> Server<F> {
    pub(crate) fn plain(far: F) -> Self {
        Self { far, tls: None }
    }

    /// After the handshake of TLS.
    pub(crate) async fn secured(mut far: F) -> Option<Self> {
        let mut tls = ServerConnection::new(identity().0.clone()).unwrap();
        while tls.is_handshaking() {
            hear(&mut tls, &mut far).await?;
            far.write_all(&said(&mut tls)).await?;
        }
        Some(Self {
            far,
            tls: Some(tls),
        })
    }

    /// What stands on the wire for that.
    fn encode(&mut self, octets: &[u8]) -> Vec<u8> {
        let Some(tls) = &mut self.tls else {
            return octets.to_vec();
        };
        tls.writer().write_all(octets).unwrap();
        said(tls)
    }

    /// Behaves on an open connection, for ever. `None` once the client is gone.
    pub(crate) async fn behave(mut self, peer: Peer) -> Option<()> {
        let first = self.encode(&frame(Opcode::Binary, true, b"hi"));
        self.far.write_all(&first).await?;
        match peer {
            Peer::Drips => {
                let octets = self.encode(&frame(Opcode::Binary, true, &[b'x'; 100]));
                drip(self.far, &octets).await
            }
            Peer::FloodsPings => self.flood(&ping(b"p").repeat(20)).await,
            Peer::FloodsData => {
                self.flood(&frame(Opcode::Binary, true, b"d").repeat(20))
                    .await
            }
            peer => still(self.far, peer).await,
        }
    }

    /// Answers a request for a connection with what is no answer.
    pub(crate) async fn misbehave(mut self, peer: Peer) -> Option<()> {
        match peer {
            Peer::Drips => {
                let mut answer = b"HTTP/1.1 101 Switching Protocols\r\n".to_vec();
                answer.resize(2000, b'x');
                let octets = self.encode(&answer);
                drip(self.far, &octets).await
            }
            Peer::FloodsPings => self.flood(&ping(b"p").repeat(20)).await,
            Peer::FloodsData => {
                let head = self.encode(b"HTTP/1.1 101 Switching Protocols\r\n");
                self.far.write_all(&head).await?;
                self.flood(&b"X-Data: dddddddddddddddddddddd\r\n".repeat(60))
                    .await
            }
            peer => still(self.far, peer).await,
        }
    }

    async fn flood(mut self, octets: &[u8]) -> Option<()> {
        loop {
            let octets = self.encode(octets);
            self.far.write_all(&octets).await?;
            Timer::after(WAVE).await;
        }
    }
}

/// Answers a request for TLS with what is no answer, or comes too slowly.
pub(crate) async fn misbehave_in_tls<F: Far>(mut far: F, peer: Peer) -> Option<()> {
    match peer {
        Peer::Drips => {
            let mut tls = ServerConnection::new(identity().0.clone()).unwrap();
            while !tls.wants_write() {
                hear(&mut tls, &mut far).await?;
            }
            drip(far, &said(&mut tls)).await
        }
        Peer::FloodsPings | Peer::FloodsData => Server::plain(far).misbehave(peer).await,
        peer => still(far, peer).await,
    }
}

async fn hear<F: Far>(tls: &mut ServerConnection, far: &mut F) -> Option<()> {
    let mut octets = [0; 2048];
    let length = far.read(&mut octets).await.filter(|&length| length > 0)?;
    let mut rest = &octets[..length];
    while !rest.is_empty() {
        tls.read_tls(&mut rest).ok()?;
        tls.process_new_packets().ok()?;
        let _ = tls.reader().read_to_end(&mut Vec::new());
    }
    Some(())
}

fn said(tls: &mut ServerConnection) -> Vec<u8> {
    let mut octets = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut octets).unwrap();
    }
    octets
}

/// One octet after the other, and one is taken in between.
async fn drip<F: Far>(mut far: F, octets: &[u8]) -> Option<()> {
    for octet in octets {
        Timer::after(DRIP).await;
        far.write_all(&[*octet]).await?;
        let mut taken = [0; 1];
        let mut read = pin!(far.read(&mut taken));
        let _nothing_is_no_reason = poll_fn(|cx| Poll::Ready(read.as_mut().poll(cx))).await;
    }
    pending().await
}

/// A peer that writes nothing.
async fn still<F: Far>(mut far: F, peer: Peer) -> Option<()> {
    match peer {
        Peer::Resets => {
            Timer::after(LATER).await;
            far.reset();
            return pending().await;
        }
        Peer::ReadsNothing => return pending().await,
        Peer::Ends => far.end(),
        _ => {}
    }
    let mut octets = [0; 1024];
    while far.read(&mut octets).await? > 0 {}
    pending().await
}
