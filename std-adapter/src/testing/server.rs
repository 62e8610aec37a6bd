//! The server's end, which does what the test says.

use std::time::Duration;

use bare_ws::close::CloseCode;
use bare_ws::handshake::fields;
use bare_ws::handshake::server::{ServerHandshake, Service};
use bare_ws::header::{FrameHeader, Rules};
use bare_ws::message::{AsMessage, Message, OwnedMessage};
use bare_ws::opcode::Opcode;

use super::pipe::End;

/// The server's end of a [`pair`](super::pair). Dropped, it ends the connection without a closing
/// handshake.
#[derive(Debug)]
pub struct Server {
    end: End,
    patience: Duration,
    /// What was read of the client's and not used.
    octets: Vec<u8>,
    request: Option<Request>,
}

/// The client's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    head: Vec<u8>,
    path: String,
    headers: Vec<(String, String)>,
}

/// A frame of the client's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its header. What opcodes mean is in [`Opcode`].
    pub header: FrameHeader,
    /// Its payload, unmasked.
    pub payload: Vec<u8>,
}

impl Request {
    fn new(head: Vec<u8>) -> Self {
        let text = String::from_utf8_lossy(&head).into_owned();
        let (line, rest) = text.split_once("\r\n").unwrap_or_default();
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        // The core reads the fields of responses, behind their status line.
        let response = format!("HTTP/1.1 200 OK\r\n{rest}");
        let text = |octets| String::from_utf8_lossy(octets).into_owned();
        let headers = fields(response.as_bytes()).map(|(name, value)| (text(name), text(value)));
        Self {
            path,
            headers: headers.collect(),
            head,
        }
    }

    /// Path and query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The value of the first header field of that name in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers();
        let (_, value) = headers.find(|(field, _)| field.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    /// The header fields in their order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let headers = self.headers.iter();
        headers.map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// The opening handshake.
impl Server {
    pub(super) fn new(end: End) -> Self {
        Self {
            end,
            patience: Duration::from_secs(10),
            octets: Vec::new(),
            request: None,
        }
    }

    /// How long to wait for the client, in each call. Default: 10 s.
    pub fn patience(&mut self, limit: Duration) {
        self.patience = limit;
    }

    /// The client's request, which is read by the first call.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn request(&mut self) -> Request {
        if let Some(request) = &self.request {
            return request.clone();
        }
        let end = loop {
            let found = self.octets.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(place) = found {
                break place + 4;
            }
            assert!(self.fill(), "the client ended within its request");
        };
        let request = Request::new(self.octets.drain(..end).collect());
        self.request.insert(request).clone()
    }

    /// Accepts the client: its request.
    ///
    /// # Panics
    /// When no request comes, or one that is no opening handshake.
    #[track_caller]
    pub fn accept(&mut self) -> Request {
        self.accept_with(&[])
    }

    /// The same, with more header fields in the response: `Sec-WebSocket-Protocol`, `Set-Cookie`.
    ///
    /// # Panics
    /// As [`accept`](Self::accept).
    #[track_caller]
    pub fn accept_with(&mut self, headers: &[(&str, &str)]) -> Request {
        let request = self.request();
        let mut handshake = ServerHandshake::new(&Service::ANY, ());
        // The head is whole: what becomes of it, `finish` says.
        let _ = handshake.read(&request.head);
        let mut response = Vec::new();
        let mut octets = [0; 256];
        loop {
            let n = handshake.write(&mut octets);
            if n == 0 {
                break;
            }
            response.extend_from_slice(octets.get(..n).unwrap_or_default());
        }
        if let Err(error) = handshake.finish() {
            panic!("the request is no opening handshake: {error}");
        }
        // Before the empty line.
        response.truncate(response.len().saturating_sub(2));
        for (name, value) in headers {
            response.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        response.extend_from_slice(b"\r\n");
        self.send_octets(&response);
        request
    }

    /// Answers the request with another status than 101: refuses the client, or redirects it with
    /// a `Location`. A `Content-Length` is added.
    ///
    /// # Panics
    /// When no request comes.
    #[track_caller]
    pub fn respond(&mut self, status: u16, headers: &[(&str, &str)], body: &[u8]) {
        self.request();
        let mut response = format!("HTTP/1.1 {status} \r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            response.push_str(&format!("{name}: {value}\r\n"));
        }
        response.push_str("\r\n");
        self.send_octets(&[response.as_bytes(), body].concat());
    }
}

/// Sending. To a client that is gone nothing is sent.
impl Server {
    /// Sends a message in one frame.
    ///
    /// # Panics
    /// When the client does not read.
    #[track_caller]
    pub fn send(&mut self, message: impl AsMessage) {
        let (opcode, payload) = match message.as_message() {
            Message::Text(text) => (Opcode::Text, text.as_bytes()),
            Message::Binary(octets) => (Opcode::Binary, octets),
        };
        let header = FrameHeader::new(opcode, true, payload.len() as u64);
        self.send_frame(header, payload);
    }

    /// Sends a frame with exactly this header, lawful or not, and payload. Nothing is masked.
    ///
    /// # Panics
    /// When the client does not read.
    #[track_caller]
    pub fn send_frame(&mut self, header: FrameHeader, payload: &[u8]) {
        self.send_octets(&[header.emit().as_ref(), payload].concat());
    }

    /// Sends a Close. Once both ends have, the server is the one to end the transport (RFC 6455
    /// §7.1.1), by [`end`](Self::end) or by being dropped: the client waits for it.
    ///
    /// # Panics
    /// When the client does not read.
    #[track_caller]
    pub fn close(&mut self, code: Option<CloseCode>, reason: &str) {
        let code = code.map(|code| code.0.to_be_bytes());
        let payload = [
            code.as_ref().map_or(&[][..], |code| code),
            reason.as_bytes(),
        ]
        .concat();
        let header = FrameHeader::new(Opcode::Close, true, payload.len() as u64);
        self.send_frame(header, &payload);
    }

    /// Sends octets as they are, at any time.
    ///
    /// # Panics
    /// When the client does not read.
    #[track_caller]
    pub fn send_octets(&mut self, octets: &[u8]) {
        let sent = self.end.write(octets, self.patience);
        assert!(sent, "the client reads nothing for {:?}", self.patience);
    }

    /// Ends this direction. The client's can still be read.
    pub fn end(&mut self) {
        self.end.end();
    }
}

/// Receiving. Nothing is answered: a Pong or a Close is sent when the test says so.
impl Server {
    /// The next frame; `None` at the end of the client's octets.
    ///
    /// # Panics
    /// When nothing comes, or what no client may send.
    #[track_caller]
    pub fn recv_frame(&mut self) -> Option<Frame> {
        const RULES: Rules = Rules {
            rsv1: true,
            masked: true,
            message_open: None,
        };
        loop {
            match FrameHeader::parse(&self.octets, RULES) {
                Ok(Some((header, start))) => {
                    let len = usize::try_from(header.len).unwrap_or(usize::MAX);
                    let end = start.saturating_add(len);
                    if let Some(payload) = self.octets.get(start..end) {
                        let mut payload = payload.to_vec();
                        if let Some(key) = header.masking_key {
                            key.apply(&mut payload);
                        }
                        self.octets.drain(..end);
                        return Some(Frame { header, payload });
                    }
                }
                Ok(None) => {}
                Err(violation) => panic!("the client violates the protocol: {violation}"),
            }
            if !self.fill() {
                assert!(self.octets.is_empty(), "the client ended within a frame");
                return None;
            }
        }
    }

    /// The next message, whole; Pings and Pongs before it and between its fragments are passed
    /// over. `None` at a Close, and at the end of the client's octets.
    ///
    /// # Panics
    /// As [`recv_frame`](Self::recv_frame).
    #[track_caller]
    pub fn recv(&mut self) -> Option<OwnedMessage> {
        let mut message = Vec::new();
        let mut is_text = false;
        loop {
            let Frame { header, payload } = self.recv_frame()?;
            assert!(!header.rsv1, "a compressed message: see recv_frame");
            match header.opcode {
                Opcode::Close => return None,
                Opcode::Ping | Opcode::Pong => continue,
                opcode => is_text |= opcode == Opcode::Text,
            }
            message.extend(payload);
            if !header.fin {
                continue;
            }
            return Some(if is_text {
                match String::from_utf8(message) {
                    Ok(text) => text.into(),
                    Err(_) => panic!("the client sent text that is not UTF-8"),
                }
            } else {
                message.into()
            });
        }
    }

    /// The status code of the client's Close, past all its other frames; 1005 if it has none.
    /// `None` if the client ends without one.
    ///
    /// # Panics
    /// As [`recv_frame`](Self::recv_frame).
    #[track_caller]
    pub fn recv_close(&mut self) -> Option<CloseCode> {
        loop {
            let Frame { header, payload } = self.recv_frame()?;
            if header.opcode == Opcode::Close {
                let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                return Some(CloseCode(code.unwrap_or(1005)));
            }
        }
    }

    /// Reads more of the client's; `false` at the end.
    #[track_caller]
    fn fill(&mut self) -> bool {
        let mut octets = [0; 4096];
        let Some(n) = self.end.read(&mut octets, self.patience) else {
            panic!("the client sends nothing for {:?}", self.patience);
        };
        self.octets
            .extend_from_slice(octets.get(..n).unwrap_or_default());
        n > 0
    }
}
