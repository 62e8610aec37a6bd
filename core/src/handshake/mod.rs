//! The opening handshake (RFC 6455 §4): an HTTP/1.1 request and its answer.
//!
//! [`ClientHandshake`] is the client's: it checks the request, gives the octets to write, takes
//! the octets of the response, and ends in [`Established`]. `server` (feature
//! `server`) is the other end, for tests and demonstrations.
//!
//! RFC 6455 §4.1 wants "no more than one connection in a CONNECTING state" to a host at a time.
//! Connections share nothing here, so this is up to the caller.

pub mod accept;
mod error;
pub mod extension;
mod head;
mod request;
mod response;
#[cfg(feature = "server")]
pub mod server;

pub use error::{HandshakeError, ResponseError};
pub use extension::{Compression, Offers, RawOffers, Refusal};
pub use head::{Fields, fields, head, unfold};
pub use request::{Request, RequestError};

#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
use crate::buffer::Storage;
use crate::compression::Uncompressed;
use crate::entropy::{Entropy, EntropyError};
#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
use crate::{receiver::Receiver, role::Client, sender::Sender};
use accept::{ACCEPT_LEN, KEY_LEN};
use core::fmt;
use extension::{Extensions, Malformed, Scanner};
use response::{Expected, Outcome, Response, Step};

/// The opening handshake of a client, as a machine without I/O.
///
/// First [`write`](Self::write) until it gives 0, then [`read`](Self::read) until it gives
/// [`Progress::Done`], then [`finish`](Self::finish). Buffers may be of any length: one octet is
/// enough for either direction. RFC 6455 §4.1: "the client MUST wait for a response from the
/// server before sending any further data".
///
/// The loops do this in `Connection::open`. By hand, over a `TcpStream`:
///
/// ```
/// use std::io::{self, Read, Write};
/// use std::net::TcpStream;
///
/// use bare_ws::handshake::{ClientHandshake, Progress};
/// use bare_ws::receiver::Receiver;
/// use bare_ws::role::Client;
///
/// fn open(
///     tcp: &mut TcpStream,
///     mut handshake: ClientHandshake<'_>,
///     receiver: &mut Receiver<Client, Box<[u8]>>,
/// ) -> io::Result<()> {
///     let mut request = [0; 256];
///     loop {
///         match handshake.write(&mut request) {
///             0 => break,
///             n => tcp.write_all(&request[..n])?,
///         }
///     }
///     loop {
///         let n = tcp.read(receiver.spare())?;
///         receiver.commit(n);
///         match handshake.read(receiver.unparsed()) {
///             Ok(Progress::NeedOctets) if n == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
///             Ok(Progress::NeedOctets) => receiver.skip(usize::MAX),
///             // What follows the response is frames: it stays in the receiver.
///             Ok(Progress::Done { consumed }) => {
///                 receiver.skip(consumed);
///                 break;
///             }
///             Err(error) => return Err(io::Error::other(error)),
///         }
///     }
///     handshake.finish().map(|_| ()).map_err(io::Error::other)
/// }
/// ```
pub struct ClientHandshake<'a, X: Offers = Uncompressed> {
    request: &'a Request<'a>,
    offers: X,
    scanner: Scanner,
    answer: X::Answer,
    answer_len: u16,
    proof: Proof,
    head_len: u32,
    response: Response,
    ended: Option<Outcome>,
    /// Of [`Outcome::Refused`].
    refusal: Refusal,
}

/// What is sent, then what must come back for it.
enum Proof {
    Key {
        key: [u8; KEY_LEN],
        /// Octets of the request that were written.
        written: usize,
    },
    Accept([u8; ACCEPT_LEN]),
}

/// How far [`ClientHandshake::read`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub enum Progress {
    /// All octets were taken, more are needed.
    NeedOctets,
    /// The head is complete. The octets after it are the first of the frames.
    Done {
        /// Octets that belong to the head.
        consumed: usize,
    },
}

/// What was agreed on. `'a` is the lifetime of the subprotocols in the [`Request`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Established<'a, X = ()> {
    /// The subprotocol that the server chose from [`Request::subprotocols`].
    pub subprotocol: Option<&'a str>,
    /// What was agreed on for extensions. A connection's `open` gives the parameters
    /// ([`Compression::Agreed`]); [`ClientHandshake::finish`] gives the offers back, which know
    /// what of them was accepted: [`Compression::into_stages`].
    pub extensions: X,
}

impl<'a, X: Offers> ClientHandshake<'a, X> {
    /// Checks the request and draws a nonce of 16 octets for it.
    ///
    /// # Errors
    /// [`HandshakeError::Request`] and [`HandshakeError::Entropy`].
    #[inline]
    pub fn new(
        request: &'a Request<'a>,
        offers: X,
        entropy: &mut (impl Entropy + ?Sized),
    ) -> Result<Self, HandshakeError> {
        request.check(&offers)?;
        Ok(Self::begin(request, offers, entropy)?)
    }

    #[cfg_attr(target_os = "none", inline(never))] // so that its frame ends before others begin
    fn begin(
        request: &'a Request<'a>,
        offers: X,
        entropy: &mut (impl Entropy + ?Sized),
    ) -> Result<Self, EntropyError> {
        let mut nonce = [0; 16];
        entropy.fill(&mut nonce)?;
        Ok(Self {
            request,
            offers,
            scanner: Scanner::default(),
            answer: X::ANSWER,
            answer_len: 0,
            proof: Proof::Key {
                key: accept::key(&nonce),
                written: 0,
            },
            head_len: 0,
            response: Response::new(0),
            ended: None,
            refusal: Refusal::NotOffered,
        })
    }

    /// Writes the next octets of the request and gives their number: 0 when all were written
    /// before (or `out` is empty).
    #[must_use]
    pub fn write(&mut self, out: &mut [u8]) -> usize {
        let Proof::Key { key, written } = &mut self.proof else {
            return 0;
        };
        let more = self.request.write(key, &self.offers, *written, out);
        *written = written.saturating_add(more);
        more
    }

    /// Takes octets of the response.
    ///
    /// When the transport ends, [`finish`](Self::finish) gives the error.
    ///
    /// # Errors
    /// At the first invalid octet, and from then on.
    pub fn read(&mut self, octets: &[u8]) -> Result<Progress, HandshakeError> {
        let consumed = self.take(octets);
        match self.outcome() {
            None => Ok(Progress::NeedOctets),
            Some(outcome) => outcome.map(|()| Progress::Done { consumed }),
        }
    }

    /// Takes octets of the answer, and gives how many were taken; [`outcome`](Self::outcome) tells
    /// what came of it.
    #[cfg_attr(target_os = "none", inline(never))] // as above
    pub(crate) fn take(&mut self, octets: &[u8]) -> usize {
        if let Proof::Key { key, .. } = &self.proof {
            self.proof = Proof::Accept(accept::accept(key));
        }
        let accept = match self.proof {
            Proof::Accept(accept) => accept,
            Proof::Key { .. } => return 0,
        };
        let accept = [core::str::from_utf8(&accept).unwrap_or_default()];
        let expected = (self.request, &accept[..]);
        let limit = self.request.head_limit.wrapping_sub(self.head_len);
        let within = octets.get(..limit as usize).unwrap_or(octets);
        let mut rest = within;
        while self.ended.is_none() && !rest.is_empty() {
            self.ended = self.octets(&mut rest, expected);
        }
        let taken = within.len() - rest.len();
        self.head_len += taken as u32;
        if self.ended.is_none() && taken < octets.len() {
            self.ended = Some(Outcome::TooLarge);
        }
        taken
    }

    /// How the handshake ended; `None`: more octets are needed.
    pub(crate) fn outcome(&self) -> Option<Result<(), HandshakeError>> {
        Some(Err(match self.ended? {
            Outcome::Switched => return Some(Ok(())),
            Outcome::Rejected => HandshakeError::Rejected {
                status: self.response.status(),
            },
            Outcome::TooLarge => HandshakeError::HeadTooLarge {
                limit: self.request.head_limit,
            },
            Outcome::Invalid(ResponseError::StatusLine) if self.response.is_something_else() => {
                ResponseError::NotHttp.into()
            }
            Outcome::Invalid(error) => error.into(),
            Outcome::Refused => HandshakeError::Extension(self.refusal),
        }))
    }

    /// Octets of the answer that were taken so far: its heads, once [`read`](Self::read) has given
    /// the outcome. What follows them after [`HandshakeError::Rejected`] is the beginning of a
    /// body; a loop over a transport has left it in
    /// [`Receiver::unparsed`](crate::receiver::Receiver::unparsed).
    #[must_use]
    pub const fn head_len(&self) -> u32 {
        self.head_len
    }

    /// What was agreed on.
    ///
    /// # Errors
    /// What [`read`](Self::read) gave; [`HandshakeError::Lost`] if the answer is not complete.
    pub fn finish(self) -> Result<Established<'a, X>, HandshakeError> {
        let request = self.request;
        self.finish_for(request)
    }

    /// [`finish`](Self::finish) for the same request, whose parts may live longer than itself.
    pub(crate) fn finish_for<'r>(
        self,
        request: &Request<'r>,
    ) -> Result<Established<'r, X>, HandshakeError> {
        self.outcome().unwrap_or(Err(HandshakeError::Lost))?;
        let chosen = self.response.subprotocol();
        Ok(Established {
            subprotocol: chosen.and_then(|index| request.subprotocols.get(index).copied()),
            extensions: self.offers,
        })
    }

    /// Takes one of the octets or more: whether that was the end.
    #[inline]
    fn octets(&mut self, octets: &mut &[u8], expected: Expected<'_>) -> Option<Outcome> {
        let octet = octets.first().copied().unwrap_or_default();
        match self.response.push(octets, expected) {
            Step::More => None,
            Step::Extension => self.extension_octet(octet),
            Step::ExtensionsEnd => self.extensions_end(),
            Step::Outcome(end) => Some(end),
        }
    }

    /// Writes the list of extensions down without white space, quotes and escapes.
    fn extension_octet(&mut self, octet: u8) -> Option<Outcome> {
        if const { !has_extensions::<X>() } {
            return Some(Outcome::Refused);
        }
        match self.scanner.push(octet, self.response.spaced) {
            Err(Malformed) => Some(Outcome::Invalid(ResponseError::ExtensionsMalformed)),
            Ok(None) => None,
            Ok(Some(octet)) => {
                let slot = self.answer.as_mut().get_mut(usize::from(self.answer_len));
                match (slot, self.answer_len.checked_add(1)) {
                    (Some(slot), Some(len)) => {
                        *slot = octet;
                        self.answer_len = len;
                        None
                    }
                    _ => Some(Outcome::Refused),
                }
            }
        }
    }

    fn extensions_end(&mut self) -> Option<Outcome> {
        if const { !has_extensions::<X>() } || self.scanner.end().is_err() {
            return Some(Outcome::Invalid(ResponseError::ExtensionsMalformed));
        }
        for extension in Extensions::scanned(self.answer.as_ref(), self.answer_len.into()) {
            if let Err(refusal) = self.offers.accept(&extension) {
                self.refusal = refusal;
                return Some(Outcome::Refused);
            }
        }
        None
    }
}

#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
impl<C: Compression> ClientHandshake<'_, C> {
    /// The halves of a connection, set to what was agreed on.
    #[expect(clippy::type_complexity, reason = "three types side by side")]
    pub(crate) fn settle<'r, B: Storage, T: Storage, E: Entropy>(
        self,
        request: &Request<'r>,
        rx: Receiver<Client, B>,
        tx: Sender<Client, T, E>,
    ) -> Result<
        (
            Receiver<Client, B, C::Decompressor>,
            Sender<Client, T, E, C::Compressor>,
            Established<'r, C::Agreed>,
        ),
        HandshakeError,
    > {
        let Established {
            subprotocol,
            extensions,
        } = self.finish_for(request)?;
        let (decompressor, compressor, agreed) = extensions.into_stages();
        Ok((
            rx.decompress_with(decompressor),
            tx.compress_with(compressor),
            Established {
                subprotocol,
                extensions: agreed,
            },
        ))
    }
}

/// Without memory for an answer nothing is offered, and the grammar is left out of the image.
const fn has_extensions<X: Offers>() -> bool {
    size_of::<X::Answer>() > 0
}

/// The key and the values of header fields may be secrets; they are not shown.
impl<X: Offers> fmt::Debug for ClientHandshake<'_, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientHandshake")
            .field("request", self.request)
            .field("outcome", &self.ended)
            .finish_non_exhaustive()
    }
}
