//! The opening handshake (RFC 6455 §4): an HTTP/1.1 request and its answer.
//!
//! [`ClientHandshake`] is the client's: it checks the request, gives its octets to write, takes
//! the octets of the answer, and ends in [`Established`]. [`server`] is the other end.
//!
//! RFC 6455 §4.1 wants "no more than one connection in a CONNECTING state" to a host at a time:
//! that is for the caller to see to, since nothing here is shared between connections.

pub mod accept;
mod error;
pub mod extension;
mod head;
mod request;
mod response;
pub mod server;

pub use error::{HandshakeError, Violation};
pub use extension::{Offers, RawOffers, Refusal};
pub use head::{Fields, fields};
pub use request::{Request, RequestError};

use crate::entropy::Entropy;
use accept::{ACCEPT_LEN, KEY_LEN};
use core::fmt;
use extension::{Extensions, Scanner};
use response::{Expected, Response, Step};

/// The opening handshake of a client, as a machine without I/O.
///
/// First [`write`](Self::write) until it gives 0, then [`read`](Self::read) until it gives
/// [`Progress::Done`], then [`finish`](Self::finish). Buffers may be of any length: one octet is
/// enough for either direction. RFC 6455 §4.1: "the client MUST wait for a response from the
/// server before sending any further data".
pub struct ClientHandshake<'a, X: Offers = ()> {
    request: &'a Request<'a>,
    offers: X,
    scanner: Scanner,
    answer: X::Answer,
    answer_len: usize,
    key: [u8; KEY_LEN],
    accept: [u8; ACCEPT_LEN],
    written: usize,
    head_len: u32,
    response: Response,
    outcome: Option<Result<(), HandshakeError>>,
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

/// What was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Established<X = ()> {
    /// The subprotocol, as its place in [`Request::subprotocols`].
    pub subprotocol: Option<usize>,
    /// The offers, which know what of them was accepted.
    pub extensions: X,
}

impl<'a, X: Offers> ClientHandshake<'a, X> {
    /// Checks the request and draws a nonce of 16 octets for it.
    ///
    /// # Errors
    /// [`HandshakeError::Usage`] and [`HandshakeError::Entropy`].
    #[inline]
    pub fn new(
        request: &'a Request<'a>,
        offers: X,
        entropy: &mut (impl Entropy + ?Sized),
    ) -> Result<Self, HandshakeError> {
        request.check(&offers)?;
        let mut nonce = [0; 16];
        entropy.fill(&mut nonce)?;
        let key = accept::key(&nonce);
        Ok(Self {
            request,
            offers,
            scanner: Scanner::default(),
            answer: X::ANSWER,
            answer_len: 0,
            key,
            accept: accept::accept(&key),
            written: 0,
            head_len: 0,
            response: Response::new(0),
            outcome: None,
        })
    }

    /// Writes the next octets of the request and gives their number: 0 when all were written
    /// before (or `out` is empty).
    #[must_use]
    pub fn write(&mut self, out: &mut [u8]) -> usize {
        let written = self
            .request
            .write(&self.key, &self.offers, self.written, out);
        self.written = self.written.saturating_add(written);
        written
    }

    /// Takes octets of the answer.
    ///
    /// When the transport ends, [`finish`](Self::finish) gives the error.
    ///
    /// # Errors
    /// At the first octet that cannot stand where it stands. From then on the error stays.
    pub fn read(&mut self, octets: &[u8]) -> Result<Progress, HandshakeError> {
        if let Some(outcome) = self.outcome {
            return outcome.map(|()| Progress::Done { consumed: 0 });
        }
        let mut rest = octets.iter();
        let outcome = loop {
            let Some(&octet) = rest.next() else {
                return Ok(Progress::NeedOctets);
            };
            match self.octet(octet) {
                Ok(false) => {}
                Ok(true) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.outcome = Some(outcome);
        outcome.map(|()| Progress::Done {
            consumed: octets.len() - rest.len(),
        })
    }

    /// What was agreed on.
    ///
    /// # Errors
    /// What [`read`](Self::read) gave; [`HandshakeError::Lost`] if the answer is not complete.
    pub fn finish(self) -> Result<Established<X>, HandshakeError> {
        self.outcome.unwrap_or(Err(HandshakeError::Lost))?;
        Ok(Established {
            subprotocol: self.response.subprotocol(),
            extensions: self.offers,
        })
    }

    /// Whether the head is complete.
    fn octet(&mut self, octet: u8) -> Result<bool, HandshakeError> {
        let limit = self.request.head_limit;
        if self.head_len >= limit {
            return Err(HandshakeError::HeadTooLarge { limit });
        }
        self.head_len += 1;
        let accept = [core::str::from_utf8(&self.accept).unwrap_or_default()];
        let expected = Expected {
            accept: &accept,
            subprotocols: self.request.subprotocols,
            subprotocol_required: self.request.subprotocol_required,
        };
        match self
            .response
            .push(octet, &expected)
            .map_err(Violation::from)?
        {
            Step::More => Ok(false),
            Step::Extension { octet, spaced } => {
                self.extension_octet(octet, spaced)?;
                Ok(false)
            }
            Step::ExtensionsEnd => {
                self.extensions_end()?;
                Ok(false)
            }
            Step::End(101) => Ok(true),
            Step::End(status) => Err(HandshakeError::Rejected { status }),
        }
    }

    /// Writes the list of extensions down without white space, quotes and escapes.
    fn extension_octet(&mut self, octet: u8, spaced: bool) -> Result<(), Violation> {
        if const { !has_extensions::<X>() } {
            return Err(Refusal::NotOffered.into());
        }
        if let Some(octet) = self.scanner.push(octet, spaced)? {
            let slot = self.answer.as_mut().get_mut(self.answer_len);
            *slot.ok_or(Refusal::NotOffered)? = octet;
            self.answer_len = self.answer_len.saturating_add(1);
        }
        Ok(())
    }

    fn extensions_end(&mut self) -> Result<(), Violation> {
        if const { !has_extensions::<X>() } {
            return Err(Violation::ExtensionsMalformed);
        }
        self.scanner.end()?;
        for extension in Extensions::scanned(self.answer.as_ref(), self.answer_len) {
            self.offers.accept(&extension)?;
        }
        Ok(())
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
            .field("written", &self.written)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}
