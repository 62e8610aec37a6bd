//! A tunnel through a proxy (RFC 9110 §9.3.6).

use std::fmt;
use std::io;
use std::net::TcpStream;
use std::time::Duration;

use bare_ws::handshake::head;
use bare_ws::lifecycle::{Lifecycle, Limits, Timeout};
use embedded_io::{Read as _, Write as _};

use crate::error::Error;
use crate::moment::Moment;
use crate::opening::Opening;
use crate::response::Response;
use crate::state::Cut;

/// How much is read at a time.
pub(crate) const READ: usize = 4096;

/// Why a proxy made no tunnel.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProxyError {
    /// It answered with a status other than 2xx: with 407 it wants credentials, others than those
    /// it was sent. The response has the status, the header fields, and up to 64 KiB of the body.
    Refused(Box<Response>),
    /// It does not answer in HTTP/1.
    NotHttp,
    /// The head of its answer is longer than [`Config::head_limit`](crate::Config::head_limit).
    HeadTooLarge {
        /// The limit, in octets.
        limit: u32,
    },
    /// Octets follow its answer, before anything was sent that the server could answer.
    EarlyOctets,
    /// It ended the connection before its answer was complete.
    Lost,
    /// The operating system reported an error while reading its answer or writing to it.
    Io(io::Error),
}

/// What the octets of a proxy's answer come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    NeedsOctets,
    Tunnel,
    /// With this status.
    Refused(u16),
}

impl Answer {
    /// Of all that was read.
    pub(crate) fn of(octets: &[u8], limit: u32) -> Result<Self, ProxyError> {
        let place = head(octets);
        let behind = octets.get(place.end..).unwrap_or_default();
        let last = octets.get(place.clone()).unwrap_or_default();
        let status = status(last)?;
        let is_complete = last.ends_with(b"\n\r\n") || last.ends_with(b"\n\n");
        // One that is not complete needs another octet.
        let least = place.end.saturating_add(usize::from(!is_complete));
        if u64::try_from(least).is_ok_and(|least| least > limit.into()) {
            return Err(ProxyError::HeadTooLarge { limit });
        }
        match status {
            Some(status) if is_complete => match status {
                // "Any 2xx (Successful) response indicates that the sender ... will switch to tunnel
                // mode immediately after the response header section". The server speaks second,
                // with TLS and without.
                200..300 if behind.is_empty() => Ok(Self::Tunnel),
                200..300 => Err(ProxyError::EarlyOctets),
                status => Ok(Self::Refused(status)),
            },
            _ => Ok(Self::NeedsOctets),
        }
    }
}

/// The status of a response, once its status line has come so far (RFC 9112 §4).
fn status(head: &[u8]) -> Result<Option<u16>, ProxyError> {
    let fits = |(place, octet): (usize, &u8)| match b"HTTP/1.".get(place) {
        Some(wanted) => octet == wanted,
        None if place == 8 => *octet == b' ',
        None if place == 12 => matches!(octet, b' ' | b'\r' | b'\n'),
        None => octet.is_ascii_digit(),
    };
    if !head.iter().take(13).enumerate().all(fits) {
        return Err(ProxyError::NotHttp);
    }
    let digits = head.get(9..12);
    let value = |digits: &[u8]| {
        let digits = digits.iter().map(|digit| u16::from(digit & 0x0f));
        digits.fold(0, |value, digit| value * 10 + digit)
    };
    Ok(digits.map(value))
}

/// Asks the proxy at the other end of `tcp` for a tunnel, and gives it when it is there.
pub(crate) fn tunnel(
    tcp: TcpStream,
    request: &[u8],
    limit: u32,
    deadline: Moment,
) -> Result<TcpStream, Error> {
    tcp.set_nonblocking(true).map_err(Error::Io)?;
    let mut life = Lifecycle::opening(UNLIMITED, deadline);
    let mut opening = Opening::new(&tcp, &mut life);
    let asked = ask(&mut opening, request, limit);
    if let Some(status) = asked? {
        let response = opening.refusal(status);
        return Err(ProxyError::Refused(Box::new(response)).into());
    }
    tcp.set_nonblocking(false).map_err(Error::Io)?;
    Ok(tcp)
}

/// Limits of an open connection, which this is not.
const UNLIMITED: Limits<Option<Duration>> = Limits {
    silence: None,
    stall: None,
    ping_after: None,
    answer: None,
    close: None,
};

/// The status of a refusal, or `None` for the tunnel.
fn ask(
    opening: &mut Opening<'_, TcpStream>,
    mut request: &[u8],
    limit: u32,
) -> Result<Option<u16>, Error> {
    while !request.is_empty() {
        let n = written_some(opening.write(request))?;
        request = request.get(n..).unwrap_or_default();
    }
    let mut octets = [0; READ];
    loop {
        read_some(opening.read(&mut octets))?;
        match Answer::of(&opening.record, limit)? {
            Answer::NeedsOctets => {}
            Answer::Tunnel => return Ok(None),
            Answer::Refused(status) => return Ok(Some(status)),
        }
    }
}

/// How much was read, which is something.
pub(crate) fn read_some(read: Result<usize, impl Into<Cut>>) -> Result<usize, Error> {
    match read {
        Ok(0) => Err(ProxyError::Lost.into()),
        Ok(n) => Ok(n),
        Err(cut) => Err(named(cut.into())),
    }
}

/// How much was written, which is something.
pub(crate) fn written_some(written: Result<usize, impl Into<Cut>>) -> Result<usize, Error> {
    read_some(written)
}

/// The tunnel belongs to connecting, and its limit is that of connecting.
fn named(cut: Cut) -> Error {
    match cut {
        Cut::Timeout(_) => Error::Timeout(Timeout::Connect),
        Cut::Io(error) => ProxyError::Io(error).into(),
        cut => cut.into(),
    }
}

impl From<io::Error> for Cut {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ProxyError> for Error {
    fn from(error: ProxyError) -> Self {
        Self::Proxy(error)
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(response) => match response.status() {
                407 => f.write_str("the proxy wants credentials (status 407)"),
                status => write!(f, "the proxy refused the tunnel with status {status}"),
            },
            Self::NotHttp => f.write_str("the proxy does not answer in HTTP/1"),
            Self::HeadTooLarge { limit } => write!(
                f,
                "the head of the proxy's answer is longer than {limit} octets (Config::head_limit)"
            ),
            Self::EarlyOctets => {
                f.write_str("the proxy sent octets behind its answer, before the server could")
            }
            Self::Lost => f.write_str("the proxy ended the connection without an answer"),
            Self::Io(error) => write!(f, "the connection to the proxy failed: {error}"),
        }
    }
}

impl std::error::Error for ProxyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => error.source(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // row: REQ-15, RSP-22
    #[test]
    fn an_answer_is_judged_the_same_however_it_arrives() {
        use Answer::{NeedsOctets, Refused, Tunnel};
        for (octets, wanted) in [
            ("HTTP/1.1 200 Connection established\r\n\r\n", Ok(Tunnel)),
            ("HTTP/1.0 200\r\n\r\n", Ok(Tunnel)),
            ("HTTP/1.1 299 \nA: b\n\n", Ok(Tunnel)),
            // RFC 9110 §9.3.6: "A client MUST ignore any Content-Length or Transfer-Encoding".
            ("HTTP/1.1 200 x\r\nContent-Length: 5\r\n\r\n", Ok(Tunnel)),
            ("HTTP/1.1 100 x\r\n\r\nHTTP/1.1 200 x\r\n\r\n", Ok(Tunnel)),
            ("HTTP/1.1 101 x\r\n\r\n", Ok(Refused(101))),
            ("HTTP/1.1 302 x\r\nLocation: /\r\n\r\n", Ok(Refused(302))),
            ("HTTP/1.1 407 x\r\n\r\nbody", Ok(Refused(407))),
            ("HTTP/1.1 000 x\r\n\r\n", Ok(Refused(0))),
            ("HTTP/1.1 999 x\r\n\r\n", Ok(Refused(999))),
            ("", Ok(NeedsOctets)),
            ("HTTP/1.1 20", Ok(NeedsOctets)),
            ("HTTP/1.1 200", Ok(NeedsOctets)),
            ("HTTP/1.1 200 x\r\nA: b\r\n\r", Ok(NeedsOctets)),
            ("HTTP/1.1 100 x\r\n\r\n", Ok(NeedsOctets)),
            ("HTTP/1.1 200 x\r\n\r\n\x16", Err("behind")),
            ("HTTP/2 200", Err("HTTP/1")),
            ("HTTP/1.1 2000 x", Err("HTTP/1")),
            ("HTTP/1.1  200 x", Err("HTTP/1")),
            ("\r\nHTTP/1.1 200 x\r\n\r\n", Err("HTTP/1")),
            ("HTTP/1.1 100 x\r\n\r\nHELLO", Err("HTTP/1")),
            ("220 mail.example ESMTP\r\n", Err("HTTP/1")),
            ("\x05\x00", Err("HTTP/1")),
        ] {
            for place in 0..=octets.len() {
                let (first, _) = octets.as_bytes().split_at(place);
                let judge = |octets| Answer::of(octets, 1000).map_err(|error| error.to_string());
                let answer = match judge(first) {
                    Ok(NeedsOctets) => judge(octets.as_bytes()),
                    // The body of a refusal, or what is behind a tunnel, may come later.
                    early => early,
                };
                match (&answer, wanted) {
                    (Err(text), Err(word)) => assert!(text.contains(word), "{octets:?}: {text}"),
                    (Ok(Tunnel), Err("behind")) => assert_eq!(place + 1, octets.len()),
                    _ => assert_eq!(answer.as_ref().ok(), wanted.as_ref().ok(), "{octets:?}"),
                }
            }
        }
    }

    // row: RSP-22
    #[test]
    fn a_head_is_as_long_as_its_limit() {
        let head = b"HTTP/1.1 200 x\r\nA: b\r\n\r\n";
        let len = head.len() as u32;
        for limit in 0..len + 3 {
            for read in 0..=head.len() {
                let answer = Answer::of(&head[..read], limit);
                let whole = read == head.len();
                let fits = read as u32 + u32::from(!whole) <= limit;
                match answer {
                    Ok(answer) => assert!(fits && (answer == Answer::Tunnel) == whole),
                    Err(error) => {
                        assert!(!fits && matches!(error, ProxyError::HeadTooLarge { .. }));
                    }
                }
            }
        }
    }
}
