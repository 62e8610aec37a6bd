//! What a server must do, each thing with a line of the report.

use std::fmt::Display;
use std::process::ExitCode;

use bare_ws_std::bare_ws::opcode::Opcode;
use bare_ws_std::{CloseCode, Error, Message, MessageKind, Response};

use crate::peer::Peer;

/// What a server is known to answer.
pub(crate) struct Expected {
    pub(crate) extensions: String,
    pub(crate) subprotocol: String,
    pub(crate) close: String,
    pub(crate) largest: usize,
    pub(crate) is_mirror: bool,
    pub(crate) is_greeting: bool,
    pub(crate) is_never_empty: bool,
    pub(crate) is_redirected: bool,
    pub(crate) fields: Vec<String>,
    pub(crate) is_pieces: bool,
}

impl Default for Expected {
    fn default() -> Self {
        Self {
            extensions: String::new(),
            subprotocol: String::new(),
            close: "1000 bye".to_owned(),
            largest: 1 << 20,
            is_mirror: false,
            is_greeting: false,
            is_never_empty: false,
            is_redirected: false,
            fields: Vec::new(),
            is_pieces: false,
        }
    }
}

/// All checks of a connection that has just been opened, up to its end.
pub(crate) fn run(peer: &mut impl Peer, expected: &Expected, report: &mut Report) {
    let extensions = peer.response().header("Sec-WebSocket-Extensions");
    report.expect(
        "its answer to the offer",
        extensions.unwrap_or(""),
        &expected.extensions,
    );
    report.expect(
        "the subprotocol that it selects",
        peer.subprotocol().unwrap_or(""),
        &expected.subprotocol,
    );
    fields(peer.response(), expected, report);
    if expected.is_greeting {
        let greeted = receive(peer, expected).map(|answer| !answer.octets.is_empty());
        report.truth("a message with the first octets", greeted);
    } else {
        echoes(peer, expected, report);
    }
    let closed = peer.finish(Some(CloseCode::NORMAL), "bye");
    report.equal("answers the Close of 1000 \"bye\"", closed, &expected.close);
}

/// How a connection is closed, and what the server says to it: each on a connection of its own.
pub(crate) const CLOSES: [&str; 3] = ["without a status code", "4999", "asked by a text"];

/// The close that is `how`: gives the server's.
pub(crate) fn close(peer: &mut impl Peer, how: usize) -> Result<String, Error> {
    match how {
        0 => peer.finish(None, ""),
        1 => peer.finish(Some(CloseCode(4999)), ""),
        _ => {
            peer.send("close".into())?;
            match peer.recv()? {
                Some(message) => {
                    peer.finish(Some(CloseCode::NORMAL), "bye")?;
                    Ok(format!("the message {message}"))
                }
                None => peer.finish(None, ""),
            }
        }
    }
}

/// Each field that is expected is in the answer, spelt like that.
pub(crate) fn fields(response: &Response, expected: &Expected, report: &mut Report) {
    for field in &expected.fields {
        let found: Vec<_> = response
            .headers()
            .map(|(name, value)| match field.contains(": ") {
                true => format!("{name}: {}", String::from_utf8_lossy(value)),
                false => name.to_owned(),
            })
            .collect();
        let what = format!("the answer has {field}");
        match found.contains(field) {
            true => report.ok(&what),
            false => report.not_ok(&what, found.join(" | ")),
        }
    }
}

fn echoes(peer: &mut impl Peer, expected: &Expected, report: &mut Report) {
    for message in messages(expected) {
        let what = format!("echoes {}", describe(&message));
        let echoed = echo(peer, &message, expected);
        report.truth(&what, echoed);
    }
    if expected.is_mirror {
        let echoed = fragments(peer, MessageKind::Text, b"hello, world", 5, expected);
        report.truth("echoes a text in fragments, pings between", echoed);
    } else {
        let echoed = fragments(
            peer,
            MessageKind::Text,
            "héllo, wörld".as_bytes(),
            2,
            expected,
        );
        report.truth(
            "echoes a text in fragments, cut in a character, pings between",
            echoed,
        );
        let echoed = fragments(peer, MessageKind::Binary, &noise(1000), 333, expected);
        report.truth("echoes binary in fragments, pings between", echoed);
    }
    report.truth("answers a ping of 125 octets with all of them", ping(peer));
    if !expected.extensions.is_empty() {
        // The last message: what is received as a raw frame is not inflated.
        report.truth("compresses what it sends", is_compressed(peer));
    }
}

/// Lengths around every change of form, and the largest.
fn messages(expected: &Expected) -> Vec<Sent> {
    let mut messages = vec![
        Sent::Text(String::new()),
        Sent::Text("Hello, wörld: 你好 🦀".to_owned()),
    ];
    for len in [125, 126, 65_535, 65_536, expected.largest] {
        if len <= expected.largest {
            messages.push(Sent::Text(text(len)));
            messages.push(Sent::Binary(noise(len)));
        }
    }
    messages.push(Sent::Binary(Vec::new()));
    messages.push(Sent::Binary((0..=255).collect()));
    if expected.is_mirror {
        // What it takes for text must be some.
        messages.retain(|message| matches!(message, Sent::Text(_)));
        messages.push(Sent::Binary(b"binary".to_vec()));
    }
    messages
}

enum Sent {
    Text(String),
    Binary(Vec<u8>),
}

impl Sent {
    fn message(&self) -> Message<'_> {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Binary(octets) => octets.as_slice().into(),
        }
    }
}

fn describe(sent: &Sent) -> String {
    match sent {
        Sent::Text(text) => format!("a text of {}", text.len()),
        Sent::Binary(octets) => format!("{} octets", octets.len()),
    }
}

fn echo(peer: &mut impl Peer, sent: &Sent, expected: &Expected) -> Result<bool, Error> {
    let mut message = sent.message();
    peer.send(message)?;
    if expected.is_never_empty && message.is_empty() {
        // Not even late: the next one overtakes nothing.
        message = "not empty".into();
        peer.send(message)?;
    }
    let answer = receive(peer, expected)?;
    let kind = match expected.is_mirror {
        true => MessageKind::Text,
        false => message.kind(),
    };
    Ok(answer.kind == kind && answer.octets == message.as_bytes())
}

/// `size` octets a fragment, the first one empty, and after each a ping.
fn fragments(
    peer: &mut impl Peer,
    kind: MessageKind,
    octets: &[u8],
    size: usize,
    expected: &Expected,
) -> Result<bool, Error> {
    let before = peer.pongs();
    let mut pings = 0;
    peer.send_fragment(kind, b"", false)?;
    for piece in octets.chunks(size) {
        peer.send_fragment(kind, piece, false)?;
        peer.ping(piece.get(..piece.len().min(125)).unwrap_or_default())?;
        pings += 1;
    }
    peer.send_fragment(kind, b"", true)?;
    let mut answer = receive(peer, expected)?;
    while expected.is_mirror && answer.octets.len() < octets.len() {
        answer.octets.extend(receive(peer, expected)?.octets);
    }
    let pongs = peer.pongs().wrapping_sub(before);
    // RFC 6455 §5.5.3: it may answer the last of several pings only.
    Ok(answer.kind == kind && answer.octets == octets && (1..=pings).contains(&pongs))
}

// row: CTL-02
fn ping(peer: &mut impl Peer) -> Result<bool, Error> {
    let sent = noise(125);
    peer.ping(&sent)?;
    while let Some((header, payload)) = peer.recv_frame()? {
        // A pong for one of the pings before may still be on its way.
        if header.opcode == Opcode::Pong && payload.len() == sent.len() {
            return Ok(payload == sent);
        }
    }
    Ok(false)
}

fn is_compressed(peer: &mut impl Peer) -> Result<bool, Error> {
    let message = text(4096);
    peer.send(message.as_str().into())?;
    let mut len = 0;
    let mut is_compressed = false;
    while let Some((header, payload)) = peer.recv_frame()? {
        if !header.opcode.is_control() {
            is_compressed |= header.rsv1;
            len += payload.len();
            if header.fin {
                break;
            }
        }
    }
    Ok(is_compressed && len < message.len())
}

struct Answer {
    kind: MessageKind,
    octets: Vec<u8>,
}

/// One message, whole, or by pieces if there is no memory for more.
fn receive(peer: &mut impl Peer, expected: &Expected) -> Result<Answer, Error> {
    if !expected.is_pieces {
        return match peer.recv()? {
            Some(message) => Ok(Answer {
                kind: message.kind(),
                octets: message.as_bytes().to_vec(),
            }),
            None => Err(Error::Lost),
        };
    }
    let mut octets = Vec::new();
    while let Some((kind, fin)) = peer.recv_chunk(&mut octets)? {
        if fin {
            return Ok(Answer { kind, octets });
        }
    }
    Err(Error::Lost)
}

/// Compresses well, and is not the same over and over.
fn text(len: usize) -> String {
    let mut text = String::with_capacity(len + 64);
    for i in 0.. {
        if text.len() >= len {
            break;
        }
        text += &format!(
            "{{\"n\":{i},\"place\":\"Zürich\",\"value\":{}}} ",
            i * 7919 % 1000
        );
    }
    let mut end = len;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text.extend(std::iter::repeat_n('.', len - end));
    text
}

/// Does not compress.
fn noise(len: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(len as u64);
    std::iter::repeat_with(|| random.u8(..)).take(len).collect()
}

/// One line a check.
#[derive(Default)]
pub(crate) struct Report {
    passed: u32,
    failed: u32,
}

impl Report {
    pub(crate) fn ok(&mut self, what: &str) {
        self.passed += 1;
        println!("ok {what}");
    }

    pub(crate) fn not_ok(&mut self, what: &str, why: impl Display) {
        self.failed += 1;
        println!("not ok {what}: {why}");
    }

    pub(crate) fn expect(&mut self, what: &str, found: impl Display, expected: &str) {
        let found = found.to_string();
        if found == expected {
            self.ok(what);
        } else {
            self.not_ok(what, format_args!("{found:?}, not {expected:?}"));
        }
    }

    pub(crate) fn equal(&mut self, what: &str, found: Result<String, Error>, expected: &str) {
        match found {
            Ok(found) => self.expect(what, found, expected),
            Err(error) => self.not_ok(what, error),
        }
    }

    pub(crate) fn truth(&mut self, what: &str, truth: Result<bool, Error>) {
        match truth {
            Ok(true) => self.ok(what),
            Ok(false) => self.not_ok(what, "something else came"),
            Err(error) => self.not_ok(what, error),
        }
    }

    pub(crate) fn value<T>(&mut self, what: &str, value: Result<T, Error>) -> Option<T> {
        match value {
            Ok(value) => {
                self.ok(what);
                Some(value)
            }
            Err(error) => {
                self.not_ok(what, error);
                None
            }
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        if self.failed == 0 && self.passed > 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}
