//! Compressed messages, as a server sends them and as it reads them.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use crate::direction::Takeover;
use crate::payload::Payload;
use crate::wire;

/// Of the octets that come before a compressed message.
pub const RSV1: u8 = 0x40;

/// What RFC 7692 §7.2.1 takes off.
pub const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Each in one unmasked frame.
pub fn recording(payloads: &[Payload], takeover: Takeover) -> Vec<u8> {
    let mut engine = Compress::new(Compression::new(6), false);
    let mut recording = Vec::new();
    for payload in payloads {
        let mut compressed = Vec::with_capacity(payload.octets.len() + 1024);
        engine
            .compress_vec(payload.octets, &mut compressed, FlushCompress::Sync)
            .expect("room");
        if takeover == Takeover::Dropped {
            engine.reset();
        }
        compressed.truncate(compressed.len() - TAIL.len());
        let mut header = wire::header(payload.kind, compressed.len(), 0);
        header[0] |= RSV1;
        recording.extend(header);
        recording.extend(compressed);
    }
    recording
}

/// As [`wire::decode`], for compressed messages, one after the other.
pub struct Inflater {
    engine: Decompress,
    takeover: Takeover,
}

impl Inflater {
    pub fn new(takeover: Takeover) -> Self {
        Self {
            engine: Decompress::new(false),
            takeover,
        }
    }

    pub fn decode(&mut self, octets: &[u8]) -> Result<(u8, Vec<u8>), &'static str> {
        let (opcode, mut compressed) = wire::unframe(octets, RSV1)?;
        compressed.extend(TAIL);
        let mut message = Vec::with_capacity(4 * 1024 * 1024);
        self.engine
            .decompress_vec(&compressed, &mut message, FlushDecompress::Sync)
            .map_err(|_| "corrupt")?;
        if self.takeover == Takeover::Dropped {
            self.engine.reset(false);
        }
        Ok((opcode & 0xf, message))
    }
}
