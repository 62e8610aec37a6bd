//! A small inflater of our own, that says how far distances reach: other decoders do not hold
//! them against the negotiated window. And the loops that drive the stages under test.

use bare_ws::compression::{Compress, Decompress};
use bare_ws::deflate::negotiate::Agreed;
use bare_ws::error::Error;

/// What was negotiated, the same for both directions.
#[must_use]
pub fn agreed(bits: u8, takeover: bool) -> Agreed {
    Agreed {
        receive_window_bits: bits,
        receive_no_context_takeover: !takeover,
        send_window_bits: bits,
        send_no_context_takeover: !takeover,
    }
}

/// Gives `payload` to the stage, `chunk` octets at a time, and takes the message.
///
/// # Errors
/// The stage's.
pub fn inflate(
    stage: &mut impl Decompress,
    payload: &[u8],
    chunk: usize,
    whole: bool,
) -> Result<Vec<u8>, Error> {
    let mut message = Vec::new();
    stage.begin(whole);
    let mut chunks = payload.chunks(chunk.max(1)).peekable();
    loop {
        let mut input = chunks.next().unwrap_or_default();
        let last = chunks.peek().is_none();
        loop {
            let step = stage.decompress(input, last)?;
            assert!(step.consumed <= input.len());
            input = &input[step.consumed..];
            if !whole {
                message.extend_from_slice(stage.output());
                stage.release();
                assert!(stage.output().is_empty());
            }
            if step.finished {
                assert!(input.is_empty());
                break;
            }
            assert!(!whole, "a whole message is never asked to be released");
        }
        if last {
            if whole {
                message.extend_from_slice(stage.output());
                stage.release();
            }
            return Ok(message);
        }
    }
}

/// Gives `message` to the stage, `chunk` octets at a time, and takes its payload in pieces of
/// `room` octets.
pub fn compress(stage: &mut impl Compress, message: &[u8], chunk: usize, room: usize) -> Vec<u8> {
    let mut payload = Vec::new();
    let mut output = vec![0xaa; room];
    let mut chunks = message.chunks(chunk.max(1)).peekable();
    loop {
        let mut input = chunks.next().unwrap_or_default();
        let last = chunks.peek().is_none();
        loop {
            let step = stage.compress(input, last, &mut output);
            payload.extend_from_slice(&output[..step.produced]);
            input = &input[step.consumed..];
            if step.finished {
                assert!(input.is_empty());
                break;
            }
            assert_eq!(step.produced, room, "stops only for want of room");
        }
        if last {
            return payload;
        }
    }
}

/// Checks payloads: keeps the history that their distances refer to.
#[derive(Debug)]
pub struct Checker {
    history: Vec<u8>,
    window: usize,
    takeover: bool,
    /// The farthest distance seen.
    pub farthest: usize,
}

impl Checker {
    /// For a window of `2^bits` octets.
    #[must_use]
    pub fn new(bits: u8, takeover: bool) -> Self {
        Self {
            history: Vec::new(),
            window: 1 << bits,
            takeover,
            farthest: 0,
        }
    }

    /// The message of a payload.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn message(&mut self, payload: &[u8]) -> Result<Vec<u8>, &'static str> {
        if !self.takeover {
            self.history.clear();
        }
        let before = self.history.len();
        let mut octets = payload.to_vec();
        octets.extend_from_slice(&[0x00, 0x00, 0xff, 0xff]);
        let mut bits = BitReader {
            octets: &octets,
            at: 0,
        };
        while bits.at < octets.len() * 8 {
            self.block(&mut bits)?;
        }
        let message = self.history[before..].to_vec();
        let excess = self.history.len().saturating_sub(self.window);
        self.history.drain(..excess);
        Ok(message)
    }

    fn block(&mut self, bits: &mut BitReader<'_>) -> Result<(), &'static str> {
        if bits.take(1)? == 1 {
            return Err("BFINAL");
        }
        let (literals, distances) = match bits.take(2)? {
            0 => {
                bits.at = bits.at.next_multiple_of(8);
                let len = bits.take(16)?;
                if bits.take(16)? != !len & 0xffff {
                    return Err("NLEN");
                }
                for _ in 0..len {
                    let octet = bits.take(8)? as u8;
                    self.history.push(octet);
                }
                return Ok(());
            }
            1 => {
                let mut lengths = [8; 288];
                lengths[144..256].fill(9);
                lengths[256..280].fill(7);
                (Codes::new(&lengths)?, Codes::new(&[5; 30])?)
            }
            2 => codes(bits)?,
            _ => return Err("block type"),
        };
        loop {
            let symbol = literals.take(bits)?;
            match symbol {
                0..256 => self.history.push(symbol as u8),
                256 => return Ok(()),
                257..286 => {
                    let length = LENGTHS[symbol - 257];
                    let extra = match symbol {
                        265..285 => (symbol - 261) / 4,
                        _ => 0,
                    };
                    let length = length + bits.take(extra)?;
                    let symbol = distances.take(bits)?;
                    let extra = (symbol / 2).saturating_sub(1);
                    let base = match symbol {
                        0..4 => 1 + symbol,
                        4..30 => 1 + ((2 + symbol % 2) << extra),
                        _ => return Err("distance symbol"),
                    };
                    let distance = base + bits.take(extra)?;
                    if distance > self.window || distance > self.history.len() {
                        return Err("distance");
                    }
                    self.farthest = self.farthest.max(distance);
                    for _ in 0..length {
                        self.history
                            .push(self.history[self.history.len() - distance]);
                    }
                }
                _ => return Err("length symbol"),
            }
        }
    }
}

/// RFC 1951 §3.2.5, as printed there.
const LENGTHS: [usize; 29] = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
    163, 195, 227, 258,
];

fn codes(bits: &mut BitReader<'_>) -> Result<(Codes, Codes), &'static str> {
    let literals = 257 + bits.take(5)?;
    let distances = 1 + bits.take(5)?;
    let mut lengths = [0; 19];
    let sent = 4 + bits.take(4)?;
    for symbol in [
        16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
    ]
    .into_iter()
    .take(sent)
    {
        lengths[symbol] = bits.take(3)?;
    }
    let codes = Codes::new(&lengths)?;
    let mut lengths = Vec::new();
    while lengths.len() < literals + distances {
        match codes.take(bits)? {
            16 => {
                let length = *lengths.last().ok_or("nothing to repeat")?;
                let count = 3 + bits.take(2)?;
                lengths.extend(core::iter::repeat_n(length, count));
            }
            17 => {
                let count = 3 + bits.take(3)?;
                lengths.extend(core::iter::repeat_n(0, count));
            }
            18 => {
                let count = 11 + bits.take(7)?;
                lengths.extend(core::iter::repeat_n(0, count));
            }
            length => lengths.push(length),
        }
    }
    if lengths.len() != literals + distances {
        return Err("too many lengths");
    }
    let (literals, distances) = lengths.split_at(literals);
    Ok((Codes::new(literals)?, Codes::new(distances)?))
}

struct BitReader<'a> {
    octets: &'a [u8],
    at: usize,
}

impl BitReader<'_> {
    fn take(&mut self, count: usize) -> Result<usize, &'static str> {
        let mut value = 0;
        for i in 0..count {
            let octet = self.octets.get(self.at / 8).ok_or("truncated")?;
            value |= usize::from(octet >> (self.at % 8) & 1) << i;
            self.at += 1;
        }
        Ok(value)
    }
}

/// A complete prefix code.
struct Codes {
    /// By length: the first code, and its symbols.
    lengths: Vec<(usize, Vec<usize>)>,
}

impl Codes {
    fn new(lengths: &[usize]) -> Result<Self, &'static str> {
        let mut code = 0;
        let mut table = vec![(0, Vec::new())];
        for length in 1..=15 {
            let symbols: Vec<usize> = (0..lengths.len())
                .filter(|&symbol| lengths[symbol] == length)
                .collect();
            let first = code;
            code += symbols.len();
            if code > 1 << length {
                return Err("oversubscribed");
            }
            table.push((first, symbols));
            code <<= 1;
        }
        // The fixed distances are 30 of 32 codes: incomplete, and right.
        if code != 1 << 16 && lengths != [5; 30] {
            return Err("incomplete");
        }
        Ok(Self { lengths: table })
    }

    fn take(&self, bits: &mut BitReader<'_>) -> Result<usize, &'static str> {
        let mut code = 0;
        for (first, symbols) in &self.lengths[1..] {
            code = code << 1 | bits.take(1)?;
            if let Some(&symbol) = code.checked_sub(*first).and_then(|at| symbols.get(at)) {
                return Ok(symbol);
            }
        }
        Err("no such code")
    }
}
