//! All octets that one end sent, held against every rule that a sender keeps.

use crate::laws::Keys;
use crate::wire::Frame;

/// What was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A Ping.
    Ping(Vec<u8>),
    /// A Pong.
    Pong(Vec<u8>),
    /// A Close.
    Close(Option<u16>, String),
}

/// A stream of frames, read.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    messages: Vec<Sent>,
    frames: u32,
    /// The open message.
    open: Option<(u8, Vec<u8>)>,
    rest: usize,
}

impl Stream {
    /// Reads what a client sent, all of it whole frames.
    ///
    /// # Panics
    /// At the first octet that a client must not send; when the keys are not those of [`Keys`],
    /// one a frame, in order.
    #[must_use]
    #[track_caller]
    pub fn of_client(octets: &[u8]) -> Self {
        let stream = Self::read(octets, true);
        assert_eq!(stream.rest, 0, "half a frame");
        stream
    }

    /// Reads what a server sent, all of it whole frames.
    ///
    /// # Panics
    /// At the first octet that a server must not send.
    #[must_use]
    #[track_caller]
    pub fn of_server(octets: &[u8]) -> Self {
        let stream = Self::read(octets, false);
        assert_eq!(stream.rest, 0, "half a frame");
        stream
    }

    /// Reads what was sent so far: the last frame may be incomplete.
    ///
    /// # Panics
    /// As above.
    #[must_use]
    #[track_caller]
    pub fn read(octets: &[u8], client: bool) -> Self {
        let mut stream = Self::default();
        let mut rest = octets;
        while let Some(frame) = Frame::decode(rest) {
            rest = &rest[frame.total..];
            stream.frame(frame, client);
        }
        stream.rest = rest.len();
        stream
    }

    /// What was sent, in the order of the frames that completed it.
    #[must_use]
    pub fn messages(&self) -> &[Sent] {
        &self.messages
    }

    /// How many frames.
    #[must_use]
    pub const fn frames(&self) -> u32 {
        self.frames
    }

    /// Octets of a frame that is not complete.
    #[must_use]
    pub const fn rest(&self) -> usize {
        self.rest
    }

    /// Whether a message is open.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    fn frame(&mut self, frame: Frame<'_>, client: bool) {
        assert!(
            !matches!(self.messages.last(), Some(Sent::Close(..))),
            "a frame after Close"
        );
        assert_eq!(
            frame.key,
            client.then(|| Keys::key(self.frames)),
            "frame {}",
            self.frames
        );
        self.frames += 1;
        let payload: Vec<u8> = frame.payload().collect();
        match frame.opcode() {
            0 => {
                let (_, octets) = self.open.as_mut().expect("a continuation of nothing");
                octets.extend(payload);
            }
            opcode @ (1 | 2) => {
                assert_eq!(self.open, None, "a message inside another");
                self.open = Some((opcode, payload));
            }
            8 => {
                let (code, reason) = match payload.split_first_chunk::<2>() {
                    Some((code, reason)) => (Some(u16::from_be_bytes(*code)), reason),
                    None => {
                        assert_eq!(payload, [], "half a status code");
                        (None, &[][..])
                    }
                };
                let reason = String::from_utf8(reason.to_vec()).expect("a reason in UTF-8");
                self.messages.push(Sent::Close(code, reason));
                return;
            }
            9 => {
                self.messages.push(Sent::Ping(payload));
                return;
            }
            _ => {
                self.messages.push(Sent::Pong(payload));
                return;
            }
        }
        if frame.fin() {
            let (opcode, octets) = self.open.take().expect("an open message");
            self.messages.push(if opcode == 1 {
                Sent::Text(String::from_utf8(octets).expect("text in UTF-8"))
            } else {
                Sent::Binary(octets)
            });
        }
    }
}
