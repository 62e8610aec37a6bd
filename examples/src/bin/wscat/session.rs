//! A connection, or one after the other: this thread sends what is typed or piped in, another one
//! receives.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bare_ws::deflate::negotiate::Agreed;
use bare_ws_std::{AsMessage, CloseCode, Config, Error, Message, WebSocket, Writer};

use crate::arguments::Session;
use crate::command::{self, Command};
use crate::ending::Ending;
use crate::input::{Input, Source};
use crate::receive::{self, Receiving, Tally};
use crate::show::{self, Show};
use crate::tap::{Direction, Meter, Tap};
use crate::terminal::Terminal;

/// What the sending thread waits for.
pub(crate) enum Event {
    /// Something to send.
    Input(Input),
    /// The connection has come to its end.
    Ended(Ending),
}

/// Connects and stays until the end, and begins anew if that was asked for.
pub(crate) fn run(session: &Session, show: &Arc<Show>, terminal: &Arc<Terminal>) -> Ending {
    let config = match session.config() {
        Ok(config) => config,
        Err(error) => return Ending::Failed(error),
    };
    let mut talk = match Talk::new(session, show, terminal) {
        Ok(talk) => talk,
        Err(error) => return Ending::Local(error),
    };
    let mut delay = session.reconnect;
    loop {
        let ending = match connect(session, &config, show) {
            Ok((socket, meter)) => {
                delay = session.reconnect;
                talk.converse(socket, &meter)
            }
            Err(ending) => ending,
        };
        let Some(wait) = delay.filter(|_| talk.may_begin_anew(&ending)) else {
            show.finish();
            return ending;
        };
        if let Some(ending) = talk.pause(wait, &ending) {
            return ending;
        }
        delay = Some(after(wait));
    }
}

/// The delay that follows one: twice as long, and no longer than 30 s, unless the first was longer.
fn after(wait: Duration) -> Duration {
    wait.saturating_mul(2).min(LONGEST_DELAY.max(wait))
}

const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// A connection that has been shown.
fn connect(
    session: &Session,
    config: &Config,
    show: &Arc<Show>,
) -> Result<(WebSocket<Tap>, Arc<Meter>), Ending> {
    let mut url = String::new();
    let mut meter = Arc::default();
    // A redirect leads to another server, and to frames of its own.
    let tap = |asked: &str, socket| {
        asked.clone_into(&mut url);
        let watch = session.frames.then(|| watch(Arc::clone(show)));
        meter = Arc::new(Meter::new(watch));
        Tap::new(socket, Arc::clone(&meter))
    };
    let socket = config.connect_wrapped(session.url(), tap);
    let socket = socket.map_err(Ending::Failed)?;
    let opened = show::Event::Opened {
        url: &url,
        subprotocol: socket.subprotocol(),
        deflate: socket.deflate().map(parameters),
    };
    show.event(&opened).map_err(Ending::Local)?;
    Ok((socket, meter))
}

fn watch(show: Arc<Show>) -> Box<crate::tap::Watch> {
    Box::new(move |direction, header, payload| {
        // When nothing can be shown, whoever shows messages will say so.
        let _ = show.event(&show::Event::Frame {
            direction,
            header,
            payload,
        });
    })
}

fn parameters(agreed: &Agreed) -> String {
    let context = |forgets| if forgets { ", no context takeover" } else { "" };
    format!(
        "server {} bits{}, client {} bits{}",
        agreed.receive_window_bits,
        context(agreed.receive_no_context_takeover),
        agreed.send_window_bits,
        context(agreed.send_no_context_takeover),
    )
}

/// What outlives a connection.
struct Talk<'a> {
    session: &'a Session,
    show: &'a Arc<Show>,
    terminal: &'a Arc<Terminal>,
    events: Receiver<Event>,
    sender: SyncSender<Event>,
    /// Of the input; taken when it is read.
    source: Option<Source>,
    /// Where messages go; taken by the only connection.
    output: Option<(std::fs::File, indicatif::ProgressBar)>,
    /// What could not be sent yet.
    pending: VecDeque<Input>,
    phase: Phase,
    /// Messages that are still to arrive before it is closed.
    count: Option<u64>,
    interrupted: bool,
}

/// What is to come.
#[derive(Clone, Copy, PartialEq)]
enum Phase {
    /// Input.
    Open,
    /// Its end has come: nothing but messages of the server's, until then.
    Draining(Option<Instant>),
    /// We have closed.
    Closing,
}

impl<'a> Talk<'a> {
    fn new(
        session: &'a Session,
        show: &'a Arc<Show>,
        terminal: &'a Arc<Terminal>,
    ) -> io::Result<Self> {
        let source = Source::new(session, show.form())?;
        let (sender, events) = mpsc::sync_channel(source.ahead());
        let output = session.output.as_deref();
        Ok(Self {
            session,
            show,
            terminal,
            events,
            sender,
            source: Some(source),
            output: output.map(|path| receive::create(path, show)).transpose()?,
            pending: VecDeque::new(),
            phase: Phase::Open,
            count: session.count,
            interrupted: false,
        })
    }

    fn converse(&mut self, socket: WebSocket<Tap>, meter: &Arc<Meter>) -> Ending {
        let (reader, writer) = socket.split();
        let receiving = Receiving {
            reader,
            writer: writer.clone(),
            meter: Arc::clone(meter),
            show: Arc::clone(self.show),
            output: self.output.take(),
            count: self.count,
        };
        let receiving = match self.receive(receiving) {
            Ok(thread) => thread,
            Err(error) => return Ending::Local(error),
        };
        let mut sending = Sending::new(writer, meter);
        let ending = self.send(&mut sending);
        let received = receiving.join().unwrap_or_default();
        // None is left when it was closed for that.
        self.count = self.count.map(|count| count - received.messages.min(count));
        self.report(Direction::Sent, sending.tally);
        self.report(Direction::Received, received);
        self.tell_close(ending)
    }

    /// Receives in a thread of its own, which says when it is at its end.
    fn receive(&mut self, receiving: Receiving) -> io::Result<JoinHandle<Tally>> {
        if let Some(source) = self.source.take() {
            source.start(self.show, self.terminal, self.sender.clone())?;
        }
        let events = self.sender.clone();
        thread::Builder::new().spawn(move || {
            let (ending, tally) = receiving.run();
            let _ = events.send(Event::Ended(ending));
            tally
        })
    }

    /// Sends until the connection has come to its end.
    fn send(&mut self, sending: &mut Sending<'_>) -> Ending {
        let mut failed = None;
        loop {
            let input = match self.next(sending.writer.is_open()) {
                Some(Event::Ended(ending)) => return failed.map_or(ending, Ending::Local),
                Some(Event::Input(input)) => input,
                // It was waited long enough.
                None => {
                    self.close(sending, CloseCode::NORMAL, "");
                    continue;
                }
            };
            if let Err(error) = self.take(sending, input) {
                sending.writer.abort_handle().abort();
                failed = Some(error);
            }
        }
    }

    /// What happens next; `None`: it is time to close.
    fn next(&mut self, is_open: bool) -> Option<Event> {
        if is_open && let Some(input) = self.pending.pop_front() {
            return Some(Event::Input(input));
        }
        match self.phase {
            Phase::Draining(Some(until)) => {
                let left = until.saturating_duration_since(Instant::now());
                self.events.recv_timeout(left).ok()
            }
            // We hold a sender, too.
            _ => self.events.recv().ok(),
        }
    }

    /// # Errors
    /// Of the input and of the output: there is nothing more to send, or nobody to show it to.
    fn take(&mut self, sending: &mut Sending<'_>, input: Input) -> io::Result<()> {
        let sent = match &input {
            Input::Line(line) => self.line(sending, line),
            Input::Piece { kind, octets, fin } => sending.piece(*kind, octets, *fin),
            Input::End => {
                self.end();
                Ok(())
            }
            Input::Interrupted => {
                self.interrupted = true;
                self.close(sending, CloseCode::NORMAL, "");
                Ok(())
            }
            // What was sent of a message must not pass for all of it.
            Input::Failed(_) => Ok(()),
        };
        match (sent, input) {
            (Ok(()), Input::Failed(error)) | (Err(Unsent::Unshown(error)), _) => Err(error),
            (Ok(()), _) => Ok(()),
            // The next connection sends it; why this one has ended, the other thread says.
            (Err(Unsent::Refused(_)), input) if !sending.writer.is_open() => {
                if self.session.reconnect.is_some() {
                    self.pending.push_front(input);
                }
                Ok(())
            }
            (Err(Unsent::Refused(error)), _) => self.complain(error.kind(), &error.to_string()),
        }
    }

    fn line(&mut self, sending: &mut Sending<'_>, line: &str) -> Result<(), Unsent> {
        let command = match self.session.slash {
            true => command::parse(line),
            false => Ok(Command::Send(line)),
        };
        match command {
            Ok(Command::Send(text)) if self.session.binary => {
                sending.message(self.show, Message::Binary(text.as_bytes()))
            }
            Ok(Command::Send(text)) => sending.message(self.show, Message::Text(text)),
            Ok(Command::Ping(payload)) => Ok(sending.writer.ping(payload.as_bytes())?),
            Ok(Command::Pong(payload)) => Ok(sending.writer.pong(payload.as_bytes())?),
            Ok(Command::Close(code, reason)) => {
                sending.writer.close(code, reason)?;
                self.phase = Phase::Closing;
                Ok(())
            }
            Err(what) => self.complain("usage", &what).map_err(Unsent::Unshown),
        }
    }

    /// The input has ended. Answers to it may be on their way, and many a server sends none once
    /// it has read our Close.
    fn end(&mut self) {
        let wait = match (self.session.wait, self.count) {
            _ if self.phase == Phase::Closing => return,
            (Some(wait), _) => Some(wait),
            (None, Some(_)) => None,
            (None, None) => Some(PAUSE),
        };
        let until = wait.and_then(|wait| Instant::now().checked_add(wait));
        self.phase = Phase::Draining(until);
    }

    /// If it cannot be closed, the other thread says why.
    fn close(&mut self, sending: &mut Sending<'_>, code: CloseCode, reason: &str) {
        let _ = sending.writer.close(Some(code), reason);
        self.phase = Phase::Closing;
    }

    fn tell_close(&self, ending: Ending) -> Ending {
        if let Ending::Closed(closed) = &ending {
            let _ = self.show.event(&show::Event::Closed(closed));
        }
        match self.interrupted {
            true => Ending::Interrupted,
            false => ending,
        }
    }

    fn report(&self, direction: Direction, tally: Tally) {
        if tally.plain > 0 {
            let _ = self.show.event(&show::Event::Compression {
                direction,
                plain: tally.plain,
                compressed: tally.compressed,
            });
        }
    }

    fn complain(&self, kind: &str, what: &str) -> io::Result<()> {
        self.show.event(&show::Event::Failed { kind, what })
    }

    /// Whether another connection may end otherwise.
    fn may_begin_anew(&self, ending: &Ending) -> bool {
        match ending {
            _ if self.phase == Phase::Closing || self.count == Some(0) => false,
            Ending::Failed(error) => error.is_retryable(),
            Ending::Closed(closed) => RESTARTS.contains(&CloseCode(closed.code)),
            Ending::Local(_) | Ending::Interrupted => false,
        }
    }

    /// Waits before another connection is tried; gives the end if nobody wants it any more.
    fn pause(&mut self, wait: Duration, because: &Ending) -> Option<Ending> {
        let _ = self.show.event(&show::Event::Reconnecting {
            seconds: wait.as_secs_f64(),
            because: &because.to_string(),
        });
        let began = Instant::now();
        loop {
            let left = wait.saturating_sub(began.elapsed());
            if self.pending.len() >= MOST_PENDING {
                thread::sleep(left);
                return None;
            }
            match self.events.recv_timeout(left) {
                Ok(Event::Input(Input::Interrupted)) => return Some(Ending::Interrupted),
                Ok(Event::Input(Input::Failed(error))) => return Some(Ending::Local(error)),
                Ok(Event::Input(input)) => self.pending.push_back(input),
                Ok(Event::Ended(_)) => {}
                Err(_) => return None,
            }
        }
    }
}

/// How long to wait for answers.
const PAUSE: Duration = Duration::from_millis(500);

/// How much is read ahead while there is no connection.
const MOST_PENDING: usize = 64;

/// Status codes with which a server says that another attempt may succeed.
const RESTARTS: [CloseCode; 4] = [
    CloseCode::GOING_AWAY,
    CloseCode::INTERNAL_ERROR,
    CloseCode::SERVICE_RESTART,
    CloseCode::TRY_AGAIN_LATER,
];

/// Why something was not sent, or not shown.
enum Unsent {
    Refused(Error),
    Unshown(io::Error),
}

impl From<Error> for Unsent {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// The send side of one connection.
struct Sending<'a> {
    writer: Writer<Tap>,
    meter: &'a Meter,
    tally: Tally,
    /// Octets of the message that is sent in pieces.
    len: u64,
}

impl<'a> Sending<'a> {
    fn new(writer: Writer<Tap>, meter: &'a Meter) -> Self {
        Self {
            writer,
            meter,
            tally: Tally::default(),
            len: 0,
        }
    }

    fn message(&mut self, show: &Show, message: Message<'_>) -> Result<(), Unsent> {
        self.writer.send(message.as_message())?;
        let compressed = self.meter.compressed(Direction::Sent);
        self.tally.add(message.len() as u64, compressed);
        show.event(&show::Event::Message {
            direction: Direction::Sent,
            message,
            compressed,
        })
        .map_err(Unsent::Unshown)
    }

    fn piece(
        &mut self,
        kind: bare_ws_std::MessageKind,
        octets: &[u8],
        fin: bool,
    ) -> Result<(), Unsent> {
        self.writer.send_fragment(kind, octets, fin)?;
        self.len += octets.len() as u64;
        if fin {
            let len = std::mem::take(&mut self.len);
            self.tally.add(len, self.meter.compressed(Direction::Sent));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_half_a_minute() {
        for (first, expected) in [
            (1, [2, 4, 8, 16, 30, 30]),
            (20, [30; 6]),
            (30, [30; 6]),
            (45, [45; 6]),
        ] {
            let mut wait = Duration::from_secs(first);
            let delays = expected.map(|_| {
                wait = after(wait);
                wait.as_secs()
            });
            assert_eq!(delays, expected, "{first}");
        }
    }
}
