//! What to offer of permessage-deflate, and what it may cost.

use bare_ws::deflate::Limits;
use bare_ws::deflate::negotiate::{Agreed, Offer, Parameter, Refusal, WindowMemory};

use crate::error::SettingError;
use crate::stage::{Deflating, Inflating, Levels};

/// An offer of permessage-deflate (RFC 7692).
///
/// ```no_run
/// use bare_ws_std::{Config, Deflate, Error};
///
/// fn main() -> Result<(), Error> {
///     let mut socket = Config::new()
///         .deflate(Deflate::new().window_bits(12))
///         .connect("wss://example.org/feed")?;
///     match socket.deflate() {
///         Some(agreed) => println!("compressed: {agreed:?}"),
///         None => println!("the server does not compress"),
///     }
///     socket.send("{}")
/// }
/// ```
///
/// Memory is allocated once the server has accepted the offer, per connection: about 50 KiB plus the
/// server's window to inflate, and to compress 250 KiB with a window of 9 bits and 380 KiB with one of 15
/// (without feature `zlib-rs` about 10 KiB plus the window, and 12 to 165 KiB); messages that are
/// received whole come on top.
///
/// A message that combines a secret with octets an attacker may choose must not be compressed
/// (RFC 7692 §8): use [`Writer::send_uncompressed`](crate::Writer::send_uncompressed).
#[derive(Clone, Debug)]
pub struct Deflate {
    offers: Vec<Offer>,
    window_bits: u8,
    is_whole: bool,
    threshold: Option<usize>,
    wire_limit: Option<u64>,
    or_without: bool,
}

impl Default for Deflate {
    fn default() -> Self {
        Self {
            offers: Vec::new(),
            window_bits: 15,
            is_whole: true,
            threshold: None,
            wire_limit: None,
            or_without: false,
        }
    }
}

impl Deflate {
    /// The defaults, which each method states.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Offers these parameters, after those offered before; the server accepts the first it
    /// supports. [`Offer::parse`] reads them from the header's form. Default: what is
    /// [sensible](Offer::sensible) for the window, with 15 bits what browsers offer.
    #[must_use]
    pub fn offer(mut self, offer: Offer) -> Self {
        self.offers.push(offer);
        self
    }

    /// The window in each direction is at most `2^bits` octets, 8 to 15 (with 8 what is received
    /// has 9, since servers that say 8 use 9); any other number is
    /// [`Error::Setting`](crate::Error::Setting) when connecting. What a server could grant beyond
    /// that is not offered; asked for, it is [`Error::Offer`](crate::Error::Offer). Default: 15.
    #[must_use]
    pub fn window_bits(mut self, bits: u8) -> Self {
        self.window_bits = bits;
        self
    }

    /// Promises to receive messages in pieces only, so that no window larger than
    /// [`window_bits`](Self::window_bits) is ever needed or accepted. Default: whole messages as
    /// well, each of which is its own window if the server drops its context after each message.
    #[must_use]
    pub fn pieces(mut self) -> Self {
        self.is_whole = false;
        self
    }

    /// Messages of fewer octets are sent uncompressed. Default: 32 octets with context takeover,
    /// 512 without.
    #[must_use]
    pub fn threshold(mut self, octets: usize) -> Self {
        self.threshold = Some(octets);
        self
    }

    /// The most octets a message may have before it is inflated. Default: the
    /// [`message_limit`](crate::Config::message_limit) plus 64 KiB, or the
    /// [`stream_limit`](crate::Config::stream_limit) plus 64 KiB.
    #[must_use]
    pub fn wire_limit(mut self, octets: u64) -> Self {
        self.wire_limit = Some(octets);
        self
    }

    /// If the server's response has to be refused (because it does not promise a window as small as
    /// was asked for, say), [`Config::connect`](crate::Config::connect) connects once more without
    /// the extension. Default: [`Error::Extension`](crate::Error::Extension) says which parameter.
    #[must_use]
    pub fn or_without(mut self) -> Self {
        self.or_without = true;
        self
    }

    /// Whether each window is one that RFC 7692 §7.1.2 knows.
    pub(crate) fn check(&self) -> Result<(), SettingError> {
        let offered = self.offers.iter().flat_map(|offer| {
            [
                offer.server_max_window_bits,
                offer.client_max_window_bits.flatten(),
            ]
        });
        let wrong = std::iter::once(self.window_bits)
            .chain(offered.flatten())
            .find(|bits| !(8..=15).contains(bits));
        wrong.map_or(Ok(()), |bits| Err(SettingError::WindowBits { bits }))
    }

    pub(crate) fn is_dispensable(&self) -> bool {
        self.or_without
    }

    /// What can be decoded with this memory.
    #[must_use]
    pub fn held(&self) -> WindowMemory {
        WindowMemory {
            window_bits: Some(self.window_bits.max(9)),
            whole: self.is_whole,
        }
    }

    /// What is offered, in order of preference.
    #[must_use]
    pub fn offers(&self) -> Vec<Offer> {
        if self.offers.is_empty() {
            Offer::sensible(self.held()).to_vec()
        } else {
            self.offers.clone()
        }
    }

    /// The two stages for the agreed parameters, for programs that drive the core themselves.
    /// `message_limit` applies however messages are received.
    ///
    /// # Errors
    /// [`Refusal::Window`] when there is no memory for the window, or
    /// [`window_bits`](Self::window_bits) is not one.
    pub fn stages(
        &self,
        agreed: &Agreed,
        message_limit: u64,
    ) -> Result<(Inflating, Deflating), Refusal> {
        self.stages_by_level(agreed, message_limit, message_limit)
    }

    /// The same with a limit for whole messages and one for those in pieces.
    pub(crate) fn stages_by_level(
        &self,
        agreed: &Agreed,
        message_limit: u64,
        stream_limit: u64,
    ) -> Result<(Inflating, Deflating), Refusal> {
        if self.check().is_err() {
            return Err(Refusal::Window(Parameter::ClientMaxWindowBits));
        }
        let limits = |message| match self.wire_limit {
            Some(wire) => Limits::new(message).with_wire(wire),
            None => Limits::new(message),
        };
        let limits = Levels {
            whole: limits(message_limit),
            pieces: limits(stream_limit),
        };
        // A smaller window than was agreed on is always allowed.
        let agreed = Agreed {
            send_window_bits: agreed.send_window_bits.min(self.window_bits),
            ..*agreed
        };
        Ok((
            Inflating::new(&agreed, limits)?,
            Deflating::new(&agreed, self.threshold),
        ))
    }
}
