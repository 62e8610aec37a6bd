//! What a server must do, each thing with a line of the report.

use std::fmt::Display;
use std::process::ExitCode;

use bare_ws_std::bare_ws::opcode::Opcode;
use bare_ws_std::{CloseCode, Error, Message, MessageKind, Response, Stream, WebSocket};

/// What a server is known to answer.
pub(crate) struct Expected {
    pub(crate) extensions: String,
    pub(crate) close: String,
    pub(crate) largest: usize,
    pub(crate) is_mirror: bool,
    pub(crate) is_greeting: bool,
    pub(crate) is_redirected: bool,
    pub(crate) fields: Vec<String>,
    pub(crate) is_pieces: bool,
}

impl Default for Expected {
    fn default() -> Self {
        Self {
            extensions: String::new(),
            close: "1000 bye".to_owned(),
            largest: 1 << 20,
            is_mirror: false,
            is_greeting: false,
            is_redirected: false,
            fields: Vec::new(),
            is_pieces: false,
        }
    }
}

/// All checks of a connection that has just been opened, up to its end.
pub(crate) fn run<S: Stream>(socket: &mut WebSocket<S>, expected: &Expected, report: &mut Report) {
    let extensions = socket.response().header("Sec-WebSocket-Extensions");
    report.expect(
        "its answer to the offer",
        extensions.unwrap_or(""),
        &expected.extensions,
    );
    fields(socket.response(), expected, report);
    if expected.is_greeting {
        let greeted = receive(socket, expected).map(|answer| !answer.octets.is_empty());
        report.truth("a message with the first octets", greeted);
    } else {
        echoes(socket, expected, report);
    }
    let closed = close(socket);
    report.equal("answers the Close of 1000 \"bye\"", closed, &expected.close);
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

fn echoes<S: Stream>(socket: &mut WebSocket<S>, expected: &Expected, report: &mut Report) {
    for message in messages(expected) {
        let what = format!("echoes {}", describe(&message));
        let echoed = echo(socket, &message, expected);
        report.truth(&what, echoed);
    }
    if expected.is_mirror {
        let echoed = fragments(socket, MessageKind::Text, b"hello, world", 5, expected);
        report.truth("echoes a text in fragments, pings between", echoed);
    } else {
        let echoed = fragments(
            socket,
            MessageKind::Text,
            "héllo, wörld".as_bytes(),
            2,
            expected,
        );
        report.truth(
            "echoes a text in fragments, cut in a character, pings between",
            echoed,
        );
        let echoed = fragments(socket, MessageKind::Binary, &noise(1000), 333, expected);
        report.truth("echoes binary in fragments, pings between", echoed);
    }
    report.truth(
        "answers a ping of 125 octets with all of them",
        ping(socket),
    );
    if !expected.extensions.is_empty() {
        // The last message: what is received as a raw frame is not inflated.
        report.truth("compresses what it sends", is_compressed(socket));
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

fn echo<S: Stream>(
    socket: &mut WebSocket<S>,
    sent: &Sent,
    expected: &Expected,
) -> Result<bool, Error> {
    let message = sent.message();
    socket.send(message)?;
    let answer = receive(socket, expected)?;
    let kind = match expected.is_mirror {
        true => MessageKind::Text,
        false => message.kind(),
    };
    Ok(answer.kind == kind && answer.octets == message.as_bytes())
}

/// `size` octets a fragment, the first one empty, and after each a ping.
fn fragments<S: Stream>(
    socket: &mut WebSocket<S>,
    kind: MessageKind,
    octets: &[u8],
    size: usize,
    expected: &Expected,
) -> Result<bool, Error> {
    let before = socket.reader.receiver().pongs();
    let mut pings = 0;
    socket.writer.send_fragment(kind, b"", false)?;
    for piece in octets.chunks(size) {
        socket.writer.send_fragment(kind, piece, false)?;
        socket.ping(piece.get(..piece.len().min(125)).unwrap_or_default())?;
        pings += 1;
    }
    socket.writer.send_fragment(kind, b"", true)?;
    let mut answer = receive(socket, expected)?;
    while expected.is_mirror && answer.octets.len() < octets.len() {
        answer.octets.extend(receive(socket, expected)?.octets);
    }
    let pongs = socket.reader.receiver().pongs().wrapping_sub(before);
    // RFC 6455 §5.5.3: it may answer the last of several pings only.
    Ok(answer.kind == kind && answer.octets == octets && (1..=pings).contains(&pongs))
}

// row: CTL-02
fn ping<S: Stream>(socket: &mut WebSocket<S>) -> Result<bool, Error> {
    let payload = noise(125);
    socket.ping(&payload)?;
    while let Some(frame) = socket.recv_frame()? {
        // A pong for one of the pings before may still be on its way.
        if frame.header.opcode == Opcode::Pong && frame.payload.len() == payload.len() {
            return Ok(frame.payload == payload);
        }
    }
    Ok(false)
}

fn is_compressed<S: Stream>(socket: &mut WebSocket<S>) -> Result<bool, Error> {
    let message = text(4096);
    socket.send(message.as_str())?;
    let mut len = 0;
    let mut is_compressed = false;
    while let Some(frame) = socket.recv_frame()? {
        if !frame.header.opcode.is_control() {
            is_compressed |= frame.header.rsv1;
            len += frame.payload.len();
            if frame.header.fin {
                break;
            }
        }
    }
    Ok(is_compressed && len < message.len())
}

fn close<S: Stream>(socket: &mut WebSocket<S>) -> Result<String, Error> {
    let status = socket.finish(Some(CloseCode::NORMAL), "bye")?;
    Ok(status.map_or_else(
        || "without a Close".to_owned(),
        |status| {
            format!("{} {}", status.code.0, status.reason)
                .trim_end()
                .to_owned()
        },
    ))
}

struct Answer {
    kind: MessageKind,
    octets: Vec<u8>,
}

/// One message, whole, or by pieces if there is no memory for more.
fn receive<S: Stream>(socket: &mut WebSocket<S>, expected: &Expected) -> Result<Answer, Error> {
    if !expected.is_pieces {
        return match socket.recv()? {
            Some(message) => Ok(Answer {
                kind: message.kind(),
                octets: message.as_bytes().to_vec(),
            }),
            None => Err(Error::Lost),
        };
    }
    let mut octets = Vec::new();
    while let Some(chunk) = socket.recv_chunk()? {
        octets.extend_from_slice(chunk.octets);
        if chunk.fin {
            return Ok(Answer {
                kind: chunk.kind,
                octets,
            });
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
