//! permessage-deflate among the extensions of the opening handshake.

use heapless::Vec;

use super::negotiate::{self, Agreed, NAME, Offer, Refusal, WindowMemory, write_offers};
use crate::handshake::extension::Extension;
#[cfg(feature = "server")]
use crate::handshake::server::Answers;
use crate::handshake::{self, Offers};

/// The longest answer: every parameter once, without white space.
const ANSWER: usize = 128;
/// What of a client's offers is considered.
#[cfg(feature = "server")]
const OFFERS: usize = 512;

/// A client's offers, and what the server made of them: a part of [`Deflate`](super::Deflate), and
/// of a [`Compression`](handshake::Compression) of the caller's with stages of its own.
///
/// `O` is a list of [`Offer`]s, such as a slice.
#[derive(Clone, Copy, Debug)]
pub struct Negotiation<O> {
    offers: O,
    held: WindowMemory,
    agreed: Option<Agreed>,
}

impl Negotiation<Vec<Offer, 2>> {
    /// The offers that are [sensible](Offer::sensible) with that memory.
    #[must_use]
    pub fn sensible(held: WindowMemory) -> Self {
        Self {
            offers: Offer::sensible(held),
            held,
            agreed: None,
        }
    }
}

impl<O: AsRef<[Offer]>> Negotiation<O> {
    /// Offers, in order of preference, to be honoured with that memory. None: nothing is offered.
    ///
    /// # Errors
    /// [`Refusal::Window`] for an offer that a server may grant and the memory cannot honour.
    pub fn new(offers: O, held: WindowMemory) -> Result<Self, Refusal> {
        let mut each = offers.as_ref().iter();
        each.try_for_each(|offer| offer.check(held))?;
        Ok(Self {
            offers,
            held,
            agreed: None,
        })
    }

    /// What is offered, in order of preference.
    #[must_use]
    pub fn offers(&self) -> &[Offer] {
        self.offers.as_ref()
    }

    /// What was agreed; `None`: the server declined.
    #[must_use]
    pub fn agreed(&self) -> Option<&Agreed> {
        self.agreed.as_ref()
    }
}

impl<O: AsRef<[Offer]>> Offers for Negotiation<O> {
    type Answer = [u8; ANSWER];
    const ANSWER: Self::Answer = [0; ANSWER];

    fn piece(&self, index: usize) -> Option<&str> {
        nth(index, |put| write_offers(self.offers(), put))
    }

    fn accept(&mut self, extension: &Extension<'_>) -> Result<(), handshake::Refusal> {
        if self.offers().is_empty() || extension.name() != NAME {
            return Err(handshake::Refusal::NotOffered);
        }
        if self.agreed.is_some() {
            return Err(handshake::Refusal::Repeated);
        }
        let agreed = negotiate::accept(self.offers(), self.held, extension.parameters())?;
        self.agreed = Some(agreed);
        Ok(())
    }
}

impl From<Refusal> for handshake::Refusal {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unknown => Self::UnknownParameter,
            Refusal::Repeated(parameter)
            | Refusal::Value(parameter)
            | Refusal::NotOffered(parameter)
            | Refusal::TooLarge(parameter) => Self::Parameter(parameter.name()),
            Refusal::Window(parameter) => Self::Memory(parameter.name()),
        }
    }
}

/// A server's answer: the first offer that its memory can honour.
#[cfg(feature = "server")]
#[derive(Clone, Copy, Debug)]
pub struct Answering {
    held: WindowMemory,
    answer: Option<(Offer, Agreed)>,
}

#[cfg(feature = "server")]
impl Answering {
    /// Accepts what can be honoured with that memory.
    #[must_use]
    pub const fn new(held: WindowMemory) -> Self {
        Self { held, answer: None }
    }

    /// What was agreed; `None`: nothing that could be accepted was offered.
    #[must_use]
    pub fn agreed(&self) -> Option<&Agreed> {
        self.answer.as_ref().map(|(_, agreed)| agreed)
    }
}

#[cfg(feature = "server")]
impl Answers for Answering {
    type Offers = [u8; OFFERS];
    const OFFERS: Self::Offers = [0; OFFERS];

    fn consider(&mut self, extension: &Extension<'_>) {
        if self.answer.is_some() || extension.name() != NAME {
            return;
        }
        // RFC 7692 §5.1: an offer that is not understood is declined, and the next is looked at.
        if let Ok(offer) = Offer::from_parameters(extension.parameters()) {
            self.answer = negotiate::answer(&offer, self.held);
        }
    }

    fn piece(&self, index: usize) -> Option<&str> {
        let (response, _) = self.answer.as_ref()?;
        nth(index, |put| response.write(put))
    }
}

/// The piece of that index among those that `write` gives.
fn nth(index: usize, write: impl FnOnce(&mut dyn FnMut(&'static str))) -> Option<&'static str> {
    let (mut at, mut found) = (0, None);
    write(&mut |piece| {
        if at == index {
            found = Some(piece);
        }
        at += 1;
    });
    found
}
