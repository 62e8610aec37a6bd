//! permessage-deflate of a client's connection as one value: memory, offers and stages.

use core::fmt;

use heapless::Vec;

use super::engine::{Engine, InflateState};
use super::extension::Negotiation;
use super::inflater::Inflater;
use super::negotiate::{Agreed, Offer, WindowMemory};
use crate::buffer::Storage;
use crate::compression::Compress;
use crate::handshake::extension::Extension;
use crate::handshake::{Compression, Offers, Refusal};

/// permessage-deflate for one connection, to be opened with: the memory of both directions, and the
/// offers that this memory can honour.
///
/// ```
/// use bare_ws::deflate::{Compressor, Deflate, Inflater, Lean, MemoryTooSmall, InflateState};
///
/// /// A window of 10 bits in each direction, and messages of up to 512 octets.
/// fn board(
///     state: &'static mut InflateState,
///     memory: &'static mut [u8; 1024 + 512],
///     lean: &'static mut Lean<1536, 1024>,
/// ) -> Result<(), MemoryTooSmall> {
///     let inflater = Inflater::new(state, &mut memory[..]);
///     let deflate = Deflate::whole(inflater, Compressor::new(lean), 512)?;
///     // For a connection's `open`.
///     # let _ = deflate;
///     Ok(())
/// }
/// ```
///
/// On a host memory grows, and is the heap's:
///
/// ```
/// # #[cfg(feature = "alloc")] {
/// use bare_ws::buffer::Growing;
/// use bare_ws::deflate::{Compressor, Deflate, Heap, Inflater, InflateState};
///
/// let inflater = Inflater::new(Box::new(InflateState::new()), Growing::default());
/// let deflate = Deflate::whole(inflater, Compressor::new(Heap::new(15)), 16 * 1024 * 1024);
/// assert!(deflate.is_ok());
/// # }
/// ```
pub struct Deflate<M, C, E = InflateState> {
    inflater: Inflater<M, E>,
    compressor: C,
    negotiation: Negotiation<Vec<Offer, 2>>,
}

/// A compressor of permessage-deflate: [`Compressor`](super::Compressor) or
/// `zlib::Compressor` (feature `zlib-rs`).
pub trait Configure: Compress {
    /// What was negotiated for a new connection: all history is forgotten. `None`: no
    /// permessage-deflate.
    fn configure(&mut self, agreed: Option<&Agreed>);
}

/// The memory for what is received holds neither a window nor a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MemoryTooSmall {
    /// Octets needed at the least.
    pub needed: usize,
    /// Octets given.
    pub given: usize,
}

impl<M: Storage, C: Configure, E: Engine> Deflate<M, C, E> {
    /// For messages that are received whole (`recv`), each of up to `longest` octets. They may be
    /// received in pieces, too.
    ///
    /// Memory of `longest` octets and a window, which is the largest of 512 to 32,768 octets that
    /// fits, serves every server. With less than a window beside the longest message, only
    /// `server_no_context_takeover` is offered, and a server that does not grant it does not
    /// compress.
    ///
    /// # Errors
    /// [`MemoryTooSmall`] if the inflater's memory does not hold `longest` octets.
    pub fn whole(
        inflater: Inflater<M, E>,
        compressor: C,
        longest: usize,
    ) -> Result<Self, MemoryTooSmall> {
        let longest = longest.max(1);
        let given = inflater.memory().most();
        Self::new(
            inflater,
            compressor,
            WindowMemory::whole(given, longest),
            longest,
        )
    }

    /// For messages that are received in pieces alone (`recv_chunk`, `recv_frame`), of any length.
    /// Memory is a window of 512 to 32,768 octets; a `recv` is
    /// [`Usage::PiecesOnly`](crate::error::Usage::PiecesOnly).
    ///
    /// # Errors
    /// [`MemoryTooSmall`] if the inflater's memory does not hold 512 octets.
    pub fn pieces(mut inflater: Inflater<M, E>, compressor: C) -> Result<Self, MemoryTooSmall> {
        inflater.pieces_only();
        let held = WindowMemory::pieces(inflater.memory().most());
        Self::new(inflater, compressor, held, SMALLEST_WINDOW)
    }

    fn new(
        mut inflater: Inflater<M, E>,
        mut compressor: C,
        held: WindowMemory,
        needed: usize,
    ) -> Result<Self, MemoryTooSmall> {
        let given = inflater.memory().most();
        if given < needed {
            return Err(MemoryTooSmall { needed, given });
        }
        inflater.deactivate();
        compressor.configure(None);
        Ok(Self {
            inflater,
            compressor,
            negotiation: Negotiation::sensible(held),
        })
    }

    /// What is offered, in order of preference.
    #[must_use]
    pub fn offers(&self) -> &[Offer] {
        self.negotiation.offers()
    }
}

/// Of 9 bits: what a server that was asked for 8 may use (see [`negotiate`](super::negotiate)).
const SMALLEST_WINDOW: usize = 1 << 9;

impl<M: Storage, C: Configure, E: Engine> Offers for Deflate<M, C, E> {
    type Answer = <Negotiation<Vec<Offer, 2>> as Offers>::Answer;
    const ANSWER: Self::Answer = <Negotiation<Vec<Offer, 2>> as Offers>::ANSWER;

    fn piece(&self, index: usize) -> Option<&str> {
        self.negotiation.piece(index)
    }

    fn accept(&mut self, extension: &Extension<'_>) -> Result<(), Refusal> {
        self.negotiation.accept(extension)?;
        let agreed = self.negotiation.agreed();
        self.inflater.configure(agreed)?;
        self.compressor.configure(agreed);
        Ok(())
    }
}

impl<M: Storage, C: Configure, E: Engine> Compression for Deflate<M, C, E> {
    type Decompressor = Inflater<M, E>;
    type Compressor = C;
    /// `None`: the server declined.
    type Agreed = Option<Agreed>;

    fn into_stages(self) -> (Inflater<M, E>, C, Option<Agreed>) {
        let agreed = self.negotiation.agreed().copied();
        (self.inflater, self.compressor, agreed)
    }
}

/// The memory holds payload, which may be secret; it is not shown.
impl<M, C, E> fmt::Debug for Deflate<M, C, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflate")
            .field("negotiation", &self.negotiation)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for MemoryTooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { needed, given } = self;
        write!(
            f,
            "permessage-deflate needs {needed} octets of memory, and {given} were given"
        )
    }
}

impl core::error::Error for MemoryTooSmall {}
