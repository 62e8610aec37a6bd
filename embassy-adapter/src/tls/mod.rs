//! TLS 1.3 with a verified peer, without an allocator, over any `embedded-io-async` transport.
//!
//! The protocol is implemented by embedded-tls, X.509 path building by rustls-webpki, the
//! mathematics by RustCrypto. This module is what connects them:
//!
//! - [`Roots`] and [`PinnedKey`] say whom to trust ([`trust`]);
//! - the handshake counts only if the server proved that it holds the key of a certificate trusted
//!   that way ([`Client::connect`]);
//! - a future dropped at any await is harmless ([`stream`]).
//!
//! There is no way to switch verification off.
//!
//! From a URI to an open connection, over embassy-net (feature `net`):
//!
#![cfg_attr(feature = "net", doc = "```no_run")]
#![cfg_attr(not(feature = "net"), doc = "```ignore")]
//! use bare_ws_embassy::bare_ws::buffer::Buffers;
//! use bare_ws_embassy::bare_ws::compression::Uncompressed;
//! use bare_ws_embassy::bare_ws::entropy::Entropy;
//! use bare_ws_embassy::bare_ws::handshake::Request;
//! use bare_ws_embassy::bare_ws::uri::Uri;
//! use bare_ws_embassy::net::{self, Socket};
//! use bare_ws_embassy::tls::{self, Clock, Link, Records, Roots, Setup, TrustAnchor};
//! use bare_ws_embassy::{ConnectError, Error, Timing};
//! use embassy_net::Stack;
//!
//! struct Memory {
//!     read: [u8; 16_640],
//!     write: [u8; 1152],
//!     receive: [u8; 16_645],
//!     transmit: [u8; 1152],
//! }
//!
//! enum Failure {
//!     Connect(ConnectError<tls::Error>),
//!     Connection(Error<tls::Error>),
//! }
//!
//! async fn report(
//!     (stack, socket): (Stack<'_>, &Socket<'_>),
//!     (anchors, now): (&[TrustAnchor<'_>], u64),
//!     memory: &mut Memory,
//!     entropy: impl Entropy,
//! ) -> Result<(), Failure> {
//!     let (mut receive, mut transmit) = ([0; 1024], [0; 1024]);
//!     let uri = Uri::parse("wss://broker.example/telemetry").expect("a URI");
//!     let trust = Roots::new(anchors, Clock::UnixSeconds(now));
//!     let mut link = Link::new(&mut memory.receive, &mut memory.transmit);
//!     let records = Records { read: &mut memory.read, write: &mut memory.write };
//!     let (mut connection, _) = net::connect_secure(
//!         (stack, socket),
//!         Setup::new(trust, &mut link, records),
//!         &Request::new(uri),
//!         Buffers {
//!             receive: &mut receive[..],
//!             transmit: &mut transmit[..],
//!         },
//!         entropy,
//!         Uncompressed,
//!         &Timing::DEFAULT,
//!     )
//!     .await
//!     .map_err(Failure::Connect)?;
//!     connection.send("temperature=21").await.map_err(Failure::Connection)?;
//!     connection.finish().await.map_err(Failure::Connection)
//! }
//! ```
//!
//! [`open`] does the same over any transport that is connected, and [`Client::connect`] gives the
//! stream alone.
//!
//! # Memory
//!
//! The caller provides four buffers: two for embedded-tls ([`Records`]), and two that each hold a
//! record on its way ([`Link`]). Their lengths in octets, for records of `n` octets from the server
//! and of `m` to it:
//!
//! | buffer | length | full records | [`MaxFragmentLength`] 2^12 | 2^10 |
//! | --- | --- | --- | --- | --- |
//! | `Records::read` | n + 17 | 16 640 | 4113 | 1041 |
//! | `Link` `receive` | n + 22 | 16 645 | 4118 | 1046 |
//! | `Records::write` | m + 133, 512 at least | 16 517 | 4224 (m = 4091) | 1152 (m = 1019) |
//! | `Link` `transmit` | as `Records::write` | 16 517 | 4224 | 1152 |
//!
//! A server that does not know the extension sends full records as soon as a message is long
//! enough. The server's Certificate message must fit `Records::read`, and no handshake message may
//! be spread over two records.
//!
//! # Figures
//!
//! thumbv6m (Cortex-M0+), `opt-level = "z"` (`"s"`), fat LTO; one handshake with a P-256 leaf
//! under its root and a message either way, without a network stack. KB are 1000 octets.
//!
//! | verifier | flash KB | stack KB | instructions |
//! | --- | --- | --- | --- |
//! | none (embedded-tls's `UnsecureProvider`) | 60.9 (70.1) | 10.2 (11.2) | 70 M (51 M) |
//! | embedded-tls's `rustpki`, which takes a leaf for an issuer | 84.1 (89.1) | 32.4 (34.4) | 208 M (151 M) |
//! | [`PinnedKey`] | 61.3 (65.7) | 13.8 (13.4) | 139 M (101 M) |
//! | [`Roots`] | 83.0 (87.5) | 17.2 (16.6) | 208 M (151 M) |
//! | [`Roots`], `tls-p384`, P-384 root and intermediate | 113.9 (136.0) | 24.2 (23.1) | 427 M (376 M) |
//!
//! A P-256 intermediate adds 50 M instructions (`"s"`), the cost of one signature. In a stranger's
//! chain, whatever names it bears, at most two wrong signatures are checked, and six in all. The
//! feature `force-soft-compact` of sha2 0.10, switched on in the firmware, takes 12 KB (27 KB) off
//! `tls-p384` and 2 KB off the others.
//!
//! # What it cannot do
//!
//! **TLS 1.2. RSA, Ed25519 and, without `tls-p384`, P-384. Client certificates. Session resumption.
//! Revocation. New keys**: a KeyUpdate from the server (RFC 8446 §4.6.3) ends the connection.
//! Except for close_notify, an alert that the server sends after its ServerHello is seen only as
//! [`Error::Protocol`].
//!
//! And because of embedded-tls 0.19, where no code around it can help:
//!
//! - **The only key exchange is secp256r1, the only cipher suite TLS_AES_128_GCM_SHA256.** A server
//!   that has only X25519 or P-384, AES-256-GCM or ChaCha20 answers with
//!   [`Error::Alert`]`(HandshakeFailure)`. RFC 8446 §9.1 makes a server support these two.
//! - **Lists from the server with entries that embedded-tls does not know end the handshake** with
//!   [`Error::Protocol`]`(DecodeError)`, though RFC 8446 §4.2 has them ignored: supported_groups in
//!   EncryptedExtensions with a brainpool curve, GREASE, or more than 13 groups; a
//!   CertificateRequest with an unknown scheme, or with more than 25. The entries cannot be taken
//!   out on the way, since Finished covers what was sent.
//! - **The alert that a refused server is sent** (RFC 8446 §6.2) **is in the clear**, where it should
//!   be encrypted, under a key that embedded-tls does not expose. Servers accept that, since a client
//!   may fail before it has the key; whoever listens on the way learns the reason.
//!
//! For such servers, open a [`Connection`](crate::Connection) over another TLS stream.
//! `examples/firmware/mbedtls` does so with mbedTLS by mbedtls-rs (TLS 1.2, RSA, X25519, alerts),
//! and compares its flash, memory and instructions with those of this module: it takes twice the
//! flash and a heap of 58 KB, and its futures must not be dropped. rustls does not compile for
//! processors without compare-and-swap, such as these.

mod alert;
mod algorithm;
mod cipher;
mod der;
mod error;
mod link;
mod memory;
mod open;
pub mod stream;
pub mod trust;
mod verifier;

use core::fmt;
use core::pin::pin;
use core::task::Poll;

use bare_ws::entropy::Entropy;
use embassy_futures::yield_now;
use embedded_io_async::{Read, Write};
use embedded_tls::{TlsConfig, TlsContext};
use pki_types::ServerName;

pub use embedded_tls::MaxFragmentLength;
pub use embedded_tls::alert::AlertDescription;
pub use error::{CertificateError, Date, Error};
pub use link::Link;
pub use memory::Memory;
pub use open::{Setup, open};
pub use pki_types::{CertificateDer, Der, TrustAnchor};
pub use stream::{ReadHalf, Stream, WriteHalf};
pub use trust::{Clock, MAX_INTERMEDIATES, PinnedKey, Roots, Trust};
pub use webpki::anchor_from_trusted_cert;

#[cfg(feature = "net")]
pub(crate) use open::Handshake;
use stream::{Session, drain, fill, run};
use verifier::{Provider, Record};

/// Where embedded-tls builds and opens records.
pub struct Records<'b> {
    /// For the server's records: see the [module](self) for how long.
    pub read: &'b mut [u8],
    /// For ours: 128 octets of it are overhead, the rest is the most that one record carries. At
    /// least [`Records::MIN_WRITE`]; if a fragment length is asked for, at most that and 128.
    pub write: &'b mut [u8],
}

impl Records<'_> {
    /// The least length of `write`: a ClientHello with the longest server name.
    pub const MIN_WRITE: usize = 512;
}

/// What a client asks of a server.
#[derive(Clone, Copy, Debug)]
pub struct Client<'c, V> {
    server: &'c str,
    trust: V,
    max_fragment_length: Option<MaxFragmentLength>,
}

impl<'c, V: Trust> Client<'c, V> {
    /// `server` is the DNS name or IP address in the URI, without brackets; a DNS name is also sent
    /// to the server (SNI).
    #[must_use]
    pub const fn new(server: &'c str, trust: V) -> Self {
        Self {
            server,
            trust,
            max_fragment_length: None,
        }
    }

    /// Asks the server for shorter records (RFC 6066 §4). One that does not know the extension
    /// ignores it.
    #[must_use]
    pub const fn with_max_fragment_length(mut self, length: MaxFragmentLength) -> Self {
        self.max_fragment_length = Some(length);
        self
    }

    /// Makes the handshake. Apart from the ClientHello, and an alert if it is refused, nothing is
    /// written before the server has proved who it is.
    ///
    /// All signatures are checked inside one poll, since embedded-tls cannot wait for them, and
    /// nothing else on the executor runs meanwhile. With [`Roots`] that is at most two more than
    /// [`MAX_INTERMEDIATES`] for the path, of which two may be wrong, and the signature of the
    /// server's CertificateVerify. Other tasks run between the records of the handshake.
    ///
    /// # Errors
    ///
    /// Any but [`Error::Truncated`]. A server that is refused is sent an alert that says why, if the
    /// transport takes it at once.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped before it is ready, the connection is lost; link and buffers can be used
    /// for another.
    pub async fn connect<'a, 'b, In, Out, E>(
        &self,
        link: &'a mut Link<'b>,
        records: Records<'a>,
        (reader, writer): (In, Out),
        entropy: &mut E,
    ) -> Result<Stream<'a, 'b, In, Out>, Error<In::Error>>
    where
        In: Read,
        Out: Write<Error = In::Error>,
        E: Entropy,
    {
        let mut stream = Stream::begin(link, records, reader, writer)?;
        let Stream {
            session,
            reader,
            writer,
        } = &mut stream;
        self.shake(session, reader, writer, entropy).await?;
        Ok(stream)
    }

    /// The handshake, on a session that has just [begun](Stream::begin).
    pub(crate) async fn shake<In, Out, E>(
        &self,
        session: &mut Session<'_, '_>,
        reader: &mut In,
        writer: &mut Out,
        entropy: &mut E,
    ) -> Result<(), Error<In::Error>>
    where
        In: Read,
        Out: Write<Error = In::Error>,
        E: Entropy,
    {
        let mut said = Said::Nothing;
        let outcome = self
            .exchange(session, reader, writer, entropy, &mut said)
            .await;
        if said == Said::ClientHello
            && let Some(description) = outcome.as_ref().err().and_then(Error::alert)
        {
            alert::send(writer, description).await;
        }
        outcome
    }

    async fn exchange<In, Out, E>(
        &self,
        session: &mut Session<'_, '_>,
        reader: &mut In,
        writer: &mut Out,
        entropy: &mut E,
        said: &mut Said,
    ) -> Result<(), Error<In::Error>>
    where
        In: Read,
        Out: Write<Error = In::Error>,
        E: Entropy,
    {
        // "example.org." and "example.org" are one host; certificates and SNI use the second form.
        let server = self.server.strip_suffix('.').unwrap_or(self.server);
        let name = ServerName::try_from(server).map_err(|_| Error::ServerName)?;
        let (tls, link) = session.opening().ok_or(Error::Closed)?;

        let mut config = TlsConfig::new().with_alpn(&[b"http/1.1"]);
        if let ServerName::DnsName(_) = name {
            config = config.with_server_name(server);
        }
        if let Some(length) = self.max_fragment_length {
            config = config.with_max_fragment_length(length);
        }
        let record = Record::new();
        let mut provider = Provider::new(&record, entropy, &self.trust, &name);
        let outcome = {
            let mut opening = pin!(tls.open(TlsContext::new(&config, &mut provider)));
            loop {
                let step = run(opening.as_mut());
                if record.entropy_failed() {
                    return Err(Error::Entropy);
                }
                if let Poll::Ready(outcome) = step {
                    break outcome;
                }
                if link.outbound()?.pending().is_empty() {
                    if !fill(link, reader).await? {
                        return Err(Error::CutInHandshake);
                    }
                    // The computations for a record take long: let other tasks run in between.
                    yield_now().await;
                } else {
                    // What follows the ClientHello is for a proven peer only.
                    if *said != Said::Nothing {
                        record.proven().map_err(Error::Certificate)?;
                        *said = Said::More;
                    }
                    drain(link, writer).await?;
                    writer.flush().await.map_err(Error::Transport)?;
                    if *said == Said::Nothing {
                        *said = Said::ClientHello;
                    }
                }
            }
        };
        if let Err(error) = outcome {
            return Err(match record.refusal() {
                Some(refusal) => Error::Certificate(refusal),
                None => Error::from_tls(error),
            });
        }
        record.proven().map_err(Error::Certificate)?;
        *said = Said::More;
        link.inbound()?.open();
        drain(link, writer).await
    }
}

/// What the server has of us.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    /// In the clear.
    ClientHello,
    /// Under our keys, or we tried to.
    More,
}

impl fmt::Debug for Records<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").finish_non_exhaustive()
    }
}
