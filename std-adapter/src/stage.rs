//! Where compression stands in a connection, whether there is any or not.

use bare_ws::compression::{Compress, Compressed, Decompress, Decompressed, Uncompressed};
use bare_ws::error::Error;
use bare_ws::handshake::extension::Extension;
use bare_ws::handshake::{Compression, Offers, Refusal};

#[cfg(feature = "deflate")]
use self::deflate::{Compressor, Inflater};
#[cfg(feature = "deflate")]
pub(crate) use self::deflate::{Levels, Offering};
#[cfg(not(feature = "deflate"))]
use {Uncompressed as Compressor, Uncompressed as Inflater};

/// The receive side's stage. It passes everything on unless permessage-deflate was negotiated.
#[derive(Debug, Default)]
pub struct Inflating {
    inflater: Option<Inflater>,
    #[cfg(feature = "deflate")]
    limits: Levels,
}

/// The send side's stage. It passes everything on unless permessage-deflate was negotiated.
#[derive(Debug, Default)]
pub struct Deflating {
    /// Apart, since its tables are larger than all the rest of a connection that has none.
    compressor: Option<Box<Compressor>>,
    /// The message that is open, ...
    message: Totals,
    /// ... the one before it, and all.
    latest: Totals,
    totals: Totals,
}

/// How well it compresses: payload of the messages that were sent compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Octets before.
    pub plain: u64,
    /// Octets after.
    pub compressed: u64,
}

/// What a [`Config`](crate::Config) offers of compression, for those who open a connection of the
/// core by themselves; its stages take their memory when the server has granted it.
#[derive(Debug, Default)]
pub struct Negotiated {
    #[cfg(feature = "deflate")]
    offering: Option<Offering>,
    inflating: Inflating,
    deflating: Deflating,
}

impl Deflating {
    /// All messages so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }
}

impl Decompress for Inflating {
    const POSSIBLE: bool = cfg!(feature = "deflate");

    #[inline]
    fn is_active(&self) -> bool {
        self.inflater.is_some()
    }

    fn begin(&mut self, whole: bool) {
        if let Some(inflater) = &mut self.inflater {
            #[cfg(feature = "deflate")]
            inflater.set_limits(self.limits.of(whole));
            inflater.begin(whole);
        }
    }

    fn decompress(&mut self, input: &[u8], last: bool) -> Result<Decompressed, Error> {
        match &mut self.inflater {
            Some(inflater) => inflater.decompress(input, last),
            None => Uncompressed.decompress(input, last),
        }
    }

    fn output(&self) -> &[u8] {
        self.inflater.as_ref().map_or(&[], Decompress::output)
    }

    fn release(&mut self) {
        if let Some(inflater) = &mut self.inflater {
            inflater.release();
        }
    }

    fn has_grown(&self) -> bool {
        self.inflater.as_ref().is_some_and(Decompress::has_grown)
    }

    fn shrink(&mut self) {
        if let Some(inflater) = &mut self.inflater {
            inflater.shrink();
        }
    }
}

impl Compress for Deflating {
    const POSSIBLE: bool = cfg!(feature = "deflate");

    #[inline]
    fn is_active(&self) -> bool {
        self.compressor.is_some()
    }

    fn wants(&self, len: Option<usize>) -> bool {
        let compressor = self.compressor.as_ref();
        compressor.is_some_and(|compressor| compressor.wants(len))
    }

    fn compress(&mut self, input: &[u8], last: bool, output: &mut [u8]) -> Compressed {
        let done = match &mut self.compressor {
            Some(compressor) => compressor.compress(input, last, output),
            None => Uncompressed.compress(input, last, output),
        };
        self.message.plain += done.consumed as u64;
        self.message.compressed += done.produced as u64;
        if last && done.finished {
            self.totals.plain += self.message.plain;
            self.totals.compressed += self.message.compressed;
            self.latest = std::mem::take(&mut self.message);
        }
        done
    }

    fn forget(&mut self) {
        if let Some(compressor) = &mut self.compressor {
            compressor.forget();
        }
        // It was complete, and counted.
        self.totals.plain -= self.latest.plain;
        self.totals.compressed -= self.latest.compressed;
        self.latest = Totals::default();
    }
}

#[cfg(not(feature = "deflate"))]
impl Offers for Negotiated {
    type Answer = <Uncompressed as Offers>::Answer;
    const ANSWER: Self::Answer = Uncompressed::ANSWER;

    fn piece(&self, _: usize) -> Option<&str> {
        None
    }

    fn accept(&mut self, _: &Extension<'_>) -> Result<(), Refusal> {
        Err(Refusal::NotOffered)
    }
}

#[cfg(not(feature = "deflate"))]
impl Compression for Negotiated {
    type Decompressor = Inflating;
    type Compressor = Deflating;
    type Agreed = ();

    fn into_stages(self) -> (Inflating, Deflating, ()) {
        (self.inflating, self.deflating, ())
    }
}

#[cfg(feature = "deflate")]
mod deflate {
    use bare_ws::buffer::Growing;
    use bare_ws::deflate::negotiate::{self, Agreed, Offer};
    use bare_ws::deflate::{self, Configure as _, Limits, Negotiation};

    use super::{Compression, Deflating, Extension, Inflating, Negotiated, Offers, Refusal};
    use crate::deflate::Deflate;

    /// What is offered, and what becomes of it.
    #[derive(Debug)]
    pub(crate) struct Offering {
        pub(crate) negotiation: Negotiation<Vec<Offer>>,
        pub(crate) deflate: Deflate,
        pub(crate) message_limit: u64,
        pub(crate) stream_limit: u64,
    }

    impl Negotiated {
        pub(crate) fn offering(offering: Option<Offering>) -> Self {
            Self {
                offering,
                ..Self::default()
            }
        }
    }

    impl Offers for Negotiated {
        type Answer = <Negotiation<Vec<Offer>> as Offers>::Answer;
        const ANSWER: Self::Answer = <Negotiation<Vec<Offer>> as Offers>::ANSWER;

        fn piece(&self, index: usize) -> Option<&str> {
            self.offering.as_ref()?.negotiation.piece(index)
        }

        fn accept(&mut self, extension: &Extension<'_>) -> Result<(), Refusal> {
            let offering = self.offering.as_mut().ok_or(Refusal::NotOffered)?;
            offering.negotiation.accept(extension)?;
            if let Some(agreed) = offering.negotiation.agreed() {
                let (message, stream) = (offering.message_limit, offering.stream_limit);
                (self.inflating, self.deflating) =
                    offering.deflate.stages_by_level(agreed, message, stream)?;
            }
            Ok(())
        }
    }

    impl Compression for Negotiated {
        type Decompressor = Inflating;
        type Compressor = Deflating;
        /// `None`: nothing is compressed.
        type Agreed = Option<Agreed>;

        fn into_stages(self) -> (Inflating, Deflating, Option<Agreed>) {
            let offering = self.offering.as_ref();
            let agreed = offering.and_then(|offering| offering.negotiation.agreed().copied());
            (self.inflating, self.deflating, agreed)
        }
    }

    #[cfg(not(feature = "zlib-rs"))]
    pub(super) type Compressor = deflate::Compressor<deflate::Heap>;
    #[cfg(not(feature = "zlib-rs"))]
    use deflate::InflateState;

    #[cfg(feature = "zlib-rs")]
    pub(super) use deflate::zlib::{Compressor, InflateState};

    pub(super) type Inflater = deflate::Inflater<Growing, Box<InflateState>>;

    impl Inflating {
        pub(crate) fn new(agreed: &Agreed, limits: Levels) -> Result<Self, negotiate::Refusal> {
            // It has the message's limit, and a window beside it.
            let memory = Growing::default().with_limit(usize::MAX);
            let mut inflater = Inflater::new(Box::new(InflateState::new()), memory);
            inflater.configure(Some(agreed))?;
            Ok(Self {
                inflater: Some(inflater),
                limits,
            })
        }
    }

    /// What one message may cost, by how it is received.
    #[derive(Clone, Copy, Debug, Default)]
    pub(crate) struct Levels {
        pub(crate) whole: Limits,
        pub(crate) pieces: Limits,
    }

    impl Levels {
        pub(super) fn of(self, whole: bool) -> Limits {
            if whole { self.whole } else { self.pieces }
        }
    }

    /// zlib's 6 takes 1.3 to 1.6 times as long, for text of 1 and of 64 KiB that is 1.4 % smaller.
    #[cfg(feature = "zlib-rs")]
    const LEVEL: u8 = 5;

    impl Deflating {
        pub(crate) fn new(agreed: &Agreed, threshold: Option<usize>) -> Self {
            #[cfg(not(feature = "zlib-rs"))]
            let compressor = Compressor::new(deflate::Heap::new(agreed.send_window_bits));
            #[cfg(feature = "zlib-rs")]
            let compressor = Compressor::new(LEVEL);
            let mut compressor = match threshold {
                Some(threshold) => compressor.with_threshold(threshold),
                None => compressor,
            };
            compressor.configure(Some(agreed));
            Self {
                compressor: Some(Box::new(compressor)),
                ..Self::default()
            }
        }
    }
}
