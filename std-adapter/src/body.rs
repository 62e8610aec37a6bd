//! The body of a refusal (RFC 9112 §6, §7.1), taken as it arrives.

use bare_ws::handshake::fields;

/// The part of a body that was taken so far.
#[derive(Clone)]
pub(crate) struct Body {
    octets: Vec<u8>,
    limit: usize,
    rest: Rest,
}

/// What is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    Nothing,
    /// This many octets.
    Octets(u64),
    /// Everything up to the end of the transport.
    ToTheEnd,
    Chunks(Chunk),
}

/// Where in the chunked coding the next octet stands. RFC 9112 §7.1: chunk = chunk-size
/// [ chunk-ext ] CRLF chunk-data CRLF
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunk {
    /// In the size: its value so far, if a digit was read.
    Size(Option<u64>),
    /// After the size: an extension, which is ignored, up to the end of the line.
    Extension(u64),
    Data(u64),
    /// In the line end after the data.
    End,
}

impl Body {
    /// The body of the response with this head, at most `limit` octets of it.
    ///
    /// RFC 9112 §6.3 says how long it is.
    pub(crate) fn new(status: u16, head: &[u8], limit: usize) -> Self {
        let rest = match status {
            ..=199 | 204 | 304 => Rest::Nothing,
            _ => framing(head),
        };
        Self {
            octets: Vec::new(),
            limit,
            rest,
        }
    }

    /// The octets taken so far.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Whether more is to come, and is wanted.
    pub(crate) fn needs_octets(&self) -> bool {
        self.octets.len() < self.limit && !matches!(self.rest, Rest::Nothing | Rest::Octets(0))
    }

    /// Takes the octets that the transport delivers next.
    pub(crate) fn push(&mut self, mut octets: &[u8]) {
        while self.needs_octets()
            && let Some((&first, behind)) = octets.split_first()
        {
            match &mut self.rest {
                Rest::Octets(left) | Rest::Chunks(Chunk::Data(left)) => {
                    let room = (self.limit - self.octets.len()) as u64;
                    let n = (octets.len() as u64).min(*left).min(room);
                    let (taken, rest) = octets.split_at(n as usize);
                    self.octets.extend_from_slice(taken);
                    *left -= n;
                    octets = rest;
                    if self.rest == Rest::Chunks(Chunk::Data(0)) {
                        self.rest = Rest::Chunks(Chunk::End);
                    }
                }
                Rest::Chunks(chunk) => {
                    self.rest = chunk.after(first);
                    octets = behind;
                }
                Rest::ToTheEnd | Rest::Nothing => {
                    let n = octets.len().min(self.limit - self.octets.len());
                    self.octets.extend_from_slice(&octets[..n]);
                    octets = &octets[n..];
                }
            }
        }
    }
}

impl Chunk {
    /// What comes after an octet that is not data. Nothing, if the coding is invalid.
    fn after(self, octet: u8) -> Rest {
        Rest::Chunks(match (self, octet) {
            (Self::Size(size), _) if octet.is_ascii_hexdigit() => {
                let digit = char::from(octet).to_digit(16).unwrap_or_default();
                let size = size.unwrap_or_default().checked_mul(16);
                match size.and_then(|size| size.checked_add(digit.into())) {
                    Some(size) => Self::Size(Some(size)),
                    None => return Rest::Nothing,
                }
            }
            (Self::Size(Some(size)), b'\r' | b';' | b' ' | b'\t') => Self::Extension(size),
            // The last chunk: trailers are ignored.
            (Self::Size(Some(0)) | Self::Extension(0), b'\n') => return Rest::Nothing,
            (Self::Size(Some(size)) | Self::Extension(size), b'\n') => Self::Data(size),
            (Self::Extension(size), _) => Self::Extension(size),
            (Self::End, b'\r') => Self::End,
            (Self::End, b'\n') => Self::Size(None),
            _ => return Rest::Nothing,
        })
    }
}

/// What determines the length of the body, for a response that has one.
fn framing(head: &[u8]) -> Rest {
    let values = |wanted: &'static str| {
        fields(head)
            .filter(move |(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()))
            .flat_map(|(_, value)| value.split(|octet| *octet == b','))
            .map(<[u8]>::trim_ascii)
    };
    // "If a message is received with both a Transfer-Encoding and a Content-Length header field,
    // the Transfer-Encoding overrides the Content-Length."
    if let Some(last) = values("transfer-encoding").last() {
        return if last.eq_ignore_ascii_case(b"chunked") {
            Rest::Chunks(Chunk::Size(None))
        } else {
            Rest::ToTheEnd
        };
    }
    let mut lengths = values("content-length");
    match lengths.next().and_then(number) {
        // It may be repeated, but not contradicted.
        Some(length) if lengths.all(|again| number(again) == Some(length)) => Rest::Octets(length),
        _ => Rest::ToTheEnd,
    }
}

fn number(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let is_number = text.bytes().all(|octet| octet.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 40;

    /// Status, fields, what follows the head, the body, whether the body is complete.
    type Case = (u16, &'static str, &'static [u8], &'static [u8], bool);

    const CASES: &[Case] = &[
        (404, "Content-Length: 5", b"hello", b"hello", true),
        (404, "content-length: 5", b"hello, and more", b"hello", true),
        (404, "Content-Length: 5", b"hel", b"hel", false),
        (404, "Content-Length: 0", b"x", b"", true),
        (404, "Content-Length: 5, 5", b"hello!", b"hello", true),
        (
            404,
            "Content-Length: 5\r\nContent-Length: 5",
            b"hello!",
            b"hello",
            true,
        ),
        // An invalid length, or two different ones: up to the end of the transport.
        (
            404,
            "Content-Length: 5\r\nContent-Length: 6",
            b"hello!",
            b"hello!",
            false,
        ),
        (404, "Content-Length: -5", b"hello!", b"hello!", false),
        (404, "Content-Length: +5", b"hello!", b"hello!", false),
        (404, "Content-Length:", b"hello!", b"hello!", false),
        (
            404,
            "Content-Length: 99999999999999999999",
            b"hello!",
            b"hello!",
            false,
        ),
        (404, "X: y", b"hello!", b"hello!", false),
        (404, "X: y", b"", b"", false),
        // Chunks.
        (
            500,
            "Transfer-Encoding: chunked",
            b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n",
            b"hello!",
            true,
        ),
        (
            500,
            "Transfer-Encoding: CHUNKED",
            b"5\r\nhello\r\n0\r\nX: y\r\n\r\n",
            b"hello",
            true,
        ),
        (
            500,
            "Transfer-Encoding: gzip, chunked",
            b"00A; x=\"y\"\r\n0123456789\r\n0\r\n\r\n",
            b"0123456789",
            true,
        ),
        (
            500,
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
            b"1 ;a\r\nx\r\n0\r\n",
            b"x",
            true,
        ),
        (
            500,
            "Transfer-Encoding: chunked\r\nContent-Length: 3",
            b"5\r\nhello\r\n0\r\n\r\n",
            b"hello",
            true,
        ),
        (
            500,
            "Transfer-Encoding: chunked",
            b"5\nhello\n1\n!\n0\n\n",
            b"hello!",
            true,
        ),
        (
            500,
            "Transfer-Encoding: chunked",
            b"5\r\nhel",
            b"hel",
            false,
        ),
        (500, "Transfer-Encoding: chunked", b"", b"", false),
        // The final coding is not chunked.
        (
            500,
            "Transfer-Encoding: chunked, gzip",
            b"5\r\nhello",
            b"5\r\nhello",
            false,
        ),
        // An invalid chunk ends the body; what was taken before is kept.
        (500, "Transfer-Encoding: chunked", b"hello", b"", true),
        (500, "Transfer-Encoding: chunked", b"\r\nhello", b"", true),
        (
            500,
            "Transfer-Encoding: chunked",
            b"5\r\nhello!\r\n",
            b"hello",
            true,
        ),
        (
            500,
            "Transfer-Encoding: chunked",
            b"1\r\nx\r\nFFFFFFFFFFFFFFFFF\r\n",
            b"x",
            true,
        ),
        (
            500,
            "Transfer-Encoding: chunked",
            b"FFFFFFFFFFFFFFFF\r\nx",
            b"x",
            false,
        ),
        // No body.
        (204, "Content-Length: 5", b"hello", b"", true),
        (304, "Content-Length: 5", b"hello", b"", true),
        (101, "X: y", b"\x81\x01x", b"", true),
        // Longer than the limit.
        (200, "X: y", &[b'x'; 100], &[b'x'; LIMIT], true),
        (
            200,
            "Content-Length: 100",
            &[b'x'; 100],
            &[b'x'; LIMIT],
            true,
        ),
        (
            200,
            "Content-Length: 40",
            &[b'x'; 100],
            &[b'x'; LIMIT],
            true,
        ),
        (
            200,
            "Content-Length: 18446744073709551615",
            &[b'x'; 100],
            &[b'x'; LIMIT],
            true,
        ),
    ];

    // row: RSP-02
    #[test]
    fn a_body_is_the_same_however_it_arrives() {
        for (status, fields, octets, body, is_all) in CASES {
            let head = format!("HTTP/1.1 {status} x\r\n{fields}\r\n\r\n");
            let take = |pieces: &[&[u8]]| {
                let mut taken = Body::new(*status, head.as_bytes(), LIMIT);
                for piece in pieces {
                    taken.push(piece);
                }
                assert!(taken.octets().len() <= LIMIT);
                (taken.octets().to_vec(), !taken.needs_octets())
            };
            let whole = take(&[octets]);
            let case = format!("{fields}: {:?}", String::from_utf8_lossy(octets));
            assert_eq!(whole, (body.to_vec(), *is_all), "{case}");
            let single: Vec<_> = octets.chunks(1).collect();
            assert_eq!(take(&single), whole, "{case}");
            for place in 0..=octets.len() {
                let (first, second) = octets.split_at(place);
                assert_eq!(take(&[first, second]), whole, "{case} at {place}");
            }
        }
    }

    // row: RSP-22
    #[test]
    fn no_octets_of_a_chunked_body_panic_or_pass_the_limit() {
        let head = b"HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n";
        let letters = b"0F1\r\n; x";
        for number in 0..8u32.pow(6) {
            let mut body = Body::new(500, head, 3);
            for place in 0..6 {
                body.push(&[letters[(number >> (3 * place) & 7) as usize]]);
            }
            assert!(body.octets().len() <= 3);
        }
    }
}
