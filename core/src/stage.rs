//! Where a per-message compression extension stands: between a frame's payload and UTF-8.
//!
//! The receiver and the sender know these two traits and nothing of RFC 7692. [`Plain`] is the
//! stage of a connection without an extension; it costs nothing.

use crate::error::Error;

/// The receive side of a per-message extension: takes payload data as it arrives, gives the
/// application's octets out of its own memory.
pub trait Decompress {
    /// `false` where there is no extension at all, so that nothing of it is built.
    const POSSIBLE: bool = true;

    /// Whether the extension was negotiated: only then may RSV1 be set.
    fn is_active(&self) -> bool;

    /// A compressed message begins. `whole`: its output is to be gathered until it is complete;
    /// else pieces of it are taken (and [`release`](Self::release)d) as they come.
    fn begin(&mut self, whole: bool);

    /// Takes some of `input`, which continues the payload of the message that was begun.
    /// `last`: `input` ends the message. Call again with what was not consumed.
    ///
    /// # Errors
    /// [`Violation::CorruptCompression`](crate::error::Violation::CorruptCompression);
    /// [`Capacity::Message`](crate::error::Capacity::Message) when a whole message does not fit
    /// the memory, or any message the limit. Both end the connection.
    fn decompress(&mut self, input: &[u8], last: bool) -> Result<Decompressed, Error>;

    /// The output that was not released yet, in one piece.
    fn output(&self) -> &[u8];

    /// The output was taken; its memory may be used again.
    fn release(&mut self);
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

    /// The message that was compressed last is not sent after all (it goes raw): forgets it, so
    /// that nothing later refers to it.
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
    /// stage may keep octets until more follow. With `last`: the message is complete, and its
    /// final `00 00 ff ff` is already left away (RFC 7692 §7.2.1). `false`: the output is full.
    pub finished: bool,
}

/// No extension: RSV1 is refused, nothing is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plain;

impl Decompress for Plain {
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

impl Compress for Plain {
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
