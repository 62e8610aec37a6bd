//! A transport in memory: an endless recording to read, a sink to write to.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::payload::{Kind, Payload};

/// What was written, if it is to be looked at.
pub type Tape = Arc<Mutex<Vec<u8>>>;

pub struct Wire {
    recording: Arc<[u8]>,
    /// Where it begins in that memory: anywhere in a page. Some processors copy at a sixth of their speed to where
    /// the address ends in a little more than the source's, and large allocations all begin alike.
    shift: usize,
    at: usize,
    /// The most octets of a read.
    most: usize,
    tape: Option<Tape>,
}

const PAGE: usize = 4096;

/// `payload` in one unmasked frame: what a server sends.
pub fn frame(payload: Payload) -> Vec<u8> {
    let mut frame = header(payload.kind, payload.octets.len(), 0);
    frame.extend(payload.octets);
    frame
}

/// `payload` in one masked frame: what a client sends, with a key that changes nothing.
pub fn masked(payload: Payload) -> Vec<u8> {
    let mut frame = header(payload.kind, payload.octets.len(), 0x80);
    frame.extend([0; 4]);
    frame.extend(payload.octets);
    frame
}

/// What comes before the key or the payload.
pub fn header(kind: Kind, len: usize, mask: u8) -> Vec<u8> {
    let mut header = vec![0x80 | opcode(kind)];
    match len {
        0..=125 => header.push(mask | len as u8),
        126..=65_535 => {
            header.push(mask | 126);
            header.extend((len as u16).to_be_bytes());
        }
        _ => {
            header.push(mask | 127);
            header.extend((len as u64).to_be_bytes());
        }
    }
    header
}

impl Wire {
    /// `payload` from a server, again and again.
    pub fn with_messages(payload: Payload) -> Self {
        let frame = frame(payload);
        // As much as a busy socket holds, and in whole frames.
        let count = (256 * 1024 / frame.len()).max(2);
        Self::new(frame.repeat(count))
    }

    /// Whole frames, again and again.
    pub fn new(recording: Vec<u8>) -> Self {
        let shift = fastrand::usize(..PAGE);
        let mut shifted = vec![0; shift];
        shifted.extend(recording);
        Self {
            recording: shifted.into(),
            shift,
            at: 0,
            most: usize::MAX,
            tape: None,
        }
    }

    /// Nothing to read.
    pub fn sink() -> Self {
        Self::new(Vec::new())
    }

    /// Gives no more than so many octets a read.
    pub fn in_pieces(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// Writes all down.
    pub fn taped(self, tape: &Tape) -> Self {
        Self {
            tape: Some(Arc::clone(tape)),
            ..self
        }
    }

    fn take(&mut self, max: usize) -> &[u8] {
        let recording = &self.recording[self.shift..];
        let from = self.at;
        let until = recording.len().min(from + max.min(self.most));
        self.at = until % recording.len().max(1);
        &recording[from..until]
    }

    fn put(&mut self, octets: &[u8]) -> usize {
        if let Some(tape) = &self.tape {
            tape.lock().expect("one thread").extend_from_slice(octets);
        }
        std::hint::black_box(octets);
        octets.len()
    }
}

pub fn opcode(kind: Kind) -> u8 {
    match kind {
        Kind::Text => 1,
        Kind::Binary => 2,
    }
}

/// Reads one message as a server does: the kind and the unmasked payload, or what is wrong with it.
pub fn decode(octets: &[u8]) -> Result<(u8, Vec<u8>), &'static str> {
    unframe(octets, 0)
}

/// Counts the messages in a stream of frames, by their headers.
pub struct Messages {
    header: Vec<u8>,
    /// Octets of a payload that are still to come.
    payload: u64,
    counted: u64,
    octets: usize,
    first_len: Option<usize>,
}

impl Messages {
    pub fn new() -> Self {
        Self {
            header: Vec::with_capacity(14),
            payload: 0,
            counted: 0,
            octets: 0,
            first_len: None,
        }
    }

    /// Messages that are complete and not answered.
    pub fn counted(&self) -> u64 {
        self.counted
    }

    pub fn answered(&mut self, count: u64) {
        self.counted -= count;
    }

    /// How many octets the first message had.
    pub fn first_len(&self) -> Option<usize> {
        self.first_len
    }

    pub fn take(&mut self, mut octets: &[u8]) {
        while let [octet, rest @ ..] = octets {
            let taken = if self.payload > 0 {
                let taken = octets
                    .len()
                    .min(usize::try_from(self.payload).unwrap_or(usize::MAX));
                self.payload -= taken as u64;
                octets = &octets[taken..];
                taken
            } else {
                self.header.push(*octet);
                octets = rest;
                let Some(payload) = whole_header(&self.header) else {
                    self.octets += 1;
                    continue;
                };
                self.payload = payload;
                1
            };
            self.octets += taken;
            if self.payload == 0 && self.header.first().is_some_and(|head| head & 0x80 != 0) {
                self.counted += 1;
                self.first_len.get_or_insert(self.octets);
            }
            if self.payload == 0 {
                self.header.clear();
            }
        }
    }
}

/// The length of the payload behind the header, once it is there whole.
fn whole_header(header: &[u8]) -> Option<u64> {
    let [_, second, rest @ ..] = header else {
        return None;
    };
    let key = if second & 0x80 == 0 { 0 } else { 4 };
    let (extended, payload) = match second & 0x7f {
        126 => (2, u64::from(u16::from_be_bytes(*rest.first_chunk()?))),
        127 => (8, u64::from_be_bytes(*rest.first_chunk()?)),
        payload => (0, u64::from(payload)),
    };
    (rest.len() == extended + key).then_some(payload)
}

/// As [`decode`], with these reserved bits set.
pub fn unframe(mut octets: &[u8], rsv: u8) -> Result<(u8, Vec<u8>), &'static str> {
    let mut message = Vec::new();
    let mut first = None;
    loop {
        let [head, len, rest @ ..] = octets else {
            return Err("no whole header");
        };
        if len & 0x80 == 0 {
            return Err("not masked");
        }
        let opcode = head & 0x7f;
        match (first, opcode) {
            (None, _) if opcode & !3 == rsv => first = Some(opcode),
            (Some(_), 0) => {}
            _ => return Err("a wrong opcode or a reserved bit"),
        }
        let (len, rest) = match len & 0x7f {
            126 => {
                let (len, rest) = rest.split_first_chunk().ok_or("no length")?;
                (u64::from(u16::from_be_bytes(*len)), rest)
            }
            127 => {
                let (len, rest) = rest.split_first_chunk().ok_or("no length")?;
                (u64::from_be_bytes(*len), rest)
            }
            len => (u64::from(len), rest),
        };
        let (key, rest) = rest.split_first_chunk::<4>().ok_or("no key")?;
        let (payload, rest) = rest.split_at_checked(len as usize).ok_or("cut short")?;
        message.extend(payload.iter().zip(key.iter().cycle()).map(|(o, k)| o ^ k));
        octets = rest;
        if head & 0x80 != 0 {
            return if octets.is_empty() {
                Ok((first.unwrap_or(0), message))
            } else {
                Err("more than one message")
            };
        }
    }
}

impl io::Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let octets = self.take(buf.len());
        buf[..octets.len()].copy_from_slice(octets);
        Ok(octets.len())
    }
}

impl io::Write for Wire {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        Ok(self.put(octets))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let octets = self.get_mut().take(buf.remaining());
        buf.put_slice(octets);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.get_mut().put(octets)))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        Poll::Ready(Ok(parts.iter().map(|part| wire.put(part)).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl embedded_io::ErrorType for Wire {
    type Error = embedded_io::ErrorKind;
}

impl embedded_io::Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        let octets = self.take(buf.len());
        buf[..octets.len()].copy_from_slice(octets);
        Ok(octets.len())
    }
}

impl embedded_io::Write for Wire {
    fn write(&mut self, octets: &[u8]) -> Result<usize, Self::Error> {
        Ok(self.put(octets))
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}
