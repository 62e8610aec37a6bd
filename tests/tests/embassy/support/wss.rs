//! TLS servers on the network, honest and otherwise.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use bare_ws::handshake::Progress;
use bare_ws::handshake::server::{ServerHandshake, Service};
use bare_ws::opcode::Opcode;
use embassy_futures::join::join3;
use embassy_net::Stack;
use embassy_net::tcp::TcpSocket;
use embassy_time::Timer;
use embedded_io_async::Write as _;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, version};

use super::frames::{self, Sent, sent_so_far};
use super::tasks::apart;
use crate::tls_pki::Node;

/// What a server does with each client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Echoes one message, closes, and sends close_notify.
    Honest,
    /// The same, a few octets at a time.
    Drips,
    /// The same, and ends the transport without close_notify.
    Cuts,
    /// The same, but without a Close: close_notify, or only the end.
    Leaves { notified: bool },
    /// Echoes until the client closes, and ends the transport then, with close_notify, or never.
    Waits { ends: bool },
    /// Says nothing at all.
    Mute,
    /// Says so many octets of its TLS handshake, and no more.
    Stops(usize),
    /// Ends the transport there.
    Ends(usize),
    /// Has no answer to the opening handshake.
    Ignores,
    /// Takes 15 seconds for the one of TLS before.
    Dawdles,
    /// Refuses the opening handshake.
    Refuses,
    /// Knows no TLS.
    Plain,
}

/// A server that presents `chain` and holds the key of `leaf`.
pub(crate) fn config(leaf: &Node, chain: &[&Node]) -> Arc<ServerConfig> {
    let chain = chain.iter().map(|node| node.der.clone()).collect();
    let key = PrivateKeyDer::Pkcs8(leaf.key.serialize_der().into());
    Arc::new(
        ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap(),
    )
}

/// Serves for ever; `served` hears how each client left.
pub(crate) async fn serve(
    stack: Stack<'_>,
    port: u16,
    config: &Arc<ServerConfig>,
    manner: Manner,
    served: &(impl Fn(Left) + ?Sized),
) {
    // While one of them finds out that its client is gone, the next one waits for a client.
    let acceptor = || apart(acceptor(stack, port, config, manner, served));
    join3(acceptor(), acceptor(), acceptor()).await;
}

/// How a client left.
#[derive(Clone, Debug, Default)]
pub(crate) struct Left {
    /// With close_notify.
    pub(crate) notified: bool,
    /// With a Close.
    pub(crate) closed: bool,
    /// All that it said, as it was on the wire.
    pub(crate) octets: Vec<u8>,
}

impl Left {
    /// The records that it said: the content type in the clear, and the length.
    pub(crate) fn records(&self) -> Vec<(u8, usize)> {
        let mut rest = &self.octets[..];
        let mut records = Vec::new();
        while let [kind, _, _, high, low, after @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            records.push((*kind, length));
            rest = &after[length.min(after.len())..];
        }
        records
    }
}

async fn acceptor(
    stack: Stack<'_>,
    port: u16,
    config: &Arc<ServerConfig>,
    manner: Manner,
    served: &(impl Fn(Left) + ?Sized),
) {
    let (mut receive, mut transmit) = (vec![0; 4096], vec![0; 4096]);
    let mut tcp = TcpSocket::new(stack, &mut receive, &mut transmit);
    tcp.set_nagle_enabled(false);
    loop {
        tcp.abort();
        let _ = tcp.flush().await;
        if tcp.accept(port).await.is_err() {
            continue;
        }
        let mut session = Session {
            tls: ServerConnection::new(config.clone()).unwrap(),
            tcp: &mut tcp,
            budget: match manner {
                Manner::Stops(octets) | Manner::Ends(octets) => octets,
                _ => usize::MAX,
            },
            manner,
            seen: Vec::new(),
            left: Left::default(),
        };
        // `None`: the client was gone before that.
        let _ = session.serve().await;
        served(session.left);
    }
}

struct Session<'s, 't> {
    tcp: &'s mut TcpSocket<'t>,
    tls: ServerConnection,
    /// Octets that may be said.
    budget: usize,
    manner: Manner,
    /// What the client said, decrypted.
    seen: Vec<u8>,
    left: Left,
}

impl Session<'_, '_> {
    async fn serve(&mut self) -> Option<()> {
        match self.manner {
            Manner::Mute => return self.listen().await,
            Manner::Dawdles => Timer::after_secs(15).await,
            Manner::Plain => {
                let answer = b"HTTP/1.1 400 Bad Request\r\n\r\n";
                self.tcp.write_all(answer).await.ok()?;
                return self.listen().await;
            }
            _ => {}
        }
        let mut handshake = ServerHandshake::new(&Service::ANY, ());
        loop {
            self.hear().await?;
            if let Progress::Done { consumed } = handshake.read(&self.seen) {
                self.seen.drain(..consumed);
                break;
            }
            self.seen.clear();
        }
        match self.manner {
            Manner::Ignores | Manner::Dawdles => return self.listen().await,
            Manner::Refuses => {
                self.say(b"HTTP/1.1 503 Busy\r\n\r\n").await?;
                return self.listen().await;
            }
            _ => {}
        }
        let mut answer = [0; 512];
        let length = handshake.write(&mut answer);
        self.say(&answer[..length]).await?;
        loop {
            let frame = self.frame().await?;
            let octets = frames::frame(frame.opcode, true, &frame.payload);
            self.say(&octets).await?;
            match self.manner {
                Manner::Waits { .. } if frame.opcode != Opcode::Close => {}
                Manner::Waits { ends: false } => return self.listen().await,
                _ => break,
            }
        }
        if let Manner::Honest | Manner::Drips | Manner::Cuts = self.manner {
            self.say(&frames::close(1000)).await?;
        }
        if !matches!(
            self.manner,
            Manner::Cuts | Manner::Leaves { notified: false }
        ) {
            self.tls.send_close_notify();
            self.speak().await?;
        }
        self.tcp.close();
        self.listen().await
    }

    /// The client's next frame.
    async fn frame(&mut self) -> Option<Sent> {
        loop {
            let (sent, _) = sent_so_far(&self.seen);
            if let Some(frame) = sent.into_iter().next() {
                self.left.closed |= frame.opcode == Opcode::Close;
                // Masked, and of less than 2^16 octets.
                let header = if frame.payload.len() < 126 { 6 } else { 8 };
                self.seen.drain(..header + frame.payload.len());
                return Some(frame);
            }
            self.hear().await?;
        }
    }

    /// Says `octets` under TLS.
    async fn say(&mut self, octets: &[u8]) -> Option<()> {
        self.tls.writer().write_all(octets).ok()?;
        self.speak().await
    }

    /// Puts what TLS has to say on the wire, as far as the budget goes.
    async fn speak(&mut self) -> Option<()> {
        let mut octets = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut octets).ok()?;
        }
        let length = octets.len().min(self.budget);
        self.budget -= length;
        let at_once = match self.manner {
            Manner::Drips => 40,
            _ => usize::MAX,
        };
        for some in octets[..length].chunks(at_once) {
            self.tcp.write_all(some).await.ok()?;
            if some.len() == at_once {
                Timer::after_millis(1).await;
            }
        }
        if length < octets.len() {
            if let Manner::Ends(_) = self.manner {
                self.tcp.close();
            }
            self.listen().await?;
        }
        Some(())
    }

    /// More of what the client says.
    async fn hear(&mut self) -> Option<()> {
        let mut octets = [0; 2048];
        let length = self.tcp.read(&mut octets).await.ok()?;
        if length == 0 {
            return None;
        }
        let mut rest = &octets[..length];
        self.left.octets.extend(rest);
        while !rest.is_empty() {
            self.tls.read_tls(&mut rest).ok()?;
            let state = self.tls.process_new_packets().ok()?;
            self.left.notified |= state.peer_has_closed();
            // Ends in WouldBlock as long as the connection is open.
            let _ = self.tls.reader().read_to_end(&mut self.seen);
        }
        self.speak().await
    }

    /// Only listens, until the client is gone.
    async fn listen(&mut self) -> Option<()> {
        let mut octets = [0; 2048];
        loop {
            let length = self.tcp.read(&mut octets).await.ok()?;
            if length == 0 {
                break;
            }
            let mut rest = &octets[..length];
            self.left.octets.extend(rest);
            while !rest.is_empty() && self.tls.read_tls(&mut rest).is_ok() {
                match self.tls.process_new_packets() {
                    Ok(state) => self.left.notified |= state.peer_has_closed(),
                    Err(_) => break,
                }
                let _ = self.tls.reader().read_to_end(&mut self.seen);
            }
        }
        let (sent, _) = sent_so_far(&self.seen);
        self.left.closed |= sent.iter().any(|frame| frame.opcode == Opcode::Close);
        self.tcp.close();
        None
    }
}
