//! What a [`Config`] asks of servers.

use bare_ws::compression::Uncompressed;
#[cfg(feature = "deflate")]
use bare_ws::deflate::Negotiation;
use bare_ws::entropy::{Entropy, EntropyError};
use bare_ws::handshake::{ClientHandshake, HandshakeError, Request, RequestError};
use bare_ws::uri::Uri;

use super::Config;
#[cfg(feature = "deflate")]
use crate::deflate::Deflate;
use crate::error::Error;
use crate::stage::Negotiated;
#[cfg(feature = "deflate")]
use crate::stage::Offering;

impl Config {
    /// The parts of a request, for programs that drive the core themselves.
    #[must_use]
    pub fn parts(&self) -> RequestParts<'_> {
        let headers = self.headers.iter();
        RequestParts {
            config: self,
            subprotocols: self.subprotocols.iter().map(String::as_str).collect(),
            headers: headers
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
        }
    }
}

/// What a [`Config`] asks of servers, in the form that [`Request`] borrows.
pub struct RequestParts<'a> {
    config: &'a Config,
    subprotocols: Vec<&'a str>,
    headers: Vec<(&'a str, &'a str)>,
}

/// The values of header fields may be secrets; they are not shown.
impl std::fmt::Debug for RequestParts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RequestParts").field(self.config).finish()
    }
}

impl RequestParts<'_> {
    /// The compression to offer.
    ///
    /// # Errors
    /// `Error::Offer` for what must not be offered.
    #[cfg(feature = "deflate")]
    pub fn compression(&self) -> Result<Negotiated, Error> {
        let offer = |deflate: &Deflate| {
            let negotiation = Negotiation::new(deflate.offers(), deflate.held());
            Ok::<_, Error>(Offering {
                negotiation: negotiation.map_err(Error::Offer)?,
                deflate: deflate.clone(),
                message_limit: self.config.limits.message,
                stream_limit: self.config.stream_limits().message,
            })
        };
        let offering = self.config.deflate.as_ref().map(offer).transpose()?;
        Ok(Negotiated::offering(offering))
    }

    /// The compression to offer: none.
    ///
    /// # Errors
    /// None.
    #[cfg(not(feature = "deflate"))]
    pub fn compression(&self) -> Result<Negotiated, Error> {
        Ok(Negotiated::default())
    }

    /// Adds to the error the name of the header field or subprotocol that it is about.
    fn named(&self, error: RequestError) -> Error {
        match error {
            RequestError::HeaderName { index }
            | RequestError::HeaderReserved { index }
            | RequestError::HeaderValue { index } => {
                let name = self.headers.get(index).map_or("", |(name, _)| *name);
                let name = name.to_owned();
                Error::Header { name, error }
            }
            RequestError::Subprotocol { index } | RequestError::SubprotocolRepeated { index } => {
                let name = self.subprotocols.get(index).copied().unwrap_or_default();
                let name = name.to_owned();
                Error::Subprotocol { name, error }
            }
            error => error.into(),
        }
    }

    /// The request for `uri`.
    ///
    /// # Errors
    /// As [`Config::check`].
    pub fn request<'a>(&'a self, uri: &'a str) -> Result<Request<'a>, Error> {
        self.config.check_settings()?;
        let request = Request {
            subprotocols: &self.subprotocols,
            subprotocol_required: self.config.subprotocol_required,
            headers: &self.headers,
            origin: self.config.origin.as_deref(),
            host: self.config.host.as_deref(),
            head_limit: self.config.head_limit,
            ..Request::new(parse(uri)?)
        };
        // No key is made: the check does not need one.
        match ClientHandshake::new(&request, Uncompressed, &mut NoEntropy) {
            Err(HandshakeError::Request(error)) => Err(self.named(error)),
            _ => Ok(request),
        }
    }
}

/// A source that fails, so that no key is made.
struct NoEntropy;

impl Entropy for NoEntropy {
    fn fill(&mut self, _: &mut [u8]) -> Result<(), EntropyError> {
        Err(EntropyError)
    }
}

pub(crate) fn parse(uri: &str) -> Result<Uri<'_>, Error> {
    Ok(Uri::parse(uri)?)
}
