//! What is printed: on a terminal with the time, the direction and colour; in a pipe the messages
//! and nothing else; for scripts one JSON object a line.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use bare_ws::header::FrameHeader;
use bare_ws_examples::{Closed, Line};
use bare_ws_std::Message;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use rustyline::ExternalPrinter;
use serde_json::{Value, json};

use crate::tap::Direction;

/// Prints, from any thread, one event after the other.
pub(crate) struct Show {
    form: Form,
    /// While a line is being typed: what prints above it.
    above: Mutex<Option<Box<dyn ExternalPrinter + Send>>>,
    bars: MultiProgress,
}

/// In which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// For people.
    Terminal {
        /// With colour.
        colour: bool,
    },
    /// The payload alone: a text with a line feed; binary as hexadecimal digits with a line feed,
    /// or, if it is `raw`, as it is.
    Plain {
        /// Binary as it is.
        raw: bool,
    },
    /// For programs.
    Json,
}

/// What happens.
pub(crate) enum Event<'a> {
    /// A connection.
    Opened {
        url: &'a str,
        subprotocol: Option<&'a str>,
        /// What was agreed on.
        deflate: Option<String>,
    },
    /// A whole message, and how many octets it had on the wire if it was compressed.
    Message {
        direction: Direction,
        message: Message<'a>,
        compressed: Option<u64>,
    },
    /// A frame, and the beginning of its payload.
    Frame {
        direction: Direction,
        header: &'a FrameHeader,
        payload: &'a [u8],
    },
    /// The closing handshake is complete.
    Closed(&'a Closed),
    /// It is tried again.
    Reconnecting { seconds: f64, because: &'a str },
    /// Something was not done.
    Failed { kind: &'a str, what: &'a str },
    /// Octets of all messages that were compressed, before and after.
    Compression {
        direction: Direction,
        plain: u64,
        compressed: u64,
    },
}

const DIM: Style = Style::new().dimmed();
const RED: Style = AnsiColor::Red.on_default();

impl Show {
    /// As the standard output asks for.
    pub(crate) fn new(json: bool, raw: bool) -> Self {
        let stdout = io::stdout();
        let form = match (json, stdout.is_terminal()) {
            (true, _) => Form::Json,
            (false, false) => Form::Plain { raw },
            (false, true) => Form::Terminal {
                colour: AutoStream::choice(&stdout) != ColorChoice::Never,
            },
        };
        Self {
            form,
            above: Mutex::new(None),
            bars: MultiProgress::new(),
        }
    }

    pub(crate) fn form(&self) -> Form {
        self.form
    }

    /// From now on everything is printed above the line that is being typed.
    pub(crate) fn print_above(&self, printer: impl ExternalPrinter + Send + 'static) {
        *self.above() = Some(Box::new(printer));
    }

    /// Returns when all of it has been printed above the line that is being typed.
    pub(crate) fn finish(&self) {
        if let Some(printer) = &mut *self.above() {
            // There is room for one that waits.
            for _ in 0..2 {
                let _ = printer.print("\r".to_owned());
            }
        }
    }

    /// On standard error, if that is a terminal; `len`: octets, if it is known how many.
    pub(crate) fn bar(&self, what: &'static str, len: Option<u64>) -> ProgressBar {
        let (bar, template) = match len {
            Some(len) => (
                ProgressBar::new(len),
                "{msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            ),
            None => (
                ProgressBar::no_length(),
                "{msg} {spinner} {bytes} {bytes_per_sec}",
            ),
        };
        let bar = self.bars.add(bar).with_message(what);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar
    }

    /// Prints it, in its form.
    ///
    /// # Errors
    /// The standard output's.
    pub(crate) fn event(&self, event: &Event<'_>) -> io::Result<()> {
        match self.form {
            Form::Terminal { colour } => self.terminal(event, colour),
            Form::Plain { raw } => self.plain(event, raw),
            Form::Json => self.print(format!("{}\n", object(event)).as_bytes()),
        }
    }

    fn terminal(&self, event: &Event<'_>, colour: bool) -> io::Result<()> {
        // A line that was typed is there already.
        let is_typed = self.above().is_some();
        if let Event::Message {
            direction: Direction::Sent,
            compressed: None,
            ..
        } = event
            && is_typed
        {
            return Ok(());
        }
        let (style, text) = line(event, is_typed);
        let time = jiff::ZonedDateTime::now().strftime("%H:%M:%S").to_string();
        let text = match colour {
            true => format!("{DIM}{time}{DIM:#} {style}{text}{style:#}\n"),
            false => format!("{time} {text}\n"),
        };
        self.print(text.as_bytes())
    }

    fn plain(&self, event: &Event<'_>, raw: bool) -> io::Result<()> {
        match *event {
            Event::Message {
                direction: Direction::Received,
                message,
                ..
            } => match message {
                Message::Text(text) => self.print(format!("{text}\n").as_bytes()),
                Message::Binary(octets) if raw => self.print(octets),
                Message::Binary(octets) => {
                    self.print(format!("{}\n", hexadecimal(octets)).as_bytes())
                }
            },
            Event::Message { .. } | Event::Opened { .. } | Event::Closed(_) => Ok(()),
            _ => {
                let (_, text) = line(event, false);
                self.bars.suspend(|| writeln!(io::stderr(), "{text}"))
            }
        }
    }

    fn print(&self, octets: &[u8]) -> io::Result<()> {
        match &mut *self.above() {
            Some(printer) => printer
                .print(String::from_utf8_lossy(octets).into_owned())
                .map_err(io::Error::other),
            None => self.bars.suspend(|| {
                let mut stdout = io::stdout().lock();
                stdout.write_all(octets)?;
                stdout.flush()
            }),
        }
    }

    fn above(&self) -> MutexGuard<'_, Option<Box<dyn ExternalPrinter + Send>>> {
        self.above.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An event for people, and how it looks.
fn line(event: &Event<'_>, is_typed: bool) -> (Style, String) {
    match *event {
        Event::Opened {
            url,
            subprotocol,
            ref deflate,
        } => {
            let mut text = format!("connected to {}", Line(url));
            if let Some(name) = subprotocol {
                let _ = write!(text, ", subprotocol {name}");
            }
            if let Some(agreed) = deflate {
                let _ = write!(text, ", permessage-deflate: {agreed}");
            }
            (DIM, text)
        }
        Event::Message {
            direction,
            message,
            compressed,
        } => {
            let mut text = match is_typed && direction == Direction::Sent {
                true => arrow(direction).to_string(),
                false => format!("{} {}", arrow(direction), payload(message)),
            };
            if let Some(compressed) = compressed {
                let _ = write!(text, " ({})", ratio(message.len() as u64, compressed));
            }
            (colour(direction), text)
        }
        Event::Frame {
            direction,
            header,
            payload,
        } => (DIM, frame(direction, header, payload)),
        Event::Closed(closed) => (DIM, format!("closed {closed}")),
        Event::Reconnecting { seconds, because } => {
            let because = Line(because);
            (RED, format!("{because}; again in {seconds:.1} s"))
        }
        Event::Failed { kind, what } => (RED, format!("error: {kind}: {}", Line(what))),
        Event::Compression {
            direction,
            plain,
            compressed,
        } => {
            let arrow = arrow(direction);
            (
                DIM,
                format!("{arrow} deflate: {}", ratio(plain, compressed)),
            )
        }
    }
}

/// An event for programs.
fn object(event: &Event<'_>) -> Value {
    match *event {
        Event::Opened {
            url,
            subprotocol,
            ref deflate,
        } => json!({"event": "open", "url": url, "subprotocol": subprotocol, "deflate": deflate}),
        Event::Message {
            direction,
            message,
            compressed,
        } => {
            let mut object = json!({"event": "message", "direction": name(direction)});
            match message {
                Message::Text(text) => object["text"] = text.into(),
                Message::Binary(octets) => object["base64"] = BASE64_STANDARD.encode(octets).into(),
            }
            object["octets"] = message.len().into();
            object["compressed"] = compressed.into();
            object
        }
        Event::Frame {
            direction,
            header,
            payload,
        } => json!({
            "event": "frame",
            "direction": name(direction),
            "opcode": format!("{:?}", header.opcode).to_lowercase(),
            "fin": header.fin,
            "rsv1": header.rsv1,
            "masked": header.is_masked(),
            "octets": header.len,
            "payload": hexadecimal(payload),
        }),
        Event::Closed(closed) => {
            json!({"event": "close", "code": closed.code, "reason": closed.reason})
        }
        Event::Reconnecting { seconds, because } => {
            json!({"event": "reconnect", "seconds": seconds, "because": because})
        }
        Event::Failed { kind, what } => json!({"event": "error", "kind": kind, "what": what}),
        Event::Compression {
            direction,
            plain,
            compressed,
        } => json!({
            "event": "deflate",
            "direction": name(direction),
            "octets": plain,
            "compressed": compressed,
        }),
    }
}

fn name(direction: Direction) -> &'static str {
    match direction {
        Direction::Sent => "sent",
        Direction::Received => "received",
    }
}

fn arrow(direction: Direction) -> char {
    match direction {
        Direction::Sent => '>',
        Direction::Received => '<',
    }
}

fn colour(direction: Direction) -> Style {
    match direction {
        Direction::Sent => AnsiColor::Cyan.on_default(),
        Direction::Received => AnsiColor::Green.on_default(),
    }
}

/// A message on a terminal: what the server sends must not control it.
fn payload(message: Message<'_>) -> String {
    match message {
        Message::Text(text) => Line(text).to_string(),
        Message::Binary(octets) => format!("binary {}", beginning(octets, octets.len() as u64)),
    }
}

fn frame(direction: Direction, header: &FrameHeader, payload: &[u8]) -> String {
    let mut text = format!("{} frame {:?}", arrow(direction), header.opcode);
    for (flag, name) in [(header.fin, " FIN"), (header.rsv1, " RSV1")] {
        text.push_str(if flag { name } else { "" });
    }
    if let Some(key) = header.masking_key {
        let _ = write!(text, " key {}", hexadecimal(&key.octets()));
    }
    let _ = write!(text, " {}", beginning(payload, header.len));
    text
}

/// How many octets there are, and the first of them.
fn beginning(octets: &[u8], len: u64) -> String {
    const SHOWN: usize = 16;
    let shown = &octets[..octets.len().min(SHOWN)];
    let more = if len > shown.len() as u64 { "..." } else { "" };
    format!("{len} octets {}{more}", hexadecimal(shown))
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

fn ratio(plain: u64, compressed: u64) -> String {
    let percent = compressed.saturating_mul(100) / plain.max(1);
    format!("{plain} octets as {compressed}, {percent} %")
}
