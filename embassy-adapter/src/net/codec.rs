//! What a client compresses with.

use bare_ws::compression::Uncompressed;
use bare_ws::handshake::Compression;

/// The compression of a [`Client`](super::Client): [`Uncompressed`], or `deflate::Deflate` with feature
/// `deflate`.
pub trait Codec: Sealed + 'static {
    /// The compression of one connection.
    type Compression<'c>: Compression;

    /// Lends its memory to a connection; `None` if it is too small.
    #[doc(hidden)]
    fn lend(&mut self) -> Option<Self::Compression<'_>>;
}

pub trait Sealed {}

impl Sealed for Uncompressed {}

impl Codec for Uncompressed {
    type Compression<'c> = Self;

    fn lend(&mut self) -> Option<Self> {
        Some(Self)
    }
}
