//! The server: it reads a request, and gives its answer and the frames of the case.

use sha1::{Digest, Sha1};

use super::cases::{Case, Delivery};
use super::{LENGTHS, PAYLOAD};

/// RFC 6455 §1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

pub(super) struct Server {
    case: &'static Case,
    request: [u8; 1024],
    requested: usize,
    response: [u8; 1536],
    responded: usize,
    /// Octets of the response, and of all frames, that were read.
    read: usize,
    /// Octets that the client sent after its request, the first of them.
    sent: [u8; 64],
    sent_length: usize,
}

impl Server {
    pub(super) fn new(case: &'static Case) -> Self {
        Self {
            case,
            request: [0; 1024],
            requested: 0,
            response: [0; 1536],
            responded: 0,
            read: 0,
            sent: [0; 64],
            sent_length: 0,
        }
    }

    pub(super) fn write(&mut self, octets: &[u8]) {
        for &octet in octets {
            if self.responded == 0 {
                if let Some(place) = self.request.get_mut(self.requested) {
                    *place = octet;
                    self.requested += 1;
                }
                if self.request[..self.requested].ends_with(b"\r\n\r\n") {
                    self.respond();
                }
            } else if let Some(place) = self.sent.get_mut(self.sent_length) {
                *place = octet;
                self.sent_length += 1;
            }
        }
    }

    /// As a transport that gives one frame at a time, or one octet, or everything at once.
    pub(super) fn read(&mut self, octets: &mut [u8]) -> usize {
        if self.responded == 0 {
            return 0;
        }
        let mut read = 0;
        while read < octets.len() {
            let Some(octet) = self.octet(self.read) else {
                break;
            };
            octets[read] = octet;
            read += 1;
            self.read += 1;
            let ends = match self.case.delivery {
                Delivery::Frames => self.is_boundary(self.read),
                Delivery::Octets => true,
                Delivery::AtOnce => false,
            };
            if ends {
                break;
            }
        }
        read
    }

    /// Whether what the client sent has in it what the case wants.
    pub(super) fn answered(&self, case: &Case) -> bool {
        let sent = &self.sent[..self.sent_length];
        case.answer.is_empty()
            || sent
                .windows(case.answer.len())
                .any(|octets| octets == case.answer)
    }

    fn respond(&mut self) {
        let mut accept = [0; 28];
        let request = &self.request[..self.requested];
        accept_value(
            field(request, b"sec-websocket-key").unwrap_or_default(),
            &mut accept,
        );
        let mut length = 0;
        let mut put = |octets: &[u8]| {
            for &octet in octets {
                if let Some(place) = self.response.get_mut(length) {
                    *place = octet;
                    length += 1;
                }
            }
        };
        let mut rest = self.case.response;
        while let Some(at) = rest.iter().position(|&octet| octet == b'@') {
            put(&rest[..at]);
            put(&accept);
            rest = &rest[at + 1..];
        }
        put(rest);
        self.responded = length;
    }

    fn octet(&self, index: usize) -> Option<u8> {
        match index.checked_sub(self.responded) {
            None => Some(self.response[index]),
            Some(index) => frames(self.case, index).map(|(octet, _)| octet),
        }
    }

    /// Whether a read ends here: after the response, and between two frames.
    fn is_boundary(&self, index: usize) -> bool {
        match index.checked_sub(self.responded) {
            None => false,
            Some(0) => true,
            Some(index) => frames(self.case, index).is_some_and(|(_, first)| first),
        }
    }
}

/// The octet of all frames at `index`, and whether it is the first of a frame.
fn frames(case: &Case, index: usize) -> Option<(u8, bool)> {
    let mut start = 0;
    if case.frames.is_empty() {
        for length in LENGTHS {
            let (header, header_length) = header(length);
            let end = start + header_length + length;
            if index < end {
                let within = index - start;
                let octet = if within < header_length {
                    header[within]
                } else {
                    PAYLOAD[within - header_length]
                };
                return Some((octet, within == 0));
            }
            start = end;
        }
        return CLOSE
            .get(index - start)
            .map(|&octet| (octet, index == start));
    }
    for frame in case.frames {
        if let Some(&octet) = frame.get(index - start) {
            return Some((octet, index == start));
        }
        start += frame.len();
    }
    None
}

/// RFC 6455 §5.5.1: Close 1000.
const CLOSE: &[u8] = &[0x88, 2, 0x03, 0xE8];

fn header(length: usize) -> ([u8; 4], usize) {
    let [_, _, high, low] = (length as u32).to_be_bytes();
    if length < 126 {
        ([0x82, low, 0, 0], 2)
    } else {
        ([0x82, 126, high, low], 4)
    }
}

/// The value of a field of the request.
fn field<'r>(request: &'r [u8], name: &[u8]) -> Option<&'r [u8]> {
    request.split(|&octet| octet == b'\n').find_map(|line| {
        let colon = line.iter().position(|&octet| octet == b':')?;
        line[..colon]
            .eq_ignore_ascii_case(name)
            .then(|| line[colon + 1..].trim_ascii())
    })
}

/// RFC 6455 §4.2.2, the value of Sec-WebSocket-Accept.
fn accept_value(key: &[u8], accept: &mut [u8; 28]) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    for (three, four) in digest.chunks(3).zip(accept.chunks_mut(4)) {
        let octet = |n: usize| u32::from(three.get(n).copied().unwrap_or(0));
        let bits = octet(0) << 16 | octet(1) << 8 | octet(2);
        for (n, place) in four.iter_mut().enumerate() {
            *place = match n <= three.len() {
                true => ALPHABET[(bits >> (18 - 6 * n)) as usize & 63],
                false => b'=',
            };
        }
    }
}
