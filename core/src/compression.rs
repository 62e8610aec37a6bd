//! Per-message compression: a stage between a frame's payload and UTF-8 in each direction.
//!
//! [`Uncompressed`] is what a connection without compression is opened with; it costs nothing.
//! `deflate::Deflate` is permessage-deflate (feature `deflate`). Either is one value, which is
//! given to a connection's `open`: a [`Compression`](crate::handshake::Compression), which offers
//! the extension in the opening handshake and then gives both stages, set to what was agreed on.
//!
//! The receiver and the sender know the two traits here and nothing of RFC 7692.

use crate::error::Error;

/// The receive side of a per-message extension: takes payload data as it arrives and gives the
/// application's octets from its own memory.
pub trait Decompress {
    /// `false` where there is no extension at all, so that nothing of it is built.
    const POSSIBLE: bool = true;

    /// Whether the extension was negotiated: only then may RSV1 be set.
    fn is_active(&self) -> bool;

    /// Whether the memory is meant for whole messages; `false`: they are received in pieces alone.
    fn holds_messages(&self) -> bool {
        true
    }

    /// A compressed message begins. `whole`: its output is to be gathered until it is complete;
    /// else pieces of it are taken (and [`release`](Self::release)d) as they come.
    fn begin(&mut self, whole: bool);

    /// Takes some of `input`, which continues the payload of the message that was begun.
    /// `last`: `input` ends the message. Call again with what was not consumed.
    ///
    /// # Errors
    /// [`Violation::CorruptCompression`](crate::error::Violation::CorruptCompression);
    /// [`Error::TooLong`] when a whole message does not fit the memory, or any message the limit.
    /// Both end the connection.
    fn decompress(&mut self, input: &[u8], last: bool) -> Result<Decompressed, Error>;

    /// The output that was not released yet, in one piece.
    fn output(&self) -> &[u8];

    /// The output was taken; its memory may be used again.
    fn release(&mut self);

    /// Whether [`shrink`](Self::shrink) would give memory back.
    fn has_grown(&self) -> bool {
        false
    }

    /// Between two messages: gives memory back that the next one may not need.
    fn shrink(&mut self) {}
}

/// How far a step of [`Decompress::decompress`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decompressed {
    /// Octets of the input that were taken.
    pub consumed: usize,
    /// The whole input was taken and all its output is in [`Decompress::output`]. With `last`:
    /// the message is complete. `false`: the output must be released first, then call again.
    pub finished: bool,
}

/// The send side of a per-message extension.
pub trait Compress {
    /// `false` where there is no extension at all, so that nothing of it is built.
    const POSSIBLE: bool = true;

    /// Whether the extension was negotiated: only then may RSV1 be sent.
    fn is_active(&self) -> bool;

    /// Whether a message of `len` octets (`None`: unknown, it is sent in pieces) should be tried.
    fn wants(&self, len: Option<usize>) -> bool;

    /// Takes some of `input`, which continues the message, and writes compressed octets to
    /// `output`. `last`: `input` ends the message. Call again with what was not consumed.
    fn compress(&mut self, input: &[u8], last: bool, output: &mut [u8]) -> Compressed;

    /// The message that was compressed last is not sent after all (it is sent uncompressed):
    /// forgets it, so that nothing later refers to it.
    fn forget(&mut self);
}

/// How far a step of [`Compress::compress`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compressed {
    /// Octets of the input that were taken.
    pub consumed: usize,
    /// Octets of the output that were written.
    pub produced: usize,
    /// The whole input was taken, and nothing waits for room in the output; without `last` the
    /// stage may keep octets until more follow. With `last`: the message is complete, and its final
    /// `00 00 ff ff` is already removed (RFC 7692 §7.2.1). `false`: the output is full.
    pub finished: bool,
}

/// No compression: nothing is offered, a frame with RSV1 is refused, nothing is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uncompressed;

impl Decompress for Uncompressed {
    const POSSIBLE: bool = false;

    fn is_active(&self) -> bool {
        false
    }

    fn begin(&mut self, _: bool) {}

    fn decompress(&mut self, input: &[u8], _: bool) -> Result<Decompressed, Error> {
        Ok(Decompressed {
            consumed: input.len(),
            finished: true,
        })
    }

    fn output(&self) -> &[u8] {
        &[]
    }

    fn release(&mut self) {}
}

impl Compress for Uncompressed {
    const POSSIBLE: bool = false;

    fn is_active(&self) -> bool {
        false
    }

    fn wants(&self, _: Option<usize>) -> bool {
        false
    }

    fn compress(&mut self, input: &[u8], _: bool, _: &mut [u8]) -> Compressed {
        Compressed {
            consumed: input.len(),
            produced: 0,
            finished: true,
        }
    }

    fn forget(&mut self) {}
}

/// Compression that is there or not, as the program decides while it runs.
impl<X: Decompress> Decompress for Option<X> {
    const POSSIBLE: bool = X::POSSIBLE;

    fn is_active(&self) -> bool {
        self.as_ref().is_some_and(X::is_active)
    }

    fn holds_messages(&self) -> bool {
        self.as_ref().is_none_or(X::holds_messages)
    }

    fn begin(&mut self, whole: bool) {
        if let Some(stage) = self {
            stage.begin(whole);
        }
    }

    fn decompress(&mut self, input: &[u8], last: bool) -> Result<Decompressed, Error> {
        match self {
            Some(stage) => stage.decompress(input, last),
            None => Uncompressed.decompress(input, last),
        }
    }

    fn output(&self) -> &[u8] {
        self.as_ref().map_or(&[], X::output)
    }

    fn release(&mut self) {
        if let Some(stage) = self {
            stage.release();
        }
    }

    fn has_grown(&self) -> bool {
        self.as_ref().is_some_and(X::has_grown)
    }

    fn shrink(&mut self) {
        if let Some(stage) = self {
            stage.shrink();
        }
    }
}

/// Compression that is there or not, as the program decides while it runs.
impl<X: Compress> Compress for Option<X> {
    const POSSIBLE: bool = X::POSSIBLE;

    fn is_active(&self) -> bool {
        self.as_ref().is_some_and(X::is_active)
    }

    fn wants(&self, len: Option<usize>) -> bool {
        self.as_ref().is_some_and(|stage| stage.wants(len))
    }

    fn compress(&mut self, input: &[u8], last: bool, output: &mut [u8]) -> Compressed {
        match self {
            Some(stage) => stage.compress(input, last, output),
            None => Uncompressed.compress(input, last, output),
        }
    }

    fn forget(&mut self) {
        if let Some(stage) = self {
            stage.forget();
        }
    }
}
