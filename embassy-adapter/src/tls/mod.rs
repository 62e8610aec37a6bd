//! TLS 1.3 with a verified peer, without an allocator, over any `embedded-io-async` transport.
//!
//! The protocol is embedded-tls's, the X.509 path building rustls-webpki's, the mathematics
//! RustCrypto's. What is here is what stands between them:
//!
//! - [`Roots`] and [`PinnedKey`] say whom to trust ([`trust`]);
//! - the handshake counts only if the server proved that it holds the key of a certificate so
//!   trusted ([`Client::connect`]);
//! - a dropped future is harmless, or the stream says that it was not ([`stream`]).
//!
//! There is no way to switch verification off.
//!
//! # Memory
//!
//! Four buffers of the caller: two of embedded-tls ([`Records`]), two that hold records on
//! their way ([`Link`]). `read` and the link's `receive` must take the longest record the server
//! sends: 16 640 octets and a header of 5 in general; with [`MaxFragmentLength`] granted, the
//! length and 22 octets more. The server's Certificate message must fit one record, and no
//! handshake message may be spread over two.

mod algorithm;
mod der;
mod error;
mod link;
pub mod stream;
pub mod trust;
mod verifier;

use core::pin::pin;
use core::task::Poll;

use bare_ws::entropy::Entropy;
use embedded_io_async::{Read, Write};
use embedded_tls::{FlushPolicy, TlsConfig, TlsContext};
use pki_types::ServerName;

pub use embedded_tls::MaxFragmentLength;
pub use embedded_tls::alert::AlertDescription;
pub use error::{CertificateError, Error};
pub use link::Link;
pub use pki_types::{CertificateDer, Der, TrustAnchor};
pub use stream::{ReadHalf, Stream, WriteHalf};
pub use trust::{Clock, MAX_INTERMEDIATES, PinnedKey, Roots, Trust};
pub use webpki::anchor_from_trusted_cert;

use stream::{Connection, drain, fill, run};
use verifier::{Provider, Record};

/// Where embedded-tls builds and opens records.
pub struct Records<'b> {
    /// For the server's records: see the [module](self) for how long.
    pub read: &'b mut [u8],
    /// For ours: 128 octets of it are overhead, the rest is the most that one record carries.
    /// At least [`Records::MIN_WRITE`]; at most the fragment length and 128 if one is asked for.
    pub write: &'b mut [u8],
}

impl Records<'_> {
    /// The least length of `write`: ClientHello with the longest server name.
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
    /// `server` is the DNS name or IP address in the URI, without brackets; a DNS name is also
    /// what the server is told (SNI).
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

    /// Makes the handshake. The ClientHello apart, nothing is written before the server has
    /// proved who it is.
    ///
    /// The signatures are checked inside one poll: nothing else on the executor runs meanwhile.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the connection is lost; the link and the buffers can be used for another.
    pub async fn connect<'a, R, W, E>(
        &self,
        link: &'a Link<'a>,
        records: Records<'a>,
        (mut reader, mut writer): (R, W),
        entropy: &mut E,
    ) -> Result<Stream<'a, R, W>, Error<R::Error>>
    where
        R: Read,
        W: Write<Error = R::Error>,
        E: Entropy,
    {
        // "example.org." and "example.org" are one host; certificates and SNI know the second.
        let server = self.server.strip_suffix('.').unwrap_or(self.server);
        let name = ServerName::try_from(server).map_err(|_| Error::ServerName)?;
        check(link, &records)?;

        let mut config = TlsConfig::new().with_alpn(&[b"http/1.1"]);
        if let ServerName::DnsName(_) = name {
            config = config.with_server_name(server);
        }
        if let Some(length) = self.max_fragment_length {
            config = config.with_max_fragment_length(length);
        }
        let record = Record::new();
        let mut provider = Provider::new(&record, entropy, &self.trust, &name);
        let mut tls = Connection::new(link, records.read, records.write);
        // The queue has nothing to flush, the transport is flushed by its caller.
        tls.set_flush_policy(FlushPolicy::Relaxed);

        let outcome = {
            let mut opening = pin!(tls.open(TlsContext::new(&config, &mut provider)));
            let mut heard = false;
            loop {
                let step = run(opening.as_mut());
                if record.entropy_failed() {
                    return Err(Error::Entropy);
                }
                if let Poll::Ready(outcome) = step {
                    break outcome;
                }
                if link.outbound()?.pending().is_empty() {
                    heard = true;
                    if !fill(link, &mut reader).await? {
                        return Err(Error::CutInHandshake);
                    }
                } else {
                    // What follows the ClientHello is for a proven peer only.
                    if heard {
                        record.proven().map_err(Error::Certificate)?;
                    }
                    drain(link, &mut writer).await?;
                    writer.flush().await.map_err(Error::Transport)?;
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
        link.inbound()?.open();
        drain(link, &mut writer).await?;
        Ok(Stream::new(tls, link, reader, writer))
    }
}

fn check<T>(link: &Link<'_>, records: &Records<'_>) -> Result<(), Error<T>> {
    if records.write.len() < Records::MIN_WRITE {
        return Err(Error::BufferTooSmall {
            needed: Records::MIN_WRITE,
        });
    }
    link.reset(records.read.len())
}
