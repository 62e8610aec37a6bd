//! What the boards do: telemetry out as compressed JSON, commands in, over one WebSocket
//! connection that comes back by itself. Nothing here knows which board it is.
//!
//! A report, once each period:
//!
//! ```json
//! {"sequence":17,"uptime_ms":85210,"temperature_millidegrees":27100,"connections":1}
//! ```
//!
//! A command, any time; what it does not name stays as it is:
//!
//! ```json
//! {"light":true,"period_ms":1000}
//! ```

#![no_std]
#![forbid(unsafe_code)]

mod messages;

pub use messages::Command;

use core::{
    cell::{Cell, RefCell},
    convert::Infallible,
};

use bare_ws::{
    entropy::Entropy,
    handshake::Request,
    message::Message,
    uri::{Uri, UriError},
};
use bare_ws_embassy::{Backoff, ConnectError, Error, Supervisor, Timing, deflate, net, supervisor};
use embassy_net::Stack;
use embassy_time::{Duration, Instant, Timer};
use embedded_io_async::ErrorKind;

use messages::{LONGEST, Report};

/// Where to report, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// The server.
    pub uri: &'a str,
    /// From one report to the next, until a command changes it.
    pub period: Duration,
    /// The delays before connections.
    pub delays: Backoff,
    /// Deadlines and keepalive of the connection.
    pub timing: Timing,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Event<'a> {
    /// With the connection.
    Link(supervisor::Event<ConnectError<ErrorKind>, Result<(), Error<ErrorKind>>>),
    /// A report went out: its JSON.
    Reported(&'a str),
    /// A command came.
    Obeyed(Command),
    /// A message came that is no command.
    NotUnderstood,
}

/// What differs between boards.
pub trait Board {
    /// The temperature of the chip in thousandths of a degree Celsius.
    fn temperature(&mut self) -> i32;

    /// Switches the board's light.
    fn set_light(&mut self, on: bool);

    /// Something that the log should tell.
    fn log(&mut self, event: Event<'_>);
}

/// Memory for one connection after the other, to be kept in a static. Reports and commands are
/// small; both windows of compression are of 10 bits.
///
/// ```ignore
/// static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());
/// ```
pub struct Memory {
    connection: net::Memory<512, 512, 1024, 1024>,
    compression: deflate::Memory<{ 1024 + 512 }>,
}

impl Memory {
    /// Empty memory.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            connection: net::Memory::new(),
            compression: deflate::Memory::new(),
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// A period that nobody means by a command.
const SHORTEST_PERIOD: Duration = Duration::from_millis(10);

/// Connects, reports and obeys until the board is switched off. A connection that is lost, a
/// server that is away and a network that is down are waited out, longer each time.
///
/// # Errors
/// The URI is none.
pub async fn run(
    stack: Stack<'static>,
    settings: &Settings<'_>,
    memory: &'static mut Memory,
    entropy: impl Entropy + 'static,
    board: impl Board,
) -> Result<Infallible, UriError> {
    let request = Request::new(Uri::parse(settings.uri)?);
    let client = net::Client::new(stack, &mut memory.connection, entropy).timing(settings.timing);
    let mut client = client.deflate(&mut memory.compression);
    let supervisor: Supervisor = Supervisor::new(settings.delays);
    let board = RefCell::new(board);
    let log = |event: Event<'_>| log(&board, event);
    let (sequence, connections) = (Cell::new(0), Cell::new(0));
    let period = Cell::new(settings.period);

    let obey = |message: Message<'_>| {
        let Some(command) = message.as_text().and_then(Command::parse) else {
            return log(Event::NotUnderstood);
        };
        if let Some(on) = command.light {
            board.borrow_mut().set_light(on);
        }
        if let Some(asked) = command.period_ms {
            period.set(Duration::from_millis(asked.into()).max(SHORTEST_PERIOD));
        }
        log(Event::Obeyed(command));
    };
    let told = |event| log(Event::Link(event));
    loop {
        let kept = supervisor.run(&mut client, &request, told, async |connection| {
            connections.set(connections.get() + 1);
            let session = connection.duplex(obey, async |writer| {
                loop {
                    let mut text = [0; LONGEST];
                    let report = Report {
                        sequence: sequence.get(),
                        uptime_ms: Instant::now().as_millis(),
                        temperature_millidegrees: board.borrow_mut().temperature(),
                        connections: connections.get(),
                    };
                    let report = report.write(&mut text);
                    writer.send(report).await?;
                    log(Event::Reported(report));
                    sequence.set(sequence.get() + 1);
                    // A server that takes our reports does its work; one that only lets us in may not.
                    supervisor.succeeded();
                    Timer::after(period.get()).await;
                }
            });
            session.await
        });
        kept.await;
    }
}

/// One call in an image: the text of an event is long.
#[inline(never)]
fn log(board: &RefCell<impl Board>, event: Event<'_>) {
    board.borrow_mut().log(event);
}
