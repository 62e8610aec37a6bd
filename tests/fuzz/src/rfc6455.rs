//! A decoder of RFC 6455 that holds all octets of the connection at once, and so has no state that
//! could go wrong between two of them. It shares nothing with the code under test but the names of
//! the errors.

use bare_ws::close::CloseCode;
use bare_ws::error::{Error, Violation};
use bare_ws::message::MessageKind;
use bare_ws::receiver::Delivery;

use crate::reception::{End, Seen};

/// What the receiver under test is.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// It is a server.
    pub is_server: bool,
    /// How it delivers.
    pub delivery: Delivery,
    /// Octets that fit its buffer beside a header; `u64::MAX`: any number.
    pub room: u64,
    /// The limits that are set.
    pub message_limit: u64,
    /// The limits that are set.
    pub fragment_limit: u32,
}

/// What must be seen, and the ends of which one must be come to: a frame may break several rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// In order, without the Close that answers a failure.
    pub seen: Vec<Seen>,
    /// The lawful ends.
    pub ends: Vec<End>,
}

/// What must come of `wire`.
#[must_use]
pub fn decode(setting: &Setting, wire: &[u8]) -> Expected {
    let mut decoder = Decoder {
        setting,
        seen: Vec::new(),
        open: None,
    };
    let ends = decoder.frames(wire);
    Expected {
        seen: decoder.seen,
        ends,
    }
}

struct Decoder<'s> {
    setting: &'s Setting,
    seen: Vec<Seen>,
    /// The message that is not complete: its kind, its octets, its fragments.
    open: Option<(MessageKind, Vec<u8>, u32)>,
}

struct Header {
    fin: bool,
    opcode: u8,
    len: u64,
    key: [u8; 4],
    octets: usize,
}

fn failed(violations: impl IntoIterator<Item = Violation>) -> Vec<End> {
    let violations = violations.into_iter();
    violations.map(|v| End::Failed(Error::Peer(v))).collect()
}

fn too_much(error: Error) -> Vec<End> {
    vec![End::Failed(error)]
}

fn lost() -> Vec<End> {
    vec![End::Failed(Error::Lost)]
}

impl Decoder<'_> {
    fn frames(&mut self, mut wire: &[u8]) -> Vec<End> {
        loop {
            let header = match self.header(wire) {
                Ok(Some(header)) => header,
                Ok(None) => return lost(),
                Err(broken) => return failed(broken),
            };
            let is_data = header.opcode < 8;
            if is_data && let Some(ends) = self.begin(&header) {
                return ends;
            }
            let here = &wire[header.octets..];
            let len = usize::try_from(header.len).unwrap_or(usize::MAX);
            let payload: Vec<u8> = here
                .iter()
                .take(len)
                .enumerate()
                .map(|(i, octet)| octet ^ header.key[i % 4])
                .collect();
            let is_whole = payload.len() == len;
            let ends = if is_data {
                self.data(&header, payload, is_whole)
            } else if is_whole {
                self.control(&header, payload)
            } else {
                None
            };
            if let Some(ends) = ends {
                return ends;
            }
            if !is_whole {
                return lost();
            }
            wire = &here[len..];
        }
    }

    /// §5.2, §5.4: every rule that the octets at hand show to be broken.
    fn header(&self, wire: &[u8]) -> Result<Option<Header>, Vec<Violation>> {
        let mut broken = Vec::new();
        let Some(&first) = wire.first() else {
            return Ok(None);
        };
        let (fin, reserved, opcode) = (first >> 7 == 1, first >> 4 & 7, first & 15);
        let is_control = opcode >= 8;
        if reserved != 0 {
            broken.push(Violation::ReservedBit);
        }
        if !matches!(opcode, 0..=2 | 8..=10) {
            broken.push(Violation::ReservedOpcode);
        }
        // §5.4: which data frame may come, the first octet says.
        match (opcode, &self.open) {
            (0, None) => broken.push(Violation::UnexpectedContinuation),
            (1 | 2, Some(_)) => broken.push(Violation::ExpectedContinuation),
            _ => {}
        }
        if is_control && !fin {
            broken.push(Violation::ControlFragmented);
        }
        let Some(&second) = wire.get(1) else {
            return if broken.is_empty() {
                Ok(None)
            } else {
                Err(broken)
            };
        };
        let is_masked = second >> 7 == 1;
        match (self.setting.is_server, is_masked) {
            (true, false) => broken.push(Violation::NotMasked),
            (false, true) => broken.push(Violation::Masked),
            _ => {}
        }
        let short = second & 127;
        if is_control && short > 125 {
            broken.push(Violation::ControlTooLong);
        }
        let extended = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let number = wire.get(2..2 + extended).map(|octets| {
            let number = |sum: u64, &octet: &u8| sum << 8 | u64::from(octet);
            octets.iter().fold(0, number)
        });
        let shortest = match short {
            126 => 126,
            127 => 1 << 16,
            _ => 0,
        };
        if let Some(number) = number {
            if number < shortest {
                broken.push(Violation::LengthNotMinimal);
            }
            if number >> 63 == 1 {
                broken.push(Violation::LengthTopBit);
            }
        }
        if !broken.is_empty() {
            return Err(broken);
        }
        let key_at = 2 + extended;
        let key_len = if is_masked { 4 } else { 0 };
        let (Some(number), Some(key)) = (number, wire.get(key_at..key_at + key_len)) else {
            return Ok(None);
        };
        Ok(Some(Header {
            fin,
            opcode,
            len: if extended == 0 { short.into() } else { number },
            key: key.try_into().unwrap_or_default(),
            octets: key_at + key_len,
        }))
    }

    /// The limits: all that is known before the payload.
    fn begin(&mut self, header: &Header) -> Option<Vec<End>> {
        let setting = self.setting;
        match header.opcode {
            0 => {}
            1 => self.open = Some((MessageKind::Text, Vec::new(), 0)),
            _ => self.open = Some((MessageKind::Binary, Vec::new(), 0)),
        }
        let (_, octets, fragments) = self.open.as_mut()?;
        *fragments += 1;
        if *fragments > setting.fragment_limit {
            let limit = setting.fragment_limit;
            return Some(too_much(Error::TooManyFragments { limit }));
        }
        let before = octets.len() as u64;
        let room = match setting.delivery {
            Delivery::Message => setting.room,
            Delivery::Chunk => u64::MAX,
            Delivery::Frame => setting.room.saturating_add(before),
        };
        let (needed, limit) = (before + header.len, room.min(setting.message_limit));
        (needed > limit).then(|| too_much(Error::TooLong { needed, limit }))
    }

    fn data(&mut self, header: &Header, payload: Vec<u8>, is_whole: bool) -> Option<Vec<End>> {
        let (kind, octets, _) = self.open.as_mut()?;
        octets.extend_from_slice(&payload);
        let ends = header.fin && is_whole;
        if *kind == MessageKind::Text {
            // §8.1, at the first octet that shows it.
            let is_text = match core::str::from_utf8(octets) {
                Ok(_) => true,
                Err(error) => !ends && error.error_len().is_none(),
            };
            if !is_text {
                return Some(failed([Violation::InvalidUtf8]));
            }
        }
        if is_whole && self.setting.delivery == Delivery::Frame {
            self.seen
                .push(Seen::Frame(header.fin, false, header.opcode, payload));
        } else if ends {
            self.seen.push(Seen::Message(*kind, octets.clone()));
        }
        if ends {
            self.open = None;
        }
        None
    }

    fn control(&mut self, header: &Header, payload: Vec<u8>) -> Option<Vec<End>> {
        if self.setting.delivery == Delivery::Frame {
            self.seen
                .push(Seen::Frame(true, false, header.opcode, payload.clone()));
        }
        match header.opcode {
            8 => return Some(self.close(&payload)),
            9 => self.seen.push(Seen::Pong(payload)),
            _ => {}
        }
        None
    }

    /// §5.5.1, §7.4.
    fn close(&mut self, payload: &[u8]) -> Vec<End> {
        let [high, low, reason @ ..] = payload else {
            if !payload.is_empty() {
                return failed([Violation::ClosePayload]);
            }
            self.seen.push(Seen::Close(Vec::new()));
            return vec![End::Closed(1005, String::new())];
        };
        let code = u16::from_be_bytes([*high, *low]);
        let mut broken = Vec::new();
        if !(1000..5000).contains(&code) || matches!(code, 1004..=1006 | 1015..=2999) {
            broken.push(Violation::CloseCode(CloseCode(code)));
        }
        let reason = core::str::from_utf8(reason);
        if reason.is_err() {
            broken.push(Violation::CloseReason);
        }
        if !broken.is_empty() {
            return failed(broken);
        }
        self.seen.push(Seen::Close(vec![*high, *low]));
        vec![End::Closed(code, reason.unwrap_or_default().into())]
    }
}
